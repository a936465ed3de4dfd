/* inspection_priv.h - the two computations behind an inspection: the verdict on one product, and
 * the control charts over many. */
#ifndef VD_INSPECTION_PRIV_H
#define VD_INSPECTION_PRIV_H
#include "scene_priv.h"

/* ---- judge.c ---- */

/* The parts of one assembly over the pictures until its trigger. */
typedef struct {
    uint32_t birth;                   /* of the product's track */
    uint8_t looks[VD_RULE_PARTS_MAX]; /* in which it was in its place, one after the other */
    uint16_t come;                    /* bit: it was there, in PART_LOOKS looks */
    int wrong;                        /* 1 + the part that came before an earlier one; 0: none */
} sequence;

typedef struct {
    vd_verdict verdict;
    char defect[VD_CLASS_NAME_ROOM]; /* a class, "missing", "misplaced", "wrong_order",
                                        "no_product"; unsure: what it may be; "": nothing */
    int detection;                   /* of the defect; -1: none */
    float score;                     /* how sure: of the defect, else of the good class */
    char parts[64];                  /* those that are missing or in the wrong place, or in doubt */
} finding;

/* `product` is a detection of this picture, -1: the picture or the zone is the product. */
finding judge(const vd_detections *seen, const held *h, int product, const sequence *done);
/* One more picture of an assembly. */
void judge_follow(const vd_detections *seen, const held *h, int product, sequence *done);
/* A class that the verdict needs was not looked for in this picture. */
bool judge_is_blind(const vd_detections *seen, const held *h);

/* ---- chart.c ---- */
typedef struct {
    unsigned n, failed;                      /* of the sample that is being filled */
    unsigned learned, learn_n, learn_failed; /* samples before the baseline stands */
    double p0, ewma;
    unsigned samples;        /* since the baseline stands */
    double rate;             /* of the last whole sample; below 0: none */
    double p_limit, z_limit; /* as of the last sample; 0: no baseline yet */
} chart;

void chart_start(chart *c, const vd_chart_config *config);
/* True: a sample is whole. */
bool chart_add(chart *c, const vd_chart_config *config, bool failed);
bool chart_p_out(const chart *c);
bool chart_ewma_out(const chart *c);
#endif
