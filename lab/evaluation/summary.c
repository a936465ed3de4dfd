/* summary.c - a report in a line. */
#include "evaluation.h"

#include <math.h>

#include "limits.h"

static double number(const vd_json *object, const char *key)
{
    return vd_json_num(vd_json_get(object, key), NAN);
}

static bool digest_of(const vd_json *node, vd_digest *ret_digest)
{
    const char *text = vd_json_text(node, "");
    return strlen(text) == VD_SHA256_HEX && vd_digest_parse(vd_slice_str(text), ret_digest);
}

vd_err vd_eval_summary_read(vd_slice report, vd_eval_summary *ret_summary, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_eval_summary s = { .map = NAN };
    vd_err err = vd_json_parse(report, VD_EVAL_REPORT_BYTES, VD_LIMIT_JSON_DEPTH, &root, why);
    if (err) return err;
    if (strcmp(vd_json_text(vd_json_get(root, "format"), ""), "vedette.report/1") != 0)
        return vd_fail(why, VD_INVALID, "this is no report: its format is not vedette.report/1");
    const char *split = vd_json_text(vd_json_get(root, "split"), NULL);
    if (!digest_of(vd_json_get(vd_json_get(root, "model"), "digest"), &s.model) ||
        !digest_of(vd_json_get(root, "dataset"), &s.dataset) ||
        vd_word_index(vd_dataset_split_words, split) < 0)
        return vd_fail(why, VD_INVALID, "the report does not say which model, dataset and split");
    vd_slice_to_chars(vd_slice_str(split), s.split, sizeof s.split);
    s.map = number(root, "map");
    s.map50 = number(root, "map50");
    s.false_alarms_per_picture = number(vd_json_get(root, "false_alarms"), "per_picture");
    s.median_ms = number(vd_json_get(root, "latency_ms"), "median");
    s.pictures = vd_json_len(vd_json_get(root, "pictures"));
    *ret_summary = s;
    return VD_OK;
}
