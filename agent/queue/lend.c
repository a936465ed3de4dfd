#include <stdlib.h>

#include "outbox_priv.h"
#include "vd/clock.h"
#include "vd/fault.h"

static vd_err read_message(vd_stmt *stmt, vd_outbox_message *ret_message)
{
    vd_slice body = vd_col_blob(stmt, 2);
    vd_outbox_message message = { .seq = vd_col_int(stmt, 0), .body_len = body.len };
    vd_slice_to_chars(vd_slice_str(vd_col_text(stmt, 1)), message.id, sizeof message.id);
    vd_slice_to_chars(vd_slice_str(vd_col_text(stmt, 3)), message.kind, sizeof message.kind);
    message.body = vd_calloc(1, body.len + 1);
    if (!message.body) return VD_FULL;
    if (body.len) memcpy(message.body, body.data, body.len);
    *ret_message = message;
    return VD_OK;
}

vd_err vd_outbox_next(vd_outbox *outbox, int64_t after_seq, vd_outbox_message *ret_message)
{
    if (outbox->max_age_us > 0 && vd_clock_mono_us() >= atomic_load(&outbox->next_tidy_us))
        outbox_post_tidy(outbox);
    pthread_mutex_lock(&outbox->read_lock);
    vd_stmt *stmt = vd_store_stmt(outbox->reader, "outbox_next");
    vd_bind_int(stmt, "after", after_seq);
    vd_err err = vd_stmt_row(stmt, NULL);
    if (!err) {
        err = read_message(stmt, ret_message);
        vd_stmt_finish(stmt);
    }
    pthread_mutex_unlock(&outbox->read_lock);
    return err;
}

typedef struct {
    outbox_change change;
    int64_t seq;
} confirmation;

static vd_err confirm_job(vd_store *store, void *arg, vd_why *why)
{
    confirmation *c = arg;
    bool was_there;
    outbox_delete_doomed_job(c->change.outbox, store);
    vd_err err = outbox_remove_job(&c->change, store, c->seq, true, &was_there, why);
    c->change.confirmed = !err && was_there;
    return err;
}

static void confirm_done(void *arg, vd_err err, const vd_why *why)
{
    (void)why; /* not confirmed: the message goes once more, and the hub knows it already */
    confirmation *c = arg;
    vd_outbox *outbox = c->change.outbox;
    outbox_change_apply(&c->change, err == VD_OK);
    free(c);
    vd_outbox_wake(outbox); /* evidence may have become ready */
}

vd_err vd_outbox_confirm(vd_outbox *outbox, int64_t seq)
{
    confirmation *c = vd_calloc(1, sizeof *c);
    if (!c) return VD_FULL;
    *c = (confirmation){ .change.outbox = outbox, .seq = seq };
    vd_err err = vd_committer_post(outbox->committer, confirm_job, confirm_done, c);
    if (err) free(c);
    return err;
}

typedef struct {
    outbox_change change;
    const vd_digest *digest;
    int64_t retry_us;
    const char *reason;
} blob_word;

static vd_err sent_job(vd_store *store, void *arg, vd_why *why)
{
    blob_word *word = arg;
    outbox_delete_doomed_job(word->change.outbox, store);
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_sent");
    vd_bind_text(stmt, "digest", word->digest->hex);
    vd_err err = vd_stmt_run(stmt, NULL, why);
    return err ? err : outbox_blob_tidy_job(&word->change, store, word->digest, why);
}

static vd_err later_job(vd_store *store, void *arg, vd_why *why)
{
    blob_word *word = arg;
    vd_stmt *stmt = vd_store_stmt(store, "outbox_blob_later");
    vd_bind_text(stmt, "digest", word->digest->hex);
    vd_bind_int(stmt, "retry", word->retry_us);
    vd_bind_text(stmt, "reason", word->reason);
    return vd_stmt_run(stmt, NULL, why);
}

/* A row whose file somebody took away: there is nothing to send. */
static vd_err gone_job(vd_store *store, void *arg, vd_why *why)
{
    blob_word *word = arg;
    vd_err err = sent_job(store, arg, why);
    word->change.lost_blobs += !err;
    return err;
}

static vd_err run_word(vd_outbox *outbox, vd_job_fn job, blob_word *word)
{
    word->change.outbox = outbox;
    vd_err err = vd_committer_run(outbox->committer, job, word, NULL);
    bool delete = word->change.doomed != NULL;
    outbox_change_apply(&word->change, err == VD_OK);
    if (!err && delete) outbox_post_tidy(outbox);
    return err;
}

static vd_err next_to_send(vd_outbox *outbox, vd_digest *ret_digest)
{
    pthread_mutex_lock(&outbox->read_lock);
    vd_stmt *stmt = vd_store_stmt(outbox->reader, "outbox_blob_next");
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    vd_bind_int(stmt, "least", outbox_least_now(outbox));
    vd_err err = vd_stmt_row(stmt, NULL);
    if (!err) {
        bool good = vd_digest_parse(vd_slice_str(vd_col_text(stmt, 0)), ret_digest);
        if (!good) err = VD_CORRUPT;
        vd_stmt_finish(stmt);
    }
    pthread_mutex_unlock(&outbox->read_lock);
    return err;
}

vd_err vd_outbox_next_blob(vd_outbox *outbox, vd_digest *ret_digest, char *ret_path, size_t room,
                           uint64_t *ret_bytes)
{
    for (;;) {
        vd_digest digest;
        vd_err err = next_to_send(outbox, &digest);
        if (err) return err;
        err = vd_blobs_path(outbox->blobs, &digest, ret_path, room, ret_bytes);
        if (!err) *ret_digest = digest;
        if (err != VD_ABSENT) return err;
        blob_word word = { .digest = &digest };
        err = run_word(outbox, gone_job, &word);
        if (err) return err;
    }
}

vd_err vd_outbox_blob_sent(vd_outbox *outbox, const vd_digest *digest)
{
    blob_word word = { .digest = digest };
    return run_word(outbox, sent_job, &word);
}

vd_err vd_outbox_blob_later(vd_outbox *outbox, const vd_digest *digest, int64_t retry_utc_us,
                            const char *reason)
{
    blob_word word = { .digest = digest, .retry_us = retry_utc_us, .reason = reason };
    return run_word(outbox, later_job, &word);
}
