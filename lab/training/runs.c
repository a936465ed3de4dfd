/* runs.c - a run's life: added, leased, ended. The states are drawn in runs.h. */
#include "runs_priv.h"

#include <stdio.h>

#include "vd/clock.h"

static const char *word(int state)
{
    return vd_run_state_words[state];
}

vd_err run_absent(const char *run, vd_why *why)
{
    return vd_fail(why, VD_ABSENT, "there is no run '%.40s'", run);
}

vd_err run_why_text(vd_err err, const vd_why *what, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "class", vd_err_name(err));
    vd_json_w_kv_text(&w, "fact", what->fact);
    if (what->detail[0]) vd_json_w_kv_text(&w, "detail", what->detail);
    if (what->hint[0]) vd_json_w_kv_text(&w, "hint", what->hint);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

vd_err run_holding_of(vd_store *store, const char *run, const char *lease, run_holding *ret_holding,
                      vd_why *why)
{
    vd_stmt *held = vd_store_stmt(store, "run_held");
    vd_bind_text(held, "run", run);
    vd_bind_text(held, "lease", lease);
    vd_err err = vd_stmt_row(held, why);
    if (err == VD_ABSENT) return run_absent(run, why);
    if (err) return err;
    ret_holding->state = vd_word_index(vd_run_state_words, vd_col_text(held, 0));
    ret_holding->newest = lease && vd_col_int(held, 1) != 0;
    ret_holding->kind = vd_word_index(vd_run_kind_words, vd_col_text(held, 2));
    vd_stmt_finish(held);
    return VD_OK;
}

vd_err vd_run_held(vd_store *store, const char *run, const char *lease, vd_why *why)
{
    run_holding holding;
    vd_err err = run_holding_of(store, run, lease, &holding, why);
    if (err || (holding.newest && holding.state == VD_RUN_STATE_LEASED)) return err;
    if (holding.state != VD_RUN_STATE_LEASED)
        return vd_fail(why, VD_CONFLICT, "the run is %s", word(holding.state));
    (void)vd_fail(why, VD_CONFLICT, "another worker holds the run now");
    vd_why_hint(why, "a lease that is not renewed for %d s is lost: drop this work",
                VD_RUN_LEASE_S);
    return VD_CONFLICT;
}

/* ---- into the queue ---- */

static vd_err same_run(vd_store *store, const vd_run_new *run, vd_ulid *ret_run, vd_why *why)
{
    vd_stmt *same = vd_store_stmt(store, "run_same");
    vd_bind_text(same, "kind", vd_run_kind_words[run->kind]);
    vd_bind_text(same, "config", run->config);
    vd_err err = vd_stmt_row(same, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    bool known = vd_ulid_parse(vd_slice_str(vd_col_text(same, 0)), ret_run);
    vd_stmt_finish(same);
    if (!known) return VD_CORRUPT;
    (void)vd_fail(why, VD_CONFLICT, "the same run is in the queue already");
    vd_why_detail(why, "run %s", ret_run->text);
    vd_why_hint(why, "wait for it, cancel it, or change the seed");
    return VD_CONFLICT;
}

static vd_err counts(vd_store *store, int64_t *ret_queued, int64_t *ret_leased, vd_why *why)
{
    vd_stmt *count = vd_store_stmt(store, "run_counts");
    vd_bind_int(count, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_row(count, why);
    if (err) return err;
    *ret_queued = vd_col_int(count, 0);
    *ret_leased = vd_col_int(count, 1);
    vd_stmt_finish(count);
    return VD_OK;
}

static vd_err insert(vd_store *store, const vd_run_new *run, const vd_ulid *id, const char *split,
                     vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "run_add");
    vd_bind_text(add, "run", id->text);
    vd_bind_text(add, "kind", vd_run_kind_words[run->kind]);
    vd_bind_text(add, "name", run->name ? run->name : "");
    vd_bind_text(add, "config", run->config);
    vd_bind_text(add, "dataset", run->dataset.hex);
    vd_bind_text(add, "model", run->model.hex);
    vd_bind_text(add, "split", split);
    vd_bind_text(add, "who", run->who);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    return vd_stmt_run(add, NULL, why);
}

vd_err vd_run_add(vd_store *store, const vd_run_new *run, vd_ulid *ret_run, vd_why *why)
{
    int64_t queued = 0, leased = 0;
    VD_AUTO(vd_json_ptr) config = NULL;
    vd_err err = same_run(store, run, ret_run, why);
    if (!err) err = counts(store, &queued, &leased, why);
    if (err) return err;
    if (queued >= VD_RUN_QUEUED_MAX) {
        (void)vd_fail(why, VD_FULL, "%lld runs wait already", (long long)queued);
        vd_why_hint(why, "start a worker (vedette-trainer), or cancel some");
        return VD_FULL;
    }
    vd_ulid id = vd_ulid_new();
    err = vd_json_parse(vd_slice_str(run->config), 65536, VD_LIMIT_JSON_DEPTH, &config, why);
    if (!err)
        err = insert(store, run, &id, vd_json_text(vd_json_get(config, "split"), "test"), why);
    if (!err) *ret_run = id;
    return err;
}

/* ---- out of it ---- */

vd_err run_end(vd_store *store, const char *run, const char *lease, int state, const char *why_text,
               bool *ret_ended, vd_why *why)
{
    uint64_t changed = 0;
    vd_stmt *end = vd_store_stmt(store, "run_end");
    vd_bind_text(end, "run", run);
    vd_bind_text(end, "lease", lease);
    vd_bind_text(end, "state", word(state));
    vd_bind_text(end, "why", why_text);
    vd_bind_int(end, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(end, &changed, why);
    *ret_ended = changed != 0;
    if (err || !changed) return err;
    return run_file_drop(store, run, "checkpoint.bin", why);
}

vd_err vd_run_cancel(vd_store *store, const char *run, const char *who, vd_why *why)
{
    char text[VD_LIMIT_NAME_BYTES + 64];
    bool ended = false;
    run_holding holding;
    vd_err err = run_holding_of(store, run, NULL, &holding, why);
    if (!err) err = run_end(store, run, NULL, VD_RUN_STATE_CANCELLED, NULL, &ended, why);
    if (err) return err;
    (void)snprintf(text, sizeof text, "cancelled by %s", who);
    if (ended) return run_say(store, run, vd_slice_str(text), why);
    if (holding.state == VD_RUN_STATE_CANCELLED) return VD_OK;
    return vd_fail(why, VD_CONFLICT, "the run is %s already", word(holding.state));
}

/* ---- leases ---- */

typedef struct {
    char run[VD_ULID_LEN + 1];
    bool was_lost;
    int64_t lost; /* before this time */
} waiting;

/* VD_ABSENT: nothing waits. */
static vd_err next_waiting(vd_store *store, unsigned kinds, waiting *ret_waiting, vd_why *why)
{
    vd_stmt *next = vd_store_stmt(store, "run_next");
    vd_bind_int(next, "now_us", vd_clock_utc_us());
    for (int kind = 0; kind < VD_RUN_KIND_COUNT; kind++)
        vd_bind_int(next, vd_run_kind_words[kind], kinds >> kind & 1);
    vd_err err = vd_stmt_row(next, why);
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(next, 0)), ret_waiting->run,
                      sizeof ret_waiting->run);
    ret_waiting->was_lost = vd_col_int(next, 1) != 0;
    ret_waiting->lost = vd_col_int(next, 2);
    vd_stmt_finish(next);
    return VD_OK;
}

static vd_err give_up(vd_store *store, const char *run, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(2048);
    bool ended = false;
    vd_why what = { 0 };
    (void)vd_fail(&what, VD_GONE, "its worker was lost %d times", VD_RUN_LOST_MAX);
    vd_why_hint(&what, "look at the workers' logs: memory, disk, or a picture that kills them");
    vd_err err = run_why_text(VD_GONE, &what, &text);
    return err ? err : run_end(store, run, NULL, VD_RUN_STATE_FAILED, text.data, &ended, why);
}

static vd_err take(vd_store *store, const char *run, const char *worker, const vd_ulid *lease,
                   vd_why *why)
{
    uint64_t changed = 0;
    int64_t now_us = vd_clock_utc_us();
    vd_stmt *taken = vd_store_stmt(store, "run_take");
    vd_bind_text(taken, "run", run);
    vd_bind_text(taken, "lease", lease->text);
    vd_bind_text(taken, "worker", worker);
    vd_bind_int(taken, "now_us", now_us);
    vd_bind_int(taken, "until_us", now_us + VD_RUN_LEASE_S * 1000000ll);
    vd_err err = vd_stmt_run(taken, &changed, why);
    if (!err && !changed) return vd_fail(why, VD_RETRY, "another worker was faster");
    return err;
}

static vd_err say_taken(vd_store *store, const waiting *w, const char *worker, vd_why *why)
{
    char text[VD_LIMIT_NAME_BYTES + 64];
    (void)snprintf(text, sizeof text, "%s by worker '%s'",
                   w->was_lost ? "taken over from a lost worker" : "taken", worker);
    return run_say(store, w->run, vd_slice_str(text), why);
}

vd_err vd_run_lease(vd_store *store, const char *worker, unsigned kinds,
                    void (*failed)(void *arg, const char *run), void *arg,
                    vd_run_leased *ret_leased, vd_why *why)
{
    waiting w = { .run = "" };
    vd_run_leased leased = { .lease = vd_ulid_new() };
    vd_err err;
    while (!(err = next_waiting(store, kinds, &w, why))) {
        if (!w.was_lost || w.lost + 1 < VD_RUN_LOST_MAX) break;
        err = give_up(store, w.run, why);
        if (err) return err;
        if (failed) failed(arg, w.run);
    }
    if (!err) err = take(store, w.run, worker, &leased.lease, why);
    if (!err) err = say_taken(store, &w, worker, why);
    if (err) return err;
    if (!vd_ulid_parse(vd_slice_str(w.run), &leased.run)) return VD_CORRUPT;
    *ret_leased = leased;
    return VD_OK;
}

/* ---- the worker's last word ---- */

static vd_err need_files(vd_store *store, const char *run, int kind, vd_why *why)
{
    static const char *const names[] = { "report.json", "model.onnx", "model.model.yaml" };
    size_t count = kind == VD_RUN_KIND_EVALUATE ? 1 : VD_COUNT_OF(names);
    for (size_t n = 0; n < count; n++) {
        vd_digest digest;
        vd_err err = vd_run_file(store, run, names[n], &digest, NULL, NULL);
        if (err == VD_ABSENT)
            return vd_fail(why, VD_INVALID, "a run of kind '%s' is not done without %s",
                           vd_run_kind_words[kind], names[n]);
        if (err) return err;
    }
    return VD_OK;
}

/* The worker's why, cut to our own measure. */
static vd_err failure_text(const vd_json *body, vd_buf *into)
{
    vd_why what = { 0 };
    const vd_json *said = vd_json_get(body, "why");
    vd_err err = VD_IO;
    for (int n = VD_RETRY; n <= VD_GONE; n++)
        if (strcmp(vd_json_text(vd_json_get(said, "class"), ""), vd_err_name((vd_err)n)) == 0)
            err = (vd_err)n;
    (void)vd_fail(&what, err, "%s",
                  vd_json_text(vd_json_get(said, "fact"), "the worker gave no reason"));
    vd_why_detail(&what, "%s", vd_json_text(vd_json_get(said, "detail"), ""));
    vd_why_hint(&what, "%s", vd_json_text(vd_json_get(said, "hint"), ""));
    return run_why_text(err, &what, into);
}

vd_err vd_run_finish(vd_store *store, const char *run, const vd_json *body, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    bool ended = false;
    run_holding holding;
    const char *lease = vd_json_text(vd_json_get(body, "lease"), "");
    int state = vd_word_index(vd_run_state_words, vd_json_text(vd_json_get(body, "state"), NULL));
    if (state != VD_RUN_STATE_DONE && state != VD_RUN_STATE_FAILED)
        return vd_fail(why, VD_INVALID, "'state' must be done or failed");
    vd_err err = run_holding_of(store, run, lease, &holding, why);
    if (err) return err;
    if (holding.newest && holding.state == state) return VD_OK; /* the answer was lost */
    err = vd_run_held(store, run, lease, why);
    if (!err && state == VD_RUN_STATE_DONE) err = need_files(store, run, holding.kind, why);
    if (!err && state == VD_RUN_STATE_FAILED) err = failure_text(body, &text);
    if (!err) err = run_say_all(store, run, vd_json_get(body, "words"), why);
    return err ? err : run_end(store, run, lease, state, text.data, &ended, why);
}
