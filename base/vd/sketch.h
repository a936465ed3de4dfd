/* sketch.h - a small mergeable statistic: a histogram with fixed edges, count, sum, sum of squares.
 *
 * Merging is exact and order-free: all members are integers. Values are kept to 1/64 (sums) and
 * confined to VD_SKETCH_VALUE_MAX either side of zero, so that 2^31 of them cannot overflow.
 * Passed by value, no memory of its own; one thread at a time.
 *
 * As JSON: {"edges":[e0,e1,...],"counts":[c0,...,cn],"sum":S,"sum2":Q}. n edges make n + 1 bins; a
 * value falls into the first bin whose upper edge is greater. S = sum of round(64 v), Q = sum of
 * round(64 v)^2 / 4096. With 24 edges at most 700 bytes. */
#ifndef VD_SKETCH_H
#define VD_SKETCH_H
#include "vd/error.h"
#include "vd/json.h"

#define VD_SKETCH_EDGES_MAX 32
#define VD_SKETCH_VALUE_MAX 65536.0

typedef struct {
    unsigned edge_count; /* 0: nothing is known of it yet */
    double edges[VD_SKETCH_EDGES_MAX];
    uint64_t counts[VD_SKETCH_EDGES_MAX + 1];
    uint64_t count;
    int64_t sum;   /* of 64ths */
    uint64_t sum2; /* of 4096ths */
} vd_sketch;

/* Edges must rise; at least one. */
vd_sketch vd_sketch_of(const double *edges, unsigned edge_count);
/* What is no number is not counted. */
void vd_sketch_add(vd_sketch *sketch, double value);
/* Keeps the edges. */
void vd_sketch_clear(vd_sketch *sketch);
bool vd_sketch_same_edges(const vd_sketch *a, const vd_sketch *b);
/* VD_INVALID: other edges. An `into` without edges takes those of `more`. */
VD_MUST_USE vd_err vd_sketch_merge(vd_sketch *into, const vd_sketch *more);
double vd_sketch_mean(const vd_sketch *sketch); /* 0 for an empty one */
double vd_sketch_sd(const vd_sketch *sketch);   /* of the values; 0 for fewer than two */
/* The greatest difference of the two cumulative shares, 0..1 (Kolmogorov-Smirnov on the bins); 0
 * when either is empty or the edges differ. */
double vd_sketch_distance(const vd_sketch *a, const vd_sketch *b);
/* One JSON object. */
void vd_sketch_write(const vd_sketch *sketch, vd_json_w *w);
/* VD_INVALID says what is wrong; *ret_sketch is whole or untouched. */
VD_MUST_USE vd_err vd_sketch_read(const vd_json *node, vd_sketch *ret_sketch, vd_why *why);
#endif
