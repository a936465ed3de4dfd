/* blob.h - files named by the SHA-256 of their content, under ROOT/ab/abcdef.... Any thread;
 * blocking. A blob that can be seen is whole and matches its name. Partial uploads live under
 * ROOT/partial/. */
#ifndef VD_BLOB_H
#define VD_BLOB_H
#include "vd/error.h"

#define VD_SHA256_HEX 64
typedef struct {
    char hex[VD_SHA256_HEX + 1]; /* lower case */
} vd_digest;

vd_digest vd_sha256(vd_slice bytes);
VD_MUST_USE bool vd_digest_parse(vd_slice text,
                                 vd_digest *ret_digest); /* "sha256:" prefix is allowed */
VD_MUST_USE vd_err vd_sha256_file(const char *path, vd_digest *ret_digest, vd_why *why);
VD_MUST_USE vd_err vd_hmac_sha256(vd_slice key, vd_slice message, uint8_t ret_mac[32]);
bool vd_bytes_same(vd_slice a, vd_slice b); /* constant time for equal lengths */
void vd_random(uint8_t *into, size_t len);  /* aborts when the system has none */

typedef struct vd_blobs vd_blobs;
VD_MUST_USE vd_err vd_blobs_open(const char *root, vd_blobs **ret_blobs, vd_why *why);
vd_blobs *vd_blobs_free(vd_blobs *blobs);
VD_MUST_USE vd_err vd_blobs_put(vd_blobs *blobs, vd_slice bytes, vd_digest *ret_digest,
                                vd_why *why);
/* Takes over a finished file on the same file system (sync, rename into place). On failure the file
 * stays. */
VD_MUST_USE vd_err vd_blobs_take_file(vd_blobs *blobs, const char *path, vd_digest *ret_digest,
                                      vd_why *why);
/* The same for a file that must have this digest: VD_CORRUPT otherwise. */
VD_MUST_USE vd_err vd_blobs_take_file_as(vd_blobs *blobs, const char *path, const vd_digest *digest,
                                         vd_why *why);
/* VD_ABSENT when there is none. */
VD_MUST_USE vd_err vd_blobs_path(vd_blobs *blobs, const vd_digest *digest, char *into, size_t room,
                                 uint64_t *ret_bytes);
VD_MUST_USE vd_err vd_blobs_delete(vd_blobs *blobs, const vd_digest *digest, vd_why *why);
/* Resumable arrival. `offset` must equal what has arrived (VD_CONFLICT otherwise; ask
 * vd_blobs_part_size). When offset + len reaches total, the content is hashed: VD_OK and *ret_whole
 * with the blob in place, or VD_CORRUPT and the part is discarded. A part that holds `total` bytes
 * already, because its writer was killed before it could be hashed, is hashed whatever the offset.
 * One writer per digest at a time (VD_RETRY). Synced before it returns. */
VD_MUST_USE vd_err vd_blobs_part_add(vd_blobs *blobs, const vd_digest *digest, uint64_t offset,
                                     vd_slice bytes, uint64_t total, bool *ret_whole, vd_why *why);
uint64_t vd_blobs_part_size(vd_blobs *blobs, const vd_digest *digest);
#endif
