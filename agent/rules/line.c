/* Who crosses a line. A track is on one side or the other once its foot is clear of the line by a
 * small part of its own height, so that one who stands on it and sways is counted once at most; it
 * has crossed when the way from where it was last clear to where it is clear now cuts the line
 * between its two points. Clockwise: as the picture is seen, about the line's first point. */
#include <inttypes.h>
#include <math.h>

#include "scene_priv.h"

#define CLEAR_OF                                                                                   \
    0.12f /* of its height; measured on a real yard: 0.06 counts who walks along the line */

typedef struct {
    uint64_t clockwise, counterclockwise;
    follower slot[VD_TRACKS_MAX];
} line_state;

/* Twice the area of a, b, p: above 0 when p lies clockwise of the way from a to b. */
static float turn(vd_point a, vd_point b, vd_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

static int8_t side_of(const vd_rule *rule, const vd_box *box, vd_point foot)
{
    vd_point a = rule->point[0], b = rule->point[1];
    float off = turn(a, b, foot) / hypotf(b.x - a.x, b.y - a.y);
    float clear = fmaxf(CLEAR_OF * box->h, 0.002f);
    return off > clear ? 1 : off < -clear ? -1 : 0;
}

int line_crossed(follower *f, const vd_rule *rule, const vd_tracked *t)
{
    vd_point foot = foot_of(&t->as.box);
    int8_t side = side_of(rule, &t->as.box, foot);
    if (f->birth != t->birth) *f = (follower){ .birth = t->birth };
    f->best_score = fmaxf(f->best_score, t->as.score);
    if (side == 0) return 0;
    if (f->side == -side) {
        if (t->as.id == 0) return 0; /* not yet sure that there is anything */
        vd_point from = f->from;
        float a = turn(from, foot, rule->point[0]), b = turn(from, foot, rule->point[1]);
        f->side = side;
        f->from = foot;
        return (a < 0) != (b < 0) && f->best_score >= rule->score_min ? side : 0;
    }
    f->side = side;
    f->from = foot;
    return 0;
}

static void fill(vd_scene *scene, vd_fact *fact, const vd_track *track, const follower *f,
                 const line_state *totals, int way)
{
    fact->track = *track;
    fact->best_score = f->best_score;
    fact_say(scene, fact, "direction", "%s", way > 0 ? "clockwise" : "counterclockwise");
    fact_say(scene, fact, "total", "%" PRIu64, totals->clockwise + totals->counterclockwise);
    fact_say(scene, fact, "clockwiseTotal", "%" PRIu64, totals->clockwise);
    fact_say(scene, fact, "counterclockwiseTotal", "%" PRIu64, totals->counterclockwise);
}

static void tell(vd_scene *scene, held *h, const vd_track *track, const follower *f, int way)
{
    line_state *totals = h->state;
    totals->clockwise += way > 0;
    totals->counterclockwise += way < 0;
    vd_way told = h->rule.on_line.way;
    if (told != VD_WAY_EITHER && (told == VD_WAY_CLOCKWISE) != (way > 0)) return;
    vd_fact *fact = fact_begin(scene, h, scene->utc_us);
    if (!fact) return;
    uint64_t visit = fact->visit;
    fill(scene, fact, track, f, totals, way);
    fill(scene, fact_end(scene, h, visit, scene->utc_us, scene->utc_us), track, f, totals, way);
}

static void step(vd_scene *scene, held *h)
{
    line_state *state = h->state;
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    for (unsigned i = 0; i < count; i++) {
        const vd_tracked *t = vd_tracker_slot(scene->tracker, active[i]);
        if (!t->as.seen || !class_wanted(&h->classes, t->as.class_id)) continue;
        follower *f = &state->slot[active[i]];
        int way = line_crossed(f, &h->rule, t);
        if (way) tell(scene, h, &t->as, f, way);
    }
}

/* Nothing stays open, and the totals go on. */
static void end(vd_scene *scene, held *h)
{
    line_state *state = h->state;
    (void)scene;
    memset(state->slot, 0, sizeof state->slot);
}

const kind_ops line_ops = { sizeof(line_state), step, end };
