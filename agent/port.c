/* port.c - the local port and the alerts, with the whole agent behind them. Everything here is
 * asked on the port's threads. */
#include <stdio.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/program.h"

#define SCORE_WAIT_US 30000000

static void say_why(vd_json_w *w, const vd_why *why)
{
    char line[400];
    vd_why brief = *why;

    if (!why->fact[0]) return;
    brief.hint[0] = '\0';
    vd_json_w_kv_text(w, "why", vd_why_line(&brief, line, sizeof line));
    if (why->hint[0]) vd_json_w_kv_text(w, "hint", why->hint);
}

/* ---- the status ---- */

static void hub_status(agent *a, vd_json_w *w)
{
    vd_device_status s = { 0 };

    vd_json_w_key(w, "hub");
    if (!a->link) {
        vd_json_w_null(w);
        return;
    }
    vd_device_get_status(a->link, &s);
    vd_json_w_object(w);
    vd_json_w_kv_bool(w, "connected", s.connected);
    vd_json_w_kv_time(w, "since", s.since_utc_us);
    if (!s.connected) say_why(w, &s.why);
    vd_json_w_object_end(w);
}

static void model_status(agent *a, vd_json_w *w)
{
    char line[800];

    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    pthread_mutex_lock(&a->lock);
    if (a->model) {
        vd_json_w_kv_text(w, "name", vd_model_name(a->model));
        vd_json_w_kv_text(w, "digest", vd_model_digest(a->model)->hex);
    } else {
        vd_json_w_kv_text(w, "missing", vd_why_line(&a->model_why, line, sizeof line));
    }
    pthread_mutex_unlock(&a->lock);
    vd_json_w_object_end(w);
}

static void queue_status(agent *a, vd_json_w *w)
{
    vd_outbox_stats s;

    vd_outbox_get_stats(a->outbox, &s);
    vd_json_w_key(w, "queue");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "waiting", (int64_t)s.waiting);
    vd_json_w_kv_int(w, "waiting_files", (int64_t)s.waiting_blobs);
    vd_json_w_kv_int(w, "bytes", (int64_t)s.bytes);
    vd_json_w_kv_int(w, "oldest_s", (int64_t)(s.oldest_age_ms / 1000));
    vd_json_w_kv_int(w, "accepted", (int64_t)s.accepted);
    vd_json_w_kv_int(w, "dropped", (int64_t)(s.dropped_quota + s.dropped_age + s.dropped_blobs));
    vd_json_w_kv_int(w, "disk_free", (int64_t)vd_disk_free_bytes(a->config->state_dir));
    vd_json_w_object_end(w);
}

static void score_status(agent *a, vd_json_w *w)
{
    uint64_t scored = 0, busy = 0;

    if (a->port) vd_local_scored(a->port, &scored, &busy); /* NULL: asked while it starts */
    vd_json_w_key(w, "score");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "scored", (int64_t)scored);
    vd_json_w_kv_int(w, "busy", (int64_t)busy);
    vd_json_w_object_end(w);
}

static void alerts_status(agent *a, vd_json_w *w)
{
    vd_json_w_key(w, "alerts");
    vd_json_w_list(w);
    for (unsigned i = 0; i < vd_alerts_count(a->alerts); i++) {
        vd_alert_status s;
        vd_alerts_get_status(a->alerts, i, &s);
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "id", s.id);
        vd_json_w_kv_text(w, "kind", vd_alert_kind_name(s.kind));
        vd_json_w_kv_int(w, "sent", (int64_t)s.sent);
        vd_json_w_kv_int(w, "failed", (int64_t)s.failed);
        vd_json_w_kv_int(w, "dropped", (int64_t)s.dropped);
        vd_json_w_kv_int(w, "waiting", (int64_t)s.waiting);
        vd_json_w_kv_bool(w, "on", s.on);
        say_why(w, &s.why);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void camera_status(lane *l, vd_json_w *w)
{
    vd_camera_status status;
    vd_turns_stats turns;

    lane_status(l, &status);
    vd_turns_get_stats(l->agent->turns, l->number, &turns);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", l->config->id);
    vd_json_w_kv_text(w, "state", vd_camera_state_name(status.state));
    vd_json_w_kv_time(w, "since", status.since_utc_us);
    pthread_mutex_lock(&l->agent->lock);
    bool looked = !l->analysis_why.fact[0];
    say_why(w, status.why.fact[0] ? &status.why : looked ? &l->rules_why : &l->analysis_why);
    vd_json_w_kv_int(w, "errors", (int64_t)l->analysis_errors);
    pthread_mutex_unlock(&l->agent->lock);
    vd_json_w_kv_num(w, "fps", status.fps, 1);
    vd_json_w_kv_int(w, "width", status.width_px);
    vd_json_w_kv_int(w, "height", status.height_px);
    vd_json_w_kv_text(w, "codec", status.codec[0] ? status.codec : NULL);
    vd_json_w_kv_int(w, "restarts", (int64_t)status.restarts);
    vd_json_w_kv_int(w, "analysed", (int64_t)turns.looked);
    vd_json_w_kv_int(w, "stale", (int64_t)turns.stale);
    vd_json_w_object_end(w);
}

static void lanes_status(agent *a, vd_json_w *w)
{
    VD_AUTO(lane_list) all = agent_lanes(a);

    for (unsigned i = 0; i < all.count; i++) camera_status(all.lane[i], w);
}

/* Entries that are wrong: those of cameras that are not there, or with `holds` of those that go on
 * as they were before. */
static void refused_status(agent *a, const wish_list *list, bool holds, vd_json_w *w)
{
    for (unsigned i = 0; i < list->count; i++) {
        const camera_wish *wish = &list->item[i], *refused;
        if ((live_source(a, wish->id, &refused) != NULL) != holds || refused != wish) continue;
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "id", wish->id);
        if (!holds) vd_json_w_kv_text(w, "state", "refused");
        say_why(w, &wish->why);
        vd_json_w_object_end(w);
    }
}

/* What of the file is not as it stands there. */
static void config_status(agent *a, vd_json_w *w)
{
    vd_json_w_key(w, "config");
    vd_json_w_object(w);
    say_why(w, &a->file_why);
    vd_json_w_kv_text(w, "needs_restart", a->restart[0] ? a->restart : NULL);
    vd_json_w_key(w, "entries");
    vd_json_w_list(w);
    refused_status(a, &a->from_hub, true, w);
    refused_status(a, &a->from_file, true, w);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

static void on_status(void *ctx, vd_json_w *w)
{
    agent *a = ctx;

    vd_json_w_kv_text(w, "device", a->device);
    vd_json_w_kv_text(w, "version", vd_version);
    vd_json_w_kv_time(w, "started", a->started_utc_us);
    hub_status(a, w);
    model_status(a, w);
    queue_status(a, w);
    score_status(a, w);
    alerts_status(a, w);
    vd_json_w_key(w, "cameras");
    vd_json_w_list(w);
    lanes_status(a, w);
    /* Not while a lane is held: who lets it leave has this lock, and waits for us. */
    pthread_mutex_lock(&a->wishes_use);
    refused_status(a, &a->from_hub, false, w);
    refused_status(a, &a->from_file, false, w);
    vd_json_w_list_end(w);
    config_status(a, w);
    pthread_mutex_unlock(&a->wishes_use);
}

static void on_figures(void *ctx, vd_metrics *m)
{
    figures_fill(ctx, m);
}

/* ---- scoring: the port has a turn like a camera's, so that it gets a camera's share ---- */

typedef struct port_ask {
    const vd_local_ask *ask;
    vd_local_found *found;
    const vd_frame *frame;
    bool done;
    vd_err err;
    vd_why why;
} port_ask;

static vd_err check_ask(agent *a, const vd_local_ask *ask, vd_why *why)
{
    lane *l = ask->stream ? agent_lane(a, ask->stream) : NULL;

    if (ask->stream && !l)
        return vd_fail(why, VD_ABSENT, "there is no camera '%.60s'", ask->stream);
    lane_let_go(l);
    return VD_OK;
}

/* With model_use held. */
static vd_err look(agent *a, const port_ask *p, const vd_frame *frame, vd_detections *into,
                   vd_why *why)
{
    const char *object = p->ask->object;

    if (!a->model) {
        (void)vd_fail(why, VD_ABSENT, "there is no model that could look");
        vd_why_detail(why, "%s", a->model_why.fact);
        return VD_ABSENT;
    }
    if (object && vd_model_class_find(a->model, object) < 0)
        return vd_fail(why, VD_INVALID, "'%.60s' knows no class '%.60s'", vd_model_name(a->model),
                       object);
    return vd_model_run(a->model, frame, into, why);
}

static void keep(const vd_model *model, const vd_local_ask *ask, const vd_detections *seen,
                 vd_local_found *found)
{
    float least = ask->confidence >= 0 ? (float)ask->confidence : vd_model_score_min(model);

    (void)vd_slice_to_chars(vd_slice_str(vd_model_name(model)), found->model, sizeof found->model);
    found->digest = *vd_model_digest(model);
    found->count = 0;
    for (unsigned i = 0; i < seen->count && found->count < VD_LOCAL_BOXES; i++) {
        const vd_detection *d = &seen->item[i];
        const char *name = vd_model_class_name(model, d->class_id);
        if (!name || d->score < least || (ask->object && strcmp(ask->object, name) != 0)) continue;
        unsigned n = found->count++;
        (void)vd_slice_to_chars(vd_slice_str(name), found->name[n], VD_LOCAL_NAME_ROOM);
        found->box[n] = (vd_event_box){ .box = { d->box.l, d->box.t, d->box.w, d->box.h },
                                        .score = (double)d->score,
                                        .class_name = found->name[n] };
    }
}

void port_turn(agent *a, vd_frame *frame, vd_detections *scratch)
{
    if (!frame) return;
    /* Who asked waits until `done`, or gives up, with the lock held: it is held here all along. */
    pthread_mutex_lock(&a->port_lock);
    port_ask *p = a->port_ask;
    if (p && p->frame == frame) { /* else: of somebody who gave up */
        p->err = look(a, p, frame, scratch, &p->why);
        if (!p->err) keep(a->model, p->ask, scratch, p->found);
        p->done = true;
        pthread_cond_broadcast(&a->port_done);
    }
    pthread_mutex_unlock(&a->port_lock);
}

static vd_err wait_done(agent *a, port_ask *p, vd_why *why)
{
    int64_t until_us = vd_clock_mono_us() + SCORE_WAIT_US;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    while (!p->done && !a->port_closing && vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&a->port_done, &a->port_lock, &until);
    if (p->done) {
        if (p->err && why) *why = p->why;
        return p->err;
    }
    return vd_fail(why, VD_RETRY,
                   a->port_closing ? "the agent ends" : "the model has no time for this picture");
}

/* One after the other: the turn holds one picture. */
static vd_err on_score(void *ctx, const vd_local_ask *ask, vd_frame *frame,
                       vd_local_found *ret_found, vd_why *why)
{
    agent *a = ctx;
    port_ask mine = { .ask = ask, .found = ret_found, .frame = frame };
    vd_err err = check_ask(a, ask, why);

    if (err) return err;
    pthread_mutex_lock(&a->port_one);
    pthread_mutex_lock(&a->port_lock);
    a->port_ask = &mine;
    vd_turns_put(a->turns, PORT_TURN, vd_frame_ref(frame));
    err = wait_done(a, &mine, why);
    a->port_ask = NULL;
    pthread_mutex_unlock(&a->port_lock);
    pthread_mutex_unlock(&a->port_one);
    return err;
}

/* ---- life ---- */

static vd_local_config local_config(const agent_config *c)
{
    return (vd_local_config){ .address = c->local_address,
                              .port = (uint16_t)c->local_port,
                              .token_file = c->local_token_file };
}

vd_err port_check(const agent_config *config, vd_why *why)
{
    vd_local_config local = local_config(config);
    vd_alert_list list;
    vd_err err = config->local_port < 0 ? VD_OK : vd_local_check(&local, why);

    if (!err) err = vd_alerts_read(config->alerts, &list, why);
    return err ? err : vd_alerts_check(&list, why);
}

void port_init(agent *a)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&a->port_one, NULL);
    pthread_mutex_init(&a->port_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->port_done, &attr);
    pthread_condattr_destroy(&attr);
}

vd_err port_alerts(agent *a, vd_why *why)
{
    vd_alert_list list;
    vd_err err = vd_alerts_read(a->config->alerts, &list, why);

    return err ? err : vd_alerts_start(&list, a->device, &a->alerts, why);
}

vd_err port_open(agent *a, vd_why *why)
{
    char port[24];
    vd_local_config config = local_config(a->config);
    vd_local_sink sink = { .ctx = a,
                           .figures = on_figures,
                           .status = on_status,
                           .picture = lane_preview,
                           .score = on_score,
                           .trigger = yield_signal };

    if (a->config->local_port < 0) return VD_OK;
    vd_err err = vd_local_start(&config, &sink, &a->port, why);
    if (!err)
        vd_log(VD_LOG_INFO, "local.ready", "the local port is open", "address",
               a->config->local_address, "port", vd_text_i64(vd_local_port(a->port), port), NULL);
    return err;
}

void port_close(agent *a)
{
    pthread_mutex_lock(&a->port_lock);
    a->port_closing = true;
    pthread_cond_broadcast(&a->port_done);
    pthread_mutex_unlock(&a->port_lock);
    a->port = vd_local_free(a->port);
}

void port_done(agent *a)
{
    a->alerts = vd_alerts_free(a->alerts);
    pthread_cond_destroy(&a->port_done);
    pthread_mutex_destroy(&a->port_lock);
    pthread_mutex_destroy(&a->port_one);
}
