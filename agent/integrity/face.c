/* face.c - what the view looks like when it is well: by day in colour, by night in infrared, which
 * has no colour. A camera that never switches has one face. As bytes:
 *
 *   "VEDETTE VIEW 1\n" | SHA-256 of what follows, hex | "\n" | source's SHA-256, hex | "\n"
 *   for each face:  a byte: is it known | if so: sharpness in millionths, 8 bytes
 *                   | light of each cell in 1/256, 2 bytes each          (all little-endian) */
#include <math.h>
#include <stdlib.h>

#include "integrity_priv.h"
#include "vd/blob.h"

#define MAGIC       "VEDETTE VIEW 1\n"
#define LEARN_SLOW  2e9 /* microseconds: it follows the light of the day */
#define LINE        (VD_SHA256_HEX + 1)
#define COLOUR_GONE 2.0 /* of 255: an encoder leaves traces in what is grey */
#define COLOUR_BACK 3.5
#define SHARP_UNIT  1e6
#define SHARP_MOST  1e12

face_kind face_of(const view *v, face_kind before)
{
    return v->colour < (before == FACE_DAY ? COLOUR_GONE : COLOUR_BACK) ? FACE_NIGHT : FACE_DAY;
}

void face_learn(face *f, const view *now, int64_t passed_us)
{
    double first = 1.0 / (f->learnt + 1), slow = (double)passed_us / LEARN_SLOW;
    if (!f->learnt) f->view = *now;
    view_learn(&f->view, now, !face_known(f) && first > slow ? first : fmin(slow, 1));
    if (!face_known(f)) f->learnt++;
}

/* ---- as bytes ---- */

static bool number_add(vd_buf *into, uint64_t value, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
    return vd_buf_add(into, vd_slice_of(out, bytes));
}

static uint64_t number_take(vd_slice *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && i < from->len; i++) value |= (uint64_t)from->data[i] << 8 * i;
    *from = vd_slice_from(*from, bytes);
    return value;
}

static bool face_add(const face *f, vd_buf *into)
{
    double sharp = fmin(f->view.sharpness * SHARP_UNIT, SHARP_MOST);
    if (!face_known(f)) return number_add(into, 0, 1);
    bool good = number_add(into, 1, 1) && number_add(into, (uint64_t)sharp, 8);
    for (unsigned i = 0; good && i < VIEW_CELLS; i++)
        good = number_add(into, (uint64_t)(f->view.tone[i] * 256), 2);
    return good;
}

vd_err faces_print(const face faces[FACES], const char *source, vd_buf *into)
{
    VD_AUTO(vd_buf) body = VD_BUF(into->limit);
    vd_digest of = vd_sha256(vd_slice_str(source));
    bool good = vd_buf_add_str(&body, of.hex) && vd_buf_add_byte(&body, '\n');
    for (unsigned i = 0; good && i < FACES; i++) good = face_add(&faces[i], &body);
    if (!good) return VD_FULL;
    vd_digest check = vd_sha256(vd_buf_slice(&body));
    vd_buf_clear(into);
    return vd_buf_add_str(into, MAGIC) && vd_buf_add_str(into, check.hex) &&
                   vd_buf_add_byte(into, '\n') && vd_buf_add(into, vd_buf_slice(&body))
               ? VD_OK
               : VD_FULL;
}

static bool line_is(vd_slice *from, const char *hex)
{
    const bool same = from->len >= LINE && memcmp(from->data, hex, VD_SHA256_HEX) == 0;
    *from = vd_slice_from(*from, LINE);
    return same;
}

static bool face_take(vd_slice *from, face *into)
{
    into->learnt = number_take(from, 1) ? LEARN_PICTURES : 0;
    if (!into->learnt) return true;
    if (from->len < 8 + 2 * VIEW_CELLS) return false;
    into->view.sharpness = (double)number_take(from, 8) / SHARP_UNIT;
    for (unsigned i = 0; i < VIEW_CELLS; i++)
        into->view.tone[i] = (float)number_take(from, 2) / 256;
    view_edges(&into->view);
    return true;
}

vd_err faces_read(vd_slice bytes, const char *source, face faces[FACES], vd_why *why)
{
    const vd_slice magic = VD_STR(MAGIC);
    vd_slice rest = vd_slice_from(bytes, magic.len), body = vd_slice_from(rest, LINE);
    vd_digest check = vd_sha256(body), of = vd_sha256(vd_slice_str(source));
    face *read = calloc(FACES, sizeof *read);
    vd_err err = VD_OK;

    if (!read) return vd_fail(why, VD_FULL, "memory ends");
    if (!vd_slice_starts(bytes, magic) || !line_is(&rest, check.hex))
        err = vd_fail(why, VD_CORRUPT, "the kept view of the camera is damaged");
    else if (!line_is(&rest, of.hex))
        err = vd_fail(why, VD_ABSENT, "the kept view is of another source");
    for (unsigned i = 0; !err && i < FACES; i++)
        if (!face_take(&rest, &read[i]))
            err = vd_fail(why, VD_CORRUPT, "the kept view of the camera is too short");
    if (!err && rest.len) err = vd_fail(why, VD_CORRUPT, "the kept view of the camera is too long");
    if (!err) memcpy(faces, read, FACES * sizeof *read);
    free(read);
    return err;
}
