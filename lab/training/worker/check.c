#include "check_priv.h"

#include <math.h>
#include <stdlib.h>

#define VALUES_MAX 3
#define ROW        6 /* of CenterNet's output: l, t, r, b, score, class */

typedef struct {
    int value[VALUES_MAX];
    const char *name[VALUES_MAX];
    unsigned count;
    net_numbers torch[VALUES_MAX];
    vd_numbers ort[VALUES_MAX];
} both;

static void done(both *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        free(b->torch[i].data);
        free(b->ort[i].data);
    }
}

/* The greatest difference, as a part of the greatest number (or of 1 when all are smaller). */
static double apart_all(const float *a, const float *b, size_t count)
{
    double worst = 0, most = 1;
    for (size_t i = 0; i < count; i++) {
        double by = fabs((double)a[i] - (double)b[i]);
        worst = fmax(worst, isfinite(by) ? by : INFINITY);
        most = fmax(most, fabs((double)b[i]));
    }
    return worst / most;
}

static double apart_heat(const float *a, const float *b, size_t count)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++)
        worst = fmax(worst, fabs(1 / (1 + exp(-(double)a[i])) - 1 / (1 + exp(-(double)b[i]))));
    return worst;
}

/* The list that is made from the maps: cells with almost the same heat may change places or push
 * each other out, by the last bit of one number. The maps say all; here only the best score must
 * agree. */
static double apart_rows(const float *a, const float *b, size_t count)
{
    double best[2] = { 0, 0 };
    for (size_t i = 0; i + ROW <= count; i += ROW) {
        best[0] = fmax(best[0], (double)a[i + 4]);
        best[1] = fmax(best[1], (double)b[i + 4]);
    }
    return fabs(best[0] - best[1]);
}

static vd_err compare(const plan *p, const both *b, double tolerance, double *ret_worst,
                      vd_why *why)
{
    bool detection = p->task == NET_DETECTION;
    double worst[VALUES_MAX] = { 0 };
    *ret_worst = 0;
    for (unsigned i = 0; i < b->count; i++) {
        const float *t = b->torch[i].data, *o = b->ort[i].data;
        size_t count = b->torch[i].count;
        if (count != b->ort[i].count)
            worst[i] = INFINITY;
        else if (b->value[i] == p->model.output[0])
            worst[i] = detection ? apart_rows(t, o, count) : apart_all(t, o, count);
        else
            worst[i] = detection && b->value[i] == p->heat ? apart_heat(t, o, count)
                                                           : apart_all(t, o, count);
        *ret_worst = fmax(*ret_worst, worst[i]);
    }
    for (unsigned i = 0; i < b->count; i++) {
        if (worst[i] <= tolerance) continue;
        vd_fail(why, VD_CORRUPT, "the trained model gives other numbers in ONNX Runtime");
        vd_why_detail(why, "'%.120s' differs by %.3g, %.3g is allowed", b->name[i], worst[i],
                      tolerance);
        vd_why_hint(why, "nothing was written; please report this with the start model's name");
        return VD_CORRUPT;
    }
    return VD_OK;
}

static vd_err run_ort(const plan *p, both *b, vd_slice file, const float *picture, int threads,
                      vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(p->model.bytes.limit);
    const nn_model *m = &p->model;
    vd_graph *graph = NULL;
    int64_t dims[NN_RANK_MAX];
    for (unsigned i = 0; i < m->input_shape.rank; i++)
        dims[i] = m->input_shape.dim[i] > 0 ? m->input_shape.dim[i] : 1;
    /* the last of the values is the graph's own output */
    if (!vd_buf_add(&bytes, file) || !nn_bytes_add_outputs(m, b->value, b->count - 1, &bytes))
        return vd_fail(why, VD_FULL, "there is no memory to check the model");
    vd_err err = vd_graph_load(vd_buf_slice(&bytes), threads, &graph, why);
    if (!err)
        err = vd_graph_run(graph, m->value[m->input].name, picture, dims, m->input_shape.rank,
                           b->name, b->count, b->ort, why);
    (void)vd_graph_free(graph);
    return err;
}

vd_err check_numbers(const plan *p, net *n, vd_slice file, const float *picture, int threads,
                     double tolerance, double *ret_worst, vd_why *why)
{
    both b = { 0 };
    if (p->heat != p->model.output[0]) b.value[b.count++] = p->heat;
    if (p->task == NET_DETECTION) b.value[b.count++] = p->size;
    b.value[b.count++] = p->model.output[0];
    for (unsigned i = 0; i < b.count; i++) b.name[i] = p->model.value[b.value[i]].name;
    vd_err err = net_values(n, picture, b.value, b.count, b.torch, why);
    if (!err) err = run_ort(p, &b, file, picture, threads, why);
    if (!err) err = compare(p, &b, tolerance, ret_worst, why);
    done(&b);
    return err;
}
