#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "frames.h"
#include "vd/test.h"

typedef struct {
    int width, height;
    bool full_range;
    uint8_t *luma, *u, *v;
} drawing;

static drawing drawing_of(int width, int height)
{
    size_t chroma = (size_t)((width + 1) / 2) * (size_t)((height + 1) / 2);
    drawing d = { width,          height,        true, malloc((size_t)width * (size_t)height),
                  malloc(chroma), malloc(chroma) };
    assert_non_null(d.luma);
    memset(d.luma, 100, (size_t)width * (size_t)height);
    memset(d.u, 128, chroma);
    memset(d.v, 128, chroma);
    return d;
}

static void drawing_done(drawing *d)
{
    free(d->luma);
    free(d->u);
    free(d->v);
}
VD_AUTO_DEFINE(drawing, drawing_done)

static vd_frame *frame_of(const drawing *d)
{
    int half = (d->width + 1) / 2;
    vd_frame *frame = NULL;
    vd_picture picture = { .width_px = d->width,
                           .height_px = d->height,
                           .plane = { d->luma, d->u, d->v },
                           .stride = { d->width, half, half },
                           .full_range = d->full_range };
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

static vd_look look_at(const drawing *d)
{
    vd_frame *frame = frame_of(d);
    vd_look look = vd_frame_look(frame);
    vd_frame_unref(frame);
    return look;
}

static void stripes(drawing *d, int width_px, uint8_t dark, uint8_t light)
{
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++)
            d->luma[y * d->width + x] = x / width_px % 2 ? light : dark;
}

/* A box of `radius` each way, across only: the drawings have upright edges. */
static void blur(drawing *d, int radius)
{
    uint8_t *line = malloc((size_t)d->width);
    assert_non_null(line);
    for (int y = 0; y < d->height; y++) {
        uint8_t *luma = d->luma + y * d->width;
        memcpy(line, luma, (size_t)d->width);
        for (int x = 0; x < d->width; x++) {
            int sum = 0, count = 0;
            for (int k = x - radius; k <= x + radius; k++)
                if (k >= 0 && k < d->width) sum += line[k], count++;
            luma[x] = (uint8_t)(sum / count);
        }
    }
    free(line);
}

VD_TEST(an_even_grey_has_its_brightness_and_nothing_else)
{
    VD_AUTO(drawing) d = drawing_of(320, 240);
    vd_look look = look_at(&d);
    expect_near(look.brightness, 100, 0.001);
    expect_near(look.contrast, 0, 0.001);
    expect_near(look.sharpness, 0, 0.001);
    expect_near(look.saturation, 0, 0.001);
}

VD_TEST(half_dark_half_light_has_the_contrast_of_their_distance)
{
    VD_AUTO(drawing) d = drawing_of(640, 480);
    stripes(&d, 8, 50, 150);
    vd_look look = look_at(&d);
    expect_near(look.brightness, 100, 0.5);
    expect_near(look.contrast, 50, 0.5);
}

VD_TEST(blur_takes_sharpness_and_leaves_brightness)
{
    VD_AUTO(drawing) d = drawing_of(640, 480);
    stripes(&d, 16, 50, 150);
    vd_look sharp = look_at(&d);
    blur(&d, 1);
    vd_look slight = look_at(&d);
    blur(&d, 3);
    vd_look soft = look_at(&d);
    expect_true(slight.sharpness < 0.5 * sharp.sharpness);
    expect_true(soft.sharpness < 0.1 * sharp.sharpness);
    expect_near(soft.brightness, sharp.brightness, 1.5);
}

VD_TEST(a_cast_is_told_by_its_direction_and_saturation)
{
    VD_AUTO(drawing) d = drawing_of(320, 240);
    memset(d.v, 158, 160 * 120);
    memset(d.u, 88, 160 * 120);
    vd_look look = look_at(&d);
    expect_near(look.colour_u, -40, 0.01);
    expect_near(look.colour_v, 30, 0.01);
    expect_near(look.saturation, 50, 0.01);
}

VD_TEST(studio_range_and_full_range_tell_the_same)
{
    VD_AUTO(drawing) d = drawing_of(320, 240);
    stripes(&d, 8, 0, 255);
    vd_look full = look_at(&d);
    stripes(&d, 8, 16, 235);
    d.full_range = false;
    vd_look studio = look_at(&d);
    expect_near(studio.brightness, full.brightness, 0.01);
    expect_near(studio.contrast, full.contrast, 0.01);
    expect_near(studio.sharpness, full.sharpness, full.sharpness * 0.001);
}

VD_TEST(tiny_odd_and_wide_pictures_are_looked_at_without_harm)
{
    static const int sizes[][2] = {
        { 1, 1 }, { 2, 1 }, { 1, 2 }, { 3, 3 }, { 17, 5 }, { 4200, 3 }
    };
    for (unsigned i = 0; i < VD_COUNT_OF(sizes); i++) {
        VD_AUTO(drawing) d = drawing_of(sizes[i][0], sizes[i][1]);
        vd_look look = look_at(&d);
        expect_near(look.brightness, 100, 0.01);
        expect_near(look.sharpness, 0, 0.01);
    }
}

/* Printed, not judged: no figure of time decides a test. */
VD_TEST(a_full_hd_picture_is_looked_at)
{
    VD_AUTO(drawing) d = drawing_of(1920, 1080);
    struct timespec from, to;
    stripes(&d, 7, 20, 200);
    vd_frame *frame = frame_of(&d);
    double sum = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (unsigned i = 0; i < 200; i++) sum += vd_frame_look(frame).contrast;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    vd_frame_unref(frame);
    print_message("a look at 1920x1080 takes %.3f ms\n",
                  ((double)(to.tv_sec - from.tv_sec) * 1e3 +
                   (double)(to.tv_nsec - from.tv_nsec) / 1e6) /
                      200);
    expect_near(sum / 200, 90, 1);
}

VD_TEST_MAIN(VD_RUN(an_even_grey_has_its_brightness_and_nothing_else),
             VD_RUN(half_dark_half_light_has_the_contrast_of_their_distance),
             VD_RUN(blur_takes_sharpness_and_leaves_brightness),
             VD_RUN(a_cast_is_told_by_its_direction_and_saturation),
             VD_RUN(studio_range_and_full_range_tell_the_same),
             VD_RUN(tiny_odd_and_wide_pictures_are_looked_at_without_harm),
             VD_RUN(a_full_hd_picture_is_looked_at))
