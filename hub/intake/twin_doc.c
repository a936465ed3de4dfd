/* twin_doc.c - the rules of a twin's sections: what a patch may hold, merging, $metadata. */
#include <stdio.h>

#include "intake_priv.h"
#include "vd/clock.h"

#define KEY_MAX    1024
#define TEXT_MAX   4096
#define NUMBER_MAX (INT64_C(1) << 52)
#define META_MAX   262144 /* $metadata is ours: a section of 32 KB has at most this much */

static vd_err parse_section(vd_stmt *stmt, int column, vd_json **ret_root, vd_why *why)
{
    vd_slice text = vd_slice_str(vd_col_text(stmt, column));
    return vd_json_parse(text, META_MAX, 16, ret_root, why);
}

vd_err twin_doc_load(vd_store *store, const char *device, twin_doc *ret_doc, vd_why *why)
{
    twin_doc doc = { 0 };
    vd_stmt *stmt = vd_store_stmt(store, "get_twin");
    vd_bind_text(stmt, "device", device);
    vd_err err = vd_stmt_row(stmt, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no device '%s'", device);
    if (err) return err;
    doc.version = vd_col_int(stmt, 0);
    doc.desired_version = vd_col_int(stmt, 3);
    doc.reported_version = vd_col_int(stmt, 6);
    err = parse_section(stmt, 1, &doc.tags, why);
    if (!err) err = parse_section(stmt, 2, &doc.desired, why);
    if (!err) err = parse_section(stmt, 4, &doc.desired_meta, why);
    if (!err) err = parse_section(stmt, 5, &doc.reported, why);
    if (!err) err = parse_section(stmt, 7, &doc.reported_meta, why);
    vd_stmt_finish(stmt);
    if (err)
        twin_doc_done(&doc);
    else
        *ret_doc = doc;
    return err;
}

void twin_doc_done(twin_doc *doc)
{
    vd_json_free(doc->tags);
    vd_json_free(doc->desired);
    vd_json_free(doc->desired_meta);
    vd_json_free(doc->reported);
    vd_json_free(doc->reported_meta);
    *doc = (twin_doc){ 0 };
}

/* ---- what a patch may hold ---- */

static bool key_ok(const char *key)
{
    size_t len = strlen(key);
    if (len == 0 || len > KEY_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)key[i];
        if (c < 0x20 || c == 0x7f || strchr(".$# ", c)) return false;
    }
    return true;
}

static vd_err check_node(const vd_json *node, const char *key, unsigned depth, vd_why *why)
{
    vd_err err = VD_OK;
    const char *name = NULL, *text = vd_json_text(node, "");
    int64_t number = vd_json_int(node, 0);
    if (depth > VD_LIMIT_TWIN_DEPTH) {
        return vd_fail(why, VD_INVALID, "'%.60s' is nested deeper than %u levels", key,
                       VD_LIMIT_TWIN_DEPTH);
    }
    if (strlen(text) > TEXT_MAX) {
        return vd_fail(why, VD_INVALID, "the text of '%.60s' is longer than 4 KB", key);
    }
    if (number > NUMBER_MAX || number < -NUMBER_MAX) {
        return vd_fail(why, VD_INVALID, "the number of '%.60s' is beyond 2^52", key);
    }
    if (vd_json_kind_of(node) == VD_JSON_IS_LIST) {
        for (size_t i = 0; !err && i < vd_json_len(node); i++) {
            err = check_node(vd_json_at(node, i), key, depth + 1, why);
        }
    } else if (vd_json_kind_of(node) == VD_JSON_IS_OBJECT) {
        for (size_t i = 0; !err && i < vd_json_len(node); i++) {
            const vd_json *child = vd_json_member(node, i, &name);
            if (!key_ok(name))
                return vd_fail(why, VD_INVALID, "'%.60s' is not a property name", name);
            err = check_node(child, name, depth + 1, why);
        }
    }
    return err;
}

vd_err twin_patch_check(const vd_json *patch, vd_why *why)
{
    if (vd_json_kind_of(patch) != VD_JSON_IS_OBJECT) {
        return vd_fail(why, VD_INVALID, "a twin's section must be a JSON object");
    }
    return check_node(patch, "the section", 0, why);
}

/* ---- merging ---- */

/* The tree of `doc` with $lastUpdated at every level: `now` where the patch touched it, the old
 * time elsewhere. `patch` is NULL where it did not reach. */
static void write_meta(vd_json_w *w, const vd_json *doc, const vd_json *old, const vd_json *patch,
                       const char *now)
{
    const char *key = NULL;
    const char *before = vd_json_text(vd_json_get(old, "$lastUpdated"), now);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "$lastUpdated", patch ? now : before);
    size_t count = vd_json_kind_of(doc) == VD_JSON_IS_OBJECT ? vd_json_len(doc) : 0;
    for (size_t i = 0; i < count; i++) {
        const vd_json *child = vd_json_member(doc, i, &key);
        vd_json_w_key(w, key);
        write_meta(w, child, vd_json_get(old, key), vd_json_get(patch, key), now);
    }
    vd_json_w_object_end(w);
}

vd_err twin_merge(const vd_json *old, const vd_json *old_meta, const vd_json *patch, size_t limit,
                  int64_t now_us, vd_buf *ret_doc, vd_buf *ret_meta, vd_why *why)
{
    VD_AUTO(vd_json_ptr) merged = NULL;
    char now[VD_UTC_TEXT_ROOM];
    vd_err err = vd_json_merge_patch(old, patch, &merged);
    if (err) return vd_fail(why, err, "no memory is left for the twin");
    ret_doc->limit = limit;
    if (vd_json_print(merged, ret_doc)) {
        return vd_fail(why, VD_FULL, "the section would be larger than %zu bytes", limit);
    }
    if (!ret_meta) return VD_OK;
    ret_meta->limit = META_MAX;
    vd_json_w w = vd_json_writer(ret_meta);
    write_meta(&w, merged, old_meta, patch, vd_utc_text(now_us, now));
    err = vd_json_w_end(&w);
    return err ? vd_fail(why, VD_FULL, "the section has too many properties") : VD_OK;
}

/* ---- printing ---- */

static void write_section(vd_json_w *w, const char *name, const vd_json *doc, const vd_json *meta,
                          int64_t version)
{
    const char *key = NULL;
    vd_json_w_key(w, name);
    vd_json_w_object(w);
    for (size_t i = 0; i < vd_json_len(doc); i++) {
        const vd_json *child = vd_json_member(doc, i, &key);
        vd_json_w_key(w, key);
        vd_json_w_node(w, child);
    }
    if (meta) {
        vd_json_w_key(w, "$metadata");
        vd_json_w_node(w, meta);
    }
    vd_json_w_kv_int(w, "$version", version);
    vd_json_w_object_end(w);
}

vd_err twin_print_for_device(const twin_doc *doc, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    write_section(&w, "desired", doc->desired, NULL, doc->desired_version);
    write_section(&w, "reported", doc->reported, NULL, doc->reported_version);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

vd_err twin_print_for_service(const twin_doc *doc, const char *device, vd_buf *into)
{
    char etag[32];
    snprintf(etag, sizeof(etag), "%lld", (long long)doc->version);
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "device", device);
    vd_json_w_kv_text(&w, "etag", etag);
    vd_json_w_key(&w, "tags");
    vd_json_w_node(&w, doc->tags);
    vd_json_w_key(&w, "properties");
    vd_json_w_object(&w);
    write_section(&w, "desired", doc->desired, doc->desired_meta, doc->desired_version);
    write_section(&w, "reported", doc->reported, doc->reported_meta, doc->reported_version);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}
