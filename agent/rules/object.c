/* Objects that were left and things that are gone: blobs that stand still (foreground.h) and that
 * nothing known explains.
 *
 *      large enough, in the zone        still, and uncovered for dwell_ms        gone for leave_ms
 *   -------------------------> WATCHED ------------------------------> OPEN (BEGIN) ----------> END
 *
 * Covered: a thing of a class that explains stands before half of it, for ATTENDED_US in all, and
 * not only walks by. Once told, it stays told until it is gone. */
#include <math.h>

#include "scene_priv.h"

#define SLOTS       VD_STILLS_MAX
#define COVERED     0.5f
#define ROUND_US    1000000
#define ATTENDED_US 5000000

typedef struct {
    vd_still still; /* as last seen; id 0: free */
    uint64_t visit; /* 0: not told */
    int64_t bare_us, last_us;
    int64_t covered_us; /* for so long, less what it was bare since */
} object;

typedef struct {
    object slot[SLOTS];
} objects;

static vd_box box_of(const vd_still *still)
{
    return (vd_box){ still->l, still->t, still->w, still->h };
}

static float shared(const vd_box *a, const vd_box *b)
{
    float w = fminf(a->l + a->w, b->l + b->w) - fmaxf(a->l, b->l);
    float h = fminf(a->t + a->h, b->t + b->h) - fmaxf(a->t, b->t);
    return w > 0 && h > 0 ? w * h : 0;
}

/* Without classes all that the models know explains. */
static bool is_covered(vd_scene *scene, const held *h, const vd_still *still)
{
    vd_box box = box_of(still);
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    for (unsigned i = 0; i < count; i++) {
        const vd_track *t = &vd_tracker_slot(scene->tracker, active[i])->as;
        if (h->rule.class_count && !class_wanted(&h->classes, t->class_id)) continue;
        if (t->score >= h->rule.score_min && shared(&box, &t->box) >= COVERED * box.w * box.h)
            return true;
    }
    return false;
}

static bool is_wanted(const held *h, const vd_still *still)
{
    vd_object_what what = h->rule.object.what;
    vd_point middle = { still->l + still->w / 2, still->t + still->h / 2 };
    if (what != VD_OBJECT_EITHER && (what == VD_OBJECT_REMOVED) != still->removed) return false;
    return still->area >= h->rule.object.size_min && still->area <= h->rule.object.size_max &&
           held_has(h, middle);
}

static object *slot_of(objects *o, const vd_still *still)
{
    object *room = NULL;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (o->slot[i].still.id == still->id) return &o->slot[i];
        if (!room && !o->slot[i].still.id) room = &o->slot[i];
    }
    if (room) *room = (object){ .still = *still, .bare_us = still->since_us };
    return room;
}

static void fill(vd_scene *scene, vd_fact *fact, const object *at)
{
    fact->best_score = 1;
    fact->track = (vd_track){ .class_id = UINT16_MAX, /* nothing that a model knows */
                              .box = box_of(&at->still),
                              .score = 1,
                              .seen = true,
                              .detection = -1,
                              .first_utc_us = at->still.since_us,
                              .last_utc_us = at->last_us };
    fact_say(scene, fact, "finding", "%s", at->still.removed ? "removed" : "left");
    fact_say(scene, fact, "still_s", "%.0f", (double)(at->last_us - at->still.since_us) / 1e6);
    fact_say(scene, fact, "area_pct", "%.2f", (double)at->still.area * 100);
}

static void see(vd_scene *scene, held *h, object *at, const vd_still *still)
{
    int64_t passed_us = at->last_us ? scene->utc_us - at->last_us : 0;
    at->still = *still;
    at->last_us = scene->utc_us;
    if (at->visit) return;
    bool covered = is_covered(scene, h, still);
    at->covered_us += covered ? passed_us : -passed_us;
    if (at->covered_us < 0) at->covered_us = 0;
    if (at->covered_us >= ATTENDED_US) {
        at->covered_us = ATTENDED_US;
        at->bare_us = scene->utc_us;
    }
    if (covered || scene->utc_us - at->bare_us < h->rule.dwell_ms * 1000) return;
    vd_fact *fact = fact_begin(scene, h, still->since_us);
    if (!fact) return;
    at->visit = fact->visit;
    fill(scene, fact, at);
}

static void finish(vd_scene *scene, held *h, object *at)
{
    if (at->visit) fill(scene, fact_end(scene, h, at->visit, at->still.since_us, at->last_us), at);
    *at = (object){ 0 };
}

static void step(vd_scene *scene, held *h)
{
    objects *o = h->state;
    for (unsigned i = 0; i < scene->stills.count; i++) {
        const vd_still *still = &scene->stills.item[i];
        object *at = is_wanted(h, still) ? slot_of(o, still) : NULL;
        if (at) see(scene, h, at, still);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        object *at = &o->slot[i];
        int64_t gone_us = scene->utc_us - at->last_us;
        int64_t wait_us = at->visit ? h->rule.leave_ms * 1000 : ROUND_US;
        if (at->still.id && gone_us > 0 && gone_us >= wait_us) finish(scene, h, at);
    }
}

static void end(vd_scene *scene, held *h)
{
    objects *o = h->state;
    for (unsigned i = 0; i < SLOTS; i++) finish(scene, h, &o->slot[i]);
}

const kind_ops object_ops = { sizeof(objects), step, end };
