#include "lower_priv.h"

#define CHANNELS_MAX 16384 /* for filters made here: a hostile shape must not cost memory */

static const int64_t to_chw[4] = { 0, 3, 1, 2 }, to_plain[4] = { 0, 2, 3, 1 };

onnx_type low_type(g_type type)
{
    return type == G_F32 ? ONNX_FLOAT : type == G_I32 ? ONNX_INT32 : ONNX_BOOL;
}

static const char *name_of(low *l, const char *base, const char *what)
{
    const char *name = vd_arena_printf(l->g->arena, "%s#%s%u", base, what, l->serial++);
    if (!name) l->w->failed = true;
    return name;
}

const char *low_temp(low *l, const g_node *node, const char *what)
{
    return name_of(l, node->name, what);
}

const char *low_floats(low *l, const char *name, const float *values, const int64_t *dims,
                       unsigned rank)
{
    size_t count = 1;
    for (unsigned i = 0; i < rank; i++) count *= (size_t)dims[i];
    onnx_initializer(l->w, name, ONNX_FLOAT, dims, rank, vd_slice_of(values, count * 4));
    return name;
}

const char *low_ints(low *l, const g_node *node, const char *what, const int64_t *values,
                     unsigned count)
{
    const char *name = low_temp(l, node, what);
    int64_t dims[1] = { count };
    onnx_initializer(l->w, name, ONNX_INT64, dims, 1, vd_slice_of(values, count * 8));
    return name;
}

void low_node1(low *l, const char *op, const char *in, const char *out)
{
    onnx_node(l->w, op, &in, 1, &out, 1);
    onnx_node_end(l->w);
}

void low_node2(low *l, const char *op, const char *a, const char *b, const char *out)
{
    onnx_node(l->w, op, (const char *[]){ a, b }, 2, &out, 1);
    onnx_node_end(l->w);
}

bool low_prefers_chw(const low *l, int value)
{
    return l->value[value].name[CHW] && !l->value[value].name[PLAIN];
}

/* A constant of up to four dimensions, seen as a picture and turned channels first. */
static const char *constant_chw(low *l, const g_value *value)
{
    int64_t dim[4] = { 1, 1, 1, 1 }, turned[4];
    size_t width = g_type_bytes(value->type), count = (size_t)g_elements(&value->shape);
    for (int i = 1; i <= value->shape.rank; i++)
        dim[4 - i] = value->shape.dim[value->shape.rank - i];
    for (int i = 0; i < 4; i++) turned[i] = dim[to_chw[i]];
    uint8_t *data = vd_arena_alloc(l->g->arena, count * width + 1), *to = data;
    const char *name = name_of(l, value->name, "chw");
    if (!data || !name) {
        l->w->failed = true;
        return NULL;
    }
    for (int64_t nc = 0; nc < turned[0] * turned[1]; nc++)
        for (int64_t hw = 0; hw < dim[1] * dim[2]; hw++, to += width) {
            int64_t n = nc / turned[1], c = nc % turned[1];
            int64_t from = (n * dim[1] * dim[2] + hw) * dim[3] + c;
            memcpy(to, (const uint8_t *)value->data + (size_t)from * width, width);
        }
    onnx_initializer(l->w, name, low_type(value->type), turned, 4,
                     vd_slice_of(data, count * width));
    return name;
}

static const char *constant(low *l, const g_value *value, low_layout layout)
{
    if (layout == CHW) return constant_chw(l, value);
    vd_slice raw =
        vd_slice_of(value->data, (size_t)g_elements(&value->shape) * g_type_bytes(value->type));
    onnx_initializer(l->w, value->name, low_type(value->type), value->shape.dim,
                     (unsigned)value->shape.rank, raw);
    return value->name;
}

static void transpose(low *l, const char *from, low_layout layout, const char *to)
{
    onnx_node(l->w, "Transpose", &from, 1, &to, 1);
    onnx_attr_ints(l->w, "perm", layout == CHW ? to_chw : to_plain, 4);
    onnx_node_end(l->w);
}

const char *low_get_owing(low *l, int value, low_layout layout, float *ret_factor)
{
    low_value *v = &l->value[value];
    const g_value *gv = &l->g->value[value];
    *ret_factor = v->factor;
    if (v->name[layout]) return v->name[layout];
    if (gv->data) {
        v->name[layout] = constant(l, gv, layout);
    } else {
        const char *to = name_of(l, gv->name, layout == CHW ? "chw" : "hwc");
        transpose(l, v->name[!layout], layout, to);
        v->name[layout] = to;
    }
    return v->name[layout];
}

/* Every channel of a picture times one number, as a depthwise convolution: ONNX Runtime keeps
 * pictures in blocks of channels between convolutions, and a plain Mul by a constant would have
 * the whole picture turned out of blocks and back. */
static void scale_channels(low *l, const char *base, const char *in, int64_t channels, float by,
                           const char *out)
{
    int64_t dims[4] = { channels, 1, 1, 1 };
    float *filter = vd_arena_alloc(l->g->arena, (size_t)channels * sizeof(float) + 1);
    if (!filter) {
        l->w->failed = true;
        return;
    }
    for (int64_t i = 0; i < channels; i++) filter[i] = by;
    const char *conv[2] = { in, low_floats(l, name_of(l, base, "by"), filter, dims, 4) };
    onnx_node(l->w, "Conv", conv, 2, &out, 1);
    onnx_attr_ints(l->w, "kernel_shape", (const int64_t[]){ 1, 1 }, 2);
    onnx_attr_int(l->w, "group", channels);
    onnx_node_end(l->w);
}

/* Pays a value's factor: from here on all forms are the true value. */
static void pay(low *l, int value, low_layout layout)
{
    low_value *v = &l->value[value];
    const g_value *gv = &l->g->value[value];
    low_layout have = v->name[layout] ? layout : (low_layout)!layout;
    const char *to = name_of(l, gv->name, "scaled");
    if (have == CHW && gv->shape.dim[3] <= CHANNELS_MAX) {
        scale_channels(l, gv->name, v->name[have], gv->shape.dim[3], v->factor, to);
    } else {
        const char *factor = low_floats(l, name_of(l, gv->name, "factor"), &v->factor, NULL, 0);
        low_node2(l, "Mul", v->name[have], factor, to);
    }
    v->name[have] = to;
    v->name[!have] = NULL;
    v->factor = 1;
}

const char *low_get(low *l, int value, low_layout layout)
{
    float factor;
    if (l->value[value].factor != 1) pay(l, value, layout);
    return low_get_owing(l, value, layout, &factor);
}

const char *low_out(low *l, const g_node *node, unsigned index, low_layout layout, float factor)
{
    low_value *v = &l->value[(unsigned)node->out + index];
    const char *name = l->g->value[(unsigned)node->out + index].name;
    v->name[layout] = layout == PLAIN ? name : name_of(l, name, "chw");
    v->factor = factor;
    return v->name[layout];
}

static vd_err low_identity(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    if (l->g->value[node->in[0]].data) low_get(l, node->in[0], PLAIN);
    l->value[node->out] = l->value[node->in[0]];
    return VD_OK;
}

static vd_err low_unary(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const char *const ops[G_OP_COUNT] = { [G_RELU] = "Relu", [G_SIGMOID] = "Sigmoid" };
    low_layout layout = low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    const char *in = low_get(l, node->in[0], layout);
    low_node1(l, ops[node->op], in, low_out(l, node, 0, layout, 1));
    return VD_OK;
}

static vd_err low_relu6(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const float zero = 0, six = 6;
    low_layout layout = low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    const char *in[3] = { low_get(l, node->in[0], layout),
                          low_floats(l, low_temp(l, node, "min"), &zero, NULL, 0),
                          low_floats(l, low_temp(l, node, "max"), &six, NULL, 0) };
    const char *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, "Clip", in, 3, &out, 1);
    onnx_node_end(l->w);
    return VD_OK;
}

/* ONNX Runtime can fuse HardSigmoid into a convolution, but not run it alone on blocks of channels.
 * Where the linear value is needed too (hard swish is x * hard_sigmoid(x)), a convolution by one
 * gives it something to fuse with. */
static vd_err low_hard_sigmoid(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_value *from = g_in(l->g, node, 0);
    low_layout layout = low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    const char *in = low_get(l, node->in[0], layout);
    bool few = from->shape.rank == 4 && from->shape.dim[3] <= CHANNELS_MAX;
    if (layout == CHW && few && from->uses > 1 && from->shape.dim[1] * from->shape.dim[2] > 1) {
        const char *same = low_temp(l, node, "same");
        scale_channels(l, node->name, in, from->shape.dim[3], 1, same);
        in = same;
    }
    const char *out = low_out(l, node, 0, layout, 6);
    onnx_node(l->w, "HardSigmoid", &in, 1, &out, 1);
    onnx_attr_float(l->w, "alpha", 1.0f / 6.0f);
    onnx_attr_float(l->w, "beta", 0.5f);
    onnx_node_end(l->w);
    return VD_OK;
}

static vd_err low_cast(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    low_layout layout = low_prefers_chw(l, node->in[0]) ? CHW : PLAIN;
    const char *in = low_get(l, node->in[0], layout), *out = low_out(l, node, 0, layout, 1);
    onnx_node(l->w, "Cast", &in, 1, &out, 1);
    onnx_attr_int(l->w, "to", low_type(l->g->value[node->out].type));
    onnx_node_end(l->w);
    return VD_OK;
}

/* Multiplying by one constant only changes what the value owes. */
static bool lower_as_factor(low *l, const g_node *node)
{
    if (node->op != G_MUL) return false;
    for (unsigned side = 0; side < 2; side++) {
        float by;
        const g_value *other = g_in(l->g, node, !side);
        if (!g_const_scalar(g_in(l->g, node, side), &by) || other->data || by == 0) continue;
        if (!g_shape_same(&other->shape, &l->g->value[node->out].shape)) continue;
        l->value[node->out] = l->value[node->in[!side]];
        l->value[node->out].factor *= by;
        return true;
    }
    return false;
}

/* Channels first when one side is so already and the other can follow without changing rank. */
static low_layout binary_layout(const low *l, const g_node *node)
{
    bool chw = false;
    for (unsigned i = 0; i < 2; i++) {
        const g_value *in = g_in(l->g, node, i);
        if (in->data ? in->shape.rank > 4 : in->shape.rank != 4) return PLAIN;
        chw = chw || low_prefers_chw(l, node->in[i]);
    }
    return chw ? CHW : PLAIN;
}

/* Floor division from ONNX's truncating one: floats round down, integers lose the remainder that
 * Mod (sign of the divisor, as in TensorFlow) finds. */
static void lower_floor(low *l, const g_node *node, const char *a, const char *b, const char *out)
{
    bool floats = g_in(l->g, node, 0)->type == G_F32;
    const char *part = low_temp(l, node, "part"), *rest = low_temp(l, node, "rest");
    if (!floats && node->op == G_FLOOR_MOD) {
        low_node2(l, "Mod", a, b, out);
    } else if (!floats) {
        low_node2(l, "Mod", a, b, part);
        low_node2(l, "Sub", a, part, rest);
        low_node2(l, "Div", rest, b, out);
    } else {
        const char *down = node->op == G_FLOOR_DIV ? out : low_temp(l, node, "down");
        low_node2(l, "Div", a, b, part);
        low_node1(l, "Floor", part, down);
        if (node->op == G_FLOOR_DIV) return;
        low_node2(l, "Mul", down, b, rest);
        low_node2(l, "Sub", a, rest, out);
    }
}

/* One value a channel times a picture: spread over the picture first, because blocks of channels
 * (see above) can only be multiplied with their like. */
static const char *spread(low *l, const g_node *node, unsigned side, const char *in)
{
    const g_shape *small = &g_in(l->g, node, side)->shape, *big = &g_in(l->g, node, !side)->shape;
    if (node->op != G_MUL || g_in(l->g, node, side)->data || small->rank != 4 || big->rank != 4)
        return in;
    if (small->dim[1] * small->dim[2] != 1 || big->dim[1] * big->dim[2] == 1 ||
        small->dim[3] != big->dim[3] || small->dim[0] != big->dim[0])
        return in;
    float scales[4] = { 1, 1, (float)big->dim[1], (float)big->dim[2] };
    const char *out = low_temp(l, node, "spread");
    const char *resize[3] = {
        in, NULL, low_floats(l, low_temp(l, node, "scales"), scales, (const int64_t[]){ 4 }, 1)
    };
    onnx_node(l->w, "Resize", resize, 3, &out, 1);
    onnx_attr_text(l->w, "mode", "nearest");
    onnx_attr_text(l->w, "coordinate_transformation_mode", "asymmetric");
    onnx_attr_text(l->w, "nearest_mode", "floor");
    onnx_node_end(l->w);
    return out;
}

static vd_err low_binary(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    static const char *const ops[G_OP_COUNT] = {
        [G_ADD] = "Add",     [G_SUB] = "Sub",     [G_MUL] = "Mul", [G_EQUAL] = "Equal",
        [G_MAXIMUM] = "Max", [G_MINIMUM] = "Min", [G_DIV] = "Div", [G_POW] = "Pow",
    };
    if (lower_as_factor(l, node)) return VD_OK;
    low_layout layout = binary_layout(l, node);
    float left = 1, right = 1;
    bool mul = node->op == G_MUL;
    const char *a =
        mul ? low_get_owing(l, node->in[0], layout, &left) : low_get(l, node->in[0], layout);
    const char *b =
        mul ? low_get_owing(l, node->in[1], layout, &right) : low_get(l, node->in[1], layout);
    if (layout == CHW) a = spread(l, node, 0, a);
    if (layout == CHW) b = spread(l, node, 1, b);
    const char *out = low_out(l, node, 0, layout, left * right);
    if (ops[node->op])
        low_node2(l, ops[node->op], a, b, out);
    else
        lower_floor(l, node, a, b, out);
    return VD_OK;
}

static const lower_fn table[G_OP_COUNT] = {
    [G_IDENTITY] = low_identity,
    [G_CONV] = low_conv,
    [G_DEPTHWISE] = low_conv,
    [G_MAX_POOL] = low_max_pool,
    [G_RESIZE_BILINEAR] = low_resize,
    [G_ADD] = low_binary,
    [G_SUB] = low_binary,
    [G_MUL] = low_binary,
    [G_FLOOR_DIV] = low_binary,
    [G_FLOOR_MOD] = low_binary,
    [G_EQUAL] = low_binary,
    [G_MAXIMUM] = low_binary,
    [G_MINIMUM] = low_binary,
    [G_DIV] = low_binary,
    [G_POW] = low_binary,
    [G_RELU] = low_unary,
    [G_RELU6] = low_relu6,
    [G_SIGMOID] = low_unary,
    [G_HARD_SIGMOID] = low_hard_sigmoid,
    [G_MEAN] = low_mean,
    [G_CONCAT] = low_concat,
    [G_RESHAPE] = low_reshape,
    [G_CAST] = low_cast,
    [G_EXPAND_DIMS] = low_reshape,
    [G_STRIDED_SLICE] = low_strided_slice,
    [G_TOP_K] = low_top_k,
    [G_GATHER] = low_gather,
};

static lower_fn lower_of(g_op op)
{
    return table[op] ? table[op] : low_more(op) ? low_more(op) : low_move(op);
}

/* A picture comes in with channels first: cameras' pictures are made so anyway. */
static void declare_inputs(low *l)
{
    for (unsigned i = 0; i < l->g->input_count; i++) {
        const g_value *in = &l->g->value[l->g->input[i]];
        g_shape shape = in->shape;
        bool picture = shape.rank == 4 && shape.dim[3] <= 4;
        for (int d = 0; picture && d < 4; d++) shape.dim[d] = in->shape.dim[to_chw[d]];
        l->value[l->g->input[i]].name[picture ? CHW : PLAIN] = in->name;
        onnx_io(l->w, ONNX_INPUT, in->name, low_type(in->type), shape.dim, (unsigned)shape.rank);
    }
}

/* Outputs keep TensorFlow's layout and the name the signature gives them. */
static void declare_outputs(low *l)
{
    for (unsigned i = 0; i < l->g->output_count; i++) {
        const g_value *out = &l->g->value[l->g->output[i]];
        const char *have = low_get(l, l->g->output[i], PLAIN);
        if (have && strcmp(have, out->name) != 0) low_node1(l, "Identity", have, out->name);
        onnx_io(l->w, ONNX_OUTPUT, out->name, low_type(out->type), out->shape.dim,
                (unsigned)out->shape.rank);
    }
}

vd_err g_lower(g_graph *g, onnx_writer *w, vd_why *why)
{
    low l = { .g = g, .w = w };
    l.value = vd_arena_alloc(g->arena, (g->value_count + 1) * sizeof(*l.value));
    if (!l.value) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    for (unsigned i = 0; i < g->value_count; i++) l.value[i].factor = 1;
    declare_inputs(&l);
    for (unsigned i = 0; i < g->order_count && !w->failed; i++) {
        const g_node *node = &g->node[g->order[i]];
        lower_fn lower = lower_of(node->op);
        vd_err err =
            lower ? lower(&l, node, why) : g_fail(node, why, "the operation is not supported");
        if (err) return err;
    }
    if (!w->failed) declare_outputs(&l);
    if (w->failed) return vd_fail(why, VD_FULL, "the converted model does not fit in memory");
    return VD_OK;
}
