/* Reads what nn_priv.h draws. It never leaves the slice and takes memory only from one arena. */
#include "nn_priv.h"

#include <stdlib.h>

#include "limits.h"
#include "pb_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

typedef struct {
    nn_model *m;
    vd_why *why;
} reader;

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

int nn_model_find(const nn_model *m, const char *name)
{
    for (uint32_t at = hash_of(name) & m->slot_mask; m->slot[at]; at = (at + 1) & m->slot_mask)
        if (strcmp(m->value[m->slot[at] - 1].name, name) == 0) return (int)m->slot[at] - 1;
    return -1;
}

/* The value's index, made when it is new; -1 when there are too many or memory ends. */
static int value_of(reader *r, vd_slice text)
{
    nn_model *m = r->m;
    char *name = vd_arena_str(m->arena, text);
    if (!name || strlen(name) != text.len) return -1;
    int known = nn_model_find(m, name);
    if (known >= 0) return known;
    if (m->value_count == NN_VALUES_MAX) return -1;
    uint32_t at = hash_of(name) & m->slot_mask;
    while (m->slot[at]) at = (at + 1) & m->slot_mask;
    m->value[m->value_count] = (nn_value){ .name = name, .maker = -1 };
    m->slot[at] = ++m->value_count;
    return (int)m->value_count - 1;
}

static size_t type_bytes(int type)
{
    switch (type) {
    case NN_FLOAT:
    case NN_INT32: return 4;
    case NN_INT64: return 8;
    case NN_UINT8:
    case NN_INT8:
    case NN_BOOL: return 1;
    default: return 0;
    }
}

int64_t nn_tensor_count(const nn_tensor *t)
{
    int64_t count = 1;
    for (unsigned i = 0; i < t->rank; i++) count *= t->dim[i];
    return count;
}

/* Numbers one by one or packed, as varints, into a list that grows in the arena's own copy. */
static unsigned count_varints(vd_slice packed)
{
    unsigned count = 0;
    for (size_t i = 0; i < packed.len; i++) count += !(packed.data[i] & 0x80);
    return count;
}

static bool add_dim(nn_tensor *t, uint64_t dim)
{
    if (t->rank == NN_RANK_MAX || dim > VD_LIMIT_MODEL_BYTES) return false;
    t->dim[t->rank++] = (int64_t)dim;
    return nn_tensor_count(t) <= (int64_t)VD_LIMIT_MODEL_BYTES;
}

static bool add_dims(nn_tensor *t, const pb_field *f)
{
    vd_slice rest = f->bytes;
    uint64_t dim;
    if (f->wire == 0) return add_dim(t, f->number);
    while (rest.len)
        if (!pb_take_varint(&rest, &dim) || !add_dim(t, dim)) return false;
    return true;
}

/* int32_data and int64_data hold varints, which are spread here. */
static bool spread(reader *r, nn_tensor *t, vd_slice packed)
{
    size_t each = type_bytes(t->type);
    unsigned count = count_varints(packed);
    uint8_t *data = each ? vd_arena_alloc(r->m->arena, count * each + 1) : NULL;
    uint64_t number;
    if (!data) return false;
    t->data = data;
    t->bytes = count * each;
    for (; packed.len; data += each) {
        if (!pb_take_varint(&packed, &number)) return false;
        memcpy(data, &number, each); /* little endian: the low bytes are the number */
    }
    return true;
}

/* One field of a TensorProto; numbers that are written as varints wait in `typed`. */
static bool read_tensor_field(reader *r, const pb_field *f, nn_tensor *t, vd_slice *typed)
{
    bool bytes = f->wire == 2;
    switch (f->field) {
    case 1: return add_dims(t, f);
    case 2: t->type = (int)f->number; return true;
    case 4: /* float_data lies as raw_data does */
    case 9:
        if (!bytes) return false;
        t->data = f->bytes.data;
        t->bytes = f->bytes.len;
        t->offset = (size_t)(f->bytes.data - (const uint8_t *)r->m->bytes.data);
        return true;
    case 5:
    case 7: *typed = f->bytes; return bytes;
    case 14: return f->number == 0; /* numbers in another file */
    default: return true;
    }
}

static bool read_tensor(reader *r, vd_slice message, nn_tensor *ret_tensor, vd_slice *ret_name)
{
    nn_tensor t = { 0 };
    vd_slice typed = VD_SLICE_NONE;
    pb_field f;
    *ret_name = VD_SLICE_NONE;
    while (message.len) {
        if (!pb_take_field(&message, &f) || !read_tensor_field(r, &f, &t, &typed)) return false;
        if (f.field == 8) *ret_name = f.bytes;
    }
    if (typed.len && !t.data && !spread(r, &t, typed)) return false;
    size_t each = type_bytes(t.type);
    *ret_tensor = t;
    return !each || t.bytes == (size_t)nn_tensor_count(&t) * each;
}

static bool read_initializer(reader *r, vd_slice message)
{
    vd_slice name;
    nn_tensor *t = vd_arena_alloc(r->m->arena, sizeof(*t));
    if (!t || !read_tensor(r, message, t, &name)) return false;
    int value = value_of(r, name);
    if (value < 0 || r->m->value[value].tensor) return false;
    r->m->value[value].tensor = t;
    return true;
}

static bool read_ints(reader *r, nn_attr *a, vd_slice message)
{
    vd_slice rest = message;
    unsigned count = 0;
    pb_field f;
    while (rest.len) {
        if (!pb_take_field(&rest, &f)) return false;
        if (f.field == 8) count += f.wire == 0 ? 1 : count_varints(f.bytes);
    }
    int64_t *ints = vd_arena_alloc(r->m->arena, (count + 1) * sizeof(*ints));
    if (!ints) return false;
    a->ints = ints;
    while (message.len) {
        if (!pb_take_field(&message, &f)) return false;
        if (f.field != 8) continue;
        uint64_t number = f.number;
        if (f.wire == 0) ints[a->int_count++] = (int64_t)number;
        while (f.wire == 2 && f.bytes.len) {
            if (!pb_take_varint(&f.bytes, &number)) return false;
            ints[a->int_count++] = (int64_t)number;
        }
    }
    return true;
}

static bool read_attr(reader *r, vd_slice message, nn_attr *a)
{
    vd_slice rest = message, name;
    pb_field f;
    while (rest.len) {
        if (!pb_take_field(&rest, &f)) return false;
        if (f.field == 1) a->name = vd_arena_str(r->m->arena, f.bytes);
        if (f.field == 2 && f.wire == 5) memcpy(&a->f, &f.number, sizeof(a->f));
        if (f.field == 3 && f.wire == 0) a->i = (int64_t)f.number;
        if (f.field == 4) a->text = f.bytes;
        if (f.field == 6) return false; /* a graph within a node */
        if (f.field != 5 || f.wire != 2) continue;
        a->tensor = vd_arena_alloc(r->m->arena, sizeof(*a->tensor));
        if (!a->tensor || !read_tensor(r, f.bytes, a->tensor, &name)) return false;
    }
    return a->name && read_ints(r, a, message);
}

static void count_parts(vd_slice node, unsigned parts[6])
{
    pb_field f;
    while (node.len && pb_take_field(&node, &f))
        if (f.field < 6) parts[f.field]++;
}

static bool add_input(reader *r, nn_node *n, vd_slice name)
{
    int value = name.len ? value_of(r, name) : -1;
    if (name.len && value < 0) return false;
    const nn_value *v = value < 0 ? NULL : &r->m->value[value];
    if (v && !v->tensor && v->maker < 0 && value != r->m->input) return false; /* not made yet */
    n->in[n->in_count++] = value;
    return true;
}

static bool add_output(reader *r, nn_node *n, vd_slice name)
{
    int value = name.len ? value_of(r, name) : -1;
    n->out[n->out_count++] = value;
    if (!name.len) return true;
    if (value < 0 || value == r->m->input || r->m->value[value].maker >= 0 ||
        r->m->value[value].tensor)
        return false;
    r->m->value[value].maker = (int)r->m->node_count;
    return true;
}

static bool read_node_field(reader *r, nn_node *n, const pb_field *f)
{
    if (f->wire != 2) return true;
    switch (f->field) {
    case 1: return add_input(r, n, f->bytes);
    case 2: return add_output(r, n, f->bytes);
    case 3: n->name = vd_arena_str(r->m->arena, f->bytes); return n->name != NULL;
    case 4: n->op = vd_arena_str(r->m->arena, f->bytes); return n->op != NULL;
    case 5: return read_attr(r, f->bytes, &n->attr[n->attr_count++]);
    default: return true;
    }
}

static bool read_node(reader *r, vd_slice message)
{
    unsigned parts[6] = { 0 };
    pb_field f;
    count_parts(message, parts);
    if (r->m->node_count == NN_NODES_MAX) return false;
    nn_node *n = &r->m->node[r->m->node_count];
    n->in = vd_arena_alloc(r->m->arena, (parts[1] + 1) * sizeof(*n->in));
    n->out = vd_arena_alloc(r->m->arena, (parts[2] + 1) * sizeof(*n->out));
    n->attr = vd_arena_alloc(r->m->arena, (parts[5] + 1) * sizeof(*n->attr));
    if (!n->in || !n->out || !n->attr) return false;
    n->name = n->op = "";
    while (message.len)
        if (!pb_take_field(&message, &f) || !read_node_field(r, n, &f)) return false;
    r->m->node_count++;
    return n->out_count > 0;
}

/* ValueInfoProto: 1 name, 2 type { 1 tensor_type { 1 elem_type, 2 shape { 1 dim { 1 value } } } }
 */
static bool read_shape(vd_slice shape, nn_tensor *t)
{
    pb_field f, d;
    while (shape.len) {
        if (!pb_take_field(&shape, &f)) return false;
        if (f.field != 1 || f.wire != 2) continue;
        if (t->rank == NN_RANK_MAX) return false;
        t->dim[t->rank] = -1;
        while (f.bytes.len) {
            if (!pb_take_field(&f.bytes, &d)) return false;
            if (d.field == 1 && d.wire == 0) t->dim[t->rank] = (int64_t)d.number;
        }
        t->rank++;
    }
    return true;
}

static bool read_tensor_type(vd_slice message, nn_tensor *shape)
{
    pb_field f;
    while (message.len) {
        if (!pb_take_field(&message, &f)) return false;
        if (f.field == 1 && f.wire == 0) shape->type = (int)f.number;
        if (f.field == 2 && f.wire == 2 && !read_shape(f.bytes, shape)) return false;
    }
    return true;
}

static bool read_value_info(vd_slice message, vd_slice *ret_name, nn_tensor *ret_shape)
{
    pb_field f, t;
    *ret_shape = (nn_tensor){ 0 };
    *ret_name = VD_SLICE_NONE;
    while (message.len) {
        if (!pb_take_field(&message, &f)) return false;
        if (f.field == 1) *ret_name = f.bytes;
        while (f.field == 2 && f.wire == 2 && f.bytes.len) {
            if (!pb_take_field(&f.bytes, &t)) return false;
            if (t.field == 1 && t.wire == 2 && !read_tensor_type(t.bytes, ret_shape)) return false;
        }
    }
    return true;
}

static bool read_input(reader *r, vd_slice message)
{
    nn_tensor shape;
    vd_slice name;
    if (!read_value_info(message, &name, &shape)) return false;
    int value = value_of(r, name);
    if (value < 0) return false;
    if (r->m->value[value].tensor) return true; /* old files list initializers here too */
    if (r->m->input >= 0) {
        vd_fail(r->why, VD_INVALID, "the model has more than one input");
        return false;
    }
    r->m->input = value;
    r->m->input_shape = shape;
    return true;
}

static bool read_output(reader *r, vd_slice message)
{
    nn_tensor shape;
    vd_slice name;
    if (!read_value_info(message, &name, &shape)) return false;
    int value = value_of(r, name);
    if (value < 0 || r->m->value[value].maker < 0) return false;
    if (!r->m->output_count) r->m->output_shape = shape;
    r->m->output[r->m->output_count++] = value;
    return true;
}

/* One pass for each kind, because a field may come before what it needs. */
static bool read_fields(reader *r, vd_slice graph, unsigned field, bool (*read)(reader *, vd_slice))
{
    pb_field f;
    while (graph.len) {
        if (!pb_take_field(&graph, &f)) return false;
        if (f.field == field && f.wire == 2 && !read(r, f.bytes)) return false;
    }
    return true;
}

static bool make_room(nn_model *m, vd_slice graph)
{
    unsigned nodes = 1, outputs = 1;
    pb_field f;
    while (graph.len && pb_take_field(&graph, &f)) {
        nodes += f.field == 1;
        outputs += f.field == 12;
    }
    if (nodes > NN_NODES_MAX) return false;
    m->slot_mask = 131071;
    m->slot = vd_arena_alloc(m->arena, (m->slot_mask + 1) * sizeof(*m->slot));
    m->value = vd_arena_alloc(m->arena, NN_VALUES_MAX * sizeof(*m->value));
    m->node = vd_arena_alloc(m->arena, nodes * sizeof(*m->node));
    m->output = vd_arena_alloc(m->arena, outputs * sizeof(*m->output));
    return m->slot && m->value && m->node && m->output;
}

static bool read_graph(reader *r, vd_slice graph)
{
    return make_room(r->m, graph) && read_fields(r, graph, 5, read_initializer) &&
           read_fields(r, graph, 11, read_input) && r->m->input >= 0 &&
           read_fields(r, graph, 1, read_node) && read_fields(r, graph, 12, read_output) &&
           r->m->output_count && r->m->node_count;
}

static bool find_graph(vd_slice model, vd_slice *ret_graph)
{
    pb_field f;
    unsigned found = 0;
    while (model.len) {
        if (!pb_take_field(&model, &f)) return false;
        if (f.field != 7 || f.wire != 2) continue;
        *ret_graph = f.bytes;
        found++;
    }
    return found == 1;
}

vd_err nn_model_read(vd_buf *bytes, nn_model *ret_model, vd_why *why)
{
    nn_model m = { .bytes = *bytes, .input = -1 };
    vd_why inner = { 0 };
    reader r = { &m, &inner };
    vd_slice graph = VD_SLICE_NONE;
    *bytes = VD_BUF(bytes->limit);
    m.arena = vd_arena_new((size_t)VD_LIMIT_MODEL_BYTES);
    bool whole = m.arena && find_graph(vd_buf_slice(&m.bytes), &graph) && read_graph(&r, graph);
    if (whole) {
        *ret_model = m;
        return VD_OK;
    }
    nn_model_done(&m);
    if (inner.fact[0]) return vd_fail(why, VD_INVALID, "%s", inner.fact);
    vd_fail(why, VD_CORRUPT, "the file is not a whole ONNX model");
    vd_why_hint(why, "numbers kept in other files and graphs within nodes are not supported");
    return VD_CORRUPT;
}

vd_err nn_model_load(const char *path, nn_model *ret_model, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_LIMIT_MODEL_BYTES);
    vd_err err = vd_file_load(path, &bytes, why);
    return err ? err : nn_model_read(&bytes, ret_model, why);
}

void nn_model_done(nn_model *m)
{
    vd_buf_done(&m->bytes);
    (void)vd_arena_free(m->arena);
    *m = (nn_model){ .input = -1 };
}

const nn_attr *nn_attr_of(const nn_node *node, const char *name)
{
    for (unsigned i = 0; i < node->attr_count; i++)
        if (strcmp(node->attr[i].name, name) == 0) return &node->attr[i];
    return NULL;
}

int64_t nn_attr_int(const nn_node *node, const char *name, int64_t fallback)
{
    const nn_attr *a = nn_attr_of(node, name);
    return a ? a->i : fallback;
}

float nn_attr_float(const nn_node *node, const char *name, float fallback)
{
    const nn_attr *a = nn_attr_of(node, name);
    return a ? a->f : fallback;
}

unsigned nn_value_uses(const nn_model *m, int value, int *ret_node)
{
    unsigned uses = 0;
    *ret_node = -1;
    for (unsigned n = 0; n < m->node_count; n++)
        for (unsigned i = 0; i < m->node[n].in_count; i++)
            if (m->node[n].in[i] == value) {
                *ret_node = (int)n;
                uses++;
            }
    return uses;
}
