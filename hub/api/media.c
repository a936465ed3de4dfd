/* media.c - what a device keeps and was not asked for yet: ranges of its recording, held evidence.
 */
#include "api_priv.h"

#include <stdio.h>

#include "vd/clock.h"
#include "vd/log.h"

#define METHOD_WAIT_S 10
#define RANGE_MAX_US  (1800ll * 1000000)
#define CAMERA_MAX    32u

static vd_err need_time(const vd_json *body, const char *name, int64_t *ret_us, vd_why *why)
{
    const char *text = NULL;
    vd_err err = need_text(body, name, 64, &text, why);
    if (err || vd_utc_parse(vd_slice_str(text), ret_us)) return err;
    return vd_fail(why, VD_INVALID, "'%s' must be a time like 2026-11-21T14:02:11Z", name);
}

static vd_err read_wish(request *r, vd_archive_wish *ret_wish, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    vd_archive_wish wish = {
        .id = vd_ulid_new(), .device = r->param[0], .camera = r->param[1], .who = r->who
    };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_time(body, "from", &wish.from_us, why);
    if (!err) err = need_time(body, "to", &wish.to_us, why);
    if (err) return err;
    if (strlen(wish.camera) > CAMERA_MAX) return vd_fail(why, VD_ABSENT, "there is no such camera");
    if (wish.from_us >= wish.to_us || wish.to_us - wish.from_us > RANGE_MAX_US) {
        (void)vd_fail(why, VD_INVALID, "this is no range of a recording");
        vd_why_hint(why, "'from' lies before 'to', by 30 minutes at most");
        return VD_INVALID;
    }
    *ret_wish = wish;
    return VD_OK;
}

/* Calls the device; what it refuses becomes the why. */
static vd_err call_device(request *r, const char *device, const char *method, vd_slice payload,
                          int want, vd_why *why)
{
    VD_AUTO(vd_buf) answer = VD_BUF(65536);
    VD_AUTO(vd_json_ptr) root = NULL;
    int status = 0;
    vd_err err = vd_intake_method_call(r->api->parts.intake, device, method, payload, METHOD_WAIT_S,
                                       &status, &answer, why);
    if (err == VD_GONE || err == VD_RETRY) r->status = MHD_HTTP_GATEWAY_TIMEOUT;
    if (err || status == want) return err;
    vd_err bad = vd_json_parse(vd_buf_slice(&answer), 65536, VD_LIMIT_JSON_DEPTH, &root, NULL);
    const char *error = bad ? "" : vd_json_text(vd_json_get(root, "error"), "");
    const char *hint = bad ? "" : vd_json_text(vd_json_get(root, "hint"), "");
    err = status == MHD_HTTP_NOT_FOUND ? VD_ABSENT : VD_CONFLICT;
    vd_fail(why, err, "%.150s", error[0] ? error : "the device refused");
    vd_why_hint(why, "%.200s", hint);
    return err;
}

static vd_err write_payload(const vd_archive_wish *wish, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", wish->id.text);
    vd_json_w_kv_text(&w, "camera", wish->camera);
    vd_json_w_kv_time(&w, "from", wish->from_us);
    vd_json_w_kv_time(&w, "to", wish->to_us);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

static vd_err add_job(vd_store *store, void *arg, vd_why *why)
{
    return vd_archive_media_add(store, arg, why);
}

typedef struct {
    const vd_archive_wish *wish;
    const vd_why *why;
} refusal;

static vd_err fail_job(vd_store *store, void *arg, vd_why *why)
{
    const refusal *f = arg;
    return vd_archive_media_fail(store, f->wish->id.text, f->wish->device, f->why->fact,
                                 f->why->hint[0] ? f->why->hint : NULL, why);
}

static vd_err reply_media(request *r, unsigned status, const char *id, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_archive_media_write(store, id, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, status, &w, why);
}

/* The wish is noted before the device hears of it: its answer may come at once. */
vd_err ask_media(request *r, vd_why *why)
{
    vd_archive_wish wish;
    VD_AUTO(vd_buf) payload = VD_BUF(512);
    vd_err err = read_wish(r, &wish, why);
    if (!err) err = write_payload(&wish, &payload);
    if (!err) err = vd_committer_run(r->api->parts.committer, add_job, &wish, why);
    if (err) return err;
    err = call_device(r, wish.device, "media", vd_buf_slice(&payload), MHD_HTTP_ACCEPTED, why);
    if (err) {
        refusal f = { &wish, why };
        vd_err noted = vd_committer_run(r->api->parts.committer, fail_job, &f, NULL);
        (void)noted; /* the answer tells it; the note is for the list */
        return err;
    }
    vd_log(VD_LOG_INFO, "media.asked", "a recording was asked for", "device", wish.device, "camera",
           wish.camera, "media", wish.id.text, "who", r->who, NULL);
    return reply_media(r, MHD_HTTP_ACCEPTED, wish.id.text, why);
}

vd_err get_media(request *r, vd_why *why)
{
    return reply_media(r, MHD_HTTP_OK, r->param[0], why);
}

vd_err list_media(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "media");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_archive_media_list(store, r->param[0], r->param[1], &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err ask_evidence(request *r, vd_why *why)
{
    vd_digest digest;
    char device[VD_LIMIT_NAME_BYTES + 1] = "", payload[128];
    vd_err err = need_digest(r, &digest, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_archive_device_of(store, &digest, device, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    (void)snprintf(payload, sizeof payload, "{\"digest\":\"%s\"}", digest.hex);
    err = call_device(r, device, "evidence", vd_slice_str(payload), MHD_HTTP_OK, why);
    if (err) return err;
    VD_AUTO(vd_buf) text = VD_BUF(1024);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "digest", digest.hex);
    vd_json_w_kv_text(&w, "device", device);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_ACCEPTED, &w, why);
}
