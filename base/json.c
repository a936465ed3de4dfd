/* json.c - reading: jansson builds the tree, this file bounds and types it. */
#include "vd/json.h"

#include <jansson.h>

#include "vd/clock.h"

static const json_t *tree(const vd_json *node)
{
    return (const json_t *)node;
}

static const vd_json *node_of(const json_t *value)
{
    return (const vd_json *)value;
}

/* Jansson's own depth limit is fixed and high, so brackets outside of text are counted first. */
static bool depth_fits(vd_slice text, unsigned max_depth)
{
    unsigned depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '{' || c == '[') && ++depth > max_depth)
            return false;
        else if (!in_text && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return true;
}

vd_err vd_json_parse(vd_slice text, size_t max_bytes, unsigned max_depth, vd_json **ret_root,
                     vd_why *why)
{
    if (text.len > max_bytes) {
        vd_err err = vd_fail(why, VD_FULL, "the JSON document is too large");
        vd_why_detail(why, "%zu bytes; at most %zu are taken", text.len, max_bytes);
        return err;
    }
    if (!depth_fits(text, max_depth)) {
        vd_err err = vd_fail(why, VD_INVALID, "the JSON document is nested too deeply");
        vd_why_detail(why, "at most %u levels are taken", max_depth);
        return err;
    }
    json_error_t error;
    json_t *root = json_loadb(text.len ? (const char *)text.data : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        vd_err err = vd_fail(why, VD_INVALID, "this is not valid JSON");
        vd_why_detail(why, "line %d, column %d: %s", error.line, error.column, error.text);
        return err;
    }
    *ret_root = (vd_json *)root;
    return VD_OK;
}

vd_json *vd_json_free(vd_json *root)
{
    json_decref((json_t *)root);
    return NULL;
}

vd_json_kind vd_json_kind_of(const vd_json *node)
{
    if (!node) return VD_JSON_IS_NULL;
    switch (json_typeof(tree(node))) {
    case JSON_OBJECT: return VD_JSON_IS_OBJECT;
    case JSON_ARRAY: return VD_JSON_IS_LIST;
    case JSON_STRING: return VD_JSON_IS_TEXT;
    case JSON_INTEGER: return VD_JSON_IS_INT;
    case JSON_REAL: return VD_JSON_IS_REAL;
    case JSON_TRUE:
    case JSON_FALSE: return VD_JSON_IS_BOOL;
    default: return VD_JSON_IS_NULL;
    }
}

const vd_json *vd_json_get(const vd_json *object, const char *key)
{
    return node_of(json_object_get(tree(object), key));
}

const vd_json *vd_json_at(const vd_json *list, size_t index)
{
    return node_of(json_array_get(tree(list), index));
}

size_t vd_json_len(const vd_json *node)
{
    return json_is_object(tree(node)) ? json_object_size(tree(node)) : json_array_size(tree(node));
}

const vd_json *vd_json_member(const vd_json *object, size_t index, const char **ret_key)
{
    json_t *all = (json_t *)object;
    void *at = json_object_iter(all);
    for (; at && index > 0; index--) at = json_object_iter_next(all, at);
    if (!at) return NULL;
    *ret_key = json_object_iter_key(at);
    return node_of(json_object_iter_value(at));
}

const char *vd_json_text(const vd_json *node, const char *fallback)
{
    const char *text = json_string_value(tree(node));
    return text ? text : fallback;
}

int64_t vd_json_int(const vd_json *node, int64_t fallback)
{
    return json_is_integer(tree(node)) ? json_integer_value(tree(node)) : fallback;
}

double vd_json_num(const vd_json *node, double fallback)
{
    return json_is_number(tree(node)) ? json_number_value(tree(node)) : fallback;
}

bool vd_json_bool(const vd_json *node, bool fallback)
{
    return json_is_boolean(tree(node)) ? json_is_true(tree(node)) : fallback;
}

/* Table-driven reading. */

static vd_err wrong(const vd_json_field *field, vd_why *why, const char *should)
{
    vd_err err = vd_fail(why, VD_INVALID, "'%s' is not as it should be", field->name);
    vd_why_detail(why, "'%s' must be %s", field->name, should);
    return err;
}

static vd_err read_text(const vd_json_field *field, const vd_json *value, char *into,
                        vd_arena *arena, vd_why *why)
{
    size_t most = field->max ? field->max : 65536;
    const char *text = vd_json_text(value, NULL);
    if (!text) return wrong(field, why, "text");
    if (json_string_length(tree(value)) > most) {
        vd_err err = wrong(field, why, "shorter");
        vd_why_detail(why, "'%s' has %zu bytes; at most %zu are taken", field->name,
                      json_string_length(tree(value)), most);
        return err;
    }
    if (field->inplace) {
        memcpy(into, text, json_string_length(tree(value)) + 1);
        return VD_OK;
    }
    char *copy = vd_arena_str(arena, vd_slice_str(text));
    if (!copy) return vd_fail(why, VD_FULL, "no memory is left for '%s'", field->name);
    memcpy(into, &copy, sizeof(copy));
    return VD_OK;
}

static vd_err read_count(const vd_json_field *field, const vd_json *value, void *into, vd_why *why)
{
    char should[64] = "a whole number from 0";
    if (field->max) {
        snprintf(should, sizeof(should), "a whole number from 0 to %llu",
                 (unsigned long long)field->max);
    }
    int64_t have = vd_json_int(value, -1);
    if (have < 0 || (field->max && (uint64_t)have > field->max)) return wrong(field, why, should);
    *(uint64_t *)into = (uint64_t)have;
    return VD_OK;
}

static vd_err read_value(const vd_json_field *field, const vd_json *value, void *into,
                         vd_arena *arena, vd_why *why)
{
    vd_json_kind kind = vd_json_kind_of(value);
    switch (field->type) {
    case VD_JSON_TEXT: return read_text(field, value, into, arena, why);
    case VD_JSON_COUNT: return read_count(field, value, into, why);
    case VD_JSON_INT:
        if (kind != VD_JSON_IS_INT) return wrong(field, why, "a whole number");
        *(int64_t *)into = vd_json_int(value, 0);
        return VD_OK;
    case VD_JSON_NUM:
        if (kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) return wrong(field, why, "a number");
        *(double *)into = vd_json_num(value, 0);
        return VD_OK;
    case VD_JSON_BOOL:
        if (kind != VD_JSON_IS_BOOL) return wrong(field, why, "true or false");
        *(bool *)into = vd_json_bool(value, false);
        return VD_OK;
    case VD_JSON_TIME:
        if (!vd_utc_parse(vd_slice_str(vd_json_text(value, NULL)), into)) {
            return wrong(field, why, "a time like 2026-11-21T14:02:11.123456Z");
        }
        return VD_OK;
    case VD_JSON_NODE: *(const vd_json **)into = value; return VD_OK;
    }
    return wrong(field, why, "of a known type");
}

vd_err vd_json_read(const vd_json *object, const vd_json_field *fields, size_t count, void *into,
                    vd_arena *arena, vd_why *why)
{
    if (vd_json_kind_of(object) != VD_JSON_IS_OBJECT) {
        return vd_fail(why, VD_INVALID, "a JSON object is expected here");
    }
    for (size_t i = 0; i < count; i++) {
        const vd_json *value = vd_json_get(object, fields[i].name);
        if (vd_json_kind_of(value) == VD_JSON_IS_NULL) {
            if (fields[i].needed) {
                return vd_fail(why, VD_INVALID, "'%s' is missing", fields[i].name);
            }
            continue;
        }
        vd_err err = read_value(&fields[i], value, (char *)into + fields[i].at, arena, why);
        if (err) return err;
    }
    return VD_OK;
}

/* RFC 7396. Members keep the target's order, new ones follow in the patch's. NULL: no memory. */

static json_t *merged(const json_t *target, const json_t *patch);

static bool put_merged(json_t *into, const char *key, const json_t *old, const json_t *patch)
{
    if (json_is_null(patch)) return true;
    return json_object_set_new_nocheck(into, key, merged(old, patch)) == 0;
}

static json_t *merged(const json_t *target, const json_t *patch)
{
    if (!json_is_object(patch)) return json_deep_copy(patch);
    json_t *into = json_object();
    const char *key;
    json_t *value;
    bool ok = into != NULL;
    json_object_foreach((json_t *)target, key, value)
    {
        const json_t *change = json_object_get(patch, key);
        if (change)
            ok = ok && put_merged(into, key, value, change);
        else
            ok = ok && json_object_set_new_nocheck(into, key, json_deep_copy(value)) == 0;
    }
    json_object_foreach((json_t *)patch, key, value)
    {
        if (!json_object_get(target, key)) ok = ok && put_merged(into, key, NULL, value);
    }
    if (ok) return into;
    json_decref(into);
    return NULL;
}

vd_err vd_json_merge_patch(const vd_json *target, const vd_json *patch, vd_json **ret_root)
{
    json_t *root = merged(tree(target), tree(patch));
    if (!root) return VD_FULL;
    *ret_root = (vd_json *)root;
    return VD_OK;
}
