/* child_usb.c - a USB camera through Video4Linux: the driver fills buffers that it shares with us,
 * we copy each out and give it back at once.
 *
 *   QUERYCAP, ENUM_FMT -> choose -> S_FMT, S_PARM -> REQBUFS, QUERYBUF + map, QBUF -> STREAMON
 *   -> { wait, DQBUF, copy, QBUF } until the device is unplugged (ENODEV)
 *
 * The device is opened by the agent. Plain requests are few and each is on the sandbox's list,
 * which FFmpeg's own reader, which opens by name, could not be. Pictures that the camera does not
 * compress are encoded for those who keep packets. */
#include <errno.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <unistd.h>

#include "child_priv.h"
#include "child_usb_priv.h"
#include "vd/clock.h"

#define BUFFERS_MAX 4
#define FORMATS_MAX 64
#define WAIT_MS     100

typedef struct {
    const char *name;
    uint32_t fourcc;
    enum AVCodecID codec;
    enum AVPixelFormat raw;
} usb_format;

/* The best first: what needs no work, then what needs least. */
static const usb_format formats[] = {
    { "h264", V4L2_PIX_FMT_H264, AV_CODEC_ID_H264, AV_PIX_FMT_NONE },
    { "mjpeg", V4L2_PIX_FMT_MJPEG, AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE },
    { "mjpeg", V4L2_PIX_FMT_JPEG, AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE },
    { "nv12", V4L2_PIX_FMT_NV12, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_NV12 },
    { "i420", V4L2_PIX_FMT_YUV420, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_YUV420P },
    { "yuyv", V4L2_PIX_FMT_YUYV, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_YUYV422 },
};

typedef struct {
    int fd;
    const usb_format *format;
    struct v4l2_pix_format pix;
    struct {
        uint8_t *at;
        size_t len;
    } buffer[BUFFERS_MAX];
    unsigned buffers;
    int64_t start_us; /* monotonic */
    jpeg_encoder encoder;
    AVFrame *frame; /* of raw pictures, without bytes of its own */
} usb_source;

static vd_err usb_why(const child_input *input, const char *what, vd_why *why)
{
    const int error = errno;
    vd_err err = VD_RETRY;
    if (error == ENODEV || error == ENXIO || error == ESHUTDOWN) {
        vd_fail(why, err, "the camera was unplugged");
        vd_why_hint(why, "plug it in again, it is found by itself; a path under /dev/v4l/by-id "
                         "stays the same");
    } else if (error == EBUSY) {
        vd_fail(why, err, "another program uses the camera");
        vd_why_hint(why, "end that program; the camera is tried again by itself");
    } else if (error == ENOTTY) {
        err = vd_fail(why, VD_INVALID, "this is no device that takes pictures");
        vd_why_hint(why, "`v4l2-ctl --list-devices` names the cameras");
    } else {
        vd_fail(why, err, "the camera's driver refuses to %s", what);
        vd_why_hint(why, "plug the camera in again, or try another 'size' or 'format'");
    }
    vd_why_detail(why, "%.200s: %s", input->config->url, strerror(error));
    return err;
}

static vd_err check_device(const child_input *input, const usb_source *source, vd_why *why)
{
    struct v4l2_capability able = { 0 };
    if (usb_control(source->fd, VIDIOC_QUERYCAP, &able) < 0)
        return usb_why(input, "say what it is", why);
    const uint32_t caps =
        able.capabilities & V4L2_CAP_DEVICE_CAPS ? able.device_caps : able.capabilities;
    if (caps & V4L2_CAP_VIDEO_CAPTURE && caps & V4L2_CAP_STREAMING) return VD_OK;
    vd_fail(why, VD_INVALID, "this device does not stream pictures");
    vd_why_detail(why, "%.200s: %.31s", input->config->url, (const char *)able.card);
    vd_why_hint(why, "a camera has several devices: take the one that `v4l2-ctl --list-devices` "
                     "names first");
    return VD_INVALID;
}

static bool asked_for(const wire_config *config, const usb_format *format)
{
    return config->usb_format[0] == 0 || strcmp(config->usb_format, format->name) == 0;
}

/* Also writes the offer, for people, into `text`. */
static const usb_format *choose(const child_input *input, const usb_source *source, char *text,
                                size_t room)
{
    const usb_format *best = NULL;
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < FORMATS_MAX; i++) {
        struct v4l2_fmtdesc offer = { .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
        if (usb_control(source->fd, VIDIOC_ENUM_FMT, &offer) < 0) break;
        for (int at = 0; at < 4 && used + 3 < room; at++) {
            const char letter = (char)(offer.pixelformat >> 8 * at & 0x7f);
            text[used++] = letter > ' ' ? letter : '?';
        }
        text[used++] = ' ';
        text[used] = 0;
        for (size_t k = 0; k < VD_COUNT_OF(formats); k++)
            if (formats[k].fourcc == offer.pixelformat && asked_for(input->config, &formats[k]) &&
                (!best || &formats[k] < best))
                best = &formats[k];
    }
    return best;
}

static vd_err choose_format(const child_input *input, usb_source *source, vd_why *why)
{
    char offered[200];
    const char *asked = input->config->usb_format;
    source->format = choose(input, source, offered, sizeof offered);
    if (source->format) return VD_OK;
    vd_fail(why, VD_INVALID,
            asked[0] ? "the camera does not offer the format asked for"
                     : "the camera offers no format that can be used");
    vd_why_detail(why, "%.100s offers %.180s", input->config->url,
                  offered[0] ? offered : "nothing at all");
    vd_why_hint(why, asked[0] ? "leave 'format' out to take the best there is"
                              : "H264, MJPG, NV12, YU12 and YUYV can be used");
    return VD_INVALID;
}

/* What the driver says about its raw pictures, before anything is read by it. */
static bool layout_fits(const usb_source *source)
{
    const struct v4l2_pix_format *pix = &source->pix;
    if (pix->width < 1 || pix->height < 1 || pix->width > WIRE_SIDE_MAX ||
        pix->height > WIRE_SIDE_MAX)
        return false;
    const enum AVPixelFormat raw = source->format->raw;
    if (raw == AV_PIX_FMT_NONE) return true;
    const int line = av_image_get_linesize(raw, (int)pix->width, 0);
    return line > 0 && pix->bytesperline >= (uint32_t)line &&
           pix->bytesperline <= 4 * WIRE_SIDE_MAX && pix->width % 2 == 0 && pix->height % 2 == 0;
}

static vd_err set_format(const child_input *input, usb_source *source, vd_why *why)
{
    const wire_config *config = input->config;
    const bool raw = source->format->raw != AV_PIX_FMT_NONE;
    struct v4l2_format wish = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
    wish.fmt.pix.width = config->usb_width ? config->usb_width : raw ? 640 : 1280;
    wish.fmt.pix.height = config->usb_height ? config->usb_height : raw ? 480 : 720;
    wish.fmt.pix.pixelformat = source->format->fourcc;
    wish.fmt.pix.field = V4L2_FIELD_ANY;
    if (usb_control(source->fd, VIDIOC_S_FMT, &wish) < 0)
        return usb_why(input, "take this format", why);
    source->pix = wish.fmt.pix; /* the nearest that it can do */
    if (source->pix.pixelformat == source->format->fourcc && layout_fits(source)) return VD_OK;
    vd_fail(why, VD_INVALID, "the camera's driver gives another format than it offers");
    vd_why_detail(why, "%.200s: %u x %u, %u bytes a line", config->url, source->pix.width,
                  source->pix.height, source->pix.bytesperline);
    vd_why_hint(why, "ask for another 'format' or 'size'");
    return VD_INVALID;
}

/* The rate is a wish: what the camera makes of it is seen by its pictures. */
static void set_rate(const child_input *input, const usb_source *source)
{
    struct v4l2_streamparm wish = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
    if (!input->config->usb_fps) return;
    wish.parm.capture.timeperframe =
        (struct v4l2_fract){ .numerator = 1, .denominator = input->config->usb_fps };
    (void)usb_control(source->fd, VIDIOC_S_PARM, &wish);
}

static vd_err map_buffers(const child_input *input, usb_source *source, vd_why *why)
{
    struct v4l2_requestbuffers wish = { .count = BUFFERS_MAX,
                                        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                        .memory = V4L2_MEMORY_MMAP };
    if (usb_control(source->fd, VIDIOC_REQBUFS, &wish) < 0)
        return usb_why(input, "share its pictures", why);
    source->buffers = wish.count < BUFFERS_MAX ? wish.count : BUFFERS_MAX;
    for (uint32_t i = 0; i < source->buffers; i++) {
        struct v4l2_buffer buffer = { .index = i,
                                      .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                      .memory = V4L2_MEMORY_MMAP };
        if (usb_control(source->fd, VIDIOC_QUERYBUF, &buffer) < 0)
            return usb_why(input, "share its pictures", why);
        source->buffer[i].len = buffer.length;
        source->buffer[i].at = usb_map(source->fd, buffer.length, buffer.m.offset);
        if (!source->buffer[i].at || usb_control(source->fd, VIDIOC_QBUF, &buffer) < 0)
            return usb_why(input, "share its pictures", why);
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (source->buffers && usb_control(source->fd, VIDIOC_STREAMON, &type) == 0) return VD_OK;
    return usb_why(input, "start", why);
}

/* The planes in a buffer of `len` bytes; false: the picture is not all there. */
static bool planes_of(const usb_source *source, uint8_t *at, size_t len, AVFrame *ret_frame)
{
    const struct v4l2_pix_format *pix = &source->pix;
    const size_t line = pix->bytesperline, rows = pix->height;
    const bool i420 = source->format->raw == AV_PIX_FMT_YUV420P;
    const bool nv12 = source->format->raw == AV_PIX_FMT_NV12;
    ret_frame->data[0] = at;
    ret_frame->linesize[0] = (int)line;
    if (nv12 || i420) ret_frame->data[1] = at + line * rows;
    if (nv12) ret_frame->linesize[1] = (int)line;
    if (i420) {
        ret_frame->linesize[1] = ret_frame->linesize[2] = (int)line / 2;
        ret_frame->data[2] = ret_frame->data[1] + line / 2 * (rows / 2);
    }
    return line * rows + (nv12 || i420 ? line * rows / 2 : 0) <= len;
}

/* A raw picture without gaps in `packet`, and as JPEG in `input->recorded`. */
static vd_err take_raw(child_input *input, uint8_t *at, size_t len, AVPacket *packet, vd_why *why)
{
    usb_source *source = input->source;
    AVFrame *frame = source->frame;
    const enum AVPixelFormat raw = source->format->raw;
    const int width = (int)source->pix.width, height = (int)source->pix.height;
    const int bytes = av_image_get_buffer_size(raw, width, height, 1);
    if (!planes_of(source, at, len, frame)) return VD_RETRY;
    if (bytes <= 0 || av_new_packet(packet, bytes) < 0)
        return vd_fail(why, VD_FULL, "no memory for pictures");
    if (av_image_copy_to_buffer(packet->data, bytes, (const uint8_t *const *)frame->data,
                                frame->linesize, raw, width, height, 1) < 0 ||
        av_image_fill_arrays(frame->data, frame->linesize, packet->data, raw, width, height, 1) < 0)
        return VD_RETRY;
    frame->width = width;
    frame->height = height;
    frame->format = raw;
    if (is_encoded(input->config)) return VD_OK; /* nobody keeps JPEGs */
    av_packet_unref(input->recorded);
    return jpeg_encode(&source->encoder, frame, input->recorded, why);
}

/* Annex B: a picture that needs no other has parameter sets or an IDR slice. */
static bool h264_key(const AVPacket *packet)
{
    for (int i = 0; i + 3 < packet->size; i++) {
        const uint8_t *at = packet->data + i;
        if (at[0] || at[1] || at[2] != 1) continue;
        if ((at[3] & 0x1f) == 5 || (at[3] & 0x1f) == 7) return true;
        if ((at[3] & 0x1f) == 1) return false;
    }
    return false;
}

static vd_err take_bytes(child_input *input, uint8_t *at, size_t len, AVPacket *packet, vd_why *why)
{
    usb_source *source = input->source;
    if (len == 0 || len > WIRE_PACKET_MAX) return VD_RETRY;
    if (source->format->raw != AV_PIX_FMT_NONE) return take_raw(input, at, len, packet, why);
    if (av_new_packet(packet, (int)len) < 0) return vd_fail(why, VD_FULL, "no memory for pictures");
    memcpy(packet->data, at, len);
    return VD_OK;
}

static void set_times(const usb_source *source, const struct v4l2_buffer *buffer, AVPacket *packet)
{
    const bool ours =
        (buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    const int64_t taken_us =
        (int64_t)buffer->timestamp.tv_sec * 1000000 + (int64_t)buffer->timestamp.tv_usec;
    packet->pts = packet->dts = (ours ? taken_us : vd_clock_mono_us()) - source->start_us;
    if (source->format->codec != AV_CODEC_ID_H264 || h264_key(packet))
        packet->flags |= AV_PKT_FLAG_KEY;
}

/* VD_RETRY: no picture yet, or a damaged one. */
static vd_err next_picture(child_input *input, AVPacket *packet, vd_why *why)
{
    usb_source *source = input->source;
    struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP };
    link_poll(input->link, 0);
    if (!usb_ready(source->fd, WAIT_MS)) return VD_RETRY;
    if (usb_control(source->fd, VIDIOC_DQBUF, &buffer) < 0) {
        if (errno == EAGAIN) return VD_RETRY;
        usb_why(input, "give a picture", why);
        return VD_IO;
    }
    if (buffer.index >= source->buffers || buffer.bytesused > source->buffer[buffer.index].len) {
        vd_fail(why, VD_IO, "the camera's driver gives pictures that it does not have");
        return VD_IO;
    }
    vd_err err = VD_RETRY;
    if (!(buffer.flags & V4L2_BUF_FLAG_ERROR))
        err = take_bytes(input, source->buffer[buffer.index].at, buffer.bytesused, packet, why);
    if (!err) set_times(source, &buffer, packet);
    if (err == VD_RETRY) input->link->count.damaged++;
    if (usb_control(source->fd, VIDIOC_QBUF, &buffer) < 0 && !err) {
        usb_why(input, "take a buffer back", why);
        err = VD_IO;
    }
    return err;
}

static vd_err usb_read(child_input *input, AVPacket *packet, vd_why *why)
{
    vd_err err;
    while ((err = next_picture(input, packet, why)) == VD_RETRY) av_packet_unref(packet);
    return err;
}

static void describe(child_input *input, const usb_source *source)
{
    AVCodecParameters *stream = NULL;
    const bool raw = source->format->raw != AV_PIX_FMT_NONE;
    input_stream_new(input, raw ? AV_CODEC_ID_MJPEG : source->format->codec);
    stream = input->stream->codecpar;
    stream->width = (int)source->pix.width;
    stream->height = (int)source->pix.height;
    if (!raw) return;
    input->decoded = avcodec_parameters_alloc();
    input->recorded = av_packet_alloc();
    if (!input->decoded || !input->recorded || avcodec_parameters_copy(input->decoded, stream) < 0)
        _exit(3);
    input->decoded->codec_id = AV_CODEC_ID_RAWVIDEO;
    input->decoded->format = source->format->raw;
}

void usb_open(child_input *input)
{
    usb_source *source = calloc(1, sizeof *source);
    vd_why why = { 0 };
    if (!source || !(source->frame = av_frame_alloc())) _exit(3);
    source->fd = input->file_fd;
    source->start_us = vd_clock_mono_us();
    input->source = source;
    input->read = usb_read;
    vd_err err = check_device(input, source, &why);
    if (!err) err = choose_format(input, source, &why);
    if (!err) err = set_format(input, source, &why);
    if (!err) set_rate(input, source);
    if (!err) err = map_buffers(input, source, &why);
    if (err) link_fail(input->link, err, &why);
    describe(input, source);
}
