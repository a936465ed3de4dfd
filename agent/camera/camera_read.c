/* camera_read.c - what the child says, checked before anything is done with it. The child has met
 * hostile bytes; every length, index and order of messages may be a lie. A liar is ended. */
#include <errno.h>
#include <math.h>
#include <sys/socket.h>
#include <unistd.h>

#include "camera_priv.h"
#include "vd/clock.h"

#define FPS_WINDOW_US 2000000
#define TIME_MAX_US   (INT64_C(1) << 53)

typedef union {
    wire_head head;
    wire_beat beat;
    wire_stream stream;
    wire_packet packet;
    wire_need_map need_map;
    wire_picture picture;
    wire_fail fail;
    wire_still_done still_done;
    uint8_t bytes[WIRE_MESSAGE_MAX];
} wire_any;

bool camera_send(int socket_fd, const wire_head *head, int fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec vec = { .iov_base = (void *)(uintptr_t)head, .iov_len = head->bytes };
    struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };
    if (fd >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)head->bytes;
}

static void count_picture(vd_camera *camera)
{
    const int64_t now_us = vd_clock_mono_us();
    camera->fps_pictures++;
    const int64_t passed_us = now_us - camera->fps_from_us;
    if (passed_us < FPS_WINDOW_US) return;
    if (camera->fps_from_us) camera->status.fps = camera->fps_pictures * 1e6 / (double)passed_us;
    camera->fps_from_us = now_us;
    camera->fps_pictures = 0;
}

static read_end take_beat(vd_camera *camera, const wire_beat *beat)
{
    camera_session *session = &camera->session;
    const wire_beat *before = &session->count;
    if (beat->packets < before->packets || beat->decoded < before->decoded ||
        beat->dropped < before->dropped || beat->skipped < before->skipped ||
        beat->gate > VD_GATE_LATE || !memchr(beat->decoder, 0, sizeof beat->decoder) ||
        !vd_slice_utf8_valid(vd_slice_str(beat->decoder)))
        return READ_LIAR;
    if (beat->decoded > before->decoded) session->picture_us = vd_clock_mono_us();
    /* An encoded picture may come long after the camera's packet. */
    if (camera_encodes(camera) && beat->packets > before->packets)
        session->packet_us = vd_clock_mono_us();
    pthread_mutex_lock(&camera->lock);
    camera->status.dropped = session->base_dropped + beat->dropped;
    camera->status.decoded = session->base_decoded + beat->decoded;
    camera->status.skipped = session->base_skipped + beat->skipped;
    camera->status.gate = (vd_gate_state)beat->gate;
    memcpy(camera->status.decoder, beat->decoder, sizeof camera->status.decoder);
    pthread_mutex_unlock(&camera->lock);
    session->count = *beat;
    return READ_MORE;
}

static read_end take_stream(vd_camera *camera, const wire_stream *stream, vd_slice rest)
{
    camera_session *session = &camera->session;
    if (stream->extradata_bytes != rest.len || rest.len > sizeof session->extradata ||
        !memchr(stream->codec, 0, sizeof stream->codec) || !isfinite(stream->fps) ||
        stream->fps < 0 || stream->width_px < 0 || stream->width_px > 65535 ||
        stream->height_px < 0 || stream->height_px > 65535)
        return READ_LIAR;
    if (rest.len) memcpy(session->extradata, rest.data, rest.len);
    session->stream = (vd_stream_info){ .serial = ++camera->serial,
                                        .codec_id = stream->codec_id,
                                        .width_px = stream->width_px,
                                        .height_px = stream->height_px,
                                        .profile = stream->profile,
                                        .level = stream->level,
                                        .extradata = vd_slice_of(session->extradata, rest.len),
                                        .fps = stream->fps };
    memcpy(session->stream.codec, stream->codec, sizeof stream->codec);
    session->have_stream = true;
    session->packet_open = false;
    session->packet_us = session->picture_us = vd_clock_mono_us();
    pthread_mutex_lock(&camera->lock);
    memcpy(camera->status.codec, stream->codec, sizeof stream->codec);
    camera->status.width_px = stream->width_px;
    camera->status.height_px = stream->height_px;
    pthread_mutex_unlock(&camera->lock);
    /* An open folder is all there is to see while nobody puts a picture there. */
    if (camera->folder && camera_folder_calm(camera->folder)) camera_lives(camera);
    return READ_MORE;
}

static bool time_fits(int64_t time_us)
{
    return time_us > -TIME_MAX_US && time_us < TIME_MAX_US;
}

static void packet_whole(vd_camera *camera, vd_slice data)
{
    camera_session *session = &camera->session;
    const vd_packet packet = { .stream = &session->stream,
                               .pts_us = session->packet.pts_us,
                               .dts_us = session->packet.dts_us,
                               .utc_us = session->packet.utc_us,
                               .key = session->packet.key != 0,
                               .data = data };
    session->packet_open = false;
    session->packet_us = vd_clock_mono_us();
    const bool unseen = camera_packets_only(camera);
    if (unseen) session->picture_us = session->packet_us;
    pthread_mutex_lock(&camera->lock);
    camera->status.packets++;
    if (unseen || camera->config.decode != VD_DECODE_ALL) count_picture(camera);
    pthread_mutex_unlock(&camera->lock);
    if (unseen) camera_lives(camera);
    if (camera->sink.packet) camera->sink.packet(camera->sink.ctx, &packet);
}

static read_end packet_part(vd_camera *camera, vd_slice part)
{
    const camera_session *session = &camera->session;
    if (part.len == 0 || part.len > session->packet.bytes - camera->packet.len) return READ_LIAR;
    if (part.len == session->packet.bytes) { /* most are whole: no copy for them */
        packet_whole(camera, part);
        return READ_MORE;
    }
    if (!vd_buf_add(&camera->packet, part)) return READ_LIAR;
    if (camera->packet.len == session->packet.bytes)
        packet_whole(camera, vd_buf_slice(&camera->packet));
    return READ_MORE;
}

static read_end take_packet(vd_camera *camera, const wire_packet *packet, vd_slice rest)
{
    camera_session *session = &camera->session;
    if (!session->have_stream || session->packet_open || packet->bytes == 0 ||
        packet->bytes > WIRE_PACKET_MAX || !time_fits(packet->pts_us) ||
        !time_fits(packet->dts_us) || !time_fits(packet->utc_us))
        return READ_LIAR;
    session->packet = *packet;
    session->packet_open = true;
    vd_buf_clear(&camera->packet);
    return packet_part(camera, rest);
}

static read_end take_need_map(vd_camera *camera, const wire_need_map *need, vd_why *why)
{
    wire_map message;
    int fd = -1;
    const vd_err err = camera_map_make(camera, need->slot_bytes, &message, &fd, why);
    if (err) return err == VD_CORRUPT ? READ_LIAR : READ_FAILED;
    const bool sent = camera_send(camera->fd, &message.head, fd);
    close(fd);
    return sent ? READ_MORE : READ_CHILD_GONE;
}

static read_end take_picture(vd_camera *camera, const wire_picture *message)
{
    camera_session *session = &camera->session;
    vd_picture picture;
    if (!session->have_stream || !time_fits(message->pts_us) || !time_fits(message->utc_us))
        return READ_LIAR;
    if (camera_map_lend(camera, message, &picture)) return READ_LIAR;
    session->picture_us = vd_clock_mono_us();
    pthread_mutex_lock(&camera->lock);
    camera->status.pictures++;
    camera->status.width_px = picture.width_px;
    camera->status.height_px = picture.height_px;
    if (camera->config.decode == VD_DECODE_ALL) count_picture(camera);
    pthread_mutex_unlock(&camera->lock);
    camera_lives(camera);
    if (camera->sink.picture)
        camera->sink.picture(camera->sink.ctx, &picture);
    else
        vd_camera_give_back(camera, &picture);
    return READ_MORE;
}

static bool why_fits(const vd_why *why)
{
    return memchr(why->fact, 0, sizeof why->fact) && memchr(why->detail, 0, sizeof why->detail) &&
           memchr(why->hint, 0, sizeof why->hint) && vd_slice_utf8_valid(vd_slice_str(why->fact)) &&
           vd_slice_utf8_valid(vd_slice_str(why->detail)) &&
           vd_slice_utf8_valid(vd_slice_str(why->hint));
}

static read_end take_fail(const wire_fail *fail, vd_why *why)
{
    if (!why_fits(&fail->why)) return READ_LIAR;
    *why = fail->why;
    return READ_FAILED;
}

static read_end take_still_done(vd_camera *camera, const wire_still_done *done)
{
    if (!why_fits(&done->why) ||
        !camera_folder_done(camera, done->number, done->fine != 0, &done->why))
        return READ_LIAR;
    return READ_MORE;
}

static read_end take_note(vd_camera *camera, const wire_fail *note)
{
    vd_why why;
    if (take_fail(note, &why) == READ_LIAR) return READ_LIAR;
    if (camera->sink.note) camera->sink.note(camera->sink.ctx, VD_NOTE_DECODING, &why);
    return READ_MORE;
}

/* What is fixed in a message of this type, and whether bytes may follow it. */
static bool form_fits(const wire_head *head, size_t got, size_t *ret_fixed)
{
    static const struct {
        size_t fixed;
        bool more;
    } forms[] = {
        [WIRE_HELLO] = { sizeof(wire_beat), false },
        [WIRE_BEAT] = { sizeof(wire_beat), false },
        [WIRE_STREAM] = { sizeof(wire_stream), true },
        [WIRE_PACKET] = { sizeof(wire_packet), true },
        [WIRE_MORE] = { sizeof(wire_head), true },
        [WIRE_NEED_MAP] = { sizeof(wire_need_map), false },
        [WIRE_PICTURE] = { sizeof(wire_picture), false },
        [WIRE_NOTE] = { sizeof(wire_fail), false },
        [WIRE_END] = { sizeof(wire_beat), false },
        [WIRE_FAIL] = { sizeof(wire_fail), false },
        [WIRE_STILL_DONE] = { sizeof(wire_still_done), false },
    };
    if (got < sizeof *head || head->version != WIRE_VERSION || head->bytes != got ||
        head->type >= VD_COUNT_OF(forms) || forms[head->type].fixed == 0)
        return false;
    *ret_fixed = forms[head->type].fixed;
    return forms[head->type].more ? got >= *ret_fixed : got == *ret_fixed;
}

static read_end take_message(vd_camera *camera, const wire_any *message, vd_slice rest, vd_why *why)
{
    switch ((wire_type)message->head.type) {
    case WIRE_HELLO: camera->session.hello = true; return READ_MORE;
    case WIRE_BEAT: return take_beat(camera, &message->beat);
    case WIRE_STREAM: return take_stream(camera, &message->stream, rest);
    case WIRE_PACKET: return take_packet(camera, &message->packet, rest);
    case WIRE_MORE: return camera->session.packet_open ? packet_part(camera, rest) : READ_LIAR;
    case WIRE_NEED_MAP: return take_need_map(camera, &message->need_map, why);
    case WIRE_PICTURE: return take_picture(camera, &message->picture);
    case WIRE_NOTE: return take_note(camera, &message->fail);
    case WIRE_END: return take_beat(camera, &message->beat) == READ_LIAR ? READ_LIAR : READ_ENDED;
    case WIRE_FAIL: return take_fail(&message->fail, why);
    case WIRE_STILL_DONE: return take_still_done(camera, &message->still_done);
    default: return READ_LIAR;
    }
}

read_end camera_read(vd_camera *camera, vd_why *why)
{
    wire_any message; /* 60 KiB: the thread's stack has room */
    size_t fixed = 0;
    ssize_t got;
    /* A child that ended before it read all of ours resets the connection: once, and ahead of its
     * last words. */
    do got = recv(camera->fd, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0 && errno == EAGAIN) return READ_NONE;
    if (got <= 0) return READ_CHILD_GONE;
    read_end end = READ_LIAR;
    if ((size_t)got <= sizeof message && form_fits(&message.head, (size_t)got, &fixed))
        end = take_message(camera, &message,
                           vd_slice_of(message.bytes + fixed, (size_t)got - fixed), why);
    if (end == READ_LIAR) vd_fail(why, VD_CORRUPT, "the camera's process broke its protocol");
    camera->session.heard_us = vd_clock_mono_us();
    return end;
}
