/* frame.c - the count on a picture. A frame either borrows a camera's slot or owns its planes. */
#include "frames.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FRAME_SIDE_MAX 16384

struct vd_frame {
    atomic_uint refs;
    vd_camera *camera; /* NULL: the planes are ours */
    vd_picture picture;
    uint8_t *planes;
};

static vd_frame *frame_new(const vd_picture *picture)
{
    vd_frame *frame = calloc(1, sizeof *frame);
    if (!frame) return NULL;
    atomic_init(&frame->refs, 1);
    frame->picture = *picture;
    return frame;
}

vd_err vd_frame_take(vd_camera *camera, const vd_picture *picture, vd_frame **ret_frame)
{
    vd_frame *frame = frame_new(picture);
    if (!frame) {
        vd_camera_give_back(camera, picture);
        return VD_FULL;
    }
    frame->camera = camera;
    *ret_frame = frame;
    return VD_OK;
}

static uint8_t *plane_copy(uint8_t *into, const uint8_t *from, int stride, int width, int height)
{
    for (int y = 0; y < height; y++, into += width)
        memcpy(into, from + (ptrdiff_t)y * stride, (size_t)width);
    return into;
}

vd_err vd_frame_copy(const vd_picture *picture, vd_frame **ret_frame)
{
    const int width = picture->width_px, height = picture->height_px;
    if (width < 1 || height < 1 || width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX)
        return VD_INVALID;
    const int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    const size_t luma = (size_t)width * (size_t)height;
    const size_t chroma = (size_t)half_width * (size_t)half_height;

    vd_frame *frame = frame_new(picture);
    uint8_t *planes = malloc(luma + 2 * chroma);
    if (!frame || !planes) {
        free(frame);
        free(planes);
        return VD_FULL;
    }
    frame->planes = planes;
    vd_picture *own = &frame->picture;
    for (int i = 0; i < 3; i++) {
        own->plane[i] = planes;
        own->stride[i] = i ? half_width : width;
        planes = plane_copy(planes, picture->plane[i], picture->stride[i], own->stride[i],
                            i ? half_height : height);
    }
    *ret_frame = frame;
    return VD_OK;
}

vd_frame *vd_frame_ref(vd_frame *frame)
{
    atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

vd_frame *vd_frame_unref(vd_frame *frame)
{
    if (!frame || atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (frame->camera) vd_camera_give_back(frame->camera, &frame->picture);
    free(frame->planes);
    free(frame);
    return NULL;
}

const vd_picture *vd_frame_picture(const vd_frame *frame)
{
    return &frame->picture;
}
