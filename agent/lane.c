/* lane.c - one camera. Its reader thread hands each picture to the turns, where it waits for the
 * analysis, and to whoever wants a preview. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"

#define PREVIEW_WAIT_US 1000000
#define PREVIEW_QUALITY 75

unsigned lane_number(const lane *l)
{
    return (unsigned)(l - l->agent->lane);
}

static void on_packet(void *ctx, const vd_packet *packet)
{
    lane *l = ctx;
    vd_events_packet(l->events, packet);
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
    vd_turns_put(a->turns, lane_number(l), frame);
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
    if (away) vd_turns_away(l->agent->turns, lane_number(l));
}

static vd_err read_password(lane *l, vd_why *why)
{
    vd_why note = { 0 };

    if (!l->config->password_file[0]) return VD_OK;
    vd_err err =
        agent_secret_read(l->config->password_file, l->password, sizeof l->password, &note);
    if (err && why) *why = note;
    if (!err && note.fact[0])
        vd_log_why(VD_LOG_WARN, "secret.open", "a password can be read by others", &note, "camera",
                   l->config->id, NULL);
    return err;
}

static vd_err start_camera(lane *l, vd_why *why)
{
    const agent_camera *c = l->config;
    vd_camera_config config = {
        .kind = c->url[0] ? VD_CAMERA_RTSP : VD_CAMERA_FILE,
        .url = c->url[0] ? c->url : c->file,
        .user = c->user[0] ? c->user : NULL,
        .password = l->password[0] ? l->password : NULL,
        .transport = (vd_rtsp_transport)c->transport,
        .pace = VD_PACE_REAL,
        .loop = c->loop,
        .max_fps = (unsigned)c->max_fps,
    };
    vd_camera_sink sink = {
        .ctx = l, .packet = on_packet, .picture = on_picture, .status = on_status
    };

    vd_slice_to_chars(vd_slice_str(c->id), config.id, sizeof config.id);
    /* Under the lock: a callback that comes at once waits until l->camera is known. */
    pthread_mutex_lock(&l->agent->lock);
    vd_err err = vd_camera_start(&config, &sink, &l->camera, why);
    pthread_mutex_unlock(&l->agent->lock);
    return err;
}

vd_err lane_add(lane *l, agent *a, const agent_camera *config, vd_why *why)
{
    l->agent = a;
    l->config = config;
    figures_init(l);
    vd_err err = vd_events_add_camera(a->events, config->id, &l->events, why);
    if (!err && a->samples) err = vd_samples_add(a->samples, config->id, &l->sampler);
    return err ? err : watch_add(l);
}

void lane_start(lane *l)
{
    vd_err err = read_password(l, &l->why);
    if (!err) err = start_camera(l, &l->why);
    if (err)
        vd_log_why(VD_LOG_ERROR, "camera.refused", "a camera cannot be started", &l->why, "camera",
                   l->config->id, NULL);
}

void lane_free(lane *l)
{
    vd_frame_unref(l->preview);
    vd_scene_free(l->scene);
    vd_sketches_free(l->sketches); /* before the camera: it may hold a picture */
    if (l->camera) vd_camera_free(l->camera);
    free(l->rules);
    free(l->rules_text);
}

/* The next picture, or NULL after a second. */
static vd_frame *next_picture(agent *a, lane *l)
{
    int64_t until_us = vd_clock_mono_us() + PREVIEW_WAIT_US;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_mutex_lock(&a->lock);
    l->preview_waiters++;
    while (!l->preview && !a->stopping && vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&a->changed, &a->lock, &until);
    l->preview_waiters--;
    vd_frame *frame = l->preview;
    l->preview = NULL;
    pthread_mutex_unlock(&a->lock);
    return frame;
}

vd_err lane_preview(void *agent_ptr, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                    vd_why *why)
{
    agent *a = agent_ptr;
    lane *l = agent_lane(a, camera);

    if (!l || !l->camera) return vd_fail(why, VD_ABSENT, "there is no camera '%s'", camera);
    vd_frame *frame = next_picture(a, l);
    if (!frame) return vd_fail(why, VD_ABSENT, "camera '%s' shows nothing now", camera);
    const vd_picture *picture = vd_frame_picture(frame);
    int width = picture->width_px > VD_DEVICE_PREVIEW_PX ? VD_DEVICE_PREVIEW_PX : 0;
    *ret_utc_us = picture->utc_us;
    vd_err err = vd_frame_jpeg(frame, width, PREVIEW_QUALITY, ret_jpeg, why);
    vd_frame_unref(frame);
    return err;
}
