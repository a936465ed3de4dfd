/* A reader of the few ONNX fields that tell what a file is (onnx_priv.h draws the messages). It
 * never allocates and never leaves the slice. */
#include "convert.h"
#include "pb_priv.h"

static bool read_dim(vd_slice dim, int64_t *ret_size)
{
    pb_field f;
    *ret_size = -1;
    while (dim.len) {
        if (!pb_next(&dim, &f)) return false;
        if (f.field == 1 && f.wire == 0) *ret_size = (int64_t)f.number;
    }
    return true;
}

static bool read_shape(vd_slice shape, vd_onnx_tensor *tensor)
{
    pb_field f;
    while (shape.len) {
        if (!pb_next(&shape, &f)) return false;
        if (f.field != 1 || f.wire != 2) continue;
        if (tensor->rank == VD_ONNX_RANK_MAX) return false;
        if (!read_dim(f.bytes, &tensor->dim[tensor->rank++])) return false;
    }
    return true;
}

/* TypeProto.Tensor: 1 elem_type, 2 shape */
static bool read_tensor_type(vd_slice type, vd_onnx_tensor *tensor)
{
    pb_field f;
    while (type.len) {
        if (!pb_next(&type, &f)) return false;
        if (f.field == 1 && f.wire == 0) tensor->type = (int)f.number;
        if (f.field == 2 && f.wire == 2 && !read_shape(f.bytes, tensor)) return false;
    }
    return true;
}

/* ValueInfoProto: 1 name, 2 type { 1 tensor_type } */
static bool read_value_info(vd_slice info, vd_onnx_tensor *tensor)
{
    pb_field f, t;
    while (info.len) {
        if (!pb_next(&info, &f)) return false;
        if (f.wire != 2) continue;
        if (f.field == 1) vd_slice_to_chars(f.bytes, tensor->name, sizeof(tensor->name));
        while (f.field == 2 && f.bytes.len) {
            if (!pb_next(&f.bytes, &t)) return false;
            if (t.field == 1 && t.wire == 2 && !read_tensor_type(t.bytes, tensor)) return false;
        }
    }
    return true;
}

static bool read_node(vd_slice node, vd_onnx_info *info)
{
    pb_field f;
    info->node_count++;
    while (node.len) {
        if (!pb_next(&node, &f)) return false;
        if (f.field == 4 && f.wire == 2 && vd_slice_eq(f.bytes, VD_STR("Transpose")))
            info->transpose_count++;
    }
    return true;
}

static bool read_graph(vd_slice graph, vd_onnx_info *info)
{
    pb_field f;
    while (graph.len) {
        if (!pb_next(&graph, &f)) return false;
        if (f.wire != 2) continue;
        if (f.field == 1 && !read_node(f.bytes, info)) return false;
        if (f.field == 5) {
            info->initializer_count++;
            info->initializer_bytes += f.bytes.len;
        }
        if (f.field == 11 && info->input_count < VD_ONNX_TENSORS_MAX &&
            !read_value_info(f.bytes, &info->input[info->input_count++]))
            return false;
        if (f.field == 12 && info->output_count < VD_ONNX_TENSORS_MAX &&
            !read_value_info(f.bytes, &info->output[info->output_count++]))
            return false;
    }
    return true;
}

static bool read_prop(vd_slice prop, vd_onnx_info *info)
{
    pb_field f;
    bool ours = false;
    while (prop.len) {
        if (!pb_next(&prop, &f)) return false;
        if (f.field == 1) ours = vd_slice_eq(f.bytes, VD_STR("vedette.source"));
        if (f.field == 2 && ours) vd_slice_to_chars(f.bytes, info->source, sizeof(info->source));
    }
    return true;
}

static bool read_opset(vd_slice opset, vd_onnx_info *info)
{
    pb_field f;
    int64_t version = 0;
    bool standard = true;
    while (opset.len) {
        if (!pb_next(&opset, &f)) return false;
        if (f.field == 1) standard = f.bytes.len == 0;
        if (f.field == 2) version = (int64_t)f.number;
    }
    if (standard) info->opset = version;
    return true;
}

static bool read_model(vd_slice model, vd_onnx_info *info)
{
    pb_field f;
    while (model.len) {
        if (!pb_next(&model, &f)) return false;
        if (f.field == 1 && f.wire == 0) info->ir_version = (int64_t)f.number;
        if (f.wire != 2) continue;
        if (f.field == 7 && !read_graph(f.bytes, info)) return false;
        if (f.field == 8 && !read_opset(f.bytes, info)) return false;
        if (f.field == 14 && !read_prop(f.bytes, info)) return false;
    }
    return true;
}

vd_err vd_onnx_inspect(vd_slice onnx, vd_onnx_info *ret_info, vd_why *why)
{
    vd_onnx_info info = { 0 };
    if (!read_model(onnx, &info) || !info.ir_version || !info.node_count)
        return vd_fail(why, VD_CORRUPT, "the file is not a whole ONNX model");
    *ret_info = info;
    return VD_OK;
}
