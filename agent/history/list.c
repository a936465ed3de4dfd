/* list.c - which files there are. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "history_priv.h"
#include "vd/file.h"

#define FILES_MAX 65536 /* 64 cameras, six weeks */

static int by_camera_and_hour(const void *a, const void *b)
{
    const stored_file *one = a, *two = b;
    int order = strcmp(one->camera, two->camera);
    return order ? order : strcmp(one->hour, two->hour);
}

static bool add(stored_list *list, const char *camera, const char *name, uint64_t bytes)
{
    if (list->count == FILES_MAX) return true;
    if (list->count % 64 == 0) {
        stored_file *more = realloc(list->file, (list->count + 64) * sizeof *more);
        if (!more) return false;
        list->file = more;
    }
    stored_file *file = &list->file[list->count];
    *file = (stored_file){ .bytes = bytes };
    if (!vd_slice_to_chars(vd_slice_str(camera), file->camera, sizeof file->camera)) return true;
    if (!vd_slice_to_chars(vd_slice_str(name), file->hour, sizeof file->hour)) return true;
    list->count++;
    return true;
}

static bool list_camera(const char *dir, const char *camera, stored_list *list)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s", dir, camera);
    DIR *folder = len > 0 && (size_t)len < sizeof path ? opendir(path) : NULL;
    bool good = true;
    if (!folder) return true;
    for (struct dirent *entry; good && (entry = readdir(folder));) {
        struct stat st;
        size_t name = strlen(entry->d_name);
        if (name != 14 || strspn(entry->d_name, "0123456789") != 10 ||
            strcmp(entry->d_name + 10, ".det") != 0)
            continue;
        if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        good = add(list, camera, entry->d_name, (uint64_t)st.st_size);
    }
    closedir(folder);
    return good;
}

vd_err history_list(const char *dir, const char *camera, stored_list *ret_list, vd_why *why)
{
    stored_list list = { 0 };
    DIR *folder = opendir(dir);
    bool good = true;
    if (!folder) {
        vd_fail_errno(why, "the stored detections in %s cannot be read", dir);
        return VD_ABSENT;
    }
    for (struct dirent *entry; good && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        if (!camera || strcmp(camera, entry->d_name) == 0)
            good = list_camera(dir, entry->d_name, &list);
    }
    closedir(folder);
    if (!good) {
        free(list.file);
        return vd_fail(why, VD_FULL, "memory ends");
    }
    if (list.count) qsort(list.file, list.count, sizeof *list.file, by_camera_and_hour);
    *ret_list = list;
    return VD_OK;
}

static vd_err read_one(const char *dir, const stored_file *file, int64_t from_us, int64_t until_us,
                       vd_history_fn *fn, void *ctx, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(HISTORY_FILE_MAX + (1u << 20));
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s/%s", dir, file->camera, file->hour);
    vd_err err = vd_file_load(path, &bytes, why);
    if (err) return err;
    err = vd_history_parse(vd_buf_slice(&bytes), file->camera, from_us, until_us, fn, ctx, why);
    if (err == VD_CORRUPT && why) vd_why_detail(why, "%s", path);
    return err;
}

vd_err vd_history_read(const char *dir, const char *camera, int64_t from_us, int64_t until_us,
                       vd_history_fn *fn, void *ctx, vd_why *why)
{
    stored_list list = { 0 };
    vd_err err = history_list(dir, camera, &list, why);
    if (!err && list.count == 0) {
        err = vd_fail(why, VD_ABSENT, "nothing is stored%s%s", camera ? " of camera " : "",
                      camera ? camera : "");
        vd_why_hint(
            why,
            "the agent keeps detections in STATE_DIR/detections while 'detections.keep' is on");
    }
    for (size_t i = 0; !err && i < list.count; i++)
        err = read_one(dir, &list.file[i], from_us, until_us, fn, ctx, why);
    free(list.file);
    return err;
}
