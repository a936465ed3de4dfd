/* models.c - models: registered from runs or from what was pushed, shown, traced. */
#include "api_priv.h"

#include <stdlib.h>

#include "vd/file.h"

#define PICTURES_MAX  8
#define MANIFEST_MAX  (64u << 20)
#define MANIFEST_DEEP 8

static vd_store *borrow(request *r)
{
    return vd_store_pool_take(r->api->parts.readers);
}

static void give_back(request *r, vd_store *store)
{
    vd_store_pool_give(r->api->parts.readers, store);
}

/* ---- out ---- */

static vd_err check_states(const char *states, vd_why *why)
{
    for (vd_slice rest = vd_slice_str(states); rest.len;) {
        char word[16];
        vd_slice next = VD_SLICE_NONE, one = vd_slice_cut(rest, ',', &next);
        if (!vd_slice_to_chars(one, word, sizeof word) ||
            vd_word_index(vd_model_state_words, word) < 0)
            return vd_fail(why, VD_INVALID, "'state' must be candidate, champion or retired");
        rest = next;
    }
    return VD_OK;
}

vd_err list_models(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    uint64_t limit = 50;
    vd_model_filter filter = { .name = ask_query(r, "name"),
                               .states = ask_query(r, "state"),
                               .cursor = ask_query(r, "cursor") };
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (!err) err = check_states(filter.states, why);
    if (err) return err;
    filter.limit = (unsigned)limit;
    vd_json_w_object(&w);
    vd_store *store = borrow(r);
    err = vd_registry_write_list(store, &filter, &w, why);
    give_back(r, store);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err reply_model(request *r, unsigned status, const vd_digest *digest, bool detail, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = borrow(r);
    vd_err err = vd_registry_write(store, digest->hex, detail, &w, why);
    give_back(r, store);
    return err ? err : reply_json(r, status, &w, why);
}

vd_err get_model(request *r, vd_why *why)
{
    vd_digest digest;
    vd_err err = need_digest(r, &digest, why);
    return err ? err : reply_model(r, MHD_HTTP_OK, &digest, true, why);
}

static vd_err reply_lineage(request *r, const char *thing, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = borrow(r);
    vd_err err = vd_registry_write_lineage(store, r->api->parts.blobs, thing, &w, why);
    give_back(r, store);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_lineage(request *r, vd_why *why)
{
    return reply_lineage(r, r->param[0], why);
}

vd_err get_model_lineage(request *r, vd_why *why)
{
    vd_digest digest;
    vd_model_row row;
    vd_err err = need_digest(r, &digest, why);
    if (err) return err;
    vd_store *store = borrow(r);
    err = vd_registry_find(store, digest.hex, &row, why);
    give_back(r, store);
    return err ? err : reply_lineage(r, digest.hex, why);
}

vd_err get_release_key(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(1024);
    vd_json_w w = vd_json_writer(&text);
    vd_registry_write_key(r->api->parts.registry, &w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

/* ---- registering ---- */

/* What a registration is made of, with what it borrows. */
typedef struct {
    vd_model_new model;
    vd_json *body;
    vd_buf descriptor, labels;
    vd_run run;
    char dataset[VD_SHA256_HEX + 1], parent[VD_SHA256_HEX + 1], name[VD_ARTIFACT_NAME_MAX + 1];
} registering;
static void registering_done(registering *n)
{
    vd_json_free(n->body);
    vd_buf_done(&n->descriptor);
    vd_buf_done(&n->labels);
}
VD_AUTO_DEFINE(registering, registering_done)

static vd_err may_digest(const vd_json *body, const char *key, char into[VD_SHA256_HEX + 1],
                         vd_why *why)
{
    const char *text = NULL;
    vd_digest digest;
    vd_err err = may_text(body, key, VD_SHA256_HEX, &text, why);
    if (err || !text) return err;
    if (!vd_digest_parse(vd_slice_str(text), &digest))
        return vd_fail(why, VD_INVALID, "'%s' must be a SHA-256 in hex", key);
    memcpy(into, digest.hex, sizeof digest.hex);
    return VD_OK;
}

static vd_err load_blob(request *r, const vd_digest *digest, vd_buf *into, vd_why *why)
{
    char path[4096];
    if (vd_blobs_path(r->api->parts.blobs, digest, path, sizeof path, NULL))
        return vd_fail(why, VD_ABSENT, "there is no file sha256:%s", digest->hex);
    return vd_file_load(path, into, why);
}

static vd_err run_file(request *r, const char *run, const char *name, vd_digest *ret_digest,
                       vd_why *why)
{
    uint64_t bytes = 0;
    vd_store *store = borrow(r);
    vd_err err = vd_run_file(store, run, name, ret_digest, &bytes, why);
    give_back(r, store);
    return err;
}

/* A run's model goes by its parent's name, and keeps its labels. */
static vd_err take_parent(request *r, registering *n, vd_why *why)
{
    vd_model_row parent;
    vd_store *store = borrow(r);
    vd_err err = vd_registry_find(store, n->run.model.hex, &parent, NULL);
    give_back(r, store);
    if (err == VD_ABSENT) return VD_OK; /* it began with a model that is not registered */
    if (err) return vd_fail(why, err, "the run's first model cannot be found");
    if (!n->model.name) {
        memcpy(n->name, parent.name, sizeof n->name);
        n->model.name = n->name;
    }
    return load_blob(r, &parent.labels, &n->labels, why);
}

static vd_err from_run(request *r, registering *n, const char *id, vd_why *why)
{
    vd_digest descriptor;
    vd_store *store = borrow(r);
    vd_err err = vd_run_get(store, id, &n->run, why);
    give_back(r, store);
    if (err) return err;
    if (n->run.kind == VD_RUN_KIND_EVALUATE)
        return vd_fail(why, VD_INVALID, "run %s measures a model, it makes none", id);
    if (n->run.state != VD_RUN_STATE_DONE)
        return vd_fail(why, VD_CONFLICT, "run %s is not done", id);
    err = run_file(r, id, "model.onnx", &n->model.weights, why);
    if (!err) err = run_file(r, id, "model.model.yaml", &descriptor, why);
    if (!err) err = load_blob(r, &descriptor, &n->descriptor, why);
    if (!err) err = take_parent(r, n, why);
    if (err) return err;
    memcpy(n->dataset, n->run.dataset.hex, sizeof n->dataset);
    memcpy(n->parent, n->run.model.hex, sizeof n->parent);
    n->model.run = n->run.id.text;
    return VD_OK;
}

static vd_err from_upload(registering *n, vd_why *why)
{
    const char *descriptor = NULL, *labels = "";
    char weights[VD_SHA256_HEX + 1] = "";
    vd_err err = may_digest(n->body, "weights", weights, why);
    if (!err && !weights[0])
        err = vd_fail(why, VD_INVALID, "'run' or 'weights' says what to register");
    if (!err)
        err = need_text(n->body, "descriptor", VD_ARTIFACT_DESCRIPTOR_BYTES, &descriptor, why);
    if (!err) err = may_text(n->body, "labels", VD_ARTIFACT_LABELS_BYTES, &labels, why);
    if (err) return err;
    if (!vd_digest_parse(vd_slice_str(weights), &n->model.weights) ||
        !vd_buf_add_str(&n->descriptor, descriptor) || !vd_buf_add_str(&n->labels, labels))
        return vd_fail(why, VD_FULL, "no memory");
    return VD_OK;
}

static vd_err read_pictures(registering *n, vd_why *why)
{
    const vd_json *list = vd_json_get(n->body, "pictures");
    if (vd_json_kind_of(list) == VD_JSON_IS_NULL) return VD_OK;
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || vd_json_len(list) > PICTURES_MAX)
        return vd_fail(why, VD_INVALID, "'pictures' must be a list of at most %d", PICTURES_MAX);
    for (size_t i = 0; i < vd_json_len(list); i++) {
        const char *text = vd_json_text(vd_json_at(list, i), "");
        if (strlen(text) != VD_SHA256_HEX ||
            !vd_digest_parse(vd_slice_str(text), &n->model.pictures[i]))
            return vd_fail(why, VD_INVALID, "'pictures' must hold digests");
    }
    n->model.picture_count = (unsigned)vd_json_len(list);
    return VD_OK;
}

/* Pictures of the val split, spread over it; those that are not here are left out. */
static void take_spread(request *r, registering *n, const vd_json *list)
{
    const vd_json *val[4096];
    size_t count = 0;
    char path[4096];
    for (size_t i = 0; i < vd_json_len(list) && count < VD_COUNT_OF(val); i++) {
        const vd_json *picture = vd_json_at(list, i);
        if (strcmp(vd_json_text(vd_json_get(picture, "split"), ""), "val") == 0)
            val[count++] = picture;
    }
    size_t want = count < PICTURES_MAX ? count : PICTURES_MAX;
    for (size_t i = 0; i < want; i++) {
        const char *hex = vd_json_text(vd_json_get(val[i * count / want], "picture"), "");
        vd_digest *at = &n->model.pictures[n->model.picture_count];
        if (vd_digest_parse(vd_slice_str(hex), at) &&
            !vd_blobs_path(r->api->parts.blobs, at, path, sizeof path, NULL))
            n->model.picture_count++;
    }
}

/* Without pictures a device can only see that the model runs: not a reason to refuse one. */
static void pictures_of_dataset(request *r, registering *n)
{
    VD_AUTO(vd_buf) text = VD_BUF(MANIFEST_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_digest digest;
    if (n->model.picture_count || !n->dataset[0] ||
        !vd_digest_parse(vd_slice_str(n->dataset), &digest))
        return;
    if (load_blob(r, &digest, &text, NULL) ||
        vd_json_parse(vd_buf_slice(&text), MANIFEST_MAX, MANIFEST_DEEP, &root, NULL))
        return;
    take_spread(r, n, vd_json_get(root, "pictures"));
}

static vd_err read_new(request *r, registering *n, vd_why *why)
{
    const char *run = NULL;
    char calibration[VD_SHA256_HEX + 1] = "";
    vd_err err = ask_json(r, &n->body, why);
    if (!err) err = may_text(n->body, "run", VD_ULID_LEN, &run, why);
    if (!err) err = may_text(n->body, "name", VD_ARTIFACT_NAME_MAX, &n->model.name, why);
    if (!err) err = may_text(n->body, "note", 1000, &n->model.note, why);
    if (!err) err = run ? from_run(r, n, run, why) : from_upload(n, why);
    if (!err) err = may_digest(n->body, "dataset", n->dataset, why);
    if (!err) err = may_digest(n->body, "parent", n->parent, why);
    if (!err) err = may_digest(n->body, "calibration", calibration, why);
    if (!err) err = read_pictures(n, why);
    if (err) return err;
    n->model.has_calibration =
        calibration[0] && vd_digest_parse(vd_slice_str(calibration), &n->model.calibration);
    pictures_of_dataset(r, n);
    n->model.descriptor = vd_buf_slice(&n->descriptor);
    n->model.labels = vd_buf_slice(&n->labels);
    n->model.dataset = n->dataset[0] ? n->dataset : NULL;
    n->model.parent = n->parent[0] ? n->parent : NULL;
    n->model.who = r->who;
    return VD_OK;
}

vd_err register_model(request *r, vd_why *why)
{
    VD_AUTO(registering)
    n = { .descriptor = VD_BUF(VD_ARTIFACT_DESCRIPTOR_BYTES),
          .labels = VD_BUF(VD_ARTIFACT_LABELS_BYTES) };
    bool made = false;
    vd_err err = read_new(r, &n, why);
    if (err) return err;
    err = vd_registry_register(r->api->parts.registry, &n.model, &made, why);
    if (err == VD_INVALID) r->status = MHD_HTTP_UNPROCESSABLE_CONTENT; /* the model, not the ask */
    if (err) return err;
    return reply_model(r, made ? MHD_HTTP_CREATED : MHD_HTTP_OK, &n.model.weights, false, why);
}
