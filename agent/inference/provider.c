#include "provider_priv.h"

#include <stdio.h>

static const struct {
    const char *word; /* ours */
    const char *name; /* ONNX Runtime's */
} providers[VD_PROVIDERS] = {
    [VD_PROVIDER_CPU] = { "cpu", "CPUExecutionProvider" },
    [VD_PROVIDER_AUTO] = { "auto", "" },
    [VD_PROVIDER_CUDA] = { "cuda", "CUDAExecutionProvider" },
    [VD_PROVIDER_TENSORRT] = { "tensorrt", "TensorrtExecutionProvider" },
    [VD_PROVIDER_OPENVINO] = { "openvino", "OpenVINOExecutionProvider" },
    [VD_PROVIDER_XNNPACK] = { "xnnpack", "XnnpackExecutionProvider" },
};

const char *vd_provider_name(vd_provider provider)
{
    return provider < VD_PROVIDERS ? providers[provider].word : "?";
}

/* TensorRT is not tried unasked: it compiles a model for minutes. XNNPACK neither: on the machines
 * measured it is no faster than the CPU's own kernels. */
unsigned provider_tries(vd_provider asked, vd_provider ret_tries[PROVIDER_TRIES])
{
    unsigned count = 0;
    if (asked == VD_PROVIDER_AUTO) {
        ret_tries[count++] = VD_PROVIDER_CUDA;
        ret_tries[count++] = VD_PROVIDER_OPENVINO;
    } else if (asked != VD_PROVIDER_CPU) {
        ret_tries[count++] = asked;
    }
    ret_tries[count++] = VD_PROVIDER_CPU;
    return count;
}

static vd_err check_built_in(const ort *o, vd_provider provider, vd_why *why)
{
    VD_AUTO(vd_buf) list = VD_BUF(512);
    char **names = NULL;
    int count = 0;
    bool found = false;
    vd_err err = ort_check(o, o->api->GetAvailableProviders(&names, &count), VD_ABSENT,
                           "asking ONNX Runtime for its providers", why);
    if (err) return err;
    for (int i = 0; i < count; i++) {
        found = found || strcmp(names[i], providers[provider].name) == 0;
        (void)vd_buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    o->api->ReleaseStatus(o->api->ReleaseAvailableProviders(names, count));
    if (found) return VD_OK;
    vd_fail(why, VD_ABSENT, "this ONNX Runtime was built without %s", providers[provider].word);
    vd_why_detail(why, "it has %s", list.len ? list.data : "none");
    vd_why_hint(why, "set VEDETTE_ORT or 'library' to an ONNX Runtime that has it");
    return VD_ABSENT;
}

static OrtStatus *add_cuda(const OrtApi *api, OrtSessionOptions *options)
{
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    OrtStatus *status = api->CreateCUDAProviderOptions(&cuda);
    if (status) return status;
    status = api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda);
    api->ReleaseCUDAProviderOptions(cuda);
    return status;
}

/* What TensorRT cannot do falls to CUDA. */
static OrtStatus *add_tensorrt(const OrtApi *api, OrtSessionOptions *options)
{
    OrtTensorRTProviderOptionsV2 *tensorrt = NULL;
    OrtStatus *status = api->CreateTensorRTProviderOptions(&tensorrt);
    if (status) return status;
    status = api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt);
    api->ReleaseTensorRTProviderOptions(tensorrt);
    return status ? status : add_cuda(api, options);
}

static OrtStatus *add_openvino(const OrtApi *api, OrtSessionOptions *options, int threads)
{
    const OrtOpenVINOProviderOptions openvino = {
        .device_type = "", .device_id = "", .num_of_threads = (size_t)threads, .cache_dir = ""
    };
    return api->SessionOptionsAppendExecutionProvider_OpenVINO(options, &openvino);
}

/* It brings its own threads. */
static OrtStatus *add_xnnpack(const OrtApi *api, OrtSessionOptions *options, int threads)
{
    char count[16];
    const char *key = "intra_op_num_threads", *value = count;
    snprintf(count, sizeof count, "%d", threads > 0 ? threads : 1);
    return api->SessionOptionsAppendExecutionProvider(options, "XNNPACK", &key, &value, 1);
}

vd_err provider_add(const ort *o, vd_provider provider, int threads, OrtSessionOptions *options,
                    vd_why *why)
{
    OrtStatus *status = NULL;
    vd_err err = provider == VD_PROVIDER_CPU ? VD_OK : check_built_in(o, provider, why);
    if (err) return err;
    switch (provider) {
    case VD_PROVIDER_CUDA: status = add_cuda(o->api, options); break;
    case VD_PROVIDER_TENSORRT: status = add_tensorrt(o->api, options); break;
    case VD_PROVIDER_OPENVINO: status = add_openvino(o->api, options, threads); break;
    case VD_PROVIDER_XNNPACK: status = add_xnnpack(o->api, options, threads); break;
    default: break;
    }
    return ort_check(o, status, VD_ABSENT, "using the execution provider", why);
}
