/* ask.c - what a request says: headers, query, JSON members; each with its limit. */
#include "api_priv.h"

#include "vd/clock.h"

const char *ask_header(request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *ask_query(request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
    return value && value[0] ? value : NULL;
}

vd_err ask_count(request *r, const char *name, uint64_t least, uint64_t most, uint64_t *value,
                 vd_why *why)
{
    uint64_t number = 0;
    const char *text = ask_query(r, name);
    if (!text) return VD_OK;
    if (!vd_slice_u64(vd_slice_str(text), most, &number) || number < least)
        return vd_fail(why, VD_INVALID, "'%s' must be %llu to %llu", name,
                       (unsigned long long)least, (unsigned long long)most);
    *value = number;
    return VD_OK;
}

vd_err ask_time(request *r, const char *name, int64_t *value, vd_why *why)
{
    const char *text = ask_query(r, name);
    if (!text || vd_utc_parse(vd_slice_str(text), value)) return VD_OK;
    return vd_fail(why, VD_INVALID, "'%s' must be a time like 2026-11-21T14:02:11Z", name);
}

vd_err ask_json(request *r, vd_json **ret_root, vd_why *why)
{
    vd_json *root = NULL;
    vd_err err = vd_json_parse(vd_buf_slice(&r->body), VD_LIMIT_REQUEST_BYTES, VD_LIMIT_JSON_DEPTH,
                               &root, why);
    if (err) return err;
    if (vd_json_kind_of(root) != VD_JSON_IS_OBJECT) {
        vd_json_free(root);
        return vd_fail(why, VD_INVALID, "the body must be a JSON object");
    }
    *ret_root = root;
    return VD_OK;
}

vd_err may_text(const vd_json *object, const char *key, size_t most, const char **ret_text,
                vd_why *why)
{
    const vd_json *node = vd_json_get(object, key);
    vd_json_kind kind = vd_json_kind_of(node);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    const char *text = vd_json_text(node, NULL);
    if (kind != VD_JSON_IS_TEXT || !text || strlen(text) > most)
        return vd_fail(why, VD_INVALID, "'%s' must be text of at most %zu bytes", key, most);
    *ret_text = text;
    return VD_OK;
}

vd_err need_text(const vd_json *object, const char *key, size_t most, const char **ret_text,
                 vd_why *why)
{
    const char *text = NULL;
    vd_err err = may_text(object, key, most, &text, why);
    if (err) return err;
    if (!text) return vd_fail(why, VD_INVALID, "'%s' is missing", key);
    *ret_text = text;
    return VD_OK;
}

vd_err need_version(const vd_json *object, uint64_t *ret_version, vd_why *why)
{
    const vd_json *node = vd_json_get(object, "version");
    int64_t version = vd_json_int(node, 0);
    if (vd_json_kind_of(node) != VD_JSON_IS_INT || version < 1)
        return vd_fail(why, VD_INVALID, "'version' must be the incident's version you saw");
    *ret_version = (uint64_t)version;
    return VD_OK;
}

vd_err need_digest(request *r, vd_digest *ret_digest, vd_why *why)
{
    if (strlen(r->param[0]) == VD_SHA256_HEX &&
        vd_digest_parse(vd_slice_str(r->param[0]), ret_digest))
        return VD_OK;
    return vd_fail(why, VD_ABSENT, "'%.80s' is no digest", r->param[0]);
}
