/* What a camera can do wrong, on command, and what is seen of it. */
#include "sim_test_priv.h"

static char folder[] = "/tmp/vedette-faults-XXXXXX";
static char film[64], wide_film[64], cache[64];

typedef struct {
    sim server;
    watcher watch;
} scene;

static bool live_with_pictures(const watcher *watch, int64_t count)
{
    return watch->status.state == VD_CAMERA_LIVE && watch->pictures >= (uint64_t)count;
}

static void scene_open(scene *on)
{
    sim_start(&on->server, film, 0, cache, NULL);
    const vd_camera_config config = sim_camera_config(&on->server);
    watch_start(&on->watch, &config);
    expect_true(watch_for(&on->watch, live_with_pictures, 3));
}

static void scene_close(scene *on)
{
    watch_stop(&on->watch);
    sim_stop(&on->server);
}

static uint64_t pictures_now(watcher *watch)
{
    pthread_mutex_lock(&watch->lock);
    const uint64_t count = watch->pictures;
    pthread_mutex_unlock(&watch->lock);
    return count;
}

static bool live_again(const watcher *watch, int64_t serial)
{
    return watch->status.state == VD_CAMERA_LIVE && watch->serial >= (uint32_t)serial;
}

/* covers: CAM-1, CAM-2 */
VD_TEST(a_camera_that_stalls_is_silent_with_a_reason_and_comes_back)
{
    scene on;
    scene_open(&on);
    sim_say(&on.server, "fault yard stall");
    const int64_t before_us = vd_clock_mono_us();
    expect_true(watch_for(&on.watch, state_is, VD_CAMERA_SILENT));
    expect_true(vd_clock_mono_us() - before_us >= 2 * INT64_C(1000000)); /* not for a hiccup */
    expect_true(strstr(on.watch.status.why.fact, "sent nothing for 3 s") != NULL);
    sim_say(&on.server, "fault yard none");
    expect_true(watch_for(&on.watch, live_again, 2));
    scene_close(&on);
}

/* covers: CAM-1, CAM-2 */
VD_TEST(a_closed_connection_is_opened_again)
{
    scene on;
    scene_open(&on);
    sim_say(&on.server, "fault yard disconnect");
    expect_true(watch_for(&on.watch, live_again, 2));
    vd_camera_status status;
    vd_camera_get_status(on.watch.camera, &status);
    expect_true(status.restarts >= 1);
    expect_u64(on.watch.state_changes[VD_CAMERA_FAILED], 1);
    scene_close(&on);
}

static bool packets_are(const watcher *watch, int64_t count)
{
    return watch->packets >= (uint64_t)count;
}

/* covers: CAM-1, CAM-2 */
VD_TEST(garbage_breaks_nothing_and_pictures_come_back)
{
    scene on;
    scene_open(&on);
    sim_say(&on.server, "fault yard garbage");
    expect_true(watch_for(&on.watch, packets_are, (int64_t)on.watch.packets + 30));
    sim_say(&on.server, "fault yard none");
    expect_true(watch_for(&on.watch, live_with_pictures, (int64_t)pictures_now(&on.watch) + 15));
    expect_u64(on.watch.state_changes[VD_CAMERA_FAILED], 0); /* the child lived through it */
    scene_close(&on);
}

static bool is_black(const watcher *watch, int64_t arg)
{
    (void)arg;
    return watch->luma <= 17 && watch->edges == 0;
}

static bool is_frozen(const watcher *watch, int64_t pictures)
{
    return watch->unmoved >= pictures && watch->luma > 40;
}

static bool is_blurred(const watcher *watch, int64_t most_edges)
{
    return watch->edges <= (uint64_t)most_edges && watch->luma > 40;
}

static bool is_clear(const watcher *watch, int64_t least_edges)
{
    return watch->edges >= (uint64_t)least_edges && watch->unmoved == 0;
}

static void expect_look(const char *command, watch_fn seen, int64_t arg)
{
    scene on;
    scene_open(&on);
    const int64_t edges = (int64_t)on.watch.edges;
    sim_say(&on.server, command);
    expect_true(watch_for(&on.watch, seen, arg < 0 ? edges / -arg : arg));
    expect_u64(on.watch.state_changes[VD_CAMERA_LIVE], 1);
    sim_say(&on.server, "fault yard none");
    expect_true(watch_for(&on.watch, is_clear, edges * 2 / 3));
    scene_close(&on);
}

/* covers: CAM-2 */
VD_TEST(a_black_camera_shows_black)
{
    expect_look("fault yard black", is_black, 0);
}

/* covers: CAM-2 */
VD_TEST(a_frozen_camera_shows_one_picture)
{
    expect_look("fault yard frozen", is_frozen, 6);
}

/* covers: CAM-2 */
VD_TEST(a_blurred_camera_has_no_edges_left)
{
    expect_look("fault yard blurred", is_blurred, -2);
}

static bool time_from(const watcher *watch, int64_t source)
{
    return watch->pictures > 0 && watch->last.time_source == (vd_time_source)source;
}

/* covers: CAM-1, CAM-2 */
VD_TEST(a_camera_with_a_wrong_clock_is_not_believed)
{
    scene on;
    scene_open(&on);
    expect_true(watch_for(&on.watch, time_from, VD_TIME_RTCP));
    sim_say(&on.server, "fault yard wrong-clock");
    expect_true(watch_for(&on.watch, time_from, VD_TIME_ARRIVAL));
    expect_true(llabs(on.watch.last.utc_us - vd_clock_utc_us()) < 5 * INT64_C(1000000));
    scene_close(&on);
}

static bool width_is(const watcher *watch, int64_t width)
{
    return watch->pictures > 0 && watch->last.width_px == (int)width;
}

/* covers: CAM-1 */
VD_TEST(a_camera_that_comes_back_with_another_size_is_shown_in_it)
{
    scene on;
    scene_open(&on);
    const int port = on.server.port;
    pthread_mutex_lock(&on.watch.lock);
    on.watch.hold = true; /* pictures of the old size stay lent over the change */
    pthread_mutex_unlock(&on.watch.lock);
    expect_true(watch_for(&on.watch, live_with_pictures, (int64_t)pictures_now(&on.watch) + 2));
    pthread_mutex_lock(&on.watch.lock);
    on.watch.hold = false;
    pthread_mutex_unlock(&on.watch.lock);
    sim_stop(&on.server);
    sim_start(&on.server, wide_film, port, cache, NULL);
    expect_true(watch_for(&on.watch, width_is, 480));
    expect_true(on.watch.held_count >= 1);
    expect_i64(on.watch.held[0].width_px, 320);
    expect_true(luma_mean(&on.watch.held[0]) > 40); /* still mapped */
    scene_close(&on);
}

/* covers: CAM-1 */
VD_TEST(a_killed_child_of_a_live_camera_is_back_in_time)
{
    scene on;
    scene_open(&on);
    expect_i64(kill(vd_camera_child_pid(on.watch.camera), SIGKILL), 0);
    expect_true(watch_for(&on.watch, live_again, 2));
    expect_u64(on.watch.state_changes[VD_CAMERA_FAILED], 1);
    scene_close(&on);
}

#define MANY 6

/* covers: CAM-2 */
VD_TEST(many_cameras_play_at_once_and_fail_alone)
{
    static watcher watches[MANY];
    char names[MANY][96], urls[MANY][300];
    const char *more[2 * MANY + 1] = { NULL };
    sim server;
    for (int i = 1; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "gate-%d=%s@%d", i, film, i);
        more[2 * i - 2] = "--camera";
        more[2 * i - 1] = names[i];
    }
    sim_start(&server, film, 0, cache, more);
    vd_camera_config config = sim_camera_config(&server);
    for (int i = 0; i < MANY; i++) {
        if (i)
            snprintf(urls[i], sizeof urls[i], "rtsp://127.0.0.1:%d/gate-%d", server.port, i);
        else
            snprintf(urls[i], sizeof urls[i], "%s", server.url);
        config.url = urls[i];
        watch_start(&watches[i], &config);
    }
    for (int i = 0; i < MANY; i++) expect_true(watch_for(&watches[i], live_with_pictures, 5));
    const int64_t next_serial = (int64_t)watches[1].serial + 1;
    sim_say(&server, "fault gate-1 disconnect");
    expect_true(watch_for(&watches[1], live_again, next_serial));
    for (int i = 0; i < MANY; i++) {
        expect_u64(watches[i].closed, i == 1); /* a slow machine has other reasons to try again */
        watch_stop(&watches[i]);
    }
    sim_stop(&server);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(wide_film, sizeof wide_film, "%s/wide.mp4", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    /* mandelbrot moves everywhere and is full of edges */
    return make_video(film, "mandelbrot=s=320x240:r=10:start_scale=0.8", "-t 6 -pix_fmt yuv420p") &&
                   make_video(wide_film, "testsrc=s=480x272:r=10:d=3", "-pix_fmt yuv420p")
               ? 0
               : -1;
}

static int remove_files(void **state)
{
    (void)state;
    char tool[] = "rm", flag[] = "-rf";
    char *arguments[] = { tool, flag, folder, NULL };
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_camera_that_stalls_is_silent_with_a_reason_and_comes_back),
        VD_RUN(a_closed_connection_is_opened_again),
        VD_RUN(garbage_breaks_nothing_and_pictures_come_back),
        VD_RUN(a_black_camera_shows_black),
        VD_RUN(a_frozen_camera_shows_one_picture),
        VD_RUN(a_blurred_camera_has_no_edges_left),
        VD_RUN(a_camera_with_a_wrong_clock_is_not_believed),
        VD_RUN(a_camera_that_comes_back_with_another_size_is_shown_in_it),
        VD_RUN(a_killed_child_of_a_live_camera_is_back_in_time),
        VD_RUN(many_cameras_play_at_once_and_fail_alone),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
