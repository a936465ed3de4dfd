/* upload.c - evidence to the hub, one file at a time, after the event that names it.
 *
 *   HEAD ── 204 offset ──▶ PATCH chunk ── 204 ──▶ ... ── last chunk 204 ──▶ sent
 *    │ 404: the hub does not know the event yet      │ 409: it holds another amount, go on there
 *    │ Upload-Complete: sent already                 │ 422: what arrived is not the file, from 0
 *    └▶ later                                        └▶ anything else: later
 *
 * Only Upload-Complete ends it: a hub that holds every byte may have died before it looked at them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "device_priv.h"
#include "limits.h"
#include "vd/clock.h"

#define IDLE_MS       1000
#define LATER_US      5000000
#define LATER_LONG_US 60000000
#define CORRUPT_MAX   3
#define CONFLICTS_MAX 8
#define CHUNK_LEAST   16384

typedef struct {
    vd_device *d;
    https *h;
    vd_digest digest;
    char path[1024]; /* of the file */
    char url[128];
    uint64_t bytes;
    int fd;
    uint8_t *chunk; /* VD_LIMIT_EVIDENCE_CHUNK */
} upload;

typedef enum { UPLOAD_SENT, UPLOAD_LATER, UPLOAD_LATER_LONG, UPLOAD_NEXT } upload_step;

static upload_step not_now(const https_answer *answer)
{
    if (answer->status == 404 || answer->status == 0 || answer->status == 429) return UPLOAD_LATER;
    return UPLOAD_LATER_LONG;
}

static upload_step ask_offset(upload *u, uint64_t *ret_offset, vd_why *why)
{
    https_answer answer;

    https_call(u->h, "HEAD", u->url, NULL, VD_SLICE_NONE, &answer, why);
    if (answer.status != 204 && answer.status != 200) {
        if (answer.status) vd_fail(why, VD_RETRY, "the hub answers %ld to HEAD", answer.status);
        return not_now(&answer);
    }
    if (answer.complete) return UPLOAD_SENT;
    *ret_offset = answer.offset > 0 && (uint64_t)answer.offset < u->bytes ? answer.offset : 0;
    return UPLOAD_NEXT;
}

static bool read_chunk(upload *u, uint64_t offset, size_t want, vd_why *why)
{
    size_t have = 0;

    while (have < want) {
        ssize_t got = pread(u->fd, u->chunk + have, want - have, (off_t)(offset + have));
        if (got <= 0) {
            vd_fail_errno(why, "the evidence file is shorter than it was");
            return false;
        }
        have += (size_t)got;
    }
    return true;
}

/* At a limited rate a chunk is what may go in a second. */
static size_t chunk_max(const vd_device *d)
{
    if (!d->upload_bytes_s || d->upload_bytes_s > VD_LIMIT_EVIDENCE_CHUNK)
        return VD_LIMIT_EVIDENCE_CHUNK;
    return d->upload_bytes_s < CHUNK_LEAST ? CHUNK_LEAST : (size_t)d->upload_bytes_s;
}

/* Waits until `sent` bytes since began_us are within the rate. */
static void keep_rate(vd_device *d, int64_t began_us, uint64_t sent)
{
    if (!d->upload_bytes_s) return;
    int64_t due_us = began_us + (int64_t)(sent * 1000000 / d->upload_bytes_s);
    int64_t wait_us = due_us - vd_clock_mono_us();
    if (wait_us > 0) device_pause(d, (int)(wait_us / 1000) + 1);
}

static void send_chunk(upload *u, uint64_t offset, https_answer *answer, vd_why *why)
{
    char at[64], whole[64];
    const char *headers[] = { "Content-Type: application/octet-stream", at, whole, NULL };
    uint64_t left = u->bytes - offset;
    size_t most = chunk_max(u->d), len = left < most ? (size_t)left : most;

    memset(answer, 0, sizeof *answer);
    if (!read_chunk(u, offset, len, why)) return;
    snprintf(at, sizeof at, "Upload-Offset: %llu", (unsigned long long)offset);
    snprintf(whole, sizeof whole, "Upload-Length: %llu", (unsigned long long)u->bytes);
    https_call(u->h, "PATCH", u->url, headers, vd_slice_of(u->chunk, len), answer, why);
    if (answer->status == 204) answer->offset = (int64_t)(offset + len);
    if (answer->status > 204)
        vd_fail(why, VD_RETRY, "the hub answers %ld to PATCH: %s", answer->status, answer->body);
}

static upload_step send_all(upload *u, uint64_t offset, vd_why *why)
{
    unsigned corrupt = 0, conflicts = 0;

    do {
        https_answer answer;
        if (device_stopping(u->d)) return UPLOAD_LATER;
        int64_t began_us = vd_clock_mono_us();
        uint64_t left = u->bytes - offset, most = chunk_max(u->d);
        send_chunk(u, offset, &answer, why);
        keep_rate(u->d, began_us, left < most ? left : most);
        if (answer.status == 204 && answer.complete) return UPLOAD_SENT;
        if (answer.status == 204) {
            offset = (uint64_t)answer.offset;
        } else if (answer.status == 409 && answer.offset >= 0 && ++conflicts < CONFLICTS_MAX) {
            offset = (uint64_t)answer.offset;
        } else if (answer.status == 422 && ++corrupt < CORRUPT_MAX) {
            offset = 0;
        } else {
            return not_now(&answer);
        }
    } while (offset < u->bytes);
    vd_fail(why, VD_RETRY, "the hub holds every byte and does not call the file whole");
    return UPLOAD_LATER;
}

static upload_step send_file(upload *u, vd_why *why)
{
    uint64_t offset = 0;

    snprintf(u->url, sizeof u->url, "/device/v1/evidence/%s", u->digest.hex);
    upload_step step = ask_offset(u, &offset, why);
    if (step != UPLOAD_NEXT) return step;
    u->fd = open(u->path, O_RDONLY | O_CLOEXEC);
    if (u->fd < 0) {
        vd_fail_errno(why, "the evidence file cannot be read");
        return UPLOAD_LATER_LONG;
    }
    step = send_all(u, offset, why);
    close(u->fd);
    return step;
}

static void settle(upload *u, upload_step step, unsigned *failures, const vd_why *why)
{
    bool sent = step == UPLOAD_SENT;
    int64_t wait_us = step == UPLOAD_LATER ? LATER_US : LATER_LONG_US;
    char line[256];

    *failures = sent ? 0 : *failures + 1;
    pthread_mutex_lock(&u->d->lock);
    *(sent ? &u->d->status.blobs_sent : &u->d->status.blob_errors) += 1;
    pthread_mutex_unlock(&u->d->lock);
    vd_err err = sent ? vd_outbox_blob_sent(u->d->outbox, &u->digest)
                      : vd_outbox_blob_later(u->d->outbox, &u->digest, vd_clock_utc_us() + wait_us,
                                             vd_why_line(why, line, sizeof line));
    /* The outbox cannot write: the same file comes again, so wait instead of spinning. */
    if (err) device_pause(u->d, IDLE_MS);
}

void *upload_run(void *device)
{
    upload u = { .d = device, .h = https_new(device), .chunk = malloc(VD_LIMIT_EVIDENCE_CHUNK) };
    unsigned failures = 0;

    while (u.h && u.chunk && device_await_link(u.d)) {
        vd_why why = { 0 };
        if (vd_outbox_next_blob(u.d->outbox, &u.digest, u.path, sizeof u.path, &u.bytes)) {
            device_pause(u.d, IDLE_MS);
            continue;
        }
        settle(&u, send_file(&u, &why), &failures, &why);
        if (failures >= 3 && why.fact[0]) device_pause(u.d, backoff_ms(failures - 3));
    }
    https_free(u.h);
    free(u.chunk);
    return NULL;
}
