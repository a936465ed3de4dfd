/* evaluate.c - runs a model over a split's pictures: its detections, and the report. */
#include "eval_priv.h"

#include <stdlib.h>

#include "inference.h"

#define PICTURE_BYTES_MAX (64u << 20)

typedef struct {
    const vd_evaluate_job *job;
    vd_eval *eval;
    vd_model *model;
    vd_detections *found;
    vd_eval_found *list;
    vd_buf bytes;
} work;

static void work_done(work *w)
{
    vd_eval_free(w->eval);
    vd_model_free(w->model);
    free(w->found);
    free(w->list);
    vd_buf_done(&w->bytes);
}
VD_AUTO_DEFINE(work, work_done)

static vd_err add_found(work *w, size_t index, vd_why *why)
{
    for (unsigned n = 0; n < w->found->count; n++) {
        const vd_detection *d = &w->found->item[n];
        w->list[n] = (vd_eval_found){ .class_name = vd_model_class_name(w->model, d->class_id),
                                      .score = (double)d->score,
                                      .l = (double)d->box.l,
                                      .t = (double)d->box.t,
                                      .w = (double)d->box.w,
                                      .h = (double)d->box.h };
    }
    unsigned kept = 0; /* a box cut to nothing at the picture's edge is no detection */
    for (unsigned n = 0; n < w->found->count; n++)
        if (w->list[n].w > 0 && w->list[n].h > 0) w->list[kept++] = w->list[n];
    return vd_eval_add(w->eval, index, w->list, kept, w->found->run_us, why);
}

static bool leaves_out(vd_err err)
{
    return err == VD_ABSENT || err == VD_CORRUPT || err == VD_INVALID;
}

static vd_err look_at(work *w, size_t index, vd_why *why)
{
    vd_digest digest;
    vd_frame *frame = NULL;
    vd_why said = { 0 };
    if (!vd_digest_parse(vd_slice_str(vd_eval_at(w->eval, index)->picture), &digest))
        return VD_CORRUPT;
    vd_buf_clear(&w->bytes);
    vd_err err = w->job->picture(w->job->arg, &digest, &w->bytes, &said);
    if (!err) err = vd_frame_from_image(vd_buf_slice(&w->bytes), &frame, &said);
    if (leaves_out(err))
        return vd_eval_skip(w->eval, index, said.fact[0] ? said.fact : vd_err_name(err), why);
    if (!err) err = vd_model_run(w->model, frame, w->found, &said);
    vd_frame_unref(frame);
    if (err && why) *why = said;
    return err ? err : add_found(w, index, why);
}

static vd_err look_at_all(work *w, vd_buf *detections, vd_why *why)
{
    vd_err err = VD_OK;
    size_t count = vd_eval_count(w->eval);
    for (size_t n = 0; !err && n < count; n++) {
        err = look_at(w, n, why);
        if (!err && detections && vd_eval_line(w->eval, n, detections))
            err = vd_fail(why, VD_FULL, "the detections are too many");
        if (!err && w->job->progress && !w->job->progress(w->job->arg, n + 1, count))
            err = vd_fail(why, VD_GONE, "the evaluation was stopped");
    }
    return err;
}

static vd_err write_report(work *w, vd_buf *report, vd_why *why)
{
    const vd_evaluate_job *job = w->job;
    unsigned count = vd_model_class_count(w->model);
    const char **classes = calloc(count + 1u, sizeof *classes);
    if (!classes) return vd_fail(why, VD_FULL, "no memory for the report");
    for (unsigned n = 0; n < count; n++) classes[n] = vd_model_class_name(w->model, n);
    vd_eval_options options = {
        .model_name = vd_model_name(w->model),
        .model = *vd_model_digest(w->model),
        .score_min = job->score_min < 0 ? (double)vd_model_score_min(w->model) : job->score_min,
        .model_classes = classes,
        .model_class_count = count,
        .made_us = job->made_us,
    };
    vd_err err = vd_eval_report(w->eval, &options, report, why);
    free(classes);
    return err;
}

vd_err vd_evaluate(const vd_evaluate_job *job, vd_buf *report, vd_buf *detections, vd_why *why)
{
    VD_AUTO(work) w = { .job = job, .bytes = VD_BUF(PICTURE_BYTES_MAX) };
    const vd_model_options options = { .library = job->library, .threads = job->threads };
    vd_err err = vd_eval_new(job->manifest, job->split, &w.eval, why);
    if (!err) err = vd_model_load(job->model_path, &options, &w.model, why);
    w.found = calloc(1, sizeof *w.found);
    w.list = calloc(VD_DETECTIONS_MAX, sizeof *w.list);
    if (!err && (!w.found || !w.list)) err = vd_fail(why, VD_FULL, "no memory for the detections");
    if (!err) err = look_at_all(&w, detections, why);
    return err ? err : write_report(&w, report, why);
}
