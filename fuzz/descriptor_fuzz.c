/* A model descriptor: it is read whole, or refused with a fact. */
#include "fuzz.h"
#include "inference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_why why = { 0 };
    vd_err err = vd_model_descriptor_check(vd_slice_of(data, len), "fuzz.yaml", &why);
    fuzz_holds(err == VD_OK || why.fact[0] != '\0');
    return 0;
}
