/* A camera that leaves while others go on. */
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "events.h"
#include "model_stub_priv.h"
#include "vd/clock.h"
#include "vd/test.h"

typedef struct {
    char dir[64], work_dir[96];
    vd_blobs *blobs;
    vd_events *events;
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned refuse, refused, starts, ends;
    char last[33]; /* the camera that was told of last */
} yard;

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static vd_err accept(void *ctx, const vd_event *event, vd_why *why)
{
    yard *y = ctx;
    vd_err err = VD_OK;
    pthread_mutex_lock(&y->lock);
    bool is_end = strcmp(event->phase, "end") == 0;
    if (is_end && y->refuse > 0) {
        y->refuse--;
        y->refused++;
        err = vd_fail(why, VD_FULL, "the disk is full");
    } else {
        y->starts += strcmp(event->phase, "start") == 0;
        y->ends += is_end;
        vd_slice_to_chars(vd_slice_str(event->camera), y->last, sizeof y->last);
    }
    pthread_cond_broadcast(&y->news);
    pthread_mutex_unlock(&y->lock);
    return err;
}

static void yard_new(yard *y)
{
    *y = (yard){ .dir = "/tmp/vedette-leave-XXXXXX",
                 .lock = PTHREAD_MUTEX_INITIALIZER,
                 .news = PTHREAD_COND_INITIALIZER };
    assert_non_null(mkdtemp(y->dir));
    snprintf(y->work_dir, sizeof y->work_dir, "%s/work", y->dir);
    expect_ok(vd_blobs_open(y->dir, &y->blobs, NULL));
    vd_events_config config = { .pre_roll_ms = 1000,
                                .post_roll_ms = 3600000,
                                .clip_max_ms = 3600000,
                                .ring_bytes_max = 1 << 20,
                                .snapshot_quality = 80,
                                .device = "box",
                                .work_dir = y->work_dir,
                                .blobs = y->blobs };
    vd_events_sink sink = { y, accept };
    expect_ok(vd_events_new(&config, &sink, &y->events, NULL));
}

static void yard_done(yard *y)
{
    vd_events_free(y->events);
    vd_blobs_free(y->blobs);
    nftw(y->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(yard, yard_done)

static vd_event_camera *camera_of(yard *y, const char *name)
{
    vd_event_camera *camera = NULL;
    expect_ok(vd_events_add_camera(y->events, name, &camera, NULL));
    return camera;
}

static void tell(vd_event_camera *camera, vd_fact_phase phase)
{
    static const vd_rule rule = { .id = "rule",
                                  .zone = "zone",
                                  .severity = VD_SEVERITY_HIGH,
                                  .point = { { 0, 0 }, { 1, 0 }, { 1, 1 } },
                                  .point_count = 3,
                                  .class_name = { "person" },
                                  .class_count = 1,
                                  .version = "0123456789abcdef" };
    vd_detections seen = { .count = 1, .item[0] = { { 0.5f, 0.5f, 0.1f, 0.2f }, 0.9f, 0 } };
    vd_fact fact = { .phase = phase,
                     .rule = &rule,
                     .visit = 1,
                     .track = { .id = 1, .box = seen.item[0].box, .score = 0.9f },
                     .entered_utc_us = 1700000000000000,
                     .utc_us = 1700000001000000,
                     .best_score = 0.9f };
    vd_events_facts(camera, &fact, 1, NULL, &seen, STUB_MODEL);
}

/* Waits until that many events have ended. */
static void expect_ends(yard *y, unsigned count)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&y->lock);
    while (y->ends < count && rc == 0) rc = pthread_cond_timedwait(&y->news, &y->lock, &until);
    unsigned have = y->ends;
    pthread_mutex_unlock(&y->lock);
    expect_u64(have, count);
}

// covers: CAM-4
VD_TEST(events_of_a_camera_that_leaves_end_now_and_those_of_the_others_stay_open)
{
    VD_AUTO(yard) y = { 0 };
    yard_new(&y);
    vd_event_camera *gate = camera_of(&y, "gate"), *hall = camera_of(&y, "hall");
    vd_event_camera *dock = camera_of(&y, "dock");
    tell(gate, VD_FACT_BEGIN);
    tell(hall, VD_FACT_BEGIN);
    tell(dock, VD_FACT_BEGIN);
    tell(hall, VD_FACT_END);
    vd_events_leave_camera(hall); /* its clip would wait an hour for its post-roll */
    expect_ends(&y, 1);
    expect_str(y.last, "hall");
    vd_events_leave_camera(dock); /* its END was never told */
    expect_ends(&y, 2);
    expect_str(y.last, "dock");
    tell(gate, VD_FACT_END);
    expect_ends(&y, 3);
    expect_u64(y.starts, 3);
}

// covers: CAM-4
VD_TEST(what_was_refused_of_a_camera_that_left_is_told_again)
{
    VD_AUTO(yard) y = { 0 };
    yard_new(&y);
    y.refuse = 1;
    vd_event_camera *gate = camera_of(&y, "gate");
    tell(gate, VD_FACT_BEGIN);
    vd_events_leave_camera(gate);
    vd_event_camera *again = camera_of(&y, "gate"); /* the same name at once: another camera */
    tell(again, VD_FACT_BEGIN);
    while (vd_events_failed(y.events) == 0) sched_yield();
    vd_clock_fake(vd_clock_mono_us() + 60 * INT64_C(1000000), vd_clock_utc_us());
    expect_ends(&y, 1);
    vd_clock_fake(-1, -1);
    expect_u64(y.refused, 1);
    vd_events_stop(y.events);
    expect_u64(y.starts, 2);
    expect_u64(y.ends, 2);
}

// covers: CAM-4
VD_TEST(cameras_may_come_and_go_until_the_very_end)
{
    VD_AUTO(yard) y = { 0 };
    yard_new(&y);
    for (unsigned i = 0; i < 100; i++) {
        vd_event_camera *camera = camera_of(&y, "gate");
        if (i % 2) tell(camera, VD_FACT_BEGIN);
        if (i % 3) vd_events_leave_camera(camera);
    }
    vd_events_stop(y.events);
    expect_u64(y.starts, 50);
    expect_u64(y.ends, 50);
}

VD_TEST_MAIN(VD_RUN(events_of_a_camera_that_leaves_end_now_and_those_of_the_others_stay_open),
             VD_RUN(what_was_refused_of_a_camera_that_left_is_told_again),
             VD_RUN(cameras_may_come_and_go_until_the_very_end))
