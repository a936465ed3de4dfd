/* Outputs with a number for each pixel: what hangs together is one thing.
 *
 *   segments   [1,classes,H,W], [1,H,W,classes] or, as numbers of classes, [1,H,W]
 *   anomaly    [1,1,H,W], [1,H,W] or [1,H,W,1]: how unusual
 *
 * Each pixel gets its best class; pixels of one class that touch at a side are a region, whose
 * score is the mean (segments) or the largest (anomaly) of its pixels. */
#include "decode_priv.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const decode_tensor *in;
    int64_t width, height, classes; /* classes 0: the numbers are the classes */
    int64_t pixel_step, class_step;
    float pixel_min;
} pixel_form;

static bool form_of(const decode_tensor *in, int64_t all, pixel_form *f)
{
    const int64_t *dim = in->dim;
    bool floats = in->type == TENSOR_F32;
    if (in->type == TENSOR_ABSENT || dim[0] != 1) return false;
    if (in->rank == 4 && floats && dim[1] == all)
        *f = (pixel_form){ in, dim[3], dim[2], all, 1, dim[2] * dim[3] };
    else if (in->rank == 4 && floats && dim[3] == all)
        *f = (pixel_form){ in, dim[2], dim[1], all, all, 1 };
    else if (in->rank == 3 && (all > 1 || floats))
        *f = (pixel_form){ in, dim[2], dim[1], all == 1, 1, 0 };
    else
        return false;
    return f->width >= 1 && f->height >= 1 && f->width <= MODEL_SIDE_MAX &&
           f->height <= MODEL_SIDE_MAX;
}

/* A pixel of one class only must be surer than not; of several the best is taken. */
static vd_err read_form(const decoder *d, const decode_tensor *in, pixel_form *f, vd_why *why)
{
    int64_t all = d->descriptor->class_count + (int64_t)d->descriptor->background;
    if (!form_of(in, all, f))
        return decode_misfit(in, why, "[1,classes,H,W], [1,H,W,classes] or [1,H,W] is");
    f->pixel_min = d->descriptor->pixel_min;
    if (f->pixel_min < 0) f->pixel_min = all > 1 ? 0 : 0.5f;
    return VD_OK;
}

static vd_err make_room(decoder *d, const pixel_form *f, vd_why *why)
{
    size_t room = (size_t)(f->width * f->height);
    d->area_width = (int)f->width;
    if (!d->area) d->area = malloc(REGIONS_MAX * sizeof(*d->area));
    if (!d->area) return vd_fail(why, VD_FULL, "there is no memory for regions");
    vd_err err = decode_best_room(d, (int64_t)room, why);
    if (err || room <= d->region_room) return err;
    int32_t *region = realloc(d->region, room * sizeof(*region));
    if (region) d->region = region;
    int32_t *border = realloc(d->border, room * sizeof(*border));
    if (border) d->border = border;
    if (!region || !border) return vd_fail(why, VD_FULL, "there is no memory for regions");
    d->region_room = room;
    return VD_OK;
}

/* Class and score of one pixel; the class is counted without the background. */
static int best_of(const decoder *d, const pixel_form *f, int64_t pixel, float *row,
                   float *ret_score)
{
    int first = d->descriptor->background, best = 0;
    if (!f->classes) {
        double given = decode_number(f->in, pixel);
        *ret_score = 1;
        return given >= 0 && given < MODEL_CLASSES_MAX ? (int)given - first : -1;
    }
    for (int64_t c = 0; c < f->classes; c++)
        row[c] = ((const float *)f->in->data)[pixel * f->pixel_step + c * f->class_step];
    decode_activate(d->descriptor->activation, row, (size_t)f->classes);
    for (int c = 1; c < f->classes; c++)
        if (row[c] > row[best]) best = c;
    *ret_score = row[best];
    return row[best] >= f->pixel_min ? best - first : -1;
}

static vd_err classify(decoder *d, const pixel_form *f, vd_why *why)
{
    int64_t pixels = f->width * f->height;
    float *row = malloc((size_t)(f->classes + 1) * sizeof(float));
    if (!row) return vd_fail(why, VD_FULL, "there is no memory for the scores");
    for (int64_t i = 0; i < pixels; i++) {
        int class_id = best_of(d, f, i, row, &d->best[i]);
        if (!isfinite(d->best[i]) || class_id >= (int)d->descriptor->class_count) class_id = -1;
        d->best_class[i] = (uint16_t)class_id;
        d->region[i] = class_id < 0 ? -1 : 0; /* 0: not visited yet */
    }
    free(row);
    return VD_OK;
}

static void visit(decoder *d, int64_t pixel, uint16_t class_id, int32_t number, size_t *depth)
{
    if (d->region[pixel] != 0 || d->best_class[pixel] != class_id) return;
    d->region[pixel] = number;
    d->border[(*depth)++] = (int32_t)pixel; /* each pixel enters once */
}

typedef struct {
    int64_t pixels;
    double sum;
    float most;
} region_sum;

static region_sum fill(decoder *d, const pixel_form *f, int64_t start, int32_t number,
                       region_area *area)
{
    region_sum s = { 0 };
    uint16_t class_id = d->best_class[start];
    size_t depth = 0;
    *area = (region_area){ (int)f->width, (int)f->height, 0, 0, number };
    visit(d, start, class_id, number, &depth);
    while (depth) {
        int64_t at = d->border[--depth], x = at % f->width, y = at / f->width;
        s.pixels++;
        s.sum += (double)d->best[at];
        s.most = fmaxf(s.most, d->best[at]);
        area->left = x < area->left ? (int)x : area->left;
        area->top = y < area->top ? (int)y : area->top;
        area->right = x >= area->right ? (int)x + 1 : area->right;
        area->bottom = y >= area->bottom ? (int)y + 1 : area->bottom;
        if (x > 0) visit(d, at - 1, class_id, number, &depth);
        if (x + 1 < f->width) visit(d, at + 1, class_id, number, &depth);
        if (y > 0) visit(d, at - f->width, class_id, number, &depth);
        if (y + 1 < f->height) visit(d, at + f->width, class_id, number, &depth);
    }
    return s;
}

static void find_regions(decoder *d, const pixel_form *f)
{
    double least = (double)d->descriptor->area_min * (double)(f->width * f->height);
    float wide = (float)d->descriptor->tensor.width_px / (float)f->width;
    float high = (float)d->descriptor->tensor.height_px / (float)f->height;
    bool anomaly = d->descriptor->decode == DECODE_ANOMALY;
    int32_t kept = 0, mark = 0;
    for (int64_t i = 0; i < f->width * f->height && kept < REGIONS_MAX; i++) {
        if (d->region[i] != 0) continue;
        region_area *a = &d->area[kept];
        region_sum s = fill(d, f, i, ++mark, a);
        float score = anomaly ? s.most : (float)(s.sum / (double)s.pixels);
        if ((double)s.pixels < least) continue;
        decode_add_from(d, (float)a->left * wide, (float)a->top * high, (float)a->right * wide,
                        (float)a->bottom * high, score, d->best_class[i], kept++);
    }
}

vd_err decode_regions(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    pixel_form f = { 0 };
    vd_err err = read_form(d, &tensors[ROLE_MAIN], &f, why);
    if (!err) err = make_room(d, &f, why);
    if (!err) err = classify(d, &f, why);
    if (!err) find_regions(d, &f);
    return err;
}
