/* vocabulary_stub_priv.h - vocabularies of one model for tests: names only, no inference. */
#ifndef VD_VOCABULARY_STUB_PRIV_H
#define VD_VOCABULARY_STUB_PRIV_H
#include <stdlib.h>

#include "vocabulary.h"

/* The digest is `letter`, 64 times. Kept in *words, made on first use. */
static inline const vd_vocabulary *words_stub(vd_vocabulary **words, char letter,
                                              const char *const *classes, unsigned class_count,
                                              float score_min)
{
    vd_vocabulary_part part = { .id = "main",
                                .name = "stub",
                                .score_min = score_min,
                                .classes = classes,
                                .class_count = class_count };
    memset(part.digest.hex, letter, VD_SHA256_HEX);
    if (!*words && vd_vocabulary_new(&part, 1, words)) abort();
    return *words;
}
#endif
