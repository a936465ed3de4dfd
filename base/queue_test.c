#include "vd/fault.h"
#include "vd/queue.h"
#include "vd/test.h"

#include <pthread.h>

static int items[100];
static int drops[100];
static unsigned drop_count;

static void note_drop(void *item)
{
    drops[drop_count++] = *(int *)item;
}

static vd_queue *queue_of(size_t room, vd_queue_policy policy)
{
    vd_queue *queue = NULL;
    for (int i = 0; i < 100; i++) items[i] = i;
    drop_count = 0;
    expect_ok(vd_queue_new(room, policy, note_drop, &queue));
    return queue;
}

static int take(vd_queue *queue)
{
    void *item = NULL;
    expect_ok(vd_queue_take(queue, 0, &item));
    return *(int *)item;
}

// covers: BASE-2
VD_TEST(full_queue_keeps_the_newest)
{
    vd_queue *queue = queue_of(2, VD_QUEUE_DROP_OLDEST);
    for (int n = 1; n <= 3; n++) expect_ok(vd_queue_put(queue, &items[n]));
    expect_u64(vd_queue_dropped(queue), 1);
    expect_u64(drop_count, 1);
    expect_i64(drops[0], 1);
    expect_i64(take(queue), 2);
    expect_i64(take(queue), 3);
    vd_queue_free(queue);
}

VD_TEST(full_queue_that_refuses_leaves_the_item_with_its_owner)
{
    vd_queue *queue = queue_of(1, VD_QUEUE_REFUSE);
    expect_ok(vd_queue_put(queue, &items[1]));
    expect_err(vd_queue_put(queue, &items[2]), VD_FULL);
    expect_u64(vd_queue_len(queue), 1);
    expect_u64(vd_queue_dropped(queue), 0);
    expect_i64(take(queue), 1);
    vd_queue_free(queue);
    expect_u64(drop_count, 0);
}

VD_TEST(an_empty_queue_says_so_after_its_time)
{
    void *item = NULL;
    vd_queue *queue = queue_of(1, VD_QUEUE_WAIT);
    expect_err(vd_queue_take(queue, 0, &item), VD_RETRY);
    expect_err(vd_queue_take(queue, 5, &item), VD_RETRY);
    vd_queue_free(queue);
}

VD_TEST(a_closed_queue_gives_what_is_left_and_then_is_gone)
{
    void *item = NULL;
    vd_queue *queue = queue_of(3, VD_QUEUE_WAIT);
    expect_ok(vd_queue_put(queue, &items[7]));
    vd_queue_close(queue);
    expect_err(vd_queue_put(queue, &items[8]), VD_GONE);
    expect_i64(take(queue), 7);
    expect_err(vd_queue_take(queue, -1, &item), VD_GONE);
    vd_queue_free(queue);
}

VD_TEST(what_is_left_at_the_end_is_dropped_in_order)
{
    vd_queue *queue = queue_of(3, VD_QUEUE_REFUSE);
    expect_ok(vd_queue_put(queue, &items[1]));
    expect_ok(vd_queue_put(queue, &items[2]));
    vd_queue_free(queue);
    expect_u64(drop_count, 2);
    expect_i64(drops[1], 2);
    assert_null(vd_queue_free(NULL));
}

static void *put_all(void *arg)
{
    for (int i = 0; i < 100; i++)
        if (vd_queue_put(arg, &items[i])) return NULL;
    vd_queue_close(arg);
    return arg;
}

VD_TEST(a_waiting_queue_hands_over_everything_in_order)
{
    vd_queue *queue = queue_of(2, VD_QUEUE_WAIT);
    pthread_t writer;
    void *item = NULL;
    int next = 0;
    expect_i64(pthread_create(&writer, NULL, put_all, queue), 0);
    while (vd_queue_take(queue, -1, &item) == VD_OK) expect_i64(*(int *)item, next++);
    expect_i64(next, 100);
    pthread_join(writer, NULL);
    vd_queue_free(queue);
}

VD_TEST(closing_wakes_a_writer_that_waits_for_room)
{
    vd_queue *queue = queue_of(1, VD_QUEUE_WAIT);
    pthread_t writer;
    void *finished = queue;
    expect_i64(pthread_create(&writer, NULL, put_all, queue), 0);
    while (vd_queue_len(queue) == 0) sched_yield();
    vd_queue_close(queue);
    pthread_join(writer, &finished);
    assert_null(finished);
    vd_queue_free(queue);
}

static void *take_one(void *arg)
{
    void *item = NULL;
    return vd_queue_take(arg, -1, &item) == VD_GONE ? arg : NULL;
}

VD_TEST(closing_wakes_a_reader_that_waits_for_ever)
{
    vd_queue *queue = queue_of(1, VD_QUEUE_WAIT);
    pthread_t reader;
    void *gone = NULL;
    expect_i64(pthread_create(&reader, NULL, take_one, queue), 0);
    vd_queue_close(queue);
    pthread_join(reader, &gone);
    assert_ptr_equal(gone, queue);
    vd_queue_free(queue);
}

VD_TEST(a_queue_without_room_or_memory_is_not_made)
{
    vd_queue *queue = NULL;
    expect_err(vd_queue_new(0, VD_QUEUE_WAIT, NULL, &queue), VD_INVALID);
    expect_err(vd_queue_new(SIZE_MAX, VD_QUEUE_WAIT, NULL, &queue), VD_INVALID);
    vd_fault_set(VD_FAULT_ALLOC, 1);
    expect_err(vd_queue_new(1, VD_QUEUE_WAIT, NULL, &queue), VD_FULL);
    assert_null(queue);
}

VD_TEST_MAIN(VD_RUN(full_queue_keeps_the_newest),
             VD_RUN(full_queue_that_refuses_leaves_the_item_with_its_owner),
             VD_RUN(an_empty_queue_says_so_after_its_time),
             VD_RUN(a_closed_queue_gives_what_is_left_and_then_is_gone),
             VD_RUN(what_is_left_at_the_end_is_dropped_in_order),
             VD_RUN(a_waiting_queue_hands_over_everything_in_order),
             VD_RUN(closing_wakes_a_writer_that_waits_for_room),
             VD_RUN(closing_wakes_a_reader_that_waits_for_ever),
             VD_RUN(a_queue_without_room_or_memory_is_not_made))
