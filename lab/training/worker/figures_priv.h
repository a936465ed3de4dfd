/* figures_priv.h - what a worker has done since its start, for Prometheus on a local port. The
 * worker's thread tells, the port's thread reads. */
#ifndef VD_FIGURES_PRIV_H
#define VD_FIGURES_PRIV_H
#include "trainer.h"
#include "vd/metrics_serve.h"

enum { FIGURES_KINDS = 4 }; /* the last one: of a kind that this worker does not know */
/* How a run ended here; left: it waits for a worker to take it up again. */
typedef enum {
    FIGURES_DONE,
    FIGURES_FAILED,
    FIGURES_CANCELLED,
    FIGURES_LEFT,
    FIGURES_HOWS
} figures_how;

typedef struct {
    pthread_mutex_t lock;
    int64_t started_utc_us, since_us; /* since: when the step under way began, 0: not known */
    uint64_t taken[FIGURES_KINDS], ended[FIGURES_KINDS][FIGURES_HOWS];
    uint64_t epochs, pictures, checkpoints;
    bool hub_answers;
    int kind; /* of the run at work, -1: none */
    vd_histogram step;
    vd_metrics_port *port;
} figures;

/* Serves them when the settings name a port. Owner: caller, figures_done. */
VD_MUST_USE vd_err figures_start(figures *f, const trainer_worker *worker, vd_why *why);
void figures_done(figures *f);
VD_AUTO_DEFINE(figures, figures_done)

void figures_hub(figures *f, bool answers);
void figures_take(figures *f, const char *kind);
void figures_end(figures *f, figures_how how);
/* Training goes on from now: the next step is timed from here. */
void figures_go(figures *f);
void figures_step(figures *f, uint64_t pictures);
void figures_epoch(figures *f);
void figures_checkpoint(figures *f);
#endif
