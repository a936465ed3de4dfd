/* Odd numbers of channels (18, 22) keep ONNX Runtime from its blocked layout: everything around
 * such a convolution runs slowly and is turned back and forth. Channels of zeros change no result,
 * so
 *
 *   convolution ──> depthwise ... ──> convolution
 *
 * gets them in the middle, where nobody else looks. */
#include "graph_priv.h"

#define FAST_MULTIPLE  4
#define PADDED_TO      8
#define CANDIDATES_MAX 256 /* each is a pass over the graph */

typedef struct {
    g_graph *g;
    int64_t channels, padded;
} padding;

static bool is_output(const g_graph *g, int value)
{
    for (unsigned i = 0; i < g->output_count; i++)
        if (g->output[i] == value) return true;
    return false;
}

/* The only needed node that reads `value`, if it is of that kind and reads it as its picture. */
static g_node *only_reader(const g_graph *g, int value, g_op op)
{
    g_node *found = NULL;
    unsigned readings = 0;
    for (unsigned i = 0; i < g->order_count; i++) {
        g_node *node = &g->node[g->order[i]];
        for (unsigned k = 0; k < node->in_count; k++) {
            if (node->in[k] != value) continue;
            readings++;
            if (k == 0 && node->op == op) found = node;
        }
    }
    return readings == 1 && !is_output(g, value) ? found : NULL;
}

/* A copy of a constant with zeros at the end of one axis; -1 when memory ends. */
static int pad_constant(const padding *p, int value, int axis)
{
    g_graph *g = p->g;
    const g_value *from = &g->value[value];
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < axis; i++) outer *= from->shape.dim[i];
    for (int i = axis + 1; i < from->shape.rank; i++) inner *= from->shape.dim[i];
    size_t old_run = (size_t)(p->channels * inner), new_run = (size_t)(p->padded * inner);
    float *data = vd_arena_alloc(g->arena, (size_t)outer * new_run * sizeof(float) + 1);
    const char *name = vd_arena_printf(g->arena, "%s#wide%u", from->name, g->value_count);
    if (!data || !name) return -1;
    for (int64_t i = 0; i < outer; i++)
        memcpy(data + (size_t)i * new_run, (const float *)from->data + (size_t)i * old_run,
               old_run * sizeof(float));
    g_value *to = &g->value[g->value_count];
    *to = *from;
    to->name = name;
    to->data = data;
    to->quant = NULL;
    to->stored = NULL;
    to->shape.dim[axis] = p->padded;
    return (int)g->value_count++;
}

static bool pad_input(const padding *p, g_node *node, unsigned index, int axis)
{
    if (index >= node->in_count) return true;
    int value = pad_constant(p, node->in[index], axis);
    if (value >= 0) node->in[index] = value;
    return value >= 0;
}

/* A bias may have any rank; its one long axis is the last. */
static bool pad_bias(const padding *p, g_node *node)
{
    if (node->in_count < 3) return true;
    return pad_input(p, node, 2, g_in(p->g, node, 2)->shape.rank - 1);
}

static bool bias_is_flat(const g_graph *g, const g_node *node)
{
    return node->in_count < 3 || g_in(g, node, 2)->shape.rank == 1;
}

static void pad_chain(g_graph *g, g_node *first)
{
    int64_t channels = g->value[first->out].shape.dim[3];
    padding p = { g, channels, (channels + PADDED_TO - 1) / PADDED_TO * PADDED_TO };
    g_node *middle = only_reader(g, first->out, G_DEPTHWISE);
    if (!middle || g_in(g, middle, 1)->shape.dim[3] != 1) return;
    g_node *last = only_reader(g, middle->out, G_CONV);
    if (!last || !bias_is_flat(g, first) || !bias_is_flat(g, middle)) return;
    /* All or nothing does not matter here: running out of memory ends the conversion later. */
    if (pad_input(&p, first, 1, 3) && pad_bias(&p, first) && pad_input(&p, middle, 1, 2) &&
        pad_bias(&p, middle))
        (void)pad_input(&p, last, 1, 2);
}

bool g_pad_channels(g_graph *g)
{
    unsigned candidates = 0, room = g->value_count + CANDIDATES_MAX * 5;
    g_value *value = vd_arena_alloc(g->arena, room * sizeof(*value));
    if (!value) return false;
    memcpy(value, g->value, g->value_count * sizeof(*value));
    g->value = value;
    for (unsigned i = 0; i < g->order_count && candidates < CANDIDATES_MAX; i++) {
        g_node *node = &g->node[g->order[i]];
        if (node->op != G_CONV || g->value[node->out].shape.dim[3] % FAST_MULTIPLE == 0) continue;
        candidates++;
        pad_chain(g, node);
    }
    return true;
}
