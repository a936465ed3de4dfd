#include "vd/file.h"
#include "file_priv.h"
#include "vd/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Length of the folder part, with its last '/'; 0 when there is none. */
static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* "dir/.name.XXXXXX": hidden, beside the file, so that a rename never crosses file systems. */
static char *temp_name(const char *path)
{
    size_t folder = folder_len(path), room = strlen(path) + sizeof("..XXXXXX");
    char *temp = vd_calloc(1, room);
    if (temp) snprintf(temp, room, "%.*s.%s.XXXXXX", (int)folder, path, path + folder);
    return temp;
}

/* What is no file (a device such as /dev/null, a pipe) must not be replaced by one. */
static bool is_replaceable(const char *path)
{
    struct stat at;
    return lstat(path, &at) != 0 || S_ISREG(at.st_mode) || S_ISLNK(at.st_mode) ||
           S_ISDIR(at.st_mode); /* a folder's place is refused when the file is put there */
}

vd_err vd_file_create(const char *path, unsigned mode, vd_file *ret_file, vd_why *why)
{
    vd_file file = VD_FILE_NONE;
    if (strlen(path) >= PATH_MAX) return vd_fail(why, VD_INVALID, "a file path is too long");
    if (!is_replaceable(path)) {
        vd_fail(why, VD_INVALID, "'%s' is no file", path);
        vd_why_hint(why, "name a file; what is there would be replaced by one");
        return VD_INVALID;
    }
    file.path = vd_strdup(path);
    char *temp = temp_name(path);
    if (!file.path || !temp) {
        errno = ENOMEM;
    } else {
        file.fd = mkostemp(temp, O_CLOEXEC);
        if (file.fd >= 0) file.temp_path = temp; /* from here on vd_file_done removes it */
    }
    if (file.fd >= 0 && fchmod(file.fd, mode) == 0) {
        *ret_file = file;
        return VD_OK;
    }
    vd_err err = vd_fail_errno(why, "cannot create '%s'", path);
    if (!file.temp_path) free(temp);
    vd_file_done(&file);
    return err;
}

int vd_write_all(int fd, vd_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t done = vd_write(fd, bytes.data, bytes.len);
        if (done < 0 && errno != EINTR) return -1;
        if (done > 0) bytes = vd_slice_from(bytes, (size_t)done);
    }
    return 0;
}

vd_err vd_file_write(vd_file *file, vd_slice bytes, vd_why *why)
{
    if (vd_write_all(file->fd, bytes) == 0) return VD_OK;
    return vd_fail_errno(why, "cannot write '%s'", file->path);
}

vd_err vd_dir_sync_of(const char *path, vd_why *why)
{
    char folder[PATH_MAX] = ".";
    size_t len = folder_len(path);
    if (len >= sizeof(folder)) return vd_fail(why, VD_INVALID, "a file path is too long");
    if (len) vd_slice_to_chars(vd_slice_of(path, len), folder, sizeof(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vd_err err = VD_OK;
    if (fd < 0 || vd_fsync(fd) != 0) err = vd_fail_errno(why, "cannot sync folder '%s'", folder);
    if (fd >= 0) close(fd);
    return err;
}

vd_err vd_file_publish(vd_file *file, vd_why *why)
{
    if (vd_fsync(file->fd) != 0) return vd_fail_errno(why, "cannot sync '%s'", file->path);
    if (vd_rename(file->temp_path, file->path) != 0)
        return vd_fail_errno(why, "cannot put '%s' in place", file->path);
    free(file->temp_path);
    file->temp_path = NULL;
    close(file->fd);
    file->fd = -1;
    return vd_dir_sync_of(file->path, why);
}

void vd_file_done(vd_file *file)
{
    if (file->fd >= 0) close(file->fd);
    if (file->temp_path) unlink(file->temp_path);
    free(file->temp_path);
    free(file->path);
    *file = VD_FILE_NONE;
}

vd_err vd_file_save(const char *path, unsigned mode, vd_slice bytes, vd_why *why)
{
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    vd_err err = vd_file_create(path, mode, &file, why);
    if (!err) err = vd_file_write(&file, bytes, why);
    if (!err) err = vd_file_publish(&file, why);
    return err;
}

/* Reads to the end of the file. */
static vd_err load_fd(int fd, const char *path, vd_buf *into, vd_why *why)
{
    uint8_t chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got == 0) return VD_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return vd_fail_errno(why, "cannot read '%s'", path);
        if (!vd_buf_add(into, vd_slice_of(chunk, (size_t)got)))
            return vd_fail(why, VD_FULL, "'%s' is larger than %zu bytes, or memory ended", path,
                           into->limit);
    }
}

vd_err vd_file_load(const char *path, vd_buf *into, vd_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vd_fail_errno(why, "cannot open '%s'", path);
    size_t before = into->len;
    vd_err err = load_fd(fd, path, into, why);
    if (!err && !vd_buf_add(into, VD_SLICE_NONE)) err = vd_fail(why, VD_FULL, "memory ended");
    if (err && into->data) into->data[into->len = before] = '\0';
    close(fd);
    return err;
}

static vd_err make_one(const char *path, unsigned mode, vd_why *why)
{
    struct stat at;
    if (mkdir(path, mode) == 0) return VD_OK;
    if (errno != EEXIST) return vd_fail_errno(why, "cannot make folder '%s'", path);
    if (stat(path, &at) == 0 && S_ISDIR(at.st_mode)) return VD_OK;
    errno = ENOTDIR;
    return vd_fail_errno(why, "cannot make folder '%s'", path);
}

vd_err vd_dir_make(const char *path, unsigned mode, vd_why *why)
{
    char part[PATH_MAX];
    if (!vd_slice_to_chars(vd_slice_str(path), part, sizeof(part)) || part[0] == '\0')
        return vd_fail(why, VD_INVALID, "a folder's path is empty or too long");
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        vd_err err = make_one(part, mode, why);
        *slash = '/';
        if (err) return err;
    }
    return make_one(part, mode, why);
}

uint64_t vd_disk_free_bytes(const char *path)
{
    struct statvfs at;
    if (statvfs(path, &at) != 0) return 0;
    return (uint64_t)at.f_bavail * at.f_frsize;
}
