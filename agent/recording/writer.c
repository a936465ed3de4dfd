/* The writer: fragments into segments, and what must go.
 *
 *   fragment ─▶ too much, too old, disk too full? the oldest segment goes ─▶ append, sync
 *                                                        │ no room for it
 *                                                        ▼
 *                                 the segment ends, the fragment is lost and counted */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "recording_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/file.h"
#include "vd/log.h"

#define TIDY_EACH_S     10
#define FREED_AT_ONCE   8 /* segments that may go for one fragment */
#define SEGMENTS_OF_CAP 8 /* a small cap is still a ring */
#define SPARE_BYTES_MAX (4u << 20)
#define NAME_DIGITS     20

static bool is_written_now(const vd_recording_camera *c, const segment *s)
{
    return c->fd >= 0 && s->start_us == c->segment_start_us;
}

/* Takes the oldest segment that is not being written out of the index; the lock is held. */
static bool take_oldest_locked(vd_recording_camera *c, char path[RECORDING_ROOM])
{
    for (size_t i = 0; i < c->segment_count; i++) {
        if (is_written_now(c, &c->segments[i])) continue;
        segment_path(c->dir, c->segments[i].start_us, path);
        c->segment_count--;
        memmove(&c->segments[i], &c->segments[i + 1], (c->segment_count - i) * sizeof(segment));
        c->stats.overwritten++;
        return true;
    }
    return false;
}

/* The lock is held. */
static bool over_limits_locked(const vd_recording_camera *c, uint64_t need)
{
    uint64_t bytes = need;
    const segment *oldest = NULL;
    for (size_t i = 0; i < c->segment_count; i++) {
        bytes += c->segments[i].bytes;
        if (!oldest && !is_written_now(c, &c->segments[i])) oldest = &c->segments[i];
    }
    if (!oldest) return false;
    if (c->limits.bytes_max && bytes > c->limits.bytes_max) return true;
    int64_t age_us = vd_clock_utc_us() - oldest->written_us;
    return c->limits.age_max_ms && age_us > c->limits.age_max_ms * 1000;
}

/* What is over the camera's own limits goes. */
static void keep_limits(vd_recording_camera *c, uint64_t need)
{
    char path[RECORDING_ROOM];
    bool goes = true;
    while (goes) {
        pthread_mutex_lock(&c->recording->lock);
        goes = over_limits_locked(c, need) && take_oldest_locked(c, path);
        pthread_mutex_unlock(&c->recording->lock);
        if (goes) unlink(path);
    }
}

static bool take_oldest_of_all(vd_recording *recording, char path[RECORDING_ROOM])
{
    vd_recording_camera *of = NULL;
    int64_t oldest_us = INT64_MAX;
    pthread_mutex_lock(&recording->lock);
    for (vd_recording_camera *c = recording->cameras; c; c = c->next) {
        if (c->segment_count == 0 || c->segments[0].written_us >= oldest_us) continue;
        if (c->segment_count == 1 && is_written_now(c, &c->segments[0])) continue;
        of = c;
        oldest_us = c->segments[0].written_us;
    }
    bool taken = of && take_oldest_locked(of, path);
    pthread_mutex_unlock(&recording->lock);
    return taken;
}

static bool disk_has(const vd_recording *recording, uint64_t need)
{
    struct statvfs fs;
    if (statvfs(recording->dir, &fs) != 0) return true; /* the write will tell */
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    return left >= need && left - need >= recording->config.min_free_bytes;
}

static vd_err keep_free(vd_recording *recording, uint64_t need, vd_why *why)
{
    char path[RECORDING_ROOM];
    for (int freed = 0; !disk_has(recording, need); freed++) {
        if (freed == FREED_AT_ONCE || !take_oldest_of_all(recording, path)) {
            vd_fail(why, VD_FULL, "the disk has less than the recording must leave free");
            vd_why_hint(why, "make room, or lower recording.min_free_gb");
            return VD_FULL;
        }
        unlink(path);
    }
    return VD_OK;
}

/* ---- the index; the lock is held ---- */

static bool index_add(vd_recording_camera *c, segment s)
{
    if (c->segment_count == c->segment_room) {
        size_t room = c->segment_room ? c->segment_room * 2 : 64;
        segment *more = vd_realloc(c->segments, room * sizeof *more);
        if (!more) return false;
        c->segments = more;
        c->segment_room = room;
    }
    size_t at = c->segment_count++;
    for (; at > 0 && c->segments[at - 1].start_us > s.start_us; at--)
        c->segments[at] = c->segments[at - 1];
    c->segments[at] = s;
    return true;
}

static void index_grow(vd_recording_camera *c, const fragment *f)
{
    for (size_t i = c->segment_count; i-- > 0;) {
        if (!is_written_now(c, &c->segments[i])) continue;
        c->segments[i].bytes = c->segment_bytes;
        c->segments[i].written_us = vd_clock_utc_us();
        break;
    }
    c->stats.newest_utc_us = f->last_us;
    c->stats.is_full = false;
}

/* ---- what an earlier run left ---- */

static bool start_of(const char *name, int64_t *ret_start_us)
{
    uint64_t start;
    size_t len = strlen(name);
    if (len != NAME_DIGITS + 4 || strcmp(name + NAME_DIGITS, ".vdr") != 0) return false;
    if (!vd_slice_u64(vd_slice_of(name, NAME_DIGITS), INT64_MAX, &start)) return false;
    *ret_start_us = (int64_t)start;
    return true;
}

/* Every segment but the last written was synced whole. By name and by the disk's own time: clocks
 * may have been set back meanwhile. */
static vd_err mend_last(vd_recording_camera *c, vd_why *why)
{
    char path[RECORDING_ROOM];
    for (int turn = 0; turn < 2 && c->segment_count > 0; turn++) {
        size_t last = c->segment_count - 1;
        for (size_t i = 0; turn == 1 && i < c->segment_count; i++)
            if (c->segments[i].written_us > c->segments[last].written_us) last = i;
        segment_path(c->dir, c->segments[last].start_us, path);
        vd_err err = segment_mend(path, &c->segments[last].bytes, why);
        if (err && err != VD_ABSENT) return err;
        if (!err) continue;
        c->segment_count--;
        memmove(&c->segments[last], &c->segments[last + 1],
                (c->segment_count - last) * sizeof(segment));
    }
    return VD_OK;
}

vd_err camera_scan(vd_recording_camera *c, vd_why *why)
{
    DIR *dir = opendir(c->dir);
    if (!dir) return vd_fail_errno(why, "the recording of '%s' cannot be read", c->name);
    vd_err err = VD_OK;
    for (struct dirent *entry; !err && (entry = readdir(dir));) {
        struct stat st;
        segment s = { 0 };
        if (!start_of(entry->d_name, &s.start_us)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        s.bytes = (uint64_t)st.st_size;
        s.written_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
        if (!index_add(c, s)) err = vd_fail(why, VD_FULL, "no memory for the recording's index");
    }
    closedir(dir);
    return err ? err : mend_last(c, why);
}

/* ---- writing ---- */

/* One that got no fragment goes again. */
static void segment_end(vd_recording_camera *c)
{
    char path[RECORDING_ROOM];
    bool is_empty = c->segment_last_us == INT64_MIN;
    if (c->fd < 0) return;
    close(c->fd);
    segment_path(c->dir, c->segment_start_us, path);
    if (is_empty) unlink(path);
    pthread_mutex_lock(&c->recording->lock);
    for (size_t i = 0; is_empty && i < c->segment_count; i++) {
        if (!is_written_now(c, &c->segments[i])) continue;
        c->segment_count--;
        memmove(&c->segments[i], &c->segments[i + 1], (c->segment_count - i) * sizeof(segment));
        break;
    }
    c->fd = -1;
    pthread_mutex_unlock(&c->recording->lock);
    c->segment_stream = record_stream_unref(c->segment_stream);
}

static vd_err create(vd_recording_camera *c, int64_t *start_us, char path[RECORDING_ROOM],
                     int *ret_fd, vd_why *why)
{
    for (int turn = 0;; turn++) {
        segment_path(c->dir, *start_us, path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        *ret_fd = fd;
        if (fd >= 0) return VD_OK;
        if (errno != EEXIST || turn == 64)
            return vd_fail_errno(why, "a segment of the recording cannot be made");
        ++*start_us; /* the clock was set back to the same microsecond, or a file loops */
    }
}

static vd_err segment_start(vd_recording_camera *c, const fragment *f, vd_why *why)
{
    char path[RECORDING_ROOM];
    int fd = -1;
    uint64_t bytes = 0;
    int64_t start_us = f->first_us > 0 ? f->first_us : 0;
    vd_err err = create(c, &start_us, path, &fd, why);
    if (err) return err;
    err = segment_begin(fd, &f->stream->info, &bytes, why);
    if (!err) err = vd_dir_sync_of(path, why);
    pthread_mutex_lock(&c->recording->lock);
    if (!err && !index_add(c, (segment){ start_us, vd_clock_utc_us(), bytes }))
        err = vd_fail(why, VD_FULL, "no memory for the recording's index");
    if (!err) {
        c->fd = fd;
        c->segment_start_us = start_us;
    }
    pthread_mutex_unlock(&c->recording->lock);
    if (err) {
        close(fd);
        unlink(path);
        return err;
    }
    c->segment_bytes = bytes;
    c->segment_last_us = INT64_MIN;
    c->segment_stream = record_stream_ref(f->stream);
    return VD_OK;
}

static uint64_t segment_bytes_max(const vd_recording_camera *c)
{
    uint64_t part = c->limits.bytes_max / SEGMENTS_OF_CAP;
    return part && part < SEGMENT_BYTES_MAX ? part : SEGMENT_BYTES_MAX;
}

static bool continues(const vd_recording_camera *c, const fragment *f, uint64_t bytes_max)
{
    if (c->fd < 0 || f->stream != c->segment_stream || f->first_us < c->segment_last_us)
        return false;
    bool is_long = f->first_us - c->segment_start_us >= c->recording->config.segment_ms * 1000 ||
                   c->segment_bytes + fragment_bytes(f) > bytes_max;
    return !is_long || !(f->entry[0].flags & PACKET_KEY);
}

static vd_err append(vd_recording_camera *c, fragment *f, vd_why *why)
{
    vd_err err = keep_free(c->recording, fragment_bytes(f), why);
    if (!err && c->fd < 0) err = segment_start(c, f, why);
    if (err) return err;
    err = fragment_write(c->fd, f, why);
    if (err && (ftruncate(c->fd, (off_t)c->segment_bytes) != 0 ||
                lseek(c->fd, (off_t)c->segment_bytes, SEEK_SET) < 0))
        segment_end(c); /* its torn end stays, and is read over */
    if (!err) c->segment_bytes += fragment_bytes(f);
    return err;
}

static void lose(vd_recording_camera *c, const fragment *f, const vd_why *why)
{
    segment_end(c); /* a picture that leans on a lost one is no use: on with a key frame */
    pthread_mutex_lock(&c->recording->lock);
    c->stats.lost_packets += f->count;
    c->stats.is_full = true;
    pthread_mutex_unlock(&c->recording->lock);
    if (!c->was_full)
        vd_log_why(VD_LOG_ERROR, "recording.lost", "the recording has a hole, trying again", why,
                   "camera", c->name, NULL);
    c->was_full = true;
}

static void write_one(vd_recording_camera *c, fragment *f)
{
    char path[RECORDING_ROOM];
    vd_why why = { 0 };
    pthread_mutex_lock(&c->recording->lock);
    uint64_t bytes_max = segment_bytes_max(c);
    pthread_mutex_unlock(&c->recording->lock);
    if (!continues(c, f, bytes_max)) segment_end(c);
    keep_limits(c, fragment_bytes(f));
    vd_err err = VD_OK;
    if (c->fd < 0 && !(f->entry[0].flags & PACKET_KEY))
        err = vd_fail(&why, VD_INVALID, "no key frame to go on with");
    if (!err) err = append(c, f, &why);
    if (err == VD_FULL && take_oldest_of_all(c->recording, path)) {
        unlink(path);
        err = append(c, f, &why);
    }
    if (err) {
        lose(c, f, &why);
        return;
    }
    c->segment_last_us = f->last_us;
    pthread_mutex_lock(&c->recording->lock);
    index_grow(c, f);
    pthread_mutex_unlock(&c->recording->lock);
    if (c->was_full)
        vd_log(VD_LOG_INFO, "recording.resumed", "the recording goes on", "camera", c->name, NULL);
    c->was_full = false;
}

/* The buffers are used again; the lock is held. */
static void recycle(vd_recording_camera *c, fragment *f)
{
    record_stream_unref(f->stream);
    *f = (fragment){ .entry = f->entry,
                     .entry_room = f->entry_room,
                     .raw = f->raw,
                     .bytes = f->bytes,
                     .room = f->room,
                     .hash = f->hash };
    if (c->spare_bytes + f->room > SPARE_BYTES_MAX) {
        fragment_free(f);
        return;
    }
    f->next = c->spares;
    c->spares = f;
    c->spare_bytes += f->room;
}

static void tidy(vd_recording *recording)
{
    pthread_mutex_lock(&recording->lock);
    vd_recording_camera *c = recording->cameras;
    pthread_mutex_unlock(&recording->lock);
    for (; c; c = c->next) keep_limits(c, 0);
}

/* The lock is held. NULL: nothing came for a while, or it is time to stop. */
static fragment *next_fragment(vd_recording *recording)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TIDY_EACH_S;
    int rc = 0;
    while (!recording->first && !recording->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&recording->work, &recording->lock, &until);
    fragment *f = recording->first;
    if (!f) return NULL;
    recording->first = f->next;
    if (!recording->first) recording->last = &recording->first;
    f->next = NULL;
    return f;
}

void *writer_run(void *arg)
{
    vd_recording *recording = arg;
    tidy(recording);
    pthread_mutex_lock(&recording->lock);
    for (;;) {
        fragment *f = next_fragment(recording);
        if (!f && recording->is_stopping) break;
        recording->is_writing = true;
        pthread_mutex_unlock(&recording->lock);
        if (f)
            write_one(f->camera, f);
        else
            tidy(recording);
        pthread_mutex_lock(&recording->lock);
        recording->is_writing = false;
        if (f) {
            f->camera->queued_bytes -= fragment_bytes(f);
            recycle(f->camera, f);
        }
        if (!recording->first) pthread_cond_broadcast(&recording->idle);
    }
    pthread_mutex_unlock(&recording->lock);
    for (vd_recording_camera *c = recording->cameras; c; c = c->next) segment_end(c);
    return NULL;
}
