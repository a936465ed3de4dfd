/* Shapes of the operations that TFLite's reader makes. */
#include "shape_priv.h"

static vd_err need_rank(g_graph *g, const g_node *node, int least, vd_why *why)
{
    if (g_in(g, node, 0)->shape.rank >= least && g_in(g, node, 0)->type == G_F32) return VD_OK;
    return g_fail(node, why, "floats of %d or more dimensions are needed", least);
}

static vd_err infer_last_axis(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = need_rank(g, node, 1, why);
    return err ? err : infer_same(g, node, why);
}

/* The slope goes with the picture as the second side of a product would, without growing it. */
static vd_err infer_prelu(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_binary(g, node, why);
    if (err) return err;
    if (!g_in(g, node, 1)->data || g_in(g, node, 0)->type != G_F32 ||
        !g_shape_same(&g->value[node->out].shape, &g_in(g, node, 0)->shape))
        return g_fail(node, why, "the slope must be constant and fit the picture");
    return VD_OK;
}

static vd_err infer_float_binary(g_graph *g, g_node *node, vd_why *why)
{
    if (g_in(g, node, 0)->type != G_F32) return g_fail(node, why, "floats are needed");
    return infer_binary(g, node, why);
}

static vd_err need_bias(g_graph *g, const g_node *node, unsigned index, int64_t count, vd_why *why)
{
    if (index >= node->in_count) return VD_OK;
    const g_value *bias = g_in(g, node, index);
    if (bias->data && bias->type == G_F32 && g_elements(&bias->shape) == count) return VD_OK;
    return g_fail(node, why, "the bias must be %lld constant floats", (long long)count);
}

static vd_err infer_fully_connected(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0), *weights = g_in(g, node, 1);
    vd_err err = need_rank(g, node, 1, why);
    if (err) return err;
    if (!weights->data || weights->type != G_F32 || weights->shape.rank != 2)
        return g_fail(node, why, "the weights must be constants [out,in]");
    int64_t each = weights->shape.dim[1], count = g_elements(&in->shape);
    if (each < 1 || count % each)
        return g_fail(node, why, "%lld numbers are not rows of %lld", (long long)count,
                      (long long)each);
    g_shape shape = { .rank = 2, .dim = { count / each, weights->shape.dim[0] } };
    if (node->keep_dims) shape = in->shape;
    if (node->keep_dims && shape.dim[shape.rank - 1] != each)
        return g_fail(node, why, "the last dimension is not what the weights take");
    if (node->keep_dims) shape.dim[shape.rank - 1] = weights->shape.dim[0];
    err = need_bias(g, node, 2, weights->shape.dim[0], why);
    return err ? err : infer_set(g, node, 0, G_F32, shape, why);
}

/* One side of the result, which a convolution of this kind must turn into the picture's. */
static vd_err transposed_side(const g_node *node, int axis, int64_t from, int64_t to, vd_why *why)
{
    int64_t kernel = node->kernel[axis], stride = node->stride[axis], made, pads[2];
    if (to < 1 || to > G_ELEMENTS_MAX || kernel < 1 || kernel > 1024 || stride < 1 || stride > 1024)
        return g_fail(node, why, "kernel, stride or size is out of range");
    g_same_padding(to, kernel, stride, 1, &made, pads);
    if (node->padding == G_PAD_VALID) made = to < kernel ? 0 : (to - kernel) / stride + 1;
    if (made == from) return VD_OK;
    return g_fail(node, why, "no convolution makes %lld of %lld", (long long)from, (long long)to);
}

static vd_err infer_transpose_conv(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *filter = g_in(g, node, 1), *size = g_in(g, node, 2);
    vd_err err = infer_need_picture(g, node, why);
    if (!err) err = infer_need_ints(g, node, 2, 4, why);
    if (err) return err;
    const g_shape *in = &g_in(g, node, 0)->shape;
    if (!filter->data || filter->type != G_F32 || filter->shape.rank != 4 ||
        filter->shape.dim[3] != in->dim[3] || g_elements(&size->shape) != 4)
        return g_fail(node, why,
                      "the filter must be a constant [out,h,w,in], the size four numbers");
    g_shape shape = { .rank = 4, .dim = { in->dim[0], 0, 0, filter->shape.dim[0] } };
    for (int a = 0; a < 2 && !err; a++) {
        node->kernel[a] = filter->shape.dim[1 + a];
        shape.dim[1 + a] = g_const_int(size, 1 + a);
        err = transposed_side(node, a, in->dim[1 + a], shape.dim[1 + a], why);
    }
    if (!err) err = need_bias(g, node, 3, shape.dim[3], why);
    return err ? err : infer_set(g, node, 0, G_F32, shape, why);
}

static vd_err infer_squeeze(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0);
    g_shape shape = { 0 };
    bool gone[G_RANK_MAX] = { false };
    vd_err err = infer_need_ints(g, node, 1, G_RANK_MAX, why);
    if (err) return err;
    int64_t count = g_elements(&g_in(g, node, 1)->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = g_const_int(g_in(g, node, 1), i);
        if (axis < 0) axis += in->shape.rank;
        if (axis < 0 || axis >= in->shape.rank || in->shape.dim[axis] != 1)
            return g_fail(node, why, "only dimensions of size 1 can go");
        gone[axis] = true;
    }
    for (int i = 0; i < in->shape.rank; i++)
        if (count ? !gone[i] : in->shape.dim[i] != 1) shape.dim[shape.rank++] = in->shape.dim[i];
    return infer_set(g, node, 0, in->type, shape, why);
}

static vd_err infer_transpose(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0);
    g_shape shape = { .rank = in->shape.rank };
    unsigned seen = 0;
    vd_err err = infer_need_ints(g, node, 1, G_RANK_MAX, why);
    if (err) return err;
    if (g_elements(&g_in(g, node, 1)->shape) != shape.rank)
        return g_fail(node, why, "the order does not fit the tensor");
    for (int i = 0; i < shape.rank; i++) {
        int64_t from = g_const_int(g_in(g, node, 1), i);
        if (from < 0 || from >= shape.rank || seen >> from & 1)
            return g_fail(node, why, "the order does not fit the tensor");
        seen |= 1u << from;
        shape.dim[i] = in->shape.dim[from];
    }
    return infer_set(g, node, 0, in->type, shape, why);
}

static vd_err infer_pad(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0), *pairs = g_in(g, node, 1);
    g_shape shape = in->shape;
    float value;
    if (in->type != G_F32) return g_fail(node, why, "floats are needed");
    if (!pairs->data || pairs->type != G_I32 ||
        g_elements(&pairs->shape) != 2 * (int64_t)shape.rank)
        return g_fail(node, why, "the borders must be a constant pair for each dimension");
    if (node->in_count > 2 && !g_const_scalar(g_in(g, node, 2), &value))
        return g_fail(node, why, "what is put around must be one constant number");
    for (int i = 0; i < shape.rank; i++) {
        int64_t front = g_const_int(pairs, 2 * i), behind = g_const_int(pairs, 2 * i + 1);
        int64_t most = node->op == G_PAD ? 65536 : shape.dim[i] - 1;
        if (front < 0 || behind < 0 || front > most || behind > most)
            return g_fail(node, why, "a border is out of range");
        shape.dim[i] += front + behind;
    }
    return infer_set(g, node, 0, in->type, shape, why);
}

static vd_err infer_split(g_graph *g, g_node *node, vd_why *why)
{
    const g_value *in = g_in(g, node, 0), *sizes = g_in(g, node, 2);
    int axis;
    int64_t sum = 0;
    vd_err err = infer_need_axis(g, node, 1, in->shape.rank, &axis, why);
    if (!err) err = infer_need_ints(g, node, 2, G_INPUTS_MAX, why);
    if (err) return err;
    if (g_elements(&sizes->shape) != node->out_count)
        return g_fail(node, why, "sizes and outputs differ in number");
    for (unsigned i = 0; i < node->out_count && !err; i++) {
        g_shape shape = in->shape;
        shape.dim[axis] = g_const_int(sizes, i);
        if (shape.dim[axis] < 1) return g_fail(node, why, "a part is empty");
        sum += shape.dim[axis];
        err = infer_set(g, node, i, in->type, shape, why);
    }
    if (!err && sum != in->shape.dim[axis]) err = g_fail(node, why, "the parts are not the whole");
    return err;
}

static vd_err infer_arg_max(g_graph *g, g_node *node, vd_why *why)
{
    g_shape in = g_in(g, node, 0)->shape, shape = { 0 };
    int axis;
    vd_err err = infer_need_axis(g, node, 1, in.rank, &axis, why);
    if (err) return err;
    for (int i = 0; i < in.rank; i++)
        if (i != axis) shape.dim[shape.rank++] = in.dim[i];
    return infer_set(g, node, 0, G_I32, shape, why);
}

static vd_err infer_blocks(g_graph *g, g_node *node, vd_why *why)
{
    vd_err err = infer_need_picture(g, node, why);
    if (err) return err;
    g_shape shape = g_in(g, node, 0)->shape;
    int64_t block = node->kernel[0];
    bool fits = block >= 1 && block <= 64;
    if (fits && node->op == G_SPACE_TO_DEPTH)
        fits = shape.dim[1] % block == 0 && shape.dim[2] % block == 0;
    if (fits && node->op == G_DEPTH_TO_SPACE) fits = shape.dim[3] % (block * block) == 0;
    if (!fits) return g_fail(node, why, "blocks of %lld do not fit", (long long)block);
    bool down = node->op == G_SPACE_TO_DEPTH;
    for (int i = 1; i < 3; i++) shape.dim[i] = down ? shape.dim[i] / block : shape.dim[i] * block;
    shape.dim[3] = down ? shape.dim[3] * block * block : shape.dim[3] / (block * block);
    return infer_set(g, node, 0, G_F32, shape, why);
}

/* Floats of this rank, `rows` of `each` at its end (0: any number). */
static bool rows_of(const g_value *value, int rank, int64_t rows, int64_t each)
{
    const int64_t *end = value->shape.dim + rank - 2;
    return value->type == G_F32 && value->shape.rank == rank && (!rows || end[0] == rows) &&
           (!each || end[1] == each) && (rank < 3 || value->shape.dim[0] == 1);
}

static vd_err check_detection(g_graph *g, const g_node *node, vd_why *why)
{
    const g_value *boxes = g_in(g, node, 0), *scores = g_in(g, node, 1);
    const g_value *anchors = g_in(g, node, 2);
    int64_t count = boxes->shape.dim[1], width = scores->shape.dim[2];
    int64_t classes = node->detection ? node->detection->classes : 0;
    if (!classes) return g_fail(node, why, "its options are missing");
    if (!rows_of(boxes, 3, 0, 4) || count < 1) return g_fail(node, why, "boxes [1,N,4] are needed");
    if (!rows_of(scores, 3, count, 0) || width < classes || width > classes + 1)
        return g_fail(node, why, "scores [1,N,%lld], or one more for the background, are needed",
                      (long long)classes);
    if (!anchors->data || !rows_of(anchors, 2, count, 4))
        return g_fail(node, why, "the anchors must be constants [N,4]");
    return VD_OK;
}

static vd_err infer_detection(g_graph *g, g_node *node, vd_why *why)
{
    const g_detection *d = node->detection;
    vd_err err = check_detection(g, node, why);
    if (err) return err;
    int64_t rows = d->rows * (d->regular ? 1 : d->classes_per_row);
    g_shape list = { .rank = 2, .dim = { 1, rows } }, corner = { .rank = 3, .dim = { 1, rows, 4 } };
    g_shape one = { .rank = 1, .dim = { 1 } };
    err = infer_set(g, node, 0, G_F32, corner, why);
    if (!err) err = infer_set(g, node, 1, G_F32, list, why);
    if (!err) err = infer_set(g, node, 2, G_F32, list, why);
    return err ? err : infer_set(g, node, 3, G_F32, one, why);
}

static const infer_form table[G_OP_COUNT] = {
    [G_QUANTIZED] = { infer_float_same, 1, 1, 1 },
    [G_TANH] = { infer_float_same, 1, 1, 1 },
    [G_EXP] = { infer_float_same, 1, 1, 1 },
    [G_LOG] = { infer_float_same, 1, 1, 1 },
    [G_SQRT] = { infer_float_same, 1, 1, 1 },
    [G_RSQRT] = { infer_float_same, 1, 1, 1 },
    [G_NEG] = { infer_float_same, 1, 1, 1 },
    [G_ABS] = { infer_float_same, 1, 1, 1 },
    [G_FLOOR] = { infer_float_same, 1, 1, 1 },
    [G_CEIL] = { infer_float_same, 1, 1, 1 },
    [G_ROUND] = { infer_float_same, 1, 1, 1 },
    [G_ELU] = { infer_float_same, 1, 1, 1 },
    [G_LEAKY_RELU] = { infer_float_same, 1, 1, 1 },
    [G_CLIP] = { infer_float_same, 1, 1, 1 },
    [G_PRELU] = { infer_prelu, 2, 2, 1 },
    [G_DIV] = { infer_float_binary, 2, 2, 1 },
    [G_POW] = { infer_float_binary, 2, 2, 1 },
    [G_MAXIMUM] = { infer_binary, 2, 2, 1 },
    [G_MINIMUM] = { infer_binary, 2, 2, 1 },
    [G_SOFTMAX] = { infer_last_axis, 1, 1, 1 },
    [G_L2_NORM] = { infer_last_axis, 1, 1, 1 },
    [G_SUM] = { infer_reduce, 2, 2, 1 },
    [G_REDUCE_MAX] = { infer_reduce, 2, 2, 1 },
    [G_REDUCE_MIN] = { infer_reduce, 2, 2, 1 },
    [G_AVERAGE_POOL] = { infer_pool, 1, 1, 1 },
    [G_RESIZE_NEAREST] = { infer_resize, 2, 2, 1 },
    [G_TRANSPOSE_CONV] = { infer_transpose_conv, 3, 4, 1 },
    [G_FULLY_CONNECTED] = { infer_fully_connected, 2, 3, 1 },
    [G_SQUEEZE] = { infer_squeeze, 2, 2, 1 },
    [G_TRANSPOSE] = { infer_transpose, 2, 2, 1 },
    [G_PAD] = { infer_pad, 2, 3, 1 },
    [G_MIRROR_PAD] = { infer_pad, 2, 2, 1 },
    [G_SPLIT] = { infer_split, 3, 3, 0 },
    [G_ARG_MAX] = { infer_arg_max, 2, 2, 1 },
    [G_SPACE_TO_DEPTH] = { infer_blocks, 1, 1, 1 },
    [G_DEPTH_TO_SPACE] = { infer_blocks, 1, 1, 1 },
    [G_DETECTION] = { infer_detection, 3, 3, 4 },
};

const infer_form *infer_more(g_op op)
{
    return &table[op];
}
