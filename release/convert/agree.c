#include "agree_priv.h"

#include <stdlib.h>

#include "limits.h"
#include "vd/file.h"

#define TURNS  15
#define MIDDLE 7 /* of them, sorted */

struct agreement {
    unsigned count;
    const vd_chain *chain;
    int threads;
    float score_min;
    vd_frame **frame;
    vd_detections *seen; /* by the first model */
};

static vd_err load_frame(const char *path, vd_frame **ret_frame, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(VD_LIMIT_EVIDENCE_BYTES);
    vd_err err = vd_file_load(path, &jpeg, why);
    return err ? err : vd_frame_from_jpeg(vd_buf_slice(&jpeg), ret_frame, why);
}

static vd_err open_model(const agreement *a, const char *path, vd_model **ret_model, vd_why *why)
{
    vd_model_options options = { .threads = a->threads };
    return vd_model_load(path, &options, ret_model, why);
}

vd_err agreement_new(const char *path, const char *const *pictures, unsigned count,
                     const vd_chain *chain, int threads, agreement **ret_agreement, vd_why *why)
{
    agreement *a = calloc(1, sizeof *a);
    vd_model *model = NULL;
    if (!a) return vd_fail(why, VD_FULL, "there is no memory for the check pictures");
    a->threads = threads;
    a->chain = chain;
    a->frame = calloc(count, sizeof(vd_frame *));
    a->seen = calloc(count, sizeof *a->seen);
    vd_err err = a->frame && a->seen
                     ? open_model(a, path, &model, why)
                     : vd_fail(why, VD_FULL, "there is no memory for the check pictures");
    if (!err) a->score_min = vd_model_score_min(model);
    for (; a->count < count && !err; a->count += !err) {
        err = load_frame(pictures[a->count], &a->frame[a->count], why);
        if (!err)
            err = vd_model_run_chain(model, a->chain, a->frame[a->count], NULL, &a->seen[a->count],
                                     why);
    }
    vd_model_free(model);
    if (err)
        agreement_free(a);
    else
        *ret_agreement = a;
    return err;
}

agreement *agreement_free(agreement *a)
{
    if (!a) return NULL;
    for (unsigned i = 0; i < a->count; i++) vd_frame_unref(a->frame[i]);
    free(a->frame);
    free(a->seen);
    free(a);
    return NULL;
}

static float overlap(const vd_box *a, const vd_box *b)
{
    float l = a->l > b->l ? a->l : b->l, t = a->t > b->t ? a->t : b->t;
    float r = a->l + a->w < b->l + b->w ? a->l + a->w : b->l + b->w;
    float d = a->t + a->h < b->t + b->h ? a->t + a->h : b->t + b->h;
    float both = r > l && d > t ? (r - l) * (d - t) : 0;
    float all = a->w * a->h + b->w * b->h - both;
    return all > 0 ? both / all : 0;
}

/* The best partner of a detection that is left; -1: none. */
static int partner_of(const vd_detection *x, const vd_detections *y, const bool *taken, float least)
{
    int best = -1;
    float most = 0.5f;
    for (unsigned k = 0; k < y->count && y->item[k].score >= least; k++) {
        if (taken[k] || y->item[k].class_id != x->class_id) continue;
        float iou = overlap(&x->box, &y->item[k].box);
        if (iou >= most) most = iou, best = (int)k;
    }
    return best;
}

typedef struct {
    double both, all;
} sums;

/* Best score first: each takes the best partner that is left. */
static void add_side(const vd_detections *x, const vd_detections *y, float least, agree_on on,
                     sums *s)
{
    bool taken[VD_DETECTIONS_MAX] = { false };
    for (unsigned i = 0; i < x->count && x->item[i].score >= least; i++) {
        int best = partner_of(&x->item[i], y, taken, on == AGREE_ON_THINGS ? least * 2 / 3 : 0);
        float a = x->item[i].score, b = best < 0 ? 0 : y->item[best].score;
        if (best >= 0) taken[best] = true;
        s->all += on == AGREE_ON_THINGS ? 1 : a;
        s->both += on == AGREE_ON_THINGS ? best >= 0 : a < b ? a : b;
    }
}

vd_err agreement_of(agreement *a, const char *path, agree_on on, unsigned pictures,
                    double *ret_points, vd_why *why)
{
    vd_model *model = NULL;
    vd_detections *now = malloc(sizeof *now);
    sums s = { 0, 0 };
    vd_err err = now ? open_model(a, path, &model, why)
                     : vd_fail(why, VD_FULL, "there is no memory for detections");
    for (unsigned i = 0; i < a->count && (!pictures || i < pictures) && !err; i++) {
        err = vd_model_run_chain(model, a->chain, a->frame[i], NULL, now, why);
        if (err) break;
        add_side(&a->seen[i], now, a->score_min, on, &s);
        add_side(now, &a->seen[i], a->score_min, on, &s);
    }
    vd_model_free(model);
    free(now);
    if (!err) *ret_points = s.all > 0 ? 100 * s.both / s.all : 100;
    return err;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

vd_err agreement_ms(agreement *a, const char *first, const char *second, double *ret_first_ms,
                    double *ret_second_ms, vd_why *why)
{
    vd_model *model[2] = { NULL };
    vd_detections *now = malloc(sizeof *now);
    int64_t us[2][TURNS];
    vd_err err = now ? open_model(a, first, &model[0], why)
                     : vd_fail(why, VD_FULL, "there is no memory for detections");
    if (!err) err = open_model(a, second, &model[1], why);
    for (int i = 0; i < 2 * TURNS && !err; i++) {
        err = vd_model_run_chain(model[i % 2], a->chain, a->frame[(unsigned)i / 2 % a->count], NULL,
                                 now, why);
        us[i % 2][i / 2] = now->run_us;
    }
    for (int m = 0; m < 2; m++) {
        if (!err) qsort(us[m], TURNS, sizeof us[m][0], by_size);
        vd_model_free(model[m]);
    }
    if (!err) *ret_first_ms = (double)us[0][MIDDLE] / 1e3;
    if (!err) *ret_second_ms = (double)us[1][MIDDLE] / 1e3;
    free(now);
    return err;
}
