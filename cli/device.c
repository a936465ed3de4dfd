/* device.c - device identities and connection strings. */
#include <stdio.h>

#include "cli_priv.h"

static const column device_columns[] = {
    { "DEVICE", "id" },
    { "ENABLED", "enabled" },
    { "CONNECTED", "connected" },
    { "CAMERAS", "camera_count" },
    { "WAITING", "queue_waiting" },
    { "DROPPED", "queue_dropped" },
    { "VERSION", "version" },
    { "LAST SEEN", "last_seen_at" },
};

static vd_err show_device(const cli *c, const vd_json *device)
{
    if (c->json)
        json_line(device);
    else
        fields_print(device, device_columns, VD_COUNT_OF(device_columns));
    return VD_OK;
}

vd_err run_device_create(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) device = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&body);

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", cli_argument(c, 0));
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (!err) err = api_open(&a, why);
    if (!err) err = api_call(a, "POST", "/api/v1/devices", vd_buf_slice(&body), &device, why);
    return err ? err : show_device(c, device);
}

vd_err run_device_list(cli *c, vd_why *why)
{
    return list_show(c, "/api/v1/devices", "devices", device_columns, VD_COUNT_OF(device_columns),
                     why);
}

static vd_err set_enabled(cli *c, bool enabled, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) device = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    vd_slice body = enabled ? VD_STR("{\"enabled\":true}") : VD_STR("{\"enabled\":false}");

    vd_buf_add_str(&path, "/api/v1/devices");
    path_add(&path, cli_argument(c, 0));
    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, "PATCH", path.data, body, &device, why);
    return err ? err : show_device(c, device);
}

vd_err run_device_enable(cli *c, vd_why *why)
{
    return set_enabled(c, true, why);
}

vd_err run_device_disable(cli *c, vd_why *why)
{
    return set_enabled(c, false, why);
}

vd_err run_device_delete(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(1024);

    vd_buf_add_str(&path, "/api/v1/devices");
    path_add(&path, cli_argument(c, 0));
    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, "DELETE", path.data, VD_SLICE_NONE, NULL, why);
    if (err) return err;
    if (c->json)
        puts("{\"deleted\":true}");
    else
        printf("device %s is deleted\n", cli_argument(c, 0));
    return VD_OK;
}

vd_err run_connection_string(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(1024);

    if (cli_argument(c, 0)) {
        vd_buf_add_str(&path, "/api/v1/devices");
        path_add(&path, cli_argument(c, 0));
        vd_buf_add_str(&path, "/connection-string");
    } else {
        vd_buf_add_str(&path, "/api/v1/connection-string");
    }
    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    const char *text = vd_json_text(vd_json_get(root, "connection_string"), NULL);
    if (!text) return vd_fail(why, VD_CORRUPT, "the hub gave no connection string");
    if (c->json)
        json_line(root);
    else
        puts(text);
    return VD_OK;
}
