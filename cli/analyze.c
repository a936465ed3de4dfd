/* analyze.c - vedette analyze: a video file through the agent's own stages. */
#include <ftw.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze_priv.h"
#include "vd/clock.h"

#define QUEUE_FRAMES 4
#define WAIT_MS      200
#define TRACK_SCORE  0.5

/* ---- the camera's reader thread ---- */

static void on_packet(void *ctx, const vd_packet *packet)
{
    analysis *a = ctx;

    atomic_fetch_add(&a->bytes_read, packet->data.len);
    if (a->events) vd_events_packet(a->event_camera, packet);
}

static void drop_frame(void *frame)
{
    vd_frame_unref(frame);
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    analysis *a = ctx;
    vd_frame *frame;

    pthread_mutex_lock(&a->lock); /* the first picture may come before the start has returned */
    vd_camera *camera = a->camera;
    pthread_mutex_unlock(&a->lock);
    if (vd_frame_take(camera, picture, &frame)) return;
    if (vd_queue_put(a->frames, frame)) vd_frame_unref(frame); /* closed: we are stopping */
}

static void on_status(void *ctx, const vd_camera_status *status)
{
    analysis *a = ctx;

    if (status->state == VD_CAMERA_ENDED) atomic_store(&a->ended, 1);
    if (status->state != VD_CAMERA_FAILED) return;
    a->camera_why = status->why;
    atomic_store(&a->ended, 2);
}

/* ---- this thread ---- */

static vd_err on_accept(void *ctx, const vd_event *event, vd_why *why)
{
    analysis *a = ctx;

    pthread_mutex_lock(&a->lock);
    vd_err err = write_event(a, event, why);
    pthread_mutex_unlock(&a->lock);
    return err;
}

static vd_err open_model(analysis *a, vd_why *why)
{
    const char *name = cli_option(a->c, "model");
    char path[4096];
    uint64_t threads = 0;

    vd_err err = cli_number(a->c, "threads", 256, &threads, why);
    vd_model_options options = { .threads = (int)threads };
    if (!err) err = model_path_of(a->c, name ? name : "centernet", path, sizeof path, why);
    if (!err) err = vd_model_load(path, &options, &a->model, why);
    if (!err && vd_model_vocabulary(a->model, &a->words))
        err = vd_fail(why, VD_FULL, "memory ends");
    return err;
}

static vd_err read_track_score(analysis *a, vd_why *why)
{
    const char *text = cli_option(a->c, "track-score");
    char *end = NULL;

    a->track_score = text ? strtod(text, &end) : TRACK_SCORE;
    if (!text || (end != text && !*end && a->track_score >= 0 && a->track_score <= 1)) return VD_OK;
    return vd_fail(why, VD_INVALID, "--track-score is '%s', a number in 0..1 is needed", text);
}

static vd_err open_video(analysis *a, vd_why *why)
{
    struct stat st;

    if (stat(a->video, &st)) {
        vd_fail_errno(why, "the video %s cannot be read", a->video);
        return VD_ABSENT;
    }
    a->video_bytes = (uint64_t)st.st_size;
    if (S_ISREG(st.st_mode)) return VD_OK;
    return vd_fail(why, VD_INVALID, "%s is no file", a->video);
}

static vd_err open_events(analysis *a, vd_why *why)
{
    vd_events_sink sink = { .ctx = a, .accept = on_accept };
    vd_events_config config = { .pre_roll_ms = 5000,
                                .post_roll_ms = 5000,
                                .clip_max_ms = 60000,
                                .late_ms = 10000,
                                .ring_bytes_max = 64u << 20,
                                .snapshot_quality = 85,
                                .device = "analyze",
                                .work_dir = a->work_dir };

    if (!a->event_lines.wanted) return VD_OK;
    snprintf(a->work_dir, sizeof a->work_dir, "/tmp/vedette-analyze-XXXXXX");
    if (!mkdtemp(a->work_dir)) return vd_fail_errno(why, "no temporary folder can be made");
    char blobs[96], clips[96];
    snprintf(blobs, sizeof blobs, "%s/blobs", a->work_dir);
    snprintf(clips, sizeof clips, "%s/clips", a->work_dir);
    vd_err err = vd_dir_make(clips, 0700, why);
    if (!err) err = vd_blobs_open(blobs, &a->blobs, why);
    config.work_dir = clips;
    config.blobs = a->blobs;
    if (!err) err = vd_events_new(&config, &sink, &a->events, why);
    if (!err) err = vd_events_add_camera(a->events, "video", &a->event_camera, why);
    return err;
}

static vd_err open_outputs(analysis *a, vd_why *why)
{
    vd_err err = line_file_open(&a->detections, cli_option(a->c, "detections"), why);
    if (!err) err = line_file_open(&a->tracks, cli_option(a->c, "tracks"), why);
    if (!err) err = line_file_open(&a->event_lines, cli_option(a->c, "events"), why);
    return err;
}

static vd_err start_camera(analysis *a, vd_why *why)
{
    vd_camera_sink sink = {
        .ctx = a, .packet = on_packet, .picture = on_picture, .status = on_status
    };
    vd_camera_config config = {
        .id = "video", .kind = VD_CAMERA_FILE, .url = a->video, .pace = VD_PACE_FAST
    };
    uint64_t fps = 0;
    const char *given = getenv("VEDETTE_CAMERA_CHILD");

    vd_err err = cli_number(a->c, "max-fps", 1000, &fps, why);
    config.max_fps = (unsigned)fps;
    config.child_path = given;
    if (!err) err = vd_queue_new(QUEUE_FRAMES, VD_QUEUE_WAIT, drop_frame, &a->frames);
    pthread_mutex_lock(&a->lock);
    if (!err) err = vd_camera_start(&config, &sink, &a->camera, why);
    pthread_mutex_unlock(&a->lock);
    return err;
}

static vd_err look_at(analysis *a, vd_frame *frame, vd_why *why)
{
    const vd_picture *picture = vd_frame_picture(frame);
    const vd_fact *facts;
    unsigned count;

    int64_t before_us = vd_clock_mono_us();
    vd_err err = vd_model_run(a->model, frame, a->seen, why);
    if (err) return err;
    a->inference_us += vd_clock_mono_us() - before_us;
    if (a->foreground)
        vd_scene_still(a->scene, vd_foreground_step(a->foreground, picture, picture->utc_us));
    vd_scene_step(a->scene, a->seen, picture->utc_us, &facts, &count);
    if (a->events && count)
        vd_events_facts(a->event_camera, facts, count, frame, a->seen, a->words);
    a->frame_count++;
    a->detection_count += a->seen->count;
    err = write_detections(a, picture, why);
    if (!err) err = note_tracks(a, picture, why);
    progress_show(a, false);
    return err;
}

static vd_err look_at_all(analysis *a, vd_why *why)
{
    vd_err err = VD_OK;

    while (!err) {
        void *frame = NULL;
        if (vd_stop_asked()) return vd_fail(why, VD_GONE, "stopped before the end");
        int ended = atomic_load(&a->ended); /* before the look: what came earlier is in the queue */
        vd_err got = vd_queue_take(a->frames, ended ? 0 : WAIT_MS, &frame);
        if (got == VD_RETRY && ended == 1) return VD_OK;
        if (got == VD_RETRY && ended == 2) {
            if (why) *why = a->camera_why;
            return VD_INVALID;
        }
        if (got) continue;
        err = look_at(a, frame, why);
        vd_frame_unref(frame);
    }
    return err;
}

static void close_scene(analysis *a)
{
    const vd_fact *facts;
    unsigned count;

    if (!a->scene || !a->events || !a->seen) return;
    vd_scene_close(a->scene, &facts, &count);
    a->seen->count = 0;
    if (count) vd_events_facts(a->event_camera, facts, count, NULL, a->seen, a->words);
    vd_events_stop(a->events);
}

/* After this no other thread runs. */
static void stop_threads(analysis *a)
{
    if (a->frames) vd_queue_close(a->frames);
    if (a->camera) {
        vd_camera_stop(a->camera);
        vd_camera_join(a->camera);
    }
    close_scene(a);
}

static vd_err publish(analysis *a, vd_why *why)
{
    vd_err err = write_tracks(a, why);
    if (!err) err = line_file_publish(&a->detections, why);
    if (!err) err = line_file_publish(&a->tracks, why);
    if (!err) err = line_file_publish(&a->event_lines, why);
    return err;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void analysis_free(analysis *a)
{
    if (a->frames) vd_queue_free(a->frames);
    if (a->events) vd_events_free(a->events);
    if (a->camera) vd_camera_free(a->camera);
    vd_scene_free(a->scene);
    vd_foreground_free(a->foreground);
    vd_vocabulary_free(a->words);
    if (a->model) vd_model_free(a->model);
    if (a->blobs) vd_blobs_free(a->blobs);
    if (a->work_dir[0]) nftw(a->work_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    line_file_done(&a->detections);
    line_file_done(&a->tracks);
    line_file_done(&a->event_lines);
    pthread_mutex_destroy(&a->lock);
    free(a->track_line);
    free(a->best);
    free(a->seen);
    free(a);
}

static vd_err open_scene(analysis *a, vd_why *why)
{
    vd_err err = vd_scene_new(a->rule, a->rule_count, a->words, &a->scene);
    if (err || !vd_scene_wants_still(a->scene)) return err;
    a->foreground = vd_foreground_new();
    return a->foreground ? VD_OK : vd_fail(why, VD_FULL, "memory ends");
}

vd_err run_analyze(cli *c, vd_why *why)
{
    analysis *a = calloc(1, sizeof *a);
    if (!a) return vd_fail(why, VD_FULL, "memory ends");
    av_log_set_level(AV_LOG_QUIET);
    pthread_mutex_init(&a->lock, NULL);
    a->c = c;
    a->video = cli_argument(c, 0);
    a->detections.file = a->tracks.file = a->event_lines.file = VD_FILE_NONE;
    a->seen = calloc(1, sizeof *a->seen);
    a->progress = isatty(STDERR_FILENO);

    vd_err err = a->seen ? open_video(a, why) : vd_fail(why, VD_FULL, "memory ends");
    if (!err) err = read_track_score(a, why);
    if (!err) err = open_model(a, why);
    if (!err) err = analyze_rules(a, cli_option(c, "rules"), why);
    if (!err) err = open_scene(a, why);
    if (!err) err = open_outputs(a, why);
    if (!err) err = open_events(a, why);
    a->began_us = vd_clock_mono_us();
    if (!err) err = start_camera(a, why);
    if (!err) err = look_at_all(a, why);
    stop_threads(a);
    if (!err) progress_show(a, true);
    if (!err) err = publish(a, why);
    if (!err) err = summary_print(a, why);
    analysis_free(a);
    return err;
}
