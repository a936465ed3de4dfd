/* qgraph_priv.h - an ONNX graph read for rewriting: nodes and tensors keep the bytes they came in,
 * and know what they are connected to.
 *
 * Values (what nodes pass on, tensors, inputs) are named by index. Everything lives in the arena
 * and borrows the file's bytes. Nodes come makers first, as ONNX demands (checked). */
#ifndef VD_QGRAPH_PRIV_H
#define VD_QGRAPH_PRIV_H
#include "vd/arena.h"
#include "vd/error.h"

#define Q_RANK_MAX   8
#define Q_NODES_MAX  20000u
#define Q_VALUES_MAX 60000u

typedef struct {
    const char *name;
    int maker;     /* node; -1: a tensor or an input of the graph */
    int tensor;    /* index; -1: not constant */
    unsigned uses; /* by nodes, and 1 when it leaves the graph */
    bool leaves;
} q_value;

typedef struct {
    int type; /* TensorProto.DataType */
    unsigned rank;
    int64_t dim[Q_RANK_MAX];
    vd_slice raw;   /* little endian; empty when the numbers lie in fields of their own */
    vd_slice whole; /* the field, tag and all */
    int value;
} q_tensor;

typedef struct {
    const char *op;
    int *in; /* values; -1: left out */
    unsigned in_count;
    int *out;
    unsigned out_count;
    int64_t group; /* of a convolution */
    vd_slice body; /* NodeProto */
} q_node;

typedef struct {
    vd_arena *arena;
    int64_t ir, opset;
    vd_slice opsets[16]; /* fields of ModelProto, whole */
    unsigned opset_count;
    vd_slice graph; /* GraphProto */
    const char *input;
    q_node *node;
    unsigned node_count;
    q_tensor *tensor;
    unsigned tensor_count;
    q_value *value;
    unsigned value_count;
    unsigned value_room, node_room;
    int *slot; /* open hash of value names */
    size_t slot_count;
} q_graph;

/* VD_CORRUPT or VD_INVALID for a file that cannot be rewritten. `onnx` must outlive the graph. */
VD_MUST_USE vd_err q_graph_read(vd_slice onnx, vd_arena *arena, q_graph *ret_graph, vd_why *why);
/* The value of this name, made when it is not there; -1 when memory ends. */
int q_graph_value(q_graph *g, vd_slice name);
/* A constant of floats that a node reads at `index`; NULL when it is something else. */
const q_tensor *q_graph_floats(const q_graph *g, const q_node *node, unsigned index);
/* Elements of a tensor whose raw bytes are as many as its shape says; 0 otherwise. */
size_t q_tensor_count(const q_tensor *tensor, size_t element_bytes);
#endif
