/* child_priv.h - the pieces of vedette-camera, the process that meets the camera's bytes.
 * One thread. Order of events: read CONFIG, enter the sandbox, say HELLO, open, then read, decode
 * and send until the input ends or the agent goes away. */
#ifndef VD_CAMERA_CHILD_PRIV_H
#define VD_CAMERA_CHILD_PRIV_H
#include <stdlib.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "camera.h"
#include "camera_wire_priv.h"
#include "child_gate_priv.h"
#include "trust.h"

/* ---- child_sandbox.c ---- */
/* Limits, no new privileges, nobody instead of root, a seccomp allow-list; a call outside the list
 * kills the process. There is no way back. */
enum {
    SANDBOX_NETWORK = 1, /* sockets may be made (RTSP) */
    SANDBOX_DRIVER = 2, /* a hardware decoder's driver works in the process; see docs/decoding.md */
    SANDBOX_CAPTURE = 4, /* the requests to Video4Linux that a camera needs */
};
VD_MUST_USE vd_err sandbox_enter(unsigned needs, vd_why *why);

/* ---- child_hw.c: hardware decoders ---- */
typedef enum { HW_NONE, HW_VAAPI, HW_CUDA, HW_V4L2M2M, HW_KINDS } hw_kind;
const char *hw_name(hw_kind kind); /* "software", "vaapi", "cuda", "v4l2m2m" */

typedef struct {
    hw_kind kind;        /* HW_NONE: decode in software */
    AVBufferRef *device; /* of VAAPI and CUDA */
} child_hw;

/* Which of those that are there (bit per hw_kind) `wanted` ("off", "auto", a name) means: the first
 * in the order of hw_kind. With HW_NONE *why says what is missing; it stays empty when nothing was
 * asked for by name. */
hw_kind hw_choose(const char *wanted, unsigned there, vd_why *why);
/* Before the sandbox and before any foreign byte: looks for what is there, opens it. */
void hw_open(child_hw *hw, const char *wanted, vd_why *why);
/* A decoder context for the stream, not opened yet, with the hardware tied to it; NULL: this
 * hardware has no decoder for this codec. */
AVCodecContext *hw_decoder(const child_hw *hw, enum AVCodecID codec, const AVCodec **ret_decoder);
/* Whether what came from the decoder lies in the hardware; it is then fetched into the frame. */
VD_MUST_USE vd_err hw_fetch(AVFrame *frame);
void hw_close(child_hw *hw);

/* ---- child_link.c: the socket, the shared pictures ---- */
typedef struct {
    uint32_t id;
    uint8_t *base;
    uint64_t slot_bytes;
    uint32_t lent;  /* bit per slot: the agent has it */
    uint32_t held;  /* bit per slot: the decoder has it */
    uint32_t used;  /* bit per slot: since the last look for unused ones */
    uint32_t there; /* bit per slot: it takes memory */
    bool current;
} child_map;

typedef struct {
    int fd;
    int64_t beat_us; /* when the last BEAT went */
    int64_t trim_us; /* when the last look for unused slots was */
    wire_beat count;
    child_map *map; /* NULL: none yet */
    wire_still still;
    int still_fd;
    bool want_pictures; /* as the agent said last */
    bool have_still;    /* the agent handed over a file: the reader takes it and sets this back */
    int64_t awake_until_utc_us; /* the agent's last wish; 0: none yet */
} child_link;

/* Every function that talks ends the process when the agent has gone away. */
void link_config(child_link *link, wire_config *ret_config, int *ret_file_fd);
void link_send(child_link *link, wire_head *head);
void link_send_with(child_link *link, wire_head *head, size_t head_bytes, vd_slice rest);
void link_beat(child_link *link, bool now);
/* Handles what the agent sent; waits up to timeout_ms for it, with heartbeats. */
void link_poll(child_link *link, int timeout_ms);
/* What the packets from now on are. */
void link_stream(child_link *link, const AVCodecParameters *parameters, AVRational rate);
void link_packet(child_link *link, const AVPacket *packet, int64_t utc_us);
void link_note(child_link *link, const vd_why *why);
_Noreturn void link_fail(child_link *link, vd_err err, const vd_why *why);
_Noreturn void link_end(child_link *link);
/* Makes sure that the current map's slots have slot_bytes. */
void link_map(child_link *link, uint64_t slot_bytes);
/* A slot that nobody has, leaving at least `spare` free after it; -1: none. */
int map_slot_free(const child_map *map, int spare);
void map_slot_release(child_map *map, int slot); /* the decoder lets go */
/* Somebody is about to fill it: it takes memory until it has not been used for a while. */
static inline void map_slot_use(child_map *map, int slot)
{
    map->used |= 1u << slot;
    map->there |= 1u << slot;
}
static inline uint8_t *map_slot(const child_map *map, int slot)
{
    return map->base + (uint64_t)slot * map->slot_bytes;
}

/* ---- child_clock.c: media time to UTC ---- */
typedef struct {
    vd_time_source source;
    bool set;
    int64_t offset_us;      /* utc = pts + offset */
    int64_t camera_skew_us; /* camera's clock minus ours, by its last report */
    bool held;              /* the demuxer let this packet go when the next one began */
    bool have_before;       /* held: what came with the packet before belongs to this one */
    int64_t before_report_us, before_now_us;
} media_clock;

/* A camera whose clock is further from ours than this is not believed. */
#define MEDIA_CLOCK_SKEW_MAX_US 10000000
void media_clock_arrival(media_clock *clock, int64_t pts_us, int64_t now_utc_us);
void media_clock_rtcp(media_clock *clock, int64_t pts_us, int64_t camera_utc_us,
                      int64_t now_utc_us);
/* A packet came at now_utc_us; report_us is the camera's wall clock that came with it, 0: none. */
void media_clock_packet(media_clock *clock, int64_t pts_us, int64_t report_us, int64_t now_utc_us);
void media_clock_file(media_clock *clock, int64_t start_utc_us);
int32_t media_clock_skew_ms(const media_clock *clock);
int64_t media_clock_utc(const media_clock *clock, int64_t pts_us);

/* ---- child_input.c ---- */
typedef struct child_input child_input;
struct child_input {
    child_link *link;
    const wire_config *config;
    /* A source of our own; NULL: FFmpeg's. Packets with pts and dts in microseconds. */
    vd_err (*read)(child_input *input, AVPacket *packet, vd_why *why);
    void *source;               /* its own state */
    AVPacket *recorded;         /* what goes to those who keep packets; NULL: the packet itself */
    AVCodecParameters *decoded; /* what the decoder gets; NULL: the stream's */
    int64_t capture_us;         /* UTC, of the packet read last; 0: the clock says it */
    AVFormatContext *format;
    AVIOContext *file; /* for a file camera: our own reader over the fd that the agent opened */
    int file_fd;
    SSL_CTX *tls;   /* of HTTP */
    vd_trust trust; /* which certificate is right */
    AVStream *stream;
    int64_t give_up_us; /* opening: when to stop waiting */
    bool opening, timed_out;
    bool interrupted;    /* FFmpeg shall not wait now for what it does not have */
    bool held;           /* the packet read last waited for the next one to begin */
    int64_t first_us;    /* media time that counts as 0 */
    int64_t loop_us;     /* added to every time: what earlier rounds took */
    int64_t last_dts_us; /* of the packet before, loop included */
    int64_t latest_us;   /* the greatest pts so far */
    int64_t step_us;     /* one picture's time, a guess for files without times */
    bool have_first, started;
};

void input_open(child_input *input);
/* VD_OK: a packet of the video stream with pts and dts in microseconds of media time, rising over
 * loops; VD_GONE: the end. */
VD_MUST_USE vd_err input_read(child_input *input, AVPacket *packet, vd_why *why);
/* What went wrong, in words, for an FFmpeg error. */
vd_err input_why(const wire_config *config, int averror, vd_why *why);

/* For sources of our own: a stream of this kind, of an unknown size. */
void input_stream_new(child_input *input, enum AVCodecID codec);
/* True: FFmpeg shall give up what it waits for. Tells the agent that we live. */
int input_asked_to_stop(void *input);
/* "scheme://user:password@host/path": FFmpeg knows no other way in. Stays in this process. */
bool input_url_with_user(const wire_config *config, vd_buf *into);

/* ---- child_web.c ---- */
/* Before the sandbox: reads the authorities. */
VD_MUST_USE vd_err web_prepare(child_input *input, vd_why *why);

/* ---- child_http.c: JPEG behind JPEG over HTTP; child_still.c: files from a folder ---- */
void http_open(child_input *input);
void still_open(child_input *input);
/* child_early.c: an opened RTSP stream's pictures as soon as they are whole, where that can be. */
void early_open(child_input *input);
/* child_usb.c: a Video4Linux device. */
void usb_open(child_input *input);

/* ---- child_encode.c: pictures of any kind to JPEG, for those who keep packets ---- */
typedef struct {
    AVCodecContext *codec;
    AVFrame *frame;
    struct SwsContext *sws;
} jpeg_encoder;
/* A JPEG of the frame in `packet`. */
VD_MUST_USE vd_err jpeg_encode(jpeg_encoder *encoder, const AVFrame *frame, AVPacket *packet,
                               vd_why *why);

/* ---- child_stream.c: parameters that change under way ---- */
typedef struct {
    AVCodecParameters *now;
    AVCodecContext *context;
    AVCodecParserContext *parser;
} stream_watch;

VD_MUST_USE vd_err stream_watch_open(stream_watch *watch, const AVCodecParameters *parameters,
                                     vd_why *why);
/* True: with this packet the stream becomes another; `now` says which. */
bool stream_watch_changed(stream_watch *watch, const AVPacket *packet);
void stream_watch_close(stream_watch *watch);

/* ---- child_mask.c: pictures with parts that nobody may see ---- */
typedef struct {
    uint32_t row, from, until; /* in cells of 2 x 2 pixels */
} mask_span;

typedef struct {
    const wire_config *config;
    AVFrame *picture; /* the last one, painted */
    struct SwsContext *sws;
    mask_span *span; /* of pictures of that size */
    size_t span_count, span_room;
} child_masks;

/* Pictures are painted (if there are masks) and encoded, and that is what those who keep packets
 * get. */
static inline bool is_encoded(const wire_config *config)
{
    return config->mask_count > 0 || config->encode;
}
/* VD_INVALID: what the agent sent are no masks. */
VD_MUST_USE vd_err masks_open(child_masks *masks, const wire_config *config, vd_why *why);
/* The frame as I420 with all masks painted; the picture is ours until the next call, and nothing
 * but its pixels, times and colours is the frame's. On failure nothing may be shown. */
VD_MUST_USE vd_err masks_paint(child_masks *masks, const AVFrame *frame, AVFrame **ret_picture,
                               vd_why *why);
void masks_done(child_masks *masks);

/* ---- child_video.c: painted pictures to H.264 ---- */
typedef struct {
    child_link *link;
    const media_clock *clock;
    AVRational rate; /* of the source; 0/1: unknown */
    int64_t source_bit_rate;
    AVCodecContext *codec;
    AVPacket *packet;
    int64_t last_us, key_us;
    bool started;
} video_encoder;

/* Tells the agent what will come, before there is a picture. */
void video_announce(video_encoder *video, int width_px, int height_px);
/* Sends the picture's packet, and before it the stream when that is new. */
VD_MUST_USE vd_err video_put(video_encoder *video, AVFrame *picture, vd_why *why);
void video_end(video_encoder *video);

/* ---- child_decode.c ---- */
typedef struct {
    child_link *link;
    const wire_config *config;
    const media_clock *clock;
    AVCodecContext *codec;
    AVCodecParameters *parameters; /* to open another decoder when the hardware fails */
    child_masks *masks;            /* NULL: pictures are not encoded */
    video_encoder *video;          /* likewise */
    bool keys_only;                /* encoded ones: only key pictures are shown */
    child_hw hw;
    unsigned hw_failures; /* in a row */
    AVFrame *frame;
    struct SwsContext *sws;
    int64_t due_us; /* max_fps: the earliest media time of the next picture */
    bool have_due;
    int64_t shown_us;               /* media time of the last picture that went to the agent */
    int64_t after_us;               /* pictures up to this media time are decoded but not shown */
    unsigned key_cells;             /* 0: no key picture since they were asked for */
    uint16_t key_light[GATE_CELLS]; /* of the last key picture, with VD_DECODE_AUTO */
} child_decoder;

VD_MUST_USE vd_err decoder_open(child_decoder *decoder, const AVCodecParameters *parameters,
                                vd_why *why);
/* NULL drains what the decoder still has. */
void decoder_put(child_decoder *decoder, const AVPacket *packet);
void decoder_close(child_decoder *decoder);
/* Forgets what was decoded: the next packet is a key packet. */
void decoder_restart(child_decoder *decoder);
/* Decodes one key packet alone; `rough`: cheaper, good enough to compare. Needs decoder_restart
 * before and after. The frame is the decoder's: unref it. NULL: there is no picture in it. */
AVFrame *decoder_look(child_decoder *decoder, const AVPacket *packet, bool rough);
void decoder_show(child_decoder *decoder, const AVFrame *frame);
bool picture_full_range(const AVFrame *frame);
/* Any frame in memory to planes of I420. */
bool picture_to_i420(struct SwsContext **sws, const AVFrame *frame, uint8_t *const planes[4],
                     const int strides[4]);
/* Mean luma of up to GATE_CELLS cells, of CELL_SIDE pixels or more each way. Returns how many; 0:
 * the picture is not of 8 bits, or smaller than that. */
#define CELL_SIDE 8
unsigned decoder_light(const AVFrame *frame, uint16_t *ret_cells);

/* ---- child_late.c: what is decoded, and when ---- */
#define LATE_PACKETS 1024
#define LATE_BYTES   ((size_t)16 << 20)

typedef struct {
    gate gate;
    child_decoder *decoder;
    const wire_config *config;
    AVPacket *packet[LATE_PACKETS]; /* a ring: kept while asleep, owed while late */
    unsigned first, count;
    size_t bytes;
    int64_t woke_us;     /* monotonic */
    int64_t from_dts_us; /* the first packet that was owed then */
    int64_t unable_us;   /* no sleeping before this media time */
    bool lost;           /* what comes before the next key packet cannot be decoded */
} child_late;

void late_open(child_late *late, child_decoder *decoder, const wire_config *config);
void late_put(child_late *late, const AVPacket *packet);
/* The stream is over: what is owed is decoded. */
void late_end(child_late *late);
#endif
