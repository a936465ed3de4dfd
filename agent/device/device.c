/* device.c - life of the device stage, and what its threads share. */
#include "device.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "device_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/secret.h"

bool device_stopping(vd_device *d)
{
    pthread_mutex_lock(&d->lock);
    bool stopping = d->stopping;
    pthread_mutex_unlock(&d->lock);
    return stopping;
}

void device_wait_locked(vd_device *d, int64_t until_us)
{
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    pthread_cond_timedwait(&d->changed, &d->lock, &until);
}

void device_pause(vd_device *d, int ms)
{
    int64_t until_us = vd_clock_mono_us() + (int64_t)ms * 1000;

    pthread_mutex_lock(&d->lock);
    while (!d->stopping && vd_clock_mono_us() < until_us) device_wait_locked(d, until_us);
    pthread_mutex_unlock(&d->lock);
}

int backoff_ms(unsigned failures)
{
    int64_t full = BACKOFF_MOST_MS;
    uint16_t dice;

    if (failures < 7) full = (int64_t)BACKOFF_LEAST_MS << failures;
    if (full > BACKOFF_MOST_MS) full = BACKOFF_MOST_MS;
    vd_random((uint8_t *)&dice, sizeof dice);
    int64_t jittered = full / 2 + full / 2 * dice / UINT16_MAX;
    return (int)(jittered < BACKOFF_LEAST_MS ? BACKOFF_LEAST_MS : jittered);
}

bool device_await_link(vd_device *d)
{
    pthread_mutex_lock(&d->lock);
    while (!d->stopping && !d->status.connected)
        device_wait_locked(d, vd_clock_mono_us() + 1000000);
    bool go_on = !d->stopping;
    pthread_mutex_unlock(&d->lock);
    return go_on;
}

vd_err vd_device_check(const vd_device_config *config, vd_why *why)
{
    device_identity id;
    vd_err err = identity_read(config->connection_string, &id, why);

    vd_wipe(&id, sizeof id);
    if (err || !config->ca_file || !access(config->ca_file, R_OK)) return err;
    vd_fail_errno(why, "the CA file %s cannot be read", config->ca_file);
    vd_why_hint(why, "copy the hub's ca.pem to this device, or correct ca_file");
    return VD_INVALID;
}

static vd_err device_init(vd_device *d, const vd_device_config *config, vd_why *why)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->changed, &attr);
    pthread_condattr_destroy(&attr);
    d->https_port = config->https_port ? config->https_port : VD_DEVICE_HTTPS_PORT;
    d->token_life_s = config->token_life_s ? config->token_life_s : 3600;
    d->upload_bytes_s = config->upload_bytes_s;
    d->status.since_utc_us = vd_clock_utc_us();
    if (config->ca_file && !(d->ca_file = strdup(config->ca_file)))
        return vd_fail(why, VD_FULL, "memory ends");
    return identity_read(config->connection_string, &d->id, why);
}

static vd_err start_threads(vd_device *d, vd_why *why)
{
    void *(*const run[])(void *) = { link_run, sender_run, upload_run, preview_run };
    pthread_t *const thread[] = { &d->link, &d->sender, &d->uploader, &d->previewer };

    for (unsigned i = 0; i < VD_COUNT_OF(run); i++) {
        if (!pthread_create(thread[i], NULL, run[i], d)) continue;
        vd_device_stop(d);
        while (i-- > 0) pthread_join(*thread[i], NULL);
        return vd_fail(why, VD_FULL, "the device's threads cannot be started");
    }
    return VD_OK;
}

vd_err vd_device_start(const vd_device_config *config, vd_outbox *outbox,
                       const vd_device_sink *sink, vd_device **ret_device, vd_why *why)
{
    vd_err err = vd_device_check(config, why);
    if (err) return err;
    mosquitto_lib_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    vd_device *d = calloc(1, sizeof *d);
    if (!d) return vd_fail(why, VD_FULL, "memory ends");
    d->outbox = outbox;
    d->sink = *sink;
    err = device_init(d, config, why);
    if (!err) err = start_threads(d, why);
    if (err) return (void)vd_device_free(d), err;
    *ret_device = d;
    return VD_OK;
}

void vd_device_report(vd_device *device, const char *section, vd_slice json)
{
    if (device) twin_set_section(device, section, json);
}

void vd_device_get_status(vd_device *device, vd_device_status *ret_status)
{
    pthread_mutex_lock(&device->lock);
    *ret_status = device->status;
    pthread_mutex_unlock(&device->lock);
}

bool vd_device_flush(vd_device *device, int timeout_ms)
{
    int64_t until_us = vd_clock_mono_us() + (int64_t)timeout_ms * 1000;
    vd_outbox_stats stats;

    for (;;) {
        vd_outbox_get_stats(device->outbox, &stats);
        if (!stats.waiting) return true;
        pthread_mutex_lock(&device->lock);
        bool go_on = device->status.connected && vd_clock_mono_us() < until_us;
        if (go_on) device_wait_locked(device, vd_clock_mono_us() + 20000);
        pthread_mutex_unlock(&device->lock);
        if (!go_on) return false;
    }
}

void vd_device_stop(vd_device *device)
{
    if (!device) return;
    pthread_mutex_lock(&device->lock);
    device->stopping = true;
    pthread_cond_broadcast(&device->changed);
    pthread_mutex_unlock(&device->lock);
    vd_outbox_wake(device->outbox);
}

void vd_device_join(vd_device *device)
{
    if (!device) return;
    pthread_join(device->sender, NULL);
    pthread_join(device->link, NULL);
    pthread_join(device->uploader, NULL);
    pthread_join(device->previewer, NULL);
}

vd_device *vd_device_free(vd_device *device)
{
    if (!device) return NULL;
    twin_free(device);
    pthread_cond_destroy(&device->changed);
    pthread_mutex_destroy(&device->lock);
    vd_wipe(&device->id, sizeof device->id);
    free(device->ca_file);
    free(device);
    return NULL;
}
