#include "qgraph_priv.h"

#include "pb_priv.h"

/* What the reader cannot hold for want of memory looks like a file that is too large. */
static vd_err too_large(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the model's graph is too large");
}

static vd_err corrupt(vd_why *why)
{
    return vd_fail(why, VD_CORRUPT, "the file is not a whole ONNX model");
}

static uint64_t hash_of(vd_slice name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) hash = (hash ^ name.data[i]) * 1099511628211u;
    return hash;
}

int q_graph_value(q_graph *g, vd_slice name)
{
    size_t at = hash_of(name) & (g->slot_count - 1);
    for (; g->slot[at] >= 0; at = (at + 1) & (g->slot_count - 1))
        if (vd_slice_eq(vd_slice_str(g->value[g->slot[at]].name), name)) return g->slot[at];
    if (g->value_count == g->value_room) return -1;
    char *copy = vd_arena_str(g->arena, name);
    if (!copy) return -1;
    g->value[g->value_count] = (q_value){ .name = copy, .maker = -1, .tensor = -1 };
    g->slot[at] = (int)g->value_count;
    return (int)g->value_count++;
}

/* A name, a node or a tensor takes at least two bytes of the file. */
static bool make_room(q_graph *g, size_t bytes)
{
    size_t most = bytes / 2 + 16;
    g->value_room = (unsigned)(most < Q_VALUES_MAX ? most : Q_VALUES_MAX);
    g->node_room = (unsigned)(most < Q_NODES_MAX ? most : Q_NODES_MAX);
    for (g->slot_count = 64; g->slot_count < 2 * (size_t)g->value_room;) g->slot_count *= 2;
    g->slot = vd_arena_alloc(g->arena, g->slot_count * sizeof *g->slot);
    g->value = vd_arena_alloc(g->arena, g->value_room * sizeof *g->value);
    g->node = vd_arena_alloc(g->arena, g->node_room * sizeof *g->node);
    g->tensor = vd_arena_alloc(g->arena, g->value_room * sizeof *g->tensor);
    if (!g->slot || !g->value || !g->node || !g->tensor) return false;
    for (size_t i = 0; i < g->slot_count; i++) g->slot[i] = -1;
    return true;
}

/* Packed (one field) or not (a field each). */
static bool read_dims(q_tensor *t, const pb_field *field)
{
    vd_slice packed = field->bytes;
    uint64_t dim = field->number;
    do {
        if (field->wire == 2 && !packed.len) return true;
        if (field->wire == 2 && !pb_varint(&packed, &dim)) return false;
        if (t->rank == Q_RANK_MAX) return false;
        t->dim[t->rank++] = (int64_t)dim;
    } while (packed.len);
    return true;
}

/* TensorProto: 1 dims  2 data_type  8 name  9 raw_data  14 data_location */
static vd_err read_tensor(q_graph *g, const pb_field *field, vd_why *why)
{
    q_tensor t = { .whole = field->whole };
    vd_slice rest = field->bytes, name = VD_SLICE_NONE;
    bool elsewhere = false;
    pb_field f;
    while (rest.len) {
        if (!pb_next(&rest, &f)) return corrupt(why);
        if (f.field == 1 && !read_dims(&t, &f)) return corrupt(why);
        if (f.field == 2) t.type = (int)f.number;
        if (f.field == 8) name = f.bytes;
        if (f.field == 9) t.raw = f.bytes;
        if (f.field == 14) elsewhere = f.number != 0;
    }
    if (elsewhere) return vd_fail(why, VD_INVALID, "the model keeps its weights in another file");
    t.value = q_graph_value(g, name);
    if (t.value < 0 || g->tensor_count == g->value_room) return too_large(why);
    g->value[t.value].tensor = (int)g->tensor_count;
    g->tensor[g->tensor_count++] = t;
    return VD_OK;
}

/* AttributeProto: 1 name  3 i. Only a convolution's groups are of interest. */
static bool read_group(vd_slice attr, int64_t *group)
{
    pb_field f;
    bool is_group = false;
    int64_t value = 1;
    while (attr.len) {
        if (!pb_next(&attr, &f)) return false;
        if (f.field == 1) is_group = vd_slice_eq(f.bytes, VD_STR("group"));
        if (f.field == 3) value = (int64_t)f.number;
    }
    if (is_group) *group = value;
    return true;
}

static bool count_fields(vd_slice body, unsigned *ins, unsigned *outs)
{
    pb_field f;
    while (body.len) {
        if (!pb_next(&body, &f)) return false;
        *ins += f.field == 1;
        *outs += f.field == 2;
    }
    return true;
}

/* An empty name stands for an input that is left out. */
static vd_err read_input(q_graph *g, q_node *n, vd_slice name, vd_why *why)
{
    int value = name.len ? q_graph_value(g, name) : -1;
    if (name.len && value < 0) return too_large(why);
    if (value >= 0) g->value[value].uses++;
    n->in[n->in_count++] = value;
    return VD_OK;
}

/* Made once, and before anybody reads it. */
static vd_err read_output(q_graph *g, q_node *n, vd_slice name, vd_why *why)
{
    int value = q_graph_value(g, name);
    if (value < 0) return too_large(why);
    if (g->value[value].maker >= 0 || g->value[value].uses) return corrupt(why);
    g->value[value].maker = (int)g->node_count;
    n->out[n->out_count++] = value;
    return VD_OK;
}

static vd_err read_node_field(q_graph *g, q_node *n, const pb_field *f, vd_why *why)
{
    switch (f->field) {
    case 1: return read_input(g, n, f->bytes, why);
    case 2: return read_output(g, n, f->bytes, why);
    case 4: n->op = vd_arena_str(g->arena, f->bytes); return n->op ? VD_OK : too_large(why);
    case 5: return read_group(f->bytes, &n->group) ? VD_OK : corrupt(why);
    default: return VD_OK;
    }
}

static vd_err read_node(q_graph *g, vd_slice body, vd_why *why)
{
    q_node n = { .body = body, .group = 1, .op = "" };
    unsigned ins = 0, outs = 0;
    vd_err err = count_fields(body, &ins, &outs) && outs ? VD_OK : corrupt(why);
    pb_field f;
    if (err) return err;
    n.in = vd_arena_alloc(g->arena, (ins + 1) * sizeof *n.in);
    n.out = vd_arena_alloc(g->arena, (outs + 1) * sizeof *n.out);
    if (!n.in || !n.out || g->node_count == g->node_room) return too_large(why);
    while (body.len && !err) {
        if (!pb_next(&body, &f)) return corrupt(why);
        err = read_node_field(g, &n, &f, why);
    }
    if (!err) g->node[g->node_count++] = n;
    return err;
}

/* ValueInfoProto: 1 name */
static vd_err read_side(q_graph *g, vd_slice info, bool leaves, vd_why *why)
{
    pb_field f;
    while (info.len) {
        if (!pb_next(&info, &f)) return corrupt(why);
        if (f.field != 1) continue;
        int value = q_graph_value(g, f.bytes);
        if (value < 0) return too_large(why);
        g->value[value].leaves |= leaves;
        g->value[value].uses += leaves;
        if (!leaves && !g->input && g->value[value].tensor < 0) g->input = g->value[value].name;
    }
    return VD_OK;
}

/* Tensors first: a node's use of one must find it, wherever the file has it. */
static vd_err read_graph(q_graph *g, vd_why *why)
{
    vd_err err = VD_OK;
    pb_field f;
    for (vd_slice rest = g->graph; !err && rest.len;) {
        if (!pb_next(&rest, &f)) return corrupt(why);
        if (f.field == 5 && f.wire == 2) err = read_tensor(g, &f, why);
        if (f.field == 15)
            err = vd_fail(why, VD_INVALID, "the model has sparse tensors, which are not supported");
    }
    for (vd_slice rest = g->graph; !err && rest.len;) {
        if (!pb_next(&rest, &f)) return corrupt(why);
        if (f.wire != 2) continue;
        if (f.field == 1) err = read_node(g, f.bytes, why);
        if (f.field == 11) err = read_side(g, f.bytes, false, why);
        if (f.field == 12) err = read_side(g, f.bytes, true, why);
    }
    return err;
}

static bool read_opset(q_graph *g, const pb_field *field)
{
    vd_slice rest = field->bytes;
    bool standard = true;
    int64_t version = 0;
    pb_field f;
    while (rest.len) {
        if (!pb_next(&rest, &f)) return false;
        if (f.field == 1) standard = f.bytes.len == 0;
        if (f.field == 2) version = (int64_t)f.number;
    }
    if (standard) g->opset = version;
    if (g->opset_count == VD_COUNT_OF(g->opsets)) return false;
    g->opsets[g->opset_count++] = field->whole;
    return true;
}

static bool read_model(q_graph *g, vd_slice onnx)
{
    pb_field f;
    while (onnx.len) {
        if (!pb_next(&onnx, &f)) return false;
        if (f.field == 1 && f.wire == 0) g->ir = (int64_t)f.number;
        if (f.field == 7 && f.wire == 2) g->graph = f.bytes;
        if (f.field == 8 && f.wire == 2 && !read_opset(g, &f)) return false;
    }
    return g->graph.len && g->ir;
}

vd_err q_graph_read(vd_slice onnx, vd_arena *arena, q_graph *ret_graph, vd_why *why)
{
    q_graph g = { .arena = arena };
    if (!make_room(&g, onnx.len)) return too_large(why);
    vd_err err = read_model(&g, onnx) ? read_graph(&g, why) : corrupt(why);
    if (!err && (!g.node_count || !g.input)) err = corrupt(why);
    if (!err) *ret_graph = g;
    return err;
}

size_t q_tensor_count(const q_tensor *tensor, size_t element_bytes)
{
    size_t count = 1;
    for (unsigned i = 0; i < tensor->rank; i++) {
        if (tensor->dim[i] < 1 || (uint64_t)tensor->dim[i] > SIZE_MAX / 64 / count) return 0;
        count *= (size_t)tensor->dim[i];
    }
    return tensor->raw.len == count * element_bytes ? count : 0;
}

const q_tensor *q_graph_floats(const q_graph *g, const q_node *node, unsigned index)
{
    if (index >= node->in_count || node->in[index] < 0) return NULL;
    int tensor = g->value[node->in[index]].tensor;
    if (tensor < 0 || g->tensor[tensor].type != 1) return NULL;
    return q_tensor_count(&g->tensor[tensor], sizeof(float)) ? &g->tensor[tensor] : NULL;
}
