#include "convert.h"

#include "descriptor_priv.h"
#include "limits.h"
#include "lower_priv.h"
#include "tfjs_priv.h"
#include "tflite_priv.h"
#include "vd/file.h"

#include <stdio.h>

#define CENTERNET_OUTPUT "tower_0/detections"
#define DESCRIPTOR_BYTES (1u << 20)

static const vd_convert_options no_options = { 0 };

static bool is_centernet(const vd_json *root)
{
    const vd_json *outputs = vd_json_get(vd_json_get(root, "signature"), "outputs");
    return vd_json_get(outputs, CENTERNET_OUTPUT) != NULL;
}

static vd_digest source_digest(vd_slice json, vd_slice weights)
{
    char both[2 * VD_SHA256_HEX];
    vd_digest parts[2] = { vd_sha256(json), vd_sha256(weights) };
    memcpy(both, parts[0].hex, VD_SHA256_HEX);
    memcpy(both + VD_SHA256_HEX, parts[1].hex, VD_SHA256_HEX);
    return vd_sha256(vd_slice_of(both, sizeof(both)));
}

/* From the graph that a reader made to the bytes of an .onnx file. */
static vd_err write_graph(g_graph *graph, const char *format, const vd_digest *source, vd_buf *into,
                          vd_why *why)
{
    VD_AUTO(onnx_writer) w = onnx_writer_init();
    char lineage[VD_SHA256_HEX + 16];
    snprintf(lineage, sizeof(lineage), "sha256:%s", source->hex);
    g_fuse(graph);
    vd_err err = g_finish(graph, why);
    if (!err && !g_pad_channels(graph))
        err = vd_fail(why, VD_FULL, "the graph does not fit in memory");
    if (!err) err = g_finish(graph, why);
    if (!err) err = g_lower(graph, &w, why);
    const char *props[] = { "vedette.source", lineage, "vedette.source_format", format, NULL };
    return err ? err : onnx_finish(&w, "vedette", props, into, why);
}

static vd_err convert(const vd_json *root, vd_slice weights, const char *outputs,
                      const vd_digest *source, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new((size_t)VD_LIMIT_MODEL_BYTES * 4);
    tfjs_weights list = { 0 };
    g_graph *graph = NULL;
    if (!arena) return vd_fail(why, VD_FULL, "there is no memory for the graph");
    if (!outputs && is_centernet(root)) outputs = CENTERNET_OUTPUT;
    vd_err err =
        tfjs_read_weights(vd_json_get(root, "weightsManifest"), weights, arena, &list, why);
    if (!err) err = tfjs_read_graph(root, &list, outputs, arena, &graph, why);
    return err ? err : write_graph(graph, "tfjs-graph-model", source, into, why);
}

static vd_err convert_tflite(vd_slice file, const char *outputs, const vd_digest *source,
                             vd_buf *into, tflite_facts *facts, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new((size_t)VD_LIMIT_MODEL_BYTES * 4);
    g_graph *graph = NULL;
    if (!arena) return vd_fail(why, VD_FULL, "there is no memory for the graph");
    vd_err err = tflite_read_graph(file, outputs, arena, &graph, facts, why);
    return err ? err : write_graph(graph, "tflite", source, into, why);
}

vd_err vd_convert_tflite_memory(vd_slice file, const vd_convert_options *options, vd_buf *into,
                                vd_why *why)
{
    tflite_facts facts;
    vd_digest source = vd_sha256(file);
    return convert_tflite(file, (options ? options : &no_options)->outputs, &source, into, &facts,
                          why);
}

vd_err vd_convert_tfjs_memory(vd_slice model_json, vd_slice weights,
                              const vd_convert_options *options, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_digest source = source_digest(model_json, weights);
    vd_err err = vd_json_parse(model_json, TFJS_JSON_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    return err ? err
               : convert(root, weights, (options ? options : &no_options)->outputs, &source, into,
                         why);
}

/* "models/centernet.json" -> "centernet" */
static vd_err choose_name(const char *path, const char *wanted, char into[65], vd_why *why)
{
    const char *slash = strrchr(path, '/'), *from = wanted ? wanted : slash ? slash + 1 : path;
    size_t len = strlen(from);
    if (!wanted && len > 5 && strcmp(from + len - 5, ".json") == 0) len -= 5;
    if (!wanted && len > 7 && strcmp(from + len - 7, ".tflite") == 0) len -= 7;
    bool plain = len > 0 && len <= 64 && from[0] != '.' && from[0] != '-';
    for (size_t i = 0; i < len && plain; i++)
        plain = strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", from[i]) != NULL;
    if (!plain) {
        vd_fail(why, VD_INVALID, "'%.80s' cannot be a model's name", from);
        vd_why_hint(why, "1 to 64 of a-z 0-9 . _ -; choose one with --name");
        return VD_INVALID;
    }
    snprintf(into, 65, "%.*s", (int)len, from);
    return VD_OK;
}

static vd_err load_source(const char *path, vd_buf *json, vd_json **ret_root, vd_why *why)
{
    vd_err err = vd_file_load(path, json, why);
    if (!err)
        err = vd_json_parse(vd_buf_slice(json), TFJS_JSON_MAX, VD_LIMIT_JSON_DEPTH, ret_root, why);
    if (err || vd_json_get(*ret_root, "modelTopology")) return err;
    vd_fail(why, VD_INVALID, "'%.100s' is no TensorFlow.js graph model", path);
    vd_why_hint(why, "a graph model's JSON has 'modelTopology' and 'weightsManifest'");
    return VD_INVALID;
}

static vd_err make_descriptor(const vd_json *root, const char *name,
                              const vd_convert_options *options, const vd_onnx_info *info,
                              vd_buf *into, vd_why *why)
{
    if (options->descriptor) return vd_file_load(options->descriptor, into, why);
    if (is_centernet(root)) return descriptor_centernet(name, info, options->labels, into, why);
    vd_fail(why, VD_INVALID, "the model is none that Vedette knows by its outputs");
    vd_why_hint(why, "write a descriptor (docs/model-descriptor.md), give it with --descriptor");
    return VD_INVALID;
}

static vd_err write_aside(const char *path, vd_slice bytes, vd_file *file, vd_why *why)
{
    vd_err err = vd_file_create(path, 0644, file, why);
    return err ? err : vd_file_write(file, bytes, why);
}

/* Both files are whole on disk before either is seen. */
static vd_err publish(const char *out_dir, const char *name, vd_slice model, vd_slice descriptor,
                      vd_convert_result *result, vd_why *why)
{
    VD_AUTO(vd_file) model_file = VD_FILE_NONE;
    VD_AUTO(vd_file) descriptor_file = VD_FILE_NONE;
    size_t room = sizeof(result->model_path);
    int a = snprintf(result->model_path, room, "%s/%s.onnx", out_dir, name);
    int b = snprintf(result->descriptor_path, room, "%s/%s.model.yaml", out_dir, name);
    if (a < 0 || b < 0 || (size_t)a >= room || (size_t)b >= room)
        return vd_fail(why, VD_INVALID, "the path of the folder is too long");
    vd_err err = vd_dir_make(out_dir, 0755, why);
    if (!err) err = write_aside(result->model_path, model, &model_file, why);
    if (!err) err = write_aside(result->descriptor_path, descriptor, &descriptor_file, why);
    if (!err) err = vd_file_publish(&model_file, why);
    if (!err) err = vd_file_publish(&descriptor_file, why);
    result->model_digest = vd_sha256(model);
    return err;
}

/* The .onnx bytes are there, and the descriptor: both files in place. */
static vd_err finish(const char *out_dir, const char *name, const vd_buf *model,
                     const vd_buf *descriptor, const vd_onnx_info *info, vd_convert_result *result,
                     vd_why *why)
{
    result->node_count = info->node_count;
    result->transpose_count = info->transpose_count;
    return publish(out_dir, name, vd_buf_slice(model), vd_buf_slice(descriptor), result, why);
}

vd_err vd_convert_tfjs(const char *model_json, const char *out_dir,
                       const vd_convert_options *options, vd_convert_result *ret_result,
                       vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) json = VD_BUF(TFJS_JSON_MAX);
    VD_AUTO(vd_buf) weights = VD_BUF(VD_LIMIT_MODEL_BYTES);
    VD_AUTO(vd_buf) model = VD_BUF(VD_LIMIT_MODEL_BYTES);
    VD_AUTO(vd_buf) descriptor = VD_BUF(DESCRIPTOR_BYTES);
    vd_convert_result result = { 0 };
    vd_onnx_info info;
    char name[65];

    if (!options) options = &no_options;
    vd_err err = choose_name(model_json, options->name, name, why);
    if (!err) err = load_source(model_json, &json, &root, why);
    if (!err)
        err = tfjs_load_files(vd_json_get(root, "weightsManifest"), model_json, &weights, why);
    if (err) return err;
    result.source_digest = source_digest(vd_buf_slice(&json), vd_buf_slice(&weights));
    err =
        convert(root, vd_buf_slice(&weights), options->outputs, &result.source_digest, &model, why);
    if (!err) err = vd_onnx_inspect(vd_buf_slice(&model), &info, why);
    if (!err) err = make_descriptor(root, name, options, &info, &descriptor, why);
    if (err) return err;
    err = finish(out_dir, name, &model, &descriptor, &info, &result, why);
    if (!err) *ret_result = result;
    return err;
}

vd_err vd_convert_tflite(const char *path, const char *out_dir, const vd_convert_options *options,
                         vd_convert_result *ret_result, vd_why *why)
{
    VD_AUTO(vd_buf) file = VD_BUF(VD_LIMIT_MODEL_BYTES);
    VD_AUTO(vd_buf) model = VD_BUF(VD_LIMIT_MODEL_BYTES);
    VD_AUTO(vd_buf) descriptor = VD_BUF(DESCRIPTOR_BYTES);
    vd_convert_result result = { 0 };
    tflite_facts facts = { 0 };
    vd_onnx_info info;
    char name[65];

    if (!options) options = &no_options;
    vd_err err = choose_name(path, options->name, name, why);
    if (!err) err = vd_file_load(path, &file, why);
    if (err) return err;
    result.source_digest = vd_sha256(vd_buf_slice(&file));
    err = convert_tflite(vd_buf_slice(&file), options->outputs, &result.source_digest, &model,
                         &facts, why);
    if (!err) err = vd_onnx_inspect(vd_buf_slice(&model), &info, why);
    if (!err && options->descriptor)
        err = vd_file_load(options->descriptor, &descriptor, why);
    else if (!err)
        err = descriptor_tflite(name, &info, &facts, options->labels, &descriptor, why);
    if (!err) err = finish(out_dir, name, &model, &descriptor, &info, &result, why);
    if (!err) *ret_result = result;
    return err;
}

static bool ends_with(const char *path, const char *end)
{
    size_t len = strlen(path), end_len = strlen(end);
    return len > end_len && strcmp(path + len - end_len, end) == 0;
}

/* Neither kind: what it may be instead. A model.json begins with its brace. */
static vd_err check_kind(const char *path, vd_slice file, vd_why *why)
{
    vd_slice text = file;
    bool onnx = ends_with(path, ".onnx");

    while (text.len && strchr(" \t\r\n", text.data[0]) && text.data[0])
        text = vd_slice_from(text, 1);
    if (!onnx && text.len && text.data[0] == '{') return VD_OK;
    vd_fail(why, VD_INVALID,
            onnx ? "an ONNX model needs no import"
                 : "this is neither a TFLite model nor a TensorFlow.js model.json");
    if (onnx)
        vd_why_hint(why, "write its descriptor, NAME.model.yaml, beside it: "
                         "docs/model-descriptor.md is its manual");
    else
        vd_why_hint(why, "give the .tflite file or the model.json itself, not an archive or a page "
                         "about it");
    return VD_INVALID;
}

/* A name can lie and a file need not have one: what is inside decides too. */
vd_err vd_convert_model(const char *path, const char *out_dir, const vd_convert_options *options,
                        vd_convert_result *ret_result, vd_why *why)
{
    VD_AUTO(vd_buf) file = VD_BUF(VD_LIMIT_MODEL_BYTES);
    bool one_file = ends_with(path, ".tflite");
    vd_err err = one_file ? VD_OK : vd_file_load(path, &file, why);
    if (err) return err;
    one_file = one_file || tflite_is(vd_buf_slice(&file));
    if (!one_file) err = check_kind(path, vd_buf_slice(&file), why);
    if (err) return err;
    return one_file ? vd_convert_tflite(path, out_dir, options, ret_result, why)
                    : vd_convert_tfjs(path, out_dir, options, ret_result, why);
}
