/* match.c - detections meet truths, by the COCO definition; precision over recall.
 *
 * Per class and picture, the 100 best detections by score take, each in turn, the free truth that
 * they overlap most, if by at least the IoU asked for. Truths that do not count (crowds, and those
 * outside of an area range) are taken only when no other fits; a crowd is never used up, and
 * overlap with it is measured against the detection's own area. Detections that took such a truth,
 * or took none and lie outside of the area range, are ignored: neither hit nor false alarm. */
#include "eval_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double area_least[EVAL_AREAS] = { 0, 0, 32 * 32, 96 * 96 };
static const double area_most[EVAL_AREAS] = { 1e10, 32 * 32, 96 * 96, 1e10 };

static double overlap(const double a[4], const double b[4])
{
    double w = fmin(a[0] + a[2], b[0] + b[2]) - fmax(a[0], b[0]);
    double h = fmin(a[1] + a[3], b[1] + b[3]) - fmax(a[1], b[1]);
    return w > 0 && h > 0 ? w * h : 0;
}

double eval_iou(const double a[4], const double b[4])
{
    double both = overlap(a, b);
    return both > 0 ? both / (a[2] * a[3] + b[2] * b[3] - both) : 0;
}

/* ---- one picture, one class ---- */

typedef struct {
    double box[4], area;
    bool crowd;
    unsigned index; /* in the picture's truths */
} candidate;
typedef struct {
    candidate *truths, *found;
    unsigned truth_count, found_count;
    double *ious; /* [found][truth] */
    unsigned *order;
    bool *out, *taken;
    size_t room_truths, room_found, room_ious;
} bench;

static bool grow(void **list, size_t *room, size_t need, size_t size)
{
    if (need <= *room) return true;
    void *bigger = realloc(*list, need * size);
    if (!bigger) return false;
    *list = bigger;
    *room = need;
    return true;
}

static bool make_room(bench *b, size_t truths, size_t found)
{
    size_t had = b->room_truths, order_room = had, out_room = had, taken_room = had;
    return grow((void **)&b->order, &order_room, truths, sizeof *b->order) &&
           grow((void **)&b->out, &out_room, truths, sizeof *b->out) &&
           grow((void **)&b->taken, &taken_room, truths, sizeof *b->taken) &&
           grow((void **)&b->truths, &b->room_truths, truths, sizeof *b->truths) &&
           grow((void **)&b->found, &b->room_found, found, sizeof *b->found) &&
           grow((void **)&b->ious, &b->room_ious, truths * found, sizeof *b->ious);
}

static void bench_done(bench *b)
{
    free(b->truths);
    free(b->found);
    free(b->ious);
    free(b->order);
    free(b->out);
    free(b->taken);
}
VD_AUTO_DEFINE(bench, bench_done)

static candidate in_pixels(const vd_eval_picture *p, double l, double t, double w, double h)
{
    double x = p->width_px, y = p->height_px;
    return (candidate){ .box = { l * x, t * y, w * x, h * y }, .area = w * x * (h * y) };
}

/* Lays out one class of one picture. */
static bool lay_out(bench *b, const eval_picture *p, unsigned class_index)
{
    b->truth_count = b->found_count = 0;
    if (!make_room(b, p->is.truth_count + 1u, p->found_count + 1u)) return false;
    for (unsigned n = 0; n < p->is.truth_count; n++) {
        const vd_eval_truth *t = &p->is.truths[n];
        if (t->class_index != class_index) continue;
        candidate *c = &b->truths[b->truth_count++];
        *c = in_pixels(&p->is, t->l, t->t, t->w, t->h);
        c->crowd = t->crowd;
        c->index = n;
    }
    for (unsigned n = 0; n < p->found_count && b->found_count < VD_EVAL_PER_PICTURE; n++) {
        const eval_found *f = &p->found[n];
        if (f->class_index != class_index) continue;
        candidate *c = &b->found[b->found_count++];
        *c = in_pixels(&p->is, f->l, f->t, f->w, f->h);
        c->index = n;
    }
    for (unsigned d = 0; d < b->found_count; d++)
        for (unsigned t = 0; t < b->truth_count; t++) {
            const candidate *one = &b->found[d], *two = &b->truths[t];
            b->ious[d * b->truth_count + t] =
                two->crowd ? overlap(one->box, two->box) / one->area : eval_iou(one->box, two->box);
        }
    return true;
}

static bool outside(double area, int range)
{
    return area < area_least[range] || area > area_most[range];
}

/* Those that count first, each kind in its own order. */
static void order_truths(bench *b, int range)
{
    unsigned at = 0;
    for (unsigned n = 0; n < b->truth_count; n++)
        b->out[n] = b->truths[n].crowd || outside(b->truths[n].area, range);
    for (int out = 0; out < 2; out++)
        for (unsigned n = 0; n < b->truth_count; n++)
            if (b->out[n] == (out != 0)) b->order[at++] = n;
}

/* The truth that detection `d` takes, or -1. */
static int best_truth(const bench *b, unsigned d, double least_iou)
{
    int best = -1;
    double best_iou = least_iou < 1 - 1e-10 ? least_iou : 1 - 1e-10;
    for (unsigned n = 0; n < b->truth_count; n++) {
        unsigned t = b->order[n];
        double iou = b->ious[d * b->truth_count + t];
        if (b->taken[t] && !b->truths[t].crowd) continue;
        if (best >= 0 && !b->out[best] && b->out[t]) break;
        if (iou < best_iou) continue;
        best_iou = iou;
        best = (int)t;
    }
    return best;
}

static void match(bench *b, int range, int iou, eval_mark *marks)
{
    uint16_t bit = (uint16_t)(1u << iou);
    memset(b->taken, 0, b->truth_count * sizeof *b->taken);
    for (unsigned d = 0; d < b->found_count; d++) {
        int best = best_truth(b, d, 0.5 + 0.05 * iou);
        if (best >= 0) b->taken[best] = true;
        bool ignored = best >= 0 ? b->out[best] : outside(b->found[d].area, range);
        if (best >= 0 && !ignored) marks[d].hit[range] |= bit;
        if (ignored) marks[d].ignored[range] |= bit;
        if (range == EVAL_ALL && iou == 0 && best >= 0 && !ignored)
            marks[d].truth = (int32_t)b->truths[best].index;
    }
}

/* ---- all pictures ---- */

static size_t count_found(const vd_eval *eval, unsigned class_index)
{
    size_t total = 0;
    for (size_t n = 0; n < eval->count; n++) {
        unsigned here = 0;
        const eval_picture *p = &eval->pictures[n];
        for (unsigned d = 0; d < p->found_count && here < VD_EVAL_PER_PICTURE; d++)
            here += p->found[d].class_index == class_index;
        total += here;
    }
    return total;
}

static int by_score(const void *a, const void *b)
{
    const eval_mark *one = a, *two = b;
    if (one->score != two->score) return one->score > two->score ? -1 : 1;
    return one->order < two->order ? -1 : one->order > two->order;
}

static void match_picture(bench *b, const eval_picture *p, uint32_t index, eval_class *c)
{
    eval_mark *marks = &c->marks[c->count];
    for (unsigned d = 0; d < b->found_count; d++)
        marks[d] = (eval_mark){ .score = p->found[b->found[d].index].score,
                                .picture = index,
                                .found = b->found[d].index,
                                .order = (uint32_t)(c->count + d),
                                .truth = -1 };
    for (int range = 0; range < EVAL_AREAS; range++) {
        order_truths(b, range);
        for (int iou = 0; iou < EVAL_IOUS; iou++) match(b, range, iou, marks);
        unsigned counting = 0;
        for (unsigned t = 0; t < b->truth_count; t++) counting += !b->out[t];
        c->truths[range][index] = counting;
        c->total[range] += counting;
    }
    c->count += b->found_count;
}

static vd_err match_class(const vd_eval *eval, unsigned class_index, bench *b, eval_class *c)
{
    size_t most = count_found(eval, class_index);
    c->marks = calloc(most ? most : 1, sizeof *c->marks);
    for (int range = 0; range < EVAL_AREAS; range++)
        c->truths[range] = calloc(eval->count, sizeof(double));
    for (int range = 0; range < EVAL_AREAS; range++)
        if (!c->marks || !c->truths[range]) return VD_FULL;
    for (size_t n = 0; n < eval->count; n++) {
        if (eval->pictures[n].skipped) continue;
        if (!lay_out(b, &eval->pictures[n], class_index)) return VD_FULL;
        match_picture(b, &eval->pictures[n], (uint32_t)n, c);
    }
    qsort(c->marks, c->count, sizeof *c->marks, by_score);
    return VD_OK;
}

vd_err eval_matches_of(const vd_eval *eval, eval_matches *ret_matches, vd_why *why)
{
    size_t most = 1;
    VD_AUTO(bench) b = { 0 };
    eval_matches *m = ret_matches;
    m->class_count = eval->class_count;
    m->classes = calloc(eval->class_count, sizeof *m->classes);
    vd_err err = m->classes ? VD_OK : VD_FULL;
    for (unsigned n = 0; !err && n < eval->class_count; n++) {
        err = match_class(eval, n, &b, &m->classes[n]);
        if (m->classes[n].count > most) most = m->classes[n].count;
    }
    if (!err) m->scratch = calloc(most, 2 * sizeof *m->scratch);
    if (!err && m->scratch) return VD_OK;
    return vd_fail(why, VD_FULL, "no memory to match the detections");
}

void eval_matches_done(eval_matches *matches)
{
    for (size_t n = 0; matches->classes && n < matches->class_count; n++) {
        free(matches->classes[n].marks);
        for (int range = 0; range < EVAL_AREAS; range++) free(matches->classes[n].truths[range]);
    }
    free(matches->classes);
    free(matches->scratch);
    *matches = (eval_matches){ 0 };
}

/* ---- averages ---- */

bool eval_curve(const eval_mark *marks, size_t count, const double *weight, int area, int iou,
                double truths, double *scratch, double curve[EVAL_RECALLS])
{
    double tp = 0, fp = 0, *recall = scratch, *precision = scratch + count;
    size_t points = 0, at = 0;
    uint16_t bit = (uint16_t)(1u << iou);
    if (!(truths > 0)) return false;
    for (size_t n = 0; n < count; n++) {
        double times = weight ? weight[marks[n].picture] : 1;
        if (times == 0 || marks[n].ignored[area] & bit) continue;
        if (marks[n].hit[area] & bit)
            tp += times;
        else
            fp += times;
        recall[points] = tp / truths;
        precision[points++] = tp / (tp + fp);
    }
    for (size_t n = points; n > 1; n--)
        if (precision[n - 2] < precision[n - 1]) precision[n - 2] = precision[n - 1];
    for (int n = 0; n < EVAL_RECALLS; n++) {
        while (at < points && recall[at] < n * 0.01) at++;
        curve[n] = at < points ? precision[at] : 0;
    }
    return true;
}

double eval_mean(const double curve[EVAL_RECALLS])
{
    double sum = 0;
    for (int n = 0; n < EVAL_RECALLS; n++) sum += curve[n];
    return sum / EVAL_RECALLS;
}

static double weighted_truths(const eval_class *c, const double *weight, size_t pictures, int area)
{
    double total = 0;
    if (!weight) return c->total[area];
    for (size_t n = 0; n < pictures; n++) total += weight[n] * c->truths[area][n];
    return total;
}

double eval_average(const eval_matches *matches, const double *weight, size_t pictures, int area,
                    int first_iou, int last_iou)
{
    double sum = 0, curve[EVAL_RECALLS];
    unsigned count = 0;
    for (size_t n = 0; n < matches->class_count; n++) {
        const eval_class *c = &matches->classes[n];
        double truths = weighted_truths(c, weight, pictures, area);
        for (int iou = first_iou; iou <= last_iou; iou++) {
            if (!eval_curve(c->marks, c->count, weight, area, iou, truths, matches->scratch, curve))
                continue;
            sum += eval_mean(curve);
            count++;
        }
    }
    return count ? sum / count : NAN;
}
