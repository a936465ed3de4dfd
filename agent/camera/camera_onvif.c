/* camera_onvif.c - an ONVIF camera is asked where its stream is, before each try to connect: after
 * a restart or a change of its settings it may be somewhere else. */
#include <stdlib.h>

#include "camera_priv.h"
#include "onvif.h"
#include "vd/clock.h"

static bool give_up(void *ctx)
{
    vd_camera *camera = ctx;

    pthread_mutex_lock(&camera->lock);
    const bool stopping = camera->stopping;
    pthread_mutex_unlock(&camera->lock);
    return stopping;
}

/* Once, until it is right again; the small stream has the same clock. */
static void tell_clock(vd_camera *camera, const vd_why *clock)
{
    const bool wrong = clock->fact[0] != 0;

    if (wrong && !camera->clock_told && camera->sink.note &&
        camera->config.streams != VD_STREAMS_SMALL)
        camera->sink.note(camera->sink.ctx, VD_NOTE_CLOCK, clock);
    camera->clock_told = wrong;
}

vd_err camera_onvif_find(vd_camera *camera, vd_why *why)
{
    const vd_camera_config *config = &camera->config;
    const bool small = config->streams == VD_STREAMS_SMALL;
    const vd_onvif_config ask = { .address = config->url,
                                  .user = config->user,
                                  .password = config->password,
                                  .other_host = config->onvif_host,
                                  .trust = config->trust,
                                  .give_up = give_up,
                                  .ctx = camera };
    vd_onvif_stream stream = { .url = "" };

    vd_err err = vd_onvif_find_stream(&ask, small, &stream, why);
    tell_clock(camera, &stream.clock);
    camera->no_stream = small && err == VD_ABSENT;
    free(camera->place);
    camera->place = err ? NULL : strdup(stream.url);
    if (!err && camera->pair) {
        camera->alone = stream.only;
        if (stream.only) camera->unlooked = false;
    }
    if (!err && !camera->place) err = vd_fail(why, VD_FULL, "no memory for a camera");
    camera->session.heard_us = camera->session.started_us = vd_clock_mono_us();
    return err;
}
