/* queue.c - a ring of pointers under one lock. Waiting is by CLOCK_MONOTONIC, so a wall clock that
 * steps wakes nobody early or late. */
#include "vd/queue.h"
#include "vd/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct vd_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    size_t room, first;
    _Atomic size_t len; /* changed under the lock, read without it by vd_queue_len */
    _Atomic uint64_t dropped;
    bool closed;
    vd_queue_policy policy;
    void (*drop)(void *item);
    void *items[];
};

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

vd_err vd_queue_new(size_t room, vd_queue_policy policy, void (*drop)(void *item),
                    vd_queue **ret_queue)
{
    if (room == 0 || room > (SIZE_MAX - sizeof(vd_queue)) / sizeof(void *)) return VD_INVALID;
    vd_queue *queue = vd_calloc(1, sizeof(*queue) + room * sizeof(void *));
    if (!queue) return VD_FULL;
    pthread_mutex_init(&queue->lock, NULL);
    cond_init(&queue->filled);
    cond_init(&queue->emptied);
    queue->room = room;
    queue->policy = policy;
    queue->drop = drop;
    *ret_queue = queue;
    return VD_OK;
}

static void *pop(vd_queue *queue)
{
    void *item = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->room;
    queue->len--;
    return item;
}

/* Under the lock: makes room by the queue's policy. *ret_old is what was pushed out. */
static vd_err make_room(vd_queue *queue, void **ret_old)
{
    while (queue->policy == VD_QUEUE_WAIT && queue->len == queue->room && !queue->closed)
        pthread_cond_wait(&queue->emptied, &queue->lock);
    if (queue->closed) return VD_GONE;
    if (queue->len < queue->room) return VD_OK;
    if (queue->policy == VD_QUEUE_REFUSE) return VD_FULL;
    *ret_old = pop(queue);
    queue->dropped++;
    return VD_OK;
}

vd_err vd_queue_put(vd_queue *queue, void *item)
{
    void *old = NULL;
    pthread_mutex_lock(&queue->lock);
    vd_err err = make_room(queue, &old);
    if (!err) {
        queue->items[(queue->first + queue->len) % queue->room] = item;
        queue->len++;
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    if (old && queue->drop) queue->drop(old);
    return err;
}

static struct timespec moment_in(int timeout_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Under the lock, until an item is there, the queue is closed or time is up. */
static void wait_filled(vd_queue *queue, int timeout_ms)
{
    struct timespec until = { 0 };
    if (timeout_ms > 0) until = moment_in(timeout_ms);
    int rc = timeout_ms == 0 ? ETIMEDOUT : 0;
    while (queue->len == 0 && !queue->closed && rc != ETIMEDOUT)
        rc = timeout_ms < 0 ? pthread_cond_wait(&queue->filled, &queue->lock)
                            : pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
}

vd_err vd_queue_take(vd_queue *queue, int timeout_ms, void **ret_item)
{
    vd_err err = VD_OK;
    pthread_mutex_lock(&queue->lock);
    wait_filled(queue, timeout_ms);
    if (queue->len > 0) {
        *ret_item = pop(queue);
        pthread_cond_signal(&queue->emptied);
    } else {
        err = queue->closed ? VD_GONE : VD_RETRY;
    }
    pthread_mutex_unlock(&queue->lock);
    return err;
}

void vd_queue_close(vd_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_cond_broadcast(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
}

uint64_t vd_queue_dropped(const vd_queue *queue)
{
    return queue->dropped;
}

size_t vd_queue_len(const vd_queue *queue)
{
    return queue->len;
}

vd_queue *vd_queue_free(vd_queue *queue)
{
    if (!queue) return NULL;
    while (queue->len > 0) {
        void *item = pop(queue);
        if (queue->drop) queue->drop(item);
    }
    pthread_cond_destroy(&queue->filled);
    pthread_cond_destroy(&queue->emptied);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    return NULL;
}
