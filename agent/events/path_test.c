#include <stdio.h>
#include <stdlib.h>

#include "events_priv.h"
#include "model_stub_priv.h"
#include "vd/test.h"

#define T0     1700000000000000
#define SECOND 1000000

typedef struct {
    char dir[64];
    vd_events *events;
    vd_event_camera *camera;
} stage;

static vd_err take_none(void *ctx, const vd_event *event, vd_why *why)
{
    (void)ctx;
    (void)event;
    (void)why;
    return VD_OK;
}

static void stage_new(stage *s)
{
    *s = (stage){ .dir = "/tmp/vedette-path-XXXXXX" };
    expect_true(mkdtemp(s->dir) != NULL);
    vd_events_config config = { .pre_roll_ms = 2000,
                                .post_roll_ms = 1000,
                                .clip_max_ms = 20000,
                                .ring_bytes_max = 1 << 20,
                                .device = "gate-box",
                                .work_dir = s->dir };
    vd_events_sink sink = { NULL, take_none };
    expect_ok(vd_events_new(&config, &sink, &s->events, NULL));
    expect_ok(vd_events_add_camera(s->events, "yard-1", &s->camera, NULL));
}

static void stage_done(stage *s)
{
    char command[128];
    vd_events_free(s->events);
    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    expect_i64(system(command), 0);
}
VD_AUTO_DEFINE(stage, stage_done)

/* Ten pictures a second with track 4, which goes right a hundredth each, and another. */
static void walk(stage *s, int from, int until)
{
    for (int n = from; n < until; n++) {
        vd_track track[] = { { .id = 9, .seen = true, .box = { 0.8f, 0, 0.1f, 0.1f } },
                             { .id = 4, .box = { 0.01f * (float)n, 0.5f, 0.1f, 0.2f } } };
        track[1].seen = n % 10 != 3; /* now and then it is only guessed where it is */
        vd_events_tracks(s->camera, track, 2, T0 + n * SECOND / 10);
    }
}

static unsigned places_of(stage *s, tap *t, vd_event_place *into)
{
    track_path way;
    path_read(s->camera, t, &way);
    return path_places(&way, T0 + 3 * SECOND, into);
}

/* covers: EVT-1 */
VD_TEST(a_path_begins_before_its_event_was_known)
{
    VD_AUTO(stage) s = { 0 };
    vd_event_place place[VD_EVENT_PATH_MAX];
    stage_new(&s);
    walk(&s, 0, 40);
    tap *t = tap_open(s.camera, 1, 4, T0 + 3 * SECOND, T0 + 3 * SECOND);
    walk(&s, 40, 45);
    unsigned count = places_of(&s, t, place);
    expect_u64(count, 31); /* 1.0 s to 4.4 s without the four that were guessed */
    expect_i64(place[0].at_ms, -2000);
    expect_near(place[0].box.l, 0.1, 1e-6);
    expect_i64(place[count - 1].at_ms, 1400);
    tap_close(s.camera, t);
}

VD_TEST(a_visit_that_another_track_takes_over_goes_on_with_that_one)
{
    VD_AUTO(stage) s = { 0 };
    vd_event_place place[VD_EVENT_PATH_MAX];
    stage_new(&s);
    tap *t = tap_open(s.camera, 1, 7, T0 + 3 * SECOND, T0 + 3 * SECOND);
    walk(&s, 30, 35);
    expect_u64(places_of(&s, t, place), 0);
    path_follow(s.camera, 1, 4);
    walk(&s, 35, 38);
    expect_u64(places_of(&s, t, place), 7); /* 3.0 s to 3.7 s without the one that was guessed */
    tap_close(s.camera, t);
}

VD_TEST(a_long_path_is_thinned_evenly_and_ends_with_its_clip)
{
    VD_AUTO(stage) s = { 0 };
    vd_event_place place[VD_EVENT_PATH_MAX];
    stage_new(&s);
    tap *t = tap_open(s.camera, 1, 4, T0 + 3 * SECOND, T0 + 3 * SECOND);
    walk(&s, 10, 90);
    tap_limit_visit(s.camera, 1, T0 + 12 * SECOND);
    walk(&s, 90, 100);
    tap_limit_visit(s.camera, 1, T0 + 10 * SECOND);
    walk(&s, 100, 200);
    unsigned count = places_of(&s, t, place);
    expect_true(count > VD_EVENT_PATH_MAX / 2 && count <= VD_EVENT_PATH_MAX);
    for (unsigned i = 1; i < count; i++) {
        int64_t step_ms = place[i].at_ms - place[i - 1].at_ms;
        expect_true(step_ms > 0 && step_ms <= 500);
        expect_near(place[i].box.l, 0.3 + (double)place[i].at_ms / 10000, 1e-5);
    }
    expect_near((double)place[count - 1].at_ms, 7000, 300);
    tap_close(s.camera, t);
}

VD_TEST(after_the_clock_went_back_nothing_of_before_is_in_a_path)
{
    VD_AUTO(stage) s = { 0 };
    vd_event_place place[VD_EVENT_PATH_MAX];
    stage_new(&s);
    walk(&s, 50, 60);
    walk(&s, 30, 33);
    tap *t = tap_open(s.camera, 1, 4, T0 + 3 * SECOND, T0 + 3 * SECOND);
    expect_u64(places_of(&s, t, place), 3);
    tap_close(s.camera, t);
}

/* The event's reader takes rising milliseconds only. */
VD_TEST(pictures_closer_than_a_millisecond_are_one_place)
{
    static const int64_t after_us[] = { -1200, -700, -300, 1, 400, 1000, 1999, 2000 };
    static const int64_t expected_ms[] = { -2, -1, 0, 1, 2 };
    track_path way = { 0 };
    vd_event_place place[VD_EVENT_PATH_MAX];
    for (unsigned i = 0; i < VD_COUNT_OF(after_us); i++)
        way.step[way.count++] = (path_step){ .utc_us = T0 + after_us[i], .track = 4 };
    expect_u64(path_places(&way, T0, place), VD_COUNT_OF(expected_ms));
    for (unsigned i = 0; i < VD_COUNT_OF(expected_ms); i++)
        expect_i64(place[i].at_ms, expected_ms[i]);
}

VD_TEST_MAIN(VD_RUN(a_path_begins_before_its_event_was_known),
             VD_RUN(pictures_closer_than_a_millisecond_are_one_place),
             VD_RUN(a_visit_that_another_track_takes_over_goes_on_with_that_one),
             VD_RUN(a_long_path_is_thinned_evenly_and_ends_with_its_clip),
             VD_RUN(after_the_clock_went_back_nothing_of_before_is_in_a_path))
