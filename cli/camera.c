/* camera.c - what the devices see. */
#include <stdio.h>

#include "cli_priv.h"

static const column camera_columns[] = {
    { "DEVICE", "device" },
    { "CAMERA", "camera" },
    { "STATE", "state" },
    { "SINCE", "since" },
    { "FPS", "fps" },
    { "WIDTH", "width" },
    { "HEIGHT", "height" },
    { "CODEC", "codec" },
    { "OPEN", "open_incidents" },
    { "LAST EVENT", "last_event_at" },
    { "WHY", "why" },
};
static const column camera_fields[] = {
    { "device", "device" },
    { "camera", "camera" },
    { "state", "state" },
    { "since", "since" },
    { "why", "why" },
    { "hint", "hint" },
    { "device connected", "device_connected" },
    { "fps", "fps" },
    { "width", "width" },
    { "height", "height" },
    { "codec", "codec" },
    { "restarts", "restarts" },
    { "model", "model.name" },
    { "model digest", "model.digest" },
    { "open incidents", "open_incidents" },
    { "last event", "last_event_at" },
    { "last incident", "last_incident" },
    { "reported", "reported_at" },
};
static const column rule_columns[] = {
    { "RULE", "id" },           { "ZONE", "zone" },       { "SEVERITY", "severity" },
    { "CLASSES", "classes" },   { "SCORE", "score_min" }, { "DWELL MS", "dwell_ms" },
    { "LEAVE MS", "leave_ms" },
};

vd_err run_camera_list(cli *c, vd_why *why)
{
    return list_show(c, "/api/v1/cameras", "cameras", camera_columns, VD_COUNT_OF(camera_columns),
                     why);
}

/* DEVICE CAMERA, or both in one word as the page shows them. */
static vd_err path_of(cli *c, vd_buf *path, vd_why *why)
{
    char device[256];
    const char *camera = cli_argument(c, 1), *first = cli_argument(c, 0);
    const char *slash = strrchr(first, '/');
    size_t len = !camera && slash ? (size_t)(slash - first) : strlen(first);

    if (!camera && slash) camera = slash + 1;
    if (!camera) {
        vd_fail(why, VD_INVALID, "no camera is named");
        vd_why_hint(why, "vedette camera show DEVICE CAMERA; 'vedette camera list' shows both");
        return VD_INVALID;
    }
    if (!vd_slice_to_chars(vd_slice_of(first, len), device, sizeof device))
        return vd_fail(why, VD_INVALID, "the device's name is too long");
    vd_buf_add_str(path, "/api/v1/cameras");
    path_add(path, device);
    path_add(path, camera);
    return VD_OK;
}

vd_err run_camera_show(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);

    if (!cli_argument(c, 1) && is_onvif_address(cli_argument(c, 0))) return onvif_show(c, why);
    vd_err err = path_of(c, &path, why);
    if (!err) err = api_open(&a, why);
    if (!err) err = api_call(a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    fields_print(root, camera_fields, VD_COUNT_OF(camera_fields));
    if (vd_json_len(vd_json_get(root, "rules"))) {
        putchar('\n');
        table_print(vd_json_get(root, "rules"), rule_columns, VD_COUNT_OF(rule_columns));
    }
    return VD_OK;
}
