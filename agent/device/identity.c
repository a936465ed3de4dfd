/* identity.c - the connection string, and the tokens signed with its key. */
#include <stdio.h>
#include <stdlib.h>

#include "device_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/secret.h"

static vd_err unreadable(vd_why *why, const char *fact)
{
    vd_fail(why, VD_INVALID, "the connection string %s", fact);
    vd_why_hint(why, "it reads HostName=host[:port];DeviceId=...;SharedAccessKey=..., as `vedette "
                     "connection-string DEVICE` prints it");
    return VD_INVALID;
}

static vd_err split_host(device_identity *id, vd_why *why)
{
    vd_slice port;
    vd_slice host = vd_slice_cut(vd_slice_str(id->host_name), ':', &port);
    uint64_t number = VD_DEVICE_MQTT_PORT;

    if (!host.len || !vd_slice_to_chars(host, id->host, sizeof id->host))
        return unreadable(why, "has no usable HostName");
    if (port.len && (!vd_slice_u64(port, 65535, &number) || number == 0))
        return unreadable(why, "has a HostName whose port is no number in 1..65535");
    id->mqtt_port = (unsigned)number;
    return VD_OK;
}

static vd_err check_parts(device_identity *id, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(sizeof id->key);

    if (!id->device[0]) return unreadable(why, "has no DeviceId");
    if (!id->key[0]) return unreadable(why, "has no SharedAccessKey");
    if (!vd_base64_decode(vd_slice_str(id->key), &key) || !key.len)
        return unreadable(why, "has a SharedAccessKey that is not base64");
    vd_wipe(key.data, key.len);
    return split_host(id, why);
}

vd_err identity_read(const char *connection_string, device_identity *ret_identity, vd_why *why)
{
    device_identity id = { 0 };
    vd_slice rest = vd_slice_str(connection_string);

    while (rest.len && strchr("\r\n \t", rest.data[rest.len - 1])) rest.len--;
    while (rest.len) {
        vd_slice part = vd_slice_cut(rest, ';', &rest), value;
        vd_slice name = vd_slice_cut(part, '=', &value);
        bool fits = true;

        if (vd_slice_eq(name, VD_STR("HostName")))
            fits = vd_slice_to_chars(value, id.host_name, sizeof id.host_name);
        else if (vd_slice_eq(name, VD_STR("DeviceId")))
            fits = vd_slice_to_chars(value, id.device, sizeof id.device);
        else if (vd_slice_eq(name, VD_STR("SharedAccessKey")))
            fits = vd_slice_to_chars(value, id.key, sizeof id.key);
        if (!fits) return unreadable(why, "has a part that is too long");
    }
    vd_err err = check_parts(&id, why);
    if (!err) *ret_identity = id;
    vd_wipe(&id, sizeof id);
    return err;
}

vd_err vd_device_id_of(const char *connection_string, char *into, size_t room, vd_why *why)
{
    device_identity id;
    vd_err err = identity_read(connection_string, &id, why);

    if (!err && !vd_slice_to_chars(vd_slice_str(id.device), into, room))
        err = unreadable(why, "has a DeviceId that is too long");
    vd_wipe(&id, sizeof id);
    return err;
}

vd_err identity_token(const device_identity *id, unsigned life_s, char into[TOKEN_ROOM],
                      vd_why *why)
{
    VD_AUTO(vd_buf) scope = VD_BUF(TOKEN_ROOM);
    VD_AUTO(vd_buf) text = VD_BUF(TOKEN_ROOM);
    VD_AUTO(vd_buf) key = VD_BUF(sizeof id->key);
    VD_AUTO(vd_buf) sig = VD_BUF(64);
    VD_AUTO(vd_buf) token = VD_BUF(TOKEN_ROOM - 1);
    uint8_t mac[32];
    long long expiry = vd_clock_utc_us() / 1000000 + life_s;

    vd_buf_addf(&text, "%s/devices/%s", id->host_name, id->device);
    bool ok = vd_url_encode(vd_buf_slice(&text), &scope);
    vd_buf_clear(&text);
    ok = ok && vd_buf_addf(&text, "%s\n%lld", scope.data, expiry);
    ok = ok && vd_base64_decode(vd_slice_str(id->key), &key);
    ok = ok && !vd_hmac_sha256(vd_buf_slice(&key), vd_buf_slice(&text), mac);
    if (key.data) vd_wipe(key.data, key.len);
    vd_buf_clear(&text);
    ok = ok && vd_base64_encode(vd_slice_of(mac, sizeof mac), &text);
    ok = ok && vd_url_encode(vd_buf_slice(&text), &sig);
    ok = ok && vd_buf_addf(&token, "SharedAccessSignature sr=%s&sig=%s&se=%lld", scope.data,
                           sig.data, expiry);
    if (!ok) return vd_fail(why, VD_INVALID, "no token can be made from the connection string");
    vd_slice_to_chars(vd_buf_slice(&token), into, TOKEN_ROOM);
    return VD_OK;
}
