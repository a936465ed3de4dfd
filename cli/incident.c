/* incident.c - what happened, and what people say of it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"

#define PAGE_ROWS 200

static const column incident_columns[] = {
    { "INCIDENT", "id" },        { "STATE", "state" },        { "SEVERITY", "severity" },
    { "TITLE", "title" },        { "DEVICE", "device" },      { "CAMERA", "camera" },
    { "STARTED", "started_at" }, { "EVENTS", "event_count" }, { "VERDICT", "verdict" },
};
static const column incident_fields[] = {
    { "incident", "id" },
    { "version", "version" },
    { "state", "state" },
    { "title", "title" },
    { "severity", "severity" },
    { "device", "device" },
    { "camera", "camera" },
    { "rule", "rule_id" },
    { "zone", "zone" },
    { "started", "started_at" },
    { "ended", "ended_at" },
    { "ongoing", "ongoing" },
    { "events", "event_count" },
    { "score", "score" },
    { "snapshot", "snapshot" },
    { "acknowledged by", "acknowledged_by" },
    { "acknowledged", "acknowledged_at" },
    { "resolved by", "resolved_by" },
    { "resolved", "resolved_at" },
    { "verdict", "verdict" },
    { "note", "note" },
};
static const column history_columns[] = {
    { "VERSION", "version" }, { "AT", "at" },     { "WHO", "who" },
    { "WHAT", "what" },       { "TEXT", "text" },
};
static const column delivery_columns[] = {
    { "CHANNEL", "channel" },
    { "TARGET", "target" },
    { "STATE", "state" },
    { "CREATED", "created_at" },
};

static void show(const cli *c, const vd_json *incident)
{
    if (c->json) {
        json_line(incident);
        return;
    }
    fields_print(incident, incident_fields, VD_COUNT_OF(incident_fields));
    putchar('\n');
    table_print(vd_json_get(incident, "history"), history_columns, VD_COUNT_OF(history_columns));
    if (!vd_json_len(vd_json_get(incident, "deliveries"))) return;
    putchar('\n');
    table_print(vd_json_get(incident, "deliveries"), delivery_columns,
                VD_COUNT_OF(delivery_columns));
}

static void first_page(cli *c, uint64_t limit, vd_buf *path)
{
    static const char *const same[] = { "state",    "camera",  "device", "rule",
                                        "severity", "verdict", "since",  "until" };
    char rows[24];

    vd_buf_add_str(path, "/api/v1/incidents");
    snprintf(rows, sizeof rows, "%llu",
             (unsigned long long)(limit < PAGE_ROWS ? limit : PAGE_ROWS));
    query_add(path, "limit", rows);
    for (size_t i = 0; i < VD_COUNT_OF(same); i++) query_add(path, same[i], cli_option(c, same[i]));
    query_add(path, "q", cli_option(c, "search"));
}

/* Pages until `limit` rows are in the list that `w` is writing. */
static vd_err collect(api *a, const vd_buf *first, uint64_t limit, vd_json_w *w, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(8192);
    uint64_t rows = 0;
    bool more = true;
    vd_err err = VD_OK;

    vd_buf_add(&path, vd_buf_slice(first));
    while (!err && more) {
        VD_AUTO(vd_json_ptr) page = NULL;
        err = api_call(a, "GET", path.data, VD_SLICE_NONE, &page, why);
        const vd_json *list = vd_json_get(page, "incidents");
        for (size_t i = 0; !err && i < vd_json_len(list) && rows < limit; i++, rows++)
            vd_json_w_node(w, vd_json_at(list, i));
        const char *next = vd_json_text(vd_json_get(page, "next"), NULL);
        more = next && rows < limit && vd_json_len(list);
        vd_buf_clear(&path);
        vd_buf_add(&path, vd_buf_slice(first));
        query_add(&path, "cursor", next);
    }
    return err;
}

vd_err run_incident_list(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(8192);
    VD_AUTO(vd_buf) text = VD_BUF(API_BYTES);
    vd_json_w w = vd_json_writer(&text);
    uint64_t limit = 50;

    vd_err err = cli_number(c, "limit", 100000, &limit, why);
    if (!err) err = api_open(&a, why);
    if (err) return err;
    first_page(c, limit, &path);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "incidents");
    vd_json_w_list(&w);
    err = collect(a, &path, limit, &w, why);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    if (err) return err;
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the list is longer than 16 MiB");
    if (c->json) {
        puts(text.data);
        return VD_OK;
    }
    err = vd_json_parse(vd_buf_slice(&text), API_BYTES, 32, &root, why);
    if (!err)
        table_print(vd_json_get(root, "incidents"), incident_columns,
                    VD_COUNT_OF(incident_columns));
    return err;
}

static vd_err get(api *a, const char *incident, vd_json **ret_root, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);

    vd_buf_add_str(&path, "/api/v1/incidents");
    path_add(&path, incident);
    return api_call(a, "GET", path.data, VD_SLICE_NONE, ret_root, why);
}

vd_err run_incident_show(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;

    vd_err err = api_open(&a, why);
    if (!err) err = get(a, cli_argument(c, 0), &root, why);
    if (!err) show(c, root);
    return err;
}

/* The version to act on: what was asked for, or what stands now. */
static vd_err version_of(cli *c, api *a, uint64_t *ret_version, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;

    if (cli_option(c, "version")) return cli_number(c, "version", INT64_MAX, ret_version, why);
    vd_err err = get(a, cli_argument(c, 0), &root, why);
    if (!err) *ret_version = (uint64_t)vd_json_int(vd_json_get(root, "version"), 0);
    return err;
}

/* Somebody was faster: says who did what. */
static void explain_conflict(const vd_json *answer, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(300);
    const vd_json *changes = vd_json_get(answer, "changes");

    for (size_t i = 0; i < vd_json_len(changes); i++) {
        const vd_json *change = vd_json_at(changes, i);
        if (!vd_buf_addf(&text, "%s%s %s at %s", i ? "; " : "",
                         vd_json_text(vd_json_get(change, "who"), "?"),
                         vd_json_text(vd_json_get(change, "what"), "?"),
                         vd_json_text(vd_json_get(change, "at"), "?")))
            break;
    }
    if (text.len) vd_why_detail(why, "%s", text.data);
    if (why && !why->hint[0]) vd_why_hint(why, "look again: vedette incident show");
}

static vd_err act(cli *c, const char *verb, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&body);
    uint64_t version = 0;

    vd_err err = api_open(&a, why);
    if (!err) err = version_of(c, a, &version, why);
    if (err) return err;
    vd_buf_add_str(&path, "/api/v1/incidents");
    path_add(&path, cli_argument(c, 0));
    path_add(&path, verb);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "version", (int64_t)version);
    if (cli_option(c, "verdict")) vd_json_w_kv_text(&w, "verdict", cli_option(c, "verdict"));
    if (cli_option(c, "note")) vd_json_w_kv_text(&w, "note", cli_option(c, "note"));
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_INVALID, "the note is too long");
    err = api_call(a, "POST", path.data, vd_buf_slice(&body), &root, why);
    if (err == VD_CONFLICT) explain_conflict(root, why);
    if (!err) show(c, root);
    return err;
}

vd_err run_incident_acknowledge(cli *c, vd_why *why)
{
    return act(c, "acknowledge", why);
}

vd_err run_incident_resolve(cli *c, vd_why *why)
{
    static const char *const verdicts[] = { "true", "false_alarm", "wrong_class", "duplicate",
                                            "not_actionable" };
    const char *verdict = cli_option(c, "verdict");

    for (size_t i = 0; verdict && i < VD_COUNT_OF(verdicts); i++)
        if (strcmp(verdict, verdicts[i]) == 0) return act(c, "resolve", why);
    if (!verdict)
        vd_fail(why, VD_INVALID, "a verdict is needed");
    else
        vd_fail(why, VD_INVALID, "'%s' is no verdict", verdict);
    const char *nearest =
        verdict ? vd_nearest(vd_slice_str(verdict), verdicts, VD_COUNT_OF(verdicts)) : NULL;
    if (nearest)
        vd_why_hint(why, "did you mean --verdict %s?", nearest);
    else
        vd_why_hint(why, "--verdict true, false_alarm, wrong_class, duplicate or not_actionable");
    return VD_INVALID;
}
