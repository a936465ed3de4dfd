/* A report from outside, against one of ours on the same pictures and against itself. */
#include "evaluation.h"
#include "fuzz.h"

static const char ours[] =
    "{\"format\":\"vedette.report/1\",\"model\":{\"name\":\"m\",\"digest\":"
    "\"1111111111111111111111111111111111111111111111111111111111111111\"},\"dataset\":"
    "\"2222222222222222222222222222222222222222222222222222222222222222\",\"split\":\"test\","
    "\"task\":\"detection\",\"classes\":[\"person\"],\"pictures\":[{\"picture\":\"a\",\"group\":"
    "\"g\",\"fp\":1,\"matches\":[[0,2,0.9,1,0.5,0]]},{\"picture\":\"b\",\"group\":\"h\",\"fp\":0,"
    "\"matches\":[[0,1,0.8,1]]}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_slice theirs = vd_slice_of(data, len);
    vd_gate_settings settings = VD_GATE_SETTINGS;
    vd_gate_verdict verdict;
    vd_why why = { 0 };
    settings.draws = 100;
    settings.least_groups = 2;
    if (vd_evaluation_gate(vd_slice_str(ours), theirs, &settings, &verdict, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&text);
    vd_gate_write(&verdict, &w);
    fuzz_holds(vd_json_w_end(&w) == VD_OK);
    if (!vd_evaluation_gate(theirs, theirs, &settings, &verdict, &why))
        fuzz_holds(!verdict.promote); /* nothing is better than itself */
    return 0;
}
