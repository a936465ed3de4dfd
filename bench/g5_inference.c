/* g5_inference MODEL CAMERAS THREADS PICTURES - pictures a second from several cameras through the
 * agent's analysis: each camera shows a fresh picture more often than anybody can look, the turns
 * say whose is next, and the model and the camera's scene look at it. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "bench.h"
#include "rules.h"
#include "turns.h"

enum { CAMERAS_MAX = 64, WARM_UP = 2, WIDTH = 768, HEIGHT = 576, PUT_EACH_MS = 5 };

typedef struct {
    vd_turns *turns;
    vd_frame *picture[CAMERAS_MAX];
    vd_scene *scene[CAMERAS_MAX];
    unsigned cameras;
    atomic_bool over;
} house;

/* A picture that is not flat, so that the work on it is what it is in the field. */
static vd_frame *picture_of(unsigned camera)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    vd_picture picture = { .width_px = WIDTH,
                           .height_px = HEIGHT,
                           .plane = { luma, chroma, chroma },
                           .stride = { WIDTH, WIDTH / 2, WIDTH / 2 } };
    vd_frame *frame = NULL;
    for (unsigned i = 0; i < sizeof luma; i++) luma[i] = (uint8_t)(i * 7 + i / WIDTH * 13 + camera);
    for (unsigned i = 0; i < sizeof chroma; i++) chroma[i] = (uint8_t)(96 + i % 64);
    bench_need(vd_frame_copy(&picture, &frame), NULL);
    return frame;
}

static void *show_pictures(void *arg)
{
    house *h = arg;
    const struct timespec pause = { .tv_nsec = PUT_EACH_MS * 1000000L };
    while (!h->over) {
        for (unsigned i = 0; i < h->cameras; i++)
            vd_turns_put(h->turns, i, vd_frame_ref(h->picture[i]));
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void look(house *h, vd_model *model)
{
    static vd_detections detections;
    const vd_fact *facts;
    unsigned count;
    vd_why why = { 0 };
    vd_turn turn;
    if (!vd_turns_take(h->turns, &turn)) return;
    bench_need(vd_model_run(model, turn.frame, &detections, &why), &why);
    vd_scene_step(h->scene[turn.camera], &detections, vd_clock_utc_us(), &facts, &count);
    vd_frame_unref(turn.frame);
    vd_turns_done(h->turns, turn.camera);
}

static void set_up(house *h, const vd_model *model)
{
    vd_vocabulary *words = NULL;
    const vd_rule rule = {
        .id = "bench",
        .zone = "middle",
        .point = { { 0.3f, 0.3f }, { 0.7f, 0.3f }, { 0.7f, 0.8f }, { 0.3f, 0.8f } },
        .point_count = 4,
        .score_min = 0.3f,
        .dwell_ms = 500,
        .leave_ms = 1000,
    };
    bench_need(vd_turns_new(h->cameras, &h->turns), NULL);
    bench_need(vd_model_vocabulary(model, &words), NULL);
    for (unsigned i = 0; i < h->cameras; i++) {
        bench_need(vd_scene_new(&rule, 1, words, &h->scene[i]), NULL);
        h->picture[i] = picture_of(i);
    }
    vd_vocabulary_free(words);
}

static void count_looks(house *h, uint64_t looked[CAMERAS_MAX])
{
    for (unsigned i = 0; i < h->cameras; i++) {
        vd_turns_stats stats;
        vd_turns_get_stats(h->turns, i, &stats);
        looked[i] = stats.looked;
    }
}

static void report(house *h, const uint64_t before[CAMERAS_MAX], unsigned pictures, double seconds)
{
    uint64_t looked[CAMERAS_MAX], least = UINT64_MAX, most = 0;
    count_looks(h, looked);
    for (unsigned i = 0; i < h->cameras; i++) {
        const uint64_t count = looked[i] - before[i];
        if (count < least) least = count;
        if (count > most) most = count;
    }
    printf("{\"pictures\":%u,\"per_second\":%.3f,\"least\":%llu,\"most\":%llu}\n", pictures,
           pictures / seconds, (unsigned long long)least, (unsigned long long)most);
}

static void tear_down(house *h)
{
    vd_turns_free(h->turns);
    for (unsigned i = 0; i < h->cameras; i++) {
        vd_frame_unref(h->picture[i]);
        vd_scene_free(h->scene[i]);
    }
}

int main(int argc, char **argv)
{
    static house h;
    uint64_t before[CAMERAS_MAX] = { 0 };
    pthread_t cameras;
    vd_model *model = NULL;
    vd_why why = { 0 };

    if (argc < 5) return 2;
    h.cameras = (unsigned)atoi(argv[2]);
    vd_model_options options = { .threads = atoi(argv[3]) };
    const unsigned pictures = (unsigned)atoi(argv[4]);
    if (h.cameras < 1 || h.cameras > CAMERAS_MAX || pictures < 1) return 2;
    bench_need(vd_model_load(argv[1], &options, &model, &why), &why);
    set_up(&h, model);
    if (pthread_create(&cameras, NULL, show_pictures, &h)) return 1;
    for (unsigned i = 0; i < WARM_UP; i++) look(&h, model);
    count_looks(&h, before);
    const int64_t start = vd_clock_mono_us();
    for (unsigned i = 0; i < pictures; i++) look(&h, model);
    report(&h, before, pictures, bench_seconds_since(start));
    h.over = true;
    pthread_join(cameras, NULL);
    tear_down(&h);
    vd_model_free(model);
    return 0;
}
