/* Persons without what they have to wear. In each picture an item that a cascade found in a
 * person's crop is that person's, and the other items' boxes are given to the persons that they lie
 * on; each person then has a vote for each item that could be seen at all: worn or not, but none
 * where no model looked for the item, or not on this person. What was worn in too small a share of
 * the last 32 looks is missing.
 *
 *      missing          for dwell_ms              all worn, or away, for leave_ms
 *   ----------> WAITING ----------> OPEN (BEGIN) --------------------------------> END */
#include <math.h>

#include "scene_priv.h"

#define LOOKS_MAX 32
#define EDGE      0.004f
#define SAME      1e-5f
#define SLACK     0.12f /* of the person's box: an item may stand out by so much */

typedef struct {
    uint32_t worn; /* a bit a look, the latest lowest */
    unsigned looks;
} vote;

typedef struct {
    uint32_t birth;
    uint64_t visit;   /* 0: not open */
    unsigned missing; /* a bit an item */
    bool waiting, sure;
    int64_t since_us, missing_us, better_us;
    float best_score, best_quality;
    vote item[VD_RULE_ITEMS_MAX];
    vd_track track; /* as last seen here */
} wearer;

typedef struct {
    unsigned here_count;
    uint16_t here[VD_TRACKS_MAX]; /* slots of the persons of this picture */
    uint8_t worn[VD_TRACKS_MAX];  /* a bit an item, by place in `here` */
    wearer slot[VD_TRACKS_MAX];
} equipment;

/* Where a point lies in a box: 0 to 1 from its left and its top. */
static vd_point within(const vd_box *box, const vd_box *item)
{
    return (vd_point){ (item->l + item->w / 2 - box->l) / box->w,
                       (item->t + item->h / 2 - box->t) / box->h };
}

static float share_inside(const vd_box *box, const vd_box *item)
{
    float w = fminf(box->l + box->w, item->l + item->w) - fmaxf(box->l, item->l);
    float h = fminf(box->t + box->h, item->t + item->h) - fmaxf(box->t, item->t);
    return w > 0 && h > 0 ? w * h / (item->w * item->h) : 0;
}

/* How well the item's box fits on the person; below 0: not at all. */
static float fit(const vd_box *person, const vd_box *box, const vd_item *item)
{
    vd_point at = within(person, box);
    if (at.x < -SLACK || at.x > 1 + SLACK) return -1;
    if (at.y < item->top - SLACK || at.y > item->bottom + SLACK) return -1;
    float off_x = fabsf(at.x - 0.5f), off_y = fabsf(at.y - (item->top + item->bottom) / 2);
    return 2 + share_inside(person, box) - off_x - off_y;
}

/* The person in whose crop it was found, by place in `here`; -1: in nobody's; -2: in that of one
 * who is not here. */
static int owner_of(vd_scene *scene, const held *h, const equipment *e, const vd_detection *d)
{
    const vd_detections *seen = scene->seen;
    for (int at = d->parent; at >= 0; at = seen->item[at].parent) {
        if (at >= (int)seen->count || at <= seen->item[at].parent) return -1; /* no cascade does */
        if (!class_wanted(&h->classes, seen->item[at].class_id)) continue;
        for (unsigned i = 0; i < e->here_count; i++)
            if (vd_tracker_slot(scene->tracker, e->here[i])->as.detection == at) return (int)i;
        return -2;
    }
    return -1;
}

/* A classifier says of the whole crop what it is: its box is its parent's. */
static bool says_all(const vd_detections *seen, const vd_detection *d)
{
    if (d->parent < 0) return false;
    const vd_box *a = &d->box, *b = &seen->item[d->parent].box;
    return fabsf(a->l - b->l) + fabsf(a->t - b->t) + fabsf(a->w - b->w) + fabsf(a->h - b->h) < SAME;
}

/* The person on whom it lies where such an item is worn; -1: nobody. */
static int wearer_of(vd_scene *scene, const held *h, const equipment *e, unsigned item,
                     const vd_detection *d)
{
    int owner = owner_of(scene, h, e, d), best = -1;
    float best_fit = 0;
    if (owner == -2 || (owner >= 0 && says_all(scene->seen, d))) return owner;
    for (unsigned i = 0; i < e->here_count; i++) {
        const vd_tracked *t = vd_tracker_slot(scene->tracker, e->here[i]);
        if (owner >= 0 && owner != (int)i) continue;
        float how = fit(&t->as.box, &d->box, &h->rule.equipment.item[item]);
        if (how <= best_fit) continue;
        best_fit = how;
        best = (int)i;
    }
    return best;
}

static void give(vd_scene *scene, held *h, equipment *e, unsigned item, const vd_detection *d,
                 bool worn)
{
    int best = wearer_of(scene, h, e, item, d);
    if (best < 0) return;
    if (worn)
        e->worn[best] |= (uint8_t)(1u << item);
    else
        e->worn[best] |= (uint8_t)(16u << item); /* seen bare: overrules */
}

static void give_items(vd_scene *scene, held *h, equipment *e)
{
    const vd_detections *seen = scene->seen;
    for (unsigned d = 0; d < seen->count; d++) {
        const vd_detection *one = &seen->item[d];
        if (!(one->box.w > 0 && one->box.h > 0)) continue;
        for (unsigned i = 0; i < h->rule.equipment.item_count; i++) {
            if (one->score < h->rule.equipment.item[i].score_min) continue;
            if (class_wanted(&h->worn[i], one->class_id)) give(scene, h, e, i, one, true);
            if (class_wanted(&h->bare[i], one->class_id)) give(scene, h, e, i, one, false);
        }
    }
}

/* Too small, or cut by the picture's edge where the item would be. */
static bool could_be_seen(const vd_item *item, const vd_box *person)
{
    if (person->h < item->visible_min) return false;
    bool cut_above = person->t<EDGE, cut_below = person->t + person->h> 1 - EDGE;
    if (cut_above && item->bottom < 0.5f) return false;
    return !(cut_below && item->top > 0.5f);
}

static void vote_add(vote *v, bool worn)
{
    v->worn = v->worn << 1 | worn;
    if (v->looks < LOOKS_MAX) v->looks++;
}

static unsigned seen_worn(const vote *v)
{
    uint32_t mask = v->looks < LOOKS_MAX ? (1u << v->looks) - 1 : UINT32_MAX;
    return (unsigned)__builtin_popcount(v->worn & mask);
}

static unsigned missing_of(const held *h, const wearer *w)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < h->rule.equipment.item_count; i++) {
        const vote *v = &w->item[i];
        if (v->looks < (unsigned)h->rule.equipment.looks) continue;
        if ((float)seen_worn(v) < h->rule.equipment.share * (float)v->looks) missing |= 1u << i;
    }
    return missing;
}

static void fill(vd_scene *scene, const held *h, vd_fact *fact, const wearer *w)
{
    VD_AUTO(vd_buf) names = VD_BUF(256);
    fact->track = w->track;
    fact->best_score = w->best_score;
    for (unsigned i = 0; i < h->rule.equipment.item_count; i++)
        if (w->missing >> i & 1)
            (void)vd_buf_addf(&names, "%s%s", names.len ? ", " : "",
                              h->rule.equipment.item[i].name);
    fact_say(scene, fact, "missing", "%s", names.len ? names.data : "");
    for (unsigned i = 0; i < h->rule.equipment.item_count; i++)
        fact_say(scene, fact, h->rule.equipment.item[i].name, "seen in %u of %u looks",
                 seen_worn(&w->item[i]), w->item[i].looks);
}

static void tell(vd_scene *scene, held *h, wearer *w)
{
    float quality = quality_of(&w->track);
    vd_fact *fact = NULL;
    if (!w->visit) {
        if (scene->utc_us - w->since_us < h->rule.dwell_ms * 1000) return;
        fact = fact_begin(scene, h, w->since_us);
        if (fact) w->visit = fact->visit;
    } else if (quality >= w->best_quality * BETTER_BY &&
               scene->utc_us - w->better_us >= BETTER_EACH_US) {
        fact = fact_better(scene, h, w->visit, w->since_us);
    }
    if (!fact) return;
    fill(scene, h, fact, w);
    w->best_quality = quality;
    w->better_us = scene->utc_us;
}

static void finish(vd_scene *scene, held *h, wearer *w)
{
    if (w->visit) fill(scene, h, fact_end(scene, h, w->visit, w->since_us, w->missing_us), w);
    w->visit = 0;
    w->waiting = false;
    w->best_quality = 0;
}

static void judge(vd_scene *scene, held *h, wearer *w, const vd_tracked *t, uint8_t worn)
{
    for (unsigned i = 0; i < h->rule.equipment.item_count; i++) {
        if (!could_be_seen(&h->rule.equipment.item[i], &t->as.box)) continue;
        if (classes_blind(scene->seen, &h->worn[i])) continue;
        if (classes_passed_over(scene->seen, t->as.detection, &h->worn[i])) continue;
        bool bare = worn >> (4 + i) & 1;
        vote_add(&w->item[i], !bare && worn >> i & 1);
    }
    w->sure |= t->as.score >= h->rule.score_min;
    w->best_score = fmaxf(w->best_score, t->as.score);
    unsigned missing = missing_of(h, w);
    if (!missing || !w->sure || t->as.id == 0) {
        if (!w->visit) w->waiting = false;
        return;
    }
    if (!w->waiting) w->since_us = scene->utc_us;
    w->waiting = true;
    w->missing |= missing; /* what is told stays told */
    if (!w->visit) w->missing = missing;
    w->missing_us = scene->utc_us;
    w->track = t->as;
    tell(scene, h, w);
}

static void gather(vd_scene *scene, held *h, equipment *e)
{
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    e->here_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const vd_tracked *t = vd_tracker_slot(scene->tracker, active[i]);
        if (!t->as.seen || !class_wanted(&h->classes, t->as.class_id)) continue;
        if (!held_has(h, foot_of(&t->as.box))) continue;
        e->worn[e->here_count] = 0;
        e->here[e->here_count++] = active[i];
    }
}

static void step(vd_scene *scene, held *h)
{
    equipment *e = h->state;
    gather(scene, h, e);
    give_items(scene, h, e);
    for (unsigned i = 0; i < e->here_count; i++) {
        const vd_tracked *t = vd_tracker_slot(scene->tracker, e->here[i]);
        wearer *w = &e->slot[e->here[i]];
        if (w->birth != t->birth) {
            finish(scene, h, w);
            *w = (wearer){ .birth = t->birth };
        }
        judge(scene, h, w, t, e->worn[i]);
    }
    for (unsigned slot = 0; slot < VD_TRACKS_MAX; slot++) {
        wearer *w = &e->slot[slot];
        if (w->visit && scene->utc_us - w->missing_us > h->rule.leave_ms * 1000)
            finish(scene, h, w);
    }
}

static void end(vd_scene *scene, held *h)
{
    equipment *e = h->state;
    for (unsigned slot = 0; slot < VD_TRACKS_MAX; slot++) {
        if (!e->slot[slot].birth) continue;
        finish(scene, h, &e->slot[slot]);
        e->slot[slot] = (wearer){ 0 };
    }
}

const kind_ops equipment_ops = { sizeof(equipment), step, end };
