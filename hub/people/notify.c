/* notify.c - the notifier's thread: takes what is due, sends it, keeps what came of it.
 *
 *   waiting ──sent──▶ sent
 *      │ ▲──retry (first wait, doubled each time up to the most)
 *      └──12th failure──▶ failed           suppressed: made so by the cool-down, never sent
 *
 * All state is in the store, so a restart goes on where the last run stopped. */
#include "notify_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "vd/clock.h"
#include "vd/log.h"

struct vd_notify {
    vd_notify_parts parts;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken;
    atomic_bool stopping;
};

static void copy(vd_stmt *row, int column, char *into, size_t room)
{
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, column)), into, room);
}

static vd_err next_due(vd_notify *notify, message *m, vd_why *why)
{
    vd_store *store = vd_store_pool_take(notify->parts.readers);
    vd_stmt *due = vd_store_stmt(store, "delivery_due");
    vd_bind_int(due, "now_us", vd_clock_utc_us());
    vd_bind_int(due, "wait_us", notify->parts.config->picture_wait_ms * 1000);
    vd_err err = vd_stmt_row(due, why);
    if (!err) {
        copy(due, 0, m->id, sizeof m->id);
        copy(due, 1, m->incident, sizeof m->incident);
        m->email = strcmp(vd_col_text(due, 2), "email") == 0;
        copy(due, 3, m->target, sizeof m->target);
        copy(due, 4, m->subject, sizeof m->subject);
        m->attempts = vd_col_int(due, 5);
        m->created_us = vd_col_int(due, 6);
        copy(due, 7, m->picture, sizeof m->picture);
        copy(due, 8, m->title, sizeof m->title);
        copy(due, 9, m->device, sizeof m->device);
        copy(due, 10, m->camera, sizeof m->camera);
        copy(due, 11, m->rule, sizeof m->rule);
        copy(due, 12, m->zone, sizeof m->zone);
        m->severity = vd_col_int(due, 13);
        m->started_us = vd_col_int(due, 14);
        m->score = vd_col_num(due, 15);
    }
    vd_stmt_finish(due);
    vd_store_pool_give(notify->parts.readers, store);
    return err;
}

typedef struct {
    const vd_notify_config *config;
    const message *m;
    bool ok;
    const char *answer;
} tried;

static int64_t back_off_us(const vd_notify_config *config, int64_t attempts)
{
    int64_t wait_ms = config->retry_first_ms;
    for (int64_t n = 0; n < attempts && wait_ms < config->retry_most_ms; n++) wait_ms *= 2;
    return (wait_ms < config->retry_most_ms ? wait_ms : config->retry_most_ms) * 1000;
}

static vd_err keep_attempt(vd_store *store, const tried *t, vd_why *why)
{
    vd_stmt *attempt = vd_store_stmt(store, "attempt_add");
    vd_bind_text(attempt, "delivery", t->m->id);
    vd_bind_int(attempt, "now_us", vd_clock_utc_us());
    vd_bind_int(attempt, "ok", t->ok);
    vd_bind_text(attempt, "answer", t->answer);
    return vd_stmt_run(attempt, NULL, why);
}

static vd_err keep(vd_store *store, void *arg, vd_why *why)
{
    const tried *t = arg;
    bool last = t->m->attempts + 1 >= VD_NOTIFY_ATTEMPTS_MAX;
    vd_err err = keep_attempt(store, t, why);
    if (err) return err;
    vd_stmt *update = vd_store_stmt(store, "delivery_tried");
    vd_bind_text(update, "id", t->m->id);
    vd_bind_text(update, "state", t->ok ? "sent" : last ? "failed" : "waiting");
    if (!t->ok && !last)
        vd_bind_int(update, "next_us", vd_clock_utc_us() + back_off_us(t->config, t->m->attempts));
    err = vd_stmt_run(update, NULL, why);
    if (err || !t->ok) return err;

    VD_AUTO(vd_buf) text = VD_BUF(1024);
    if (!vd_buf_addf(&text, "%s to %s", t->m->email ? "e-mail" : "webhook", t->m->target))
        return VD_FULL;
    return vd_incident_tell(store, t->m->incident, "hub", "notified", text.data, why);
}

static void pause_ms(vd_notify *notify, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&notify->lock);
    while (!notify->woken && !notify->stopping &&
           pthread_cond_timedwait(&notify->wake, &notify->lock, &until) == 0) {}
    notify->woken = false;
    pthread_mutex_unlock(&notify->lock);
}

/* True when the outcome is kept. */
static bool send_one(vd_notify *notify, const message *m)
{
    const vd_notify_parts *parts = &notify->parts;
    char answer[512] = "";
    vd_why why = { 0 };
    bool ok = m->email ? mail_send(parts->config, parts->blobs, m, &notify->stopping, answer,
                                   sizeof answer)
                       : webhook_send(parts->config, m, &notify->stopping, answer, sizeof answer);
    if (!ok && notify->stopping) return false;
    vd_log(ok ? VD_LOG_INFO : VD_LOG_WARN, ok ? "notify.sent" : "notify.failed",
           ok ? "a notification was sent" : "a notification could not be sent", "incident",
           m->incident, "delivery", m->id, "target", m->target, "answer", answer, NULL);
    tried t = { .config = parts->config, .m = m, .ok = ok, .answer = answer };
    vd_err err = vd_committer_run(parts->committer, keep, &t, &why);
    if (err) {
        vd_log_why(VD_LOG_ERROR, "notify.not-kept", "what came of a notification was not kept",
                   &why, "delivery", m->id, NULL);
        return false;
    }
    if (parts->changed) parts->changed(parts->arg, m->id, m->incident);
    return true;
}

static void *work(void *arg)
{
    vd_notify *notify = arg;
    while (!notify->stopping) {
        message m = { 0 };
        vd_why why = { 0 };
        vd_err err = next_due(notify, &m, &why);
        if (err == VD_OK) {
            if (!send_one(notify, &m)) pause_ms(notify, 10000);
            continue;
        }
        if (err != VD_ABSENT)
            vd_log_why(VD_LOG_ERROR, "notify.read", "due notifications cannot be read", &why, NULL);
        pause_ms(notify, 1000);
    }
    return NULL;
}

vd_err vd_notify_start(const vd_notify_parts *parts, vd_notify **ret_notify, vd_why *why)
{
    vd_notify *notify = calloc(1, sizeof *notify);
    if (!notify) return vd_fail(why, VD_FULL, "no memory");
    notify->parts = *parts;
    pthread_mutex_init(&notify->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&notify->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&notify->thread, NULL, work, notify) != 0) {
        free(notify);
        return vd_fail(why, VD_FULL, "the notifier's thread cannot start");
    }
    *ret_notify = notify;
    return VD_OK;
}

void vd_notify_wake(vd_notify *notify)
{
    pthread_mutex_lock(&notify->lock);
    notify->woken = true;
    pthread_cond_signal(&notify->wake);
    pthread_mutex_unlock(&notify->lock);
}

vd_notify *vd_notify_stop(vd_notify *notify)
{
    if (!notify) return NULL;
    pthread_mutex_lock(&notify->lock);
    notify->stopping = true;
    pthread_cond_signal(&notify->wake);
    pthread_mutex_unlock(&notify->lock);
    pthread_join(notify->thread, NULL);
    pthread_mutex_destroy(&notify->lock);
    pthread_cond_destroy(&notify->wake);
    free(notify);
    return NULL;
}
