/* net_priv.h - an ONNX graph that learns: the C face of the only code that links libtorch.
 *
 *   picture ── frozen nodes ──> features ── trained nodes ──> points ── loss ──> gradients ──> Adam
 *
 * The last layers of weights are trained; whatever does not depend on them is frozen, and what
 * crosses the border are the features, kept as halves so that an epoch runs only what learns.
 * One thread calls; it uses `threads` cores inside. The same calls with the same number of threads
 * give the same bits. Failures leave the numbers of the last finished step. */
#ifndef VD_NET_PRIV_H
#define VD_NET_PRIV_H
#include "nn_priv.h"

typedef struct net net;

typedef enum { NET_DETECTION, NET_CLASSIFICATION } net_task;

typedef struct {
    int threads;
    net_task task;
    double freeze;         /* share of the layers, from the input, that stay: 0..1 */
    unsigned layers_least; /* that learn whatever `freeze` says */
    double decay;          /* of weights, each step, times the rate */
    /* Detection: the heat map before its sigmoid and the map of sizes. Classification: the scores
     * before softmax. */
    int heat, size;
    /* Detection: the rows of the heat map that learn; the others are not touched by the loss. */
    const int64_t *rows;
    unsigned row_count;
    float size_scale;  /* pixels of the input for each unit of the map of sizes */
    float size_weight; /* of the size loss beside the heat map's */
} net_plan;

/* Refuses operations it does not know by name (VD_INVALID), and a graph without layers to train. */
VD_MUST_USE vd_err net_open(const nn_model *model, const net_plan *plan, net **ret_net,
                            vd_why *why);
net *net_close(net *n); /* returns NULL; NULL is fine */

typedef struct {
    unsigned layers_all, layers_trained; /* layers of weights in the graph, and those that learn */
    size_t trained_numbers, all_numbers;
    size_t feature_count;         /* halves for each picture */
    unsigned rows, height, width; /* of the heat map */
    unsigned classes;             /* of the scores */
} net_facts;
void net_facts_of(const net *n, net_facts *ret_facts);

/* The values that cross the border, and how many numbers each has for one picture; returns how many
 * values there are. */
#define NET_FEATURES_MAX 16
unsigned net_features(const net *n, int values[NET_FEATURES_MAX], size_t counts[NET_FEATURES_MAX]);
/* Numbers into halves, cut to what a half can hold. */
void net_halves(const float *numbers, size_t count, uint16_t *into);

/* A few pictures; each pointer is to one of them. */
typedef struct {
    unsigned count;
    const uint16_t *const *features;
    /* detection: [rows][h][w] 0..1; [4][h][w] distances to l, t, r, b in pixels; [h][w] */
    const float *heat, *box, *weight; /* of all pictures, one after the other */
    const int64_t *classes;           /* classification */
} net_batch;
typedef struct {
    double loss, heat, size; /* means over the batch; NaN is told, not an error */
    unsigned right;          /* classification: pictures with the best score at their class */
} net_score;

/* One step of Adam. When the loss is not finite nothing is changed. */
VD_MUST_USE vd_err net_learn(net *n, const net_batch *batch, double rate, net_score *ret_score,
                             vd_why *why);
/* No step. `heat` (probabilities) and `size` (pixels) take the maps when they are not NULL. */
VD_MUST_USE vd_err net_judge(net *n, const net_batch *batch, net_score *ret_score, float *heat,
                             float *size, vd_why *why);

/* What learns: numbers, both moments and the number of steps, for checkpoints. */
size_t net_state_count(const net *n);
void net_state_get(const net *n, float *into, uint64_t *ret_steps);
void net_state_set(net *n, const float *from, uint64_t steps);
/* The trained numbers alone, count: net_facts.trained_numbers. */
void net_numbers_get(const net *n, float *into);
void net_numbers_set(net *n, const float *from);
/* Writes the trained numbers into `file`, a copy of the model's bytes. */
VD_MUST_USE bool net_write(const net *n, vd_buf *file);

typedef struct {
    float *data; /* owner: caller, free() */
    size_t count;
} net_numbers;
/* Runs the whole graph on one picture and copies out these values. */
VD_MUST_USE vd_err net_values(net *n, const float *picture, const int *values, unsigned count,
                              net_numbers *ret_numbers, vd_why *why);

const char *net_library_version(void);
#endif
