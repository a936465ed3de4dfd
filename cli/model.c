/* model.c - models of a folder: NAME.onnx with NAME.model.yaml beside it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_priv.h"
#include "inference.h"

#define SUFFIX     ".model.yaml"
#define MODELS_MAX 1000

const char *models_dir(const cli *c)
{
    const char *given = cli_option(c, "models");

    if (given) return given;
    return access("var/models", R_OK) == 0 ? "var/models" : "/var/lib/vedette/models";
}

vd_err model_path_of(const cli *c, const char *name, char *into, size_t room, vd_why *why)
{
    static const char *const ends[] = { ".onnx", SUFFIX };
    int len = snprintf(into, room, "%s", name);

    if (len > 0 && (size_t)len < room && access(into, R_OK) == 0) return VD_OK;
    for (size_t i = 0; i < VD_COUNT_OF(ends); i++) {
        len = snprintf(into, room, "%s/%s%s", models_dir(c), name, ends[i]);
        if (len > 0 && (size_t)len < room && access(into, R_OK) == 0) return VD_OK;
    }
    vd_fail(why, VD_ABSENT, "there is no model '%s'", name);
    vd_why_detail(why, "neither that file nor %s/%s.onnx", models_dir(c), name);
    vd_why_hint(why, "'vedette model list' shows what is there; 'vedette model import' brings one");
    return VD_ABSENT;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_descriptor(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = strlen(SUFFIX);

    return len > end && strcmp(entry->d_name + len - end, SUFFIX) == 0;
}

static void list_one(vd_json_w *w, const char *dir, const char *file)
{
    char name[256], path[4352];
    struct stat st;
    vd_digest digest;
    vd_why why = { 0 };

    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(SUFFIX)), file);
    snprintf(path, sizeof path, "%s/%s.onnx", dir, name);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", name);
    vd_json_w_kv_text(w, "path", path);
    if (stat(path, &st) == 0 && !vd_sha256_file(path, &digest, &why)) {
        vd_json_w_kv_int(w, "bytes", st.st_size);
        vd_json_w_kv_text(w, "digest", digest.hex);
    } else {
        vd_json_w_kv_text(w, "why", "the model's file is missing");
    }
    vd_json_w_object_end(w);
}

vd_err run_model_list(cli *c, vd_why *why)
{
    if (cli_option(c, "hub")) return hub_model_list(c, why);

    static const column columns[] = {
        { "MODEL", "name" }, { "BYTES", "bytes" }, { "DIGEST", "digest" }, { "WHY NOT", "why" }
    };
    VD_AUTO(vd_buf) text = VD_BUF(API_BYTES);
    vd_json_w w = vd_json_writer(&text);
    struct dirent **entries = NULL;
    const char *dir = models_dir(c);

    int count = scandir(dir, &entries, is_descriptor, by_name);
    if (count < 0) {
        vd_fail_errno(why, "the folder %s cannot be read", dir);
        vd_why_hint(why, "name another with --models DIR");
        return VD_ABSENT;
    }
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "folder", dir);
    vd_json_w_key(&w, "models");
    vd_json_w_list(&w);
    for (int i = 0; i < count; i++) {
        if (i < MODELS_MAX) list_one(&w, dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    return err ? err : doc_print(&text, columns, VD_COUNT_OF(columns), c->json, "models", why);
}

static vd_err show_model(const cli *c, const vd_model *model, const char *path, vd_why *why)
{
    static const column fields[] = {
        { "model", "name" },          { "path", "path" },           { "digest", "digest" },
        { "threshold", "score_min" }, { "classes", "class_count" },
    };
    VD_AUTO(vd_buf) text = VD_BUF(API_BYTES);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "name", vd_model_name(model));
    vd_json_w_kv_text(&w, "path", path);
    vd_json_w_kv_text(&w, "digest", vd_model_digest(model)->hex);
    vd_json_w_kv_num(&w, "score_min", (double)vd_model_score_min(model), 4);
    vd_json_w_kv_int(&w, "class_count", vd_model_class_count(model));
    vd_json_w_key(&w, "classes");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < vd_model_class_count(model); i++)
        vd_json_w_text(&w, vd_model_class_name(model, i));
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (!err) err = doc_print(&text, fields, VD_COUNT_OF(fields), c->json, NULL, why);
    for (unsigned i = 0; !err && !c->json && i < vd_model_class_count(model); i++)
        printf("%s%s", i ? ", " : "\n", vd_model_class_name(model, i));
    if (!err && !c->json) putchar('\n');
    return err;
}

vd_err run_model_show(cli *c, vd_why *why)
{
    if (cli_option(c, "hub")) return hub_model_show(c, why);

    char path[4096];
    vd_model *model = NULL;
    vd_model_options options = { .threads = 1 };

    vd_err err = model_path_of(c, cli_argument(c, 0), path, sizeof path, why);
    if (!err) err = vd_model_load(path, &options, &model, why);
    if (!err) err = show_model(c, model, path, why);
    if (model) vd_model_free(model);
    return err;
}
