/* score.c - a picture of one's own under a model of the hub. */
#include <stdio.h>

#include "cli_priv.h"

static const column score_fields[] = {
    { "model", "model.name" }, { "digest", "model.digest" },  { "width", "width" },
    { "height", "height" },    { "threshold", "confidence" }, { "run us", "run_us" },
};
static const column box_columns[] = {
    { "CLASS", "class" }, { "SCORE", "score" }, { "LEFT", "box.l" },
    { "TOP", "box.t" },   { "WIDTH", "box.w" }, { "HEIGHT", "box.h" },
};

static vd_err annotate(cli *c, api *a, const char *query, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(4096);
    VD_AUTO(vd_buf) jpeg = VD_BUF(API_BYTES);
    const char *out = cli_option(c, "annotate");

    vd_buf_addf(&path, "/api/v1/annotate%s", query);
    vd_err err = api_send_file(a, path.data, cli_argument(c, 0), &jpeg, why);
    if (!err) err = vd_file_save(out, 0644, vd_buf_slice(&jpeg), why);
    if (err) return err;
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "picture", out);
    vd_json_w_kv_int(&w, "bytes", (int64_t)jpeg.len);
    vd_json_w_object_end(&w);
    static const column fields[] = { { "picture", "picture" }, { "bytes", "bytes" } };
    err = vd_json_w_end(&w);
    return err ? err : doc_print(&text, fields, VD_COUNT_OF(fields), c->json, NULL, why);
}

vd_err run_score(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(4096);
    VD_AUTO(vd_buf) answer = VD_BUF(API_BYTES);
    static const char score[] = "/api/v1/score";

    vd_buf_add_str(&path, score);
    query_add(&path, "model", cli_option(c, "model"));
    query_add(&path, "confidence", cli_option(c, "confidence"));
    query_add(&path, "object", cli_option(c, "object"));
    vd_err err = api_open(&a, why);
    if (!err && cli_option(c, "annotate")) return annotate(c, a, path.data + sizeof score - 1, why);
    if (!err) err = api_send_file(a, path.data, cli_argument(c, 0), &answer, why);
    if (!err) err = vd_json_parse(vd_buf_slice(&answer), API_BYTES, 16, &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    fields_print(root, score_fields, VD_COUNT_OF(score_fields));
    putchar('\n');
    table_print(vd_json_get(root, "boxes"), box_columns, VD_COUNT_OF(box_columns));
    return VD_OK;
}
