/* secret.c - sealed = base64(nonce 12 | ciphertext | tag 16), AES-256-GCM, AAD = purpose. */
#include "vd/secret.h"
#include "file_priv.h"
#include "vd/blob.h"
#include "vd/fault.h"
#include "vd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_BYTES = 32,
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    CLEAR_MAX = 1 << 20,
    SIGNED_MAX = 1 << 20
};

struct vd_secret_key {
    uint8_t bytes[KEY_BYTES];
};

void vd_wipe(void *bytes, size_t len)
{
    if (bytes && len) OPENSSL_cleanse(bytes, len);
}

/* By link(), so that of two programs that start at once one makes the key and both use it. */
static vd_err key_make(const char *path, vd_why *why)
{
    uint8_t bytes[KEY_BYTES];
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    vd_random(bytes, sizeof(bytes));
    vd_err err = vd_file_create(path, 0600, &file, why);
    if (!err) err = vd_file_write(&file, vd_slice_of(bytes, sizeof(bytes)), why);
    vd_wipe(bytes, sizeof(bytes));
    if (err) return err;
    if (vd_fsync(file.fd) != 0) return vd_fail_errno(why, "cannot sync '%s'", path);
    if (link(file.temp_path, path) != 0 && errno != EEXIST)
        return vd_fail_errno(why, "cannot make the key file '%s'", path);
    return vd_dir_sync_of(path, why);
}

static vd_err key_check(int fd, const char *path, vd_why *why)
{
    struct stat at;
    if (fstat(fd, &at) != 0) return vd_fail_errno(why, "cannot look at key file '%s'", path);
    if ((at.st_mode & 077) != 0) {
        vd_fail(why, VD_DENIED, "others can read the key file '%s'", path);
        vd_why_detail(why, "its mode is %04o", (unsigned)at.st_mode & 07777);
        vd_why_hint(why, "chmod 600 it, and replace the secrets if others may have read them");
        return VD_DENIED;
    }
    if (S_ISREG(at.st_mode) && at.st_size == KEY_BYTES) return VD_OK;
    vd_fail(why, VD_CORRUPT, "'%s' is no key file", path);
    vd_why_detail(why, "it has %lld bytes, a key has %d", (long long)at.st_size, KEY_BYTES);
    return VD_CORRUPT;
}

static vd_err key_read(int fd, const char *path, vd_secret_key **ret_key, vd_why *why)
{
    vd_err err = key_check(fd, path, why);
    if (err) return err;
    vd_secret_key *key = vd_calloc(1, sizeof(*key));
    if (!key) return vd_fail(why, VD_FULL, "no memory for a key");
    if (read(fd, key->bytes, KEY_BYTES) != KEY_BYTES) {
        vd_secret_key_free(key);
        return vd_fail(why, VD_IO, "cannot read the key file '%s'", path);
    }
    *ret_key = key;
    return VD_OK;
}

vd_err vd_secret_key_open(const char *path, vd_secret_key **ret_key, vd_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        vd_err err = key_make(path, why);
        if (err) return err;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) return vd_fail_errno(why, "cannot open the key file '%s'", path);
    vd_err err = key_read(fd, path, ret_key, why);
    close(fd);
    return err;
}

vd_secret_key *vd_secret_key_free(vd_secret_key *key)
{
    vd_wipe(key, key ? sizeof(*key) : 0);
    free(key);
    return NULL;
}

typedef EVP_CIPHER_CTX *cipher;
static void cipher_done(cipher *ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}
VD_AUTO_DEFINE(cipher, cipher_done)

/* into = nonce | ciphertext | tag, all of it already sized. */
static bool gcm_seal(const vd_secret_key *key, vd_slice purpose, vd_slice clear, uint8_t *into)
{
    VD_AUTO(cipher) ctx = EVP_CIPHER_CTX_new();
    uint8_t *body = into + NONCE_BYTES;
    int done = 0;
    vd_random(into, NONCE_BYTES);
    return ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, into) == 1 &&
           EVP_EncryptUpdate(ctx, NULL, &done, purpose.data, (int)purpose.len) == 1 &&
           EVP_EncryptUpdate(ctx, body, &done, clear.data, (int)clear.len) == 1 &&
           EVP_EncryptFinal_ex(ctx, body + done, &done) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + clear.len) == 1;
}

static bool gcm_open(const vd_secret_key *key, vd_slice purpose, vd_slice sealed, uint8_t *into)
{
    VD_AUTO(cipher) ctx = EVP_CIPHER_CTX_new();
    const uint8_t *nonce = sealed.data, *body = nonce + NONCE_BYTES;
    size_t len = sealed.len - NONCE_BYTES - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    int done = 0;
    memcpy(tag, body + len, TAG_BYTES);
    return ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &done, purpose.data, (int)purpose.len) == 1 &&
           EVP_DecryptUpdate(ctx, into, &done, body, (int)len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, into + done, &done) == 1;
}

vd_err vd_secret_seal(const vd_secret_key *key, const char *purpose, vd_slice clear, vd_buf *into)
{
    if (clear.len > CLEAR_MAX) return VD_INVALID;
    size_t len = NONCE_BYTES + clear.len + TAG_BYTES;
    uint8_t *sealed = vd_calloc(1, len);
    if (!sealed) return VD_FULL;
    vd_slice from = vd_slice_of(clear.data ? clear.data : sealed, clear.len);
    vd_err err = gcm_seal(key, vd_slice_str(purpose), from, sealed) ? VD_OK : VD_FULL;
    if (!err && !vd_base64_encode(vd_slice_of(sealed, len), into)) err = VD_FULL;
    free(sealed);
    return err;
}

/* `raw` is decoded; what opens is added to `into`. */
static vd_err unseal_raw(const vd_secret_key *key, vd_slice purpose, vd_slice raw, vd_buf *into,
                         vd_why *why)
{
    if (raw.len < NONCE_BYTES + TAG_BYTES)
        return vd_fail(why, VD_CORRUPT, "a sealed value is too short");
    size_t len = raw.len - NONCE_BYTES - TAG_BYTES;
    uint8_t *clear = vd_calloc(1, len + 1);
    if (!clear) return vd_fail(why, VD_FULL, "no memory for a secret");
    vd_err err = VD_OK;
    if (!gcm_open(key, purpose, raw, clear)) {
        err = vd_fail(why, VD_CORRUPT, "a sealed value does not open");
        vd_why_hint(why, "it was changed, or sealed with another key file or for another purpose");
    } else if (!vd_buf_add(into, vd_slice_of(clear, len))) {
        err = vd_fail(why, VD_FULL, "a secret is too long for its place");
    }
    vd_wipe(clear, len);
    free(clear);
    return err;
}

vd_err vd_secret_unseal(const vd_secret_key *key, const char *purpose, vd_slice sealed,
                        vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) raw = VD_BUF(NONCE_BYTES + CLEAR_MAX + TAG_BYTES);
    if (!vd_base64_decode(sealed, &raw))
        return vd_fail(why, VD_CORRUPT, "a sealed value is no base64, or too long");
    return unseal_raw(key, vd_slice_str(purpose), vd_buf_slice(&raw), into, why);
}

/* ---- secrets of others ---- */

vd_err vd_secret_line(const char *path, char *into, size_t room, vd_why *why)
{
    struct stat st;
    FILE *file = fopen(path, "re");

    if (!file) {
        vd_fail_errno(why, "%s cannot be read", path);
        return VD_INVALID;
    }
    bool got = fgets(into, (int)room, file) != NULL;
    bool open_to_others = fstat(fileno(file), &st) == 0 && (st.st_mode & 0077);
    fclose(file);
    into[got ? strcspn(into, "\r\n") : 0] = '\0';
    if (!into[0]) return vd_fail(why, VD_INVALID, "%s is empty", path);
    if (open_to_others) {
        vd_fail(why, VD_OK, "others can read the secret in %s", path);
        vd_why_hint(why, "chmod 600 %s", path);
    }
    return VD_OK;
}

vd_err vd_webhook_sign(const char *key, int64_t unix_s, vd_slice body, vd_buf *into)
{
    uint8_t mac[32];
    VD_AUTO(vd_buf) text = VD_BUF(SIGNED_MAX);
    if (!vd_buf_addf(&text, "%lld.", (long long)unix_s) || !vd_buf_add(&text, body)) return VD_FULL;
    vd_err err = vd_hmac_sha256(vd_slice_str(key), vd_buf_slice(&text), mac);
    if (err) return err;
    return vd_buf_addf(into, "t=%lld,v1=", (long long)unix_s) &&
                   vd_hex_encode(vd_slice_of(mac, sizeof mac), into)
               ? VD_OK
               : VD_FULL;
}
