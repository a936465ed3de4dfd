#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "history_priv.h"
#include "vd/file.h"
#include "vd/log.h"

#define HELD_BYTES  16384    /* written when so much is held back, */
#define HELD_US     10000000 /* or for so long */
#define BUF_BYTES   (4u << 20)
#define SWEEP_US    60000000
#define CAMERAS_MAX 256

typedef struct {
    char name[40];
    int64_t hour; /* of the open file; -1: none */
    int fd;
    uint64_t file_bytes, pictures; /* pictures: held back */
    int64_t held_since_us;
    const vd_vocabulary *words; /* as last written, by address, count and digest */
    unsigned word_count;
    vd_digest digest;
    vd_buf held;
} camera_file;

struct vd_history {
    char *dir;
    uint64_t bytes_max;
    _Atomic uint64_t lost; /* asked by whoever shows figures */
    int64_t age_max_us, swept_us;
    bool complained;
    unsigned count;
    camera_file *camera[CAMERAS_MAX];
};

vd_err vd_history_open(const vd_history_config *config, vd_history **ret_history, vd_why *why)
{
    vd_err err = vd_dir_make(config->dir, 0750, why);
    if (err) return err;
    vd_history *h = calloc(1, sizeof *h);
    if (h) h->dir = strdup(config->dir);
    if (!h || !h->dir) {
        free(h);
        return vd_fail(why, VD_FULL, "no memory for the stored detections");
    }
    h->bytes_max = config->bytes_max;
    h->age_max_us = config->age_max_ms * 1000;
    *ret_history = h;
    return VD_OK;
}

static void name_of(int64_t hour, char into[16])
{
    time_t at = (time_t)(hour * 3600);
    struct tm utc = { 0 };
    (void)gmtime_r(&at, &utc);
    if (!strftime(into, 16, "%Y%m%d%H.det", &utc)) into[0] = '\0';
}

static int64_t hour_of(int64_t utc_us)
{
    return utc_us >= 0 ? utc_us / HOUR_US : 0;
}

/* ---- what is too much or too old ---- */

static int by_hour(const void *a, const void *b)
{
    return strcmp(((const stored_file *)a)->hour, ((const stored_file *)b)->hour);
}

static bool is_open(const vd_history *h, const stored_file *file)
{
    for (unsigned i = 0; i < h->count; i++) {
        char name[16];
        name_of(h->camera[i]->hour, name);
        if (h->camera[i]->fd >= 0 && strcmp(h->camera[i]->name, file->camera) == 0 &&
            strcmp(name, file->hour) == 0)
            return true;
    }
    return false;
}

/* Oldest first, whichever camera's. */
static void sweep(vd_history *h, int64_t utc_us)
{
    stored_list list = { 0 };
    uint64_t bytes = 0;
    char oldest[16];
    if (history_list(h->dir, NULL, &list, NULL)) return;
    for (size_t i = 0; i < list.count; i++) bytes += list.file[i].bytes;
    name_of(hour_of(utc_us - h->age_max_us), oldest);
    if (list.count) qsort(list.file, list.count, sizeof *list.file, by_hour);
    for (size_t i = 0; i < list.count; i++) {
        const stored_file *file = &list.file[i];
        char path[4096];
        if (bytes <= h->bytes_max && strcmp(file->hour, oldest) >= 0) break;
        if (is_open(h, file)) continue;
        (void)snprintf(path, sizeof path, "%s/%s/%s", h->dir, file->camera, file->hour);
        if (unlink(path) == 0) bytes -= file->bytes;
    }
    free(list.file);
    h->swept_us = utc_us;
}

/* ---- writing ---- */

static void complain(vd_history *h, const camera_file *c, const char *what)
{
    if (!h->complained)
        vd_log(VD_LOG_WARN, "history.unkept", what, "camera", c->name, "reason", strerror(errno),
               NULL);
    h->complained = true;
}

static void file_close(camera_file *c)
{
    if (c->fd >= 0) (void)close(c->fd);
    c->fd = -1;
    c->hour = -1;
    c->words = NULL;
}

/* Bytes up to which the file is whole; what a death cut off goes. */
static bool heal(camera_file *c, const char *path)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(HISTORY_FILE_MAX + (1u << 20));
    struct stat st;
    if (fstat(c->fd, &st)) return false;
    c->file_bytes = (uint64_t)st.st_size;
    if (st.st_size == 0) return true;
    if (vd_file_load(path, &bytes, NULL)) return false;
    size_t whole = history_whole(vd_buf_slice(&bytes));
    if (whole == c->file_bytes) return true;
    c->file_bytes = whole;
    return ftruncate(c->fd, (off_t)whole) == 0;
}

static bool file_open(vd_history *h, camera_file *c, int64_t hour)
{
    char path[4096], name[16];
    (void)snprintf(path, sizeof path, "%s/%s", h->dir, c->name);
    if (vd_dir_make(path, 0750, NULL)) return false;
    name_of(hour, name);
    (void)snprintf(path, sizeof path, "%s/%s/%s", h->dir, c->name, name);
    c->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (c->fd < 0) return false;
    c->hour = hour;
    if (heal(c, path)) return true;
    file_close(c);
    return false;
}

/* A write that ends half way leaves a cut record: the next opening of the file heals it. */
static void flush(vd_history *h, camera_file *c)
{
    const uint8_t *at = (const uint8_t *)c->held.data;
    size_t left = c->held.len;
    while (left && c->fd >= 0) {
        ssize_t wrote = write(c->fd, at, left);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) break;
        at += wrote;
        left -= (size_t)wrote;
    }
    if (left) {
        h->lost += c->pictures;
        complain(h, c, "detections cannot be stored");
        file_close(c);
    } else {
        h->complained = false;
        c->file_bytes += c->held.len;
    }
    vd_buf_clear(&c->held);
    c->pictures = 0;
}

static camera_file *camera_of(vd_history *h, const char *name)
{
    for (unsigned i = 0; i < h->count; i++)
        if (strcmp(h->camera[i]->name, name) == 0) return h->camera[i];
    if (h->count == CAMERAS_MAX) return NULL;
    camera_file *c = calloc(1, sizeof *c);
    if (!c || !vd_slice_to_chars(vd_slice_str(name), c->name, sizeof c->name)) {
        free(c);
        return NULL;
    }
    c->held = VD_BUF(BUF_BYTES);
    c->fd = -1;
    c->hour = -1;
    h->camera[h->count++] = c;
    return c;
}

static bool same_words(const camera_file *c, const vd_vocabulary *words)
{
    return c->words == words && c->word_count == vd_vocabulary_count(words) &&
           strcmp(c->digest.hex, vd_vocabulary_main(words)->digest.hex) == 0;
}

/* The file of this hour is open and knows the words. */
static bool ready(vd_history *h, camera_file *c, const vd_vocabulary *words, int64_t utc_us)
{
    if (c->hour != hour_of(utc_us)) {
        if (c->pictures) flush(h, c);
        file_close(c);
        vd_buf_clear(&c->held);
        if (!file_open(h, c, hour_of(utc_us))) {
            complain(h, c, "detections cannot be stored");
            return false;
        }
    }
    if (c->file_bytes + c->held.len > HISTORY_FILE_MAX) return false;
    if (c->file_bytes == 0 && c->held.len == 0 &&
        !vd_buf_add(&c->held, vd_slice_of(HISTORY_MAGIC, MAGIC_BYTES)))
        return false;
    if (same_words(c, words)) return true;
    if (!words_encode(words, &c->held)) return false;
    c->words = words;
    c->word_count = vd_vocabulary_count(words);
    c->digest = vd_vocabulary_main(words)->digest;
    return true;
}

void vd_history_seen(vd_history *h, const char *camera, const vd_detections *detections,
                     const vd_vocabulary *words, int64_t utc_us)
{
    if (!h) return;
    camera_file *c = camera_of(h, camera);
    if (!c || !ready(h, c, words, utc_us) || !picture_encode(detections, utc_us, &c->held)) {
        h->lost++;
        return;
    }
    if (!c->pictures) c->held_since_us = utc_us;
    c->pictures++;
    if (c->held.len < HELD_BYTES && utc_us - c->held_since_us < HELD_US) return;
    flush(h, c);
    if (utc_us - h->swept_us > SWEEP_US || utc_us < h->swept_us) sweep(h, utc_us);
}

uint64_t vd_history_lost(const vd_history *h)
{
    return h ? h->lost : 0;
}

vd_history *vd_history_free(vd_history *h)
{
    if (!h) return NULL;
    for (unsigned i = 0; i < h->count; i++) {
        if (h->camera[i]->pictures) flush(h, h->camera[i]);
        file_close(h->camera[i]);
        vd_buf_done(&h->camera[i]->held);
        free(h->camera[i]);
    }
    free(h->dir);
    free(h);
    return NULL;
}
