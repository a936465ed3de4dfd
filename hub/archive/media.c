/* media.c - ranges of a camera's recording that were asked for.
 *
 *   asked ─▶ cut (the device told what it is, and sends it) ─▶ here
 *      └───▶ failed (nothing recorded then, the device away or refusing) */
#include "archive.h"
#include "limits.h"
#include "vd/clock.h"

enum { ID, DEVICE, CAMERA, FROM, TO, WHO, ASKED, STATE, WHY, HINT, DIGEST, BYTES, START, END };
enum { WIDTH = END + 1, HEIGHT, ARRIVED, DELETED };

vd_err vd_archive_media_add(vd_store *store, const vd_archive_wish *wish, vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "media_add");
    vd_bind_text(add, "id", wish->id.text);
    vd_bind_text(add, "device", wish->device);
    vd_bind_text(add, "camera", wish->camera);
    vd_bind_int(add, "from_us", wish->from_us);
    vd_bind_int(add, "to_us", wish->to_us);
    vd_bind_text(add, "who", wish->who);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    return vd_stmt_run(add, NULL, why);
}

vd_err vd_archive_media_fail(vd_store *store, const char *id, const char *device, const char *fact,
                             const char *hint, vd_why *why)
{
    vd_stmt *fail = vd_store_stmt(store, "media_fail");
    vd_bind_text(fail, "id", id);
    vd_bind_text(fail, "device", device);
    vd_bind_text(fail, "why", fact);
    vd_bind_text(fail, "hint", hint);
    return vd_stmt_run(fail, NULL, why);
}

typedef struct {
    char id[VD_ULID_LEN + 1], digest[VD_SHA256_HEX + 1], why[161], hint[241];
    uint64_t bytes, width, height;
    int64_t start_us, end_us;
} told;

static const vd_json_field told_fields[] = {
    { "id", VD_JSON_TEXT, offsetof(told, id), VD_ULID_LEN, true, .inplace = true },
    { "digest", VD_JSON_TEXT, offsetof(told, digest), VD_SHA256_HEX, .inplace = true },
    { "why", VD_JSON_TEXT, offsetof(told, why), 160, .inplace = true },
    { "hint", VD_JSON_TEXT, offsetof(told, hint), 240, .inplace = true },
    { "bytes", VD_JSON_COUNT, offsetof(told, bytes), VD_LIMIT_EVIDENCE_BYTES },
    { "width", VD_JSON_COUNT, offsetof(told, width), 65536 },
    { "height", VD_JSON_COUNT, offsetof(told, height), 65536 },
    { "start", VD_JSON_TIME, offsetof(told, start_us) },
    { "end", VD_JSON_TIME, offsetof(told, end_us) },
};

static vd_err keep_cut(vd_store *store, const char *device, const told *t, vd_why *why)
{
    vd_digest digest;
    uint64_t changed = 0;
    if (!vd_digest_parse(vd_slice_str(t->digest), &digest) || t->bytes == 0)
        return vd_fail(why, VD_INVALID, "a range that was cut needs its digest and bytes");
    vd_stmt *cut = vd_store_stmt(store, "media_cut");
    vd_bind_text(cut, "id", t->id);
    vd_bind_text(cut, "device", device);
    vd_bind_text(cut, "digest", digest.hex);
    vd_bind_int(cut, "bytes", (int64_t)t->bytes);
    vd_bind_int(cut, "start_us", t->start_us);
    vd_bind_int(cut, "end_us", t->end_us);
    vd_bind_int(cut, "width", (int64_t)t->width);
    vd_bind_int(cut, "height", (int64_t)t->height);
    vd_err err = vd_stmt_run(cut, &changed, why);
    if (err || !changed) return err;
    const vd_archive_use use = { .what = "media",
                                 .id = t->id,
                                 .content_type = "video/mp4",
                                 .device = device,
                                 .bytes = t->bytes };
    return vd_archive_use_add(store, &digest, &use, why);
}

vd_err vd_archive_media_told(vd_store *store, const char *device, vd_slice json, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    told t = { 0 };
    vd_err err = vd_json_parse(json, VD_LIMIT_MESSAGE_BYTES, VD_LIMIT_JSON_DEPTH, &root, why);
    if (!err) err = vd_json_read(root, told_fields, VD_COUNT_OF(told_fields), &t, NULL, why);
    if (err) return err;
    if (t.why[0])
        return vd_archive_media_fail(store, t.id, device, t.why, t.hint[0] ? t.hint : NULL, why);
    return keep_cut(store, device, &t, why);
}

static const char *state_of(vd_stmt *row)
{
    if (strcmp(vd_col_text(row, STATE), "cut") != 0) return vd_col_text(row, STATE);
    if (vd_col_int(row, DELETED)) return "deleted";
    return vd_col_int(row, ARRIVED) ? "here" : "coming";
}

static void write_row(vd_stmt *row, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", vd_col_text(row, ID));
    vd_json_w_kv_text(w, "device", vd_col_text(row, DEVICE));
    vd_json_w_kv_text(w, "camera", vd_col_text(row, CAMERA));
    vd_json_w_kv_time(w, "from", vd_col_int(row, FROM));
    vd_json_w_kv_time(w, "to", vd_col_int(row, TO));
    vd_json_w_kv_text(w, "asked_by", vd_col_text(row, WHO));
    vd_json_w_kv_time(w, "asked_at", vd_col_int(row, ASKED));
    vd_json_w_kv_text(w, "state", state_of(row));
    if (!vd_col_null(row, WHY)) vd_json_w_kv_text(w, "why", vd_col_text(row, WHY));
    if (!vd_col_null(row, HINT)) vd_json_w_kv_text(w, "hint", vd_col_text(row, HINT));
    if (!vd_col_null(row, DIGEST)) {
        vd_json_w_kv_text(w, "digest", vd_col_text(row, DIGEST));
        vd_json_w_kv_int(w, "bytes", vd_col_int(row, BYTES));
        vd_json_w_kv_time(w, "start", vd_col_int(row, START));
        vd_json_w_kv_time(w, "end", vd_col_int(row, END));
        vd_json_w_kv_int(w, "width", vd_col_int(row, WIDTH));
        vd_json_w_kv_int(w, "height", vd_col_int(row, HEIGHT));
    }
    vd_json_w_object_end(w);
}

vd_err vd_archive_media_write(vd_store *store, const char *id, vd_json_w *w, vd_why *why)
{
    vd_stmt *get = vd_store_stmt(store, "media_get");
    vd_bind_text(get, "id", id);
    vd_err err = vd_stmt_row(get, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "nobody asked for such a recording");
    if (!err) write_row(get, w);
    vd_stmt_finish(get);
    return err;
}

vd_err vd_archive_media_list(vd_store *store, const char *device, const char *camera, vd_json_w *w,
                             vd_why *why)
{
    vd_err err;
    vd_stmt *list = vd_store_stmt(store, "media_list");
    vd_bind_text(list, "device", device);
    vd_bind_text(list, "camera", camera);
    vd_json_w_list(w);
    while ((err = vd_stmt_row(list, why)) == VD_OK) write_row(list, w);
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_archive_device_of(vd_store *store, const vd_digest *digest,
                            char ret_device[VD_LIMIT_NAME_BYTES + 1], vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "evidence_device");
    vd_bind_text(find, "digest", digest->hex);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "no event names this evidence");
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 0)), ret_device, VD_LIMIT_NAME_BYTES + 1);
    vd_stmt_finish(find);
    return VD_OK;
}
