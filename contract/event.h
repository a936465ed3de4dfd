/* event.h - the event as it travels from agent to hub, and the JSON it travels as.
 *
 * One event = one fact with id, evidence and versions. It is told in revisions: 1 when it begins,
 * more when a better picture or the clip is there, the last when it ends. Each revision is a whole
 * event, so a lost or doubled one does no harm: the hub keeps the highest. JSON members (all lower
 * snake case) are those of contract/openapi.yaml, schema Event. Readers own what they read through
 * the arena. */
#ifndef VD_EVENT_H
#define VD_EVENT_H
#include "vd/arena.h"
#include "vd/blob.h"
#include "vd/error.h"
#include "vd/json.h"
#include "vd/ulid.h"

#define VD_EVENT_BOXES_MAX      64
#define VD_EVENT_PROPERTIES_MAX 8
#define VD_EVENT_EVIDENCE_MAX   8
#define VD_EVENT_PATH_MAX       64 /* one to four places a second of a clip of a usual length */
#define VD_EVENT_JSON_MAX       65536

typedef struct {
    float l, t, w, h;
} vd_event_rect; /* 0..1 of the full picture */

typedef struct {
    vd_event_rect box;
    double score;
    const char *class_name;
    uint64_t track; /* 0: none */
} vd_event_box;

/* What the event says in words and figures, by its kind: AVA's event.properties. */
typedef struct {
    const char *name, *value;
} vd_event_property;

/* Where the event's thing was at one moment of the clip; times rise. */
typedef struct {
    int64_t at_ms; /* from the event's start; below 0 before it */
    vd_event_rect box;
} vd_event_place;

typedef struct {
    const char *kind; /* "snapshot" | "clip" */
    vd_digest digest;
    uint64_t bytes;
    const char *content_type;         /* "image/jpeg", "video/mp4" */
    int64_t start_utc_us, end_utc_us; /* of what it shows; equal for a snapshot */
    int64_t width_px, height_px;
    bool held; /* it stays at the device until it is asked for */
} vd_event_evidence;

typedef struct {
    vd_ulid id;
    uint64_t revision; /* from 1 */
    const char *phase; /* "start" | "update" | "end" */
    const char *device, *camera;
    const char *correlation; /* id of the first event of those that share a clip; NULL: none */
    const char *kind;        /* the kind of its rule: "zone", "line", ...; "health", "drift" */
    const char *title;       /* what happened in words; NULL: vd_event_title tells */
    const char *severity;
    const char *rule_id, *rule_version, *zone;
    const vd_json *rule; /* the rule's canonical JSON (zone polygon, thresholds) */
    int64_t start_utc_us, update_utc_us, end_utc_us; /* end 0 while it goes on */
    const char *time_source;
    uint64_t track;
    double score, score_min;
    const char *class_name;
    const char *model_name;
    vd_digest model_digest;
    unsigned box_count; /* everything the model saw in the snapshot's picture, the event's own box
                           first */
    const vd_event_box *boxes;
    const vd_json *inferences; /* AVA-shaped array (reading only; the writer makes it from boxes) */
    unsigned evidence_count;
    const vd_event_evidence *evidence;
    unsigned path_count; /* 0: not known (yet) */
    const vd_event_place *path;
    unsigned property_count;
    const vd_event_property *properties;
} vd_event;

/* The value, or NULL. */
const char *vd_event_property_of(const vd_event *event, const char *name);
/* What happened, in a few words: its own title, else by its kind: person in "gate". */
VD_MUST_USE vd_err vd_event_title(const vd_event *event, vd_buf *into);
/* Inside of an object that is open: the member "box" with l, t, w, h. */
void vd_event_rect_write(vd_json_w *w, const vd_event_rect *box);
/* One item of "boxes"; a track of 0 is left out. */
void vd_event_box_write(vd_json_w *w, const vd_event_box *box);
VD_MUST_USE vd_err vd_event_write(const vd_event *event, vd_buf *into);
/* Checks every limit and vocabulary word; VD_INVALID names the member. `root` must outlive the
 * event. */
VD_MUST_USE vd_err vd_event_read(const vd_json *root, vd_arena *arena, vd_event *ret_event,
                                 vd_why *why);
#endif
