/* child_main.c - vedette-camera: one camera's demuxer and decoder, alone in a sandbox. Started by
 * vedette-agent only; it takes no arguments and speaks camera_wire_priv.h on descriptor 3. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child_priv.h"
#include "vd/clock.h"

/* Played files at full speed get days that are the same in every run. */
#define FAST_START_UTC_US INT64_C(946684800000000) /* 2000-01-01 */

#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:abort_on_error=1"; /* the leak checker needs ptrace */
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:print_stacktrace=1";
}
#endif

typedef struct {
    child_link link;
    wire_config config;
    child_input input;
    stream_watch watch; /* when not */
    child_masks masks;
    video_encoder video; /* when is_encoded */
    child_decoder decoder;
    child_late late;
    media_clock clock;
    int64_t start_mono_us; /* file at real pace: when its time 0 was */
} child;

static void set_clock(child *self, const AVPacket *packet)
{
    if (self->config.kind == VD_CAMERA_FILE) return;
    if (self->input.capture_us) {
        media_clock_file(&self->clock, self->input.capture_us - packet->pts);
        return;
    }
    size_t bytes = 0;
    const int64_t now_us = vd_clock_utc_us();
    const AVProducerReferenceTime *report =
        (const void *)av_packet_get_side_data(packet, AV_PKT_DATA_PRFT, &bytes);
    self->clock.held = self->input.held;
    media_clock_packet(&self->clock, packet->pts,
                       report && bytes >= sizeof *report ? report->wallclock : 0, now_us);
}

/* Waits until the file's own time has come. */
static void keep_pace(child *self, const AVPacket *packet)
{
    if (self->config.kind != VD_CAMERA_FILE || self->config.pace != VD_PACE_REAL) {
        link_poll(&self->link, 0);
        return;
    }
    const int64_t due_us = self->start_mono_us + packet->dts / self->config.speed;
    do {
        const int64_t left_us = due_us - vd_clock_mono_us();
        link_poll(&self->link, left_us > 0 ? (int)((left_us + 999) / 1000) : 0);
    } while (vd_clock_mono_us() < due_us);
}

static void open_decoder(child *self)
{
    vd_why why = { 0 };
    const AVCodecParameters *stream = self->watch.now;
    const vd_err err =
        decoder_open(&self->decoder, self->input.decoded ? self->input.decoded : stream, &why);
    if (err) link_fail(&self->link, err, &why);
    late_open(&self->late, &self->decoder, &self->config);
}

/* The agent changes its mind about a stream that was only kept: decoding begins at a key packet. */
static void heed_wish(child *self, const AVPacket *packet)
{
    const bool decodes = !self->config.packets_only;
    if (self->link.want_pictures == decodes) return;
    if (decodes) {
        late_end(&self->late);
        decoder_close(&self->decoder);
        self->decoder =
            (child_decoder){ .link = &self->link, .config = &self->config, .clock = &self->clock };
    } else if (packet->flags & AV_PKT_FLAG_KEY) {
        open_decoder(self);
    } else {
        return;
    }
    self->config.packets_only = decodes;
}

/* To those who keep packets, as it came. */
static void hand_on(child *self, const AVPacket *packet)
{
    const AVPacket *kept = self->input.recorded ? self->input.recorded : packet;
    if (stream_watch_changed(&self->watch, kept))
        link_stream(&self->link, self->watch.now, self->input.stream->avg_frame_rate);
    if (kept->size > 0 && (uint32_t)kept->size <= WIRE_PACKET_MAX) self->link.count.packets++;
    link_packet(&self->link, kept, media_clock_utc(&self->clock, kept->pts));
    heed_wish(self, packet);
}

static void play(child *self)
{
    vd_why why = { 0 };
    AVPacket *packet = av_packet_alloc();
    vd_err err = packet ? VD_OK : vd_fail(&why, VD_FULL, "no memory to read");
    while (!err) {
        err = input_read(&self->input, packet, &why);
        if (err) break;
        keep_pace(self, packet);
        set_clock(self, packet);
        if (is_encoded(&self->config))
            self->link.count.packets++; /* its picture is what goes on */
        else
            hand_on(self, packet);
        if (!self->config.packets_only) late_put(&self->late, packet);
        av_packet_unref(packet);
    }
    if (err != VD_GONE) link_fail(&self->link, err, &why);
    if (!self->config.packets_only) late_end(&self->late);
    if (is_encoded(&self->config)) video_end(&self->video);
    masks_done(&self->masks);
    link_end(&self->link);
}

static int64_t first_picture_utc(const wire_config *config)
{
    if (config->pace == VD_PACE_FAST) return FAST_START_UTC_US;
    return config->from_utc_us ? config->from_utc_us : vd_clock_utc_us();
}

/* Every picture is decoded, painted and encoded, whoever wants to see it. */
static void start_encoded(child *self)
{
    const AVStream *stream = self->input.stream;
    self->video.link = &self->link;
    self->video.clock = &self->clock;
    self->video.rate = stream->avg_frame_rate;
    self->video.source_bit_rate = stream->codecpar->bit_rate;
    self->decoder.masks = &self->masks;
    self->decoder.video = &self->video;
    video_announce(&self->video, stream->codecpar->width, stream->codecpar->height);
}

static void start(child *self)
{
    vd_why why = { 0 };
    input_open(&self->input);
    vd_err err = stream_watch_open(&self->watch, self->input.stream->codecpar, &why);
    if (err) link_fail(&self->link, err, &why);
    if (is_encoded(&self->config))
        start_encoded(self);
    else
        link_stream(&self->link, self->watch.now, self->input.stream->avg_frame_rate);
    self->start_mono_us = vd_clock_mono_us();
    if (self->config.kind == VD_CAMERA_FILE)
        media_clock_file(&self->clock, first_picture_utc(&self->config));
    if (!self->config.packets_only) open_decoder(self);
}

/* Nothing that the agent had open may be here but the socket and the standard three. */
static bool started_by_agent(void)
{
    struct stat about;
    const bool ours = fstat(WIRE_FD, &about) == 0 && S_ISSOCK(about.st_mode);
    close_range(WIRE_FD + 1, ~0u, 0);
    return ours && fcntl(WIRE_FD, F_SETFD, FD_CLOEXEC) == 0;
}

static unsigned needs_of(unsigned kind)
{
    switch ((vd_camera_kind)kind) {
    case VD_CAMERA_ONVIF: /* never: its stream is RTSP */
    case VD_CAMERA_RTSP:
    case VD_CAMERA_HTTP: return SANDBOX_NETWORK;
    case VD_CAMERA_USB: return SANDBOX_CAPTURE;
    case VD_CAMERA_FILE:
    case VD_CAMERA_FOLDER: return 0;
    }
    return 0;
}

/* Whatever the gate would say: what is not decoded cannot be encoded. */
static void heed_masks(child *self)
{
    vd_why why = { 0 };
    wire_config *config = &self->config;
    if (masks_open(&self->masks, config, &why)) link_fail(&self->link, VD_INVALID, &why);
    if (!is_encoded(config)) return;
    self->decoder.keys_only = config->decode == VD_DECODE_KEY;
    config->decode = VD_DECODE_ALL;
    config->packets_only = false;
}

int main(void)
{
    if (!started_by_agent()) {
        fputs("vedette-camera is started by vedette-agent; there is nothing to do by hand\n",
              stderr);
        return 2;
    }
    child *self = calloc(1, sizeof *self);
    if (!self) return 3;
    self->link.fd = WIRE_FD;
    link_config(&self->link, &self->config, &self->input.file_fd);
    self->input.link = self->decoder.link = &self->link;
    self->input.config = self->decoder.config = &self->config;
    self->decoder.clock = &self->clock;
    av_log_set_level(AV_LOG_QUIET); /* its lines may hold the address with the password */

    vd_why why = { 0 }, note = { 0 };
    heed_masks(self);
    hw_open(&self->decoder.hw, self->config.packets_only ? "off" : self->config.hwaccel, &note);
    const unsigned needs = needs_of(self->config.kind) |
                           (self->decoder.hw.kind != HW_NONE ? (unsigned)SANDBOX_DRIVER : 0u);
    vd_err err = web_prepare(&self->input, &why);
    if (!err) err = sandbox_enter(needs, &why);
    if (err) link_fail(&self->link, err, &why);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which clears it */
    if (getppid() != self->config.parent_pid) return 0;
    self->link.count.head = (wire_head)WIRE_HEAD(WIRE_HELLO, sizeof self->link.count);
    link_send(&self->link, &self->link.count.head);
    if (note.fact[0]) link_note(&self->link, &note);
    start(self);
    play(self);
}
