/* USB cameras: the real child in its sandbox, over the scripted driver of usb_driver_test.c. */
#include "mask_test_priv.h"

static char folder[] = "/tmp/vedette-usb-XXXXXX";
static char device[64], away[64];

static const char *scripted_child(void)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/agent/camera/usb_child_test", getenv("VEDETTE_BUILD_ROOT"));
    return path;
}

/* The whole script at once: the driver never sees half of it. */
static void script(const char *text)
{
    FILE *out = fopen(device, "r+");
    char line[256];
    if (!out) out = fopen(device, "w");
    assert_non_null(out);
    const int len = snprintf(line, sizeof line, "%-200s\n", text);
    assert_int_equal(fwrite(line, 1, (size_t)len, out), len);
    fclose(out);
}

static vd_camera_config usb_camera(const char *format)
{
    return (vd_camera_config){ .id = "bench-1",
                               .kind = VD_CAMERA_USB,
                               .url = device,
                               .child_path = scripted_child(),
                               .usb = { .format = format, .width_px = 320, .height_px = 240 } };
}

static void expect_pictures(const char *offers, const char *asked, const char *codec)
{
    watcher watch;
    const vd_camera_config config = usb_camera(asked);
    script(offers);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 12));
    watch_stop(&watch);
    expect_str(watch.codec, codec);
    expect_i64(watch.last.width_px, 320);
    expect_i64(watch.last.height_px, 240);
    expect_near(watch.luma, 96, 4); /* the driver's ramp: right lines, right range */
    expect_true(watch.edges > 80 && watch.edges < 300);
    expect_true(watch.keys >= 1 && watch.packets >= watch.pictures);
    expect_false(watch.time_fell);
    expect_true(llabs(watch.last.utc_us - vd_clock_utc_us()) < 20 * INT64_C(1000000));
    expect_u64(watch.state_changes[VD_CAMERA_FAILED], 0);
}

// covers: CAM-3
VD_TEST(raw_pictures_of_each_form_are_seen_and_kept_as_jpeg)
{
    expect_pictures("formats=YUYV", NULL, "mjpeg");
    expect_pictures("formats=NV12", NULL, "mjpeg");
    expect_pictures("formats=GREY,YU12", NULL, "mjpeg");
}

// covers: CAM-7
VD_TEST(raw_pictures_are_masked_and_kept_as_h264)
{
    static viewer v;
    vd_camera_config config = usb_camera(NULL);
    config.masks = test_masks;
    config.mask_count = VD_COUNT_OF(test_masks);
    script("formats=YUYV");
    viewer_start(&v, &config);
    expect_true(watch_for(&v.base, pictures_are, 12));
    viewer_stop(&v);
    expect_str(v.base.codec, "h264");
    assert_true(v.pictures.count >= 12 && v.packets.count >= 12);
    for (unsigned i = 0; i < 12; i++) {
        expect_i64(worst_inside(&v.pictures.picture[i], LUMA), 0);
        expect_true(worst_inside(&v.packets.picture[i], LUMA) <= SMEARED_MAX);
    }
    viewer_clear(&v);
}

// covers: CAM-3
VD_TEST(the_best_format_is_taken_unless_another_is_asked_for)
{
    expect_pictures("formats=YUYV,MJPG", NULL, "mjpeg");
    expect_pictures("formats=YUYV,MJPG,H264", NULL, "h264");
    expect_pictures("formats=YUYV,MJPG,H264", "mjpeg", "mjpeg");
}

static void expect_failure(const char *text, const char *asked, const char *fact, const char *more)
{
    watcher watch;
    const vd_camera_config config = usb_camera(asked);
    script(text);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    watch_stop(&watch);
    if (!strstr(watch.status.why.fact, fact)) print_error("said '%s'\n", watch.status.why.fact);
    expect_true(strstr(watch.status.why.fact, fact) != NULL);
    expect_true(strstr(watch.status.why.detail, device) != NULL);
    expect_true(strstr(watch.status.why.detail, more) != NULL);
    expect_true(watch.status.why.hint[0] != 0);
}

// covers: CAM-3
VD_TEST(a_camera_without_a_usable_format_says_what_it_offers)
{
    expect_failure("formats=GREY,Y16 ", NULL, "no format that can be used", "GREY");
    expect_failure("formats=YUYV,MJPG", "h264", "does not offer the format", "YUYV MJPG");
}

// covers: CAM-3
VD_TEST(what_is_no_camera_is_said_so)
{
    expect_failure("a letter, not a device", NULL, "no device that takes pictures", "");
    expect_failure("formats=YUYV metadata=1", NULL, "does not stream pictures", "Scripted");
}

// covers: CAM-3
VD_TEST(a_busy_camera_is_said_so_and_taken_when_it_is_free)
{
    watcher watch;
    const vd_camera_config config = usb_camera(NULL);
    script("formats=YUYV busy=1");
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(strstr(watch.status.why.fact, "another program") != NULL);
    script("formats=YUYV");
    expect_true(watch_for(&watch, pictures_are, 3));
    expect_i64(watch.status.state, VD_CAMERA_LIVE);
    watch_stop(&watch);
}

static bool failed_with(const watcher *watch, const char *fact)
{
    return watch->status.state == VD_CAMERA_FAILED && strstr(watch->status.why.fact, fact);
}

static bool not_plugged_in(const watcher *watch, int64_t arg)
{
    (void)arg;
    return failed_with(watch, "not plugged in");
}

static bool live_again(const watcher *watch, int64_t serial)
{
    return watch->status.state == VD_CAMERA_LIVE && watch->serial >= (uint32_t)serial;
}

// covers: CAM-3
VD_TEST(an_unplugged_camera_is_said_so_and_comes_back_by_itself)
{
    watcher watch;
    const vd_camera_config config = usb_camera(NULL);
    script("formats=MJPG");
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 3));
    script("formats=MJPG gone=1");
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(failed_with(&watch, "unplugged") || failed_with(&watch, "not plugged in"));
    assert_int_equal(rename(device, away), 0);
    expect_true(watch_for(&watch, not_plugged_in, 0));
    assert_int_equal(rename(away, device), 0);
    script("formats=MJPG");
    expect_true(watch_for(&watch, live_again, 2));
    watch_stop(&watch);
}

// covers: CAM-3
VD_TEST(a_camera_that_gives_only_damaged_pictures_is_silent)
{
    watcher watch;
    vd_camera_config config = usb_camera(NULL);
    config.patience_ms = 1000;
    script("formats=YUYV errors=1");
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_SILENT));
    watch_stop(&watch);
    expect_u64(watch.pictures + watch.packets, 0);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(device, sizeof device, "%s/video0", folder);
    snprintf(away, sizeof away, "%s/away", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(device);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(raw_pictures_of_each_form_are_seen_and_kept_as_jpeg),
        VD_RUN(raw_pictures_are_masked_and_kept_as_h264),
        VD_RUN(the_best_format_is_taken_unless_another_is_asked_for),
        VD_RUN(a_camera_without_a_usable_format_says_what_it_offers),
        VD_RUN(what_is_no_camera_is_said_so),
        VD_RUN(a_busy_camera_is_said_so_and_taken_when_it_is_free),
        VD_RUN(an_unplugged_camera_is_said_so_and_comes_back_by_itself),
        VD_RUN(a_camera_that_gives_only_damaged_pictures_is_silent),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
