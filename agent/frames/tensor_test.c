#include "frames.h"
#include "tensor_priv.h"

#include <math.h>
#include <stdlib.h>

#include "vd/test.h"

enum { MOST = 3 * 300 * 300 };

static uint32_t noise_state = 1;
static uint8_t noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (uint8_t)(noise_state >> 24);
}

/* A picture of noise: every wrong index and weight shows. */
static vd_frame *noise_frame(int width, int height, bool full_range, bool bt709)
{
    int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    size_t bytes = (size_t)(width * height + 2 * half_width * half_height);
    uint8_t *planes = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) planes[i] = noise();
    uint8_t *u = planes + width * height;
    vd_picture picture = { .width_px = width,
                           .height_px = height,
                           .plane = { planes, u, u + half_width * half_height },
                           .stride = { width, half_width, half_width },
                           .full_range = full_range,
                           .bt709 = bt709 };
    vd_frame *frame;
    expect_ok(vd_frame_copy(&picture, &frame));
    free(planes);
    return frame;
}

/* What of the picture may be seen; the reference reads nothing else. */
static vd_part_px whole_of(const vd_picture *p)
{
    return (vd_part_px){ 0, 0, p->width_px, p->height_px };
}

static double clip(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* The plain reference: bilinear at one point, in doubles. */
static double plane_at(const vd_picture *p, const vd_part_px *part, int plane, double x, double y)
{
    int shrink = plane ? 2 : 1;
    int right = (part->left + part->width - 1) / shrink;
    int bottom = (part->top + part->height - 1) / shrink;
    x = clip(plane ? x / 2 - 0.5 : x - 0.5, part->left / shrink, right);
    y = clip(plane ? y / 2 - 0.5 : y - 0.5, part->top / shrink, bottom);
    int x0 = (int)x, y0 = (int)y, x1 = x0 < right ? x0 + 1 : x0, y1 = y0 < bottom ? y0 + 1 : y0;
    const uint8_t *top = p->plane[plane] + y0 * p->stride[plane];
    const uint8_t *low = p->plane[plane] + y1 * p->stride[plane];
    double fx = x - x0, fy = y - y0;
    return (top[x0] * (1 - fx) + top[x1] * fx) * (1 - fy) +
           (low[x0] * (1 - fx) + low[x1] * fx) * fy;
}

static double colour_at(const vd_picture *p, const vd_part_px *part, int c, double x, double y)
{
    double luma = plane_at(p, part, 0, x, y), u = plane_at(p, part, 1, x, y) - 128;
    double v = plane_at(p, part, 2, x, y) - 128;
    double kr = p->bt709 ? 0.2126 : 0.299, kb = p->bt709 ? 0.0722 : 0.114;
    if (!p->full_range) {
        luma = (luma - 16) * 255 / 219;
        u *= 255.0 / 224;
        v *= 255.0 / 224;
    }
    double rgb[3] = { luma + 2 * (1 - kr) * v, 0, luma + 2 * (1 - kb) * u };
    rgb[1] = (luma - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
    return clip(rgb[c], 0, 255);
}

static float *tensor_of_part(const vd_frame *frame, const vd_part_px *part,
                             const vd_tensor_spec *spec, vd_tensor_map *map)
{
    static float tensor[MOST];
    memset(tensor, 0x7f, sizeof(tensor)); /* what is not written shows */
    vd_frame_tensor_part(frame, part, spec, tensor, map);
    return tensor;
}

static float *tensor_of(const vd_frame *frame, const vd_tensor_spec *spec, vd_tensor_map *map)
{
    static float tensor[MOST];
    memset(tensor, 0x7f, sizeof(tensor));
    vd_frame_tensor(frame, spec, tensor, map);
    return tensor;
}

static float at(const float *tensor, const vd_tensor_spec *spec, int c, int x, int y)
{
    int plane = spec->width_px * spec->height_px, pixel = y * spec->width_px + x;
    return spec->layout == VD_LAYOUT_NCHW ? tensor[c * plane + pixel] : tensor[pixel * 3 + c];
}

static void expect_part_like_reference(const vd_frame *frame, const vd_part_px *part,
                                       const vd_tensor_spec *spec)
{
    vd_tensor_map map;
    const vd_picture *p = vd_frame_picture(frame);
    const float *tensor = tensor_of_part(frame, part, spec, &map);
    const double edge = 1e-3;
    double worst = 0;
    for (int y = 0; y < spec->height_px; y++)
        for (int x = 0; x < spec->width_px; x++)
            for (int c = 0; c < 3; c++) {
                double px = (x + 0.5 - map.dx_px) * map.sx * p->width_px;
                double py = (y + 0.5 - map.dy_px) * map.sy * p->height_px;
                bool inside = px >= part->left - edge && py >= part->top - edge &&
                              px <= part->left + part->width + edge &&
                              py <= part->top + part->height + edge;
                double want =
                    inside ? colour_at(p, part, spec->bgr ? 2 - c : c, px, py) : spec->pad;
                double have = at(tensor, spec, c, x, y) / spec->scale[c] + spec->mean[c];
                if (!(fabs(have - want) <= worst)) worst = fabs(have - want);
            }
    expect_near(worst, 0, 0.06);
}

static void expect_like_reference(const vd_frame *frame, const vd_tensor_spec *spec)
{
    vd_part_px all = whole_of(vd_frame_picture(frame));
    expect_part_like_reference(frame, &all, spec);
}

static const vd_tensor_spec plain = {
    .width_px = 96, .height_px = 64, .fit = VD_FIT_STRETCH, .scale = { 1, 1, 1 }
};

// covers: INF-1
VD_TEST(a_tensor_is_like_a_plain_bilinear_reference)
{
    static const int sizes[][2] = { { 192, 128 }, { 97, 63 }, { 33, 21 }, { 96, 64 },
                                    { 300, 41 },  { 1, 1 },   { 2, 3 } };
    for (unsigned i = 0; i < VD_COUNT_OF(sizes); i++)
        for (int kind = 0; kind < 4; kind++) {
            vd_frame *frame = noise_frame(sizes[i][0], sizes[i][1], kind & 1, kind & 2);
            expect_like_reference(frame, &plain);
            vd_frame_unref(frame);
        }
}

VD_TEST(layout_order_mean_and_scale_are_the_descriptors)
{
    vd_frame *frame = noise_frame(120, 80, false, false);
    vd_tensor_spec spec = plain;
    spec.layout = VD_LAYOUT_NHWC;
    spec.bgr = true;
    for (int c = 0; c < 3; c++) {
        spec.mean[c] = 100.0f + (float)c * 10;
        spec.scale[c] = 1.0f / (50.0f + (float)c);
    }
    expect_like_reference(frame, &spec);
    vd_frame_unref(frame);
}

VD_TEST(a_letterbox_keeps_the_shape_and_pads_the_rest)
{
    for (int kind = 0; kind < 8; kind++) {
        vd_frame *frame =
            kind & 1 ? noise_frame(160, 90, true, false) : noise_frame(90, 161, true, false);
        vd_tensor_spec spec = plain;
        spec.fit = VD_FIT_LETTERBOX;
        spec.pad = 114;
        spec.pad_top_left = kind & 2;
        spec.layout = kind & 4 ? VD_LAYOUT_NHWC : VD_LAYOUT_NCHW;
        expect_like_reference(frame, &spec);
        vd_frame_unref(frame);
    }
}

// covers: INF-3
VD_TEST(a_part_of_a_picture_is_like_the_reference_that_sees_nothing_else)
{
    static const vd_part_px parts[] = { { 0, 0, 97, 63 },  { 1, 0, 96, 63 },  { 31, 17, 40, 33 },
                                        { 32, 18, 7, 45 }, { 96, 62, 1, 1 },  { 0, 61, 97, 2 },
                                        { 13, 5, 1, 57 },  { 60, 30, 37, 33 } };
    for (unsigned i = 0; i < VD_COUNT_OF(parts); i++)
        for (int kind = 0; kind < 4; kind++) {
            vd_frame *frame = noise_frame(97, 63, kind & 1, false);
            vd_tensor_spec spec = plain;
            spec.fit = kind & 2 ? VD_FIT_LETTERBOX : VD_FIT_STRETCH;
            spec.layout = kind & 1 ? VD_LAYOUT_NHWC : VD_LAYOUT_NCHW;
            spec.pad = 114;
            expect_part_like_reference(frame, &parts[i], &spec);
            vd_frame_unref(frame);
        }
}

// covers: INF-3
VD_TEST(the_map_of_a_part_leads_to_the_full_picture)
{
    vd_frame *frame = noise_frame(200, 100, true, false);
    vd_tensor_map map;
    const vd_part_px part = { 50, 20, 100, 40 };
    tensor_of_part(frame, &part, &plain, &map);
    expect_near((0 - map.dx_px) * map.sx, 0.25, 1e-6);
    expect_near((96 - map.dx_px) * map.sx, 0.75, 1e-6);
    expect_near((0 - map.dy_px) * map.sy, 0.2, 1e-6);
    expect_near((64 - map.dy_px) * map.sy, 0.6, 1e-6);
    vd_frame_unref(frame);
}

VD_TEST(the_map_leads_back_to_the_picture)
{
    vd_frame *frame = noise_frame(200, 100, true, false);
    vd_tensor_spec spec = plain;
    vd_tensor_map map;
    spec.fit = VD_FIT_LETTERBOX;
    tensor_of(frame, &spec, &map);
    expect_near(map.dx_px, 0, 0);
    expect_near(map.dy_px, 8, 0); /* 96x48 in 96x64 */
    expect_near((56 - map.dy_px) * map.sy, 1, 1e-6);
    spec.pad_top_left = true;
    tensor_of(frame, &spec, &map);
    expect_near(map.dy_px, 0, 0);
    vd_frame_unref(frame);
}

VD_TEST(known_colours_come_out_right)
{
    /* BT.601 video range: black, white, red */
    static const uint8_t yuv[3][3] = { { 16, 128, 128 }, { 235, 128, 128 }, { 81, 90, 240 } };
    static const float rgb[3][3] = { { 0, 0, 0 }, { 255, 255, 255 }, { 254.4f, 0, 0 } };
    for (int i = 0; i < 3; i++) {
        uint8_t luma[16], u[4], v[4];
        memset(luma, yuv[i][0], sizeof(luma));
        memset(u, yuv[i][1], sizeof(u));
        memset(v, yuv[i][2], sizeof(v));
        vd_picture picture = {
            .width_px = 4, .height_px = 4, .plane = { luma, u, v }, .stride = { 4, 2, 2 }
        };
        vd_frame *frame;
        vd_tensor_map map;
        expect_ok(vd_frame_copy(&picture, &frame));
        const float *tensor = tensor_of(frame, &plain, &map);
        for (int c = 0; c < 3; c++) expect_near(at(tensor, &plain, c, 40, 30), rgb[i][c], 1);
        vd_frame_unref(frame);
    }
}

static void expect_same_kernel(const tensor_kernel *kernel, int width)
{
    static uint8_t above[1000], below[1000];
    static int16_t row[2][1004];
    static float out[2][3][1000];
    static x_table table;
    colour k = { 1e-6f,         { 0, 1e-7f, 2e-6f }, { 2e-6f, 1e-7f, 0 },
                 { -20, 3, 7 }, { 2, 3, 4 },         { 1, 2, 3 } };
    for (int i = 0; i < width; i++) {
        above[i] = noise();
        below[i] = noise();
        table.at[i] = noise() % width;
        int right = noise() * 64;
        table.weights[i] = right * 65536 + WEIGHT_ONE - right;
    }
    const tensor_kernel *both[2] = { tensor_kernel_plain(), kernel };
    for (int i = 0; i < 2; i++) {
        both[i]->blend(above, below, 12345, width, row[i]);
        row[i][width] = row[i][width - 1];
        sample_job job = { { row[i], row[i], row[i] },
                           { &table, &table, &table },
                           &k,
                           { out[i][0], out[i][1], out[i][2] } };
        both[i]->sample(&job, width);
    }
    for (int i = 0; i < width; i++) {
        expect_i64(row[1][i], row[0][i]);
        for (int c = 0; c < 3; c++) expect_near(out[1][c][i], out[0][c][i], 2e-2);
    }
}

/* Each channel, plain, of the same picture. */
static void shown(const vd_frame *frame, const uint8_t *light, vd_colour as, float *tensor)
{
    vd_tensor_map map;
    const vd_tensor_spec spec = { .width_px = 20,
                                  .height_px = 10,
                                  .fit = VD_FIT_STRETCH,
                                  .layout = VD_LAYOUT_NHWC,
                                  .scale = { 1, 1, 1 },
                                  .colour = as,
                                  .light = light };
    vd_frame_tensor(frame, &spec, tensor, &map);
}

// covers: PRE-1
VD_TEST(grey_is_the_luma_three_times)
{
    vd_frame *frame = noise_frame(20, 10, true, false);
    const vd_picture *p = vd_frame_picture(frame);
    float grey[600];
    shown(frame, NULL, VD_COLOUR_GREY, grey);
    for (int i = 0; i < 600; i++)
        expect_near(grey[i], p->plane[0][i / 60 * p->stride[0] + i % 60 / 3], 0.02);
    vd_frame_unref(frame);
}

/* By the textbook: the sector of the colour wheel from which colours are largest and least. */
static void hsv_of(const float rgb[3], double hsv[3])
{
    int most = rgb[1] > rgb[0] ? (rgb[2] > rgb[1] ? 2 : 1) : (rgb[2] > rgb[0] ? 2 : 0);
    double least = fmin(fmin((double)rgb[0], (double)rgb[1]), (double)rgb[2]);
    double range = (double)rgb[most] - least;
    double degrees = 120.0 * most;
    if (range > 0)
        degrees += 60 * ((double)rgb[(most + 1) % 3] - (double)rgb[(most + 2) % 3]) / range;
    hsv[0] = fmod(degrees + 360, 360) / 360 * 255;
    hsv[1] = rgb[most] > 0 ? range / (double)rgb[most] * 255 : 0;
    hsv[2] = (double)rgb[most];
}

// covers: PRE-1
VD_TEST(hsv_is_the_textbooks_and_normalised_after)
{
    vd_frame *frame = noise_frame(20, 10, false, true);
    float rgb[600], planar[600];
    vd_tensor_map map;
    const vd_tensor_spec spec = { .width_px = 20,
                                  .height_px = 10,
                                  .fit = VD_FIT_STRETCH,
                                  .layout = VD_LAYOUT_NCHW,
                                  .bgr = true,
                                  .mean = { 10, 20, 30 },
                                  .scale = { 0.5f, 2, 0.25f },
                                  .colour = VD_COLOUR_HSV };
    shown(frame, NULL, VD_COLOUR_PLAIN, rgb);
    vd_frame_tensor(frame, &spec, planar, &map);
    for (int i = 0; i < 200; i++) {
        double want[3];
        hsv_of(rgb + i * 3, want);
        double round_wheel = fabs(planar[i] - (want[0] - 10) * 0.5);
        expect_true(round_wheel < 0.05 || round_wheel > 127);
        expect_near(planar[200 + i], (want[1] - 20) * 2, 0.1);
        expect_near(planar[400 + i], (want[2] - 30) * 0.25, 0.01);
    }
    vd_frame_unref(frame);
}

// covers: PRE-1
VD_TEST(light_in_the_pass_is_like_a_picture_in_that_light)
{
    vd_frame *frame = noise_frame(61, 37, true, false);
    vd_picture lit = *vd_frame_picture(frame);
    uint8_t table[256], luma[61 * 37];
    float have[600], want[600];
    vd_frame *other;
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)(255 - i / 2);
    for (int i = 0; i < 61 * 37; i++)
        luma[i] = table[lit.plane[0][i / 61 * lit.stride[0] + i % 61]];
    lit.plane[0] = luma;
    lit.stride[0] = 61;
    expect_ok(vd_frame_copy(&lit, &other));
    shown(frame, table, VD_COLOUR_PLAIN, have);
    shown(other, NULL, VD_COLOUR_PLAIN, want);
    for (int i = 0; i < 600; i++) expect_near(have[i], want[i], 0);
    vd_frame_unref(frame);
    vd_frame_unref(other);
}

VD_TEST(every_kernel_of_this_machine_agrees_with_the_plain_one)
{
    const tensor_kernel *kernels[2] = { tensor_kernel_avx2(), tensor_kernel_avx512() };
    for (unsigned i = 0; i < 2; i++)
        for (int width = 1; kernels[i] && width < 100; width++)
            expect_same_kernel(kernels[i], width);
}

VD_TEST_MAIN(VD_RUN(a_tensor_is_like_a_plain_bilinear_reference),
             VD_RUN(layout_order_mean_and_scale_are_the_descriptors),
             VD_RUN(a_letterbox_keeps_the_shape_and_pads_the_rest),
             VD_RUN(the_map_leads_back_to_the_picture),
             VD_RUN(a_part_of_a_picture_is_like_the_reference_that_sees_nothing_else),
             VD_RUN(the_map_of_a_part_leads_to_the_full_picture),
             VD_RUN(known_colours_come_out_right),
             VD_RUN(every_kernel_of_this_machine_agrees_with_the_plain_one),
             VD_RUN(grey_is_the_luma_three_times),
             VD_RUN(hsv_is_the_textbooks_and_normalised_after),
             VD_RUN(light_in_the_pass_is_like_a_picture_in_that_light))
