/* sampling.c - a camera that drifted should send more pictures to the pool: the desired property
 * `sampling` of its device gets a budget for the camera, and gets back what it said before. */
#include <stdio.h>

#include "vd/log.h"
#include "watch_priv.h"

#define AT_ONCE 64

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[33];
    bool raise;
    vd_buf before; /* JSON of what the twin said for the camera before; empty: nothing */
} wish;

static void wish_done(wish *w)
{
    vd_buf_done(&w->before);
}
VD_AUTO_DEFINE(wish, wish_done)

/* The next camera whose budget is not as it should be, behind `skip` that failed. */
static bool next_wish(vd_store_pool *readers, unsigned skip, wish *into)
{
    vd_store *store = vd_store_pool_take(readers);
    vd_stmt *due = vd_store_stmt(store, "watch_sampling_due");
    vd_bind_int(due, "skip", skip);
    bool found = vd_stmt_row(due, NULL) == VD_OK;
    if (found) {
        vd_slice_to_chars(vd_slice_str(vd_col_text(due, 0)), into->device, sizeof into->device);
        vd_slice_to_chars(vd_slice_str(vd_col_text(due, 1)), into->camera, sizeof into->camera);
        into->raise = vd_col_int(due, 2) != 0;
        found = vd_buf_add_str(&into->before, vd_col_text(due, 3) ? vd_col_text(due, 3) : "");
        vd_stmt_finish(due);
    }
    vd_store_pool_give(readers, store);
    return found;
}

static vd_err read_before(vd_intake *intake, wish *w)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    VD_AUTO(vd_json_ptr) twin = NULL;
    vd_err err = vd_intake_twin_get(intake, w->device, &text, NULL);
    if (!err)
        err = vd_json_parse(vd_buf_slice(&text), VD_LIMIT_REQUEST_BYTES, VD_LIMIT_JSON_DEPTH, &twin,
                            NULL);
    const vd_json *desired = vd_json_get(vd_json_get(twin, "properties"), "desired");
    const vd_json *cameras = vd_json_get(vd_json_get(desired, "sampling"), "cameras");
    const vd_json *own = vd_json_get(cameras, w->camera);
    vd_buf_clear(&w->before);
    return !err && own ? vd_json_print(own, &w->before) : err;
}

static vd_err patch_of(const wish *w, vd_buf *into)
{
    vd_json_w out = vd_json_writer(into);
    vd_json_w_object(&out);
    static const char *const path[] = { "properties", "desired", "sampling", "cameras" };
    for (unsigned i = 0; i < VD_COUNT_OF(path); i++) {
        vd_json_w_key(&out, path[i]);
        vd_json_w_object(&out);
    }
    vd_json_w_key(&out, w->camera);
    if (w->raise) {
        vd_json_w_object(&out);
        vd_json_w_kv_int(&out, "per_hour", VD_WATCH_SAMPLES_HOUR);
        vd_json_w_object_end(&out);
    } else if (w->before.len) {
        vd_json_w_raw(&out, vd_buf_slice(&w->before));
    } else {
        vd_json_w_null(&out);
    }
    for (unsigned i = 0; i <= VD_COUNT_OF(path); i++) vd_json_w_object_end(&out);
    return vd_json_w_end(&out);
}

static vd_err note_done(vd_store *store, void *arg, vd_why *why)
{
    const wish *w = arg;
    vd_stmt *done = vd_store_stmt(store, "watch_sampling_done");
    vd_bind_text(done, "device", w->device);
    vd_bind_text(done, "camera", w->camera);
    vd_bind_int(done, "sampling", w->raise);
    if (w->raise && w->before.len) vd_bind_text(done, "before", w->before.data);
    return vd_stmt_run(done, NULL, why);
}

static vd_err fulfil(vd_intake *intake, vd_committer *committer, wish *w, vd_why *why)
{
    VD_AUTO(vd_buf) patch = VD_BUF(65536);
    vd_err err = w->raise ? read_before(intake, w) : VD_OK;
    if (!err) err = patch_of(w, &patch);
    if (!err) err = vd_intake_twin_patch(intake, w->device, vd_buf_slice(&patch), NULL, NULL, why);
    if (err == VD_ABSENT) err = VD_OK; /* the device is gone: nothing is left to do */
    return err ? err : vd_committer_run(committer, note_done, w, why);
}

void vd_watch_sampling(vd_intake *intake, vd_committer *committer, vd_store_pool *readers)
{
    unsigned failed = 0;
    for (unsigned n = 0; n < AT_ONCE; n++) {
        VD_AUTO(wish) w = { .before = VD_BUF(32768) };
        vd_why why = { 0 };
        if (!next_wish(readers, failed, &w)) return;
        vd_err err = fulfil(intake, committer, &w, &why);
        if (err) {
            failed++;
            vd_log_why(VD_LOG_WARN, "watch.sampling", "a sampling budget could not be set", &why,
                       "device", w.device, "camera", w.camera, NULL);
        } else {
            vd_log(VD_LOG_INFO, "watch.sampling",
                   w.raise ? "a drifted camera's sampling budget is raised"
                           : "a camera's sampling budget is as before",
                   "device", w.device, "camera", w.camera, NULL);
        }
    }
}
