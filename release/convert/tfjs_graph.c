/* The topology: every node becomes a value (inputs, constants) or a node with its values. Names are
 * looked up through a hash table, so reading is linear in the size of the graph. */
#include "tfjs_priv.h"

#include <stdio.h>

typedef struct {
    const char **name;
    int *number; /* -1: empty */
    unsigned room;
} name_map;

typedef struct {
    const vd_json *nodes;
    const tfjs_weights *weights;
    g_graph *g;
    vd_arena *arena;
    name_map values, constants;
    unsigned unknown; /* nodes whose operation is not known */
} reader;

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the graph does not fit in memory");
}

static bool map_init(name_map *map, size_t names, vd_arena *arena)
{
    map->room = 16;
    while (map->room < names * 2) map->room *= 2;
    map->name = vd_arena_alloc(arena, map->room * sizeof(*map->name));
    map->number = vd_arena_alloc(arena, map->room * sizeof(*map->number));
    return map->name && map->number;
}

/* The name's place, or the empty place where it belongs. */
static unsigned map_place(const name_map *map, vd_slice name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++) hash = (hash ^ name.data[i]) * 16777619u;
    unsigned at = hash & (map->room - 1);
    while (map->name[at] && !vd_slice_eq(vd_slice_str(map->name[at]), name))
        at = (at + 1) & (map->room - 1);
    return at;
}

static bool map_add(name_map *map, const char *name, int number)
{
    unsigned at = map_place(map, vd_slice_str(name));
    if (map->name[at]) return false;
    map->name[at] = name;
    map->number[at] = number;
    return true;
}

static int map_find(const name_map *map, vd_slice name)
{
    unsigned at = map_place(map, name);
    return map->name[at] ? map->number[at] : -1;
}

static const char *text_of(const vd_json *node, const char *key)
{
    return vd_json_text(vd_json_get(node, key), "");
}

/* All unknown operations in one message, each with its first node. */
static vd_err refuse_unknown(const reader *r, vd_why *why)
{
    VD_AUTO(vd_buf) list = VD_BUF(sizeof(why->detail));
    const char *seen[8];
    unsigned kinds = 0;
    vd_fail(why, VD_INVALID, "%u of %zu nodes have operations that are not supported", r->unknown,
            vd_json_len(r->nodes));
    for (size_t i = 0; i < vd_json_len(r->nodes); i++) {
        const vd_json *node = vd_json_at(r->nodes, i);
        const char *op = text_of(node, "op");
        bool known = tfjs_op_find(op) || strcmp(op, "Const") == 0 || strcmp(op, "Placeholder") == 0;
        for (unsigned k = 0; k < kinds; k++) known = known || strcmp(op, seen[k]) == 0;
        if (known) continue;
        if (kinds == VD_COUNT_OF(seen)) {
            vd_buf_add_str(&list, ", and more");
            break;
        }
        seen[kinds++] = op;
        vd_buf_addf(&list, "%s%.40s (node '%.80s')", kinds > 1 ? ", " : "", op,
                    text_of(node, "name"));
    }
    if (list.data) vd_why_detail(why, "%s", list.data);
    vd_why_hint(why, "the model was not converted and nothing was written");
    return VD_INVALID;
}

/* Pictures come one at a time: an open batch becomes 1; any other open size is refused. */
static vd_err read_placeholder(reader *r, const vd_json *json, g_value *value, vd_why *why)
{
    const vd_json *attr = vd_json_get(json, "attr");
    const vd_json *shape = vd_json_get(vd_json_get(attr, "shape"), "shape");
    if (!tfjs_type(vd_json_get(vd_json_get(attr, "dtype"), "type"), &value->type) ||
        !tfjs_shape(shape, &value->shape))
        return vd_fail(why, VD_INVALID, "input '%.80s' has no usable type or shape", value->name);
    int64_t count = 1;
    for (int i = 0; i < value->shape.rank; i++) {
        int64_t *dim = &value->shape.dim[i];
        if (i == 0 && *dim == -1) *dim = 1;
        if (*dim < 1 || count > G_ELEMENTS_MAX / *dim) {
            vd_fail(why, VD_INVALID, "input '%.80s' has no fixed size", value->name);
            vd_why_hint(why, "export the model with a fixed input size");
            return VD_INVALID;
        }
        count *= *dim;
    }
    r->g->input[r->g->input_count++] = (int)(value - r->g->value);
    return VD_OK;
}

static vd_err read_const(const reader *r, g_value *value, vd_why *why)
{
    int index = map_find(&r->constants, vd_slice_str(value->name));
    if (index < 0)
        return vd_fail(why, VD_CORRUPT, "constant '%.80s' is not in the weights manifest",
                       value->name);
    const tfjs_weight *weight = &r->weights->item[index];
    value->type = weight->type;
    value->shape = weight->shape;
    value->data = weight->data;
    return VD_OK;
}

static bool add_further_outputs(reader *r, const g_node *node)
{
    for (unsigned i = 1; i < node->out_count; i++) {
        g_value *more = &r->g->value[r->g->value_count++];
        *more = (g_value){ .maker = (int)(node - r->g->node) };
        more->name = vd_arena_printf(r->arena, "%s:%u", node->name, i);
        if (!more->name) return false;
    }
    return true;
}

/* First pass: the node's values and names; its inputs may not be known yet. */
static vd_err read_values(reader *r, const vd_json *json, vd_why *why)
{
    g_graph *g = r->g;
    const char *op = text_of(json, "op"), *given = text_of(json, "name");
    const tfjs_op *known = tfjs_op_find(op);
    bool constant = strcmp(op, "Const") == 0, input = strcmp(op, "Placeholder") == 0;
    if (!known && !constant && !input) {
        r->unknown++;
        return VD_OK;
    }
    g_value *value = &g->value[g->value_count];
    *value = (g_value){ .name = vd_arena_str(r->arena, vd_slice_str(given)), .maker = -1 };
    if (!value->name) return no_memory(why);
    if (!given[0] || !map_add(&r->values, value->name, (int)g->value_count))
        return vd_fail(why, VD_INVALID, "node name '%.80s' is empty or used twice", given);
    g->value_count++;
    if (constant) return read_const(r, value, why);
    if (input) return read_placeholder(r, json, value, why);
    g_node *node = &g->node[g->node_count];
    *node = (g_node){ .op = known->op, .name = value->name, .out_count = known->outs };
    node->out = (int)(value - g->value);
    value->maker = (int)g->node_count++;
    return add_further_outputs(r, node) ? VD_OK : no_memory(why);
}

/* "name", "name:1"; -1 when there is no such value. */
static int find_value(const reader *r, const char *text)
{
    vd_slice name = vd_slice_str(text);
    const char *colon = strrchr(text, ':');
    uint64_t output = 0;
    if (colon) {
        name.len = (size_t)(colon - text);
        if (!vd_slice_u64(vd_slice_str(colon + 1), 16, &output)) return -1;
    }
    int value = map_find(&r->values, name);
    if (value < 0 || output == 0) return value;
    int maker = r->g->value[value].maker;
    if (maker < 0 || output >= r->g->node[maker].out_count) return -1;
    return value + (int)output;
}

static vd_err read_inputs(reader *r, const vd_json *json, g_node *node, vd_why *why)
{
    const vd_json *list = vd_json_get(json, "input");
    size_t count = vd_json_len(list);
    if (count > G_INPUTS_MAX) return g_fail(node, why, "%zu inputs are too many", count);
    node->in = vd_arena_alloc(r->arena, (count + 1) * sizeof(*node->in));
    if (!node->in) return no_memory(why);
    for (size_t i = 0; i < count; i++) {
        const char *name = vd_json_text(vd_json_at(list, i), "");
        if (name[0] == '^') continue; /* only an order of running */
        int value = find_value(r, name);
        if (value < 0) return g_fail(node, why, "its input '%.80s' does not exist", name);
        node->in[node->in_count++] = value;
    }
    return VD_OK;
}

static vd_err read_node(reader *r, const vd_json *json, vd_why *why)
{
    const tfjs_op *op = tfjs_op_find(text_of(json, "op"));
    if (!op) return VD_OK;
    int value = map_find(&r->values, vd_slice_str(text_of(json, "name")));
    g_node *node = &r->g->node[r->g->value[value].maker];
    vd_err err = read_inputs(r, json, node, why);
    if (!err && op->read) err = op->read(vd_json_get(json, "attr"), node, why);
    return err;
}

static vd_err add_output(reader *r, const char *name, vd_why *why)
{
    int value = find_value(r, name);
    if (value < 0) return vd_fail(why, VD_INVALID, "output '%.80s' is not in the graph", name);
    for (unsigned i = 0; i < r->g->output_count; i++)
        if (r->g->output[i] == value) return VD_OK;
    if (r->g->output_count == r->g->value_count)
        return vd_fail(why, VD_INVALID, "too many outputs");
    r->g->output[r->g->output_count++] = value;
    return VD_OK;
}

static vd_err choose_outputs(reader *r, const char *wanted, vd_why *why)
{
    char name[256];
    vd_slice rest = vd_slice_str(wanted);
    while (rest.len) {
        vd_slice part = vd_slice_cut(rest, ',', &rest);
        if (!vd_slice_to_chars(part, name, sizeof(name)))
            return vd_fail(why, VD_INVALID, "an output name is too long");
        vd_err err = add_output(r, name, why);
        if (err) return err;
    }
    return VD_OK;
}

static vd_err signature_outputs(reader *r, const vd_json *root, vd_why *why)
{
    const vd_json *signature = vd_json_get(root, "signature");
    if (!signature) signature = vd_json_get(vd_json_get(root, "userDefinedMetadata"), "signature");
    const vd_json *outputs = vd_json_get(signature, "outputs");
    for (size_t i = 0; i < vd_json_len(outputs); i++) {
        const char *key;
        const vd_json *tensor = vd_json_member(outputs, i, &key);
        vd_err err = add_output(r, vd_json_text(vd_json_get(tensor, "name"), key), why);
        if (err) return err;
    }
    return VD_OK;
}

static vd_err make_room(reader *r, vd_why *why)
{
    size_t nodes = vd_json_len(r->nodes);
    if (!nodes || nodes > G_NODES_MAX || vd_json_kind_of(r->nodes) != VD_JSON_IS_LIST)
        return vd_fail(why, VD_INVALID, "the topology has %zu nodes; 1 to %d are expected", nodes,
                       G_NODES_MAX);
    g_graph *g = vd_arena_alloc(r->arena, sizeof(*g));
    if (!g) return no_memory(why);
    g->arena = r->arena;
    g->node = vd_arena_alloc(r->arena, nodes * sizeof(*g->node));
    g->value = vd_arena_alloc(r->arena, nodes * 2 * sizeof(*g->value));
    g->input = vd_arena_alloc(r->arena, nodes * sizeof(*g->input));
    g->output = vd_arena_alloc(r->arena, nodes * 2 * sizeof(*g->output));
    r->g = g;
    bool maps = map_init(&r->values, nodes, r->arena) &&
                map_init(&r->constants, r->weights->count, r->arena);
    return g->node && g->value && g->input && g->output && maps ? VD_OK : no_memory(why);
}

static vd_err read_topology(reader *r, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; i < r->weights->count; i++)
        if (!map_add(&r->constants, r->weights->item[i].name, (int)i))
            return vd_fail(why, VD_INVALID, "weight '%.80s' is there twice",
                           r->weights->item[i].name);
    for (size_t i = 0; !err && i < vd_json_len(r->nodes); i++)
        err = read_values(r, vd_json_at(r->nodes, i), why);
    if (!err && r->unknown) return refuse_unknown(r, why);
    for (size_t i = 0; !err && i < vd_json_len(r->nodes); i++)
        err = read_node(r, vd_json_at(r->nodes, i), why);
    return err;
}

vd_err tfjs_read_graph(const vd_json *root, const tfjs_weights *weights, const char *outputs,
                       vd_arena *arena, g_graph **ret_graph, vd_why *why)
{
    reader r = { .weights = weights, .arena = arena };
    r.nodes = vd_json_get(vd_json_get(root, "modelTopology"), "node");
    vd_err err = make_room(&r, why);
    if (!err) err = read_topology(&r, why);
    if (!err) err = outputs ? choose_outputs(&r, outputs, why) : signature_outputs(&r, root, why);
    if (!err && !r.g->output_count) err = vd_fail(why, VD_INVALID, "the model names no outputs");
    if (!err) err = g_finish(r.g, why);
    if (!err) *ret_graph = r.g;
    return err;
}
