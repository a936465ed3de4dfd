/* devices.c - identities, twins, methods and messages, as the intake keeps them. */
#include "api_priv.h"

#include <stdio.h>

#define DEVICES_MAX 10000u
#define LIST_STEP   100u

/* What a device says of itself in its reported properties. */
static void write_reported(const vd_json *reported, vd_json_w *w)
{
    const vd_json *agent = vd_json_get(reported, "agent");
    const vd_json *queue = vd_json_get(reported, "queue");
    const char *version = vd_json_text(vd_json_get(agent, "version"), NULL);
    if (version) vd_json_w_kv_text(w, "version", version);
    if (queue) {
        vd_json_w_kv_int(w, "queue_waiting", vd_json_int(vd_json_get(queue, "waiting"), 0));
        vd_json_w_kv_int(w, "queue_dropped", vd_json_int(vd_json_get(queue, "dropped"), 0));
    }
    int64_t cameras = 0;
    const vd_json *list = vd_json_get(reported, "cameras");
    for (size_t n = 0; n < vd_json_len(list); n++) {
        const char *key = NULL;
        if (vd_json_kind_of(vd_json_member(list, n, &key)) == VD_JSON_IS_OBJECT && key[0] != '$')
            cameras++;
    }
    vd_json_w_kv_int(w, "camera_count", cameras);
}

static void write_device(request *r, const vd_intake_device *device, vd_json_w *w)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    VD_AUTO(vd_json_ptr) twin = NULL;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", device->id);
    vd_json_w_kv_bool(w, "enabled", device->enabled);
    vd_json_w_kv_bool(w, "connected", device->connected);
    vd_json_w_kv_time(w, "created_at", device->created_utc_us);
    vd_json_w_kv_time(w, "last_seen_at", device->last_seen_utc_us);
    if (device->clock_known) vd_json_w_kv_int(w, "clock_skew_ms", device->clock_skew_ms);
    if (vd_intake_twin_get(r->api->parts.intake, device->id, &text, NULL) == VD_OK &&
        vd_json_parse(vd_buf_slice(&text), VD_LIMIT_REQUEST_BYTES, VD_LIMIT_JSON_DEPTH, &twin,
                      NULL) == VD_OK)
        write_reported(vd_json_get(vd_json_get(twin, "properties"), "reported"), w);
    vd_json_w_object_end(w);
}

static vd_err reply_device(request *r, unsigned status, const vd_intake_device *device, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&text);
    write_device(r, device, &w);
    return reply_json(r, status, &w, why);
}

static vd_err write_all(request *r, vd_json_w *w, vd_why *why)
{
    char after[VD_LIMIT_NAME_BYTES + 1] = "";
    vd_intake_device list[LIST_STEP];
    size_t count = LIST_STEP;
    for (unsigned total = 0; count == LIST_STEP && total < DEVICES_MAX; total += LIST_STEP) {
        vd_err err =
            vd_intake_device_list(r->api->parts.intake, after, list, LIST_STEP, &count, why);
        if (err) return err;
        for (size_t n = 0; n < count; n++) write_device(r, &list[n], w);
        if (count) memcpy(after, list[count - 1].id, sizeof after);
    }
    return VD_OK;
}

vd_err list_devices(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "devices");
    vd_json_w_list(&w);
    vd_err err = write_all(r, &w, why);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err create_device(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *id = NULL;
    vd_intake_device device;
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "id", VD_LIMIT_NAME_BYTES, &id, why);
    if (!err) err = vd_intake_device_create(r->api->parts.intake, id, &device, why);
    return err ? err : reply_device(r, MHD_HTTP_CREATED, &device, why);
}

vd_err get_device(request *r, vd_why *why)
{
    vd_intake_device device;
    vd_err err = vd_intake_device_get(r->api->parts.intake, r->param[0], &device, why);
    return err ? err : reply_device(r, MHD_HTTP_OK, &device, why);
}

vd_err update_device(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    vd_intake_device device;
    vd_err err = ask_json(r, &body, why);
    if (err) return err;
    const vd_json *enabled = vd_json_get(body, "enabled");
    if (vd_json_kind_of(enabled) != VD_JSON_IS_BOOL)
        return vd_fail(why, VD_INVALID, "'enabled' must be true or false");
    err = vd_intake_device_enable(r->api->parts.intake, r->param[0], vd_json_bool(enabled, true),
                                  &device, why);
    return err ? err : reply_device(r, MHD_HTTP_OK, &device, why);
}

vd_err delete_device(request *r, vd_why *why)
{
    vd_err err = vd_intake_device_delete(r->api->parts.intake, r->param[0], why);
    return err ? err : reply_empty(r, MHD_HTTP_NO_CONTENT);
}

static vd_err reply_connection(request *r, const vd_buf *connection, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "connection_string", connection->data);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err device_connection_string(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) connection = VD_BUF(2048);
    vd_err err = vd_intake_connection_string(r->api->parts.intake, r->param[0], &connection, why);
    return err ? err : reply_connection(r, &connection, why);
}

vd_err service_connection_string(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) connection = VD_BUF(2048);
    vd_err err = vd_intake_service_connection_string(r->api->parts.intake, &connection, why);
    return err ? err : reply_connection(r, &connection, why);
}

static vd_err reply_twin(request *r, const vd_buf *twin, vd_why *why)
{
    vd_err err = reply_bytes(r, MHD_HTTP_OK, "application/json", vd_buf_slice(twin), why);
    if (!err) reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return err;
}

vd_err get_twin(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) twin = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    vd_err err = vd_intake_twin_get(r->api->parts.intake, r->param[0], &twin, why);
    return err ? err : reply_twin(r, &twin, why);
}

vd_err patch_twin(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) twin = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    vd_err err = vd_intake_twin_patch(r->api->parts.intake, r->param[0], vd_buf_slice(&r->body),
                                      ask_header(r, MHD_HTTP_HEADER_IF_MATCH), &twin, why);
    if (err == VD_CONFLICT) r->status = MHD_HTTP_PRECONDITION_FAILED;
    if (err == VD_FULL) r->status = MHD_HTTP_BAD_REQUEST; /* a section over its limit */
    return err ? err : reply_twin(r, &twin, why);
}

vd_err call_method(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) payload = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    uint64_t timeout_s = 30;
    int status = 0;
    vd_err err = ask_count(r, "timeout", 1, 300, &timeout_s, why);
    if (!err)
        err = vd_intake_method_call(r->api->parts.intake, r->param[0], r->param[1],
                                    vd_buf_slice(&r->body), (int)timeout_s, &status, &payload, why);
    if (err == VD_GONE || err == VD_RETRY) r->status = MHD_HTTP_GATEWAY_TIMEOUT;
    if (err) return err;
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES + 64);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "status", status);
    vd_json_w_key(&w, "payload");
    vd_json_w_raw(&w, payload.len ? vd_buf_slice(&payload) : VD_STR("null"));
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err send_message(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *text = NULL;
    vd_ulid id;
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "body", 65536, &text, why);
    if (err) return err;
    const vd_json *expires = vd_json_get(body, "expires_in_s");
    int64_t expires_s = vd_json_int(expires, 3600);
    if (expires_s < 1 || expires_s > 172800)
        return vd_fail(why, VD_INVALID, "'expires_in_s' must be 1 to 172800");
    err = vd_intake_message_send(r->api->parts.intake, r->param[0], vd_slice_str(text),
                                 vd_json_get(body, "properties"), expires_s, &id, why);
    if (err == VD_FULL) r->status = MHD_HTTP_TOO_MANY_REQUESTS;
    if (err) return err;
    VD_AUTO(vd_buf) answer = VD_BUF(256);
    vd_json_w w = vd_json_writer(&answer);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", id.text);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_ACCEPTED, &w, why);
}
