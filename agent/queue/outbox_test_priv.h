/* outbox_test_priv.h - a desk: an outbox in a folder of its own, and what tests ask of it. */
#ifndef VD_OUTBOX_TEST_PRIV_H
#define VD_OUTBOX_TEST_PRIV_H
#include "outbox.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/test.h"

typedef struct {
    char dir[64];
    vd_outbox *outbox;
    vd_outbox_config config;
} desk;

static inline int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline void desk_open(desk *d)
{
    vd_why why = { 0 };
    d->config.dir = d->dir;
    if (vd_outbox_open(&d->config, &d->outbox, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

static inline void desk_reopen(desk *d)
{
    d->outbox = vd_outbox_free(d->outbox); /* finishes what was posted */
    desk_open(d);
}

static inline void desk_new(desk *d, uint64_t quota_bytes, int64_t max_age_ms)
{
    *d = (desk){ .dir = "/tmp/vedette-outbox-XXXXXX",
                 .config = { .quota_bytes = quota_bytes, .max_age_ms = max_age_ms } };
    expect_true(mkdtemp(d->dir) != NULL);
    desk_open(d);
}

static inline void desk_done(desk *d)
{
    d->outbox = vd_outbox_free(d->outbox);
    nftw(d->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(desk, desk_done)

static inline vd_event event_of(const char *camera, const char *severity, uint64_t track)
{
    vd_event event = { .id = vd_ulid_new(),
                       .revision = 1,
                       .phase = "start",
                       .device = "dev",
                       .camera = camera,
                       .kind = "zone",
                       .severity = severity,
                       .rule_id = "rule",
                       .rule_version = "0123456789abcdef",
                       .zone = "gate",
                       .start_utc_us = 1700000000000000,
                       .update_utc_us = 1700000001000000,
                       .time_source = "file",
                       .track = track,
                       .score = 0.5,
                       .class_name = "person",
                       .model_name = "stub" };
    memset(event.model_digest.hex, 'a', VD_SHA256_HEX);
    return event;
}

static inline vd_event_evidence put_blob(vd_outbox *outbox, const char *text)
{
    vd_event_evidence evidence = { .kind = "snapshot",
                                   .bytes = strlen(text),
                                   .content_type = "image/jpeg",
                                   .start_utc_us = 1700000000000000,
                                   .end_utc_us = 1700000000000000,
                                   .width_px = 1,
                                   .height_px = 1 };
    expect_ok(vd_blobs_put(vd_outbox_blobs(outbox), vd_slice_str(text), &evidence.digest, NULL));
    return evidence;
}

static inline void accept(desk *d, const vd_event *event)
{
    vd_why why = { 0 };
    if (vd_outbox_accept(d->outbox, event, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

/* The event's track in the waiting message behind *seq, which moves on; 0: none. */
static inline uint64_t next_track(desk *d, int64_t *seq)
{
    vd_outbox_message message;
    if (vd_outbox_next(d->outbox, *seq, &message) != VD_OK) return 0;
    VD_AUTO(vd_json_ptr) root = NULL;
    expect_ok(vd_json_parse(vd_slice_of(message.body, message.body_len), VD_EVENT_JSON_MAX, 16,
                            &root, NULL));
    expect_true(message.seq > *seq);
    expect_u64(strlen(message.id), VD_ULID_LEN);
    *seq = message.seq;
    free(message.body);
    return (uint64_t)vd_json_int(vd_json_get(root, "track"), 0);
}

static inline vd_outbox_stats stats_of(desk *d)
{
    vd_outbox_stats stats;
    vd_outbox_get_stats(d->outbox, &stats);
    return stats;
}

static inline bool blob_is_here(desk *d, const vd_digest *digest)
{
    char path[4096];
    return vd_blobs_path(vd_outbox_blobs(d->outbox), digest, path, sizeof path, NULL) == VD_OK;
}

static inline bool blob_to_send(desk *d, vd_digest *ret_digest)
{
    char path[4096];
    uint64_t bytes;
    vd_err err = vd_outbox_next_blob(d->outbox, ret_digest, path, sizeof path, &bytes);
    expect_true(err == VD_OK || err == VD_ABSENT);
    return err == VD_OK;
}

static inline uint64_t message_bytes(void)
{
    VD_AUTO(vd_buf) body = VD_BUF(VD_EVENT_JSON_MAX);
    vd_event event = event_of("yard-1", "info", 1);
    expect_ok(vd_event_write(&event, &body));
    return body.len;
}
#endif
