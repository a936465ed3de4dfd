/* Shapes and types: what each operation makes of its inputs, and every check that lowering then
 * relies on. */
#include "shape_priv.h"

vd_err infer_set(g_graph *g, const g_node *node, unsigned index, g_type type, g_shape shape,
                 vd_why *why)
{
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dim[i] < 0 || (shape.dim[i] > 0 && count > G_ELEMENTS_MAX / shape.dim[i]))
            return g_fail(node, why, "a tensor of the graph is too large or has no fixed size");
        count *= shape.dim[i];
    }
    g_value *out = &g->value[(unsigned)node->out + index];
    out->type = type;
    out->shape = shape;
    return VD_OK;
}

vd_err infer_need_picture(g_graph *g, const g_node *node, vd_why *why)
{
    char text[96];
    const g_value *in = g_in(g, node, 0);
    if (in->shape.rank == 4 && in->type == G_F32) return VD_OK;
    return g_fail(node, why, "a picture tensor [n,h,w,c] of floats is needed, not %s",
                  g_shape_text(&in->shape, text));
}

/* Input `index` must be constant integers; at most `most` of them. */
vd_err infer_need_ints(g_graph *g, const g_node *node, unsigned index, int64_t most, vd_why *why)
{
    const g_value *in = g_in(g, node, index);
    if (in->data && in->type == G_I32 && in->shape.rank <= 1 && g_elements(&in->shape) <= most)
        return VD_OK;
    return g_fail(node, why, "input %u ('%.60s') must be constant integers", index, in->name);
}

vd_err infer_need_axis(g_graph *g, const g_node *node, unsigned index, int rank, int *ret_axis,
                       vd_why *why)
{
    vd_err err = infer_need_ints(g, node, index, 1, why);
    if (err) return err;
    if (g_elements(&g_in(g, node, index)->shape) != 1)
        return g_fail(node, why, "one axis is needed");
    int64_t axis = g_const_int(g_in(g, node, index), 0);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return g_fail(node, why, "the axis is outside the tensor");
    *ret_axis = (int)axis;
    return VD_OK;
}

vd_err infer_same(g_graph *g, g_node *node, vd_why *why)
{
    return infer_set(g, node, 0, g_in(g, node, 0)->type, g_in(g, node, 0)->shape, why);
}

vd_err infer_float_same(g_graph *g, g_node *node, vd_why *why)
{
    if (g_in(g, node, 0)->type != G_F32) return g_fail(node, why, "floats are needed");
    return infer_same(g, node, why);
}

static vd_err infer_cast(g_graph *g, g_node *node, vd_why *why)
{
    return infer_set(g, node, 0, node->to, g_in(g, node, 0)->shape, why);
}

void g_same_padding(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *ret_out,
                    int64_t pads[2])
{
    int64_t out = (in + stride - 1) / stride;
    int64_t need = (out - 1) * stride + (kernel - 1) * dilation + 1 - in;
    if (need < 0) need = 0;
    pads[0] = need / 2; /* the odd one goes behind: TensorFlow's SAME */
    pads[1] = need - pads[0];
    *ret_out = out;
}

static vd_err window_size(const g_node *node, int axis, int64_t in, int64_t *ret_out, vd_why *why)
{
    int64_t kernel = node->kernel[axis], stride = node->stride[axis], pads[2];
    int64_t dilation = node->dilation[axis];
    if (kernel < 1 || kernel > 1024 || stride < 1 || stride > 1024 || dilation < 1 ||
        dilation > 1024 || in < 1)
        return g_fail(node, why, "kernel, stride or dilation is out of range");
    if (node->padding == G_PAD_SAME) {
        g_same_padding(in, kernel, stride, dilation, ret_out, pads);
        return VD_OK;
    }
    int64_t reach = (kernel - 1) * dilation + 1;
    if (reach > in) return g_fail(node, why, "the kernel is larger than the picture");
    *ret_out = (in - reach) / stride + 1;
    return VD_OK;
}

vd_err infer_windowed(g_graph *g, g_node *node, int64_t channels, vd_why *why)
{
    g_shape shape = g_in(g, node, 0)->shape;
    vd_err err = window_size(node, 0, shape.dim[1], &shape.dim[1], why);
    if (!err) err = window_size(node, 1, shape.dim[2], &shape.dim[2], why);
    if (err) return err;
    shape.dim[3] = channels;
    return infer_set(g, node, 0, G_F32, shape, why);
}

static vd_err infer_conv(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_need_picture(g, node, why);
    if (err) return err;
    const g_value *filter = g_in(g, node, 1);
    int64_t in_channels = g_in(g, node, 0)->shape.dim[3];
    if (!filter->data || filter->type != G_F32 || filter->shape.rank != 4)
        return g_fail(node, why, "the filter must be a constant [h,w,in,out]");
    if (filter->shape.dim[2] != in_channels)
        return g_fail(node, why, "the filter takes %lld channels, the picture has %lld",
                      (long long)filter->shape.dim[2], (long long)in_channels);
    node->kernel[0] = filter->shape.dim[0];
    node->kernel[1] = filter->shape.dim[1];
    int64_t out = filter->shape.dim[3] * (node->op == G_DEPTHWISE ? in_channels : 1);
    if (node->in_count > 2) {
        const g_value *bias = g_in(g, node, 2);
        if (!bias->data || bias->type != G_F32 || g_elements(&bias->shape) != out)
            return g_fail(node, why, "the bias must be %lld constant floats", (long long)out);
    }
    return infer_windowed(g, node, out, why);
}

vd_err infer_pool(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_need_picture(g, node, why);
    return err ? err : infer_windowed(g, node, g_in(g, node, 0)->shape.dim[3], why);
}

vd_err infer_resize(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_need_picture(g, node, why);
    if (!err) err = infer_need_ints(g, node, 1, 2, why);
    if (err) return err;
    g_shape shape = g_in(g, node, 0)->shape;
    const g_value *size = g_in(g, node, 1);
    if (g_elements(&size->shape) != 2) return g_fail(node, why, "height and width are needed");
    for (int i = 0; i < 2; i++) {
        int64_t to = g_const_int(size, i);
        if (to < 1 || shape.dim[1 + i] < 1) return g_fail(node, why, "a size is not positive");
        shape.dim[1 + i] = to;
    }
    return infer_set(g, node, 0, G_F32, shape, why);
}

vd_err infer_binary(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *a = g_in(g, node, 0), *b = g_in(g, node, 1);
    char left[96], right[96];
    if (a->type != b->type || a->type == G_BOOL)
        return g_fail(node, why, "both sides must be floats or both integers");
    g_shape shape = a->shape.rank >= b->shape.rank ? a->shape : b->shape;
    const g_shape *less = a->shape.rank >= b->shape.rank ? &b->shape : &a->shape;
    for (int i = 1; i <= less->rank; i++) {
        int64_t *to = &shape.dim[shape.rank - i], from = less->dim[less->rank - i];
        if (*to != from && *to != 1 && from != 1)
            return g_fail(node, why, "%s and %s do not go together", g_shape_text(&a->shape, left),
                          g_shape_text(&b->shape, right));
        if (*to == 1) *to = from;
    }
    return infer_set(g, node, 0, node->op == G_EQUAL ? G_BOOL : a->type, shape, why);
}

vd_err infer_reduce(g_graph *g, g_node *node, vd_why *why)
{
    g_shape in = g_in(g, node, 0)->shape, shape = { 0 };
    vd_err err = infer_float_same(g, node, why);
    if (!err) err = infer_need_ints(g, node, 1, G_RANK_MAX, why);
    if (err) return err;
    bool gone[G_RANK_MAX] = { false };
    for (int64_t i = 0; i < g_elements(&g_in(g, node, 1)->shape); i++) {
        int64_t axis = g_const_int(g_in(g, node, 1), i);
        if (axis < 0) axis += in.rank;
        if (axis < 0 || axis >= in.rank) return g_fail(node, why, "the axis is outside the tensor");
        gone[axis] = true;
    }
    for (int i = 0; i < in.rank; i++) {
        if (gone[i] && !node->keep_dims) continue;
        shape.dim[shape.rank++] = gone[i] ? 1 : in.dim[i];
    }
    return infer_set(g, node, 0, G_F32, shape, why);
}

static vd_err infer_concat(g_graph *g, g_node *node, vd_why *why)
{
    g_value *first = g_in(g, node, 0);
    g_shape shape = first->shape;
    int axis;
    vd_err err = infer_need_axis(g, node, node->in_count - 1, shape.rank, &axis, why);
    if (err) return err;
    for (unsigned i = 1; i + 1 < node->in_count; i++) {
        const g_value *next = g_in(g, node, i);
        if (next->shape.rank != shape.rank || next->type != first->type)
            return g_fail(node, why, "the parts differ in rank or type");
        for (int d = 0; d < shape.rank; d++) {
            if (d != axis && next->shape.dim[d] != shape.dim[d])
                return g_fail(node, why, "the parts differ along another axis");
        }
        if (shape.dim[axis] > G_ELEMENTS_MAX) break; /* infer_set refuses it */
        shape.dim[axis] += next->shape.dim[axis];
    }
    return infer_set(g, node, 0, first->type, shape, why);
}

static vd_err infer_reshape(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_need_ints(g, node, 1, G_RANK_MAX, why);
    if (err) return err;
    const g_value *in = g_in(g, node, 0), *to = g_in(g, node, 1);
    g_shape shape = { .rank = (int)g_elements(&to->shape) };
    int64_t have = g_elements(&in->shape), known = 1;
    int open = -1;
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = g_const_int(to, i);
        if (shape.dim[i] < -1 || shape.dim[i] > G_ELEMENTS_MAX || known > G_ELEMENTS_MAX)
            return g_fail(node, why, "a size is out of range");
        if (shape.dim[i] >= 0) known *= shape.dim[i];
        if (shape.dim[i] == -1 && open >= 0) return g_fail(node, why, "two sizes are open");
        if (shape.dim[i] == -1) open = i;
    }
    if (open >= 0) shape.dim[open] = known ? have / known : 0;
    if (known * (open >= 0 ? shape.dim[open] : 1) != have)
        return g_fail(node, why, "%lld elements do not fit the new shape", (long long)have);
    return infer_set(g, node, 0, in->type, shape, why);
}

static vd_err infer_expand(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0);
    g_shape shape = { .rank = in->shape.rank + 1 };
    int axis;
    if (shape.rank > G_RANK_MAX) return g_fail(node, why, "too many dimensions");
    vd_err err = infer_need_axis(g, node, 1, shape.rank, &axis, why);
    if (err) return err;
    for (int i = 0, from = 0; i < shape.rank; i++)
        shape.dim[i] = i == axis ? 1 : in->shape.dim[from++];
    return infer_set(g, node, 0, in->type, shape, why);
}

/* Where a slice begins or ends along one axis, kept inside it. */
static int64_t slice_edge(const g_value *edges, int64_t mask, int axis, int64_t size, bool begin)
{
    if (mask >> axis & 1) return begin ? 0 : size;
    int64_t at = g_const_int(edges, axis);
    if (at < 0) at += size;
    return at < 0 ? 0 : at > size ? size : at;
}

static vd_err infer_slice(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0);
    g_shape shape = { 0 };
    int64_t count = 0;
    for (unsigned i = 1; i < 4; i++) {
        vd_err err = infer_need_ints(g, node, i, in->shape.rank, why);
        if (err) return err;
        if (i > 1 && g_elements(&g_in(g, node, i)->shape) != count)
            return g_fail(node, why, "begin, end and strides differ in length");
        count = g_elements(&g_in(g, node, i)->shape);
    }
    for (int i = 0; i < in->shape.rank; i++) {
        int64_t size = in->shape.dim[i], from = 0, to = size, step = 1;
        bool shrink = i < count && (node->shrink_mask >> i & 1);
        if (i < count) {
            step = g_const_int(g_in(g, node, 3), i);
            from = slice_edge(g_in(g, node, 1), node->begin_mask, i, size, true);
            to = shrink ? from + 1 : slice_edge(g_in(g, node, 2), node->end_mask, i, size, false);
        }
        if (step < 1) return g_fail(node, why, "only forward strides are supported");
        if (shrink && from >= size) return g_fail(node, why, "the slice is outside the tensor");
        if (!shrink) shape.dim[shape.rank++] = to > from ? (to - from + step - 1) / step : 0;
    }
    return infer_set(g, node, 0, in->type, shape, why);
}

static vd_err infer_top_k(g_graph *g, g_node *node, vd_why *why)
{
    g_shape shape = g_in(g, node, 0)->shape;
    vd_err err = infer_float_same(g, node, why);
    if (!err) err = infer_need_ints(g, node, 1, 1, why);
    if (err) return err;
    if (g_elements(&g_in(g, node, 1)->shape) != 1) return g_fail(node, why, "one k is needed");
    int64_t k = g_const_int(g_in(g, node, 1), 0);
    if (shape.rank < 1 || k < 1 || k > shape.dim[shape.rank - 1])
        return g_fail(node, why, "k is outside the tensor");
    shape.dim[shape.rank - 1] = k;
    err = infer_set(g, node, 0, G_F32, shape, why);
    return err ? err : infer_set(g, node, 1, G_I32, shape, why);
}

static vd_err infer_gather(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0), *at = g_in(g, node, 1);
    g_shape shape = { 0 };
    int axis;
    vd_err err = infer_need_axis(g, node, 2, in->shape.rank, &axis, why);
    if (err) return err;
    if (at->type != G_I32) return g_fail(node, why, "the indices must be integers");
    if (in->shape.rank - 1 + at->shape.rank > G_RANK_MAX)
        return g_fail(node, why, "too many dimensions");
    for (int i = 0; i < axis; i++) shape.dim[shape.rank++] = in->shape.dim[i];
    for (int i = 0; i < at->shape.rank; i++) shape.dim[shape.rank++] = at->shape.dim[i];
    for (int i = axis + 1; i < in->shape.rank; i++) shape.dim[shape.rank++] = in->shape.dim[i];
    return infer_set(g, node, 0, in->type, shape, why);
}

static const infer_form table[G_OP_COUNT] = {
    [G_IDENTITY] = { infer_same, 1, 1, 1 },
    [G_CONV] = { infer_conv, 2, 3, 1 },
    [G_DEPTHWISE] = { infer_conv, 2, 3, 1 },
    [G_MAX_POOL] = { infer_pool, 1, 1, 1 },
    [G_RESIZE_BILINEAR] = { infer_resize, 2, 2, 1 },
    [G_ADD] = { infer_binary, 2, 2, 1 },
    [G_SUB] = { infer_binary, 2, 2, 1 },
    [G_MUL] = { infer_binary, 2, 2, 1 },
    [G_FLOOR_DIV] = { infer_binary, 2, 2, 1 },
    [G_FLOOR_MOD] = { infer_binary, 2, 2, 1 },
    [G_EQUAL] = { infer_binary, 2, 2, 1 },
    [G_RELU] = { infer_float_same, 1, 1, 1 },
    [G_RELU6] = { infer_float_same, 1, 1, 1 },
    [G_SIGMOID] = { infer_float_same, 1, 1, 1 },
    [G_HARD_SIGMOID] = { infer_float_same, 1, 1, 1 },
    [G_MEAN] = { infer_reduce, 2, 2, 1 },
    [G_CONCAT] = { infer_concat, 2, G_INPUTS_MAX, 1 },
    [G_RESHAPE] = { infer_reshape, 2, 2, 1 },
    [G_CAST] = { infer_cast, 1, 1, 1 },
    [G_EXPAND_DIMS] = { infer_expand, 2, 2, 1 },
    [G_STRIDED_SLICE] = { infer_slice, 4, 4, 1 },
    [G_TOP_K] = { infer_top_k, 2, 2, 2 },
    [G_GATHER] = { infer_gather, 3, 3, 1 },
};

vd_err g_infer(g_graph *g, g_node *node, vd_why *why)
{
    const infer_form *form = table[node->op].infer ? &table[node->op] : infer_more(node->op);
    if (!form->infer) return g_fail(node, why, "the operation is not supported");
    if (node->in_count < form->in_min || node->in_count > form->in_max)
        return g_fail(node, why, "%u inputs do not fit this operation", node->in_count);
    if (form->outs && node->out_count != form->outs)
        return g_fail(node, why, "%u outputs do not fit this operation", node->out_count);
    return form->infer(g, node, why);
}
