/* promote.c - what may become champion: the gate's word, or a person's with a reason.
 *
 *   reports of the challenger and the champion on one dataset's test split ─▶ gate ─▶ yes or no
 *
 * Reports come from evaluate runs; `compare` starts those that are missing. */
#include "api_priv.h"

#include <stdio.h>

#include "vd/file.h"

#define REASON_MAX  1000
#define RUNS_LOOKED 100
#define SPLIT       "test"

static vd_store *borrow(request *r)
{
    return vd_store_pool_take(r->api->parts.readers);
}

static void give_back(request *r, vd_store *store)
{
    vd_store_pool_give(r->api->parts.readers, store);
}

static vd_err find_model(request *r, vd_model_row *ret_row, vd_why *why)
{
    vd_digest digest;
    vd_err err = need_digest(r, &digest, why);
    if (err) return err;
    vd_store *store = borrow(r);
    err = vd_registry_find(store, digest.hex, ret_row, why);
    give_back(r, store);
    return err;
}

static vd_err find_champion(request *r, const char *name, vd_digest *ret_digest, vd_why *why)
{
    vd_store *store = borrow(r);
    vd_err err = vd_registry_champion(store, name, ret_digest, why);
    give_back(r, store);
    return err;
}

static vd_err read_dataset(const vd_json *body, vd_digest *ret_digest, bool *ret_given, vd_why *why)
{
    const char *text = NULL;
    vd_err err = may_text(body, "dataset", VD_SHA256_HEX, &text, why);
    *ret_given = text != NULL;
    if (err || !text || vd_digest_parse(vd_slice_str(text), ret_digest)) return err;
    return vd_fail(why, VD_INVALID, "'dataset' must be a SHA-256 in hex");
}

/* ---- comparing ---- */

typedef struct {
    vd_digest challenger, champion, dataset;
    vd_ulid challenger_run, champion_run;
} pairing;

static vd_err measured(request *r, const vd_digest *model, const vd_digest *dataset,
                       vd_ulid *ret_run)
{
    vd_store *store = borrow(r);
    vd_err err = vd_run_find(store, VD_RUN_KIND_EVALUATE, model, dataset, SPLIT, ret_run, NULL);
    give_back(r, store);
    return err;
}

static bool both_measured(request *r, pairing *p, const vd_digest *dataset)
{
    if (measured(r, &p->challenger, dataset, &p->challenger_run) ||
        measured(r, &p->champion, dataset, &p->champion_run))
        return false;
    p->dataset = *dataset;
    return true;
}

/* The newest dataset on which both were measured. */
static vd_err find_pairing(request *r, pairing *p, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_json_w w = vd_json_writer(&text);
    const vd_run_filter filter = {
        .kind = "evaluate", .states = "done", .model = p->challenger.hex, .limit = RUNS_LOOKED
    };
    vd_json_w_object(&w);
    vd_store *store = borrow(r);
    vd_err err = vd_run_write_list(store, &filter, &w, why);
    give_back(r, store);
    vd_json_w_object_end(&w);
    if (!err && vd_json_w_end(&w)) err = VD_FULL;
    if (!err)
        err = vd_json_parse(vd_buf_slice(&text), ANSWER_BYTES_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    const vd_json *runs = vd_json_get(root, "runs");
    for (size_t n = 0; !err && n < vd_json_len(runs); n++) {
        const vd_json *config = vd_json_get(vd_json_at(runs, n), "config");
        vd_digest dataset;
        if (vd_digest_parse(vd_slice_str(vd_json_text(vd_json_get(config, "dataset"), "")),
                            &dataset) &&
            both_measured(r, p, &dataset))
            return VD_OK;
    }
    return err ? err : VD_ABSENT;
}

static vd_err load_report(request *r, const vd_ulid *run, vd_buf *into, vd_why *why)
{
    char path[4096];
    vd_digest digest;
    uint64_t bytes = 0;
    vd_store *store = borrow(r);
    vd_err err = vd_run_file(store, run->text, "report.json", &digest, &bytes, why);
    give_back(r, store);
    if (err) return err;
    if (vd_blobs_path(r->api->parts.blobs, &digest, path, sizeof path, NULL))
        return vd_fail(why, VD_ABSENT, "the report of run %s has gone", run->text);
    return vd_file_load(path, into, why);
}

static vd_err ask_gate(request *r, const pairing *p, vd_gate_verdict *ret_verdict, vd_why *why)
{
    VD_AUTO(vd_buf) champion = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_buf) challenger = VD_BUF(VD_EVAL_REPORT_BYTES);
    vd_err err = load_report(r, &p->champion_run, &champion, why);
    if (!err) err = load_report(r, &p->challenger_run, &challenger, why);
    if (err) return err;
    return vd_evaluation_gate(vd_buf_slice(&champion), vd_buf_slice(&challenger),
                              r->api->parts.gate, ret_verdict, why);
}

/* ---- promoting ---- */

typedef struct {
    vd_model_row model;
    vd_digest dataset;
    bool has_dataset, forced;
    const char *reason;
    vd_buf verdict;
} promotion;
static void promotion_done(promotion *p)
{
    vd_buf_done(&p->verdict);
}
VD_AUTO_DEFINE(promotion, promotion_done)

/* 409 with the reason, and with the verdict when there is one. */
static vd_err reply_refused(request *r, const promotion *p, const vd_why *refusal, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    write_error(&w, VD_CONFLICT, refusal);
    if (p->verdict.len) {
        vd_json_w_key(&w, "verdict");
        vd_json_w_raw(&w, vd_buf_slice(&p->verdict));
    }
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_CONFLICT, &w, why);
}

static vd_err keep_verdict(promotion *p, const vd_gate_verdict *verdict, vd_why *why)
{
    vd_json_w w = vd_json_writer(&p->verdict);
    vd_gate_write(verdict, &w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the verdict is too large") : VD_OK;
}

/* VD_OK with *ret_yes false and a refusal: the gate says no, or cannot say. */
static vd_err gate_says(request *r, promotion *p, const vd_digest *champion, bool *ret_yes,
                        vd_why *refusal, vd_why *why)
{
    pairing pair = { .challenger = p->model.digest, .champion = *champion };
    vd_gate_verdict verdict;
    *ret_yes = false;
    vd_err err = VD_OK;
    bool found = p->has_dataset ? both_measured(r, &pair, &p->dataset)
                                : (err = find_pairing(r, &pair, why)) == VD_OK;
    if (err && err != VD_ABSENT) return err;
    if (!found) {
        (void)vd_fail(refusal, VD_CONFLICT,
                      "'%s' version %lld and the champion were not measured on the same dataset",
                      p->model.name, (long long)p->model.version);
        vd_why_hint(refusal, "compare them first: POST /api/v1/models/%.12s.../compare",
                    p->model.digest.hex);
        return VD_OK;
    }
    err = ask_gate(r, &pair, &verdict, why);
    if (!err) err = keep_verdict(p, &verdict, why);
    if (err) return err;
    *ret_yes = verdict.promote;
    (void)vd_fail(refusal, VD_CONFLICT, "the gate refuses '%s' version %lld", p->model.name,
                  (long long)p->model.version);
    vd_why_detail(refusal, "%s", verdict.why);
    if (verdict.word_count) vd_why_hint(refusal, "%s", verdict.words[0]);
    return VD_OK;
}

static vd_err read_promotion(request *r, const vd_json *body, promotion *p, vd_why *why)
{
    const char *name = NULL;
    vd_err err = may_text(body, "name", VD_ARTIFACT_NAME_MAX, &name, why);
    if (!err) err = may_text(body, "reason", REASON_MAX, &p->reason, why);
    if (!err) err = read_dataset(body, &p->dataset, &p->has_dataset, why);
    if (!err) err = find_model(r, &p->model, why);
    if (err) return err;
    p->forced = vd_json_bool(vd_json_get(body, "force"), false);
    if (p->forced && (!p->reason || !p->reason[0]))
        return vd_fail(why, VD_INVALID, "'force' needs a 'reason', which is kept");
    if (name && strcmp(name, p->model.name) != 0)
        return vd_fail(why, VD_INVALID, "the model's name is '%s', not '%s'", p->model.name, name);
    return VD_OK;
}

static vd_err decide(request *r, promotion *p, vd_why *why)
{
    vd_why refusal = { 0 };
    vd_digest champion;
    bool yes = true;
    vd_model_decision d = { .model = p->model.digest, .who = r->who, .reason = p->reason };
    vd_err err = find_champion(r, p->model.name, &champion, why);
    bool already = !err && strcmp(champion.hex, p->model.digest.hex) == 0;
    if (!err && !already) err = gate_says(r, p, &champion, &yes, &refusal, why);
    if (err && err != VD_ABSENT) return err;
    d.verdict = vd_buf_slice(&p->verdict);
    d.forced = !yes;
    if (!yes && !p->forced) {
        d.reason = refusal.fact;
        err = vd_registry_refused(r->api->parts.registry, &d, why);
        return err ? err : reply_refused(r, p, &refusal, why);
    }
    err = vd_registry_promote(r->api->parts.registry, &d, why);
    return err ? err : reply_model(r, MHD_HTTP_OK, &p->model.digest, true, why);
}

vd_err promote_model(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(promotion) p = { .verdict = VD_BUF(65536) };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = read_promotion(r, body, &p, why);
    return err ? err : decide(r, &p, why);
}

vd_err retire_model(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    vd_model_row row;
    vd_model_decision d = { .who = r->who };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "reason", REASON_MAX, &d.reason, why);
    if (!err) err = find_model(r, &row, why);
    if (err) return err;
    d.model = row.digest;
    err = vd_registry_retire(r->api->parts.registry, &d, why);
    return err ? err : reply_model(r, MHD_HTTP_OK, &row.digest, true, why);
}

/* ---- the runs that a comparison needs ---- */

typedef struct {
    request *r;
    const vd_model_row *model;
    const vd_digest *dataset;
    vd_ulid run;
} measuring;

static vd_err add_run(vd_store *store, void *arg, vd_why *why)
{
    measuring *m = arg;
    VD_AUTO(vd_buf) asked = VD_BUF(2048);
    VD_AUTO(vd_buf) config = VD_BUF(16384);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_run_needs needs = { 0 };
    vd_json_w w = vd_json_writer(&asked);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "dataset", m->dataset->hex);
    vd_json_w_kv_text(&w, "descriptor", m->model->descriptor.hex);
    vd_json_w_kv_text(&w, "model", m->model->digest.hex);
    vd_json_w_kv_text(&w, "split", SPLIT);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (!err) err = vd_json_parse(vd_buf_slice(&asked), 2048, 4, &root, why);
    if (!err) err = vd_run_config(VD_RUN_KIND_EVALUATE, root, &config, &needs, why);
    if (err) return err;
    const vd_run_new fresh = { .kind = VD_RUN_KIND_EVALUATE,
                               .name = m->model->name,
                               .config = config.data,
                               .dataset = needs.dataset,
                               .model = needs.model,
                               .who = m->r->who };
    err = vd_run_add(store, &fresh, &m->run, why);
    if (err == VD_CONFLICT && m->run.text[0]) return VD_OK; /* it waits already */
    if (!err) vd_live_tell_later(m->r->api->parts.live, VD_LIVE_RUN, m->run.text, 0);
    return err;
}

static vd_err measure(request *r, const char *which, const vd_digest *dataset, vd_json_w *w,
                      vd_why *why)
{
    vd_model_row row;
    measuring m = { .r = r, .model = &row, .dataset = dataset };
    vd_store *store = borrow(r);
    vd_err err = vd_registry_find(store, which, &row, why);
    give_back(r, store);
    if (err) return err;
    if (measured(r, &row.digest, dataset, &m.run))
        err = vd_committer_run(r->api->parts.committer, add_run, &m, why);
    if (!err) vd_json_w_text(w, m.run.text);
    return err;
}

vd_err compare_models(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    const char *champion = NULL;
    vd_digest dataset, found;
    vd_model_row row;
    bool given = false;
    vd_err err = ask_json(r, &body, why);
    if (!err) err = may_text(body, "champion", VD_SHA256_HEX, &champion, why);
    if (!err) err = read_dataset(body, &dataset, &given, why);
    if (!err && !given) err = vd_fail(why, VD_INVALID, "'dataset' is missing");
    if (!err) err = find_model(r, &row, why);
    if (!err) err = dataset_is_here(r, &dataset, why);
    if (!err && !champion) {
        err = find_champion(r, row.name, &found, why);
        champion = found.hex;
    }
    if (err) return err;
    vd_json_w_object(&w);
    vd_json_w_key(&w, "runs");
    vd_json_w_list(&w);
    err = measure(r, row.digest.hex, &dataset, &w, why);
    if (!err) err = measure(r, champion, &dataset, &w, why);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_ACCEPTED, &w, why);
}
