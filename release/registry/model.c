/* model.c - models as they are shown, and what was decided of them. */
#include "registry_priv.h"

#include <stdio.h>

#include "vd/clock.h"
#include "vd/json.h"
#include "vd/log.h"

/* ---- finding ---- */

vd_err vd_registry_find(vd_store *store, const char *which, vd_model_row *ret_model, vd_why *why)
{
    vd_model_row row = { 0 };
    vd_stmt *find = vd_store_stmt(store, "model_find");
    vd_bind_text(find, "which", which);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT && !which) {
        (void)vd_fail(why, VD_ABSENT, "no model is registered yet");
        vd_why_hint(why, "vedette model push NAME.onnx brings one");
        return VD_ABSENT;
    }
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no model '%.80s'", which);
    if (err) return err;
    bool fine = vd_digest_parse(vd_slice_str(vd_col_text(find, 0)), &row.digest) &&
                vd_digest_parse(vd_slice_str(vd_col_text(find, 3)), &row.manifest) &&
                vd_digest_parse(vd_slice_str(vd_col_text(find, 5)), &row.descriptor) &&
                vd_digest_parse(vd_slice_str(vd_col_text(find, 6)), &row.labels);
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 1)), row.name, sizeof row.name);
    row.version = vd_col_int(find, 2);
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 4)), row.state, sizeof row.state);
    vd_stmt_finish(find);
    if (!fine) return vd_fail(why, VD_CORRUPT, "a model's row holds no digest");
    *ret_model = row;
    return VD_OK;
}

vd_err vd_registry_champion(vd_store *store, const char *name, vd_digest *ret_digest, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "model_champion_of");
    vd_bind_text(find, "name", name);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "'%.80s' has no champion yet", name);
    if (err) return err;
    bool fine = vd_digest_parse(vd_slice_str(vd_col_text(find, 0)), ret_digest);
    vd_stmt_finish(find);
    return fine ? VD_OK : VD_CORRUPT;
}

/* ---- showing ---- */

/* The columns of model_get, model_list, model_related. */
enum {
    DIGEST,
    ID,
    NAME,
    VERSION,
    STATE,
    MANIFEST,
    KEY,
    BYTES,
    CLASSES,
    SCORE_MIN,
    REFERENCES,
    DATASET,
    RUN,
    PARENT,
    NOTE,
    REGISTERED_US,
    REGISTERED_BY,
    APPROVED_US,
    APPROVED_BY,
    FORCED,
    DESCRIPTOR,
    LABELS,
    DEVICES
};

static void write_known(vd_json_w *w, const char *key, vd_stmt *row, int column)
{
    if (!vd_col_null(row, column)) vd_json_w_kv_text(w, key, vd_col_text(row, column));
}

static void write_members(vd_stmt *row, vd_json_w *w)
{
    char text[80];
    vd_json_w_kv_text(w, "digest", vd_col_text(row, DIGEST));
    vd_json_w_kv_text(w, "name", vd_col_text(row, NAME));
    vd_json_w_kv_int(w, "version", vd_col_int(row, VERSION));
    vd_json_w_kv_text(w, "state", vd_col_text(row, STATE));
    (void)snprintf(text, sizeof text, "models/%.64s", vd_col_text(row, NAME));
    vd_json_w_kv_text(w, "repository", text);
    (void)snprintf(text, sizeof text, "sha256:%.64s", vd_col_text(row, MANIFEST));
    vd_json_w_kv_text(w, "manifest", text);
    vd_json_w_kv_text(w, "descriptor", vd_col_text(row, DESCRIPTOR));
    vd_json_w_kv_text(w, "labels", vd_col_text(row, LABELS));
    vd_json_w_kv_int(w, "bytes", vd_col_int(row, BYTES));
    vd_json_w_key(w, "classes");
    vd_json_w_raw(w, vd_slice_str(vd_col_text(row, CLASSES)));
    vd_json_w_kv_num(w, "score_min", vd_col_num(row, SCORE_MIN), 4);
    vd_json_w_kv_int(w, "reference_pictures", vd_col_int(row, REFERENCES));
    vd_json_w_kv_int(w, "devices", vd_col_int(row, DEVICES));
    vd_json_w_kv_time(w, "registered_at", vd_col_int(row, REGISTERED_US));
    vd_json_w_kv_text(w, "registered_by", vd_col_text(row, REGISTERED_BY));
    vd_json_w_kv_text(w, "key", vd_col_text(row, KEY));
    write_known(w, "dataset", row, DATASET);
    write_known(w, "run", row, RUN);
    write_known(w, "parent", row, PARENT);
    write_known(w, "note", row, NOTE);
    if (vd_col_null(row, APPROVED_US)) return;
    vd_json_w_kv_time(w, "approved_at", vd_col_int(row, APPROVED_US));
    write_known(w, "approved_by", row, APPROVED_BY);
    vd_json_w_kv_bool(w, "forced", vd_col_int(row, FORCED) != 0);
}

static vd_err write_history(vd_store *store, const char *digest, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "model_history_list");
    vd_bind_text(rows, "model", digest);
    vd_json_w_key(w, "history");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_time(w, "at", vd_col_int(rows, 0));
        vd_json_w_kv_text(w, "who", vd_col_text(rows, 1));
        vd_json_w_kv_text(w, "what", vd_col_text(rows, 2));
        write_known(w, "reason", rows, 3);
        if (!vd_col_null(rows, 4)) {
            vd_json_w_key(w, "verdict");
            vd_json_w_raw(w, vd_slice_str(vd_col_text(rows, 4)));
        }
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_registry_write(vd_store *store, const char *digest, bool detail, vd_json_w *w,
                         vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "model_get");
    vd_bind_text(row, "digest", digest);
    vd_err err = vd_stmt_row(row, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no model '%.80s'", digest);
    if (err) return err;
    vd_json_w_object(w);
    write_members(row, w);
    vd_stmt_finish(row);
    if (detail) err = write_history(store, digest, w, why);
    vd_json_w_object_end(w);
    return err;
}

vd_err vd_registry_write_list(vd_store *store, const vd_model_filter *filter, vd_json_w *w,
                              vd_why *why)
{
    vd_err err;
    unsigned count = 0;
    char last[VD_ULID_LEN + 1] = "", next[VD_ULID_LEN + 1] = "";
    vd_stmt *rows = vd_store_stmt(store, "model_list");
    vd_bind_text(rows, "name", filter->name);
    vd_bind_text(rows, "states", filter->states);
    vd_bind_text(rows, "cursor", filter->cursor);
    vd_bind_int(rows, "limit", (int64_t)filter->limit + 1);
    vd_json_w_key(w, "models");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        if (count++ == filter->limit) {
            memcpy(next, last, sizeof next);
            continue;
        }
        vd_slice_to_chars(vd_slice_str(vd_col_text(rows, ID)), last, sizeof last);
        vd_json_w_object(w);
        write_members(rows, w);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    if (next[0]) vd_json_w_kv_text(w, "next", next);
    return err == VD_ABSENT ? VD_OK : err;
}

/* ---- lineage ---- */

static vd_err write_devices(vd_store *store, const char *digest, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "model_devices");
    vd_bind_text(rows, "digest", digest);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "device", vd_col_text(rows, 0));
        vd_json_w_key(w, "model");
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "name", vd_col_text(rows, 1));
        vd_json_w_kv_text(w, "digest", digest);
        vd_json_w_object_end(w);
        write_known(w, "state", rows, 2);
        write_known(w, "since", rows, 3);
        vd_json_w_key(w, "cameras");
        vd_json_w_raw(w, vd_slice_str(vd_col_text(rows, 4)));
        vd_json_w_object_end(w);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

static bool is_new(const lineage_digests *found, const char *hex)
{
    for (unsigned n = 0; n < found->count; n++)
        if (strcmp(found->digest[n].hex, hex) == 0) return false;
    return true;
}

vd_err lineage_models(vd_store *store, const char *thing, lineage_digests *found, vd_json_w *w,
                      vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "model_related");
    vd_bind_text(rows, "thing", thing);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        const char *hex = vd_col_text(rows, DIGEST);
        if (found->count == LINEAGE_MAX || !is_new(found, hex) ||
            !vd_digest_parse(vd_slice_str(hex), &found->digest[found->count]))
            continue;
        found->count++;
        vd_json_w_object(w);
        write_members(rows, w);
        vd_json_w_object_end(w);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err lineage_devices(vd_store *store, const lineage_digests *found, vd_json_w *w, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned n = 0; !err && n < found->count; n++)
        err = write_devices(store, found->digest[n].hex, w, why);
    return err;
}

/* ---- decisions ---- */

vd_err model_history_add(vd_store *store, const vd_digest *model, const char *what,
                         const vd_model_decision *decision, vd_why *why)
{
    vd_ulid id = vd_ulid_new();
    vd_stmt *add = vd_store_stmt(store, "model_history_add");
    vd_bind_text(add, "id", id.text);
    vd_bind_text(add, "model", model->hex);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_text(add, "who", decision->who);
    vd_bind_text(add, "what", what);
    vd_bind_text(add, "reason", decision->reason);
    if (decision->verdict.len) vd_bind_slice(add, "verdict", decision->verdict);
    return vd_stmt_run(add, NULL, why);
}

typedef struct {
    vd_registry *registry;
    const vd_model_decision *decision;
} decision_job;

static void told(const decision_job *j, const vd_digest *model)
{
    if (j->registry->parts.changed) j->registry->parts.changed(j->registry->parts.arg, model->hex);
}

static vd_err retire(vd_store *store, const decision_job *j, const vd_digest *model,
                     const char *what, vd_why *why)
{
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "model_retire");
    vd_bind_text(stmt, "digest", model->hex);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    if (err || !changed) return err;
    vd_model_decision decision = *j->decision;
    decision.verdict = VD_SLICE_NONE;
    told(j, model);
    return model_history_add(store, model, what, &decision, why);
}

static vd_err promote_job(vd_store *store, void *arg, vd_why *why)
{
    const decision_job *j = arg;
    const vd_model_decision *d = j->decision;
    uint64_t changed = 0;
    vd_model_row row;
    vd_digest before;
    vd_err err = vd_registry_find(store, d->model.hex, &row, why);
    if (err) return err;
    if (strcmp(row.state, "champion") == 0)
        return vd_fail(why, VD_CONFLICT, "'%s' version %lld is the champion already", row.name,
                       (long long)row.version);
    err = vd_registry_champion(store, row.name, &before, NULL);
    if (!err) err = retire(store, j, &before, "replaced", why);
    if (err && err != VD_ABSENT) return err;
    vd_stmt *stmt = vd_store_stmt(store, "model_promote");
    vd_bind_text(stmt, "digest", d->model.hex);
    vd_bind_int(stmt, "now_us", vd_clock_utc_us());
    vd_bind_text(stmt, "who", d->who);
    vd_bind_int(stmt, "forced", d->forced);
    err = vd_stmt_run(stmt, &changed, why);
    if (err) return err;
    told(j, &d->model);
    return model_history_add(store, &d->model, d->forced ? "forced" : "promoted", d, why);
}

static void log_decision(const vd_model_decision *d, const char *id, const char *fact)
{
    vd_log(VD_LOG_INFO, id, fact, "digest", d->model.hex, "who", d->who, "reason", d->reason, NULL);
}

vd_err vd_registry_promote(vd_registry *registry, const vd_model_decision *decision, vd_why *why)
{
    decision_job j = { .registry = registry, .decision = decision };
    vd_err err = vd_committer_run(registry->parts.committer, promote_job, &j, why);
    if (!err)
        log_decision(decision, "model.promoted",
                     decision->forced ? "a model was made champion past the gate"
                                      : "a model was made champion");
    return err;
}

static vd_err refused_job(vd_store *store, void *arg, vd_why *why)
{
    const decision_job *j = arg;
    return model_history_add(store, &j->decision->model, "refused", j->decision, why);
}

vd_err vd_registry_refused(vd_registry *registry, const vd_model_decision *decision, vd_why *why)
{
    decision_job j = { .registry = registry, .decision = decision };
    return vd_committer_run(registry->parts.committer, refused_job, &j, why);
}

static vd_err retire_job(vd_store *store, void *arg, vd_why *why)
{
    const decision_job *j = arg;
    vd_model_row row;
    vd_err err = vd_registry_find(store, j->decision->model.hex, &row, why);
    return err ? err : retire(store, j, &j->decision->model, "retired", why);
}

vd_err vd_registry_retire(vd_registry *registry, const vd_model_decision *decision, vd_why *why)
{
    decision_job j = { .registry = registry, .decision = decision };
    vd_err err = vd_committer_run(registry->parts.committer, retire_job, &j, why);
    if (!err) log_decision(decision, "model.retired", "a model was taken out of use");
    return err;
}
