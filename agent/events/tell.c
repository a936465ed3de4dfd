#include <stdlib.h>

#include "events_priv.h"

/* A refused event's files are deleted by the outbox: the picture is put again, a clip is lost. */
static vd_err put_snapshot(vd_events *events, shot *s, vd_why *why)
{
    if (!s->has_jpeg || s->is_accepted) return VD_OK;
    return vd_blobs_put(events->config.blobs, vd_buf_slice(&s->jpeg), &s->evidence.digest, why);
}

static bool clip_is_here(const vd_events *events, const open_event *e)
{
    char path[4096];
    return e->has_clip && vd_blobs_path(events->config.blobs, &e->clip_evidence.digest, path,
                                        sizeof path, NULL) == VD_OK;
}

static const char *phase_of(const open_event *e)
{
    if (e->ended) return "end";
    return e->revision == 0 ? "start" : "update";
}

static vd_event event_of(const vd_event_camera *camera, const open_event *e)
{
    const note *b = e->begin;
    return (vd_event){ .id = e->id,
                       .correlation = e->correlation.text,
                       .revision = e->revision + 1,
                       .phase = phase_of(e),
                       .device = camera->events->config.device,
                       .camera = camera->name,
                       .kind = b->kind,
                       .severity = b->severity,
                       .rule_id = b->rule_id,
                       .rule_version = b->rule_version,
                       .zone = b->zone,
                       .rule = b->rule,
                       .start_utc_us = b->start_us,
                       .update_utc_us = e->update_us,
                       .end_utc_us = e->ended ? e->end_us : 0,
                       .time_source = b->time_source,
                       .track = b->track,
                       .score = (double)e->best_score,
                       .score_min = (double)b->score_min,
                       .class_name = b->class_name,
                       .model_name = b->model_name,
                       .model_digest = b->model_digest,
                       .box_count = e->shot->box_count,
                       .boxes = e->shot->box };
}

static unsigned properties_of(const note *n, vd_event_property *into)
{
    for (unsigned i = 0; i < n->property_count; i++)
        into[i] = (vd_event_property){ n->property[i].name, n->property[i].value };
    return n->property_count;
}

vd_err event_tell(vd_event_camera *camera, open_event *e, vd_why *why)
{
    vd_events *events = camera->events;
    vd_event_evidence evidence[2];
    vd_event_place places[VD_EVENT_PATH_MAX];
    vd_event_property properties[VD_EVENT_PROPERTIES_MAX];
    vd_err err = put_snapshot(events, e->shot, why);
    if (err) return err;
    if (e->was_refused && !e->clip_accepted) e->has_clip = clip_is_here(events, e);
    vd_event event = event_of(camera, e);
    if (e->shot->has_jpeg) evidence[event.evidence_count++] = e->shot->evidence;
    if (e->has_clip) evidence[event.evidence_count++] = e->clip_evidence;
    event.evidence = evidence;
    if (e->has_clip) event.path_count = path_places(&e->path, event.start_utc_us, places);
    event.path = places;
    event.property_count = properties_of(e->begin, properties);
    event.properties = properties;
    if (!e->ended) open_save(events, &event);
    err = events->sink.accept(events->sink.ctx, &event, why);
    if (err) return err;
    if (e->ended) open_remove(events, &e->id);
    e->revision++;
    e->owes = e->was_refused = false;
    e->clip_accepted = e->has_clip;
    e->shot->is_accepted = true;
    vd_buf_done(&e->shot->jpeg);
    return VD_OK;
}
