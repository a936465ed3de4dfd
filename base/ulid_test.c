#include "vd/clock.h"
#include "vd/test.h"
#include "vd/ulid.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// covers: BASE-2
VD_TEST(ids_rise_even_within_a_millisecond_and_when_the_clock_steps_back)
{
    vd_clock_fake(0, 1795269731123000);
    vd_ulid before = vd_ulid_new();
    for (int i = 0; i < 1000; i++) {
        if (i == 500) vd_clock_fake(0, 1000000000000000);
        vd_ulid now = vd_ulid_new();
        expect_true(strcmp(before.text, now.text) < 0);
        before = now;
    }
    vd_clock_fake(-1, -1);
}

VD_TEST(an_id_carries_its_time)
{
    vd_clock_fake(0, 2000000000123000);
    vd_ulid id = vd_ulid_new();
    vd_clock_fake(-1, -1);
    expect_i64(vd_ulid_utc_ms(&id), 2000000000123);
    expect_u64(strlen(id.text), VD_ULID_LEN);
}

VD_TEST(the_example_of_the_specification_is_read)
{
    vd_ulid id;
    expect_true(vd_ulid_parse(VD_STR("01ARYZ6S41TSV4RRFFQ69G5FAV"), &id));
    expect_i64(vd_ulid_utc_ms(&id), 1469918176385);
    expect_true(vd_ulid_parse(VD_STR("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), &id));
}

VD_TEST(what_is_no_id_is_refused)
{
    static const char *const bad[] = { "",
                                       "01ARYZ6S41TSV4RRFFQ69G5FA",
                                       "01ARYZ6S41TSV4RRFFQ69G5FAVX",
                                       "81ARYZ6S41TSV4RRFFQ69G5FAV",
                                       "01aryz6s41tsv4rrffq69g5fav",
                                       "01ARYZ6S41TSV4RRFFQ69G5FAI",
                                       "01ARYZ6S41TSV4RRFFQ69G5FA-" };
    vd_ulid id;
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++)
        if (vd_ulid_parse(vd_slice_str(bad[i]), &id)) fail_msg("'%s' was accepted", bad[i]);
    expect_false(vd_ulid_parse(VD_STR("01ARYZ6S41TSV4RRFFQ69G5FA\0"), &id));
}

VD_TEST(what_is_made_is_read)
{
    vd_ulid id = vd_ulid_new(), back;
    expect_true(vd_ulid_parse(vd_slice_str(id.text), &back));
    expect_str(back.text, id.text);
}

enum { THREADS = 4, EACH = 2000 };
static vd_ulid made[THREADS][EACH];

static void *make_many(void *arg)
{
    vd_ulid *into = arg;
    for (size_t i = 0; i < EACH; i++) into[i] = vd_ulid_new();
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const vd_ulid *)a)->text, ((const vd_ulid *)b)->text);
}

VD_TEST(threads_never_make_the_same_id)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        expect_i64(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    vd_ulid *all = made[0];
    qsort(all, THREADS * EACH, sizeof(vd_ulid), by_text);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++)
        expect_true(strcmp(all[i - 1].text, all[i].text) < 0);
}

VD_TEST(a_forked_child_does_not_count_on_from_its_parent)
{
    vd_clock_fake(0, 2100000000000000);
    vd_ulid parent, child;
    (void)vd_ulid_new(); /* the parent's chance is drawn */
    int pipe_fds[2];
    expect_i64(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        child = vd_ulid_new();
        _exit(write(pipe_fds[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    parent = vd_ulid_new();
    expect_i64(read(pipe_fds[0], &child, sizeof(child)), sizeof(child));
    waitpid(pid, NULL, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    vd_clock_fake(-1, -1);
    assert_string_not_equal(parent.text, child.text);
}

VD_TEST_MAIN(VD_RUN(ids_rise_even_within_a_millisecond_and_when_the_clock_steps_back),
             VD_RUN(an_id_carries_its_time), VD_RUN(the_example_of_the_specification_is_read),
             VD_RUN(what_is_no_id_is_refused), VD_RUN(what_is_made_is_read),
             VD_RUN(threads_never_make_the_same_id),
             VD_RUN(a_forked_child_does_not_count_on_from_its_parent))
