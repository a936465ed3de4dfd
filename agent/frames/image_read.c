/* image_read.c - still pictures of other kinds than JPEG: PNG through libpng, BMP by hand (24 or 32
 * bits, not compressed: what tools that know nothing else write). Their RGB becomes full-range
 * I420, as a JPEG of it would hold. Sizes are checked before anything is allocated. */
#include "frames.h"

#include <png.h>
#include <stdlib.h>

#define PIXELS_MAX (64u << 20)
#define SIDE_MAX   16384

typedef struct {
    int width, height;
    uint8_t *rgb;    /* packed rows */
    uint8_t *planes; /* I420 */
} raster;
static void raster_done(raster *r)
{
    free(r->rgb);
    free(r->planes);
}
VD_AUTO_DEFINE(raster, raster_done)

static vd_err size_fits(const char *kind, int64_t width, int64_t height, vd_why *why)
{
    if (width >= 1 && height >= 1 && width <= SIDE_MAX && height <= SIDE_MAX &&
        width * height <= PIXELS_MAX)
        return VD_OK;
    return vd_fail(why, VD_INVALID, "a %s of %lldx%lld pixels is over the limit", kind,
                   (long long)width, (long long)height);
}

static vd_err raster_new(const char *kind, int64_t width, int64_t height, raster *r, vd_why *why)
{
    vd_err err = size_fits(kind, width, height, why);
    if (err) return err;
    r->width = (int)width;
    r->height = (int)height;
    r->rgb = malloc((size_t)width * (size_t)height * 3);
    if (!r->rgb)
        return vd_fail(why, VD_FULL, "there is no memory for a picture of %dx%d", r->width,
                       r->height);
    return VD_OK;
}

/* ---- RGB to I420: the JFIF matrix in 16.16 fixed point ---- */

static void luma(const raster *r, uint8_t *y)
{
    const uint8_t *at = r->rgb;
    size_t pixels = (size_t)r->width * (size_t)r->height;
    for (size_t n = 0; n < pixels; n++, at += 3)
        y[n] = (uint8_t)((19595 * at[0] + 38470 * at[1] + 7471 * at[2] + 32768) >> 16);
}

static uint8_t chroma_of(const int weight[3], const int sum[3], int count)
{
    int64_t value = 0;
    for (int c = 0; c < 3; c++) value += (int64_t)weight[c] * sum[c];
    value = (value / count + (128 << 16) + 32768) >> 16;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Four pixels, or the two or one that are left at an edge. */
static void sum_block(const raster *r, int x, int y, int sum[3], int *ret_count)
{
    sum[0] = sum[1] = sum[2] = *ret_count = 0;
    for (int row = y; row < y + 2 && row < r->height; row++)
        for (int column = x; column < x + 2 && column < r->width; column++, (*ret_count)++)
            for (int c = 0; c < 3; c++)
                sum[c] += r->rgb[((size_t)row * (size_t)r->width + (size_t)column) * 3 + (size_t)c];
}

static void chroma(const raster *r, uint8_t *u, uint8_t *v)
{
    static const int cb[3] = { -11059, -21709, 32768 }, cr[3] = { 32768, -27439, -5329 };
    int sum[3], count;
    for (int y = 0; y < r->height; y += 2)
        for (int x = 0; x < r->width; x += 2) {
            sum_block(r, x, y, sum, &count);
            *u++ = chroma_of(cb, sum, count);
            *v++ = chroma_of(cr, sum, count);
        }
}

static vd_err to_frame(raster *r, vd_frame **ret_frame, vd_why *why)
{
    int half_width = (r->width + 1) / 2, half_height = (r->height + 1) / 2;
    size_t pixels = (size_t)r->width * (size_t)r->height;
    size_t half = (size_t)half_width * (size_t)half_height;
    r->planes = malloc(pixels + 2 * half);
    if (!r->planes) return vd_fail(why, VD_FULL, "there is no memory for a picture");
    uint8_t *u = r->planes + pixels, *v = u + half;
    luma(r, r->planes);
    chroma(r, u, v);
    const vd_picture picture = { .width_px = r->width,
                                 .height_px = r->height,
                                 .plane = { r->planes, u, v },
                                 .stride = { r->width, half_width, half_width },
                                 .full_range = true,
                                 .number = 1 };
    vd_err err = vd_frame_copy(&picture, ret_frame);
    return err ? vd_fail(why, err, "there is no memory for a picture") : VD_OK;
}

/* ---- PNG ---- */

vd_err vd_frame_from_png(vd_slice png, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(raster) r = { 0 };
    png_image image = { .version = PNG_IMAGE_VERSION };
    static const png_color white = { 255, 255, 255 }; /* what shows through */
    if (!png_image_begin_read_from_memory(&image, png.data, png.len))
        return vd_fail(why, VD_CORRUPT, "the PNG cannot be read: %.100s", image.message);
    vd_err err = raster_new("PNG", image.width, image.height, &r, why);
    image.format = PNG_FORMAT_RGB;
    if (!err && !png_image_finish_read(&image, &white, r.rgb, 0, NULL))
        err = vd_fail(why, VD_CORRUPT, "the PNG is damaged or cut short: %.100s", image.message);
    else if (!err && image.warning_or_error)
        err = vd_fail(why, VD_CORRUPT, "the PNG is damaged: %.100s", image.message);
    png_image_free(&image);
    return err ? err : to_frame(&r, ret_frame, why);
}

/* ---- BMP: file header 14 bytes, then a header that says its own length ---- */

static uint32_t little(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int n = bytes - 1; n >= 0; n--) value = value << 8 | at[n];
    return value;
}

static vd_err read_rows(vd_slice bmp, size_t from, int bits, bool top_first, raster *r, vd_why *why)
{
    size_t pixel = (size_t)bits / 8, stride = ((size_t)r->width * pixel + 3) / 4 * 4;
    if (from > bmp.len || stride * (size_t)r->height > bmp.len - from)
        return vd_fail(why, VD_CORRUPT, "the BMP is cut short");
    for (int y = 0; y < r->height; y++) {
        int row = top_first ? y : r->height - 1 - y;
        const uint8_t *at = bmp.data + from + (size_t)y * stride;
        uint8_t *into = r->rgb + (size_t)row * (size_t)r->width * 3;
        for (int x = 0; x < r->width; x++, at += pixel, into += 3) {
            into[0] = at[2];
            into[1] = at[1];
            into[2] = at[0];
        }
    }
    return VD_OK;
}

vd_err vd_frame_from_bmp(vd_slice bmp, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(raster) r = { 0 };
    if (bmp.len < 54 || bmp.data[0] != 'B' || bmp.data[1] != 'M' || little(bmp.data + 14, 4) < 40)
        return vd_fail(why, VD_CORRUPT, "the BMP's header cannot be read");
    int64_t width = (int32_t)little(bmp.data + 18, 4), height = (int32_t)little(bmp.data + 22, 4);
    uint32_t bits = little(bmp.data + 28, 2), packed = little(bmp.data + 30, 4);
    bool masks = packed == 3 && bits == 32; /* the usual masks, which are the plain order */
    if ((bits != 24 && bits != 32) || (packed != 0 && !masks))
        return vd_fail(why, VD_INVALID, "a BMP must have 24 or 32 bits, not compressed");
    vd_err err = raster_new("BMP", width, height < 0 ? -height : height, &r, why);
    if (!err) err = read_rows(bmp, little(bmp.data + 10, 4), (int)bits, height < 0, &r, why);
    return err ? err : to_frame(&r, ret_frame, why);
}

vd_err vd_frame_from_image(vd_slice bytes, vd_frame **ret_frame, vd_why *why)
{
    if (vd_slice_starts(bytes, VD_STR("\xff\xd8")))
        return vd_frame_from_jpeg(bytes, ret_frame, why);
    if (vd_slice_starts(bytes, VD_STR("\x89PNG\r\n\x1a\n")))
        return vd_frame_from_png(bytes, ret_frame, why);
    if (vd_slice_starts(bytes, VD_STR("BM"))) return vd_frame_from_bmp(bytes, ret_frame, why);
    (void)vd_fail(why, VD_INVALID, "this is no picture that can be read");
    vd_why_hint(why, "JPEG, PNG and BMP are taken");
    return VD_INVALID;
}
