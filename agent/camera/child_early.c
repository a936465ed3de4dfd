/* child_early.c - a picture of an RTSP camera as soon as it is whole, not when the next one begins.
 *
 * RTP marks the last packet of a picture, but FFmpeg's demuxer keeps the mark for itself and its
 * parser needs the next picture's first bytes. So, over plain TCP, the header of the packet that
 * FFmpeg will read next is looked at in the socket (MSG_PEEK) for its mark, and FFmpeg hands out
 * what was in it unparsed (AVFMT_FLAG_NOPARSE), a piece at a time:
 *
 *   PROBED    What FFmpeg read while it looked for the stream's form comes first. Its parser is
 *             then told that reading was interrupted, upon which it gives away the piece of a
 *             picture that it holds and goes.
 *   LEARNING  Pieces go through a parser as before, which says where pictures end: when the next
 *             one begins. The marks are compared with it. Cameras that mark otherwise stay here.
 *   JOINING   The marks were right for LEARN_PICTURES in a row, a key picture among them. Pieces of
 *             one RTP time are joined until the mark, or until the time changes where the mark was
 *             not seen. A piece of a picture that was believed whole: back to LEARNING, for longer.
 *   LEFT      B-frames have come: FFmpeg's own path knows best how to put times in order.
 *
 * Where there is no such socket (UDP, TLS) or pictures are reordered from the start, FFmpeg's own
 * path is never left. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_priv.h"
#include "vd/clock.h"

#define LEARN_PICTURES 16
#define LEARN_LONGER   8 /* doublings at most */
#define FDS            64
#define PEEK_BYTES     512 /* reports that come before a picture, and its first header */
#define FRAME_BYTES    4   /* '$', channel, length */
#define RTP_BYTES      12
#define SILENCE_US     10000000
#define REPORTED_US    500000 /* a picture's time, mostly */
#define PART_US        20000
#define WAIT_MS        100 /* how soon the agent is heard meanwhile */

typedef enum {
    MARK_UNSEEN,
    MARK_NONE,
    MARK_LAST,
    MARK_REPORTED, /* not yet: a report of the camera's clock came, and nothing behind it */
    MARK_PART,     /* not yet: a part of the header came */
    MARK_SILENT,   /* nothing came */
} mark;

typedef struct {
    int fd;
    AVPacket *piece; /* read last; size 0: none */
    int used;        /* of the piece, by the parser */
    mark mark;       /* of the piece */
    uint32_t offset; /* of FFmpeg's times from RTP's */
    AVPacket *ahead; /* PROBED: read, but it may be the last */
    bool probed;
    AVCodecContext *context;
    AVCodecParserContext *splitter; /* NULL: joining */
    AVCodecParserContext *reader;   /* of whole pictures */
    AVPacket *unit;                 /* being joined; size 0: nothing yet */
    int64_t done_pts;               /* of the picture given away last */
    unsigned right, marks;          /* pictures in a row; marks since the last picture */
    unsigned strikes;
    bool marked_before; /* the piece before this one had the mark */
    bool unseen;        /* since the last picture a piece's mark was not seen */
    bool key_seen;      /* among those that were right */
    bool reordered;     /* B-frames have come */
} early;

/* The one connection that we have; -1: none, or more than one. */
static int find_connection(void)
{
    int found = -1;
    for (int fd = WIRE_FD + 1; fd < FDS; fd++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t peer_bytes = sizeof peer, kind_bytes = sizeof(int);
        int kind = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &kind_bytes) < 0 || kind != SOCK_STREAM ||
            getpeername(fd, (struct sockaddr *)&peer, &peer_bytes) < 0 ||
            (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
            continue;
        if (found >= 0) return -1;
        found = fd;
    }
    return found;
}

/* ---- the mark of the packet that is read next ---- */

static mark mark_in(const uint8_t *bytes, size_t len, uint32_t *ret_time)
{
    for (;;) {
        if (len < FRAME_BYTES + RTP_BYTES) return len ? MARK_PART : MARK_REPORTED;
        if (bytes[0] != '$' || bytes[FRAME_BYTES] >> 6 != 2) return MARK_UNSEEN;
        const size_t frame = FRAME_BYTES + (size_t)(bytes[2] << 8 | bytes[3]);
        const uint8_t kind = bytes[FRAME_BYTES + 1];
        if (frame < FRAME_BYTES + RTP_BYTES) return MARK_UNSEEN;
        memcpy(ret_time, bytes + FRAME_BYTES + 4, sizeof *ret_time);
        if (kind < 192 || kind > 223) return kind & 0x80 ? MARK_LAST : MARK_NONE; /* RFC 5761 */
        if (frame >= PEEK_BYTES - FRAME_BYTES - RTP_BYTES) return MARK_UNSEEN;
        if (frame > len) return MARK_PART; /* of a report: what comes behind it? */
        bytes += frame;
        len -= frame;
    }
}

/* What the socket holds now. */
static mark peek(int fd, uint32_t *ret_time)
{
    uint8_t head[PEEK_BYTES];
    const ssize_t got = recv(fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return mark_in(head, (size_t)got, ret_time);
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? MARK_SILENT : MARK_UNSEEN;
}

/* Waits for the next packet's header. Unseen: FFmpeg shall find out what there is. Who waits for
 * the rest of a part without reading waits for ever where the camera waits for room to send it. */
static mark next_mark(child_input *input, int fd, uint32_t *ret_time)
{
    const int64_t start_us = vd_clock_mono_us();
    mark before = MARK_SILENT;
    int64_t since_us = start_us;
    for (;;) {
        const mark seen = peek(fd, ret_time);
        const int64_t now_us = vd_clock_mono_us();
        if (seen <= MARK_LAST) return seen;
        if (seen != before) since_us = now_us;
        before = seen;
        if (seen == MARK_SILENT) {
            struct pollfd ready = { .fd = fd, .events = POLLIN };
            poll(&ready, 1, WAIT_MS);
            if (now_us > start_us + SILENCE_US) return MARK_SILENT;
        } else {
            if (now_us > since_us + (seen == MARK_PART ? PART_US : REPORTED_US)) return MARK_UNSEEN;
            link_poll(input->link, 1);
        }
        if (input_asked_to_stop(input)) return MARK_SILENT;
    }
}

/* FFmpeg may have found nothing in that packet and gone on to the next: then the times differ. */
static void check_mark(early *self, uint32_t rtp_time)
{
    if (self->mark == MARK_UNSEEN) return;
    const uint32_t offset = (uint32_t)self->piece->pts - ntohl(rtp_time);
    if (offset != self->offset) self->mark = MARK_UNSEEN;
    self->offset = offset;
}

static int next_piece(child_input *input)
{
    early *self = input->source;
    uint32_t rtp_time = 0;
    int error = 0;
    do {
        av_packet_unref(self->piece);
        self->mark = next_mark(input, self->fd, &rtp_time);
        if (self->mark == MARK_SILENT) return AVERROR(ETIMEDOUT);
        error = av_read_frame(input->format, self->piece);
    } while (error == AVERROR(EAGAIN) ||
             (error >= 0 && self->piece->stream_index != input->stream->index));
    if (error >= 0) check_mark(self, rtp_time);
    self->used = 0;
    return error;
}

/* ---- pictures ---- */

static void set_key(early *self, const AVCodecParserContext *parser, AVPacket *packet)
{
    const bool key = parser->key_frame == 1 ||
                     (parser->key_frame == -1 && parser->pict_type == AV_PICTURE_TYPE_I);
    packet->flags &= ~AV_PKT_FLAG_KEY;
    if (key) packet->flags |= AV_PKT_FLAG_KEY;
    if (parser->pict_type == AV_PICTURE_TYPE_B) self->reordered = true;
}

static AVCodecParserContext *parser_new(const early *self)
{
    AVCodecParserContext *parser = av_parser_init((int)self->context->codec_id);
    if (!parser) _exit(3);
    return parser;
}

/* A picture that the splitter put out. */
static void take_split(early *self, const uint8_t *data, int bytes, AVPacket *packet)
{
    if (av_new_packet(packet, bytes) < 0 || av_packet_copy_props(packet, self->piece) < 0) _exit(3);
    memcpy(packet->data, data, (size_t)bytes);
    packet->pts = packet->dts = self->splitter->pts;
    set_key(self, self->splitter, packet);
}

/* The splitter says that a picture ended with the piece before: was that what the marks said? */
static void judge(early *self, bool key)
{
    const bool right = self->marks == 1 && self->marked_before;
    const bool unknown = self->marks == 0 && self->unseen;
    if (!right && !unknown) self->right = 0;
    if (right) self->right++;
    self->key_seen = self->right && (self->key_seen || (right && key));
    self->marks = 0;
    self->unseen = false;
}

static bool learned(const early *self)
{
    return self->right >= (unsigned)LEARN_PICTURES << self->strikes && self->key_seen;
}

/* FFmpeg's own path again; we are between two pictures. */
static void leave(child_input *input)
{
    input->format->flags &= ~AVFMT_FLAG_NOPARSE;
    input->read = NULL;
}

/* The picture is whole: its last piece is in the splitter, which is not needed any more. */
static bool finish_split(child_input *input, AVPacket *packet)
{
    early *self = input->source;
    uint8_t *data = NULL;
    int bytes = 0;
    av_parser_parse2(self->splitter, self->context, &data, &bytes, NULL, 0, AV_NOPTS_VALUE,
                     AV_NOPTS_VALUE, -1);
    if (bytes) take_split(self, data, bytes, packet);
    av_parser_close(self->splitter);
    self->splitter = NULL;
    self->done_pts = self->piece->pts;
    input->held = false;
    return bytes > 0;
}

/* True: there is a picture in `packet`. */
static bool split(child_input *input, AVPacket *packet)
{
    early *self = input->source;
    AVPacket *piece = self->piece;
    while (self->used < piece->size) {
        uint8_t *data = NULL;
        int bytes = 0;
        const int64_t pts = self->used ? AV_NOPTS_VALUE : piece->pts;
        self->used +=
            av_parser_parse2(self->splitter, self->context, &data, &bytes, piece->data + self->used,
                             piece->size - self->used, pts, AV_NOPTS_VALUE, -1);
        if (!bytes) continue;
        take_split(self, data, bytes, packet);
        judge(self, (packet->flags & AV_PKT_FLAG_KEY) != 0);
        input->held = true;
        return true;
    }
    self->marked_before = self->mark == MARK_LAST;
    self->marks += self->marked_before;
    self->unseen |= self->mark == MARK_UNSEEN;
    const bool over =
        self->marked_before && self->marks == 1 && learned(self) && finish_split(input, packet);
    if (over && self->reordered) leave(input);
    av_packet_unref(piece);
    return over;
}

static void give_unit(child_input *input, AVPacket *packet)
{
    early *self = input->source;
    uint8_t *data = NULL;
    int bytes = 0;
    av_packet_move_ref(packet, self->unit);
    av_parser_parse2(self->reader, self->context, &data, &bytes, packet->data, packet->size,
                     packet->pts, AV_NOPTS_VALUE, -1);
    set_key(self, self->reader, packet);
    packet->dts = packet->pts;
    self->done_pts = packet->pts;
    input->held = false;
}

static void append(early *self)
{
    AVPacket *unit = self->unit, *piece = self->piece;
    const int before = unit->size;
    if (!before) {
        av_packet_move_ref(unit, piece);
        return;
    }
    if (piece->size > (int)WIRE_PACKET_MAX - before) return; /* too long to be sent anyway */
    if (av_grow_packet(unit, piece->size) < 0) _exit(3);
    memcpy(unit->data + before, piece->data, (size_t)piece->size);
}

static void learn_again(early *self)
{
    if (self->strikes < LEARN_LONGER) self->strikes++;
    self->splitter = parser_new(self);
    self->right = self->marks = 0;
    self->key_seen = self->marked_before = false;
}

/* True: there is a picture in `packet`. */
static bool join(child_input *input, AVPacket *packet)
{
    early *self = input->source;
    const bool last = self->mark == MARK_LAST;
    if (self->unit->size && self->unit->pts != self->piece->pts) {
        give_unit(input, packet); /* the piece begins the next one */
        return true;
    }
    if (!self->unit->size && self->piece->pts == self->done_pts) {
        learn_again(self);
        return false;
    }
    append(self);
    av_packet_unref(self->piece);
    if (!last) return false;
    give_unit(input, packet);
    if (self->reordered) leave(input);
    return true;
}

static vd_err read_early(child_input *input, AVPacket *packet, vd_why *why)
{
    early *self = input->source;
    for (;;) {
        if (!self->piece->size) {
            const int error = next_piece(input);
            if (error < 0) return input_why(input->config, error, why);
        }
        if (self->splitter ? split(input, packet) : join(input, packet)) return VD_OK;
    }
}

/* ---- what was read before ---- */

/* The next packet that FFmpeg has without reading on; its parser is gone when there is none. */
static bool have_probed(child_input *input, AVPacket *packet)
{
    int error = 0;
    input->interrupted = true;
    do {
        av_packet_unref(packet);
        error = av_read_frame(input->format, packet);
    } while (error >= 0 && packet->stream_index != input->stream->index);
    input->interrupted = false;
    return error >= 0;
}

/* All but the last packet are whole; that one is the beginning of what comes now. */
static vd_err read_probed(child_input *input, AVPacket *packet, vd_why *why)
{
    early *self = input->source;
    if (!self->ahead->size && !have_probed(input, self->ahead)) av_packet_unref(self->ahead);
    if (self->ahead->size && have_probed(input, self->piece)) {
        av_packet_move_ref(packet, self->ahead);
        av_packet_move_ref(self->ahead, self->piece);
        return VD_OK;
    }
    av_packet_unref(self->piece);
    av_packet_move_ref(self->piece, self->ahead);
    self->mark = MARK_UNSEEN;
    input->format->flags |= AVFMT_FLAG_NOPARSE;
    input->read = read_early;
    return read_early(input, packet, why);
}

void early_open(child_input *input)
{
    const AVCodecParameters *stream = input->stream->codecpar;
    early *self = NULL;
    if (input->config->transport != VD_RTSP_TCP || stream->video_delay > 0 ||
        strncasecmp(input->config->url, "rtsp://", 7) != 0 ||
        (stream->codec_id != AV_CODEC_ID_H264 && stream->codec_id != AV_CODEC_ID_HEVC))
        return;
    const int fd = find_connection();
    if (fd < 0) return;
    self = calloc(1, sizeof *self);
    if (!self || !(self->piece = av_packet_alloc()) || !(self->unit = av_packet_alloc()) ||
        !(self->ahead = av_packet_alloc()) || !(self->context = avcodec_alloc_context3(NULL)) ||
        avcodec_parameters_to_context(self->context, stream) < 0)
        _exit(3);
    self->fd = fd;
    self->done_pts = AV_NOPTS_VALUE;
    self->splitter = parser_new(self);
    self->reader = parser_new(self);
    self->reader->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    input->source = self;
    input->read = read_probed;
}
