#include "testing_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub_schema.h"
#include "vd/clock.h"
#include "vd/log.h"
#include "vd/test.h"

static const vd_sql test_sql[] = {
    { "rows_message", "SELECT count(*) FROM message" },
    { "rows_refused", "SELECT count(*) FROM refused" },
    { "rows_devicebound", "SELECT count(*) FROM devicebound WHERE state = 'queued'" },
    { "rows_will", "SELECT count(*) FROM message WHERE bag LIKE '%iothub-MessageType=Will%'" },
    { "rows_retain", "SELECT count(*) FROM message WHERE bag LIKE '%mqtt-retain=true%'" },
    { "rows_clear_keys", "SELECT count(*) FROM device WHERE length(primary_sealed) < 60" },
    { NULL, NULL },
};
static const vd_sql *const tables[] = { intake_sql, test_sql, NULL };

static vd_err on_event(void *ctx, vd_store *store, const vd_event *event, vd_slice json,
                       vd_why *why)
{
    test_hub *hub = ctx;
    (void)store, (void)json;
    hub->events_seen++;
    memcpy(hub->last_event, event->id.text, sizeof(hub->last_event));
    return hub->event_answer ? vd_fail(why, hub->event_answer, "the test wants it") : VD_OK;
}

static vd_err on_note(void *ctx, vd_store *store, const char *device, const char *type,
                      vd_slice json, bool *ret_taken, vd_why *why)
{
    test_hub *hub = ctx;
    (void)store, (void)json, (void)device;
    hub->notes_seen++;
    snprintf(hub->last_note, sizeof(hub->last_note), "%s", type);
    *ret_taken = hub->note_taken;
    return hub->event_answer ? vd_fail(why, hub->event_answer, "the test wants it") : VD_OK;
}

void test_hub_start(test_hub *hub)
{
    vd_why why = { 0 };
    char line[400];
    signal(SIGPIPE, SIG_IGN);
    if (!hub->folder[0]) {
        snprintf(hub->folder, sizeof(hub->folder), "/tmp/vd-intake-XXXXXX");
        assert_non_null(mkdtemp(hub->folder));
    }
    char path[128];
    snprintf(hub->store_path, sizeof(hub->store_path), "%s/hub.db", hub->folder);
    hub->schema = (vd_store_schema){ hub_migrations, tables };
    snprintf(path, sizeof(path), "%s/secret.key", hub->folder);
    expect_ok(vd_secret_key_open(path, &hub->secret, &why));
    snprintf(path, sizeof(path), "%s/tls", hub->folder);
    expect_ok(vd_intake_tls_files(path, NULL, &hub->tls, &why));
    vd_store *store = NULL;
    expect_ok(vd_store_open(hub->store_path, VD_STORE_WRITE, &hub->schema, &store, &why));
    expect_ok(vd_committer_new(store, 4096, 256, &hub->committer, &why));
    vd_intake_config config = { .store_path = hub->store_path,
                                .schema = &hub->schema,
                                .committer = hub->committer,
                                .secret = hub->secret,
                                .address = "127.0.0.1",
                                .port = hub->port,
                                .host_name = "localhost",
                                .certificate_path = hub->tls.certificate,
                                .key_path = hub->tls.key,
                                .hooks = { .ctx = hub, .event = on_event, .note = on_note } };
    vd_err err = vd_intake_new(&config, &hub->intake, &why);
    if (!err) err = vd_intake_start(hub->intake, &why);
    if (err) print_error("%s\n", vd_why_line(&why, line, sizeof(line)));
    expect_ok(err);
    hub->port = vd_intake_port(hub->intake);
}

void test_hub_stop(test_hub *hub)
{
    hub->intake = vd_intake_free(hub->intake);
    hub->committer = vd_committer_free(hub->committer);
    hub->secret = vd_secret_key_free(hub->secret);
}

void test_hub_remove(test_hub *hub)
{
    char command[128];
    test_hub_stop(hub);
    snprintf(command, sizeof(command), "rm -rf %s", hub->folder);
    expect_i64(system(command), 0);
    *hub = (test_hub){ 0 };
}

int64_t test_hub_rows(test_hub *hub, const char *table)
{
    char name[64];
    vd_store *store = NULL;
    snprintf(name, sizeof(name), "rows_%s", table);
    expect_ok(vd_store_open(hub->store_path, VD_STORE_READ, &hub->schema, &store, NULL));
    vd_stmt *stmt = vd_store_stmt(store, name);
    expect_ok(vd_stmt_row(stmt, NULL));
    int64_t rows = vd_col_int(stmt, 0);
    vd_store_free(store);
    return rows;
}

/* ---- the device ---- */

void test_device_open(test_device *device, test_hub *hub)
{
    *device = (test_device){ .reader = vd_mqtt_reader_new(1048576), .bytes = VD_BUF(1048576) };
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(vd_intake_port(hub->intake)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    device->fd = socket(AF_INET, SOCK_STREAM, 0);
    expect_i64(connect(device->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    device->context = SSL_CTX_new(TLS_client_method());
    expect_i64(SSL_CTX_load_verify_locations(device->context, hub->tls.ca, NULL), 1);
    device->ssl = SSL_new(device->context);
    SSL_set_verify(device->ssl, SSL_VERIFY_PEER, NULL);
    SSL_set1_host(device->ssl, "localhost");
    SSL_set_fd(device->ssl, device->fd);
    expect_i64(SSL_connect(device->ssl), 1);
}

void test_device_close(test_device *device)
{
    SSL_free(device->ssl);
    SSL_CTX_free(device->context);
    close(device->fd);
    vd_mqtt_reader_done(&device->reader);
    vd_buf_done(&device->bytes);
    ERR_clear_error();
}

void test_device_send_bytes(test_device *device, vd_slice bytes)
{
    while (bytes.len > 0) {
        int sent = SSL_write(device->ssl, bytes.data, (int)bytes.len);
        if (sent <= 0) return; /* the hub closed: the next receive tells */
        bytes = vd_slice_from(bytes, (size_t)sent);
    }
}

void test_device_send(test_device *device, const vd_mqtt_packet *packet)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(1048576);
    expect_true(vd_mqtt_write(packet, &bytes));
    test_device_send_bytes(device, vd_buf_slice(&bytes));
}

bool test_device_receive(test_device *device, vd_mqtt_packet *ret_packet)
{
    char bytes[16384];
    vd_why why = { 0 };
    for (;;) {
        vd_err err = vd_mqtt_reader_next(&device->reader, ret_packet, &why);
        if (err != VD_RETRY) {
            expect_ok(err);
            return true;
        }
        int len = SSL_read(device->ssl, bytes, sizeof(bytes));
        ERR_clear_error();
        if (len <= 0) return false;
        expect_ok(vd_mqtt_reader_add(&device->reader, vd_slice_of(bytes, (size_t)len)));
    }
}

bool test_device_is_quiet(test_device *device, int for_ms)
{
    vd_mqtt_packet packet;
    struct pollfd one = { .fd = device->fd, .events = POLLIN };
    if (vd_mqtt_reader_next(&device->reader, &packet, NULL) == VD_OK) return false;
    return SSL_pending(device->ssl) == 0 && poll(&one, 1, for_ms) == 0;
}

const char *test_token(test_hub *hub, const char *id, int64_t seconds)
{
    static char token[1024];
    VD_AUTO(vd_buf) text = VD_BUF(1024), made = VD_BUF(1000);
    vd_connection_string string;
    char resource[400];
    expect_ok(vd_intake_connection_string(hub->intake, id, &text, NULL));
    expect_ok(vd_connection_string_parse(vd_buf_slice(&text), &string, NULL));
    snprintf(resource, sizeof(resource), "localhost/devices/%s", id);
    int64_t end_s = vd_clock_utc_us() / 1000000 + seconds;
    expect_ok(vd_sas_make(resource, vd_slice_str(string.key), NULL, end_s, &made));
    snprintf(token, sizeof(token), "%s", made.data);
    return token;
}

int test_device_connect_with(test_device *device, const char *id, const char *token,
                             uint16_t keep_alive_s)
{
    char user[300];
    snprintf(user, sizeof(user), "localhost/%s/?api-version=2021-04-12", id);
    vd_mqtt_packet packet = { .type = VD_MQTT_CONNECT,
                              .clean = true,
                              .keep_alive_s = keep_alive_s,
                              .client_id = vd_slice_str(id),
                              .has_user = true,
                              .user = vd_slice_str(user),
                              .has_password = true,
                              .password = vd_slice_str(token) };
    test_device_send(device, &packet);
    vd_mqtt_packet answer;
    if (!test_device_receive(device, &answer)) return -1;
    expect_i64(answer.type, VD_MQTT_CONNACK);
    return answer.answer;
}

int test_device_connect(test_device *device, test_hub *hub, const char *id)
{
    test_device_open(device, hub);
    return test_device_connect_with(device, id, test_token(hub, id, 3600), 60);
}

void test_device_publish(test_device *device, const char *topic, vd_slice body, uint8_t qos,
                         uint16_t id)
{
    test_device_send(device, &(vd_mqtt_packet){ .type = VD_MQTT_PUBLISH,
                                                .topic = vd_slice_str(topic),
                                                .payload = body,
                                                .qos = qos,
                                                .id = id });
}

void test_device_subscribe(test_device *device, const char *filter, uint8_t qos)
{
    vd_mqtt_packet packet = { .type = VD_MQTT_SUBSCRIBE, .id = 900, .count = 1 }, answer;
    packet.filters[0] = vd_slice_str(filter);
    packet.granted[0] = qos;
    test_device_send(device, &packet);
    expect_true(test_device_receive(device, &answer));
    expect_i64(answer.type, VD_MQTT_SUBACK);
    expect_i64(answer.granted[0], qos);
}

vd_mqtt_packet received(test_device *device, vd_mqtt_type type)
{
    vd_mqtt_packet packet = { 0 };
    expect_true(test_device_receive(device, &packet));
    expect_i64(packet.type, type);
    return packet;
}

void expect_closed(test_device *device)
{
    vd_mqtt_packet packet;
    expect_false(test_device_receive(device, &packet));
}

void expect_text(vd_slice have, const char *want)
{
    char text[2000];
    expect_true(vd_slice_to_chars(have, text, sizeof(text)));
    expect_str(text, want);
}
