/* slices.c - the report by camera, by hour, by score and by time taken. */
#include "eval_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_US 3600000000ll
#define BINS    10

static bool in_hour(const eval_picture *p, unsigned hour)
{
    int64_t hours = p->is.captured_us / HOUR_US;
    return (unsigned)(hours % 24) == hour;
}

/* weight: 1 for the pictures of the slice, 0 for the others. */
static void write_slice(const eval_report *r, const char *name, const double *weight, vd_json_w *w)
{
    eval_counts sum = { 0 };
    unsigned pictures = 0, groups = 0;
    double *seen = calloc(r->eval->count, sizeof *seen);
    for (size_t n = 0; n < r->eval->count; n++) {
        if (weight[n] == 0) continue;
        pictures++;
        sum.tp += r->counts[n].tp;
        sum.fp += r->counts[n].fp;
        sum.fn += r->counts[n].fn;
        sum.truths += r->counts[n].truths;
        if (seen && seen[r->eval->pictures[n].group]++ == 0) groups++;
    }
    free(seen);
    if (!pictures) return;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", name);
    vd_json_w_kv_int(w, "pictures", pictures);
    vd_json_w_kv_int(w, "groups", groups);
    vd_json_w_kv_int(w, "truths", sum.truths);
    vd_json_w_kv_num(w, "map50", eval_average(r->matches, weight, r->eval->count, EVAL_ALL, 0, 0),
                     6);
    vd_json_w_kv_int(w, "tp", sum.tp);
    vd_json_w_kv_int(w, "fp", sum.fp);
    vd_json_w_kv_int(w, "fn", sum.fn);
    vd_json_w_object_end(w);
}

void eval_write_slices(const eval_report *r, vd_json_w *w)
{
    char name[2 * VD_LIMIT_NAME_BYTES + 2];
    const vd_eval *eval = r->eval;
    double *weight = calloc(eval->count, sizeof *weight);
    vd_json_w_key(w, "per_camera");
    vd_json_w_list(w);
    for (uint32_t n = 0; weight && n < eval->count; n++) {
        if (eval->pictures[n].camera != n) continue; /* not the camera's first picture */
        for (size_t k = 0; k < eval->count; k++)
            weight[k] = eval->pictures[k].camera == n && !eval->pictures[k].skipped;
        write_slice(r, eval_camera(&eval->pictures[n].is, name), weight, w);
    }
    vd_json_w_list_end(w);
    vd_json_w_key(w, "per_hour");
    vd_json_w_list(w);
    for (unsigned hour = 0; weight && hour < 24; hour++) {
        for (size_t k = 0; k < eval->count; k++)
            weight[k] = in_hour(&eval->pictures[k], hour) && !eval->pictures[k].skipped;
        (void)snprintf(name, sizeof name, "%02u", hour);
        write_slice(r, name, weight, w);
    }
    vd_json_w_list_end(w);
    free(weight);
}

/* ---- is a score of 0.7 right in 7 of 10 cases ---- */

typedef struct {
    unsigned count, right;
    double score;
} bin;

void eval_write_calibration(const eval_report *r, vd_json_w *w)
{
    bin bins[BINS] = { 0 };
    double error = 0;
    unsigned total = 0;
    for (size_t n = 0; n < r->eval->class_count; n++)
        for (size_t k = 0; k < r->matches->classes[n].count; k++) {
            const eval_mark *mark = &r->matches->classes[n].marks[k];
            if (mark->ignored[EVAL_ALL] & 1) continue;
            int at = (int)(mark->score * BINS);
            bin *b = &bins[at < BINS ? at : BINS - 1];
            b->count++;
            b->right += mark->hit[EVAL_ALL] & 1;
            b->score += mark->score;
            total++;
        }
    vd_json_w_key(w, "calibration");
    vd_json_w_object(w);
    vd_json_w_key(w, "bins");
    vd_json_w_list(w);
    for (int n = 0; n < BINS; n++) {
        double score = bins[n].count ? bins[n].score / bins[n].count : NAN;
        double right = bins[n].count ? (double)bins[n].right / bins[n].count : NAN;
        if (bins[n].count) error += fabs(score - right) * bins[n].count / total;
        vd_json_w_object(w);
        vd_json_w_kv_num(w, "from", (double)n / BINS, 2);
        vd_json_w_kv_num(w, "to", (n + 1.0) / BINS, 2);
        vd_json_w_kv_int(w, "count", bins[n].count);
        vd_json_w_kv_num(w, "score", score, 4);
        vd_json_w_kv_num(w, "right", right, 4);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_kv_num(w, "error", total ? error : NAN, 4);
    vd_json_w_object_end(w);
}

/* ---- time ---- */

static int by_size(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;
    return one < two ? -1 : one > two;
}

void eval_write_latency(const eval_report *r, vd_json_w *w)
{
    size_t count = 0;
    double median = NAN, p95 = NAN;
    int64_t *times = calloc(r->eval->count, sizeof *times);
    for (size_t n = 0; times && n < r->eval->count; n++)
        if (r->eval->pictures[n].added && r->eval->pictures[n].run_us >= 0)
            times[count++] = r->eval->pictures[n].run_us;
    if (count) {
        qsort(times, count, sizeof *times, by_size);
        size_t low = (count - 1) / 2, high = count / 2;
        median = (double)(times[low] + times[high]) / 2000;
        p95 = (double)times[(size_t)ceil(0.95 * (double)count) - 1] / 1000;
    }
    free(times);
    vd_json_w_key(w, "latency_ms");
    vd_json_w_object(w);
    vd_json_w_kv_num(w, "median", median, 3);
    vd_json_w_kv_num(w, "p95", p95, 3);
    vd_json_w_object_end(w);
}
