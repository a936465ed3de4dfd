#include "recording.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "recording_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

#define ENTRIES_FIRST 64
#define DATA_FIRST    65536
#define LONG_FACTOR   4 /* a fragment without a new key frame is closed after so many lengths */

record_stream *record_stream_new(const vd_stream_info *info)
{
    record_stream *s = vd_calloc(1, sizeof *s + info->extradata.len);
    if (!s) return NULL;
    atomic_init(&s->refs, 1);
    s->info = *info;
    if (info->extradata.len) memcpy(s->extradata, info->extradata.data, info->extradata.len);
    s->info.extradata = vd_slice_of(s->extradata, info->extradata.len);
    return s;
}

record_stream *record_stream_ref(record_stream *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

record_stream *record_stream_unref(record_stream *s)
{
    if (s && atomic_fetch_sub(&s->refs, 1) == 1) free(s);
    return NULL;
}

void fragment_free(fragment *f)
{
    if (!f) return;
    record_stream_unref(f->stream);
    free(f->entry);
    free(f->raw);
    fragment_hash_free(f);
    free(f);
}

vd_recording_camera *camera_find(vd_recording *recording, const char *name)
{
    vd_recording_camera *c = recording->cameras;
    while (c && strcmp(c->name, name) != 0) c = c->next;
    return c;
}

static vd_err camera_new(vd_recording *recording, const char *name,
                         vd_recording_camera **ret_camera, vd_why *why)
{
    if (recording->camera_count == VD_RECORDING_CAMERAS_MAX)
        return vd_fail(why, VD_FULL, "more than %d cameras have recordings",
                       VD_RECORDING_CAMERAS_MAX);
    vd_recording_camera *c = vd_calloc(1, sizeof *c);
    if (!c) return vd_fail(why, VD_FULL, "no memory for the recording of '%s'", name);
    c->recording = recording;
    c->fd = -1;
    c->limits = recording->config.limits;
    pthread_mutex_init(&c->lock, NULL);
    vd_err err = VD_OK;
    if (!vd_slice_to_chars(vd_slice_str(name), c->name, sizeof c->name))
        err = vd_fail(why, VD_INVALID, "the camera id '%.40s' is too long", name);
    (void)snprintf(c->dir, sizeof c->dir, "%.*s/%s", RECORDING_ROOM - VD_CAMERA_ID_MAX - 8,
                   recording->dir, c->name);
    if (!err) err = vd_dir_make(c->dir, 0750, why);
    if (!err) err = camera_scan(c, why);
    if (err) {
        pthread_mutex_destroy(&c->lock);
        free(c->segments);
        free(c);
        return err;
    }
    c->next = recording->cameras;
    recording->cameras = c;
    recording->camera_count++;
    *ret_camera = c;
    return VD_OK;
}

/* Cameras that left something in an earlier run; they keep aging out. */
static vd_err find_cameras(vd_recording *recording, vd_why *why)
{
    vd_err err = vd_dir_make(recording->dir, 0750, why);
    if (err) return err;
    DIR *dir = opendir(recording->dir);
    if (!dir) return vd_fail_errno(why, "the folder of the recording cannot be read");
    for (struct dirent *entry; !err && (entry = readdir(dir));) {
        vd_recording_camera *c;
        size_t len = strlen(entry->d_name);
        bool is_id = strspn(entry->d_name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
        if (is_id && len <= VD_CAMERA_ID_MAX && entry->d_type == DT_DIR)
            err = camera_new(recording, entry->d_name, &c, why);
    }
    closedir(dir);
    return err;
}

vd_err vd_recording_new(const vd_recording_config *config, vd_recording **ret_recording,
                        vd_why *why)
{
    pthread_condattr_t attr;
    vd_recording *recording = vd_calloc(1, sizeof *recording);
    if (!recording) return vd_fail(why, VD_FULL, "no memory for the recording");
    recording->config = *config;
    recording->config.dir = recording->dir;
    recording->last = &recording->first;
    pthread_mutex_init(&recording->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&recording->work, &attr);
    pthread_cond_init(&recording->idle, &attr);
    pthread_condattr_destroy(&attr);
    vd_err err = VD_OK;
    if (!vd_slice_to_chars(vd_slice_str(config->dir), recording->dir, RECORDING_ROOM - 128))
        err = vd_fail(why, VD_INVALID, "the recording's folder has too long a name");
    if (!err) err = find_cameras(recording, why);
    if (!err && pthread_create(&recording->writer, NULL, writer_run, recording) != 0)
        err = vd_fail(why, VD_FULL, "no thread for the recording");
    recording->has_writer = !err;
    if (err)
        vd_recording_free(recording);
    else
        *ret_recording = recording;
    return err;
}

vd_err vd_recording_add(vd_recording *recording, const char *name,
                        const vd_recording_limits *limits, vd_recording_camera **ret_camera,
                        vd_why *why)
{
    pthread_mutex_lock(&recording->lock);
    vd_recording_camera *c = camera_find(recording, name);
    vd_err err = c ? VD_OK : camera_new(recording, name, &c, why);
    if (!err) c->limits = *limits;
    pthread_mutex_unlock(&recording->lock);
    if (err) return err;
    pthread_mutex_lock(&c->lock);
    c->is_open = c->needs_key = true;
    pthread_mutex_unlock(&c->lock);
    *ret_camera = c;
    return VD_OK;
}

/* Hands the fragment to the writer, or drops it when too much waits: then nothing is written until
 * the next key frame. The camera's lock is held. */
static void hand_over(vd_recording_camera *c)
{
    vd_recording *recording = c->recording;
    fragment *f = c->filling;
    c->filling = NULL;
    if (!f || f->count == 0) {
        fragment_free(f);
        return;
    }
    pthread_mutex_lock(&recording->lock);
    uint64_t bytes = fragment_bytes(f);
    bool is_full =
        c->queued_bytes > 0 && c->queued_bytes + bytes > recording->config.queue_bytes_max;
    if (is_full || recording->is_stopping) {
        c->stats.lost_packets += f->count;
        c->needs_key = true;
    } else {
        c->queued_bytes += bytes;
        *recording->last = f;
        recording->last = &f->next;
        f = NULL;
        pthread_cond_signal(&recording->work);
    }
    pthread_mutex_unlock(&recording->lock);
    fragment_free(f);
}

static size_t more_than(size_t room, size_t need, size_t first)
{
    if (!room) room = first;
    while (room < need) room += room / 2;
    return room;
}

/* Room for one packet more, its place in the table, and the zeros behind. */
static bool grow(fragment *f, size_t len)
{
    size_t need = table_at(f->len + len) + (f->count + 1) * sizeof *f->entry + DISK_BLOCK;
    if (f->count == f->entry_room) {
        size_t room = more_than(f->entry_room, f->count + 1, ENTRIES_FIRST);
        fragment_entry *entry = vd_realloc(f->entry, room * sizeof *entry);
        if (!entry) return false;
        f->entry = entry;
        f->entry_room = room;
    }
    if (need <= f->room) return true;
    size_t room = more_than(f->room, need, DATA_FIRST);
    uint8_t *raw = vd_realloc(NULL, room + DISK_BLOCK);
    if (!raw) return false;
    uint8_t *bytes = raw + (DISK_BLOCK - (uintptr_t)raw % DISK_BLOCK) % DISK_BLOCK;
    if (f->raw) memcpy(bytes, f->bytes, sizeof(fragment_header) + f->len);
    free(f->raw);
    f->raw = raw;
    f->bytes = bytes;
    f->room = room;
    return true;
}

static fragment *fragment_take(vd_recording_camera *c)
{
    pthread_mutex_lock(&c->recording->lock);
    fragment *f = c->spares;
    if (f) {
        c->spares = f->next;
        c->spare_bytes -= f->room;
        f->next = NULL;
    }
    pthread_mutex_unlock(&c->recording->lock);
    return f ? f : vd_calloc(1, sizeof *f);
}

static bool fill(vd_recording_camera *c, const vd_packet *p)
{
    fragment *f = c->filling;
    if (!f) {
        f = c->filling = fragment_take(c);
        if (!f) return false;
        f->camera = c;
        f->stream = record_stream_ref(c->stream);
    }
    if (!grow(f, p->data.len) || (f->count == 0 && !fragment_hash_begin(f))) return false;
    if (f->count == 0) f->first_us = f->last_us = p->utc_us;
    if (p->utc_us > f->last_us) f->last_us = p->utc_us;
    f->entry[f->count++] = (fragment_entry){ .pts_us = p->pts_us,
                                             .dts_us = p->dts_us,
                                             .utc_us = p->utc_us,
                                             .len = (uint32_t)p->data.len,
                                             .flags = p->key ? PACKET_KEY : 0 };
    fragment_hash_add(f, p->data);
    memcpy(fragment_data(f) + f->len, p->data.data, p->data.len);
    f->len += p->data.len;
    return true;
}

/* Whether the fragment being filled ends before this packet. */
static bool is_due(const vd_recording_camera *c, const vd_packet *p)
{
    const fragment *f = c->filling;
    int64_t length_us = c->recording->config.fragment_ms * 1000;
    if (!f || f->count == 0) return false;
    int64_t age_us = p->utc_us - f->first_us;
    if (p->key && (age_us >= length_us || age_us < 0)) return true;
    return f->len + p->data.len > VD_RECORDING_FRAGMENT_MAX || f->count == PACKETS_MAX ||
           age_us >= LONG_FACTOR * length_us;
}

/* True when the camera's stream is the packet's; a new one waits for its key frame. */
static bool follow_stream(vd_recording_camera *c, const vd_stream_info *info)
{
    if (c->stream && c->stream->info.serial == info->serial) return true;
    hand_over(c);
    record_stream_unref(c->stream);
    c->stream = record_stream_new(info);
    c->needs_key = true;
    return c->stream != NULL;
}

static void count_lost(vd_recording_camera *c, uint64_t packets)
{
    pthread_mutex_lock(&c->recording->lock);
    c->stats.lost_packets += packets;
    pthread_mutex_unlock(&c->recording->lock);
}

void vd_recording_packet(vd_recording_camera *c, const vd_packet *p)
{
    pthread_mutex_lock(&c->lock);
    bool wanted = c->is_open && p->data.len > 0 && p->data.len <= PACKET_BYTES_MAX &&
                  follow_stream(c, p->stream);
    if (wanted && is_due(c, p)) hand_over(c);
    if (wanted && p->key) c->needs_key = false;
    if (wanted && !c->needs_key && !fill(c, p)) {
        count_lost(c, 1 + (c->filling ? c->filling->count : 0));
        fragment_free(c->filling);
        c->filling = NULL;
        c->needs_key = true;
    }
    pthread_mutex_unlock(&c->lock);
}

void vd_recording_end(vd_recording_camera *c)
{
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    hand_over(c);
    c->is_open = false;
    c->stream = record_stream_unref(c->stream); /* a new reader's serials begin anew */
    pthread_mutex_unlock(&c->lock);
}

void vd_recording_settle(vd_recording *recording)
{
    pthread_mutex_lock(&recording->lock);
    while (recording->has_writer && (recording->first || recording->is_writing))
        pthread_cond_wait(&recording->idle, &recording->lock);
    pthread_mutex_unlock(&recording->lock);
}

vd_err vd_recording_get_stats(vd_recording *recording, const char *camera,
                              vd_recording_stats *ret_stats)
{
    pthread_mutex_lock(&recording->lock);
    const vd_recording_camera *c = camera_find(recording, camera);
    if (c) {
        *ret_stats = c->stats;
        ret_stats->bytes = 0;
        for (size_t i = 0; i < c->segment_count; i++) ret_stats->bytes += c->segments[i].bytes;
        ret_stats->oldest_utc_us = c->segment_count ? c->segments[0].start_us : 0;
    }
    pthread_mutex_unlock(&recording->lock);
    return c ? VD_OK : VD_ABSENT;
}

void vd_recording_stop(vd_recording *recording)
{
    if (!recording->has_writer) return;
    for (vd_recording_camera *c = recording->cameras; c; c = c->next) vd_recording_end(c);
    pthread_mutex_lock(&recording->lock);
    recording->is_stopping = true;
    pthread_cond_signal(&recording->work);
    pthread_mutex_unlock(&recording->lock);
    pthread_join(recording->writer, NULL);
    recording->has_writer = false;
}

vd_recording *vd_recording_free(vd_recording *recording)
{
    if (!recording) return NULL;
    vd_recording_stop(recording);
    while (recording->cameras) {
        vd_recording_camera *c = recording->cameras;
        recording->cameras = c->next;
        fragment_free(c->filling);
        while (c->spares) {
            fragment *next = c->spares->next;
            fragment_free(c->spares);
            c->spares = next;
        }
        record_stream_unref(c->stream);
        pthread_mutex_destroy(&c->lock);
        free(c->segments);
        free(c);
    }
    pthread_cond_destroy(&recording->work);
    pthread_cond_destroy(&recording->idle);
    pthread_mutex_destroy(&recording->lock);
    free(recording);
    return NULL;
}
