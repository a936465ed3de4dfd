/* rollout.c - a model's way to the devices. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"

static const column rollout_columns[] = {
    { "ROLLOUT", "id" },
    { "MODEL", "model.name" },
    { "STATE", "state" },
    { "PERCENT", "percent" },
    { "DEVICES", "counts.devices" },
    { "ACTIVE", "counts.active" },
    { "FAILED", "counts.failed" },
    { "STARTED", "started_at" },
    { "BY", "started_by" },
    { "WHY", "why" },
};
static const column rollout_fields[] = {
    { "rollout", "id" },
    { "model", "model.name" },
    { "digest", "model.digest" },
    { "manifest", "manifest" },
    { "condition", "condition" },
    { "canary", "canary" },
    { "state", "state" },
    { "why", "why" },
    { "percent", "percent" },
    { "soak s", "soak_s" },
    { "started by", "started_by" },
    { "started", "started_at" },
    { "ended", "ended_at" },
    { "verdicts", "false_alarms.verdicts" },
    { "false alarms", "false_alarms.false_alarms" },
    { "former verdicts", "false_alarms.former_verdicts" },
    { "former false alarms", "false_alarms.former_false_alarms" },
    { "note", "note" },
};
static const column device_columns[] = {
    { "DEVICE", "device" },       { "STATE", "state" }, { "CANARY", "canary" },
    { "CONNECTED", "connected" }, { "SINCE", "since" }, { "PICTURES", "pictures" },
    { "ERRORS", "errors" },       { "WHY", "why" },
};
static const column history_columns[] = {
    { "AT", "at" },         { "WHO", "who" },   { "WHAT", "what" },
    { "DEVICE", "device" }, { "TEXT", "text" },
};

static void show(const cli *c, const vd_json *rollout)
{
    if (c->json) {
        json_line(rollout);
        return;
    }
    fields_print(rollout, rollout_fields, VD_COUNT_OF(rollout_fields));
    putchar('\n');
    table_print(vd_json_get(rollout, "devices"), device_columns, VD_COUNT_OF(device_columns));
    putchar('\n');
    table_print(vd_json_get(rollout, "history"), history_columns, VD_COUNT_OF(history_columns));
}

static vd_err ask(const cli *c, const char *method, const char *path, vd_slice body, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_err err = api_open(&a, why);

    if (!err) err = api_call(a, method, path, body, &root, why);
    if (!err) show(c, root);
    return err;
}

/* ---- start ---- */

static vd_err write_number(vd_json_w *w, const char *key, const char *text, vd_why *why)
{
    char *end = NULL;
    double number = text ? strtod(text, &end) : 0;

    if (!text) return VD_OK;
    if (end == text || *end) return vd_fail(why, VD_INVALID, "'%.40s' is no number", text);
    vd_json_w_kv_num(w, key, number, 6);
    return VD_OK;
}

static vd_err write_stages(vd_json_w *w, const char *text, vd_why *why)
{
    vd_slice rest = vd_slice_str(text);

    if (!text) return VD_OK;
    vd_json_w_key(w, "stages");
    vd_json_w_list(w);
    while (rest.len) {
        uint64_t percent;
        if (!vd_slice_u64(vd_slice_cut(rest, ',', &rest), 100, &percent))
            return vd_fail(why, VD_INVALID, "'%.60s' is no list like 10,50,100", text);
        vd_json_w_int(w, (int64_t)percent);
    }
    vd_json_w_list_end(w);
    return VD_OK;
}

static vd_err write_start(cli *c, vd_json_w *w, vd_why *why)
{
    vd_err err;

    vd_json_w_object(w);
    vd_json_w_kv_text(w, "model", cli_argument(c, 0));
    vd_json_w_kv_text(w, "condition", cli_option(c, "where"));
    if (cli_option(c, "canary")) vd_json_w_kv_text(w, "canary", cli_option(c, "canary"));
    if (cli_option(c, "note")) vd_json_w_kv_text(w, "note", cli_option(c, "note"));
    err = write_number(w, "soak_s", cli_option(c, "soak"), why);
    if (!err) err = write_number(w, "false_alarm_limit", cli_option(c, "false-alarm-limit"), why);
    if (!err) err = write_stages(w, cli_option(c, "stages"), why);
    if (err) return err;
    vd_json_w_object_end(w);
    return vd_json_w_end(w);
}

vd_err run_rollout_start(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&body);

    if (!cli_option(c, "where")) {
        vd_fail(why, VD_INVALID, "which devices? --where is missing");
        vd_why_hint(why, "--where '*' is every device");
        return VD_INVALID;
    }
    vd_err err = write_start(c, &w, why);
    return err ? err : ask(c, "POST", "/api/v1/rollouts", vd_buf_slice(&body), why);
}

/* ---- list, show, and what people do ---- */

vd_err run_rollout_list(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    uint64_t limit = 50;
    char rows[24];

    vd_err err = cli_number(c, "limit", 200, &limit, why);
    if (err) return err;
    snprintf(rows, sizeof rows, "%llu", (unsigned long long)limit);
    vd_buf_add_str(&path, "/api/v1/rollouts");
    query_add(&path, "limit", rows);
    query_add(&path, "state", cli_option(c, "state"));
    return list_show(c, path.data, "rollouts", rollout_columns, VD_COUNT_OF(rollout_columns), why);
}

vd_err run_rollout_show(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);

    vd_buf_add_str(&path, "/api/v1/rollouts");
    path_add(&path, cli_argument(c, 0));
    return ask(c, "GET", path.data, VD_SLICE_NONE, why);
}

static vd_err step(cli *c, const char *what, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    VD_AUTO(vd_buf) body = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&body);

    vd_buf_add_str(&path, "/api/v1/rollouts");
    path_add(&path, cli_argument(c, 0));
    path_add(&path, what);
    vd_json_w_object(&w);
    if (cli_option(c, "note")) vd_json_w_kv_text(&w, "note", cli_option(c, "note"));
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, VD_INVALID, "the note is too long");
    return ask(c, "POST", path.data, vd_buf_slice(&body), why);
}

vd_err run_rollout_halt(cli *c, vd_why *why)
{
    return step(c, "halt", why);
}

vd_err run_rollout_resume(cli *c, vd_why *why)
{
    return step(c, "resume", why);
}

vd_err run_rollout_return(cli *c, vd_why *why)
{
    return step(c, "return", why);
}

vd_err run_release_key(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_err err = api_open(&a, why);

    if (!err) err = api_call(a, "GET", "/api/v1/release-key", VD_SLICE_NONE, &root, why);
    if (err) return err;
    if (c->json)
        json_line(root);
    else
        puts(vd_json_text(vd_json_get(root, "public"), ""));
    return VD_OK;
}
