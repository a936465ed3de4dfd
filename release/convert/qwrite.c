/* qwrite.c - the plan as an ONNX file.
 *
 *   x ── QuantizeLinear ─▶ x#q ── DequantizeLinear ─▶ x#dq ─▶ readers that compute in int8
 *   w#q (int8), w#s, w#z ── DequantizeLinear axis 0 ─▶ w#dq      b#q (int32), b#s ─▶ b#dq
 *
 * Nodes that compute in float, and everything the plan does not name, are copied as they came. */
#include <stdio.h>

#include "limits.h"
#include "pb_priv.h"
#include "quant_priv.h"

typedef struct {
    const q_plan *plan;
    const q_graph *graph;
    vd_buf nodes, tensors;
    bool *is_read; /* of each tensor: somebody reads it as it was */
    bool failed;
} writer;

enum { TYPE_FLOAT = 1, TYPE_UINT8 = 2, TYPE_INT8 = 3, TYPE_INT32 = 6 };

static void add(writer *w, bool good)
{
    if (!good) w->failed = true;
}

static const char *named(writer *w, const char *name, const char *suffix)
{
    const char *text = vd_arena_printf(w->graph->arena, "%s#%s", name, suffix);
    add(w, text != NULL);
    return text ? text : "";
}

/* TensorProto: 1 dims  2 data_type  8 name  9 raw_data */
static void add_tensor(writer *w, const char *name, int type, const int64_t *dim, unsigned rank,
                       vd_slice raw)
{
    VD_AUTO(vd_buf) t = VD_BUF(VD_LIMIT_MODEL_BYTES);
    for (unsigned i = 0; i < rank; i++) add(w, pb_add_int(&t, 1, dim[i]));
    add(w, pb_add_int(&t, 2, type));
    add(w, pb_add_bytes(&t, 8, vd_slice_str(name)));
    add(w, pb_add_bytes(&t, 9, raw));
    add(w, pb_add_bytes(&w->tensors, 5, vd_buf_slice(&t)));
}

/* NodeProto: 1 input  2 output  3 name  4 op_type  5 attribute { 1 name  3 i  20 type } */
static void add_node(writer *w, const char *op, const char *const inputs[3], const char *output,
                     int64_t axis)
{
    VD_AUTO(vd_buf) n = VD_BUF(1u << 20);
    for (int i = 0; i < 3 && inputs[i]; i++) add(w, pb_add_bytes(&n, 1, vd_slice_str(inputs[i])));
    add(w, pb_add_bytes(&n, 2, vd_slice_str(output)));
    add(w, pb_add_bytes(&n, 3, vd_slice_str(output)));
    add(w, pb_add_bytes(&n, 4, vd_slice_str(op)));
    if (axis >= 0) {
        VD_AUTO(vd_buf) a = VD_BUF(256);
        add(w, pb_add_bytes(&a, 1, VD_STR("axis")) && pb_add_int(&a, 3, axis));
        add(w, pb_add_varint(&a, 20 << 3) && pb_add_varint(&a, 2));
        add(w, pb_add_bytes(&n, 5, vd_buf_slice(&a)));
    }
    add(w, pb_add_bytes(&w->nodes, 1, vd_buf_slice(&n)));
}

/* The pair that puts a value on its 255 steps. */
static void add_pair(writer *w, int value)
{
    const char *name = w->graph->value[value].name;
    const q_range *range = q_plan_range(w->plan, value);
    const char *scale = named(w, name, "scale"), *zero = named(w, name, "zero");
    const char *q = named(w, name, "q");
    uint8_t zero_byte = (uint8_t)range->zero;
    add_tensor(w, scale, TYPE_FLOAT, NULL, 0, vd_slice_of(&range->scale, sizeof range->scale));
    add_tensor(w, zero, TYPE_UINT8, NULL, 0, vd_slice_of(&zero_byte, 1));
    add_node(w, "QuantizeLinear", (const char *const[3]){ name, scale, zero }, q, -1);
    add_node(w, "DequantizeLinear", (const char *const[3]){ q, scale, zero }, named(w, name, "dq"),
             -1);
}

static float float_at(const q_tensor *tensor, size_t index)
{
    float value; /* raw bytes have no alignment */
    memcpy(&value, tensor->raw.data + index * sizeof value, sizeof value);
    return value;
}

/* Largest magnitude over [from, from + count). */
static float reach_of(const q_tensor *t, size_t from, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++) most = fmaxf(most, fabsf(float_at(t, from + i)));
    return most > 1e-12f ? most : 1e-12f;
}

static int8_t step_of(float value, float scale)
{
    float step = roundf(value / scale);
    return (int8_t)(step < -127 ? -127 : step > 127 ? 127 : step);
}

static const char *add_weights(writer *w, const q_tensor *t, const char *name, const float *scale,
                               unsigned scale_count)
{
    size_t count = q_tensor_count(t, sizeof(float)), channels = (size_t)t->dim[0];
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_LIMIT_MODEL_BYTES);
    VD_AUTO(vd_buf) zeros = VD_BUF(VD_LIMIT_MODEL_BYTES);
    const bool each = w->plan->per_channel;
    const int64_t dim[1] = { (int64_t)channels };
    for (size_t i = 0; i < count && !w->failed; i++) {
        size_t channel = each ? i / (count / channels) : 0;
        add(w, vd_buf_add_byte(&bytes, (uint8_t)step_of(float_at(t, i), scale[channel])));
    }
    for (unsigned i = 0; i < scale_count; i++) add(w, vd_buf_add_byte(&zeros, 0));
    const char *q = named(w, name, "wq"), *s = named(w, name, "ws"), *z = named(w, name, "wz");
    const char *dq = named(w, name, "wdq");
    add_tensor(w, q, TYPE_INT8, t->dim, t->rank, vd_buf_slice(&bytes));
    add_tensor(w, s, TYPE_FLOAT, dim, each, vd_slice_of(scale, scale_count * sizeof *scale));
    add_tensor(w, z, TYPE_INT8, dim, each, vd_buf_slice(&zeros));
    add_node(w, "DequantizeLinear", (const char *const[3]){ q, s, z }, dq, each ? 0 : -1);
    return dq;
}

static const char *add_bias(writer *w, const q_tensor *t, const char *name, const float *scale,
                            float in_scale)
{
    const bool each = w->plan->per_channel;
    size_t channels = (size_t)t->dim[0];
    const int64_t dim[1] = { (int64_t)channels };
    int32_t *steps = vd_arena_alloc(w->graph->arena, channels * sizeof *steps);
    int32_t *zeros = vd_arena_alloc(w->graph->arena, channels * sizeof *zeros);
    float *scales = vd_arena_alloc(w->graph->arena, channels * sizeof *scales);
    add(w, steps && zeros && scales);
    if (!steps || !zeros || !scales) return "";
    for (size_t i = 0; i < channels; i++) {
        scales[i] = scale[each ? i : 0] * in_scale;
        double step = round((double)float_at(t, i) / (double)scales[i]);
        steps[i] = (int32_t)(step < INT32_MIN / 2   ? INT32_MIN / 2
                             : step > INT32_MAX / 2 ? INT32_MAX / 2
                                                    : step);
    }
    const char *q = named(w, name, "bq"), *s = named(w, name, "bs"), *z = named(w, name, "bz");
    const char *dq = named(w, name, "bdq");
    size_t scale_count = each ? channels : 1;
    add_tensor(w, q, TYPE_INT32, dim, 1, vd_slice_of(steps, channels * sizeof *steps));
    add_tensor(w, s, TYPE_FLOAT, dim, each, vd_slice_of(scales, scale_count * sizeof *scales));
    add_tensor(w, z, TYPE_INT32, dim, each, vd_slice_of(zeros, scale_count * sizeof *zeros));
    add_node(w, "DequantizeLinear", (const char *const[3]){ q, s, z }, dq, each ? 0 : -1);
    return dq;
}

/* Weights and bias of a layer as int8 and int32. A bias must fit its scale's int32: a tiny scale of
 * a dead channel is widened until it does. */
static void add_layer(writer *w, const q_node *node, const char *ret_input[3])
{
    const q_graph *g = w->graph;
    const q_tensor *t = q_graph_floats(g, node, 1);
    const q_tensor *b = node->in_count > 2 ? q_graph_floats(g, node, 2) : NULL;
    const char *name = g->value[node->out[0]].name;
    const float in_scale = q_plan_range(w->plan, q_plan_value(w->plan, node->in[0]))->scale;
    size_t channels = (size_t)t->dim[0], count = q_tensor_count(t, sizeof(float));
    unsigned scales = w->plan->per_channel ? (unsigned)channels : 1;
    float *scale = vd_arena_alloc(g->arena, channels * sizeof *scale);
    add(w, scale != NULL);
    if (w->failed) return;
    for (unsigned i = 0; i < scales; i++) {
        scale[i] = reach_of(t, i * (count / scales), count / scales) / 127.0f;
        for (size_t c = 0; b && c < channels / scales; c++) {
            float least = fabsf(float_at(b, i * (channels / scales) + c)) / in_scale / 1e9f;
            if (scale[i] < least) scale[i] = least;
        }
    }
    ret_input[1] = add_weights(w, t, name, scale, scales);
    if (b) ret_input[2] = add_bias(w, b, name, scale, in_scale);
}

/* What a node reads in the value's place. */
static const char *input_name(writer *w, const q_node *node, unsigned index, q_mode mode)
{
    const q_graph *g = w->graph;
    int value = q_plan_value(w->plan, node->in[index]);
    if (value < 0) return "";
    if (g->value[value].tensor >= 0) w->is_read[g->value[value].tensor] = true;
    bool by_layer = g->value[value].maker >= 0 && w->plan->mode[g->value[value].maker] != Q_FLOAT;
    bool as_steps = w->plan->range[value].quantized && (mode != Q_FLOAT || by_layer);
    return as_steps ? named(w, g->value[value].name, "dq") : g->value[value].name;
}

/* A hard sigmoid as a sum (qgate.c): its steps are cut as those of x + beta / alpha, and read as
 * those of the sigmoid. */
static void add_gate(writer *w, const q_node *node, const q_gate *gate)
{
    const char *name = w->graph->value[node->out[0]].name;
    const q_range *range = q_plan_range(w->plan, node->out[0]);
    const float shift = gate->beta / gate->alpha, shift_scale = shift / 255.0f;
    const float sum_scale = range->scale / gate->alpha;
    const uint8_t most = 255, none = 0;
    const char *sum = named(w, name, "sum"), *q = named(w, name, "q");
    const char *c = named(w, name, "cq"), *cs = named(w, name, "cs"), *cdq = named(w, name, "cdq");
    const char *ss = named(w, name, "sums"), *s = named(w, name, "scale");
    const char *z = named(w, name, "zero");
    add_tensor(w, c, TYPE_UINT8, NULL, 0, vd_slice_of(&most, 1));
    add_tensor(w, cs, TYPE_FLOAT, NULL, 0, vd_slice_of(&shift_scale, sizeof shift_scale));
    add_tensor(w, ss, TYPE_FLOAT, NULL, 0, vd_slice_of(&sum_scale, sizeof sum_scale));
    add_tensor(w, s, TYPE_FLOAT, NULL, 0, vd_slice_of(&range->scale, sizeof range->scale));
    add_tensor(w, z, TYPE_UINT8, NULL, 0, vd_slice_of(&none, 1));
    add_node(w, "DequantizeLinear", (const char *const[3]){ c, cs, z }, cdq, -1);
    add_node(w, "Add", (const char *const[3]){ input_name(w, node, 0, Q_PASS), cdq }, sum, -1);
    add_node(w, "QuantizeLinear", (const char *const[3]){ sum, ss, z }, q, -1);
    add_node(w, "DequantizeLinear", (const char *const[3]){ q, s, z }, named(w, name, "dq"), -1);
}

static void add_changed(writer *w, unsigned n)
{
    const q_graph *g = w->graph;
    const q_node *node = &g->node[n];
    const q_mode mode = w->plan->mode[n];
    const char *layer[3] = { NULL };
    VD_AUTO(vd_buf) body = VD_BUF(1u << 26);
    vd_slice rest = node->body;
    pb_field f;
    if (mode == Q_LAYER) add_layer(w, node, layer);
    for (unsigned i = 0; i < node->in_count; i++) {
        const char *name =
            mode == Q_LAYER && i && i < 3 && layer[i] ? layer[i] : input_name(w, node, i, mode);
        add(w, pb_add_bytes(&body, 1, vd_slice_str(name)));
    }
    for (unsigned i = 0; i < node->out_count; i++) {
        int value = i == 0 ? w->plan->out[n] : node->out[i];
        add(w, pb_add_bytes(&body, 2, vd_slice_str(g->value[value].name)));
    }
    while (rest.len && pb_next(&rest, &f))
        if (f.field > 2) add(w, vd_buf_add(&body, f.whole));
    add(w, pb_add_bytes(&w->nodes, 1, vd_buf_slice(&body)));
}

static void add_all(writer *w)
{
    const q_graph *g = w->graph;
    for (unsigned v = 0; v < g->value_count; v++)
        if (w->plan->range[v].quantized && g->value[v].maker < 0) add_pair(w, (int)v);
    for (unsigned n = 0; n < g->node_count && !w->failed; n++) {
        const q_node *node = &g->node[n];
        q_gate gate;
        if (w->plan->mode[n] == Q_DROPPED) continue;
        if (w->plan->mode[n] == Q_PASS && q_gate_read(node, &gate)) {
            add_gate(w, node, &gate);
            continue;
        }
        add_changed(w, n);
        for (unsigned i = 0; i < node->out_count; i++) {
            int value = i == 0 ? w->plan->out[n] : node->out[i];
            if (w->plan->range[value].quantized) add_pair(w, value);
        }
    }
    for (unsigned t = 0; t < g->tensor_count; t++)
        if (w->is_read[t] || g->value[g->tensor[t].value].leaves)
            add(w, vd_buf_add(&w->tensors, g->tensor[t].whole));
}

/* GraphProto's other fields (name, inputs, outputs) stay; 13 value_info speaks of what is gone. */
static void add_rest(writer *w, vd_buf *graph)
{
    vd_slice rest = w->graph->graph;
    pb_field f;
    while (rest.len && pb_next(&rest, &f))
        if (f.field != 1 && f.field != 5 && f.field != 13) add(w, vd_buf_add(graph, f.whole));
}

static void add_prop(writer *w, vd_buf *into, const char *key, const char *text)
{
    VD_AUTO(vd_buf) prop = VD_BUF(4096);
    add(w, pb_add_bytes(&prop, 1, vd_slice_str(key)) && pb_add_bytes(&prop, 2, vd_slice_str(text)));
    add(w, pb_add_bytes(into, 14, vd_buf_slice(&prop)));
}

vd_err q_write(const q_plan *plan, const char *source, vd_buf *into, vd_why *why)
{
    const q_graph *g = plan->graph;
    writer w = { .plan = plan,
                 .graph = g,
                 .nodes = VD_BUF(VD_LIMIT_MODEL_BYTES),
                 .tensors = VD_BUF(VD_LIMIT_MODEL_BYTES) };
    VD_AUTO(vd_buf) graph = VD_BUF(VD_LIMIT_MODEL_BYTES);
    w.is_read = vd_arena_alloc(g->arena, (g->tensor_count + 1) * sizeof *w.is_read);
    add(&w, w.is_read != NULL);
    if (!w.failed) add_all(&w);
    add(&w, vd_buf_add(&graph, vd_buf_slice(&w.nodes)));
    add(&w, vd_buf_add(&graph, vd_buf_slice(&w.tensors)));
    add_rest(&w, &graph);
    add(&w, pb_add_int(into, 1, g->ir));
    add(&w, pb_add_bytes(into, 2, VD_STR("vedette")));
    add(&w, pb_add_bytes(into, 7, vd_buf_slice(&graph)));
    for (unsigned i = 0; i < g->opset_count; i++) add(&w, vd_buf_add(into, g->opsets[i]));
    add_prop(&w, into, "vedette.source", source);
    vd_buf_done(&w.nodes);
    vd_buf_done(&w.tensors);
    return w.failed ? vd_fail(why, VD_FULL, "the quantised model does not fit in memory") : VD_OK;
}
