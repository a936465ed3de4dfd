#include "vd/sketch.h"

#include <math.h>

#define UNIT      64.0
#define COUNT_MAX 2147483648u

vd_sketch vd_sketch_of(const double *edges, unsigned edge_count)
{
    vd_sketch sketch = { .edge_count = edge_count };
    memcpy(sketch.edges, edges, edge_count * sizeof *edges);
    return sketch;
}

static unsigned bin_of(const vd_sketch *sketch, double value)
{
    unsigned bin = 0;
    while (bin < sketch->edge_count && value >= sketch->edges[bin]) bin++;
    return bin;
}

void vd_sketch_add(vd_sketch *sketch, double value)
{
    if (isnan(value) || sketch->count >= COUNT_MAX) return;
    value = fmin(fmax(value, -VD_SKETCH_VALUE_MAX), VD_SKETCH_VALUE_MAX);
    int64_t fixed = llround(value * UNIT);
    sketch->counts[bin_of(sketch, value)]++;
    sketch->count++;
    sketch->sum += fixed;
    sketch->sum2 += ((uint64_t)(fixed * fixed)) >> 12;
}

void vd_sketch_clear(vd_sketch *sketch)
{
    *sketch = vd_sketch_of(sketch->edges, sketch->edge_count);
}

bool vd_sketch_same_edges(const vd_sketch *a, const vd_sketch *b)
{
    return a->edge_count == b->edge_count &&
           memcmp(a->edges, b->edges, a->edge_count * sizeof *a->edges) == 0;
}

vd_err vd_sketch_merge(vd_sketch *into, const vd_sketch *more)
{
    if (into->edge_count == 0) *into = vd_sketch_of(more->edges, more->edge_count);
    if (!vd_sketch_same_edges(into, more)) return VD_INVALID;
    for (unsigned i = 0; i <= into->edge_count; i++) into->counts[i] += more->counts[i];
    into->count += more->count;
    into->sum += more->sum;
    into->sum2 += more->sum2;
    return VD_OK;
}

double vd_sketch_mean(const vd_sketch *sketch)
{
    return sketch->count ? (double)sketch->sum / UNIT / (double)sketch->count : 0;
}

double vd_sketch_sd(const vd_sketch *sketch)
{
    double n = (double)sketch->count, mean = vd_sketch_mean(sketch);
    if (sketch->count < 2) return 0;
    double spread = ((double)sketch->sum2 - n * mean * mean) / (n - 1);
    return spread > 0 ? sqrt(spread) : 0;
}

double vd_sketch_distance(const vd_sketch *a, const vd_sketch *b)
{
    double most = 0, below_a = 0, below_b = 0;
    if (!a->count || !b->count || !vd_sketch_same_edges(a, b)) return 0;
    for (unsigned i = 0; i < a->edge_count; i++) {
        below_a += (double)a->counts[i] / (double)a->count;
        below_b += (double)b->counts[i] / (double)b->count;
        most = fmax(most, fabs(below_a - below_b));
    }
    return most;
}

void vd_sketch_write(const vd_sketch *sketch, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_key(w, "edges");
    vd_json_w_list(w);
    for (unsigned i = 0; i < sketch->edge_count; i++) vd_json_w_num(w, sketch->edges[i], 4);
    vd_json_w_list_end(w);
    vd_json_w_key(w, "counts");
    vd_json_w_list(w);
    for (unsigned i = 0; i <= sketch->edge_count; i++) vd_json_w_int(w, (int64_t)sketch->counts[i]);
    vd_json_w_list_end(w);
    vd_json_w_kv_int(w, "sum", sketch->sum);
    vd_json_w_kv_int(w, "sum2", (int64_t)sketch->sum2);
    vd_json_w_object_end(w);
}

static vd_err read_edges(const vd_json *list, vd_sketch *s, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || count < 1 || count > VD_SKETCH_EDGES_MAX)
        return vd_fail(why, VD_INVALID, "a sketch has 1 to %d edges", VD_SKETCH_EDGES_MAX);
    for (size_t i = 0; i < count; i++) {
        s->edges[i] = vd_json_num(vd_json_at(list, i), NAN);
        if (!isfinite(s->edges[i]) || (i && s->edges[i] <= s->edges[i - 1]))
            return vd_fail(why, VD_INVALID, "a sketch's edges must be numbers that rise");
    }
    s->edge_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_counts(const vd_json *list, vd_sketch *s, vd_why *why)
{
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || vd_json_len(list) != s->edge_count + 1u)
        return vd_fail(why, VD_INVALID, "a sketch has one more count than edges");
    for (unsigned i = 0; i <= s->edge_count; i++) {
        int64_t count = vd_json_int(vd_json_at(list, i), -1);
        if (count < 0 || count > (int64_t)COUNT_MAX)
            return vd_fail(why, VD_INVALID, "a sketch's counts must be whole and not negative");
        s->counts[i] = (uint64_t)count;
        s->count += (uint64_t)count;
    }
    return s->count <= COUNT_MAX ? VD_OK : vd_fail(why, VD_INVALID, "a sketch counts too much");
}

vd_err vd_sketch_read(const vd_json *node, vd_sketch *ret_sketch, vd_why *why)
{
    vd_sketch s = { 0 };
    vd_err err = read_edges(vd_json_get(node, "edges"), &s, why);
    if (!err) err = read_counts(vd_json_get(node, "counts"), &s, why);
    if (err) return err;
    const double most = (double)s.count * VD_SKETCH_VALUE_MAX;
    s.sum = vd_json_int(vd_json_get(node, "sum"), INT64_MIN);
    int64_t sum2 = vd_json_int(vd_json_get(node, "sum2"), -1);
    if (fabs((double)s.sum) > most * UNIT || sum2 < 0 || (double)sum2 > most * VD_SKETCH_VALUE_MAX)
        return vd_fail(why, VD_INVALID, "a sketch's sums do not fit its counts");
    s.sum2 = (uint64_t)sum2;
    *ret_sketch = s;
    return VD_OK;
}
