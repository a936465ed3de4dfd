/* broker.c - a message to an MQTT broker, QoS 1. libmosquitto's own thread keeps the connection and
 * sends again what was not answered when it comes back, so each message is handed over once. */
#include <errno.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>

#include "alerts_priv.h"
#include "vd/clock.h"

#define KEEPALIVE_S 30
#define CONNECT_MS  5000

typedef struct {
    alert *alert;
    struct mosquitto *mqtt;
    /* under the lock of all */
    bool connected;
    char said[128]; /* why not */
    int acked;      /* the last message id that was answered */
} broker;

static void wake(broker *b, bool connected, const char *said)
{
    vd_alerts *all = b->alert->alerts;

    pthread_mutex_lock(&all->lock);
    b->connected = connected;
    (void)snprintf(b->said, sizeof b->said, "%s", said);
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

static void on_connect(struct mosquitto *mqtt, void *arg, int code)
{
    (void)mqtt;
    wake(arg, code == 0, code ? mosquitto_connack_string(code) : "");
}

static void on_disconnect(struct mosquitto *mqtt, void *arg, int code)
{
    (void)mqtt;
    wake(arg, false, mosquitto_strerror(code));
}

static void on_publish(struct mosquitto *mqtt, void *arg, int id)
{
    broker *b = arg;
    vd_alerts *all = b->alert->alerts;

    (void)mqtt;
    pthread_mutex_lock(&all->lock);
    b->acked = id;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

static int set_up(broker *b)
{
    const alert *a = b->alert;
    const vd_alert_config *c = &a->config;
    int rc = MOSQ_ERR_SUCCESS;

    mosquitto_connect_callback_set(b->mqtt, on_connect);
    mosquitto_disconnect_callback_set(b->mqtt, on_disconnect);
    mosquitto_publish_callback_set(b->mqtt, on_publish);
    mosquitto_reconnect_delay_set(b->mqtt, 1, 30, true);
    if (c->user[0]) rc = mosquitto_username_pw_set(b->mqtt, c->user, a->secret);
    if (!rc && c->tls && c->ca_file[0])
        rc = mosquitto_tls_set(b->mqtt, c->ca_file, NULL, NULL, NULL, NULL);
    else if (!rc && c->tls)
        rc = mosquitto_tls_set(b->mqtt, NULL, "/etc/ssl/certs", NULL, NULL, NULL);
    return rc;
}

vd_err broker_open(alert *a, vd_why *why)
{
    char id[300];
    broker *b = calloc(1, sizeof *b);
    if (!b) return vd_fail(why, VD_FULL, "no memory for an alert");

    a->carrier = b;
    b->alert = a;
    (void)snprintf(b->said, sizeof b->said, "not connected yet");
    (void)snprintf(id, sizeof id, "vedette-%s-%s", a->alerts->device, a->config.id);
    mosquitto_lib_init();
    b->mqtt = mosquitto_new(id, true, b);
    int rc = b->mqtt ? set_up(b) : MOSQ_ERR_NOMEM;
    if (!rc) rc = mosquitto_loop_start(b->mqtt);
    if (!rc) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "alert '%s' cannot speak to its broker", a->config.id);
    vd_why_detail(why, "%s", mosquitto_strerror(rc));
    return VD_INVALID;
}

void broker_close(alert *a)
{
    broker *b = a->carrier;

    if (!b) return;
    if (b->mqtt) {
        mosquitto_disconnect(b->mqtt);
        mosquitto_loop_stop(b->mqtt, true);
        mosquitto_destroy(b->mqtt);
    }
    mosquitto_lib_cleanup();
    free(b);
}

/* Under the lock: waits for a word of the other thread. */
static void wait_word(vd_alerts *all, int64_t until_us)
{
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_cond_timedwait(&all->changed, &all->lock, &until);
}

/* The first connection is asked for with the first message, and again until there is one: the
 * library comes back by itself only from a connection that it had. */
static vd_err be_connected(broker *b, vd_why *why)
{
    vd_alerts *all = b->alert->alerts;
    const vd_alert_config *c = &b->alert->config;
    int64_t until_us = vd_clock_mono_us() + CONNECT_MS * 1000;

    pthread_mutex_lock(&all->lock);
    bool connected = b->connected;
    pthread_mutex_unlock(&all->lock);
    if (connected) return VD_OK;
    int rc = mosquitto_connect_async(b->mqtt, c->host, c->port, KEEPALIVE_S);
    if (rc) wake(b, false, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
    pthread_mutex_lock(&all->lock);
    while (!rc && !b->connected && !all->stopping && vd_clock_mono_us() < until_us)
        wait_word(all, until_us);
    connected = b->connected;
    if (!connected) {
        (void)vd_fail(why, VD_RETRY, "the broker %.100s cannot be reached", c->host);
        vd_why_detail(why, "port %d: %s", c->port, b->said);
    }
    bool stopping = all->stopping;
    pthread_mutex_unlock(&all->lock);
    return connected ? VD_OK : stopping ? VD_GONE : VD_RETRY;
}

vd_err broker_send(alert *a, const alert_item *item, vd_why *why)
{
    broker *b = a->carrier;
    vd_alerts *all = a->alerts;
    int64_t until_us = item->made_us + VD_ALERT_AGE_MS * 1000ll;
    int id = 0;
    vd_err err = be_connected(b, why);

    if (err) return err;
    int rc = mosquitto_publish(b->mqtt, &id, item->topic, (int)item->body.len, item->body.data, 1,
                               false);
    if (rc && rc != MOSQ_ERR_NO_CONN) {
        (void)vd_fail(why, VD_INVALID, "the message cannot be published");
        vd_why_detail(why, "%s", mosquitto_strerror(rc));
        return VD_INVALID;
    }
    pthread_mutex_lock(&all->lock);
    while (b->acked != id && !all->stopping && vd_clock_mono_us() < until_us)
        wait_word(all, until_us);
    bool answered = b->acked == id;
    pthread_mutex_unlock(&all->lock);
    return answered ? VD_OK : VD_GONE;
}
