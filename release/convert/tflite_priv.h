/* tflite_priv.h - reads a TFLite model into the internal graph.
 *
 *   "TFL3"    a FlatBuffer: Model { version, operator_codes, subgraphs, buffers, ... }
 *   tensors   shape, type, a buffer when constant, scale and zero point when quantised
 *   operators code, tensors in and out, options; in the order of running
 *
 * Field numbers, codes and versions of operations are those of the schema that the TensorFlow
 * project publishes (tensorflow/lite/schema/schema.fbs, version 3c, Apache-2.0), counted by the
 * order in which a table names its fields; a union counts for two (its kind, its table).
 *
 * Integers become floats on the way in: a constant is dequantised and keeps its integers beside; a
 * tensor in between is rounded to its steps (G_QUANTIZED), so that the written model computes what
 * the source computes, and a runtime may fold it back into integers. */
#ifndef VD_TFLITE_PRIV_H
#define VD_TFLITE_PRIV_H
#include "fb_priv.h"
#include "graph_priv.h"

enum { MODEL_VERSION, MODEL_CODES, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS };
enum { MODEL_METADATA = 6 };
enum { CODE_OLD_BUILTIN, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum { SUBGRAPH_TENSORS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS };
enum { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTIZATION };
enum { TENSOR_SPARSITY = 6, TENSOR_SIGNATURE = 7 };
enum { QUANT_SCALE = 2, QUANT_ZERO = 3, QUANT_DETAILS = 4, QUANT_AXIS = 6 };
enum { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS };
enum { OPERATOR_OPTIONS = 4, OPERATOR_CUSTOM = 5 };
enum { TYPE_F32, TYPE_F16, TYPE_I32, TYPE_U8, TYPE_I64, TYPE_BOOL = 6, TYPE_I16, TYPE_I8 = 9 };
enum { CODE_CUSTOM_OPERATION = 32, CODE_IN_NEW_FIELD = 127 };

#define TFLITE_CODES_MAX 1024

typedef struct tflite tflite;
typedef struct {
    const char *name;
    int code, version;
    /* What stays as it is needs no rounding when it goes out with the steps it came in with. */
    bool moves;
    vd_err (*read)(tflite *t, vd_why *why);
} tflite_op;

/* What the descriptor can be made from. */
typedef struct {
    bool detection; /* it ends with TFLite_Detection_PostProcess, and all four are outputs */
    int64_t classes;
    char output[4][176]; /* boxes, classes, scores, count */
    bool steps;          /* the input is quantised: its numbers tell mean and scale */
    double mean, scale;
} tflite_facts;

struct tflite {
    fb_file file;
    vd_arena *arena;
    g_graph *g;
    unsigned node_room, value_room, serial;
    fb_vector tensors, buffers, codes, operators;
    int *value_of;         /* of each tensor: -1 until somebody makes it */
    g_quant **quant_of;    /* NULL: floats, or not looked at */
    const tflite_op **ops; /* by index into codes */
    /* the operator being read */
    const tflite_op *op;
    unsigned at;
    fb_table oper, options;
    fb_vector in, out;
    const char *name; /* of its first output */
    tflite_facts facts;
    int64_t detection[4]; /* tensors of a detector's end */
};

/* tflite_model.c */
/* A file whose front says TFLite, of whatever version. */
bool tflite_is(vd_slice file);
/* `outputs` as in convert.h. The graph is ordered and has shapes (g_finish). */
VD_MUST_USE vd_err tflite_read_graph(vd_slice file, const char *outputs, vd_arena *arena,
                                     g_graph **ret_graph, tflite_facts *ret_facts, vd_why *why);
/* tflite_names.c: VD_INVALID with the operator being read. */
VD_MUST_USE vd_err tflite_fail(const tflite *t, vd_why *why, const char *format, ...)
    VD_PRINTF(3, 4);
#ifdef __clang_analyzer__ /* it does not see into another file: this never gives VD_OK */
#define tflite_fail(t, why, ...) ((tflite_fail)(t, why, __VA_ARGS__), VD_INVALID)
#endif

/* tflite_tensor.c */
typedef struct {
    int type;
    uint32_t buffer;
    g_shape shape;
    bool open; /* a size other than the first is not fixed */
    char name[160];
} tflite_tensor;
VD_MUST_USE vd_err tflite_tensor_read(tflite *t, int64_t index, tflite_tensor *ret_tensor,
                                      vd_why *why);
/* What the graph calls the values of this tensor. */
g_type tflite_type(int type);
/* NULL in *ret_quant for what is not quantised. */
VD_MUST_USE vd_err tflite_quant(tflite *t, int64_t index, const tflite_tensor *tensor,
                                g_quant **ret_quant, vd_why *why);
/* The tensor's value: made before, or a constant made now. */
VD_MUST_USE vd_err tflite_value(tflite *t, int64_t index, int *ret_value, vd_why *why);

/* tflite_build.c: values and nodes; pointers into the graph do not survive these. */
/* -1 when memory ends, as all of these. */
int tflite_new_value(tflite *t, const char *name);
int tflite_constant(tflite *t, g_type type, const g_shape *shape, const void *data);
int tflite_ints(tflite *t, const int32_t *values, unsigned count);
int tflite_number(tflite *t, float value);
/* A node with one output, which is returned; attributes through tflite_last. */
int tflite_node(tflite *t, g_op op, const int *in, unsigned in_count);
int tflite_node_outs(tflite *t, g_op op, const int *in, unsigned in_count, unsigned outs);
g_node *tflite_last(tflite *t);
/* Gives the operator's output: its activation, its rounding, its name. */
VD_MUST_USE vd_err tflite_give(tflite *t, unsigned output, int value, int activation, vd_why *why);
/* The tensor is this value, which is another's already. */
VD_MUST_USE vd_err tflite_alias(tflite *t, unsigned output, int value, vd_why *why);
/* Input `index` of the operator; VD_INVALID when it is left out. */
VD_MUST_USE vd_err tflite_input(tflite *t, unsigned index, int *ret_value, vd_why *why);
bool tflite_has_input(const tflite *t, unsigned index);
/* Both are quantised? */
bool tflite_integers(const tflite *t, unsigned input);

/* tflite_ops.c, tflite_ops_more.c */
const tflite_op *tflite_op_find(int code);
const tflite_op *tflite_op_more(int code);
const tflite_op *tflite_op_custom(vd_slice name);
/* "CONV_2D"; NULL for a code that nobody knows yet. */
const char *tflite_code_name(int code);
#endif
