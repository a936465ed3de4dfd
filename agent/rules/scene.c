/* One picture after the other: the tracker first, then each rule that holds, by its kind. */
#include "scene_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define JUMP_US 10000000

static const kind_ops *ops_of(const vd_rule *rule)
{
    switch (rule->kind) {
    case VD_RULE_LINE: return &line_ops;
    case VD_RULE_COUNT:
    case VD_RULE_ABSENCE: return &tally_ops;
    case VD_RULE_EQUIPMENT: return &equipment_ops;
    case VD_RULE_PROXIMITY: return &proximity_ops;
    case VD_RULE_INSPECTION: return &inspection_ops;
    case VD_RULE_OBJECT: return &object_ops;
    case VD_RULE_ZONE: return rule->in_zone.when == VD_WHEN_OCCUPANCY ? &tally_ops : &stay_ops;
    case VD_RULE_HEALTH:
    case VD_RULE_KINDS: break;
    }
    return &stay_ops;
}

/* ---- facts ---- */

static vd_fact *fact_new(vd_scene *scene, const held *rule, vd_fact_phase phase, uint64_t visit)
{
    vd_fact *fact = &scene->facts[scene->fact_count++];
    *fact = (vd_fact){ .phase = phase,
                       .rule = &rule->rule,
                       .visit = visit,
                       .utc_us = scene->utc_us,
                       .properties = &scene->properties[scene->property_count] };
    fact->track.detection = fact->other.detection = -1;
    return fact;
}

/* Each open visit may still end in this step. */
static bool has_room(const vd_scene *scene)
{
    return scene->fact_count + scene->open_visits + 2 <= FACTS_MAX;
}

vd_fact *fact_begin(vd_scene *scene, const held *rule, int64_t since_us)
{
    if (scene->open_visits == VISITS_MAX || !has_room(scene)) return NULL;
    scene->open_visits++;
    vd_fact *fact = fact_new(scene, rule, VD_FACT_BEGIN, ++scene->last_visit);
    fact->entered_utc_us = since_us;
    return fact;
}

vd_fact *fact_better(vd_scene *scene, const held *rule, uint64_t visit, int64_t since_us)
{
    if (!has_room(scene)) return NULL;
    vd_fact *fact = fact_new(scene, rule, VD_FACT_BETTER, visit);
    fact->entered_utc_us = since_us;
    return fact;
}

vd_fact *fact_end(vd_scene *scene, const held *rule, uint64_t visit, int64_t since_us,
                  int64_t last_us)
{
    scene->open_visits--;
    vd_fact *fact = fact_new(scene, rule, VD_FACT_END, visit);
    fact->entered_utc_us = since_us;
    fact->utc_us = last_us;
    return fact;
}

void fact_say(vd_scene *scene, vd_fact *fact, const char *name, const char *format, ...)
{
    va_list args;
    if (scene->property_count == PROPERTIES_ROOM || fact->property_count == VD_PROPERTIES_MAX)
        return;
    vd_fact_property *property = &scene->properties[scene->property_count++];
    fact->property_count++;
    vd_slice_to_chars(vd_slice_str(name), property->name, sizeof property->name);
    va_start(args, format);
    (void)vsnprintf(property->value, sizeof property->value, format, args);
    va_end(args);
}

/* ---- sets of rules ---- */

static rule_set *sets_free(rule_set *set)
{
    while (set) {
        rule_set *next = set->next;
        for (unsigned i = 0; i < set->count; i++) free(set->item[i].state);
        free(set);
        set = next;
    }
    return NULL;
}

static void resolve(class_list *into, const vd_vocabulary *words,
                    const char (*name)[VD_CLASS_NAME_ROOM], unsigned count)
{
    for (unsigned i = 0; words && i < count; i++) {
        int class_id = vd_vocabulary_find(words, name[i]);
        if (class_id < 0) continue;
        into->from[into->count] = (uint8_t)i;
        into->id[into->count++] = (uint16_t)class_id;
    }
}

static void resolve_inspection(held *h, const vd_rule *rule, const vd_vocabulary *words)
{
    resolve(&h->good, words, rule->inspection.good, rule->inspection.good_count);
    resolve(&h->defects, words, rule->inspection.defect, rule->inspection.defect_count);
    for (unsigned i = 0; i < rule->inspection.part_count; i++)
        h->part[i] = words ? vd_vocabulary_find(words, rule->inspection.part[i].name) : -1;
}

static void held_fill(held *h, const vd_rule *rule, const vd_vocabulary *words)
{
    h->rule = *rule;
    h->armed = true;
    resolve(&h->classes, words, rule->class_name, rule->class_count);
    if (rule->kind == VD_RULE_PROXIMITY)
        resolve(&h->others, words, rule->near.other, rule->near.other_count);
    if (rule->kind == VD_RULE_INSPECTION) resolve_inspection(h, rule, words);
    for (unsigned i = 0; rule->kind == VD_RULE_EQUIPMENT && i < rule->equipment.item_count; i++) {
        const vd_item *item = &rule->equipment.item[i];
        resolve(&h->worn[i], words, item->worn, item->worn_count);
        resolve(&h->bare[i], words, item->bare, item->bare_count);
    }
    bool area = rule->point_count >= 3;
    h->left = h->top = area ? INFINITY : -INFINITY;
    h->right = h->bottom = area ? -INFINITY : INFINITY;
    for (unsigned i = 0; area && i < rule->point_count; i++) {
        h->left = fminf(h->left, rule->point[i].x);
        h->right = fmaxf(h->right, rule->point[i].x);
        h->top = fminf(h->top, rule->point[i].y);
        h->bottom = fmaxf(h->bottom, rule->point[i].y);
    }
}

static held *find_same(rule_set *set, const vd_rule *rule)
{
    for (unsigned i = 0; set && i < set->count; i++) {
        const vd_rule *r = &set->item[i].rule;
        if (set->item[i].state && strcmp(r->id, rule->id) == 0 &&
            strcmp(r->version, rule->version) == 0)
            return &set->item[i];
    }
    return NULL;
}

/* Rules that `old` has as well get a state of their own only when they take over. */
static rule_set *set_new(const vd_rule *rules, unsigned count, const vd_vocabulary *words,
                         rule_set *old)
{
    rule_set *set = calloc(1, sizeof *set + count * sizeof set->item[0]);
    if (!set) return NULL;
    set->count = count;
    for (unsigned i = 0; i < count; i++) {
        held_fill(&set->item[i], &rules[i], words);
        if (find_same(old, &rules[i])) continue;
        set->item[i].state = calloc(1, ops_of(&rules[i])->state_bytes);
        if (!set->item[i].state) return sets_free(set);
    }
    return set;
}

/* A rule that asks for less than the model's working threshold must find tracks there. */
static vd_tracker_config config_of(const rule_set *set, const vd_vocabulary *words)
{
    float high = words ? vd_vocabulary_main(words)->score_min : 0.5f;
    for (unsigned i = 0; i < set->count; i++) high = fminf(high, set->item[i].rule.score_min);
    high = fmaxf(high, 0.1f);
    float low = fmaxf(fminf(0.1f, high / 2), VD_SCORE_FLOOR);
    return (vd_tracker_config){ .high = high, .low = low, .hits = 2, .lost_us = 2000000 };
}

static bool any_hours(const rule_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->item[i].rule.hours_count || set->item[i].rule.profile_count) return true;
    return false;
}

vd_err vd_scene_new(const vd_rule *rules, unsigned rule_count, const vd_vocabulary *words,
                    vd_scene **ret_scene)
{
    vd_scene *scene = calloc(1, sizeof *scene);
    if (!scene) return VD_FULL;
    scene->rules = set_new(rules, rule_count, words, NULL);
    if (scene->rules) {
        vd_tracker_config config = config_of(scene->rules, words);
        scene->tracker = vd_tracker_new(&config);
    }
    if (!scene->tracker) {
        vd_scene_free(scene);
        return VD_FULL;
    }
    scene->has_hours = any_hours(scene->rules);
    *ret_scene = scene;
    return VD_OK;
}

vd_scene *vd_scene_free(vd_scene *scene)
{
    if (!scene) return NULL;
    vd_tracker_free(scene->tracker);
    sets_free(scene->rules);
    sets_free(scene->retired);
    sets_free(scene->spent);
    free(scene);
    return NULL;
}

vd_err vd_scene_set_rules(vd_scene *scene, const vd_rule *rules, unsigned rule_count,
                          const vd_vocabulary *words)
{
    rule_set *set = set_new(rules, rule_count, words, scene->rules);
    if (!set) return VD_FULL;
    for (unsigned i = 0; i < rule_count; i++) {
        held *same = set->item[i].state ? NULL : find_same(scene->rules, &rules[i]);
        if (!same) continue;
        set->item[i].state = same->state;
        set->item[i].armed = same->armed;
        same->state = NULL;
    }
    scene->rules->next = scene->retired;
    scene->retired = scene->rules;
    scene->rules = set;
    scene->has_hours = any_hours(set);
    vd_tracker_config config = config_of(set, words);
    vd_tracker_configure(scene->tracker, &config);
    return VD_OK;
}

void vd_scene_set_profile(vd_scene *scene, const char *profile)
{
    vd_slice_to_chars(vd_slice_str(profile), scene->profile, sizeof scene->profile);
}

/* ---- what the kinds ask ---- */

bool class_wanted(const class_list *classes, uint16_t class_id)
{
    for (unsigned i = 0; i < classes->count; i++)
        if (classes->id[i] == class_id) return true;
    return false;
}

static bool is_part(const held *h, uint16_t class_id)
{
    if (h->rule.kind != VD_RULE_INSPECTION) return false;
    for (unsigned i = 0; i < h->rule.inspection.part_count; i++)
        if (h->part[i] == class_id) return true;
    return false;
}

bool vd_scene_wants(const vd_scene *scene, uint16_t class_id)
{
    for (unsigned i = 0; i < scene->rules->count; i++) {
        const held *h = &scene->rules->item[i];
        bool wanted = class_wanted(&h->classes, class_id) || class_wanted(&h->others, class_id) ||
                      class_wanted(&h->good, class_id) || class_wanted(&h->defects, class_id);
        if (h->armed && (wanted || is_part(h, class_id))) return true;
    }
    return false;
}

bool held_has(const held *h, vd_point p)
{
    if (h->rule.point_count < 3) return true;
    return held_near(h, p.x, p.y) && vd_zone_has(h->rule.point, h->rule.point_count, p);
}

vd_point foot_of(const vd_box *box)
{
    float y =
        box->t + box->h; /* a box may reach over the picture's edge: its foot is at the edge */
    return (vd_point){ box->l + box->w / 2, fminf(y, 1) };
}

float quality_of(const vd_track *track)
{
    const vd_box *b = &track->box;
    bool cut = b->l < 0.004f || b->t < 0.004f || b->l + b->w > 0.996f || b->t + b->h > 0.996f;
    return track->score * sqrtf(sqrtf(b->w * b->h)) * (cut ? 0.7f : 1);
}

/* ---- a picture ---- */

static void end_set(vd_scene *scene, rule_set *set)
{
    for (unsigned i = 0; set && i < set->count; i++)
        if (set->item[i].state) ops_of(&set->item[i].rule)->end(scene, &set->item[i]);
}

/* What the caller was lent is over: facts, and rules that only those facts still named. */
static void begin_call(vd_scene *scene)
{
    scene->fact_count = scene->property_count = 0;
    scene->spent = sets_free(scene->spent);
    scene->spent = scene->retired;
    scene->retired = NULL;
}

/* Visits of rules that are gone; their facts still name them. */
static void end_vanished(vd_scene *scene)
{
    for (rule_set *set = scene->spent; set; set = set->next) end_set(scene, set);
}

static bool keep_time(vd_scene *scene, int64_t utc_us)
{
    int64_t step_us = utc_us - scene->utc_us;
    if (scene->started && step_us < 0 && step_us >= -JUMP_US) return false;
    if (scene->started && (step_us > JUMP_US || step_us < 0)) {
        end_set(scene, scene->rules);
        vd_tracker_clear(scene->tracker);
    }
    scene->started = true;
    scene->utc_us = utc_us;
    return true;
}

static bool is_armed(vd_scene *scene, held *h)
{
    bool off = scene->profile[0] != '\0'; /* most scenes have neither hours nor profiles */
    bool armed =
        (!scene->has_hours && !off) || vd_rule_armed(&h->rule, scene->profile, scene->utc_us);
    if (h->armed && !armed) ops_of(&h->rule)->end(scene, h);
    h->armed = armed;
    return armed;
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

static void find_feet(vd_scene *scene)
{
    feet *f = &scene->feet;
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    f->count = 0;
    for (unsigned i = 0; i < count; i++) {
        const vd_track *track = &vd_tracker_slot(scene->tracker, active[i])->as;
        if (!track->seen) continue;
        vd_point foot = foot_of(&track->box);
        f->slot[f->count] = active[i];
        f->x[f->count] = foot.x;
        f->y[f->count++] = foot.y;
    }
}

void vd_scene_step(vd_scene *scene, const vd_detections *detections, int64_t utc_us,
                   const vd_fact **ret_facts, unsigned *ret_fact_count)
{
    begin_call(scene);
    end_vanished(scene);
    scene->unsure = false;
    if (keep_time(scene, utc_us)) {
        vd_tracker_step(scene->tracker, detections, utc_us);
        scene->seen = detections;
        find_feet(scene);
        for (unsigned i = 0; i < scene->rules->count; i++) {
            held *h = &scene->rules->item[i];
            if (h->state && is_armed(scene, h)) ops_of(&h->rule)->step(scene, h);
        }
        scene->seen = NULL;
        scene->triggered = false;
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
    end_vanished(scene);
    end_set(scene, scene->rules);
    *ret_facts = scene->facts;
    *ret_fact_count = scene->fact_count;
}

bool vd_scene_wants_still(const vd_scene *scene)
{
    for (unsigned i = 0; i < scene->rules->count; i++)
        if (scene->rules->item[i].rule.kind == VD_RULE_OBJECT) return true;
    return false;
}

void vd_scene_still(vd_scene *scene, const vd_stills *stills)
{
    scene->stills = *stills;
}

void vd_scene_trigger(vd_scene *scene)
{
    scene->triggered = true;
}

bool vd_scene_unsure(const vd_scene *scene)
{
    return scene->unsure;
}

unsigned vd_scene_yields(const vd_scene *scene, vd_yield *into, unsigned room)
{
    unsigned count = 0;
    for (unsigned i = 0; i < scene->rules->count && count < room; i++) {
        const held *h = &scene->rules->item[i];
        if (h->state && h->rule.kind == VD_RULE_INSPECTION) into[count++] = inspection_yield(h);
    }
    return count;
}
