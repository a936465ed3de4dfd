/* link.c - one MQTT session after the other, for ever.
 *
 *   back-off ──▶ connecting ── CONNACK 0 ──▶ connected ── lost ──▶ back-off
 *      ▲            │ refused, no answer in 20 s     │ token nearly over
 *      └────────────┘                                └──▶ drain, disconnect, connecting (no wait)
 *
 * Each session is a new client: nothing of the old one (its packet ids, its copies of messages)
 * survives, because the outbox is the only memory of what is unsent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_priv.h"
#include "limits.h"
#include "vd/clock.h"

#define CONNECT_WITHIN_US 20000000
#define KEEPALIVE_S       30
#define STEADY_US         30000000 /* a session that lived so long clears the back-off */
#define DRAIN_WITHIN_US   5000000
#define TICK_MS           200

void mqtt_send(vd_device *d, const vd_topic *topic, vd_slice body)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_TOPIC_BYTES);

    if (!vd_topic_write(topic, &text)) return;
    mosquitto_publish(d->mqtt, NULL, text.data, (int)body.len, body.data, 0, false);
}

static void on_said(struct mosquitto *mqtt, void *arg, int level, const char *text)
{
    vd_device *d = arg;
    (void)mqtt;
    if (level != MOSQ_LOG_ERR && level != MOSQ_LOG_WARNING) return;
    vd_slice_to_chars(vd_slice_str(text), d->mqtt_said, sizeof d->mqtt_said);
}

static void on_connect(struct mosquitto *mqtt, void *arg, int code)
{
    vd_device *d = arg;
    static char twin[] = "$iothub/twin/res/#",
                desired[] = "$iothub/twin/PATCH/properties/desired/#",
                methods[] = "$iothub/methods/POST/#";
    char *topics[] = { twin, desired, methods };

    d->refused_code = code;
    if (code) return;
    mosquitto_subscribe_multiple(mqtt, NULL, VD_COUNT_OF(topics), topics, 0, 0, NULL);
    d->accepted = true;
}

static void on_disconnect(struct mosquitto *mqtt, void *arg, int code)
{
    vd_device *d = arg;
    (void)mqtt;
    (void)code;
    d->lost = true;
}

static void on_publish(struct mosquitto *mqtt, void *arg, int mid)
{
    (void)mqtt;
    sender_acked(arg, mid);
}

static void on_message(struct mosquitto *mqtt, void *arg, const struct mosquitto_message *message)
{
    vd_slice body = vd_slice_of(message->payload, (size_t)message->payloadlen);
    vd_topic topic;
    (void)mqtt;

    if (!vd_topic_parse(vd_slice_str(message->topic), &topic)) return;
    if (topic.kind == VD_TOPIC_TWIN_RESULT) twin_answer(arg, &topic, body);
    if (topic.kind == VD_TOPIC_TWIN_DESIRED) twin_desired(arg, &topic, body);
    if (topic.kind == VD_TOPIC_METHOD_CALL) method_called(arg, &topic, body);
}

static int set_tls(vd_device *d, struct mosquitto *mqtt)
{
    if (d->ca_file) return mosquitto_tls_set(mqtt, d->ca_file, NULL, NULL, NULL, NULL);
    return mosquitto_tls_set(mqtt, NULL, "/etc/ssl/certs", NULL, NULL, NULL);
}

static int set_login(vd_device *d, struct mosquitto *mqtt, vd_why *why)
{
    VD_AUTO(vd_buf) user = VD_BUF(1024);
    char token[TOKEN_ROOM];
    vd_iothub_user parts = { .host = vd_slice_str(d->id.host_name),
                             .device = vd_slice_str(d->id.device),
                             .api_version = VD_STR(VD_IOTHUB_API_VERSION) };

    if (identity_token(&d->id, d->token_life_s, token, why)) return MOSQ_ERR_INVAL;
    if (!vd_iothub_user_write(&parts, &user)) return MOSQ_ERR_INVAL;
    return mosquitto_username_pw_set(mqtt, user.data, token);
}

static void explain_refusal(vd_device *d, vd_why *why)
{
    vd_fail(why, VD_DENIED, "the hub refuses device '%s'", d->id.device);
    vd_why_detail(why, "%s", mosquitto_connack_string(d->refused_code));
    vd_why_hint(why, "is the device enabled, its key the one in the connection string, and this "
                     "machine's clock right?");
}

static void explain_loss(vd_device *d, int rc, vd_why *why)
{
    if (d->refused_code) {
        explain_refusal(d, why);
        return;
    }
    vd_fail(why, VD_RETRY, "the link to %s port %u %s", d->id.host, d->id.mqtt_port,
            d->accepted ? "was lost" : "did not come about");
    vd_why_detail(why, "%s",
                  d->mqtt_said[0]        ? d->mqtt_said
                  : rc == MOSQ_ERR_ERRNO ? strerror(errno)
                                         : mosquitto_strerror(rc));
    if (rc == MOSQ_ERR_TLS || strstr(d->mqtt_said, "certificate verify"))
        vd_why_hint(why, "does ca_file hold the authority that signed the hub's certificate?");
}

/* A client that is on its way to the hub, or NULL. */
static struct mosquitto *client_new(vd_device *d, vd_why *why)
{
    struct mosquitto *mqtt = mosquitto_new(d->id.device, true, d);
    if (!mqtt) return (void)vd_fail(why, VD_FULL, "memory ends"), NULL;
    mosquitto_log_callback_set(mqtt, on_said);
    mosquitto_connect_callback_set(mqtt, on_connect);
    mosquitto_disconnect_callback_set(mqtt, on_disconnect);
    mosquitto_publish_callback_set(mqtt, on_publish);
    mosquitto_message_callback_set(mqtt, on_message);
    mosquitto_threaded_set(mqtt, true);           /* the sender publishes, this thread loops */
    mosquitto_max_inflight_messages_set(mqtt, 0); /* our own window is the limit */
    int rc = set_tls(d, mqtt);
    if (!rc) rc = set_login(d, mqtt, why);
    if (!rc) rc = mosquitto_connect_async(mqtt, d->id.host, (int)d->id.mqtt_port, KEEPALIVE_S);
    if (!rc) return mqtt;
    explain_loss(d, rc, why); /* a handshake that is quick enough fails here already */
    mosquitto_destroy(mqtt);
    return NULL;
}

/* Publishes the new state to the other threads and the program. */
static void state_set(vd_device *d, struct mosquitto *mqtt, const vd_why *why)
{
    pthread_mutex_lock(&d->lock);
    bool was = d->status.connected, is = mqtt != NULL;
    d->mqtt = mqtt;
    d->status.connected = is;
    d->status.why = why ? *why : (vd_why){ 0 };
    if (is != was) d->status.since_utc_us = vd_clock_utc_us();
    if (is) d->status.sessions++, d->session++;
    d->renewing = false;
    sender_forget_locked(d);
    vd_device_status status = d->status;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    vd_outbox_wake(d->outbox);
    if (d->sink.status) d->sink.status(d->sink.ctx, &status);
}

/* True when the session should make way for one with a new token: what is on the way gets a
 * moment to be answered. */
static bool renewal_due(vd_device *d, int64_t began_us)
{
    int64_t age_us = vd_clock_mono_us() - began_us;
    int64_t due_us = (int64_t)d->token_life_s * 850000;

    if (age_us < due_us) return false;
    pthread_mutex_lock(&d->lock);
    d->renewing = true;
    bool drained = d->in_window == 0;
    pthread_mutex_unlock(&d->lock);
    return drained || age_us > due_us + DRAIN_WITHIN_US;
}

static bool session_over(vd_device *d, int64_t began_us, bool *ret_renew)
{
    if (d->lost || device_stopping(d)) return true;
    if (!d->accepted) return d->refused_code || vd_clock_mono_us() - began_us > CONNECT_WITHIN_US;
    return *ret_renew = renewal_due(d, began_us);
}

/* Runs one session to its end. *ret_renew: it ended only to begin anew. */
static void session_run(vd_device *d, bool *ret_renew, vd_why *why)
{
    int64_t began_us = vd_clock_mono_us();
    bool announced = false;
    int rc = MOSQ_ERR_SUCCESS;

    d->accepted = d->lost = false;
    d->refused_code = 0;
    d->mqtt_said[0] = '\0';
    struct mosquitto *mqtt = client_new(d, why);
    if (!mqtt) return;
    while (!rc && !session_over(d, began_us, ret_renew)) {
        rc = mosquitto_loop(mqtt, TICK_MS, 1);
        if (d->accepted && !announced) {
            announced = true;
            state_set(d, mqtt, NULL);
            twin_session(d);
        }
        if (announced && !rc) twin_tick(d);
    }
    explain_loss(d, rc, why);
    if (announced && !*ret_renew && !device_stopping(d)) state_set(d, NULL, why);
    pthread_mutex_lock(&d->lock);
    d->mqtt = NULL;
    pthread_mutex_unlock(&d->lock);
    if (!rc && d->accepted) mosquitto_disconnect(mqtt), mosquitto_loop(mqtt, 100, 1);
    mosquitto_destroy(mqtt);
}

static void tell_failure(vd_device *d, const vd_why *why)
{
    pthread_mutex_lock(&d->lock);
    bool told = !d->status.connected && strcmp(d->status.why.detail, why->detail) == 0;
    pthread_mutex_unlock(&d->lock);
    if (!told) state_set(d, NULL, why);
}

void *link_run(void *device)
{
    vd_device *d = device;
    unsigned failures = 0;

    while (!device_stopping(d)) {
        vd_why why = { 0 };
        bool renew = false;
        int64_t began_us = vd_clock_mono_us();
        session_run(d, &renew, &why);
        if (device_stopping(d)) break;
        if (renew) continue;
        if (!d->accepted) tell_failure(d, &why);
        if (d->accepted && vd_clock_mono_us() - began_us > STEADY_US) failures = 0;
        device_pause(d, backoff_ms(failures));
        if (failures < 16) failures++;
    }
    return NULL;
}
