/* endpoint.c - the listener, TLS and bytes of every connection; deadlines.
 *
 *   TLS ──handshake──▶ WAIT_CONNECT ──CONNECT accepted──▶ READY ──▶ CLOSING ──▶ freed
 *
 * Encrypted bytes pass through two memory BIOs. What a turn of the loop wrote to a connection is
 * encrypted and sent once, after the turn's input (after_io), so that many PUBACKs share a record.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/log.h"

#define CHUNK   65536
#define TICK_MS 250

/* ---- finding connections ---- */

conn *conn_of(vd_intake *intake, const char *device)
{
    conn *c = intake->by_device[hash_of(device)];
    while (c && strcmp(c->device, device) != 0) c = c->hash_next;
    return c;
}

conn *conn_by_serial(vd_intake *intake, const char *device, uint64_t serial)
{
    conn *c = conn_of(intake, device);
    return c && c->serial == serial ? c : NULL;
}

void live_set(conn *c)
{
    vd_intake *intake = c->intake;
    live **head = &intake->lives[hash_of(c->device)], *l;
    pthread_mutex_lock(&intake->lock);
    for (l = *head; l && strcmp(l->device, c->device) != 0;) l = l->next;
    if (!l && (l = vd_calloc(1, sizeof(*l)))) {
        snprintf(l->device, sizeof(l->device), "%s", c->device);
        l->next = *head;
        *head = l;
    }
    if (l) {
        l->seen_utc_us = c->seen_utc_us;
        l->clock_known = c->clock_known;
        l->clock_skew_ms = c->clock_skew_ms;
    }
    pthread_mutex_unlock(&intake->lock);
}

void live_drop(conn *c)
{
    vd_intake *intake = c->intake;
    pthread_mutex_lock(&intake->lock);
    live **at = &intake->lives[hash_of(c->device)];
    while (*at && strcmp((*at)->device, c->device) != 0) at = &(*at)->next;
    live *gone = *at;
    if (gone) *at = gone->next;
    pthread_mutex_unlock(&intake->lock);
    free(gone);
}

/* ---- sending ---- */

typedef struct {
    uv_write_t request;
    conn *c;
    size_t len;
    char bytes[];
} pending_write;

static void on_written(uv_write_t *request, int status)
{
    pending_write *w = request->data;
    w->c->unsent -= w->len;
    if (status < 0 && status != UV_ECANCELED) conn_close(w->c, "the device cannot be written to");
    free(w);
}

static bool send_bytes(conn *c, const char *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
    int sent = c->unsent == 0 ? uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) : 0;
    if (sent < 0 && sent != UV_EAGAIN) return false;
    if (sent > 0) {
        bytes += sent;
        len -= (size_t)sent;
    }
    if (len == 0) return true;
    pending_write *w = malloc(sizeof(*w) + len);
    if (!w || c->unsent + len > CONN_OUTPUT_MAX) {
        free(w);
        return false;
    }
    w->request.data = w;
    w->c = c;
    w->len = len;
    memcpy(w->bytes, bytes, len);
    buf = uv_buf_init(w->bytes, (unsigned)len);
    if (uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0) {
        free(w);
        return false;
    }
    c->unsent += len;
    return true;
}

/* Encrypts what waits and hands it to the socket. */
static bool flush(conn *c)
{
    while (c->out.len > 0) {
        int taken = SSL_write(c->ssl, c->out.data, (int)c->out.len);
        if (taken <= 0) return false;
        vd_buf_drop_front(&c->out, (size_t)taken);
    }
    int len;
    while ((len = BIO_read(c->to_net, c->intake->chunk, CHUNK)) > 0) {
        if (!send_bytes(c, c->intake->chunk, (size_t)len)) return false;
    }
    return true;
}

static void flush_later(conn *c)
{
    if (c->flush_due) return;
    c->flush_due = true;
    c->flush_next = c->intake->flush_first;
    c->intake->flush_first = c;
}

static void on_after_io(uv_check_t *check)
{
    vd_intake *intake = check->data;
    while (intake->flush_first) {
        conn *c = intake->flush_first;
        intake->flush_first = c->flush_next;
        c->flush_due = false;
        if (c->state != CONN_CLOSING && !flush(c)) conn_close(c, "the device does not read");
    }
}

void conn_send(conn *c, const vd_mqtt_packet *packet)
{
    if (c->state == CONN_CLOSING) return;
    if (vd_mqtt_write(packet, &c->out))
        flush_later(c);
    else
        conn_close(c, "too much waits to be sent to the device");
}

void conn_send_topic(conn *c, const vd_topic *topic, vd_slice payload, uint8_t qos, uint16_t id)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_TOPIC_BYTES * 2);
    if (!vd_topic_write(topic, &text)) return;
    vd_mqtt_packet packet = { .type = VD_MQTT_PUBLISH,
                              .topic = vd_buf_slice(&text),
                              .payload = payload,
                              .qos = qos,
                              .id = id };
    conn_send(c, &packet);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    conn *c = handle->data;
    SSL_free(c->ssl);
    vd_mqtt_reader_done(&c->reader);
    vd_buf_done(&c->out);
    vd_buf_done(&c->will_bag);
    vd_buf_done(&c->will_body);
    free(c);
}

static void unlink_conn(conn *c)
{
    vd_intake *intake = c->intake;
    if (c->prev)
        c->prev->next = c->next;
    else
        intake->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    intake->conn_count--;
    if (c->held) intake->held_count--;
    c->held = false;
}

void conn_close(conn *c, const char *reason)
{
    if (c->state == CONN_CLOSING) return;
    bool was_ready = c->state == CONN_READY;
    bool handshaken = c->state != CONN_TLS;
    c->state = CONN_CLOSING;
    unlink_conn(c);
    if (was_ready) session_ended(c);
    if (handshaken && flush(c)) {
        SSL_shutdown(c->ssl);
        flush(c);
    }
    ERR_clear_error();
    vd_log(was_ready ? VD_LOG_INFO : VD_LOG_DEBUG, "intake.closed", reason, "device",
           c->device[0] ? c->device : NULL, NULL);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- receiving ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *into)
{
    (void)suggested;
    conn *c = handle->data;
    *into = uv_buf_init(c->intake->chunk, CHUNK);
}

/* Cuts decrypted bytes into packets. */
static void take_clear(conn *c, vd_slice bytes)
{
    vd_why why = { 0 };
    vd_mqtt_packet packet;
    char line[400];
    vd_err err = vd_mqtt_reader_add(&c->reader, bytes);
    while (!err && c->state != CONN_CLOSING) {
        err = vd_mqtt_reader_next(&c->reader, &packet, &why);
        if (!err) session_packet(c, &packet);
    }
    if (!err || err == VD_RETRY || c->state == CONN_CLOSING) return;
    vd_log_why(VD_LOG_WARN, "intake.packet", "a packet was refused, closing", &why, "device",
               c->device, NULL);
    conn_close(c, vd_why_line(&why, line, sizeof(line)));
}

static void progress(conn *c)
{
    if (c->state == CONN_TLS) {
        int done = SSL_do_handshake(c->ssl);
        flush_later(c);
        if (done == 1) {
            c->state = CONN_WAIT_CONNECT;
        } else if (SSL_get_error(c->ssl, done) != SSL_ERROR_WANT_READ) {
            ERR_clear_error();
            if (flush(c))
                conn_close(c, "the TLS handshake failed");
            else
                conn_close(c, "the device went away");
            return;
        }
    }
    while (c->state == CONN_WAIT_CONNECT || c->state == CONN_READY) {
        int len = SSL_read(c->ssl, c->intake->clear, CHUNK);
        if (len > 0) {
            take_clear(c, vd_slice_of(c->intake->clear, (size_t)len));
            continue;
        }
        int error = SSL_get_error(c->ssl, len);
        ERR_clear_error();
        if (error == SSL_ERROR_WANT_READ) break;
        conn_close(c, error == SSL_ERROR_ZERO_RETURN ? "the device ended TLS" : "TLS failed");
    }
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    conn *c = stream->data;
    if (c->state == CONN_CLOSING || len == 0) return;
    if (len < 0) {
        conn_close(c, "the device went away");
        return;
    }
    if (BIO_write(c->from_net, buf->base, (int)len) != (int)len) {
        conn_close(c, "no memory is left for the connection");
        return;
    }
    progress(c);
    if (c->state == CONN_READY) live_set(c);
}

void conn_throttle(conn *c)
{
    vd_intake *intake = c->intake;
    if (c->state == CONN_CLOSING) return;
    size_t part = c->held ? 2 : 1; /* resume at half, so that it does not flutter */
    bool over = c->uncommitted >= CONN_UNCOMMITTED_MAX / part ||
                c->uncommitted_bytes >= CONN_UNCOMMITTED_BYTES / part ||
                intake->uncommitted >= ALL_UNCOMMITTED_MAX / part ||
                intake->uncommitted_bytes >= ALL_UNCOMMITTED_BYTES / part;
    if (over == c->held) return;
    c->held = over;
    intake->held_count += over ? 1 : UINT64_MAX;
    if (over)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
        conn_close(c, "the socket cannot be read");
    }
}

/* ---- accepting ---- */

static bool open_tls(conn *c)
{
    c->ssl = SSL_new(c->intake->tls);
    c->from_net = BIO_new(BIO_s_mem());
    c->to_net = BIO_new(BIO_s_mem());
    if (!c->ssl || !c->from_net || !c->to_net) {
        BIO_free(c->from_net);
        BIO_free(c->to_net);
        return false;
    }
    BIO_set_mem_eof_return(c->from_net, -1);
    BIO_set_mem_eof_return(c->to_net, -1);
    SSL_set_bio(c->ssl, c->from_net, c->to_net);
    SSL_set_accept_state(c->ssl);
    return true;
}

static void on_dropped(uv_handle_t *handle)
{
    conn *c = handle->data;
    SSL_free(c->ssl);
    free(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    vd_intake *intake = listener->data;
    if (status < 0 || intake->stopping) return;
    conn *c = vd_calloc(1, sizeof(*c));
    if (!c) return;
    c->intake = intake;
    c->tcp.data = c;
    c->serial = ++intake->next_serial;
    uv_tcp_init(&intake->loop, &c->tcp);
    bool ok = uv_accept(listener, (uv_stream_t *)&c->tcp) == 0 &&
              intake->conn_count < CONNECTIONS_MAX && open_tls(c) &&
              uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
    if (!ok) {
        uv_close((uv_handle_t *)&c->tcp, on_dropped);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    c->reader = vd_mqtt_reader_new(VD_LIMIT_MQTT_PACKET_BYTES);
    c->out = VD_BUF(CONN_OUTPUT_MAX);
    c->deadline_us = vd_clock_mono_us() + CONNECT_DEADLINE_US;
    c->next = intake->conns;
    if (c->next) c->next->prev = c;
    intake->conns = c;
    intake->conn_count++;
}

/* ---- the loop ---- */

static void check_deadlines(vd_intake *intake)
{
    int64_t now = vd_clock_mono_us(), now_s = vd_clock_utc_us() / 1000000;
    for (conn *c = intake->conns, *next; c; c = next) {
        next = c->next;
        if (c->token_end_s && now_s >= c->token_end_s) {
            conn_close(c, "the token has ended");
        } else if (c->deadline_us && now >= c->deadline_us && !c->held) {
            conn_close(c, c->state == CONN_READY ? "the device fell silent"
                                                 : "the device did not connect in time");
        }
    }
}

static void close_if_open(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* When stopping: once nobody is connected and nothing is on its way to the disk, the loop ends. */
static void finish_when_empty(vd_intake *intake)
{
    if (!intake->stopping || intake->conns || job_count(intake) > 0) return;
    pthread_mutex_lock(&intake->lock);
    bool last = intake->jobs == 0 && !intake->first_command;
    if (last) intake->wake_open = false;
    pthread_mutex_unlock(&intake->lock);
    if (last) uv_walk(&intake->loop, close_if_open, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    vd_intake *intake = timer->data;
    int64_t now = vd_clock_mono_us();
    check_deadlines(intake);
    if (!intake->stopping && now - intake->trimmed_us > 60000000) {
        intake->trimmed_us = now;
        message_trim(intake);
    }
    finish_when_empty(intake);
}

static void on_wake(uv_async_t *wake)
{
    vd_intake *intake = wake->data;
    command_run_all(intake);
    finish_when_empty(intake);
}

static void stop_on_loop(vd_intake *intake, void *arg)
{
    (void)arg;
    close_if_open((uv_handle_t *)&intake->listener, NULL);
    while (intake->conns) conn_close(intake->conns, "the hub is stopping");
}

void endpoint_stop(vd_intake *intake)
{
    intake->stopping = true;
    if (!command_post(intake, stop_on_loop, NULL)) {
        vd_log(VD_LOG_DEBUG, "intake.stop", "the endpoint has stopped already", NULL);
    }
}

static vd_err fail_uv(vd_why *why, int rc, const char *what)
{
    vd_err err = rc == UV_EADDRINUSE ? VD_CONFLICT : rc == UV_EACCES ? VD_DENIED : VD_IO;
    vd_fail(why, err, "%s", what);
    vd_why_detail(why, "%s", uv_strerror(rc));
    if (err == VD_CONFLICT) vd_why_hint(why, "another program listens there; choose another port");
    return err;
}

static vd_err listen_at(vd_intake *intake, vd_why *why)
{
    struct sockaddr_storage at;
    char what[160];
    const vd_intake_config *config = &intake->config;
    snprintf(what, sizeof(what), "the device endpoint cannot listen on %.80s port %u",
             config->address, config->port);
    int rc = uv_ip4_addr(config->address, config->port, (struct sockaddr_in *)&at);
    if (rc) rc = uv_ip6_addr(config->address, config->port, (struct sockaddr_in6 *)&at);
    if (!rc) rc = uv_tcp_bind(&intake->listener, (struct sockaddr *)&at, 0);
    if (!rc) rc = uv_listen((uv_stream_t *)&intake->listener, 1024, on_connection);
    int len = sizeof(at);
    if (!rc) rc = uv_tcp_getsockname(&intake->listener, (struct sockaddr *)&at, &len);
    if (rc) return fail_uv(why, rc, what);
    /* The port is at the same place in both families. */
    intake->port = ntohs(((struct sockaddr_in *)&at)->sin_port);
    return VD_OK;
}

vd_err endpoint_start(vd_intake *intake, vd_why *why)
{
    int rc = uv_loop_init(&intake->loop);
    if (rc) return fail_uv(why, rc, "the device endpoint has no loop");
    uv_tcp_init(&intake->loop, &intake->listener);
    uv_async_init(&intake->loop, &intake->wake, on_wake);
    uv_timer_init(&intake->loop, &intake->tick);
    uv_check_init(&intake->loop, &intake->after_io);
    intake->listener.data = intake->wake.data = intake->tick.data = intake->after_io.data = intake;
    uv_timer_start(&intake->tick, on_tick, TICK_MS, TICK_MS);
    uv_check_start(&intake->after_io, on_after_io);
    intake->chunk = vd_calloc(1, CHUNK);
    intake->clear = vd_calloc(1, CHUNK);
    vd_err err =
        intake->chunk && intake->clear ? VD_OK : vd_fail(why, VD_FULL, "no memory is left");
    if (!err) err = listen_at(intake, why);
    if (!err) {
        pthread_mutex_lock(&intake->lock);
        intake->wake_open = true;
        pthread_mutex_unlock(&intake->lock);
        return VD_OK;
    }
    uv_walk(&intake->loop, close_if_open, NULL);
    uv_run(&intake->loop, UV_RUN_DEFAULT);
    uv_loop_close(&intake->loop);
    return err;
}

void endpoint_run(vd_intake *intake)
{
    uv_run(&intake->loop, UV_RUN_DEFAULT);
    uv_loop_close(&intake->loop);
}
