#include <linux/limits.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check_priv.h"
#include "learn_priv.h"
#include "test_dir_priv.h"
#include "tiny_testing_priv.h"
#include "vd/fault.h"
#include "vd/file.h"
#include "vd/test.h"

extern char **environ;

typedef struct {
    vd_buf words;
    uint64_t stop_at; /* 0: never */
} ear;

static bool hear_step(void *ctx, uint64_t step, uint64_t steps, const trainer_value *values,
                      unsigned count)
{
    const ear *e = ctx;
    (void)steps, (void)values, (void)count;
    return !e->stop_at || step < e->stop_at;
}

static void hear_words(void *ctx, const char *text)
{
    ear *e = ctx;
    expect_true(vd_buf_addf(&e->words, "%s\n", text));
}

static vd_err train(const tiny *t, const char *out, const trainer_settings *s, ear *e,
                    trainer_result *ret_result, vd_why *why)
{
    char folder[128];
    (void)snprintf(folder, sizeof(folder), "%s/%s", t->folder, out);
    const trainer_job job = { .manifest = t->manifest,
                              .pictures = t->pictures,
                              .model = t->model,
                              .out = folder,
                              .settings = *s,
                              .listener = {
                                  .ctx = e, .progress = hear_step, .words = hear_words } };
    return trainer_train(&job, ret_result, why);
}

static bool is_there(const tiny *t, const char *name)
{
    char path[160];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/%s", t->folder, name);
    return stat(path, &info) == 0;
}

static const tiny_options squares = { .train = 24, .val = 8 };

// covers: CIR-4
VD_TEST(a_detector_learns_and_the_same_seed_gives_the_same_bytes)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result a, b, other;
    expect_ok(train(&t, "a", &s, &e, &a, NULL));
    expect_true(a.loss_last < 0.7 * a.loss_first);
    expect_true(a.measure_best > a.measure_start + 0.2);
    expect_ok(train(&t, "b", &s, &e, &b, NULL));
    expect_str(a.model.hex, b.model.hex);
    s.seed = 2;
    expect_ok(train(&t, "c", &s, &e, &other, NULL));
    expect_true(strcmp(a.model.hex, other.model.hex) != 0);
    expect_true(strstr(e.words.data, "checked in ONNX Runtime") != NULL);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(the_trained_detector_takes_the_start_models_place)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    struct stat before, after;
    char path[160];
    vd_model *model;
    expect_ok(train(&t, "a", &s, &e, &r, NULL));
    (void)snprintf(path, sizeof(path), "%s/a/model.onnx", t.folder);
    expect_i64(stat(t.model, &before), 0);
    expect_i64(stat(path, &after), 0);
    expect_i64(after.st_size, before.st_size); /* other numbers in the same places */
    expect_ok(vd_model_load(path, NULL, &model, NULL));
    expect_str(vd_model_name(model), "tiny");
    expect_i64(vd_model_class_find(model, "square"), 0);
    expect_str(vd_model_digest(model)->hex, r.model.hex);
    (void)vd_model_free(model);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(frozen_layers_stay_as_they_were)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(nn_model) start = { .input = -1 }, end = { .input = -1 };
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    char path[160];
    s.freeze = 0.6; /* of 5 layers, the last 2 learn */
    expect_ok(train(&t, "a", &s, &e, &r, NULL));
    expect_true(strstr(e.words.data, "2 of 5 layers learn") != NULL);
    (void)snprintf(path, sizeof(path), "%s/a/model.onnx", t.folder);
    expect_ok(nn_model_load(t.model, &start, NULL));
    expect_ok(nn_model_load(path, &end, NULL));
    static const struct {
        const char *name;
        bool learns;
    } layers[] = {
        { "w1", false }, { "w3", false }, { "b3", false }, { "wh", true }, { "ws", true }
    };
    for (size_t i = 0; i < VD_COUNT_OF(layers); i++) {
        const nn_tensor *a = start.value[nn_model_find(&start, layers[i].name)].tensor;
        const nn_tensor *b = end.value[nn_model_find(&end, layers[i].name)].tensor;
        expect_true((memcmp(a->data, b->data, a->bytes) != 0) == layers[i].learns);
    }
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(a_stopped_run_goes_on_and_gives_the_model_it_would_have_given)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result whole, resumed;
    expect_ok(train(&t, "whole", &s, &e, &whole, NULL));
    e.stop_at = 15; /* in the middle of an epoch */
    expect_err(train(&t, "parts", &s, &e, &resumed, NULL), VD_GONE);
    expect_false(is_there(&t, "parts/model.onnx"));
    e.stop_at = 0;
    expect_ok(train(&t, "parts", &s, &e, &resumed, NULL));
    expect_true(resumed.resumed);
    expect_str(resumed.model.hex, whole.model.hex);
    vd_buf_done(&e.words);
}

/* Starts the program on its own and kills it as soon as there is a checkpoint. */
static void kill_midway(const tiny *t, const char *config)
{
    char program[512], out[128];
    const char *build = getenv("VEDETTE_BUILD_ROOT");
    int status = 0;
    pid_t pid = 0;
    (void)snprintf(program, sizeof(program), "%s/lab/training/worker/vedette-trainer",
                   build ? build : ".");
    (void)snprintf(out, sizeof(out), "%s/killed", t->folder);
    char *const argv[] = { program,      "--local",
                           "--config",   (char *)(uintptr_t)config,
                           "--dataset",  (char *)(uintptr_t)t->manifest,
                           "--pictures", (char *)(uintptr_t)t->pictures,
                           "--model",    (char *)(uintptr_t)t->model,
                           "--out",      out,
                           NULL };
    expect_i64(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
    while (!is_there(t, "killed/checkpoint.bin") && waitpid(pid, &status, WNOHANG) == 0)
        usleep(2000); /* looks; what is waited for is the file */
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    expect_true(is_there(t, "killed/checkpoint.bin"));
}

// covers: CIR-4
VD_TEST(a_killed_program_leaves_a_checkpoint_that_gives_the_same_model)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result whole, resumed;
    char config[128];
    static const char yaml[] = "train:\n  threads: 1\n  epochs: 40\n  batch: 4\n  freeze: 0\n"
                               "  learning_rate: 0.01\n  patience: 0\n  variants: 2\n";
    (void)snprintf(config, sizeof(config), "%s/config.yaml", t.folder);
    expect_ok(vd_file_save(config, 0600, vd_slice_str(yaml), NULL));
    s.epochs = 40;
    expect_ok(train(&t, "whole", &s, &e, &whole, NULL));
    kill_midway(&t, config);
    expect_false(is_there(&t, "killed/model.onnx"));
    expect_ok(train(&t, "killed", &s, &e, &resumed, NULL));
    expect_true(resumed.resumed);
    expect_str(resumed.model.hex, whole.model.hex);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(a_full_disk_leaves_nothing_half_done_and_a_way_on)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result whole, resumed;
    vd_why why = { 0 };
    expect_ok(train(&t, "whole", &s, &e, &whole, NULL));
    vd_fault_set(VD_FAULT_WRITE, 8); /* a checkpoint is a write, two syncs and a rename */
    expect_err(train(&t, "full", &s, &e, &resumed, &why), VD_FULL);
    expect_false(vd_fault_pending(VD_FAULT_WRITE));
    expect_true(strstr(why.fact, "disk is full") != NULL);
    expect_true(strstr(why.hint, "goes on from its last checkpoint") != NULL);
    expect_false(is_there(&t, "full/model.onnx"));
    expect_ok(train(&t, "full", &s, &e, &resumed, NULL));
    expect_true(resumed.resumed);
    expect_str(resumed.model.hex, whole.model.hex);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(a_loss_that_is_no_number_is_caught_and_told)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny_options ruined = squares;
    ruined.ruin = true;
    tiny t = tiny_make(dir.path, &ruined);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    vd_why why = { 0 };
    expect_err(train(&t, "a", &s, &e, &r, &why), VD_INVALID);
    expect_true(strstr(why.fact, "the loss is no number") != NULL);
    expect_true(strstr(why.hint, "learning_rate") != NULL);
    expect_true(strstr(e.words.data, "a tenth of the learning rate") != NULL);
    expect_false(is_there(&t, "a/model.onnx"));
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(an_operation_that_is_not_known_is_refused_by_name)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    tiny_options odd = squares;
    odd.from_op = "Relu";
    odd.to_op = "Celu";
    tiny t = tiny_make(dir.path, &odd);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    vd_why why = { 0 };
    expect_err(train(&t, "a", &s, &e, &r, &why), VD_INVALID);
    expect_true(strstr(why.detail, "'Celu'") != NULL);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(a_classifier_gets_a_new_head_for_new_classes)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const tiny_options sizes = { .classifier = true, .train = 32, .val = 16 };
    tiny t = tiny_make(dir.path, &sizes);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    char path[160];
    vd_model *model;
    expect_ok(train(&t, "a", &s, &e, &r, NULL));
    if (r.measure_best < 0.85) print_error("%g\n%s", r.measure_best, e.words.data);
    expect_true(r.measure_best >= 0.85);
    (void)snprintf(path, sizeof(path), "%s/a/model.onnx", t.folder);
    expect_ok(vd_model_load(path, NULL, &model, NULL));
    expect_i64(vd_model_class_count(model), 2);
    expect_str(vd_model_class_name(model, 0), "large");
    expect_str(vd_model_class_name(model, 1), "small");
    (void)vd_model_free(model);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(a_file_with_other_numbers_than_torch_gave_is_refused)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(set) s = { 0 };
    VD_AUTO(plan) p = { 0 };
    VD_AUTO(vd_buf) file = VD_BUF(1 << 20);
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings settings = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    const trainer_listener tell = { .ctx = &e, .words = hear_words };
    static float picture[3 * 64 * 64], ones[16 * 16 * 9];
    double worst = 0;
    vd_why why = { 0 };
    net *n;
    expect_ok(set_load(t.manifest, &s, NULL));
    expect_ok(plan_make(t.model, &s, &settings, &tell, &p, NULL));
    expect_near(p.size_scale, 16, 0);
    const net_plan np = { .threads = 1,
                          .task = NET_DETECTION,
                          .layers_least = 2,
                          .heat = p.heat,
                          .size = p.size,
                          .rows = p.rows,
                          .row_count = p.row_count,
                          .size_scale = p.size_scale,
                          .size_weight = 5 };
    expect_ok(net_open(&p.model, &np, &n, NULL));
    for (size_t i = 0; i < VD_COUNT_OF(picture); i++) picture[i] = (float)(i % 7) / 7;
    for (size_t i = 0; i < VD_COUNT_OF(ones); i++) ones[i] = 0.01f;
    expect_true(vd_buf_add(&file, vd_buf_slice(&p.model.bytes)));
    expect_ok(check_numbers(&p, n, vd_buf_slice(&file), picture, 1, 1e-4, &worst, &why));
    expect_true(nn_model_set(&p.model, nn_model_find(&p.model, "w3"), ones, &file));
    expect_err(check_numbers(&p, n, vd_buf_slice(&file), picture, 1, 1e-4, &worst, &why),
               VD_CORRUPT);
    (void)net_close(n);
    vd_buf_done(&e.words);
}

static void expect_words(const past *history, unsigned epochs, unsigned best, unsigned planned,
                         const char *expected)
{
    ear e = { .words = VD_BUF(65536) };
    const trainer_listener tell = { .ctx = &e, .words = hear_words };
    learn_words(history, epochs, best, planned, true, &tell);
    if (!strstr(e.words.data, expected)) print_error("'%s' is not in:\n%s", expected, e.words.data);
    expect_true(strstr(e.words.data, expected) != NULL);
    vd_buf_done(&e.words);
}

// covers: CIR-4
VD_TEST(over_and_under_fitting_are_told_in_words)
{
    static const past over[] = { { NAN, 3, 0.5 },
                                 { 2.0, 2.0, 0.6 },
                                 { 1.5, 1.6, 0.7 },
                                 { 1.0, 1.7, 0.69 },
                                 { 0.7, 1.9, 0.68 } };
    static const past flat[] = { { NAN, 3, 0.5 }, { 2.0, 2.0, 0.5 }, { 1.99, 2.0, 0.51 } };
    static const past open[] = { { NAN, 3, 0.5 }, { 2.0, 2.5, 0.5 }, { 1.5, 2.0, 0.6 } };
    static const past worse[] = { { NAN, 1, 0.9 }, { 2.0, 1.5, 0.5 }, { 1.5, 1.4, 0.6 } };
    expect_words(over, 4, 2, 10,
                 "validation stopped falling at epoch 2 while training went on: it begins to "
                 "remember the pictures");
    expect_words(over, 4, 2, 10, "stopped after epoch 4 of 10");
    expect_words(flat, 2, 2, 2, "it learns too little");
    expect_words(open, 2, 2, 2, "still falling at the last epoch");
    expect_words(worse, 2, 0, 2, "no epoch did better than the start model");
}

VD_TEST(three_pictures_are_trained_with_a_warning)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const tiny_options few = { .train = 2, .val = 1 };
    tiny t = tiny_make(dir.path, &few);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    s.epochs = 2;
    expect_ok(train(&t, "a", &s, &e, &r, NULL));
    expect_true(strstr(e.words.data, "2 pictures are few") != NULL);
    vd_buf_done(&e.words);
}

VD_TEST(a_picture_that_is_not_there_or_not_itself_is_named)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(set) s = { 0 };
    tiny t = tiny_make(dir.path, &squares);
    trainer_settings settings = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    vd_why why = { 0 };
    char path[256];
    expect_ok(set_load(t.manifest, &s, NULL));
    (void)snprintf(path, sizeof(path), "%s/%s", t.pictures, s.picture[3].digest);
    expect_ok(vd_file_save(path, 0600, VD_STR("no picture"), NULL));
    expect_err(train(&t, "a", &settings, &e, &r, &why), VD_CORRUPT);
    expect_true(strstr(why.fact, s.picture[3].digest) != NULL);
    expect_i64(unlink(path), 0);
    expect_err(train(&t, "a", &settings, &e, &r, &why), VD_ABSENT);
    expect_true(strstr(why.detail, s.picture[3].digest) != NULL);
    vd_buf_done(&e.words);
}

// covers: PRE-1 CIR-4
VD_TEST(a_model_is_trained_behind_its_chain_and_the_result_keeps_it)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const tiny_options turned = { .train = 24,
                                  .val = 8,
                                  .chain = "[{rotate: 90}, {light: {gamma: 0.8}}, grey]" };
    tiny t = tiny_make(dir.path, &turned);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    VD_AUTO(vd_buf) was = VD_BUF(4096), is = VD_BUF(4096);
    trainer_result r;
    vd_descriptor *before, *after;
    char path[160];
    expect_ok(train(&t, "a", &s, &e, &r, NULL));
    expect_true(r.loss_last < r.loss_first);
    (void)snprintf(path, sizeof(path), "%s/a/model.onnx", t.folder);
    expect_ok(vd_descriptor_load(t.model, &before, NULL));
    expect_ok(vd_descriptor_load(path, &after, NULL));
    expect_true(vd_chain_print(vd_descriptor_facts_of(before)->chain, &was));
    expect_true(vd_chain_print(vd_descriptor_facts_of(after)->chain, &is));
    expect_str(is.data, was.data);
    (void)vd_descriptor_free(before);
    (void)vd_descriptor_free(after);
    vd_buf_done(&e.words);
}

// covers: PRE-1 CIR-4
VD_TEST(a_model_that_looks_at_tiles_is_refused_with_the_way_on)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const tiny_options tiled = { .train = 2, .val = 2, .chain = "[{tile: {size: [48, 48]}}]" };
    tiny t = tiny_make(dir.path, &tiled);
    trainer_settings s = tiny_settings();
    ear e = { .words = VD_BUF(65536) };
    trainer_result r;
    vd_why why = { 0 };
    expect_err(train(&t, "a", &s, &e, &r, &why), VD_INVALID);
    expect_true(strstr(why.fact, "tiles") && strstr(why.detail, "48x48"));
    expect_true(strstr(why.hint, "'tile'") != NULL);
    expect_true(!is_there(&t, "a/model.onnx"));
    vd_buf_done(&e.words);
}

VD_TEST_MAIN(VD_RUN(a_detector_learns_and_the_same_seed_gives_the_same_bytes),
             VD_RUN(the_trained_detector_takes_the_start_models_place),
             VD_RUN(frozen_layers_stay_as_they_were),
             VD_RUN(a_stopped_run_goes_on_and_gives_the_model_it_would_have_given),
             VD_RUN(a_killed_program_leaves_a_checkpoint_that_gives_the_same_model),
             VD_RUN(a_full_disk_leaves_nothing_half_done_and_a_way_on),
             VD_RUN(a_loss_that_is_no_number_is_caught_and_told),
             VD_RUN(an_operation_that_is_not_known_is_refused_by_name),
             VD_RUN(a_classifier_gets_a_new_head_for_new_classes),
             VD_RUN(a_file_with_other_numbers_than_torch_gave_is_refused),
             VD_RUN(over_and_under_fitting_are_told_in_words),
             VD_RUN(three_pictures_are_trained_with_a_warning),
             VD_RUN(a_picture_that_is_not_there_or_not_itself_is_named),
             VD_RUN(a_model_is_trained_behind_its_chain_and_the_result_keeps_it),
             VD_RUN(a_model_that_looks_at_tiles_is_refused_with_the_way_on))
