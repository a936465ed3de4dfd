/* The figures against cases worked out by hand from the COCO definition, which each test draws; the
 * same on random scenes is judged by an implementation of its own in tests/peers/coco_judge.py. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>

#include "vd/test.h"

/* ---- small datasets ---- */

typedef struct {
    vd_buf text;
    unsigned pictures;
} made;

static void made_done(made *m)
{
    vd_buf_done(&m->text);
}
VD_AUTO_DEFINE(made, made_done)

static made start_of(const char *task, const char *classes)
{
    made m = { .text = VD_BUF(1 << 20) };
    vd_buf_addf(&m.text,
                "{\"format\":\"vedette.dataset/1\",\"task\":\"%s\",\"classes\":%s,\"pictures\":[",
                task, classes);
    return m;
}

/* A picture of 1000 x 1000 pixels; `more`: members boxes and class. */
static void picture(made *m, const char *group, const char *split, const char *more)
{
    vd_buf_addf(&m->text,
                "%s{\"picture\":\"%064x\",\"width\":1000,\"height\":1000,\"device\":\"yard\","
                "\"camera\":\"gate\",\"captured_at\":\"2026-11-21T%02u:00:00Z\",\"group\":\"%s\","
                "\"split\":\"%s\",%s}",
                m->pictures ? "," : "", m->pictures, m->pictures % 24, group, split, more);
    m->pictures++;
}

static vd_slice end_of(made *m)
{
    vd_buf_add_str(&m->text, "]}");
    return vd_buf_slice(&m->text);
}

static vd_eval *test_split(made *m)
{
    vd_why why = { 0 };
    vd_eval *eval = NULL;
    if (vd_eval_new(end_of(m), "test", &eval, &why)) print_error("%s\n", why.fact);
    assert_non_null(eval);
    return eval;
}

#define PERSON(l, t, w, h) "{\"class\":\"person\",\"box\":[" #l "," #t "," #w "," #h "]}"
#define BOXES(...)         "\"boxes\":[" __VA_ARGS__ "],\"class\":null"
#define FOUND(name, s, ...)                                                                        \
    {                                                                                              \
        .class_name = name, .score = s, __VA_ARGS__                                                \
    }

static void add(vd_eval *eval, size_t index, const vd_eval_found *found, size_t count)
{
    expect_ok(vd_eval_add(eval, index, found, count, 1000 * (int64_t)(index + 1), NULL));
}

static vd_eval_figures measure(const vd_eval *eval, double score_min)
{
    vd_eval_figures f;
    expect_ok(vd_eval_measure(eval, score_min, &f, NULL));
    return f;
}

static vd_json *report_of(const vd_eval *eval, double score_min)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVAL_REPORT_BYTES);
    vd_json *root = NULL;
    vd_eval_options options = { .model_name = "m",
                                .model = vd_sha256(VD_STR("m")),
                                .score_min = score_min };
    expect_ok(vd_eval_report(eval, &options, &text, NULL));
    expect_ok(vd_json_parse(vd_buf_slice(&text), VD_EVAL_REPORT_BYTES, 32, &root, NULL));
    return root;
}

static double number(const vd_json *object, const char *key)
{
    return vd_json_num(vd_json_get(object, key), -99);
}

static const char *text_of(const vd_json *object, const char *key)
{
    return vd_json_text(vd_json_get(object, key), "(none)");
}

/* ---- average precision ---- */

/* Four truths; by falling score: hit, false, hit, hit; one truth is never found.
 *   recall    1/4   1/4   2/4   3/4          precision made monotone: 1, 3/4, 3/4, 3/4
 *   precision 1     1/2   2/3   3/4
 * Of the recalls 0, .01 ... 1: 26 (0 .. .25) see 1, 50 (.26 .. .75) see 3/4, the rest 0. */
// covers: CIR-5
VD_TEST(average_precision_is_what_the_definition_gives_by_hand)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2) "," PERSON(0.5, 0.5, 0.2, 0.2)));
    picture(&m, "b", "test", BOXES(PERSON(0, 0, 0.2, 0.2) "," PERSON(0.5, 0.5, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found one[] = { FOUND("person", .9, 0, 0, .2, .2),
                                  FOUND("person", .8, .8, 0, .2, .2) };
    const vd_eval_found two[] = { FOUND("person", .7, 0, 0, .2, .2),
                                  FOUND("person", .6, .5, .5, .2, .2) };
    add(eval, 0, one, 2);
    add(eval, 1, two, 2);

    vd_eval_figures f = measure(eval, .65);

    expect_near(f.map50, (26 * 1.0 + 50 * .75) / 101, 1e-12);
    expect_near(f.map, f.map50, 1e-12); /* all hits are exact, so every IoU says the same */
    expect_near(f.recall, 2 / 4., 1e-12);
    expect_near(f.precision, 2 / 3., 1e-12);
    expect_near(f.false_alarms_per_picture, 1 / 2., 1e-12);
    expect_true(isnan(f.small) && isnan(f.medium)); /* 200 x 200 pixels are large */
    expect_near(f.large, f.map50, 1e-12);
}

/* One truth 0.4 wide; the box found is shifted by 0.08: IoU = .32/.48 = 2/3, so it is a hit at
 * .50, .55, .60 and .65: 4 of 10. */
VD_TEST(a_box_a_little_off_counts_up_to_its_overlap)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0.1, 0.1, 0.4, 0.4)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .9, .18, .1, .4, .4) };
    add(eval, 0, found, 1);

    vd_eval_figures f = measure(eval, .5);

    expect_near(f.map50, 1, 1e-12);
    expect_near(f.map, .4, 1e-12);
    expect_near(f.map75, 0, 1e-12);
}

/* A second box on the same truth is a false alarm; the surer one wins, also when it comes later. */
VD_TEST(a_truth_is_found_once_by_the_surest)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0.1, 0.1, 0.4, 0.4)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .6, .1, .1, .4, .4),
                                    FOUND("person", .9, .14, .1, .4, .4) };
    add(eval, 0, found, 2);

    vd_eval_figures f = measure(eval, .5);

    expect_near(f.map50, 1, 1e-12);
    expect_near(f.precision, .5, 1e-12);
    /* from IoU .85 on (.36/.44 = .818) only the weaker box hits: precision 1/2 at all recalls */
    expect_near(f.map, (7 * 1.0 + 3 * .5) / 10, 1e-12);
}

/* Two boxes in a crowd and one beside it: the crowd takes both without counting. */
VD_TEST(a_crowd_neither_counts_nor_punishes)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test",
            BOXES("{\"class\":\"person\",\"crowd\":true,\"box\":[0,0,0.5,0.5]}"
                  "," PERSON(0.7, 0.7, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .9, 0, 0, .1, .1),
                                    FOUND("person", .8, .2, .2, .1, .1),
                                    FOUND("person", .7, .7, .7, .2, .2),
                                    FOUND("person", .6, .7, .1, .2, .2) };
    add(eval, 0, found, 4);

    vd_eval_figures f = measure(eval, .65);

    expect_near(f.map50, 1, 1e-12);
    expect_near(f.recall, 1, 1e-12);
    expect_near(f.false_alarms_per_picture, 0, 1e-12);
    expect_u64(f.truths, 1);
}

/* 20 x 20, 50 x 50 and 200 x 200 pixels; found: the small, the large, and a small false one. */
VD_TEST(small_medium_and_large_things_are_measured_apart)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test",
            BOXES(PERSON(0, 0, 0.02, 0.02) "," PERSON(0.3, 0.3, 0.05, 0.05) "," PERSON(0.5, 0.5,
                                                                                       0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .9, .9, .9, .02, .02),
                                    FOUND("person", .8, 0, 0, .02, .02),
                                    FOUND("person", .7, .5, .5, .2, .2) };
    add(eval, 0, found, 3);

    vd_eval_figures f = measure(eval, .5);

    expect_near(f.small, .5, 1e-12); /* the false one comes first */
    expect_near(f.medium, 0, 1e-12);
    expect_near(f.large, 1, 1e-12); /* small ones, true or false, do not disturb it */
}

VD_TEST(only_the_best_hundred_of_a_picture_and_class_count)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0.5, 0.5, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    vd_eval_found found[VD_EVAL_PER_PICTURE + 1];
    for (size_t n = 0; n < VD_COUNT_OF(found); n++)
        found[n] = (vd_eval_found)FOUND("person", .9 - .001 * (double)n, 0, 0, .1, .1);
    found[VD_EVAL_PER_PICTURE] = (vd_eval_found)FOUND("person", .1, .5, .5, .2, .2);
    add(eval, 0, found, VD_COUNT_OF(found));

    expect_near(measure(eval, .05).map50, 0, 1e-12);
}

/* ---- classes ---- */

VD_TEST(a_class_missing_in_the_split_counts_in_no_average_and_is_named)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\",\"car\"]");
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    picture(&m, "b", "train", BOXES("{\"class\":\"car\",\"box\":[0,0,1,1]}"));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .9, 0, 0, .2, .2),
                                    FOUND("car", .8, .5, .5, .2, .2),
                                    FOUND("dog", .7, .5, .5, .2, .2) };
    add(eval, 0, found, 3);

    VD_AUTO(vd_json_ptr) report = report_of(eval, .5);

    expect_near(number(report, "map50"), 1, 1e-9);
    const vd_json *car = vd_json_at(vd_json_get(report, "per_class"), 1);
    expect_true(vd_json_kind_of(vd_json_get(car, "ap")) == VD_JSON_IS_NULL);
    expect_near(number(car, "fp"), 1, 0);
    const vd_json *words = vd_json_get(report, "words");
    expect_str(vd_json_text(vd_json_at(words, 2), ""),
               "class 'car' is not in the split 'test': it counts in no average");
    expect_str(vd_json_text(vd_json_at(words, 3), ""),
               "1 detections of classes that the dataset does not have were left out ('dog' is "
               "one)");
}

VD_TEST(a_classification_is_measured_by_its_best_class)
{
    VD_AUTO(made) m = start_of("classification", "[\"whole\",\"cracked\"]");
    picture(&m, "a", "test", "\"boxes\":[],\"class\":\"whole\"");
    picture(&m, "b", "test", "\"boxes\":[],\"class\":\"cracked\"");
    picture(&m, "c", "test", "\"boxes\":[],\"class\":\"cracked\"");
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const double whole[] = { .9, .2, .6 };
    for (size_t n = 0; n < 3; n++) {
        const vd_eval_found found[] = { FOUND("whole", whole[n], 0, 0, 1, 1),
                                        FOUND("cracked", 1 - whole[n], 0, 0, 1, 1) };
        add(eval, n, found, 2);
    }

    VD_AUTO(vd_json_ptr) report = report_of(eval, .5);

    expect_near(number(report, "accuracy"), 2 / 3., 1e-6);
    expect_near(number(report, "map50"), 1, 1e-9); /* each class ranks its own pictures first */
}

/* ---- the report ---- */

// covers: CIR-5
VD_TEST(a_report_tells_slices_worst_pictures_calibration_and_time)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\",\"car\"]");
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2) "," PERSON(0.5, 0.5, 0.2, 0.2)));
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    picture(&m, "b", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    picture(&m, "b", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found good[] = { FOUND("person", .95, 0, 0, .2, .2),
                                   FOUND("person", .85, .5, .5, .2, .2) };
    const vd_eval_found alarms[] = { FOUND("person", .9, 0, 0, .2, .2),
                                     FOUND("person", .8, .7, .7, .2, .2),
                                     FOUND("car", .3, .7, .1, .2, .2) };
    const vd_eval_found named[] = { FOUND("car", .7, 0, 0, .2, .2) };
    const vd_eval_found shifted[] = { FOUND("person", .6, .1, 0, .2, .2) };
    add(eval, 0, good, 2);
    add(eval, 1, alarms, 3);
    add(eval, 2, named, 1);
    add(eval, 3, shifted, 1);

    VD_AUTO(vd_json_ptr) report = report_of(eval, .5);

    const vd_json *camera = vd_json_at(vd_json_get(report, "per_camera"), 0);
    expect_str(text_of(camera, "name"), "yard/gate");
    expect_near(number(camera, "groups"), 2, 0);
    expect_near(number(camera, "map50"), number(report, "map50"), 1e-9);
    expect_u64(vd_json_len(vd_json_get(report, "per_hour")), 4);
    expect_str(text_of(vd_json_at(vd_json_get(report, "per_hour"), 2), "name"), "02");
    expect_u64(vd_json_len(vd_json_get(report, "curve")), 101);
    expect_near(number(vd_json_get(report, "latency_ms"), "median"), 2.5, 1e-9);
    expect_near(number(vd_json_get(report, "latency_ms"), "p95"), 4, 1e-9);
    const vd_json *bin = vd_json_at(vd_json_get(vd_json_get(report, "calibration"), "bins"), 8);
    expect_near(number(bin, "count"), 2, 0); /* .85 right, .8 wrong */
    expect_near(number(bin, "right"), .5, 1e-9);
    expect_near(number(bin, "score"), .825, 1e-9);

    const vd_json *worst = vd_json_get(report, "worst");
    expect_u64(vd_json_len(worst), 3);
    expect_str(text_of(vd_json_at(worst, 0), "reason"), "wrong_class");
    expect_str(text_of(vd_json_at(worst, 0), "why"),
               "1 called by another name, the surest 0.70 (car)");
    expect_str(text_of(vd_json_at(worst, 1), "reason"), "false_alarm");
    expect_str(text_of(vd_json_at(worst, 1), "why"), "1 false alarm, the surest 0.80 (person)");
    expect_str(text_of(vd_json_at(worst, 2), "reason"), "misplaced");
}

VD_TEST(a_picture_that_cannot_be_looked_at_is_left_out_and_named)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    picture(&m, "b", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    const vd_eval_found found[] = { FOUND("person", .9, 0, 0, .2, .2) };
    add(eval, 0, found, 1);
    expect_ok(vd_eval_skip(eval, 1, "the JPEG is damaged", NULL));
    expect_err(vd_eval_add(eval, 1, found, 1, 0, NULL), VD_CONFLICT);

    VD_AUTO(vd_json_ptr) report = report_of(eval, .5);

    expect_near(number(report, "map50"), 1, 1e-9);
    expect_u64(vd_json_len(vd_json_get(report, "pictures")), 1);
    const vd_json *words = vd_json_get(report, "words");
    expect_str(vd_json_text(vd_json_at(words, vd_json_len(words) - 1), ""),
               "picture 000000000000 was left out: the JPEG is damaged");
}

VD_TEST(detections_as_lines_give_the_same_report_byte_for_byte)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES(PERSON(0, 0, 0.2, 0.2)));
    picture(&m, "b", "test", BOXES(PERSON(0.5, 0, 0.2, 0.2)));
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    VD_AUTO(vd_eval_ptr) again = NULL;
    VD_AUTO(vd_buf) lines = VD_BUF(1 << 16);
    VD_AUTO(vd_buf) one = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) two = VD_BUF(1 << 20);
    vd_eval_options options = { .model_name = "m",
                                .model = vd_sha256(VD_STR("m")),
                                .score_min = .5 };
    const vd_eval_found found[] = { FOUND("person", .4, .5, 0, .2, .2),
                                    FOUND("person", .8, .1, 0, .2, .2) };
    add(eval, 0, found, 2);
    expect_ok(vd_eval_skip(eval, 1, "it is gone", NULL));
    for (size_t n = 0; n < 2; n++) expect_ok(vd_eval_line(eval, n, &lines));
    expect_ok(vd_eval_new(vd_buf_slice(&m.text), "test", &again, NULL));

    vd_buf_add_str(&lines, "{\"picture\":\"of another split\",\"detections\":[]}\n\n");
    expect_ok(vd_eval_add_lines(again, vd_buf_slice(&lines), NULL));

    expect_ok(vd_eval_report(eval, &options, &one, NULL));
    expect_ok(vd_eval_report(again, &options, &two, NULL));
    expect_str(two.data, one.data);
    vd_eval_summary summary;
    expect_ok(vd_eval_summary_read(vd_buf_slice(&one), &summary, NULL));
    expect_str(summary.split, "test");
    expect_u64(summary.pictures, 1);
}

/* ---- bad input ---- */

static void refused(const char *boxes, const char *fact)
{
    vd_why why = { 0 };
    vd_eval *eval = NULL;
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", boxes);
    expect_err(vd_eval_new(end_of(&m), "test", &eval, &why), VD_INVALID);
    expect_str(why.fact, fact);
}

VD_TEST(a_manifest_that_lies_is_refused_by_picture)
{
    refused(BOXES(PERSON(0.9, 0, 0.2, 0.2)),
            "the manifest's picture 1 has a box that does not lie in the picture");
    refused(BOXES(PERSON(0, 0, 0, 0.2)),
            "the manifest's picture 1 has a box that does not lie in the picture");
    refused(BOXES("{\"class\":\"person\",\"box\":[0,0,1]}"),
            "the manifest's picture 1 has a box that does not lie in the picture");
    refused(BOXES("{\"class\":\"dog\",\"box\":[0,0,1,1]}"),
            "the manifest's picture 1 has a box of a class that is not in 'classes'");

    vd_why why = { 0 };
    vd_eval *eval = NULL;
    VD_AUTO(made) straddles = start_of("detection", "[\"person\"]");
    picture(&straddles, "a", "test", BOXES());
    picture(&straddles, "a", "train", BOXES());
    expect_err(vd_eval_new(end_of(&straddles), "test", &eval, &why), VD_INVALID);
    expect_str(why.fact, "group 'a' lies in two splits");
    VD_AUTO(made) empty = start_of("detection", "[\"person\"]");
    picture(&empty, "a", "train", BOXES());
    expect_err(vd_eval_new(end_of(&empty), "test", &eval, &why), VD_INVALID);
    expect_str(why.fact, "the dataset's split 'test' has no picture");
    expect_err(vd_eval_new(VD_STR("{\"format\":\"x\"}"), "test", &eval, &why), VD_INVALID);
    expect_err(vd_eval_new(VD_STR("[["), "test", &eval, &why), VD_INVALID);
}

VD_TEST(detections_that_make_no_sense_are_refused_with_their_line)
{
    static const char *const wrong[] = {
        "{\"picture\":\"%064x\",\"detections\":[{\"class\":\"person\",\"score\":1.5,\"box\":[0,0,1,"
        "1]}]}",
        "{\"picture\":\"%064x\",\"detections\":[{\"class\":\"person\",\"score\":0.5,\"box\":[0,0,0,"
        "1]}]}",
        "{\"picture\":\"%064x\",\"detections\":[{\"class\":\"person\",\"box\":[0,0,1,1]}]}",
        "{\"picture\":\"%064x\"}",
        "{\"picture\":",
    };
    for (size_t n = 0; n < VD_COUNT_OF(wrong); n++) {
        vd_why why = { 0 };
        VD_AUTO(vd_buf) lines = VD_BUF(4096);
        VD_AUTO(made) m = start_of("detection", "[\"person\"]");
        picture(&m, "a", "test", BOXES());
        VD_AUTO(vd_eval_ptr) eval = test_split(&m);
        char line[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(line, sizeof line, wrong[n], 0);
#pragma GCC diagnostic pop
        vd_buf_addf(&lines, "\n%s", line);
        expect_err(vd_eval_add_lines(eval, vd_buf_slice(&lines), &why), VD_INVALID);
        expect_str(why.detail, "line 2 of the detections");
    }
}

VD_TEST(a_split_nobody_measured_gives_no_report)
{
    VD_AUTO(made) m = start_of("detection", "[\"person\"]");
    picture(&m, "a", "test", BOXES());
    VD_AUTO(vd_eval_ptr) eval = test_split(&m);
    vd_eval_figures f;
    expect_err(vd_eval_measure(eval, .5, &f, NULL), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(average_precision_is_what_the_definition_gives_by_hand),
             VD_RUN(a_box_a_little_off_counts_up_to_its_overlap),
             VD_RUN(a_truth_is_found_once_by_the_surest),
             VD_RUN(a_crowd_neither_counts_nor_punishes),
             VD_RUN(small_medium_and_large_things_are_measured_apart),
             VD_RUN(only_the_best_hundred_of_a_picture_and_class_count),
             VD_RUN(a_class_missing_in_the_split_counts_in_no_average_and_is_named),
             VD_RUN(a_classification_is_measured_by_its_best_class),
             VD_RUN(a_report_tells_slices_worst_pictures_calibration_and_time),
             VD_RUN(a_picture_that_cannot_be_looked_at_is_left_out_and_named),
             VD_RUN(detections_as_lines_give_the_same_report_byte_for_byte),
             VD_RUN(a_manifest_that_lies_is_refused_by_picture),
             VD_RUN(detections_that_make_no_sense_are_refused_with_their_line),
             VD_RUN(a_split_nobody_measured_gives_no_report))
