/* Media time to UTC. */
#include "child_priv.h"
#include "vd/test.h"

#define S INT64_C(1000000)

VD_TEST(the_least_delayed_packets_draw_the_line)
{
    media_clock clock = { 0 };
    media_clock_arrival(&clock, 0, 100 * S + 80000);
    media_clock_arrival(&clock, 1 * S, 101 * S + 20000);
    media_clock_arrival(&clock, 2 * S, 102 * S + 300000);
    expect_near(media_clock_utc(&clock, 2 * S), 102 * S + 20000, 1000);
    expect_i64(clock.source, VD_TIME_ARRIVAL);
}

VD_TEST(a_jump_begins_a_new_line)
{
    media_clock clock = { 0 };
    media_clock_arrival(&clock, 0, 100 * S);
    media_clock_arrival(&clock, 1 * S, 160 * S);
    expect_i64(media_clock_utc(&clock, 1 * S), 160 * S);
    media_clock_arrival(&clock, 2 * S, 90 * S); /* our own clock was set back */
    expect_i64(media_clock_utc(&clock, 2 * S), 90 * S);
}

/* covers: CAM-1 */
VD_TEST(the_cameras_report_replaces_the_arrival)
{
    media_clock clock = { 0 };
    media_clock_arrival(&clock, 1 * S, 100 * S);
    media_clock_rtcp(&clock, 2 * S, 100 * S + 700000, 101 * S);
    expect_i64(clock.source, VD_TIME_RTCP);
    expect_i64(media_clock_utc(&clock, 3 * S), 101 * S + 700000);
    media_clock_arrival(&clock, 4 * S, 999 * S); /* no longer asked */
    expect_i64(media_clock_utc(&clock, 4 * S), 102 * S + 700000);
}

/* covers: CAM-1 */
VD_TEST(a_camera_an_hour_off_is_not_believed_until_it_is_right_again)
{
    media_clock clock = { 0 };
    media_clock_rtcp(&clock, 0, 3700 * S, 100 * S);
    expect_i64(clock.source, VD_TIME_ARRIVAL);
    expect_i64(media_clock_utc(&clock, 0), 100 * S);
    media_clock_rtcp(&clock, 1 * S, 101 * S, 101 * S);
    expect_i64(clock.source, VD_TIME_RTCP);
    media_clock_rtcp(&clock, 2 * S, 3702 * S, 102 * S);
    expect_i64(clock.source, VD_TIME_ARRIVAL);
    expect_i64(media_clock_utc(&clock, 2 * S), 102 * S);
}

/* covers: CAM-1 */
VD_TEST(what_comes_with_a_held_packet_belongs_to_the_next)
{
    media_clock clock = { .held = true };
    media_clock_packet(&clock, 0, 0, 101 * S);
    media_clock_packet(&clock, 1 * S, 0, 102 * S);
    expect_i64(clock.source, VD_TIME_ARRIVAL);
    expect_i64(media_clock_utc(&clock, 1 * S), 101 * S); /* it began when the one before was done */
    media_clock_packet(&clock, 2 * S, 102 * S + 500000, 103 * S);
    expect_i64(clock.source, VD_TIME_ARRIVAL);
    media_clock_packet(&clock, 3 * S, 103 * S + 500000, 104 * S);
    expect_i64(clock.source, VD_TIME_RTCP);
    expect_i64(media_clock_utc(&clock, 3 * S), 102 * S + 500000);
}

VD_TEST(what_came_before_a_whole_packet_is_forgotten)
{
    media_clock clock = { .held = true };
    media_clock_packet(&clock, 0, 0, 101 * S);
    clock.held = false;
    media_clock_packet(&clock, 50 * S, 0, 150 * S);
    clock.held = true;
    media_clock_packet(&clock, 51 * S, 0, 151 * S);
    expect_i64(media_clock_utc(&clock, 51 * S), 151 * S); /* and not 101 s */
}

VD_TEST(what_comes_with_a_whole_packet_is_its_own)
{
    media_clock clock = { 0 };
    media_clock_packet(&clock, 1 * S, 0, 101 * S);
    expect_i64(media_clock_utc(&clock, 1 * S), 101 * S);
    media_clock_packet(&clock, 2 * S, 101 * S + 900000, 102 * S);
    expect_i64(media_clock_utc(&clock, 2 * S), 101 * S + 900000);
}

VD_TEST_MAIN(VD_RUN(what_comes_with_a_held_packet_belongs_to_the_next),
             VD_RUN(what_came_before_a_whole_packet_is_forgotten),
             VD_RUN(what_comes_with_a_whole_packet_is_its_own),
             VD_RUN(the_least_delayed_packets_draw_the_line), VD_RUN(a_jump_begins_a_new_line),
             VD_RUN(the_cameras_report_replaces_the_arrival),
             VD_RUN(a_camera_an_hour_off_is_not_believed_until_it_is_right_again))
