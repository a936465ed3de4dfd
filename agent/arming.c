/* arming.c - which profile is armed, and what is kept of detections. The file says which; the hub's
 * desired `arming` says otherwise, and its last word is kept for starts without the hub. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"

#define ARMING_BYTES 16384

static void set(agent *a, const vd_arming *arming, bool hub)
{
    pthread_mutex_lock(&a->lock);
    a->arming = *arming;
    a->hub_arms = hub;
    pthread_mutex_unlock(&a->lock);
}

void arming_now(agent *a, int64_t utc_us, char into[VD_PROFILE_ROOM])
{
    pthread_mutex_lock(&a->lock);
    vd_slice_to_chars(vd_slice_str(vd_arming_at(&a->arming, utc_us)), into, VD_PROFILE_ROOM);
    pthread_mutex_unlock(&a->lock);
}

/* Which profile is armed now, and by whom: nothing where no profile is. */
void arming_members(agent *a, vd_json_w *w)
{
    char profile[VD_PROFILE_ROOM];

    arming_now(a, vd_clock_utc_us(), profile);
    pthread_mutex_lock(&a->lock);
    const char *by = a->hub_arms ? "hub" : "file";
    pthread_mutex_unlock(&a->lock);
    if (!profile[0]) return;
    vd_json_w_kv_text(w, "profile", profile);
    vd_json_w_kv_text(w, "profile_by", by);
}

static char *kept_path(agent *a, char *into, size_t room)
{
    (void)snprintf(into, room, "%s/arming.json", a->config->state_dir);
    return into;
}

/* What the hub says over what the file says: its profile, and its hours if it has any. */
static vd_err combine(agent *a, vd_slice json, vd_arming *ret_arming, bool *ret_hub, vd_why *why)
{
    VD_AUTO(vd_config_ptr) text = NULL;
    vd_arming own = { 0 }, hub = { 0 };
    bool by_hub = false;

    vd_err err = vd_arming_read(a->config->arming, &own, why);
    if (!err && !vd_slice_eq(json, VD_STR("null"))) {
        err = vd_config_parse(json, "desired arming", &text, why);
        if (!err) err = vd_arming_read(vd_config_root(text), &hub, why);
        by_hub = hub.fixed[0] || hub.count;
        if (!err && hub.count == 0) {
            memcpy(hub.by, own.by, sizeof hub.by);
            hub.count = own.count;
        }
        own = hub;
    }
    if (err) return err;
    *ret_arming = own;
    *ret_hub = by_hub;
    return VD_OK;
}

vd_err arming_wish(void *agent_ptr, vd_slice json, vd_why *why)
{
    agent *a = agent_ptr;
    vd_arming arming;
    vd_why own = { 0 };
    char path[4096];
    bool by_hub;

    vd_err err = combine(a, json, &arming, &by_hub, &own);
    if (err) {
        vd_log_why(VD_LOG_WARN, "arming.refused", "the hub's arming is wrong, the old one holds",
                   &own, NULL);
        if (why) *why = own;
        return err;
    }
    set(a, &arming, by_hub);
    vd_log(VD_LOG_INFO, "arming.applied", "the hub says what is armed", "profile",
           arming.fixed[0] ? arming.fixed : "by hours", NULL);
    if (vd_file_save(kept_path(a, path, sizeof path), 0640, json, &own))
        vd_log_why(VD_LOG_WARN, "arming.unkept", "the hub's arming holds until the next start",
                   &own, NULL);
    return VD_OK;
}

static vd_err open_history(agent *a, vd_why *why)
{
    char dir[4096];
    const vd_history_config config = { .dir = dir,
                                       .bytes_max = (uint64_t)a->config->detections_mb << 20,
                                       .age_max_ms = a->config->detections_age_ms };

    if (!a->config->detections_keep) return VD_OK;
    (void)snprintf(dir, sizeof dir, "%s/detections", a->config->state_dir);
    return vd_history_open(&config, &a->history, why);
}

vd_err arming_open(agent *a, bool hub, vd_why *why)
{
    VD_AUTO(vd_buf) json = VD_BUF(ARMING_BYTES);
    vd_arming arming;
    vd_why own = { 0 };
    char path[4096];
    bool by_hub;

    setenv("TZ", a->config->time_zone, 1);
    tzset();
    vd_err err = vd_arming_read(a->config->arming, &arming, why);
    if (err) return err;
    set(a, &arming, false);
    kept_path(a, path, sizeof path);
    if (hub && access(path, R_OK) == 0) {
        err = vd_file_load(path, &json, &own);
        if (!err) err = combine(a, vd_buf_slice(&json), &arming, &by_hub, &own);
        if (err)
            vd_log_why(VD_LOG_WARN, "arming.lost", "what the hub armed last cannot be read", &own,
                       NULL);
        else
            set(a, &arming, by_hub);
    }
    return open_history(a, why);
}
