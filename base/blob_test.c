#include "test_dir_priv.h"
#include "vd/blob.h"
#include "vd/fault.h"
#include "vd/file.h"

#include <fcntl.h>
#include <sys/file.h>

typedef vd_blobs *blobs_ptr;
static void blobs_done(blobs_ptr *blobs)
{
    *blobs = vd_blobs_free(*blobs);
}
VD_AUTO_DEFINE(blobs_ptr, blobs_done)

static vd_blobs *blobs_in(const test_dir *dir)
{
    vd_blobs *blobs = NULL;
    expect_ok(vd_blobs_open(dir->path, &blobs, NULL));
    return blobs;
}

static void expect_blob(vd_blobs *blobs, const vd_digest *digest, vd_slice want)
{
    VD_AUTO(vd_buf) have = VD_BUF(10000);
    char path[PATH_MAX];
    uint64_t bytes = 0;
    expect_ok(vd_blobs_path(blobs, digest, path, sizeof(path), &bytes));
    expect_u64(bytes, want.len);
    expect_ok(vd_file_load(path, &have, NULL));
    expect_true(vd_slice_eq(vd_buf_slice(&have), want));
}

static vd_err part_add(vd_blobs *blobs, const vd_digest *digest, uint64_t offset, vd_slice bytes,
                       uint64_t total, bool *whole)
{
    vd_why why;
    *whole = false;
    return vd_blobs_part_add(blobs, digest, offset, bytes, total, whole, &why);
}

// covers: BASE-2
VD_TEST(sha_256_matches_the_published_vectors)
{
    expect_str(vd_sha256(VD_SLICE_NONE).hex,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_str(vd_sha256(VD_STR("abc")).hex,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

VD_TEST(hmac_matches_rfc_4231)
{
    uint8_t mac[32], want[32];
    expect_ok(vd_hmac_sha256(VD_STR("Jefe"), VD_STR("what do ya want for nothing?"), mac));
    expect_true(vd_hex_decode(
        VD_STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), want, 32));
    expect_true(vd_bytes_same(vd_slice_of(mac, 32), vd_slice_of(want, 32)));
    want[31] ^= 1;
    expect_false(vd_bytes_same(vd_slice_of(mac, 32), vd_slice_of(want, 32)));
    expect_false(vd_bytes_same(vd_slice_of(mac, 32), vd_slice_of(mac, 31)));
}

VD_TEST(a_digest_is_64_lower_case_digits_with_or_without_prefix)
{
    vd_digest digest;
    vd_digest abc = vd_sha256(VD_STR("abc"));
    char text[100];
    snprintf(text, sizeof(text), "sha256:%s", abc.hex);
    expect_true(vd_digest_parse(vd_slice_str(text), &digest));
    expect_str(digest.hex, abc.hex);
    expect_true(vd_digest_parse(vd_slice_str(abc.hex), &digest));
    text[7] = 'B';
    expect_false(vd_digest_parse(vd_slice_str(text), &digest));
    text[7] = '/';
    expect_false(vd_digest_parse(vd_slice_str(text), &digest));
    expect_false(vd_digest_parse(vd_slice_of(abc.hex, 63), &digest));
    expect_false(vd_digest_parse(VD_STR("sha256:"), &digest));
}

VD_TEST(a_blob_is_found_under_its_digest_and_twice_is_once)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest first, second;
    expect_ok(vd_blobs_put(blobs, VD_STR("picture"), &first, NULL));
    expect_ok(vd_blobs_put(blobs, VD_STR("picture"), &second, NULL));
    expect_str(first.hex, second.hex);
    expect_blob(blobs, &first, VD_STR("picture"));
    expect_u64(vd_blobs_part_size(blobs, &first), 7);
    expect_ok(vd_blobs_delete(blobs, &first, NULL));
    expect_err(vd_blobs_delete(blobs, &first, NULL), VD_ABSENT);
    char path[PATH_MAX];
    expect_err(vd_blobs_path(blobs, &first, path, sizeof(path), NULL), VD_ABSENT);
}

VD_TEST(a_finished_file_is_taken_over)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest;
    expect_ok(vd_file_save(test_path(&dir, "clip.mp4"), 0640, VD_STR("frames"), NULL));
    expect_ok(vd_blobs_take_file(blobs, test_path(&dir, "clip.mp4"), &digest, NULL));
    expect_blob(blobs, &digest, VD_STR("frames"));
    expect_i64(access(test_path(&dir, "clip.mp4"), F_OK), -1);
    expect_err(vd_blobs_take_file(blobs, test_path(&dir, "clip.mp4"), &digest, NULL), VD_ABSENT);
}

VD_TEST(a_finished_file_is_not_taken_over_under_another_name_than_its_own)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    char path[PATH_MAX];
    uint64_t bytes = 0;
    vd_digest right = vd_sha256(VD_STR("weights")), wrong = vd_sha256(VD_STR("other"));
    expect_ok(vd_file_save(test_path(&dir, "upload"), 0640, VD_STR("weights"), NULL));
    expect_err(vd_blobs_take_file_as(blobs, test_path(&dir, "upload"), &wrong, NULL), VD_CORRUPT);
    expect_err(vd_blobs_path(blobs, &wrong, path, sizeof(path), &bytes), VD_ABSENT);
    expect_ok(vd_blobs_take_file_as(blobs, test_path(&dir, "upload"), &right, NULL));
    expect_blob(blobs, &right, VD_STR("weights"));
}

VD_TEST(parts_that_follow_each_other_become_the_blob)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_STR("one two three"));
    bool whole;
    expect_u64(vd_blobs_part_size(blobs, &digest), 0);
    expect_ok(part_add(blobs, &digest, 0, VD_STR("one "), 13, &whole));
    expect_false(whole);
    expect_u64(vd_blobs_part_size(blobs, &digest), 4);
    expect_ok(part_add(blobs, &digest, 4, VD_STR("two three"), 13, &whole));
    expect_true(whole);
    expect_blob(blobs, &digest, VD_STR("one two three"));
    /* the answer was lost, the sender asks again */
    expect_ok(part_add(blobs, &digest, 4, VD_STR("two three"), 13, &whole));
    expect_true(whole);
}

VD_TEST(an_empty_blob_arrives_in_one_empty_part)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_SLICE_NONE);
    bool whole;
    expect_ok(part_add(blobs, &digest, 0, VD_SLICE_NONE, 0, &whole));
    expect_true(whole);
    expect_blob(blobs, &digest, VD_SLICE_NONE);
}

VD_TEST(a_part_elsewhere_or_too_long_changes_nothing)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_STR("one two three"));
    bool whole;
    expect_ok(part_add(blobs, &digest, 0, VD_STR("one "), 13, &whole));
    expect_err(part_add(blobs, &digest, 0, VD_STR("one "), 13, &whole), VD_CONFLICT);
    expect_err(part_add(blobs, &digest, 5, VD_STR("x"), 13, &whole), VD_CONFLICT);
    expect_err(part_add(blobs, &digest, 4, VD_STR("two three four"), 13, &whole), VD_INVALID);
    expect_err(part_add(blobs, &digest, 4, VD_STR("x"), UINT64_MAX, &whole), VD_OK);
    expect_err(part_add(blobs, &digest, 5, VD_STR("x"), 2, &whole), VD_INVALID);
    expect_u64(vd_blobs_part_size(blobs, &digest), 5);
}

VD_TEST(damaged_bytes_are_refused_and_forgotten)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_STR("good"));
    bool whole;
    expect_err(part_add(blobs, &digest, 0, VD_STR("evil"), 4, &whole), VD_CORRUPT);
    expect_false(whole);
    expect_u64(vd_blobs_part_size(blobs, &digest), 0);
    expect_ok(part_add(blobs, &digest, 0, VD_STR("good"), 4, &whole));
    expect_true(whole);
}

VD_TEST(a_second_writer_of_the_same_blob_waits_its_turn)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_STR("good"));
    char name[100];
    bool whole;
    snprintf(name, sizeof(name), "partial/%s", digest.hex);
    int other = open(test_path(&dir, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    expect_i64(flock(other, LOCK_EX), 0);
    expect_err(part_add(blobs, &digest, 0, VD_STR("good"), 4, &whole), VD_RETRY);
    close(other);
    expect_ok(part_add(blobs, &digest, 0, VD_STR("good"), 4, &whole));
    expect_true(whole);
}

/* Killed between the last byte and the hash: nothing is sent again, and nothing is believed. */
VD_TEST(a_part_that_nobody_finished_is_finished_by_the_next_writer)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
    vd_digest digest = vd_sha256(VD_STR("one two"));
    char name[100];
    bool whole = false;
    vd_why why = { 0 };
    snprintf(name, sizeof(name), "partial/%s", digest.hex);
    expect_ok(vd_file_save(test_path(&dir, name), 0640, VD_STR("one two"), &why));
    expect_ok(part_add(blobs, &digest, 0, VD_STR("one two"), 7, &whole));
    expect_true(whole);
    expect_blob(blobs, &digest, VD_STR("one two"));

    expect_ok(vd_blobs_delete(blobs, &digest, &why));
    expect_ok(vd_file_save(test_path(&dir, name), 0640, VD_STR("one owt"), &why));
    expect_err(part_add(blobs, &digest, 7, VD_SLICE_NONE, 7, &whole), VD_CORRUPT);
    expect_u64(vd_blobs_part_size(blobs, &digest), 0);
}

/* A disk that is full at any step: the part keeps its length, and the sender may go on later. */
VD_TEST(every_failing_write_can_be_resumed)
{
    for (unsigned nth = 1, pending = 0; !pending; nth++) {
        VD_AUTO(test_dir) dir = test_dir_new();
        VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
        vd_digest digest = vd_sha256(VD_STR("one two"));
        bool whole;
        expect_ok(part_add(blobs, &digest, 0, VD_STR("one "), 7, &whole));
        vd_fault_set(VD_FAULT_WRITE, nth);
        vd_err err = part_add(blobs, &digest, 4, VD_STR("two"), 7, &whole);
        pending = vd_fault_pending(VD_FAULT_WRITE);
        vd_fault_set(VD_FAULT_WRITE, 0);
        expect_err(err, pending ? VD_OK : VD_FULL);
        uint64_t have = vd_blobs_part_size(blobs, &digest);
        expect_true(have == 4 || have == 7);
        vd_slice left = vd_slice_from(VD_STR("one two"), have);
        expect_ok(part_add(blobs, &digest, have, left, 7, &whole));
        expect_true(whole);
        expect_blob(blobs, &digest, VD_STR("one two"));
    }
}

VD_TEST(every_failing_write_of_a_put_leaves_a_whole_blob_or_none)
{
    for (unsigned nth = 1, pending = 0; !pending; nth++) {
        VD_AUTO(test_dir) dir = test_dir_new();
        VD_AUTO(blobs_ptr) blobs = blobs_in(&dir);
        char path[PATH_MAX];
        vd_digest digest, want = vd_sha256(VD_STR("picture"));
        vd_fault_set(VD_FAULT_WRITE, nth);
        vd_err err = vd_blobs_put(blobs, VD_STR("picture"), &digest, NULL);
        pending = vd_fault_pending(VD_FAULT_WRITE);
        vd_fault_set(VD_FAULT_WRITE, 0);
        expect_err(err, pending ? VD_OK : VD_FULL);
        if (vd_blobs_path(blobs, &want, path, sizeof(path), NULL) == VD_OK)
            expect_blob(blobs, &want, VD_STR("picture"));
        else
            expect_err(err, VD_FULL);
    }
}

VD_TEST_MAIN(VD_RUN(sha_256_matches_the_published_vectors), VD_RUN(hmac_matches_rfc_4231),
             VD_RUN(a_digest_is_64_lower_case_digits_with_or_without_prefix),
             VD_RUN(a_blob_is_found_under_its_digest_and_twice_is_once),
             VD_RUN(a_finished_file_is_taken_over),
             VD_RUN(a_finished_file_is_not_taken_over_under_another_name_than_its_own),
             VD_RUN(parts_that_follow_each_other_become_the_blob),
             VD_RUN(an_empty_blob_arrives_in_one_empty_part),
             VD_RUN(a_part_elsewhere_or_too_long_changes_nothing),
             VD_RUN(a_part_that_nobody_finished_is_finished_by_the_next_writer),
             VD_RUN(damaged_bytes_are_refused_and_forgotten),
             VD_RUN(a_second_writer_of_the_same_blob_waits_its_turn),
             VD_RUN(every_failing_write_can_be_resumed),
             VD_RUN(every_failing_write_of_a_put_leaves_a_whole_blob_or_none))
