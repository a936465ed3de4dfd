/* A TensorFlow.js graph model: JSON up to the first NUL, the weight files' bytes after it. What is
 * converted must be an ONNX file that can be looked into. */
#include "convert.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 24);
    vd_slice weights, json = vd_slice_cut(vd_slice_of(data, len), 0, &weights);
    vd_onnx_info info;
    vd_why why;
    if (vd_convert_tfjs_memory(json, weights, NULL, &onnx, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        fuzz_holds(vd_onnx_inspect(vd_buf_slice(&onnx), &info, NULL) == VD_OK);
    return 0;
}
