/* server.c - the HTTPS server: connections, routing, bodies with limits, rights, headers.
 *
 *   headers ─▶ route ─▶ who asks, may they ─▶ body (bounded) ─▶ handler ─▶ answer
 *
 * A request refused before its body is read has its body drained (bounded), so that the client
 * reads the answer instead of a broken pipe. */
#include "api_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/log.h"
#include "vd/ulid.h"

#define CONNECTIONS_MAX 256u        /* a thread each */
#define DRAIN_MAX       (40u << 20) /* a picture that is too large is told so */
#define IDLE_S          60u

/* ---- routing ---- */

static bool segment_matches(request *r, vd_slice have, vd_slice want, unsigned *params)
{
    if (!vd_slice_eq(want, VD_STR("{}"))) return vd_slice_eq(have, want);
    if (*params == VD_COUNT_OF(r->param) || have.len == 0) return false;
    return vd_slice_to_chars(have, r->param[(*params)++], sizeof r->param[0]);
}

static bool path_matches(request *r, const char *pattern)
{
    unsigned params = 0;
    vd_slice want = vd_slice_str(pattern), have = vd_slice_str(r->path);
    while (want.len || have.len) {
        vd_slice want_rest = VD_SLICE_NONE, have_rest = VD_SLICE_NONE;
        vd_slice want_segment = vd_slice_cut(want, '/', &want_rest);
        vd_slice have_segment = vd_slice_cut(have, '/', &have_rest);
        if (!segment_matches(r, have_segment, want_segment, &params)) return false;
        if ((want_rest.len == 0) != (have_rest.len == 0)) return false;
        want = want_rest;
        have = have_rest;
    }
    return r->path[0] && r->path[strlen(r->path) - 1] != '/';
}

/* VD_ABSENT: no such path; VD_INVALID with status 405: not this method. */
static vd_err find_route(request *r, vd_why *why)
{
    bool path_known = false;
    if (is_registry(r->path)) {
        r->route = registry_route(r);
        return VD_OK;
    }
    for (size_t n = 0; n < api_route_count; n++) {
        const route *candidate = &api_routes[n];
        if (!path_matches(r, candidate->pattern)) continue;
        path_known = true;
        if (strcmp(candidate->method, r->method) != 0) continue;
        r->route = candidate;
        return VD_OK;
    }
    if (!path_known) return vd_fail(why, VD_ABSENT, "there is no '%.100s' here", r->path);
    r->status = MHD_HTTP_METHOD_NOT_ALLOWED;
    return vd_fail(why, VD_INVALID, "'%.100s' does not take %.10s", r->path, r->method);
}

static bool is_api(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strncmp(path, "/device/", 8) == 0 ||
           strcmp(path, "/metrics") == 0 || is_registry(path);
}

static vd_err page_or_absent(request *r, vd_why *why)
{
    bool reads = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    if (reads && !is_api(r->path)) return VD_OK; /* no route: serve_page */
    return find_route(r, why);
}

/* ---- rights ---- */

static bool changes_something(const request *r)
{
    return strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
}

static vd_err check_csrf(request *r, vd_why *why)
{
    char want[VD_SECRET_TEXT_ROOM];
    if (!r->by_cookie || !changes_something(r)) return VD_OK;
    vd_session_csrf(r->secret, want);
    const char *have = ask_header(r, "X-Vedette-Csrf");
    if (have && want[0] && vd_bytes_same(vd_slice_str(have), vd_slice_str(want))) return VD_OK;
    (void)vd_fail(why, VD_DENIED, "the header X-Vedette-Csrf is missing or wrong");
    vd_why_hint(why, "send the session's csrf value; sign in again if it is lost");
    return VD_DENIED;
}

static vd_err not_signed_in(request *r, vd_why *why, const char *fact)
{
    r->status = MHD_HTTP_UNAUTHORIZED;
    return vd_fail(why, VD_DENIED, "%s", fact);
}

static vd_err check_rights(request *r, vd_why *why)
{
    static const vd_role least[] = { [VIEWER] = VD_ROLE_VIEWER,
                                     [OPERATOR] = VD_ROLE_OPERATOR,
                                     [ADMINISTRATOR] = VD_ROLE_ADMINISTRATOR };
    right need = r->route->right;
    if (need == OPEN) return VD_OK;
    vd_err err = authenticate(r, why);
    if (err == VD_DENIED && !r->status) r->status = MHD_HTTP_UNAUTHORIZED;
    if (err) return err;
    if (need == PULLER && r->caller == DEVICE) return VD_OK;
    if (need == PULLER) need = VIEWER;
    if (need == BY_DEVICE)
        return r->caller == DEVICE ? VD_OK
                                   : not_signed_in(r, why, "a device's own token is needed here");
    if (r->caller == NOBODY) return not_signed_in(r, why, "sign in first");
    if (r->caller == DEVICE) return not_signed_in(r, why, "a device's token opens nothing here");
    if (r->role < least[need])
        return vd_fail(why, VD_DENIED, "this needs the role '%s', '%s' is '%s'",
                       vd_role_word(least[need]), r->who, vd_role_word(r->role));
    return check_csrf(r, why);
}

/* MHD hands a value over up to its first NUL; what was said behind it would be lost unseen. */
static enum MHD_Result check_query_value(void *arg, enum MHD_ValueKind kind, const char *key,
                                         size_t key_len, const char *value, size_t value_len)
{
    (void)kind;
    vd_slice name = vd_slice_of(key, key_len), text = vd_slice_of(value, value_len);
    bool fine = vd_slice_utf8_valid(name) && !memchr(key, 0, key_len);
    if (value) fine = fine && vd_slice_utf8_valid(text) && !memchr(value, 0, value_len);
    *(bool *)arg = *(bool *)arg && fine;
    return fine ? MHD_YES : MHD_NO;
}

static vd_err check_query(request *r, vd_why *why)
{
    bool fine = true;
    MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, check_query_value, &fine);
    if (fine) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "what follows the '?' is no UTF-8 text, or holds a NUL");
    vd_why_hint(why, "percent-encode text as UTF-8");
    return VD_INVALID;
}

static vd_err check_length(request *r, vd_why *why)
{
    uint64_t length = 0;
    const char *text = ask_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t most = r->route ? r->route->body_max : 0;
    r->body = VD_BUF(r->route && r->route->to_file ? 0 : most);
    if (!text || (vd_slice_u64(vd_slice_str(text), UINT64_MAX, &length) && length <= most))
        return VD_OK;
    r->status = MHD_HTTP_CONTENT_TOO_LARGE;
    return vd_fail(why, VD_FULL, "the body is longer than %zu bytes", most);
}

/* ---- a request's way ---- */

static void keep_early(request *r, vd_err err, const vd_why *why)
{
    r->early = err;
    r->early_why = *why;
    r->early_status = r->status;
}

static void on_headers(request *r)
{
    vd_why why = { 0 };
    vd_err err = page_or_absent(r, &why);
    if (!err && r->route) err = check_rights(r, &why);
    if (!err && r->route) err = check_query(r, &why);
    if (!err) err = check_length(r, &why);
    if (err) keep_early(r, err, &why);
}

static vd_err too_long(request *r, vd_why *why)
{
    r->status = MHD_HTTP_CONTENT_TOO_LARGE;
    return vd_fail(why, VD_FULL, "the body is longer than %zu bytes", r->route->body_max);
}

/* A handler finds a file also when the body is empty. */
static vd_err open_file(request *r, vd_why *why)
{
    char path[4096];
    vd_ulid id = vd_ulid_new();
    if (r->file.fd >= 0) return VD_OK;
    (void)snprintf(path, sizeof path, "%s/body-%s", r->api->parts.work_dir, id.text);
    return vd_file_create(path, 0640, &r->file, why);
}

static vd_err keep_body(request *r, vd_slice bytes, vd_why *why)
{
    if (!r->route) return vd_fail(why, VD_INVALID, "no body is wanted here");
    if (!r->route->to_file) return vd_buf_add(&r->body, bytes) ? VD_OK : too_long(r, why);
    if (bytes.len > r->route->body_max - r->file_bytes) return too_long(r, why);
    vd_err err = open_file(r, why);
    if (!err) err = vd_file_write(&r->file, bytes, why);
    r->file_bytes += bytes.len;
    return err;
}

static void on_body(request *r, const char *data, size_t len)
{
    vd_why why = { 0 };
    if (r->early) {
        r->drained += len;
        return;
    }
    vd_err err = keep_body(r, vd_slice_of(data, len), &why);
    if (err) keep_early(r, err, &why);
}

static void add_security_headers(request *r)
{
    static const char *const headers[][2] = {
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "X-Frame-Options", "DENY" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Permissions-Policy", "camera=(), microphone=(), geolocation=()" },
        { "Content-Security-Policy",
          "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
          "style-src 'self'; script-src 'self'; connect-src 'self'; object-src 'none'; "
          "base-uri 'none'; form-action 'self'; frame-ancestors 'none'" },
    };
    for (size_t n = 0; n < VD_COUNT_OF(headers); n++) reply_header(r, headers[n][0], headers[n][1]);
}

static void log_failure(const request *r, vd_err err, const vd_why *why)
{
    char status[24];
    unsigned code = r->status ? r->status : status_of(err);
    vd_log_level level = code >= 500 && code != 503 && code != 504 ? VD_LOG_ERROR : VD_LOG_DEBUG;
    vd_log_why(level, "api.refused", "a request was refused", why, "method", r->method, "path",
               r->path, "status", vd_text_i64(code, status), "who", r->who[0] ? r->who : NULL,
               "device", r->device[0] ? r->device : NULL, NULL);
}

static enum MHD_Result on_whole(request *r)
{
    vd_why why = { 0 };
    vd_err err = r->early;
    if (err) {
        why = r->early_why;
        r->status = r->early_status;
    } else {
        r->status = 0;
        if (r->route && r->route->to_file) err = open_file(r, &why);
        if (!err) err = r->route ? r->route->handle(r, &why) : serve_page(r, &why);
    }
    if (err) {
        log_failure(r, err, &why);
        reply_error(r, err, &why);
    }
    if (!r->response) return MHD_NO;
    add_security_headers(r);
    api_count_request(r->api, r->status);
    enum MHD_Result queued = MHD_queue_response(r->connection, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return queued;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    (void)version;
    request *r = *state;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r) return MHD_NO;
        *state = r;
        r->api = arg;
        r->connection = connection;
        r->file = VD_FILE_NONE;
        r->method = method;
        r->path = url;
        on_headers(r);
        return MHD_YES;
    }
    if (*data_len) {
        on_body(r, data, *data_len);
        *data_len = 0;
        return r->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
    }
    return on_whole(r);
}

static void on_done(void *arg, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)connection;
    (void)code;
    request *r = *state;
    if (!r) return;
    vd_buf_done(&r->body);
    vd_file_done(&r->file);
    vd_wipe(r->secret, sizeof r->secret);
    free(r);
    *state = NULL;
}

/* ---- start and stop ---- */

static vd_err bind_failed(int fd, const char *address, uint16_t port, vd_why *why)
{
    int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    if (reason != EADDRINUSE)
        return vd_fail_errno(why, "cannot listen on %s port %u", address, port);
    (void)vd_fail(why, VD_CONFLICT, "port %u is taken by another program", port);
    vd_why_hint(why, "stop that program, or set https.port to another one");
    return VD_CONFLICT;
}

static vd_err listen_on(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                        vd_why *why)
{
    char service[8];
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0)
        return vd_fail(why, VD_INVALID, "'%s' is no address to listen on", address);
    int on = 1, fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 128) == 0;
    freeaddrinfo(found);
    if (!ok) return bind_failed(fd, address, port, why);

    struct sockaddr_in6 bound = { 0 }; /* the port is at the same place in both families */
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return bind_failed(fd, address, port, why);
    *ret_port = ntohs(bound.sin6_port);
    *ret_fd = fd;
    return VD_OK;
}

static vd_err start_daemon(vd_api *api, int fd, vd_why *why)
{
    VD_AUTO(vd_buf) certificate = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) key = VD_BUF(1 << 20);
    vd_err err = vd_file_load(api->parts.certificate_path, &certificate, why);
    if (!err) err = vd_file_load(api->parts.key_path, &key, why);
    if (err) return err;
    api->daemon =
        MHD_start_daemon(MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION |
                             MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC,
                         api->port, NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_HTTPS_MEM_CERT, certificate.data, MHD_OPTION_HTTPS_MEM_KEY,
                         key.data, MHD_OPTION_HTTPS_PRIORITIES,
                         "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_CONNECTION_LIMIT,
                         CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
                         MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
    vd_wipe(key.data, key.len);
    if (!api->daemon) return vd_fail(why, VD_INVALID, "the HTTPS server cannot start");
    return VD_OK;
}

vd_err vd_api_start(const vd_api_parts *parts, vd_api **ret_api, vd_why *why)
{
    int fd = -1;
    vd_api *api = calloc(1, sizeof *api);
    if (!api) return vd_fail(why, VD_FULL, "no memory");
    api->parts = *parts;
    api->started_us = vd_clock_utc_us();
    api->throttle = vd_throttle_new();
    api->basics = basics_new();
    vd_err err =
        api->throttle && api->basics ? previews_new(parts->intake, &api->previews, why) : VD_FULL;
    if (!err) err = listen_on(parts->address, parts->port, &fd, &api->port, why);
    if (!err) {
        err = start_daemon(api, fd, why);
        if (err) close(fd);
    }
    if (err) {
        (void)vd_api_stop(api);
        return err;
    }
    *ret_api = api;
    return VD_OK;
}

uint16_t vd_api_port(const vd_api *api)
{
    return api->port;
}

vd_api *vd_api_stop(vd_api *api)
{
    if (!api) return NULL;
    if (api->daemon) MHD_stop_daemon(api->daemon);
    previews_free(api->previews);
    vd_throttle_free(api->throttle);
    basics_free(api->basics);
    free(api);
    return NULL;
}
