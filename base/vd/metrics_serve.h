/* metrics_serve.h - a small HTTP port of a program that has none of its own, where a Prometheus on
 * the same machine asks for figures: GET /metrics, and GET /health which says "ok". Nothing else is
 * answered, nothing is read from a request but its path; at most 8 connections, 10 s each. One
 * thread inside. Plain HTTP without sign-in: meant for 127.0.0.1. */
#ifndef VD_METRICS_SERVE_H
#define VD_METRICS_SERVE_H
#include "vd/metrics.h"

#define VD_METRICS_BYTES_MAX (1u << 20)

/* Fills in the figures, on the port's thread. */
typedef void (*vd_metrics_fn)(void *ctx, vd_metrics *m);
typedef struct vd_metrics_port vd_metrics_port;
/* `address` is numeric; port 0: any free one. VD_CONFLICT when it is taken. */
VD_MUST_USE vd_err vd_metrics_serve(const char *address, uint16_t port, vd_metrics_fn fill,
                                    void *ctx, vd_metrics_port **ret_port, vd_why *why);
uint16_t vd_metrics_port_number(const vd_metrics_port *port);
/* After it returns `fill` does not run. Returns NULL; NULL is fine. */
vd_metrics_port *vd_metrics_port_free(vd_metrics_port *port);
/* A TCP socket that listens, for a port that serves something else as well. `address` and `port` as
 * above. Owner: caller, close(). */
VD_MUST_USE vd_err vd_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                             vd_why *why);
#endif
