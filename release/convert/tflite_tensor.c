/* Tensors: shape, type, steps, and the numbers of those that are constant. */
#include "tflite_priv.h"

#include <math.h>
#include <stdio.h>

static const struct {
    const char *name;
    unsigned bytes; /* 0: not supported */
} types[] = {
    { "float32", 4 }, { "float16", 2 },    { "int32", 4 },  { "uint8", 1 },     { "int64", 8 },
    { "text", 0 },    { "bool", 1 },       { "int16", 0 },  { "complex64", 0 }, { "int8", 1 },
    { "float64", 0 }, { "complex128", 0 }, { "uint64", 0 }, { "resource", 0 },  { "variant", 0 },
    { "uint32", 0 },  { "uint16", 0 },     { "int4", 0 },
};

g_type tflite_type(int type)
{
    return type == TYPE_I32 || type == TYPE_I64 ? G_I32 : type == TYPE_BOOL ? G_BOOL : G_F32;
}

static void read_name(const fb_table *table, int64_t index, char into[160])
{
    vd_slice name = fb_text(table, TENSOR_NAME);
    if (!name.len || !vd_slice_utf8_valid(name) || memchr(name.data, 0, name.len)) {
        snprintf(into, 160, "tensor%lld", (long long)index);
        return;
    }
    int len = name.len < 120 ? (int)name.len : 120;
    while (len > 0 && (size_t)len < name.len && (name.data[len] & 0xc0) == 0x80) len--;
    snprintf(into, 160, "%.*s", len, (const char *)name.data);
    for (char *c = into; *c; c++) /* '#' marks names that the converter makes */
        if (*c == '#' || *c < 32) *c = '_';
}

vd_err tflite_tensor_read(tflite *t, int64_t index, tflite_tensor *tensor, vd_why *why)
{
    *tensor = (tflite_tensor){ 0 };
    if (index < 0 || index >= t->tensors.count)
        return tflite_fail(t, why, "it names tensor %lld of %u", (long long)index,
                           t->tensors.count);
    fb_table table = fb_list_table(&t->tensors, (uint32_t)index);
    fb_vector shape = fb_list(&table, TENSOR_SHAPE, 4);
    fb_vector open = fb_list(&table, TENSOR_SIGNATURE, 4);
    int64_t count = 1;
    read_name(&table, index, tensor->name);
    tensor->type = (int)fb_int(&table, TENSOR_TYPE, 1, 0);
    tensor->buffer = fb_u32(&table, TENSOR_BUFFER, 0);
    if (tensor->type < 0 || tensor->type >= (int)VD_COUNT_OF(types))
        return tflite_fail(t, why, "'%.80s' has a type that is not known yet (%d)", tensor->name,
                           tensor->type);
    if (!types[tensor->type].bytes)
        return tflite_fail(t, why, "'%.80s' is of type %s, which is not supported", tensor->name,
                           types[tensor->type].name);
    if (fb_has(&table, TENSOR_SPARSITY))
        return tflite_fail(t, why, "'%.80s' is stored sparsely, which is not supported",
                           tensor->name);
    if (shape.count > G_RANK_MAX)
        return tflite_fail(t, why, "'%.80s' has %u dimensions", tensor->name, shape.count);
    for (uint32_t i = 0; i < shape.count; i++) {
        int64_t dim = fb_list_int(&shape, i, 4);
        if (dim < 0 || (dim > 0 && count > G_ELEMENTS_MAX / dim))
            return tflite_fail(t, why, "'%.80s' has a size out of range", tensor->name);
        tensor->shape.dim[tensor->shape.rank++] = dim;
        count *= dim;
        if (i > 0 && i < open.count && fb_list_int(&open, i, 4) < 0) tensor->open = true;
    }
    return VD_OK;
}

static vd_err read_steps(tflite *t, const fb_table *table, const tflite_tensor *tensor,
                         uint32_t count, g_quant *quant, vd_why *why)
{
    fb_vector scales = fb_list(table, QUANT_SCALE, 4), zeros = fb_list(table, QUANT_ZERO, 8);
    float *scale = vd_arena_alloc(t->arena, count * sizeof(*scale));
    int32_t *zero = vd_arena_alloc(t->arena, count * sizeof(*zero));
    int64_t low = tensor->type == TYPE_I8 ? -128 : 0;
    if (!scale || !zero) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    for (uint32_t i = 0; i < count; i++) {
        scale[i] = scales.count ? fb_list_float(&scales, i) : 1; /* bytes that are just numbers */
        int64_t at = fb_list_int(&zeros, zeros.count == 1 ? 0 : i, 8);
        if (tensor->type == TYPE_I32 ? at != 0 : at < low || at > low + 255)
            return tflite_fail(t, why, "'%.80s' has a zero point out of range", tensor->name);
        if (!(scale[i] >= 0) || !isfinite(scale[i]))
            return tflite_fail(t, why, "'%.80s' has a scale that is none", tensor->name);
        if (scale[i] < 1.17549435e-38f) scale[i] = 1.17549435e-38f; /* a channel of zeros */
        zero[i] = (int32_t)at;
    }
    *quant = (g_quant){ .count = count,
                        .scale = scale,
                        .zero = zero,
                        .axis = (int)fb_int(table, QUANT_AXIS, 4, 0),
                        .is_signed = tensor->type == TYPE_I8 };
    return VD_OK;
}

vd_err tflite_quant(tflite *t, int64_t index, const tflite_tensor *tensor, g_quant **ret_quant,
                    vd_why *why)
{
    *ret_quant = t->quant_of[index];
    bool bytes = tensor->type == TYPE_U8 || tensor->type == TYPE_I8;
    if (*ret_quant || (!bytes && tensor->type != TYPE_I32)) return VD_OK;
    fb_table outer = fb_list_table(&t->tensors, (uint32_t)index);
    fb_table table = fb_sub(&outer, TENSOR_QUANTIZATION);
    fb_vector scales = fb_list(&table, QUANT_SCALE, 4);
    if (fb_int(&table, QUANT_DETAILS, 1, 0))
        return tflite_fail(t, why, "'%.80s' is quantised in a way of its own", tensor->name);
    if (!scales.count && !bytes) return VD_OK; /* plain int32 */
    int64_t axis = fb_int(&table, QUANT_AXIS, 4, 0);
    if (scales.count > 1 && (axis < 0 || axis >= tensor->shape.rank ||
                             tensor->shape.dim[axis] != (int64_t)scales.count))
        return tflite_fail(t, why, "'%.80s' has %u scales for another number of channels",
                           tensor->name, scales.count);
    g_quant *quant = vd_arena_alloc(t->arena, sizeof(*quant));
    if (!quant) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    vd_err err = read_steps(t, &table, tensor, scales.count ? scales.count : 1, quant, why);
    if (!err) *ret_quant = t->quant_of[index] = quant;
    return err;
}

static vd_slice buffer_of(tflite *t, const tflite_tensor *tensor)
{
    fb_table table = fb_list_table(&t->buffers, tensor->buffer);
    fb_vector data = fb_list(&table, BUFFER_DATA, 1);
    uint64_t offset = fb_u64(&table, BUFFER_OFFSET), size = fb_u64(&table, BUFFER_SIZE);
    if (data.count) return vd_slice_of(t->file.bytes.data + data.at, data.count);
    if (offset < 2) return VD_SLICE_NONE; /* files over 2 GB keep numbers behind the FlatBuffer */
    if (offset <= t->file.bytes.len && size <= t->file.bytes.len - offset)
        return vd_slice_of(t->file.bytes.data + offset, (size_t)size);
    t->file.broken = true;
    return VD_SLICE_NONE;
}

static float half_to_float(const uint8_t *at)
{
    int half = at[0] | at[1] << 8, exponent = half >> 10 & 31, fraction = half & 1023;
    float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexpf((float)fraction, -24)
                                  : ldexpf((float)(fraction | 1024), exponent - 25);
    return half & 0x8000 ? -value : value;
}

static float dequantised(const g_quant *quant, unsigned channel, int32_t integer)
{
    return (float)(integer - quant->zero[channel]) * quant->scale[channel];
}

/* One element after the other; `inner`: elements between two channels. */
static void floats_of(vd_slice raw, int type, const g_quant *quant, int64_t inner, float *to)
{
    size_t width = types[type].bytes, count = raw.len / width;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = raw.data + i * width;
        unsigned channel =
            quant && quant->count > 1 ? (unsigned)((int64_t)i / inner % quant->count) : 0;
        int32_t wide;
        switch (type) {
        case TYPE_F16: to[i] = half_to_float(at); break;
        case TYPE_U8: to[i] = dequantised(quant, channel, *at); break;
        case TYPE_I8: to[i] = dequantised(quant, channel, (int8_t)*at); break;
        default:
            memcpy(&wide, at, 4);
            to[i] = (float)((double)wide * (double)quant->scale[channel]);
        }
    }
}

static bool narrow(vd_slice raw, int32_t *to)
{
    for (size_t i = 0; i < raw.len / 8; i++) {
        int64_t wide;
        memcpy(&wide, raw.data + i * 8, 8);
        if (wide > INT32_MAX) wide = INT32_MAX; /* "to the end" of a slice */
        if (wide < -INT32_MAX) return false;
        to[i] = (int32_t)wide;
    }
    return true;
}

static bool decode_numbers(vd_slice raw, const tflite_tensor *tensor, const g_quant *q, void *data)
{
    int64_t inner = 1;
    bool bytes_as_are = tensor->type == TYPE_F32 || tensor->type == TYPE_I32;
    if (tensor->type == TYPE_I64) return narrow(raw, data);
    for (int i = q ? q->axis + 1 : tensor->shape.rank; i < tensor->shape.rank; i++)
        inner *= tensor->shape.dim[i];
    if (q || (!bytes_as_are && tensor->type != TYPE_BOOL))
        floats_of(raw, tensor->type, q, inner, data);
    else if (raw.len)
        memcpy(data, raw.data, raw.len);
    return true;
}

static vd_err decode(tflite *t, vd_slice raw, const tflite_tensor *tensor, g_value *value,
                     vd_why *why)
{
    size_t count = (size_t)g_elements(&tensor->shape);
    void *data = vd_arena_alloc(t->arena, (count + 1) * 4);
    void *stored = value->quant ? vd_arena_alloc(t->arena, raw.len + 1) : NULL;
    if (!data || (value->quant && !stored))
        return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    if (stored && raw.len) memcpy(stored, raw.data, raw.len);
    if (!decode_numbers(raw, tensor, value->quant, data))
        return tflite_fail(t, why, "'%.80s' has numbers out of range", tensor->name);
    value->type = value->quant ? G_F32 : tflite_type(tensor->type);
    value->shape = tensor->shape;
    value->data = data;
    value->stored = stored;
    return VD_OK;
}

vd_err tflite_value(tflite *t, int64_t index, int *ret_value, vd_why *why)
{
    tflite_tensor tensor;
    g_quant *quant = NULL;
    vd_err err = tflite_tensor_read(t, index, &tensor, why);
    if (!err) err = tflite_quant(t, index, &tensor, &quant, why);
    if (err) return err;
    *ret_value = t->value_of[index];
    if (*ret_value >= 0) return VD_OK;
    vd_slice raw = buffer_of(t, &tensor);
    size_t need = (size_t)g_elements(&tensor.shape) * types[tensor.type].bytes;
    if (!raw.len && need) return tflite_fail(t, why, "nobody makes its input '%.80s'", tensor.name);
    if (raw.len != need) {
        vd_fail(why, VD_CORRUPT, "constant '%.80s' has %zu bytes, %zu are needed", tensor.name,
                raw.len, need);
        vd_why_hint(why, "fetch the file again; it is damaged");
        return VD_CORRUPT;
    }
    const char *name = vd_arena_printf(t->arena, "%s#c%u", tensor.name, t->serial++);
    int value = name ? tflite_new_value(t, name) : -1;
    if (value < 0) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    t->g->value[value].quant = quant;
    err = decode(t, raw, &tensor, &t->g->value[value], why);
    if (!err) *ret_value = t->value_of[index] = value;
    return err;
}
