/* rollouts.c - a model's way to the devices: what people start, stop and see. */
#include "api_priv.h"

#define NOTE_MAX 1000

static vd_err reply_rollout(request *r, unsigned status, const char *id, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_rollout_write(r->api->parts.rollouts, store, id, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, status, &w, why);
}

vd_err list_rollouts(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    uint64_t limit = 50;
    vd_rollout_filter filter = { .states = ask_query(r, "state"),
                                 .cursor = ask_query(r, "cursor") };
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (err) return err;
    filter.limit = (unsigned)limit;
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_rollout_write_list(store, &filter, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err need_rollout(request *r, vd_why *why)
{
    vd_ulid id;
    if (vd_ulid_parse(vd_slice_str(r->param[0]), &id)) return VD_OK;
    return vd_fail(why, VD_ABSENT, "there is no rollout '%.40s'", r->param[0]);
}

vd_err get_rollout(request *r, vd_why *why)
{
    vd_err err = need_rollout(r, why);
    return err ? err : reply_rollout(r, MHD_HTTP_OK, r->param[0], why);
}

/* ---- start ---- */

static vd_err may_number(const vd_json *body, const char *key, double least, double most,
                         double *value, vd_why *why)
{
    const vd_json *node = vd_json_get(body, key);
    vd_json_kind kind = vd_json_kind_of(node);
    double number = vd_json_num(node, 0);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    if ((kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) || !(number >= least && number <= most))
        return vd_fail(why, VD_INVALID, "'%s' must be a number from %g to %g", key, least, most);
    *value = number;
    return VD_OK;
}

static vd_err may_stages(const vd_json *body, vd_rollout_new *n, vd_why *why)
{
    const vd_json *list = vd_json_get(body, "stages");
    if (vd_json_kind_of(list) == VD_JSON_IS_NULL) return VD_OK;
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || vd_json_len(list) < 1 ||
        vd_json_len(list) > VD_ROLLOUT_STAGES_MAX)
        return vd_fail(why, VD_INVALID, "'stages' must be a list of 1 to %d numbers",
                       VD_ROLLOUT_STAGES_MAX);
    for (size_t i = 0; i < vd_json_len(list); i++)
        n->stages[n->stage_count++] = vd_json_int(vd_json_at(list, i), 0);
    return VD_OK;
}

/* Which manifest in which repository, from what the registry knows of the model. */
static vd_err find_model(request *r, const char *model, vd_model_row *row, char repository[128],
                         vd_why *why)
{
    vd_digest digest;
    if (strlen(model) != VD_SHA256_HEX || !vd_digest_parse(vd_slice_str(model), &digest))
        return vd_fail(why, VD_INVALID, "'model' must be a model's digest");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_registry_find(store, model, row, why);
    vd_store_pool_give(r->api->parts.readers, store);
    VD_AUTO(vd_buf) name = VD_BUF(127);
    if (!err && !vd_buf_addf(&name, "models/%s", row->name))
        err = vd_fail(why, VD_INVALID, "the model's name is too long");
    if (!err) vd_slice_to_chars(vd_buf_slice(&name), repository, 128);
    return err;
}

static vd_err read_new(const vd_json *body, vd_rollout_new *n, const char **ret_model, vd_why *why)
{
    double soak = 0;
    n->false_alarm_limit = 0.1;
    vd_err err = need_text(body, "model", VD_SHA256_HEX, ret_model, why);
    if (!err) err = need_text(body, "condition", VD_ROLLOUT_CONDITION_MAX, &n->condition, why);
    if (!err) err = may_text(body, "canary", VD_LIMIT_NAME_BYTES, &n->canary, why);
    if (!err) err = may_text(body, "note", NOTE_MAX, &n->note, why);
    if (!err) err = may_number(body, "false_alarm_limit", 0, 1, &n->false_alarm_limit, why);
    if (!err) err = may_number(body, "soak_s", 1, 604800, &soak, why);
    if (!err) err = may_stages(body, n, why);
    n->soak_s = (int64_t)soak;
    if (n->canary && !n->canary[0]) n->canary = NULL;
    return err;
}

vd_err start_rollout(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    vd_rollout_new n = { .who = r->who };
    vd_model_row row = { 0 };
    const char *model = NULL;
    char repository[128];
    vd_ulid id;
    vd_err err = ask_json(r, &body, why);
    if (!err) err = read_new(body, &n, &model, why);
    if (!err) err = find_model(r, model, &row, repository, why);
    if (err) return err;
    n.model = row.digest;
    n.manifest = row.manifest;
    n.name = row.name;
    n.repository = repository;
    n.key = vd_registry_public_key(r->api->parts.registry);
    err = vd_rollout_start(r->api->parts.rollouts, &n, &id, why);
    return err ? err : reply_rollout(r, MHD_HTTP_CREATED, id.text, why);
}

/* ---- halt, resume, return ---- */

static vd_err step(request *r, vd_rollout_step what, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *note = NULL;
    vd_err err = need_rollout(r, why);
    if (!err && r->body.len) err = ask_json(r, &body, why);
    if (!err && body) err = may_text(body, "note", NOTE_MAX, &note, why);
    if (!err) err = vd_rollout_do(r->api->parts.rollouts, r->param[0], what, r->who, note, why);
    return err ? err : reply_rollout(r, MHD_HTTP_OK, r->param[0], why);
}

vd_err halt_rollout(request *r, vd_why *why)
{
    return step(r, VD_ROLLOUT_HALT, why);
}

vd_err resume_rollout(request *r, vd_why *why)
{
    return step(r, VD_ROLLOUT_RESUME, why);
}

vd_err return_rollout(request *r, vd_why *why)
{
    return step(r, VD_ROLLOUT_RETURN, why);
}
