/* model_stub_priv.h - a model of two classes for tests: names only, no inference. */
#ifndef VD_MODEL_STUB_PRIV_H
#define VD_MODEL_STUB_PRIV_H
#include "vocabulary_stub_priv.h"

#define STUB_MODEL stub_model()

static inline const vd_vocabulary *stub_model(void)
{
    static const char *const classes[] = { "person", "bicycle" };
    static vd_vocabulary *words;
    return words_stub(&words, '7', classes, VD_COUNT_OF(classes), 0.4f);
}
#endif
