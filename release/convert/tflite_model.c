/* The way through a TFLite file: is it one, is it one that we know, what goes in, every operator in
 * order, what comes out. */
#include "tflite_priv.h"

#include <stdio.h>

#define SCHEMA_VERSION 3

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the graph does not fit in memory");
}

bool tflite_is(vd_slice file)
{
    return file.len >= 8 && memcmp(file.data + 4, "TFL", 3) == 0;
}

static vd_err damaged(const tflite *t, vd_why *why)
{
    vd_fail(why, VD_CORRUPT, "the TFLite file is cut short or damaged");
    vd_why_detail(why, "something at byte %zu of %zu points outside the file", t->file.broken_at,
                  t->file.bytes.len);
    vd_why_hint(why, "fetch the file again");
    return VD_CORRUPT;
}

static vd_err check_schema(const tflite *t, const fb_table *model, vd_why *why)
{
    vd_slice file = t->file.bytes;
    if (!tflite_is(file)) {
        vd_fail(why, VD_INVALID, "the file is no TFLite model");
        vd_why_detail(why, "the bytes 'TFL3' are not in their place");
        vd_why_hint(why, "give the .tflite file itself, not an archive or a page about it");
        return VD_INVALID;
    }
    int64_t version = fb_u32(model, MODEL_VERSION, 0);
    if (!t->file.broken && (file.data[7] != '3' || version != SCHEMA_VERSION)) {
        vd_fail(why, VD_INVALID, "the model is of another version of TFLite's schema");
        vd_why_detail(why, "it is 'TFL%c', version %lld; known is 'TFL3', version 3",
                      file.data[7] > 32 && file.data[7] < 127 ? file.data[7] : '?',
                      (long long)version);
        vd_why_hint(why, "export it for version 3, or look for a newer Vedette");
        return VD_INVALID;
    }
    return VD_OK;
}

typedef struct {
    int code;
    int64_t version;
    vd_slice custom;
} op_code;

static op_code code_at(const tflite *t, uint32_t index)
{
    fb_table table = fb_list_table(&t->codes, index);
    int64_t old = fb_int(&table, CODE_OLD_BUILTIN, 1, 0), wide = fb_int(&table, CODE_BUILTIN, 4, 0);
    return (op_code){ .code = (int)(wide > old ? wide : old),
                      .version = fb_int(&table, CODE_VERSION, 4, 1),
                      .custom = fb_text(&table, CODE_CUSTOM) };
}

static const tflite_op *op_of(const op_code *code)
{
    return code->code == CODE_CUSTOM_OPERATION ? tflite_op_custom(code->custom)
                                               : tflite_op_find(code->code);
}

static void put_op_name(vd_buf *list, const op_code *code)
{
    const char *name = tflite_code_name(code->code);
    if (code->code == CODE_CUSTOM_OPERATION)
        vd_buf_addf(list, "%.*s", code->custom.len < 40 ? (int)code->custom.len : 40,
                    code->custom.len ? (const char *)code->custom.data : "");
    else if (name)
        vd_buf_addf(list, "%s", name);
    else
        vd_buf_addf(list, "operation %d", code->code);
}

static void name_first_output(tflite *t, const fb_table *oper, char into[160])
{
    fb_vector out = fb_list(oper, OPERATOR_OUTPUTS, 4);
    tflite_tensor tensor = { 0 };
    vd_why unused = { 0 };
    snprintf(into, 160, "?");
    if (out.count && (tflite_tensor_read(t, fb_list_int(&out, 0, 4), &tensor, &unused) == VD_OK ||
                      tensor.name[0]))
        snprintf(into, 160, "%s", tensor.name);
}

typedef struct {
    vd_buf list; /* "LSTM (node 'a'), CONV_2D version 9 (node 'b')" */
    uint8_t *seen;
    unsigned unknown, newer;
} code_check;

static void check_code(tflite *t, uint32_t index, const fb_table *oper, code_check *c)
{
    char node[160];
    op_code code = code_at(t, index);
    t->ops[index] = op_of(&code);
    bool late = t->ops[index] && code.version > t->ops[index]->version;
    c->unknown += !t->ops[index];
    c->newer += late;
    if ((t->ops[index] && !late) || c->seen[index]) return;
    c->seen[index] = 1;
    name_first_output(t, oper, node);
    if (c->list.len) vd_buf_add_str(&c->list, ", ");
    put_op_name(&c->list, &code);
    if (late) vd_buf_addf(&c->list, " version %lld", (long long)code.version);
    vd_buf_addf(&c->list, " (node '%.80s')", node);
}

/* All that is not known in one message, each with its first node. */
static vd_err refuse_codes(const tflite *t, const code_check *c, vd_why *why)
{
    vd_fail(why, VD_INVALID,
            c->unknown ? "%u of %u operators have operations that are not supported"
                       : "%u of %u operators are of versions that are not known yet",
            c->unknown ? c->unknown : c->newer, t->operators.count);
    if (c->list.data) vd_why_detail(why, "%s", c->list.data);
    vd_why_hint(why, c->unknown ? "the model was not converted and nothing was written"
                                : "export the model with an older converter; nothing was written");
    return VD_INVALID;
}

static vd_err check_codes(tflite *t, vd_why *why)
{
    code_check c = { .list = VD_BUF(sizeof(why->detail)) };
    vd_err err = VD_OK;
    c.seen = vd_arena_alloc(t->arena, t->codes.count + 1);
    if (!c.seen) return no_memory(why);
    for (uint32_t i = 0; i < t->operators.count && !err; i++) {
        fb_table oper = fb_list_table(&t->operators, i);
        uint32_t index = fb_u32(&oper, OPERATOR_CODE, 0);
        if (index < t->codes.count)
            check_code(t, index, &oper, &c);
        else
            err = tflite_fail(t, why, "operator %u names code %u of %u", i, index, t->codes.count);
    }
    if (!err && (c.unknown || c.newer)) err = refuse_codes(t, &c, why);
    vd_buf_done(&c.list);
    return err;
}

static vd_err open_file(tflite *t, vd_why *why)
{
    fb_table model = fb_root(&t->file);
    vd_err err = check_schema(t, &model, why);
    if (err) return err;
    fb_vector subgraphs = fb_list(&model, MODEL_SUBGRAPHS, 4);
    fb_table graph = fb_list_table(&subgraphs, 0);
    t->codes = fb_list(&model, MODEL_CODES, 4);
    t->buffers = fb_list(&model, MODEL_BUFFERS, 4);
    t->tensors = fb_list(&graph, SUBGRAPH_TENSORS, 4);
    t->operators = fb_list(&graph, SUBGRAPH_OPERATORS, 4);
    t->in = fb_list(&graph, SUBGRAPH_INPUTS, 4);
    t->out = fb_list(&graph, SUBGRAPH_OUTPUTS, 4);
    if (t->file.broken) return damaged(t, why);
    if (!t->operators.count || t->operators.count > G_NODES_MAX ||
        t->codes.count > TFLITE_CODES_MAX)
        return tflite_fail(t, why, "the model has %u operators; 1 to %d are expected",
                           t->operators.count, G_NODES_MAX);
    size_t tensors = t->tensors.count + 1;
    t->g = vd_arena_alloc(t->arena, sizeof(*t->g));
    t->value_of = vd_arena_alloc(t->arena, tensors * sizeof(*t->value_of));
    t->quant_of = vd_arena_alloc(t->arena, tensors * sizeof(*t->quant_of));
    t->ops = vd_arena_alloc(t->arena, (t->codes.count + 1) * sizeof(*t->ops));
    if (!t->g || !t->value_of || !t->quant_of || !t->ops) return no_memory(why);
    for (size_t i = 0; i < tensors; i++) t->value_of[i] = -1;
    t->g->arena = t->arena;
    t->g->input = vd_arena_alloc(t->arena, sizeof(int));
    t->g->output = vd_arena_alloc(t->arena, tensors * sizeof(int));
    return t->g->input && t->g->output ? VD_OK : no_memory(why);
}

/* A camera's picture must fit: one input [1,h,w,3] of fixed size. */
static vd_err check_picture(const tflite *t, const tflite_tensor *in, vd_why *why)
{
    char text[96];
    const g_shape *s = &in->shape;
    const char *hint = "only models that look at one picture [1,height,width,3] can be used";
    bool bytes = in->type == TYPE_U8 || in->type == TYPE_I8;
    if (t->in.count != 1)
        vd_fail(why, VD_INVALID, "the model takes %u inputs, not one picture", t->in.count);
    else if (in->open || (s->rank == 4 && (s->dim[1] <= 1 || s->dim[2] <= 1))) {
        vd_fail(why, VD_INVALID, "the input's height or width is not fixed");
        hint = "export the model with a fixed input size";
    } else if (s->rank == 4 && s->dim[3] != 3 && s->dim[3] <= 16) {
        vd_fail(why, VD_INVALID, "the input takes %lld channels; a picture has 3",
                (long long)s->dim[3]);
        hint = "use a model for colour pictures, without depth or transparency";
    } else if (s->rank != 4 || s->dim[0] != 1 || s->dim[3] != 3)
        vd_fail(why, VD_INVALID, "this is not a model for pictures");
    else if (in->type != TYPE_F32 && !bytes) {
        vd_fail(why, VD_INVALID, "the input's numbers are neither floats nor bytes");
        hint = "export the model with a float32, uint8 or int8 input";
    } else
        return VD_OK;
    vd_why_detail(why, "input '%.80s' is %s", in->name, g_shape_text(s, text));
    vd_why_hint(why, "%s; nothing was written", hint);
    return VD_INVALID;
}

static vd_err read_input(tflite *t, vd_why *why)
{
    tflite_tensor tensor = { 0 };
    g_quant *quant = NULL;
    int64_t index = fb_list_int(&t->in, 0, 4);
    vd_err err = t->in.count ? tflite_tensor_read(t, index, &tensor, why) : VD_OK;
    if (!err) err = check_picture(t, &tensor, why);
    if (!err) err = tflite_quant(t, index, &tensor, &quant, why);
    if (!err && quant && quant->count > 1)
        err = tflite_fail(t, why, "the input has more than one scale");
    if (err) return err;
    t->name = vd_arena_printf(t->arena, "%s", tensor.name);
    int value = t->name ? tflite_new_value(t, t->name) : -1;
    if (value < 0) return no_memory(why);
    t->g->value[value].type = G_F32;
    t->g->value[value].shape = tensor.shape;
    t->g->input[t->g->input_count++] = value;
    if (quant) { /* a channel 0..255 is the integer, or 128 above it */
        t->facts.steps = true;
        t->facts.mean = quant->zero[0] + 128 * quant->is_signed;
        t->facts.scale = (double)quant->scale[0];
        value = tflite_node(t, G_QUANTIZED, &value, 1);
        if (value < 0) return no_memory(why);
        tflite_last(t)->quant = quant;
    }
    t->value_of[index] = value;
    return VD_OK;
}

static vd_err read_operator(tflite *t, uint32_t index, vd_why *why)
{
    char name[160];
    t->at = index;
    t->oper = fb_list_table(&t->operators, index);
    t->options = fb_sub(&t->oper, OPERATOR_OPTIONS);
    t->in = fb_list(&t->oper, OPERATOR_INPUTS, 4);
    t->out = fb_list(&t->oper, OPERATOR_OUTPUTS, 4);
    t->op = t->ops[fb_u32(&t->oper, OPERATOR_CODE, 0)];
    name_first_output(t, &t->oper, name);
    t->name = vd_arena_printf(t->arena, "%s", name);
    if (!t->name) return no_memory(why);
    for (uint32_t i = 0; i < t->out.count; i++) { /* so that steps of outputs are known early */
        tflite_tensor tensor;
        g_quant *quant;
        int64_t to = fb_list_int(&t->out, i, 4);
        vd_err err = tflite_tensor_read(t, to, &tensor, why);
        if (!err) err = tflite_quant(t, to, &tensor, &quant, why);
        if (err) return err;
    }
    if (t->op->code == CODE_CUSTOM_OPERATION && t->out.count == 4)
        for (uint32_t i = 0; i < 4; i++) t->detection[i] = fb_list_int(&t->out, i, 4);
    vd_err err = t->op->read(t, why);
    return err;
}

static bool name_taken(const tflite *t, const char *name)
{
    const g_graph *g = t->g;
    if (strcmp(g->value[g->input[0]].name, name) == 0) return true;
    for (unsigned i = 0; i < g->output_count; i++)
        if (strcmp(g->value[g->output[i]].name, name) == 0) return true;
    return false;
}

/* Outputs have names of their own, whatever else their value is called. */
static vd_err add_output(tflite *t, int64_t index, vd_why *why)
{
    tflite_tensor tensor;
    int value = -1;
    vd_err err = tflite_tensor_read(t, index, &tensor, why);
    if (!err) err = tflite_value(t, index, &value, why);
    if (err) return err;
    t->name = vd_arena_printf(t->arena, "%s", tensor.name);
    if (t->name && name_taken(t, t->name))
        t->name = vd_arena_printf(t->arena, "%s:%lld", tensor.name, (long long)index);
    if (t->name && name_taken(t, t->name))
        return tflite_fail(t, why, "output '%.80s' is there twice", tensor.name);
    value = t->name ? tflite_node(t, G_IDENTITY, &value, 1) : -1;
    if (value < 0) return no_memory(why);
    t->g->value[value].name = t->name;
    t->g->output[t->g->output_count++] = value;
    for (unsigned i = 0; i < 4 && t->detection[0] >= 0; i++)
        if (t->detection[i] == index)
            snprintf(t->facts.output[i], sizeof(t->facts.output[i]), "%s", t->name);
    return VD_OK;
}

static vd_err add_named(tflite *t, vd_slice name, vd_why *why)
{
    for (uint32_t i = 0; i < t->tensors.count; i++) {
        tflite_tensor tensor;
        if (tflite_tensor_read(t, i, &tensor, why) == VD_OK && t->value_of[i] >= 0 &&
            vd_slice_eq(vd_slice_str(tensor.name), name))
            return add_output(t, i, why);
    }
    return tflite_fail(t, why, "output '%.*s' is not in the graph",
                       name.len < 80 ? (int)name.len : 80, (const char *)name.data);
}

static vd_err read_outputs(tflite *t, const fb_vector *own, const char *wanted, vd_why *why)
{
    vd_err err = VD_OK;
    vd_slice rest = vd_slice_str(wanted);
    t->op = NULL;
    if (own->count > t->tensors.count) return tflite_fail(t, why, "too many outputs");
    for (uint32_t i = 0; !wanted && i < own->count && !err; i++)
        err = add_output(t, fb_list_int(own, i, 4), why);
    for (unsigned i = 0; rest.len && !err; i++) {
        vd_slice name = vd_slice_cut(rest, ',', &rest);
        err = i < t->tensors.count ? add_named(t, name, why)
                                   : tflite_fail(t, why, "too many outputs");
    }
    if (!err && !t->g->output_count) err = tflite_fail(t, why, "the model names no outputs");
    return err;
}

static void note_detection(tflite *t)
{
    bool all = t->detection[0] >= 0;
    for (unsigned i = 0; i < 4; i++) all = all && t->facts.output[i][0];
    t->facts.detection = all;
    for (unsigned i = 0; i < t->g->node_count && all; i++)
        if (t->g->node[i].op == G_DETECTION) t->facts.classes = t->g->node[i].detection->classes;
}

static vd_err read_all(tflite *t, const char *outputs, vd_why *why)
{
    vd_err err = open_file(t, why);
    fb_vector own = t->out;
    if (!err) err = check_codes(t, why);
    if (!err) err = read_input(t, why);
    for (uint32_t i = 0; !err && i < own.count; i++)
        if (fb_list_int(&own, i, 4) < 0) err = tflite_fail(t, why, "an output is no tensor");
    for (uint32_t i = 0; !err && !t->file.broken && i < t->operators.count; i++)
        err = read_operator(t, i, why);
    return err ? err : read_outputs(t, &own, outputs, why);
}

vd_err tflite_read_graph(vd_slice file, const char *outputs, vd_arena *arena, g_graph **ret_graph,
                         tflite_facts *ret_facts, vd_why *why)
{
    tflite t = { .file = { .bytes = file }, .arena = arena, .detection = { -1, -1, -1, -1 } };
    vd_err err = read_all(&t, outputs, why);
    if (t.file.broken && tflite_is(file)) err = damaged(&t, why);
    if (!err) note_detection(&t);
    if (!err) err = g_finish(t.g, why);
    if (err) return err;
    *ret_graph = t.g;
    *ret_facts = t.facts;
    return VD_OK;
}
