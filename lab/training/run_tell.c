/* run_tell.c - what a worker says on its way: how far, points of curves, words. All bounded. */
#include "runs_priv.h"

#include <stdio.h>

#include "vd/clock.h"

#define STEP_MAX 1000000000000ll

vd_err run_say(vd_store *store, const char *run, vd_slice text, vd_why *why)
{
    size_t len = 0, step; /* cut between characters, not within one */
    while (len < text.len && (step = vd_utf8_len(vd_slice_from(text, len))) != 0 &&
           len + step <= VD_RUN_WORD_BYTES)
        len += step;
    if (len == 0) return VD_OK;
    vd_stmt *add = vd_store_stmt(store, "run_word_add");
    vd_bind_text(add, "run", run);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_slice(add, "text", vd_slice_of(text.data, len));
    vd_err err = vd_stmt_run(add, NULL, why);
    if (err) return err;
    vd_stmt *trim = vd_store_stmt(store, "run_word_trim");
    vd_bind_text(trim, "run", run);
    vd_bind_int(trim, "most", VD_RUN_WORDS_MAX);
    return vd_stmt_run(trim, NULL, why);
}

vd_err run_say_all(vd_store *store, const char *run, const vd_json *words, vd_why *why)
{
    vd_err err = VD_OK;
    if (vd_json_len(words) > VD_RUN_WORDS_AT_ONCE)
        return vd_fail(why, VD_INVALID, "at most %d words at once", VD_RUN_WORDS_AT_ONCE);
    for (size_t n = 0; !err && n < vd_json_len(words); n++) {
        const char *text = vd_json_text(vd_json_at(words, n), NULL);
        if (!text) return vd_fail(why, VD_INVALID, "words[%zu] must be text", n);
        err = run_say(store, run, vd_slice_str(text), why);
    }
    return err;
}

static bool series_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* {step, NAME: number, ...} without its step; what is no number (a NaN came as null) goes. */
static vd_err point_text(const vd_json *point, vd_buf *into, vd_why *why)
{
    const char *name = NULL;
    unsigned count = 0;
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    for (size_t n = 0; n < vd_json_len(point); n++) {
        const vd_json *value = vd_json_member(point, n, &name);
        vd_json_kind kind = vd_json_kind_of(value);
        if (strcmp(name, "step") == 0) continue;
        if (!series_name(name) || ++count > VD_RUN_SERIES_MAX)
            return vd_fail(why, VD_INVALID, "a point has at most %d names of a-z, 0-9 and _",
                           VD_RUN_SERIES_MAX);
        if (kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) continue;
        vd_json_w_kv_num(&w, name, vd_json_num(value, 0), 9);
    }
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

static vd_err keep_point(vd_store *store, const char *run, const vd_json *point, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    int64_t step = vd_json_int(vd_json_get(point, "step"), -1);
    if (step < 0 || step > STEP_MAX)
        return vd_fail(why, VD_INVALID, "a point needs its 'step', 0 or more");
    vd_err err = point_text(point, &text, why);
    if (err) return err;
    vd_stmt *put = vd_store_stmt(store, "run_point_put");
    vd_bind_text(put, "run", run);
    vd_bind_int(put, "step", step);
    vd_bind_int(put, "now_us", vd_clock_utc_us());
    vd_bind_text(put, "told", text.data);
    return vd_stmt_run(put, NULL, why);
}

static vd_err thin(vd_store *store, const char *run, vd_why *why)
{
    vd_stmt *count = vd_store_stmt(store, "run_point_count");
    vd_bind_text(count, "run", run);
    vd_err err = vd_stmt_row(count, why);
    if (err) return err;
    int64_t have = vd_col_int(count, 0);
    vd_stmt_finish(count);
    if (have <= VD_RUN_POINTS_MAX) return VD_OK;
    vd_stmt *cut = vd_store_stmt(store, "run_point_thin");
    vd_bind_text(cut, "run", run);
    return vd_stmt_run(cut, NULL, why);
}

static vd_err keep_points(vd_store *store, const char *run, const vd_json *points, vd_why *why)
{
    vd_err err = VD_OK;
    size_t count = vd_json_len(points);
    if (count > VD_RUN_POINTS_AT_ONCE)
        return vd_fail(why, VD_INVALID, "at most %d points at once", VD_RUN_POINTS_AT_ONCE);
    for (size_t n = 0; !err && n < count; n++)
        err = keep_point(store, run, vd_json_at(points, n), why);
    return err || !count ? err : thin(store, run, why);
}

/* A step that is there must be a number in range. */
static vd_err bind_step(vd_stmt *renew, const vd_json *body, const char *name, vd_why *why)
{
    const vd_json *node = vd_json_get(body, name);
    int64_t value = vd_json_int(node, -1);
    if (vd_json_kind_of(node) == VD_JSON_IS_NULL) return VD_OK;
    if (value < 0 || value > STEP_MAX)
        return vd_fail(why, VD_INVALID, "'%s' must be a number, 0 or more", name);
    vd_bind_int(renew, name, value);
    return VD_OK;
}

static vd_err renew_lease(vd_store *store, const char *run, const vd_json *body, vd_why *why)
{
    int64_t now_us = vd_clock_utc_us();
    vd_stmt *renew = vd_store_stmt(store, "run_renew");
    vd_bind_text(renew, "run", run);
    vd_bind_text(renew, "lease", vd_json_text(vd_json_get(body, "lease"), ""));
    vd_bind_int(renew, "now_us", now_us);
    vd_bind_int(renew, "until_us", now_us + VD_RUN_LEASE_S * 1000000ll);
    vd_err err = bind_step(renew, body, "step", why);
    if (!err) err = bind_step(renew, body, "steps", why);
    return err ? err : vd_stmt_run(renew, NULL, why);
}

vd_err vd_run_progress(vd_store *store, const char *run, const vd_json *body, bool *ret_go_on,
                       char reason[160], vd_why *why)
{
    vd_why held = { 0 };
    const char *lease = vd_json_text(vd_json_get(body, "lease"), NULL);
    if (!lease) return vd_fail(why, VD_INVALID, "'lease' is missing");
    reason[0] = '\0';
    vd_err err = vd_run_held(store, run, lease, &held);
    if (err == VD_CONFLICT) {
        *ret_go_on = false;
        (void)snprintf(reason, 160, "%s", held.fact);
        return VD_OK;
    }
    if (err && why) *why = held;
    if (!err) err = renew_lease(store, run, body, why);
    if (!err) err = keep_points(store, run, vd_json_get(body, "points"), why);
    if (!err) err = run_say_all(store, run, vd_json_get(body, "words"), why);
    if (!err) *ret_go_on = true;
    return err;
}
