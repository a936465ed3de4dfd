/* small_onnx_priv.h - models small enough to be written by hand, for tests: what comes out is the
 * mean of the input (0..255) times `gain`, plus `rows`, number by number. Boxes stand still, scores
 * tell how bright the picture or the crop is. */
#ifndef VD_SMALL_ONNX_PRIV_H
#define VD_SMALL_ONNX_PRIV_H
#include "vd/file.h"
#include "vd/test.h"

#define SMALL_SIDE 16 /* of the input, in pixels */

static inline void pb_varint(vd_buf *into, uint64_t value)
{
    for (; value > 127; value >>= 7) vd_buf_add_byte(into, (uint8_t)(value | 128));
    vd_buf_add_byte(into, (uint8_t)value);
}

static inline void pb_number(vd_buf *into, unsigned field, uint64_t value)
{
    pb_varint(into, field << 3);
    pb_varint(into, value);
}

static inline void pb_bytes(vd_buf *into, unsigned field, vd_slice bytes)
{
    pb_varint(into, field << 3 | 2);
    pb_varint(into, bytes.len);
    vd_buf_add(into, bytes);
}

static inline void pb_text(vd_buf *into, unsigned field, const char *text)
{
    pb_bytes(into, field, vd_slice_str(text));
}

/* NodeProto; an attribute is an integer. */
static inline void onnx_node(vd_buf *graph, const char *op, const char *a, const char *b,
                             const char *output, const char *attribute)
{
    VD_AUTO(vd_buf) node = VD_BUF(4096);
    VD_AUTO(vd_buf) extra = VD_BUF(4096);
    pb_text(&node, 1, a);
    if (b) pb_text(&node, 1, b);
    pb_text(&node, 2, output);
    pb_text(&node, 4, op);
    if (attribute) {
        pb_text(&extra, 1, attribute);
        pb_number(&extra, 3, 0);
        pb_number(&extra, 20, 2);
        pb_bytes(&node, 5, vd_buf_slice(&extra));
    }
    pb_bytes(graph, 1, vd_buf_slice(&node));
}

static inline void onnx_tensor(vd_buf *graph, const char *name, const int64_t *dims, unsigned rank,
                               const float *values, size_t count)
{
    VD_AUTO(vd_buf) tensor = VD_BUF(65536);
    for (unsigned i = 0; i < rank; i++) pb_number(&tensor, 1, (uint64_t)dims[i]);
    pb_number(&tensor, 2, 1);
    pb_text(&tensor, 8, name);
    pb_bytes(&tensor, 9, vd_slice_of(values, count * sizeof *values));
    pb_bytes(graph, 5, vd_buf_slice(&tensor));
}

/* ValueInfoProto of floats. */
static inline void onnx_value(vd_buf *graph, unsigned field, const char *name, const int64_t *dims,
                              unsigned rank)
{
    VD_AUTO(vd_buf) shape = VD_BUF(4096);
    VD_AUTO(vd_buf) tensor = VD_BUF(4096);
    VD_AUTO(vd_buf) type = VD_BUF(4096);
    VD_AUTO(vd_buf) value = VD_BUF(4096);
    for (unsigned i = 0; i < rank; i++) {
        VD_AUTO(vd_buf) dim = VD_BUF(16);
        if (dims[i] < 0)
            pb_text(&dim, 2, "n");
        else
            pb_number(&dim, 1, (uint64_t)dims[i]);
        pb_bytes(&shape, 1, vd_buf_slice(&dim));
    }
    pb_number(&tensor, 1, 1);
    pb_bytes(&tensor, 2, vd_buf_slice(&shape));
    pb_bytes(&type, 1, vd_buf_slice(&tensor));
    pb_text(&value, 1, name);
    pb_bytes(&value, 2, vd_buf_slice(&type));
    pb_bytes(graph, field, vd_buf_slice(&value));
}

/* ModelProto: 'images' of a shape (of dimensions below 0 the size is open) to 'out' of another. */
static inline void shaped_onnx(vd_buf *into, const int64_t *images, unsigned images_rank,
                               const int64_t *dims, unsigned rank, const float *rows,
                               const float *gain, size_t count)
{
    VD_AUTO(vd_buf) graph = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) opset = VD_BUF(64);
    onnx_node(&graph, "ReduceMean", "images", NULL, "mean", "keepdims");
    onnx_node(&graph, "Mul", "mean", "gain", "moved", NULL);
    onnx_node(&graph, "Add", "moved", "rows", "out", NULL);
    pb_text(&graph, 2, "small");
    onnx_tensor(&graph, "rows", dims, rank, rows, count);
    onnx_tensor(&graph, "gain", dims, rank, gain, count);
    onnx_value(&graph, 11, "images", images, images_rank);
    onnx_value(&graph, 12, "out", dims, rank);
    pb_text(&opset, 1, "");
    pb_number(&opset, 2, 13);
    pb_number(into, 1, 8);
    pb_bytes(into, 7, vd_buf_slice(&graph));
    pb_bytes(into, 8, vd_buf_slice(&opset));
}

/* The same, from [1,3,SIDE,SIDE]. */
static inline void small_onnx(vd_buf *into, const int64_t *dims, unsigned rank, const float *rows,
                              const float *gain, size_t count)
{
    static const int64_t images[] = { 1, 3, SMALL_SIDE, SMALL_SIDE };
    shaped_onnx(into, images, 4, dims, rank, rows, gain, count);
}

static inline void small_save(const char *folder, const char *name, const char *output,
                              const char *classes, const vd_buf *onnx)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    char path[256];
    vd_buf_addf(&yaml,
                "name: %s\nfile: %s.onnx\nscore_min: 0.3\noutput: %s\nclasses: %s\n"
                "input: { name: images, layout: nchw, size: [%d, %d], fit: stretch }\n",
                name, name, output, classes, SMALL_SIDE, SMALL_SIDE);
    snprintf(path, sizeof path, "%s/%s.model.yaml", folder, name);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(&yaml), NULL));
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(onnx), NULL));
}

/* A detector: `rows` are left, top, right, bottom in pixels of the input, score and class. The
 * brightness counts `gain` for each score. */
static inline void small_detector(const char *folder, const char *name, const char *classes,
                                  const float (*rows)[6], unsigned count, float gain)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    float gains[64][6] = { 0 };
    const int64_t dims[] = { 1, count, 6 };
    for (unsigned i = 0; i < count; i++) gains[i][4] = gain;
    small_onnx(&onnx, dims, 3, rows[0], gains[0], (size_t)count * 6);
    small_save(folder, name, "{ decode: centernet, detections: out }", classes, &onnx);
}

/* A classifier: a score for each class. */
static inline void small_classifier(const char *folder, const char *name, const char *classes,
                                    const float *scores, unsigned count)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    float gains[64] = { 0 };
    const int64_t dims[] = { 1, count };
    small_onnx(&onnx, dims, 2, scores, gains, count);
    small_save(folder, name, "{ decode: classification, scores: out }", classes, &onnx);
}
#endif
