/* watch.h - is everything as it was? Cameras' statistics against their reference, the fleet,
 * figures over time, the lake.
 *
 * Statistics (drift): agents tell sketches once a window (docs/watch.md). vd_watch_take runs inside
 * intake's commit; what differs from the camera's reference with a stated rate of false alarms (see
 * drift_priv.h) becomes an event of kind "drift", handed to the same sink as any event, so that an
 * incident opens, people are told, and it ends when the camera looks as before. Calls that change
 * something are jobs of the committer, those that write take any store. */
#ifndef VD_WATCH_H
#define VD_WATCH_H
#include "archive.h"
#include "intake.h"
#include "vd/metrics.h"

extern const vd_sql watch_sql[];

#define VD_WATCH_SERIES_MAX   8
#define VD_WATCH_RULE         "drift" /* the rule id and the kind of such events */
#define VD_WATCH_PICTURES     5       /* a window with fewer is not judged */
#define VD_WATCH_DETECTIONS   20      /* nor are scores and classes of fewer findings */
#define VD_WATCH_KEEP_DAYS    400
#define VD_WATCH_SAMPLES_HOUR 60 /* what a drifted camera may send to the pool */

typedef struct {
    int64_t learn;                /* windows a reference needs before anything is tested */
    double false_alarms_per_year; /* per camera, at most, with windows of an hour */
    void *ctx;
    /* An event of the hub's own, in the same transaction. */
    vd_err (*event)(void *ctx, vd_store *store, const vd_event *event, vd_slice json,
                    vd_incident_outcome *ret_outcome, vd_why *why);
    /* Something to show has changed; told after the commit. */
    void (*changed)(void *ctx, const char *device, const char *camera);
} vd_watch_config;

/* Takes one window's sketches as the device sent them; a second arrival changes nothing.
 * VD_INVALID: they cannot be read. */
VD_MUST_USE vd_err vd_watch_take(vd_store *store, const vd_watch_config *config, const char *device,
                                 vd_slice json, vd_why *why);
/* Could it be taken? Nothing is kept. VD_INVALID says why not. */
VD_MUST_USE vd_err vd_watch_check(const char *device, vd_slice json, vd_why *why);
/* What the camera shows now becomes its reference; a drift that goes on ends. VD_ABSENT. */
VD_MUST_USE vd_err vd_watch_accept(vd_store *store, const vd_watch_config *config,
                                   const char *device, const char *camera, const char *who,
                                   vd_why *why);
/* Forgets what is older than VD_WATCH_KEEP_DAYS. */
VD_MUST_USE vd_err vd_watch_trim(vd_store *store, vd_why *why);
/* Raises the sampling budget of cameras that drifted, and puts it back, by the desired property
 * `sampling`. Not on the committer's thread; what fails is tried again. */
void vd_watch_sampling(vd_intake *intake, vd_committer *committer, vd_store_pool *readers);

/* ---- the lake: what happened, as files that DuckDB and Spark read (docs/lake.md) ---- */
typedef struct {
    const char *path; /* absolute; "": none */
    const char *site;
    int64_t every_ms;
} vd_lake_config;
typedef struct {
    int64_t last; /* 0: nothing waited */
    unsigned files, rows;
} vd_lake_batch;
/* Writes what waits, a batch at most, into whole files; any store, blocking. Nothing is forgotten
 * before vd_lake_done, a job: a hub that dies between writes the same files again. */
VD_MUST_USE vd_err vd_lake_write(vd_store *store, const vd_lake_config *config,
                                 vd_lake_batch *ret_batch, vd_why *why);
VD_MUST_USE vd_err vd_lake_done(vd_store *store, const vd_lake_batch *batch, vd_why *why);
/* Jobs: why it could not be written; and to want no lake. */
VD_MUST_USE vd_err vd_lake_failed(vd_store *store, const char *reason, vd_why *why);
VD_MUST_USE vd_err vd_lake_drop(vd_store *store, vd_why *why);
/* The member `lake` of Insights. */
VD_MUST_USE vd_err vd_lake_write_state(vd_store *store, const vd_lake_config *config, vd_json_w *w,
                                       vd_why *why);

/* ---- figures over time ---- */
/* Members of Insights but `lake`. */
VD_MUST_USE vd_err vd_insights_write(vd_store *store, int64_t from_us, int64_t to_us, vd_json_w *w,
                                     vd_why *why);
/* One table as CSV. VD_INVALID: there is no such table. */
VD_MUST_USE vd_err vd_insights_csv(vd_store *store, const char *table, int64_t from_us,
                                   int64_t to_us, vd_buf *into, vd_why *why);

/* ---- the fleet ---- */
/* Members of Fleet. */
VD_MUST_USE vd_err vd_fleet_write(vd_intake *intake, vd_store_pool *readers, vd_json_w *w,
                                  vd_why *why);
/* The hub's figures that come from the store and the intake. */
VD_MUST_USE vd_err vd_watch_figures(vd_store *store, vd_intake *intake, vd_metrics *m, vd_why *why);

/* The watch's own thread: sampling budgets, trimming, the lake. */
typedef struct {
    const vd_lake_config *lake;
    const vd_watch_config *config;
    vd_intake *intake;
    vd_committer *committer;
    vd_store_pool *readers;
} vd_watch_parts; /* all borrowed, outliving it */
typedef struct vd_watch vd_watch;
VD_MUST_USE vd_err vd_watch_start(const vd_watch_parts *parts, vd_watch **ret_watch, vd_why *why);
/* Something may be to do. Any thread, quick. */
void vd_watch_wake(vd_watch *watch);
/* Joins. Returns NULL; NULL is fine. */
vd_watch *vd_watch_stop(vd_watch *watch);

/* Members of a WatchPage, a WatchCamera, a WatchDetail (contract/openapi.yaml). */
VD_MUST_USE vd_err vd_watch_write_all(vd_store *store, const vd_watch_config *config, vd_json_w *w,
                                      vd_why *why);
VD_MUST_USE vd_err vd_watch_write(vd_store *store, const vd_watch_config *config,
                                  const char *device, const char *camera, vd_json_w *w,
                                  vd_why *why);
VD_MUST_USE vd_err vd_watch_write_detail(vd_store *store, const vd_watch_config *config,
                                         const char *device, const char *camera, int64_t from_us,
                                         int64_t to_us, vd_json_w *w, vd_why *why);
#endif
