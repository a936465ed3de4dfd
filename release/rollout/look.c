/* look.c - one look: what do the devices say, what moves, what must be told.
 *
 *   load rollouts ─▶ stream devices past them ─▶ move each ─▶ commit ─▶ write twins ─▶ commit
 * "written"
 *
 * A death between the commit and the twin leaves a part that is not `written`: the next look writes
 * it. Writing it twice changes nothing for a device. */
#include "rollout_priv.h"

#include <stdlib.h>
#include <time.h>

#include "limits.h"
#include "vd/clock.h"
#include "vd/log.h"

#define LIST_STEP  100
#define NOTES_MAX  4096
#define TWIN_BYTES 1048576
#define BUSY_MS    1000  /* while something is under way */
#define BUSY_LEAST 200   /* between two looks */
#define CALM_MS    15000 /* otherwise: devices that come later, verdicts */
#define CALM_LEAST 5000

typedef struct {
    char what[16], device[NAME_ROOM], text[WHY_ROOM];
} history_note;

typedef struct {
    vd_rollouts *all;
    int64_t now_us;
    unsigned count;
    rollout r[LIVE_MAX];
    vd_condition *condition[LIVE_MAX];
    bool busy;
} scene;

typedef struct {
    rollout *r;
    int64_t now_us;
    unsigned count;
    history_note *note;
} change;

/* ---- what is there ---- */

static void scene_free(scene *s)
{
    for (unsigned i = 0; s && i < s->count; i++) {
        rollout_done(&s->r[i]);
        vd_condition_free(s->condition[i]);
    }
    free(s);
}

static vd_err load(scene *s, vd_store *store, vd_why *why)
{
    char ids[LIVE_MAX][VD_ULID_LEN + 1];
    unsigned count = 0;
    vd_err err = keep_live(store, ids, &count, why);

    for (unsigned i = 0; !err && i < count; i++) {
        rollout *r = &s->r[s->count];
        err = keep_load(store, ids[i], r, why);
        if (!err) err = keep_parts(store, r, why);
        if (!err) err = vd_condition_parse(vd_slice_str(r->condition), &s->condition[i], why);
        s->count += !err;
        if (err) rollout_done(r);
    }
    return err;
}

static void copy(char *into, size_t room, const vd_json *node)
{
    vd_slice_to_chars(vd_slice_str(vd_json_text(node, "")), into, room);
}

static void hear_model(part *p, const vd_json *model)
{
    copy(p->said_release, sizeof p->said_release, vd_json_get(model, "release"));
    copy(p->said_state, sizeof p->said_state, vd_json_get(model, "state"));
    copy(p->said_why, sizeof p->said_why, vd_json_get(model, "why"));
    p->said_pictures = vd_json_int(vd_json_get(model, "pictures"), 0);
    p->said_errors = vd_json_int(vd_json_get(model, "errors"), 0);
}

static void hear_desired(part *p, const vd_json *model)
{
    VD_AUTO(vd_buf) text = VD_BUF(FORMER_ROOM - 1);

    p->seen_model[0] = '\0';
    if (vd_json_kind_of(model) != VD_JSON_IS_OBJECT || vd_json_print(model, &text)) return;
    vd_slice_to_chars(vd_buf_slice(&text), p->seen_model, sizeof p->seen_model);
}

static vd_err see(scene *s, unsigned n, const vd_intake_device *device, const vd_json *twin,
                  vd_why *why)
{
    rollout *r = &s->r[n];
    bool moving = r->state != ROLLOUT_RETURNED && r->state != ROLLOUT_SUPERSEDED;
    bool matches = device->enabled && vd_condition_holds(s->condition[n], device->id, twin);
    part *p = rollout_part(r, device->id);

    if (!p && matches && moving) {
        p = rollout_part_add(r, device->id);
        if (!p) return vd_fail(why, VD_FULL, "memory ends");
        p->since_us = s->now_us;
        p->dirty = true;
    }
    if (!p) return VD_OK;
    const vd_json *properties = vd_json_get(twin, "properties");
    p->there = true;
    p->matches = matches;
    p->connected = device->connected;
    hear_model(p, vd_json_get(vd_json_get(properties, "reported"), "model"));
    hear_desired(p, vd_json_get(vd_json_get(properties, "desired"), "model"));
    return VD_OK;
}

static vd_err see_device(scene *s, const vd_intake_device *device, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TWIN_BYTES);
    VD_AUTO(vd_json_ptr) twin = NULL;
    const vd_rollout_devices *devices = &s->all->parts.devices;

    vd_err err = devices->twin(devices->ctx, device->id, &text, why);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &twin, why);
    if (err) return err == VD_ABSENT ? VD_OK : err; /* deleted just now */
    for (unsigned n = 0; !err && n < s->count; n++) err = see(s, n, device, twin, why);
    return err;
}

static vd_err see_devices(scene *s, vd_why *why)
{
    const vd_rollout_devices *devices = &s->all->parts.devices;
    vd_intake_device list[LIST_STEP];
    char after[NAME_ROOM] = "";
    size_t count = LIST_STEP;
    vd_err err = VD_OK;

    while (!err && count == LIST_STEP) {
        err = devices->list(devices->ctx, after, list, LIST_STEP, &count, why);
        for (size_t i = 0; !err && i < count; i++) err = see_device(s, &list[i], why);
        if (!err && count) memcpy(after, list[count - 1].id, sizeof after);
    }
    return err;
}

void rollout_see_newer(vd_store *store, rollout *r)
{
    for (size_t i = 0; i < r->part_count; i++) {
        part *p = &r->parts[i];
        bool done;
        p->reserved = keep_newer(store, "rollout_newer", r->id, p->device, &done);
        p->overtaken = keep_newer(store, "rollout_overtaken", r->id, p->device, &p->settled);
    }
}

/* ---- what moves ---- */

static void on_note(void *ctx, const char *what, const char *device, const char *text)
{
    change *c = ctx;

    if (c->count == NOTES_MAX) return; /* history is for people: the rest is in the parts */
    history_note *n = &c->note[c->count++];
    vd_slice_to_chars(vd_slice_str(what), n->what, sizeof n->what);
    vd_slice_to_chars(vd_slice_str(device), n->device, sizeof n->device);
    vd_slice_to_chars(vd_slice_str(text), n->text, sizeof n->text);
}

static bool is_dirty(const rollout *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].dirty) return true;
    return r->dirty;
}

static vd_err save_job(vd_store *store, void *arg, vd_why *why)
{
    change *c = arg;
    vd_err err = keep_save(store, c->r, why);

    for (unsigned i = 0; !err && i < c->count; i++) {
        const history_note *n = &c->note[i];
        err = keep_history(store, c->r->id, ITSELF, n->what, n->device[0] ? n->device : NULL,
                           n->text, c->now_us, why);
    }
    return err;
}

static void log_notes(const change *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        const history_note *n = &c->note[i];
        bool bad = strcmp(n->what, "failed") == 0 || strcmp(n->what, "halted") == 0;
        vd_log(bad ? VD_LOG_WARN : VD_LOG_INFO, "rollout.moved", n->what, "rollout", c->r->id,
               "device", n->device[0] ? n->device : NULL, "why", n->text[0] ? n->text : NULL, NULL);
    }
}

static vd_err save(vd_rollouts *all, change *c, vd_why *why)
{
    rollout *r = c->r;

    if (!is_dirty(r)) return VD_OK;
    vd_err err = vd_committer_run(all->parts.committer, save_job, c, why);
    if (err) return err;
    r->version++;
    r->dirty = false;
    for (size_t i = 0; i < r->part_count; i++) r->parts[i].dirty = false;
    log_notes(c);
    c->count = 0;
    rollouts_tell(all, r->id, r->version);
    return VD_OK;
}

/* ---- what is told ---- */

static void write_wish(const rollout *r, const part *p, vd_json_w *w)
{
    char manifest[VD_SHA256_HEX + 8];

    if (p->want == WANT_FORMER) {
        if (p->former[0])
            vd_json_w_raw(w, vd_slice_str(p->former));
        else
            vd_json_w_null(w);
        return;
    }
    snprintf(manifest, sizeof manifest, "sha256:%s", r->manifest);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "release", p->release);
    vd_json_w_kv_text(w, "repository", r->repository);
    vd_json_w_kv_text(w, "manifest", manifest);
    vd_json_w_kv_text(w, "key", r->key);
    vd_json_w_object_end(w);
}

static vd_err write_twin(vd_rollouts *all, const rollout *r, const part *p, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_key(&w, "properties");
    vd_json_w_object(&w);
    vd_json_w_key(&w, "desired");
    vd_json_w_object(&w);
    vd_json_w_key(&w, "model");
    write_wish(r, p, &w);
    for (int i = 0; i < 3; i++) vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, err, "the wish does not fit into the twin");
    return all->parts.devices.wish(all->parts.devices.ctx, p->device, vd_buf_slice(&text), why);
}

static void write_twins(vd_rollouts *all, rollout *r)
{
    for (size_t i = 0; i < r->part_count; i++) {
        part *p = &r->parts[i];
        vd_why why = { 0 };
        if (p->want == WANT_NOTHING || p->written || !p->there) continue;
        if (write_twin(all, r, p, &why)) {
            vd_log_why(VD_LOG_WARN, "rollout.twin", "a device could not be told, it is tried again",
                       &why, "rollout", r->id, "device", p->device, NULL);
            continue;
        }
        p->written = p->dirty = true;
    }
}

/* ---- the look ---- */

static vd_err move_one(scene *s, vd_store *store, unsigned n, history_note *notes, vd_why *why)
{
    rollout *r = &s->r[n];
    change c = { .r = r, .now_us = s->now_us, .note = notes };
    rollout_facts facts;

    rollout_see_newer(store, r);
    vd_err err = keep_facts(store, r, s->now_us, &facts, why);
    if (err) return err;
    move_rollout(r, &facts, s->now_us, on_note, &c);
    err = save(s->all, &c, why);
    if (!err) write_twins(s->all, r);
    if (!err) err = save(s->all, &c, why);
    s->busy = s->busy || r->state == ROLLOUT_CANARY || r->state == ROLLOUT_STAGES ||
              r->state == ROLLOUT_HALTED || r->state == ROLLOUT_RETURNED;
    return err == VD_CONFLICT ? VD_OK : err; /* a person was faster: the next look sees it */
}

static vd_err look(scene *s, vd_store *store, history_note *notes, vd_why *why)
{
    vd_err err = load(s, store, why);

    if (!err && s->count) err = see_devices(s, why);
    for (unsigned n = 0; !err && n < s->count; n++) err = move_one(s, store, n, notes, why);
    return err;
}

static vd_err look_once(vd_rollouts *all, bool *ret_busy, vd_why *why)
{
    scene *s = calloc(1, sizeof *s);
    history_note *notes = calloc(NOTES_MAX, sizeof *notes);
    vd_err err = s && notes ? VD_OK : vd_fail(why, VD_FULL, "memory ends");

    if (!err) {
        s->all = all;
        s->now_us = vd_clock_utc_us();
        pthread_mutex_lock(&all->looking);
        vd_store *store = vd_store_pool_take(all->parts.readers);
        err = look(s, store, notes, why);
        vd_store_pool_give(all->parts.readers, store);
        pthread_mutex_unlock(&all->looking);
        *ret_busy = s->busy;
    }
    free(notes);
    scene_free(s);
    return err;
}

vd_err vd_rollouts_look(vd_rollouts *all, vd_why *why)
{
    bool busy;
    return look_once(all, &busy, why);
}

/* ---- the thread ---- */

static bool wait_for(vd_rollouts *all, int64_t least_ms, int64_t most_ms)
{
    int64_t now_us = vd_clock_mono_us(), least_us = now_us + least_ms * 1000,
            most_us = now_us + most_ms * 1000;

    pthread_mutex_lock(&all->lock);
    while (!all->stopping && now_us < most_us && !(all->heard && now_us >= least_us)) {
        int64_t until_us = now_us < least_us && all->heard ? least_us : most_us;
        struct timespec until = { .tv_sec = until_us / 1000000,
                                  .tv_nsec = until_us % 1000000 * 1000 };
        pthread_cond_timedwait(&all->changed, &all->lock, &until);
        if (all->kicked) least_us = 0;
        now_us = vd_clock_mono_us();
    }
    all->heard = all->kicked = false;
    bool go_on = !all->stopping;
    pthread_mutex_unlock(&all->lock);
    return go_on;
}

void *look_run(void *rollouts)
{
    vd_rollouts *all = rollouts;
    bool busy = true;

    do {
        vd_why why = { 0 };
        if (look_once(all, &busy, &why))
            vd_log_why(VD_LOG_ERROR, "rollout.look", "rollouts could not be looked at", &why, NULL);
    } while (wait_for(all, busy ? BUSY_LEAST : CALM_LEAST, busy ? BUSY_MS : CALM_MS));
    return NULL;
}
