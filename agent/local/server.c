/* server.c - connections, routes, who may ask, bodies with a limit.
 *
 * A request that is refused before its body is read has its body drained (bounded), so that the
 * client reads the answer instead of a broken pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "local_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define DRAIN_MAX   (2u * VD_LOCAL_PICTURE_BYTES)
#define IDLE_S      10u
#define STACK_BYTES (512u << 10) /* libjpeg and the JSON reader need far less */
#define STATUS_MAX  (256u << 10)

typedef enum { OPEN = 1, PICTURE_IN = 2 } route_flags;
typedef struct {
    const char *method, *path;
    unsigned flags;
    vd_err (*handle)(request *r, vd_why *why);
} route;

const char *request_header(request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_query(request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- what can be asked ---- */

static vd_err show_health(request *r, vd_why *why)
{
    (void)why;
    return answer_bytes(r, MHD_HTTP_OK, "text/plain", VD_STR("ok\n"));
}

static vd_err show_figures(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_METRICS_BYTES_MAX);
    vd_metrics m = vd_metrics_into(&text);

    r->local->sink.figures(r->local->sink.ctx, &m);
    if (vd_metrics_end(&m)) return vd_fail(why, VD_IO, "the figures do not fit");
    return answer_bytes(r, MHD_HTTP_OK, VD_METRICS_TYPE, vd_buf_slice(&text));
}

static vd_err show_status(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(STATUS_MAX);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_kv_time(&w, "now", vd_clock_utc_us());
    r->local->sink.status(r->local->sink.ctx, &w);
    vd_json_w_object_end(&w);
    return answer_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err show_picture(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(VD_LOCAL_PICTURE_BYTES);
    char camera[VD_CAMERA_ID_MAX + 1], when[VD_UTC_TEXT_ROOM];
    int64_t utc_us = 0;
    vd_slice rest, id = vd_slice_cut(vd_slice_str(r->path + strlen("/cameras/")), '/', &rest);

    if (!vd_slice_eq(rest, VD_STR("picture")) || !vd_slice_to_chars(id, camera, sizeof camera))
        return vd_fail(why, VD_ABSENT, "there is no '%.100s' here", r->path);
    vd_err err = r->local->sink.picture(r->local->sink.ctx, camera, &jpeg, &utc_us, why);
    if (!err) err = answer_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&jpeg));
    if (!err) answer_header(r, "X-Vedette-Time", vd_utc_text(utc_us, when));
    return err;
}

static vd_err take_trigger(request *r, vd_why *why)
{
    const char *camera = request_query(r, "camera");

    if (!camera || !*camera) {
        (void)vd_fail(why, VD_INVALID, "which camera?");
        vd_why_hint(why, "POST /trigger?camera=ID");
        return VD_INVALID;
    }
    vd_err err = r->local->sink.trigger(r->local->sink.ctx, camera, why);
    return err ? err : answer_bytes(r, MHD_HTTP_ACCEPTED, "text/plain", VD_STR("ok\n"));
}

static const route routes[] = {
    { "GET", "/health", OPEN, show_health },
    { "GET", "/metrics", OPEN, show_figures },
    { "GET", "/", 0, page_show },
    { "GET", "/status", 0, show_status },
    { "GET", "/cameras/", 0, show_picture }, /* and what follows */
    { "POST", "/trigger", 0, take_trigger },
    { "POST", "/score", PICTURE_IN, score_picture },
    { "POST", "/annotate", PICTURE_IN, score_annotate },
};

static bool path_fits(const route *candidate, const char *path)
{
    size_t len = strlen(candidate->path);
    bool open_end = len > 1 && candidate->path[len - 1] == '/';

    return open_end ? strncmp(path, candidate->path, len) == 0 : strcmp(path, candidate->path) == 0;
}

static vd_err find_route(request *r, const route **ret_route, vd_why *why)
{
    bool known = false;

    for (size_t n = 0; n < VD_COUNT_OF(routes); n++) {
        if (!path_fits(&routes[n], r->path)) continue;
        known = true;
        if (strcmp(routes[n].method, r->method) != 0) continue;
        *ret_route = &routes[n];
        return VD_OK;
    }
    if (known) r->status = MHD_HTTP_METHOD_NOT_ALLOWED;
    if (known) return vd_fail(why, VD_INVALID, "'%.100s' does not take %.10s", r->path, r->method);
    (void)vd_fail(why, VD_ABSENT, "there is no '%.100s' here", r->path);
    vd_why_hint(why,
                "/ /status /cameras/ID/picture /health /metrics, POST /trigger /score /annotate");
    return VD_ABSENT;
}

/* ---- who asks, and is there room ---- */

static vd_err check_sender(request *r, const route *to, vd_why *why)
{
    const char *host = request_header(r, MHD_HTTP_HEADER_HOST);

    if (to->flags & OPEN) return VD_OK;
    if (!r->local->token[0]) {
        if (!host || host_is_loopback(host)) return VD_OK;
        (void)vd_fail(why, VD_DENIED, "without a token only this machine may ask");
        vd_why_hint(why, "ask for http://127.0.0.1, or set local.token_file");
        return VD_DENIED;
    }
    if (token_knows(r->local->token, request_header(r, MHD_HTTP_HEADER_AUTHORIZATION)))
        return VD_OK;
    r->status = MHD_HTTP_UNAUTHORIZED;
    (void)vd_fail(why, VD_DENIED, "the local port's token is needed here");
    vd_why_hint(why, "Authorization: Bearer TOKEN, or TOKEN as the password of any user");
    return VD_DENIED;
}

static vd_err check_length(request *r, const route *to, vd_why *why)
{
    uint64_t length = 0;
    const char *text = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t most = to->flags & PICTURE_IN ? VD_LOCAL_PICTURE_BYTES : 0;

    r->body = VD_BUF(most);
    if (!text || (vd_slice_u64(vd_slice_str(text), UINT64_MAX, &length) && length <= most))
        return VD_OK;
    return vd_fail(why, VD_FULL, "the body is longer than %zu bytes", most);
}

static vd_err check_room(request *r, const route *to, vd_why *why)
{
    if (!(to->flags & PICTURE_IN)) return VD_OK;
    r->uploads = true;
    if (atomic_fetch_add(&r->local->uploads, 1) < VD_LOCAL_UPLOADS) return VD_OK;
    atomic_fetch_add(&r->local->busy, 1);
    (void)vd_fail(why, VD_RETRY, "%d pictures are on their way in already", VD_LOCAL_UPLOADS);
    vd_why_hint(why, "send it again in a second");
    return VD_RETRY;
}

static vd_err check_request(request *r, vd_why *why)
{
    const route *to = NULL;
    vd_err err = find_route(r, &to, why);

    if (!err) err = check_sender(r, to, why);
    if (!err) err = check_length(r, to, why);
    return err ? err : check_room(r, to, why);
}

/* ---- a request's way ---- */

static void keep_body(request *r, const char *data, size_t len)
{
    if (r->early)
        r->drained += len;
    else if (!vd_buf_add(&r->body, vd_slice_of(data, len)))
        r->early = vd_fail(&r->why, VD_FULL, "the body is longer than %zu bytes", r->body.limit);
}

static enum MHD_Result on_whole(request *r)
{
    const route *to = NULL;
    vd_why why = r->why;
    vd_err err = r->early;

    if (!err) err = find_route(r, &to, &why);
    if (!err) err = to->handle(r, &why);
    if (err) answer_error(r, err, &why);
    if (!r->response) return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(r->connection, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return queued;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    request *r = *state;

    (void)version;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r) return MHD_NO;
        *state = r;
        *r = (request){ .local = arg, .connection = connection, .method = method, .path = url };
        r->early = check_request(r, &r->why);
        return MHD_YES;
    }
    if (*data_len == 0) return on_whole(r);
    keep_body(r, data, *data_len);
    *data_len = 0;
    return r->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
}

static void on_done(void *arg, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode code)
{
    request *r = *state;

    (void)arg, (void)connection, (void)code;
    if (!r) return;
    if (r->uploads) atomic_fetch_sub(&r->local->uploads, 1);
    vd_buf_done(&r->body);
    free(r);
    *state = NULL;
}

/* ---- life ---- */

vd_err vd_local_check(const vd_local_config *config, vd_why *why)
{
    if (config->token_file[0] || address_is_loopback(config->address)) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "the local port at %.60s needs a token", config->address);
    vd_why_detail(why, "others than this machine could ask it");
    vd_why_hint(why, "set local.token_file (it is made when absent), or address 127.0.0.1");
    return VD_INVALID;
}

static vd_err serve(vd_local *l, const vd_local_config *config, vd_why *why)
{
    int fd = -1;
    vd_err err = vd_listen(config->address, config->port, &fd, &l->port, why);

    if (err) return err;
    l->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                     MHD_USE_POLL | MHD_USE_ITC,
                                 l->port, NULL, NULL, on_request, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, VD_LOCAL_CONNECTIONS,
                                 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                                 MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
    if (l->daemon) return VD_OK;
    close(fd);
    return vd_fail(why, VD_FULL, "the local port cannot be served");
}

vd_err vd_local_start(const vd_local_config *config, const vd_local_sink *sink,
                      vd_local **ret_local, vd_why *why)
{
    vd_local *l = calloc(1, sizeof *l);
    if (!l) return vd_fail(why, VD_FULL, "no memory for the local port");

    l->sink = *sink;
    vd_err err = vd_local_check(config, why);
    if (!err && config->token_file[0]) err = token_load(config->token_file, l->token, why);
    if (!err) err = page_policy(l->policy, sizeof l->policy, why);
    if (!err) err = serve(l, config, why);
    if (err)
        vd_local_free(l);
    else
        *ret_local = l;
    return err;
}

uint16_t vd_local_port(const vd_local *local)
{
    return local->port;
}

void vd_local_scored(const vd_local *local, uint64_t *ret_scored, uint64_t *ret_busy)
{
    *ret_scored = atomic_load(&local->scored);
    *ret_busy = atomic_load(&local->busy);
}

vd_local *vd_local_free(vd_local *local)
{
    if (!local) return NULL;
    if (local->daemon) MHD_stop_daemon(local->daemon);
    vd_wipe(local->token, sizeof local->token);
    free(local);
    return NULL;
}
