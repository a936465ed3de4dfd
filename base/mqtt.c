/* mqtt.c - MQTT 3.1.1 (OASIS standard, chapter 2 and 3).
 *
 *   byte 1: type (4 bits) flags (4 bits) | remaining length, 1-4 bytes of 7 bits | header | payload
 */
#include "vd/mqtt.h"

#include <string.h>

#define LENGTH_MAX 268435455u

/* A walk over the bytes of one packet; `bad` stays set once something did not fit. */
typedef struct {
    vd_slice left;
    bool bad;
} walk;

static vd_slice take(walk *w, size_t len)
{
    if (w->bad || w->left.len < len) {
        w->bad = true;
        return VD_SLICE_NONE;
    }
    vd_slice part = vd_slice_of(w->left.data, len);
    w->left = vd_slice_from(w->left, len);
    return part;
}

static uint8_t take_u8(walk *w)
{
    vd_slice byte = take(w, 1);
    return byte.len ? byte.data[0] : 0;
}

static uint16_t take_u16(walk *w)
{
    vd_slice two = take(w, 2);
    return (uint16_t)(two.len ? two.data[0] << 8 | two.data[1] : 0);
}

static vd_slice take_bytes(walk *w)
{
    return take(w, take_u16(w));
}

static vd_slice take_text(walk *w)
{
    vd_slice text = take_bytes(w);
    if (!vd_slice_utf8_valid(text) || (text.len && memchr(text.data, 0, text.len))) w->bad = true;
    return text;
}

static vd_slice take_topic(walk *w)
{
    vd_slice topic = take_text(w);
    bool wild =
        topic.len && (memchr(topic.data, '#', topic.len) || memchr(topic.data, '+', topic.len));
    if (topic.len == 0 || wild) w->bad = true;
    return topic;
}

static uint16_t take_id(walk *w)
{
    uint16_t id = take_u16(w);
    if (id == 0) w->bad = true;
    return id;
}

/* Reading. */

static void read_connect_flags(walk *w, vd_mqtt_packet *p)
{
    uint8_t flags = take_u8(w);
    p->clean = flags & 0x02;
    p->has_will = flags & 0x04;
    p->qos = (flags >> 3) & 3;
    p->retain = flags & 0x20;
    p->has_password = flags & 0x40;
    p->has_user = flags & 0x80;
    if (flags & 0x01) w->bad = true;
    if (!p->has_will && (p->qos || p->retain)) w->bad = true;
    if (p->qos == 3 || (p->has_password && !p->has_user)) w->bad = true;
}

static void read_connect(walk *w, vd_mqtt_packet *p)
{
    vd_slice name = take_text(w);
    if (!vd_slice_eq(name, VD_STR("MQTT")) && !vd_slice_eq(name, VD_STR("MQIsdp"))) w->bad = true;
    p->protocol_level = take_u8(w);
    if (w->bad ||
        p->protocol_level != 4) { /* the rest has another form; the answer is all we need */
        w->left = VD_SLICE_NONE;
        return;
    }
    read_connect_flags(w, p);
    p->keep_alive_s = take_u16(w);
    p->client_id = take_text(w);
    if (p->has_will) p->topic = take_topic(w);
    if (p->has_will) p->payload = take_bytes(w);
    if (p->has_user) p->user = take_text(w);
    if (p->has_password) p->password = take_bytes(w);
}

static void read_connack(walk *w, vd_mqtt_packet *p)
{
    uint8_t flags = take_u8(w);
    p->session_present = flags & 1;
    p->answer = take_u8(w);
    if (flags > 1) w->bad = true;
}

static void read_publish(walk *w, vd_mqtt_packet *p, uint8_t flags)
{
    p->retain = flags & 1;
    p->qos = (flags >> 1) & 3;
    p->dup = flags & 8;
    if (p->qos == 3 || (p->qos == 0 && p->dup)) w->bad = true;
    p->topic = take_topic(w);
    if (p->qos > 0) p->id = take_id(w);
    p->payload = take(w, w->left.len);
}

static void read_filters(walk *w, vd_mqtt_packet *p, bool with_qos)
{
    p->id = take_id(w);
    while (!w->bad && w->left.len > 0) {
        if (p->count == VD_MQTT_FILTERS_MAX) {
            w->bad = true;
            return;
        }
        p->filters[p->count] = take_text(w);
        p->granted[p->count] = with_qos ? take_u8(w) : 0;
        if (p->filters[p->count].len == 0 || p->granted[p->count] > 2) w->bad = true;
        p->count++;
    }
    if (p->count == 0) w->bad = true;
}

static void read_suback(walk *w, vd_mqtt_packet *p)
{
    p->id = take_id(w);
    while (!w->bad && w->left.len > 0) {
        if (p->count == VD_MQTT_FILTERS_MAX)
            w->bad = true;
        else
            p->granted[p->count++] = take_u8(w);
    }
}

static bool read_body(vd_slice body, uint8_t flags, vd_mqtt_packet *p)
{
    walk w = { .left = body };
    uint8_t want_flags = 0;
    switch (p->type) {
    case VD_MQTT_CONNECT: read_connect(&w, p); break;
    case VD_MQTT_CONNACK: read_connack(&w, p); break;
    case VD_MQTT_PUBLISH:
        read_publish(&w, p, flags);
        want_flags = flags;
        break;
    case VD_MQTT_SUBSCRIBE:
        read_filters(&w, p, true);
        want_flags = 2;
        break;
    case VD_MQTT_UNSUBSCRIBE:
        read_filters(&w, p, false);
        want_flags = 2;
        break;
    case VD_MQTT_SUBACK: read_suback(&w, p); break;
    case VD_MQTT_PUBREL: want_flags = 2; /* fall through */
    case VD_MQTT_PUBACK:
    case VD_MQTT_PUBREC:
    case VD_MQTT_PUBCOMP:
    case VD_MQTT_UNSUBACK: p->id = take_id(&w); break;
    case VD_MQTT_PINGREQ:
    case VD_MQTT_PINGRESP:
    case VD_MQTT_DISCONNECT: break;
    default: return false;
    }
    return !w.bad && w.left.len == 0 && flags == want_flags;
}

/* VD_RETRY: the length is not whole yet. */
static vd_err read_length(vd_slice bytes, size_t *ret_header, size_t *ret_length)
{
    size_t length = 0;
    for (size_t i = 1; i <= 4; i++) {
        if (i >= bytes.len) return VD_RETRY;
        length |= (size_t)(bytes.data[i] & 0x7f) << (7 * (i - 1));
        if (bytes.data[i] & 0x80) continue;
        *ret_header = i + 1;
        *ret_length = length;
        return VD_OK;
    }
    return VD_INVALID;
}

vd_mqtt_reader vd_mqtt_reader_new(size_t packet_limit)
{
    return (vd_mqtt_reader){ .held = VD_BUF(packet_limit + 2 * 65536),
                             .packet_limit = packet_limit };
}

vd_err vd_mqtt_reader_add(vd_mqtt_reader *reader, vd_slice bytes)
{
    if (reader->at == reader->held.len)
        vd_buf_clear(&reader->held);
    else if (reader->at > 0)
        vd_buf_drop_front(&reader->held, reader->at);
    reader->at = 0;
    return vd_buf_add(&reader->held, bytes) ? VD_OK : VD_FULL;
}

vd_err vd_mqtt_reader_next(vd_mqtt_reader *reader, vd_mqtt_packet *ret_packet, vd_why *why)
{
    vd_slice bytes = vd_slice_from(vd_buf_slice(&reader->held), reader->at);
    size_t header = 0, length = 0;
    if (bytes.len < 2) return VD_RETRY;
    vd_err err = read_length(bytes, &header, &length);
    if (err == VD_INVALID) return vd_fail(why, VD_INVALID, "a packet's length is malformed");
    if (err) return err;
    if (header + length > reader->packet_limit) {
        err = vd_fail(why, VD_FULL, "a packet is too large");
        vd_why_detail(why, "%zu bytes; at most %zu are taken", header + length,
                      reader->packet_limit);
        return err;
    }
    if (bytes.len < header + length) return VD_RETRY;
    vd_mqtt_packet packet = { .type = bytes.data[0] >> 4 };
    vd_slice body = vd_slice_of(bytes.data + header, length);
    if (!read_body(body, bytes.data[0] & 15, &packet)) {
        err = vd_fail(why, VD_INVALID, "a packet is not valid MQTT 3.1.1");
        vd_why_detail(why, "type %d, %zu bytes", packet.type, length);
        return err;
    }
    reader->at += header + length;
    *ret_packet = packet;
    return VD_OK;
}

void vd_mqtt_reader_done(vd_mqtt_reader *reader)
{
    vd_buf_done(&reader->held);
    reader->at = 0;
}

/* Writing: sizes first, so that one pass appends. */

static bool put_u8(vd_buf *into, unsigned value)
{
    return vd_buf_add_byte(into, (uint8_t)value);
}

static bool put_u16(vd_buf *into, unsigned value)
{
    return put_u8(into, value >> 8 & 255) && put_u8(into, value & 255);
}

static bool put_bytes(vd_buf *into, vd_slice bytes)
{
    return bytes.len <= 65535 && put_u16(into, (unsigned)bytes.len) && vd_buf_add(into, bytes);
}

static bool put_header(vd_buf *into, unsigned type, unsigned flags, size_t length)
{
    bool ok = length <= LENGTH_MAX && put_u8(into, type << 4 | flags);
    do {
        ok = ok && put_u8(into, (unsigned)(length & 127) | (length > 127 ? 128 : 0));
        length >>= 7;
    } while (length > 0);
    return ok;
}

static unsigned connect_flags(const vd_mqtt_packet *p)
{
    unsigned flags =
        (p->clean ? 2u : 0) | (p->has_user ? 0x80u : 0) | (p->has_password ? 0x40u : 0);
    if (p->has_will) flags |= 4u | (unsigned)p->qos << 3 | (p->retain ? 0x20u : 0);
    return flags;
}

static bool write_connect(const vd_mqtt_packet *p, vd_buf *into)
{
    const struct {
        bool has;
        vd_slice text;
    } texts[] = { { true, p->client_id },
                  { p->has_will, p->topic },
                  { p->has_will, p->payload },
                  { p->has_user, p->user },
                  { p->has_password, p->password } };
    size_t length = 10;
    for (size_t i = 0; i < VD_COUNT_OF(texts); i++)
        if (texts[i].has) length += 2 + texts[i].text.len;
    bool ok = put_header(into, VD_MQTT_CONNECT, 0, length) && put_bytes(into, VD_STR("MQTT")) &&
              put_u8(into, 4) && put_u8(into, connect_flags(p)) && put_u16(into, p->keep_alive_s);
    for (size_t i = 0; ok && i < VD_COUNT_OF(texts); i++)
        if (texts[i].has) ok = put_bytes(into, texts[i].text);
    return ok;
}

static bool write_publish(const vd_mqtt_packet *p, vd_buf *into)
{
    unsigned flags = (p->retain ? 1u : 0) | (unsigned)p->qos << 1 | (p->dup ? 8u : 0);
    size_t length = 2 + p->topic.len + (p->qos ? 2 : 0) + p->payload.len;
    return p->qos < 3 && put_header(into, VD_MQTT_PUBLISH, flags, length) &&
           put_bytes(into, p->topic) && (!p->qos || put_u16(into, p->id)) &&
           vd_buf_add(into, p->payload);
}

static bool write_filters(const vd_mqtt_packet *p, vd_buf *into)
{
    bool with_qos = p->type == VD_MQTT_SUBSCRIBE;
    size_t length = 2;
    for (unsigned i = 0; i < p->count; i++) length += 2 + p->filters[i].len + (with_qos ? 1 : 0);
    bool ok = put_header(into, p->type, 2, length) && put_u16(into, p->id);
    for (unsigned i = 0; ok && i < p->count; i++) {
        ok = put_bytes(into, p->filters[i]) && (!with_qos || put_u8(into, p->granted[i]));
    }
    return ok;
}

static bool write_any(const vd_mqtt_packet *p, vd_buf *into)
{
    switch (p->type) {
    case VD_MQTT_CONNECT: return write_connect(p, into);
    case VD_MQTT_CONNACK:
        return put_header(into, VD_MQTT_CONNACK, 0, 2) && put_u8(into, p->session_present) &&
               put_u8(into, p->answer);
    case VD_MQTT_PUBLISH: return write_publish(p, into);
    case VD_MQTT_SUBSCRIBE:
    case VD_MQTT_UNSUBSCRIBE: return write_filters(p, into);
    case VD_MQTT_SUBACK:
        return put_header(into, VD_MQTT_SUBACK, 0, 2 + (size_t)p->count) && put_u16(into, p->id) &&
               vd_buf_add(into, vd_slice_of(p->granted, p->count));
    case VD_MQTT_PUBACK:
    case VD_MQTT_PUBREC:
    case VD_MQTT_PUBREL:
    case VD_MQTT_PUBCOMP:
    case VD_MQTT_UNSUBACK:
        return put_header(into, p->type, p->type == VD_MQTT_PUBREL ? 2 : 0, 2) &&
               put_u16(into, p->id);
    case VD_MQTT_PINGREQ:
    case VD_MQTT_PINGRESP:
    case VD_MQTT_DISCONNECT: return put_header(into, p->type, 0, 0);
    }
    return false;
}

bool vd_mqtt_write(const vd_mqtt_packet *packet, vd_buf *into)
{
    size_t before = into->len;
    if (write_any(packet, into)) return true;
    if (into->data) into->data[before] = 0;
    into->len = before;
    return false;
}
