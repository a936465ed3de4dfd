/* Conditions: what they mean, and what is refused. */
#include "rollout.h"

#include "vd/test.h"

static const char twin_text[] =
    "{\"tags\":{\"site\":\"north\",\"line\":3,\"spare\":false,\"deep\":{\"a\":{\"b\":\"x\"}},"
    "\"owner\":\"it's me\"},\"properties\":{\"reported\":{\"agent\":{\"version\":\"0.1.0\"}},"
    "\"desired\":{}}}";

static bool meets(const char *text)
{
    VD_AUTO(vd_json_ptr) twin = NULL;
    vd_condition *condition = NULL;
    vd_why why = { 0 };

    expect_ok(vd_json_parse(vd_slice_str(twin_text), 4096, 10, &twin, NULL));
    if (vd_condition_parse(vd_slice_str(text), &condition, &why))
        fail_msg("%s: %s: %s", text, why.fact, why.detail);
    bool meets = vd_condition_holds(condition, "yard-7", twin);
    vd_condition_free(condition);
    return meets;
}

VD_TEST(conditions_mean_what_they_say)
{
    static const char *const yes[] = {
        "*",
        "tags.site = 'north'",
        "  tags.site='north'  ",
        "tags.site <> 'south'",
        "tags.site != 'south' and tags.line = 3",
        "tags.site = 'south' OR tags.line >= 3",
        "NOT tags.site = 'south'",
        "NOT NOT tags.site = 'north'",
        "tags.line < 4 AND tags.line > 2.5 AND tags.line <= 3",
        "tags.site IN ['south', 'north']",
        "tags.line not in [1, 2]",
        "tags.spare = false",
        "tags.deep.a.b = 'x'",
        "tags.owner = 'it''s me'",
        "tags.nothing = null",
        "is_defined(tags.deep.a) AND NOT is_defined(tags.deep.c)",
        "deviceId = 'yard-7'",
        "deviceId IN ['yard-7']",
        "properties.reported.agent.version = '0.1.0'",
        /* AND binds tighter than OR, brackets tightest */
        "tags.site = 'north' OR tags.site = 'x' AND tags.line = 9",
        "NOT (tags.site = 'south' OR tags.line = 9)",
    };
    static const char *const no[] = {
        "tags.site = 'North'",
        "tags.site = 3",
        "tags.line = '3'",
        "tags.nothing = 'x'",
        "tags.nothing <> 'x'",
        "tags.nothing < 3",
        "(tags.site = 'north' OR tags.site = 'x') AND tags.line = 9",
        "tags.deep = 'x'",
        "deviceId <> 'yard-7'",
    };
    for (unsigned i = 0; i < VD_COUNT_OF(yes); i++)
        if (!meets(yes[i])) fail_msg("should hold: %s", yes[i]);
    for (unsigned i = 0; i < VD_COUNT_OF(no); i++)
        if (meets(no[i])) fail_msg("should not hold: %s", no[i]);
}

VD_TEST(what_is_no_condition_is_refused_with_its_place)
{
    static const char *const bad[] = {
        "",
        "tags.site",
        "tags.site =",
        "tags.site = north",
        "tags.site = 'north",
        "tags. = 'x'",
        "tag.site = 'x'",
        "tags.site == 'x'",
        "tags.site = 'x' AND",
        "tags.site = 'x' tags.line = 3",
        "(tags.site = 'x'",
        "tags.site = 'x')",
        "tags.site IN 'x'",
        "tags.site IN ['x'",
        "tags.site NOT = 'x'",
        "tags.line = 3x",
        "tags.line = 1e999",
        "SELECT * FROM devices",
        "tags.a.b.c.d.e.f.g.h.i.j.k = 1",
    };
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_condition *condition = NULL;
        vd_why why = { 0 };
        expect_err(vd_condition_parse(vd_slice_str(bad[i]), &condition, &why), VD_INVALID);
        if (!strstr(why.fact, "character")) fail_msg("%s: %s", bad[i], why.fact);
    }
}

VD_TEST(deep_and_long_conditions_are_bounded)
{
    char text[2 * VD_ROLLOUT_CONDITION_MAX];
    vd_condition *condition = NULL;

    memset(text, '(', sizeof text);
    expect_err(vd_condition_parse(vd_slice_of(text, VD_ROLLOUT_CONDITION_MAX), &condition, NULL),
               VD_INVALID);
    expect_err(vd_condition_parse(vd_slice_of(text, sizeof text), &condition, NULL), VD_INVALID);
    expect_err(vd_condition_parse(VD_STR("*\0 OR *"), &condition, NULL), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(conditions_mean_what_they_say),
             VD_RUN(what_is_no_condition_is_refused_with_its_place),
             VD_RUN(deep_and_long_conditions_are_bounded))
