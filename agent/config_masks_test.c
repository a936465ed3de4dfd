#include "agent_config.h"
#include "vd/test.h"

static vd_err read_masks(const char *masks, agent_config *ret_config, vd_why *why)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);

    agent_config_done(ret_config);
    expect_true(vd_buf_addf(&yaml, "cameras:\n  - id: a\n    file: a.mp4\n    masks:\n%s", masks));
    vd_err err = agent_config_parse(vd_buf_slice(&yaml), "agent.yaml", ret_config, why);
    return err ? err : agent_config_whole(ret_config, why);
}

// covers: CAM-7
VD_TEST(the_masks_of_a_camera_are_named_polygons)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_mask masks[VD_MASKS_MAX];
    unsigned count = 0;

    expect_ok(read_masks("    - {name: window, points: [[0.7, 0], [1, 0], [1, 0.4]]}\n"
                         "    - name: desk\n"
                         "      points: [[0, 0.5], [0.2, 0.5], [0.2, 1], [0, 1]]\n",
                         &config, NULL));
    expect_ok(config_masks_read(config.camera[0].masks, masks, &count, NULL));
    expect_u64(count, 2);
    expect_u64(masks[0].count, 3);
    expect_u64(masks[1].count, 4);
    expect_near(masks[0].corner[2][0], 1, 1e-6);
    expect_near(masks[0].corner[2][1], 0.4, 1e-6);
    expect_ok(read_masks("      []\n", &config, NULL));
    expect_ok(config_masks_read(config.camera[0].masks, masks, &count, NULL));
    expect_u64(count, 0);
}

static const struct {
    const char *masks, *fact, *hint;
} wrong[] = {
    { "    - {name: w, points: [[0, 0], [1, 1]]}\n", "mask 'w' has 2 points", "3 to 32" },
    { "    - {name: w, points: [[0, 0], [1, 0], [1, 1.2]]}\n", "outside the picture", "from 0" },
    { "    - {name: w, points: [[0, 0], [1, 1], [1, 0], [0, 1]]}\n", "cross", "in order" },
    { "    - {name: w, points: [[0, 0], [0.5, 0.5], [1, 1]]}\n", "lie on one another", "" },
    { "    - {name: w, points: [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]}\n", "lie on one another", "" },
    { "    - {name: w, points: [[0, 0], [1], [1, 1]]}\n", "two numbers", "" },
    { "    - {name: w}\n", "no points", "" },
    { "    - {points: [[0, 0], [1, 0], [1, 1]]}\n", "needs a name", "" },
    { "    - [[0, 0], [1, 0], [1, 1]]\n", "a name and points", "{name:" },
    { "    - {name: w, point: [[0, 0], [1, 0], [1, 1]]}\n", "point", "points" },
    { "      {name: w}\n", "is a list", "points" },
    { "      window\n", "is a list", "points" },
    { "    - {name: w, points: [[0, 0], [1, 0], [1, 1]]}\n"
      "    - {name: w, points: [[0, 0], [1, 0], [1, 1]]}\n",
      "two masks have the name 'w'", "" },
};

// covers: CAM-7
VD_TEST(masks_that_cannot_be_meant_are_refused_with_line_reason_and_remedy)
{
    VD_AUTO(agent_config) config = { 0 };

    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_why why = { 0 };
        expect_err(read_masks(wrong[i].masks, &config, &why), VD_INVALID);
        if (!strstr(why.fact, wrong[i].fact) || !strstr(why.hint, wrong[i].hint) ||
            !strstr(why.detail, "agent.yaml line"))
            fail_msg("%s gave '%s', '%s', '%s'", wrong[i].masks, why.fact, why.detail, why.hint);
        expect_u64(config.camera_count, 0); /* without them it is not shown at all */
    }
}

// covers: CAM-7
VD_TEST(more_masks_or_corners_than_there_is_room_for_are_refused)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    for (int i = 0; i <= VD_MASKS_MAX; i++)
        expect_true(vd_buf_addf(&yaml, "    - {name: m%d, points: [[0, 0], [1, 0], [1, 1]]}\n", i));
    expect_err(read_masks(yaml.data, &config, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "at most 16"));
    vd_buf_clear(&yaml);
    expect_true(vd_buf_add_str(&yaml, "    - {name: w, points: [[0, 1]"));
    for (int i = 0; i < VD_MASK_CORNERS_MAX; i++)
        expect_true(vd_buf_addf(&yaml, ", [%g, %g]", i / 100.0, i / 100.0 * i / 100.0));
    expect_true(vd_buf_add_str(&yaml, "]}\n"));
    expect_err(read_masks(yaml.data, &config, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "33 points"));
}

VD_TEST(a_camera_is_kept_as_it_comes_unless_it_says_otherwise)
{
    VD_AUTO(agent_config) config = { 0 };

    expect_ok(agent_config_parse(
        VD_STR("cameras: [{id: a, file: a.avi}, {id: b, file: b.avi, encode: h264}]\n"),
        "agent.yaml", &config, NULL));
    expect_u64(config.camera_count, 2);
    expect_false(agent_source(&config.camera[0], "").encode);
    expect_true(agent_source(&config.camera[1], "").encode);
}

// covers: CAM-7
VD_TEST(a_template_gives_its_cameras_masks)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_mask masks[VD_MASKS_MAX];
    unsigned count = 0;
    vd_why why = { 0 };

    expect_ok(agent_config_parse(
        VD_STR("templates:\n"
               "  hall:\n"
               "    parameters: {desk: }\n"
               "    file: a.mp4\n"
               "    masks: [{name: desk, points: '${desk}'}]\n"
               "cameras:\n"
               "  - {id: a, template: hall, with: {desk: [[0, 0], [0.5, 0], [0.5, 0.5]]}}\n"),
        "agent.yaml", &config, &why));
    expect_ok(agent_config_whole(&config, &why));
    expect_ok(config_masks_read(config.camera[0].masks, masks, &count, &why));
    expect_u64(count, 1);
    expect_near(masks[0].corner[2][1], 0.5, 1e-6);
}

VD_TEST_MAIN(VD_RUN(the_masks_of_a_camera_are_named_polygons),
             VD_RUN(masks_that_cannot_be_meant_are_refused_with_line_reason_and_remedy),
             VD_RUN(more_masks_or_corners_than_there_is_room_for_are_refused),
             VD_RUN(a_camera_is_kept_as_it_comes_unless_it_says_otherwise),
             VD_RUN(a_template_gives_its_cameras_masks))
