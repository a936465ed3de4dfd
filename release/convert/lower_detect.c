/* TFLite_Detection_PostProcess in ONNX's own operations:
 *
 *   boxes [1,N,4]  y x h w, relative to anchors ──▶ corners [N,4]: top left bottom right
 *   scores [1,N,C] (a background before them is cut off)
 *   fast      each anchor stands for its best class; a better box suppresses any other
 *   regular   each class suppresses its own; the best of all classes stay
 *
 * What suppression keeps varies in number; zeros behind it fill the outputs to their fixed size.
 * TFLite keeps a score that equals the threshold and ONNX does not, so the threshold goes down by
 * the least step of a float. */
#include <math.h>

#include "lower_priv.h"

typedef struct {
    low *l;
    const g_node *node;
    const g_detection *d;
    int64_t anchors;
    const char *corners, *scores; /* [N,4], [N,C] */
} detection;

static const char *temp(const detection *x, const char *what)
{
    return low_temp(x->l, x->node, what);
}

static const char *ints(const detection *x, const int64_t *values, unsigned count)
{
    return low_ints(x->l, x->node, "k", values, count);
}

static const char *one_int(const detection *x, int64_t value)
{
    const char *name = temp(x, "k");
    onnx_initializer(x->l->w, name, ONNX_INT64, NULL, 0, vd_slice_of(&value, 8));
    return name;
}

static const char *floats(const detection *x, const float *values, int64_t rows, int64_t columns)
{
    int64_t dims[2] = { rows, columns };
    return low_floats(x->l, temp(x, "c"), values, dims, columns ? 2 : rows ? 1 : 0);
}

static const char *node1(const detection *x, const char *op, const char *in)
{
    const char *out = temp(x, op);
    low_node1(x->l, op, in, out);
    return out;
}

static const char *node2(const detection *x, const char *op, const char *a, const char *b)
{
    const char *out = temp(x, op);
    low_node2(x->l, op, a, b, out);
    return out;
}

/* The same with one attribute. */
static const char *with(const detection *x, const char *op, const char *a, const char *b,
                        const char *attr, int64_t value)
{
    const char *out = temp(x, op);
    onnx_node(x->l->w, op, (const char *[]){ a, b }, b ? 2 : 1, &out, 1);
    onnx_attr_int(x->l->w, attr, value);
    onnx_node_end(x->l->w);
    return out;
}

static const char *cast(const detection *x, const char *in, onnx_type to)
{
    return with(x, "Cast", in, NULL, "to", to);
}

static const char *shaped(const detection *x, const char *in, const int64_t *dims, unsigned rank)
{
    return node2(x, "Reshape", in, ints(x, dims, rank));
}

static const char *cut(const detection *x, const char *in, int64_t axis, int64_t from, int64_t to)
{
    const char *out = temp(x, "cut");
    const char *all[4] = { in, ints(x, &from, 1), ints(x, &to, 1), ints(x, &axis, 1) };
    onnx_node(x->l->w, "Slice", all, 4, &out, 1);
    onnx_node_end(x->l->w);
    return out;
}

/* value * (anchor side / scale) [+ anchor centre], as two constants [N,2]. */
static void anchor_constants(const detection *x, float *centre, float *reach, float *half)
{
    const float *a = g_in(x->l->g, x->node, 2)->data;
    for (int64_t i = 0; i < x->anchors; i++, a += 4)
        for (int k = 0; k < 2; k++) {
            centre[2 * i + k] = a[k];
            reach[2 * i + k] = a[2 + k] / (k ? x->d->x_scale : x->d->y_scale);
            half[2 * i + k] = a[2 + k] / 2;
        }
}

static bool make_corners(detection *x)
{
    size_t bytes = (size_t)x->anchors * 2 * sizeof(float);
    float *centre = vd_arena_alloc(x->l->g->arena, bytes);
    float *reach = vd_arena_alloc(x->l->g->arena, bytes);
    float *half = vd_arena_alloc(x->l->g->arena, bytes);
    if (!centre || !reach || !half) return false;
    anchor_constants(x, centre, reach, half);
    int64_t flat[2] = { x->anchors, 4 };
    const float shrink[2] = { 1 / x->d->h_scale, 1 / x->d->w_scale };
    const char *in = shaped(x, low_get(x->l, x->node->in[0], PLAIN), flat, 2);
    const char *at = node2(x, "Mul", cut(x, in, 1, 0, 2), floats(x, reach, x->anchors, 2));
    at = node2(x, "Add", at, floats(x, centre, x->anchors, 2));
    const char *side = node2(x, "Mul", cut(x, in, 1, 2, 4), floats(x, shrink, 2, 0));
    side = node2(x, "Mul", node1(x, "Exp", side), floats(x, half, x->anchors, 2));
    x->corners = with(x, "Concat", node2(x, "Sub", at, side), node2(x, "Add", at, side), "axis", 1);
    return true;
}

static void make_scores(detection *x)
{
    int64_t width = g_in(x->l->g, x->node, 1)->shape.dim[2], flat[2] = { x->anchors, width };
    x->scores = shaped(x, low_get(x->l, x->node->in[1], PLAIN), flat, 2);
    if (width > x->d->classes) x->scores = cut(x, x->scores, 1, width - x->d->classes, width);
}

/* scores [1,C,N] -> chosen rows [K,3]: batch, class, anchor */
static const char *suppress(const detection *x, const char *scores, int64_t most)
{
    int64_t dims[3] = { 1, x->anchors, 4 };
    const float least = nextafterf(x->d->score_min, -INFINITY);
    const char *out = temp(x, "kept");
    const char *in[5] = { shaped(x, x->corners, dims, 3), scores, one_int(x, most),
                          floats(x, &x->d->iou, 0, 0), floats(x, &least, 0, 0) };
    onnx_node(x->l->w, "NonMaxSuppression", in, 5, &out, 1);
    onnx_node_end(x->l->w);
    return out;
}

static const char *column(const detection *x, const char *rows, int64_t index)
{
    return with(x, "Gather", rows, one_int(x, index), "axis", 1);
}

static void best(const detection *x, const char *in, const char *k, const char *out[2])
{
    out[0] = temp(x, "best");
    out[1] = temp(x, "which");
    onnx_node(x->l->w, "TopK", (const char *[]){ in, k }, 2, out, 2);
    onnx_node_end(x->l->w);
}

/* Numbers of a column, then enough of `value` behind, `rows` in all: nothing later meets an empty
 * tensor, which ONNX Runtime does not survive everywhere. */
static const char *filled(const detection *x, const char *in, int64_t rows, int64_t value)
{
    int64_t *behind = vd_arena_alloc(x->l->g->arena, (size_t)rows * sizeof(*behind));
    if (!behind) {
        x->l->w->failed = true;
        return in;
    }
    for (int64_t i = 0; i < rows; i++) behind[i] = value;
    return cut(x, with(x, "Concat", in, ints(x, behind, (unsigned)rows), "axis", 0), 0, 0, rows);
}

/* One more row of zeros, for anchor number N: what stands where nothing was found. */
static const char *and_nothing(const detection *x, const char *in, int64_t columns)
{
    float *zero = vd_arena_alloc(x->l->g->arena, (size_t)columns * sizeof(*zero));
    if (zero) return with(x, "Concat", in, floats(x, zero, 1, columns), "axis", 0);
    x->l->w->failed = true;
    return in;
}

static void give(const detection *x, const char *in, unsigned index)
{
    const g_shape *to = &x->l->g->value[(unsigned)x->node->out + index].shape;
    low_node2(x->l, "Reshape", in, ints(x, to->dim, (unsigned)to->rank),
              low_out(x->l, x->node, index, PLAIN, 1));
}

static void give_count(const detection *x, const char *rows)
{
    const float most = (float)x->d->rows;
    const char *count = cast(x, cut(x, node1(x, "Shape", rows), 0, 0, 1), ONNX_FLOAT);
    low_node2(x->l, "Min", count, floats(x, &most, 1, 0), low_out(x->l, x->node, 3, PLAIN, 1));
}

static const char *best_score(const detection *x)
{
    const char *top = temp(x, "top");
    onnx_node(x->l->w, "ReduceMax", &x->scores, 1, &top, 1);
    onnx_attr_ints(x->l->w, "axes", (int64_t[]){ 1 }, 1);
    onnx_attr_int(x->l->w, "keepdims", 0);
    onnx_node_end(x->l->w);
    return top;
}

static void lower_fast(const detection *x)
{
    int64_t each = x->d->classes_per_row, rows = x->d->rows, single[3] = { 1, 1, x->anchors };
    int64_t wide[2] = { 1, each }, tall[2] = { rows, 1 };
    const char *kept = suppress(x, shaped(x, best_score(x), single, 3), rows), *found[2];
    const char *anchor = filled(x, column(x, kept, 2), rows, x->anchors);
    const char *there = cast(x, node2(x, "Less", anchor, one_int(x, x->anchors)), ONNX_FLOAT);
    const char *scores = and_nothing(x, x->scores, x->d->classes);
    best(x, with(x, "Gather", scores, anchor, "axis", 0), ints(x, &each, 1), found);
    const char *corners = and_nothing(x, x->corners, 4);
    corners = with(x, "Gather", corners, anchor, "axis", 0);
    if (each > 1) corners = node2(x, "Tile", corners, ints(x, wide, 2)); /* a row for each class */
    give(x, corners, 0);
    give(x, node2(x, "Mul", cast(x, found[1], ONNX_FLOAT), shaped(x, there, tall, 2)), 1);
    give(x, found[0], 2);
    give_count(x, kept);
}

static void lower_regular(const detection *x)
{
    const float floor = 0;
    int64_t rows = x->d->rows, form[3] = { 1, x->d->classes, x->anchors };
    float *below = vd_arena_alloc(x->l->g->arena, (size_t)rows * sizeof(float));
    int64_t *away = vd_arena_alloc(x->l->g->arena, (size_t)rows * 2 * sizeof(int64_t));
    if (!below || !away) {
        x->l->w->failed = true;
        return;
    }
    for (int64_t i = 0; i < rows; i++) below[i] = -1;
    for (int64_t i = 0; i < rows; i++) away[rows + i] = x->anchors;
    const char *by_class = shaped(x, node1(x, "Transpose", x->scores), form, 3);
    const char *kept = suppress(x, by_class, x->d->rows_per_class), *found[2];
    const char *score = node2(x, "GatherND", by_class, kept);
    score = with(x, "Concat", score, floats(x, below, rows, 0), "axis", 0);
    best(x, score, ints(x, &rows, 1), found);
    const char *classes = ints(x, away, (unsigned)rows);
    classes = with(x, "Concat", column(x, kept, 1), classes, "axis", 0);
    const char *anchor = ints(x, away + rows, (unsigned)rows);
    anchor = with(x, "Concat", column(x, kept, 2), anchor, "axis", 0);
    anchor = with(x, "Gather", anchor, found[1], "axis", 0);
    give(x, with(x, "Gather", and_nothing(x, x->corners, 4), anchor, "axis", 0), 0);
    give(x, cast(x, with(x, "Gather", classes, found[1], "axis", 0), ONNX_FLOAT), 1);
    give(x, node2(x, "Max", found[0], floats(x, &floor, 0, 0)), 2);
    give_count(x, kept);
}

vd_err low_detection(low *l, const g_node *node, vd_why *why)
{
    (void)why;
    detection x = { .l = l, .node = node, .d = node->detection };
    x.anchors = g_in(l->g, node, 2)->shape.dim[0];
    if (!make_corners(&x)) {
        l->w->failed = true;
        return VD_OK;
    }
    make_scores(&x);
    if (x.d->regular)
        lower_regular(&x);
    else
        lower_fast(&x);
    return VD_OK;
}
