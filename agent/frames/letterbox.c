/* letterbox.c - a picture made to fit a frame of a given size, for those who look elsewhere. */
#include <stdlib.h>

#include "frames.h"

#define GREY       128
#define SIDE_MAX   4096
#define SIDE_LEAST 16

typedef struct {
    int left, top, width, height; /* of the picture in the frame; even, for the chroma's sake */
} place;

static place place_in(const vd_picture *p, int width, int height)
{
    place at = { .width = width, .height = height };

    if ((int64_t)p->width_px * height > (int64_t)p->height_px * width)
        at.height = (int)((int64_t)p->height_px * width / p->width_px);
    else
        at.width = (int)((int64_t)p->width_px * height / p->height_px);
    at.width = at.width < 2 ? 2 : at.width & ~1;
    at.height = at.height < 2 ? 2 : at.height & ~1;
    at.left = (width - at.width) / 2 & ~1;
    at.top = (height - at.height) / 2 & ~1;
    return at;
}

/* Source samples [ret[0], ret[1]) belong to output sample `to`. */
static void cover(int to, int to_size, int size, int ret[2])
{
    ret[0] = (int)((int64_t)to * size / to_size);
    ret[1] = (int)((int64_t)(to + 1) * size / to_size);
    if (ret[1] <= ret[0]) ret[1] = ret[0] + 1;
}

static uint8_t mean_of(const uint8_t *rows, ptrdiff_t stride, const int x[2], const int y[2])
{
    unsigned sum = 0, count = (unsigned)((x[1] - x[0]) * (y[1] - y[0]));

    for (int row = y[0]; row < y[1]; row++)
        for (int column = x[0]; column < x[1]; column++) sum += rows[row * stride + column];
    return (uint8_t)((sum + count / 2) / count);
}

static void fit_plane(const vd_picture *p, int plane, const place *at, uint8_t *into, int stride)
{
    int half = plane ? 1 : 0, width = at->width >> half, height = at->height >> half;
    int from_width = (p->width_px + half) >> half, from_height = (p->height_px + half) >> half;

    into += (ptrdiff_t)(at->top >> half) * stride + (at->left >> half);
    for (int y = 0; y < height; y++, into += stride) {
        int rows[2], columns[2];
        cover(y, height, from_height, rows);
        for (int x = 0; x < width; x++) {
            cover(x, width, from_width, columns);
            into[x] = mean_of(p->plane[plane], p->stride[plane], columns, rows);
        }
    }
}

vd_err vd_frame_letterbox(const vd_frame *frame, int width_px, int height_px, vd_frame **ret_frame,
                          vd_tensor_map *ret_map, vd_why *why)
{
    const vd_picture *p = vd_frame_picture(frame);
    vd_picture fitted = *p;
    size_t luma = (size_t)width_px * (size_t)height_px;

    if (width_px < SIDE_LEAST || height_px < SIDE_LEAST || width_px > SIDE_MAX ||
        height_px > SIDE_MAX || width_px % 2 || height_px % 2)
        return vd_fail(why, VD_INVALID, "a frame of %dx%d is not taken", width_px, height_px);
    place at = place_in(p, width_px, height_px);
    uint8_t *memory = malloc(luma + luma / 2);
    if (!memory) return vd_fail(why, VD_FULL, "there is no memory for a picture");
    memset(memory, GREY, luma + luma / 2);
    uint8_t *planes[3] = { memory, memory + luma, memory + luma + luma / 4 };
    for (int n = 0; n < 3; n++) {
        fitted.stride[n] = n ? width_px / 2 : width_px;
        fit_plane(p, n, &at, planes[n], fitted.stride[n]);
        fitted.plane[n] = planes[n];
    }
    fitted.width_px = width_px;
    fitted.height_px = height_px;
    vd_err err = vd_frame_copy(&fitted, ret_frame);
    free(memory);
    if (err) return vd_fail(why, err, "there is no memory for a picture");
    *ret_map =
        (vd_tensor_map){ (float)at.left, (float)at.top, 1 / (float)at.width, 1 / (float)at.height };
    return VD_OK;
}
