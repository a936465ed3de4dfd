/* command.c - what crosses the threads: work for the loop, jobs for the committer. */
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/fault.h"

unsigned hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash % HASH_ROOM;
}

void hook_changed(vd_intake *intake, const char *device, vd_intake_change what)
{
    const vd_intake_hooks *hooks = &intake->config.hooks;
    if (hooks->changed) hooks->changed(hooks->ctx, device, what);
}

bool command_push(vd_intake *intake, command *work)
{
    work->next = NULL;
    pthread_mutex_lock(&intake->lock);
    bool open = intake->wake_open;
    if (open) {
        if (intake->last_command)
            intake->last_command->next = work;
        else
            intake->first_command = work;
        intake->last_command = work;
        uv_async_send(&intake->wake);
    }
    pthread_mutex_unlock(&intake->lock);
    return open;
}

typedef struct {
    command work;
    void (*run)(vd_intake *intake, void *arg);
    void *arg;
} posted;

static void run_posted(vd_intake *intake, void *arg)
{
    posted *p = arg;
    p->run(intake, p->arg);
    free(p);
}

bool command_post(vd_intake *intake, void (*run)(vd_intake *, void *), void *arg)
{
    posted *p = vd_calloc(1, sizeof(*p));
    if (!p) return false;
    *p = (posted){ .work = { .run = run_posted, .arg = p }, .run = run, .arg = arg };
    if (command_push(intake, &p->work)) return true;
    free(p);
    return false;
}

void command_run_all(vd_intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    command *work = intake->first_command;
    intake->first_command = intake->last_command = NULL;
    pthread_mutex_unlock(&intake->lock);
    while (work) {
        command *next = work->next; /* running may release it */
        work->run(intake, work->arg);
        work = next;
    }
}

vd_err job_post(vd_intake *intake, vd_job_fn run, vd_job_done_fn done, void *arg)
{
    pthread_mutex_lock(&intake->lock);
    intake->jobs++;
    pthread_mutex_unlock(&intake->lock);
    vd_err err = vd_committer_post(intake->config.committer, run, done, arg);
    if (err) job_done(intake);
    return err;
}

void job_done(vd_intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->jobs--;
    if (intake->jobs == 0) {
        pthread_cond_broadcast(&intake->idle);
        if (intake->wake_open && intake->stopping) uv_async_send(&intake->wake);
    }
    pthread_mutex_unlock(&intake->lock);
}

uint64_t job_count(vd_intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    uint64_t jobs = intake->jobs;
    pthread_mutex_unlock(&intake->lock);
    return jobs;
}

typedef struct {
    vd_intake *intake;
    vd_job_fn run;
    void (*after)(vd_intake *intake, void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_done;
    vd_err err;
    vd_why *why;
} waiting;

static vd_err run_waiting(vd_store *store, void *arg, vd_why *why)
{
    waiting *w = arg;
    return w->run(store, w->arg, why);
}

static void end_waiting(void *arg, vd_err err, const vd_why *why)
{
    waiting *w = arg;
    vd_intake *intake = w->intake;
    if (!err && w->after) w->after(intake, w->arg);
    pthread_mutex_lock(&w->lock);
    w->err = err;
    if (err && w->why && why) *w->why = *why;
    w->is_done = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    job_done(intake);
}

vd_err job_run(vd_intake *intake, vd_job_fn run, void (*after)(vd_intake *, void *), void *arg,
               vd_why *why)
{
    waiting w = { .intake = intake,
                  .run = run,
                  .after = after,
                  .arg = arg,
                  .why = why,
                  .lock = PTHREAD_MUTEX_INITIALIZER,
                  .ended = PTHREAD_COND_INITIALIZER };
    vd_err err = job_post(intake, run_waiting, end_waiting, &w);
    if (err) return vd_fail(why, err, "the hub is stopping");
    pthread_mutex_lock(&w.lock);
    while (!w.is_done) pthread_cond_wait(&w.ended, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return w.err;
}
