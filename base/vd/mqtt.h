/* mqtt.h - MQTT 3.1.1 packets: from bytes to fields and back, with limits. No sockets, no session
 * state. One thread per reader. Checked on reading: reserved bits, lengths, valid UTF-8 without
 * zero bytes in every text, topics without wildcards, packet ids that are not 0. */
#ifndef VD_MQTT_H
#define VD_MQTT_H
#include "vd/error.h"

#define VD_MQTT_FILTERS_MAX 16 /* in one SUBSCRIBE */

typedef enum {
    VD_MQTT_CONNECT = 1,
    VD_MQTT_CONNACK,
    VD_MQTT_PUBLISH,
    VD_MQTT_PUBACK,
    VD_MQTT_PUBREC,
    VD_MQTT_PUBREL,
    VD_MQTT_PUBCOMP,
    VD_MQTT_SUBSCRIBE,
    VD_MQTT_SUBACK,
    VD_MQTT_UNSUBSCRIBE,
    VD_MQTT_UNSUBACK,
    VD_MQTT_PINGREQ,
    VD_MQTT_PINGRESP,
    VD_MQTT_DISCONNECT,
} vd_mqtt_type;

typedef enum { /* CONNACK */
               VD_MQTT_ACCEPTED = 0,
               VD_MQTT_BAD_PROTOCOL,
               VD_MQTT_BAD_CLIENT_ID,
               VD_MQTT_UNAVAILABLE,
               VD_MQTT_BAD_USER,
               VD_MQTT_NOT_AUTHORIZED,
} vd_mqtt_answer;

typedef struct {
    vd_mqtt_type type;
    uint16_t id; /* PUBLISH with QoS > 0, all acknowledgements, (UN)SUBSCRIBE */
    /* PUBLISH; in a CONNECT the same four describe the will (has_will) */
    vd_slice topic, payload;
    uint8_t qos;
    bool retain, dup;
    /* CONNECT */
    bool has_will, has_user, has_password, clean;
    uint8_t protocol_level; /* 4 is 3.1.1; the reader lets others pass, so they can be answered */
    uint16_t keep_alive_s;
    vd_slice client_id, user, password;
    /* CONNACK */
    bool session_present;
    uint8_t answer; /* vd_mqtt_answer */
    /* SUBSCRIBE, UNSUBSCRIBE: filters; SUBACK: granted (0, 1, 2 or 0x80) */
    unsigned count;
    vd_slice filters[VD_MQTT_FILTERS_MAX];
    uint8_t granted[VD_MQTT_FILTERS_MAX]; /* SUBSCRIBE: the QoS asked for */
} vd_mqtt_packet;

/* Appends one packet. False: no room, or fields that cannot be written (too long, a bad type). */
bool vd_mqtt_write(const vd_mqtt_packet *packet, vd_buf *into);

/* Puts packets together from whatever pieces arrive. */
typedef struct {
    vd_buf held;
    size_t at, packet_limit;
} vd_mqtt_reader;
/* `packet_limit`: the largest packet, header included. */
vd_mqtt_reader vd_mqtt_reader_new(size_t packet_limit);
/* Adds bytes (any number; keep them below 64 KiB). Slices of earlier packets become invalid.
 * VD_FULL when memory ends or packets are not taken out between calls. */
VD_MUST_USE vd_err vd_mqtt_reader_add(vd_mqtt_reader *reader, vd_slice bytes);
/* The next packet, its slices borrowed until the next add. VD_RETRY: more bytes are needed;
 * VD_FULL: larger than the limit; VD_INVALID: not MQTT 3.1.1. After the last two the connection
 * must close. */
VD_MUST_USE vd_err vd_mqtt_reader_next(vd_mqtt_reader *reader, vd_mqtt_packet *ret_packet,
                                       vd_why *why);
void vd_mqtt_reader_done(vd_mqtt_reader *reader);
#endif
