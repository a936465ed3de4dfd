#include <string.h>

#include "prepare.h"
#include "vd/test.h"

static vd_err parse(const char *yaml, vd_chain_owner owner, vd_chain *ret_chain, vd_why *why)
{
    return vd_chain_parse(vd_slice_str(yaml), "chain.yaml", owner, ret_chain, why);
}

// covers: PRE-1
VD_TEST(chain_that_is_printed_reads_back_as_the_same)
{
    static const char *const chains[] = {
        "[]",
        "[{crop: [0.1, 0.2, 0.9, 1]}, {rotate: -90}, clahe, grey]",
        "[{undistort: {focal: [0.7, 1.2], center: [0.49, 0.51], k1: -0.3, k2: 0.1, k3: 0.01, "
        "p1: 0.001, p2: -0.002}}, denoise, {light: {brightness: 0.1, contrast: 1.3, gamma: 0.7}}, "
        "{clahe: {limit: 3.5, tiles: 4}}, {tile: {size: [640, 480], overlap: 0.25, whole: false}}]",
        "[{denoise: {strength: 20, radius: 2}}, hsv, {resize: stretch}, "
        "{normalise: {mean: [1, 2, 3.5], scale: 0.0039}}]",
    };

    for (unsigned i = 0; i < VD_COUNT_OF(chains); i++) {
        VD_AUTO(vd_buf) text = VD_BUF(4096);
        VD_AUTO(vd_buf) again = VD_BUF(4096);
        vd_chain chain, back;
        expect_ok(parse(chains[i], VD_CHAIN_OF_MODEL, &chain, NULL));
        expect_true(vd_chain_print(&chain, &text));
        expect_ok(parse(text.data, VD_CHAIN_OF_MODEL, &back, NULL));
        expect_true(vd_chain_print(&back, &again));
        expect_str(again.data, text.data);
        expect_u64(back.count, chain.count);
        expect_true(vd_chain_empty(&chain) == (i == 0));
    }
}

// covers: PRE-1
VD_TEST(words_of_a_chain_mean_what_they_say)
{
    vd_chain c;

    expect_ok(parse("- crop: [0, 0.5, 0.5, 1]\n- rotate: -90\n- light: {gamma: 0.5}\n- grey\n"
                    "- tile: {size: [320, 200]}\n- normalise: {mean: 127.5, scale: [1, 2, 3]}\n",
                    VD_CHAIN_OF_MODEL, &c, NULL));
    expect_u64(c.count, 3);
    expect_near(c.step[0].crop[3], 1, 0);
    expect_near(c.step[1].degrees, 270, 0);
    expect_near(c.step[2].light.gamma, 0.5, 0);
    expect_near(c.step[2].light.contrast, 1, 0);
    expect_i64(c.colour, VD_COLOUR_GREY);
    expect_i64(c.tiles.height_px, 200);
    expect_true(c.tiles.whole);
    expect_near(c.mean[2], 127.5, 0);
    expect_near(c.scale[2], 3, 0);
    expect_false(c.resizes);
}

// covers: PRE-1
VD_TEST(wrong_chain_is_refused_with_line_reason_and_remedy)
{
    static const struct {
        const char *yaml, *fact, *detail, *hint;
    } wrong[] = {
        { "- rotate: 90\n- sharpn: 2\n", "there is no step 'sharpn'", "line 2", "crop, rotate" },
        { "- clae\n", "there is no step 'clae'", "line 1", "clahe" },
        { "- light: {gamma: -1}\n", "gamma", "line 1", "below 1 lightens" },
        { "- light: {gama: 1}\n", "gama", "line 1", "gamma" },
        { "- tile: {overlap: 0.1}\n", "'tile' needs 'size'", "line 1", "size: [640, 640]" },
        { "- tile\n", "'tile' needs its settings", "line 1", "preprocessing" },
        { "- crop: [0.5, 0, 0.4, 1]\n", "leaves nothing", "line 1", "left, top" },
        { "- crop: [0, 0, 1]\n", "list of 4", "line 1", "" },
        { "- undistort: {k1: -0.2}\n", "needs 'focal'", "line 1", "fx / width" },
        { "- grey: 3\n", "has no settings", "line 1", "alone" },
        { "- grey\n- hsv\n", "either grey or hsv", "line 2", "leave one out" },
        { "- hsv\n- clahe\n", "too late", "line 2", "behind all other steps" },
        { "- {rotate: 90, grey: 1}\n", "one name", "line 1", "- rotate: 90" },
        { "rotate: 90\n", "a list of steps", "line 1", "chain: [" },
        { "- grey\n- grey\n", "said twice", "line 2", "leave one out" },
    };

    for (unsigned i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_chain chain = { .count = 7 };
        vd_why why = { 0 };
        char all[800];
        expect_err(parse(wrong[i].yaml, VD_CHAIN_OF_MODEL, &chain, &why), VD_INVALID);
        snprintf(all, sizeof all, "%s | %s | %s", why.fact, why.detail, why.hint);
        if (!strstr(all, wrong[i].fact) || !strstr(all, wrong[i].detail) ||
            !strstr(all, wrong[i].hint))
            fail_msg("%s: %s", wrong[i].yaml, all);
        expect_u64(chain.count, 7);
    }
}

// covers: PRE-1
VD_TEST(camera_does_not_speak_for_the_model)
{
    vd_chain chain;
    vd_why why = { 0 };

    expect_err(parse("[{normalise: {scale: 0.1}}]", VD_CHAIN_OF_CAMERA, &chain, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "descriptor"));
    expect_err(parse("[hsv]", VD_CHAIN_OF_CAMERA, &chain, NULL), VD_INVALID);
    expect_ok(parse("[grey, {tile: {size: [640, 640]}}]", VD_CHAIN_OF_CAMERA, &chain, NULL));
}

// covers: PRE-1
VD_TEST(camera_comes_before_the_model_and_has_the_last_word_about_tiles)
{
    vd_chain camera, model, both;

    expect_ok(
        parse("[{rotate: 180}, {tile: {size: [100, 100]}}]", VD_CHAIN_OF_CAMERA, &camera, NULL));
    expect_ok(parse("[clahe, hsv, {tile: {size: [200, 200]}}]", VD_CHAIN_OF_MODEL, &model, NULL));
    expect_ok(vd_chain_join(&camera, &model, &both, NULL));
    expect_u64(both.count, 2);
    expect_i64(both.step[0].kind, VD_STEP_ROTATE);
    expect_i64(both.step[1].kind, VD_STEP_CLAHE);
    expect_i64(both.tiles.width_px, 100);
    expect_i64(both.colour, VD_COLOUR_HSV);
    camera.count = VD_CHAIN_STEPS_MAX;
    expect_err(vd_chain_join(&camera, &model, &both, NULL), VD_FULL);
}

VD_TEST_MAIN(VD_RUN(chain_that_is_printed_reads_back_as_the_same),
             VD_RUN(words_of_a_chain_mean_what_they_say),
             VD_RUN(wrong_chain_is_refused_with_line_reason_and_remedy),
             VD_RUN(camera_does_not_speak_for_the_model),
             VD_RUN(camera_comes_before_the_model_and_has_the_last_word_about_tiles))
