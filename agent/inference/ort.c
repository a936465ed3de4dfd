#include "ort_priv.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

/* The lowest that suffices: 1.12 brought ONNX opset 17, which our own converter writes. */
#define API_NEEDED  12
#define API_RELEASE "1.12"

#ifdef __SANITIZE_ADDRESS__
/* It notes a few bytes about the processor once and keeps them for ever. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libonnxruntime\n";
}
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ort the_ort;

vd_err ort_check(const ort *o, OrtStatus *status, vd_err err, const char *doing, vd_why *why)
{
    if (!status) return VD_OK;
    vd_fail(why, err, "%s failed", doing);
    vd_why_detail(why, "%s", o->api->GetErrorMessage(status));
    o->api->ReleaseStatus(status);
    return err;
}

static void *open_first(const char *library, const char **ret_name, vd_why *why)
{
    const char *given = library ? library : getenv("VEDETTE_ORT");
    const char *const places[] = {
#ifdef VD_ORT_LIBRARY
        VD_ORT_LIBRARY,
#endif
        "/usr/lib/vedette/libonnxruntime.so",
        "libonnxruntime.so.1",
        "libonnxruntime.so",
    };
    bool named = given && *given;
    void *handle = NULL;
    for (size_t i = 0; i < (named ? 1 : VD_COUNT_OF(places)) && !handle; i++) {
        *ret_name = named ? given : places[i];
        handle = dlopen(*ret_name, RTLD_NOW | RTLD_LOCAL);
    }
    if (handle) return handle;
    const char *reason = dlerror();
    vd_fail(why, VD_ABSENT, "ONNX Runtime was not found");
    vd_why_detail(why, "%s", reason ? reason : *ret_name);
    vd_why_hint(why, "run 'make setup', or set VEDETTE_ORT to the path of libonnxruntime.so");
    return NULL;
}

static vd_err start(const char *library, ort *o, vd_why *why)
{
    const char *name = NULL;
    void *handle = open_first(library, &name, why);
    if (!handle) return VD_ABSENT;
    const OrtApiBase *(*base)(void) = NULL;
    *(void **)&base = dlsym(handle, "OrtGetApiBase");
    o->api = base ? base()->GetApi(API_NEEDED) : NULL;
    if (!o->api) {
        vd_fail(why, VD_ABSENT, "'%.80s' is %s", name,
                base ? "too old an ONNX Runtime" : "no ONNX Runtime");
        vd_why_detail(why, "version %s, at least " API_RELEASE " is needed",
                      base ? base()->GetVersionString() : "unknown");
        dlclose(handle);
        return VD_ABSENT;
    }
    vd_err err = ort_check(o, o->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "vedette", &o->env),
                           VD_FULL, "starting ONNX Runtime", why);
    if (!err)
        err =
            ort_check(o,
                      o->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &o->memory),
                      VD_FULL, "starting ONNX Runtime", why);
    return err;
}

vd_err ort_open(const char *library, const ort **ret_ort, vd_why *why)
{
    vd_err err = VD_OK;
    pthread_mutex_lock(&lock);
    if (!the_ort.memory) {
        ort o = { 0 };
        err = start(library, &o, why);
        if (!err) the_ort = o;
    }
    pthread_mutex_unlock(&lock);
    if (!err) *ret_ort = &the_ort;
    return err;
}
