/* model_descriptor_priv.h - a NAME.model.yaml, read and checked; docs/model-descriptor.md is its
 * manual. */
#ifndef VD_MODEL_DESCRIPTOR_PRIV_H
#define VD_MODEL_DESCRIPTOR_PRIV_H
#include "prepare.h"
#include "vd/config.h"

#define MODEL_CLASSES_MAX 4096
#define MODEL_SIDE_MAX    4096 /* vd_frame_tensor's limit */
#define MODEL_STRIDES_MAX 6
#define MODEL_BINS_MAX    64
#define MODEL_POINTS_MAX  128

typedef enum {
    DECODE_CENTERNET,
    DECODE_YOLOX,
    DECODE_YOLOV5,
    DECODE_YOLOV8,
    DECODE_SSD,
    DECODE_CLASSIFICATION,
    DECODE_NANODET,
    DECODE_FCOS,
    DECODE_DETR,
    DECODE_YOLOV8_POSE,
    DECODE_SEGMENTS,
    DECODE_ANOMALY,
    DECODE_EMBEDDING
} decode_kind;

/* Which output tensor plays which part. */
typedef enum { ROLE_MAIN, ROLE_BOXES, ROLE_SCORES, ROLE_CLASSES, ROLE_COUNT, ROLES } output_role;
typedef enum { ACTIVATION_NONE, ACTIVATION_SOFTMAX, ACTIVATION_SIGMOID } activation;

typedef struct {
    const char *name, *file, *input;
    vd_tensor_spec tensor;
    decode_kind decode;
    const char *output[ROLES]; /* NULL: not there; ROLE_MAIN may be NULL: the model's first */
    activation activation;     /* still to be applied to scores */
    bool top_first;            /* SSD boxes are top, left, bottom, right */
    bool in_pixels;            /* SSD boxes are pixels of the tensor, otherwise 0..1 of it */
    bool background;           /* class 0 of the scores is no class */
    bool no_object;            /* the last class of the scores is no class */
    int stride[MODEL_STRIDES_MAX];
    unsigned stride_count;
    unsigned points;           /* key points of each thing */
    float pixel_min, area_min; /* of a pixel's score; of a region's share of the picture */
    int bins;                  /* numbers for each side of a box */
    bool cell_center;          /* distances begin in the middle of a cell, not at its corner */
    const char **class_name;
    unsigned class_count;
    float score_min, nms_iou; /* nms_iou 1: none */
    vd_chain chain;           /* its resize, normalise and colour are in `tensor` already */
    vd_config *config;        /* owns the texts */
    vd_buf labels;
} model_descriptor;

/* `folder`: where classes_file is looked for; NULL: naming one is an error (no disk is touched). */
VD_MUST_USE vd_err model_descriptor_parse(vd_slice yaml, const char *name, const char *folder,
                                          model_descriptor *ret_descriptor, vd_why *why);
VD_MUST_USE vd_err model_descriptor_load(const char *path, model_descriptor *ret_descriptor,
                                         vd_why *why);
/* "yolox", ... */
const char *model_decode_name(decode_kind kind);
void model_descriptor_done(model_descriptor *descriptor);
VD_AUTO_DEFINE(model_descriptor, model_descriptor_done)
#endif
