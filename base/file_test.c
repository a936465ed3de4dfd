#include "test_dir_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned entries_in(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *each; (each = readdir(dir));)
        count += each->d_name[0] != '.' || each->d_name[1] > '.';
    closedir(dir);
    return count;
}

static void expect_content(const char *path, const char *want)
{
    VD_AUTO(vd_buf) have = VD_BUF(100);
    expect_ok(vd_file_load(path, &have, NULL));
    expect_str(have.data, want);
}

// covers: BASE-2
VD_TEST(nothing_is_seen_before_publish)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    const char *path = test_path(&dir, "clip");
    expect_ok(vd_file_create(path, 0640, &file, NULL));
    expect_ok(vd_file_write(&file, VD_STR("whole"), NULL));
    expect_i64(access(path, F_OK), -1);
    expect_ok(vd_file_publish(&file, NULL));
    expect_content(path, "whole");
    expect_u64(entries_in(dir.path), 1);
}

VD_TEST(an_unpublished_file_leaves_nothing_behind)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    {
        VD_AUTO(vd_file) file = VD_FILE_NONE;
        expect_ok(vd_file_create(test_path(&dir, "clip"), 0640, &file, NULL));
        expect_ok(vd_file_write(&file, VD_STR("half"), NULL));
        expect_u64(entries_in(dir.path), 1);
    }
    expect_u64(entries_in(dir.path), 0);
}

VD_TEST(the_mode_is_the_one_asked_for)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    struct stat at;
    expect_ok(vd_file_save(test_path(&dir, "key"), 0600, VD_STR("k"), NULL));
    expect_i64(stat(test_path(&dir, "key"), &at), 0);
    expect_u64(at.st_mode & 07777, 0600);
}

/* Whichever step fails, a reader sees the old content or the new, and no third file stays. */
VD_TEST(every_failing_step_leaves_the_old_or_the_new_content)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const vd_fault_kind kinds[] = { VD_FAULT_ALLOC, VD_FAULT_WRITE };
    for (size_t k = 0; k < VD_COUNT_OF(kinds); k++) {
        unsigned failed = 0;
        for (unsigned nth = 1, pending = 0; !pending; nth++) {
            VD_AUTO(vd_buf) have = VD_BUF(100);
            expect_ok(vd_file_save(test_path(&dir, "state"), 0640, VD_STR("old"), NULL));
            vd_fault_set(kinds[k], nth);
            vd_err err = vd_file_save(test_path(&dir, "state"), 0640, VD_STR("new"), NULL);
            pending = vd_fault_pending(kinds[k]);
            vd_fault_set(kinds[k], 0);
            expect_err(err, pending ? VD_OK : VD_FULL);
            failed += err != VD_OK;
            expect_ok(vd_file_load(test_path(&dir, "state"), &have, NULL));
            bool is_new = strcmp(have.data, "new") == 0;
            expect_true(is_new || strcmp(have.data, "old") == 0);
            if (!err) expect_true(is_new);
            expect_u64(entries_in(dir.path), 1);
        }
        expect_true(failed >= 2);
    }
}

VD_TEST(a_file_beyond_the_buffers_limit_is_refused)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) have = VD_BUF(4);
    vd_why why;
    expect_ok(vd_file_save(test_path(&dir, "big"), 0640, VD_STR("12345"), NULL));
    expect_err(vd_file_load(test_path(&dir, "big"), &have, &why), VD_FULL);
    expect_u64(have.len, 0);
    assert_non_null(strstr(why.fact, "larger than 4 bytes"));
}

VD_TEST(an_empty_file_loads_as_empty_text)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    expect_ok(vd_file_save(test_path(&dir, "empty"), 0640, VD_SLICE_NONE, NULL));
    expect_content(test_path(&dir, "empty"), "");
}

VD_TEST(what_cannot_be_opened_says_why)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) have = VD_BUF(100);
    vd_why why;
    expect_err(vd_file_load(test_path(&dir, "none"), &have, &why), VD_ABSENT);
    expect_str(why.detail, "No such file or directory");
    expect_err(vd_file_load(dir.path, &have, &why), VD_IO);
    expect_err(vd_file_save(test_path(&dir, "no/such/folder"), 0640, VD_STR("x"), &why), VD_ABSENT);
}

VD_TEST(a_device_or_pipe_is_not_replaced_by_a_file)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    struct stat at;
    vd_why why = { 0 };
    const char *pipe = test_path(&dir, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_err(vd_file_save(pipe, 0600, VD_STR("text"), &why), VD_INVALID);
    assert_int_equal(lstat(pipe, &at), 0);
    expect_true(S_ISFIFO(at.st_mode));
    assert_non_null(strstr(why.fact, "is no file"));
}

VD_TEST(folders_are_made_with_their_parents_and_twice_is_fine)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    struct stat at;
    expect_ok(vd_dir_make(test_path(&dir, "a/b//c/"), 0750, NULL));
    expect_ok(vd_dir_make(test_path(&dir, "a/b/c"), 0750, NULL));
    expect_i64(stat(test_path(&dir, "a/b/c"), &at), 0);
    expect_true(S_ISDIR(at.st_mode));
}

VD_TEST(a_file_in_a_folders_place_is_an_error)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    vd_why why;
    expect_ok(vd_file_save(test_path(&dir, "f"), 0640, VD_STR("x"), NULL));
    expect_err(vd_dir_make(test_path(&dir, "f"), 0750, &why), VD_IO);
    expect_err(vd_dir_make(test_path(&dir, "f/g"), 0750, &why), VD_IO);
    expect_err(vd_dir_make("", 0750, &why), VD_INVALID);
}

VD_TEST(free_space_is_known_for_a_folder_that_exists)
{
    expect_true(vd_disk_free_bytes("/") > 0);
    expect_u64(vd_disk_free_bytes("/no/such/place"), 0);
}

VD_TEST_MAIN(VD_RUN(nothing_is_seen_before_publish),
             VD_RUN(an_unpublished_file_leaves_nothing_behind),
             VD_RUN(the_mode_is_the_one_asked_for),
             VD_RUN(every_failing_step_leaves_the_old_or_the_new_content),
             VD_RUN(a_device_or_pipe_is_not_replaced_by_a_file),
             VD_RUN(a_file_beyond_the_buffers_limit_is_refused),
             VD_RUN(an_empty_file_loads_as_empty_text), VD_RUN(what_cannot_be_opened_says_why),
             VD_RUN(folders_are_made_with_their_parents_and_twice_is_fine),
             VD_RUN(a_file_in_a_folders_place_is_an_error),
             VD_RUN(free_space_is_known_for_a_folder_that_exists))
