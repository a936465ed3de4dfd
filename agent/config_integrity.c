/* config_integrity.c - `integrity`, of all cameras and of one. */
#include "agent_config.h"

#include <string.h>

#include "integrity.h"

#define HOUR_MS 3600000ll
#define DAY_MS  86400000ll

static vd_err read_ignored(const vd_config_node *node, const char *name, unsigned *into,
                           vd_why *why)
{
    const char *names[VD_INTEGRITY_KINDS];

    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) {
        names[i] = vd_integrity_name((vd_integrity_kind)i);
        if (strcmp(names[i], name) != 0) continue;
        *into |= 1u << i;
        return VD_OK;
    }
    vd_err err = vd_config_fail(node, why, "'%.40s' is nothing that is looked for", name);
    const char *nearest = vd_nearest(vd_slice_str(name), names, VD_INTEGRITY_KINDS);
    if (nearest) vd_why_hint(why, "did you mean '%s'?", nearest);
    return err;
}

static vd_err read_ignore(const vd_config_node *node, unsigned *ret_ignore, vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "ignore");
    unsigned ignore = 0;
    vd_err err = VD_OK;

    if (!list) return VD_OK;
    if (!vd_config_is_list(list))
        return vd_config_fail(list, why, "'ignore' is a list, such as [moved]");
    for (size_t i = 0; !err && i < vd_config_len(list); i++) {
        const char *name = NULL;
        err = vd_config_text(vd_config_at(list, i), NULL, &name, why);
        if (!err) err = read_ignored(vd_config_at(list, i), name ? name : "", &ignore, why);
    }
    if (!err) *ret_ignore = ignore;
    return err;
}

static vd_err read_reference(const vd_config_node *node, agent_integrity *into, vd_why *why)
{
    const char *word = NULL;
    vd_err err = vd_config_text(node, "reference", &word, why);

    if (err || !word ||
        vd_slice_to_chars(vd_slice_str(word), into->reference, sizeof into->reference))
        return err;
    return vd_config_fail(vd_config_get(node, "reference"), why, "'reference' is longer than %zu",
                          sizeof into->reference - 1);
}

vd_err config_integrity_read(const vd_config_node *parent, agent_integrity *into, vd_why *why)
{
    static const char *const keys[] = {
        "enabled", "after", "relearn", "ignore", "reference", NULL
    };
    const vd_config_node *node = vd_config_get(parent, "integrity");

    if (!node) return VD_OK;
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_bool(node, "enabled", &into->enabled, why);
    if (!err) err = vd_config_duration_ms(node, "after", 1000, HOUR_MS, &into->after_ms, why);
    if (!err)
        err = vd_config_duration_ms(node, "relearn", 60000, 365 * DAY_MS, &into->relearn_ms, why);
    if (!err) err = read_reference(node, into, why);
    return err ? err : read_ignore(node, &into->ignore, why);
}
