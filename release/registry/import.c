/* import.c - a folder's models into the registry: what a site brings from before, or by hand. */
#include "registry_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/config.h"
#include "vd/file.h"
#include "vd/log.h"

#define SUFFIX      ".model.yaml"
#define CHUNK_BYTES (1u << 20)

/* A file of the folder beside the blobs, where taking it over is a rename. */
static vd_err bring(vd_registry *registry, const char *path, const vd_digest *digest, vd_why *why)
{
    VD_AUTO(vd_file) copy = VD_FILE_NONE;
    char place[REGISTRY_PATH];
    char *chunk = malloc(CHUNK_BYTES);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    (void)snprintf(place, sizeof place, "%s/body-import", registry->work_dir);
    vd_err err = from >= 0 && chunk ? vd_file_create(place, 0640, &copy, why)
                                    : vd_fail_errno(why, "'%s' cannot be read", path);
    while (!err && (got = read(from, chunk, CHUNK_BYTES)) > 0)
        err = vd_file_write(&copy, vd_slice_of(chunk, (size_t)got), why);
    if (!err && got < 0) err = vd_fail_errno(why, "'%s' cannot be read", path);
    if (!err) err = vd_blobs_take_file_as(registry->parts.blobs, copy.temp_path, digest, why);
    if (from >= 0) close(from);
    free(chunk);
    return err;
}

typedef struct {
    vd_buf yaml, labels;
    char weights[REGISTRY_PATH];
} found_model;
static void found_model_done(found_model *m)
{
    vd_buf_done(&m->yaml);
    vd_buf_done(&m->labels);
}
VD_AUTO_DEFINE(found_model, found_model_done)

static vd_err read_model(const char *dir, const char *name, found_model *m, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    char path[REGISTRY_PATH];
    const char *file = "", *labels = "";
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    vd_err err = vd_file_load(path, &m->yaml, why);
    if (!err) err = vd_config_parse(vd_buf_slice(&m->yaml), path, &config, why);
    if (err) return err;
    err = vd_config_text(vd_config_root(config), "file", &file, why);
    if (!err) err = vd_config_text(vd_config_root(config), "classes_file", &labels, why);
    if (err) return err;
    if (!vd_artifact_title_ok(vd_slice_str(file)) ||
        (labels[0] && !vd_artifact_title_ok(vd_slice_str(labels))))
        return vd_fail(why, VD_INVALID, "'%s' names no plain file", path);
    (void)snprintf(m->weights, sizeof m->weights, "%s/%s", dir, file);
    (void)snprintf(path, sizeof path, "%s/%s", dir, labels);
    return labels[0] ? vd_file_load(path, &m->labels, why) : VD_OK;
}

static bool is_known(vd_registry *registry, const vd_digest *digest)
{
    vd_model_row row;
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_err err = vd_registry_find(store, digest->hex, &row, NULL);
    vd_store_pool_give(registry->parts.readers, store);
    return !err;
}

static vd_err import_one(vd_registry *registry, const char *dir, const char *name, const char *who,
                         bool *ret_made, vd_why *why)
{
    VD_AUTO(found_model)
    m = { .yaml = VD_BUF(VD_ARTIFACT_DESCRIPTOR_BYTES),
          .labels = VD_BUF(VD_ARTIFACT_LABELS_BYTES) };
    vd_model_new fresh = { .who = who };
    *ret_made = false;
    vd_err err = read_model(dir, name, &m, why);
    if (!err) err = vd_sha256_file(m.weights, &fresh.weights, why);
    if (err || is_known(registry, &fresh.weights)) return err;
    err = bring(registry, m.weights, &fresh.weights, why);
    fresh.descriptor = vd_buf_slice(&m.yaml);
    fresh.labels = vd_buf_slice(&m.labels);
    return err ? err : vd_registry_register(registry, &fresh, ret_made, why);
}

static int is_descriptor(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = strlen(SUFFIX);
    return entry->d_name[0] != '.' && len > end && strcmp(entry->d_name + len - end, SUFFIX) == 0;
}

vd_err vd_registry_import(vd_registry *registry, const char *dir, const char *who,
                          unsigned *ret_count, vd_why *why)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_descriptor, alphasort);
    *ret_count = 0;
    if (count < 0) return vd_fail_errno(why, "the folder of models '%s' cannot be read", dir);
    for (int n = 0; n < count; n++) {
        vd_why reason = { 0 };
        bool made = false;
        if (import_one(registry, dir, entries[n]->d_name, who, &made, &reason))
            vd_log_why(VD_LOG_WARN, "model.refused", "a model of the folder is not registered",
                       &reason, "file", entries[n]->d_name, NULL);
        *ret_count += made;
        free(entries[n]);
    }
    free(entries);
    return VD_OK;
}
