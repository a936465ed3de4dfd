#include "alerts_priv.h"

#include <stdlib.h>

#include "vd/clock.h"
#include "vd/log.h"
#include "vd/secret.h"

#define PAUSE_MS     1000
#define PAUSE_MAX_MS 30000

const char *vd_alert_kind_name(vd_alert_kind kind)
{
    static const char *const names[] = { "webhook", "mqtt", "output" };
    return names[kind];
}

/* ---- which events ---- */

static bool names_have(const vd_alert_names *names, const char *name)
{
    if (names->count == 0) return true;
    for (unsigned i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name ? name : "") == 0) return true;
    return false;
}

static vd_severity severity_of(const char *name)
{
    for (int s = VD_SEVERITY_INFO; s <= VD_SEVERITY_CRITICAL; s++)
        if (strcmp(vd_severity_name((vd_severity)s), name ? name : "") == 0) return (vd_severity)s;
    return VD_SEVERITY_INFO;
}

bool alert_matches(const vd_alert_config *config, const vd_event *event)
{
    return (config->all || event->revision == 1) &&
           severity_of(event->severity) >= config->severity &&
           names_have(&config->rules, event->rule_id) &&
           names_have(&config->cameras, event->camera);
}

/* ---- what is told ---- */

void item_free(void *arg)
{
    alert_item *item = arg;

    if (!item) return;
    vd_buf_done(&item->body);
    free(item);
}

static bool write_body(const alert *a, const vd_event *event, vd_buf *into)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVENT_JSON_MAX);
    char type[32] = "event.";
    vd_json_w w = vd_json_writer(into);

    if (vd_event_write(event, &text)) return false;
    strncat(type, event->phase, sizeof type - 7);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "type", type);
    vd_json_w_kv_text(&w, "alert", a->config.id);
    vd_json_w_kv_text(&w, "device", a->alerts->device);
    vd_json_w_key(&w, "event");
    vd_json_w_raw(&w, vd_buf_slice(&text));
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) == VD_OK;
}

static alert_item *item_new(const alert *a, const vd_event *event)
{
    alert_item *item = calloc(1, sizeof *item);
    if (!item) return NULL;

    item->made_us = vd_clock_mono_us();
    item->body = VD_BUF(ALERT_BODY_MAX);
    bool told = a->config.kind != VD_ALERT_OUTPUT;
    bool good = !told || write_body(a, event, &item->body);
    if (good && a->config.kind == VD_ALERT_MQTT)
        good = topic_make(a->config.topic, a->alerts->device, event, item->topic);
    if (good) return item;
    item_free(item);
    return NULL;
}

static void count_drop(alert *a)
{
    pthread_mutex_lock(&a->alerts->lock);
    a->status.dropped++;
    pthread_mutex_unlock(&a->alerts->lock);
}

void vd_alerts_event(vd_alerts *alerts, const vd_event *event)
{
    for (unsigned i = 0; alerts && i < alerts->count; i++) {
        alert *a = &alerts->alert[i];
        if (!alert_matches(&a->config, event)) continue;
        alert_item *item = item_new(a, event);
        if (item && !vd_queue_put(a->queue, item)) continue;
        item_free(item);
        count_drop(a);
    }
}

/* ---- an alert's thread ---- */

bool alert_pause(alert *a, int64_t ms)
{
    int64_t until_us = vd_clock_mono_us() + ms * 1000;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    pthread_mutex_lock(&a->alerts->lock);
    while (!a->alerts->stopping && vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&a->alerts->changed, &a->alerts->lock, &until);
    pthread_mutex_unlock(&a->alerts->lock);
    return !a->alerts->stopping;
}

void alert_told(alert *a, vd_err err, const vd_why *why)
{
    pthread_mutex_lock(&a->alerts->lock);
    bool news = err ? !a->status.why.fact[0] : a->status.why.fact[0] != '\0';
    if (err) a->status.failed++;
    if (!err) a->status.sent++;
    a->status.why = err ? *why : (vd_why){ 0 };
    pthread_mutex_unlock(&a->alerts->lock);
    if (err && news)
        vd_log_why(VD_LOG_WARN, "alert.failed", "an alert could not be delivered", why, "alert",
                   a->config.id, NULL);
    else if (news)
        vd_log(VD_LOG_INFO, "alert.back", "alerts are delivered again", "alert", a->config.id,
               NULL);
}

static vd_err send_once(alert *a, const alert_item *item, vd_why *why)
{
    if (a->config.kind == VD_ALERT_WEBHOOK) return webhook_send(a, item, why);
    return broker_send(a, item, why);
}

static void deliver(alert *a, const alert_item *item)
{
    int64_t pause_ms = PAUSE_MS, until_us = item->made_us + VD_ALERT_AGE_MS * 1000ll;

    while (vd_clock_mono_us() < until_us) {
        vd_why why = { 0 };
        vd_err err = send_once(a, item, &why);
        if (err == VD_GONE) break;
        alert_told(a, err, &why);
        if (!err) return;
        if (err != VD_RETRY || !alert_pause(a, pause_ms)) break;
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
    count_drop(a);
}

static void *alert_run(void *arg)
{
    alert *a = arg;
    void *item;

    if (a->config.kind == VD_ALERT_OUTPUT) {
        output_run(a);
        return NULL;
    }
    while (!vd_queue_take(a->queue, -1, &item)) {
        if (!a->alerts->stopping) deliver(a, item);
        item_free(item);
    }
    return NULL;
}

/* ---- life ---- */

static vd_err read_secret(alert *a, vd_why *why)
{
    const char *path =
        a->config.kind == VD_ALERT_WEBHOOK ? a->config.secret_file : a->config.password_file;
    vd_why note = { 0 };

    if (!path || !path[0]) return VD_OK;
    vd_err err = vd_secret_line(path, a->secret, sizeof a->secret, &note);
    if (err && why) *why = note;
    if (!err && note.fact[0])
        vd_log_why(VD_LOG_WARN, "secret.open", "an alert's secret can be read by others", &note,
                   "alert", a->config.id, NULL);
    return err;
}

static vd_err alert_open(alert *a, vd_why *why)
{
    vd_err err = read_secret(a, why);

    a->status.id = a->config.id;
    a->status.kind = a->config.kind;
    if (!err && vd_queue_new(VD_ALERT_WAITING, VD_QUEUE_DROP_OLDEST, item_free, &a->queue))
        err = vd_fail(why, VD_FULL, "no memory for an alert");
    if (!err && a->config.kind == VD_ALERT_WEBHOOK) err = webhook_open(a, why);
    if (!err && a->config.kind == VD_ALERT_MQTT) err = broker_open(a, why);
    if (!err && pthread_create(&a->thread, NULL, alert_run, a))
        err = vd_fail(why, VD_FULL, "an alert's thread cannot be started");
    a->running = !err;
    return err;
}

vd_err vd_alerts_start(const vd_alert_list *list, const char *device, vd_alerts **ret_alerts,
                       vd_why *why)
{
    pthread_condattr_t attr;
    vd_err err = VD_OK;
    vd_alerts *all = calloc(1, sizeof *all);
    if (!all) return vd_fail(why, VD_FULL, "no memory for alerts");

    (void)vd_slice_to_chars(vd_slice_str(device), all->device, sizeof all->device);
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&all->changed, &attr);
    pthread_condattr_destroy(&attr);
    for (unsigned i = 0; !err && i < list->count; i++) {
        all->alert[i].alerts = all;
        all->alert[i].config = list->alert[i];
        all->count++;
        err = alert_open(&all->alert[i], why);
    }
    if (err)
        vd_alerts_free(all);
    else
        *ret_alerts = all;
    return err;
}

unsigned vd_alerts_count(const vd_alerts *alerts)
{
    return alerts ? alerts->count : 0;
}

void vd_alerts_get_status(vd_alerts *alerts, unsigned index, vd_alert_status *ret_status)
{
    alert *a = &alerts->alert[index];

    pthread_mutex_lock(&alerts->lock);
    *ret_status = a->status;
    pthread_mutex_unlock(&alerts->lock);
    ret_status->waiting = vd_queue_len(a->queue);
    ret_status->dropped += vd_queue_dropped(a->queue);
}

static void alert_close(alert *a)
{
    if (a->running) pthread_join(a->thread, NULL);
    if (a->config.kind == VD_ALERT_WEBHOOK) webhook_close(a);
    if (a->config.kind == VD_ALERT_MQTT) broker_close(a);
    vd_queue_free(a->queue);
    vd_wipe(a->secret, sizeof a->secret);
}

vd_alerts *vd_alerts_free(vd_alerts *alerts)
{
    if (!alerts) return NULL;
    pthread_mutex_lock(&alerts->lock);
    alerts->stopping = true;
    pthread_cond_broadcast(&alerts->changed);
    pthread_mutex_unlock(&alerts->lock);
    for (unsigned i = 0; i < alerts->count; i++)
        if (alerts->alert[i].queue) vd_queue_close(alerts->alert[i].queue);
    for (unsigned i = 0; i < alerts->count; i++) alert_close(&alerts->alert[i]);
    pthread_cond_destroy(&alerts->changed);
    pthread_mutex_destroy(&alerts->lock);
    free(alerts);
    return NULL;
}
