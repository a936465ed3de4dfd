#include "vd/test.h"

// covers: BASE-2
VD_TEST(cut_splits_at_the_first_mark_only)
{
    vd_slice rest, head = vd_slice_cut(VD_STR("a=b=c"), '=', &rest);
    expect_true(vd_slice_eq(head, VD_STR("a")));
    expect_true(vd_slice_eq(rest, VD_STR("b=c")));
}

VD_TEST(cut_without_the_mark_gives_all_and_an_empty_rest)
{
    vd_slice rest, head = vd_slice_cut(VD_STR("abc"), '=', &rest);
    expect_true(vd_slice_eq(head, VD_STR("abc")));
    expect_u64(rest.len, 0);
    head = vd_slice_cut(VD_SLICE_NONE, '=', &rest);
    expect_u64(head.len, 0);
}

VD_TEST(from_beyond_the_end_is_empty)
{
    expect_true(vd_slice_eq(vd_slice_from(VD_STR("abc"), 1), VD_STR("bc")));
    expect_u64(vd_slice_from(VD_STR("abc"), 3).len, 0);
    expect_u64(vd_slice_from(VD_STR("abc"), 99).len, 0);
}

VD_TEST(numbers_are_whole_decimal_and_bounded)
{
    uint64_t value = 7;
    expect_true(vd_slice_u64(VD_STR("18446744073709551615"), UINT64_MAX, &value));
    expect_true(value == UINT64_MAX);
    expect_false(vd_slice_u64(VD_STR("18446744073709551616"), UINT64_MAX, &value));
    expect_false(vd_slice_u64(VD_STR(""), 9, &value));
    expect_false(vd_slice_u64(VD_STR("1 "), 9, &value));
    expect_false(vd_slice_u64(VD_STR("-1"), 9, &value));
    expect_false(vd_slice_u64(VD_STR("10"), 9, &value));
    expect_true(value == UINT64_MAX); /* written on success only */
}

VD_TEST(utf8_of_every_length_is_accepted)
{
    expect_true(vd_slice_utf8_valid(VD_SLICE_NONE));
    expect_true(vd_slice_utf8_valid(VD_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
    expect_true(vd_slice_utf8_valid(VD_STR("\xF4\x8F\xBF\xBF"))); /* U+10FFFF */
}

VD_TEST(utf8_that_is_overlong_cut_surrogate_or_too_high_is_refused)
{
    static const char *const bad[] = {
        "\x80",
        "\xC0\xAF",
        "\xC3",
        "\xE0\x80\xAF",
        "\xED\xA0\x80",
        "\xF0\x80\x80\xAF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xE2\x82",
        "a\xFFz",
        "\xE2\x28\xA1",
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++)
        expect_false(vd_slice_utf8_valid(vd_slice_str(bad[i])));
}

VD_TEST(copy_to_chars_says_when_it_had_to_cut)
{
    char room[4];
    expect_true(vd_slice_to_chars(VD_STR("abc"), room, sizeof(room)));
    expect_str(room, "abc");
    expect_false(vd_slice_to_chars(VD_STR("abcd"), room, sizeof(room)));
    expect_str(room, "abc");
    expect_false(vd_slice_to_chars(VD_STR("a"), room, 0));
}

VD_TEST_MAIN(VD_RUN(cut_splits_at_the_first_mark_only),
             VD_RUN(cut_without_the_mark_gives_all_and_an_empty_rest),
             VD_RUN(from_beyond_the_end_is_empty), VD_RUN(numbers_are_whole_decimal_and_bounded),
             VD_RUN(utf8_of_every_length_is_accepted),
             VD_RUN(utf8_that_is_overlong_cut_surrogate_or_too_high_is_refused),
             VD_RUN(copy_to_chars_says_when_it_had_to_cut))
