#include "pb_priv.h"

bool pb_varint(vd_slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
        uint8_t byte = rest->data[0];
        *rest = vd_slice_from(*rest, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool take_fixed(vd_slice *rest, size_t width, uint64_t *ret_value)
{
    if (rest->len < width) return false;
    *ret_value = 0;
    memcpy(ret_value, rest->data, width);
    *rest = vd_slice_from(*rest, width);
    return true;
}

static bool take_bytes(vd_slice *rest, vd_slice *ret_bytes)
{
    uint64_t len;
    if (!pb_varint(rest, &len) || len > rest->len) return false;
    *ret_bytes = vd_slice_of(rest->data, (size_t)len);
    *rest = vd_slice_from(*rest, (size_t)len);
    return true;
}

bool pb_next(vd_slice *rest, pb_field *ret_field)
{
    vd_slice start = *rest;
    uint64_t tag;
    bool good = false;
    if (!pb_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911) return false;
    *ret_field = (pb_field){ .field = (unsigned)(tag >> 3), .wire = (unsigned)(tag & 7) };
    switch (ret_field->wire) {
    case 0: good = pb_varint(rest, &ret_field->number); break;
    case 1: good = take_fixed(rest, 8, &ret_field->number); break;
    case 5: good = take_fixed(rest, 4, &ret_field->number); break;
    case 2: good = take_bytes(rest, &ret_field->bytes); break;
    default: break;
    }
    ret_field->whole = vd_slice_of(start.data, start.len - rest->len);
    return good;
}

bool pb_add_varint(vd_buf *into, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    do {
        bytes[len] = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value) bytes[len] |= 0x80;
        len++;
    } while (value);
    return vd_buf_add(into, vd_slice_of(bytes, len));
}

bool pb_add_int(vd_buf *into, unsigned field, int64_t value)
{
    return pb_add_varint(into, (uint64_t)field << 3) && pb_add_varint(into, (uint64_t)value);
}

bool pb_add_bytes(vd_buf *into, unsigned field, vd_slice bytes)
{
    return pb_add_varint(into, (uint64_t)field << 3 | 2) && pb_add_varint(into, bytes.len) &&
           vd_buf_add(into, bytes);
}
