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
 * is one visit. */
#include <math.h>
#include <stdlib.h>

#include "tracker_priv.h"

#define STAYS_MAX      1024 /* open at once in one scene; beyond it new ones wait */
#define JUMP_US        10000000
#define BETTER_EACH_US 1000000
#define BETTER_BY      1.15f
#define NO_STAY        ((int16_t)-1)

typedef struct {
    vd_rule rule;
    uint16_t class_id[VD_RULE_CLASSES_MAX];
    unsigned class_count;
    float left, top, right, bottom; /* the polygon's bounds: most tracks are told apart by them */
} zone;

/* An immutable set of rules; a retired one stays until its last facts have been read. */
typedef struct zone_set {
    struct zone_set *next;
    unsigned count;
    int16_t *stay_at; /* [zone * VD_TRACKS_MAX + slot] */
    zone item[];
} zone_set;

typedef struct {
    const zone *zone;
    unsigned zone_index;
    bool open, vanished; /* vanished: the rule is gone */
    bool counting;       /* inside when last seen */
    int slot;            /* -1: the track has ended */
    uint32_t birth;
    uint64_t visit;
    int64_t entered_utc_us, inside_utc_us, inside_us, better_utc_us;
    float best_score, best_quality;
    vd_track track; /* as last seen inside */
} stay;

struct vd_scene {
    vd_tracker *tracker;
    zone_set *zones, *retired, *spent;
    bool started;
    int64_t utc_us;
    uint64_t last_visit;
    unsigned stay_count, fact_count, track_count;
    stay stays[STAYS_MAX];
    vd_fact facts[2 * STAYS_MAX]; /* a step ends and begins at most every stay once */
    vd_track tracks[VD_TRACKS_MAX];
};

static zone_set *sets_free(zone_set *set)
{
    while (set) {
        zone_set *next = set->next;
        free(set->stay_at);
        free(set);
        set = next;
    }
    return NULL;
}

static void zone_fill(zone *z, const vd_rule *rule, const vd_vocabulary *words)
{
    z->rule = *rule;
    for (unsigned i = 0; words && i < rule->class_count; i++) {
        int class_id = vd_vocabulary_find(words, rule->class_name[i]);
        if (class_id >= 0) z->class_id[z->class_count++] = (uint16_t)class_id;
    }
    z->left = z->top = INFINITY;
    z->right = z->bottom = -INFINITY;
    for (unsigned i = 0; i < rule->point_count; i++) {
        z->left = fminf(z->left, rule->point[i].x);
        z->right = fmaxf(z->right, rule->point[i].x);
        z->top = fminf(z->top, rule->point[i].y);
        z->bottom = fmaxf(z->bottom, rule->point[i].y);
    }
}

static zone_set *set_new(const vd_rule *rules, unsigned count, const vd_vocabulary *words)
{
    zone_set *set = calloc(1, sizeof *set + count * sizeof set->item[0]);
    size_t places = (size_t)count * VD_TRACKS_MAX;
    if (set) set->stay_at = malloc((places ? places : 1) * sizeof *set->stay_at);
    if (!set || !set->stay_at) return sets_free(set);
    for (size_t i = 0; i < places; i++) set->stay_at[i] = NO_STAY;
    set->count = count;
    for (unsigned i = 0; i < count; i++) zone_fill(&set->item[i], &rules[i], words);
    return set;
}

/* A rule that asks for less than the model's working threshold must find tracks there. */
static vd_tracker_config config_of(const zone_set *set, const vd_vocabulary *words)
{
    float high = words ? vd_vocabulary_main(words)->score_min : 0.5f;
    for (unsigned i = 0; i < set->count; i++) high = fminf(high, set->item[i].rule.score_min);
    high = fmaxf(high, 0.1f);
    float low = fmaxf(fminf(0.1f, high / 2), VD_SCORE_FLOOR);
    return (vd_tracker_config){ .high = high, .low = low, .hits = 2, .lost_us = 2000000 };
}

vd_err vd_scene_new(const vd_rule *rules, unsigned rule_count, const vd_vocabulary *words,
                    vd_scene **ret_scene)
{
    vd_scene *scene = calloc(1, sizeof *scene);
    if (!scene) return VD_FULL;
    scene->zones = set_new(rules, rule_count, words);
    if (scene->zones) {
        vd_tracker_config config = config_of(scene->zones, words);
        scene->tracker = vd_tracker_new(&config);
    }
    if (!scene->tracker) {
        vd_scene_free(scene);
        return VD_FULL;
    }
    *ret_scene = scene;
    return VD_OK;
}

vd_scene *vd_scene_free(vd_scene *scene)
{
    if (!scene) return NULL;
    vd_tracker_free(scene->tracker);
    sets_free(scene->zones);
    sets_free(scene->retired);
    sets_free(scene->spent);
    free(scene);
    return NULL;
}

static int16_t *stay_at(const zone_set *set, unsigned zone_index, unsigned slot)
{
    return &set->stay_at[(size_t)zone_index * VD_TRACKS_MAX + slot];
}

static void tell(vd_scene *scene, const stay *s, vd_fact_phase phase, int64_t utc_us)
{
    scene->facts[scene->fact_count++] = (vd_fact){ .phase = phase,
                                                   .rule = &s->zone->rule,
                                                   .visit = s->visit,
                                                   .track = s->track,
                                                   .entered_utc_us = s->entered_utc_us,
                                                   .utc_us = utc_us,
                                                   .best_score = s->best_score };
}

/* The last stay takes the place of the one that ends. */
static void stay_end(vd_scene *scene, unsigned index)
{
    stay *s = &scene->stays[index], *last = &scene->stays[scene->stay_count - 1];
    if (s->open) tell(scene, s, VD_FACT_END, s->inside_utc_us);
    if (s->slot >= 0 && !s->vanished)
        *stay_at(scene->zones, s->zone_index, (unsigned)s->slot) = NO_STAY;
    scene->stay_count--;
    if (s == last) return;
    *s = *last;
    if (s->slot >= 0 && !s->vanished)
        *stay_at(scene->zones, s->zone_index, (unsigned)s->slot) = (int16_t)index;
}

static void end_all(vd_scene *scene)
{
    for (unsigned i = scene->stay_count; i-- > 0;) stay_end(scene, i);
}

static bool zone_wants(const zone *z, uint16_t class_id)
{
    for (unsigned i = 0; i < z->class_count; i++)
        if (z->class_id[i] == class_id) return true;
    return false;
}

static bool zone_holds(const zone *z, vd_point p)
{
    if (p.x < z->left || p.x > z->right || p.y < z->top || p.y > z->bottom) return false;
    return vd_zone_has(z->rule.point, z->rule.point_count, p);
}

static vd_point foot_of(const vd_box *box)
{
    float y =
        box->t + box->h; /* a box may reach over the picture's edge: its foot is at the edge */
    return (vd_point){ box->l + box->w / 2, fminf(y, 1) };
}

/* How well a picture shows the thing: sure, large, and not cut by the picture's edge. */
static float quality_of(const vd_track *track)
{
    const vd_box *b = &track->box;
    bool cut = b->l < 0.004f || b->t < 0.004f || b->l + b->w > 0.996f || b->t + b->h > 0.996f;
    return track->score * sqrtf(sqrtf(b->w * b->h)) * (cut ? 0.7f : 1);
}

/* The new track began after the stay's track was last seen inside, and near enough to be it. */
static bool may_continue(const stay *s, const vd_track *track)
{
    if (s->vanished || s->track.class_id != track->class_id) return false;
    if (track->first_utc_us <= s->inside_utc_us || !s->counting) return false;
    float gap_s = (float)(track->first_utc_us - s->inside_utc_us) / 1e6f;
    vd_point was = foot_of(&s->track.box), is = foot_of(&track->box);
    float size_y = fmaxf(s->track.box.h, track->box.h);
    float size_x = fmaxf(fmaxf(s->track.box.w, track->box.w), size_y * 0.6f);
    float reach = 0.5f + fminf(gap_s, 3) / 2; /* in sizes: people walk half their height a second */
    return fabsf(is.x - was.x) <= reach * size_x && fabsf(is.y - was.y) <= reach * size_y;
}

static stay *stay_adopt(vd_scene *scene, unsigned zone_index, const vd_tracked *t, unsigned slot)
{
    for (unsigned i = 0; i < scene->stay_count; i++) {
        stay *s = &scene->stays[i];
        if (s->zone_index != zone_index || !may_continue(s, &t->as)) continue;
        if (s->slot >= 0) {
            if (vd_tracker_slot(scene->tracker, (unsigned)s->slot)->as.seen) continue;
            *stay_at(scene->zones, zone_index, (unsigned)s->slot) = NO_STAY;
        }
        s->slot = (int)slot;
        s->birth = t->birth;
        *stay_at(scene->zones, zone_index, slot) = (int16_t)i;
        return s;
    }
    return NULL;
}

static stay *stay_open(vd_scene *scene, unsigned zone_index, const vd_tracked *t, unsigned slot)
{
    const zone *z = &scene->zones->item[zone_index];
    stay *s = stay_adopt(scene, zone_index, t, slot);
    if (s) return s;
    if (t->as.score < z->rule.score_min || scene->stay_count == STAYS_MAX) return NULL;
    *stay_at(scene->zones, zone_index, slot) = (int16_t)scene->stay_count;
    s = &scene->stays[scene->stay_count++];
    *s = (stay){ .zone = z,
                 .zone_index = zone_index,
                 .slot = (int)slot,
                 .birth = t->birth,
                 .entered_utc_us = scene->utc_us,
                 .inside_utc_us = scene->utc_us };
    return s;
}

static void stay_inside(vd_scene *scene, stay *s, const vd_track *track)
{
    if (s->counting) s->inside_us += scene->utc_us - s->inside_utc_us;
    s->counting = true;
    s->inside_utc_us = scene->utc_us;
    s->track = *track;
    s->best_score = fmaxf(s->best_score, track->score);
    float quality = quality_of(track);
    if (!s->open) {
        if (track->id == 0 || s->inside_us < s->zone->rule.dwell_ms * 1000) return;
        s->open = true;
        s->visit = ++scene->last_visit;
        tell(scene, s, VD_FACT_BEGIN, scene->utc_us);
    } else {
        if (quality < s->best_quality * BETTER_BY) return;
        if (scene->utc_us - s->better_utc_us < BETTER_EACH_US) return;
        tell(scene, s, VD_FACT_BETTER, scene->utc_us);
    }
    s->best_quality = quality;
    s->better_utc_us = scene->utc_us;
}

static void look_at(vd_scene *scene, unsigned slot)
{
    const vd_tracked *t = vd_tracker_slot(scene->tracker, slot);
    vd_point foot = foot_of(&t->as.box);
    for (unsigned z = 0; t->as.seen && z < scene->zones->count; z++) {
        const zone *here = &scene->zones->item[z];
        if (!zone_wants(here, t->as.class_id)) continue;
        int16_t at = *stay_at(scene->zones, z, slot);
        stay *s = at >= 0 ? &scene->stays[at] : NULL;
        if (!zone_holds(here, foot)) {
            if (s) s->counting = false;
            continue;
        }
        if (!s) s = stay_open(scene, z, t, slot);
        if (s) stay_inside(scene, s, &t->as);
    }
}

/* Stays whose track is gone, or whose slot another track has taken since. */
static void let_go(vd_scene *scene)
{
    for (unsigned i = 0; i < scene->stay_count; i++) {
        stay *s = &scene->stays[i];
        if (s->slot < 0) continue;
        const vd_tracked *t = vd_tracker_slot(scene->tracker, (unsigned)s->slot);
        if (t->state != VD_TRACK_FREE && t->birth == s->birth) continue;
        if (!s->vanished) *stay_at(scene->zones, s->zone_index, (unsigned)s->slot) = NO_STAY;
        s->slot = -1;
    }
}

static void end_vanished(vd_scene *scene)
{
    for (unsigned i = scene->stay_count; i-- > 0;)
        if (scene->stays[i].vanished) stay_end(scene, i);
}

static void end_left(vd_scene *scene)
{
    for (unsigned i = scene->stay_count; i-- > 0;) {
        const stay *s = &scene->stays[i];
        int64_t away_us = scene->utc_us - s->inside_utc_us;
        if (away_us > 0 && away_us >= s->zone->rule.leave_ms * 1000) stay_end(scene, i);
    }
}

static void list_tracks(vd_scene *scene)
{
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    scene->track_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const vd_track *track = &vd_tracker_slot(scene->tracker, active[i])->as;
        if (track->id != 0) scene->tracks[scene->track_count++] = *track;
    }
}

/* What the caller was lent is over: facts, and rules that only those facts still named. */
static void begin_call(vd_scene *scene)
{
    scene->fact_count = 0;
    scene->spent = sets_free(scene->spent);
    scene->spent = scene->retired;
    scene->retired = NULL;
}

static bool keep_time(vd_scene *scene, int64_t utc_us)
{
    int64_t step_us = utc_us - scene->utc_us;
    if (scene->started && step_us < 0 && step_us >= -JUMP_US) return false;
    if (scene->started && (step_us > JUMP_US || step_us < 0)) {
        end_all(scene);
        vd_tracker_clear(scene->tracker);
    }
    scene->started = true;
    scene->utc_us = utc_us;
    return true;
}

void vd_scene_step(vd_scene *scene, const vd_detections *detections, int64_t utc_us,
                   const vd_fact **ret_facts, unsigned *ret_fact_count)
{
    begin_call(scene);
    end_vanished(scene);
    if (keep_time(scene, utc_us)) {
        unsigned count;
        vd_tracker_step(scene->tracker, detections, utc_us);
        const uint16_t *active = vd_tracker_active(scene->tracker, &count);
        let_go(scene);
        for (unsigned i = 0; i < count; i++) look_at(scene, active[i]);
        end_left(scene);
        list_tracks(scene);
    }
    *ret_facts = scene->facts;
    *ret_fact_count = scene->fact_count;
}

void vd_scene_tracks(const vd_scene *scene, const vd_track **ret_tracks, unsigned *ret_count)
{
    *ret_tracks = scene->tracks;
    *ret_count = scene->track_count;
}

void vd_scene_close(vd_scene *scene, const vd_fact **ret_facts, unsigned *ret_fact_count)
{
    begin_call(scene);
    end_all(scene);
    *ret_facts = scene->facts;
    *ret_fact_count = scene->fact_count;
}

static int same_rule(const zone_set *set, const vd_rule *rule)
{
    for (unsigned i = 0; i < set->count; i++) {
        const vd_rule *r = &set->item[i].rule;
        if (strcmp(r->id, rule->id) == 0 && strcmp(r->version, rule->version) == 0) return (int)i;
    }
    return -1;
}

vd_err vd_scene_set_rules(vd_scene *scene, const vd_rule *rules, unsigned rule_count,
                          const vd_vocabulary *words)
{
    zone_set *set = set_new(rules, rule_count, words);
    if (!set) return VD_FULL;
    for (unsigned i = 0; i < scene->stay_count; i++) {
        stay *s = &scene->stays[i];
        int index = s->vanished ? -1 : same_rule(set, &s->zone->rule);
        s->vanished = index < 0;
        if (index < 0) continue;
        s->zone_index = (unsigned)index;
        s->zone = &set->item[index];
        if (s->slot >= 0) *stay_at(set, s->zone_index, (unsigned)s->slot) = (int16_t)i;
    }
    scene->zones->next = scene->retired;
    scene->retired = scene->zones;
    scene->zones = set;
    vd_tracker_config config = config_of(set, words);
    vd_tracker_configure(scene->tracker, &config);
    return VD_OK;
}
