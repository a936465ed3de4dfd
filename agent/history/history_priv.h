/* history_priv.h - one file of stored detections: DIR/CAMERA/YYYYMMDDHH.det, the hour in UTC.
 *
 *   "VDDET1\r\n"                                     8 bytes
 *   records, each    'W' | 'P', u32 length, then:
 *     W  what ids mean from here on: u8 models; each id, name, 64 hex digits, u16 score_min,
 *        u16 classes, each a name. Names are a u8 length and bytes.
 *     P  a picture: i64 utc_us, u16 count; each u16 class, score, left, top, width, height. Then,
 *        where there is any of it: u8 blind, each u16 first class, u16 classes; u8 cascades, each
 *        the same; u16 marked, each u16 index, u16 1 + parent, u16 passed over (a bit a cascade).
 *        Files of before have none: all is known, and nothing was found in crops.
 *
 * Numbers are little-endian; shares of the picture and scores are 65535 for 1. */
#ifndef VD_HISTORY_PRIV_H
#define VD_HISTORY_PRIV_H
#include "history.h"

#define HISTORY_MAGIC    "VDDET1\r\n"
#define MAGIC_BYTES      8
#define HEAD_BYTES       5
#define HISTORY_FILE_MAX (64u << 20) /* an hour of a hundred things ten times a second is 43 MB */
#define HOUR_US          3600000000ll

typedef struct {
    char camera[40];
    char hour[16];
    uint64_t bytes;
} stored_file;
typedef struct {
    stored_file *file;
    size_t count;
} stored_list;
/* All files of a camera, or of all with NULL, by camera, then by hour. Owner: caller, free(file).
 */
vd_err history_list(const char *dir, const char *camera, stored_list *ret_list, vd_why *why);

bool words_encode(const vd_vocabulary *words, vd_buf *into);
bool picture_encode(const vd_detections *detections, int64_t utc_us, vd_buf *into);
/* How many bytes of the file are whole records; 0: it is none of ours. */
size_t history_whole(vd_slice bytes);
#endif
