#include <stdlib.h>

#include "rule_priv.h"
#include "vd/blob.h"

#define DWELL_MAX_MS (24 * 3600 * 1000ll)
#define LEAVE_MAX_MS (3600 * 1000ll)
#define RULE_JSON    16384 /* the largest rule takes less than 8 KB */

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
    static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
    const char *kinds[VD_RULE_KINDS + 1] = { NULL };
    int kind = -1, severity = VD_SEVERITY_MEDIUM;
    for (unsigned i = 0; i < VD_RULE_KINDS; i++) kinds[i] = vd_rule_kind_name((vd_rule_kind)i);
    vd_err err = vd_config_choice(node, "kind", kinds, &kind, why);
    if (!err && kind < 0) {
        err = vd_config_fail(node, why, "rule '%s' has no kind", rule->id);
        vd_why_hint(why, "add 'kind: zone'");
    }
    if (!err) err = vd_config_choice(node, "severity", severities, &severity, why);
    rule->kind = (vd_rule_kind)kind;
    rule->severity = (vd_severity)severity;
    return err;
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

static vd_err read_class(const vd_config_node *node, const vd_vocabulary *words,
                         char (*into)[VD_CLASS_NAME_ROOM], unsigned count, vd_why *why)
{
    const char *name = NULL;
    vd_err err = vd_config_text(node, NULL, &name, why);
    if (err) return err;
    if (!name || !*name || !vd_slice_to_chars(vd_slice_str(name), into[count], VD_CLASS_NAME_ROOM))
        return vd_config_fail(node, why, "a class name has 1 to %d bytes", VD_CLASS_NAME_ROOM - 1);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(into[i], name) == 0)
            return vd_config_fail(node, why, "class '%s' is named twice", name);
    if (words && vd_vocabulary_find(words, name) < 0) return unknown_class(node, words, name, why);
    return VD_OK;
}

vd_err rule_read_class(const vd_config_node *node, const char *key, const vd_vocabulary *words,
                       char into[VD_CLASS_NAME_ROOM], vd_why *why)
{
    const vd_config_node *name = vd_config_get(node, key);
    if (!name) return vd_config_fail(node, why, "'%s' is needed: a class's name", key);
    return read_class(name, words, (char(*)[VD_CLASS_NAME_ROOM])into, 0, why);
}

vd_err rule_read_classes(const vd_config_node *node, const char *key, const vd_vocabulary *words,
                         char (*into)[VD_CLASS_NAME_ROOM], unsigned room, unsigned *ret_count,
                         vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, key);
    size_t count = vd_config_len(list);
    if (!list || !vd_config_is_list(list) || count == 0 || count > room) {
        vd_err err =
            vd_config_fail(list ? list : node, why, "'%s' needs 1 to %u classes", key, room);
        vd_why_hint(why, "for example '%s: [person]'", key);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        vd_err err = read_class(vd_config_at(list, i), words, into, (unsigned)i, why);
        if (err) return err;
    }
    *ret_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_thresholds(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    static const int64_t dwell_ms[VD_RULE_KINDS] = { [VD_RULE_ZONE] = 1000,
                                                     [VD_RULE_ABSENCE] = 30000,
                                                     [VD_RULE_EQUIPMENT] = 2000,
                                                     [VD_RULE_OBJECT] = 60000 };
    double score_min = 0.4;
    rule->dwell_ms = dwell_ms[rule->kind];
    bool at_once = rule->kind == VD_RULE_LINE || rule->kind == VD_RULE_INSPECTION;
    rule->leave_ms = at_once ? 0 : 3000;
    vd_err err = vd_config_num(node, "score_min", 0, 1, &score_min, why);
    rule->score_min = (float)score_min;
    if (!err) err = vd_config_duration_ms(node, "dwell", 0, DWELL_MAX_MS, &rule->dwell_ms, why);
    if (!err) err = vd_config_duration_ms(node, "leave", 0, LEAVE_MAX_MS, &rule->leave_ms, why);
    return err;
}

static vd_err read_profile(const vd_config_node *node, char into[VD_PROFILE_ROOM], vd_why *why)
{
    const char *name = "";
    vd_err err = vd_config_text(node, NULL, &name, why);
    if (err) return err;
    if (!profile_name_good(name)) return profile_name_fail(node, name, why);
    vd_slice_to_chars(vd_slice_str(name), into, VD_PROFILE_ROOM);
    return VD_OK;
}

static vd_err read_profiles(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "profiles");
    size_t count = vd_config_len(list);
    vd_err err = VD_OK;
    if (!list) return VD_OK;
    if (!vd_config_is_list(list) || count == 0 || count > VD_PROFILES_MAX)
        return vd_config_fail(list, why, "profiles is a list of 1 to %d names", VD_PROFILES_MAX);
    for (size_t i = 0; !err && i < count; i++)
        err = read_profile(vd_config_at(list, i), rule->profile[i], why);
    rule->profile_count = (unsigned)count;
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

static vd_err read_common(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                          vd_why *why)
{
    vd_err err = read_zone_name(node, rule, why);
    if (!err) err = rule_read_points(node, rule, why);
    bool needed = rule->kind != VD_RULE_INSPECTION && rule->kind != VD_RULE_OBJECT;
    if (!err && (needed || vd_config_get(node, "classes")))
        err = rule_read_classes(node, "classes", words, rule->class_name, VD_RULE_CLASSES_MAX,
                                &rule->class_count, why);
    if (!err) err = read_thresholds(node, rule, why);
    if (!err) err = vd_hours_read(node, "hours", rule->hours, &rule->hours_count, why);
    if (!err) err = read_profiles(node, rule, why);
    return err;
}

vd_err vd_rule_read(const vd_config_node *node, const vd_vocabulary *words, vd_rule *ret_rule,
                    vd_why *why)
{
    vd_rule rule = { 0 };
    /* Until the kind is known, any kind's keys will do. */
    vd_err err =
        vd_config_is_map(node) ? VD_OK : vd_config_only(node, rule_keys(VD_RULE_ZONE), why);
    if (!err) err = read_id(node, &rule, why);
    if (!err) err = read_kind(node, &rule, why);
    if (!err) err = vd_config_only(node, rule_keys(rule.kind), why);
    if (!err) err = read_common(node, words, &rule, why);
    if (!err) err = rule_read_kind(node, words, &rule, why);
    if (!err) err = set_version(&rule, why);
    if (!err) *ret_rule = rule;
    return err;
}
