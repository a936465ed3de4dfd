/* child_web.c - one GET over HTTP or HTTPS: connect, check the certificate, sign in, follow, and
 * then the body's bytes. FFmpeg's client signs in by MD5 only and cannot say which certificate is
 * right. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_web_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define IDLE_US   6000000 /* a camera that sends nothing for so long is away */
#define POLL_MS   100
#define HOST_MAX  253
#define MOVES_MAX 3 /* redirections */
#define SIGNS_MAX 2 /* the second when the first one's nonce was stale */

typedef struct {
    bool tls;
    char host[HOST_MAX + 1], port[6];
    char name[HOST_MAX + 10]; /* as "Host:" wants it */
    char path[WIRE_URL_MAX + 1];
} place;

struct web {
    child_input *input;
    place at;
    int fd;
    SSL *ssl;
    reply got;
    uint8_t part[16384]; /* what came and was not used: [from, to) */
    size_t from, to;
    vd_buf head;
};

/* ---- the address ---- */

static bool authority_read(vd_slice text, place *into)
{
    const bool number = text.len && text.data[0] == '['; /* IPv6 */
    vd_slice rest = VD_SLICE_NONE;
    uint64_t port = into->tls ? 443 : 80;
    vd_slice host =
        number ? vd_slice_cut(vd_slice_from(text, 1), ']', &rest) : vd_slice_cut(text, ':', &rest);

    if (!vd_slice_to_chars(text, into->name, sizeof into->name)) return false;
    if (number && rest.len) rest = rest.data[0] == ':' ? vd_slice_from(rest, 1) : rest;
    if (rest.len && (!vd_slice_u64(rest, 65535, &port) || port == 0)) return false;
    snprintf(into->port, sizeof into->port, "%u", (unsigned)port);
    return host.len && vd_slice_to_chars(host, into->host, sizeof into->host);
}

/* Spaces and control characters would end the request's line. */
static bool path_read(vd_slice text, place *into)
{
    vd_slice unused;
    const vd_slice path = vd_slice_cut(text, '#', &unused);

    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] <= ' ' || path.data[i] == '"' || path.data[i] == 127) return false;
    if (path.len && path.data[0] == '/')
        return vd_slice_to_chars(path, into->path, sizeof into->path);
    into->path[0] = '/';
    return vd_slice_to_chars(path, into->path + 1, sizeof into->path - 1);
}

static bool place_read(const char *url, place *ret_place)
{
    place at = { .tls = strncmp(url, "https://", 8) == 0 };
    const char *authority = strstr(url, "://");

    if (!at.tls && strncmp(url, "http://", 7) != 0) return false;
    authority += 3;
    const size_t len = strcspn(authority, "/?#");
    if (memchr(authority, '@', len) || !authority_read(vd_slice_of(authority, len), &at) ||
        !path_read(vd_slice_str(authority + len), &at))
        return false;
    *ret_place = at;
    return true;
}

/* ---- bytes, there and back ---- */

static int wait_for(web *self, short events)
{
    const int64_t until_us = vd_clock_mono_us() + IDLE_US;
    struct pollfd ready = { .fd = self->fd, .events = events };

    for (;;) {
        if (input_asked_to_stop(self->input) || vd_clock_mono_us() > until_us)
            return AVERROR(ETIMEDOUT);
        const int count = poll(&ready, 1, POLL_MS);
        if (count > 0) return 0;
        if (count < 0 && errno != EINTR) return AVERROR(errno);
    }
}

/* After a call of OpenSSL that did not do it: 0 to try again, AVERROR_EOF at the end. */
static int wait_for_tls(web *self, int result)
{
    const int what = SSL_get_error(self->ssl, result);

    if (what == SSL_ERROR_WANT_READ) return wait_for(self, POLLIN);
    if (what == SSL_ERROR_WANT_WRITE) return wait_for(self, POLLOUT);
    return AVERROR_EOF; /* told or not: cameras just close */
}

static int receive(web *self, uint8_t *into, size_t room)
{
    for (;;) {
        size_t got = 0;
        int error = 0;
        if (self->ssl) {
            const int result = SSL_read_ex(self->ssl, into, room, &got);
            if (result == 1) return (int)got;
            error = wait_for_tls(self, result);
        } else {
            const ssize_t len = recv(self->fd, into, room, 0);
            if (len >= 0) return (int)len;
            error = errno == EAGAIN || errno == EINTR ? wait_for(self, POLLIN) : AVERROR(errno);
        }
        if (error) return error == AVERROR_EOF ? 0 : error;
    }
}

static int send_all(web *self, vd_slice bytes)
{
    while (bytes.len) {
        size_t sent = 0;
        int error = 0;
        if (self->ssl) {
            const int result = SSL_write_ex(self->ssl, bytes.data, bytes.len, &sent);
            if (result != 1) error = wait_for_tls(self, result);
        } else {
            const ssize_t len = send(self->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
            if (len >= 0) sent = (size_t)len;
            if (len < 0)
                error =
                    errno == EAGAIN || errno == EINTR ? wait_for(self, POLLOUT) : AVERROR(errno);
        }
        if (error) return error;
        bytes = vd_slice_from(bytes, sent);
    }
    return 0;
}

/* ---- the connection ---- */

static void hang_up(web *self)
{
    if (self->ssl) SSL_free(self->ssl);
    if (self->fd >= 0) close(self->fd);
    self->ssl = NULL;
    self->fd = -1;
    self->from = self->to = 0;
}

static int connect_to(web *self, const struct addrinfo *to)
{
    int error = 0;
    socklen_t len = sizeof error;

    self->fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0) return AVERROR(errno);
    if (connect(self->fd, to->ai_addr, to->ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return AVERROR(errno);
    const int waited = wait_for(self, POLLOUT);
    if (waited) return waited;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) error = errno;
    return error ? AVERROR(error) : 0;
}

static int dial(web *self)
{
    const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    int error = AVERROR(EIO);

    if (getaddrinfo(self->at.host, self->at.port, &want, &all) != 0) return AVERROR(EIO);
    for (const struct addrinfo *one = all; one && error; one = one->ai_next) {
        hang_up(self);
        error = connect_to(self, one);
        if (self->input->timed_out) break;
    }
    freeaddrinfo(all);
    return error;
}

/* Its name, or its number, is what its certificate must be for. */
static bool expect_name(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1) return true;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static vd_err shake_hands(web *self, vd_why *why)
{
    const child_input *input = self->input;
    char said[120];

    self->ssl = SSL_new(input->tls);
    if (!self->ssl || !expect_name(self->ssl, self->at.host) ||
        SSL_set_fd(self->ssl, self->fd) != 1)
        return vd_fail(why, VD_FULL, "no memory for TLS");
    for (;;) {
        ERR_clear_error();
        const int result = SSL_connect(self->ssl);
        if (result == 1) return VD_OK;
        const int error = wait_for_tls(self, result);
        if (error == AVERROR_EOF) break;
        if (error) return input_why(input->config, error, why);
    }
    const unsigned long code = ERR_get_error();
    vd_err err = vd_trust_explain(&input->trust, input->config->url, why);
    if (err) return err;
    snprintf(said, sizeof said, "%s", code ? ERR_reason_error_string(code) : "it hung up");
    vd_fail(why, VD_RETRY, "the camera does not speak TLS that we understand");
    vd_why_detail(why, "%.180s: %.100s", input->config->url, said);
    vd_why_hint(why, "check the port; a camera of old TLS versions may have a newer firmware");
    return VD_RETRY;
}

/* ---- the request and the reply's head ---- */

static bool request_make(const web *self, const sign_offer *offer, vd_buf *into)
{
    const wire_config *config = self->input->config;
    uint8_t dice[16];
    char cnonce[2 * sizeof dice + 1];

    vd_random(dice, sizeof dice);
    for (size_t i = 0; i < sizeof dice; i++) snprintf(cnonce + 2 * i, 3, "%02x", dice[i]);
    const sign_who who = {
        .user = config->user, .password = config->password, .path = self->at.path, .cnonce = cnonce
    };
    return vd_buf_addf(into,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Vedette\r\nAccept: */*\r\n"
                       "Connection: close\r\n",
                       self->at.path, self->at.name) &&
           (!offer || (vd_buf_add_str(into, "Authorization: ") && sign_add(offer, &who, into) &&
                       vd_buf_add_str(into, "\r\n"))) &&
           vd_buf_add_str(into, "\r\n");
}

static vd_err not_http(const web *self, vd_why *why)
{
    vd_fail(why, VD_INVALID, "what answers there does not speak HTTP");
    vd_why_detail(why, "%.300s", self->input->config->url);
    vd_why_hint(why, "check the port in the camera's address, and http:// or https://");
    return VD_INVALID;
}

static vd_err head_read(web *self, vd_why *why)
{
    size_t len = 0;

    vd_buf_clear(&self->head);
    while (len == 0) {
        const int got = receive(self, self->part, sizeof self->part);
        if (got <= 0) return input_why(self->input->config, got ? got : AVERROR_EOF, why);
        if (!vd_buf_add(&self->head, vd_slice_of(self->part, (size_t)got)))
            return not_http(self, why);
        len = reply_head_len(vd_buf_slice(&self->head));
        self->to = (size_t)got;
    }
    self->from = self->to - (self->head.len - len);
    return reply_read(vd_slice_of(self->head.data, len), &self->got) ? VD_OK : not_http(self, why);
}

static vd_err ask(web *self, const sign_offer *offer, vd_why *why)
{
    const wire_config *config = self->input->config;
    VD_AUTO(vd_buf) request = VD_BUF(16384);

    hang_up(self);
    if (!request_make(self, offer, &request))
        return vd_fail(why, VD_INVALID, "the camera's address or sign-in is too long");
    int error = dial(self);
    if (error) return input_why(config, self->input->timed_out ? AVERROR(ETIMEDOUT) : error, why);
    vd_err err = self->at.tls ? shake_hands(self, why) : VD_OK;
    if (err) return err;
    error = send_all(self, vd_buf_slice(&request));
    vd_wipe(request.data, request.len);
    return error ? input_why(config, error, why) : head_read(self, why);
}

/* ---- sign-in and redirections ---- */

static vd_err ask_signed(web *self, vd_why *why)
{
    vd_err err = ask(self, NULL, why);

    for (unsigned i = 0; !err && i < SIGNS_MAX; i++) {
        const sign_offer offer = self->got.offer;
        if (self->got.status != 401 || !self->input->config->user[0]) return VD_OK;
        if (!offer.scheme[0] || (i > 0 && !offer.stale)) return VD_OK;
        err = ask(self, &offer, why);
    }
    return err;
}

static bool same_host(const place *a, const place *b)
{
    return a->tls == b->tls && strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

static bool is_moved(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the camera sends us: on the same host only, or from there to its HTTPS. Nobody else gets
 * our user and password. */
static vd_err follow(web *self, vd_why *why)
{
    place next = self->at;
    const char *to = self->got.location;
    const bool within = to[0] == '/' && to[1] != '/';
    const bool good = within ? path_read(vd_slice_str(to), &next) : place_read(to, &next);
    const bool safer = next.tls && !self->at.tls && strcmp(next.host, self->at.host) == 0;

    if (good && (same_host(&next, &self->at) || safer)) {
        self->at = next;
        return VD_OK;
    }
    vd_fail(why, VD_INVALID, "the camera sends us to another address");
    vd_why_detail(why, "%.120s: to %.180s", self->input->config->url, to);
    vd_why_hint(why, "if that is right, give this address as the camera's");
    return VD_INVALID;
}

static vd_err status_why(const web *self, vd_why *why)
{
    const wire_config *config = self->input->config;

    switch (self->got.status) {
    case 401: return input_why(config, AVERROR_HTTP_UNAUTHORIZED, why);
    case 403: return input_why(config, AVERROR_HTTP_FORBIDDEN, why);
    case 404: return input_why(config, AVERROR_HTTP_NOT_FOUND, why);
    default: break;
    }
    if (self->got.status >= 200 && self->got.status < 300) return VD_OK;
    return input_why(config,
                     self->got.status < 500 ? AVERROR_HTTP_OTHER_4XX : AVERROR_HTTP_SERVER_ERROR,
                     why);
}

vd_err web_prepare(child_input *input, vd_why *why)
{
    const wire_config *config = input->config;
    const vd_trust_config trust = { .ca_file = config->ca_file[0] ? config->ca_file : NULL,
                                    .fingerprint =
                                        config->fingerprint[0] ? config->fingerprint : NULL,
                                    .insecure = config->insecure };

    if (config->kind != VD_CAMERA_HTTP) return VD_OK;
    input->tls = SSL_CTX_new(TLS_client_method());
    if (!input->tls) return vd_fail(why, VD_FULL, "no memory for TLS");
    signal(SIGPIPE, SIG_IGN);
    return vd_trust_open(&input->trust, &trust, input->tls, why);
}

vd_err web_open(child_input *input, web **ret_web, vd_why *why)
{
    web *self = calloc(1, sizeof *self);

    if (!self) return vd_fail(why, VD_FULL, "no memory to read");
    *ret_web = self;
    self->input = input;
    self->fd = -1;
    self->head = VD_BUF(REPLY_HEAD_MAX);
    if (!place_read(input->config->url, &self->at))
        return input_why(input->config, AVERROR_PROTOCOL_NOT_FOUND, why);
    vd_err err = ask_signed(self, why);
    for (unsigned i = 0; !err && i < MOVES_MAX && is_moved(self->got.status); i++) {
        err = follow(self, why);
        if (!err) err = ask_signed(self, why);
    }
    return err ? err : status_why(self, why);
}

const char *web_type(const web *self)
{
    return self->got.type;
}

int web_read(web *self, uint8_t *into, size_t room)
{
    for (;;) {
        vd_slice rest = vd_slice_of(self->part + self->from, self->to - self->from), part;
        const size_t before = rest.len;
        if (rest.len > room) rest.len = room;
        const size_t offered = rest.len;
        if (!reply_body(&self->got, &rest, &part)) return AVERROR_INVALIDDATA;
        self->from += offered - rest.len;
        if (part.len) {
            memcpy(into, part.data, part.len);
            return (int)part.len;
        }
        if (self->got.ended) return 0;
        /* What is left is a part of a chunk's line. */
        if (before >= sizeof self->part / 2) return AVERROR_INVALIDDATA;
        memmove(self->part, self->part + self->from, self->to - self->from);
        self->to -= self->from;
        self->from = 0;
        const int got = receive(self, self->part + self->to, sizeof self->part - self->to);
        if (got <= 0) return got;
        self->to += (size_t)got;
    }
}
