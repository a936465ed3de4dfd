/* draw.c - boxes into a copy of a picture, for people who want to see rather than read. */
#include "frames.h"

#include <stdlib.h>

#define QUALITY 90

typedef struct {
    uint8_t y, u, v;
} ink;
/* Full-range YCbCr of colours that stand out on most pictures, one after another by class. */
static const ink inks[] = {
    { 150, 44, 21 },   /* green */
    { 226, 1, 149 },   /* yellow */
    { 105, 212, 235 }, /* magenta */
    { 170, 166, 10 },  /* cyan */
    { 151, 43, 202 },  /* orange */
    { 76, 85, 255 },   /* red */
};

static ink ink_of(const char *name)
{
    unsigned sum = 0;
    for (; *name; name++) sum = sum * 31 + (uint8_t)*name;
    return inks[sum % VD_COUNT_OF(inks)];
}

typedef struct {
    int left, top, right, bottom; /* right and bottom are outside */
} rect;

static void fill(vd_picture *p, uint8_t *planes[3], rect r, ink colour)
{
    if (r.left < 0) r.left = 0;
    if (r.top < 0) r.top = 0;
    if (r.right > p->width_px) r.right = p->width_px;
    if (r.bottom > p->height_px) r.bottom = p->height_px;
    if (r.right <= r.left) return;
    for (int y = r.top; y < r.bottom; y++)
        memset(planes[0] + (ptrdiff_t)y * p->stride[0] + r.left, colour.y,
               (size_t)(r.right - r.left));
    for (int y = r.top / 2; y < (r.bottom + 1) / 2; y++) {
        size_t width = (size_t)((r.right + 1) / 2 - r.left / 2);
        memset(planes[1] + (ptrdiff_t)y * p->stride[1] + r.left / 2, colour.u, width);
        memset(planes[2] + (ptrdiff_t)y * p->stride[2] + r.left / 2, colour.v, width);
    }
}

static void draw_one(vd_picture *p, uint8_t *planes[3], const vd_event_box *box)
{
    int thick = 1 + (p->width_px > p->height_px ? p->width_px : p->height_px) / 320;
    ink colour = ink_of(box->class_name);
    rect r = { (int)(box->box.l * (float)p->width_px), (int)(box->box.t * (float)p->height_px),
               (int)((box->box.l + box->box.w) * (float)p->width_px),
               (int)((box->box.t + box->box.h) * (float)p->height_px) };
    fill(p, planes, (rect){ r.left, r.top, r.right, r.top + thick }, colour);
    fill(p, planes, (rect){ r.left, r.bottom - thick, r.right, r.bottom }, colour);
    fill(p, planes, (rect){ r.left, r.top, r.left + thick, r.bottom }, colour);
    fill(p, planes, (rect){ r.right - thick, r.top, r.right, r.bottom }, colour);
}

vd_err vd_frame_jpeg_boxes(const vd_frame *frame, const vd_event_box *boxes, unsigned count,
                           vd_buf *into, vd_why *why)
{
    vd_picture p = *vd_frame_picture(frame);
    vd_frame *drawn = NULL;
    size_t half_height = (size_t)(p.height_px + 1) / 2;
    size_t bytes[3] = { (size_t)p.stride[0] * (size_t)p.height_px,
                        (size_t)p.stride[1] * half_height, (size_t)p.stride[2] * half_height };
    uint8_t *memory = malloc(bytes[0] + bytes[1] + bytes[2]);
    if (!memory) return vd_fail(why, VD_FULL, "no memory for the picture");
    uint8_t *planes[3] = { memory, memory + bytes[0], memory + bytes[0] + bytes[1] };
    for (int n = 0; n < 3; n++) {
        memcpy(planes[n], p.plane[n], bytes[n]);
        p.plane[n] = planes[n];
    }
    for (unsigned n = count; n > 0; n--) draw_one(&p, planes, &boxes[n - 1]); /* best on top */
    vd_err err = vd_frame_copy(&p, &drawn);
    if (!err) err = vd_frame_jpeg(drawn, 0, QUALITY, into, why);
    vd_frame_unref(drawn);
    free(memory);
    return err;
}
