/* TFLite's operations on pictures and their options. An option that changes the meaning and is not
 * known here is refused: a wrong model is worse than none. */
#include "tflite_priv.h"

static int act(const tflite *t, unsigned field)
{
    return (int)fb_int(&t->options, field, 1, 0);
}

static int64_t option(const tflite *t, unsigned field, int64_t fallback)
{
    return fb_int(&t->options, field, 4, fallback);
}

/* Padding, then strides across and down, begin every window's options. */
static vd_err set_window(tflite *t, g_node *node, vd_why *why)
{
    int64_t padding = fb_int(&t->options, 0, 1, 0);
    if (padding < 0 || padding > 1)
        return tflite_fail(t, why, "only the paddings SAME and VALID are supported");
    node->padding = padding ? G_PAD_VALID : G_PAD_SAME;
    node->stride[1] = option(t, 1, 0);
    node->stride[0] = option(t, 2, 0);
    return VD_OK;
}

/* OHWI -> HWIO of numbers of 4 bytes or, as they are stored, of 1. */
static const void *turn(tflite *t, const g_value *f, const void *data, size_t each)
{
    const int64_t *d = f->shape.dim;
    int64_t window = d[1] * d[2];
    uint8_t *to = vd_arena_alloc(t->arena, (size_t)g_elements(&f->shape) * each + 1);
    const uint8_t *from = data;
    for (int64_t o = 0; to && o < d[0]; o++)
        for (int64_t p = 0; p < window; p++)
            for (int64_t i = 0; i < d[3]; i++, from += each)
                memcpy(to + (size_t)((p * d[3] + i) * d[0] + o) * each, from, each);
    return to;
}

static vd_err need_filter(tflite *t, int filter, vd_why *why)
{
    const g_value *f = &t->g->value[filter];
    if (!f->data || f->type != G_F32 || f->shape.rank != 4)
        return tflite_fail(t, why, "its filter must be a constant of four dimensions");
    if (f->quant && f->quant->count > 1 && f->quant->axis != (t->op->code == 4 ? 3 : 0))
        return tflite_fail(t, why, "its filter has scales along another axis than its channels");
    return VD_OK;
}

/* The filter as the graph wants it; a depthwise one lies so already. */
static int filter_of(tflite *t, int filter, bool depthwise)
{
    int value = tflite_new_value(t, NULL);
    if (value < 0) return -1;
    g_value *to = &t->g->value[value], from = t->g->value[filter];
    const int64_t *d = from.shape.dim;
    const char *name = to->name;
    *to = from;
    to->name = name;
    to->shape = depthwise ? (g_shape){ .rank = 4, .dim = { d[1], d[2], d[3], 1 } }
                          : (g_shape){ .rank = 4, .dim = { d[1], d[2], d[3], d[0] } };
    if (depthwise) return value;
    to->data = turn(t, &from, from.data, sizeof(float));
    if (from.stored) to->stored = turn(t, &from, from.stored, 1);
    return to->data && (!from.stored || to->stored) ? value : -1;
}

/* [1,h,w,c*m] -> [h,w,c,m]: how many channels come in tells m. */
static vd_err spread_depthwise(tflite *t, int filter, vd_why *why)
{
    g_shape *shape = &t->g->value[filter].shape;
    int64_t times = option(t, 3, 1);
    if (times < 1 || times > 1024 || shape->dim[2] % times)
        return tflite_fail(t, why, "its depth multiplier %lld does not fit", (long long)times);
    shape->dim[3] = times;
    shape->dim[2] /= times;
    return VD_OK;
}

/* Integers only where the bias is one too: a runtime folds all three or none. */
static bool whole_in_integers(const tflite *t, const int in[3], unsigned count)
{
    const g_value *value = t->g->value;
    return tflite_integers(t, 0) && value[in[1]].stored && (count < 3 || value[in[2]].stored);
}

/* Picture, filter and, when there is one, bias. */
static vd_err layer_inputs(tflite *t, int in[3], unsigned *ret_count, vd_why *why)
{
    *ret_count = tflite_has_input(t, 2) ? 3 : 2;
    vd_err err = VD_OK;
    for (unsigned i = 0; i < *ret_count && !err; i++) err = tflite_input(t, i, &in[i], why);
    return err;
}

static vd_err read_conv(tflite *t, vd_why *why)
{
    bool depthwise = t->op->code == 4;
    int in[3] = { -1, -1, -1 };
    unsigned count;
    vd_err err = layer_inputs(t, in, &count, why);
    if (!err) err = need_filter(t, in[1], why);
    if (err) return err;
    in[1] = filter_of(t, in[1], depthwise);
    if (in[1] < 0) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    if (depthwise) err = spread_depthwise(t, in[1], why);
    if (err) return err;
    bool integer = whole_in_integers(t, in, count);
    int out = tflite_node(t, depthwise ? G_DEPTHWISE : G_CONV, in, count);
    if (out < 0) return tflite_give(t, 0, -1, 0, why);
    g_node *node = tflite_last(t);
    node->integer = integer;
    node->dilation[1] = option(t, depthwise ? 5 : 4, 1);
    node->dilation[0] = option(t, depthwise ? 6 : 5, 1);
    err = set_window(t, node, why);
    return err ? err : tflite_give(t, 0, out, act(t, depthwise ? 4 : 3), why);
}

static vd_err read_pool(tflite *t, vd_why *why)
{
    int in = -1;
    vd_err err = tflite_input(t, 0, &in, why);
    if (err) return err;
    int out = tflite_node(t, t->op->code == 1 ? G_AVERAGE_POOL : G_MAX_POOL, &in, 1);
    if (out < 0) return tflite_give(t, 0, -1, 0, why);
    g_node *node = tflite_last(t);
    node->kernel[1] = option(t, 3, 0);
    node->kernel[0] = option(t, 4, 0);
    err = set_window(t, node, why);
    return err ? err : tflite_give(t, 0, out, act(t, 5), why);
}

static vd_err read_transpose_conv(tflite *t, vd_why *why)
{
    int in[4] = { -1, -1, -1, -1 };
    unsigned count = tflite_has_input(t, 3) ? 4 : 3;
    vd_err err = tflite_input(t, 2, &in[0], why);
    if (!err) err = tflite_input(t, 1, &in[1], why);
    if (!err) err = tflite_input(t, 0, &in[2], why);
    if (!err && count > 3) err = tflite_input(t, 3, &in[3], why);
    if (!err) err = need_filter(t, in[1], why);
    if (err) return err;
    int out = tflite_node(t, G_TRANSPOSE_CONV, in, count);
    if (out >= 0) err = set_window(t, tflite_last(t), why);
    return err ? err : tflite_give(t, 0, out, act(t, 3), why);
}

static vd_err read_fully_connected(tflite *t, vd_why *why)
{
    int in[3] = { -1, -1, -1 };
    unsigned count;
    vd_err err = layer_inputs(t, in, &count, why);
    if (err) return err;
    if (fb_int(&t->options, 1, 1, 0))
        return tflite_fail(t, why, "its weights are shuffled, which is not supported");
    const g_quant *q = t->g->value[in[1]].quant;
    bool integer = whole_in_integers(t, in, count) && (!q || q->count == 1 || q->axis == 0);
    int out = tflite_node(t, G_FULLY_CONNECTED, in, count);
    if (out >= 0) tflite_last(t)->integer = integer;
    if (out >= 0) tflite_last(t)->keep_dims = fb_int(&t->options, 2, 1, 0) != 0;
    return tflite_give(t, 0, out, act(t, 0), why);
}

static vd_err read_resize(tflite *t, vd_why *why)
{
    bool nearest = t->op->code == 97;
    int in[2] = { -1, -1 };
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (!err) err = tflite_input(t, 1, &in[1], why);
    if (err) return err;
    int out = tflite_node(t, nearest ? G_RESIZE_NEAREST : G_RESIZE_BILINEAR, in, 2);
    if (out >= 0) {
        tflite_last(t)->align_corners = fb_int(&t->options, nearest ? 0 : 2, 1, 0) != 0;
        tflite_last(t)->half_pixel = fb_int(&t->options, nearest ? 1 : 3, 1, 0) != 0;
    }
    return tflite_give(t, 0, out, 0, why);
}

static const struct {
    int code;
    g_op op;
} plain[] = {
    { 0, G_ADD },      { 8, G_FLOOR },       { 11, G_L2_NORM }, { 14, G_SIGMOID },
    { 18, G_MUL },     { 19, G_RELU },       { 20, G_CLIP },    { 21, G_RELU6 },
    { 25, G_SOFTMAX }, { 28, G_TANH },       { 41, G_SUB },     { 42, G_DIV },
    { 47, G_EXP },     { 54, G_PRELU },      { 55, G_MAXIMUM }, { 57, G_MINIMUM },
    { 59, G_NEG },     { 73, G_LOG },        { 75, G_SQRT },    { 76, G_RSQRT },
    { 78, G_POW },     { 98, G_LEAKY_RELU }, { 101, G_ABS },    { 104, G_CEIL },
    { 111, G_ELU },    { 116, G_ROUND },     { 152, G_CLIP },
};

static g_op plain_op(int code)
{
    for (unsigned i = 0; i < VD_COUNT_OF(plain); i++)
        if (plain[i].code == code) return plain[i].op;
    return G_NOP;
}

static vd_err read_one(tflite *t, vd_why *why)
{
    int in = -1, code = t->op->code;
    vd_err err = tflite_input(t, 0, &in, why);
    if (err) return err;
    int out = tflite_node(t, plain_op(code), &in, 1);
    if (out < 0) return tflite_give(t, 0, -1, 0, why);
    g_node *node = tflite_last(t);
    if (code == 98) node->alpha = fb_float(&t->options, 0);
    if (code == 25) node->beta = fb_float(&t->options, 0);
    if (code == 20) node->alpha = -1;
    if (code == 20 || code == 152) node->beta = 1;
    return tflite_give(t, 0, out, code == 11 ? act(t, 0) : 0, why);
}

static vd_err read_two(tflite *t, vd_why *why)
{
    int in[2] = { -1, -1 }, code = t->op->code;
    bool fused = code == 0 || code == 18 || code == 41 || code == 42;
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (!err) err = tflite_input(t, 1, &in[1], why);
    if (err) return err;
    return tflite_give(t, 0, tflite_node(t, plain_op(code), in, 2), fused ? act(t, 0) : 0, why);
}

/* x * relu6(x + 3) / 6 */
static vd_err read_hard_swish(tflite *t, vd_why *why)
{
    int in[2] = { -1, -1 }, part[2];
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (err) return err;
    in[1] = tflite_node(t, G_HARD_SIGMOID, in, 1);
    part[0] = tflite_node(t, G_MUL, in, 2);
    part[1] = tflite_number(t, 1.0f / 6);
    return tflite_give(t, 0, tflite_node(t, G_MUL, part, 2), 0, why);
}

static vd_err read_square(tflite *t, vd_why *why)
{
    bool difference = t->op->code == 99;
    int in[2] = { -1, -1 };
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (!err && difference) err = tflite_input(t, 1, &in[1], why);
    if (err) return err;
    if (difference) in[0] = tflite_node(t, G_SUB, in, 2);
    in[1] = in[0];
    return tflite_give(t, 0, tflite_node(t, G_MUL, in, 2), 0, why);
}

/* Between floats and integers, or from one scale to another: only the rounding is left to do. */
static vd_err read_quantize(tflite *t, vd_why *why)
{
    int in = -1;
    vd_err err = tflite_input(t, 0, &in, why);
    if (err) return err;
    return t->op->code == 6 ? tflite_alias(t, 0, in, why) : tflite_give(t, 0, in, 0, why);
}

static const tflite_op ops[] = {
    { "ADD", 0, 5, false, read_two },
    { "AVERAGE_POOL_2D", 1, 3, false, read_pool },
    { "CONV_2D", 3, 8, false, read_conv },
    { "DEPTHWISE_CONV_2D", 4, 7, false, read_conv },
    { "DEQUANTIZE", 6, 6, false, read_quantize },
    { "FLOOR", 8, 1, false, read_one },
    { "FULLY_CONNECTED", 9, 13, false, read_fully_connected },
    { "L2_NORMALIZATION", 11, 2, false, read_one },
    { "LOGISTIC", 14, 3, false, read_one },
    { "MAX_POOL_2D", 17, 3, true, read_pool },
    { "MUL", 18, 7, false, read_two },
    { "RELU", 19, 3, false, read_one },
    { "RELU_N1_TO_1", 20, 1, false, read_one },
    { "RELU6", 21, 3, false, read_one },
    { "RESIZE_BILINEAR", 23, 4, false, read_resize },
    { "SOFTMAX", 25, 3, false, read_one },
    { "TANH", 28, 3, false, read_one },
    { "SUB", 41, 5, false, read_two },
    { "DIV", 42, 2, false, read_two },
    { "EXP", 47, 2, false, read_one },
    { "PRELU", 54, 1, false, read_two },
    { "MAXIMUM", 55, 4, false, read_two },
    { "MINIMUM", 57, 4, false, read_two },
    { "NEG", 59, 1, false, read_one },
    { "TRANSPOSE_CONV", 67, 5, false, read_transpose_conv },
    { "LOG", 73, 2, false, read_one },
    { "SQRT", 75, 1, false, read_one },
    { "RSQRT", 76, 3, false, read_one },
    { "POW", 78, 1, false, read_two },
    { "SQUARE", 92, 1, false, read_square },
    { "RESIZE_NEAREST_NEIGHBOR", 97, 4, true, read_resize },
    { "LEAKY_RELU", 98, 2, false, read_one },
    { "SQUARED_DIFFERENCE", 99, 2, false, read_square },
    { "ABS", 101, 5, false, read_one },
    { "CEIL", 104, 1, false, read_one },
    { "ELU", 111, 1, false, read_one },
    { "QUANTIZE", 114, 4, false, read_quantize },
    { "ROUND", 116, 1, false, read_one },
    { "HARD_SWISH", 117, 1, false, read_hard_swish },
    { "RELU_0_TO_1", 152, 1, false, read_one },
};

const tflite_op *tflite_op_find(int code)
{
    for (unsigned i = 0; i < VD_COUNT_OF(ops); i++)
        if (ops[i].code == code) return &ops[i];
    return tflite_op_more(code);
}
