/* Frames over a real camera's slots. */
#include "camera_test_priv.h"
#include "frames.h"

#define KEEP 6

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    vd_camera *camera;
    vd_frame *kept[KEEP]; /* the last ones; an older one goes when a newer comes */
    uint64_t frames, failed;
    bool ended;
} keeper;

static void keep(void *ctx, const vd_picture *picture)
{
    keeper *self = ctx;
    vd_frame *frame = NULL;
    pthread_mutex_lock(&self->lock);
    vd_frame **place = &self->kept[self->frames++ % KEEP];
    vd_frame *old = *place;
    *place = NULL;
    if (vd_frame_take(self->camera, picture, &frame))
        self->failed++;
    else
        *place = frame;
    pthread_mutex_unlock(&self->lock);
    vd_frame_unref(old);
}

static void see_end(void *ctx, const vd_camera_status *status)
{
    keeper *self = ctx;
    pthread_mutex_lock(&self->lock);
    self->ended = status->state == VD_CAMERA_ENDED || status->state == VD_CAMERA_FAILED;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* covers: CAM-1 */
VD_TEST(slots_come_back_with_the_last_reference_and_no_picture_is_lost)
{
    char folder[] = "/tmp/vedette-take-XXXXXX", film[64];
    keeper self = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    assert_non_null(mkdtemp(folder));
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    expect_true(make_video(film, "testsrc=s=160x120:r=25:d=4", "-c:v libx264 -pix_fmt yuv420p"));
    const vd_camera_config config = {
        .id = "yard", .kind = VD_CAMERA_FILE, .url = film, .pace = VD_PACE_FAST
    };
    const vd_camera_sink sink = { .ctx = &self, .picture = keep, .status = see_end };
    pthread_mutex_lock(&self.lock);
    expect_ok(vd_camera_start(&config, &sink, &self.camera, NULL));
    while (!self.ended) pthread_cond_wait(&self.changed, &self.lock);
    pthread_mutex_unlock(&self.lock);
    vd_camera_stop(self.camera);
    vd_camera_join(self.camera);
    expect_u64(self.frames, 100);
    expect_u64(self.failed, 0);
    /* the child is gone; what is held stays readable, in order, until it is let go */
    for (uint64_t i = self.frames - KEEP; i < self.frames; i++) {
        const vd_picture *picture = vd_frame_picture(self.kept[i % KEEP]);
        expect_u64(picture->number, i + 1);
        expect_true(luma_mean(picture) > 20);
        vd_frame_unref(self.kept[i % KEEP]);
    }
    vd_camera_free(self.camera);
    unlink(film);
    rmdir(folder);
}

VD_TEST_MAIN(VD_RUN(slots_come_back_with_the_last_reference_and_no_picture_is_lost))
