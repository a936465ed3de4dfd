#include "model_descriptor_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "inference.h"
#include "vd/file.h"

#define YAML_BYTES (1u << 20)

static vd_err need_text(const vd_config_node *map, const char *key, const char **value, vd_why *why)
{
    vd_err err = vd_config_text(map, key, value, why);
    if (!err && (!*value || !**value)) err = vd_config_fail(map, why, "'%s' is needed", key);
    return err;
}

/* A file beside the descriptor, never a way elsewhere. */
static vd_err check_file_name(const vd_config_node *map, const char *key, const char *name,
                              vd_why *why)
{
    if (strchr(name, '/') || name[0] == '.')
        return vd_config_fail(map, why, "'%s' must name a file beside the descriptor", key);
    return VD_OK;
}

static vd_err read_size(const vd_config_node *input, vd_tensor_spec *tensor, vd_why *why)
{
    const vd_config_node *size = vd_config_get(input, "size");
    int64_t side[2] = { 0, 0 };
    if (!size || !vd_config_is_list(size) || vd_config_len(size) != 2)
        return vd_config_fail(size ? size : input, why, "'size' must be [width, height]");
    for (size_t i = 0; i < 2; i++) {
        vd_err err = vd_config_int(vd_config_at(size, i), NULL, 1, MODEL_SIDE_MAX, &side[i], why);
        if (err) return err;
    }
    tensor->width_px = (int)side[0];
    tensor->height_px = (int)side[1];
    return VD_OK;
}

/* One number for all channels, or a list of three. */
static vd_err read_triple(const vd_config_node *input, const char *key, float to[3], vd_why *why)
{
    const vd_config_node *node = vd_config_get(input, key);
    bool list = node && vd_config_is_list(node);
    if (!node) return VD_OK;
    if (list && vd_config_len(node) != 3)
        return vd_config_fail(node, why, "'%s' must be one number or three", key);
    for (size_t i = 0; i < 3; i++) {
        double value = 0;
        vd_err err = list ? vd_config_num(vd_config_at(node, i), NULL, -1e6, 1e6, &value, why)
                          : vd_config_num(input, key, -1e6, 1e6, &value, why);
        if (err) return err;
        to[i] = (float)value;
    }
    return VD_OK;
}

static vd_err read_choice(const vd_config_node *map, const char *key, const char *const *names,
                          int fallback, int *ret_choice, vd_why *why)
{
    *ret_choice = fallback;
    return vd_config_choice(map, key, names, ret_choice, why);
}

static vd_err read_input(const vd_config_node *input, model_descriptor *d, vd_why *why)
{
    static const char *const keys[] = { "name",  "layout", "size", "channels", "fit",
                                        "place", "pad",    "mean", "scale",    NULL };
    static const char *const layouts[] = { "nchw", "nhwc", NULL };
    static const char *const orders[] = { "rgb", "bgr", NULL };
    static const char *const fits[] = { "letterbox", "stretch", NULL };
    static const char *const places[] = { "center", "top-left", NULL };
    int layout, order, fit, place;
    double pad = 114;
    vd_tensor_spec *t = &d->tensor;
    t->scale[0] = t->scale[1] = t->scale[2] = 1;
    vd_err err = vd_config_only(input, keys, why);
    if (!err) err = vd_config_text(input, "name", &d->input, why);
    if (!err) err = read_size(input, t, why);
    if (!err) err = read_choice(input, "layout", layouts, 0, &layout, why);
    if (!err) err = read_choice(input, "channels", orders, 0, &order, why);
    if (!err) err = read_choice(input, "fit", fits, 0, &fit, why);
    if (!err) err = read_choice(input, "place", places, 0, &place, why);
    if (!err) err = vd_config_num(input, "pad", 0, 255, &pad, why);
    if (!err) err = read_triple(input, "mean", t->mean, why);
    if (!err) err = read_triple(input, "scale", t->scale, why);
    if (err) return err;
    t->layout = layout ? VD_LAYOUT_NHWC : VD_LAYOUT_NCHW;
    t->bgr = order == 1;
    t->fit = fit ? VD_FIT_STRETCH : VD_FIT_LETTERBOX;
    t->pad_top_left = place == 1;
    t->pad = (float)pad;
    return VD_OK;
}

static const char *const decode_names[] = {
    "centernet", "yolox", "yolov5",      "yolov8",   "ssd",     "classification", "nanodet",
    "fcos",      "detr",  "yolov8-pose", "segments", "anomaly", "embedding",      NULL
};

const char *model_decode_name(decode_kind kind)
{
    return decode_names[kind];
}

/* Each kind knows its own keys, so that a key for another kind is an error too. */
static const char *const *output_keys(decode_kind kind)
{
    static const char *const centernet[] = { "decode", "detections", NULL };
    static const char *const yolo[] = { "decode", "predictions", NULL };
    static const char *const ssd[] = { "decode",   "boxes", "scores",     "classes", "count",
                                       "boxes_as", "units", "background", NULL };
    static const char *const classes[] = { "decode", "scores", "activation", "background", NULL };
    static const char *const cells[] = { "decode", "predictions", "activation", "strides",
                                         "bins",   "cell_center", NULL };
    static const char *const detr[] = {
        "decode", "boxes", "scores", "activation", "no_object", NULL
    };
    static const char *const pose[] = { "decode", "predictions", "points", NULL };
    static const char *const segments[] = { "decode",    "masks",    "activation", "background",
                                            "pixel_min", "area_min", NULL };
    static const char *const anomaly[] = { "decode",    "map",      "activation",
                                           "pixel_min", "area_min", NULL };
    static const char *const embedding[] = { "decode", "embedding", NULL };
    switch (kind) {
    case DECODE_YOLOV8_POSE: return pose;
    case DECODE_SEGMENTS: return segments;
    case DECODE_ANOMALY: return anomaly;
    case DECODE_EMBEDDING: return embedding;
    case DECODE_CENTERNET: return centernet;
    case DECODE_SSD: return ssd;
    case DECODE_NANODET:
    case DECODE_FCOS: return cells;
    case DECODE_DETR: return detr;
    case DECODE_CLASSIFICATION: return classes;
    default: return yolo;
    }
}

static vd_err read_roles(const vd_config_node *output, model_descriptor *d, vd_why *why)
{
    vd_err err = VD_OK;
    switch (d->decode) {
    case DECODE_CENTERNET: return vd_config_text(output, "detections", &d->output[ROLE_MAIN], why);
    case DECODE_CLASSIFICATION: return vd_config_text(output, "scores", &d->output[ROLE_MAIN], why);
    case DECODE_SEGMENTS: return vd_config_text(output, "masks", &d->output[ROLE_MAIN], why);
    case DECODE_ANOMALY: return vd_config_text(output, "map", &d->output[ROLE_MAIN], why);
    case DECODE_EMBEDDING: return vd_config_text(output, "embedding", &d->output[ROLE_MAIN], why);
    case DECODE_DETR:
    case DECODE_SSD:
        err = need_text(output, "boxes", &d->output[ROLE_BOXES], why);
        if (!err) err = need_text(output, "scores", &d->output[ROLE_SCORES], why);
        if (!err && d->decode == DECODE_DETR) return VD_OK;
        if (!err) err = vd_config_text(output, "classes", &d->output[ROLE_CLASSES], why);
        if (!err) err = vd_config_text(output, "count", &d->output[ROLE_COUNT], why);
        return err;
    default: return vd_config_text(output, "predictions", &d->output[ROLE_MAIN], why);
    }
}

/* What is left out is as the first models of each kind have it. */
static vd_err read_cells(const vd_config_node *output, model_descriptor *d, vd_why *why)
{
    static const int usual[] = { 8, 16, 32, 64, 128 };
    const vd_config_node *strides = vd_config_get(output, "strides");
    bool nanodet = d->decode == DECODE_NANODET;
    size_t count = strides ? vd_config_len(strides) : nanodet ? 3 : 5;
    int64_t bins = nanodet ? 8 : 1, stride = 0;
    vd_err err = VD_OK;
    if (strides && (!vd_config_is_list(strides) || count < 1 || count > MODEL_STRIDES_MAX))
        return vd_config_fail(strides, why, "'strides' must be a list of 1 to %d",
                              MODEL_STRIDES_MAX);
    for (size_t i = 0; i < count && !err; i++) {
        stride = strides ? 0 : usual[i];
        if (strides) err = vd_config_int(vd_config_at(strides, i), NULL, 1, 1024, &stride, why);
        d->stride[i] = (int)stride;
    }
    d->stride_count = (unsigned)count;
    d->cell_center = !nanodet;
    if (!err) err = vd_config_int(output, "bins", 1, MODEL_BINS_MAX, &bins, why);
    if (!err) err = vd_config_bool(output, "cell_center", &d->cell_center, why);
    d->bins = (int)bins;
    return err;
}

static vd_err read_pixels(const vd_config_node *output, model_descriptor *d, vd_why *why)
{
    int64_t points = 0;
    double pixel_min = -1, area_min = 0.001;
    vd_err err = vd_config_num(output, "pixel_min", 0, 1, &pixel_min, why);
    if (!err) err = vd_config_num(output, "area_min", 0, 1, &area_min, why);
    if (!err) err = vd_config_int(output, "points", 1, MODEL_POINTS_MAX, &points, why);
    if (!err && d->decode == DECODE_YOLOV8_POSE && !points)
        err = vd_config_fail(output, why, "'points', how many key points, is needed");
    d->points = (unsigned)points;
    d->pixel_min = (float)pixel_min; /* below 0: decode_regions chooses */
    d->area_min = (float)area_min;
    return err;
}

static vd_err read_output(const vd_config_node *output, model_descriptor *d, vd_why *why)
{
    static const char *const activations[] = { "none", "softmax", "sigmoid", NULL };
    static const char *const orders[] = { "ltrb", "tlbr", NULL };
    static const char *const units[] = { "picture", "pixels", NULL };
    int kind = -1, act, order, unit;
    vd_err err = vd_config_choice(output, "decode", decode_names, &kind, why);
    if (!err && kind < 0) err = vd_config_fail(output, why, "'decode' is needed");
    if (err) return err;
    d->decode = (decode_kind)kind;
    err = vd_config_only(output, output_keys(d->decode), why);
    if (!err) err = read_roles(output, d, why);
    if (!err) err = read_choice(output, "activation", activations, 0, &act, why);
    if (!err) err = read_choice(output, "boxes_as", orders, 0, &order, why);
    if (!err) err = read_choice(output, "units", units, 0, &unit, why);
    if (!err) err = vd_config_bool(output, "background", &d->background, why);
    if (!err) err = vd_config_bool(output, "no_object", &d->no_object, why);
    if (!err && (d->decode == DECODE_NANODET || d->decode == DECODE_FCOS))
        err = read_cells(output, d, why);
    if (!err) err = read_pixels(output, d, why);
    if (err) return err;
    d->activation = (activation)act;
    d->top_first = order == 1;
    d->in_pixels = unit == 1;
    return VD_OK;
}

static vd_err make_class_room(const vd_config_node *at, size_t count, model_descriptor *d,
                              vd_why *why)
{
    if (count < 1 || count > MODEL_CLASSES_MAX)
        return vd_config_fail(at, why, "1 to %d classes are needed", MODEL_CLASSES_MAX);
    d->class_name = calloc(count, sizeof(*d->class_name));
    return d->class_name ? VD_OK : vd_fail(why, VD_FULL, "there is no memory for the classes");
}

static vd_err read_class_list(const vd_config_node *list, model_descriptor *d, vd_why *why)
{
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'classes' must be a list");
    vd_err err = make_class_room(list, vd_config_len(list), d, why);
    for (size_t i = 0; !err && i < vd_config_len(list); i++)
        err = vd_config_text(vd_config_at(list, i), NULL, &d->class_name[d->class_count++], why);
    return err;
}

/* One name a line; the text stays in d->labels and its line ends become NULs. */
static vd_err split_labels(const vd_config_node *root, model_descriptor *d, vd_why *why)
{
    size_t lines = 1;
    for (size_t i = 0; i < d->labels.len; i++) lines += d->labels.data[i] == '\n';
    if (!vd_slice_utf8_valid(vd_buf_slice(&d->labels)))
        return vd_config_fail(root, why, "the classes_file is not UTF-8 text");
    vd_err err = make_class_room(root, lines, d, why);
    char *rest = d->labels.data;
    while (!err && rest && *rest) {
        char *line = strsep(&rest, "\n");
        line[strcspn(line, "\r")] = 0;
        if (*line || (rest && *rest)) d->class_name[d->class_count++] = line;
    }
    if (!err && !d->class_count) err = vd_config_fail(root, why, "the classes_file names no class");
    return err;
}

static vd_err read_class_file(const vd_config_node *root, const char *folder, model_descriptor *d,
                              vd_why *why)
{
    const char *name = NULL;
    char path[1024];
    vd_err err = need_text(root, "classes_file", &name, why);
    if (!err) err = check_file_name(root, "classes_file", name, why);
    if (!err && !folder) err = vd_config_fail(root, why, "there is no classes_file here");
    if (err) return err;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    err = vd_file_load(path, &d->labels, why);
    return err ? err : split_labels(root, d, why);
}

static vd_err read_classes(const vd_config_node *root, const char *folder, model_descriptor *d,
                           vd_why *why)
{
    const vd_config_node *list = vd_config_get(root, "classes");
    bool file = vd_config_get(root, "classes_file") != NULL;
    if (!list == !file)
        return vd_config_fail(root, why, "either 'classes' or 'classes_file' is needed");
    return list ? read_class_list(list, d, why) : read_class_file(root, folder, d, why);
}

/* Nothing comes twice, so nothing is suppressed unless the descriptor asks for it. */
static bool comes_once(const model_descriptor *d)
{
    return d->decode == DECODE_DETR || d->decode == DECODE_SEGMENTS || d->decode == DECODE_ANOMALY;
}

/* What the chain says of the tensor goes into the tensor's form, once. */
static vd_err read_chain(const vd_config_node *root, model_descriptor *d, vd_why *why)
{
    const vd_config_node *list = vd_config_get(root, "chain"),
                         *input = vd_config_get(root, "input");
    bool fit = vd_config_get(input, "fit") != NULL;
    bool values = vd_config_get(input, "mean") || vd_config_get(input, "scale");
    bool whole = d->decode == DECODE_CLASSIFICATION || d->decode == DECODE_EMBEDDING;
    vd_err err = vd_chain_read(list, VD_CHAIN_OF_MODEL, &d->chain, why);
    if (err) return err;
    const char *twice = d->chain.resizes && fit ? "resize" : "normalise";
    if ((d->chain.resizes && fit) || (d->chain.normalises && values)) {
        err = vd_config_fail(list, why, "'%s' is said in the chain and under 'input'", twice);
        vd_why_hint(why, "leave one of them out");
        return err;
    }
    if (d->chain.tiles.width_px && whole) {
        err = vd_config_fail(list, why, "'tile' is for models that find things, not for this one");
        vd_why_hint(why, "leave 'tile' out: '%s' names the whole picture",
                    model_decode_name(d->decode));
        return err;
    }
    vd_chain_spec(&d->chain, &d->tensor);
    return VD_OK;
}

static vd_err read_rest(const vd_config_node *root, model_descriptor *d, vd_why *why)
{
    const vd_config_node *output = vd_config_get(root, "output");
    if (!output) return vd_config_fail(root, why, "'output' is needed");
    vd_err err = read_output(output, d, why);
    return err ? err : read_chain(root, d, why);
}

static vd_err read_root(const vd_config_node *root, const char *folder, model_descriptor *d,
                        vd_why *why)
{
    static const char *const keys[] = { "name",         "file",      "input",   "output", "classes",
                                        "classes_file", "score_min", "nms_iou", "chain",  NULL };
    double score_min = 0.3, nms_iou = d->nms_iou;
    vd_err err = vd_config_only(root, keys, why);
    if (!err) err = need_text(root, "name", &d->name, why);
    if (!err) err = need_text(root, "file", &d->file, why);
    if (!err) err = check_file_name(root, "file", d->file, why);
    if (!err && !vd_config_get(root, "input")) err = vd_config_fail(root, why, "'input' is needed");
    if (!err) err = read_input(vd_config_get(root, "input"), d, why);
    if (!err) err = read_rest(root, d, why);
    if (!err) err = read_classes(root, folder, d, why);
    if (!err) err = vd_config_num(root, "score_min", VD_SCORE_FLOOR, 1, &score_min, why);
    if (!err && comes_once(d)) nms_iou = 1;
    if (!err) err = vd_config_num(root, "nms_iou", 0.01, 1, &nms_iou, why);
    d->score_min = (float)score_min;
    d->nms_iou = (float)nms_iou;
    return err;
}

vd_err model_descriptor_parse(vd_slice yaml, const char *name, const char *folder,
                              model_descriptor *ret_descriptor, vd_why *why)
{
    VD_AUTO(model_descriptor) d = { .labels = VD_BUF(YAML_BYTES), .nms_iou = 0.5f };
    vd_err err = vd_config_parse(yaml, name, &d.config, why);
    if (!err) err = read_root(vd_config_root(d.config), folder, &d, why);
    if (err) return err;
    *ret_descriptor = d;
    d = (model_descriptor){ 0 };
    return VD_OK;
}

vd_err model_descriptor_load(const char *path, model_descriptor *ret_descriptor, vd_why *why)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(YAML_BYTES);
    char folder[1024];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) : 1;
    snprintf(folder, sizeof(folder), "%.*s", len ? len : 1, slash ? path : ".");
    vd_err err = vd_file_load(path, &yaml, why);
    if (!err) return model_descriptor_parse(vd_buf_slice(&yaml), path, folder, ret_descriptor, why);
    vd_why_hint(why,
                "each model has a descriptor beside it, NAME.model.yaml: docs/model-descriptor.md "
                "is its manual; 'vedette model import' brings models that are no ONNX");
    return err;
}

void model_descriptor_done(model_descriptor *d)
{
    d->config = vd_config_free(d->config);
    vd_buf_done(&d->labels);
    free(d->class_name);
    d->class_name = NULL;
}

vd_err vd_model_descriptor_check(vd_slice yaml, const char *name, vd_why *why)
{
    VD_AUTO(model_descriptor) d = { 0 };
    return model_descriptor_parse(yaml, name, NULL, &d, why);
}
