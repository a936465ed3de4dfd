/* run_show.c - runs as JSON, and as a struct for the stages that ask about them. */
#include "runs_priv.h"

#include "vd/clock.h"

enum {
    ID,
    VERSION,
    KIND,
    NAME,
    STATE,
    CONFIG,
    DATASET,
    MODEL,
    SPLIT,
    CREATED_BY,
    CREATED,
    STARTED,
    UPDATED,
    ENDED,
    WORKER,
    LEASE_UNTIL,
    ATTEMPTS,
    STEP,
    STEPS,
    WHY,
    SUMMARY
};

static void may_time(vd_json_w *w, const char *key, vd_stmt *row, int column)
{
    if (!vd_col_null(row, column)) vd_json_w_kv_time(w, key, vd_col_int(row, column));
}

static void may_json(vd_json_w *w, const char *key, vd_stmt *row, int column)
{
    if (vd_col_null(row, column)) return;
    vd_json_w_key(w, key);
    vd_json_w_raw(w, vd_slice_str(vd_col_text(row, column)));
}

static vd_err write_files(vd_store *store, const char *run, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *files = vd_store_stmt(store, "run_file_list");
    vd_bind_text(files, "run", run);
    vd_json_w_key(w, "files");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(files, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "name", vd_col_text(files, 0));
        vd_json_w_kv_text(w, "digest", vd_col_text(files, 1));
        vd_json_w_kv_int(w, "bytes", vd_col_int(files, 2));
        vd_json_w_kv_time(w, "put_at", vd_col_int(files, 3));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_members(vd_store *store, vd_stmt *row, vd_json_w *w, vd_why *why)
{
    const char *name = vd_col_text(row, NAME), *worker = vd_col_text(row, WORKER);
    vd_json_w_kv_text(w, "id", vd_col_text(row, ID));
    vd_json_w_kv_int(w, "version", vd_col_int(row, VERSION));
    vd_json_w_kv_text(w, "kind", vd_col_text(row, KIND));
    if (name && name[0]) vd_json_w_kv_text(w, "name", name);
    vd_json_w_kv_text(w, "state", vd_col_text(row, STATE));
    may_json(w, "config", row, CONFIG);
    vd_json_w_kv_text(w, "created_by", vd_col_text(row, CREATED_BY));
    vd_json_w_kv_time(w, "created_at", vd_col_int(row, CREATED));
    may_time(w, "started_at", row, STARTED);
    vd_json_w_kv_time(w, "updated_at", vd_col_int(row, UPDATED));
    may_time(w, "ended_at", row, ENDED);
    if (worker) vd_json_w_kv_text(w, "worker", worker);
    may_time(w, "lease_until", row, LEASE_UNTIL);
    vd_json_w_kv_int(w, "attempts", vd_col_int(row, ATTEMPTS));
    vd_json_w_kv_int(w, "step", vd_col_int(row, STEP));
    vd_json_w_kv_int(w, "steps", vd_col_int(row, STEPS));
    may_json(w, "why", row, WHY);
    may_json(w, "summary", row, SUMMARY);
    return write_files(store, vd_col_text(row, ID), w, why);
}

static vd_err write_points(vd_store *store, const char *run, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *points = vd_store_stmt(store, "run_point_list");
    vd_bind_text(points, "run", run);
    vd_json_w_key(w, "points");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(points, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "step", vd_col_int(points, 0));
        vd_json_w_kv_time(w, "at", vd_col_int(points, 1));
        may_json(w, "values", points, 2);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_words(vd_store *store, const char *run, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *words = vd_store_stmt(store, "run_word_list");
    vd_bind_text(words, "run", run);
    vd_json_w_key(w, "words");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(words, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_time(w, "at", vd_col_int(words, 0));
        vd_json_w_kv_text(w, "text", vd_col_text(words, 1));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

/* A row of run_get, or VD_ABSENT in words. */
static vd_err find(vd_store *store, const char *run, vd_stmt **ret_row, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "run_get");
    vd_bind_text(row, "run", run);
    vd_bind_int(row, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_row(row, why);
    if (err == VD_ABSENT) return run_absent(run, why);
    if (!err) *ret_row = row;
    return err;
}

vd_err vd_run_write(vd_store *store, const char *run, bool detail, vd_json_w *w, vd_why *why)
{
    vd_stmt *row = NULL;
    vd_err err = find(store, run, &row, why);
    if (err) return err;
    vd_json_w_object(w);
    err = write_members(store, row, w, why);
    vd_stmt_finish(row);
    if (!err && detail) err = write_points(store, run, w, why);
    if (!err && detail) err = write_words(store, run, w, why);
    vd_json_w_object_end(w);
    return err;
}

static void copy(char *into, size_t room, vd_stmt *row, int column)
{
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, column)), into, room);
}

vd_err vd_run_get(vd_store *store, const char *run, vd_run *ret_run, vd_why *why)
{
    vd_run found = { 0 };
    vd_stmt *row = NULL;
    vd_err err = find(store, run, &row, why);
    if (err) return err;
    bool ok = vd_ulid_parse(vd_slice_str(vd_col_text(row, ID)), &found.id) &&
              vd_digest_parse(vd_slice_str(vd_col_text(row, DATASET)), &found.dataset) &&
              vd_digest_parse(vd_slice_str(vd_col_text(row, MODEL)), &found.model);
    found.kind = vd_word_index(vd_run_kind_words, vd_col_text(row, KIND));
    found.state = vd_word_index(vd_run_state_words, vd_col_text(row, STATE));
    found.version = (uint64_t)vd_col_int(row, VERSION);
    copy(found.name, sizeof found.name, row, NAME);
    copy(found.split, sizeof found.split, row, SPLIT);
    copy(found.created_by, sizeof found.created_by, row, CREATED_BY);
    found.created_us = vd_col_int(row, CREATED);
    found.ended_us = vd_col_int(row, ENDED);
    vd_stmt_finish(row);
    if (!ok) return vd_fail(why, VD_CORRUPT, "the run's record is damaged");
    *ret_run = found;
    return VD_OK;
}

vd_err vd_run_config_get(vd_store *store, const char *run, vd_buf *into, vd_why *why)
{
    vd_stmt *row = NULL;
    vd_err err = find(store, run, &row, why);
    if (err) return err;
    bool fits = vd_buf_add_str(into, vd_col_text(row, CONFIG));
    vd_stmt_finish(row);
    return fits ? VD_OK : vd_fail(why, VD_FULL, "the configuration is too large");
}

vd_err vd_run_find(vd_store *store, int kind, const vd_digest *model, const vd_digest *dataset,
                   const char *split, vd_ulid *ret_run, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "run_find");
    vd_bind_text(row, "kind", vd_run_kind_words[kind]);
    vd_bind_text(row, "model", model->hex);
    vd_bind_text(row, "dataset", dataset->hex);
    vd_bind_text(row, "split", split);
    vd_err err = vd_stmt_row(row, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "no such run is done");
    if (err) return err;
    bool ok = vd_ulid_parse(vd_slice_str(vd_col_text(row, 0)), ret_run);
    vd_stmt_finish(row);
    return ok ? VD_OK : VD_CORRUPT;
}

/* ---- lists ---- */

static vd_err bind_states(vd_stmt *list, const char *states, vd_why *why)
{
    bool wanted[VD_RUN_STATE_COUNT] = { false };
    vd_slice rest = vd_slice_str(states);
    while (rest.len) {
        char name[16];
        vd_slice each = vd_slice_cut(rest, ',', &rest);
        vd_slice_to_chars(each, name, sizeof name);
        int state = vd_word_index(vd_run_state_words, name);
        if (state < 0) return vd_fail(why, VD_INVALID, "'%s' is no state of a run", name);
        wanted[state] = true;
    }
    for (int state = 0; state < VD_RUN_STATE_COUNT; state++)
        vd_bind_int(list, vd_run_state_words[state], !states || wanted[state]);
    return VD_OK;
}

static vd_err bind_filter(vd_stmt *list, const vd_run_filter *f, vd_why *why)
{
    vd_ulid before;
    if (f->kind && vd_word_index(vd_run_kind_words, f->kind) < 0)
        return vd_fail(why, VD_INVALID, "'%.40s' is no kind of run", f->kind);
    if (f->cursor && !vd_ulid_parse(vd_slice_str(f->cursor), &before))
        return vd_fail(why, VD_INVALID, "the cursor is none of ours");
    vd_bind_text(list, "kind", f->kind);
    vd_bind_text(list, "dataset", f->dataset);
    vd_bind_text(list, "model", f->model);
    vd_bind_text(list, "before", f->cursor);
    vd_bind_int(list, "now_us", vd_clock_utc_us());
    vd_bind_int(list, "limit", f->limit + 1);
    return bind_states(list, f->states, why);
}

static vd_err write_counts(vd_store *store, vd_json_w *w, vd_why *why)
{
    vd_stmt *counts = vd_store_stmt(store, "run_counts");
    vd_bind_int(counts, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_row(counts, why);
    if (err) return err;
    vd_json_w_key(w, "counts");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "queued", vd_col_int(counts, 0));
    vd_json_w_kv_int(w, "leased", vd_col_int(counts, 1));
    vd_json_w_object_end(w);
    vd_stmt_finish(counts);
    return VD_OK;
}

vd_err vd_run_write_list(vd_store *store, const vd_run_filter *filter, vd_json_w *w, vd_why *why)
{
    unsigned count = 0;
    char last[VD_ULID_LEN + 1] = "";
    vd_stmt *list = vd_store_stmt(store, "run_list");
    vd_err err = bind_filter(list, filter, why), wrote = VD_OK;
    if (err) return err;
    vd_json_w_key(w, "runs");
    vd_json_w_list(w);
    while (!wrote && (err = vd_stmt_row(list, why)) == VD_OK && count++ < filter->limit) {
        copy(last, sizeof last, list, ID);
        vd_json_w_object(w);
        wrote = write_members(store, list, w, why);
        vd_json_w_object_end(w);
    }
    vd_stmt_finish(list);
    vd_json_w_list_end(w);
    if (wrote || (err && err != VD_ABSENT)) return wrote ? wrote : err;
    if (!err) vd_json_w_kv_text(w, "next", last); /* a row is left over */
    return write_counts(store, w, why);
}
