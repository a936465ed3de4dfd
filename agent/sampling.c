/* sampling.c - a sample goes to the outbox, at the lowest priority: when the disk is full it is
 * among the first to go. */
#include <stdio.h>

#include "agent_priv.h"

static void told(void *ctx, const char *camera, vd_slice json, vd_slice jpeg)
{
    agent *a = ctx;
    vd_digest picture;
    vd_why why = { 0 };
    vd_outbox_note note = { .kind = "sample",
                            .camera = camera,
                            .priority = VD_OUTBOX_LEAST,
                            .body = json,
                            .files = &picture,
                            .file_count = 1 };

    vd_err err = vd_blobs_put(vd_outbox_blobs(a->outbox), jpeg, &picture, &why);
    if (!err) err = vd_outbox_put(a->outbox, &note, &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "sample.unkept", "a sample could not be kept", &why, "camera",
                   camera, NULL);
    else
        vd_log(VD_LOG_INFO, "sample.kept", "a picture was sampled for the pool", "camera", camera,
               "picture", picture.hex, NULL);
}

vd_err sampling_open(agent *a, vd_why *why)
{
    char path[4096];
    const vd_samples_sink sink = { .ctx = a, .told = told };

    (void)snprintf(path, sizeof path, "%s/sampling.json", a->config->state_dir);
    return vd_samples_new(path, &sink, &a->samples, why);
}

vd_err sampling_wish(void *agent_ptr, vd_slice json, vd_why *why)
{
    agent *a = agent_ptr;
    vd_why own = { 0 };
    vd_err err = vd_samples_policy(a->samples, json, &own);

    if (err)
        vd_log_why(VD_LOG_WARN, "sampling.refused",
                   "the hub's sampling is wrong, the old one holds", &own, NULL);
    if (err && why) *why = own;
    return err;
}
