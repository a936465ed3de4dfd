/* coding.c - hex, base64 and percent-encoding of slice.h. A coder that fails leaves its buffer as
 * it was; a decoder accepts exactly what the encoder may write (and hex in either case), so that
 * one value has one text. */
#include "vd/slice.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Cuts the buffer back to `len` and says false. */
static bool undo(vd_buf *buf, size_t len)
{
    buf->len = len;
    if (buf->data) buf->data[len] = '\0';
    return false;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool vd_hex_encode(vd_slice bytes, vd_buf *into)
{
    static const char digits[] = "0123456789abcdef";
    size_t before = into->len;
    for (size_t i = 0; i < bytes.len; i++) {
        char pair[2] = { digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15] };
        if (!vd_buf_add(into, vd_slice_of(pair, 2))) return undo(into, before);
    }
    return true;
}

bool vd_hex_decode(vd_slice text, uint8_t *into, size_t need_bytes)
{
    if (text.len % 2 != 0 || text.len / 2 != need_bytes) return false;
    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.data[i]) < 0) return false;
    for (size_t i = 0; i < need_bytes; i++)
        into[i] = (uint8_t)(hex_value(text.data[2 * i]) << 4 | hex_value(text.data[2 * i + 1]));
    return true;
}

bool vd_base64_encode(vd_slice bytes, vd_buf *into)
{
    size_t before = into->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)bytes.data[i] << 16;
        if (have > 1) bits |= (uint32_t)bytes.data[i + 1] << 8;
        if (have > 2) bits |= bytes.data[i + 2];
        char four[4] = { base64_digits[bits >> 18], base64_digits[bits >> 12 & 63],
                         have > 1 ? base64_digits[bits >> 6 & 63] : '=',
                         have > 2 ? base64_digits[bits & 63] : '=' };
        if (!vd_buf_add(into, vd_slice_of(four, 4))) return undo(into, before);
    }
    return true;
}

static int base64_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z') return digit - 'A';
    if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9') return digit - '0' + 52;
    if (digit == '+') return 62;
    if (digit == '/') return 63;
    return -1;
}

/* Four characters with `pad` closing '=' into 3 - pad bytes. The bits that fall away must be zero:
 * otherwise two texts would mean the same bytes. */
static bool base64_group(const uint8_t *four, size_t pad, uint8_t three[3])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - pad ? base64_value(four[i]) : 0;
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((bits & ((1u << 8 * pad) - 1)) != 0) return false;
    three[0] = (uint8_t)(bits >> 16);
    three[1] = (uint8_t)(bits >> 8);
    three[2] = (uint8_t)bits;
    return true;
}

bool vd_base64_decode(vd_slice text, vd_buf *into)
{
    size_t before = into->len, pad = 0;
    if (text.len % 4 != 0) return false;
    while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=') pad++;
    for (size_t i = 0; i < text.len; i += 4) {
        uint8_t three[3];
        size_t pad_here = i + 4 == text.len ? pad : 0;
        if (!base64_group(text.data + i, pad_here, three) ||
            !vd_buf_add(into, vd_slice_of(three, 3 - pad_here)))
            return undo(into, before);
    }
    return true;
}

static bool url_unreserved(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

bool vd_url_encode(vd_slice bytes, vd_buf *into)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t before = into->len;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.data[i];
        uint8_t triple[3] = { '%', digits[byte >> 4], digits[byte & 15] };
        vd_slice out = url_unreserved(byte) ? vd_slice_of(&byte, 1) : vd_slice_of(triple, 3);
        if (!vd_buf_add(into, out)) return undo(into, before);
    }
    return true;
}

bool vd_url_decode(vd_slice text, vd_buf *into)
{
    size_t before = into->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            if (!vd_hex_decode(vd_slice_of(text.data + i + 1, text.len - i > 2 ? 2 : 0), &byte, 1))
                return undo(into, before);
            i += 2;
        }
        if (!vd_buf_add_byte(into, byte)) return undo(into, before);
    }
    return true;
}
