/* iothub.c - ids, bags, who connects, tokens and connection strings; topics are in topic.c. */
#include "vd/iothub.h"

#include <inttypes.h>
#include <stdio.h>

#include "vd/blob.h"
#include "vd/secret.h"

bool vd_iothub_id_ok(vd_slice id)
{
    static const char marks[] = "-._%#*?!(),:=@$'";
    if (id.len < 1 || id.len > VD_IOTHUB_ID_MAX) return false;
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (c == 0 || !strchr(marks, c))) return false;
    }
    return true;
}

/* Bags. */

/* Decoded text in the arena, NULL when it is malformed. '+' is a plus, as device SDKs send it. */
static const char *decoded(vd_slice text, vd_arena *arena)
{
    VD_AUTO(vd_buf) clear = VD_BUF(VD_IOTHUB_BAG_MAX);
    if (!vd_url_decode(text, &clear)) return NULL;
    vd_slice bytes = vd_buf_slice(&clear);
    if (!vd_slice_utf8_valid(bytes) || (bytes.len && memchr(bytes.data, 0, bytes.len))) return NULL;
    return vd_arena_str(arena, bytes);
}

static vd_err bad_bag(vd_why *why, const char *what)
{
    vd_err err = vd_fail(why, VD_INVALID, "the property bag is malformed");
    vd_why_detail(why, "%s", what);
    return err;
}

static vd_err read_property(vd_slice pair, vd_arena *arena, const vd_properties *before,
                            vd_property *into, vd_why *why)
{
    vd_slice value, key = vd_slice_cut(pair, '=', &value);
    *into = (vd_property){ decoded(key, arena), decoded(value, arena) };
    if (!into->key || !into->value) return bad_bag(why, "a key or value is not url-encoded UTF-8");
    if (!*into->key) return bad_bag(why, "a key is empty");
    if (vd_bag_get(before, into->key)) return bad_bag(why, "a key is given twice");
    return VD_OK;
}

vd_err vd_bag_parse(vd_slice bag, vd_arena *arena, vd_properties *ret_properties, vd_why *why)
{
    if (vd_slice_starts(bag, VD_STR("?"))) bag = vd_slice_from(bag, 1);
    if (bag.len > VD_IOTHUB_BAG_MAX) return bad_bag(why, "it is too long");
    size_t room = 1;
    for (size_t i = 0; i < bag.len; i++) room += bag.data[i] == '&';
    if (room > VD_IOTHUB_PROPERTIES_MAX) return bad_bag(why, "it has too many properties");
    vd_property *items = vd_arena_alloc(arena, room * sizeof(*items));
    if (!items) return vd_fail(why, VD_FULL, "no memory is left for properties");
    vd_properties found = { items, 0 };
    while (bag.len > 0) {
        vd_slice pair = vd_slice_cut(bag, '&', &bag);
        if (pair.len == 0) continue;
        vd_err err = read_property(pair, arena, &found, &items[found.count], why);
        if (err) return err;
        found.count++;
    }
    *ret_properties = found;
    return VD_OK;
}

const char *vd_bag_get(const vd_properties *properties, const char *key)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].key, key) == 0) return properties->items[i].value;
    }
    return NULL;
}

static bool cut_back(vd_buf *into, size_t len)
{
    if (into->data) into->data[len] = 0;
    into->len = len;
    return false;
}

bool vd_bag_add(vd_buf *into, const char *key, const char *value)
{
    size_t before = into->len;
    bool first = before == 0 || strchr("/?", into->data[before - 1]);
    bool ok = (first || vd_buf_add_byte(into, '&')) && vd_url_encode(vd_slice_str(key), into) &&
              vd_buf_add_byte(into, '=') && vd_url_encode(vd_slice_str(value), into);
    return ok || cut_back(into, before);
}

/* Who connects. */

bool vd_iothub_user_parse(vd_slice text, vd_iothub_user *ret_user)
{
    vd_iothub_user user = { 0 };
    vd_slice rest = text, version = VD_STR("api-version=");
    user.host = vd_slice_cut(rest, '/', &rest);
    user.device = vd_slice_cut(rest, '/', &rest);
    if (user.host.len == 0 || !vd_iothub_id_ok(user.device)) return false;
    vd_slice ignored, level = vd_slice_cut(rest, '/', &ignored);
    bool is_query = vd_slice_starts(level, VD_STR("?")) || vd_slice_starts(level, version) ||
                    (level.len > 0 && memchr(level.data, '&', level.len));
    if (!is_query) user.module = vd_slice_cut(rest, '/', &rest); /* a query may hold a '/' */
    if (user.module.len > 0 && !vd_iothub_id_ok(user.module)) return false;
    if (vd_slice_starts(rest, VD_STR("?"))) rest = vd_slice_from(rest, 1);
    while (rest.len > 0) {
        vd_slice pair = vd_slice_cut(rest, '&', &rest);
        if (vd_slice_starts(pair, version)) user.api_version = vd_slice_from(pair, version.len);
    }
    *ret_user = user;
    return true;
}

bool vd_iothub_user_write(const vd_iothub_user *user, vd_buf *into)
{
    size_t before = into->len;
    vd_slice version = user->api_version.len ? user->api_version : VD_STR(VD_IOTHUB_API_VERSION);
    bool ok = vd_buf_add(into, user->host) && vd_buf_add_byte(into, '/') &&
              vd_buf_add(into, user->device) && vd_buf_add_byte(into, '/');
    if (user->module.len > 0)
        ok = ok && vd_buf_add(into, user->module) && vd_buf_add_byte(into, '/');
    ok = ok && vd_buf_add_str(into, "?api-version=") && vd_buf_add(into, version);
    return ok || cut_back(into, before);
}

/* SAS tokens. */

static const char sas_word[] = "SharedAccessSignature ";

enum { SAS_SR = 1, SAS_SIG = 2, SAS_SE = 4 };

static bool see_once(unsigned *seen, unsigned field)
{
    if (*seen & field) return false;
    *seen |= field;
    return true;
}

static bool read_sas_field(vd_slice key, vd_slice value, vd_sas *sas, unsigned *seen)
{
    VD_AUTO(vd_buf) clear = VD_BUF(1024), mac = VD_BUF(64);
    uint64_t seconds = 0;
    if (!vd_url_decode(value, &clear)) return false;
    vd_slice text = vd_buf_slice(&clear);
    bool ok = text.len == 0 || !memchr(text.data, 0, text.len);
    if (vd_slice_eq(key, VD_STR("sr"))) {
        ok = ok && see_once(seen, SAS_SR);
        sas->resource_encoded = value;
        return ok && vd_slice_to_chars(text, sas->resource, sizeof(sas->resource));
    }
    if (vd_slice_eq(key, VD_STR("sig"))) {
        ok = ok && see_once(seen, SAS_SIG) && vd_base64_decode(text, &mac) &&
             mac.len == sizeof(sas->mac);
        if (ok) memcpy(sas->mac, mac.data, sizeof(sas->mac));
        return ok;
    }
    if (vd_slice_eq(key, VD_STR("se"))) {
        ok = see_once(seen, SAS_SE) && vd_slice_u64(value, INT64_MAX / 1000000, &seconds);
        sas->expires_s = (int64_t)seconds;
        return ok;
    }
    if (vd_slice_eq(key, VD_STR("skn"))) {
        return ok && vd_slice_to_chars(text, sas->policy, sizeof(sas->policy));
    }
    return true;
}

bool vd_sas_parse(vd_slice token, vd_sas *ret_sas)
{
    vd_slice word = vd_slice_str(sas_word);
    if (!vd_slice_starts(token, word) || token.len > 2048) return false;
    vd_sas sas = { 0 };
    unsigned seen = 0; /* one bit per needed field: each exactly once */
    for (vd_slice rest = vd_slice_from(token, word.len); rest.len > 0;) {
        vd_slice value, key = vd_slice_cut(vd_slice_cut(rest, '&', &rest), '=', &value);
        if (!read_sas_field(key, value, &sas, &seen)) return false;
    }
    if (seen != (SAS_SR | SAS_SIG | SAS_SE)) return false;
    *ret_sas = sas;
    return true;
}

static vd_err sign(vd_slice key_base64, vd_slice resource_encoded, int64_t expires_s,
                   uint8_t ret_mac[32])
{
    VD_AUTO(vd_buf) key = VD_BUF(128), text = VD_BUF(2200);
    bool ok = vd_base64_decode(key_base64, &key) && key.len > 0 &&
              vd_buf_add(&text, resource_encoded) && vd_buf_addf(&text, "\n%" PRId64, expires_s);
    vd_err err = ok ? vd_hmac_sha256(vd_buf_slice(&key), vd_buf_slice(&text), ret_mac) : VD_INVALID;
    vd_wipe(key.data, key.len);
    return err;
}

bool vd_sas_signed_by(const vd_sas *sas, vd_slice key_base64)
{
    uint8_t mac[32];
    if (sign(key_base64, sas->resource_encoded, sas->expires_s, mac)) return false;
    return vd_bytes_same(vd_slice_of(mac, 32), vd_slice_of(sas->mac, 32));
}

bool vd_sas_is_for_device(const vd_sas *sas, vd_slice device)
{
    VD_AUTO(vd_buf) again = VD_BUF(256);
    vd_slice path, middle = VD_STR("devices/");
    vd_slice host = vd_slice_cut(vd_slice_str(sas->resource), '/', &path);
    if (host.len == 0 || !vd_slice_starts(path, middle)) return false;
    vd_slice named = vd_slice_from(path, middle.len);
    if (vd_slice_eq(named, device)) return true;
    return vd_url_decode(named, &again) && vd_slice_eq(vd_buf_slice(&again), device);
}

vd_err vd_sas_make(const char *resource, vd_slice key_base64, const char *policy, int64_t expires_s,
                   vd_buf *into)
{
    VD_AUTO(vd_buf) encoded = VD_BUF(2048), sig = VD_BUF(64);
    uint8_t mac[32];
    size_t before = into->len;
    if (!vd_url_encode(vd_slice_str(resource), &encoded)) return VD_FULL;
    vd_err err = sign(key_base64, vd_buf_slice(&encoded), expires_s, mac);
    if (err) return err;
    bool ok = vd_base64_encode(vd_slice_of(mac, 32), &sig) &&
              vd_buf_addf(into, "%ssr=", sas_word) && vd_buf_add(into, vd_buf_slice(&encoded)) &&
              vd_buf_add_str(into, "&sig=") && vd_url_encode(vd_buf_slice(&sig), into) &&
              vd_buf_addf(into, "&se=%" PRId64, expires_s);
    if (policy) ok = ok && vd_bag_add(into, "skn", policy);
    if (!ok) cut_back(into, before);
    return ok ? VD_OK : VD_FULL;
}

/* Connection strings. */

static bool store_part(vd_connection_string *into, vd_slice name, vd_slice value)
{
    const struct {
        const char *name;
        char *text;
        size_t room;
    } parts[] = {
        { "HostName", into->host, sizeof(into->host) },
        { "GatewayHostName", into->gateway, sizeof(into->gateway) },
        { "DeviceId", into->device, sizeof(into->device) },
        { "ModuleId", into->module, sizeof(into->module) },
        { "SharedAccessKeyName", into->policy, sizeof(into->policy) },
        { "SharedAccessKey", into->key, sizeof(into->key) },
    };
    for (size_t i = 0; i < VD_COUNT_OF(parts); i++) {
        if (!vd_slice_eq(name, vd_slice_str(parts[i].name))) continue;
        return vd_slice_to_chars(value, parts[i].text, parts[i].room);
    }
    return true;
}

static vd_err check_parts(const vd_connection_string *string, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(128);
    bool id_ok = !string->device[0] || vd_iothub_id_ok(vd_slice_str(string->device));
    const char *missing = NULL;
    if (!string->host[0])
        missing = "HostName";
    else if (!string->device[0] && !string->policy[0])
        missing = "DeviceId or SharedAccessKeyName";
    else if (!string->key[0])
        missing = "SharedAccessKey";
    if (missing) return vd_fail(why, VD_INVALID, "the connection string has no %s", missing);
    if (!id_ok) return vd_fail(why, VD_INVALID, "the connection string's DeviceId is not valid");
    bool key_ok = vd_base64_decode(vd_slice_str(string->key), &key);
    vd_wipe(key.data, key.len);
    if (key_ok) return VD_OK;
    return vd_fail(why, VD_INVALID, "the connection string's SharedAccessKey is not base64");
}

vd_err vd_connection_string_parse(vd_slice text, vd_connection_string *ret_string, vd_why *why)
{
    vd_connection_string string = { 0 };
    while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1])) text.len--;
    vd_err err = VD_OK;
    while (!err && text.len > 0) {
        vd_slice value, name = vd_slice_cut(vd_slice_cut(text, ';', &text), '=', &value);
        if (store_part(&string, name, value)) continue;
        err = vd_fail(why, VD_INVALID, "a part of the connection string is too long");
    }
    if (!err) err = check_parts(&string, why);
    if (!err)
        *ret_string = string;
    else
        vd_why_hint(why, "its form is HostName=...;DeviceId=...;SharedAccessKey=...");
    vd_wipe(&string, sizeof(string));
    return err;
}

bool vd_connection_string_write(const vd_connection_string *string, vd_buf *into)
{
    size_t before = into->len;
    bool ok = vd_buf_addf(into, "HostName=%s", string->host);
    if (string->device[0]) ok = ok && vd_buf_addf(into, ";DeviceId=%s", string->device);
    if (string->module[0]) ok = ok && vd_buf_addf(into, ";ModuleId=%s", string->module);
    if (string->policy[0]) ok = ok && vd_buf_addf(into, ";SharedAccessKeyName=%s", string->policy);
    ok = ok && vd_buf_addf(into, ";SharedAccessKey=%s", string->key);
    if (string->gateway[0]) ok = ok && vd_buf_addf(into, ";GatewayHostName=%s", string->gateway);
    return ok || cut_back(into, before);
}

bool vd_host_port(vd_slice text, char *host, size_t room, uint16_t *port)
{
    vd_slice name, after;
    uint64_t number = 0;
    bool with_port;
    if (vd_slice_starts(text, VD_STR("["))) {
        name = vd_slice_cut(vd_slice_from(text, 1), ']', &after);
        with_port = after.len > 0;
        if (with_port && after.data[0] != ':') return false;
        after = vd_slice_from(after, 1);
    } else {
        name = vd_slice_cut(text, ':', &after);
        with_port = name.len < text.len;
    }
    if (name.len == 0 || !vd_slice_to_chars(name, host, room)) return false;
    if (!with_port) return true;
    if (!vd_slice_u64(after, 65535, &number) || number == 0) return false;
    *port = (uint16_t)number;
    return true;
}
