/* runs_priv.h - what the files of the hub's side share. */
#ifndef VD_RUNS_PRIV_H
#define VD_RUNS_PRIV_H
#include "runs.h"

/* The run's state and whether `lease` is its newest: VD_ABSENT when there is no such run. */
typedef struct {
    int state, kind;
    bool newest;
} run_holding;
VD_MUST_USE vd_err run_holding_of(vd_store *store, const char *run, const char *lease,
                                  run_holding *ret_holding, vd_why *why);
/* {class, fact, detail, hint} as the column `why` keeps it. */
VD_MUST_USE vd_err run_why_text(vd_err err, const vd_why *what, vd_buf *into);
/* Appends to the words, and lets the oldest go. */
VD_MUST_USE vd_err run_say(vd_store *store, const char *run, vd_slice text, vd_why *why);
VD_MUST_USE vd_err run_say_all(vd_store *store, const char *run, const vd_json *words, vd_why *why);
/* Ends a run that is queued or leased (by `lease`, NULL: by anybody): *ret_ended. Its checkpoint
 * goes. */
VD_MUST_USE vd_err run_end(vd_store *store, const char *run, const char *lease, int state,
                           const char *why_text, bool *ret_ended, vd_why *why);
VD_MUST_USE vd_err run_file_drop(vd_store *store, const char *run, const char *name, vd_why *why);
vd_err run_absent(const char *run, vd_why *why);
#endif
