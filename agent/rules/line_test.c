#include "model_stub_priv.h"
#include "scene_testing_priv.h"

/* From left to right, halfway down: down the picture is clockwise about its left end. */
static vd_rule gate_line(void)
{
    return (vd_rule){ .kind = VD_RULE_LINE,
                      .id = "gate-line",
                      .zone = "gate",
                      .point = { { 0.2f, 0.5f }, { 0.8f, 0.5f } },
                      .point_count = 2,
                      .class_name = { "person" },
                      .class_count = 1,
                      .score_min = 0.5f,
                      .version = "0123456789abcdef" };
}

// covers: RULE-2
VD_TEST(a_crossing_is_told_once_with_its_direction_and_the_totals)
{
    VD_AUTO(play) p = play_of(gate_line());
    walk(&p, (vd_point){ 0.4f, 0.3f }, (vd_point){ 0.4f, 0.7f }, 20);
    expect_u64(p.begins, 1);
    expect_u64(p.ends, 1);
    expect_str(said(&p.last_begin, "direction"), "clockwise");
    expect_str(said(&p.last_begin, "total"), "1");
    expect_str(said(&p.last_begin, "clockwiseTotal"), "1");
    expect_str(said(&p.last_begin, "counterclockwiseTotal"), "0");
    expect_i64(p.last_begin.entered_utc_us, p.last_begin.utc_us);
    expect_i64(p.last_end.utc_us, p.last_begin.utc_us);
    expect_u64(p.last_end.visit, p.last_begin.visit);
    expect_u64(p.last_begin.track.id, 1);
    walk(&p, (vd_point){ 0.4f, 0.7f }, (vd_point){ 0.4f, 0.3f }, 20);
    expect_u64(p.begins, 2);
    expect_str(said(&p.last_begin, "direction"), "counterclockwise");
    expect_str(said(&p.last_begin, "total"), "2");
    expect_str(said(&p.last_begin, "counterclockwiseTotal"), "1");
}

// covers: RULE-2
VD_TEST(who_sways_on_the_line_has_not_crossed_it)
{
    VD_AUTO(play) p = play_of(gate_line());
    walk(&p, (vd_point){ 0.4f, 0.3f }, (vd_point){ 0.4f, 0.495f }, 15);
    for (int i = 0; i < 20; i++) stand(&p, (vd_point){ 0.4f, i % 2 ? 0.49f : 0.51f }, 1);
    expect_u64(p.begins, 0);
    walk(&p, (vd_point){ 0.4f, 0.5f }, (vd_point){ 0.4f, 0.3f }, 15); /* and goes back */
    expect_u64(p.begins, 0);
}

VD_TEST(beside_the_line_is_not_across_it)
{
    VD_AUTO(play) p = play_of(gate_line());
    walk(&p, (vd_point){ 0.9f, 0.3f }, (vd_point){ 0.9f, 0.7f }, 20);
    walk(&p, (vd_point){ 0.9f, 0.7f }, (vd_point){ 0.4f, 0.7f }, 20);
    expect_u64(p.begins, 0);
    walk(&p, (vd_point){ 0.4f, 0.7f }, (vd_point){ 0.4f, 0.3f }, 20);
    expect_u64(p.begins, 1);
}

VD_TEST(one_direction_is_told_and_both_are_counted)
{
    vd_rule rule = gate_line();
    rule.on_line.way = VD_WAY_COUNTERCLOCKWISE;
    VD_AUTO(play) p = play_of(rule);
    walk(&p, (vd_point){ 0.4f, 0.3f }, (vd_point){ 0.4f, 0.7f }, 20);
    expect_u64(p.begins, 0);
    walk(&p, (vd_point){ 0.4f, 0.7f }, (vd_point){ 0.4f, 0.3f }, 20);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "total"), "2");
}

VD_TEST(totals_go_on_when_rules_around_it_change_and_the_camera_was_away)
{
    VD_AUTO(play) p = play_of(gate_line());
    walk(&p, (vd_point){ 0.4f, 0.3f }, (vd_point){ 0.4f, 0.7f }, 20);
    vd_rule rules[2] = { p.rule, p.rule };
    strcpy(rules[0].id, "another");
    expect_ok(vd_scene_set_rules(p.scene, rules, 2, STUB_MODEL));
    p.utc_us += 60 * 1000000ll;
    walk(&p, (vd_point){ 0.4f, 0.7f }, (vd_point){ 0.4f, 0.3f }, 20);
    expect_u64(p.begins, 3); /* the other line's as well */
    expect_str(p.last_begin.rule->id, "gate-line");
    expect_str(said(&p.last_begin, "total"), "2");
}

VD_TEST(an_unsure_thing_and_another_class_do_not_cross)
{
    vd_rule rule = gate_line();
    rule.score_min = 0.9f;
    VD_AUTO(play) p = play_of(rule);
    walk(&p, (vd_point){ 0.4f, 0.3f }, (vd_point){ 0.4f, 0.7f }, 20);
    expect_u64(p.begins, 0);
    p.class_id = 1;
    p.score = 0.95f;
    walk(&p, (vd_point){ 0.6f, 0.3f }, (vd_point){ 0.6f, 0.7f }, 20);
    expect_u64(p.begins, 0);
}

VD_TEST_MAIN(VD_RUN(a_crossing_is_told_once_with_its_direction_and_the_totals),
             VD_RUN(who_sways_on_the_line_has_not_crossed_it),
             VD_RUN(beside_the_line_is_not_across_it),
             VD_RUN(one_direction_is_told_and_both_are_counted),
             VD_RUN(totals_go_on_when_rules_around_it_change_and_the_camera_was_away),
             VD_RUN(an_unsure_thing_and_another_class_do_not_cross))
