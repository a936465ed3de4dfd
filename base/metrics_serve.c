#include "vd/metrics_serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct vd_metrics_port {
    vd_metrics_fn fill;
    void *ctx;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              vd_slice bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes.len, (void *)bytes.data, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result figures(vd_metrics_port *p, struct MHD_Connection *connection)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_METRICS_BYTES_MAX);
    vd_metrics m = vd_metrics_into(&text);
    p->fill(p->ctx, &m);
    if (vd_metrics_end(&m))
        return answer(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain",
                      VD_STR("the figures do not fit\n"));
    return answer(connection, MHD_HTTP_OK, VD_METRICS_TYPE, vd_buf_slice(&text));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    (void)version, (void)data;
    if (!*state) {
        *state = arg;
        return MHD_YES;
    }
    if (*data_len) return MHD_NO; /* nobody sends a body here */
    if (strcmp(method, "GET") != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", VD_STR("only GET\n"));
    if (strcmp(url, "/metrics") == 0) return figures(arg, connection);
    if (strcmp(url, "/health") == 0)
        return answer(connection, MHD_HTTP_OK, "text/plain", VD_STR("ok\n"));
    return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", VD_STR("try /metrics\n"));
}

static vd_err bind_failed(int fd, const char *address, uint16_t port, vd_why *why)
{
    int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    if (reason != EADDRINUSE)
        return vd_fail_errno(why, "cannot listen on %s port %u", address, port);
    return vd_fail(why, VD_CONFLICT, "port %u is taken by another program", port);
}

vd_err vd_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port, vd_why *why)
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
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 16) == 0;
    freeaddrinfo(found);
    struct sockaddr_in6 bound = { 0 }; /* the port is at the same place in both families */
    socklen_t len = sizeof bound;
    if (!ok || getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return bind_failed(fd, address, port, why);
    *ret_port = ntohs(bound.sin6_port);
    *ret_fd = fd;
    return VD_OK;
}

vd_err vd_metrics_serve(const char *address, uint16_t port, vd_metrics_fn fill, void *ctx,
                        vd_metrics_port **ret_port, vd_why *why)
{
    int fd = -1;
    vd_metrics_port *p = calloc(1, sizeof *p);
    if (!p) return vd_fail(why, VD_FULL, "no memory");
    p->fill = fill;
    p->ctx = ctx;
    vd_err err = vd_listen(address, port, &fd, &p->port, why);
    if (!err) {
        p->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC,
                                     p->port, NULL, NULL, on_request, p, MHD_OPTION_LISTEN_SOCKET,
                                     fd, MHD_OPTION_CONNECTION_LIMIT, 8u,
                                     MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
        if (!p->daemon) {
            close(fd);
            err = vd_fail(why, VD_FULL, "the local port cannot be served");
        }
    }
    if (err)
        free(p);
    else
        *ret_port = p;
    return err;
}

uint16_t vd_metrics_port_number(const vd_metrics_port *port)
{
    return port->port;
}

vd_metrics_port *vd_metrics_port_free(vd_metrics_port *port)
{
    if (!port) return NULL;
    MHD_stop_daemon(port->daemon);
    free(port);
    return NULL;
}
