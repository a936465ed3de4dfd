#include "turns.h"

#include <pthread.h>

#include "vd/test.h"

/* A picture of 2 x 2 that carries its number. */
static vd_frame *frame_of(uint64_t number)
{
    static const uint8_t plane[4];
    vd_picture picture = { .width_px = 2,
                           .height_px = 2,
                           .plane = { plane, plane, plane },
                           .stride = { 2, 1, 1 },
                           .number = number };
    vd_frame *frame = NULL;
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

static vd_turns *turns_of(unsigned cameras)
{
    vd_turns *turns = NULL;
    expect_ok(vd_turns_new(cameras, &turns));
    return turns;
}

/* Takes a turn, expects this camera and picture (0: away); the caller must say done. */
static void expect_turn(vd_turns *turns, unsigned camera, uint64_t number)
{
    vd_turn turn;
    expect_true(vd_turns_take(turns, &turn));
    expect_u64(turn.camera, camera);
    expect_u64(turn.frame ? vd_frame_picture(turn.frame)->number : 0, number);
    vd_frame_unref(turn.frame);
}

static void expect_whole_turn(vd_turns *turns, unsigned camera, uint64_t number)
{
    expect_turn(turns, camera, number);
    vd_turns_done(turns, camera);
}

static void expect_stats(vd_turns *turns, unsigned camera, uint64_t looked, uint64_t stale)
{
    vd_turns_stats stats;
    vd_turns_get_stats(turns, camera, &stats);
    expect_u64(stats.looked, looked);
    expect_u64(stats.stale, stale);
}

// covers: INF-1, INF-3
VD_TEST(a_picture_that_nobody_looked_at_is_dropped_for_the_next_and_counted)
{
    vd_turns *turns = turns_of(1);
    vd_frame *kept = vd_frame_ref(frame_of(1));
    vd_turns_put(turns, 0, kept);
    vd_turns_put(turns, 0, frame_of(2));
    vd_turns_put(turns, 0, frame_of(3));
    expect_whole_turn(turns, 0, 3);
    expect_stats(turns, 0, 1, 2);
    expect_u64(vd_frame_picture(kept)->number, 1); /* a reader elsewhere keeps what it holds */
    vd_frame_unref(kept);
    vd_turns_free(turns);
}

// covers: INF-1, INF-3
VD_TEST(between_cameras_never_looked_at_the_freshest_goes_first)
{
    vd_turns *turns = turns_of(3);
    vd_turns_put(turns, 1, frame_of(1));
    vd_turns_put(turns, 2, frame_of(2));
    vd_turns_put(turns, 0, frame_of(3));
    vd_turns_put(turns, 1, frame_of(4));
    expect_whole_turn(turns, 1, 4);
    expect_whole_turn(turns, 0, 3);
    expect_whole_turn(turns, 2, 2);
    vd_turns_free(turns);
}

// covers: INF-1, INF-3
VD_TEST(a_busy_camera_takes_no_turn_from_the_others)
{
    enum { CAMERAS = 4, ROUNDS = 25 };
    vd_turns *turns = turns_of(CAMERAS);
    unsigned looked[CAMERAS] = { 0 };
    for (unsigned round = 0; round < CAMERAS * ROUNDS; round++) {
        vd_turn turn;
        for (unsigned i = 0; i < 40; i++) vd_turns_put(turns, 0, frame_of(1)); /* 40 to one */
        for (unsigned i = 1; i < CAMERAS; i++) vd_turns_put(turns, i, frame_of(1));
        expect_true(vd_turns_take(turns, &turn));
        looked[turn.camera]++;
        vd_frame_unref(turn.frame);
        vd_turns_done(turns, turn.camera);
    }
    for (unsigned i = 0; i < CAMERAS; i++) expect_u64(looked[i], ROUNDS);
    vd_turns_free(turns);
}

VD_TEST(a_camera_that_was_silent_goes_before_those_looked_at_meanwhile)
{
    vd_turns *turns = turns_of(2);
    vd_turns_put(turns, 1, frame_of(1));
    expect_whole_turn(turns, 1, 1);
    for (unsigned i = 0; i < 3; i++) {
        vd_turns_put(turns, 0, frame_of(2));
        expect_whole_turn(turns, 0, 2);
    }
    vd_turns_put(turns, 1, frame_of(3));
    vd_turns_put(turns, 0, frame_of(4));
    expect_whole_turn(turns, 1, 3);
    vd_turns_free(turns);
}

VD_TEST(a_camera_in_hand_is_nobody_elses)
{
    vd_turns *turns = turns_of(2);
    vd_turns_put(turns, 0, frame_of(1));
    expect_turn(turns, 0, 1);
    vd_turns_put(turns, 0, frame_of(2));
    vd_turns_put(turns, 1, frame_of(3));
    expect_turn(turns, 1, 3); /* although camera 0 has a picture, too */
    vd_turns_put(turns, 1, frame_of(4));
    vd_turns_done(turns, 0);
    expect_turn(turns, 0, 2);
    vd_turns_free(turns);
}

VD_TEST(that_a_camera_is_away_is_told_after_its_last_picture)
{
    vd_turns *turns = turns_of(1);
    vd_turns_put(turns, 0, frame_of(7));
    vd_turns_away(turns, 0);
    expect_whole_turn(turns, 0, 7);
    expect_whole_turn(turns, 0, 0);
    expect_stats(turns, 0, 1, 0);
    vd_turns_free(turns);
}

VD_TEST(a_camera_that_is_back_before_anyone_looked_was_never_away)
{
    vd_turns *turns = turns_of(2);
    vd_turns_away(turns, 0);
    vd_turns_put(turns, 0, frame_of(1));
    expect_whole_turn(turns, 0, 1);
    vd_turns_put(turns, 1, frame_of(2));
    expect_whole_turn(turns, 1, 2); /* had camera 0 been away, it would still be owed */
    vd_turns_put(turns, 0, frame_of(3));
    expect_whole_turn(turns, 0, 3);
    vd_turns_free(turns);
}

static void *take_one(void *arg)
{
    vd_turn turn;
    if (!vd_turns_take(arg, &turn)) return NULL;
    vd_frame_unref(turn.frame);
    vd_turns_done(arg, turn.camera);
    return arg;
}

VD_TEST(a_waiting_looker_gets_what_comes_and_all_end_at_stop)
{
    vd_turns *turns = turns_of(1);
    pthread_t lookers[3];
    unsigned got = 0;
    for (int i = 0; i < 3; i++) expect_i64(pthread_create(&lookers[i], NULL, take_one, turns), 0);
    vd_turns_put(turns, 0, frame_of(1));
    for (vd_turns_stats stats = { 0 }; !stats.looked;) vd_turns_get_stats(turns, 0, &stats);
    vd_turns_stop(turns);
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        pthread_join(lookers[i], &result);
        got += result != NULL;
    }
    expect_u64(got, 1);
    vd_turns_put(turns, 0, frame_of(2)); /* waits for nobody; freed below */
    vd_turn turn;
    expect_false(vd_turns_take(turns, &turn));
    vd_turns_free(turns);
}

static void *leave(void *turns)
{
    vd_turns_leave(turns, 0);
    return NULL;
}

// covers: CAM-4
VD_TEST(a_camera_leaves_once_nobody_has_it_in_hand_and_its_place_is_as_new)
{
    vd_turns *turns = turns_of(2);
    vd_turn turn;
    pthread_t leaver;
    vd_turns_put(turns, 0, frame_of(1));
    expect_true(vd_turns_take(turns, &turn));
    vd_turns_put(turns, 0, frame_of(2));
    vd_turns_away(turns, 0);
    expect_i64(pthread_create(&leaver, NULL, leave, turns), 0);
    vd_turns_put(turns, 1, frame_of(3)); /* the other camera is looked at meanwhile */
    expect_whole_turn(turns, 1, 3);
    expect_stats(turns, 0, 1, 0); /* not yet: it is in hand */
    vd_frame_unref(turn.frame);
    vd_turns_done(turns, 0);
    pthread_join(leaver, NULL);
    expect_stats(turns, 0, 0, 0);
    vd_turns_put(turns, 1, frame_of(4));
    expect_whole_turn(turns, 1, 4); /* what waited for the camera that left is nobody's */
    vd_turns_put(turns, 1, frame_of(5));
    vd_turns_put(turns, 0, frame_of(1));
    expect_whole_turn(turns, 0, 1); /* a new camera goes first */
    expect_whole_turn(turns, 1, 5);
    vd_turns_free(turns);
}

VD_TEST_MAIN(VD_RUN(a_picture_that_nobody_looked_at_is_dropped_for_the_next_and_counted),
             VD_RUN(between_cameras_never_looked_at_the_freshest_goes_first),
             VD_RUN(a_busy_camera_takes_no_turn_from_the_others),
             VD_RUN(a_camera_that_was_silent_goes_before_those_looked_at_meanwhile),
             VD_RUN(a_camera_in_hand_is_nobody_elses),
             VD_RUN(that_a_camera_is_away_is_told_after_its_last_picture),
             VD_RUN(a_camera_that_is_back_before_anyone_looked_was_never_away),
             VD_RUN(a_waiting_looker_gets_what_comes_and_all_end_at_stop),
             VD_RUN(a_camera_leaves_once_nobody_has_it_in_hand_and_its_place_is_as_new))
