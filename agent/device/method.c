/* method.c - direct methods: ping, preview, evidence, media. */
#include <stdio.h>

#include "device_priv.h"
#include "vd/clock.h"
#include "vd/program.h"

#define PAYLOAD_BYTES  131072 /* the hub's limit */
#define PREVIEW_MOST_S 60
#define ACCEPTED       202
#define NOT_FOUND      404
#define BAD_REQUEST    400
#define TOO_MANY       429
#define FAILED         500

static int ping(vd_json_w *w)
{
    vd_json_w_kv_text(w, "agent", "vedette-agent");
    vd_json_w_kv_text(w, "version", vd_version);
    vd_json_w_kv_time(w, "time", vd_clock_utc_us());
    return 200;
}

static int preview(vd_device *d, const vd_json *payload, vd_json_w *w)
{
    const char *camera = vd_json_text(vd_json_get(payload, "camera"), "");
    int64_t seconds = vd_json_int(vd_json_get(payload, "seconds"), 10);

    if (!camera[0] || strlen(camera) > VD_CAMERA_ID_MAX || seconds < 1) {
        vd_json_w_kv_text(w, "error", "preview needs {camera, seconds}");
        return BAD_REQUEST;
    }
    if (seconds > PREVIEW_MOST_S) seconds = PREVIEW_MOST_S;
    if (preview_wanted(d, camera, (int)seconds)) {
        vd_json_w_kv_text(w, "error", "too many cameras are looked at");
        return TOO_MANY;
    }
    vd_json_w_kv_text(w, "camera", camera);
    vd_json_w_kv_int(w, "seconds", seconds);
    return 200;
}

/* Evidence that is held goes to the hub. */
static int evidence(vd_device *d, const vd_json *payload, vd_json_w *w)
{
    vd_digest digest;
    vd_why why = { 0 };

    if (!vd_digest_parse(vd_slice_str(vd_json_text(vd_json_get(payload, "digest"), "")), &digest)) {
        vd_json_w_kv_text(w, "error", "evidence needs {digest}");
        return BAD_REQUEST;
    }
    vd_err err = vd_outbox_ask(d->outbox, &digest, &why);
    if (err) {
        vd_json_w_kv_text(w, "error", why.fact);
        vd_json_w_kv_text(w, "hint", why.hint);
        return err == VD_ABSENT ? NOT_FOUND : FAILED;
    }
    vd_json_w_kv_text(w, "digest", digest.hex);
    return 200;
}

static bool read_media(const vd_json *payload, vd_device_media *into)
{
    const char *id = vd_json_text(vd_json_get(payload, "id"), "");
    const char *camera = vd_json_text(vd_json_get(payload, "camera"), "");
    const char *from = vd_json_text(vd_json_get(payload, "from"), "");
    const char *to = vd_json_text(vd_json_get(payload, "to"), "");
    vd_ulid parsed;

    return vd_ulid_parse(vd_slice_str(id), &parsed) &&
           vd_slice_to_chars(vd_slice_str(id), into->id, sizeof into->id) && camera[0] &&
           vd_slice_to_chars(vd_slice_str(camera), into->camera, sizeof into->camera) &&
           vd_utc_parse(vd_slice_str(from), &into->from_utc_us) &&
           vd_utc_parse(vd_slice_str(to), &into->to_utc_us);
}

/* A range of the recording goes to the hub. */
static int media(vd_device *d, const vd_json *payload, vd_json_w *w)
{
    vd_device_media wish;
    vd_why why = { 0 };

    if (!d->sink.media || !read_media(payload, &wish)) {
        vd_json_w_kv_text(w, "error", "media needs {id, camera, from, to}");
        return BAD_REQUEST;
    }
    vd_err err = d->sink.media(d->sink.ctx, &wish, &why);
    if (err) {
        vd_json_w_kv_text(w, "error", why.fact);
        vd_json_w_kv_text(w, "hint", why.hint);
        return err == VD_ABSENT ? NOT_FOUND : err == VD_FULL ? TOO_MANY : BAD_REQUEST;
    }
    vd_json_w_kv_text(w, "id", wish.id);
    return ACCEPTED;
}

static int dispatch(vd_device *d, vd_slice name, const vd_json *payload, vd_json_w *w)
{
    if (vd_slice_eq(name, VD_STR("ping"))) return ping(w);
    if (vd_slice_eq(name, VD_STR("preview"))) return preview(d, payload, w);
    if (vd_slice_eq(name, VD_STR("evidence"))) return evidence(d, payload, w);
    if (vd_slice_eq(name, VD_STR("media"))) return media(d, payload, w);
    vd_json_w_kv_text(w, "error", "no such method; there are: ping, preview, evidence, media");
    return NOT_FOUND;
}

static void answer(vd_device *d, int status, vd_slice rid, vd_slice body)
{
    vd_topic topic = { .kind = VD_TOPIC_METHOD_RESULT, .status = (unsigned)status, .rid = rid };

    mqtt_send(d, &topic, body);
}

void method_called(vd_device *d, const vd_topic *topic, vd_slice body)
{
    VD_AUTO(vd_json_ptr) payload = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(4096);

    if (body.len && vd_json_parse(body, PAYLOAD_BYTES, 10, &payload, NULL)) {
        answer(d, BAD_REQUEST, topic->rid, VD_STR("{\"error\":\"the payload is no JSON\"}"));
        return;
    }
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    int status = dispatch(d, topic->name, payload, &w);
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) answer(d, status, topic->rid, vd_buf_slice(&text));
}
