#include "vd/slice.h"

vd_slice vd_slice_from(vd_slice text, size_t from)
{
    if (from >= text.len) return VD_SLICE_NONE;
    return vd_slice_of(text.data + from, text.len - from);
}

vd_slice vd_slice_cut(vd_slice text, uint8_t mark, vd_slice *ret_rest)
{
    const uint8_t *at = text.len ? memchr(text.data, mark, text.len) : NULL;
    if (!at) {
        *ret_rest = VD_SLICE_NONE;
        return text;
    }
    size_t before = (size_t)(at - text.data);
    *ret_rest = vd_slice_from(text, before + 1);
    return vd_slice_of(text.data, before);
}

bool vd_slice_u64(vd_slice text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        uint64_t digit = text.data[i] - '0';
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (value > max) return false;
    *ret_value = value;
    return true;
}

/* Length of the well-formed sequence at the start of bytes (1..4), or 0. Table 3-7 of the Unicode
 * standard: the second byte's range excludes over-long forms, surrogates and what is beyond
 * U+10FFFF. */
static size_t utf8_step(const uint8_t *bytes, size_t len)
{
    uint8_t lead = bytes[0], low = 0x80, high = 0xBF;
    size_t need;
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        need = 2;
    else if ((lead & 0xF0) == 0xE0)
        need = 3;
    else if (lead >= 0xF0 && lead <= 0xF4)
        need = 4;
    else
        return 0;
    if (len < need) return 0;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (size_t i = 2; i < need; i++)
        if ((bytes[i] & 0xC0) != 0x80) return 0;
    return need;
}

bool vd_slice_utf8_valid(vd_slice text)
{
    for (size_t at = 0, step; at < text.len; at += step) {
        step = utf8_step(text.data + at, text.len - at);
        if (step == 0) return false;
    }
    return true;
}

bool vd_slice_to_chars(vd_slice text, char *into, size_t room)
{
    if (room == 0) return false;
    size_t len = text.len < room ? text.len : room - 1;
    if (len) memcpy(into, text.data, len);
    into[len] = '\0';
    return len == text.len;
}
