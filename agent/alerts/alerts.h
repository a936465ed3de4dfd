/* alerts.h - somebody beside the cameras is told at once, hub or no hub: a signed webhook, a
 * message to an MQTT broker, or a file that is written 1 and after a while 0 (a GPIO's value, a
 * fifo, a relay's device).
 *
 * Each alert has a thread and a queue of its own (VD_ALERT_WAITING, the oldest goes first when it
 * is full, and is counted), so that one that hangs holds up neither the others nor the events.
 * What cannot be delivered is tried again after 1, 2, 4 .. 30 s until it is VD_ALERT_AGE_MS old;
 * an alert that comes later than that helps nobody. Nothing is kept on disk: the outbox keeps the
 * event itself. A webhook or message may arrive twice, with the same event id and revision. */
#ifndef VD_ALERTS_H
#define VD_ALERTS_H
#include "events.h"
#include "vd/config.h"

#define VD_ALERTS_MAX      16
#define VD_ALERT_NAMES_MAX 32 /* rules or cameras that one alert names */
#define VD_ALERT_WAITING   64
#define VD_ALERT_AGE_MS    600000

typedef enum { VD_ALERT_WEBHOOK, VD_ALERT_MQTT, VD_ALERT_OUTPUT } vd_alert_kind;
const char *vd_alert_kind_name(vd_alert_kind kind); /* "webhook", "mqtt", "output" */

typedef struct {
    const char *name[VD_ALERT_NAMES_MAX];
    unsigned count; /* 0: all */
} vd_alert_names;

/* Text is borrowed from the configuration, which must outlive the alerts. */
typedef struct {
    const char *id;
    vd_alert_kind kind;
    /* which events */
    vd_severity severity; /* this one and above */
    vd_alert_names rules, cameras;
    bool all; /* also updates and the end; otherwise the beginning alone */
    /* webhook */
    const char *url, *secret_file, *ca_file;
    /* mqtt: host and port come from its address; ca_file as above */
    char host[256];
    int port;
    bool tls;
    const char *topic, *user, *password_file;
    /* output */
    const char *path, *on, *off;
    int64_t hold_ms;
} vd_alert_config;

typedef struct {
    vd_alert_config alert[VD_ALERTS_MAX];
    unsigned count;
} vd_alert_list;

/* Reads the list `alerts:`; NULL is an empty one. VD_INVALID with line and reason. */
VD_MUST_USE vd_err vd_alerts_read(const vd_config_node *list, vd_alert_list *ret_list, vd_why *why);
/* The secrets can be read and the outputs written; nothing is sent. For --check-config. */
VD_MUST_USE vd_err vd_alerts_check(const vd_alert_list *list, vd_why *why);

typedef struct vd_alerts vd_alerts;
/* Starts a thread for each alert; `list` is copied, `device` names us to brokers and in topics. */
VD_MUST_USE vd_err vd_alerts_start(const vd_alert_list *list, const char *device,
                                   vd_alerts **ret_alerts, vd_why *why);
/* An event that was accepted. Any thread, never waits; NULL alerts is fine. */
void vd_alerts_event(vd_alerts *alerts, const vd_event *event);

typedef struct {
    const char *id;
    vd_alert_kind kind;
    uint64_t sent, failed, dropped; /* failed: attempts; dropped: too many or too old */
    uint64_t waiting;
    bool on;    /* output: it is on now */
    vd_why why; /* of the last failure; empty after a success */
} vd_alert_status;
unsigned vd_alerts_count(const vd_alerts *alerts); /* NULL: 0 */
void vd_alerts_get_status(vd_alerts *alerts, unsigned index, vd_alert_status *ret_status);
/* Outputs are written off; what waits is dropped. Blocks for what is in hand, seconds at most.
 * Returns NULL; NULL is fine. */
vd_alerts *vd_alerts_free(vd_alerts *alerts);
#endif
