/* Detectors without anchors: every cell of every stride says how far its box reaches to the left,
 * top, right and bottom.
 *
 *   nanodet   classes..., then for each side `bins` numbers: softmax gives the share of each whole
 *             distance 0, 1, 2 ... in strides, and the distance is their mean
 *   fcos      the same with one number a side: the distance in strides
 *
 * Cells go stride by stride, row by row. The output may lie the other way round. */
#include "decode_priv.h"

#include <math.h>

typedef struct {
    const float *data;
    int64_t cells, cell_step, field_step;
    int classes, bins;
} cell_grid;

static int64_t count_cells(const model_descriptor *d)
{
    int64_t count = 0;
    for (unsigned i = 0; i < d->stride_count; i++) {
        int wide = (d->tensor.width_px + d->stride[i] - 1) / d->stride[i];
        int high = (d->tensor.height_px + d->stride[i] - 1) / d->stride[i];
        count += (int64_t)wide * high;
    }
    return count;
}

static vd_err read_form(const decoder *d, const decode_tensor *in, cell_grid *ret_grid, vd_why *why)
{
    const model_descriptor *is = d->descriptor;
    int64_t fields = (int64_t)is->class_count + 4 * (int64_t)is->bins, cells = count_cells(is);
    bool rows = in->rank == 3 && in->dim[1] == cells && in->dim[2] == fields;
    bool columns = in->rank == 3 && in->dim[1] == fields && in->dim[2] == cells;
    if (in->type != TENSOR_F32 || in->dim[0] != 1 || (!rows && !columns))
        return decode_misfit(in, why,
                             "[1,cells,classes+4*bins], a cell for each place of each stride, is");
    *ret_grid = (cell_grid){ .data = in->data,
                             .cells = cells,
                             .cell_step = rows ? fields : 1,
                             .field_step = rows ? 1 : cells,
                             .classes = (int)is->class_count,
                             .bins = is->bins };
    return VD_OK;
}

static float side_of(const float *cell, const cell_grid *g, int side)
{
    const float *bin = cell + (g->classes + side * g->bins) * g->field_step;
    float most = bin[0], sum = 0, mean = 0;
    if (g->bins == 1) return bin[0];
    for (int i = 1; i < g->bins; i++) most = fmaxf(most, bin[i * g->field_step]);
    for (int i = 0; i < g->bins; i++) {
        float share = expf(bin[i * g->field_step] - most);
        sum += share;
        mean += share * (float)i;
    }
    return mean / sum;
}

static void add_cell(decoder *d, const cell_grid *g, int64_t index, float stride, float x, float y)
{
    const float *cell = g->data + index * g->cell_step;
    float side[4];
    int best = 0;
    for (int c = 1; c < g->classes; c++)
        if (cell[c * g->field_step] > cell[best * g->field_step]) best = c;
    float score = cell[best * g->field_step];
    if (d->descriptor->activation == ACTIVATION_SIGMOID) score = 1 / (1 + expf(-score));
    if (!(score >= VD_SCORE_FLOOR)) return;
    for (int i = 0; i < 4; i++) side[i] = side_of(cell, g, i) * stride;
    decode_add(d, x - side[0], y - side[1], x + side[2], y + side[3], score, best);
}

vd_err decode_cells(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const model_descriptor *is = d->descriptor;
    cell_grid g = { 0 };
    int64_t index = 0;
    vd_err err = read_form(d, &tensors[ROLE_MAIN], &g, why);
    for (unsigned i = 0; i < is->stride_count && !err; i++) {
        int stride = is->stride[i];
        float middle = is->cell_center ? (float)stride / 2 : 0;
        for (int y = 0; y < is->tensor.height_px; y += stride)
            for (int x = 0; x < is->tensor.width_px; x += stride)
                add_cell(d, &g, index++, (float)stride, (float)x + middle, (float)y + middle);
    }
    return err;
}
