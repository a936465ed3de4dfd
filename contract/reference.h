/* reference.h - the reference layer of a model artifact: a few pictures and what the model saw in
 * them when it was released, with tolerances. A device runs the model on these pictures before it
 * switches to it (its self-test). JSON:
 *
 *   {"format":"vedette.reference/1","score_min":0.3,"score_within":0.05,"overlap_least":0.8,
 *    "pictures":[{"jpeg":"<base64>","boxes":[{"class":"person","score":0.71,"box":[l,t,w,h]}]}]}
 *
 * Boxes are l, t, w, h in 0..1 of the picture. Any thread; no disk. */
#ifndef VD_REFERENCE_H
#define VD_REFERENCE_H
#include "vd/arena.h"
#include "vd/error.h"

#define VD_REFERENCE_PICTURES_MAX 8u
#define VD_REFERENCE_BOXES_MAX    300u
#define VD_REFERENCE_ARENA_BYTES  33554432u /* enough for the largest layer that is taken */

typedef struct {
    const char *class_name;
    double score;
    double box[4]; /* l, t, w, h */
} vd_reference_box;

typedef struct {
    vd_slice jpeg;
    unsigned box_count;
    const vd_reference_box *boxes; /* all at or above score_min */
} vd_reference_picture;

typedef struct {
    double score_min;     /* only these are compared */
    double score_within;  /* a score may differ by this */
    double overlap_least; /* intersection over union of the two boxes, at least */
    unsigned picture_count;
    vd_reference_picture pictures[VD_REFERENCE_PICTURES_MAX];
} vd_reference;

VD_MUST_USE vd_err vd_reference_read(vd_slice json, vd_arena *arena, vd_reference *ret_reference,
                                     vd_why *why);
VD_MUST_USE vd_err vd_reference_write(const vd_reference *reference, vd_buf *into);
/* Compares what a model sees now in pictures[picture] with what it should see: every expected box
 * has one of the same class that overlaps and scores nearly the same, and nothing else is seen at
 * score_min + score_within or more. Near score_min either side may miss a box. VD_CORRUPT tells the
 * first difference. `seen` may hold boxes below score_min. */
VD_MUST_USE vd_err vd_reference_compare(const vd_reference *reference, unsigned picture,
                                        const vd_reference_box *seen, unsigned seen_count,
                                        vd_why *why);
#endif
