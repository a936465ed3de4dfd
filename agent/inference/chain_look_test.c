/* Models behind chains, with models written by hand (small_onnx_priv.h): their boxes stand still in
 * the tensor, so where they come out tells what the chain did. */
#include <ftw.h>
#include <stdlib.h>

#include "model_priv.h"
#include "small_onnx_priv.h"

enum { WIDTH = 200, HEIGHT = 100 };

static char folder[] = "/tmp/vedette-chain-XXXXXX";
static vd_model *quarter, *spot, *classes;
static vd_detections seen;

static vd_model *load(const char *name)
{
    char path[128];
    vd_model *model = NULL;
    const vd_model_options options = { .threads = 1 };

    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    expect_ok(vd_model_load(path, &options, &model, NULL));
    return model;
}

/* Black, white where `part` is. */
static vd_frame *frame_of(const vd_part_px *part)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    vd_picture picture = { .width_px = WIDTH,
                           .height_px = HEIGHT,
                           .plane = { luma, chroma, chroma },
                           .stride = { WIDTH, WIDTH / 2, WIDTH / 2 },
                           .full_range = true,
                           .utc_us = 1 };
    vd_frame *frame = NULL;

    memset(luma, 0, sizeof luma);
    memset(chroma, 128, sizeof chroma);
    for (int y = part->top; y < part->top + part->height; y++)
        memset(luma + y * WIDTH + part->left, 255, (size_t)part->width);
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

static void look(vd_model *model, const char *yaml, const vd_part_px *white, const vd_part_px *part)
{
    vd_chain chain;
    vd_frame *frame = frame_of(white);

    expect_ok(vd_chain_parse(vd_slice_str(yaml), "test", VD_CHAIN_OF_CAMERA, &chain, NULL));
    expect_ok(vd_model_run_chain(model, &chain, frame, part, &seen, NULL));
    vd_frame_unref(frame);
}

static void expect_box(unsigned index, double l, double t, double w, double h)
{
    const vd_box *b = &seen.item[index].box;

    expect_true(index < seen.count);
    expect_near(b->l, l, 1e-4);
    expect_near(b->t, t, 1e-4);
    expect_near(b->w, w, 1e-4);
    expect_near(b->h, h, 1e-4);
}

static const vd_part_px nothing = { 0, 0, 1, 0 };

// covers: PRE-1
VD_TEST(boxes_come_back_through_crop_and_turn)
{
    look(quarter, "[]", &nothing, NULL);
    expect_box(0, 0, 0, 0.5, 0.25);
    look(quarter, "[{crop: [0.5, 0.2, 1, 1]}]", &nothing, NULL);
    expect_box(0, 0.5, 0.2, 0.25, 0.2);
    look(quarter, "[{rotate: 90}]", &nothing, NULL); /* up was left */
    expect_box(0, 0, 0.5, 0.25, 0.5);
    look(quarter, "[{rotate: 180}, {crop: [0, 0.5, 1, 1]}]", &nothing, NULL);
    expect_box(0, 0.5, 0.375, 0.5, 0.125);
    look(quarter, "[{crop: [0.5, 0, 1, 1]}, {rotate: 270}, clahe, {crop: [0, 0, 1, 0.5]}]",
         &nothing, NULL);
    expect_box(0, 0.9375, 0, 0.0625, 0.5);
}

// covers: PRE-1
VD_TEST(box_behind_a_lens_holds_its_bent_corners)
{
    look(quarter, "[{undistort: {focal: [1, 2], k1: -0.4}}]", &nothing, NULL);

    /* How far it goes is told by the least bent of its sides' ends: left at y 0.25, top at x 0.5.
     */
    expect_u64(seen.count, 1);
    expect_near(seen.item[0].box.l, 0.5 - 0.5 * (1 - 0.4 * (0.25 + 0.015625)), 1e-4);
    expect_near(seen.item[0].box.t, 0.5 - 0.5 * (1 - 0.4 * 0.0625), 1e-4);
    expect_near(seen.item[0].box.l + seen.item[0].box.w, 0.5, 1e-4);
}

// covers: PRE-1
VD_TEST(tiles_find_the_small_thing_that_the_whole_picture_hides)
{
    const vd_part_px thing = { 130, 60, 16, 16 }; /* 1.3 % of the picture, 16 % of a tile */

    look(spot, "[]", &thing, NULL);
    expect_u64(seen.count, 0);
    look(spot, "[{tile: {size: [40, 50], overlap: 0, whole: false}}]", &thing, NULL);
    expect_u64(seen.count, 1);
    expect_box(0, 120 / 200.0 + 0.25 * 0.2, 0.5 + 0.25 * 0.5, 0.1, 0.25); /* the tile's middle */
    look(spot, "[{rotate: 180}, {tile: {size: [40, 50], overlap: 0}}]", &thing, NULL);
    expect_u64(seen.count, 1);
    expect_box(0, 120 / 200.0 + 0.25 * 0.2, 0.5 + 0.25 * 0.5, 0.1, 0.25);
}

// covers: PRE-1
VD_TEST(light_makes_a_dark_thing_count)
{
    const vd_part_px all = { 0, 0, WIDTH, HEIGHT };
    vd_why why = { 0 };

    look(spot, "[{light: {brightness: -0.99}}]", &all, NULL);
    expect_u64(seen.count, 0);
    look(spot, "[{light: {brightness: -0.99}}, {light: {gamma: 0.3}}]", &all, NULL);
    expect_u64(seen.count, 1);
    look(classes, "[{tile: {size: [40, 40]}}, grey]", &nothing, NULL); /* a whole picture stays */
    expect_box(0, 0, 0, 1, 1);
    vd_chain many;
    vd_frame *frame = frame_of(&nothing);
    expect_ok(vd_chain_parse(VD_STR("[{tile: {size: [32, 32], overlap: 0.9}}]"), "test",
                             VD_CHAIN_OF_CAMERA, &many, NULL));
    expect_err(vd_model_run_chain(spot, &many, frame, NULL, &seen, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "more than 64"));
    vd_frame_unref(frame);
}

// covers: PRE-1
VD_TEST(crop_of_a_cascade_is_turned_but_stays_in_its_place)
{
    const vd_part_px part = { 100, 50, 100, 50 };

    look(quarter, "[{crop: [0, 0, 0.1, 0.1]}, {rotate: 90}, {tile: {size: [32, 32]}}]", &nothing,
         &part);

    expect_u64(seen.count, 1);
    expect_box(0, 0.5, 0.75, 0.125, 0.25);
}

// covers: PRE-1
VD_TEST(camera_and_descriptor_chains_hold_one_after_the_other)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(8192);
    char path[128];
    vd_chain chain;
    snprintf(path, sizeof path, "%s/quarter.model.yaml", folder);
    expect_ok(vd_file_load(path, &yaml, NULL));
    vd_buf_add_str(&yaml, "chain:\n  - rotate: 90\n");
    snprintf(path, sizeof path, "%s/turned.model.yaml", folder);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(&yaml), NULL));
    vd_model *model = NULL;
    expect_ok(vd_model_load(path, &(vd_model_options){ .threads = 1 }, &model, NULL));

    expect_ok(vd_chain_parse(VD_STR("[{crop: [0.5, 0, 1, 1]}]"), "test", VD_CHAIN_OF_CAMERA, &chain,
                             NULL));
    vd_frame *frame = frame_of(&nothing);
    expect_ok(vd_model_run_chain(model, &chain, frame, NULL, &seen, NULL));

    expect_box(0, 0.5, 0.5, 0.125, 0.5);
    const float *tensor;
    vd_tensor_spec spec;
    expect_ok(vd_model_show(model, &chain, frame, &tensor, &spec, NULL));
    expect_i64(spec.width_px, SMALL_SIDE);
    expect_near(tensor[0], 0, 0.01);
    vd_frame_unref(frame);
    vd_model_free(model);
}

static void put(vd_detections *into, double l, double t, double w, double h, double score,
                int class)
{
    into->item[into->count++] = (vd_detection){ .box = { (float)l, (float)t, (float)w, (float)h },
                                                .score = (float)score,
                                                .class_id = (uint16_t) class,
                                                .parent = -1 };
}

// covers: PRE-1
VD_TEST(what_two_tiles_see_is_one_thing_and_pieces_give_way_to_the_whole)
{
    static vd_detections found[3], merged;
    const vd_picture picture = { .width_px = 1000, .height_px = 500 };
    const vd_part_px whole = { 0, 0, 1000, 500 };
    const vd_part_px tile[3] = { { 0, 0, 600, 500 }, { 400, 0, 600, 500 }, whole };
    put(&found[0], 0.45, 0.1, 0.1, 0.2, 0.9, 1); /* in the overlap, seen by both */
    put(&found[1], 0.452, 0.1, 0.1, 0.2, 0.8, 1);
    put(&found[0], 0.55, 0.5, 0.05, 0.4, 0.95, 1); /* cut by the edge at 0.6 */
    put(&found[1], 0.55, 0.5, 0.2, 0.4, 0.6, 1);   /* the whole of it */
    put(&found[0], 0.3, 0.4, 0.3, 0.1, 0.7, 2);    /* two pieces that nobody saw whole */
    put(&found[1], 0.4, 0.4, 0.2, 0.1, 0.6, 2);
    put(&found[2], 0.45, 0.1, 0.1, 0.2, 0.5, 3); /* another class stays */
    put(&found[2], 0.1, 0.1, 0.02, 0.02, 0.4, 1);
    put(&found[2], 0.1, 0.1, 0.02, 0.02, 0.3, 1); /* its own list is the model's business */
    found[1].item[1].side = VD_SIDE_POINTS;
    found[1].item[1].side_count = 3;
    found[1].item[1].side_at = 6;
    found[1].side[6] = 0.625f;

    expect_ok(tiles_merge(found, tile, 3, &whole, &picture, 0.5f, &merged));

    expect_u64(merged.count, 6);
    expect_near(merged.item[0].score, 0.9, 1e-6);
    expect_near(merged.item[1].score, 0.7, 1e-6);
    expect_i64(merged.item[1].class_id, 2);
    expect_near(merged.item[1].box.l, 0.3, 1e-6);
    expect_near(merged.item[1].box.w, 0.3, 1e-6);
    expect_near(merged.item[2].box.w, 0.2, 1e-6);
    expect_near(merged.item[2].score, 0.6, 1e-6);
    expect_near(vd_detections_side(&merged, &merged.item[2])[0], 0.625, 0);
    expect_i64(merged.item[3].class_id, 3);
}

// covers: PRE-1
VD_TEST(points_and_masks_turn_with_their_box)
{
    static vd_detections found;
    const vd_prepared turned = { .bends = 1,
                                 .bend = { { .kind = VD_STEP_ROTATE,
                                             .in_width = 200,
                                             .in_height = 100,
                                             .out_width = 100,
                                             .out_height = 200,
                                             .cosine = 0,
                                             .sine = 1 } } };
    put(&found, 0.5, 0, 0.5, 0.5, 0.9, 0);
    put(&found, 0.5, 0, 0.5, 0.5, 0.8, 0);
    put(&found, 1.5, 0, 0.1, 0.1, 0.8, 0); /* beside the picture */
    found.item[0].side = VD_SIDE_MASK;
    found.item[0].side_count = VD_SIDE_GRID * VD_SIDE_GRID;
    found.item[1].side = VD_SIDE_POINTS;
    found.item[1].side_at = 256;
    found.item[1].side_count = 3;
    found.side[3] = 1; /* the fourth cell of the first row */
    found.side[256] = 0.75f;
    found.side[257] = 0.25f;
    found.side[258] = 0.5f;

    chain_back(&turned, &found);

    expect_u64(found.count, 2);
    expect_near(found.item[0].box.l, 0, 1e-6); /* up was left, right was up */
    expect_near(found.item[0].box.t, 0, 1e-6);
    expect_near(found.item[0].box.w, 0.5, 1e-6);
    expect_near(found.item[0].box.h, 0.5, 1e-6);
    for (int i = 0; i < VD_SIDE_GRID * VD_SIDE_GRID; i++)
        expect_near(found.side[i], i == 12 * VD_SIDE_GRID ? 1 : 0, 1e-6);
    expect_near(found.side[256], 0.25, 1e-6);
    expect_near(found.side[257], 0.25, 1e-6);
    expect_near(found.side[258], 0.5, 0);
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int make_models(void **state)
{
    const float corner[1][6] = { { 0, 0, 8, 4, 0.9f, 0 } };
    const float middle[1][6] = { { 4, 4, 12, 12, 0, 0 } };
    const float scores[2] = { 0.2f, 0.7f };
    (void)state;
    assert_non_null(mkdtemp(folder));
    small_detector(folder, "quarter", "[thing]", corner, 1, 0);
    small_detector(folder, "spot", "[thing]", middle, 1, 1 / 80.0f);
    small_classifier(folder, "classes", "[a, b]", scores, 2);
    quarter = load("quarter");
    spot = load("spot");
    classes = load("classes");
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    vd_model_free(quarter);
    vd_model_free(spot);
    vd_model_free(classes);
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(boxes_come_back_through_crop_and_turn),
        VD_RUN(box_behind_a_lens_holds_its_bent_corners),
        VD_RUN(tiles_find_the_small_thing_that_the_whole_picture_hides),
        VD_RUN(light_makes_a_dark_thing_count),
        VD_RUN(crop_of_a_cascade_is_turned_but_stays_in_its_place),
        VD_RUN(camera_and_descriptor_chains_hold_one_after_the_other),
        VD_RUN(what_two_tiles_see_is_one_thing_and_pieces_give_way_to_the_whole),
        VD_RUN(points_and_masks_turn_with_their_box),
    };
    return cmocka_run_group_tests(tests, make_models, free_models);
}
