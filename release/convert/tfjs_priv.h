/* tfjs_priv.h - reads a TensorFlow.js graph model into the internal graph.
 *
 *   model.json  { modelTopology: { node: [ {name, op, input: [..], attr: {..}} ] },
 *                 signature: { inputs, outputs },
 *                 weightsManifest: [ { paths: [..], weights: [ {name, shape, dtype,
 *                                                              quantization} ] } ] }
 *   *.bin       the weights, in the manifest's order, without gaps
 *
 * Attribute values have protobuf's JSON form: 64-bit integers as text, bytes as base64. */
#ifndef VD_TFJS_PRIV_H
#define VD_TFJS_PRIV_H
#include "graph_priv.h"
#include "vd/json.h"

#define TFJS_JSON_MAX  (64u << 20) /* topologies of big models stay below 20 MB */
#define TFJS_FILES_MAX 1024u       /* shards of 4 MB: the whole of VD_LIMIT_MODEL_BYTES */

typedef struct {
    const char *name;
    g_type type;
    g_shape shape;
    const void *data;
} tfjs_weight;
typedef struct {
    tfjs_weight *item;
    unsigned count;
} tfjs_weights;

/* Slices `bytes` as the manifest says, decodes to float, int32 or bool elements in the arena. */
VD_MUST_USE vd_err tfjs_read_weights(const vd_json *manifest, vd_slice bytes, vd_arena *arena,
                                     tfjs_weights *ret_weights, vd_why *why);
/* Loads the manifest's files, one after the other, from the folder of `json_path`. */
VD_MUST_USE vd_err tfjs_load_files(const vd_json *manifest, const char *json_path, vd_buf *into,
                                   vd_why *why);

/* What an operation of TensorFlow is here (tfjs_ops.c). */
typedef vd_err (*tfjs_attr_fn)(const vd_json *attr, g_node *node, vd_why *why);
typedef struct {
    const char *name;
    g_op op;
    unsigned outs;
    tfjs_attr_fn read; /* NULL: no attributes matter */
} tfjs_op;
const tfjs_op *tfjs_op_find(const char *name);
VD_MUST_USE bool tfjs_shape(const vd_json *shape, g_shape *ret_shape); /* { dim: [ {size} ] } */
VD_MUST_USE bool tfjs_type(const vd_json *type, g_type *ret_type);
int64_t tfjs_int(const vd_json *number, int64_t fallback); /* a number, or digits as text */

/* `outputs`: names to keep, separated by commas; NULL: the signature's. The graph is ordered and
 * has shapes (g_finish). */
VD_MUST_USE vd_err tfjs_read_graph(const vd_json *root, const tfjs_weights *weights,
                                   const char *outputs, vd_arena *arena, g_graph **ret_graph,
                                   vd_why *why);
#endif
