/* check_priv.h - the trained file must give in ONNX Runtime what torch gave. */
#ifndef VD_CHECK_PRIV_H
#define VD_CHECK_PRIV_H
#include "plan_priv.h"

/* Runs `file` (the model to be written) on this input and compares what the loss looks at and what
 * comes out. VD_CORRUPT when a number differs by more than `tolerance` of the greatest number
 * beside it; *ret_worst is the greatest such difference. */
VD_MUST_USE vd_err check_numbers(const plan *p, net *n, vd_slice file, const float *picture,
                                 int threads, double tolerance, double *ret_worst, vd_why *why);
#endif
