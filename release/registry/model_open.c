/* model_open.c - the files of a model, which are blobs, laid out as inference wants them. */
#include "registry_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/config.h"
#include "vd/file.h"

#define ORT_THREADS 2

vd_err blob_load(vd_registry *registry, const vd_digest *digest, vd_buf *into, vd_why *why)
{
    char path[REGISTRY_PATH];
    if (vd_blobs_path(registry->parts.blobs, digest, path, sizeof path, NULL))
        return vd_fail(why, VD_ABSENT, "there is no file sha256:%s", digest->hex);
    return vd_file_load(path, into, why);
}

/* The names that the descriptor gives its files, and its own. */
static vd_err read_names(vd_slice descriptor, opened_model *m, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    const char *name = "", *file = "", *labels = "";
    vd_err err = vd_config_parse(descriptor, "the descriptor", &config, why);
    if (err) return err;
    const vd_config_node *root = vd_config_root(config);
    err = vd_config_text(root, "name", &name, why);
    if (!err) err = vd_config_text(root, "file", &file, why);
    if (!err) err = vd_config_text(root, "classes_file", &labels, why);
    if (err) return err;
    if (!vd_artifact_title_ok(vd_slice_str(file)) ||
        (labels[0] && !vd_artifact_title_ok(vd_slice_str(labels))))
        return vd_fail(why, VD_INVALID, "the descriptor's 'file' must be a plain file name");
    if (vd_artifact_name_ok(vd_slice_str(name)))
        vd_slice_to_chars(vd_slice_str(name), m->name, sizeof m->name);
    vd_slice_to_chars(vd_slice_str(file), m->weights_title, sizeof m->weights_title);
    vd_slice_to_chars(vd_slice_str(labels), m->labels_title, sizeof m->labels_title);
    return VD_OK;
}

typedef struct {
    char dir[REGISTRY_PATH / 2];
    char weights[REGISTRY_PATH], labels[REGISTRY_PATH], descriptor[REGISTRY_PATH];
} layout;

static void layout_done(layout *l)
{
    if (!l->dir[0]) return;
    (void)unlink(l->weights);
    (void)unlink(l->labels);
    (void)unlink(l->descriptor);
    (void)rmdir(l->dir);
}
VD_AUTO_DEFINE(layout, layout_done)

static vd_err lay_out(vd_registry *registry, const opened_model *m, const vd_digest *weights,
                      vd_slice descriptor, vd_slice labels, layout *l, vd_why *why)
{
    char blob[REGISTRY_PATH];
    int used = snprintf(l->dir, sizeof l->dir, "%s/open-XXXXXX", registry->work_dir);
    if (used < 0 || (size_t)used >= sizeof l->dir || !mkdtemp(l->dir)) {
        l->dir[0] = '\0';
        return vd_fail_errno(why, "no folder can be made to open a model");
    }
    (void)snprintf(l->weights, sizeof l->weights, "%.2000s/%.255s", l->dir, m->weights_title);
    (void)snprintf(l->labels, sizeof l->labels, "%.2000s/%.255s", l->dir,
                   m->labels_title[0] ? m->labels_title : ".none");
    (void)snprintf(l->descriptor, sizeof l->descriptor, "%.2000s/.model.yaml", l->dir);
    if (vd_blobs_path(registry->parts.blobs, weights, blob, sizeof blob, NULL))
        return vd_fail(why, VD_ABSENT, "there are no weights sha256:%s", weights->hex);
    if (link(blob, l->weights) != 0) return vd_fail_errno(why, "the weights cannot be opened");
    vd_err err = m->labels_title[0] ? vd_file_save(l->labels, 0640, labels, why) : VD_OK;
    return err ? err : vd_file_save(l->descriptor, 0640, descriptor, why);
}

vd_err model_open(vd_registry *registry, const vd_digest *weights, vd_slice descriptor,
                  vd_slice labels, opened_model *ret_opened, vd_why *why)
{
    VD_AUTO(layout) l = { .dir = "" };
    opened_model m = { 0 };
    const vd_model_options options = { .threads = ORT_THREADS };
    vd_err err = read_names(descriptor, &m, why);
    if (!err && strcmp(m.labels_title, m.weights_title) == 0)
        err = vd_fail(why, VD_INVALID, "the descriptor gives two files the same name");
    if (!err) err = lay_out(registry, &m, weights, descriptor, labels, &l, why);
    if (!err) err = vd_model_load(l.descriptor, &options, &m.model, why);
    if (err) return err;
    if (strcmp(vd_model_digest(m.model)->hex, weights->hex) != 0) {
        vd_model_free(m.model);
        return vd_fail(why, VD_CORRUPT, "the file of sha256:%s has changed", weights->hex);
    }
    *ret_opened = m;
    return VD_OK;
}

vd_err model_open_row(vd_registry *registry, const vd_model_row *row, vd_model **ret_model,
                      vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_ARTIFACT_MANIFEST_BYTES);
    VD_AUTO(vd_buf) body = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    VD_AUTO(vd_buf) descriptor = VD_BUF(VD_ARTIFACT_DESCRIPTOR_BYTES);
    VD_AUTO(vd_buf) labels = VD_BUF(VD_ARTIFACT_LABELS_BYTES);
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    char repository[80], reference[80], type[VD_ARTIFACT_TEXT_MAX + 1];
    vd_digest digest;
    vd_artifact a;
    opened_model m = { 0 };
    if (!arena) return vd_fail(why, VD_FULL, "no memory for a model");
    (void)snprintf(repository, sizeof repository, "models/%s", row->name);
    (void)snprintf(reference, sizeof reference, "sha256:%s", row->manifest.hex);
    vd_err err = vd_oci_manifest_get(registry, repository, reference, &body, type, &digest, why);
    if (!err) err = vd_artifact_read(vd_buf_slice(&body), arena, &a, why);
    if (!err) err = vd_artifact_model(&a, parts, why);
    if (!err) err = blob_load(registry, &parts[VD_ARTIFACT_DESCRIPTOR]->digest, &descriptor, why);
    if (!err) err = blob_load(registry, &parts[VD_ARTIFACT_LABELS]->digest, &labels, why);
    if (!err)
        err = model_open(registry, &row->digest, vd_buf_slice(&descriptor), vd_buf_slice(&labels),
                         &m, why);
    if (!err) *ret_model = m.model;
    return err;
}
