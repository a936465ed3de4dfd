/* rules.h - detections over time become facts: a tracker per camera, and rules over its tracks.
 *
 * Everything here is pure computation on times that the caller gives (UTC microseconds of the
 * pictures): no clock, no thread, no I/O, so a recording replays to the same facts. One vd_scene
 * per camera, used by one thread. */
#ifndef VD_RULES_H
#define VD_RULES_H
#include "inference.h"
#include "vd/config.h"

#define VD_RULE_ID_MAX      64
#define VD_ZONE_POINTS_MAX  64
#define VD_TRACKS_MAX       300
#define VD_RULE_CLASSES_MAX 16

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

/* The zone rule: someone or something of these classes stays in the polygon. */
typedef struct {
    char id[VD_RULE_ID_MAX + 1];
    char zone[VD_RULE_ID_MAX + 1]; /* the zone's name for people */
    vd_severity severity;
    vd_point point[VD_ZONE_POINTS_MAX];
    unsigned point_count;
    char class_name[VD_RULE_CLASSES_MAX][48];
    unsigned class_count;
    float score_min;  /* of the detection that opens the stay; later ones may score less */
    int64_t dwell_ms; /* inside at least this long before it is a visit */
    int64_t leave_ms; /* outside or unseen at least this long before the visit is over */
    char version[17]; /* first 16 hex digits of the SHA-256 of the rule's canonical text; filled by
                         the parser */
} vd_rule;

/* Reads one `rules:` list entry (YAML). VD_INVALID with line and reason: two points, a point
 * outside 0..1, an unknown key, crossing edges, a class that no model knows (words may be NULL: not
 * checked). */
VD_MUST_USE vd_err vd_rule_read(const vd_config_node *node, const vd_vocabulary *words,
                                vd_rule *ret_rule, vd_why *why);
/* Canonical JSON of the rule: what `version` is the digest of, and what an event carries. */
VD_MUST_USE vd_err vd_rule_print(const vd_rule *rule, vd_buf *into);

typedef struct {
    uint32_t id; /* from 1, never reused in a scene; given when a track is confirmed */
    uint16_t class_id;
    vd_box box;  /* measured this picture, or predicted when `seen` is false */
    float score; /* of the last matched detection */
    bool seen;
    int detection; /* index in this picture's detections, -1 when unseen */
    int64_t first_utc_us, last_utc_us;
} vd_track;

typedef enum { VD_FACT_BEGIN, VD_FACT_BETTER, VD_FACT_END } vd_fact_phase;
/* A rule's finding: one visit of one track. BEGIN once, BETTER when the picture shows it clearly
 * better than all before (at most one per second), END once. Times are those of pictures. */
typedef struct {
    vd_fact_phase phase;
    const vd_rule *rule;
    uint64_t visit;         /* unique in the scene, ties the phases */
    vd_track track;         /* as of this picture (END: as last seen) */
    int64_t entered_utc_us; /* first inside */
    int64_t utc_us;         /* this picture; END: last inside */
    float best_score;
} vd_fact;

typedef struct vd_scene vd_scene;
/* Rules are copied; `class ids` are resolved against the vocabulary (a rule's unknown class never
 * matches). */
VD_MUST_USE vd_err vd_scene_new(const vd_rule *rules, unsigned rule_count,
                                const vd_vocabulary *words, vd_scene **ret_scene);
vd_scene *vd_scene_free(vd_scene *scene);
/* One picture's detections in, tracks and facts out; both are borrowed until the next call.
 * Pictures' times must not go back: an older one is ignored (no facts); a jump of more than 10 s,
 * either way, ends all tracks and visits first. Allocates nothing. */
void vd_scene_step(vd_scene *scene, const vd_detections *detections, int64_t utc_us,
                   const vd_fact **ret_facts, unsigned *ret_fact_count);
void vd_scene_tracks(const vd_scene *scene, const vd_track **ret_tracks, unsigned *ret_count);
/* Ends every open visit (camera lost, program stop). */
void vd_scene_close(vd_scene *scene, const vd_fact **ret_facts, unsigned *ret_fact_count);
/* Rules changed while running: tracks stay, visits of vanished rules end at the next step. A rule
 * with another version counts as another rule. */
VD_MUST_USE vd_err vd_scene_set_rules(vd_scene *scene, const vd_rule *rules, unsigned rule_count,
                                      const vd_vocabulary *words);
/* Even-odd test; points on an edge count as inside. A track is inside by its foot point, the middle
 * of its box's lower edge. */
bool vd_zone_has(const vd_point *points, unsigned count, vd_point p);
#endif
