/* picture.h - a picture from outside, JPEG or PNG: is it whole, how large, its pixels.
 * Bytes come from cameras, people and archives: whatever they hold, an error comes back and memory
 * stays bounded. Any thread. */
#ifndef VD_PICTURE_H
#define VD_PICTURE_H
#include "vd/error.h"

#define VD_PICTURE_BYTES_MAX  (32u << 20)
#define VD_PICTURE_SIDE_MAX   16384u
#define VD_PICTURE_PIXELS_MAX (64u << 20) /* 192 MiB as RGB */

typedef struct {
    const char *content_type; /* "image/jpeg" or "image/png"; a constant */
    unsigned width_px, height_px;
} vd_picture_info;

/* By its first bytes; NULL: neither. */
const char *vd_picture_type(vd_slice bytes);
/* Decodes all of it. VD_INVALID: neither JPEG nor PNG, or larger than the limits (nothing is
 * decoded then); VD_CORRUPT: broken, cut, or not as its header says. */
VD_MUST_USE vd_err vd_picture_check(vd_slice bytes, vd_picture_info *ret_info, vd_why *why);
/* The pixels, RGB, rows without gaps; the caller frees them. Errors as above. */
VD_MUST_USE vd_err vd_picture_decode(vd_slice bytes, vd_picture_info *ret_info, uint8_t **ret_rgb,
                                     vd_why *why);
/* A JPEG of it that is `width_px` wide (not wider than the picture). */
VD_MUST_USE vd_err vd_picture_scale(vd_slice bytes, unsigned width_px, vd_buf *into, vd_why *why);
#endif
