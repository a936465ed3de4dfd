/* config_masks.c - the `masks` of a camera: what of its pictures nobody may see. */
#include "agent_config.h"

#include <string.h>

#include "rules.h"

_Static_assert(VD_MASK_CORNERS_MAX <= VD_ZONE_POINTS_MAX, "a mask's corners fit into a zone's");

#define NAME_MAX_BYTES 64

static vd_err read_mask(const vd_config_node *node, vd_mask *ret_mask, vd_why *why)
{
    static const char *const keys[] = { "name", "points", NULL };
    vd_point point[VD_MASK_CORNERS_MAX] = { 0 };
    const char *name = "";

    if (!vd_config_is_map(node)) {
        vd_err err = vd_config_fail(node, why, "a mask has a name and points");
        vd_why_hint(why, "- {name: desk, points: [[0.1, 0.6], [0.4, 0.6], [0.4, 1], [0.1, 1]]}");
        return err;
    }
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_text(node, "name", &name, why);
    if (!err && (!name[0] || strlen(name) > NAME_MAX_BYTES))
        err = vd_config_fail(node, why, "a mask needs a name of 1 to %d bytes", NAME_MAX_BYTES);
    if (!err && !vd_config_get(node, "points"))
        err = vd_config_fail(node, why, "mask '%s' has no points", name);
    if (!err)
        err = vd_polygon_read(vd_config_get(node, "points"), "mask", name, VD_MASK_CORNERS_MAX,
                              point, &ret_mask->count, why);
    for (unsigned i = 0; !err && i < ret_mask->count; i++) {
        ret_mask->corner[i][0] = point[i].x;
        ret_mask->corner[i][1] = point[i].y;
    }
    return err;
}

static vd_err check_name(const vd_config_node *list, size_t index, vd_why *why)
{
    const char *name = "", *other = "";
    vd_err err = vd_config_text(vd_config_at(list, index), "name", &name, why);

    for (size_t i = 0; !err && i < index; i++) {
        err = vd_config_text(vd_config_at(list, i), "name", &other, why);
        if (!err && strcmp(name, other) == 0)
            err = vd_config_fail(vd_config_at(list, index), why, "two masks have the name '%s'",
                                 name);
    }
    return err;
}

vd_err config_masks_read(const vd_config_node *list, vd_mask ret_masks[VD_MASKS_MAX],
                         unsigned *ret_count, vd_why *why)
{
    const size_t count = vd_config_len(list);
    vd_err err = VD_OK;

    *ret_count = 0;
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) {
        err = vd_config_fail(list, why, "'masks' is a list");
        vd_why_hint(why, "of {name: ..., points: [[x, y], ...]}; [] for none");
        return err;
    }
    if (count > VD_MASKS_MAX) {
        err = vd_config_fail(list, why, "a camera has at most %d masks", VD_MASKS_MAX);
        vd_why_hint(why, "let one polygon cover what lies side by side");
        return err;
    }
    for (size_t i = 0; !err && i < count; i++) {
        err = read_mask(vd_config_at(list, i), &ret_masks[i], why);
        if (!err) err = check_name(list, i, why);
    }
    if (!err) *ret_count = (unsigned)count;
    return err;
}
