/* decide.c - what people do to an incident: acknowledge, resolve, take back. */
#include "incident.h"
#include "limits.h"

#include "vd/clock.h"

/* The caller's version must not be from the future, and nothing that matters may have happened
 * since. For a verdict (`of_events`) what happened to the events matters too. */
static vd_err check_version(vd_store *store, const vd_incident_change *change, bool of_events,
                            vd_why *why)
{
    vd_stmt *state = vd_store_stmt(store, "incident_state");
    vd_bind_text(state, "id", change->incident);
    vd_err err = vd_stmt_row(state, why);
    if (err == VD_ABSENT)
        return vd_fail(why, VD_ABSENT, "there is no incident '%s'", change->incident);
    if (err) return err;
    uint64_t version = (uint64_t)vd_col_int(state, 0);
    vd_stmt_finish(state);
    if (change->version > version || change->version == 0) {
        (void)vd_fail(why, VD_INVALID, "version %llu of the incident does not exist",
                      (unsigned long long)change->version);
        vd_why_detail(why, "the incident is at version %llu", (unsigned long long)version);
        return VD_INVALID;
    }

    vd_stmt *moves = vd_store_stmt(store, "history_moves");
    vd_bind_text(moves, "incident", change->incident);
    vd_bind_int(moves, "version", (int64_t)change->version);
    vd_bind_int(moves, "events", of_events);
    err = vd_stmt_row(moves, why);
    vd_stmt_finish(moves);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    (void)vd_fail(why, VD_CONFLICT, "the incident changed since you looked");
    vd_why_detail(why, "you saw version %llu, it is at version %llu",
                  (unsigned long long)change->version, (unsigned long long)version);
    vd_why_hint(why, "look at what changed, then decide again");
    return VD_CONFLICT;
}

/* Runs the bound statement; 0 rows is VD_CONFLICT with `unfit` as the fact. */
static vd_err step(vd_store *store, vd_stmt *move, const vd_incident_change *change,
                   const char *what, const char *text, const char *unfit, vd_why *why)
{
    uint64_t changed = 0;
    vd_bind_text(move, "id", change->incident);
    vd_bind_int(move, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(move, &changed, why);
    if (err) return err;
    if (!changed) return vd_fail(why, VD_CONFLICT, "%s", unfit);
    return vd_incident_tell(store, change->incident, change->who, what, text, why);
}

static vd_err now_version(vd_store *store, const char *incident, uint64_t *ret_version, vd_why *why)
{
    vd_stmt *state = vd_store_stmt(store, "incident_state");
    vd_bind_text(state, "id", incident);
    vd_err err = vd_stmt_row(state, why);
    if (err) return err;
    *ret_version = (uint64_t)vd_col_int(state, 0);
    vd_stmt_finish(state);
    return VD_OK;
}

vd_err vd_incident_acknowledge(vd_store *store, const vd_incident_change *change,
                               uint64_t *ret_version, vd_why *why)
{
    vd_err err = check_version(store, change, false, why);
    if (err) return err;
    vd_stmt *move = vd_store_stmt(store, "acknowledge_incident");
    vd_bind_text(move, "who", change->who);
    err = step(store, move, change, "acknowledged", NULL, "the incident is not open", why);
    return err ? err : now_version(store, change->incident, ret_version, why);
}

vd_err vd_incident_resolve(vd_store *store, const vd_incident_change *change, uint64_t *ret_version,
                           vd_why *why)
{
    if (!vd_verdict_known(change->verdict)) {
        (void)vd_fail(why, VD_INVALID, "'%.40s' is no verdict",
                      change->verdict ? change->verdict : "");
        vd_why_hint(why, "use true, false_alarm, wrong_class, duplicate or not_actionable");
        return VD_INVALID;
    }
    if (change->note && strlen(change->note) > VD_LIMIT_NOTE_BYTES)
        return vd_fail(why, VD_INVALID, "the note is longer than %u bytes", VD_LIMIT_NOTE_BYTES);
    vd_err err = check_version(store, change, true, why);
    if (err) return err;

    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_NOTE_BYTES + 64);
    bool noted = change->note && change->note[0];
    if (!vd_buf_addf(&text, "%s%s%s", change->verdict, noted ? ": " : "",
                     noted ? change->note : ""))
        return vd_fail(why, VD_FULL, "no memory");
    vd_stmt *move = vd_store_stmt(store, "resolve_incident");
    vd_bind_text(move, "who", change->who);
    vd_bind_text(move, "verdict", change->verdict);
    if (noted) vd_bind_text(move, "note", change->note);
    err = step(store, move, change, "resolved", text.data, "the incident is resolved already", why);
    return err ? err : now_version(store, change->incident, ret_version, why);
}

vd_err vd_incident_reopen(vd_store *store, const vd_incident_change *change, uint64_t *ret_version,
                          vd_why *why)
{
    vd_err err = check_version(store, change, false, why);
    if (err) return err;
    err = step(store, vd_store_stmt(store, "reopen_incident"), change, "reopened", NULL,
               "the incident is open: there is nothing to undo", why);
    return err ? err : now_version(store, change->incident, ret_version, why);
}
