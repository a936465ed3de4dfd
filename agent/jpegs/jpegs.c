/* jpegs.c - JPEGs out of a stream of anything.
 *
 * "MJPEG over HTTP" is multipart/x-mixed-replace: a boundary line, headers, a JPEG, and so on. In
 * the field the boundary is not the one announced, lengths are missing or wrong, lines end in one
 * byte or two. But a JPEG tells its own end, so none of that is asked: what does not belong to a
 * picture is skipped.
 *
 *   FF D8 | FF xx len(2) ... | FF xx len(2) ... | FF DA len(2) ... coded bytes | FF D9
 *           segments: xx says what, len counts itself         FF 00, FF D0..D7 belong to them
 *
 * A picture that was cut off shows as another FF D8 in its coded bytes, or as a segment that does
 * not begin with FF: it is dropped and the next one looked for. */
#include "jpegs.h"

enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, TEM = 0x01, RST_FIRST = 0xd0, RST_LAST = 0xd7 };

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool stands_alone(uint8_t marker)
{
    return marker == TEM || (marker >= RST_FIRST && marker <= RST_LAST);
}

/* Coded bytes, up to a marker that ends them. */
static jpeg_end walk_scan(jpeg_walk *walk, vd_slice bytes, size_t *ret_len)
{
    while (walk->at < bytes.len) {
        const uint8_t *mark = memchr(bytes.data + walk->at, 0xff, bytes.len - walk->at);
        walk->at = mark ? (size_t)(mark - bytes.data) : bytes.len;
        if (!mark || walk->at + 1 >= bytes.len) return JPEG_MORE;
        const uint8_t next = mark[1];
        if (next == 0xff) {
            walk->at++;
        } else if (next == 0 || stands_alone(next)) {
            walk->at += 2;
        } else if (next == SOI) {
            *ret_len = walk->at;
            return JPEG_BROKEN;
        } else {
            walk->in_scan = false;
            return JPEG_MORE;
        }
    }
    return JPEG_MORE;
}

static jpeg_end broken(size_t *ret_len)
{
    *ret_len = 2; /* past its SOI: a whole one may hide in what it claimed */
    return JPEG_BROKEN;
}

/* One segment that begins with `marker`. *ret_stay: it is not all there. */
static jpeg_end walk_segment(jpeg_walk *walk, vd_slice bytes, bool *ret_stay, size_t *ret_len)
{
    const uint8_t *data = bytes.data + walk->at;
    const size_t left = bytes.len - walk->at;
    *ret_stay = left < 4;
    if (*ret_stay) return JPEG_MORE;
    const size_t len = (size_t)data[2] << 8 | data[3];
    if (len < 2) return broken(ret_len);
    if (is_frame_header(data[1])) {
        *ret_stay = left < 10;
        if (*ret_stay) return JPEG_MORE;
        if (len != 8 + 3 * (size_t)data[9]) return broken(ret_len);
        walk->height_px = data[5] << 8 | data[6];
        walk->width_px = data[7] << 8 | data[8];
    }
    if (data[1] == SOS) {
        *ret_stay = left < 5;
        if (*ret_stay) return JPEG_MORE;
        if (len != 6 + 2 * (size_t)data[4]) return broken(ret_len);
        walk->in_scan = walk->had_scan = true;
    }
    walk->at += 2 + len;
    return JPEG_MORE;
}

jpeg_end jpeg_walk_on(jpeg_walk *walk, vd_slice bytes, size_t *ret_len)
{
    if (walk->at == 0) walk->at = 2; /* SOI, which the caller saw */
    while (walk->at + 1 < bytes.len) {
        jpeg_end end = JPEG_MORE;
        bool stay = false;
        const uint8_t *data = bytes.data + walk->at;
        if (walk->in_scan) {
            end = walk_scan(walk, bytes, ret_len);
            stay = walk->in_scan;
        } else if (data[0] != 0xff || data[1] == 0 || data[1] == SOI) {
            return broken(ret_len);
        } else if (data[1] == 0xff) {
            walk->at++;
        } else if (stands_alone(data[1])) {
            walk->at += 2;
        } else if (data[1] == EOI) {
            *ret_len = walk->at + 2;
            return walk->had_scan ? JPEG_WHOLE : broken(ret_len);
        } else {
            end = walk_segment(walk, bytes, &stay, ret_len);
        }
        if (end != JPEG_MORE || stay) return end;
    }
    return JPEG_MORE;
}

static void drop(jpeg_cutter *cutter, size_t count)
{
    vd_buf_drop_front(&cutter->bytes, count);
    cutter->between += count;
    cutter->inside = false;
}

/* To the first FF D8 FF; false: there is none yet. */
static bool find_start(jpeg_cutter *cutter)
{
    const uint8_t *data = (const uint8_t *)cutter->bytes.data;
    size_t at = 0;
    const size_t len = cutter->bytes.len;
    while (at + 3 <= len) {
        const uint8_t *mark = memchr(data + at, 0xff, len - at - 2);
        at = mark ? (size_t)(mark - data) : len - 2;
        if (mark && mark[1] == SOI && mark[2] == 0xff) break;
        if (mark) at++;
    }
    const bool found = at + 3 <= len;
    drop(cutter, at);
    cutter->inside = found;
    if (found) cutter->between = 0;
    cutter->walk = (jpeg_walk){ 0 };
    return found;
}

static void take_back(jpeg_cutter *cutter)
{
    vd_buf_drop_front(&cutter->bytes, cutter->used);
    cutter->used = 0;
}

void jpeg_cutter_add(jpeg_cutter *cutter, vd_slice more)
{
    take_back(cutter);
    if (vd_buf_add(&cutter->bytes, more)) return;
    drop(cutter, cutter->bytes.len);
    (void)vd_buf_add(&cutter->bytes, more); /* larger than any picture by itself: skipped whole */
}

vd_err jpeg_cutter_next(jpeg_cutter *cutter, vd_slice *ret_picture)
{
    take_back(cutter);
    while (cutter->inside || find_start(cutter)) {
        size_t len = 0;
        const jpeg_end end = jpeg_walk_on(&cutter->walk, vd_buf_slice(&cutter->bytes), &len);
        if (end == JPEG_MORE) return VD_RETRY;
        if (end == JPEG_BROKEN) {
            drop(cutter, len);
            continue;
        }
        *ret_picture = vd_slice_of(cutter->bytes.data, len);
        cutter->used = len;
        cutter->inside = false;
        cutter->between = 0;
        return VD_OK;
    }
    return cutter->between > JPEG_BETWEEN_MAX ? VD_INVALID : VD_RETRY;
}

void jpeg_cutter_done(jpeg_cutter *cutter)
{
    vd_buf_done(&cutter->bytes);
}
