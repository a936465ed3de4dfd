/* live.c - changes after their commit, to every stream.
 *
 * A ring of the last changes with rising numbers; each stream has its own place in it, so a slow
 * one costs nothing and is cut off when the ring has passed it. Changes announced inside a commit
 * job wait in `later` until the live thread has seen an empty job of its own go through the
 * committer: what was posted before it is on disk then (or rolled back: telling too much does no
 * harm, the page asks again). */
#include "api_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vd/clock.h"
#include "vd/log.h"

typedef struct {
    vd_live_type type;
    char id[VD_LIMIT_NAME_BYTES + 1];
    uint64_t version;
} change;

#define LATER_MAX 256
#define ALIVE_US  5000000ll

struct vd_live {
    vd_committer *committer;
    void (*after_commit)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news; /* the ring grew, or closing */
    pthread_cond_t work; /* later grew, or ending */
    change ring[VD_LIVE_RING];
    uint64_t next; /* number of the change to come */
    change later[LATER_MAX];
    unsigned later_count;
    bool later_lost, closing, ending;
    unsigned streams;
};

struct stream {
    vd_live *live;
    uint64_t at;
    int64_t alive_us; /* when it last heard a comment; 0: it has not been greeted */
};

static const char *const type_words[] = { "incident", "camera", "device",  "delivery", "pool",
                                          "run",      "model",  "rollout", "watch" };

static void tell_locked(vd_live *live, const change *c)
{
    live->ring[live->next++ % VD_LIVE_RING] = *c;
    pthread_cond_broadcast(&live->news);
}

static change change_of(vd_live_type type, const char *id, uint64_t version)
{
    change c = { .type = type, .version = version };
    vd_slice_to_chars(vd_slice_str(id), c.id, sizeof c.id);
    return c;
}

void vd_live_tell(vd_live *live, vd_live_type type, const char *id, uint64_t version)
{
    change c = change_of(type, id, version);
    pthread_mutex_lock(&live->lock);
    tell_locked(live, &c);
    pthread_mutex_unlock(&live->lock);
}

void vd_live_tell_later(vd_live *live, vd_live_type type, const char *id, uint64_t version)
{
    change c = change_of(type, id, version);
    unsigned n = 0;
    pthread_mutex_lock(&live->lock);
    while (n < live->later_count &&
           (live->later[n].type != type || strcmp(live->later[n].id, c.id) != 0))
        n++;
    if (n < LATER_MAX)
        live->later[n] = c;
    else
        live->later_lost = true;
    if (n == live->later_count && n < LATER_MAX) live->later_count++;
    pthread_cond_signal(&live->work);
    pthread_mutex_unlock(&live->lock);
}

static vd_err nothing(vd_store *store, void *arg, vd_why *why)
{
    (void)store;
    (void)arg;
    (void)why;
    return VD_OK;
}

static void publish(vd_live *live, const change *list, unsigned count, bool lost)
{
    vd_why why = { 0 };
    vd_err err = vd_committer_run(live->committer, nothing, NULL, &why);
    if (err && err != VD_GONE)
        vd_log_why(VD_LOG_WARN, "live.commit", "changes are told without knowing their commit",
                   &why, NULL);
    pthread_mutex_lock(&live->lock);
    for (unsigned n = 0; n < count; n++) tell_locked(live, &list[n]);
    if (lost) live->next += VD_LIVE_RING + 1; /* a gap: every stream is cut off and asks again */
    pthread_mutex_unlock(&live->lock);
    if (live->after_commit) live->after_commit(live->arg);
}

static void *work(void *arg)
{
    vd_live *live = arg;
    change list[LATER_MAX];
    for (;;) {
        pthread_mutex_lock(&live->lock);
        while (!live->ending && !live->later_count) pthread_cond_wait(&live->work, &live->lock);
        bool ending = live->ending, lost = live->later_lost;
        unsigned count = live->later_count;
        memcpy(list, live->later, count * sizeof *list);
        live->later_count = 0;
        live->later_lost = false;
        pthread_mutex_unlock(&live->lock);
        if (ending) return NULL;
        publish(live, list, count, lost);
    }
}

vd_err vd_live_new(vd_committer *committer, void (*after_commit)(void *arg), void *arg,
                   vd_live **ret_live, vd_why *why)
{
    vd_live *live = calloc(1, sizeof *live);
    if (!live) return vd_fail(why, VD_FULL, "no memory");
    live->committer = committer;
    live->after_commit = after_commit;
    live->arg = arg;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->news, &attr);
    pthread_cond_init(&live->work, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&live->thread, NULL, work, live) != 0) {
        free(live);
        return vd_fail(why, VD_FULL, "the live thread cannot start");
    }
    *ret_live = live;
    return VD_OK;
}

void vd_live_close(vd_live *live)
{
    if (!live) return;
    pthread_mutex_lock(&live->lock);
    live->closing = true;
    pthread_cond_broadcast(&live->news);
    pthread_mutex_unlock(&live->lock);
}

vd_live *vd_live_free(vd_live *live)
{
    if (!live) return NULL;
    pthread_mutex_lock(&live->lock);
    live->ending = true;
    pthread_cond_signal(&live->work);
    pthread_mutex_unlock(&live->lock);
    pthread_join(live->thread, NULL);
    pthread_cond_destroy(&live->news);
    pthread_cond_destroy(&live->work);
    pthread_mutex_destroy(&live->lock);
    free(live);
    return NULL;
}

vd_err stream_open(vd_live *live, stream **ret_stream)
{
    stream *s = calloc(1, sizeof *s);
    if (!s) return VD_FULL;
    pthread_mutex_lock(&live->lock);
    vd_err err = live->closing ? VD_GONE : live->streams >= VD_LIVE_STREAMS ? VD_FULL : VD_OK;
    if (!err) live->streams++;
    s->live = live;
    s->at = live->next;
    pthread_mutex_unlock(&live->lock);
    if (err)
        free(s);
    else
        *ret_stream = s;
    return err;
}

/* Waits for the next change until the next comment is due: VD_OK, VD_RETRY (nothing), VD_GONE
 * (closing or cut off). */
static vd_err next_change(stream *s, change *ret_change)
{
    int64_t due_us = s->alive_us + ALIVE_US;
    struct timespec until = { .tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000 };
    vd_live *live = s->live;
    vd_err err = VD_OK;
    if (vd_clock_mono_us() >= due_us) return VD_RETRY;
    pthread_mutex_lock(&live->lock);
    while (!live->closing && s->at == live->next && !err)
        if (pthread_cond_timedwait(&live->news, &live->lock, &until)) err = VD_RETRY;
    if (live->closing || live->next - s->at > VD_LIVE_RING) {
        err = VD_GONE;
    } else if (s->at < live->next) {
        err = VD_OK;
        *ret_change = live->ring[s->at++ % VD_LIVE_RING];
    }
    pthread_mutex_unlock(&live->lock);
    return err;
}

static long write_change(const change *c, char *into, size_t room)
{
    VD_AUTO(vd_buf) json = VD_BUF(1024);
    vd_json_w w = vd_json_writer(&json);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "type", type_words[c->type]);
    vd_json_w_kv_text(&w, "id", c->id);
    if (c->version) vd_json_w_kv_int(&w, "version", (int64_t)c->version);
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return -1;
    int len = snprintf(into, room, "event: %s\ndata: %s\n\n", type_words[c->type], json.data);
    return len > 0 && (size_t)len < room ? len : -1;
}

long stream_read(stream *s, char *into, size_t room)
{
    change c = { 0 };
    if (!s->alive_us) {
        s->alive_us = vd_clock_mono_us();
        return snprintf(into, room, "retry: 2000\n: hello\n\n");
    }
    vd_err err = next_change(s, &c);
    if (err == VD_GONE) return -1;
    if (err == VD_RETRY) {
        s->alive_us = vd_clock_mono_us();
        return snprintf(into, room, ": alive\n\n");
    }
    return write_change(&c, into, room);
}

void stream_close(stream *s)
{
    pthread_mutex_lock(&s->live->lock);
    s->live->streams--;
    pthread_mutex_unlock(&s->live->lock);
    free(s);
}
