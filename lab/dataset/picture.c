/* picture.c - JPEG by libjpeg, PNG by libpng's simplified reader. The header is read first, so that
 * what is too large is refused before memory is asked for; a warning of a decoder counts as damage,
 * because a label drawn on half a picture is wrong. */
#include "dataset.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* needs stdio before */

#include <jerror.h>

#define QUALITY 85

const char *vd_picture_type(vd_slice bytes)
{
    static const uint8_t png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const uint8_t jpeg[3] = { 0xff, 0xd8, 0xff };
    if (vd_slice_starts(bytes, vd_slice_of(png, sizeof png))) return "image/png";
    if (vd_slice_starts(bytes, vd_slice_of(jpeg, sizeof jpeg))) return "image/jpeg";
    return NULL;
}

static vd_err check_size(unsigned width, unsigned height, vd_why *why)
{
    if (width && height && width <= VD_PICTURE_SIDE_MAX && height <= VD_PICTURE_SIDE_MAX &&
        (uint64_t)width * height <= VD_PICTURE_PIXELS_MAX)
        return VD_OK;
    (void)vd_fail(why, VD_INVALID, "the picture says it has %u x %u pixels", width, height);
    vd_why_hint(why, "at most %u a side and %u million in all are taken", VD_PICTURE_SIDE_MAX,
                VD_PICTURE_PIXELS_MAX >> 20);
    return VD_INVALID;
}

/* ---- JPEG ---- */

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
} jpeg_trouble;

static void jpeg_give_up(j_common_ptr info)
{
    jpeg_trouble *trouble = (jpeg_trouble *)info->err;
    info->err->format_message(info, trouble->text);
    longjmp(trouble->back, 1);
}

/* Level -1 is a warning: data that ends early, markers that do not fit. Stuffing is harmless. */
static void jpeg_message(j_common_ptr info, int level)
{
    if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) jpeg_give_up(info);
}

static vd_err jpeg_rows(struct jpeg_decompress_struct *d, vd_picture_info *info, uint8_t **rgb,
                        vd_why *why)
{
    if (jpeg_read_header(d, TRUE) != JPEG_HEADER_OK)
        return vd_fail(why, VD_CORRUPT, "the JPEG has no picture");
    info->width_px = d->image_width;
    info->height_px = d->image_height;
    vd_err err = check_size(info->width_px, info->height_px, why);
    if (err) return err;
    d->out_color_space = JCS_RGB;
    jpeg_start_decompress(d);
    *rgb = calloc((size_t)info->width_px * info->height_px, 3);
    if (!*rgb) return vd_fail(why, VD_FULL, "no memory for the picture");
    while (d->output_scanline < d->output_height) {
        JSAMPROW row = *rgb + (size_t)d->output_scanline * info->width_px * 3;
        jpeg_read_scanlines(d, &row, 1);
    }
    jpeg_finish_decompress(d);
    return VD_OK;
}

/* *rgb may be set on failure. */
static vd_err jpeg_decode(vd_slice bytes, vd_picture_info *info, uint8_t **rgb, vd_why *why)
{
    jpeg_trouble trouble = { .text = "" };
    struct jpeg_decompress_struct d = { .err = jpeg_std_error(&trouble.base) };
    volatile vd_err err = VD_CORRUPT;
    trouble.base.error_exit = jpeg_give_up;
    trouble.base.emit_message = jpeg_message;
    if (setjmp(trouble.back) == 0) {
        jpeg_create_decompress(&d);
        jpeg_mem_src(&d, bytes.data, bytes.len);
        err = jpeg_rows(&d, info, rgb, why);
    } else {
        err = vd_fail(why, VD_CORRUPT, "the picture is broken or cut");
        vd_why_detail(why, "%s", trouble.text);
    }
    jpeg_destroy_decompress(&d);
    return err;
}

/* ---- PNG ---- */

static vd_err png_decode(vd_slice bytes, vd_picture_info *info, uint8_t **rgb, vd_why *why)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    png_color white = { 255, 255, 255 };
    if (!png_image_begin_read_from_memory(&image, bytes.data, bytes.len)) {
        (void)vd_fail(why, VD_CORRUPT, "the PNG is broken or cut");
        vd_why_detail(why, "%s", image.message);
        return VD_CORRUPT;
    }
    info->width_px = image.width;
    info->height_px = image.height;
    vd_err err = check_size(image.width, image.height, why);
    image.format = PNG_FORMAT_RGB;
    if (!err && !(*rgb = calloc((size_t)image.width * image.height, 3)))
        err = vd_fail(why, VD_FULL, "no memory for the picture");
    if (!err && (!png_image_finish_read(&image, &white, *rgb, 0, NULL) || image.warning_or_error)) {
        err = vd_fail(why, VD_CORRUPT, "the PNG is broken or cut");
        vd_why_detail(why, "%s", image.message);
    }
    png_image_free(&image);
    return err;
}

vd_err vd_picture_decode(vd_slice bytes, vd_picture_info *ret_info, uint8_t **ret_rgb, vd_why *why)
{
    uint8_t *rgb = NULL;
    vd_picture_info info = { .content_type = vd_picture_type(bytes) };
    if (!info.content_type) {
        (void)vd_fail(why, VD_INVALID, "this is neither a JPEG nor a PNG");
        vd_why_hint(why, "other formats must be converted first");
        return VD_INVALID;
    }
    if (bytes.len > VD_PICTURE_BYTES_MAX)
        return vd_fail(why, VD_INVALID, "a picture has at most %u MiB", VD_PICTURE_BYTES_MAX >> 20);
    bool jpeg = strcmp(info.content_type, "image/jpeg") == 0;
    vd_err err = jpeg ? jpeg_decode(bytes, &info, &rgb, why) : png_decode(bytes, &info, &rgb, why);
    if (err) {
        free(rgb);
        return err;
    }
    *ret_info = info;
    *ret_rgb = rgb;
    return VD_OK;
}

vd_err vd_picture_check(vd_slice bytes, vd_picture_info *ret_info, vd_why *why)
{
    uint8_t *rgb = NULL;
    vd_err err = vd_picture_decode(bytes, ret_info, &rgb, why);
    free(rgb);
    return err;
}

/* ---- scaling ---- */

typedef struct {
    const uint8_t *rgb;
    unsigned width, height;
} pixels;

/* The average of the pixels that fall together. */
static void shrink_row(const pixels *from, unsigned width, unsigned height, unsigned y, uint8_t *to)
{
    unsigned y0 = (unsigned)((uint64_t)y * from->height / height);
    unsigned y1 = (unsigned)((uint64_t)(y + 1) * from->height / height);
    if (y1 == y0) y1++;
    for (unsigned x = 0; x < width; x++) {
        unsigned x0 = (unsigned)((uint64_t)x * from->width / width);
        unsigned x1 = (unsigned)((uint64_t)(x + 1) * from->width / width);
        uint64_t sum[3] = { 0 }, count = 0;
        if (x1 == x0) x1++;
        for (unsigned v = y0; v < y1; v++)
            for (unsigned u = x0; u < x1; u++, count++) {
                const uint8_t *at = from->rgb + ((size_t)v * from->width + u) * 3;
                for (int c = 0; c < 3; c++) sum[c] += at[c];
            }
        if (!count) count = 1; /* there is always a pixel; the analyzer cannot know */
        for (int c = 0; c < 3; c++) *to++ = (uint8_t)((sum[c] + count / 2) / count);
    }
}

static void jpeg_write(struct jpeg_compress_struct *c, const pixels *from, unsigned width,
                       unsigned height, uint8_t *row)
{
    c->image_width = width;
    c->image_height = height;
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, QUALITY, TRUE);
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < height) {
        shrink_row(from, width, height, c->next_scanline, row);
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
}

static vd_err jpeg_encode(const pixels *from, unsigned width, unsigned height, vd_buf *into,
                          vd_why *why)
{
    jpeg_trouble trouble = { .text = "" };
    struct jpeg_compress_struct c = { .err = jpeg_std_error(&trouble.base) };
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    uint8_t *row = calloc(width, 3);
    volatile bool ok = false;
    trouble.base.error_exit = jpeg_give_up;
    if (row && setjmp(trouble.back) == 0) {
        jpeg_create_compress(&c);
        jpeg_mem_dest(&c, &bytes, &len);
        jpeg_write(&c, from, width, height, row);
        ok = true;
    }
    jpeg_destroy_compress(&c);
    bool kept = ok && vd_buf_add(into, vd_slice_of(bytes, len));
    free(bytes);
    free(row);
    return kept ? VD_OK : vd_fail(why, VD_FULL, "the picture cannot be scaled");
}

vd_err vd_picture_scale(vd_slice bytes, unsigned width_px, vd_buf *into, vd_why *why)
{
    uint8_t *rgb = NULL;
    vd_picture_info info = { 0 };
    vd_err err = vd_picture_decode(bytes, &info, &rgb, why);
    if (err) return err;
    pixels from = { .rgb = rgb, .width = info.width_px, .height = info.height_px };
    unsigned width = width_px && width_px < from.width ? width_px : from.width;
    unsigned height = (unsigned)(((uint64_t)from.height * width + from.width / 2) / from.width);
    err = jpeg_encode(&from, width, height ? height : 1, into, why);
    free(rgb);
    return err;
}
