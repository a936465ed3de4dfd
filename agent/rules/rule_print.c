#include "rules.h"
#include "vd/json.h"

static const char *const severity_names[] = { "info", "low", "medium", "high", "critical" };

const char *vd_severity_name(vd_severity severity)
{
    return (unsigned)severity < VD_COUNT_OF(severity_names) ? severity_names[severity] : "medium";
}

/* Canonical: always these members, in this order, numbers cut to six places. The version of a rule
 * is the digest of these bytes, so a change here gives every rule a new version. */
vd_err vd_rule_print(const vd_rule *rule, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", rule->id);
    vd_json_w_kv_text(&w, "kind", "zone");
    vd_json_w_kv_text(&w, "zone", rule->zone);
    vd_json_w_kv_text(&w, "severity", vd_severity_name(rule->severity));
    vd_json_w_key(&w, "points");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < rule->point_count; i++) {
        vd_json_w_object(&w);
        vd_json_w_kv_num(&w, "x", (double)rule->point[i].x, 6);
        vd_json_w_kv_num(&w, "y", (double)rule->point[i].y, 6);
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    vd_json_w_key(&w, "classes");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < rule->class_count; i++) vd_json_w_text(&w, rule->class_name[i]);
    vd_json_w_list_end(&w);
    vd_json_w_kv_num(&w, "score_min", (double)rule->score_min, 6);
    vd_json_w_kv_int(&w, "dwell_ms", rule->dwell_ms);
    vd_json_w_kv_int(&w, "leave_ms", rule->leave_ms);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}
