/* analysis.c - the one thread that looks at pictures, in the order of turns.h. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"

#define MODEL_RETRY_US 30000000
#define AWAKE_US       3000000 /* every picture is decoded for this long after somebody was seen */
#define MODEL_ASK_US   1000000
#define BACK_JUMP_US   2000000 /* pictures this much older than the last: the clock was set back */

typedef struct {
    vd_detections detections;
    rule_set rules;
    char profile[VD_PROFILE_ROOM];
    int64_t tried_us, asked_us; /* monotonic: for the main model, for the others */
} looker;

static void hand_over(lane *l, const vd_fact *facts, unsigned count, vd_frame *frame,
                      const vd_detections *detections)
{
    if (count)
        vd_events_facts(l->events, facts, count, frame, detections, vd_lineup_words(l->lineup));
}

static void tell_tracks(lane *l, int64_t utc_us)
{
    const vd_track *tracks;
    unsigned count;

    vd_scene_tracks(l->scene, &tracks, &count);
    vd_events_tracks(l->events, tracks, count, utc_us);
}

/* While somebody whom a rule is about is seen, every picture is wanted: one who stands still moves
 * nothing. Parked cars that no rule names let the camera sleep. */
static void stay_awake(const looker *me, lane *l, int64_t utc_us)
{
    const vd_track *tracks;
    unsigned count;
    const vd_vocabulary *words = vd_lineup_words(l->lineup);
    bool wanted = false;

    vd_scene_tracks(l->scene, &tracks, &count);
    for (unsigned i = 0; !wanted && i < count; i++)
        wanted = vd_scene_wants(l->scene, tracks[i].class_id);
    for (unsigned i = 0; !wanted && i < me->detections.count; i++) {
        const vd_detection *d = &me->detections.item[i];
        wanted = d->score >= vd_vocabulary_model_of(words, d->class_id)->score_min &&
                 vd_scene_wants(l->scene, d->class_id);
    }
    if (wanted) vd_camera_awake(l->camera, utc_us + AWAKE_US);
}

void analysis_end_scene(lane *l)
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
        analysis_end_scene(l);
        l->scene = vd_scene_free(l->scene);
    }
    l->last_utc_us = utc_us;
}

/* The scene with the rules that hold now. They are copied: the hub may change them meanwhile. */
static vd_err scene_ready(looker *me, lane *l)
{
    const vd_vocabulary *words = vd_lineup_words(l->lineup);

    pthread_mutex_lock(&l->agent->lock);
    bool changed = l->rules_changed || !l->scene;
    l->rules_changed = false;
    if (changed && l->rules)
        me->rules = *l->rules;
    else if (changed)
        me->rules.count = 0;
    pthread_mutex_unlock(&l->agent->lock);
    if (!changed) return VD_OK;
    if (l->scene) return vd_scene_set_rules(l->scene, me->rules.rule, me->rules.count, words);
    return vd_scene_new(me->rules.rule, me->rules.count, words, &l->scene);
}

/* VD_RETRY: a scorer that is busy or away says so for each picture. */
static void note_failure(lane *l, vd_err err, const vd_why *why)
{
    pthread_mutex_lock(&l->agent->lock);
    l->analysis_errors++;
    l->analysis_why = *why;
    pthread_mutex_unlock(&l->agent->lock);
    vd_log_why(err == VD_RETRY ? VD_LOG_WARN : VD_LOG_ERROR, "model.failed",
               "a picture could not be looked at", why, "camera", l->config->id, NULL);
}

static void note_success(lane *l)
{
    pthread_mutex_lock(&l->agent->lock);
    l->analysis_why.fact[0] = '\0';
    pthread_mutex_unlock(&l->agent->lock);
}

/* The camera's first model is the one that statistics, samples and the trial of a release are
 * about. */
static void note_first(looker *me, lane *l, vd_frame *frame, const vd_lineup_look *look)
{
    bool looked = look->looked & 1, failed = look->failed & 1;
    bool is_main = config_camera_wants(l->config, l->agent->config, 0);
    const vd_vocabulary *words = vd_lineup_words(l->lineup);

    if (looked && is_main) vd_models_picture(l->agent->models, failed ? &look->why : NULL);
    if (!looked || failed) return;
    vd_sketches_seen(l->sketches, &me->detections, words);
    vd_samples_seen(l->sampler, frame, &me->detections, words);
}

/* Only where a rule asks: it takes a megabyte, and a moment twice a second. */
static void tell_still(lane *l, const vd_frame *frame)
{
    const vd_picture *picture = vd_frame_picture(frame);

    if (!vd_scene_wants_still(l->scene)) {
        l->foreground = vd_foreground_free(l->foreground);
        return;
    }
    if (!l->foreground) l->foreground = vd_foreground_new();
    if (l->foreground)
        vd_scene_still(l->scene, vd_foreground_step(l->foreground, picture, picture->utc_us));
}

static void step_scene(looker *me, lane *l, vd_frame *frame)
{
    int64_t utc_us = vd_frame_picture(frame)->utc_us;
    const vd_fact *facts;
    unsigned count;

    vd_histogram_add(&l->inference,
                     (double)(me->detections.preprocess_us + me->detections.run_us) / 1e6);
    vd_history_seen(l->agent->history, l->config->id, &me->detections, vd_lineup_words(l->lineup),
                    utc_us);
    arming_now(l->agent, utc_us, me->profile);
    vd_scene_set_profile(l->scene, me->profile);
    yield_trigger(l);
    tell_still(l, frame);
    vd_scene_step(l->scene, &me->detections, utc_us, &facts, &count);
    yield_keep(l);
    if (vd_scene_unsure(l->scene))
        vd_samples_unsure(l->sampler, frame, &me->detections, vd_lineup_words(l->lineup));
    tell_tracks(l, utc_us);
    stay_awake(me, l, utc_us);
    hand_over(l, facts, count, frame, &me->detections);
}

static void look_at(looker *me, lane *l, vd_frame *frame)
{
    vd_lineup_look look;

    heed_clock(l, vd_frame_picture(frame)->utc_us);
    vd_err err = looks_ready(l);
    if (!err && !vd_lineup_words(l->lineup)) return; /* no model is there */
    if (!err) err = scene_ready(me, l);
    if (err) {
        vd_why why = { 0 };
        vd_fail(&why, err, "memory ends");
        note_failure(l, err, &why);
        return;
    }
    vd_lineup_run(l->lineup, frame, &me->detections, &look);
    atomic_store(&l->next_us, vd_lineup_next_us(l->lineup));
    if (look.failed)
        note_failure(l, look.err, &look.why);
    else if (look.looked)
        note_success(l);
    note_first(me, l, frame, &look);
    if (look.looked & ~look.failed) step_scene(me, l, frame);
}

static bool model_there(agent *a)
{
    pthread_mutex_lock(&a->lock);
    bool there = a->model != NULL;
    pthread_mutex_unlock(&a->lock);
    return there;
}

/* A model that is missing is tried again now and then; one that a new camera needs, soon. */
static void keep_models(agent *a, looker *me)
{
    int64_t now_us = vd_clock_mono_us();

    if (!model_there(a) && now_us - me->tried_us > MODEL_RETRY_US) {
        swap_load(a);
        me->tried_us = vd_clock_mono_us();
    }
    if (now_us - me->asked_us > MODEL_ASK_US) {
        looks_load(a);
        me->asked_us = vd_clock_mono_us();
    }
}

static void *analysis_run(void *arg)
{
    agent *a = arg;
    looker *me = calloc(1, sizeof *me);
    vd_turn turn;

    if (me) me->tried_us = me->asked_us = vd_clock_mono_us();
    while (me && vd_turns_take(a->turns, &turn)) {
        keep_models(a, me);
        pthread_rwlock_rdlock(&a->model_use);
        if (turn.camera == PORT_TURN)
            port_turn(a, turn.frame, &me->detections);
        else if (!turn.frame)
            analysis_end_scene(a->lane[turn.camera]);
        else
            look_at(me, a->lane[turn.camera], turn.frame);
        pthread_rwlock_unlock(&a->model_use);
        vd_frame_unref(turn.frame);
        vd_turns_done(a->turns, turn.camera);
    }
    pthread_rwlock_rdlock(&a->model_use);
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) analysis_end_scene(all.lane[i]);
    pthread_rwlock_unlock(&a->model_use);
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
