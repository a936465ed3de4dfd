#include "events.h"
#include <ftw.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model_stub_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/test.h"

#define START_US     1700000000000000
#define SECOND       1000000
#define PACKETS_MAX  400
#define REVISION_MAX 16

/* The source: every packet of a small film, as a camera's child would hand it over. */
typedef struct {
    vd_stream_info stream;
    uint8_t *extradata;
    unsigned count;
    AVPacket *packet[PACKETS_MAX];
    int64_t pts_us[PACKETS_MAX], dts_us[PACKETS_MAX];
} film;

/* What the sink was told. */
typedef struct {
    uint64_t revision;
    char phase[16], id[VD_ULID_LEN + 1], json[VD_EVENT_JSON_MAX];
    int64_t start_us, end_us;
    double score;
    unsigned box_count;
    vd_event_box first_box;
    unsigned evidence_count, path_count;
    vd_event_evidence evidence[2];
} told;

typedef struct {
    char dir[64], work_dir[96], blob_dir[96];
    vd_blobs *blobs;
    vd_events *events;
    vd_event_camera *camera;
    vd_frame *frame;
    vd_rule rule;
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned told_count, refuse;
    told told[REVISION_MAX];
} stage;

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void film_read(film *f, const char *path)
{
    AVFormatContext *format = NULL;
    expect_i64(avformat_open_input(&format, path, NULL, NULL), 0);
    expect_true(avformat_find_stream_info(format, NULL) >= 0);
    const AVCodecParameters *p = format->streams[0]->codecpar;
    AVRational us = { 1, SECOND }, base = format->streams[0]->time_base;
    *f = (film){ .extradata = malloc((size_t)p->extradata_size + 1) };
    memcpy(f->extradata, p->extradata, (size_t)p->extradata_size);
    f->stream = (vd_stream_info){ .serial = 1,
                                  .codec = "h264",
                                  .codec_id = p->codec_id,
                                  .width_px = p->width,
                                  .height_px = p->height,
                                  .extradata = { f->extradata, (size_t)p->extradata_size },
                                  .fps = 10 };
    bool timed = strcmp(format->iformat->name, "h264") != 0; /* a raw stream has no times */
    AVPacket *packet = av_packet_alloc();
    while (av_read_frame(format, packet) >= 0) {
        int64_t counted_us = f->count * SECOND / 10;
        f->pts_us[f->count] = timed ? av_rescale_q(packet->pts, base, us) : counted_us;
        f->dts_us[f->count] = timed ? av_rescale_q(packet->dts, base, us) : counted_us;
        f->packet[f->count++] = av_packet_clone(packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&format);
    expect_u64(f->count, 120);
}

/* Twelve seconds at ten pictures a second, a key frame each second. */
static void film_make(film *f, const char *dir, const char *name, const char *options)
{
    char command[512], path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(
        command, sizeof command,
        "ffmpeg -v error -y -f lavfi -i testsrc2=size=320x240:rate=10:duration=12 -c:v libx264 "
        "-preset ultrafast -g 10 -keyint_min 10 -sc_threshold 0 -threads 1 %s '%s' </dev/null",
        options, path);
    if (system(command) != 0) fail_msg("ffmpeg could not make the film");
    film_read(f, path);
}

static void film_done(film *f)
{
    for (unsigned i = 0; i < f->count; i++) av_packet_free(&f->packet[i]);
    free(f->extradata);
}
VD_AUTO_DEFINE(film, film_done)

static void copy_event(told *t, const vd_event *event)
{
    VD_AUTO(vd_buf) json = VD_BUF(VD_EVENT_JSON_MAX);
    *t = (told){ .revision = event->revision,
                 .start_us = event->start_utc_us,
                 .end_us = event->end_utc_us,
                 .score = event->score,
                 .box_count = event->box_count,
                 .first_box = event->boxes[0],
                 .evidence_count = event->evidence_count };
    vd_slice_to_chars(vd_slice_str(event->phase), t->phase, sizeof t->phase);
    vd_slice_to_chars(vd_slice_str(event->id.text), t->id, sizeof t->id);
    for (unsigned i = 0; i < event->evidence_count; i++) t->evidence[i] = event->evidence[i];
    t->path_count = event->path_count;
    expect_ok(vd_event_write(event, &json));
    vd_slice_to_chars(vd_buf_slice(&json), t->json, sizeof t->json);
}

static vd_err accept(void *ctx, const vd_event *event, vd_why *why)
{
    stage *s = ctx;
    vd_err err = VD_OK;
    pthread_mutex_lock(&s->lock);
    if (s->refuse > 0) {
        s->refuse--;
        err = vd_fail(why, VD_FULL, "the disk is full");
    } else if (s->told_count < REVISION_MAX) {
        copy_event(&s->told[s->told_count++], event);
    }
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    return err;
}

static void expect_told(stage *s, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (s->told_count < count && rc == 0)
        rc = pthread_cond_timedwait(&s->news, &s->lock, &until);
    unsigned have = s->told_count;
    pthread_mutex_unlock(&s->lock);
    expect_u64(have, count);
}

static void make_frame(stage *s)
{
    static uint8_t grey[320 * 240];
    memset(grey, 128, sizeof grey);
    vd_picture picture = { .width_px = 320,
                           .height_px = 240,
                           .plane = { grey, grey, grey },
                           .stride = { 320, 160, 160 },
                           .utc_us = START_US,
                           .time_source = VD_TIME_FILE };
    expect_ok(vd_frame_copy(&picture, &s->frame));
}

static void stage_start(stage *s)
{
    vd_why why = { 0 };
    vd_events_config config = { .pre_roll_ms = 2000,
                                .post_roll_ms = 1000,
                                .clip_max_ms = 6000,
                                .ring_bytes_max = 8 << 20,
                                .snapshot_quality = 80,
                                .device = "gate-box",
                                .work_dir = s->work_dir,
                                .blobs = s->blobs };
    vd_events_sink sink = { s, accept };
    if (vd_events_new(&config, &sink, &s->events, &why)) fail_msg("%s", why.fact);
    expect_ok(vd_events_add_camera(s->events, "yard-1", &s->camera, &why));
}

static void stage_new(stage *s)
{
    *s = (stage){ .dir = "/tmp/vedette-events-XXXXXX",
                  .lock = PTHREAD_MUTEX_INITIALIZER,
                  .news = PTHREAD_COND_INITIALIZER,
                  .rule = { .id = "yard-gate",
                            .zone = "gate",
                            .severity = VD_SEVERITY_HIGH,
                            .point = { { 0, 0 }, { 1, 0 }, { 1, 1 } },
                            .point_count = 3,
                            .class_name = { "person" },
                            .class_count = 1,
                            .score_min = 0.35f,
                            .version = "0123456789abcdef" } };
    expect_true(mkdtemp(s->dir) != NULL);
    snprintf(s->work_dir, sizeof s->work_dir, "%s/work", s->dir);
    snprintf(s->blob_dir, sizeof s->blob_dir, "%s/blobs", s->dir);
    expect_ok(vd_blobs_open(s->blob_dir, &s->blobs, NULL));
    make_frame(s);
    stage_start(s);
}

static void stage_done(stage *s)
{
    vd_events_free(s->events);
    vd_blobs_free(s->blobs);
    vd_frame_unref(s->frame);
    nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(stage, stage_done)

/* Packets with a decoding time in [from, until) seconds. */
static void feed(stage *s, const film *f, double from, double until)
{
    for (unsigned i = 0; i < f->count; i++) {
        if ((double)f->dts_us[i] < from * SECOND || (double)f->dts_us[i] >= until * SECOND)
            continue;
        vd_packet packet = { .stream = &f->stream,
                             .pts_us = f->pts_us[i],
                             .dts_us = f->dts_us[i],
                             .utc_us = START_US + f->pts_us[i],
                             .key = f->packet[i]->flags & AV_PKT_FLAG_KEY,
                             .data = { f->packet[i]->data, (size_t)f->packet[i]->size } };
        vd_events_packet(s->camera, &packet);
    }
}

static void tell_fact(stage *s, vd_fact_phase phase, double entered_s, double now_s, float score)
{
    vd_detections seen = { .count = 3 };
    seen.item[0] = (vd_detection){ { 0.1f, 0.1f, 0.1f, 0.2f }, 0.9f, 1 };
    seen.item[1] = (vd_detection){ { 0.5f, 0.5f, 0.1f, 0.2f }, score, 0 };
    seen.item[2] = (vd_detection){ { 0.7f, 0.7f, 0.1f, 0.2f }, 0.06f, 0 };
    vd_fact fact = { .phase = phase,
                     .rule = &s->rule,
                     .visit = 1,
                     .track = { .id = 4, .box = seen.item[1].box, .score = score, .detection = 1 },
                     .entered_utc_us = START_US + (int64_t)(entered_s * SECOND),
                     .utc_us = START_US + (int64_t)(now_s * SECOND),
                     .best_score = score };
    vd_events_facts(s->camera, &fact, 1, s->frame, &seen, STUB_MODEL);
}

static const vd_event_evidence *evidence_of(const told *t, const char *kind)
{
    for (unsigned i = 0; i < t->evidence_count; i++)
        if (strcmp(t->evidence[i].kind, kind) == 0) return &t->evidence[i];
    return NULL;
}

/* The clip's file, opened. */
static AVFormatContext *open_clip(stage *s, const vd_event_evidence *clip)
{
    char path[4096];
    uint64_t bytes;
    AVFormatContext *format = NULL;
    expect_true(clip != NULL);
    expect_ok(vd_blobs_path(s->blobs, &clip->digest, path, sizeof path, &bytes));
    expect_u64(bytes, clip->bytes);
    expect_i64(avformat_open_input(&format, path, NULL, NULL), 0);
    return format;
}

/* Every packet of the clip is the source's, from packet `first` on, times from 0; and each can be
 * decoded. Returns how many. */
static unsigned expect_packets(stage *s, const vd_event_evidence *clip, const film *f,
                               unsigned first, bool same_form)
{
    AVFormatContext *format = open_clip(s, clip);
    const AVCodecParameters *p = format->streams[0]->codecpar;
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(p->codec_id));
    expect_true(avcodec_parameters_to_context(decoder, p) >= 0);
    decoder->err_recognition = AV_EF_EXPLODE;
    expect_i64(avcodec_open2(decoder, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    unsigned count = 0, frames = 0;
    for (; av_read_frame(format, packet) >= 0; count++) {
        const AVPacket *source = f->packet[first + count];
        if (count == 0) expect_true(packet->flags & AV_PKT_FLAG_KEY);
        if (count == 0) expect_i64(packet->pts, 0);
        if (same_form) {
            expect_i64(packet->size, source->size);
            expect_i64(memcmp(packet->data, source->data, (size_t)source->size), 0);
        }
        expect_i64(avcodec_send_packet(decoder, packet), 0);
        while (avcodec_receive_frame(decoder, frame) == 0) frames++;
        av_packet_unref(packet);
    }
    avcodec_send_packet(decoder, NULL);
    while (avcodec_receive_frame(decoder, frame) == 0) frames++;
    expect_u64(frames, count);
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    avformat_close_input(&format);
    return count;
}

static void expect_index_first(stage *s, const vd_event_evidence *clip)
{
    char path[4096];
    VD_AUTO(vd_buf) file = VD_BUF(8 << 20);
    expect_ok(vd_blobs_path(s->blobs, &clip->digest, path, sizeof path, NULL));
    expect_ok(vd_file_load(path, &file, NULL));
    const char *moov = memmem(file.data, file.len, "moov", 4);
    const char *mdat = memmem(file.data, file.len, "mdat", 4);
    expect_true(moov && mdat && moov < mdat);
}

// covers: EVT-1
VD_TEST(an_event_is_told_at_once_and_its_clip_begins_before_it)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 2");
    feed(&s, &f, -1, 4.2);
    vd_track track = { .id = 4, .seen = true, .box = { 0.2f, 0.5f, 0.1f, 0.2f } };
    vd_events_tracks(s.camera, &track, 1, START_US + 3 * SECOND);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    expect_told(&s, 1);
    feed(&s, &f, 4.2, 6.5);
    tell_fact(&s, VD_FACT_END, 3.5, 6.0, 0.6f);
    feed(&s, &f, 6.5, 13);
    expect_told(&s, 3);

    const told *start = &s.told[0], *end = &s.told[2];
    expect_str(start->phase, "start");
    expect_u64(start->revision, 1);
    expect_i64(start->start_us, START_US + 3500000);
    expect_i64(start->end_us, 0);
    expect_true(evidence_of(start, "snapshot") && !evidence_of(start, "clip"));
    expect_str(end->phase, "end");
    expect_u64(end->revision, 3);
    expect_str(end->id, start->id);
    expect_i64(end->end_us, START_US + 6 * SECOND);
    expect_near(end->score, 0.6, 1e-6);
    expect_u64(start->path_count, 0); /* the path comes with the clip */
    expect_u64(end->path_count, 1);

    const vd_event_evidence *clip = evidence_of(end, "clip");
    unsigned first = 0; /* the key frame at or before 3.5 s - 2 s */
    for (unsigned i = 0; i < f.count; i++)
        if (f.packet[i]->flags & AV_PKT_FLAG_KEY && f.pts_us[i] <= 1500000) first = i;
    unsigned count = expect_packets(&s, clip, &f, first, true);
    expect_near(clip->start_utc_us, START_US + f.pts_us[first], 0);
    expect_near(clip->end_utc_us, START_US + 7 * SECOND, 100000); /* end and post-roll */
    expect_near(count, (7.0 - 1.0) * 10, 3);
    expect_index_first(&s, clip);
}

VD_TEST(the_own_box_comes_first_then_what_else_the_model_saw)
{
    VD_AUTO(stage) s = { 0 };
    stage_new(&s);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    expect_told(&s, 1);
    expect_u64(s.told[0].box_count, 2); /* not the one below every threshold */
    expect_u64(s.told[0].first_box.track, 4);
    expect_near(s.told[0].first_box.score, 0.5, 1e-6);
}

VD_TEST(a_stream_without_parameter_sets_beside_it_gives_a_clip_that_plays)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.h264", "-bf 0");
    f.stream.extradata = VD_SLICE_NONE;
    feed(&s, &f, -1, 5);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    tell_fact(&s, VD_FACT_END, 3.5, 4.5, 0.5f);
    feed(&s, &f, 5, 13);
    expect_told(&s, 3);
    unsigned count = expect_packets(&s, evidence_of(&s.told[2], "clip"), &f, 10, false);
    expect_near(count, 45, 1);
}

VD_TEST(a_long_event_gets_its_clip_while_it_goes_on)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 4);
    tell_fact(&s, VD_FACT_BEGIN, 3.0, 4.0, 0.5f);
    feed(&s, &f, 4, 13);
    expect_told(&s, 2);
    expect_str(s.told[1].phase, "update");
    const vd_event_evidence *clip = evidence_of(&s.told[1], "clip");
    expect_true(clip != NULL);
    expect_near(clip->end_utc_us, START_US + 9 * SECOND, 100000); /* start and clip_max */
    tell_fact(&s, VD_FACT_END, 3.0, 11.0, 0.5f);
    expect_told(&s, 3);
    expect_str(s.told[2].phase, "end");
    expect_true(evidence_of(&s.told[2], "clip") != NULL);
}

VD_TEST(a_stream_that_no_mp4_holds_gives_an_event_without_clip)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    f.stream.codec_id = AV_CODEC_ID_MSMPEG4V3;
    feed(&s, &f, -1, 5);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    vd_events_stop(s.events);
    expect_told(&s, 2);
    expect_true(evidence_of(&s.told[1], "snapshot") && !evidence_of(&s.told[1], "clip"));
}

VD_TEST(the_best_picture_goes_with_the_next_revision)
{
    VD_AUTO(stage) s = { 0 };
    stage_new(&s);
    tell_fact(&s, VD_FACT_BEGIN, 3.0, 4.0, 0.5f);
    tell_fact(&s, VD_FACT_BETTER, 3.0, 5.0, 0.9f);
    tell_fact(&s, VD_FACT_END, 3.0, 6.0, 0.9f);
    vd_events_stop(s.events);
    expect_told(&s, 2); /* no packets: no clip */
    expect_near(s.told[0].first_box.score, 0.5, 1e-6);
    expect_near(s.told[1].first_box.score, 0.9, 1e-6);
    expect_near(s.told[1].score, 0.9, 1e-6);
}

// covers: EVT-1
VD_TEST(a_camera_that_dies_leaves_a_whole_clip)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 2");
    feed(&s, &f, -1, 5);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    expect_told(&s, 1);
    vd_events_stop(s.events); /* in the middle of the event, of the clip, of everything */
    expect_told(&s, 2);
    expect_str(s.told[1].phase, "end");
    expect_true(s.told[1].end_us >= s.told[1].start_us);
    unsigned count = expect_packets(&s, evidence_of(&s.told[1], "clip"), &f, 10, true);
    expect_near(count, 40, 3);
    feed(&s, &f, 5, 6); /* too late, and harmless */
}

VD_TEST(a_new_stream_ends_the_clip_of_the_old_one)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 5);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    f.stream.serial = 2;
    f.stream.width_px = 640;
    feed(&s, &f, 5, 6);
    expect_told(&s, 2);
    const vd_event_evidence *clip = evidence_of(&s.told[1], "clip");
    expect_u64(expect_packets(&s, clip, &f, 10, true), 40);
    expect_i64(clip->width_px, 320);
}

VD_TEST(what_the_sink_refuses_is_told_again)
{
    VD_AUTO(stage) s = { 0 };
    stage_new(&s);
    vd_clock_fake(SECOND, START_US);
    s.refuse = 1;
    tell_fact(&s, VD_FACT_BEGIN, 3.0, 4.0, 0.5f);
    while (vd_events_failed(s.events) == 0) sched_yield();
    vd_clock_fake(SECOND * 60, START_US);
    expect_told(&s, 1);
    vd_clock_fake(-1, -1);
    expect_u64(s.told[0].revision, 1);
    expect_str(s.told[0].phase, "start");
}

VD_TEST(unfinished_clips_of_an_earlier_run_are_removed)
{
    VD_AUTO(stage) s = { 0 };
    stage_new(&s);
    char path[128];
    snprintf(path, sizeof path, "%s/half.mp4", s.work_dir);
    expect_ok(vd_file_save(path, 0600, VD_STR("half"), NULL));
    vd_events_free(s.events);
    stage_start(&s);
    expect_true(access(path, F_OK) != 0);
}

// covers: EVT-1
VD_TEST(an_event_that_a_killed_run_left_open_is_ended_by_the_next)
{
    VD_AUTO(stage) s = { 0 };
    stage_new(&s);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    expect_told(&s, 1);
    char open[128], kept[128];
    snprintf(open, sizeof open, "%s/%s.open", s.work_dir, s.told[0].id);
    snprintf(kept, sizeof kept, "%s/kept", s.dir);
    expect_i64(link(open, kept), 0);
    vd_events_stop(s.events);
    expect_told(&s, 2);
    expect_true(access(open, F_OK) != 0); /* ended properly: nothing is left to end */
    expect_i64(rename(kept, open), 0);    /* as if it had been killed */
    vd_events_free(s.events);
    stage_start(&s);
    expect_told(&s, 3);
    expect_str(s.told[2].id, s.told[0].id);
    expect_u64(s.told[2].revision, 2);
    expect_str(s.told[2].phase, "end");
    expect_i64(s.told[2].end_us, START_US + 4 * SECOND); /* when it was last seen */
    expect_u64(s.told[2].evidence_count, 1);
    vd_events_stop(s.events);
    expect_true(access(open, F_OK) != 0);
}

typedef struct {
    stage *stage;
    film *film;
} feeder;

static void *feed_all(void *arg)
{
    feeder *f = arg;
    feed(f->stage, f->film, 5, 13);
    return NULL;
}

VD_TEST(stopping_while_packets_come_ends_cleanly)
{
    for (int round = 0; round < 5; round++) {
        VD_AUTO(stage) s = { 0 };
        VD_AUTO(film) f = { 0 };
        stage_new(&s);
        film_make(&f, s.dir, "film.mp4", "-bf 2");
        feed(&s, &f, -1, 5);
        tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
        pthread_t thread;
        feeder from = { &s, &f };
        pthread_create(&thread, NULL, feed_all, &from);
        vd_events_stop(s.events);
        pthread_join(thread, NULL);
        const told *last = &s.told[s.told_count - 1];
        expect_str(last->phase, "end");
        expect_packets(&s, evidence_of(last, "clip"), &f, 10, true);
    }
}

// covers: EVT-1
VD_TEST(every_revision_is_an_event_that_can_be_read)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 5);
    tell_fact(&s, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    vd_events_stop(s.events);
    for (unsigned i = 0; i < s.told_count; i++) {
        VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
        VD_AUTO(vd_json_ptr) root = NULL;
        vd_event event;
        vd_why why = { 0 };
        expect_ok(vd_json_parse(vd_slice_str(s.told[i].json), VD_EVENT_JSON_MAX, 16, &root, &why));
        if (vd_event_read(root, arena, &event, &why)) fail_msg("%s: %s", why.fact, why.detail);
        expect_u64(event.revision, i + 1);
        expect_str(event.device, "gate-box");
        expect_str(event.camera, "yard-1");
        expect_str(event.rule_id, "yard-gate");
        expect_str(event.zone, "gate");
        expect_str(event.severity, "high");
        expect_str(event.model_digest.hex, vd_vocabulary_main(STUB_MODEL)->digest.hex);
        expect_u64(event.evidence_count, i + 1);
    }
}

VD_TEST_MAIN(VD_RUN(an_event_is_told_at_once_and_its_clip_begins_before_it),
             VD_RUN(the_own_box_comes_first_then_what_else_the_model_saw),
             VD_RUN(a_stream_without_parameter_sets_beside_it_gives_a_clip_that_plays),
             VD_RUN(a_long_event_gets_its_clip_while_it_goes_on),
             VD_RUN(the_best_picture_goes_with_the_next_revision),
             VD_RUN(a_camera_that_dies_leaves_a_whole_clip),
             VD_RUN(a_new_stream_ends_the_clip_of_the_old_one),
             VD_RUN(what_the_sink_refuses_is_told_again),
             VD_RUN(unfinished_clips_of_an_earlier_run_are_removed),
             VD_RUN(an_event_that_a_killed_run_left_open_is_ended_by_the_next),
             VD_RUN(a_stream_that_no_mp4_holds_gives_an_event_without_clip),
             VD_RUN(stopping_while_packets_come_ends_cleanly),
             VD_RUN(every_revision_is_an_event_that_can_be_read))
