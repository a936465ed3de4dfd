/* release_pull.c - a registered model into a folder: its manifest, its signature, its layers; each
 * checked before any is seen. */
#include <stdio.h>
#include <stdlib.h>

#include "artifact.h"
#include "release_priv.h"

typedef struct {
    api *a;
    char repository[80], digest[VD_SHA256_HEX + 1], out[3072];
    vd_buf manifest;
    vd_arena *arena;
    vd_artifact artifact;
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    vd_file files[VD_ARTIFACT_PARTS];
} pulling;

static void pulling_done(pulling *p)
{
    for (int n = 0; n < VD_ARTIFACT_PARTS; n++) vd_file_done(&p->files[n]);
    vd_buf_done(&p->manifest);
    vd_arena_free(p->arena);
    api_free(p->a);
}
VD_AUTO_DEFINE(pulling, pulling_done)

static vd_err fetch(pulling *p, const char *what, const char *digest, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(2048);
    vd_digest want, have;

    vd_buf_addf(&path, "/v2/%s/%s/%s", p->repository, what, digest);
    vd_err err = api_fetch(p->a, path.data, into, why);
    if (err) return err;
    have = vd_sha256(vd_buf_slice(into));
    if (vd_digest_parse(vd_slice_str(digest), &want) && strcmp(want.hex, have.hex) == 0)
        return VD_OK;
    return vd_fail(why, VD_CORRUPT, "what the hub sends does not match its digest");
}

static vd_err read_manifest(pulling *p, const char *which, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);

    vd_err err = hub_model_digest(p->a, which, p->digest, why);
    vd_buf_addf(&path, "/api/v1/models/%s", p->digest);
    if (!err) err = api_call(p->a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    snprintf(p->repository, sizeof p->repository, "%s",
             vd_json_text(vd_json_get(root, "repository"), ""));
    err = fetch(p, "manifests", vd_json_text(vd_json_get(root, "manifest"), ""), &p->manifest, why);
    if (!err) err = vd_artifact_read(vd_buf_slice(&p->manifest), p->arena, &p->artifact, why);
    return err ? err : vd_artifact_model(&p->artifact, p->parts, why);
}

/* ---- the signature ---- */

static vd_err read_signature(pulling *p, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);
    VD_AUTO(vd_buf) body = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    vd_artifact signature;
    vd_digest manifest = vd_sha256(vd_buf_slice(&p->manifest));

    vd_buf_addf(&path, "/v2/%s/referrers/sha256:%s?artifactType=%s", p->repository, manifest.hex,
                VD_ARTIFACT_SIGNATURE_TYPE);
    vd_err err = api_call(p->a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    const vd_json *first = vd_json_at(vd_json_get(root, "manifests"), 0);
    if (!first) return vd_fail(why, VD_DENIED, "the model is not signed");
    err = fetch(p, "manifests", vd_json_text(vd_json_get(first, "digest"), ""), &body, why);
    if (!err) err = vd_artifact_read(vd_buf_slice(&body), p->arena, &signature, why);
    if (err) return err;
    if (signature.item_count != 1)
        return vd_fail(why, VD_INVALID, "the signature's manifest has no single layer");
    char digest[8 + VD_SHA256_HEX];
    snprintf(digest, sizeof digest, "sha256:%s", signature.items[0].digest.hex);
    return fetch(p, "blobs", digest, into, why);
}

static vd_err check_signature(pulling *p, vd_why *why)
{
    VD_AUTO(vd_json_ptr) key = NULL;
    VD_AUTO(vd_buf) signature = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES);

    vd_err err = api_call(p->a, "GET", "/api/v1/release-key", VD_SLICE_NONE, &key, why);
    if (!err) err = read_signature(p, &signature, why);
    if (err) return err;
    return vd_release_verify(vd_json_text(vd_json_get(key, "public"), ""),
                             vd_buf_slice(&p->manifest), vd_buf_slice(&signature), why);
}

/* ---- the layers ---- */

static vd_err fetch_layer(pulling *p, int part, vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(2048);
    const vd_artifact_item *item = p->parts[part];
    char path[4096];
    vd_digest have;

    snprintf(path, sizeof path, "%s/%s", p->out, item->title);
    vd_buf_addf(&url, "/v2/%s/blobs/sha256:%s", p->repository, item->digest.hex);
    vd_err err = vd_file_create(path, 0644, &p->files[part], why);
    if (!err) err = api_download(p->a, url.data, &p->files[part], why);
    if (!err) err = vd_sha256_file(p->files[part].temp_path, &have, why);
    if (err || strcmp(have.hex, item->digest.hex) == 0) return err;
    return vd_fail(why, VD_CORRUPT, "'%s' does not match its digest", item->title);
}

/* The model before its descriptor, which makes it one. */
static vd_err fetch_layers(pulling *p, vd_why *why)
{
    static const int order[] = { VD_ARTIFACT_WEIGHTS, VD_ARTIFACT_LABELS, VD_ARTIFACT_DESCRIPTOR };
    vd_err err = vd_dir_make(p->out, 0755, why);

    for (size_t n = 0; !err && n < VD_COUNT_OF(order); n++) err = fetch_layer(p, order[n], why);
    for (size_t n = 0; !err && n < VD_COUNT_OF(order); n++)
        err = vd_file_publish(&p->files[order[n]], why);
    return err;
}

static vd_err print_pulled(const cli *c, const pulling *p, vd_why *why)
{
    static const column fields[] = {
        { "model", "model" }, { "descriptor", "descriptor" }, { "digest", "digest" },
        { "name", "name" },   { "version", "version" },
    };
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    char path[4096];
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    snprintf(path, sizeof path, "%s/%s", p->out, p->parts[VD_ARTIFACT_WEIGHTS]->title);
    vd_json_w_kv_text(&w, "model", path);
    snprintf(path, sizeof path, "%s/%s", p->out, p->parts[VD_ARTIFACT_DESCRIPTOR]->title);
    vd_json_w_kv_text(&w, "descriptor", path);
    vd_json_w_kv_text(&w, "digest", p->digest);
    vd_json_w_kv_text(&w, "name", p->artifact.name);
    vd_json_w_kv_text(&w, "version", p->artifact.version);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    return err ? err : doc_print(&text, fields, VD_COUNT_OF(fields), c->json, NULL, why);
}

vd_err run_model_pull(cli *c, vd_why *why)
{
    VD_AUTO(pulling) p = { .manifest = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES) };
    const char *out = cli_option(c, "out") ? cli_option(c, "out") : models_dir(c);

    for (int n = 0; n < VD_ARTIFACT_PARTS; n++) p.files[n] = VD_FILE_NONE;
    p.arena = vd_arena_new(1 << 20);
    if (!p.arena) return vd_fail(why, VD_FULL, "memory ends");
    if (!vd_slice_to_chars(vd_slice_str(out), p.out, sizeof p.out))
        return vd_fail(why, VD_INVALID, "the folder's path is too long");
    vd_err err = api_open(&p.a, why);
    if (!err) err = read_manifest(&p, cli_argument(c, 0), why);
    if (!err) err = check_signature(&p, why);
    if (!err) err = fetch_layers(&p, why);
    return err ? err : print_pulled(c, &p, why);
}
