/* answer.c - what goes back: bytes, JSON, and errors in the form that the hub's API has too. */
#include <stdio.h>

#include "local_priv.h"

void answer_header(request *r, const char *name, const char *value)
{
    if (r->response) (void)MHD_add_response_header(r->response, name, value);
}

static vd_err answer_take(request *r, unsigned status, const char *type)
{
    if (!r->response) return VD_FULL;
    r->status = status;
    if (type) answer_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    answer_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    answer_header(r, "X-Content-Type-Options", "nosniff");
    answer_header(r, "X-Frame-Options", "DENY");
    answer_header(r, "Referrer-Policy", "no-referrer");
    answer_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    return VD_OK;
}

vd_err answer_bytes(request *r, unsigned status, const char *type, vd_slice bytes)
{
    r->response =
        MHD_create_response_from_buffer(bytes.len, (void *)bytes.data, MHD_RESPMEM_MUST_COPY);
    return answer_take(r, status, type);
}

vd_err answer_empty(request *r, unsigned status)
{
    r->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return answer_take(r, status, NULL);
}

vd_err answer_json(request *r, unsigned status, vd_json_w *w, vd_why *why)
{
    if (vd_json_w_end(w)) return vd_fail(why, VD_FULL, "the answer is too large");
    return answer_bytes(r, status, "application/json", vd_buf_slice(w->into));
}

static unsigned status_of(vd_err err)
{
    switch (err) {
    case VD_OK: return MHD_HTTP_OK;
    case VD_INVALID: return MHD_HTTP_BAD_REQUEST;
    case VD_DENIED: return MHD_HTTP_FORBIDDEN;
    case VD_ABSENT: return MHD_HTTP_NOT_FOUND;
    case VD_CONFLICT: return MHD_HTTP_CONFLICT;
    case VD_CORRUPT: return MHD_HTTP_UNPROCESSABLE_CONTENT;
    case VD_FULL: return MHD_HTTP_CONTENT_TOO_LARGE;
    case VD_RETRY:
    case VD_GONE: return MHD_HTTP_SERVICE_UNAVAILABLE;
    case VD_IO: return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void answer_error(request *r, vd_err err, const vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&text);
    unsigned status = r->status ? r->status : status_of(err);

    if (r->response) MHD_destroy_response(r->response);
    r->response = NULL;
    vd_json_w_object(&w);
    vd_json_w_key(&w, "error");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "class", vd_err_name(err));
    vd_json_w_kv_text(&w, "fact", why->fact[0] ? why->fact : "the request failed");
    if (why->detail[0]) vd_json_w_kv_text(&w, "detail", why->detail);
    if (why->hint[0]) vd_json_w_kv_text(&w, "hint", why->hint);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    if (answer_json(r, status, &w, NULL)) return;
    if (status == MHD_HTTP_UNAUTHORIZED)
        answer_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                      "Basic realm=\"Vedette agent\", charset=\"UTF-8\"");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE) answer_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}
