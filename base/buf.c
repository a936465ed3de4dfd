/* buf.c - the growing buffer of slice.h. Room doubles, but never beyond limit + 1 (the NUL). */
#include "vd/fault.h"
#include "vd/slice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ROOM = 256 };

/* Makes room for `more` bytes and the closing NUL. */
static bool buf_reserve(vd_buf *buf, size_t more)
{
    if (more > buf->limit || buf->len > buf->limit - more) return false;
    size_t need = buf->len + more + 1;
    if (need == 0) return false; /* a limit of SIZE_MAX */
    if (need <= buf->room) return true;

    size_t room = buf->room < FIRST_ROOM ? FIRST_ROOM : buf->room;
    while (room < need) room = room > SIZE_MAX / 2 ? need : room * 2;
    if (buf->limit < SIZE_MAX && room > buf->limit + 1) room = buf->limit + 1;
    char *data = vd_realloc(buf->data, room);
    if (!data) return false;
    buf->data = data;
    buf->room = room;
    return true;
}

bool vd_buf_add(vd_buf *buf, vd_slice bytes)
{
    if (!buf_reserve(buf, bytes.len)) return false;
    if (bytes.len) memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    buf->data[buf->len] = '\0';
    return true;
}

bool vd_buf_add_str(vd_buf *buf, const char *text)
{
    return vd_buf_add(buf, vd_slice_str(text));
}

bool vd_buf_add_byte(vd_buf *buf, uint8_t byte)
{
    return vd_buf_add(buf, vd_slice_of(&byte, 1));
}

bool vd_buf_addf(vd_buf *buf, const char *format, ...)
{
    const size_t left = buf->room - buf->len; /* with the NUL; mostly enough */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(left ? buf->data + buf->len : NULL, left, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < left) {
        buf->len += (size_t)len;
        return true;
    }
    if (left) buf->data[buf->len] = '\0';
    if (len < 0 || !buf_reserve(buf, (size_t)len)) return false;

    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

void vd_buf_clear(vd_buf *buf)
{
    buf->len = 0;
    if (buf->data) buf->data[0] = '\0';
}

void vd_buf_drop_front(vd_buf *buf, size_t count)
{
    if (count > buf->len) count = buf->len;
    if (count == 0) return;
    memmove(buf->data, buf->data + count, buf->len - count);
    buf->len -= count;
    buf->data[buf->len] = '\0';
}

void vd_buf_done(vd_buf *buf)
{
    free(buf->data);
    *buf = VD_BUF(buf->limit);
}
