/* blob.c - the folder of blobs.
 *
 *   ROOT/ab/abcdef...       whole and matching its name; appears by rename only
 *   ROOT/partial/abcdef...  what has arrived so far: the first `size` bytes, synced
 *
 * A part's writer holds flock() on it, which excludes other threads and other processes alike. */
#include "vd/blob.h"
#include "file_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT_MAX = PATH_MAX - 128, FOLDER_MODE = 0750, BLOB_MODE = 0640 };

struct vd_blobs {
    char root[ROOT_MAX];
};

vd_err vd_blobs_open(const char *root, vd_blobs **ret_blobs, vd_why *why)
{
    char partial[PATH_MAX];
    vd_blobs *blobs = vd_calloc(1, sizeof(*blobs));
    if (!blobs) return vd_fail(why, VD_FULL, "no memory for the blob folder");
    vd_err err = VD_OK;
    if (!vd_slice_to_chars(vd_slice_str(root), blobs->root, sizeof(blobs->root)))
        err = vd_fail(why, VD_INVALID, "the blob folder's path is too long");
    snprintf(partial, sizeof(partial), "%s/partial", blobs->root);
    if (!err) err = vd_dir_make(partial, FOLDER_MODE, why);
    if (!err)
        *ret_blobs = blobs;
    else
        vd_blobs_free(blobs);
    return err;
}

vd_blobs *vd_blobs_free(vd_blobs *blobs)
{
    free(blobs);
    return NULL;
}

static const char *blob_path(const vd_blobs *blobs, const vd_digest *digest, char into[PATH_MAX])
{
    snprintf(into, PATH_MAX, "%s/%.2s/%s", blobs->root, digest->hex, digest->hex);
    return into;
}

static const char *part_path(const vd_blobs *blobs, const vd_digest *digest, char into[PATH_MAX])
{
    snprintf(into, PATH_MAX, "%s/partial/%s", blobs->root, digest->hex);
    return into;
}

/* Makes ROOT/ab. */
static vd_err shelf_make(const vd_blobs *blobs, const vd_digest *digest, vd_why *why)
{
    char shelf[PATH_MAX];
    snprintf(shelf, sizeof(shelf), "%s/%.2s", blobs->root, digest->hex);
    vd_err err = vd_dir_make(shelf, FOLDER_MODE, why);
    return err ? err : vd_dir_sync_of(shelf, why);
}

static bool file_size(const char *path, uint64_t *ret_bytes)
{
    struct stat at;
    if (stat(path, &at) != 0 || !S_ISREG(at.st_mode)) return false;
    *ret_bytes = (uint64_t)at.st_size;
    return true;
}

vd_err vd_blobs_put(vd_blobs *blobs, vd_slice bytes, vd_digest *ret_digest, vd_why *why)
{
    char path[PATH_MAX];
    uint64_t size;
    vd_digest digest = vd_sha256(bytes);
    blob_path(blobs, &digest, path);
    vd_err err = VD_OK;
    if (!file_size(path, &size) || size != bytes.len) {
        err = shelf_make(blobs, &digest, why);
        if (!err) err = vd_file_save(path, BLOB_MODE, bytes, why);
    }
    if (!err) *ret_digest = digest;
    return err;
}

/* Renames a synced file to its blob's place. */
static vd_err move_in(vd_blobs *blobs, const char *from, const vd_digest *digest, vd_why *why)
{
    char path[PATH_MAX];
    vd_err err = shelf_make(blobs, digest, why);
    if (err) return err;
    if (vd_rename(from, blob_path(blobs, digest, path)) != 0)
        return vd_fail_errno(why, "cannot put blob %.12s in place", digest->hex);
    return vd_dir_sync_of(path, why);
}

static vd_err sync_file(const char *path, vd_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    vd_err err = VD_OK;
    if (fd < 0 || vd_fsync(fd) != 0) err = vd_fail_errno(why, "cannot sync '%s'", path);
    if (fd >= 0) close(fd);
    return err;
}

vd_err vd_blobs_take_file(vd_blobs *blobs, const char *path, vd_digest *ret_digest, vd_why *why)
{
    vd_digest digest;
    vd_err err = vd_sha256_file(path, &digest, why);
    if (!err) err = sync_file(path, why);
    if (!err) err = move_in(blobs, path, &digest, why);
    if (!err) *ret_digest = digest;
    return err;
}

vd_err vd_blobs_take_file_as(vd_blobs *blobs, const char *path, const vd_digest *digest,
                             vd_why *why)
{
    vd_digest have;
    vd_err err = vd_sha256_file(path, &have, why);
    if (err) return err;
    if (strcmp(have.hex, digest->hex) != 0) {
        vd_fail(why, VD_CORRUPT, "the bytes do not match their digest");
        vd_why_detail(why, "named %s, arrived %s", digest->hex, have.hex);
        vd_why_hint(why, "send them again from the start");
        return VD_CORRUPT;
    }
    err = sync_file(path, why);
    return err ? err : move_in(blobs, path, digest, why);
}

vd_err vd_blobs_path(vd_blobs *blobs, const vd_digest *digest, char *into, size_t room,
                     uint64_t *ret_bytes)
{
    char path[PATH_MAX];
    uint64_t bytes;
    if (!file_size(blob_path(blobs, digest, path), &bytes)) return VD_ABSENT;
    if (!vd_slice_to_chars(vd_slice_str(path), into, room)) return VD_INVALID;
    if (ret_bytes) *ret_bytes = bytes;
    return VD_OK;
}

vd_err vd_blobs_delete(vd_blobs *blobs, const vd_digest *digest, vd_why *why)
{
    char path[PATH_MAX];
    if (unlink(blob_path(blobs, digest, path)) == 0) return vd_dir_sync_of(path, why);
    return vd_fail_errno(why, "cannot delete blob %.12s", digest->hex);
}

uint64_t vd_blobs_part_size(vd_blobs *blobs, const vd_digest *digest)
{
    char path[PATH_MAX];
    uint64_t bytes;
    if (file_size(blob_path(blobs, digest, path), &bytes)) return bytes;
    return file_size(part_path(blobs, digest, path), &bytes) ? bytes : 0;
}

typedef struct {
    int fd;
    uint64_t have;
    char path[PATH_MAX];
} part;

static void part_close(part *open_part)
{
    if (open_part->fd >= 0) close(open_part->fd); /* lets go of the lock, too */
}
VD_AUTO_DEFINE(part, part_close)

/* VD_RETRY when someone else writes it, or finished it between our open and our lock. */
static vd_err part_open(vd_blobs *blobs, const vd_digest *digest, part *ret_part, vd_why *why)
{
    struct stat ours, seen;
    part_path(blobs, digest, ret_part->path);
    ret_part->fd = open(ret_part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, BLOB_MODE);
    if (ret_part->fd < 0) return vd_fail_errno(why, "cannot open part %.12s", digest->hex);
    if (flock(ret_part->fd, LOCK_EX | LOCK_NB) != 0 || fstat(ret_part->fd, &ours) != 0 ||
        stat(ret_part->path, &seen) != 0 || ours.st_ino != seen.st_ino)
        return vd_fail(why, VD_RETRY, "blob %.12s is being written by another", digest->hex);
    ret_part->have = (uint64_t)ours.st_size;
    return VD_OK;
}

/* Appends and syncs; on failure the part is cut back to what it was. */
static vd_err part_append(part *into, vd_slice bytes, vd_why *why)
{
    if (lseek(into->fd, (off_t)into->have, SEEK_SET) >= 0 && vd_write_all(into->fd, bytes) == 0 &&
        vd_fsync(into->fd) == 0)
        return VD_OK;
    vd_err err = vd_fail_errno(why, "cannot write '%s'", into->path);
    if (ftruncate(into->fd, (off_t)into->have) != 0)
        vd_why_hint(why, "the part could not be cut back; delete it");
    return err;
}

/* All bytes are there: they become the blob, or go. */
static vd_err part_finish(vd_blobs *blobs, const part *whole, const vd_digest *digest, vd_why *why)
{
    vd_digest have;
    vd_err err = vd_sha256_file(whole->path, &have, why);
    if (err) return err;
    if (strcmp(have.hex, digest->hex) == 0) return move_in(blobs, whole->path, digest, why);
    unlink(whole->path);
    vd_fail(why, VD_CORRUPT, "blob %.12s arrived damaged", digest->hex);
    vd_why_detail(why, "its bytes hash to %s", have.hex);
    vd_why_hint(why, "send it again from the start");
    return VD_CORRUPT;
}

static vd_err part_fits(const part *into, uint64_t offset, size_t len, uint64_t total, vd_why *why)
{
    if (into->have != offset) {
        vd_fail(why, VD_CONFLICT, "a part does not follow what has arrived");
        vd_why_detail(why, "offset %" PRIu64 ", arrived %" PRIu64, offset, into->have);
        return VD_CONFLICT;
    }
    if (offset <= total && len <= total - offset) return VD_OK;
    vd_fail(why, VD_INVALID, "a part reaches beyond the blob's end");
    vd_why_detail(why, "%" PRIu64 " + %zu of %" PRIu64 " bytes", offset, len, total);
    return VD_INVALID;
}

vd_err vd_blobs_part_add(vd_blobs *blobs, const vd_digest *digest, uint64_t offset, vd_slice bytes,
                         uint64_t total, bool *ret_whole, vd_why *why)
{
    char path[PATH_MAX];
    uint64_t size;
    if (file_size(blob_path(blobs, digest, path),
                  &size)) { /* the answer to the last part was lost */
        *ret_whole = true;
        return VD_OK;
    }
    VD_AUTO(part) into = { .fd = -1 };
    vd_err err = part_open(blobs, digest, &into, why);
    bool whole = !err && total > 0 && into.have == total; /* its writer died before the end */
    if (!err && !whole) {
        err = part_fits(&into, offset, bytes.len, total, why);
        if (!err) err = part_append(&into, bytes, why);
        whole = !err && offset + bytes.len == total;
    }
    if (whole) err = part_finish(blobs, &into, digest, why);
    if (!err) *ret_whole = whole;
    return err;
}
