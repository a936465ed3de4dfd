#include "limits.h"
#include "tfjs_priv.h"
#include "vd/file.h"

#include <math.h>
#include <stdio.h>

typedef enum { STORED_F32, STORED_I32, STORED_BOOL, STORED_F16, STORED_U8, STORED_U16 } stored;
typedef struct {
    stored form;
    double scale, min;
} storage;

static const size_t stored_bytes[] = { 4, 4, 1, 2, 1, 2 };

static float half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexpf((float)fraction, -24)
                                  : ldexpf((float)(fraction | 1024), exponent - 25);
    return half & 0x8000 ? -value : value;
}

static float stored_number(const storage *s, const uint8_t *at)
{
    uint16_t wide;
    memcpy(&wide, at, s->form == STORED_U8 ? 1 : 2);
    switch (s->form) {
    case STORED_F16: return half_to_float(wide);
    case STORED_U8: return (float)(*at * s->scale + s->min);
    default: return (float)(wide * s->scale + s->min);
    }
}

static vd_err read_storage(const vd_json *weight, const char *name, g_type *ret_type,
                           storage *ret_storage, vd_why *why)
{
    const char *dtype = vd_json_text(vd_json_get(weight, "dtype"), "");
    const vd_json *quantized = vd_json_get(weight, "quantization");
    const char *form = quantized ? vd_json_text(vd_json_get(quantized, "dtype"), "") : dtype;
    static const char *const forms[] = { "float32", "int32", "bool", "float16", "uint8", "uint16" };
    static const char *const types[] = { "float32", "int32", "bool" };
    int found = -1, type = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(dtype, types[i]) == 0) type = i;
    for (int i = quantized ? 3 : 0; i < (quantized ? 6 : 3); i++)
        if (strcmp(form, forms[i]) == 0) found = i;
    if (found < 0 || type < 0 || (quantized && type != G_F32))
        return vd_fail(why, VD_INVALID, "weight '%.80s' has type '%.20s' stored as '%.20s'", name,
                       dtype, form);
    *ret_type = (g_type)type;
    *ret_storage = (storage){ .form = (stored)found,
                              .scale = vd_json_num(vd_json_get(quantized, "scale"), 1),
                              .min = vd_json_num(vd_json_get(quantized, "min"), 0) };
    return VD_OK;
}

static vd_err read_weight_shape(const vd_json *dims, const char *name, g_shape *ret_shape,
                                vd_why *why)
{
    g_shape shape = { .rank = (int)vd_json_len(dims) };
    int64_t count = 1;
    if (vd_json_kind_of(dims) != VD_JSON_IS_LIST || shape.rank > G_RANK_MAX)
        return vd_fail(why, VD_INVALID, "weight '%.80s' has no usable shape", name);
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = vd_json_int(vd_json_at(dims, (size_t)i), -1);
        if (shape.dim[i] < 0 || (shape.dim[i] > 0 && count > G_ELEMENTS_MAX / shape.dim[i]))
            return vd_fail(why, VD_INVALID, "weight '%.80s' has a size out of range", name);
        count *= shape.dim[i];
    }
    *ret_shape = shape;
    return VD_OK;
}

static void *decode(vd_slice raw, const storage *s, size_t count, vd_arena *arena)
{
    if (s->form <= STORED_BOOL) {
        void *copy = vd_arena_alloc(arena, raw.len + 1);
        if (copy && raw.len) memcpy(copy, raw.data, raw.len);
        return copy;
    }
    float *numbers = vd_arena_alloc(arena, count * sizeof(float) + 1);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = stored_number(s, raw.data + i * stored_bytes[s->form]);
    return numbers;
}

static vd_err read_weight(const vd_json *json, vd_slice *rest, vd_arena *arena, tfjs_weight *weight,
                          vd_why *why)
{
    storage s = { 0 };
    weight->name = vd_arena_str(arena, vd_slice_str(vd_json_text(vd_json_get(json, "name"), "")));
    if (!weight->name) return vd_fail(why, VD_FULL, "the weights do not fit in memory");
    vd_err err = read_storage(json, weight->name, &weight->type, &s, why);
    if (!err)
        err = read_weight_shape(vd_json_get(json, "shape"), weight->name, &weight->shape, why);
    if (err) return err;
    size_t count = (size_t)g_elements(&weight->shape), bytes = count * stored_bytes[s.form];
    if (bytes > rest->len) {
        vd_fail(why, VD_CORRUPT, "the weight files end inside weight '%.80s'", weight->name);
        vd_why_detail(why, "%zu bytes needed, %zu left", bytes, rest->len);
        vd_why_hint(why, "fetch the .bin files again; one is cut short or missing");
        return VD_CORRUPT;
    }
    weight->data = decode(vd_slice_of(rest->data, bytes), &s, count, arena);
    if (!weight->data) return vd_fail(why, VD_FULL, "the weights do not fit in memory");
    *rest = vd_slice_from(*rest, bytes);
    return VD_OK;
}

vd_err tfjs_read_weights(const vd_json *manifest, vd_slice bytes, vd_arena *arena,
                         tfjs_weights *ret_weights, vd_why *why)
{
    size_t total = 0;
    for (size_t g = 0; g < vd_json_len(manifest); g++)
        total += vd_json_len(vd_json_get(vd_json_at(manifest, g), "weights"));
    tfjs_weights weights = { 0 };
    if (total > G_NODES_MAX) return vd_fail(why, VD_INVALID, "%zu weights are too many", total);
    weights.item = vd_arena_alloc(arena, (total + 1) * sizeof(*weights.item));
    if (!weights.item) return vd_fail(why, VD_FULL, "the weights do not fit in memory");
    for (size_t g = 0; g < vd_json_len(manifest); g++) {
        const vd_json *list = vd_json_get(vd_json_at(manifest, g), "weights");
        if (vd_json_kind_of(list) != VD_JSON_IS_LIST)
            return vd_fail(why, VD_INVALID, "group %zu of the manifest has no list of weights", g);
        for (size_t i = 0; i < vd_json_len(list); i++) {
            vd_err err = read_weight(vd_json_at(list, i), &bytes, arena,
                                     &weights.item[weights.count++], why);
            if (err) return err;
        }
    }
    if (bytes.len)
        return vd_fail(why, VD_CORRUPT, "%zu bytes of the weight files belong to no weight",
                       bytes.len);
    *ret_weights = weights;
    return VD_OK;
}

/* Weight files lie beside the JSON: a name, never a way elsewhere. */
static bool file_name_plain(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 256;
}

static vd_err load_file(const char *json_path, const char *name, vd_buf *into, vd_why *why)
{
    char path[1024];
    const char *slash = strrchr(json_path, '/');
    int folder = slash ? (int)(slash - json_path) + 1 : 0;
    if (!file_name_plain(name))
        return vd_fail(why, VD_INVALID, "the weight file '%.80s' is not a plain file name", name);
    int len = snprintf(path, sizeof(path), "%.*s%s", folder, json_path, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return vd_fail(why, VD_INVALID, "the path of the model is too long");
    VD_AUTO(vd_buf) part = VD_BUF(into->limit - into->len);
    vd_err err = vd_file_load(path, &part, why);
    if (!err && !vd_buf_add(into, vd_buf_slice(&part)))
        err = vd_fail(why, VD_FULL, "the weights do not fit in memory");
    return err;
}

vd_err tfjs_load_files(const vd_json *manifest, const char *json_path, vd_buf *into, vd_why *why)
{
    unsigned files = 0;
    for (size_t g = 0; g < vd_json_len(manifest); g++) {
        const vd_json *paths = vd_json_get(vd_json_at(manifest, g), "paths");
        for (size_t i = 0; i < vd_json_len(paths); i++) {
            if (++files > TFJS_FILES_MAX)
                return vd_fail(why, VD_INVALID, "the manifest names too many files");
            vd_err err = load_file(json_path, vd_json_text(vd_json_at(paths, i), ""), into, why);
            if (err) return err;
        }
    }
    return VD_OK;
}
