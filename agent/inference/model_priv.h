/* model_priv.h - a model's inside: running it on a ready tensor (also for comparing it with other
 * runtimes), and what it needs to look at prepared pictures. */
#ifndef VD_MODEL_PRIV_H
#define VD_MODEL_PRIV_H
#include "inference.h"
#include "model_descriptor_priv.h"

/* The model's input memory and its form; what is written there is what the next run sees. */
float *model_tensor(vd_model *model);
const vd_tensor_spec *model_tensor_spec(const vd_model *model);
VD_MUST_USE vd_err model_run_tensor(vd_model *model, const vd_tensor_map *map,
                                    vd_detections *ret_detections, vd_why *why);

/* Made on first use. */
typedef struct {
    vd_preparer *preparer;
    vd_detections *tile; /* what was found in each, VD_TILES_MAX + 1 */
} model_looks;
model_looks *model_looks_of(vd_model *model);
const model_descriptor *model_descriptor_of(const vd_model *model);
/* A run is over; `busy_us` is what it took. */
void model_count(vd_model *model, bool failed, int64_t busy_us);
struct remote *model_remote(vd_model *model); /* NULL: it is a model of our own */

/* tiles.c: what was found in each tile of a picture becomes one list: what two tiles both saw is
 * one thing, and of a thing that an edge cuts the piece gives way to the whole. `part`: what they
 * all cover; `nms_iou`: of the model. Best first. VD_FULL: memory. */
VD_MUST_USE vd_err tiles_merge(const vd_detections *found, const vd_part_px *tiles, unsigned count,
                               const vd_part_px *part, const vd_picture *picture, float nms_iou,
                               vd_detections *ret_merged);
/* chain_back.c: boxes, points and masks of a prepared picture become those of its source. */
void chain_back(const vd_prepared *prepared, vd_detections *found);
#endif
