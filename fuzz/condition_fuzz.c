/* Conditions of rollouts: what is read can be asked of any twin, what is not says where. */
#include "fuzz.h"
#include "rollout.h"

static const char twin_text[] =
    "{\"tags\":{\"site\":\"north\",\"line\":3,\"a\":{\"b\":[1]},\"c\":null,\"d\":true},"
    "\"properties\":{\"reported\":{\"agent\":{\"version\":\"0.1.0\"}},\"desired\":{}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_json_ptr) twin = NULL;
    vd_condition *condition = NULL;
    vd_why why = { 0 };

    fuzz_holds(!vd_json_parse(vd_slice_str(twin_text), 4096, 10, &twin, NULL));
    vd_err err = vd_condition_parse(vd_slice_of(data, len), &condition, &why);
    if (err) {
        fuzz_holds(why.fact[0] != '\0' && !condition);
        return 0;
    }
    bool holds = vd_condition_holds(condition, "yard-7", twin);
    fuzz_holds(vd_condition_holds(condition, "yard-7", twin) == holds);
    (void)vd_condition_holds(condition, "", NULL);
    vd_condition_free(condition);
    return 0;
}
