/* g4_record FILE DIR      records a file through the camera stage (sandboxed child, no decoding)
 * into the ring of files, synced as always, and waits until all of it is on disk g4_record --cut
 * DIR OUT what the ring has, as an MP4: for the check that nothing has changed */
#include <pthread.h>
#include <string.h>

#include "bench.h"
#include "recording.h"

#define CAMERA "bench"
/* A live camera never has more waiting; a file read in a hurry has. */
#define SETTLE_AT (2u << 20)
#define CUT_MAX   (8ull << 30)

typedef struct {
    vd_recording *recording;
    vd_recording_camera *camera;
    uint64_t packets, bytes, unsettled;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
} run;

static void on_packet(void *ctx, const vd_packet *packet)
{
    run *r = ctx;
    vd_recording_packet(r->camera, packet);
    r->packets++;
    r->bytes += packet->data.len;
    r->unsettled += packet->data.len;
    if (r->unsettled < SETTLE_AT) return;
    vd_recording_settle(r->recording);
    r->unsettled = 0;
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    (void)ctx;
    (void)picture;
}

static void on_status(void *ctx, const vd_camera_status *status)
{
    run *r = ctx;
    if (status->state == VD_CAMERA_FAILED) bench_need(VD_IO, &status->why);
    if (status->state != VD_CAMERA_ENDED) return;
    pthread_mutex_lock(&r->lock);
    r->over = true;
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock);
}

static vd_recording *open_ring(const char *dir)
{
    const vd_recording_config config = {
        .dir = dir, .fragment_ms = 2000, .segment_ms = 60000, .queue_bytes_max = 64ull * SETTLE_AT
    };
    vd_recording *recording = NULL;
    vd_why why = { 0 };
    bench_need(vd_recording_new(&config, &recording, &why), &why);
    return recording;
}

static int record(const char *file, const char *dir)
{
    static run r = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
    const vd_recording_limits unlimited = { 0 };
    const vd_camera_config config = { .id = CAMERA,
                                      .kind = VD_CAMERA_FILE,
                                      .url = file,
                                      .pace = VD_PACE_FAST,
                                      .packets_only = true };
    const vd_camera_sink sink = {
        .ctx = &r, .packet = on_packet, .picture = on_picture, .status = on_status
    };
    vd_recording_stats stats = { 0 };
    vd_camera *camera;
    vd_why why = { 0 };

    r.recording = open_ring(dir);
    bench_need(vd_recording_add(r.recording, CAMERA, &unlimited, &r.camera, &why), &why);
    bench_need(vd_camera_start(&config, &sink, &camera, &why), &why);
    pthread_mutex_lock(&r.lock);
    while (!r.over) pthread_cond_wait(&r.ended, &r.lock);
    pthread_mutex_unlock(&r.lock);
    vd_camera_stop(camera);
    vd_camera_join(camera);
    vd_camera_free(camera);
    vd_recording_end(r.camera);
    vd_recording_settle(r.recording);
    bench_need(vd_recording_get_stats(r.recording, CAMERA, &stats), &why);
    vd_recording_free(r.recording);
    printf("{\"packets\":%llu,\"bytes\":%llu,\"lost\":%llu}\n", (unsigned long long)r.packets,
           (unsigned long long)r.bytes, (unsigned long long)stats.lost_packets);
    return 0;
}

static int cut(const char *dir, const char *out)
{
    vd_recording *recording = open_ring(dir);
    vd_recording_stats stats = { 0 };
    vd_recording_range range = { 0 };
    vd_why why = { 0 };

    bench_need(vd_recording_get_stats(recording, CAMERA, &stats), &why);
    int64_t from_us = stats.oldest_utc_us;
    int64_t to_us = from_us + VD_RECORDING_CUT_MAX_MS * 1000ll;
    bench_need(vd_recording_cut(recording, CAMERA, from_us, to_us, CUT_MAX, out, &range, &why),
               &why);
    vd_recording_free(recording);
    printf("{\"packets\":%llu}\n", (unsigned long long)range.packets);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--cut") == 0) return cut(argv[2], argv[3]);
    return argc == 3 ? record(argv[1], argv[2]) : 1;
}
