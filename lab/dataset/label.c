/* label.c - one label as JSON: {"verdict", "boxes": [{"class", "box": {l, t, w, h}, "track"?}],
 * "class"?}. All labels of the system come through the check of this file. */
#include <math.h>
#include <stdio.h>

#include "dataset_priv.h"
#include "limits.h"
#include "vd/json.h"

#define ROUNDING 1e-6 /* outside by less than this is a rounding of the writer */

static const char *const verdict_words[] = { "objects", "nothing", "unusable" };

double box_round(double value)
{
    return round(value * 1e8) / 1e8;
}

/* An interval [from, from + len] within [0, 1]. What is rounded once stays as it is. */
static bool interval_fits(double *from, double *len)
{
    if (!isfinite(*from) || !isfinite(*len)) return false;
    if (*from < -ROUNDING || *from + *len > 1 + ROUNDING || *len <= 0) return false;
    if (*from < 0) *len += *from;
    *from = box_round(fmax(*from, 0));
    *len = box_round(*len);
    if (*from + *len > 1 + 1e-9) *len = box_round(1 - *from);
    return *len > 0;
}

vd_err vd_label_box_check(vd_label_box *box, const char *name, vd_why *why)
{
    vd_label_box b = *box;
    if (!b.class_name || !b.class_name[0] || strlen(b.class_name) > VD_LABEL_CLASS_BYTES ||
        !vd_slice_utf8_valid(vd_slice_str(b.class_name)))
        return vd_fail(why, VD_INVALID, "%s has no class of 1 to %d bytes", name,
                       VD_LABEL_CLASS_BYTES);
    bool fits = interval_fits(&b.l, &b.w);
    fits = interval_fits(&b.t, &b.h) && fits;
    if (!fits) {
        bool empty = box->w <= 0 || box->h <= 0;
        (void)vd_fail(why, VD_INVALID, "%s %s", name,
                      empty ? "has no area" : "does not lie in the picture");
        vd_why_detail(why, "l %g, t %g, w %g, h %g", box->l, box->t, box->w, box->h);
        vd_why_hint(why, "l, t, w, h are parts of the picture: 0 to 1");
        return VD_INVALID;
    }
    *box = b;
    return VD_OK;
}

static vd_err number_of(const vd_json *rect, const char *key, double *ret, vd_why *why)
{
    const vd_json *node = vd_json_get(rect, key);
    vd_json_kind kind = vd_json_kind_of(node);
    if (kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL)
        return vd_fail(why, VD_INVALID, "a box needs the numbers l, t, w, h");
    *ret = vd_json_num(node, 0);
    return VD_OK;
}

static vd_err read_box(const vd_json *node, size_t index, vd_arena *arena, vd_label_box *into,
                       vd_why *why)
{
    char name[32];
    vd_label_box b = { 0 };
    const vd_json *rect = vd_json_get(node, "box"), *track = vd_json_get(node, "track");
    const char *class_name = vd_json_text(vd_json_get(node, "class"), NULL);
    vd_err err = number_of(rect, "l", &b.l, why);
    if (!err) err = number_of(rect, "t", &b.t, why);
    if (!err) err = number_of(rect, "w", &b.w, why);
    if (!err) err = number_of(rect, "h", &b.h, why);
    if (err) return err;
    if (vd_json_kind_of(track) == VD_JSON_IS_INT) {
        b.has_track = true;
        b.track = vd_json_int(track, 0);
    }
    (void)snprintf(name, sizeof name, "box %zu", index + 1);
    b.class_name = class_name ? vd_arena_str(arena, vd_slice_str(class_name)) : NULL;
    if (class_name && !b.class_name) return vd_fail(why, VD_FULL, "the label is too large");
    err = vd_label_box_check(&b, name, why);
    if (!err) *into = b;
    return err;
}

static vd_err read_list(const vd_json *list, vd_arena *arena, vd_label_box **ret_box,
                        unsigned *ret_count, vd_why *why)
{
    size_t count = vd_json_len(list);
    vd_json_kind kind = vd_json_kind_of(list);
    if (kind != VD_JSON_IS_LIST && kind != VD_JSON_IS_NULL)
        return vd_fail(why, VD_INVALID, "'boxes' must be a list");
    if (count > VD_LABEL_BOXES_MAX)
        return vd_fail(why, VD_INVALID, "a label has at most %d boxes", VD_LABEL_BOXES_MAX);
    vd_label_box *box = vd_arena_alloc(arena, count * sizeof *box);
    if (!box) return vd_fail(why, VD_FULL, "the label is too large");
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < count; i++)
        err = read_box(vd_json_at(list, i), i, arena, &box[i], why);
    if (err) return err;
    *ret_box = box;
    *ret_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_verdict(const vd_json *node, vd_label_verdict *ret, vd_why *why)
{
    const char *word = vd_json_text(node, "");
    for (size_t i = 0; i < VD_COUNT_OF(verdict_words); i++) {
        if (strcmp(word, verdict_words[i]) != 0) continue;
        *ret = (vd_label_verdict)i;
        return VD_OK;
    }
    (void)vd_fail(why, VD_INVALID, "'%.40s' is no verdict on a picture", word);
    vd_why_hint(why, "use objects, nothing or unusable");
    return VD_INVALID;
}

static vd_err check_whole(const vd_label *label, vd_why *why)
{
    if (label->verdict == VD_LABEL_OBJECTS && !label->count && !label->class_name) {
        (void)vd_fail(why, VD_INVALID, "'objects' needs a box, or the picture's class");
        vd_why_hint(why, "when nothing is in the picture say 'nothing'");
        return VD_INVALID;
    }
    if (label->verdict != VD_LABEL_OBJECTS && (label->count || label->class_name))
        return vd_fail(why, VD_INVALID, "'%s' has neither boxes nor a class",
                       verdict_words[label->verdict]);
    return VD_OK;
}

vd_err vd_label_read(const vd_json *object, vd_arena *arena, vd_label *ret_label, vd_why *why)
{
    vd_label label = { 0 };
    const char *name = vd_json_text(vd_json_get(object, "class"), NULL);
    if (name && (!name[0] || strlen(name) > VD_LABEL_CLASS_BYTES))
        return vd_fail(why, VD_INVALID, "'class' has 1 to %d bytes", VD_LABEL_CLASS_BYTES);
    vd_err err = read_verdict(vd_json_get(object, "verdict"), &label.verdict, why);
    if (!err) err = read_list(vd_json_get(object, "boxes"), arena, &label.box, &label.count, why);
    if (!err && name && !(label.class_name = vd_arena_str(arena, vd_slice_str(name))))
        err = vd_fail(why, VD_FULL, "the label is too large");
    if (!err) err = check_whole(&label, why);
    if (!err) *ret_label = label;
    return err;
}

vd_err label_write_boxes(const vd_label_box *box, unsigned count, vd_json_w *w)
{
    vd_json_w_list(w);
    for (unsigned i = 0; i < count; i++) {
        vd_json_w_object(w);
        vd_json_w_key(w, "box");
        vd_json_w_object(w);
        vd_json_w_kv_num(w, "l", box[i].l, PLACES);
        vd_json_w_kv_num(w, "t", box[i].t, PLACES);
        vd_json_w_kv_num(w, "w", box[i].w, PLACES);
        vd_json_w_kv_num(w, "h", box[i].h, PLACES);
        vd_json_w_object_end(w);
        vd_json_w_kv_text(w, "class", box[i].class_name);
        if (box[i].has_track) vd_json_w_kv_int(w, "track", box[i].track);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return w->failed ? VD_FULL : VD_OK;
}

vd_err label_read_boxes(const char *json, vd_arena *arena, vd_label_box **ret_box,
                        unsigned *ret_count, vd_why *why)
{
    VD_AUTO(vd_json_ptr) list = NULL;
    vd_err err = vd_json_parse(vd_slice_str(json), LABEL_JSON_MAX, VD_LIMIT_JSON_DEPTH, &list, why);
    return err ? err : read_list(list, arena, ret_box, ret_count, why);
}
