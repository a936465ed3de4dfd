/* ring_priv.h - compressed packets, counted and shared: the pre-roll of a camera and what a clip
 * still has to write. Packets and streams may be released by any thread; a ring or a line belongs
 * to whoever holds the camera's lock. */
#ifndef VD_RING_PRIV_H
#define VD_RING_PRIV_H
#include <stdatomic.h>

#include "camera.h"

typedef struct {
    atomic_uint refs;
    uint32_t serial;
    int codec_id, width_px, height_px, profile, level;
    double fps;
    size_t extradata_len;
    uint8_t extradata[]; /* padded as FFmpeg wants it */
} event_stream;
event_stream *event_stream_unref(event_stream *stream); /* returns NULL; NULL is fine */

typedef struct {
    atomic_uint refs;
    event_stream *stream;
    int64_t pts_us, dts_us, utc_us;
    bool key;
    size_t len;
    uint8_t data[]; /* padded as FFmpeg wants it */
} event_packet;
event_packet *event_packet_ref(event_packet *packet);
event_packet *event_packet_unref(event_packet *packet); /* returns NULL; NULL is fine */

/* Packets in a row, first in first out. Starts as zero. */
typedef struct {
    event_packet **item; /* circular */
    size_t first, count, room;
    uint64_t bytes;
} packet_line;
/* Takes over the reference; false (and the reference stays) when memory or the room of 65536
 * packets ends. */
VD_MUST_USE bool packet_line_put(packet_line *line, event_packet *packet);
/* The caller owns the reference; NULL when empty. */
event_packet *packet_line_take(packet_line *line);
event_packet *packet_line_at(const packet_line *line, size_t index);
void packet_line_clear(packet_line *line); /* releases everything */

/* The last seconds of a camera. It starts at a key frame, keeps the key frame at or before
 * (newest - keep_us), and never holds more than bytes_max: then whole groups go, oldest first. */
typedef struct {
    packet_line line;
    event_stream *stream;
    int64_t keep_us;
    uint64_t bytes_max;
} packet_ring;
/* Copies the packet in. Returns it with a reference for the caller, NULL when memory ends. */
event_packet *packet_ring_add(packet_ring *ring, const vd_packet *packet);
/* Index of the key frame at or before utc_us, in the newest stream; of its first key frame when all
 * are later; the line's count when there is none. */
size_t packet_ring_find(const packet_ring *ring, int64_t utc_us);
void packet_ring_done(packet_ring *ring);
#endif
