/* committer.c - whatever waits when the committer looks becomes one transaction.
 *
 *   post ──▶ ring ──▶ BEGIN │ SAVEPOINT job RELEASE │ SAVEPOINT job UNDO RELEASE │ ... COMMIT ──▶
 * done
 *
 * A hop to another thread and back costs as much as a commit. So whoever calls vd_committer_run
 * while nothing waits and nobody writes commits in its own thread; `busy` is the pen. Many writers
 * are woken by one call a group: they wait on the word of the group that their job will be in, and
 * the thread gives those that are awake the time to post before it takes the next group. */
#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store_priv.h"
#include "vd/fault.h"

#define GATHER_MAX 8 /* how often the thread steps aside for writers that are still posting */

typedef struct {
    vd_err err;
    vd_why why;
} outcome;

/* Somebody in vd_committer_run; gone as soon as `done` is set. */
typedef struct {
    outcome out;
    atomic_bool done;
} waiting;

typedef struct {
    vd_job_fn run;
    vd_job_done_fn done;
    void *arg;
    waiting *waiter;
} job;

struct vd_committer {
    vd_store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t posted, taken;
    job *ring; /* room; policy: a full ring makes post wait */
    size_t room, batch, first, count;
    bool stopping;
    bool busy;           /* somebody has the store: the thread, or a caller for its own job */
    size_t last_group;   /* how many jobs the thread's last group had */
    uint64_t groups;     /* the thread has taken */
    atomic_uint word[2]; /* of the groups with even and odd numbers: changes when they are done */
    job *group;          /* batch: the committer thread's own */
    outcome *outcomes;
};

static void word_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void word_wake_all(atomic_uint *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* With many writers, those just woken are about to post again: let them, while more come. Under
 * the lock, which is let go meanwhile. */
static void gather(vd_committer *c)
{
    size_t before = 0;
    for (int i = 0; i < GATHER_MAX && c->count != before && c->count < c->batch; i++) {
        before = c->count;
        pthread_mutex_unlock(&c->lock);
        sched_yield();
        pthread_mutex_lock(&c->lock);
    }
}

/* Takes what waits, at most one group; 0 when stopping and empty. `held`: the thread has the pen of
 * its last group. At its start it has none: a caller may be writing already. */
static size_t take_group(vd_committer *c, bool held)
{
    pthread_mutex_lock(&c->lock);
    if (held) c->busy = false;
    while (c->busy || (c->count == 0 && !c->stopping)) pthread_cond_wait(&c->posted, &c->lock);
    c->busy = true;
    if (c->last_group > 1) gather(c);
    size_t take = c->count < c->batch ? c->count : c->batch;
    for (size_t i = 0; i < take; i++) c->group[i] = c->ring[(c->first + i) % c->room];
    c->first = (c->first + take) % c->room;
    if (c->count == c->room) pthread_cond_broadcast(&c->taken);
    c->count -= take;
    c->last_group = take;
    c->groups++;
    pthread_mutex_unlock(&c->lock);
    return take;
}

static void outcome_clear(outcome *out)
{
    out->err = VD_OK;
    out->why.fact[0] = out->why.detail[0] = out->why.hint[0] = '\0';
}

/* A job alone: its transaction is savepoint enough. Returns the job's error or the commit's. */
static vd_err run_alone(vd_committer *c, vd_job_fn run, void *arg, vd_why *why)
{
    vd_err err = vd_store_control(c->store, VD_CONTROL_BEGIN, why);
    if (err) return err;
    err = run(c->store, arg, why);
    if (!err && !vd_store_in_transaction(c->store)) err = VD_IO;
    if (!err) err = vd_store_control(c->store, VD_CONTROL_COMMIT, why);
    if (err) vd_store_rollback(c->store);
    return err;
}

/* Returns an error only when the whole transaction is lost. */
static vd_err run_job(vd_committer *c, const job *j, outcome *out, vd_why *why)
{
    vd_err err = vd_store_control(c->store, VD_CONTROL_SAVE, why);
    if (err) return err;
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
    for (size_t i = 0; i < count; i++) outcome_clear(&c->outcomes[i]);
    if (count == 1) {
        outcome *out = &c->outcomes[0];
        out->err = run_alone(c, c->group[0].run, c->group[0].arg, &out->why);
        return VD_OK;
    }
    vd_err err = vd_store_control(c->store, VD_CONTROL_BEGIN, why);
    for (size_t i = 0; !err && i < count; i++) err = run_job(c, &c->group[i], &c->outcomes[i], why);
    if (!err) err = vd_store_control(c->store, VD_CONTROL_COMMIT, why);
    if (err) vd_store_rollback(c->store);
    return err;
}

static void tell(vd_committer *c, size_t count, vd_err lost, const vd_why *why)
{
    bool waited = false;
    for (size_t i = 0; i < count; i++) {
        const job *j = &c->group[i];
        const outcome *out = &c->outcomes[i];
        const vd_err err = lost ? lost : out->err;
        if (j->done) j->done(j->arg, err, lost ? why : &out->why);
        if (!j->waiter) continue;
        waited = true;
        j->waiter->out.err = err;
        if (err) j->waiter->out.why = lost ? *why : out->why;
        atomic_store_explicit(&j->waiter->done, true, memory_order_release);
    }
    if (waited) word_wake_all(&c->word[c->groups & 1]);
}

static void *commit_loop(void *arg)
{
    vd_committer *c = arg;
    for (size_t count = take_group(c, false); count > 0; count = take_group(c, true)) {
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

/* Under the lock; false when stopping. *ret_word: changes when the job's group is done. */
static bool put_in_ring(vd_committer *c, const job *j, atomic_uint **ret_word)
{
    while (c->count == c->room && !c->stopping) pthread_cond_wait(&c->taken, &c->lock);
    if (c->stopping) return false;
    *ret_word = &c->word[(c->groups + 1 + c->count / c->batch) & 1];
    c->ring[(c->first + c->count) % c->room] = *j;
    c->count++;
    return true;
}

static vd_err put(vd_committer *c, const job *j, atomic_uint **ret_word)
{
    pthread_mutex_lock(&c->lock);
    const bool there = put_in_ring(c, j, ret_word);
    if (there && !c->busy) pthread_cond_signal(&c->posted); /* who is busy looks again by itself */
    pthread_mutex_unlock(&c->lock);
    return there ? VD_OK : VD_GONE;
}

vd_err vd_committer_post(vd_committer *c, vd_job_fn run, vd_job_done_fn done, void *arg)
{
    atomic_uint *word;
    return put(c, &(job){ .run = run, .done = done, .arg = arg }, &word);
}

/* Nobody writes and nothing waits: the caller may. Not while many write: a group is cheaper. */
static bool take_pen(vd_committer *c)
{
    pthread_mutex_lock(&c->lock);
    const bool free = !c->busy && c->count == 0 && c->last_group <= 1 && !c->stopping;
    if (free) c->busy = true;
    pthread_mutex_unlock(&c->lock);
    return free;
}

static void give_pen(vd_committer *c)
{
    pthread_mutex_lock(&c->lock);
    c->busy = false;
    if (c->count > 0 || c->stopping) pthread_cond_signal(&c->posted);
    pthread_mutex_unlock(&c->lock);
}

vd_err vd_committer_run(vd_committer *c, vd_job_fn run, void *arg, vd_why *why)
{
    assert(!pthread_equal(pthread_self(), c->thread));
    waiting w;
    atomic_uint *word;
    outcome_clear(&w.out);
    atomic_init(&w.done, false);
    if (take_pen(c)) {
        w.out.err = run_alone(c, run, arg, &w.out.why);
        give_pen(c);
    } else {
        vd_err err = put(c, &(job){ .run = run, .arg = arg, .waiter = &w }, &word);
        if (err) return vd_fail(why, err, "the store is closing");
        for (unsigned seen = atomic_load(word); !atomic_load(&w.done); seen = atomic_load(word))
            word_wait(word, seen);
    }
    if (w.out.err && why) *why = w.out.why;
    return w.out.err;
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
