/* events_priv.h - what the stage's files share.
 *
 *   analysis thread        note.c     facts and pictures become notes for the worker
 *                          path.c     where tracks are, for the paths of open events
 *   camera's reader        events.c   packets into the ring and into the taps of open events
 *   worker                 worker.c   notes and taps become events, clips, revisions
 *                          tell.c     one revision to the sink
 *                          resume.c   ends the events that an earlier run could not
 *
 * Notes wait when the worker is behind (events are never dropped); a tap that the worker cannot
 * keep up with ends its clip early. Locks: a camera's guards its ring and taps, the stage's guards
 * the notes and who is there; where both are held, the stage's comes first. */
#ifndef VD_EVENTS_PRIV_H
#define VD_EVENTS_PRIV_H
#include <pthread.h>

#include "clip.h"
#include "events.h"
#include "ring_priv.h"

#define NOTES_MAX      256
#define NAME_ROOM      64
#define RULE_JSON_ROOM 16384
#define SNAPSHOT_MAX   (16u << 20)
#define STEPS_KEPT     1024 /* of all tracks of a camera: some seconds before an event begins */

/* One picture's evidence: the JPEG and what was seen in it, the event's own box first. */
typedef struct {
    vd_buf jpeg; /* empty once it is accepted, or when there is none */
    bool has_jpeg, is_accepted;
    vd_event_evidence evidence;
    unsigned box_count;
    vd_event_box box[VD_EVENT_BOXES_MAX];
    char class_name[VD_EVENT_BOXES_MAX][NAME_ROOM];
} shot;

typedef struct {
    int64_t utc_us;
    uint64_t track;
    vd_event_rect box;
} path_step;
/* Where a track was, thinned as it grows. Starts as zero. */
typedef struct {
    unsigned count;
    int64_t every_us;
    path_step step[VD_EVENT_PATH_MAX];
} track_path;

/* What an open event still gets of its camera's packets, and the way of its track meanwhile.
 *
 * A tap that collects packets is a gate: it opens pre-roll before its event or `delay` after it,
 * stays open while that event lasts and post-roll longer, is re-armed by each event that begins
 * meanwhile, and closes at most_us at the latest. What counts of an event is its signal, start +
 * delay: a gate that waits for its own takes those of later events in, too. The events of one gate
 * share its clip and bear its first event's id. */
typedef struct tap {
    struct tap *next, *gate; /* gate: whose clip is shared; NULL: this one collects */
    vd_ulid id;              /* of the gate's first event, once the worker knows it */
    uint64_t visit, track;
    track_path path;
    packet_line line;
    event_stream *stream; /* of the clip; NULL until the first key frame */
    int64_t signal_us, from_us, until_us, most_us, last_us;
    bool is_waiting;       /* a gate whose signal is still to come */
    int64_t close_mono_us; /* 0: its event goes on */
    bool is_late;          /* told after late_ms: joins a gate, re-arms none */
    bool is_done, has_clip;
    vd_event_evidence clip; /* the gate's, when has_clip */
} tap;

typedef struct note {
    struct note *next;
    vd_event_camera *camera;
    vd_fact_phase phase;
    uint64_t visit;
    int64_t start_us, utc_us;
    float best_score;
    unsigned property_count;
    vd_fact_property property[VD_PROPERTIES_MAX];
    shot *shot;
    /* BEGIN only. */
    tap *tap;
    vd_json *rule;
    float score_min;
    uint64_t track;
    const char *kind, *time_source, *severity;
    char class_name[NAME_ROOM], model_name[NAME_ROOM * 2];
    char rule_id[VD_RULE_ID_MAX + 1], rule_version[17], zone[VD_RULE_ID_MAX + 1];
    vd_digest model_digest;
} note;

/* An event from its begin to its last revision; the worker's. */
typedef struct open_event {
    struct open_event *next;
    note *begin; /* owned: who, what, since when */
    shot *shot;  /* owned: the best so far */
    vd_ulid id;
    uint64_t revision; /* last accepted */
    int64_t update_us, end_us;
    float best_score;
    bool ended, owes; /* owes: something changed since the last accepted revision */
    bool was_refused;
    int64_t retry_mono_us; /* 0: at once */
    vd_ulid correlation;
    tap *tap;        /* NULL: the clip is finished or there is none */
    track_path path; /* as of the last look at the tap */
    vd_clip *clip;
    int64_t clip_start_us, clip_end_us;
    int clip_width_px, clip_height_px;
    bool has_clip, clip_accepted;
    vd_event_evidence clip_evidence;
} open_event;

struct vd_event_camera {
    vd_event_camera *next;
    vd_events *events;
    char name[VD_CAMERA_ID_MAX + 1];
    open_event *open; /* the worker's */
    bool leaving;     /* under the stage's lock: the worker frees it once nothing is open */
    pthread_mutex_t lock;
    packet_ring ring;
    path_step recent[STEPS_KEPT]; /* circular */
    unsigned recent_next;
    int64_t recent_us;
    tap *taps;
    bool stopped;
};

struct vd_events {
    vd_events_config config; /* strings are own copies */
    vd_events_sink sink;
    vd_event_camera *cameras;
    pthread_t worker;
    bool has_worker;
    atomic_uint_fast64_t failed;
    pthread_mutex_t lock;
    pthread_cond_t work, room;
    note *notes, **notes_end;
    unsigned note_count;
    bool is_woken, is_stopping;
};

/* NULL when memory ends. `fact` END needs no frame. */
note *note_new(vd_event_camera *camera, const vd_fact *fact, const vd_frame *frame,
               const vd_detections *detections, const vd_vocabulary *words);
note *note_free(note *n); /* returns NULL */
shot *shot_free(shot *s);

/* Taps; each call takes the camera's lock. */
/* The gate that is open at start_us, or a new one. `seen_us`: when the event was found. */
tap *tap_open(vd_event_camera *camera, uint64_t visit, uint64_t track, int64_t start_us,
              int64_t seen_us);
/* The event's id is known: what ties it to the others of its gate. */
vd_ulid tap_correlate(vd_event_camera *camera, tap *t, const vd_ulid *id);
typedef struct {
    packet_line line; /* what arrived; empty for a tap that shares a clip */
    int64_t until_us; /* later packets are not the clip's */
    bool is_done;     /* nothing more will come */
    bool is_late;     /* all events have ended and their packets should be here long since */
} tap_news;
tap_news tap_drain(vd_event_camera *camera, tap *t);
/* The event has ended: the tap ends at until_us if it would not end before, or grace_us after what
 * is missing should have come. */
void tap_end(vd_event_camera *camera, tap *t, int64_t until_us, int64_t grace_us);
/* The gate's clip is whole: those that share it get it. */
void tap_share(vd_event_camera *camera, tap *gate, const vd_event_evidence *clip);
bool tap_gift(vd_event_camera *camera, const tap *t, vd_event_evidence *ret_clip);
/* The same on the analysis thread, as soon as the end is known: packets come meanwhile. */
void tap_limit_visit(vd_event_camera *camera, uint64_t visit, int64_t until_us);
tap *tap_close(vd_event_camera *camera, tap *t); /* returns NULL */

/* What is known of the track since from_us; the camera's lock is held. */
void path_begin(vd_event_camera *camera, tap *t, int64_t from_us);
void path_follow(vd_event_camera *camera, uint64_t visit, uint64_t track); /* takes the lock */
void path_read(vd_event_camera *camera, const tap *t,
               track_path *into); /* takes the camera's lock */
/* Room for VD_EVENT_PATH_MAX; returns how many. */
unsigned path_places(const track_path *p, int64_t start_us, vd_event_place *into);
vd_event_rect event_rect_of(const vd_box *box); /* cut to the picture */

void events_wake(vd_events *events);
void events_free_camera(vd_event_camera *camera);
void *events_work(void *events);
/* An event that is not over lies in the work folder as ULID.open, its last revision as JSON, so
 * that a killed agent's next run can end it. Failures leave no trace but a missing end. */
void open_save(const vd_events *events, const vd_event *event);
void open_remove(const vd_events *events, const vd_ulid *id);
/* Tells the end of each event that lies there; one that the sink refuses stays for the next start.
 */
void open_resume(vd_events *events);
/* One revision to the sink. */
vd_err event_tell(vd_event_camera *camera, open_event *e, vd_why *why);
#endif
