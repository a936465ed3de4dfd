/* Operations on pictures: they run channels first, with filters turned while converting. */
#include "lower_priv.h"

#include <stdio.h>

static void window_attrs(low *l, const g_node *node)
{
    const g_shape *in = &g_in(l->g, node, 0)->shape;
    int64_t pads[4] = { 0 }, out, edge[2];
    for (int axis = 0; axis < 2 && node->padding == G_PAD_SAME; axis++) {
        g_same_padding(in->dim[1 + axis], node->kernel[axis], node->stride[axis],
                       node->dilation[axis], &out, edge);
        pads[axis] = edge[0];
        pads[2 + axis] = edge[1];
    }
    onnx_attr_ints(l->w, "kernel_shape", node->kernel, 2);
    onnx_attr_ints(l->w, "strides", node->stride, 2);
    if (node->op != G_AVERAGE_POOL) onnx_attr_ints(l->w, "dilations", node->dilation, 2);
    onnx_attr_ints(l->w, "pads", pads, 4);
}

/* HWIO -> OIHW; a depthwise HWCM -> (C*M)1HW; elements of 4 bytes or, as they are stored, of 1. */
static void *turn(low *l, const g_node *node, const void *filter_data, size_t each, int64_t dims[4])
{
    const g_value *filter = g_in(l->g, node, 1);
    const uint8_t *from = filter_data;
    int64_t window = filter->shape.dim[0] * filter->shape.dim[1];
    int64_t in = filter->shape.dim[2], out = filter->shape.dim[3];
    bool depthwise = node->op == G_DEPTHWISE;
    uint8_t *to = vd_arena_alloc(l->g->arena, (size_t)(window * in * out) * each + 1);
    if (!to) {
        l->w->failed = true;
        return NULL;
    }
    dims[0] = depthwise ? in * out : out;
    dims[1] = depthwise ? 1 : in;
    dims[2] = filter->shape.dim[0];
    dims[3] = filter->shape.dim[1];
    for (int64_t p = 0; p < window; p++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++) {
                int64_t row = depthwise ? i * out + o : o * in + i;
                memcpy(to + (size_t)(row * window + p) * each,
                       from + (size_t)((p * in + i) * out + o) * each, each);
            }
    return to;
}

/* The factor that the input owes goes in here. */
static const char *turn_filter(low *l, const g_node *node, float factor)
{
    const g_value *filter = g_in(l->g, node, 1);
    int64_t dims[4], count = g_elements(&filter->shape);
    if (node->integer && filter->stored) {
        const void *integers = turn(l, node, filter->stored, 1, dims);
        return integers ? low_stored(l, node, "filter", filter, integers, dims, 4) : NULL;
    }
    float *to = turn(l, node, filter->data, sizeof(float), dims);
    if (!to) return NULL;
    for (int64_t i = 0; i < count && factor != 1; i++) to[i] *= factor;
    return low_floats(l, low_temp(l, node, "filter"), to, dims, 4);
}

static const char *turn_bias(low *l, const g_node *node, int64_t channels)
{
    if (node->in_count < 3) return NULL;
    const g_value *bias = g_in(l->g, node, 2);
    if (node->integer && bias->stored)
        return low_stored(l, node, "bias", bias, bias->stored, &channels, 1);
    return low_floats(l, low_temp(l, node, "bias"), bias->data, &channels, 1);
}

/* The activation that the source fused into the convolution. */
static void activate(low *l, const g_node *node, const char *in, const char *out)
{
    static const float zero = 0, six = 6;
    if (node->activation == G_ACT_RELU) {
        low_node1(l, "Relu", in, out);
        return;
    }
    const char *clip[3] = { in, low_floats(l, low_temp(l, node, "min"), &zero, NULL, 0),
                            low_floats(l, low_temp(l, node, "max"), &six, NULL, 0) };
    onnx_node(l->w, "Clip", clip, 3, &out, 1);
    onnx_node_end(l->w);
}

vd_err low_conv(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    float factor;
    int64_t channels = l->g->value[node->out].shape.dim[3];
    const char *in[3] = { low_get_owing(l, node->in[0], CHW, &factor) };
    in[1] = turn_filter(l, node, factor);
    in[2] = turn_bias(l, node, channels);
    const char *out = low_out(l, node, 0, CHW, 1);
    const char *raw = node->activation == G_ACT_NONE ? out : low_temp(l, node, "linear");
    onnx_node(l->w, "Conv", in, in[2] ? 3 : 2, &raw, 1);
    window_attrs(l, node);
    onnx_attr_int(l->w, "group", node->op == G_DEPTHWISE ? g_in(l->g, node, 0)->shape.dim[3] : 1);
    onnx_node_end(l->w);
    if (node->activation != G_ACT_NONE) activate(l, node, raw, out);
    return VD_OK;
}

vd_err low_max_pool(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const char *in = low_get(l, node->in[0], CHW), *out = low_out(l, node, 0, CHW, 1);
    onnx_node(l->w, node->op == G_MAX_POOL ? "MaxPool" : "AveragePool", &in, 1, &out, 1);
    window_attrs(l, node);
    onnx_node_end(l->w);
    return VD_OK;
}

vd_err low_resize(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_shape *from = &g_in(l->g, node, 0)->shape, *to = &l->g->value[node->out].shape;
    int64_t sizes[4] = { to->dim[0], to->dim[3], to->dim[1], to->dim[2] };
    const char *in[4] = { low_get(l, node->in[0], CHW) };
    const char *out = low_out(l, node, 0, CHW, 1);
    unsigned count = 4;
    if (to->dim[1] % from->dim[1] == 0 && to->dim[2] % from->dim[2] == 0) {
        int64_t up = to->dim[1] / from->dim[1], across = to->dim[2] / from->dim[2]; /* exact */
        float scales[4] = { 1, 1, (float)up, (float)across };
        in[2] = low_floats(l, low_temp(l, node, "scales"), scales, (int64_t[]){ 4 }, 1);
        count = 3;
    } else {
        in[3] = low_ints(l, node, "sizes", sizes, 4);
    }
    onnx_node(l->w, "Resize", in, count, &out, 1);
    onnx_attr_text(l->w, "mode", node->op == G_RESIZE_NEAREST ? "nearest" : "linear");
    if (node->op == G_RESIZE_NEAREST)
        onnx_attr_text(l->w, "nearest_mode",
                       node->align_corners || node->half_pixel ? "round_prefer_ceil" : "floor");
    onnx_attr_text(l->w, "coordinate_transformation_mode",
                   node->align_corners ? "align_corners"
                   : node->half_pixel  ? "half_pixel"
                                       : "asymmetric");
    onnx_node_end(l->w);
    return VD_OK;
}

unsigned low_axis_bits(const low *l, const g_node *node)
{
    const g_value *axes = g_in(l->g, node, 1);
    int rank = g_in(l->g, node, 0)->shape.rank;
    unsigned bits = 0;
    for (int64_t i = 0; i < g_elements(&axes->shape); i++) {
        int64_t axis = g_const_int(axes, i);
        bits |= 1u << (axis < 0 ? axis + rank : axis);
    }
    return bits;
}

vd_err low_mean(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    unsigned bits = low_axis_bits(l, node), count = 0;
    const g_shape *in_shape = &g_in(l->g, node, 0)->shape;
    float factor;
    if (in_shape->rank == 4 && bits == 6 && node->keep_dims) {
        const char *in = low_get_owing(l, node->in[0], CHW, &factor);
        low_node1(l, "GlobalAveragePool", in, low_out(l, node, 0, CHW, factor));
        return VD_OK;
    }
    if (in_shape->rank == 4 && bits == 6) {
        const g_shape *to = &l->g->value[node->out].shape;
        const char *in = low_get_owing(l, node->in[0], CHW, &factor);
        const char *mean = low_temp(l, node, "mean");
        low_node1(l, "GlobalAveragePool", in, mean);
        const char *shape = low_ints(l, node, "shape", to->dim, (unsigned)to->rank);
        low_node2(l, "Reshape", mean, shape, low_out(l, node, 0, PLAIN, factor));
        return VD_OK;
    }
    int64_t axes[G_RANK_MAX];
    for (int i = 0; i < in_shape->rank; i++)
        if (bits >> i & 1) axes[count++] = i;
    const char *in = low_get_owing(l, node->in[0], PLAIN, &factor);
    const char *out = low_out(l, node, 0, PLAIN, factor);
    onnx_node(l->w, "ReduceMean", &in, 1, &out, 1);
    if (count) onnx_attr_ints(l->w, "axes", axes, count);
    onnx_attr_int(l->w, "keepdims", node->keep_dims);
    onnx_node_end(l->w);
    return VD_OK;
}

vd_err low_concat(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const int64_t axis_chw[4] = { 0, 2, 3, 1 };
    unsigned parts = node->in_count - 1;
    int rank = g_in(l->g, node, 0)->shape.rank;
    int64_t axis = g_const_int(g_in(l->g, node, parts), 0);
    low_layout layout = PLAIN;
    if (axis < 0) axis += rank;
    for (unsigned i = 0; i < parts; i++)
        if (rank == 4 && low_prefers_chw(l, node->in[i])) layout = CHW;
    const char *in[G_INPUTS_MAX];
    for (unsigned i = 0; i < parts; i++) in[i] = low_get(l, node->in[i], layout);
    const char *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, "Concat", in, parts, &out, 1);
    onnx_attr_int(l->w, "axis", layout == CHW ? axis_chw[axis] : axis);
    onnx_node_end(l->w);
    return VD_OK;
}
