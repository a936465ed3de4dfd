/* vocabulary.h - what the class ids in a camera's detections mean, and which model told them.
 *
 * Several models may look at one camera. Each has a range of class ids, one after the other; the
 * first model's begin at 0, so that with one model they are that model's own. What an earlier model
 * has named already is called "ID/NAME", with the later model's id in the configuration. A
 * vocabulary is a value: everything in it is copied, it never changes, any thread may read it. */
#ifndef VD_VOCABULARY_H
#define VD_VOCABULARY_H
#include "vd/blob.h"

#define VD_VOCABULARY_MODELS_MAX 16

/* What goes in; all of it is copied. */
typedef struct {
    const char *id;   /* as the configuration names it */
    const char *name; /* as the model names itself */
    vd_digest digest;
    float score_min; /* its working threshold */
    const char *const *classes;
    unsigned class_count;
} vd_vocabulary_part;

typedef struct {
    const char *id, *name;
    vd_digest digest;
    float score_min;
    unsigned first_class, class_count;
} vd_vocabulary_model;

typedef struct vd_vocabulary vd_vocabulary;
/* 1 to VD_VOCABULARY_MODELS_MAX parts. VD_FULL: memory, or more than 65,535 classes. */
VD_MUST_USE vd_err vd_vocabulary_new(const vd_vocabulary_part *parts, unsigned part_count,
                                     vd_vocabulary **ret_words);
vd_vocabulary *vd_vocabulary_free(vd_vocabulary *words); /* returns NULL; NULL is fine */

unsigned vd_vocabulary_count(const vd_vocabulary *words);
/* NULL outside. */
const char *vd_vocabulary_name(const vd_vocabulary *words, unsigned class_id);
/* -1 when unknown */
int vd_vocabulary_find(const vd_vocabulary *words, const char *name);
/* The model that knows the class; outside: the first. */
const vd_vocabulary_model *vd_vocabulary_model_of(const vd_vocabulary *words, unsigned class_id);
/* The one that statistics, samples and releases are about. */
const vd_vocabulary_model *vd_vocabulary_main(const vd_vocabulary *words);
/* The same ids mean the same in both, as far as `older` goes: tracks can go on. */
bool vd_vocabulary_extends(const vd_vocabulary *words, const vd_vocabulary *older);
#endif
