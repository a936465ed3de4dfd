/* convert.h - a trained model from another house becomes an .onnx file with a descriptor beside it.
 *
 * Today: TensorFlow.js graph models (model.json and its weight files) and TFLite models (one
 * .tflite file; float, float16 and quantised). A reader turns the source
 * into the internal graph, lowering turns that into ONNX (channels first, so that convolutions run
 * without transposes), a writer puts both files in place. A graph with anything that is not
 * understood is refused, naming every such operation and node, and nothing is written.
 * Blocking; any thread; no state is kept. Every byte of the source is treated as hostile. */
#ifndef VD_CONVERT_H
#define VD_CONVERT_H
#include "prepare.h"
#include "vd/blob.h"

#define VD_CONVERT_PATH_ROOM 1024

typedef struct {
    const char *name;       /* of the model, a-z0-9._-; NULL: the source file's name */
    const char *descriptor; /* path of a finished descriptor to put beside the model; NULL: made for
                               a model that is recognised, otherwise VD_INVALID */
    const char *labels;     /* path of a text file, one class name a line; NULL: the known ones */
    const char *outputs;    /* names to keep, separated by commas; NULL: those that a recognised
                               model needs, or all of the signature */
} vd_convert_options;

typedef struct {
    char model_path[VD_CONVERT_PATH_ROOM];      /* DIR/NAME.onnx */
    char descriptor_path[VD_CONVERT_PATH_ROOM]; /* DIR/NAME.model.yaml */
    vd_digest source_digest;                    /* SHA-256 over all files of the source */
    vd_digest model_digest;
    unsigned node_count, transpose_count; /* of the written graph */
} vd_convert_result;

/* `model_json` is the path of the graph model's JSON; its weight files lie beside it. Options may
 * be NULL. VD_INVALID or VD_CORRUPT for a source that cannot be used; then nothing is written.
 * An existing model of the same name is replaced, model first, each file atomically. */
VD_MUST_USE vd_err vd_convert_tfjs(const char *model_json, const char *out_dir,
                                   const vd_convert_options *options, vd_convert_result *ret_result,
                                   vd_why *why);

/* The same from memory, for tests and fuzzers: `weights` is what the manifest's files hold, one
 * after the other. The ONNX bytes are appended to `into`. */
VD_MUST_USE vd_err vd_convert_tfjs_memory(vd_slice model_json, vd_slice weights,
                                          const vd_convert_options *options, vd_buf *into,
                                          vd_why *why);

/* The same for a TFLite model, which is one file. */
VD_MUST_USE vd_err vd_convert_tflite(const char *path, const char *out_dir,
                                     const vd_convert_options *options,
                                     vd_convert_result *ret_result, vd_why *why);
VD_MUST_USE vd_err vd_convert_tflite_memory(vd_slice file, const vd_convert_options *options,
                                            vd_buf *into, vd_why *why);
/* Whichever of the two it is. */
VD_MUST_USE vd_err vd_convert_model(const char *path, const char *out_dir,
                                    const vd_convert_options *options,
                                    vd_convert_result *ret_result, vd_why *why);

/* A look into an .onnx file without running it: what goes in and out, how many nodes of what kind.
 */
#define VD_ONNX_TENSORS_MAX 16
#define VD_ONNX_RANK_MAX    8
typedef struct {
    char name[128];
    int type; /* TensorProto.DataType: 1 float, 6 int32, 7 int64 */
    int rank;
    int64_t dim[VD_ONNX_RANK_MAX]; /* -1: not fixed */
} vd_onnx_tensor;
typedef struct {
    int64_t ir_version, opset;
    unsigned node_count, initializer_count, input_count, output_count, transpose_count;
    uint64_t initializer_bytes;
    vd_onnx_tensor input[VD_ONNX_TENSORS_MAX], output[VD_ONNX_TENSORS_MAX];
    char source[128]; /* metadata "vedette.source": lineage, empty when there is none */
} vd_onnx_info;
VD_MUST_USE vd_err vd_onnx_inspect(vd_slice onnx, vd_onnx_info *ret_info, vd_why *why);

/* int8 after training: weights and most of what passes between layers become 8-bit integers (QDQ
 * form), for a smaller file and integer arithmetic. Ranges come from calibration pictures, which
 * go through the model's chain as they will on a device: of a tiled one, tile by tile. Layers
 * that hurt stay float, worst first, until the loss is within the budget; when it cannot be, the
 * call fails with VD_INVALID and both figures, and nothing is written. */
typedef enum {
    VD_QUANTIZE_MSE,        /* the range with the least squared error, the default */
    VD_QUANTIZE_MIN_MAX,    /* everything seen */
    VD_QUANTIZE_PERCENTILE, /* all but 0.01 % at each end */
} vd_quantize_ranges;

typedef struct {
    const char *name;            /* of the new model; NULL: NAME-int8 */
    const char *const *pictures; /* paths of JPEG files to calibrate with, at least 1 */
    unsigned picture_count;
    const vd_chain *chain;    /* of the camera that they are from, before the model's; NULL: none */
    const char *const *check; /* JPEG files to judge with; NULL: the pictures above */
    unsigned check_count;
    vd_quantize_ranges ranges;
    int threads;          /* of the runtime; 0: as many as cores */
    double budget_points; /* what may be lost, in points of 100; 0: nothing */
    /* How good a model is on the check pictures, in points of 100. NULL: how well its detections
     * agree with the float model's. */
    vd_err (*judge)(void *ctx, const char *model_path, double *ret_points, vd_why *why);
    /* May be NULL; `share` 0..1. */
    void (*progress)(void *ctx, const char *doing, double share);
    void *ctx;
} vd_quantize_options;

typedef struct {
    char model_path[VD_CONVERT_PATH_ROOM], descriptor_path[VD_CONVERT_PATH_ROOM];
    vd_digest model_digest, float_digest;
    uint64_t bytes_before, bytes_after;
    double points_before, points_after;
    double ms_before, ms_after;   /* median of one inference */
    unsigned layers, layers_kept; /* convolutions; those that stay float */
    char worst[256];              /* names of the first few of those */
} vd_quantize_result;

/* How many layers of the model could be int8; only its graph is read. */
VD_MUST_USE vd_err vd_quantize_look(vd_slice onnx, unsigned *ret_layers, vd_why *why);
/* `model` is an .onnx file or its descriptor. Both new files are written to `out_dir`, model first,
 * each atomically. */
VD_MUST_USE vd_err vd_quantize(const char *model, const char *out_dir,
                               const vd_quantize_options *options, vd_quantize_result *ret_result,
                               vd_why *why);
#endif
