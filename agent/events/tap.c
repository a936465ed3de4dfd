#include <stdlib.h>

#include "events_priv.h"
#include "vd/fault.h"

/* Gives the packet to the tap, or ends it: past the end, another stream, or more than it may hold.
 */
static void tap_offer(tap *t, event_packet *packet, uint64_t bytes_max)
{
    if (t->is_done || (!t->stream && !packet->key)) return;
    bool over = packet->utc_us > t->until_us || (t->stream && t->stream != packet->stream);
    bool full = t->line.bytes + packet->len > bytes_max;
    if (over || full || !packet_line_put(&t->line, packet)) {
        t->is_done = true;
        return;
    }
    event_packet_ref(packet);
    if (!t->stream) {
        t->stream = packet->stream;
        atomic_fetch_add(&t->stream->refs, 1);
    }
    t->last_us = packet->utc_us;
}

tap *tap_open(vd_event_camera *camera, uint64_t visit, uint64_t track, int64_t start_us)
{
    const vd_events_config *config = &camera->events->config;
    tap *t = vd_calloc(1, sizeof *t);
    if (!t) return NULL;
    t->visit = visit;
    t->track = track;
    t->until_us = start_us + config->clip_max_ms * 1000;
    t->last_us = start_us;
    int64_t from_us = start_us - config->pre_roll_ms * 1000;
    pthread_mutex_lock(&camera->lock);
    const packet_line *line = &camera->ring.line;
    size_t from = packet_ring_find(&camera->ring, from_us);
    for (; from < line->count; from++) tap_offer(t, packet_line_at(line, from), UINT64_MAX);
    path_begin(camera, t, from_us);
    t->next = camera->taps;
    camera->taps = t;
    pthread_mutex_unlock(&camera->lock);
    return t;
}

bool tap_drain(vd_event_camera *camera, tap *t, packet_line *into)
{
    pthread_mutex_lock(&camera->lock);
    *into = t->line;
    t->line = (packet_line){ 0 };
    bool is_done = t->is_done;
    pthread_mutex_unlock(&camera->lock);
    return is_done;
}

static void limit(tap *t, int64_t until_us)
{
    if (until_us < t->until_us) t->until_us = until_us;
    if (t->last_us > t->until_us) t->is_done = true;
}

void tap_limit(vd_event_camera *camera, tap *t, int64_t until_us, int64_t *ret_missing_us)
{
    pthread_mutex_lock(&camera->lock);
    limit(t, until_us);
    *ret_missing_us = t->until_us - t->last_us;
    pthread_mutex_unlock(&camera->lock);
}

/* The newest tap of that visit: numbers may come again after a scene began anew. */
void tap_limit_visit(vd_event_camera *camera, uint64_t visit, int64_t until_us)
{
    pthread_mutex_lock(&camera->lock);
    tap *t = camera->taps;
    while (t && t->visit != visit) t = t->next;
    if (t) limit(t, until_us);
    pthread_mutex_unlock(&camera->lock);
}

tap *tap_close(vd_event_camera *camera, tap *t)
{
    pthread_mutex_lock(&camera->lock);
    for (tap **at = &camera->taps; *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        break;
    }
    pthread_mutex_unlock(&camera->lock);
    packet_line_clear(&t->line);
    event_stream_unref(t->stream);
    free(t);
    return NULL;
}

void vd_events_packet(vd_event_camera *camera, const vd_packet *packet)
{
    bool wake = false;
    pthread_mutex_lock(&camera->lock);
    event_packet *copy = camera->stopped ? NULL : packet_ring_add(&camera->ring, packet);
    for (tap *t = copy ? camera->taps : NULL; t; t = t->next) {
        wake |= !t->is_done;
        tap_offer(t, copy, camera->events->config.ring_bytes_max);
    }
    pthread_mutex_unlock(&camera->lock);
    event_packet_unref(copy);
    if (wake) events_wake(camera->events);
}
