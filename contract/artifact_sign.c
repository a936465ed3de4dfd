/* artifact_sign.c - Ed25519 (RFC 8032) through OpenSSL's EVP: the hub's release key, signatures
 * over manifests. The private key never leaves this file but as PEM in its own file. */
#include "artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/json.h"
#include "vd/secret.h"

enum { KEY_BYTES = 32, SIGNATURE_BYTES = 64, PEM_MAX = 4096 };

struct vd_release_key {
    EVP_PKEY *pair;
    char public_base64[VD_RELEASE_PUBLIC_ROOM], id[VD_RELEASE_KEY_ID_LEN + 1];
};

typedef EVP_PKEY *pkey;
static void pkey_done(pkey *key)
{
    EVP_PKEY_free(*key);
}
VD_AUTO_DEFINE(pkey, pkey_done)
typedef EVP_MD_CTX *digester;
static void digester_done(digester *ctx)
{
    EVP_MD_CTX_free(*ctx);
}
VD_AUTO_DEFINE(digester, digester_done)
typedef BIO *bio;
static void bio_done(bio *b)
{
    BIO_free(*b); /* memory of ours is wiped by its owner */
}
VD_AUTO_DEFINE(bio, bio_done)

/* ---- the key's file ---- */

/* By link(), so that of two programs that start at once one makes the key and both use it. */
static vd_err save_new(const char *path, vd_slice pem, vd_why *why)
{
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    vd_err err = vd_file_create(path, 0600, &file, why);
    if (!err) err = vd_file_write(&file, pem, why);
    if (err) return err;
    if (fsync(file.fd) != 0) return vd_fail_errno(why, "cannot sync '%s'", path);
    if (link(file.temp_path, path) != 0 && errno != EEXIST)
        return vd_fail_errno(why, "cannot make the key file '%s'", path);
    return VD_OK;
}

static vd_err make_file(const char *path, vd_why *why)
{
    VD_AUTO(pkey) pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    VD_AUTO(bio) memory = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    if (!pair || !memory ||
        PEM_write_bio_PKCS8PrivateKey(memory, pair, NULL, NULL, 0, NULL, NULL) != 1)
        return vd_fail(why, VD_FULL, "the release key cannot be made");
    long len = BIO_get_mem_data(memory, &pem);
    if (len <= 0) return vd_fail(why, VD_FULL, "the release key cannot be made");
    vd_err err = save_new(path, vd_slice_of(pem, (size_t)len), why);
    vd_wipe(pem, (size_t)len);
    return err;
}

static vd_err check_mode(const char *path, vd_why *why)
{
    struct stat at;
    if (stat(path, &at) != 0) return vd_fail_errno(why, "the key file '%s' cannot be opened", path);
    if ((at.st_mode & 077) == 0) return VD_OK;
    (void)vd_fail(why, VD_DENIED, "others can read the key file '%s'", path);
    vd_why_detail(why, "its mode is %04o", (unsigned)at.st_mode & 07777);
    vd_why_hint(why, "chmod 600 it; if others may have read it, make a new one and sign again");
    return VD_DENIED;
}

static vd_err read_file(const char *path, EVP_PKEY **ret_pair, vd_why *why)
{
    VD_AUTO(vd_buf) pem = VD_BUF(PEM_MAX);
    vd_err err = check_mode(path, why);
    if (!err) err = vd_file_load(path, &pem, why);
    if (err) return err;
    VD_AUTO(bio) memory = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *pair = memory ? PEM_read_bio_PrivateKey(memory, NULL, NULL, "") : NULL;
    vd_wipe(pem.data, pem.len);
    if (pair && EVP_PKEY_is_a(pair, "ED25519")) {
        *ret_pair = pair;
        return VD_OK;
    }
    EVP_PKEY_free(pair);
    return vd_fail(why, VD_CORRUPT, "'%s' holds no Ed25519 key", path);
}

/* ---- the key ---- */

static void id_of(const uint8_t raw[KEY_BYTES], char ret_id[VD_RELEASE_KEY_ID_LEN + 1])
{
    vd_digest digest = vd_sha256(vd_slice_of(raw, KEY_BYTES));
    (void)snprintf(ret_id, VD_RELEASE_KEY_ID_LEN + 1, "%.*s", VD_RELEASE_KEY_ID_LEN, digest.hex);
}

static bool raw_of(const char *public_base64, uint8_t ret_raw[KEY_BYTES])
{
    VD_AUTO(vd_buf) raw = VD_BUF(KEY_BYTES);
    if (!public_base64 || !vd_base64_decode(vd_slice_str(public_base64), &raw) ||
        raw.len != KEY_BYTES)
        return false;
    memcpy(ret_raw, raw.data, KEY_BYTES);
    return true;
}

bool vd_release_key_id_of(const char *public_base64, char ret_id[VD_RELEASE_KEY_ID_LEN + 1])
{
    uint8_t raw[KEY_BYTES];
    if (!raw_of(public_base64, raw)) return false;
    id_of(raw, ret_id);
    return true;
}

static bool describe(vd_release_key *key)
{
    uint8_t raw[KEY_BYTES];
    size_t len = sizeof raw;
    VD_AUTO(vd_buf) text = VD_BUF(VD_RELEASE_PUBLIC_ROOM);
    if (EVP_PKEY_get_raw_public_key(key->pair, raw, &len) != 1 || len != sizeof raw) return false;
    id_of(raw, key->id);
    return vd_base64_encode(vd_slice_of(raw, len), &text) &&
           vd_slice_to_chars(vd_buf_slice(&text), key->public_base64, sizeof key->public_base64);
}

vd_err vd_release_key_open(const char *path, vd_release_key **ret_key, vd_why *why)
{
    vd_err err = access(path, F_OK) != 0 && errno == ENOENT ? make_file(path, why) : VD_OK;
    vd_release_key *key = err ? NULL : calloc(1, sizeof *key);
    if (err) return err;
    if (!key) return vd_fail(why, VD_FULL, "no memory for a key");
    err = read_file(path, &key->pair, why);
    if (!err && !describe(key)) err = vd_fail(why, VD_CORRUPT, "'%s' holds no usable key", path);
    if (err)
        (void)vd_release_key_free(key);
    else
        *ret_key = key;
    return err;
}

vd_release_key *vd_release_key_free(vd_release_key *key)
{
    if (key) EVP_PKEY_free(key->pair);
    free(key);
    return NULL;
}

const char *vd_release_key_public(const vd_release_key *key)
{
    return key->public_base64;
}

const char *vd_release_key_id(const vd_release_key *key)
{
    return key->id;
}

/* ---- signatures ---- */

static void digest_text(vd_slice manifest, char into[8 + VD_SHA256_HEX])
{
    vd_digest digest = vd_sha256(manifest);
    (void)snprintf(into, 8 + VD_SHA256_HEX, "sha256:%s", digest.hex);
}

vd_err vd_release_sign(const vd_release_key *key, vd_slice manifest, vd_buf *into, vd_why *why)
{
    uint8_t raw[SIGNATURE_BYTES];
    char digest[8 + VD_SHA256_HEX];
    size_t len = sizeof raw;
    VD_AUTO(vd_buf) text = VD_BUF(128);
    VD_AUTO(digester) ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pair) != 1 ||
        EVP_DigestSign(ctx, raw, &len, manifest.data, manifest.len) != 1 ||
        !vd_base64_encode(vd_slice_of(raw, len), &text))
        return vd_fail(why, VD_FULL, "the manifest cannot be signed");
    digest_text(manifest, digest);
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "manifest", digest);
    vd_json_w_kv_text(&w, "key", key->id);
    vd_json_w_kv_text(&w, "signature", text.data);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the signature does not fit") : VD_OK;
}

static vd_err check_names(const vd_json *root, const char *key_id, vd_slice manifest, vd_why *why)
{
    char digest[8 + VD_SHA256_HEX];
    digest_text(manifest, digest);
    const char *named = vd_json_text(vd_json_get(root, "manifest"), "");
    const char *key = vd_json_text(vd_json_get(root, "key"), "");
    if (strcmp(named, digest) != 0) {
        (void)vd_fail(why, VD_DENIED, "the signature is of another manifest");
        vd_why_detail(why, "it names '%.80s', the manifest is %s", named, digest);
        return VD_DENIED;
    }
    if (strcmp(key, key_id) == 0) return VD_OK;
    (void)vd_fail(why, VD_DENIED, "the signature is by another key");
    vd_why_detail(why, "key '%.20s', known is '%s'", key, key_id);
    return VD_DENIED;
}

static bool is_right(const uint8_t raw[KEY_BYTES], vd_slice manifest, vd_slice signature)
{
    VD_AUTO(pkey) key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, KEY_BYTES);
    VD_AUTO(digester) ctx = EVP_MD_CTX_new();
    return key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, signature.data, signature.len, manifest.data, manifest.len) == 1;
}

vd_err vd_release_verify(const char *public_base64, vd_slice manifest, vd_slice signature,
                         vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) bytes = VD_BUF(SIGNATURE_BYTES);
    uint8_t raw[KEY_BYTES];
    char key_id[VD_RELEASE_KEY_ID_LEN + 1];
    if (!raw_of(public_base64, raw))
        return vd_fail(why, VD_INVALID, "the release key is no Ed25519 key");
    id_of(raw, key_id);
    vd_err err = vd_json_parse(signature, VD_ARTIFACT_SIGNATURE_BYTES, 4, &root, why);
    if (!err) err = check_names(root, key_id, manifest, why);
    if (err) return err;
    const char *text = vd_json_text(vd_json_get(root, "signature"), "");
    if (!vd_base64_decode(vd_slice_str(text), &bytes) || bytes.len != SIGNATURE_BYTES)
        return vd_fail(why, VD_INVALID, "the signature is not base64 of %d bytes", SIGNATURE_BYTES);
    if (is_right(raw, manifest, vd_buf_slice(&bytes))) return VD_OK;
    return vd_fail(why, VD_DENIED, "the signature does not fit the manifest");
}
