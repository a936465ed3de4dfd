/* tiny_testing_priv.h - graphs of a few thousand numbers and pictures of squares, for tests
 * that train for a second. */
#ifndef VD_TINY_TESTING_PRIV_H
#define VD_TINY_TESTING_PRIV_H
#include "trainer.h"

typedef struct {
    char folder[64], manifest[128], pictures[128], model[128];
} tiny;

/* A set of pictures (train, val) in `folder`; tasks: a CenterNet that knows "square" and "other",
 * or a classifier of 2 classes. `change`: a node's operation that is written as another (NULL:
 * none); `ruin`: one weight is no number. */
typedef struct {
    bool classifier, ruin;
    unsigned train, val;
    const char *from_op, *to_op;
    const char *chain; /* of the model; NULL: none */
} tiny_options;
tiny tiny_make(const char *folder, const tiny_options *options);
trainer_settings tiny_settings(void);
#endif
