/* model_stub_priv.h - a model of two classes for the tests of events: names only, no inference.
 * Include once per test program. */
#ifndef VD_MODEL_STUB_PRIV_H
#define VD_MODEL_STUB_PRIV_H
#include "rules.h"

#define STUB_MODEL ((const vd_model *)"stub")
static const char *const stub_classes[] = { "person", "bicycle" };

const char *vd_model_name(const vd_model *model)
{
    return (const char *)model;
}

unsigned vd_model_class_count(const vd_model *model)
{
    return model ? VD_COUNT_OF(stub_classes) : 0;
}

const char *vd_model_class_name(const vd_model *model, unsigned class_id)
{
    return class_id < vd_model_class_count(model) ? stub_classes[class_id] : NULL;
}

int vd_model_class_find(const vd_model *model, const char *name)
{
    for (unsigned i = 0; i < vd_model_class_count(model); i++)
        if (strcmp(stub_classes[i], name) == 0) return (int)i;
    return -1;
}

const vd_digest *vd_model_digest(const vd_model *model)
{
    static const vd_digest digest = {
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    };
    return model ? &digest : NULL;
}

float vd_model_score_min(const vd_model *model)
{
    return model ? 0.4f : 1;
}
#endif
