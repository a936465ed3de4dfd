/* TFLite's operations that move, join and choose, and the one that ends a detector. */
#include "tflite_priv.h"

#include <math.h>

static int64_t option(const tflite *t, unsigned field, int64_t fallback)
{
    return fb_int(&t->options, field, 4, fallback);
}

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the graph does not fit in memory");
}

/* Inputs 0 .. count - 1 as they are. */
static vd_err read_inputs(tflite *t, int *in, unsigned count, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; i < count && !err; i++) err = tflite_input(t, i, &in[i], why);
    return err;
}

static int one_int(tflite *t, int64_t value)
{
    return tflite_ints(t, &(int32_t){ (int32_t)value }, 1);
}

static int ints_of(tflite *t, const fb_vector *list)
{
    int32_t values[G_RANK_MAX];
    unsigned count = list->count < G_RANK_MAX ? list->count : G_RANK_MAX;
    for (unsigned i = 0; i < count; i++) values[i] = (int32_t)fb_list_int(list, i, 4);
    return tflite_ints(t, values, count);
}

static vd_err read_concat(tflite *t, vd_why *why)
{
    int in[G_INPUTS_MAX + 1] = { 0 };
    if (t->in.count < 1 || t->in.count >= G_INPUTS_MAX)
        return tflite_fail(t, why, "%u inputs are too many", t->in.count);
    vd_err err = read_inputs(t, in, t->in.count, why);
    if (err) return err;
    in[t->in.count] = one_int(t, option(t, 0, 0));
    int out = tflite_node(t, G_CONCAT, in, t->in.count + 1);
    return tflite_give(t, 0, out, (int)fb_int(&t->options, 1, 1, 0), why);
}

/* A form that is worked out while running is the one that the file says comes out. */
static vd_err read_reshape(tflite *t, vd_why *why)
{
    tflite_tensor tensor;
    int in[2] = { -1, -1 };
    fb_vector form = fb_list(&t->options, 0, 4);
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (!err && tflite_has_input(t, 1)) err = tflite_input(t, 1, &in[1], why);
    if (err) return err;
    if (in[1] < 0 && fb_has(&t->options, 0)) in[1] = ints_of(t, &form);
    if (in[1] < 0 || !t->g->value[in[1]].data) {
        int32_t dims[G_RANK_MAX];
        err = tflite_tensor_read(t, fb_list_int(&t->out, 0, 4), &tensor, why);
        for (int i = 0; i < tensor.shape.rank && !err; i++) dims[i] = (int32_t)tensor.shape.dim[i];
        in[1] = err ? -1 : tflite_ints(t, dims, (unsigned)tensor.shape.rank);
    }
    return err ? err : tflite_give(t, 0, tflite_node(t, G_RESHAPE, in, 2), 0, why);
}

static vd_err read_squeeze(tflite *t, vd_why *why)
{
    fb_vector gone = fb_list(&t->options, 0, 4);
    int in[2] = { -1, ints_of(t, &gone) };
    vd_err err = tflite_input(t, 0, &in[0], why);
    return err ? err : tflite_give(t, 0, tflite_node(t, G_SQUEEZE, in, 2), 0, why);
}

/* x and one more constant input. */
static vd_err read_pair(tflite *t, vd_why *why)
{
    static const struct {
        int code;
        g_op op;
    } pairs[] = { { 39, G_TRANSPOSE }, { 56, G_ARG_MAX }, { 70, G_EXPAND_DIMS }, { 34, G_PAD } };
    int in[2] = { -1, -1 };
    g_op op = G_NOP;
    for (unsigned i = 0; i < VD_COUNT_OF(pairs); i++)
        if (pairs[i].code == t->op->code) op = pairs[i].op;
    vd_err err = read_inputs(t, in, 2, why);
    return err ? err : tflite_give(t, 0, tflite_node(t, op, in, 2), 0, why);
}

static vd_err read_pad_with(tflite *t, vd_why *why)
{
    int in[3] = { -1, -1, -1 };
    vd_err err = read_inputs(t, in, 3, why);
    return err ? err : tflite_give(t, 0, tflite_node(t, G_PAD, in, 3), 0, why);
}

static vd_err read_mirror_pad(tflite *t, vd_why *why)
{
    int in[2] = { -1, -1 };
    if (fb_int(&t->options, 0, 1, 0))
        return tflite_fail(t, why, "mirrors that repeat the border are not supported");
    vd_err err = read_inputs(t, in, 2, why);
    return err ? err : tflite_give(t, 0, tflite_node(t, G_MIRROR_PAD, in, 2), 0, why);
}

static vd_err read_reduce(tflite *t, vd_why *why)
{
    int in[2] = { -1, -1 }, code = t->op->code;
    vd_err err = read_inputs(t, in, 2, why);
    if (err) return err;
    int out = tflite_node(t,
                          code == 40   ? G_MEAN
                          : code == 74 ? G_SUM
                          : code == 82 ? G_REDUCE_MAX
                                       : G_REDUCE_MIN,
                          in, 2);
    if (out >= 0) tflite_last(t)->keep_dims = fb_int(&t->options, 0, 1, 0) != 0;
    return tflite_give(t, 0, out, 0, why);
}

static vd_err read_strided_slice(tflite *t, vd_why *why)
{
    int in[4] = { -1, -1, -1, -1 };
    vd_err err = read_inputs(t, in, 4, why);
    if (err) return err;
    if (option(t, 2, 0) || option(t, 3, 0) || fb_int(&t->options, 5, 1, 0))
        return tflite_fail(t, why, "slices with an ellipsis or a new axis are not supported");
    int out = tflite_node(t, G_STRIDED_SLICE, in, 4);
    if (out >= 0) {
        tflite_last(t)->begin_mask = option(t, 0, 0);
        tflite_last(t)->end_mask = option(t, 1, 0);
        tflite_last(t)->shrink_mask = option(t, 4, 0);
    }
    return tflite_give(t, 0, out, 0, why);
}

/* Begin and size become begin and end; a size of -1 reaches to the end. */
static vd_err read_slice(tflite *t, vd_why *why)
{
    int in[4] = { -1, -1, -1, -1 };
    int32_t end[G_RANK_MAX], step[G_RANK_MAX];
    int64_t open = 0;
    vd_err err = read_inputs(t, in, 3, why);
    if (err) return err;
    const g_value *from = &t->g->value[in[1]], *size = &t->g->value[in[2]];
    if (!from->data || !size->data || from->type != G_I32 || size->type != G_I32 ||
        g_elements(&from->shape) > G_RANK_MAX ||
        g_elements(&from->shape) != g_elements(&size->shape))
        return tflite_fail(t, why, "begin and size must be constants");
    unsigned count = (unsigned)g_elements(&from->shape);
    for (unsigned i = 0; i < count; i++) {
        int64_t begin = g_const_int(from, i), reach = g_const_int(size, i);
        if (begin < 0 || begin > G_ELEMENTS_MAX || reach < -1 || reach > G_ELEMENTS_MAX)
            return tflite_fail(t, why, "begin or size is out of range");
        end[i] = (int32_t)(begin + reach);
        step[i] = 1;
        if (reach < 0) open |= 1 << i;
    }
    in[2] = tflite_ints(t, end, count);
    in[3] = tflite_ints(t, step, count);
    int out = tflite_node(t, G_STRIDED_SLICE, in, 4);
    if (out >= 0) tflite_last(t)->end_mask = open;
    return tflite_give(t, 0, out, 0, why);
}

static vd_err give_all(tflite *t, int first, unsigned count, vd_why *why)
{
    vd_err err = first < 0 ? no_memory(why) : VD_OK;
    for (unsigned i = 0; i < count && !err; i++) err = tflite_give(t, i, first + (int)i, 0, why);
    return err;
}

/* The file says how large each part is. */
static vd_err part_sizes(tflite *t, int64_t axis, int *ret_sizes, vd_why *why)
{
    tflite_tensor part;
    int32_t sizes[G_INPUTS_MAX];
    vd_err err = VD_OK;
    if (t->out.count < 1 || t->out.count > G_INPUTS_MAX)
        return tflite_fail(t, why, "1 to %d parts are needed", G_INPUTS_MAX);
    for (unsigned i = 0; i < t->out.count && !err; i++) {
        err = tflite_tensor_read(t, fb_list_int(&t->out, i, 4), &part, why);
        if (err) return err;
        int64_t along = axis < 0 ? axis + part.shape.rank : axis;
        if (along < 0 || along >= part.shape.rank)
            return tflite_fail(t, why, "the axis is outside the tensor");
        sizes[i] = (int32_t)part.shape.dim[along];
    }
    *ret_sizes = tflite_ints(t, sizes, t->out.count);
    return err;
}

/* SPLIT: axis, x, equal parts. SPLIT_V: x, sizes, axis. */
static vd_err read_split(tflite *t, vd_why *why)
{
    bool equal = t->op->code == 49;
    int in[3] = { -1, -1, -1 };
    vd_err err = tflite_input(t, equal ? 1 : 0, &in[0], why);
    if (!err) err = tflite_input(t, equal ? 0 : 2, &in[1], why);
    if (err) return err;
    const g_value *axis = &t->g->value[in[1]];
    if (!axis->data || axis->type != G_I32 || g_elements(&axis->shape) != 1)
        return tflite_fail(t, why, "a constant axis is needed");
    err = part_sizes(t, g_const_int(axis, 0), &in[2], why);
    if (err) return err;
    return give_all(t, tflite_node_outs(t, G_SPLIT, in, 3, t->out.count), t->out.count, why);
}

static vd_err read_pack(tflite *t, vd_why *why)
{
    int in[G_INPUTS_MAX + 1] = { 0 };
    unsigned count = t->in.count;
    if (count < 1 || count >= G_INPUTS_MAX)
        return tflite_fail(t, why, "%u inputs are too many", count);
    vd_err err = read_inputs(t, in, count, why);
    for (unsigned i = 0; i < count && !err; i++) {
        int pair[2] = { in[i], one_int(t, option(t, 1, 0)) };
        in[i] = tflite_node(t, G_EXPAND_DIMS, pair, 2);
    }
    if (err) return err;
    in[count] = one_int(t, option(t, 1, 0));
    return tflite_give(t, 0, tflite_node(t, G_CONCAT, in, count + 1), 0, why);
}

static vd_err read_unpack(tflite *t, vd_why *why)
{
    int in[3] = { -1, one_int(t, option(t, 1, 0)), -1 };
    int32_t ones[G_INPUTS_MAX];
    unsigned count = t->out.count;
    vd_err err = tflite_input(t, 0, &in[0], why);
    if (err) return err;
    if (count < 1 || count > G_INPUTS_MAX)
        return tflite_fail(t, why, "%u outputs are too many", count);
    for (unsigned i = 0; i < count; i++) ones[i] = 1;
    in[2] = tflite_ints(t, ones, count);
    int first = tflite_node_outs(t, G_SPLIT, in, 3, count);
    for (unsigned i = 0; i < count && !err; i++) {
        int pair[2] = { first < 0 ? -1 : first + (int)i, in[1] };
        err = tflite_give(t, i, tflite_node(t, G_SQUEEZE, pair, 2), 0, why);
    }
    return err;
}

static vd_err read_gather(tflite *t, vd_why *why)
{
    int in[3] = { -1, -1, -1 };
    if (option(t, 1, 0)) return tflite_fail(t, why, "gathering per batch is not supported");
    vd_err err = read_inputs(t, in, 2, why);
    if (err) return err;
    in[2] = one_int(t, option(t, 0, 0));
    return tflite_give(t, 0, tflite_node(t, G_GATHER, in, 3), 0, why);
}

static vd_err read_top_k(tflite *t, vd_why *why)
{
    int in[2] = { -1, -1 };
    vd_err err = read_inputs(t, in, 2, why);
    return err ? err : give_all(t, tflite_node_outs(t, G_TOP_K, in, 2, 2), 2, why);
}

static vd_err read_cast(tflite *t, vd_why *why)
{
    tflite_tensor from, to;
    int in = -1;
    vd_err err = tflite_input(t, 0, &in, why);
    if (!err) err = tflite_tensor_read(t, fb_list_int(&t->in, 0, 4), &from, why);
    if (!err) err = tflite_tensor_read(t, fb_list_int(&t->out, 0, 4), &to, why);
    if (err) return err;
    const g_quant *q = t->quant_of[fb_list_int(&t->in, 0, 4)];
    bool bytes = to.type == TYPE_U8 || to.type == TYPE_I8;
    if (bytes || (q && (q->count > 1 || q->scale[0] != 1 || q->zero[0])))
        return tflite_fail(t, why,
                           "casting the bare integers of quantised numbers is not supported");
    int out = tflite_node(t, G_CAST, &in, 1);
    if (out >= 0) tflite_last(t)->to = tflite_type(to.type);
    return tflite_give(t, 0, out, 0, why);
}

static vd_err read_blocks(tflite *t, vd_why *why)
{
    int in = -1;
    vd_err err = tflite_input(t, 0, &in, why);
    if (err) return err;
    int out = tflite_node(t, t->op->code == 5 ? G_DEPTH_TO_SPACE : G_SPACE_TO_DEPTH, &in, 1);
    if (out >= 0) tflite_last(t)->kernel[0] = option(t, 0, 0);
    return tflite_give(t, 0, out, 0, why);
}

/* All sizes are fixed: the form of a tensor is a constant. */
static vd_err read_shape(tflite *t, vd_why *why)
{
    tflite_tensor from;
    int32_t dims[G_RANK_MAX];
    vd_err err = tflite_tensor_read(t, fb_list_int(&t->in, 0, 4), &from, why);
    if (err) return err;
    for (int i = 0; i < from.shape.rank; i++) dims[i] = (int32_t)from.shape.dim[i];
    return tflite_give(t, 0, tflite_ints(t, dims, (unsigned)from.shape.rank), 0, why);
}

static const tflite_op ops[] = {
    { "CONCATENATION", 2, 5, false, read_concat },
    { "DEPTH_TO_SPACE", 5, 2, true, read_blocks },
    { "RESHAPE", 22, 2, true, read_reshape },
    { "SPACE_TO_DEPTH", 26, 2, true, read_blocks },
    { "PAD", 34, 4, true, read_pair },
    { "GATHER", 36, 7, true, read_gather },
    { "TRANSPOSE", 39, 7, true, read_pair },
    { "MEAN", 40, 3, false, read_reduce },
    { "SQUEEZE", 43, 2, true, read_squeeze },
    { "STRIDED_SLICE", 45, 8, true, read_strided_slice },
    { "TOPK_V2", 48, 3, true, read_top_k },
    { "SPLIT", 49, 4, false, read_split },
    { "CAST", 53, 7, false, read_cast },
    { "ARG_MAX", 56, 3, false, read_pair },
    { "PADV2", 60, 4, true, read_pad_with },
    { "SLICE", 65, 6, true, read_slice },
    { "EXPAND_DIMS", 70, 1, true, read_pair },
    { "SUM", 74, 2, false, read_reduce },
    { "SHAPE", 77, 1, false, read_shape },
    { "REDUCE_MAX", 82, 3, true, read_reduce },
    { "PACK", 83, 4, false, read_pack },
    { "UNPACK", 88, 4, true, read_unpack },
    { "REDUCE_MIN", 89, 3, true, read_reduce },
    { "MIRROR_PAD", 100, 3, true, read_mirror_pad },
    { "SPLIT_V", 102, 2, true, read_split },
};

const tflite_op *tflite_op_more(int code)
{
    for (unsigned i = 0; i < VD_COUNT_OF(ops); i++)
        if (ops[i].code == code) return &ops[i];
    return NULL;
}

typedef struct {
    vd_slice map;
    bool bad;
} custom_options;

static double number(custom_options *o, const char *key, double fallback, double least, double most)
{
    double value = fallback;
    if (!flex_number(o->map, key, &value) && isnan(fallback)) o->bad = true;
    if (!(value >= least && value <= most)) o->bad = true;
    return o->bad ? least : value;
}

static vd_err read_detection(tflite *t, vd_why *why)
{
    fb_vector bytes = fb_list(&t->oper, OPERATOR_CUSTOM, 1);
    custom_options o = { .map = bytes.count
                                    ? vd_slice_of(t->file.bytes.data + bytes.at, bytes.count)
                                    : VD_SLICE_NONE };
    int in[3] = { -1, -1, -1 };
    g_detection *d = vd_arena_alloc(t->arena, sizeof(*d));
    vd_err err = read_inputs(t, in, 3, why);
    if (err) return err;
    if (!d) return no_memory(why);
    *d = (g_detection){ .rows = (int64_t)number(&o, "max_detections", NAN, 1, 1000),
                        .classes_per_row =
                            (int64_t)number(&o, "max_classes_per_detection", 1, 1, 1000),
                        .rows_per_class = (int64_t)number(&o, "detections_per_class", 100, 1, 1e6),
                        .classes = (int64_t)number(&o, "num_classes", NAN, 1, 100000),
                        .regular = number(&o, "use_regular_nms", 0, 0, 1) != 0,
                        .score_min = (float)number(&o, "nms_score_threshold", NAN, -1e30, 1e30),
                        .iou = (float)number(&o, "nms_iou_threshold", NAN, 0, 1),
                        .y_scale = (float)number(&o, "y_scale", NAN, 1e-6, 1e6),
                        .x_scale = (float)number(&o, "x_scale", NAN, 1e-6, 1e6),
                        .h_scale = (float)number(&o, "h_scale", NAN, 1e-6, 1e6),
                        .w_scale = (float)number(&o, "w_scale", NAN, 1e-6, 1e6) };
    if (o.bad) return tflite_fail(t, why, "its options are missing or out of range");
    if (d->classes_per_row > d->classes) d->classes_per_row = d->classes;
    if (d->rows_per_class > d->rows) d->rows_per_class = d->rows;
    int first = tflite_node_outs(t, G_DETECTION, in, 3, 4);
    if (first >= 0) tflite_last(t)->detection = d;
    return give_all(t, first, 4, why);
}

const tflite_op *tflite_op_custom(vd_slice name)
{
    static const tflite_op detection = { "TFLite_Detection_PostProcess", CODE_CUSTOM_OPERATION, 1,
                                         false, read_detection };
    return vd_slice_eq(name, vd_slice_str(detection.name)) ? &detection : NULL;
}
