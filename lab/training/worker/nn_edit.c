/* Changes to a model's bytes: fields are copied as they are, but for the few that change. */
#include "nn_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dice_priv.h"
#include "limits.h"
#include "pb_priv.h"

bool nn_model_set(const nn_model *m, int value, const float *numbers, vd_buf *file)
{
    const nn_tensor *t = m->value[value].tensor;
    if (!t || t->type != NN_FLOAT || !t->offset || t->offset + t->bytes > file->len) return false;
    memcpy(file->data + t->offset, numbers, t->bytes);
    return true;
}

/* ValueInfoProto of a float tensor; rank 0: the shape is left open. */
static bool put_value_info(vd_buf *into, unsigned field, const char *name, const int64_t *dim,
                           unsigned rank)
{
    VD_AUTO(vd_buf) shape = VD_BUF(4096), tensor = VD_BUF(4096), type = VD_BUF(4096);
    VD_AUTO(vd_buf) info = VD_BUF(8192);
    bool fits = true;
    for (unsigned i = 0; i < rank && fits; i++) {
        VD_AUTO(vd_buf) one = VD_BUF(64);
        fits = pb_put_int(&one, 1, dim[i]) && pb_put_bytes(&shape, 1, vd_buf_slice(&one));
    }
    return fits && pb_put_int(&tensor, 1, NN_FLOAT) &&
           (!rank || pb_put_bytes(&tensor, 2, vd_buf_slice(&shape))) &&
           pb_put_bytes(&type, 1, vd_buf_slice(&tensor)) &&
           pb_put_bytes(&info, 1, vd_slice_str(name)) &&
           pb_put_bytes(&info, 2, vd_buf_slice(&type)) &&
           pb_put_bytes(into, field, vd_buf_slice(&info));
}

bool nn_bytes_add_outputs(const nn_model *m, const int *values, unsigned count, vd_buf *into)
{
    VD_AUTO(vd_buf) graph = VD_BUF(65536);
    for (unsigned i = 0; i < count; i++)
        if (!put_value_info(&graph, 12, m->value[values[i]].name, NULL, 0)) return false;
    return pb_put_bytes(into, 7, vd_buf_slice(&graph));
}

bool nn_bytes_cut(const nn_model *m, const int *values, unsigned count, vd_buf *into)
{
    VD_AUTO(vd_buf) graph = VD_BUF(VD_LIMIT_MODEL_BYTES);
    vd_slice rest = vd_buf_slice(&m->bytes);
    pb_field f, g;
    while (rest.len) {
        if (!pb_take_field(&rest, &f)) return false;
        if (f.field != 7 && !vd_buf_add(into, f.whole)) return false;
        while (f.field == 7 && f.bytes.len) {
            if (!pb_take_field(&f.bytes, &g)) return false;
            if (g.field != 12 && !vd_buf_add(&graph, g.whole)) return false;
        }
    }
    for (unsigned i = 0; i < count; i++)
        if (!put_value_info(&graph, 12, m->value[values[i]].name, NULL, 0)) return false;
    return pb_put_bytes(into, 7, vd_buf_slice(&graph));
}

/* ---- a new head ---- */

typedef struct {
    const nn_model *m;
    int weight, bias; /* initializers that are replaced; -1: a layer is added behind the output */
    bool rows_first;  /* the weight is [classes, features] */
    unsigned features, classes;
    float *numbers; /* classes * features */
} head;

static bool is_weight_layer(const char *op)
{
    return strcmp(op, "Gemm") == 0 || strcmp(op, "MatMul") == 0 || strcmp(op, "Conv") == 0;
}

/* What follows the last layer of weights must not care for the number of classes. */
static bool tail_is_plain(const nn_model *m, unsigned from)
{
    static const char *const plain[] = {
        "Softmax", "Sigmoid", "Identity", "Relu", "Clip", "Flatten"
    };
    for (unsigned n = from; n < m->node_count; n++) {
        bool fine = false;
        for (size_t i = 0; i < VD_COUNT_OF(plain); i++) fine |= !strcmp(plain[i], m->node[n].op);
        if (!fine) return false;
    }
    return true;
}

static bool find_last_gemm(head *h)
{
    const nn_model *m = h->m;
    for (unsigned n = m->node_count; n-- > 0;) {
        const nn_node *node = &m->node[n];
        if (!is_weight_layer(node->op)) continue;
        if (strcmp(node->op, "Conv") == 0 || node->in_count < 2 || node->in[1] < 0) return false;
        const nn_tensor *w = m->value[node->in[1]].tensor;
        int use;
        if (!w || w->rank != 2 || w->type != NN_FLOAT || nn_value_uses(m, node->in[1], &use) != 1)
            return false;
        h->weight = node->in[1];
        h->bias = node->in_count > 2 ? node->in[2] : -1;
        h->rows_first = nn_attr_int(node, "transB", 0) == 1;
        h->features = (unsigned)w->dim[h->rows_first ? 1 : 0];
        return tail_is_plain(m, n + 1);
    }
    return false;
}

/* The usual start: uniform within 1 / sqrt(features). */
static bool roll_numbers(head *h, uint64_t seed)
{
    size_t count = (size_t)h->classes * h->features;
    dice d = dice_of(seed, 0x68656164);
    float edge = 1 / sqrtf((float)h->features);
    h->numbers = malloc(count * sizeof(float));
    for (size_t i = 0; h->numbers && i < count; i++) h->numbers[i] = edge * (2 * dice_unit(&d) - 1);
    return h->numbers != NULL;
}

static bool put_tensor(vd_buf *into, const char *name, int type, const int64_t *dim, unsigned rank,
                       vd_slice raw)
{
    VD_AUTO(vd_buf) t = VD_BUF(VD_LIMIT_MODEL_BYTES);
    bool fits = true;
    for (unsigned i = 0; i < rank && fits; i++) fits = pb_put_int(&t, 1, dim[i]);
    return fits && pb_put_int(&t, 2, type) && pb_put_bytes(&t, 8, vd_slice_str(name)) &&
           pb_put_bytes(&t, 9, raw) && pb_put_bytes(into, 5, vd_buf_slice(&t));
}

static bool put_head_tensors(const head *h, const char *weight, const char *bias, vd_buf *into)
{
    int64_t dim[2] = { h->rows_first ? h->classes : h->features,
                       h->rows_first ? h->features : h->classes };
    VD_AUTO(vd_buf) zero = VD_BUF(1u << 20);
    for (unsigned i = 0; i < h->classes; i++)
        if (!vd_buf_add(&zero, vd_slice_of("\0\0\0", 4))) return false;
    return put_tensor(into, weight, NN_FLOAT, dim, 2,
                      vd_slice_of(h->numbers, (size_t)h->classes * h->features * sizeof(float))) &&
           (!bias ||
            put_tensor(into, bias, NN_FLOAT, dim + !h->rows_first, 1, vd_buf_slice(&zero)));
}

static bool put_attr_int(vd_buf *node, const char *name, int64_t value)
{
    VD_AUTO(vd_buf) attr = VD_BUF(256);
    return pb_put_bytes(&attr, 1, vd_slice_str(name)) && pb_put_int(&attr, 3, value) &&
           pb_put_int(&attr, 20, 2) && pb_put_bytes(node, 5, vd_buf_slice(&attr));
}

static bool put_node(vd_buf *into, const char *op, const char *const *in, unsigned in_count,
                     const char *out, const char *attr, int64_t number)
{
    VD_AUTO(vd_buf) node = VD_BUF(8192);
    bool fits = true;
    for (unsigned i = 0; i < in_count && fits; i++)
        fits = pb_put_bytes(&node, 1, vd_slice_str(in[i]));
    return fits && pb_put_bytes(&node, 2, vd_slice_str(out)) &&
           pb_put_bytes(&node, 3, vd_slice_str(out)) && pb_put_bytes(&node, 4, vd_slice_str(op)) &&
           put_attr_int(&node, attr, number) && pb_put_bytes(into, 1, vd_buf_slice(&node));
}

#define ADDED "vedette/head"
_Static_assert(sizeof(NN_HEAD_SCORES) == sizeof(ADDED "/scores"), "one name");

/* output -> Flatten -> Gemm -> Softmax */
static bool put_added_layer(const head *h, vd_buf *into)
{
    const char *features = h->m->value[h->m->output[0]].name;
    const char *gemm[] = { ADDED "/flat", ADDED "/weight", ADDED "/bias" };
    const char *logits = ADDED "/logits";
    return put_node(into, "Flatten", &features, 1, ADDED "/flat", "axis", 1) &&
           put_node(into, "Gemm", gemm, 3, logits, "transB", 1) &&
           put_node(into, "Softmax", &logits, 1, NN_HEAD_SCORES, "axis", 1) &&
           put_head_tensors(h, gemm[1], gemm[2], into);
}

static vd_slice name_in(vd_slice message, unsigned field)
{
    pb_field f;
    while (message.len && pb_take_field(&message, &f))
        if (f.field == field && f.wire == 2) return f.bytes;
    return VD_SLICE_NONE;
}

static bool names_value(const head *h, vd_slice name, int value)
{
    return value >= 0 && vd_slice_eq(name, vd_slice_str(h->m->value[value].name));
}

static bool put_graph_field(const head *h, const pb_field *f, vd_buf *into)
{
    vd_slice name = f->field == 5 ? name_in(f->bytes, 8) : name_in(f->bytes, 1);
    int64_t dim[2] = { 1, h->classes };
    const char *output = h->weight < 0 ? NN_HEAD_SCORES : h->m->value[h->m->output[0]].name;
    if (f->field == 12) return put_value_info(into, 12, output, dim, 2);
    if (f->field == 13) return true; /* shapes of what lies between would lie now */
    if (f->field == 5 && names_value(h, name, h->weight))
        return put_head_tensors(h, h->m->value[h->weight].name,
                                h->bias < 0 ? NULL : h->m->value[h->bias].name, into);
    if (f->field == 5 && names_value(h, name, h->bias)) return true;
    if (f->field == 11 && (names_value(h, name, h->weight) || names_value(h, name, h->bias)))
        return true;
    return vd_buf_add(into, f->whole);
}

static bool put_graph(const head *h, vd_slice graph, vd_buf *into)
{
    pb_field f;
    while (graph.len)
        if (!pb_take_field(&graph, &f) || !put_graph_field(h, &f, into)) return false;
    return h->weight >= 0 || put_added_layer(h, into);
}

static bool put_model(const head *h, vd_buf *into)
{
    VD_AUTO(vd_buf) graph = VD_BUF(VD_LIMIT_MODEL_BYTES);
    vd_slice rest = vd_buf_slice(&h->m->bytes);
    pb_field f;
    while (rest.len) {
        if (!pb_take_field(&rest, &f)) return false;
        bool fits = f.field == 7 ? put_graph(h, f.bytes, &graph) &&
                                       pb_put_bytes(into, 7, vd_buf_slice(&graph))
                                 : vd_buf_add(into, f.whole);
        if (!fits) return false;
    }
    return true;
}

vd_err nn_model_rehead(const nn_model *m, unsigned classes, unsigned features, uint64_t seed,
                       vd_buf *into, vd_why *why)
{
    head h = { .m = m, .weight = -1, .bias = -1, .classes = classes };
    if (m->output_count != 1)
        return vd_fail(why, VD_INVALID, "a classifier has one output, this model has %u",
                       m->output_count);
    if (!find_last_gemm(&h)) {
        h.weight = h.bias = -1;
        h.rows_first = true;
        h.features = features;
    }
    if (!h.features || !roll_numbers(&h, seed) || !put_model(&h, into)) {
        free(h.numbers);
        return vd_fail(why, VD_FULL, "the new head does not fit");
    }
    free(h.numbers);
    return VD_OK;
}
