#include "view_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dice_priv.h"
#include "limits.h"
#include "vd/file.h"

#define GREY_LUMA      114
#define GREY_CHROMA    128
#define SEEN_LEAST     0.3f /* of a box's area must stay inside after a crop */
#define PICTURE_MAX    (64u << 20)
#define SHIFT_PER_UNIT 64.0f /* of brightness for colour 1 */

size_t view_numbers(const vd_tensor_spec *spec)
{
    return (size_t)spec->width_px * (size_t)spec->height_px * 3;
}

vd_err view_init(view *v, const vd_tensor_spec *spec, vd_why *why)
{
    v->tensor = calloc(view_numbers(spec), sizeof(float));
    if (!v->tensor || vd_preparer_new(&v->preparer))
        return vd_fail(why, VD_FULL, "there is no memory for a picture");
    return VD_OK;
}

void view_done(view *v)
{
    free(v->tensor);
    v->tensor = NULL;
    v->preparer = vd_preparer_free(v->preparer);
}

static vd_err load_bytes(const char *folder, const char *digest, vd_buf *into, vd_why *why)
{
    char path[4][TRAINER_PATH_ROOM];
    vd_err err = VD_ABSENT;
    (void)snprintf(path[0], sizeof(path[0]), "%s/%s", folder, digest);
    (void)snprintf(path[1], sizeof(path[1]), "%s/%s.jpg", folder, digest);
    (void)snprintf(path[2], sizeof(path[2]), "%s/%s.jpeg", folder, digest);
    (void)snprintf(path[3], sizeof(path[3]), "%s/%.2s/%s", folder, digest, digest);
    for (size_t i = 0; i < VD_COUNT_OF(path) && err == VD_ABSENT; i++) {
        vd_buf_clear(into);
        err = vd_file_load(path[i], into, why);
    }
    if (err != VD_ABSENT) return err;
    vd_fail(why, VD_ABSENT, "a picture of the dataset is not there");
    vd_why_detail(why, "%s in %s", digest, folder);
    return VD_ABSENT;
}

vd_err view_load(const char *folder, const char *digest, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(PICTURE_MAX);
    vd_why inner = { 0 };
    vd_err err = load_bytes(folder, digest, &bytes, why);
    if (err) return err;
    if (strcmp(vd_sha256(vd_buf_slice(&bytes)).hex, digest) != 0)
        return vd_fail(why, VD_CORRUPT, "picture %s is not what its name says", digest);
    err = vd_frame_from_image(vd_buf_slice(&bytes), ret_frame, &inner);
    if (!err) return VD_OK;
    vd_fail(why, err, "picture %s cannot be used", digest);
    vd_why_detail(why, "%s", inner.fact);
    vd_why_hint(why, "mark it as unusable and make a new version of the dataset");
    return err;
}

/* ---- what a seed decides ---- */

typedef struct {
    bool flip;
    int width, height; /* of the canvas, even */
    int left, top;     /* of the picture on it, even, may be below 0 */
    float contrast, shift, gain[3];
} choice;

static int even(float number)
{
    return (int)lrintf(number / 2) * 2;
}

static choice choose(const vd_picture *from, const char *digest, unsigned number,
                     const trainer_settings *s)
{
    choice c = { .width = from->width_px, .height = from->height_px, .contrast = 1 };
    uint64_t purpose = number;
    for (int i = 0; i < 12; i++) purpose = purpose * 131 + (uint8_t)digest[i];
    dice d = dice_of((uint64_t)s->seed, purpose);
    float scale = (float)s->scale, colour = (float)s->colour;
    for (int i = 0; i < 3; i++) c.gain[i] = 1;
    if (!number || !s->augment) return c;
    c.flip = dice_unit(&d) < (float)s->flip;
    float zoom = dice_between(&d, 1 - scale, 1 + scale);
    c.width = even((float)from->width_px * zoom);
    c.height = even((float)from->height_px * zoom);
    if (c.width < 16 || c.height < 16) c.width = from->width_px, c.height = from->height_px;
    c.left = even(dice_unit(&d) * (float)(c.width - from->width_px));
    c.top = even(dice_unit(&d) * (float)(c.height - from->height_px));
    c.contrast = dice_between(&d, 1 - colour, 1 + colour);
    c.shift = SHIFT_PER_UNIT * dice_between(&d, -colour, colour);
    for (int i = 0; i < 3; i++) c.gain[i] = dice_between(&d, 1 - colour / 4, 1 + colour / 4);
    return c;
}

/* One plane of the picture onto one of the canvas, cut to fit; sizes in the plane's own pixels. */
static void paint(uint8_t *to, int to_width, int to_height, const uint8_t *from, int stride,
                  int width, int height, int left, int top)
{
    int first = left < 0 ? -left : 0;
    int count = (width < to_width - left ? width : to_width - left) - first;
    for (int y = 0; y < height; y++) {
        int at = y + top;
        if (at < 0 || at >= to_height || count <= 0) continue;
        memcpy(to + (ptrdiff_t)at * to_width + left + first, from + (ptrdiff_t)y * stride + first,
               (size_t)count);
    }
}

static vd_err place(const vd_frame *frame, const choice *c, vd_frame **ret_frame, vd_why *why)
{
    const vd_picture *from = vd_frame_picture(frame);
    vd_picture canvas = *from;
    size_t luma = (size_t)c->width * (size_t)c->height;
    uint8_t *planes = malloc(luma * 3 / 2);
    if (!planes) return vd_fail(why, VD_FULL, "there is no memory for a picture");
    memset(planes, GREY_LUMA, luma);
    memset(planes + luma, GREY_CHROMA, luma / 2);
    canvas.width_px = c->width;
    canvas.height_px = c->height;
    for (int i = 0; i < 3; i++) {
        uint8_t *plane = planes + (i ? luma + (size_t)(i - 1) * (luma / 4) : 0);
        int half = i ? 2 : 1;
        canvas.plane[i] = plane;
        canvas.stride[i] = c->width / half;
        paint(plane, c->width / half, c->height / half, from->plane[i], from->stride[i],
              (from->width_px + half - 1) / half, (from->height_px + half - 1) / half,
              c->left / half, c->top / half);
    }
    vd_err err = vd_frame_copy(&canvas, ret_frame);
    free(planes);
    return err ? vd_fail(why, err, "a picture could not be placed") : VD_OK;
}

/* Grey has no cast; of hue, saturation and value only the last is light. */
static void colour(float *tensor, const vd_tensor_spec *spec, const choice *c)
{
    size_t pixels = view_numbers(spec) / 3;
    bool planes = spec->layout == VD_LAYOUT_NCHW, casts = spec->colour == VD_COLOUR_PLAIN;
    for (size_t i = 0; i < pixels * 3; i++) {
        size_t channel = planes ? i / pixels : i % 3;
        float scale = spec->scale[channel], mean = spec->mean[channel];
        float raw = tensor[i] / scale + mean;
        if (spec->colour == VD_COLOUR_HSV && channel < 2) continue;
        raw = ((raw - 128) * c->contrast + 128 + c->shift) * (casts ? c->gain[channel] : 1);
        raw = raw < 0 ? 0 : raw > 255 ? 255 : raw;
        tensor[i] = (raw - mean) * scale;
    }
}

static void flip_row(float *row, int width, int step)
{
    for (int x = 0; x < width / 2; x++)
        for (int k = 0; k < step; k++) {
            float *a = row + x * step + k, *b = row + (width - 1 - x) * step + k;
            float keep = *a;
            *a = *b;
            *b = keep;
        }
}

static void flip(float *tensor, const vd_tensor_spec *spec)
{
    bool planes = spec->layout == VD_LAYOUT_NCHW;
    int step = planes ? 1 : 3, rows = spec->height_px * (planes ? 3 : 1);
    for (int y = 0; y < rows; y++)
        flip_row(tensor + (ptrdiff_t)y * spec->width_px * step, spec->width_px, step);
}

typedef struct {
    float l, t, r, b;
} edges;

static float area(const edges *e)
{
    return (e->r - e->l) * (e->b - e->t);
}

/* What of it is inside; returns the share that is left. */
static float keep_inside(edges *e, const edges *of)
{
    float before = area(e);
    e->l = fminf(fmaxf(e->l, of->l), of->r), e->r = fminf(fmaxf(e->r, of->l), of->r);
    e->t = fminf(fmaxf(e->t, of->t), of->b), e->b = fminf(fmaxf(e->b, of->t), of->b);
    return before > 0 ? area(e) / before : 0;
}

/* From 0..1 of the picture to 0..1 of the prepared one: the smallest box that holds its corners and
 * the middles of its sides, as detections come back. */
static edges bend(const vd_prepared *prepared, const edges *e)
{
    edges to = { INFINITY, INFINITY, -INFINITY, -INFINITY };
    if (!prepared->bends) return *e;
    for (int i = 0; i < 9; i++) {
        int across = i % 3, down = i / 3;
        double x = (double)(e->l + (e->r - e->l) * (float)across / 2);
        double y = (double)(e->t + (e->b - e->t) * (float)down / 2);
        vd_prepared_on(prepared, &x, &y);
        if (!isfinite(x + y)) continue;
        to.l = fminf(to.l, (float)x), to.r = fmaxf(to.r, (float)x);
        to.t = fminf(to.t, (float)y), to.b = fmaxf(to.b, (float)y);
    }
    return to;
}

/* What of the prepared picture is seen, in shares of it. */
static edges window(const vd_prepared *p)
{
    float wide = (float)p->picture.width_px, high = (float)p->picture.height_px;
    return (edges){ (float)p->part.left / wide, (float)p->part.top / high,
                    (float)(p->part.left + p->part.width) / wide,
                    (float)(p->part.top + p->part.height) / high };
}

/* Where the box lies on the tensor; false when crops have taken most of it. */
static bool map_box(const set_box *from, const vd_picture *picture, const choice *c,
                    const vd_tensor_spec *spec, const vd_tensor_map *map,
                    const vd_prepared *prepared, view_box *ret_box)
{
    const edges canvas = { 0, 0, (float)c->width, (float)c->height }, seen = window(prepared);
    edges e = { from->l * (float)picture->width_px + (float)c->left,
                from->t * (float)picture->height_px + (float)c->top, 0, 0 };
    e.r = e.l + from->w * (float)picture->width_px;
    e.b = e.t + from->h * (float)picture->height_px;
    float left = keep_inside(&e, &canvas);
    e = (edges){ e.l / canvas.r, e.t / canvas.b, e.r / canvas.r, e.b / canvas.b };
    e = bend(prepared, &e);
    if (!(e.r > e.l && e.b > e.t) || left * keep_inside(&e, &seen) < SEEN_LEAST) return false;
    *ret_box = (view_box){ .l = e.l / map->sx + map->dx_px,
                           .t = e.t / map->sy + map->dy_px,
                           .r = e.r / map->sx + map->dx_px,
                           .b = e.b / map->sy + map->dy_px,
                           .class_id = from->class_id };
    if (c->flip) {
        float keep = (float)spec->width_px - ret_box->l;
        ret_box->l = (float)spec->width_px - ret_box->r;
        ret_box->r = keep;
    }
    return ret_box->r > ret_box->l && ret_box->b > ret_box->t;
}

vd_err view_make(const vd_frame *frame, const set_picture *picture, unsigned number,
                 const trainer_settings *s, const vd_descriptor_facts *facts, view *ret_view,
                 vd_why *why)
{
    const vd_picture *from = vd_frame_picture(frame);
    choice c = choose(from, picture->digest, number, s);
    vd_tensor_spec spec = facts->tensor;
    vd_tensor_map map;
    vd_prepared prepared;
    vd_frame *canvas = NULL;
    bool moved = c.width != from->width_px || c.height != from->height_px;
    vd_err err = moved ? place(frame, &c, &canvas, why) : VD_OK;
    if (!err)
        err =
            vd_preparer_run(ret_view->preparer, facts->chain,
                            vd_frame_picture(moved ? canvas : frame), NULL, &spec, &prepared, why);
    if (!err) {
        spec.light = prepared.light;
        vd_picture_tensor(&prepared.picture, &prepared.part, &spec, ret_view->tensor, &map);
    }
    (void)vd_frame_unref(canvas);
    if (err) return err;
    if (number && s->augment) colour(ret_view->tensor, &spec, &c);
    if (c.flip) flip(ret_view->tensor, &spec);
    ret_view->box_count = 0;
    for (unsigned i = 0; i < picture->box_count; i++)
        if (map_box(&picture->box[i], from, &c, &spec, &map, &prepared,
                    &ret_view->box[ret_view->box_count]))
            ret_view->box_count++;
    return VD_OK;
}
