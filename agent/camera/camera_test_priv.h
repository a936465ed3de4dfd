/* camera_test_priv.h - a watcher for camera tests: counts what the camera hands out and lets a test
 * wait for it. Include once per test program. */
#ifndef VD_CAMERA_TEST_PRIV_H
#define VD_CAMERA_TEST_PRIV_H
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "camera.h"
#include "vd/clock.h"
#include "vd/test.h"

#define WATCH_S 30 /* a test that waits this long has failed */
#define HOLD    32

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    vd_camera *camera;
    vd_camera_status status;
    unsigned state_changes[5];
    unsigned closed; /* how often the camera closed the connection */
    uint64_t packets, pictures, keys;
    uint32_t serial;
    int stream_width_px;
    size_t extradata_bytes;
    int64_t last_pts_us, last_dts_us, last_packet_utc_us;
    bool time_fell;
    vd_picture last;
    uint64_t luma;         /* mean of the last picture's luma */
    uint64_t edges;        /* mean difference of neighbours, in hundredths */
    unsigned unmoved;      /* how many pictures in a row looked like the one before */
    uint8_t seen[80 * 60]; /* the last picture, coarsely */
    bool hold;             /* keep pictures instead of giving them back */
    vd_picture held[HOLD];
    unsigned held_count;
    char codec[16];
} watcher;

static inline uint64_t luma_mean(const vd_picture *picture)
{
    uint64_t sum = 0;
    for (int y = 0; y < picture->height_px; y++)
        for (int x = 0; x < picture->width_px; x++)
            sum += picture->plane[0][(ptrdiff_t)y * picture->stride[0] + x];
    return sum / ((uint64_t)picture->width_px * (uint64_t)picture->height_px);
}

static inline uint64_t edge_mean(const vd_picture *picture)
{
    uint64_t sum = 0;
    for (int y = 0; y < picture->height_px; y++) {
        const uint8_t *row = picture->plane[0] + (ptrdiff_t)y * picture->stride[0];
        for (int x = 1; x < picture->width_px; x++) sum += (uint64_t)abs(row[x] - row[x - 1]);
    }
    return 100 * sum / ((uint64_t)picture->width_px * (uint64_t)picture->height_px);
}

/* How far the picture is from the one before, in hundredths of a grey value a pixel. */
static inline uint64_t moved(watcher *watch, const vd_picture *picture)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof watch->seen; i++) {
        const size_t x = i % 80 * (size_t)picture->width_px / 80;
        const size_t y = i / 80 * (size_t)picture->height_px / 60;
        const uint8_t value = picture->plane[0][y * (size_t)picture->stride[0] + x];
        sum += (uint64_t)abs(value - watch->seen[i]);
        watch->seen[i] = value;
    }
    return 100 * sum / sizeof watch->seen;
}

static inline void saw_packet(void *ctx, const vd_packet *packet)
{
    watcher *watch = ctx;
    pthread_mutex_lock(&watch->lock);
    if (packet->stream->serial == watch->serial && packet->dts_us < watch->last_dts_us)
        watch->time_fell = true;
    watch->serial = packet->stream->serial;
    watch->stream_width_px = packet->stream->width_px;
    watch->extradata_bytes = packet->stream->extradata.len;
    watch->packets++;
    watch->keys += packet->key;
    watch->last_dts_us = packet->dts_us;
    watch->last_packet_utc_us = packet->utc_us;
    memcpy(watch->codec, packet->stream->codec, sizeof watch->codec);
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

static inline void saw_picture(void *ctx, const vd_picture *picture)
{
    watcher *watch = ctx;
    const uint64_t luma = luma_mean(picture), edges = edge_mean(picture);
    pthread_mutex_lock(&watch->lock);
    watch->unmoved = moved(watch, picture) < 150 ? watch->unmoved + 1 : 0;
    watch->edges = edges;
    watch->pictures++;
    watch->last = *picture;
    watch->luma = luma;
    const bool keep = watch->hold && watch->held_count < HOLD;
    if (keep) watch->held[watch->held_count++] = *picture;
    pthread_cond_broadcast(&watch->changed);
    vd_camera *camera = watch->camera;
    pthread_mutex_unlock(&watch->lock);
    if (!keep) vd_camera_give_back(camera, picture);
}

static inline void saw_status(void *ctx, const vd_camera_status *status)
{
    watcher *watch = ctx;
    pthread_mutex_lock(&watch->lock);
    if (getenv("VEDETTE_TEST_TELL"))
        fprintf(stderr, "# %s: %s: %s (%s)\n", vd_camera_state_name(status->state),
                status->why.fact, status->why.detail, status->why.hint);
    watch->status = *status;
    watch->state_changes[status->state]++;
    watch->closed += strstr(status->why.fact, "closed the connection") != NULL;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

static inline void watch_start_with(watcher *watch, const vd_camera_config *config,
                                    const vd_camera_sink *sink)
{
    pthread_condattr_t attributes;
    memset(watch, 0, sizeof *watch);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    vd_why why = { 0 };
    pthread_mutex_lock(&watch->lock); /* callbacks wait until `camera` is known */
    expect_ok(vd_camera_start(config, sink, &watch->camera, &why));
    pthread_mutex_unlock(&watch->lock);
}

static inline void watch_start(watcher *watch, const vd_camera_config *config)
{
    const vd_camera_sink sink = {
        .ctx = watch, .packet = saw_packet, .picture = saw_picture, .status = saw_status
    };
    watch_start_with(watch, config, &sink);
}

static inline void watch_stop(watcher *watch)
{
    vd_camera_stop(watch->camera);
    vd_camera_join(watch->camera);
    for (unsigned i = 0; i < watch->held_count; i++)
        vd_camera_give_back(watch->camera, &watch->held[i]);
    vd_camera_free(watch->camera);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
}

typedef bool (*watch_fn)(const watcher *watch, int64_t arg);

/* Waits for what the watcher saw; fails the test after WATCH_S. */
static inline bool watch_for(watcher *watch, watch_fn seen, int64_t arg)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WATCH_S;
    int error = 0;
    pthread_mutex_lock(&watch->lock);
    while (!seen(watch, arg) && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    const bool fine = seen(watch, arg);
    if (!fine)
        print_error("waited %d s in state '%s' (%s: %s), %llu packets, %llu pictures\n", WATCH_S,
                    vd_camera_state_name(watch->status.state), watch->status.why.fact,
                    watch->status.why.detail, (unsigned long long)watch->packets,
                    (unsigned long long)watch->pictures);
    pthread_mutex_unlock(&watch->lock);
    return fine;
}

static inline bool pictures_are(const watcher *watch, int64_t count)
{
    return watch->pictures >= (uint64_t)count;
}

static inline bool state_is(const watcher *watch, int64_t state)
{
    return watch->status.state == (vd_camera_state)state && watch->state_changes[state] > 0;
}

static inline bool run_tool(char *const arguments[])
{
    extern char **environ;
    pid_t pid = 0;
    int status = 0;
    if (posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) != 0) return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A moving test pattern with `args` (space-divided) before the output's name. */
static inline bool make_video(const char *path, const char *source, const char *args)
{
    char command[1024];
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v error -y -f lavfi -i '%s' %s '%s' </dev/null", source, args, path);
    char shell[] = "sh", flag[] = "-c";
    char *arguments[] = { shell, flag, command, NULL };
    return run_tool(arguments);
}
#endif
