/* A number against limits: how many passed in the last period (count), how many are inside
 * (occupancy), whether anybody is there (absence).
 *
 *      beyond a limit          for dwell_ms                within all limits for leave_ms
 *   ------------------> WAITING ----------> OPEN (BEGIN) -------------------------------> END
 *
 * Too few in a period can be said only when a whole period has been watched. */
#include "scene_priv.h"

#define PASSES_MAX 1024 /* in a period; limits end at 1000, so more need not be told apart */

typedef struct {
    int64_t utc_us;
    uint8_t class_index;
} pass;

typedef struct {
    uint64_t visit; /* 0: not open */
    bool beyond;
    int finding;     /* below 0: too few, above: too many */
    int worst, told; /* the number */
    int64_t since_us, last_us, better_us;
} breach;

typedef struct {
    breach breach;
    bool started;
    int64_t began_us; /* counting */
    unsigned first, count;
    pass pass[PASSES_MAX];                  /* circular */
    follower slot[VD_TRACKS_MAX];           /* lines */
    uint32_t inside[VD_TRACKS_MAX];         /* zones: the birth of the track that is inside */
    uint32_t sure[VD_TRACKS_MAX];           /* the birth of the track that scored enough once */
    unsigned of_class[VD_RULE_CLASSES_MAX]; /* of the number, by class */
} tally;

static unsigned class_index(const held *h, uint16_t class_id)
{
    for (unsigned i = 0; i < h->classes.count; i++)
        if (h->classes.id[i] == class_id) return i;
    return 0;
}

/* ---- the number ---- */

static void add_pass(tally *t, int64_t utc_us, unsigned class_index_)
{
    if (t->count == PASSES_MAX) {
        t->first = (t->first + 1) % PASSES_MAX;
        t->count--;
    }
    t->pass[(t->first + t->count++) % PASSES_MAX] = (pass){ utc_us, (uint8_t)class_index_ };
}

static bool is_sure(const held *h, tally *t, const vd_tracked *track, unsigned slot)
{
    if (track->as.score >= h->rule.score_min) t->sure[slot] = track->birth;
    return track->as.id != 0 && t->sure[slot] == track->birth;
}

/* A zone is passed by coming into it, or by appearing in it. */
static bool came_in(const held *h, tally *t, const vd_tracked *track, unsigned slot)
{
    bool inside = held_has(h, foot_of(&track->as.box)), was = t->inside[slot] == track->birth;
    bool sure = is_sure(h, t, track, slot);
    if (!inside) t->inside[slot] = 0;
    if (!inside || was || !sure) return false;
    t->inside[slot] = track->birth;
    return true;
}

static bool wanted_way(vd_way wanted, int way)
{
    return way && (wanted == VD_WAY_EITHER || (wanted == VD_WAY_CLOCKWISE) == (way > 0));
}

static int passes(vd_scene *scene, held *h)
{
    tally *t = h->state;
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    int64_t from_us = scene->utc_us - h->rule.count.period_ms * 1000;
    for (unsigned i = 0; i < count; i++) {
        unsigned slot = active[i];
        const vd_tracked *track = vd_tracker_slot(scene->tracker, slot);
        if (!track->as.seen || !class_wanted(&h->classes, track->as.class_id)) continue;
        bool passed =
            h->rule.point_count == 2
                ? wanted_way(h->rule.count.way, line_crossed(&t->slot[slot], &h->rule, track))
                : came_in(h, t, track, slot);
        if (passed) add_pass(t, scene->utc_us, class_index(h, track->as.class_id));
    }
    while (t->count && t->pass[t->first].utc_us <= from_us) {
        t->first = (t->first + 1) % PASSES_MAX;
        t->count--;
    }
    memset(t->of_class, 0, sizeof t->of_class);
    for (unsigned i = 0; i < t->count; i++)
        t->of_class[t->pass[(t->first + i) % PASSES_MAX].class_index]++;
    return (int)t->count;
}

/* Those who are inside, the lost ones where they should be now. */
static int those_inside(vd_scene *scene, held *h)
{
    tally *t = h->state;
    unsigned count;
    int inside = 0;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    memset(t->of_class, 0, sizeof t->of_class);
    for (unsigned i = 0; i < count; i++) {
        const vd_tracked *track = vd_tracker_slot(scene->tracker, active[i]);
        if (!class_wanted(&h->classes, track->as.class_id)) continue;
        if (!is_sure(h, t, track, active[i])) continue;
        if (!held_has(h, foot_of(&track->as.box))) continue;
        t->of_class[class_index(h, track->as.class_id)]++;
        inside++;
    }
    return inside;
}

/* ---- against its limits ---- */

static int finding_of(const held *h, const tally *t, int64_t now_us, int number)
{
    const vd_rule *rule = &h->rule;
    if (rule->kind == VD_RULE_ABSENCE) return number < 1 ? -1 : 0;
    bool counts = rule->kind == VD_RULE_COUNT;
    int least = counts ? rule->count.at_least : rule->in_zone.at_least;
    int most = counts ? rule->count.at_most : rule->in_zone.at_most;
    if (most >= 0 && number > most) return 1;
    bool whole = !counts || now_us - t->began_us >= rule->count.period_ms * 1000;
    return least >= 0 && number < least && whole ? -1 : 0;
}

static const char *word_of(const held *h, const breach *b)
{
    if (h->rule.kind == VD_RULE_ABSENCE) return "nobody";
    if (b->finding > 0) return "too_many";
    return h->rule.kind == VD_RULE_COUNT && b->worst == 0 ? "stopped" : "too_few";
}

static void fill(vd_scene *scene, const held *h, vd_fact *fact)
{
    const tally *t = h->state;
    const breach *b = &t->breach;
    const vd_rule *rule = &h->rule;
    bool counts = rule->kind == VD_RULE_COUNT;
    fact->best_score = 1;
    fact->track.class_id = h->classes.count ? h->classes.id[0] : 0;
    fact_say(scene, fact, "finding", "%s", word_of(h, b));
    if (rule->kind == VD_RULE_ABSENCE) return;
    fact_say(scene, fact, counts ? "count" : "inside", "%d", b->worst);
    int limit = counts ? (b->finding > 0 ? rule->count.at_most : rule->count.at_least)
                       : (b->finding > 0 ? rule->in_zone.at_most : rule->in_zone.at_least);
    fact_say(scene, fact, b->finding > 0 ? "at_most" : "at_least", "%d", limit);
    if (counts) fact_say(scene, fact, "period_s", "%g", (double)rule->count.period_ms / 1000);
    for (unsigned i = 0; rule->class_count > 1 && i < rule->class_count; i++)
        if (t->of_class[i]) fact_say(scene, fact, rule->class_name[i], "%u", t->of_class[i]);
}

static void finish(vd_scene *scene, held *h)
{
    tally *t = h->state;
    breach *b = &t->breach;
    if (b->visit) fill(scene, h, fact_end(scene, h, b->visit, b->since_us, b->last_us));
    *b = (breach){ 0 };
}

static void worsen(vd_scene *scene, held *h, int number)
{
    tally *t = h->state;
    breach *b = &t->breach;
    if ((number - b->worst) * b->finding > 0) b->worst = number;
    if (!b->visit || b->worst == b->told) return;
    if (number != b->worst || scene->utc_us - b->better_us < BETTER_EACH_US) return;
    vd_fact *fact = fact_better(scene, h, b->visit, b->since_us);
    if (!fact) return;
    fill(scene, h, fact);
    b->told = b->worst;
    b->better_us = scene->utc_us;
}

static void beyond(vd_scene *scene, held *h, int finding, int number)
{
    tally *t = h->state;
    breach *b = &t->breach;
    if (b->visit && finding != b->finding) finish(scene, h); /* from too few to too many at once */
    if (!b->visit && (!b->beyond || finding != b->finding))
        *b = (breach){ .finding = finding, .worst = number, .since_us = scene->utc_us };
    b->beyond = true;
    b->last_us = scene->utc_us;
    worsen(scene, h, number);
    if (b->visit || scene->utc_us - b->since_us < h->rule.dwell_ms * 1000) return;
    vd_fact *fact = fact_begin(scene, h, b->since_us);
    if (!fact) return;
    b->visit = fact->visit;
    b->told = b->worst;
    b->better_us = scene->utc_us;
    fill(scene, h, fact);
}

static void step(vd_scene *scene, held *h)
{
    tally *t = h->state;
    breach *b = &t->breach;
    if (!t->started) t->began_us = scene->utc_us;
    t->started = true;
    int number = h->rule.kind == VD_RULE_COUNT ? passes(scene, h) : those_inside(scene, h);
    int finding = finding_of(h, t, scene->utc_us, number);
    if (finding) {
        beyond(scene, h, finding, number);
        return;
    }
    b->beyond = false;
    if (b->visit && scene->utc_us - b->last_us >= h->rule.leave_ms * 1000) finish(scene, h);
}

static void end(vd_scene *scene, held *h)
{
    finish(scene, h);
    memset(h->state, 0, sizeof(tally));
}

const kind_ops tally_ops = { sizeof(tally), step, end };
