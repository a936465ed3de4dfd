#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/fault.h"
#include "vd/store.h"
#include "vd/test.h"

static const vd_sql first_only[] = {
    { "0001_first", "CREATE TABLE thing (id TEXT PRIMARY KEY, n INTEGER) STRICT;" },
    { NULL, NULL },
};
static const vd_sql both[] = {
    { "0001_first", "CREATE TABLE thing (id TEXT PRIMARY KEY, n INTEGER) STRICT;" },
    { "0002_second", "ALTER TABLE thing ADD COLUMN note TEXT; UPDATE thing SET note = 'old';" },
    { NULL, NULL },
};
static const vd_sql broken[] = {
    { "0001_first", "CREATE TABLE thing (id TEXT); CREATE TABLE thing (id TEXT);" },
    { NULL, NULL },
};
static const vd_sql things[] = {
    { "add_thing", "-- add_thing: 1 row.\nINSERT INTO thing (id, n) VALUES (:id, :n);" },
    { "keep_thing", "INSERT INTO thing (id, n) VALUES (:id, :n) ON CONFLICT DO NOTHING;" },
    { "count_things", "SELECT count(*), coalesce(sum(n), 0) FROM thing;\n" },
    { NULL, NULL },
};
static const vd_sql *const tables[] = { things, NULL };
static const vd_store_schema schema = { first_only, tables };

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/vd-store-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof(path), "%s/a.db", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < VD_COUNT_OF(ends); i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static vd_store *opened(const vd_store_schema *with)
{
    vd_store *store = NULL;
    vd_why why = { 0 };
    expect_ok(vd_store_open(path, VD_STORE_WRITE, with, &store, &why));
    return store;
}

static vd_err add(vd_store *store, const char *name, const char *id, int64_t n, uint64_t *changed)
{
    vd_stmt *stmt = vd_store_stmt(store, name);
    vd_bind_text(stmt, "id", id);
    vd_bind_int(stmt, "n", n);
    return vd_stmt_run(stmt, changed, NULL);
}

static int64_t count_of(vd_store *store)
{
    vd_stmt *stmt = vd_store_stmt(store, "count_things");
    expect_ok(vd_stmt_row(stmt, NULL));
    int64_t count = vd_col_int(stmt, 0);
    vd_stmt_finish(stmt);
    return count;
}

/* covers: BASE-2 */
VD_TEST(what_was_written_is_there_after_a_reopen)
{
    vd_store *store = opened(&schema);
    uint64_t changed = 0;
    expect_ok(add(store, "add_thing", "a", 1, &changed));
    expect_u64(changed, 1);
    vd_store_free(store);
    store = opened(&schema);
    expect_i64(count_of(store), 1);
    vd_store_free(store);
}

VD_TEST(a_unique_key_is_a_conflict_and_a_kept_row_counts_no_change)
{
    vd_store *store = opened(&schema);
    uint64_t changed = 9;
    expect_ok(add(store, "add_thing", "a", 1, NULL));
    expect_err(add(store, "add_thing", "a", 1, NULL), VD_CONFLICT);
    expect_ok(add(store, "keep_thing", "a", 1, &changed));
    expect_u64(changed, 0);
    vd_store_free(store);
}

VD_TEST(missing_migrations_run_and_newer_schemas_are_refused)
{
    static const vd_store_schema newer = { both, tables };
    vd_store *store = opened(&schema);
    expect_ok(add(store, "add_thing", "a", 1, NULL));
    vd_store_free(store);
    vd_store_free(opened(&newer));
    vd_why why = { 0 };
    expect_err(vd_store_open(path, VD_STORE_WRITE, &schema, &store, &why), VD_INVALID);
    expect_str(why.fact, "the store is newer than this program");
}

VD_TEST(a_failing_migration_leaves_nothing)
{
    static const vd_store_schema bad = { broken, NULL };
    vd_store *store = NULL;
    expect_err(vd_store_open(path, VD_STORE_WRITE, &bad, &store, NULL), VD_IO);
    vd_store_free(opened(&schema));
}

VD_TEST(a_bad_statement_fails_at_start)
{
    static const vd_sql wrong[] = { { "wrong", "SELECT nothing FROM nowhere" }, { NULL, NULL } };
    static const vd_sql two[] = { { "two", "SELECT 1; SELECT 2" }, { NULL, NULL } };
    static const vd_sql *const wrong_table[] = { wrong, NULL }, *const two_table[] = { two, NULL };
    const vd_store_schema with_wrong = { first_only, wrong_table },
                          with_two = { first_only, two_table };
    vd_store *store = NULL;
    vd_why why = { 0 };
    expect_err(vd_store_open(path, VD_STORE_WRITE, &with_wrong, &store, &why), VD_IO);
    expect_true(strstr(why.fact, "wrong") != NULL);
    expect_err(vd_store_open(path, VD_STORE_WRITE, &with_two, &store, &why), VD_INVALID);
}

VD_TEST(a_reader_needs_the_file_and_cannot_write)
{
    vd_store *store = NULL;
    expect_err(vd_store_open(path, VD_STORE_READ, &schema, &store, NULL), VD_ABSENT);
    vd_store_free(opened(&schema));
    expect_ok(vd_store_open(path, VD_STORE_READ, &schema, &store, NULL));
    expect_err(add(store, "add_thing", "a", 1, NULL), VD_DENIED);
    vd_store_free(store);
}

VD_TEST(a_rollback_takes_back)
{
    vd_store *store = opened(&schema);
    expect_ok(vd_store_begin(store, NULL));
    expect_ok(add(store, "add_thing", "a", 1, NULL));
    vd_store_rollback(store);
    expect_i64(count_of(store), 0);
    vd_store_rollback(store);
    vd_store_free(store);
}

/* The committer. */

typedef struct {
    const char *id;
    vd_err answer; /* what the job returns after its write */
    vd_err told;
    int64_t seen; /* rows another connection saw when `done` was called */
    vd_store *reader;
} add_job;

static vd_err run_add(vd_store *store, void *arg, vd_why *why)
{
    add_job *job = arg;
    vd_err err = add(store, "add_thing", job->id, 1, NULL);
    if (!err && job->answer) err = vd_fail(why, job->answer, "the job does not want it");
    return err;
}

static void note_end(void *arg, vd_err err, const vd_why *why)
{
    (void)why;
    add_job *job = arg;
    job->told = err;
    job->seen = count_of(job->reader);
}

VD_TEST(a_job_that_fails_leaves_no_trace_and_the_others_commit)
{
    vd_committer *committer = NULL;
    expect_ok(vd_committer_new(opened(&schema), 8, 8, &committer, NULL));
    vd_store *reader = NULL;
    expect_ok(vd_store_open(path, VD_STORE_READ, &schema, &reader, NULL));
    add_job jobs[] = { { .id = "a", .told = VD_IO, .reader = reader },
                       { .id = "b", .answer = VD_INVALID, .reader = reader },
                       { .id = "c", .told = VD_IO, .reader = reader } };
    for (size_t i = 0; i < 3; i++) {
        expect_ok(vd_committer_post(committer, run_add, note_end, &jobs[i]));
    }
    vd_committer_free(committer);
    expect_err(jobs[0].told, VD_OK);
    expect_err(jobs[1].told, VD_INVALID);
    expect_err(jobs[2].told, VD_OK);
    expect_i64(count_of(reader), 2);
    vd_store_free(reader);
}

VD_TEST(done_is_called_only_after_the_commit_can_be_seen)
{
    vd_committer *committer = NULL;
    expect_ok(vd_committer_new(opened(&schema), 1, 1, &committer, NULL));
    vd_store *reader = NULL;
    expect_ok(vd_store_open(path, VD_STORE_READ, &schema, &reader, NULL));
    add_job jobs[] = { { .id = "a", .reader = reader }, { .id = "b", .reader = reader } };
    expect_ok(vd_committer_post(committer, run_add, note_end, &jobs[0]));
    expect_ok(vd_committer_post(committer, run_add, note_end, &jobs[1]));
    vd_committer_free(committer);
    expect_i64(jobs[0].seen, 1);
    expect_i64(jobs[1].seen, 2);
    vd_store_free(reader);
}

VD_TEST(run_waits_and_returns_the_jobs_error_with_its_why)
{
    vd_committer *committer = NULL;
    expect_ok(vd_committer_new(opened(&schema), 8, 8, &committer, NULL));
    add_job good = { .id = "a" }, bad = { .id = "b", .answer = VD_CONFLICT };
    vd_why why = { 0 };
    expect_ok(vd_committer_run(committer, run_add, &good, &why));
    expect_err(vd_committer_run(committer, run_add, &bad, &why), VD_CONFLICT);
    expect_str(why.fact, "the job does not want it");
    vd_committer_free(committer);
}

static void *write_many(void *arg)
{
    vd_committer *committer = arg;
    for (int i = 0; i < 50; i++) {
        char id[32];
        snprintf(id, sizeof(id), "%lx-%d", (unsigned long)pthread_self(), i);
        add_job job = { .id = id };
        if (vd_committer_run(committer, run_add, &job, NULL) != VD_OK) return arg;
    }
    return NULL;
}

static void expect_many(size_t room, size_t batch)
{
    enum { WRITERS = 6 };
    vd_committer *committer = NULL;
    expect_ok(vd_committer_new(opened(&schema), room, batch, &committer, NULL));
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, write_many, committer);
    for (int i = 0; i < WRITERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        expect_true(failed == NULL);
    }
    vd_committer_free(committer);
    vd_store *store = opened(&schema);
    expect_i64(count_of(store), WRITERS * 50);
    vd_store_free(store);
}

VD_TEST(many_writers_lose_nothing)
{
    expect_many(4, 16);
}

VD_TEST(writers_whose_job_is_two_groups_away_are_woken_too)
{
    expect_many(6, 1);
}

typedef struct {
    pthread_t ran_on;
    sem_t *started, *go;
} slow_job;

static vd_err run_slow(vd_store *store, void *arg, vd_why *why)
{
    (void)why;
    slow_job *job = arg;
    job->ran_on = pthread_self();
    if (job->started) {
        sem_post(job->started);
        sem_wait(job->go);
    }
    return add(store, "add_thing", "slow", 1, NULL);
}

VD_TEST(a_lone_writer_commits_in_its_own_thread)
{
    vd_committer *committer = NULL;
    slow_job job = { 0 };
    expect_ok(vd_committer_new(opened(&schema), 8, 8, &committer, NULL));
    expect_ok(vd_committer_run(committer, run_slow, &job, NULL));
    expect_true(pthread_equal(job.ran_on, pthread_self()));
    vd_store *reader = NULL;
    expect_ok(vd_store_open(path, VD_STORE_READ, &schema, &reader, NULL));
    expect_i64(count_of(reader), 1); /* before the committer is closed: run returns after commit */
    vd_store_free(reader);
    vd_committer_free(committer);
}

typedef struct {
    vd_committer *committer;
    slow_job job;
} slow_writer;

static void *write_slowly(void *arg)
{
    slow_writer *writer = arg;
    vd_err err = vd_committer_run(writer->committer, run_slow, &writer->job, NULL);
    return err ? arg : NULL;
}

VD_TEST(what_is_posted_while_a_lone_writer_commits_comes_after_it)
{
    vd_committer *committer = NULL;
    sem_t started, go;
    pthread_t thread;
    void *failed = NULL;
    expect_i64(sem_init(&started, 0, 0) | sem_init(&go, 0, 0), 0);
    expect_ok(vd_committer_new(opened(&schema), 8, 8, &committer, NULL));
    vd_store *reader = NULL;
    expect_ok(vd_store_open(path, VD_STORE_READ, &schema, &reader, NULL));
    slow_writer writer = { committer, { .started = &started, .go = &go } };
    add_job after = { .id = "after", .told = VD_IO, .reader = reader };
    expect_i64(pthread_create(&thread, NULL, write_slowly, &writer), 0);
    sem_wait(&started);
    expect_ok(vd_committer_post(committer, run_add, note_end, &after));
    expect_i64(count_of(reader), 0);
    sem_post(&go);
    pthread_join(thread, &failed);
    vd_committer_free(committer);
    expect_true(failed == NULL);
    expect_err(after.told, VD_OK);
    expect_i64(after.seen, 2);
    vd_store_free(reader);
    sem_destroy(&started);
    sem_destroy(&go);
}

typedef struct {
    vd_committer *committer;
    atomic_int inside, together;
} crowd;

static vd_err run_in_crowd(vd_store *store, void *arg, vd_why *why)
{
    (void)store;
    (void)why;
    crowd *c = arg;
    if (atomic_fetch_add(&c->inside, 1) > 0) atomic_fetch_add(&c->together, 1);
    for (int i = 0; i < 20; i++) sched_yield();
    atomic_fetch_sub(&c->inside, 1);
    return VD_OK;
}

static void *join_crowd(void *arg)
{
    crowd *c = arg;
    return vd_committer_run(c->committer, run_in_crowd, c, NULL) ? arg : NULL;
}

/* The committer's own thread may begin when a caller has the pen already. */
VD_TEST(nobody_writes_beside_another_from_the_first_moment_on)
{
    for (int round = 0; round < 100; round++) {
        crowd c = { NULL, 0, 0 };
        pthread_t threads[3];
        void *failed = NULL;
        expect_ok(vd_committer_new(opened(&schema), 8, 8, &c.committer, NULL));
        for (int i = 0; i < 3; i++)
            expect_i64(pthread_create(&threads[i], NULL, join_crowd, &c), 0);
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], &failed);
            expect_true(failed == NULL);
        }
        vd_committer_free(c.committer);
        expect_i64(atomic_load(&c.together), 0);
    }
}

VD_TEST(every_allocation_that_fails_is_told_and_leaves_the_store_usable)
{
    unsigned failed = 0;
    for (unsigned nth = 1;; nth++) {
        vd_store *store = NULL;
        vd_committer *committer = NULL;
        vd_fault_set(VD_FAULT_ALLOC, nth);
        vd_err err = vd_store_open(path, VD_STORE_WRITE, &schema, &store, NULL);
        if (!err) err = vd_committer_new(store, 2, 2, &committer, NULL); /* takes the store over */
        bool over = vd_fault_pending(VD_FAULT_ALLOC);
        vd_fault_set(VD_FAULT_ALLOC, 0);
        vd_committer_free(committer);
        if (over) {
            expect_ok(err);
            break;
        }
        expect_err(err, VD_FULL);
        failed++;
    }
    expect_true(failed >= 5);
}

VD_TEST(a_pool_lends_what_it_gets_back)
{
    vd_store_free(opened(&schema));
    vd_store_pool *pool = NULL;
    expect_ok(vd_store_pool_new(path, &schema, 2, &pool, NULL));
    vd_store *a = vd_store_pool_take(pool), *b = vd_store_pool_take(pool);
    expect_true(a != b);
    vd_store_pool_give(pool, a);
    expect_true(vd_store_pool_take(pool) == a);
    vd_store_pool_give(pool, a);
    vd_store_pool_give(pool, b);
    vd_store_pool_free(pool);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

VD_TEST_MAIN(IN_FOLDER(what_was_written_is_there_after_a_reopen),
             IN_FOLDER(a_unique_key_is_a_conflict_and_a_kept_row_counts_no_change),
             IN_FOLDER(missing_migrations_run_and_newer_schemas_are_refused),
             IN_FOLDER(a_failing_migration_leaves_nothing),
             IN_FOLDER(a_bad_statement_fails_at_start),
             IN_FOLDER(a_reader_needs_the_file_and_cannot_write), IN_FOLDER(a_rollback_takes_back),
             IN_FOLDER(a_job_that_fails_leaves_no_trace_and_the_others_commit),
             IN_FOLDER(done_is_called_only_after_the_commit_can_be_seen),
             IN_FOLDER(run_waits_and_returns_the_jobs_error_with_its_why),
             IN_FOLDER(many_writers_lose_nothing),
             IN_FOLDER(writers_whose_job_is_two_groups_away_are_woken_too),
             IN_FOLDER(a_lone_writer_commits_in_its_own_thread),
             IN_FOLDER(what_is_posted_while_a_lone_writer_commits_comes_after_it),
             IN_FOLDER(nobody_writes_beside_another_from_the_first_moment_on),
             IN_FOLDER(every_allocation_that_fails_is_told_and_leaves_the_store_usable),
             IN_FOLDER(a_pool_lends_what_it_gets_back))
