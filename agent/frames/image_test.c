/* image_test.c - pictures that people bring: PNG and BMP become the frame that a JPEG would. */
#include "frames.h"

#include <png.h>

#include "vd/test.h"

#define W 5
#define H 3

static const uint8_t red[3] = { 255, 0, 0 }, blue[3] = { 0, 0, 255 };

/* Left two columns red, the others blue. */
static void paint(uint8_t rgb[W * H * 3])
{
    for (int n = 0; n < W * H; n++) memcpy(rgb + n * 3, n % W < 2 ? red : blue, 3);
}

static void png_of(const uint8_t *rgb, png_uint_32 format, vd_buf *into)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = W, .height = H, .format = format };
    uint8_t bytes[4096];
    png_alloc_size_t len = sizeof bytes;
    expect_true(png_image_write_to_memory(&image, bytes, &len, 0, rgb, 0, NULL));
    expect_true(vd_buf_add(into, vd_slice_of(bytes, len)));
}

static void put(uint8_t *at, uint32_t value, int bytes)
{
    for (int n = 0; n < bytes; n++, value >>= 8) at[n] = (uint8_t)value;
}

/* Bottom row first unless `top_first`. */
static size_t bmp_of(const uint8_t *rgb, bool top_first, uint8_t into[256])
{
    size_t stride = (W * 3 + 3) / 4 * 4;
    memset(into, 0, 256);
    into[0] = 'B';
    into[1] = 'M';
    put(into + 10, 54, 4);
    put(into + 14, 40, 4);
    put(into + 18, W, 4);
    put(into + 22, top_first ? (uint32_t)-H : H, 4);
    put(into + 28, 24, 2);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++)
                into[54 + (size_t)(top_first ? y : H - 1 - y) * stride + (size_t)x * 3 +
                     (size_t)c] = rgb[(y * W + x) * 3 + 2 - c];
    return 54 + stride * H;
}

static void expect_painted(vd_frame *frame)
{
    const vd_picture *p = vd_frame_picture(frame);
    expect_i64(p->width_px, W);
    expect_i64(p->height_px, H);
    expect_true(p->full_range);
    for (int y = 0; y < H; y++) {
        expect_near(p->plane[0][y * p->stride[0]], 76, 1);
        expect_near(p->plane[0][y * p->stride[0] + W - 1], 29, 1);
    }
    expect_near(p->plane[1][0], 85, 1); /* red */
    expect_near(p->plane[2][0], 255, 1);
    expect_near(p->plane[1][2], 255, 1); /* blue, the lone last column */
    expect_near(p->plane[2][2], 107, 1);
    vd_frame_unref(frame);
}

VD_TEST(a_png_becomes_a_frame)
{
    uint8_t rgb[W * H * 3];
    VD_AUTO(vd_buf) png = VD_BUF(4096);
    vd_frame *frame = NULL;
    paint(rgb);
    png_of(rgb, PNG_FORMAT_RGB, &png);
    expect_ok(vd_frame_from_image(vd_buf_slice(&png), &frame, NULL));
    expect_painted(frame);
}

VD_TEST(what_is_transparent_in_a_png_shows_white)
{
    uint8_t rgba[W * H * 4] = { 0 };
    VD_AUTO(vd_buf) png = VD_BUF(4096);
    vd_frame *frame = NULL;
    png_of(rgba, PNG_FORMAT_RGBA, &png);
    expect_ok(vd_frame_from_png(vd_buf_slice(&png), &frame, NULL));
    expect_i64(vd_frame_picture(frame)->plane[0][0], 255);
    vd_frame_unref(frame);
}

VD_TEST(a_bmp_becomes_a_frame_whichever_row_comes_first)
{
    uint8_t rgb[W * H * 3], bmp[256];
    vd_frame *frame = NULL;
    paint(rgb);
    for (int top_first = 0; top_first < 2; top_first++) {
        size_t len = bmp_of(rgb, top_first, bmp);
        expect_ok(vd_frame_from_image(vd_slice_of(bmp, len), &frame, NULL));
        expect_painted(frame);
    }
}

// covers: CIR-10
VD_TEST(cut_and_lying_pictures_are_refused_with_a_reason)
{
    uint8_t rgb[W * H * 3], bmp[256];
    VD_AUTO(vd_buf) png = VD_BUF(4096);
    vd_frame *frame = NULL;
    vd_why why = { 0 };
    paint(rgb);
    png_of(rgb, PNG_FORMAT_RGB, &png);
    for (size_t len = 0; len < png.len - 12; len++) { /* its last chunk says only that it ends */
        why.fact[0] = '\0';
        expect_true(vd_frame_from_image(vd_slice_of(png.data, len), &frame, &why) != VD_OK);
        expect_true(why.fact[0] != '\0');
    }
    size_t whole = bmp_of(rgb, false, bmp);
    expect_err(vd_frame_from_image(vd_slice_of(bmp, whole - 1), &frame, &why), VD_CORRUPT);
    put(bmp + 18, 1u << 30, 4); /* says it is enormous */
    expect_err(vd_frame_from_image(vd_slice_of(bmp, whole), &frame, &why), VD_INVALID);
    bmp_of(rgb, false, bmp);
    put(bmp + 28, 8, 2);
    expect_err(vd_frame_from_image(vd_slice_of(bmp, whole), &frame, &why), VD_INVALID);
    put(bmp + 10, 0xffffffffu, 4);
    put(bmp + 28, 24, 2);
    expect_err(vd_frame_from_image(vd_slice_of(bmp, whole), &frame, &why), VD_CORRUPT);
    expect_err(vd_frame_from_image(VD_STR("GIF89a"), &frame, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "PNG"));
}

VD_TEST_MAIN(VD_RUN(a_png_becomes_a_frame), VD_RUN(what_is_transparent_in_a_png_shows_white),
             VD_RUN(a_bmp_becomes_a_frame_whichever_row_comes_first),
             VD_RUN(cut_and_lying_pictures_are_refused_with_a_reason))
