/* report.c - figures of a measured split, and vedette.report/1. */
#include "eval_priv.h"

#include <math.h>
#include <stdlib.h>

static void count_class(const vd_eval *eval, const eval_class *c, double score_min,
                        eval_counts *counts, eval_counts *sum)
{
    for (size_t n = 0; n < eval->count; n++) {
        unsigned truths = (unsigned)c->truths[EVAL_ALL][n];
        counts[n].truths += truths;
        counts[n].fn += truths;
        sum->truths += truths;
        sum->fn += truths;
    }
    for (size_t n = 0; n < c->count && c->marks[n].score >= score_min; n++) {
        eval_counts *here = &counts[c->marks[n].picture];
        if (c->marks[n].ignored[EVAL_ALL] & 1) continue;
        if (c->marks[n].hit[EVAL_ALL] & 1)
            here->tp++, here->fn--, sum->tp++, sum->fn--;
        else
            here->fp++, sum->fp++;
    }
}

static bool gather(const eval_class *c, size_t pictures, eval_gathered *g)
{
    g->first = calloc(pictures + 2, sizeof *g->first);
    g->list = calloc(c->count + 1, sizeof *g->list);
    if (!g->first || !g->list) return false;
    for (size_t n = 0; n < c->count; n++) g->first[c->marks[n].picture + 2]++;
    for (size_t n = 2; n < pictures + 2; n++) g->first[n] += g->first[n - 1];
    for (size_t n = 0; n < c->count; n++) g->list[g->first[c->marks[n].picture + 1]++] = n;
    return true;
}

static bool gather_all(eval_report *r)
{
    r->by_picture = calloc(r->eval->class_count, sizeof *r->by_picture);
    for (size_t n = 0; r->by_picture && n < r->eval->class_count; n++)
        if (!gather(&r->matches->classes[n], r->eval->count, &r->by_picture[n])) return false;
    return r->by_picture != NULL;
}

static void report_done(eval_report *r)
{
    for (size_t n = 0; r->by_picture && n < r->eval->class_count; n++) {
        free(r->by_picture[n].first);
        free(r->by_picture[n].list);
    }
    free(r->by_picture);
    free(r->counts);
    free(r->by_class);
}
VD_AUTO_DEFINE(eval_report, report_done)

/* A report's counts, by picture and by class. */
static vd_err prepare(const vd_eval *eval, const eval_matches *matches,
                      const vd_eval_options *options, eval_report *r, vd_why *why)
{
    bool any = false;
    *r = (eval_report){ .eval = eval, .matches = matches, .options = options };
    r->counts = calloc(eval->count, sizeof *r->counts);
    r->by_class = calloc(eval->class_count, sizeof *r->by_class);
    if (!r->counts || !r->by_class || !gather_all(r))
        return vd_fail(why, VD_FULL, "no memory for the report");
    for (size_t n = 0; n < eval->class_count; n++)
        count_class(eval, &matches->classes[n], options->score_min, r->counts, &r->by_class[n]);
    for (size_t n = 0; n < eval->count; n++) {
        r->measured += !eval->pictures[n].skipped;
        any = any || eval->pictures[n].added;
    }
    if (any) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "no picture of the split was measured");
    vd_why_hint(why, "are these the detections of this dataset's split '%s'?", eval->split);
    return VD_INVALID;
}

static eval_counts total(const eval_report *r)
{
    eval_counts sum = { 0 };
    for (size_t n = 0; n < r->eval->class_count; n++) {
        sum.tp += r->by_class[n].tp;
        sum.fp += r->by_class[n].fp;
        sum.fn += r->by_class[n].fn;
        sum.truths += r->by_class[n].truths;
    }
    return sum;
}

static vd_eval_figures figures_of(const eval_report *r)
{
    eval_counts sum = total(r);
    size_t count = r->eval->count;
    vd_eval_figures f = {
        .map = eval_average(r->matches, NULL, count, EVAL_ALL, 0, 9),
        .map50 = eval_average(r->matches, NULL, count, EVAL_ALL, 0, 0),
        .map75 = eval_average(r->matches, NULL, count, EVAL_ALL, 5, 5),
        .small = eval_average(r->matches, NULL, count, EVAL_SMALL, 0, 9),
        .medium = eval_average(r->matches, NULL, count, EVAL_MEDIUM, 0, 9),
        .large = eval_average(r->matches, NULL, count, EVAL_LARGE, 0, 9),
        .recall = sum.truths ? (double)sum.tp / sum.truths : NAN,
        .precision = sum.tp + sum.fp ? (double)sum.tp / (sum.tp + sum.fp) : NAN,
        .false_alarms_per_picture = r->measured ? (double)sum.fp / (double)r->measured : 0,
        .pictures = r->measured,
        .truths = sum.truths,
    };
    return f;
}

vd_err vd_eval_measure(const vd_eval *eval, double score_min, vd_eval_figures *ret_figures,
                       vd_why *why)
{
    VD_AUTO(eval_matches) matches = { 0 };
    VD_AUTO(eval_report) r = { 0 };
    const vd_eval_options options = { .score_min = score_min };
    vd_err err = eval_matches_of(eval, &matches, why);
    if (!err) err = prepare(eval, &matches, &options, &r, why);
    if (!err) *ret_figures = figures_of(&r);
    return err;
}

/* ---- members ---- */

static void write_head(const eval_report *r, vd_json_w *w)
{
    vd_json_w_kv_text(w, "format", "vedette.report/1");
    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", r->options->model_name);
    vd_json_w_kv_text(w, "digest", r->options->model.hex);
    vd_json_w_object_end(w);
    vd_json_w_kv_text(w, "dataset", r->eval->dataset.hex);
    vd_json_w_kv_text(w, "split", r->eval->split);
    vd_json_w_kv_text(w, "task", r->eval->classifies ? "classification" : "detection");
    if (r->options->made_us) vd_json_w_kv_time(w, "made_at", r->options->made_us);
    vd_json_w_key(w, "classes");
    vd_json_w_list(w);
    for (size_t n = 0; n < r->eval->class_count; n++) vd_json_w_text(w, r->eval->classes[n]);
    vd_json_w_list_end(w);
}

/* The share of pictures with a class whose best detection names it. */
static double accuracy(const vd_eval *eval)
{
    unsigned right = 0, count = 0;
    for (size_t n = 0; n < eval->count; n++) {
        const eval_picture *p = &eval->pictures[n];
        if (p->skipped || !p->is.truth_count) continue;
        count++;
        right += p->found_count && p->found[0].class_index == p->is.truths[0].class_index;
    }
    return count ? (double)right / count : NAN;
}

static void write_figures(const eval_report *r, vd_json_w *w)
{
    vd_eval_figures f = figures_of(r);
    vd_json_w_kv_num(w, "map", f.map, 6);
    vd_json_w_kv_num(w, "map50", f.map50, 6);
    vd_json_w_kv_num(w, "map75", f.map75, 6);
    vd_json_w_key(w, "area");
    vd_json_w_object(w);
    vd_json_w_kv_num(w, "small", f.small, 6);
    vd_json_w_kv_num(w, "medium", f.medium, 6);
    vd_json_w_kv_num(w, "large", f.large, 6);
    vd_json_w_object_end(w);
    vd_json_w_kv_num(w, "recall", f.recall, 6);
    vd_json_w_kv_num(w, "precision", f.precision, 6);
    if (r->eval->classifies) vd_json_w_kv_num(w, "accuracy", accuracy(r->eval), 6);
    vd_json_w_key(w, "false_alarms");
    vd_json_w_object(w);
    vd_json_w_kv_num(w, "per_picture", f.false_alarms_per_picture, 6);
    vd_json_w_kv_num(w, "at_score", r->options->score_min, 6);
    vd_json_w_object_end(w);
}

static void write_class(const eval_report *r, size_t n, vd_json_w *w)
{
    const eval_class *c = &r->matches->classes[n];
    const eval_matches one = { .classes = (eval_class *)c,
                               .class_count = 1,
                               .scratch = r->matches->scratch };
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "class", r->eval->classes[n]);
    vd_json_w_kv_int(w, "truths", r->by_class[n].truths);
    vd_json_w_kv_num(w, "ap", eval_average(&one, NULL, r->eval->count, EVAL_ALL, 0, 9), 6);
    vd_json_w_kv_num(w, "ap50", eval_average(&one, NULL, r->eval->count, EVAL_ALL, 0, 0), 6);
    vd_json_w_kv_int(w, "tp", r->by_class[n].tp);
    vd_json_w_kv_int(w, "fp", r->by_class[n].fp);
    vd_json_w_kv_int(w, "fn", r->by_class[n].fn);
    vd_json_w_object_end(w);
}

static void write_curve(const eval_report *r, vd_json_w *w)
{
    unsigned count = 0;
    double sum[EVAL_RECALLS] = { 0 }, curve[EVAL_RECALLS];
    for (size_t n = 0; n < r->eval->class_count; n++) {
        const eval_class *c = &r->matches->classes[n];
        if (!eval_curve(c->marks, c->count, NULL, EVAL_ALL, 0, c->total[EVAL_ALL],
                        r->matches->scratch, curve))
            continue;
        count++;
        for (int k = 0; k < EVAL_RECALLS; k++) sum[k] += curve[k];
    }
    vd_json_w_key(w, "curve");
    vd_json_w_list(w);
    for (int k = 0; count && k < EVAL_RECALLS; k++) {
        vd_json_w_list(w);
        vd_json_w_num(w, k * 0.01, 2);
        vd_json_w_num(w, sum[k] / count, 6);
        vd_json_w_list_end(w);
    }
    vd_json_w_list_end(w);
}

/* ---- pictures ---- */

static void write_matches(const eval_report *r, size_t class_index, size_t picture, vd_json_w *w)
{
    const eval_gathered *g = &r->by_picture[class_index];
    const eval_class *c = &r->matches->classes[class_index];
    double truths = c->truths[EVAL_ALL][picture];
    if (truths == 0 && g->first[picture] == g->first[picture + 1]) return;
    vd_json_w_list(w);
    vd_json_w_int(w, (int64_t)class_index);
    vd_json_w_int(w, (int64_t)truths);
    for (size_t n = g->first[picture]; n < g->first[picture + 1]; n++) {
        const eval_mark *mark = &c->marks[g->list[n]];
        if (mark->ignored[EVAL_ALL] & 1) continue;
        vd_json_w_num(w, mark->score, 6);
        vd_json_w_int(w, mark->hit[EVAL_ALL] & 1);
    }
    vd_json_w_list_end(w);
}

static void write_picture(const eval_report *r, size_t n, vd_json_w *w)
{
    char camera[2 * VD_LIMIT_NAME_BYTES + 2];
    const vd_eval_picture *p = &r->eval->pictures[n].is;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "picture", p->picture);
    vd_json_w_kv_text(w, "group", p->group);
    vd_json_w_kv_text(w, "camera", eval_camera(p, camera));
    vd_json_w_kv_int(w, "truths", r->counts[n].truths);
    vd_json_w_kv_int(w, "tp", r->counts[n].tp);
    vd_json_w_kv_int(w, "fp", r->counts[n].fp);
    vd_json_w_kv_int(w, "fn", r->counts[n].fn);
    vd_json_w_key(w, "matches");
    vd_json_w_list(w);
    for (size_t k = 0; k < r->eval->class_count; k++) write_matches(r, k, n, w);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

static vd_err write_report(const eval_report *r, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    write_head(r, &w);
    write_figures(r, &w);
    vd_json_w_key(&w, "per_class");
    vd_json_w_list(&w);
    for (size_t n = 0; n < r->eval->class_count; n++) write_class(r, n, &w);
    vd_json_w_list_end(&w);
    eval_write_slices(r, &w);
    write_curve(r, &w);
    eval_write_worst(r, &w);
    eval_write_calibration(r, &w);
    eval_write_latency(r, &w);
    eval_write_words(r, &w);
    vd_json_w_key(&w, "pictures");
    vd_json_w_list(&w);
    for (size_t n = 0; n < r->eval->count; n++)
        if (!r->eval->pictures[n].skipped) write_picture(r, n, &w);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

vd_err vd_eval_report(const vd_eval *eval, const vd_eval_options *options, vd_buf *into,
                      vd_why *why)
{
    VD_AUTO(eval_matches) matches = { 0 };
    VD_AUTO(eval_report) r = { 0 };
    vd_err err = eval_matches_of(eval, &matches, why);
    if (!err) err = prepare(eval, &matches, options, &r, why);
    if (!err && write_report(&r, into)) err = vd_fail(why, VD_FULL, "the report is too large");
    return err;
}
