/* reference_test.c - reference pictures travel unchanged, and a model that sees otherwise is told.
 */
#include "reference.h"

#include "vd/test.h"

static const vd_reference_box seen_then[] = {
    { "person", 0.8, { 0.1, 0.1, 0.2, 0.4 } },
    { "person", 0.33, { 0.6, 0.1, 0.2, 0.4 } }, /* near the threshold: may come or go */
};

static vd_reference reference_of(void)
{
    return (vd_reference){ .score_min = 0.3,
                           .score_within = 0.05,
                           .overlap_least = 0.8,
                           .picture_count = 1,
                           .pictures = { { VD_STR("\xff\xd8jpeg"), 2, seen_then } } };
}

static vd_err compare(double score, double left, const char *class_name, vd_why *why)
{
    vd_reference reference = reference_of();
    vd_reference_box seen = { class_name, score, { left, 0.1, 0.2, 0.4 } };
    return vd_reference_compare(&reference, 0, &seen, 1, why);
}

VD_TEST(a_reference_is_read_as_it_was_written)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_reference reference = reference_of(), back;

    expect_ok(vd_reference_write(&reference, &text));
    expect_ok(vd_reference_read(vd_buf_slice(&text), arena, &back, NULL));

    expect_u64(back.picture_count, 1);
    expect_true(vd_slice_eq(back.pictures[0].jpeg, reference.pictures[0].jpeg));
    expect_u64(back.pictures[0].box_count, 2);
    expect_str(back.pictures[0].boxes[0].class_name, "person");
    expect_near(back.pictures[0].boxes[1].score, 0.33, 1e-9);
    expect_near(back.overlap_least, 0.8, 1e-9);
}

VD_TEST(the_same_sight_within_the_tolerances_passes)
{
    expect_ok(compare(0.8, 0.1, "person", NULL));
    expect_ok(compare(0.84, 0.105, "person", NULL));
}

VD_TEST(a_box_that_is_missing_moved_weaker_or_of_another_class_is_told)
{
    vd_why why = { 0 };
    expect_err(compare(0.7, 0.1, "person", &why), VD_CORRUPT);
    expect_err(compare(0.8, 0.2, "person", &why), VD_CORRUPT);
    expect_err(compare(0.8, 0.1, "dog", &why), VD_CORRUPT);
    assert_non_null(strstr(why.fact, "does not see"));
    vd_reference reference = reference_of();
    expect_err(vd_reference_compare(&reference, 0, NULL, 0, &why), VD_CORRUPT);
    expect_err(vd_reference_compare(&reference, 1, NULL, 0, &why), VD_INVALID);
}

VD_TEST(a_box_that_was_not_there_is_told_unless_it_is_faint)
{
    vd_reference reference = reference_of();
    vd_reference_box seen[] = { seen_then[0], { "dog", 0.34, { 0, 0, 0.1, 0.1 } } };
    vd_why why = { 0 };
    expect_ok(vd_reference_compare(&reference, 0, seen, 2, &why));
    seen[1].score = 0.5;
    expect_err(vd_reference_compare(&reference, 0, seen, 2, &why), VD_CORRUPT);
    assert_non_null(strstr(why.fact, "is not there"));
}

VD_TEST(references_that_lie_are_refused)
{
#define HEAD                                                                                       \
    "{\"format\":\"vedette.reference/"                                                             \
    "1\",\"score_min\":0.3,\"score_within\":0.1,\"overlap_least\":0.5,"
    static const char *const bad[] = {
        "{}",
        "{\"format\":\"vedette.reference/2\"}",
        "{\"format\":\"vedette.reference/1\",\"score_min\":2}",
        HEAD "\"pictures\":[]}",
        HEAD "\"pictures\":[1]}",
        HEAD "\"pictures\":[{\"jpeg\":\"AAA\",\"boxes\":[]}]}",
        HEAD "\"pictures\":[{\"jpeg\":\"AAAA\"}]}",
        HEAD "\"pictures\":[{\"jpeg\":\"AAAA\",\"boxes\":[{\"class\":\"a\",\"score\":1,\"box\":[0,"
             "0,2,1]}]}]}",
        HEAD "\"pictures\":[{\"jpeg\":\"AAAA\",\"boxes\":[{\"class\":\"a\",\"box\":[0,0,1,1]}]}]}",
        HEAD "\"pictures\":[{\"jpeg\":\"AAAA\",\"boxes\":[{\"score\":1,\"box\":[0,0,1,1]}]}]}",
    };
    for (size_t n = 0; n < VD_COUNT_OF(bad); n++) {
        VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
        vd_reference reference;
        expect_err(vd_reference_read(vd_slice_str(bad[n]), arena, &reference, NULL), VD_INVALID);
    }
}

VD_TEST_MAIN(VD_RUN(a_reference_is_read_as_it_was_written),
             VD_RUN(the_same_sight_within_the_tolerances_passes),
             VD_RUN(a_box_that_is_missing_moved_weaker_or_of_another_class_is_told),
             VD_RUN(a_box_that_was_not_there_is_told_unless_it_is_faint),
             VD_RUN(references_that_lie_are_refused))
