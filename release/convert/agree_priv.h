/* agree_priv.h - how far two models say the same of the same pictures, and which is faster. */
#ifndef VD_AGREE_PRIV_H
#define VD_AGREE_PRIV_H
#include "inference.h"

typedef struct agreement agreement;
/* Looks at the pictures with the first model, after the camera's chain (NULL: none), and keeps what
 * it said. The paths and the chain are borrowed. */
VD_MUST_USE vd_err agreement_new(const char *model, const char *const *pictures, unsigned count,
                                 const vd_chain *chain, int threads, agreement **ret_agreement,
                                 vd_why *why);
agreement *agreement_free(agreement *a); /* returns NULL; NULL is fine */
typedef enum {
    /* What one model finds above its working threshold, the other finds too (class, IoU of 0.5 or
     * more, at least two thirds of the threshold): F1 of both directions. */
    AGREE_ON_THINGS,
    /* The same with scores: twice what both saw by what each saw. Shows the least difference. */
    AGREE_ON_SCORES,
} agree_on;
/* 100: they agree; 0: nothing in common. `pictures` 0: all. */
VD_MUST_USE vd_err agreement_of(agreement *a, const char *model, agree_on on, unsigned pictures,
                                double *ret_points, vd_why *why);
/* Median time of one inference of each, measured in turns. */
VD_MUST_USE vd_err agreement_ms(agreement *a, const char *first, const char *second,
                                double *ret_first_ms, double *ret_second_ms, vd_why *why);
#endif
