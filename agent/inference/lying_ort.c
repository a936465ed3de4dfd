/* lying_ort.c - an ONNX Runtime that claims to have every execution provider: the real one, but for
 * the list. What a machine looks like whose library was built for an accelerator it does not have.
 */
#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <stddef.h>

const OrtApiBase *OrtGetApiBase(void);

static OrtApi api;

static OrtStatus *list_all(char ***ret_names, int *ret_count)
{
    static char *names[] = { "TensorrtExecutionProvider", "CUDAExecutionProvider",
                             "OpenVINOExecutionProvider", "XnnpackExecutionProvider",
                             "CPUExecutionProvider" };
    *ret_names = names;
    *ret_count = sizeof names / sizeof names[0];
    return NULL;
}

static OrtStatus *list_done(char **names, int count)
{
    (void)names, (void)count;
    return NULL;
}

static const OrtApiBase *real_base(void)
{
    static void *real; /* stays loaded */
    const OrtApiBase *(*base)(void) = NULL;
    if (!real) real = dlopen(VD_ORT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (real) *(void **)&base = dlsym(real, "OrtGetApiBase");
    return base ? base() : NULL;
}

/* The table of the header's version: any older one is its beginning. */
static const OrtApi *get_api(uint32_t version)
{
    const OrtApiBase *base = real_base();
    const OrtApi *real = base ? base->GetApi(ORT_API_VERSION) : NULL;
    if (!real || version > ORT_API_VERSION) return NULL;
    api = *real;
    api.GetAvailableProviders = list_all;
    api.ReleaseAvailableProviders = list_done;
    return &api;
}

static const char *get_version(void)
{
    return "lying";
}

const OrtApiBase *OrtGetApiBase(void)
{
    static const OrtApiBase base = { get_api, get_version };
    return &base;
}
