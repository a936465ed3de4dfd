/* rtsp_peer_priv.h - a scripted RTSP camera for tests: one watcher, RTP within the connection, and
 * no packet before the test says so. Include once per test program. */
#ifndef VD_CAMERA_RTSP_PEER_PRIV_H
#define VD_CAMERA_RTSP_PEER_PRIV_H
#include <arpa/inet.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <sys/socket.h>

#include "camera_test_priv.h"

#define FILM_MAX  128
#define RTP_MOST  1200u
#define RTP_START 0xffffc000u /* the times wrap soon */

/* One picture as the camera sends it: each NAL unit behind 00 00 00 01. */
typedef struct {
    uint8_t *data;
    size_t bytes;
    int64_t pts; /* of 1/90000 s, from 0 */
    bool key;
} film_unit;

typedef struct {
    film_unit unit[FILM_MAX];
    size_t count;
    bool hevc, reordered;
} peer_film;

typedef struct {
    int listener, fd;
    char url[64];
    const peer_film *film;
    uint16_t sequence;
    bool mark_each; /* the mark on the last packet of each NAL unit */
    bool mark_never;
    bool lose_last; /* the last packet of a picture gets lost */
    bool lose_first;
} rtsp_peer;

/* Where the NAL unit at `from`, which begins behind its start code, ends. */
static inline size_t nal_end(const uint8_t *data, size_t bytes, size_t from)
{
    for (size_t at = from; at + 3 <= bytes; at++) {
        if (data[at] != 0 || data[at + 1] != 0 || data[at + 2] != 1) continue;
        return at > from && data[at - 1] == 0 ? at - 1 : at;
    }
    return bytes;
}

static inline size_t nal_start(const uint8_t *data, size_t bytes, size_t from)
{
    while (from < bytes && data[from] == 0) from++;
    return from + 1 <= bytes ? from + 1 : bytes;
}

static inline void film_add(peer_film *into, const AVPacket *packet)
{
    static const uint8_t code[4] = { 0, 0, 0, 1 };
    film_unit *unit = &into->unit[into->count++];
    const size_t bytes = (size_t)packet->size;
    *unit = (film_unit){ .data = calloc(1, 2 * bytes + 16),
                         .pts = packet->pts,
                         .key = (packet->flags & AV_PKT_FLAG_KEY) != 0 };
    for (size_t at = nal_start(packet->data, bytes, 0); at < bytes;) {
        const size_t end = nal_end(packet->data, bytes, at);
        memcpy(unit->data + unit->bytes, code, sizeof code);
        memcpy(unit->data + unit->bytes + sizeof code, packet->data + at, end - at);
        unit->bytes += sizeof code + end - at;
        at = nal_start(packet->data, bytes, end);
    }
}

/* The pictures of a file with H.264 or H.265. */
static inline void film_open(peer_film *into, const char *path)
{
    AVFormatContext *format = NULL;
    AVBSFContext *filter = NULL;
    AVPacket *packet = av_packet_alloc();
    memset(into, 0, sizeof *into);
    expect_true(packet && avformat_open_input(&format, path, NULL, NULL) >= 0);
    expect_true(avformat_find_stream_info(format, NULL) >= 0);
    const AVStream *stream = format->streams[0];
    into->reordered = stream->codecpar->video_delay > 0;
    into->hevc = stream->codecpar->codec_id == AV_CODEC_ID_HEVC;
    const char *name = into->hevc ? "hevc_mp4toannexb" : "h264_mp4toannexb";
    expect_true(av_bsf_alloc(av_bsf_get_by_name(name), &filter) >= 0);
    expect_true(avcodec_parameters_copy(filter->par_in, stream->codecpar) >= 0);
    expect_true(av_bsf_init(filter) >= 0);
    while (into->count < FILM_MAX && av_read_frame(format, packet) >= 0) {
        expect_true(av_bsf_send_packet(filter, packet) >= 0);
        expect_true(av_bsf_receive_packet(filter, packet) >= 0);
        av_packet_rescale_ts(packet, stream->time_base, (AVRational){ 1, 90000 });
        film_add(into, packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    av_bsf_free(&filter);
    avformat_close_input(&format);
}

static inline void film_close(peer_film *it)
{
    for (size_t i = 0; i < it->count; i++) free(it->unit[i].data);
}

static inline void peer_open(rtsp_peer *peer, const peer_film *film)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof here;
    *peer = (rtsp_peer){ .film = film, .fd = -1 };
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    expect_true(bind(peer->listener, (struct sockaddr *)&here, sizeof here) == 0);
    expect_true(listen(peer->listener, 1) == 0);
    expect_true(getsockname(peer->listener, (struct sockaddr *)&here, &bytes) == 0);
    snprintf(peer->url, sizeof peer->url, "rtsp://127.0.0.1:%u/live", ntohs(here.sin_port));
}

static inline void peer_send(const rtsp_peer *peer, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    while (bytes) {
        const ssize_t sent = send(peer->fd, from, bytes, MSG_NOSIGNAL);
        expect_true(sent > 0);
        from += sent;
        bytes -= (size_t)sent;
    }
}

static inline void peer_answer(const rtsp_peer *peer, const char *request)
{
    char answer[1024], sdp[256] = "";
    const char *number = strstr(request, "CSeq:");
    if (strncmp(request, "DESCRIBE", 8) == 0)
        snprintf(sdp, sizeof sdp,
                 "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=peer\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                 "a=rtpmap:96 %s/90000\r\na=control:track\r\n",
                 peer->film->hevc ? "H265" : "H264");
    snprintf(answer, sizeof answer,
             "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 1;timeout=60\r\n%s%sContent-Length: %zu\r\n"
             "\r\n%s",
             number ? atoi(number + 5) : 0,
             strncmp(request, "SETUP", 5) == 0
                 ? "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                 : "",
             sdp[0] ? "Content-Type: application/sdp\r\n" : "", strlen(sdp), sdp);
    peer_send(peer, answer, strlen(answer));
}

/* Until the watcher wants to see. */
static inline void peer_accept(rtsp_peer *peer)
{
    const struct timeval patience = { .tv_sec = WATCH_S };
    char request[4096];
    size_t len = 0;
    bool plays = false;
    setsockopt(peer->listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    expect_true(peer->fd >= 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (!plays) {
        const ssize_t got = recv(peer->fd, request + len, sizeof request - 1 - len, 0);
        expect_true(got > 0);
        len += (size_t)got;
        request[len] = 0;
        if (!strstr(request, "\r\n\r\n")) continue;
        plays = strncmp(request, "PLAY", 4) == 0;
        peer_answer(peer, request);
        len = 0;
    }
}

static inline void peer_rtp(rtsp_peer *peer, int64_t pts, bool mark, const uint8_t *head,
                            size_t head_bytes, const uint8_t *data, size_t bytes)
{
    uint8_t packet[16 + 3 + RTP_MOST] = { '$', 0 };
    const size_t len = 12 + head_bytes + bytes;
    const uint32_t time = htonl(RTP_START + (uint32_t)pts);
    packet[2] = (uint8_t)(len >> 8);
    packet[3] = (uint8_t)len;
    packet[4] = 0x80;
    packet[5] = (uint8_t)(96 | (mark ? 0x80 : 0));
    packet[6] = (uint8_t)(peer->sequence >> 8);
    packet[7] = (uint8_t)peer->sequence++;
    memcpy(packet + 8, &time, sizeof time);
    if (head_bytes) memcpy(packet + 16, head, head_bytes);
    memcpy(packet + 16 + head_bytes, data, bytes);
    peer_send(peer, packet, 4 + len);
}

/* A NAL unit, in fragments where it is long. */
static inline void peer_nal(rtsp_peer *peer, int64_t pts, const uint8_t *nal, size_t bytes,
                            bool first, bool last)
{
    const size_t own = peer->film->hevc ? 2 : 1; /* the NAL unit's header */
    const bool mark = !peer->mark_never && (last || peer->mark_each);
    if (bytes <= RTP_MOST) {
        if (!(first && peer->lose_first) && !(last && peer->lose_last))
            peer_rtp(peer, pts, mark, NULL, 0, nal, bytes);
        return;
    }
    for (size_t at = own; at < bytes;) {
        const size_t part = bytes - at < RTP_MOST ? bytes - at : RTP_MOST;
        const bool starts = at == own, ends = at + part == bytes;
        const uint8_t sides = (uint8_t)((starts ? 0x80 : 0) | (ends ? 0x40 : 0));
        uint8_t head[3] = { (uint8_t)((nal[0] & 0xe0) | 28), (uint8_t)(sides | (nal[0] & 0x1f)) };
        if (peer->film->hevc) {
            head[0] = (uint8_t)((nal[0] & 0x81) | 49 << 1);
            head[1] = nal[1];
            head[2] = (uint8_t)(sides | (nal[0] >> 1 & 0x3f));
        }
        const bool lost =
            (starts && first && peer->lose_first) || (ends && last && peer->lose_last);
        if (!lost) peer_rtp(peer, pts, mark && ends, head, own + 1, nal + at, part);
        at += part;
    }
}

/* Picture `number`, all of it. */
static inline void peer_show(rtsp_peer *peer, size_t number)
{
    const film_unit *unit = &peer->film->unit[number];
    expect_true(number < peer->film->count);
    for (size_t at = 4; at < unit->bytes;) {
        const size_t end = nal_end(unit->data, unit->bytes, at);
        peer_nal(peer, unit->pts, unit->data + at, end - at, at == 4, end == unit->bytes);
        at = end + 4;
    }
}

/* The camera's own clock (RTCP): picture `number` is now. */
static inline void peer_report(const rtsp_peer *peer, size_t number)
{
    const int64_t now_us = vd_clock_utc_us();
    uint8_t report[4 + 28] = { '$', 1, 0, 28, 0x80, 200, 0, 6 };
    const uint32_t seconds = htonl((uint32_t)(now_us / 1000000 + 2208988800));
    const uint32_t part = htonl((uint32_t)(((now_us % 1000000) << 32) / 1000000));
    const uint32_t time = htonl(RTP_START + (uint32_t)peer->film->unit[number].pts);
    memcpy(report + 12, &seconds, 4);
    memcpy(report + 16, &part, 4);
    memcpy(report + 20, &time, 4);
    peer_send(peer, report, sizeof report);
}

static inline void peer_close(rtsp_peer *peer)
{
    if (peer->fd >= 0) close(peer->fd);
    close(peer->listener);
}
#endif
