/* outbox.h - the durable queue: an event stays until the hub names it.
 *
 * SQLite, WAL, synchronous=FULL, group commit (vd_committer). Order is kept per camera. Evidence
 * blobs follow their event and are deleted here once the hub has them whole and no waiting message
 * needs them. Loss policy when the disk quota is reached: lowest priority first, then oldest; each
 * drop is counted by reason and told to the hub. Any thread may call. */
#ifndef VD_OUTBOX_H
#define VD_OUTBOX_H
#include "events.h"

/* Which evidence goes to the hub by itself. Events always go; evidence that does not is held: it
 * stays here, is the first to go when the quota is reached, and goes when it is asked for. Zeros:
 * everything goes. */
typedef struct {
    int always;                  /* from this severity on everything below is passed over */
    int severity_min;            /* evidence of less severe events is held */
    double score_min, score_max; /* and of events outside this band; both 0: none */
    unsigned per_hour, per_day;  /* and of events beyond so many; 0: no limit */
    int quiet_from_min,
        quiet_to_min; /* minutes of the local day in which evidence waits; equal: none
                       */
} vd_outbox_policy;

typedef struct {
    const char *dir;      /* outbox.db and blobs/ live here */
    uint64_t quota_bytes; /* messages and evidence; 0: none */
    int64_t max_age_ms;   /* 0: none */
    vd_outbox_policy upload;
} vd_outbox_config;

typedef struct vd_outbox vd_outbox;
VD_MUST_USE vd_err vd_outbox_open(const vd_outbox_config *config, vd_outbox **ret_outbox,
                                  vd_why *why);
/* Deletes files that nothing names any more, such as those a killed run had just written. Call it
 * at start, after events of that run were ended (they may name such a file) and before new ones. */
VD_MUST_USE vd_err vd_outbox_sweep(vd_outbox *outbox, vd_why *why);
vd_outbox *vd_outbox_free(vd_outbox *outbox);
vd_blobs *vd_outbox_blobs(vd_outbox *outbox);
/* Returns after the commit. The shape of vd_events_sink.accept. The event's evidence must lie in
 * vd_outbox_blobs; a file that is not there counts as sent before. VD_FULL (quota with nothing less
 * important to lose, or the disk): nothing is kept, and evidence that no other message needs is
 * deleted. */
VD_MUST_USE vd_err vd_outbox_accept(void *outbox, const vd_event *event, vd_why *why);

/* A message that is no event, with the same promise: it stays until the hub names it, or the loss
 * policy drops it. */
#define VD_OUTBOX_KIND_MAX 16
#define VD_OUTBOX_LEAST    (-1) /* lost before any event; events have 0 (info) to 4 (critical) */
typedef struct {
    const char *kind; /* property `type`: "sample", "sketch" */
    const char *camera;
    int priority;
    vd_slice body;          /* JSON, at most VD_EVENT_JSON_MAX */
    const vd_digest *files; /* in vd_outbox_blobs, sent once the hub has the message */
    unsigned file_count;    /* at most VD_EVENT_EVIDENCE_MAX */
    bool held;              /* the files stay here until they are asked for */
} vd_outbox_note;
/* Returns after the commit; errors as above. Any thread. */
VD_MUST_USE vd_err vd_outbox_put(vd_outbox *outbox, const vd_outbox_note *note, vd_why *why);

/* The sender's side, for one thread. Messages are lent out in the order they were accepted; one
 * stays on disk until confirmed. */
typedef struct {
    int64_t seq;
    char id[VD_ULID_LEN + 1];          /* message id: "$.mid" */
    char kind[VD_OUTBOX_KIND_MAX + 1]; /* "event", or a note's */
    char *body;                        /* JSON, owned by the caller: free() */
    size_t body_len;
} vd_outbox_message;
/* The next message with seq > after_seq. VD_ABSENT: none. */
VD_MUST_USE vd_err vd_outbox_next(vd_outbox *outbox, int64_t after_seq,
                                  vd_outbox_message *ret_message);
VD_MUST_USE vd_err vd_outbox_confirm(
    vd_outbox *outbox, int64_t seq); /* the hub has named it; does not wait for the disk: a
                                        confirmation lost in a crash only sends it once more */
/* The hub asks for a file that is held: it goes next, also in quiet hours. VD_ABSENT: it is not
 * here (any more). Any thread. */
VD_MUST_USE vd_err vd_outbox_ask(vd_outbox *outbox, const vd_digest *digest, vd_why *why);
/* Blobs whose event the hub has and that are to go. VD_ABSENT: none (now). */
VD_MUST_USE vd_err vd_outbox_next_blob(vd_outbox *outbox, vd_digest *ret_digest, char *ret_path,
                                       size_t room, uint64_t *ret_bytes);
VD_MUST_USE vd_err vd_outbox_blob_sent(vd_outbox *outbox, const vd_digest *digest);
/* Puts it behind the others until after retry_utc_us. */
VD_MUST_USE vd_err vd_outbox_blob_later(vd_outbox *outbox, const vd_digest *digest,
                                        int64_t retry_utc_us, const char *reason);
/* Waits until something new was accepted or timeout_ms passes; vd_outbox_wake ends the wait. */
void vd_outbox_wait(vd_outbox *outbox, int timeout_ms);
void vd_outbox_wake(vd_outbox *outbox);

typedef struct {
    uint64_t waiting, waiting_blobs, bytes, oldest_age_ms; /* bytes: messages and evidence */
    /* Lost since the outbox was made, kept over restarts: messages by reason, and evidence files of
     * events that the hub has already. Refused events count as dropped_quota since the start. */
    uint64_t dropped_quota, dropped_age, dropped_blobs;
    uint64_t accepted, confirmed; /* since the start */
    uint64_t held, held_bytes;    /* evidence that waits to be asked for */
} vd_outbox_stats;
void vd_outbox_get_stats(vd_outbox *outbox, vd_outbox_stats *ret_stats);
#endif
