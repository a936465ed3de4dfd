/* Nothing of what a mask covers leaves a camera, and everything else does: files of many kinds,
 * stills, streams that change; pictures as they are handed out and packets decoded again. */
#include "mask_test_priv.h"

#include <sys/stat.h>

static char films[] = "/tmp/vedette-masks-XXXXXX";

static void film_path(char into[128], const char *name)
{
    snprintf(into, 128, "%s/%s", films, name);
}

static vd_camera_config masked_file(const char *path)
{
    return (vd_camera_config){ .id = "yard",
                               .kind = VD_CAMERA_FILE,
                               .url = path,
                               .pace = VD_PACE_FAST,
                               .masks = test_masks,
                               .mask_count = VD_COUNT_OF(test_masks) };
}

static vd_camera_status play(viewer *v, const vd_camera_config *config)
{
    vd_camera_status status;
    viewer_start(v, config);
    expect_true(watch_for(&v->base, state_is, VD_CAMERA_ENDED));
    vd_camera_get_status(v->base.camera, &status);
    viewer_stop(v);
    return status;
}

static const reel_picture *at_time(const reel *r, int64_t pts_us)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->picture[i].pts_us == pts_us) return &r->picture[i];
    return NULL;
}

static void expect_painted(const reel *masked, const reel *plain, int inside_max, double psnr_min)
{
    for (unsigned i = 0; i < masked->count; i++) {
        const reel_picture *picture = &masked->picture[i];
        const reel_picture *same = at_time(plain, picture->pts_us);
        assert_non_null(same);
        expect_i64(picture->width, inside_max ? same->width & ~1 : same->width);
        expect_i64(picture->height, inside_max ? same->height & ~1 : same->height);
        const comparison found = compare(picture, same);
        expect_true(found.inside > 500);
        if (found.worst_inside > inside_max || found.psnr_outside < psnr_min)
            print_error("picture %u: %d off inside, %.1f dB outside\n", i, found.worst_inside,
                        found.psnr_outside);
        expect_true(found.worst_inside <= inside_max);
        expect_true(found.psnr_outside >= psnr_min);
        if (!inside_max) expect_i64(found.worst_outside, 0);
    }
}

/* The film with masks against the same without. */
static vd_camera_status expect_masked(const char *path, unsigned streams)
{
    static viewer plain, masked;
    vd_camera_config config = masked_file(path);
    const vd_camera_status status = play(&masked, &config);
    config.mask_count = 0;
    config.decode = VD_DECODE_ALL;
    play(&plain, &config);
    assert_true(plain.pictures.count > 0 && plain.pictures.count < REEL_MAX - 1);
    expect_u64(masked.pictures.count, plain.pictures.count);
    expect_u64(masked.packets.count, plain.pictures.count);
    expect_painted(&masked.pictures, &plain.pictures, 0, 100);
    expect_painted(&masked.packets, &plain.pictures, SMEARED_MAX, 30);
    expect_str(masked.base.codec, "h264");
    expect_true(masked.first_is_key && masked.extradata_bytes > 0);
    expect_u64(masked.dts_fell, 0);
    expect_u64(masked.streams, streams);
    viewer_clear(&plain);
    viewer_clear(&masked);
    return status;
}

static vd_camera_status expect_film(const char *name, const char *source, const char *args)
{
    char path[128];
    film_path(path, name);
    assert_true(make_video(path, source, args));
    const vd_camera_status status = expect_masked(path, 1);
    unlink(path);
    return status;
}

#define FILM "testsrc2=s=320x240:r=10:d=3"

// covers: CAM-7
VD_TEST(nothing_under_a_mask_leaves_and_all_else_does)
{
    const vd_camera_status status =
        expect_film("a.mp4", FILM, "-c:v libx264 -g 20 -bf 2 -pix_fmt yuv420p");
    expect_u64(status.pictures, 30);
    expect_u64(status.dropped, 0);
    expect_str(status.codec, "h264");
}

// covers: CAM-7
VD_TEST(pictures_of_every_kind_are_masked)
{
    expect_film("b.mp4", FILM, "-c:v libx264 -g 20 -pix_fmt yuv420p10le");
    expect_film("c.avi", FILM, "-c:v mjpeg -q:v 3 -pix_fmt yuvj422p");
    expect_film("d.avi", "testsrc2=s=101x67:r=10:d=1", "-c:v mjpeg -q:v 3 -pix_fmt yuvj444p");
    expect_film("e.mkv", FILM, "-c:v mpeg4 -q:v 3");
}

// covers: CAM-7
VD_TEST(masks_follow_a_stream_that_changes_its_size)
{
    char part[2][128], whole[128], command[512];
    char shell[] = "sh", flag[] = "-c";
    char *arguments[] = { shell, flag, command, NULL };
    film_path(part[0], "1.h264");
    film_path(part[1], "2.h264");
    film_path(whole, "both.h264");
    const char *args = "-c:v libx264 -bf 0 -pix_fmt yuv420p";
    assert_true(make_video(part[0], "testsrc2=s=320x240:r=25:d=0.6", args));
    assert_true(make_video(part[1], "testsrc2=s=480x272:r=25:d=0.6", args));
    snprintf(command, sizeof command, "cat %s %s >%s", part[0], part[1], whole);
    assert_true(run_tool(arguments));
    expect_masked(whole, 2);
}

// covers: CAM-7
VD_TEST(a_masked_camera_never_sleeps)
{
    static viewer v;
    char path[128];
    film_path(path, "quiet.mp4");
    assert_true(make_video(path,
                           "testsrc2=s=240x180:r=15:d=0.05,loop=-1:1,trim=duration=20,"
                           "setpts=N/(15*TB),noise=alls=4:allf=t",
                           "-r 15 -c:v libx264 -preset veryfast -g 30 -bf 0 -pix_fmt yuv420p"));
    vd_camera_config config = masked_file(path);
    config.decode = VD_DECODE_AUTO;
    const vd_camera_status masked = play(&v, &config);
    expect_u64(v.base.packets, 300);
    expect_u64(v.base.pictures, 300);
    expect_u64(v.keys, 10); /* where the camera has them */
    viewer_clear(&v);
    config.mask_count = 0;
    const vd_camera_status plain = play(&v, &config);
    viewer_clear(&v);
    expect_u64(masked.decoded, 300);
    expect_u64(masked.skipped, 0);
    expect_i64(masked.gate, VD_GATE_OFF);
    expect_true(plain.skipped > 0); /* it would have slept */
}

// covers: CAM-7
VD_TEST(who_wants_packets_or_key_pictures_alone_gets_them_masked)
{
    static viewer v;
    char path[128];
    film_path(path, "keys.mp4");
    assert_true(make_video(path, FILM, "-c:v libx264 -g 10 -bf 0 -pix_fmt yuv420p"));
    vd_camera_config config = masked_file(path);
    config.decode = VD_DECODE_KEY;
    play(&v, &config);
    expect_u64(v.base.packets, 30);
    expect_u64(v.base.pictures, 3);
    viewer_clear(&v);
    config.packets_only = true;
    play(&v, &config);
    expect_u64(v.base.packets, 30);
    expect_u64(v.base.pictures, 0);
    expect_true(v.packets.count == 30 && worst_inside(&v.packets.picture[9], LUMA) <= SMEARED_MAX);
    viewer_clear(&v);
}

/* Without masks, for cameras whose packets no browser plays. */
// covers: CAM-3
VD_TEST(a_camera_of_jpegs_can_be_kept_as_h264)
{
    static viewer plain, encoded;
    char path[128];
    film_path(path, "jpegs.avi");
    assert_true(make_video(path, FILM, "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p"));
    vd_camera_config config = masked_file(path);
    config.mask_count = 0;
    play(&plain, &config);
    expect_str(plain.base.codec, "");
    config.encode = true;
    play(&encoded, &config);
    expect_str(encoded.base.codec, "h264");
    expect_u64(encoded.packets.count, plain.pictures.count);
    expect_u64(encoded.keys, 3); /* one a second, though all of the camera's are */
    for (unsigned i = 0; i < encoded.packets.count; i++) {
        const reel_picture *same = at_time(&plain.pictures, encoded.packets.picture[i].pts_us);
        assert_non_null(same);
        const comparison found = compare(&encoded.packets.picture[i], same);
        expect_true(found.psnr_outside >= 30 && found.worst_inside > SMEARED_MAX);
    }
    viewer_clear(&plain);
    viewer_clear(&encoded);
}

/* ---- stills ---- */

static void drop_still(const char *folder, const char *name, const char *source, const char *args)
{
    char path[300], to[300];
    snprintf(path, sizeof path, "%s/%s", films, name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    assert_true(make_video(path, source, args));
    assert_int_equal(rename(path, to), 0);
}

static bool packets_are(const watcher *watch, int64_t count)
{
    return watch->packets >= (uint64_t)count && watch->pictures >= (uint64_t)count;
}

static bool looks_failed(const watcher *watch, int64_t arg)
{
    (void)arg;
    return watch->status.state == VD_CAMERA_FAILED &&
           strstr(watch->status.why.fact, "pictures cannot be encoded: nothing is shown");
}

static void expect_still(viewer *v, unsigned index)
{
    assert_true(v->pictures.count > index && v->packets.count > index);
    const reel_picture *picture = &v->pictures.picture[index];
    expect_i64(worst_inside(picture, LUMA), 0);
    picture = &v->packets.picture[index];
    expect_true(worst_inside(picture, LUMA) <= SMEARED_MAX);
}

// covers: CAM-7
VD_TEST(stills_are_masked_too_and_one_that_cannot_be_shows_nothing_and_says_why)
{
    static viewer v;
    char folder[128], command[200];
    char shell[] = "sh", flag[] = "-c";
    char *arguments[] = { shell, flag, command, NULL };
    film_path(folder, "stills");
    assert_int_equal(mkdir(folder, 0755), 0);
    vd_camera_config config = masked_file(folder);
    config.kind = VD_CAMERA_FOLDER;
    viewer_start(&v, &config);
    expect_true(watch_for(&v.base, state_is, VD_CAMERA_LIVE)); /* with nothing in it yet */
    drop_still(folder, "a.jpg", "testsrc2=s=320x240:r=1:d=1", "-frames:v 1 -pix_fmt yuvj420p");
    expect_true(watch_for(&v.base, packets_are, 1));
    drop_still(folder, "b.png", "testsrc2=s=320x240:r=1:d=1", "-frames:v 1");
    expect_true(watch_for(&v.base, packets_are, 2));
    drop_still(folder, "c.png", "color=red:s=16x16:r=1:d=1,format=rgb24,crop=1:1", "-frames:v 1");
    expect_true(watch_for(&v.base, looks_failed, 0));
    expect_true(strstr(v.base.status.why.hint, "H.264") != NULL);
    viewer_stop(&v);
    expect_u64(v.base.pictures, 2);
    expect_u64(v.base.packets, 2);
    expect_str(v.base.codec, "h264");
    expect_still(&v, 0);
    expect_still(&v, 1);
    viewer_clear(&v);
    snprintf(command, sizeof command, "rm -r %s", folder);
    expect_true(run_tool(arguments));
}

// covers: CAM-7
VD_TEST(masks_that_cannot_be_drawn_are_refused_at_once)
{
    const vd_mask wrong[] = {
        { 2, { { 0, 0 }, { 1, 1 } } },
        { VD_MASK_CORNERS_MAX + 1, { { 0, 0 } } },
        { 3, { { 0, 0 }, { 1.01f, 0 }, { 1, 1 } } },
        { 3, { { 0, 0 }, { NAN, 0 }, { 1, 1 } } },
    };
    const vd_camera_sink sink = { 0 };
    vd_camera *camera = NULL;
    vd_camera_config config = masked_file("/nowhere.mp4");
    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_why why = { 0 };
        config.masks = &wrong[i];
        config.mask_count = 1;
        expect_err(vd_camera_start(&config, &sink, &camera, &why), VD_INVALID);
        expect_true(strstr(why.fact, "masks") != NULL);
    }
    config.mask_count = VD_MASKS_MAX + 1;
    expect_err(vd_camera_start(&config, &sink, &camera, NULL), VD_INVALID);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(films) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char shell[] = "rm", flag[] = "-rf";
    char *arguments[] = { shell, flag, films, NULL };
    (void)state;
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(nothing_under_a_mask_leaves_and_all_else_does),
        VD_RUN(pictures_of_every_kind_are_masked),
        VD_RUN(masks_follow_a_stream_that_changes_its_size),
        VD_RUN(a_masked_camera_never_sleeps),
        VD_RUN(who_wants_packets_or_key_pictures_alone_gets_them_masked),
        VD_RUN(a_camera_of_jpegs_can_be_kept_as_h264),
        VD_RUN(stills_are_masked_too_and_one_that_cannot_be_shows_nothing_and_says_why),
        VD_RUN(masks_that_cannot_be_drawn_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
