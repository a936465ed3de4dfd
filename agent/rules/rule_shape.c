#include "rule_priv.h"

vd_err rule_read_point(const vd_config_node *node, const char *what, const char *name,
                       vd_point *ret_point, vd_why *why)
{
    double xy[2] = { -1, -1 };
    if (!vd_config_is_list(node) || vd_config_len(node) != 2)
        return vd_config_fail(node, why, "%s '%s': a point is two numbers, [x, y]", what, name);
    for (size_t i = 0; i < 2; i++) {
        vd_err err = vd_config_num(vd_config_at(node, i), NULL, -1e9, 1e9, &xy[i], why);
        if (err) return err;
    }
    if (!(xy[0] >= 0 && xy[0] <= 1 && xy[1] >= 0 && xy[1] <= 1)) {
        vd_err err = vd_config_fail(node, why, "%s '%s': point [%g, %g] lies outside the picture",
                                    what, name, xy[0], xy[1]);
        vd_why_hint(why,
                    "points are shares of the picture, from 0 (left, top) to 1 (right, bottom)");
        return err;
    }
    *ret_point = (vd_point){ (float)xy[0], (float)xy[1] };
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

static vd_err check_edges(const vd_config_node *node, const char *what, const char *name,
                          const vd_point *p, unsigned n, vd_why *why)
{
    for (unsigned i = 0; i < n; i++) {
        if (folds_back(p[i], p[(i + 1) % n], p[(i + 2) % n]))
            return vd_config_fail(node, why, "%s '%s': the edges at point %u lie on one another",
                                  what, name, (i + 1) % n + 1);
        for (unsigned j = i + 2; j < n; j++) {
            if (i == 0 && j == n - 1) continue;
            if (!edges_meet(p[i], p[i + 1], p[j], p[(j + 1) % n])) continue;
            vd_err err =
                vd_config_fail(node, why, "%s '%s': the edges after points %u and %u cross", what,
                               name, i + 1, j + 1);
            vd_why_hint(why, "give the corners in order, once around the %s", what);
            return err;
        }
    }
    return VD_OK;
}

static vd_err check_line(const vd_config_node *node, const vd_rule *rule, vd_why *why)
{
    float dx = rule->point[1].x - rule->point[0].x, dy = rule->point[1].y - rule->point[0].y;
    if (dx * dx + dy * dy >= 1e-6f) return VD_OK;
    vd_err err = vd_config_fail(node, why, "line '%s': its two points are the same", rule->zone);
    vd_why_hint(why, "a line goes from one point to another, for example [[0.2, 0.5], [0.8, 0.5]]");
    return err;
}

static vd_err check_count(const vd_config_node *list, const vd_rule *rule, size_t count,
                          vd_why *why)
{
    bool line = rule->kind == VD_RULE_LINE || rule->kind == VD_RULE_COUNT ||
                rule->kind == VD_RULE_INSPECTION;
    bool polygon = rule->kind != VD_RULE_LINE;
    if (count <= VD_ZONE_POINTS_MAX && ((line && count == 2) || (polygon && count >= 3)))
        return VD_OK;
    vd_err err = vd_config_fail(list, why, "%s '%s' has %zu point%s", polygon ? "zone" : "line",
                                rule->zone, count, count == 1 ? "" : "s");
    if (!polygon)
        vd_why_hint(why, "give 2 points; something is counted when it goes from one side of the "
                         "line between them to the other");
    else if (line)
        vd_why_hint(why, "give 2 points for a line, 3 to %d for a zone", VD_ZONE_POINTS_MAX);
    else
        vd_why_hint(why, "give 3 to %d points", VD_ZONE_POINTS_MAX);
    return err;
}

static bool may_be_whole(vd_rule_kind kind)
{
    return kind == VD_RULE_ABSENCE || kind == VD_RULE_EQUIPMENT || kind == VD_RULE_PROXIMITY ||
           kind == VD_RULE_INSPECTION || kind == VD_RULE_OBJECT;
}

vd_err rule_read_points(const vd_config_node *node, vd_rule *rule, vd_why *why)
{
    const char *what = rule->kind == VD_RULE_LINE ? "line" : "zone";
    const vd_config_node *list = vd_config_get(node, "points");
    if (!list && may_be_whole(rule->kind)) return VD_OK;
    if (!list) {
        vd_err err = vd_config_fail(node, why, "%s '%s' has no points", what, rule->zone);
        vd_why_hint(why, "its shape stands in the rule itself, as shares of the picture: "
                         "points: [[0.1, 0.4], [0.9, 0.4], [0.9, 0.9]]");
        return err;
    }
    if (!vd_config_is_list(list))
        return vd_config_fail(list, why, "%s '%s': points is a list of [x, y]", what, rule->zone);
    size_t count = vd_config_len(list);
    vd_err err = check_count(list, rule, count, why);
    for (size_t i = 0; !err && i < count; i++)
        err = rule_read_point(vd_config_at(list, i), what, rule->zone,
                              &rule->point[rule->point_count++], why);
    if (err) return err;
    return count == 2 ? check_line(list, rule, why)
                      : check_edges(list, what, rule->zone, rule->point, rule->point_count, why);
}

vd_err vd_polygon_read(const vd_config_node *list, const char *what, const char *name,
                       unsigned most, vd_point *ret_points, unsigned *ret_count, vd_why *why)
{
    if (!vd_config_is_list(list))
        return vd_config_fail(list, why, "%s '%s': points is a list of [x, y]", what, name);
    size_t count = vd_config_len(list);
    if (count < 3 || count > most) {
        vd_err err = vd_config_fail(list, why, "%s '%s' has %zu point%s", what, name, count,
                                    count == 1 ? "" : "s");
        vd_why_hint(why, "give 3 to %u points", most);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        vd_err err = rule_read_point(vd_config_at(list, i), what, name, &ret_points[i], why);
        if (err) return err;
    }
    *ret_count = (unsigned)count;
    return check_edges(list, what, name, ret_points, (unsigned)count, why);
}
