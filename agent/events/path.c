#include <string.h>

#include "events_priv.h"

/* Full: every second step goes, and the next ones come no closer than the rest then are. */
static void thin(track_path *p)
{
    int64_t span_us = p->step[p->count - 1].utc_us - p->step[0].utc_us;
    p->every_us = span_us / (p->count - 1) * 3 / 2;
    p->count = (p->count + 1) / 2;
    for (unsigned i = 1; i < p->count; i++) p->step[i] = p->step[2 * i];
}

static void path_add(track_path *p, const path_step *step)
{
    if (p->count && step->utc_us < p->step[p->count - 1].utc_us + p->every_us) return;
    if (p->count && step->utc_us <= p->step[p->count - 1].utc_us) return;
    if (p->count == VD_EVENT_PATH_MAX) thin(p);
    p->step[p->count++] = *step;
}

/* A visit lives on when its track is lost and another one takes its place. */
void path_follow(vd_event_camera *camera, uint64_t visit, uint64_t track)
{
    pthread_mutex_lock(&camera->lock);
    tap *t = camera->taps; /* the newest of that visit, as everywhere */
    while (t && t->visit != visit) t = t->next;
    if (t && t->track != track) {
        t->track = track;
        path_begin(camera, t, t->path.count ? t->path.step[t->path.count - 1].utc_us + 1 : 0);
    }
    pthread_mutex_unlock(&camera->lock);
}

void path_begin(vd_event_camera *camera, tap *t, int64_t from_us)
{
    for (unsigned i = 0; i < STEPS_KEPT; i++) {
        const path_step *step = &camera->recent[(camera->recent_next + i) % STEPS_KEPT];
        if (step->track == t->track && step->utc_us >= from_us) path_add(&t->path, step);
    }
}

void vd_events_tracks(vd_event_camera *camera, const vd_track *tracks, unsigned count,
                      int64_t utc_us)
{
    pthread_mutex_lock(&camera->lock);
    if (utc_us < camera->recent_us) /* the clock went back, track numbers begin again */
        memset(camera->recent, 0, sizeof camera->recent);
    camera->recent_us = utc_us;
    for (unsigned i = 0; i < count; i++) {
        if (!tracks[i].seen || tracks[i].id == 0) continue;
        path_step step = { utc_us, tracks[i].id, event_rect_of(&tracks[i].box) };
        camera->recent[camera->recent_next++ % STEPS_KEPT] = step;
        for (tap *t = camera->taps; t; t = t->next)
            if (t->track == step.track && utc_us <= t->until_us) path_add(&t->path, &step);
    }
    pthread_mutex_unlock(&camera->lock);
}

void path_read(vd_event_camera *camera, const tap *t, track_path *into)
{
    pthread_mutex_lock(&camera->lock);
    *into = t->path;
    pthread_mutex_unlock(&camera->lock);
}

static int64_t to_ms(int64_t us)
{
    return us < 0 ? -((-us + 999) / 1000) : us / 1000;
}

/* Pictures of a camera that catches up come closer than a millisecond: an event has one of them. */
unsigned path_places(const track_path *p, int64_t start_us, vd_event_place *into)
{
    unsigned count = 0;
    for (unsigned i = 0; i < p->count; i++) {
        int64_t at_ms = to_ms(p->step[i].utc_us - start_us);
        if (count && at_ms <= into[count - 1].at_ms) continue;
        into[count++] = (vd_event_place){ at_ms, p->step[i].box };
    }
    return count;
}
