#include "plan_priv.h"

#include <stdarg.h>
#include <stdio.h>

void plan_tell(const trainer_listener *tell, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (tell->words) tell->words(tell->ctx, text);
}

/* ---- where the loss looks ---- */

static const nn_node *maker_of(const nn_model *m, int value)
{
    int maker = value < 0 ? -1 : m->value[value].maker;
    return maker < 0 ? NULL : &m->node[maker];
}

static bool is_op(const nn_node *n, const char *op)
{
    return n && strcmp(n->op, op) == 0;
}

/* CenterNet keeps a cell where its heat equals the greatest of its neighbours: Equal(x, MaxPool(x))
 * with x = Sigmoid(heat). */
static int find_heat(const nn_model *m)
{
    for (unsigned i = 0; i < m->node_count; i++) {
        const nn_node *n = &m->node[i];
        for (unsigned k = 0; is_op(n, "Equal") && n->in_count == 2 && k < 2; k++) {
            const nn_node *pool = maker_of(m, n->in[k]), *soft = maker_of(m, n->in[1 - k]);
            if (is_op(pool, "MaxPool") && is_op(soft, "Sigmoid") && pool->in[0] == n->in[1 - k] &&
                is_op(maker_of(m, soft->in[0]), "Conv"))
                return soft->in[0];
        }
    }
    return -1;
}

/* Sizes are gathered at the best cells: Gather(Reshape(Transpose(size)), cells). */
static int find_size(const nn_model *m, int *ret_gather)
{
    for (unsigned i = 0; i < m->node_count; i++) {
        if (!is_op(&m->node[i], "Gather")) continue;
        int value = m->node[i].in[0];
        const nn_node *n = maker_of(m, value);
        while (is_op(n, "Reshape") || is_op(n, "Transpose") || is_op(n, "Identity")) {
            value = n->in[0];
            n = maker_of(m, value);
        }
        *ret_gather = (int)i;
        if (is_op(n, "Conv")) return value;
    }
    return -1;
}

static bool comes_from(const nn_model *m, int value, int node, int depth)
{
    int maker = value < 0 ? -1 : m->value[value].maker;
    if (maker < 0 || depth == 0) return false;
    if (maker == node) return true;
    const nn_node *n = &m->node[maker];
    bool passes = is_op(n, "Slice") || is_op(n, "Reshape") || is_op(n, "Squeeze");
    return passes && comes_from(m, n->in[0], node, depth - 1);
}

/* Pixels for each unit of size: the number that gathered sizes are multiplied with. */
static float find_scale(const nn_model *m, int gather)
{
    for (unsigned i = 0; i < m->node_count; i++)
        for (unsigned k = 0; is_op(&m->node[i], "Mul") && k < 2; k++) {
            const nn_tensor *t = m->value[m->node[i].in[1 - k]].tensor;
            if (!t || t->type != NN_FLOAT || nn_tensor_count(t) != 1) continue;
            if (!comes_from(m, m->node[i].in[k], gather, 4)) continue;
            float scale;
            memcpy(&scale, t->data, sizeof(scale));
            return scale;
        }
    return 1;
}

static vd_err find_maps(plan *p, vd_why *why)
{
    int gather = -1;
    p->heat = find_heat(&p->model);
    p->size = find_size(&p->model, &gather);
    if (p->heat < 0 || p->size < 0) {
        vd_fail(why, VD_INVALID, "the graph is not built like a CenterNet");
        vd_why_detail(why, "no map of %s was found", p->heat < 0 ? "heat" : "sizes");
        vd_why_hint(why, "start with the model that 'make setup' converts");
        return VD_INVALID;
    }
    p->size_scale = find_scale(&p->model, gather);
    return VD_OK;
}

/* Scores before softmax. */
static vd_err find_scores(plan *p, vd_why *why)
{
    int value = p->model.output[0];
    const nn_node *n = maker_of(&p->model, value);
    while (is_op(n, "Identity") || is_op(n, "Reshape") || is_op(n, "Squeeze") ||
           is_op(n, "Flatten")) {
        if (!maker_of(&p->model, n->in[0])) break;
        value = n->in[0];
        n = maker_of(&p->model, value);
    }
    if (is_op(n, "Sigmoid"))
        return vd_fail(why, VD_INVALID, "a classifier that ends in Sigmoid cannot be trained");
    p->heat = is_op(n, "Softmax") ? n->in[0] : p->model.output[0];
    p->size = -1;
    return VD_OK;
}

/* ---- which classes ---- */

static int model_class(const plan *p, const char *name)
{
    for (unsigned i = 0; i < p->class_count; i++)
        if (strcmp(p->classes[i], name) == 0) return (int)i;
    return -1;
}

static int set_class(const set *s, const char *name)
{
    for (unsigned i = 0; i < s->class_count; i++)
        if (strcmp(s->classes[i], name) == 0) return (int)i;
    return -1;
}

/* A class that the detector does not know takes the place of the last one that the dataset does not
 * use: the graph stays as it is, only the list of names changes. */
static vd_err give_place(plan *p, const set *s, unsigned class_id, const trainer_listener *tell,
                         vd_why *why)
{
    for (unsigned i = p->class_count; i-- > 0;) {
        if (set_class(s, p->classes[i]) >= 0) continue;
        plan_tell(tell, "class '%.60s' is new: it takes the place of '%.60s'", s->classes[class_id],
                  p->classes[i]);
        p->classes[i] = s->classes[class_id];
        return VD_OK;
    }
    vd_fail(why, VD_INVALID, "the dataset has more classes than the model has places");
    vd_why_detail(why, "%u classes, %u places", s->class_count, p->class_count);
    return VD_INVALID;
}

static void number_rows(plan *p, const set *s)
{
    for (unsigned i = 0; i < p->class_count; i++) {
        int c = set_class(s, p->classes[i]);
        if (c < 0 || !s->uses[c]) continue;
        p->row_of[c] = (int)p->row_count;
        p->rows[p->row_count++] = i + (p->facts->background ? 1 : 0);
    }
}

static vd_err fit_detector(plan *p, const set *s, const trainer_listener *tell, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned c = 0; c < s->class_count && !err; c++) {
        p->row_of[c] = -1;
        if (!s->uses[c])
            plan_tell(tell, "class '%.60s' has no box to train with: it stays as it was",
                      s->classes[c]);
        else if (model_class(p, s->classes[c]) < 0)
            err = give_place(p, s, c, tell, why);
    }
    if (err) return err;
    number_rows(p, s);
    return p->row_count ? find_maps(p, why)
                        : vd_fail(why, VD_INVALID, "no class has a box to train with");
}

static vd_err rehead(plan *p, const set *s, const trainer_settings *settings, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(p->model.bytes.limit);
    int64_t features = 1;
    for (unsigned i = 0; i < p->model.output_shape.rank; i++)
        features *= p->model.output_shape.dim[i] > 0 ? p->model.output_shape.dim[i] : 1;
    vd_err err = nn_model_rehead(&p->model, s->class_count, (unsigned)features,
                                 (uint64_t)settings->seed, &bytes, why);
    if (err) return err;
    nn_model_done(&p->model);
    err = nn_model_read(&bytes, &p->model, why);
    p->new_head = true;
    p->class_count = s->class_count;
    for (unsigned c = 0; c < s->class_count; c++) p->classes[c] = s->classes[c];
    return err;
}

static vd_err fit_classifier(plan *p, const set *s, const trainer_settings *settings,
                             const trainer_listener *tell, vd_why *why)
{
    bool known = true;
    vd_err err = VD_OK;
    for (unsigned c = 0; c < s->class_count; c++) {
        known &= model_class(p, s->classes[c]) >= 0;
        if (!s->uses[c])
            plan_tell(tell, "class '%.60s' has no picture to train with: it will not be learned",
                      s->classes[c]);
    }
    if (!known) {
        plan_tell(tell, "the classes are new: the last layer starts afresh with %u of them",
                  s->class_count);
        err = rehead(p, s, settings, why);
    }
    for (unsigned c = 0; c < s->class_count; c++)
        p->row_of[c] = model_class(p, s->classes[c]) + (p->facts->background && known ? 1 : 0);
    return err ? err : find_scores(p, why);
}

/* A box that two tiles cut is two labels or none; the set's pictures are what must be tiles then.
 */
static vd_err refuse_tiles(const plan *p, vd_why *why)
{
    const vd_tiles *t = &p->facts->chain->tiles;
    vd_fail(why, VD_INVALID, "a model that looks at tiles cannot be trained with whole pictures");
    vd_why_detail(why, "the chain of '%.80s' ends with tiles of %dx%d", p->facts->name, t->width_px,
                  t->height_px);
    vd_why_hint(why,
                "train with 'tile' taken out of its descriptor's chain, put it back afterwards");
    return VD_INVALID;
}

vd_err plan_make(const char *model_path, const set *s, const trainer_settings *settings,
                 const trainer_listener *tell, plan *p, vd_why *why)
{
    *p = (plan){ .model = { .input = -1 } };
    vd_err err = vd_descriptor_load(model_path, &p->descriptor, why);
    if (err) return err;
    p->facts = vd_descriptor_facts_of(p->descriptor);
    err = nn_model_load(model_path, &p->model, why);
    if (err) return err;
    p->start = vd_sha256(vd_buf_slice(&p->model.bytes));
    p->class_count = p->facts->class_count;
    for (unsigned i = 0; i < p->class_count; i++) p->classes[i] = p->facts->classes[i];
    if (p->facts->chain->tiles.width_px) return refuse_tiles(p, why);
    bool detector = strcmp(p->facts->decode, "centernet") == 0;
    bool classifier = strcmp(p->facts->decode, "classification") == 0;
    p->task = s->detection ? NET_DETECTION : NET_CLASSIFICATION;
    if (s->detection ? detector : classifier)
        return detector ? fit_detector(p, s, tell, why) : fit_classifier(p, s, settings, tell, why);
    vd_fail(why, VD_INVALID, "this model cannot be trained with this dataset");
    vd_why_detail(why, "the model's kind is '%s', the dataset is for %s", p->facts->decode,
                  s->detection ? "detection" : "classification");
    vd_why_hint(why, "detectors of kind centernet and classifiers can be trained");
    return VD_INVALID;
}

void plan_done(plan *p)
{
    nn_model_done(&p->model);
    p->descriptor = vd_descriptor_free(p->descriptor);
}

/* ---- the result's descriptor ---- */

/* A YAML text in double quotes; JSON's escapes are YAML's. */
static bool put_text(vd_buf *into, const char *key, const char *text)
{
    VD_AUTO(vd_buf) quoted = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&quoted);
    vd_json_w_text(&w, text);
    return !vd_json_w_end(&w) && vd_buf_addf(into, "%s%s\n", key, quoted.data);
}

static bool put_input(const plan *p, vd_buf *into)
{
    const vd_tensor_spec *t = &p->facts->tensor;
    bool fits = vd_buf_add_str(into, "input:\n");
    if (p->facts->input) fits = fits && put_text(into, "  name: ", p->facts->input);
    fits = fits &&
           vd_buf_addf(into, "  layout: %s\n  size: [%d, %d]\n  channels: %s\n  fit: %s\n",
                       t->layout == VD_LAYOUT_NCHW ? "nchw" : "nhwc", t->width_px, t->height_px,
                       t->bgr ? "bgr" : "rgb", t->fit == VD_FIT_STRETCH ? "stretch" : "letterbox");
    if (t->fit == VD_FIT_LETTERBOX)
        fits = fits && vd_buf_addf(into, "  place: %s\n  pad: %.9g\n",
                                   t->pad_top_left ? "top-left" : "center", (double)t->pad);
    return fits && vd_buf_addf(into, "  mean: [%.9g, %.9g, %.9g]\n  scale: [%.9g, %.9g, %.9g]\n",
                               (double)t->mean[0], (double)t->mean[1], (double)t->mean[2],
                               (double)t->scale[0], (double)t->scale[1], (double)t->scale[2]);
}

static bool put_output(const plan *p, vd_buf *into)
{
    bool detection = p->task == NET_DETECTION;
    bool fits = vd_buf_addf(into, "output:\n  decode: %s\n", p->facts->decode);
    bool appended = p->new_head && nn_model_find(&p->model, NN_HEAD_SCORES) >= 0;
    if (p->facts->output && !appended)
        fits =
            fits && put_text(into, detection ? "  detections: " : "  scores: ", p->facts->output);
    if (!detection)
        fits = fits && vd_buf_addf(into, "  activation: %s\n  background: %s\n",
                                   appended ? "none" : p->facts->activation,
                                   p->facts->background && !p->new_head ? "true" : "false");
    fits = fits && vd_buf_addf(into, "score_min: %.6g\nnms_iou: %.6g\nclasses:\n",
                               (double)p->facts->score_min, (double)p->facts->nms_iou);
    for (unsigned i = 0; i < p->class_count; i++)
        fits = fits && put_text(into, "  - ", p->classes[i]);
    return fits;
}

/* What the model was trained behind; fit and values are said under `input`. */
static bool put_chain(const plan *p, vd_buf *into)
{
    vd_chain chain = *p->facts->chain;
    chain.resizes = chain.normalises = false;
    return vd_chain_empty(&chain) || (vd_buf_add_str(into, "chain: ") &&
                                      vd_chain_print(&chain, into) && vd_buf_add_byte(into, '\n'));
}

vd_err plan_descriptor(const plan *p, const char *name, const char *file, vd_buf *into, vd_why *why)
{
    bool fits = vd_buf_add_str(into, "# Written by vedette-trainer; docs/model-descriptor.md "
                                     "explains it.\n") &&
                put_text(into, "name: ", name) && put_text(into, "file: ", file) &&
                put_input(p, into) && put_output(p, into) && put_chain(p, into);
    return fits ? VD_OK : vd_fail(why, VD_FULL, "the descriptor does not fit");
}
