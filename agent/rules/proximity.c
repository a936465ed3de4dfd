/* Two things too near each other on the ground. The first stands at its foot point; the other one
 * along the lower edge of its box. Their distance is that between the point and the edge once both
 * are mapped to the ground, and the closing speed is how fast it shrinks, smoothed over half a
 * second.
 *
 *      nearer than distance_m     for dwell_ms              farther (by a tenth), or away, for
 *   ------------------> WAITING ----------> OPEN (BEGIN) ---------------------> END    leave_ms
 *
 * Who lies within the other's box from the first is on or in it (a driver), until both have been
 * seen apart. */
#include <math.h>

#include "scene_priv.h"

#define PAIRS_MAX 256 /* of one rule, at once; beyond it new ones wait */
#define FOLLOW    2.0 /* pairs within so many times the distance are followed */
#define BACK_BY   1.1 /* how far over the distance they must be to count as apart */
#define SMOOTH_S  0.5
#define KEEP_US   2000000 /* a pair not measured for so long is forgotten */
#define WITHIN    0.8f
#define MEASURES  3 /* before a speed is believed */

typedef struct {
    uint32_t birth, other_birth; /* 0: free */
    uint64_t visit;              /* 0: not open */
    bool apart, waiting;
    unsigned measures;
    double distance_m, closing_mps, least_m, told_m, most_mps;
    int64_t measured_us, since_us, near_us, better_us;
    vd_track track, other; /* when they were nearest since the last fact */
} pair;

typedef struct {
    double from[2], to[2]; /* metres: the lower edge */
    uint16_t slot;
} edge;

typedef struct {
    unsigned edge_count;
    edge edge[VD_TRACKS_MAX];
    unsigned pair_count; /* places ever used */
    pair pair[PAIRS_MAX];
} proximity;

static double to_segment(const double p[2], const edge *e)
{
    double dx = e->to[0] - e->from[0], dy = e->to[1] - e->from[1];
    double length2 = dx * dx + dy * dy, along = 0;
    if (length2 > 0) along = ((p[0] - e->from[0]) * dx + (p[1] - e->from[1]) * dy) / length2;
    along = fmin(fmax(along, 0), 1);
    return hypot(p[0] - e->from[0] - along * dx, p[1] - e->from[1] - along * dy);
}

static bool is_within(const vd_box *small, const vd_box *large)
{
    float w = fminf(small->l + small->w, large->l + large->w) - fmaxf(small->l, large->l);
    float h = fminf(small->t + small->h, large->t + large->h) - fmaxf(small->t, large->t);
    return w > 0 && h > 0 && w * h >= WITHIN * small->w * small->h;
}

static void gather_others(vd_scene *scene, held *h, proximity *p)
{
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    p->edge_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const vd_track *t = &vd_tracker_slot(scene->tracker, active[i])->as;
        if (!t->seen || !t->id || !class_wanted(&h->others, t->class_id)) continue;
        if (t->score < h->rule.score_min) continue;
        float y = fminf(t->box.t + t->box.h, 1);
        edge e = { .slot = active[i] };
        if (!vd_ground_at(&h->rule.near.ground, (vd_point){ t->box.l, y }, e.from)) continue;
        if (!vd_ground_at(&h->rule.near.ground, (vd_point){ t->box.l + t->box.w, y }, e.to))
            continue;
        p->edge[p->edge_count++] = e;
    }
}

static pair *pair_find(proximity *p, const vd_tracked *t, const vd_tracked *other)
{
    for (unsigned i = 0; i < p->pair_count; i++) {
        pair *at = &p->pair[i];
        if (at->birth == t->birth && at->other_birth == other->birth) return at;
    }
    return NULL;
}

static pair *pair_new(proximity *p)
{
    for (unsigned i = 0; i < p->pair_count; i++)
        if (!p->pair[i].birth) return &p->pair[i];
    return p->pair_count < PAIRS_MAX ? &p->pair[p->pair_count++] : NULL;
}

static void fill(vd_scene *scene, const held *h, vd_fact *fact, const pair *at)
{
    fact->track = at->track;
    fact->other = at->other;
    fact->best_score = at->track.score;
    fact_say(scene, fact, "distance_m", "%.1f", at->least_m);
    fact_say(scene, fact, "limit_m", "%.1f", (double)h->rule.near.distance_m);
    if (at->measures >= MEASURES) fact_say(scene, fact, "closing_mps", "%.1f", at->most_mps);
}

static void measure(vd_scene *scene, pair *at, double distance_m, const vd_track *t,
                    const vd_track *other)
{
    double dt = (double)(scene->utc_us - at->measured_us) / 1e6;
    if (at->measures && dt > 0) {
        double speed = (at->distance_m - distance_m) / dt;
        double weight = at->measures == 1 ? 1 : 1 - exp(-dt / SMOOTH_S);
        at->closing_mps += (speed - at->closing_mps) * weight;
    }
    at->measures++;
    at->measured_us = scene->utc_us;
    at->distance_m = distance_m;
    if (at->measures >= MEASURES) at->most_mps = fmax(at->most_mps, at->closing_mps);
    if (!is_within(&t->box, &other->box)) at->apart = true;
}

static bool is_near(const held *h, const pair *at)
{
    const vd_rule *rule = &h->rule;
    if (!at->apart && !rule->near.riders) return false;
    if (at->distance_m >= (double)rule->near.distance_m * (at->visit ? BACK_BY : 1)) return false;
    if (at->visit || rule->near.closing_mps <= 0) return true;
    return at->measures >= MEASURES && at->closing_mps >= (double)rule->near.closing_mps;
}

static void tell(vd_scene *scene, held *h, pair *at)
{
    vd_fact *fact = NULL;
    if (!at->visit) {
        if (scene->utc_us - at->since_us < h->rule.dwell_ms * 1000) return;
        fact = fact_begin(scene, h, at->since_us);
        if (fact) at->visit = fact->visit;
    } else if (at->least_m < at->told_m * 0.85 && scene->utc_us - at->better_us >= BETTER_EACH_US) {
        fact = fact_better(scene, h, at->visit, at->since_us);
    }
    if (!fact) return;
    at->told_m = at->least_m;
    at->better_us = scene->utc_us;
    fill(scene, h, fact, at);
}

static void finish(vd_scene *scene, held *h, pair *at)
{
    if (at->visit) fill(scene, h, fact_end(scene, h, at->visit, at->since_us, at->near_us), at);
    at->visit = 0;
    at->waiting = false;
    at->most_mps = 0;
}

static void judge(vd_scene *scene, held *h, pair *at, const vd_track *t, const vd_track *other)
{
    if (!is_near(h, at)) {
        if (!at->visit) at->waiting = false;
        return;
    }
    if (!at->waiting) {
        at->since_us = scene->utc_us;
        at->least_m = INFINITY;
    }
    at->waiting = true;
    at->near_us = scene->utc_us;
    if (at->distance_m <= at->least_m) {
        at->least_m = at->distance_m;
        at->track = *t;
        at->other = *other;
    }
    tell(scene, h, at);
}

/* Of the same kind: one pair, not two. */
static bool is_mirror(const held *h, const vd_tracked *t, const vd_tracked *other)
{
    return other->birth > t->birth && class_wanted(&h->others, t->as.class_id) &&
           class_wanted(&h->classes, other->as.class_id);
}

static void look_at_pair(vd_scene *scene, held *h, const vd_tracked *t, const double at_m[2],
                         const edge *e)
{
    proximity *p = h->state;
    const vd_tracked *other = vd_tracker_slot(scene->tracker, e->slot);
    if (other == t || is_mirror(h, t, other)) return;
    double distance_m = to_segment(at_m, e);
    pair *at = pair_find(p, t, other);
    if (!at && distance_m < FOLLOW * (double)h->rule.near.distance_m) {
        at = pair_new(p);
        if (at) *at = (pair){ .birth = t->birth, .other_birth = other->birth };
    }
    if (!at) return;
    measure(scene, at, distance_m, &t->as, &other->as);
    judge(scene, h, at, &t->as, &other->as);
}

static void look_at(vd_scene *scene, held *h, unsigned slot)
{
    const proximity *p = h->state;
    const vd_tracked *t = vd_tracker_slot(scene->tracker, slot);
    double at_m[2];
    if (!t->as.seen || !t->as.id || !class_wanted(&h->classes, t->as.class_id)) return;
    if (t->as.score < h->rule.score_min || !held_has(h, foot_of(&t->as.box))) return;
    if (!vd_ground_at(&h->rule.near.ground, foot_of(&t->as.box), at_m)) return;
    for (unsigned i = 0; i < p->edge_count; i++) look_at_pair(scene, h, t, at_m, &p->edge[i]);
}

static void step(vd_scene *scene, held *h)
{
    proximity *p = h->state;
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    gather_others(scene, h, p);
    for (unsigned i = 0; p->edge_count && i < count; i++) look_at(scene, h, active[i]);
    for (unsigned i = 0; i < p->pair_count; i++) {
        pair *at = &p->pair[i];
        if (at->visit && scene->utc_us - at->near_us > h->rule.leave_ms * 1000)
            finish(scene, h, at);
        if (at->birth && !at->visit && scene->utc_us - at->measured_us > KEEP_US) *at = (pair){ 0 };
    }
}

static void end(vd_scene *scene, held *h)
{
    proximity *p = h->state;
    for (unsigned i = 0; i < p->pair_count; i++) finish(scene, h, &p->pair[i]);
    p->pair_count = 0;
}

const kind_ops proximity_ops = { sizeof(proximity), step, end };
