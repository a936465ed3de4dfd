/* release.c - the hub's models: pushed, shown, traced, approved. */
#include <stdio.h>
#include <stdlib.h>

#include "artifact.h"
#include "cli_priv.h"
#include "limits.h"
#include "release_priv.h"
#include "vd/config.h"

#define PICTURES_MAX  8
#define REQUEST_BYTES (3u << 20)

static const column model_fields[] = {
    { "model", "name" },
    { "version", "version" },
    { "state", "state" },
    { "digest", "digest" },
    { "manifest", "manifest" },
    { "bytes", "bytes" },
    { "threshold", "score_min" },
    { "reference pictures", "reference_pictures" },
    { "devices", "devices" },
    { "dataset", "dataset" },
    { "run", "run" },
    { "parent", "parent" },
    { "registered", "registered_at" },
    { "registered by", "registered_by" },
    { "approved", "approved_at" },
    { "approved by", "approved_by" },
    { "past the gate", "forced" },
    { "signed with key", "key" },
    { "note", "note" },
};
static const column model_columns[] = {
    { "MODEL", "name" },      { "VERSION", "version" },          { "STATE", "state" },
    { "DEVICES", "devices" }, { "REGISTERED", "registered_at" }, { "BY", "registered_by" },
    { "DIGEST", "digest" },
};
static const column history_columns[] = {
    { "AT", "at" }, { "WHO", "who" }, { "WHAT", "what" }, { "REASON", "reason" }
};

/* ---- which model ---- */

static bool is_digest(const char *text)
{
    vd_digest digest;
    return strlen(text) == VD_SHA256_HEX && vd_digest_parse(vd_slice_str(text), &digest);
}

/* Of the versions of a name: the one asked for, or the champion, or the newest. */
static const vd_json *choose(const vd_json *models, int64_t version)
{
    const vd_json *best = NULL;

    for (size_t n = 0; n < vd_json_len(models); n++) {
        const vd_json *model = vd_json_at(models, n);
        if (version && vd_json_int(vd_json_get(model, "version"), 0) == version) return model;
        if (version) continue;
        if (strcmp(vd_json_text(vd_json_get(model, "state"), ""), "champion") == 0) return model;
        if (!best) best = model;
    }
    return best;
}

static vd_err digest_of_name(api *a, const char *which, char into[VD_SHA256_HEX + 1], vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);
    char name[VD_ARTIFACT_NAME_MAX + 1];
    uint64_t version = 0;
    vd_slice tag = VD_SLICE_NONE, first = vd_slice_cut(vd_slice_str(which), ':', &tag);

    bool fine = vd_slice_to_chars(first, name, sizeof name) && vd_artifact_name_ok(first);
    if (tag.len)
        fine =
            fine && tag.data[0] == 'v' && vd_slice_u64(vd_slice_from(tag, 1), 999999999, &version);
    if (!fine)
        return vd_fail(why, VD_INVALID, "'%.80s' is no NAME, NAME:vN or digest of a model", which);
    vd_buf_add_str(&path, "/api/v1/models?limit=200");
    query_add(&path, "name", name);
    vd_err err = api_call(a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    const vd_json *model = choose(vd_json_get(root, "models"), (int64_t)version);
    if (!model) {
        vd_fail(why, VD_ABSENT, "the hub has no model '%.80s'", which);
        vd_why_hint(why, "'vedette model list --hub' shows what it has");
        return VD_ABSENT;
    }
    vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(model, "digest"), "")), into,
                      VD_SHA256_HEX + 1);
    return VD_OK;
}

vd_err hub_model_digest(api *a, const char *which, char into[VD_SHA256_HEX + 1], vd_why *why)
{
    if (!is_digest(which)) return digest_of_name(a, which, into, why);
    memcpy(into, which, VD_SHA256_HEX + 1);
    return VD_OK;
}

/* /api/v1/models/DIGEST[/WHAT] of the first argument. */
static vd_err model_path(const cli *c, api *a, const char *what, vd_buf *path, vd_why *why)
{
    char digest[VD_SHA256_HEX + 1];
    vd_err err = hub_model_digest(a, cli_argument(c, 0), digest, why);

    if (err) return err;
    vd_buf_addf(path, "/api/v1/models/%s%s", digest, what);
    return VD_OK;
}

/* ---- showing ---- */

static void print_model(const cli *c, const vd_json *model)
{
    if (c->json) {
        json_line(model);
        return;
    }
    fields_print(model, model_fields, VD_COUNT_OF(model_fields));
    const vd_json *history = vd_json_get(model, "history");
    if (!vd_json_len(history)) return;
    putchar('\n');
    table_print(history, history_columns, VD_COUNT_OF(history_columns));
}

vd_err hub_model_list(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(2048);

    vd_buf_add_str(&path, "/api/v1/models?limit=200");
    query_add(&path, "name", cli_option(c, "name"));
    return list_show(c, path.data, "models", model_columns, VD_COUNT_OF(model_columns), why);
}

vd_err hub_model_show(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);

    vd_err err = api_open(&a, why);
    if (!err) err = model_path(c, a, "", &path, why);
    if (!err) err = api_call(a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (!err) print_model(c, root);
    return err;
}

static void print_lineage(const vd_json *root)
{
    static const column datasets[] = { { "DATASET", "name" },
                                       { "MADE", "made_at" },
                                       { "PICTURES", "pictures" },
                                       { "DIGEST", "digest" } };
    static const column runs[] = {
        { "RUN", "run" }, { "KIND", "kind" }, { "STATE", "state" }, { "WHO", "who" }, { "AT", "at" }
    };
    static const column devices[] = { { "DEVICE", "device" },
                                      { "MODEL", "model.name" },
                                      { "STATE", "state" },
                                      { "SINCE", "since" },
                                      { "CAMERAS", "cameras" } };
    const struct {
        const char *member;
        const column *columns;
        size_t count;
    } tables[] = { { "datasets", datasets, VD_COUNT_OF(datasets) },
                   { "runs", runs, VD_COUNT_OF(runs) },
                   { "models", model_columns, VD_COUNT_OF(model_columns) },
                   { "devices", devices, VD_COUNT_OF(devices) } };
    printf("%s, %lld picture%s\n", vd_json_text(vd_json_get(root, "kind"), ""),
           (long long)vd_json_int(vd_json_get(root, "picture_count"), 0),
           vd_json_int(vd_json_get(root, "picture_count"), 0) == 1 ? "" : "s");
    for (size_t n = 0; n < VD_COUNT_OF(tables); n++) {
        if (!vd_json_len(vd_json_get(root, tables[n].member))) continue;
        putchar('\n');
        table_print(vd_json_get(root, tables[n].member), tables[n].columns, tables[n].count);
    }
}

vd_err run_model_lineage(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);
    const char *thing = cli_argument(c, 0);
    char digest[VD_SHA256_HEX + 1];
    vd_ulid run;

    vd_err err = api_open(&a, why);
    if (!err && !vd_ulid_parse(vd_slice_str(thing), &run)) {
        err = hub_model_digest(a, thing, digest, why);
        thing = digest;
    }
    if (err) return err;
    vd_buf_add_str(&path, "/api/v1/lineage");
    path_add(&path, thing);
    err = api_call(a, "GET", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    if (c->json)
        json_line(root);
    else
        print_lineage(root);
    return VD_OK;
}

/* ---- pushing ---- */

typedef struct {
    char weights[4096], descriptor[4096];
    vd_buf yaml, labels;
    char name[VD_ARTIFACT_NAME_MAX + 1];
} local_model;
static void local_model_done(local_model *m)
{
    vd_buf_done(&m->yaml);
    vd_buf_done(&m->labels);
}
VD_AUTO_DEFINE(local_model, local_model_done)

/* "x.onnx" has "x.model.yaml" beside it; the descriptor itself is fine, too. */
static vd_err find_descriptor(const cli *c, local_model *m, vd_why *why)
{
    static const char end[] = ".onnx";
    char path[4096];
    vd_err err = model_path_of(c, cli_argument(c, 0), path, sizeof path, why);
    size_t len = err ? 0 : strlen(path);

    if (err) return err;
    if (len > strlen(end) && strcmp(path + len - strlen(end), end) == 0) len -= strlen(end);
    int used = snprintf(m->descriptor, sizeof m->descriptor, "%.*s%s", (int)len, path,
                        len < strlen(path) ? ".model.yaml" : "");
    if (used < 0 || (size_t)used >= sizeof m->descriptor)
        return vd_fail(why, VD_INVALID, "the model's path is too long");
    return vd_file_load(m->descriptor, &m->yaml, why);
}

static vd_err beside(const local_model *m, const char *name, char into[4096], vd_why *why)
{
    const char *slash = strrchr(m->descriptor, '/');
    int folder = slash ? (int)(slash - m->descriptor) + 1 : 0;

    if (!vd_artifact_title_ok(vd_slice_str(name)))
        return vd_fail(why, VD_INVALID, "'%.80s' in the descriptor is no plain file name", name);
    int used = snprintf(into, 4096, "%.*s%s", folder, m->descriptor, name);
    return used > 0 && used < 4096 ? VD_OK : vd_fail(why, VD_INVALID, "a path is too long");
}

static vd_err local_model_read(const cli *c, local_model *m, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    const char *name = "", *file = "", *labels = "";
    char path[4096];

    vd_err err = find_descriptor(c, m, why);
    if (!err) err = vd_config_parse(vd_buf_slice(&m->yaml), m->descriptor, &config, why);
    const vd_config_node *root = err ? NULL : vd_config_root(config);
    if (!err) err = vd_config_text(root, "name", &name, why);
    if (!err) err = vd_config_text(root, "file", &file, why);
    if (!err) err = vd_config_text(root, "classes_file", &labels, why);
    if (!err) err = beside(m, file, m->weights, why);
    if (!err && labels[0]) err = beside(m, labels, path, why);
    if (!err && labels[0]) err = vd_file_load(path, &m->labels, why);
    if (err) return err;
    if (cli_option(c, "name")) name = cli_option(c, "name");
    if (!vd_artifact_name_ok(vd_slice_str(name)) ||
        !vd_slice_to_chars(vd_slice_str(name), m->name, sizeof m->name)) {
        vd_fail(why, VD_INVALID, "'%.80s' is no name for the registry", name);
        vd_why_hint(why, "choose one with --name: words of a-z and 0-9 joined by . _ or -");
        return VD_INVALID;
    }
    return VD_OK;
}

static vd_err push_blob(api *a, const char *name, const char *file, vd_digest *ret_digest,
                        vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(2048);
    VD_AUTO(vd_buf) answer = VD_BUF(65536);

    vd_err err = vd_sha256_file(file, ret_digest, why);
    if (err) return err;
    vd_buf_addf(&path, "/v2/models/%s/blobs/uploads/?digest=sha256:%s", name, ret_digest->hex);
    return api_send_file(a, path.data, file, &answer, why);
}

/* --picture may be given again and again. */
static unsigned pictures_of(const cli *c, const char *into[PICTURES_MAX])
{
    unsigned count = 0;

    for (size_t n = 0; n < c->verb->option_count; n++)
        if (strcmp(c->verb->options[n].name, "picture") == 0)
            for (unsigned i = 0; i < c->args.count[n] && count < PICTURES_MAX; i++)
                into[count++] = c->args.value[n][i];
    return count;
}

static vd_err write_pictures(const cli *c, api *a, const char *name, vd_json_w *w, vd_why *why)
{
    const char *files[PICTURES_MAX];
    unsigned count = pictures_of(c, files);
    vd_digest digest;

    if (!count) return VD_OK;
    vd_json_w_key(w, "pictures");
    vd_json_w_list(w);
    for (unsigned n = 0; n < count; n++) {
        vd_err err = push_blob(a, name, files[n], &digest, why);
        if (err) return err;
        vd_json_w_text(w, digest.hex);
    }
    vd_json_w_list_end(w);
    return VD_OK;
}

static vd_err push(const cli *c, api *a, const local_model *m, vd_json **ret_root, vd_why *why)
{
    static const char *const passed[] = { "dataset", "parent", "note" };
    VD_AUTO(vd_buf) body = VD_BUF(REQUEST_BYTES);
    vd_json_w w = vd_json_writer(&body);
    vd_digest weights;

    vd_err err = push_blob(a, m->name, m->weights, &weights, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "weights", weights.hex);
    vd_json_w_kv_text(&w, "name", m->name);
    vd_json_w_kv_text(&w, "descriptor", m->yaml.data);
    if (m->labels.len) vd_json_w_kv_text(&w, "labels", m->labels.data);
    for (size_t n = 0; n < VD_COUNT_OF(passed); n++)
        if (cli_option(c, passed[n])) vd_json_w_kv_text(&w, passed[n], cli_option(c, passed[n]));
    err = write_pictures(c, a, m->name, &w, why);
    if (err) return err;
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the request is too large");
    return api_call(a, "POST", "/api/v1/models", vd_buf_slice(&body), ret_root, why);
}

vd_err run_model_push(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(local_model)
    m = { .yaml = VD_BUF(VD_ARTIFACT_DESCRIPTOR_BYTES),
          .labels = VD_BUF(VD_ARTIFACT_LABELS_BYTES) };

    vd_err err = local_model_read(c, &m, why);
    if (!err) err = api_open(&a, why);
    if (!err) err = push(c, a, &m, &root, why);
    if (!err) print_model(c, root);
    return err;
}

/* ---- deciding ---- */

static vd_err post(cli *c, const char *what, const vd_buf *body, vd_json **ret_root, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(2048);

    vd_err err = api_open(&a, why);
    if (!err) err = model_path(c, a, what, &path, why);
    return err ? err : api_call(a, "POST", path.data, vd_buf_slice(body), ret_root, why);
}

static vd_err write_options(const cli *c, const char *const *names, size_t count, bool force,
                            vd_buf *body)
{
    vd_json_w w = vd_json_writer(body);

    vd_json_w_object(&w);
    for (size_t n = 0; n < count; n++)
        if (cli_option(c, names[n])) vd_json_w_kv_text(&w, names[n], cli_option(c, names[n]));
    if (force) vd_json_w_kv_bool(&w, "force", true);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

vd_err run_model_promote(cli *c, vd_why *why)
{
    static const char *const names[] = { "dataset", "reason" };
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(65536);

    vd_err err = write_options(c, names, 2, cli_option(c, "force") != NULL, &body);
    if (!err) err = post(c, "/promote", &body, &root, why);
    if (!err)
        print_model(c, root);
    else if (root && c->json) /* refused: with the gate's figures */
        json_line(root);
    return err;
}

vd_err run_model_retire(cli *c, vd_why *why)
{
    static const char *const names[] = { "reason" };
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(65536);

    vd_err err = write_options(c, names, 1, false, &body);
    if (!err) err = post(c, "/retire", &body, &root, why);
    if (!err) print_model(c, root);
    return err;
}

vd_err run_model_compare(cli *c, vd_why *why)
{
    static const char *const names[] = { "dataset", "champion" };
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(65536);

    vd_err err = write_options(c, names, 2, false, &body);
    if (!err) err = post(c, "/compare", &body, &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    const vd_json *runs = vd_json_get(root, "runs");
    for (size_t n = 0; n < vd_json_len(runs); n++) puts(vd_json_text(vd_json_at(runs, n), ""));
    return VD_OK;
}
