/* child_reply.c - an HTTP reply: status line and fields, each ended by a line feed with or without
 * a carriage return; then a body until the length, the last chunk, or the connection's end. */
#include <ctype.h>
#include <strings.h>

#include "child_web_priv.h"

size_t reply_head_len(vd_slice bytes)
{
    size_t line = 0; /* bytes in the line so far, without a carriage return */

    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] == '\n') {
            if (line == 0) return i + 1;
            line = 0;
        } else if (bytes.data[i] != '\r') {
            line++;
        }
    }
    return 0;
}

static vd_slice trimmed(vd_slice text)
{
    while (text.len && strchr(" \t", text.data[0])) text = vd_slice_from(text, 1);
    while (text.len && strchr(" \t\r", text.data[text.len - 1])) text.len--;
    return text;
}

static bool is_field(vd_slice name, const char *want)
{
    return name.len == strlen(want) && strncasecmp((const char *)name.data, want, name.len) == 0;
}

static bool length_read(vd_slice value, reply *into)
{
    into->have_length = vd_slice_u64(value, UINT64_MAX / 2, &into->left);
    return true; /* a length that is none says nothing; cameras write such */
}

static bool field_read(vd_slice line, reply *into)
{
    char text[2 * SIGN_ROOM + 256];
    vd_slice value;
    const vd_slice name = trimmed(vd_slice_cut(line, ':', &value));

    value = trimmed(value);
    if (is_field(name, "Content-Type"))
        return vd_slice_to_chars(value, into->type, sizeof into->type) || true;
    if (is_field(name, "Location"))
        return vd_slice_to_chars(value, into->location, sizeof into->location);
    if (is_field(name, "Content-Length")) return length_read(value, into);
    if (is_field(name, "Transfer-Encoding")) into->chunked = is_field(value, "chunked");
    if (is_field(name, "WWW-Authenticate") && vd_slice_to_chars(value, text, sizeof text))
        sign_offered(text, &into->offer);
    return true;
}

static bool status_read(vd_slice line, reply *into)
{
    vd_slice rest;
    uint64_t status = 0;
    const vd_slice version = vd_slice_cut(line, ' ', &rest);

    if (!vd_slice_starts(version, VD_STR("HTTP/")) && !vd_slice_starts(version, VD_STR("ICY")))
        return false;
    vd_slice code = trimmed(rest);
    if (code.len > 3) code.len = 3;
    if (!vd_slice_u64(code, 999, &status) || status < 100) return false;
    into->status = (unsigned)status;
    return true;
}

bool reply_read(vd_slice head, reply *ret_reply)
{
    vd_slice rest;

    *ret_reply = (reply){ .status = 0 };
    bool good = status_read(trimmed(vd_slice_cut(head, '\n', &rest)), ret_reply);
    while (good && rest.len) {
        const vd_slice line = trimmed(vd_slice_cut(rest, '\n', &rest));
        good = field_read(line, ret_reply);
    }
    if (ret_reply->chunked) {
        ret_reply->have_length = false;
        ret_reply->left = 0;
    }
    return good;
}

/* "1a2b;name=value" */
static bool size_read(vd_slice line, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t at = 0;

    for (; at < line.len && size <= UINT32_MAX && isxdigit(line.data[at]); at++) {
        const uint8_t digit = line.data[at];
        size = size * 16 + (uint64_t)(isdigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    *ret_size = size;
    return at > 0 && size <= UINT32_MAX && (at == line.len || strchr(" \t;", line.data[at]));
}

/* Over the line end behind a chunk, up to and with the next one's size. False: broken; a line that
 * is not whole yet leaves *rest as it is. */
static bool chunk_begin(reply *to, vd_slice *rest)
{
    vd_slice at = *rest;

    while (at.len && (at.data[0] == '\r' || at.data[0] == '\n')) at = vd_slice_from(at, 1);
    const uint8_t *end = at.len ? memchr(at.data, '\n', at.len) : NULL;
    if (!end) return at.len < 1024;
    const size_t len = (size_t)(end - at.data);
    if (!size_read(trimmed(vd_slice_of(at.data, len)), &to->left)) return false;
    *rest = vd_slice_from(at, len + 1);
    to->in_chunk = to->left > 0;
    to->ended = to->left == 0;
    return true;
}

static vd_slice body_take(reply *to, vd_slice *rest)
{
    const bool counted = to->chunked || to->have_length;
    const size_t len = counted && to->left < rest->len ? (size_t)to->left : rest->len;
    const vd_slice part = vd_slice_of(rest->data, len);

    *rest = vd_slice_from(*rest, len);
    if (counted) to->left -= len;
    if (to->chunked && to->left == 0) to->in_chunk = false;
    return part;
}

bool reply_body(reply *to, vd_slice *rest, vd_slice *ret_part)
{
    *ret_part = VD_SLICE_NONE;
    if (to->have_length && to->left == 0) to->ended = true;
    if (to->chunked && !to->in_chunk && !to->ended && !chunk_begin(to, rest)) return false;
    const bool inside = !to->ended && (!to->chunked || to->in_chunk);
    if (inside) *ret_part = body_take(to, rest);
    return true;
}
