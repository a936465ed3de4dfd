/* job_priv.h - one leased run: what it needs is fetched, what it says goes to the hub, what it
 * makes is left there.
 *
 *   STATE/pictures/DIGEST      kept between runs
 *   STATE/runs/RUN/            manifest.json, the start model, checkpoint.bin, the results; goes
 *                              when the run has ended */
#ifndef VD_JOB_PRIV_H
#define VD_JOB_PRIV_H
#include "figures_priv.h"
#include "link_priv.h"

#define JOB_POINTS_MAX 200
#define JOB_WORDS_MAX  50

typedef struct {
    uint64_t step;
    trainer_value value[16];
    unsigned count;
} job_point;

typedef struct {
    hub_link *link;
    const trainer_config *config;
    figures *figures;
    const vd_json *run; /* as leased */
    char id[32], lease[32], kind[16];
    char pictures[TRAINER_PATH_ROOM / 2], folder[TRAINER_PATH_ROOM / 2];
    char manifest[TRAINER_PATH_ROOM], model[TRAINER_PATH_ROOM];
    trainer_settings settings;
    /* waiting to be told */
    job_point point[JOB_POINTS_MAX];
    unsigned point_count;
    char words[JOB_WORDS_MAX][400];
    unsigned word_count;
    uint64_t step, steps;
    int64_t told_us, sent_us;
    bool cancelled; /* the hub said: no further */
    char reason[160];
} job;

/* Manifest, model, descriptor, pictures, checkpoint. */
VD_MUST_USE vd_err job_fetch(job *j, vd_why *why);
/* Tells the hub when it is time (or `now`); false: stop. */
bool job_tell(job *j, bool now);
void job_say(job *j, const char *text);
void job_note(job *j, uint64_t step, uint64_t steps, const trainer_value *values, unsigned count);
/* Sends FOLDER/name. */
VD_MUST_USE vd_err job_leave(job *j, const char *name, vd_why *why);
VD_MUST_USE vd_err job_finish(job *j, vd_err err, const vd_why *what, vd_why *why);
void job_clear(job *j);
void job_path(const job *j, const char *name, char into[TRAINER_PATH_ROOM]);

/* What each kind of run does (kinds.c). */
typedef vd_err (*job_kind)(job *j, vd_why *why);
job_kind job_kind_of(const char *name); /* NULL: not known here */
#endif
