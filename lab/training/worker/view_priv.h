/* view_priv.h - a labelled picture as a model sees it: the same way from pixels to numbers as the
 * agent's, after flips, crops and colours that a seed decides. View 0 is the picture as it is. */
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
    float *tensor; /* the caller's, as many numbers as the spec says */
    view_box box[SET_BOXES_MAX];
    unsigned box_count;
} view;

size_t view_numbers(const vd_tensor_spec *spec);
/* Finds the picture's file in `folder`, checks its digest, decodes. VD_ABSENT, VD_CORRUPT and
 * VD_INVALID name it. Owner: caller, vd_frame_unref. */
VD_MUST_USE vd_err view_load(const char *folder, const char *digest, vd_frame **ret_frame,
                             vd_why *why);
VD_MUST_USE vd_err view_make(const vd_frame *frame, const set_picture *picture, unsigned number,
                             const trainer_settings *settings, const vd_tensor_spec *spec,
                             view *ret_view, vd_why *why);
#endif
