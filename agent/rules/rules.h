/* rules.h - detections over time become facts: a tracker per camera, and rules over its tracks.
 *
 * Everything here is pure computation on times that the caller gives (UTC microseconds of the
 * pictures): no clock, no thread, no I/O, so a recording replays to the same facts. One vd_scene
 * per camera, used by one thread. Hours are those of the program's time zone (TZ). */
#ifndef VD_RULES_H
#define VD_RULES_H
#include "foreground.h"
#include "inference.h"
#include "vd/config.h"

#define VD_RULE_ID_MAX      64
#define VD_ZONE_POINTS_MAX  64
#define VD_TRACKS_MAX       300
#define VD_RULE_CLASSES_MAX 16
#define VD_CLASS_NAME_ROOM  48
#define VD_RULE_ITEMS_MAX   4
#define VD_RULE_HOURS_MAX   8
#define VD_PROFILES_MAX     4
#define VD_ARMING_MAX       8
#define VD_PROFILE_ROOM     32
#define VD_PROPERTIES_MAX   8
#define VD_RULE_PARTS_MAX   16

typedef struct {
    float x, y; /* 0..1 of the picture */
} vd_point;

typedef enum {
    VD_SEVERITY_INFO,
    VD_SEVERITY_LOW,
    VD_SEVERITY_MEDIUM,
    VD_SEVERITY_HIGH,
    VD_SEVERITY_CRITICAL
} vd_severity;
const char *vd_severity_name(
    vd_severity severity); /* "info", "low", "medium", "high", "critical" */

/* What a rule looks for; the name is the kind of its events. docs/rules.md shows each. */
typedef enum {
    VD_RULE_ZONE,    /* someone is in, comes into or leaves a polygon; too many or few are in it */
    VD_RULE_LINE,    /* someone crosses a line between two points */
    VD_RULE_COUNT,   /* too few or too many pass a line or come into a zone in a time */
    VD_RULE_ABSENCE, /* nobody is in the polygon */
    VD_RULE_EQUIPMENT,  /* someone without the required items */
    VD_RULE_PROXIMITY,  /* two things nearer than a distance in metres */
    VD_RULE_INSPECTION, /* each product is judged: pass, fail, unsure; the share that fails is
                           watched */
    VD_RULE_OBJECT,     /* something was left that no known class explains, or is gone */
    VD_RULE_KINDS,
    VD_RULE_HEALTH = 64 /* the agent's own, about a camera: no rule text names it */
} vd_rule_kind;
const char *vd_rule_kind_name(vd_rule_kind kind); /* "zone", "line", ... */

/* Of a zone rule: when it has something to say. */
typedef enum {
    VD_WHEN_INSIDE,   /* while someone is inside: one event a visit */
    VD_WHEN_ENTER,    /* once when a visit begins */
    VD_WHEN_LEAVE,    /* once when a visit is over */
    VD_WHEN_OCCUPANCY /* while fewer than at_least or more than at_most are inside */
} vd_zone_when;

/* Which way something goes about a line's first point, as the picture is seen. */
typedef enum { VD_WAY_EITHER, VD_WAY_CLOCKWISE, VD_WAY_COUNTERCLOCKWISE } vd_way;

/* Hours of some days of the week, in the site's time zone. Until at or before from: the next day's.
 */
typedef struct {
    uint8_t days; /* bit 0 is Monday */
    uint16_t from_min, until_min;
} vd_hours;

/* One thing that has to be worn. */
typedef struct {
    char name[VD_CLASS_NAME_ROOM];                    /* for people */
    char worn[VD_RULE_ITEMS_MAX][VD_CLASS_NAME_ROOM]; /* classes that show it */
    char bare[VD_RULE_ITEMS_MAX][VD_CLASS_NAME_ROOM]; /* classes that show its absence */
    unsigned worn_count, bare_count;
    float top, bottom; /* where on the person the item's middle is, 0 head to 1 feet */
    float score_min;   /* of its detections */
    float visible_min; /* a person less high (share of the picture) is too small to judge */
} vd_item;

/* Maps the picture to the ground: [X Y 1]^T ~ m [x y 1]^T, metres. */
typedef struct {
    vd_point picture[4];
    float metre[4][2];
    double m[9];
} vd_ground;

/* What makes an inspection look. */
typedef enum {
    VD_TRIGGER_LINE,    /* a product crosses the line */
    VD_TRIGGER_PICTURE, /* every picture shows a product: a station that drops stills */
    VD_TRIGGER_EXTERNAL /* somebody says so: vd_scene_trigger */
} vd_trigger;
typedef enum { VD_VERDICT_PASS, VD_VERDICT_FAIL, VD_VERDICT_UNSURE, VD_VERDICTS } vd_verdict;

typedef enum { VD_OBJECT_EITHER, VD_OBJECT_LEFT, VD_OBJECT_REMOVED } vd_object_what;

/* One part of an assembly. */
typedef struct {
    char name[VD_CLASS_NAME_ROOM]; /* its class */
    vd_box at;                     /* in shares of the product's box; of the picture without one */
    float tolerance;               /* its middle may be off by this much, in the same shares */
} vd_part;

/* Control charts over the share of products that fail, in samples of `sample` products that were
 * judged pass or fail (D. C. Montgomery, Introduction to Statistical Quality Control, chapters 7.2
 * and 9.2), n = sample, p = the share of one sample:
 *   p chart:  alarm when p > p0 + sigma * sqrt(p0 (1 - p0) / n)
 *   EWMA:     z_i = lambda p_i + (1 - lambda) z_(i-1), z_0 = p0; alarm when
 *             z_i > p0 + width * sqrt(p0 (1 - p0) / n) * sqrt(lambda / (2 - lambda)
 *                                                             * (1 - (1 - lambda)^(2 i)))
 * The p chart sees a jump at once, the EWMA a slow rise early. p0 is the baseline; without one it
 * is learned from the first VD_CHART_LEARN samples as (failed + 0.5) / (products + 1). */
#define VD_CHART_LEARN 20
typedef struct {
    unsigned sample; /* 0: nothing is watched */
    float baseline;  /* below 0: learned */
    float sigma, lambda, width;
} vd_chart_config;

typedef struct {
    vd_rule_kind kind;
    char id[VD_RULE_ID_MAX + 1];
    char zone[VD_RULE_ID_MAX + 1]; /* the place's name for people */
    vd_severity severity;
    /* Two: a line. Three and more: a polygon. None: the whole picture. */
    vd_point point[VD_ZONE_POINTS_MAX];
    unsigned point_count;
    char class_name[VD_RULE_CLASSES_MAX][VD_CLASS_NAME_ROOM];
    unsigned class_count;
    float score_min;  /* of the detection that opens the stay; later ones may score less */
    int64_t dwell_ms; /* true at least this long before it is a fact */
    int64_t leave_ms; /* no longer true at least this long before the fact is over */
    /* When it holds; none of either: always. In profile "off" only rules that name it hold. */
    vd_hours hours[VD_RULE_HOURS_MAX];
    unsigned hours_count;
    char profile[VD_PROFILES_MAX][VD_PROFILE_ROOM];
    unsigned profile_count;
    union {
        struct {
            vd_zone_when when;
            int at_least, at_most; /* occupancy; -1: no limit */
        } in_zone;
        struct {
            vd_way way; /* which crossings are told; totals count both */
        } on_line;
        struct {
            int64_t period_ms;
            int at_least, at_most; /* -1: no limit */
            vd_way way;            /* of a line: which crossings count */
        } count;
        struct {
            vd_item item[VD_RULE_ITEMS_MAX];
            unsigned item_count;
            float share; /* seen in fewer than this share of the looks: missing */
            int looks;   /* before anything is said */
        } equipment;
        struct {
            char other[VD_RULE_CLASSES_MAX][VD_CLASS_NAME_ROOM];
            unsigned other_count;
            float distance_m;
            float closing_mps; /* only those that near each other at least this fast; 0: all */
            bool riders;       /* also who is on or in the other thing from the first */
            vd_ground ground;
        } near;
        struct {
            vd_trigger trigger;
            char good[VD_RULE_ITEMS_MAX][VD_CLASS_NAME_ROOM]; /* classes that show a good one */
            char defect[VD_RULE_CLASSES_MAX][VD_CLASS_NAME_ROOM];
            unsigned good_count, defect_count;
            float pass_min;   /* good classes: the score from which it may pass */
            float fail_min;   /* defects: the score from which it fails */
            float unsure_min; /* defects: the score from which it does not simply pass */
            vd_part part[VD_RULE_PARTS_MAX];
            unsigned part_count;
            bool ordered;           /* parts come one after the other, as they are listed */
            bool tell[VD_VERDICTS]; /* which verdicts are events */
            vd_chart_config chart;
        } inspection;
        struct {
            vd_object_what what;
            float size_min, size_max; /* shares of the picture */
        } object;
    };
    char version[17]; /* first 16 hex digits of the SHA-256 of the rule's canonical text; filled by
                         the parser */
} vd_rule;

/* Reads one `rules:` list entry (YAML). VD_INVALID with line and reason: too few points, a point
 * outside 0..1, an unknown key, crossing edges, a class that no model knows, a calibration of
 * points on one line (words may be NULL: classes are not checked). */
VD_MUST_USE vd_err vd_rule_read(const vd_config_node *node, const vd_vocabulary *words,
                                vd_rule *ret_rule, vd_why *why);
/* Canonical JSON of the rule: what `version` is the digest of, and what an event carries. */
VD_MUST_USE vd_err vd_rule_print(const vd_rule *rule, vd_buf *into);

/* A list of 3 to `most` points [x, y] that go once around something. VD_INVALID with line and
 * reason, as for a rule's zone; `what` and `name` ("zone", "yard") tell whose points they are. */
VD_MUST_USE vd_err vd_polygon_read(const vd_config_node *list, const char *what, const char *name,
                                   unsigned most, vd_point *ret_points, unsigned *ret_count,
                                   vd_why *why);

/* Reads a list of hours such as "mon-fri 06:00-18:00", "sat,sun 00:00-24:00" or "daily 22:00-06:00"
 * from map[key]; an absent key is none. */
VD_MUST_USE vd_err vd_hours_read(const vd_config_node *map, const char *key,
                                 vd_hours into[VD_RULE_HOURS_MAX], unsigned *ret_count,
                                 vd_why *why);
bool vd_hours_hold(const vd_hours *hours, unsigned count, int64_t utc_us);
/* Whether the rule holds at this time in this profile ("": none is named). */
bool vd_rule_armed(const vd_rule *rule, const char *profile, int64_t utc_us);

/* Which profile is armed: a fixed one, else the first whose hours hold, else none. */
typedef struct {
    char fixed[VD_PROFILE_ROOM]; /* "": by hours */
    unsigned count;
    struct {
        char profile[VD_PROFILE_ROOM];
        vd_hours hours[VD_RULE_HOURS_MAX];
        unsigned hours_count;
    } by[VD_ARMING_MAX];
} vd_arming;
/* {profile: NAME, hours: {NAME: [HOURS...]}}; NULL: nothing is said. */
VD_MUST_USE vd_err vd_arming_read(const vd_config_node *node, vd_arming *ret_arming, vd_why *why);
/* "" when none is armed. */
const char *vd_arming_at(const vd_arming *arming, int64_t utc_us);

typedef struct {
    uint32_t id; /* from 1, never reused in a scene; given when a track is confirmed */
    uint16_t class_id;
    vd_box box;  /* measured this picture, or predicted when `seen` is false */
    float score; /* of the last matched detection */
    bool seen;
    int detection; /* index in this picture's detections, -1 when unseen */
    int64_t first_utc_us, last_utc_us;
} vd_track;

/* What a fact says in words and figures beyond its track; travels as the event's properties. */
typedef struct {
    char name[24];
    char value[64];
} vd_fact_property;

typedef enum { VD_FACT_BEGIN, VD_FACT_BETTER, VD_FACT_END } vd_fact_phase;
/* A rule's finding: one visit of one track, one crossing, one time without anybody. BEGIN once,
 * BETTER when the picture shows it clearly better than all before (at most one per second), END
 * once. Times are those of pictures. */
typedef struct {
    vd_fact_phase phase;
    const vd_rule *rule;
    uint64_t visit;         /* unique in the scene, ties the phases */
    vd_track track;         /* as of this picture (END: as last seen); id 0: of no track, and of
                               nothing in the picture unless it was `seen` */
    vd_track other;         /* the second of two; id 0 and not `seen`: there is none */
    int64_t entered_utc_us; /* since when it is true */
    int64_t utc_us;         /* this picture; END: when it was last true */
    float best_score;
    const vd_fact_property *properties; /* borrowed as the fact is */
    unsigned property_count;            /* at most VD_PROPERTIES_MAX */
} vd_fact;

typedef struct vd_scene vd_scene;
/* Rules are copied; `class ids` are resolved against the vocabulary (a rule's unknown class never
 * matches). */
VD_MUST_USE vd_err vd_scene_new(const vd_rule *rules, unsigned rule_count,
                                const vd_vocabulary *words, vd_scene **ret_scene);
vd_scene *vd_scene_free(vd_scene *scene);
/* One picture's detections in, tracks and facts out; both are borrowed until the next call.
 * Pictures' times must not go back: an older one is ignored (no facts); a jump of more than 10 s,
 * either way, ends all tracks and visits first. A track of a class that nobody looked for (blind)
 * is not taken for lost. Allocates nothing. */
void vd_scene_step(vd_scene *scene, const vd_detections *detections, int64_t utc_us,
                   const vd_fact **ret_facts, unsigned *ret_fact_count);
void vd_scene_tracks(const vd_scene *scene, const vd_track **ret_tracks, unsigned *ret_count);
/* Some rule wants to know what stands still: vd_scene_still before the step. */
bool vd_scene_wants_still(const vd_scene *scene);
/* What stands still from the next step on, until it is said anew. Copied. */
void vd_scene_still(vd_scene *scene, const vd_stills *stills);
/* An inspection with an external trigger judges what the next picture shows. Only from the thread
 * that steps. */
void vd_scene_trigger(vd_scene *scene);
/* The last picture left an inspection in doubt: it is worth a person's label. */
bool vd_scene_unsure(const vd_scene *scene);
/* What an inspection has judged since its rule holds in this version. */
typedef struct {
    char rule[VD_RULE_ID_MAX + 1];
    uint64_t produced, passed, failed, unsure;
    float rate; /* share of the last whole sample that failed; below 0: there was none */
} vd_yield;
/* Up to `room`; returns how many. */
unsigned vd_scene_yields(const vd_scene *scene, vd_yield *into, unsigned room);
/* Whether a rule that is armed now is about this class: the rest is scenery. */
bool vd_scene_wants(const vd_scene *scene, uint16_t class_id);
/* Ends every open visit (camera lost, program stop). */
void vd_scene_close(vd_scene *scene, const vd_fact **ret_facts, unsigned *ret_fact_count);
/* Rules changed while running: tracks stay, visits of vanished rules end at the next step. A rule
 * with another version counts as another rule. */
VD_MUST_USE vd_err vd_scene_set_rules(vd_scene *scene, const vd_rule *rules, unsigned rule_count,
                                      const vd_vocabulary *words);
/* The armed profile from the next picture on; rules that no longer hold end their visits there. */
void vd_scene_set_profile(vd_scene *scene, const char *profile);
/* Even-odd test; points on an edge count as inside. A track is inside by its foot point, the middle
 * of its box's lower edge. */
bool vd_zone_has(const vd_point *points, unsigned count, vd_point p);

/* Fills m from the four pairs of points. False: three of them lie on a line, here or there. */
bool vd_ground_solve(vd_ground *ground);
/* Where a point of the picture lies on the ground, metres. False: at or above the horizon. */
bool vd_ground_at(const vd_ground *ground, vd_point p, double ret_metre[2]);
#endif
