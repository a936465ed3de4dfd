/* runs.h - runs (train, evaluate, quantize) as the hub keeps them: a queue that workers lease from.
 *
 *            add            lease                    finish
 *   (none) ───────▶ queued ────────▶ leased ───────────────────▶ done | failed
 *                     ▲ │  ▲           │ │
 *                     │ │  └───────────┘ └──cancel──▶ cancelled ◀──cancel── queued
 *                     │ │   lease ran out: shown as queued, the next lease takes it over;
 *                     └─┘   its holder may still renew it until then. Lost 5 times: failed.
 *
 * A lease is an id that fences: whoever holds an older one changes nothing any more. Calls that
 * change something are jobs of the committer; the others take any store. Files are blobs; a file's
 * row appears only when its blob is whole. Blobs that no run names any more (replaced checkpoints)
 * are remembered in the same commit and deleted by vd_run_sweep. */
#ifndef VD_RUNS_H
#define VD_RUNS_H
#include "evaluation.h"
#include "limits.h"
#include "vd/store.h"
#include "vd/ulid.h"

extern const vd_sql training_sql[];

#define VD_RUN_LEASE_S        60
#define VD_RUN_LOST_MAX       5
#define VD_RUN_POINTS_MAX     2000 /* beyond it every second one goes */
#define VD_RUN_POINTS_AT_ONCE 200
#define VD_RUN_SERIES_MAX     16 /* names in one point */
#define VD_RUN_WORDS_MAX      300
#define VD_RUN_WORDS_AT_ONCE  50
#define VD_RUN_WORD_BYTES     400
#define VD_RUN_FILE_BYTES     (512u << 20)
#define VD_RUN_QUEUED_MAX     1000
#define VD_RUN_FILES_MAX      5

/* ---- asking for one ---- */
/* Checks `config` member by member for this kind and writes it whole, with the defaults, sorted by
 * name. VD_INVALID names the member, what it may be, and the nearest known name. */
typedef struct {
    vd_digest dataset, model;
    bool has_descriptor;
    vd_digest descriptor;
    int split; /* VD_DATASET_SPLIT_* */
} vd_run_needs;
VD_MUST_USE vd_err vd_run_config(int kind, const vd_json *config, vd_buf *into,
                                 vd_run_needs *ret_needs, vd_why *why);
typedef struct {
    int kind;           /* VD_RUN_KIND_* */
    const char *name;   /* for people; NULL or "" for none */
    const char *config; /* as vd_run_config wrote it */
    vd_digest dataset, model;
    const char *who;
} vd_run_new;
/* VD_CONFLICT when the same run (kind, config) is queued or leased already: its id is in
 * *ret_run. VD_FULL beyond VD_RUN_QUEUED_MAX. */
VD_MUST_USE vd_err vd_run_add(vd_store *store, const vd_run_new *run, vd_ulid *ret_run,
                              vd_why *why);
/* At once, whoever holds it. The same again is VD_OK; VD_CONFLICT when it has ended otherwise. */
VD_MUST_USE vd_err vd_run_cancel(vd_store *store, const char *run, const char *who, vd_why *why);

/* ---- working on it ---- */
typedef struct {
    vd_ulid run, lease;
} vd_run_leased;
/* The oldest run of these kinds (bits 1 << VD_RUN_KIND_*) that is queued or whose lease ran out.
 * VD_ABSENT: nothing to do. `failed` (may be NULL) is told of runs that were lost too often. */
VD_MUST_USE vd_err vd_run_lease(vd_store *store, const char *worker, unsigned kinds,
                                void (*failed)(void *arg, const char *run), void *arg,
                                vd_run_leased *ret_leased, vd_why *why);
/* Renews the lease and keeps what the body says (RunProgress). *ret_go_on false: stop, for the
 * reason in `reason`; nothing was kept. */
VD_MUST_USE vd_err vd_run_progress(vd_store *store, const char *run, const vd_json *body,
                                   bool *ret_go_on, char reason[160], vd_why *why);
VD_MUST_USE bool vd_run_file_known(const char *name);
/* VD_CONFLICT: not your lease (any more). Ask before taking bytes, and again (by the put) after. */
VD_MUST_USE vd_err vd_run_held(vd_store *store, const char *run, const char *lease, vd_why *why);
/* The blob must be in place: VD_RETRY when it is not. report.json: pass its summary. */
typedef struct {
    const char *run, *lease, *name;
    vd_digest digest;
    uint64_t bytes;
    const vd_eval_summary *summary; /* of a report.json, otherwise NULL */
} vd_run_file_new;
VD_MUST_USE vd_err vd_run_file_put(vd_store *store, vd_blobs *blobs, const vd_run_file_new *file,
                                   vd_why *why);
/* Body: RunFinish. VD_INVALID when done lacks a file of its kind; VD_CONFLICT when not held. The
 * same finish again is VD_OK. */
VD_MUST_USE vd_err vd_run_finish(vd_store *store, const char *run, const vd_json *body,
                                 vd_why *why);
/* Deletes at most `most` blobs that no run names any more. */
VD_MUST_USE vd_err vd_run_sweep(vd_store *store, vd_blobs *blobs, unsigned most, vd_why *why);

/* ---- looking ---- */
typedef struct {
    vd_ulid id;
    int kind, state; /* VD_RUN_KIND_*, VD_RUN_STATE_* */
    uint64_t version;
    char name[VD_LIMIT_NAME_BYTES + 1];
    vd_digest dataset, model;
    char split[8]; /* that it measures on */
    char created_by[VD_LIMIT_NAME_BYTES + 32];
    int64_t created_us, ended_us;
} vd_run;
VD_MUST_USE vd_err vd_run_get(vd_store *store, const char *run, vd_run *ret_run, vd_why *why);
/* The configuration as vd_run_config wrote it. */
VD_MUST_USE vd_err vd_run_config_get(vd_store *store, const char *run, vd_buf *into, vd_why *why);
/* VD_ABSENT when the run has left no such file (yet). */
VD_MUST_USE vd_err vd_run_file(vd_store *store, const char *run, const char *name,
                               vd_digest *ret_digest, uint64_t *ret_bytes, vd_why *why);
/* The newest done run of this kind on model, dataset and split: VD_ABSENT when there is none. */
VD_MUST_USE vd_err vd_run_find(vd_store *store, int kind, const vd_digest *model,
                               const vd_digest *dataset, const char *split, vd_ulid *ret_run,
                               vd_why *why);
/* Does a run's file have this digest? For the one place that serves blobs. */
VD_MUST_USE vd_err vd_run_names_blob(vd_store *store, const vd_digest *digest, bool *ret_named,
                                     vd_why *why);
/* Writes one object: Run, or RunDetail with `detail`. */
VD_MUST_USE vd_err vd_run_write(vd_store *store, const char *run, bool detail, vd_json_w *w,
                                vd_why *why);
typedef struct {
    const char *kind, *states, *dataset, *model, *cursor; /* NULL: any; states: comma-separated */
    unsigned limit;
} vd_run_filter;
/* Writes the members `runs`, `next` and `counts`. */
VD_MUST_USE vd_err vd_run_write_list(vd_store *store, const vd_run_filter *filter, vd_json_w *w,
                                     vd_why *why);
#endif
