/* ort_priv.h - ONNX Runtime, found and opened at run time. Its exported symbol is versioned, so a
 * program linked to one release does not start with another; a loaded one can be asked. */
#ifndef VD_ORT_PRIV_H
#define VD_ORT_PRIV_H
#include <onnxruntime_c_api.h>

#include "vd/error.h"

typedef struct {
    const OrtApi *api;
    OrtEnv *env;
    OrtMemoryInfo *memory; /* plain CPU memory */
} ort;

/* The first call opens the library for the whole process; later ones return the same, whatever
 * `library` says. VD_ABSENT: not found or too old; the next call tries again. Any thread. */
VD_MUST_USE vd_err ort_open(const char *library, const ort **ret_ort, vd_why *why);
/* Turns a status (NULL: fine) into an error and releases it. `doing` reads on: "loading the model".
 */
VD_MUST_USE vd_err ort_check(const ort *o, OrtStatus *status, vd_err err, const char *doing,
                             vd_why *why);
#endif
