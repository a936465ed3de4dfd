#include "graph_priv.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const op_name[G_OP_COUNT] = {
    [G_NOP] = "nop",
    [G_IDENTITY] = "identity",
    [G_CONV] = "conv",
    [G_DEPTHWISE] = "depthwise",
    [G_MAX_POOL] = "max_pool",
    [G_RESIZE_BILINEAR] = "resize_bilinear",
    [G_ADD] = "add",
    [G_SUB] = "sub",
    [G_MUL] = "mul",
    [G_FLOOR_DIV] = "floor_div",
    [G_FLOOR_MOD] = "floor_mod",
    [G_EQUAL] = "equal",
    [G_RELU] = "relu",
    [G_RELU6] = "relu6",
    [G_SIGMOID] = "sigmoid",
    [G_HARD_SIGMOID] = "hard_sigmoid",
    [G_MEAN] = "mean",
    [G_CONCAT] = "concat",
    [G_RESHAPE] = "reshape",
    [G_CAST] = "cast",
    [G_EXPAND_DIMS] = "expand_dims",
    [G_STRIDED_SLICE] = "strided_slice",
    [G_TOP_K] = "top_k",
    [G_GATHER] = "gather",
    [G_QUANTIZED] = "quantized",
    [G_TANH] = "tanh",
    [G_EXP] = "exp",
    [G_LOG] = "log",
    [G_SQRT] = "sqrt",
    [G_RSQRT] = "rsqrt",
    [G_NEG] = "neg",
    [G_ABS] = "abs",
    [G_FLOOR] = "floor",
    [G_CEIL] = "ceil",
    [G_ROUND] = "round",
    [G_ELU] = "elu",
    [G_LEAKY_RELU] = "leaky_relu",
    [G_CLIP] = "clip",
    [G_PRELU] = "prelu",
    [G_DIV] = "div",
    [G_POW] = "pow",
    [G_MAXIMUM] = "maximum",
    [G_MINIMUM] = "minimum",
    [G_SOFTMAX] = "softmax",
    [G_L2_NORM] = "l2_norm",
    [G_SUM] = "sum",
    [G_REDUCE_MAX] = "reduce_max",
    [G_REDUCE_MIN] = "reduce_min",
    [G_AVERAGE_POOL] = "average_pool",
    [G_RESIZE_NEAREST] = "resize_nearest",
    [G_TRANSPOSE_CONV] = "transpose_conv",
    [G_FULLY_CONNECTED] = "fully_connected",
    [G_SQUEEZE] = "squeeze",
    [G_TRANSPOSE] = "transpose",
    [G_PAD] = "pad",
    [G_MIRROR_PAD] = "mirror_pad",
    [G_SPLIT] = "split",
    [G_ARG_MAX] = "arg_max",
    [G_SPACE_TO_DEPTH] = "space_to_depth",
    [G_DEPTH_TO_SPACE] = "depth_to_space",
    [G_DETECTION] = "detection",
};

const char *g_op_name(g_op op)
{
    return op_name[op];
}

int64_t g_elements(const g_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

size_t g_type_bytes(g_type type)
{
    return type == G_BOOL ? 1 : 4;
}

const char *g_shape_text(const g_shape *shape, char into[96])
{
    int len = snprintf(into, 96, "[");
    for (int i = 0; i < shape->rank && len < 90; i++)
        len +=
            snprintf(into + len, 96 - (size_t)len, i ? ",%lld" : "%lld", (long long)shape->dim[i]);
    if (len < 95) snprintf(into + len, 96 - (size_t)len, "]");
    return into;
}

bool g_shape_same(const g_shape *a, const g_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

int64_t g_const_int(const g_value *value, int64_t index)
{
    int32_t number;
    memcpy(&number, (const uint8_t *)value->data + index * 4, 4);
    return number;
}

bool g_const_scalar(const g_value *value, float *ret_number)
{
    if (!value->data || value->type != G_F32 || g_elements(&value->shape) != 1) return false;
    memcpy(ret_number, value->data, 4);
    return true;
}

vd_err(g_fail)(const g_node *node, vd_why *why, const char *format, ...)
{
    char text[sizeof(why->fact)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    vd_fail(why, VD_INVALID, "%s", text);
    vd_why_detail(why, "node '%s' (%s)", node->name, g_op_name(node->op));
    return VD_INVALID;
}

static void mark_needed(g_graph *g, int *stack)
{
    unsigned depth = 0;
    for (unsigned i = 0; i < g->node_count; i++) g->node[i].needed = false;
    for (unsigned i = 0; i < g->value_count; i++) g->value[i].uses = 0;
    for (unsigned i = 0; i < g->output_count; i++) {
        int maker = g->value[g->output[i]].maker;
        g->value[g->output[i]].uses++;
        if (maker < 0 || g->node[maker].needed) continue;
        g->node[maker].needed = true;
        stack[depth++] = maker;
    }
    while (depth) { /* each node is pushed once at most */
        const g_node *node = &g->node[stack[--depth]];
        for (unsigned i = 0; i < node->in_count; i++) {
            g_value *value = g_in(g, node, i);
            value->uses++;
            if (value->maker < 0 || g->node[value->maker].needed) continue;
            g->node[value->maker].needed = true;
            stack[depth++] = value->maker;
        }
    }
}

/* A node may run when all its inputs are made; `waits` counts those that are not. */
static unsigned *count_waits(g_graph *g)
{
    unsigned *waits = vd_arena_alloc(g->arena, (g->node_count + 1) * sizeof(*waits));
    for (unsigned n = 0; waits && n < g->node_count; n++)
        for (unsigned i = 0; i < g->node[n].in_count; i++)
            waits[n] += g_in(g, &g->node[n], i)->maker >= 0;
    return waits;
}

/* For each node the list of nodes that read from it: readers[first[n] .. first[n + 1]). */
typedef struct {
    unsigned *first;
    int *reader;
} reader_lists;

static bool list_readers(g_graph *g, reader_lists *lists)
{
    size_t edges = 0;
    for (unsigned n = 0; n < g->node_count; n++) edges += g->node[n].in_count;
    lists->first = vd_arena_alloc(g->arena, (g->node_count + 2) * sizeof(unsigned));
    lists->reader = vd_arena_alloc(g->arena, (edges + 1) * sizeof(int));
    if (!lists->first || !lists->reader) return false;
    for (unsigned n = 0; n < g->node_count; n++)
        for (unsigned i = 0; i < g->node[n].in_count; i++) {
            int maker = g_in(g, &g->node[n], i)->maker;
            if (maker >= 0) lists->first[maker + 2]++;
        }
    for (unsigned n = 0; n < g->node_count; n++) lists->first[n + 2] += lists->first[n + 1];
    for (unsigned n = 0; n < g->node_count; n++)
        for (unsigned i = 0; i < g->node[n].in_count; i++) {
            int maker = g_in(g, &g->node[n], i)->maker;
            if (maker >= 0) lists->reader[lists->first[maker + 1]++] = (int)n;
        }
    return true; /* the second pass moved first[n + 1] to where n's list ends */
}

static vd_err order_nodes(g_graph *g, vd_why *why)
{
    unsigned *waits = count_waits(g);
    reader_lists lists = { 0 };
    int *ready = vd_arena_alloc(g->arena, (g->node_count + 1) * sizeof(*ready));
    if (!waits || !ready || !list_readers(g, &lists))
        return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    unsigned head = 0, tail = 0;
    for (unsigned n = 0; n < g->node_count; n++)
        if (!waits[n]) ready[tail++] = (int)n;
    g->order_count = 0;
    while (head < tail) {
        int n = ready[head++];
        if (g->node[n].needed) g->order[g->order_count++] = n;
        for (unsigned i = lists.first[n]; i < lists.first[n + 1]; i++)
            if (--waits[lists.reader[i]] == 0) ready[tail++] = lists.reader[i];
    }
    for (unsigned n = 0; n < g->node_count; n++)
        if (g->node[n].needed && waits[n])
            return g_fail(&g->node[n], why, "the graph runs in a circle");
    return VD_OK;
}

vd_err g_finish(g_graph *g, vd_why *why)
{
    g->order = vd_arena_alloc(g->arena, (g->node_count + 1) * sizeof(*g->order));
    if (!g->order) return vd_fail(why, VD_FULL, "the graph does not fit in memory");
    mark_needed(g, g->order); /* as its stack, for now */
    vd_err err = order_nodes(g, why);
    for (unsigned i = 0; !err && i < g->order_count; i++)
        err = g_infer(g, &g->node[g->order[i]], why);
    return err;
}

/* relu6(x + 3), written as three operations by TensorFlow, is six times a hard sigmoid. The mean
 * of six stays a factor that g_lower carries along until somebody needs it applied. */
void g_fuse(g_graph *g)
{
    for (unsigned i = 0; i < g->order_count; i++) {
        g_node *relu = &g->node[g->order[i]];
        if (relu->op != G_RELU6 || g_in(g, relu, 0)->maker < 0) continue;
        const g_node *add = &g->node[g_in(g, relu, 0)->maker];
        if (add->op != G_ADD) continue;
        for (unsigned side = 0; side < 2; side++) {
            float three;
            if (!g_const_scalar(g_in(g, add, side), &three) || three != 3.0f) continue;
            if (!g_shape_same(&g_in(g, add, !side)->shape, &g->value[relu->out].shape)) continue;
            relu->op = G_HARD_SIGMOID;
            relu->in[0] = add->in[!side];
            break;
        }
    }
}
