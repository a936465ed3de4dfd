/* model_import.c - another house's model into a folder of models. It is converted aside, loaded
 * there as the agent would load it, and moved into its place only then. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_priv.h"
#include "convert.h"
#include "inference.h"
#include "vd/config.h"

typedef struct {
    char path[1024]; /* "" until it is made */
} aside;

static void aside_done(aside *a)
{
    DIR *dir = a->path[0] ? opendir(a->path) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir) closedir(dir);
    if (a->path[0]) rmdir(a->path);
}
VD_AUTO_DEFINE(aside, aside_done)

static vd_err aside_make(const char *out, aside *a, vd_why *why)
{
    vd_err err = vd_dir_make(out, 0755, why);
    if (err) return err;
    int len = snprintf(a->path, sizeof a->path, "%s/.import-XXXXXX", out);
    if (len > 0 && (size_t)len < sizeof a->path - 300 && mkdtemp(a->path)) return VD_OK;
    a->path[0] = '\0';
    return vd_fail_errno(why, "no folder can be made in %s", out);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A descriptor that was given may name a file of classes beside it; "" when it does not. */
static vd_err take_classes(const char *descriptor, const char *into, char name[256], vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    char path[4096];
    const char *file = "";

    name[0] = '\0';
    if (!descriptor) return VD_OK;
    vd_err err = vd_config_load(descriptor, &config, why);
    if (!err) err = vd_config_text(vd_config_root(config), "classes_file", &file, why);
    if (err || !file[0] || strchr(file, '/') || strlen(file) > 255) return err;
    snprintf(path, sizeof path, "%.*s%s", (int)(base_of(descriptor) - descriptor), descriptor,
             file);
    err = vd_file_load(path, &text, why);
    snprintf(path, sizeof path, "%s/%s", into, file);
    if (!err) err = vd_file_save(path, 0644, vd_buf_slice(&text), why);
    snprintf(name, 256, "%s", file);
    return err;
}

/* Without ONNX Runtime the descriptor alone can be checked. */
static vd_err check(const vd_convert_result *result, vd_why *why)
{
    vd_model *model = NULL;
    vd_model_options options = { .threads = 1 };
    VD_AUTO(vd_buf) yaml = VD_BUF(1 << 20);

    vd_err err = vd_model_load(result->descriptor_path, &options, &model, why);
    if (model) vd_model_free(model);
    if (err != VD_ABSENT) return err;
    err = vd_file_load(result->descriptor_path, &yaml, why);
    return err ? err : vd_model_descriptor_check(vd_buf_slice(&yaml), "the descriptor", why);
}

static vd_err move_in(const char *out, char *path, size_t room, vd_why *why)
{
    char place[VD_CONVERT_PATH_ROOM];

    int len = snprintf(place, sizeof place, "%s/%s", out, base_of(path));
    if (len < 0 || (size_t)len >= sizeof place || (size_t)len >= room)
        return vd_fail(why, VD_INVALID, "the path of the folder is too long");
    if (rename(path, place) != 0) return vd_fail_errno(why, "%s cannot be put in place", place);
    memcpy(path, place, (size_t)len + 1);
    return VD_OK;
}

static vd_err publish(const char *out, const aside *a, const char *classes,
                      vd_convert_result *result, vd_why *why)
{
    char path[4096];
    vd_err err = VD_OK;

    if (classes[0]) {
        snprintf(path, sizeof path, "%s/%s", a->path, classes);
        err = move_in(out, path, sizeof path, why);
    }
    if (!err) err = move_in(out, result->model_path, sizeof result->model_path, why);
    if (!err) err = move_in(out, result->descriptor_path, sizeof result->descriptor_path, why);
    return err;
}

static vd_err print_result(const cli *c, const vd_convert_result *result, vd_why *why)
{
    static const column fields[] = {
        { "model", "model" },   { "descriptor", "descriptor" },
        { "digest", "digest" }, { "made from", "source_digest" },
        { "nodes", "nodes" },
    };
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "model", result->model_path);
    vd_json_w_kv_text(&w, "descriptor", result->descriptor_path);
    vd_json_w_kv_text(&w, "digest", result->model_digest.hex);
    vd_json_w_kv_text(&w, "source_digest", result->source_digest.hex);
    vd_json_w_kv_int(&w, "nodes", result->node_count);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    return err ? err : doc_print(&text, fields, VD_COUNT_OF(fields), c->json, NULL, why);
}

vd_err run_model_import(cli *c, vd_why *why)
{
    VD_AUTO(aside) a = { "" };
    char classes[256] = "";
    vd_convert_options options = { .name = cli_option(c, "name"),
                                   .descriptor = cli_option(c, "descriptor"),
                                   .labels = cli_option(c, "labels"),
                                   .outputs = cli_option(c, "outputs") };
    vd_convert_result result;
    const char *out = cli_option(c, "out") ? cli_option(c, "out") : models_dir(c);

    vd_err err = aside_make(out, &a, why);
    if (!err) err = vd_convert_model(cli_argument(c, 0), a.path, &options, &result, why);
    if (!err) err = take_classes(options.descriptor, a.path, classes, why);
    if (!err) err = check(&result, why);
    if (!err) err = publish(out, &a, classes, &result, why);
    return err ? err : print_result(c, &result, why);
}
