/* lane.c - one camera. Its reader thread hands each picture to the turns, where it waits for the
 * analysis, and to whoever wants a preview. */
#include <stdio.h>
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define PREVIEW_WAIT_US 1000000
#define PREVIEW_QUALITY 75
/* A camera of which only key pictures are decoded wakes for who watches; its clock may be this far
 * ahead of ours. */
#define PREVIEW_AWAKE_US 12000000

static void on_packet(void *ctx, const vd_packet *packet)
{
    lane *l = ctx;
    vd_events_packet(l->events, packet);
    if (l->recording) vd_recording_packet(l->recording, packet);
    if (l->integrity) vd_integrity_packet(l->integrity, packet);
}

/* A picture that no model of the camera is due for would only take a turn from the others. */
static bool nobody_due(lane *l, int64_t utc_us)
{
    int64_t wait_us = atomic_load(&l->next_us) - utc_us;

    return wait_us > 0 && wait_us <= VD_LINEUP_EVERY_MAX; /* more: the clock was set back */
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    lane *l = ctx;
    agent *a = l->agent;
    vd_frame *frame;

    /* The lock also waits for lane_start to have noted the camera. */
    pthread_mutex_lock(&a->lock);
    vd_camera *camera = l->camera;
    pthread_mutex_unlock(&a->lock);
    if (vd_frame_take(camera, picture, &frame)) return;
    pthread_mutex_lock(&a->lock);
    if (l->preview_waiters && !l->preview) {
        l->preview = vd_frame_ref(frame);
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    vd_sketches_picture(l->sketches, frame);
    wellness_picture(l, frame, camera);
    if (nobody_due(l, picture->utc_us))
        vd_frame_unref(frame);
    else
        vd_turns_put(a->turns, l->number, frame);
}

static vd_log_level level_of(vd_camera_state state)
{
    return state == VD_CAMERA_SILENT || state == VD_CAMERA_FAILED ? VD_LOG_WARN : VD_LOG_INFO;
}

static const char *fact_of(vd_camera_state state)
{
    switch (state) {
    case VD_CAMERA_CONNECTING: return "connecting to the camera";
    case VD_CAMERA_LIVE: return "the camera is live";
    case VD_CAMERA_SILENT: return "the camera is silent, reconnecting";
    case VD_CAMERA_FAILED: return "the camera failed, trying again";
    case VD_CAMERA_ENDED: return "the file is at its end";
    }
    return "the camera changed";
}

static void on_status(void *ctx, const vd_camera_status *status)
{
    lane *l = ctx;
    char id[48] = "camera.";
    bool away = status->state == VD_CAMERA_FAILED || status->state == VD_CAMERA_ENDED ||
                status->state == VD_CAMERA_SILENT;

    strncat(id, vd_camera_state_name(status->state), sizeof id - 8);
    vd_log_why(level_of(status->state), id, fact_of(status->state),
               status->why.fact[0] ? &status->why : NULL, "camera", l->config->id, NULL);
    if (away) vd_turns_away(l->agent->turns, l->number);
}

static void on_note(void *ctx, vd_camera_topic about, const vd_why *note)
{
    const lane *l = ctx;
    bool clock = about == VD_NOTE_CLOCK;

    vd_log_why(VD_LOG_WARN, clock ? "camera.clock" : "camera.decoding",
               clock ? "about the camera's clock" : "about decoding", note, "camera", l->config->id,
               NULL);
}

static vd_err read_password(lane *l, vd_why *why)
{
    const agent_camera *c = l->config;
    vd_why note = { 0 };
    char path[4096];

    if (!c->password_file[0]) return VD_OK;
    snprintf(path, sizeof path, "%s%s%s", c->sent ? l->agent->config->state_dir : "",
             c->sent ? "/secrets/" : "", c->password_file);
    vd_err err = agent_secret_read(path, l->password, sizeof l->password, &note);
    if (err && why) *why = note;
    if (!err && note.fact[0])
        vd_log_why(VD_LOG_WARN, "secret.open", "a password can be read by others", &note, "camera",
                   l->config->id, NULL);
    return err;
}

static vd_err start_camera(lane *l, vd_why *why)
{
    vd_camera_config config = agent_source(l->config, l->password);
    vd_mask masks[VD_MASKS_MAX];
    vd_camera_sink sink = {
        .ctx = l, .packet = on_packet, .picture = on_picture, .status = on_status, .note = on_note
    };

    vd_err err = config_masks_read(l->config->masks, masks, &config.mask_count, why);
    if (err) return err;
    config.masks = masks;
    /* Under the lock: a callback that comes at once waits until l->camera is known. */
    pthread_mutex_lock(&l->agent->lock);
    err = vd_camera_start(&config, &sink, &l->camera, why);
    pthread_mutex_unlock(&l->agent->lock);
    return err;
}

vd_err lane_open(lane *l, vd_why *why)
{
    agent *a = l->agent;

    figures_init(l);
    vd_err err = vd_events_add_camera(a->events, l->config->id, &l->events, why);
    if (!err && l->config->recording.enabled) err = recording_add(l, why);
    if (!err && a->samples) err = vd_samples_add(a->samples, l->config->id, &l->sampler);
    if (!err) err = wellness_add(l);
    return err ? err : watch_add(l);
}

void lane_start(lane *l)
{
    vd_why why = { 0 };
    vd_err err = read_password(l, &why);
    if (!err) err = start_camera(l, &why);
    vd_wipe(l->password, sizeof l->password);
    if (!err && l->config->trust.insecure)
        vd_log(VD_LOG_WARN, "camera.insecure", "the camera's certificate is not checked", "camera",
               l->config->id, NULL);
    if (!err) return;
    vd_log_why(VD_LOG_ERROR, "camera.refused", "a camera cannot be started", &why, "camera",
               l->config->id, NULL);
    pthread_mutex_lock(&l->agent->lock);
    l->why = why;
    pthread_mutex_unlock(&l->agent->lock);
}

void lane_status(lane *l, vd_camera_status *ret_status)
{
    *ret_status =
        (vd_camera_status){ .state = VD_CAMERA_FAILED, .since_utc_us = l->agent->started_utc_us };
    pthread_mutex_lock(&l->agent->lock);
    vd_camera *camera = l->camera;
    ret_status->why = l->why;
    pthread_mutex_unlock(&l->agent->lock);
    if (camera) vd_camera_get_status(camera, ret_status);
}

void lane_stop(lane *l)
{
    agent *a = l->agent;

    pthread_mutex_lock(&a->lock);
    l->leaving = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (l->camera) vd_camera_stop(l->camera);
}

void lane_join(lane *l)
{
    agent *a = l->agent;

    if (l->camera) vd_camera_join(l->camera);
    vd_recording_end(l->recording);
    vd_turns_leave(a->turns, l->number);
    pthread_rwlock_rdlock(&a->model_use); /* a swap, which ends scenes too, waits */
    analysis_end_scene(l);
    l->scene = vd_scene_free(l->scene);
    pthread_rwlock_unlock(&a->model_use);
    wellness_leave(l);
    vd_events_leave_camera(l->events);
    l->events = NULL;
    vd_samples_leave(l->sampler);
    vd_sketches_finish(l->sketches);
}

void lane_free(lane *l)
{
    if (!l) return;
    vd_frame_unref(l->preview);
    vd_scene_free(l->scene);
    vd_foreground_free(l->foreground);
    vd_lineup_free(l->lineup);
    vd_integrity_free(l->integrity);
    vd_sketches_free(l->sketches); /* before the camera: it may hold a picture */
    if (l->camera) vd_camera_free(l->camera);
    free(l->rules);
    free(l->rules_text);
    free(l->yield);
    agent_camera_done(&l->own);
    agent_camera_done(&l->newest);
    free(l);
}

/* The next picture, or NULL after a second. */
static vd_frame *next_picture(agent *a, lane *l)
{
    int64_t until_us = vd_clock_mono_us() + PREVIEW_WAIT_US;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_mutex_lock(&a->lock);
    l->preview_waiters++;
    while (!l->preview && !a->stopping && !l->leaving && vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&a->changed, &a->lock, &until);
    l->preview_waiters--;
    vd_frame *frame = l->preview;
    l->preview = NULL;
    pthread_mutex_unlock(&a->lock);
    return frame;
}

static vd_err preview_of(lane *l, vd_buf *ret_jpeg, int64_t *ret_utc_us, vd_why *why)
{
    if (l->camera) vd_camera_awake(l->camera, vd_clock_utc_us() + PREVIEW_AWAKE_US);
    vd_frame *frame = next_picture(l->agent, l);
    if (!frame) return vd_fail(why, VD_ABSENT, "camera '%s' shows nothing now", l->config->id);
    const vd_picture *picture = vd_frame_picture(frame);
    int width = picture->width_px > VD_DEVICE_PREVIEW_PX ? VD_DEVICE_PREVIEW_PX : 0;
    *ret_utc_us = picture->utc_us;
    vd_err err = vd_frame_jpeg(frame, width, PREVIEW_QUALITY, ret_jpeg, why);
    vd_frame_unref(frame);
    return err;
}

vd_err lane_preview(void *agent_ptr, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                    vd_why *why)
{
    lane *l = agent_lane(agent_ptr, camera);
    vd_err err = l ? preview_of(l, ret_jpeg, ret_utc_us, why)
                   : vd_fail(why, VD_ABSENT, "there is no camera '%s'", camera);
    lane_let_go(l);
    return err;
}
