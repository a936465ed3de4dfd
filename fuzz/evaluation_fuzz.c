/* A manifest, an empty line, detections as JSON lines: what is read gives a report, whose summary
 * is read back and which is judged against itself as not better. */
#include "evaluation.h"
#include "fuzz.h"

#include <math.h>

static size_t divide(const uint8_t *data, size_t len)
{
    for (size_t n = 0; n + 1 < len; n++)
        if (data[n] == '\n' && data[n + 1] == '\n') return n;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_eval_ptr) eval = NULL;
    VD_AUTO(vd_buf) report = VD_BUF(VD_EVAL_REPORT_BYTES);
    vd_eval_options options = { .model_name = "m",
                                .model = vd_sha256(VD_STR("m")),
                                .score_min = 0.3 };
    vd_gate_settings settings = VD_GATE_SETTINGS;
    vd_gate_verdict verdict;
    vd_eval_summary summary;
    vd_eval_figures figures;
    vd_why why = { 0 };
    size_t at = divide(data, len);
    if (vd_eval_new(vd_slice_of(data, at), "test", &eval, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    if (vd_eval_add_lines(eval, vd_slice_from(vd_slice_of(data, len), at), &why)) return 0;
    if (vd_eval_measure(eval, 0.3, &figures, &why)) return 0;
    fuzz_holds(isnan(figures.map50) || (figures.map50 >= 0 && figures.map50 <= 1));
    fuzz_holds(vd_eval_report(eval, &options, &report, &why) == VD_OK);
    fuzz_holds(vd_eval_summary_read(vd_buf_slice(&report), &summary, &why) == VD_OK);
    settings.draws = 100;
    if (summary.pictures == 0) return 0;
    fuzz_holds(vd_evaluation_gate(vd_buf_slice(&report), vd_buf_slice(&report), &settings, &verdict,
                                  &why) == VD_OK);
    fuzz_holds(!verdict.promote);
    return 0;
}
