/* camera.c - one camera's life, as the agent sees it.
 *
 *   CONNECTING --first picture--> LIVE --no packet for 3 s--> SILENT --+
 *        |                         |                                   |
 *        +------- cannot be had ---+-- child died, camera left --> FAILED
 *                                  |                                   |
 *                                  +<------- first picture again ------+      file at its end:
 * ENDED
 *
 * SILENT and FAILED stay, with their why, while we try again and again: a person should read what
 * is wrong, not that we are busy. The wait between tries doubles from 0.5 s to 30 s with jitter, so
 * that many cameras behind one switch do not come back in step. */
#include "camera_priv.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "onvif.h"
#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define HANG_LESS_US  400000 /* a child that hangs is killed, and seen dead, within the patience */
#define HANG_LEAST_US (3 * WIRE_BEAT_MS * INT64_C(1000))
#define BLIND_US      20000000 /* packets come, but no picture can be made of them */
#define STEADY_US     10000000 /* a session this long starts the back-off anew */
#define AWAKE_STEP_US 500000   /* a child that is awake is told this seldom */
#define BACKOFF_MS    500
#define BACKOFF_MOST  30000
#define NO_STREAM_MS  600000 /* a camera that had no small stream is asked for one again */

const char *vd_time_source_name(vd_time_source source)
{
    static const char *const names[] = { "rtcp", "arrival", "file" };
    return (size_t)source < VD_COUNT_OF(names) ? names[source] : "arrival";
}

const char *vd_camera_state_name(vd_camera_state state)
{
    static const char *const names[] = { "connecting", "live", "silent", "failed", "ended" };
    return (size_t)state < VD_COUNT_OF(names) ? names[state] : "failed";
}

const char *vd_gate_state_name(vd_gate_state state)
{
    static const char *const names[] = { "off", "seeing", "asleep", "late" };
    return (size_t)state < VD_COUNT_OF(names) ? names[state] : "off";
}

void camera_set_state(vd_camera *camera, vd_camera_state state, const vd_why *why)
{
    vd_camera_status copy;
    pthread_mutex_lock(&camera->lock);
    vd_camera_status *status = &camera->status;
    const bool same = status->state == state && strcmp(status->why.fact, why ? why->fact : "") == 0;
    if (status->state != state) status->since_utc_us = vd_clock_utc_us();
    status->state = state;
    status->why = why ? *why : (vd_why){ 0 };
    if (state != VD_CAMERA_LIVE) status->fps = 0;
    copy = *status;
    const bool stopping = camera->stopping;
    pthread_mutex_unlock(&camera->lock);
    if (!same && !stopping && camera->sink.status) camera->sink.status(camera->sink.ctx, &copy);
}

void camera_lives(vd_camera *camera)
{
    camera->session.lived = true;
    if (camera->status.state == VD_CAMERA_LIVE) return;
    camera->fps_from_us = 0;
    camera_set_state(camera, VD_CAMERA_LIVE, NULL);
}

static bool stop_asked(vd_camera *camera)
{
    pthread_mutex_lock(&camera->lock);
    const bool stopping = camera->stopping;
    pthread_mutex_unlock(&camera->lock);
    return stopping;
}

typedef struct {
    read_end end;
    vd_camera_state state;
    vd_why why;
} session_end;

/* A camera that must show something all the time. */
static bool is_live(const vd_camera *camera)
{
    return camera->config.kind != VD_CAMERA_FILE && camera->config.kind != VD_CAMERA_FOLDER;
}

static int64_t patience_us(const vd_camera *camera)
{
    return camera->config.patience_ms * INT64_C(1000);
}

static int64_t hang_us(const vd_camera *camera)
{
    const int64_t us = patience_us(camera) - HANG_LESS_US;
    return us > HANG_LEAST_US ? us : HANG_LEAST_US;
}

/* What the clock says about a child that is quiet. True: the session is over. */
static bool overdue(const vd_camera *camera, session_end *ret_end)
{
    const camera_session *session = &camera->session;
    const int64_t now_us = vd_clock_mono_us();
    const bool streams = session->have_stream && is_live(camera);
    ret_end->end = READ_FAILED;
    if (now_us - session->heard_us > hang_us(camera)) {
        ret_end->state = VD_CAMERA_FAILED;
        vd_fail(&ret_end->why, VD_RETRY, "the camera's process hung and was ended");
        return true;
    }
    if (streams && now_us - session->packet_us > patience_us(camera)) {
        ret_end->state = VD_CAMERA_SILENT;
        vd_fail(&ret_end->why, VD_RETRY, "the camera has sent nothing for %g s",
                (double)patience_us(camera) / 1e6);
        vd_why_hint(&ret_end->why, "connecting again by itself; check the camera and its network");
        return true;
    }
    if (streams && !camera_packets_only(camera) && now_us - session->picture_us > BLIND_US) {
        ret_end->state = VD_CAMERA_SILENT;
        vd_fail(&ret_end->why, VD_RETRY, "what the camera sends cannot be made into pictures");
        vd_why_hint(&ret_end->why, "connecting again by itself; check the camera's video settings");
        return true;
    }
    return false;
}

void camera_wake(vd_camera *camera)
{
    const uint64_t one = 1;
    if (write(camera->wake_fd, &one, sizeof one) < 0) return; /* full: it is awake already */
}

static void sleep_again(const vd_camera *camera)
{
    uint64_t count;
    if (read(camera->wake_fd, &count, sizeof count) < 0) return; /* nobody woke us */
}

/* Until the child ends, is ended, or a stop is asked. */
static void listen_to_child(vd_camera *camera, session_end *ret_end)
{
    struct pollfd ready[3] = { { .fd = camera->fd, .events = POLLIN },
                               { .fd = camera->wake_fd, .events = POLLIN },
                               { .fd = camera_folder_fd(camera->folder), .events = POLLIN } };
    while (!stop_asked(camera)) {
        read_end end = camera_read(camera, &ret_end->why);
        if (end == READ_MORE) continue;
        if (end == READ_NONE) {
            if (overdue(camera, ret_end)) return;
            if (camera->folder) end = camera_folder_turn(camera, &ret_end->why);
            if (end != READ_FAILED) {
                poll(ready, 3, 200);
                sleep_again(camera);
                continue;
            }
        }
        ret_end->end = end;
        ret_end->state = VD_CAMERA_FAILED;
        return;
    }
    ret_end->end = READ_NONE;
}

static void explain_death(int status, vd_why *why)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == WIRE_STRANGER) {
        vd_fail(why, VD_RETRY, "vedette-camera is of another version than vedette-agent");
        vd_why_hint(why, "after an update restart vedette-agent; both come in one package");
        return;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        vd_fail(why, VD_RETRY, "the camera's process did something forbidden and was ended");
    else if (WIFSIGNALED(status))
        vd_fail(why, VD_RETRY, "the camera's process died: signal %d", WTERMSIG(status));
    else
        vd_fail(why, VD_RETRY, "the camera's process ended: status %d", WEXITSTATUS(status));
    vd_why_hint(why, "it is started again by itself");
}

static void session_clear(vd_camera *camera)
{
    camera_session *session = &camera->session;
    const wire_beat count = session->count;
    const uint64_t dropped = session->base_dropped + count.dropped;
    const uint64_t decoded = session->base_decoded + count.decoded;
    const uint64_t skipped = session->base_skipped + count.skipped;
    memset(session, 0, sizeof *session);
    session->base_dropped = dropped;
    session->base_decoded = decoded;
    session->base_skipped = skipped;
    session->started_us = session->heard_us = vd_clock_mono_us();
    vd_buf_clear(&camera->packet);
}

/* A driver that takes its process down is not tried again before the agent is started anew. */
static void doubt_hardware(vd_camera *camera)
{
    vd_why note = { 0 };
    vd_camera_status status;
    vd_camera_get_status(camera, &status);
    if (!status.decoder[0] || strcmp(status.decoder, "software") == 0) return;
    camera->hw_off = true;
    vd_fail(&note, VD_IO, "the camera's process died while it decoded with '%s'", status.decoder);
    vd_why_hint(&note, "decoding in software from now on; hwaccel: off keeps it so");
    if (camera->sink.note) camera->sink.note(camera->sink.ctx, VD_NOTE_DECODING, &note);
}

/* One child from start to end. */
static session_end run_session(vd_camera *camera)
{
    session_end end = { .end = READ_FAILED, .state = VD_CAMERA_FAILED };
    int status = 0;
    session_clear(camera);
    camera->no_stream = false;
    if (!camera_child_start(camera, &end.why)) listen_to_child(camera, &end);
    if (camera->no_stream) end.state = VD_CAMERA_ENDED; /* asked for again all the same */
    camera_child_end(camera, &status);
    camera_maps_close(camera);
    camera_folder_child_gone(camera);
    if (end.end == READ_CHILD_GONE) {
        explain_death(status, &end.why);
        doubt_hardware(camera);
    }
    return end;
}

/* False: a stop was asked. */
static bool back_off(vd_camera *camera)
{
    const camera_session *session = &camera->session;
    if (session->lived && vd_clock_mono_us() - session->started_us > STEADY_US)
        camera->failures = 0;
    int64_t wait_ms = BACKOFF_MS;
    for (unsigned i = 0; i < camera->failures && wait_ms < BACKOFF_MOST; i++) wait_ms *= 2;
    if (wait_ms > BACKOFF_MOST) wait_ms = BACKOFF_MOST;
    if (camera->no_stream) wait_ms = NO_STREAM_MS;
    camera->failures++;
    uint16_t dice = 0;
    vd_random((uint8_t *)&dice, sizeof dice);
    wait_ms = wait_ms * 3 / 4 + wait_ms * dice / 2 / 65536;

    struct pollfd wake = { .fd = camera->wake_fd, .events = POLLIN };
    const int64_t until_us = vd_clock_mono_us() + wait_ms * 1000;
    while (!stop_asked(camera)) {
        const int64_t left_us = until_us - vd_clock_mono_us();
        if (left_us <= 0) return true;
        poll(&wake, 1, (int)(left_us / 1000) + 1);
        sleep_again(camera);
    }
    return false;
}

static void *camera_run(void *arg)
{
    vd_camera *camera = arg;
    do {
        const session_end end = run_session(camera);
        if (end.end == READ_ENDED && camera->config.kind == VD_CAMERA_FILE) {
            camera_set_state(camera, VD_CAMERA_ENDED, NULL);
            break;
        }
        if (end.end == READ_NONE) break;
        camera_set_state(camera, end.state, end.state == VD_CAMERA_ENDED ? NULL : &end.why);
        pthread_mutex_lock(&camera->lock);
        camera->status.restarts++;
        pthread_mutex_unlock(&camera->lock);
    } while (back_off(camera));
    return NULL;
}

static bool id_fits(const char *id)
{
    const size_t len = strnlen(id, VD_CAMERA_ID_MAX + 1);
    return len >= 1 && len <= VD_CAMERA_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool starts(const char *text, const char *one, const char *other)
{
    return strncmp(text, one, strlen(one)) == 0 || strncmp(text, other, strlen(other)) == 0;
}

static vd_err check_address(const vd_camera_config *config, vd_why *why)
{
    const bool http = config->kind == VD_CAMERA_HTTP;
    if (!(http ? starts(config->url, "http://", "https://")
               : starts(config->url, "rtsp://", "rtsps://"))) {
        vd_fail(why, VD_INVALID, "camera '%s' has an address of another kind than %s", config->id,
                http ? "HTTP" : "RTSP");
        vd_why_hint(why, "give %s://host/path", http ? "http" : "rtsp");
        return VD_INVALID;
    }
    const char *host = strstr(config->url, "//") + 2;
    const size_t host_len = strcspn(host, "/?#");
    if (memchr(host, '@', host_len)) {
        vd_fail(why, VD_INVALID, "camera '%s' has a password in its address", config->id);
        vd_why_hint(why, "give user and password apart; an address is shown and logged");
        return VD_INVALID;
    }
    if (host_len == 0)
        return vd_fail(why, VD_INVALID, "camera '%s' has an address without host", config->id);
    return VD_OK;
}

static vd_err check_masks(const vd_camera_config *config, vd_why *why)
{
    bool fine = config->mask_count <= VD_MASKS_MAX;
    for (unsigned i = 0; fine && i < config->mask_count; i++) {
        const vd_mask *mask = &config->masks[i];
        fine = mask->count >= 3 && mask->count <= VD_MASK_CORNERS_MAX;
        for (unsigned k = 0; fine && k < mask->count; k++)
            fine = mask->corner[k][0] >= 0 && mask->corner[k][0] <= 1 && mask->corner[k][1] >= 0 &&
                   mask->corner[k][1] <= 1;
    }
    if (fine) return VD_OK;
    vd_fail(why, VD_INVALID, "camera '%s' has masks that cannot be drawn", config->id);
    vd_why_hint(why, "at most %d, each of 3 to %d corners between 0 and 1", VD_MASKS_MAX,
                VD_MASK_CORNERS_MAX);
    return VD_INVALID;
}

static vd_err check_trust(const vd_camera_config *config, vd_why *why)
{
    if (config->trust.ca_file && strlen(config->trust.ca_file) > WIRE_URL_MAX)
        return vd_fail(why, VD_INVALID, "camera '%s' has a ca_file of too long a name", config->id);
    return vd_trust_check(&config->trust, why);
}

static vd_err check_parts(const vd_camera_config *config, vd_why *why)
{
    const vd_err err = check_masks(config, why);
    return err ? err : check_trust(config, why);
}

static vd_err check_config(const vd_camera_config *config, vd_why *why)
{
    if (check_parts(config, why)) return VD_INVALID;
    if (!id_fits(config->id)) {
        vd_fail(why, VD_INVALID, "'%.32s' is no camera id", config->id);
        vd_why_hint(why, "1 to %d of a-z, 0-9 and -", VD_CAMERA_ID_MAX);
        return VD_INVALID;
    }
    if (!config->url || !config->url[0] || strlen(config->url) > WIRE_URL_MAX)
        return vd_fail(why, VD_INVALID, "camera '%s' needs an address of 1 to %d bytes", config->id,
                       WIRE_URL_MAX);
    if ((config->user && strlen(config->user) > WIRE_USER_MAX) ||
        (config->password && strlen(config->password) > WIRE_PASSWORD_MAX))
        return vd_fail(why, VD_INVALID,
                       "camera '%s' has a user of more than %d or a password of more than %d bytes",
                       config->id, WIRE_USER_MAX, WIRE_PASSWORD_MAX);
    if (config->usb.format && strlen(config->usb.format) > WIRE_FORMAT_MAX)
        return vd_fail(why, VD_INVALID, "camera '%s' asks for an unknown format", config->id);
    if (config->kind == VD_CAMERA_ONVIF) return vd_onvif_check_address(config->url, why);
    const bool address = config->kind == VD_CAMERA_RTSP || config->kind == VD_CAMERA_HTTP;
    return address ? check_address(config, why) : VD_OK;
}

static bool copy_text(const char *from, const char **into)
{
    if (!from) return true;
    *into = strdup(from);
    return *into != NULL;
}

bool camera_encodes(const vd_camera *camera)
{
    return camera->config.encode || camera->config.mask_count;
}

static void copy_masks(vd_camera *camera, const vd_camera_config *config)
{
    for (unsigned i = 0; i < config->mask_count; i++) camera->masks[i] = config->masks[i];
    camera->config.masks = camera->masks;
    if (camera_encodes(camera) && config->decode == VD_DECODE_AUTO)
        camera->config.decode = VD_DECODE_ALL;
}

static bool copy_config(vd_camera *camera, const vd_camera_config *config)
{
    camera->config = *config;
    copy_masks(camera, config);
    if (!config->patience_ms) camera->config.patience_ms = VD_CAMERA_HANG_MS;
    camera->config.url = camera->config.user = camera->config.password = NULL;
    camera->config.child_path = camera->config.sub_url = camera->config.hwaccel = NULL;
    camera->config.folder.pattern = camera->config.usb.format = NULL;
    camera->config.onvif_host = NULL;
    camera->config.trust.ca_file = camera->config.trust.fingerprint = NULL;
    const bool fine = copy_text(config->url, &camera->config.url) &&
                      copy_text(config->user, &camera->config.user) &&
                      copy_text(config->hwaccel, &camera->config.hwaccel) &&
                      copy_text(config->onvif_host, &camera->config.onvif_host) &&
                      copy_text(config->trust.ca_file, &camera->config.trust.ca_file) &&
                      copy_text(config->trust.fingerprint, &camera->config.trust.fingerprint) &&
                      copy_text(config->password, &camera->config.password) &&
                      copy_text(config->folder.pattern, &camera->config.folder.pattern) &&
                      copy_text(config->usb.format, &camera->config.usb.format) &&
                      copy_text(config->child_path, &camera->config.child_path);
    camera->child_path = (char *)(uintptr_t)camera->config.child_path;
    return fine;
}

static void camera_release(vd_camera *camera)
{
    char *password = (char *)(uintptr_t)camera->config.password;
    if (password) vd_wipe(password, strlen(password));
    free(password);
    free((void *)(uintptr_t)camera->config.url);
    free((void *)(uintptr_t)camera->config.user);
    free((void *)(uintptr_t)camera->config.hwaccel);
    free((void *)(uintptr_t)camera->config.onvif_host);
    free((void *)(uintptr_t)camera->config.trust.ca_file);
    free((void *)(uintptr_t)camera->config.trust.fingerprint);
    free(camera->place);
    free((void *)(uintptr_t)camera->config.folder.pattern);
    free((void *)(uintptr_t)camera->config.usb.format);
    free(camera->child_path);
    camera_folder_close(camera->folder);
    vd_buf_done(&camera->packet);
    if (camera->wake_fd >= 0) close(camera->wake_fd);
    pthread_mutex_destroy(&camera->lock);
    free(camera);
}

vd_err camera_open(const vd_camera_config *config, const vd_camera_sink *sink, camera_pair *pair,
                   uint32_t first_map, vd_camera **ret_camera, vd_why *why)
{
    vd_err err = check_config(config, why);
    if (err) return err;
    vd_camera *camera = calloc(1, sizeof *camera);
    if (!camera) return vd_fail(why, VD_FULL, "no memory for a camera");
    pthread_mutex_init(&camera->lock, NULL);
    camera->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    camera->fd = -1;
    camera->next_map = first_map;
    camera->pair = pair;
    camera->unlooked = pair != NULL;
    camera->packet = VD_BUF(WIRE_PACKET_MAX);
    camera->born_us = vd_clock_mono_us();
    camera->sink = *sink;
    camera->status.since_utc_us = vd_clock_utc_us();
    if (camera->wake_fd < 0 || !copy_config(camera, config))
        err = vd_fail(why, VD_FULL, "no memory for a camera");
    if (!err && pthread_create(&camera->thread, NULL, camera_run, camera) != 0)
        err = vd_fail(why, VD_FULL, "no thread for a camera");
    if (err) {
        camera_release(camera);
        return err;
    }
    *ret_camera = camera;
    return VD_OK;
}

vd_err vd_camera_start(const vd_camera_config *config, const vd_camera_sink *sink,
                       vd_camera **ret_camera, vd_why *why)
{
    if (config->sub_url || (config->kind == VD_CAMERA_ONVIF && config->streams == VD_STREAMS_BOTH))
        return camera_pair_start(config, sink, ret_camera, why);
    return camera_open(config, sink, NULL, 1, ret_camera, why);
}

bool camera_packets_only(const vd_camera *camera)
{
    return camera->config.packets_only || camera->unlooked;
}

void camera_look(vd_camera *camera, bool look)
{
    const wire_want want = { .head = WIRE_HEAD(WIRE_WANT, sizeof want), .pictures = look };
    pthread_mutex_lock(&camera->lock);
    if (camera->unlooked == look && camera->fd >= 0) camera_send(camera->fd, &want.head, -1);
    camera->unlooked = !look;
    pthread_mutex_unlock(&camera->lock);
}

void vd_camera_get_status(vd_camera *camera, vd_camera_status *ret_status)
{
    if (camera->pair)
        camera_pair_status(camera, ret_status);
    else
        camera_status(camera, ret_status);
}

void camera_status(vd_camera *camera, vd_camera_status *ret_status)
{
    pthread_mutex_lock(&camera->lock);
    *ret_status = camera->status;
    pthread_mutex_unlock(&camera->lock);
}

void vd_camera_awake(vd_camera *camera, int64_t until_utc_us)
{
    const wire_awake message = { .head = WIRE_HEAD(WIRE_AWAKE, sizeof message),
                                 .until_utc_us = until_utc_us };
    if (camera->pair && !camera->alone) camera = camera_pair_sub(camera->pair);
    pthread_mutex_lock(&camera->lock);
    const bool asleep = camera->status.gate == VD_GATE_ASLEEP;
    const bool later = until_utc_us > camera->awake_until_utc_us + (asleep ? 0 : AWAKE_STEP_US);
    if (camera->config.decode == VD_DECODE_AUTO && later && camera->fd >= 0 &&
        camera_send(camera->fd, &message.head, -1))
        camera->awake_until_utc_us = until_utc_us;
    pthread_mutex_unlock(&camera->lock);
}

int vd_camera_child_pid(vd_camera *camera)
{
    pthread_mutex_lock(&camera->lock);
    const int pid = (int)camera->pid;
    pthread_mutex_unlock(&camera->lock);
    return pid;
}

void vd_camera_stop(vd_camera *camera)
{
    if (camera->pair) vd_camera_stop(camera_pair_sub(camera->pair));
    pthread_mutex_lock(&camera->lock);
    camera->stopping = true;
    pthread_mutex_unlock(&camera->lock);
    camera_wake(camera);
}

void vd_camera_join(vd_camera *camera)
{
    if (camera->pair) vd_camera_join(camera_pair_sub(camera->pair));
    if (camera->joined) return;
    pthread_join(camera->thread, NULL);
    camera->joined = true;
}

vd_camera *vd_camera_free(vd_camera *camera)
{
    if (!camera) return NULL;
    vd_camera_stop(camera);
    vd_camera_join(camera);
    camera_pair *pair = camera->pair;
    if (pair) camera_release(camera_pair_sub(pair));
    camera_release(camera);
    camera_pair_free(pair);
    return NULL;
}
