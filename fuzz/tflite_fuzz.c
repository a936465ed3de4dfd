/* A TFLite model. What is converted must be an ONNX file that can be looked into. */
#include "convert.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 24);
    vd_onnx_info info;
    vd_why why;
    if (vd_convert_tflite_memory(vd_slice_of(data, len), NULL, &onnx, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        fuzz_holds(vd_onnx_inspect(vd_buf_slice(&onnx), &info, NULL) == VD_OK);
    return 0;
}
