/* child_http.c - MJPEG over HTTP and HTTPS. FFmpeg's MJPEG demuxer is not used: it ends at the
 * first boundary that is not as announced. */
#include <strings.h>
#include <unistd.h>

#include "child_web_priv.h"
#include "jpegs.h"
#include "vd/clock.h"

#define OPEN_PATIENCES 2 /* until the first picture */
#define READ_AT        65536

typedef struct {
    web *bytes;
    AVPacket *first; /* read while opening: the stream's size is in it */
    jpeg_cutter cutter;
    int64_t start_us; /* monotonic */
    uint64_t pictures;
} http_source;

static bool is_kind(const http_source *source, const char *start)
{
    return strncasecmp(web_type(source->bytes), start, strlen(start)) == 0;
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
        const int got = web_read(source->bytes, part, sizeof part);
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
    err = web_open(input, &source->bytes, &why);
    if (!err && is_kind(source, "text/")) err = no_pictures(input, &why);
    if (!err) err = read_packet(input, source->first, &why);
    if (err) link_fail(input->link, err, &why);
    input->stream->codecpar->width = source->cutter.walk.width_px;
    input->stream->codecpar->height = source->cutter.walk.height_px;
    input->opening = false;
}
