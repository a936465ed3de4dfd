/* remote_read.c - an answer in the AVA shape to detections. Nothing in it is believed unseen. */
#include <math.h>
#include <stdlib.h>

#include "limits.h"
#include "scorer_priv.h"
#include "vd/json.h"

#define FAR 0.5 /* so far outside 0..1 a box is not just rounded: somebody counts pixels */

static vd_err bad_item(size_t index, vd_why *why, const char *fact, const char *hint)
{
    (void)vd_fail(why, VD_INVALID, "the scorer's answer: %s", fact);
    vd_why_detail(why, "inferences[%zu]", index);
    if (hint) vd_why_hint(why, "%s", hint);
    return VD_INVALID;
}

static bool number_in(const vd_json *node, double least, double most, float *ret_value)
{
    double value = vd_json_num(node, NAN);

    if (!(value >= least && value <= most)) return false;
    *ret_value = (float)value;
    return true;
}

/* -1: a class that nobody asked for. */
static int class_of(const remote_terms *terms, const char *name)
{
    for (unsigned i = 0; i < terms->class_count; i++)
        if (strcmp(terms->classes[i], name) == 0) return (int)i;
    return -1;
}

static vd_err read_box(const vd_json *box, size_t index, vd_box *ret_box, vd_why *why)
{
    bool good = number_in(vd_json_get(box, "l"), -FAR, 1 + FAR, &ret_box->l) &&
                number_in(vd_json_get(box, "t"), -FAR, 1 + FAR, &ret_box->t) &&
                number_in(vd_json_get(box, "w"), 0, 1 + FAR, &ret_box->w) &&
                number_in(vd_json_get(box, "h"), 0, 1 + FAR, &ret_box->h);

    if (good) return VD_OK;
    return bad_item(index, why, "a box needs l, t, w, h as shares of the picture",
                    "numbers from 0 to 1, not pixels");
}

static float cut(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* From what was sent to the full picture; false when nothing of it is in there. */
static bool map_box(const remote_terms *terms, vd_box *box)
{
    float l = cut((box->l - terms->dx) * terms->sx), t = cut((box->t - terms->dy) * terms->sy);
    float r = cut((box->l + box->w - terms->dx) * terms->sx);
    float b = cut((box->t + box->h - terms->dy) * terms->sy);

    *box = (vd_box){ l, t, r - l, b - t };
    return r > l && b > t;
}

static void keep(vd_detections *found, const vd_detection *one)
{
    unsigned least = 0;

    if (found->count < VD_DETECTIONS_MAX) {
        found->item[found->count++] = *one;
        return;
    }
    for (unsigned i = 1; i < found->count; i++)
        if (found->item[i].score < found->item[least].score) least = i;
    if (found->item[least].score < one->score) found->item[least] = *one;
}

/* `body`: the payload of the inference, with its tag. */
static vd_err read_thing(const remote_terms *terms, const vd_json *body, bool boxed, size_t index,
                         vd_detections *found, vd_why *why)
{
    const vd_json *tag = vd_json_get(body, "tag");
    const char *name = vd_json_text(vd_json_get(tag, "value"), NULL);
    vd_detection one = { .box = { 0, 0, 1, 1 }, .parent = -1 };

    if (!name) return bad_item(index, why, "a 'tag' with a 'value' is missing", NULL);
    if (!number_in(vd_json_get(tag, "confidence"), 0, 1, &one.score))
        return bad_item(index, why, "'confidence' is no number from 0 to 1", NULL);
    vd_err err = boxed ? read_box(vd_json_get(body, "box"), index, &one.box, why) : VD_OK;
    if (err) return err;
    int id = class_of(terms, name);
    if (id < 0 || one.score < VD_SCORE_FLOOR || (boxed && !map_box(terms, &one.box))) return VD_OK;
    one.class_id = (uint16_t)id;
    keep(found, &one);
    return VD_OK;
}

static vd_err read_item(const remote_terms *terms, const vd_json *item, size_t index,
                        vd_detections *found, vd_why *why)
{
    const char *type = vd_json_text(vd_json_get(item, "type"), NULL);

    if (!type) return bad_item(index, why, "an inference has no 'type'", NULL);
    bool entity = strcmp(type, "entity") == 0;
    if (!entity && strcmp(type, "classification") != 0) return VD_OK;
    const vd_json *body = vd_json_get(item, type);
    if (vd_json_kind_of(body) != VD_JSON_IS_OBJECT)
        return bad_item(index, why, "an inference lacks what its 'type' names", NULL);
    return read_thing(terms, body, entity, index, found, why);
}

static int better_first(const void *a, const void *b)
{
    const vd_detection *one = a, *other = b;

    return one->score < other->score ? 1 : one->score > other->score ? -1 : 0;
}

static vd_err read_list(const remote_terms *terms, const vd_json *list, vd_detections *found,
                        vd_why *why)
{
    vd_err err = VD_OK;

    if (vd_json_kind_of(list) != VD_JSON_IS_LIST) {
        (void)vd_fail(why, VD_INVALID, "the scorer's answer has no list 'inferences'");
        vd_why_hint(why, "{\"inferences\": [...]}, or status 204 when nothing was found");
        return VD_INVALID;
    }
    if (vd_json_len(list) > SCORER_ITEMS_MAX)
        return vd_fail(why, VD_INVALID, "the scorer's answer has more than %d inferences",
                       SCORER_ITEMS_MAX);
    for (size_t i = 0; !err && i < vd_json_len(list); i++)
        err = read_item(terms, vd_json_at(list, i), i, found, why);
    return err;
}

vd_err remote_read(vd_slice answer, const remote_terms *terms, vd_detections *ret_found,
                   vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_why json = { 0 };

    ret_found->count = 0;
    ret_found->preprocess_us = ret_found->run_us = 0;
    if (vd_json_parse(answer, SCORER_ANSWER_BYTES, SCORER_DEPTH_MAX, &root, &json)) {
        (void)vd_fail(why, VD_INVALID, "the scorer's answer is no JSON");
        vd_why_detail(why, "%s", json.fact);
        return VD_INVALID;
    }
    vd_err err = read_list(terms, vd_json_get(root, "inferences"), ret_found, why);
    if (err) ret_found->count = 0;
    qsort(ret_found->item, ret_found->count, sizeof *ret_found->item, better_first);
    return err;
}

vd_err vd_scorer_answer(vd_slice answer, const char *const *classes, unsigned class_count,
                        vd_detections *ret_detections, vd_why *why)
{
    const remote_terms terms = { classes, class_count, 0, 0, 1, 1 };

    return remote_read(answer, &terms, ret_detections, why);
}
