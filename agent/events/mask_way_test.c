/* From a masked camera to what is kept of an event: its snapshot, its clip and the recording show
 * nothing of what is under the masks. The real camera's process, ring, worker and recorder. */
#include <libavformat/avformat.h>

#include "mask_test_priv.h"
#include "model_stub_priv.h"
#include "recording.h"

/* After it. */
#include "events_test_priv.h"

#define BEGIN_US 4000000
#define END_US   6000000
#define JPEG_MAX 48 /* so much a JPEG's blocks carry over a mask's edge */

typedef struct {
    watcher base; /* of watch_stop and watch_for */
    stage *stage;
    vd_recording_camera *kept;
} way;

static void go_packet(void *ctx, const vd_packet *packet)
{
    const way *w = ctx;
    vd_packet dated = *packet;
    dated.utc_us = START_US + packet->pts_us;
    vd_events_packet(w->stage->camera, &dated);
    vd_recording_packet(w->kept, &dated);
}

/* The event begins with one picture and ends with another. */
static void go_picture(void *ctx, const vd_picture *picture)
{
    way *w = ctx;
    stage *s = w->stage;
    if (picture->pts_us == BEGIN_US) {
        vd_frame_unref(s->frame);
        expect_ok(vd_frame_copy(picture, &s->frame));
        tell_fact(s, VD_FACT_BEGIN, 3.5, 4, 0.5f);
    } else if (picture->pts_us == END_US) {
        tell_fact(s, VD_FACT_END, 3.5, 6, 0.6f);
    }
    pthread_mutex_lock(&w->base.lock);
    vd_camera *camera = w->base.camera;
    pthread_mutex_unlock(&w->base.lock);
    vd_camera_give_back(camera, picture);
}

static void play(stage *s, vd_recording_camera *kept, const char *path)
{
    way w = { .stage = s, .kept = kept };
    const vd_camera_config config = { .id = "yard-1",
                                      .kind = VD_CAMERA_FILE,
                                      .url = path,
                                      .pace = VD_PACE_FAST,
                                      .masks = test_masks,
                                      .mask_count = VD_COUNT_OF(test_masks) };
    const vd_camera_sink sink = {
        .ctx = &w, .packet = go_packet, .picture = go_picture, .status = saw_status
    };
    watch_start_with(&w.base, &config, &sink);
    expect_true(watch_for(&w.base, state_is, VD_CAMERA_ENDED));
    watch_stop(&w.base);
}

/* Every picture of a file, a film's or a JPEG's. */
static unsigned expect_masked(const char *path, int luma, int worst)
{
    AVFormatContext *format = NULL;
    AVPacket *packet = av_packet_alloc();
    static viewer v;
    memset(&v, 0, sizeof v);
    assert_int_equal(avformat_open_input(&format, path, NULL, NULL), 0);
    const AVCodecParameters *p = format->streams[0]->codecpar;
    const vd_stream_info stream = { .codec_id = p->codec_id,
                                    .extradata = { p->extradata, (size_t)p->extradata_size } };
    decoder_renew(&v, &stream);
    while (av_read_frame(format, packet) >= 0) {
        expect_i64(avcodec_send_packet(v.decoder, packet), 0);
        take_decoded(&v);
        av_packet_unref(packet);
    }
    decoder_renew(&v, NULL);
    const unsigned count = v.packets.count;
    for (unsigned i = 0; i < count; i++) {
        const int off = worst_inside(&v.packets.picture[i], luma);
        if (off > worst) fail_msg("%s: picture %u is %d off under a mask", path, i, off);
    }
    viewer_clear(&v);
    av_packet_free(&packet);
    avformat_close_input(&format);
    return count;
}

static unsigned expect_evidence(stage *s, const char *kind, int luma, int worst)
{
    const vd_event_evidence *file = evidence_of(&s->told[2], kind);
    char path[512];
    assert_non_null(file);
    expect_ok(vd_blobs_path(s->blobs, &file->digest, path, sizeof path, NULL));
    return expect_masked(path, luma, worst);
}

static void expect_recorded(vd_recording *recording, const char *dir)
{
    char path[160];
    vd_recording_range range;
    snprintf(path, sizeof path, "%s/cut.mp4", dir);
    expect_ok(vd_recording_cut(recording, "yard-1", START_US + 2 * SECOND, START_US + 7 * SECOND,
                               1 << 24, path, &range, NULL));
    expect_true(expect_masked(path, LUMA, SMEARED_MAX) >= 48);
}

// covers: CAM-7
VD_TEST(what_is_kept_of_an_event_shows_nothing_of_what_is_under_a_mask)
{
    VD_AUTO(stage) s = { 0 };
    char path[128], dir[128];
    vd_recording *recording = NULL;
    const vd_recording_limits limits = { 0 };
    vd_recording_camera *kept = NULL;
    stage_new(&s);
    snprintf(path, sizeof path, "%s/film.mp4", s.dir);
    snprintf(dir, sizeof dir, "%s/recording", s.dir);
    const vd_recording_config config = {
        .dir = dir, .fragment_ms = 1000, .segment_ms = 60000, .queue_bytes_max = 32 << 20
    };
    expect_ok(vd_recording_new(&config, &recording, NULL));
    expect_ok(vd_recording_add(recording, "yard-1", &limits, &kept, NULL));
    assert_true(make_video(path, "testsrc2=s=320x240:r=10:d=8",
                           "-c:v libx264 -preset ultrafast -g 10 -bf 2 -pix_fmt yuv420p"));
    play(&s, kept, path);
    vd_recording_end(kept);
    vd_recording_settle(recording);
    expect_told(&s, 3);
    expect_u64(expect_evidence(&s, "snapshot", 0, JPEG_MAX), 1); /* of JPEG's range: black is 0 */
    expect_true(expect_evidence(&s, "clip", LUMA, SMEARED_MAX) >= 48);
    expect_recorded(recording, s.dir);
    vd_recording_free(recording);
}

VD_TEST_MAIN(VD_RUN(what_is_kept_of_an_event_shows_nothing_of_what_is_under_a_mask))
