/* rollout.c - what people do with rollouts, and the life of the thread. */
#include "rollout_priv.h"

#include <stdlib.h>

#include "limits.h"
#include "vd/clock.h"

#define TWIN_BYTES  1048576
#define SOAK_USUAL  3600
#define SOAK_MOST_S 604800

/* ---- life ---- */

vd_err vd_rollouts_new(const vd_rollouts_parts *parts, vd_rollouts **ret_rollouts, vd_why *why)
{
    pthread_condattr_t attr;
    vd_rollouts *all = calloc(1, sizeof *all);

    if (!all) return vd_fail(why, VD_FULL, "memory ends");
    all->parts = *parts;
    if (!all->parts.soak_s) all->parts.soak_s = SOAK_USUAL;
    pthread_mutex_init(&all->lock, NULL);
    pthread_mutex_init(&all->looking, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&all->changed, &attr);
    pthread_condattr_destroy(&attr);
    *ret_rollouts = all;
    return VD_OK;
}

vd_err vd_rollouts_start(vd_rollouts *all, vd_why *why)
{
    if (pthread_create(&all->thread, NULL, look_run, all))
        return vd_fail(why, VD_FULL, "the thread of rollouts cannot be started");
    all->running = true;
    return VD_OK;
}

static void wake(vd_rollouts *all, bool at_once)
{
    pthread_mutex_lock(&all->lock);
    all->heard = true;
    all->kicked = all->kicked || at_once;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

void vd_rollouts_hear(vd_rollouts *all)
{
    if (all) wake(all, false);
}

void vd_rollouts_stop(vd_rollouts *all)
{
    if (!all || !all->running) return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->thread, NULL);
    all->running = false;
}

vd_rollouts *vd_rollouts_free(vd_rollouts *all)
{
    if (!all) return NULL;
    vd_rollouts_stop(all);
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->looking);
    pthread_mutex_destroy(&all->lock);
    free(all);
    return NULL;
}

void rollouts_tell(vd_rollouts *all, const char *id, int64_t version)
{
    if (all->parts.changed) all->parts.changed(all->parts.arg, id, (uint64_t)version);
}

/* ---- the intake as devices ---- */

static vd_err intake_list(void *ctx, const char *after, vd_intake_device *into, size_t room,
                          size_t *ret_count, vd_why *why)
{
    return vd_intake_device_list(ctx, after, into, room, ret_count, why);
}

static vd_err intake_twin(void *ctx, const char *device, vd_buf *into, vd_why *why)
{
    return vd_intake_twin_get(ctx, device, into, why);
}

static vd_err intake_wish(void *ctx, const char *device, vd_slice patch, vd_why *why)
{
    return vd_intake_twin_patch(ctx, device, patch, NULL, NULL, why);
}

vd_rollout_devices vd_rollout_devices_of(vd_intake *intake)
{
    return (vd_rollout_devices){
        .ctx = intake, .list = intake_list, .twin = intake_twin, .wish = intake_wish
    };
}

/* ---- start ---- */

static vd_err check_stages(const vd_rollout_new *n, vd_why *why)
{
    int64_t before = 0;

    if (n->stage_count > VD_ROLLOUT_STAGES_MAX)
        return vd_fail(why, VD_INVALID, "at most %d stages", VD_ROLLOUT_STAGES_MAX);
    for (unsigned i = 0; i < n->stage_count; i++) {
        if (n->stages[i] <= before || n->stages[i] > 100)
            return vd_fail(why, VD_INVALID, "'stages' must rise, each 1 to 100 per cent");
        before = n->stages[i];
    }
    if (n->stage_count && before != 100)
        return vd_fail(why, VD_INVALID, "the last of 'stages' must be 100");
    if (!(n->false_alarm_limit >= 0 && n->false_alarm_limit <= 1))
        return vd_fail(why, VD_INVALID, "'false_alarm_limit' must be 0 to 1");
    if (n->soak_s < 0 || n->soak_s > SOAK_MOST_S)
        return vd_fail(why, VD_INVALID, "'soak_s' must be 1 to %d", SOAK_MOST_S);
    return VD_OK;
}

static vd_err check_canary(vd_rollouts *all, const vd_rollout_new *n, const vd_condition *condition,
                           vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TWIN_BYTES);
    VD_AUTO(vd_json_ptr) twin = NULL;
    const vd_rollout_devices *devices = &all->parts.devices;

    if (!n->canary) return VD_OK;
    vd_err err = devices->twin(devices->ctx, n->canary, &text, why);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &twin, why);
    if (err || vd_condition_holds(condition, n->canary, twin)) return err;
    vd_fail(why, VD_ABSENT, "the condition does not meet the canary '%.60s'", n->canary);
    vd_why_hint(why, "name a device that it meets, or none");
    return VD_ABSENT;
}

typedef struct {
    const vd_rollout_new *n;
    vd_ulid id, release;
    int64_t soak_s, now_us;
    char stages[128];
} start_job;

static void print_stages(const vd_rollout_new *n, char into[128])
{
    size_t len = 0;

    if (!n->stage_count) {
        snprintf(into, 128, "[10,50,100]");
        return;
    }
    for (unsigned i = 0; i < n->stage_count; i++)
        len += (size_t)snprintf(into + len, 128 - len, "%s%lld", i ? "," : "[",
                                (long long)n->stages[i]);
    snprintf(into + len, 128 - len, "]");
}

/* The same model to the same devices twice at once is a slip. */
static vd_err check_double(vd_store *store, const vd_rollout_new *n, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_live");
    rollout r = { 0 };
    vd_err err;
    bool found = false;

    while (!(err = vd_stmt_row(stmt, why)) && !found) {
        keep_read_row(stmt, &r);
        found = (r.state == ROLLOUT_CANARY || r.state == ROLLOUT_STAGES) &&
                strcmp(r.manifest, n->manifest.hex) == 0 && strcmp(r.condition, n->condition) == 0;
    }
    vd_stmt_finish(stmt);
    if (found)
        return vd_fail(why, VD_CONFLICT, "rollout %s brings this model to these devices", r.id);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err run_start(vd_store *store, void *arg, vd_why *why)
{
    const start_job *j = arg;
    const vd_rollout_new *n = j->n;
    vd_err err = check_double(store, n, why);

    if (err) return err;
    vd_stmt *stmt = vd_store_stmt(store, "rollout_add");
    vd_bind_text(stmt, "id", j->id.text);
    vd_bind_text(stmt, "model", n->model.hex);
    vd_bind_text(stmt, "name", n->name);
    vd_bind_text(stmt, "manifest", n->manifest.hex);
    vd_bind_text(stmt, "repository", n->repository);
    vd_bind_text(stmt, "key", n->key);
    vd_bind_text(stmt, "condition", n->condition);
    vd_bind_text(stmt, "canary", n->canary);
    vd_bind_num(stmt, "false_alarm_limit", n->false_alarm_limit);
    vd_bind_int(stmt, "soak_s", j->soak_s);
    vd_bind_text(stmt, "stages", j->stages);
    vd_bind_int(stmt, "now_us", j->now_us);
    vd_bind_text(stmt, "release", j->release.text);
    vd_bind_text(stmt, "note", n->note);
    vd_bind_text(stmt, "who", n->who);
    err = vd_stmt_run(stmt, NULL, why);
    if (!err)
        err = keep_history(store, j->id.text, n->who, "started", NULL, n->note, j->now_us, why);
    return err;
}

vd_err vd_rollout_start(vd_rollouts *all, const vd_rollout_new *n, vd_ulid *ret_rollout,
                        vd_why *why)
{
    vd_condition *condition = NULL;
    start_job job = { .n = n,
                      .id = vd_ulid_new(),
                      .release = vd_ulid_new(),
                      .soak_s = n->soak_s ? n->soak_s : all->parts.soak_s,
                      .now_us = vd_clock_utc_us() };

    vd_err err = check_stages(n, why);
    if (!err) err = vd_condition_parse(vd_slice_str(n->condition), &condition, why);
    if (!err) err = check_canary(all, n, condition, why);
    vd_condition_free(condition);
    print_stages(n, job.stages);
    if (!err) err = vd_committer_run(all->parts.committer, run_start, &job, why);
    if (err) return err;
    *ret_rollout = job.id;
    rollouts_tell(all, job.id.text, 1);
    wake(all, true);
    return VD_OK;
}

/* ---- halt, resume, return ---- */

typedef struct {
    const char *id, *who, *note;
    vd_rollout_step step;
    int64_t now_us, version;
    vd_store *store;
    vd_err err;
    vd_why *why;
} step_job;

static void note_step(void *ctx, const char *what, const char *device, const char *text)
{
    step_job *j = ctx;

    if (!j->err)
        j->err = keep_history(j->store, j->id, j->who, what, device, text, j->now_us, j->why);
}

static vd_err not_now(const rollout *r, const char *what, vd_why *why)
{
    return vd_fail(why, VD_CONFLICT, "the rollout is '%s', it cannot be %s",
                   rollout_words[r->state], what);
}

static vd_err halt(step_job *j, rollout *r)
{
    if (r->state != ROLLOUT_CANARY && r->state != ROLLOUT_STAGES && r->state != ROLLOUT_DONE)
        return not_now(r, "halted", j->why);
    r->state = ROLLOUT_HALTED;
    snprintf(r->why, sizeof r->why, "halted by %.100s%s%.200s", j->who, j->note ? ": " : "",
             j->note ? j->note : "");
    note_step(j, "halted", NULL, j->note);
    return j->err;
}

/* From the canary on, under a new release, so that devices that gave up try again. */
static vd_err resume(step_job *j, rollout *r)
{
    vd_ulid release = vd_ulid_new();

    if (r->state != ROLLOUT_HALTED) return not_now(r, "resumed", j->why);
    r->state = ROLLOUT_CANARY;
    r->why[0] = '\0';
    r->stage = 0;
    r->stage_us = j->now_us;
    r->ended_us = 0;
    memcpy(r->release, release.text, sizeof r->release);
    for (size_t i = 0; i < r->part_count; i++) {
        part *p = &r->parts[i];
        if (p->state == PART_LEFT) continue;
        part_set(p, PART_WAITING, j->now_us);
        p->want = WANT_NOTHING;
        p->up_us = 0;
        p->dirty = true;
    }
    note_step(j, "resumed", NULL, j->note);
    return j->err;
}

static vd_err go_back(step_job *j, rollout *r)
{
    if (r->state == ROLLOUT_RETURNED || r->state == ROLLOUT_SUPERSEDED)
        return not_now(r, "returned", j->why);
    r->state = ROLLOUT_RETURNED;
    snprintf(r->why, sizeof r->why, "returned by %.100s%s%.200s", j->who, j->note ? ": " : "",
             j->note ? j->note : "");
    r->ended_us = j->now_us;
    note_step(j, "return", NULL, j->note);
    move_back(r, j->now_us, note_step, j);
    return j->err;
}

static vd_err run_step(vd_store *store, void *arg, vd_why *why)
{
    step_job *j = arg;
    VD_AUTO(rollout) r = { 0 };
    vd_err err = keep_load(store, j->id, &r, why);

    j->store = store;
    j->why = why;
    j->err = VD_OK;
    if (!err) err = keep_parts(store, &r, why);
    if (!err) rollout_see_newer(store, &r);
    if (!err)
        err = j->step == VD_ROLLOUT_HALT     ? halt(j, &r)
              : j->step == VD_ROLLOUT_RESUME ? resume(j, &r)
                                             : go_back(j, &r);
    j->version = r.version + 1;
    return err ? err : keep_save(store, &r, why);
}

vd_err vd_rollout_do(vd_rollouts *all, const char *id, vd_rollout_step step, const char *who,
                     const char *note, vd_why *why)
{
    step_job job = {
        .id = id, .who = who, .note = note, .step = step, .now_us = vd_clock_utc_us()
    };
    vd_err err = vd_committer_run(all->parts.committer, run_step, &job, why);

    if (err) return err;
    rollouts_tell(all, id, job.version);
    wake(all, true);
    return VD_OK;
}
