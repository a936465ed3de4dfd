/* analysis.c - the one thread that looks at pictures.
 *
 * Each camera's newest picture waits in its lane. The camera that was looked at longest ago goes
 * first, and between equals the freshest picture: with more pictures than time, all cameras slow
 * down alike and none is shown an old world. */
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/clock.h"

#define MODEL_RETRY_US 30000000
#define BACK_JUMP_US   2000000 /* pictures this much older than the last: the clock was set back */

typedef struct {
    lane *lane;
    vd_frame *frame;
    bool lost, rules_changed;
    rule_set rules;
} work;

static const char *model_path(const agent_config *config)
{
    static const char *const places[] = { "var/models/centernet.onnx",
                                          "/var/lib/vedette/models/centernet.onnx" };

    if (config->model_path[0]) return config->model_path;
    return access(places[0], R_OK) == 0 || access(places[1], R_OK) != 0 ? places[0] : places[1];
}

void analysis_load_model(agent *a)
{
    const char *path = model_path(a->config);
    vd_model_options options = {
        .library = a->config->model_library[0] ? a->config->model_library : NULL,
        .threads = (int)a->config->model_threads,
    };
    vd_model *model = NULL;
    vd_why why = { 0 };

    vd_err err = vd_model_load(path, &options, &model, &why);
    pthread_mutex_lock(&a->lock);
    a->model = err ? NULL : model;
    a->model_why = why;
    pthread_mutex_unlock(&a->lock);
    if (err)
        vd_log_why(VD_LOG_ERROR, "model.refused",
                   "the model cannot be used, pictures are not "
                   "looked at",
                   &why, "model", path, NULL);
    else
        vd_log(VD_LOG_INFO, "model.loaded", "the model is ready", "model", vd_model_name(model),
               "digest", vd_model_digest(model)->hex, NULL);
}

static void hand_over(lane *l, const vd_fact *facts, unsigned count, vd_frame *frame,
                      const vd_detections *detections)
{
    if (count) vd_events_facts(l->events, facts, count, frame, detections, l->agent->model);
}

static void close_scene(lane *l)
{
    static const vd_detections nothing;
    const vd_fact *facts;
    unsigned count;

    if (!l->scene) return;
    vd_scene_close(l->scene, &facts, &count);
    hand_over(l, facts, count, NULL, &nothing);
}

static vd_err scene_ready(lane *l, work *job)
{
    if (l->scene && !job->rules_changed) return VD_OK;
    if (l->scene)
        return vd_scene_set_rules(l->scene, job->rules.rule, job->rules.count, l->agent->model);
    return vd_scene_new(job->rules.rule, job->rules.count, l->agent->model, &l->scene);
}

/* A wall clock that was set back would make every picture "older": end what is open, begin anew. */
static void heed_clock(lane *l, int64_t utc_us)
{
    if (l->last_utc_us && utc_us < l->last_utc_us - BACK_JUMP_US) {
        vd_log(VD_LOG_WARN, "camera.clock", "the camera's time went back, its visits end", "camera",
               l->config->id, NULL);
        close_scene(l);
        l->scene = vd_scene_free(l->scene);
    }
    l->last_utc_us = utc_us;
}

static void note_failure(lane *l, const vd_why *why)
{
    pthread_mutex_lock(&l->agent->lock);
    l->analysis_errors++;
    pthread_mutex_unlock(&l->agent->lock);
    vd_log_why(VD_LOG_ERROR, "model.failed", "a picture could not be looked at", why, "camera",
               l->config->id, NULL);
}

static void look_at(work *job, vd_detections *detections)
{
    lane *l = job->lane;
    int64_t utc_us = vd_frame_picture(job->frame)->utc_us;
    vd_why why = { 0 };
    const vd_fact *facts;
    unsigned count;

    heed_clock(l, utc_us);
    vd_err err = scene_ready(l, job);
    if (!err) err = vd_model_run(l->agent->model, job->frame, detections, &why);
    if (err) {
        note_failure(l, &why);
        return;
    }
    vd_scene_step(l->scene, detections, utc_us, &facts, &count);
    hand_over(l, facts, count, job->frame, detections);
}

static void work_do(work *job, vd_detections *detections)
{
    if (job->frame && job->lane->agent->model) look_at(job, detections);
    if (job->lost && !job->frame) close_scene(job->lane);
    vd_frame_unref(job->frame);
}

static bool goes_before(const lane *a, const lane *b)
{
    if (a->served_us != b->served_us) return a->served_us < b->served_us;
    return a->fresh_us > b->fresh_us;
}

/* Takes what is due, the lock is held. False: nothing is. */
static bool work_take(agent *a, work *job)
{
    lane *best = NULL;

    for (unsigned i = 0; i < a->lane_count; i++) {
        lane *l = &a->lane[i];
        if ((l->fresh || l->lost) && (!best || goes_before(l, best))) best = l;
    }
    if (!best) return false;
    job->lane = best;
    job->frame = best->fresh;
    job->lost = best->lost;
    job->rules_changed = best->rules_changed;
    if (best->rules) job->rules = *best->rules;
    if (best->fresh) best->rules_changed = false, best->analysed++;
    best->fresh = NULL;
    if (!job->frame) best->lost = false;
    best->served_us = vd_clock_mono_us();
    return true;
}

/* Waits for work; false when stopping. */
static bool work_await(agent *a, work *job)
{
    pthread_mutex_lock(&a->lock);
    while (!a->stopping && !work_take(a, job)) pthread_cond_wait(&a->changed, &a->lock);
    bool go_on = !a->stopping;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

static void *analysis_run(void *arg)
{
    agent *a = arg;
    vd_detections *detections = calloc(1, sizeof *detections);
    work *job = calloc(1, sizeof *job);
    int64_t tried_us = vd_clock_mono_us();

    while (detections && job && work_await(a, job)) {
        if (!a->model && vd_clock_mono_us() - tried_us > MODEL_RETRY_US) {
            analysis_load_model(a);
            tried_us = vd_clock_mono_us();
        }
        work_do(job, detections);
        memset(job, 0, sizeof *job);
    }
    if (job) vd_frame_unref(job->frame);
    for (unsigned i = 0; i < a->lane_count; i++) close_scene(&a->lane[i]);
    free(detections);
    free(job);
    return NULL;
}

vd_err analysis_start(agent *a, vd_why *why)
{
    if (pthread_create(&a->analysis, NULL, analysis_run, a))
        return vd_fail(why, VD_FULL, "the analysis thread cannot be started");
    a->analysing = true;
    return VD_OK;
}

void analysis_stop(agent *a)
{
    if (!a->analysing) return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->analysis, NULL);
    a->analysing = false;
}
