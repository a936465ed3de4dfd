#include "recording.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recording_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/test.h"

#define START_US         1700000000000000
#define SECOND           1000000
#define PACKETS_MAX_FILM 400
#define NOTE_BYTES       2000 /* of a made-up packet */

typedef struct {
    char dir[64], ring[96], out[96];
    vd_recording_config config;
    vd_recording_limits limits;
    vd_recording *recording;
    vd_recording_camera *camera;
    uint64_t fed;
} desk;

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void desk_open(desk *d)
{
    vd_why why = { 0 };
    if (vd_recording_new(&d->config, &d->recording, &why)) fail_msg("%s: %s", why.fact, why.detail);
    expect_ok(vd_recording_add(d->recording, "yard-1", &d->limits, &d->camera, &why));
}

static void desk_reopen(desk *d)
{
    d->recording = vd_recording_free(d->recording);
    desk_open(d);
}

static void desk_make(desk *d)
{
    *d = (desk){ .dir = "/tmp/vedette-recording-XXXXXX" };
    expect_true(mkdtemp(d->dir) != NULL);
    snprintf(d->ring, sizeof d->ring, "%s/ring", d->dir);
    snprintf(d->out, sizeof d->out, "%s/out.mp4", d->dir);
    d->config = (vd_recording_config){
        .dir = d->ring, .fragment_ms = 2000, .segment_ms = 10000, .queue_bytes_max = 64 << 20
    };
}

static void desk_new(desk *d)
{
    desk_make(d);
    desk_open(d);
}

static void desk_done(desk *d)
{
    vd_clock_fake(-1, -1);
    vd_fault_set(VD_FAULT_WRITE, 0);
    vd_recording_free(d->recording);
    nftw(d->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(desk, desk_done)

/* A made-up packet: four a second, a key frame each second, its number in front. */
static void feed_number(desk *d, uint64_t number)
{
    static const vd_stream_info stream = { .serial = 1,
                                           .codec = "mjpeg",
                                           .codec_id = AV_CODEC_ID_MJPEG,
                                           .width_px = 64,
                                           .height_px = 48,
                                           .fps = 4 };
    uint8_t bytes[NOTE_BYTES];
    memset(bytes, 0xa5, sizeof bytes);
    memcpy(bytes, &number, sizeof number);
    int64_t at_us = (int64_t)number * SECOND / 4;
    const vd_packet packet = { .stream = &stream,
                               .pts_us = at_us,
                               .dts_us = at_us,
                               .utc_us = START_US + at_us,
                               .key = number % 4 == 0,
                               .data = { bytes, sizeof bytes } };
    vd_recording_packet(d->camera, &packet);
}

static void feed_seconds(desk *d, unsigned seconds)
{
    for (uint64_t end = d->fed + 4ull * seconds; d->fed < end;) feed_number(d, d->fed++);
}

static vd_recording_stats stats_of(desk *d)
{
    vd_recording_stats stats = { 0 };
    expect_ok(vd_recording_get_stats(d->recording, "yard-1", &stats));
    return stats;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_segment(const struct dirent *entry)
{
    return strstr(entry->d_name, ".vdr") != NULL;
}

/* Reads every packet on disk; they must follow each other, the first beginning a group. Returns how
 * many; *ret_first and *ret_next are numbers. */
static uint64_t read_numbers(desk *d, uint64_t *ret_first, uint64_t *ret_next)
{
    char folder[128], path[512];
    struct dirent **list = NULL;
    uint64_t count = 0;
    snprintf(folder, sizeof folder, "%s/yard-1", d->ring);
    int files = scandir(folder, &list, is_segment, by_name);
    expect_true(files >= 0);
    for (int i = 0; i < files; i++) {
        VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
        fragment_header h;
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        expect_ok(segment_open(path, &r, NULL));
        for (uint64_t at = r.at; segment_peek(&r, at, &h) == VD_OK; at = segment_after(&h, at)) {
            fragment_entry *entry = NULL;
            const uint8_t *data = NULL;
            expect_ok(segment_load(&r, at, &h, &entry, &data));
            for (uint32_t n = 0; n < h.count; n++, data += entry[n - 1].len) {
                uint64_t number;
                memcpy(&number, data, sizeof number);
                if (count++ == 0) *ret_first = *ret_next = number;
                expect_u64(number, (*ret_next)++);
            }
            free(entry);
        }
        free(list[i]);
    }
    free(list);
    if (count) expect_u64(*ret_first % 4, 0);
    return count;
}

static unsigned files_of(desk *d)
{
    char folder[128];
    struct dirent **list = NULL;
    snprintf(folder, sizeof folder, "%s/yard-1", d->ring);
    int files = scandir(folder, &list, is_segment, by_name);
    expect_true(files >= 0);
    for (int i = 0; i < files; i++) free(list[i]);
    free(list);
    return (unsigned)files;
}

/* ---- a real film ---- */

typedef struct {
    vd_stream_info stream;
    uint8_t *extradata;
    unsigned count;
    AVPacket *packet[PACKETS_MAX_FILM];
    int64_t pts_us[PACKETS_MAX_FILM], dts_us[PACKETS_MAX_FILM];
} film;

static void film_read(film *f, const char *path)
{
    AVFormatContext *format = NULL;
    expect_i64(avformat_open_input(&format, path, NULL, NULL), 0);
    expect_true(avformat_find_stream_info(format, NULL) >= 0);
    const AVCodecParameters *p = format->streams[0]->codecpar;
    const AVRational us = { 1, SECOND };
    *f = (film){ .extradata = malloc((size_t)p->extradata_size + 1) };
    memcpy(f->extradata, p->extradata, (size_t)p->extradata_size);
    f->stream = (vd_stream_info){ .serial = 1,
                                  .codec_id = p->codec_id,
                                  .width_px = p->width,
                                  .height_px = p->height,
                                  .extradata = { f->extradata, (size_t)p->extradata_size },
                                  .fps = 10 };
    (void)snprintf(f->stream.codec, sizeof f->stream.codec, "%s", avcodec_get_name(p->codec_id));
    AVPacket *packet = av_packet_alloc();
    while (av_read_frame(format, packet) >= 0 && f->count < PACKETS_MAX_FILM) {
        f->pts_us[f->count] = av_rescale_q(packet->pts, format->streams[0]->time_base, us);
        f->dts_us[f->count] = av_rescale_q(packet->dts, format->streams[0]->time_base, us);
        f->packet[f->count++] = av_packet_clone(packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&format);
}

/* Twelve seconds at ten pictures a second, a key frame each second. */
static void film_make(film *f, const char *dir)
{
    char command[512], path[128];
    snprintf(path, sizeof path, "%s/film.mp4", dir);
    snprintf(command, sizeof command,
             "ffmpeg -v error -y -f lavfi -i testsrc2=size=160x120:rate=10:duration=12 -c:v "
             "libx264 -preset ultrafast -g 10 -keyint_min 10 -sc_threshold 0 -threads 1 '%s' "
             "</dev/null",
             path);
    if (system(command) != 0) fail_msg("ffmpeg could not make the film");
    film_read(f, path);
    expect_u64(f->count, 120);
}

static void film_done(film *f)
{
    for (unsigned i = 0; i < f->count; i++) av_packet_free(&f->packet[i]);
    free(f->extradata);
}
VD_AUTO_DEFINE(film, film_done)

static void feed_film(desk *d, const film *f, uint32_t serial, int64_t utc_us)
{
    vd_stream_info stream = f->stream;
    stream.serial = serial;
    for (unsigned i = 0; i < f->count; i++) {
        const vd_packet packet = { .stream = &stream,
                                   .pts_us = f->pts_us[i],
                                   .dts_us = f->dts_us[i],
                                   .utc_us = utc_us + f->pts_us[i],
                                   .key = f->packet[i]->flags & AV_PKT_FLAG_KEY,
                                   .data = { f->packet[i]->data, (size_t)f->packet[i]->size } };
        vd_recording_packet(d->camera, &packet);
    }
}

static void expect_same_packets(const film *have, const film *want, unsigned from)
{
    for (unsigned i = 0; i < have->count; i++) {
        const AVPacket *a = have->packet[i], *b = want->packet[from + i];
        expect_i64(a->size, b->size);
        expect_true(memcmp(a->data, b->data, (size_t)a->size) == 0);
        expect_near(have->pts_us[i] - have->pts_us[0], want->pts_us[from + i] - want->pts_us[from],
                    20);
    }
}

// covers: REC-1
VD_TEST(a_range_is_cut_from_the_key_frame_before_it_bit_for_bit)
{
    VD_AUTO(desk) d;
    VD_AUTO(film) source, cut;
    vd_recording_range range;
    vd_why why = { 0 };
    desk_new(&d);
    film_make(&source, d.dir);
    feed_film(&d, &source, 1, START_US);
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    if (vd_recording_cut(d.recording, "yard-1", START_US + 3300000, START_US + 7000000, 1 << 28,
                         d.out, &range, &why))
        fail_msg("%s: %s", why.fact, why.detail);
    film_read(&cut, d.out);
    expect_u64(cut.count, range.packets);
    expect_u64(cut.count, 41); /* 3.0 to 7.0 s */
    expect_same_packets(&cut, &source, 30);
    expect_near(range.start_utc_us, START_US + 3 * SECOND, 100000);
    expect_near(range.end_utc_us, START_US + 7 * SECOND, 100000);
}

// covers: REC-1
VD_TEST(a_camera_that_came_back_is_one_clip_by_its_capture_times)
{
    VD_AUTO(desk) d;
    VD_AUTO(film) source, cut;
    vd_recording_range range;
    desk_new(&d);
    film_make(&source, d.dir);
    feed_film(&d, &source, 1, START_US);
    feed_film(&d, &source, 2, START_US + 20 * SECOND); /* media time begins anew */
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    expect_ok(vd_recording_cut(d.recording, "yard-1", START_US, START_US + 60 * SECOND, 1 << 28,
                               d.out, &range, NULL));
    film_read(&cut, d.out);
    expect_u64(cut.count, 240);
    expect_near(cut.pts_us[120] - cut.pts_us[0], 20 * SECOND, 1000);
    expect_near(range.end_utc_us, START_US + 32 * SECOND, 200000);
}

VD_TEST(a_time_that_was_not_recorded_is_told)
{
    VD_AUTO(desk) d;
    vd_recording_range range;
    vd_why why = { 0 };
    desk_new(&d);
    feed_seconds(&d, 10);
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    expect_err(vd_recording_cut(d.recording, "yard-1", START_US + 60 * SECOND,
                                START_US + 70 * SECOND, 1 << 28, d.out, &range, &why),
               VD_ABSENT);
    assert_non_null(strstr(why.hint, "overwritten"));
    expect_err(vd_recording_cut(d.recording, "gate", START_US, START_US + SECOND, 1 << 28, d.out,
                                &range, &why),
               VD_ABSENT);
    expect_err(vd_recording_cut(d.recording, "yard-1", START_US + SECOND, START_US, 1 << 28, d.out,
                                &range, &why),
               VD_INVALID);
    expect_err(vd_recording_cut(d.recording, "yard-1", START_US, START_US + 3601ll * SECOND,
                                1 << 28, d.out, &range, &why),
               VD_INVALID);
    expect_true(access(d.out, F_OK) != 0);
}

/* What a process killed at its nth write leaves; the disk keeps up with the camera. */
static bool killed_at(desk *d, unsigned nth)
{
    int told[2], status = 0;
    expect_i64(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        close(told[0]);
        desk_open(d);
        vd_fault_set(VD_FAULT_DEATH, nth);
        while (d->fed < 4 * 25) {
            if (write(told[1], &d->fed, sizeof d->fed) < 0) _exit(3);
            feed_number(d, d->fed++);
            vd_recording_settle(d->recording);
        }
        _exit(0);
    }
    close(told[1]);
    while (read(told[0], &d->fed, sizeof d->fed) == (ssize_t)sizeof d->fed) {}
    close(told[0]);
    expect_i64(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// covers: REC-1
VD_TEST(killed_at_any_write_loses_at_most_one_fragment)
{
    unsigned killed = 0;
    for (unsigned nth = 1; nth < 200; nth += 3) {
        VD_AUTO(desk) d;
        uint64_t first = 0, next = 0;
        desk_make(&d);
        bool was_killed = killed_at(&d, nth);
        uint64_t fed = d.fed;
        killed += was_killed;
        desk_open(&d);
        read_numbers(&d, &first, &next);
        expect_u64(first, 0);
        /* Fragments are 8 packets (2 s); the packet that filled the last one was the 9th. */
        expect_true(next + 9 > fed);
        feed_number(&d, fed + 4 - fed % 4); /* and it goes on */
        vd_recording_end(d.camera);
        vd_recording_settle(d.recording);
        expect_u64(stats_of(&d).lost_packets, 0);
        if (!was_killed) break;
    }
    expect_true(killed > 10);
}

static void newest_path(desk *d, char *into, size_t room)
{
    char folder[128];
    struct dirent **list = NULL;
    snprintf(folder, sizeof folder, "%s/yard-1", d->ring);
    int files = scandir(folder, &list, is_segment, by_name);
    expect_true(files > 0);
    snprintf(into, room, "%s/%s", folder, list[files - 1]->d_name);
    for (int i = 0; i < files; i++) free(list[i]);
    free(list);
}

/* 18 seconds: a segment of ten and one of eight, of fragments of two. */
static uint64_t record_18_seconds(desk *d)
{
    uint64_t first, next;
    desk_new(d);
    feed_seconds(d, 18);
    d->recording = vd_recording_free(d->recording);
    expect_u64(files_of(d), 2);
    return read_numbers(d, &first, &next);
}

// covers: REC-1
VD_TEST(power_cut_in_the_last_fragment_leaves_all_before_it)
{
    for (unsigned turn = 0; turn < 12; turn++) {
        VD_AUTO(desk) d;
        char path[512];
        struct stat st;
        uint64_t first = 0, next = 0, whole = record_18_seconds(&d);
        expect_u64(whole, 72);
        newest_path(&d, path, sizeof path);
        expect_i64(stat(path, &st), 0);
        /* Cut inside the last fragment, or its bytes never reached the disk and read as zeros. The
         * last of them are zeros anyway. */
        off_t torn = st.st_size - (off_t)DISK_BLOCK - (off_t)(turn / 2) * 2400;
        expect_i64(truncate(path, torn), 0);
        if (turn % 2) expect_i64(truncate(path, st.st_size), 0);
        desk_open(&d);
        read_numbers(&d, &first, &next);
        expect_u64(first, 0);
        expect_u64(next, whole - 8);
    }
}

VD_TEST(a_segment_with_nothing_whole_in_it_goes)
{
    VD_AUTO(desk) d;
    char path[512];
    record_18_seconds(&d);
    newest_path(&d, path, sizeof path);
    expect_i64(truncate(path, 40), 0);
    desk_open(&d);
    expect_u64(files_of(&d), 1);
}

// covers: REC-1
VD_TEST(a_damaged_segment_in_the_middle_costs_only_itself)
{
    VD_AUTO(desk) d;
    VD_AUTO(film) source, cut;
    vd_recording_range range;
    char path[512];
    desk_new(&d);
    film_make(&source, d.dir);
    feed_film(&d, &source, 1, START_US);
    feed_film(&d, &source, 2, START_US + 20 * SECOND);
    feed_film(&d, &source, 3, START_US + 40 * SECOND);
    desk_reopen(&d);
    snprintf(path, sizeof path, "%s/yard-1/%020lld.vdr", d.ring,
             (long long)(START_US + 20 * SECOND + source.pts_us[0]));
    int fd = open(path, O_WRONLY);
    expect_true(fd >= 0);
    expect_i64(pwrite(fd, "garbage", 7, 30), 7);
    close(fd);
    expect_ok(vd_recording_cut(d.recording, "yard-1", START_US, START_US + 60 * SECOND, 1 << 28,
                               d.out, &range, NULL));
    film_read(&cut, d.out);
    expect_true(cut.count >= 240 && cut.count < 360);
}

// covers: REC-1
VD_TEST(a_camera_keeps_to_its_bytes_and_the_oldest_goes)
{
    VD_AUTO(desk) d;
    uint64_t first = 0, next = 0;
    desk_make(&d);
    d.limits.bytes_max = 400000; /* 50 s */
    desk_open(&d);
    for (unsigned turn = 0; turn < 60; turn++) {
        feed_seconds(&d, 5);
        vd_recording_settle(d.recording);
        expect_true(stats_of(&d).bytes <= 400000);
    }
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    expect_true(read_numbers(&d, &first, &next) > 120); /* it is nearly full */
    expect_u64(next, 1200);
    expect_u64(stats_of(&d).lost_packets, 0);
    expect_true(stats_of(&d).overwritten > 10);
    expect_true(stats_of(&d).oldest_utc_us > START_US + 200ll * SECOND);
    desk_reopen(&d); /* the index is the folder */
    expect_true(stats_of(&d).bytes <= 400000 && stats_of(&d).bytes > 200000);
}

// covers: REC-1
VD_TEST(what_is_too_old_goes_also_of_a_camera_that_nobody_names_any_more)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    feed_seconds(&d, 25);
    d.recording = vd_recording_free(d.recording);
    expect_true(files_of(&d) > 1);
    d.config.limits.age_max_ms = 3600000;
    vd_clock_fake(-1, vd_clock_utc_us() + 7200ll * SECOND);
    vd_why why = { 0 };
    expect_ok(vd_recording_new(&d.config, &d.recording, &why)); /* no camera is added */
    d.recording = vd_recording_free(d.recording);
    expect_u64(files_of(&d), 0);
}

// covers: REC-1
VD_TEST(a_disk_that_is_short_of_room_is_given_ours_and_never_filled)
{
    VD_AUTO(desk) d;
    record_18_seconds(&d);
    d.config.min_free_bytes = UINT64_MAX / 2;
    desk_open(&d);
    feed_seconds(&d, 20);
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    expect_u64(files_of(&d), 0);
    expect_true(stats_of(&d).is_full);
    expect_u64(stats_of(&d).lost_packets, 80);
    d.config.min_free_bytes = 0;
    desk_reopen(&d);
    feed_seconds(&d, 20);
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    expect_u64(stats_of(&d).lost_packets, 0);
    expect_false(stats_of(&d).is_full);
}

// covers: REC-1
VD_TEST(a_write_that_fails_costs_one_fragment_at_most_and_it_goes_on)
{
    for (unsigned nth = 1; nth < 100; nth++) {
        VD_AUTO(desk) d;
        uint64_t first = 0, next = 0;
        char folder[160];
        desk_new(&d);
        vd_fault_set(VD_FAULT_WRITE, nth);
        feed_seconds(&d, 24);
        vd_recording_end(d.camera);
        vd_recording_settle(d.recording);
        bool was_hit = !vd_fault_pending(VD_FAULT_WRITE);
        vd_fault_set(VD_FAULT_WRITE, 0);
        expect_true(stats_of(&d).lost_packets <= 8);
        snprintf(folder, sizeof folder, "%s/yard-1", d.ring);
        uint64_t kept = 96 - stats_of(&d).lost_packets;
        if (stats_of(&d).lost_packets == 0 && stats_of(&d).overwritten == 0)
            expect_u64(read_numbers(&d, &first, &next), kept);
        expect_false(stats_of(&d).is_full);
        if (!was_hit) break;
        expect_true(nth < 99);
    }
}

VD_TEST(pictures_before_the_first_key_frame_are_not_kept)
{
    VD_AUTO(desk) d;
    uint64_t first = 0, next = 0;
    desk_new(&d);
    for (uint64_t number = 2; number < 40; number++) feed_number(&d, number);
    vd_recording_end(d.camera);
    vd_recording_settle(d.recording);
    read_numbers(&d, &first, &next);
    expect_u64(first, 4);
    expect_u64(next, 40);
}

VD_TEST_MAIN(VD_RUN(a_range_is_cut_from_the_key_frame_before_it_bit_for_bit),
             VD_RUN(a_camera_that_came_back_is_one_clip_by_its_capture_times),
             VD_RUN(a_time_that_was_not_recorded_is_told),
             VD_RUN(killed_at_any_write_loses_at_most_one_fragment),
             VD_RUN(power_cut_in_the_last_fragment_leaves_all_before_it),
             VD_RUN(a_segment_with_nothing_whole_in_it_goes),
             VD_RUN(a_damaged_segment_in_the_middle_costs_only_itself),
             VD_RUN(a_camera_keeps_to_its_bytes_and_the_oldest_goes),
             VD_RUN(what_is_too_old_goes_also_of_a_camera_that_nobody_names_any_more),
             VD_RUN(a_disk_that_is_short_of_room_is_given_ours_and_never_filled),
             VD_RUN(a_write_that_fails_costs_one_fragment_at_most_and_it_goes_on),
             VD_RUN(pictures_before_the_first_key_frame_are_not_kept))
