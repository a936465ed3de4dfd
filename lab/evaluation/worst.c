/* worst.c - the pictures that went worst, with the reason; and what is weak in a measurement. */
#include "eval_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAR_IOU       0.1 /* overlap from which a box is called misplaced, not false */
#define GROUPS_LEAST   6
#define PICTURES_LEAST 30
#define WORDS_SKIPPED  5

typedef struct {
    uint32_t picture;
    unsigned missed, false_alarms, wrong, misplaced, truths;
    double surest; /* of what is false */
    const char *surest_name, *missed_name;
    double badness;
} trouble;

static void box_of(double into[4], double l, double t, double w, double h)
{
    into[0] = l;
    into[1] = t;
    into[2] = w;
    into[3] = h;
}

/* What a detection that hit nothing is nearest to, among the truths nobody hit. */
static int32_t nearest_missed(const eval_picture *p, const eval_found *f, const bool *hit,
                              double *ret_iou)
{
    int32_t best = -1;
    double found[4], truth[4];
    *ret_iou = 0;
    box_of(found, f->l, f->t, f->w, f->h);
    for (unsigned n = 0; n < p->is.truth_count; n++) {
        const vd_eval_truth *t = &p->is.truths[n];
        box_of(truth, t->l, t->t, t->w, t->h);
        double iou = hit[n] || t->crowd ? 0 : eval_iou(found, truth);
        if (iou > *ret_iou) {
            *ret_iou = iou;
            best = (int32_t)n;
        }
    }
    return best;
}

/* Sorts one false detection into its kind; a truth that explains it is not called missed. */
static void explain(const eval_report *r, const eval_picture *p, const eval_found *f, bool *hit,
                    trouble *t)
{
    double iou;
    int32_t near = nearest_missed(p, f, hit, &iou);
    bool same = near >= 0 && p->is.truths[near].class_index == f->class_index;
    if (f->score > t->surest) {
        t->surest = f->score;
        t->surest_name = r->eval->classes[f->class_index];
    }
    if (near >= 0 && !same && iou >= 0.5) {
        t->wrong++;
        hit[near] = true;
    } else if (same && iou >= NEAR_IOU) {
        t->misplaced++;
        hit[near] = true;
    } else {
        t->false_alarms++;
        t->badness += f->score;
    }
}

/* Two rounds over a picture's detections: what was hit, then what the others are. */
static void look_at(const eval_report *r, size_t class_index, bool hits_only, bool *hit, trouble *t)
{
    const eval_picture *p = &r->eval->pictures[t->picture];
    const eval_gathered *g = &r->by_picture[class_index];
    for (size_t n = g->first[t->picture]; n < g->first[t->picture + 1]; n++) {
        const eval_mark *mark = &r->matches->classes[class_index].marks[g->list[n]];
        if (mark->score < r->options->score_min) return;
        if (hits_only && mark->truth >= 0) hit[mark->truth] = true;
        if (!hits_only && !((mark->hit[EVAL_ALL] | mark->ignored[EVAL_ALL]) & 1))
            explain(r, p, &p->found[mark->found], hit, t);
    }
}

static trouble trouble_of(const eval_report *r, uint32_t picture)
{
    const eval_picture *p = &r->eval->pictures[picture];
    trouble t = { .picture = picture, .truths = r->counts[picture].truths };
    bool *hit = calloc(p->is.truth_count + 1u, sizeof *hit);
    if (!hit) return t;
    for (unsigned n = 0; n < p->is.truth_count; n++) hit[n] = p->is.truths[n].crowd;
    for (size_t n = 0; n < r->eval->class_count; n++) look_at(r, n, true, hit, &t);
    for (size_t n = 0; n < r->eval->class_count; n++) look_at(r, n, false, hit, &t);
    for (unsigned n = 0; n < p->is.truth_count; n++) {
        if (hit[n]) continue;
        t.missed++;
        t.missed_name = r->eval->classes[p->is.truths[n].class_index];
    }
    t.badness += t.missed + t.wrong + 0.5 * t.misplaced;
    free(hit);
    return t;
}

static int reason_of(const trouble *t)
{
    unsigned kinds = (t->missed > 0) + (t->false_alarms > 0) + (t->wrong > 0) + (t->misplaced > 0);
    if (kinds > 1) return VD_WORST_REASON_MIXED;
    if (t->missed) return VD_WORST_REASON_MISSED;
    if (t->false_alarms) return VD_WORST_REASON_FALSE_ALARM;
    return t->wrong ? VD_WORST_REASON_WRONG_CLASS : VD_WORST_REASON_MISPLACED;
}

static const char *in_words(const trouble *t, vd_buf *text)
{
    const char *join = "";
    vd_buf_clear(text);
    if (t->missed) {
        vd_buf_addf(text, "%u of %u missed (%s)", t->missed, t->truths, t->missed_name);
        join = "; ";
    }
    if (t->wrong) {
        vd_buf_addf(text, "%s%u called by another name", join, t->wrong);
        join = "; ";
    }
    if (t->misplaced) {
        vd_buf_addf(text, "%s%u misplaced", join, t->misplaced);
        join = "; ";
    }
    if (t->false_alarms)
        vd_buf_addf(text, "%s%u false alarm%s", join, t->false_alarms,
                    t->false_alarms == 1 ? "" : "s");
    if (t->surest_name) vd_buf_addf(text, ", the surest %.2f (%s)", t->surest, t->surest_name);
    return text->data ? text->data : "";
}

static int by_badness(const void *a, const void *b)
{
    const trouble *one = a, *two = b;
    if (one->badness != two->badness) return one->badness > two->badness ? -1 : 1;
    return one->picture < two->picture ? -1 : one->picture > two->picture;
}

static void write_trouble(const eval_report *r, const trouble *t, vd_json_w *w)
{
    VD_AUTO(vd_buf) text = VD_BUF(1024);
    char camera[2 * VD_LIMIT_NAME_BYTES + 2];
    const vd_eval_picture *p = &r->eval->pictures[t->picture].is;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "picture", p->picture);
    vd_json_w_kv_text(w, "camera", eval_camera(p, camera));
    vd_json_w_kv_text(w, "reason", vd_worst_reason_words[reason_of(t)]);
    vd_json_w_kv_text(w, "why", in_words(t, &text));
    vd_json_w_object_end(w);
}

void eval_write_worst(const eval_report *r, vd_json_w *w)
{
    size_t count = 0;
    trouble *all = calloc(r->eval->count, sizeof *all);
    /* Only pictures with something wrong are looked at closely. */
    for (uint32_t n = 0; all && n < r->eval->count; n++)
        if (r->counts[n].fp + r->counts[n].fn) all[count++] = trouble_of(r, n);
    if (all) qsort(all, count, sizeof *all, by_badness);
    vd_json_w_key(w, "worst");
    vd_json_w_list(w);
    for (size_t n = 0; n < count && n < VD_EVAL_WORST; n++)
        if (all[n].badness > 0) write_trouble(r, &all[n], w);
    vd_json_w_list_end(w);
    free(all);
}

/* ---- words ---- */

static void word(vd_json_w *w, vd_buf *text)
{
    if (text->data) vd_json_w_text(w, text->data);
    vd_buf_clear(text);
}

static bool knows(const vd_eval_options *o, const char *name)
{
    if (!o->model_classes) return true;
    for (size_t n = 0; n < o->model_class_count; n++)
        if (strcmp(o->model_classes[n], name) == 0) return true;
    return false;
}

static void write_skipped(const eval_report *r, vd_json_w *w, vd_buf *text)
{
    size_t count = 0;
    for (size_t n = 0; n < r->eval->count; n++) {
        const eval_picture *p = &r->eval->pictures[n];
        if (!p->skipped || ++count > WORDS_SKIPPED) continue;
        vd_buf_addf(text, "picture %.12s was left out: %.200s", p->is.picture, p->skipped);
        word(w, text);
    }
    if (count <= WORDS_SKIPPED) return;
    vd_buf_addf(text, "%zu more pictures were left out", count - WORDS_SKIPPED);
    word(w, text);
}

static void write_weak_classes(const eval_report *r, vd_json_w *w, vd_buf *text)
{
    for (size_t n = 0; n < r->eval->class_count; n++) {
        const char *name = r->eval->classes[n];
        if (r->by_class[n].truths == 0)
            vd_buf_addf(text, "class '%s' is not in the split '%s': it counts in no average", name,
                        r->eval->split);
        else if (!knows(r->options, name))
            vd_buf_addf(text, "the model does not know the class '%s': its AP is 0", name);
        if (text->len) word(w, text);
    }
}

void eval_write_words(const eval_report *r, vd_json_w *w)
{
    const vd_eval *eval = r->eval;
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w_key(w, "words");
    vd_json_w_list(w);
    if (r->measured < PICTURES_LEAST) {
        vd_buf_addf(&text, "%zu pictures are few: the figures jump with each of them", r->measured);
        word(w, &text);
    }
    if (eval->groups < GROUPS_LEAST) {
        vd_buf_addf(&text, "%zu group%s of neighbouring pictures: too few to compare models",
                    eval->groups, eval->groups == 1 ? "" : "s");
        word(w, &text);
    }
    write_weak_classes(r, w, &text);
    if (eval->strangers) {
        vd_buf_addf(&text,
                    "%llu detections of classes that the dataset does not have were left "
                    "out ('%.60s' is one)",
                    (unsigned long long)eval->strangers, eval->strange_name);
        word(w, &text);
    }
    write_skipped(r, w, &text);
    vd_json_w_list_end(w);
}
