/* rule_kinds.c - what each kind of rule needs beyond what all have. */
#include "rule_priv.h"

#define PEOPLE_MAX    1000
#define PERIOD_MIN_MS 1000
#define PERIOD_MAX_MS (24 * 3600 * 1000ll)

#define COMMON                                                                                     \
    "id", "kind", "camera", "cameras", "zone", "points", "classes", "score_min", "severity",       \
        "hours", "profiles"

const char *const *rule_keys(vd_rule_kind kind)
{
    static const char *const zone[] = { COMMON,     "dwell",   "leave", "when",
                                        "at_least", "at_most", NULL };
    static const char *const line[] = { COMMON, "direction", NULL };
    static const char *const count[] = { COMMON,     "dwell",   "leave",     "period",
                                         "at_least", "at_most", "direction", NULL };
    static const char *const absence[] = { COMMON, "dwell", "leave", NULL };
    static const char *const equipment[] = { COMMON,  "dwell", "leave", "required",
                                             "share", "looks", NULL };
    static const char *const proximity[] = { COMMON,    "dwell",  "leave",       "near", "distance",
                                             "closing", "riders", "calibration", NULL };
    static const char *const inspection[] = { COMMON,    "trigger", "good",   "defects",
                                              "pass",    "fail",    "unsure", "parts",
                                              "ordered", "tell",    "chart",  NULL };
    static const char *const object[] = { COMMON,     "dwell",    "leave", "what",
                                          "size_min", "size_max", NULL };
    static const char *const *const keys[VD_RULE_KINDS] = { zone,       line,      count,
                                                            absence,    equipment, proximity,
                                                            inspection, object };
    return keys[kind];
}

const char *vd_rule_kind_name(vd_rule_kind kind)
{
    static const char *const names[VD_RULE_KINDS] = { "zone",       "line",      "count",
                                                      "absence",    "equipment", "proximity",
                                                      "inspection", "object" };
    if (kind == VD_RULE_HEALTH) return "health";
    return (unsigned)kind < VD_RULE_KINDS ? names[kind] : "zone";
}

/* at_least and at_most, of which one is needed. */
static vd_err read_limits(const vd_config_node *node, const vd_rule *rule, int *at_least,
                          int *at_most, vd_why *why)
{
    int64_t least = -1, most = -1;
    vd_err err = vd_config_int(node, "at_least", 1, PEOPLE_MAX, &least, why);
    if (!err) err = vd_config_int(node, "at_most", 0, PEOPLE_MAX, &most, why);
    if (!err && least < 0 && most < 0) {
        err = vd_config_fail(node, why, "rule '%s' has no limit", rule->id);
        vd_why_hint(why, "add 'at_least: 1' or 'at_most: 5', or both");
    }
    if (!err && least >= 0 && most >= 0 && least > most)
        err = vd_config_fail(node, why, "rule '%s': at_least %d is more than at_most %d", rule->id,
                             (int)least, (int)most);
    *at_least = (int)least;
    *at_most = (int)most;
    return err;
}

static vd_err read_way(const vd_config_node *node, vd_way *ret_way, vd_why *why)
{
    static const char *const ways[] = { "either", "clockwise", "counterclockwise", NULL };
    int way = VD_WAY_EITHER;
    vd_err err = vd_config_choice(node, "direction", ways, &way, why);
    *ret_way = (vd_way)way;
    return err;
}

static vd_err read_zone(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    static const char *const whens[] = { "inside", "enter", "leave", "occupancy", NULL };
    int when = VD_WHEN_INSIDE;
    vd_err err = vd_config_choice(node, "when", whens, &when, why);
    rule->in_zone.when = (vd_zone_when)when;
    rule->in_zone.at_least = rule->in_zone.at_most = -1;
    if (err) return err;
    if (when == VD_WHEN_OCCUPANCY)
        return read_limits(node, rule, &rule->in_zone.at_least, &rule->in_zone.at_most, why);
    const vd_config_node *limit = vd_config_get(node, "at_least");
    if (!limit) limit = vd_config_get(node, "at_most");
    if (!limit) return VD_OK;
    err = vd_config_fail(limit, why, "rule '%s' has limits but counts nobody", rule->id);
    vd_why_hint(why, "add 'when: occupancy'");
    return err;
}

static vd_err read_count(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    rule->count.period_ms = 60000;
    vd_err err = vd_config_duration_ms(node, "period", PERIOD_MIN_MS, PERIOD_MAX_MS,
                                       &rule->count.period_ms, why);
    if (!err) err = read_limits(node, rule, &rule->count.at_least, &rule->count.at_most, why);
    if (!err) err = read_way(node, &rule->count.way, why);
    if (!err && rule->count.way != VD_WAY_EITHER && rule->point_count != 2) {
        err = vd_config_fail(vd_config_get(node, "direction"), why,
                             "rule '%s' counts in a zone, which has no direction", rule->id);
        vd_why_hint(why, "give 2 points for a line, or leave 'direction' out");
    }
    return err;
}

/* ---- protective equipment ---- */

static vd_err read_place(const vd_config_node *node, vd_item *item, vd_why *why)
{
    static const char *const places[] = { "anywhere", "head", "body", "feet", NULL };
    static const float top[] = { 0, 0, 0.1f, 0.7f }, bottom[] = { 1, 0.35f, 0.8f, 1 };
    int place = 0;
    vd_err err = vd_config_choice(node, "at", places, &place, why);
    item->top = top[place];
    item->bottom = bottom[place];
    return err;
}

static vd_err read_item(const vd_config_node *node, const vd_vocabulary *words, vd_item *item,
                        vd_why *why)
{
    static const char *const keys[] = { "item",      "classes",     "without", "at",
                                        "score_min", "visible_min", NULL };
    const char *name = "";
    double score = 0.3, visible = 0.15;
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_text(node, "item", &name, why);
    if (!err && (!*name || !vd_slice_to_chars(vd_slice_str(name), item->name, sizeof item->name))) {
        err = vd_config_fail(node, why, "a required item has no name");
        vd_why_hint(why, "for example '- {item: helmet, classes: [helmet], at: head}'");
    }
    if (!err)
        err = rule_read_classes(node, "classes", words, item->worn, VD_RULE_ITEMS_MAX,
                                &item->worn_count, why);
    if (!err && vd_config_get(node, "without"))
        err = rule_read_classes(node, "without", words, item->bare, VD_RULE_ITEMS_MAX,
                                &item->bare_count, why);
    if (!err) err = read_place(node, item, why);
    if (!err) err = vd_config_num(node, "score_min", 0, 1, &score, why);
    if (!err) err = vd_config_num(node, "visible_min", 0, 1, &visible, why);
    item->score_min = (float)score;
    item->visible_min = (float)visible;
    return err;
}

static vd_err read_equipment(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                             vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "required");
    size_t count = vd_config_len(list);
    double share = 0.3;
    int64_t looks = 8;
    if (!list || !vd_config_is_list(list) || count == 0 || count > VD_RULE_ITEMS_MAX) {
        vd_err err =
            vd_config_fail(list ? list : node, why, "rule '%s' needs 1 to %d required items",
                           rule->id, VD_RULE_ITEMS_MAX);
        vd_why_hint(why, "for example 'required: [{item: helmet, classes: [helmet], at: head}]'");
        return err;
    }
    vd_err err = vd_config_num(node, "share", 0, 1, &share, why);
    if (!err) err = vd_config_int(node, "looks", 1, 32, &looks, why);
    for (size_t i = 0; !err && i < count; i++)
        err = read_item(vd_config_at(list, i), words, &rule->equipment.item[i], why);
    rule->equipment.item_count = (unsigned)count;
    rule->equipment.share = (float)share;
    rule->equipment.looks = (int)looks;
    return err;
}

/* ---- proximity ---- */

static vd_err read_metres(const vd_config_node *node, float ret_metre[2], vd_why *why)
{
    double xy[2] = { 0, 0 };
    if (!vd_config_is_list(node) || vd_config_len(node) != 2)
        return vd_config_fail(node, why, "a place on the ground is two numbers in metres, [x, y]");
    for (size_t i = 0; i < 2; i++) {
        vd_err err = vd_config_num(vd_config_at(node, i), NULL, -10000, 10000, &xy[i], why);
        if (err) return err;
        ret_metre[i] = (float)xy[i];
    }
    return VD_OK;
}

static const vd_config_node *four_of(const vd_config_node *node, const char *key)
{
    const vd_config_node *list = vd_config_get(node, key);
    return list && vd_config_is_list(list) && vd_config_len(list) == 4 ? list : NULL;
}

static vd_err read_ground(const vd_config_node *node, const vd_rule *rule, vd_ground *ground,
                          vd_why *why)
{
    static const char *const keys[] = { "points", "metres", NULL };
    vd_err err = vd_config_only(node, keys, why);
    const vd_config_node *points = four_of(node, "points"), *metres = four_of(node, "metres");
    if (!err && (!points || !metres)) {
        err = vd_config_fail(node, why,
                             "the calibration of rule '%s' needs four points and their "
                             "four places on the ground",
                             rule->id);
        vd_why_hint(why,
                    "points: the corners of a rectangle on the floor as shares of the picture; "
                    "metres: [[0,0],[4,0],[4,10],[0,10]] in the same order");
    }
    for (size_t i = 0; !err && i < 4; i++) {
        err = rule_read_point(vd_config_at(points, i), "calibration of rule", rule->id,
                              &ground->picture[i], why);
        if (!err) err = read_metres(vd_config_at(metres, i), ground->metre[i], why);
    }
    if (err || vd_ground_solve(ground)) return err;
    err = vd_config_fail(node, why,
                         "the calibration of rule '%s' gives no ground: three of its "
                         "points lie on a line, or the two lists go round differently",
                         rule->id);
    vd_why_hint(why, "take the four corners of a rectangle on the floor, as far apart as you can, "
                     "and give both lists in the same order");
    return err;
}

static vd_err read_proximity(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                             vd_why *why)
{
    const vd_config_node *calibration = vd_config_get(node, "calibration");
    double distance = 3, closing = 0;
    vd_err err = rule_read_classes(node, "near", words, rule->near.other, VD_RULE_CLASSES_MAX,
                                   &rule->near.other_count, why);
    if (!err) err = vd_config_num(node, "distance", 0.1, 100, &distance, why);
    if (!err) err = vd_config_num(node, "closing", 0, 50, &closing, why);
    if (!err) err = vd_config_bool(node, "riders", &rule->near.riders, why);
    if (!err && !calibration) {
        err = vd_config_fail(node, why,
                             "rule '%s' has no calibration: a picture alone knows no "
                             "metres",
                             rule->id);
        vd_why_hint(why, "add 'calibration:' with four points of the floor and their places in "
                         "metres");
    }
    rule->near.distance_m = (float)distance;
    rule->near.closing_mps = (float)closing;
    return err ? err : read_ground(calibration, rule, &rule->near.ground, why);
}

static vd_err read_object(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    static const char *const whats[] = { "either", "left", "removed", NULL };
    double least = 0.0008, most = 0.25;
    int what = VD_OBJECT_EITHER;
    vd_err err = vd_config_choice(node, "what", whats, &what, why);
    if (!err) err = vd_config_num(node, "size_min", 0, 1, &least, why);
    if (!err) err = vd_config_num(node, "size_max", 0, 1, &most, why);
    if (!err && least > most)
        err = vd_config_fail(node, why, "rule '%s': size_min %g is more than size_max %g", rule->id,
                             least, most);
    rule->object.what = (vd_object_what)what;
    rule->object.size_min = (float)least;
    rule->object.size_max = (float)most;
    return err;
}

vd_err rule_read_kind(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                      vd_why *why)
{
    switch (rule->kind) {
    case VD_RULE_ZONE: return read_zone(node, rule, why);
    case VD_RULE_LINE: return read_way(node, &rule->on_line.way, why);
    case VD_RULE_COUNT: return read_count(node, rule, why);
    case VD_RULE_EQUIPMENT: return read_equipment(node, words, rule, why);
    case VD_RULE_PROXIMITY: return read_proximity(node, words, rule, why);
    case VD_RULE_INSPECTION: return rule_read_inspection(node, words, rule, why);
    case VD_RULE_OBJECT: return read_object(node, rule, why);
    case VD_RULE_ABSENCE:
    case VD_RULE_HEALTH:
    case VD_RULE_KINDS: break;
    }
    return VD_OK;
}
