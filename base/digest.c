/* digest.c - SHA-256, HMAC and chance of blob.h; OpenSSL does the arithmetic. */
#include "vd/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static vd_digest digest_of(const uint8_t mac[32])
{
    static const char digits[] = "0123456789abcdef";
    vd_digest digest = { 0 };
    for (size_t i = 0; i < 32; i++) {
        digest.hex[2 * i] = digits[mac[i] >> 4];
        digest.hex[2 * i + 1] = digits[mac[i] & 15];
    }
    return digest;
}

vd_digest vd_sha256(vd_slice bytes)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    const uint8_t *data = bytes.data ? bytes.data : (const uint8_t *)"";
    /* Fails only without memory or without SHA-256; neither can be named by a digest. */
    if (EVP_Digest(data, bytes.len, mac, NULL, EVP_sha256(), NULL) != 1) abort();
    return digest_of(mac);
}

bool vd_digest_parse(vd_slice text, vd_digest *ret_digest)
{
    static const vd_slice prefix = { (const uint8_t *)"sha256:", 7 };
    if (vd_slice_starts(text, prefix)) text = vd_slice_from(text, prefix.len);
    if (text.len != VD_SHA256_HEX) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\0' || !strchr("0123456789abcdef", text.data[i])) return false;
    return vd_slice_to_chars(text, ret_digest->hex, sizeof(ret_digest->hex));
}

static vd_err hash_fd(int fd, EVP_MD_CTX *ctx, const char *path, vd_why *why)
{
    enum { CHUNK = 65536 };
    uint8_t *chunk = malloc(CHUNK);
    vd_err err = chunk ? VD_OK : vd_fail(why, VD_FULL, "no memory to hash '%s'", path);
    while (!err) {
        ssize_t got = read(fd, chunk, CHUNK);
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            err = vd_fail_errno(why, "cannot read '%s'", path);
        else if (EVP_DigestUpdate(ctx, chunk, (size_t)got) != 1)
            err = vd_fail(why, VD_IO, "cannot hash '%s'", path);
    }
    free(chunk);
    return err;
}

vd_err vd_sha256_file(const char *path, vd_digest *ret_digest, vd_why *why)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vd_fail_errno(why, "cannot open '%s'", path);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    vd_err err = VD_OK;
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        err = vd_fail(why, VD_FULL, "no memory to hash '%s'", path);
    if (!err) err = hash_fd(fd, ctx, path, why);
    if (!err && EVP_DigestFinal_ex(ctx, mac, NULL) != 1)
        err = vd_fail(why, VD_IO, "cannot hash '%s'", path);
    if (!err) *ret_digest = digest_of(mac);
    EVP_MD_CTX_free(ctx);
    close(fd);
    return err;
}

vd_err vd_hmac_sha256(vd_slice key, vd_slice message, uint8_t ret_mac[32])
{
    const uint8_t none = 0;
    if (key.len > INT32_MAX) return VD_INVALID;
    return HMAC(EVP_sha256(), key.len ? key.data : &none, (int)key.len,
                message.len ? message.data : &none, message.len, ret_mac, NULL)
               ? VD_OK
               : VD_FULL;
}

bool vd_bytes_same(vd_slice a, vd_slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

void vd_random(uint8_t *into, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(into, len, 0);
        if (got < 0 && errno != EINTR) abort(); /* ids and keys must not be guessed */
        if (got <= 0) continue;
        into += got;
        len -= (size_t)got;
    }
}
