/* lineup.h - the models that look at one camera, one after the other, and what they find together.
 *
 * Each step is a model with a rate and hours of its own. A step looks at the whole picture, or, in
 * a cascade, at crops of it: the boxes of some classes that steps before it have found in the same
 * picture. What all find comes out as one list: boxes of the full picture, class ids of the
 * line-up's vocabulary, the first step's first. A classifier of a cascade gives its parent's box. A
 * box of these classes that a cascade did not look at (it was not its turn, it is too small, its
 * score is below its model's score_min) is marked as passed over by it.
 *
 * Rates and hours go by the time of pictures: a recording replays alike. One thread at a time. */
#ifndef VD_LINEUP_H
#define VD_LINEUP_H
#include "inference.h"
#include "vd/hours.h"

#define VD_LINEUP_ON_MAX    16
#define VD_LINEUP_CROPS_MAX 64
#define VD_LINEUP_EVERY_MAX 5000000 /* us; rarer looks would tear tracks apart */

/* Texts are borrowed. */
typedef struct {
    const char *id;   /* as the configuration names the model */
    int64_t every_us; /* between two looks, on average; 0: every picture */
    vd_day_span hours;
    const char *on[VD_LINEUP_ON_MAX]; /* classes whose boxes are looked at */
    unsigned on_count;                /* 0: the whole picture */
    float margin;                     /* added on each side of a box, in its widths and heights */
    int min_px;                       /* a box whose shorter side is less is not looked at */
    unsigned crops;                   /* in one picture at most; with more boxes they take turns */
} vd_lineup_step;

typedef struct vd_lineup vd_lineup;
/* Steps are copied, the texts they point to are not. 1 to VD_VOCABULARY_MODELS_MAX. */
VD_MUST_USE vd_err vd_lineup_new(const vd_lineup_step *steps, unsigned count,
                                 vd_lineup **ret_lineup);
vd_lineup *vd_lineup_free(vd_lineup *lineup); /* returns NULL; NULL is fine */
/* The steps' models, each the caller's for as long as it is used here; NULL: this step is left out.
 * `ret_goes_on`: class ids mean what they meant before. VD_FULL: nothing has changed. */
VD_MUST_USE vd_err vd_lineup_set(vd_lineup *lineup, vd_model *const *models, bool *ret_goes_on);
/* What happens to each picture before any step's model looks; copied. At first: nothing. */
void vd_lineup_set_chain(vd_lineup *lineup, const vd_chain *chain);
/* Of the models that are there; NULL: there is none. Until the next vd_lineup_set. */
const vd_vocabulary *vd_lineup_words(const vd_lineup *lineup); /* also of a NULL line-up */

typedef struct {
    unsigned looked; /* a bit for each step that looked at this picture, with success or not */
    unsigned failed; /* a bit for each that failed */
    vd_err err;      /* of the first failure */
    vd_why why;
} vd_lineup_look;
/* Looks with every step that is due. Blocks for its inferences: one for a step, or as many as it
 * has crops. `ret_detections` names as blind the classes that nobody looked for, and marks each box
 * that a cascade has passed over; with it the box in whose crop it was found, when the cascade
 * looked at nothing else there, and what would have been found on a box that was passed over is
 * passed over with it. */
void vd_lineup_run(vd_lineup *lineup, const vd_frame *frame, vd_detections *ret_detections,
                   vd_lineup_look *ret_look);
/* Pictures before this time need not be shown; 0: any may be due. Never more than a second after
 * the last picture's, or VD_LINEUP_EVERY_MAX when a rate says so. */
int64_t vd_lineup_next_us(const vd_lineup *lineup);
#endif
