/* Several models on one camera, with models written by hand (small_onnx_priv.h). */
#include "lineup.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "small_onnx_priv.h"

#define S 1000000ll

enum { WIDTH = 200, HEIGHT = 100 };

static char folder[] = "/tmp/vedette-lineup-XXXXXX";
static vd_model *people, *helmets, *postures, *crowd;
static vd_detections seen;
static vd_lineup_look look;

static vd_model *load(const char *name)
{
    char path[128], line[800];
    vd_model *model = NULL;
    vd_why why = { 0 };
    const vd_model_options options = { .threads = 1 };
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    vd_err err = vd_model_load(path, &options, &model, &why);
    if (err) print_error("%s\n", vd_why_line(&why, line, sizeof line));
    expect_ok(err);
    return model;
}

/* A black picture, white where `part` is. */
static vd_frame *frame_of(const vd_part_px *part, int64_t utc_us)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    vd_picture picture = { .width_px = WIDTH,
                           .height_px = HEIGHT,
                           .plane = { luma, chroma, chroma },
                           .stride = { WIDTH, WIDTH / 2, WIDTH / 2 },
                           .full_range = true,
                           .utc_us = utc_us };
    vd_frame *frame = NULL;
    memset(luma, 0, sizeof luma);
    memset(chroma, 128, sizeof chroma);
    for (int y = part->top; y < part->top + part->height; y++)
        memset(luma + y * WIDTH + part->left, 255, (size_t)part->width);
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

static vd_lineup *lineup_of(const vd_lineup_step *steps, vd_model *const *models, unsigned count)
{
    vd_lineup *lineup = NULL;
    bool goes_on;
    expect_ok(vd_lineup_new(steps, count, &lineup));
    expect_ok(vd_lineup_set(lineup, models, &goes_on));
    return lineup;
}

static void show_part(vd_lineup *lineup, const vd_part_px *white, int64_t utc_us)
{
    vd_frame *frame = frame_of(white, utc_us);
    vd_lineup_run(lineup, frame, &seen, &look);
    expect_u64(look.failed, 0);
    vd_frame_unref(frame);
}

static void show(vd_lineup *lineup, int64_t utc_us)
{
    const vd_part_px nothing = { 0, 0, 1, 0 };
    show_part(lineup, &nothing, utc_us);
}

static vd_lineup_step on_people(const char *id)
{
    return (vd_lineup_step){
        .id = id, .on = { "person" }, .on_count = 1, .margin = 0.1f, .min_px = 24, .crops = 8
    };
}

static void expect_box(const vd_box *box, double l, double t, double w, double h)
{
    expect_near(box->l, l, 1e-5);
    expect_near(box->t, t, 1e-5);
    expect_near(box->w, w, 1e-5);
    expect_near(box->h, h, 1e-5);
}

/* The person is at 50..100 x 25..75 pixels; with a tenth on each side the crop is 60 x 60. */
static const vd_part_px crop = { 45, 20, 60, 60 };

// covers: INF-3
VD_TEST(boxes_found_in_a_crop_lie_in_the_full_picture_and_name_their_parent)
{
    const vd_lineup_step steps[] = { { .id = "main" }, on_people("helmet") };
    vd_model *models[] = { people, helmets };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    show_part(lineup, &crop, S);
    expect_u64(look.looked, 3);
    expect_u64(seen.count, 3);
    expect_i64(seen.item[0].parent, -1);
    expect_box(&seen.item[0].box, 0.25, 0.25, 0.25, 0.5);
    expect_i64(seen.item[2].parent, 0);
    expect_str(vd_vocabulary_name(vd_lineup_words(lineup), seen.item[2].class_id), "helmet");
    expect_box(&seen.item[2].box, 0.3, 0.2, 0.15, 0.3);
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(a_crop_shows_its_part_of_the_picture_and_nothing_else)
{
    const vd_lineup_step steps[] = { { .id = "main" }, on_people("helmet") };
    vd_model *models[] = { people, helmets };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    show_part(lineup, &crop, S); /* the helmet's score is the crop's brightness */
    expect_near(seen.item[2].score, 0.85, 1e-3);
    const vd_part_px upper = { 45, 20, 60, 30 };
    show_part(lineup, &upper, 2 * S);
    expect_near(seen.item[2].score, 0.425, 1e-3);
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(a_classifier_gives_its_parents_box_and_its_own_classes)
{
    const vd_lineup_step steps[] = { { .id = "main" }, on_people("posture") };
    vd_model *models[] = { people, postures };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    show(lineup, S);
    const vd_vocabulary *words = vd_lineup_words(lineup);
    expect_u64(seen.count, 4);
    expect_str(vd_vocabulary_name(words, seen.item[2].class_id), "lying");
    expect_near(seen.item[2].score, 0.7, 1e-6);
    expect_str(vd_vocabulary_name(words, seen.item[3].class_id), "standing");
    expect_i64(seen.item[2].parent, 0);
    expect_box(&seen.item[2].box, 0.25, 0.25, 0.25, 0.5);
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(a_cascade_may_stand_on_a_cascade)
{
    vd_lineup_step last = on_people("posture");
    last.on[0] = "helmet";
    last.min_px = 1;
    const vd_lineup_step steps[] = { { .id = "main" }, on_people("helmet"), last };
    vd_model *models[] = { people, helmets, postures };
    vd_lineup *lineup = lineup_of(steps, models, 3);
    show_part(lineup, &crop, S);
    expect_u64(seen.count, 5);
    expect_i64(seen.item[3].parent, 2);
    expect_box(&seen.item[3].box, 0.3, 0.2, 0.15, 0.3);
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(what_a_cascade_passes_over_is_unknown_to_the_cascades_on_it_too)
{
    vd_lineup_step first = on_people("helmet"), last = on_people("posture");
    last.on[0] = "helmet";
    vd_model *models[] = { people, helmets, postures };
    for (int kind = 0; kind < 3; kind++) {
        first.min_px = kind == 0 ? 51 : 1; /* the person is too small */
        last.min_px = kind == 1 ? 31 : 1;  /* the helmet, of 30 pixels, is too small */
        const vd_lineup_step steps[] = { { .id = "main" }, first, last };
        vd_lineup *lineup = lineup_of(steps, models, 3);
        show_part(lineup, &crop, S);
        int helmet = vd_vocabulary_find(vd_lineup_words(lineup), "helmet");
        int lying = vd_vocabulary_find(vd_lineup_words(lineup), "lying");
        expect_true(vd_detections_passed_over(&seen, 0, (unsigned)helmet) == (kind == 0));
        expect_true(vd_detections_passed_over(&seen, 0, (unsigned)lying) == (kind < 2));
        vd_lineup_free(lineup);
    }
}

VD_TEST(boxes_that_are_small_or_unsure_or_of_other_classes_are_not_looked_at)
{
    vd_lineup_step step = on_people("posture");
    vd_model *models[] = { people, postures };
    for (int kind = 0; kind < 3; kind++) {
        step.min_px = kind == 0 ? 51 : 50;         /* the person is 50 pixels wide and high */
        step.on[0] = kind == 1 ? "dog" : "person"; /* the dog's score is 0.2 */
        const vd_lineup_step steps[] = { { .id = "main" }, step };
        vd_lineup *lineup = lineup_of(steps, models, 2);
        show(lineup, S);
        expect_u64(look.looked, kind == 2 ? 3 : 1);
        expect_false(vd_detections_blind(&seen, 2)); /* there was nothing to look at */
        expect_true(vd_detections_passed_over(&seen, 0, 2) == (kind == 0)); /* the person */
        expect_true(vd_detections_passed_over(&seen, 1, 3) == (kind == 1)); /* the dog */
        expect_false(vd_detections_passed_over(&seen, 0, 0));
        vd_lineup_free(lineup);
    }
}

// covers: INF-3
VD_TEST(with_more_boxes_than_may_be_looked_at_they_take_turns)
{
    vd_lineup_step step = on_people("posture");
    step.crops = 2;
    step.min_px = 1;
    const vd_lineup_step steps[] = { { .id = "main" }, step };
    vd_model *models[] = { crowd, postures };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    unsigned looked_at[6] = { 0 };
    for (int picture = 1; picture <= 3; picture++) {
        show(lineup, picture * S);
        expect_u64(seen.count, 6 + 2 * 2);
        for (unsigned i = 6; i < seen.count; i++) looked_at[seen.item[i].parent]++;
        for (unsigned i = 0; i < 6; i++) { /* the others of this picture are passed over */
            bool turn = (int)i / 2 == picture - 1;
            expect_true(vd_detections_passed_over(&seen, i, 1) == !turn);
            expect_true(vd_detections_passed_over(&seen, i, 2) == !turn);
        }
    }
    for (unsigned i = 0; i < 6; i++) expect_u64(looked_at[i], 2); /* two classes each */
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(each_model_keeps_its_own_rate_in_the_time_of_pictures)
{
    const vd_lineup_step steps[] = { { .id = "main" }, { .id = "slow", .every_us = S / 2 } };
    vd_model *models[] = { people, helmets };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    unsigned looked[2] = { 0 };
    for (int i = 0; i < 250; i++) { /* 25 a second, none quite in time */
        show(lineup, 1000 * S + i * S / 25 + i * 7919 % 3000);
        for (unsigned k = 0; k < 2; k++) looked[k] += look.looked >> k & 1;
        expect_true(vd_detections_blind(&seen, 2) == !(look.looked & 2));
        expect_false(vd_detections_blind(&seen, 0));
    }
    expect_u64(looked[0], 250);
    expect_u64(looked[1], 20);
    show(lineup, 500 * S); /* the clock was set back: not silent until then */
    expect_u64(look.looked, 3);
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(a_picture_that_nobody_is_due_for_need_not_be_shown)
{
    const vd_lineup_step steps[] = { { .id = "main", .every_us = S }, on_people("posture") };
    vd_model *models[] = { people, postures };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    show(lineup, 10 * S);
    expect_i64(vd_lineup_next_us(lineup), 11 * S);
    show(lineup, 11 * S - 1);
    expect_u64(look.looked, 0);
    expect_true(vd_detections_blind(&seen, 0) && vd_detections_blind(&seen, 2));
    show(lineup, 11 * S);
    expect_u64(look.looked, 3);
    vd_lineup_free(lineup);
    lineup = lineup_of(&(vd_lineup_step){ .id = "main" }, models, 1);
    show(lineup, 10 * S);
    expect_i64(vd_lineup_next_us(lineup), 0);
    vd_lineup_free(lineup);
}

/* UTC of a local time of day, in a zone three hours east. */
static int64_t at(int hour, int minute)
{
    return 1700006400 * S + ((hour - 3) * 60 + minute) * 60 * S; /* 2023-11-15 00:00 UTC */
}

// covers: INF-3
VD_TEST(a_model_looks_in_its_hours_only)
{
    vd_lineup_step step = { .id = "main" };
    vd_model *models[] = { people };
    setenv("TZ", "XXX-3", 1);
    tzset();
    expect_true(vd_day_span_parse(VD_STR("06:00-22:00"), &step.hours));
    vd_lineup *lineup = lineup_of(&step, models, 1);
    static const struct {
        int hour, minute, looked;
    } day[] = { { 5, 59, 0 }, { 6, 0, 1 }, { 21, 59, 1 }, { 22, 0, 0 } };
    for (unsigned i = 0; i < VD_COUNT_OF(day); i++) {
        show(lineup, at(day[i].hour, day[i].minute));
        expect_i64(look.looked, day[i].looked);
        expect_i64(vd_lineup_next_us(lineup),
                   day[i].looked ? 0 : at(day[i].hour, day[i].minute) + S);
    }
    vd_lineup_free(lineup);
}

// covers: INF-3
VD_TEST(a_model_that_is_missing_stops_no_other)
{
    const vd_lineup_step steps[] = { { .id = "main" }, on_people("helmet"), { .id = "crowd" } };
    vd_model *models[] = { people, NULL, crowd };
    vd_lineup *lineup = lineup_of(steps, models, 3);
    bool goes_on;
    show(lineup, S);
    expect_u64(look.looked, 5);
    expect_u64(seen.count, 2 + 6);
    models[1] = helmets; /* it came: the third one's ids are others now */
    expect_ok(vd_lineup_set(lineup, models, &goes_on));
    expect_false(goes_on);
    show(lineup, 2 * S);
    expect_u64(look.looked, 7);
    expect_ok(vd_lineup_set(lineup, models, &goes_on));
    expect_true(goes_on);
    vd_model *none[] = { NULL, NULL, NULL };
    expect_ok(vd_lineup_set(lineup, none, &goes_on));
    expect_true(vd_lineup_words(lineup) == NULL);
    show(lineup, 3 * S);
    expect_u64(look.looked, 0);
    vd_lineup_free(lineup);
}

VD_TEST(a_provider_that_the_library_lacks_gives_way_to_the_cpu)
{
    char path[128];
    vd_why why = { 0 };
    vd_model *model = NULL;
    const vd_model_options options = { .threads = 1, .provider = VD_PROVIDER_AUTO };
    snprintf(path, sizeof path, "%s/people.onnx", folder);
    expect_ok(vd_model_load(path, &options, &model, &why));
    expect_str(vd_provider_name(vd_model_provider(model, &why)), "cpu");
    expect_str(why.fact, ""); /* it is what was asked for */
    vd_model_free(model);
}

// covers: PRE-1
VD_TEST(what_a_camera_does_to_its_pictures_holds_for_every_look)
{
    vd_lineup_step steps[] = { { .id = "main" }, on_people("helmet") };
    vd_model *models[] = { people, helmets };
    vd_lineup *lineup = lineup_of(steps, models, 2);
    const vd_part_px feet = { 100, 0, 50, 100 };
    vd_chain chain;
    expect_ok(vd_chain_parse(VD_STR("[{rotate: 180}]"), "test", VD_CHAIN_OF_CAMERA, &chain, NULL));
    vd_lineup_set_chain(lineup, &chain);
    show_part(lineup, &feet, S);
    expect_u64(look.looked, 3);
    expect_u64(seen.count, 3);
    expect_near(seen.item[0].box.l, 0.5, 1e-4); /* 4 to 8 of 16, from the other side */
    expect_near(seen.item[0].box.t, 0.25, 1e-4);
    expect_i64(seen.item[2].parent, 0);
    expect_true(seen.item[2].box.t > 0.4 && seen.item[2].box.t < 0.6); /* heads are down */
    vd_lineup_free(lineup);
}

static int begin(void **state)
{
    static const float person[][6] = { { 4, 4, 8, 12, 0.9f, 0 }, { 9, 4, 15, 12, 0.2f, 1 } };
    static const float helmet[][6] = { { 4, 0, 12, 8, 0, 0 } };
    static const float lying[] = { 0.2f, 0.7f };
    float many[6][6];
    (void)state;
    for (int i = 0; i < 6; i++)
        memcpy(many[i],
               (float[]){ (float)i * 2, 4, (float)i * 2 + 2, 12, 0.9f - (float)i * 0.1f, 0 },
               sizeof many[i]);
    if (!mkdtemp(folder)) return -1;
    small_detector(folder, "people", "[person, dog]", person, 2, 0);
    small_detector(folder, "helmets", "[helmet]", helmet, 1, 0.85f / 255);
    small_detector(folder, "crowd", "[person]", (const float(*)[6])many, 6, 0);
    small_classifier(folder, "postures", "[standing, lying]", lying, 2);
    people = load("people");
    helmets = load("helmets");
    postures = load("postures");
    crowd = load("crowd");
    return 0;
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    vd_model_free(people);
    vd_model_free(helmets);
    vd_model_free(postures);
    vd_model_free(crowd);
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(boxes_found_in_a_crop_lie_in_the_full_picture_and_name_their_parent),
        VD_RUN(a_crop_shows_its_part_of_the_picture_and_nothing_else),
        VD_RUN(a_classifier_gives_its_parents_box_and_its_own_classes),
        VD_RUN(a_cascade_may_stand_on_a_cascade),
        VD_RUN(what_a_cascade_passes_over_is_unknown_to_the_cascades_on_it_too),
        VD_RUN(boxes_that_are_small_or_unsure_or_of_other_classes_are_not_looked_at),
        VD_RUN(with_more_boxes_than_may_be_looked_at_they_take_turns),
        VD_RUN(each_model_keeps_its_own_rate_in_the_time_of_pictures),
        VD_RUN(a_picture_that_nobody_is_due_for_need_not_be_shown),
        VD_RUN(a_model_looks_in_its_hours_only),
        VD_RUN(a_model_that_is_missing_stops_no_other),
        VD_RUN(what_a_camera_does_to_its_pictures_holds_for_every_look),
        VD_RUN(a_provider_that_the_library_lacks_gives_way_to_the_cpu),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
