/* registry_peer.c - the scripted registry. */
#include "registry_peer_priv.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/test.h"

static shelf_item *find(registry_peer *r, const char *path)
{
    for (unsigned i = 0; i < r->count; i++)
        if (strcmp(r->item[i].path, path) == 0 && !r->item[i].hide) return &r->item[i];
    return NULL;
}

static void put(registry_peer *r, const char *path, vd_slice bytes)
{
    pthread_mutex_lock(&r->lock);
    shelf_item *item = find(r, path);
    if (!item) {
        assert_true(r->count < SHELF_MAX);
        item = &r->item[r->count++];
        item->bytes = VD_BUF(8u << 20);
        snprintf(item->path, sizeof item->path, "%s", path);
    }
    vd_buf_clear(&item->bytes);
    assert_true(vd_buf_add(&item->bytes, bytes));
    pthread_mutex_unlock(&r->lock);
}

/* ---- answers ---- */

typedef struct {
    vd_buf bytes;
    uint64_t from, cut_at;
} flow;

static ssize_t flow_read(void *arg, uint64_t at, char *into, size_t room)
{
    flow *f = arg;
    uint64_t here = f->from + at, end = f->cut_at ? f->cut_at : f->bytes.len;

    if (here >= end)
        return f->cut_at ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    size_t len = end - here < room ? (size_t)(end - here) : room;
    memcpy(into, f->bytes.data + here, len);
    return (ssize_t)len;
}

static void flow_free(void *arg)
{
    flow *f = arg;
    vd_buf_done(&f->bytes);
    free(f);
}

static enum MHD_Result status_only(struct MHD_Connection *c, unsigned status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(2, "{}", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(c, status, response);
    MHD_destroy_response(response);
    return result;
}

static uint64_t range_start(struct MHD_Connection *c)
{
    const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    return text && strncmp(text, "bytes=", 6) == 0 ? strtoull(text + 6, NULL, 10) : 0;
}

static enum MHD_Result serve_item(struct MHD_Connection *c, shelf_item *item)
{
    uint64_t from = range_start(c), cut_at = item->cut_at;
    flow *f = calloc(1, sizeof *f);

    item->gets++;
    item->cut_at = 0;
    if (from && from >= item->bytes.len) return free(f), status_only(c, 416);
    if (cut_at && cut_at <= from) cut_at = 0;
    *f = (flow){ .bytes = VD_BUF(8u << 20), .from = from, .cut_at = cut_at };
    assert_true(vd_buf_add(&f->bytes, vd_buf_slice(&item->bytes)));
    item->served += (cut_at ? cut_at : item->bytes.len) - from;
    struct MHD_Response *response =
        MHD_create_response_from_callback(item->bytes.len - from, 4096, flow_read, f, flow_free);
    enum MHD_Result result = MHD_queue_response(c, from ? 206 : 200, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **memory)
{
    registry_peer *r = arg;
    const char *token = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    vd_sas sas;
    (void)method, (void)version, (void)data, (void)data_len, (void)memory;

    if (!token || !vd_sas_parse(vd_slice_str(token), &sas) ||
        !vd_sas_signed_by(&sas, VD_STR(PEER_KEY)))
        return status_only(c, 401);
    pthread_mutex_lock(&r->lock);
    shelf_item *item = find(r, url);
    enum MHD_Result result = item ? serve_item(c, item) : status_only(c, 404);
    pthread_mutex_unlock(&r->lock);
    return result;
}

/* ---- what lies there ---- */

static vd_digest put_blob(registry_peer *r, const char *name, vd_slice bytes)
{
    char path[256];
    vd_digest digest = vd_sha256(bytes);

    snprintf(path, sizeof path, "/v2/models/%s/blobs/sha256:%s", name, digest.hex);
    put(r, path, bytes);
    return digest;
}

static vd_digest put_manifest(registry_peer *r, const char *name, const vd_artifact *artifact)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    char path[256];

    expect_ok(vd_artifact_write(artifact, &text));
    vd_digest digest = vd_sha256(vd_buf_slice(&text));
    snprintf(path, sizeof path, "/v2/models/%s/manifests/sha256:%s", name, digest.hex);
    put(r, path, vd_buf_slice(&text));
    return digest;
}

static vd_artifact_item layer(registry_peer *r, const char *name, vd_artifact_part part,
                              const char *title, const char *content)
{
    return (vd_artifact_item){ .media_type = vd_artifact_part_types[part],
                               .digest = put_blob(r, name, vd_slice_str(content)),
                               .bytes = strlen(content),
                               .title = title };
}

static vd_artifact_item empty_config(void)
{
    vd_artifact_item config = { .media_type = VD_ARTIFACT_EMPTY_TYPE, .bytes = 2 };
    config.digest = vd_sha256(VD_STR("{}"));
    return config;
}

static vd_digest put_model(registry_peer *r, const char *name, const char *weights,
                           const char *descriptor, const char *labels)
{
    vd_artifact_item items[] = {
        layer(r, name, VD_ARTIFACT_WEIGHTS, "m.onnx", weights),
        layer(r, name, VD_ARTIFACT_DESCRIPTOR, "m.model.yaml", descriptor),
        layer(r, name, VD_ARTIFACT_LABELS, "labels.txt", labels),
    };
    vd_artifact artifact = { .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                             .artifact_type = VD_ARTIFACT_MODEL_TYPE,
                             .config = empty_config(),
                             .item_count = VD_COUNT_OF(items),
                             .items = items,
                             .name = name,
                             .version = "1" };
    return put_manifest(r, name, &artifact);
}

static shelf_item *manifest_item(registry_peer *r, const char *name, const vd_digest *digest)
{
    char path[256];

    snprintf(path, sizeof path, "/v2/models/%s/manifests/sha256:%s", name, digest->hex);
    shelf_item *item = find(r, path);
    assert_non_null(item);
    return item;
}

void registry_sign(registry_peer *r, const char *name, const vd_digest *manifest,
                   const vd_release_key *key)
{
    VD_AUTO(vd_buf) layer_text = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES);
    VD_AUTO(vd_buf) index = VD_BUF(65536);
    shelf_item *signed_item = manifest_item(r, name, manifest);
    vd_artifact_item subject = { .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                                 .digest = *manifest,
                                 .bytes = signed_item->bytes.len };
    char path[256];

    expect_ok(vd_release_sign(key, vd_buf_slice(&signed_item->bytes), &layer_text, NULL));
    vd_artifact_item item = { .media_type = VD_ARTIFACT_SIGNATURE_LAYER_TYPE,
                              .digest = put_blob(r, name, vd_buf_slice(&layer_text)),
                              .bytes = layer_text.len };
    vd_artifact artifact = { .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                             .artifact_type = VD_ARTIFACT_SIGNATURE_TYPE,
                             .config = empty_config(),
                             .item_count = 1,
                             .items = &item,
                             .subject = &subject };
    vd_artifact_item entry = { .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                               .digest = put_manifest(r, name, &artifact) };
    entry.bytes = manifest_item(r, name, &entry.digest)->bytes.len;
    vd_artifact list = {
        .media_type = VD_ARTIFACT_INDEX_TYPE, .is_index = true, .item_count = 1, .items = &entry
    };
    expect_ok(vd_artifact_write(&list, &index));
    snprintf(path, sizeof path, "/v2/models/%s/referrers/sha256:%s", name, manifest->hex);
    put(r, path, vd_buf_slice(&index));
}

vd_digest registry_model(registry_peer *r, const char *name, const char *weights,
                         const char *descriptor, const char *labels)
{
    vd_digest digest = put_model(r, name, weights, descriptor, labels);
    registry_sign(r, name, &digest, r->key);
    return digest;
}

vd_digest registry_unsigned(registry_peer *r, const char *name, const char *weights)
{
    return put_model(r, name, weights, "name: m", "person");
}

shelf_item *registry_layer(registry_peer *r, const char *name, const char *content)
{
    char path[256];
    vd_digest digest = vd_sha256(vd_slice_str(content));

    snprintf(path, sizeof path, "/v2/models/%s/blobs/sha256:%s", name, digest.hex);
    shelf_item *item = find(r, path);
    assert_non_null(item);
    return item;
}

/* ---- life ---- */

void registry_start(registry_peer *r)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    memset(r, 0, sizeof *r);
    peer_start(&r->hub);
    pthread_mutex_init(&r->lock, NULL);
    snprintf(r->key_file, sizeof r->key_file, "%s/release.key", r->hub.dir);
    expect_ok(vd_release_key_open(r->key_file, &r->key, NULL));
    r->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_request,
                         r, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_HTTPS_MEM_KEY, r->hub.key_pem,
                         MHD_OPTION_HTTPS_MEM_CERT, r->hub.cert_pem, MHD_OPTION_END);
    assert_non_null(r->daemon);
    r->port = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void registry_stop(registry_peer *r)
{
    MHD_stop_daemon(r->daemon);
    for (unsigned i = 0; i < r->count; i++) vd_buf_done(&r->item[i].bytes);
    vd_release_key_free(r->key);
    unlink(r->key_file);
    pthread_mutex_destroy(&r->lock);
    peer_stop(&r->hub);
}
