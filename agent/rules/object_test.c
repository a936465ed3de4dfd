#include "model_stub_priv.h"
#include "scene_testing_priv.h"

static vd_rule luggage(void)
{
    vd_rule rule = { .kind = VD_RULE_OBJECT,
                     .id = "luggage",
                     .zone = "hall",
                     .point = { { 0.5f, 0 }, { 1, 0 }, { 1, 1 }, { 0.5f, 1 } },
                     .point_count = 4,
                     .score_min = 0.4f,
                     .dwell_ms = 10000,
                     .leave_ms = 2000,
                     .version = "1" };
    rule.object.size_min = 0.001f;
    rule.object.size_max = 0.25f;
    return rule;
}

static vd_stills bag_since(const play *p, float left)
{
    return (vd_stills){ .count = 1,
                        .item = { { .id = 5,
                                    .l = left,
                                    .t = 0.5f,
                                    .w = 0.1f,
                                    .h = 0.1f,
                                    .area = 0.01f,
                                    .since_us = p->utc_us } } };
}

// covers: RULE-5
VD_TEST(what_is_left_is_told_after_the_dwell_and_ends_when_it_is_gone)
{
    VD_AUTO(play) p = play_of(luggage());
    expect_true(vd_scene_wants_still(p.scene));
    vd_stills stills = bag_since(&p, 0.7f);
    vd_scene_still(p.scene, &stills);
    nobody(&p, 99);
    expect_u64(p.begins, 0);
    nobody(&p, 10);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "finding"), "left");
    expect_str(said(&p.last_begin, "still_s"), "10");
    expect_str(said(&p.last_begin, "area_pct"), "1.00");
    expect_true(p.last_begin.track.seen && p.last_begin.track.id == 0);
    expect_true(p.last_begin.track.box.l == 0.7f);
    stills.count = 0;
    vd_scene_still(p.scene, &stills);
    nobody(&p, 15);
    expect_u64(p.ends, 0);
    nobody(&p, 10);
    expect_u64(p.ends, 1);
    expect_u64(p.begins, 1);
}

// covers: RULE-5
VD_TEST(what_a_known_thing_stands_before_is_explained)
{
    VD_AUTO(play) p = play_of(luggage());
    vd_stills stills = bag_since(&p, 0.7f);
    vd_scene_still(p.scene, &stills);
    for (int i = 0; i < 200; i++) { /* somebody waits there */
        put(&p, (vd_point){ 0.75f, 0.7f }, 0.12f, 0.4f, 0, 0.8f);
        show(&p);
    }
    expect_u64(p.begins, 0);
    nobody(&p, 90); /* and goes */
    expect_u64(p.begins, 0);
    nobody(&p, 40);
    expect_u64(p.begins, 1);
}

VD_TEST(who_only_walks_by_does_not_explain_it)
{
    VD_AUTO(play) p = play_of(luggage());
    vd_stills stills = bag_since(&p, 0.7f);
    vd_scene_still(p.scene, &stills);
    nobody(&p, 60);
    for (int i = 0; i < 20; i++) { /* before it for a second */
        put(&p, (vd_point){ 0.65f + 0.01f * (float)i, 0.7f }, 0.12f, 0.4f, 0, 0.8f);
        show(&p);
    }
    expect_u64(p.begins, 0);
    nobody(&p, 50);
    expect_u64(p.begins, 1);
}

VD_TEST(only_named_classes_explain_where_some_are_named)
{
    vd_rule rule = luggage();
    strcpy(rule.class_name[0], "person");
    rule.class_count = 1;
    VD_AUTO(play) p = play_of(rule);
    vd_stills stills = bag_since(&p, 0.7f);
    vd_scene_still(p.scene, &stills);
    for (int i = 0; i < 120; i++) { /* a bicycle: known, but what the rule is about */
        put(&p, (vd_point){ 0.75f, 0.7f }, 0.12f, 0.4f, 1, 0.8f);
        show(&p);
    }
    expect_u64(p.begins, 1);
}

// covers: RULE-5
VD_TEST(elsewhere_too_small_or_of_the_other_sort_is_nothing)
{
    VD_AUTO(play) p = play_of(luggage());
    vd_stills stills = bag_since(&p, 0.2f);
    vd_scene_still(p.scene, &stills);
    nobody(&p, 150);
    stills = bag_since(&p, 0.7f);
    stills.item[0].area = 0.0005f;
    vd_scene_still(p.scene, &stills);
    nobody(&p, 150);
    expect_u64(p.begins, 0);
    vd_rule rule = luggage();
    rule.object.what = VD_OBJECT_REMOVED;
    VD_AUTO(play) gone = play_of(rule);
    stills = bag_since(&gone, 0.7f);
    vd_scene_still(gone.scene, &stills);
    nobody(&gone, 150);
    expect_u64(gone.begins, 0);
    stills.item[0].id = 6;
    stills.item[0].removed = true;
    vd_scene_still(gone.scene, &stills);
    nobody(&gone, 150);
    expect_u64(gone.begins, 1);
    expect_str(said(&gone.last_begin, "finding"), "removed");
}

VD_TEST_MAIN(VD_RUN(what_is_left_is_told_after_the_dwell_and_ends_when_it_is_gone),
             VD_RUN(what_a_known_thing_stands_before_is_explained),
             VD_RUN(who_only_walks_by_does_not_explain_it),
             VD_RUN(only_named_classes_explain_where_some_are_named),
             VD_RUN(elsewhere_too_small_or_of_the_other_sort_is_nothing))
