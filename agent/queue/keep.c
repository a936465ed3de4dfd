#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "outbox_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"

#define TIDY_EACH_US 1000000
#define LOST_AT_ONCE 256 /* old things lost in one job: keeps a commit short */

void outbox_change_bytes(outbox_change *change, int64_t bytes)
{
    change->bytes += bytes;
    atomic_fetch_add(&change->outbox->live_bytes, bytes);
}

static outbox_doomed *doomed_free(outbox_doomed *list)
{
    while (list) {
        outbox_doomed *next = list->next;
        free(list);
        list = next;
    }
    return NULL;
}

static void doomed_append(outbox_doomed **list, outbox_doomed *more)
{
    while (*list) list = &(*list)->next;
    *list = more;
}

void outbox_change_apply(outbox_change *change, bool kept)
{
    vd_outbox *outbox = change->outbox;
    if (!kept) {
        atomic_fetch_sub(&outbox->live_bytes, change->bytes);
        change->doomed = doomed_free(change->doomed);
        return;
    }
    pthread_mutex_lock(&outbox->lock);
    vd_outbox_stats *stats = &outbox->stats;
    stats->waiting += (uint64_t)change->messages;
    stats->waiting_blobs += (uint64_t)change->blobs;
    stats->accepted += change->accepted;
    stats->confirmed += change->confirmed;
    stats->dropped_quota += change->lost_quota;
    stats->dropped_age += change->lost_age;
    stats->dropped_blobs += change->lost_blobs;
    if (change->accepted) {
        outbox->news_count++;
        pthread_cond_signal(&outbox->news);
    }
    if (change->doomed) doomed_append(&outbox->doomed, change->doomed);
    change->doomed = NULL;
    pthread_mutex_unlock(&outbox->lock);
}

/* Without memory the file stays until the sweep at the next start. */
static void doom(outbox_change *change, const vd_digest *digest)
{
    outbox_doomed *node = vd_calloc(1, sizeof *node);
    if (!node) return;
    *node = (outbox_doomed){ change->doomed, *digest };
    change->doomed = node;
}

static vd_err blob_bytes(vd_store *store, const vd_digest *digest, int64_t *ret_bytes, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_known");
    vd_bind_text(stmt, "digest", digest->hex);
    vd_err err = vd_stmt_row(stmt, why);
    if (!err) *ret_bytes = vd_col_int(stmt, 0);
    vd_stmt_finish(stmt);
    return err;
}

void outbox_delete_doomed_job(vd_outbox *outbox, vd_store *store)
{
    pthread_mutex_lock(&outbox->lock);
    outbox_doomed *list = outbox->doomed;
    outbox->doomed = NULL;
    pthread_mutex_unlock(&outbox->lock);
    for (const outbox_doomed *d = list; d; d = d->next) {
        int64_t bytes;
        if (blob_bytes(store, &d->digest, &bytes, NULL) != VD_ABSENT) continue; /* needed again */
        vd_err err = vd_blobs_delete(outbox->blobs, &d->digest, NULL);
        (void)err; /* what cannot be deleted now is swept at the next start */
    }
    doomed_free(list);
}

/* Deletes a blob's row with one of the two guarded statements. */
static vd_err drop_blob(outbox_change *change, vd_store *store, const char *statement,
                        const vd_digest *digest, bool *ret_gone, vd_why *why)
{
    int64_t bytes = 0;
    uint64_t rows = 0;
    vd_err err = blob_bytes(store, digest, &bytes, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    vd_stmt *stmt = vd_store_stmt(store, statement);
    vd_bind_text(stmt, "digest", digest->hex);
    err = vd_stmt_run(stmt, &rows, why);
    if (err || rows == 0) return err;
    change->blobs--;
    outbox_change_bytes(change, -bytes);
    doom(change, digest);
    if (ret_gone) *ret_gone = true;
    return VD_OK;
}

vd_err outbox_blob_tidy_job(outbox_change *change, vd_store *store, const vd_digest *digest,
                            vd_why *why)
{
    return drop_blob(change, store, "outbox_blob_drop_useless", digest, NULL, why);
}

static vd_err release_blobs(outbox_change *change, vd_store *store, vd_slice digests, bool named,
                            vd_why *why)
{
    for (size_t at = 0; at + VD_SHA256_HEX <= digests.len; at += VD_SHA256_HEX) {
        vd_digest digest;
        if (!vd_digest_parse(vd_slice_of(digests.data + at, VD_SHA256_HEX), &digest)) continue;
        vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_release");
        vd_bind_text(stmt, "digest", digest.hex);
        vd_bind_int(stmt, "named", named);
        vd_err err = vd_stmt_run(stmt, NULL, why);
        if (!err) err = outbox_blob_tidy_job(change, store, &digest, why);
        if (err) return err;
    }
    return VD_OK;
}

vd_err outbox_remove_job(outbox_change *change, vd_store *store, int64_t seq, bool named,
                         bool *ret_was_there, vd_why *why)
{
    char digests[VD_EVENT_EVIDENCE_MAX * VD_SHA256_HEX + 1] = "";
    *ret_was_there = false;
    vd_stmt *get = vd_store_stmt(store, "outbox_get");
    vd_bind_int(get, "seq", seq);
    vd_err err = vd_stmt_row(get, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    int64_t bytes = vd_col_int(get, 0);
    vd_slice_to_chars(vd_slice_str(vd_col_text(get, 1)), digests, sizeof digests);
    vd_stmt_finish(get);
    vd_stmt *remove = vd_store_stmt(store, "outbox_remove");
    vd_bind_int(remove, "seq", seq);
    err = vd_stmt_run(remove, NULL, why);
    if (!err) err = release_blobs(change, store, vd_slice_str(digests), named, why);
    if (err) return err;
    change->messages--;
    outbox_change_bytes(change, -bytes);
    *ret_was_there = true;
    return VD_OK;
}

static vd_err count(vd_store *store, const char *name, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_count_add");
    vd_bind_text(stmt, "name", name);
    vd_bind_int(stmt, "value", 1);
    return vd_stmt_run(stmt, NULL, why);
}

static vd_err lose_message(outbox_change *change, vd_store *store, int64_t seq, bool for_age,
                           vd_why *why)
{
    bool was_there;
    vd_err err = outbox_remove_job(change, store, seq, false, &was_there, why);
    if (!err && was_there) {
        *(for_age ? &change->lost_age : &change->lost_quota) += 1;
        err = count(store, for_age ? "dropped_age" : "dropped_quota", why);
    }
    return err;
}

static vd_err lose_blob(outbox_change *change, vd_store *store, const vd_digest *digest,
                        vd_why *why)
{
    bool gone = false;
    vd_err err = drop_blob(change, store, "outbox_blob_drop", digest, &gone, why);
    if (!err && gone) {
        change->lost_blobs++;
        err = count(store, "dropped_blobs", why);
    }
    return err;
}

/* A victim: its number or digest, and its priority; VD_ABSENT when there is none. */
static vd_err least_message(vd_store *store, int64_t *ret_seq, int *ret_priority, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_least");
    vd_err err = vd_stmt_row(stmt, why);
    if (err) return err;
    *ret_seq = vd_col_int(stmt, 0);
    *ret_priority = (int)vd_col_int(stmt, 1);
    vd_stmt_finish(stmt);
    return VD_OK;
}

static vd_err least_blob(vd_store *store, vd_digest *ret_digest, int *ret_priority, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_least");
    vd_bind_int(stmt, "held_priority", HELD_PRIORITY);
    vd_err err = vd_stmt_row(stmt, why);
    if (err) return err;
    bool good = vd_digest_parse(vd_slice_str(vd_col_text(stmt, 0)), ret_digest);
    *ret_priority = (int)vd_col_int(stmt, 2);
    vd_stmt_finish(stmt);
    return good ? VD_OK : vd_fail(why, VD_CORRUPT, "the outbox holds a name that is no digest");
}

/* The hub has those events already: their evidence goes before events that nobody has heard of. */
static vd_err lose_one(outbox_change *change, vd_store *store, int priority, vd_why *why)
{
    int64_t seq = 0;
    vd_digest digest;
    int message_priority = INT32_MAX, blob_priority = INT32_MAX;
    vd_err err = least_message(store, &seq, &message_priority, why);
    if (err && err != VD_ABSENT) return err;
    err = least_blob(store, &digest, &blob_priority, why);
    if (err && err != VD_ABSENT) return err;
    int least = message_priority < blob_priority ? message_priority : blob_priority;
    if (least > priority) {
        err = vd_fail(why, VD_FULL, "the outbox is full of more important events");
        vd_why_hint(why, "raise the outbox's quota, or let the agent reach its hub");
        return err;
    }
    if (blob_priority == least) return lose_blob(change, store, &digest, why);
    return lose_message(change, store, seq, false, why);
}

vd_err outbox_make_room_job(outbox_change *change, vd_store *store, uint64_t bytes, int priority,
                            vd_why *why)
{
    vd_outbox *outbox = change->outbox;
    if (bytes > outbox->quota_bytes)
        return vd_fail(why, VD_FULL, "the event is larger than the outbox's quota");
    while (atomic_load(&outbox->live_bytes) > (int64_t)(outbox->quota_bytes - bytes)) {
        vd_err err = lose_one(change, store, priority, why);
        if (err) return err;
    }
    return VD_OK;
}

static vd_err drop_old_messages(outbox_change *change, vd_store *store, int64_t before_us,
                                vd_why *why)
{
    for (int lost = 0; lost < LOST_AT_ONCE; lost++) {
        vd_stmt *stmt = vd_store_stmt(store, "outbox_oldest");
        vd_err err = vd_stmt_row(stmt, why);
        if (err) return err == VD_ABSENT ? VD_OK : err;
        int64_t seq = vd_col_int(stmt, 0), accepted_us = vd_col_int(stmt, 1);
        vd_stmt_finish(stmt);
        if (accepted_us >= before_us) return VD_OK;
        err = lose_message(change, store, seq, true, why);
        if (err) return err;
    }
    return VD_OK;
}

static vd_err drop_old_blobs(outbox_change *change, vd_store *store, int64_t before_us, vd_why *why)
{
    for (int lost = 0; lost < LOST_AT_ONCE; lost++) {
        vd_digest digest;
        vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_old");
        vd_bind_int(stmt, "before", before_us);
        vd_err err = vd_stmt_row(stmt, why);
        if (err) return err == VD_ABSENT ? VD_OK : err;
        bool good = vd_digest_parse(vd_slice_str(vd_col_text(stmt, 0)), &digest);
        vd_stmt_finish(stmt);
        if (!good) return vd_fail(why, VD_CORRUPT, "the outbox holds a name that is no digest");
        err = lose_blob(change, store, &digest, why);
        if (err) return err;
    }
    return VD_OK;
}

vd_err outbox_drop_old_job(outbox_change *change, vd_store *store, vd_why *why)
{
    vd_outbox *outbox = change->outbox;
    int64_t now_us = vd_clock_mono_us();
    if (outbox->max_age_us <= 0 || now_us < atomic_load(&outbox->next_tidy_us)) return VD_OK;
    atomic_store(&outbox->next_tidy_us, now_us + TIDY_EACH_US);
    int64_t before_us = vd_clock_utc_us() - outbox->max_age_us;
    vd_err err = drop_old_messages(change, store, before_us, why);
    return err ? err : drop_old_blobs(change, store, before_us, why);
}

static vd_err tidy_job(vd_store *store, void *arg, vd_why *why)
{
    outbox_change *change = arg;
    outbox_delete_doomed_job(change->outbox, store);
    return outbox_drop_old_job(change, store, why);
}

static void tidy_done(void *arg, vd_err err, const vd_why *why)
{
    (void)why; /* housekeeping comes round again */
    outbox_change_apply(arg, err == VD_OK);
    free(arg);
}

void outbox_post_tidy(vd_outbox *outbox)
{
    outbox_change *change = vd_calloc(1, sizeof *change);
    if (!change) return;
    change->outbox = outbox;
    if (vd_committer_post(outbox->committer, tidy_job, tidy_done, change) != VD_OK) free(change);
}

/* One shelf of the blob folder: ROOT/ab. Files being written there end in something else than a
 * digest and are left alone. */
static vd_err sweep_shelf(vd_outbox *outbox, vd_store *store, const char *shelf, vd_why *why)
{
    DIR *dir = opendir(shelf);
    if (!dir) return VD_OK;
    vd_err err = VD_OK;
    for (struct dirent *entry; !err && (entry = readdir(dir));) {
        vd_digest digest;
        int64_t bytes;
        if (!vd_digest_parse(vd_slice_str(entry->d_name), &digest)) continue;
        err = blob_bytes(store, &digest, &bytes, why);
        if (err == VD_ABSENT) err = vd_blobs_delete(outbox->blobs, &digest, why);
    }
    closedir(dir);
    return err;
}

static vd_err sweep_job(vd_store *store, void *arg, vd_why *why)
{
    vd_outbox *outbox = arg;
    for (unsigned shelf = 0; shelf < 256; shelf++) {
        char path[OUTBOX_PATH_ROOM + 4];
        snprintf(path, sizeof path, "%s/%02x", outbox->blob_dir, shelf);
        vd_err err = sweep_shelf(outbox, store, path, why);
        if (err) return err;
    }
    return VD_OK;
}

vd_err vd_outbox_sweep(vd_outbox *outbox, vd_why *why)
{
    return vd_committer_run(outbox->committer, sweep_job, outbox, why);
}
