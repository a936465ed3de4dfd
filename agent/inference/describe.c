/* A descriptor for others than the runtime. */
#include "model_descriptor_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "inference.h"

struct vd_descriptor {
    model_descriptor descriptor;
    vd_descriptor_facts facts;
};

static void fill(vd_descriptor *d)
{
    static const char *const activations[] = { "none", "softmax", "sigmoid" };
    const model_descriptor *from = &d->descriptor;
    d->facts = (vd_descriptor_facts){
        .name = from->name,
        .file = from->file,
        .input = from->input,
        .output = from->output[ROLE_MAIN],
        .decode = model_decode_name(from->decode),
        .activation = activations[from->activation],
        .background = from->background,
        .tensor = from->tensor,
        .classes = from->class_name,
        .class_count = from->class_count,
        .score_min = from->score_min,
        .nms_iou = from->nms_iou,
        .chain = &from->chain,
    };
}

vd_err vd_descriptor_load(const char *path, vd_descriptor **ret_descriptor, vd_why *why)
{
    char file[1024];
    size_t len = strlen(path);
    bool onnx = len > 5 && strcmp(path + len - 5, ".onnx") == 0;
    int used = snprintf(file, sizeof(file), "%.*s%s", (int)(onnx ? len - 5 : len), path,
                        onnx ? ".model.yaml" : "");
    if (used < 0 || (size_t)used >= sizeof(file))
        return vd_fail(why, VD_INVALID, "the path of the model is too long");
    vd_descriptor *d = calloc(1, sizeof(*d));
    if (!d) return vd_fail(why, VD_FULL, "there is no memory for a descriptor");
    vd_err err = model_descriptor_load(file, &d->descriptor, why);
    if (err) {
        free(d);
        return err;
    }
    fill(d);
    *ret_descriptor = d;
    return VD_OK;
}

vd_descriptor *vd_descriptor_free(vd_descriptor *d)
{
    if (d) model_descriptor_done(&d->descriptor);
    free(d);
    return NULL;
}

const vd_descriptor_facts *vd_descriptor_facts_of(const vd_descriptor *descriptor)
{
    return &descriptor->facts;
}
