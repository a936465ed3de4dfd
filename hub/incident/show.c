/* show.c - incidents as JSON, in the words of contract/openapi.yaml. Columns: sql/incident_get. */
#include "incident.h"
#include "limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"

enum {
    ID,
    VERSION,
    STATE,
    TITLE,
    DEVICE,
    CAMERA,
    RULE,
    ZONE,
    SEVERITY,
    STARTED,
    ENDED,
    UPDATED,
    COUNT,
    SCORE,
    ACK_BY,
    ACK_US,
    RES_BY,
    RES_US,
    VERDICT,
    NOTE,
    SNAPSHOT,
    BOXES,
    BEST_POINTS,
    FIRST_POINTS
};

static void time_or_null(vd_json_w *w, const char *key, vd_stmt *row, int column)
{
    vd_json_w_kv_time(w, key, vd_col_null(row, column) ? 0 : vd_col_int(row, column));
}

static void raw_member(vd_json_w *w, const char *key, const char *json)
{
    if (!json) return;
    vd_json_w_key(w, key);
    vd_json_w_raw(w, vd_slice_str(json));
}

static void write_people(vd_stmt *row, vd_json_w *w)
{
    vd_json_w_kv_text(w, "acknowledged_by", vd_col_text(row, ACK_BY));
    time_or_null(w, "acknowledged_at", row, ACK_US);
    vd_json_w_kv_text(w, "resolved_by", vd_col_text(row, RES_BY));
    time_or_null(w, "resolved_at", row, RES_US);
    if (!vd_col_null(row, VERDICT)) vd_json_w_kv_text(w, "verdict", vd_col_text(row, VERDICT));
    if (!vd_col_null(row, NOTE)) vd_json_w_kv_text(w, "note", vd_col_text(row, NOTE));
}

static void write_row(vd_stmt *row, vd_json_w *w)
{
    vd_json_w_kv_text(w, "id", vd_col_text(row, ID));
    vd_json_w_kv_int(w, "version", vd_col_int(row, VERSION));
    vd_json_w_kv_text(w, "state", vd_col_text(row, STATE));
    vd_json_w_kv_text(w, "title", vd_col_text(row, TITLE));
    vd_json_w_kv_text(w, "device", vd_col_text(row, DEVICE));
    vd_json_w_kv_text(w, "camera", vd_col_text(row, CAMERA));
    vd_json_w_kv_text(w, "rule_id", vd_col_text(row, RULE));
    vd_json_w_kv_text(w, "zone", vd_col_text(row, ZONE));
    vd_json_w_kv_text(w, "severity", vd_severity_word(vd_col_int(row, SEVERITY)));
    time_or_null(w, "started_at", row, STARTED);
    time_or_null(w, "ended_at", row, ENDED);
    time_or_null(w, "updated_at", row, UPDATED);
    vd_json_w_kv_bool(w, "ongoing", vd_col_null(row, ENDED));
    vd_json_w_kv_int(w, "event_count", vd_col_int(row, COUNT));
    vd_json_w_kv_num(w, "score", vd_col_num(row, SCORE), 6);
    if (!vd_col_null(row, SNAPSHOT)) vd_json_w_kv_text(w, "snapshot", vd_col_text(row, SNAPSHOT));
    raw_member(w, "boxes", vd_col_text(row, BOXES));
    bool best = !vd_col_null(row, BEST_POINTS);
    raw_member(w, "zone_points", vd_col_text(row, best ? BEST_POINTS : FIRST_POINTS));
    write_people(row, w);
}

static vd_err write_counts(vd_store *store, const char *who, vd_json_w *w, vd_why *why)
{
    vd_stmt *counts = vd_store_stmt(store, "incident_counts");
    vd_bind_text(counts, "who", who);
    vd_err err = vd_stmt_row(counts, why);
    if (err) return err;
    vd_json_w_key(w, "counts");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "open", vd_col_int(counts, 0));
    vd_json_w_kv_int(w, "acknowledged", vd_col_int(counts, 1));
    vd_json_w_kv_int(w, "resolved", vd_col_int(counts, 2));
    vd_json_w_kv_int(w, "mine", vd_col_int(counts, 3));
    vd_json_w_object_end(w);
    vd_stmt_finish(counts);
    return VD_OK;
}

/* "STARTED_US.ID" of the last row of the page before. */
static bool cursor_read(const char *cursor, int64_t *ret_us, const char **ret_id)
{
    uint64_t us = 0;
    vd_ulid id;
    vd_slice rest = VD_SLICE_NONE;
    vd_slice head = vd_slice_cut(vd_slice_str(cursor), '.', &rest);
    if (!vd_slice_u64(head, INT64_MAX, &us) || !vd_ulid_parse(rest, &id)) return false;
    *ret_us = (int64_t)us;
    *ret_id = (const char *)rest.data;
    return true;
}

static bool like_pattern(const char *text, vd_buf *into)
{
    bool ok = vd_buf_add_byte(into, '%');
    for (; ok && *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') ok = vd_buf_add_byte(into, '\\');
        ok = ok && vd_buf_add_byte(into, (uint8_t)*text);
    }
    return ok && vd_buf_add_byte(into, '%');
}

static vd_err bind_words(vd_stmt *list, const vd_incident_filter *filter, vd_why *why)
{
    bool all = !filter->open && !filter->acknowledged && !filter->resolved;
    vd_bind_int(list, "open", all || filter->open);
    vd_bind_int(list, "acknowledged", all || filter->acknowledged);
    vd_bind_int(list, "resolved", all || filter->resolved);
    vd_bind_text(list, "camera", filter->camera);
    vd_bind_text(list, "device", filter->device);
    vd_bind_text(list, "rule", filter->rule);
    vd_bind_text(list, "acknowledged_by", filter->acknowledged_by);
    if (filter->verdict && !vd_verdict_known(filter->verdict))
        return vd_fail(why, VD_INVALID, "'%.40s' is no verdict", filter->verdict);
    vd_bind_text(list, "verdict", filter->verdict);
    if (!filter->severity) return VD_OK;
    if (vd_severity_rank(filter->severity) < 0)
        return vd_fail(why, VD_INVALID, "'%.40s' is no severity", filter->severity);
    vd_bind_int(list, "severity", vd_severity_rank(filter->severity));
    return VD_OK;
}

static vd_err bind_place(vd_stmt *list, const vd_incident_filter *filter, unsigned limit,
                         vd_why *why)
{
    int64_t before_us = 0;
    const char *before_id = NULL;
    if (filter->cursor) {
        if (!cursor_read(filter->cursor, &before_us, &before_id))
            return vd_fail(why, VD_INVALID, "the cursor is none of ours");
        vd_bind_int(list, "before_us", before_us);
        vd_bind_text(list, "before_id", before_id);
    }
    if (filter->since_us) vd_bind_int(list, "since_us", filter->since_us);
    if (filter->until_us) vd_bind_int(list, "until_us", filter->until_us);
    vd_bind_int(list, "limit", limit + 1);
    return VD_OK;
}

vd_err vd_incident_write_page(vd_store *store, const vd_incident_filter *filter, vd_json_w *w,
                              vd_why *why)
{
    unsigned limit = filter->limit ? filter->limit : 50, count = 0;
    char next[64] = "", last[64] = "";
    VD_AUTO(vd_buf) pattern = VD_BUF(1024);

    vd_stmt *list = vd_store_stmt(store, "incident_list");
    vd_err err = bind_words(list, filter, why);
    if (!err) err = bind_place(list, filter, limit, why);
    if (!err && filter->text && filter->text[0]) {
        if (!like_pattern(filter->text, &pattern))
            err = vd_fail(why, VD_INVALID, "the text searched for is too long");
        else
            vd_bind_text(list, "q", pattern.data);
    }
    if (err) return err;

    vd_json_w_key(w, "incidents");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(list, why)) == VD_OK) {
        if (count++ == limit) {
            memcpy(next, last, sizeof next);
            vd_stmt_finish(list);
            err = VD_ABSENT;
            break;
        }
        vd_json_w_object(w);
        write_row(list, w);
        vd_json_w_object_end(w);
        (void)snprintf(last, sizeof last, "%lld.%s", (long long)vd_col_int(list, STARTED),
                       vd_col_text(list, ID));
    }
    vd_json_w_list_end(w);
    if (err != VD_ABSENT) return err;
    if (next[0]) vd_json_w_kv_text(w, "next", next);
    return write_counts(store, filter->who, w, why);
}

static bool is_here(vd_store *store, const char *digest)
{
    vd_stmt *here = vd_store_stmt(store, "evidence_here");
    vd_bind_text(here, "digest", digest);
    bool found = vd_stmt_row(here, NULL) == VD_OK;
    vd_stmt_finish(here);
    return found;
}

static void write_evidence(vd_store *store, const vd_json *list, vd_json_w *w)
{
    vd_json_w_list(w);
    for (size_t n = 0; n < vd_json_len(list); n++) {
        const vd_json *file = vd_json_at(list, n);
        const char *key = NULL;
        vd_json_w_object(w);
        for (size_t m = 0; m < vd_json_len(file); m++) {
            const vd_json *value = vd_json_member(file, m, &key);
            if (strcmp(key, "arrived") == 0) continue;
            vd_json_w_key(w, key);
            vd_json_w_node(w, value);
        }
        vd_json_w_kv_bool(w, "arrived",
                          is_here(store, vd_json_text(vd_json_get(file, "digest"), "")));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

/* The event as it came, and with each evidence file whether it is here. */
static vd_err write_event(vd_store *store, const char *json, vd_json_w *w, vd_why *why)
{
    VD_AUTO(vd_json_ptr) event = NULL;
    vd_err err =
        vd_json_parse(vd_slice_str(json), VD_LIMIT_MESSAGE_BYTES, VD_LIMIT_JSON_DEPTH, &event, why);
    if (err) return err;
    vd_json_w_object(w);
    for (size_t n = 0; n < vd_json_len(event); n++) {
        const char *key = NULL;
        const vd_json *value = vd_json_member(event, n, &key);
        vd_json_w_key(w, key);
        if (strcmp(key, "evidence") == 0)
            write_evidence(store, value, w);
        else
            vd_json_w_node(w, value);
    }
    vd_json_w_object_end(w);
    return VD_OK;
}

static vd_err write_events(vd_store *store, const char *incident, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *events = vd_store_stmt(store, "incident_events");
    vd_bind_text(events, "incident", incident);
    vd_json_w_key(w, "events");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(events, why)) == VD_OK) {
        err = write_event(store, vd_col_text(events, 1), w, why);
        if (err) break;
    }
    vd_stmt_finish(events);
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_history(vd_store *store, const char *incident, int64_t above, bool all,
                            vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "history_since");
    vd_bind_text(rows, "incident", incident);
    vd_bind_int(rows, "version", above);
    vd_bind_int(rows, "all", all);
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "version", vd_col_int(rows, 0));
        vd_json_w_kv_time(w, "at", vd_col_int(rows, 1));
        vd_json_w_kv_text(w, "who", vd_col_text(rows, 2));
        vd_json_w_kv_text(w, "what", vd_col_text(rows, 3));
        if (!vd_col_null(rows, 4)) vd_json_w_kv_text(w, "text", vd_col_text(rows, 4));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_incident_write_changes(vd_store *store, const char *incident, uint64_t version,
                                 vd_json_w *w, vd_why *why)
{
    return write_history(store, incident, (int64_t)version, false, w, why);
}

vd_err vd_incident_write(vd_store *store, const char *incident, bool detail, vd_json_w *w,
                         vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "incident_get");
    vd_bind_text(row, "id", incident);
    vd_err err = vd_stmt_row(row, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no incident '%.40s'", incident);
    if (err) return err;
    write_row(row, w);
    vd_stmt_finish(row);
    if (!detail) return VD_OK;
    err = write_events(store, incident, w, why);
    if (err) return err;
    vd_json_w_key(w, "history");
    return write_history(store, incident, -1, true, w, why);
}

vd_err vd_incident_of_camera(vd_store *store, const char *device, const char *camera,
                             vd_incident_camera *ret_summary, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "camera_summary");
    vd_bind_text(row, "device", device);
    vd_bind_text(row, "camera", camera);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    vd_incident_camera summary = { .last_event_us = vd_col_int(row, 0),
                                   .open = (uint64_t)vd_col_int(row, 2) };
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 1)), summary.last_incident,
                      sizeof summary.last_incident);
    vd_stmt_finish(row);
    *ret_summary = summary;
    return VD_OK;
}
