/* tiles.c - one list of what was found in several tiles. */
#include "model_priv.h"

#include <math.h>
#include <stdlib.h>

#define EDGE_PX      2.5f /* a box that ends so near to its tile's edge is cut by it */
#define CUT_COUNTS   0.5f /* as much as a whole one, when both are seen */
#define PIECE_SHARE  0.6f /* of a piece, in what it is a piece of */
#define NMS_IOU_MOST 0.6f /* between tiles, also for models that suppress nothing */

typedef struct {
    vd_detection d;
    unsigned tile;
    bool cut;
} sight;

static bool is_cut(const vd_box *b, const vd_part_px *tile, const vd_part_px *part,
                   const vd_picture *p)
{
    float w = (float)p->width_px, h = (float)p->height_px;
    float left = (float)tile->left, right = left + (float)tile->width;
    float top = (float)tile->top, bottom = top + (float)tile->height;
    bool cut = tile->left > part->left && b->l * w < left + EDGE_PX;

    cut = cut || (tile->top > part->top && b->t * h < top + EDGE_PX);
    cut = cut || (tile->left + tile->width < part->left + part->width &&
                  (b->l + b->w) * w > right - EDGE_PX);
    return cut || (tile->top + tile->height < part->top + part->height &&
                   (b->t + b->h) * h > bottom - EDGE_PX);
}

static float weight(const sight *s)
{
    return s->cut ? s->d.score * CUT_COUNTS : s->d.score;
}

static int by_weight(const void *a, const void *b)
{
    float x = weight(a), y = weight(b);

    return x < y ? 1 : x > y ? -1 : 0;
}

static int by_score(const void *a, const void *b)
{
    float x = ((const sight *)a)->d.score, y = ((const sight *)b)->d.score;

    return x < y ? 1 : x > y ? -1 : 0;
}

static float area(const vd_box *b)
{
    return b->w * b->h;
}

static float common(const vd_box *a, const vd_box *b)
{
    float w = fminf(a->l + a->w, b->l + b->w) - fmaxf(a->l, b->l);
    float h = fminf(a->t + a->h, b->t + b->h) - fmaxf(a->t, b->t);

    return w > 0 && h > 0 ? w * h : 0;
}

static vd_box both(const vd_box *a, const vd_box *b)
{
    float l = fminf(a->l, b->l), t = fminf(a->t, b->t);

    return (vd_box){ l, t, fmaxf(a->l + a->w, b->l + b->w) - l,
                     fmaxf(a->t + a->h, b->t + b->h) - t };
}

/* Whether `s` is what `kept` is already; a piece that was kept grows by it. */
static bool same_thing(sight *kept, const sight *s, float iou_min)
{
    vd_box *a = &kept->d.box;
    const vd_box *b = &s->d.box;
    float shared = common(a, b);

    if (kept->tile == s->tile || kept->d.class_id != s->d.class_id || shared <= 0) return false;
    bool alike = shared > iou_min * (area(a) + area(b) - shared);
    bool piece = s->cut && shared > PIECE_SHARE * area(b);
    bool whole = kept->cut && shared > PIECE_SHARE * area(a);
    if (kept->cut && s->cut && (piece || whole)) *a = both(a, b);
    if (whole && !s->cut) {
        *a = *b;
        kept->cut = false;
    }
    return alike || piece || whole;
}

static unsigned suppress(sight *all, unsigned count, float iou_min)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        bool known = false;
        for (unsigned k = 0; k < kept && !known; k++) known = same_thing(&all[k], &all[i], iou_min);
        if (!known) all[kept++] = all[i];
    }
    return kept;
}

vd_err tiles_merge(const vd_detections *found, const vd_part_px *tiles, unsigned count,
                   const vd_part_px *part, const vd_picture *picture, float nms_iou,
                   vd_detections *merged)
{
    unsigned total = 0;
    for (unsigned i = 0; i < count; i++) total += found[i].count;
    sight *all = calloc(total ? total : 1, sizeof *all);
    if (!all) return VD_FULL;
    total = 0;
    for (unsigned tile = 0; tile < count; tile++)
        for (unsigned i = 0; i < found[tile].count; i++, total++) {
            const vd_detection *d = &found[tile].item[i];
            all[total] = (sight){ *d, tile, is_cut(&d->box, &tiles[tile], part, picture) };
        }
    qsort(all, total, sizeof *all, by_weight);
    unsigned kept = suppress(all, total, fminf(nms_iou, NMS_IOU_MOST));
    qsort(all, kept, sizeof *all, by_score);
    merged->count = merged->side_used = merged->blind_count = merged->cascade_count = 0;
    for (unsigned i = 0; i < kept && merged->count < VD_DETECTIONS_MAX; i++) {
        vd_detections_take_side(merged, &found[all[i].tile], &all[i].d);
        merged->item[merged->count++] = all[i].d;
    }
    free(all);
    return VD_OK;
}
