/* tracker_priv.h - the same thing over pictures, for one camera.
 *
 * After ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection
 * Box", ECCV 2022): detections with a high score are matched first, those with a low score only
 * continue tracks that the first stage left over, and only high scores open a track. Motion is a
 * Kalman filter with constant velocity, as in SORT (Bewley et al., "Simple Online and Realtime
 * Tracking", ICIP 2016), with time in seconds instead of pictures so that a dropped picture does
 * not bend it. Pairs are assigned by shortest augmenting paths (Jonker and Volgenant, "A shortest
 * augmenting path algorithm for dense and sparse linear assignment problems", Computing 38, 1987).
 *
 *      unmatched high score          2nd hit             not matched
 *   -------------------------> NEW ----------> TRACKED <-------------> LOST
 *                               | not matched           matched again    | lost_us, or out of sight
 *                               v                                        v
 *                              gone                                     gone
 *
 * Nothing is allocated after vd_tracker_new. */
#ifndef VD_TRACKER_PRIV_H
#define VD_TRACKER_PRIV_H
#include "rules.h"

typedef struct {
    float high;      /* detections from here on open tracks and are matched first */
    float low;       /* those below are not looked at */
    unsigned hits;   /* pictures in which a new track must be seen, one after the other */
    int64_t lost_us; /* how long an unseen track is kept */
} vd_tracker_config;

/* One coordinate: position and velocity with their covariance. */
typedef struct {
    float pos, vel, pos_var, cov, vel_var;
} vd_axis;

typedef enum { VD_TRACK_FREE, VD_TRACK_NEW, VD_TRACK_TRACKED, VD_TRACK_LOST } vd_track_state;
typedef struct {
    vd_track as; /* what the outside sees; id 0 until the track is confirmed */
    vd_axis cx, cy, w, h;
    vd_track_state state;
    unsigned hits;
    uint32_t birth; /* counts the tracks ever opened: tells a slot's track from the next one's */
} vd_tracked;

typedef struct vd_tracker vd_tracker;
/* NULL when memory ends. */
VD_MUST_USE vd_tracker *vd_tracker_new(const vd_tracker_config *config);
vd_tracker *vd_tracker_free(vd_tracker *tracker);
void vd_tracker_configure(vd_tracker *tracker, const vd_tracker_config *config);
void vd_tracker_step(vd_tracker *tracker, const vd_detections *detections, int64_t utc_us);
/* All tracks end; ids go on counting. */
void vd_tracker_clear(vd_tracker *tracker);
/* Slots stay with their track for its life: FREE ones are to be skipped. */
const vd_tracked *vd_tracker_slot(const vd_tracker *tracker, unsigned slot);
/* The slots in use, oldest track first. */
const uint16_t *vd_tracker_active(const vd_tracker *tracker, unsigned *ret_count);
#endif
