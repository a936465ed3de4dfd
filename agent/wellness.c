/* wellness.c - is the camera itself well? What integrity finds becomes events of its camera. How
 * the camera looks when it is well is kept in state_dir/views/ID.view, so that one that was turned
 * while we were off is noticed. */
#include <stdio.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"

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

/* ---- the kept view ---- */

#define VIEW_ENDING ".view"

static void view_path(const agent *a, const char *camera, char into[4096])
{
    (void)snprintf(into, 4096, "%s/views/%s" VIEW_ENDING, a->config->state_dir, camera);
}

/* What is painted over is no longer seen. */
static bool add_masks(const agent_camera *c, vd_buf *into)
{
    VD_AUTO(vd_buf) masks = VD_BUF(65536);
    if (!c->masks) return true;
    if (agent_node_print(c->masks, NULL, &masks)) return false;
    const vd_digest digest = vd_sha256(vd_buf_slice(&masks));
    return vd_buf_addf(into, "\n%s", digest.hex);
}

/* Another camera, or the same one with other masks or asked to be learnt anew, has another name
 * here. */
static bool view_source(const lane *l, vd_buf *into)
{
    const agent_camera *c = l->config;
    return vd_buf_addf(into, "%d\n%s%s%s%s%s\n%s\n%d\n%s", (int)c->kind, c->url, c->onvif, c->file,
                       c->folder, c->device, c->sub_url, c->streams, c->integrity.reference) &&
           add_masks(c, into);
}

static void keep_view(const lane *l, bool whatever)
{
    VD_AUTO(vd_buf) source = VD_BUF(16384);
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_INTEGRITY_VIEW_BYTES);
    vd_why why = { 0 };
    char path[4096];

    if (!l->integrity || !view_source(l, &source) ||
        vd_integrity_view_print(l->integrity, whatever, source.data, &bytes))
        return;
    (void)snprintf(path, sizeof path, "%s/views", l->agent->config->state_dir);
    vd_err err = vd_dir_make(path, 0750, &why);
    view_path(l->agent, l->config->id, path);
    if (!err) err = vd_file_save(path, 0640, vd_buf_slice(&bytes), &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "camera.view.unkept", "the camera's view could not be kept", &why,
                   "camera", l->config->id, NULL);
}

static void read_view(const lane *l)
{
    VD_AUTO(vd_buf) source = VD_BUF(16384);
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_INTEGRITY_VIEW_BYTES);
    vd_why why = { 0 };
    char path[4096];

    view_path(l->agent, l->config->id, path);
    if (access(path, F_OK) != 0 || !view_source(l, &source)) return;
    vd_err err = vd_file_load(path, &bytes, &why);
    if (!err) err = vd_integrity_view_read(l->integrity, vd_buf_slice(&bytes), source.data, &why);
    if (err)
        vd_log_why(err == VD_ABSENT ? VD_LOG_INFO : VD_LOG_WARN, "camera.view.anew",
                   "the camera's view is learnt anew", &why, "camera", l->config->id, NULL);
}

vd_err wellness_add(lane *l)
{
    const agent_integrity *c = &l->config->integrity;
    const vd_integrity_config config = { .after_ms = c->after_ms,
                                         .relearn_ms = c->relearn_ms,
                                         .ignore = c->ignore | senseless(l->config) };
    const vd_integrity_sink sink = { .ctx = l, .fact = found };

    vd_err err = c->enabled ? vd_integrity_new(&config, &sink, &l->integrity) : VD_OK;
    if (!err && l->integrity) read_view(l);
    return err;
}

void wellness_leave(lane *l)
{
    vd_integrity_finish(l->integrity);
    keep_view(l, true);
}

void wellness_picture(lane *l, vd_frame *frame, vd_camera *camera)
{
    if (l->integrity && vd_integrity_picture(l->integrity, frame))
        vd_camera_awake(camera, vd_frame_picture(frame)->utc_us + AWAKE_US);
}

void wellness_tick(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) {
        vd_integrity_tick(all.lane[i]->integrity);
        keep_view(all.lane[i], false);
    }
}

void wellness_finish(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) wellness_leave(all.lane[i]);
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
