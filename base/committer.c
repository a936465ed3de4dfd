/* committer.c - one thread writes; whatever waits when it looks becomes one transaction.
 *
 *   post ──▶ ring ──▶ BEGIN │ SAVEPOINT job RELEASE │ SAVEPOINT job UNDO RELEASE │ ... COMMIT ──▶
 * done
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "store_priv.h"
#include "vd/fault.h"

typedef struct {
    vd_job_fn run;
    vd_job_done_fn done;
    void *arg;
} job;

typedef struct {
    vd_err err;
    vd_why why;
} outcome;

struct vd_committer {
    vd_store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t posted, taken;
    job *ring; /* room; policy: a full ring makes post wait */
    size_t room, batch, first, count;
    bool stopping;
    job *group; /* batch: the committer thread's own */
    outcome *outcomes;
};

/* Takes what waits, at most one group; 0 when stopping and empty. */
static size_t take_group(vd_committer *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->count == 0 && !c->stopping) pthread_cond_wait(&c->posted, &c->lock);
    size_t take = c->count < c->batch ? c->count : c->batch;
    for (size_t i = 0; i < take; i++) c->group[i] = c->ring[(c->first + i) % c->room];
    c->first = (c->first + take) % c->room;
    c->count -= take;
    pthread_cond_broadcast(&c->taken);
    pthread_mutex_unlock(&c->lock);
    return take;
}

/* Returns an error only when the whole transaction is lost. */
static vd_err run_job(vd_committer *c, const job *j, outcome *out, vd_why *why)
{
    vd_err err = vd_store_control(c->store, VD_CONTROL_SAVE, why);
    if (err) return err;
    out->why = (vd_why){ 0 };
    out->err = j->run(c->store, j->arg, &out->why);
    if (!vd_store_in_transaction(c->store)) {
        *why = out->why;
        return out->err ? out->err : VD_IO;
    }
    if (out->err) err = vd_store_control(c->store, VD_CONTROL_UNDO, why);
    if (!err) err = vd_store_control(c->store, VD_CONTROL_RELEASE, why);
    return err;
}

static vd_err run_group(vd_committer *c, size_t count, vd_why *why)
{
    vd_err err = vd_store_control(c->store, VD_CONTROL_BEGIN, why);
    for (size_t i = 0; !err && i < count; i++) err = run_job(c, &c->group[i], &c->outcomes[i], why);
    if (!err) err = vd_store_control(c->store, VD_CONTROL_COMMIT, why);
    if (err) vd_store_rollback(c->store);
    return err;
}

static void tell(vd_committer *c, size_t count, vd_err lost, const vd_why *why)
{
    for (size_t i = 0; i < count; i++) {
        const outcome *out = &c->outcomes[i];
        if (!c->group[i].done) continue;
        c->group[i].done(c->group[i].arg, lost ? lost : out->err, lost ? why : &out->why);
    }
}

static void *commit_loop(void *arg)
{
    vd_committer *c = arg;
    size_t count;
    while ((count = take_group(c)) > 0) {
        vd_why why = { 0 };
        vd_err lost = run_group(c, count, &why);
        tell(c, count, lost, &why);
    }
    return NULL;
}

static vd_committer *release(vd_committer *c)
{
    vd_store_free(c->store);
    pthread_cond_destroy(&c->posted);
    pthread_cond_destroy(&c->taken);
    pthread_mutex_destroy(&c->lock);
    free(c->ring);
    free(c->group);
    free(c->outcomes);
    free(c);
    return NULL;
}

vd_err vd_committer_new(vd_store *store, size_t room, size_t batch, vd_committer **ret_committer,
                        vd_why *why)
{
    assert(room > 0 && batch > 0);
    vd_committer *c = vd_calloc(1, sizeof(*c));
    if (!c) {
        vd_store_free(store);
        return vd_fail(why, VD_FULL, "no memory is left for the committer");
    }
    c->store = store;
    c->room = room;
    c->batch = batch;
    c->ring = vd_calloc(room, sizeof(*c->ring));
    c->group = vd_calloc(batch, sizeof(*c->group));
    c->outcomes = vd_calloc(batch, sizeof(*c->outcomes));
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->posted, NULL);
    pthread_cond_init(&c->taken, NULL);
    bool ok =
        c->ring && c->group && c->outcomes && pthread_create(&c->thread, NULL, commit_loop, c) == 0;
    if (!ok) {
        release(c);
        return vd_fail(why, VD_FULL, "the committer's thread cannot be made");
    }
    *ret_committer = c;
    return VD_OK;
}

vd_err vd_committer_post(vd_committer *c, vd_job_fn run, vd_job_done_fn done, void *arg)
{
    pthread_mutex_lock(&c->lock);
    while (c->count == c->room && !c->stopping) pthread_cond_wait(&c->taken, &c->lock);
    bool gone = c->stopping;
    if (!gone) {
        c->ring[(c->first + c->count) % c->room] = (job){ run, done, arg };
        c->count++;
        pthread_cond_signal(&c->posted);
    }
    pthread_mutex_unlock(&c->lock);
    return gone ? VD_GONE : VD_OK;
}

typedef struct {
    vd_job_fn run;
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_done;
    vd_err err;
    vd_why why;
} waiting;

static vd_err run_waiting(vd_store *store, void *arg, vd_why *why)
{
    waiting *w = arg;
    return w->run(store, w->arg, why);
}

static void end_waiting(void *arg, vd_err err, const vd_why *why)
{
    waiting *w = arg;
    pthread_mutex_lock(&w->lock);
    w->err = err;
    if (why) w->why = *why;
    w->is_done = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
}

vd_err vd_committer_run(vd_committer *c, vd_job_fn run, void *arg, vd_why *why)
{
    assert(!pthread_equal(pthread_self(), c->thread));
    waiting w = {
        .run = run, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER
    };
    vd_err err = vd_committer_post(c, run_waiting, end_waiting, &w);
    if (err) return vd_fail(why, err, "the store is closing");
    pthread_mutex_lock(&w.lock);
    while (!w.is_done) pthread_cond_wait(&w.ended, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (w.err && why) *why = w.why;
    return w.err;
}

vd_committer *vd_committer_free(vd_committer *c)
{
    if (!c) return NULL;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->posted);
    pthread_cond_broadcast(&c->taken);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    return release(c);
}
