/* scene_priv.h - what the kinds of rules share in a scene.
 *
 *   scene.c        pictures, rule sets, the life of facts
 *   stay.c         zone rules: one stay is one track in one zone
 *   line.c         line rules: who has crossed, and how many so far
 *   tally.c        count, absence and occupancy: a number against limits
 *   equipment.c    items of persons, voted over the track
 *   proximity.c    pairs on the ground
 *   object.c       what was left and what is gone
 *   inspection.c   products and their verdicts; judge.c one product, chart.c the share that fails
 *
 * A kind keeps what it knows in `held.state`, which starts as zero and moves on with its rule when
 * the rules change. Each visit tells BEGIN, then BETTER as it likes, then END; scene.c keeps room
 * for the END of each visit that is open, so a kind never has to give one up. */
#ifndef VD_SCENE_PRIV_H
#define VD_SCENE_PRIV_H
#include "tracker_priv.h"

#define BETTER_EACH_US  1000000
#define BETTER_BY       1.15f
#define ITEM_CLASSES    VD_RULE_ITEMS_MAX
#define VISITS_MAX      1536 /* open at once in one scene; beyond it new ones wait */
#define FACTS_MAX       4096
#define PROPERTIES_ROOM 2048 /* of one step's facts; beyond it a fact goes with fewer */

typedef struct {
    uint16_t id[VD_RULE_CLASSES_MAX];
    uint8_t from[VD_RULE_CLASSES_MAX]; /* its place in the rule's list */
    unsigned count;
} class_list;

typedef struct {
    vd_rule rule;
    class_list classes, others; /* others: of proximity */
    class_list worn[VD_RULE_ITEMS_MAX], bare[VD_RULE_ITEMS_MAX];
    class_list good, defects;
    int part[VD_RULE_PARTS_MAX]; /* class ids; -1: no model knows it */
    /* The polygon's bounds, without one infinite: most tracks are told apart by them. */
    float left, top, right, bottom;
    bool armed;
    void *state;
} held;

/* An immutable set of rules; a retired one stays until its last facts have been read. */
typedef struct rule_set {
    struct rule_set *next;
    unsigned count;
    held item[];
} rule_set;

/* Where the tracks that this picture shows stand. */
typedef struct {
    unsigned count;
    uint16_t slot[VD_TRACKS_MAX];
    float x[VD_TRACKS_MAX], y[VD_TRACKS_MAX];
} feet;

struct vd_scene {
    vd_tracker *tracker;
    rule_set *rules, *retired, *spent;
    bool started, has_hours;
    vd_stills stills;
    bool triggered, unsure; /* of inspections */
    int64_t utc_us;
    const vd_detections *seen; /* of the step that runs */
    feet feet;                 /* likewise */
    char profile[VD_PROFILE_ROOM];
    uint64_t last_visit;
    unsigned open_visits, fact_count, property_count, track_count;
    vd_fact facts[FACTS_MAX];
    vd_fact_property properties[PROPERTIES_ROOM];
    vd_track tracks[VD_TRACKS_MAX];
};

/* What a kind does; `end` tells the ends of all that is open and forgets its tracks. */
typedef struct {
    size_t state_bytes;
    void (*step)(vd_scene *scene, held *rule);
    void (*end)(vd_scene *scene, held *rule);
} kind_ops;
extern const kind_ops stay_ops, line_ops, tally_ops, equipment_ops, proximity_ops, inspection_ops,
    object_ops;
vd_yield inspection_yield(const held *rule);

/* Facts, to be filled by who asks; times, rule and visit are. */
/* Opens a visit. NULL: there is no room, it may begin with a later picture. */
vd_fact *fact_begin(vd_scene *scene, const held *rule, int64_t since_us);
vd_fact *fact_better(vd_scene *scene, const held *rule, uint64_t visit, int64_t since_us);
/* Closes the visit. */
vd_fact *fact_end(vd_scene *scene, const held *rule, uint64_t visit, int64_t since_us,
                  int64_t last_us);
/* One more property; left out when there is no room. Only the latest fact may be told to say more.
 */
void fact_say(vd_scene *scene, vd_fact *fact, const char *name, const char *format, ...)
    VD_PRINTF(4, 5);

bool class_wanted(const class_list *classes, uint16_t class_id);
/* No model looked for one of them in this picture. */
bool classes_blind(const vd_detections *seen, const class_list *classes);
/* No model looked for one of them on this thing. */
bool classes_passed_over(const vd_detections *seen, int detection, const class_list *classes);
/* Whether it may be inside. Without a branch: this is asked of each track for each rule, and most
 * are elsewhere. */
static inline bool held_near(const held *h, float x, float y)
{
    return (x >= h->left) & (x <= h->right) & (y >= h->top) & (y <= h->bottom);
}
/* No points: the whole picture. */
bool held_has(const held *rule, vd_point p);
vd_point foot_of(const vd_box *box);
/* How well a picture shows the thing: sure, large, and not cut by the picture's edge. */
float quality_of(const vd_track *track);

/* -1 and 1: the track has crossed the line since it was asked about last, counterclockwise or
 * clockwise about the line's first point. */
typedef struct {
    uint32_t birth; /* of the track that the rest is about */
    int8_t side;    /* where it was surely last: -1, 1; 0: not known */
    float best_score;
    vd_point from;
} follower;
int line_crossed(follower *f, const vd_rule *rule, const vd_tracked *t);
#endif
