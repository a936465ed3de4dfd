/* onnx_priv.h - writes an ONNX model as protobuf, node by node.
 *
 *   ModelProto   1 ir_version  2 producer_name  7 graph  8 opset_import  14 metadata_props
 *   GraphProto   1 node  2 name  5 initializer  11 input  12 output
 *   NodeProto    1 input  2 output  3 name  4 op_type  5 attribute
 *
 * Nodes, initializers, inputs and outputs grow in buffers of their own and are put together at the
 * end. Lengths of nested messages are varints padded to five bytes, patched when the message ends,
 * so nothing is copied twice. Failures (memory, limit) stick and show in onnx_finish. */
#ifndef VD_ONNX_PRIV_H
#define VD_ONNX_PRIV_H
#include "vd/error.h"

typedef enum {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9
} onnx_type;

typedef struct {
    vd_buf nodes, initializers, inputs, outputs;
    size_t node_start;
    unsigned node_count, transpose_count;
    bool failed;
} onnx_writer;

onnx_writer onnx_writer_init(void);
void onnx_writer_done(onnx_writer *w);
VD_AUTO_DEFINE(onnx_writer, onnx_writer_done)

/* Begins a node; attributes follow until onnx_node_end. NULL inputs are written as "" (left out).
 */
void onnx_node(onnx_writer *w, const char *op, const char *const *inputs, unsigned input_count,
               const char *const *outputs, unsigned output_count);
void onnx_attr_int(onnx_writer *w, const char *name, int64_t value);
void onnx_attr_float(onnx_writer *w, const char *name, float value);
void onnx_attr_text(onnx_writer *w, const char *name, const char *value);
void onnx_attr_ints(onnx_writer *w, const char *name, const int64_t *values, unsigned count);
void onnx_node_end(onnx_writer *w);

void onnx_initializer(onnx_writer *w, const char *name, onnx_type type, const int64_t *dims,
                      unsigned rank, vd_slice raw);
typedef enum { ONNX_INPUT, ONNX_OUTPUT } onnx_side;
void onnx_io(onnx_writer *w, onnx_side side, const char *name, onnx_type type, const int64_t *dims,
             unsigned rank);

/* The whole model, appended to `into`. `props` are name, value pairs closed by NULL. */
VD_MUST_USE vd_err onnx_finish(onnx_writer *w, const char *graph_name, const char *const *props,
                               vd_buf *into, vd_why *why);
#endif
