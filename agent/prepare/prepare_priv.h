/* prepare_priv.h - the parts of a preparer's work. */
#ifndef VD_PREPARE_PRIV_H
#define VD_PREPARE_PRIV_H
#include "prepare.h"

/* geometry.c: from 0..1 of what the bend makes to 0..1 of what it is given. */
void bend_back(const vd_bend *bend, double *x, double *y);
/* The step's bend for a picture of this size. */
vd_bend bend_of(const vd_step *step, double width, double height);

/* warp.c: `into` has planes of its size; outside of `from` it is grey. */
void warp(const vd_picture *from, const vd_bend *bends, unsigned count, vd_picture *into);

/* values.c: luma of another light, `full_range` or 16..235. */
void light_table(const vd_step *step, bool full_range, uint8_t ret_table[256]);
/* Each pixel becomes the mean of those around it that differ by no more than `strength`. Borders
 * look at what is there. `into` is another plane. */
void denoise_plane(const uint8_t *from, int stride, int width, int height, int radius, int strength,
                   uint8_t *into, int into_stride);

/* clahe.c: in place. False: memory. */
VD_MUST_USE bool clahe_plane(uint8_t *plane, int stride, int width, int height, bool full_range,
                             double limit, int tiles);

static inline uint8_t *plane_own(const vd_picture *p, int plane)
{
    return (uint8_t *)(uintptr_t)p->plane[plane]; /* of a picture that is the preparer's */
}
#endif
