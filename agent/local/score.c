/* score.c - somebody's picture under our model, in the AVA shape. */
#include <stdio.h>
#include <stdlib.h>

#include "local_priv.h"

#define ANSWER_BYTES (1u << 20)
#define SIDE_MAX     8192

static vd_err read_confidence(request *r, double *ret_value, vd_why *why)
{
    const char *text = request_query(r, "confidence");
    char *end = NULL;

    *ret_value = -1;
    if (!text) return VD_OK;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 1))
        return vd_fail(why, VD_INVALID, "'confidence' must be a number from 0 to 1");
    *ret_value = value;
    return VD_OK;
}

/* ---- the picture ---- */

static bool type_is(request *r, const char *type)
{
    vd_slice rest,
        have =
            vd_slice_cut(vd_slice_str(request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE)), ';', &rest);

    while (have.len && have.data[have.len - 1] == ' ') have.len--;
    return have.len == strlen(type) && strncasecmp((const char *)have.data, type, have.len) == 0;
}

static bool side_of(request *r, const char *name, int *ret_side)
{
    uint64_t value = 0;
    const char *text = request_query(r, name);
    bool good = text && vd_slice_u64(vd_slice_str(text), SIDE_MAX, &value) && value > 0;

    *ret_side = (int)value;
    return good;
}

/* Bare I420: all of the luma, then a quarter of each chroma; video range. */
static vd_err from_raw(request *r, vd_frame **ret_frame, vd_why *why)
{
    int width, height;

    if (!side_of(r, "width", &width) || !side_of(r, "height", &height)) {
        (void)vd_fail(why, VD_INVALID, "a raw picture needs its size");
        vd_why_hint(why, "?width=W&height=H in pixels, up to %d; planar YUV 4:2:0", SIDE_MAX);
        return VD_INVALID;
    }
    int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    size_t luma = (size_t)width * (size_t)height, chroma = (size_t)half_width * (size_t)half_height;
    if (r->body.len != luma + 2 * chroma)
        return vd_fail(why, VD_INVALID, "a raw picture of %dx%d has %zu bytes, %zu came", width,
                       height, luma + 2 * chroma, r->body.len);
    const uint8_t *at = (const uint8_t *)r->body.data;
    const vd_picture picture = { .width_px = width,
                                 .height_px = height,
                                 .plane = { at, at + luma, at + luma + chroma },
                                 .stride = { width, half_width, half_width },
                                 .number = 1 };
    vd_err err = vd_frame_copy(&picture, ret_frame);
    return err ? vd_fail(why, err, "there is no memory for a picture") : VD_OK;
}

static vd_err read_picture(request *r, vd_frame **ret_frame, vd_why *why)
{
    if (r->body.len == 0) {
        (void)vd_fail(why, VD_INVALID, "no picture came with the request");
        vd_why_hint(why, "send a JPEG, PNG or BMP as the body");
        return VD_INVALID;
    }
    if (type_is(r, "image/x-raw")) return from_raw(r, ret_frame, why);
    return vd_frame_from_image(vd_buf_slice(&r->body), ret_frame, why);
}

/* ---- looking ---- */

static vd_err too_many(request *r, vd_why *why)
{
    atomic_fetch_add(&r->local->busy, 1);
    (void)vd_fail(why, VD_RETRY, "%d pictures are being scored already", VD_LOCAL_SCORING);
    vd_why_hint(why, "send it again in a second");
    return VD_RETRY;
}

/* `ret_frame` is the caller's, also when it fails. */
static vd_err look(request *r, vd_frame **ret_frame, vd_local_found *found, vd_why *why)
{
    vd_local *l = r->local;
    vd_local_ask ask = { .stream = request_query(r, "stream"),
                         .object = request_query(r, "object") };
    vd_err err = read_confidence(r, &ask.confidence, why);

    if (err) return err;
    if (atomic_fetch_add(&l->scoring, 1) >= VD_LOCAL_SCORING)
        err = too_many(r, why);
    else
        err = read_picture(r, ret_frame, why);
    if (!err) err = l->sink.score(l->sink.ctx, &ask, *ret_frame, found, why);
    atomic_fetch_sub(&l->scoring, 1);
    if (!err) atomic_fetch_add(&l->scored, 1);
    return err;
}

static void name_model(request *r, const vd_local_found *found)
{
    answer_header(r, "X-Vedette-Model", found->model);
    answer_header(r, "X-Vedette-Model-Digest", found->digest.hex);
}

/* ---- the answer ---- */

static bool is_whole(const vd_event_rect *box)
{
    return box->l <= 0 && box->t <= 0 && box->w >= 1 && box->h >= 1;
}

static void write_tag(vd_json_w *w, const vd_event_box *box)
{
    vd_json_w_key(w, "tag");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "value", box->class_name);
    vd_json_w_kv_num(w, "confidence", box->score, 6);
    vd_json_w_object_end(w);
}

/* What fills the whole picture is a word about the picture: a classification. */
static void write_inference(vd_json_w *w, const vd_event_box *box)
{
    bool whole = is_whole(&box->box);
    const char *type = whole ? "classification" : "entity";

    vd_json_w_object(w);
    vd_json_w_kv_text(w, "type", type);
    vd_json_w_key(w, type);
    vd_json_w_object(w);
    write_tag(w, box);
    if (!whole) vd_event_rect_write(w, &box->box);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
}

static vd_err answer_found(request *r, const vd_local_found *found, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES);
    vd_json_w w = vd_json_writer(&text);

    if (found->count == 0) return answer_empty(r, MHD_HTTP_NO_CONTENT);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "inferences");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < found->count; i++) write_inference(&w, &found->box[i]);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return answer_json(r, MHD_HTTP_OK, &w, why);
}

vd_err score_picture(request *r, vd_why *why)
{
    vd_frame *frame = NULL;
    vd_local_found *found = calloc(1, sizeof *found);
    vd_err err = found ? look(r, &frame, found, why) : VD_IO;

    if (!err) err = answer_found(r, found, why);
    if (!err) name_model(r, found);
    vd_frame_unref(frame);
    free(found);
    return err;
}

vd_err score_annotate(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(VD_LOCAL_PICTURE_BYTES);
    vd_frame *frame = NULL;
    vd_local_found *found = calloc(1, sizeof *found);
    vd_err err = found ? look(r, &frame, found, why) : VD_IO;

    if (!err) err = vd_frame_jpeg_boxes(frame, found->box, found->count, &jpeg, why);
    if (!err) err = answer_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&jpeg));
    if (!err) name_model(r, found);
    vd_frame_unref(frame);
    free(found);
    return err;
}
