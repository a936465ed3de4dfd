/* descriptor_priv.h - writes the descriptor of a model that is recognised. */
#ifndef VD_DESCRIPTOR_PRIV_H
#define VD_DESCRIPTOR_PRIV_H
#include "convert.h"
#include "tflite_priv.h"

/* `labels`: path of a text file or NULL for COCO's classes. Appends YAML to `into`. */
VD_MUST_USE vd_err descriptor_centernet(const char *name, const vd_onnx_info *info,
                                        const char *labels, vd_buf *into, vd_why *why);
/* A detector that ends with TFLite_Detection_PostProcess, or, when `labels` name what its only
 * output scores, a classifier. Others are VD_INVALID: nobody can know what their numbers mean. */
VD_MUST_USE vd_err descriptor_tflite(const char *name, const vd_onnx_info *info,
                                     const tflite_facts *facts, const char *labels, vd_buf *into,
                                     vd_why *why);
#endif
