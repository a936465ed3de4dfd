/* A camera with two streams: the small one is looked at, the main one is kept; each may go away. */
#include "mask_test_priv.h"
#include "sim_test_priv.h"

enum { MAIN_PX = 320, SUB_PX = 160 };

static char folder[] = "/tmp/vedette-sub-XXXXXX";
static char film[64], small_film[64], small_camera[80], cache[64];

typedef struct {
    sim server;
    watcher watch;
    char sub_url[256];
} scene;

static void scene_open(scene *on)
{
    const char *const more[] = { "--camera", small_camera, NULL };
    sim_start(&on->server, film, 0, cache, more);
    vd_camera_config config = sim_camera_config(&on->server);
    snprintf(on->sub_url, sizeof on->sub_url, "rtsp://127.0.0.1:%d/small", on->server.port);
    config.sub_url = on->sub_url;
    config.patience_ms = 2000;
    watch_start(&on->watch, &config);
}

static void scene_close(scene *on)
{
    watch_stop(&on->watch);
    sim_stop(&on->server);
}

/* Live, without or with (part of) a reason, the last picture so wide. */
static bool live_at(const watcher *watch, int width_px, const char *fact)
{
    const bool reason =
        fact ? strstr(watch->status.why.fact, fact) != NULL : watch->status.why.fact[0] == 0;
    return watch->status.state == VD_CAMERA_LIVE && reason && watch->pictures &&
           watch->last.width_px == width_px;
}

static bool both_well(const watcher *watch, int64_t arg)
{
    (void)arg;
    return live_at(watch, SUB_PX, NULL) && watch->packets > 0;
}

static bool main_looked_at(const watcher *watch, int64_t arg)
{
    (void)arg;
    return live_at(watch, MAIN_PX, "small stream is away");
}

static bool not_recorded(const watcher *watch, int64_t arg)
{
    (void)arg;
    return live_at(watch, SUB_PX, "nothing is recorded");
}

// covers: CAM-3
VD_TEST(pictures_are_the_small_streams_and_packets_the_main_ones)
{
    scene on;
    scene_open(&on);
    expect_true(watch_for(&on.watch, both_well, 0));
    expect_true(watch_for(&on.watch, pictures_are, 10));
    vd_camera_status status;
    vd_camera_get_status(on.watch.camera, &status);
    scene_close(&on);
    expect_i64(on.watch.last.width_px, SUB_PX);
    expect_i64(on.watch.stream_width_px, MAIN_PX);
    expect_i64(status.width_px, MAIN_PX);
    expect_i64(status.state, VD_CAMERA_LIVE);
    expect_true(status.pictures >= 10 && status.packets > 0);
    /* Both have the time of day: a picture's moment can be found in what is kept. */
    expect_true(llabs(on.watch.last.utc_us - on.watch.last_packet_utc_us) < 5000000);
}

// covers: CAM-3
VD_TEST(while_the_small_stream_is_away_the_main_one_is_looked_at_without_a_gap_in_what_is_kept)
{
    scene on;
    scene_open(&on);
    expect_true(watch_for(&on.watch, both_well, 0));
    sim_say(&on.server, "fault small stall");
    expect_true(watch_for(&on.watch, main_looked_at, 0));
    expect_true(strstr(on.watch.status.why.detail, "sent nothing") != NULL);
    sim_say(&on.server, "fault small none");
    expect_true(watch_for(&on.watch, both_well, 0));
    expect_u64(on.watch.serial, 1); /* the main stream was never opened again */
    expect_u64(on.watch.state_changes[VD_CAMERA_SILENT], 0);
    scene_close(&on);
}

// covers: CAM-3
VD_TEST(while_the_main_stream_is_away_the_camera_says_that_nothing_is_recorded)
{
    scene on;
    scene_open(&on);
    expect_true(watch_for(&on.watch, both_well, 0));
    sim_say(&on.server, "fault yard stall");
    expect_true(watch_for(&on.watch, not_recorded, 0));
    sim_say(&on.server, "fault small stall");
    expect_true(watch_for(&on.watch, state_is, VD_CAMERA_SILENT));
    sim_say(&on.server, "fault yard none");
    sim_say(&on.server, "fault small none");
    expect_true(watch_for(&on.watch, both_well, 0));
    scene_close(&on);
}

static void expect_all_masked(const viewer *v)
{
    for (unsigned i = 0; i < v->pictures.count; i++)
        expect_i64(worst_inside(&v->pictures.picture[i], LUMA), 0);
    for (unsigned i = 0; i < v->packets.count; i++)
        expect_true(worst_inside(&v->packets.picture[i], LUMA) <= SMEARED_MAX);
}

static bool shown_and_kept(const watcher *watch, int64_t count)
{
    return watch->status.state == VD_CAMERA_LIVE && watch->pictures >= (uint64_t)count &&
           watch->packets >= (uint64_t)count;
}

static bool main_shown(const watcher *watch, int64_t pictures)
{
    return strstr(watch->status.why.fact, "small stream is away") != NULL &&
           watch->pictures >= (uint64_t)pictures;
}

// covers: CAM-7
VD_TEST(both_streams_are_masked_and_so_is_the_main_one_when_it_is_looked_at_instead)
{
    static viewer v;
    sim server;
    char sub_url[256];
    const char *const more[] = { "--camera", small_camera, NULL };
    sim_start(&server, film, 0, cache, more);
    vd_camera_config config = sim_camera_config(&server);
    snprintf(sub_url, sizeof sub_url, "rtsp://127.0.0.1:%d/small", server.port);
    config.sub_url = sub_url;
    config.patience_ms = 2000;
    config.masks = test_masks;
    config.mask_count = VD_COUNT_OF(test_masks);
    viewer_start(&v, &config);
    expect_true(watch_for(&v.base, shown_and_kept, 10));
    sim_say(&server, "fault small stall");
    pthread_mutex_lock(&v.base.lock);
    const int64_t before = (int64_t)v.base.pictures;
    pthread_mutex_unlock(&v.base.lock);
    expect_true(watch_for(&v.base, main_shown, before + 20));
    viewer_stop(&v);
    sim_stop(&server);
    const reel_picture *first = &v.pictures.picture[0];
    const reel_picture *last = &v.pictures.picture[v.pictures.count - 1];
    expect_i64(first->width, SUB_PX);
    expect_i64(last->width, MAIN_PX);
    expect_i64(v.packets.picture[0].width, MAIN_PX);
    expect_str(v.base.codec, "h264");
    expect_all_masked(&v);
    viewer_clear(&v);
}

VD_TEST(a_small_stream_that_cannot_be_is_refused_at_once)
{
    vd_camera *camera = NULL;
    vd_why why = { 0 };
    const vd_camera_sink sink = { 0 };
    vd_camera_config config = {
        .id = "yard", .kind = VD_CAMERA_RTSP, .url = "rtsp://127.0.0.1:9/x", .sub_url = "ftp://h/x"
    };
    expect_err(vd_camera_start(&config, &sink, &camera, &why), VD_INVALID);
    expect_true(strstr(why.fact, "RTSP") != NULL);
    config.sub_url = "rtsp://127.0.0.1:9/small";
    config.url = "nothing";
    expect_err(vd_camera_start(&config, &sink, &camera, &why), VD_INVALID);
}

static int make_films(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(small_film, sizeof small_film, "%s/small.mp4", folder);
    snprintf(small_camera, sizeof small_camera, "small=%s", small_film);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    return make_video(film, "testsrc=s=320x240:r=15:d=3", "-c:v libx264 -pix_fmt yuv420p") &&
                   make_video(small_film, "testsrc=s=160x120:r=15:d=3",
                              "-c:v libx264 -pix_fmt yuv420p")
               ? 0
               : -1;
}

static int remove_films(void **state)
{
    char shell[] = "rm", flag[] = "-rf";
    char *arguments[] = { shell, flag, folder, NULL };
    (void)state;
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(pictures_are_the_small_streams_and_packets_the_main_ones),
        VD_RUN(
            while_the_small_stream_is_away_the_main_one_is_looked_at_without_a_gap_in_what_is_kept),
        VD_RUN(while_the_main_stream_is_away_the_camera_says_that_nothing_is_recorded),
        VD_RUN(both_streams_are_masked_and_so_is_the_main_one_when_it_is_looked_at_instead),
        VD_RUN(a_small_stream_that_cannot_be_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, make_films, remove_films);
}
