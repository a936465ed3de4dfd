#include "frames.h"
#include "jpeg_priv.h"

#include <stdlib.h>

#define ROWS_AT_ONCE 16 /* one row of 4:2:0 blocks */

typedef struct {
    int width, height, padded; /* of luma; padded to whole blocks */
    uint8_t *plane[3];         /* chroma: half of everything, rounded up */
    uint8_t *memory;
} yuv;

static void trap_exit(j_common_ptr info)
{
    jpeg_trap *trap = (jpeg_trap *)info->err;
    info->err->format_message(info, trap->text);
    longjmp(trap->back, 1);
}

static void trap_quiet(j_common_ptr info)
{
    (void)info;
}

struct jpeg_error_mgr *jpeg_trap_init(jpeg_trap *trap)
{
    jpeg_std_error(&trap->manager);
    trap->manager.error_exit = trap_exit;
    trap->manager.output_message = trap_quiet;
    trap->text[0] = 0;
    return &trap->manager;
}

/* JPEG is always full range; video is 16..235 and 16..240. */
static void fill_range(uint8_t table[256], bool full, bool chroma)
{
    for (int i = 0; i < 256; i++) {
        int zero = chroma ? 128 : 16, span = chroma ? 224 : 219, from = chroma ? 128 : 0;
        int value = full ? i : from + ((i - zero) * 255 * 2 + (i < zero ? -span : span)) / 2 / span;
        table[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* The mean of the source samples that an output sample covers. */
static uint8_t mean_of(const uint8_t *rows, ptrdiff_t stride, const int x[2], const int y[2])
{
    unsigned sum = 0, count = (unsigned)((x[1] - x[0]) * (y[1] - y[0]));
    for (int row = y[0]; row < y[1]; row++)
        for (int column = x[0]; column < x[1]; column++) sum += rows[row * stride + column];
    return (uint8_t)((sum + count / 2) / count);
}

/* Source samples [ret[0], ret[1]) belong to output sample `to`. */
static void cover(int to, int to_size, int size, int ret[2])
{
    ret[0] = (int)((int64_t)to * size / to_size);
    ret[1] = (int)((int64_t)(to + 1) * size / to_size);
    if (ret[1] <= ret[0]) ret[1] = ret[0] + 1;
}

static void shrink_plane(const vd_picture *from, int plane, const yuv *to)
{
    int half = plane ? 1 : 0, width = (to->width + half) >> half;
    int height = (to->height + half) >> half, padded = to->padded >> half;
    int source_width = (from->width_px + half) >> half;
    int source_height = (from->height_px + half) >> half;
    uint8_t range[256], *out = to->plane[plane];
    fill_range(range, from->full_range, plane > 0);
    for (int y = 0; y < height; y++, out += padded) {
        int rows[2], columns[2];
        cover(y, height, source_height, rows);
        for (int x = 0; x < width; x++) {
            cover(x, width, source_width, columns);
            out[x] = range[mean_of(from->plane[plane], from->stride[plane], columns, rows)];
        }
        memset(out + width, out[width - 1], (size_t)(padded - width));
    }
}

static vd_err shrink(const vd_picture *picture, int width_px, yuv *ret_yuv, vd_why *why)
{
    yuv to = { .width = picture->width_px, .height = picture->height_px };
    if (width_px > 0 && width_px < to.width) {
        to.height = (int)(((int64_t)to.height * width_px + to.width / 2) / to.width);
        to.width = width_px;
        if (to.height < 1) to.height = 1;
    }
    to.padded = (to.width + 15) & ~15;
    size_t chroma_height = (size_t)(to.height + 1) / 2, chroma_width = (size_t)to.padded / 2;
    size_t luma = (size_t)to.padded * (size_t)to.height;
    to.memory = malloc(luma + 2 * chroma_width * chroma_height);
    if (!to.memory) return vd_fail(why, VD_FULL, "there is no memory for a JPEG picture");
    to.plane[0] = to.memory;
    to.plane[1] = to.memory + luma;
    to.plane[2] = to.plane[1] + chroma_width * chroma_height;
    for (int plane = 0; plane < 3; plane++) shrink_plane(picture, plane, &to);
    *ret_yuv = to;
    return VD_OK;
}

/* Row pointers for one band; rows below the picture repeat its last one. */
static void point_rows(const yuv *from, int plane, int band, JSAMPROW *rows)
{
    int half = plane ? 1 : 0, height = (from->height + half) >> half;
    for (int i = 0; i < ROWS_AT_ONCE >> half; i++) {
        int y = band * (ROWS_AT_ONCE >> half) + i;
        if (y >= height) y = height - 1;
        rows[i] = from->plane[plane] + (ptrdiff_t)y * (from->padded >> half);
    }
}

static void write_bands(struct jpeg_compress_struct *info, const yuv *from)
{
    JSAMPROW rows[3][ROWS_AT_ONCE];
    JSAMPARRAY planes[3] = { rows[0], rows[1], rows[2] };
    for (int band = 0; info->next_scanline < info->image_height; band++) {
        for (int plane = 0; plane < 3; plane++) point_rows(from, plane, band, rows[plane]);
        jpeg_write_raw_data(info, planes, ROWS_AT_ONCE);
    }
}

static void configure(struct jpeg_compress_struct *info, const yuv *from, int quality)
{
    info->image_width = (JDIMENSION)from->width;
    info->image_height = (JDIMENSION)from->height;
    info->input_components = 3;
    info->in_color_space = JCS_YCbCr;
    jpeg_set_defaults(info); /* 4:2:0 */
    jpeg_set_quality(info, quality, TRUE);
    info->raw_data_in = TRUE;
    info->dct_method = JDCT_ISLOW;
}

static vd_err compress(const yuv *from, int quality, unsigned char **jpeg, unsigned long *bytes,
                       vd_why *why)
{
    jpeg_trap trap;
    struct jpeg_compress_struct info = { .err = jpeg_trap_init(&trap) };
    if (setjmp(trap.back)) {
        jpeg_destroy_compress(&info);
        return vd_fail(why, VD_FULL, "a JPEG picture cannot be written: %.80s", trap.text);
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, jpeg, bytes);
    configure(&info, from, quality);
    jpeg_start_compress(&info, TRUE);
    write_bands(&info, from);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return VD_OK;
}

vd_err vd_frame_jpeg(const vd_frame *frame, int width_px, int quality, vd_buf *into, vd_why *why)
{
    yuv small;
    unsigned char *jpeg = NULL;
    unsigned long bytes = 0;
    if (quality < 1 || quality > 100)
        return vd_fail(why, VD_INVALID, "JPEG quality %d is not within 1 to 100", quality);
    vd_err err = shrink(vd_frame_picture(frame), width_px, &small, why);
    if (err) return err;
    err = compress(&small, quality, &jpeg, &bytes, why);
    if (!err && !vd_buf_add(into, vd_slice_of(jpeg, bytes)))
        err = vd_fail(why, VD_FULL, "a JPEG picture of %lu bytes is over the limit", bytes);
    free(jpeg);
    free(small.memory);
    return err;
}
