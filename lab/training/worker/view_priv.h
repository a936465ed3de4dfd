/* view_priv.h - a labelled picture as a model sees it: the same way from pixels to numbers as the
 * agent's, its model's chain with it, after crops and before flips and colours that a seed decides.
 * View 0 is the picture as it is. Boxes follow their things through the chain. */
#ifndef VD_VIEW_PRIV_H
#define VD_VIEW_PRIV_H
#include "inference.h"
#include "set_priv.h"
#include "trainer.h"

typedef struct {
    float l, t, r, b; /* pixels of the tensor */
    unsigned class_id;
} view_box;
typedef struct {
    float *tensor; /* as many numbers as the spec says */
    vd_preparer *preparer;
    view_box box[SET_BOXES_MAX];
    unsigned box_count;
} view;

size_t view_numbers(const vd_tensor_spec *spec);
/* VD_FULL: memory; view_done is due all the same. */
VD_MUST_USE vd_err view_init(view *v, const vd_tensor_spec *spec, vd_why *why);
void view_done(view *v);
/* Finds the picture's file in `folder`, checks its digest, decodes. VD_ABSENT, VD_CORRUPT and
 * VD_INVALID name it. Owner: caller, vd_frame_unref. */
VD_MUST_USE vd_err view_load(const char *folder, const char *digest, vd_frame **ret_frame,
                             vd_why *why);
VD_MUST_USE vd_err view_make(const vd_frame *frame, const set_picture *picture, unsigned number,
                             const trainer_settings *settings, const vd_descriptor_facts *facts,
                             view *ret_view, vd_why *why);
#endif
