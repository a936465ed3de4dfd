#include <stdlib.h>

#include "model_stub_priv.h"
#include "rules.h"
#include "vd/test.h"

#define FRAME_US 100000
#define START_US 1700000000000000

typedef struct {
    vd_scene *scene;
    vd_rule rule;
    int64_t utc_us;

    unsigned begins, betters, ends; /* facts so far */
    vd_fact last_begin, last_better, last_end;
    char ended_rule[VD_RULE_ID_MAX + 1];
} watch;

/* The right half of the picture is the zone. */
static vd_rule right_half(void)
{
    vd_rule rule = { .id = "gate-rule",
                     .zone = "gate",
                     .point = { { 0.5f, 0 }, { 1, 0 }, { 1, 1 }, { 0.5f, 1 } },
                     .point_count = 4,
                     .class_name = { "person" },
                     .class_count = 1,
                     .score_min = 0.5f,
                     .dwell_ms = 1000,
                     .leave_ms = 1500,
                     .version = "0123456789abcdef" };
    return rule;
}

static watch watch_new(void)
{
    watch w = { .rule = right_half(), .utc_us = START_US };
    expect_ok(vd_scene_new(&w.rule, 1, STUB_MODEL, &w.scene));
    return w;
}

static void watch_done(watch *w)
{
    w->scene = vd_scene_free(w->scene);
}
VD_AUTO_DEFINE(watch, watch_done)

static void take(watch *w, const vd_fact *facts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const vd_fact *fact = &facts[i];
        if (fact->phase == VD_FACT_BEGIN) w->last_begin = *fact;
        if (fact->phase == VD_FACT_BETTER) w->last_better = *fact;
        if (fact->phase == VD_FACT_END) w->last_end = *fact;
        w->begins += fact->phase == VD_FACT_BEGIN;
        w->betters += fact->phase == VD_FACT_BETTER;
        w->ends += fact->phase == VD_FACT_END;
        if (fact->phase == VD_FACT_END) memcpy(w->ended_rule, fact->rule->id, sizeof w->ended_rule);
    }
}

static void see_class(watch *w, float x, float score, uint16_t class_id)
{
    vd_detections seen = { .count = score > 0 };
    seen.item[0] = (vd_detection){ .box = { x - 0.03f, 0.4f, 0.06f, 0.3f },
                                   .score = score,
                                   .class_id = class_id };
    const vd_fact *facts;
    unsigned count;
    w->utc_us += FRAME_US;
    vd_scene_step(w->scene, &seen, w->utc_us, &facts, &count);
    take(w, facts, count);
}

/* One picture with a person at x; score 0: nobody. */
static void see(watch *w, float x, float score)
{
    see_class(w, x, score, 0);
}

static void stand(watch *w, float x, float score, int pictures)
{
    for (int i = 0; i < pictures; i++) see(w, x, score);
}

// covers: RULE-1
VD_TEST(one_visit_is_one_fact)
{
    VD_AUTO(watch) w = watch_new();
    for (int i = 0; i < 60; i++) see(&w, 0.30f + 0.01f * (float)i, 0.8f); /* inside from i = 20 */
    stand(&w, 0, 0, 40);
    expect_u64(w.begins, 1);
    expect_u64(w.ends, 1);
    expect_i64(w.last_begin.entered_utc_us, START_US + 21 * FRAME_US);
    expect_i64(w.last_begin.utc_us, START_US + 31 * FRAME_US); /* dwell of one second */
    expect_i64(w.last_end.utc_us, START_US + 60 * FRAME_US);
    expect_u64(w.last_end.visit, w.last_begin.visit);
    expect_u64(w.last_begin.track.id, 1);
}

// covers: RULE-1
VD_TEST(who_only_passes_is_no_visit)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.49f, 0.8f, 5);
    stand(&w, 0.51f, 0.8f, 9);
    stand(&w, 0.49f, 0.8f, 30);
    expect_u64(w.begins, 0);
    expect_u64(w.ends, 0);
}

VD_TEST(time_outside_does_not_count_as_dwell)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.51f, 0.8f, 6);
    stand(&w, 0.49f, 0.8f, 8); /* back within the leave grace */
    stand(&w, 0.51f, 0.8f, 5);
    expect_u64(w.begins, 0);
    stand(&w, 0.51f, 0.8f, 2);
    expect_u64(w.begins, 1);
}

// covers: RULE-1
VD_TEST(a_step_outside_within_the_grace_does_not_split_the_visit)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.51f, 0.8f, 20);
    stand(&w, 0.49f, 0.8f, 13);
    stand(&w, 0.51f, 0.8f, 20);
    expect_u64(w.begins, 1);
    expect_u64(w.ends, 0);
    stand(&w, 0.49f, 0.8f, 16);
    expect_u64(w.ends, 1);
    stand(&w, 0.51f, 0.8f, 20); /* a new visit of the same track */
    expect_u64(w.begins, 2);
    expect_u64(w.last_begin.track.id, 1);
    expect_true(w.last_begin.visit != w.last_end.visit);
}

VD_TEST(a_track_lost_in_the_zone_hands_its_visit_on)
{
    VD_AUTO(watch) w = watch_new();
    w.rule.leave_ms = 4000;
    expect_ok(vd_scene_set_rules(w.scene, &w.rule, 1, STUB_MODEL));
    stand(&w, 0.60f, 0.8f, 20);
    stand(&w, 0, 0, 25); /* longer than the tracker keeps a lost track */
    stand(&w, 0.66f, 0.8f, 20);
    expect_u64(w.begins, 1);
    expect_u64(w.ends, 0);
    const vd_fact *facts;
    unsigned count;
    vd_scene_close(w.scene, &facts, &count);
    take(&w, facts, count);
    expect_u64(w.ends, 1);
    expect_u64(w.last_end.track.id, 2);
}

VD_TEST(someone_else_is_a_visit_of_their_own)
{
    VD_AUTO(watch) w = watch_new();
    w.rule.leave_ms = 4000;
    expect_ok(vd_scene_set_rules(w.scene, &w.rule, 1, STUB_MODEL));
    stand(&w, 0.55f, 0.8f, 20);
    stand(&w, 0, 0, 10);
    stand(&w, 0.95f, 0.8f, 20); /* too far to be the same */
    expect_u64(w.begins, 2);
}

VD_TEST(unsure_detections_open_no_stay_but_keep_one)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.45f, 30);
    expect_u64(w.begins, 0);
    stand(&w, 0.6f, 0.55f, 1);
    stand(&w, 0.6f, 0.2f, 30);
    expect_u64(w.begins, 1);
    expect_u64(w.ends, 0);
    expect_near(w.last_begin.best_score, 0.55, 0.001);
}

VD_TEST(other_classes_are_not_meant)
{
    VD_AUTO(watch) w = watch_new();
    for (int i = 0; i < 40; i++) see_class(&w, 0.6f, 0.8f, 1);
    expect_u64(w.begins, 0);
    const vd_track *tracks;
    unsigned count;
    vd_scene_tracks(w.scene, &tracks, &count);
    expect_u64(count, 1); /* tracked all the same */
}

/* What the camera's gate asks: may it sleep beside a parked car? */
VD_TEST(only_classes_of_armed_rules_are_wanted)
{
    VD_AUTO(watch) w = watch_new();
    expect_true(vd_scene_wants(w.scene, 0));
    expect_false(vd_scene_wants(w.scene, 1));
    expect_ok(vd_scene_set_rules(w.scene, NULL, 0, STUB_MODEL));
    expect_false(vd_scene_wants(w.scene, 0));
}

VD_TEST(better_pictures_are_told_at_most_once_a_second)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.5f, 12);
    expect_u64(w.begins, 1);
    stand(&w, 0.6f, 0.9f, 5);
    expect_u64(w.betters, 0);
    stand(&w, 0.6f, 0.9f, 20);
    expect_u64(w.betters, 1);
    expect_near(w.last_better.best_score, 0.9, 0.001);
}

VD_TEST(older_pictures_are_ignored)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.8f, 12);
    w.utc_us -= 5 * FRAME_US;
    see(&w, 0.6f, 0.8f);
    expect_u64(w.begins, 1);
    expect_u64(w.ends, 0);
    stand(&w, 0.6f, 0.8f, 10);
    expect_u64(w.ends, 0);
}

VD_TEST(a_jump_of_the_clock_ends_everything_either_way)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.8f, 20);
    int64_t last_us = w.utc_us;
    w.utc_us += 3600 * 1000000ll;
    see(&w, 0.6f, 0.8f);
    expect_u64(w.ends, 1);
    expect_i64(w.last_end.utc_us, last_us);
    stand(&w, 0.6f, 0.8f, 20);
    expect_u64(w.begins, 2);
    w.utc_us -= 3600 * 1000000ll;
    see(&w, 0.6f, 0.8f);
    expect_u64(w.ends, 2);
}

VD_TEST(a_removed_rule_ends_its_visit_at_the_next_picture)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.8f, 20);
    expect_ok(vd_scene_set_rules(w.scene, NULL, 0, STUB_MODEL));
    expect_u64(w.ends, 0);
    see(&w, 0.6f, 0.8f);
    expect_u64(w.ends, 1);
    expect_str(w.ended_rule, "gate-rule");
    const vd_track *tracks;
    unsigned count;
    vd_scene_tracks(w.scene, &tracks, &count);
    expect_u64(count, 1);
    expect_u64(tracks[0].id, 1);
}

VD_TEST(the_same_rule_keeps_its_visit_and_a_changed_one_does_not)
{
    VD_AUTO(watch) w = watch_new();
    stand(&w, 0.6f, 0.8f, 20);
    vd_rule rules[2] = { w.rule, w.rule };
    strcpy(rules[0].id, "another");
    expect_ok(vd_scene_set_rules(w.scene, rules, 2, STUB_MODEL));
    stand(&w, 0.6f, 0.8f, 20);
    expect_u64(w.begins, 2); /* the other rule's */
    expect_u64(w.ends, 0);
    strcpy(rules[1].version, "fedcba9876543210");
    expect_ok(vd_scene_set_rules(w.scene, rules, 2, STUB_MODEL));
    stand(&w, 0.6f, 0.8f, 20);
    expect_u64(w.ends, 1);
    expect_u64(w.begins, 3);
}

VD_TEST(the_zone_is_tested_at_the_feet)
{
    VD_AUTO(watch) w = watch_new();
    vd_rule low = w.rule; /* the box reaches from 0.4 to 0.7: only its foot is in the strip */
    low.point[0].y = low.point[1].y = 0.65f;
    low.point[2].y = low.point[3].y = 0.75f;
    strcpy(low.version, "1");
    expect_ok(vd_scene_set_rules(w.scene, &low, 1, STUB_MODEL));
    stand(&w, 0.6f, 0.8f, 20);
    expect_u64(w.begins, 1);
}

VD_TEST(a_polygon_knows_its_inside_and_its_edges)
{
    static const vd_point u_shape[] = { { 0, 0 },       { 1, 0 },       { 1, 1 },    { 0.7f, 1 },
                                        { 0.7f, 0.3f }, { 0.3f, 0.3f }, { 0.3f, 1 }, { 0, 1 } };
    unsigned n = VD_COUNT_OF(u_shape);
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 0.1f, 0.9f }));
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 0.9f, 0.9f }));
    expect_false(vd_zone_has(u_shape, n, (vd_point){ 0.5f, 0.9f }));
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 0.5f, 0.1f }));
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 0, 0.5f }));
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 1, 1 }));
    expect_true(vd_zone_has(u_shape, n, (vd_point){ 0.5f, 0.3f }));
    expect_false(vd_zone_has(u_shape, n, (vd_point){ 1.1f, 0.5f }));
}

VD_TEST_MAIN(VD_RUN(one_visit_is_one_fact), VD_RUN(who_only_passes_is_no_visit),
             VD_RUN(time_outside_does_not_count_as_dwell),
             VD_RUN(a_step_outside_within_the_grace_does_not_split_the_visit),
             VD_RUN(a_track_lost_in_the_zone_hands_its_visit_on),
             VD_RUN(someone_else_is_a_visit_of_their_own),
             VD_RUN(unsure_detections_open_no_stay_but_keep_one),
             VD_RUN(other_classes_are_not_meant), VD_RUN(only_classes_of_armed_rules_are_wanted),
             VD_RUN(better_pictures_are_told_at_most_once_a_second),
             VD_RUN(older_pictures_are_ignored),
             VD_RUN(a_jump_of_the_clock_ends_everything_either_way),
             VD_RUN(a_removed_rule_ends_its_visit_at_the_next_picture),
             VD_RUN(the_same_rule_keeps_its_visit_and_a_changed_one_does_not),
             VD_RUN(the_zone_is_tested_at_the_feet),
             VD_RUN(a_polygon_knows_its_inside_and_its_edges))
