/* Files that an older version wrote are still read. */
#include <fcntl.h>
#include <ftw.h>
#include <libavutil/mem.h>
#include <libavutil/murmur3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recording_priv.h"
#include "vd/test.h"

#define START_US 1700000000000000
#define SECOND   1000000
#define PACKETS  40

typedef struct {
    char dir[64], segment[128];
} disk;

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void disk_done(disk *d)
{
    nftw(d->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(disk, disk_done)

static vd_recording *open_recording(const disk *d, vd_recording_camera **ret_camera)
{
    const vd_recording_config config = {
        .dir = d->dir, .fragment_ms = 2000, .segment_ms = 60000, .queue_bytes_max = 64 << 20
    };
    const vd_recording_limits limits = { 0 };
    vd_recording *recording = NULL;
    expect_ok(vd_recording_new(&config, &recording, NULL));
    expect_ok(vd_recording_add(recording, "yard", &limits, ret_camera, NULL));
    return recording;
}

/* Ten seconds of made-up packets, a key frame each second, in one segment of fragments of two. */
static void record(disk *d)
{
    static const vd_stream_info stream = {
        .serial = 1, .codec = "mjpeg", .codec_id = 7, .width_px = 64, .height_px = 48, .fps = 4
    };
    vd_recording_camera *camera;
    *d = (disk){ .dir = "/tmp/vedette-older-XXXXXX" };
    expect_true(mkdtemp(d->dir) != NULL);
    snprintf(d->segment, sizeof d->segment, "%s/yard/%020lld.vdr", d->dir, (long long)START_US);
    vd_recording *recording = open_recording(d, &camera);
    for (int64_t i = 0; i < PACKETS; i++) {
        uint8_t bytes[1001] = { (uint8_t)i };
        const vd_packet packet = { .stream = &stream,
                                   .pts_us = i * SECOND / 4,
                                   .dts_us = i * SECOND / 4,
                                   .utc_us = START_US + i * SECOND / 4,
                                   .key = i % 4 == 0,
                                   .data = { bytes, sizeof bytes } };
        vd_recording_packet(camera, &packet);
    }
    vd_recording_free(recording);
}

/* How many packets are read, each of them in its place. */
static int64_t packets_of(const disk *d)
{
    VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
    fragment_header h;
    int64_t count = 0;
    expect_ok(segment_open(d->segment, &r, NULL));
    for (uint64_t at = r.at; segment_peek(&r, at, &h) == VD_OK; at = segment_after(&h, at)) {
        fragment_entry *entry = NULL;
        const uint8_t *data = NULL;
        expect_ok(segment_load(&r, at, &h, &entry, &data));
        for (uint32_t i = 0; i < h.count; data += entry[i++].len) expect_i64(data[0], count++);
        free(entry);
    }
    return count;
}

/* The first version's checksum, over header, table and packets. */
static void murmur(uint8_t *hash, const void *head, size_t head_len, vd_slice a, vd_slice b)
{
    struct AVMurMur3 *state = av_murmur3_alloc();
    av_murmur3_init(state);
    av_murmur3_update(state, head, head_len);
    if (a.len) av_murmur3_update(state, a.data, a.len);
    if (b.len) av_murmur3_update(state, b.data, b.len);
    av_murmur3_final(state, hash);
    av_free(state);
}

/* The file, as the first version would have written it. */
static void make_older(const char *path)
{
    segment_header s;
    fragment_header f;
    VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
    expect_ok(segment_open(path, &r, NULL));
    expect_i64(unlink(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
    expect_i64(pread(r.fd, &s, sizeof s, 0), sizeof s);
    memcpy(s.magic, SEGMENT_MAGIC_1, sizeof s.magic);
    memset(s.hash, 0, sizeof s.hash);
    murmur(s.hash, &s, sizeof s, VD_SLICE_NONE, VD_SLICE_NONE);
    expect_u64(s.extradata_len, 0);
    expect_i64(write(fd, &s, sizeof s), sizeof s);
    for (uint64_t at = r.at; segment_peek(&r, at, &f) == VD_OK; at = segment_after(&f, at)) {
        fragment_entry *entry = NULL;
        const uint8_t *data;
        expect_ok(segment_load(&r, at, &f, &entry, &data));
        vd_slice table = vd_slice_of(entry, f.count * sizeof *entry);
        fragment_header older = f;
        older.magic = FRAGMENT_MAGIC_1;
        memset(older.hash, 0, sizeof older.hash);
        murmur(older.hash, &older, sizeof older, table, vd_slice_of(data, f.data_len));
        expect_i64(write(fd, &older, sizeof older), sizeof older);
        expect_i64(write(fd, table.data, table.len), table.len);
        expect_i64(write(fd, data, f.data_len), f.data_len);
        free(entry);
    }
    close(fd);
}

VD_TEST(recordings_of_the_first_version_are_still_read)
{
    VD_AUTO(disk) d;
    vd_recording_camera *camera;
    vd_recording_stats stats = { 0 };
    record(&d);
    expect_i64(packets_of(&d), PACKETS);
    make_older(d.segment);
    expect_i64(packets_of(&d), PACKETS);
    expect_i64(truncate(d.segment, 9000), 0); /* torn in its second fragment */
    vd_recording *recording = open_recording(&d, &camera);
    expect_ok(vd_recording_get_stats(recording, "yard", &stats));
    expect_true(stats.bytes > 8000 && stats.bytes < 9000);
    expect_i64(packets_of(&d), 8);
    vd_recording_free(recording);
}

VD_TEST(a_damaged_packet_of_the_first_version_is_noticed)
{
    VD_AUTO(disk) d;
    VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
    fragment_header h;
    fragment_entry *entry = NULL;
    const uint8_t *data = NULL;
    record(&d);
    make_older(d.segment);
    int fd = open(d.segment, O_WRONLY);
    expect_i64(pwrite(fd, "x", 1, 2000), 1);
    close(fd);
    expect_ok(segment_open(d.segment, &r, NULL));
    expect_ok(segment_peek(&r, r.at, &h));
    expect_err(segment_load(&r, r.at, &h, &entry, &data), VD_CORRUPT);
}

VD_TEST_MAIN(VD_RUN(recordings_of_the_first_version_are_still_read),
             VD_RUN(a_damaged_packet_of_the_first_version_is_noticed))
