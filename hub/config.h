/* config.h - the hub's configuration: hub.default.yaml is the manual. Immutable once loaded. */
#ifndef VD_HUB_CONFIG_H
#define VD_HUB_CONFIG_H
#include "evaluation.h"
#include "watch.h"

#include "vd/config.h"
#include "vd/log.h"

#define HUB_NAMES_MAX 32

typedef struct {
    vd_config *file; /* texts are borrowed from it; NULL for the defaults */
    const char *site, *time_zone, *state_dir, *host_name, *https_address, *mqtt_address;
    const char *web_dir, *mailbox_dir, *models_dir; /* "" for none */
    int64_t https_port, mqtt_port, incident_gap_ms;
    const char *names[HUB_NAMES_MAX + 1]; /* NULL-closed */
    char public_url[512];                 /* "" until the port is known */
    vd_notify_config notify;
    vd_archive_retention retention;
    vd_watch_config watch;
    int64_t rollout_soak_ms;
    vd_gate_settings gate;
    vd_lake_config lake;     /* path: relative to state_dir until the hub opens */
    char metrics_token[256]; /* secret; "": none */
    int log_format, log_level;
} hub_config;

/* `path` NULL: the defaults. Secrets are read from their files. On failure nothing is owned. */
VD_MUST_USE vd_err hub_config_load(const char *path, hub_config *ret_config, vd_why *why);
VD_MUST_USE vd_err hub_config_parse(vd_slice yaml, const char *name, hub_config *ret_config,
                                    vd_why *why);
void hub_config_done(hub_config *config);
#endif
