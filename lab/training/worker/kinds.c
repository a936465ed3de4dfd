/* What the kinds of runs do, each with the parts of others: training here, measuring in
 * lab/evaluation, int8 in release/convert. A new kind is a row at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "convert.h"
#include "evaluation.h"
#include "job_priv.h"
#include "set_priv.h"
#include "vd/file.h"
#include "vd/program.h"

#define REPORT_BYTES (256u << 20)

static vd_err stopped(const job *j, vd_why *why)
{
    return vd_fail(why, VD_GONE, "%s", j->cancelled ? j->reason : "the worker stops");
}

static bool go_on(job *j)
{
    return job_tell(j, false) && !vd_stop_asked();
}

/* ---- measuring ---- */

static vd_err give_picture(void *arg, const vd_digest *picture, vd_buf *into, vd_why *why)
{
    const job *j = arg;
    char path[TRAINER_PATH_ROOM];
    (void)snprintf(path, sizeof(path), "%s/%s", j->pictures, picture->hex);
    return vd_file_load(path, into, why);
}

static bool measured(void *arg, size_t done, size_t total)
{
    job *j = arg;
    if (strcmp(j->kind, "evaluate") == 0) job_note(j, done, total, NULL, 0);
    return go_on(j);
}

static vd_err keep(const job *j, const char *name, const vd_buf *bytes, vd_why *why)
{
    char path[TRAINER_PATH_ROOM];
    job_path(j, name, path);
    return vd_file_save(path, 0640, vd_buf_slice(bytes), why);
}

/* The split asked for; a dataset without test pictures is measured on those of validation. */
static const char *split_of(const job *j, const set *s)
{
    const char *given = vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "split"), "test");
    return strcmp(given, "test") == 0 && !s->split_count[SET_TEST] ? "val" : given;
}

static vd_err measure(job *j, const char *model, const char *split, vd_why *why)
{
    VD_AUTO(vd_buf) manifest = VD_BUF(SET_BYTES_MAX), report = VD_BUF(REPORT_BYTES);
    VD_AUTO(vd_buf) detections = VD_BUF(REPORT_BYTES);
    vd_err err = vd_file_load(j->manifest, &manifest, why);
    const vd_evaluate_job work = { .model_path = model,
                                   .threads = (int)j->settings.threads,
                                   .manifest = vd_buf_slice(&manifest),
                                   .split = split,
                                   .score_min = -1,
                                   .picture = give_picture,
                                   .progress = measured,
                                   .arg = j };
    if (!err) err = vd_evaluate(&work, &report, &detections, why);
    if (!err) err = keep(j, "report.json", &report, why);
    if (!err) err = keep(j, "detections.jsonl", &detections, why);
    return err;
}

static vd_err leave_all(job *j, const char *const *names, vd_why *why)
{
    vd_err err = VD_OK;
    for (; *names && !err; names++) {
        err = job_leave(j, *names, why);
        if (!err && !job_tell(j, false)) err = stopped(j, why);
    }
    return err;
}

static vd_err evaluate(job *j, vd_why *why)
{
    static const char *const files[] = { "report.json", "detections.jsonl", NULL };
    VD_AUTO(set) s = { 0 };
    vd_err err = set_load(j->manifest, &s, why);
    if (!err) err = measure(j, j->model, split_of(j, &s), why);
    return err ? err : leave_all(j, files, why);
}

/* ---- training ---- */

typedef struct {
    job *j;
    uint64_t pictures; /* to train with */
} training;

/* The last step of an epoch takes what is left. */
static void count_step(const training *t, uint64_t step)
{
    uint64_t batch = (uint64_t)t->j->settings.batch, batches = (t->pictures + batch - 1) / batch;
    bool last = batches && step % batches == 0;
    figures_step(t->j->figures, last ? t->pictures - (batches - 1) * batch : batch);
}

static bool trained(void *ctx, uint64_t step, uint64_t steps, const trainer_value *values,
                    unsigned count)
{
    const training *t = ctx;
    if (count && strcmp(values[0].name, "train_loss") == 0) count_step(t, step);
    if (count && strcmp(values[0].name, "epoch_loss") == 0) figures_epoch(t->j->figures);
    job_note(t->j, step, steps, values, count);
    bool go_on = job_tell(t->j, false);
    figures_go(t->j->figures);
    return go_on;
}

static void said(void *ctx, const char *text)
{
    const training *t = ctx;
    job_say(t->j, text);
}

static void leave_checkpoint(job *j)
{
    vd_why why;
    if (j->cancelled) return;
    /* one that does not arrive costs time when the worker is lost, nothing else */
    vd_err err = job_leave(j, "checkpoint.bin", &why);
    if (err == VD_CONFLICT) (void)job_tell(j, true);
}

static void checkpointed(void *ctx, const char *path)
{
    const training *t = ctx;
    (void)path;
    figures_checkpoint(t->j->figures);
    leave_checkpoint(t->j);
    figures_go(t->j->figures);
}

static vd_err train(job *j, vd_why *why)
{
    static const char *const files[] = { "model.onnx", "model.model.yaml", "report.json",
                                         "detections.jsonl", NULL };
    VD_AUTO(set) s = { 0 };
    training t = { .j = j };
    char model[TRAINER_PATH_ROOM];
    trainer_result result;
    const trainer_job work = {
        .manifest = j->manifest,
        .pictures = j->pictures,
        .model = j->model,
        .out = j->folder,
        .settings = j->settings,
        .listener = { .ctx = &t, .progress = trained, .words = said, .checkpoint = checkpointed }
    };
    vd_err err = set_load(j->manifest, &s, why);
    t.pictures = s.split_count[SET_TRAIN];
    if (!err) err = trainer_train(&work, &result, why);
    job_path(j, "model.onnx", model);
    if (!err) err = measure(j, model, split_of(j, &s), why);
    return err ? err : leave_all(j, files, why);
}

/* ---- int8 ---- */

typedef struct {
    job *j;
    char (*path)[TRAINER_PATH_ROOM];
    const char **list;
    unsigned count;
} picks;

static void picks_done(picks *p)
{
    free(p->path);
    free(p->list);
}
VD_AUTO_DEFINE(picks, picks_done)

/* Evenly spread over the split. */
static vd_err pick(picks *p, const set *s, set_split split, unsigned most, vd_why *why)
{
    unsigned all = s->split_count[split], want = all < most ? all : most, seen = 0;
    p->path = calloc(want + 1u, sizeof(*p->path));
    p->list = calloc(want + 1u, sizeof(*p->list));
    if (!p->path || !p->list) return vd_fail(why, VD_FULL, "there is no memory for the pictures");
    for (unsigned i = 0; i < s->picture_count && p->count < want; i++) {
        if (s->picture[i].split != split || (uint64_t)seen++ * want / all < p->count) continue;
        (void)snprintf(p->path[p->count], sizeof(*p->path), "%s/%s", p->j->pictures,
                       s->picture[i].digest);
        p->list[p->count] = p->path[p->count];
        p->count++;
    }
    return VD_OK;
}

/* mAP50 on validation, in points of 100. */
static vd_err judge(void *ctx, const char *model_path, double *ret_points, vd_why *why)
{
    job *j = ctx;
    VD_AUTO(vd_buf) report = VD_BUF(REPORT_BYTES);
    char path[TRAINER_PATH_ROOM];
    vd_eval_summary summary = { 0 };
    vd_err err = measure(j, model_path, "val", why);
    job_path(j, "report.json", path);
    if (!err) err = vd_file_load(path, &report, why);
    if (!err) err = vd_eval_summary_read(vd_buf_slice(&report), &summary, why);
    if (!err) *ret_points = summary.map50 * 100;
    return err;
}

static void quantized(void *ctx, const char *doing, double share)
{
    (void)doing;
    job_note(ctx, (uint64_t)(share * 1000), 1000, NULL, 0);
    (void)job_tell(ctx, false);
}

static void tell_gain(job *j, const vd_quantize_result *r)
{
    char text[400];
    (void)snprintf(text, sizeof(text),
                   "int8: %llu to %llu KiB, %.1f to %.1f ms, mAP50 %.3f to %.3f; %u of %u layers "
                   "stay float%s%.120s",
                   (unsigned long long)r->bytes_before >> 10,
                   (unsigned long long)r->bytes_after >> 10, r->ms_before, r->ms_after,
                   r->points_before / 100, r->points_after / 100, r->layers_kept, r->layers,
                   r->worst[0] ? ": " : "", r->worst);
    job_say(j, text);
}

static vd_err rename_results(const job *j, const vd_quantize_result *r, vd_why *why)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(1u << 20), out = VD_BUF(1u << 20);
    char model[TRAINER_PATH_ROOM], descriptor[TRAINER_PATH_ROOM];
    job_path(j, "model.onnx", model);
    job_path(j, "model.model.yaml", descriptor);
    vd_err err = vd_file_load(r->descriptor_path, &yaml, why);
    if (err) return err;
    vd_slice rest = vd_buf_slice(&yaml);
    while (rest.len) {
        vd_slice line = vd_slice_cut(rest, '\n', &rest);
        bool file = vd_slice_starts(line, VD_STR("file:"));
        if (!vd_buf_add(&out, file ? VD_STR("file: model.onnx") : line) ||
            !vd_buf_add_byte(&out, '\n'))
            return vd_fail(why, VD_FULL, "the descriptor does not fit");
    }
    if (rename(r->model_path, model) != 0)
        return vd_fail_errno(why, "'%.200s' cannot be made", model);
    err = vd_file_save(descriptor, 0640, vd_buf_slice(&out), why);
    if (!err) (void)unlink(r->descriptor_path);
    return err;
}

static vd_err quantize(job *j, vd_why *why)
{
    static const char *const files[] = { "model.onnx", "model.model.yaml", "report.json",
                                         "detections.jsonl", NULL };
    const vd_json *config = vd_json_get(j->run, "config");
    VD_AUTO(set) s = { 0 };
    VD_AUTO(picks) calibrate = { .j = j };
    char model[TRAINER_PATH_ROOM];
    vd_quantize_result result;
    vd_err err = set_load(j->manifest, &s, why);
    if (!err)
        err = pick(&calibrate, &s, SET_TRAIN,
                   (unsigned)vd_json_int(vd_json_get(config, "calibration"), 100), why);
    if (err) return err;
    vd_quantize_options options = {
        .pictures = calibrate.list,
        .picture_count = calibrate.count,
        .threads = (int)j->settings.threads,
        .budget_points = vd_json_num(vd_json_get(config, "budget"), 0.01) * 100,
        .judge = judge,
        .progress = quantized,
        .ctx = j,
    };
    err = vd_quantize(j->model, j->folder, &options, &result, why);
    if (!err) tell_gain(j, &result);
    if (!err) err = rename_results(j, &result, why);
    job_path(j, "model.onnx", model);
    if (!err) err = measure(j, model, split_of(j, &s), why);
    return err ? err : leave_all(j, files, why);
}

job_kind job_kind_of(const char *name)
{
    static const struct {
        const char *name;
        job_kind run;
    } kinds[] = { { "train", train }, { "evaluate", evaluate }, { "quantize", quantize } };
    for (size_t i = 0; i < VD_COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) return kinds[i].run;
    return NULL;
}
