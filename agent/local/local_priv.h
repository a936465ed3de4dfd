/* local_priv.h - one request's way: headers ─▶ host, token, room ─▶ body (bounded) ─▶ handler. */
#ifndef VD_LOCAL_PRIV_H
#define VD_LOCAL_PRIV_H
#include <microhttpd.h>
#include <stdatomic.h>

#include "local.h"

#define TOKEN_ROOM 256

struct vd_local {
    vd_local_sink sink;
    struct MHD_Daemon *daemon;
    uint16_t port;
    char token[TOKEN_ROOM]; /* "": none is needed */
    char policy[256];       /* Content-Security-Policy of the page */
    atomic_uint uploads, scoring;
    atomic_ullong scored, busy;
};

typedef struct {
    vd_local *local;
    struct MHD_Connection *connection;
    const char *method, *path;
    vd_buf body;
    bool uploads; /* counted in local->uploads */
    vd_err early; /* refused before the body is read */
    vd_why why;
    size_t drained;
    unsigned status;
    struct MHD_Response *response;
} request;

/* server.c */
const char *request_header(request *r, const char *name); /* NULL: not there */
const char *request_query(request *r, const char *name);

/* answer.c: each sets r->response. */
vd_err answer_bytes(request *r, unsigned status, const char *type, vd_slice bytes);
vd_err answer_json(request *r, unsigned status, vd_json_w *w, vd_why *why);
vd_err answer_empty(request *r, unsigned status);
void answer_error(request *r, vd_err err, const vd_why *why);
void answer_header(request *r, const char *name, const char *value);

/* page.c */
vd_err page_policy(char *into, size_t room, vd_why *why);
vd_err page_show(request *r, vd_why *why);

/* score.c */
vd_err score_picture(request *r, vd_why *why);
vd_err score_annotate(request *r, vd_why *why);

/* token.c */
vd_err token_load(const char *path, char into[TOKEN_ROOM], vd_why *why);
bool token_knows(const char *token, const char *authorization); /* the header's value or NULL */
bool address_is_loopback(const char *address);
/* Without a token: does the Host header name this machine itself? */
bool host_is_loopback(const char *host);
#endif
