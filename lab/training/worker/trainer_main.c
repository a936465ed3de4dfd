/* vedette-trainer: options, a bar on the terminal, one job or many. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "trainer.h"
#include "vd/log.h"
#include "vd/program.h"

static const vd_option options[] = {
    { "config", 'c', "FILE", "Reads the settings from FILE; without it the defaults hold.", false },
    { "check-config", 0, NULL, "Reads the settings, says whether they are right, and ends.",
      false },
    { "local", 0, NULL, "Trains once from files, without a hub.", false },
    { "dataset", 0, "MANIFEST", "The dataset's manifest (local).", false },
    { "pictures", 0, "DIR", "Where its pictures lie, named by their SHA-256 (local).", false },
    { "model", 0, "MODEL", "The .onnx to start with, its descriptor beside it (local).", false },
    { "out", 0, "DIR", "Where model.onnx, model.model.yaml and training.json go (local).", false },
    { "seed", 0, "N", "Overrides the settings' seed (local).", false },
    { "hub", 0, "URL", "Asks this hub for runs.", false },
    { "token-file", 0, "FILE", "Holds the bearer token of an operator.", false },
    { "state-dir", 0, "DIR", "Keeps pictures and running work in DIR.", false },
    { "ca-file", 0, "FILE", "Trusts the certificates in FILE for the hub.", false },
};

static const vd_program program = {
    .name = "vedette-trainer",
    .brief = "makes a better model from what people decided",
    .synopsis =
        "[--config FILE] --hub URL --token-file FILE [--ca-file FILE]\n"
        "[--config FILE] --local --dataset MANIFEST --pictures DIR --model MODEL --out DIR\n"
        "[--config FILE] --check-config",
    .description =
        "Fine-tunes an ONNX model on a labelled dataset: detectors of kind centernet and "
        "classifiers. The graph, its input and its outputs stay as they are, so the result takes "
        "the start model's place. Its numbers are compared with ONNX Runtime's before it is "
        "written.\n\n"
        "With --hub it takes runs from the hub's queue, on this machine or another. With --local "
        "it trains once.\n\n"
        "The same dataset, model, settings, seed and number of threads give the same bytes. A run "
        "that was stopped or killed goes on from its last checkpoint.\n\n"
        "Exit status: 0 done or stopped as asked, 1 failed, 2 wrong options or settings.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .files = "trainer.default.yaml, installed beside the programs' documents, is the manual of "
             "every setting.",
    .see_also = "vedette(1), vedette-hub(8)",
    .man_section = 8,
};

typedef struct {
    bool terminal;
    int drawn;
    double loss, measure;
} bar;

static void bar_clear(bar *b)
{
    if (b->terminal && b->drawn) (void)fputs("\r\033[K", stderr);
    b->drawn = 0;
}

static void bar_draw(bar *b, uint64_t step, uint64_t steps)
{
    enum { CELLS = 30 };
    char cells[CELLS + 1];
    int full = steps ? (int)(step * CELLS / steps) : 0;
    for (int i = 0; i < CELLS; i++) cells[i] = i < full ? '#' : '.';
    cells[CELLS] = 0;
    b->drawn = fprintf(stderr, "\r[%s] %llu/%llu  loss %.4f  validation %.3f\033[K", cells,
                       (unsigned long long)step, (unsigned long long)steps, b->loss, b->measure);
}

static bool on_progress(void *ctx, uint64_t step, uint64_t steps, const trainer_value *values,
                        unsigned count)
{
    bar *b = ctx;
    bool epoch = false;
    double val = 0;
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(values[i].name, "train_loss") == 0) b->loss = values[i].value;
        if (strcmp(values[i].name, "val_loss") == 0) {
            epoch = true;
            val = values[i].value;
        }
        if (strncmp(values[i].name, "val_m", 5) == 0 || strncmp(values[i].name, "val_a", 5) == 0)
            b->measure = values[i].value;
    }
    if (epoch) {
        bar_clear(b);
        printf("step %llu of %llu: train %.4f, validation loss %.4f, %.4f\n",
               (unsigned long long)step, (unsigned long long)steps, b->loss, val, b->measure);
        (void)fflush(stdout);
    }
    if (b->terminal) bar_draw(b, step, steps);
    return true;
}

static void on_words(void *ctx, const char *text)
{
    bar_clear(ctx);
    puts(text);
    (void)fflush(stdout);
}

static vd_err needed(const vd_args *args, const char *name, const char **ret_value, vd_why *why)
{
    *ret_value = vd_args_get(&program, args, name, NULL);
    return *ret_value ? VD_OK : vd_fail(why, VD_INVALID, "--local needs --%s", name);
}

static vd_err local(trainer_config *config, const vd_args *args, vd_why *why)
{
    bar b = { .terminal = isatty(STDERR_FILENO) != 0 };
    trainer_job job = { .settings = config->train,
                        .listener = { .ctx = &b, .progress = on_progress, .words = on_words } };
    trainer_result result = { 0 };
    uint64_t seed = 0;
    const char *seed_text = vd_args_get(&program, args, "seed", NULL);
    vd_err err = needed(args, "dataset", &job.manifest, why);
    if (!err) err = needed(args, "pictures", &job.pictures, why);
    if (!err) err = needed(args, "model", &job.model, why);
    if (!err) err = needed(args, "out", &job.out, why);
    if (!err && seed_text && !vd_slice_u64(vd_slice_str(seed_text), INT64_MAX, &seed))
        err = vd_fail(why, VD_INVALID, "--seed must be a whole number");
    if (!err && seed_text) job.settings.seed = (int64_t)seed;
    if (!err) err = trainer_train(&job, &result, why);
    bar_clear(&b);
    if (!err)
        printf("%s/model.onnx %s: validation %.4f before, %.4f after, epoch %u of %u\n", job.out,
               result.model.hex, result.measure_start, result.measure_best, result.best_epoch,
               result.epochs);
    return err;
}

static vd_err run(trainer_config *config, const vd_args *args, vd_why *why)
{
    trainer_worker *w = &config->worker;
    if (vd_args_has(&program, args, "local")) return local(config, args, why);
    w->url = vd_args_get(&program, args, "hub", w->url);
    w->token_file = vd_args_get(&program, args, "token-file", w->token_file);
    w->ca_file = vd_args_get(&program, args, "ca-file", w->ca_file);
    w->state_dir = vd_args_get(&program, args, "state-dir", w->state_dir);
    if (!w->url) return vd_fail(why, VD_INVALID, "either --local or --hub is needed");
    vd_log_start(program.name, VD_LOG_AUTO, VD_LOG_INFO);
    vd_err err = trainer_work(config, why);
    vd_log_stop();
    return err;
}

/* The threads of a step wait for each other thousands of times a second. Waiting awake is faster
 * only on an idle machine; on a busy one it is many times slower. libgomp reads this once, before
 * main. */
static void wait_asleep(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
    (void)execv("/proc/self/exe", argv); /* where there is no /proc it goes on as it is */
}

int main(int argc, char **argv)
{
    wait_asleep(argv);
    VD_AUTO(trainer_config) config = { 0 };
    vd_args args;
    vd_why why = { 0 };
    vd_err err = vd_args_read(&program, argc, argv, &args, &why);
    if (err == VD_GONE) return 0;
    if (!err)
        err = trainer_config_load(vd_args_get(&program, &args, "config", NULL), &config, &why);
    if (err) return vd_program_fail(&program, err, &why);
    if (vd_args_has(&program, &args, "check-config")) {
        printf("the settings are right (%s)\n", trainer_torch_version());
        return 0;
    }
    vd_stop_install();
    err = run(&config, &args, &why);
    if (err == VD_GONE && vd_stop_asked()) return 0;
    return err ? vd_program_fail(&program, err, &why) : 0;
}
