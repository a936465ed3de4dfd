/* plan_priv.h - how a model meets a dataset: where in the graph the loss looks, which rows learn,
 * which classes the result will have. */
#ifndef VD_PLAN_PRIV_H
#define VD_PLAN_PRIV_H
#include "net_priv.h"
#include "view_priv.h"

typedef struct {
    nn_model model; /* with a new head when the classes ask for one */
    vd_digest start;
    vd_descriptor *descriptor;
    const vd_descriptor_facts *facts;
    net_task task;
    int heat, size; /* values (net_plan) */
    float size_scale;
    int row_of[SET_CLASSES_MAX];          /* of the dataset's classes: trained row, or class; -1 */
    int64_t rows[SET_CLASSES_MAX];        /* of the heat map, ascending */
    const char *classes[SET_CLASSES_MAX]; /* of the result */
    unsigned row_count, class_count;
    bool new_head;
} plan;

/* VD_INVALID says what does not fit. `tell` hears what a person should know. Owner: caller,
 * plan_done. */
VD_MUST_USE vd_err plan_make(const char *model_path, const set *s, const trainer_settings *settings,
                             const trainer_listener *tell, plan *ret_plan, vd_why *why);
void plan_done(plan *p);
VD_AUTO_DEFINE(plan, plan_done)
/* The result's descriptor, for a model file of this name. */
VD_MUST_USE vd_err plan_descriptor(const plan *p, const char *name, const char *file, vd_buf *into,
                                   vd_why *why);
void plan_tell(const trainer_listener *tell, const char *format, ...) VD_PRINTF(2, 3);
#endif
