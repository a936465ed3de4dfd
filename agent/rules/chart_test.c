#include <math.h>

#include "inspection_priv.h"
#include "vd/test.h"

static const vd_chart_config fifty = {
    .sample = 50, .baseline = 0.04f, .sigma = 3, .lambda = 0.2f, .width = 2.7f
};

/* One whole sample of which so many fail. */
static void feed(chart *c, const vd_chart_config *config, unsigned failed)
{
    bool whole = false;
    for (unsigned i = 0; i < config->sample; i++) whole = chart_add(c, config, i < failed);
    expect_true(whole);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

// covers: RULE-6
VD_TEST(limits_are_those_of_the_textbook)
{
    chart c;
    chart_start(&c, &fifty);
    feed(&c, &fifty, 2);
    double deviation = sqrt(0.04 * 0.96 / 50); /* 0.0277128 */
    expect_true(near(c.p_limit, 0.04 + 3 * deviation));
    expect_true(near(c.z_limit, 0.04 + 2.7 * deviation * sqrt(0.2 / 1.8 * (1 - 0.64))));
    expect_true(near(c.ewma, 0.04));
    feed(&c, &fifty, 4);
    expect_true(near(c.rate, 0.08));
    expect_true(near(c.ewma, 0.2 * 0.08 + 0.8 * 0.04));
    expect_true(near(c.z_limit, 0.04 + 2.7 * deviation * sqrt(0.2 / 1.8 * (1 - pow(0.8, 4)))));
}

// covers: RULE-6
VD_TEST(a_jump_is_seen_by_the_p_chart_at_once)
{
    chart c;
    chart_start(&c, &fifty);
    for (int i = 0; i < 10; i++) feed(&c, &fifty, 2);
    expect_true(!chart_p_out(&c));
    feed(&c, &fifty, 6); /* 0.12: the limit is 0.1231 */
    expect_true(!chart_p_out(&c));
    feed(&c, &fifty, 7);
    expect_true(chart_p_out(&c));
    feed(&c, &fifty, 2);
    expect_true(!chart_p_out(&c));
}

// covers: RULE-6
VD_TEST(a_slow_rise_is_seen_by_the_ewma_before_the_p_chart)
{
    chart c;
    chart_start(&c, &fifty);
    for (int i = 0; i < 20; i++) feed(&c, &fifty, 2);
    unsigned samples = 0;
    for (; samples < 30 && !chart_ewma_out(&c); samples++) {
        feed(&c, &fifty, 4); /* twice the baseline: each sample alone is within its limit */
        expect_true(!chart_p_out(&c));
    }
    expect_true(chart_ewma_out(&c));
    expect_u64(samples, 5);
}

VD_TEST(a_baseline_that_nobody_gave_is_learned_and_is_never_nothing)
{
    vd_chart_config learns = fifty;
    chart c;
    learns.baseline = -1;
    chart_start(&c, &learns);
    for (int i = 0; i < VD_CHART_LEARN; i++) feed(&c, &learns, i % 2);
    expect_true(near(c.p0, 10.5 / 1001));
    expect_true(!chart_p_out(&c) && !chart_ewma_out(&c));
    feed(&c, &learns, 8);
    expect_true(chart_p_out(&c));
    chart_start(&c, &learns);
    for (int i = 0; i < VD_CHART_LEARN; i++) feed(&c, &learns, 0);
    expect_true(near(c.p0, 0.5 / 1001));
    feed(&c, &learns, 0);
    expect_true(!chart_p_out(&c));
}

/* 20,000 samples in control: how seldom each chart cries wolf. For the normal distribution it were
 * one in 741 and one in about 1,000 (one side); the binomial's long tail makes it more. */
VD_TEST(a_line_in_control_is_seldom_alarmed)
{
    uint64_t dice = 42;
    unsigned jumps = 0, drifts = 0;
    chart c;
    chart_start(&c, &fifty);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned failed = 0;
        for (unsigned k = 0; k < fifty.sample; k++) {
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            failed += (double)(dice >> 11) / 9007199254740992.0 < 0.04;
        }
        bool was = chart_ewma_out(&c);
        feed(&c, &fifty, failed);
        jumps += chart_p_out(&c);
        drifts += !was && chart_ewma_out(&c);
    }
    expect_true(jumps > 0 && jumps < 20000 / 150);
    expect_true(drifts > 0 && drifts < 20000 / 150);
}

VD_TEST_MAIN(VD_RUN(limits_are_those_of_the_textbook),
             VD_RUN(a_jump_is_seen_by_the_p_chart_at_once),
             VD_RUN(a_slow_rise_is_seen_by_the_ewma_before_the_p_chart),
             VD_RUN(a_baseline_that_nobody_gave_is_learned_and_is_never_nothing),
             VD_RUN(a_line_in_control_is_seldom_alarmed))
