/* The gate's verdicts on made scenes: `groups` groups of 4 pictures with 5 truths each; a model
 * finds a share of them, and gives false alarms, by a fixed pattern. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>

#include "vd/test.h"

#define PER_GROUP 4
#define TRUTHS    5

typedef struct {
    vd_buf text;
} report;

static void report_done(report *r)
{
    vd_buf_done(&r->text);
}
VD_AUTO_DEFINE(report, report_done)

static uint64_t dice(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void manifest_of(unsigned groups, vd_buf *into)
{
    vd_buf_add_str(into, "{\"format\":\"vedette.dataset/1\",\"task\":\"detection\",\"classes\":["
                         "\"person\",\"car\"],\"pictures\":[");
    for (unsigned n = 0; n < groups * PER_GROUP; n++) {
        vd_buf_addf(
            into,
            "%s{\"picture\":\"%064x\",\"width\":1000,\"height\":1000,\"device\":\"yard\","
            "\"camera\":\"gate\",\"captured_at\":\"2026-11-21T10:00:00Z\",\"group\":\"g%u\","
            "\"split\":\"test\",\"class\":null,\"boxes\":[",
            n ? "," : "", n, n / PER_GROUP);
        for (unsigned t = 0; t < TRUTHS; t++)
            vd_buf_addf(into, "%s{\"class\":\"person\",\"box\":[0.%u,0.1,0.1,0.1]}", t ? "," : "",
                        t * 2);
        vd_buf_add_str(into, "]}");
    }
    vd_buf_add_str(into, "]}");
}

typedef struct {
    unsigned groups;
    unsigned found_pct, alarms_pct; /* of the truths; of the pictures */
    uint64_t seed;
} model;

static void look(vd_eval *eval, size_t index, const model *m, uint64_t *state)
{
    unsigned count = 0;
    vd_eval_found found[TRUTHS + 1];
    for (unsigned t = 0; t < TRUTHS; t++)
        if (dice(state) % 100 < m->found_pct)
            found[count++] = (vd_eval_found){ .class_name = "person",
                                              .score = .5 + (double)(dice(state) % 400) / 1000,
                                              .l = .2 * t,
                                              .t = .1,
                                              .w = .1,
                                              .h = .1 };
    if (dice(state) % 100 < m->alarms_pct)
        found[count++] = (vd_eval_found){
            .class_name = "person", .score = .55, .l = .1, .t = .7, .w = .2, .h = .2
        };
    expect_ok(vd_eval_add(eval, index, found, count, 1000, NULL));
}

static report measured(const model *m)
{
    report r = { .text = VD_BUF(VD_EVAL_REPORT_BYTES) };
    uint64_t state = m->seed;
    VD_AUTO(vd_buf) manifest = VD_BUF(16 << 20);
    VD_AUTO(vd_eval_ptr) eval = NULL;
    vd_eval_options options = { .model_name = "m", .score_min = .5 };
    manifest_of(m->groups, &manifest);
    memset(options.model.hex, m->seed % 2 ? 'a' : 'b', VD_SHA256_HEX);
    expect_ok(vd_eval_new(vd_buf_slice(&manifest), "test", &eval, NULL));
    for (size_t n = 0; n < vd_eval_count(eval); n++) look(eval, n, m, &state);
    expect_ok(vd_eval_report(eval, &options, &r.text, NULL));
    return r;
}

static vd_gate_verdict judge_with(const model *champion, const model *challenger,
                                  const vd_gate_settings *settings)
{
    vd_why why = { 0 };
    vd_gate_verdict v;
    VD_AUTO(report) one = measured(champion);
    VD_AUTO(report) two = measured(challenger);
    if (vd_evaluation_gate(vd_buf_slice(&one.text), vd_buf_slice(&two.text), settings, &v, &why)) {
        print_error("%s\n", why.fact);
        fail();
    }
    return v;
}

static vd_gate_verdict judge(model champion, model challenger)
{
    return judge_with(&champion, &challenger, NULL);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
    size_t len = strlen(text), tail = strlen(with);
    return len >= tail && strcmp(text + len - tail, with) == 0;
}

// covers: CIR-5
VD_TEST(a_clearly_better_challenger_is_promoted)
{
    vd_gate_verdict v = judge((model){ 20, 60, 20, 1 }, (model){ 20, 85, 20, 2 });

    expect_true(v.promote);
    expect_i64(v.outcome, VD_GATE_OUTCOME_BETTER);
    expect_true(v.map50.low > 0 && v.map50.low < v.map50.difference);
    expect_true(v.map50.high > v.map50.difference);
    expect_true(starts(v.why, "mAP50 0.") && ends(v.why, ": better"));
    expect_u64(v.groups, 20);
    expect_u64(v.pictures, 80);
}

// covers: CIR-5
VD_TEST(a_difference_that_may_be_luck_is_refused_with_the_interval)
{
    vd_gate_verdict v = judge((model){ 8, 70, 20, 1 }, (model){ 8, 71, 20, 4 });

    expect_false(v.promote);
    expect_i64(v.outcome, VD_GATE_OUTCOME_NOT_SHOWN);
    expect_true(v.map50.low < 0 && v.map50.high > 0);
    expect_true(ends(v.why, ": not shown to be better"));
    expect_true(strstr(v.why, ", 95 % interval -0.") != NULL);
}

// covers: CIR-5
VD_TEST(a_ruined_challenger_is_refused_as_worse)
{
    vd_gate_verdict v = judge((model){ 12, 80, 10, 1 }, (model){ 12, 20, 90, 2 });

    expect_false(v.promote);
    expect_i64(v.outcome, VD_GATE_OUTCOME_WORSE);
    expect_true(ends(v.why, ": worse"));
    expect_true(v.map50.high < 0);
}

VD_TEST(as_good_with_fewer_false_alarms_is_promoted_unless_the_settings_say_no)
{
    model champion = { 30, 100, 80, 1 }, challenger = { 30, 100, 10, 2 };
    vd_gate_settings strict = VD_GATE_SETTINGS, loose = VD_GATE_SETTINGS;
    loose.margin = .05;
    strict.fewer_false_alarms_suffice = false;

    vd_gate_verdict v = judge_with(&challenger, &champion, &loose); /* the other way round: worse */
    expect_false(v.promote);
    v = judge_with(&champion, &challenger, &loose);

    expect_true(v.promote);
    expect_true(v.false_alarms.high < 0);
    /* With every truth found first, ranking false ones below changes nothing in mAP50. */
    if (v.outcome == VD_GATE_OUTCOME_FEWER_FALSE_ALARMS)
        expect_true(ends(v.why, ": as good, with fewer false alarms"));
    vd_gate_verdict same = judge_with(&challenger, &challenger, &strict);
    expect_false(same.promote);
    expect_near(same.map50.low, 0, 0);
    expect_near(same.map50.high, 0, 0);
}

VD_TEST(three_groups_show_nothing_and_the_words_say_how_many_do)
{
    vd_gate_verdict v = judge((model){ 3, 10, 20, 1 }, (model){ 3, 100, 0, 2 });

    expect_false(v.promote);
    expect_i64(v.outcome, VD_GATE_OUTCOME_NOT_SHOWN);
    expect_true(ends(v.why, ": too few groups to show anything"));
    expect_str(v.words[0], "3 groups of neighbouring pictures cannot show anything at 95 %: at "
                           "least 6 are needed");
    expect_str(v.words[1], "3 groups are few: label pictures of 5 more hours");
    expect_str(v.words[2], "class 'car' is not in the split: nothing is said about it");
}

VD_TEST(one_group_gives_no_interval)
{
    vd_gate_verdict v = judge((model){ 1, 10, 20, 1 }, (model){ 1, 100, 0, 2 });

    expect_false(v.promote);
    expect_true(isnan(v.map50.low) && isnan(v.map50.high));
    expect_true(strstr(v.why, "interval") == NULL);
}

VD_TEST(the_confidence_asked_for_decides_how_many_groups_are_needed)
{
    model champion = { 5, 30, 20, 1 }, challenger = { 5, 95, 0, 2 };
    vd_gate_settings loose = VD_GATE_SETTINGS;
    loose.confidence = .9;

    expect_false(judge_with(&champion, &challenger, NULL).promote);
    expect_true(judge_with(&champion, &challenger, &loose).promote);
    expect_u64(judge_with(&champion, &challenger, &loose).settings.least_groups, 5);
}

VD_TEST(the_same_reports_give_the_same_verdict_and_the_seed_hardly_matters)
{
    model champion = { 10, 60, 20, 1 }, challenger = { 10, 70, 20, 2 };
    vd_gate_settings other = VD_GATE_SETTINGS;
    other.seed = 99;

    vd_gate_verdict one = judge(champion, challenger), two = judge(champion, challenger);
    vd_gate_verdict three = judge_with(&champion, &challenger, &other);

    expect_str(two.why, one.why);
    expect_near(three.map50.low, one.map50.low, .01);
    expect_near(three.map50.high, one.map50.high, .01);
    expect_true(three.map50.low != one.map50.low);
}

/* The interval of a mean over equal groups is known: here each group's difference is 0 or 1 with
 * equal numbers, so the mean of 16 drawn has a standard deviation of .125. */
VD_TEST(the_interval_is_as_wide_as_it_must_be)
{
    vd_gate_verdict v;
    VD_AUTO(vd_buf) a = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) b = VD_BUF(1 << 20);
    for (int side = 0; side < 2; side++) {
        vd_buf *into = side ? &b : &a;
        vd_buf_addf(
            into,
            "{\"format\":\"vedette.report/1\",\"model\":{\"name\":\"m\",\"digest\":\"%064d\"}"
            ",\"dataset\":\"%064d\",\"split\":\"test\",\"task\":\"detection\",\"classes\":["
            "\"person\"],\"pictures\":[",
            side, 7);
        for (int n = 0; n < 16; n++)
            vd_buf_addf(
                into,
                "%s{\"picture\":\"%064d\",\"group\":\"g%d\",\"fp\":%d,\"matches\":[[0,1,0.9,"
                "1]]}",
                n ? "," : "", n, n, side == 0 ? n % 2 : 0);
        vd_buf_add_str(into, "]}");
    }

    expect_ok(vd_evaluation_gate(vd_buf_slice(&a), vd_buf_slice(&b), NULL, &v, NULL));

    expect_near(v.false_alarms.difference, -.5, 1e-12);
    expect_near(v.false_alarms.low, -.5 - 1.96 * .125, .02);
    expect_near(v.false_alarms.high, -.5 + 1.96 * .125, .02);
    expect_i64(v.outcome, VD_GATE_OUTCOME_FEWER_FALSE_ALARMS); /* mAP50 is 1 on both sides */
    expect_true(v.promote);
    vd_gate_settings strict = VD_GATE_SETTINGS;
    strict.fewer_false_alarms_suffice = false;
    expect_ok(vd_evaluation_gate(vd_buf_slice(&a), vd_buf_slice(&b), &strict, &v, NULL));
    expect_false(v.promote);
}

/* ---- what cannot be compared ---- */

static vd_gate_verdict judge_texts(const vd_buf *one, const vd_buf *two)
{
    vd_gate_verdict v;
    expect_ok(vd_evaluation_gate(vd_buf_slice(one), vd_buf_slice(two), NULL, &v, NULL));
    return v;
}

VD_TEST(reports_of_different_pictures_are_not_compared)
{
    model m = { 8, 60, 20, 1 }, more = { 9, 60, 20, 2 };
    VD_AUTO(report) one = measured(&m);
    VD_AUTO(report) other = measured(&more);

    vd_gate_verdict v = judge_texts(&one.text, &other.text);

    expect_false(v.promote);
    expect_i64(v.outcome, VD_GATE_OUTCOME_NOT_COMPARABLE);
    expect_true(starts(v.why, "cannot be compared: the reports are of different datasets ("));
}

VD_TEST(a_report_that_is_damaged_is_an_error_and_no_verdict)
{
    static const char *const wrong[] = { "[[0,1,0.9,2]]", "[[5,1]]",       "[[0,-1]]",
                                         "[[0,1,0.5]]",   "[[0,1,1.5,1]]", "[7]" };
    for (size_t n = 0; n < VD_COUNT_OF(wrong); n++) {
        vd_gate_verdict v;
        vd_why why = { 0 };
        VD_AUTO(vd_buf) text = VD_BUF(4096);
        vd_buf_addf(
            &text,
            "{\"format\":\"vedette.report/1\",\"model\":{\"digest\":\"%064d\"},\"dataset\":\""
            "%064d\",\"split\":\"test\",\"classes\":[\"person\"],\"pictures\":[{\"picture\":\""
            "a\",\"group\":\"g\",\"fp\":0,\"matches\":%s}]}",
            1, 2, wrong[n]);
        expect_err(vd_evaluation_gate(vd_buf_slice(&text), vd_buf_slice(&text), NULL, &v, &why),
                   VD_INVALID);
        expect_true(starts(why.fact, "the report is damaged: "));
    }
    vd_gate_verdict v;
    expect_err(vd_evaluation_gate(VD_STR("{}"), VD_STR("{}"), NULL, &v, NULL), VD_INVALID);
    vd_gate_settings silly = VD_GATE_SETTINGS;
    silly.confidence = 1;
    expect_err(vd_evaluation_gate(VD_STR("{}"), VD_STR("{}"), &silly, &v, NULL), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(a_clearly_better_challenger_is_promoted),
             VD_RUN(a_difference_that_may_be_luck_is_refused_with_the_interval),
             VD_RUN(a_ruined_challenger_is_refused_as_worse),
             VD_RUN(as_good_with_fewer_false_alarms_is_promoted_unless_the_settings_say_no),
             VD_RUN(three_groups_show_nothing_and_the_words_say_how_many_do),
             VD_RUN(one_group_gives_no_interval),
             VD_RUN(the_confidence_asked_for_decides_how_many_groups_are_needed),
             VD_RUN(the_same_reports_give_the_same_verdict_and_the_seed_hardly_matters),
             VD_RUN(the_interval_is_as_wide_as_it_must_be),
             VD_RUN(reports_of_different_pictures_are_not_compared),
             VD_RUN(a_report_that_is_damaged_is_an_error_and_no_verdict))
