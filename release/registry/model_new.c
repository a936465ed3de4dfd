/* model_new.c - a model becomes an artifact.
 *
 *   weights, descriptor ─▶ model_open (it runs) ─▶ labels, reference ─▶ manifest ─▶ signature
 *                                                          one commit: ◀── blobs, manifests, row
 *
 * The version is part of the manifest; two registrations at once that chose the same one meet in
 * the commit, and the later one chooses again. */
#include "registry_priv.h"

#include <stdio.h>

#include "vd/clock.h"
#include "vd/json.h"
#include "vd/log.h"

#define VERSION_TRIES 8
#define SCORE_WITHIN  0.05
#define OVERLAP_LEAST 0.7
#define LAYERS_MAX    VD_ARTIFACT_PARTS

/* Everything one commit needs. */
typedef struct {
    vd_registry *registry;
    const vd_model_new *asked;
    opened_model opened;
    vd_buf classes, labels, reference; /* classes: JSON list */
    unsigned reference_pictures;
    uint64_t weights_bytes;
    vd_digest descriptor, labels_layer;
    char repository[80], version[24], title[3][VD_ARTIFACT_TEXT_MAX + 1], link[2][80];
    vd_artifact_item layer[LAYERS_MAX];
    unsigned layer_count;
    vd_artifact artifact;
    vd_buf body; /* the manifest */
    vd_digest digest;
    bool given; /* the manifest was pushed: its version is what it says, if that is free */
    const char *tag;
    int64_t number;
    vd_buf signature, signature_body;
    vd_artifact_item signature_layer, subject;
    vd_artifact signature_artifact;
} making;

static void making_done(making *m)
{
    vd_model_free(m->opened.model);
    vd_buf_done(&m->classes);
    vd_buf_done(&m->labels);
    vd_buf_done(&m->reference);
    vd_buf_done(&m->body);
    vd_buf_done(&m->signature);
    vd_buf_done(&m->signature_body);
}
VD_AUTO_DEFINE(making, making_done)

static making making_of(vd_registry *registry)
{
    return (making){ .registry = registry,
                     .tag = "",
                     .classes = VD_BUF(VD_ARTIFACT_LABELS_BYTES),
                     .labels = VD_BUF(VD_ARTIFACT_LABELS_BYTES),
                     .reference = VD_BUF(VD_ARTIFACT_REFERENCE_BYTES),
                     .body = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES),
                     .signature = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES),
                     .signature_body = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES) };
}

/* ---- what the model says of itself ---- */

static vd_err list_classes(making *m, vd_why *why)
{
    bool fits = true;
    const vd_model *model = m->opened.model;
    vd_json_w w = vd_json_writer(&m->classes);
    vd_json_w_list(&w);
    for (unsigned n = 0; fits && n < vd_model_class_count(model); n++) {
        vd_json_w_text(&w, vd_model_class_name(model, n));
        if (!m->opened.labels_title[0]) /* otherwise the labels are the file it names */
            fits = vd_buf_addf(&m->labels, "%s\n", vd_model_class_name(model, n));
    }
    vd_json_w_list_end(&w);
    if (!fits || vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the model has too many classes");
    return VD_OK;
}

static vd_err make_reference(making *m, vd_why *why)
{
    const vd_model_new *asked = m->asked;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_REFERENCE_ARENA_BYTES);
    vd_reference r = { .score_min = (double)vd_model_score_min(m->opened.model),
                       .score_within = SCORE_WITHIN,
                       .overlap_least = OVERLAP_LEAST };
    if (!arena) return vd_fail(why, VD_FULL, "no memory for reference pictures");
    if (asked->picture_count == 0) return VD_OK;
    for (unsigned n = 0; n < asked->picture_count; n++) {
        VD_AUTO(vd_buf) bytes = VD_BUF(VD_SCORE_PICTURE_BYTES);
        vd_err err = blob_load(m->registry, &asked->pictures[n], &bytes, why);
        if (!err)
            err = reference_look(m->opened.model, vd_buf_slice(&bytes), r.score_min, arena,
                                 &r.pictures[n], why);
        if (err) return err;
    }
    r.picture_count = m->reference_pictures = asked->picture_count;
    return vd_reference_write(&r, &m->reference)
               ? vd_fail(why, VD_INVALID, "the reference pictures are too large together")
               : VD_OK;
}

/* ---- the manifest ---- */

static vd_err add_layer(making *m, vd_artifact_part part, const vd_digest *digest,
                        const char *title, vd_why *why)
{
    char path[REGISTRY_PATH];
    vd_artifact_item *layer = &m->layer[m->layer_count];
    *layer = (vd_artifact_item){ .media_type = vd_artifact_part_types[part],
                                 .digest = *digest,
                                 .title = title };
    if (vd_blobs_path(m->registry->parts.blobs, digest, path, sizeof path, &layer->bytes))
        return vd_fail(why, VD_ABSENT, "there is no file sha256:%s", digest->hex);
    m->layer_count++;
    return VD_OK;
}

static vd_err put_layer(making *m, vd_artifact_part part, vd_slice bytes, const char *title,
                        vd_why *why)
{
    vd_digest digest;
    vd_err err = vd_blobs_put(m->registry->parts.blobs, bytes, &digest, why);
    return err ? err : add_layer(m, part, &digest, title, why);
}

static void choose_titles(making *m)
{
    const char *file = m->opened.weights_title;
    size_t len = strlen(file), end = 5; /* ".onnx" */
    if (len > end && strcmp(file + len - end, ".onnx") == 0) len -= end;
    if (len > 200) len = 200;
    (void)snprintf(m->title[0], sizeof m->title[0], "%s", file);
    (void)snprintf(m->title[1], sizeof m->title[1], "%.*s.labels.txt", (int)len, file);
    if (m->opened.labels_title[0])
        (void)snprintf(m->title[1], sizeof m->title[1], "%s", m->opened.labels_title);
    (void)snprintf(m->title[2], sizeof m->title[2], "%.*s.model.yaml", (int)len, file);
}

static vd_err make_layers(making *m, vd_why *why)
{
    const vd_model_new *asked = m->asked;
    choose_titles(m);
    vd_err err = add_layer(m, VD_ARTIFACT_WEIGHTS, &asked->weights, m->title[0], why);
    m->weights_bytes = m->layer[0].bytes;
    m->descriptor = vd_sha256(asked->descriptor);
    m->labels_layer = vd_sha256(vd_buf_slice(&m->labels));
    if (!err) err = put_layer(m, VD_ARTIFACT_LABELS, vd_buf_slice(&m->labels), m->title[1], why);
    if (!err) err = put_layer(m, VD_ARTIFACT_DESCRIPTOR, asked->descriptor, m->title[2], why);
    if (!err && asked->has_calibration)
        err = add_layer(m, VD_ARTIFACT_CALIBRATION, &asked->calibration, NULL, why);
    if (!err && m->reference.len)
        err = put_layer(m, VD_ARTIFACT_REFERENCE, vd_buf_slice(&m->reference), NULL, why);
    return err;
}

static vd_err put_empty(making *m, vd_artifact_item *config, vd_why *why)
{
    *config = (vd_artifact_item){ .media_type = VD_ARTIFACT_EMPTY_TYPE, .bytes = 2 };
    return vd_blobs_put(m->registry->parts.blobs, VD_STR("{}"), &config->digest, why);
}

static const char *link_of(making *m, int n, const char *hex)
{
    if (!hex) return NULL;
    (void)snprintf(m->link[n], sizeof m->link[n], "sha256:%s", hex);
    return m->link[n];
}

static vd_err write_manifest(making *m, const char *name, vd_why *why)
{
    (void)snprintf(m->version, sizeof m->version, "%lld", (long long)m->number);
    m->artifact.media_type = VD_ARTIFACT_MANIFEST_TYPE;
    m->artifact.artifact_type = VD_ARTIFACT_MODEL_TYPE;
    m->artifact.items = m->layer;
    m->artifact.item_count = m->layer_count;
    m->artifact.name = name;
    m->artifact.version = m->version;
    m->artifact.dataset = link_of(m, 0, m->asked->dataset);
    m->artifact.run = m->asked->run;
    m->artifact.parent = link_of(m, 1, m->asked->parent);
    vd_buf_clear(&m->body);
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    vd_err err = vd_artifact_model(&m->artifact, parts, why); /* what we write we also take */
    if (!err && vd_artifact_write(&m->artifact, &m->body))
        err = vd_fail(why, VD_FULL, "the manifest is too large");
    m->digest = vd_sha256(vd_buf_slice(&m->body));
    return err;
}

static vd_err write_signature(making *m, vd_why *why)
{
    vd_artifact *a = &m->signature_artifact;
    vd_buf_clear(&m->signature);
    vd_buf_clear(&m->signature_body);
    vd_err err = vd_release_sign(m->registry->key, vd_buf_slice(&m->body), &m->signature, why);
    if (err) return err;
    m->signature_layer = (vd_artifact_item){ .media_type = VD_ARTIFACT_SIGNATURE_LAYER_TYPE,
                                             .bytes = m->signature.len };
    m->subject = (vd_artifact_item){ .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                                     .digest = m->digest,
                                     .bytes = m->body.len };
    *a = (vd_artifact){ .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                        .artifact_type = VD_ARTIFACT_SIGNATURE_TYPE,
                        .item_count = 1,
                        .items = &m->signature_layer,
                        .subject = &m->subject };
    err = put_empty(m, &a->config, why);
    if (!err)
        err = vd_blobs_put(m->registry->parts.blobs, vd_buf_slice(&m->signature),
                           &m->signature_layer.digest, why);
    if (!err && vd_artifact_write(a, &m->signature_body))
        err = vd_fail(why, VD_FULL, "the signature's manifest is too large");
    return err;
}

/* ---- the commit ---- */

static vd_err note_layers(vd_store *store, const making *m, vd_why *why)
{
    const vd_artifact *a = &m->artifact;
    vd_err err = oci_blob_note(store, m->repository, &a->config.digest, a->config.bytes,
                               a->config.media_type, why);
    for (unsigned n = 0; !err && n < a->item_count; n++)
        err = oci_blob_note(store, m->repository, &a->items[n].digest, a->items[n].bytes,
                            "application/octet-stream", why);
    return err;
}

static vd_err note_signature(vd_store *store, const making *m, vd_why *why)
{
    const oci_manifest_row row = { .repository = m->repository,
                                   .who = m->asked->who,
                                   .artifact = &m->signature_artifact,
                                   .body = vd_buf_slice(&m->signature_body),
                                   .digest = vd_sha256(vd_buf_slice(&m->signature_body)) };
    const vd_artifact_item *config = &m->signature_artifact.config;
    vd_err err = oci_blob_note(store, m->repository, &config->digest, config->bytes,
                               "application/json", why);
    if (!err)
        err = oci_blob_note(store, m->repository, &m->signature_layer.digest,
                            m->signature_layer.bytes, "application/json", why);
    return err ? err : oci_manifest_note(store, &row, why);
}

static vd_err add_row(vd_store *store, const making *m, vd_why *why)
{
    const vd_model_new *asked = m->asked;
    vd_ulid id = vd_ulid_new();
    vd_stmt *add = vd_store_stmt(store, "model_add");
    vd_bind_text(add, "digest", asked->weights.hex);
    vd_bind_text(add, "id", id.text);
    vd_bind_text(add, "name", m->artifact.name);
    vd_bind_int(add, "version", m->number);
    vd_bind_text(add, "manifest", m->digest.hex);
    vd_bind_text(add, "descriptor", m->descriptor.hex);
    vd_bind_text(add, "labels", m->labels_layer.hex);
    vd_bind_text(add, "key", vd_release_key_id(m->registry->key));
    vd_bind_int(add, "bytes", (int64_t)m->weights_bytes);
    vd_bind_slice(add, "classes", vd_buf_slice(&m->classes));
    vd_bind_num(add, "score_min", (double)vd_model_score_min(m->opened.model));
    vd_bind_int(add, "reference_pictures", m->reference_pictures);
    vd_bind_text(add, "dataset", asked->dataset);
    vd_bind_text(add, "run", asked->run);
    vd_bind_text(add, "parent", asked->parent);
    vd_bind_text(add, "note", asked->note);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_text(add, "who", asked->who);
    return vd_stmt_run(add, NULL, why);
}

static vd_err commit_job(vd_store *store, void *arg, vd_why *why)
{
    const making *m = arg;
    char tag[32];
    const oci_manifest_row row = { .repository = m->repository,
                                   .who = m->asked->who,
                                   .artifact = &m->artifact,
                                   .body = vd_buf_slice(&m->body),
                                   .digest = m->digest };
    const vd_model_decision decision = { .model = m->asked->weights,
                                         .who = m->asked->who,
                                         .reason = m->asked->note };
    (void)snprintf(tag, sizeof tag, "v%lld", (long long)m->number);
    vd_err err = add_row(store, m, why);
    if (!err && !m->given) err = note_layers(store, m, why);
    if (!err) err = oci_manifest_note(store, &row, why);
    if (!err) err = oci_tag_set(store, m->repository, tag, &m->digest, why);
    if (!err && m->tag[0]) err = oci_tag_set(store, m->repository, m->tag, &m->digest, why);
    if (!err) err = note_signature(store, m, why);
    if (!err) err = model_history_add(store, &m->asked->weights, "registered", &decision, why);
    if (!err && m->registry->parts.changed)
        m->registry->parts.changed(m->registry->parts.arg, m->asked->weights.hex);
    return err;
}

static vd_err next_version(vd_registry *registry, const char *name, int64_t *ret_version,
                           vd_why *why)
{
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_stmt *next = vd_store_stmt(store, "model_next_version");
    vd_bind_text(next, "name", name);
    vd_err err = vd_stmt_row(next, why);
    if (!err) *ret_version = vd_col_int(next, 0);
    vd_stmt_finish(next);
    vd_store_pool_give(registry->parts.readers, store);
    return err;
}

static bool is_registered(vd_registry *registry, const vd_digest *weights, vd_model_row *ret_row)
{
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_err err = vd_registry_find(store, weights->hex, ret_row, NULL);
    vd_store_pool_give(registry->parts.readers, store);
    return !err;
}

static void log_registered(const making *m)
{
    vd_log(VD_LOG_INFO, "model.registered", "a model was registered and signed", "model",
           m->artifact.name, "version", m->version, "digest", m->asked->weights.hex, "manifest",
           m->digest.hex, "who", m->asked->who, NULL);
}

/* ---- registering ---- */

/* The same weights again: the same model, or a conflict. */
static vd_err compare_registered(const vd_model_new *asked, const vd_model_row *row, vd_why *why)
{
    vd_digest descriptor = vd_sha256(asked->descriptor);
    bool named = !asked->name || strcmp(asked->name, row->name) == 0;
    if (named && strcmp(descriptor.hex, row->descriptor.hex) == 0) return VD_OK;
    (void)vd_fail(why, VD_CONFLICT, "these weights are registered as '%s' version %lld", row->name,
                  (long long)row->version);
    vd_why_hint(why, "with another name or descriptor they would be two models of one digest");
    return VD_CONFLICT;
}

static vd_err choose_name(making *m, const char **ret_name, vd_why *why)
{
    const char *name = m->asked->name ? m->asked->name : m->opened.name;
    if (!vd_artifact_name_ok(vd_slice_str(name))) {
        (void)vd_fail(why, VD_INVALID, "'%.80s' is no name for a model", name);
        vd_why_hint(why, "give a name: words of a-z and 0-9 joined by . _ or -, at most %u bytes",
                    VD_ARTIFACT_NAME_MAX);
        return VD_INVALID;
    }
    (void)snprintf(m->repository, sizeof m->repository, "models/%s", name);
    *ret_name = name;
    return VD_OK;
}

static vd_err try_commit(making *m, const char *name, vd_why *why)
{
    vd_err err = VD_CONFLICT;
    for (int n = 0; err == VD_CONFLICT && n < VERSION_TRIES; n++) {
        vd_model_row row;
        if (n && is_registered(m->registry, &m->asked->weights, &row)) return VD_CONFLICT;
        err = next_version(m->registry, name, &m->number, why);
        if (!err) err = write_manifest(m, name, why);
        if (!err) err = write_signature(m, why);
        if (!err) err = vd_committer_run(m->registry->parts.committer, commit_job, m, why);
    }
    return err;
}

vd_err vd_registry_register(vd_registry *registry, const vd_model_new *asked, bool *ret_made,
                            vd_why *why)
{
    VD_AUTO(making) m = making_of(registry);
    const char *name = NULL;
    vd_model_row row;
    m.asked = asked;
    if (is_registered(registry, &asked->weights, &row)) {
        *ret_made = false;
        return compare_registered(asked, &row, why);
    }
    if (asked->picture_count > VD_REFERENCE_PICTURES_MAX)
        return vd_fail(why, VD_INVALID, "at most %u reference pictures are taken",
                       VD_REFERENCE_PICTURES_MAX);
    vd_err err =
        model_open(registry, &asked->weights, asked->descriptor, asked->labels, &m.opened, why);
    if (!err) err = choose_name(&m, &name, why);
    if (!err && m.opened.labels_title[0] && !vd_buf_add(&m.labels, asked->labels))
        err = vd_fail(why, VD_INVALID, "the labels are too long");
    if (!err) err = list_classes(&m, why);
    if (!err) err = make_reference(&m, why);
    if (!err) err = make_layers(&m, why);
    if (!err) err = put_empty(&m, &m.artifact.config, why);
    if (!err) err = try_commit(&m, name, why);
    if (err) return err;
    log_registered(&m);
    *ret_made = true;
    return VD_OK;
}

/* ---- a pushed manifest ---- */

/* What another hub says of where it comes from; what is no digest and no id is left out. */
static const char *plain_digest(const char *text)
{
    vd_digest digest;
    if (!text || !vd_digest_parse(vd_slice_str(text), &digest)) return NULL;
    return strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
}

static const char *run_id(const char *text)
{
    vd_ulid id;
    return text && vd_ulid_parse(vd_slice_str(text), &id) ? text : NULL;
}

static vd_err set_tag_job(vd_store *store, void *arg, vd_why *why)
{
    const making *m = arg;
    return m->tag[0] ? oci_tag_set(store, m->repository, m->tag, &m->digest, why) : VD_OK;
}

/* Layers that were pushed are read back: they must be in this repository, and fit each other. */
static vd_err open_pushed(making *m, const vd_artifact_item *const *parts, vd_buf *descriptor,
                          vd_why *why)
{
    char path[REGISTRY_PATH];
    uint64_t bytes;
    for (int part = 0; part < VD_ARTIFACT_PARTS; part++) {
        if (!parts[part]) continue;
        vd_err err = vd_oci_blob_find(m->registry, m->repository, &parts[part]->digest, path,
                                      sizeof path, &bytes, why);
        if (err) return err;
    }
    vd_err err = blob_load(m->registry, &parts[VD_ARTIFACT_DESCRIPTOR]->digest, descriptor, why);
    if (!err) err = blob_load(m->registry, &parts[VD_ARTIFACT_LABELS]->digest, &m->labels, why);
    if (!err)
        err = model_open(m->registry, &parts[VD_ARTIFACT_WEIGHTS]->digest, vd_buf_slice(descriptor),
                         vd_buf_slice(&m->labels), &m->opened, why);
    if (err) return err;
    if (strcmp(parts[VD_ARTIFACT_WEIGHTS]->title, m->opened.weights_title) != 0)
        return vd_fail(why, VD_INVALID,
                       "the weights are titled '%.80s', the descriptor's file is "
                       "'%.80s'",
                       parts[VD_ARTIFACT_WEIGHTS]->title, m->opened.weights_title);
    if (m->opened.labels_title[0]) /* the classes in the file, not the file, are listed below */
        vd_buf_clear(&m->labels);
    return VD_OK;
}

static vd_err count_references(making *m, const vd_artifact_item *layer, vd_why *why)
{
    VD_AUTO(vd_buf) json = VD_BUF(VD_ARTIFACT_REFERENCE_BYTES);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_REFERENCE_ARENA_BYTES);
    vd_reference reference = { 0 };
    if (!layer) return VD_OK;
    if (!arena) return vd_fail(why, VD_FULL, "no memory for reference pictures");
    vd_err err = blob_load(m->registry, &layer->digest, &json, why);
    if (!err) err = vd_reference_read(vd_buf_slice(&json), arena, &reference, why);
    if (!err) m->reference_pictures = reference.picture_count;
    return err;
}

static vd_err choose_version(making *m, vd_why *why)
{
    uint64_t said = 0;
    bool taken = true;
    if (m->artifact.version && vd_slice_u64(vd_slice_str(m->artifact.version), 999999999, &said) &&
        said) {
        vd_store *store = vd_store_pool_take(m->registry->parts.readers);
        vd_stmt *row = vd_store_stmt(store, "model_version_free");
        vd_bind_text(row, "name", m->artifact.name);
        vd_bind_int(row, "version", (int64_t)said);
        taken = vd_stmt_row(row, NULL) != VD_ABSENT;
        vd_stmt_finish(row);
        vd_store_pool_give(m->registry->parts.readers, store);
    }
    m->number = (int64_t)said;
    vd_err err = taken ? next_version(m->registry, m->artifact.name, &m->number, why) : VD_OK;
    (void)snprintf(m->version, sizeof m->version, "%lld", (long long)m->number);
    return err;
}

static vd_err adopt(making *m, const vd_artifact_item *const *parts, vd_why *why)
{
    VD_AUTO(vd_buf) descriptor = VD_BUF(VD_ARTIFACT_DESCRIPTOR_BYTES);
    vd_err err = open_pushed(m, parts, &descriptor, why);
    if (!err) err = list_classes(m, why);
    if (!err) err = count_references(m, parts[VD_ARTIFACT_REFERENCE], why);
    for (int n = 0; !err && n < VERSION_TRIES; n++) {
        err = choose_version(m, why);
        if (!err) err = write_signature(m, why);
        if (!err) err = vd_committer_run(m->registry->parts.committer, commit_job, m, why);
        if (err != VD_CONFLICT) break;
        err = VD_OK;
        if (n == VERSION_TRIES - 1 || oci_version_of(m->tag)) return VD_CONFLICT;
    }
    if (!err) log_registered(m);
    return err;
}

vd_err model_adopt(vd_registry *registry, const oci_manifest_row *row, const char *tag, vd_why *why)
{
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    VD_AUTO(making) m = making_of(registry);
    vd_model_row known;
    vd_err err = vd_artifact_model(row->artifact, parts, why);
    if (err) return err;
    m.artifact = *row->artifact;
    m.digest = row->digest;
    m.given = true;
    m.tag = tag;
    (void)snprintf(m.repository, sizeof m.repository, "models/%s", m.artifact.name);
    if (strcmp(m.repository, row->repository) != 0)
        return vd_fail(why, VD_INVALID, "the model is named '%s', its repository is '%.80s'",
                       m.artifact.name, row->repository);
    if (is_registered(registry, &parts[VD_ARTIFACT_WEIGHTS]->digest, &known)) {
        if (strcmp(known.manifest.hex, row->digest.hex) == 0)
            return vd_committer_run(registry->parts.committer, set_tag_job, &m, why);
        return vd_fail(why, VD_CONFLICT, "these weights are registered as '%s' version %lld",
                       known.name, (long long)known.version);
    }
    const vd_model_new asked = { .weights = parts[VD_ARTIFACT_WEIGHTS]->digest,
                                 .dataset = plain_digest(m.artifact.dataset),
                                 .run = run_id(m.artifact.run),
                                 .parent = plain_digest(m.artifact.parent),
                                 .who = row->who };
    m.asked = &asked;
    m.weights_bytes = parts[VD_ARTIFACT_WEIGHTS]->bytes;
    m.descriptor = parts[VD_ARTIFACT_DESCRIPTOR]->digest;
    m.labels_layer = parts[VD_ARTIFACT_LABELS]->digest;
    if (!vd_buf_add(&m.body, row->body)) return vd_fail(why, VD_FULL, "no memory for a manifest");
    return adopt(&m, parts, why);
}
