/* identity.c - the connection string, and the tokens signed with its key. */
#include <stdio.h>

#include "device_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

static vd_slice trimmed(const char *text)
{
    vd_slice slice = vd_slice_str(text);

    while (slice.len && strchr("\r\n \t", slice.data[slice.len - 1])) slice.len--;
    return slice;
}

static vd_err fill(device_identity *id, const vd_connection_string *from, vd_why *why)
{
    uint16_t port = VD_DEVICE_MQTT_PORT;

    if (!from->device[0] || from->module[0]) {
        vd_fail(why, VD_INVALID, "the connection string names no device");
        vd_why_hint(why, "`vedette connection-string DEVICE` prints the right one");
        return VD_INVALID;
    }
    if (!vd_host_port(vd_slice_str(from->host), id->host, sizeof id->host, &port))
        return vd_fail(why, VD_INVALID, "the connection string has no usable HostName");
    id->mqtt_port = port;
    vd_slice_to_chars(vd_slice_str(from->host), id->host_name, sizeof id->host_name);
    vd_slice_to_chars(vd_slice_str(from->device), id->device, sizeof id->device);
    vd_slice_to_chars(vd_slice_str(from->key), id->key, sizeof id->key);
    return VD_OK;
}

vd_err identity_read(const char *connection_string, device_identity *ret_identity, vd_why *why)
{
    vd_connection_string parts = { 0 };
    device_identity id = { 0 };
    char token[TOKEN_ROOM];

    vd_err err = vd_connection_string_parse(trimmed(connection_string), &parts, why);
    if (!err) err = fill(&id, &parts, why);
    if (!err) err = identity_token(&id, 60, token, why); /* the key is one */
    if (!err) *ret_identity = id;
    vd_wipe(&parts, sizeof parts);
    vd_wipe(&id, sizeof id);
    return err;
}

vd_err vd_device_id_of(const char *connection_string, char *into, size_t room, vd_why *why)
{
    device_identity id = { 0 };
    vd_err err = identity_read(connection_string, &id, why);

    if (!err && !vd_slice_to_chars(vd_slice_str(id.device), into, room))
        err = vd_fail(why, VD_INVALID, "the device's name is too long");
    vd_wipe(&id, sizeof id);
    return err;
}

vd_err identity_token(const device_identity *id, unsigned life_s, char into[TOKEN_ROOM],
                      vd_why *why)
{
    VD_AUTO(vd_buf) token = VD_BUF(TOKEN_ROOM - 1);
    char resource[HOST_ROOM + DEVICE_ID_ROOM + 16];

    snprintf(resource, sizeof resource, "%s/devices/%s", id->host_name, id->device);
    if (vd_sas_make(resource, vd_slice_str(id->key), NULL, vd_clock_utc_us() / 1000000 + life_s,
                    &token)) {
        vd_fail(why, VD_INVALID, "the connection string's SharedAccessKey cannot sign");
        vd_why_hint(why, "copy the whole line that `vedette connection-string DEVICE` prints");
        return VD_INVALID;
    }
    vd_slice_to_chars(vd_buf_slice(&token), into, TOKEN_ROOM);
    return VD_OK;
}
