/* history.h - what was seen in the last days, on disk, so that a changed rule can be tried on it.
 *
 * Every picture's detections go to a file per camera and hour, boxes and scores in 16 bits each;
 * with them what was not looked for, and in whose crop each was found.
 * Files are only ever appended to; the oldest go when all together are too many bytes or too old.
 * What is not written yet when the machine dies (at most ten seconds) is lost, and a record that
 * was cut is dropped by whoever reads. Writing is one thread's; it goes through the page cache, and
 * a disk that refuses costs the pictures of that time, never the analysis. */
#ifndef VD_HISTORY_H
#define VD_HISTORY_H
#include "inference.h"

typedef struct {
    const char *dir; /* made when absent */
    uint64_t bytes_max;
    int64_t age_max_ms;
} vd_history_config;

typedef struct vd_history vd_history;
VD_MUST_USE vd_err vd_history_open(const vd_history_config *config, vd_history **ret_history,
                                   vd_why *why);
/* One picture's detections; `words` tell what their class ids mean. NULL history: nothing is kept.
 */
void vd_history_seen(vd_history *history, const char *camera, const vd_detections *detections,
                     const vd_vocabulary *words, int64_t utc_us);
/* Pictures that the disk did not take. Any thread. */
uint64_t vd_history_lost(const vd_history *history);
/* Writes what is held back. Returns NULL; NULL is fine. */
vd_history *vd_history_free(vd_history *history);

/* One stored picture, in the order of time; all borrowed for the call. An error ends the reading.
 */
typedef vd_err vd_history_fn(void *ctx, const char *camera, const vd_detections *detections,
                             const vd_vocabulary *words, int64_t utc_us, vd_why *why);
/* Reads what is stored of a camera, or with NULL of all, one after the other. VD_ABSENT: there is
 * no such folder or camera. */
VD_MUST_USE vd_err vd_history_read(const char *dir, const char *camera, int64_t from_us,
                                   int64_t until_us, vd_history_fn *fn, void *ctx, vd_why *why);
/* One file's bytes. VD_CORRUPT: it is none of ours; a cut or broken end is left out. */
VD_MUST_USE vd_err vd_history_parse(vd_slice bytes, const char *camera, int64_t from_us,
                                    int64_t until_us, vd_history_fn *fn, void *ctx, vd_why *why);
#endif
