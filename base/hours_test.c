#include "vd/hours.h"

#include <stdlib.h>
#include <time.h>

#include "vd/test.h"

VD_TEST(spans_may_go_over_midnight_and_bad_ones_are_refused)
{
    static const char *const bad[] = {
        "",      "006:00-22:00", "06:00",        "06:00-24:01", "24:00-06:00",
        "06-22", "06:60-22:00",  "06:00-22:00x", "aa:bb-cc:dd", "06:0-22:00"
    };
    vd_day_span night, all = { 0 };
    expect_true(vd_day_span_parse(VD_STR("22:00-6:00"), &night));
    expect_true(vd_day_span_has(&night, 23 * 60));
    expect_true(vd_day_span_has(&night, 5 * 60 + 59));
    expect_false(vd_day_span_has(&night, 6 * 60));
    expect_false(vd_day_span_has(&night, 21 * 60 + 59));
    expect_true(vd_day_span_has(&all, 12 * 60));
    expect_true(vd_day_span_parse(VD_STR("00:00-24:00"), &all));
    expect_true(vd_day_span_has(&all, 23 * 60 + 59));
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++)
        expect_false(vd_day_span_parse(vd_slice_str(bad[i]), &all));
    expect_u64(all.until_min, 24 * 60); /* nothing was written */
}

VD_TEST(the_minute_and_the_day_are_the_time_zones)
{
    unsigned minute, weekday;
    setenv("TZ", "XXX-3", 1);
    tzset();
    expect_true(vd_local_minute(INT64_C(1700000000000000), &minute, &weekday));
    expect_u64(minute, 60 + 13); /* Tuesday 22:13 UTC */
    expect_u64(weekday, 2);
}

VD_TEST_MAIN(VD_RUN(spans_may_go_over_midnight_and_bad_ones_are_refused),
             VD_RUN(the_minute_and_the_day_are_the_time_zones))
