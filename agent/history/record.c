/* record.c - pictures and vocabularies as bytes, and back. */
#include <math.h>
#include <stdlib.h>

#include "history_priv.h"
#include "vd/arena.h"

#define CLASSES_MAX 65535

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static unsigned get_u16(const uint8_t *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value & 0xffff);
    put_u16(at + 2, value >> 16);
}

static uint32_t get_u32(const uint8_t *at)
{
    return get_u16(at) | (uint32_t)get_u16(at + 2) << 16;
}

static unsigned of_share(float share)
{
    return (unsigned)lrintf(fminf(fmaxf(share, 0), 1) * 65535);
}

static float to_share(const uint8_t *at)
{
    return (float)get_u16(at) / 65535;
}

/* ---- writing ---- */

static bool add_u16(vd_buf *into, unsigned value)
{
    uint8_t two[2];
    put_u16(two, value);
    return vd_buf_add(into, vd_slice_of(two, 2));
}

static bool add_name(vd_buf *into, const char *name)
{
    size_t len = strlen(name);
    if (len > 255) len = 255;
    return vd_buf_add_byte(into, (uint8_t)len) && vd_buf_add(into, vd_slice_of(name, len));
}

static bool head_begin(vd_buf *into, char type, size_t *ret_at)
{
    *ret_at = into->len;
    return vd_buf_add_byte(into, (uint8_t)type) && vd_buf_add(into, vd_slice_of("\0\0\0\0", 4));
}

static void head_end(vd_buf *into, size_t at)
{
    put_u32((uint8_t *)into->data + at + 1, (uint32_t)(into->len - at - HEAD_BYTES));
}

static bool add_model(vd_buf *into, const vd_vocabulary *words, const vd_vocabulary_model *model)
{
    bool fits = add_name(into, model->id) && add_name(into, model->name) &&
                vd_buf_add(into, vd_slice_of(model->digest.hex, VD_SHA256_HEX)) &&
                add_u16(into, of_share(model->score_min)) && add_u16(into, model->class_count);
    for (unsigned i = 0; fits && i < model->class_count; i++) {
        const char *name = vd_vocabulary_name(words, model->first_class + i);
        fits = add_name(into, name ? name : "");
    }
    return fits;
}

bool words_encode(const vd_vocabulary *words, vd_buf *into)
{
    size_t at;
    unsigned count = vd_vocabulary_count(words), models = 0;
    for (unsigned i = 0; i < count; models++) {
        const vd_vocabulary_model *model = vd_vocabulary_model_of(words, i);
        i = model->first_class + model->class_count;
    }
    bool fits = head_begin(into, 'W', &at) && vd_buf_add_byte(into, (uint8_t)models);
    for (unsigned i = 0; fits && i < count;) {
        const vd_vocabulary_model *model = vd_vocabulary_model_of(words, i);
        fits = add_model(into, words, model);
        i = model->first_class + model->class_count;
    }
    if (fits) head_end(into, at);
    return fits;
}

static bool add_ranges(vd_buf *into, const vd_class_range *ranges, unsigned count)
{
    bool fits = vd_buf_add_byte(into, (uint8_t)count);
    for (unsigned i = 0; fits && i < count; i++)
        fits = add_u16(into, ranges[i].first) && add_u16(into, ranges[i].count);
    return fits;
}

static bool is_marked(const vd_detection *d)
{
    return d->parent >= 0 || d->passed_over;
}

/* What was not looked at, and what was found in a crop. */
static bool add_marks(vd_buf *into, const vd_detections *detections)
{
    unsigned marked = 0;
    for (unsigned i = 0; i < detections->count; i++)
        if (is_marked(&detections->item[i])) marked++;
    if (!marked && !detections->blind_count) return true;
    bool fits = add_ranges(into, detections->blind, detections->blind_count) &&
                add_ranges(into, detections->cascade, detections->cascade_count) &&
                add_u16(into, marked);
    for (unsigned i = 0; fits && i < detections->count; i++) {
        const vd_detection *d = &detections->item[i];
        if (!is_marked(d)) continue;
        fits = add_u16(into, i) && add_u16(into, (unsigned)(d->parent + 1)) &&
               add_u16(into, d->passed_over);
    }
    return fits;
}

bool picture_encode(const vd_detections *detections, int64_t utc_us, vd_buf *into)
{
    size_t at;
    uint8_t time[8];
    put_u32(time, (uint32_t)((uint64_t)utc_us & UINT32_MAX));
    put_u32(time + 4, (uint32_t)((uint64_t)utc_us >> 32));
    bool fits = head_begin(into, 'P', &at) && vd_buf_add(into, vd_slice_of(time, 8)) &&
                add_u16(into, detections->count);
    for (unsigned i = 0; fits && i < detections->count; i++) {
        const vd_detection *d = &detections->item[i];
        uint8_t one[12];
        put_u16(one, d->class_id);
        put_u16(one + 2, of_share(d->score));
        put_u16(one + 4, of_share(d->box.l));
        put_u16(one + 6, of_share(d->box.t));
        put_u16(one + 8, of_share(d->box.w));
        put_u16(one + 10, of_share(d->box.h));
        fits = vd_buf_add(into, vd_slice_of(one, sizeof one));
    }
    fits = fits && add_marks(into, detections);
    if (fits) head_end(into, at);
    return fits;
}

/* ---- reading ---- */

/* The next whole record; false at the end, or where the rest is cut. */
static bool record_next(vd_slice *rest, char *ret_type, vd_slice *ret_body)
{
    if (rest->len < HEAD_BYTES) return false;
    size_t len = get_u32(rest->data + 1);
    if (len > rest->len - HEAD_BYTES) return false;
    if (rest->data[0] != 'W' && rest->data[0] != 'P') return false;
    *ret_type = (char)rest->data[0];
    *ret_body = vd_slice_of(rest->data + HEAD_BYTES, len);
    *rest = vd_slice_from(*rest, HEAD_BYTES + len);
    return true;
}

static bool is_ours(vd_slice bytes)
{
    return bytes.len >= MAGIC_BYTES && memcmp(bytes.data, HISTORY_MAGIC, MAGIC_BYTES) == 0;
}

size_t history_whole(vd_slice bytes)
{
    vd_slice rest, body;
    char type;
    if (!is_ours(bytes)) return 0;
    rest = vd_slice_from(bytes, MAGIC_BYTES);
    while (record_next(&rest, &type, &body)) continue;
    return bytes.len - rest.len;
}

static bool take(vd_slice *rest, size_t len, vd_slice *ret)
{
    if (rest->len < len) return false;
    *ret = vd_slice_of(rest->data, len);
    *rest = vd_slice_from(*rest, len);
    return true;
}

/* A name becomes text in `kept`. */
static bool take_name(vd_slice *rest, vd_arena *kept, const char **ret_name)
{
    vd_slice len, name;
    if (!take(rest, 1, &len) || !take(rest, len.data[0], &name)) return false;
    *ret_name = vd_arena_str(kept, name);
    return *ret_name && vd_slice_utf8_valid(name);
}

static bool take_model(vd_slice *rest, vd_arena *kept, vd_vocabulary_part *part)
{
    vd_slice digest, numbers;
    if (!take_name(rest, kept, &part->id) || !take_name(rest, kept, &part->name) ||
        !take(rest, VD_SHA256_HEX, &digest) || !take(rest, 4, &numbers) ||
        !vd_digest_parse(digest, &part->digest))
        return false;
    part->score_min = to_share(numbers.data);
    part->class_count = get_u16(numbers.data + 2);
    const char **names = vd_arena_alloc(kept, (part->class_count + 1) * sizeof *names);
    for (unsigned i = 0; names && i < part->class_count; i++)
        if (!take_name(rest, kept, &names[i])) return false;
    part->classes = names;
    return names != NULL;
}

static vd_vocabulary *words_decode(vd_slice body)
{
    VD_AUTO(vd_arena_ptr) kept = vd_arena_new(16u << 20);
    vd_vocabulary_part part[VD_VOCABULARY_MODELS_MAX];
    vd_vocabulary *words = NULL;
    vd_slice count;
    if (!kept || !take(&body, 1, &count) || count.data[0] < 1 ||
        count.data[0] > VD_VOCABULARY_MODELS_MAX)
        return NULL;
    for (unsigned i = 0; i < count.data[0]; i++)
        if (!take_model(&body, kept, &part[i])) return NULL;
    return vd_vocabulary_new(part, count.data[0], &words) ? NULL : words;
}

static bool take_ranges(vd_slice *rest, vd_class_range *ranges, unsigned *ret_count)
{
    vd_slice count, range;
    if (!take(rest, 1, &count) || count.data[0] > VD_VOCABULARY_MODELS_MAX) return false;
    for (unsigned i = 0; i < count.data[0]; i++) {
        if (!take(rest, 4, &range)) return false;
        ranges[i] = (vd_class_range){ get_u16(range.data), get_u16(range.data + 2) };
    }
    *ret_count = count.data[0];
    return true;
}

static bool take_marks(vd_slice rest, vd_detections *into)
{
    vd_slice count, one;
    into->blind_count = into->cascade_count = 0;
    if (!rest.len) return true;
    if (!take_ranges(&rest, into->blind, &into->blind_count) ||
        !take_ranges(&rest, into->cascade, &into->cascade_count) || !take(&rest, 2, &count))
        return false;
    for (unsigned i = get_u16(count.data); i > 0; i--) {
        if (!take(&rest, 6, &one)) return false;
        unsigned index = get_u16(one.data), parent = get_u16(one.data + 2);
        unsigned passed_over = get_u16(one.data + 4);
        if (index >= into->count || parent > index || passed_over >> into->cascade_count)
            return false;
        into->item[index].parent = (int16_t)((int)parent - 1);
        into->item[index].passed_over = (uint16_t)passed_over;
    }
    return rest.len == 0;
}

static bool picture_decode(vd_slice body, unsigned classes, vd_detections *into, int64_t *ret_us)
{
    vd_slice head;
    if (!take(&body, 10, &head)) return false;
    *ret_us = (int64_t)(get_u32(head.data) | (uint64_t)get_u32(head.data + 4) << 32);
    into->count = get_u16(head.data + 8);
    if (into->count > VD_DETECTIONS_MAX || body.len < into->count * 12u) return false;
    for (unsigned i = 0; i < into->count; i++) {
        const uint8_t *at = body.data + (size_t)i * 12;
        into->item[i] = (vd_detection){
            .class_id = (uint16_t)get_u16(at),
            .score = to_share(at + 2),
            .box = { to_share(at + 4), to_share(at + 6), to_share(at + 8), to_share(at + 10) },
            .parent = -1,
        };
        if (into->item[i].class_id >= classes) return false;
    }
    return take_marks(vd_slice_from(body, into->count * 12u), into);
}

vd_err vd_history_parse(vd_slice bytes, const char *camera, int64_t from_us, int64_t until_us,
                        vd_history_fn *fn, void *ctx, vd_why *why)
{
    vd_detections *seen = calloc(1, sizeof *seen);
    vd_vocabulary *words = NULL;
    vd_slice rest = vd_slice_from(bytes, MAGIC_BYTES), body;
    int64_t utc_us;
    char type;
    vd_err err = seen ? VD_OK : vd_fail(why, VD_FULL, "memory ends");
    if (!err && !is_ours(bytes))
        err = vd_fail(why, VD_CORRUPT, "this is no file of stored detections");
    while (!err && record_next(&rest, &type, &body)) {
        if (type == 'W') {
            vd_vocabulary_free(words);
            words = words_decode(body);
        } else if (words && picture_decode(body, vd_vocabulary_count(words), seen, &utc_us) &&
                   utc_us >= from_us && utc_us < until_us) {
            err = fn(ctx, camera, seen, words, utc_us, why);
        }
    }
    vd_vocabulary_free(words);
    free(seen);
    return err;
}
