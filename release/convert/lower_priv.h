/* lower_priv.h - from the internal graph to ONNX nodes.
 *
 * A value may exist in up to two layouts: as TensorFlow has it (PLAIN), or, when it is a picture of
 * rank 4, with channels first (CHW). Each form is made once, on demand. Operations that do not care
 * run in whatever layout their inputs have, so transposes stay at the borders of the network.
 *
 * A value may also owe a factor: true value = ONNX value * factor. Scaling by a constant costs
 * nothing this way when a convolution takes the factor into its weights. */
#ifndef VD_LOWER_PRIV_H
#define VD_LOWER_PRIV_H
#include "graph_priv.h"
#include "onnx_priv.h"

typedef enum { PLAIN, CHW } low_layout;
typedef struct {
    const char *name[2]; /* per layout; NULL: not made yet */
    float factor;        /* of both forms; 1: nothing owed */
} low_value;
typedef struct {
    g_graph *g;
    low_value *value;
    onnx_writer *w;
    unsigned serial; /* makes helper names unique */
} low;

typedef vd_err (*lower_fn)(low *l, const g_node *node, vd_why *why);

/* A value's ONNX name in a layout, factor applied. NULL when memory ends (shows at the end). */
const char *low_get(low *l, int value, low_layout layout);
/* The same, leaving the factor to the caller. */
const char *low_get_owing(low *l, int value, low_layout layout, float *ret_factor);
/* Is it cheaper to read this value with channels first? Constants have no preference. */
bool low_prefers_chw(const low *l, int value);
/* The name that an operation's result gets in a layout; remembers it. */
const char *low_out(low *l, const g_node *node, unsigned index, low_layout layout, float factor);
/* A name for something in between. */
const char *low_temp(low *l, const g_node *node, const char *what);
/* Constants that exist only in ONNX. */
const char *low_ints(low *l, const g_node *node, const char *what, const int64_t *values,
                     unsigned count);
const char *low_floats(low *l, const char *name, const float *values, const int64_t *dims,
                       unsigned rank);
/* One node without attributes. */
void low_node1(low *l, const char *op, const char *in, const char *out);
void low_node2(low *l, const char *op, const char *a, const char *b, const char *out);
onnx_type low_type(g_type type);

/* lower_picture.c */
vd_err low_conv(low *l, const g_node *node, vd_why *why);
vd_err low_max_pool(low *l, const g_node *node, vd_why *why);
vd_err low_resize(low *l, const g_node *node, vd_why *why);
vd_err low_mean(low *l, const g_node *node, vd_why *why);
vd_err low_concat(low *l, const g_node *node, vd_why *why);
/* Bit per axis that a mean, sum ... runs over. */
unsigned low_axis_bits(const low *l, const g_node *node);
/* Numbers that the source stores as integers: uint8 (or a bias: int32) constants and the node that
 * makes floats of them, which a runtime folds into its reader. Signed bytes are written as unsigned
 * ones, 128 up: the same values, and exact on machines whose signed products saturate. */
const char *low_stored(low *l, const g_node *node, const char *what, const g_value *value,
                       const void *integers, const int64_t *dims, unsigned rank);
/* lower_tensor.c */
vd_err low_reshape(low *l, const g_node *node, vd_why *why);
vd_err low_strided_slice(low *l, const g_node *node, vd_why *why);
vd_err low_top_k(low *l, const g_node *node, vd_why *why);
vd_err low_gather(low *l, const g_node *node, vd_why *why);

/* lower_more.c, lower_move.c, lower_detect.c: NULL when the operation is not theirs */
lower_fn low_more(g_op op);
lower_fn low_move(g_op op);
vd_err low_detection(low *l, const g_node *node, vd_why *why);
/* Where axis i of a picture is with channels first. */
static inline int64_t low_axis_chw(int64_t axis)
{
    return axis == 0 ? 0 : axis == 3 ? 1 : axis + 1;
}

/* Everything that the graph's outputs need, into the writer. */
VD_MUST_USE vd_err g_lower(g_graph *g, onnx_writer *w, vd_why *why);
#endif
