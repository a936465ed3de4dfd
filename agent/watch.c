/* watch.c - a camera's finished window goes to the outbox, at the lowest priority: when the disk is
 * full it is the first to go. */
#include "agent_priv.h"

static void told(void *ctx, const char *camera, vd_slice json, vd_slice jpeg)
{
    agent *a = ctx;
    vd_digest picture;
    vd_why why = { 0 };
    vd_outbox_note note = {
        .kind = "sketch", .camera = camera, .priority = VD_OUTBOX_LEAST, .body = json
    };

    if (!a->link) return; /* nobody will ever ask */
    vd_err err = jpeg.len ? vd_blobs_put(vd_outbox_blobs(a->outbox), jpeg, &picture, &why) : VD_OK;
    if (!err && jpeg.len) note.files = &picture, note.file_count = 1;
    if (!err) err = vd_outbox_put(a->outbox, &note, &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "watch.unkept", "a camera's statistics could not be kept", &why,
                   "camera", camera, NULL);
}

vd_err watch_add(lane *l)
{
    const vd_sketches_sink sink = { .ctx = l->agent, .told = told };
    return vd_sketches_new(l->config->id, l->agent->config->window_ms, &sink, &l->sketches);
}

void watch_tick(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) {
        vd_camera_status status;
        lane_status(all.lane[i], &status);
        vd_sketches_tick(all.lane[i]->sketches, status.state == VD_CAMERA_LIVE);
    }
}

void watch_finish(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned i = 0; i < all.count; i++) vd_sketches_finish(all.lane[i]->sketches);
}
