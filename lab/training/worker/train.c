/* One training from its files to its files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check_priv.h"
#include "learn_priv.h"
#include "vd/file.h"

#define CHECKED_MAX 2 /* pictures that torch and ONNX Runtime are compared on */

static net_plan net_plan_of(const plan *p, const trainer_settings *s)
{
    return (net_plan){ .threads = (int)s->threads,
                       .task = p->task,
                       .freeze = s->freeze,
                       .layers_least = p->task == NET_DETECTION ? 2 : 1,
                       .decay = s->weight_decay,
                       .heat = p->heat,
                       .size = p->size,
                       .rows = p->rows,
                       .row_count = p->row_count,
                       .size_scale = p->size_scale,
                       .size_weight = (float)s->size_weight };
}

static void tell_start(const trainer_job *job, const set *s, const plan *p, const net *n)
{
    net_facts f;
    net_facts_of(n, &f);
    const trainer_listener *tell = &job->listener;
    plan_tell(tell,
              "%u pictures to train with, %u to validate; %u of %u layers learn (%zu of %zu "
              "numbers); %zu KiB of features for each picture",
              s->split_count[SET_TRAIN], s->split_count[SET_VAL], f.layers_trained, f.layers_all,
              f.trained_numbers, f.all_numbers, f.feature_count * 2 >> 10);
    if (s->split_count[SET_TRAIN] < 20)
        plan_tell(tell,
                  "%u pictures are few: the model will know them by heart before it learns what "
                  "they have in common; 30 and more, of several times, are better",
                  s->split_count[SET_TRAIN]);
    if (s->split_count[SET_VAL] < 10)
        plan_tell(tell, "validation with %u pictures says little", s->split_count[SET_VAL]);
    (void)p;
}

static vd_err check_pictures(const trainer_job *job, const set *s, const plan *p, net *n,
                             vd_slice file, vd_why *why)
{
    static view v;
    unsigned checked = 0;
    vd_err err = view_init(&v, &p->facts->tensor, why);
    for (unsigned i = 0; i < s->picture_count && !err && checked < CHECKED_MAX; i++) {
        vd_frame *frame = NULL;
        double worst = 0;
        if (s->picture[i].split != SET_VAL) continue;
        err = view_load(job->pictures, s->picture[i].digest, &frame, why);
        if (!err) err = view_make(frame, &s->picture[i], 0, &job->settings, p->facts, &v, why);
        (void)vd_frame_unref(frame);
        if (!err)
            err = check_numbers(p, n, file, v.tensor, (int)job->settings.threads,
                                job->settings.tolerance, &worst, why);
        if (!err && !checked)
            plan_tell(&job->listener, "checked in ONNX Runtime: numbers differ by %.2g at most",
                      worst);
        checked++;
    }
    view_done(&v);
    return err;
}

static vd_err save(const trainer_job *job, const char *name, vd_slice bytes, vd_why *why)
{
    char path[TRAINER_PATH_ROOM];
    (void)snprintf(path, sizeof(path), "%s/%s", job->out, name);
    return vd_file_save(path, 0640, bytes, why);
}

static void write_settings(vd_json_w *w, const trainer_settings *s)
{
    vd_json_w_key(w, "config");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "seed", s->seed);
    vd_json_w_kv_int(w, "epochs", s->epochs);
    vd_json_w_kv_int(w, "batch", s->batch);
    vd_json_w_kv_num(w, "learning_rate", s->learning_rate, 9);
    vd_json_w_kv_num(w, "weight_decay", s->weight_decay, 9);
    vd_json_w_kv_num(w, "freeze", s->freeze, 6);
    vd_json_w_kv_bool(w, "augment", s->augment);
    vd_json_w_kv_int(w, "variants", s->variants);
    vd_json_w_kv_int(w, "patience", s->patience);
    vd_json_w_kv_int(w, "threads", s->threads);
    vd_json_w_object_end(w);
}

/* What made this model: everything that is needed to make it again. */
static vd_err write_lineage(const set *s, const plan *p, const trainer_job *job,
                            const trainer_result *r, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "format", "vedette.training/1");
    vd_json_w_kv_text(&w, "model", r->model.hex);
    vd_json_w_kv_text(&w, "start", p->start.hex);
    vd_json_w_kv_text(&w, "dataset", s->digest.hex);
    write_settings(&w, &job->settings);
    vd_json_w_kv_int(&w, "epochs", r->epochs);
    vd_json_w_kv_int(&w, "best_epoch", r->best_epoch);
    vd_json_w_kv_num(&w, "loss_first", r->loss_first, 6);
    vd_json_w_kv_num(&w, "loss_last", r->loss_last, 6);
    vd_json_w_kv_text(&w, "measure", s->detection ? "map50" : "accuracy");
    vd_json_w_kv_num(&w, "measure_start", r->measure_start, 6);
    vd_json_w_kv_num(&w, "measure_best", r->measure_best, 6);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the report does not fit") : VD_OK;
}

static vd_err write_files(const trainer_job *job, const set *s, const plan *p, net *n,
                          trainer_result *r, vd_why *why)
{
    VD_AUTO(vd_buf) file = VD_BUF(p->model.bytes.limit), yaml = VD_BUF(1u << 20);
    VD_AUTO(vd_buf) report = VD_BUF(1u << 20);
    if (!vd_buf_add(&file, vd_buf_slice(&p->model.bytes)) || !net_write(n, &file))
        return vd_fail(why, VD_FULL, "there is no memory for the trained model");
    vd_err err = check_pictures(job, s, p, n, vd_buf_slice(&file), why);
    if (err) return err;
    r->model = vd_sha256(vd_buf_slice(&file));
    err = plan_descriptor(p, p->facts->name, "model.onnx", &yaml, why);
    if (!err) err = write_lineage(s, p, job, r, &report, why);
    if (!err) err = save(job, "model.onnx", vd_buf_slice(&file), why);
    if (!err) err = save(job, "model.model.yaml", vd_buf_slice(&yaml), why);
    if (!err) err = save(job, "training.json", vd_buf_slice(&report), why);
    return err;
}

static vd_err train(const trainer_job *job, trainer_result *r, vd_why *why)
{
    VD_AUTO(set) s = { 0 };
    VD_AUTO(plan) p = { 0 };
    net *n = NULL;
    samples *from = NULL;
    vd_err err = vd_dir_make(job->out, 0750, why);
    if (!err) err = set_load(job->manifest, &s, why);
    if (!err) err = plan_make(job->model, &s, &job->settings, &job->listener, &p, why);
    if (err) return err;
    net_plan np = net_plan_of(&p, &job->settings);
    err = net_open(&p.model, &np, &n, why);
    if (err) return err;
    tell_start(job, &s, &p, n);
    err = samples_open(job, &s, &p, n, &from, why);
    if (!err) err = learn_run(job, &s, &p, n, from, r, why);
    (void)samples_close(from);
    if (!err) err = write_files(job, &s, &p, n, r, why);
    (void)net_close(n);
    return err;
}

vd_err trainer_train(const trainer_job *job, trainer_result *ret_result, vd_why *why)
{
    trainer_job own = *job;
    trainer_result result = { 0 };
    if (!own.settings.threads) own.settings.threads = sysconf(_SC_NPROCESSORS_ONLN);
    vd_err err = train(&own, &result, why);
    if (!err) *ret_result = result;
    return err;
}

const char *trainer_torch_version(void)
{
    return net_library_version();
}
