/* runs.c - runs: what people ask for and look at, and what workers take, tell and leave. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/log.h"

#define REPORT_NAME "report.json"

static vd_store *borrow(request *r)
{
    return vd_store_pool_take(r->api->parts.readers);
}

static void give_back(request *r, vd_store *store)
{
    vd_store_pool_give(r->api->parts.readers, store);
}

/* One job of the committer on a run, and what it says. */
typedef struct {
    request *r;
    const char *run;
    const vd_json *body;
    vd_run_new *fresh;
    const vd_run_file_new *file;
    vd_ulid made;
    vd_run_leased leased;
    unsigned kinds;
    bool go_on;
    char reason[160];
} job;

static vd_err commit(job *j, vd_job_fn run, vd_why *why)
{
    return vd_committer_run(j->r->api->parts.committer, run, j, why);
}

static void tell(const job *j, const char *run)
{
    vd_live_tell_later(j->r->api->parts.live, VD_LIVE_RUN, run, 0);
}

static vd_err reply_run(request *r, const char *run, unsigned status, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = borrow(r);
    vd_err err = vd_run_write(store, run, true, &w, why);
    give_back(r, store);
    return err ? err : reply_json(r, status, &w, why);
}

/* ---- people ---- */

vd_err list_runs(request *r, vd_why *why)
{
    uint64_t limit = 50;
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (err) return err;
    vd_run_filter filter = { .kind = ask_query(r, "kind"),
                             .states = ask_query(r, "state"),
                             .dataset = ask_query(r, "dataset"),
                             .model = ask_query(r, "model"),
                             .cursor = ask_query(r, "cursor"),
                             .limit = (unsigned)limit };
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_store *store = borrow(r);
    err = vd_run_write_list(store, &filter, &w, why);
    give_back(r, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_run(request *r, vd_why *why)
{
    return reply_run(r, r->param[0], MHD_HTTP_OK, why);
}

static vd_err add_run(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    vd_err err = vd_run_add(store, j->fresh, &j->made, why);
    if (!err) tell(j, j->made.text);
    return err;
}

vd_err dataset_is_here(request *r, const vd_digest *dataset, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = borrow(r);
    vd_err err = vd_dataset_write(store, dataset, &w, why);
    give_back(r, store);
    return err;
}

/* A model without a descriptor is a registered one. */
static vd_err find_descriptor(request *r, const vd_digest *model, vd_digest *ret_descriptor,
                              vd_why *why)
{
    vd_model_row row;
    vd_store *store = borrow(r);
    vd_err err = vd_registry_find(store, model->hex, &row, why);
    give_back(r, store);
    if (err == VD_ABSENT) {
        (void)vd_fail(why, VD_ABSENT, "there is no registered model %.12s", model->hex);
        vd_why_hint(why, "register it first (POST /api/v1/models), or give its 'descriptor' too");
    }
    if (!err) *ret_descriptor = row.descriptor;
    return err;
}

/* The configuration whole, with the registry's descriptor when none is given. */
static vd_err read_config(request *r, int kind, const vd_json *asked, vd_buf *config,
                          vd_run_needs *ret_needs, vd_why *why)
{
    char text[VD_SHA256_HEX + 32];
    vd_digest descriptor;
    VD_AUTO(vd_json_ptr) patch = NULL;
    VD_AUTO(vd_json_ptr) whole = NULL;
    vd_err err = vd_run_config(kind, asked, config, ret_needs, why);
    if (!err) err = dataset_is_here(r, &ret_needs->dataset, why);
    if (err || ret_needs->has_descriptor) return err;
    err = find_descriptor(r, &ret_needs->model, &descriptor, why);
    if (err) return err;
    (void)snprintf(text, sizeof text, "{\"descriptor\":\"%s\"}", descriptor.hex);
    vd_buf_clear(config);
    err = vd_json_parse(vd_slice_str(text), sizeof text, 2, &patch, why);
    if (!err) err = vd_json_merge_patch(asked, patch, &whole);
    return err ? err : vd_run_config(kind, whole, config, ret_needs, why);
}

vd_err start_run(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(vd_buf) config = VD_BUF(16384);
    const char *kind = NULL;
    vd_run_needs needs = { 0 };
    vd_run_new fresh = { .who = r->who };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "kind", 16, &kind, why);
    if (!err) err = may_text(body, "name", VD_LIMIT_NAME_BYTES, &fresh.name, why);
    if (err) return err;
    fresh.kind = vd_word_index(vd_run_kind_words, kind);
    if (fresh.kind < 0)
        return vd_fail(why, VD_INVALID, "'kind' must be train, evaluate or quantize");
    err = read_config(r, fresh.kind, vd_json_get(body, "config"), &config, &needs, why);
    if (err) return err;
    fresh.config = config.data;
    fresh.dataset = needs.dataset;
    fresh.model = needs.model;
    job j = { .r = r, .fresh = &fresh };
    err = commit(&j, add_run, why);
    if (err) return err;
    vd_log(VD_LOG_INFO, "run.queued", "a run waits for a worker", "run", j.made.text, "kind", kind,
           "who", r->who, NULL);
    return reply_run(r, j.made.text, MHD_HTTP_CREATED, why);
}

static vd_err cancel(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    vd_err err = vd_run_cancel(store, j->run, j->r->who, why);
    if (!err) err = vd_run_sweep(store, j->r->api->parts.blobs, 4, why);
    if (!err) tell(j, j->run);
    return err;
}

vd_err cancel_run(request *r, vd_why *why)
{
    job j = { .r = r, .run = r->param[0] };
    vd_err err = commit(&j, cancel, why);
    return err ? err : reply_run(r, j.run, MHD_HTTP_OK, why);
}

/* ---- files out ---- */

static vd_err run_file_path(request *r, const char *run, const char *name, char path[4096],
                            uint64_t *ret_bytes, vd_why *why)
{
    vd_digest digest;
    vd_run known;
    vd_store *store = borrow(r);
    vd_err err = vd_run_get(store, run, &known, why);
    if (!err) err = vd_run_file(store, run, name, &digest, NULL, why);
    give_back(r, store);
    if (err) return err;
    if (vd_blobs_path(r->api->parts.blobs, &digest, path, 4096, ret_bytes))
        return vd_fail(why, VD_ABSENT, "the run's %s is not here any more", name);
    return VD_OK;
}

vd_err get_run_file(request *r, vd_why *why)
{
    char path[4096];
    uint64_t bytes = 0;
    vd_err err = run_file_path(r, r->param[0], r->param[1], path, &bytes, why);
    if (!err) err = reply_file(r, path, bytes, why);
    if (!err) reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    return err;
}

/* The digest that a configuration names under `key`. */
static vd_err named_input(request *r, const char *run, const char *key, vd_digest *ret_digest,
                          vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    VD_AUTO(vd_json_ptr) config = NULL;
    vd_store *store = borrow(r);
    vd_err err = vd_run_config_get(store, run, &text, why);
    give_back(r, store);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), 65536, VD_LIMIT_JSON_DEPTH, &config, why);
    if (err) return err;
    const char *digest = vd_json_text(vd_json_get(config, key), "");
    if (vd_digest_parse(vd_slice_str(digest), ret_digest)) return VD_OK;
    return vd_fail(why, VD_ABSENT, "the run has no '%s'", key);
}

static vd_err labels_input(request *r, const vd_digest *model, vd_digest *ret_digest, vd_why *why)
{
    vd_model_row row;
    vd_store *store = borrow(r);
    vd_err err = vd_registry_find(store, model->hex, &row, why);
    give_back(r, store);
    if (!err) *ret_digest = row.labels;
    return err;
}

vd_err get_run_input(request *r, vd_why *why)
{
    static const char *const inputs[][2] = { { "model.onnx", "model" },
                                             { "model.model.yaml", "descriptor" },
                                             { "labels.txt", "model" },
                                             { "dataset.json", "dataset" } };
    char path[4096];
    uint64_t bytes = 0;
    vd_digest digest;
    vd_err err = VD_ABSENT;
    for (size_t n = 0; n < VD_COUNT_OF(inputs); n++)
        if (strcmp(r->param[1], inputs[n][0]) == 0)
            err = named_input(r, r->param[0], inputs[n][1], &digest, why);
    if (!err && strcmp(r->param[1], "labels.txt") == 0)
        err = labels_input(r, &digest, &digest, why);
    if (!err && vd_blobs_path(r->api->parts.blobs, &digest, path, sizeof path, &bytes))
        err = vd_fail(why, VD_ABSENT, "%s is not here (any more)", r->param[1]);
    if (err == VD_ABSENT && why && !why->fact[0])
        return vd_fail(why, VD_ABSENT, "a run has no input '%.60s'", r->param[1]);
    if (!err) err = reply_file(r, path, bytes, why);
    if (!err) reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    return err;
}

vd_err get_run_report(request *r, vd_why *why)
{
    char path[4096];
    uint64_t bytes = 0;
    vd_err err = run_file_path(r, r->param[0], REPORT_NAME, path, &bytes, why);
    if (!err) err = reply_file(r, path, bytes, why);
    if (!err) reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    return err;
}

/* ---- one against another ---- */

static vd_err load_report(request *r, const char *run, vd_buf *into, vd_why *why)
{
    char path[4096];
    vd_err err = run_file_path(r, run, REPORT_NAME, path, NULL, why);
    return err ? err : vd_file_load(path, into, why);
}

static vd_err ask_share(request *r, const char *name, double *value, vd_why *why)
{
    char *end = NULL;
    const char *text = ask_query(r, name);
    if (!text) return VD_OK;
    *value = strtod(text, &end);
    return *end ? vd_fail(why, VD_INVALID, "'%s' must be a number", name) : VD_OK;
}

vd_err compare_runs(request *r, vd_why *why)
{
    vd_gate_verdict verdict;
    vd_gate_settings settings = *r->api->parts.gate;
    VD_AUTO(vd_buf) challenger = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_buf) champion = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_err err = ask_share(r, "confidence", &settings.confidence, why);
    if (!err) err = ask_share(r, "margin", &settings.margin, why);
    if (!err) err = load_report(r, r->param[0], &challenger, why);
    if (!err) err = load_report(r, r->param[1], &champion, why);
    if (!err)
        err = vd_evaluation_gate(vd_buf_slice(&champion), vd_buf_slice(&challenger), &settings,
                                 &verdict, why);
    if (err) return err;
    vd_json_w w = vd_json_writer(&text);
    vd_gate_write(&verdict, &w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

/* ---- workers ---- */

static void tell_failed(void *arg, const char *run)
{
    tell(arg, run);
    vd_log(VD_LOG_WARN, "run.lost", "a run failed: every worker that took it was lost", "run", run,
           NULL);
}

/* Every split that a run learns from or is measured on is counted, once a run: a test set that was
 * looked at often says less and less. */
static vd_err count_uses(vd_store *store, const char *run, vd_why *why)
{
    vd_run known;
    vd_err err = vd_run_get(store, run, &known, why);
    if (err) return err;
    for (int split = 0; !err && split < VD_SPLIT_COUNT; split++) {
        bool learns = known.kind == VD_RUN_KIND_TRAIN && split != VD_SPLIT_TEST;
        if (!learns && strcmp(known.split, vd_split_word((vd_split)split)) != 0) continue;
        err = vd_dataset_used(store, &known.dataset, (vd_split)split, run, NULL);
        if (err == VD_ABSENT) err = VD_OK; /* a dataset that is not kept here has no count */
    }
    return err;
}

static vd_err lease(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    const char *worker = vd_json_text(vd_json_get(j->body, "worker"), "");
    vd_err err = vd_run_lease(store, worker, j->kinds, tell_failed, j, &j->leased, why);
    if (!err) err = count_uses(store, j->leased.run.text, why);
    if (!err) tell(j, j->leased.run.text);
    if (err != VD_ABSENT) return err;
    j->leased.run.text[0] = '\0'; /* what failed on the way is kept */
    return VD_OK;
}

static vd_err read_kinds(const vd_json *list, unsigned *ret_kinds, vd_why *why)
{
    unsigned kinds = 0;
    for (size_t n = 0; n < vd_json_len(list); n++) {
        int kind = vd_word_index(vd_run_kind_words, vd_json_text(vd_json_at(list, n), NULL));
        if (kind < 0) return vd_fail(why, VD_INVALID, "kinds[%zu] is no kind of run", n);
        kinds |= 1u << kind;
    }
    *ret_kinds = kinds;
    return kinds ? VD_OK : vd_fail(why, VD_INVALID, "'kinds' must name at least one kind of run");
}

static vd_err reply_lease(request *r, const vd_run_leased *leased, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "lease", leased->lease.text);
    vd_json_w_kv_int(&w, "lease_s", VD_RUN_LEASE_S);
    vd_json_w_key(&w, "run");
    vd_store *store = borrow(r);
    vd_err err = vd_run_write(store, leased->run.text, false, &w, why);
    give_back(r, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err lease_run(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *worker = NULL;
    job j = { .r = r };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "worker", VD_LIMIT_NAME_BYTES, &worker, why);
    if (!err) err = read_kinds(vd_json_get(body, "kinds"), &j.kinds, why);
    j.body = body;
    if (!err) err = commit(&j, lease, why);
    if (err) return err;
    if (!j.leased.run.text[0]) return reply_empty(r, MHD_HTTP_NO_CONTENT);
    vd_log(VD_LOG_INFO, "run.leased", "a worker took a run", "run", j.leased.run.text, "worker",
           worker, NULL);
    return reply_lease(r, &j.leased, why);
}

static vd_err progress(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    vd_err err = vd_run_progress(store, j->run, j->body, &j->go_on, j->reason, why);
    if (!err && j->go_on) tell(j, j->run);
    return err;
}

vd_err run_progress(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(1024);
    job j = { .r = r, .run = r->param[0] };
    vd_err err = ask_json(r, &body, why);
    j.body = body;
    if (!err) err = commit(&j, progress, why);
    if (err) return err;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_bool(&w, "go_on", j.go_on);
    if (!j.go_on) vd_json_w_kv_text(&w, "why", j.reason);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err keep_file(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    vd_blobs *blobs = j->r->api->parts.blobs;
    vd_err err = vd_run_file_put(store, blobs, j->file, why);
    if (!err) err = vd_run_sweep(store, blobs, 4, why);
    if (!err) tell(j, j->run);
    return err;
}

/* Before anything is kept: is it yours, is it whole. */
static vd_err check_upload(request *r, vd_run_file_new *file, vd_why *why)
{
    vd_digest want, have;
    const char *promised = ask_header(r, "X-Vedette-Digest");
    file->lease = ask_header(r, "X-Vedette-Lease");
    if (!file->lease) return vd_fail(why, VD_INVALID, "the header X-Vedette-Lease is missing");
    if (!vd_run_file_known(file->name))
        return vd_fail(why, VD_INVALID, "a run leaves no file '%.60s'", file->name);
    if (!r->file_bytes) return vd_fail(why, VD_INVALID, "the file is empty");
    vd_store *store = borrow(r);
    vd_err err = vd_run_held(store, file->run, file->lease, why);
    give_back(r, store);
    if (err || !promised) return err;
    if (!vd_digest_parse(vd_slice_str(promised), &want))
        return vd_fail(why, VD_INVALID, "X-Vedette-Digest is no SHA-256 in hex");
    err = vd_sha256_file(r->file.temp_path, &have, why);
    if (err || strcmp(want.hex, have.hex) == 0) return err;
    (void)vd_fail(why, VD_CORRUPT, "%s arrived damaged", file->name);
    vd_why_detail(why, "its bytes hash to %s", have.hex);
    vd_why_hint(why, "send it again");
    return VD_CORRUPT;
}

static vd_err read_report(request *r, vd_eval_summary *ret_summary, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVAL_REPORT_BYTES);
    vd_err err = vd_file_load(r->file.temp_path, &text, why);
    return err ? err : vd_eval_summary_read(vd_buf_slice(&text), ret_summary, why);
}

static vd_err reply_kept(request *r, const vd_run_file_new *file, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(2048);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "name", file->name);
    vd_json_w_kv_text(&w, "digest", file->digest.hex);
    vd_json_w_kv_int(&w, "bytes", (int64_t)file->bytes);
    vd_json_w_kv_time(&w, "put_at", vd_clock_utc_us());
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err put_run_file(request *r, vd_why *why)
{
    vd_eval_summary summary;
    vd_run_file_new file = { .run = r->param[0], .name = r->param[1], .bytes = r->file_bytes };
    job j = { .r = r, .run = r->param[0], .file = &file };
    vd_err err = check_upload(r, &file, why);
    if (!err && strcmp(file.name, REPORT_NAME) == 0) {
        err = read_report(r, &summary, why);
        file.summary = &summary;
    }
    if (!err) err = vd_blobs_take_file(r->api->parts.blobs, r->file.temp_path, &file.digest, why);
    if (!err) err = commit(&j, keep_file, why);
    return err ? err : reply_kept(r, &file, why);
}

static vd_err finish(vd_store *store, void *arg, vd_why *why)
{
    job *j = arg;
    vd_err err = vd_run_finish(store, j->run, j->body, why);
    if (!err) err = vd_run_sweep(store, j->r->api->parts.blobs, 4, why);
    if (!err) tell(j, j->run);
    return err;
}

vd_err finish_run(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    job j = { .r = r, .run = r->param[0] };
    vd_err err = ask_json(r, &body, why);
    j.body = body;
    if (!err) err = commit(&j, finish, why);
    if (err) return err;
    vd_log(VD_LOG_INFO, "run.ended", "a run has ended", "run", j.run, "state",
           vd_json_text(vd_json_get(body, "state"), NULL), NULL);
    return reply_run(r, j.run, MHD_HTTP_OK, why);
}
