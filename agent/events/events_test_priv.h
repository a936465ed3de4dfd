/* events_test_priv.h - a stage: the events of one camera, fed from a small film, and what their
 * sink was told. Include once per test program, after model_stub_priv.h. */
#ifndef VD_EVENTS_TEST_PRIV_H
#define VD_EVENTS_TEST_PRIV_H
#include "events.h"
#include <ftw.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    int64_t delay_ms;
    told told[REVISION_MAX];
} stage;

static inline int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline void film_read(film *f, const char *path)
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
static inline void film_make(film *f, const char *dir, const char *name, const char *options)
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

static inline void film_done(film *f)
{
    for (unsigned i = 0; i < f->count; i++) av_packet_free(&f->packet[i]);
    free(f->extradata);
}
VD_AUTO_DEFINE(film, film_done)

static inline void copy_event(told *t, const vd_event *event)
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

static inline vd_err accept(void *ctx, const vd_event *event, vd_why *why)
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

static inline void expect_told(stage *s, unsigned count)
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

static inline void make_frame(stage *s)
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

static inline void stage_start(stage *s)
{
    vd_why why = { 0 };
    vd_events_config config = { .pre_roll_ms = s->delay_ms ? 0 : 2000,
                                .post_roll_ms = 1000,
                                .delay_ms = s->delay_ms,
                                .clip_max_ms = 6000,
                                .late_ms = 5000,
                                .ring_bytes_max = 8 << 20,
                                .snapshot_quality = 80,
                                .device = "gate-box",
                                .work_dir = s->work_dir,
                                .blobs = s->blobs };
    vd_events_sink sink = { s, accept };
    if (vd_events_new(&config, &sink, &s->events, &why)) fail_msg("%s", why.fact);
    expect_ok(vd_events_add_camera(s->events, "yard-1", &s->camera, &why));
}

/* A stage whose clips begin delay_ms after their events; 0: two seconds before. */
static inline void stage_new_delayed(stage *s, int64_t delay_ms)
{
    *s = (stage){ .delay_ms = delay_ms,
                  .dir = "/tmp/vedette-events-XXXXXX",
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

static inline void stage_new(stage *s)
{
    stage_new_delayed(s, 0);
}

static inline void stage_done(stage *s)
{
    vd_events_free(s->events);
    vd_blobs_free(s->blobs);
    vd_frame_unref(s->frame);
    nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(stage, stage_done)

/* Packets with a decoding time in [from, until) seconds. */
static inline void feed(stage *s, const film *f, double from, double until)
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

static inline void tell_visit(stage *s, uint64_t visit, vd_fact_phase phase, double entered_s,
                              double now_s, float score)
{
    vd_detections seen = { .count = 3 };
    seen.item[0] = (vd_detection){ { 0.1f, 0.1f, 0.1f, 0.2f }, 0.9f, 1 };
    seen.item[1] = (vd_detection){ { 0.5f, 0.5f, 0.1f, 0.2f }, score, 0 };
    seen.item[2] = (vd_detection){ { 0.7f, 0.7f, 0.1f, 0.2f }, 0.06f, 0 };
    vd_fact fact = { .phase = phase,
                     .rule = &s->rule,
                     .visit = visit,
                     .track = { .id = 4, .box = seen.item[1].box, .score = score, .detection = 1 },
                     .entered_utc_us = START_US + (int64_t)(entered_s * SECOND),
                     .utc_us = START_US + (int64_t)(now_s * SECOND),
                     .best_score = score };
    vd_events_facts(s->camera, &fact, 1, s->frame, &seen, STUB_MODEL);
}

static inline void tell_fact(stage *s, vd_fact_phase phase, double entered_s, double now_s,
                             float score)
{
    tell_visit(s, 1, phase, entered_s, now_s, score);
}

static const vd_event_evidence *evidence_of(const told *t, const char *kind)
{
    for (unsigned i = 0; i < t->evidence_count; i++)
        if (strcmp(t->evidence[i].kind, kind) == 0) return &t->evidence[i];
    return NULL;
}
#endif
