/* watch.c - which cameras changed, how, since when; and to take that as normal. */
#include "api_priv.h"

vd_err list_watch(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_json_w_object(&w);
    vd_err err = vd_watch_write_all(store, r->api->parts.watch, &w, why);
    vd_json_w_object_end(&w);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_watch(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    int64_t from_us = 0, to_us = 0;
    vd_err err = ask_time(r, "from", &from_us, why);
    if (!err) err = ask_time(r, "to", &to_us, why);
    if (err) return err;
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_json_w_object(&w);
    err = vd_watch_write_detail(store, r->api->parts.watch, r->param[0], r->param[1], from_us,
                                to_us, &w, why);
    vd_json_w_object_end(&w);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err accept_job(vd_store *store, void *arg, vd_why *why)
{
    const request *r = arg;
    return vd_watch_accept(store, r->api->parts.watch, r->param[0], r->param[1], r->who, why);
}

vd_err accept_reference(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_err err = vd_committer_run(r->api->parts.committer, accept_job, r, why);
    if (err) return err;
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_json_w_object(&w);
    err = vd_watch_write(store, r->api->parts.watch, r->param[0], r->param[1], &w, why);
    vd_json_w_object_end(&w);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}
