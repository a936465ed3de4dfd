/* preview.c - a picture before and after a chain, side by side: left as the camera sends it, with
 * what the model finds in it; right what the model is given. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_priv.h"
#include "inference.h"

#define PANEL_PX    640 /* width of each side */
#define SIDE_MAX    4096
#define CHAIN_BYTES 65536
#define BOXES_MAX   (VD_DETECTIONS_MAX + VD_TILES_MAX)

typedef struct {
    vd_frame *frame, *after, *both;
    vd_model *model;
    vd_preparer *preparer;
    vd_chain chain;
    int width, height; /* of a panel */
    unsigned boxes;
    vd_event_box box[BOXES_MAX];
    vd_detections found;
} scene;

static scene *scene_free(scene *s)
{
    if (!s) return NULL;
    vd_frame_unref(s->frame);
    vd_frame_unref(s->after);
    vd_frame_unref(s->both);
    vd_preparer_free(s->preparer);
    vd_model_free(s->model);
    free(s);
    return NULL;
}

/* A file, or DEVICE/CAMERA of the hub. */
static vd_err load_picture(const char *what, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(API_BYTES);
    const char *slash = strchr(what, '/');
    vd_err err;

    if (access(what, R_OK) == 0 || !slash || strchr(slash + 1, '/')) {
        err = vd_file_load(what, &bytes, why);
        if (err) vd_why_hint(why, "name a picture's file, or DEVICE/CAMERA of the hub");
    } else {
        VD_AUTO(api_ptr) a = NULL;
        VD_AUTO(vd_buf) path = VD_BUF(4096);
        char device[256];
        if (!vd_slice_to_chars(vd_slice_of(what, (size_t)(slash - what)), device, sizeof device))
            return vd_fail(why, VD_INVALID, "the device's name is too long");
        vd_buf_add_str(&path, "/api/v1/cameras");
        path_add(&path, device);
        path_add(&path, slash + 1);
        vd_buf_add_str(&path, "/picture");
        err = api_open(&a, why);
        if (!err) err = api_fetch(a, path.data, &bytes, why);
    }
    return err ? err : vd_frame_from_image(vd_buf_slice(&bytes), ret_frame, why);
}

/* The text itself, or a file that holds it. */
vd_err cli_chain(const cli *c, vd_chain_owner owner, vd_chain *ret_chain, vd_why *why)
{
    VD_AUTO(vd_buf) file = VD_BUF(CHAIN_BYTES);
    const char *text = cli_option(c, "chain");

    if (!text) return VD_OK;
    if (access(text, R_OK) != 0)
        return vd_chain_parse(vd_slice_str(text), "--chain", owner, ret_chain, why);
    vd_err err = vd_file_load(text, &file, why);
    return err ? err : vd_chain_parse(vd_buf_slice(&file), text, owner, ret_chain, why);
}

/* A chain beside a model is a camera's. */
static vd_err load_chain(const cli *c, scene *s, vd_why *why)
{
    return cli_chain(c, s->model ? VD_CHAIN_OF_CAMERA : VD_CHAIN_OF_MODEL, &s->chain, why);
}

static vd_err load_model(const cli *c, scene *s, vd_why *why)
{
    char path[4096];
    const vd_model_options options = { .threads = 0 };

    if (!cli_option(c, "model")) return VD_OK;
    vd_err err = model_path_of(c, cli_option(c, "model"), path, sizeof path, why);
    return err ? err : vd_model_load(path, &options, &s->model, why);
}

static uint8_t byte_of(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* Channel c (red, green, blue) of a pixel, 0..255 again; of HSV its three channels as they are. */
static double channel(const float *tensor, const vd_tensor_spec *t, int x, int y, int c)
{
    size_t width = (size_t)t->width_px, at = (size_t)y * width + (size_t)x;
    int place = t->bgr && t->colour != VD_COLOUR_HSV ? 2 - c : c;
    bool planar = t->layout == VD_LAYOUT_NCHW;
    size_t index =
        planar ? (size_t)place * width * (size_t)t->height_px + at : at * 3 + (size_t)place;
    double scale = (double)t->scale[place];

    return (scale > 0 || scale < 0 ? (double)tensor[index] / scale : 0) + (double)t->mean[place];
}

/* A tensor as a picture again. */
static vd_err frame_of(const float *tensor, const vd_tensor_spec *t, vd_frame **ret_frame)
{
    int width = t->width_px, height = t->height_px, half = (width + 1) / 2;
    size_t luma = (size_t)width * (size_t)height,
           chroma = (size_t)half * (size_t)((height + 1) / 2);
    uint8_t *y_plane = calloc(1, luma + 2 * chroma), *u_plane = y_plane + luma;
    vd_picture p = { .width_px = width,
                     .height_px = height,
                     .plane = { y_plane, u_plane, u_plane + chroma },
                     .stride = { width, half, half },
                     .full_range = true };

    if (!y_plane) return VD_FULL;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double r = channel(tensor, t, x, y, 0), g = channel(tensor, t, x, y, 1);
            double b = channel(tensor, t, x, y, 2), luma_of = 0.299 * r + 0.587 * g + 0.114 * b;
            size_t at = (size_t)(y / 2) * (size_t)half + (size_t)(x / 2);
            y_plane[(size_t)y * (size_t)width + (size_t)x] = byte_of(luma_of);
            u_plane[at] = byte_of(128 + (b - luma_of) / 1.772);
            u_plane[chroma + at] = byte_of(128 + (r - luma_of) / 1.402);
        }
    vd_err err = vd_frame_copy(&p, ret_frame);
    free(y_plane);
    return err;
}

static void add_box(scene *s, double l, double t, double w, double h, const char *name,
                    double score)
{
    if (s->boxes == BOXES_MAX) return;
    s->box[s->boxes++] = (vd_event_box){ .box = { (float)l, (float)t, (float)w, (float)h },
                                         .class_name = name,
                                         .score = score };
}

/* The frame's way into one side of a picture, and its boxes with it. */
static void place_in_panel(const scene *s, const vd_tensor_map *map, int side, vd_event_rect *box)
{
    float width = (float)s->width, height = (float)s->height;
    float left = box->l / map->sx + map->dx_px + (float)side * width;
    float top = box->t / map->sy + map->dy_px;

    *box = (vd_event_rect){ left / (2 * width), top / height, box->w / map->sx / (2 * width),
                            box->h / map->sy / height };
}

/* What the chain alone makes of the picture; its tiles are drawn on it. */
static vd_err show_chain(scene *s, vd_why *why)
{
    vd_prepared prepared;
    vd_tensor_map map;
    vd_part_px tile[VD_TILES_MAX + 1];
    unsigned tiles = 0;
    vd_err err = vd_preparer_new(&s->preparer);
    if (!err)
        err = vd_preparer_run(s->preparer, &s->chain, vd_frame_picture(s->frame), NULL, NULL,
                              &prepared, why);
    if (!err && s->chain.tiles.width_px)
        err = vd_chain_tiles(&s->chain.tiles, &prepared.part, tile, &tiles, why);
    if (err) return err;
    const vd_part_px *part = &prepared.part;
    vd_tensor_spec spec = { .fit = VD_FIT_STRETCH,
                            .layout = VD_LAYOUT_NHWC,
                            .colour = s->chain.colour,
                            .scale = { 1, 1, 1 },
                            .light = prepared.light };
    spec.width_px = part->width < SIDE_MAX ? part->width : SIDE_MAX;
    spec.height_px = part->height < SIDE_MAX ? part->height : SIDE_MAX;
    float *tensor = malloc((size_t)spec.width_px * (size_t)spec.height_px * 3 * sizeof *tensor);
    if (!tensor) return vd_fail(why, VD_FULL, "there is no memory for a picture");
    vd_picture_tensor(&prepared.picture, part, &spec, tensor, &map);
    err = frame_of(tensor, &spec, &s->after);
    free(tensor);
    double w = part->width, h = part->height;
    for (unsigned i = 0; i < tiles; i++)
        if (tile[i].width < part->width || tile[i].height < part->height)
            add_box(s, (tile[i].left - part->left) / w, (tile[i].top - part->top) / h,
                    tile[i].width / w, tile[i].height / h, "tile", 0);
    return err ? vd_fail(why, err, "there is no memory for a picture") : VD_OK;
}

/* What the model is given; of a tiled picture it is many things: then the chain's work is shown. */
static vd_err show_after(scene *s, const vd_chain *own, vd_why *why)
{
    const float *tensor;
    vd_tensor_spec spec;
    vd_chain both;
    vd_err err = vd_chain_join(&s->chain, own, &both, why);

    if (err) return err;
    if (!s->model || both.tiles.width_px) {
        s->chain = both;
        return show_chain(s, why);
    }
    err = vd_model_show(s->model, &s->chain, s->frame, &tensor, &spec, why);
    if (!err && frame_of(tensor, &spec, &s->after))
        err = vd_fail(why, VD_FULL, "there is no memory for a picture");
    return err;
}

static void put_panel(const vd_picture *from, int side, const vd_picture *into)
{
    for (int plane = 0; plane < 3; plane++) {
        int half = plane ? 1 : 0, width = from->width_px >> half, height = from->height_px >> half;
        uint8_t *to = (uint8_t *)(uintptr_t)into->plane[plane] + side * width;
        for (int y = 0; y < height; y++, to += into->stride[plane])
            memcpy(to, from->plane[plane] + (ptrdiff_t)y * from->stride[plane], (size_t)width);
    }
}

/* Both sides in one picture, with boxes from `first` on on the right side. */
static vd_err join(scene *s, unsigned first, vd_why *why)
{
    size_t luma = (size_t)s->width * 2 * (size_t)s->height;
    uint8_t *memory = malloc(luma + luma / 2);
    vd_picture both = { .width_px = s->width * 2,
                        .height_px = s->height,
                        .plane = { memory, memory + luma, memory + luma + luma / 4 },
                        .stride = { s->width * 2, s->width, s->width },
                        .full_range = true };
    vd_err err = memory ? VD_OK : vd_fail(why, VD_FULL, "there is no memory for a picture");

    for (int side = 0; side < 2 && !err; side++) {
        vd_frame *panel = NULL;
        vd_tensor_map map;
        err =
            vd_frame_letterbox(side ? s->after : s->frame, s->width, s->height, &panel, &map, why);
        if (err) break;
        put_panel(vd_frame_picture(panel), side, &both);
        unsigned from = side ? first : 0, to = side ? s->boxes : first;
        for (unsigned i = from; i < to; i++) place_in_panel(s, &map, side, &s->box[i].box);
        vd_frame_unref(panel);
    }
    if (!err && vd_frame_copy(&both, &s->both))
        err = vd_fail(why, VD_FULL, "there is no memory for a picture");
    free(memory);
    return err;
}

static vd_err find(scene *s, vd_why *why)
{
    if (!s->model) return VD_OK;
    vd_err err = vd_model_run_chain(s->model, &s->chain, s->frame, NULL, &s->found, why);

    for (unsigned i = 0; !err && i < s->found.count; i++) {
        const vd_detection *d = &s->found.item[i];
        if (d->score < vd_model_score_min(s->model)) continue;
        add_box(s, (double)d->box.l, (double)d->box.t, (double)d->box.w, (double)d->box.h,
                vd_model_class_name(s->model, d->class_id), (double)d->score);
    }
    return err;
}

static vd_err tell(const cli *c, const scene *s, unsigned found, const char *out, vd_why *why)
{
    static const column fields[] = { { "picture", "picture" },
                                     { "chain", "chain" },
                                     { "found", "found" },
                                     { "prepared us", "preprocess_us" },
                                     { "run us", "run_us" } };
    VD_AUTO(vd_buf) chain = VD_BUF(CHAIN_BYTES);
    VD_AUTO(vd_buf) text = VD_BUF(CHAIN_BYTES);
    vd_json_w w = vd_json_writer(&text);

    if (!vd_chain_print(&s->chain, &chain)) return vd_fail(why, VD_FULL, "the chain is too long");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "picture", out);
    vd_json_w_kv_text(&w, "chain", chain.data);
    if (s->model) {
        vd_json_w_kv_int(&w, "found", found);
        vd_json_w_kv_int(&w, "preprocess_us", s->found.preprocess_us);
        vd_json_w_kv_int(&w, "run_us", s->found.run_us);
    }
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    return err ? err : doc_print(&text, fields, VD_COUNT_OF(fields), c->json, NULL, why);
}

/* The model's own chain, which is shown with the camera's. */
static vd_err own_chain(const cli *c, vd_chain *ret_chain, vd_why *why)
{
    char path[4096];
    vd_descriptor *descriptor = NULL;

    *ret_chain = (vd_chain){ 0 };
    if (!cli_option(c, "model")) return VD_OK;
    vd_err err = model_path_of(c, cli_option(c, "model"), path, sizeof path, why);
    if (!err) err = vd_descriptor_load(path, &descriptor, why);
    if (!err) *ret_chain = *vd_descriptor_facts_of(descriptor)->chain;
    vd_descriptor_free(descriptor);
    return err;
}

static vd_err load(cli *c, scene *s, vd_chain *ret_own, vd_why *why)
{
    vd_err err = load_picture(cli_argument(c, 0), &s->frame, why);

    if (!err) err = load_model(c, s, why);
    if (!err) err = load_chain(c, s, why);
    return err ? err : own_chain(c, ret_own, why);
}

static vd_err draw(cli *c, scene *s, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(API_BYTES);
    const char *out = cli_option(c, "out") ? cli_option(c, "out") : "preview.jpg";
    uint64_t width = PANEL_PX;
    vd_chain own;

    vd_err err = cli_number(c, "width", SIDE_MAX / 2, &width, why);
    if (!err && width < 64) err = vd_fail(why, VD_INVALID, "--width is 64 to %d", SIDE_MAX / 2);
    if (!err) err = load(c, s, &own, why);
    if (!err) err = find(s, why);
    if (err) return err;
    const vd_picture *p = vd_frame_picture(s->frame);
    unsigned found = s->boxes;
    s->width = (int)width & ~1;
    s->height = (int)((int64_t)s->width * p->height_px / p->width_px) & ~1;
    s->height = s->height < 16 ? 16 : s->height > SIDE_MAX ? SIDE_MAX : s->height;
    err = show_after(s, &own, why);
    if (!err) err = join(s, found, why);
    if (!err) err = vd_frame_jpeg_boxes(s->both, s->box, s->boxes, &jpeg, why);
    if (!err) err = vd_file_save(out, 0644, vd_buf_slice(&jpeg), why);
    return err ? err : tell(c, s, found, out, why);
}

vd_err run_preview(cli *c, vd_why *why)
{
    scene *s = calloc(1, sizeof *s);

    if (!s) return vd_fail(why, VD_FULL, "there is no memory for a picture");
    vd_err err = draw(c, s, why);
    scene_free(s);
    return err;
}
