#include "ring_priv.h"

#include <libavcodec/codec_id.h>
#include <stdlib.h>

#include "vd/test.h"

#define SECOND 1000000

typedef struct {
    packet_ring ring;
    vd_stream_info stream;
    int64_t utc_us;
} feed;

static feed feed_of(int64_t keep_us, uint64_t bytes_max)
{
    return (feed){ .ring = { .keep_us = keep_us, .bytes_max = bytes_max },
                   .stream = { .serial = 1,
                               .codec_id = AV_CODEC_ID_MJPEG,
                               .width_px = 64,
                               .height_px = 64,
                               .fps = 10 } };
}

static void feed_done(feed *f)
{
    packet_ring_done(&f->ring);
}
VD_AUTO_DEFINE(feed, feed_done)

/* One packet, a tenth of a second after the last. The caller owns it. */
static event_packet *add(feed *f, bool key, size_t len)
{
    static uint8_t bytes[100000];
    vd_packet packet = { .stream = &f->stream,
                         .pts_us = f->utc_us,
                         .dts_us = f->utc_us,
                         .utc_us = f->utc_us,
                         .key = key,
                         .data = { bytes, len } };
    f->utc_us += SECOND / 10;
    return packet_ring_add(&f->ring, &packet);
}

static void add_seconds(feed *f, int seconds, size_t len)
{
    for (int i = 0; i < seconds * 10; i++) event_packet_unref(add(f, i % 10 == 0, len));
}

static const event_packet *first_of(const feed *f)
{
    return packet_line_at(&f->ring.line, 0);
}

VD_TEST(the_ring_keeps_the_key_frame_before_its_seconds)
{
    VD_AUTO(feed) f = feed_of(3500000, 1 << 20);
    add_seconds(&f, 20, 100);
    expect_true(first_of(&f)->key);
    expect_i64(first_of(&f)->utc_us, 16 * SECOND); /* newest 19.9, less 3.5, key at or before */
    expect_u64(f.ring.line.count, 40);
}

VD_TEST(the_ring_never_holds_more_than_its_bytes)
{
    VD_AUTO(feed) f = feed_of(1000ll * SECOND, 5000);
    for (int second = 0; second < 20; second++) {
        add_seconds(&f, 1, 150);
        expect_true(f.ring.line.bytes <= 5000);
        expect_true(first_of(&f)->key);
    }
    expect_true(f.ring.line.count >= 20); /* whole groups go, not everything */
}

VD_TEST(a_group_larger_than_the_ring_leaves_it_empty_until_the_next_key)
{
    VD_AUTO(feed) f = feed_of(1000ll * SECOND, 1000);
    event_packet_unref(add(&f, true, 600));
    event_packet_unref(add(&f, false, 600));
    expect_u64(f.ring.line.count, 0);
    event_packet_unref(add(&f, false, 10));
    expect_u64(f.ring.line.count, 0);
    event_packet_unref(add(&f, true, 2000));
    expect_u64(f.ring.line.count, 0);
    event_packet_unref(add(&f, true, 600));
    expect_u64(f.ring.line.count, 1);
}

VD_TEST(the_pre_roll_is_found_in_the_newest_stream_only)
{
    VD_AUTO(feed) f = feed_of(100ll * SECOND, 1 << 20);
    add_seconds(&f, 5, 100);
    f.stream.serial = 2;
    add_seconds(&f, 5, 100);
    size_t at = packet_ring_find(&f.ring, 7500000);
    expect_i64(packet_line_at(&f.ring.line, at)->utc_us, 7 * SECOND);
    at = packet_ring_find(&f.ring, 2 * SECOND); /* before this stream began: its first key frame */
    expect_i64(packet_line_at(&f.ring.line, at)->utc_us, 5 * SECOND);
}

VD_TEST(a_packet_outlives_its_ring)
{
    feed f = feed_of(100ll * SECOND, 1 << 20);
    event_packet *packet = add(&f, true, 100);
    packet_ring_done(&f.ring);
    expect_u64(packet->len, 100);
    expect_u64(packet->stream->serial, 1);
    event_packet_unref(packet);
}

VD_TEST_MAIN(VD_RUN(the_ring_keeps_the_key_frame_before_its_seconds),
             VD_RUN(the_ring_never_holds_more_than_its_bytes),
             VD_RUN(a_group_larger_than_the_ring_leaves_it_empty_until_the_next_key),
             VD_RUN(the_pre_roll_is_found_in_the_newest_stream_only),
             VD_RUN(a_packet_outlives_its_ring))
