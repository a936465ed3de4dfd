/* recording.h - the continuous recording of each camera: a ring of files on this disk.
 *
 * Packets are kept as they come, bit for bit, without transcoding. A camera's folder holds segments
 * of about a minute; a segment is a header and fragments, each of a few seconds and beginning with
 * a key frame as far as the camera sends any. A fragment is written in one go with a checksum and
 * synced, so that what a kill or a power cut takes is at most the fragment being filled and a torn
 * tail is seen and cut off at the next start. File names are the index: it is rebuilt by reading
 * the folders. The oldest segments go when a camera has more than its bytes or days, and, of all
 * cameras, when the disk has less than min_free left: other parts of the agent find room there.
 *
 * Threads: vd_recording_packet on the camera's reader thread, never waits for the disk; one writer
 * of our own; everything else from any thread. Policy when the disk is slower than the cameras: a
 * camera with queue_bytes_max waiting loses whole fragments, the newest first, counted. */
#ifndef VD_RECORDING_H
#define VD_RECORDING_H
#include "camera.h"

#define VD_RECORDING_CUT_MAX_MS   1800000 /* one range asked for */
#define VD_RECORDING_CAMERAS_MAX  256     /* with those that are gone but left something */
#define VD_RECORDING_FRAGMENT_MAX 8388608 /* bytes; a longer group of pictures is divided */

typedef struct {
    uint64_t bytes_max; /* 0: no limit but min_free */
    int64_t age_max_ms; /* 0: none */
} vd_recording_limits;

typedef struct {
    const char *dir;         /* ours alone, made when absent; one folder per camera */
    uint64_t min_free_bytes; /* of the file system */
    int64_t fragment_ms;     /* at least this long, then cut at the next key frame */
    int64_t segment_ms;
    uint64_t queue_bytes_max;   /* per camera, waiting for the disk */
    vd_recording_limits limits; /* of cameras that nobody adds any more */
} vd_recording_config;

typedef struct vd_recording vd_recording;
typedef struct vd_recording_camera vd_recording_camera;
/* Reads what is there; torn tails are cut off. */
VD_MUST_USE vd_err vd_recording_new(const vd_recording_config *config, vd_recording **ret_recording,
                                    vd_why *why);
/* Before its reader starts. The same name again (after vd_recording_end) goes on where it was. */
VD_MUST_USE vd_err vd_recording_add(vd_recording *recording, const char *camera,
                                    const vd_recording_limits *limits,
                                    vd_recording_camera **ret_camera, vd_why *why);
void vd_recording_packet(vd_recording_camera *camera, const vd_packet *packet);
/* The camera's reader has ended: what came is handed to the writer. NULL is fine. */
void vd_recording_end(vd_recording_camera *camera);
/* Waits until all that was handed over is on disk or given up. */
void vd_recording_settle(vd_recording *recording);

typedef struct {
    int64_t start_utc_us, end_utc_us; /* of what there was, from its key frame on */
    int64_t width_px, height_px;
    uint64_t packets;
} vd_recording_range;
/* Writes what there is of [from, to] into an MP4 at `path`: from the key frame at or before `from`
 * (after it, when nothing older is left) up to `to`, to where the stream changes, or until the file
 * has bytes_max, whatever is first. Blocks on the disk. VD_ABSENT: nothing is there (any more);
 * VD_INVALID: no such range. No file stays on failure. */
VD_MUST_USE vd_err vd_recording_cut(vd_recording *recording, const char *camera,
                                    int64_t from_utc_us, int64_t to_utc_us, uint64_t bytes_max,
                                    const char *path, vd_recording_range *ret_range, vd_why *why);

typedef struct {
    uint64_t bytes;        /* on disk */
    int64_t oldest_utc_us; /* 0: nothing */
    int64_t newest_utc_us; /* end of the last fragment written by this run; 0: none */
    uint64_t lost_packets; /* since the start: the disk was full or too slow */
    uint64_t overwritten;  /* segments that went to make room, since the start */
    bool is_full;          /* the last fragment found no room */
} vd_recording_stats;
/* VD_ABSENT: nothing was ever recorded under that name. */
VD_MUST_USE vd_err vd_recording_get_stats(vd_recording *recording, const char *camera,
                                          vd_recording_stats *ret_stats);
/* No new work: what came is written. Later packets are ignored. */
void vd_recording_stop(vd_recording *recording);
/* After the cameras' readers have ended. Returns NULL; NULL is fine. */
vd_recording *vd_recording_free(vd_recording *recording);
#endif
