#include <stdlib.h>

#include "rules.h"
#include "vd/blob.h"

#define DWELL_MAX_MS (24 * 3600 * 1000ll)
#define LEAVE_MAX_MS (3600 * 1000ll)
#define RULE_JSON    16384 /* 64 points and 16 classes take less than 4 KB */

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static vd_err read_id(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    const char *id = NULL;
    vd_err err = vd_config_text(node, "id", &id, why);
    if (err) return err;
    if (!id || !*id) return vd_config_fail(node, why, "this rule has no id");
    for (const char *c = id; *c; c++) {
        if (!id_char(*c))
            return vd_config_fail(vd_config_get(node, "id"), why,
                                  "rule id '%.70s' may have letters, digits, '-', '_' and '.'", id);
    }
    if (!vd_slice_to_chars(vd_slice_str(id), rule->id, sizeof rule->id))
        return vd_config_fail(vd_config_get(node, "id"), why,
                              "rule id is longer than %d characters", VD_RULE_ID_MAX);
    return VD_OK;
}

static vd_err read_zone_name(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    const char *zone = rule->id;
    vd_err err = vd_config_text(node, "zone", &zone, why);
    if (err) return err;
    if (*zone && vd_slice_to_chars(vd_slice_str(zone), rule->zone, sizeof rule->zone)) return VD_OK;
    return vd_config_fail(vd_config_get(node, "zone"), why, "zone name needs 1 to %d bytes",
                          VD_RULE_ID_MAX);
}

static vd_err read_kind(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    static const char *const kinds[] = { "zone", NULL };
    static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
    int kind = -1, severity = VD_SEVERITY_MEDIUM;
    vd_err err = vd_config_choice(node, "kind", kinds, &kind, why);
    if (!err && kind < 0) {
        err = vd_config_fail(node, why, "rule '%s' has no kind", rule->id);
        vd_why_hint(why, "add 'kind: zone'");
    }
    if (!err) err = vd_config_choice(node, "severity", severities, &severity, why);
    if (!err) rule->severity = (vd_severity)severity;
    return err;
}

static vd_err read_point(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    double xy[2] = { -1, -1 };
    if (!vd_config_is_list(node) || vd_config_len(node) != 2)
        return vd_config_fail(node, why, "zone '%s': a point is two numbers, [x, y]", rule->zone);
    for (size_t i = 0; i < 2; i++) {
        vd_err err = vd_config_num(vd_config_at(node, i), NULL, -1e9, 1e9, &xy[i], why);
        if (err) return err;
    }
    if (!(xy[0] >= 0 && xy[0] <= 1 && xy[1] >= 0 && xy[1] <= 1)) {
        vd_err err = vd_config_fail(node, why, "zone '%s': point [%g, %g] lies outside the picture",
                                    rule->zone, xy[0], xy[1]);
        vd_why_hint(why,
                    "points are shares of the picture, from 0 (left, top) to 1 (right, bottom)");
        return err;
    }
    rule->point[rule->point_count++] = (vd_point){ (float)xy[0], (float)xy[1] };
    return VD_OK;
}

static float side(vd_point a, vd_point b, vd_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

static bool between(vd_point a, vd_point b, vd_point p)
{
    return side(a, b, p) == 0 && (p.x - a.x) * (p.x - b.x) + (p.y - a.y) * (p.y - b.y) <= 0;
}

static bool edges_meet(vd_point a, vd_point b, vd_point c, vd_point d)
{
    bool apart_ab = side(a, b, c) * side(a, b, d) >= 0;
    bool apart_cd = side(c, d, a) * side(c, d, b) >= 0;
    if (!apart_ab && !apart_cd) return true;
    return between(a, b, c) || between(a, b, d) || between(c, d, a) || between(c, d, b);
}

/* Neighbours share a corner: they only may not lie on one another. */
static bool folds_back(vd_point a, vd_point b, vd_point c)
{
    if (side(a, b, c) != 0) return false;
    return (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y) <= 0;
}

static vd_err check_edges(const vd_config_node *node, const vd_rule *rule, vd_why *why)
{
    const vd_point *p = rule->point;
    unsigned n = rule->point_count;
    for (unsigned i = 0; i < n; i++) {
        if (folds_back(p[i], p[(i + 1) % n], p[(i + 2) % n]))
            return vd_config_fail(node, why, "zone '%s': the edges at point %u lie on one another",
                                  rule->zone, (i + 1) % n + 1);
        for (unsigned j = i + 2; j < n; j++) {
            if (i == 0 && j == n - 1) continue;
            if (!edges_meet(p[i], p[i + 1], p[j], p[(j + 1) % n])) continue;
            vd_err err =
                vd_config_fail(node, why, "zone '%s': the edges after points %u and %u cross",
                               rule->zone, i + 1, j + 1);
            vd_why_hint(why, "give the corners in order, once around the zone");
            return err;
        }
    }
    return VD_OK;
}

static vd_err read_points(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "points");
    if (!list) return vd_config_fail(node, why, "zone '%s' has no points", rule->zone);
    if (!vd_config_is_list(list))
        return vd_config_fail(list, why, "zone '%s': points is a list of [x, y]", rule->zone);
    size_t count = vd_config_len(list);
    if (count < 3 || count > VD_ZONE_POINTS_MAX) {
        vd_err err = vd_config_fail(list, why, "zone '%s' has %zu point%s", rule->zone, count,
                                    count == 1 ? "" : "s");
        vd_why_hint(why, "give 3 to %d points", VD_ZONE_POINTS_MAX);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        vd_err err = read_point(vd_config_at(list, i), rule, why);
        if (err) return err;
    }
    return check_edges(list, rule, why);
}

static vd_err unknown_class(const vd_config_node *node, const vd_vocabulary *words,
                            const char *name, vd_why *why)
{
    unsigned count = vd_vocabulary_count(words);
    const char **names = calloc(count ? count : 1, sizeof *names);
    unsigned known = 0;
    for (unsigned i = 0; names && i < count; i++) {
        const char *candidate = vd_vocabulary_name(words, i);
        if (candidate) names[known++] = candidate;
    }
    const char *nearest = vd_nearest(vd_slice_str(name), names, known);
    vd_err err = vd_config_fail(node, why, "the model %s knows no class '%.60s'",
                                vd_vocabulary_main(words)->name, name);
    if (nearest)
        vd_why_hint(why, "did you mean '%s'?", nearest);
    else
        vd_why_hint(why, "'vedette model show' lists the classes");
    free(names);
    return err;
}

static vd_err read_class(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                         vd_why *why)
{
    const char *name = NULL;
    vd_err err = vd_config_text(node, NULL, &name, why);
    if (err) return err;
    char *into = rule->class_name[rule->class_count];
    if (!name || !*name || !vd_slice_to_chars(vd_slice_str(name), into, sizeof rule->class_name[0]))
        return vd_config_fail(node, why, "a class name has 1 to %zu bytes",
                              sizeof rule->class_name[0] - 1);
    for (unsigned i = 0; i < rule->class_count; i++)
        if (strcmp(rule->class_name[i], name) == 0)
            return vd_config_fail(node, why, "class '%s' is named twice", name);
    if (words && vd_vocabulary_find(words, name) < 0) return unknown_class(node, words, name, why);
    rule->class_count++;
    return VD_OK;
}

static vd_err read_classes(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                           vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "classes");
    size_t count = vd_config_len(list);
    if (!list || !vd_config_is_list(list) || count == 0 || count > VD_RULE_CLASSES_MAX) {
        vd_err err = vd_config_fail(list ? list : node, why, "rule '%s' needs 1 to %d classes",
                                    rule->id, VD_RULE_CLASSES_MAX);
        vd_why_hint(why, "for example 'classes: [person]'");
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        vd_err err = read_class(vd_config_at(list, i), words, rule, why);
        if (err) return err;
    }
    return VD_OK;
}

static vd_err read_thresholds(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    double score_min = 0.4;
    rule->dwell_ms = 1000;
    rule->leave_ms = 3000;
    vd_err err = vd_config_num(node, "score_min", 0, 1, &score_min, why);
    rule->score_min = (float)score_min;
    if (!err) err = vd_config_duration_ms(node, "dwell", 0, DWELL_MAX_MS, &rule->dwell_ms, why);
    if (!err) err = vd_config_duration_ms(node, "leave", 0, LEAVE_MAX_MS, &rule->leave_ms, why);
    return err;
}

static vd_err set_version(vd_rule *rule, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(RULE_JSON);
    vd_err err = vd_rule_print(rule, &text);
    if (err) return vd_fail(why, err, "no memory for rule '%s'", rule->id);
    vd_digest digest = vd_sha256(vd_buf_slice(&text));
    memcpy(rule->version, digest.hex, sizeof rule->version - 1);
    return VD_OK;
}

vd_err vd_rule_read(const vd_config_node *node, const vd_vocabulary *words, vd_rule *ret_rule,
                    vd_why *why)
{
    static const char *const keys[] = { "id",    "kind",   "camera",   "cameras",
                                        "zone",  "points", "classes",  "score_min",
                                        "dwell", "leave",  "severity", NULL };
    vd_rule rule = { 0 };
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = read_id(node, &rule, why);
    if (!err) err = read_kind(node, &rule, why);
    if (!err) err = read_zone_name(node, &rule, why);
    if (!err) err = read_points(node, &rule, why);
    if (!err) err = read_classes(node, words, &rule, why);
    if (!err) err = read_thresholds(node, &rule, why);
    if (!err) err = set_version(&rule, why);
    if (!err) *ret_rule = rule;
    return err;
}
