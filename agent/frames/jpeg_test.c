#include "frames.h"

#include <stdlib.h>

#include "vd/test.h"

/* A slope in luma and flat colour, in video range. */
static vd_frame *slope(int width, int height)
{
    int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    uint8_t *luma = malloc((size_t)(width * height));
    uint8_t *chroma = malloc((size_t)(half_width * half_height));
    for (int i = 0; i < width * height; i++)
        luma[i] = (uint8_t)(16 + 219 * (i % width) / (width > 1 ? width - 1 : 1));
    memset(chroma, 100, (size_t)(half_width * half_height));
    vd_picture picture = { .width_px = width,
                           .height_px = height,
                           .plane = { luma, chroma, chroma },
                           .stride = { width, half_width, half_width } };
    vd_frame *frame;
    expect_ok(vd_frame_copy(&picture, &frame));
    free(luma);
    free(chroma);
    return frame;
}

static void expect_slope(const vd_frame *frame, int width, int height)
{
    const vd_picture *p = vd_frame_picture(frame);
    expect_i64(p->width_px, width);
    expect_i64(p->height_px, height);
    expect_true(p->full_range);
    for (int x = 0; x < width; x++)
        expect_near(p->plane[0][(height / 2) * p->stride[0] + x], 255.0 * x / (width - 1), 6);
    expect_near(p->plane[1][0], 128 - 28 * 255 / 224.0, 3);
}

VD_TEST(a_picture_survives_jpeg_in_any_size)
{
    static const int sizes[][2] = { { 64, 48 }, { 65, 49 }, { 17, 3 }, { 240, 31 } };
    for (unsigned i = 0; i < VD_COUNT_OF(sizes); i++) {
        VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
        vd_frame *frame = slope(sizes[i][0], sizes[i][1]), *back;
        vd_why why;
        expect_ok(vd_frame_jpeg(frame, 0, 95, &jpeg, &why));
        expect_ok(vd_frame_from_jpeg(vd_buf_slice(&jpeg), &back, &why));
        expect_slope(back, sizes[i][0], sizes[i][1]);
        vd_frame_unref(frame);
        vd_frame_unref(back);
    }
}

VD_TEST(a_smaller_jpeg_keeps_the_proportions)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    vd_frame *frame = slope(320, 200), *back;
    expect_ok(vd_frame_jpeg(frame, 80, 95, &jpeg, NULL));
    expect_ok(vd_frame_from_jpeg(vd_buf_slice(&jpeg), &back, NULL));
    expect_slope(back, 80, 50);
    vd_frame_unref(back);
    vd_buf_clear(&jpeg);
    expect_ok(vd_frame_jpeg(frame, 900, 95, &jpeg, NULL)); /* never larger than it is */
    expect_ok(vd_frame_from_jpeg(vd_buf_slice(&jpeg), &back, NULL));
    expect_i64(vd_frame_picture(back)->width_px, 320);
    vd_frame_unref(frame);
    vd_frame_unref(back);
}

VD_TEST(a_jpeg_over_the_buffers_limit_is_full)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(200);
    vd_frame *frame = slope(320, 200);
    vd_why why;
    expect_err(vd_frame_jpeg(frame, 0, 95, &jpeg, &why), VD_FULL);
    expect_u64(jpeg.len, 0);
    expect_err(vd_frame_jpeg(frame, 0, 101, &jpeg, &why), VD_INVALID);
    vd_frame_unref(frame);
}

VD_TEST(a_damaged_jpeg_is_corrupt_wherever_it_is_cut)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    vd_frame *frame = slope(64, 48), *back;
    vd_why why;
    expect_ok(vd_frame_jpeg(frame, 0, 80, &jpeg, NULL));
    for (size_t len = 0; len + 2 < jpeg.len; len++)
        expect_err(vd_frame_from_jpeg(vd_slice_of(jpeg.data, len), &back, &why), VD_CORRUPT);
    expect_err(vd_frame_from_jpeg(VD_STR("no picture at all"), &back, &why), VD_CORRUPT);
    vd_frame_unref(frame);
}

VD_TEST(a_jpeg_that_claims_too_many_pixels_is_refused_unread)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    vd_frame *frame = slope(64, 48), *back;
    vd_why why;
    expect_ok(vd_frame_jpeg(frame, 0, 80, &jpeg, NULL));
    for (size_t i = 0; i + 8 < jpeg.len; i++)
        if ((uint8_t)jpeg.data[i] == 0xff && (uint8_t)jpeg.data[i + 1] == 0xc0) {
            memset(jpeg.data + i + 5, 0x3f, 4); /* 16191 x 16191 */
            break;
        }
    expect_err(vd_frame_from_jpeg(vd_buf_slice(&jpeg), &back, &why), VD_INVALID);
    expect_true(strstr(why.fact, "16191x16191") != NULL);
    vd_frame_unref(frame);
}

VD_TEST_MAIN(VD_RUN(a_picture_survives_jpeg_in_any_size),
             VD_RUN(a_smaller_jpeg_keeps_the_proportions),
             VD_RUN(a_jpeg_over_the_buffers_limit_is_full),
             VD_RUN(a_damaged_jpeg_is_corrupt_wherever_it_is_cut),
             VD_RUN(a_jpeg_that_claims_too_many_pixels_is_refused_unread))
