/* Which rules hold for which camera. */
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"
#include "vd/test.h"

#define ZONE ", kind: zone, classes: [person], points: [[0, 0], [1, 0], [1, 1]]}"

static vd_err load(const char *yaml, agent_config *config)
{
    return agent_config_parse(vd_slice_str(yaml), "agent.yaml", config, NULL);
}

static const char *held(const agent_config *config, const char *camera, char into[256])
{
    rule_set *set = calloc(1, sizeof *set);
    const agent_camera *one = config->camera;
    vd_why why = { 0 };

    into[0] = '\0';
    while (strcmp(one->id, camera) != 0) one++;
    if (rulebook_read(config->rules, one, NULL, set, &why)) snprintf(into, 256, "%s: ", why.fact);
    for (unsigned i = 0; i < set->count; i++) {
        strncat(into, set->rule[i].id, 64);
        strncat(into, " ", 2);
    }
    free(set);
    return into;
}

// covers: RULE-1
VD_TEST(rule_holds_for_the_cameras_it_names_or_for_all)
{
    VD_AUTO(agent_config) config = { 0 };
    char text[256];

    expect_ok(load("cameras: [{id: a, file: x}, {id: b, file: y}, {id: c, file: z}]\n"
                   "rules:\n"
                   "- {id: everywhere" ZONE "\n"
                   "- {id: one, camera: a" ZONE "\n"
                   "- {id: two, cameras: [a, b]" ZONE "\n",
                   &config));
    expect_ok(rulebook_check(&config, NULL));
    expect_str(held(&config, "a", text), "everywhere one two ");
    expect_str(held(&config, "b", text), "everywhere two ");
    expect_str(held(&config, "c", text), "everywhere ");
}

VD_TEST(map_from_camera_to_rules_is_the_hubs_form_and_the_files_too)
{
    VD_AUTO(agent_config) config = { 0 };
    char text[256];

    expect_ok(load("cameras: [{id: a, file: x}, {id: b, file: y}]\n"
                   "rules: {a: [{id: one" ZONE ", {id: two" ZONE "], b: []}\n",
                   &config));
    expect_ok(rulebook_check(&config, NULL));
    expect_str(held(&config, "a", text), "one two ");
    expect_str(held(&config, "b", text), "");
}

VD_TEST(wrong_rule_is_left_out_alone_and_the_others_hold)
{
    VD_AUTO(agent_config) config = { 0 };
    char text[256];
    vd_why why = { 0 };

    expect_ok(
        load("cameras: [{id: a, file: x}, {id: b, file: y}]\n"
             "rules:\n"
             "- {id: good, camera: b" ZONE "\n"
             "- {id: fine, camera: a" ZONE "\n"
             "- {id: bad, camera: a, kind: zone, classes: [person], points: [[0, 0], [1, 1]]}\n",
             &config));
    expect_err(rulebook_check(&config, &why), VD_INVALID);
    assert_non_null(strstr(why.detail, "line 5"));
    expect_str(held(&config, "a", text), "zone 'bad' has 2 points: fine ");
    expect_str(held(&config, "b", text), "good ");
}

VD_TEST(unknown_camera_and_doubled_rule_are_refused_with_their_line)
{
    static const struct {
        const char *rules, *fact, *hint;
    } bad[] = {
        { "- {id: r, camera: yrad" ZONE, "yrad", "yard" },
        { "- {id: r, cameras: [yard, gate]" ZONE, "gate", "" },
        { "- {id: r" ZONE "\n- {id: r" ZONE, "two rules have the id 'r'", "" },
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) config = { 0 };
        char yaml[1024];
        vd_why why = { 0 };
        snprintf(yaml, sizeof yaml, "cameras: [{id: yard, file: x}]\nrules:\n%s\n", bad[i].rules);
        expect_ok(load(yaml, &config));
        expect_err(rulebook_check(&config, &why), VD_INVALID);
        assert_non_null(strstr(why.fact, bad[i].fact));
        assert_non_null(strstr(why.hint, bad[i].hint));
        assert_non_null(strstr(why.detail, "line "));
    }
}

// covers: RULE-7
VD_TEST(a_class_that_no_model_of_the_camera_knows_is_told_before_the_agent_runs)
{
    static const char descriptor[] = "name: people\nfile: people.onnx\n"
                                     "input: {size: [16, 16]}\noutput: {decode: yolox}\n"
                                     "classes: [person]\n";
    char dir[] = "/tmp/vedette-classes-XXXXXX", path[64], yaml[512];

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/people.model.yaml", dir);
    expect_ok(vd_file_save(path, 0600, vd_slice_str(descriptor), NULL));
    for (unsigned i = 0; i < 3; i++) { /* a good rule, a wrong class, no model */
        VD_AUTO(agent_config) config = { 0 };
        VD_AUTO(vd_buf) notes = VD_BUF(4096);
        vd_why why = { 0 };
        snprintf(yaml, sizeof yaml,
                 "model: {path: %s/%s.onnx}\ncameras: [{id: a, file: x}]\nrules:\n"
                 "- {id: r, kind: zone, classes: [%s], points: [[0, 0], [1, 0], [1, 1]]}\n",
                 dir, i == 2 ? "absent" : "people", i ? "persn" : "person");
        expect_ok(load(yaml, &config));
        vd_err err = agent_check_classes(&config, &notes, &why);
        expect_i64(err, i == 1 ? VD_INVALID : VD_OK);
        expect_true((notes.len > 0) == (i == 2));
        if (i == 2) assert_non_null(strstr(notes.data, "absent.model.yaml"));
        if (i != 1) continue;
        assert_non_null(strstr(why.fact, "persn"));
        assert_non_null(strstr(why.detail, "line 4"));
        assert_non_null(strstr(why.hint, "person"));
    }
    unlink(path);
    rmdir(dir);
}

VD_TEST_MAIN(VD_RUN(a_class_that_no_model_of_the_camera_knows_is_told_before_the_agent_runs),
             VD_RUN(rule_holds_for_the_cameras_it_names_or_for_all),
             VD_RUN(map_from_camera_to_rules_is_the_hubs_form_and_the_files_too),
             VD_RUN(wrong_rule_is_left_out_alone_and_the_others_hold),
             VD_RUN(unknown_camera_and_doubled_rule_are_refused_with_their_line))
