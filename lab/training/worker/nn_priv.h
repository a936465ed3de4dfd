/* nn_priv.h - an ONNX file, read whole: nodes with attributes, tensors, what goes in and out.
 *
 *   ModelProto   7 graph
 *   GraphProto   1 node  2 name  5 initializer  11 input  12 output
 *   NodeProto    1 input  2 output  3 name  4 op_type  5 attribute
 *   AttributeProto 1 name  2 f  3 i  4 s  5 t  7 floats  8 ints
 *   TensorProto  1 dims  2 data_type  4 float_data  5 int32_data  7 int64_data  8 name  9 raw_data
 *
 * Values are named by index. Nodes come makers first, as ONNX demands (checked). A trained tensor
 * keeps its place in the file: nn_model_set writes numbers over the old ones, so everything else in
 * the file stays bit for bit. Every byte is treated as hostile; one thread. */
#ifndef VD_NN_PRIV_H
#define VD_NN_PRIV_H
#include "vd/arena.h"
#include "vd/error.h"

#define NN_RANK_MAX    8
#define NN_NODES_MAX   20000u
#define NN_VALUES_MAX  60000u
#define NN_HEAD_SCORES "vedette/head/scores" /* what an added head gives */

typedef enum {
    NN_FLOAT = 1,
    NN_UINT8 = 2,
    NN_INT8 = 3,
    NN_INT32 = 6,
    NN_INT64 = 7,
    NN_BOOL = 9
} nn_type;

typedef struct {
    int type; /* nn_type, or another number of TensorProto.DataType */
    unsigned rank;
    int64_t dim[NN_RANK_MAX];
    const uint8_t *data; /* little endian, as many as the shape says */
    size_t bytes;
    size_t offset; /* in the file; 0: the numbers do not lie there as they are */
} nn_tensor;

typedef struct {
    const char *name;
    float f;
    int64_t i;
    vd_slice text;
    const int64_t *ints;
    unsigned int_count;
    nn_tensor *tensor;
} nn_attr;

typedef struct {
    const char *op, *name;
    int *in; /* -1: left out */
    unsigned in_count;
    int *out;
    unsigned out_count;
    nn_attr *attr;
    unsigned attr_count;
} nn_node;

typedef struct {
    const char *name;
    const nn_tensor *tensor; /* of an initializer */
    int maker;               /* node; -1: an initializer or an input */
} nn_value;

typedef struct {
    vd_buf bytes;
    vd_arena *arena;
    nn_node *node;
    unsigned node_count;
    nn_value *value;
    unsigned value_count;
    int input;                           /* the one that is no initializer */
    nn_tensor input_shape, output_shape; /* dims -1: not fixed; of the first output */
    int *output;
    unsigned output_count;
    uint32_t *slot; /* hash of names */
    unsigned slot_mask;
} nn_model;

/* Takes over `bytes` (also on failure). Owner: caller, nn_model_done. */
VD_MUST_USE vd_err nn_model_read(vd_buf *bytes, nn_model *ret_model, vd_why *why);
VD_MUST_USE vd_err nn_model_load(const char *path, nn_model *ret_model, vd_why *why);
void nn_model_done(nn_model *model);
VD_AUTO_DEFINE(nn_model, nn_model_done)

int nn_model_find(const nn_model *model, const char *name); /* -1: none */
const nn_attr *nn_attr_of(const nn_node *node, const char *name);
int64_t nn_attr_int(const nn_node *node, const char *name, int64_t fallback);
float nn_attr_float(const nn_node *node, const char *name, float fallback);
int64_t nn_tensor_count(const nn_tensor *tensor);
/* The number of consumers, and one of them (-1: none). */
unsigned nn_value_uses(const nn_model *model, int value, int *ret_node);

/* Overwrites an initializer of floats in `file`, a copy of the model's bytes. */
VD_MUST_USE bool nn_model_set(const nn_model *model, int value, const float *numbers, vd_buf *file);
/* Appends graph outputs to a copy of a model's bytes: ONNX merges a second, partial graph message
 * into the first. For comparing numbers inside; never for a file that leaves the house. */
VD_MUST_USE bool nn_bytes_add_outputs(const nn_model *model, const int *values, unsigned count,
                                      vd_buf *into);
/* The model's bytes with these values as its only outputs, appended to `into`: what is not needed
 * for them falls away when a runtime loads it. */
VD_MUST_USE bool nn_bytes_cut(const nn_model *model, const int *values, unsigned count,
                              vd_buf *into);
/* A classifier for other classes, appended to `into`: the last layer of weights gets `classes` rows
 * from `seed`, or, when the graph does not end in one, a layer over its `features` numbers is
 * added behind. */
VD_MUST_USE vd_err nn_model_rehead(const nn_model *model, unsigned classes, unsigned features,
                                   uint64_t seed, vd_buf *into, vd_why *why);
#endif
