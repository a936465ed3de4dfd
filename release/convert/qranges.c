/* qranges.c - what passes between the layers, seen on calibration pictures: first the ends, then a
 * histogram between them, from which the range is chosen. */
#include <stdlib.h>

#include "limits.h"
#include "pb_priv.h"
#include "quant_priv.h"
#include "vd/file.h"

#define TAIL 1e-4 /* of VD_QUANTIZE_PERCENTILE, at each end */
#define CUTS 64   /* narrower ranges that VD_QUANTIZE_MSE tries */

typedef struct {
    const char **name;
    int *value;
    unsigned count;
    vd_numbers *numbers;
} taps;

typedef void (*look)(q_range *range, const vd_numbers *numbers);

static void look_at_ends(q_range *range, const vd_numbers *numbers)
{
    for (size_t i = 0; i < numbers->count; i++) {
        float x = numbers->data[i];
        if (x < range->min) range->min = x; /* a NaN changes nothing here and is found below */
        if (x > range->max) range->max = x;
    }
    range->seen = true;
}

static void look_at_bins(q_range *range, const vd_numbers *numbers)
{
    float width = range->max - range->min;
    float per_bin = width > 0 ? (float)Q_BINS / width : 0;
    for (size_t i = 0; i < numbers->count; i++) {
        float at = (numbers->data[i] - range->min) * per_bin;
        unsigned bin = at > 0 ? (unsigned)at : 0;
        range->bins[bin < Q_BINS ? bin : Q_BINS - 1]++;
    }
}

static bool all_finite(const vd_numbers *numbers)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (!isfinite(numbers->data[i])) return false;
    return true;
}

/* What is looked at, and with what. */
typedef struct {
    q_plan *plan;
    taps *taps;
    vd_graph *graph;
    const char *input;
    vd_chain chain; /* the camera's and the model's */
    vd_tensor_spec spec;
    vd_preparer *preparer;
    float *tensor;
} looker;

static vd_err look_at_tensor(const looker *l, look each, vd_why *why)
{
    const taps *t = l->taps;
    const int64_t w = l->spec.width_px, h = l->spec.height_px;
    const bool last = l->spec.layout == VD_LAYOUT_NHWC;
    const int64_t dims[4] = { 1, last ? h : 3, last ? w : h, last ? 3 : w };
    vd_err err =
        vd_graph_run(l->graph, l->input, l->tensor, dims, 4, t->name, t->count, t->numbers, why);
    if (err) return err;
    for (unsigned i = 0; i < t->count; i++) {
        if (!err && !all_finite(&t->numbers[i]))
            err = vd_fail(why, VD_INVALID, "the model makes numbers that are none at '%.80s'",
                          t->name[i]);
        if (!err) each(&l->plan->range[t->value[i]], &t->numbers[i]);
        free(t->numbers[i].data);
    }
    return err;
}

/* As a device's model looks: prepared by the chain, in one piece or tile by tile. */
static vd_err look_at_frame(const looker *l, const vd_frame *frame, look each, vd_why *why)
{
    vd_part_px part[VD_TILES_MAX + 1];
    vd_tensor_spec spec = l->spec;
    vd_prepared prepared;
    vd_tensor_map map;
    unsigned count = 1;
    vd_err err = vd_preparer_run(l->preparer, &l->chain, vd_frame_picture(frame), NULL, &spec,
                                 &prepared, why);
    if (err) return err;
    spec.light = prepared.light;
    part[0] = prepared.part;
    if (l->chain.tiles.width_px)
        err = vd_chain_tiles(&l->chain.tiles, &prepared.part, part, &count, why);
    for (unsigned i = 0; i < count && !err; i++) {
        vd_picture_tensor(&prepared.picture, &part[i], &spec, l->tensor, &map);
        err = look_at_tensor(l, each, why);
    }
    return err;
}

static vd_err look_at_picture(const looker *l, const char *path, look each, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(VD_LIMIT_EVIDENCE_BYTES);
    vd_frame *frame = NULL;
    vd_err err = vd_file_load(path, &jpeg, why);
    if (!err) err = vd_frame_from_jpeg(vd_buf_slice(&jpeg), &frame, why);
    if (!err) err = look_at_frame(l, frame, each, why);
    vd_frame_unref(frame);
    return err;
}

/* ModelProto 7 graph { 12 output { 1 name } }: a second graph message is merged into the first. */
static bool add_outputs(const taps *t, vd_slice onnx, vd_buf *into)
{
    VD_AUTO(vd_buf) graph = VD_BUF(1u << 24);
    bool good = vd_buf_add(into, onnx);
    for (unsigned i = 0; i < t->count && good; i++) {
        VD_AUTO(vd_buf) info = VD_BUF(1u << 16);
        good = pb_add_bytes(&info, 1, vd_slice_str(t->name[i])) &&
               pb_add_bytes(&graph, 12, vd_buf_slice(&info));
    }
    return good && pb_add_bytes(into, 7, vd_buf_slice(&graph));
}

static bool list_taps(const q_plan *p, taps *t)
{
    const q_graph *g = p->graph;
    t->name = vd_arena_alloc(g->arena, g->value_count * sizeof *t->name);
    t->value = vd_arena_alloc(g->arena, g->value_count * sizeof *t->value);
    t->numbers = vd_arena_alloc(g->arena, g->value_count * sizeof *t->numbers);
    if (!t->name || !t->value || !t->numbers) return false;
    for (unsigned v = 0; v < g->value_count; v++) {
        q_range *range = &p->range[v];
        if (!range->quantized || range->same_as >= 0) continue;
        range->bins = vd_arena_alloc(g->arena, Q_BINS * sizeof *range->bins);
        if (!range->bins) return false;
        t->name[t->count] = g->value[v].name;
        t->value[t->count++] = (int)v;
    }
    return true;
}

/* The input of the graph is no output of it: its range follows from how pixels become numbers. */
static void range_of_input(q_plan *p, taps *t, const vd_descriptor_facts *facts)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (strcmp(t->name[i], p->graph->input) != 0) continue;
        q_range *range = &p->range[t->value[i]];
        for (int c = 0; c < 3; c++) {
            float a = (0 - facts->tensor.mean[c]) * facts->tensor.scale[c];
            float b = (255 - facts->tensor.mean[c]) * facts->tensor.scale[c];
            range->min = fminf(range->min, fminf(a, b));
            range->max = fmaxf(range->max, fmaxf(a, b));
        }
        range->seen = true;
        range->bins = NULL;
        t->count--;
        t->name[i] = t->name[t->count];
        t->value[i] = t->value[t->count];
        return;
    }
}

static void set_scale(q_range *range, float min, float max)
{
    if (min > 0) min = 0;
    if (max < 0) max = 0;
    if (!(max - min > 1e-12f)) max = min + 1e-6f;
    range->scale = (max - min) / 255.0f;
    float zero = roundf(-min / range->scale);
    range->zero = zero < 0 ? 0 : zero > 255 ? 255 : (int)zero;
}

/* Squared error of a histogram cut to [lo, hi) bins and put on 255 steps. */
static double error_of(const q_range *range, unsigned lo, unsigned hi)
{
    double width = (range->max - range->min) / Q_BINS, step = (hi - lo) * width / 255, sum = 0;
    for (unsigned b = 0; b < Q_BINS; b++) {
        double beyond = b < lo ? (lo - b) * width : b >= hi ? (b + 1 - hi) * width : 0;
        sum += range->bins[b] * (beyond > 0 ? beyond * beyond : step * step / 12);
    }
    return sum;
}

static void narrow(q_range *range, float *min, float *max)
{
    double least = error_of(range, 0, Q_BINS), width = (range->max - range->min) / Q_BINS;
    unsigned zero_bin = range->min < 0 ? (unsigned)(-range->min / width) : 0;
    for (unsigned cut = 1; cut < CUTS; cut++) {
        unsigned lo = zero_bin * cut / CUTS, hi = Q_BINS - (Q_BINS - zero_bin) * cut / CUTS;
        if (hi <= lo + 8) break;
        double error = error_of(range, lo, hi);
        if (error >= least) continue;
        least = error;
        *min = range->min + (float)(lo * width);
        *max = range->min + (float)(hi * width);
    }
}

static void cut_tails(const q_range *range, float *min, float *max)
{
    double total = 0, width = (range->max - range->min) / Q_BINS, left = 0, right = 0;
    unsigned lo = 0, hi = Q_BINS;
    for (unsigned b = 0; b < Q_BINS; b++) total += range->bins[b];
    while (lo < Q_BINS - 1 && (left += range->bins[lo]) < total * TAIL) lo++;
    while (hi > lo + 1 && (right += range->bins[hi - 1]) < total * TAIL) hi--;
    *min = range->min + (float)(lo * width);
    *max = range->min + (float)(hi * width);
}

/* Between the rounds: steps where a hard swish gives 0 anyway are better used elsewhere. */
static void raise_floors(q_plan *p)
{
    for (unsigned v = 0; v < p->graph->value_count; v++) {
        q_range *range = &p->range[v];
        if (!range->seen || range->same_as >= 0) continue;
        const float floor = q_gate_floor(p, (int)v);
        if (range->min < floor && floor < range->max) range->min = floor;
    }
}

static void choose(q_range *range, vd_quantize_ranges how)
{
    float min = range->min, max = range->max;
    if (range->bins && how == VD_QUANTIZE_PERCENTILE) cut_tails(range, &min, &max);
    if (range->bins && how == VD_QUANTIZE_MSE) narrow(range, &min, &max);
    set_scale(range, min, max);
}

/* What leaves int8 is looked at closely, most of all its rare large scores: nothing is cut off. */
static void choose_all(q_plan *p, vd_quantize_ranges how)
{
    q_gate gate;
    for (unsigned v = 0; v < p->graph->value_count; v++) {
        const int maker = p->graph->value[v].maker;
        if (!p->range[v].seen) continue;
        if (maker >= 0 && q_gate_read(&p->graph->node[maker], &gate))
            set_scale(&p->range[v], 0, 1);
        else
            choose(&p->range[v], p->wanted[v] ? how : VD_QUANTIZE_MIN_MAX);
    }
}

/* A model that names the whole picture knows no tiles. */
static vd_err looker_open(looker *l, const vd_descriptor_facts *facts, const vd_chain *camera,
                          vd_why *why)
{
    size_t count = (size_t)facts->tensor.width_px * (size_t)facts->tensor.height_px * 3;
    vd_err err = vd_chain_join(camera, facts->chain, &l->chain, why);
    if (err) return err;
    if (strcmp(facts->decode, "classification") == 0 || strcmp(facts->decode, "embedding") == 0)
        l->chain.tiles.width_px = 0;
    l->spec = facts->tensor;
    vd_chain_spec(&l->chain, &l->spec);
    l->tensor = malloc(count * sizeof *l->tensor);
    if (!l->tensor || vd_preparer_new(&l->preparer))
        return vd_fail(why, VD_FULL, "there is no memory for a picture");
    return VD_OK;
}

static vd_err look_at_all(const looker *l, const vd_quantize_options *o, vd_why *why)
{
    const unsigned pictures = o->picture_count;
    vd_err err = VD_OK;
    for (unsigned i = 0; i < 2 * pictures && !err; i++) {
        const bool first = i < pictures;
        if (i == pictures) raise_floors(l->plan);
        err = look_at_picture(l, o->pictures[first ? i : i - pictures],
                              first ? look_at_ends : look_at_bins, why);
        if (o->progress) o->progress(o->ctx, "calibrating", (i + 1) / (2.0 * pictures));
    }
    return err;
}

vd_err q_ranges_find(q_plan *p, vd_slice onnx, const vd_descriptor_facts *facts,
                     const vd_quantize_options *o, vd_why *why)
{
    VD_AUTO(vd_buf) tapped = VD_BUF(VD_LIMIT_MODEL_BYTES);
    taps t = { 0 };
    looker l = { .plan = p, .taps = &t, .input = facts->input ? facts->input : p->graph->input };
    if (!list_taps(p, &t)) return vd_fail(why, VD_FULL, "there is no memory for the ranges");
    range_of_input(p, &t, facts);
    if (!add_outputs(&t, onnx, &tapped)) return vd_fail(why, VD_FULL, "the model is too large");
    vd_err err = looker_open(&l, facts, o->chain, why);
    if (!err) err = vd_graph_load(vd_buf_slice(&tapped), o->threads, &l.graph, why);
    if (!err) err = look_at_all(&l, o, why);
    vd_graph_free(l.graph);
    vd_preparer_free(l.preparer);
    free(l.tensor);
    if (!err) choose_all(p, o->ranges);
    return err;
}
