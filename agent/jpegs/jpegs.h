/* jpegs.h - where a JPEG ends, and JPEGs out of a stream of anything. Pure functions over
 * bytes; knows no FFmpeg. */
#ifndef VD_JPEGS_H
#define VD_JPEGS_H
#include "vd/error.h"

#define JPEG_BETWEEN_MAX (1u << 20) /* bytes between two pictures: part headers have 200 */

typedef enum {
    JPEG_MORE,  /* as far as it goes it is one */
    JPEG_WHOLE, /* *ret_len bytes are one */
    JPEG_BROKEN /* it is none; a picture cannot begin before *ret_len */
} jpeg_end;

typedef struct {
    size_t at; /* everything before was walked over */
    bool in_scan, had_scan;
    int width_px, height_px; /* 0: not yet told */
} jpeg_walk;

/* Goes on in `bytes`, which begin where the walk began and may have grown. */
jpeg_end jpeg_walk_on(jpeg_walk *walk, vd_slice bytes, size_t *ret_len);

typedef struct {
    vd_buf bytes; /* its limit is the largest picture */
    size_t used;  /* of what jpeg_cut handed out last */
    jpeg_walk walk;
    bool inside;
    size_t between; /* bytes since the last picture that were none */
} jpeg_cutter;

#define JPEG_CUTTER(picture_max) ((jpeg_cutter){ .bytes = VD_BUF(picture_max) })
/* Takes all of `more`; a picture that outgrows the limit is dropped. */
void jpeg_cutter_add(jpeg_cutter *cutter, vd_slice more);
/* VD_OK: a picture, valid until the next call; VD_RETRY: it needs more bytes; VD_INVALID: nothing
 * but other things for JPEG_BETWEEN_MAX bytes. */
VD_MUST_USE vd_err jpeg_cutter_next(jpeg_cutter *cutter, vd_slice *ret_picture);
void jpeg_cutter_done(jpeg_cutter *cutter);
#endif
