/* model_kit_priv.h - what the tests with real models share. */
#ifndef VD_MODEL_KIT_PRIV_H
#define VD_MODEL_KIT_PRIV_H
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inference.h"
#include "vd/file.h"
#include "vd/test.h"

enum { SKIPPED = 77 };

static char work_folder[] = "/tmp/vedette-model-XXXXXX";

static inline const char *work_path(const char *name)
{
    static char paths[4][512];
    static unsigned turn;
    char *into = paths[turn++ % 4];
    snprintf(into, 512, "%s/%s", work_folder, name);
    return into;
}

static inline int work_remove(const char *path, const struct stat *at, int type, struct FTW *where)
{
    (void)at, (void)type, (void)where;
    return remove(path);
}

static inline int work_begin(void **state)
{
    (void)state;
    return mkdtemp(work_folder) ? 0 : -1;
}

static inline int work_end(void **state)
{
    (void)state;
    return nftw(work_folder, work_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *source_root(void)
{
    const char *root = getenv("VEDETTE_SOURCE_ROOT");
    return root ? root : ".";
}

static inline vd_model *load_model(const char *path)
{
    vd_model *model = NULL;
    vd_why why = { 0 };
    char line[800];
    vd_model_options options = { .threads = 2 };
    vd_err err = vd_model_load(path, &options, &model, &why);
    if (err) print_error("%s\n", vd_why_line(&why, line, sizeof(line)));
    expect_ok(err);
    return model;
}

static inline float box_iou(const vd_box *a, const vd_box *b)
{
    float r = a->l + a->w < b->l + b->w ? a->l + a->w : b->l + b->w;
    float d = a->t + a->h < b->t + b->h ? a->t + a->h : b->t + b->h;
    float w = r - (a->l > b->l ? a->l : b->l), h = d - (a->t > b->t ? a->t : b->t);
    return w > 0 && h > 0 ? w * h / (a->w * a->h + b->w * b->h - w * h) : 0;
}
#endif
