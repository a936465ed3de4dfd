/* A folder's new files are pictures: what comes, what waits, what is put away, what is no picture.
 */
#include "camera_test_priv.h"

#include <fcntl.h>
#include <sys/stat.h>

static char films[] = "/tmp/vedette-stills-XXXXXX";
static char jpeg[64], png[64];
static char folder[64];

static void path_in(char *into, size_t room, const char *name)
{
    snprintf(into, room, "%s/%s", folder, name);
}

static void copy_file(const char *from, const char *to, size_t most)
{
    char bytes[65536];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_non_null(in);
    assert_non_null(out);
    const size_t len = fread(bytes, 1, sizeof bytes < most ? sizeof bytes : most, in);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    fclose(out);
}

static void drop(const char *from, const char *name)
{
    char path[512];
    path_in(path, sizeof path, name);
    copy_file(from, path, SIZE_MAX);
}

static bool there(const char *name)
{
    char path[512];
    path_in(path, sizeof path, name);
    return access(path, F_OK) == 0;
}

/* A new folder for each test; everything is removed at its end. */
static int folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/f-XXXXXX", films);
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    char shell[] = "rm", flag[] = "-rf";
    char *arguments[] = { shell, flag, folder, NULL };
    (void)state;
    return run_tool(arguments) ? 0 : -1;
}

static vd_camera_config folder_camera(vd_folder_after after)
{
    return (vd_camera_config){
        .id = "line-1", .kind = VD_CAMERA_FOLDER, .url = folder, .folder = { .after = after }
    };
}

static bool gone(const char *name)
{
    for (int i = 0; i < 1000 && there(name); i++) usleep(10000);
    return !there(name);
}

// covers: CAM-3
VD_TEST(a_file_that_is_dropped_is_a_picture_with_its_own_time)
{
    watcher watch;
    vd_camera_config config = folder_camera(VD_AFTER_KEEP);
    config.folder.time = VD_STILL_TIME_NAME_UTC;
    drop(jpeg, "before.jpg");
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE)); /* with nothing in it yet */
    drop(jpeg, "cam2_20260131-140502123.jpg");
    expect_true(watch_for(&watch, pictures_are, 1));
    drop(png, "20260131T140503Z.png");
    expect_true(watch_for(&watch, pictures_are, 2));
    watch_stop(&watch);
    expect_u64(watch.packets, 2); /* clips are whole: a PNG is a JPEG there */
    expect_str(watch.codec, "mjpeg");
    expect_i64(watch.last_packet_utc_us, INT64_C(1769868303000000));
    expect_i64(watch.last.utc_us, INT64_C(1769868303000000));
    expect_i64(watch.last.time_source, VD_TIME_FILE);
    expect_i64(watch.last.width_px, 200);
    expect_true(watch.luma > 40 && watch.luma < 215);
    expect_true(there("before.jpg") && there("20260131T140503Z.png"));
}

// covers: CAM-3
VD_TEST(what_lies_there_is_looked_at_in_order_and_moved_away)
{
    static const char *const names[] = { "c.jpg", "a.jpg", "b.jpg", "notes.txt", ".d.jpg" };
    const struct timespec old[2] = { { .tv_sec = 1769868302 }, { .tv_sec = 1769868302 } };
    watcher watch;
    const vd_camera_config config = folder_camera(VD_AFTER_MOVE);
    char path[512];
    for (size_t i = 0; i < VD_COUNT_OF(names); i++) {
        drop(i == 0 ? png : jpeg, names[i]);
        path_in(path, sizeof path, names[i]);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 3));
    expect_true(gone("c.jpg"));
    watch_stop(&watch);
    expect_u64(watch.pictures, 3);
    expect_i64(watch.last.width_px, 200); /* c.jpg, which is a PNG, came last */
    expect_true(there("done/a.jpg") && there("done/b.jpg") && there("done/c.jpg"));
    expect_true(there("notes.txt") && there(".d.jpg"));
    expect_false(there("a.jpg") || there("b.jpg"));
}

// covers: CAM-3
VD_TEST(a_file_is_put_away_only_when_its_picture_came_back)
{
    watcher watch;
    const vd_camera_config config = folder_camera(VD_AFTER_DELETE);
    watch_start(&watch, &config);
    pthread_mutex_lock(&watch.lock);
    watch.hold = true;
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    drop(jpeg, "1.jpg");
    drop(jpeg, "2.jpg");
    expect_true(watch_for(&watch, pictures_are, 1));
    expect_true(there("1.jpg") && there("2.jpg"));
    pthread_mutex_lock(&watch.lock);
    expect_u64(watch.pictures, 1); /* the second waits for the first */
    watch.hold = false;
    watch.held_count = 0;
    const vd_picture held = watch.held[0];
    pthread_mutex_unlock(&watch.lock);
    vd_camera_give_back(watch.camera, &held);
    expect_true(watch_for(&watch, pictures_are, 2));
    expect_true(gone("1.jpg") && gone("2.jpg"));
    watch_stop(&watch);
}

// covers: CAM-3
VD_TEST(a_file_still_being_written_waits_until_it_is_closed_or_renamed)
{
    watcher watch;
    const vd_camera_config config = folder_camera(VD_AFTER_MOVE);
    char slow[512], temp[512], whole[512];
    path_in(slow, sizeof slow, "slow.jpg");
    path_in(temp, sizeof temp, "2.jpg.part");
    path_in(whole, sizeof whole, "2.jpg");
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    FILE *out = fopen(slow, "w");
    assert_non_null(out);
    fputs("\xff\xd8\xff", out); /* half of it, on disk */
    fflush(out);
    copy_file(jpeg, temp, SIZE_MAX);
    assert_int_equal(rename(temp, whole), 0);
    expect_true(watch_for(&watch, pictures_are, 1));
    expect_true(gone("2.jpg"));
    expect_true(there("slow.jpg"));
    expect_u64(watch.state_changes[VD_CAMERA_FAILED], 0);
    fclose(out); /* what is closed is looked at: half a picture */
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(gone("slow.jpg"));
    watch_stop(&watch);
    expect_true(there("unreadable/slow.jpg"));
    expect_true(strstr(watch.status.why.detail, "slow.jpg: the JPEG is cut off") != NULL);
}

// covers: CAM-3
VD_TEST(a_folder_full_of_text_named_jpg_is_told_once_and_pictures_still_come)
{
    watcher watch;
    const vd_camera_config config = folder_camera(VD_AFTER_DELETE);
    char name[32], path[512];
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    for (int i = 0; i < 300; i++) { /* more than wait at once */
        snprintf(name, sizeof name, "text-%d.jpg", i);
        path_in(path, sizeof path, name);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs("this is a letter, not a picture\n", out);
        fclose(out);
    }
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(strstr(watch.status.why.fact, "no picture that can be read") != NULL);
    expect_true(strstr(watch.status.why.detail, "its bytes are no picture") != NULL);
    expect_true(strstr(watch.status.why.hint, "pattern") != NULL);
    expect_true(gone("text-0.jpg"));
    drop(jpeg, "true.jpg");
    expect_true(watch_for(&watch, pictures_are, 1));
    expect_i64(watch.status.state, VD_CAMERA_LIVE);
    vd_camera_status status;
    vd_camera_get_status(watch.camera, &status);
    watch_stop(&watch);
    expect_u64(status.restarts, 0);
    expect_true(watch.state_changes[VD_CAMERA_FAILED] <= 2);
    expect_true(there("unreadable/text-0.jpg"));
}

VD_TEST(a_file_that_kills_its_reader_is_not_given_to_the_next_one)
{
    watcher watch;
    vd_camera_config config = folder_camera(VD_AFTER_MOVE);
    config.patience_ms = 2000;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    const int pid = vd_camera_child_pid(watch.camera);
    assert_int_equal(kill(pid, SIGSTOP), 0); /* it has the file, and does not come to tell */
    drop(jpeg, "killer.jpg");
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(gone("killer.jpg"));
    drop(jpeg, "next.jpg");
    expect_true(watch_for(&watch, pictures_are, 1));
    watch_stop(&watch);
    expect_true(there("unreadable/killer.jpg"));
}

// covers: CAM-3
VD_TEST(a_folder_that_goes_and_comes_back_is_told_and_found_again)
{
    watcher watch;
    const vd_camera_config config = folder_camera(VD_AFTER_KEEP);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    assert_int_equal(rmdir(folder), 0);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    expect_true(strstr(watch.status.why.fact, "folder") != NULL);
    expect_true(strstr(watch.status.why.detail, folder) != NULL);
    assert_int_equal(mkdir(folder, 0755), 0);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_LIVE));
    drop(jpeg, "1.jpg");
    expect_true(watch_for(&watch, pictures_are, 1));
    watch_stop(&watch);
}

static int make_pictures(void **state)
{
    (void)state;
    if (!mkdtemp(films)) return -1;
    snprintf(jpeg, sizeof jpeg, "%s/small.jpg", films);
    snprintf(png, sizeof png, "%s/small.png", films);
    return make_video(jpeg, "testsrc=s=320x240:r=1:d=1", "-frames:v 1") &&
                   make_video(png, "testsrc=s=200x100:r=1:d=1", "-frames:v 1")
               ? 0
               : -1;
}

static int remove_pictures(void **state)
{
    (void)state;
    unlink(jpeg);
    unlink(png);
    return rmdir(films);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_that_is_dropped_is_a_picture_with_its_own_time),
        IN_FOLDER(what_lies_there_is_looked_at_in_order_and_moved_away),
        IN_FOLDER(a_file_is_put_away_only_when_its_picture_came_back),
        IN_FOLDER(a_file_still_being_written_waits_until_it_is_closed_or_renamed),
        IN_FOLDER(a_folder_full_of_text_named_jpg_is_told_once_and_pictures_still_come),
        IN_FOLDER(a_file_that_kills_its_reader_is_not_given_to_the_next_one),
        IN_FOLDER(a_folder_that_goes_and_comes_back_is_told_and_found_again),
    };
    return cmocka_run_group_tests(tests, make_pictures, remove_pictures);
}
