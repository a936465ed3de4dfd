/* A look into an ONNX file: any bytes give numbers within their limits, or an error with a fact. */
#include "convert.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_onnx_info info;
    vd_why why;
    if (vd_onnx_inspect(vd_slice_of(data, len), &info, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    fuzz_holds(info.input_count <= VD_ONNX_TENSORS_MAX && info.output_count <= VD_ONNX_TENSORS_MAX);
    for (unsigned i = 0; i < info.input_count; i++)
        fuzz_holds(info.input[i].rank <= VD_ONNX_RANK_MAX);
    return 0;
}
