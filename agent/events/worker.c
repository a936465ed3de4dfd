/* The worker's view of one event:
 *
 *   BEGIN ─▶ revision 1 "start" ─┬─▶ clip whole ─▶ revision "update" ─▶ END ─▶ revision "end"
 *                                └─▶ END ─▶ revision "end" ─▶ clip whole ─▶ revision "end"
 *
 * A revision that the sink refuses stays owed and is tried again, with what is known by then; the
 * event goes when it has ended, its clip is finished and nothing is owed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "events_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/log.h"

#define RETRY_US      5000000
#define LOOK_EACH_MS  250     /* while a clip waits for a silent camera or a revision is owed */
#define CLIP_GRACE_US 2000000 /* for packets on their way when an event has ended */
#define OWED_MAX      64      /* ended events per camera that wait for the disk */

static open_event *event_find(vd_event_camera *camera, uint64_t visit)
{
    for (open_event *e = camera->open; e; e = e->next)
        if (e->begin->visit == visit && !e->ended) return e;
    return NULL;
}

static open_event *event_free(vd_event_camera *camera, open_event *e)
{
    if (e->tap) tap_close(camera, e->tap);
    if (e->clip) vd_clip_drop(e->clip);
    shot_free(e->shot);
    note_free(e->begin);
    free(e);
    return NULL;
}

static void give_up(vd_event_camera *camera, open_event *e, const char *fact, const vd_why *why)
{
    vd_log_why(VD_LOG_ERROR, "event.lost", fact, why, "event", e->id.text, "camera", camera->name,
               "rule", e->begin->rule_id, NULL);
    e->owes = false;
}

static void tell(vd_event_camera *camera, open_event *e)
{
    vd_why why = { 0 };
    vd_err err = event_tell(camera, e, &why);
    if (!err) return;
    e->retry_mono_us = vd_clock_mono_us() + RETRY_US; /* before anybody can see that it failed */
    if (!e->was_refused) atomic_fetch_add(&camera->events->failed, 1);
    e->was_refused = true;
    if (err == VD_INVALID || err == VD_GONE) {
        give_up(camera, e, "an event could not be kept", &why);
        return;
    }
    vd_log_why(VD_LOG_ERROR, "event.refused", "an event could not be kept, trying again", &why,
               "event", e->id.text, "camera", camera->name, "rule", e->begin->rule_id, NULL);
}

static void on_begin(note *n)
{
    vd_event_camera *camera = n->camera;
    open_event *e = vd_calloc(1, sizeof *e);
    if (!e) {
        atomic_fetch_add(&camera->events->failed, 1);
        vd_log(VD_LOG_ERROR, "event.lost", "no memory for an event", "camera", camera->name, NULL);
        note_free(n);
        return;
    }
    *e = (open_event){ .begin = n,
                       .shot = n->shot,
                       .tap = n->tap,
                       .id = vd_ulid_new(),
                       .update_us = n->utc_us,
                       .best_score = n->best_score,
                       .owes = true };
    n->shot = NULL;
    n->tap = NULL;
    e->correlation = tap_correlate(camera, e->tap, &e->id);
    open_event **end = &camera->open;
    while (*end) end = &(*end)->next;
    *end = e;
    tell(camera, e);
}

/* What the fact says now takes the place of what it said before. */
static void take_properties(open_event *e, const note *n)
{
    e->begin->property_count = n->property_count;
    memcpy(e->begin->property, n->property, sizeof n->property);
}

static void on_better(open_event *e, note *n)
{
    take_properties(e, n);
    e->update_us = n->utc_us;
    e->best_score = n->best_score;
    if (n->shot->has_jpeg || !e->shot->has_jpeg) {
        shot_free(e->shot);
        e->shot = n->shot;
        n->shot = NULL;
    }
}

static void event_end(vd_event_camera *camera, open_event *e, int64_t end_us)
{
    int64_t roll_us = camera->events->config.post_roll_ms * 1000;
    e->ended = true;
    e->end_us = end_us > e->begin->start_us ? end_us : e->begin->start_us;
    if (e->update_us < e->end_us) e->update_us = e->end_us;
    e->owes = true;
    if (e->tap) tap_end(camera, e->tap, e->end_us + roll_us, CLIP_GRACE_US);
}

static void on_note(note *n)
{
    vd_event_camera *camera = n->camera;
    if (n->phase == VD_FACT_BEGIN) {
        on_begin(n);
        return;
    }
    open_event *e = event_find(camera, n->visit);
    if (e && n->phase == VD_FACT_BETTER) on_better(e, n);
    if (e && n->phase == VD_FACT_END) {
        e->best_score = n->best_score;
        take_properties(e, n);
        event_end(camera, e, n->utc_us);
        tell(camera, e);
    }
    note_free(n);
}

static void clip_path(const vd_events *events, const open_event *e, char *into, size_t room)
{
    snprintf(into, room, "%s/%s.mp4", events->config.work_dir, e->id.text);
}

static vd_err write_packet(vd_event_camera *camera, open_event *e, const event_packet *packet,
                           vd_why *why)
{
    const event_stream *from = packet->stream;
    const vd_stream_info stream = { .serial = from->serial,
                                    .codec_id = from->codec_id,
                                    .width_px = from->width_px,
                                    .height_px = from->height_px,
                                    .profile = from->profile,
                                    .level = from->level,
                                    .extradata = { from->extradata, from->extradata_len },
                                    .fps = from->fps };
    const vd_packet as_came = { .stream = &stream,
                                .pts_us = packet->pts_us,
                                .dts_us = packet->dts_us,
                                .utc_us = packet->utc_us,
                                .key = packet->key,
                                .data = { packet->data, packet->len } };
    if (!e->clip) {
        char path[4096];
        clip_path(camera->events, e, path, sizeof path);
        vd_err err = vd_clip_open(path, &as_came, &e->clip, why);
        if (err) return err;
        e->clip_start_us = e->clip_end_us = packet->utc_us;
        e->clip_width_px = packet->stream->width_px;
        e->clip_height_px = packet->stream->height_px;
    }
    if (packet->utc_us > e->clip_end_us) e->clip_end_us = packet->utc_us;
    return vd_clip_write(e->clip, &as_came, why);
}

static void clip_fail(vd_event_camera *camera, open_event *e, const vd_why *why)
{
    vd_log_why(VD_LOG_ERROR, "event.no_clip", "an event goes without its clip", why, "event",
               e->id.text, "camera", camera->name, NULL);
    e->clip = vd_clip_drop(e->clip);
    e->tap = e->tap ? tap_close(camera, e->tap) : NULL;
}

static vd_err keep_clip(vd_event_camera *camera, open_event *e, vd_why *why)
{
    char path[4096], kept[4096];
    vd_clip *c = e->clip;
    e->clip = NULL;
    e->clip_evidence = (vd_event_evidence){ .kind = "clip",
                                            .content_type = "video/mp4",
                                            .start_utc_us = e->clip_start_us,
                                            .end_utc_us = e->clip_end_us,
                                            .width_px = e->clip_width_px,
                                            .height_px = e->clip_height_px };
    vd_event_evidence *evidence = &e->clip_evidence;
    vd_blobs *blobs = camera->events->config.blobs;
    clip_path(camera->events, e, path, sizeof path);
    vd_err err = vd_clip_close(c, why);
    if (err) return err;
    err = vd_blobs_take_file(blobs, path, &evidence->digest, why);
    if (!err) err = vd_blobs_path(blobs, &evidence->digest, kept, sizeof kept, &evidence->bytes);
    if (err) remove(path);
    return err;
}

/* Nothing more comes: the file is finished, with what there is, or it was another event's to
 * write. */
static void clip_finish(vd_event_camera *camera, open_event *e)
{
    vd_why why = { 0 };
    path_read(camera, e->tap, &e->path);
    bool shares = tap_gift(camera, e->tap, &e->clip_evidence);
    vd_err err = e->clip ? keep_clip(camera, e, &why) : VD_OK;
    bool is_kept = !err && e->clip_evidence.bytes > 0;
    if (is_kept && !shares) tap_share(camera, e->tap, &e->clip_evidence);
    if (err) clip_fail(camera, e, &why);
    e->tap = e->tap ? tap_close(camera, e->tap) : NULL;
    e->has_clip = is_kept;
    if (!is_kept) return; /* not one packet came, or the disk refused */
    e->owes = true;
    tell(camera, e);
}

static void clip_pump(vd_event_camera *camera, open_event *e, bool stopping)
{
    vd_why why = { 0 };
    vd_err err = VD_OK;
    tap_news news = tap_drain(camera, e->tap);
    while (!err && news.line.count > 0) {
        event_packet *packet = packet_line_take(&news.line);
        if (packet->utc_us <= news.until_us) err = write_packet(camera, e, packet, &why);
        event_packet_unref(packet);
    }
    packet_line_clear(&news.line);
    if (err) {
        clip_fail(camera, e, &why);
        return;
    }
    if (news.is_done || news.is_late || stopping) clip_finish(camera, e);
}

static bool is_over(const open_event *e)
{
    return e->ended && !e->tap && !e->owes;
}

/* Too many wait for a disk that takes nothing: the oldest is lost. */
static void bound_owed(vd_event_camera *camera)
{
    unsigned owed = 0;
    open_event *oldest = NULL;
    for (open_event *e = camera->open; e; e = e->next) {
        if (!e->ended || !e->owes || e->tap) continue;
        if (!oldest) oldest = e;
        owed++;
    }
    if (owed > OWED_MAX) give_up(camera, oldest, "too many events wait for the disk", NULL);
}

/* True when the camera needs to be looked at again without news. `leaving`: nothing more comes of
 * it. */
static bool pump_camera(vd_event_camera *camera, bool leaving, bool stopping)
{
    bool again = false;
    bound_owed(camera);
    for (open_event **at = &camera->open; *at;) {
        open_event *e = *at;
        if (leaving && !e->ended) event_end(camera, e, e->update_us);
        if (e->tap) clip_pump(camera, e, leaving);
        if (e->owes && (stopping || vd_clock_mono_us() >= e->retry_mono_us)) tell(camera, e);
        if (stopping && e->owes) give_up(camera, e, "stopped before an event could be kept", NULL);
        if (is_over(e)) {
            *at = e->next;
            event_free(camera, e);
            continue;
        }
        again |= e->ended || e->owes;
        at = &e->next;
    }
    return again;
}

static void wait_for_work(vd_events *events, bool look_again)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EACH_MS * 1000000l;
    if (until.tv_nsec >= 1000000000l) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000l;
    }
    int rc = 0;
    while (!events->is_woken && !events->is_stopping && rc == 0) {
        rc = look_again ? pthread_cond_timedwait(&events->work, &events->lock, &until)
                        : pthread_cond_wait(&events->work, &events->lock);
    }
    events->is_woken = false;
}

static note *take_notes(vd_events *events)
{
    note *notes = events->notes;
    events->notes = NULL;
    events->notes_end = &events->notes;
    events->note_count = 0;
    pthread_cond_broadcast(&events->room);
    return notes;
}

static void forget(vd_events *events, vd_event_camera *camera)
{
    pthread_mutex_lock(&events->lock);
    vd_event_camera **at = &events->cameras;
    while (*at != camera) at = &(*at)->next;
    *at = camera->next;
    pthread_mutex_unlock(&events->lock);
    events_free_camera(camera);
}

/* The camera after `camera` (NULL: the first), and whether it leaves now: while notes wait, some
 * may be its last ones, and the worker comes again for them. */
static vd_event_camera *next_camera(vd_events *events, vd_event_camera *camera, bool *ret_leaving)
{
    pthread_mutex_lock(&events->lock);
    vd_event_camera *next = camera ? camera->next : events->cameras;
    *ret_leaving = next && next->leaving && !events->notes;
    pthread_mutex_unlock(&events->lock);
    return next;
}

/* True when it must be looked again without news. */
static bool pump_all(vd_events *events, bool stopping)
{
    bool again = false, leaving, next_leaving;
    vd_event_camera *next;
    for (vd_event_camera *c = next_camera(events, NULL, &leaving); c; c = next) {
        again |= pump_camera(c, leaving || stopping, stopping);
        next = next_camera(events, c, &next_leaving);
        if (leaving && !c->open) forget(events, c);
        leaving = next_leaving;
    }
    return again;
}

void *events_work(void *arg)
{
    vd_events *events = arg;
    bool stopping = false, look_again = false;
    while (!stopping) {
        pthread_mutex_lock(&events->lock);
        wait_for_work(events, look_again);
        note *notes = take_notes(events);
        stopping = events->is_stopping;
        pthread_mutex_unlock(&events->lock);
        while (notes) {
            note *next = notes->next;
            on_note(notes);
            notes = next;
        }
        look_again = pump_all(events, stopping);
    }
    return NULL;
}
