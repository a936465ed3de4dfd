#include "decode_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t decode_elements(const decode_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= tensor->dim[i];
    return count;
}

double decode_number(const decode_tensor *tensor, int64_t index)
{
    switch (tensor->type) {
    case TENSOR_F32: return (double)((const float *)tensor->data)[index];
    case TENSOR_I32: return ((const int32_t *)tensor->data)[index];
    case TENSOR_I64: return (double)((const int64_t *)tensor->data)[index];
    default: return NAN;
    }
}

vd_err decode_misfit(const decode_tensor *tensor, vd_why *why, const char *expected)
{
    char shape[160] = "nothing";
    int len = 0;
    for (int i = 0; i < tensor->rank && len < 140; i++)
        len += snprintf(shape + len, sizeof(shape) - (size_t)len, "%s%lld", i ? "," : "[",
                        (long long)tensor->dim[i]);
    if (len) snprintf(shape + len, sizeof(shape) - (size_t)len, "]");
    vd_fail(why, VD_INVALID, "the model's output does not fit its descriptor");
    vd_why_detail(why, "%s is given, %s expected", shape, expected);
    vd_why_hint(why, "correct 'output' and 'classes' in the model's descriptor");
    return VD_INVALID;
}

void decode_add(decoder *d, float l, float t, float r, float b, float score, int64_t class_id)
{
    decode_add_from(d, l, t, r, b, score, class_id, -1);
}

void decode_add_from(decoder *d, float l, float t, float r, float b, float score, int64_t class_id,
                     int32_t source)
{
    if (!(score >= VD_SCORE_FLOOR) || !isfinite(l + t + r + b)) return;
    if (class_id < 0 || class_id >= d->descriptor->class_count || d->count == CANDIDATES_MAX)
        return;
    d->candidates[d->count++] =
        (candidate){ l, t, r, b, score > 1 ? 1 : score, (uint16_t)class_id, source };
}

vd_err decode_best_room(decoder *d, int64_t count, vd_why *why)
{
    size_t room = (size_t)count;
    if (room <= d->best_room) return VD_OK;
    float *best = realloc(d->best, room * sizeof(*best));
    if (best) d->best = best;
    uint16_t *best_class = realloc(d->best_class, room * sizeof(*best_class));
    if (best_class) d->best_class = best_class;
    if (!best || !best_class) return vd_fail(why, VD_FULL, "there is no memory for detections");
    d->best_room = room;
    return VD_OK;
}

void decode_activate(activation how, float *scores, size_t count)
{
    float most = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++) most = scores[i] > most ? scores[i] : most;
    for (size_t i = 0; i < count && how == ACTIVATION_SOFTMAX; i++)
        sum += scores[i] = expf(scores[i] - most);
    for (size_t i = 0; i < count && how != ACTIVATION_NONE; i++)
        scores[i] = how == ACTIVATION_SOFTMAX ? scores[i] / sum : 1 / (1 + expf(-scores[i]));
}

static int better_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->class_id != y->class_id ? (x->class_id > y->class_id ? 1 : -1)
                                      : (x->l > y->l) - (x->l < y->l);
}

static bool overlap(const candidate *a, const candidate *b, float most)
{
    float width = fminf(a->r, b->r) - fmaxf(a->l, b->l);
    float height = fminf(a->b, b->b) - fmaxf(a->t, b->t);
    if (width <= 0 || height <= 0) return false;
    float both = (a->r - a->l) * (a->b - a->t) + (b->r - b->l) * (b->b - b->t);
    return width * height > most * (both - width * height);
}

/* Sorted best first; what overlaps a better one of its class goes. */
static unsigned suppress(candidate *list, unsigned count, float most)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        bool gone = false;
        for (unsigned k = 0; k < kept && !gone && most < 1; k++)
            gone = list[k].class_id == list[i].class_id && overlap(&list[k], &list[i], most);
        if (!gone) list[kept++] = list[i];
    }
    return kept;
}

static float unit(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static bool map_box(const candidate *c, const vd_tensor_map *map, vd_box *ret_box)
{
    float l = unit((c->l - map->dx_px) * map->sx), r = unit((c->r - map->dx_px) * map->sx);
    float t = unit((c->t - map->dy_px) * map->sy), b = unit((c->b - map->dy_px) * map->sy);
    *ret_box = (vd_box){ l, t, r - l, b - t };
    return r > l && b > t;
}

static void decode_finish(decoder *d, const decode_tensor tensors[ROLES], const vd_tensor_map *map,
                          vd_detections *into)
{
    qsort(d->candidates, d->count, sizeof(*d->candidates), better_first);
    unsigned count = d->count < CANDIDATES_SORTED ? d->count : CANDIDATES_SORTED;
    decode_kind kind = d->descriptor->decode;
    bool whole = kind == DECODE_CLASSIFICATION || kind == DECODE_EMBEDDING;
    if (!whole) count = suppress(d->candidates, count, d->descriptor->nms_iou);
    into->count = into->blind_count = into->cascade_count = into->side_used = 0;
    for (unsigned i = 0; i < count && into->count < VD_DETECTIONS_MAX; i++) {
        const candidate *c = &d->candidates[i];
        vd_detection *item = &into->item[into->count];
        *item = (vd_detection){ { 0, 0, 1, 1 }, c->score, c->class_id, -1, .side = VD_SIDE_NONE };
        if (!whole && !map_box(c, map, &item->box)) continue;
        decode_side(d, tensors, c, map, into, item);
        into->count++;
    }
}

vd_err decoder_run(decoder *d, const decode_tensor tensors[ROLES], const vd_tensor_map *map,
                   vd_detections *into, vd_why *why)
{
    vd_err err;
    d->count = 0;
    switch (d->descriptor->decode) {
    case DECODE_CENTERNET: err = decode_centernet(d, tensors, why); break;
    case DECODE_SSD: err = decode_ssd(d, tensors, why); break;
    case DECODE_CLASSIFICATION: err = decode_classification(d, tensors, why); break;
    case DECODE_NANODET:
    case DECODE_FCOS: err = decode_cells(d, tensors, why); break;
    case DECODE_DETR: err = decode_detr(d, tensors, why); break;
    case DECODE_SEGMENTS:
    case DECODE_ANOMALY: err = decode_regions(d, tensors, why); break;
    case DECODE_EMBEDDING: err = decode_embedding(d, tensors, why); break;
    default: err = decode_yolo(d, tensors, why); break;
    }
    if (!err) decode_finish(d, tensors, map, into);
    return err;
}

vd_err decoder_init(decoder *d, const model_descriptor *descriptor, vd_why *why)
{
    *d = (decoder){ .descriptor = descriptor };
    d->candidates = malloc(CANDIDATES_MAX * sizeof(*d->candidates));
    return d->candidates ? VD_OK : vd_fail(why, VD_FULL, "there is no memory for detections");
}

void decoder_done(decoder *d)
{
    free(d->candidates);
    free(d->best);
    free(d->best_class);
    free(d->region);
    free(d->border);
    free(d->area);
    *d = (decoder){ 0 };
}
