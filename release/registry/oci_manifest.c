/* oci_manifest.c - manifests by digest and tag, kept byte for byte; who refers to whom. */
#include "registry_priv.h"

#include <stdio.h>

#include "vd/clock.h"
#include "vd/json.h"

#define ARENA_BYTES (4u << 20)

/* ---- in ---- */

static vd_err blob_is_here(vd_store *store, const char *repository, const vd_artifact_item *item,
                           vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "oci_blob_find");
    vd_bind_text(find, "repository", repository);
    vd_bind_text(find, "digest", item->digest.hex);
    vd_err err = vd_stmt_row(find, why);
    uint64_t bytes = err ? 0 : (uint64_t)vd_col_int(find, 0);
    vd_stmt_finish(find);
    if (err == VD_ABSENT) {
        (void)vd_fail(why, VD_ABSENT, "the manifest names a blob that is not in '%.60s'",
                      repository);
        vd_why_detail(why, "sha256:%s", item->digest.hex);
        vd_why_hint(why, "push the blobs first, then the manifest");
        return VD_ABSENT;
    }
    if (err || bytes == item->bytes) return err;
    (void)vd_fail(why, VD_INVALID, "the manifest says another size than a blob has");
    vd_why_detail(why, "sha256:%s has %llu bytes, it says %llu", item->digest.hex,
                  (unsigned long long)bytes, (unsigned long long)item->bytes);
    return VD_INVALID;
}

static vd_err manifest_is_here(vd_store *store, const char *repository,
                               const vd_artifact_item *item, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "oci_manifest_find");
    vd_bind_text(find, "repository", repository);
    vd_bind_text(find, "digest", item->digest.hex);
    vd_bind_null(find, "tag");
    vd_err err = vd_stmt_row(find, why);
    vd_stmt_finish(find);
    if (err != VD_ABSENT) return err;
    (void)vd_fail(why, VD_ABSENT, "the index names a manifest that is not in '%.60s'", repository);
    vd_why_detail(why, "sha256:%s", item->digest.hex);
    return VD_ABSENT;
}

static vd_err note_need(vd_store *store, const oci_manifest_row *row, const vd_artifact_item *item,
                        vd_why *why)
{
    vd_err err = row->artifact->is_index ? manifest_is_here(store, row->repository, item, why)
                                         : blob_is_here(store, row->repository, item, why);
    if (err) return err;
    vd_stmt *need = vd_store_stmt(store, "oci_need_add");
    vd_bind_text(need, "repository", row->repository);
    vd_bind_text(need, "manifest", row->digest.hex);
    vd_bind_text(need, "digest", item->digest.hex);
    return vd_stmt_run(need, NULL, why);
}

vd_err oci_manifest_note(vd_store *store, const oci_manifest_row *row, vd_why *why)
{
    const vd_artifact *a = row->artifact;
    const char *type = a->artifact_type;
    if (!type) type = a->is_index ? "" : a->config.media_type;
    vd_stmt *add = vd_store_stmt(store, "oci_manifest_add");
    vd_bind_text(add, "repository", row->repository);
    vd_bind_text(add, "digest", row->digest.hex);
    vd_bind_text(add, "media_type", a->media_type);
    vd_bind_text(add, "artifact_type", type);
    vd_bind_text(add, "subject", a->subject ? a->subject->digest.hex : NULL);
    vd_bind_blob(add, "body", row->body);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_text(add, "who", row->who);
    vd_err err = vd_stmt_run(add, NULL, why);
    if (!err && !a->is_index) err = note_need(store, row, &a->config, why);
    for (unsigned n = 0; !err && n < a->item_count; n++)
        err = note_need(store, row, &a->items[n], why);
    return err;
}

/* A model's version is for ever what it was. */
static vd_err check_move(vd_store *store, const char *repository, const char *tag,
                         const vd_digest *digest, vd_why *why)
{
    if (strncmp(repository, "models/", 7) != 0 || !oci_version_of(tag)) return VD_OK;
    vd_stmt *find = vd_store_stmt(store, "oci_tag_find");
    vd_bind_text(find, "repository", repository);
    vd_bind_text(find, "tag", tag);
    vd_err err = vd_stmt_row(find, why);
    bool same = !err && strcmp(vd_col_text(find, 0), digest->hex) == 0;
    vd_stmt_finish(find);
    if (err == VD_ABSENT || same) return VD_OK;
    return err ? err
               : vd_fail(why, VD_CONFLICT, "%.80s:%s is another model: versions never move",
                         repository, tag);
}

vd_err oci_tag_set(vd_store *store, const char *repository, const char *tag,
                   const vd_digest *digest, vd_why *why)
{
    vd_err err = check_move(store, repository, tag, digest, why);
    if (err) return err;
    vd_stmt *set = vd_store_stmt(store, "oci_tag_set");
    vd_bind_text(set, "repository", repository);
    vd_bind_text(set, "tag", tag);
    vd_bind_text(set, "digest", digest->hex);
    vd_bind_int(set, "now_us", vd_clock_utc_us());
    return vd_stmt_run(set, NULL, why);
}

typedef struct {
    oci_manifest_row row;
    const char *tag; /* "": none */
} put_job;

static vd_err put_manifest(vd_store *store, void *arg, vd_why *why)
{
    const put_job *j = arg;
    vd_err err = oci_manifest_note(store, &j->row, why);
    if (!err && j->tag[0]) err = oci_tag_set(store, j->row.repository, j->tag, &j->row.digest, why);
    return err;
}

static vd_err check_put(const vd_oci_manifest *m, const oci_reference *reference,
                        const vd_artifact *a, const vd_digest *digest, vd_why *why)
{
    if (reference->by_digest && strcmp(reference->digest.hex, digest->hex) != 0) {
        (void)vd_fail(why, VD_CORRUPT, "the manifest's bytes are not those of its digest");
        vd_why_detail(why, "named %s, arrived %s", reference->digest.hex, digest->hex);
        return VD_CORRUPT;
    }
    vd_slice rest, type = vd_slice_cut(vd_slice_str(m->content_type), ';', &rest);
    if (!m->content_type || vd_slice_eq(type, vd_slice_str(a->media_type))) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "the manifest is of another type than its Content-Type");
    vd_why_detail(why, "'%.80s' and '%.80s'", a->media_type, m->content_type);
    return VD_INVALID;
}

vd_err vd_oci_manifest_put(vd_registry *registry, const vd_oci_manifest *m, vd_oci_put *ret_put,
                           vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ARENA_BYTES);
    oci_reference reference;
    vd_artifact a;
    if (!arena) return vd_fail(why, VD_FULL, "no memory for a manifest");
    put_job j = { .row = { .repository = m->repository,
                           .who = m->who,
                           .artifact = &a,
                           .body = m->body,
                           .digest = vd_sha256(m->body) } };
    vd_err err = oci_name_check(m->repository, why);
    if (!err) err = oci_reference_read(m->reference, &reference, why);
    if (!err) err = vd_artifact_read(m->body, arena, &a, why);
    if (!err) err = check_put(m, &reference, &a, &j.row.digest, why);
    if (err) return err;
    j.tag = reference.tag;
    bool model = strncmp(m->repository, "models/", 7) == 0 && a.artifact_type &&
                 strcmp(a.artifact_type, VD_ARTIFACT_MODEL_TYPE) == 0;
    err = model ? model_adopt(registry, &j.row, j.tag, why)
                : vd_committer_run(registry->parts.committer, put_manifest, &j, why);
    if (err) return err;
    *ret_put = (vd_oci_put){ .digest = j.row.digest, .has_subject = a.subject != NULL };
    if (a.subject) ret_put->subject = a.subject->digest;
    return VD_OK;
}

/* ---- out ---- */

static vd_err get_manifest(vd_store *store, const char *repository, const oci_reference *reference,
                           vd_buf *into, char ret_type[VD_ARTIFACT_TEXT_MAX + 1],
                           vd_digest *ret_digest, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "oci_manifest_find");
    vd_bind_text(find, "repository", repository);
    vd_bind_text(find, "digest", reference->by_digest ? reference->digest.hex : NULL);
    vd_bind_text(find, "tag", reference->by_digest ? NULL : reference->tag);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT)
        return vd_fail(why, VD_ABSENT, "'%.80s' has no manifest '%.80s'", repository,
                       reference->by_digest ? reference->digest.hex : reference->tag);
    if (err) return err;
    bool fits = vd_digest_parse(vd_slice_str(vd_col_text(find, 0)), ret_digest) &&
                vd_buf_add(into, vd_col_blob(find, 2));
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 1)), ret_type, VD_ARTIFACT_TEXT_MAX + 1);
    vd_stmt_finish(find);
    return fits ? VD_OK : vd_fail(why, VD_FULL, "no memory for a manifest");
}

vd_err vd_oci_manifest_get(vd_registry *registry, const char *repository, const char *reference,
                           vd_buf *into, char ret_type[VD_ARTIFACT_TEXT_MAX + 1],
                           vd_digest *ret_digest, vd_why *why)
{
    oci_reference at;
    vd_err err = oci_name_check(repository, why);
    if (!err) err = oci_reference_read(reference, &at, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    err = get_manifest(store, repository, &at, into, ret_type, ret_digest, why);
    vd_store_pool_give(registry->parts.readers, store);
    return err;
}

typedef struct {
    const char *repository;
    oci_reference reference;
} delete_arg;

static vd_err remove_manifest(vd_store *store, void *arg, vd_why *why)
{
    const delete_arg *d = arg;
    bool by_digest = d->reference.by_digest;
    uint64_t removed = 0;
    vd_stmt *stmt = vd_store_stmt(store, by_digest ? "oci_manifest_remove" : "oci_tag_remove");
    vd_bind_text(stmt, "repository", d->repository);
    vd_bind_text(stmt, by_digest ? "digest" : "tag",
                 by_digest ? d->reference.digest.hex : d->reference.tag);
    vd_err err = vd_stmt_run(stmt, &removed, why);
    if (err || removed) return err;
    return vd_fail(why, VD_CONFLICT, "a registered model or an index needs this manifest");
}

vd_err vd_oci_manifest_delete(vd_registry *registry, const char *repository, const char *reference,
                              vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    char type[VD_ARTIFACT_TEXT_MAX + 1];
    vd_digest digest;
    delete_arg d = { .repository = repository };
    vd_err err = vd_oci_manifest_get(registry, repository, reference, &body, type, &digest, why);
    if (!err) err = oci_reference_read(reference, &d.reference, why);
    if (err) return err;
    if (!d.reference.by_digest && strncmp(repository, "models/", 7) == 0 &&
        oci_version_of(d.reference.tag))
        return vd_fail(why, VD_CONFLICT, "versions of models are for ever");
    return vd_committer_run(registry->parts.committer, remove_manifest, &d, why);
}

/* ---- lists ---- */

/* Writes texts of the rows' first column, `limit` at most; `more` gets the last when there are
 * more. */
static vd_err write_texts(vd_stmt *rows, const char *last, unsigned limit, vd_json_w *w, char *more,
                          size_t room, vd_why *why)
{
    vd_err err;
    unsigned count = 0;
    char shown[VD_OCI_NAME_MAX + 1] = "";
    more[0] = '\0';
    vd_bind_text(rows, "last", last ? last : "");
    vd_bind_int(rows, "limit", (int64_t)limit + 1);
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        if (count++ == limit) {
            vd_slice_to_chars(vd_slice_str(shown), more, room);
            continue;
        }
        vd_json_w_text(w, vd_col_text(rows, 0));
        vd_slice_to_chars(vd_slice_str(vd_col_text(rows, 0)), shown, sizeof shown);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err known(vd_store *store, const char *repository, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "oci_repository_known");
    vd_bind_text(row, "repository", repository);
    vd_err err = vd_stmt_row(row, why);
    vd_stmt_finish(row);
    if (err != VD_ABSENT) return err;
    return vd_fail(why, VD_ABSENT, "there is no repository '%.80s'", repository);
}

static vd_err write_tags(vd_store *store, const char *repository, const char *last, unsigned limit,
                         vd_json_w *w, char *more, vd_why *why)
{
    vd_err err = known(store, repository, why);
    if (err) return err;
    vd_stmt *rows = vd_store_stmt(store, "oci_tag_list");
    vd_bind_text(rows, "repository", repository);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", repository);
    vd_json_w_key(w, "tags");
    err = write_texts(rows, last, limit, w, more, VD_OCI_TAG_MAX + 1, why);
    vd_json_w_object_end(w);
    return err;
}

vd_err vd_oci_tags_write(vd_registry *registry, const char *repository, const char *last,
                         unsigned limit, vd_json_w *w, char ret_more[VD_OCI_TAG_MAX + 1],
                         vd_why *why)
{
    vd_err err = oci_name_check(repository, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    err = write_tags(store, repository, last, limit, w, ret_more, why);
    vd_store_pool_give(registry->parts.readers, store);
    return err;
}

vd_err vd_oci_catalog_write(vd_registry *registry, const char *last, unsigned limit, vd_json_w *w,
                            char ret_more[VD_OCI_NAME_MAX + 1], vd_why *why)
{
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_json_w_object(w);
    vd_json_w_key(w, "repositories");
    vd_err err = write_texts(vd_store_stmt(store, "oci_repository_list"), last, limit, w, ret_more,
                             VD_OCI_NAME_MAX + 1, why);
    vd_json_w_object_end(w);
    vd_store_pool_give(registry->parts.readers, store);
    return err;
}

static void write_referrer(vd_stmt *row, vd_json_w *w)
{
    char digest[8 + VD_SHA256_HEX];
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_slice body = vd_col_blob(row, 4);
    (void)snprintf(digest, sizeof digest, "sha256:%s", vd_col_text(row, 0));
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "mediaType", vd_col_text(row, 1));
    vd_json_w_kv_text(w, "digest", digest);
    vd_json_w_kv_int(w, "size", vd_col_int(row, 3));
    vd_json_w_kv_text(w, "artifactType", vd_col_text(row, 2));
    const vd_json *notes =
        vd_json_parse(body, VD_ARTIFACT_MANIFEST_BYTES, VD_LIMIT_JSON_DEPTH, &root, NULL)
            ? NULL
            : vd_json_get(root, "annotations");
    if (notes) {
        vd_json_w_key(w, "annotations");
        vd_json_w_node(w, notes);
    }
    vd_json_w_object_end(w);
}

vd_err vd_oci_referrers_write(vd_registry *registry, const char *repository,
                              const vd_digest *digest, const char *artifact_type, vd_json_w *w,
                              vd_why *why)
{
    vd_err err = oci_name_check(repository, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_stmt *rows = vd_store_stmt(store, "oci_referrer_list");
    vd_bind_text(rows, "repository", repository);
    vd_bind_text(rows, "subject", digest->hex);
    vd_bind_text(rows, "artifact_type", artifact_type);
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "schemaVersion", 2);
    vd_json_w_kv_text(w, "mediaType", VD_ARTIFACT_INDEX_TYPE);
    vd_json_w_key(w, "manifests");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) write_referrer(rows, w);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
    vd_store_pool_give(registry->parts.readers, store);
    return err == VD_ABSENT ? VD_OK : err;
}
