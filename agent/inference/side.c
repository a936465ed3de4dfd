#include "decode_priv.h"

#include <math.h>

const float *vd_detections_side(const vd_detections *list, const vd_detection *d)
{
    return d->side != VD_SIDE_NONE && d->side_count ? list->side + d->side_at : NULL;
}

float *side_room(vd_detections *into, vd_detection *d, vd_side kind, unsigned count)
{
    d->side = VD_SIDE_NONE;
    d->side_count = 0;
    if (!count || count > VD_SIDE_MAX - into->side_used) return NULL;
    d->side = (uint8_t)kind;
    d->side_at = (uint16_t)into->side_used;
    d->side_count = (uint16_t)count;
    into->side_used += count;
    return into->side + d->side_at;
}

void vd_detections_take_side(vd_detections *into, const vd_detections *from, vd_detection *d)
{
    const vd_detection was = *d;
    const float *numbers = vd_detections_side(from, &was);
    float *to = side_room(into, d, (vd_side)was.side, numbers ? was.side_count : 0);
    if (to) memcpy(to, numbers, was.side_count * sizeof(float));
}

/* Numbers that are none would follow an event out; they become 0. */
static float sane(float value)
{
    return isfinite(value) ? value : 0;
}

static float unit(float value)
{
    return !(value > 0) ? 0 : value > 1 ? 1 : value;
}

static void side_points(const decoder *d, const candidate *c, const vd_tensor_map *map,
                        vd_detections *into, vd_detection *item)
{
    unsigned points = d->descriptor->points;
    float *to = side_room(into, item, VD_SIDE_POINTS, points * 3);
    const float *from = d->rows.data + c->source * d->rows.row_step +
                        (4 + d->descriptor->class_count) * d->rows.field_step;
    for (unsigned i = 0; i < points && to; i++, to += 3, from += 3 * d->rows.field_step) {
        to[0] = unit((from[0] - map->dx_px) * map->sx);
        to[1] = unit((from[d->rows.field_step] - map->dy_px) * map->sy);
        to[2] = unit(from[2 * d->rows.field_step]);
    }
}

/* The box in cells: each is the share of its pixels that are the region's, or the most unusual. */
static void side_grid(const decoder *d, const candidate *c, vd_detections *into, vd_detection *item)
{
    bool map = d->descriptor->decode == DECODE_ANOMALY;
    float *to =
        side_room(into, item, map ? VD_SIDE_MAP : VD_SIDE_MASK, VD_SIDE_GRID * VD_SIDE_GRID);
    const region_area *at = &d->area[c->source];
    int wide = at->right - at->left, high = at->bottom - at->top;
    for (int i = 0; i < VD_SIDE_GRID * VD_SIDE_GRID && to; i++) {
        int column = i % VD_SIDE_GRID, row = i / VD_SIDE_GRID, own = 0, all = 0;
        int x0 = at->left + wide * column / VD_SIDE_GRID, y0 = at->top + high * row / VD_SIDE_GRID;
        int x1 = at->left + (wide * (column + 1) + VD_SIDE_GRID - 1) / VD_SIDE_GRID;
        int y1 = at->top + (high * (row + 1) + VD_SIDE_GRID - 1) / VD_SIDE_GRID;
        float most = 0;
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++, all++) {
                size_t pixel = (size_t)y * (size_t)d->area_width + (size_t)x;
                own += d->region[pixel] == at->mark;
                most = fmaxf(most, d->best[pixel]);
            }
        to[i] = map ? unit(most) : all ? (float)own / (float)all : 0;
    }
}

static void side_embedding(const decode_tensor *in, vd_detections *into, vd_detection *item)
{
    unsigned count = (unsigned)decode_elements(in);
    const float *from = in->data;
    float *to = side_room(into, item, VD_SIDE_EMBEDDING, count);
    double squares = 0;
    for (unsigned i = 0; i < count && to; i++)
        squares += (double)sane(from[i]) * (double)sane(from[i]);
    double by = squares > 0 ? 1 / sqrt(squares) : 0;
    for (unsigned i = 0; i < count && to; i++) to[i] = (float)((double)sane(from[i]) * by);
}

void decode_side(const decoder *d, const decode_tensor tensors[ROLES], const candidate *c,
                 const vd_tensor_map *map, vd_detections *into, vd_detection *item)
{
    switch (d->descriptor->decode) {
    case DECODE_YOLOV8_POSE: side_points(d, c, map, into, item); break;
    case DECODE_SEGMENTS:
    case DECODE_ANOMALY: side_grid(d, c, into, item); break;
    case DECODE_EMBEDDING: side_embedding(&tensors[ROLE_MAIN], into, item); break;
    default: break;
    }
}
