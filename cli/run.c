/* run.c - training, evaluation and quantisation runs of the hub. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"

static const column run_columns[] = {
    { "RUN", "id" },        { "KIND", "kind" },           { "STATE", "state" },
    { "NAME", "name" },     { "STEP", "step" },           { "OF", "steps" },
    { "WORKER", "worker" }, { "mAP50", "summary.map50" }, { "CREATED", "created_at" },
};
static const column run_fields[] = {
    { "run", "id" },
    { "kind", "kind" },
    { "name", "name" },
    { "state", "state" },
    { "why", "why.fact" },
    { "hint", "why.hint" },
    { "step", "step" },
    { "of", "steps" },
    { "dataset", "config.dataset" },
    { "model", "config.model" },
    { "seed", "config.seed" },
    { "worker", "worker" },
    { "attempts", "attempts" },
    { "created by", "created_by" },
    { "created", "created_at" },
    { "started", "started_at" },
    { "ended", "ended_at" },
    { "mAP", "summary.map" },
    { "mAP50", "summary.map50" },
    { "false alarms a picture", "summary.false_alarms_per_picture" },
};
static const column file_columns[] = { { "FILE", "name" },
                                       { "BYTES", "bytes" },
                                       { "DIGEST", "digest" } };
static const column word_columns[] = { { "AT", "at" }, { "WORDS", "text" } };

static void show(const cli *c, const vd_json *run)
{
    if (c->json) {
        json_line(run);
        return;
    }
    fields_print(run, run_fields, VD_COUNT_OF(run_fields));
    if (vd_json_len(vd_json_get(run, "files"))) {
        putchar('\n');
        table_print(vd_json_get(run, "files"), file_columns, VD_COUNT_OF(file_columns));
    }
    if (vd_json_len(vd_json_get(run, "words"))) {
        putchar('\n');
        table_print(vd_json_get(run, "words"), word_columns, VD_COUNT_OF(word_columns));
    }
}

static vd_err call(cli *c, const char *method, const char *path, vd_slice body, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) run = NULL;

    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, method, path, body, &run, why);
    if (!err) show(c, run);
    return err;
}

vd_err run_run_list(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(4096);

    vd_buf_add_str(&path, "/api/v1/runs");
    query_add(&path, "kind", cli_option(c, "kind"));
    query_add(&path, "state", cli_option(c, "state"));
    query_add(&path, "dataset", cli_option(c, "dataset"));
    query_add(&path, "limit", cli_option(c, "limit"));
    return list_show(c, path.data, "runs", run_columns, VD_COUNT_OF(run_columns), why);
}

vd_err run_run_show(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    vd_buf_add_str(&path, "/api/v1/runs");
    path_add(&path, cli_argument(c, 0));
    return call(c, "GET", path.data, VD_SLICE_NONE, why);
}

vd_err run_run_cancel(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(1024);
    vd_buf_add_str(&path, "/api/v1/runs");
    path_add(&path, cli_argument(c, 0));
    vd_buf_add_str(&path, "/cancel");
    return call(c, "POST", path.data, VD_SLICE_NONE, why);
}

/* NAME=VALUE of the configuration: a number, true, false or a word. */
static vd_err write_setting(const char *setting, vd_json_w *w, vd_why *why)
{
    char name[64], *end = NULL;
    vd_slice value = VD_SLICE_NONE;
    vd_slice key = vd_slice_cut(vd_slice_str(setting), '=', &value);

    if (!key.len || !value.len || !vd_slice_to_chars(key, name, sizeof name))
        return vd_fail(why, VD_INVALID, "--set must be NAME=VALUE, '%.80s' is not", setting);
    vd_json_w_key(w, name);
    const char *text = (const char *)value.data;
    double number = strtod(text, &end);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        vd_json_w_bool(w, strcmp(text, "true") == 0);
    else if (*end == '\0' && strspn(text, "-0123456789") == value.len)
        vd_json_w_int(w, strtoll(text, NULL, 10));
    else if (*end == '\0')
        vd_json_w_num(w, number, 12);
    else
        vd_json_w_text(w, text);
    return VD_OK;
}

vd_err run_run_start(cli *c, vd_why *why)
{
    static const char *const named[] = { "dataset", "model", "descriptor", "split" };
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&body);
    vd_err err = VD_OK;

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "kind", cli_argument(c, 0));
    if (cli_option(c, "name")) vd_json_w_kv_text(&w, "name", cli_option(c, "name"));
    vd_json_w_key(&w, "config");
    vd_json_w_object(&w);
    for (size_t n = 0; n < VD_COUNT_OF(named); n++)
        if (cli_option(c, named[n])) vd_json_w_kv_text(&w, named[n], cli_option(c, named[n]));
    for (size_t n = 0; n < c->verb->option_count; n++)
        for (unsigned k = 0; !err && c->options[n].repeats && k < c->args.count[n]; k++)
            err = write_setting(c->args.value[n][k], &w, why);
    if (err) return err;
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    err = vd_json_w_end(&w);
    return err ? err : call(c, "POST", "/api/v1/runs", vd_buf_slice(&body), why);
}
