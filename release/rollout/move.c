/* move.c - what a rollout does next, from what its devices say. No clock, no store, no device: what
 * is decided here is tested with made-up devices.
 *
 *   part:  waiting ─▶ told ─▶ fetching .. testing ─▶ active
 *             │         └──────────┴──────────────────┴─▶ failed (also: the device returned by
 * itself) └─▶ left            told, active, ... ─▶ returning ─▶ returned */
#include "rollout_priv.h"

#include <stdlib.h>

#define PICTURES_LEAST 10 /* the canary must have looked at this many */

const char *const rollout_words[ROLLOUT_STATES] = { "canary", "stages",   "done",
                                                    "halted", "returned", "superseded" };
const char *const part_words[PART_STATES] = { "waiting",    "told",      "fetching", "verifying",
                                              "installing", "warming",   "testing",  "active",
                                              "failed",     "returning", "returned", "left" };
const char *const want_words[WANTS] = { "nothing", "new", "former" };

typedef struct {
    rollout *r;
    const rollout_facts *facts;
    int64_t now_us;
    move_note note;
    void *ctx;
} mover;

static void note(const mover *m, const char *what, const char *device, const char *text)
{
    m->note(m->ctx, what, device, text);
}

void part_set(part *p, part_state state, int64_t now_us)
{
    if (p->state == state) return;
    p->state = state;
    p->since_us = now_us;
    p->dirty = true;
}

static void enter(mover *m, rollout_state state, const char *why)
{
    m->r->state = state;
    m->r->stage_us = m->now_us;
    vd_slice_to_chars(vd_slice_str(why), m->r->why, sizeof m->r->why);
    m->r->dirty = true;
}

/* ---- what a device says ---- */

static part_state said(const part *p)
{
    static const part_state next[] = { PART_FETCHING, PART_VERIFYING, PART_INSTALLING, PART_WARMING,
                                       PART_TESTING,  PART_ACTIVE,    PART_FAILED };

    for (unsigned i = 0; i < VD_COUNT_OF(next); i++)
        if (strcmp(p->said_state, part_words[next[i]]) == 0) return next[i];
    return strcmp(p->said_state, "returned") == 0 ? PART_FAILED : p->state;
}

static void count(part *p)
{
    if (p->pictures == p->said_pictures && p->errors == p->said_errors) return;
    p->pictures = p->said_pictures;
    p->errors = p->said_errors;
    p->dirty = true;
}

static void hear_new(const mover *m, part *p)
{
    part_state state = said(p);

    if (!p->written || strcmp(p->said_release, p->release) != 0) return;
    if (strcmp(p->why, p->said_why) != 0) {
        memcpy(p->why, p->said_why, sizeof p->why);
        p->dirty = true;
    }
    if (state == PART_ACTIVE) count(p);
    if (p->state == state) return;
    part_set(p, state, m->now_us);
    if (state == PART_ACTIVE) {
        p->active_us = m->now_us;
        note(m, "active", p->device, NULL);
    } else if (state == PART_FAILED) {
        note(m, "failed", p->device, p->why);
    }
}

/* The release that the former wish names; "" for the device's own model. */
static void former_release(const part *p, char into[VD_ULID_LEN + 1])
{
    VD_AUTO(vd_json_ptr) root = NULL;

    into[0] = '\0';
    if (!p->former[0] || vd_json_parse(vd_slice_str(p->former), FORMER_ROOM, 4, &root, NULL))
        return;
    vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(root, "release"), "")), into,
                      VD_ULID_LEN + 1);
}

static void hear_former(const mover *m, part *p)
{
    char release[VD_ULID_LEN + 1];

    if (!p->written || p->state != PART_RETURNING) return;
    former_release(p, release);
    if (strcmp(p->said_release, release) != 0 || strcmp(p->said_state, "active") != 0) return;
    part_set(p, PART_RETURNED, m->now_us);
    note(m, "returned", p->device, NULL);
}

static void leave(const mover *m, part *p, const char *text)
{
    if (p->want != WANT_NOTHING) note(m, "left", p->device, text);
    part_set(p, PART_LEFT, m->now_us);
    p->want = WANT_NOTHING;
    p->dirty = true;
}

/* Connected and well since; begins anew when either ends. */
static void keep_time(const mover *m, part *p)
{
    bool well = p->connected && p->state == PART_ACTIVE;

    if (well == (p->up_us != 0)) return;
    p->up_us = well ? m->now_us : 0;
    p->dirty = true;
}

static void hear(const mover *m, part *p)
{
    if (p->state == PART_LEFT) {
        if (p->matches && !p->overtaken && p->there) part_set(p, PART_WAITING, m->now_us);
        return;
    }
    if (!p->there) {
        leave(m, p, "the device was deleted");
    } else if (p->overtaken && p->settled) {
        leave(m, p, "a newer rollout has it");
    } else if (p->overtaken) {
        return; /* it may come back */
    } else if (p->want == WANT_NOTHING && !p->matches) {
        leave(m, p, NULL);
    } else if (p->want == WANT_NEW) {
        hear_new(m, p);
    } else if (p->want == WANT_FORMER) {
        hear_former(m, p);
    }
    keep_time(m, p);
}

/* ---- what a device is told ---- */

static void tell(const mover *m, part *p)
{
    p->want = WANT_NEW;
    p->written = false;
    p->active_us = p->up_us = 0;
    p->pictures = p->errors = 0;
    p->why[0] = '\0';
    memcpy(p->release, m->r->release, sizeof p->release);
    if (!p->former_known) memcpy(p->former, p->seen_model, sizeof p->former);
    p->former_known = true;
    part_set(p, PART_TOLD, m->now_us);
    p->dirty = true;
    note(m, "told", p->device, NULL);
}

void move_back(rollout *r, int64_t now_us, move_note on_note, void *ctx)
{
    for (size_t i = 0; i < r->part_count; i++) {
        part *p = &r->parts[i];
        if (p->want != WANT_NEW || p->overtaken) continue;
        p->want = WANT_FORMER;
        p->written = false;
        p->up_us = 0;
        p->dirty = true;
        if (p->state != PART_FAILED) part_set(p, PART_RETURNING, now_us);
        on_note(ctx, "return", p->device, NULL);
    }
}

static void halt(mover *m, const char *why)
{
    enter(m, ROLLOUT_HALTED, why);
    note(m, "halted", NULL, why);
    move_back(m->r, m->now_us, m->note, m->ctx);
}

/* ---- gates ---- */

static bool told(const part *p)
{
    return p->want == WANT_NEW && p->state != PART_LEFT;
}

static bool fails(mover *m, vd_err err, const vd_why *why)
{
    if (err) halt(m, why->fact);
    return err != VD_OK;
}

static void check_part(const mover *m, part *p)
{
    vd_why why = { 0 };

    if (p->state != PART_ACTIVE || !health_device(p, &why)) return;
    part_set(p, PART_FAILED, m->now_us);
    vd_slice_to_chars(vd_slice_str(why.fact), p->why, sizeof p->why);
    note(m, "failed", p->device, p->why);
}

/* The canary, or more than one in ten, has failed. True: it halted. */
static bool too_many_failed(mover *m)
{
    size_t failed = 0, all = 0;
    const part *first = NULL;
    char text[WHY_ROOM];

    for (size_t i = 0; i < m->r->part_count; i++) {
        part *p = &m->r->parts[i];
        if (!told(p)) continue;
        all++;
        check_part(m, p);
        if (p->state != PART_FAILED) continue;
        failed++;
        if (!first || strcmp(p->device, m->r->canary) == 0) first = p;
    }
    bool canary = first && strcmp(first->device, m->r->canary) == 0;
    if (!first || (!canary && failed * 10 <= all)) return false;
    snprintf(text, sizeof text, "%s%.100s: %.200s", canary ? "the canary " : "", first->device,
             first->why[0] ? first->why : "it failed");
    halt(m, text);
    return true;
}

/* True: it halted. */
static bool gates(mover *m)
{
    vd_why why = { 0 };

    if (too_many_failed(m)) return true;
    if (fails(m, health_false_alarms(m->facts, m->r->false_alarm_limit, &why), &why)) return true;
    return m->r->state == ROLLOUT_CANARY && fails(m, health_silence(m->facts, &why), &why);
}

static bool soaked(const mover *m, const part *p)
{
    return p->up_us && m->now_us - p->up_us >= m->r->soak_s * 1000000;
}

/* ---- the steps ---- */

static part *first_connected(rollout *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].state == PART_WAITING && r->parts[i].connected) return &r->parts[i];
    return NULL;
}

static void next_stage(mover *m)
{
    char text[64];

    m->r->stage++;
    m->r->stage_us = m->now_us;
    m->r->dirty = true;
    snprintf(text, sizeof text, "%lld %% of the devices", (long long)m->r->stages[m->r->stage - 1]);
    note(m, "stage", NULL, text);
}

static void move_canary(mover *m)
{
    rollout *r = m->r;
    part *p = r->canary[0] ? rollout_part(r, r->canary) : first_connected(r);

    if (!p || p->state == PART_LEFT) {
        /* The one chosen is gone: another one may prove it. */
        if (p && r->canary[0]) r->canary[0] = '\0', r->dirty = true;
        return;
    }
    if (!r->canary[0]) {
        memcpy(r->canary, p->device, sizeof r->canary);
        r->dirty = true;
    }
    if (p->state == PART_WAITING) tell(m, p);
    if (!soaked(m, p) || p->pictures < PICTURES_LEAST) return;
    enter(m, ROLLOUT_STAGES, "");
    next_stage(m);
}

size_t move_allowed(const rollout *r)
{
    size_t all = 0;
    int64_t share = r->stage < 1 ? 0 : r->stages[r->stage - 1];

    for (size_t i = 0; i < r->part_count; i++) all += r->parts[i].state != PART_LEFT;
    return (all * (size_t)share + 99) / 100;
}

/* Connected ones first; the others find the wish in their twin when they come. */
static void tell_more(mover *m, size_t allowed)
{
    size_t have = 0;

    for (size_t i = 0; i < m->r->part_count; i++) have += told(&m->r->parts[i]);
    for (int connected = 1; connected >= 0; connected--)
        for (size_t i = 0; i < m->r->part_count && have < allowed; i++) {
            part *p = &m->r->parts[i];
            if (p->state != PART_WAITING || p->reserved || p->connected != connected) continue;
            tell(m, p);
            have++;
        }
}

static bool stage_well(const mover *m)
{
    if (m->now_us - m->r->stage_us < m->r->soak_s * 1000000) return false;
    for (size_t i = 0; i < m->r->part_count; i++) {
        const part *p = &m->r->parts[i];
        if (told(p) && p->connected && p->state != PART_FAILED && !soaked(m, p)) return false;
    }
    return true;
}

static void move_stages(mover *m)
{
    tell_more(m, move_allowed(m->r));
    if (!stage_well(m)) return;
    if ((unsigned)m->r->stage < m->r->stage_count) {
        next_stage(m);
        tell_more(m, move_allowed(m->r));
        return;
    }
    enter(m, ROLLOUT_DONE, "");
    m->r->ended_us = m->now_us;
    note(m, "done", NULL, NULL);
}

/* One that is done lasts until newer ones that are done have all its devices: what they give back
 * comes back to it. One under way gives up its rest as
 * soon as a newer one is for a device of it: two hands on one wheel help nobody. */
static bool overtaken(const rollout *r)
{
    size_t all = 0, gone = 0, settled = 0;

    for (size_t i = 0; i < r->part_count; i++) {
        const part *p = &r->parts[i];
        all += p->state != PART_LEFT || p->overtaken;
        gone += p->overtaken || p->reserved;
        settled += p->overtaken && p->settled;
    }
    return r->state == ROLLOUT_DONE ? all && settled == all : gone > 0;
}

void move_rollout(rollout *r, const rollout_facts *facts, int64_t now_us, move_note on_note,
                  void *ctx)
{
    mover m = { .r = r, .facts = facts, .now_us = now_us, .note = on_note, .ctx = ctx };
    bool moving =
        r->state == ROLLOUT_CANARY || r->state == ROLLOUT_STAGES || r->state == ROLLOUT_DONE;

    for (size_t i = 0; i < r->part_count; i++) hear(&m, &r->parts[i]);
    if (!moving) return;
    if (overtaken(r)) {
        enter(&m, ROLLOUT_SUPERSEDED, "a newer rollout is for its devices");
        r->ended_us = now_us;
        note(&m, "superseded", NULL, r->why);
        return;
    }
    if (gates(&m)) return;
    if (r->state == ROLLOUT_CANARY)
        move_canary(&m);
    else if (r->state == ROLLOUT_STAGES)
        move_stages(&m);
    else
        tell_more(&m, r->part_count);
}
