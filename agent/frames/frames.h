/* frames.h - counted pictures, lent to the stages and given back by themselves, and the two ways
 * out of a picture: a model's tensor (one fused pass from YUV) and a JPEG. Any thread may hold, ref
 * and unref a frame. Nothing here blocks. */
#ifndef VD_FRAMES_H
#define VD_FRAMES_H
#include "camera.h"
#include "event.h"

typedef struct vd_frame vd_frame;
/* Wraps a camera's picture with one reference; the slot goes back to the camera at the last unref.
 * Takes over the picture also on failure (VD_FULL: memory). */
VD_MUST_USE vd_err vd_frame_take(vd_camera *camera, const vd_picture *picture,
                                 vd_frame **ret_frame);
/* A frame with its own memory (tests, JPEG files): I420 planes are copied. */
VD_MUST_USE vd_err vd_frame_copy(const vd_picture *picture, vd_frame **ret_frame);
vd_frame *vd_frame_ref(vd_frame *frame);
vd_frame *vd_frame_unref(vd_frame *frame); /* returns NULL; NULL is fine */
const vd_picture *vd_frame_picture(const vd_frame *frame);

/* JPEG (libjpeg-turbo), width_px 0 keeps the size, smaller scales down by area; quality 1..100. */
VD_MUST_USE vd_err vd_frame_jpeg(const vd_frame *frame, int width_px, int quality, vd_buf *into,
                                 vd_why *why);
/* A JPEG of a copy with the boxes drawn in, the first on top, each class in its colour. */
VD_MUST_USE vd_err vd_frame_jpeg_boxes(const vd_frame *frame, const vd_event_box *boxes,
                                       unsigned count, vd_buf *into, vd_why *why);
/* Decodes a baseline or progressive JPEG of at most 64 megapixels into an own frame. */
VD_MUST_USE vd_err vd_frame_from_jpeg(vd_slice jpeg, vd_frame **ret_frame, vd_why *why);

/* What a picture looks like, in numbers that are cheap and do not depend on its size or range: one
 * pass over about a hundred lines. */
typedef struct {
    double brightness; /* mean luma, 0..255 */
    double contrast;   /* its standard deviation, 0..128 */
    double sharpness;  /* variance of the Laplacian of neighbouring pixels; 0: nothing to see */
    double saturation; /* mean distance from grey, 0..180 */
    double colour_u, colour_v; /* mean chroma less grey: a cast; -128..127 */
} vd_look;
vd_look vd_frame_look(const vd_frame *frame);

/* PNG (libpng; what is transparent shows white) and BMP (24 or 32 bits, not compressed), the same
 * limits. VD_INVALID: a kind or a size that is not taken; VD_CORRUPT: damaged or cut short. */
VD_MUST_USE vd_err vd_frame_from_png(vd_slice png, vd_frame **ret_frame, vd_why *why);
VD_MUST_USE vd_err vd_frame_from_bmp(vd_slice bmp, vd_frame **ret_frame, vd_why *why);
/* Whichever of the three its first bytes say. */
VD_MUST_USE vd_err vd_frame_from_image(vd_slice bytes, vd_frame **ret_frame, vd_why *why);

typedef enum { VD_FIT_LETTERBOX, VD_FIT_STRETCH } vd_fit;
typedef enum { VD_LAYOUT_NCHW, VD_LAYOUT_NHWC } vd_layout;
typedef enum {
    VD_COLOUR_PLAIN, /* RGB or BGR */
    VD_COLOUR_GREY,  /* three times the same */
    VD_COLOUR_HSV,   /* hue, saturation, value, each over 0..255; hue 0 is red, 85 green */
} vd_colour;
typedef struct {
    int width_px, height_px; /* of the tensor */
    vd_fit fit;
    vd_layout layout;
    bool bgr;                /* otherwise RGB */
    float mean[3], scale[3]; /* value = (channel 0..255 - mean) * scale, in tensor channel order */
    float pad;               /* letterbox fill, 0..255 before mean and scale */
    bool pad_top_left;       /* letterbox puts the picture at the top left (YOLOX), otherwise in the
                                middle */
    vd_colour colour;
    const uint8_t *light; /* 256 values that take the place of the picture's luma; NULL: its own */
} vd_tensor_spec;
/* Maps tensor pixels back: x_picture = (x_tensor - dx) * sx, in 0..1 of the picture. */
typedef struct {
    float dx_px, dy_px, sx, sy;
} vd_tensor_map;
/* The picture, whole and in its proportions, in the middle of a grey frame of this size (even, 16
 * to 4096); the map leads from the frame's pixels back. */
VD_MUST_USE vd_err vd_frame_letterbox(const vd_frame *frame, int width_px, int height_px,
                                      vd_frame **ret_frame, vd_tensor_map *ret_map, vd_why *why);
/* One pass: YUV -> bilinear sample -> RGB -> normalised float, 3 * width * height floats into
 * `tensor`. */
void vd_frame_tensor(const vd_frame *frame, const vd_tensor_spec *spec, float *tensor,
                     vd_tensor_map *ret_map);
typedef struct {
    int left, top, width, height;
} vd_part_px;
/* The same for a part of the picture, at least one pixel and all inside: no copy is made, and no
 * pixel outside is seen. The map leads to the full picture. */
void vd_frame_tensor_part(const vd_frame *frame, const vd_part_px *part, const vd_tensor_spec *spec,
                          float *tensor, vd_tensor_map *ret_map);
/* The same for a picture that is no frame. */
void vd_picture_tensor(const vd_picture *picture, const vd_part_px *part,
                       const vd_tensor_spec *spec, float *tensor, vd_tensor_map *ret_map);
#endif
