#include "hub_schema.h"
#include "runs.h"

#include <stdlib.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/test.h"

#define S  1000000ll
#define T0 (1700000000ll * S)

static const vd_sql *const tables[] = { training_sql, NULL };
enum { TRAIN = 1 << VD_RUN_KIND_TRAIN, EVALUATE = 1 << VD_RUN_KIND_EVALUATE };

typedef struct {
    char dir[64];
    vd_store *store;
    vd_blobs *blobs;
} stage;

static stage stage_open(void)
{
    char path[128];
    vd_why why = { 0 };
    stage s = { .dir = "/tmp/vedette-runs-XXXXXX" };
    vd_store_schema schema = { .migrations = hub_migrations, .statements = tables };
    assert_non_null(mkdtemp(s.dir));
    (void)snprintf(path, sizeof path, "%s/hub.db", s.dir);
    if (vd_store_open(path, VD_STORE_WRITE, &schema, &s.store, &why)) {
        print_error("%s: %s\n", why.fact, why.detail);
        fail();
    }
    (void)snprintf(path, sizeof path, "%s/blobs", s.dir);
    expect_ok(vd_blobs_open(path, &s.blobs, NULL));
    vd_clock_fake(T0, T0);
    return s;
}

static void stage_done(stage *s)
{
    char command[128];
    vd_clock_fake(-1, -1);
    vd_store_free(s->store);
    vd_blobs_free(s->blobs);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    expect_i64(system(command), 0);
}
VD_AUTO_DEFINE(stage, stage_done)

static void after(int64_t seconds)
{
    vd_clock_fake(T0 + seconds * S, T0 + seconds * S);
}

static vd_json *json(const char *text)
{
    vd_json *root = NULL;
    expect_ok(vd_json_parse(vd_slice_str(text), 1 << 20, 16, &root, NULL));
    return root;
}

static vd_err add_kind(stage *s, int kind, int seed, vd_ulid *ret_run, vd_why *why)
{
    char text[400];
    VD_AUTO(vd_buf) config = VD_BUF(4096);
    vd_run_needs needs;
    (void)snprintf(text, sizeof text, "{\"dataset\":\"%064d\",\"model\":\"%064d\",\"seed\":%d}", 1,
                   2, seed);
    VD_AUTO(vd_json_ptr) asked = json(text);
    expect_ok(vd_run_config(kind, asked, &config, &needs, why));
    vd_run_new run = { .kind = kind,
                       .config = config.data,
                       .dataset = needs.dataset,
                       .model = needs.model,
                       .who = "ann" };
    return vd_run_add(s->store, &run, ret_run, why);
}

static vd_ulid add(stage *s, int seed)
{
    vd_ulid run = { .text = "" };
    expect_ok(add_kind(s, VD_RUN_KIND_TRAIN, seed, &run, NULL));
    return run;
}

static vd_run_leased lease(stage *s, const char *worker)
{
    vd_run_leased leased = { 0 };
    expect_ok(vd_run_lease(s->store, worker, TRAIN, NULL, NULL, &leased, NULL));
    return leased;
}

static bool goes_on(stage *s, const vd_run_leased *l, const char *more)
{
    char reason[160], text[4096];
    bool go_on = false;
    (void)snprintf(text, sizeof text, "{\"lease\":\"%s\"%s}", l->lease.text, more);
    VD_AUTO(vd_json_ptr) body = json(text);
    expect_ok(vd_run_progress(s->store, l->run.text, body, &go_on, reason, NULL));
    return go_on;
}

static vd_err finish(stage *s, const vd_run_leased *l, const char *state, vd_why *why)
{
    char text[300];
    (void)snprintf(text, sizeof text, "{\"lease\":\"%s\",\"state\":\"%s\"}", l->lease.text, state);
    VD_AUTO(vd_json_ptr) body = json(text);
    return vd_run_finish(s->store, l->run.text, body, why);
}

static vd_digest put(stage *s, const vd_run_leased *l, const char *name, const char *content)
{
    vd_why why = { 0 };
    vd_run_file_new file = { .run = l->run.text, .lease = l->lease.text, .name = name };
    expect_ok(vd_blobs_put(s->blobs, vd_slice_str(content), &file.digest, NULL));
    file.bytes = strlen(content);
    vd_err err = vd_run_file_put(s->store, s->blobs, &file, &why);
    if (err) print_error("%s\n", why.fact);
    expect_ok(err);
    return file.digest;
}

static bool is_here(stage *s, const vd_digest *digest)
{
    char path[4096];
    return vd_blobs_path(s->blobs, digest, path, sizeof path, NULL) == VD_OK;
}

static vd_json *show(stage *s, const char *run)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_run_write(s->store, run, true, &w, NULL));
    expect_ok(vd_json_w_end(&w));
    return json(text.data);
}

static vd_json *list(stage *s, const vd_run_filter *filter)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_run_write_list(s->store, filter, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    return json(text.data);
}

static const char *text_of(const vd_json *object, const char *key)
{
    return vd_json_text(vd_json_get(object, key), "(none)");
}

/* ---- configurations ---- */

static vd_err check(int kind, const char *config, vd_buf *into, vd_why *why)
{
    vd_run_needs needs;
    VD_AUTO(vd_json_ptr) asked = json(config);
    return vd_run_config(kind, asked, into, &needs, why);
}

#define D64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

VD_TEST(a_configuration_is_written_whole_with_its_defaults)
{
    VD_AUTO(vd_buf) one = VD_BUF(4096);
    VD_AUTO(vd_buf) two = VD_BUF(4096);

    expect_ok(
        check(VD_RUN_KIND_QUANTIZE, "{\"model\":\"" D64 "\",\"dataset\":\"" D64 "\"}", &one, NULL));
    expect_ok(check(VD_RUN_KIND_QUANTIZE,
                    "{\"seed\":1,\"dataset\":\"" D64 "\",\"model\":\"" D64 "\",\"budget\":0.01}",
                    &two, NULL));

    expect_str(one.data, "{\"budget\":0.01,\"calibration\":100,\"dataset\":\"" D64
                         "\",\"model\":\"" D64 "\",\"seed\":1,\"split\":\"test\",\"threads\":0}");
    expect_str(two.data, one.data);
}

VD_TEST(a_wrong_configuration_is_refused_by_the_member_s_name)
{
    static const struct {
        const char *more, *fact, *hint;
    } cases[] = {
        { ",\"epoch\":3", "a run of kind 'train' has no 'epoch'", "did you mean 'epochs'?" },
        { ",\"epochs\":0", "'epochs' must be a whole number, 1 to 1000", "" },
        { ",\"epochs\":2.5", "'epochs' must be a whole number, 1 to 1000", "" },
        { ",\"learning_rate\":\"fast\"", "'learning_rate' must be a number, 1e-07 to 1", "" },
        { ",\"augment\":1", "'augment' must be true or false", "" },
        { ",\"split\":\"tests\"", "'split' must be train, val or test", "" },
        { ",\"descriptor\":\"abc\"", "'descriptor' must be a SHA-256 of 64 hex digits", "" },
        { ",\"budget\":0.1", "a run of kind 'train' has no 'budget'", "" },
    };
    for (size_t n = 0; n < VD_COUNT_OF(cases); n++) {
        char text[400];
        vd_why why = { 0 };
        VD_AUTO(vd_buf) into = VD_BUF(4096);
        (void)snprintf(text, sizeof text, "{\"model\":\"" D64 "\",\"dataset\":\"" D64 "\"%s}",
                       cases[n].more);
        expect_err(check(VD_RUN_KIND_TRAIN, text, &into, &why), VD_INVALID);
        expect_str(why.fact, cases[n].fact);
        expect_str(why.hint, cases[n].hint);
    }
    vd_why why = { 0 };
    VD_AUTO(vd_buf) into = VD_BUF(4096);
    expect_err(check(VD_RUN_KIND_TRAIN, "{\"model\":\"" D64 "\"}", &into, &why), VD_INVALID);
    expect_str(why.fact, "'dataset' is missing");
}

/* ---- the queue ---- */

// covers: CIR-4
VD_TEST(the_oldest_run_of_a_wanted_kind_is_leased_once)
{
    VD_AUTO(stage) s = stage_open();
    vd_run_leased second = { 0 };
    vd_ulid measured = { .text = "" };
    expect_ok(add_kind(&s, VD_RUN_KIND_EVALUATE, 1, &measured, NULL));
    vd_ulid one = add(&s, 1), two = add(&s, 2);

    vd_run_leased first = lease(&s, "anvil");
    second = lease(&s, "hammer");

    expect_str(first.run.text, one.text);
    expect_str(second.run.text, two.text);
    expect_err(vd_run_lease(s.store, "anvil", TRAIN, NULL, NULL, &second, NULL), VD_ABSENT);
    expect_ok(vd_run_lease(s.store, "anvil", TRAIN | EVALUATE, NULL, NULL, &second, NULL));
    expect_str(second.run.text, measured.text);
    VD_AUTO(vd_json_ptr) shown = show(&s, one.text);
    expect_str(text_of(shown, "state"), "leased");
    expect_str(text_of(shown, "worker"), "anvil");
}

VD_TEST(the_same_training_twice_at_once_is_refused_with_the_first_one_s_id)
{
    VD_AUTO(stage) s = stage_open();
    vd_why why = { 0 };
    vd_ulid one = add(&s, 1), again = { .text = "" };

    expect_err(add_kind(&s, VD_RUN_KIND_TRAIN, 1, &again, &why), VD_CONFLICT);
    expect_str(again.text, one.text);
    expect_str(why.fact, "the same run is in the queue already");

    expect_ok(vd_run_cancel(s.store, one.text, "ann", NULL));
    expect_ok(add_kind(&s, VD_RUN_KIND_TRAIN, 1, &again, &why));
}

// covers: CIR-4
VD_TEST(a_lost_worker_s_run_is_taken_over_and_the_lost_one_changes_nothing_any_more)
{
    VD_AUTO(stage) s = stage_open();
    vd_why why = { 0 };
    vd_ulid run = add(&s, 1);
    vd_run_leased lost = lease(&s, "anvil"), none;
    vd_digest kept = put(&s, &lost, "checkpoint.bin", "epoch 1");
    expect_true(goes_on(&s, &lost, ",\"step\":10,\"steps\":40"));
    after(VD_RUN_LEASE_S - 1);
    expect_err(vd_run_lease(s.store, "hammer", TRAIN, NULL, NULL, &none, NULL), VD_ABSENT);
    after(VD_RUN_LEASE_S + 1);
    VD_AUTO(vd_json_ptr) waits = show(&s, run.text);
    expect_str(text_of(waits, "state"), "queued");

    vd_run_leased taken = lease(&s, "hammer");

    vd_digest digest;
    expect_str(taken.run.text, run.text);
    expect_false(goes_on(&s, &lost, ",\"step\":99"));
    expect_err(finish(&s, &lost, "failed", &why), VD_CONFLICT);
    expect_str(why.fact, "another worker holds the run now");
    expect_ok(vd_run_file(s.store, run.text, "checkpoint.bin", &digest, NULL, NULL));
    expect_str(digest.hex, kept.hex);
    VD_AUTO(vd_json_ptr) shown = show(&s, run.text);
    expect_i64(vd_json_int(vd_json_get(shown, "attempts"), 0), 2);
    expect_i64(vd_json_int(vd_json_get(shown, "step"), 0), 10);
    const vd_json *words = vd_json_get(shown, "words");
    expect_str(text_of(vd_json_at(words, 1), "text"),
               "taken over from a lost worker by worker 'hammer'");
}

VD_TEST(a_worker_that_was_silent_goes_on_while_nobody_took_over)
{
    VD_AUTO(stage) s = stage_open();
    vd_ulid run = add(&s, 1);
    vd_run_leased l = lease(&s, "anvil"), none;
    after(10 * VD_RUN_LEASE_S);

    expect_true(goes_on(&s, &l, ""));

    expect_err(vd_run_lease(s.store, "hammer", TRAIN, NULL, NULL, &none, NULL), VD_ABSENT);
    VD_AUTO(vd_json_ptr) shown = show(&s, run.text);
    expect_str(text_of(shown, "state"), "leased");
}

static void count_failed(void *arg, const char *run)
{
    (void)run;
    ++*(unsigned *)arg;
}

VD_TEST(a_run_that_loses_every_worker_fails_in_the_end)
{
    VD_AUTO(stage) s = stage_open();
    unsigned failed = 0;
    vd_run_leased l;
    vd_ulid run = add(&s, 1);
    for (int n = 0; n < VD_RUN_LOST_MAX; n++) {
        after((n + 1) * (VD_RUN_LEASE_S + 1));
        (void)lease(&s, "anvil");
    }
    after((VD_RUN_LOST_MAX + 1) * (VD_RUN_LEASE_S + 1));

    expect_err(vd_run_lease(s.store, "anvil", TRAIN, count_failed, &failed, &l, NULL), VD_ABSENT);

    VD_AUTO(vd_json_ptr) shown = show(&s, run.text);
    expect_u64(failed, 1);
    expect_str(text_of(shown, "state"), "failed");
    expect_str(text_of(vd_json_get(shown, "why"), "fact"), "its worker was lost 5 times");
}

// covers: CIR-4
VD_TEST(a_cancelled_run_tells_its_worker_to_stop)
{
    VD_AUTO(stage) s = stage_open();
    vd_why why = { 0 };
    vd_ulid run = add(&s, 1);
    vd_run_leased l = lease(&s, "anvil"), none;
    vd_digest checkpoint = put(&s, &l, "checkpoint.bin", "epoch 1");

    expect_ok(vd_run_cancel(s.store, run.text, "ann", NULL));
    expect_ok(vd_run_cancel(s.store, run.text, "bob", NULL)); /* the same again */

    expect_false(goes_on(&s, &l, ",\"step\":3"));
    expect_err(finish(&s, &l, "done", &why), VD_CONFLICT);
    expect_str(why.fact, "the run is cancelled");
    after(1000);
    expect_err(vd_run_lease(s.store, "hammer", TRAIN, NULL, NULL, &none, NULL), VD_ABSENT);
    expect_ok(vd_run_sweep(s.store, s.blobs, 10, NULL));
    expect_false(is_here(&s, &checkpoint));
    VD_AUTO(vd_json_ptr) shown = show(&s, run.text);
    expect_str(text_of(shown, "state"), "cancelled");
    expect_i64(vd_json_int(vd_json_get(shown, "step"), -1), 0);
    expect_str(text_of(vd_json_at(vd_json_get(shown, "words"), 1), "text"), "cancelled by ann");
}

VD_TEST(a_finished_run_cannot_be_cancelled)
{
    VD_AUTO(stage) s = stage_open();
    vd_why why = { 0 };
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    expect_ok(finish(&s, &l, "failed", NULL));

    expect_err(vd_run_cancel(s.store, l.run.text, "ann", &why), VD_CONFLICT);
    expect_str(why.fact, "the run is failed already");
}

/* ---- files and the end ---- */

VD_TEST(a_run_is_done_only_with_the_files_of_its_kind)
{
    VD_AUTO(stage) s = stage_open();
    vd_why why = { 0 };
    vd_digest digest;
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    expect_err(finish(&s, &l, "done", &why), VD_INVALID);
    expect_str(why.fact, "a run of kind 'train' is not done without report.json");
    put(&s, &l, "report.json", "{}");
    put(&s, &l, "model.onnx", "weights");
    put(&s, &l, "model.model.yaml", "name: m");

    expect_ok(finish(&s, &l, "done", NULL));
    expect_ok(finish(&s, &l, "done", NULL)); /* the answer was lost, the worker asks again */

    expect_ok(vd_run_file(s.store, l.run.text, "model.onnx", &digest, NULL, NULL));
    expect_true(is_here(&s, &digest));
    vd_run run;
    expect_ok(vd_run_get(s.store, l.run.text, &run, NULL));
    expect_i64(run.state, VD_RUN_STATE_DONE);
    vd_ulid found;
    expect_ok(
        vd_run_find(s.store, VD_RUN_KIND_TRAIN, &run.model, &run.dataset, "test", &found, NULL));
    expect_str(found.text, l.run.text);
    expect_err(vd_run_find(s.store, VD_RUN_KIND_TRAIN, &run.model, &run.dataset, "val", &found,
                           NULL),
               VD_ABSENT);
}

VD_TEST(a_replaced_checkpoint_is_deleted_unless_another_run_has_the_same)
{
    VD_AUTO(stage) s = stage_open();
    bool named = false;
    (void)add(&s, 1);
    (void)add(&s, 2);
    vd_run_leased one = lease(&s, "anvil"), two = lease(&s, "hammer");
    vd_digest shared = put(&s, &one, "checkpoint.bin", "epoch 1");
    put(&s, &two, "checkpoint.bin", "epoch 1");

    vd_digest second = put(&s, &one, "checkpoint.bin", "epoch 2");
    expect_ok(vd_run_sweep(s.store, s.blobs, 10, NULL));
    expect_true(is_here(&s, &shared));
    expect_ok(vd_run_names_blob(s.store, &shared, &named, NULL));
    expect_true(named);

    put(&s, &one, "checkpoint.bin", "epoch 3");
    put(&s, &one, "checkpoint.bin", "epoch 2"); /* wanted again before the sweep came */
    expect_ok(vd_run_sweep(s.store, s.blobs, 10, NULL));
    expect_true(is_here(&s, &second));
}

VD_TEST(a_file_whose_blob_is_not_there_is_not_kept)
{
    VD_AUTO(stage) s = stage_open();
    vd_digest digest;
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    vd_run_file_new file = { .run = l.run.text,
                             .lease = l.lease.text,
                             .name = "model.onnx",
                             .digest = vd_sha256(VD_STR("never written")) };

    expect_ok(vd_store_begin(s.store, NULL));
    expect_err(vd_run_file_put(s.store, s.blobs, &file, NULL), VD_RETRY);
    vd_store_rollback(s.store);

    expect_err(vd_run_file(s.store, l.run.text, "model.onnx", &digest, NULL, NULL), VD_ABSENT);
    file.name = "../../etc/passwd";
    expect_err(vd_run_file_put(s.store, s.blobs, &file, NULL), VD_INVALID);
}

/* ---- what it says on its way ---- */

VD_TEST(curves_stay_bounded_and_a_repeated_step_replaces_its_point)
{
    VD_AUTO(stage) s = stage_open();
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    for (int step = 0; step < VD_RUN_POINTS_MAX + 100; step += 20) {
        VD_AUTO(vd_buf) more = VD_BUF(4000);
        vd_buf_add_str(&more, ",\"points\":[");
        for (int n = 0; n < 20; n++)
            vd_buf_addf(&more, "%s{\"step\":%d,\"train_loss\":%d.5,\"val_loss\":null}",
                        n ? "," : "", step + n, step + n);
        vd_buf_add_str(&more, "]");
        expect_true(goes_on(&s, &l, more.data));
    }
    expect_true(goes_on(&s, &l, ",\"points\":[{\"step\":0,\"train_loss\":0.25}]"));

    VD_AUTO(vd_json_ptr) shown = show(&s, l.run.text);
    const vd_json *points = vd_json_get(shown, "points");
    expect_true(vd_json_len(points) <= VD_RUN_POINTS_MAX);
    expect_true(vd_json_len(points) >= VD_RUN_POINTS_MAX / 2);
    const vd_json *first = vd_json_get(vd_json_at(points, 0), "values");
    expect_near(vd_json_num(vd_json_get(first, "train_loss"), -1), 0.25, 1e-9);
    expect_u64(vd_json_len(first), 1);
}

VD_TEST(words_stay_bounded_and_are_cut_between_characters)
{
    VD_AUTO(stage) s = stage_open();
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    for (int n = 0; n < VD_RUN_WORDS_MAX + 5; n++) {
        char more[64];
        (void)snprintf(more, sizeof more, ",\"words\":[\"epoch %d\"]", n);
        expect_true(goes_on(&s, &l, more));
    }
    VD_AUTO(vd_buf) more = VD_BUF(4000);
    vd_buf_add_str(&more, ",\"words\":[\"x");
    for (int n = 0; n < VD_RUN_WORD_BYTES; n++) vd_buf_add_str(&more, "é");
    vd_buf_add_str(&more, "\"]");
    expect_true(goes_on(&s, &l, more.data));

    VD_AUTO(vd_json_ptr) shown = show(&s, l.run.text);
    const vd_json *words = vd_json_get(shown, "words");
    expect_u64(vd_json_len(words), VD_RUN_WORDS_MAX);
    expect_u64(strlen(text_of(vd_json_at(words, VD_RUN_WORDS_MAX - 1), "text")),
               VD_RUN_WORD_BYTES - 1);
}

VD_TEST(progress_that_makes_no_sense_is_refused_whole)
{
    static const char too_many[] =
        ",\"points\":[{\"step\":1,\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
        "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}]";
    static const char *const wrong[] = {
        ",\"step\":-1",
        ",\"points\":[{\"train_loss\":1}]",
        ",\"points\":[{\"step\":1,\"Train Loss\":1}]",
        ",\"words\":[7]",
        too_many,
    };
    VD_AUTO(stage) s = stage_open();
    (void)add(&s, 1);
    vd_run_leased l = lease(&s, "anvil");
    for (size_t n = 0; n < VD_COUNT_OF(wrong); n++) {
        char text[512], reason[160];
        bool go_on = false;
        (void)snprintf(text, sizeof text, "{\"lease\":\"%s\"%s}", l.lease.text, wrong[n]);
        VD_AUTO(vd_json_ptr) body = json(text);
        expect_err(vd_run_progress(s.store, l.run.text, body, &go_on, reason, NULL), VD_INVALID);
    }
}

VD_TEST(a_list_pages_and_filters_by_what_is_shown)
{
    VD_AUTO(stage) s = stage_open();
    for (int n = 0; n < 5; n++) (void)add(&s, n);
    vd_run_leased l = lease(&s, "anvil");
    vd_run_filter filter = { .limit = 3 };

    VD_AUTO(vd_json_ptr) first = list(&s, &filter);
    filter.cursor = text_of(first, "next");
    VD_AUTO(vd_json_ptr) second = list(&s, &filter);

    expect_u64(vd_json_len(vd_json_get(first, "runs")), 3);
    expect_u64(vd_json_len(vd_json_get(second, "runs")), 2);
    expect_true(vd_json_get(second, "next") == NULL);
    expect_str(text_of(vd_json_at(vd_json_get(second, "runs"), 1), "id"), l.run.text);
    vd_run_filter leased = { .limit = 10, .states = "leased,done" };
    VD_AUTO(vd_json_ptr) held = list(&s, &leased);
    expect_u64(vd_json_len(vd_json_get(held, "runs")), 1);
    expect_i64(vd_json_int(vd_json_get(vd_json_get(held, "counts"), "queued"), 0), 4);
    after(VD_RUN_LEASE_S + 1);
    VD_AUTO(vd_json_ptr) lost = list(&s, &leased);
    expect_u64(vd_json_len(vd_json_get(lost, "runs")), 0);
}

VD_TEST_MAIN(VD_RUN(a_configuration_is_written_whole_with_its_defaults),
             VD_RUN(a_wrong_configuration_is_refused_by_the_member_s_name),
             VD_RUN(the_oldest_run_of_a_wanted_kind_is_leased_once),
             VD_RUN(the_same_training_twice_at_once_is_refused_with_the_first_one_s_id),
             VD_RUN(a_lost_worker_s_run_is_taken_over_and_the_lost_one_changes_nothing_any_more),
             VD_RUN(a_worker_that_was_silent_goes_on_while_nobody_took_over),
             VD_RUN(a_run_that_loses_every_worker_fails_in_the_end),
             VD_RUN(a_cancelled_run_tells_its_worker_to_stop),
             VD_RUN(a_finished_run_cannot_be_cancelled),
             VD_RUN(a_run_is_done_only_with_the_files_of_its_kind),
             VD_RUN(a_replaced_checkpoint_is_deleted_unless_another_run_has_the_same),
             VD_RUN(a_file_whose_blob_is_not_there_is_not_kept),
             VD_RUN(curves_stay_bounded_and_a_repeated_step_replaces_its_point),
             VD_RUN(words_stay_bounded_and_are_cut_between_characters),
             VD_RUN(progress_that_makes_no_sense_is_refused_whole),
             VD_RUN(a_list_pages_and_filters_by_what_is_shown))
