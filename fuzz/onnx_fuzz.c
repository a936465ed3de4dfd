/* ONNX files: any bytes give numbers within their limits, or an error with a fact; what is read for
 * rewriting has layers that are there. */
#include "convert.h"
#include "fuzz.h"

static void read_for_rewriting(vd_slice onnx)
{
    unsigned layers = 0;
    vd_why why;
    if (vd_quantize_look(onnx, &layers, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        fuzz_holds(layers > 0 && layers < onnx.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_onnx_info info;
    vd_why why;
    read_for_rewriting(vd_slice_of(data, len));
    if (vd_onnx_inspect(vd_slice_of(data, len), &info, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    fuzz_holds(info.input_count <= VD_ONNX_TENSORS_MAX && info.output_count <= VD_ONNX_TENSORS_MAX);
    for (unsigned i = 0; i < info.input_count; i++)
        fuzz_holds(info.input[i].rank <= VD_ONNX_RANK_MAX);
    return 0;
}
