/* inference.h - a model and a backend turn a picture into detections.
 *
 * A model is an .onnx file with a descriptor beside it (NAME.model.yaml, described in
 * docs/model-descriptor.md). ONNX Runtime is loaded with dlopen on first use; a missing or too old
 * library is VD_ABSENT with a clear why. Threads: a vd_model may be used by one thread at a time;
 * several models may run side by side. vd_model_run blocks for one inference. */
#ifndef VD_INFERENCE_H
#define VD_INFERENCE_H
#include "prepare.h"
#include "vd/blob.h"
#include "vocabulary.h"

#define VD_DETECTIONS_MAX 300
#define VD_SCORE_FLOOR    0.05f /* detections below are never reported */

typedef struct {
    float l, t, w, h; /* 0..1 of the full picture */
} vd_box;

/* What a model says of a thing beside its box: numbers, in one bounded list of the picture. Things
 * that come when it is full have none. */
#define VD_SIDE_MAX  4096
#define VD_SIDE_GRID 16 /* rows and columns of a mask or map, laid over the box */
typedef enum {
    VD_SIDE_NONE,
    VD_SIDE_POINTS,    /* key points: x, y (0..1 of the full picture) and score of each */
    VD_SIDE_MASK,      /* how much of each cell belongs to the thing, 0..1, row by row */
    VD_SIDE_MAP,       /* how unusual each cell is, 0..1, row by row */
    VD_SIDE_EMBEDDING, /* what it looks like: a vector of length 1; the product of two is how alike
                        */
} vd_side;
typedef struct {
    vd_box box; /* the whole picture for classifications and embeddings */
    float score;
    uint16_t class_id; /* of the model, or of the camera's vocabulary where there are several */
    int16_t parent;    /* index of the detection in whose crop this one was found; -1: none */
    uint8_t side;      /* vd_side: what vd_detections_side gives */
    uint16_t side_at, side_count;
    uint16_t passed_over; /* a bit for each of the list's `cascade` that did not look at it */
} vd_detection;
typedef struct {
    unsigned first, count;
} vd_class_range;
typedef struct {
    unsigned count;
    vd_detection item[VD_DETECTIONS_MAX]; /* each model's best first */
    int64_t preprocess_us, run_us;
    /* Classes that no model looked for in this picture: that there is none means nothing. */
    unsigned blind_count;
    vd_class_range blind[VD_VOCABULARY_MODELS_MAX];
    /* Classes of the models that looked at crops: a box that was not its turn, or too small, or
     * unsure, was passed over, and that nothing of these classes was found on it means nothing. */
    unsigned cascade_count;
    vd_class_range cascade[VD_VOCABULARY_MODELS_MAX];
    unsigned side_used;
    float side[VD_SIDE_MAX];
} vd_detections;
/* Its numbers, side_count of them; NULL when it has none. */
const float *vd_detections_side(const vd_detections *list, const vd_detection *d);
/* `d` is a copy of an item of `from`: its numbers follow it into `into`, or it loses them. */
void vd_detections_take_side(vd_detections *into, const vd_detections *from, vd_detection *d);
static inline bool vd_detections_blind(const vd_detections *d, unsigned class_id)
{
    for (unsigned i = 0; i < d->blind_count; i++)
        if (class_id - d->blind[i].first < d->blind[i].count) return true;
    return false;
}
/* Nobody looked for the class on the index-th thing, though on others perhaps. */
static inline bool vd_detections_passed_over(const vd_detections *d, unsigned index,
                                             unsigned class_id)
{
    for (unsigned i = 0; i < d->cascade_count; i++)
        if (d->item[index].passed_over >> i & 1 &&
            class_id - d->cascade[i].first < d->cascade[i].count)
            return true;
    return false;
}

/* What runs a model. The CPU is always there; the others where the library has them. */
typedef enum {
    VD_PROVIDER_CPU,
    VD_PROVIDER_AUTO, /* CUDA, else OpenVINO, else the CPU */
    VD_PROVIDER_CUDA,
    VD_PROVIDER_TENSORRT,
    VD_PROVIDER_OPENVINO,
    VD_PROVIDER_XNNPACK,
    VD_PROVIDERS
} vd_provider;
const char *vd_provider_name(vd_provider provider); /* "cpu", "auto", ... */

typedef struct {
    const char
        *library; /* path of libonnxruntime.so; NULL: $VEDETTE_ORT, then the built-in places */
    int threads;  /* 0: as many as cores */
    bool spin;    /* let idle worker threads spin: lower latency, wasted CPU; default false */
    vd_provider provider; /* one that cannot be used is no failure: the CPU takes its place */
} vd_model_options;

typedef struct vd_model vd_model;
/* `path`: the descriptor, or the .onnx file with the descriptor beside it. Checks the descriptor
 * against the graph's inputs and outputs (VD_INVALID names what does not fit), loads, runs once to
 * warm up. */
VD_MUST_USE vd_err vd_model_load(const char *path, const vd_model_options *options,
                                 vd_model **ret_model, vd_why *why);
vd_model *vd_model_free(vd_model *model);
const char *vd_model_name(const vd_model *model);
const vd_digest *vd_model_digest(const vd_model *model); /* SHA-256 of the .onnx file */
unsigned vd_model_class_count(const vd_model *model);
const char *vd_model_class_name(const vd_model *model, unsigned class_id); /* NULL outside */
/* -1 when unknown */
int vd_model_class_find(const vd_model *model, const char *name);
float vd_model_score_min(const vd_model *model); /* the descriptor's working threshold */
/* What runs it. `ret_why`: why it is not what was asked for; its fact is empty when it is. */
vd_provider vd_model_provider(const vd_model *model, vd_why *ret_why);
typedef struct {
    uint64_t runs; /* of a picture or a crop, with success or not */
    uint64_t failures;
    int64_t busy_us; /* pre-processing included; for a scorer, waiting for it too */
} vd_model_stats;
/* Since the model was loaded. Any thread, also while it runs. */
void vd_model_get_stats(const vd_model *model, vd_model_stats *ret_stats);
bool vd_model_classifies(const vd_model *model); /* it names the whole picture, it has no boxes */
/* The vocabulary of this model alone, under the id "main"; it outlives the model. */
VD_MUST_USE vd_err vd_model_vocabulary(const vd_model *model, vd_vocabulary **ret_words);
/* What the model gives to a vocabulary; borrowed from the model and `id`. */
vd_vocabulary_part vd_model_part(const vd_model *model, const char *id);
/* Reads a descriptor without its model; `name` is for messages. No disk is touched: a descriptor
 * with a classes_file is VD_INVALID here. */
VD_MUST_USE vd_err vd_model_descriptor_check(vd_slice yaml, const char *name, vd_why *why);
/* Pre-processes, runs, decodes: every detection above VD_SCORE_FLOOR, best first, boxes cut to the
 * picture. */
VD_MUST_USE vd_err vd_model_run(vd_model *model, const vd_frame *frame,
                                vd_detections *ret_detections, vd_why *why);
/* The same for a part of the picture; boxes are of the full picture, and cut to it. */
VD_MUST_USE vd_err vd_model_run_part(vd_model *model, const vd_frame *frame, const vd_part_px *part,
                                     vd_detections *ret_detections, vd_why *why);
/* The same after the camera's chain (NULL: none), which comes before the model's own. `part` NULL:
 * the whole picture. */
VD_MUST_USE vd_err vd_model_run_chain(vd_model *model, const vd_chain *camera,
                                      const vd_frame *frame, const vd_part_px *part,
                                      vd_detections *ret_detections, vd_why *why);
/* What the model sees of the picture: width * height * 3 floats, and their form; borrowed until the
 * next run. Of a tiled picture: the whole. Of a scorer: VD_INVALID. */
VD_MUST_USE vd_err vd_model_show(vd_model *model, const vd_chain *camera, const vd_frame *frame,
                                 const float **ret_tensor, vd_tensor_spec *ret_spec, vd_why *why);

/* Somebody else's model behind HTTP (docs/scorer.md): the same to all who use it, but a run may say
 * VD_RETRY, when the scorer is busy, away or answers nonsense; it is then left alone for a while,
 * and a run costs nothing. */
typedef struct {
    const char *url;            /* http(s), where pictures are posted */
    const char *name;           /* for events; NULL: the address */
    const char *token;          /* for an Authorization header; NULL: none */
    const char *const *classes; /* the names that count; others in an answer are passed over */
    unsigned class_count;
    int width_px, height_px; /* of the JPEG; height 0: as wide at most; both 0: as the picture */
    int quality;             /* 1 to 100 */
    int64_t timeout_ms;
    float score_min;
} vd_scorer_config;
/* Everything is copied. Nothing is asked yet: a scorer may come later than the agent. */
VD_MUST_USE vd_err vd_model_scorer(const vd_scorer_config *config, vd_model **ret_model,
                                   vd_why *why);

/* An answer of a scorer about a whole picture, as vd_model_run reads it. VD_INVALID names the first
 * thing that is not as it should be, and nothing is taken. */
VD_MUST_USE vd_err vd_scorer_answer(vd_slice answer, const char *const *classes,
                                    unsigned class_count, vd_detections *ret_detections,
                                    vd_why *why);

/* What a descriptor says, for those who train, measure or change its model. No model is loaded. */
typedef struct vd_descriptor vd_descriptor;
typedef struct {
    const char *name, *file;
    const char *input,
        *output;            /* NULL: the graph's first; output: of centernet and classification */
    const char *decode;     /* "centernet", "classification", ... */
    const char *activation; /* of classification, still to be applied: "none", "softmax", ... */
    bool background;        /* class 0 of the scores is no class */
    vd_tensor_spec tensor;
    const char *const *classes;
    unsigned class_count;
    float score_min, nms_iou;
    const vd_chain *chain; /* its resize, normalise and colour are in `tensor` already */
} vd_descriptor_facts;
/* `path`: the descriptor, or the .onnx file with the descriptor beside it. */
VD_MUST_USE vd_err vd_descriptor_load(const char *path, vd_descriptor **ret_descriptor,
                                      vd_why *why);
vd_descriptor *vd_descriptor_free(vd_descriptor *descriptor); /* returns NULL; NULL is fine */
const vd_descriptor_facts *vd_descriptor_facts_of(const vd_descriptor *descriptor);

/* A bare graph on numbers, without a descriptor: what training is compared with. One thread. */
typedef struct vd_graph vd_graph;
typedef struct {
    float *data; /* owner: caller, free() */
    size_t count;
} vd_numbers;
/* `onnx` is copied. `threads` 0: as many as cores. */
VD_MUST_USE vd_err vd_graph_load(vd_slice onnx, int threads, vd_graph **ret_graph, vd_why *why);
vd_graph *vd_graph_free(vd_graph *graph); /* returns NULL; NULL is fine */
/* One float input of the given shape; each named output (floats) into ret_outputs. On failure
 * nothing is given. */
VD_MUST_USE vd_err vd_graph_run(vd_graph *graph, const char *input, const float *numbers,
                                const int64_t *dims, unsigned rank, const char *const *outputs,
                                unsigned output_count, vd_numbers *ret_outputs, vd_why *why);
#endif
