/* A camera that is only named by its host: it is asked where its streams are, when it is started
 * and each time it has failed. */
#include "onvif_peer_priv.h"
#include "sim_test_priv.h"

enum { MAIN_PX = 320, SUB_PX = 160 };

static char folder[] = "/tmp/vedette-onvif-XXXXXX";
static char film[64], small_film[64], small_camera[80], cache[64];

typedef struct {
    sim server;
    onvif_peer peer;
    watcher watch;
    char address[64], sub_url[256];
} scene;

static void scene_open(scene *on)
{
    const char *const more[] = { "--camera", small_camera, NULL };
    sim_start(&on->server, film, 0, cache, more);
    snprintf(on->sub_url, sizeof on->sub_url, "rtsp://127.0.0.1:%d/small", on->server.port);
    on->peer.main_url = on->server.url;
    on->peer.sub_url = on->sub_url;
    onvif_peer_open(&on->peer);
    snprintf(on->address, sizeof on->address, "127.0.0.1:%u", on->peer.port);
}

static void scene_watch(scene *on, vd_camera_decode decode)
{
    const vd_camera_config config = { .id = "yard",
                                      .kind = VD_CAMERA_ONVIF,
                                      .url = on->address,
                                      .user = "viewer",
                                      .password = "s3cret",
                                      .decode = decode };
    watch_start(&on->watch, &config);
}

static void scene_close(scene *on)
{
    watch_stop(&on->watch);
    onvif_peer_close(&on->peer);
    sim_stop(&on->server);
}

static bool live_at(const watcher *watch, int64_t width_px)
{
    return watch->status.state == VD_CAMERA_LIVE && !watch->status.why.fact[0] && watch->pictures &&
           watch->packets && watch->last.width_px == width_px;
}

static bool refused(const watcher *watch, int64_t arg)
{
    (void)arg;
    return watch->status.state == VD_CAMERA_FAILED &&
           strcmp(watch->status.why.fact, "the camera refuses user or password") == 0;
}

static void set_password(scene *on, const char *password)
{
    pthread_mutex_lock(&on->peer.lock);
    on->peer.password = password;
    pthread_mutex_unlock(&on->peer.lock);
}

// covers: CAM-3
VD_TEST(onvif_camera_is_looked_at_by_its_small_stream_and_kept_by_its_main_one)
{
    scene on = { .peer = { .user = "viewer", .password = "s3cret" } };
    scene_open(&on);
    scene_watch(&on, VD_DECODE_ALL);
    expect_true(watch_for(&on.watch, live_at, SUB_PX));
    scene_close(&on);
    expect_i64(on.watch.stream_width_px, MAIN_PX);
}

/* As a single stream: the main one of two has no gate. */
static bool has_gate(const watcher *watch, int64_t width_px)
{
    vd_camera_status now;
    vd_camera_get_status(watch->camera, &now);
    return live_at(watch, width_px) && now.gate != VD_GATE_OFF;
}

// covers: CAM-3
VD_TEST(onvif_camera_with_one_stream_runs_as_a_camera_of_one_stream)
{
    scene on = { .peer = { .user = "viewer", .password = "s3cret", .no_small = true } };
    scene_open(&on);
    scene_watch(&on, VD_DECODE_AUTO);
    expect_true(watch_for(&on.watch, has_gate, MAIN_PX));
    scene_close(&on);
}

// covers: CAM-3
VD_TEST(onvif_camera_that_refuses_us_is_told_and_asked_again)
{
    scene on = { .peer = { .user = "viewer", .password = "another" } };
    scene_open(&on);
    scene_watch(&on, VD_DECODE_ALL);
    expect_true(watch_for(&on.watch, refused, 0));
    set_password(&on, "s3cret");
    expect_true(watch_for(&on.watch, live_at, SUB_PX));
    scene_close(&on);
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
        VD_RUN(onvif_camera_is_looked_at_by_its_small_stream_and_kept_by_its_main_one),
        VD_RUN(onvif_camera_with_one_stream_runs_as_a_camera_of_one_stream),
        VD_RUN(onvif_camera_that_refuses_us_is_told_and_asked_again),
    };
    return cmocka_run_group_tests(tests, make_films, remove_films);
}
