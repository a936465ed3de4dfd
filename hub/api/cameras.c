/* cameras.c - cameras, as their devices report them in the twin's `cameras`, and their last
 * picture.
 *
 * A picture is kept in memory only. Looking at it asks the device (method `preview`, at most every
 * 5 s per camera, on a thread of its own) to send one a second for 10 s. */
#include "api_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/log.h"
#include "vd/queue.h"

#define PREVIEWS_MAX  64u
#define ASK_AGAIN_US  5000000ll
#define PREVIEW_S     10
#define METHOD_WAIT_S 5
#define CAMERA_ID_MAX 32u

/* ---- the list ---- */

typedef enum { TEXT, NUMBER, NODE } member_kind;
static const struct {
    const char *name;
    member_kind kind;
} camera_members[] = {
    { "since", TEXT },   { "why", TEXT },      { "hint", TEXT },  { "fps", NUMBER },
    { "width", NUMBER }, { "height", NUMBER }, { "codec", TEXT }, { "restarts", NUMBER },
    { "model", NODE },   { "rules", NODE },
};

static bool member_fits(const vd_json *value, member_kind kind, const char *name)
{
    vd_json_kind have = vd_json_kind_of(value);
    if (kind == TEXT) return have == VD_JSON_IS_TEXT;
    if (strcmp(name, "model") == 0) /* the agent says why when it has none */
        return vd_json_get(value, "name") && vd_json_get(value, "digest");
    if (kind == NUMBER) return have == VD_JSON_IS_INT || have == VD_JSON_IS_REAL;
    return have == (strcmp(name, "rules") == 0 ? VD_JSON_IS_LIST : VD_JSON_IS_OBJECT);
}

static const char *state_word(const vd_json *camera)
{
    static const char *const words[] = { "connecting", "live", "silent", "failed", "ended" };
    const char *state = vd_json_text(vd_json_get(camera, "state"), "");
    for (size_t n = 0; n < VD_COUNT_OF(words); n++)
        if (strcmp(state, words[n]) == 0) return words[n];
    return "unknown";
}

/* Devices tell more of their model than a camera's row shows. */
static void write_model_ref(const vd_json *model, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", vd_json_text(vd_json_get(model, "name"), ""));
    vd_json_w_kv_text(w, "digest", vd_json_text(vd_json_get(model, "digest"), ""));
    vd_json_w_object_end(w);
}

static void write_members(const vd_json *camera, const vd_json *agent_model, bool connected,
                          vd_json_w *w)
{
    vd_json_w_kv_text(w, "state", connected ? state_word(camera) : "unknown");
    vd_json_w_kv_bool(w, "device_connected", connected);
    for (size_t n = 0; n < VD_COUNT_OF(camera_members); n++) {
        const char *name = camera_members[n].name;
        const vd_json *value = vd_json_get(camera, name);
        if (!value && strcmp(name, "model") == 0) value = agent_model;
        if (!connected && (strcmp(name, "why") == 0 || strcmp(name, "hint") == 0)) continue;
        if (!member_fits(value, camera_members[n].kind, name)) continue;
        vd_json_w_key(w, name);
        if (camera_members[n].kind == NODE && strcmp(name, "model") == 0)
            write_model_ref(value, w);
        else
            vd_json_w_node(w, value);
    }
    if (connected) return;
    vd_json_w_kv_text(w, "why", "the device is not connected");
    vd_json_w_kv_text(w, "hint", "look at the device: its power, its network, its agent's log");
}

static vd_err write_camera(request *r, const vd_intake_device *device, const char *id,
                           const vd_json *reported, vd_json_w *w, vd_why *why)
{
    vd_incident_camera summary;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_incident_of_camera(store, device->id, id, &summary, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "device", device->id);
    vd_json_w_kv_text(w, "camera", id);
    write_members(vd_json_get(vd_json_get(reported, "cameras"), id), vd_json_get(reported, "model"),
                  device->connected, w);
    vd_json_w_kv_time(w, "last_event_at", summary.last_event_us);
    if (summary.last_incident[0]) vd_json_w_kv_text(w, "last_incident", summary.last_incident);
    vd_json_w_kv_int(w, "open_incidents", (int64_t)summary.open);
    const vd_json *meta = vd_json_get(vd_json_get(reported, "$metadata"), "cameras");
    const char *at = vd_json_text(vd_json_get(vd_json_get(meta, id), "$lastUpdated"), NULL);
    if (at) vd_json_w_kv_text(w, "reported_at", at);
    vd_json_w_object_end(w);
    return VD_OK;
}

static vd_err read_twin(request *r, const char *device, vd_json **ret_twin, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    vd_err err = vd_intake_twin_get(r->api->parts.intake, device, &text, why);
    return err ? err
               : vd_json_parse(vd_buf_slice(&text), VD_LIMIT_REQUEST_BYTES, VD_LIMIT_JSON_DEPTH,
                               ret_twin, why);
}

static const vd_json *reported_of(const vd_json *twin)
{
    return vd_json_get(vd_json_get(twin, "properties"), "reported");
}

static vd_err write_device_cameras(request *r, const vd_intake_device *device, vd_json_w *w,
                                   vd_why *why)
{
    VD_AUTO(vd_json_ptr) twin = NULL;
    vd_err err = read_twin(r, device->id, &twin, why);
    if (err == VD_ABSENT) return VD_OK; /* deleted meanwhile */
    const vd_json *cameras = vd_json_get(reported_of(twin), "cameras");
    for (size_t n = 0; !err && n < vd_json_len(cameras); n++) {
        const char *id = NULL;
        const vd_json *camera = vd_json_member(cameras, n, &id);
        if (vd_json_kind_of(camera) == VD_JSON_IS_OBJECT && id[0] != '$')
            err = write_camera(r, device, id, reported_of(twin), w, why);
    }
    return err;
}

vd_err list_cameras(request *r, vd_why *why)
{
    char after[VD_LIMIT_NAME_BYTES + 1] = "";
    vd_intake_device list[100];
    size_t count = VD_COUNT_OF(list);
    vd_err err = VD_OK;
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "cameras");
    vd_json_w_list(&w);
    while (!err && count == VD_COUNT_OF(list)) {
        err = vd_intake_device_list(r->api->parts.intake, after, list, VD_COUNT_OF(list), &count,
                                    why);
        for (size_t n = 0; !err && n < count; n++) err = write_device_cameras(r, &list[n], &w, why);
        if (!err && count) memcpy(after, list[count - 1].id, sizeof after);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err find_camera(request *r, vd_intake_device *ret_device, vd_json **ret_twin, vd_why *why)
{
    vd_err err = vd_intake_device_get(r->api->parts.intake, r->param[0], ret_device, why);
    if (!err) err = read_twin(r, r->param[0], ret_twin, why);
    if (err) return err;
    const vd_json *cameras = vd_json_get(reported_of(*ret_twin), "cameras");
    if (vd_json_kind_of(vd_json_get(cameras, r->param[1])) == VD_JSON_IS_OBJECT) return VD_OK;
    return vd_fail(why, VD_ABSENT, "device '%s' reports no camera '%.40s'", r->param[0],
                   r->param[1]);
}

vd_err get_camera(request *r, vd_why *why)
{
    vd_intake_device device;
    VD_AUTO(vd_json_ptr) twin = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    vd_json_w w = vd_json_writer(&text);
    vd_err err = find_camera(r, &device, &twin, why);
    if (!err) err = write_camera(r, &device, r->param[1], reported_of(twin), &w, why);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

/* ---- the last pictures ---- */

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[CAMERA_ID_MAX + 1];
    vd_buf jpeg;
    int64_t captured_us, used_us, asked_us; /* used, asked: monotonic */
} preview;

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[CAMERA_ID_MAX + 1];
} look;

struct previews {
    vd_intake *intake;
    pthread_mutex_t lock;
    pthread_t thread;
    vd_queue *looks; /* REFUSE: the page asks again in a second anyway */
    preview rows[PREVIEWS_MAX];
};

static preview *row_of(previews *p, const char *device, const char *camera)
{
    preview *oldest = &p->rows[0];
    for (unsigned n = 0; n < PREVIEWS_MAX; n++) {
        preview *row = &p->rows[n];
        if (strcmp(row->device, device) == 0 && strcmp(row->camera, camera) == 0) return row;
        if (row->used_us < oldest->used_us) oldest = row;
    }
    vd_buf_done(&oldest->jpeg);
    *oldest = (preview){ .jpeg = VD_BUF(PREVIEW_BYTES_MAX) };
    vd_slice_to_chars(vd_slice_str(device), oldest->device, sizeof oldest->device);
    vd_slice_to_chars(vd_slice_str(camera), oldest->camera, sizeof oldest->camera);
    return oldest;
}

static void ask_device(previews *p, const look *l)
{
    VD_AUTO(vd_buf) payload = VD_BUF(512);
    VD_AUTO(vd_buf) answer = VD_BUF(65536);
    vd_why why = { 0 };
    int status = 0;
    vd_json_w w = vd_json_writer(&payload);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "camera", l->camera);
    vd_json_w_kv_int(&w, "seconds", PREVIEW_S);
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return;
    vd_err err = vd_intake_method_call(p->intake, l->device, "preview", vd_buf_slice(&payload),
                                       METHOD_WAIT_S, &status, &answer, &why);
    if (err)
        vd_log_why(VD_LOG_DEBUG, "preview.ask", "a camera's picture cannot be asked for", &why,
                   "device", l->device, "camera", l->camera, NULL);
}

static void *look_work(void *arg)
{
    previews *p = arg;
    void *item = NULL;
    while (vd_queue_take(p->looks, -1, &item) == VD_OK) {
        ask_device(p, item);
        free(item);
    }
    return NULL;
}

vd_err previews_new(vd_intake *intake, previews **ret_previews, vd_why *why)
{
    previews *p = calloc(1, sizeof *p);
    if (!p) return vd_fail(why, VD_FULL, "no memory");
    p->intake = intake;
    pthread_mutex_init(&p->lock, NULL);
    vd_err err = vd_queue_new(PREVIEWS_MAX, VD_QUEUE_REFUSE, free, &p->looks);
    if (!err && pthread_create(&p->thread, NULL, look_work, p) != 0) {
        p->looks = vd_queue_free(p->looks);
        err = VD_FULL;
    }
    if (err) {
        free(p);
        return vd_fail(why, err, "the preview thread cannot start");
    }
    *ret_previews = p;
    return VD_OK;
}

previews *previews_free(previews *p)
{
    if (!p) return NULL;
    vd_queue_close(p->looks);
    pthread_join(p->thread, NULL);
    vd_queue_free(p->looks);
    for (unsigned n = 0; n < PREVIEWS_MAX; n++) vd_buf_done(&p->rows[n].jpeg);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

static void want_pictures(previews *p, const char *device, const char *camera)
{
    look *l = calloc(1, sizeof *l);
    if (!l) return;
    vd_slice_to_chars(vd_slice_str(device), l->device, sizeof l->device);
    vd_slice_to_chars(vd_slice_str(camera), l->camera, sizeof l->camera);
    if (vd_queue_put(p->looks, l)) free(l);
}

/* Copies what is there under the lock; true when there is a picture. */
static bool look_at(previews *p, const char *device, const char *camera, vd_buf *into,
                    int64_t *ret_captured_us)
{
    int64_t now_us = vd_clock_mono_us();
    pthread_mutex_lock(&p->lock);
    preview *row = row_of(p, device, camera);
    bool ask = row->asked_us == 0 || now_us - row->asked_us > ASK_AGAIN_US;
    if (ask) row->asked_us = now_us;
    row->used_us = now_us;
    bool here = row->jpeg.len > 0 && vd_buf_add(into, vd_buf_slice(&row->jpeg));
    *ret_captured_us = row->captured_us;
    pthread_mutex_unlock(&p->lock);
    if (ask) want_pictures(p, device, camera);
    return here;
}

vd_err get_picture(request *r, vd_why *why)
{
    char at[VD_UTC_TEXT_ROOM];
    int64_t captured_us = 0;
    vd_intake_device device;
    VD_AUTO(vd_json_ptr) twin = NULL;
    VD_AUTO(vd_buf) jpeg = VD_BUF(PREVIEW_BYTES_MAX);
    vd_err err = strlen(r->param[1]) > CAMERA_ID_MAX
                     ? vd_fail(why, VD_ABSENT, "there is no such camera")
                     : find_camera(r, &device, &twin, why);
    if (err) return err;
    if (!look_at(r->api->previews, device.id, r->param[1], &jpeg, &captured_us)) {
        r->retry_after_s = 1;
        (void)vd_fail(why, VD_ABSENT, "no picture of this camera has arrived yet");
        vd_why_hint(why, device.connected ? "it was asked for: try again in a second"
                                          : "the device is not connected");
        return VD_ABSENT;
    }
    err = reply_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&jpeg), why);
    if (err) return err;
    reply_header(r, "X-Captured-At", vd_utc_text(captured_us, at));
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return VD_OK;
}

static bool camera_id_ok(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && len <= CAMERA_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

vd_err put_preview(request *r, vd_why *why)
{
    int64_t captured_us = 0;
    const char *at = ask_header(r, "X-Captured-At");
    if (!camera_id_ok(r->param[0])) return vd_fail(why, VD_INVALID, "this is no camera id");
    if (!at || !vd_utc_parse(vd_slice_str(at), &captured_us))
        return vd_fail(why, VD_INVALID, "the header X-Captured-At must be a time");
    if (r->body.len < 4 || memcmp(r->body.data, "\xff\xd8\xff", 3) != 0)
        return vd_fail(why, VD_INVALID, "the body is no JPEG");
    previews *p = r->api->previews;
    pthread_mutex_lock(&p->lock);
    preview *row = row_of(p, r->device, r->param[0]);
    if (row->used_us == 0) row->used_us = 1; /* nobody looked: the first to go */
    vd_buf_clear(&row->jpeg);
    bool kept = vd_buf_add(&row->jpeg, vd_buf_slice(&r->body));
    row->captured_us = captured_us;
    pthread_mutex_unlock(&p->lock);
    if (!kept) return vd_fail(why, VD_FULL, "no memory for the picture");
    return reply_empty(r, MHD_HTTP_NO_CONTENT);
}
