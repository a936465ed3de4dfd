#include "model_stub_priv.h"

#include "events_test_priv.h"

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
