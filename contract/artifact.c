/* artifact.c - manifests as artifact.h describes them. The written form has its members in one
 * order, no spaces, and nothing that depends on the time: the same model gives the same digest. */
#include "artifact.h"

#include <inttypes.h>
#include <stdio.h>

#include "limits.h"
#include "vd/json.h"

#define TITLE "org.opencontainers.image.title"
#define DEPTH 16

const char *const vd_artifact_part_types[VD_ARTIFACT_PARTS] = {
    [VD_ARTIFACT_WEIGHTS] = "application/vnd.vedette.model.weights.v1+onnx",
    [VD_ARTIFACT_LABELS] = "application/vnd.vedette.model.labels.v1+text",
    [VD_ARTIFACT_DESCRIPTOR] = "application/vnd.vedette.model.descriptor.v1+yaml",
    [VD_ARTIFACT_CALIBRATION] = "application/vnd.vedette.model.calibration.v1+json",
    [VD_ARTIFACT_REFERENCE] = "application/vnd.vedette.model.reference.v1+json",
};

/* ---- reading ---- */

/* A text of at most VD_ARTIFACT_TEXT_MAX printable bytes; absent is fine unless `needed`. */
static vd_err read_text(const vd_json *object, const char *key, bool needed, vd_arena *arena,
                        const char **ret_text, vd_why *why)
{
    const vd_json *node = vd_json_get(object, key);
    const char *text = vd_json_text(node, NULL);
    if (vd_json_kind_of(node) == VD_JSON_IS_NULL)
        return needed ? vd_fail(why, VD_INVALID, "the manifest's '%s' is missing", key) : VD_OK;
    bool fits = text && text[0] && strlen(text) <= VD_ARTIFACT_TEXT_MAX;
    for (const char *at = text; fits && *at; at++) fits = (uint8_t)*at >= 0x20 && *at != 0x7f;
    if (!fits)
        return vd_fail(why, VD_INVALID, "the manifest's '%s' must be text of 1 to %u bytes", key,
                       VD_ARTIFACT_TEXT_MAX);
    *ret_text = vd_arena_str(arena, vd_slice_str(text));
    return *ret_text ? VD_OK : vd_fail(why, VD_FULL, "the manifest is too large");
}

static vd_err read_digest(const vd_json *object, vd_digest *ret_digest, vd_why *why)
{
    const char *text = vd_json_text(vd_json_get(object, "digest"), "");
    if (strlen(text) == 7 + VD_SHA256_HEX && vd_digest_parse(vd_slice_str(text), ret_digest))
        return VD_OK;
    (void)vd_fail(why, VD_INVALID, "the manifest names a digest that is no sha256");
    vd_why_detail(why, "'%.100s'", text);
    return VD_INVALID;
}

static vd_err read_item(const vd_json *node, vd_arena *arena, vd_artifact_item *ret_item,
                        vd_why *why)
{
    vd_artifact_item item = { 0 };
    const vd_json *size = vd_json_get(node, "size");
    const char *title = vd_json_text(vd_json_get(vd_json_get(node, "annotations"), TITLE), NULL);
    if (vd_json_kind_of(node) != VD_JSON_IS_OBJECT)
        return vd_fail(why, VD_INVALID, "the manifest names something that is no object");
    vd_err err = read_text(node, "mediaType", true, arena, &item.media_type, why);
    if (!err) err = read_digest(node, &item.digest, why);
    if (err) return err;
    if (vd_json_kind_of(size) != VD_JSON_IS_INT || vd_json_int(size, -1) < 0)
        return vd_fail(why, VD_INVALID, "the manifest's 'size' must be a number of bytes");
    item.bytes = (uint64_t)vd_json_int(size, 0);
    if (title && strlen(title) <= VD_ARTIFACT_TEXT_MAX) {
        item.title = vd_arena_str(arena, vd_slice_str(title));
        if (!item.title) return vd_fail(why, VD_FULL, "the manifest is too large");
    }
    *ret_item = item;
    return VD_OK;
}

static vd_err read_items(const vd_json *list, const char *key, vd_arena *arena,
                         vd_artifact *artifact, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST)
        return vd_fail(why, VD_INVALID, "the manifest's '%s' must be a list", key);
    if (count > VD_ARTIFACT_ITEMS_MAX)
        return vd_fail(why, VD_INVALID, "the manifest has %zu %s, at most %u are taken", count, key,
                       VD_ARTIFACT_ITEMS_MAX);
    vd_artifact_item *items = vd_arena_alloc(arena, (count + 1) * sizeof *items);
    if (!items) return vd_fail(why, VD_FULL, "the manifest is too large");
    for (size_t n = 0; n < count; n++) {
        vd_err err = read_item(vd_json_at(list, n), arena, &items[n], why);
        if (err) return err;
    }
    artifact->items = items;
    artifact->item_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_subject(const vd_json *root, vd_arena *arena, vd_artifact *artifact, vd_why *why)
{
    const vd_json *node = vd_json_get(root, "subject");
    if (vd_json_kind_of(node) == VD_JSON_IS_NULL) return VD_OK;
    vd_artifact_item *subject = vd_arena_alloc(arena, sizeof *subject);
    if (!subject) return vd_fail(why, VD_FULL, "the manifest is too large");
    vd_err err = read_item(node, arena, subject, why);
    if (!err) artifact->subject = subject;
    return err;
}

static vd_err read_annotations(const vd_json *root, vd_arena *arena, vd_artifact *artifact,
                               vd_why *why)
{
    const vd_json *notes = vd_json_get(root, "annotations");
    const struct {
        const char *key, **into;
    } ours[] = {
        { "vedette.name", &artifact->name },       { "vedette.version", &artifact->version },
        { "vedette.dataset", &artifact->dataset }, { "vedette.run", &artifact->run },
        { "vedette.parent", &artifact->parent },
    };
    for (size_t n = 0; n < VD_COUNT_OF(ours); n++) {
        vd_err err = read_text(notes, ours[n].key, false, arena, ours[n].into, why);
        if (err) return err;
    }
    return VD_OK;
}

static bool is_index_type(const char *type)
{
    return strcmp(type, VD_ARTIFACT_INDEX_TYPE) == 0 ||
           strcmp(type, VD_ARTIFACT_DOCKER_LIST_TYPE) == 0;
}

/* OCI lets the type be left out; then the members tell. */
static vd_err read_type(const vd_json *root, vd_arena *arena, vd_artifact *artifact, vd_why *why)
{
    bool lists = vd_json_get(root, "manifests") != NULL;
    if (vd_json_int(vd_json_get(root, "schemaVersion"), 0) != 2)
        return vd_fail(why, VD_INVALID, "the manifest's schemaVersion is not 2");
    artifact->media_type = lists ? VD_ARTIFACT_INDEX_TYPE : VD_ARTIFACT_MANIFEST_TYPE;
    vd_err err = read_text(root, "mediaType", false, arena, &artifact->media_type, why);
    if (!err) err = read_text(root, "artifactType", false, arena, &artifact->artifact_type, why);
    if (err) return err;
    artifact->is_index = is_index_type(artifact->media_type);
    if (artifact->is_index || strcmp(artifact->media_type, VD_ARTIFACT_MANIFEST_TYPE) == 0 ||
        strcmp(artifact->media_type, VD_ARTIFACT_DOCKER_TYPE) == 0)
        return VD_OK;
    return vd_fail(why, VD_INVALID, "manifests of type '%.100s' are not taken",
                   artifact->media_type);
}

vd_err vd_artifact_read(vd_slice json, vd_arena *arena, vd_artifact *ret_artifact, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_artifact a = { 0 };
    vd_err err = vd_json_parse(json, VD_ARTIFACT_MANIFEST_BYTES, DEPTH, &root, why);
    if (!err && vd_json_kind_of(root) != VD_JSON_IS_OBJECT)
        err = vd_fail(why, VD_INVALID, "the manifest must be a JSON object");
    if (!err) err = read_type(root, arena, &a, why);
    if (!err && !a.is_index) err = read_item(vd_json_get(root, "config"), arena, &a.config, why);
    const char *key = a.is_index ? "manifests" : "layers";
    if (!err) err = read_items(vd_json_get(root, key), key, arena, &a, why);
    if (!err) err = read_subject(root, arena, &a, why);
    if (!err) err = read_annotations(root, arena, &a, why);
    if (!err) *ret_artifact = a;
    return err;
}

/* ---- writing ---- */

static void write_item(vd_json_w *w, const vd_artifact_item *item)
{
    char digest[8 + VD_SHA256_HEX];
    (void)snprintf(digest, sizeof digest, "sha256:%s", item->digest.hex);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "mediaType", item->media_type);
    vd_json_w_kv_text(w, "digest", digest);
    vd_json_w_kv_int(w, "size", (int64_t)item->bytes);
    if (item->title) {
        vd_json_w_key(w, "annotations");
        vd_json_w_object(w);
        vd_json_w_kv_text(w, TITLE, item->title);
        vd_json_w_object_end(w);
    }
    vd_json_w_object_end(w);
}

static void write_annotations(vd_json_w *w, const vd_artifact *a)
{
    const char *const ours[][2] = {
        { "vedette.dataset", a->dataset }, { "vedette.name", a->name },
        { "vedette.parent", a->parent },   { "vedette.run", a->run },
        { "vedette.version", a->version },
    };
    bool any = false;
    for (size_t n = 0; n < VD_COUNT_OF(ours); n++) any = any || ours[n][1];
    if (!any) return;
    vd_json_w_key(w, "annotations");
    vd_json_w_object(w);
    for (size_t n = 0; n < VD_COUNT_OF(ours); n++)
        if (ours[n][1]) vd_json_w_kv_text(w, ours[n][0], ours[n][1]);
    vd_json_w_object_end(w);
}

vd_err vd_artifact_write(const vd_artifact *a, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "schemaVersion", 2);
    vd_json_w_kv_text(&w, "mediaType", a->media_type);
    if (a->artifact_type) vd_json_w_kv_text(&w, "artifactType", a->artifact_type);
    if (!a->is_index) {
        vd_json_w_key(&w, "config");
        write_item(&w, &a->config);
    }
    vd_json_w_key(&w, a->is_index ? "manifests" : "layers");
    vd_json_w_list(&w);
    for (unsigned n = 0; n < a->item_count; n++) write_item(&w, &a->items[n]);
    vd_json_w_list_end(&w);
    if (a->subject) {
        vd_json_w_key(&w, "subject");
        write_item(&w, a->subject);
    }
    write_annotations(&w, a);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

/* ---- a model's parts ---- */

bool vd_artifact_name_ok(vd_slice name)
{
    bool word = false; /* the character before was of a word */
    if (name.len == 0 || name.len > VD_ARTIFACT_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool joins = c == '.' || c == '_' || c == '-';
        if (!joins && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
        if (joins && !word) return false;
        word = !joins;
    }
    return word;
}

bool vd_artifact_title_ok(vd_slice title)
{
    if (title.len == 0 || title.len > VD_ARTIFACT_TEXT_MAX || title.data[0] == '.') return false;
    for (size_t i = 0; i < title.len; i++)
        if (title.data[i] < 0x20 || title.data[i] == 0x7f || title.data[i] == '/' ||
            title.data[i] == '\\')
            return false;
    return vd_slice_utf8_valid(title);
}

static const struct {
    const char *name;
    uint64_t most;
    bool needed, titled;
} part_rules[VD_ARTIFACT_PARTS] = {
    [VD_ARTIFACT_WEIGHTS] = { "weights", VD_LIMIT_MODEL_BYTES, true, true },
    [VD_ARTIFACT_LABELS] = { "labels", VD_ARTIFACT_LABELS_BYTES, true, true },
    [VD_ARTIFACT_DESCRIPTOR] = { "descriptor", VD_ARTIFACT_DESCRIPTOR_BYTES, true, true },
    [VD_ARTIFACT_CALIBRATION] = { "calibration", VD_ARTIFACT_REFERENCE_BYTES, false, false },
    [VD_ARTIFACT_REFERENCE] = { "reference", VD_ARTIFACT_REFERENCE_BYTES, false, false },
};

static vd_err take_part(const vd_artifact_item *item, const vd_artifact_item **parts, vd_why *why)
{
    int part = 0;
    while (part < VD_ARTIFACT_PARTS && strcmp(item->media_type, vd_artifact_part_types[part]) != 0)
        part++;
    if (part == VD_ARTIFACT_PARTS) return VD_OK; /* a newer hub's layer: not ours to refuse */
    if (parts[part])
        return vd_fail(why, VD_INVALID, "the model has more than one layer of %s",
                       part_rules[part].name);
    if (item->bytes > part_rules[part].most)
        return vd_fail(why, VD_INVALID, "the layer of %s has %" PRIu64 " bytes, at most %" PRIu64,
                       part_rules[part].name, item->bytes, part_rules[part].most);
    if (part_rules[part].titled && !vd_artifact_title_ok(vd_slice_str(item->title)))
        return vd_fail(why, VD_INVALID, "the layer of %s has no file name that can be used",
                       part_rules[part].name);
    parts[part] = item;
    return VD_OK;
}

vd_err vd_artifact_model(const vd_artifact *a, const vd_artifact_item *ret_parts[VD_ARTIFACT_PARTS],
                         vd_why *why)
{
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS] = { 0 };
    if (a->is_index || !a->artifact_type || strcmp(a->artifact_type, VD_ARTIFACT_MODEL_TYPE) != 0)
        return vd_fail(why, VD_INVALID, "this is no model: its artifactType is '%.100s'",
                       a->artifact_type ? a->artifact_type : "");
    if (!vd_artifact_name_ok(vd_slice_str(a->name)))
        return vd_fail(why, VD_INVALID, "the model's vedette.name is missing or cannot be used");
    for (unsigned n = 0; n < a->item_count; n++) {
        vd_err err = take_part(&a->items[n], parts, why);
        if (err) return err;
    }
    for (int part = 0; part < VD_ARTIFACT_PARTS; part++)
        if (part_rules[part].needed && !parts[part])
            return vd_fail(why, VD_INVALID, "the model's layer of %s is missing",
                           part_rules[part].name);
    const char *title[3] = { parts[0]->title, parts[1]->title, parts[2]->title };
    if (strcmp(title[0], title[1]) == 0 || strcmp(title[0], title[2]) == 0 ||
        strcmp(title[1], title[2]) == 0)
        return vd_fail(why, VD_INVALID, "two of the model's layers have the same file name");
    memcpy(ret_parts, parts, sizeof parts);
    return VD_OK;
}
