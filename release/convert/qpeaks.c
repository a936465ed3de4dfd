/* qpeaks.c - a sigmoid changes no order, so peaks are the same before it: pooling and comparing
 * move there, where scores are still int8 and lie as the last convolution left them. */
#include "quant_priv.h"

static bool is_op(const q_node *node, const char *op)
{
    return strcmp(node->op, op) == 0;
}

static q_node *maker_of(const q_graph *g, int value)
{
    return value >= 0 && g->value[value].maker >= 0 ? &g->node[g->value[value].maker] : NULL;
}

static void read_instead(q_graph *g, int *in, int value)
{
    g->value[*in].uses--;
    g->value[value].uses++;
    *in = value;
}

/* Equal(s, MaxPool(s)) with s = Sigmoid(x) */
static bool compares_peaks(const q_graph *g, const q_node *node, unsigned pooled)
{
    const q_node *pool = maker_of(g, node->in[pooled]);
    const q_node *sigmoid = maker_of(g, node->in[1 - pooled]);
    return pool && sigmoid && is_op(pool, "MaxPool") && pool->in_count == 1 &&
           pool->out_count == 1 && is_op(sigmoid, "Sigmoid") && sigmoid->in_count == 1 &&
           pool->in[0] == node->in[1 - pooled] && g->value[pool->out[0]].uses == 1 &&
           sigmoid->in[0] >= 0;
}

void q_peaks_move(q_graph *g)
{
    for (unsigned n = 0; n < g->node_count; n++) {
        q_node *node = &g->node[n];
        if (!is_op(node, "Equal") || node->in_count != 2) continue;
        for (unsigned pooled = 0; pooled < 2; pooled++) {
            if (!compares_peaks(g, node, pooled)) continue;
            const int raw = maker_of(g, node->in[1 - pooled])->in[0];
            read_instead(g, &maker_of(g, node->in[pooled])->in[0], raw);
            read_instead(g, &node->in[1 - pooled], raw);
            break;
        }
    }
}

bool q_peaks_compared(const q_graph *g, const q_node *pool)
{
    if (!is_op(pool, "MaxPool") || pool->in_count != 1) return false;
    for (unsigned n = 0; n < g->node_count; n++)
        for (unsigned i = 0; i < g->node[n].in_count; i++)
            if (g->node[n].in[i] == pool->out[0])
                return is_op(&g->node[n], "Equal") && g->node[n].in_count == 2 &&
                       g->node[n].in[1 - i] == pool->in[0];
    return false;
}
