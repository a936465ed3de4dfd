/* target_priv.h - what a CenterNet should have drawn for a view, and what it did draw.
 *
 * Each thing is a small hill on its class's heat map, with 1 at its centre; around the centre the
 * map of sizes holds the distances to the box's edges, smaller things over larger ones. */
#ifndef VD_TARGET_PRIV_H
#define VD_TARGET_PRIV_H
#include "view_priv.h"

typedef struct {
    unsigned rows, height, width; /* of the maps */
    float stride;                 /* pixels of the tensor for each cell */
    const int *row_of;            /* of the dataset's classes; -1: not trained */
} target_shape;

/* Fills heat [rows][h][w], box [4][h][w] (pixels) and weight [h][w]. */
void target_draw(const target_shape *shape, const view *v, float *heat, float *box, float *weight);

#define FOUND_MAX 100
typedef struct {
    view_box box; /* class_id: the row */
    float score;
} target_found;
/* The peaks of the maps, best first; returns how many, at most FOUND_MAX. */
unsigned target_decode(const target_shape *shape, const float *heat, const float *size,
                       target_found into[FOUND_MAX]);

/* Mean over rows of the area under precision over recall at IoU 0.5. */
typedef struct tally tally;
VD_MUST_USE tally *tally_new(unsigned rows);
/* One picture; false when memory ends. */
VD_MUST_USE bool tally_add(tally *t, const target_shape *shape, const view *truth,
                           const target_found *found, unsigned count);
double tally_map50(tally *t);
tally *tally_free(tally *t); /* returns NULL */
#endif
