/* testing_priv.h - for the tests of the intake: a hub in a temporary folder, and a device that is
 * played packet by packet over real TLS. Failing steps fail the test. */
#ifndef VD_INTAKE_TESTING_H
#define VD_INTAKE_TESTING_H
#include <openssl/ssl.h>

#include "intake.h"
#include "vd/iothub.h"
#include "vd/mqtt.h"

typedef struct {
    char folder[64], store_path[96];
    uint16_t port; /* kept over a stop and start */
    vd_secret_key *secret;
    vd_committer *committer;
    vd_intake *intake;
    vd_tls_files tls;
    vd_store_schema schema;
    /* what the hook was told */
    vd_err event_answer;
    bool note_taken;
    unsigned events_seen, notes_seen;
    char last_note[17];
    char last_event[VD_ULID_LEN + 1];
} test_hub;

/* A fresh folder; or the same folder again after test_hub_stop. */
void test_hub_start(test_hub *hub);
void test_hub_stop(test_hub *hub);
void test_hub_remove(test_hub *hub);
/* One number from a query that the schema `hub->schema` does not know: counts rows of a table. */
int64_t test_hub_rows(test_hub *hub, const char *table);

typedef struct {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    vd_mqtt_reader reader;
    vd_buf bytes; /* of packets that were taken */
} test_device;

void test_device_open(test_device *device, test_hub *hub);
void test_device_close(test_device *device); /* without DISCONNECT */
void test_device_send(test_device *device, const vd_mqtt_packet *packet);
void test_device_send_bytes(test_device *device, vd_slice bytes);
/* The next packet, slices valid until the next call; false when the hub closed the connection. */
bool test_device_receive(test_device *device, vd_mqtt_packet *ret_packet);
/* True when nothing arrives within the time. */
bool test_device_is_quiet(test_device *device, int for_ms);
/* Connects as `id` with a token of its own key; returns the CONNACK's answer, or -1. */
int test_device_connect(test_device *device, test_hub *hub, const char *id);
int test_device_connect_with(test_device *device, const char *id, const char *token,
                             uint16_t keep_alive_s);
/* A token for `id` signed with its key, ending in `seconds`. Returned in a static buffer. */
const char *test_token(test_hub *hub, const char *id, int64_t seconds);
void test_device_publish(test_device *device, const char *topic, vd_slice body, uint8_t qos,
                         uint16_t id);
void test_device_subscribe(test_device *device, const char *filter, uint8_t qos);
/* The next packet, which must be of this type. */
vd_mqtt_packet received(test_device *device, vd_mqtt_type type);
void expect_closed(test_device *device);
void expect_text(vd_slice have, const char *want);
#endif
