/* run_file.c - what a run leaves: blobs by name, and the end of those that nobody names any more.
 */
#include "runs_priv.h"

#include "vd/clock.h"

static const char *const known[] = { "checkpoint.bin", "detections.jsonl", "model.model.yaml",
                                     "model.onnx",     "report.json",      NULL };

bool vd_run_file_known(const char *name)
{
    return vd_word_index(known, name) >= 0;
}

vd_err vd_run_file(vd_store *store, const char *run, const char *name, vd_digest *ret_digest,
                   uint64_t *ret_bytes, vd_why *why)
{
    vd_stmt *get = vd_store_stmt(store, "run_file_get");
    vd_bind_text(get, "run", run);
    vd_bind_text(get, "name", name);
    vd_err err = vd_stmt_row(get, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "the run has left no %.40s", name);
    if (err) return err;
    bool ok = vd_digest_parse(vd_slice_str(vd_col_text(get, 0)), ret_digest);
    if (ret_bytes) *ret_bytes = (uint64_t)vd_col_int(get, 1);
    vd_stmt_finish(get);
    return ok ? VD_OK : VD_CORRUPT;
}

static vd_err by_digest(vd_store *store, const char *statement, const vd_digest *digest,
                        vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, statement);
    vd_bind_text(stmt, "digest", digest->hex);
    return vd_stmt_run(stmt, NULL, why);
}

vd_err run_file_drop(vd_store *store, const char *run, const char *name, vd_why *why)
{
    vd_digest digest;
    vd_err err = vd_run_file(store, run, name, &digest, NULL, NULL);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    vd_stmt *drop = vd_store_stmt(store, "run_file_drop");
    vd_bind_text(drop, "run", run);
    vd_bind_text(drop, "name", name);
    err = vd_stmt_run(drop, NULL, why);
    return err ? err : by_digest(store, "run_trash_add", &digest, why);
}

static vd_err put_row(vd_store *store, const vd_run_file_new *file, vd_why *why)
{
    vd_stmt *put = vd_store_stmt(store, "run_file_put");
    vd_bind_text(put, "run", file->run);
    vd_bind_text(put, "name", file->name);
    vd_bind_text(put, "digest", file->digest.hex);
    vd_bind_int(put, "bytes", (int64_t)file->bytes);
    vd_bind_int(put, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(put, NULL, why);
    if (err) return err;
    vd_stmt *touch = vd_store_stmt(store, "run_touch");
    vd_bind_text(touch, "run", file->run);
    vd_bind_int(touch, "now_us", vd_clock_utc_us());
    return vd_stmt_run(touch, NULL, why);
}

static vd_err put_summary(vd_store *store, const char *run, const vd_eval_summary *s, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(2048);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_num(&w, "map", s->map, 6);
    vd_json_w_kv_num(&w, "map50", s->map50, 6);
    vd_json_w_kv_int(&w, "pictures", (int64_t)s->pictures);
    vd_json_w_kv_num(&w, "false_alarms_per_picture", s->false_alarms_per_picture, 6);
    vd_json_w_kv_num(&w, "median_ms", s->median_ms, 3);
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "no memory for the summary");
    vd_stmt *keep = vd_store_stmt(store, "run_summary");
    vd_bind_text(keep, "run", run);
    vd_bind_text(keep, "summary", text.data);
    return vd_stmt_run(keep, NULL, why);
}

/* A checkpoint that another one replaces goes; other files may be named elsewhere and stay. */
static vd_err replace(vd_store *store, const vd_run_file_new *file, vd_why *why)
{
    bool checkpoint = strcmp(file->name, "checkpoint.bin") == 0;
    vd_err err = checkpoint ? run_file_drop(store, file->run, file->name, why) : VD_OK;
    if (!err) err = by_digest(store, "run_trash_done", &file->digest, why); /* it is wanted now */
    return err ? err : put_row(store, file, why);
}

vd_err vd_run_file_put(vd_store *store, vd_blobs *blobs, const vd_run_file_new *file, vd_why *why)
{
    char path[4096];
    if (!vd_run_file_known(file->name))
        return vd_fail(why, VD_INVALID, "a run leaves no file '%.60s'", file->name);
    vd_err err = vd_run_held(store, file->run, file->lease, why);
    if (!err) err = replace(store, file, why);
    if (!err && file->summary) err = put_summary(store, file->run, file->summary, why);
    /* Looked for last: a sweep between the upload and this job has taken it away. */
    if (!err && vd_blobs_path(blobs, &file->digest, path, sizeof path, NULL))
        return vd_fail(why, VD_RETRY, "the file went while it was being kept: send it again");
    return err;
}

vd_err vd_run_names_blob(vd_store *store, const vd_digest *digest, bool *ret_named, vd_why *why)
{
    vd_stmt *named = vd_store_stmt(store, "run_file_named");
    vd_bind_text(named, "digest", digest->hex);
    vd_err err = vd_stmt_row(named, why);
    vd_stmt_finish(named);
    if (err && err != VD_ABSENT) return err;
    *ret_named = !err;
    return VD_OK;
}

/* The file goes first, then the record: a hub that dies between finishes the record next time. */
vd_err vd_run_sweep(vd_store *store, vd_blobs *blobs, unsigned most, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned n = 0; !err && n < most; n++) {
        vd_digest digest;
        vd_stmt *next = vd_store_stmt(store, "run_trash_next");
        err = vd_stmt_row(next, why);
        if (err) break;
        bool ok = vd_digest_parse(vd_slice_str(vd_col_text(next, 0)), &digest);
        vd_stmt_finish(next);
        if (!ok) return vd_fail(why, VD_CORRUPT, "a blob to delete has no digest");
        err = vd_blobs_delete(blobs, &digest, why);
        if (!err || err == VD_ABSENT) err = by_digest(store, "run_trash_done", &digest, why);
    }
    return err == VD_ABSENT ? VD_OK : err;
}
