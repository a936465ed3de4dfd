#include "vd/config.h"
#include "vd/test.h"

static vd_config *parsed(const char *yaml)
{
    vd_config *config = NULL;
    vd_why why = { 0 };
    expect_ok(vd_config_parse(vd_slice_str(yaml), "agent.yaml", &config, &why));
    return config;
}

VD_TEST(values_of_every_form_are_read)
{
    VD_AUTO(vd_config_ptr)
    config = parsed(
        "name: gate\ncount: -3\nscore: 0.5\non: yes\nwait: 250ms\nsize: large\nlist: [7, x]\n");
    const vd_config_node *root = vd_config_root(config);
    const char *name = NULL, *item = NULL;
    int64_t count = 0, wait = 0, first = 0;
    double score = 0;
    bool on = false;
    int size = -1;
    static const char *const sizes[] = { "small", "large", NULL };
    expect_ok(vd_config_text(root, "name", &name, NULL));
    expect_ok(vd_config_int(root, "count", -5, 5, &count, NULL));
    expect_ok(vd_config_num(root, "score", 0, 1, &score, NULL));
    expect_ok(vd_config_bool(root, "on", &on, NULL));
    expect_ok(vd_config_duration_ms(root, "wait", 0, 1000, &wait, NULL));
    expect_ok(vd_config_choice(root, "size", sizes, &size, NULL));
    const vd_config_node *list = vd_config_get(root, "list");
    expect_ok(vd_config_int(vd_config_at(list, 0), NULL, 0, 9, &first, NULL));
    expect_ok(vd_config_text(vd_config_at(list, 1), NULL, &item, NULL));
    expect_str(name, "gate");
    expect_i64(count, -3);
    expect_near(score, 0.5, 0);
    expect_true(on);
    expect_i64(wait, 250);
    expect_i64(size, 1);
    expect_i64(first, 7);
    expect_str(item, "x");
}

VD_TEST(absent_and_empty_keys_keep_the_default)
{
    VD_AUTO(vd_config_ptr) config = parsed("# nothing\nb:\n");
    int64_t value = 42;
    expect_ok(vd_config_int(vd_config_root(config), "a", 0, 99, &value, NULL));
    expect_ok(vd_config_int(vd_config_root(config), "b", 0, 99, &value, NULL));
    expect_ok(vd_config_int(NULL, "b", 0, 99, &value, NULL));
    expect_i64(value, 42);
}

VD_TEST(a_file_of_comments_is_an_empty_mapping)
{
    static const char *const keys[] = { "a", NULL };
    VD_AUTO(vd_config_ptr) config = parsed("# only\n# comments\n");
    expect_ok(vd_config_only(vd_config_root(config), keys, NULL));
}

/* covers: BASE-4 */
VD_TEST(an_unknown_key_is_refused_with_line_and_nearest_key)
{
    static const char *const keys[] = { "camera", "rules", NULL };
    VD_AUTO(vd_config_ptr) config = parsed("rules: []\n\ncamra: 1\n");
    vd_why why = { 0 };
    expect_err(vd_config_only(vd_config_root(config), keys, &why), VD_INVALID);
    expect_str(why.fact, "unknown key 'camra'");
    expect_str(why.detail, "agent.yaml line 3");
    expect_str(why.hint, "did you mean 'camera'?");
}

VD_TEST(a_value_of_the_wrong_form_is_named_with_its_line)
{
    VD_AUTO(vd_config_ptr) config = parsed("a: 1\nb: many\nc: [1]\nd: 5y\ne: 1.5\n");
    const vd_config_node *root = vd_config_root(config);
    int64_t value = 0;
    vd_why why = { 0 };
    expect_err(vd_config_int(root, "b", 0, 9, &value, &why), VD_INVALID);
    expect_str(why.fact, "'b' must be a whole number from 0 to 9");
    expect_str(why.detail, "agent.yaml line 2");
    expect_err(vd_config_int(root, "a", 2, 9, &value, &why), VD_INVALID);
    expect_err(vd_config_int(root, "c", 0, 9, &value, &why), VD_INVALID);
    expect_err(vd_config_int(root, "e", 0, 9, &value, &why), VD_INVALID);
    expect_err(vd_config_duration_ms(root, "d", 0, 9000, &value, &why), VD_INVALID);
    expect_i64(value, 0);
}

VD_TEST(durations_take_their_units)
{
    VD_AUTO(vd_config_ptr) config = parsed("[250ms, 5s, 2m, 3h, 7d, 4, 0.5]");
    static const int64_t want[] = { 250, 5000, 120000, 10800000, 604800000, 4000, 500 };
    for (size_t i = 0; i < VD_COUNT_OF(want); i++) {
        int64_t have = 0;
        const vd_config_node *item = vd_config_at(vd_config_root(config), i);
        expect_ok(vd_config_duration_ms(item, NULL, 0, INT64_MAX, &have, NULL));
        expect_i64(have, want[i]);
    }
}

VD_TEST(a_choice_suggests_the_nearest_word)
{
    static const char *const words[] = { "low", "medium", "high", NULL };
    VD_AUTO(vd_config_ptr) config = parsed("severity: meduim\n");
    int value = 0;
    vd_why why = { 0 };
    expect_err(vd_config_choice(vd_config_root(config), "severity", words, &value, &why),
               VD_INVALID);
    expect_str(why.hint, "did you mean 'medium'?");
}

VD_TEST(what_no_config_may_hold_is_refused)
{
    static const char *const bad[] = {
        "a: [1",           "a: 1\na: 2\n", "a: &x 1\nb: *x\n", "a: 1\n---\nb: 2\n",
        "? [1, 2]\n: 3\n", "a: \xff\n",    "\ta: 1\n",
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_config *config = NULL;
        vd_why why = { 0 };
        expect_err(vd_config_parse(vd_slice_str(bad[i]), "x.yaml", &config, &why), VD_INVALID);
        expect_true(why.fact[0] != 0);
    }
}

VD_TEST(nesting_is_bounded)
{
    VD_AUTO(vd_buf) deep = VD_BUF(1000);
    for (int i = 0; i < 40; i++) expect_true(vd_buf_add_str(&deep, "["));
    for (int i = 0; i < 40; i++) expect_true(vd_buf_add_str(&deep, "]"));
    vd_config *config = NULL;
    expect_err(vd_config_parse(vd_buf_slice(&deep), "x.yaml", &config, NULL), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(values_of_every_form_are_read), VD_RUN(absent_and_empty_keys_keep_the_default),
             VD_RUN(a_file_of_comments_is_an_empty_mapping),
             VD_RUN(an_unknown_key_is_refused_with_line_and_nearest_key),
             VD_RUN(a_value_of_the_wrong_form_is_named_with_its_line),
             VD_RUN(durations_take_their_units), VD_RUN(a_choice_suggests_the_nearest_word),
             VD_RUN(what_no_config_may_hold_is_refused), VD_RUN(nesting_is_bounded))
