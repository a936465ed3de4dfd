/* camera_pair.c - a camera's main and small stream as one camera: packets of the main one, pictures
 * of the small one.
 *
 *   small stream   main stream    the camera                          pictures
 *   live           live           live                                small
 *   live           away           live: nothing is recorded           small
 *   away           live           live: the main one is looked at     main
 *   away           away           as the main one                     none
 *   none           any            as the main one                     main
 *
 * "Away" is SILENT or FAILED: they stay until a first picture comes again. "None" is ENDED: an
 * ONVIF camera has no small stream; its main one then runs as a single camera does (gate, hardware
 * decoder), and whether there is a small one is asked again now and then. Each stream has its own
 * child and reader thread; `call` makes their callbacks one at a time. */
#include <stdlib.h>

#include "camera_priv.h"

#define SUB_MAPS 0x80000000u /* a picture says by its map which stream it is of */

struct camera_pair {
    vd_camera *main_stream, *sub;
    vd_camera_sink sink;
    pthread_mutex_t call; /* held while a status or picture callback runs */
    vd_camera_state told;
    char told_fact[sizeof((vd_why *)0)->fact];
};

vd_camera *camera_pair_sub(const camera_pair *pair)
{
    return pair->sub;
}

vd_camera *camera_pair_owner(vd_camera *main_stream, const vd_picture *picture)
{
    return picture->map & SUB_MAPS ? main_stream->pair->sub : main_stream;
}

static bool is_away(const vd_camera_status *status)
{
    return status->state == VD_CAMERA_SILENT || status->state == VD_CAMERA_FAILED ||
           status->state == VD_CAMERA_ENDED;
}

/* `fact`, because of what the stream says. */
static void explain(const vd_camera_status *stream, const char *fact, vd_why *why)
{
    vd_fail(why, VD_RETRY, "%s", fact);
    vd_why_detail(why, "%.150s%s%.150s", stream->why.fact, stream->why.detail[0] ? ": " : "",
                  stream->why.detail);
    vd_why_hint(why, "%s", stream->why.hint);
}

static void set_state(vd_camera_status *status, const vd_camera_status *main_stream,
                      const vd_camera_status *sub)
{
    const bool main_live = main_stream->state == VD_CAMERA_LIVE;
    const bool sub_live = sub->state == VD_CAMERA_LIVE;
    status->why = (vd_why){ 0 };
    if (sub->state == VD_CAMERA_ENDED) {
        status->state = main_stream->state;
        status->why = main_stream->why;
    } else if (sub_live || (main_live && is_away(sub))) {
        status->state = VD_CAMERA_LIVE;
        if (!sub_live)
            explain(sub, "the small stream is away, the main one is looked at", &status->why);
        else if (is_away(main_stream))
            explain(main_stream, "the main stream is away, nothing is recorded", &status->why);
    } else if (main_live || (!is_away(main_stream) && !is_away(sub))) {
        status->state = VD_CAMERA_CONNECTING;
    } else {
        const vd_camera_status *worse = is_away(main_stream) ? main_stream : sub;
        status->state = worse->state;
        status->why = worse->why;
    }
}

static void join_status(const vd_camera_status *main_stream, const vd_camera_status *sub,
                        vd_camera_status *ret_status)
{
    *ret_status = *main_stream; /* size and codec are those of what is kept */
    set_state(ret_status, main_stream, sub);
    if (sub->since_utc_us > main_stream->since_utc_us) ret_status->since_utc_us = sub->since_utc_us;
    ret_status->pictures += sub->pictures;
    ret_status->dropped += sub->dropped;
    ret_status->restarts += sub->restarts;
    ret_status->decoded += sub->decoded;
    ret_status->skipped += sub->skipped;
    if (sub->state != VD_CAMERA_LIVE) return;
    ret_status->fps = sub->fps;
    ret_status->gate = sub->gate;
    memcpy(ret_status->decoder, sub->decoder, sizeof ret_status->decoder);
}

static void both_status(const camera_pair *pair, vd_camera_status *ret_main,
                        vd_camera_status *ret_sub)
{
    camera_status(pair->main_stream, ret_main);
    camera_status(pair->sub, ret_sub);
}

void camera_pair_status(vd_camera *main_stream, vd_camera_status *ret_status)
{
    vd_camera_status one, other;
    both_status(main_stream->pair, &one, &other);
    join_status(&one, &other, ret_status);
}

/* Either stream changed its state. */
static void on_status(void *ctx, const vd_camera_status *changed)
{
    camera_pair *pair = ctx;
    vd_camera_status one, other, both;
    (void)changed; /* it may be older than what the other thread told */
    pthread_mutex_lock(&pair->call);
    if (!pair->main_stream) { /* it could not be opened: nobody is told */
        pthread_mutex_unlock(&pair->call);
        return;
    }
    both_status(pair, &one, &other);
    const bool alone = pair->main_stream->alone && other.state != VD_CAMERA_LIVE;
    camera_look(pair->main_stream, alone || is_away(&other));
    join_status(&one, &other, &both);
    const bool same = both.state == pair->told && strcmp(both.why.fact, pair->told_fact) == 0;
    pair->told = both.state;
    memcpy(pair->told_fact, both.why.fact, sizeof pair->told_fact);
    if (!same && pair->sink.status) pair->sink.status(pair->sink.ctx, &both);
    pthread_mutex_unlock(&pair->call);
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    camera_pair *pair = ctx;
    pthread_mutex_lock(&pair->call);
    vd_camera *owner = picture->map & SUB_MAPS ? pair->sub : pair->main_stream;
    if (pair->main_stream && pair->sink.picture && !owner->unlooked)
        pair->sink.picture(pair->sink.ctx, picture);
    else
        vd_camera_give_back(owner, picture);
    pthread_mutex_unlock(&pair->call);
}

static void on_packet(void *ctx, const vd_packet *packet)
{
    const camera_pair *pair = ctx;
    if (pair->sink.packet) pair->sink.packet(pair->sink.ctx, packet);
}

static void on_note(void *ctx, vd_camera_topic about, const vd_why *note)
{
    camera_pair *pair = ctx;
    pthread_mutex_lock(&pair->call);
    if (pair->sink.note) pair->sink.note(pair->sink.ctx, about, note);
    pthread_mutex_unlock(&pair->call);
}

static vd_err open_both(camera_pair *pair, const vd_camera_config *config, vd_why *why)
{
    vd_camera_sink of_sub = {
        .ctx = pair, .picture = on_picture, .status = on_status, .note = on_note
    };
    vd_camera_sink of_main = of_sub;
    vd_camera_config small = *config;
    vd_camera_config large = *config;
    if (config->kind == VD_CAMERA_ONVIF) {
        small.streams = VD_STREAMS_SMALL;
        large.streams = VD_STREAMS_MAIN;
    } else {
        small.url = config->sub_url;
        small.kind = strncmp(small.url, "http", 4) == 0 ? VD_CAMERA_HTTP : VD_CAMERA_RTSP;
    }
    small.sub_url = NULL;
    of_main.packet = on_packet;
    vd_err err = camera_open(&small, &of_sub, NULL, SUB_MAPS + 1, &pair->sub, why);
    if (!err) err = camera_open(&large, &of_main, pair, 1, &pair->main_stream, why);
    return err;
}

vd_err camera_pair_start(const vd_camera_config *config, const vd_camera_sink *sink,
                         vd_camera **ret_main, vd_why *why)
{
    camera_pair *pair = calloc(1, sizeof *pair);
    if (!pair) return vd_fail(why, VD_FULL, "no memory for a camera");
    pthread_mutex_init(&pair->call, NULL);
    pair->sink = *sink;
    pthread_mutex_lock(&pair->call); /* callbacks wait until both are known */
    vd_err err = open_both(pair, config, why);
    if (!err) {
        *ret_main = pair->main_stream;
        pthread_mutex_unlock(&pair->call);
        return VD_OK;
    }
    if (pair->sub) vd_camera_stop(pair->sub); /* it has nothing to tell any more */
    pthread_mutex_unlock(&pair->call);
    vd_camera_free(pair->sub);
    camera_pair_free(pair);
    return err;
}

void camera_pair_free(camera_pair *pair)
{
    if (!pair) return;
    pthread_mutex_destroy(&pair->call);
    free(pair);
}
