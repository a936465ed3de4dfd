/* keep.c - rollouts and their parts as rows. */
#include "rollout_priv.h"

#include <stdlib.h>

#include "vd/clock.h"

enum {
    ID,
    VERSION,
    STATE,
    WHY,
    MODEL,
    NAME,
    MANIFEST,
    REPOSITORY,
    KEY,
    CONDITION,
    CANARY,
    LIMIT,
    SOAK,
    STAGES,
    STAGE,
    STAGE_US,
    RELEASE,
    NOTE,
    BY,
    STARTED,
    UPDATED,
    ENDED
};
enum {
    P_DEVICE,
    P_STATE,
    P_WANT,
    P_WRITTEN,
    P_RELEASE,
    P_FORMER,
    P_FORMER_KNOWN,
    P_SINCE,
    P_ACTIVE,
    P_UP,
    P_WHY,
    P_PICTURES,
    P_ERRORS
};

void rollout_done(rollout *r)
{
    free(r->parts);
    r->parts = NULL;
    r->part_count = r->part_room = 0;
}

static void text(vd_stmt *row, int column, char *into, size_t room)
{
    const char *have = vd_col_text(row, column);
    vd_slice_to_chars(vd_slice_str(have ? have : ""), into, room);
}

static unsigned word(vd_stmt *row, int column, const char *const *words, unsigned count)
{
    const char *have = vd_col_text(row, column);
    for (unsigned i = 0; have && i < count; i++)
        if (strcmp(words[i], have) == 0) return i;
    return 0;
}

static void read_stages(vd_stmt *row, rollout *r)
{
    VD_AUTO(vd_json_ptr) list = NULL;
    const char *json = vd_col_text(row, STAGES);

    if (!json || vd_json_parse(vd_slice_str(json), 256, 2, &list, NULL)) return;
    r->stage_count = 0;
    for (size_t i = 0; i < vd_json_len(list) && i < VD_ROLLOUT_STAGES_MAX; i++)
        r->stages[r->stage_count++] = vd_json_int(vd_json_at(list, i), 100);
}

void keep_read_row(vd_stmt *row, rollout *r)
{
    text(row, ID, r->id, sizeof r->id);
    r->version = vd_col_int(row, VERSION);
    r->state = (rollout_state)word(row, STATE, rollout_words, ROLLOUT_STATES);
    text(row, WHY, r->why, sizeof r->why);
    text(row, MODEL, r->model, sizeof r->model);
    text(row, NAME, r->name, sizeof r->name);
    text(row, MANIFEST, r->manifest, sizeof r->manifest);
    text(row, REPOSITORY, r->repository, sizeof r->repository);
    text(row, KEY, r->key, sizeof r->key);
    text(row, CONDITION, r->condition, sizeof r->condition);
    text(row, CANARY, r->canary, sizeof r->canary);
    r->false_alarm_limit = vd_col_num(row, LIMIT);
    r->soak_s = vd_col_int(row, SOAK);
    read_stages(row, r);
    r->stage = vd_col_int(row, STAGE);
    r->stage_us = vd_col_int(row, STAGE_US);
    text(row, RELEASE, r->release, sizeof r->release);
    text(row, NOTE, r->note, sizeof r->note);
    text(row, BY, r->started_by, sizeof r->started_by);
    r->started_us = vd_col_int(row, STARTED);
    r->updated_us = vd_col_int(row, UPDATED);
    r->ended_us = vd_col_null(row, ENDED) ? 0 : vd_col_int(row, ENDED);
}

vd_err keep_load(vd_store *store, const char *id, rollout *ret_rollout, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_get");

    vd_bind_text(stmt, "id", id);
    vd_err err = vd_stmt_row(stmt, why);
    if (!err) keep_read_row(stmt, ret_rollout);
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? vd_fail(why, err, "there is no rollout '%.40s'", id) : err;
}

static int by_name(const void *name, const void *a_part)
{
    return strcmp(name, ((const part *)a_part)->device);
}

part *rollout_part(rollout *r, const char *device)
{
    part *found =
        r->sorted ? bsearch(device, r->parts, r->sorted, sizeof *r->parts, by_name) : NULL;

    if (found) return found;
    for (size_t i = r->sorted; i < r->part_count; i++)
        if (strcmp(r->parts[i].device, device) == 0) return &r->parts[i];
    return NULL;
}

part *rollout_part_add(rollout *r, const char *device)
{
    if (r->part_count == r->part_room) {
        size_t room = r->part_room ? r->part_room * 2 : 16;
        part *more = realloc(r->parts, room * sizeof *more);
        if (!more) return NULL;
        r->parts = more;
        r->part_room = room;
    }
    part *p = &r->parts[r->part_count++];
    *p = (part){ 0 };
    vd_slice_to_chars(vd_slice_str(device), p->device, sizeof p->device);
    return p;
}

static void read_part(vd_stmt *row, part *p)
{
    p->state = (part_state)word(row, P_STATE, part_words, PART_STATES);
    p->want = (part_want)word(row, P_WANT, want_words, WANTS);
    p->written = vd_col_int(row, P_WRITTEN) != 0;
    text(row, P_RELEASE, p->release, sizeof p->release);
    text(row, P_FORMER, p->former, sizeof p->former);
    p->former_known = vd_col_int(row, P_FORMER_KNOWN) != 0;
    p->since_us = vd_col_int(row, P_SINCE);
    p->active_us = vd_col_null(row, P_ACTIVE) ? 0 : vd_col_int(row, P_ACTIVE);
    p->up_us = vd_col_null(row, P_UP) ? 0 : vd_col_int(row, P_UP);
    text(row, P_WHY, p->why, sizeof p->why);
    p->pictures = vd_col_int(row, P_PICTURES);
    p->errors = vd_col_int(row, P_ERRORS);
}

vd_err keep_parts(vd_store *store, rollout *r, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_devices");
    vd_err err;

    vd_bind_text(stmt, "rollout", r->id);
    while (!(err = vd_stmt_row(stmt, why))) {
        part *p = rollout_part_add(r, vd_col_text(stmt, P_DEVICE));
        if (!p) break;
        read_part(stmt, p);
    }
    vd_stmt_finish(stmt);
    r->sorted = r->part_count;
    if (!err) return vd_fail(why, VD_FULL, "memory ends");
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err keep_live(vd_store *store, char ids[LIVE_MAX][VD_ULID_LEN + 1], unsigned *ret_count,
                 vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_live");
    vd_err err = VD_OK;

    *ret_count = 0;
    while (*ret_count < LIVE_MAX && !(err = vd_stmt_row(stmt, why)))
        text(stmt, ID, ids[(*ret_count)++], VD_ULID_LEN + 1);
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err read_verdicts(vd_store *store, const rollout *r, rollout_facts *facts, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_verdicts");

    vd_bind_text(stmt, "rollout", r->id);
    vd_bind_text(stmt, "model", r->model);
    vd_err err = vd_stmt_row(stmt, why);
    if (!err) {
        facts->verdicts = vd_col_int(stmt, 0);
        facts->false_alarms = vd_col_int(stmt, 1);
        facts->former_verdicts = vd_col_int(stmt, 2);
        facts->former_false_alarms = vd_col_int(stmt, 3);
    }
    vd_stmt_finish(stmt);
    return err;
}

static vd_err read_events(vd_store *store, const part *canary, int64_t now_us, rollout_facts *facts,
                          vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_events");

    vd_bind_text(stmt, "device", canary->device);
    vd_bind_int(stmt, "active_us", canary->active_us);
    vd_bind_int(stmt, "now_us", now_us);
    vd_err err = vd_stmt_row(stmt, why);
    if (!err) {
        facts->events = vd_col_int(stmt, 0);
        facts->events_before = vd_col_int(stmt, 1);
    }
    vd_stmt_finish(stmt);
    return err;
}

vd_err keep_facts(vd_store *store, const rollout *r, int64_t now_us, rollout_facts *ret_facts,
                  vd_why *why)
{
    vd_err err;

    *ret_facts = (rollout_facts){ 0 };
    err = read_verdicts(store, r, ret_facts, why);
    for (size_t i = 0; !err && r->state == ROLLOUT_CANARY && i < r->part_count; i++)
        if (r->parts[i].active_us && strcmp(r->parts[i].device, r->canary) == 0)
            err = read_events(store, &r->parts[i], now_us, ret_facts, why);
    return err;
}

bool keep_newer(vd_store *store, const char *statement, const char *id, const char *device,
                bool *ret_done)
{
    vd_stmt *stmt = vd_store_stmt(store, statement);

    vd_bind_text(stmt, "device", device);
    vd_bind_text(stmt, "rollout", id);
    bool found = vd_stmt_row(stmt, NULL) == VD_OK;
    *ret_done = found && strcmp(vd_col_text(stmt, 0), rollout_words[ROLLOUT_DONE]) == 0;
    vd_stmt_finish(stmt);
    return found;
}

vd_err keep_history(vd_store *store, const char *id, const char *who, const char *what,
                    const char *device, const char *words, int64_t now_us, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_history_add");

    vd_bind_text(stmt, "rollout", id);
    vd_bind_int(stmt, "at_us", now_us);
    vd_bind_text(stmt, "who", who);
    vd_bind_text(stmt, "what", what);
    vd_bind_text(stmt, "device", device);
    vd_bind_text(stmt, "text", words && words[0] ? words : NULL);
    return vd_stmt_run(stmt, NULL, why);
}

static void bind_time(vd_stmt *stmt, const char *name, int64_t us)
{
    if (us)
        vd_bind_int(stmt, name, us);
    else
        vd_bind_null(stmt, name);
}

static void bind_words(vd_stmt *stmt, const char *name, const char *words)
{
    vd_bind_text(stmt, name, words[0] ? words : NULL);
}

static vd_err save_part(vd_store *store, const char *id, const part *p, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_device_set");

    vd_bind_text(stmt, "rollout", id);
    vd_bind_text(stmt, "device", p->device);
    vd_bind_text(stmt, "state", part_words[p->state]);
    vd_bind_text(stmt, "want", want_words[p->want]);
    vd_bind_int(stmt, "written", p->written);
    bind_words(stmt, "release", p->release);
    bind_words(stmt, "former", p->former);
    vd_bind_int(stmt, "former_known", p->former_known);
    vd_bind_int(stmt, "since_us", p->since_us);
    bind_time(stmt, "active_us", p->active_us);
    bind_time(stmt, "up_us", p->up_us);
    bind_words(stmt, "why", p->why);
    vd_bind_int(stmt, "pictures", p->pictures);
    vd_bind_int(stmt, "errors", p->errors);
    return vd_stmt_run(stmt, NULL, why);
}

vd_err keep_save(vd_store *store, const rollout *r, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_set");
    uint64_t changed = 0;

    vd_bind_text(stmt, "id", r->id);
    vd_bind_int(stmt, "version", r->version);
    vd_bind_text(stmt, "state", rollout_words[r->state]);
    bind_words(stmt, "why", r->why);
    bind_words(stmt, "canary", r->canary);
    vd_bind_int(stmt, "stage", r->stage);
    vd_bind_int(stmt, "stage_us", r->stage_us);
    vd_bind_text(stmt, "release", r->release);
    vd_bind_int(stmt, "now_us", vd_clock_utc_us());
    bind_time(stmt, "ended_us", r->ended_us);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    if (!err && !changed) err = vd_fail(why, VD_CONFLICT, "the rollout has changed meanwhile");
    for (size_t i = 0; !err && i < r->part_count; i++)
        if (r->parts[i].dirty) err = save_part(store, r->id, &r->parts[i], why);
    return err;
}
