/* set_priv.h - a dataset's manifest (vedette.dataset/1), read and checked for training. */
#ifndef VD_SET_PRIV_H
#define VD_SET_PRIV_H
#include "vd/arena.h"
#include "vd/blob.h"
#include "vd/json.h"

#define SET_PICTURES_MAX 200000u
#define SET_BOXES_MAX    1000u /* in one picture */
#define SET_CLASSES_MAX  4096u
#define SET_BYTES_MAX    (512u << 20)

typedef enum { SET_TRAIN, SET_VAL, SET_TEST, SET_SPLITS } set_split;

typedef struct {
    float l, t, w, h;  /* 0..1 of the picture */
    unsigned class_id; /* in the dataset's own list */
} set_box;
typedef struct {
    const char *digest;
    set_split split;
    unsigned box_count;
    set_box *box;
    int class_id; /* classification; -1: none */
} set_picture;
typedef struct {
    vd_digest digest;
    bool detection;
    const char **classes;
    unsigned class_count;
    set_picture *picture;
    unsigned picture_count, split_count[SET_SPLITS];
    unsigned *uses; /* by class: boxes or pictures to train with */
    vd_arena *arena;
    vd_json *json; /* owns the texts */
} set;

/* VD_INVALID names the picture and what is wrong with it. Owner: caller, set_done. */
VD_MUST_USE vd_err set_load(const char *path, set *ret_set, vd_why *why);
void set_done(set *s);
VD_AUTO_DEFINE(set, set_done)
#endif
