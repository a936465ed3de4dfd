/* outbox_priv.h - what the outbox's files share.
 *
 *   outbox.c   opening, accepting, waiting, figures
 *   lend.c     the sender's side: messages and evidence out, confirmed, gone
 *   policy.c   which evidence goes by itself, which is held and asked for
 *   keep.c     the loss policy (quota, age) and the sweep of files that nothing names
 *
 * Functions named *_job run inside a committer's job, one at a time. What a job means
 * for memory (figures, files to delete) is collected in an outbox_change and applied after the
 * commit, so a rolled-back job leaves no trace there either. */
#ifndef VD_OUTBOX_PRIV_H
#define VD_OUTBOX_PRIV_H
#include <pthread.h>
#include <stdatomic.h>

#include "outbox.h"
#include "vd/store.h"

#define OUTBOX_PATH_ROOM 4096
#define HELD_PRIORITY    (VD_OUTBOX_LEAST - 1) /* held evidence is lost before all else */

typedef struct outbox_doomed {
    struct outbox_doomed *next;
    vd_digest digest;
} outbox_doomed;

struct vd_outbox {
    uint64_t quota_bytes;
    int64_t max_age_us;
    vd_outbox_policy upload;
    vd_blobs *blobs;
    char blob_dir[OUTBOX_PATH_ROOM];
    vd_committer *committer;
    pthread_mutex_t read_lock; /* guards `reader` */
    vd_store *reader;
    int64_t last_seq;             /* jobs only */
    _Atomic int64_t live_bytes;   /* with the jobs of the commit under way */
    _Atomic int64_t next_tidy_us; /* monotonic */
    pthread_mutex_t lock;         /* guards what follows */
    pthread_cond_t news;
    uint64_t news_count, news_seen;
    vd_outbox_stats stats;
    outbox_doomed *doomed; /* files whose row is gone, for the next job to delete */
};

typedef struct {
    vd_outbox *outbox;
    int64_t messages, blobs, bytes; /* added or, below 0, taken away */
    uint64_t accepted, confirmed, lost_quota, lost_age, lost_blobs;
    outbox_doomed *doomed;
} outbox_change;

/* Whether an event's evidence is held, by the policy. Counts it against the budget when it goes. */
VD_MUST_USE vd_err outbox_is_held(vd_outbox *outbox, const vd_event *event, int severity,
                                  bool *ret_held, vd_why *why);
/* The least priority that may be sent now: quiet hours let only what always goes through. */
int outbox_least_now(const vd_outbox *outbox);
/* Deletes the row of a blob that nothing needs any more, and notes its file. */
VD_MUST_USE vd_err outbox_blob_tidy_job(outbox_change *change, vd_store *store,
                                        const vd_digest *digest, vd_why *why);
/* Takes a message out; `named`: the hub has it, so its evidence may go there. */
VD_MUST_USE vd_err outbox_remove_job(outbox_change *change, vd_store *store, int64_t seq,
                                     bool named, bool *ret_was_there, vd_why *why);
/* Makes room for `bytes` more of this priority; VD_FULL when only more important things are left.
 */
VD_MUST_USE vd_err outbox_make_room_job(outbox_change *change, vd_store *store, uint64_t bytes,
                                        int priority, vd_why *why);
/* Loses what is too old, when it is time to look. */
VD_MUST_USE vd_err outbox_drop_old_job(outbox_change *change, vd_store *store, vd_why *why);
/* Deletes the files whose rows are gone and did not come back. First in each job. */
void outbox_delete_doomed_job(vd_outbox *outbox, vd_store *store);
/* A job of its own for the above. */
void outbox_post_tidy(vd_outbox *outbox);
void outbox_change_bytes(outbox_change *change, int64_t bytes);
/* After the commit (kept), or after a job or its commit failed. */
void outbox_change_apply(outbox_change *change, bool kept);
#endif
