/* keeper.c - the watch's own thread: what must not run on the committer's. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/log.h"
#include "watch_priv.h"

#define TRIM_EVERY_US 86400000000ll
#define LOOK_EVERY_US 10000000ll

struct vd_watch {
    vd_watch_parts parts;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stopping, woken;
};

typedef struct {
    vd_lake_batch batch;
    unsigned files, rows;
} watch_lake_step;

static vd_err trim_job(vd_store *store, void *arg, vd_why *why)
{
    (void)arg;
    return vd_watch_trim(store, why);
}

static void trim(vd_watch *k)
{
    vd_why why = { 0 };
    if (vd_committer_run(k->parts.committer, trim_job, NULL, &why))
        vd_log_why(VD_LOG_WARN, "watch.trim", "old statistics could not be removed", &why, NULL);
}

/* Until woken, or some seconds have gone by; false when stopping. */
static bool rest(vd_watch *k)
{
    int64_t lake_us = k->parts.lake->every_ms * 1000;
    int64_t until_us = vd_clock_mono_us() + (lake_us < LOOK_EVERY_US ? lake_us : LOOK_EVERY_US);
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    int rc = 0;
    pthread_mutex_lock(&k->lock);
    while (!k->stopping && !k->woken && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&k->changed, &k->lock, &until);
    k->woken = false;
    bool go_on = !k->stopping;
    pthread_mutex_unlock(&k->lock);
    return go_on;
}

/* ---- the lake ---- */

static vd_err done_job(vd_store *store, void *arg, vd_why *why)
{
    return vd_lake_done(store, arg, why);
}

static vd_err drop_job(vd_store *store, void *arg, vd_why *why)
{
    (void)arg;
    return vd_lake_drop(store, why);
}

static vd_err failed_job(vd_store *store, void *arg, vd_why *why)
{
    return vd_lake_failed(store, arg, why);
}

static vd_err write_batch(watch_lake_step *step, vd_watch *k, vd_why *why)
{
    vd_store *store = vd_store_pool_take(k->parts.readers);
    vd_err err = vd_lake_write(store, k->parts.lake, &step->batch, why);
    vd_store_pool_give(k->parts.readers, store);
    if (err || step->batch.last == 0) return err;
    step->files += step->batch.files;
    step->rows += step->batch.rows;
    return vd_committer_run(k->parts.committer, done_job, &step->batch, why);
}

static void write_lake(vd_watch *k)
{
    watch_lake_step step = { .files = 0 };
    vd_why why = { 0 };
    char line[400], rows[24];
    vd_err err = VD_OK;
    if (!k->parts.lake->path[0]) {
        if (vd_committer_run(k->parts.committer, drop_job, NULL, &why))
            vd_log_why(VD_LOG_WARN, "lake.drop", "what no lake wants piles up", &why, NULL);
        return;
    }
    do err = write_batch(&step, k, &why);
    while (!err && step.batch.last);
    if (err) {
        vd_log_why(VD_LOG_ERROR, "lake.failed", "the lake cannot be written, it is tried again",
                   &why, "path", k->parts.lake->path, NULL);
        vd_why_line(&why, line, sizeof line);
        if (vd_committer_run(k->parts.committer, failed_job, line, NULL))
            vd_log(VD_LOG_DEBUG, "lake.failed", "nor can the reason be kept", NULL);
    } else if (step.rows) {
        vd_log(VD_LOG_INFO, "lake.written", "the lake has new files", "rows",
               vd_text_i64(step.rows, rows), NULL);
    }
}

static void *keep(void *arg)
{
    vd_watch *k = arg;
    int64_t trimmed_us = vd_clock_mono_us(), lake_us = trimmed_us;
    while (rest(k)) {
        if (vd_clock_mono_us() - lake_us >= k->parts.lake->every_ms * 1000) {
            write_lake(k);
            lake_us = vd_clock_mono_us();
        }
        vd_watch_sampling(k->parts.intake, k->parts.committer, k->parts.readers);
        if (vd_clock_mono_us() - trimmed_us < TRIM_EVERY_US) continue;
        trim(k);
        trimmed_us = vd_clock_mono_us();
    }
    return NULL;
}

vd_err vd_watch_start(const vd_watch_parts *parts, vd_watch **ret_watch, vd_why *why)
{
    pthread_condattr_t attr;
    vd_watch *k = calloc(1, sizeof *k);
    if (!k) return vd_fail(why, VD_FULL, "no memory");
    k->parts = *parts;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&k->thread, NULL, keep, k) != 0) {
        pthread_cond_destroy(&k->changed);
        pthread_mutex_destroy(&k->lock);
        free(k);
        return vd_fail(why, VD_FULL, "the watch's thread cannot start");
    }
    *ret_watch = k;
    return VD_OK;
}

static void tell(vd_watch *k, bool stop)
{
    pthread_mutex_lock(&k->lock);
    k->stopping = k->stopping || stop;
    k->woken = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

void vd_watch_wake(vd_watch *k)
{
    tell(k, false);
}

vd_watch *vd_watch_stop(vd_watch *k)
{
    if (!k) return NULL;
    tell(k, true);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    free(k);
    return NULL;
}
