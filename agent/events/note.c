#include <math.h>
#include <stdlib.h>

#include "events_priv.h"
#include "vd/fault.h"
#include "vd/log.h"

shot *shot_free(shot *s)
{
    if (!s) return NULL;
    vd_buf_done(&s->jpeg);
    free(s);
    return NULL;
}

note *note_free(note *n)
{
    if (!n) return NULL;
    if (n->tap) tap_close(n->camera, n->tap);
    shot_free(n->shot);
    vd_json_free(n->rule);
    free(n);
    return NULL;
}

static float clamp_unit(float x)
{
    return x > 0 ? fminf(x, 1) : 0; /* also for what is no number */
}

vd_event_rect event_rect_of(const vd_box *box)
{
    float l = clamp_unit(box->l), t = clamp_unit(box->t);
    return (vd_event_rect){ l, t, clamp_unit(box->l + box->w) - l,
                            clamp_unit(box->t + box->h) - t };
}

static void add_box(shot *s, const vd_vocabulary *words, const vd_box *box, float score,
                    uint16_t class_id, uint64_t track)
{
    const char *name = vd_vocabulary_name(words, class_id);
    char *copy = s->class_name[s->box_count];
    vd_slice_to_chars(vd_slice_str(name ? name : "unknown"), copy, NAME_ROOM);
    s->box[s->box_count++] = (vd_event_box){ .box = event_rect_of(box),
                                             .score = (double)clamp_unit(score),
                                             .class_name = copy,
                                             .track = track };
}

/* The event's own boxes, then what else each model saw by its own working threshold. */
static void fill_boxes(shot *s, const vd_fact *fact, const vd_detections *detections,
                       const vd_vocabulary *words)
{
    const vd_track *own = &fact->track;
    bool other = fact->other.id || fact->other.seen;
    if (own->id || own->seen) add_box(s, words, &own->box, own->score, own->class_id, own->id);
    if (other)
        add_box(s, words, &fact->other.box, fact->other.score, fact->other.class_id,
                fact->other.id);
    for (unsigned i = 0; detections && i < detections->count; i++) {
        const vd_detection *d = &detections->item[i];
        if (s->box_count == VD_EVENT_BOXES_MAX) break;
        float least = vd_vocabulary_model_of(words, d->class_id)->score_min;
        if ((int)i == own->detection || d->score < fminf(least, fact->rule->score_min)) continue;
        if (other && (int)i == fact->other.detection) continue;
        add_box(s, words, &d->box, d->score, d->class_id, 0);
    }
}

static void take_picture(shot *s, const vd_events_config *config, const vd_frame *frame,
                         const char *camera)
{
    const vd_picture *picture = vd_frame_picture(frame);
    int width_px = config->snapshot_width_px;
    if (width_px <= 0 || width_px >= picture->width_px) width_px = picture->width_px;
    vd_why why = { 0 };
    s->jpeg = VD_BUF(SNAPSHOT_MAX);
    vd_err err = vd_frame_jpeg(frame, width_px, config->snapshot_quality, &s->jpeg, &why);
    if (err) {
        vd_log_why(VD_LOG_WARN, "event.no_picture", "an event goes without its picture", &why,
                   "camera", camera, NULL);
        return;
    }
    s->has_jpeg = true;
    s->evidence = (vd_event_evidence){
        .kind = "snapshot",
        .content_type = "image/jpeg",
        .bytes = s->jpeg.len,
        .start_utc_us = picture->utc_us,
        .end_utc_us = picture->utc_us,
        .width_px = width_px,
        .height_px =
            ((int64_t)picture->height_px * width_px + picture->width_px / 2) / picture->width_px,
    };
}

static shot *shot_new(vd_event_camera *camera, const vd_fact *fact, const vd_frame *frame,
                      const vd_detections *detections, const vd_vocabulary *words)
{
    shot *s = vd_calloc(1, sizeof *s);
    if (!s) return NULL;
    fill_boxes(s, fact, detections, words);
    if (frame) take_picture(s, &camera->events->config, frame, camera->name);
    return s;
}

static bool fill_begin(note *n, const vd_fact *fact, const vd_frame *frame,
                       const vd_vocabulary *words)
{
    const vd_rule *rule = fact->rule;
    VD_AUTO(vd_buf) text = VD_BUF(RULE_JSON_ROOM);
    if (vd_rule_print(rule, &text)) return false;
    if (vd_json_parse(vd_buf_slice(&text), RULE_JSON_ROOM, 8, &n->rule, NULL)) return false;
    const char *class_name = vd_vocabulary_name(words, fact->track.class_id);
    n->score_min = rule->score_min;
    n->track = fact->track.id;
    n->kind = vd_rule_kind_name(rule->kind);
    n->severity = vd_severity_name(rule->severity);
    n->time_source =
        vd_time_source_name(frame ? vd_frame_picture(frame)->time_source : VD_TIME_ARRIVAL);
    const vd_vocabulary_model *model = vd_vocabulary_model_of(words, fact->track.class_id);
    n->model_digest = model->digest;
    vd_slice_to_chars(vd_slice_str(class_name ? class_name : "unknown"), n->class_name, NAME_ROOM);
    vd_slice_to_chars(vd_slice_str(model->name), n->model_name, sizeof n->model_name);
    memcpy(n->rule_id, rule->id, sizeof n->rule_id);
    memcpy(n->zone, rule->zone, sizeof n->zone);
    memcpy(n->rule_version, rule->version, sizeof n->rule_version);
    n->tap = tap_open(n->camera, fact->visit, fact->track.id, fact->entered_utc_us, fact->utc_us);
    return n->tap != NULL;
}

note *note_new(vd_event_camera *camera, const vd_fact *fact, const vd_frame *frame,
               const vd_detections *detections, const vd_vocabulary *words)
{
    note *n = vd_calloc(1, sizeof *n);
    if (!n) return NULL;
    n->camera = camera;
    n->phase = fact->phase;
    n->visit = fact->visit;
    n->start_us = fact->entered_utc_us;
    n->utc_us = fact->utc_us;
    n->best_score = fact->best_score;
    n->property_count = fact->property_count;
    if (n->property_count)
        memcpy(n->property, fact->properties, n->property_count * sizeof n->property[0]);
    if (fact->phase == VD_FACT_BETTER) path_follow(camera, fact->visit, fact->track.id);
    if (fact->phase == VD_FACT_END) {
        int64_t roll_us = camera->events->config.post_roll_ms * 1000;
        tap_limit_visit(camera, fact->visit, fact->utc_us + roll_us);
    } else {
        n->shot = shot_new(camera, fact, frame, detections, words);
        if (!n->shot) return note_free(n);
    }
    if (fact->phase == VD_FACT_BEGIN && !fill_begin(n, fact, frame, words)) return note_free(n);
    return n;
}
