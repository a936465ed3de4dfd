#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "outbox_test_priv.h"
#include "vd/clock.h"

// covers: QUE-1
VD_TEST(an_event_stays_until_the_hub_names_it)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event event = event_of("yard-1", "high", 7);
    accept(&d, &event);
    desk_reopen(&d);
    int64_t seq = 0;
    expect_u64(next_track(&d, &seq), 7);
    expect_u64(stats_of(&d).waiting, 1);
    desk_reopen(&d); /* lent, not named: still there */
    int64_t again = 0;
    expect_u64(next_track(&d, &again), 7);
    expect_ok(vd_outbox_confirm(d.outbox, again));
    desk_reopen(&d);
    again = 0;
    expect_u64(next_track(&d, &again), 0);
    expect_u64(stats_of(&d).waiting, 0);
    expect_u64(stats_of(&d).bytes, 0);
}

VD_TEST(messages_go_out_in_the_order_they_were_accepted)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    for (uint64_t n = 1; n <= 20; n++) {
        vd_event event = event_of(n % 2 ? "yard-1" : "yard-2", n % 3 ? "low" : "critical", n);
        accept(&d, &event);
    }
    int64_t seq = 0;
    for (uint64_t n = 1; n <= 20; n++) expect_u64(next_track(&d, &seq), n);
    expect_u64(next_track(&d, &seq), 0);
}

// covers: QUE-1
VD_TEST(a_full_quota_loses_the_least_important_and_oldest_and_says_so)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, message_bytes() * 4 + 40, 0);
    static const char *const severities[] = { "high", "low", "low", "medium", "high", "critical" };
    for (uint64_t n = 0; n < VD_COUNT_OF(severities); n++) {
        vd_event event = event_of("yard-1", severities[n], n + 1);
        accept(&d, &event);
    }
    int64_t seq = 0;
    expect_u64(next_track(&d, &seq), 1);
    expect_u64(next_track(&d, &seq), 4);
    expect_u64(next_track(&d, &seq), 5);
    expect_u64(next_track(&d, &seq), 6);
    expect_u64(stats_of(&d).dropped_quota, 2);
    desk_reopen(&d);
    expect_u64(stats_of(&d).dropped_quota, 2);
    expect_u64(stats_of(&d).waiting, 4);
}

static vd_err put_note(desk *d, const char *body, const vd_digest *file)
{
    const vd_outbox_note note = { .kind = "sketch",
                                  .camera = "c1",
                                  .priority = VD_OUTBOX_LEAST,
                                  .body = vd_slice_str(body),
                                  .files = file,
                                  .file_count = file != NULL };
    return vd_outbox_put(d->outbox, &note, NULL);
}

VD_TEST(a_note_waits_like_an_event_over_restarts_and_keeps_its_kind)
{
    VD_AUTO(desk) d;
    desk_new(&d, 0, 0);
    vd_event event = event_of("c1", "info", 1);
    vd_event_evidence picture = put_blob(d.outbox, "a picture");
    accept(&d, &event);
    expect_ok(put_note(&d, "{\"camera\":\"c1\"}", &picture.digest));
    desk_reopen(&d);

    vd_outbox_message message;
    expect_ok(vd_outbox_next(d.outbox, 0, &message));
    expect_str(message.kind, "event");
    free(message.body);
    expect_ok(vd_outbox_next(d.outbox, message.seq, &message));
    expect_str(message.kind, "sketch");
    expect_str(message.body, "{\"camera\":\"c1\"}");
    free(message.body);
    vd_digest ready;
    expect_false(blob_to_send(&d, &ready));
    expect_ok(vd_outbox_confirm(d.outbox, message.seq));
    desk_reopen(&d);
    expect_true(blob_to_send(&d, &ready));
    expect_str(ready.hex, picture.digest.hex);
}

VD_TEST(notes_of_least_priority_go_before_any_event)
{
    VD_AUTO(desk) d;
    desk_new(&d, 3 * message_bytes(), 0);
    vd_event event = event_of("c1", "info", 1);
    char body[512];
    memset(body, ' ', sizeof body);
    memcpy(body, "{}", 2);
    body[sizeof body - 1] = '\0';
    accept(&d, &event);
    expect_ok(put_note(&d, body, NULL));
    accept(&d, &event);
    accept(&d, &event);

    int64_t seq = 0;
    for (unsigned n = 0; n < 3; n++) expect_u64(next_track(&d, &seq), 1);
    expect_u64(next_track(&d, &seq), 0);
    expect_u64(stats_of(&d).dropped_quota, 1);
}

VD_TEST(a_less_important_event_is_refused_with_its_evidence)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, message_bytes() * 2 + 20, 0);
    for (uint64_t n = 1; n <= 2; n++) {
        vd_event event = event_of("yard-1", "high", n);
        accept(&d, &event);
    }
    vd_event_evidence snapshot = put_blob(d.outbox, "a picture");
    vd_event event = event_of("yard-1", "low", 3);
    event.evidence = &snapshot;
    event.evidence_count = 1;
    vd_why why = { 0 };
    expect_err(vd_outbox_accept(d.outbox, &event, &why), VD_FULL);
    expect_true(strstr(why.fact, "more important") != NULL);
    expect_u64(stats_of(&d).dropped_quota, 1);
    expect_u64(stats_of(&d).waiting, 2);
    desk_reopen(&d);
    expect_false(blob_is_here(&d, &snapshot.digest));
}

VD_TEST(what_is_too_old_is_lost_and_counted)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 60000);
    int64_t mono_us = vd_clock_mono_us(), utc_us = vd_clock_utc_us();
    vd_clock_fake(mono_us, utc_us);
    vd_event event = event_of("yard-1", "critical", 1);
    accept(&d, &event);
    vd_clock_fake(mono_us + 61000000, utc_us + 61000000);
    event = event_of("yard-1", "low", 2);
    accept(&d, &event);
    vd_clock_fake(-1, -1);
    expect_u64(stats_of(&d).dropped_age, 1);
    int64_t seq = 0;
    expect_u64(next_track(&d, &seq), 2);
}

typedef struct {
    desk *desk;
    uint64_t first;
} writer;

enum { WRITERS = 16, EACH = 50 };

static void *write_many(void *arg)
{
    writer *w = arg;
    for (uint64_t n = 0; n < EACH; n++) {
        vd_event event = event_of("yard-1", "high", w->first + n);
        if (vd_outbox_accept(w->desk->outbox, &event, NULL)) return w;
    }
    return NULL;
}

// covers: QUE-1
VD_TEST(many_writers_are_all_kept_each_in_its_order)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = (writer){ &d, 1 + i * 1000 };
        expect_i64(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        expect_true(failed == NULL);
    }
    uint64_t next[WRITERS] = { 0 };
    int64_t seq = 0;
    for (uint64_t track; (track = next_track(&d, &seq)) != 0;) {
        uint64_t of = (track - 1) / 1000;
        expect_u64((track - 1) % 1000, next[of]++);
    }
    for (unsigned i = 0; i < WRITERS; i++) expect_u64(next[i], EACH);
}

static void *wake_soon(void *arg)
{
    desk *d = arg;
    vd_event event = event_of("yard-1", "high", 1);
    accept(d, &event);
    return NULL;
}

VD_TEST(a_waiting_sender_hears_of_a_new_event)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, wake_soon, &d);
    vd_outbox_wait(d.outbox, 60000);
    int64_t seq = 0;
    expect_u64(next_track(&d, &seq), 1);
    pthread_join(thread, NULL);
    vd_outbox_wake(d.outbox);
    vd_outbox_wait(d.outbox, 60000); /* a wake that came first is not lost */
}

/* Shared with the process that is killed: how many events each of its threads was told are kept. */
typedef struct {
    atomic_uint kept[4];
} score_board;

typedef struct {
    desk *desk;
    score_board *board;
    unsigned index;
} doomed_writer;

static void *write_for_ever(void *arg)
{
    doomed_writer *w = arg;
    for (unsigned n = 1;; n++) {
        char text[64];
        snprintf(text, sizeof text, "evidence %u of %u at %d", n, w->index, getpid());
        vd_event event = event_of("yard-1", "high", w->index * 100000ull + n);
        vd_event_evidence evidence = put_blob(w->desk->outbox, text);
        event.evidence = &evidence;
        event.evidence_count = 1;
        if (vd_outbox_accept(w->desk->outbox, &event, NULL)) _exit(2);
        atomic_store(&w->board->kept[w->index], n);
    }
    return NULL;
}

static void write_until_killed(desk *d, score_board *board)
{
    desk_open(d);
    pthread_t threads[4];
    doomed_writer writers[4];
    for (unsigned i = 0; i < 4; i++) {
        writers[i] = (doomed_writer){ d, board, i };
        pthread_create(&threads[i], NULL, write_for_ever, &writers[i]);
    }
    pthread_join(threads[0], NULL);
}

static void kill_a_writer(desk *d, score_board *board)
{
    memset(board, 0, sizeof *board);
    pid_t pid = fork();
    if (pid == 0) {
        write_until_killed(d, board);
        _exit(3);
    }
    unsigned enough = 1 + (unsigned)rand() % 12;
    while (atomic_load(&board->kept[0]) < enough) poll(NULL, 0, 1);
    struct timespec moment = { .tv_nsec = rand() % 3000000 };
    nanosleep(&moment, NULL); /* not waiting for anything: a random moment is wanted */
    kill(pid, SIGKILL);
    int status;
    expect_i64(waitpid(pid, &status, 0), pid);
    expect_true(WIFSIGNALED(status));
}

/* Every event that a writer was told is kept, once and in order, perhaps one more per thread. */
static void expect_kept(desk *d, const score_board *board)
{
    unsigned found[4] = { 0 };
    int64_t seq = 0;
    for (uint64_t track; (track = next_track(d, &seq)) != 0;) {
        expect_u64(track % 100000, ++found[track / 100000]);
        expect_ok(vd_outbox_confirm(d->outbox, seq));
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned told = atomic_load(&board->kept[i]);
        expect_true(found[i] == told || found[i] == told + 1);
        sum += found[i];
    }
    desk_reopen(d);
    unsigned sent = 0;
    for (vd_digest digest, have; blob_to_send(d, &digest); sent++) {
        char path[4096];
        expect_ok(vd_blobs_path(vd_outbox_blobs(d->outbox), &digest, path, sizeof path, NULL));
        expect_ok(vd_sha256_file(path, &have, NULL));
        expect_str(have.hex, digest.hex);
        expect_ok(vd_outbox_blob_sent(d->outbox, &digest));
    }
    expect_u64(sent, sum);
}

// covers: QUE-1
VD_TEST(a_writer_killed_at_any_moment_loses_nothing_it_was_told_is_kept)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    d.outbox = vd_outbox_free(d.outbox);
    score_board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect_true(board != MAP_FAILED);
    srand((unsigned)vd_clock_mono_us());
    for (int round = 0; round < 10; round++) {
        kill_a_writer(&d, board);
        desk_open(&d);
        expect_kept(&d, board);
        d.outbox = vd_outbox_free(d.outbox);
    }
    munmap(board, sizeof *board);
    desk_open(&d);
}

/* Fills the disk, one event after the other, and returns how many were kept. */
static uint64_t fill_disk(desk *d)
{
    for (uint64_t n = 1; n < 10000; n++) {
        vd_event event = event_of("yard-1", "high", n);
        vd_why why = { 0 };
        vd_err err = vd_outbox_accept(d->outbox, &event, &why);
        if (!err) continue;
        expect_err(err, VD_FULL);
        expect_true(why.fact[0] != 0);
        return n - 1;
    }
    fail_msg("a disk of one megabyte took 10000 events");
    return 0;
}

// covers: QUE-1
VD_TEST(a_full_disk_refuses_and_keeps_what_it_has)
{
    desk d = { .dir = "/tmp/vedette-outbox-XXXXXX" };
    expect_true(mkdtemp(d.dir) != NULL);
    if (mount("none", d.dir, "tmpfs", 0, "size=1m") != 0) {
        rmdir(d.dir);
        skip(); /* needs the right to mount */
    }
    desk_open(&d);
    uint64_t kept = fill_disk(&d);
    expect_true(kept > 10);
    expect_u64(stats_of(&d).waiting, kept);
    int64_t seq = 0;
    for (uint64_t n = 1; n <= kept; n++) expect_u64(next_track(&d, &seq), n);
    expect_u64(next_track(&d, &seq), 0);
    d.outbox = vd_outbox_free(d.outbox);
    umount(d.dir);
    rmdir(d.dir);
}

VD_TEST_MAIN(VD_RUN(an_event_stays_until_the_hub_names_it),
             VD_RUN(a_note_waits_like_an_event_over_restarts_and_keeps_its_kind),
             VD_RUN(notes_of_least_priority_go_before_any_event),
             VD_RUN(messages_go_out_in_the_order_they_were_accepted),
             VD_RUN(a_full_quota_loses_the_least_important_and_oldest_and_says_so),
             VD_RUN(a_less_important_event_is_refused_with_its_evidence),
             VD_RUN(what_is_too_old_is_lost_and_counted),
             VD_RUN(many_writers_are_all_kept_each_in_its_order),
             VD_RUN(a_waiting_sender_hears_of_a_new_event),
             VD_RUN(a_writer_killed_at_any_moment_loses_nothing_it_was_told_is_kept),
             VD_RUN(a_full_disk_refuses_and_keeps_what_it_has))
