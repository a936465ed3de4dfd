/* Each step against a slow reference that shares no code with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare_priv.h"
#include "vd/test.h"

enum { W = 64, H = 48 };

typedef struct {
    uint8_t plane[3][W * H];
    vd_picture picture;
} scene;

/* Something different in each pixel, smooth enough that neighbours tell of each other. */
static void paint(scene *s, int width, int height)
{
    s->picture = (vd_picture){ .width_px = width, .height_px = height, .full_range = true };
    for (int i = 0; i < 3; i++) {
        int half = i ? 1 : 0, w = (width + half) >> half, h = (height + half) >> half;
        s->picture.plane[i] = s->plane[i];
        s->picture.stride[i] = w;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                s->plane[i][y * w + x] = (uint8_t)(128 + 60 * sin(x * 0.21 + i) +
                                                   50 * cos(y * 0.17) + (x * 7 + y * 3) % 9);
    }
}

static vd_chain chain_of(const char *yaml)
{
    vd_chain chain;

    expect_ok(vd_chain_parse(vd_slice_str(yaml), "test", VD_CHAIN_OF_MODEL, &chain, NULL));
    return chain;
}

static vd_preparer *preparer;
static vd_prepared run(const scene *s, const char *yaml, const vd_tensor_spec *spec)
{
    vd_chain chain = chain_of(yaml);
    vd_prepared prepared;

    if (!preparer) expect_ok(vd_preparer_new(&preparer));
    expect_ok(vd_preparer_run(preparer, &chain, &s->picture, NULL, spec, &prepared, NULL));
    return prepared;
}

static int luma(const vd_prepared *p, int x, int y)
{
    return p->picture.plane[0][(p->part.top + y) * p->picture.stride[0] + p->part.left + x];
}

// covers: PRE-1
VD_TEST(crop_is_a_part_of_the_same_memory)
{
    static scene s;
    paint(&s, W, H);

    vd_prepared p = run(&s, "[{crop: [0.25, 0.5, 0.75, 1]}, {crop: [0.5, 0, 1, 1]}]", NULL);

    assert_ptr_equal(p.picture.plane[0], s.plane[0]);
    expect_i64(p.part.left, 32);
    expect_i64(p.part.top, 24);
    expect_i64(p.part.width, 16);
    expect_i64(p.part.height, 24);
    expect_u64(p.bends, 0);
}

// covers: PRE-1
VD_TEST(quarter_turns_move_every_pixel_to_its_place)
{
    static scene s;
    paint(&s, W, H);

    vd_prepared p = run(&s, "[{rotate: 90}]", NULL);
    expect_i64(p.picture.width_px, H);
    expect_i64(p.picture.height_px, W);
    for (int y = 0; y < W; y++)
        for (int x = 0; x < H; x++) expect_i64(luma(&p, x, y), s.plane[0][(H - 1 - x) * W + y]);
    p = run(&s, "[{rotate: 180}]", NULL);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            expect_i64(luma(&p, x, y), s.plane[0][(H - 1 - y) * W + W - 1 - x]);
    p = run(&s, "[{rotate: 270}]", NULL);
    for (int y = 0; y < W; y++)
        for (int x = 0; x < H; x++) expect_i64(luma(&p, x, y), s.plane[0][x * W + W - 1 - y]);
    expect_i64(p.picture.plane[1][0], s.plane[1][W / 2 - 1]);
}

/* A point of the source, between its neighbours; -1 outside. */
static double between(const scene *s, double x, double y)
{
    if (x < -0.5 || y < -0.5 || x > W - 0.5 || y > H - 0.5) return -1;
    x = fmin(fmax(x, 0), W - 1);
    y = fmin(fmax(y, 0), H - 1);
    int l = (int)x, t = (int)y, r = l + 1 < W ? l + 1 : l, b = t + 1 < H ? t + 1 : t;
    double above = s->plane[0][t * W + l] * (1 - (x - l)) + s->plane[0][t * W + r] * (x - l);
    double below = s->plane[0][b * W + l] * (1 - (x - l)) + s->plane[0][b * W + r] * (x - l);

    return above * (1 - (y - t)) + below * (y - t);
}

// covers: PRE-1
VD_TEST(turn_by_any_angle_takes_each_pixel_from_where_it_was)
{
    static scene s;
    double angle = 17.0 / 180 * M_PI;
    unsigned inside = 0, outside = 0;
    paint(&s, W, H);

    vd_prepared p = run(&s, "[{rotate: 17}]", NULL);

    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double across = x - (W - 1) / 2.0, down = y - (H - 1) / 2.0;
            double want = between(&s, cos(angle) * across + sin(angle) * down + (W - 1) / 2.0,
                                  cos(angle) * down - sin(angle) * across + (H - 1) / 2.0);
            if (want < 0) expect_i64(luma(&p, x, y), 128);
            if (want >= 0) expect_near(luma(&p, x, y), want, 1.01);
            inside += want >= 0;
            outside += want < 0;
        }
    expect_true(inside > W * H / 2 && outside > 100);
}

// covers: PRE-1
VD_TEST(lens_is_undone_by_the_formula_of_calibration)
{
    static scene s;
    const double fx = 0.8 * W, fy = 1.1 * H, cx = 0.48 * W, cy = 0.53 * H;
    paint(&s, W, H);

    vd_prepared p = run(&s,
                        "[{undistort: {focal: [0.8, 1.1], center: [0.48, 0.53], k1: -0.25, "
                        "k2: 0.06, p1: 0.003, p2: -0.002}}]",
                        NULL);

    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double a = (x + 0.5 - cx) / fx, b = (y + 0.5 - cy) / fy, r2 = a * a + b * b;
            double k = 1 - 0.25 * r2 + 0.06 * r2 * r2;
            double u = a * k + 2 * 0.003 * a * b - 0.002 * (r2 + 2 * a * a);
            double v = b * k + 0.003 * (r2 + 2 * b * b) - 2 * 0.002 * a * b;
            double want = between(&s, u * fx + cx - 0.5, v * fy + cy - 0.5);
            if (want >= 0) expect_near(luma(&p, x, y), want, 3);
        }
    double x = 0.9, y = 0.2;
    vd_prepared_back(&p, &x, &y);
    expect_true(x < 0.9 - 0.01 && y > 0.2 + 0.005); /* a barrel pulls corners in */
    vd_prepared_on(&p, &x, &y);
    expect_near(x, 0.9, 1e-6);
    expect_near(y, 0.2, 1e-6);
}

// covers: PRE-1
VD_TEST(noise_goes_and_edges_stay)
{
    static scene s;
    paint(&s, W, H);
    for (int i = 0; i < W * H; i++) s.plane[0][i] = (uint8_t)(i % W < W / 2 ? 60 : 180);
    for (int i = 0; i < W * H; i++)
        s.plane[0][i] = (uint8_t)(s.plane[0][i] + (i * 2654435761u >> 28));

    vd_prepared p = run(&s, "[{denoise: {strength: 15, radius: 2}}]", NULL);

    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int sum = 0, count = 0, own = s.plane[0][y * W + x];
            for (int v = y - 2; v <= y + 2; v++)
                for (int u = x - 2; u <= x + 2; u++) {
                    if (u < 0 || v < 0 || u >= W || v >= H) continue;
                    int value = s.plane[0][v * W + u];
                    if (abs(value - own) > 15) continue;
                    sum += value;
                    count++;
                }
            expect_i64(luma(&p, x, y), (int)floor((double)sum / count + 0.5));
            expect_true((luma(&p, x, y) < 120) == (x < W / 2));
        }
    expect_i64(p.picture.plane[2][5], s.plane[2][5]);
}

// covers: PRE-1
VD_TEST(light_is_a_table_for_the_pass_that_makes_the_tensor)
{
    static scene s;
    paint(&s, W, H);
    vd_prepared p = run(&s, "[{light: {brightness: 0.1, contrast: 1.5, gamma: 0.6}}]", NULL);

    assert_ptr_equal(p.picture.plane[0], s.plane[0]);
    for (int i = 0; i < 256; i++) {
        double v = fmin(1, fmax(0, (i / 255.0 - 0.5) * 1.5 + 0.5 + 0.1));
        expect_i64(p.light[i], (int)lround(pow(v, 0.6) * 255));
    }
    s.picture.full_range = false;
    p = run(&s, "[{light: {gamma: 0.5}}]", NULL);
    expect_i64(p.light[16], 16);
    expect_i64(p.light[235], 235);
    expect_i64(p.light[16 + 219 / 4], (int)lround(sqrt(54 / 219.0) * 219 + 16));
}

// covers: PRE-1
VD_TEST(two_lights_are_one_table_and_hold_for_passes_behind_them)
{
    static scene s;
    paint(&s, W, H);
    uint8_t gamma[256], dark[256];
    vd_chain each = chain_of("[{light: {gamma: 0.5}}, {light: {brightness: -0.2}}]");
    light_table(&each.step[0], true, gamma);
    light_table(&each.step[1], true, dark);

    vd_prepared p =
        run(&s, "[{light: {gamma: 0.5}}, {rotate: 180}, {light: {brightness: -0.2}}]", NULL);
    for (int i = 0; i < 256; i++) expect_i64(p.light[i], dark[gamma[i]]);
    p = run(&s, "[{light: {gamma: 0.5}}, {denoise: {strength: 1}}]", NULL);
    assert_null(p.light);
    uint8_t want[W * H], lit[W * H];
    for (int i = 0; i < W * H; i++) lit[i] = gamma[s.plane[0][i]];
    denoise_plane(lit, W, W, H, 1, 1, want, W);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) expect_i64(luma(&p, x, y), want[y * W + x]);
}

/* Of one tile: its histogram, cut off at the limit, summed up, spread over 0..255. */
static double spread(const scene *s, int column, int row, int value)
{
    int l = column * W / 4, r = (column + 1) * W / 4, t = row * H / 4, b = (row + 1) * H / 4;
    int count[256] = { 0 }, limit = (int)fmax(1, 3.0 * (r - l) * (b - t) / 256), over = 0;
    double sum = 0;

    for (int y = t; y < b; y++)
        for (int x = l; x < r; x++) count[s->plane[0][y * W + x]]++;
    for (int i = 0; i < 256; i++) {
        over += count[i] > limit ? count[i] - limit : 0;
        count[i] = count[i] > limit ? limit : count[i];
    }
    for (int i = 0; i <= value; i++) sum += count[i];
    return (sum + over * (value + 1) / 256.0) * 255 / ((r - l) * (b - t));
}

// covers: PRE-1
VD_TEST(each_place_is_spread_over_the_range_by_the_tiles_around_it)
{
    static scene s;
    paint(&s, W, H);
    for (int i = 0; i < W * H; i++) s.plane[0][i] = (uint8_t)(90 + s.plane[0][i] / 6);

    vd_prepared p = run(&s, "[{clahe: {limit: 3, tiles: 4}}]", NULL);

    int least = 255, most = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double across = (x + 0.5) * 4 / W - 0.5, down = (y + 0.5) * 4 / H - 0.5;
            int l = (int)floor(across), t = (int)floor(down), value = s.plane[0][y * W + x];
            double a = across - l, d = down - t;
            int r = l < 3 ? l + 1 : 3, b = t < 3 ? t + 1 : 3;
            l = l < 0 ? 0 : l;
            t = t < 0 ? 0 : t;
            double above = spread(&s, l, t, value) * (1 - a) + spread(&s, r, t, value) * a;
            double below = spread(&s, l, b, value) * (1 - a) + spread(&s, r, b, value) * a;
            int have = luma(&p, x, y);
            expect_near(have, above * (1 - d) + below * d, 2.5);
            least = have < least ? have : least;
            most = have > most ? have : most;
        }
    expect_true(most - least > 75); /* it was 40 */
}

// covers: PRE-1
VD_TEST(crop_turn_and_lens_are_one_pass_no_larger_than_the_tensor)
{
    static scene s;
    paint(&s, W, H);
    const vd_tensor_spec spec = { .width_px = 16, .height_px = 16, .fit = VD_FIT_LETTERBOX };
    const char *chain =
        "[{crop: [0, 0, 0.5, 1]}, {rotate: 90}, {undistort: {focal: [1, 1], k1: 0}}]";

    vd_prepared p = run(&s, chain, &spec);

    expect_i64(p.picture.width_px, 16); /* 32x48, turned: 48x32 */
    expect_i64(p.picture.height_px, 11);
    double x = 0, y = 0;
    vd_prepared_back(&p, &x, &y);
    expect_near(x, 0, 1e-9);
    expect_near(y, 1, 1e-9);
    x = 0.5, y = 1;
    vd_prepared_back(&p, &x, &y);
    expect_near(x, 0.5, 1e-9);
    expect_near(y, 0.5, 1e-9);
    vd_prepared_on(&p, &x, &y);
    expect_near(x, 0.5, 1e-9);
    expect_near(y, 1, 1e-9);
    p = run(&s, chain, NULL);
    expect_i64(p.picture.width_px, 48);
}

// covers: PRE-1
VD_TEST(every_form_of_picture_survives_every_order_of_steps)
{
    static const char *const chains[] = {
        "[{crop: [0.3, 0.3, 0.31, 0.31]}, clahe, denoise, {rotate: 45}, clahe]",
        "[{crop: [0.51, 0.27, 0.93, 0.8]}, denoise, {crop: [0.11, 0.3, 1, 1]}, {rotate: 90}, "
        "{light: {contrast: 0}}, {clahe: {tiles: 16, limit: 40}}, {crop: [0.2, 0.2, 0.7, 0.9]}]",
        "[{undistort: {focal: [0.05, 0.05], k1: 10, k2: -10, k3: 10}}, {rotate: 359.5}]",
    };
    static scene s;

    for (unsigned i = 0; i < VD_COUNT_OF(chains); i++)
        for (int width = 1; width < 24; width += i + 1)
            for (int height = 1; height < 20; height += 3) {
                paint(&s, width, height);
                vd_prepared p = run(&s, chains[i], NULL);
                expect_true(p.part.width >= 1 && p.part.height >= 1 && p.part.left >= 0);
                expect_true(p.part.left + p.part.width <= p.picture.width_px);
                expect_true(p.part.top >= 0 && p.part.top + p.part.height <= p.picture.height_px);
            }
}

// covers: PRE-1
VD_TEST(tiles_cover_the_part_and_overlap_as_asked)
{
    const vd_part_px part = { 100, 50, 1280, 720 };
    vd_tiles tiles = { 640, 400, 0.2, true };
    vd_part_px tile[VD_TILES_MAX + 1];
    unsigned count;
    vd_why why = { 0 };

    expect_ok(vd_chain_tiles(&tiles, &part, tile, &count, NULL));
    expect_u64(count, 7); /* 3 x 2, and the whole */
    expect_i64(tile[0].left, 100);
    expect_i64(tile[1].left, 420);
    expect_i64(tile[2].left + tile[2].width, 1380);
    expect_i64(tile[5].top + tile[5].height, 770);
    expect_i64(tile[6].width, 1280);
    tiles = (vd_tiles){ 4096, 4096, 0.2, true };
    expect_ok(vd_chain_tiles(&tiles, &part, tile, &count, NULL));
    expect_u64(count, 1);
    tiles = (vd_tiles){ 32, 32, 0.9, true };
    expect_err(vd_chain_tiles(&tiles, &part, tile, &count, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "larger"));
}

static void drop_preparer(void)
{
    preparer = vd_preparer_free(preparer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(crop_is_a_part_of_the_same_memory),
        VD_RUN(quarter_turns_move_every_pixel_to_its_place),
        VD_RUN(turn_by_any_angle_takes_each_pixel_from_where_it_was),
        VD_RUN(lens_is_undone_by_the_formula_of_calibration),
        VD_RUN(noise_goes_and_edges_stay),
        VD_RUN(light_is_a_table_for_the_pass_that_makes_the_tensor),
        VD_RUN(two_lights_are_one_table_and_hold_for_passes_behind_them),
        VD_RUN(each_place_is_spread_over_the_range_by_the_tiles_around_it),
        VD_RUN(crop_turn_and_lens_are_one_pass_no_larger_than_the_tensor),
        VD_RUN(every_form_of_picture_survives_every_order_of_steps),
        VD_RUN(tiles_cover_the_part_and_overlap_as_asked),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    drop_preparer();
    return failed;
}
