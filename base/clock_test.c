#include "vd/clock.h"
#include "vd/test.h"

static void expect_time(const char *text, int64_t want_us)
{
    int64_t have = 0;
    if (!vd_utc_parse(vd_slice_str(text), &have)) fail_msg("'%s' was refused", text);
    expect_i64(have, want_us);
}

// covers: BASE-2
VD_TEST(time_is_written_with_microseconds_and_z)
{
    char text[VD_UTC_TEXT_ROOM];
    expect_str(vd_utc_text(0, text), "1970-01-01T00:00:00.000000Z");
    expect_str(vd_utc_text(1795269731123456, text), "2026-11-21T14:02:11.123456Z");
    expect_str(vd_utc_text(-1, text), "1969-12-31T23:59:59.999999Z");
    expect_str(vd_utc_text(INT64_MAX, text), "9999-12-31T23:59:59.999999Z");
    expect_str(vd_utc_text(INT64_MIN, text), "0000-01-01T00:00:00.000000Z");
}

VD_TEST(every_form_of_rfc_3339_is_read)
{
    expect_time("2026-11-21T14:02:11Z", 1795269731000000);
    expect_time("2026-11-21t14:02:11.5z", 1795269731500000);
    expect_time("2026-11-21 14:02:11.1234569Z", 1795269731123456);
    expect_time("2026-11-21T15:02:11+01:00", 1795269731000000);
    expect_time("2026-11-21T08:32:11-05:30", 1795269731000000);
    expect_time("2024-02-29T00:00:00Z", 1709164800000000);
    expect_time("1969-12-31T23:59:59.999999Z", -1);
}

VD_TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {
        "",
        "2026-11-21",
        "2026-11-21T14:02:11",
        "2026-11-21T14:02Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T14:60:00Z",
        "2026-11-21T14:02:61Z",
        "2026-11-21T14:02:11.Z",
        "2026-11-21T14:02:11+0100",
        "2026-11-21T14:02:11+24:00",
        "2026-11-21T14:02:11Zx",
        "2026-11-21T14:02:-1Z",
        " 2026-11-21T14:02:11Z",
    };
    int64_t have = 7;
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++)
        if (vd_utc_parse(vd_slice_str(bad[i]), &have)) fail_msg("'%s' was accepted", bad[i]);
    expect_i64(have, 7);
}

VD_TEST(what_is_written_is_read_back)
{
    char text[VD_UTC_TEXT_ROOM];
    for (int64_t us = -62167219200000000; us < 250000000000000000; us += 1234567890123457)
        expect_time(vd_utc_text(us, text), us);
}

VD_TEST(a_fake_clock_stands_until_it_is_taken_away)
{
    vd_clock_fake(5, 1795269731123456);
    expect_i64(vd_clock_mono_us(), 5);
    expect_i64(vd_clock_utc_us(), 1795269731123456);
    vd_clock_fake(-1, -1);
    int64_t before = vd_clock_mono_us();
    expect_true(before > 5);
    expect_true(vd_clock_mono_us() >= before);
    expect_true(vd_clock_utc_us() > 1700000000000000);
}

VD_TEST_MAIN(VD_RUN(time_is_written_with_microseconds_and_z),
             VD_RUN(every_form_of_rfc_3339_is_read), VD_RUN(what_is_no_time_is_refused),
             VD_RUN(what_is_written_is_read_back),
             VD_RUN(a_fake_clock_stands_until_it_is_taken_away))
