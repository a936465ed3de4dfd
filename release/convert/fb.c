#include "fb_priv.h"

static const fb_table no_table;

static void broken(fb_file *file, size_t at)
{
    if (!file->broken) file->broken_at = at;
    file->broken = true;
}

static bool inside(fb_file *file, size_t at, size_t bytes)
{
    if (at <= file->bytes.len && bytes <= file->bytes.len - at) return true;
    broken(file, at);
    return false;
}

static uint64_t number_at(const fb_file *file, size_t at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)file->bytes.data[at + i] << 8 * i;
    return value;
}

static int64_t as_signed(uint64_t value, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;
    return (int64_t)(value << shift) >> shift;
}

/* Follows the offset at `at`; 0 when it leads outside. Offsets lead forward only. */
static size_t follow(fb_file *file, size_t at)
{
    if (!inside(file, at, 4)) return 0;
    uint64_t offset = number_at(file, at, 4);
    if (offset && inside(file, at + offset, 4)) return at + offset;
    broken(file, at);
    return 0;
}

static fb_table table_at(fb_file *file, size_t at)
{
    if (!at || !inside(file, at, 4)) return no_table;
    int64_t vtable = (int64_t)at - as_signed(number_at(file, at, 4), 4);
    if (vtable < 0 || !inside(file, (size_t)vtable, 4)) {
        broken(file, at);
        return no_table;
    }
    fb_table t = { .file = file, .at = at, .vtable = (size_t)vtable };
    t.vtable_bytes = (unsigned)number_at(file, t.vtable, 2);
    t.bytes = (unsigned)number_at(file, t.vtable + 2, 2);
    if (t.vtable_bytes < 4 || !inside(file, t.vtable, t.vtable_bytes) || t.bytes < 4 ||
        !inside(file, at, t.bytes)) {
        broken(file, at);
        return no_table;
    }
    return t;
}

fb_table fb_root(fb_file *file)
{
    return table_at(file, follow(file, 0));
}

/* Where a field lies; 0: it is left out. */
static size_t place(const fb_table *t, unsigned field, unsigned bytes)
{
    size_t slot = 4 + 2 * (size_t)field;
    if (!t->at || slot + 2 > t->vtable_bytes) return 0;
    unsigned offset = (unsigned)number_at(t->file, t->vtable + slot, 2);
    if (!offset) return 0;
    if (offset + bytes > t->bytes) {
        broken(t->file, t->vtable + slot);
        return 0;
    }
    return t->at + offset;
}

bool fb_has(const fb_table *t, unsigned field)
{
    return place(t, field, 1) != 0;
}

int64_t fb_int(const fb_table *t, unsigned field, unsigned bytes, int64_t fallback)
{
    size_t at = place(t, field, bytes);
    return at ? as_signed(number_at(t->file, at, bytes), bytes) : fallback;
}

uint32_t fb_u32(const fb_table *t, unsigned field, uint32_t fallback)
{
    size_t at = place(t, field, 4);
    return at ? (uint32_t)number_at(t->file, at, 4) : fallback;
}

uint64_t fb_u64(const fb_table *t, unsigned field)
{
    size_t at = place(t, field, 8);
    return at ? number_at(t->file, at, 8) : 0;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

float fb_float(const fb_table *t, unsigned field)
{
    return float_of(fb_u32(t, field, 0));
}

fb_table fb_sub(const fb_table *t, unsigned field)
{
    size_t at = place(t, field, 4);
    return at ? table_at(t->file, follow(t->file, at)) : no_table;
}

fb_vector fb_list(const fb_table *t, unsigned field, unsigned element_bytes)
{
    fb_vector v = { .file = t->file };
    size_t at = place(t, field, 4), start = at ? follow(t->file, at) : 0;
    if (!start) return v;
    uint64_t count = number_at(t->file, start, 4);
    if (!inside(t->file, start + 4, (size_t)count * element_bytes)) return v;
    v.at = start + 4;
    v.count = (uint32_t)count;
    return v;
}

vd_slice fb_text(const fb_table *t, unsigned field)
{
    fb_vector v = fb_list(t, field, 1);
    return v.count ? vd_slice_of(t->file->bytes.data + v.at, v.count) : VD_SLICE_NONE;
}

fb_table fb_list_table(const fb_vector *v, uint32_t index)
{
    return index < v->count ? table_at(v->file, follow(v->file, v->at + (size_t)index * 4))
                            : no_table;
}

int64_t fb_list_int(const fb_vector *v, uint32_t index, unsigned bytes)
{
    if (index >= v->count) return 0;
    return as_signed(number_at(v->file, v->at + (size_t)index * bytes, bytes), bytes);
}

float fb_list_float(const fb_vector *v, uint32_t index)
{
    return float_of((uint32_t)fb_list_int(v, index, 4));
}

/* FlexBuffers: numbers are 1, 2, 4 or 8 bytes wide, offsets lead backward.
 *
 *   root   ... value, its type (kind * 4 + width of what it points to), bytes of the value
 *   map    back to the keys, width of the keys, count | values | one type a value
 *   keys   count | back to each key's text
 */
enum { FLEX_INT = 1, FLEX_UINT, FLEX_FLOAT, FLEX_IND_INT = 6, FLEX_IND_UINT, FLEX_IND_FLOAT };
enum { FLEX_MAP = 9, FLEX_BOOL = 26 };

typedef struct {
    fb_file file;
    size_t values, keys;
    unsigned width, key_width;
    uint64_t count;
} flex_map;

static bool flex_width(uint64_t bytes)
{
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

/* Follows the offset of `width` bytes at `at` backward. */
static bool flex_back(fb_file *file, size_t at, unsigned width, size_t *ret_at)
{
    if (!inside(file, at, width)) return false;
    uint64_t back = number_at(file, at, width);
    *ret_at = at - back;
    return back <= at;
}

static bool flex_open(vd_slice bytes, flex_map *m)
{
    *m = (flex_map){ .file = { .bytes = bytes } };
    if (bytes.len < 3) return false;
    unsigned width = bytes.data[bytes.len - 1], type = bytes.data[bytes.len - 2];
    if (!flex_width(width) || width + 2 > bytes.len || type >> 2 != FLEX_MAP) return false;
    m->width = 1u << (type & 3);
    if (!flex_back(&m->file, bytes.len - 2 - width, width, &m->values)) return false;
    if (m->values < 3 * (size_t)m->width) return false;
    size_t head = m->values - 3 * (size_t)m->width;
    if (!inside(&m->file, head, 3 * (size_t)m->width)) return false;
    uint64_t key_width = number_at(&m->file, head + m->width, m->width);
    m->count = number_at(&m->file, head + 2 * (size_t)m->width, m->width);
    m->key_width = (unsigned)key_width;
    return flex_width(key_width) && m->count <= bytes.len &&
           flex_back(&m->file, head, m->width, &m->keys) &&
           inside(&m->file, m->values, (size_t)m->count * (m->width + 1)) &&
           inside(&m->file, m->keys, (size_t)m->count * m->key_width);
}

static double flex_read(const fb_file *file, size_t at, unsigned width, unsigned kind)
{
    uint64_t raw = number_at(file, at, width);
    double wide;
    memcpy(&wide, &raw, 8);
    if (kind == FLEX_FLOAT) return width == 8 ? wide : (double)float_of((uint32_t)raw);
    return kind == FLEX_INT ? (double)as_signed(raw, width) : (double)raw;
}

static bool flex_value(flex_map *m, uint64_t index, double *ret_number)
{
    size_t at = m->values + (size_t)index * m->width;
    unsigned type = m->file.bytes.data[m->values + (size_t)m->count * m->width + index];
    unsigned kind = type >> 2, width = m->width;
    if (kind >= FLEX_IND_INT && kind <= FLEX_IND_FLOAT) {
        if (!flex_back(&m->file, at, m->width, &at)) return false;
        width = 1u << (type & 3);
        kind -= FLEX_IND_INT - FLEX_INT;
    }
    if (kind != FLEX_INT && kind != FLEX_UINT && kind != FLEX_FLOAT && kind != FLEX_BOOL)
        return false;
    if ((kind == FLEX_FLOAT && width < 4) || !inside(&m->file, at, width)) return false;
    *ret_number = flex_read(&m->file, at, width, kind);
    return true;
}

bool flex_number(vd_slice bytes, const char *key, double *ret_number)
{
    flex_map m;
    size_t at, len = strlen(key) + 1; /* with its NUL */
    if (!flex_open(bytes, &m)) return false;
    for (uint64_t i = 0; i < m.count; i++) {
        if (!flex_back(&m.file, m.keys + (size_t)i * m.key_width, m.key_width, &at)) return false;
        if (at + len <= bytes.len && memcmp(bytes.data + at, key, len) == 0)
            return flex_value(&m, i, ret_number);
    }
    return false;
}
