/* gate_priv.h - two reports laid side by side, group by group. */
#ifndef VD_GATE_PRIV_H
#define VD_GATE_PRIV_H
#include "eval_priv.h"

/* One report: its matches with groups in the place of pictures. */
typedef struct {
    vd_json *root;
    const vd_json *pictures;
    eval_matches matches;
    double *false_alarms; /* per group */
} gate_side;
typedef struct {
    gate_side side[2]; /* champion, challenger */
    const char **classes;
    size_t class_count, picture_count, groups;
    uint32_t *group_of;     /* per picture */
    double *group_pictures; /* per group */
} gate_pair;

void gate_pair_done(gate_pair *pair);
VD_AUTO_DEFINE(gate_pair, gate_pair_done)
/* Reads both. *ret_differ (text) is set when they cannot be compared. */
VD_MUST_USE vd_err gate_pair_read(vd_slice champion, vd_slice challenger, gate_pair *ret_pair,
                                  char ret_differ[200], vd_why *why);

/* mAP50 and false alarms per picture of a side, each group counted `weight` times (NULL: once). */
double gate_map50(const gate_pair *pair, int side, const double *weight);
double gate_false_alarms(const gate_pair *pair, int side, const double *weight);
/* Fills low and high of both differences; draws in which nothing can be said are left out. */
VD_MUST_USE vd_err gate_bootstrap(const gate_pair *pair, const vd_gate_settings *settings,
                                  vd_gate_difference *map50, vd_gate_difference *false_alarms,
                                  vd_why *why);
#endif
