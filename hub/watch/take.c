/* take.c - a window's sketches, as a device sent them, become one number per series. */
#include <math.h>
#include <stdio.h>

#include "vd/clock.h"
#include "watch_priv.h"

#define SKETCH_BYTES_MAX 16384
#define FUTURE_US        (2 * 86400000000ll) /* one that ends later: a wrong clock */
#define WINDOW_MAX_US    (2 * 86400000000ll)

const watch_kind watch_kinds[VD_WATCH_SERIES_MAX] = {
    { "brightness", 3, false, false, false, "picture of %s darker", "picture of %s brighter" },
    { "contrast", 0.06, true, false, false, "picture of %s flatter", "picture of %s harder" },
    { "sharpness", 0.10, true, false, false, "lens of %s less sharp", "picture of %s sharper" },
    { "saturation", 1.5, false, false, false, "picture of %s paler",
      "picture of %s more colourful" },
    { "colour_u", 1, false, false, false, "colours of %s less blue", "colours of %s more blue" },
    { "colour_v", 1, false, false, false, "colours of %s less red", "colours of %s more red" },
    { "score", 0.02, false, false, true, "model less sure at %s", "model more sure at %s" },
    { "classes", 0.05, false, true, true, "%s sees other things than before",
      "%s sees other things than before" },
};

const char *watch_state_word(watch_state state)
{
    static const char *const words[] = { "learning", "steady", "drifted" };
    return words[state];
}

static bool camera_id_ok(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

typedef struct {
    char camera[33];
    int64_t start_us, end_us;
    uint64_t live_ms, pictures;
    const vd_json *series, *classes, *model, *picture;
} raw_window;

static const vd_json_field window_fields[] = {
    { "camera", VD_JSON_TEXT, offsetof(raw_window, camera), 32, true, .inplace = true },
    { "start", VD_JSON_TIME, offsetof(raw_window, start_us), 0, true },
    { "end", VD_JSON_TIME, offsetof(raw_window, end_us), 0, true },
    { "live_ms", VD_JSON_COUNT, offsetof(raw_window, live_ms), 1000000000, false },
    { "pictures", VD_JSON_COUNT, offsetof(raw_window, pictures), INT32_MAX, true },
    { "series", VD_JSON_NODE, offsetof(raw_window, series), 0, true },
    { "classes", VD_JSON_NODE, offsetof(raw_window, classes) },
    { "model", VD_JSON_NODE, offsetof(raw_window, model) },
    { "picture", VD_JSON_NODE, offsetof(raw_window, picture) },
};

static vd_err read_series(const raw_window *raw, watch_window *w, vd_why *why)
{
    for (unsigned s = 0; s < WATCH_CLASSES; s++) {
        const vd_json *node = vd_json_get(raw->series, watch_kinds[s].name);
        watch_value *v = &w->value[s];
        vd_sketch sketch;
        if (!node) continue;
        vd_err err = vd_sketch_read(node, &sketch, why);
        if (err) {
            vd_why_detail(why, "in the series '%s'", watch_kinds[s].name);
            return err;
        }
        v->count = sketch.count;
        v->mean = vd_sketch_mean(&sketch);
        v->sd = vd_sketch_sd(&sketch);
        v->value = watch_kinds[s].by_ratio ? log(fmax(v->mean, 1)) : v->mean;
        uint64_t least = watch_kinds[s].of_model ? VD_WATCH_DETECTIONS : VD_WATCH_PICTURES;
        v->here = v->count >= least && w->pictures >= VD_WATCH_PICTURES;
        if (watch_kinds[s].of_model) memcpy(v->model, w->model, sizeof v->model);
    }
    return VD_OK;
}

static vd_err read_classes(const vd_json *classes, watch_window *w, vd_why *why)
{
    watch_value *v = &w->value[WATCH_CLASSES];
    if (!classes) return VD_OK;
    if (vd_json_kind_of(classes) != VD_JSON_IS_OBJECT || vd_json_len(classes) > 64)
        return vd_fail(why, VD_INVALID, "'classes' must be an object of at most 64 counts");
    for (size_t i = 0; i < vd_json_len(classes); i++) {
        const char *name = NULL;
        int64_t count = vd_json_int(vd_json_member(classes, i, &name), -1);
        if (count < 0 || count > INT32_MAX)
            return vd_fail(why, VD_INVALID, "the count of class '%.40s' is none", name);
        v->count += (uint64_t)count;
    }
    v->detail = classes;
    v->here = v->count >= VD_WATCH_DETECTIONS && w->model[0];
    memcpy(v->model, w->model, sizeof v->model);
    return VD_OK;
}

static void read_model(const vd_json *model, watch_window *w)
{
    vd_digest digest;
    const char *hex = vd_json_text(vd_json_get(model, "digest"), "");
    if (!vd_digest_parse(vd_slice_str(hex), &digest)) return;
    memcpy(w->model, digest.hex, sizeof w->model);
    vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(model, "name"), "")), w->model_name,
                      sizeof w->model_name);
}

static vd_err read_picture(const vd_json *node, watch_window *w, vd_why *why)
{
    vd_event_evidence *p = &w->picture;
    const char *at = vd_json_text(vd_json_get(node, "captured_at"), "");
    int64_t bytes = vd_json_int(vd_json_get(node, "bytes"), 0);
    if (!node) return VD_OK;
    *p = (vd_event_evidence){ .kind = "snapshot",
                              .bytes = (uint64_t)bytes,
                              .content_type = "image/jpeg",
                              .width_px = vd_json_int(vd_json_get(node, "width"), 0),
                              .height_px = vd_json_int(vd_json_get(node, "height"), 0) };
    if (!vd_digest_parse(vd_slice_str(vd_json_text(vd_json_get(node, "digest"), "")), &p->digest) ||
        !vd_utc_parse(vd_slice_str(at), &p->start_utc_us) || bytes < 1 || bytes > 4 << 20 ||
        p->width_px < 1 || p->width_px > 16384 || p->height_px < 1 || p->height_px > 16384)
        return vd_fail(why, VD_INVALID, "'picture' is not as it should be");
    p->end_utc_us = p->start_utc_us;
    w->has_picture = true;
    return VD_OK;
}

static vd_err read_window(const vd_json *root, const char *device, vd_arena *arena, watch_window *w,
                          vd_why *why)
{
    raw_window raw = { .camera = "" };
    vd_err err = vd_json_read(root, window_fields, VD_COUNT_OF(window_fields), &raw, arena, why);
    if (err) return err;
    if (!camera_id_ok(raw.camera)) return vd_fail(why, VD_INVALID, "'camera' is no camera id");
    if (raw.end_us <= raw.start_us || raw.end_us - raw.start_us > WINDOW_MAX_US)
        return vd_fail(why, VD_INVALID, "'end' must be after 'start', by two days at most");
    if (raw.end_us > vd_clock_utc_us() + FUTURE_US)
        return vd_fail(why, VD_INVALID, "the window lies in the future: is the clock right?");
    vd_slice_to_chars(vd_slice_str(device), w->device, sizeof w->device);
    vd_slice_to_chars(vd_slice_str(raw.camera), w->camera, sizeof w->camera);
    w->start_us = raw.start_us;
    w->end_us = raw.end_us;
    w->pictures = raw.pictures;
    w->live_us = (int64_t)raw.live_ms * 1000;
    if (w->live_us > w->end_us - w->start_us) w->live_us = w->end_us - w->start_us;
    read_model(raw.model, w);
    err = read_series(&raw, w, why);
    if (!err) err = read_classes(raw.classes, w, why);
    return err ? err : read_picture(raw.picture, w, why);
}

static vd_err keep(vd_store *store, const watch_window *w, vd_slice json, bool *ret_new,
                   vd_why *why)
{
    uint64_t rows = 0;
    vd_stmt *add = vd_store_stmt(store, "watch_window_add");
    vd_bind_text(add, "device", w->device);
    vd_bind_text(add, "camera", w->camera);
    vd_bind_int(add, "start_us", w->start_us);
    vd_bind_int(add, "end_us", w->end_us);
    vd_bind_int(add, "pictures", (int64_t)w->pictures);
    vd_bind_int(add, "live_us", w->live_us);
    vd_bind_slice(add, "json", json);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    if (w->has_picture) {
        vd_bind_text(add, "picture", w->picture.digest.hex);
        vd_bind_int(add, "bytes", (int64_t)w->picture.bytes);
        vd_bind_int(add, "width_px", w->picture.width_px);
        vd_bind_int(add, "height_px", w->picture.height_px);
        vd_bind_int(add, "captured_us", w->picture.start_utc_us);
    }
    vd_err err = vd_stmt_run(add, &rows, why);
    *ret_new = rows > 0;
    return err;
}

/* The device may send the picture from now on. */
static vd_err expect_picture(vd_store *store, const watch_window *w, vd_why *why)
{
    char id[VD_LIMIT_NAME_BYTES + 40];
    (void)snprintf(id, sizeof id, "%s/%s", w->device, w->camera);
    const vd_archive_use use = { .what = "watch",
                                 .id = id,
                                 .content_type = "image/jpeg",
                                 .device = w->device,
                                 .bytes = w->picture.bytes };
    return w->has_picture ? vd_archive_use_add(store, &w->picture.digest, &use, why) : VD_OK;
}

vd_err vd_watch_take(vd_store *store, const vd_watch_config *config, const char *device,
                     vd_slice json, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(SKETCH_BYTES_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    watch_window w = { .pictures = 0 };
    bool is_new = false;
    if (!arena) return VD_FULL;
    vd_err err = vd_json_parse(json, SKETCH_BYTES_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    if (!err) err = read_window(root, device, arena, &w, why);
    if (!err) err = keep(store, &w, json, &is_new, why);
    if (err || !is_new) return err;
    err = expect_picture(store, &w, why);
    if (!err) err = watch_judge(store, config, &w, why);
    if (!err && config->changed) config->changed(config->ctx, w.device, w.camera);
    return err;
}

vd_err vd_watch_check(const char *device, vd_slice json, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(SKETCH_BYTES_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    watch_window w = { .pictures = 0 };
    if (!arena) return VD_FULL;
    vd_err err = vd_json_parse(json, SKETCH_BYTES_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    return err ? err : read_window(root, device, arena, &w, why);
}

vd_err vd_watch_trim(vd_store *store, vd_why *why)
{
    int64_t before_us = vd_clock_utc_us() - VD_WATCH_KEEP_DAYS * 86400000000ll;
    vd_stmt *values = vd_store_stmt(store, "watch_trim_values");
    vd_bind_int(values, "before_us", before_us);
    vd_err err = vd_stmt_run(values, NULL, why);
    if (err) return err;
    vd_stmt *windows = vd_store_stmt(store, "watch_trim_windows");
    vd_bind_int(windows, "before_us", before_us);
    return vd_stmt_run(windows, NULL, why);
}
