/* events.h - a fact becomes an event: id, time, reasons, snapshot, clip.
 *
 * Per camera: a ring of compressed packets (pre-roll, bounded in seconds and bytes), open events,
 * and clips being finished. A clip is cut at the key frame at or before event start - pre-roll,
 * remuxed without transcoding into an MP4 that browsers play and seek in, and closed at event end +
 * post-roll or at clip_max_ms after the start, whatever is first; then the event gets its next
 * revision with the clip. With a delay the clip is cut at the key frame at or before event start +
 * delay instead, goes on for post-roll at least, also when the event is over by then, and
 * clip_max_ms counts from there. An event that begins while a clip of its camera goes on re-arms
 * that one and shares it, within its clip_max_ms: all of them name the same file, and the first
 * one's id
 * (`correlation`) ties them. An event is told when it begins, when it ends, and when its clip is
 * whole; a better picture travels with the next of these. Threads: vd_events_packet runs on the
 * camera's reader thread and never waits for the disk; vd_events_facts on the analysis thread (it
 * makes the JPEG); one own worker writes clips and hands revisions to `sink.accept`, with evidence
 * in the blob store. */
#ifndef VD_EVENTS_H
#define VD_EVENTS_H
#include "event.h"
#include "rules.h"

typedef struct {
    int64_t pre_roll_ms, post_roll_ms, clip_max_ms;
    int64_t delay_ms;        /* above 0: pre_roll_ms is 0 and post_roll_ms is not */
    int64_t late_ms;         /* an event found this much behind its camera re-arms no clip */
    uint64_t ring_bytes_max; /* per camera */
    int snapshot_width_px;   /* 0: as the picture */
    int snapshot_quality;
    const char *device;
    const char *work_dir; /* unfinished clips and open events; same file system as the blobs */
    vd_blobs *blobs;      /* finished evidence is put here before the event is accepted */
} vd_events_config;

typedef struct {
    void *ctx;
    /* Durable hand-over (the outbox), on the worker's thread. Blocks until it is on disk. The
     * event's pointers are borrowed for the call. A refused revision is tried again after 5 s, with
     * what is known by then. */
    vd_err (*accept)(void *ctx, const vd_event *event, vd_why *why);
} vd_events_sink;

typedef struct vd_events vd_events;
/* Ends the events that a killed run left open: `accept` is called for them before this returns. */
VD_MUST_USE vd_err vd_events_new(const vd_events_config *config, const vd_events_sink *sink,
                                 vd_events **ret_events, vd_why *why);
/* Cameras are added before their thread starts, at any time; any thread. */
typedef struct vd_event_camera vd_event_camera;
VD_MUST_USE vd_err vd_events_add_camera(vd_events *events, const char *camera,
                                        vd_event_camera **ret_camera, vd_why *why);
/* The camera is gone: its thread is joined, its visits have ended (their END facts told), and no
 * call names it again. Does not wait: the worker finishes its clips with what is there, keeps
 * trying what the sink refused, and then frees it. NULL is fine. */
void vd_events_leave_camera(vd_event_camera *camera);
void vd_events_packet(vd_event_camera *camera, const vd_packet *packet);
/* Facts of one picture, with the picture and everything the model saw in it; both may be NULL for
 * END facts. Waits while 256 facts are ahead. */
void vd_events_facts(vd_event_camera *camera, const vd_fact *facts, unsigned fact_count,
                     vd_frame *frame, const vd_detections *detections, const vd_vocabulary *words);
/* Where the camera's tracks are in one picture, before its facts are told: an event's path is kept
 * from its clip's beginning, or its own, to its end, and travels with the clip. */
void vd_events_tracks(vd_event_camera *camera, const vd_track *tracks, unsigned count,
                      int64_t utc_us);
/* Ends open events and clips of all cameras with what is there, waits for the worker. Later calls
 * do nothing. */
void vd_events_stop(vd_events *events);
vd_events *vd_events_free(vd_events *events);
uint64_t vd_events_failed(
    const vd_events *events); /* events that could not be accepted (disk full); shown in health */
#endif
