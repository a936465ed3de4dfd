#include "quant_priv.h"

#define COLOURS 3
#define THIN    16 /* channels */

/* Nodes whose integer form works on int8 values. `alike`: what comes out has the scale of what went
 * in. `data` inputs carry values, the others are parameters. */
typedef struct {
    const char *op;
    unsigned data;
    bool alike;
} pass_rule;

static const pass_rule passes[] = {
    { "Add", 2, false },         { "Mul", 2, false },   { "Concat", 64, false },
    { "MaxPool", 1, true },      { "Resize", 1, true }, { "GlobalAveragePool", 1, false },
    { "HardSigmoid", 1, false },
};

static const pass_rule *rule_of(const q_node *node)
{
    for (size_t i = 0; i < VD_COUNT_OF(passes); i++)
        if (strcmp(passes[i].op, node->op) == 0) return &passes[i];
    return NULL;
}

static bool is_op(const q_node *node, const char *op)
{
    return strcmp(node->op, op) == 0;
}

static const float *floats_of(const q_tensor *tensor)
{
    return (const float *)(const void *)tensor->raw.data;
}

static float float_at(const q_tensor *tensor, size_t index)
{
    float value; /* raw bytes have no alignment */
    memcpy(&value, (const uint8_t *)floats_of(tensor) + index * sizeof value, sizeof value);
    return value;
}

/* One value a channel, all 1: it changes nothing, and only suits the float kernels' layout. */
static bool does_nothing(const q_graph *g, const q_node *node)
{
    const q_tensor *w = q_graph_floats(g, node, 1);
    if (!is_op(node, "Conv") || node->in_count != 2 || !w || w->rank != 4) return false;
    if (w->dim[1] != 1 || w->dim[2] != 1 || w->dim[3] != 1 || w->dim[0] != node->group)
        return false;
    for (int64_t i = 0; i < w->dim[0]; i++)
        if (float_at(w, (size_t)i) != 1.0f) return false;
    return true;
}

static bool is_layer(const q_graph *g, const q_node *node)
{
    if (!is_op(node, "Conv") || node->in_count < 2 || node->in[0] < 0) return false;
    const q_tensor *w = q_graph_floats(g, node, 1);
    bool has_bias = node->in_count > 2 && node->in[2] >= 0;
    const q_tensor *b = has_bias ? q_graph_floats(g, node, 2) : NULL;
    if (!w || w->rank < 3 || g->value[node->in[0]].tensor >= 0) return false;
    return !has_bias || (b && b->rank == 1 && b->dim[0] == w->dim[0]);
}

/* Int8 kernels want channels to be busy with: over a picture's three, or sixteen apart from each
 * other, they take 1.5 to 6 times as long as float ones (docs/performance.md), and what comes of
 * such layers must be put on steps for the next. They come first, where rounding hurts most. */
static bool is_thin(const q_graph *g, const q_node *node)
{
    const q_tensor *w = q_graph_floats(g, node, 1);
    const bool apart = w->dim[1] == 1 && node->group == w->dim[0];
    const bool few = w->dim[0] <= THIN && w->dim[1] <= THIN;
    return apart ? node->group <= THIN : w->dim[1] <= COLOURS || few;
}

/* A model that has nothing else is quantised all the same, for its size. */
static void leave_out_thin_layers(q_plan *p)
{
    const q_graph *g = p->graph;
    unsigned kept = 0;
    for (unsigned i = 0; i < p->layer_count; i++) kept += !is_thin(g, &g->node[p->layer[i]]);
    if (!kept) return;
    kept = 0;
    for (unsigned i = 0; i < p->layer_count; i++)
        if (!is_thin(g, &g->node[p->layer[i]])) p->layer[kept++] = p->layer[i];
    p->layer_count = kept;
}

vd_err q_plan_new(const q_graph *g, q_plan *ret_plan, vd_why *why)
{
    q_plan p = { .graph = g, .per_channel = g->opset >= 13 };
    p.mode = vd_arena_alloc(g->arena, g->node_count * sizeof *p.mode);
    p.layer = vd_arena_alloc(g->arena, g->node_count * sizeof *p.layer);
    p.keep = vd_arena_alloc(g->arena, g->node_count * sizeof *p.keep);
    p.out = vd_arena_alloc(g->arena, g->node_count * sizeof *p.out);
    p.replaced = vd_arena_alloc(g->arena, g->value_count * sizeof *p.replaced);
    p.range = vd_arena_alloc(g->arena, g->value_count * sizeof *p.range);
    p.wanted = vd_arena_alloc(g->arena, g->value_count * sizeof *p.wanted);
    if (!p.mode || !p.layer || !p.keep || !p.out || !p.replaced || !p.range || !p.wanted)
        return vd_fail(why, VD_FULL, "there is no memory for the plan");
    for (unsigned n = 0; n < g->node_count; n++)
        if (is_layer(g, &g->node[n]) && !does_nothing(g, &g->node[n]))
            p.layer[p.layer_count++] = (int)n;
    leave_out_thin_layers(&p);
    if (!p.layer_count)
        return vd_fail(why, VD_INVALID,
                       "the model has no convolution with float weights to quantise");
    *ret_plan = p;
    return VD_OK;
}

int q_plan_value(const q_plan *plan, int value)
{
    while (value >= 0 && plan->replaced[value] >= 0) value = plan->replaced[value];
    return value;
}

const q_range *q_plan_range(const q_plan *plan, int value)
{
    while (plan->range[value].same_as >= 0) value = plan->range[value].same_as;
    return &plan->range[value];
}

/* The node that alone reads the value; -1: none, or several, or it leaves the graph. */
static int only_reader(const q_graph *g, unsigned maker)
{
    const q_node *node = &g->node[maker];
    if (node->out_count != 1 || g->value[node->out[0]].uses != 1) return -1;
    for (unsigned n = maker + 1; n < g->node_count; n++)
        for (unsigned i = 0; i < g->node[n].in_count; i++)
            if (g->node[n].in[i] == node->out[0]) return (int)n;
    return -1;
}

/* A uint8 range that begins at 0 cuts what is below, as the activation did. */
static bool range_does_it(const q_graph *g, const q_node *node)
{
    if (is_op(node, "Relu")) return true;
    const q_tensor *least = is_op(node, "Clip") ? q_graph_floats(g, node, 1) : NULL;
    return least && float_at(least, 0) == 0.0f;
}

static void plan_layer(q_plan *p, unsigned n)
{
    const q_graph *g = p->graph;
    int next = only_reader(g, n);
    p->mode[n] = Q_LAYER;
    if (next >= 0 && range_does_it(g, &g->node[next])) {
        p->mode[next] = Q_DROPPED;
        p->out[n] = g->node[next].out[0];
    }
    p->range[q_plan_value(p, g->node[n].in[0])].quantized = true;
    p->range[p->out[n]].quantized = true;
}

/* A product takes a second factor that is still float (a gate): it is put on steps as well. */
static bool may_pass(const q_plan *p, const q_node *node, const pass_rule *rule)
{
    unsigned ready = 0, all = node->in_count < rule->data ? node->in_count : rule->data;
    q_gate gate;
    if (node->out_count != 1 || p->graph->value[node->out[0]].leaves) return false;
    if (is_op(node, "HardSigmoid") && !q_gate_read(node, &gate)) return false;
    for (unsigned i = 0; i < all; i++) {
        int value = q_plan_value(p, node->in[i]);
        if (value < 0 || p->graph->value[value].tensor >= 0) return false;
        ready += p->range[value].quantized;
    }
    return ready == all || (ready && is_op(node, "Mul"));
}

/* A gate of one number a channel, spread over the picture for the float product's sake; the integer
 * product repeats it by itself. */
static bool spreads(const q_graph *g, const q_node *node)
{
    if (!is_op(node, "Resize") || node->in_count < 3 || node->in[0] < 0) return false;
    int gate = g->value[node->in[0]].maker, reader = only_reader(g, (unsigned)(node - g->node));
    if (gate < 0 || reader < 0 || !is_op(&g->node[reader], "Mul")) return false;
    return is_op(&g->node[gate], "HardSigmoid") || is_op(&g->node[gate], "Sigmoid");
}

/* Behind a convolution that stays float, what suits the float kernels' layout stays as well. */
static bool is_idle(const q_plan *p, const q_node *node)
{
    const q_graph *g = p->graph;
    if (g->value[node->out[0]].leaves) return false;
    if (!does_nothing(g, node)) return spreads(g, node);
    const int maker = node->in[0] < 0 ? -1 : g->value[node->in[0]].maker;
    return maker < 0 || !is_op(&g->node[maker], "Conv") || p->mode[maker] == Q_LAYER;
}

/* Forward: what could work on int8 because all it reads is int8. */
static void find_passes(q_plan *p)
{
    const q_graph *g = p->graph;
    for (unsigned n = 0; n < g->node_count; n++) {
        const q_node *node = &g->node[n];
        const pass_rule *rule = p->mode[n] == Q_FLOAT ? rule_of(node) : NULL;
        if (!rule || !may_pass(p, node, rule)) continue;
        p->mode[n] = Q_PASS;
        int next = rule->alike ? -1 : only_reader(g, n);
        if (next >= 0 && range_does_it(g, &g->node[next])) {
            p->mode[next] = Q_DROPPED;
            p->out[n] = g->node[next].out[0];
        }
        for (unsigned i = 0; i < node->in_count && i < rule->data; i++) {
            int value = q_plan_value(p, node->in[i]);
            if (value >= 0) p->range[value].quantized = true;
        }
        if (!p->range[p->out[n]].quantized) p->range[p->out[n]].tentative = true;
        p->range[p->out[n]].quantized = true;
        if (rule->alike) p->range[node->out[0]].same_as = q_plan_value(p, node->in[0]);
    }
}

/* Backward: it stays int8 when somebody reads int8 from it, or compares with it. */
static void drop_useless_passes(q_plan *p)
{
    const q_graph *g = p->graph;
    memset(p->wanted, 0, g->value_count * sizeof *p->wanted);
    for (unsigned n = g->node_count; n-- > 0;) {
        const q_node *node = &g->node[n];
        const bool useless = !p->wanted[p->out[n]] && !q_peaks_compared(g, node);
        if (p->mode[n] == Q_PASS && useless) {
            p->mode[n] = Q_FLOAT;
            p->range[node->out[0]].same_as = -1;
            if (p->range[node->out[0]].tentative) p->range[node->out[0]].quantized = false;
        }
        if (p->mode[n] != Q_LAYER && p->mode[n] != Q_PASS) continue;
        for (unsigned i = 0; i < node->in_count; i++) {
            int value = q_plan_value(p, node->in[i]);
            if (value >= 0) p->wanted[value] = true;
        }
    }
}

void q_plan_make(q_plan *p)
{
    const q_graph *g = p->graph;
    for (unsigned v = 0; v < g->value_count; v++) {
        p->replaced[v] = -1;
        p->range[v].quantized = p->range[v].tentative = false;
        p->range[v].same_as = -1;
    }
    for (unsigned n = 0; n < g->node_count; n++) {
        p->mode[n] = Q_FLOAT;
        p->out[n] = g->node[n].out[0];
    }
    for (unsigned i = 0; i < p->layer_count; i++)
        if (!p->keep[i]) p->mode[p->layer[i]] = Q_LAYER;
    for (unsigned n = 0; n < g->node_count; n++) {
        const q_node *node = &g->node[n];
        if (!is_idle(p, node)) continue;
        p->mode[n] = Q_DROPPED;
        p->replaced[node->out[0]] = node->in[0];
    }
    for (unsigned i = 0; i < p->layer_count; i++)
        if (!p->keep[i]) plan_layer(p, (unsigned)p->layer[i]);
    find_passes(p);
    drop_useless_passes(p);
}
