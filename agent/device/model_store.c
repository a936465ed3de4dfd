/* model_store.c - layers and installed models on disk. An installed folder is put together beside
 * and renamed: one that can be seen is whole. Its files are links to the layers' blobs, so a layer
 * that two models share is there once, and one that no model links any more can go. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

#define MANIFEST_FILE "manifest.json"
#define NEW_FOLDER    ".new"

void model_artifact_done(model_artifact *model)
{
    vd_buf_done(&model->manifest);
    model->arena = vd_arena_free(model->arena);
}

vd_err model_artifact_read(vd_slice manifest, model_artifact *ret_model, vd_why *why)
{
    model_artifact model = { .manifest = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES) };
    vd_err err = VD_OK;

    model.arena = vd_arena_new(MODEL_ARENA_BYTES);
    if (!model.arena || !vd_buf_add(&model.manifest, manifest))
        err = vd_fail(why, VD_FULL, "there is no memory for the manifest");
    if (!err) err = vd_artifact_read(manifest, model.arena, &model.artifact, why);
    if (!err) err = vd_artifact_model(&model.artifact, model.part, why);
    if (err)
        model_artifact_done(&model);
    else
        *ret_model = model;
    return err;
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at, (void)flag, (void)walk;
    return remove(path);
}

static void remove_folder(const char *path)
{
    (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *model_file_name(const model_artifact *model, vd_artifact_part part)
{
    static const char *const usual[VD_ARTIFACT_PARTS] = { "weights.onnx", "labels.txt",
                                                          "descriptor.model.yaml",
                                                          "calibration.json", "reference.json" };
    const char *title = model->part[part]->title;

    return title ? title : usual[part];
}

static vd_err link_layer(vd_models *m, const char *folder, const model_artifact *model,
                         vd_artifact_part part, vd_why *why)
{
    const vd_artifact_item *item = model->part[part];
    const char *name = model_file_name(model, part);
    char from[MODEL_PATH_ROOM], to[MODEL_PATH_ROOM + VD_ARTIFACT_TEXT_MAX + 2];

    if (!vd_artifact_title_ok(vd_slice_str(name)) || strcmp(name, MANIFEST_FILE) == 0)
        return vd_fail(why, VD_INVALID, "a layer of the model has no usable file name");
    vd_err err = vd_blobs_path(m->layers, &item->digest, from, sizeof from, NULL);
    if (err) return vd_fail(why, err, "the layer %.12s is not there", item->digest.hex);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    if (vd_link(from, to) == 0) return VD_OK;
    return vd_fail_errno(why, "the layer '%.60s' cannot be installed", name);
}

vd_err model_install(vd_models *m, const char *manifest, const model_artifact *model, vd_why *why)
{
    char folder[MODEL_PATH_ROOM], final[MODEL_PATH_ROOM], file[MODEL_PATH_ROOM + 32];

    snprintf(folder, sizeof folder, "%s/" NEW_FOLDER, m->dir);
    snprintf(final, sizeof final, "%s/%s", m->dir, manifest);
    snprintf(file, sizeof file, "%s/%s", folder, MANIFEST_FILE);
    remove_folder(folder);
    vd_err err = vd_dir_make(folder, 0750, why);
    for (unsigned i = 0; !err && i < VD_ARTIFACT_PARTS; i++)
        if (model->part[i]) err = link_layer(m, folder, model, i, why);
    if (!err) err = vd_file_save(file, 0640, vd_buf_slice(&model->manifest), why);
    if (!err && vd_rename(folder, final) != 0)
        err = vd_fail_errno(why, "the model cannot be put in place");
    if (!err) err = vd_dir_sync_of(final, why);
    if (err) remove_folder(folder);
    return err;
}

vd_err model_read_installed(const char *dir, const char *manifest, model_artifact *ret_model,
                            vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    char path[MODEL_PATH_ROOM];

    snprintf(path, sizeof path, "%s/%s/%s", dir, manifest, MANIFEST_FILE);
    vd_err err = vd_file_load(path, &text, why);
    if (!err && strcmp(vd_sha256(vd_buf_slice(&text)).hex, manifest) != 0)
        err = vd_fail(why, VD_CORRUPT, "the installed manifest %.12s is damaged", manifest);
    return err ? err : model_artifact_read(vd_buf_slice(&text), ret_model, why);
}

static bool layer_good(const char *dir, const char *manifest, const model_artifact *model,
                       vd_artifact_part part)
{
    char path[MODEL_PATH_ROOM];
    vd_digest have;

    snprintf(path, sizeof path, "%s/%s/%s", dir, manifest, model_file_name(model, part));
    return !vd_sha256_file(path, &have, NULL) &&
           strcmp(have.hex, model->part[part]->digest.hex) == 0;
}

bool model_installed(vd_models *m, const char *manifest)
{
    VD_AUTO(model_artifact) model = { 0 };
    char folder[MODEL_PATH_ROOM];
    bool good;

    snprintf(folder, sizeof folder, "%s/%s", m->dir, manifest);
    if (access(folder, F_OK)) return false;
    good = !model_read_installed(m->dir, manifest, &model, NULL);
    for (unsigned i = 0; good && i < VD_ARTIFACT_PARTS; i++) {
        if (!model.part[i] || layer_good(m->dir, manifest, &model, i)) continue;
        good = false;
        if (vd_blobs_delete(m->layers, &model.part[i]->digest, NULL)) continue; /* same bytes */
    }
    if (!good) remove_folder(folder);
    return good;
}

vd_err model_descriptor_path(const char *dir, const char *manifest, char into[VD_MODELS_PATH_ROOM],
                             vd_why *why)
{
    VD_AUTO(model_artifact) model = { 0 };
    vd_err err = model_read_installed(dir, manifest, &model, why);

    if (err) return err;
    int used = snprintf(into, VD_MODELS_PATH_ROOM, "%s/%s/%s", dir, manifest,
                        model_file_name(&model, VD_ARTIFACT_DESCRIPTOR));
    if (used < VD_MODELS_PATH_ROOM) return VD_OK;
    return vd_fail(why, VD_INVALID, "the models' folder has too long a name");
}

/* ---- what nobody needs ---- */

static bool is_manifest(const char *name)
{
    return strlen(name) == VD_SHA256_HEX && strspn(name, "0123456789abcdef") == VD_SHA256_HEX;
}

static void sweep_installed(vd_models *m, const char *keep, const char *keep_too)
{
    char path[MODEL_PATH_ROOM];
    struct dirent *entry;
    DIR *folder = opendir(m->dir);

    while (folder && (entry = readdir(folder))) {
        bool installed = is_manifest(entry->d_name);
        if (!installed && strcmp(entry->d_name, NEW_FOLDER) != 0) continue;
        if (strcmp(entry->d_name, keep) == 0 || strcmp(entry->d_name, keep_too) == 0) continue;
        snprintf(path, sizeof path, "%s/%s", m->dir, entry->d_name);
        remove_folder(path);
    }
    if (folder) closedir(folder);
}

static int sweep_layer(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)walk;
    if (flag == FTW_F && at->st_nlink == 1) (void)unlink(path);
    return 0;
}

void model_sweep(vd_models *m, const char *keep, const char *keep_too)
{
    char layers[MODEL_PATH_ROOM];

    sweep_installed(m, keep, keep_too);
    snprintf(layers, sizeof layers, "%s/layers", m->dir);
    (void)nftw(layers, sweep_layer, 8, FTW_PHYS); /* parts have one link, too */
}
