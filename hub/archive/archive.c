/* archive.c - evidence rows, labelled items, retention. */
#include "archive.h"

#include <stdio.h>

#include "vd/clock.h"

vd_err vd_archive_named(vd_store *store, const char *device, const vd_digest *digest,
                        vd_archive_evidence *ret_evidence, vd_why *why)
{
    vd_stmt *named = vd_store_stmt(store, "evidence_named");
    vd_bind_text(named, "digest", digest->hex);
    vd_bind_text(named, "device", device);
    vd_err err = vd_stmt_row(named, why);
    if (err == VD_ABSENT) {
        (void)vd_fail(why, VD_ABSENT, "no event of this device names the file");
        vd_why_detail(why, "digest %s, device '%s'", digest->hex, device);
        vd_why_hint(why, "send the event first, then its evidence");
        return VD_ABSENT;
    }
    if (err) return err;
    vd_archive_evidence found = { .bytes = (uint64_t)vd_col_int(named, 0),
                                  .arrived = vd_col_int(named, 2) != 0 };
    vd_slice_to_chars(vd_slice_str(vd_col_text(named, 1)), found.content_type,
                      sizeof found.content_type);
    vd_stmt_finish(named);
    *ret_evidence = found;
    return VD_OK;
}

vd_err vd_archive_arrived(vd_store *store, const vd_digest *digest, uint64_t bytes, vd_why *why)
{
    vd_stmt *arrived = vd_store_stmt(store, "blob_arrived");
    vd_bind_text(arrived, "digest", digest->hex);
    vd_bind_int(arrived, "bytes", (int64_t)bytes);
    vd_bind_int(arrived, "now_us", vd_clock_utc_us());
    return vd_stmt_run(arrived, NULL, why);
}

vd_err vd_archive_find(vd_store *store, const vd_digest *digest, char ret_content_type[64],
                       vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "evidence_find");
    vd_bind_text(find, "digest", digest->hex);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "this evidence is not here");
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 0)), ret_content_type, 64);
    vd_stmt_finish(find);
    return VD_OK;
}

vd_err vd_archive_incidents(vd_store *store, const vd_digest *digest,
                            void (*each)(void *arg, const char *incident, uint64_t version),
                            void *arg, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "evidence_incidents");
    vd_bind_text(rows, "digest", digest->hex);
    while ((err = vd_stmt_row(rows, why)) == VD_OK)
        each(arg, vd_col_text(rows, 0), (uint64_t)vd_col_int(rows, 1));
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_archive_use_add(vd_store *store, const vd_digest *digest, const vd_archive_use *use,
                          vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "blob_use");
    vd_bind_text(add, "digest", digest->hex);
    vd_bind_text(add, "what", use->what);
    vd_bind_text(add, "id", use->id);
    vd_bind_text(add, "content_type", use->content_type);
    vd_bind_int(add, "held", use->held);
    vd_bind_text(add, "device", use->device);
    if (use->device) vd_bind_int(add, "bytes", (int64_t)use->bytes);
    return vd_stmt_run(add, NULL, why);
}

vd_err vd_archive_use_end(vd_store *store, const char *what, const char *id, vd_why *why)
{
    vd_stmt *end = vd_store_stmt(store, "blob_unuse");
    vd_bind_text(end, "what", what);
    vd_bind_text(end, "id", id);
    return vd_stmt_run(end, NULL, why);
}

vd_err vd_archive_used(vd_store *store, const vd_digest *digest, char ret_content_type[64],
                       vd_why *why)
{
    vd_stmt *used = vd_store_stmt(store, "blob_used");
    vd_bind_text(used, "digest", digest->hex);
    vd_err err = vd_stmt_row(used, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "this file is not here");
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(used, 0)), ret_content_type, 64);
    vd_stmt_finish(used);
    return VD_OK;
}

static vd_err label_event(vd_store *store, const char *event, vd_why *why)
{
    vd_ulid id = vd_ulid_new();
    vd_stmt *label = vd_store_stmt(store, "item_label");
    vd_bind_text(label, "id", id.text);
    vd_bind_text(label, "event", event);
    return vd_stmt_run(label, NULL, why);
}

vd_err vd_archive_label(vd_store *store, const char *incident, vd_why *why)
{
    vd_err err = VD_OK;
    while (!err) {
        char event[VD_ULID_LEN + 1];
        vd_stmt *next = vd_store_stmt(store, "item_unlabelled");
        vd_bind_text(next, "incident", incident);
        err = vd_stmt_row(next, why);
        if (err) break;
        vd_slice_to_chars(vd_slice_str(vd_col_text(next, 0)), event, sizeof event);
        vd_stmt_finish(next);
        err = label_event(store, event, why);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_archive_withdraw(vd_store *store, const char *incident, vd_why *why)
{
    vd_stmt *withdraw = vd_store_stmt(store, "item_withdraw");
    vd_bind_text(withdraw, "incident", incident);
    vd_bind_int(withdraw, "now_us", vd_clock_utc_us());
    return vd_stmt_run(withdraw, NULL, why);
}

static void write_item(vd_stmt *row, vd_json_w *w)
{
    static const char *const after_model[] = { "rule_id", "rule_version", "incident",
                                               "event",   "device",       "camera" };
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", vd_col_text(row, 0));
    vd_json_w_kv_text(w, "picture", vd_col_text(row, 1));
    vd_json_w_kv_int(w, "width", vd_col_int(row, 2));
    vd_json_w_kv_int(w, "height", vd_col_int(row, 3));
    vd_json_w_key(w, "boxes");
    vd_json_w_raw(w, vd_slice_str(vd_col_text(row, 4)));
    vd_json_w_kv_text(w, "verdict", vd_col_text(row, 5));
    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", vd_col_text(row, 6));
    vd_json_w_kv_text(w, "digest", vd_col_text(row, 7));
    vd_json_w_object_end(w);
    for (int n = 0; n < (int)VD_COUNT_OF(after_model); n++)
        vd_json_w_kv_text(w, after_model[n], vd_col_text(row, 8 + n));
    vd_json_w_kv_time(w, "captured_at", vd_col_int(row, 14));
    vd_json_w_kv_time(w, "labelled_at", vd_col_int(row, 15));
    vd_json_w_kv_text(w, "labelled_by", vd_col_text(row, 16));
    vd_json_w_object_end(w);
}

vd_err vd_archive_write_items(vd_store *store, const char *verdict, const char *cursor,
                              unsigned limit, vd_json_w *w, vd_why *why)
{
    vd_ulid after;
    unsigned count = 0;
    char last[VD_ULID_LEN + 1] = "";
    vd_err err;

    if (verdict && !vd_verdict_known(verdict))
        return vd_fail(why, VD_INVALID, "'%.40s' is no verdict", verdict);
    if (cursor && !vd_ulid_parse(vd_slice_str(cursor), &after))
        return vd_fail(why, VD_INVALID, "the cursor is none of ours");
    vd_stmt *list = vd_store_stmt(store, "item_list");
    vd_bind_text(list, "verdict", verdict);
    if (cursor) vd_bind_text(list, "after", after.text);
    vd_bind_int(list, "limit", limit + 1);
    vd_json_w_key(w, "items");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(list, why)) == VD_OK && count++ < limit) {
        vd_slice_to_chars(vd_slice_str(vd_col_text(list, 0)), last, sizeof last);
        write_item(list, w);
    }
    vd_stmt_finish(list);
    vd_json_w_list_end(w);
    if (err == VD_OK) vd_json_w_kv_text(w, "next", last); /* a row is left over */
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err total(vd_store *store, uint64_t *ret_bytes, vd_why *why)
{
    vd_stmt *sum = vd_store_stmt(store, "blob_total");
    vd_err err = vd_stmt_row(sum, why);
    if (err) return err;
    *ret_bytes = (uint64_t)vd_col_int(sum, 0);
    vd_stmt_finish(sum);
    return VD_OK;
}

#define DUE_MOST 100

typedef struct {
    unsigned count;
    struct {
        vd_digest digest;
        int64_t bytes;
    } file[DUE_MOST];
} due_list;

/* The oldest of what may go, `most` at most. */
static vd_err due(vd_store *store, int64_t before_us, bool keep_labelled, unsigned most,
                  due_list *into, vd_why *why)
{
    vd_stmt *next = vd_store_stmt(store, "blob_due");
    vd_bind_int(next, "before_us", before_us);
    vd_bind_int(next, "keep_labelled", keep_labelled);
    vd_bind_int(next, "most", most < DUE_MOST ? most : DUE_MOST);
    into->count = 0;
    vd_err err = vd_stmt_row(next, why);
    for (; !err && into->count < DUE_MOST; err = vd_stmt_row(next, why)) {
        if (!vd_digest_parse(vd_slice_str(vd_col_text(next, 0)), &into->file[into->count].digest))
            err = VD_CORRUPT;
        if (err) break;
        into->file[into->count++].bytes = vd_col_int(next, 1);
    }
    vd_stmt_finish(next);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err delete_one(vd_store *store, vd_blobs *blobs, const vd_digest *digest,
                         const char *reason, vd_why *why)
{
    vd_err err = vd_blobs_delete(blobs, digest, why);
    if (err && err != VD_ABSENT) return err;
    vd_stmt *record = vd_store_stmt(store, "blob_deleted");
    vd_bind_text(record, "digest", digest->hex);
    vd_bind_int(record, "now_us", vd_clock_utc_us());
    vd_bind_text(record, "why", reason);
    return vd_stmt_run(record, NULL, why);
}

/* Deletes what is due until `over` bytes are gone or *count has reached `most`. */
static vd_err delete_due(vd_store *store, vd_blobs *blobs, const due_list *list, int64_t over,
                         const char *reason, unsigned *count, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; !err && over > 0 && i < list->count; i++) {
        err = delete_one(store, blobs, &list->file[i].digest, reason, why);
        over -= list->file[i].bytes;
        if (!err) ++*count;
    }
    return err;
}

vd_err vd_archive_sweep(vd_store *store, vd_blobs *blobs, const vd_archive_retention *retention,
                        unsigned most, unsigned *ret_count, vd_why *why)
{
    const int64_t now_us = vd_clock_utc_us();
    due_list list = { 0 };
    unsigned count = 0;
    uint64_t bytes = 0;
    vd_err err = VD_OK;
    if (retention->days)
        err = due(store, now_us - retention->days * 86400 * 1000000ll, retention->keep_labelled,
                  most, &list, why);
    if (!err)
        err = delete_due(store, blobs, &list, INT64_MAX, "older than the retention time", &count,
                         why);
    if (!err && retention->most_bytes) err = total(store, &bytes, why);
    const int64_t over = (int64_t)bytes - retention->most_bytes;
    if (!err && retention->most_bytes && over > 0 && count < most) {
        err = due(store, now_us, retention->keep_labelled, most - count, &list, why);
        if (!err)
            err = delete_due(store, blobs, &list, over, "over the retention size", &count, why);
    }
    if (err) return err;
    *ret_count = count;
    return VD_OK;
}
