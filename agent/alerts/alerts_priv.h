/* alerts_priv.h - one alert: events.c's thread puts, its own thread takes and delivers.
 *
 *   event ─ does it match? ─ body, topic ─▶ queue ─▶ webhook.c | mqtt.c | output.c */
#ifndef VD_ALERTS_PRIV_H
#define VD_ALERTS_PRIV_H
#include <pthread.h>
#include <stdatomic.h>

#include "alerts.h"
#include "vd/queue.h"

#define ALERT_SECRET_ROOM 1024
#define ALERT_TOPIC_ROOM  512
#define ALERT_BODY_MAX    (VD_EVENT_JSON_MAX + 4096u)

typedef struct {
    int64_t made_us; /* monotonic */
    char topic[ALERT_TOPIC_ROOM];
    vd_buf body; /* JSON */
} alert_item;

typedef struct alert alert;
struct alert {
    vd_alerts *alerts;
    vd_alert_config config;
    char secret[ALERT_SECRET_ROOM]; /* webhook: signs; mqtt: the password */
    vd_queue *queue;                /* of alert_item */
    pthread_t thread;
    bool running;
    void *carrier; /* of the kind: a curl handle, a broker's client */
    /* under the lock of all */
    vd_alert_status status;
};

struct vd_alerts {
    char device[129];
    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic clock */
    atomic_bool stopping;
    unsigned count;
    alert alert[VD_ALERTS_MAX];
};

/* Waits; false: stopping. */
bool alert_pause(alert *a, int64_t ms);
void alert_told(alert *a, vd_err err, const vd_why *why); /* counts an attempt */

/* One attempt. VD_RETRY: another one may help; others: it is of no use. */
vd_err webhook_open(alert *a, vd_why *why);
vd_err webhook_send(alert *a, const alert_item *item, vd_why *why);
void webhook_close(alert *a);
vd_err broker_open(alert *a, vd_why *why);
vd_err broker_send(alert *a, const alert_item *item, vd_why *why);
void broker_close(alert *a);
/* The whole life of an output's thread. */
void output_run(alert *a);
vd_err output_write(const char *path, const char *text, vd_why *why);

void item_free(void *item);
/* `{device}`, `{camera}`, `{rule}`, `{severity}`, `{kind}` in the pattern; what MQTT does not take
 * in a name becomes '_'. False: too long. */
bool topic_make(const char *pattern, const char *device, const vd_event *event,
                char into[ALERT_TOPIC_ROOM]);
bool alert_matches(const vd_alert_config *config, const vd_event *event);
#endif
