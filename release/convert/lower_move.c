/* Operations of TFLite that move pictures about: channels first wherever a picture is so already.
 */
#include "lower_priv.h"

static bool order_is(const g_value *order, const int64_t *want)
{
    if (g_elements(&order->shape) != 4) return false;
    for (int i = 0; i < 4; i++)
        if (g_const_int(order, i) != want[i]) return false;
    return true;
}

/* Turning a picture that lies the other way already is only another name for it. */
static vd_err low_transpose(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const int64_t to_chw[4] = { 0, 3, 1, 2 }, to_plain[4] = { 0, 2, 3, 1 };
    const g_value *order = g_in(l->g, node, 1);
    bool away = order_is(order, to_chw), back = order_is(order, to_plain);
    float factor;
    if (away || back) {
        const char *name = low_get_owing(l, node->in[0], away ? CHW : PLAIN, &factor);
        l->value[node->out] = (low_value){ .factor = factor };
        l->value[node->out].name[away ? PLAIN : CHW] = name;
        return VD_OK;
    }
    int64_t perm[G_RANK_MAX];
    unsigned rank = (unsigned)g_in(l->g, node, 0)->shape.rank;
    for (unsigned i = 0; i < rank; i++) perm[i] = g_const_int(order, i);
    const char *in = low_get_owing(l, node->in[0], PLAIN, &factor);
    const char *out = low_out(l, node, 0, PLAIN, factor);
    onnx_node(l->w, "Transpose", &in, 1, &out, 1);
    onnx_attr_ints(l->w, "perm", perm, rank);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_pad(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_value *pairs = g_in(l->g, node, 1);
    unsigned rank = (unsigned)g_in(l->g, node, 0)->shape.rank;
    low_layout layout = rank == 4 && low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    int64_t pads[2 * G_RANK_MAX];
    float around = 0;
    for (unsigned i = 0; i < rank; i++) {
        int64_t at = layout == CHW ? low_axis_chw(i) : i;
        pads[at] = g_const_int(pairs, 2 * (int64_t)i);
        pads[rank + at] = g_const_int(pairs, 2 * (int64_t)i + 1);
    }
    if (node->in_count > 2) (void)g_const_scalar(g_in(l->g, node, 2), &around);
    const char *in[3] = { low_get(l, node->in[0], layout),
                          low_ints(l, node, "pads", pads, 2 * rank),
                          low_floats(l, low_temp(l, node, "around"), &around, NULL, 0) };
    const char *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, "Pad", in, node->op == G_PAD ? 3 : 2, &out, 1);
    onnx_attr_text(l->w, "mode", node->op == G_PAD ? "constant" : "reflect");
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_split(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    int rank = g_in(l->g, node, 0)->shape.rank;
    int64_t axis = g_const_int(g_in(l->g, node, 1), 0), sizes[G_INPUTS_MAX];
    low_layout layout = rank == 4 && low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    const char *out[G_INPUTS_MAX];
    if (axis < 0) axis += rank;
    for (unsigned i = 0; i < node->out_count; i++) sizes[i] = g_const_int(g_in(l->g, node, 2), i);
    const char *in[2] = { low_get(l, node->in[0], layout),
                          low_ints(l, node, "sizes", sizes, node->out_count) };
    for (unsigned i = 0; i < node->out_count; i++) out[i] = low_out(l, node, i, layout, 1);
    onnx_node(l->w, "Split", in, 2, out, node->out_count);
    onnx_attr_int(l->w, "axis", layout == CHW ? low_axis_chw(axis) : axis);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_blocks(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    bool down = node->op == G_SPACE_TO_DEPTH;
    const char *in = low_get(l, node->in[0], CHW), *out = low_out(l, node, 0, CHW, 1);
    onnx_node(l->w, down ? "SpaceToDepth" : "DepthToSpace", &in, 1, &out, 1);
    onnx_attr_int(l->w, "blocksize", node->kernel[0]);
    if (!down) onnx_attr_text(l->w, "mode", "DCR");
    onnx_node_end(l->w);
    return VD_OK;
}

/* OHWI -> IOHW */
static const char *turn_filter(low *l, const g_node *node)
{
    const g_value *filter = g_in(l->g, node, 1);
    const float *from = filter->data;
    const int64_t *d = filter->shape.dim;
    int64_t window = d[1] * d[2], dims[4] = { d[3], d[0], d[1], d[2] };
    float *to = vd_arena_alloc(l->g->arena, (size_t)g_elements(&filter->shape) * sizeof(float) + 1);
    if (!to) {
        l->w->failed = true;
        return NULL;
    }
    for (int64_t o = 0; o < d[0]; o++)
        for (int64_t p = 0; p < window; p++)
            for (int64_t i = 0; i < d[3]; i++)
                to[(i * d[0] + o) * window + p] = from[(o * window + p) * d[3] + i];
    return low_floats(l, low_temp(l, node, "filter"), to, dims, 4);
}

/* The padding is that of the convolution which would make the picture from the result. */
static vd_err low_transpose_conv(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_shape *from = &g_in(l->g, node, 0)->shape, *to = &l->g->value[node->out].shape;
    int64_t pads[4] = { 0 }, more[2] = { 0 }, edge[2], out_size;
    for (int a = 0; a < 2; a++) {
        int64_t whole = (from->dim[1 + a] - 1) * node->stride[a] + node->kernel[a];
        if (node->padding == G_PAD_SAME) {
            g_same_padding(to->dim[1 + a], node->kernel[a], node->stride[a], 1, &out_size, edge);
            pads[a] = edge[0];
            pads[2 + a] = edge[1];
        }
        more[a] = to->dim[1 + a] - (whole - pads[a] - pads[2 + a]);
    }
    const char *in[3] = { low_get(l, node->in[0], CHW), turn_filter(l, node) };
    if (node->in_count > 3)
        in[2] = low_floats(l, low_temp(l, node, "bias"), g_in(l->g, node, 3)->data, &to->dim[3], 1);
    const char *out = low_out(l, node, 0, CHW, 1);
    onnx_node(l->w, "ConvTranspose", in, in[2] ? 3 : 2, &out, 1);
    onnx_attr_ints(l->w, "kernel_shape", node->kernel, 2);
    onnx_attr_ints(l->w, "strides", node->stride, 2);
    onnx_attr_ints(l->w, "pads", pads, 4);
    onnx_attr_ints(l->w, "output_padding", more, 2);
    onnx_node_end(l->w);
    return VD_OK;
}

static const lower_fn table[G_OP_COUNT] = {
    [G_TRANSPOSE] = low_transpose,
    [G_PAD] = low_pad,
    [G_MIRROR_PAD] = low_pad,
    [G_SPLIT] = low_split,
    [G_SPACE_TO_DEPTH] = low_blocks,
    [G_DEPTH_TO_SPACE] = low_blocks,
    [G_TRANSPOSE_CONV] = low_transpose_conv,
    [G_SQUEEZE] = low_reshape,
};

lower_fn low_move(g_op op)
{
    return table[op];
}
