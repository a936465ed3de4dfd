/* model_priv.h - running a model on a ready tensor, for comparing it with other runtimes. */
#ifndef VD_MODEL_PRIV_H
#define VD_MODEL_PRIV_H
#include "inference.h"

/* The model's input memory and its form; what is written there is what the next run sees. */
float *model_tensor(vd_model *model);
const vd_tensor_spec *model_tensor_spec(const vd_model *model);
VD_MUST_USE vd_err model_run_tensor(vd_model *model, const vd_tensor_map *map,
                                    vd_detections *ret_detections, vd_why *why);
#endif
