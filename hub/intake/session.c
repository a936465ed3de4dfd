/* session.c - what the packets of one connection mean. A packet that is not allowed closes the
 * connection, as the dialect says; the reason goes to the log. */
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/clock.h"
#include "vd/log.h"

static void refuse(conn *c, vd_mqtt_answer answer, const char *device, const vd_why *why)
{
    vd_mqtt_packet packet = { .type = VD_MQTT_CONNACK, .answer = (uint8_t)answer };
    pthread_mutex_lock(&c->intake->lock);
    c->intake->counts.connects_refused++;
    pthread_mutex_unlock(&c->intake->lock);
    vd_log_why(VD_LOG_WARN, "intake.refused", "a device was refused", why, "device", device, NULL);
    conn_send(c, &packet);
    conn_close(c, "the device was refused");
}

/* ---- connect ---- */

/* Who the packet claims to be; false when user name and client id do not agree. */
static bool claimed_device(const vd_mqtt_packet *p, char *into, size_t room, vd_why *why)
{
    vd_iothub_user user;
    vd_slice module, device = vd_slice_cut(p->client_id, '/', &module);
    if (!p->has_user || !vd_iothub_user_parse(p->user, &user)) {
        vd_fail(why, VD_INVALID, "the user name is not HOST/DEVICE/?api-version=...");
        return false;
    }
    if (!vd_slice_eq(user.device, device) || !vd_slice_eq(user.module, module)) {
        vd_fail(why, VD_INVALID, "the client id is not the device of the user name");
        return false;
    }
    return vd_slice_to_chars(device, into, room);
}

static bool keep_will(conn *c, const vd_mqtt_packet *p, vd_why *why)
{
    vd_topic topic;
    if (!p->has_will) return true;
    bool own = p->qos < 2 && vd_topic_parse(p->topic, &topic) && topic.kind == VD_TOPIC_EVENTS &&
               topic.module.len == 0 && vd_slice_eq(topic.device, vd_slice_str(c->device));
    c->will_bag = VD_BUF(VD_LIMIT_TOPIC_BYTES);
    c->will_body = VD_BUF(65536);
    c->has_will =
        own && vd_buf_add(&c->will_bag, topic.bag) && vd_buf_add(&c->will_body, p->payload);
    if (!c->has_will) vd_fail(why, VD_INVALID, "the last will is not telemetry of this device");
    return c->has_will;
}

static void become_ready(conn *c, const vd_mqtt_packet *p)
{
    vd_intake *intake = c->intake;
    conn *old = conn_of(intake, c->device);
    if (old) conn_close(old, "the same device connected again");
    unsigned at = hash_of(c->device);
    c->hash_next = intake->by_device[at];
    intake->by_device[at] = c;
    c->state = CONN_READY;
    c->keep_alive_us = (int64_t)p->keep_alive_s * 1500000;
    c->deadline_us = c->keep_alive_us ? vd_clock_mono_us() + c->keep_alive_us : 0;
    c->seen_utc_us = vd_clock_utc_us();
    live_set(c);
    conn_send(c, &(vd_mqtt_packet){ .type = VD_MQTT_CONNACK, .answer = VD_MQTT_ACCEPTED });
    vd_log(VD_LOG_INFO, "intake.connected", "a device connected", "device", c->device, NULL);
    pthread_mutex_lock(&intake->lock);
    intake->counts.connections++;
    pthread_mutex_unlock(&intake->lock);
    hook_changed(intake, c->device, VD_INTAKE_CONNECTED);
}

static void on_connect(conn *c, const vd_mqtt_packet *p)
{
    vd_why why = { 0 };
    char device[VD_IOTHUB_ID_MAX + 1] = "";
    vd_intake_caller caller;
    if (p->protocol_level != 4) {
        vd_fail(&why, VD_INVALID, "the device does not speak MQTT 3.1.1");
        refuse(c, VD_MQTT_BAD_PROTOCOL, NULL, &why);
        return;
    }
    if (!claimed_device(p, device, sizeof(device), &why)) {
        refuse(c, VD_MQTT_BAD_USER, NULL, &why);
        return;
    }
    if (memchr(p->client_id.data, '/', p->client_id.len)) {
        vd_fail(&why, VD_DENIED, "module identities are not known here yet");
        refuse(c, VD_MQTT_NOT_AUTHORIZED, device, &why);
        return;
    }
    vd_err err = identity_check(c->intake, c->intake->loop_reader, p->password, device, &caller,
                                &c->token_end_s, &why);
    snprintf(c->device, sizeof(c->device), "%s", device);
    if (!err && !keep_will(c, p, &why)) err = VD_DENIED;
    if (err) {
        c->device[0] = 0;
        refuse(c, err == VD_DENIED ? VD_MQTT_NOT_AUTHORIZED : VD_MQTT_UNAVAILABLE, device, &why);
        return;
    }
    become_ready(c, p);
}

static vd_err note_seen(vd_store *store, void *arg, vd_why *why)
{
    const live *seen = arg;
    vd_stmt *stmt = vd_store_stmt(store, "device_seen");
    vd_bind_text(stmt, "id", seen->device);
    vd_bind_int(stmt, "seen", seen->seen_utc_us);
    if (seen->clock_known)
        vd_bind_int(stmt, "skew", seen->clock_skew_ms);
    else
        vd_bind_null(stmt, "skew");
    return vd_stmt_run(stmt, NULL, why);
}

typedef struct {
    live seen; /* first: the job reads it */
    vd_intake *intake;
} seen_job;

static void seen_noted(void *arg, vd_err err, const vd_why *why)
{
    (void)err, (void)why; /* when it was last seen is a convenience: the next time tells again */
    seen_job *job = arg;
    job_done(job->intake);
    free(job);
}

static void keep_seen(conn *c)
{
    seen_job *job = calloc(1, sizeof(*job));
    if (!job) return;
    job->intake = c->intake;
    snprintf(job->seen.device, sizeof(job->seen.device), "%s", c->device);
    job->seen.seen_utc_us = c->seen_utc_us;
    job->seen.clock_known = c->clock_known;
    job->seen.clock_skew_ms = c->clock_skew_ms;
    if (job_post(c->intake, note_seen, seen_noted, job)) free(job);
}

void session_ended(conn *c)
{
    vd_intake *intake = c->intake;
    conn **at = &intake->by_device[hash_of(c->device)];
    while (*at != c) at = &(*at)->hash_next;
    *at = c->hash_next;
    live_drop(c);
    if (c->has_will && !c->graceful) message_will(c);
    message_forget_all(c);
    method_forget_all(c);
    keep_seen(c);
    pthread_mutex_lock(&intake->lock);
    intake->counts.connections--;
    pthread_mutex_unlock(&intake->lock);
    hook_changed(intake, c->device, VD_INTAKE_DISCONNECTED);
}

void conn_clock(conn *c, vd_slice told, int64_t now_us)
{
    int64_t told_us = 0;
    if (!told.len || !vd_utc_parse(told, &told_us)) return;
    c->clock_known = true;
    c->clock_skew_ms = (told_us - now_us) / 1000;
}

/* ---- publish, subscribe ---- */

static void refuse_packet(conn *c, const char *fact, vd_slice topic)
{
    char text[200];
    vd_slice_to_chars(topic, text, sizeof(text));
    vd_log(VD_LOG_WARN, "intake.publish", fact, "device", c->device, "topic", text, NULL);
    conn_close(c, fact);
}

static void on_publish(conn *c, const vd_mqtt_packet *p)
{
    vd_topic topic;
    if (p->qos == 2) {
        refuse_packet(c, "a message with QoS 2 is not taken", p->topic);
        return;
    }
    if (p->topic.len > VD_LIMIT_TOPIC_BYTES || !vd_topic_parse(p->topic, &topic)) {
        refuse_packet(c, "a message to an unknown topic is not taken", p->topic);
        return;
    }
    if (p->payload.len > VD_LIMIT_MESSAGE_BYTES) {
        refuse_packet(c, "a message of more than 256 KB is not taken", p->topic);
        return;
    }
    bool own = topic.module.len == 0 && vd_slice_eq(topic.device, vd_slice_str(c->device));
    switch (topic.kind) {
    case VD_TOPIC_EVENTS:
        if (own)
            message_take(c, &topic, p);
        else
            refuse_packet(c, "a message for another device is not taken", p->topic);
        return;
    case VD_TOPIC_TWIN_GET:
    case VD_TOPIC_TWIN_REPORT:
        conn_clock(c, topic.clock, c->seen_utc_us);
        twin_request(c, &topic, p);
        return;
    case VD_TOPIC_METHOD_RESULT:
        method_answer(c, &topic, p->payload);
        message_settle(message_expect(c, p));
        return;
    default: refuse_packet(c, "a device may not publish here", p->topic);
    }
}

static void on_subscribe(conn *c, const vd_mqtt_packet *p)
{
    vd_mqtt_packet answer = { .type = VD_MQTT_SUBACK, .id = p->id, .count = p->count };
    for (unsigned i = 0; i < p->count; i++) {
        vd_filter filter = vd_filter_parse(p->filters[i], vd_slice_str(c->device), VD_SLICE_NONE);
        if (filter == VD_FILTER_NONE) {
            answer.granted[i] = 0x80;
            continue;
        }
        c->subscribed[filter] = true;
        c->granted[filter] = p->granted[i] > 1 ? 1 : p->granted[i];
        answer.granted[i] = c->granted[filter];
    }
    conn_send(c, &answer);
    if (c->subscribed[VD_FILTER_DEVICEBOUND]) bound_pump(c);
}

static void on_unsubscribe(conn *c, const vd_mqtt_packet *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        vd_filter filter = vd_filter_parse(p->filters[i], vd_slice_str(c->device), VD_SLICE_NONE);
        c->subscribed[filter] = false;
    }
    conn_send(c, &(vd_mqtt_packet){ .type = VD_MQTT_UNSUBACK, .id = p->id });
}

static void on_ready_packet(conn *c, const vd_mqtt_packet *p)
{
    switch (p->type) {
    case VD_MQTT_PUBLISH: on_publish(c, p); return;
    case VD_MQTT_PUBACK: bound_answer(c, p->id); return;
    case VD_MQTT_SUBSCRIBE: on_subscribe(c, p); return;
    case VD_MQTT_UNSUBSCRIBE: on_unsubscribe(c, p); return;
    case VD_MQTT_PINGREQ: conn_send(c, &(vd_mqtt_packet){ .type = VD_MQTT_PINGRESP }); return;
    case VD_MQTT_DISCONNECT:
        c->graceful = true;
        conn_close(c, "the device said goodbye");
        return;
    default: conn_close(c, "a device may not send this packet");
    }
}

void session_packet(conn *c, const vd_mqtt_packet *p)
{
    if (c->state == CONN_WAIT_CONNECT) {
        if (p->type == VD_MQTT_CONNECT)
            on_connect(c, p);
        else
            conn_close(c, "the first packet was not CONNECT");
        return;
    }
    c->seen_utc_us = vd_clock_utc_us();
    if (c->keep_alive_us) c->deadline_us = vd_clock_mono_us() + c->keep_alive_us;
    on_ready_packet(c, p);
}
