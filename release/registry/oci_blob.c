/* oci_blob.c - blobs of repositories, and uploads on their way in.
 *
 * An upload is one file, WORK/upload-ULID-REPOSITORY, where REPOSITORY is the start of a digest of
 * its name: an upload can only be finished where it was begun. Its writer holds flock() on it. What
 * arrives first is renamed into its place; what follows is copied behind it. */
#include "registry_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/file.h"

#define COPY_BYTES (1u << 20)
#define UPLOAD     "upload-"

/* ---- notes ---- */

vd_err oci_blob_note(vd_store *store, const char *repository, const vd_digest *digest,
                     uint64_t bytes, const char *content_type, vd_why *why)
{
    char id[VD_OCI_NAME_MAX + 80];
    (void)snprintf(id, sizeof id, "%s@%s", repository, digest->hex);
    const vd_archive_use use = {
        .what = "registry", .id = id, .content_type = content_type, .held = true
    };
    vd_stmt *add = vd_store_stmt(store, "oci_blob_add");
    vd_bind_text(add, "repository", repository);
    vd_bind_text(add, "digest", digest->hex);
    vd_bind_int(add, "bytes", (int64_t)bytes);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(add, NULL, why);
    if (!err) err = vd_archive_arrived(store, digest, bytes, why);
    return err ? err : vd_archive_use_add(store, digest, &use, why);
}

typedef struct {
    const char *repository;
    const vd_digest *digest;
    uint64_t bytes;
} blob_job;

static vd_err note_job(vd_store *store, void *arg, vd_why *why)
{
    const blob_job *j = arg;
    return oci_blob_note(store, j->repository, j->digest, j->bytes, "application/octet-stream",
                         why);
}

static vd_err note(vd_registry *registry, const char *repository, const vd_digest *digest,
                   vd_why *why)
{
    char path[REGISTRY_PATH];
    blob_job j = { .repository = repository, .digest = digest };
    if (vd_blobs_path(registry->parts.blobs, digest, path, sizeof path, &j.bytes))
        return vd_fail(why, VD_IO, "blob %.12s has gone", digest->hex);
    return vd_committer_run(registry->parts.committer, note_job, &j, why);
}

static vd_err find_row(vd_registry *registry, const char *repository, const vd_digest *digest,
                       vd_why *why)
{
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_stmt *find = vd_store_stmt(store, "oci_blob_find");
    vd_bind_text(find, "repository", repository);
    vd_bind_text(find, "digest", digest->hex);
    vd_err err = vd_stmt_row(find, why);
    vd_stmt_finish(find);
    vd_store_pool_give(registry->parts.readers, store);
    if (err != VD_ABSENT) return err;
    return vd_fail(why, VD_ABSENT, "'%.80s' has no blob %.12s", repository, digest->hex);
}

vd_err vd_oci_blob_find(vd_registry *registry, const char *repository, const vd_digest *digest,
                        char *ret_path, size_t room, uint64_t *ret_bytes, vd_why *why)
{
    vd_err err = oci_name_check(repository, why);
    if (!err) err = find_row(registry, repository, digest, why);
    if (err) return err;
    if (vd_blobs_path(registry->parts.blobs, digest, ret_path, room, ret_bytes))
        return vd_fail(why, VD_ABSENT, "the file of blob %.12s has gone", digest->hex);
    return VD_OK;
}

vd_err vd_oci_blob_mount(vd_registry *registry, const char *repository, const char *from,
                         const vd_digest *digest, vd_why *why)
{
    vd_err err = oci_name_check(repository, why);
    if (!err) err = oci_name_check(from, why);
    if (!err) err = find_row(registry, from, digest, why);
    return err ? err : note(registry, repository, digest, why);
}

static vd_err delete_job(vd_store *store, void *arg, vd_why *why)
{
    const blob_job *j = arg;
    char id[VD_OCI_NAME_MAX + 80];
    uint64_t removed = 0;
    vd_stmt *remove_row = vd_store_stmt(store, "oci_blob_remove");
    vd_bind_text(remove_row, "repository", j->repository);
    vd_bind_text(remove_row, "digest", j->digest->hex);
    vd_err err = vd_stmt_run(remove_row, &removed, why);
    if (err) return err;
    if (!removed) return vd_fail(why, VD_CONFLICT, "a manifest needs blob %.12s", j->digest->hex);
    (void)snprintf(id, sizeof id, "%s@%s", j->repository, j->digest->hex);
    return vd_archive_use_end(store, "registry", id, why);
}

/* The file itself goes by retention, when nobody else needs it. */
vd_err vd_oci_blob_delete(vd_registry *registry, const char *repository, const vd_digest *digest,
                          vd_why *why)
{
    blob_job j = { .repository = repository, .digest = digest };
    vd_err err = oci_name_check(repository, why);
    if (!err) err = find_row(registry, repository, digest, why);
    return err ? err : vd_committer_run(registry->parts.committer, delete_job, &j, why);
}

/* ---- uploads ---- */

static void upload_path(const vd_registry *registry, const char *repository, const char *upload,
                        char into[REGISTRY_PATH])
{
    vd_digest name = vd_sha256(vd_slice_str(repository));
    (void)snprintf(into, REGISTRY_PATH, "%s/" UPLOAD "%.26s-%.16s", registry->work_dir, upload,
                   name.hex);
}

/* Removes old uploads; how many are left. */
static unsigned sweep_uploads(const vd_registry *registry)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(registry->work_dir);
    while (dir && (entry = readdir(dir))) {
        struct stat at;
        if (strncmp(entry->d_name, UPLOAD, sizeof UPLOAD - 1) != 0 ||
            fstatat(dirfd(dir), entry->d_name, &at, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (time(NULL) - at.st_mtime > VD_OCI_UPLOAD_LIFE_S)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        else
            count++;
    }
    if (dir) (void)closedir(dir);
    return count;
}

static vd_err make_upload(vd_registry *registry, const char *path, vd_why *why)
{
    if (sweep_uploads(registry) >= VD_OCI_UPLOADS_MAX) {
        (void)vd_fail(why, VD_RETRY, "%d uploads are under way", VD_OCI_UPLOADS_MAX);
        vd_why_hint(why, "finish or cancel some; those without news for a day go by themselves");
        return VD_RETRY;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return vd_fail_errno(why, "an upload cannot be begun");
    close(fd);
    return VD_OK;
}

vd_err vd_oci_upload_begin(vd_registry *registry, const char *repository, vd_ulid *ret_upload,
                           vd_why *why)
{
    char path[REGISTRY_PATH];
    vd_ulid upload = vd_ulid_new();
    vd_err err = oci_name_check(repository, why);
    if (err) return err;
    upload_path(registry, repository, upload.text, path);
    pthread_mutex_lock(&registry->lock);
    err = make_upload(registry, path, why);
    pthread_mutex_unlock(&registry->lock);
    if (!err) *ret_upload = upload;
    return err;
}

typedef struct {
    int fd;
    uint64_t bytes;
    char path[REGISTRY_PATH];
} open_upload;
static void open_upload_done(open_upload *u)
{
    if (u->fd >= 0) close(u->fd); /* lets go of the lock, too */
}
VD_AUTO_DEFINE(open_upload, open_upload_done)

static vd_err find_upload(vd_registry *registry, const char *repository, const char *upload,
                          open_upload *ret_upload, vd_why *why)
{
    struct stat ours, seen;
    vd_ulid id;
    vd_err err = oci_name_check(repository, why);
    if (err) return err;
    if (!vd_ulid_parse(vd_slice_str(upload), &id))
        return vd_fail(why, VD_ABSENT, "there is no upload '%.40s'", upload);
    upload_path(registry, repository, upload, ret_upload->path);
    ret_upload->fd = open(ret_upload->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (ret_upload->fd < 0 && errno == ENOENT)
        return vd_fail(why, VD_ABSENT, "there is no upload '%.40s' in '%.80s'", upload, repository);
    if (ret_upload->fd < 0) return vd_fail_errno(why, "the upload cannot be opened");
    if (flock(ret_upload->fd, LOCK_EX | LOCK_NB) != 0 || fstat(ret_upload->fd, &ours) != 0 ||
        stat(ret_upload->path, &seen) != 0 || ours.st_ino != seen.st_ino)
        return vd_fail(why, VD_RETRY, "the upload is being written by another request");
    ret_upload->bytes = (uint64_t)ours.st_size;
    return VD_OK;
}

vd_err vd_oci_upload_size(vd_registry *registry, const char *repository, const char *upload,
                          uint64_t *ret_bytes, vd_why *why)
{
    VD_AUTO(open_upload) u = { .fd = -1 };
    vd_err err = find_upload(registry, repository, upload, &u, why);
    if (!err) *ret_bytes = u.bytes;
    return err;
}

/* Copies a whole file behind the upload; on failure the upload is cut back. */
static vd_err append(open_upload *u, int from, vd_why *why)
{
    ssize_t got = 0;
    char *bytes = vd_calloc(1, COPY_BYTES);
    bool fine = bytes && lseek(u->fd, (off_t)u->bytes, SEEK_SET) >= 0;
    while (fine && (got = read(from, bytes, COPY_BYTES)) > 0) {
        vd_slice rest = vd_slice_of(bytes, (size_t)got);
        while (fine && rest.len) {
            ssize_t done = vd_write(u->fd, rest.data, rest.len);
            fine = done > 0 || (done < 0 && errno == EINTR);
            if (done > 0) rest = vd_slice_from(rest, (size_t)done);
        }
    }
    vd_err err = fine && got == 0 ? VD_OK : vd_fail_errno(why, "the upload cannot be written");
    if (err && ftruncate(u->fd, (off_t)u->bytes) != 0)
        vd_why_hint(why, "cancel the upload and begin again");
    free(bytes);
    return err;
}

static vd_err add_file(open_upload *u, const char *path, vd_why *why)
{
    struct stat at;
    if (stat(path, &at) != 0) return vd_fail_errno(why, "what arrived cannot be found");
    if (u->bytes + (uint64_t)at.st_size > VD_LIMIT_MODEL_BYTES)
        return vd_fail(why, VD_INVALID, "a blob has at most %u bytes", VD_LIMIT_MODEL_BYTES);
    if (u->bytes == 0 && at.st_size > 0 && rename(path, u->path) == 0) {
        u->bytes = (uint64_t)at.st_size;
        return VD_OK;
    }
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return vd_fail_errno(why, "what arrived cannot be read");
    vd_err err = append(u, from, why);
    close(from);
    if (!err) u->bytes += (uint64_t)at.st_size;
    return err;
}

vd_err vd_oci_upload_add(vd_registry *registry, const char *repository, const char *upload,
                         const uint64_t *offset, const char *path, uint64_t *ret_bytes, vd_why *why)
{
    VD_AUTO(open_upload) u = { .fd = -1 };
    vd_err err = find_upload(registry, repository, upload, &u, why);
    if (err) return err;
    if (offset && *offset != u.bytes) {
        *ret_bytes = u.bytes;
        return vd_fail(why, VD_CONFLICT, "the upload stands at byte %llu, not at %llu",
                       (unsigned long long)u.bytes, (unsigned long long)*offset);
    }
    err = add_file(&u, path, why);
    if (!err) *ret_bytes = u.bytes;
    return err;
}

vd_err vd_oci_upload_finish(vd_registry *registry, const char *repository, const char *upload,
                            const vd_digest *digest, vd_why *why)
{
    VD_AUTO(open_upload) u = { .fd = -1 };
    vd_err err = find_upload(registry, repository, upload, &u, why);
    if (err) return err;
    err = vd_blobs_take_file_as(registry->parts.blobs, u.path, digest, why);
    if (err == VD_CORRUPT) (void)unlink(u.path); /* what is damaged is not mended by sending more */
    return err ? err : note(registry, repository, digest, why);
}

vd_err vd_oci_upload_cancel(vd_registry *registry, const char *repository, const char *upload,
                            vd_why *why)
{
    VD_AUTO(open_upload) u = { .fd = -1 };
    vd_err err = find_upload(registry, repository, upload, &u, why);
    if (!err && unlink(u.path) != 0) err = vd_fail_errno(why, "the upload cannot be removed");
    return err;
}
