/* agent.c - everything is opened, started and stopped in the order the data takes. */
#include <stdio.h>
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/secret.h"

#define MIB      1048576ull
#define FLUSH_MS 3000

/* Each revision has a fact of its own, so that none is folded into a count: what the log says was
 * accepted is what the hub must have in the end. */
static void log_event(const vd_event *event)
{
    char fact[96], revision[24];

    snprintf(fact, sizeof fact, "the event is on disk: %s, revision %llu", event->phase,
             (unsigned long long)event->revision);
    vd_log(VD_LOG_INFO, "event.accepted", fact, "event", event->id.text, "revision",
           vd_text_i64((int64_t)event->revision, revision), "phase", event->phase, "camera",
           event->camera, "rule", event->rule_id, "class", event->class_name, NULL);
}

/* vd_events_sink.accept: the outbox, a word in the log, and whoever is told beside the cameras. */
static vd_err on_accept(void *ctx, const vd_event *event, vd_why *why)
{
    agent *a = ctx;
    vd_why own = { 0 };
    vd_err err = vd_outbox_accept(a->outbox, event, &own);

    if (err)
        vd_log_why(VD_LOG_ERROR, "event.unkept", "an event could not be kept", &own, "event",
                   event->id.text, "camera", event->camera, NULL);
    else
        log_event(event);
    if (!err) vd_alerts_event(a->alerts, event);
    if (err && why) *why = own;
    return err;
}

static void on_link(void *ctx, const vd_device_status *status)
{
    agent *a = ctx;

    if (status->connected)
        vd_log(VD_LOG_INFO, "hub.connected", "connected to the hub", "device", a->device, NULL);
    else
        vd_log_why(VD_LOG_WARN, "hub.away", "the hub is away, events wait", &status->why, "device",
                   a->device, NULL);
}

/* Reads the secret into `text`; an empty text means that there is no hub. */
static vd_err read_connection(const agent_config *c, char text[SECRET_ROOM], vd_why *why)
{
    vd_why note = { 0 };

    text[0] = '\0';
    if (!c->connection_string_file[0]) return VD_OK;
    vd_err err = agent_secret_read(c->connection_string_file, text, SECRET_ROOM, &note);
    if (err && why) *why = note;
    if (!err && note.fact[0])
        vd_log_why(VD_LOG_WARN, "secret.open", "the connection string can be read by others", &note,
                   NULL);
    return err;
}

static vd_device_config link_config(const agent_config *c, const char *connection)
{
    return (vd_device_config){
        .connection_string = connection,
        .ca_file = c->ca_file[0] ? c->ca_file : NULL,
        .https_port = (unsigned)c->https_port,
        .upload_bytes_s = (uint64_t)c->upload.kbit_s * 125,
    };
}

vd_err agent_check_hub(const agent_config *c, vd_why *why)
{
    char connection[SECRET_ROOM];
    vd_err err = read_connection(c, connection, why);
    vd_device_config config = link_config(c, connection);

    if (!err && connection[0]) err = vd_device_check(&config, why);
    vd_wipe(connection, sizeof connection);
    return err;
}

static vd_err name_device(agent *a, const char *connection, vd_why *why)
{
    if (connection[0]) return vd_device_id_of(connection, a->device, sizeof a->device, why);
    if (vd_iothub_id_ok(vd_slice_str(a->config->device)) &&
        vd_slice_to_chars(vd_slice_str(a->config->device), a->device, sizeof a->device))
        return VD_OK;
    return vd_fail(why, VD_INVALID, "'%.60s' is no device name", a->config->device);
}

static vd_outbox_policy upload_policy(const agent_config *c)
{
    const agent_upload *u = &c->upload;

    return (vd_outbox_policy){ .always = u->always,
                               .severity_min = u->severity_min,
                               .score_min = u->score_min,
                               .score_max = u->score_max,
                               .per_hour = (unsigned)u->per_hour,
                               .per_day = (unsigned)u->per_day,
                               .quiet_from_min = (int)u->quiet_from_min,
                               .quiet_to_min = (int)u->quiet_to_min };
}

static vd_err open_outbox(agent *a, vd_why *why)
{
    char dir[4096];
    vd_outbox_config config = { .dir = dir,
                                .quota_bytes = (uint64_t)a->config->quota_mb * MIB,
                                .max_age_ms = a->config->max_age_ms,
                                .upload = upload_policy(a->config) };

    snprintf(dir, sizeof dir, "%s/outbox", a->config->state_dir);
    vd_err err = vd_dir_make(dir, 0750, why);
    return err ? err : vd_outbox_open(&config, &a->outbox, why);
}

static vd_err open_events(agent *a, vd_why *why)
{
    char dir[4096];
    const agent_config *c = a->config;
    vd_events_sink sink = { .ctx = a, .accept = on_accept };
    vd_events_config config = {
        .pre_roll_ms = c->pre_roll_ms,
        .post_roll_ms = c->post_roll_ms,
        .delay_ms = c->delay_ms,
        .clip_max_ms = c->clip_max_ms,
        .late_ms = c->late_ms,
        .ring_bytes_max = (uint64_t)c->ring_mb * MIB,
        .snapshot_width_px = (int)c->snapshot_width,
        .snapshot_quality = (int)c->snapshot_quality,
        .device = a->device,
        .work_dir = dir,
        .blobs = vd_outbox_blobs(a->outbox),
    };

    snprintf(dir, sizeof dir, "%s/clips", c->state_dir);
    vd_err err = vd_dir_make(dir, 0750, why);
    if (!err) err = vd_events_new(&config, &sink, &a->events, why);
    return err ? err : vd_outbox_sweep(a->outbox, why);
}

static vd_err open_turns(agent *a, vd_why *why)
{
    vd_err err = vd_turns_new(AGENT_CAMERAS_MAX + 1, &a->turns);

    return err ? vd_fail(why, err, "no memory for the cameras' turns") : VD_OK;
}

static vd_err open_link(agent *a, const char *connection, vd_why *why)
{
    vd_device_config config = link_config(a->config, connection);
    vd_device_sink sink = { .ctx = a,
                            .cameras = live_wish,
                            .rules = rulebook_from_hub,
                            .arming = arming_wish,
                            .sampling = sampling_wish,
                            .model = swap_wish,
                            .picture = lane_preview,
                            .media = media_wish,
                            .status = on_link };

    if (!connection[0]) return VD_OK;
    vd_err err = media_start(a, why);
    return err ? err : vd_device_start(&config, a->outbox, &sink, &a->link, why);
}

static void agent_init(agent *a, const agent_config *config)
{
    pthread_condattr_t attr;

    a->config = config;
    a->started_utc_us = vd_clock_utc_us();
    pthread_mutex_init(&a->lock, NULL);
    pthread_mutex_init(&a->wishes_use, NULL);
    swap_init(a);
    port_init(a);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &attr);
    pthread_condattr_destroy(&attr);
}

static vd_err start_work(agent *a, vd_why *why)
{
    vd_err err = swap_start(a, why);
    if (!err) err = analysis_start(a, why);
    if (!err) err = port_open(a, why);
    if (!err) live_apply(a);
    return err;
}

vd_err agent_start(agent *a, const agent_config *config, vd_why *why)
{
    char connection[SECRET_ROOM] = "";

    agent_init(a, config);
    vd_err err = read_connection(config, connection, why);
    if (!err) err = name_device(a, connection, why);
    if (!err) err = port_alerts(a, why);
    if (!err) err = open_outbox(a, why);
    if (!err) err = open_events(a, why);
    if (!err) err = recording_open(a, why);
    if (!err) err = arming_open(a, connection[0] != '\0', why);
    if (!err) err = open_turns(a, why);
    if (!err && connection[0]) err = sampling_open(a, why);
    if (!err) err = live_open(a, connection[0] != '\0', why);
    if (!err) err = swap_open(a, connection[0] != '\0', why);
    if (!err) err = open_link(a, connection, why);
    if (!err) err = start_work(a, why);
    vd_wipe(connection, sizeof connection);
    return err;
}

/* The lanes stay for what still asks for them; their cameras are gone. */
static void stop_cameras(agent *a)
{
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++)
        if (a->lane[i] && a->lane[i]->camera) vd_camera_stop(a->lane[i]->camera);
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++)
        if (a->lane[i] && a->lane[i]->camera) vd_camera_join(a->lane[i]->camera);
}

void agent_stop(agent *a)
{
    vd_models_stop(a->models);
    stop_cameras(a);
    analysis_stop(a);
    media_stop(a);
    if (a->recording) vd_recording_stop(a->recording);
    port_close(a);
    a->history = vd_history_free(a->history); /* after the port, which counts what it lost */
    vd_samples_stop(a->samples);
    if (a->outbox) watch_finish(a);
    if (a->events) wellness_finish(a);
    if (a->events) vd_events_stop(a->events);
    if (a->link) {
        vd_device_flush(a->link, FLUSH_MS);
        vd_device_stop(a->link);
        vd_device_join(a->link);
        vd_device_free(a->link);
    }
    if (a->events) vd_events_free(a->events);
    media_free(a);
    a->recording = vd_recording_free(a->recording);
    vd_turns_free(a->turns);
    a->samples = vd_samples_free(a->samples);
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++) lane_free(a->lane[i]);
    live_done(a);
    a->models = vd_models_free(a->models);
    if (a->model) vd_model_free(a->model);
    looks_close(a);
    if (a->outbox) vd_outbox_free(a->outbox);
    port_done(a);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&a->wishes_use);
    pthread_rwlock_destroy(&a->model_use);
}
