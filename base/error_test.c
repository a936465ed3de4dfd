#include "vd/error.h"
#include "vd/test.h"

#include <errno.h>

// covers: BASE-2
VD_TEST(a_why_reads_as_fact_detail_and_hint)
{
    vd_why why;
    char line[200];
    expect_err(vd_fail(&why, VD_INVALID, "zone '%s' has %d points", "gate", 2), VD_INVALID);
    vd_why_detail(&why, "agent.yaml line %d", 31);
    vd_why_hint(&why, "give at least %d", 3);
    expect_str(vd_why_line(&why, line, sizeof(line)),
               "zone 'gate' has 2 points: agent.yaml line 31 (give at least 3)");
}

VD_TEST(a_new_failure_forgets_the_old_detail)
{
    vd_why why;
    char line[100];
    expect_err(vd_fail(&why, VD_IO, "first"), VD_IO);
    vd_why_detail(&why, "old");
    vd_why_hint(&why, "old");
    expect_err(vd_fail(&why, VD_FULL, "second"), VD_FULL);
    expect_str(vd_why_line(&why, line, sizeof(line)), "second");
}

VD_TEST(long_words_are_cut_to_fit)
{
    vd_why why;
    char line[8];
    char longer[500];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    expect_err(vd_fail(&why, VD_IO, "%s", longer), VD_IO);
    expect_u64(strlen(why.fact), sizeof(why.fact) - 1);
    expect_u64(strlen(vd_why_line(&why, line, sizeof(line))), sizeof(line) - 1);
}

VD_TEST(no_why_is_fine_everywhere)
{
    char line[8] = "old";
    expect_err(vd_fail(NULL, VD_GONE, "gone"), VD_GONE);
    vd_why_detail(NULL, "x");
    vd_why_hint(NULL, "x");
    expect_str(vd_why_line(NULL, line, sizeof(line)), "");
}

VD_TEST(errno_becomes_a_class_a_caller_can_act_on)
{
    static const struct {
        int number;
        vd_err want;
    } cases[] = { { ENOSPC, VD_FULL },   { EDQUOT, VD_FULL },   { ENOMEM, VD_FULL },
                  { ENOENT, VD_ABSENT }, { EACCES, VD_DENIED }, { EPERM, VD_DENIED },
                  { EIO, VD_IO },        { ENOTDIR, VD_IO } };
    for (size_t i = 0; i < VD_COUNT_OF(cases); i++) {
        vd_why why;
        errno = cases[i].number;
        expect_err(vd_fail_errno(&why, "cannot"), cases[i].want);
        expect_str(why.detail, strerror(cases[i].number));
        errno = cases[i].number;
        expect_err(vd_fail_errno(NULL, "cannot"), cases[i].want);
    }
}

VD_TEST(every_class_has_a_name)
{
    for (int err = VD_OK; err <= VD_GONE; err++)
        assert_string_not_equal(vd_err_name((vd_err)err), "unknown");
    expect_str(vd_err_name((vd_err)99), "unknown");
    expect_str(vd_err_name(VD_CONFLICT), "conflict");
}

VD_TEST(the_nearest_word_is_suggested_only_when_near)
{
    static const char *const words[] = { "dwell_ms", "grace_ms", "classes", "polygon" };
    expect_str(vd_nearest(VD_STR("dwel_ms"), words, 4), "dwell_ms");
    expect_str(vd_nearest(VD_STR("class"), words, 4), "classes");
    expect_str(vd_nearest(VD_STR("poligon"), words, 4), "polygon");
    assert_null(vd_nearest(VD_STR("colour"), words, 4));
    assert_null(vd_nearest(VD_STR("x"), words, 4));
    assert_null(vd_nearest(VD_STR(""), words, 4));
    assert_null(vd_nearest(VD_STR("dwell_ms"), words, 0));
}

VD_TEST_MAIN(VD_RUN(a_why_reads_as_fact_detail_and_hint),
             VD_RUN(a_new_failure_forgets_the_old_detail), VD_RUN(long_words_are_cut_to_fit),
             VD_RUN(no_why_is_fine_everywhere), VD_RUN(errno_becomes_a_class_a_caller_can_act_on),
             VD_RUN(every_class_has_a_name), VD_RUN(the_nearest_word_is_suggested_only_when_near))
