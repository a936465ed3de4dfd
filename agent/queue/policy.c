/* policy.c - which evidence goes to the hub by itself.
 *
 *   severity >= always? ─ yes ─▶ goes, whatever the hour
 *      │ no
 *   severe enough, score in the band, chosen before or room in the budget? ─ yes ─▶ goes, not in
 *      │ no                                                                         quiet hours
 *      ▼
 *   held, until it is asked for or lost */

#include "outbox_priv.h"
#include "vd/clock.h"
#include "vd/hours.h"

#define HOUR_US 3600000000ll
#define DAY_US  (24 * HOUR_US)
#define ASKED   VD_SEVERITY_CRITICAL /* the priority of what somebody waits for */

typedef struct {
    vd_outbox *outbox;
    const char *event;
    bool is_chosen;
} choosing;

static vd_err is_known(vd_store *store, const char *event, bool *ret_known, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_choice_known");
    vd_bind_text(stmt, "event", event);
    vd_err err = vd_stmt_row(stmt, why);
    *ret_known = err == VD_OK;
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err has_room(const vd_outbox_policy *p, vd_store *store, int64_t now_us, bool *ret_room,
                       vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_choice_count");
    vd_bind_int(stmt, "hour", now_us - HOUR_US);
    vd_bind_int(stmt, "day", now_us - DAY_US);
    vd_err err = vd_stmt_row(stmt, why);
    if (err) return err;
    *ret_room = (!p->per_hour || vd_col_int(stmt, 0) < (int64_t)p->per_hour) &&
                (!p->per_day || vd_col_int(stmt, 1) < (int64_t)p->per_day);
    vd_stmt_finish(stmt);
    return VD_OK;
}

static vd_err choose_job(vd_store *store, void *arg, vd_why *why)
{
    choosing *c = arg;
    int64_t now_us = vd_clock_utc_us();
    bool room = false;
    vd_stmt *trim = vd_store_stmt(store, "outbox_choice_trim");
    vd_bind_int(trim, "day", now_us - DAY_US);
    vd_err err = vd_stmt_run(trim, NULL, why);
    if (!err) err = is_known(store, c->event, &c->is_chosen, why);
    if (err || c->is_chosen) return err;
    err = has_room(&c->outbox->upload, store, now_us, &room, why);
    if (err || !room) return err;
    vd_stmt *add = vd_store_stmt(store, "outbox_choice_add");
    vd_bind_text(add, "event", c->event);
    vd_bind_int(add, "now", now_us);
    err = vd_stmt_run(add, NULL, why);
    c->is_chosen = !err;
    return err;
}

static bool is_relevant(const vd_outbox_policy *p, const vd_event *event, int severity)
{
    bool has_band = p->score_min > 0 || p->score_max > 0;
    if (severity < p->severity_min) return false;
    return !has_band || (event->score >= p->score_min && event->score <= p->score_max);
}

vd_err outbox_is_held(vd_outbox *outbox, const vd_event *event, int severity, bool *ret_held,
                      vd_why *why)
{
    const vd_outbox_policy *p = &outbox->upload;
    bool goes = severity >= p->always;
    if (!goes && is_relevant(p, event, severity)) {
        choosing c = { .outbox = outbox, .event = event->id.text, .is_chosen = true };
        if (p->per_hour || p->per_day) {
            vd_err err = vd_committer_run(outbox->committer, choose_job, &c, why);
            if (err) return err;
        }
        goes = c.is_chosen;
    }
    *ret_held = !goes;
    return VD_OK;
}

int outbox_least_now(const vd_outbox *outbox)
{
    const vd_outbox_policy *p = &outbox->upload;
    const vd_day_span quiet = { (uint16_t)p->quiet_from_min, (uint16_t)p->quiet_to_min };
    unsigned minute, weekday;
    if (quiet.from_min == quiet.until_min || !vd_local_minute(vd_clock_utc_us(), &minute, &weekday))
        return VD_OUTBOX_LEAST;
    return vd_day_span_has(&quiet, minute) ? p->always : VD_OUTBOX_LEAST;
}

/* ---- asked for ---- */

typedef struct {
    const vd_digest *digest;
    bool is_here;
} asking;

static vd_err ask_job(vd_store *store, void *arg, vd_why *why)
{
    asking *a = arg;
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_ask");
    vd_bind_text(stmt, "digest", a->digest->hex);
    vd_bind_int(stmt, "priority", ASKED);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    a->is_here = changed > 0;
    return err;
}

vd_err vd_outbox_ask(vd_outbox *outbox, const vd_digest *digest, vd_why *why)
{
    asking a = { .digest = digest };
    vd_err err = vd_committer_run(outbox->committer, ask_job, &a, why);
    if (err) return err;
    if (!a.is_here) {
        vd_fail(why, VD_ABSENT, "this evidence is not held here any more");
        vd_why_hint(why, "it went to the hub already, or was lost by quota or age");
        return VD_ABSENT;
    }
    vd_outbox_wake(outbox);
    return VD_OK;
}
