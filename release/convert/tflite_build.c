/* Values and nodes of the graph in the making. */
#include "tflite_priv.h"

#include <stdio.h>

enum { ACT_NONE, ACT_RELU, ACT_RELU_N1, ACT_RELU6, ACT_TANH };

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the graph does not fit in memory");
}

static bool grow(tflite *t, void **list, size_t each, unsigned used, unsigned *room)
{
    if (used < *room) return true;
    unsigned more = *room ? *room * 2 : 256;
    void *wider = vd_arena_alloc(t->arena, more * each);
    if (!wider) return false;
    if (used) memcpy(wider, *list, used * each);
    *list = wider;
    *room = more;
    return true;
}

int tflite_new_value(tflite *t, const char *name)
{
    void *list = t->g->value;
    if (!grow(t, &list, sizeof(g_value), t->g->value_count, &t->value_room)) return -1;
    t->g->value = list;
    const char *own = name ? name : vd_arena_printf(t->arena, "%s#t%u", t->name, t->serial++);
    if (!own) return -1;
    t->g->value[t->g->value_count] = (g_value){ .name = own, .maker = -1 };
    return (int)t->g->value_count++;
}

int tflite_constant(tflite *t, g_type type, const g_shape *shape, const void *data)
{
    int value = tflite_new_value(t, NULL);
    if (value < 0 || !data) return -1;
    t->g->value[value].type = type;
    t->g->value[value].shape = *shape;
    t->g->value[value].data = data;
    return value;
}

int tflite_ints(tflite *t, const int32_t *values, unsigned count)
{
    g_shape shape = { .rank = 1, .dim = { count } };
    int32_t *copy = vd_arena_alloc(t->arena, count * sizeof(*copy) + 1);
    if (copy && count) memcpy(copy, values, count * sizeof(*copy));
    return tflite_constant(t, G_I32, &shape, copy);
}

int tflite_number(tflite *t, float value)
{
    g_shape shape = { 0 };
    float *copy = vd_arena_alloc(t->arena, sizeof(*copy));
    if (copy) *copy = value;
    return tflite_constant(t, G_F32, &shape, copy);
}

int tflite_node_outs(tflite *t, g_op op, const int *in, unsigned in_count, unsigned outs)
{
    void *list = t->g->node;
    if (t->g->node_count >= G_NODES_MAX ||
        !grow(t, &list, sizeof(g_node), t->g->node_count, &t->node_room))
        return -1;
    t->g->node = list;
    int *own = vd_arena_alloc(t->arena, (in_count + 1) * sizeof(*own)), first = -1;
    for (unsigned i = 0; i < in_count; i++)
        if (!own || in[i] < 0) return -1; /* something before had no memory */
    for (unsigned i = 0; i < outs; i++) {
        int value = tflite_new_value(t, NULL);
        if (value < 0) return -1;
        t->g->value[value].maker = (int)t->g->node_count;
        if (first < 0) first = value;
    }
    memcpy(own, in, in_count * sizeof(*own));
    t->g->node[t->g->node_count++] = (g_node){ .op = op,
                                               .name = t->g->value[first].name,
                                               .in = own,
                                               .in_count = in_count,
                                               .out = first,
                                               .out_count = outs,
                                               .dilation = { 1, 1 },
                                               .stride = { 1, 1 } };
    return first;
}

int tflite_node(tflite *t, g_op op, const int *in, unsigned in_count)
{
    return tflite_node_outs(t, op, in, in_count, 1);
}

g_node *tflite_last(tflite *t)
{
    return &t->g->node[t->g->node_count - 1];
}

bool tflite_has_input(const tflite *t, unsigned index)
{
    return index < t->in.count && fb_list_int(&t->in, index, 4) >= 0;
}

vd_err tflite_input(tflite *t, unsigned index, int *ret_value, vd_why *why)
{
    if (!tflite_has_input(t, index)) return tflite_fail(t, why, "its input %u is missing", index);
    return tflite_value(t, fb_list_int(&t->in, index, 4), ret_value, why);
}

static const g_quant *quant_at(const tflite *t, const fb_vector *list, unsigned index)
{
    int64_t tensor = fb_list_int(list, index, 4);
    return index < list->count && tensor >= 0 && tensor < t->tensors.count ? t->quant_of[tensor]
                                                                           : NULL;
}

bool tflite_integers(const tflite *t, unsigned input)
{
    return quant_at(t, &t->in, input) && quant_at(t, &t->out, 0);
}

static int activate(tflite *t, int value, int activation)
{
    static const g_op ops[] = { G_NOP, G_RELU, G_CLIP, G_RELU6, G_TANH };
    if (activation == ACT_NONE) return value;
    value = tflite_node(t, ops[activation], &value, 1);
    if (value >= 0 && activation == ACT_RELU_N1) {
        tflite_last(t)->alpha = -1;
        tflite_last(t)->beta = 1;
    }
    return value;
}

static bool steps_same(const g_quant *a, const g_quant *b)
{
    return a && b && a->count == 1 && b->count == 1 && a->scale[0] == b->scale[0] &&
           a->zero[0] == b->zero[0] && a->is_signed == b->is_signed;
}

static vd_err bind(tflite *t, int64_t tensor, int value, vd_why *why)
{
    if (value < 0) return no_memory(why);
    if (t->value_of[tensor] >= 0)
        return tflite_fail(t, why, "tensor %lld is made twice", (long long)tensor);
    t->value_of[tensor] = value;
    return VD_OK;
}

static vd_err output_tensor(tflite *t, unsigned output, int64_t *ret_index, tflite_tensor *tensor,
                            vd_why *why)
{
    if (output >= t->out.count) return tflite_fail(t, why, "its output %u is missing", output);
    *ret_index = fb_list_int(&t->out, output, 4);
    vd_err err = tflite_tensor_read(t, *ret_index, tensor, why);
    g_quant *quant = NULL;
    if (!err) err = tflite_quant(t, *ret_index, tensor, &quant, why);
    if (!err && quant && quant->count > 1)
        err = tflite_fail(t, why, "'%.80s' has steps of its own for each channel", tensor->name);
    return err;
}

vd_err tflite_give(tflite *t, unsigned output, int value, int activation, vd_why *why)
{
    tflite_tensor tensor;
    int64_t index = 0;
    vd_err err = output_tensor(t, output, &index, &tensor, why);
    if (err) return err;
    if (activation < ACT_NONE || activation > ACT_TANH)
        return tflite_fail(t, why, "its fused activation %d is not known", activation);
    if (value >= 0) value = activate(t, value, activation);
    const g_quant *quant = t->quant_of[index];
    if (value >= 0 && quant && !(t->op->moves && steps_same(quant, quant_at(t, &t->in, 0)))) {
        value = tflite_node(t, G_QUANTIZED, &value, 1);
        if (value >= 0) tflite_last(t)->quant = quant;
    }
    return bind(t, index, value, why);
}

vd_err tflite_alias(tflite *t, unsigned output, int value, vd_why *why)
{
    tflite_tensor tensor;
    int64_t index = 0;
    vd_err err = output_tensor(t, output, &index, &tensor, why);
    return err ? err : bind(t, index, value, why);
}
