#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>

#include "dataset.h"
#include "vd/test.h"

static void jpeg_of(unsigned width, unsigned height, vd_buf *into)
{
    struct jpeg_error_mgr trouble;
    struct jpeg_compress_struct c = { .err = jpeg_std_error(&trouble) };
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    uint8_t line[3 * 256];
    JSAMPROW row = line;
    for (unsigned i = 0; i < sizeof line; i++) line[i] = (uint8_t)(i * 7);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &len);
    c.image_width = width;
    c.image_height = height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < height) jpeg_write_scanlines(&c, &row, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    expect_true(vd_buf_add(into, vd_slice_of(bytes, len)));
    free(bytes);
}

static void png_of(unsigned width, unsigned height, vd_buf *into)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB
    };
    png_alloc_size_t len = 1 << 20;
    uint8_t *rgb = calloc((size_t)width * height, 3), *bytes = malloc(len);
    assert_non_null(rgb);
    assert_non_null(bytes);
    rgb[0] = 200;
    expect_true(png_image_write_to_memory(&image, bytes, &len, 0, rgb, 0, NULL) != 0);
    expect_true(vd_buf_add(into, vd_slice_of(bytes, len)));
    free(rgb);
    free(bytes);
}

VD_TEST(a_whole_picture_tells_its_type_and_size_and_is_scaled)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) png = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) small = VD_BUF(1 << 20);
    vd_picture_info info = { 0 };
    uint8_t *rgb = NULL;
    jpeg_of(200, 100, &jpeg);
    png_of(30, 20, &png);

    expect_ok(vd_picture_check(vd_buf_slice(&jpeg), &info, NULL));
    expect_str(info.content_type, "image/jpeg");
    expect_u64(info.width_px, 200);
    expect_ok(vd_picture_decode(vd_buf_slice(&png), &info, &rgb, NULL));
    expect_str(info.content_type, "image/png");
    expect_u64(info.height_px, 20);
    expect_u64(rgb[0], 200);
    free(rgb);
    expect_ok(vd_picture_scale(vd_buf_slice(&jpeg), 50, &small, NULL));
    expect_ok(vd_picture_check(vd_buf_slice(&small), &info, NULL));
    expect_u64(info.width_px, 50);
    expect_u64(info.height_px, 25);
}

/* The size in the header of a baseline JPEG (SOF0: marker, length, precision, height, width). */
static void lie(vd_buf *jpeg, unsigned width, unsigned height)
{
    for (size_t i = 0; i + 9 < jpeg->len; i++) {
        uint8_t *at = (uint8_t *)jpeg->data + i;
        if (at[0] != 0xff || at[1] != 0xc0) continue;
        at[5] = (uint8_t)(height >> 8);
        at[6] = (uint8_t)height;
        at[7] = (uint8_t)(width >> 8);
        at[8] = (uint8_t)width;
        return;
    }
    fail();
}

// covers: CIR-2
VD_TEST(what_is_cut_or_lies_or_is_too_large_is_refused_with_the_reason)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) tall = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) huge = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) png = VD_BUF(1 << 20);
    vd_picture_info info = { 0 };
    vd_why why = { 0 };
    jpeg_of(200, 100, &jpeg);
    png_of(30, 20, &png);

    for (size_t len = 3; len < jpeg.len; len += jpeg.len / 7)
        expect_err(vd_picture_check(vd_slice_of(jpeg.data, len), &info, &why), VD_CORRUPT);
    for (size_t len = 8; len + 12 < png.len; len += 9)
        expect_err(vd_picture_check(vd_slice_of(png.data, len), &info, &why), VD_CORRUPT);
    jpeg_of(200, 100, &tall);
    lie(&tall, 200, 4000);
    expect_err(vd_picture_check(vd_buf_slice(&tall), &info, &why), VD_CORRUPT);
    jpeg_of(200, 100, &huge);
    lie(&huge, 30000, 30000);
    expect_err(vd_picture_check(vd_buf_slice(&huge), &info, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "30000 x 30000"));
    lie(&huge, 16000, 16000);
    expect_err(vd_picture_check(vd_buf_slice(&huge), &info, &why), VD_INVALID);
    expect_err(vd_picture_check(VD_STR("GIF89a"), &info, &why), VD_INVALID);
    expect_err(vd_picture_check(VD_SLICE_NONE, &info, &why), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(a_whole_picture_tells_its_type_and_size_and_is_scaled),
             VD_RUN(what_is_cut_or_lies_or_is_too_large_is_refused_with_the_reason))
