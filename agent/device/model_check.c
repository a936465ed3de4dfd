/* model_check.c - the self-test: does the model see on its reference pictures what it saw when it
 * was released? Runs in a process of its own, see model_test.c. */
#include <stdio.h>
#include <stdlib.h>

#include "inference.h"
#include "models_priv.h"
#include "reference.h"
#include "vd/file.h"

/* Dots and slashes at the end do not matter: the last word is the manifest. */
static vd_err split_folder(const char *folder, char dir[MODEL_PATH_ROOM], char manifest[65],
                           vd_why *why)
{
    size_t len = strlen(folder);
    const char *slash;

    while (len && folder[len - 1] == '/') len--;
    if (!vd_slice_to_chars(vd_slice_of(folder, len), dir, MODEL_PATH_ROOM))
        return vd_fail(why, VD_INVALID, "the folder's name is too long");
    slash = strrchr(dir, '/');
    if (!slash || strlen(slash + 1) != VD_SHA256_HEX)
        return vd_fail(why, VD_INVALID, "'%.100s' is no installed model", folder);
    memcpy(manifest, slash + 1, VD_SHA256_HEX + 1);
    dir[slash - dir] = '\0';
    return VD_OK;
}

static vd_err compare(const vd_model *model, const vd_reference *reference, unsigned n,
                      const vd_detections *found, vd_why *why)
{
    vd_reference_box seen[VD_DETECTIONS_MAX];

    for (unsigned i = 0; i < found->count; i++) {
        const vd_detection *d = &found->item[i];
        seen[i] = (vd_reference_box){
            .class_name = vd_model_class_name(model, d->class_id),
            .score = (double)d->score,
            .box = { (double)d->box.l, (double)d->box.t, (double)d->box.w, (double)d->box.h },
        };
    }
    return vd_reference_compare(reference, n, seen, found->count, why);
}

static vd_err check_picture(vd_model *model, const vd_reference *reference, unsigned n,
                            vd_detections *found, vd_why *why)
{
    vd_frame *frame = NULL;
    vd_err err = vd_frame_from_jpeg(reference->pictures[n].jpeg, &frame, why);

    if (!err) err = vd_model_run(model, frame, found, why);
    if (!err) err = compare(model, reference, n, found, why);
    vd_frame_unref(frame);
    return err;
}

static vd_err check_pictures(vd_model *model, vd_slice json, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_REFERENCE_ARENA_BYTES);
    vd_detections *found = calloc(1, sizeof *found);
    vd_reference reference;
    vd_err err = VD_OK;

    if (!arena || !found) err = vd_fail(why, VD_FULL, "memory ends");
    if (!err) err = vd_reference_read(json, arena, &reference, why);
    for (unsigned n = 0; !err && n < reference.picture_count; n++)
        err = check_picture(model, &reference, n, found, why);
    free(found);
    return err;
}

static vd_err check_references(vd_model *model, const char *folder, const model_artifact *artifact,
                               vd_why *why)
{
    VD_AUTO(vd_buf) json = VD_BUF(VD_ARTIFACT_REFERENCE_BYTES);
    char path[MODEL_PATH_ROOM + VD_ARTIFACT_TEXT_MAX + 2];

    if (!artifact->part[VD_ARTIFACT_REFERENCE]) return VD_OK;
    snprintf(path, sizeof path, "%s/%s", folder, model_file_name(artifact, VD_ARTIFACT_REFERENCE));
    vd_err err = vd_file_load(path, &json, why);
    return err ? err : check_pictures(model, vd_buf_slice(&json), why);
}

vd_err vd_models_check(const char *folder, const vd_model_options *options,
                       void (*step)(const char *step), vd_why *why)
{
    VD_AUTO(model_artifact) artifact = { 0 };
    char dir[MODEL_PATH_ROOM], manifest[VD_SHA256_HEX + 1], path[VD_MODELS_PATH_ROOM];
    vd_model *model = NULL;

    vd_err err = split_folder(folder, dir, manifest, why);
    if (!err) err = model_read_installed(dir, manifest, &artifact, why);
    if (!err) err = model_descriptor_path(dir, manifest, path, why);
    if (err) return err;
    step("warming");
    err = vd_model_load(path, options, &model, why);
    if (!err &&
        strcmp(vd_model_digest(model)->hex, artifact.part[VD_ARTIFACT_WEIGHTS]->digest.hex) != 0)
        err = vd_fail(why, VD_CORRUPT, "the descriptor names another file than the model's");
    step("testing");
    if (!err) err = check_references(model, folder, &artifact, why);
    vd_model_free(model);
    return err;
}
