#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "outbox_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"
#include "vd/file.h"

#define COMMIT_ROOM  1024 /* jobs waiting for the committer; more writers wait */
#define COMMIT_BATCH 256
#define PATH_ROOM    OUTBOX_PATH_ROOM

extern const vd_sql agent_queue_sql[];
extern const vd_sql agent_queue_migrations[];

static const vd_sql *const statements[] = { agent_queue_sql, NULL };
static const vd_store_schema schema = { agent_queue_migrations, statements };

static vd_err read_pair(vd_store *store, const char *name, int64_t *ret_a, int64_t *ret_b,
                        vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, name);
    vd_err err = vd_stmt_row(stmt, why);
    if (err) return err;
    *ret_a = vd_col_int(stmt, 0);
    if (ret_b) *ret_b = vd_col_int(stmt, 1);
    vd_stmt_finish(stmt);
    return VD_OK;
}

static vd_err read_count(vd_store *store, const char *name, uint64_t *ret_value, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_count_get");
    vd_bind_text(stmt, "name", name);
    vd_err err = vd_stmt_row(stmt, why);
    if (!err) *ret_value = (uint64_t)vd_col_int(stmt, 0);
    vd_stmt_finish(stmt);
    return err == VD_ABSENT ? VD_OK : err;
}

/* What an earlier run left. */
static vd_err recover(vd_outbox *outbox, vd_store *store, vd_why *why)
{
    int64_t messages = 0, message_bytes = 0, blobs = 0, blob_bytes = 0;
    vd_outbox_stats *stats = &outbox->stats;
    vd_err err = read_pair(store, "outbox_total", &messages, &message_bytes, why);
    if (!err) err = read_pair(store, "outbox_blob_total", &blobs, &blob_bytes, why);
    if (!err) err = read_pair(store, "outbox_last_seq", &outbox->last_seq, NULL, why);
    if (!err) err = read_count(store, "dropped_quota", &stats->dropped_quota, why);
    if (!err) err = read_count(store, "dropped_age", &stats->dropped_age, why);
    if (!err) err = read_count(store, "dropped_blobs", &stats->dropped_blobs, why);
    stats->waiting = (uint64_t)messages;
    stats->waiting_blobs = (uint64_t)blobs;
    atomic_store(&outbox->live_bytes, message_bytes + blob_bytes);
    return err;
}

static vd_err open_store(vd_outbox *outbox, const char *dir, vd_why *why)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/outbox.db", dir);
    snprintf(outbox->blob_dir, sizeof outbox->blob_dir, "%s/blobs", dir);
    vd_store *store = NULL;
    vd_err err = vd_dir_make(dir, 0750, why);
    if (!err) err = vd_blobs_open(outbox->blob_dir, &outbox->blobs, why);
    if (!err) err = vd_store_open(path, VD_STORE_WRITE, &schema, &store, why);
    if (!err) err = recover(outbox, store, why);
    if (!err) err = vd_store_open(path, VD_STORE_READ, &schema, &outbox->reader, why);
    if (!err) err = vd_committer_new(store, COMMIT_ROOM, COMMIT_BATCH, &outbox->committer, why);
    if (err) vd_store_free(store);
    return err;
}

vd_err vd_outbox_open(const vd_outbox_config *config, vd_outbox **ret_outbox, vd_why *why)
{
    vd_outbox *outbox = vd_calloc(1, sizeof *outbox);
    if (!outbox) return vd_fail(why, VD_FULL, "no memory for the outbox");
    outbox->quota_bytes = config->quota_bytes ? config->quota_bytes : INT64_MAX;
    outbox->max_age_us = config->max_age_ms * 1000;
    outbox->upload = config->upload;
    pthread_mutex_init(&outbox->read_lock, NULL);
    pthread_mutex_init(&outbox->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->news, &attr);
    pthread_condattr_destroy(&attr);
    vd_err err = open_store(outbox, config->dir, why);
    if (err)
        vd_outbox_free(outbox);
    else
        *ret_outbox = outbox;
    return err;
}

vd_outbox *vd_outbox_free(vd_outbox *outbox)
{
    if (!outbox) return NULL;
    if (outbox->committer) {
        outbox_post_tidy(outbox);
        vd_committer_free(outbox->committer);
    }
    vd_store_free(outbox->reader);
    vd_blobs_free(outbox->blobs);
    while (outbox->doomed) {
        outbox_doomed *next = outbox->doomed->next;
        free(outbox->doomed);
        outbox->doomed = next;
    }
    pthread_cond_destroy(&outbox->news);
    pthread_mutex_destroy(&outbox->lock);
    pthread_mutex_destroy(&outbox->read_lock);
    free(outbox);
    return NULL;
}

vd_blobs *vd_outbox_blobs(vd_outbox *outbox)
{
    return outbox->blobs;
}

typedef struct {
    outbox_change change;
    const vd_outbox_note *note;
    vd_ulid id;
} acceptance;

static int priority_of(const char *severity)
{
    for (int s = VD_SEVERITY_CRITICAL; s > VD_SEVERITY_INFO; s--)
        if (severity && strcmp(severity, vd_severity_name((vd_severity)s)) == 0) return s;
    return VD_SEVERITY_INFO;
}

/* Room on the disk that the message and its files take; a file that is not here takes none. */
static uint64_t bytes_needed(const acceptance *a)
{
    const vd_outbox_note *note = a->note;
    uint64_t bytes = note->body.len;
    for (unsigned i = 0; i < note->file_count; i++) {
        char path[PATH_ROOM];
        uint64_t file_bytes = 0;
        if (!vd_blobs_path(a->change.outbox->blobs, &note->files[i], path, sizeof path,
                           &file_bytes))
            bytes += file_bytes;
    }
    return bytes;
}

/* One more message needs this file. One that is not here has been sent and deleted already. */
static vd_err need_blob(acceptance *a, vd_store *store, const vd_digest *digest, vd_why *why)
{
    char path[PATH_ROOM];
    uint64_t bytes = 0;
    vd_stmt *known = vd_store_stmt(store, "outbox_blob_known");
    vd_bind_text(known, "digest", digest->hex);
    vd_err err = vd_stmt_row(known, why);
    vd_stmt_finish(known);
    if (err && err != VD_ABSENT) return err;
    bool is_new = err == VD_ABSENT;
    if (is_new && vd_blobs_path(a->change.outbox->blobs, digest, path, sizeof path, &bytes))
        return VD_OK;
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_need");
    vd_bind_text(stmt, "digest", digest->hex);
    vd_bind_int(stmt, "bytes", (int64_t)bytes);
    vd_bind_int(stmt, "priority", a->note->priority);
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    vd_bind_int(stmt, "held", a->note->held);
    err = vd_stmt_run(stmt, NULL, why);
    if (!err && is_new) {
        a->change.blobs++;
        outbox_change_bytes(&a->change, (int64_t)bytes);
    }
    return err;
}

static vd_err put_message(acceptance *a, vd_store *store, const char *digests, vd_why *why)
{
    const vd_outbox_note *note = a->note;
    vd_stmt *stmt = vd_store_stmt(store, "outbox_put");
    vd_bind_int(stmt, "seq", ++a->change.outbox->last_seq);
    vd_bind_text(stmt, "id", a->id.text);
    vd_bind_text(stmt, "kind", note->kind);
    vd_bind_text(stmt, "camera", note->camera);
    vd_bind_int(stmt, "priority", note->priority);
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    vd_bind_int(stmt, "bytes", (int64_t)note->body.len);
    vd_bind_text(stmt, "evidence", digests);
    vd_bind_blob(stmt, "body", note->body);
    vd_err err = vd_stmt_run(stmt, NULL, why);
    if (err) return err;
    a->change.messages++;
    a->change.accepted++;
    outbox_change_bytes(&a->change, (int64_t)note->body.len);
    return VD_OK;
}

static vd_err accept_job(vd_store *store, void *arg, vd_why *why)
{
    acceptance *a = arg;
    const vd_outbox_note *note = a->note;
    char digests[VD_EVENT_EVIDENCE_MAX * VD_SHA256_HEX + 1] = "";
    outbox_delete_doomed_job(a->change.outbox, store);
    vd_err err = outbox_drop_old_job(&a->change, store, why);
    if (!err) err = outbox_make_room_job(&a->change, store, bytes_needed(a), note->priority, why);
    for (unsigned i = 0; !err && i < note->file_count; i++) {
        memcpy(digests + (size_t)i * VD_SHA256_HEX, note->files[i].hex, VD_SHA256_HEX);
        err = need_blob(a, store, &note->files[i], why);
    }
    return err ? err : put_message(a, store, digests, why);
}

/* Files of a message that was not accepted are nobody's: they go, unless a row names them. */
static void forget_files(vd_outbox *outbox, const vd_outbox_note *note)
{
    for (unsigned i = 0; i < note->file_count; i++) {
        outbox_doomed *node = vd_calloc(1, sizeof *node);
        if (!node) continue;
        node->digest = note->files[i];
        pthread_mutex_lock(&outbox->lock);
        node->next = outbox->doomed;
        outbox->doomed = node;
        pthread_mutex_unlock(&outbox->lock);
    }
    if (note->file_count) outbox_post_tidy(outbox);
}

/* The loss of the message itself is part of what the hub is told. */
static void count_refused(vd_outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->stats.dropped_quota++;
    pthread_mutex_unlock(&outbox->lock);
}

vd_err vd_outbox_put(vd_outbox *outbox, const vd_outbox_note *note, vd_why *why)
{
    if (note->file_count > VD_EVENT_EVIDENCE_MAX)
        return vd_fail(why, VD_INVALID, "an event has more than %d evidence files",
                       VD_EVENT_EVIDENCE_MAX);
    if (note->body.len > VD_EVENT_JSON_MAX || strlen(note->kind) > VD_OUTBOX_KIND_MAX)
        return vd_fail(why, VD_INVALID, "a message has more than %d bytes", VD_EVENT_JSON_MAX);
    acceptance a = { .change.outbox = outbox, .note = note, .id = vd_ulid_new() };
    vd_err err = vd_committer_run(outbox->committer, accept_job, &a, why);
    outbox_change_apply(&a.change, err == VD_OK);
    if (err) {
        if (err == VD_FULL) count_refused(outbox);
        forget_files(outbox, note);
    }
    return err;
}

vd_err vd_outbox_accept(void *arg, const vd_event *event, vd_why *why)
{
    vd_outbox *outbox = arg;
    vd_digest files[VD_EVENT_EVIDENCE_MAX];
    vd_event_evidence evidence[VD_EVENT_EVIDENCE_MAX];
    vd_event told = *event;
    bool held = false;
    VD_AUTO(vd_buf) body = VD_BUF(VD_EVENT_JSON_MAX);
    if (event->evidence_count > VD_EVENT_EVIDENCE_MAX)
        return vd_fail(why, VD_INVALID, "an event has more than %d evidence files",
                       VD_EVENT_EVIDENCE_MAX);
    int severity = priority_of(event->severity);
    vd_err err =
        event->evidence_count ? outbox_is_held(outbox, event, severity, &held, why) : VD_OK;
    if (err) return err;
    for (unsigned i = 0; i < event->evidence_count; i++) {
        files[i] = event->evidence[i].digest;
        evidence[i] = event->evidence[i];
        evidence[i].held = held;
    }
    told.evidence = evidence;
    err = vd_event_write(&told, &body);
    if (err) return vd_fail(why, err, "the event does not fit into %d bytes", VD_EVENT_JSON_MAX);
    const vd_outbox_note note = { .kind = "event",
                                  .camera = event->camera,
                                  .priority = severity,
                                  .body = vd_buf_slice(&body),
                                  .files = files,
                                  .file_count = event->evidence_count,
                                  .held = held };
    return vd_outbox_put(outbox, &note, why);
}

void vd_outbox_wait(vd_outbox *outbox, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000l;
    if (until.tv_nsec >= 1000000000l) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000l;
    }
    pthread_mutex_lock(&outbox->lock);
    int rc = 0;
    while (outbox->news_seen == outbox->news_count && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&outbox->news, &outbox->lock, &until);
    outbox->news_seen = outbox->news_count;
    pthread_mutex_unlock(&outbox->lock);
}

void vd_outbox_wake(vd_outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->news_count++;
    pthread_cond_signal(&outbox->news);
    pthread_mutex_unlock(&outbox->lock);
}

static uint64_t oldest_age_ms(vd_outbox *outbox)
{
    int64_t seq, accepted_us = 0;
    pthread_mutex_lock(&outbox->read_lock);
    vd_err err = read_pair(outbox->reader, "outbox_oldest", &seq, &accepted_us, NULL);
    pthread_mutex_unlock(&outbox->read_lock);
    int64_t age_us = err ? 0 : vd_clock_utc_us() - accepted_us;
    return age_us > 0 ? (uint64_t)age_us / 1000 : 0;
}

static void count_held(vd_outbox *outbox, vd_outbox_stats *stats)
{
    int64_t count = 0, bytes = 0;
    pthread_mutex_lock(&outbox->read_lock);
    vd_err err = read_pair(outbox->reader, "outbox_blob_held", &count, &bytes, NULL);
    pthread_mutex_unlock(&outbox->read_lock);
    stats->held = err ? 0 : (uint64_t)count;
    stats->held_bytes = err ? 0 : (uint64_t)bytes;
}

void vd_outbox_get_stats(vd_outbox *outbox, vd_outbox_stats *ret_stats)
{
    uint64_t age_ms = oldest_age_ms(outbox);
    int64_t bytes = atomic_load(&outbox->live_bytes);
    pthread_mutex_lock(&outbox->lock);
    *ret_stats = outbox->stats;
    pthread_mutex_unlock(&outbox->lock);
    ret_stats->oldest_age_ms = age_ms;
    ret_stats->bytes = bytes > 0 ? (uint64_t)bytes : 0;
    count_held(outbox, ret_stats);
}
