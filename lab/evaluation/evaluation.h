/* evaluation.h - how good is a model on a split of a dataset, and is it better than another.
 *
 *   manifest + split ─▶ vd_eval ◀─ detections (of vd_evaluate, or JSON lines)
 *                          └─▶ report (vedette.report/1) ─┐
 *                                   the champion's report ┴─▶ gate: promote or not, in words
 *
 * AP by the COCO definition: per class and picture the best 100 detections are matched greedily
 * by score, IoU 0.50:0.05:0.95, precision at 101 recalls, mean over the classes that the split
 * has; truths marked as crowd neither count nor punish. Everything is deterministic: the same
 * inputs give the same bytes. No store, no threads; an object belongs to one thread. Only
 * vd_evaluate touches a model or calls for pictures. */
#ifndef VD_EVALUATION_H
#define VD_EVALUATION_H
#include "contract_words.h"
#include "vd/blob.h"
#include "vd/json.h"

#define VD_EVAL_MANIFEST_BYTES (256u << 20) /* about 500,000 labelled boxes */
#define VD_EVAL_REPORT_BYTES   (64u << 20)
#define VD_EVAL_PER_PICTURE    100 /* detections a picture and class, as COCO */
#define VD_EVAL_WORST          24

/* ---- a split ---- */
typedef struct {
    uint16_t class_index; /* in the dataset's classes */
    bool crowd;
    double l, t, w, h; /* 0..1 of the picture; the whole picture for a classification */
} vd_eval_truth;
typedef struct {
    const char *picture, *device, *camera, *group; /* picture: SHA-256 in hex */
    int width_px, height_px;
    int64_t captured_us;
    const vd_eval_truth *truths;
    unsigned truth_count;
} vd_eval_picture;

typedef struct vd_eval vd_eval;
/* Reads a manifest (vedette.dataset/1) and takes one split of it ("train", "val", "test").
 * VD_INVALID names what is wrong in the manifest (also boxes outside the picture, groups that
 * straddle splits), or that the split is empty. The manifest's bytes may go afterwards. */
VD_MUST_USE vd_err vd_eval_new(vd_slice manifest, const char *split, vd_eval **ret_eval,
                               vd_why *why);
vd_eval *vd_eval_free(vd_eval *eval);
static inline void vd_eval_release(vd_eval **eval)
{
    *eval = vd_eval_free(*eval);
}
typedef vd_eval *vd_eval_ptr;
VD_AUTO_DEFINE(vd_eval_ptr, vd_eval_release)
const vd_digest *vd_eval_dataset(const vd_eval *eval); /* SHA-256 of the manifest's bytes */
bool vd_eval_classifies(const vd_eval *eval);
size_t vd_eval_count(const vd_eval *eval); /* pictures of the split */
const vd_eval_picture *vd_eval_at(const vd_eval *eval, size_t index);
size_t vd_eval_class_count(const vd_eval *eval);
const char *vd_eval_class(const vd_eval *eval, size_t index); /* NULL outside */

/* ---- what a model found ---- */
typedef struct {
    const char *class_name; /* one that the dataset does not have is counted and left out */
    double score, l, t, w, h;
} vd_eval_found;
/* Once a picture; VD_CONFLICT the second time. Scores outside 0..1 and boxes without extent (or
 * not finite) are VD_INVALID. run_us < 0: not measured. */
VD_MUST_USE vd_err vd_eval_add(vd_eval *eval, size_t picture, const vd_eval_found *found,
                               size_t count, int64_t run_us, vd_why *why);
/* The picture cannot be looked at: it is left out of every figure and named in the words. */
VD_MUST_USE vd_err vd_eval_skip(vd_eval *eval, size_t picture, const char *reason, vd_why *why);
/* JSON lines {"picture","run_us","detections":[{"class","score","box":[l,t,w,h]}]}, with "skipped"
 * (the reason) for a picture that could not be looked at. Lines of other
 * splits' pictures are passed over. The why names the line. */
VD_MUST_USE vd_err vd_eval_add_lines(vd_eval *eval, vd_slice jsonl, vd_why *why);
/* The same as one line, with its newline. */
VD_MUST_USE vd_err vd_eval_line(const vd_eval *eval, size_t picture, vd_buf *into);

/* ---- the report ---- */
typedef struct {
    const char *model_name;
    vd_digest model;
    double score_min; /* the working threshold: false alarms are counted from here */
    /* Classes that the model can name, to tell a class it cannot know from one it misses; NULL:
     * not known. */
    const char *const *model_classes;
    size_t model_class_count;
    int64_t made_us; /* 0: left out, so that the same measurement gives the same bytes */
} vd_eval_options;
/* Writes vedette.report/1 (see contract/openapi.yaml, Report). Pictures that nothing was added for
 * count as empty: VD_INVALID when that is all of them. */
VD_MUST_USE vd_err vd_eval_report(const vd_eval *eval, const vd_eval_options *options, vd_buf *into,
                                  vd_why *why);

/* The figures for callers that want no JSON; NaN: nothing to measure. */
typedef struct {
    double map, map50, map75, small, medium, large;
    double recall, precision, false_alarms_per_picture; /* at score_min, IoU 0.5 */
    size_t pictures, truths;
} vd_eval_figures;
VD_MUST_USE vd_err vd_eval_measure(const vd_eval *eval, double score_min,
                                   vd_eval_figures *ret_figures, vd_why *why);

/* What a report says in a line, for lists. VD_INVALID when it is none of ours. */
typedef struct {
    vd_digest model, dataset;
    char split[8];
    double map, map50, false_alarms_per_picture, median_ms; /* NaN: not in it */
    size_t pictures;
} vd_eval_summary;
VD_MUST_USE vd_err vd_eval_summary_read(vd_slice report, vd_eval_summary *ret_summary, vd_why *why);

/* ---- running a model over a split ---- */
typedef struct {
    const char *model_path; /* the .onnx or its descriptor, as vd_model_load takes them */
    const char *library;    /* ONNX Runtime; NULL: the usual places */
    int threads;            /* 0: as many as cores */
    vd_slice manifest;
    const char *split;
    double score_min; /* < 0: the model's own threshold */
    /* The bytes of a picture (JPEG or PNG). VD_ABSENT or VD_CORRUPT leaves the picture out, any
     * other error ends the run. */
    vd_err (*picture)(void *arg, const vd_digest *picture, vd_buf *into, vd_why *why);
    /* After each picture; false ends the run with VD_GONE. May be NULL. */
    bool (*progress)(void *arg, size_t done, size_t total);
    void *arg;
    int64_t made_us;
} vd_evaluate_job;
/* `detections` (may be NULL) gets the JSON lines. Blocks; nothing is written anywhere else. */
VD_MUST_USE vd_err vd_evaluate(const vd_evaluate_job *job, vd_buf *report, vd_buf *detections,
                               vd_why *why);

/* ---- the gate ---- */
typedef struct {
    double confidence; /* 0.8..0.999: of the two-sided interval */
    double margin;     /* most mAP50 that may be lost for fewer false alarms; 0: nothing */
    bool fewer_false_alarms_suffice;
    unsigned draws; /* 100..100000 */
    uint64_t seed;
    /* Fewer held-out groups than this show nothing. 0: what the confidence needs (6 for 0.95: with
     * 5 groups all of them get better by luck alone in one case of 32, more than 2.5 %). */
    unsigned least_groups;
} vd_gate_settings;
#define VD_GATE_SETTINGS                                                                           \
    ((vd_gate_settings){ .confidence = 0.95,                                                       \
                         .margin = 0.005,                                                          \
                         .fewer_false_alarms_suffice = true,                                       \
                         .draws = 2000,                                                            \
                         .seed = 1 })
typedef struct {
    double champion, challenger, difference, low, high; /* NaN: cannot be said */
} vd_gate_difference;
typedef struct {
    bool promote;
    int outcome; /* VD_GATE_OUTCOME_*: BETTER and FEWER_FALSE_ALARMS promote */
    char why[320];
    vd_gate_settings settings; /* as used, least_groups filled in */
    unsigned groups;
    size_t pictures;
    vd_gate_difference map50, false_alarms; /* false alarms per picture */
    char words[6][200];
    unsigned word_count;
} vd_gate_verdict;
/* The challenger against the champion: paired bootstrap over the groups of their split. Reports of
 * different datasets, splits or pictures are VD_GATE_OUTCOME_NOT_COMPARABLE, with the reason.
 * VD_INVALID only for reports or settings that cannot be read. Well under a second for 1,000
 * pictures. */
VD_MUST_USE vd_err vd_evaluation_gate(vd_slice champion_report, vd_slice challenger_report,
                                      const vd_gate_settings *settings,
                                      vd_gate_verdict *ret_verdict, vd_why *why);
/* One object: GateVerdict of contract/openapi.yaml. */
void vd_gate_write(const vd_gate_verdict *verdict, vd_json_w *w);
#endif
