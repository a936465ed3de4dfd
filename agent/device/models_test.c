/* Model updates against a scripted registry. */
#include "device.h"

#include <stdlib.h>

#include "models_house_priv.h"
#include "vd/file.h"
#include "vd/test.h"

static const char *const passes[] = { "/bin/sh", "-c", "echo warming; echo testing; sleep 0.1",
                                      "self-test", NULL };
static const char *const sees_other[] = {
    "/bin/sh", "-c", "echo warming; echo testing; echo 'picture 2: no person' >&2; exit 1", "t",
    NULL
};
static const char *const crashes[] = { "/bin/sh", "-c", "echo warming; kill -SEGV $$", "t", NULL };
static const char *const hangs[] = { "/bin/sleep", "600", NULL };
static const char *const hangs_in_shell[] = { "/bin/sh", "-c", "exec sleep 600", "t", NULL };

// covers: CIR-8
VD_TEST(released_model_is_fetched_checked_tested_and_only_then_used)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char text[2048];
    registry_start(&r);
    house_new(&h, &r);
    h.self_test = passes;
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");

    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    house_await(&h, house_told_ends, "active");

    expect_str(h.told, "fetching verifying fetching installing warming testing active ");
    expect_str(h.used, "weights one");
    house_report(&h, text);
    assert_non_null(strstr(text, "\"release\":\"" REL_1 "\""));
    assert_non_null(strstr(text, manifest.hex));
    assert_non_null(strstr(text, "\"state\":\"active\""));
    assert_non_null(strstr(text, "\"trial\":true"));
}

// covers: CIR-8
VD_TEST(layers_that_are_here_are_not_fetched_again)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    registry_start(&r);
    house_new(&h, &r);
    vd_digest one = registry_model(&r, "yard", "weights one", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "weights two", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &one);
    house_await(&h, house_told_ends, "active");
    house_prove(&h);

    house_wish(&h, &r, REL_2, "yard", &two);
    house_await(&h, house_uses, "weights two");

    expect_u64(registry_layer(&r, "yard", "weights two")->gets, 1);
    expect_u64(registry_layer(&r, "yard", "person")->gets, 1);
    expect_u64(registry_layer(&r, "yard", "name: m")->gets, 1);
    house_wish(&h, &r, REL_3, "yard", &one); /* and back: it is still installed */
    house_await(&h, house_uses, "weights one");
    expect_u64(registry_layer(&r, "yard", "weights one")->gets, 1);
}

// covers: CIR-8
VD_TEST(cut_layer_goes_on_where_it_was_cut)
{
    static char weights[WEIGHTS_MOST];
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    registry_start(&r);
    house_new(&h, &r);
    memset(weights, 'w', sizeof weights - 1);
    vd_digest manifest = registry_model(&r, "yard", weights, "name: m", "person");
    registry_layer(&r, "yard", weights)->cut_at = 1500;

    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    house_await(&h, house_uses, weights);

    expect_u64(registry_layer(&r, "yard", weights)->gets, 2);
    expect_u64(registry_layer(&r, "yard", weights)->served, sizeof weights - 1);
}

static void expect_refused(house *h, const char *why)
{
    house_await(h, house_told_ends, "failed");
    if (!strstr(h->why, why)) fail_msg("'%s' says nothing of '%s'", h->why, why);
    expect_str(h->used, "own");
    expect_u64(h->swaps, 0);
}

// covers: CIR-8
VD_TEST(tampered_truncated_and_lengthened_layers_are_refused)
{
    static const char *const wrong[] = { "weights 0ne", "weigh", "weights one and more" };
    static const char *const why[] = { "arrived damaged", "ends before", "longer than" };
    for (unsigned i = 0; i < VD_COUNT_OF(wrong); i++) {
        VD_AUTO(registry_peer) r;
        VD_AUTO(house) h;
        registry_start(&r);
        house_new(&h, &r);
        vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
        shelf_item *item = registry_layer(&r, "yard", "weights one");
        vd_buf_clear(&item->bytes);
        vd_buf_add_str(&item->bytes, wrong[i]);

        house_open(&h);
        house_run(&h);
        house_wish(&h, &r, REL_1, "yard", &manifest);

        expect_refused(&h, why[i]);
    }
}

// covers: CIR-8
VD_TEST(model_without_a_good_signature_is_refused_before_its_weights_are_fetched)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    vd_release_key *stranger = NULL;
    char path[128];
    registry_start(&r);
    house_new(&h, &r);
    snprintf(path, sizeof path, "%s/stranger.key", h.dir);
    expect_ok(vd_release_key_open(path, &stranger, NULL));
    vd_digest unsigned_one = registry_unsigned(&r, "yard", "weights one");

    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &unsigned_one);
    expect_refused(&h, "not signed");
    registry_sign(&r, "yard", &unsigned_one, stranger);
    house_wish(&h, &r, REL_2, "yard", &unsigned_one);
    house_await(&h, house_told_ends, "verifying failed");
    expect_refused(&h, "");

    expect_u64(registry_layer(&r, "yard", "weights one")->gets, 0);
    vd_release_key_free(stranger);
}

VD_TEST(first_key_is_pinned_and_another_is_refused)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(registry_peer) other;
    VD_AUTO(house) h;
    registry_start(&r);
    registry_start(&other);
    house_new(&h, &r);
    vd_digest one = registry_model(&r, "yard", "weights one", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "weights two", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &one);
    house_await(&h, house_uses, "weights one");

    registry_sign(&r, "yard", &two, other.key);
    house_wish(&h, &other, REL_2, "yard", &two); /* the wish itself names the other key */
    house_await(&h, house_told_ends, "failed");

    assert_non_null(strstr(h.why, "another key"));
    expect_str(h.used, "weights one");
}

// covers: CIR-8
VD_TEST(model_that_fails_its_self_test_is_refused_with_what_it_said)
{
    static const struct {
        const char *const *command;
        const char *why;
    } bad[] = { { sees_other, "picture 2: no person" },
                { crashes, "crashed" },
                { hangs, "in time" } };
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(registry_peer) r;
        VD_AUTO(house) h;
        registry_start(&r);
        house_new(&h, &r);
        h.self_test = bad[i].command == hangs ? hangs_in_shell : bad[i].command;
        h.self_test_s = 1;
        vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");

        house_open(&h);
        house_run(&h);
        house_wish(&h, &r, REL_1, "yard", &manifest);

        expect_refused(&h, bad[i].why);
    }
}

// covers: CIR-8
VD_TEST(model_the_rules_cannot_live_with_is_refused_and_not_tried_again)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char text[2048];
    registry_start(&r);
    house_new(&h, &r);
    h.refuse = true;
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    expect_refused(&h, "goose");

    house_close(&h);
    h.told[0] = '\0';
    h.refuse = false;
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    house_report(&h, text);
    assert_non_null(strstr(text, "\"state\":\"failed\""));
    assert_non_null(strstr(text, "goose"));
    house_wish(&h, &r, REL_2, "yard", &manifest); /* a new release is a new try */
    house_await(&h, house_uses, "weights one");
}

// covers: CIR-8
VD_TEST(newest_wish_wins_and_the_older_is_abandoned)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    registry_start(&r);
    house_new(&h, &r);
    vd_digest one = registry_model(&r, "yard", "weights one", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "weights two", "name: m", "person");
    static const char *const first_hangs[] = {
        "/bin/sh", "-c", "echo testing; grep -q one $0/m.onnx && exec sleep 600; exit 0", NULL
    };
    h.self_test = first_hangs;
    house_open(&h);
    house_run(&h);

    house_wish(&h, &r, REL_1, "yard", &one);
    house_await(&h, house_told_ends, "testing");
    house_wish(&h, &r, REL_2, "yard", &two);
    house_await(&h, house_uses, "weights two");

    expect_u64(h.swaps, 1);
    assert_null(strstr(h.told, "failed"));
}

// covers: CIR-8
VD_TEST(model_that_fails_on_pictures_is_taken_back_by_itself)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char text[2048];
    vd_why nan = { .fact = "the model gives no numbers" };
    registry_start(&r);
    house_new(&h, &r);
    vd_digest one = registry_model(&r, "yard", "weights one", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "weights two", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &one);
    house_await(&h, house_told_ends, "active");
    house_prove(&h);
    house_wish(&h, &r, REL_2, "yard", &two);
    house_await(&h, house_told_ends, "installing active");

    vd_models_picture(h.models, NULL);
    for (unsigned i = 0; i < 3; i++) vd_models_picture(h.models, &nan);
    house_await(&h, house_told_ends, "returned");

    expect_str(h.used, "weights one");
    house_report(&h, text);
    assert_non_null(strstr(text, "\"state\":\"returned\""));
    assert_non_null(strstr(text, "no numbers"));
    assert_non_null(strstr(text, REL_2));
}

static void lay_trial(house *h, const registry_peer *r, const vd_digest *manifest)
{
    house_open(h);
    house_run(h);
    house_wish(h, r, REL_1, "yard", manifest);
    house_await(h, house_told_ends, "active");
    model_journal journal = h->models->journal; /* a death leaves this, an orderly end a mark */
    house_close(h);
    char dir[128];
    snprintf(dir, sizeof dir, "%s/models", h->dir);
    expect_ok(model_journal_save(dir, &journal, NULL));
}

// covers: CIR-8
VD_TEST(agent_that_dies_three_times_on_trial_goes_back_to_the_last_good_model)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char path[VD_MODELS_PATH_ROOM], text[2048];
    registry_start(&r);
    house_new(&h, &r);
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
    lay_trial(&h, &r, &manifest);

    for (unsigned death = 1; death <= 2; death++) {
        house_open(&h);
        expect_true(vd_models_path(h.models, path)); /* not started: nothing says an orderly end */
        h.models = vd_models_free(h.models);
    }
    house_open(&h);

    expect_false(vd_models_path(h.models, path));
    house_report(&h, text);
    assert_non_null(strstr(text, "\"state\":\"returned\""));
    assert_non_null(strstr(text, "ended 3 times"));
}

VD_TEST(orderly_restarts_on_trial_are_no_deaths)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char path[VD_MODELS_PATH_ROOM];
    registry_start(&r);
    house_new(&h, &r);
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    house_await(&h, house_told_ends, "active");
    house_close(&h);

    for (unsigned i = 0; i < 5; i++) {
        house_open(&h);
        house_run(&h);
        expect_true(vd_models_path(h.models, path));
        house_close(&h);
    }
}

VD_TEST(no_wish_is_a_wish_for_the_own_model)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    registry_start(&r);
    house_new(&h, &r);
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
    house_open(&h);
    house_run(&h);
    house_wish(&h, &r, REL_1, "yard", &manifest);
    house_await(&h, house_uses, "weights one");

    expect_ok(vd_models_wish(h.models, VD_STR("null"), NULL));
    house_await(&h, house_uses, "own");
    expect_err(vd_models_wish(h.models, VD_STR("{\"release\":\"x\"}"), NULL), VD_INVALID);
    expect_err(vd_models_wish(h.models, VD_STR("[["), NULL), VD_INVALID);
    expect_err(vd_models_wish(h.models,
                              VD_STR(
                                  "{\"release\":\"" REL_2 "\",\"repository\":\"../../etc\","
                                  "\"manifest\":\"sha256:"
                                  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff"
                                  "8a\"}"),
                              NULL),
               VD_INVALID);
}

VD_TEST(damaged_installed_model_is_not_used)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    char path[256], used[VD_MODELS_PATH_ROOM];
    registry_start(&r);
    house_new(&h, &r);
    vd_digest manifest = registry_model(&r, "yard", "weights one", "name: m", "person");
    lay_trial(&h, &r, &manifest);

    snprintf(path, sizeof path, "%s/models/%s/manifest.json", h.dir, manifest.hex);
    expect_ok(vd_file_save(path, 0640, VD_STR("{}"), NULL));
    house_open(&h);
    expect_false(vd_models_path(h.models, used));
    h.models = vd_models_free(h.models);
    snprintf(path, sizeof path, "%s/models/journal.json", h.dir);
    expect_ok(vd_file_save(path, 0640, VD_STR("{\"format\":7"), NULL));
    house_open(&h);
    expect_false(vd_models_path(h.models, used));
}

VD_TEST_MAIN(VD_RUN(released_model_is_fetched_checked_tested_and_only_then_used),
             VD_RUN(layers_that_are_here_are_not_fetched_again),
             VD_RUN(cut_layer_goes_on_where_it_was_cut),
             VD_RUN(tampered_truncated_and_lengthened_layers_are_refused),
             VD_RUN(model_without_a_good_signature_is_refused_before_its_weights_are_fetched),
             VD_RUN(first_key_is_pinned_and_another_is_refused),
             VD_RUN(model_that_fails_its_self_test_is_refused_with_what_it_said),
             VD_RUN(model_the_rules_cannot_live_with_is_refused_and_not_tried_again),
             VD_RUN(newest_wish_wins_and_the_older_is_abandoned),
             VD_RUN(model_that_fails_on_pictures_is_taken_back_by_itself),
             VD_RUN(agent_that_dies_three_times_on_trial_goes_back_to_the_last_good_model),
             VD_RUN(orderly_restarts_on_trial_are_no_deaths),
             VD_RUN(no_wish_is_a_wish_for_the_own_model),
             VD_RUN(damaged_installed_model_is_not_used))
