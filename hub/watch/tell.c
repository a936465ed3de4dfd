/* tell.c - what changed, in words people use, and as an event that goes the way of all events. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vd/clock.h"
#include "watch_priv.h"

/* ---- words ---- */

static int by_shift(const void *a, const void *b, void *arg)
{
    const watch_window *w = arg;
    double one = fabs(w->value[((const watch_change *)a)->series].verdict.shift);
    double two = fabs(w->value[((const watch_change *)b)->series].verdict.shift);
    return (one < two) - (one > two);
}

static int decimals_of(double value)
{
    return fabs(value) >= 20 ? 0 : fabs(value) >= 2 ? 1 : 2;
}

static void numbers(const watch_value *v, const char *name, char *into, size_t room)
{
    int decimals = decimals_of(fmax(fabs(v->reference_mean), fabs(v->mean)));
    (void)snprintf(into, room, "%s %.*f -> %.*f", name, decimals, v->reference_mean, decimals,
                   v->mean);
}

static bool is_black(const watch_window *w)
{
    const watch_value *brightness = &w->value[0], *contrast = &w->value[1];
    return brightness->here && contrast->here && brightness->mean < 24 && contrast->mean < 6 &&
           brightness->reference_mean > 40;
}

/* "lens of gate-1 less sharp since 14:00: sharpness 212 -> 38" */
static void headline(const watch_window *w, const watch_change *change, int64_t since_us,
                     char *into, size_t room)
{
    const watch_kind *kind = &watch_kinds[change->series];
    const watch_value *v = &w->value[change->series];
    char what[120], figures[80];
    time_t at = (time_t)(since_us / 1000000);
    struct tm local = { 0 };
    (void)localtime_r(&at, &local);
    /* The format is one of ours, with one %s. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(what, sizeof what, v->verdict.shift < 0 ? kind->less : kind->more, w->camera);
#pragma GCC diagnostic pop
    if (is_black(w)) (void)snprintf(what, sizeof what, "picture of %s black", w->camera);
    numbers(v, kind->name, figures, sizeof figures);
    (void)snprintf(into, room, "%s since %02d:%02d: %s", what, local.tm_hour, local.tm_min,
                   figures);
}

static const char *severity_of(const watch_window *w, const watch_change *changes, unsigned count)
{
    const char *severity = "low";
    for (unsigned i = 0; i < count; i++) {
        const watch_value *v = &w->value[changes[i].series];
        const watch_kind *kind = &watch_kinds[changes[i].series];
        bool halved = kind->by_ratio && v->mean < v->reference_mean / 2;
        if (halved || is_black(w)) return "high";
        if (!kind->of_model) severity = "medium";
    }
    return severity;
}

static void write_changes(const watch_window *w, const watch_change *changes, unsigned count,
                          vd_buf *into)
{
    vd_json_w out = vd_json_writer(into);
    vd_json_w_list(&out);
    for (unsigned i = 0; i < count; i++) {
        const watch_value *v = &w->value[changes[i].series];
        char text[80];
        numbers(v, watch_kinds[changes[i].series].name, text, sizeof text);
        vd_json_w_object(&out);
        vd_json_w_kv_text(&out, "series", watch_kinds[changes[i].series].name);
        vd_json_w_kv_num(&out, "was", v->reference_mean, 3);
        vd_json_w_kv_num(&out, "now", v->mean, 3);
        vd_json_w_kv_time(&out, "since", changes[i].since_us);
        vd_json_w_kv_num(&out, "shift", v->verdict.shift, 2);
        vd_json_w_kv_text(&out, "text", text);
        vd_json_w_object_end(&out);
    }
    vd_json_w_list_end(&out);
    if (vd_json_w_end(&out)) vd_buf_clear(into);
}

void watch_describe(watch_camera *c, const watch_window *w, watch_change *changes, unsigned count)
{
    VD_AUTO(vd_buf) list = VD_BUF(WATCH_CHANGES_BYTES - 1);
    qsort_r(changes, count, sizeof *changes, by_shift, (void *)w);
    write_changes(w, changes, count, &list);
    (void)snprintf(c->changes, sizeof c->changes, "%s", list.len ? list.data : "[]");
    if (count) headline(w, &changes[0], c->since_us, c->text, sizeof c->text);
    (void)snprintf(c->severity, sizeof c->severity, "%s", severity_of(w, changes, count));
}

/* ---- the event ---- */

static bool picture_between(vd_store *store, const watch_window *w, int64_t from_us, int64_t to_us,
                            vd_event_evidence *into)
{
    vd_stmt *find = vd_store_stmt(store, "watch_picture");
    vd_bind_text(find, "device", w->device);
    vd_bind_text(find, "camera", w->camera);
    vd_bind_int(find, "from_us", from_us);
    vd_bind_int(find, "to_us", to_us);
    if (vd_stmt_row(find, NULL) != VD_OK) return false;
    *into = (vd_event_evidence){ .kind = "snapshot",
                                 .bytes = (uint64_t)vd_col_int(find, 1),
                                 .content_type = "image/jpeg",
                                 .width_px = vd_col_int(find, 2),
                                 .height_px = vd_col_int(find, 3),
                                 .start_utc_us = vd_col_int(find, 4),
                                 .end_utc_us = vd_col_int(find, 4) };
    bool good = vd_digest_parse(vd_slice_str(vd_col_text(find, 0)), &into->digest);
    vd_stmt_finish(find);
    return good;
}

static vd_event event_of(const watch_camera *c, const watch_window *w, bool ended)
{
    vd_event e = { .revision = (uint64_t)c->revision,
                   .phase = ended             ? "end"
                            : c->revision > 1 ? "update"
                                              : "start",
                   .device = w->device,
                   .camera = w->camera,
                   .kind = VD_WATCH_RULE,
                   .title = c->text,
                   .severity = c->severity,
                   .rule_id = VD_WATCH_RULE,
                   .rule_version = "1",
                   .zone = "",
                   .start_utc_us = c->since_us,
                   .update_utc_us = w->end_us,
                   .end_utc_us = ended ? w->start_us : 0,
                   .class_name = VD_WATCH_RULE,
                   .score = 1,
                   .model_name = w->model_name };
    memcpy(e.id.text, c->event, sizeof e.id.text);
    memset(e.model_digest.hex, '0', VD_SHA256_HEX);
    if (w->model[0]) memcpy(e.model_digest.hex, w->model, sizeof e.model_digest.hex);
    if (e.end_utc_us && e.end_utc_us < e.start_utc_us) e.end_utc_us = e.start_utc_us;
    return e;
}

vd_err watch_tell(vd_store *store, const vd_watch_config *config, watch_camera *c,
                  const watch_window *w, bool ended, vd_why *why)
{
    VD_AUTO(vd_buf) json = VD_BUF(VD_EVENT_JSON_MAX);
    vd_event_evidence pictures[2];
    vd_incident_outcome outcome = { .opened = false };
    unsigned count = 0;
    if (!config->event || !c->event[0]) return VD_OK;
    c->revision++;
    /* Before, then after: the last one is the incident's headline. */
    count += picture_between(store, w, 0, c->since_us, &pictures[count]);
    count +=
        picture_between(store, w, c->since_us, ended ? w->start_us : INT64_MAX, &pictures[count]);
    vd_event event = event_of(c, w, ended);
    event.evidence = pictures;
    event.evidence_count = count;
    vd_err err = vd_event_write(&event, &json);
    if (!err) err = config->event(config->ctx, store, &event, vd_buf_slice(&json), &outcome, why);
    if (!err) memcpy(c->incident, outcome.incident.text, sizeof c->incident);
    return err;
}
