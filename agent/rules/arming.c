#include "rule_priv.h"

bool profile_name_good(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len < VD_PROFILE_ROOM &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

vd_err profile_name_fail(const vd_config_node *node, const char *name, vd_why *why)
{
    vd_err err = vd_config_fail(node, why, "'%.40s' is no profile's name", name);
    vd_why_hint(why, "1 to %d letters, digits, '-', '_' and '.'; for example 'night'",
                VD_PROFILE_ROOM - 1);
    return err;
}

static vd_err read_hours(const vd_config_node *hours, vd_arming *arming, vd_why *why)
{
    vd_err err = VD_OK;
    if (!hours) return VD_OK;
    if (!vd_config_is_map(hours) || vd_config_len(hours) > VD_ARMING_MAX) {
        err = vd_config_fail(hours, why, "'hours' are at most %d profiles with theirs",
                             VD_ARMING_MAX);
        vd_why_hint(why, "for example 'hours: {night: [\"daily 22:00-06:00\"]}'");
        return err;
    }
    for (size_t i = 0; !err && i < vd_config_len(hours); i++) {
        const char *name = "";
        const vd_config_node *node = vd_config_member(hours, i, &name);
        if (!profile_name_good(name)) return profile_name_fail(node, name, why);
        vd_slice_to_chars(vd_slice_str(name), arming->by[i].profile, VD_PROFILE_ROOM);
        err = vd_hours_read(hours, name, arming->by[i].hours, &arming->by[i].hours_count, why);
        arming->count++;
    }
    return err;
}

vd_err vd_arming_read(const vd_config_node *node, vd_arming *ret_arming, vd_why *why)
{
    static const char *const keys[] = { "profile", "hours", NULL };
    vd_arming arming = { 0 };
    const char *fixed = "";
    vd_err err = node ? vd_config_only(node, keys, why) : VD_OK;
    if (!err) err = vd_config_text(node, "profile", &fixed, why);
    if (!err && *fixed && !profile_name_good(fixed))
        err = profile_name_fail(vd_config_get(node, "profile"), fixed, why);
    if (!err) err = read_hours(vd_config_get(node, "hours"), &arming, why);
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(fixed), arming.fixed, sizeof arming.fixed);
    *ret_arming = arming;
    return VD_OK;
}

const char *vd_arming_at(const vd_arming *arming, int64_t utc_us)
{
    if (arming->fixed[0]) return arming->fixed;
    for (unsigned i = 0; i < arming->count; i++)
        if (vd_hours_hold(arming->by[i].hours, arming->by[i].hours_count, utc_us))
            return arming->by[i].profile;
    return "";
}
