/* hub_peer_https.c - the scripted hub's evidence and preview paths. */
#include <netinet/in.h>
#include <stdlib.h>

#include "hub_peer_priv.h"
#include "vd/test.h"

typedef struct {
    vd_buf body;
} request;

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, int64_t offset, bool whole)
{
    char text[32];
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    snprintf(text, sizeof text, "%lld", (long long)offset);
    if (offset >= 0) MHD_add_response_header(r, "Upload-Offset", text);
    if (whole) MHD_add_response_header(r, "Upload-Complete", "?1");
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static uint64_t header_number(struct MHD_Connection *c, const char *name)
{
    uint64_t value = UINT64_MAX;
    const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

    if (!vd_slice_u64(vd_slice_str(text), INT64_MAX, &value)) return UINT64_MAX;
    return value;
}

static bool event_known(const hub_peer *p)
{
    return p->message_count > 0;
}

static enum MHD_Result on_head(hub_peer *p, struct MHD_Connection *c)
{
    p->heads++;
    if (!event_known(p)) p->evidence_before_event = true;
    if (p->unknown_heads > 0) return p->unknown_heads--, reply(c, 404, -1, false);
    return reply(c, 204, (int64_t)p->evidence.len, p->evidence_whole);
}

static enum MHD_Result on_patch(hub_peer *p, struct MHD_Connection *c, const vd_buf *body)
{
    uint64_t offset = header_number(c, "Upload-Offset"), whole = header_number(c, "Upload-Length");

    p->patches++;
    if (p->wrong_offset && offset == 0) {
        /* Another part has come meanwhile: as if an earlier try had got through. */
        vd_buf_add(&p->evidence, vd_slice_of(body->data, (size_t)p->wrong_offset));
        p->wrong_offset = 0;
    }
    if (offset != p->evidence.len) return reply(c, 409, (int64_t)p->evidence.len, false);
    vd_buf_add(&p->evidence, vd_buf_slice(body));
    if (p->evidence.len == whole && p->spoil > 0) {
        p->spoil--;
        vd_buf_clear(&p->evidence);
        return reply(c, 422, 0, false);
    }
    p->evidence_whole = p->evidence.len == whole && !p->never_whole;
    return reply(c, 204, (int64_t)p->evidence.len, p->evidence_whole);
}

static enum MHD_Result answer(hub_peer *p, struct MHD_Connection *c, const char *url,
                              const char *method, const vd_buf *body)
{
    const char *token = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    const char *time = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Captured-At");
    vd_sas sas;

    if (!token || !vd_sas_parse(vd_slice_str(token), &sas) ||
        !vd_sas_signed_by(&sas, VD_STR(PEER_KEY)))
        return reply(c, 401, -1, false);
    if (strncmp(url, "/device/v1/preview/", 19) == 0 && strcmp(method, "PUT") == 0) {
        p->previews++;
        vd_slice_to_chars(vd_slice_str(time), p->preview_time, sizeof p->preview_time);
        return reply(c, 204, -1, false);
    }
    if (strncmp(url, "/device/v1/evidence/", 20) != 0) return reply(c, 404, -1, false);
    return strcmp(method, "HEAD") == 0 ? on_head(p, c) : on_patch(p, c, body);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **memory)
{
    hub_peer *p = arg;
    request *r = *memory;
    (void)version;

    if (!r) {
        r = calloc(1, sizeof *r);
        r->body = VD_BUF(8u << 20);
        *memory = r;
        return MHD_YES;
    }
    if (*data_len) {
        vd_buf_add(&r->body, vd_slice_of(data, *data_len));
        *data_len = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&p->lock);
    enum MHD_Result result = answer(p, c, url, method, &r->body);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return result;
}

static void on_done(void *arg, struct MHD_Connection *c, void **memory,
                    enum MHD_RequestTerminationCode code)
{
    request *r = *memory;
    (void)arg, (void)c, (void)code;

    if (!r) return;
    vd_buf_done(&r->body);
    free(r);
}

void peer_https_start(hub_peer *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    p->https = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL,
                                on_request, p, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_HTTPS_MEM_KEY,
                                p->key_pem, MHD_OPTION_HTTPS_MEM_CERT, p->cert_pem,
                                MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
    assert_non_null(p->https);
    p->https_port = MHD_get_daemon_info(p->https, MHD_DAEMON_INFO_BIND_PORT)->port;
}
