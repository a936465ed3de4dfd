/* model_fetch.c - a model from the hub's registry (OCI Distribution), with the device's own token.
 *
 *   manifest by digest ─▶ its signature (referrers) ─▶ verified ─▶ each layer that is not here yet
 *
 * Nothing large is fetched before the signature holds. A layer goes on where it was cut, also after
 * a restart, and is hashed before it is one. */
#include <stdio.h>
#include <unistd.h>

#include "limits.h"
#include "models_priv.h"
#include "vd/file.h"

#define LAYER_CHUNK   1048576u
#define REFERRERS_MAX 65536u
#define SPOILED_MAX   3
#define DISK_MARGIN   16777216ull /* left free beside the model */

static vd_err take_buf(void *ctx, vd_slice bytes, vd_why *why)
{
    vd_buf *into = ctx;

    if (vd_buf_add(into, bytes)) return VD_OK;
    return vd_fail(why, VD_INVALID, "the hub's answer is larger than %zu bytes", into->limit);
}

static vd_err get_manifest(vd_models *m, const model_wish *wish, const char *digest, vd_buf *into,
                           vd_why *why)
{
    char path[MODEL_REPOSITORY_MAX + 128];

    snprintf(path, sizeof path, "/v2/%s/manifests/sha256:%s", wish->repository, digest);
    vd_err err = https_fetch(m->https, path, VD_ARTIFACT_MANIFEST_TYPE, 0, take_buf, into, why);
    if (!err && strcmp(vd_sha256(vd_buf_slice(into)).hex, digest) != 0) {
        vd_fail(why, VD_CORRUPT, "the manifest that came is another one");
        vd_why_hint(why, "somebody changed it on the way or in the registry");
        return VD_CORRUPT;
    }
    if (err == VD_ABSENT) vd_fail(why, err, "the hub has no manifest %.12s", digest);
    return err;
}

/* ---- the signature ---- */

static vd_err get_blob(vd_models *m, const model_wish *wish, const vd_artifact_item *item,
                       vd_buf *into, vd_why *why)
{
    char path[MODEL_REPOSITORY_MAX + 128];

    snprintf(path, sizeof path, "/v2/%s/blobs/sha256:%s", wish->repository, item->digest.hex);
    vd_err err = https_fetch(m->https, path, "application/octet-stream", 0, take_buf, into, why);
    if (!err && strcmp(vd_sha256(vd_buf_slice(into)).hex, item->digest.hex) != 0)
        return vd_fail(why, VD_CORRUPT, "the layer %.12s arrived damaged", item->digest.hex);
    return err;
}

/* One signature artifact; VD_OK when it is ours and good. */
static vd_err check_signature(vd_models *m, const model_wish *wish, const vd_digest *digest,
                              vd_slice manifest, const char *key, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    VD_AUTO(vd_buf) layer = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(MODEL_ARENA_BYTES);
    vd_artifact artifact;

    if (!arena) return vd_fail(why, VD_FULL, "there is no memory for a signature");
    vd_err err = get_manifest(m, wish, digest->hex, &text, why);
    if (!err) err = vd_artifact_read(vd_buf_slice(&text), arena, &artifact, why);
    if (!err && (artifact.is_index || artifact.item_count != 1))
        err = vd_fail(why, VD_INVALID, "a signature has one layer");
    if (!err) err = get_blob(m, wish, &artifact.items[0], &layer, why);
    return err ? err : vd_release_verify(key, manifest, vd_buf_slice(&layer), why);
}

static vd_err no_signature(vd_why *why)
{
    vd_fail(why, VD_DENIED, "the model is not signed");
    vd_why_hint(why, "register and promote it at the hub: it signs what it releases");
    return VD_DENIED;
}

/* Any one good signature will do; the last reason is told when none is. */
static vd_err verify(vd_models *m, const model_wish *wish, vd_slice manifest, const char *key,
                     vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(REFERRERS_MAX);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(MODEL_ARENA_BYTES);
    char path[MODEL_REPOSITORY_MAX + 160];
    vd_artifact index = { 0 };

    if (!arena) return vd_fail(why, VD_FULL, "there is no memory for signatures");
    snprintf(path, sizeof path, "/v2/%s/referrers/sha256:%s", wish->repository, wish->manifest);
    vd_err err = https_fetch(m->https, path, VD_ARTIFACT_INDEX_TYPE, 0, take_buf, &text, why);
    if (err == VD_ABSENT) return no_signature(why);
    if (!err) err = vd_artifact_read(vd_buf_slice(&text), arena, &index, why);
    if (err) return err;
    err = no_signature(why);
    for (unsigned i = 0; i < index.item_count && i < 16; i++) {
        vd_err one = check_signature(m, wish, &index.items[i].digest, manifest, key, why);
        if (!one) return VD_OK;
        if (one == VD_RETRY) return one;
        if (one != VD_INVALID) err = one; /* other artifacts refer to models, too */
    }
    return err;
}

static const char *pin_path(const vd_models *m, char into[MODEL_PATH_ROOM])
{
    snprintf(into, MODEL_PATH_ROOM, "%s/release.pub", m->dir);
    return into;
}

vd_err model_key(vd_models *m, const model_wish *wish, char into[VD_RELEASE_PUBLIC_ROOM],
                 bool *ret_pinned, vd_why *why)
{
    VD_AUTO(vd_buf) pin = VD_BUF(256);
    char path[MODEL_PATH_ROOM];
    const char *key = m->release_key;
    vd_err err = VD_OK;

    *ret_pinned = true;
    if (!key && access(pin_path(m, path), F_OK) == 0) {
        err = vd_file_load(path, &pin, why);
        if (err) return err;
        pin.data[strcspn(pin.data, "\r\n")] = '\0';
        key = pin.data;
    }
    if (!key) *ret_pinned = false, key = wish->key;
    if (key != wish->key && wish->key[0] && strcmp(key, wish->key) != 0) {
        vd_fail(why, VD_DENIED, "the release is signed with another key than this device trusts");
        vd_why_hint(why, "if the hub's key is meant to change, write it as hub.release_key");
        return VD_DENIED;
    }
    if (!key[0] || !vd_slice_to_chars(vd_slice_str(key), into, VD_RELEASE_PUBLIC_ROOM))
        return vd_fail(why, VD_DENIED, "no key is known that releases are signed with");
    return VD_OK;
}

vd_err model_key_pin(vd_models *m, const char *key, vd_why *why)
{
    char path[MODEL_PATH_ROOM];

    return vd_file_save(pin_path(m, path), 0640, vd_slice_str(key), why);
}

/* ---- layers ---- */

typedef struct {
    vd_models *m;
    uint64_t serial;
    const vd_artifact_item *item;
    uint64_t at; /* of chunk.data[0] */
    vd_buf chunk;
    bool whole;
} layer_stream;

static vd_err layer_flush(layer_stream *s, vd_why *why)
{
    vd_err err = vd_blobs_part_add(s->m->layers, &s->item->digest, s->at, vd_buf_slice(&s->chunk),
                                   s->item->bytes, &s->whole, why);
    s->at += s->chunk.len;
    vd_buf_clear(&s->chunk);
    return err;
}

static vd_err take_layer(void *ctx, vd_slice bytes, vd_why *why)
{
    layer_stream *s = ctx;
    vd_err err = VD_OK;

    if (models_overtaken(s->m, s->serial)) return VD_GONE;
    if (s->at + s->chunk.len + bytes.len > s->item->bytes)
        return vd_fail(why, VD_CORRUPT, "the layer is longer than its manifest says");
    if (s->chunk.len + bytes.len > s->chunk.limit) err = layer_flush(s, why);
    if (!err && !vd_buf_add(&s->chunk, bytes))
        err = vd_fail(why, VD_FULL, "there is no memory for the layer");
    return err;
}

static void forget_part(vd_models *m, const vd_digest *digest)
{
    char path[MODEL_PATH_ROOM];

    snprintf(path, sizeof path, "%s/layers/partial/%s", m->dir, digest->hex);
    (void)unlink(path);
}

static vd_err drop_part(vd_models *m, const vd_digest *digest, vd_why *why)
{
    forget_part(m, digest);
    vd_fail(why, VD_CORRUPT, "the layer %.12s ends before its manifest says", digest->hex);
    vd_why_hint(why, "the registry holds a truncated file: push the model again");
    return VD_CORRUPT;
}

/* One try, from where the last one was cut. */
static vd_err try_layer(vd_models *m, const model_wish *wish, uint64_t serial,
                        const vd_artifact_item *item, vd_why *why)
{
    char path[MODEL_REPOSITORY_MAX + 128];
    layer_stream s = { .m = m, .serial = serial, .item = item, .chunk = VD_BUF(LAYER_CHUNK) };

    s.at = vd_blobs_part_size(m->layers, &item->digest);
    if (s.at > item->bytes) return drop_part(m, &item->digest, why);
    snprintf(path, sizeof path, "/v2/%s/blobs/sha256:%s", wish->repository, item->digest.hex);
    vd_err err = s.at == item->bytes ? VD_OK /* whole but unchecked: the flush below hashes it */
                                     : https_fetch(m->https, path, "application/octet-stream", s.at,
                                                   take_layer, &s, why);
    /* What came before a cut is kept, too. */
    if (!err || (err == VD_RETRY && s.chunk.len)) {
        vd_err kept = layer_flush(&s, err ? NULL : why);
        if (!err || kept == VD_CORRUPT) err = kept;
    }
    if ((!err && !s.whole) || err == VD_INVALID) err = drop_part(m, &item->digest, why);
    if (err == VD_CORRUPT) forget_part(m, &item->digest);
    vd_buf_done(&s.chunk);
    return err;
}

static bool have_layer(vd_models *m, const vd_artifact_item *item)
{
    char path[MODEL_PATH_ROOM];
    uint64_t bytes = 0;

    return !vd_blobs_path(m->layers, &item->digest, path, sizeof path, &bytes) &&
           bytes == item->bytes;
}

static vd_err fetch_layer(vd_models *m, const model_wish *wish, uint64_t serial,
                          const vd_artifact_item *item, vd_why *why)
{
    vd_err err = VD_OK;

    if (have_layer(m, item)) return VD_OK;
    for (unsigned spoiled = 0; spoiled < SPOILED_MAX; spoiled++) {
        err = try_layer(m, wish, serial, item, why);
        if (err != VD_CORRUPT || models_overtaken(m, serial)) break;
    }
    return err;
}

static vd_err room_for(vd_models *m, const model_artifact *model, vd_why *why)
{
    uint64_t lacking = 0, room = vd_disk_free_bytes(m->dir);

    for (unsigned i = 0; i < VD_ARTIFACT_PARTS; i++)
        if (model->part[i] && !have_layer(m, model->part[i])) lacking += model->part[i]->bytes;
    if (!lacking || !room || lacking + DISK_MARGIN <= room) return VD_OK;
    vd_fail(why, VD_FULL, "the disk has no room for the model");
    vd_why_detail(why, "%llu bytes are lacking, %llu are free", (unsigned long long)lacking,
                  (unsigned long long)room);
    return VD_FULL;
}

static vd_err fetch_layers(vd_models *m, const model_wish *wish, uint64_t serial,
                           const model_artifact *model, vd_why *why)
{
    vd_err err = room_for(m, model, why);

    if (!err) models_tell(m, VD_MODELS_FETCHING, wish->manifest, NULL);
    for (unsigned i = 0; !err && i < VD_ARTIFACT_PARTS; i++)
        if (model->part[i]) err = fetch_layer(m, wish, serial, model->part[i], why);
    return err;
}

vd_err model_fetch(vd_models *m, const model_wish *wish, uint64_t serial, model_artifact *ret_model,
                   vd_why *why)
{
    VD_AUTO(vd_buf) manifest = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    model_artifact model = { 0 };
    char key[VD_RELEASE_PUBLIC_ROOM];
    bool pinned = true;

    models_tell(m, VD_MODELS_FETCHING, wish->manifest, NULL);
    vd_err err = model_key(m, wish, key, &pinned, why);
    if (!err) err = get_manifest(m, wish, wish->manifest, &manifest, why);
    if (!err) err = model_artifact_read(vd_buf_slice(&manifest), &model, why);
    if (!err) models_tell(m, VD_MODELS_VERIFYING, wish->manifest, NULL);
    if (!err) err = verify(m, wish, vd_buf_slice(&manifest), key, why);
    if (!err && !pinned) err = model_key_pin(m, key, why);
    if (!err) err = fetch_layers(m, wish, serial, &model, why);
    if (err)
        model_artifact_done(&model);
    else
        *ret_model = model;
    return err;
}
