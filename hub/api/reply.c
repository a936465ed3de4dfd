/* reply.c - answers: JSON, bytes, errors with their class, and the headers all of them carry. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

unsigned status_of(vd_err err)
{
    switch (err) {
    case VD_OK: return MHD_HTTP_OK;
    case VD_INVALID: return MHD_HTTP_BAD_REQUEST;
    case VD_DENIED: return MHD_HTTP_FORBIDDEN;
    case VD_FULL: return MHD_HTTP_INSUFFICIENT_STORAGE;
    case VD_ABSENT: return MHD_HTTP_NOT_FOUND;
    case VD_CONFLICT: return MHD_HTTP_CONFLICT;
    case VD_CORRUPT: return MHD_HTTP_UNPROCESSABLE_CONTENT;
    case VD_RETRY:
    case VD_GONE: return MHD_HTTP_SERVICE_UNAVAILABLE;
    case VD_IO: return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void reply_header(request *r, const char *name, const char *value)
{
    if (r->response) (void)MHD_add_response_header(r->response, name, value);
}

vd_err reply_empty(request *r, unsigned status)
{
    r->status = status;
    r->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return r->response ? VD_OK : VD_FULL;
}

vd_err reply_bytes(request *r, unsigned status, const char *type, vd_slice bytes, vd_why *why)
{
    r->status = status;
    r->response =
        MHD_create_response_from_buffer(bytes.len, (void *)bytes.data, MHD_RESPMEM_MUST_COPY);
    if (!r->response) return vd_fail(why, VD_FULL, "no memory for the answer");
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return VD_OK;
}

vd_err reply_json(request *r, unsigned status, vd_json_w *w, vd_why *why)
{
    vd_buf *text = w->into;
    if (vd_json_w_end(w)) return vd_fail(why, VD_FULL, "the answer is too large: ask for less");
    r->status = status;
    r->response = MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_FREE);
    if (!r->response) return vd_fail(why, VD_FULL, "no memory for the answer");
    *text = VD_BUF(0); /* the response owns the bytes now */
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return VD_OK;
}

void write_error(vd_json_w *w, vd_err err, const vd_why *why)
{
    const char *fact = why->fact[0] ? why->fact : "the request failed";
    vd_json_w_key(w, "error");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "class", vd_err_name(err));
    vd_json_w_kv_text(w, "fact", fact);
    if (why->detail[0]) vd_json_w_kv_text(w, "detail", why->detail);
    if (why->hint[0]) vd_json_w_kv_text(w, "hint", why->hint);
    vd_json_w_object_end(w);
}

void reply_error(request *r, vd_err err, const vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    unsigned status = r->status ? r->status : status_of(err);
    vd_json_w w = vd_json_writer(&text);
    if (r->response) MHD_destroy_response(r->response);
    r->response = NULL;
    if (is_registry(r->path)) {
        write_registry_error(r, status, &w, why);
    } else {
        vd_json_w_object(&w);
        write_error(&w, err, why);
        vd_json_w_object_end(&w);
    }
    if (reply_json(r, status, &w, NULL)) return;
    if (is_registry(r->path) && status == MHD_HTTP_UNAUTHORIZED)
        reply_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                     "Basic realm=\"Vedette\", charset=\"UTF-8\"");
    char seconds[24];
    unsigned wait_s = r->retry_after_s;
    if (!wait_s && status == MHD_HTTP_SERVICE_UNAVAILABLE) wait_s = 2;
    if (wait_s) {
        (void)snprintf(seconds, sizeof seconds, "%u", wait_s);
        reply_header(r, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
}
