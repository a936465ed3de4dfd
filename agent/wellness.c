/* wellness.c - is the camera itself well? What integrity finds becomes events of its camera. */
#include "agent_priv.h"

#define AWAKE_US 5000000 /* every picture is decoded for so long, to tell frozen from still */

static void found(void *ctx, const vd_fact *fact, vd_frame *frame, const vd_vocabulary *words)
{
    lane *l = ctx;
    bool begins = fact->phase == VD_FACT_BEGIN;

    vd_log(begins ? VD_LOG_WARN : VD_LOG_INFO, begins ? "camera.ill" : "camera.well",
           begins ? "the camera is not well" : "that is over", "camera", l->config->id, "finding",
           vd_vocabulary_name(words, fact->track.class_id), NULL);
    vd_events_facts(l->events, fact, 1, frame, NULL, words);
}

/* What cannot be told of stills that come when they come, and of files, which bear their own time.
 */
static unsigned senseless(const agent_camera *c)
{
    unsigned flow = 1u << VD_INTEGRITY_SLOW | 1u << VD_INTEGRITY_STARVED | 1u << VD_INTEGRITY_CLOCK;

    if (c->kind == VD_CAMERA_FOLDER) return flow | 1u << VD_INTEGRITY_FROZEN;
    return c->kind == VD_CAMERA_FILE ? flow : 0;
}

vd_err wellness_add(lane *l)
{
    const agent_integrity *c = &l->config->integrity;
    const vd_integrity_config config = { .after_ms = c->after_ms,
                                         .relearn_ms = c->relearn_ms,
                                         .ignore = c->ignore | senseless(l->config) };
    const vd_integrity_sink sink = { .ctx = l, .fact = found };

    return c->enabled ? vd_integrity_new(&config, &sink, &l->integrity) : VD_OK;
}

void wellness_picture(lane *l, vd_frame *frame, vd_camera *camera)
{
    if (l->integrity && vd_integrity_picture(l->integrity, frame))
        vd_camera_awake(camera, vd_frame_picture(frame)->utc_us + AWAKE_US);
}

void wellness_tick(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) vd_integrity_tick(all.lane[i]->integrity);
}

void wellness_finish(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) vd_integrity_finish(all.lane[i]->integrity);
}

static void one_family(const lane_list *all, vd_metrics *m, bool times)
{
    for (unsigned i = 0; i < all->count; i++) {
        lane *l = all->lane[i];
        for (unsigned k = 0; l->integrity && k < VD_INTEGRITY_KINDS; k++) {
            uint64_t count = 0;
            bool raised = vd_integrity_state(l->integrity, (vd_integrity_kind)k, &count);
            vd_metrics_int(m,
                           VD_LABELS("camera", l->config->id, "kind",
                                     vd_integrity_name((vd_integrity_kind)k)),
                           times ? (int64_t)count : raised);
        }
    }
}

void wellness_figures(const lane_list *all, vd_metrics *m)
{
    vd_metrics_family(m, "vedette_agent_camera_ill", VD_METRIC_GAUGE,
                      "1 while the camera is not well, by what is wrong.");
    one_family(all, m, false);
    vd_metrics_family(m, "vedette_agent_camera_ill_total", VD_METRIC_COUNTER,
                      "How often the camera was not well, by what was wrong.");
    one_family(all, m, true);
}
