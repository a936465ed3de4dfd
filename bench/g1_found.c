/* g1_found FILM FPS FIRST-LAST... - plays a film at its own pace with the gate, as the agent does,
 * and tells how late the first picture of each event (its pictures FIRST to LAST) was handed out,
 * and how many pictures of events never were. */
#include <pthread.h>

#include "bench.h"
#include "camera.h"

enum { EVENTS_MAX = 64, TRACKS_US = 3000000 };

typedef struct {
    unsigned first, last, shown;
    double found_ms; /* how late the first picture that was shown is */
} event;

typedef struct {
    vd_camera *camera;
    double fps;
    event event[EVENTS_MAX];
    unsigned count;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
} run;

static event *event_of(run *r, unsigned number)
{
    for (unsigned i = 0; i < r->count; i++)
        if (number >= r->event[i].first && number <= r->event[i].last) return &r->event[i];
    return NULL;
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    run *r = ctx;
    event *e = event_of(r, (unsigned)((double)picture->pts_us * r->fps / 1e6 + 0.5));
    if (e && !e->shown++) e->found_ms = (double)(vd_clock_utc_us() - picture->utc_us) / 1e3;
    if (e) vd_camera_awake(r->camera, picture->utc_us + TRACKS_US);
    vd_camera_give_back(r->camera, picture);
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

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const run *r, const vd_camera_status *status)
{
    double late[EVENTS_MAX] = { 0 };
    unsigned missed = 0;
    for (unsigned i = 0; i < r->count; i++) {
        const event *e = &r->event[i];
        late[i] = e->shown ? e->found_ms : 1e9;
        missed += e->last - e->first + 1 - e->shown;
    }
    qsort(late, r->count, sizeof *late, by_size);
    printf("{\"events\":%u,\"missed_pictures\":%u,\"median_ms\":%.1f,\"most_ms\":%.1f,"
           "\"packets\":%llu,\"decoded\":%llu,\"skipped\":%llu}\n",
           r->count, missed, late[r->count / 2], r->count ? late[r->count - 1] : 0,
           (unsigned long long)status->packets, (unsigned long long)status->decoded,
           (unsigned long long)status->skipped);
}

int main(int argc, char **argv)
{
    static run r = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
    vd_why why = { 0 };
    vd_camera_status status;
    for (int i = 3; i < argc && r.count < EVENTS_MAX; i++) {
        char *rest = NULL;
        event *e = &r.event[r.count++];
        e->first = (unsigned)strtoul(argv[i], &rest, 10);
        e->last = (unsigned)strtoul(rest + 1, NULL, 10);
    }
    if (argc < 4) return 2;
    r.fps = strtod(argv[2], NULL);
    const vd_camera_config config = { .id = "bench",
                                      .kind = VD_CAMERA_FILE,
                                      .url = argv[1],
                                      .pace = VD_PACE_REAL,
                                      .decode = VD_DECODE_AUTO };
    const vd_camera_sink sink = { .ctx = &r, .picture = on_picture, .status = on_status };
    pthread_mutex_lock(&r.lock);
    bench_need(vd_camera_start(&config, &sink, &r.camera, &why), &why);
    while (!r.over) pthread_cond_wait(&r.ended, &r.lock);
    pthread_mutex_unlock(&r.lock);
    vd_camera_get_status(r.camera, &status);
    vd_camera_stop(r.camera);
    vd_camera_join(r.camera);
    vd_camera_free(r.camera);
    print(&r, &status);
    return 0;
}
