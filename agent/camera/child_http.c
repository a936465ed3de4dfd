/* child_http.c - MJPEG over HTTP. FFmpeg's client speaks HTTP, TLS and signs in (basic, digest);
 * its MJPEG demuxer is not used: it ends at the first boundary that is not as announced. */
#include <libavutil/opt.h>
#include <strings.h>
#include <unistd.h>

#include "child_priv.h"
#include "jpegs.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define OPEN_PATIENCES 2 /* until the first picture */
#define READ_AT        65536

typedef struct {
    AVIOContext *bytes;
    AVPacket *first; /* read while opening: the stream's size is in it */
    jpeg_cutter cutter;
    int64_t start_us; /* monotonic */
    uint64_t pictures;
} http_source;

static bool is_kind(const http_source *source, const char *start)
{
    uint8_t *kind = NULL;
    const bool found = av_opt_get(source->bytes, "mime_type", AV_OPT_SEARCH_CHILDREN, &kind) >= 0 &&
                       kind && strncasecmp((const char *)kind, start, strlen(start)) == 0;
    av_free(kind);
    return found;
}

static vd_err no_pictures(const child_input *input, vd_why *why)
{
    const http_source *source = input->source;
    if (is_kind(source, "text/")) {
        vd_fail(why, VD_INVALID, "the camera answers with a text or web page, not with pictures");
        vd_why_hint(why, "give the address of its MJPEG stream, not that of its page");
    } else if (is_kind(source, "image/")) {
        vd_fail(why, VD_INVALID, "this address gives one picture, not a stream of them");
        vd_why_hint(why, "give the address of the camera's MJPEG stream");
    } else {
        vd_fail(why, VD_INVALID, "what the camera sends holds no JPEG pictures");
        vd_why_hint(why, "only MJPEG is read over HTTP; for H.264 give the camera's RTSP address");
    }
    vd_why_detail(why, "%.300s", input->config->url);
    return VD_INVALID;
}

/* The next picture's bytes, borrowed from the cutter. */
static vd_err next_picture(child_input *input, vd_slice *ret_picture, vd_why *why)
{
    http_source *source = input->source;
    uint8_t part[READ_AT];
    for (;;) {
        const vd_err err = jpeg_cutter_next(&source->cutter, ret_picture);
        if (err == VD_INVALID) return no_pictures(input, why);
        if (!err) return VD_OK;
        const int got = avio_read_partial(source->bytes, part, sizeof part);
        if (input->timed_out) return input_why(input->config, AVERROR(ETIMEDOUT), why);
        const bool end = got == 0 || got == AVERROR_EOF;
        if (end && source->pictures <= 1 && !is_kind(source, "multipart/"))
            return no_pictures(input, why);
        if (got <= 0) return input_why(input->config, got ? got : AVERROR_EOF, why);
        link_beat(input->link, false);
        jpeg_cutter_add(&source->cutter, vd_slice_of(part, (size_t)got));
    }
}

static vd_err read_packet(child_input *input, AVPacket *packet, vd_why *why)
{
    http_source *source = input->source;
    vd_slice picture;
    const vd_err err = next_picture(input, &picture, why);
    if (err) return err;
    source->pictures++;
    if (av_new_packet(packet, (int)picture.len) < 0)
        return vd_fail(why, VD_FULL, "no memory to read");
    memcpy(packet->data, picture.data, picture.len);
    packet->pts = packet->dts = vd_clock_mono_us() - source->start_us;
    packet->flags |= AV_PKT_FLAG_KEY;
    return VD_OK;
}

static vd_err http_read(child_input *input, AVPacket *packet, vd_why *why)
{
    http_source *source = input->source;
    if (!source->first) return read_packet(input, packet, why);
    av_packet_move_ref(packet, source->first);
    av_packet_free(&source->first);
    return VD_OK;
}

static int connect_to(child_input *input, http_source *source)
{
    const AVIOInterruptCB interrupt = { input_asked_to_stop, input };
    VD_AUTO(vd_buf) url = VD_BUF(2 * WIRE_URL_MAX);
    AVDictionary *options = NULL;
    if (!input_url_with_user(input->config, &url)) _exit(3);
    av_dict_set(&options, "protocol_whitelist", "http,https,tcp,tls", 0);
    av_dict_set(&options, "user_agent", "Vedette", 0);
    av_dict_set(&options, "seekable", "0", 0);
    av_dict_set(&options, "icy", "0", 0);
    av_dict_set(&options, "timeout", "6000000", 0);
    const int error = avio_open2(&source->bytes, url.data, AVIO_FLAG_READ, &interrupt, &options);
    vd_wipe(url.data, url.len);
    av_dict_free(&options);
    return error;
}

void http_open(child_input *input)
{
    http_source *source = calloc(1, sizeof *source);
    vd_why why = { 0 };
    vd_err err = VD_OK;
    if (!source || !(source->first = av_packet_alloc())) _exit(3);
    source->cutter = JPEG_CUTTER(WIRE_PACKET_MAX);
    source->start_us = vd_clock_mono_us();
    input->source = source;
    input->read = http_read;
    input->opening = true;
    input->give_up_us =
        source->start_us + OPEN_PATIENCES * input->config->patience_ms * INT64_C(1000);
    input_stream_new(input, AV_CODEC_ID_MJPEG);
    const int error = connect_to(input, source);
    if (error < 0)
        err = input_why(input->config, input->timed_out ? AVERROR(ETIMEDOUT) : error, &why);
    else if (is_kind(source, "text/"))
        err = no_pictures(input, &why);
    if (!err) err = read_packet(input, source->first, &why);
    if (err) link_fail(input->link, err, &why);
    input->stream->codecpar->width = source->cutter.walk.width_px;
    input->stream->codecpar->height = source->cutter.walk.height_px;
    input->opening = false;
}
