#include "scene_testing_priv.h"
#include "vocabulary_stub_priv.h"

enum { BOTTLE, CAP_OK, SCRATCH, DENT, SCREW, LABEL };

static const vd_vocabulary *line_words(void)
{
    static const char *const classes[] = {
        "bottle", "cap_ok", "scratch", "dent", "screw", "label"
    };
    static vd_vocabulary *words;
    return words_stub(&words, '7', classes, VD_COUNT_OF(classes), 0.4f);
}

/* Bottles come from the left and are judged in the middle. */
static vd_rule at_the_line(void)
{
    vd_rule rule = { .kind = VD_RULE_INSPECTION,
                     .id = "bottles",
                     .zone = "line 2",
                     .point = { { 0.5f, 0 }, { 0.5f, 1 } },
                     .point_count = 2,
                     .class_name = { "bottle" },
                     .class_count = 1,
                     .score_min = 0.5f,
                     .version = "1" };
    rule.inspection.trigger = VD_TRIGGER_LINE;
    rule.inspection.defect_count = 2;
    strcpy(rule.inspection.defect[0], "scratch");
    strcpy(rule.inspection.defect[1], "dent");
    rule.inspection.pass_min = 0.6f;
    rule.inspection.fail_min = 0.5f;
    rule.inspection.unsure_min = 0.3f;
    rule.inspection.tell[VD_VERDICT_FAIL] = true;
    return rule;
}

/* Stills of one product each. */
static vd_rule each_picture(void)
{
    vd_rule rule = at_the_line();
    rule.point_count = rule.class_count = 0;
    rule.inspection.trigger = VD_TRIGGER_PICTURE;
    return rule;
}

static vd_yield yield_of(const play *p)
{
    vd_yield yield;
    expect_u64(vd_scene_yields(p->scene, &yield, 1), 1);
    return yield;
}

/* A bottle passes; in its upper half is a finding of this score, 0: none. */
static void pass_by(play *p, uint16_t class_id, float score)
{
    for (int i = 0; i < 20; i++) {
        vd_point foot = { 0.2f + 0.03f * (float)i, 0.8f };
        put(p, foot, 0.1f, 0.4f, BOTTLE, 0.9f);
        if (score > 0) put(p, (vd_point){ foot.x, 0.6f }, 0.02f, 0.04f, class_id, score);
        show(p);
    }
    nobody(p, 30);
}

// covers: RULE-6
VD_TEST(a_product_that_crosses_the_line_is_judged_once_with_defect_and_place)
{
    VD_AUTO(play) p = play_with(at_the_line(), line_words());
    pass_by(&p, SCRATCH, 0);
    expect_u64(p.begins, 0);
    pass_by(&p, DENT, 0.8f);
    expect_u64(p.begins, 1);
    expect_u64(p.ends, 1);
    expect_str(said(&p.last_begin, "verdict"), "fail");
    expect_str(said(&p.last_begin, "defect"), "dent");
    expect_str(said(&p.last_begin, "score"), "0.80");
    expect_str(said(&p.last_begin, "place"), "0.40 0.40 0.20 0.10");
    expect_str(said(&p.last_begin, "product"), "2");
    expect_u64(p.last_begin.track.class_id, BOTTLE);
    expect_u64(p.last_begin.other.class_id, DENT);
    expect_true(p.last_begin.other.seen);
    pass_by(&p, SCRATCH, 0.4f); /* in doubt: not told, but worth a label */
    pass_by(&p, SCRATCH, 0.2f);
    expect_u64(p.begins, 1);
    vd_yield yield = yield_of(&p);
    expect_str(yield.rule, "bottles");
    expect_u64(yield.produced, 4);
    expect_u64(yield.passed, 2);
    expect_u64(yield.failed, 1);
    expect_u64(yield.unsure, 1);
}

// covers: RULE-6
VD_TEST(each_still_is_a_product_that_needs_a_good_class_where_one_is_named)
{
    vd_rule rule = each_picture();
    rule.inspection.good_count = 1;
    strcpy(rule.inspection.good[0], "cap_ok");
    rule.inspection.tell[VD_VERDICT_UNSURE] = true;
    VD_AUTO(play) p = play_with(rule, line_words());
    put(&p, (vd_point){ 0.5f, 1 }, 1, 1, CAP_OK, 0.9f); /* a classifier: the whole picture */
    show(&p);
    expect_u64(p.begins, 0);
    expect_true(!vd_scene_unsure(p.scene));
    put(&p, (vd_point){ 0.5f, 1 }, 1, 1, CAP_OK, 0.55f);
    show(&p);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "verdict"), "unsure");
    expect_true(vd_scene_unsure(p.scene));
    put(&p, (vd_point){ 0.5f, 1 }, 1, 1, CAP_OK, 0.9f);
    put(&p, (vd_point){ 0.5f, 1 }, 1, 1, SCRATCH, 0.6f);
    show(&p);
    expect_str(said(&p.last_begin, "defect"), "scratch");
    expect_str(said(&p.last_begin, "place"), "(nothing)"); /* it names the whole picture */
    expect_true(!vd_scene_unsure(p.scene));
    expect_u64(yield_of(&p).produced, 3);
}

// covers: RULE-6
VD_TEST(an_external_trigger_judges_the_next_picture_and_only_that)
{
    vd_rule rule = each_picture();
    rule.inspection.trigger = VD_TRIGGER_EXTERNAL;
    rule.class_count = 1;
    VD_AUTO(play) p = play_with(rule, line_words());
    put(&p, (vd_point){ 0.5f, 0.8f }, 0.1f, 0.4f, BOTTLE, 0.9f);
    put(&p, (vd_point){ 0.5f, 0.6f }, 0.02f, 0.04f, DENT, 0.9f);
    vd_detections one = p.seen;
    show(&p);
    expect_u64(yield_of(&p).produced, 0);
    vd_scene_trigger(p.scene);
    p.seen = one;
    show(&p);
    p.seen = one;
    show(&p);
    expect_u64(yield_of(&p).produced, 1);
    expect_str(said(&p.last_begin, "defect"), "dent");
    vd_scene_trigger(p.scene);
    show(&p);
    expect_u64(yield_of(&p).unsure, 1); /* there was nothing to judge */
}

VD_TEST(what_was_found_in_another_products_crop_is_its_own)
{
    vd_rule rule = each_picture();
    rule.class_count = 1;
    VD_AUTO(play) p = play_with(rule, line_words());
    put(&p, (vd_point){ 0.3f, 0.8f }, 0.3f, 0.6f, BOTTLE, 0.9f);
    put(&p, (vd_point){ 0.4f, 0.8f }, 0.3f, 0.6f, BOTTLE, 0.9f);
    put(&p, (vd_point){ 0.35f, 0.6f }, 0.02f, 0.04f, DENT, 0.9f);
    p.seen.item[2].parent = 1;
    show(&p);
    expect_u64(yield_of(&p).passed, 1);
    expect_u64(yield_of(&p).failed, 1);
    expect_true(p.last_begin.track.box.l > 0.2f);
}

VD_TEST(a_product_waits_for_the_picture_in_which_its_models_have_looked)
{
    VD_AUTO(play) p = play_with(at_the_line(), line_words());
    for (int i = 0; i < 20; i++) {
        put(&p, (vd_point){ 0.3f + 0.02f * (float)i, 0.8f }, 0.1f, 0.4f, BOTTLE, 0.9f);
        p.seen.blind_count = i % 7 != 6; /* the classifier is slow */
        p.seen.blind[0] = (vd_class_range){ SCRATCH, 2 };
        if (i % 7 == 6)
            put(&p, (vd_point){ 0.3f + 0.02f * (float)i, 0.6f }, 0.02f, 0.04f, DENT, 0.9f);
        show(&p);
    }
    p.seen.blind_count = 0;
    expect_u64(yield_of(&p).produced, 1);
    expect_u64(p.begins, 1);
}

/* A screw at the top, a label below. */
static vd_rule assembly(void)
{
    vd_rule rule = each_picture();
    rule.inspection.trigger = VD_TRIGGER_EXTERNAL;
    rule.inspection.part_count = 2;
    rule.inspection.part[0] = (vd_part){ "screw", { 0.4f, 0.1f, 0.2f, 0.2f }, 0.1f };
    rule.inspection.part[1] = (vd_part){ "label", { 0.4f, 0.6f, 0.2f, 0.2f }, 0.1f };
    return rule;
}

static const vd_point screw_at = { 0.5f, 0.3f }, label_at = { 0.5f, 0.8f };

static void show_parts(play *p, const vd_point *screw, const vd_point *label, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        if (screw) put(p, *screw, 0.2f, 0.2f, SCREW, 0.8f);
        if (label) put(p, *label, 0.2f, 0.2f, LABEL, 0.8f);
        show(p);
    }
}

// covers: RULE-6
VD_TEST(an_assembly_needs_each_part_in_its_place)
{
    VD_AUTO(play) p = play_with(assembly(), line_words());
    const vd_point astray = { 0.2f, 0.3f };
    vd_scene_trigger(p.scene);
    show_parts(&p, &screw_at, &label_at, 1);
    expect_u64(yield_of(&p).passed, 1);
    vd_scene_trigger(p.scene);
    show_parts(&p, &screw_at, NULL, 1);
    expect_str(said(&p.last_begin, "defect"), "missing");
    expect_str(said(&p.last_begin, "parts"), "label");
    vd_scene_trigger(p.scene);
    show_parts(&p, &astray, &label_at, 1);
    expect_str(said(&p.last_begin, "defect"), "misplaced");
    expect_str(said(&p.last_begin, "parts"), "screw");
    put(&p, screw_at, 0.2f, 0.2f, SCREW, 0.3f); /* hardly to be seen */
    vd_scene_trigger(p.scene);
    show_parts(&p, NULL, &label_at, 1);
    expect_u64(yield_of(&p).unsure, 1);
    expect_u64(yield_of(&p).failed, 2);
}

// covers: RULE-6
VD_TEST(parts_that_come_in_the_wrong_order_fail)
{
    vd_rule rule = assembly();
    rule.inspection.ordered = true;
    VD_AUTO(play) p = play_with(rule, line_words());
    show_parts(&p, &screw_at, NULL, 5);
    show_parts(&p, &screw_at, &label_at, 5);
    vd_scene_trigger(p.scene);
    show_parts(&p, &screw_at, &label_at, 1);
    expect_u64(yield_of(&p).passed, 1);
    nobody(&p, 5); /* the next one */
    show_parts(&p, NULL, &label_at, 5);
    show_parts(&p, &screw_at, &label_at, 5);
    vd_scene_trigger(p.scene);
    show_parts(&p, &screw_at, &label_at, 1);
    expect_str(said(&p.last_begin, "defect"), "wrong_order");
    expect_str(said(&p.last_begin, "parts"), "label");
}

static void show_still(play *p, bool bad)
{
    if (bad) put(p, (vd_point){ 0.5f, 0.6f }, 0.1f, 0.1f, DENT, 0.9f);
    show(p);
}

// covers: RULE-6
VD_TEST(a_rising_share_of_defects_is_told_while_it_lasts)
{
    vd_rule rule = each_picture();
    rule.inspection.tell[VD_VERDICT_FAIL] = false;
    rule.inspection.chart = (vd_chart_config){
        .sample = 20, .baseline = 0.05f, .sigma = 3, .lambda = 0.2f, .width = 2.7f
    };
    VD_AUTO(play) p = play_with(rule, line_words());
    for (int i = 0; i < 200; i++) show_still(&p, i % 20 == 0);
    expect_u64(p.begins, 0);
    for (int i = 0; i < 20; i++) show_still(&p, i % 3 == 0);
    expect_u64(p.begins, 2); /* both charts see it */
    expect_str(said(&p.last_begin, "finding"), "defect_rate");
    expect_str(said(&p.last_begin, "chart"), "ewma");
    expect_str(said(&p.last_begin, "n"), "20");
    expect_str(said(&p.last_begin, "baseline"), "0.0500");
    expect_u64(p.last_begin.track.id, 0);
    expect_true(!p.last_begin.track.seen);
    for (int i = 0; i < 20; i++) show_still(&p, i % 3 == 0);
    expect_u64(p.betters, 2);
    expect_u64(p.ends, 0);
    for (int i = 0; i < 400; i++) show_still(&p, false);
    expect_u64(p.ends, 2);
    expect_true(yield_of(&p).rate == 0);
}

VD_TEST_MAIN(VD_RUN(a_product_that_crosses_the_line_is_judged_once_with_defect_and_place),
             VD_RUN(each_still_is_a_product_that_needs_a_good_class_where_one_is_named),
             VD_RUN(an_external_trigger_judges_the_next_picture_and_only_that),
             VD_RUN(what_was_found_in_another_products_crop_is_its_own),
             VD_RUN(a_product_waits_for_the_picture_in_which_its_models_have_looked),
             VD_RUN(an_assembly_needs_each_part_in_its_place),
             VD_RUN(parts_that_come_in_the_wrong_order_fail),
             VD_RUN(a_rising_share_of_defects_is_told_while_it_lasts))
