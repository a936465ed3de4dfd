#include "test_dir_priv.h"
#include "vd/fault.h"
#include "vd/file.h"
#include "vd/secret.h"

#include <sys/stat.h>

typedef vd_secret_key *key_ptr;
static void key_done(key_ptr *key)
{
    *key = vd_secret_key_free(*key);
}
VD_AUTO_DEFINE(key_ptr, key_done)

static vd_secret_key *key_at(const char *path)
{
    vd_secret_key *key = NULL;
    expect_ok(vd_secret_key_open(path, &key, NULL));
    return key;
}

static vd_err unseal(const vd_secret_key *key, const char *purpose, const vd_buf *sealed)
{
    VD_AUTO(vd_buf) clear = VD_BUF(100);
    vd_why why;
    vd_err err = vd_secret_unseal(key, purpose, vd_buf_slice(sealed), &clear, &why);
    if (err)
        expect_u64(clear.len, 0);
    else
        expect_str(clear.data, "s3cret");
    return err;
}

// covers: BASE-2
VD_TEST(a_secret_opens_with_its_key_and_purpose_only)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) sealed = VD_BUF(200);
    {
        VD_AUTO(key_ptr) key = key_at(test_path(&dir, "key"));
        expect_ok(vd_secret_seal(key, "camera", VD_STR("s3cret"), &sealed));
        assert_null(strstr(sealed.data, "s3cret"));
    }
    VD_AUTO(key_ptr) again = key_at(test_path(&dir, "key"));
    VD_AUTO(key_ptr) other = key_at(test_path(&dir, "other"));
    expect_ok(unseal(again, "camera", &sealed));
    expect_err(unseal(again, "smtp", &sealed), VD_CORRUPT);
    expect_err(unseal(other, "camera", &sealed), VD_CORRUPT);
}

VD_TEST(the_same_secret_never_looks_the_same)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(key_ptr) key = key_at(test_path(&dir, "key"));
    VD_AUTO(vd_buf) one = VD_BUF(200);
    VD_AUTO(vd_buf) two = VD_BUF(200);
    expect_ok(vd_secret_seal(key, "camera", VD_STR("s3cret"), &one));
    expect_ok(vd_secret_seal(key, "camera", VD_STR("s3cret"), &two));
    assert_string_not_equal(one.data, two.data);
}

VD_TEST(any_changed_character_is_noticed)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(key_ptr) key = key_at(test_path(&dir, "key"));
    VD_AUTO(vd_buf) sealed = VD_BUF(200);
    expect_ok(vd_secret_seal(key, "camera", VD_STR("s3cret"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        char before = sealed.data[i];
        sealed.data[i] = before == 'A' ? 'B' : 'A';
        expect_err(unseal(key, "camera", &sealed), VD_CORRUPT);
        sealed.data[i] = before;
    }
    for (size_t len = 0; len < sealed.len; len += 4) {
        vd_buf cut = sealed;
        cut.len = len;
        expect_err(unseal(key, "camera", &cut), VD_CORRUPT);
    }
}

VD_TEST(an_empty_secret_is_a_secret)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(key_ptr) key = key_at(test_path(&dir, "key"));
    VD_AUTO(vd_buf) sealed = VD_BUF(200);
    VD_AUTO(vd_buf) clear = VD_BUF(10);
    expect_ok(vd_secret_seal(key, "", VD_SLICE_NONE, &sealed));
    expect_ok(vd_secret_unseal(key, "", vd_buf_slice(&sealed), &clear, NULL));
    expect_u64(clear.len, 0);
}

VD_TEST(the_key_file_is_for_its_owner_only)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const char *path = test_path(&dir, "key");
    struct stat at;
    vd_secret_key *key = key_at(path);
    vd_secret_key_free(key);
    expect_i64(stat(path, &at), 0);
    expect_u64(at.st_mode & 07777, 0600);
    expect_u64(at.st_size, 32);
    vd_why why;
    expect_i64(chmod(path, 0640), 0);
    expect_err(vd_secret_key_open(path, &key, &why), VD_DENIED);
    assert_non_null(strstr(why.hint, "chmod 600"));
}

VD_TEST(a_cut_key_file_is_not_used)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    vd_secret_key *key = NULL;
    expect_ok(vd_file_save(test_path(&dir, "key"), 0600, VD_STR("short"), NULL));
    expect_err(vd_secret_key_open(test_path(&dir, "key"), &key, NULL), VD_CORRUPT);
    assert_null(key);
}

VD_TEST(a_failing_disk_leaves_no_half_key)
{
    for (unsigned nth = 1, pending = 0; !pending; nth++) {
        VD_AUTO(test_dir) dir = test_dir_new();
        vd_secret_key *key = NULL;
        vd_fault_set(VD_FAULT_WRITE, nth);
        vd_err err = vd_secret_key_open(test_path(&dir, "key"), &key, NULL);
        pending = vd_fault_pending(VD_FAULT_WRITE);
        vd_fault_set(VD_FAULT_WRITE, 0);
        expect_err(err, pending ? VD_OK : VD_FULL);
        vd_secret_key_free(key);
        key = key_at(test_path(&dir, "key")); /* whole, or made anew */
        vd_secret_key_free(key);
    }
}

VD_TEST_MAIN(VD_RUN(a_secret_opens_with_its_key_and_purpose_only),
             VD_RUN(the_same_secret_never_looks_the_same), VD_RUN(any_changed_character_is_noticed),
             VD_RUN(an_empty_secret_is_a_secret), VD_RUN(the_key_file_is_for_its_owner_only),
             VD_RUN(a_cut_key_file_is_not_used), VD_RUN(a_failing_disk_leaves_no_half_key))
