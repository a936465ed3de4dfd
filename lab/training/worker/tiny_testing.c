#include "tiny_testing_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dice_priv.h"
#include "inference.h"
#include "nn_priv.h"
#include "pb_priv.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/test.h"

#define SIDE  64
#define CELLS 16

/* ---- graphs: "Op in in > out out key=ints key:=int" ---- */

static const char *const backbone[] = {
    "Conv images w1 b1 > c1 kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
    "Relu c1 > r1",
    "Conv r1 w2 b2 > c2 kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
    "Relu c2 > r2",
    "Conv r2 w3 b3 > c3 kernel_shape=3,3 strides=1,1 pads=1,1,1,1",
    "Relu c3 > r3",
    NULL,
};
static const char *const centernet[] = {
    "Conv r3 wh bh > heat kernel_shape=1,1",
    "Conv r3 ws bs > size kernel_shape=1,1",
    "Sigmoid heat > p",
    "MaxPool p > pm kernel_shape=3,3 strides=1,1 pads=1,1,1,1",
    "Equal p pm > e",
    "Cast e > ef to:=1",
    "Mul p ef > q",
    "Transpose q > qt perm=0,2,3,1",
    "Reshape qt flat > qf",
    "TopK qf k > s i",
    "Reshape s rows > s3",
    "Cast i > i32 to:=6",
    "Mod i32 classes > c",
    "Sub i32 c > ic",
    "Div ic classes > cell",
    "Mod cell width > x",
    "Sub cell x > yw",
    "Div yw width > y",
    "Transpose size > st perm=0,2,3,1",
    "Reshape st cells > sf",
    "Reshape cell list > cl",
    "Gather sf cl > g axis:=0",
    "Reshape g quad > g4",
    "Slice g4 n0 n1 n2 > gl",
    "Slice g4 n1 n2 n2 > gt",
    "Slice g4 n2 n3 n2 > gr",
    "Slice g4 n3 n4 n2 > gb",
    "Mul gl scale > wl",
    "Mul gt scale > wt",
    "Mul gr scale > wr",
    "Mul gb scale > wb",
    "Cast x > xf to:=1",
    "Reshape xf rows > x3",
    "Mul x3 stride > px",
    "Cast y > yf to:=1",
    "Reshape yf rows > y3",
    "Mul y3 stride > py",
    "Sub px wl > L",
    "Sub py wt > T",
    "Add px wr > R",
    "Add py wb > B",
    "Cast c > cf to:=1",
    "Reshape cf rows > cls",
    "Concat L T R B s3 cls > found axis:=2",
    NULL,
};
static const char *const classifier[] = {
    "GlobalAveragePool r3 > mean",
    "Flatten mean > flat axis:=1",
    "Gemm flat wg bg > logits transB:=1",
    "Softmax logits > scores axis:=1",
    NULL,
};

static void put_bytes(vd_buf *into, unsigned field, vd_slice bytes)
{
    expect_true(pb_put_bytes(into, field, bytes));
}

static void put_attr(vd_buf *node, const char *word)
{
    VD_AUTO(vd_buf) attr = VD_BUF(1024);
    const char *equals = strchr(word, '=');
    bool one = equals[-1] == ':';
    put_bytes(&attr, 1, vd_slice_of(word, (size_t)(equals - word) - one));
    char *at = (char *)(uintptr_t)(equals + 1);
    if (one) expect_true(pb_put_int(&attr, 3, strtol(at, NULL, 10)));
    while (!one && *at) {
        expect_true(pb_put_int(&attr, 8, strtol(at, &at, 10)));
        if (*at == ',') at++;
    }
    expect_true(pb_put_int(&attr, 20, one ? 2 : 7));
    put_bytes(node, 5, vd_buf_slice(&attr));
}

static void put_node(vd_buf *graph, const char *line, const tiny_options *o)
{
    VD_AUTO(vd_buf) node = VD_BUF(4096);
    char copy[256], *rest = copy, *word;
    bool outputs = false;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    const char *op = strsep(&rest, " ");
    while ((word = strsep(&rest, " "))) {
        if (strcmp(word, ">") == 0)
            outputs = true;
        else if (strchr(word, '='))
            put_attr(&node, word);
        else
            put_bytes(&node, outputs ? 2 : 1, vd_slice_str(word));
    }
    bool other = o->from_op && strcmp(op, o->from_op) == 0;
    put_bytes(&node, 3, vd_slice_str(line));
    put_bytes(&node, 4, vd_slice_str(other ? o->to_op : op));
    put_bytes(graph, 1, vd_buf_slice(&node));
}

static void put_tensor(vd_buf *graph, const char *name, int type, const int64_t *dim, unsigned rank,
                       vd_slice raw)
{
    VD_AUTO(vd_buf) t = VD_BUF(1 << 20);
    for (unsigned i = 0; i < rank; i++) expect_true(pb_put_int(&t, 1, dim[i]));
    expect_true(pb_put_int(&t, 2, type));
    put_bytes(&t, 8, vd_slice_str(name));
    put_bytes(&t, 9, raw);
    put_bytes(graph, 5, vd_buf_slice(&t));
}

static void put_weights(vd_buf *graph, const char *name, int64_t out, int64_t in, int64_t side,
                        float bias)
{
    const int64_t dim[] = { out, in, side, side };
    char bias_name[8];
    float numbers[32 * 32 * 9], biases[32];
    size_t count = (size_t)(out * in * side * side);
    dice d = dice_of(7, (uint64_t)name[1]);
    float edge = sqrtf(6.0f / (float)(in * side * side));
    for (size_t i = 0; i < count; i++) numbers[i] = dice_between(&d, -edge, edge);
    for (int64_t i = 0; i < out; i++) biases[i] = bias;
    put_tensor(graph, name, NN_FLOAT, dim, side ? (name[1] == 'g' ? 2 : 4) : 2,
               vd_slice_of(numbers, count * sizeof(float)));
    (void)snprintf(bias_name, sizeof(bias_name), "b%s", name + 1);
    put_tensor(graph, bias_name, NN_FLOAT, dim, 1,
               vd_slice_of(biases, (size_t)out * sizeof(float)));
}

static void put_ints(vd_buf *graph, const char *name, unsigned count, const int64_t *numbers)
{
    const int64_t dim[] = { count };
    put_tensor(graph, name, NN_INT64, dim, 1, vd_slice_of(numbers, count * sizeof(int64_t)));
}

static void put_io(vd_buf *graph, unsigned field, const char *name, const int64_t *dim,
                   unsigned rank)
{
    VD_AUTO(vd_buf) shape = VD_BUF(256), tensor = VD_BUF(256), type = VD_BUF(256);
    VD_AUTO(vd_buf) info = VD_BUF(512);
    for (unsigned i = 0; i < rank; i++) {
        VD_AUTO(vd_buf) one = VD_BUF(16);
        expect_true(pb_put_int(&one, 1, dim[i]));
        put_bytes(&shape, 1, vd_buf_slice(&one));
    }
    expect_true(pb_put_int(&tensor, 1, NN_FLOAT));
    put_bytes(&tensor, 2, vd_buf_slice(&shape));
    put_bytes(&type, 1, vd_buf_slice(&tensor));
    put_bytes(&info, 1, vd_slice_str(name));
    put_bytes(&info, 2, vd_buf_slice(&type));
    put_bytes(graph, field, vd_buf_slice(&info));
}

static void put_centernet_constants(vd_buf *graph)
{
    const float scale = 16, stride = 4;
    const int32_t classes = 2, width = CELLS;
    put_weights(graph, "wh", 2, 16, 1, -2);
    put_weights(graph, "ws", 4, 16, 1, 0.5f);
    put_ints(graph, "flat", 2, (int64_t[]){ 1, CELLS * CELLS * 2 });
    put_ints(graph, "k", 1, (int64_t[]){ 10 });
    put_ints(graph, "rows", 3, (int64_t[]){ 1, 10, 1 });
    put_ints(graph, "cells", 2, (int64_t[]){ CELLS * CELLS, 4 });
    put_ints(graph, "list", 1, (int64_t[]){ 10 });
    put_ints(graph, "quad", 3, (int64_t[]){ 1, 10, 4 });
    for (int64_t i = 0; i < 5; i++) {
        char name[] = { 'n', (char)('0' + i), 0 };
        put_ints(graph, name, 1, &i);
    }
    put_tensor(graph, "scale", NN_FLOAT, NULL, 0, vd_slice_of(&scale, 4));
    put_tensor(graph, "stride", NN_FLOAT, NULL, 0, vd_slice_of(&stride, 4));
    put_tensor(graph, "classes", NN_INT32, NULL, 0, vd_slice_of(&classes, 4));
    put_tensor(graph, "width", NN_INT32, NULL, 0, vd_slice_of(&width, 4));
}

static void write_model(const tiny *t, const tiny_options *o)
{
    VD_AUTO(vd_buf) graph = VD_BUF(1 << 20), model = VD_BUF(1 << 20), opset = VD_BUF(16);
    const char *const *tail = o->classifier ? classifier : centernet;
    for (unsigned i = 0; backbone[i]; i++) put_node(&graph, backbone[i], o);
    for (unsigned i = 0; tail[i]; i++) put_node(&graph, tail[i], o);
    put_bytes(&graph, 2, VD_STR("tiny"));
    put_weights(&graph, "w1", 8, 3, 3, o->ruin ? NAN : 0);
    put_weights(&graph, "w2", 16, 8, 3, 0);
    put_weights(&graph, "w3", 16, 16, 3, 0);
    if (o->classifier)
        put_weights(&graph, "wg", 2, 16, 1, 0);
    else
        put_centernet_constants(&graph);
    put_io(&graph, 11, "images", (int64_t[]){ 1, 3, SIDE, SIDE }, 4);
    if (o->classifier)
        put_io(&graph, 12, "scores", (int64_t[]){ 1, 2 }, 2);
    else
        put_io(&graph, 12, "found", (int64_t[]){ 1, 10, 6 }, 3);
    expect_true(pb_put_int(&model, 1, 8));
    put_bytes(&model, 7, vd_buf_slice(&graph));
    put_bytes(&opset, 1, VD_SLICE_NONE);
    expect_true(pb_put_int(&opset, 2, 17));
    put_bytes(&model, 8, vd_buf_slice(&opset));
    expect_ok(vd_file_save(t->model, 0600, vd_buf_slice(&model), NULL));
}

static void write_descriptor(const tiny *t, const tiny_options *o)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    char path[160];
    expect_true(vd_buf_addf(
        &yaml,
        "name: tiny\nfile: tiny.onnx\ninput:\n  layout: nchw\n  size: [%d, %d]\n  fit: stretch\n"
        "  scale: 0.00392156862745098\noutput:\n  decode: %s\nclasses: %s\nchain: %s\n",
        SIDE, SIDE, o->classifier ? "classification" : "centernet",
        o->classifier ? "[left, right]" : "[square, other]", o->chain ? o->chain : "[]"));
    (void)snprintf(path, sizeof(path), "%s/tiny.model.yaml", t->folder);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(&yaml), NULL));
}

/* ---- pictures: grey with noise, and one bright square ---- */

typedef struct {
    int l, t, side;
} square;

static void write_picture(const tiny *t, dice *d, square s, vd_digest *ret_digest)
{
    enum { W = 96 };
    static uint8_t luma[W * W], chroma[W * W / 4];
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    char path[256];
    vd_frame *frame;
    for (int i = 0; i < W * W; i++) luma[i] = (uint8_t)(60 + dice_roll(d, 20));
    for (int y = s.t; y < s.t + s.side; y++)
        for (int x = s.l; x < s.l + s.side; x++) luma[y * W + x] = 220;
    memset(chroma, 128, sizeof(chroma));
    const vd_picture picture = { .width_px = W,
                                 .height_px = W,
                                 .plane = { luma, chroma, chroma },
                                 .stride = { W, W / 2, W / 2 } };
    expect_ok(vd_frame_copy(&picture, &frame));
    expect_ok(vd_frame_jpeg(frame, 0, 90, &jpeg, NULL));
    (void)vd_frame_unref(frame);
    *ret_digest = vd_sha256(vd_buf_slice(&jpeg));
    (void)snprintf(path, sizeof(path), "%s/%s", t->pictures, ret_digest->hex);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(&jpeg), NULL));
}

static void write_entry(vd_json_w *w, const tiny_options *o, const vd_digest *digest, square s,
                        bool val)
{
    const int edge[] = { s.l, s.t, s.side, s.side };
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "picture", digest->hex);
    vd_json_w_kv_int(w, "width", 96);
    vd_json_w_kv_int(w, "height", 96);
    vd_json_w_kv_text(w, "group", val ? "b" : "a");
    vd_json_w_kv_text(w, "split", val ? "val" : "train");
    vd_json_w_key(w, "boxes");
    vd_json_w_list(w);
    if (!o->classifier) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "class", "square");
        vd_json_w_key(w, "box");
        vd_json_w_list(w);
        for (int i = 0; i < 4; i++) vd_json_w_num(w, edge[i] / 96.0, 6);
        vd_json_w_list_end(w);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    if (o->classifier) vd_json_w_kv_text(w, "class", s.side > 30 ? "large" : "small");
    vd_json_w_object_end(w);
}

static void write_set(const tiny *t, const tiny_options *o)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    dice d = dice_of(11, 13);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "format", "vedette.dataset/1");
    vd_json_w_kv_text(&w, "task", o->classifier ? "classification" : "detection");
    vd_json_w_key(&w, "classes");
    vd_json_w_list(&w);
    vd_json_w_text(&w, o->classifier ? "large" : "square");
    if (o->classifier) vd_json_w_text(&w, "small");
    vd_json_w_list_end(&w);
    vd_json_w_key(&w, "pictures");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < o->train + o->val; i++) {
        vd_digest digest;
        square s = { .side = (i & 1 ? 16 : 40) + 2 * (int)dice_roll(&d, 5) };
        s.l = 2 * (int)dice_roll(&d, (uint64_t)(96 - s.side) / 2);
        s.t = 2 * (int)dice_roll(&d, (uint64_t)(96 - s.side) / 2);
        write_picture(t, &d, s, &digest);
        write_entry(&w, o, &digest, s, i >= o->train);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_file_save(t->manifest, 0600, vd_buf_slice(&text), NULL));
}

tiny tiny_make(const char *folder, const tiny_options *o)
{
    tiny t;
    (void)snprintf(t.folder, sizeof(t.folder), "%s", folder);
    (void)snprintf(t.manifest, sizeof(t.manifest), "%s/manifest.json", folder);
    (void)snprintf(t.pictures, sizeof(t.pictures), "%s/pictures", folder);
    (void)snprintf(t.model, sizeof(t.model), "%s/tiny.onnx", folder);
    expect_ok(vd_dir_make(t.pictures, 0700, NULL));
    write_model(&t, o);
    write_descriptor(&t, o);
    write_set(&t, o);
    return t;
}

trainer_settings tiny_settings(void)
{
    VD_AUTO(trainer_config) config = { 0 };
    expect_ok(trainer_config_load(NULL, &config, NULL));
    trainer_settings s = config.train;
    s.threads = 1;
    s.epochs = 16;
    s.batch = 4;
    s.freeze = 0;
    s.learning_rate = 0.01;
    s.patience = 0;
    s.variants = 2;
    return s;
}
