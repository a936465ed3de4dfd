/* quant_priv.h - int8 after training: which nodes compute in int8, in which ranges, and the file.
 *
 *   q_graph ── q_plan_make ──> plan ── q_ranges (calibration pictures) ──> scales ── q_write ──>
 * ONNX
 *
 * A value that is quantised stands in the file as x -> QuantizeLinear -> DequantizeLinear; the
 * runtime folds such pairs around a node into the node's integer form. Activations are uint8 with a
 * zero point, weights int8 without one, a scale for each output channel, biases int32 (Jacob et
 * al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
 * Inference", 2018; per channel: Krishnamoorthi, "Quantizing deep convolutional networks", 2018).
 */
#ifndef VD_QUANT_PRIV_H
#define VD_QUANT_PRIV_H
#include <math.h>

#include "convert.h"
#include "inference.h"
#include "qgraph_priv.h"

typedef enum {
    Q_FLOAT,   /* computes as before */
    Q_LAYER,   /* a convolution with int8 weights */
    Q_PASS,    /* works on int8 values as they are: sums, products, joins */
    Q_DROPPED, /* left out: the next value's range does its work, or it does nothing */
} q_mode;

typedef struct {
    bool quantized;
    bool tentative; /* only because a node could pass int8 on */
    bool seen;      /* by calibration */
    int same_as;    /* value whose scale it has, -1: its own */
    float min, max; /* of what calibration saw */
    float scale;
    int zero;
    unsigned *bins; /* of the second round, Q_BINS */
} q_range;

#define Q_BINS 2048

typedef struct {
    const q_graph *graph;
    q_mode *mode;   /* of each node */
    int *out;       /* of each node: the value it writes, that of a dropped activation behind it */
    int *replaced;  /* of each value: the one read instead, -1: itself */
    q_range *range; /* of each value */
    int *layer;     /* nodes that may be quantised, in order */
    unsigned layer_count;
    bool *keep;   /* of each layer: stays float */
    bool *wanted; /* of each value: somebody reads it as int8 */
    bool per_channel;
} q_plan;

/* Finds the layers; `keep` is all false. VD_INVALID: there is none. */
VD_MUST_USE vd_err q_plan_new(const q_graph *graph, q_plan *ret_plan, vd_why *why);
/* Decides modes and quantised values from `keep`. Ranges that are known stay. */
void q_plan_make(q_plan *plan);
/* Scale and zero of a quantised value. */
const q_range *q_plan_range(const q_plan *plan, int value);
/* The value that is read in this one's place. */
int q_plan_value(const q_plan *plan, int value);

/* Looks for peaks before the sigmoid of the scores instead of after it. */
void q_peaks_move(q_graph *graph);
/* A pool whose result is only compared with what went in. */
bool q_peaks_compared(const q_graph *graph, const q_node *pool);

typedef struct {
    float alpha, beta;
} q_gate;
/* A hard sigmoid that rises and is above 0 at 0; false: it is something else. */
bool q_gate_read(const q_node *node, q_gate *ret_gate);
/* Below it, a value that is only multiplied with its own hard sigmoid (hard swish) gives 0 whatever
 * it is, so that steps there are wasted. -INFINITY: it is read otherwise. */
float q_gate_floor(const q_plan *plan, int value);

/* Runs the float model on pictures and notes what each quantised value holds; q_plan_make with
 * nothing kept comes before. */
VD_MUST_USE vd_err q_ranges_find(q_plan *plan, vd_slice onnx, const vd_descriptor_facts *facts,
                                 const vd_quantize_options *options, vd_why *why);

/* The quantised model, appended to `into`. `source` is the digest of the float model. */
VD_MUST_USE vd_err q_write(const q_plan *plan, const char *source, vd_buf *into, vd_why *why);
#endif
