/* Each kind as people write it: what docs/rules says is read, what is wrong is named. */
#include <stdio.h>
#include <stdlib.h>

#include "rules.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/test.h"

static vd_err read_text(const char *yaml, vd_rule *ret_rule, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    vd_err err = vd_config_parse(vd_slice_str(yaml), "agent.yaml", &config, why);
    if (!err) err = vd_rule_read(vd_config_root(config), NULL, ret_rule, why);
    return err;
}

#define ID    "id: a\nclasses: [person]\n"
#define AREA  "points: [[0,0],[1,0],[1,1]]\n"
#define LINE  "points: [[0,0.5],[1,0.5]]\n"
#define ITEMS "required: [{item: helmet, classes: [helmet], at: head}]\n"
#define FOUR  "  metres: [[0,0],[4,0],[4,10],[0,10]]\n"
#define NEAR  ID "kind: proximity\nnear: [truck]\n"

static const struct {
    const char *yaml, *fact, *where, *hint;
} wrong[] = {
    { ID "kind: zone\nwhen: sometimes\n" AREA, "sometimes", "line 4", "" },
    { ID "kind: zone\nwhen: occupancy\n" AREA, "no limit", "agent.yaml", "at_most" },
    { ID "kind: zone\nat_most: 3\n" AREA, "counts nobody", "line 4", "when: occupancy" },
    { ID "kind: zone\nwhen: occupancy\nat_least: 4\nat_most: 3\n" AREA, "more than", "", "" },
    { ID "kind: line\n" AREA, "has 3 points", "line 4", "give 2 points" },
    { ID "kind: line\npoints: [[0.5,0.5],[0.5,0.5]]\n", "the same", "line 4", "from one point" },
    { ID "kind: line\ndwell: 2s\n" LINE, "unknown key 'dwell'", "line 4", "" },
    { ID "kind: line\ndirection: up\n" LINE, "up", "line 4", "" },
    { ID "kind: count\npoints: [[0,0]]\nat_most: 1\n", "has 1 point", "line 4", "2 points" },
    { ID "kind: count\n" LINE, "no limit", "agent.yaml", "at_least" },
    { ID "kind: count\nat_most: 1\nperiod: 0s\n" LINE, "period", "line 5", "" },
    { ID "kind: count\nat_most: 1\ndirection: clockwise\n" AREA, "no direction", "line 5", "line" },
    { ID "kind: absence\nleav: 1s\n", "unknown key 'leav'", "line 4", "leave" },
    { ID "kind: equipment\n", "required items", "agent.yaml", "helmet" },
    { ID "kind: equipment\nrequired: [{item: helmet}]\n", "classes", "line 4", "classes" },
    { ID "kind: equipment\nrequired: [{classes: [helmet]}]\n", "no name", "line 4", "item" },
    { ID "kind: equipment\nlooks: 99\n" ITEMS, "looks", "line 4", "" },
    { ID "kind: equipment\nrequired: [{item: h, classes: [h], at: knee}]\n", "knee", "line 4", "" },
    { ID "kind: proximity\n", "near", "agent.yaml", "" },
    { NEAR, "no calibration", "agent.yaml", "four points" },
    { NEAR "calibration:\n  points: [[0,0],[1,0],[1,1]]\n" FOUR, "four points", "line 6", "" },
    { NEAR "calibration:\n  points: [[0.1,0.9],[0.5,0.9],[0.9,0.9],[0.5,0.4]]\n" FOUR,
      "lie on a line", "line 6", "four corners" },
    { NEAR "calibration:\n  points: [[0.1,0.9],[0.9,0.9],[0.4,0.4],[0.6,0.4]]\n" FOUR,
      "gives no ground", "line 6", "same order" },
    { NEAR "calibration:\n  points: [[0.1,0.9],[0.9,0.9],[0.6,0.4],[0.4,1.4]]\n" FOUR, "outside",
      "line 6", "shares" },
    { "id: a\nkind: inspection\n", "nothing to judge", "agent.yaml", "defects" },
    { "id: a\nkind: inspection\ndefects: [dent]\n" LINE, "names no product", "", "classes" },
    { ID "kind: inspection\ndefects: [dent]\ntrigger: line\n" AREA, "3 points", "line 6",
      "2 points" },
    { ID "kind: inspection\ndefects: [dent]\ntrigger: button\n", "button", "line 5", "" },
    { ID "kind: inspection\ndefects: [dent]\nfail: 0.4\nunsure: 0.5\n", "more than", "line 6", "" },
    { ID "kind: inspection\nparts: [{class: screw}]\n", "place", "line 4", "shares" },
    { ID "kind: inspection\nparts: [{class: screw, at: [0.9,0,0.2,0.1]}]\n", "place", "line 4",
      "" },
    { ID "kind: inspection\nordered: true\nparts: [{class: a, at: [0,0,1,1]}]\n", "order", "line 4",
      "" },
    { ID "kind: inspection\ndefects: [dent]\ntell: [bad]\n", "bad", "line 5", "" },
    { ID "kind: inspection\ndefects: [dent]\nchart: {sample: 1}\n", "sample", "line 5", "" },
    { "id: a\nkind: object\nwhat: stolen\n", "stolen", "line 3", "" },
    { "id: a\nkind: object\nsize_min: 0.5\n", "more than", "agent.yaml", "" },
    { ID "kind: zone\nhours: late\n" AREA, "no hours", "line 4", "mon-fri 06:00-18:00" },
    { ID "kind: zone\nhours: [mon 25:00-26:00]\n" AREA, "no hours", "line 4", "" },
    { ID "kind: zone\nhours: [mun 06:00-18:00]\n" AREA, "no hours", "line 4", "" },
    { ID "kind: zone\nprofiles: [a b]\n" AREA, "no profile's name", "line 4", "night" },
    { ID "kind: zone\nprofiles: night\n" AREA, "list", "line 4", "" },
};

// covers: RULE-7
VD_TEST(what_is_wrong_with_a_rule_of_any_kind_is_told_with_line_and_remedy)
{
    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_rule rule = { .id = "untouched" };
        vd_why why = { 0 };
        expect_err(read_text(wrong[i].yaml, &rule, &why), VD_INVALID);
        if (!strstr(why.fact, wrong[i].fact) || !strstr(why.detail, wrong[i].where) ||
            !strstr(why.hint, wrong[i].hint))
            fail_msg("%s gave '%s', '%s', '%s'", wrong[i].yaml, why.fact, why.detail, why.hint);
        expect_str(rule.id, "untouched");
    }
}

VD_TEST(hours_and_profiles_are_read_and_printed)
{
    vd_rule rule, again;
    expect_ok(read_text(ID "kind: zone\nhours: [sat-mon 22:00-06:00, 'tue,thu 08:00-24:00']\n"
                           "profiles: [night, away]\n" AREA,
                        &rule, NULL));
    expect_u64(rule.hours_count, 2);
    expect_u64(rule.hours[0].days, 1u << 5 | 1u << 6 | 1u << 0);
    expect_u64(rule.hours[0].from_min, 22 * 60);
    expect_u64(rule.hours[0].until_min, 6 * 60);
    expect_u64(rule.hours[1].until_min, 24 * 60);
    expect_u64(rule.profile_count, 2);
    expect_str(rule.profile[1], "away");
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    expect_ok(vd_rule_print(&rule, &text));
    expect_true(strstr(text.data, "\"hours\":[\"mon,sat,sun 22:00-06:00\"") != NULL);
    expect_ok(read_text(ID "kind: zone\nhours: ['sun,sat,mon 22:00-06:00', 'thu,tue 8:00-24:00']\n"
                           "profiles: [night, away]\n" AREA,
                        &again, NULL));
    expect_str(again.version, rule.version);
}

static vd_err read_arming(const char *yaml, vd_arming *ret_arming, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    vd_err err = vd_config_parse(vd_slice_str(yaml), "agent.yaml", &config, why);
    if (!err) err = vd_arming_read(vd_config_root(config), ret_arming, why);
    return err;
}

// covers: RULE-2
VD_TEST(the_first_profile_whose_hours_hold_is_armed_unless_one_is_fixed)
{
    vd_arming arming;
    vd_why why = { 0 };
    const int64_t tuesday_22h_us = 1700000000000000, tuesday_noon_us = 1699963200000000;
    expect_ok(read_arming("hours: {night: [daily 22:00-06:00], day: mon-fri 06:00-22:00}\n",
                          &arming, NULL));
    expect_str(vd_arming_at(&arming, tuesday_22h_us), "night");
    expect_str(vd_arming_at(&arming, tuesday_noon_us), "day");
    expect_str(vd_arming_at(&arming, tuesday_noon_us + 4 * 86400000000ll), ""); /* Saturday */
    expect_ok(read_arming("profile: off\nhours: {night: [daily 22:00-06:00]}\n", &arming, NULL));
    expect_str(vd_arming_at(&arming, tuesday_22h_us), "off");
    expect_err(read_arming("hours: {night: [late]}\n", &arming, &why), VD_INVALID);
    expect_true(strstr(why.detail, "line 1") && strstr(why.hint, "mon-fri"));
    expect_err(read_arming("profile: a/b\n", &arming, &why), VD_INVALID);
    expect_err(read_arming("profil: day\n", &arming, &why), VD_INVALID);
    expect_true(strstr(why.hint, "profile") != NULL);
}

/* Reads the rules of one page's examples; each kind that is seen is marked. */
static void read_examples(const char *page, bool seen[VD_RULE_KINDS])
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    char path[4096];
    const char *root = getenv("VEDETTE_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/docs/rules/%s", root ? root : ".", page);
    expect_ok(vd_file_load(path, &text, NULL));
    unsigned examples = 0;
    for (char *at = text.data; (at = strstr(at, "```yaml\n")); at++) {
        VD_AUTO(vd_config_ptr) config = NULL;
        vd_why why = { 0 };
        at += strlen("```yaml\n");
        char *end = strstr(at, "```");
        expect_true(end != NULL);
        if (vd_config_parse(vd_slice_of(at, (size_t)(end - at)), page, &config, &why))
            fail_msg("%s: %s, %s", page, why.fact, why.detail);
        const vd_config_node *rules = vd_config_get(vd_config_root(config), "rules");
        for (size_t i = 0; i < vd_config_len(rules); i++) {
            vd_rule rule;
            if (vd_rule_read(vd_config_at(rules, i), NULL, &rule, &why))
                fail_msg("%s: %s, %s", page, why.fact, why.detail);
            seen[rule.kind] = true;
            examples++;
        }
        at = end;
    }
    expect_true(examples > 0);
}

// covers: RULE-7
VD_TEST(each_example_in_the_documentation_is_a_rule)
{
    static const char *const pages[] = { "zone.md",       "line.md",      "count.md",
                                         "absence.md",    "equipment.md", "proximity.md",
                                         "inspection.md", "object.md" };
    bool seen[VD_RULE_KINDS] = { false };
    for (size_t i = 0; i < VD_COUNT_OF(pages); i++) read_examples(pages[i], seen);
    for (unsigned k = 0; k < VD_RULE_KINDS; k++) expect_true(seen[k]);
}

VD_TEST_MAIN(VD_RUN(what_is_wrong_with_a_rule_of_any_kind_is_told_with_line_and_remedy),
             VD_RUN(hours_and_profiles_are_read_and_printed),
             VD_RUN(the_first_profile_whose_hours_hold_is_armed_unless_one_is_fixed),
             VD_RUN(each_example_in_the_documentation_is_a_rule))
