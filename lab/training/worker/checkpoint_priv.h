/* checkpoint_priv.h - everything that a run needs to go on as if it had never stopped.
 *
 *   "VDCKPT01" | key: SHA-256 of dataset, model, settings, threads, program | state |
 *   numbers and moments | best numbers | history | SHA-256 of all before
 *
 * Written aside and renamed; one that is not whole, or belongs to another run, is not used. */
#ifndef VD_CHECKPOINT_PRIV_H
#define VD_CHECKPOINT_PRIV_H
#include "trainer.h"

typedef struct {
    double train, val, measure; /* of one epoch */
} past;
typedef struct {
    uint64_t epoch, batch, steps, seen; /* the next batch of the epoch that runs */
    uint64_t best_epoch, recoveries;
    double sum, best_val, best_measure, rate_scale;
} moment;
typedef struct {
    vd_digest key;
    moment at;
    float *numbers; /* net_state_count */
    size_t number_count;
    float *best; /* trained numbers */
    size_t best_count;
    past *history; /* at[epoch]; 0: before training */
    size_t history_room;
} checkpoint;

VD_MUST_USE vd_err checkpoint_save(const checkpoint *c, const char *path, vd_why *why);
/* True when it was there, whole and of the same key; then everything is filled. */
bool checkpoint_load(checkpoint *c, const char *path);
#endif
