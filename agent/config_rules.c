/* config_rules.c - the settings that rules live by: the site's time, what is armed, what is kept.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_config.h"

#define DAY_MS (24 * 3600 * 1000ll)

static vd_err read_time_zone(const vd_config_node *root, agent_config *c, vd_why *why)
{
    char path[256];
    vd_err err = vd_config_text(root, "time_zone", &c->time_zone, why);
    if (err || strcmp(c->time_zone, "UTC") == 0) return err;
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%.200s", c->time_zone);
    if (c->time_zone[0] && !strstr(c->time_zone, "..") && access(path, R_OK) == 0) return VD_OK;
    err = vd_config_fail(vd_config_get(root, "time_zone"), why,
                         "'%.60s' is no time zone that this machine knows", c->time_zone);
    vd_why_hint(why, "a name such as Europe/Berlin; the package tzdata brings them");
    return err;
}

static vd_err read_detections(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "keep", "quota_mb", "max_age", NULL };
    const vd_config_node *node = vd_config_get(root, "detections");
    vd_err err = node ? vd_config_only(node, keys, why) : VD_OK;

    if (!err) err = vd_config_bool(node, "keep", &c->detections_keep, why);
    if (!err) err = vd_config_int(node, "quota_mb", 1, 1 << 20, &c->detections_mb, why);
    if (!err)
        err = vd_config_duration_ms(node, "max_age", 3600000, 3650 * DAY_MS, &c->detections_age_ms,
                                    why);
    return err;
}

vd_err agent_rules_settings(const vd_config_node *root, agent_config *c, vd_why *why)
{
    vd_err err = read_time_zone(root, c, why);

    c->arming = vd_config_get(root, "arming");
    return err ? err : read_detections(root, c, why);
}
