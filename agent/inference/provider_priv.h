/* provider_priv.h - ONNX Runtime's execution providers: which this library has, and how a session
 * is told to use one. */
#ifndef VD_PROVIDER_PRIV_H
#define VD_PROVIDER_PRIV_H
#include "inference.h"
#include "ort_priv.h"

#define PROVIDER_TRIES 4

/* What to try for what is asked, in order; the last is always the CPU. */
unsigned provider_tries(vd_provider asked, vd_provider ret_tries[PROVIDER_TRIES]);
/* VD_ABSENT: the library was built without it, or what it needs of the machine is not there. */
VD_MUST_USE vd_err provider_add(const ort *o, vd_provider provider, int threads,
                                OrtSessionOptions *options, vd_why *why);
#endif
