/* report.c - the reported sections of the twin: agent, model, cameras, queue. States are told at
 * once, figures twice a minute, so that a frame rate that trembles is not a message. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/program.h"

#define FIGURES_EVERY_US 30000000
#define SETTLE_US        15000000 /* so long after a change figures are told more often */
#define SETTLE_EVERY_US  3000000
#define DISK_STEP        67108864ull /* free room is told in steps: it trembles too */
#define CAMERAS_BYTES    24576       /* leaves room for the others in the twin's 32 KiB */

static void report(agent *a, const char *section, vd_json_w *w, const vd_buf *text)
{
    vd_json_w_object_end(w);
    if (!vd_json_w_end(w)) vd_device_report(a->link, section, vd_buf_slice(text));
}

static void why_members(vd_json_w *w, const vd_why *why)
{
    char line[400];
    vd_why brief = *why;

    brief.hint[0] = '\0';
    vd_json_w_kv_text(w, "why", why->fact[0] ? vd_why_line(&brief, line, sizeof line) : NULL);
    vd_json_w_kv_text(w, "hint", why->hint[0] ? why->hint : NULL);
}

/* {"refused": ...} about a whole that was not taken; nothing when it was. */
static void refusal_members(vd_json_w *w, const char *key, const vd_why *why)
{
    if (!why->fact[0]) return;
    vd_json_w_key(w, key);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "state", "refused");
    why_members(w, why);
    vd_json_w_object_end(w);
}

static void report_agent(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "version", vd_version);
    vd_json_w_kv_time(&w, "started", a->started_utc_us);
    vd_json_w_kv_int(&w, "disk_free",
                     (int64_t)(vd_disk_free_bytes(a->config->state_dir) / DISK_STEP * DISK_STEP));
    arming_members(a, &w);
    pthread_mutex_lock(&a->wishes_use);
    refusal_members(&w, "file", &a->file_why);
    refusal_members(&w, "desired_cameras", &a->hub_why);
    vd_json_w_kv_text(&w, "needs_restart", a->restart[0] ? a->restart : NULL);
    pthread_mutex_unlock(&a->wishes_use);
    report(a, "agent", &w, &text);
}

static void model_members(vd_json_w *w, const vd_model *model, const vd_why *why)
{
    char line[800];
    vd_why provider_why = { 0 };

    if (!model) {
        vd_json_w_kv_text(w, "missing", vd_why_line(why, line, sizeof line));
        return;
    }
    vd_provider provider = vd_model_provider(model, &provider_why);
    vd_json_w_kv_text(w, "name", vd_model_name(model));
    vd_json_w_kv_text(w, "digest", vd_model_digest(model)->hex);
    vd_json_w_kv_text(w, "provider", vd_provider_name(provider));
}

/* The models beside the main one that some camera wants. With the lock held. */
static void other_models(const agent *a, vd_json_w *w)
{
    vd_json_w_key(w, "others");
    vd_json_w_object(w);
    for (unsigned i = 1; i < a->config->model_count; i++) {
        if (!a->extra[i] && !a->extra_why[i].fact[0]) continue;
        vd_json_w_key(w, a->config->model[i].step.id);
        vd_json_w_object(w);
        model_members(w, a->extra[i], &a->extra_why[i]);
        vd_json_w_object_end(w);
    }
    vd_json_w_object_end(w);
}

void report_model(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    vd_json_w w = vd_json_writer(&text);

    pthread_mutex_lock(&a->lock);
    vd_json_w_object(&w);
    model_members(&w, a->model, &a->model_why);
    if (a->config->model_count > 1) other_models(a, &w);
    pthread_mutex_unlock(&a->lock);
    if (a->models) vd_models_report(a->models, &w);
    report(a, "model", &w, &text);
}

static void camera_member(lane *l, vd_json_w *w, bool rules)
{
    vd_camera_status status;
    vd_turns_stats turns;
    const camera_wish *refused;
    const char *source = live_source(l->agent, l->config->id, &refused);

    lane_status(l, &status);
    vd_json_w_key(w, l->config->id);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "state", vd_camera_state_name(status.state));
    vd_json_w_kv_time(w, "since", status.since_utc_us);
    vd_turns_get_stats(l->agent->turns, l->number, &turns);
    pthread_mutex_lock(&l->agent->lock);
    const vd_why *why = status.why.fact[0] ? &status.why : &l->rules_why;
    why_members(w, refused && !why->fact[0] ? &refused->why : why);
    vd_json_w_kv_int(w, "analysed", (int64_t)turns.looked);
    vd_json_w_kv_int(w, "stale", (int64_t)turns.stale);
    yield_members(l, w);
    if (rules && l->rules_text) {
        vd_json_w_key(w, "rules");
        vd_json_w_raw(w, vd_slice_str(l->rules_text));
    }
    pthread_mutex_unlock(&l->agent->lock);
    vd_json_w_kv_num(w, "fps", status.fps, 1);
    vd_json_w_kv_int(w, "width", status.width_px);
    vd_json_w_kv_int(w, "height", status.height_px);
    vd_json_w_kv_text(w, "codec", status.codec[0] ? status.codec : NULL);
    vd_json_w_kv_text(w, "decoder", status.decoder[0] ? status.decoder : NULL);
    vd_json_w_kv_text(w, "gate",
                      status.gate != VD_GATE_OFF ? vd_gate_state_name(status.gate) : NULL);
    if (vd_config_len(l->config->masks))
        vd_json_w_kv_int(w, "masks", (int64_t)vd_config_len(l->config->masks));
    vd_json_w_kv_int(w, "restarts", (int64_t)status.restarts);
    vd_json_w_kv_text(w, "source", source);
    if (refused) refusal_members(w, "entry", &refused->why);
    vd_json_w_object_end(w);
}

/* A camera that is not there because its entry is wrong. */
static void refused_member(const camera_wish *wish, const char *source, vd_json_w *w)
{
    vd_json_w_key(w, wish->id);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "state", vd_camera_state_name(VD_CAMERA_FAILED));
    why_members(w, &wish->why);
    vd_json_w_kv_text(w, "source", source);
    refusal_members(w, "entry", &wish->why);
    vd_json_w_object_end(w);
}

static void refused_members(agent *a, const wish_list *list, vd_json_w *w)
{
    for (unsigned i = 0; i < list->count; i++) {
        const camera_wish *wish = &list->item[i], *refused;
        if (live_source(a, wish->id, &refused) || refused != wish) continue;
        refused_member(wish, list == &a->from_hub ? "hub" : "file", w);
    }
}

static vd_err report_cameras(agent *a, bool rules)
{
    VD_AUTO(vd_buf) text = VD_BUF(CAMERAS_BYTES);
    vd_json_w w = vd_json_writer(&text);

    pthread_mutex_lock(&a->wishes_use);
    vd_json_w_object(&w);
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++)
        if (a->lane[i]) camera_member(a->lane[i], &w, rules);
    refused_members(a, &a->from_hub, &w);
    refused_members(a, &a->from_file, &w);
    vd_json_w_object_end(&w);
    pthread_mutex_unlock(&a->wishes_use);
    vd_err err = vd_json_w_end(&w);
    if (!err) vd_device_report(a->link, "cameras", vd_buf_slice(&text));
    return err;
}

static void report_queue(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    vd_outbox_stats stats;

    vd_outbox_get_stats(a->outbox, &stats);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "waiting", (int64_t)stats.waiting);
    vd_json_w_kv_int(&w, "waiting_blobs", (int64_t)stats.waiting_blobs);
    vd_json_w_kv_int(&w, "bytes", (int64_t)stats.bytes);
    vd_json_w_kv_int(&w, "oldest_s", (int64_t)(stats.oldest_age_ms / 60000 * 60));
    vd_json_w_kv_int(&w, "dropped", (int64_t)(stats.dropped_quota + stats.dropped_age));
    vd_json_w_kv_int(&w, "dropped_quota", (int64_t)stats.dropped_quota);
    vd_json_w_kv_int(&w, "dropped_age", (int64_t)stats.dropped_age);
    vd_json_w_kv_int(&w, "dropped_files", (int64_t)stats.dropped_blobs);
    vd_json_w_kv_int(&w, "held", (int64_t)stats.held);
    vd_json_w_kv_int(&w, "held_bytes", (int64_t)stats.held_bytes);
    vd_json_w_kv_int(&w, "failed", (int64_t)vd_events_failed(a->events));
    report(a, "queue", &w, &text);
}

static char mark_of(lane *l)
{
    vd_camera_status status;

    lane_status(l, &status);
    pthread_mutex_lock(&l->agent->lock);
    unsigned rules = l->rules_text ? vd_sha256(vd_slice_str(l->rules_text)).hex[0] : 0;
    pthread_mutex_unlock(&l->agent->lock);
    unsigned mark = 1 + (unsigned)status.state * 31 + (unsigned)status.restarts * 7 +
                    (unsigned)status.width_px + rules + (status.fps > 0 ? 113 : 0);
    return (char)(mark % 127 + 1);
}

/* What must be told at once: cameras that come and go, states, restarts, sizes, rules, what is
 * armed. */
static bool states_changed(agent *a, report_state *state)
{
    bool changed = false;

    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++) {
        char mark = 0;
        if (a->lane[i]) mark = mark_of(a->lane[i]);
        changed = changed || state->states[i] != mark;
        state->states[i] = mark;
    }
    pthread_mutex_lock(&a->wishes_use);
    changed = changed || state->wishes_version != a->wishes_version;
    state->wishes_version = a->wishes_version;
    pthread_mutex_unlock(&a->wishes_use);
    char profile[VD_PROFILE_ROOM];
    arming_now(a, vd_clock_utc_us(), profile);
    changed = changed || strcmp(profile, state->profile) != 0;
    memcpy(state->profile, profile, sizeof profile);
    uint64_t failed = vd_events_failed(a->events);
    changed = changed || failed != state->failed;
    state->failed = failed;
    return changed;
}

void report_tick(agent *a, report_state *state)
{
    int64_t now_us = vd_clock_mono_us();
    bool changed = states_changed(a, state);

    if (!a->link) return;
    report_model(a); /* its figures are rounded: it differs seldom */
    if (changed) state->changed_us = now_us;
    bool settling = now_us - state->changed_us < SETTLE_US;
    int64_t every_us = settling ? SETTLE_EVERY_US : FIGURES_EVERY_US;
    if (!changed && state->figures_us && now_us - state->figures_us < every_us) return;
    state->figures_us = now_us;
    report_agent(a);
    if (report_cameras(a, true) && report_cameras(a, false))
        vd_log(VD_LOG_WARN, "twin.full", "the cameras do not fit into the twin", NULL);
    report_queue(a);
}
