/* sender.c - messages from the outbox to the hub, in order, at most VD_DEVICE_WINDOW unanswered. */
#include <stdio.h>
#include <stdlib.h>

#include "device_priv.h"
#include "limits.h"
#include "vd/clock.h"

#define IDLE_MS 1000

void sender_forget_locked(vd_device *d)
{
    memset(d->window, 0, sizeof d->window);
    d->in_window = 0;
}

void sender_acked(vd_device *d, int mid)
{
    int64_t seq = -1;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < VD_DEVICE_WINDOW; i++) {
        if (d->window[i].mid != mid) continue;
        seq = d->window[i].seq;
        d->window[i].mid = 0;
        d->in_window--;
        break;
    }
    pthread_mutex_unlock(&d->lock);
    if (seq < 0) return; /* a twin report: they carry no promise */
    /* Failing to note the answer is harmless: the message is sent once more. */
    vd_err err = vd_outbox_confirm(d->outbox, seq);
    pthread_mutex_lock(&d->lock);
    if (!err) d->status.messages_acked++;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

static bool topic_of(vd_device *d, const vd_outbox_message *message, vd_buf *into)
{
    VD_AUTO(vd_buf) bag = VD_BUF(VD_IOTHUB_BAG_MAX);
    char now[VD_UTC_TEXT_ROOM];

    bool fits = vd_bag_add(&bag, VD_PROP_MESSAGE_ID, message->id) &&
                vd_bag_add(&bag, VD_PROP_CONTENT_TYPE, "application/json") &&
                vd_bag_add(&bag, VD_PROP_CONTENT_ENCODING, "utf-8") &&
                vd_bag_add(&bag, VD_PROP_TYPE, message->kind) &&
                vd_bag_add(&bag, VD_PROP_CLOCK, vd_utc_text(vd_clock_utc_us(), now));
    vd_topic topic = { .kind = VD_TOPIC_EVENTS,
                       .device = vd_slice_str(d->id.device),
                       .bag = vd_buf_slice(&bag) };
    return fits && vd_topic_write(&topic, into);
}

static void window_add_locked(vd_device *d, int mid, int64_t seq)
{
    for (unsigned i = 0; i < VD_DEVICE_WINDOW; i++) {
        if (d->window[i].mid) continue;
        d->window[i] = (window_slot){ .mid = mid, .seq = seq };
        d->in_window++;
        return;
    }
}

/* False when the session ended meanwhile. */
static bool publish(vd_device *d, uint64_t session, const vd_outbox_message *message)
{
    VD_AUTO(vd_buf) topic = VD_BUF(VD_LIMIT_TOPIC_BYTES);
    int mid = 0;
    bool sent = false;

    if (!topic_of(d, message, &topic)) return false;
    /* Under the lock, so that the answer cannot come before the window knows the number. */
    pthread_mutex_lock(&d->lock);
    if (d->mqtt && d->session == session && !d->renewing)
        sent = !mosquitto_publish(d->mqtt, &mid, topic.data, (int)message->body_len, message->body,
                                  1, false);
    if (sent) {
        window_add_locked(d, mid, message->seq);
        d->status.messages_sent++;
    }
    pthread_mutex_unlock(&d->lock);
    return sent;
}

/* Waits for a session with room in the window; false when stopping. */
static bool await_room(vd_device *d, uint64_t *session, int64_t *after)
{
    pthread_mutex_lock(&d->lock);
    while (!d->stopping && (!d->mqtt || d->renewing || d->in_window >= VD_DEVICE_WINDOW))
        device_wait_locked(d, vd_clock_mono_us() + 1000000);
    if (*session != d->session) {
        *session = d->session;
        *after = 0; /* everything unanswered goes again, oldest first */
    }
    bool go_on = !d->stopping;
    pthread_mutex_unlock(&d->lock);
    return go_on;
}

void *sender_run(void *device)
{
    vd_device *d = device;
    uint64_t session = 0;
    int64_t after = 0;

    while (await_room(d, &session, &after)) {
        vd_outbox_message message = { 0 };
        vd_err err = vd_outbox_next(d->outbox, after, &message);
        if (err == VD_ABSENT) {
            vd_outbox_wait(d->outbox, IDLE_MS);
            continue;
        }
        if (err) {
            device_pause(d, IDLE_MS);
            continue;
        }
        if (publish(d, session, &message)) after = message.seq;
        free(message.body);
    }
    return NULL;
}
