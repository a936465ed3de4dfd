/* The YOLO family: one row (or column) of numbers for each anchor.
 *
 *   yolox    cx cy w h object class...   raw: a grid cell and a stride are still to be applied
 *   yolov5   cx cy w h object class...   pixels of the tensor
 *   yolov8   cx cy w h class...          pixels of the tensor, usually [1, fields, anchors]
 *   yolov8-pose   the same, then x y score of each key point
 *
 * Any of them may be the other way round; the descriptor's number of classes tells which. */
#include "decode_priv.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const float *data;
    int64_t anchors, anchor_step, field_step;
    int first_class, classes;
} grid;

static vd_err read_form(const decoder *d, const decode_tensor *in, grid *ret_grid, vd_why *why)
{
    bool pose = d->descriptor->decode == DECODE_YOLOV8_POSE;
    int first_class = pose || d->descriptor->decode == DECODE_YOLOV8 ? 4 : 5;
    int64_t fields = first_class + (int64_t)d->descriptor->class_count;
    if (pose) fields += 3 * (int64_t)d->descriptor->points;
    if (in->type != TENSOR_F32 || in->rank != 3 || in->dim[0] != 1 ||
        (in->dim[1] != fields && in->dim[2] != fields))
        return decode_misfit(in, why,
                             pose ? "[1,N,4+classes+3*points], or the other way round, is"
                             : first_class == 4 ? "[1,N,4+classes] or [1,4+classes,N] is"
                                                : "[1,N,5+classes] or [1,5+classes,N] is");
    bool rows = in->dim[2] == fields;
    *ret_grid = (grid){ .data = in->data,
                        .anchors = rows ? in->dim[1] : in->dim[2],
                        .anchor_step = rows ? fields : 1,
                        .field_step = rows ? 1 : in->dim[2],
                        .first_class = first_class,
                        .classes = (int)d->descriptor->class_count };
    return VD_OK;
}

/* Rows: one anchor after the other, as memory lies. */
static void best_by_row(decoder *d, const grid *g)
{
    for (int64_t a = 0; a < g->anchors; a++) {
        const float *scores = g->data + a * g->anchor_step + g->first_class;
        int best = 0;
        for (int c = 1; c < g->classes; c++)
            if (scores[c] > scores[best]) best = c;
        d->best[a] = scores[best];
        d->best_class[a] = (uint16_t)best;
    }
}

/* Columns: one class over all anchors, again as memory lies. */
static void best_by_column(decoder *d, const grid *g)
{
    for (int c = 0; c < g->classes; c++) {
        const float *scores = g->data + (g->first_class + c) * g->field_step;
        for (int64_t a = 0; a < g->anchors; a++) {
            if (c && !(scores[a] > d->best[a])) continue;
            d->best[a] = scores[a];
            d->best_class[a] = (uint16_t)c;
        }
    }
}

static void add_anchor(decoder *d, const grid *g, int64_t anchor, float stride, float cell_x,
                       float cell_y)
{
    const float *row = g->data + anchor * g->anchor_step;
    int64_t step = g->field_step;
    float score = d->best[anchor];
    if (g->first_class == 5) score *= row[4 * step];
    if (!(score >= VD_SCORE_FLOOR)) return;
    float x = row[0], y = row[step], w = row[2 * step], h = row[3 * step];
    if (stride > 0) {
        x = (x + cell_x) * stride;
        y = (y + cell_y) * stride;
        w = expf(w) * stride;
        h = expf(h) * stride;
    }
    decode_add_from(d, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, d->best_class[anchor],
                    (int32_t)anchor);
}

static const int strides[] = { 8, 16, 32 };

static int64_t cells(const vd_tensor_spec *spec)
{
    int64_t count = 0;
    for (unsigned i = 0; i < VD_COUNT_OF(strides); i++)
        count += (int64_t)(spec->width_px / strides[i]) * (spec->height_px / strides[i]);
    return count;
}

static void add_cells(decoder *d, const grid *g)
{
    int64_t anchor = 0;
    for (unsigned i = 0; i < VD_COUNT_OF(strides); i++)
        for (int y = 0; y < d->descriptor->tensor.height_px / strides[i]; y++)
            for (int x = 0; x < d->descriptor->tensor.width_px / strides[i]; x++)
                add_anchor(d, g, anchor++, (float)strides[i], (float)x, (float)y);
}

vd_err decode_yolo(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    grid g = { 0 };
    bool raw = d->descriptor->decode == DECODE_YOLOX;
    vd_err err = read_form(d, &tensors[ROLE_MAIN], &g, why);
    if (!err && raw && g.anchors != cells(&d->descriptor->tensor))
        err = decode_misfit(&tensors[ROLE_MAIN], why,
                            "one anchor for each cell of strides 8, 16 and 32 is");
    if (!err) err = decode_best_room(d, g.anchors, why);
    if (err) return err;
    d->rows.data = g.data;
    d->rows.row_step = g.anchor_step;
    d->rows.field_step = g.field_step;
    if (g.anchor_step > 1)
        best_by_row(d, &g);
    else
        best_by_column(d, &g);
    if (raw)
        add_cells(d, &g);
    else
        for (int64_t a = 0; a < g.anchors; a++) add_anchor(d, &g, a, 0, 0, 0);
    return VD_OK;
}
