#include "figures_priv.h"

#include <stdio.h>

#include "vd/clock.h"
#include "vd/log.h"

static const char *const kinds[FIGURES_KINDS] = { "train", "evaluate", "quantize", "other" };
static const char *const hows[FIGURES_HOWS] = { "done", "failed", "cancelled", "left" };
static const double step_edges[] = { .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60 };

/* ---- asked by the port's thread ---- */

static void run_figures(const figures *f, vd_metrics *m)
{
    vd_metrics_family(m, "vedette_trainer_runs_taken_total", VD_METRIC_COUNTER,
                      "Runs taken from the hub's queue.");
    for (int k = 0; k < FIGURES_KINDS; k++)
        vd_metrics_int(m, VD_LABELS("kind", kinds[k]), (int64_t)f->taken[k]);
    vd_metrics_family(m, "vedette_trainer_runs_ended_total", VD_METRIC_COUNTER,
                      "Runs that ended here, by how; left: another worker takes it up again.");
    for (int k = 0; k < FIGURES_KINDS; k++)
        for (int h = 0; h < FIGURES_HOWS; h++)
            vd_metrics_int(m, VD_LABELS("kind", kinds[k], "how", hows[h]), (int64_t)f->ended[k][h]);
    vd_metrics_family(m, "vedette_trainer_run", VD_METRIC_GAUGE,
                      "1 for the kind of the run at work; all 0: none is.");
    for (int k = 0; k < FIGURES_KINDS; k++)
        vd_metrics_int(m, VD_LABELS("kind", kinds[k]), k == f->kind);
}

static void training_figures(const figures *f, vd_metrics *m)
{
    vd_metrics_family(m, "vedette_trainer_hub_answers", VD_METRIC_GAUGE,
                      "1 when the hub answered the last time it was asked for a run.");
    vd_metrics_int(m, VD_NO_LABELS, f->hub_answers);
    vd_metrics_family(m, "vedette_trainer_epochs_total", VD_METRIC_COUNTER, "Epochs trained.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)f->epochs);
    vd_metrics_family(m, "vedette_trainer_pictures_total", VD_METRIC_COUNTER,
                      "Pictures trained with, each time counted.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)f->pictures);
    vd_metrics_family(m, "vedette_trainer_checkpoints_total", VD_METRIC_COUNTER,
                      "Checkpoints written.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)f->checkpoints);
}

static void fill(void *ctx, vd_metrics *m)
{
    figures *f = ctx;
    vd_metrics_process(m, "trainer", f->started_utc_us);
    pthread_mutex_lock(&f->lock);
    run_figures(f, m);
    training_figures(f, m);
    pthread_mutex_unlock(&f->lock);
    vd_metrics_family(m, "vedette_trainer_step_seconds", VD_METRIC_HISTOGRAM,
                      "How long one step of training took.");
    vd_metrics_histogram(m, VD_NO_LABELS, &f->step);
}

/* ---- told by the worker ---- */

vd_err figures_start(figures *f, const trainer_worker *worker, vd_why *why)
{
    char port[24];
    *f = (figures){ .kind = -1, .started_utc_us = vd_clock_utc_us() };
    pthread_mutex_init(&f->lock, NULL);
    vd_histogram_init(&f->step, step_edges, VD_COUNT_OF(step_edges));
    if (worker->metrics_port < 0) return VD_OK;
    vd_err err = vd_metrics_serve(worker->metrics_address, (uint16_t)worker->metrics_port, fill, f,
                                  &f->port, why);
    if (!err)
        vd_log(VD_LOG_INFO, "metrics.ready", "figures are served on a local port", "address",
               worker->metrics_address, "port", vd_text_i64(vd_metrics_port_number(f->port), port),
               NULL);
    return err;
}

void figures_done(figures *f)
{
    f->port = vd_metrics_port_free(f->port);
}

void figures_hub(figures *f, bool answers)
{
    pthread_mutex_lock(&f->lock);
    f->hub_answers = answers;
    pthread_mutex_unlock(&f->lock);
}

void figures_take(figures *f, const char *kind)
{
    int k = 0;
    while (k < FIGURES_KINDS - 1 && strcmp(kinds[k], kind) != 0) k++;
    pthread_mutex_lock(&f->lock);
    f->kind = k;
    f->taken[k]++;
    f->since_us = 0;
    pthread_mutex_unlock(&f->lock);
}

void figures_end(figures *f, figures_how how)
{
    pthread_mutex_lock(&f->lock);
    f->ended[f->kind][how]++;
    f->kind = -1;
    pthread_mutex_unlock(&f->lock);
}

void figures_go(figures *f)
{
    f->since_us = vd_clock_mono_us(); /* only this thread uses it */
}

void figures_step(figures *f, uint64_t pictures)
{
    if (f->since_us) vd_histogram_add(&f->step, (double)(vd_clock_mono_us() - f->since_us) / 1e6);
    pthread_mutex_lock(&f->lock);
    f->pictures += pictures;
    pthread_mutex_unlock(&f->lock);
}

void figures_epoch(figures *f)
{
    pthread_mutex_lock(&f->lock);
    f->epochs++;
    pthread_mutex_unlock(&f->lock);
}

void figures_checkpoint(figures *f)
{
    pthread_mutex_lock(&f->lock);
    f->checkpoints++;
    pthread_mutex_unlock(&f->lock);
}
