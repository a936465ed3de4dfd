/* Outputs that already are lists: CenterNet's rows, SSD's parallel tensors, DETR's queries, class
 * scores. */
#include "decode_priv.h"

#include <stdlib.h>

/* [1, N, 6]: left, top, right, bottom in pixels of the tensor, score, class. */
vd_err decode_centernet(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const decode_tensor *in = &tensors[ROLE_MAIN];
    if (in->type != TENSOR_F32 || in->rank < 2 || in->dim[in->rank - 1] != 6 ||
        (in->rank == 3 && in->dim[0] != 1) || in->rank > 3)
        return decode_misfit(in, why, "[1,N,6] floats are");
    const float *row = in->data;
    for (int64_t left = decode_elements(in) / 6; left > 0; left--, row += 6)
        if (row[5] >= 0 && row[5] < MODEL_CLASSES_MAX)
            decode_add(d, row[0], row[1], row[2], row[3], row[4], (int64_t)row[5]);
    return VD_OK;
}

static bool rows_of(const decode_tensor *in, int64_t rows, int64_t *ret_width)
{
    int64_t count = decode_elements(in);
    *ret_width = rows ? count / rows : 0;
    return in->type != TENSOR_ABSENT && rows > 0 && count % rows == 0;
}

static void add_ssd_box(decoder *d, const decode_tensor *boxes, int64_t row, float score,
                        int64_t class_id)
{
    const float *box = (const float *)boxes->data + row * 4;
    const vd_tensor_spec *spec = &d->descriptor->tensor;
    float wide = d->descriptor->in_pixels ? 1 : (float)spec->width_px;
    float high = d->descriptor->in_pixels ? 1 : (float)spec->height_px;
    int top = d->descriptor->top_first ? 0 : 1;
    decode_add(d, box[1 - top] * wide, box[top] * high, box[3 - top] * wide, box[2 + top] * high,
               score, class_id);
}

/* The best real class of one row of scores. */
static int64_t best_of(const decode_tensor *scores, int64_t row, int64_t width, int64_t first,
                       float *ret_score)
{
    int64_t best = first;
    for (int64_t c = first; c < width; c++)
        if (decode_number(scores, row * width + c) > decode_number(scores, row * width + best))
            best = c;
    *ret_score = (float)decode_number(scores, row * width + best);
    return best - first;
}

/* Do the tensors belong together? *ret_width: scores in a row. */
static vd_err check_ssd(const decoder *d, const decode_tensor tensors[ROLES], int64_t *ret_rows,
                        int64_t *ret_width, vd_why *why)
{
    const decode_tensor *boxes = &tensors[ROLE_BOXES], *scores = &tensors[ROLE_SCORES];
    const decode_tensor *classes = &tensors[ROLE_CLASSES];
    int64_t one = 0, all = d->descriptor->class_count + (int64_t)d->descriptor->background;
    if (boxes->type != TENSOR_F32 || boxes->rank < 2 || boxes->dim[boxes->rank - 1] != 4)
        return decode_misfit(boxes, why, "boxes [1,N,4] of floats are");
    *ret_rows = decode_elements(boxes) / 4;
    *ret_width = 1;
    if (!*ret_rows) return VD_OK;
    if (scores->type != TENSOR_F32 || !rows_of(scores, *ret_rows, ret_width))
        return decode_misfit(scores, why, "a row of scores for each box is");
    if (!classes->type && *ret_width != all)
        return decode_misfit(scores, why, "a score for each class of the descriptor is");
    if (classes->type && (!rows_of(classes, *ret_rows, &one) || one != 1 || *ret_width != 1))
        return decode_misfit(classes, why, "a class and one score for each box is");
    return VD_OK;
}

static int64_t filled_rows(const decode_tensor *count, int64_t rows)
{
    if (count->type == TENSOR_ABSENT || decode_elements(count) < 1) return rows;
    double given = decode_number(count, 0);
    return given >= 0 && given < (double)rows ? (int64_t)given : rows;
}

/* boxes [1, N, 4]; scores [1, N] with classes [1, N], or scores [1, N, C]; count [1] if rows may be
 * empty. */
vd_err decode_ssd(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const decode_tensor *classes = &tensors[ROLE_CLASSES];
    int64_t rows = 0, width = 1, first = d->descriptor->background;
    vd_err err = check_ssd(d, tensors, &rows, &width, why);
    if (err) return err;
    rows = filled_rows(&tensors[ROLE_COUNT], rows);
    for (int64_t row = 0; row < rows; row++) {
        float score;
        int64_t class_id =
            best_of(&tensors[ROLE_SCORES], row, width, classes->type ? 0 : first, &score);
        double given = classes->type ? decode_number(classes, row) : 0;
        if (!(given >= 0 && given < MODEL_CLASSES_MAX)) continue;
        if (classes->type) class_id = (int64_t)given - first;
        add_ssd_box(d, &tensors[ROLE_BOXES], row, score, class_id);
    }
    return VD_OK;
}

/* boxes [1,Q,4]: centre x, y, width, height in 0..1 of the tensor; scores [1,Q,classes], or one
 * more at the end for "nothing here". */
vd_err decode_detr(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const decode_tensor *boxes = &tensors[ROLE_BOXES], *scores = &tensors[ROLE_SCORES];
    const vd_tensor_spec *spec = &d->descriptor->tensor;
    int64_t all = d->descriptor->class_count + (int64_t)d->descriptor->no_object, width = 0;
    if (boxes->type != TENSOR_F32 || boxes->rank < 2 || boxes->dim[boxes->rank - 1] != 4)
        return decode_misfit(boxes, why, "boxes [1,N,4] of floats are");
    int64_t rows = decode_elements(boxes) / 4;
    if (scores->type != TENSOR_F32 || (rows && (!rows_of(scores, rows, &width) || width != all)))
        return decode_misfit(scores, why, "a score for each class of the descriptor is");
    float *row = malloc((size_t)all * sizeof(float));
    if (!row) return vd_fail(why, VD_FULL, "there is no memory for the scores");
    for (int64_t q = 0; q < rows; q++) {
        const float *box = (const float *)boxes->data + q * 4;
        float w = box[2] * (float)spec->width_px / 2, h = box[3] * (float)spec->height_px / 2;
        float x = box[0] * (float)spec->width_px, y = box[1] * (float)spec->height_px;
        int64_t best = 0;
        memcpy(row, (const float *)scores->data + q * all, (size_t)all * sizeof(float));
        decode_activate(d->descriptor->activation, row, (size_t)all);
        for (int64_t c = 1; c < d->descriptor->class_count; c++)
            if (row[c] > row[best]) best = c;
        decode_add(d, x - w, y - h, x + w, y + h, row[best], best);
    }
    free(row);
    return VD_OK;
}

/* One score a class, in any shape with batch 1. */
vd_err decode_classification(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const decode_tensor *in = &tensors[ROLE_MAIN];
    int64_t first = d->descriptor->background, count = decode_elements(in);
    if (in->type != TENSOR_F32 || count != d->descriptor->class_count + first)
        return decode_misfit(in, why, "one score for each class of the descriptor is");
    float *scores = malloc((size_t)count * sizeof(float));
    if (!scores) return vd_fail(why, VD_FULL, "there is no memory for the scores");
    memcpy(scores, in->data, (size_t)count * sizeof(float));
    decode_activate(d->descriptor->activation, scores, (size_t)count);
    for (int64_t c = first; c < count; c++) decode_add(d, 0, 0, 1, 1, scores[c], c - first);
    free(scores);
    return VD_OK;
}

/* A vector, in any shape with batch 1: the picture is the thing. */
vd_err decode_embedding(decoder *d, const decode_tensor tensors[ROLES], vd_why *why)
{
    const decode_tensor *in = &tensors[ROLE_MAIN];
    int64_t count = decode_elements(in);
    if (in->type != TENSOR_F32 || count < 2 || count > VD_SIDE_MAX)
        return decode_misfit(in, why, "a vector of 2 to 4096 numbers is");
    decode_add(d, 0, 0, 1, 1, 1, 0);
    return VD_OK;
}
