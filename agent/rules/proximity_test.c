#include <math.h>
#include <stdlib.h>

#include "scene_testing_priv.h"
#include "vocabulary_stub_priv.h"

enum { PERSON, TRUCK };

static const vd_vocabulary *words(void)
{
    static const char *const classes[] = { "person", "truck" };
    static vd_vocabulary *kept;
    return words_stub(&kept, '9', classes, VD_COUNT_OF(classes), 0.4f);
}

/* A lane of ten metres by twenty, seen along its length: far is high in the picture. */
static vd_ground lane(void)
{
    vd_ground ground = {
        .picture = { { 0.1f, 0.9f }, { 0.9f, 0.9f }, { 0.65f, 0.4f }, { 0.35f, 0.4f } },
        .metre = { { 0, 0 }, { 10, 0 }, { 10, 20 }, { 0, 20 } }
    };
    expect_true(vd_ground_solve(&ground));
    return ground;
}

static vd_rule near_truck(float distance_m, float closing_mps)
{
    vd_rule rule = { .kind = VD_RULE_PROXIMITY,
                     .id = "close",
                     .zone = "yard",
                     .class_name = { "person" },
                     .class_count = 1,
                     .score_min = 0.5f,
                     .leave_ms = 1000,
                     .version = "1" };
    rule.near.other_count = 1;
    strcpy(rule.near.other[0], "truck");
    rule.near.distance_m = distance_m;
    rule.near.closing_mps = closing_mps;
    rule.near.ground = lane();
    return rule;
}

/* Where a place on the ground is in the picture, by search: the rule's own mapping, turned round.
 */
static vd_point picture_of(const vd_ground *ground, double x_m, double y_m)
{
    float left = 0, right = 1, top = 0.4f, bottom = 1;
    for (int i = 0; i < 40; i++) {
        double at[2];
        vd_point mid = { (left + right) / 2, (top + bottom) / 2 };
        expect_true(vd_ground_at(ground, mid, at));
        if (at[1] > y_m)
            top = mid.y;
        else
            bottom = mid.y;
        expect_true(vd_ground_at(ground, (vd_point){ mid.x, (top + bottom) / 2 }, at));
        if (at[0] < x_m)
            left = mid.x;
        else
            right = mid.x;
        if (i == 15) left = 0, right = 1; /* depth first: it does not depend on x here */
    }
    return (vd_point){ (left + right) / 2, (top + bottom) / 2 };
}

/* A truck whose front is two metres wide, its middle at 5 m, and a person before it. */
static void show_both(play *p, double truck_y_m, double person_x_m, double person_y_m)
{
    const vd_ground *ground = &p->rule.near.ground;
    vd_point l = picture_of(ground, 4, truck_y_m), r = picture_of(ground, 6, truck_y_m);
    put(p, (vd_point){ (l.x + r.x) / 2, l.y }, r.x - l.x, (r.x - l.x) * 1.2f, TRUCK, 0.9f);
    put(p, picture_of(ground, person_x_m, person_y_m), 0.03f, 0.12f, PERSON, 0.8f);
    show(p);
}

// covers: RULE-4
VD_TEST(four_points_give_metres_everywhere_on_the_floor)
{
    vd_ground ground = lane();
    double at[2];
    for (unsigned i = 0; i < 4; i++) {
        expect_true(vd_ground_at(&ground, ground.picture[i], at));
        expect_near(at[0], (double)ground.metre[i][0], 1e-3);
        expect_near(at[1], (double)ground.metre[i][1], 1e-3);
    }
    expect_true(vd_ground_at(&ground, (vd_point){ 0.5f, 0.9f }, at));
    expect_near(at[0], 5, 1e-3); /* in the middle, whatever the perspective */
    expect_true(!vd_ground_at(&ground, (vd_point){ 0.5f, 0.01f }, at)); /* the sky */
}

// covers: RULE-4
VD_TEST(points_on_a_line_or_in_another_order_give_no_ground)
{
    vd_ground ground = lane();
    ground.picture[2] = (vd_point){ 0.5f, 0.9f };
    expect_true(!vd_ground_solve(&ground));
    ground = lane();
    ground.metre[2][0] = 5, ground.metre[2][1] = 0;
    expect_true(!vd_ground_solve(&ground));
    ground = lane();
    ground.metre[1][0] = 10, ground.metre[1][1] = 20;
    ground.metre[2][0] = 10, ground.metre[2][1] = 0;
    expect_true(!vd_ground_solve(&ground));
}

// covers: RULE-4
VD_TEST(a_close_call_is_one_fact_with_its_least_distance_and_greatest_speed)
{
    VD_AUTO(play) p = play_with(near_truck(3, 0), words());
    for (int i = 0; i < 60; i++) show_both(&p, 16 - 0.2 * i, 5, 2.5); /* 2 m/s, up to 1.7 m */
    expect_u64(p.begins, 1);
    expect_near(atof(said(&p.last_begin, "distance_m")), 2.9, 0.25);
    expect_str(said(&p.last_begin, "limit_m"), "3.0");
    expect_near(atof(said(&p.last_begin, "closing_mps")), 2, 0.4);
    expect_u64(p.last_begin.other.class_id, TRUCK);
    expect_u64(p.last_begin.track.class_id, PERSON);
    for (int i = 0; i < 40; i++) show_both(&p, 4.2 + 0.2 * i, 5, 2.5);
    expect_u64(p.ends, 1);
    expect_near(atof(said(&p.last_end, "distance_m")), 1.7, 0.25);
    expect_u64(p.begins, 1);
}

// covers: RULE-4
VD_TEST(the_distance_is_to_the_whole_front_not_to_its_middle)
{
    VD_AUTO(play) p = play_with(near_truck(3, 0), words());
    for (int i = 0; i < 20; i++) show_both(&p, 10, 8.5, 10); /* 3.5 m from the middle, 2.5 apart */
    expect_u64(p.begins, 1);
    expect_near(atof(said(&p.last_begin, "distance_m")), 2.5, 0.25);
}

// covers: RULE-4
VD_TEST(who_passes_slowly_is_left_alone_where_a_speed_is_asked_for)
{
    VD_AUTO(play) slow = play_with(near_truck(3, 1.5f), words());
    for (int i = 0; i < 100; i++) show_both(&slow, 12 - 0.08 * i, 5, 2.5);
    expect_u64(slow.begins, 0);
    VD_AUTO(play) fast = play_with(near_truck(3, 1.5f), words());
    for (int i = 0; i < 40; i++) show_both(&fast, 12 - 0.2 * i, 5, 2.5);
    expect_u64(fast.begins, 1);
}

// covers: RULE-4
VD_TEST(a_driver_is_no_close_call_until_seen_apart)
{
    VD_AUTO(play) p = play_with(near_truck(3, 0), words());
    for (int i = 0; i < 30; i++) {
        put(&p, (vd_point){ 0.5f, 0.8f }, 0.3f, 0.3f, TRUCK, 0.9f);
        put(&p, (vd_point){ 0.5f, 0.7f }, 0.05f, 0.15f, PERSON, 0.8f); /* in the cab */
        show(&p);
    }
    expect_u64(p.begins, 0);
    for (int i = 0; i < 30; i++) { /* gets off and stands beside it */
        float x = 0.5f + fminf(0.012f * (float)i, 0.2f);
        put(&p, (vd_point){ 0.5f, 0.8f }, 0.3f, 0.3f, TRUCK, 0.9f);
        put(&p, (vd_point){ x, 0.7f + fminf(0.01f * (float)i, 0.1f) }, 0.05f, 0.15f, PERSON, 0.8f);
        show(&p);
    }
    expect_u64(p.begins, 1);
}

VD_TEST_MAIN(VD_RUN(four_points_give_metres_everywhere_on_the_floor),
             VD_RUN(points_on_a_line_or_in_another_order_give_no_ground),
             VD_RUN(a_close_call_is_one_fact_with_its_least_distance_and_greatest_speed),
             VD_RUN(the_distance_is_to_the_whole_front_not_to_its_middle),
             VD_RUN(who_passes_slowly_is_left_alone_where_a_speed_is_asked_for),
             VD_RUN(a_driver_is_no_close_call_until_seen_apart))
