/* Operations that move elements about: they run in TensorFlow's own layout. */
#include "lower_priv.h"

/* Reshape and expand_dims: the result's shape is known, so both are one Reshape. */
vd_err low_reshape(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_shape *to = &l->g->value[node->out].shape;
    float factor;
    const char *in = low_get_owing(l, node->in[0], PLAIN, &factor);
    const char *shape = low_ints(l, node, "shape", to->dim, (unsigned)to->rank);
    low_node2(l, "Reshape", in, shape, low_out(l, node, 0, PLAIN, factor));
    return VD_OK;
}

static int64_t edge_of(const g_value *edges, int64_t mask, int64_t axis, int64_t open)
{
    return mask >> axis & 1 ? open : g_const_int(edges, axis);
}

vd_err low_strided_slice(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_shape *shape = &g_in(l->g, node, 0)->shape;
    int64_t from[G_RANK_MAX], to[G_RANK_MAX], axes[G_RANK_MAX], step[G_RANK_MAX];
    unsigned count = (unsigned)g_elements(&g_in(l->g, node, 1)->shape);
    bool turned = shape->rank == 4 && !node->shrink_mask && low_prefers_chw(l, node->in[0]);
    low_layout layout = turned ? CHW : PLAIN;
    for (unsigned i = 0; i < count; i++) {
        bool shrink = node->shrink_mask >> i & 1;
        axes[i] = turned ? low_axis_chw(i) : i;
        step[i] = shrink ? 1 : g_const_int(g_in(l->g, node, 3), i);
        from[i] = edge_of(g_in(l->g, node, 1), node->begin_mask, i, 0);
        if (from[i] < 0) from[i] += shape->dim[i];
        to[i] =
            shrink ? from[i] + 1 : edge_of(g_in(l->g, node, 2), node->end_mask, i, shape->dim[i]);
    }
    float factor;
    const char *in[5] = { low_get_owing(l, node->in[0], layout, &factor) };
    in[1] = low_ints(l, node, "from", from, count);
    in[2] = low_ints(l, node, "to", to, count);
    in[3] = low_ints(l, node, "axes", axes, count);
    in[4] = low_ints(l, node, "step", step, count);
    const char *out = low_out(l, node, 0, layout, factor);
    const char *cut = node->shrink_mask ? low_temp(l, node, "cut") : out;
    onnx_node(l->w, "Slice", in, 5, &cut, 1);
    onnx_node_end(l->w);
    if (node->shrink_mask) {
        const g_shape *left = &l->g->value[node->out].shape;
        low_node2(l, "Reshape", cut, low_ints(l, node, "shape", left->dim, (unsigned)left->rank),
                  out);
    }
    return VD_OK;
}

vd_err low_top_k(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    int64_t k = g_const_int(g_in(l->g, node, 1), 0);
    const char *in[2] = { low_get(l, node->in[0], PLAIN), low_ints(l, node, "k", &k, 1) };
    const char *wide = low_temp(l, node, "index");
    const char *out[2] = { low_out(l, node, 0, PLAIN, 1), wide };
    onnx_node(l->w, "TopK", in, 2, out, 2);
    onnx_node_end(l->w);
    const char *index = low_out(l, node, 1, PLAIN, 1);
    onnx_node(l->w, "Cast", &wide, 1, &index, 1);
    onnx_attr_int(l->w, "to", ONNX_INT32);
    onnx_node_end(l->w);
    return VD_OK;
}

vd_err low_gather(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    const g_value *in = g_in(l->g, node, 0);
    int64_t axis = g_const_int(g_in(l->g, node, 2), 0);
    float factor;
    const char *data = low_get_owing(l, node->in[0], PLAIN, &factor);
    const char *names[2] = { data, low_get(l, node->in[1], PLAIN) };
    const char *out = low_out(l, node, 0, PLAIN, factor);
    onnx_node(l->w, "Gather", names, 2, &out, 1);
    onnx_attr_int(l->w, "axis", axis < 0 ? axis + in->shape.rank : axis);
    onnx_node_end(l->w);
    return VD_OK;
}
