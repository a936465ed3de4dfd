/* small_model_priv.h - for tests: an ONNX model of three nodes, written by hand. It sees one box
 * whose score is the mean of the picture times 0.001, plus `base`. */
#ifndef VD_SMALL_MODEL_PRIV_H
#define VD_SMALL_MODEL_PRIV_H
#include <stdio.h>
#include <stdlib.h>

#include "vd/slice.h"

static inline void small_varint(vd_buf *into, uint64_t value)
{
    for (; value > 127; value >>= 7) (void)vd_buf_add_byte(into, (uint8_t)(value | 128));
    (void)vd_buf_add_byte(into, (uint8_t)value);
}

static inline void small_number(vd_buf *into, unsigned field, uint64_t value)
{
    small_varint(into, field << 3);
    small_varint(into, value);
}

static inline void small_bytes(vd_buf *into, unsigned field, vd_slice bytes)
{
    small_varint(into, field << 3 | 2);
    small_varint(into, bytes.len);
    (void)vd_buf_add(into, bytes);
}

static inline void small_text(vd_buf *into, unsigned field, const char *text)
{
    small_bytes(into, field, vd_slice_str(text));
}

static inline void small_node(vd_buf *graph, const char *op, const char *a, const char *b,
                              const char *out, bool reduce)
{
    VD_AUTO(vd_buf) node = VD_BUF(1024);
    VD_AUTO(vd_buf) attribute = VD_BUF(256);
    small_text(&node, 1, a);
    if (b) small_text(&node, 1, b);
    small_text(&node, 2, out);
    small_text(&node, 3, out);
    small_text(&node, 4, op);
    small_text(&attribute, 1, "keepdims");
    small_number(&attribute, 3, 0);
    small_number(&attribute, 20, 2);
    if (reduce) small_bytes(&node, 5, vd_buf_slice(&attribute));
    small_bytes(graph, 1, vd_buf_slice(&node));
}

static inline void small_tensor(vd_buf *graph, const char *name, const float values[6])
{
    VD_AUTO(vd_buf) tensor = VD_BUF(1024);
    small_number(&tensor, 1, 1);
    small_number(&tensor, 1, 1);
    small_number(&tensor, 1, 6);
    small_number(&tensor, 2, 1);
    small_text(&tensor, 8, name);
    small_bytes(&tensor, 9, vd_slice_of(values, 6 * sizeof(float)));
    small_bytes(graph, 5, vd_buf_slice(&tensor));
}

static inline void small_value(vd_buf *graph, unsigned field, const char *name, const int *dims,
                               int count)
{
    VD_AUTO(vd_buf) shape = VD_BUF(512);
    VD_AUTO(vd_buf) tensor = VD_BUF(512);
    VD_AUTO(vd_buf) type = VD_BUF(512);
    VD_AUTO(vd_buf) value = VD_BUF(512);
    for (int n = 0; n < count; n++) {
        VD_AUTO(vd_buf) dim = VD_BUF(64);
        small_number(&dim, 1, (uint64_t)dims[n]);
        small_bytes(&shape, 1, vd_buf_slice(&dim));
    }
    small_number(&tensor, 1, 1);
    small_bytes(&tensor, 2, vd_buf_slice(&shape));
    small_bytes(&type, 1, vd_buf_slice(&tensor));
    small_text(&value, 1, name);
    small_bytes(&value, 2, vd_buf_slice(&type));
    small_bytes(graph, field, vd_buf_slice(&value));
}

static inline void small_model_onnx(float base, vd_buf *into)
{
    static const int image[] = { 1, 3, 16, 16 }, boxes[] = { 1, 1, 6 };
    const float rows[6] = { 2, 2, 8, 10, base, 0 }, steps[6] = { 0, 0, 0, 0, 0.001f, 0 };
    VD_AUTO(vd_buf) graph = VD_BUF(8192);
    VD_AUTO(vd_buf) opset = VD_BUF(64);
    small_node(&graph, "ReduceMean", "images", NULL, "mean", true);
    small_node(&graph, "Mul", "mean", "steps", "moved", false);
    small_node(&graph, "Add", "moved", "rows", "detections", false);
    small_text(&graph, 2, "small");
    small_tensor(&graph, "rows", rows);
    small_tensor(&graph, "steps", steps);
    small_value(&graph, 11, "images", image, 4);
    small_value(&graph, 12, "detections", boxes, 3);
    small_text(&opset, 1, "");
    small_number(&opset, 2, 13);
    small_number(into, 1, 8);
    small_bytes(into, 7, vd_buf_slice(&graph));
    small_bytes(into, 8, vd_buf_slice(&opset));
}

static const char small_descriptor[] =
    "name: small\nfile: small.onnx\n"
    "input: { name: images, layout: nchw, size: [16, 16], fit: stretch }\n"
    "output: { decode: centernet, detections: detections }\n"
    "classes: [person]\nscore_min: 0.3\n";
#endif
