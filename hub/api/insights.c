/* insights.c - figures over time, as JSON, or one table as CSV. */
#include "api_priv.h"

#include <stdio.h>

#include "vd/clock.h"

#define DAY_US    86400000000ll
#define DAYS      7
#define DAYS_MOST 400

static vd_err ask_range(request *r, int64_t *ret_from_us, int64_t *ret_to_us, vd_why *why)
{
    int64_t from_us = 0, to_us = 0;
    vd_err err = ask_time(r, "from", &from_us, why);
    if (!err) err = ask_time(r, "to", &to_us, why);
    if (err) return err;
    if (!ask_query(r, "to")) to_us = vd_clock_utc_us();
    if (!ask_query(r, "from")) from_us = to_us - DAYS * DAY_US;
    if (from_us >= to_us || to_us - from_us > DAYS_MOST * DAY_US)
        return vd_fail(why, VD_INVALID, "'from' must be before 'to', by %d days at most",
                       DAYS_MOST);
    *ret_from_us = from_us;
    *ret_to_us = to_us;
    return VD_OK;
}

static vd_err reply_csv(request *r, vd_store *store, int64_t from_us, int64_t to_us, vd_why *why)
{
    char name[80];
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    const char *table = ask_query(r, "table") ? ask_query(r, "table") : "hours";
    vd_err err = vd_insights_csv(store, table, from_us, to_us, &text, why);
    if (!err)
        err = reply_bytes(r, MHD_HTTP_OK, "text/csv; charset=utf-8", vd_buf_slice(&text), why);
    if (err) return err;
    (void)snprintf(name, sizeof name, "attachment; filename=\"%.40s.csv\"", table);
    reply_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, name);
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return VD_OK;
}

static vd_err reply_figures(request *r, vd_store *store, int64_t from_us, int64_t to_us,
                            vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_err err = vd_insights_write(store, from_us, to_us, &w, why);
    if (!err) err = vd_lake_write_state(store, r->api->parts.lake, &w, why);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_insights(request *r, vd_why *why)
{
    int64_t from_us = 0, to_us = 0;
    const char *format = ask_query(r, "format");
    bool csv = format && strcmp(format, "csv") == 0;
    if (format && !csv && strcmp(format, "json") != 0)
        return vd_fail(why, VD_INVALID, "'format' must be json or csv");
    vd_err err = ask_range(r, &from_us, &to_us, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = csv ? reply_csv(r, store, from_us, to_us, why)
              : reply_figures(r, store, from_us, to_us, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err;
}
