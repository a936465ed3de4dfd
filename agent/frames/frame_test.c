#include "frames.h"

#include "vd/test.h"

static uint8_t luma[3 * 8], chroma_u[2 * 4], chroma_v[2 * 4];

static vd_picture small_picture(void)
{
    for (size_t i = 0; i < sizeof luma; i++) luma[i] = (uint8_t)i;
    memset(chroma_u, 90, sizeof chroma_u);
    memset(chroma_v, 160, sizeof chroma_v);
    return (vd_picture){ .width_px = 5,
                         .height_px = 3,
                         .plane = { luma, chroma_u, chroma_v },
                         .stride = { 8, 4, 4 },
                         .utc_us = 77 };
}

VD_TEST(a_copy_keeps_the_pixels_of_an_odd_size)
{
    const vd_picture picture = small_picture();
    vd_frame *frame = NULL;
    expect_ok(vd_frame_copy(&picture, &frame));
    memset(luma, 0, sizeof luma);
    const vd_picture *own = vd_frame_picture(frame);
    expect_i64(own->plane[0][2 * own->stride[0] + 4], 2 * 8 + 4);
    expect_i64(own->plane[2][1 * own->stride[2] + 2], 160);
    expect_i64(own->utc_us, 77);
    vd_frame_unref(frame);
}

VD_TEST(a_frame_lives_until_its_last_reference_goes)
{
    const vd_picture picture = small_picture();
    vd_frame *frame = NULL;
    expect_ok(vd_frame_copy(&picture, &frame));
    vd_frame *second = vd_frame_ref(frame);
    vd_frame_unref(frame);
    expect_i64(vd_frame_picture(second)->plane[1][0], 90); /* ASan speaks if it were gone */
    vd_frame_unref(second);
}

VD_TEST(a_picture_without_size_is_refused)
{
    vd_picture picture = small_picture();
    picture.width_px = 0;
    vd_frame *frame = NULL;
    expect_err(vd_frame_copy(&picture, &frame), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(a_copy_keeps_the_pixels_of_an_odd_size),
             VD_RUN(a_frame_lives_until_its_last_reference_goes),
             VD_RUN(a_picture_without_size_is_refused))
