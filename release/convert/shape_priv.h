/* shape_priv.h - what shape.c and shape_more.c share: checks of a node's inputs, each with its
 * message, and the forms of operations. */
#ifndef VD_SHAPE_PRIV_H
#define VD_SHAPE_PRIV_H
#include "graph_priv.h"

typedef vd_err (*infer_fn)(g_graph *g, g_node *node, vd_why *why);
typedef struct {
    infer_fn infer;
    unsigned in_min, in_max, outs; /* outs 0: any number */
} infer_form;
/* infer is NULL when the operation is not known. */
const infer_form *infer_more(g_op op);

/* Refuses a tensor that is too large. */
vd_err infer_set(g_graph *g, const g_node *node, unsigned index, g_type type, g_shape shape,
                 vd_why *why);
vd_err infer_need_picture(g_graph *g, const g_node *node, vd_why *why);
/* Input `index` must be constant integers; at most `most` of them. */
vd_err infer_need_ints(g_graph *g, const g_node *node, unsigned index, int64_t most, vd_why *why);
vd_err infer_need_axis(g_graph *g, const g_node *node, unsigned index, int rank, int *ret_axis,
                       vd_why *why);
vd_err infer_windowed(g_graph *g, g_node *node, int64_t channels, vd_why *why);
vd_err infer_same(g_graph *g, g_node *node, vd_why *why);
vd_err infer_float_same(g_graph *g, g_node *node, vd_why *why);
vd_err infer_binary(g_graph *g, g_node *node, vd_why *why);
vd_err infer_reduce(g_graph *g, g_node *node, vd_why *why);
vd_err infer_pool(g_graph *g, g_node *node, vd_why *why);
vd_err infer_resize(g_graph *g, g_node *node, vd_why *why);
#endif
