/* match_priv.h - which box is which: the cheapest pairing of two sets of boxes of one class each.
 *
 * Cost is 1 - IoU; a pair may be left out at `limit`, so nothing is paired that costs more. Pairs
 * that overlap are found by their sorted edges, fall apart into components that share no box, and
 * each component is solved alone: two hundred people in a yard are many small problems, not one of
 * 200 x 200. */
#ifndef VD_MATCH_PRIV_H
#define VD_MATCH_PRIV_H
#include "rules.h"

#define VD_MATCH_MAX VD_TRACKS_MAX

typedef struct {
    vd_box box;
    uint16_t class_id;
    uint16_t name; /* the caller's: a slot, a detection */
    float weight;  /* 0..1, scales the IoU of its pairs (the right side's is used) */
} vd_match_item;

typedef struct vd_matcher vd_matcher;
VD_MUST_USE vd_matcher *vd_matcher_new(void); /* NULL when memory ends */
vd_matcher *vd_matcher_free(vd_matcher *matcher);
/* right_of[i] becomes the right item paired with left[i], or -1. At most VD_MATCH_MAX on a side. */
void vd_matcher_run(vd_matcher *matcher, const vd_match_item *left, unsigned left_count,
                    const vd_match_item *right, unsigned right_count, float limit,
                    int16_t *right_of);
float vd_box_iou(const vd_box *a, const vd_box *b);
#endif
