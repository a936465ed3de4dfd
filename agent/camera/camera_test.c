/* Cameras that are files: pace, loops, loss, bad input, a child that dies or hangs. */
#include "camera_test_priv.h"

#include <sys/stat.h>

static char folder[] = "/tmp/vedette-camera-XXXXXX";
static char small[64], odd[64], changing[64], no_video[64];

static vd_camera_config file_camera(const char *path)
{
    return (vd_camera_config){
        .id = "yard-1", .kind = VD_CAMERA_FILE, .url = path, .pace = VD_PACE_FAST
    };
}

/* covers: CAM-1 */
VD_TEST(a_file_at_full_speed_gives_every_picture_and_ends)
{
    watcher watch;
    const vd_camera_config config = file_camera(small);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    vd_camera_status status;
    vd_camera_get_status(watch.camera, &status);
    watch_stop(&watch);
    expect_u64(watch.pictures, 50);
    expect_u64(watch.packets, 50);
    expect_u64(status.dropped, 0);
    expect_i64(watch.last.width_px, 320);
    expect_i64(watch.last.height_px, 240);
    expect_u64(watch.last.number, 50);
    expect_i64(watch.last.time_source, VD_TIME_FILE);
    expect_i64(watch.last.utc_us - watch.last.pts_us, INT64_C(946684800000000));
    expect_false(watch.time_fell);
    expect_str(watch.codec, "h264");
}

static bool ended_early(const watcher *watch, int64_t count)
{
    return watch->held_count >= (unsigned)count;
}

/* covers: CAM-1 */
VD_TEST(at_full_speed_a_slow_reader_makes_the_file_wait_and_loses_nothing)
{
    watcher watch;
    const vd_camera_config config = file_camera(small);
    watch_start(&watch, &config);
    pthread_mutex_lock(&watch.lock);
    watch.hold = true;
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, ended_early, 10));
    pthread_mutex_lock(&watch.lock);
    watch.hold = false;
    for (; watch.held_count; watch.held_count--)
        vd_camera_give_back(watch.camera, &watch.held[watch.held_count - 1]);
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    watch_stop(&watch);
    expect_u64(watch.pictures, 50);
}

static bool two_rounds(const watcher *watch, int64_t packets)
{
    return watch->packets >= (uint64_t)packets && watch->pictures >= (uint64_t)packets - 10;
}

/* covers: CAM-1 */
VD_TEST(a_looped_file_goes_on_with_rising_times)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.loop = true;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, two_rounds, 125));
    watch_stop(&watch);
    expect_false(watch.time_fell);
    expect_true(watch.last_dts_us > 2 * 2000000);
    expect_u64(watch.serial, 1);
}

static bool restarted(const watcher *watch, int64_t serial)
{
    return watch->serial >= (uint32_t)serial && watch->status.state == VD_CAMERA_LIVE;
}

static bool dated(const watcher *watch, int64_t utc_us)
{
    return watch->last_packet_utc_us >= utc_us && watch->pictures > 0;
}

/* covers: CAM-3 */
VD_TEST(a_file_plays_faster_and_from_the_day_it_says_through_rounds_and_restarts)
{
    const int64_t noon_us = INT64_C(1795262400000000), minute_us = 60000000;
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.pace = VD_PACE_REAL;
    config.loop = true;
    config.speed = 1000;
    config.from_utc_us = noon_us;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, dated, noon_us + minute_us)); /* 30 rounds */
    expect_i64(kill(vd_camera_child_pid(watch.camera), SIGKILL), 0);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    const int64_t before_us = watch.last_packet_utc_us;
    expect_true(watch_for(&watch, restarted, 2));
    expect_true(watch_for(&watch, dated, before_us + minute_us));
    watch_stop(&watch);
    expect_true(watch.last_packet_utc_us < noon_us + 24 * 60 * minute_us);
    expect_i64(watch.last.time_source, VD_TIME_FILE);
}

static bool slots_ran_out(const watcher *watch, int64_t count)
{
    vd_camera_status status;
    vd_camera_get_status(watch->camera, &status);
    return status.dropped >= (uint64_t)count;
}

/* covers: CAM-1 */
VD_TEST(at_real_pace_pictures_that_find_no_slot_are_dropped_and_counted)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.pace = VD_PACE_REAL;
    config.loop = true;
    watch_start(&watch, &config);
    pthread_mutex_lock(&watch.lock);
    watch.hold = true;
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, slots_ran_out, 3));
    pthread_mutex_lock(&watch.lock);
    expect_true(watch.held_count >= 8);
    expect_true(llabs(watch.last.utc_us - vd_clock_utc_us()) < 20 * INT64_C(1000000));
    pthread_mutex_unlock(&watch.lock);
    watch_stop(&watch);
}

/* Pictures that are in memory, in kilobytes: of all maps in this process. */
static int64_t pictures_kb(void)
{
    char line[512];
    int64_t sum = 0;
    bool ours = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        if (strchr(line, '-') && strstr(line, "/memfd:")) ours = strstr(line, "vedette-pictures");
        if (ours && strncmp(line, "Rss:", 4) == 0) {
            sum += strtoll(line + 4, NULL, 10);
            ours = false;
        }
    }
    if (maps) fclose(maps);
    return sum;
}

static void give_all_back(watcher *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->hold = false;
    for (unsigned i = 0; i < watch->held_count; i++)
        vd_camera_give_back(watch->camera, &watch->held[i]);
    watch->held_count = 0;
    pthread_mutex_unlock(&watch->lock);
}

static bool fewer_kb(const watcher *watch, int64_t kb)
{
    return watch->held_count == 0 && pictures_kb() <= kb;
}

/* covers: CAM-1 */
VD_TEST(memory_of_pictures_goes_back_after_a_rush)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.pace = VD_PACE_REAL;
    config.loop = true;
    watch_start(&watch, &config);
    pthread_mutex_lock(&watch.lock);
    watch.hold = true;
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, slots_ran_out, 3));
    const int64_t most_kb = pictures_kb();
    give_all_back(&watch);
    expect_true(watch_for(&watch, fewer_kb, most_kb / 2));
    watch_stop(&watch);
}

/* covers: CAM-1 */
VD_TEST(max_fps_thins_by_media_time)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.max_fps = 5;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    watch_stop(&watch);
    expect_u64(watch.pictures, 10);
    expect_u64(watch.packets, 50);
}

VD_TEST(packets_only_decodes_nothing)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.packets_only = true;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    watch_stop(&watch);
    expect_u64(watch.pictures, 0);
    expect_u64(watch.packets, 50);
    expect_u64(watch.state_changes[VD_CAMERA_LIVE], 1);
}

VD_TEST(another_pixel_format_and_an_odd_size_become_i420)
{
    watcher watch;
    const vd_camera_config config = file_camera(odd);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    watch_stop(&watch);
    expect_u64(watch.pictures, 10);
    expect_i64(watch.last.width_px, 101);
    expect_i64(watch.last.height_px, 67);
    expect_true(watch.last.full_range);
    expect_true(watch.luma > 40 && watch.luma < 215);
}

/* covers: CAM-1 */
VD_TEST(a_stream_that_changes_size_goes_on_in_the_new_one)
{
    watcher watch;
    const vd_camera_config config = file_camera(changing);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_ENDED));
    watch_stop(&watch);
    expect_u64(watch.pictures, 20);
    expect_i64(watch.last.width_px, 480);
    expect_i64(watch.last.height_px, 272);
    expect_u64(watch.serial, 2); /* told before the first packet of the new size */
    expect_i64(watch.stream_width_px, 480);
    expect_true(watch.extradata_bytes > 0);
    expect_u64(watch.state_changes[VD_CAMERA_FAILED], 0);
}

static void expect_restart_after(int signal_number, const char *fact)
{
    watcher watch;
    vd_camera_config config = file_camera(small);
    config.pace = VD_PACE_REAL;
    config.loop = true;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 3));
    const int64_t before_us = vd_clock_mono_us();
    expect_i64(kill(vd_camera_child_pid(watch.camera), signal_number), 0);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    const int64_t noticed_us = vd_clock_mono_us() - before_us;
    expect_true(strstr(watch.status.why.fact, fact) != NULL);
    expect_true(noticed_us <= VD_CAMERA_HANG_MS * INT64_C(1000)); /* the promise itself */
    expect_true(watch_for(&watch, restarted, 2));
    vd_camera_status status;
    vd_camera_get_status(watch.camera, &status);
    expect_u64(status.restarts, 1);
    watch_stop(&watch);
}

/* covers: CAM-1 */
VD_TEST(a_killed_child_is_noticed_and_started_again)
{
    expect_restart_after(SIGKILL, "signal 9");
}

/* covers: CAM-1 */
VD_TEST(a_hung_child_is_noticed_within_three_seconds_and_started_again)
{
    expect_restart_after(SIGSTOP, "hung");
}

static void expect_failure(const char *path, const char *fact)
{
    watcher watch;
    const vd_camera_config config = file_camera(path);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    vd_camera_status status;
    vd_camera_get_status(watch.camera, &status);
    watch_stop(&watch);
    if (!strstr(status.why.fact, fact)) print_error("the fact is '%s'\n", status.why.fact);
    expect_true(strstr(status.why.fact, fact) != NULL);
    expect_true(strstr(status.why.detail, path) != NULL);
    expect_true(status.why.hint[0] != 0);
}

/* covers: CAM-1 */
VD_TEST(a_file_that_is_not_there_is_said_so)
{
    expect_failure("/nowhere/video.mp4", "no such video file");
}

VD_TEST(a_folder_is_no_file)
{
    expect_failure(folder, "no file");
}

VD_TEST(a_file_that_is_no_video_is_said_so)
{
    expect_failure(no_video, "no video");
}

static vd_err try_start(vd_camera_config config, vd_why *why)
{
    vd_camera *camera = NULL;
    const vd_camera_sink sink = { 0 };
    return vd_camera_start(&config, &sink, &camera, why);
}

VD_TEST(a_configuration_that_cannot_work_is_refused_at_once)
{
    vd_why why = { 0 };
    vd_camera_config config = { .id = "Yard", .kind = VD_CAMERA_RTSP, .url = "rtsp://h/x" };
    expect_err(try_start(config, &why), VD_INVALID);
    expect_true(strstr(why.hint, "a-z") != NULL);
    memcpy(config.id, "yard", 5);
    config.url = "http://h/x";
    expect_err(try_start(config, &why), VD_INVALID);
    config.url = "rtsp://admin:secret@h/x";
    expect_err(try_start(config, &why), VD_INVALID);
    expect_true(strstr(why.fact, "password") != NULL && strstr(why.fact, "secret") == NULL);
    config.url = "rtsp:///x";
    expect_err(try_start(config, &why), VD_INVALID);
}

VD_TEST(a_camera_can_be_stopped_while_it_starts)
{
    watcher watch;
    const vd_camera_config config = file_camera(small);
    for (int i = 0; i < 3; i++) {
        watch_start(&watch, &config);
        watch_stop(&watch);
    }
}

static bool make_odd(void)
{
    return make_video(odd, "testsrc=s=101x67:r=10:d=1", "-c:v mjpeg -pix_fmt yuvj444p");
}

/* Two streams of different size, one behind the other. */
static bool make_changing(void)
{
    char command[512];
    char part[2][80];
    snprintf(changing, sizeof changing, "%s/changing.h264", folder);
    snprintf(part[0], sizeof part[0], "%s/1.h264", folder);
    snprintf(part[1], sizeof part[1], "%s/2.h264", folder);
    snprintf(command, sizeof command, "cat %s %s >%s && rm %s %s", part[0], part[1], changing,
             part[0], part[1]);
    char shell[] = "sh", flag[] = "-c";
    char *arguments[] = { shell, flag, command, NULL };
    return make_video(part[0], "testsrc=s=320x240:r=25:d=0.4", "-c:v libx264 -pix_fmt yuv420p") &&
           make_video(part[1], "testsrc=s=480x272:r=25:d=0.4", "-c:v libx264 -pix_fmt yuv420p") &&
           run_tool(arguments);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(small, sizeof small, "%s/small.mp4", folder);
    snprintf(odd, sizeof odd, "%s/odd.avi", folder);
    snprintf(no_video, sizeof no_video, "%s/no-video.mp4", folder);
    FILE *text = fopen(no_video, "w");
    if (!text) return -1;
    for (int i = 0; i < 500; i++) fputs("this is a letter, not a film\n", text);
    fclose(text);
    if (!make_video(small, "testsrc=s=320x240:r=25:d=2", "-c:v libx264 -g 25 -pix_fmt yuv420p"))
        return -1;
    return make_changing() && make_odd() ? 0 : -1;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(small);
    unlink(odd);
    unlink(changing);
    unlink(no_video);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_file_at_full_speed_gives_every_picture_and_ends),
        VD_RUN(at_full_speed_a_slow_reader_makes_the_file_wait_and_loses_nothing),
        VD_RUN(a_looped_file_goes_on_with_rising_times),
        VD_RUN(a_file_plays_faster_and_from_the_day_it_says_through_rounds_and_restarts),
        VD_RUN(at_real_pace_pictures_that_find_no_slot_are_dropped_and_counted),
        VD_RUN(memory_of_pictures_goes_back_after_a_rush),
        VD_RUN(max_fps_thins_by_media_time),
        VD_RUN(packets_only_decodes_nothing),
        VD_RUN(another_pixel_format_and_an_odd_size_become_i420),
        VD_RUN(a_stream_that_changes_size_goes_on_in_the_new_one),
        VD_RUN(a_killed_child_is_noticed_and_started_again),
        VD_RUN(a_hung_child_is_noticed_within_three_seconds_and_started_again),
        VD_RUN(a_file_that_is_not_there_is_said_so),
        VD_RUN(a_folder_is_no_file),
        VD_RUN(a_file_that_is_no_video_is_said_so),
        VD_RUN(a_configuration_that_cannot_work_is_refused_at_once),
        VD_RUN(a_camera_can_be_stopped_while_it_starts),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
