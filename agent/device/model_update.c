/* model_update.c - one wish after the other, step by step. What a death leaves at each:
 *
 *   step                      on disk after it                              a start uses
 *   fetch                     layers/, partial ones too                     the old
 *   install                   DIR/<manifest>/ whole                         the old
 *   test, prepare             the same                                      the old
 *   journal: trial            active = new, good = old, renamed at once     the new, one death more
 *   swap                      the same                                      the new, one death more
 *   journal: proven           good = active                                 the new
 *   take back: journal        active = good, bad = new                      the old
 *
 * The journal is changed before the swap in memory and before the swap back, so that it never names
 * a model that has not been tested or was given up. */
#include <stdlib.h>

#include "models_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"

#define CHECK_MS 250

typedef enum { WORK_NONE, WORK_WISH, WORK_TAKE_BACK, WORK_PROVEN } work_kind;

/* ---- one wish ---- */

static bool passes_by_itself(vd_err err)
{
    return err == VD_RETRY || err == VD_IO;
}

/* Fetched and installed, whole; tries again for ever while only the way there is disturbed. */
static vd_err have_model(vd_models *m, const model_wish *wish, uint64_t serial,
                         uint64_t *ret_weights, vd_why *why)
{
    VD_AUTO(model_artifact) model = { 0 };
    unsigned failures = 0;
    vd_err err;

    *ret_weights = 0;
    if (model_installed(m, wish->manifest)) return VD_OK;
    while ((err = model_fetch(m, wish, serial, &model, why)) && passes_by_itself(err)) {
        models_tell(m, VD_MODELS_FETCHING, wish->manifest, why);
        if (!models_pause(m, serial, backoff_ms(failures++))) return VD_GONE;
    }
    if (err) return err;
    models_tell(m, VD_MODELS_INSTALLING, wish->manifest, NULL);
    *ret_weights = model.part[VD_ARTIFACT_WEIGHTS]->bytes;
    vd_fault_step();
    err = model_install(m, wish->manifest, &model, why);
    vd_fault_step();
    return err;
}

static vd_err prepare(vd_models *m, const model_wish *wish, uint64_t serial, vd_why *why)
{
    char path[VD_MODELS_PATH_ROOM];
    uint64_t weights = 0;
    vd_err err = VD_OK;

    if (!wish->manifest[0]) return m->sink.prepare(m->sink.ctx, NULL, why);
    err = have_model(m, wish, serial, &weights, why);
    if (!err && models_overtaken(m, serial)) err = VD_GONE;
    if (!err) err = model_self_test(m, wish->manifest, weights, serial, why);
    if (!err) err = model_descriptor_path(m->dir, wish->manifest, path, why);
    if (!err && models_overtaken(m, serial)) err = VD_GONE;
    return err ? err : m->sink.prepare(m->sink.ctx, path, why);
}

static void reset_trial(vd_models *m)
{
    pthread_mutex_lock(&m->lock);
    m->pictures = m->errors = 0;
    m->failed_in_trial = 0;
    m->take_back = false;
    m->trial_from_us = vd_clock_mono_us();
    pthread_mutex_unlock(&m->lock);
}

static vd_err switch_to(vd_models *m, const model_wish *wish, vd_why *why)
{
    model_journal next = m->journal;

    /* A trial that is overtaken was not yet proven good: the one before it stays the way back. */
    if (!next.trial) next.good = next.active;
    memcpy(next.active.release, wish->release, sizeof next.active.release);
    memcpy(next.active.manifest, wish->manifest, sizeof next.active.manifest);
    next.since_utc_us = vd_clock_utc_us();
    next.trial = strcmp(next.active.manifest, next.good.manifest) != 0;
    next.deaths = 0;
    next.bad = (model_ref){ 0 };
    next.bad_why = (vd_why){ 0 };
    vd_fault_step();
    vd_err err = models_commit(m, &next, why);
    vd_fault_step();
    if (err) {
        m->sink.drop(m->sink.ctx);
        return err;
    }
    m->sink.swap(m->sink.ctx);
    reset_trial(m);
    vd_fault_step();
    return VD_OK;
}

/* The same bytes under a new release: only the journal learns of it. */
static vd_err rename_release(vd_models *m, const model_wish *wish, vd_why *why)
{
    model_journal next = m->journal;

    memcpy(next.active.release, wish->release, sizeof next.active.release);
    next.bad = (model_ref){ 0 };
    next.bad_why = (vd_why){ 0 };
    return models_commit(m, &next, why);
}

static void give_up(vd_models *m, const model_wish *wish, const vd_why *why)
{
    model_journal next = m->journal;

    memcpy(next.bad.release, wish->release, sizeof next.bad.release);
    memcpy(next.bad.manifest, wish->manifest, sizeof next.bad.manifest);
    next.bad_returned = false;
    next.bad_why = *why;
    models_note(m, &next); /* unkept: it is tried again after a start, no harm */
}

static void settle(vd_models *m, uint64_t serial)
{
    pthread_mutex_lock(&m->lock);
    if (m->wish_serial == serial) m->done_serial = serial;
    pthread_mutex_unlock(&m->lock);
}

static void pursue(vd_models *m, const model_wish *wish, uint64_t serial)
{
    vd_why why = { 0 };
    bool same = strcmp(wish->manifest, m->journal.active.manifest) == 0;

    vd_err err = same ? rename_release(m, wish, &why) : prepare(m, wish, serial, &why);
    if (!err && !same) err = switch_to(m, wish, &why);
    if (err == VD_GONE) return; /* a newer wish, or the end: nothing of this one is in use */
    if (err) give_up(m, wish, &why);
    settle(m, serial);
    models_tell(m, err ? VD_MODELS_FAILED : VD_MODELS_ACTIVE, wish->manifest, err ? &why : NULL);
    if (!err) model_sweep(m, m->journal.active.manifest, m->journal.good.manifest);
}

/* ---- the trial ---- */

static void proven(vd_models *m)
{
    model_journal next = m->journal;

    next.trial = false;
    next.deaths = 0;
    next.good = next.active;
    if (models_commit(m, &next, NULL)) return; /* a full disk: asked again */
    model_sweep(m, next.active.manifest, "");
    if (m->sink.changed && m->state == VD_MODELS_ACTIVE)
        m->sink.changed(m->sink.ctx, m->state, next.active.manifest, NULL);
}

/* The good one is loaded before anything is given up: if even that fails, the failing one stays and
 * says so. */
static void take_back(vd_models *m)
{
    model_journal next = m->journal;
    char path[VD_MODELS_PATH_ROOM];
    bool own = !next.good.manifest[0];
    vd_why why = { 0 }, failure;

    pthread_mutex_lock(&m->lock);
    failure = m->failure;
    m->take_back = false;
    pthread_mutex_unlock(&m->lock);
    vd_err err = own ? VD_OK : model_descriptor_path(m->dir, next.good.manifest, path, &why);
    if (!err) err = m->sink.prepare(m->sink.ctx, own ? NULL : path, &why);
    if (err) {
        models_tell(m, VD_MODELS_ACTIVE, next.active.manifest, &why);
        return;
    }
    next.bad = next.active;
    next.bad_returned = true;
    next.bad_why = failure;
    next.active = next.good;
    next.since_utc_us = vd_clock_utc_us();
    next.trial = false;
    models_note(m, &next); /* unkept: the next start finds the trial again, and this again */
    vd_fault_step();
    m->sink.swap(m->sink.ctx);
    reset_trial(m);
    models_tell(m, VD_MODELS_RETURNED, next.bad.manifest, &failure);
}

/* ---- the thread ---- */

static bool trial_over_locked(const vd_models *m)
{
    return m->journal.trial && !m->failed_in_trial && m->pictures >= m->config.trial_pictures &&
           vd_clock_mono_us() - m->trial_from_us >= m->config.trial_ms * 1000;
}

static work_kind work_locked(vd_models *m)
{
    if (m->take_back) return WORK_TAKE_BACK;
    if (m->wish_serial != m->done_serial) return WORK_WISH;
    return trial_over_locked(m) ? WORK_PROVEN : WORK_NONE;
}

/* False: stopping. */
static bool work_await(vd_models *m, work_kind *ret_kind, model_wish *ret_wish,
                       uint64_t *ret_serial)
{
    pthread_mutex_lock(&m->lock);
    while (!m->stopping && (*ret_kind = work_locked(m)) == WORK_NONE) {
        int64_t until_us = vd_clock_mono_us() + CHECK_MS * 1000;
        struct timespec until = { .tv_sec = until_us / 1000000,
                                  .tv_nsec = until_us % 1000000 * 1000 };
        pthread_cond_timedwait(&m->changed, &m->lock, &until);
    }
    *ret_wish = m->wish;
    *ret_serial = m->wish_serial;
    bool go_on = !m->stopping;
    pthread_mutex_unlock(&m->lock);
    return go_on;
}

void *models_run(void *models)
{
    vd_models *m = models;
    work_kind kind = WORK_NONE;
    model_wish wish;
    uint64_t serial;

    while (work_await(m, &kind, &wish, &serial)) {
        if (kind == WORK_TAKE_BACK)
            take_back(m);
        else if (kind == WORK_WISH)
            pursue(m, &wish, serial);
        else
            proven(m);
    }
    return NULL;
}
