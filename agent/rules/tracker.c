#include "tracker_priv.h"

#include <math.h>
#include <stdlib.h>

#include "match_priv.h"

/* Noise, as shares of the object's size: how far a detector's box is off, how far a thing strays
 * from its course within a second, and how fast it may be when first seen. */
#define MEASURE_SD   0.05f
#define STRAY_SD     0.12f /* position, per square root of a second */
#define SPEED_SD     0.40f /* velocity change, per square root of a second */
#define FIRST_SD     0.10f
#define FIRST_SPEED  1.50f
#define LIMIT_HIGH   0.90f /* greatest 1 - IoU of a pair: high scores, low scores, new tracks */
#define LIMIT_LOW    0.60f
#define LIMIT_NEW    0.75f
#define BLIND_US     12000000 /* two looks of the slowest model there may be, and some */
#define WEIGHT_FLOOR 0.80f    /* how much the score may take from a pair's IoU */

struct vd_tracker {
    vd_tracker_config config;
    vd_matcher *matcher;
    vd_tracked slot[VD_TRACKS_MAX];
    uint16_t active[VD_TRACKS_MAX], spare[VD_TRACKS_MAX];
    unsigned active_count, spare_count;
    uint32_t last_id, births;
    int64_t utc_us;
    /* Of one step. */
    vd_match_item left[VD_TRACKS_MAX], right[VD_DETECTIONS_MAX];
    int16_t right_of[VD_TRACKS_MAX];
    bool used[VD_DETECTIONS_MAX];
};

vd_tracker *vd_tracker_new(const vd_tracker_config *config)
{
    vd_tracker *tracker = calloc(1, sizeof *tracker);
    if (tracker) tracker->matcher = vd_matcher_new();
    if (!tracker || !tracker->matcher) return vd_tracker_free(tracker);
    tracker->config = *config;
    vd_tracker_clear(tracker);
    return tracker;
}

vd_tracker *vd_tracker_free(vd_tracker *tracker)
{
    if (tracker) vd_matcher_free(tracker->matcher);
    free(tracker);
    return NULL;
}

void vd_tracker_configure(vd_tracker *tracker, const vd_tracker_config *config)
{
    tracker->config = *config;
}

void vd_tracker_clear(vd_tracker *tracker)
{
    tracker->active_count = 0;
    tracker->spare_count = 0;
    for (unsigned i = VD_TRACKS_MAX; i-- > 0;) {
        tracker->slot[i].state = VD_TRACK_FREE;
        tracker->spare[tracker->spare_count++] = (uint16_t)i;
    }
}

const vd_tracked *vd_tracker_slot(const vd_tracker *tracker, unsigned slot)
{
    return &tracker->slot[slot];
}

const uint16_t *vd_tracker_active(const vd_tracker *tracker, unsigned *ret_count)
{
    *ret_count = tracker->active_count;
    return tracker->active;
}

static float square(float x)
{
    return x * x;
}

static void axis_start(vd_axis *axis, float at, float size)
{
    *axis = (vd_axis){ .pos = at,
                       .pos_var = square(FIRST_SD * size),
                       .vel_var = square(FIRST_SPEED * size) };
}

static void axis_predict(vd_axis *axis, float size, float dt)
{
    axis->pos += axis->vel * dt;
    axis->pos_var += dt * (2 * axis->cov + dt * axis->vel_var) + square(STRAY_SD * size) * dt;
    axis->cov += dt * axis->vel_var;
    axis->vel_var += square(SPEED_SD * size) * dt;
}

static void axis_correct(vd_axis *axis, float seen, float size)
{
    float spread = axis->pos_var + square(MEASURE_SD * size), off = seen - axis->pos;
    float pos_gain = axis->pos_var / spread, vel_gain = axis->cov / spread;
    axis->pos += pos_gain * off;
    axis->vel += vel_gain * off;
    axis->vel_var -= vel_gain * axis->cov;
    axis->cov -= pos_gain * axis->cov;
    axis->pos_var -= pos_gain * axis->pos_var;
}

/* Sizes that noise is measured in. Boxes are shares of a picture wider than high; a thin person
 * moves sideways as fast as its height tells, not its width. */
static float size_x(const vd_box *box)
{
    return fmaxf(fmaxf(box->w, box->h * 0.6f), 0.004f);
}

static float size_y(const vd_box *box)
{
    return fmaxf(box->h, 0.004f);
}

static vd_box box_of(const vd_tracked *t)
{
    float w = fmaxf(t->w.pos, 0.001f), h = fmaxf(t->h.pos, 0.001f);
    return (vd_box){ t->cx.pos - w / 2, t->cy.pos - h / 2, w, h };
}

static void track_predict(vd_tracked *t, float dt)
{
    float sx = size_x(&t->as.box), sy = size_y(&t->as.box);
    if (!t->as.seen) t->w.vel = t->h.vel = 0; /* an unseen thing neither grows nor shrinks away */
    axis_predict(&t->cx, sx, dt);
    axis_predict(&t->cy, sy, dt);
    axis_predict(&t->w, sx, dt);
    axis_predict(&t->h, sy, dt);
    t->as.box = box_of(t);
    t->as.seen = false;
    t->as.detection = -1;
}

static void track_seen(vd_tracker *tracker, vd_tracked *t, const vd_detection *seen, int index)
{
    const vd_box *box = &seen->box;
    float sx = size_x(box), sy = size_y(box);
    axis_correct(&t->cx, box->l + box->w / 2, sx);
    axis_correct(&t->cy, box->t + box->h / 2, sy);
    axis_correct(&t->w, box->w, sx);
    axis_correct(&t->h, box->h, sy);
    t->as.box = *box;
    t->as.score = seen->score;
    t->as.seen = true;
    t->as.detection = index;
    t->as.last_utc_us = tracker->utc_us;
    t->hits++;
    if (t->state == VD_TRACK_NEW && t->hits >= tracker->config.hits) t->as.id = ++tracker->last_id;
    if (t->as.id != 0) t->state = VD_TRACK_TRACKED;
    tracker->used[index] = true;
}

static void track_open(vd_tracker *tracker, const vd_detection *seen, int index)
{
    if (tracker->spare_count == 0) return; /* as many tracks as there may be: this one waits */
    uint16_t slot = tracker->spare[--tracker->spare_count];
    vd_tracked *t = &tracker->slot[slot];
    const vd_box *box = &seen->box;
    *t = (vd_tracked){ .state = VD_TRACK_NEW, .birth = ++tracker->births };
    t->as.class_id = seen->class_id;
    t->as.first_utc_us = tracker->utc_us;
    axis_start(&t->cx, box->l + box->w / 2, size_x(box));
    axis_start(&t->cy, box->t + box->h / 2, size_y(box));
    axis_start(&t->w, box->w, size_x(box));
    axis_start(&t->h, box->h, size_y(box));
    tracker->active[tracker->active_count++] = slot;
    track_seen(tracker, t, seen, index);
}

/* Detections with a score in [from, below) that no track has yet, against the tracks that are not
 * seen yet and are in one of `states`. */
static void stage(vd_tracker *tracker, const vd_detections *detections, float from, float below,
                  unsigned states, float limit)
{
    unsigned lefts = 0, rights = 0;
    for (unsigned i = 0; i < tracker->active_count; i++) {
        const vd_tracked *t = &tracker->slot[tracker->active[i]];
        if (t->as.seen || !(states & 1u << t->state)) continue;
        tracker->left[lefts++] = (vd_match_item){ .box = t->as.box,
                                                  .class_id = t->as.class_id,
                                                  .name = tracker->active[i] };
    }
    if (lefts == 0) return;
    for (unsigned d = 0; d < detections->count; d++) {
        const vd_detection *seen = &detections->item[d];
        if (tracker->used[d] || !(seen->score >= from) || seen->score >= below) continue;
        float weight = WEIGHT_FLOOR + (1 - WEIGHT_FLOOR) * fminf(seen->score, 1);
        tracker->right[rights++] = (vd_match_item){
            .box = seen->box, .class_id = seen->class_id, .name = (uint16_t)d, .weight = weight
        };
    }
    vd_matcher_run(tracker->matcher, tracker->left, lefts, tracker->right, rights, limit,
                   tracker->right_of);
    for (unsigned l = 0; l < lefts; l++) {
        if (tracker->right_of[l] < 0) continue;
        unsigned d = tracker->right[tracker->right_of[l]].name;
        track_seen(tracker, &tracker->slot[tracker->left[l].name], &detections->item[d], (int)d);
    }
}

static bool out_of_sight(const vd_box *box)
{
    return box->l >= 1 || box->t >= 1 || box->l + box->w <= 0 || box->t + box->h <= 0;
}

/* An unseen track of a class that nobody looked for in this picture waits, but not for ever. */
static bool waits(const vd_tracker *tracker, const vd_tracked *t, const vd_detections *detections)
{
    return tracker->utc_us - t->as.last_utc_us <= BLIND_US &&
           vd_detections_blind(detections, t->as.class_id);
}

/* Unseen tracks become LOST or go; the order of the rest stays. */
static void settle(vd_tracker *tracker, const vd_detections *detections)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < tracker->active_count; i++) {
        uint16_t slot = tracker->active[i];
        vd_tracked *t = &tracker->slot[slot];
        bool gone = false;
        if (!t->as.seen && !waits(tracker, t, detections)) {
            gone = t->state == VD_TRACK_NEW || out_of_sight(&t->as.box) ||
                   tracker->utc_us - t->as.last_utc_us > tracker->config.lost_us;
            t->state = gone ? VD_TRACK_FREE : VD_TRACK_LOST;
        }
        if (gone)
            tracker->spare[tracker->spare_count++] = slot;
        else
            tracker->active[kept++] = slot;
    }
    tracker->active_count = kept;
}

static bool box_usable(const vd_box *box)
{
    return isfinite(box->l) && isfinite(box->t) && box->w > 0 && box->h > 0 && box->w <= 4 &&
           box->h <= 4 && fabsf(box->l) <= 4 && fabsf(box->t) <= 4;
}

void vd_tracker_step(vd_tracker *tracker, const vd_detections *detections, int64_t utc_us)
{
    const vd_tracker_config *config = &tracker->config;
    float dt = tracker->active_count > 0 ? (float)(utc_us - tracker->utc_us) / 1e6f : 0;
    tracker->utc_us = utc_us;
    for (unsigned i = 0; i < tracker->active_count; i++)
        track_predict(&tracker->slot[tracker->active[i]], dt);
    for (unsigned d = 0; d < detections->count; d++)
        tracker->used[d] = !box_usable(&detections->item[d].box);
    stage(tracker, detections, config->high, INFINITY, 1u << VD_TRACK_TRACKED | 1u << VD_TRACK_LOST,
          LIMIT_HIGH);
    stage(tracker, detections, config->low, config->high, 1u << VD_TRACK_TRACKED, LIMIT_LOW);
    stage(tracker, detections, config->high, INFINITY, 1u << VD_TRACK_NEW, LIMIT_NEW);
    settle(tracker, detections);
    for (unsigned d = 0; d < detections->count; d++) {
        if (!tracker->used[d] && detections->item[d].score >= config->high)
            track_open(tracker, &detections->item[d], (int)d);
    }
}
