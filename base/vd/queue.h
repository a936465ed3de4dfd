/* queue.h - a bounded queue of pointers between threads. Sending hands over ownership.
 * The policy is named where the queue is made; what a full queue does is never a surprise. */
#ifndef VD_QUEUE_H
#define VD_QUEUE_H
#include "vd/error.h"

typedef enum {
    VD_QUEUE_WAIT,        /* put blocks until there is room: events */
    VD_QUEUE_REFUSE,      /* put returns VD_FULL: requests, the caller says "busy" */
    VD_QUEUE_DROP_OLDEST, /* put always succeeds, the oldest goes to the drop function: pictures */
} vd_queue_policy;

typedef struct vd_queue vd_queue;

/* `drop` releases an item (overflow, and what is left at free); may be NULL. Called outside the
 * lock. */
VD_MUST_USE vd_err vd_queue_new(size_t room, vd_queue_policy policy, void (*drop)(void *item),
                                vd_queue **ret_queue);
/* On VD_FULL and VD_GONE (closed) the caller keeps the item. */
VD_MUST_USE vd_err vd_queue_put(vd_queue *queue, void *item);
/* Waits up to timeout_ms (-1: for ever, 0: not at all). VD_RETRY on time-out, VD_GONE when closed
 * and empty. */
VD_MUST_USE vd_err vd_queue_take(vd_queue *queue, int timeout_ms, void **ret_item);
/* Wakes all waiters; further puts fail, takes drain what is left. */
void vd_queue_close(vd_queue *queue);
uint64_t vd_queue_dropped(const vd_queue *queue);
size_t vd_queue_len(const vd_queue *queue);
/* No thread may be inside. Returns NULL. */
vd_queue *vd_queue_free(vd_queue *queue);
#endif
