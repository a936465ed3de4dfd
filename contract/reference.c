/* reference.c - reference pictures, written, read and compared. */
#include "reference.h"

#include <stdio.h>

#include "artifact.h"
#include "vd/json.h"

#define FORMAT "vedette.reference/1"
#define DEPTH  8

/* ---- reading ---- */

static vd_err read_share(const vd_json *root, const char *key, double *ret_value, vd_why *why)
{
    double value = vd_json_num(vd_json_get(root, key), -1);
    if (!(value >= 0 && value <= 1))
        return vd_fail(why, VD_INVALID, "the reference's '%s' must be 0 to 1", key);
    *ret_value = value;
    return VD_OK;
}

static vd_err read_box(const vd_json *node, vd_arena *arena, vd_reference_box *box, vd_why *why)
{
    const vd_json *sides = vd_json_get(node, "box");
    const char *class_name = vd_json_text(vd_json_get(node, "class"), NULL);
    if (!class_name || strlen(class_name) > VD_ARTIFACT_TEXT_MAX || vd_json_len(sides) != 4)
        return vd_fail(why, VD_INVALID, "a box of the reference lacks class or box");
    box->class_name = vd_arena_str(arena, vd_slice_str(class_name));
    if (!box->class_name) return vd_fail(why, VD_FULL, "the reference is too large");
    for (size_t i = 0; i < 4; i++) {
        box->box[i] = vd_json_num(vd_json_at(sides, i), -1);
        if (!(box->box[i] >= 0 && box->box[i] <= 1))
            return vd_fail(why, VD_INVALID, "a box of the reference is outside of its picture");
    }
    return read_share(node, "score", &box->score, why);
}

static vd_err read_boxes(const vd_json *list, vd_arena *arena, vd_reference_picture *picture,
                         vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || count > VD_REFERENCE_BOXES_MAX)
        return vd_fail(why, VD_INVALID, "a picture of the reference needs 0 to %u boxes",
                       VD_REFERENCE_BOXES_MAX);
    vd_reference_box *boxes = vd_arena_alloc(arena, (count + 1) * sizeof *boxes);
    if (!boxes) return vd_fail(why, VD_FULL, "the reference is too large");
    for (size_t n = 0; n < count; n++) {
        vd_err err = read_box(vd_json_at(list, n), arena, &boxes[n], why);
        if (err) return err;
    }
    picture->boxes = boxes;
    picture->box_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_picture(const vd_json *node, vd_arena *arena, vd_reference_picture *picture,
                           vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(VD_ARTIFACT_REFERENCE_BYTES);
    const char *text = vd_json_text(vd_json_get(node, "jpeg"), NULL);
    if (!text || !vd_base64_decode(vd_slice_str(text), &jpeg) || jpeg.len == 0)
        return vd_fail(why, VD_INVALID, "a picture of the reference is not base64");
    char *bytes = vd_arena_str(arena, vd_buf_slice(&jpeg));
    if (!bytes) return vd_fail(why, VD_FULL, "the reference is too large");
    picture->jpeg = vd_slice_of(bytes, jpeg.len);
    return read_boxes(vd_json_get(node, "boxes"), arena, picture, why);
}

static vd_err read_head(const vd_json *root, vd_reference *reference, vd_why *why)
{
    if (strcmp(vd_json_text(vd_json_get(root, "format"), ""), FORMAT) != 0)
        return vd_fail(why, VD_INVALID, "the reference is not of the format " FORMAT);
    vd_err err = read_share(root, "score_min", &reference->score_min, why);
    if (!err) err = read_share(root, "score_within", &reference->score_within, why);
    return err ? err : read_share(root, "overlap_least", &reference->overlap_least, why);
}

vd_err vd_reference_read(vd_slice json, vd_arena *arena, vd_reference *ret_reference, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_reference reference = { 0 };
    vd_err err = vd_json_parse(json, VD_ARTIFACT_REFERENCE_BYTES, DEPTH, &root, why);
    if (!err) err = read_head(root, &reference, why);
    if (err) return err;
    const vd_json *list = vd_json_get(root, "pictures");
    size_t count = vd_json_len(list);
    if (count == 0 || count > VD_REFERENCE_PICTURES_MAX)
        return vd_fail(why, VD_INVALID, "the reference needs 1 to %u pictures",
                       VD_REFERENCE_PICTURES_MAX);
    for (size_t n = 0; n < count; n++) {
        err = read_picture(vd_json_at(list, n), arena, &reference.pictures[n], why);
        if (err) return err;
    }
    reference.picture_count = (unsigned)count;
    *ret_reference = reference;
    return VD_OK;
}

/* ---- writing ---- */

static void write_box(vd_json_w *w, const vd_reference_box *box)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "class", box->class_name);
    vd_json_w_kv_num(w, "score", box->score, 4);
    vd_json_w_key(w, "box");
    vd_json_w_list(w);
    for (int i = 0; i < 4; i++) vd_json_w_num(w, box->box[i], 5);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

static bool write_picture(vd_json_w *w, const vd_reference_picture *picture)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_ARTIFACT_REFERENCE_BYTES);
    if (!vd_base64_encode(picture->jpeg, &text)) return false;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "jpeg", text.data);
    vd_json_w_key(w, "boxes");
    vd_json_w_list(w);
    for (unsigned n = 0; n < picture->box_count; n++) write_box(w, &picture->boxes[n]);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
    return true;
}

vd_err vd_reference_write(const vd_reference *reference, vd_buf *into)
{
    bool fits = true;
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "format", FORMAT);
    vd_json_w_kv_num(&w, "score_min", reference->score_min, 4);
    vd_json_w_kv_num(&w, "score_within", reference->score_within, 4);
    vd_json_w_kv_num(&w, "overlap_least", reference->overlap_least, 4);
    vd_json_w_key(&w, "pictures");
    vd_json_w_list(&w);
    for (unsigned n = 0; fits && n < reference->picture_count; n++)
        fits = write_picture(&w, &reference->pictures[n]);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    return fits ? err : VD_FULL;
}

/* ---- comparing ---- */

static double overlap(const double a[4], const double b[4])
{
    double left = a[0] > b[0] ? a[0] : b[0], top = a[1] > b[1] ? a[1] : b[1];
    double right = a[0] + a[2] < b[0] + b[2] ? a[0] + a[2] : b[0] + b[2];
    double bottom = a[1] + a[3] < b[1] + b[3] ? a[1] + a[3] : b[1] + b[3];
    if (right <= left || bottom <= top) return 0;
    double both = (right - left) * (bottom - top);
    double either = a[2] * a[3] + b[2] * b[3] - both;
    return either > 0 ? both / either : 0;
}

/* Scores are compared with what rounding to four decimals may add. */
static bool same_thing(const vd_reference *r, const vd_reference_box *a, const vd_reference_box *b)
{
    double apart = a->score > b->score ? a->score - b->score : b->score - a->score;
    return strcmp(a->class_name, b->class_name) == 0 && apart <= r->score_within + 1e-4 &&
           overlap(a->box, b->box) >= r->overlap_least;
}

static bool is_among(const vd_reference *r, const vd_reference_box *box,
                     const vd_reference_box *list, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        if (same_thing(r, box, &list[n])) return true;
    return false;
}

static vd_err differs(const vd_reference_box *box, unsigned picture, const char *what, vd_why *why)
{
    (void)vd_fail(why, VD_CORRUPT, "reference picture %u: the model %s", picture + 1, what);
    vd_why_detail(why, "'%s' with score %.3f at %.3f %.3f %.3f %.3f", box->class_name, box->score,
                  box->box[0], box->box[1], box->box[2], box->box[3]);
    return VD_CORRUPT;
}

vd_err vd_reference_compare(const vd_reference *reference, unsigned picture,
                            const vd_reference_box *seen, unsigned seen_count, vd_why *why)
{
    if (picture >= reference->picture_count)
        return vd_fail(why, VD_INVALID, "the reference has no picture %u", picture + 1);
    const vd_reference_picture *want = &reference->pictures[picture];
    double sure = reference->score_min + reference->score_within;
    for (unsigned n = 0; n < want->box_count; n++)
        if (want->boxes[n].score >= sure && !is_among(reference, &want->boxes[n], seen, seen_count))
            return differs(&want->boxes[n], picture, "does not see what it should", why);
    for (unsigned n = 0; n < seen_count; n++)
        if (seen[n].score >= sure && !is_among(reference, &seen[n], want->boxes, want->box_count))
            return differs(&seen[n], picture, "sees what is not there", why);
    return VD_OK;
}
