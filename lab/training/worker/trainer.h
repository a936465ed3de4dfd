/* trainer.h - a dataset, a start model, settings and a seed become a model and its report.
 *
 * vedette-trainer's inside: the same calls serve the local mode and the worker. One thread calls;
 * torch uses `threads` cores inside. The same dataset, model, settings, seed and number of threads
 * give the same bytes, also when the run was killed and taken up again from its checkpoint. */
#ifndef VD_TRAINER_H
#define VD_TRAINER_H
#include "vd/blob.h"
#include "vd/config.h"

#define TRAINER_PATH_ROOM  1024
#define TRAINER_VALUES_MAX 8

/* What decides the result (trainer.default.yaml is the manual). */
typedef struct {
    int64_t seed, epochs, batch, patience, checkpoint_ms, variants, threads, cache_mb;
    double learning_rate, weight_decay, freeze, size_weight, tolerance;
    double flip, scale, colour;
    bool augment;
} trainer_settings;

typedef struct {
    const char *url, *token_file, *ca_file, *name, *state_dir; /* NULL: not given */
    int64_t poll_ms;
    const char *metrics_address;
    int64_t metrics_port; /* -1: none, 0: any free one */
    bool train, evaluate, quantize;
} trainer_worker;

typedef struct {
    trainer_settings train;
    trainer_worker worker;
    vd_config *config; /* owns the texts */
} trainer_config;
/* `path` NULL: the defaults. Unknown keys are VD_INVALID. Owner: caller, trainer_config_done. */
VD_MUST_USE vd_err trainer_config_load(const char *path, trainer_config *ret_config, vd_why *why);
void trainer_config_done(trainer_config *config);
VD_AUTO_DEFINE(trainer_config, trainer_config_done)
/* Reads the settings of one run over those that are there; members that are no settings of training
 * are let pass (a run's `config` has some). */
VD_MUST_USE vd_err trainer_settings_read(const vd_config_node *map, trainer_settings *settings,
                                         vd_why *why);

typedef struct {
    const char *name; /* "train_loss" */
    double value;
} trainer_value;
/* Who listens to a run. Called from the thread that trains. */
typedef struct {
    void *ctx;
    /* After each step and each epoch; values only when there are new ones. False: stop, keep the
     * checkpoint (the run ends with VD_GONE). */
    bool (*progress)(void *ctx, uint64_t step, uint64_t steps, const trainer_value *values,
                     unsigned count);
    void (*words)(void *ctx, const char *text);
    /* A checkpoint is on disk. May be NULL. */
    void (*checkpoint)(void *ctx, const char *path);
} trainer_listener;

typedef struct {
    const char *manifest; /* file */
    const char *pictures; /* folder: DIGEST, DIGEST.jpg or di/DIGEST */
    const char *model;    /* .onnx, its descriptor beside it */
    const char *out;      /* folder, made when it is not there: model.onnx, model.model.yaml,
                             report.json, checkpoint.bin; while it runs also features.bin */
    trainer_settings settings;
    trainer_listener listener;
} trainer_job;
typedef struct {
    unsigned epochs, best_epoch;
    double loss_first, loss_last;       /* of training */
    double measure_start, measure_best; /* of validation: mAP50, or accuracy */
    bool resumed;
    vd_digest model;
} trainer_result;
/* Trains, compares the numbers of the result with ONNX Runtime's, writes the files. VD_GONE: the
 * listener asked to stop, or SIGTERM came. Other failures leave no model; the checkpoint of the
 * last whole epoch stays, and the same call takes up from there. */
VD_MUST_USE vd_err trainer_train(const trainer_job *job, trainer_result *ret_result, vd_why *why);

/* Asks the hub for runs and works on them until a stop is asked (vd_stop_asked). A run that a stop
 * interrupts is taken up again by the next worker. VD_INVALID: settings are missing. */
VD_MUST_USE vd_err trainer_work(const trainer_config *config, vd_why *why);

const char *trainer_torch_version(void);
#endif
