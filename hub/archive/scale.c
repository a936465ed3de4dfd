/* scale.c - a snapshot in the size a page shows: libjpeg decodes at 1/1 .. 1/8, the rest is an
 * average over the pixels that fall together. Bytes come from cameras: errors must come back. */
#include "archive.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* needs stdio before */

#define SIDE_MAX 16384u

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
} jpeg_trouble;

static void give_up(j_common_ptr info)
{
    jpeg_trouble *trouble = (jpeg_trouble *)info->err;
    info->err->format_message(info, trouble->text);
    longjmp(trouble->back, 1);
}

static void stay_quiet(j_common_ptr info, int level)
{
    (void)info;
    (void)level;
}

typedef struct {
    uint8_t *pixels; /* RGB */
    unsigned width, height;
    bool reduced; /* the file is larger than these pixels */
} picture;

static struct jpeg_error_mgr *trouble_init(jpeg_trouble *trouble)
{
    struct jpeg_error_mgr *base = jpeg_std_error(&trouble->base);
    base->error_exit = give_up;
    base->emit_message = stay_quiet;
    return base;
}

/* Decodes to the smallest eighth that is not narrower than wanted. p->pixels may be set on failure.
 */
static bool decode(struct jpeg_decompress_struct *d, vd_slice jpeg, unsigned width_px, picture *p)
{
    jpeg_mem_src(d, jpeg.data, jpeg.len);
    if (jpeg_read_header(d, TRUE) != JPEG_HEADER_OK || d->image_width > SIDE_MAX ||
        d->image_height > SIDE_MAX)
        return false;
    d->out_color_space = JCS_RGB;
    d->scale_num = 8;
    d->scale_denom = 8;
    while (d->scale_num > 1 && d->image_width * (d->scale_num - 1) / 8 >= width_px) d->scale_num--;
    jpeg_start_decompress(d);
    p->reduced = d->scale_num < 8;
    p->width = d->output_width;
    p->height = d->output_height;
    p->pixels = calloc((size_t)p->width * p->height, 3);
    if (!p->pixels) return false;
    while (d->output_scanline < p->height) {
        JSAMPROW row = p->pixels + (size_t)d->output_scanline * p->width * 3;
        jpeg_read_scanlines(d, &row, 1);
    }
    jpeg_finish_decompress(d);
    return true;
}

static bool decode_guarded(vd_slice jpeg, unsigned width_px, picture *p, jpeg_trouble *trouble)
{
    struct jpeg_decompress_struct d = { .err = trouble_init(trouble) };
    volatile bool ok = false;
    if (setjmp(trouble->back) == 0) {
        jpeg_create_decompress(&d);
        ok = decode(&d, jpeg, width_px, p);
    }
    jpeg_destroy_decompress(&d);
    return ok;
}

static void average(const picture *from, picture *to, unsigned x, unsigned y)
{
    unsigned x0 = (unsigned)((uint64_t)x * from->width / to->width);
    unsigned x1 = (unsigned)((uint64_t)(x + 1) * from->width / to->width);
    unsigned y0 = (unsigned)((uint64_t)y * from->height / to->height);
    unsigned y1 = (unsigned)((uint64_t)(y + 1) * from->height / to->height);
    unsigned sum[3] = { 0 }, count = 0;
    for (unsigned v = y0; v < y1 || v == y0; v++) {
        for (unsigned u = x0; u < x1 || u == x0; u++, count++) {
            const uint8_t *pixel = from->pixels + ((size_t)v * from->width + u) * 3;
            for (int c = 0; c < 3; c++) sum[c] += pixel[c];
        }
    }
    for (int c = 0; c < 3; c++)
        to->pixels[((size_t)y * to->width + x) * 3 + (size_t)c] =
            (uint8_t)((sum[c] + count / 2) / count);
}

static bool shrink(const picture *from, unsigned width_px, picture *to)
{
    to->width = width_px;
    to->height = (unsigned)(((uint64_t)from->height * width_px + from->width / 2) / from->width);
    if (to->height == 0) to->height = 1;
    to->pixels = calloc((size_t)to->width * to->height, 3);
    if (!to->pixels) return false;
    for (unsigned y = 0; y < to->height; y++)
        for (unsigned x = 0; x < to->width; x++) average(from, to, x, y);
    return true;
}

static void encode(struct jpeg_compress_struct *c, const picture *p, unsigned char **bytes,
                   unsigned long *len)
{
    jpeg_create_compress(c);
    jpeg_mem_dest(c, bytes, len);
    c->image_width = p->width;
    c->image_height = p->height;
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, 85, TRUE);
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < p->height) {
        JSAMPROW row = p->pixels + (size_t)c->next_scanline * p->width * 3;
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
}

static bool encode_guarded(const picture *p, vd_buf *into, jpeg_trouble *trouble)
{
    struct jpeg_compress_struct c = { .err = trouble_init(trouble) };
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    volatile bool ok = false;
    if (setjmp(trouble->back) == 0) {
        encode(&c, p, &bytes, &len);
        ok = true;
    }
    jpeg_destroy_compress(&c);
    bool kept = ok && vd_buf_add(into, vd_slice_of(bytes, len));
    free(bytes);
    return kept;
}

static vd_err scale(vd_slice jpeg, unsigned width_px, picture *whole, picture *small, vd_buf *into,
                    vd_why *why)
{
    jpeg_trouble trouble = { .text = "" };
    if (!decode_guarded(jpeg, width_px, whole, &trouble)) {
        (void)vd_fail(why, VD_CORRUPT, "the picture cannot be decoded");
        vd_why_detail(why, "%s", trouble.text);
        return VD_CORRUPT;
    }
    bool fits = whole->width <= width_px;
    if (fits && !whole->reduced) return vd_buf_add(into, jpeg) ? VD_OK : VD_FULL;
    if ((!fits && !shrink(whole, width_px, small)) ||
        !encode_guarded(fits ? whole : small, into, &trouble))
        return vd_fail(why, VD_FULL, "the picture cannot be scaled");
    return VD_OK;
}

vd_err vd_archive_scale(vd_slice jpeg, unsigned width_px, vd_buf *into, vd_why *why)
{
    picture whole = { 0 }, small = { 0 };
    vd_err err = scale(jpeg, width_px, &whole, &small, into, why);
    free(whole.pixels);
    free(small.pixels);
    return err;
}
