/* RTSP cameras through camera-sim, a real RTSP server: transports, codecs, passwords. */
#include "sim_test_priv.h"

static char folder[] = "/tmp/vedette-rtsp-XXXXXX";
static char film[64], cache[64], password_file[64];

static bool live_with_pictures(const watcher *watch, int64_t count)
{
    return watch->status.state == VD_CAMERA_LIVE && watch->pictures >= (uint64_t)count;
}

static void expect_pictures(const char *codec_option, const char *codec,
                            vd_rtsp_transport transport)
{
    const char *const more[] = { "--codec", codec_option, NULL };
    watcher watch;
    sim server;
    sim_start(&server, film, 0, cache, more);
    vd_camera_config config = sim_camera_config(&server);
    config.transport = transport;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, live_with_pictures, 12));
    expect_str(watch.codec, codec);
    expect_i64(watch.last.width_px, 320);
    expect_i64(watch.last.height_px, 240);
    expect_true(watch.keys >= 1);
    expect_true(watch.luma > 40 && watch.luma < 215);
    expect_true(llabs(watch.last.utc_us - vd_clock_utc_us()) < 10 * INT64_C(1000000));
    expect_false(watch.time_fell);
    watch_stop(&watch);
    expect_i64(sim_stop(&server), 0);
}

/* covers: CAM-1, CAM-2 */
VD_TEST(h264_comes_over_tcp)
{
    expect_pictures("h264", "h264", VD_RTSP_TCP);
}

/* covers: CAM-1 */
VD_TEST(h264_comes_over_udp)
{
    expect_pictures("h264", "h264", VD_RTSP_UDP);
}

/* covers: CAM-1 */
VD_TEST(h265_comes_over_tcp)
{
    expect_pictures("h265", "hevc", VD_RTSP_TCP);
}

/* covers: CAM-1 */
VD_TEST(mjpeg_comes_over_tcp)
{
    expect_pictures("mjpeg", "mjpeg", VD_RTSP_TCP);
}

static void expect_denied(const sim *server, const char *user, const char *password)
{
    watcher watch;
    vd_camera_config config = sim_camera_config(server);
    config.user = user;
    config.password = password;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    vd_camera_status status;
    vd_camera_get_status(watch.camera, &status);
    watch_stop(&watch);
    expect_true(strstr(status.why.fact, "refused the user or password") != NULL);
    expect_true(strstr(status.why.hint, "user and password") != NULL);
    expect_true(strstr(status.why.detail, "wrong!") == NULL);
}

/* covers: CAM-1 */
VD_TEST(only_the_right_password_shows_pictures)
{
    const char *const more[] = { "--user", "guard", "--password-file", password_file, NULL };
    watcher watch;
    sim server;
    sim_start(&server, film, 0, cache, more);
    expect_denied(&server, "guard", "wrong!");
    expect_denied(&server, NULL, NULL);
    vd_camera_config config = sim_camera_config(&server);
    config.user = "guard";
    config.password = "p@ss:w/rd %41"; /* needs care inside an address */
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, live_with_pictures, 3));
    watch_stop(&watch);
    sim_stop(&server);
}

/* covers: CAM-1 */
VD_TEST(a_path_that_the_camera_does_not_have_is_said_so)
{
    watcher watch;
    sim server;
    sim_start(&server, film, 0, cache, NULL);
    strncat(server.url, "-not", sizeof(server.url) - strlen(server.url) - 1);
    const vd_camera_config config = sim_camera_config(&server);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    watch_stop(&watch);
    expect_true(strstr(watch.status.why.fact, "no stream at this address") != NULL);
    expect_true(strstr(watch.status.why.detail, "/yard-not") != NULL);
    sim_stop(&server);
}

/* covers: CAM-1 */
VD_TEST(a_camera_that_comes_up_later_is_found)
{
    watcher watch;
    sim server;
    sim_start(&server, film, 0, cache, NULL);
    const vd_camera_config config = sim_camera_config(&server);
    const int port = server.port;
    sim_stop(&server);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(strstr(watch.status.why.fact, "nothing answers") != NULL);
    sim_start(&server, film, port, cache, NULL);
    expect_true(watch_for(&watch, live_with_pictures, 3));
    watch_stop(&watch);
    sim_stop(&server);
}

static bool time_from(const watcher *watch, int64_t source)
{
    return watch->pictures > 0 && watch->last.time_source == (vd_time_source)source;
}

/* covers: CAM-1 */
VD_TEST(the_cameras_own_clock_counts_once_it_has_told_it)
{
    watcher watch;
    sim server;
    sim_start(&server, film, 0, cache, NULL);
    const vd_camera_config config = sim_camera_config(&server);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, time_from, VD_TIME_RTCP));
    expect_true(llabs(watch.last.utc_us - vd_clock_utc_us()) < 2 * INT64_C(1000000));
    watch_stop(&watch);
    sim_stop(&server);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(password_file, sizeof password_file, "%s/password", folder);
    FILE *text = fopen(password_file, "w");
    if (!text) return -1;
    fputs("p@ss:w/rd %41\n", text);
    fclose(text);
    return make_video(film, "testsrc=s=320x240:r=12:d=5", "-c:v libx264 -pix_fmt yuv420p") ? 0 : -1;
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
        VD_RUN(h264_comes_over_tcp),
        VD_RUN(h264_comes_over_udp),
        VD_RUN(h265_comes_over_tcp),
        VD_RUN(mjpeg_comes_over_tcp),
        VD_RUN(only_the_right_password_shows_pictures),
        VD_RUN(a_path_that_the_camera_does_not_have_is_said_so),
        VD_RUN(a_camera_that_comes_up_later_is_found),
        VD_RUN(the_cameras_own_clock_counts_once_it_has_told_it),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
