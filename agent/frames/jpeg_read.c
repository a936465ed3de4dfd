#include "frames.h"
#include "jpeg_priv.h"

#include <stdlib.h>

#define PIXELS_MAX (64u << 20)
#define SIDE_MAX   16384u

typedef struct {
    struct jpeg_decompress_struct info;
    jpeg_trap trap;
    uint8_t *planes; /* I420 */
    uint8_t *lines;  /* two rows of Y Cb Cr */
} reading;

static void reading_done(reading *r)
{
    jpeg_destroy_decompress(&r->info);
    free(r->planes);
    free(r->lines);
}
VD_AUTO_DEFINE(reading, reading_done)

/* Chroma of two rows and two columns becomes one sample; the last row or column may stand alone. */
static void halve_chroma(const uint8_t *const lines[2], unsigned width, uint8_t *u, uint8_t *v)
{
    for (unsigned x = 0; x < width; x += 2) {
        unsigned next = x + 1 < width ? x + 1 : x;
        const uint8_t *at[4] = { lines[0] + 3 * x, lines[0] + 3 * next, lines[1] + 3 * x,
                                 lines[1] + 3 * next };
        unsigned cb = 2, cr = 2;
        for (int i = 0; i < 4; i++) {
            cb += at[i][1];
            cr += at[i][2];
        }
        *u++ = (uint8_t)(cb / 4);
        *v++ = (uint8_t)(cr / 4);
    }
}

static void read_colour(reading *r, uint8_t *y, uint8_t *u, uint8_t *v)
{
    unsigned width = r->info.output_width, half = (width + 1) / 2;
    while (r->info.output_scanline < r->info.output_height) {
        const uint8_t *lines[2] = { r->lines, r->lines };
        for (unsigned i = 0; i < 2 && r->info.output_scanline < r->info.output_height; i++) {
            uint8_t *line = r->lines + (size_t)i * width * 3;
            lines[1] = line;
            jpeg_read_scanlines(&r->info, &line, 1);
            for (unsigned x = 0; x < width; x++) *y++ = line[3 * x];
        }
        halve_chroma(lines, width, u, v);
        u += half;
        v += half;
    }
}

static void read_grey(reading *r, uint8_t *y, uint8_t *chroma, size_t chroma_bytes)
{
    while (r->info.output_scanline < r->info.output_height) {
        jpeg_read_scanlines(&r->info, &y, 1);
        y += r->info.output_width;
    }
    memset(chroma, 128, chroma_bytes);
}

static vd_err read_planes(reading *r, vd_picture *picture, vd_why *why)
{
    size_t width = r->info.output_width, height = r->info.output_height;
    size_t luma = width * height, chroma = ((width + 1) / 2) * ((height + 1) / 2);
    r->planes = malloc(luma + 2 * chroma);
    r->lines = malloc(width * 6);
    if (!r->planes || !r->lines)
        return vd_fail(why, VD_FULL, "there is no memory for a picture of %zux%zu", width, height);
    uint8_t *u = r->planes + luma, *v = u + chroma;
    if (r->info.out_color_space == JCS_GRAYSCALE)
        read_grey(r, r->planes, u, 2 * chroma);
    else
        read_colour(r, r->planes, u, v);
    *picture = (vd_picture){ .width_px = (int)width,
                             .height_px = (int)height,
                             .plane = { r->planes, u, v },
                             .stride = { (int)width, (int)(width + 1) / 2, (int)(width + 1) / 2 },
                             .full_range = true,
                             .number = 1 };
    return VD_OK;
}

static vd_err check_header(reading *r, vd_why *why)
{
    uint64_t width = r->info.image_width, height = r->info.image_height;
    if (width * height > PIXELS_MAX || width > SIDE_MAX || height > SIDE_MAX)
        return vd_fail(why, VD_INVALID, "a JPEG of %llux%llu pixels is over the limit",
                       (unsigned long long)width, (unsigned long long)height);
    if (r->info.jpeg_color_space != JCS_YCbCr && r->info.jpeg_color_space != JCS_GRAYSCALE)
        return vd_fail(why, VD_INVALID, "the JPEG is neither YCbCr nor grey");
    r->info.out_color_space = r->info.jpeg_color_space;
    return VD_OK;
}

static vd_err decode(reading *r, vd_slice jpeg, vd_picture *picture, vd_why *why)
{
    if (setjmp(r->trap.back))
        return vd_fail(why, VD_CORRUPT, "the JPEG cannot be read: %.100s", r->trap.text);
    jpeg_create_decompress(&r->info);
    jpeg_mem_src(&r->info, jpeg.data, jpeg.len);
    jpeg_read_header(&r->info, TRUE);
    vd_err err = check_header(r, why);
    if (err) return err;
    jpeg_start_decompress(&r->info);
    err = read_planes(r, picture, why);
    if (!err) jpeg_finish_decompress(&r->info);
    if (!err && r->trap.manager.num_warnings)
        return vd_fail(why, VD_CORRUPT, "the JPEG is damaged or cut short");
    return err;
}

vd_err vd_frame_from_jpeg(vd_slice jpeg, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(reading) r = { 0 };
    vd_picture picture;
    if (!jpeg.len) return vd_fail(why, VD_CORRUPT, "the JPEG is empty");
    r.info.err = jpeg_trap_init(&r.trap);
    vd_err err = decode(&r, jpeg, &picture, why);
    if (!err) err = vd_frame_copy(&picture, ret_frame);
    return err;
}
