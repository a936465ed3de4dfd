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

/* Table 3-7 of the Unicode standard: the second byte's range excludes over-long forms, surrogates
 * and what is beyond U+10FFFF. */
static const struct {
    uint8_t lead_low, lead_high, len, second_low, second_high;
} utf8_forms[] = {
    { 0x00, 0x7F, 1, 0, 0 },       { 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xE0, 0xE0, 3, 0xA0, 0xBF },
    { 0xE1, 0xEC, 3, 0x80, 0xBF }, { 0xED, 0xED, 3, 0x80, 0x9F }, { 0xEE, 0xEF, 3, 0x80, 0xBF },
    { 0xF0, 0xF0, 4, 0x90, 0xBF }, { 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

size_t vd_utf8_len(vd_slice text)
{
    size_t form = 0;
    if (text.len == 0) return 0;
    while (form < VD_COUNT_OF(utf8_forms) && text.data[0] > utf8_forms[form].lead_high) form++;
    if (form == VD_COUNT_OF(utf8_forms) || text.data[0] < utf8_forms[form].lead_low) return 0;
    size_t len = utf8_forms[form].len;
    if (text.len < len) return 0;
    for (size_t i = 1; i < len; i++) {
        uint8_t low = i == 1 ? utf8_forms[form].second_low : 0x80;
        uint8_t high = i == 1 ? utf8_forms[form].second_high : 0xBF;
        if (text.data[i] < low || text.data[i] > high) return 0;
    }
    return len;
}

bool vd_slice_utf8_valid(vd_slice text)
{
    for (size_t len; text.len > 0; text = vd_slice_from(text, len))
        if ((len = vd_utf8_len(text)) == 0) return false;
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
