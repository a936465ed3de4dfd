/* analysis.c - the one thread that looks at pictures, in the order of turns.h. */
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/clock.h"

#define MODEL_RETRY_US 30000000
#define BACK_JUMP_US   2000000 /* pictures this much older than the last: the clock was set back */

typedef struct {
    vd_detections detections;
    rule_set rules;
} looker;

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

static void tell_tracks(lane *l, int64_t utc_us)
{
    const vd_track *tracks;
    unsigned count;

    vd_scene_tracks(l->scene, &tracks, &count);
    vd_events_tracks(l->events, tracks, count, utc_us);
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

/* The scene with the rules that hold now. They are copied: the hub may change them meanwhile. */
static vd_err scene_ready(looker *me, lane *l)
{
    const vd_model *model = l->agent->model;

    pthread_mutex_lock(&l->agent->lock);
    bool changed = l->rules_changed || !l->scene;
    l->rules_changed = false;
    if (changed && l->rules)
        me->rules = *l->rules;
    else if (changed)
        me->rules.count = 0;
    pthread_mutex_unlock(&l->agent->lock);
    if (!changed) return VD_OK;
    if (l->scene) return vd_scene_set_rules(l->scene, me->rules.rule, me->rules.count, model);
    return vd_scene_new(me->rules.rule, me->rules.count, model, &l->scene);
}

static void note_failure(lane *l, const vd_why *why)
{
    pthread_mutex_lock(&l->agent->lock);
    l->analysis_errors++;
    pthread_mutex_unlock(&l->agent->lock);
    vd_log_why(VD_LOG_ERROR, "model.failed", "a picture could not be looked at", why, "camera",
               l->config->id, NULL);
}

static void look_at(looker *me, lane *l, vd_frame *frame)
{
    int64_t utc_us = vd_frame_picture(frame)->utc_us;
    vd_why why = { 0 };
    const vd_fact *facts;
    unsigned count;

    heed_clock(l, utc_us);
    vd_err err = scene_ready(me, l);
    if (!err) err = vd_model_run(l->agent->model, frame, &me->detections, &why);
    if (err) {
        note_failure(l, &why);
        return;
    }
    vd_scene_step(l->scene, &me->detections, utc_us, &facts, &count);
    tell_tracks(l, utc_us);
    hand_over(l, facts, count, frame, &me->detections);
}

static void *analysis_run(void *arg)
{
    agent *a = arg;
    looker *me = calloc(1, sizeof *me);
    int64_t tried_us = vd_clock_mono_us();
    vd_turn turn;

    while (me && vd_turns_take(a->turns, &turn)) {
        if (!a->model && vd_clock_mono_us() - tried_us > MODEL_RETRY_US) {
            analysis_load_model(a);
            tried_us = vd_clock_mono_us();
        }
        if (!turn.frame)
            close_scene(&a->lane[turn.camera]);
        else if (a->model)
            look_at(me, &a->lane[turn.camera], turn.frame);
        vd_frame_unref(turn.frame);
        vd_turns_done(a->turns, turn.camera);
    }
    for (unsigned i = 0; i < a->lane_count; i++) close_scene(&a->lane[i]);
    free(me);
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
    vd_turns_stop(a->turns);
    pthread_join(a->analysis, NULL);
    a->analysing = false;
}
