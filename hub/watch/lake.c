/* lake.c - what happened, as files that DuckDB and Spark read.
 *
 *   PATH/kind=event/site=S/date=2026-11-21/part-000000000042.jsonl.gz
 *
 * One JSON object a line; partitions by kind, site and UTC day. Kinds: event (each revision that
 * stood when a file was written: the highest `revision` of an `id` counts), incident (the highest
 * `version` counts), media (evidence files, the newest line of a `digest`), window (a camera's
 * sketches). Each change waits in lake_todo; a batch becomes one file per kind and day, named by
 * the batch's first number, whole before it can be seen; then the changes are forgotten. A hub that
 * dies between the two writes the same files again, under the same names. */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "vd/clock.h"
#include "vd/file.h"
#include "watch_priv.h"

#define BATCH_ROWS     5000
#define PARTITIONS_MAX 512
#define PART_BYTES_MAX (64u << 20)
#define LINE_BYTES_MAX 200000

typedef struct {
    char dir[160]; /* kind=K/site=S/date=D */
    vd_buf lines;
    unsigned rows;
} partition;

typedef struct {
    const vd_lake_config *config;
    vd_store *store;
    int64_t first, last;
    partition *parts;
    unsigned count, rows;
} batch;

/* ---- one line each ---- */

typedef struct {
    vd_json_w w;
    int64_t at_us; /* its day */
} line;

static void kv_text_unless_null(vd_json_w *w, const char *key, vd_stmt *row, int column)
{
    if (!vd_col_null(row, column)) vd_json_w_kv_text(w, key, vd_col_text(row, column));
}

/* The object as it came, with a few members of the hub's own around it. */
static vd_err event_line(vd_store *store, const char *id, line *into, vd_why *why)
{
    vd_json_w *w = &into->w;
    vd_stmt *row = vd_store_stmt(store, "lake_event");
    vd_bind_text(row, "id", id);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    VD_AUTO(vd_json_ptr) event = NULL;
    err = vd_json_parse(vd_slice_str(vd_col_text(row, 0)), LINE_BYTES_MAX, VD_LIMIT_JSON_DEPTH,
                        &event, why);
    if (!err) {
        into->at_us = vd_col_int(row, 1);
        vd_json_w_kv_text(w, "incident", vd_col_text(row, 2));
        vd_json_w_kv_time(w, "received_at", vd_col_int(row, 4));
    }
    vd_stmt_finish(row);
    for (size_t i = 0; !err && i < vd_json_len(event); i++) {
        const char *key = NULL;
        const vd_json *member = vd_json_member(event, i, &key);
        vd_json_w_key(w, key);
        vd_json_w_node(w, member);
    }
    return err;
}

static vd_err incident_line(vd_store *store, const char *id, line *into, vd_why *why)
{
    static const char *const texts[] = { "state", "title", "device", "camera", "rule_id", "zone" };
    vd_json_w *w = &into->w;
    vd_stmt *row = vd_store_stmt(store, "lake_incident");
    vd_bind_text(row, "id", id);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    into->at_us = vd_col_int(row, 8);
    vd_json_w_kv_text(w, "id", id);
    vd_json_w_kv_int(w, "version", vd_col_int(row, 0));
    for (int i = 0; i < (int)VD_COUNT_OF(texts); i++)
        vd_json_w_kv_text(w, texts[i], vd_col_text(row, i + 1));
    vd_json_w_kv_text(w, "severity", vd_severity_word(vd_col_int(row, 7)));
    vd_json_w_kv_time(w, "started_at", vd_col_int(row, 8));
    vd_json_w_kv_time(w, "ended_at", vd_col_int(row, 9));
    vd_json_w_kv_time(w, "updated_at", vd_col_int(row, 10));
    vd_json_w_kv_int(w, "event_count", vd_col_int(row, 11));
    vd_json_w_kv_num(w, "score", vd_col_num(row, 12), 6);
    kv_text_unless_null(w, "acknowledged_by", row, 13);
    vd_json_w_kv_time(w, "acknowledged_at", vd_col_int(row, 14));
    kv_text_unless_null(w, "resolved_by", row, 15);
    vd_json_w_kv_time(w, "resolved_at", vd_col_int(row, 16));
    kv_text_unless_null(w, "verdict", row, 17);
    kv_text_unless_null(w, "note", row, 18);
    vd_stmt_finish(row);
    return VD_OK;
}

static vd_err media_line(vd_store *store, const char *id, line *into, vd_why *why)
{
    vd_json_w *w = &into->w;
    vd_stmt *row = vd_store_stmt(store, "lake_media");
    vd_bind_text(row, "id", id);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    into->at_us = vd_col_int(row, 1);
    vd_json_w_kv_text(w, "digest", id);
    vd_json_w_kv_int(w, "bytes", vd_col_int(row, 0));
    vd_json_w_kv_time(w, "arrived_at", vd_col_int(row, 1));
    vd_json_w_kv_time(w, "deleted_at", vd_col_int(row, 2));
    kv_text_unless_null(w, "deleted_why", row, 3);
    kv_text_unless_null(w, "content_type", row, 4);
    kv_text_unless_null(w, "device", row, 5);
    kv_text_unless_null(w, "event", row, 6);
    kv_text_unless_null(w, "kind", row, 7);
    vd_stmt_finish(row);
    return VD_OK;
}

/* The id is device LF camera LF start. */
static vd_err window_line(vd_store *store, const char *id, line *into, vd_why *why)
{
    char device[VD_LIMIT_NAME_BYTES + 1], camera[33];
    vd_json_w *w = &into->w;
    vd_slice rest, last;
    vd_slice_to_chars(vd_slice_cut(vd_slice_str(id), '\n', &rest), device, sizeof device);
    vd_slice_to_chars(vd_slice_cut(rest, '\n', &last), camera, sizeof camera);
    into->at_us = strtoll((const char *)last.data, NULL, 10);
    vd_stmt *row = vd_store_stmt(store, "lake_window");
    vd_bind_text(row, "device", device);
    vd_bind_text(row, "camera", camera);
    vd_bind_int(row, "start_us", into->at_us);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    VD_AUTO(vd_json_ptr) window = NULL;
    err = vd_json_parse(vd_slice_str(vd_col_text(row, 0)), LINE_BYTES_MAX, VD_LIMIT_JSON_DEPTH,
                        &window, why);
    vd_stmt_finish(row);
    vd_json_w_kv_text(w, "device", device);
    for (size_t i = 0; !err && i < vd_json_len(window); i++) {
        const char *key = NULL;
        const vd_json *member = vd_json_member(window, i, &key);
        if (strcmp(key, "device") == 0) continue;
        vd_json_w_key(w, key);
        vd_json_w_node(w, member);
    }
    return err;
}

static const struct {
    const char *kind;
    vd_err (*write)(vd_store *store, const char *id, line *into, vd_why *why);
} kinds[] = { { "event", event_line },
              { "incident", incident_line },
              { "media", media_line },
              { "window", window_line } };

/* ---- partitions ---- */

static vd_err partition_of(batch *b, const char *kind, int64_t at_us, partition **ret_part,
                           vd_why *why)
{
    char dir[sizeof b->parts[0].dir], at[VD_UTC_TEXT_ROOM];
    VD_AUTO(vd_buf) site = VD_BUF(120);
    if (!vd_url_encode(vd_slice_str(b->config->site), &site)) vd_buf_clear(&site);
    (void)snprintf(dir, sizeof dir, "kind=%s/site=%s/date=%.10s", kind,
                   site.len ? site.data : "site", vd_utc_text(at_us, at));
    for (unsigned i = 0; i < b->count; i++) {
        *ret_part = &b->parts[i];
        if (strcmp(b->parts[i].dir, dir) == 0) return VD_OK;
    }
    if (b->count == PARTITIONS_MAX) return vd_fail(why, VD_FULL, "too many days in one batch");
    partition *part = &b->parts[b->count++];
    memcpy(part->dir, dir, sizeof part->dir);
    part->lines = VD_BUF(PART_BYTES_MAX);
    *ret_part = part;
    return VD_OK;
}

static vd_err add_line(batch *b, const char *kind, const char *id, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(LINE_BYTES_MAX);
    line l = { .w = vd_json_writer(&text) };
    partition *part = NULL;
    unsigned k = 0;
    while (k < VD_COUNT_OF(kinds) && strcmp(kinds[k].kind, kind) != 0) k++;
    if (k == VD_COUNT_OF(kinds)) return VD_OK;
    vd_json_w_object(&l.w);
    vd_err err = kinds[k].write(b->store, id, &l, why);
    if (err == VD_ABSENT) return VD_OK; /* it is gone meanwhile */
    vd_json_w_object_end(&l.w);
    if (err || vd_json_w_end(&l.w)) return VD_OK; /* what cannot be read stays in the store */
    err = partition_of(b, kind, l.at_us, &part, why);
    if (err) return err;
    if (!vd_buf_add(&part->lines, vd_buf_slice(&text)) || !vd_buf_add_byte(&part->lines, '\n'))
        return vd_fail(why, VD_FULL, "a part of the lake is too large");
    part->rows++;
    b->rows++;
    return VD_OK;
}

static vd_err compress_into(vd_slice bytes, vd_buf *into, vd_why *why)
{
    uint8_t chunk[16384];
    z_stream z = { .next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.len };
    int rc = Z_OK;
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return vd_fail(why, VD_FULL, "no memory to compress");
    bool fits = true;
    while (fits && rc != Z_STREAM_END) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        rc = deflate(&z, Z_FINISH);
        fits = vd_buf_add(into, vd_slice_of(chunk, sizeof chunk - z.avail_out));
    }
    (void)deflateEnd(&z);
    return fits ? VD_OK : vd_fail(why, VD_FULL, "a part of the lake is too large");
}

static vd_err publish(const batch *b, const partition *part, vd_why *why)
{
    char path[4096];
    VD_AUTO(vd_buf) packed = VD_BUF(PART_BYTES_MAX);
    (void)snprintf(path, sizeof path, "%s/%s", b->config->path, part->dir);
    vd_err err = vd_dir_make(path, 0750, why);
    if (!err) err = compress_into(vd_buf_slice(&part->lines), &packed, why);
    if (err) return err;
    (void)snprintf(path, sizeof path, "%s/%s/part-%012lld.jsonl.gz", b->config->path, part->dir,
                   (long long)b->first);
    return vd_file_save(path, 0640, vd_buf_slice(&packed), why);
}

/* ---- the batch ---- */

static vd_err bounds(batch *b, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(b->store, "lake_bounds");
    vd_bind_int(row, "most", BATCH_ROWS);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    b->first = vd_col_int(row, 0);
    b->last = vd_col_int(row, 1);
    vd_stmt_finish(row);
    return VD_OK;
}

static vd_err gather(batch *b, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(b->store, "lake_batch");
    vd_bind_int(rows, "last", b->last);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        err = add_line(b, vd_col_text(rows, 0), vd_col_text(rows, 1), why);
        if (!err) continue;
        vd_stmt_finish(rows);
        return err;
    }
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_batch(batch *b, vd_why *why)
{
    vd_err err = bounds(b, why);
    if (err || b->last == 0) return err;
    b->parts = calloc(PARTITIONS_MAX, sizeof *b->parts);
    if (!b->parts) return vd_fail(why, VD_FULL, "no memory for the lake");
    err = gather(b, why);
    for (unsigned i = 0; !err && i < b->count; i++) err = publish(b, &b->parts[i], why);
    return err;
}

vd_err vd_lake_write(vd_store *store, const vd_lake_config *config, vd_lake_batch *ret_batch,
                     vd_why *why)
{
    batch b = { .config = config, .store = store };
    vd_err err = write_batch(&b, why);
    for (unsigned i = 0; i < b.count; i++) vd_buf_done(&b.parts[i].lines);
    free(b.parts);
    if (!err) *ret_batch = (vd_lake_batch){ .last = b.last, .files = b.count, .rows = b.rows };
    return err;
}

vd_err vd_lake_done(vd_store *store, const vd_lake_batch *written, vd_why *why)
{
    vd_stmt *done = vd_store_stmt(store, "lake_done");
    vd_bind_int(done, "last", written->last);
    vd_err err = vd_stmt_run(done, NULL, why);
    if (err) return err;
    vd_stmt *total = vd_store_stmt(store, "lake_total_add");
    vd_bind_int(total, "files", written->files);
    vd_bind_int(total, "rows", written->rows);
    vd_bind_int(total, "now_us", vd_clock_utc_us());
    return vd_stmt_run(total, NULL, why);
}

vd_err vd_lake_failed(vd_store *store, const char *reason, vd_why *why)
{
    vd_stmt *total = vd_store_stmt(store, "lake_total_why");
    vd_bind_text(total, "why", reason);
    return vd_stmt_run(total, NULL, why);
}

vd_err vd_lake_drop(vd_store *store, vd_why *why)
{
    return vd_stmt_run(vd_store_stmt(store, "lake_drop"), NULL, why);
}

vd_err vd_lake_write_state(vd_store *store, const vd_lake_config *config, vd_json_w *w, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "lake_total_get");
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    vd_json_w_key(w, "lake");
    vd_json_w_object(w);
    vd_json_w_kv_bool(w, "enabled", config->path[0] != '\0');
    if (config->path[0]) {
        vd_json_w_kv_text(w, "path", config->path);
        vd_json_w_kv_int(w, "files", vd_col_int(row, 0));
        vd_json_w_kv_int(w, "rows", vd_col_int(row, 1));
        if (vd_col_int(row, 2)) vd_json_w_kv_time(w, "written_at", vd_col_int(row, 2));
        if (!vd_col_null(row, 3)) vd_json_w_kv_text(w, "why", vd_col_text(row, 3));
    }
    vd_json_w_object_end(w);
    vd_stmt_finish(row);
    return VD_OK;
}
