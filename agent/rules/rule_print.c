#include "rule_priv.h"
#include "vd/json.h"

static const char *const severity_names[] = { "info", "low", "medium", "high", "critical" };
static const char *const way_names[] = { "either", "clockwise", "counterclockwise" };

const char *vd_severity_name(vd_severity severity)
{
    return (unsigned)severity < VD_COUNT_OF(severity_names) ? severity_names[severity] : "medium";
}

static void print_points(vd_json_w *w, const char *key, const vd_point *point, unsigned count)
{
    vd_json_w_key(w, key);
    vd_json_w_list(w);
    for (unsigned i = 0; i < count; i++) {
        vd_json_w_object(w);
        vd_json_w_kv_num(w, "x", (double)point[i].x, 6);
        vd_json_w_kv_num(w, "y", (double)point[i].y, 6);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void print_names(vd_json_w *w, const char *key, const char (*name)[VD_CLASS_NAME_ROOM],
                        unsigned count)
{
    vd_json_w_key(w, key);
    vd_json_w_list(w);
    for (unsigned i = 0; i < count; i++) vd_json_w_text(w, name[i]);
    vd_json_w_list_end(w);
}

static void print_limits(vd_json_w *w, int at_least, int at_most)
{
    if (at_least >= 0) vd_json_w_kv_int(w, "at_least", at_least);
    if (at_most >= 0) vd_json_w_kv_int(w, "at_most", at_most);
}

static void print_zone(vd_json_w *w, const vd_rule *rule)
{
    static const char *const whens[] = { "inside", "enter", "leave", "occupancy" };
    if (rule->in_zone.when == VD_WHEN_INSIDE) return;
    vd_json_w_kv_text(w, "when", whens[rule->in_zone.when]);
    print_limits(w, rule->in_zone.at_least, rule->in_zone.at_most);
}

static void print_equipment(vd_json_w *w, const vd_rule *rule)
{
    vd_json_w_key(w, "required");
    vd_json_w_list(w);
    for (unsigned i = 0; i < rule->equipment.item_count; i++) {
        const vd_item *item = &rule->equipment.item[i];
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "item", item->name);
        print_names(w, "classes", item->worn, item->worn_count);
        if (item->bare_count) print_names(w, "without", item->bare, item->bare_count);
        vd_json_w_kv_num(w, "top", (double)item->top, 6);
        vd_json_w_kv_num(w, "bottom", (double)item->bottom, 6);
        vd_json_w_kv_num(w, "score_min", (double)item->score_min, 6);
        vd_json_w_kv_num(w, "visible_min", (double)item->visible_min, 6);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_kv_num(w, "share", (double)rule->equipment.share, 6);
    vd_json_w_kv_int(w, "looks", rule->equipment.looks);
}

static void print_proximity(vd_json_w *w, const vd_rule *rule)
{
    const vd_ground *ground = &rule->near.ground;
    print_names(w, "near", rule->near.other, rule->near.other_count);
    vd_json_w_kv_num(w, "distance_m", (double)rule->near.distance_m, 3);
    vd_json_w_kv_num(w, "closing_mps", (double)rule->near.closing_mps, 3);
    vd_json_w_kv_bool(w, "riders", rule->near.riders);
    vd_json_w_key(w, "calibration");
    vd_json_w_object(w);
    print_points(w, "points", ground->picture, 4);
    vd_json_w_key(w, "metres");
    vd_json_w_list(w);
    for (unsigned i = 0; i < 4; i++) {
        vd_json_w_list(w);
        vd_json_w_num(w, (double)ground->metre[i][0], 3);
        vd_json_w_num(w, (double)ground->metre[i][1], 3);
        vd_json_w_list_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

static void print_parts(vd_json_w *w, const vd_rule *rule)
{
    vd_json_w_key(w, "parts");
    vd_json_w_list(w);
    for (unsigned i = 0; i < rule->inspection.part_count; i++) {
        const vd_part *part = &rule->inspection.part[i];
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "class", part->name);
        vd_json_w_key(w, "at");
        vd_json_w_list(w);
        const float at[] = { part->at.l, part->at.t, part->at.w, part->at.h };
        for (unsigned k = 0; k < 4; k++) vd_json_w_num(w, (double)at[k], 6);
        vd_json_w_list_end(w);
        vd_json_w_kv_num(w, "tolerance", (double)part->tolerance, 6);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_kv_bool(w, "ordered", rule->inspection.ordered);
}

static void print_chart(vd_json_w *w, const vd_chart_config *chart)
{
    vd_json_w_key(w, "chart");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "sample", chart->sample);
    if (chart->baseline >= 0) vd_json_w_kv_num(w, "baseline", (double)chart->baseline, 6);
    vd_json_w_kv_num(w, "sigma", (double)chart->sigma, 6);
    vd_json_w_kv_num(w, "lambda", (double)chart->lambda, 6);
    vd_json_w_kv_num(w, "width", (double)chart->width, 6);
    vd_json_w_object_end(w);
}

static void print_inspection(vd_json_w *w, const vd_rule *rule)
{
    static const char *const triggers[] = { "line", "picture", "external" };
    static const char *const verdicts[] = { "pass", "fail", "unsure" };
    vd_json_w_kv_text(w, "trigger", triggers[rule->inspection.trigger]);
    print_names(w, "good", rule->inspection.good, rule->inspection.good_count);
    print_names(w, "defects", rule->inspection.defect, rule->inspection.defect_count);
    vd_json_w_kv_num(w, "pass", (double)rule->inspection.pass_min, 6);
    vd_json_w_kv_num(w, "fail", (double)rule->inspection.fail_min, 6);
    vd_json_w_kv_num(w, "unsure", (double)rule->inspection.unsure_min, 6);
    if (rule->inspection.part_count) print_parts(w, rule);
    vd_json_w_key(w, "tell");
    vd_json_w_list(w);
    for (unsigned i = 0; i < VD_VERDICTS; i++)
        if (rule->inspection.tell[i]) vd_json_w_text(w, verdicts[i]);
    vd_json_w_list_end(w);
    if (rule->inspection.chart.sample) print_chart(w, &rule->inspection.chart);
}

static void print_object(vd_json_w *w, const vd_rule *rule)
{
    static const char *const whats[] = { "either", "left", "removed" };
    vd_json_w_kv_text(w, "what", whats[rule->object.what]);
    vd_json_w_kv_num(w, "size_min", (double)rule->object.size_min, 6);
    vd_json_w_kv_num(w, "size_max", (double)rule->object.size_max, 6);
}

static void print_kind(vd_json_w *w, const vd_rule *rule)
{
    switch (rule->kind) {
    case VD_RULE_ZONE: print_zone(w, rule); break;
    case VD_RULE_LINE: vd_json_w_kv_text(w, "direction", way_names[rule->on_line.way]); break;
    case VD_RULE_COUNT:
        vd_json_w_kv_int(w, "period_ms", rule->count.period_ms);
        print_limits(w, rule->count.at_least, rule->count.at_most);
        vd_json_w_kv_text(w, "direction", way_names[rule->count.way]);
        break;
    case VD_RULE_EQUIPMENT: print_equipment(w, rule); break;
    case VD_RULE_PROXIMITY: print_proximity(w, rule); break;
    case VD_RULE_OBJECT: print_object(w, rule); break;
    case VD_RULE_INSPECTION: print_inspection(w, rule); break;
    case VD_RULE_ABSENCE:
    case VD_RULE_HEALTH:
    case VD_RULE_KINDS: break;
    }
}

static void print_armed(vd_json_w *w, const vd_rule *rule)
{
    if (rule->hours_count) {
        vd_json_w_key(w, "hours");
        vd_json_w_list(w);
        for (unsigned i = 0; i < rule->hours_count; i++) {
            VD_AUTO(vd_buf) text = VD_BUF(128);
            hours_print(&rule->hours[i], &text);
            vd_json_w_slice(w, vd_buf_slice(&text));
        }
        vd_json_w_list_end(w);
    }
    if (!rule->profile_count) return;
    vd_json_w_key(w, "profiles");
    vd_json_w_list(w);
    for (unsigned i = 0; i < rule->profile_count; i++) vd_json_w_text(w, rule->profile[i]);
    vd_json_w_list_end(w);
}

/* Canonical: always these members, in this order, numbers cut to six places. The version of a rule
 * is the digest of these bytes, so a change here gives every rule a new version. */
vd_err vd_rule_print(const vd_rule *rule, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", rule->id);
    vd_json_w_kv_text(&w, "kind", vd_rule_kind_name(rule->kind));
    vd_json_w_kv_text(&w, "zone", rule->zone);
    vd_json_w_kv_text(&w, "severity", vd_severity_name(rule->severity));
    print_points(&w, "points", rule->point, rule->point_count);
    print_names(&w, "classes", rule->class_name, rule->class_count);
    vd_json_w_kv_num(&w, "score_min", (double)rule->score_min, 6);
    vd_json_w_kv_int(&w, "dwell_ms", rule->dwell_ms);
    vd_json_w_kv_int(&w, "leave_ms", rule->leave_ms);
    print_kind(&w, rule);
    print_armed(&w, rule);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}
