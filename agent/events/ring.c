#include "ring_priv.h"

#include <stdlib.h>

#include "vd/fault.h"

/* AV_INPUT_BUFFER_PADDING_SIZE: FFmpeg's readers may look behind the end. */
#define PADDING          64
#define LINE_MAX_PACKETS 65536

event_stream *event_stream_unref(event_stream *stream)
{
    if (stream && atomic_fetch_sub(&stream->refs, 1) == 1) free(stream);
    return NULL;
}

event_packet *event_packet_ref(event_packet *packet)
{
    atomic_fetch_add(&packet->refs, 1);
    return packet;
}

event_packet *event_packet_unref(event_packet *packet)
{
    if (packet && atomic_fetch_sub(&packet->refs, 1) == 1) {
        event_stream_unref(packet->stream);
        free(packet);
    }
    return NULL;
}

static event_stream *stream_new(const vd_stream_info *info)
{
    event_stream *stream = vd_calloc(1, sizeof *stream + info->extradata.len + PADDING);
    if (!stream) return NULL;
    atomic_init(&stream->refs, 1);
    stream->serial = info->serial;
    stream->codec_id = info->codec_id;
    stream->width_px = info->width_px;
    stream->height_px = info->height_px;
    stream->profile = info->profile;
    stream->level = info->level;
    stream->fps = info->fps;
    stream->extradata_len = info->extradata.len;
    if (info->extradata.len) memcpy(stream->extradata, info->extradata.data, info->extradata.len);
    return stream;
}

static event_packet *packet_new(const vd_packet *from, event_stream *stream)
{
    event_packet *packet = vd_calloc(1, sizeof *packet + from->data.len + PADDING);
    if (!packet) return NULL;
    atomic_init(&packet->refs, 1);
    atomic_fetch_add(&stream->refs, 1);
    packet->stream = stream;
    packet->pts_us = from->pts_us;
    packet->dts_us = from->dts_us;
    packet->utc_us = from->utc_us;
    packet->key = from->key;
    packet->len = from->data.len;
    if (from->data.len) memcpy(packet->data, from->data.data, from->data.len);
    return packet;
}

static bool line_grow(packet_line *line)
{
    size_t room = line->room ? line->room * 2 : 64;
    if (room > LINE_MAX_PACKETS) return false;
    event_packet **item = vd_calloc(room, sizeof(event_packet *));
    if (!item) return false;
    for (size_t i = 0; i < line->count; i++) item[i] = packet_line_at(line, i);
    free(line->item);
    line->item = item;
    line->first = 0;
    line->room = room;
    return true;
}

bool packet_line_put(packet_line *line, event_packet *packet)
{
    if (line->count == line->room && !line_grow(line)) return false;
    line->item[(line->first + line->count++) % line->room] = packet;
    line->bytes += packet->len;
    return true;
}

event_packet *packet_line_take(packet_line *line)
{
    if (line->count == 0) return NULL;
    event_packet *packet = line->item[line->first];
    line->first = (line->first + 1) % line->room;
    line->count--;
    line->bytes -= packet->len;
    return packet;
}

event_packet *packet_line_at(const packet_line *line, size_t index)
{
    return line->item[(line->first + index) % line->room];
}

void packet_line_clear(packet_line *line)
{
    for (event_packet *packet; (packet = packet_line_take(line));) event_packet_unref(packet);
    free(line->item);
    *line = (packet_line){ 0 };
}

static size_t next_key(const packet_ring *ring, size_t from)
{
    while (from < ring->line.count && !packet_line_at(&ring->line, from)->key) from++;
    return from;
}

static void drop_first(packet_ring *ring, size_t count)
{
    while (count-- > 0) event_packet_unref(packet_line_take(&ring->line));
}

static void make_room(packet_ring *ring, const vd_packet *packet)
{
    packet_line *line = &ring->line;
    int64_t cutoff_us = packet->utc_us - ring->keep_us;
    while (line->count > 0) {
        size_t key = next_key(ring, 1);
        bool full = line->bytes + packet->data.len > ring->bytes_max;
        bool old = key < line->count && packet_line_at(line, key)->utc_us <= cutoff_us;
        if (!full && !old) break;
        drop_first(ring, key);
    }
}

static bool follow_stream(packet_ring *ring, const vd_stream_info *info)
{
    if (ring->stream && ring->stream->serial == info->serial) return true;
    event_stream *stream = stream_new(info);
    if (!stream) return false;
    event_stream_unref(ring->stream);
    ring->stream = stream;
    return true;
}

event_packet *packet_ring_add(packet_ring *ring, const vd_packet *packet)
{
    if (!follow_stream(ring, packet->stream)) return NULL;
    event_packet *copy = packet_new(packet, ring->stream);
    if (!copy) return NULL;
    make_room(ring, packet);
    bool fits = packet->data.len <= ring->bytes_max && (packet->key || ring->line.count > 0);
    if (fits && packet_line_put(&ring->line, copy)) event_packet_ref(copy);
    return copy;
}

size_t packet_ring_find(const packet_ring *ring, int64_t utc_us)
{
    size_t found = ring->line.count;
    for (size_t i = ring->line.count; i-- > 0;) {
        const event_packet *packet = packet_line_at(&ring->line, i);
        if (packet->stream != ring->stream) break;
        if (!packet->key) continue;
        found = i;
        if (packet->utc_us <= utc_us) break;
    }
    return found;
}

void packet_ring_done(packet_ring *ring)
{
    packet_line_clear(&ring->line);
    ring->stream = event_stream_unref(ring->stream);
}
