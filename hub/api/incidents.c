/* incidents.c - the list, one incident, and what people decide. */
#include "api_priv.h"

#include "vd/clock.h"
#include "vd/log.h"

extern const char vd_version[];

vd_err get_health(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "status", "ok");
    vd_json_w_kv_text(&w, "version", vd_version);
    vd_json_w_kv_time(&w, "time", vd_clock_utc_us());
    vd_json_w_kv_text(&w, "site", r->api->parts.site);
    vd_json_w_kv_text(&w, "time_zone", r->api->parts.time_zone);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err read_states(const char *states, vd_incident_filter *filter, vd_why *why)
{
    vd_slice rest = vd_slice_str(states);
    while (rest.len) {
        vd_slice word = vd_slice_cut(rest, ',', &rest);
        if (vd_slice_eq(word, VD_STR("open")))
            filter->open = true;
        else if (vd_slice_eq(word, VD_STR("acknowledged")))
            filter->acknowledged = true;
        else if (vd_slice_eq(word, VD_STR("resolved")))
            filter->resolved = true;
        else if (word.len)
            return vd_fail(why, VD_INVALID, "'%.*s' is no state",
                           (int)(word.len < 40 ? word.len : 40), word.data);
    }
    return VD_OK;
}

vd_err list_incidents(request *r, vd_why *why)
{
    uint64_t limit = 50;
    vd_incident_filter filter = { .camera = ask_query(r, "camera"),
                                  .device = ask_query(r, "device"),
                                  .rule = ask_query(r, "rule"),
                                  .severity = ask_query(r, "severity"),
                                  .verdict = ask_query(r, "verdict"),
                                  .text = ask_query(r, "q"),
                                  .acknowledged_by = ask_query(r, "acknowledged_by"),
                                  .cursor = ask_query(r, "cursor"),
                                  .who = r->who };
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (!err) err = read_states(ask_query(r, "state"), &filter, why);
    if (!err) err = ask_time(r, "since", &filter.since_us, why);
    if (!err) err = ask_time(r, "until", &filter.until_us, why);
    if (err) return err;
    filter.limit = (unsigned)limit;

    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_incident_write_page(store, &filter, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err write_detail(vd_store *store, const char *incident, vd_json_w *w, vd_why *why)
{
    char next[VD_ULID_LEN + 1];
    vd_json_w_object(w);
    vd_err err = vd_incident_write(store, incident, true, w, why);
    if (err) return err;
    vd_json_w_key(w, "deliveries");
    err = vd_notify_write(store, incident, NULL, VD_LIMIT_PAGE_ROWS, w, next, why);
    vd_json_w_object_end(w);
    return err;
}

static vd_err reply_detail(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = write_detail(store, r->param[0], &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_incident(request *r, vd_why *why)
{
    return reply_detail(r, why);
}

/* The answer to a stale version: the error, the incident as it is now, what happened since. */
static vd_err reply_conflict(request *r, uint64_t version, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_why trouble = { 0 };
    vd_json_w_object(&w);
    write_error(&w, VD_CONFLICT, why);
    vd_json_w_key(&w, "incident");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = write_detail(store, r->param[0], &w, &trouble);
    vd_json_w_key(&w, "changes");
    if (!err) err = vd_incident_write_changes(store, r->param[0], version, &w, &trouble);
    vd_store_pool_give(r->api->parts.readers, store);
    vd_json_w_object_end(&w);
    if (err) return err;
    return reply_json(r, MHD_HTTP_CONFLICT, &w, &trouble);
}

typedef vd_err (*step)(vd_store *store, const vd_incident_change *change, uint64_t *ret_version,
                       vd_why *why);
typedef struct {
    step step;
    vd_err (*then)(vd_store *store, const char *incident, vd_why *why); /* may be NULL */
    vd_incident_change change;
    uint64_t version;
} decision;

static vd_err decide_job(vd_store *store, void *arg, vd_why *why)
{
    decision *d = arg;
    vd_err err = d->step(store, &d->change, &d->version, why);
    return err || !d->then ? err : d->then(store, d->change.incident, why);
}

static vd_err decide(request *r, decision *d, vd_why *why)
{
    d->change.incident = r->param[0];
    d->change.who = r->who;
    vd_err err = vd_committer_run(r->api->parts.committer, decide_job, d, why);
    if (err == VD_CONFLICT) return reply_conflict(r, d->change.version, why);
    if (err) return err;
    vd_live_tell(r->api->parts.live, VD_LIVE_INCIDENT, r->param[0], d->version);
    return reply_detail(r, why);
}

vd_err acknowledge_incident(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    decision d = { .step = vd_incident_acknowledge };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_version(body, &d.change.version, why);
    return err ? err : decide(r, &d, why);
}

/* What a verdict leaves for the laboratory, and takes back. */
static vd_err label_events(vd_store *store, const char *incident, vd_why *why)
{
    vd_err err = vd_archive_label(store, incident, why);
    return err ? err : vd_pool_from_incident(store, incident, why);
}

static vd_err withdraw_labels(vd_store *store, const char *incident, vd_why *why)
{
    vd_err err = vd_archive_withdraw(store, incident, why);
    return err ? err : vd_pool_withdraw(store, incident, why);
}

vd_err resolve_incident(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    decision d = { .step = vd_incident_resolve, .then = label_events };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_version(body, &d.change.version, why);
    if (!err) err = need_text(body, "verdict", 32, &d.change.verdict, why);
    if (!err) err = may_text(body, "note", VD_LIMIT_NOTE_BYTES, &d.change.note, why);
    return err ? err : decide(r, &d, why);
}

vd_err reopen_incident(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    decision d = { .step = vd_incident_reopen, .then = withdraw_labels };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_version(body, &d.change.version, why);
    return err ? err : decide(r, &d, why);
}

static vd_err write_deliveries(request *r, unsigned limit, vd_json_w *w, vd_why *why)
{
    char next[VD_ULID_LEN + 1] = "";
    vd_json_w_object(w);
    vd_json_w_key(w, "deliveries");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_notify_write(store, ask_query(r, "incident"), ask_query(r, "cursor"), limit, w,
                                 next, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (next[0]) vd_json_w_kv_text(w, "next", next);
    vd_json_w_object_end(w);
    return err;
}

vd_err list_deliveries(request *r, vd_why *why)
{
    uint64_t limit = 50;
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (!err) err = write_deliveries(r, (unsigned)limit, &w, why);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err list_items(request *r, vd_why *why)
{
    uint64_t limit = 50;
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_archive_write_items(store, ask_query(r, "verdict"), ask_query(r, "cursor"),
                                 (unsigned)limit, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

static ssize_t stream_more(void *arg, uint64_t at, char *into, size_t room)
{
    (void)at;
    long len = stream_read(arg, into, room);
    return len < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)len;
}

static void stream_end(void *arg)
{
    stream_close(arg);
}

vd_err get_stream(request *r, vd_why *why)
{
    stream *s = NULL;
    vd_err err = stream_open(r->api->parts.live, &s);
    if (err == VD_FULL) {
        r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        r->retry_after_s = 10;
        return vd_fail(why, VD_FULL, "%d pages are listening already", VD_LIVE_STREAMS);
    }
    if (err) return vd_fail(why, err, "the hub is stopping");
    r->response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_more, s, stream_end);
    if (!r->response) {
        stream_close(s);
        return vd_fail(why, VD_FULL, "no memory for the stream");
    }
    r->status = MHD_HTTP_OK;
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return VD_OK;
}
