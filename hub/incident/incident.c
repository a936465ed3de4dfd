/* incident.c - an incident's life.
 *
 *              event            acknowledge            resolve (verdict)
 *     (none) ────────▶ open ───────────────▶ acknowledged ──────────────▶ resolved
 *                       │ ▲                     │     ▲                    │ │
 *                       │ └────── reopen ───────┘     └──── reopen, when ──┘ │
 *                       │ ▲                                 acknowledged     │
 *                       │ └───────────────── reopen, when not ───────────────┘
 *                       └──────────────────── resolve ───────────────────────▶
 *
 * Events join in open and acknowledged. A resolved incident takes no new event (a new incident
 * opens), but late revisions of events it has are kept with it.
 *
 * Belonging together: same device, camera and rule, and [start, end] of the event no further than
 * the gap from [started, ended] of the incident. An event that bridges two incidents joins the
 * newer one; incidents are never merged, since people may have spoken about either. */
#include "incident.h"

#include "vd/clock.h"

static const char *const severities[] = { "info", "low", "medium", "high", "critical" };
static const char *const verdicts[] = { "true", "false_alarm", "wrong_class", "duplicate",
                                        "not_actionable" };

int vd_severity_rank(const char *word)
{
    for (size_t n = 0; word && n < VD_COUNT_OF(severities); n++)
        if (strcmp(word, severities[n]) == 0) return (int)n;
    return -1;
}

const char *vd_severity_word(int64_t rank)
{
    return rank >= 0 && rank < (int64_t)VD_COUNT_OF(severities) ? severities[rank] : "info";
}

bool vd_verdict_known(const char *word)
{
    for (size_t n = 0; word && n < VD_COUNT_OF(verdicts); n++)
        if (strcmp(word, verdicts[n]) == 0) return true;
    return false;
}

/* What is kept of the event already. */
typedef struct {
    bool known, ended;
    uint64_t revision;
} seen;

static vd_err find_event(vd_store *store, const char *device, const vd_event *event,
                         vd_incident_outcome *outcome, seen *ret_seen, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "event_find");
    vd_bind_text(find, "id", event->id.text);
    vd_err err = vd_stmt_row(find, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;

    ret_seen->known = true;
    ret_seen->revision = (uint64_t)vd_col_int(find, 1);
    ret_seen->ended = !vd_col_null(find, 5);
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 0)), outcome->incident.text,
                      sizeof outcome->incident.text);
    bool same_device = strcmp(vd_col_text(find, 2), device) == 0;
    bool same_source = strcmp(vd_col_text(find, 3), event->camera) == 0 &&
                       strcmp(vd_col_text(find, 4), event->rule_id) == 0;
    vd_stmt_finish(find);
    if (!same_device) {
        (void)vd_fail(why, VD_DENIED, "event '%s' belongs to another device", event->id.text);
        return VD_DENIED;
    }
    if (!same_source)
        return vd_fail(why, VD_INVALID, "event '%s' changed its camera or rule", event->id.text);
    return VD_OK;
}

static int64_t last_us(const vd_event *event)
{
    int64_t last = event->end_utc_us ? event->end_utc_us : event->update_utc_us;
    return last > event->start_utc_us ? last : event->start_utc_us;
}

static vd_err match(vd_store *store, const char *device, const vd_event *event, int64_t gap_ms,
                    vd_incident_outcome *outcome, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "incident_match");
    vd_bind_text(find, "device", device);
    vd_bind_text(find, "camera", event->camera);
    vd_bind_text(find, "rule_id", event->rule_id);
    vd_bind_int(find, "start_us", event->start_utc_us);
    vd_bind_int(find, "last_us", last_us(event));
    vd_bind_int(find, "gap_us", gap_ms * 1000);
    vd_bind_int(find, "stale_us", VD_INCIDENT_STALE_US);
    vd_bind_int(find, "room", VD_INCIDENT_EVENTS_MAX);
    vd_err err = vd_stmt_row(find, why);
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(find, 0)), outcome->incident.text,
                      sizeof outcome->incident.text);
    vd_stmt_finish(find);
    return VD_OK;
}

static vd_err open_incident(vd_store *store, const char *device, const vd_event *event,
                            vd_incident_outcome *outcome, vd_why *why)
{
    VD_AUTO(vd_buf) title = VD_BUF(1024);
    outcome->incident = vd_ulid_new();
    outcome->opened = true;
    if (vd_event_title(event, &title)) return vd_fail(why, VD_FULL, "the title is too long");
    vd_stmt *open = vd_store_stmt(store, "incident_open");
    vd_bind_text(open, "id", outcome->incident.text);
    vd_bind_text(open, "title", title.data);
    vd_bind_text(open, "device", device);
    vd_bind_text(open, "camera", event->camera);
    vd_bind_text(open, "rule_id", event->rule_id);
    vd_bind_text(open, "zone", event->zone);
    vd_bind_int(open, "now_us", vd_clock_utc_us());
    return vd_stmt_run(open, NULL, why);
}

static vd_err boxes_json(const vd_event *event, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_list(&w);
    for (unsigned n = 0; n < event->box_count; n++) vd_event_box_write(&w, &event->boxes[n]);
    vd_json_w_list_end(&w);
    return vd_json_w_end(&w);
}

static const vd_event_evidence *snapshot_of(const vd_event *event)
{
    const vd_event_evidence *found = NULL;
    for (unsigned n = 0; n < event->evidence_count; n++)
        if (strcmp(event->evidence[n].kind, "snapshot") == 0) found = &event->evidence[n];
    return found;
}

static void bind_source(vd_stmt *put, const vd_event *event)
{
    vd_bind_text(put, "id", event->id.text);
    vd_bind_text(put, "camera", event->camera);
    vd_bind_text(put, "kind", event->kind);
    vd_bind_text(put, "rule_id", event->rule_id);
    vd_bind_text(put, "rule_version", event->rule_version);
    vd_bind_int(put, "severity", vd_severity_rank(event->severity));
    vd_bind_text(put, "class_name", event->class_name);
    vd_bind_num(put, "score", event->score);
    vd_bind_text(put, "model_name", event->model_name);
    vd_bind_text(put, "model_digest", event->model_digest.hex);
}

static void bind_snapshot(vd_stmt *put, const vd_event_evidence *snapshot)
{
    vd_bind_int(put, "width_px", snapshot ? snapshot->width_px : 0);
    vd_bind_int(put, "height_px", snapshot ? snapshot->height_px : 0);
    if (!snapshot) return;
    vd_bind_text(put, "snapshot", snapshot->digest.hex);
    vd_bind_int(put, "captured_us", snapshot->start_utc_us);
}

static vd_err put_event(vd_store *store, const char *device, const vd_event *event, vd_slice json,
                        const vd_ulid *incident, vd_why *why)
{
    VD_AUTO(vd_buf) boxes = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_buf) points = VD_BUF(VD_EVENT_JSON_MAX);
    const vd_json *zone = vd_json_get(event->rule, "points");
    if (boxes_json(event, &boxes) || (zone && vd_json_print(zone, &points)))
        return vd_fail(why, VD_INVALID, "the event is too large");

    vd_stmt *put = vd_store_stmt(store, "event_put");
    bind_source(put, event);
    bind_snapshot(put, snapshot_of(event));
    vd_bind_text(put, "incident", incident->text);
    vd_bind_text(put, "device", device);
    vd_bind_int(put, "revision", (int64_t)event->revision);
    vd_bind_int(put, "start_us", event->start_utc_us);
    vd_bind_int(put, "update_us", event->update_utc_us);
    if (event->end_utc_us) vd_bind_int(put, "end_us", event->end_utc_us);
    vd_bind_text(put, "boxes", boxes.data);
    if (zone) vd_bind_text(put, "zone_points", points.data);
    vd_bind_slice(put, "json", json);
    vd_bind_int(put, "received_us", vd_clock_utc_us());
    return vd_stmt_run(put, NULL, why);
}

static vd_err name_evidence(vd_store *store, const char *device, const vd_event *event, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned n = 0; !err && n < event->evidence_count; n++) {
        vd_stmt *name = vd_store_stmt(store, "evidence_name");
        vd_bind_text(name, "digest", event->evidence[n].digest.hex);
        vd_bind_text(name, "device", device);
        vd_bind_text(name, "event", event->id.text);
        vd_bind_text(name, "kind", event->evidence[n].kind);
        vd_bind_int(name, "bytes", (int64_t)event->evidence[n].bytes);
        vd_bind_text(name, "content_type", event->evidence[n].content_type);
        err = vd_stmt_run(name, NULL, why);
    }
    return err;
}

static vd_err refresh(vd_store *store, vd_incident_outcome *outcome, vd_why *why)
{
    vd_stmt *update = vd_store_stmt(store, "incident_refresh");
    vd_bind_text(update, "id", outcome->incident.text);
    vd_bind_int(update, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(update, NULL, why);
    if (err) return err;

    vd_stmt *state = vd_store_stmt(store, "incident_state");
    vd_bind_text(state, "id", outcome->incident.text);
    err = vd_stmt_row(state, why);
    if (err) return err;
    outcome->version = (uint64_t)vd_col_int(state, 0);
    outcome->resolved = strcmp(vd_col_text(state, 1), "resolved") == 0;
    vd_stmt_finish(state);
    return VD_OK;
}

vd_err vd_incident_tell(vd_store *store, const char *incident, const char *who, const char *what,
                        const char *text, vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "history_add");
    vd_bind_text(add, "incident", incident);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_text(add, "who", who);
    vd_bind_text(add, "what", what);
    vd_bind_text(add, "text", text);
    return vd_stmt_run(add, NULL, why);
}

static vd_err tell_event(vd_store *store, const char *device, const vd_event *event,
                         const seen *before, const vd_incident_outcome *outcome, vd_why *why)
{
    const char *what = NULL;
    if (!before->known)
        what = outcome->opened ? "opened" : "event_joined";
    else if (!before->ended && event->end_utc_us)
        what = "event_ended";
    if (!what) return VD_OK;

    VD_AUTO(vd_buf) who = VD_BUF(512);
    /* A drift is the hub's own finding. */
    bool own = strcmp(event->kind, "drift") == 0;
    if (!(own ? vd_buf_add_str(&who, "hub") : vd_buf_addf(&who, "device:%s", device)))
        return VD_FULL;
    return vd_incident_tell(store, outcome->incident.text, who.data, what, event->id.text, why);
}

vd_err vd_incident_take(vd_store *store, const char *device, const vd_event *event, vd_slice json,
                        int64_t gap_ms, vd_incident_outcome *ret_outcome, vd_why *why)
{
    vd_incident_outcome outcome = { 0 };
    seen before = { 0 };

    if (strcmp(device, event->device) != 0)
        return vd_fail(why, VD_DENIED, "device '%s' sent an event of device '%s'", device,
                       event->device);
    vd_err err = find_event(store, device, event, &outcome, &before, why);
    if (err) return err;
    if (before.known && event->revision <= before.revision) {
        *ret_outcome = outcome;
        return VD_OK;
    }
    outcome.changed = true;
    if (!before.known) {
        err = match(store, device, event, gap_ms, &outcome, why);
        if (err == VD_ABSENT) err = open_incident(store, device, event, &outcome, why);
    }
    if (!err) err = put_event(store, device, event, json, &outcome.incident, why);
    if (!err) err = name_evidence(store, device, event, why);
    if (!err) err = refresh(store, &outcome, why);
    if (!err) err = tell_event(store, device, event, &before, &outcome, why);
    if (!err) *ret_outcome = outcome;
    return err;
}
