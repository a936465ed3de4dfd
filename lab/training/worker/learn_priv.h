/* learn_priv.h - the epochs: steps, validation, early stopping, checkpoints, words. */
#ifndef VD_LEARN_PRIV_H
#define VD_LEARN_PRIV_H
#include "checkpoint_priv.h"
#include "samples_priv.h"
#include "target_priv.h"

/* The net holds the best numbers afterwards. */
VD_MUST_USE vd_err learn_run(const trainer_job *job, const set *s, const plan *p, net *n,
                             samples *from, trainer_result *ret_result, vd_why *why);
/* What the curves say, in words; history[0] is the start model. */
void learn_words(const past *history, unsigned epochs, unsigned best, unsigned planned,
                 bool detection, const trainer_listener *tell);
#endif
