/* graph_priv.h - the internal graph between readers (TensorFlow.js, TFLite) and the ONNX
 * writer.
 *
 *   reader ──> g_graph ── g_finish (order, shapes) ──> g_fuse ──> g_lower ──> onnx_writer
 *
 * Meaning of the operations is TensorFlow's: pictures are NHWC, convolution filters HWIO, depthwise
 * filters HWCM, parameters such as axes and shapes are constant inputs. All shapes are fixed.
 * Everything lives in the graph's arena; a value is named by its index. */
#ifndef VD_GRAPH_PRIV_H
#define VD_GRAPH_PRIV_H
#include "vd/arena.h"
#include "vd/error.h"

#define G_RANK_MAX     8
#define G_NODES_MAX    20000
#define G_INPUTS_MAX   64        /* of one node: wide concats */
#define G_ELEMENTS_MAX (1 << 28) /* of one value: keeps every product below overflow */

typedef enum { G_F32, G_I32, G_BOOL } g_type;
typedef struct {
    int rank;
    int64_t dim[G_RANK_MAX];
} g_shape;

typedef enum {
    G_NOP, /* removed by g_fuse */
    G_IDENTITY,
    G_CONV,
    G_DEPTHWISE,
    G_MAX_POOL,
    G_RESIZE_BILINEAR,
    G_ADD,
    G_SUB,
    G_MUL,
    G_FLOOR_DIV,
    G_FLOOR_MOD,
    G_EQUAL,
    G_RELU,
    G_RELU6,
    G_SIGMOID,
    G_HARD_SIGMOID, /* relu6(x + 3) / 6, made by g_fuse */
    G_MEAN,
    G_CONCAT,
    G_RESHAPE,
    G_CAST,
    G_EXPAND_DIMS,
    G_STRIDED_SLICE,
    G_TOP_K,
    G_GATHER,
    /* what only TFLite's reader makes so far */
    G_QUANTIZED, /* rounds to the steps that node->quant has, and back: what the source stores */
    G_TANH,
    G_EXP,
    G_LOG,
    G_SQRT,
    G_RSQRT,
    G_NEG,
    G_ABS,
    G_FLOOR,
    G_CEIL,
    G_ROUND,
    G_ELU,
    G_LEAKY_RELU, /* alpha */
    G_CLIP,       /* alpha .. beta */
    G_PRELU,
    G_DIV,
    G_POW,
    G_MAXIMUM,
    G_MINIMUM,
    G_SOFTMAX, /* along the last axis, after times beta */
    G_L2_NORM, /* along the last axis */
    G_SUM,
    G_REDUCE_MAX,
    G_REDUCE_MIN,
    G_AVERAGE_POOL,
    G_RESIZE_NEAREST,
    G_TRANSPOSE_CONV,  /* picture, filter OHWI, size of the result, bias */
    G_FULLY_CONNECTED, /* x, weights [out,in], bias */
    G_SQUEEZE,
    G_TRANSPOSE,
    G_PAD,        /* x, pairs, value */
    G_MIRROR_PAD, /* x, pairs; the border itself is not repeated */
    G_SPLIT,      /* x, axis, sizes */
    G_ARG_MAX,
    G_SPACE_TO_DEPTH, /* kernel[0]: block */
    G_DEPTH_TO_SPACE,
    G_DETECTION, /* boxes, scores, anchors: what TFLite_Detection_PostProcess does */
    G_OP_COUNT
} g_op;

typedef enum { G_PAD_VALID, G_PAD_SAME } g_padding;
typedef enum { G_ACT_NONE, G_ACT_RELU, G_ACT_RELU6 } g_activation;

/* How the source stores numbers: value = (integer - zero) * scale, for all or along one axis. */
typedef struct {
    unsigned count; /* 1: for all */
    const float *scale;
    const int32_t *zero;
    int axis;
    bool is_signed; /* int8, otherwise uint8; of a bias: int32 */
} g_quant;

typedef struct {
    int64_t rows, rows_per_class, classes_per_row, classes;
    bool regular; /* each class suppresses its own; otherwise a better box suppresses any */
    float score_min, iou, y_scale, x_scale, h_scale, w_scale;
} g_detection;

typedef struct {
    const char *name;
    g_type type;
    g_shape shape;
    const g_quant *quant; /* of a constant whose integers are in `stored` */
    const void *stored;
    const void *data; /* of a constant: float, int32_t or uint8_t elements; NULL otherwise */
    int maker;        /* node index; -1 for inputs and constants */
    unsigned uses;    /* by needed nodes and outputs, known after g_finish */
} g_value;

typedef struct {
    g_op op;
    const char *name;
    int *in; /* value indices */
    unsigned in_count;
    int out; /* first output value; the others follow */
    unsigned out_count;
    bool needed;
    /* attributes, as the operation has them; pairs are height, width */
    int64_t stride[2], dilation[2], kernel[2];
    g_padding padding;
    g_activation activation;
    bool keep_dims, align_corners, half_pixel;
    bool integer; /* picture, filter and result are integers in the source: written so that a
                     runtime can compute in integers */
    float alpha, beta;
    const g_quant *quant;         /* of G_QUANTIZED */
    const g_detection *detection; /* of G_DETECTION */
    int64_t begin_mask, end_mask, shrink_mask;
    g_type to;
} g_node;

typedef struct {
    vd_arena *arena;
    g_node *node;
    unsigned node_count;
    g_value *value;
    unsigned value_count;
    int *order; /* node indices, makers first; only needed nodes */
    unsigned order_count;
    int *input, *output; /* value indices */
    unsigned input_count, output_count;
} g_graph;

/* "conv", "max_pool", ... for messages. */
const char *g_op_name(g_op op);
int64_t g_elements(const g_shape *shape);
size_t g_type_bytes(g_type type);
/* "[1,512,512,3]" */
const char *g_shape_text(const g_shape *shape, char into[96]);
bool g_shape_same(const g_shape *a, const g_shape *b);
/* The i-th constant integer of a constant; the caller has checked type and count. */
int64_t g_const_int(const g_value *value, int64_t index);
/* A constant F32 with one element? */
bool g_const_scalar(const g_value *value, float *ret_number);
static inline g_value *g_in(const g_graph *g, const g_node *node, unsigned index)
{
    return &g->value[node->in[index]];
}
/* VD_INVALID with the node's name. */
vd_err g_fail(const g_node *node, vd_why *why, const char *format, ...) VD_PRINTF(3, 4);
#ifdef __clang_analyzer__ /* it does not see into another file: this never gives VD_OK */
#define g_fail(node, why, ...) ((g_fail)(node, why, __VA_ARGS__), VD_INVALID)
#endif

/* Marks what the outputs need, orders it, finds every shape and type. Refuses cycles. */
VD_MUST_USE vd_err g_finish(g_graph *g, vd_why *why);
/* Works out one node's outputs from its inputs (shape.c). */
VD_MUST_USE vd_err g_infer(g_graph *g, g_node *node, vd_why *why);
/* Padding in front and behind, for output size `out`, along one axis. */
void g_same_padding(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *ret_out,
                    int64_t pads[2]);
/* Rewrites patterns into operations that run faster; run g_finish again afterwards. */
void g_fuse(g_graph *g);
/* Widens convolutions with awkward numbers of channels by zeros (pad.c); then g_finish again. False
 * when memory ends. */
VD_MUST_USE bool g_pad_channels(g_graph *g);
#endif
