/* g4_record FILE DIR [CAMERAS]  records a file through the camera stage (sandboxed child, no
 * decoding) into the ring of files, synced as always, and waits until all of it is on disk.
 * g4_record --cut DIR OUT  what the ring has, as an MP4: for the check that nothing has changed */
#include <pthread.h>
#include <string.h>

#include "bench.h"
#include "recording.h"

#define CAMERA      "bench-0"
#define CAMERAS_MAX 16
/* A live camera never has more waiting; a file read in a hurry has. */
#define SETTLE_AT (2u << 20)
#define CUT_MAX   (8ull << 30)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static unsigned going;

typedef struct {
    vd_recording *recording;
    vd_recording_camera *ring;
    vd_camera *camera;
    char id[16];
    uint64_t packets, bytes, unsettled;
} run;

static void on_packet(void *ctx, const vd_packet *packet)
{
    run *r = ctx;
    vd_recording_packet(r->ring, packet);
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
    (void)ctx;
    if (status->state == VD_CAMERA_FAILED) bench_need(VD_IO, &status->why);
    if (status->state != VD_CAMERA_ENDED) return;
    pthread_mutex_lock(&lock);
    going--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
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

static void begin(run *r, vd_recording *recording, const char *file)
{
    const vd_recording_limits unlimited = { 0 };
    vd_camera_config config = { .kind = VD_CAMERA_FILE,
                                .url = file,
                                .pace = VD_PACE_FAST,
                                .packets_only = true,
                                .patience_ms = 60000 };
    const vd_camera_sink sink = {
        .ctx = r, .packet = on_packet, .picture = on_picture, .status = on_status
    };
    vd_why why = { 0 };
    r->recording = recording;
    memcpy(config.id, r->id, sizeof r->id);
    bench_need(vd_recording_add(recording, r->id, &unlimited, &r->ring, &why), &why);
    bench_need(vd_camera_start(&config, &sink, &r->camera, &why), &why);
}

static uint64_t end(run *r)
{
    vd_recording_stats stats = { 0 };
    vd_why why = { 0 };
    vd_camera_stop(r->camera);
    vd_camera_join(r->camera);
    vd_camera_free(r->camera);
    vd_recording_end(r->ring);
    vd_recording_settle(r->recording);
    bench_need(vd_recording_get_stats(r->recording, r->id, &stats), &why);
    return stats.lost_packets;
}

static int record(const char *file, const char *dir, unsigned cameras)
{
    static run runs[CAMERAS_MAX];
    uint64_t packets = 0, bytes = 0, lost = 0;
    vd_recording *recording = open_ring(dir);
    going = cameras;
    for (unsigned i = 0; i < cameras; i++) {
        snprintf(runs[i].id, sizeof runs[i].id, "bench-%u", i);
        begin(&runs[i], recording, file);
    }
    pthread_mutex_lock(&lock);
    while (going) pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < cameras; i++) {
        lost += end(&runs[i]);
        packets += runs[i].packets;
        bytes += runs[i].bytes;
    }
    vd_recording_free(recording);
    printf("{\"packets\":%llu,\"bytes\":%llu,\"lost\":%llu}\n", (unsigned long long)packets,
           (unsigned long long)bytes, (unsigned long long)lost);
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
    unsigned long cameras = argc == 4 ? strtoul(argv[3], NULL, 10) : 1;
    if (argc < 3 || cameras < 1 || cameras > CAMERAS_MAX) return 1;
    return record(argv[1], argv[2], (unsigned)cameras);
}
