/* eval_priv.h - a split with what a model found in it, and how they match. */
#ifndef VD_EVAL_PRIV_H
#define VD_EVAL_PRIV_H
#include "evaluation.h"
#include "limits.h"

#define EVAL_PICTURES_MAX 200000u
#define EVAL_TRUTHS_MAX   10000u /* in one picture */
#define EVAL_CLASSES_MAX  1000u
#define EVAL_FOUND_MAX    10000u /* in one picture */
#define EVAL_RECALLS      101
enum { EVAL_ALL, EVAL_SMALL, EVAL_MEDIUM, EVAL_LARGE, EVAL_AREAS };
enum { EVAL_IOUS = 10 }; /* 0.50, 0.55, ... 0.95 */

typedef struct {
    uint16_t class_index;
    double score, l, t, w, h;
} eval_found;
typedef struct {
    vd_eval_picture is;
    uint32_t group, camera; /* first picture's index with the same one */
    bool added;
    const char *skipped; /* the reason; NULL: it counts */
    int64_t run_us;
    eval_found *found; /* best score first, equal ones as they came */
    unsigned found_count;
} eval_picture;

struct vd_eval {
    vd_arena *arena;
    vd_digest dataset;
    char split[8];
    bool classifies;
    const char **classes;
    size_t class_count;
    eval_picture *pictures;
    size_t count;
    uint32_t *by_name; /* pictures' indexes, sorted by digest */
    size_t groups;
    uint64_t strangers;       /* detections of classes that the dataset does not have */
    const char *strange_name; /* one of them */
};

/* A detection of one class after matching. Bit n of hit and ignored: IoU 0.50 + 0.05 n. */
typedef struct {
    double score;
    uint32_t picture;
    uint32_t found; /* index in the picture's found */
    uint32_t order; /* among the class's: keeps equal scores in pictures' order */
    int32_t truth;  /* index in the picture's truths that it hit at IoU 0.5, or -1 */
    uint16_t hit[EVAL_AREAS], ignored[EVAL_AREAS];
} eval_mark;
typedef struct {
    eval_mark *marks; /* best score first */
    size_t count;
    double *truths[EVAL_AREAS]; /* per picture: how many count */
    double total[EVAL_AREAS];
} eval_class;
typedef struct {
    eval_class *classes;
    size_t class_count;
    double *scratch; /* 2 * the most marks of a class */
} eval_matches;

/* Into an empty one; eval_matches_done also after a failure. */
VD_MUST_USE vd_err eval_matches_of(const vd_eval *eval, eval_matches *ret_matches, vd_why *why);
void eval_matches_done(eval_matches *matches);
VD_AUTO_DEFINE(eval_matches, eval_matches_done)

/* One class's precision at 101 recalls, monotone from the right. `weight` counts each picture so
 * often (NULL: once); `truths` is their weighted number. False when there is none. */
bool eval_curve(const eval_mark *marks, size_t count, const double *weight, int area, int iou,
                double truths, double *scratch, double curve[EVAL_RECALLS]);
/* The mean of a curve. */
double eval_mean(const double curve[EVAL_RECALLS]);
/* Mean over the classes that have truths, and over IoUs first..last; NaN: no class has any. */
double eval_average(const eval_matches *matches, const double *weight, size_t pictures, int area,
                    int first_iou, int last_iou);
double eval_iou(const double a[4], const double b[4]);
const char *eval_camera(const vd_eval_picture *picture, char into[2 * VD_LIMIT_NAME_BYTES + 2]);

/* A class's marks by picture: those of picture n are list[first[n]] .. list[first[n + 1]], best
 * first. */
typedef struct {
    size_t *first, *list;
} eval_gathered;

/* ---- the report's parts ---- */
typedef struct {
    unsigned tp, fp, fn, truths;
} eval_counts;
/* One class in one picture at IoU 0.5, of detections from score_min on. */
typedef struct {
    const vd_eval *eval;
    const eval_matches *matches;
    const vd_eval_options *options;
    eval_counts *counts;       /* per picture */
    eval_counts *by_class;     /* per class */
    eval_gathered *by_picture; /* per class */
    size_t measured;           /* pictures that count */
} eval_report;
void eval_write_worst(const eval_report *r, vd_json_w *w);
void eval_write_words(const eval_report *r, vd_json_w *w);
void eval_write_calibration(const eval_report *r, vd_json_w *w);
void eval_write_latency(const eval_report *r, vd_json_w *w);
void eval_write_slices(const eval_report *r, vd_json_w *w);
#endif
