/* test.h - the few words our tests use, over cmocka. Include once per test program.
 *   VD_TEST(full_queue_keeps_the_newest) { ... } VD_TEST_MAIN(VD_RUN(full_queue_keeps_the_newest),
 * ...) A requirement id is claimed in the line above a test:  // covers: QUE-1 */
#ifndef VD_TEST_H
#define VD_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h> /* needs the headers above */

#include "vd/error.h"

#define VD_TEST(name) static void name(__attribute__((unused)) void **state)
#define VD_RUN(name)  cmocka_unit_test(name)
#define VD_TEST_MAIN(...)                                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = { __VA_ARGS__ };                                         \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }
#define expect_true(cond)  assert_true(cond)
#define expect_false(cond) assert_false(cond)
#define expect_i64(have, want)                                                                     \
    vd_expect_i64((int64_t)(have), (int64_t)(want), #have, __FILE__, __LINE__)
#define expect_u64(have, want)                                                                     \
    vd_expect_i64((int64_t)(have), (int64_t)(want), #have, __FILE__, __LINE__)
#define expect_err(have, want) vd_expect_err((have), (want), #have, __FILE__, __LINE__)
#define expect_ok(have)        vd_expect_err((have), VD_OK, #have, __FILE__, __LINE__)
#define expect_str(have, want) assert_string_equal((have), (want))
#define expect_near(have, want, within)                                                            \
    vd_expect_near((double)(have), (double)(want), (double)(within), #have, __FILE__, __LINE__)

static inline void vd_expect_i64(int64_t have, int64_t want, const char *what, const char *file,
                                 int line)
{
    if (have != want) {
        print_error("%s is %lld, expected %lld\n", what, (long long)have, (long long)want);
        _fail(file, line);
    }
}
static inline void vd_expect_err(vd_err have, vd_err want, const char *what, const char *file,
                                 int line)
{
    if (have != want) {
        print_error("%s gave '%s', expected '%s'\n", what, vd_err_name(have), vd_err_name(want));
        _fail(file, line);
    }
}
static inline void vd_expect_near(double have, double want, double within, const char *what,
                                  const char *file, int line)
{
    if (!(have >= want - within && have <= want + within)) {
        print_error("%s is %g, expected %g within %g\n", what, have, want, within);
        _fail(file, line);
    }
}
#ifdef __clang_analyzer__ /* it does not know that a failed assertion ends the test */
#undef expect_true
#undef expect_false
#undef assert_non_null
#undef assert_null
#define vd_analyzer_needs(cond)                                                                    \
    do {                                                                                           \
        if (!(cond)) __builtin_trap();                                                             \
    } while (0)
#define expect_true(cond)     vd_analyzer_needs(cond)
#define expect_false(cond)    vd_analyzer_needs(!(cond))
#define assert_non_null(have) vd_analyzer_needs((have) != NULL)
#define assert_null(have)     vd_analyzer_needs((have) == NULL)
#undef expect_ok
#define expect_ok(have) vd_analyzer_needs((have) == VD_OK)
#endif
#endif
