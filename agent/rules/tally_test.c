#include <stdlib.h>
#include <time.h>

#include "model_stub_priv.h"
#include "scene_testing_priv.h"

static const vd_point in = { 0.75f, 0.5f }, out = { 0.25f, 0.5f };

/* The right half of the picture. */
static vd_rule right_half(vd_rule_kind kind)
{
    return (vd_rule){ .kind = kind,
                      .id = "r",
                      .zone = "gate",
                      .point = { { 0.5f, 0 }, { 1, 0 }, { 1, 1 }, { 0.5f, 1 } },
                      .point_count = 4,
                      .class_name = { "person", "bicycle" },
                      .class_count = 2,
                      .score_min = 0.5f,
                      .dwell_ms = 1000,
                      .leave_ms = 500,
                      .in_zone = { .at_least = -1, .at_most = -1 },
                      .version = "1" };
}

/* One picture with so many people inside. */
static void show_people(play *p, int people)
{
    for (int i = 0; i < people; i++)
        put(p, (vd_point){ 0.6f + 0.1f * (float)i, 0.6f }, 0.05f, 0.2f, 0, 0.8f);
    show(p);
}

static void show_people_for(play *p, int people, int pictures)
{
    for (int i = 0; i < pictures; i++) show_people(p, people);
}

// covers: RULE-2
VD_TEST(who_comes_in_is_told_once_at_the_door)
{
    vd_rule rule = right_half(VD_RULE_ZONE);
    rule.in_zone.when = VD_WHEN_ENTER;
    rule.dwell_ms = 0;
    VD_AUTO(play) p = play_of(rule);
    walk(&p, out, in, 20);
    expect_u64(p.begins, 1);
    expect_u64(p.ends, 1);
    stand(&p, in, 40);
    walk(&p, in, out, 20);
    expect_u64(p.begins, 1);
    nobody(&p, 10);
    walk(&p, out, in, 20);
    expect_u64(p.begins, 2);
}

// covers: RULE-2
VD_TEST(who_leaves_is_told_once_when_gone)
{
    vd_rule rule = right_half(VD_RULE_ZONE);
    rule.in_zone.when = VD_WHEN_LEAVE;
    VD_AUTO(play) p = play_of(rule);
    stand(&p, in, 20);
    expect_u64(p.begins, 0);
    walk(&p, in, out, 20);
    expect_u64(p.begins, 1);
    expect_u64(p.ends, 1);
    expect_true(p.last_begin.track.box.l + p.last_begin.track.box.w / 2 < 0.5f);
    const vd_fact *facts;
    unsigned count;
    stand(&p, in, 20);
    vd_scene_close(p.scene, &facts, &count); /* the camera goes: nobody has left */
    expect_u64(count, 0);
}

// covers: RULE-2
VD_TEST(too_many_inside_is_one_fact_with_the_worst_number)
{
    vd_rule rule = right_half(VD_RULE_ZONE);
    rule.in_zone.when = VD_WHEN_OCCUPANCY;
    rule.in_zone.at_most = 1;
    VD_AUTO(play) p = play_of(rule);
    show_people_for(&p, 1, 20);
    expect_u64(p.begins, 0);
    show_people_for(&p, 2, 9); /* seen together for less than the dwell */
    expect_u64(p.begins, 0);
    show_people_for(&p, 2, 5);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "finding"), "too_many");
    expect_str(said(&p.last_begin, "inside"), "2");
    expect_str(said(&p.last_begin, "at_most"), "1");
    expect_str(said(&p.last_begin, "person"), "2");
    show_people_for(&p, 3, 20);
    expect_u64(p.betters, 1);
    expect_str(said(&p.last_better, "inside"), "3");
    show_people_for(&p, 1, 40);
    expect_u64(p.ends, 1);
    expect_str(said(&p.last_end, "inside"), "3");
    expect_u64(p.last_end.track.id, 0);
}

// covers: RULE-2
VD_TEST(an_empty_post_is_told_after_the_dwell_and_ends_when_somebody_is_back)
{
    vd_rule rule = right_half(VD_RULE_ABSENCE);
    rule.dwell_ms = 3000;
    VD_AUTO(play) p = play_of(rule);
    stand(&p, in, 20);
    nobody(&p, 45); /* the track lives on for two seconds, then three of nobody */
    expect_u64(p.begins, 0);
    nobody(&p, 10);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "finding"), "nobody");
    expect_i64(p.last_begin.utc_us - p.last_begin.entered_utc_us, 3000000);
    stand(&p, out, 20); /* beside the post is not at it */
    expect_u64(p.ends, 0);
    stand(&p, in, 10);
    expect_u64(p.ends, 1);
    expect_u64(p.begins, 1);
}

static vd_rule belt(int at_least, int at_most)
{
    vd_rule rule = right_half(VD_RULE_COUNT);
    rule.point_count = 2;
    rule.point[0] = (vd_point){ 0.5f, 0.1f };
    rule.point[1] = (vd_point){ 0.5f, 0.9f };
    rule.dwell_ms = 0;
    rule.count.period_ms = 10000;
    rule.count.at_least = at_least;
    rule.count.at_most = at_most;
    rule.count.way = VD_WAY_EITHER;
    return rule;
}

/* One thing over the belt in a second and a half. */
static void pass(play *p)
{
    walk(p, (vd_point){ 0.4f, 0.5f }, (vd_point){ 0.6f, 0.5f }, 12);
    nobody(p, 23);
}

// covers: RULE-2
VD_TEST(too_many_in_a_period_are_told_at_once)
{
    VD_AUTO(play) p = play_of(belt(-1, 2));
    pass(&p);
    pass(&p);
    expect_u64(p.begins, 0);
    pass(&p);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "finding"), "too_many");
    expect_str(said(&p.last_begin, "count"), "3");
    expect_str(said(&p.last_begin, "period_s"), "10");
    nobody(&p, 90);
    expect_u64(p.ends, 1);
}

// covers: RULE-2
VD_TEST(a_line_that_slows_down_is_told_and_one_that_stands_still_is_called_stopped)
{
    VD_AUTO(play) p = play_of(belt(2, -1));
    for (int i = 0; i < 2; i++) pass(&p);
    expect_u64(p.begins, 0); /* too few so far, but no whole period yet */
    for (int i = 0; i < 3; i++) pass(&p);
    expect_u64(p.begins, 0);
    nobody(&p, 75);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "finding"), "too_few");
    expect_str(said(&p.last_begin, "count"), "1");
    nobody(&p, 50);
    expect_str(said(&p.last_better, "finding"), "stopped");
    for (int i = 0; i < 3; i++) pass(&p);
    expect_u64(p.ends, 1);
}

VD_TEST(coming_into_a_zone_counts_as_a_pass_and_standing_there_does_not_count_again)
{
    vd_rule rule = belt(-1, 1);
    vd_rule zone = right_half(VD_RULE_COUNT);
    zone.count = rule.count;
    zone.count.period_ms = 60000;
    zone.dwell_ms = 0;
    VD_AUTO(play) p = play_of(zone);
    walk(&p, out, in, 20);
    stand(&p, in, 20);
    expect_u64(p.begins, 0);
    walk(&p, in, out, 20);
    walk(&p, out, in, 20);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "person"), "2");
}

/* 2023-11-14 22:13:20 UTC, a Tuesday; 23:13 in Berlin. */
// covers: RULE-2
VD_TEST(a_rule_with_hours_holds_in_them_in_the_sites_zone)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    const vd_hours tuesday_night = { 1u << 1, 23 * 60, 6 * 60 };
    expect_true(vd_hours_hold(&tuesday_night, 1, START_US));
    expect_true(!vd_hours_hold(&tuesday_night, 1, START_US - 30 * 60 * 1000000ll));
    expect_true(vd_hours_hold(&tuesday_night, 1, START_US + 6 * 3600 * 1000000ll));
    expect_true(!vd_hours_hold(&tuesday_night, 1, START_US + 7 * 3600 * 1000000ll));
    const vd_hours monday_night = { 1u << 0, 23 * 60, 6 * 60 };
    expect_true(!vd_hours_hold(&monday_night, 1, START_US));
    const vd_hours tuesday = { 1u << 1, 8 * 60, 24 * 60 };
    expect_true(vd_hours_hold(&tuesday, 1, START_US));
    expect_true(!vd_hours_hold(&tuesday, 1, START_US + 3600 * 1000000ll));
    vd_rule rule = right_half(VD_RULE_ZONE);
    rule.hours[0] = (vd_hours){ 0x7f, 0, 23 * 60 + 14 };
    rule.hours_count = 1;
    VD_AUTO(play) p = play_of(rule);
    stand(&p, in, 20);
    expect_u64(p.begins, 1);
    stand(&p, in, 400); /* past 23:14 */
    expect_u64(p.ends, 1);
    stand(&p, in, 20);
    expect_u64(p.begins, 1);
}

// covers: RULE-2
VD_TEST(a_profile_arms_the_rules_that_name_it_and_off_disarms_the_rest)
{
    vd_rule rule = right_half(VD_RULE_ZONE);
    VD_AUTO(play) p = play_of(rule);
    stand(&p, in, 20);
    expect_u64(p.begins, 1);
    vd_scene_set_profile(p.scene, "off");
    stand(&p, in, 20);
    expect_u64(p.ends, 1);
    expect_u64(p.begins, 1);
    vd_scene_set_profile(p.scene, "day");
    stand(&p, in, 20);
    expect_u64(p.begins, 2);
    strcpy(rule.profile[0], "night");
    rule.profile_count = 1;
    expect_true(!vd_rule_armed(&rule, "day", START_US));
    expect_true(!vd_rule_armed(&rule, "", START_US));
    expect_true(vd_rule_armed(&rule, "night", START_US));
    strcpy(rule.profile[0], "off");
    expect_true(vd_rule_armed(&rule, "off", START_US));
}

VD_TEST_MAIN(VD_RUN(who_comes_in_is_told_once_at_the_door),
             VD_RUN(who_leaves_is_told_once_when_gone),
             VD_RUN(too_many_inside_is_one_fact_with_the_worst_number),
             VD_RUN(an_empty_post_is_told_after_the_dwell_and_ends_when_somebody_is_back),
             VD_RUN(too_many_in_a_period_are_told_at_once),
             VD_RUN(a_line_that_slows_down_is_told_and_one_that_stands_still_is_called_stopped),
             VD_RUN(coming_into_a_zone_counts_as_a_pass_and_standing_there_does_not_count_again),
             VD_RUN(a_rule_with_hours_holds_in_them_in_the_sites_zone),
             VD_RUN(a_profile_arms_the_rules_that_name_it_and_off_disarms_the_rest))
