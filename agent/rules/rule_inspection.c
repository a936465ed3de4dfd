/* rule_inspection.c - what an inspection needs: trigger, good and bad classes, parts, charts. */
#include "rule_priv.h"

#define SAMPLE_MAX 10000

static vd_err read_trigger(const vd_config_node *node, const vd_rule *rule, vd_trigger *ret_trigger,
                           vd_why *why)
{
    static const char *const triggers[] = { "line", "picture", "external", NULL };
    int trigger = rule->point_count == 2 ? VD_TRIGGER_LINE : VD_TRIGGER_PICTURE;
    vd_err err = vd_config_choice(node, "trigger", triggers, &trigger, why);
    *ret_trigger = (vd_trigger)trigger;
    if (err || (trigger == VD_TRIGGER_LINE) == (rule->point_count == 2)) {
        if (err || trigger != VD_TRIGGER_LINE || rule->class_count) return err;
        err =
            vd_config_fail(node, why, "rule '%s' waits at a line, but names no product", rule->id);
        vd_why_hint(why, "add 'classes:' with what crosses the line, for example [bottle]");
        return err;
    }
    const vd_config_node *points = vd_config_get(node, "points");
    err = vd_config_fail(points ? points : node, why, "rule '%s': trigger '%s' and %u points",
                         rule->id, triggers[trigger], rule->point_count);
    vd_why_hint(why, "trigger: line needs 2 points; the others take a zone of 3 or more, or none");
    return err;
}

static vd_err read_scores(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    double pass = 0.6, fail = 0.5, unsure = 0.3;
    vd_err err = vd_config_num(node, "pass", 0, 1, &pass, why);
    if (!err) err = vd_config_num(node, "fail", 0, 1, &fail, why);
    if (!err && unsure > fail) unsure = fail;
    if (!err) err = vd_config_num(node, "unsure", 0, 1, &unsure, why);
    if (!err && unsure > fail)
        err = vd_config_fail(vd_config_get(node, "unsure"), why,
                             "rule '%s': unsure %g is more than fail %g", rule->id, unsure, fail);
    rule->inspection.pass_min = (float)pass;
    rule->inspection.fail_min = (float)fail;
    rule->inspection.unsure_min = (float)unsure;
    return err;
}

static vd_err read_at(const vd_config_node *node, vd_box *ret_at, vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "at");
    double box[4] = { 0, 0, 0, 0 };
    bool four = list && vd_config_is_list(list) && vd_config_len(list) == 4;
    for (size_t i = 0; four && i < 4; i++) {
        vd_err err = vd_config_num(vd_config_at(list, i), NULL, 0, 1, &box[i], why);
        if (err) return err;
    }
    if (!four || box[0] + box[2] > 1.000001 || box[1] + box[3] > 1.000001) {
        vd_err err =
            vd_config_fail(list ? list : node, why, "a part's place is [left, top, width, height]");
        vd_why_hint(why, "in shares of the product's box, from 0 to 1");
        return err;
    }
    *ret_at = (vd_box){ (float)box[0], (float)box[1], (float)box[2], (float)box[3] };
    return VD_OK;
}

static vd_err read_part(const vd_config_node *node, const vd_vocabulary *words, vd_part *part,
                        vd_why *why)
{
    static const char *const keys[] = { "class", "at", "tolerance", NULL };
    double tolerance = 0.1;
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = rule_read_class(node, "class", words, part->name, why);
    if (!err) err = read_at(node, &part->at, why);
    if (!err) err = vd_config_num(node, "tolerance", 0.001, 1, &tolerance, why);
    part->tolerance = (float)tolerance;
    return err;
}

static vd_err read_parts(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                         vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "parts");
    size_t count = vd_config_len(list);
    bool *ordered = &rule->inspection.ordered;
    vd_err err = vd_config_bool(node, "ordered", ordered, why);
    if (!err && list && (!vd_config_is_list(list) || count == 0 || count > VD_RULE_PARTS_MAX))
        err = vd_config_fail(list, why, "'parts' is a list of 1 to %d parts", VD_RULE_PARTS_MAX);
    for (size_t i = 0; !err && i < count; i++)
        err = read_part(vd_config_at(list, i), words, &rule->inspection.part[i], why);
    rule->inspection.part_count = (unsigned)count;
    if (err || !*ordered) return err;
    bool followed = rule->inspection.trigger == VD_TRIGGER_LINE ||
                    (rule->inspection.trigger == VD_TRIGGER_EXTERNAL && !rule->class_count);
    if (count > 1 && followed) return VD_OK;
    err = vd_config_fail(vd_config_get(node, "ordered"), why,
                         "rule '%s' cannot see in which order its parts come", rule->id);
    vd_why_hint(why, "it takes two parts or more, and trigger: line, or trigger: external without "
                     "classes");
    return err;
}

static vd_err read_tell(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    static const char *const verdicts[] = { "pass", "fail", "unsure", NULL };
    const vd_config_node *list = vd_config_get(node, "tell");
    vd_err err = VD_OK;
    rule->inspection.tell[VD_VERDICT_FAIL] = !list;
    if (list && !vd_config_is_list(list))
        return vd_config_fail(list, why, "'tell' is a list of pass, fail and unsure");
    for (size_t i = 0; !err && i < vd_config_len(list); i++) {
        int verdict = -1;
        err = vd_config_choice(vd_config_at(list, i), NULL, verdicts, &verdict, why);
        if (!err && verdict >= 0) rule->inspection.tell[verdict] = true;
    }
    return err;
}

static vd_err read_chart(const vd_config_node *node, vd_chart_config *chart, vd_why *why)
{
    static const char *const keys[] = { "sample", "baseline", "sigma", "lambda", "width", NULL };
    double baseline = -1, sigma = 3, lambda = 0.2, width = 2.7;
    int64_t sample = 50;
    *chart = (vd_chart_config){ .sample = 0, .baseline = -1 };
    if (!node) return VD_OK;
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_int(node, "sample", 2, SAMPLE_MAX, &sample, why);
    if (!err) err = vd_config_num(node, "baseline", 0.0001, 0.9, &baseline, why);
    if (!err) err = vd_config_num(node, "sigma", 1, 6, &sigma, why);
    if (!err) err = vd_config_num(node, "lambda", 0.01, 1, &lambda, why);
    if (!err) err = vd_config_num(node, "width", 1, 6, &width, why);
    *chart = (vd_chart_config){ .sample = (unsigned)sample,
                                .baseline = (float)baseline,
                                .sigma = (float)sigma,
                                .lambda = (float)lambda,
                                .width = (float)width };
    return err;
}

static vd_err read_names(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                         vd_why *why)
{
    vd_err err = VD_OK;
    if (vd_config_get(node, "good"))
        err = rule_read_classes(node, "good", words, rule->inspection.good, VD_RULE_ITEMS_MAX,
                                &rule->inspection.good_count, why);
    if (!err && vd_config_get(node, "defects"))
        err = rule_read_classes(node, "defects", words, rule->inspection.defect,
                                VD_RULE_CLASSES_MAX, &rule->inspection.defect_count, why);
    return err;
}

vd_err rule_read_inspection(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                            vd_why *why)
{
    vd_err err = read_trigger(node, rule, &rule->inspection.trigger, why);
    if (!err) err = read_names(node, words, rule, why);
    if (!err) err = read_parts(node, words, rule, why);
    if (!err && !rule->inspection.good_count && !rule->inspection.defect_count &&
        !rule->inspection.part_count) {
        err = vd_config_fail(node, why, "rule '%s' has nothing to judge a product by", rule->id);
        vd_why_hint(why, "name 'defects', 'good' or 'parts'");
    }
    if (!err) err = read_scores(node, rule, why);
    if (!err) err = read_tell(node, rule, why);
    return err ? err : read_chart(vd_config_get(node, "chart"), &rule->inspection.chart, why);
}
