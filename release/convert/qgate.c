/* qgate.c - hard sigmoids in int8: clip(alpha x + beta, 0, 1) is alpha times (x + beta / alpha) cut
 * to [0, 1 / alpha]. The integer sum cuts by itself where its 255 steps end, so a sum with a
 * constant is all there is to compute; that its steps are read alpha times smaller is free. */
#include "pb_priv.h"
#include "quant_priv.h"

static float float_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

/* AttributeProto: 1 name  2 f */
static void read_attribute(vd_slice rest, q_gate *gate)
{
    vd_slice name = VD_SLICE_NONE;
    float value = 0;
    pb_field f;
    while (rest.len && pb_next(&rest, &f)) {
        if (f.field == 1) name = f.bytes;
        if (f.field == 2) value = float_of(f.number);
    }
    if (vd_slice_eq(name, VD_STR("alpha"))) gate->alpha = value;
    if (vd_slice_eq(name, VD_STR("beta"))) gate->beta = value;
}

bool q_gate_read(const q_node *node, q_gate *ret_gate)
{
    q_gate gate = { .alpha = 0.2f, .beta = 0.5f }; /* when they are left out */
    vd_slice rest = node->body;
    pb_field f;
    if (strcmp(node->op, "HardSigmoid") != 0) return false;
    while (rest.len && pb_next(&rest, &f))
        if (f.field == 5 && f.wire == 2) read_attribute(f.bytes, &gate);
    if (!(gate.alpha > 0) || !(gate.beta > 0)) return false;
    *ret_gate = gate;
    return true;
}

/* Whether the node multiplies the value with the gate made of it. */
static bool multiplies(const q_plan *p, const q_node *node, int value, int gate)
{
    if (strcmp(node->op, "Mul") != 0 || node->in_count != 2) return false;
    int a = q_plan_value(p, node->in[0]), b = q_plan_value(p, node->in[1]);
    return (a == value && b == gate) || (a == gate && b == value);
}

float q_gate_floor(const q_plan *p, int value)
{
    const q_graph *g = p->graph;
    q_gate gate = { 0 };
    int made = -1;
    if (g->value[value].leaves) return -INFINITY;
    for (unsigned n = 0; n < g->node_count; n++) {
        const q_node *node = &g->node[n];
        bool reads = false;
        for (unsigned i = 0; i < node->in_count; i++)
            reads |= q_plan_value(p, node->in[i]) == value;
        if (!reads || p->mode[n] == Q_DROPPED) continue;
        if (made < 0 && q_gate_read(node, &gate))
            made = node->out[0];
        else if (made < 0 || !multiplies(p, node, value, made))
            return -INFINITY;
    }
    return made < 0 ? -INFINITY : -gate.beta / gate.alpha;
}
