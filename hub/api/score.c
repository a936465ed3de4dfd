/* score.c - a user's picture under a registered model: boxes, or the picture with them drawn in. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

static vd_err read_confidence(request *r, double *ret_value, vd_why *why)
{
    const char *text = ask_query(r, "confidence");
    char *end = NULL;
    if (!text) return VD_OK;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 1))
        return vd_fail(why, VD_INVALID, "'confidence' must be a number from 0 to 1");
    *ret_value = value;
    return VD_OK;
}

static vd_err look(request *r, vd_buf *annotated, vd_score *score, vd_why *why)
{
    vd_score_ask ask = { .model = ask_query(r, "model"),
                         .object = ask_query(r, "object"),
                         .confidence = -1,
                         .picture = vd_buf_slice(&r->body),
                         .annotated = annotated };
    vd_err err = read_confidence(r, &ask.confidence, why);
    if (!err && r->body.len == 0) {
        err = vd_fail(why, VD_INVALID, "no picture came with the request");
        vd_why_hint(why, "send a JPEG, PNG or BMP as the body");
    }
    if (!err) err = vd_registry_score(r->api->parts.registry, &ask, score, why);
    if (err == VD_RETRY) r->retry_after_s = 2;
    return err;
}

static void write_score(vd_json_w *w, const vd_score *score)
{
    vd_json_w_object(w);
    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", score->model.name);
    vd_json_w_kv_text(w, "digest", score->model.digest.hex);
    vd_json_w_object_end(w);
    vd_json_w_kv_int(w, "width", score->width_px);
    vd_json_w_kv_int(w, "height", score->height_px);
    vd_json_w_kv_num(w, "confidence", (double)score->score_min, 4);
    vd_json_w_key(w, "boxes");
    vd_json_w_list(w);
    for (unsigned n = 0; n < score->count; n++) vd_event_box_write(w, &score->boxes[n]);
    vd_json_w_list_end(w);
    vd_json_w_kv_int(w, "preprocess_us", score->preprocess_us);
    vd_json_w_kv_int(w, "run_us", score->run_us);
    vd_json_w_object_end(w);
}

vd_err score_picture(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_score *score = calloc(1, sizeof *score);
    vd_err err = score ? look(r, NULL, score, why) : VD_FULL;
    if (!err) {
        write_score(&w, score);
        vd_score_done(score);
        err = reply_json(r, MHD_HTTP_OK, &w, why);
    }
    free(score);
    return err;
}

vd_err annotate_picture(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(ANSWER_BYTES_MAX);
    vd_score *score = calloc(1, sizeof *score);
    vd_err err = score ? look(r, &jpeg, score, why) : VD_FULL;
    if (!err) {
        err = reply_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&jpeg), why);
        reply_header(r, "X-Vedette-Model", score->model.name);
        reply_header(r, "X-Vedette-Model-Digest", score->model.digest.hex);
        reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        vd_score_done(score);
    }
    free(score);
    return err;
}
