/* config_source.c - where a camera's pictures come from: the part of a `cameras` entry that names
 * its source, and what the source alone knows. */
#include <string.h>

#include "agent_config.h"
#include "onvif.h"
#include "vd/clock.h"

#define SIZE_MAX_PX    8192
#define FILE_SPEED_MAX 1000

#define OF(kind) (1u << (kind))

/* Which sources know a setting that not all know. */
static const struct {
    const char *key;
    unsigned kinds;
    const char *whose;
} own_keys[] = {
    { "pattern", OF(VD_CAMERA_FOLDER), "a folder of pictures" },
    { "after", OF(VD_CAMERA_FOLDER), "a folder of pictures" },
    { "order", OF(VD_CAMERA_FOLDER), "a folder of pictures" },
    { "time", OF(VD_CAMERA_FOLDER), "a folder of pictures" },
    { "sub_url", OF(VD_CAMERA_RTSP) | OF(VD_CAMERA_HTTP), "a camera with an address" },
    { "onvif_host", OF(VD_CAMERA_ONVIF), "an ONVIF camera" },
    { "streams", OF(VD_CAMERA_ONVIF), "an ONVIF camera" },
    { "speed", OF(VD_CAMERA_FILE), "a video file" },
    { "from", OF(VD_CAMERA_FILE), "a video file" },
    { "ca_file", OF(VD_CAMERA_HTTP) | OF(VD_CAMERA_ONVIF), "an https:// or ONVIF camera" },
    { "fingerprint", OF(VD_CAMERA_HTTP) | OF(VD_CAMERA_ONVIF), "an https:// or ONVIF camera" },
    { "insecure", OF(VD_CAMERA_HTTP) | OF(VD_CAMERA_ONVIF) | OF(VD_CAMERA_RTSP),
      "a camera with an address" },
    { "format", OF(VD_CAMERA_USB), "a USB camera" },
    { "size", OF(VD_CAMERA_USB), "a USB camera" },
    { "fps", OF(VD_CAMERA_USB), "a USB camera" },
};

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A password in the URL would end in logs and process lists. */
static bool url_has_password(const char *url)
{
    const char *rest = strstr(url, "://");
    const char *at = rest ? strchr(rest, '@') : NULL;
    const char *slash = rest ? strchr(rest + 3, '/') : NULL;

    return at && (!slash || at < slash);
}

/* The address under `key` says by its scheme what source it is. */
static vd_err read_address(const vd_config_node *node, const char *key, const char *url,
                           const char *id, vd_camera_kind *ret_kind, vd_why *why)
{
    vd_err err = VD_OK;

    if (starts(url, "rtsp://") || starts(url, "rtsps://")) {
        *ret_kind = VD_CAMERA_RTSP;
    } else if (starts(url, "http://") || starts(url, "https://")) {
        *ret_kind = VD_CAMERA_HTTP;
    } else {
        err = vd_config_fail(vd_config_get(node, key), why,
                             "camera '%s': neither an rtsp:// nor an http:// address", id);
        vd_why_hint(why, "for a video file write 'file:' instead of 'url:'");
    }
    if (!err && url_has_password(url)) {
        err = vd_config_fail(vd_config_get(node, key), why,
                             "camera '%s': the address holds user or password", id);
        vd_why_hint(why, "write 'user:' and 'password_file:' instead; secrets live in files");
    }
    return err;
}

static vd_err read_addresses(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_camera_kind small;
    const char *id = camera->id;

    vd_err err = read_address(node, "url", camera->url, id, &camera->kind, why);
    if (!err && camera->sub_url[0])
        err = read_address(node, "sub_url", camera->sub_url, id, &small, why);
    return err;
}

static vd_err read_onvif(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    static const char *const streams[] = { "both", "main", "small", NULL };
    vd_why own = { 0 };

    camera->kind = VD_CAMERA_ONVIF;
    if (!vd_onvif_check_address(camera->onvif, &own))
        return vd_config_choice(node, "streams", streams, &camera->streams, why);
    vd_err err =
        vd_config_fail(vd_config_get(node, "onvif"), why, "camera '%s': %s", camera->id, own.fact);
    vd_why_hint(why, "%s", own.hint);
    return err;
}

static vd_err read_trust(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    const char *ca_file = "", *fingerprint = "";
    vd_why own = { 0 };

    vd_err err = vd_config_text(node, "ca_file", &ca_file, why);
    if (!err) err = vd_config_text(node, "fingerprint", &fingerprint, why);
    if (!err) err = vd_config_bool(node, "insecure", &camera->trust.insecure, why);
    if (err) return err;
    camera->trust.ca_file = ca_file && ca_file[0] ? ca_file : NULL;
    camera->trust.fingerprint = fingerprint && fingerprint[0] ? fingerprint : NULL;
    if (!vd_trust_check(&camera->trust, &own)) return VD_OK;
    err = vd_config_fail(node, why, "camera '%s': %s", camera->id, own.fact);
    vd_why_hint(why, "%s", own.hint);
    return err;
}

static vd_err read_kind(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    const unsigned sources = (camera->url[0] != 0) + (camera->onvif[0] != 0) +
                             (camera->file[0] != 0) + (camera->folder[0] != 0) +
                             (camera->device[0] != 0);

    if (sources != 1) {
        vd_err err =
            vd_config_fail(node, why, "camera '%s' needs one of url, onvif, device, folder or file",
                           camera->id);
        vd_why_hint(why, "url: rtsp://host/path or http://host/path for a camera, onvif: HOST to "
                         "ask one, device: /dev/video0 for a USB camera, folder: PATH for pictures "
                         "that are dropped there, file: PATH for a video file");
        return err;
    }
    if (camera->url[0]) return read_addresses(node, camera, why);
    if (camera->onvif[0]) return read_onvif(node, camera, why);
    camera->kind = camera->file[0]     ? VD_CAMERA_FILE
                   : camera->device[0] ? VD_CAMERA_USB
                                       : VD_CAMERA_FOLDER;
    return VD_OK;
}

/* A setting that would do nothing is a misunderstanding. */
static vd_err check_own_keys(const vd_config_node *node, const agent_camera *camera, vd_why *why)
{
    for (size_t i = 0; i < VD_COUNT_OF(own_keys); i++) {
        const vd_config_node *value = vd_config_get(node, own_keys[i].key);
        if (value && !(own_keys[i].kinds & OF(camera->kind)))
            return vd_config_fail(value, why, "camera '%s': '%s' is for %s", camera->id,
                                  own_keys[i].key, own_keys[i].whose);
    }
    return VD_OK;
}

static vd_err read_folder(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    static const char *const afters[] = { "keep", "move", "delete", NULL };
    static const char *const orders[] = { "name", "time", NULL };
    static const char *const times[] = { "file", "name-utc", "name-local", NULL };
    int after = VD_AFTER_KEEP, order = VD_ORDER_NAME, from = VD_STILL_TIME_FILE;

    vd_err err = vd_config_text(node, "pattern", &camera->still.pattern, why);
    if (!err) err = vd_config_choice(node, "after", afters, &after, why);
    if (!err) err = vd_config_choice(node, "order", orders, &order, why);
    if (!err) err = vd_config_choice(node, "time", times, &from, why);
    camera->still.after = (vd_folder_after)after;
    camera->still.order = (vd_folder_order)order;
    camera->still.time = (vd_still_time)from;
    return err;
}

/* "1280x720" */
static vd_err read_size(const vd_config_node *node, vd_usb_config *usb, vd_why *why)
{
    const char *text = "";
    uint64_t width, height;
    vd_slice rest;

    vd_err err = vd_config_text(node, "size", &text, why);
    if (err || !text[0]) return err;
    const vd_slice first = vd_slice_cut(vd_slice_str(text), 'x', &rest);
    if (!vd_slice_u64(first, SIZE_MAX_PX, &width) || !vd_slice_u64(rest, SIZE_MAX_PX, &height) ||
        width == 0 || height == 0) {
        err = vd_config_fail(vd_config_get(node, "size"), why, "'%.20s' is no size", text);
        vd_why_hint(why, "width and height, as in 1280x720");
        return err;
    }
    usb->width_px = (unsigned)width;
    usb->height_px = (unsigned)height;
    return VD_OK;
}

static vd_err read_usb(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    static const char *const names[] = { "auto", "h264", "mjpeg", "nv12", "i420", "yuyv", NULL };
    int format = 0;
    int64_t fps = 0;

    vd_err err = vd_config_choice(node, "format", names, &format, why);
    if (!err) err = read_size(node, &camera->usb, why);
    if (!err) err = vd_config_int(node, "fps", 0, 240, &fps, why);
    camera->usb.format = format ? names[format] : NULL;
    camera->usb.fps = (unsigned)fps;
    return err;
}

static vd_err read_file(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    const char *from = "";

    camera->speed = 1;
    vd_err err = vd_config_int(node, "speed", 1, FILE_SPEED_MAX, &camera->speed, why);
    if (!err) err = vd_config_text(node, "from", &from, why);
    if (err || !from[0] || vd_utc_parse(vd_slice_str(from), &camera->from_utc_us)) return err;
    err = vd_config_fail(vd_config_get(node, "from"), why, "'%.40s' is no time", from);
    vd_why_hint(why, "date, time and zone, as in 2026-11-21T06:00:00Z");
    return err;
}

vd_err agent_source_read(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_err err = vd_config_text(node, "url", &camera->url, why);
    if (!err) err = vd_config_text(node, "onvif", &camera->onvif, why);
    if (!err) err = vd_config_text(node, "onvif_host", &camera->onvif_host, why);
    if (!err) err = vd_config_text(node, "file", &camera->file, why);
    if (!err) err = vd_config_text(node, "folder", &camera->folder, why);
    if (!err) err = vd_config_text(node, "device", &camera->device, why);
    if (!err) err = vd_config_text(node, "sub_url", &camera->sub_url, why);
    if (!err) err = read_kind(node, camera, why);
    if (!err) err = check_own_keys(node, camera, why);
    if (!err) err = read_trust(node, camera, why);
    if (!err) err = read_folder(node, camera, why);
    if (!err) err = read_usb(node, camera, why);
    if (!err) err = read_file(node, camera, why);
    return err;
}

vd_camera_config agent_source(const agent_camera *camera, const char *password)
{
    const char *place = camera->url[0]      ? camera->url
                        : camera->onvif[0]  ? camera->onvif
                        : camera->file[0]   ? camera->file
                        : camera->device[0] ? camera->device
                                            : camera->folder;
    vd_camera_config config = {
        .kind = camera->kind,
        .url = place,
        .sub_url = camera->sub_url[0] ? camera->sub_url : NULL,
        .user = camera->user[0] ? camera->user : NULL,
        .password = password[0] ? password : NULL,
        .onvif_host = camera->onvif_host[0] ? camera->onvif_host : NULL,
        .streams = (vd_camera_streams)camera->streams,
        .trust = camera->trust,
        .transport = (vd_rtsp_transport)camera->transport,
        .pace = VD_PACE_REAL,
        .loop = camera->loop,
        .speed = (unsigned)camera->speed,
        .from_utc_us = camera->from_utc_us,
        .folder = camera->still,
        .usb = camera->usb,
        .max_fps = (unsigned)camera->max_fps,
        .decode = (vd_camera_decode)camera->decode,
        .encode = camera->encode != 0,
        .hwaccel = camera->hwaccel,
    };

    vd_slice_to_chars(vd_slice_str(camera->id), config.id, sizeof config.id);
    return config;
}
