/* g2_active_camera FILE - decodes a file through the camera stage (sandboxed child, shared memory),
 * wraps every picture as a frame and runs the tracker and a zone over 20 moving boxes. Inference is
 * left out. The CPU of the whole process tree is measured from outside. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"
#include "rules.h"
#include "vd/queue.h"

typedef struct {
    vd_camera *camera;
    vd_scene *scene;
    uint64_t pictures, facts;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
} run;

static void twenty_boxes(uint64_t picture, vd_detections *into)
{
    into->count = 20;
    for (unsigned i = 0; i < into->count; i++) {
        float phase = (float)i * 0.7f + (float)picture * 0.01f;
        into->item[i] = (vd_detection){
            .box = { 0.45f + 0.4f * sinf(phase), 0.04f * (float)i, 0.04f, 0.1f },
            .score = 0.8f - 0.01f * (float)i,
        };
    }
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    run *r = ctx;
    static vd_detections boxes;
    const vd_fact *facts;
    unsigned fact_count;
    vd_frame *frame;

    if (vd_frame_take(r->camera, picture, &frame)) return;
    twenty_boxes(++r->pictures, &boxes);
    vd_scene_step(r->scene, &boxes, picture->utc_us, &facts, &fact_count);
    r->facts += fact_count;
    vd_frame_unref(frame);
}

static void on_packet(void *ctx, const vd_packet *packet)
{
    (void)ctx;
    (void)packet;
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

int main(int argc, char **argv)
{
    static run r = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
    vd_why why = { 0 };
    vd_rule rule = { .id = "bench",
                     .zone = "middle",
                     .point = { { 0.3f, 0.3f }, { 0.7f, 0.3f }, { 0.7f, 0.8f }, { 0.3f, 0.8f } },
                     .point_count = 4,
                     .score_min = 0.3f,
                     .dwell_ms = 500,
                     .leave_ms = 1000 };
    vd_camera_config config = {
        .id = "bench", .kind = VD_CAMERA_FILE, .url = argc > 1 ? argv[1] : "", .pace = VD_PACE_FAST
    };
    vd_camera_sink sink = { &r, on_packet, on_picture, on_status };

    bench_need(vd_scene_new(&rule, 1, NULL, &r.scene), &why);
    bench_need(vd_camera_start(&config, &sink, &r.camera, &why), &why);
    pthread_mutex_lock(&r.lock);
    while (!r.over) pthread_cond_wait(&r.ended, &r.lock);
    pthread_mutex_unlock(&r.lock);
    vd_camera_stop(r.camera);
    vd_camera_join(r.camera);
    vd_camera_free(r.camera);
    vd_scene_free(r.scene);
    printf("{\"pictures\":%llu,\"facts\":%llu}\n", (unsigned long long)r.pictures,
           (unsigned long long)r.facts);
    return 0;
}
