/* TensorFlow's operations and their attributes. An attribute that changes the meaning and is not
 * known here is refused: a wrong model is worse than none. */
#include "tfjs_priv.h"

#include <stdlib.h>

int64_t tfjs_int(const vd_json *number, int64_t fallback)
{
    const char *text = vd_json_text(number, NULL);
    char *end;
    if (!text) return vd_json_int(number, fallback);
    if (strlen(text) > 20) return fallback;
    int64_t value = strtoll(text, &end, 10);
    return *text && !*end ? value : fallback;
}

bool tfjs_type(const vd_json *type, g_type *ret_type)
{
    static const struct {
        const char *name;
        int64_t number;
        g_type type;
    } types[] = { { "DT_FLOAT", 1, G_F32 }, { "DT_INT32", 3, G_I32 }, { "DT_BOOL", 10, G_BOOL } };
    const char *text = vd_json_text(type, "");
    for (unsigned i = 0; i < VD_COUNT_OF(types); i++)
        if (strcmp(text, types[i].name) == 0 || tfjs_int(type, -1) == types[i].number) {
            *ret_type = types[i].type;
            return true;
        }
    return false;
}

bool tfjs_shape(const vd_json *shape, g_shape *ret_shape)
{
    const vd_json *dims = vd_json_get(shape, "dim");
    if (vd_json_len(dims) > G_RANK_MAX) return false;
    ret_shape->rank = (int)vd_json_len(dims);
    for (int i = 0; i < ret_shape->rank; i++)
        ret_shape->dim[i] = tfjs_int(vd_json_get(vd_json_at(dims, (size_t)i), "size"), -1);
    return true;
}

/* Bytes attribute: base64, short words only. */
static bool word_is(const vd_json *base64, const char *want)
{
    VD_AUTO(vd_buf) word = VD_BUF(64);
    const char *text = vd_json_text(base64, "");
    return vd_base64_decode(vd_slice_str(text), &word) &&
           vd_slice_eq(vd_buf_slice(&word), vd_slice_str(want));
}

static const vd_json *attr_list(const vd_json *attr, const char *key, const char *kind)
{
    return vd_json_get(vd_json_get(vd_json_get(attr, key), "list"), kind);
}

/* [1, height, width, 1] */
static vd_err read_pair(const vd_json *attr, const char *key, int64_t pair[2], g_node *node,
                        vd_why *why)
{
    const vd_json *list = attr_list(attr, key, "i");
    pair[0] = pair[1] = 1;
    if (!vd_json_get(attr, key)) return VD_OK;
    if (vd_json_len(list) != 4 || tfjs_int(vd_json_at(list, 0), 0) != 1 ||
        tfjs_int(vd_json_at(list, 3), 0) != 1)
        return g_fail(node, why, "'%s' must be [1, height, width, 1]", key);
    pair[0] = tfjs_int(vd_json_at(list, 1), 0);
    pair[1] = tfjs_int(vd_json_at(list, 2), 0);
    return VD_OK;
}

static vd_err read_window(const vd_json *attr, g_node *node, vd_why *why)
{
    const vd_json *format = vd_json_get(vd_json_get(attr, "data_format"), "s");
    const vd_json *padding = vd_json_get(vd_json_get(attr, "padding"), "s");
    if (format && !word_is(format, "NHWC"))
        return g_fail(node, why, "only the layout NHWC is supported");
    if (word_is(padding, "SAME"))
        node->padding = G_PAD_SAME;
    else if (!word_is(padding, "VALID"))
        return g_fail(node, why, "only the paddings SAME and VALID are supported");
    vd_err err = read_pair(attr, "strides", node->stride, node, why);
    return err ? err : read_pair(attr, "dilations", node->dilation, node, why);
}

static vd_err read_pool(const vd_json *attr, g_node *node, vd_why *why)
{
    vd_err err = read_window(attr, node, why);
    return err ? err : read_pair(attr, "ksize", node->kernel, node, why);
}

/* fused_ops is [BiasAdd] or [BiasAdd, an activation]. */
static vd_err read_fused(const vd_json *attr, g_node *node, vd_why *why)
{
    const vd_json *fused = attr_list(attr, "fused_ops", "s");
    size_t count = vd_json_len(fused);
    if (count > 2 || (count && !word_is(vd_json_at(fused, 0), "BiasAdd")))
        return g_fail(node, why, "only a bias and an activation may be fused");
    if (count == 2) {
        bool relu = word_is(vd_json_at(fused, 1), "Relu");
        if (!relu && !word_is(vd_json_at(fused, 1), "Relu6"))
            return g_fail(node, why, "only Relu and Relu6 may be fused");
        node->activation = relu ? G_ACT_RELU : G_ACT_RELU6;
    }
    if (node->in_count != (count ? 3 : 2))
        return g_fail(node, why, "the inputs do not match the fused operations");
    return read_window(attr, node, why);
}

static vd_err read_resize(const vd_json *attr, g_node *node, vd_why *why)
{
    (void)why;
    node->align_corners = vd_json_bool(vd_json_get(vd_json_get(attr, "align_corners"), "b"), false);
    node->half_pixel =
        vd_json_bool(vd_json_get(vd_json_get(attr, "half_pixel_centers"), "b"), false);
    return VD_OK;
}

static vd_err read_mean(const vd_json *attr, g_node *node, vd_why *why)
{
    (void)why;
    node->keep_dims = vd_json_bool(vd_json_get(vd_json_get(attr, "keep_dims"), "b"), false);
    return VD_OK;
}

static vd_err read_cast(const vd_json *attr, g_node *node, vd_why *why)
{
    if (!tfjs_type(vd_json_get(vd_json_get(attr, "DstT"), "type"), &node->to))
        return g_fail(node, why, "the type to cast to is not supported");
    return VD_OK;
}

static int64_t attr_int(const vd_json *attr, const char *key)
{
    return tfjs_int(vd_json_get(vd_json_get(attr, key), "i"), 0);
}

static vd_err read_slice(const vd_json *attr, g_node *node, vd_why *why)
{
    if (attr_int(attr, "ellipsis_mask") || attr_int(attr, "new_axis_mask"))
        return g_fail(node, why, "slices with an ellipsis or a new axis are not supported");
    node->begin_mask = attr_int(attr, "begin_mask");
    node->end_mask = attr_int(attr, "end_mask");
    node->shrink_mask = attr_int(attr, "shrink_axis_mask");
    return VD_OK;
}

static vd_err read_gather(const vd_json *attr, g_node *node, vd_why *why)
{
    if (attr_int(attr, "batch_dims"))
        return g_fail(node, why, "gathering per batch is not supported");
    return VD_OK;
}

static const tfjs_op ops[] = {
    { "_FusedConv2D", G_CONV, 1, read_fused },
    { "Add", G_ADD, 1, NULL },
    { "AddV2", G_ADD, 1, NULL },
    { "Cast", G_CAST, 1, read_cast },
    { "ConcatV2", G_CONCAT, 1, NULL },
    { "Conv2D", G_CONV, 1, read_window },
    { "DepthwiseConv2dNative", G_DEPTHWISE, 1, read_window },
    { "Equal", G_EQUAL, 1, NULL },
    { "ExpandDims", G_EXPAND_DIMS, 1, NULL },
    { "FloorDiv", G_FLOOR_DIV, 1, NULL },
    { "FloorMod", G_FLOOR_MOD, 1, NULL },
    { "FusedDepthwiseConv2dNative", G_DEPTHWISE, 1, read_fused },
    { "GatherV2", G_GATHER, 1, read_gather },
    { "Identity", G_IDENTITY, 1, NULL },
    { "MaxPool", G_MAX_POOL, 1, read_pool },
    { "Mean", G_MEAN, 1, read_mean },
    { "Mul", G_MUL, 1, NULL },
    { "Relu", G_RELU, 1, NULL },
    { "Relu6", G_RELU6, 1, NULL },
    { "Reshape", G_RESHAPE, 1, NULL },
    { "ResizeBilinear", G_RESIZE_BILINEAR, 1, read_resize },
    { "Sigmoid", G_SIGMOID, 1, NULL },
    { "StridedSlice", G_STRIDED_SLICE, 1, read_slice },
    { "Sub", G_SUB, 1, NULL },
    { "TopKV2", G_TOP_K, 2, NULL },
};

const tfjs_op *tfjs_op_find(const char *name)
{
    for (unsigned i = 0; i < VD_COUNT_OF(ops); i++)
        if (strcmp(name, ops[i].name) == 0) return &ops[i];
    return NULL;
}
