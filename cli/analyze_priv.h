/* analyze_priv.h - the agent's own stages over a file, as fast as they can.
 *
 *   camera (file, fast) ── frames ──▶ queue of a few ──▶ inference ─▶ rules ─▶ events
 *       reader thread                                    this thread
 *
 * Nothing is dropped: the camera's child waits for us. */
#ifndef VEDETTE_ANALYZE_PRIV_H
#define VEDETTE_ANALYZE_PRIV_H
#include <pthread.h>
#include <stdatomic.h>

#include "cli_priv.h"
#include "events.h"
#include "vd/queue.h"

#define ANALYZE_RULES_MAX 64
#define TRACK_LINES_MAX   8388608 /* 235 MB: ten hours with ten people in view */

typedef struct {
    vd_file file;
    vd_buf text; /* not written yet */
    bool wanted;
    uint64_t lines;
} line_file;

typedef struct {
    uint32_t frame, id;
    float left, top, width, height, score; /* pixels */
} track_line;

typedef struct {
    cli *c;
    const char *video;
    uint64_t video_bytes;
    vd_model *model;
    vd_vocabulary *words; /* the model's */
    vd_rule rule[ANALYZE_RULES_MAX];
    unsigned rule_count;
    vd_scene *scene;
    vd_foreground *foreground; /* NULL: no rule asks what stands still */
    vd_events *events;         /* NULL: not wanted */
    vd_event_camera *event_camera;
    char work_dir[64]; /* clips and evidence of this run; removed at the end */
    vd_blobs *blobs;
    vd_camera *camera;
    vd_queue *frames;
    line_file detections, tracks, event_lines;
    vd_detections *seen;
    uint64_t frame_count, detection_count;
    track_line *track_line; /* until the end: only then is known which tracks were ever sure */
    size_t track_lines, track_room;
    float *best; /* by track id: the best score it ever had */
    uint32_t best_room, track_count;
    double track_score; /* tracks that never reach it are not written */
    int64_t began_us, inference_us;
    bool progress;
    int64_t progress_us;

    pthread_mutex_t lock; /* `camera` while it starts; `event_lines`, which the clips' worker and
                             this thread write */
    /* reader thread writes, atomically */
    _Atomic uint64_t bytes_read;
    _Atomic int ended; /* 1: end of the file, 2: failed */
    vd_why camera_why; /* before `ended` becomes 2 */
} analysis;

/* analyze_out.c */
vd_err line_file_open(line_file *f, const char *path, vd_why *why); /* NULL path: not wanted */
vd_err line_file_flush(line_file *f, bool all, vd_why *why);
vd_err line_file_publish(line_file *f, vd_why *why);
void line_file_done(line_file *f);
vd_err write_detections(analysis *a, const vd_picture *picture, vd_why *why);
vd_err note_tracks(analysis *a, const vd_picture *picture, vd_why *why);
vd_err write_tracks(analysis *a, vd_why *why); /* at the end */
vd_err write_event(analysis *a, const vd_event *event, vd_why *why);
void progress_show(analysis *a, bool last);
vd_err summary_print(analysis *a, vd_why *why);

/* analyze_rules.c: reads --rules: a list, a map with `rules`, or a map from camera to list. */
vd_err analyze_rules(analysis *a, const char *path, vd_why *why);
#endif
