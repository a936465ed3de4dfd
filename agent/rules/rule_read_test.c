#include "model_stub_priv.h"
#include "rules.h"
#include "vd/json.h"
#include "vd/test.h"

static vd_err read_text(const char *yaml, vd_rule *ret_rule, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    vd_err err = vd_config_parse(vd_slice_str(yaml), "agent.yaml", &config, why);
    if (!err) err = vd_rule_read(vd_config_root(config), STUB_MODEL, ret_rule, why);
    return err;
}

static const char *const gate = "id: yard-gate\n"
                                "kind: zone\n"
                                "cameras: [yard-1, yard-2]\n"
                                "zone: gate\n"
                                "points: [[0.35,0.45],[0.75,0.45],[0.80,0.95],[0.30,0.95]]\n"
                                "classes: [person]\n"
                                "score_min: 0.35\n"
                                "dwell: 500ms\n"
                                "leave: 3s\n"
                                "severity: high\n";

// covers: RULE-1
VD_TEST(a_rule_is_read_whole)
{
    vd_rule rule;
    vd_why why = { 0 };
    expect_ok(read_text(gate, &rule, &why));
    expect_str(rule.id, "yard-gate");
    expect_str(rule.zone, "gate");
    expect_i64(rule.severity, VD_SEVERITY_HIGH);
    expect_u64(rule.point_count, 4);
    expect_near(rule.point[2].x, 0.8, 1e-6);
    expect_u64(rule.class_count, 1);
    expect_str(rule.class_name[0], "person");
    expect_near(rule.score_min, 0.35, 1e-6);
    expect_i64(rule.dwell_ms, 500);
    expect_i64(rule.leave_ms, 3000);
    expect_u64(strlen(rule.version), 16);
}

VD_TEST(what_is_printed_is_canonical_json_and_gives_the_version)
{
    vd_rule rule, same, other;
    expect_ok(read_text(gate, &rule, NULL));
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    expect_ok(vd_rule_print(&rule, &text));
    VD_AUTO(vd_json_ptr) root = NULL;
    expect_ok(vd_json_parse(vd_buf_slice(&text), 8192, 8, &root, NULL));
    expect_near(vd_json_num(vd_json_get(vd_json_at(vd_json_get(root, "points"), 1), "x"), 0), 0.75,
                1e-9);
    vd_digest digest = vd_sha256(vd_buf_slice(&text));
    expect_true(strncmp(digest.hex, rule.version, 16) == 0);
    expect_ok(read_text("severity: high\nleave: 3\ndwell: 0.5s\nscore_min: 0.350\nclasses: "
                        "['person']\nkind: zone\nid: yard-gate\nzone: gate\npoints: "
                        "[[0.35,0.45],[0.75,0.45],[0.8,0.95],[0.3,0.95]]\n",
                        &same, NULL));
    expect_str(same.version, rule.version); /* order and form of the YAML do not matter */
    expect_ok(read_text("severity: high\nleave: 3\ndwell: 0.6s\nscore_min: 0.350\nclasses: "
                        "['person']\nkind: zone\nid: yard-gate\nzone: gate\npoints: "
                        "[[0.35,0.45],[0.75,0.45],[0.8,0.95],[0.3,0.95]]\n",
                        &other, NULL));
    expect_true(strcmp(other.version, rule.version) != 0);
}

typedef struct {
    const char *yaml, *fact, *where, *hint;
} bad_rule;

#define HEAD "id: a\nkind: zone\nclasses: [person]\n"
#define TAIL "points: [[0,0],[1,0],[1,1]]\n"
static const bad_rule bad_rules[] = {
    { HEAD "points: [[0,0],[1,1]]\n", "has 2 points", "line 4", "3 to 64" },
    { HEAD "points:\n  - [0,0]\n  - [1,0]\n  - [1,1.01]\n", "outside the picture", "line 7", "0" },
    { HEAD "points: [[0,0],[1,0],[0.5,-0.001]]\n", "outside", "line 4", "" },
    { HEAD "points: [[0,0],[1,0],[nan,0.5]]\n", "number", "line 4", "" },
    { HEAD "points: [[0,0],[1,1],[1,0],[0,1]]\n", "cross", "line 4", "order" },
    { HEAD "points: [[0,0],[1,0],[0.5,0]]\n", "lie on one another", "line 4", "" },
    { HEAD "points: [[0,0],[0,0],[1,0],[1,1]]\n", "lie on one another", "line 4", "" },
    { HEAD "points: [[0,0],[1,0],[1]]\n", "two numbers", "line 4", "" },
    { HEAD "points: [[0,0],[1,0],[1,x]]\n", "number", "line 4", "'x'" },
    { HEAD "points: here\n", "is a list", "line 4", "" },
    { HEAD, "no points", "agent.yaml", "" },
    { HEAD TAIL "score_min: 1.5\n", "score_min", "line 5", "1.5" },
    { HEAD TAIL "dwell: soon\n", "dwell", "line 5", "soon" },
    { HEAD TAIL "dwel: 1s\n", "unknown key 'dwel'", "line 5", "dwell" },
    { HEAD TAIL "severity: huge\n", "huge", "line 5", "" },
    { HEAD TAIL "zone: ''\n", "zone name", "line 5", "" },
    { "id: a\nkind: zone\nclasses: [persn]\n" TAIL, "no class 'persn'", "line 3", "'person'" },
    { "id: a\nkind: zone\nclasses: [person, person]\n" TAIL, "twice", "line 3", "" },
    { "id: a\nkind: zone\nclasses: []\n" TAIL, "classes", "line 3", "classes: [person]" },
    { "id: a\nkind: zone\n" TAIL, "classes", "agent.yaml", "" },
    { "id: a\nkind: lin\nclasses: [person]\n" TAIL, "lin", "line 2", "'line'" },
    { "id: a\nclasses: [person]\n" TAIL, "no kind", "agent.yaml", "kind: zone" },
    { "id: a b\nkind: zone\nclasses: [person]\n" TAIL, "may have", "line 1", "" },
    { "kind: zone\nclasses: [person]\n" TAIL, "no id", "agent.yaml", "" },
    { "[1, 2]\n", "expected", "line 1", "" },
};

// covers: RULE-1
VD_TEST(a_bad_rule_is_refused_with_place_and_remedy)
{
    for (size_t i = 0; i < VD_COUNT_OF(bad_rules); i++) {
        const bad_rule *bad = &bad_rules[i];
        vd_rule rule = { .id = "untouched" };
        vd_why why = { 0 };
        expect_err(read_text(bad->yaml, &rule, &why), VD_INVALID);
        if (!strstr(why.fact, bad->fact) || !strstr(why.detail, bad->where) ||
            !strstr(why.hint, bad->hint))
            fail_msg("%s gave '%s', '%s', '%s'", bad->yaml, why.fact, why.detail, why.hint);
        expect_str(rule.id, "untouched");
    }
}

VD_TEST(too_many_points_and_too_long_names_are_refused)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    expect_true(vd_buf_add_str(&yaml, HEAD "points: [[0,1]"));
    for (int i = 0; i < VD_ZONE_POINTS_MAX; i++)
        expect_true(vd_buf_addf(&yaml, ",[%g,%g]", i / 100.0, i / 100.0 * i / 100.0));
    expect_true(vd_buf_add_str(&yaml, "]\n"));
    vd_rule rule;
    vd_why why = { 0 };
    expect_err(read_text(yaml.data, &rule, &why), VD_INVALID);
    expect_true(strstr(why.fact, "65 points") != NULL);
    vd_buf_clear(&yaml);
    expect_true(vd_buf_addf(&yaml, "kind: zone\nclasses: [person]\n" TAIL "id: %070d\n", 1));
    expect_err(read_text(yaml.data, &rule, &why), VD_INVALID);
    expect_true(strstr(why.fact, "longer") != NULL);
}

VD_TEST_MAIN(VD_RUN(a_rule_is_read_whole),
             VD_RUN(what_is_printed_is_canonical_json_and_gives_the_version),
             VD_RUN(a_bad_rule_is_refused_with_place_and_remedy),
             VD_RUN(too_many_points_and_too_long_names_are_refused))
