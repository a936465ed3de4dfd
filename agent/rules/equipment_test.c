#include "scene_testing_priv.h"
#include "vocabulary_stub_priv.h"

enum { PERSON, HELMET, VEST, BARE_HEAD };

static const vd_vocabulary *words(void)
{
    static const char *const classes[] = { "person", "helmet", "vest", "bare-head" };
    static vd_vocabulary *kept;
    return words_stub(&kept, '8', classes, VD_COUNT_OF(classes), 0.4f);
}

static vd_rule helmet_and_vest(void)
{
    vd_rule rule = { .kind = VD_RULE_EQUIPMENT,
                     .id = "ppe",
                     .zone = "hall",
                     .class_name = { "person" },
                     .class_count = 1,
                     .score_min = 0.5f,
                     .dwell_ms = 500,
                     .leave_ms = 1000,
                     .version = "1" };
    rule.equipment.item_count = 2;
    rule.equipment.share = 0.3f;
    rule.equipment.looks = 8;
    rule.equipment.item[0] = (vd_item){ .name = "helmet",
                                        .worn = { "helmet" },
                                        .bare = { "bare-head" },
                                        .worn_count = 1,
                                        .bare_count = 1,
                                        .top = 0,
                                        .bottom = 0.35f,
                                        .score_min = 0.3f,
                                        .visible_min = 0.15f };
    rule.equipment.item[1] = (vd_item){ .name = "vest",
                                        .worn = { "vest" },
                                        .worn_count = 1,
                                        .top = 0.1f,
                                        .bottom = 0.8f,
                                        .score_min = 0.3f,
                                        .visible_min = 0.15f };
    return rule;
}

/* A person with feet at x, and what is worn where it belongs. */
static void put_person(play *p, float x, float height, bool helmet, bool vest)
{
    const vd_point foot = { x, 0.9f };
    put(p, foot, height * 0.35f, height, PERSON, 0.8f);
    if (helmet)
        put(p, (vd_point){ x, foot.y - height * 0.85f }, height * 0.16f, height * 0.14f, HELMET,
            0.6f);
    if (vest)
        put(p, (vd_point){ x, foot.y - height * 0.45f }, height * 0.3f, height * 0.35f, VEST, 0.6f);
}

// covers: RULE-3
VD_TEST(a_person_without_a_helmet_is_told_with_what_is_missing)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) {
        put_person(&p, 0.5f, 0.5f, false, true);
        show(&p);
    }
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "missing"), "helmet");
    expect_true(strstr(said(&p.last_begin, "helmet"), "seen in 0 of") != NULL);
    expect_u64(p.last_begin.track.class_id, PERSON);
    nobody(&p, 20);
    expect_u64(p.ends, 1);
}

// covers: RULE-3
VD_TEST(a_detector_that_blinks_accuses_nobody)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 60; i++) { /* the helmet is found in every second picture only */
        put_person(&p, 0.5f, 0.5f, i % 2, i % 5 != 0);
        show(&p);
    }
    expect_u64(p.begins, 0);
}

// covers: RULE-3
VD_TEST(each_item_belongs_to_the_person_it_lies_on)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) { /* boxes overlap by a third */
        put_person(&p, 0.40f, 0.5f, true, true);
        put_person(&p, 0.52f, 0.5f, false, true);
        show(&p);
    }
    expect_u64(p.begins, 1);
    expect_near(p.last_begin.track.box.l + p.last_begin.track.box.w / 2, 0.52, 0.02);
}

VD_TEST(a_helmet_in_the_hand_is_not_worn)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) {
        put_person(&p, 0.5f, 0.5f, false, true);
        put(&p, (vd_point){ 0.56f, 0.7f }, 0.06f, 0.06f, HELMET, 0.7f);
        show(&p);
    }
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "missing"), "helmet");
}

// covers: RULE-3
VD_TEST(who_is_too_small_or_cut_off_is_not_judged)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 40; i++) {
        put_person(&p, 0.3f, 0.12f, false, false);
        show(&p);
    }
    expect_u64(p.begins, 0);
    for (int i = 0; i < 40; i++) { /* the head is above the picture's edge */
        put(&p, (vd_point){ 0.7f, 0.6f }, 0.2f, 0.6f, PERSON, 0.8f);
        put(&p, (vd_point){ 0.7f, 0.35f }, 0.15f, 0.2f, VEST, 0.6f);
        show(&p);
    }
    expect_u64(p.begins, 0);
}

VD_TEST(a_bare_head_that_was_seen_overrules_a_helmet)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) {
        put_person(&p, 0.5f, 0.5f, true, true);
        put(&p, (vd_point){ 0.5f, 0.47f }, 0.08f, 0.08f, BARE_HEAD, 0.7f);
        show(&p);
    }
    expect_u64(p.begins, 1);
}

// covers: RULE-3
VD_TEST(putting_the_helmet_on_ends_it)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 20; i++) {
        put_person(&p, 0.5f, 0.5f, false, true);
        show(&p);
    }
    expect_u64(p.begins, 1);
    for (int i = 0; i < 60; i++) {
        put_person(&p, 0.5f, 0.5f, true, true);
        show(&p);
    }
    expect_u64(p.ends, 1);
    expect_u64(p.begins, 1);
}

/* An item that a cascade found in the crop of the parent-th thing. */
static void put_found(play *p, int parent, vd_point foot, float width, float height,
                      uint16_t class_id)
{
    put(p, foot, width, height, class_id, 0.6f);
    p->seen.item[p->seen.count - 1].parent = (int16_t)parent;
}

// covers: RULE-3
VD_TEST(what_a_cascade_found_on_a_person_is_that_persons)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) { /* the boxes lie nearer to the other, who wears none */
        put_person(&p, 0.40f, 0.5f, false, true);
        int first = 0, second = (int)p.seen.count;
        put_person(&p, 0.50f, 0.5f, false, true);
        put_found(&p, first, (vd_point){ 0.46f, 0.475f }, 0.08f, 0.07f, HELMET);
        expect_u64(p.seen.item[second].class_id, PERSON);
        show(&p);
    }
    expect_u64(p.begins, 1);
    expect_near(p.last_begin.track.box.l + p.last_begin.track.box.w / 2, 0.5, 0.02);
}

// covers: RULE-3
VD_TEST(a_classifier_of_the_crop_says_it_of_the_whole_person)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 30; i++) {
        put_person(&p, 0.3f, 0.5f, false, true);
        put_found(&p, 0, (vd_point){ 0.3f, 0.9f }, 0.175f, 0.5f, HELMET);
        p.seen.item[p.seen.count - 1].box = p.seen.item[0].box;
        int other = (int)p.seen.count;
        put_person(&p, 0.7f, 0.5f, true, true);
        put_found(&p, other, (vd_point){ 0.7f, 0.9f }, 0.175f, 0.5f, BARE_HEAD);
        p.seen.item[p.seen.count - 1].box = p.seen.item[other].box;
        show(&p);
    }
    expect_u64(p.begins, 1);
    expect_near(p.last_begin.track.box.l + p.last_begin.track.box.w / 2, 0.7, 0.02);
}

// covers: RULE-3
VD_TEST(a_picture_that_no_model_searched_for_helmets_accuses_nobody)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 80; i++) { /* the cascade looks at every eighth picture */
        p.seen.blind_count = i % 8 != 0;
        p.seen.blind[0] = (vd_class_range){ HELMET, 1 };
        put_person(&p, 0.5f, 0.5f, i % 8 == 0, true);
        show(&p);
    }
    expect_u64(p.begins, 0);
}

#define CREW       10
#define CROPS      2
#define CREW_APART 0.09f

/* Ten stand in a row; a cascade finds the helmets of two, whose turn it is. */
static void show_crew(play *p, int picture, int bare)
{
    p->seen.cascade_count = 2;
    p->seen.cascade[0] = (vd_class_range){ VEST, 1 };
    p->seen.cascade[1] = (vd_class_range){ HELMET, 1 };
    for (int i = 0; i < CREW; i++)
        put(p, (vd_point){ 0.09f + CREW_APART * (float)i, 0.9f }, 0.07f, 0.3f, PERSON, 0.8f);
    for (int i = 0; i < CREW; i++) {
        const vd_box *box = &p->seen.item[i].box;
        vd_point head = { box->l + box->w / 2, box->t + 0.06f };
        bool turn = (i + CREW - picture * CROPS % CREW) % CREW < CROPS;
        put(p, (vd_point){ head.x, 0.8f }, 0.05f, 0.12f, VEST, 0.6f);
        if (!turn) p->seen.item[i].passed_over = 2;
        if (!turn || i == bare) continue;
        put(p, head, 0.03f, 0.05f, HELMET, 0.6f);
        p->seen.item[p->seen.count - 1].parent = (int16_t)i;
    }
    show(p);
}

// covers: RULE-3
VD_TEST(who_was_not_looked_at_is_not_accused)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 200; i++) show_crew(&p, i, -1);
    expect_u64(p.begins, 0);
}

// covers: RULE-3
VD_TEST(the_bare_one_of_many_is_told_when_she_was_looked_at_often_enough)
{
    VD_AUTO(play) p = play_with(helmet_and_vest(), words());
    for (int i = 0; i < 36; i++) show_crew(&p, i, 6); /* seven turns; eight are needed */
    expect_u64(p.begins, 0);
    for (int i = 36; i < 80; i++) show_crew(&p, i, 6);
    expect_u64(p.begins, 1);
    expect_str(said(&p.last_begin, "missing"), "helmet");
    expect_near(p.last_begin.track.box.l + p.last_begin.track.box.w / 2, 0.09 + 6 * CREW_APART,
                0.02);
}

VD_TEST_MAIN(VD_RUN(a_person_without_a_helmet_is_told_with_what_is_missing),
             VD_RUN(a_detector_that_blinks_accuses_nobody),
             VD_RUN(each_item_belongs_to_the_person_it_lies_on),
             VD_RUN(a_helmet_in_the_hand_is_not_worn),
             VD_RUN(who_is_too_small_or_cut_off_is_not_judged),
             VD_RUN(a_bare_head_that_was_seen_overrules_a_helmet),
             VD_RUN(putting_the_helmet_on_ends_it),
             VD_RUN(what_a_cascade_found_on_a_person_is_that_persons),
             VD_RUN(a_classifier_of_the_crop_says_it_of_the_whole_person),
             VD_RUN(a_picture_that_no_model_searched_for_helmets_accuses_nobody),
             VD_RUN(who_was_not_looked_at_is_not_accused),
             VD_RUN(the_bare_one_of_many_is_told_when_she_was_looked_at_often_enough))
