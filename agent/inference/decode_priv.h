/* decode_priv.h - from output tensors to detections.
 *
 *   tensors ── decode_KIND ──> candidates (tensor pixels) ── decode_finish ──> vd_detections
 *
 * decode_finish sorts, suppresses what overlaps within a class, maps boxes to the picture. Nothing
 * here trusts a number of the model: what is not finite or below the floor is no detection. */
#ifndef VD_DECODE_PRIV_H
#define VD_DECODE_PRIV_H
#include "inference.h"
#include "model_descriptor_priv.h"

#define DECODE_RANK_MAX   8
#define CANDIDATES_MAX    32768 /* more above the floor than this says that the model is broken */
#define CANDIDATES_SORTED 1000  /* taken into suppression, best first */
#define REGIONS_MAX       1000  /* of one picture; more are noise */

typedef enum { TENSOR_ABSENT, TENSOR_F32, TENSOR_I32, TENSOR_I64 } tensor_type;
typedef struct {
    tensor_type type;
    const void *data;
    int rank;
    int64_t dim[DECODE_RANK_MAX];
} decode_tensor;

typedef struct {
    float l, t, r, b; /* pixels of the tensor */
    float score;
    uint16_t class_id;
    int32_t source; /* where it came from, for what else is said of it: row or region */
} candidate;

typedef struct { /* pixels of the output, right and bottom excluded */
    int left, top, right, bottom;
    int32_t mark; /* of its pixels in decoder.region */
} region_area;

typedef struct {
    const model_descriptor *descriptor;
    candidate *candidates; /* CANDIDATES_MAX */
    unsigned count;
    float *best; /* score of the best class of each anchor; grows with the model's output */
    uint16_t *best_class;
    size_t best_room;
    struct {
        const float *data;
        int64_t row_step, field_step;
    } rows;          /* of the tensor being decoded */
    int32_t *region; /* of each pixel: its region's mark; -1: of no class */
    int32_t *border; /* pixels whose neighbours are still to be seen */
    size_t region_room;
    region_area *area; /* REGIONS_MAX, made on first use */
    int area_width;    /* of the output in pixels */
} decoder;

/* Owner: caller, decoder_done. The descriptor must outlive it. */
VD_MUST_USE vd_err decoder_init(decoder *d, const model_descriptor *descriptor, vd_why *why);
void decoder_done(decoder *d);
/* VD_INVALID when the tensors do not have the form that the descriptor promises. */
VD_MUST_USE vd_err decoder_run(decoder *d, const decode_tensor tensors[ROLES],
                               const vd_tensor_map *map, vd_detections *into, vd_why *why);

int64_t decode_elements(const decode_tensor *tensor);
double decode_number(const decode_tensor *tensor, int64_t index);
/* Keeps it if its score reaches the floor and its numbers are numbers. */
void decode_add(decoder *d, float l, float t, float r, float b, float score, int64_t class_id);
void decode_add_from(decoder *d, float l, float t, float r, float b, float score, int64_t class_id,
                     int32_t source);
/* Room for the best class of each anchor or pixel. */
VD_MUST_USE vd_err decode_best_room(decoder *d, int64_t count, vd_why *why);
vd_err decode_misfit(const decode_tensor *tensor, vd_why *why, const char *expected);

vd_err decode_centernet(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_ssd(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_yolo(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_classification(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_cells(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_detr(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_regions(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
vd_err decode_embedding(decoder *d, const decode_tensor tensors[ROLES], vd_why *why);
/* side.c: what is said of a detection beside its box. NULL when there is no room. */
float *side_room(vd_detections *into, vd_detection *d, vd_side kind, unsigned count);
void decode_side(const decoder *d, const decode_tensor tensors[ROLES], const candidate *c,
                 const vd_tensor_map *map, vd_detections *into, vd_detection *item);
void decode_activate(activation how, float *scores, size_t count);
#endif
