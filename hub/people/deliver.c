/* deliver.c - who is told of an incident, and the list of what was sent. */
#include "people.h"

#include <fnmatch.h>
#include <stdio.h>

#include "vd/clock.h"

typedef struct {
    char id[VD_ULID_LEN + 1];
    char title[600], device[VD_LIMIT_NAME_BYTES + 1], camera[64], rule[VD_LIMIT_NAME_BYTES + 1];
    int64_t severity;
} told;

static vd_err look_up(vd_store *store, const char *incident, told *ret_told, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "incident_state");
    vd_bind_text(row, "id", incident);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    told t = { .severity = vd_col_int(row, 8) };
    vd_slice_to_chars(vd_slice_str(incident), t.id, sizeof t.id);
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 4)), t.title, sizeof t.title);
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 5)), t.camera, sizeof t.camera);
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 6)), t.rule, sizeof t.rule);
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 7)), t.device, sizeof t.device);
    vd_stmt_finish(row);
    *ret_told = t;
    return VD_OK;
}

static vd_err add(vd_store *store, const told *t, const char *site, const char *channel,
                  const char *target, int64_t cool_down_ms, vd_why *why)
{
    char subject[800];
    (void)snprintf(subject, sizeof subject, "[%.80s] %s: %s (%s)", site,
                   vd_severity_word(t->severity), t->title, t->camera);
    vd_ulid id = vd_ulid_new();
    vd_stmt *put = vd_store_stmt(store, "delivery_add");
    vd_bind_text(put, "id", id.text);
    vd_bind_text(put, "incident", t->id);
    vd_bind_text(put, "channel", channel);
    vd_bind_text(put, "target", target);
    vd_bind_text(put, "subject", subject);
    vd_bind_text(put, "rule_id", t->rule);
    vd_bind_text(put, "device", t->device);
    vd_bind_text(put, "camera", t->camera);
    vd_bind_int(put, "now_us", vd_clock_utc_us());
    vd_bind_int(put, "cool_us", cool_down_ms * 1000);
    return vd_stmt_run(put, NULL, why);
}

/* A target that an earlier rule of the config told already is not told twice. */
static bool told_before(const vd_notify_config *config, const bool *fits, unsigned rule,
                        const char *target, bool email)
{
    for (unsigned r = 0; r < rule; r++) {
        if (!fits[r]) continue;
        const vd_notify_rule *before = &config->rules[r];
        unsigned count = email ? before->email_count : before->webhook_count;
        for (unsigned n = 0; n < count; n++)
            if (strcmp(email ? before->emails[n] : before->webhooks[n], target) == 0) return true;
    }
    return false;
}

static vd_err add_targets(vd_store *store, const vd_notify_config *config, const told *t,
                          const bool *fits, unsigned r, bool email, unsigned *count, vd_why *why)
{
    const vd_notify_rule *rule = &config->rules[r];
    vd_err err = VD_OK;
    for (unsigned n = 0; !err && n < (email ? rule->email_count : rule->webhook_count); n++) {
        const char *target = email ? rule->emails[n] : rule->webhooks[n];
        if (told_before(config, fits, r, target, email)) continue;
        err = add(store, t, config->site, email ? "email" : "webhook", target, rule->cool_down_ms,
                  why);
        (*count)++;
    }
    return err;
}

vd_err vd_notify_opened(vd_store *store, const vd_notify_config *config, const char *incident,
                        unsigned *ret_count, vd_why *why)
{
    told t;
    bool fits[VD_NOTIFY_RULES_MAX] = { false };
    unsigned count = 0;
    vd_err err = look_up(store, incident, &t, why);
    for (unsigned r = 0; !err && r < config->rule_count; r++) {
        const vd_notify_rule *rule = &config->rules[r];
        fits[r] = t.severity >= rule->severity_least && fnmatch(rule->rule, t.rule, 0) == 0 &&
                  fnmatch(rule->camera, t.camera, 0) == 0;
        if (!fits[r]) continue;
        err = add_targets(store, config, &t, fits, r, true, &count, why);
        if (!err) err = add_targets(store, config, &t, fits, r, false, &count, why);
    }
    if (!err) *ret_count = count;
    return err;
}

static vd_err write_attempts(vd_store *store, const char *delivery, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "attempt_list");
    vd_bind_text(rows, "delivery", delivery);
    vd_json_w_key(w, "attempts");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_time(w, "at", vd_col_int(rows, 0));
        vd_json_w_kv_bool(w, "ok", vd_col_int(rows, 1) != 0);
        vd_json_w_kv_text(w, "answer", vd_col_text(rows, 2));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err write_one(vd_store *store, vd_stmt *row, vd_json_w *w, vd_why *why)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", vd_col_text(row, 0));
    vd_json_w_kv_text(w, "incident", vd_col_text(row, 1));
    vd_json_w_kv_text(w, "channel", vd_col_text(row, 2));
    vd_json_w_kv_text(w, "target", vd_col_text(row, 3));
    vd_json_w_kv_text(w, "subject", vd_col_text(row, 4));
    vd_json_w_kv_text(w, "state", vd_col_text(row, 5));
    vd_json_w_kv_time(w, "created_at", vd_col_int(row, 6));
    vd_json_w_kv_time(w, "next_attempt_at", vd_col_null(row, 7) ? 0 : vd_col_int(row, 7));
    vd_err err = write_attempts(store, vd_col_text(row, 0), w, why);
    vd_json_w_object_end(w);
    return err;
}

vd_err vd_notify_write(vd_store *store, const char *incident, const char *cursor, unsigned limit,
                       vd_json_w *w, char ret_next[VD_ULID_LEN + 1], vd_why *why)
{
    vd_ulid before;
    unsigned count = 0;
    vd_err err;

    ret_next[0] = '\0';
    if (cursor && !vd_ulid_parse(vd_slice_str(cursor), &before))
        return vd_fail(why, VD_INVALID, "the cursor is none of ours");
    vd_stmt *list = vd_store_stmt(store, "delivery_list");
    vd_bind_text(list, "incident", incident);
    if (cursor) vd_bind_text(list, "before", before.text);
    vd_bind_int(list, "limit", limit + 1);
    vd_json_w_list(w);
    char last[VD_ULID_LEN + 1] = "";
    while ((err = vd_stmt_row(list, why)) == VD_OK) {
        if (count++ == limit) {
            memcpy(ret_next, last, sizeof last);
            err = VD_ABSENT;
            break;
        }
        vd_slice_to_chars(vd_slice_str(vd_col_text(list, 0)), last, sizeof last);
        err = write_one(store, list, w, why);
        if (err) break;
    }
    vd_stmt_finish(list);
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}
