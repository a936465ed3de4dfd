/* hub_peer_priv.h - a scripted hub for tests: the MQTT dialect and the evidence path over TLS, and
 * a memory of everything a device did. It does what the script says and nothing more. */
#ifndef VD_HUB_PEER_PRIV_H
#define VD_HUB_PEER_PRIV_H
#include <microhttpd.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "device.h"
#include "vd/iothub.h"
#include "vd/mqtt.h"

#define PEER_NOTES_MAX 512
#define PEER_KEY       "c2VjcmV0LWtleS1vZi10aGUtZGV2aWNl"

typedef struct {
    char *topic, *body;
} peer_note;

typedef struct {
    char dir[64], ca_file[96], connection_string[256];
    SSL_CTX *tls;
    char *cert_pem, *key_pem;
    int listener;
    uint16_t mqtt_port, https_port;
    pthread_t thread;
    struct MHD_Daemon *https;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    /* the script */
    int refuse;            /* CONNACK code for the next connections; 0: accept */
    int cut_after;         /* >0: that many messages from now on, then the link is cut unanswered */
    bool hold;             /* answer no message */
    const char *twin;      /* the answer to GET */
    int unknown_heads;     /* HEADs that still get 404 */
    int spoil;             /* finished uploads that still get 422 */
    bool never_whole;      /* holds every byte and never looks at them */
    uint64_t wrong_offset; /* >0: the next PATCH at 0 is told that so much is here */
    /* what the device did */
    unsigned connects, subscribes, reports, previews, heads, patches, cuts;
    char token[1024];
    peer_note message[PEER_NOTES_MAX]; /* body: message id */
    unsigned message_count;
    peer_note report[PEER_NOTES_MAX], answer[PEER_NOTES_MAX];
    unsigned report_count, answer_count;
    vd_buf evidence; /* what has arrived of the one blob */
    bool evidence_whole, evidence_before_event;
    char preview_time[64];
    vd_buf outgoing; /* MQTT packets to send */
} hub_peer;

void peer_start(hub_peer *p);
void peer_stop(hub_peer *p); /* also frees what was noted */
/* Waits until the condition holds under the lock, at most 20 s; fails the test otherwise. */
void peer_await(hub_peer *p, bool (*holds)(const hub_peer *p, int64_t arg), int64_t arg);
void peer_publish(hub_peer *p, const vd_topic *topic, const char *body);
/* hub_peer_https.c */
void peer_https_start(hub_peer *p);
void peer_note_add(peer_note *notes, unsigned *count, const char *topic, vd_slice body);
#endif
