#include <stdlib.h>

#include "events_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"

static tap *gate_of(tap *t)
{
    return t->gate ? t->gate : t;
}

/* When the gate closes: with the last of its events, within its most. The lock is held. */
static int64_t gate_until(const vd_event_camera *camera, const tap *gate)
{
    int64_t until_us = gate->until_us;
    for (const tap *t = camera->taps; t; t = t->next)
        if (t->gate == gate && !t->is_late && t->until_us > until_us) until_us = t->until_us;
    return until_us < gate->most_us ? until_us : gate->most_us;
}

/* Gives the packet to the tap, or ends it: past the end, another stream, or more than it may hold.
 */
static void tap_offer(const vd_event_camera *camera, tap *t, event_packet *packet,
                      uint64_t bytes_max)
{
    if (t->gate || t->is_done || t->is_waiting || (!t->stream && !packet->key)) return;
    bool over = packet->utc_us > gate_until(camera, t);
    over = over || (t->stream && t->stream != packet->stream);
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

/* The gate whose clip holds the event's signal and can be kept open post-roll after it. */
static tap *open_gate(vd_event_camera *camera, const tap *t)
{
    int64_t least_us = t->is_late ? 0 : camera->events->config.post_roll_ms * 1000;
    for (tap *gate = camera->taps; gate; gate = gate->next) {
        if (gate->gate || gate->is_done || (!gate->stream && !gate->is_waiting)) continue;
        if (t->signal_us < gate->from_us || t->signal_us > gate_until(camera, gate)) continue;
        if (t->signal_us + least_us <= gate->most_us) return gate;
    }
    return NULL;
}

static void fill_from_ring(vd_event_camera *camera, tap *t, int64_t from_us)
{
    t->is_waiting = false;
    const packet_line *line = &camera->ring.line;
    size_t from = packet_ring_find(&camera->ring, from_us);
    if (from < line->count) t->from_us = packet_line_at(line, from)->utc_us;
    for (; from < line->count; from++) tap_offer(camera, t, packet_line_at(line, from), UINT64_MAX);
}

tap *tap_open(vd_event_camera *camera, uint64_t visit, uint64_t track, int64_t start_us,
              int64_t seen_us)
{
    const vd_events_config *config = &camera->events->config;
    tap *t = vd_calloc(1, sizeof *t);
    if (!t) return NULL;
    t->visit = visit;
    t->track = track;
    t->signal_us = start_us + config->delay_ms * 1000;
    t->until_us = t->most_us = t->signal_us + config->clip_max_ms * 1000;
    t->from_us = t->last_us = t->signal_us;
    int64_t from_us = t->signal_us - config->pre_roll_ms * 1000;
    pthread_mutex_lock(&camera->lock);
    const packet_line *line = &camera->ring.line;
    int64_t now_us = line->count ? packet_line_at(line, line->count - 1)->utc_us : seen_us;
    t->is_late = now_us - seen_us > config->late_ms * 1000;
    t->gate = open_gate(camera, t);
    t->is_waiting = !t->gate && from_us > now_us;
    if (!t->gate && !t->is_waiting) fill_from_ring(camera, t, from_us);
    path_begin(camera, t, from_us < start_us ? from_us : start_us);
    t->next = camera->taps;
    camera->taps = t;
    pthread_mutex_unlock(&camera->lock);
    return t;
}

vd_ulid tap_correlate(vd_event_camera *camera, tap *t, const vd_ulid *id)
{
    pthread_mutex_lock(&camera->lock);
    if (t->gate) t->id = t->gate->id;
    if (!t->id.text[0]) t->id = *id;
    vd_ulid first = t->id;
    pthread_mutex_unlock(&camera->lock);
    return first;
}

/* True when no event of the gate goes on and the last one's packets are overdue. */
static bool gate_is_late(const vd_event_camera *camera, const tap *gate)
{
    int64_t close_us = gate->close_mono_us;
    for (const tap *t = camera->taps; t && close_us; t = t->next)
        if (t->gate == gate && (!t->close_mono_us || t->close_mono_us > close_us))
            close_us = t->close_mono_us;
    return close_us && vd_clock_mono_us() >= close_us;
}

tap_news tap_drain(vd_event_camera *camera, tap *t)
{
    pthread_mutex_lock(&camera->lock);
    tap_news news = { .line = t->line,
                      .until_us = gate_until(camera, gate_of(t)),
                      .is_done = t->is_done,
                      .is_late = !t->gate && gate_is_late(camera, t) };
    t->line = (packet_line){ 0 };
    pthread_mutex_unlock(&camera->lock);
    return news;
}

/* Not before the signal and post-roll: an event may be over before its clip begins. */
static void limit(const vd_event_camera *camera, tap *t, int64_t until_us)
{
    tap *gate = gate_of(t);
    int64_t least_us = t->signal_us + camera->events->config.post_roll_ms * 1000;
    if (until_us < least_us) until_us = least_us;
    if (until_us < t->until_us) t->until_us = until_us;
    if (gate->last_us > gate_until(camera, gate)) gate->is_done = true;
}

void tap_end(vd_event_camera *camera, tap *t, int64_t until_us, int64_t grace_us)
{
    pthread_mutex_lock(&camera->lock);
    limit(camera, t, until_us);
    int64_t missing_us = t->until_us - gate_of(t)->last_us;
    t->close_mono_us = vd_clock_mono_us() + (missing_us > 0 ? missing_us : 0) + grace_us;
    pthread_mutex_unlock(&camera->lock);
}

/* Nothing comes of the gate any more; the lock is held. */
static void let_go(vd_event_camera *camera, const tap *gate, const vd_event_evidence *clip)
{
    for (tap *t = camera->taps; t; t = t->next) {
        if (t->gate != gate) continue;
        if (!t->id.text[0]) t->id = gate->id;
        t->gate = NULL;
        t->is_done = true;
        t->has_clip = clip != NULL;
        if (clip) t->clip = *clip;
    }
}

void tap_share(vd_event_camera *camera, tap *gate, const vd_event_evidence *clip)
{
    pthread_mutex_lock(&camera->lock);
    let_go(camera, gate, clip);
    pthread_mutex_unlock(&camera->lock);
}

bool tap_gift(vd_event_camera *camera, const tap *t, vd_event_evidence *ret_clip)
{
    pthread_mutex_lock(&camera->lock);
    bool has_clip = t->has_clip;
    if (has_clip) *ret_clip = t->clip;
    pthread_mutex_unlock(&camera->lock);
    return has_clip;
}

/* The newest tap of that visit: numbers may come again after a scene began anew. */
void tap_limit_visit(vd_event_camera *camera, uint64_t visit, int64_t until_us)
{
    pthread_mutex_lock(&camera->lock);
    tap *t = camera->taps;
    while (t && t->visit != visit) t = t->next;
    if (t) limit(camera, t, until_us);
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
    let_go(camera, t, NULL);
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
        if (t->is_waiting && copy->utc_us < t->signal_us) continue;
        wake |= !t->is_done && !t->gate;
        if (t->is_waiting)
            fill_from_ring(camera, t, t->signal_us); /* which has this packet, too */
        else
            tap_offer(camera, t, copy, camera->events->config.ring_bytes_max);
    }
    pthread_mutex_unlock(&camera->lock);
    event_packet_unref(copy);
    if (wake) events_wake(camera->events);
}
