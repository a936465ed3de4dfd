/* What TFLite's operations compute: one number from one, sums, integers, matrices. */
#include "lower_priv.h"

static const char *scalar(low *l, const g_node *node, const char *what, float value)
{
    return low_floats(l, low_temp(l, node, what), &value, NULL, 0);
}

static low_layout layout_of(const low *l, const g_node *node)
{
    return low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
}

static void put_scale(low *l, const char *name, const g_quant *q)
{
    int64_t count = q->count;
    onnx_initializer(l->w, name, ONNX_FLOAT, &count, q->count > 1,
                     vd_slice_of(q->scale, q->count * 4));
}

static void put_zero(low *l, const char *name, const g_quant *q)
{
    uint8_t *zero = vd_arena_alloc(l->g->arena, q->count);
    int64_t count = q->count;
    if (!zero) {
        l->w->failed = true;
        return;
    }
    for (unsigned i = 0; i < q->count; i++) zero[i] = (uint8_t)(q->zero[i] + 128 * q->is_signed);
    onnx_initializer(l->w, name, ONNX_UINT8, &count, q->count > 1, vd_slice_of(zero, q->count));
}

const char *low_stored(low *l, const g_node *node, const char *what, const g_value *value,
                       const void *integers, const int64_t *dims, unsigned rank)
{
    bool bias = rank == 1;
    const g_quant *q = value->quant;
    size_t count = (size_t)g_elements(&value->shape);
    const char *in[3] = { low_temp(l, node, what), low_temp(l, node, "scale"), NULL };
    const char *out = low_temp(l, node, "float");
    uint8_t *bytes = vd_arena_alloc(l->g->arena, count + 1);
    if (!bytes) {
        l->w->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count && !bias; i++)
        bytes[i] = ((const uint8_t *)integers)[i] ^ (q->is_signed ? 128 : 0);
    put_scale(l, in[1], q);
    if (!bias) put_zero(l, in[2] = low_temp(l, node, "zero"), q);
    onnx_initializer(l->w, in[0], bias ? ONNX_INT32 : ONNX_UINT8, dims, rank,
                     bias ? vd_slice_of(integers, count * 4) : vd_slice_of(bytes, count));
    onnx_node(l->w, "DequantizeLinear", in, bias ? 2 : 3, &out, 1);
    onnx_attr_int(l->w, "axis", 0);
    onnx_node_end(l->w);
    return out;
}

/* Rounds to the source's steps and back. */
static vd_err low_quantized(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    low_layout layout = layout_of(l, node);
    const char *in[3] = { low_get(l, node->in[0], layout), low_temp(l, node, "scale"),
                          low_temp(l, node, "zero") };
    const char *steps = low_temp(l, node, "steps"), *out = low_out(l, node, 0, layout, 1);
    put_scale(l, in[1], node->quant);
    put_zero(l, in[2], node->quant);
    onnx_node(l->w, "QuantizeLinear", in, 3, &steps, 1);
    onnx_node_end(l->w);
    in[0] = steps;
    onnx_node(l->w, "DequantizeLinear", in, 3, &out, 1);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_one(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const char *const ops[G_OP_COUNT] = {
        [G_TANH] = "Tanh",
        [G_EXP] = "Exp",
        [G_LOG] = "Log",
        [G_SQRT] = "Sqrt",
        [G_NEG] = "Neg",
        [G_ABS] = "Abs",
        [G_FLOOR] = "Floor",
        [G_CEIL] = "Ceil",
        [G_ROUND] = "Round",
        [G_ELU] = "Elu",
        [G_LEAKY_RELU] = "LeakyRelu",
    };
    low_layout layout = layout_of(l, node);
    const char *in = low_get(l, node->in[0], layout), *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, ops[node->op], &in, 1, &out, 1);
    if (node->op == G_LEAKY_RELU) onnx_attr_float(l->w, "alpha", node->alpha);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_rsqrt(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    low_layout layout = layout_of(l, node);
    const char *in = low_get(l, node->in[0], layout), *root = low_temp(l, node, "root");
    low_node1(l, "Sqrt", in, root);
    low_node1(l, "Reciprocal", root, low_out(l, node, 0, layout, 1));
    return VD_OK;
}

static vd_err low_clip(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    low_layout layout = layout_of(l, node);
    const char *in[3] = { low_get(l, node->in[0], layout), scalar(l, node, "min", node->alpha),
                          scalar(l, node, "max", node->beta) };
    const char *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, "Clip", in, 3, &out, 1);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_prelu(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_value *slope = g_in(l->g, node, 1);
    low_layout layout = g_in(l->g, node, 0)->shape.rank == 4 && slope->shape.rank <= 4 &&
                                low_prefers_chw(l, node->in[0])
                            ? CHW
                            : PLAIN;
    const char *in = low_get(l, node->in[0], layout), *by = low_get(l, node->in[1], layout);
    low_node2(l, "PRelu", in, by, low_out(l, node, 0, layout, 1));
    return VD_OK;
}

/* Softmax, L2 norm: along the channels. */
static vd_err low_last_axis(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    bool softmax = node->op == G_SOFTMAX;
    low_layout layout = layout_of(l, node);
    const char *in = low_get(l, node->in[0], layout), *out = low_out(l, node, 0, layout, 1);
    if (softmax && node->beta != 1) {
        const char *times = low_temp(l, node, "times");
        low_node2(l, "Mul", in, scalar(l, node, "beta", node->beta), times);
        in = times;
    }
    onnx_node(l->w, softmax ? "Softmax" : "LpNormalization", &in, 1, &out, 1);
    onnx_attr_int(l->w, "axis", layout == CHW ? 1 : -1);
    if (!softmax) onnx_attr_int(l->w, "p", 2);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_reduce(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    unsigned bits = low_axis_bits(l, node), count = 0;
    int64_t axes[G_RANK_MAX];
    bool sum = node->op == G_SUM; /* the only one whose axes are an input in this opset */
    for (int i = 0; i < g_in(l->g, node, 0)->shape.rank; i++)
        if (bits >> i & 1) axes[count++] = i;
    const char *in[2] = { low_get(l, node->in[0], PLAIN) };
    const char *out = low_out(l, node, 0, PLAIN, 1);
    if (sum) in[1] = low_ints(l, node, "axes", axes, count);
    onnx_node(l->w,
              sum                        ? "ReduceSum"
              : node->op == G_REDUCE_MAX ? "ReduceMax"
                                         : "ReduceMin",
              in, sum ? 2 : 1, &out, 1);
    if (!sum && count) onnx_attr_ints(l->w, "axes", axes, count);
    onnx_attr_int(l->w, "keepdims", node->keep_dims);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_arg_max(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    int64_t axis = g_const_int(g_in(l->g, node, 1), 0);
    const char *in = low_get(l, node->in[0], PLAIN), *wide = low_temp(l, node, "wide");
    const char *out = low_out(l, node, 0, PLAIN, 1);
    onnx_node(l->w, "ArgMax", &in, 1, &wide, 1);
    onnx_attr_int(l->w, "axis", axis);
    onnx_attr_int(l->w, "keepdims", 0);
    onnx_node_end(l->w);
    onnx_node(l->w, "Cast", &wide, 1, &out, 1);
    onnx_attr_int(l->w, "to", ONNX_INT32);
    onnx_node_end(l->w);
    return VD_OK;
}

static const char *matrix(low *l, const g_node *node)
{
    const g_value *weights = g_in(l->g, node, 1);
    if (node->integer && weights->stored)
        return low_stored(l, node, "weights", weights, weights->stored, weights->shape.dim, 2);
    return low_get(l, node->in[1], PLAIN);
}

static const char *vector(low *l, const g_node *node)
{
    const g_value *bias = g_in(l->g, node, 2);
    int64_t count = g_elements(&bias->shape);
    if (node->integer && bias->stored)
        return low_stored(l, node, "bias", bias, bias->stored, &count, 1);
    return low_floats(l, low_temp(l, node, "bias"), bias->data, &count, 1);
}

static vd_err low_fully_connected(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_shape *from = &g_in(l->g, node, 0)->shape, *to = &l->g->value[node->out].shape;
    int64_t each = g_in(l->g, node, 1)->shape.dim[1];
    const char *in[3] = { low_get(l, node->in[0], PLAIN), matrix(l, node), NULL };
    if (node->in_count > 2) in[2] = vector(l, node);
    if (from->rank != 2 || from->dim[1] != each) {
        int64_t rows[2] = { g_elements(from) / each, each };
        const char *flat = low_temp(l, node, "rows");
        low_node2(l, "Reshape", in[0], low_ints(l, node, "form", rows, 2), flat);
        in[0] = flat;
    }
    const char *out = low_out(l, node, 0, PLAIN, 1);
    const char *made = to->rank == 2 ? out : low_temp(l, node, "made");
    onnx_node(l->w, "Gemm", in, in[2] ? 3 : 2, &made, 1);
    onnx_attr_int(l->w, "transB", 1);
    onnx_node_end(l->w);
    if (made != out)
        low_node2(l, "Reshape", made, low_ints(l, node, "shape", to->dim, (unsigned)to->rank), out);
    return VD_OK;
}

static const lower_fn table[G_OP_COUNT] = {
    [G_QUANTIZED] = low_quantized,
    [G_TANH] = low_one,
    [G_EXP] = low_one,
    [G_LOG] = low_one,
    [G_SQRT] = low_one,
    [G_RSQRT] = low_rsqrt,
    [G_NEG] = low_one,
    [G_ABS] = low_one,
    [G_FLOOR] = low_one,
    [G_CEIL] = low_one,
    [G_ROUND] = low_one,
    [G_ELU] = low_one,
    [G_LEAKY_RELU] = low_one,
    [G_CLIP] = low_clip,
    [G_PRELU] = low_prelu,
    [G_SOFTMAX] = low_last_axis,
    [G_L2_NORM] = low_last_axis,
    [G_SUM] = low_reduce,
    [G_REDUCE_MAX] = low_reduce,
    [G_REDUCE_MIN] = low_reduce,
    [G_ARG_MAX] = low_arg_max,
    [G_FULLY_CONNECTED] = low_fully_connected,
    [G_AVERAGE_POOL] = low_max_pool,
    [G_RESIZE_NEAREST] = low_resize,
    [G_DETECTION] = low_detection,
};

lower_fn low_more(g_op op)
{
    return table[op];
}
