/* metrics.c - the hub's figures for Prometheus, for whoever may sign in or holds the scrape token.
 */
#include "api_priv.h"

#include "vd/metrics.h"

#define METRICS_BYTES_MAX (1u << 20)

static bool has_token(request *r)
{
    static const char bearer[] = "Bearer ";
    const char *token = r->api->parts.metrics_token, *have = ask_header(r, "Authorization");
    if (!token || !token[0] || !have || strncmp(have, bearer, sizeof bearer - 1) != 0) return false;
    return vd_bytes_same(vd_slice_str(have + sizeof bearer - 1), vd_slice_str(token));
}

static vd_err check_caller(request *r, vd_why *why)
{
    if (has_token(r)) return VD_OK;
    vd_err err = authenticate(r, why);
    bool person = !err && (r->caller == PERSON || r->caller == SERVICE);
    if (person || (err && err != VD_DENIED)) return err;
    r->status = MHD_HTTP_UNAUTHORIZED;
    (void)vd_fail(why, VD_DENIED, "a token is needed");
    vd_why_hint(why, "Authorization: Bearer, with the token of a user or of metrics.token_file");
    return VD_DENIED;
}

void api_count_request(vd_api *api, unsigned status)
{
    unsigned group = status / 100;
    if (group < VD_COUNT_OF(api->answered)) atomic_fetch_add(&api->answered[group], 1);
}

static void request_figures(vd_api *api, vd_metrics *m)
{
    static const char *const groups[] = { NULL, NULL, "2xx", "3xx", "4xx", "5xx" };
    vd_metrics_family(m, "vedette_hub_requests_total", VD_METRIC_COUNTER,
                      "HTTPS requests answered, by status.");
    for (unsigned n = 2; n < VD_COUNT_OF(groups); n++)
        vd_metrics_int(m, VD_LABELS("status", groups[n]), (int64_t)atomic_load(&api->answered[n]));
}

vd_err get_metrics(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(METRICS_BYTES_MAX);
    vd_metrics m = vd_metrics_into(&text);
    vd_err err = check_caller(r, why);
    if (err) return err;
    vd_metrics_process(&m, "hub", r->api->started_us);
    request_figures(r->api, &m);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_watch_figures(store, r->api->parts.intake, &m, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (!err && vd_metrics_end(&m)) err = vd_fail(why, VD_FULL, "the figures do not fit");
    if (!err) err = reply_bytes(r, MHD_HTTP_OK, VD_METRICS_TYPE, vd_buf_slice(&text), why);
    if (!err) reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return err;
}
