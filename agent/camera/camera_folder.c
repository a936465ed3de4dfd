/* camera_folder.c - a folder whose new files are pictures: an inspection station drops them there.
 *
 *   a file is closed or renamed into it --> waits --> goes to the child, opened --> the child says
 *   what it is --> its picture comes back from whoever looks at it --> moved, deleted or kept
 *
 * One file is on its way at a time and the next one goes when the last picture is back: every still
 * is looked at, and one that was put away was looked at. A file still being written has not been
 * closed. What a scan finds (at the start, and now and then for writers that the kernel does not
 * see, as on network shares) counts when nobody has changed it for SETTLE_US. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera_priv.h"
#include "vd/clock.h"

#define WAITING_MAX   256 /* the others stay in the folder until there is room */
#define SETTLE_US     2000000
#define SCAN_EVERY_US 10000000
#define ORDER_US      60000000 /* pictures that are this little out of order keep their order */
#define NAME_TRIES    1000
#define DONE          "done"
#define UNREADABLE    "unreadable"

typedef struct {
    char name[NAME_MAX + 1];
    int64_t time_us; /* written last */
} still_name;

struct camera_folder {
    int dir_fd, notify_fd;
    const char *path;
    still_name *waiting; /* WAITING_MAX; the next one first */
    unsigned count;
    int64_t scan_us; /* monotonic: when to look through the folder; 0: never */
    bool stuck;      /* files cannot be put away: looking through it would find them again */
    bool bad;        /* the last file was no picture */

    bool out, told, fine; /* a file is with the child; it has told what it is */
    uint64_t number;
    still_name now;
    struct stat opened;
    int64_t last_utc_us;
};

int camera_folder_fd(const camera_folder *folder)
{
    return folder ? folder->notify_fd : -1;
}

bool camera_folder_calm(const camera_folder *folder)
{
    return !folder->bad;
}

camera_folder *camera_folder_close(camera_folder *folder)
{
    if (!folder) return NULL;
    if (folder->dir_fd >= 0) close(folder->dir_fd);
    if (folder->notify_fd >= 0) close(folder->notify_fd);
    free(folder->waiting);
    free(folder);
    return NULL;
}

static bool keeps(const vd_camera *camera)
{
    return camera->config.folder.after == VD_AFTER_KEEP;
}

static vd_err folder_watch(camera_folder *folder, vd_why *why)
{
    const uint32_t what =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ONLYDIR;
    vd_err err = VD_OK;
    folder->dir_fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->dir_fd < 0)
        err = vd_fail_errno(why, errno == ENOENT    ? "there is no such folder"
                                 : errno == ENOTDIR ? "this path is no folder"
                                                    : "the folder cannot be opened");
    if (!err) folder->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (!err &&
        (folder->notify_fd < 0 || inotify_add_watch(folder->notify_fd, folder->path, what) < 0))
        err = vd_fail_errno(why, "the folder cannot be watched");
    if (err) {
        vd_why_detail(why, "%.300s", folder->path);
        vd_why_hint(why, "check the path and that the agent may read it; it is tried again");
    }
    return err;
}

vd_err camera_folder_open(vd_camera *camera, vd_why *why)
{
    if (camera->folder) return VD_OK;
    camera_folder *folder = calloc(1, sizeof *folder);
    if (!folder) return vd_fail(why, VD_FULL, "no memory for a folder of pictures");
    folder->dir_fd = folder->notify_fd = -1;
    folder->path = camera->config.url;
    folder->waiting = calloc(WAITING_MAX, sizeof *folder->waiting);
    vd_err err = folder->waiting ? VD_OK : vd_fail(why, VD_FULL, "no memory for file names");
    if (!err) err = folder_watch(folder, why);
    if (err) {
        camera_folder_close(folder);
        return err;
    }
    folder->scan_us = keeps(camera) ? 0 : vd_clock_mono_us();
    camera->folder = folder;
    return VD_OK;
}

/* ---- which files ---- */

static bool name_fits(const vd_camera *camera, const char *name)
{
    static const char *const usual[] = { "*.jpg",  "*.jpeg", "*.png", "*.bmp",
                                         "*.webp", "*.tif",  "*.tiff" };
    const char *asked = camera->config.folder.pattern;
    if (name[0] == '.' || strlen(name) > NAME_MAX) return false;
    if (asked && asked[0]) return fnmatch(asked, name, FNM_CASEFOLD) == 0;
    for (size_t i = 0; i < VD_COUNT_OF(usual); i++)
        if (fnmatch(usual[i], name, FNM_CASEFOLD) == 0) return true;
    return false;
}

static bool known(const camera_folder *folder, const char *name)
{
    for (unsigned i = 0; i < folder->count; i++)
        if (strcmp(folder->waiting[i].name, name) == 0) return true;
    return false;
}

static bool comes_before(const vd_camera *camera, const still_name *a, const still_name *b)
{
    if (camera->config.folder.order == VD_ORDER_TIME && a->time_us != b->time_us)
        return a->time_us < b->time_us;
    return strcmp(a->name, b->name) < 0;
}

/* Among those that wait, in order; the last one gives way when there is no room. */
static void insert(const vd_camera *camera, const still_name *still)
{
    camera_folder *folder = camera->folder;
    unsigned at = folder->count;
    while (at > 0 && comes_before(camera, still, &folder->waiting[at - 1])) at--;
    if (at == WAITING_MAX) return;
    const unsigned behind = folder->count - at - (folder->count == WAITING_MAX);
    memmove(&folder->waiting[at + 1], &folder->waiting[at], behind * sizeof *still);
    folder->waiting[at] = *still;
    if (folder->count < WAITING_MAX) folder->count++;
}

static int64_t stat_us(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000 + time->tv_nsec / 1000;
}

/* Everything that lies there and is not being written. */
static void scan(vd_camera *camera)
{
    camera_folder *folder = camera->folder;
    const int fd = openat(folder->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const int64_t now_us = vd_clock_utc_us();
    int64_t again_us = SCAN_EVERY_US;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        still_name still = { 0 };
        struct stat about;
        if (!name_fits(camera, entry->d_name) || known(folder, entry->d_name) ||
            fstatat(folder->dir_fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(about.st_mode))
            continue;
        snprintf(still.name, sizeof still.name, "%s", entry->d_name);
        still.time_us = stat_us(&about.st_mtim);
        const int64_t age_us = now_us - still.time_us;
        if (age_us >= 0 && age_us < SETTLE_US)
            again_us = SETTLE_US;
        else
            insert(camera, &still);
    }
    if (dir) closedir(dir);
    if (!dir && fd >= 0) close(fd);
    folder->scan_us = vd_clock_mono_us() + again_us;
}

/* A file was closed or renamed into the folder; they wait in the order in which they came. */
static void arrived(vd_camera *camera, const char *name)
{
    camera_folder *folder = camera->folder;
    if (!name_fits(camera, name) || known(folder, name)) return;
    if (folder->count == WAITING_MAX && !keeps(camera)) {
        folder->scan_us = vd_clock_mono_us(); /* it stays there: a scan will find it */
        return;
    }
    if (folder->count == WAITING_MAX) { /* what is stale is dropped */
        memmove(folder->waiting, folder->waiting + 1, (WAITING_MAX - 1) * sizeof *folder->waiting);
        folder->count--;
        camera->session.base_dropped++;
    }
    still_name *still = &folder->waiting[folder->count++];
    snprintf(still->name, sizeof still->name, "%s", name);
    still->time_us = 0;
}

/* False: the folder itself is gone. */
static bool take_notes(vd_camera *camera)
{
    _Alignas(struct inotify_event) char room[16384];
    const ssize_t got = read(camera->folder->notify_fd, room, sizeof room);
    const struct inotify_event *event;
    struct stat about;
    /* While we have it open, the kernel does not say that it was deleted. */
    if (fstat(camera->folder->dir_fd, &about) != 0 || about.st_nlink == 0) return false;
    for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof *event + event->len)) {
        event = (const void *)(room + at);
        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) return false;
        if (event->mask & IN_Q_OVERFLOW && !keeps(camera))
            camera->folder->scan_us = vd_clock_mono_us();
        else if (event->len && !(event->mask & IN_ISDIR))
            arrived(camera, event->name);
    }
    return true;
}

/* ---- a file's way ---- */

/* Somebody may have put another file there under the same name. */
static bool unchanged(const camera_folder *folder)
{
    struct stat now;
    return fstatat(folder->dir_fd, folder->now.name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_ino == folder->opened.st_ino && now.st_size == folder->opened.st_size &&
           stat_us(&now.st_mtim) == stat_us(&folder->opened.st_mtim);
}

static int rename_new(int dir_fd, const char *name, const char *into)
{
    const int error = renameat2(dir_fd, name, dir_fd, into, RENAME_NOREPLACE);
    return error && errno == EINVAL ? renameat(dir_fd, name, dir_fd, into) : error;
}

/* Into a folder within; a name that is taken gets a number. */
static bool move_into(const camera_folder *folder, const char *within)
{
    char into[NAME_MAX + 32];
    if (mkdirat(folder->dir_fd, within, 0755) != 0 && errno != EEXIST) return false;
    snprintf(into, sizeof into, "%s/%s", within, folder->now.name);
    int error = rename_new(folder->dir_fd, folder->now.name, into);
    for (int i = 1; error && errno == EEXIST && i < NAME_TRIES; i++) {
        snprintf(into, sizeof into, "%s/%d-%s", within, i, folder->now.name);
        error = rename_new(folder->dir_fd, folder->now.name, into);
    }
    return error == 0;
}

static void put_away(vd_camera *camera)
{
    camera_folder *folder = camera->folder;
    const vd_folder_after after = camera->config.folder.after;
    bool done = true;
    folder->out = false;
    if (after == VD_AFTER_KEEP || folder->stuck || !unchanged(folder)) return;
    if (!folder->fine)
        done = move_into(folder, UNREADABLE);
    else if (after == VD_AFTER_MOVE)
        done = move_into(folder, DONE);
    else
        done = unlinkat(folder->dir_fd, folder->now.name, 0) == 0;
    if (done || errno == ENOENT) return;
    vd_why why = { 0 };
    vd_fail_errno(&why, "a picture that was looked at cannot be put away");
    vd_why_hint(&why, "let the agent write to %.200s", folder->path);
    folder->stuck = true;
    camera_set_state(camera, VD_CAMERA_FAILED, &why);
}

static void tell_bad(vd_camera *camera, const vd_why *cause)
{
    vd_why why = { 0 };
    camera->folder->bad = true;
    vd_fail(&why, VD_INVALID, "a file in the folder is no picture that can be read");
    vd_why_detail(&why, "%.120s: %.160s", camera->folder->now.name, cause->fact);
    vd_why_hint(&why, "%s",
                cause->hint[0] ? cause->hint
                               : "JPEG, PNG, BMP, WebP and TIFF are read; narrow "
                                 "'pattern' when other files belong there");
    camera_set_state(camera, VD_CAMERA_FAILED, &why);
}

bool camera_folder_done(vd_camera *camera, uint64_t number, bool fine, const vd_why *why)
{
    camera_folder *folder = camera->folder;
    if (!folder || !folder->out || folder->told || folder->number != number) return false;
    folder->told = true;
    folder->fine = fine;
    if (fine)
        folder->bad = false;
    else
        tell_bad(camera, why);
    return true;
}

void camera_folder_child_gone(vd_camera *camera)
{
    camera_folder *folder = camera->folder;
    if (!folder || !folder->out || folder->told) return;
    vd_why why = { 0 };
    vd_fail(&why, VD_CORRUPT, "it ended the process that reads it");
    folder->told = true;
    folder->fine = false;
    tell_bad(camera, &why);
}

static int64_t still_time(const vd_camera *camera, const char *name, const struct stat *about)
{
    const vd_still_time from = camera->config.folder.time;
    camera_folder *folder = camera->folder;
    int64_t utc_us = stat_us(&about->st_mtim);
    if (from != VD_STILL_TIME_FILE)
        (void)camera_name_time(name, from == VD_STILL_TIME_NAME_LOCAL, &utc_us);
    const int64_t back_us = folder->last_utc_us - utc_us;
    if (back_us >= 0 && back_us < ORDER_US) utc_us = folder->last_utc_us + 1000;
    return folder->last_utc_us = utc_us;
}

/* The file's descriptor, or -1 when it is gone or no file. */
static int still_open(camera_folder *folder)
{
    const int fd = openat(folder->dir_fd, folder->now.name,
                          O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0) return -1;
    if (fstat(fd, &folder->opened) == 0 && S_ISREG(folder->opened.st_mode)) return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

static void hand_over(vd_camera *camera)
{
    camera_folder *folder = camera->folder;
    folder->now = folder->waiting[0];
    folder->count--;
    memmove(folder->waiting, folder->waiting + 1, folder->count * sizeof *folder->waiting);
    const int fd = still_open(folder);
    if (fd < 0) {
        vd_why why = { 0 };
        if (errno == EACCES) {
            vd_fail(&why, VD_DENIED, "the agent may not read it");
            vd_why_hint(&why, "let the agent's user read the files of this folder");
            tell_bad(camera, &why);
        }
        return; /* gone again: nothing to say */
    }
    wire_still still = { .head = WIRE_HEAD(WIRE_STILL, sizeof still), .number = ++folder->number };
    still.utc_us = still_time(camera, folder->now.name, &folder->opened);
    folder->out = camera_send(camera->fd, &still.head, fd);
    folder->told = folder->fine = false;
    close(fd);
}

read_end camera_folder_turn(vd_camera *camera, vd_why *why)
{
    camera_folder *folder = camera->folder;
    if (!take_notes(camera)) {
        vd_fail(why, VD_ABSENT, "the folder is gone");
        vd_why_detail(why, "%.300s", folder->path);
        vd_why_hint(why, "it is looked for again and again");
        camera->folder = camera_folder_close(folder);
        return READ_FAILED;
    }
    if (folder->out && folder->told && !camera_maps_lent(camera)) put_away(camera);
    if (folder->out || !camera->session.have_stream) return READ_NONE;
    if (folder->count == 0 && folder->scan_us && !folder->stuck &&
        vd_clock_mono_us() >= folder->scan_us)
        scan(camera);
    if (folder->count > 0) hand_over(camera);
    return READ_NONE;
}
