/* sketches.h - what a camera's pictures and the model's findings look like over a window of time,
 * as small statistics for the hub's watch: is the lens smeared, the lamp dead, the scene another?
 *
 * A window begins at whole multiples of its length of UTC (an hour: at :00). About four pictures a
 * second are looked at (vd_frame_look); findings are counted as the model makes them. When a window
 * is over it is told as one JSON object of at most VD_SKETCHES_BYTES_MAX (docs/watch.md), now and
 * then with a small picture: the first of all, one a day, and whenever the look has changed, so
 * that people can see before and after.
 *
 * Threads: _picture from the camera's reader, _seen from the analysis, _tick and _finish from one
 * other; each is short but _tick, which makes the JPEG and calls the sink. */
#ifndef VD_SKETCHES_H
#define VD_SKETCHES_H
#include "inference.h"
#include "vd/json.h"

#define VD_SKETCHES_BYTES_MAX   4096
#define VD_SKETCHES_CLASSES_MAX 16 /* further classes count as "other" */
#define VD_SKETCHES_PICTURE_PX  640
#define VD_SKETCHES_LEAST       5 /* a window with fewer pictures says nothing */

typedef struct {
    void *ctx;
    /* A finished window. `jpeg` is empty when there is no picture, otherwise named in the JSON by
     * its SHA-256. May block. */
    void (*told)(void *ctx, const char *camera, vd_slice json, vd_slice jpeg);
} vd_sketches_sink;

typedef struct vd_sketches vd_sketches; /* of one camera */
/* `camera` is copied. */
VD_MUST_USE vd_err vd_sketches_new(const char *camera, int64_t window_ms,
                                   const vd_sketches_sink *sink, vd_sketches **ret_sketches);
vd_sketches *vd_sketches_free(vd_sketches *sketches);
/* A picture came; cheap when it is not looked at. */
void vd_sketches_picture(vd_sketches *sketches, vd_frame *frame);
/* What the models found in one picture; scores are the main model's. Another main model than before
 * begins its statistics anew. */
void vd_sketches_seen(vd_sketches *sketches, const vd_detections *detections,
                      const vd_vocabulary *words);
/* About once a second; `live`: the camera is up. */
void vd_sketches_tick(vd_sketches *sketches, bool live);
/* Tells what there is of the open window; the program stops. */
void vd_sketches_finish(vd_sketches *sketches);
#endif
