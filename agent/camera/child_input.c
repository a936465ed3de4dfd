/* child_input.c - the camera's bytes: an RTSP session or a file, down to one video stream's packets
 * with times that only rise. */
#include <errno.h>
#include <unistd.h>

#include "child_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define OPEN_US       10000000 /* a camera that has not shown a picture's form by then is away */
#define FILE_BUFFER   65536
#define STEP_GUESS_US 40000
#define NEW_TIME_US   1000000 /* a step back this long is a new time line, not disorder */

/* FFmpeg asks this while it waits for the network: our only chance to tell that we live. */
int input_asked_to_stop(void *arg)
{
    child_input *input = arg;
    link_poll(input->link, 0);
    if (input->opening && vd_clock_mono_us() > input->give_up_us) input->timed_out = true;
    return input->timed_out || input->interrupted;
}

static int file_read(void *arg, uint8_t *into, int room)
{
    child_input *input = arg;
    link_beat(input->link, false);
    const ssize_t got = read(input->file_fd, into, (size_t)room);
    if (got < 0) return AVERROR(errno);
    return got == 0 ? AVERROR_EOF : (int)got;
}

static int64_t file_seek(void *arg, int64_t offset, int whence)
{
    const child_input *input = arg;
    if (whence == AVSEEK_SIZE) {
        const off_t here = lseek(input->file_fd, 0, SEEK_CUR);
        const off_t end = lseek(input->file_fd, 0, SEEK_END);
        lseek(input->file_fd, here, SEEK_SET);
        return end < 0 ? AVERROR(errno) : end;
    }
    const off_t at = lseek(input->file_fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

bool input_url_with_user(const wire_config *config, vd_buf *into)
{
    vd_slice rest;
    const vd_slice url = vd_slice_str(config->url);
    const vd_slice scheme = vd_slice_cut(url, ':', &rest);
    if (config->user[0] == 0) return vd_buf_add(into, url);
    return vd_buf_add(into, scheme) && vd_buf_add_str(into, "://") &&
           vd_url_encode(vd_slice_str(config->user), into) && vd_buf_add_byte(into, ':') &&
           vd_url_encode(vd_slice_str(config->password), into) && vd_buf_add_byte(into, '@') &&
           vd_buf_add(into, vd_slice_from(rest, 2));
}

typedef struct {
    int error;
    vd_err err;
    const char *fact, *hint;
} input_words;

static const input_words words[] = {
    { AVERROR_HTTP_UNAUTHORIZED, VD_DENIED, "the camera refused the user or password",
      "check user and password of this camera; some cameras have a separate RTSP user" },
    { AVERROR_HTTP_FORBIDDEN, VD_DENIED, "the camera forbids this user to watch the stream",
      "give the user the right to watch live pictures in the camera's settings" },
    { AVERROR_HTTP_NOT_FOUND, VD_ABSENT, "the camera has no stream at this address",
      "check the path after the host in the camera's address" },
    { AVERROR(ECONNREFUSED), VD_RETRY, "nothing answers at the camera's address",
      "check host and port, and that this kind of stream is switched on in the camera" },
    { AVERROR(EHOSTUNREACH), VD_RETRY, "there is no way to the camera's host",
      "check the cable, the network and the address" },
    { AVERROR(ENETUNREACH), VD_RETRY, "there is no way to the camera's network",
      "check the cable, the network and the address" },
    { AVERROR(ETIMEDOUT), VD_RETRY, "the camera does not answer",
      "check that it is on and that no firewall is between" },
    { AVERROR_EXIT, VD_RETRY, "the camera does not answer",
      "check that it is on and that no firewall is between" },
    { AVERROR(EIO), VD_RETRY, "the camera's host cannot be reached or found by name",
      "check the host name in the camera's address" },
    { AVERROR_EOF, VD_RETRY, "the camera closed the connection",
      "connecting again by itself; many watchers at once can be too much for a camera" },
    { AVERROR(ECONNRESET), VD_RETRY, "the camera closed the connection",
      "connecting again by itself; many watchers at once can be too much for a camera" },
    { AVERROR(EPIPE), VD_RETRY, "the camera closed the connection",
      "connecting again by itself; many watchers at once can be too much for a camera" },
    { AVERROR_PROTOCOL_NOT_FOUND, VD_INVALID, "this address is of no kind that can be opened",
      "give rtsp://host/path or the path of a video file" },
};

vd_err input_why(const wire_config *config, int averror, vd_why *why)
{
    char text[128] = "";
    av_strerror(averror, text, sizeof text);
    for (size_t i = 0; i < VD_COUNT_OF(words); i++) {
        if (words[i].error != averror) continue;
        if (config->kind == VD_CAMERA_FILE) break;
        vd_fail(why, words[i].err, "%s", words[i].fact);
        vd_why_detail(why, "%.300s", config->url);
        vd_why_hint(why, "%s", words[i].hint);
        return words[i].err;
    }
    if (config->kind == VD_CAMERA_FILE) {
        vd_fail(why, VD_INVALID, "this file is no video that can be played");
        vd_why_hint(why, "give an MP4, MKV, AVI or MPEG file with H.264, H.265, MJPEG or MPEG-4");
    } else {
        vd_fail(why, VD_RETRY, "the camera's answer cannot be used");
        vd_why_hint(why, "check the address, and that it names a stream of pictures");
    }
    vd_why_detail(why, "%.180s: %s", config->url, text);
    return config->kind == VD_CAMERA_FILE ? VD_INVALID : VD_RETRY;
}

static _Noreturn void open_fail(child_input *input, int averror)
{
    vd_why why = { 0 };
    if (input->timed_out) averror = AVERROR(ETIMEDOUT);
    const vd_err err = input_why(input->config, averror, &why);
    link_fail(input->link, err, &why);
}

static void rtsp_options(const wire_config *config, AVDictionary **options)
{
    av_dict_set(options, "rtsp_transport", config->transport == VD_RTSP_UDP ? "udp" : "tcp", 0);
    av_dict_set(options, "allowed_media_types", "video", 0);
    av_dict_set(options, "user_agent", "Vedette", 0);
    av_dict_set(options, "timeout", "10000000", 0);
    av_dict_set(options, "buffer_size", "1048576",
                0); /* UDP: a whole key frame may arrive at once */
    av_dict_set(options, "protocol_whitelist", "rtsp,rtsps,rtp,tcp,udp,tls", 0);
    av_dict_set(options, "analyzeduration", "1000000", 0);
    av_dict_set(options, "fpsprobesize", "2", 0);
}

/* FFmpeg's RTSP client hands nothing down to its TLS: whoever shows whatever is let in. */
static void check_rtsps(const child_input *input)
{
    vd_why why = { 0 };
    if (strncmp(input->config->url, "rtsps://", 8) != 0 || input->config->insecure) return;
    vd_fail(&why, VD_DENIED, "the certificate of an rtsps:// camera cannot be checked");
    vd_why_detail(&why, "%.300s", input->config->url);
    vd_why_hint(&why, "say insecure: true to use it all the same; nothing is protected from "
                      "somebody who is between");
    link_fail(input->link, VD_DENIED, &why);
}

static void file_open(child_input *input)
{
    uint8_t *buffer = av_malloc(FILE_BUFFER);
    input->file = avio_alloc_context(buffer, FILE_BUFFER, 0, input, file_read, NULL, file_seek);
    if (!input->file) _exit(3);
    input->format->pb = input->file;
}

static void choose_stream(child_input *input)
{
    const int best = av_find_best_stream(input->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best < 0) {
        vd_why why = { 0 };
        vd_fail(&why, VD_INVALID, "there is no video in it");
        vd_why_detail(&why, "%.300s", input->config->url);
        link_fail(input->link, VD_INVALID, &why);
    }
    for (unsigned i = 0; i < input->format->nb_streams; i++)
        input->format->streams[i]->discard = (int)i == best ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    input->stream = input->format->streams[best];
    const AVRational rate = input->stream->avg_frame_rate;
    input->step_us =
        rate.num > 0 && rate.den > 0 ? av_rescale(1000000, rate.den, rate.num) : STEP_GUESS_US;
}

static void media_open(child_input *input)
{
    const bool is_file = input->config->kind == VD_CAMERA_FILE;
    VD_AUTO(vd_buf) url = VD_BUF(2 * WIRE_URL_MAX);
    AVDictionary *options = NULL;

    check_rtsps(input);
    input->format = avformat_alloc_context();
    if (!input->format || !input_url_with_user(input->config, &url)) _exit(3);
    input->format->interrupt_callback = (AVIOInterruptCB){ input_asked_to_stop, input };
    input->opening = true;
    input->give_up_us = vd_clock_mono_us() + OPEN_US;
    if (is_file) {
        file_open(input);
        av_dict_set(&options, "protocol_whitelist", "none", 0);
    } else {
        rtsp_options(input->config, &options);
    }
    const AVInputFormat *kind = is_file ? NULL : av_find_input_format("rtsp");
    int error = avformat_open_input(&input->format, is_file ? "" : url.data, kind, &options);
    vd_wipe(url.data, url.len);
    av_dict_free(&options);
    if (error >= 0) error = avformat_find_stream_info(input->format, NULL);
    if (error < 0) open_fail(input, error);
    choose_stream(input);
    input->opening = input->timed_out = false;
    input->held = !is_file && input->stream->codecpar->codec_id != AV_CODEC_ID_MJPEG;
    if (!is_file) early_open(input);
}

void input_stream_new(child_input *input, enum AVCodecID codec)
{
    input->format = avformat_alloc_context();
    input->stream = input->format ? avformat_new_stream(input->format, NULL) : NULL;
    if (!input->stream) _exit(3);
    input->stream->time_base = (AVRational){ 1, 1000000 };
    input->stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    input->stream->codecpar->codec_id = codec;
    input->step_us = STEP_GUESS_US;
}

void input_open(child_input *input)
{
    if (input->config->kind == VD_CAMERA_HTTP) {
        http_open(input);
    } else if (input->config->kind == VD_CAMERA_FOLDER) {
        still_open(input);
    } else if (input->config->kind == VD_CAMERA_USB) {
        usb_open(input);
    } else {
        media_open(input);
    }
}

/* Back to the first picture; times go on where they are. */
static int rewind_file(child_input *input)
{
    input->loop_us = input->latest_us + input->step_us;
    input->have_first = false;
    int error = av_seek_frame(input->format, input->stream->index, INT64_MIN, AVSEEK_FLAG_BACKWARD);
    if (error < 0) error = avformat_seek_file(input->format, -1, INT64_MIN, 0, INT64_MAX, 0);
    return error;
}

/* A camera's packets may come mixed up, or its clock may begin anew: what goes out only rises. */
static void keep_rising(child_input *input, int64_t *dts_us, int64_t *pts_us)
{
    const int64_t back_us = input->last_dts_us - *dts_us;
    if (!input->started || back_us < 0) return;
    if (back_us > NEW_TIME_US) {
        const int64_t shift_us = back_us + input->step_us;
        input->loop_us += shift_us;
        *dts_us += shift_us;
        *pts_us += shift_us;
    }
    if (*dts_us <= input->last_dts_us) *dts_us = input->last_dts_us + 1;
    if (*pts_us < *dts_us) *pts_us = *dts_us;
}

static void set_times(child_input *input, AVPacket *packet)
{
    const AVRational us = { 1, 1000000 };
    const int64_t guess_us = input->last_dts_us + input->step_us;
    int64_t dts_us = packet->dts, pts_us = packet->pts;

    if (dts_us != AV_NOPTS_VALUE) dts_us = av_rescale_q(dts_us, input->stream->time_base, us);
    if (pts_us != AV_NOPTS_VALUE) pts_us = av_rescale_q(pts_us, input->stream->time_base, us);
    if (dts_us == AV_NOPTS_VALUE && pts_us == AV_NOPTS_VALUE) {
        dts_us = pts_us = input->have_first ? guess_us : input->loop_us;
        if (!input->have_first) input->first_us = 0;
    } else {
        if (dts_us == AV_NOPTS_VALUE) dts_us = pts_us;
        if (pts_us == AV_NOPTS_VALUE) pts_us = dts_us;
        if (!input->have_first) input->first_us = pts_us;
        dts_us += input->loop_us - input->first_us;
        pts_us += input->loop_us - input->first_us;
    }
    keep_rising(input, &dts_us, &pts_us);
    input->have_first = input->started = true;
    input->last_dts_us = dts_us;
    if (pts_us > input->latest_us) input->latest_us = pts_us;
    packet->dts = dts_us;
    packet->pts = pts_us;
}

vd_err input_read(child_input *input, AVPacket *packet, vd_why *why)
{
    const bool loops = input->config->kind == VD_CAMERA_FILE && input->config->loop;
    if (input->read) {
        const vd_err err = input->read(input, packet, why);
        if (!err) set_times(input, packet);
        if (!err && input->recorded) {
            input->recorded->pts = input->recorded->dts = packet->pts;
            input->recorded->flags |= AV_PKT_FLAG_KEY;
        }
        return err;
    }
    for (bool rewound = false;;) {
        int error = av_read_frame(input->format, packet);
        if (error >= 0 && packet->stream_index == input->stream->index) break;
        if (error >= 0) {
            av_packet_unref(packet);
            continue;
        }
        if (error == AVERROR(EAGAIN)) continue;
        if (input->config->kind != VD_CAMERA_FILE) return input_why(input->config, error, why);
        if (!loops) return VD_GONE;
        if (rewound || rewind_file(input) < 0) /* twice without a packet: nothing to play */
            return vd_fail(why, VD_INVALID, "the file cannot be played again from its start");
        rewound = true;
    }
    set_times(input, packet);
    return VD_OK;
}
