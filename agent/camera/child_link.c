/* child_link.c - the child's end of the socket and its view of the shared pictures. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_priv.h"
#include "vd/clock.h"

#define TRIM_EACH_US 2000000

static void agent_gone(void)
{
    _exit(0);
}

/* One message; *ret_fd is -1 without a file descriptor. Blocks. */
static ssize_t receive(int socket_fd, void *into, size_t room, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vec = { .iov_base = into, .iov_len = room };
    struct msghdr message = { .msg_iov = &vec,
                              .msg_iovlen = 1,
                              .msg_control = control.room,
                              .msg_controllen = sizeof control.room };
    ssize_t got;
    do got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0) agent_gone();
    *ret_fd = -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    return got;
}

void link_config(child_link *link, wire_config *ret_config, int *ret_file_fd)
{
    const ssize_t got = receive(link->fd, ret_config, sizeof *ret_config, ret_file_fd);
    if (got != sizeof *ret_config || ret_config->head.version != WIRE_VERSION ||
        ret_config->head.type != WIRE_CONFIG)
        _exit(WIRE_STRANGER);
    link->want_pictures = !ret_config->packets_only;
}

void link_send_with(child_link *link, wire_head *head, size_t head_bytes, vd_slice rest)
{
    struct iovec vec[2] = { { .iov_base = head, .iov_len = head_bytes },
                            { .iov_base = (void *)(uintptr_t)rest.data, .iov_len = rest.len } };
    const struct msghdr message = { .msg_iov = vec, .msg_iovlen = rest.len ? 2 : 1 };
    head->version = WIRE_VERSION;
    head->bytes = (uint32_t)(head_bytes + rest.len);
    ssize_t sent;
    do sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) agent_gone();
}

void link_send(child_link *link, wire_head *head)
{
    link_send_with(link, head, head->bytes, VD_SLICE_NONE);
}

/* A moment's rush fills all slots; their memory goes back to the system when they are not needed.
 */
static void trim(child_link *link, int64_t now_us)
{
    child_map *map = link->map;
    if (!map || now_us - link->trim_us < TRIM_EACH_US) return;
    link->trim_us = now_us;
    const uint32_t unused = map->there & ~(map->used | map->held | map->lent);
    for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
        if (unused & (1u << slot) &&
            madvise(map_slot(map, (int)slot), map->slot_bytes, MADV_REMOVE) == 0)
            map->there &= ~(1u << slot);
    map->used = 0;
}

void link_beat(child_link *link, bool now)
{
    if (!now && vd_clock_mono_us() - link->beat_us < WIRE_BEAT_MS * INT64_C(1000)) return;
    link->count.head = (wire_head)WIRE_HEAD(WIRE_BEAT, sizeof link->count);
    link_send(link, &link->count.head);
    link->beat_us = vd_clock_mono_us();
    trim(link, link->beat_us);
}

void link_note(child_link *link, const vd_why *why)
{
    wire_fail note = { .head = WIRE_HEAD(WIRE_NOTE, sizeof note) };
    note.why = *why;
    link_send(link, &note.head);
}

void link_fail(child_link *link, vd_err err, const vd_why *why)
{
    wire_fail fail = { .head = WIRE_HEAD(WIRE_FAIL, sizeof fail), .err = (int32_t)err };
    fail.why = *why;
    link_send(link, &fail.head);
    _exit(1);
}

void link_end(child_link *link)
{
    link->count.head = (wire_head)WIRE_HEAD(WIRE_END, sizeof link->count);
    link_send(link, &link->count.head);
    _exit(0);
}

void link_stream(child_link *link, const AVCodecParameters *parameters, AVRational rate)
{
    wire_stream stream = { .head = WIRE_HEAD(WIRE_STREAM, sizeof stream),
                           .codec_id = (int32_t)parameters->codec_id,
                           .width_px = parameters->width,
                           .height_px = parameters->height,
                           .profile = parameters->profile,
                           .level = parameters->level };
    snprintf(stream.codec, sizeof stream.codec, "%s", avcodec_get_name(parameters->codec_id));
    if (rate.num > 0 && rate.den > 0) stream.fps = av_q2d(rate);
    vd_slice extradata = vd_slice_of(parameters->extradata, (size_t)parameters->extradata_size);
    if (extradata.len > WIRE_EXTRADATA_MAX) extradata = VD_SLICE_NONE;
    stream.extradata_bytes = (uint32_t)extradata.len;
    link_send_with(link, &stream.head, sizeof stream, extradata);
}

void link_packet(child_link *link, const AVPacket *packet, int64_t utc_us)
{
    if (packet->size <= 0 || (uint32_t)packet->size > WIRE_PACKET_MAX) return;
    vd_slice rest = vd_slice_of(packet->data, (size_t)packet->size);
    wire_packet message = { .head = WIRE_HEAD(WIRE_PACKET, sizeof message),
                            .pts_us = packet->pts,
                            .dts_us = packet->dts,
                            .utc_us = utc_us,
                            .key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
                            .bytes = (uint32_t)packet->size };
    size_t head_bytes = sizeof message;
    while (rest.len) {
        const size_t room = WIRE_MESSAGE_MAX - head_bytes;
        const vd_slice part = vd_slice_of(rest.data, rest.len < room ? rest.len : room);
        link_send_with(link, &message.head, head_bytes, part);
        rest = vd_slice_from(rest, part.len);
        message.head.type = WIRE_MORE;
        head_bytes = sizeof message.head;
    }
}

static void map_let_go(child_map *map)
{
    if (map->current || map->held) return;
    munmap(map->base, map->slot_bytes * WIRE_SLOTS);
    free(map);
}

void map_slot_release(child_map *map, int slot)
{
    map->held &= ~(1u << slot);
    map_let_go(map);
}

int map_slot_free(const child_map *map, int spare)
{
    const uint32_t all = (uint32_t)((UINT64_C(1) << WIRE_SLOTS) - 1);
    const uint32_t free_slots = all & ~(map->lent | map->held);
    if (__builtin_popcount(free_slots) <= spare) return -1;
    return __builtin_ctz(free_slots); /* the lowest: few slots stay warm in the cache */
}

static void take_map(child_link *link, const wire_map *message, int memory_fd)
{
    child_map *map = calloc(1, sizeof *map);
    if (!map || memory_fd < 0) _exit(3);
    map->base = mmap(NULL, message->slot_bytes * message->slots, PROT_READ | PROT_WRITE, MAP_SHARED,
                     memory_fd, 0);
    if (map->base == MAP_FAILED) _exit(3);
    close(memory_fd);
    map->id = message->map;
    map->slot_bytes = message->slot_bytes;
    map->current = true;
    if (link->map) {
        link->map->current = false;
        map_let_go(link->map);
    }
    link->map = map;
}

static void take_message(child_link *link)
{
    union {
        wire_head head;
        wire_map map;
        wire_give_back give_back;
        wire_still still;
        wire_awake awake;
        wire_want want;
    } message = { 0 };
    int passed_fd = -1;
    receive(link->fd, &message, sizeof message, &passed_fd);
    if (message.head.type == WIRE_MAP) {
        take_map(link, &message.map, passed_fd);
    } else if (message.head.type == WIRE_GIVE_BACK) {
        if (link->map && link->map->id == message.give_back.map)
            link->map->lent &= ~(1u << (message.give_back.slot % WIRE_SLOTS));
    } else if (message.head.type == WIRE_STILL && passed_fd >= 0) {
        link->still = message.still;
        link->still_fd = passed_fd;
        link->have_still = true;
    } else if (message.head.type == WIRE_WANT) {
        link->want_pictures = message.want.pictures != 0;
    } else if (message.head.type == WIRE_AWAKE) {
        link->awake_until_utc_us = message.awake.until_utc_us;
    }
}

void link_poll(child_link *link, int timeout_ms)
{
    struct pollfd ready = { .fd = link->fd, .events = POLLIN };
    const int64_t until_us = vd_clock_mono_us() + timeout_ms * INT64_C(1000);
    for (;;) {
        link_beat(link, false);
        const int64_t left_us = until_us - vd_clock_mono_us();
        int wait_ms = timeout_ms > 0 && left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
        if (wait_ms > WIRE_BEAT_MS / 2) wait_ms = WIRE_BEAT_MS / 2;
        const int count = poll(&ready, 1, wait_ms);
        if (count > 0) {
            take_message(link);
            timeout_ms = 0; /* something came: take what else is there, then go */
            continue;
        }
        if (timeout_ms == 0 || vd_clock_mono_us() >= until_us) return;
    }
}

void link_map(child_link *link, uint64_t slot_bytes)
{
    if (link->map && link->map->slot_bytes == slot_bytes) return;
    wire_need_map need = { .head = WIRE_HEAD(WIRE_NEED_MAP, sizeof need),
                           .slot_bytes = slot_bytes };
    link_send(link, &need.head);
    while (!link->map || link->map->slot_bytes != slot_bytes) link_poll(link, WIRE_BEAT_MS);
}
