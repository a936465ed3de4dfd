/* secret.h - values that must be kept but never in clear: AES-256-GCM (OpenSSL EVP) under a key
 * file of 32 random bytes, mode 0600. Sealed form: base64(12-byte nonce | ciphertext | 16-byte
 * tag), bound to a `purpose` as additional data. Any thread. */
#ifndef VD_SECRET_H
#define VD_SECRET_H
#include "vd/error.h"

typedef struct vd_secret_key vd_secret_key;
/* Makes the file when it is absent. Refuses one that others can read. */
VD_MUST_USE vd_err vd_secret_key_open(const char *path, vd_secret_key **ret_key, vd_why *why);
vd_secret_key *vd_secret_key_free(vd_secret_key *key); /* wiped; returns NULL */
VD_MUST_USE vd_err vd_secret_seal(const vd_secret_key *key, const char *purpose, vd_slice clear,
                                  vd_buf *into);
VD_MUST_USE vd_err vd_secret_unseal(const vd_secret_key *key, const char *purpose, vd_slice sealed,
                                    vd_buf *into, vd_why *why);
void vd_wipe(void *bytes, size_t len);
/* The first line of a secret's file; a file that others can read is taken with a warning in `why`
 * but VD_OK (a program says so and goes on). VD_INVALID when it cannot be read or is empty. */
VD_MUST_USE vd_err vd_secret_line(const char *path, char *into, size_t room, vd_why *why);
/* "t=<unix>,v1=<hex>" with v1 = HMAC-SHA256(key, "<unix>.<body>"): the value of a webhook's header
 * X-Vedette-Signature. */
VD_MUST_USE vd_err vd_webhook_sign(const char *key, int64_t unix_s, vd_slice body, vd_buf *into);
#endif
