/* hub_peer.c - the scripted hub's MQTT side: one connection at a time, one thread. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub_peer_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/test.h"

#define LINK_POLL_MS 10
#define AWAIT_US     20000000

void peer_note_add(peer_note *notes, unsigned *count, const char *topic, vd_slice body)
{
    if (*count == PEER_NOTES_MAX) return;
    notes[*count].topic = strdup(topic);
    notes[*count].body = strndup((const char *)body.data, body.len);
    (*count)++;
}

/* ---- certificate ---- */

static char *pem_of(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *copy = strndup(data, (size_t)len);
    BIO_free(bio);
    return copy;
}

static void make_certificate(hub_peer *p)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test hub", -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *alt =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(cert, alt, -1);
    X509_EXTENSION_free(alt);
    X509_sign(cert, key, EVP_sha256());
    PEM_write_bio_X509(cert_bio, cert);
    PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
    p->cert_pem = pem_of(cert_bio);
    p->key_pem = pem_of(key_bio);
    p->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(p->tls, cert);
    SSL_CTX_use_PrivateKey(p->tls, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* ---- what the device says ---- */

static void put(vd_buf *out, vd_mqtt_packet packet)
{
    assert_true(vd_mqtt_write(&packet, out));
}

static void put_topic(vd_buf *out, const vd_topic *topic, const char *body)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);

    assert_true(vd_topic_write(topic, &text));
    put(out, (vd_mqtt_packet){ .type = VD_MQTT_PUBLISH,
                               .topic = vd_buf_slice(&text),
                               .payload = vd_slice_str(body) });
}

/* False: cut the link. */
static bool take_message(hub_peer *p, const vd_topic *topic, const vd_mqtt_packet *packet,
                         vd_buf *out)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    vd_properties bag = { 0 };
    char text[4097];

    if (vd_bag_parse(topic->bag, arena, &bag, NULL)) return false;
    const char *id = vd_bag_get(&bag, VD_PROP_MESSAGE_ID);
    vd_slice_to_chars(packet->topic, text, sizeof text);
    peer_note_add(p->message, &p->message_count, text, vd_slice_str(id ? id : ""));
    if (p->cut_after > 0 && --p->cut_after == 0) return p->cuts++, false;
    if (!p->hold && packet->qos)
        put(out, (vd_mqtt_packet){ .type = VD_MQTT_PUBACK, .id = packet->id });
    return true;
}

static bool take_publish(hub_peer *p, const vd_mqtt_packet *packet, vd_buf *out)
{
    vd_topic topic;

    if (!vd_topic_parse(packet->topic, &topic)) return false;
    vd_topic back = { .kind = VD_TOPIC_TWIN_RESULT, .status = 200, .rid = topic.rid };
    switch (topic.kind) {
    case VD_TOPIC_EVENTS: return take_message(p, &topic, packet, out);
    case VD_TOPIC_TWIN_GET: put_topic(out, &back, p->twin); break;
    case VD_TOPIC_TWIN_REPORT:
        peer_note_add(p->report, &p->report_count, "", packet->payload);
        back.status = 204;
        back.version = 2;
        put_topic(out, &back, "");
        break;
    case VD_TOPIC_METHOD_RESULT: {
        char text[256];
        vd_slice_to_chars(packet->topic, text, sizeof text);
        peer_note_add(p->answer, &p->answer_count, text, packet->payload);
        break;
    }
    default: return false;
    }
    return true;
}

static bool take_connect(hub_peer *p, const vd_mqtt_packet *packet, vd_buf *out)
{
    vd_sas sas;

    vd_slice_to_chars(packet->password, p->token, sizeof p->token);
    bool signed_well = vd_sas_parse(packet->password, &sas) &&
                       vd_sas_signed_by(&sas, VD_STR(PEER_KEY)) &&
                       vd_sas_is_for_device(&sas, packet->client_id);
    uint8_t code = (uint8_t)(p->refuse ? p->refuse : signed_well ? 0 : VD_MQTT_NOT_AUTHORIZED);
    put(out, (vd_mqtt_packet){ .type = VD_MQTT_CONNACK, .answer = code });
    p->connects++;
    return true;
}

static bool take_packet(hub_peer *p, const vd_mqtt_packet *packet, vd_buf *out)
{
    vd_mqtt_packet back = { .type = VD_MQTT_SUBACK, .id = packet->id, .count = packet->count };

    switch (packet->type) {
    case VD_MQTT_CONNECT: return take_connect(p, packet, out);
    case VD_MQTT_PUBLISH: return take_publish(p, packet, out);
    case VD_MQTT_PINGREQ: put(out, (vd_mqtt_packet){ .type = VD_MQTT_PINGRESP }); return true;
    case VD_MQTT_SUBSCRIBE:
        p->subscribes++;
        put(out, back);
        return true;
    default: return false; /* DISCONNECT too */
    }
}

/* ---- the link ---- */

static bool take_all(hub_peer *p, vd_mqtt_reader *reader, vd_buf *out)
{
    vd_mqtt_packet packet;
    bool go_on = true;

    pthread_mutex_lock(&p->lock);
    while (go_on && !vd_mqtt_reader_next(reader, &packet, NULL))
        go_on = take_packet(p, &packet, out);
    vd_buf_add(out, vd_buf_slice(&p->outgoing));
    vd_buf_clear(&p->outgoing);
    go_on = go_on && !p->stopping;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static bool read_some(SSL *ssl, int fd, vd_mqtt_reader *reader)
{
    uint8_t bytes[16384];
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    if (!SSL_pending(ssl) && poll(&poll_fd, 1, LINK_POLL_MS) <= 0) return true;
    int len = SSL_read(ssl, bytes, sizeof bytes);
    return len > 0 && !vd_mqtt_reader_add(reader, vd_slice_of(bytes, (size_t)len));
}

static void serve(hub_peer *p, int fd)
{
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    vd_mqtt_reader reader = vd_mqtt_reader_new(VD_LIMIT_MQTT_PACKET_BYTES);
    SSL *ssl = SSL_new(p->tls);

    SSL_set_fd(ssl, fd);
    bool open = SSL_accept(ssl) == 1;
    while (open) {
        open = read_some(ssl, fd, &reader) && take_all(p, &reader, &out);
        if (out.len) SSL_write(ssl, out.data, (int)out.len);
        vd_buf_clear(&out);
    }
    ERR_clear_error();
    SSL_free(ssl);
    vd_mqtt_reader_done(&reader);
}

static void *peer_run(void *arg)
{
    hub_peer *p = arg;
    struct pollfd poll_fd = { .fd = p->listener, .events = POLLIN };

    for (;;) {
        pthread_mutex_lock(&p->lock);
        bool stopping = p->stopping;
        pthread_mutex_unlock(&p->lock);
        if (stopping) return NULL;
        if (poll(&poll_fd, 1, LINK_POLL_MS) <= 0) continue;
        int fd = accept(p->listener, NULL, NULL);
        serve(p, fd);
        close(fd);
    }
}

static void listen_somewhere(hub_peer *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    getsockname(p->listener, (struct sockaddr *)&at, &len);
    p->mqtt_port = ntohs(at.sin_port);
}

void peer_start(hub_peer *p)
{
    pthread_condattr_t attr;

    *p = (hub_peer){ .dir = "/tmp/vedette-peer-XXXXXX",
                     .twin = "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}",
                     .evidence = VD_BUF(64u << 20),
                     .outgoing = VD_BUF(1 << 20) };
    assert_non_null(mkdtemp(p->dir));
    make_certificate(p);
    snprintf(p->ca_file, sizeof p->ca_file, "%s/ca.pem", p->dir);
    expect_ok(vd_file_save(p->ca_file, 0644, vd_slice_str(p->cert_pem), NULL));
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    listen_somewhere(p);
    peer_https_start(p);
    snprintf(p->connection_string, sizeof p->connection_string,
             "HostName=127.0.0.1:%u;DeviceId=dock-1;SharedAccessKey=" PEER_KEY "\n", p->mqtt_port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static void notes_free(peer_note *notes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        free(notes[i].topic);
        free(notes[i].body);
    }
}

void peer_stop(hub_peer *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    MHD_stop_daemon(p->https);
    close(p->listener);
    SSL_CTX_free(p->tls);
    free(p->cert_pem);
    free(p->key_pem);
    notes_free(p->message, p->message_count);
    notes_free(p->report, p->report_count);
    notes_free(p->answer, p->answer_count);
    vd_buf_done(&p->evidence);
    vd_buf_done(&p->outgoing);
    unlink(p->ca_file);
    rmdir(p->dir);
}

void peer_await(hub_peer *p, bool (*holds)(const hub_peer *p, int64_t arg), int64_t arg)
{
    int64_t until_us = vd_clock_mono_us() + AWAIT_US;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_mutex_lock(&p->lock);
    bool good = holds(p, arg);
    while (!good && vd_clock_mono_us() < until_us) {
        pthread_cond_timedwait(&p->changed, &p->lock, &until);
        good = holds(p, arg);
    }
    pthread_mutex_unlock(&p->lock);
    assert_true(good);
}

void peer_publish(hub_peer *p, const vd_topic *topic, const char *body)
{
    pthread_mutex_lock(&p->lock);
    put_topic(&p->outgoing, topic, body);
    pthread_mutex_unlock(&p->lock);
}
