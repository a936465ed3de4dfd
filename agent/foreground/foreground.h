/* foreground.h - what stands in a camera's picture and did not stand there before, and what stood
 * there and is gone: blobs of a small grey picture that differ from the background and do not move.
 *
 * Pure computation on times that the caller gives. Each cell of a grid 160 wide knows two
 * brightnesses, after the two backgrounds of Porikli, Ivanov and Haga ("Robust abandoned object
 * detection using dual foregrounds", EURASIP Journal on Advances in Signal Processing, 2008): the
 * slow one, what is always there, and the quick one, what is there now and how long already. A cell
 * whose quick one has stood for a while beside the slow one is still foreground; cells that touch
 * make a blob. A blob was left when the picture has its edges, and something was removed when the
 * background has them.
 *
 * Light: the median difference of all cells is taken off, so that a cloud is no object; a change of
 * more than half of the cells (a lamp, a moved camera) begins anew. What stands for half an hour
 * belongs to the background. Thread: one at a time. Nothing is allocated after _new. */
#ifndef VD_FOREGROUND_H
#define VD_FOREGROUND_H
#include "frames.h"

#define VD_FOREGROUND_WIDTH    160
#define VD_STILLS_MAX          32
#define VD_FOREGROUND_EVERY_US 500000 /* pictures that come sooner change nothing */

typedef struct {
    uint32_t id;      /* from 1: the same blob over pictures */
    float l, t, w, h; /* 0..1 of the picture */
    float area;       /* share of the picture */
    bool removed;     /* something that was there is gone */
    int64_t since_us; /* it stands still since about then */
} vd_still;
typedef struct {
    unsigned count;
    vd_still item[VD_STILLS_MAX]; /* more at once are left out: rain, not luggage */
} vd_stills;

typedef struct vd_foreground vd_foreground;
/* NULL when memory ends. */
VD_MUST_USE vd_foreground *vd_foreground_new(void);
vd_foreground *vd_foreground_free(vd_foreground *foreground); /* returns NULL; NULL is fine */
/* One picture in; the blobs are borrowed until the next call. A time that goes back, or another
 * shape of picture, begins anew. */
const vd_stills *vd_foreground_step(vd_foreground *foreground, const vd_picture *picture,
                                    int64_t utc_us);
#endif
