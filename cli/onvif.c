/* onvif.c - cameras that are asked themselves, without a hub. */
#include "onvif.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"
#include "vd/secret.h"

#define PASSWORD_ROOM 128
#define WAIT_S        3
#define WAIT_MOST_S   60
#define TEXT_BYTES    262144

static const column found_columns[] = {
    { "ADDRESS", "address" },
    { "NAME", "name" },
    { "HARDWARE", "hardware" },
};
static const column device_fields[] = {
    { "manufacturer", "manufacturer" },
    { "model", "model" },
    { "firmware", "firmware" },
    { "serial", "serial" },
    { "clock", "clock" },
};
static const column stream_columns[] = {
    { "USE", "use" },     { "PROFILE", "profile" }, { "NAME", "name" },
    { "CODEC", "codec" }, { "WIDTH", "width" },     { "HEIGHT", "height" },
    { "FPS", "fps" },     { "PTZ", "ptz" },         { "ADDRESS", "url" },
};
static const column preset_columns[] = { { "PRESET", "token" }, { "NAME", "name" } };

/* A device's name with a camera's stands with a slash between. An address has a dot, a colon or
 * brackets; a device's name may have a dot too, but is then not without its camera. */
bool is_onvif_address(const char *text)
{
    if (strstr(text, "://")) return true;
    return !strchr(text, '/') && strpbrk(text, ".:[") != NULL;
}

static vd_err camera_open(cli *c, vd_onvif **ret_camera, vd_why *why)
{
    char password[PASSWORD_ROOM] = "";
    const char *file = cli_option(c, "password-file");
    const vd_onvif_config config = { .address = cli_argument(c, 0),
                                     .user = cli_option(c, "user"),
                                     .password = password,
                                     .other_host = cli_option(c, "onvif-host"),
                                     .trust = { .ca_file = cli_option(c, "camera-ca"),
                                                .fingerprint = cli_option(c, "fingerprint"),
                                                .insecure = vd_args_has(&c->program, &c->args,
                                                                        "insecure") } };
    vd_why note = { 0 };

    vd_err err = file ? vd_secret_line(file, password, sizeof password, &note) : VD_OK;
    if (err) *why = note;
    if (!err && note.fact[0]) fprintf(stderr, "vedette: %s: %s\n", note.fact, note.hint);
    if (!err) err = vd_onvif_open(&config, ret_camera, why);
    vd_wipe(password, sizeof password);
    return err;
}

/* ---- who is there ---- */

static void list_write(vd_json_w *w, const vd_onvif_list *list)
{
    vd_json_w_object(w);
    vd_json_w_key(w, "cameras");
    vd_json_w_list(w);
    for (unsigned i = 0; i < list->count; i++) {
        const vd_onvif_found *one = &list->item[i];
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "address", one->address);
        vd_json_w_kv_text(w, "host", one->host);
        vd_json_w_kv_text(w, "name", one->name);
        vd_json_w_kv_text(w, "hardware", one->hardware);
        vd_json_w_kv_text(w, "endpoint", one->endpoint);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

static vd_err print_list(const cli *c, const vd_onvif_list *list, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TEXT_BYTES);
    vd_json_w w = vd_json_writer(&text);

    list_write(&w, list);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, err, "the list is too long");
    if (!list->count && !c->json) {
        puts("no camera has answered");
        return VD_OK;
    }
    return doc_print(&text, found_columns, VD_COUNT_OF(found_columns), c->json, "cameras", why);
}

vd_err run_camera_discover(cli *c, vd_why *why)
{
    uint64_t wait_s = WAIT_S;
    vd_onvif_list *list = calloc(1, sizeof *list);

    if (!list) return vd_fail(why, VD_FULL, "no memory for a list");
    vd_err err = cli_number(c, "wait", WAIT_MOST_S, &wait_s, why);
    if (!err) err = vd_onvif_discover(cli_argument(c, 0), (int64_t)wait_s * 1000, list, why);
    if (!err) err = print_list(c, list, why);
    free(list);
    return err;
}

/* ---- what it is ---- */

static void device_write(vd_json_w *w, const vd_onvif *camera, const vd_onvif_device *device)
{
    vd_why clock = { 0 };
    int64_t ahead_ms = 0;
    const bool known = vd_onvif_clock(camera, &ahead_ms);

    vd_json_w_kv_text(w, "manufacturer", device->manufacturer);
    vd_json_w_kv_text(w, "model", device->model);
    vd_json_w_kv_text(w, "firmware", device->firmware);
    vd_json_w_kv_text(w, "serial", device->serial);
    if (!known)
        vd_json_w_kv_text(w, "clock", "it does not tell its time");
    else
        vd_json_w_kv_text(w, "clock", vd_onvif_clock_wrong(camera, &clock) ? clock.fact : "right");
    if (known) vd_json_w_kv_int(w, "clock_ahead_ms", ahead_ms);
}

static const char *use_of(const vd_onvif_profiles *all, int i)
{
    if (i == all->small) return "+";
    return i == all->main ? "*" : "";
}

/* One whose address is refused or cannot be had is listed without it. */
static void profile_write(vd_json_w *w, vd_onvif *camera, const vd_onvif_profiles *all, int i)
{
    const vd_onvif_profile *p = &all->item[i];
    char url[VD_ONVIF_URL_ROOM];
    vd_why refused = { 0 };

    const vd_err err = vd_onvif_get_stream(camera, p->token, url, &refused);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "use", use_of(all, i));
    vd_json_w_kv_text(w, "profile", p->token);
    vd_json_w_kv_text(w, "name", p->name);
    vd_json_w_kv_text(w, "codec", vd_onvif_codec_name(p->codec));
    vd_json_w_kv_int(w, "width", p->width_px);
    vd_json_w_kv_int(w, "height", p->height_px);
    vd_json_w_kv_int(w, "fps", (int64_t)(p->fps + 0.5));
    vd_json_w_kv_text(w, "ptz", p->ptz ? "yes" : "no");
    vd_json_w_kv_text(w, "url", err ? refused.fact : url);
    vd_json_w_object_end(w);
}

static vd_err camera_write(vd_json_w *w, vd_onvif *camera, vd_why *why)
{
    vd_onvif_profiles *all = calloc(1, sizeof *all);
    vd_onvif_device device = { 0 };

    if (!all) return vd_fail(why, VD_FULL, "no memory for a camera");
    vd_err err = vd_onvif_get_device(camera, &device, why);
    if (!err) err = vd_onvif_get_profiles(camera, all, why);
    vd_json_w_object(w);
    device_write(w, camera, &device);
    vd_json_w_key(w, "streams");
    vd_json_w_list(w);
    for (unsigned i = 0; !err && i < all->count; i++) profile_write(w, camera, all, (int)i);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
    free(all);
    if (!err && vd_json_w_end(w)) err = vd_fail(why, VD_FULL, "the answer is too long");
    return err;
}

vd_err onvif_show(cli *c, vd_why *why)
{
    VD_AUTO(vd_onvif_ptr) camera = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(TEXT_BYTES);
    vd_json_w w = vd_json_writer(&text);

    vd_err err = camera_open(c, &camera, why);
    if (!err) err = camera_write(&w, camera, why);
    if (!err) err = doc_print(&text, device_fields, VD_COUNT_OF(device_fields), c->json, NULL, why);
    if (err || c->json) return err;
    putchar('\n');
    return doc_print(&text, stream_columns, VD_COUNT_OF(stream_columns), false, "streams", why);
}

/* ---- where it looks ---- */

/* The profile that the camera moves by. */
static vd_err profile_find(vd_onvif *camera, char into[VD_ONVIF_TEXT_ROOM], vd_why *why)
{
    vd_onvif_profiles *all = calloc(1, sizeof *all);
    const vd_onvif_profile *found = NULL;

    if (!all) return vd_fail(why, VD_FULL, "no memory for a camera");
    vd_err err = vd_onvif_get_profiles(camera, all, why);
    for (unsigned i = 0; !err && i < all->count; i++)
        if (all->item[i].ptz && (!found || (int)i == all->main)) found = &all->item[i];
    if (!err && !found) err = vd_fail(why, VD_ABSENT, "the camera cannot move");
    if (found) memcpy(into, found->token, VD_ONVIF_TEXT_ROOM);
    free(all);
    return err;
}

static vd_err print_presets(const cli *c, const vd_onvif_presets *presets, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TEXT_BYTES);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_key(&w, "presets");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < presets->count; i++) {
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "token", presets->item[i].token);
        vd_json_w_kv_text(&w, "name", presets->item[i].name);
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the list is too long");
    return doc_print(&text, preset_columns, VD_COUNT_OF(preset_columns), c->json, "presets", why);
}

static vd_err preset_find(const vd_onvif_presets *presets, const char *name, const char **ret_token,
                          vd_why *why)
{
    const char *names[VD_ONVIF_PRESETS_MAX];

    for (unsigned i = 0; i < presets->count; i++) {
        names[i] = presets->item[i].name;
        if (strcmp(name, presets->item[i].name) != 0 && strcmp(name, presets->item[i].token) != 0)
            continue;
        *ret_token = presets->item[i].token;
        return VD_OK;
    }
    (void)vd_fail(why, VD_ABSENT, "the camera has no preset '%.60s'", name);
    const char *nearest = vd_nearest(vd_slice_str(name), names, presets->count);
    if (nearest)
        vd_why_hint(why, "did you mean '%s'?", nearest);
    else
        vd_why_hint(why, "left out, they are listed");
    return VD_ABSENT;
}

static vd_err preset_use(cli *c, vd_onvif *camera, vd_onvif_presets *presets, vd_why *why)
{
    const char *name = cli_argument(c, 1), *token = NULL;
    char profile[VD_ONVIF_TEXT_ROOM];

    vd_err err = profile_find(camera, profile, why);
    if (!err) err = vd_onvif_get_presets(camera, profile, presets, why);
    if (!err && !name) return print_presets(c, presets, why);
    if (!err) err = preset_find(presets, name, &token, why);
    if (!err) err = vd_onvif_go_to(camera, profile, token, why);
    if (!err && !c->json) printf("it turns to '%s'\n", name);
    return err;
}

vd_err run_camera_preset(cli *c, vd_why *why)
{
    VD_AUTO(vd_onvif_ptr) camera = NULL;
    vd_onvif_presets *presets = calloc(1, sizeof *presets);

    if (!presets) return vd_fail(why, VD_FULL, "no memory for a list");
    vd_err err = camera_open(c, &camera, why);
    if (!err) err = preset_use(c, camera, presets, why);
    free(presets);
    return err;
}
