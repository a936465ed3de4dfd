/* show.c - rollouts in the words of contract/openapi.yaml. */
#include "rollout_priv.h"

#include <stdlib.h>

#include "limits.h"
#include "vd/clock.h"

#define LIST_STEP 100

static void write_text(vd_json_w *w, const char *key, const char *text)
{
    if (text[0]) vd_json_w_kv_text(w, key, text);
}

static void write_counts(const rollout *r, vd_json_w *w)
{
    int64_t count[PART_STATES] = { 0 }, devices = 0, under_way = 0;

    for (size_t i = 0; i < r->part_count; i++) count[r->parts[i].state]++;
    for (unsigned i = 0; i < PART_LEFT; i++) devices += count[i];
    for (unsigned i = PART_TOLD; i < PART_ACTIVE; i++) under_way += count[i];
    vd_json_w_key(w, "counts");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "devices", devices);
    vd_json_w_kv_int(w, "waiting", count[PART_WAITING]);
    vd_json_w_kv_int(w, "under_way", under_way);
    vd_json_w_kv_int(w, "active", count[PART_ACTIVE]);
    vd_json_w_kv_int(w, "failed", count[PART_FAILED]);
    vd_json_w_kv_int(w, "returned", count[PART_RETURNING] + count[PART_RETURNED]);
    vd_json_w_object_end(w);
}

static void write_facts(const rollout_facts *facts, vd_json_w *w)
{
    vd_json_w_key(w, "false_alarms");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "verdicts", facts->verdicts);
    vd_json_w_kv_int(w, "false_alarms", facts->false_alarms);
    vd_json_w_kv_int(w, "former_verdicts", facts->former_verdicts);
    vd_json_w_kv_int(w, "former_false_alarms", facts->former_false_alarms);
    vd_json_w_object_end(w);
}

static int64_t percent(const rollout *r)
{
    if (r->state == ROLLOUT_DONE) return 100;
    return r->stage < 1 || r->stage > r->stage_count ? 0 : r->stages[r->stage - 1];
}

static void write_plan(const rollout *r, vd_json_w *w)
{
    vd_json_w_kv_int(w, "stage", r->stage);
    vd_json_w_key(w, "stages");
    vd_json_w_list(w);
    for (unsigned i = 0; i < r->stage_count; i++) vd_json_w_int(w, r->stages[i]);
    vd_json_w_list_end(w);
    vd_json_w_kv_int(w, "percent", percent(r));
    vd_json_w_kv_num(w, "false_alarm_limit", r->false_alarm_limit, 6);
    vd_json_w_kv_int(w, "soak_s", r->soak_s);
}

static void write_members(const rollout *r, const rollout_facts *facts, vd_json_w *w)
{
    char manifest[VD_SHA256_HEX + 8];

    vd_json_w_kv_text(w, "id", r->id);
    vd_json_w_kv_int(w, "version", r->version);
    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", r->name);
    vd_json_w_kv_text(w, "digest", r->model);
    vd_json_w_object_end(w);
    snprintf(manifest, sizeof manifest, "sha256:%s", r->manifest);
    vd_json_w_kv_text(w, "manifest", manifest);
    vd_json_w_kv_text(w, "repository", r->repository);
    vd_json_w_kv_text(w, "condition", r->condition);
    write_text(w, "canary", r->canary);
    vd_json_w_kv_text(w, "state", rollout_words[r->state]);
    write_text(w, "why", r->why);
    write_plan(r, w);
    write_text(w, "note", r->note);
    vd_json_w_kv_text(w, "started_by", r->started_by);
    vd_json_w_kv_time(w, "started_at", r->started_us);
    vd_json_w_kv_time(w, "updated_at", r->updated_us);
    vd_json_w_kv_time(w, "ended_at", r->ended_us);
    write_counts(r, w);
    write_facts(facts, w);
}

/* ---- the detail ---- */

static void write_former(const part *p, vd_json_w *w)
{
    VD_AUTO(vd_json_ptr) root = NULL;

    if (!p->former[0] || vd_json_parse(vd_slice_str(p->former), FORMER_ROOM, 4, &root, NULL))
        return;
    write_text(w, "former", vd_json_text(vd_json_get(root, "manifest"), ""));
}

static void write_part(const rollout *r, const part *p, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "device", p->device);
    vd_json_w_kv_text(w, "state", part_words[p->state]);
    vd_json_w_kv_bool(w, "canary", strcmp(p->device, r->canary) == 0);
    vd_json_w_kv_bool(w, "connected", p->connected);
    vd_json_w_kv_time(w, "since", p->since_us);
    write_text(w, "why", p->why);
    vd_json_w_kv_time(w, "active_at", p->active_us);
    vd_json_w_kv_int(w, "pictures", p->pictures);
    vd_json_w_kv_int(w, "errors", p->errors);
    write_former(p, w);
    vd_json_w_object_end(w);
}

static vd_err write_history(vd_store *store, const char *id, vd_json_w *w, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_history_list");
    vd_err err;

    vd_bind_text(stmt, "rollout", id);
    vd_json_w_key(w, "history");
    vd_json_w_list(w);
    while (!(err = vd_stmt_row(stmt, why))) {
        vd_json_w_object(w);
        vd_json_w_kv_time(w, "at", vd_col_int(stmt, 0));
        vd_json_w_kv_text(w, "who", vd_col_text(stmt, 1));
        vd_json_w_kv_text(w, "what", vd_col_text(stmt, 2));
        if (!vd_col_null(stmt, 3)) vd_json_w_kv_text(w, "device", vd_col_text(stmt, 3));
        if (!vd_col_null(stmt, 4)) vd_json_w_kv_text(w, "text", vd_col_text(stmt, 4));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err see_connected(const vd_rollout_devices *devices, rollout *r, vd_why *why)
{
    vd_intake_device list[LIST_STEP];
    char after[NAME_ROOM] = "";
    size_t count = LIST_STEP;
    vd_err err = VD_OK;

    while (!err && count == LIST_STEP) {
        err = devices->list(devices->ctx, after, list, LIST_STEP, &count, why);
        for (size_t i = 0; !err && i < count; i++) {
            part *p = rollout_part(r, list[i].id);
            if (p) p->connected = list[i].connected;
        }
        if (!err && count) memcpy(after, list[count - 1].id, sizeof after);
    }
    return err;
}

vd_err vd_rollout_write(vd_rollouts *all, vd_store *store, const char *id, vd_json_w *w,
                        vd_why *why)
{
    VD_AUTO(rollout) r = { 0 };
    rollout_facts facts;
    vd_err err = keep_load(store, id, &r, why);

    if (!err) err = keep_parts(store, &r, why);
    if (!err) err = keep_facts(store, &r, vd_clock_utc_us(), &facts, why);
    if (!err) err = see_connected(&all->parts.devices, &r, why);
    if (err) return err;
    vd_json_w_object(w);
    write_members(&r, &facts, w);
    vd_json_w_key(w, "devices");
    vd_json_w_list(w);
    for (size_t i = 0; i < r.part_count; i++) write_part(&r, &r.parts[i], w);
    vd_json_w_list_end(w);
    err = write_history(store, id, w, why);
    vd_json_w_object_end(w);
    return err;
}

/* ---- the list ---- */

/* The filter as the statement wants it: ",canary,done,". VD_INVALID for another word. */
static vd_err states_text(const char *states, char into[256], vd_why *why)
{
    vd_slice rest = vd_slice_str(states);
    size_t len = 0;

    into[len++] = ',';
    while (rest.len) {
        vd_slice one = vd_slice_cut(rest, ',', &rest);
        bool known = false;
        for (unsigned i = 0; i < ROLLOUT_STATES; i++)
            known = known || vd_slice_eq(one, vd_slice_str(rollout_words[i]));
        if (!known || len + one.len + 2 > 256)
            return vd_fail(why, VD_INVALID, "'%.40s' is no state of a rollout", states);
        memcpy(into + len, one.data, one.len);
        len += one.len;
        into[len++] = ',';
    }
    into[len] = '\0';
    return VD_OK;
}

static vd_err list_ids(vd_store *store, const vd_rollout_filter *filter, const char *states,
                       char (*ids)[VD_ULID_LEN + 1], unsigned *ret_count, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "rollout_list");
    vd_err err = VD_OK;

    vd_bind_text(stmt, "before", filter->cursor);
    vd_bind_text(stmt, "states", states);
    vd_bind_int(stmt, "limit", filter->limit + 1);
    *ret_count = 0;
    while (*ret_count <= filter->limit && !(err = vd_stmt_row(stmt, why)))
        vd_slice_to_chars(vd_slice_str(vd_col_text(stmt, 0)), ids[(*ret_count)++], sizeof *ids);
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_one(vd_store *store, const char *id, vd_json_w *w, vd_why *why)
{
    VD_AUTO(rollout) r = { 0 };
    rollout_facts facts;
    vd_err err = keep_load(store, id, &r, why);

    if (!err) err = keep_parts(store, &r, why);
    if (!err) err = keep_facts(store, &r, vd_clock_utc_us(), &facts, why);
    if (err) return err;
    vd_json_w_object(w);
    write_members(&r, &facts, w);
    vd_json_w_object_end(w);
    return VD_OK;
}

vd_err vd_rollout_write_list(vd_store *store, const vd_rollout_filter *filter, vd_json_w *w,
                             vd_why *why)
{
    char ids[VD_LIMIT_PAGE_ROWS + 1][VD_ULID_LEN + 1], states[256] = "";
    unsigned count = 0;
    vd_err err = filter->states ? states_text(filter->states, states, why) : VD_OK;

    if (!err) err = list_ids(store, filter, states[0] ? states : NULL, ids, &count, why);
    if (err) return err;
    bool more = count > filter->limit;
    if (more) count = filter->limit;
    vd_json_w_key(w, "rollouts");
    vd_json_w_list(w);
    for (unsigned i = 0; !err && i < count; i++) err = write_one(store, ids[i], w, why);
    vd_json_w_list_end(w);
    if (more) vd_json_w_kv_text(w, "next", ids[count - 1]);
    return err;
}
