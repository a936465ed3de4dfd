/* turns.c - one lock over all places; `clock` counts what happens and so orders it without a
 * clock of the machine. */
#include "turns.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "vd/fault.h"

typedef struct {
    vd_frame *fresh;
    uint64_t put_at;   /* when `fresh` came */
    uint64_t taken_at; /* when somebody looked last; 0: never */
    bool away, in_hand;
    vd_turns_stats stats;
} place;

struct vd_turns {
    pthread_mutex_t lock;
    pthread_cond_t news, done;
    uint64_t clock;
    bool stopped;
    unsigned count;
    place places[];
};

vd_err vd_turns_new(unsigned cameras, vd_turns **ret_turns)
{
    vd_turns *turns = vd_calloc(1, sizeof *turns + cameras * sizeof turns->places[0]);
    if (!turns) return VD_FULL;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->news, NULL);
    pthread_cond_init(&turns->done, NULL);
    turns->count = cameras;
    *ret_turns = turns;
    return VD_OK;
}

vd_turns *vd_turns_free(vd_turns *turns)
{
    if (!turns) return NULL;
    for (unsigned i = 0; i < turns->count; i++) vd_frame_unref(turns->places[i].fresh);
    pthread_cond_destroy(&turns->news);
    pthread_cond_destroy(&turns->done);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
    return NULL;
}

/* The camera's place, with the lock held. */
static place *lock_place(vd_turns *turns, unsigned camera)
{
    assert(camera < turns->count);
    pthread_mutex_lock(&turns->lock);
    return &turns->places[camera];
}

void vd_turns_put(vd_turns *turns, unsigned camera, vd_frame *frame)
{
    place *p = lock_place(turns, camera);
    vd_frame *old = p->fresh;
    p->fresh = frame;
    p->put_at = ++turns->clock;
    p->away = false;
    if (old) p->stats.stale++;
    pthread_cond_signal(&turns->news);
    pthread_mutex_unlock(&turns->lock);
    vd_frame_unref(old); /* may go back to its camera: not under our lock */
}

void vd_turns_away(vd_turns *turns, unsigned camera)
{
    lock_place(turns, camera)->away = true;
    pthread_cond_signal(&turns->news);
    pthread_mutex_unlock(&turns->lock);
}

void vd_turns_leave(vd_turns *turns, unsigned camera)
{
    place *p = lock_place(turns, camera);
    vd_frame *old = p->fresh;
    p->fresh = NULL;
    p->away = false;
    while (p->in_hand) pthread_cond_wait(&turns->done, &turns->lock);
    *p = (place){ 0 };
    pthread_mutex_unlock(&turns->lock);
    vd_frame_unref(old);
}

static bool waits(const place *p)
{
    return !p->in_hand && (p->fresh || p->away);
}

static bool goes_before(const place *a, const place *b)
{
    if (a->taken_at != b->taken_at) return a->taken_at < b->taken_at;
    return a->put_at > b->put_at;
}

static place *first_of(vd_turns *turns)
{
    place *best = NULL;
    for (unsigned i = 0; i < turns->count; i++) {
        place *p = &turns->places[i];
        if (waits(p) && (!best || goes_before(p, best))) best = p;
    }
    return best;
}

bool vd_turns_take(vd_turns *turns, vd_turn *ret_turn)
{
    place *p = NULL;
    pthread_mutex_lock(&turns->lock);
    while (!turns->stopped && !(p = first_of(turns))) pthread_cond_wait(&turns->news, &turns->lock);
    bool taken = !turns->stopped;
    if (taken) {
        *ret_turn = (vd_turn){ (unsigned)(p - turns->places), p->fresh };
        if (p->fresh)
            p->stats.looked++;
        else
            p->away = false;
        p->fresh = NULL;
        p->in_hand = true;
        p->taken_at = ++turns->clock;
    }
    pthread_mutex_unlock(&turns->lock);
    return taken;
}

void vd_turns_done(vd_turns *turns, unsigned camera)
{
    place *p = lock_place(turns, camera);
    p->in_hand = false;
    if (waits(p)) pthread_cond_signal(&turns->news);
    pthread_cond_broadcast(&turns->done);
    pthread_mutex_unlock(&turns->lock);
}

void vd_turns_stop(vd_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->stopped = true;
    pthread_cond_broadcast(&turns->news);
    pthread_mutex_unlock(&turns->lock);
}

void vd_turns_get_stats(vd_turns *turns, unsigned camera, vd_turns_stats *ret_stats)
{
    *ret_stats = lock_place(turns, camera)->stats;
    pthread_mutex_unlock(&turns->lock);
}
