/* One stay = one track in one zone. It lives through
 *
 *      inside, score >= score_min     inside for dwell_ms        not inside for leave_ms
 *   ------------------------> WAITING -----------> OPEN (BEGIN) ------------------> END
 *                              | not inside for leave_ms
 *                              v
 *                             gone, no fact
 *
 * "Inside" is the foot point, the middle of the box's lower edge: where a thing stands on the
 * ground. Time inside counts from one picture inside to the next, also over pictures in which the
 * track was not seen, but not while it was seen outside. When a track ends inside and another of
 * the same class appears there within leave_ms, the stay passes to it: a person hidden by a pillar
 * is one visit. A rule that tells of entering says BEGIN and END where the stay opens, one that
 * tells of leaving where it is over. */
#include <math.h>

#include "scene_priv.h"

#define STAYS_MAX 512 /* at once of one rule; beyond it new ones wait */

typedef struct {
    bool open;
    bool counting; /* inside when last seen */
    int slot;      /* -1: the track has ended */
    uint32_t birth;
    uint64_t visit; /* 0: there is nothing to end */
    int64_t entered_utc_us, inside_utc_us, inside_us, better_utc_us;
    float best_score, best_quality;
    vd_track track; /* as last seen inside */
} stay;

typedef struct {
    unsigned count;
    uint16_t at[VD_TRACKS_MAX]; /* of each slot: its stay's index + 1; 0: none */
    stay item[STAYS_MAX];
} stays;

static void fill(vd_scene *scene, vd_fact *fact, const stay *s)
{
    fact->track = s->track;
    fact->best_score = s->best_score;
    fact_say(scene, fact, "inside_s", "%.1f", (double)s->inside_us / 1e6);
}

/* BEGIN and END in one: something happened here and now. */
static void tell_moment(vd_scene *scene, held *h, const stay *s)
{
    vd_fact *fact = fact_begin(scene, h, s->entered_utc_us);
    if (!fact) return;
    fill(scene, fact, s);
    fact->entered_utc_us = fact->utc_us;
    fact = fact_end(scene, h, fact->visit, fact->utc_us, fact->utc_us);
    fill(scene, fact, s);
}

static void tell_left(vd_scene *scene, held *h, stay *s)
{
    const vd_tracked *t = s->slot < 0 ? NULL : vd_tracker_slot(scene->tracker, (unsigned)s->slot);
    if (t && t->birth == s->birth && t->as.seen)
        s->track = t->as; /* where it is now: outside, in this picture */
    else
        s->track.detection = -1;
    tell_moment(scene, h, s);
}

/* The last stay takes the place of the one that ends. */
static void stay_end(vd_scene *scene, held *h, unsigned index)
{
    stays *all = h->state;
    stay *s = &all->item[index], *last = &all->item[all->count - 1];
    if (s->visit)
        fill(scene, fact_end(scene, h, s->visit, s->entered_utc_us, s->inside_utc_us), s);
    else if (s->open && h->rule.in_zone.when == VD_WHEN_LEAVE)
        tell_left(scene, h, s);
    if (s->slot >= 0) all->at[s->slot] = 0;
    all->count--;
    if (s == last) return;
    *s = *last;
    if (s->slot >= 0) all->at[s->slot] = (uint16_t)(index + 1);
}

static void end_all(vd_scene *scene, held *h)
{
    stays *all = h->state;
    for (unsigned i = all->count; i-- > 0;) {
        all->item[i].open = false; /* that the camera went does not mean that they left */
        stay_end(scene, h, i);
    }
}

/* The new track began after the stay's track was last seen inside, and near enough to be it. */
static bool may_continue(const stay *s, const vd_track *track)
{
    if (s->track.class_id != track->class_id) return false;
    if (track->first_utc_us <= s->inside_utc_us || !s->counting) return false;
    float gap_s = (float)(track->first_utc_us - s->inside_utc_us) / 1e6f;
    vd_point was = foot_of(&s->track.box), is = foot_of(&track->box);
    float size_y = fmaxf(s->track.box.h, track->box.h);
    float size_x = fmaxf(fmaxf(s->track.box.w, track->box.w), size_y * 0.6f);
    float reach = 0.5f + fminf(gap_s, 3) / 2; /* in sizes: people walk half their height a second */
    return fabsf(is.x - was.x) <= reach * size_x && fabsf(is.y - was.y) <= reach * size_y;
}

static stay *stay_adopt(vd_scene *scene, stays *all, const vd_tracked *t, unsigned slot)
{
    for (unsigned i = 0; i < all->count; i++) {
        stay *s = &all->item[i];
        if (!may_continue(s, &t->as)) continue;
        if (s->slot >= 0) {
            if (vd_tracker_slot(scene->tracker, (unsigned)s->slot)->as.seen) continue;
            all->at[s->slot] = 0;
        }
        s->slot = (int)slot;
        s->birth = t->birth;
        all->at[slot] = (uint16_t)(i + 1);
        return s;
    }
    return NULL;
}

static stay *stay_open(vd_scene *scene, held *h, const vd_tracked *t, unsigned slot)
{
    stays *all = h->state;
    stay *s = stay_adopt(scene, all, t, slot);
    if (s) return s;
    if (t->as.score < h->rule.score_min || all->count == STAYS_MAX) return NULL;
    s = &all->item[all->count++];
    all->at[slot] = (uint16_t)all->count;
    *s = (stay){ .slot = (int)slot,
                 .birth = t->birth,
                 .entered_utc_us = scene->utc_us,
                 .inside_utc_us = scene->utc_us };
    return s;
}

static void stay_begins(vd_scene *scene, held *h, stay *s)
{
    if (h->rule.in_zone.when == VD_WHEN_INSIDE) {
        vd_fact *fact = fact_begin(scene, h, s->entered_utc_us);
        if (!fact) return;
        s->visit = fact->visit;
        fill(scene, fact, s);
    }
    s->open = true;
    if (h->rule.in_zone.when == VD_WHEN_ENTER) tell_moment(scene, h, s);
}

static void stay_inside(vd_scene *scene, held *h, stay *s, const vd_track *track)
{
    if (s->counting) s->inside_us += scene->utc_us - s->inside_utc_us;
    s->counting = true;
    s->inside_utc_us = scene->utc_us;
    s->track = *track;
    s->best_score = fmaxf(s->best_score, track->score);
    float quality = quality_of(track);
    if (!s->open) {
        if (track->id == 0 || s->inside_us < h->rule.dwell_ms * 1000) return;
        stay_begins(scene, h, s);
        if (!s->open) return;
    } else {
        if (!s->visit || quality < s->best_quality * BETTER_BY) return;
        if (scene->utc_us - s->better_utc_us < BETTER_EACH_US) return;
        vd_fact *fact = fact_better(scene, h, s->visit, s->entered_utc_us);
        if (!fact) return;
        fill(scene, fact, s);
    }
    s->best_quality = quality;
    s->better_utc_us = scene->utc_us;
}

static void look_at(vd_scene *scene, held *h, unsigned slot, vd_point foot)
{
    stays *all = h->state;
    const vd_tracked *t = vd_tracker_slot(scene->tracker, slot);
    if (!class_wanted(&h->classes, t->as.class_id)) return;
    stay *s = all->at[slot] ? &all->item[all->at[slot] - 1] : NULL;
    if (!held_has(h, foot)) {
        if (s) s->counting = false;
        return;
    }
    if (!s) s = stay_open(scene, h, t, slot);
    if (s) stay_inside(scene, h, s, &t->as);
}

/* Stays whose track is gone, or whose slot another track has taken since. */
static void let_go(vd_scene *scene, stays *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        stay *s = &all->item[i];
        if (s->slot < 0) continue;
        const vd_tracked *t = vd_tracker_slot(scene->tracker, (unsigned)s->slot);
        if (t->state != VD_TRACK_FREE && t->birth == s->birth) continue;
        all->at[s->slot] = 0;
        s->slot = -1;
    }
}

static void step(vd_scene *scene, held *h)
{
    stays *all = h->state;
    const feet *f = &scene->feet;
    let_go(scene, all);
    for (unsigned i = 0; i < f->count; i++) {
        if (held_near(h, f->x[i], f->y[i]) | (all->at[f->slot[i]] != 0))
            look_at(scene, h, f->slot[i], (vd_point){ f->x[i], f->y[i] });
    }
    for (unsigned i = all->count; i-- > 0;) {
        int64_t away_us = scene->utc_us - all->item[i].inside_utc_us;
        if (away_us > 0 && away_us >= h->rule.leave_ms * 1000) stay_end(scene, h, i);
    }
}

const kind_ops stay_ops = { sizeof(stays), step, end_all };
