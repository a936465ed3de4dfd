#include "onnx_priv.h"

#include "limits.h"
#include "pb_priv.h"

#define OPSET      17
#define IR_VERSION 8 /* the one that belongs to opset 17 */

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_STRING = 3, ATTR_INTS = 7 };
#define LENGTH_BYTES 5

onnx_writer onnx_writer_init(void)
{
    return (onnx_writer){
        .nodes = VD_BUF(VD_LIMIT_MODEL_BYTES),
        .initializers = VD_BUF(VD_LIMIT_MODEL_BYTES),
        .inputs = VD_BUF(VD_LIMIT_MODEL_BYTES),
        .outputs = VD_BUF(VD_LIMIT_MODEL_BYTES),
    };
}

void onnx_writer_done(onnx_writer *w)
{
    vd_buf_done(&w->nodes);
    vd_buf_done(&w->initializers);
    vd_buf_done(&w->inputs);
    vd_buf_done(&w->outputs);
}

static void put_varint(onnx_writer *w, vd_buf *buf, uint64_t value)
{
    if (!pb_add_varint(buf, value)) w->failed = true;
}

static void put_tag(onnx_writer *w, vd_buf *buf, unsigned field, unsigned wire)
{
    put_varint(w, buf, (uint64_t)field << 3 | wire);
}

static void put_int(onnx_writer *w, vd_buf *buf, unsigned field, int64_t value)
{
    put_tag(w, buf, field, WIRE_VARINT);
    put_varint(w, buf, (uint64_t)value);
}

static void put_bytes(onnx_writer *w, vd_buf *buf, unsigned field, vd_slice bytes)
{
    if (!pb_add_bytes(buf, field, bytes)) w->failed = true;
}

static void put_text(onnx_writer *w, vd_buf *buf, unsigned field, const char *text)
{
    put_bytes(w, buf, field, vd_slice_str(text ? text : ""));
}

/* Opens a nested message; returns where its content starts. */
static size_t message_begin(onnx_writer *w, vd_buf *buf, unsigned field)
{
    static const uint8_t blank[LENGTH_BYTES] = { 0 };
    put_tag(w, buf, field, WIRE_BYTES);
    if (!vd_buf_add(buf, vd_slice_of(blank, sizeof(blank)))) w->failed = true;
    return buf->len;
}

static void message_end(onnx_writer *w, vd_buf *buf, size_t start)
{
    if (w->failed) return;
    uint64_t len = buf->len - start;
    for (unsigned i = 0; i < LENGTH_BYTES; i++) {
        uint8_t more = i + 1 < LENGTH_BYTES ? 0x80 : 0;
        buf->data[start - LENGTH_BYTES + i] = (char)((len >> (7 * i) & 0x7f) | more);
    }
}

void onnx_node(onnx_writer *w, const char *op, const char *const *inputs, unsigned input_count,
               const char *const *outputs, unsigned output_count)
{
    w->node_start = message_begin(w, &w->nodes, 1);
    for (unsigned i = 0; i < input_count; i++) put_text(w, &w->nodes, 1, inputs[i]);
    for (unsigned i = 0; i < output_count; i++) put_text(w, &w->nodes, 2, outputs[i]);
    put_text(w, &w->nodes, 3, outputs[0]);
    put_text(w, &w->nodes, 4, op);
    w->node_count++;
    if (strcmp(op, "Transpose") == 0) w->transpose_count++;
}

void onnx_node_end(onnx_writer *w)
{
    message_end(w, &w->nodes, w->node_start);
}

static size_t attr_begin(onnx_writer *w, const char *name, int type)
{
    size_t start = message_begin(w, &w->nodes, 5);
    put_text(w, &w->nodes, 1, name);
    put_int(w, &w->nodes, 20, type);
    return start;
}

void onnx_attr_int(onnx_writer *w, const char *name, int64_t value)
{
    size_t start = attr_begin(w, name, ATTR_INT);
    put_int(w, &w->nodes, 3, value);
    message_end(w, &w->nodes, start);
}

void onnx_attr_float(onnx_writer *w, const char *name, float value)
{
    size_t start = attr_begin(w, name, ATTR_FLOAT);
    put_tag(w, &w->nodes, 2, WIRE_FIXED32);
    if (!vd_buf_add(&w->nodes, vd_slice_of(&value, sizeof(value)))) w->failed = true;
    message_end(w, &w->nodes, start);
}

void onnx_attr_text(onnx_writer *w, const char *name, const char *value)
{
    size_t start = attr_begin(w, name, ATTR_STRING);
    put_text(w, &w->nodes, 4, value);
    message_end(w, &w->nodes, start);
}

void onnx_attr_ints(onnx_writer *w, const char *name, const int64_t *values, unsigned count)
{
    size_t start = attr_begin(w, name, ATTR_INTS);
    for (unsigned i = 0; i < count; i++) put_int(w, &w->nodes, 8, values[i]);
    message_end(w, &w->nodes, start);
}

void onnx_initializer(onnx_writer *w, const char *name, onnx_type type, const int64_t *dims,
                      unsigned rank, vd_slice raw)
{
    vd_buf *buf = &w->initializers;
    size_t start = message_begin(w, buf, 5);
    for (unsigned i = 0; i < rank; i++) put_int(w, buf, 1, dims[i]);
    put_int(w, buf, 2, type);
    put_text(w, buf, 8, name);
    put_bytes(w, buf, 9, raw);
    message_end(w, buf, start);
}

void onnx_io(onnx_writer *w, onnx_side side, const char *name, onnx_type type, const int64_t *dims,
             unsigned rank)
{
    vd_buf *buf = side == ONNX_INPUT ? &w->inputs : &w->outputs;
    size_t info = message_begin(w, buf, side == ONNX_INPUT ? 11 : 12);
    put_text(w, buf, 1, name);
    size_t type_proto = message_begin(w, buf, 2);
    size_t tensor = message_begin(w, buf, 1);
    put_int(w, buf, 1, type);
    size_t shape = message_begin(w, buf, 2);
    for (unsigned i = 0; i < rank; i++) {
        size_t dim = message_begin(w, buf, 1);
        put_int(w, buf, 1, dims[i]);
        message_end(w, buf, dim);
    }
    message_end(w, buf, shape);
    message_end(w, buf, tensor);
    message_end(w, buf, type_proto);
    message_end(w, buf, info);
}

static void put_raw(onnx_writer *w, vd_buf *into, const vd_buf *part)
{
    if (!vd_buf_add(into, vd_buf_slice(part))) w->failed = true;
}

static void put_props(onnx_writer *w, vd_buf *into, const char *const *props)
{
    for (; props && props[0]; props += 2) {
        size_t start = message_begin(w, into, 14);
        put_text(w, into, 1, props[0]);
        put_text(w, into, 2, props[1]);
        message_end(w, into, start);
    }
}

vd_err onnx_finish(onnx_writer *w, const char *graph_name, const char *const *props, vd_buf *into,
                   vd_why *why)
{
    put_int(w, into, 1, IR_VERSION);
    put_text(w, into, 2, "vedette");
    size_t graph = message_begin(w, into, 7);
    put_raw(w, into, &w->nodes);
    put_text(w, into, 2, graph_name);
    put_raw(w, into, &w->initializers);
    put_raw(w, into, &w->inputs);
    put_raw(w, into, &w->outputs);
    message_end(w, into, graph);
    size_t opset = message_begin(w, into, 8);
    put_text(w, into, 1, "");
    put_int(w, into, 2, OPSET);
    message_end(w, into, opset);
    put_props(w, into, props);
    if (w->failed) return vd_fail(why, VD_FULL, "the converted model does not fit in memory");
    return VD_OK;
}
