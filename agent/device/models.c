/* models.c - what other threads see of model updates: the wish, the trial, the report. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "models_priv.h"
#include "vd/clock.h"
#include "vd/file.h"

#define WISH_BYTES 4096

static const char *const state_names[] = { "fetching", "verifying", "installing", "warming",
                                           "testing",  "active",    "failed",     "returned" };

const char *vd_models_state_name(vd_models_state state)
{
    return state_names[state];
}

/* ---- open and close ---- */

static void fill_defaults(vd_models_config *c)
{
    if (!c->trial_ms) c->trial_ms = 120000;
    if (!c->trial_pictures) c->trial_pictures = 100;
    if (!c->failures_max) c->failures_max = 3;
    if (!c->deaths_max) c->deaths_max = 3;
    c->dir = c->release_key = NULL;
    c->self_test = NULL;
}

static bool copy_command(vd_models *m, const char *const *command)
{
    unsigned count = 0;

    while (command && command[count]) count++;
    if (!command) return true;
    m->self_test = calloc(count + 1, sizeof *m->self_test);
    for (unsigned i = 0; m->self_test && i < count; i++)
        if (!(m->self_test[i] = strdup(command[i]))) return false;
    return m->self_test != NULL;
}

static vd_err copy_config(vd_models *m, const vd_models_config *config, vd_why *why)
{
    char id[VD_RELEASE_KEY_ID_LEN + 1];
    bool key = config->release_key && config->release_key[0];

    if (key && !vd_release_key_id_of(config->release_key, id)) {
        vd_fail(why, VD_INVALID, "hub.release_key is no key");
        vd_why_hint(why, "copy the base64 text of GET /api/v1/release-key");
        return VD_INVALID;
    }
    m->config = *config;
    m->dir = strdup(config->dir);
    if (key) m->release_key = strdup(config->release_key);
    fill_defaults(&m->config);
    if (m->dir && (m->release_key || !key) && copy_command(m, config->self_test)) return VD_OK;
    return vd_fail(why, VD_FULL, "memory ends");
}

/* Back to the last good one; what is given up is remembered. */
static model_journal taken_back(const model_journal *now, const vd_why *why)
{
    model_journal next = *now;

    next.bad = now->active;
    next.bad_returned = true;
    next.bad_why = *why;
    next.active = now->good;
    next.since_utc_us = vd_clock_utc_us();
    next.trial = false;
    next.deaths = 0;
    return next;
}

/* On trial and gone without a word: a death. Too many, and the last good one is used. */
static vd_err count_death(vd_models *m, vd_why *why)
{
    model_journal next = m->journal;
    vd_why fact = { 0 };

    if (next.trial && !next.clean) next.deaths++;
    next.clean = false;
    if (next.trial && next.deaths >= m->config.deaths_max) {
        vd_fail(&fact, VD_INVALID, "the agent ended %u times with this model", next.deaths);
        next = taken_back(&next, &fact);
        next.clean = false;
    }
    return models_commit(m, &next, why);
}

static vd_err open_state(vd_models *m, vd_why *why)
{
    char layers[MODEL_PATH_ROOM];
    vd_why lost = { 0 };

    snprintf(layers, sizeof layers, "%s/layers", m->dir);
    vd_err err = vd_dir_make(m->dir, 0750, why);
    if (!err) err = vd_blobs_open(layers, &m->layers, why);
    if (err) return err;
    if (model_journal_load(m->dir, &m->journal, &lost)) m->journal.bad_why = lost;
    if (m->journal.active.manifest[0] || m->journal.trial) return count_death(m, why);
    return VD_OK;
}

/* What a report says until the hub wishes something. */
static void first_state(vd_models *m)
{
    bool bad = m->journal.bad.release[0];

    m->state = !bad                      ? VD_MODELS_ACTIVE
               : m->journal.bad_returned ? VD_MODELS_RETURNED
                                         : VD_MODELS_FAILED;
    m->why = m->journal.bad_why;
    m->since_utc_us = m->journal.since_utc_us;
    m->trial_from_us = vd_clock_mono_us();
}

vd_err vd_models_open(const vd_models_config *config, vd_models **ret_models, vd_why *why)
{
    pthread_condattr_t attr;
    vd_models *m = calloc(1, sizeof *m);

    if (!m) return vd_fail(why, VD_FULL, "memory ends");
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    vd_err err = copy_config(m, config, why);
    if (!err) err = open_state(m, why);
    if (err) {
        m->journal.trial = false; /* nothing to say on disk */
        return (void)vd_models_free(m), err;
    }
    first_state(m);
    *ret_models = m;
    return VD_OK;
}

vd_models *vd_models_free(vd_models *m)
{
    if (!m) return NULL;
    if (m->journal.trial && m->running) {
        model_journal next = m->journal;
        next.clean = true;
        models_note(m, &next);
    }
    for (unsigned i = 0; m->self_test && m->self_test[i]; i++) free(m->self_test[i]);
    free(m->self_test);
    free(m->dir);
    free(m->release_key);
    vd_blobs_free(m->layers);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

vd_err models_commit(vd_models *m, const model_journal *next, vd_why *why)
{
    vd_err err = model_journal_save(m->dir, next, why);

    if (err) return err;
    pthread_mutex_lock(&m->lock);
    m->journal = *next;
    pthread_mutex_unlock(&m->lock);
    return VD_OK;
}

void models_note(vd_models *m, const model_journal *next)
{
    if (!models_commit(m, next, NULL)) return;
    pthread_mutex_lock(&m->lock);
    m->journal = *next;
    pthread_mutex_unlock(&m->lock);
}

bool vd_models_path(vd_models *m, char into[VD_MODELS_PATH_ROOM])
{
    vd_why why = { 0 };

    while (m && m->journal.active.manifest[0]) {
        if (!model_descriptor_path(m->dir, m->journal.active.manifest, into, &why)) return true;
        if (!vd_models_unusable(m, &why)) break;
    }
    return false;
}

bool vd_models_unusable(vd_models *m, const vd_why *why)
{
    if (!m || !m->journal.active.manifest[0]) return false;
    model_journal next = taken_back(&m->journal, why);
    if (strcmp(next.active.manifest, next.bad.manifest) == 0) next.active = (model_ref){ 0 };
    next.good = next.active;
    models_note(m, &next); /* a disk that refuses: the next start finds out again */
    first_state(m);
    return true;
}

/* ---- start and stop ---- */

vd_err vd_models_start(vd_models *m, vd_device *device, const vd_models_sink *sink, vd_why *why)
{
    m->sink = *sink;
    m->device = device;
    m->https = https_new(device);
    if (!m->https) return vd_fail(why, VD_FULL, "memory ends");
    if (pthread_create(&m->thread, NULL, models_run, m)) {
        m->https = https_free(m->https);
        return vd_fail(why, VD_FULL, "the thread of model updates cannot be started");
    }
    m->running = true;
    return VD_OK;
}

void vd_models_stop(vd_models *m)
{
    if (!m || !m->running) return;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    m->https = https_free(m->https);
}

/* ---- what the updater asks ---- */

bool models_overtaken(vd_models *m, uint64_t serial)
{
    pthread_mutex_lock(&m->lock);
    bool overtaken = m->stopping || m->wish_serial != serial;
    pthread_mutex_unlock(&m->lock);
    return overtaken || device_stopping(m->device);
}

bool models_pause(vd_models *m, uint64_t serial, int64_t ms)
{
    int64_t until_us = vd_clock_mono_us() + ms * 1000;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_mutex_lock(&m->lock);
    while (!m->stopping && m->wish_serial == serial && !m->take_back &&
           vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&m->changed, &m->lock, &until);
    bool go_on = !m->stopping && m->wish_serial == serial;
    pthread_mutex_unlock(&m->lock);
    return go_on;
}

void models_tell(vd_models *m, vd_models_state state, const char *manifest, const vd_why *why)
{
    static const vd_why none;

    pthread_mutex_lock(&m->lock);
    bool same = m->state == state && strcmp(m->why.fact, why ? why->fact : "") == 0;
    m->state = state;
    m->why = why ? *why : none;
    if (!same) m->since_utc_us = vd_clock_utc_us();
    pthread_mutex_unlock(&m->lock);
    if (!same && m->sink.changed) m->sink.changed(m->sink.ctx, state, manifest, why);
}

/* ---- the wish ---- */

static vd_err wish_wrong(vd_why *why, const char *member)
{
    vd_fail(why, VD_INVALID, "desired model: '%s' is missing or wrong", member);
    vd_why_hint(why, "{release, repository, manifest, key}, as a rollout writes them");
    return VD_INVALID;
}

static bool repository_ok(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= MODEL_REPOSITORY_MAX && name[0] != '/' && !strstr(name, "..") &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == len;
}

static vd_err read_wish(const vd_json *root, model_wish *wish, vd_why *why)
{
    vd_ulid release;
    vd_digest manifest;
    const char *repository = vd_json_text(vd_json_get(root, "repository"), "");
    const char *key = vd_json_text(vd_json_get(root, "key"), "");
    const char *id = vd_json_text(vd_json_get(root, "release"), "");
    char key_id[VD_RELEASE_KEY_ID_LEN + 1];

    if (!vd_ulid_parse(vd_slice_str(id), &release)) return wish_wrong(why, "release");
    memcpy(wish->release, release.text, sizeof wish->release);
    const vd_json *node = vd_json_get(root, "manifest");
    if (vd_json_kind_of(node) == VD_JSON_IS_NULL) return VD_OK; /* a release of the own model */
    if (!vd_digest_parse(vd_slice_str(vd_json_text(node, "")), &manifest))
        return wish_wrong(why, "manifest");
    if (!repository_ok(repository)) return wish_wrong(why, "repository");
    if (key[0] && !vd_release_key_id_of(key, key_id)) return wish_wrong(why, "key");
    memcpy(wish->manifest, manifest.hex, sizeof wish->manifest);
    vd_slice_to_chars(vd_slice_str(repository), wish->repository, sizeof wish->repository);
    vd_slice_to_chars(vd_slice_str(key), wish->key, sizeof wish->key);
    return VD_OK;
}

/* What the wish asks for is so already, or was tried and went wrong. The lock is held. */
static bool wish_settled_locked(const vd_models *m, const model_wish *wish)
{
    const model_journal *j = &m->journal;

    if (m->wish_serial != m->done_serial) return false; /* on the way to another one */
    if (wish->release[0] && strcmp(wish->release, j->bad.release) == 0) return true;
    return strcmp(wish->release, j->active.release) == 0 &&
           strcmp(wish->manifest, j->active.manifest) == 0;
}

vd_err vd_models_wish(vd_models *m, vd_slice json, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    model_wish wish = { 0 };

    vd_err err = vd_json_parse(json, WISH_BYTES, 4, &root, why);
    if (!err && vd_json_kind_of(root) == VD_JSON_IS_OBJECT) err = read_wish(root, &wish, why);
    if (err) return err;
    pthread_mutex_lock(&m->lock);
    bool same = m->wished && memcmp(&wish, &m->wish, sizeof wish) == 0;
    bool settled = wish_settled_locked(m, &wish);
    m->wish = wish;
    m->wished = true;
    if (!same && !settled) m->wish_serial++;
    /* Back to what is in use, after another one went wrong. */
    if (settled && strcmp(wish.release, m->journal.active.release) == 0 &&
        m->state >= VD_MODELS_ACTIVE) {
        m->state = VD_MODELS_ACTIVE;
        m->why = (vd_why){ 0 };
    }
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return VD_OK;
}

/* ---- the trial ---- */

void vd_models_picture(vd_models *m, const vd_why *failed)
{
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    if (++m->pictures == m->config.trial_pictures) pthread_cond_broadcast(&m->changed);
    if (failed) {
        m->errors++;
        if (m->journal.trial && ++m->failed_in_trial == m->config.failures_max) {
            m->take_back = true;
            m->failure = *failed;
            pthread_cond_broadcast(&m->changed);
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- the report ---- */

static void write_manifest(vd_json_w *w, const char *key, const char *hex)
{
    char text[VD_SHA256_HEX + 8];

    snprintf(text, sizeof text, "sha256:%s", hex);
    vd_json_w_kv_text(w, key, hex[0] ? text : NULL);
}

/* 0, 1, 10, 100, 1000, ...: enough to know that it works, without a message for each picture. */
static int64_t rounded(uint64_t count)
{
    int64_t step = 1;

    while (count >= 10) step *= 10, count /= 10;
    return count ? step : 0;
}

void vd_models_report(vd_models *m, vd_json_w *w)
{
    pthread_mutex_lock(&m->lock);
    const model_journal *j = &m->journal;
    bool bad = m->state == VD_MODELS_FAILED || m->state == VD_MODELS_RETURNED;
    bool on_way = m->wish_serial != m->done_serial && !bad;
    const char *release = on_way ? m->wish.release : bad ? j->bad.release : j->active.release;
    const char *manifest = on_way ? m->wish.manifest : bad ? j->bad.manifest : j->active.manifest;
    vd_json_w_kv_text(w, "release", release[0] ? release : NULL);
    write_manifest(w, "manifest", manifest);
    vd_json_w_kv_text(w, "state", vd_models_state_name(m->state));
    vd_json_w_kv_text(w, "why", m->why.fact[0] ? m->why.fact : NULL);
    vd_json_w_kv_text(w, "detail", m->why.detail[0] ? m->why.detail : NULL);
    vd_json_w_kv_text(w, "hint", m->why.hint[0] ? m->why.hint : NULL);
    write_manifest(w, "in_use", j->active.manifest);
    write_manifest(w, "previous", j->good.manifest);
    vd_json_w_kv_time(w, "since", m->since_utc_us);
    vd_json_w_kv_bool(w, "trial", j->trial);
    vd_json_w_kv_int(w, "pictures", rounded(m->pictures));
    vd_json_w_kv_int(w, "errors", (int64_t)m->errors);
    pthread_mutex_unlock(&m->lock);
}
