/* samples_priv.h - the features of every view, worked out once, in the first epoch that asks.
 * Up to cache_mb they lie in memory, beyond in OUT/features.bin, which goes with the run. */
#ifndef VD_SAMPLES_PRIV_H
#define VD_SAMPLES_PRIV_H
#include "plan_priv.h"

typedef struct {
    uint16_t *features;
    view_box *box;
    unsigned box_count;
    int class_id; /* of the model's scores */
    bool ready;
} sample;

typedef struct samples samples;
VD_MUST_USE vd_err samples_open(const trainer_job *job, const set *s, const plan *p, net *n,
                                samples **ret_samples, vd_why *why);
samples *samples_close(samples *s); /* returns NULL; NULL is fine */
/* The picture's index is that of the manifest. */
VD_MUST_USE vd_err samples_get(samples *s, unsigned picture, unsigned variant,
                               const sample **ret_sample, vd_why *why);
#endif
