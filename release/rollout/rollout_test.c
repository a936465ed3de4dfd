/* Rollouts over scripted devices, on a real store, with the clock in hand. */
#include "rollout.h"

#include <stdlib.h>

#include "rollout_priv.h"
#include "scene.h"
#include "vd/clock.h"

static const vd_sql *const all_tables[] = { intake_sql, incident_sql, archive_sql, rollout_sql,
                                            NULL };
static const vd_store_schema all_schema = { .migrations = hub_migrations,
                                            .statements = all_tables };

#define DEVICES_MAX 16

typedef struct {
    char id[32];
    bool connected, deaf; /* deaf: its twin cannot be written */
    const char *site;
    char desired[512];  /* model, JSON; "": none */
    char reported[512]; /* model, JSON */
    unsigned told;
} gadget;

typedef struct {
    char dir[64], path[128];
    vd_committer *committer;
    vd_store_pool *readers;
    vd_rollouts *rollouts;
    unsigned count;
    gadget gadget[DEVICES_MAX];
    int64_t now_us;
} desk;

/* ---- the scripted devices ---- */

static vd_err desk_list(void *ctx, const char *after, vd_intake_device *into, size_t room,
                        size_t *ret_count, vd_why *why)
{
    desk *d = ctx;
    (void)why;
    *ret_count = 0;
    for (unsigned i = 0; i < d->count && *ret_count < room; i++) {
        if (strcmp(d->gadget[i].id, after) <= 0) continue;
        into[*ret_count] =
            (vd_intake_device){ .enabled = true, .connected = d->gadget[i].connected };
        memcpy(into[*ret_count].id, d->gadget[i].id, sizeof d->gadget[i].id);
        ++*ret_count;
    }
    return VD_OK;
}

static gadget *desk_thing(desk *d, const char *id)
{
    for (unsigned i = 0; i < d->count; i++)
        if (strcmp(d->gadget[i].id, id) == 0) return &d->gadget[i];
    return NULL;
}

static vd_err desk_twin(void *ctx, const char *device, vd_buf *into, vd_why *why)
{
    const gadget *t = desk_thing(ctx, device);
    if (!t) return vd_fail(why, VD_ABSENT, "no device '%s'", device);
    vd_buf_addf(into,
                "{\"tags\":{\"site\":\"%s\"},\"properties\":{\"desired\":{\"model\":%s},"
                "\"reported\":{\"model\":%s}}}",
                t->site, t->desired[0] ? t->desired : "null", t->reported[0] ? t->reported : "{}");
    return VD_OK;
}

static vd_err desk_wish(void *ctx, const char *device, vd_slice patch, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) model = VD_BUF(511);
    gadget *t = desk_thing(ctx, device);
    if (!t) return vd_fail(why, VD_ABSENT, "no device '%s'", device);
    if (t->deaf) return vd_fail(why, VD_RETRY, "not now");
    expect_ok(vd_json_parse(patch, 4096, 8, &root, NULL));
    const vd_json *node =
        vd_json_get(vd_json_get(vd_json_get(root, "properties"), "desired"), "model");
    t->desired[0] = '\0';
    if (vd_json_kind_of(node) == VD_JSON_IS_OBJECT) {
        expect_ok(vd_json_print(node, &model));
        vd_slice_to_chars(vd_buf_slice(&model), t->desired, sizeof t->desired);
    }
    t->told++;
    return VD_OK;
}

static gadget *add(desk *d, const char *id, const char *site)
{
    gadget *t = &d->gadget[d->count++];
    *t = (gadget){ .connected = true, .site = site };
    snprintf(t->id, sizeof t->id, "%s", id);
    return t;
}

/* The device says where it is with what it was told last. */
static void says(desk *d, const char *id, const char *state, int pictures, int errors)
{
    VD_AUTO(vd_json_ptr) desired = NULL;
    gadget *t = desk_thing(d, id);
    const char *release = "";

    if (t->desired[0]) {
        expect_ok(vd_json_parse(vd_slice_str(t->desired), 512, 4, &desired, NULL));
        release = vd_json_text(vd_json_get(desired, "release"), "");
    }
    snprintf(t->reported, sizeof t->reported,
             "{\"release\":%s%s%s,\"state\":\"%s\",\"why\":%s,\"pictures\":%d,\"errors\":%d}",
             release[0] ? "\"" : "", release[0] ? release : "null", release[0] ? "\"" : "", state,
             strstr("failed returned", state) ? "\"it sees nothing\"" : "null", pictures, errors);
}

/* ---- the desk ---- */

static void pass(desk *d, int64_t seconds)
{
    d->now_us += seconds * S;
    vd_clock_fake(d->now_us, d->now_us);
}

static void look(desk *d)
{
    vd_why why = { 0 };
    if (vd_rollouts_look(d->rollouts, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

static void desk_open(desk *d)
{
    vd_store *store = NULL;
    const vd_rollout_devices devices = {
        .ctx = d, .list = desk_list, .twin = desk_twin, .wish = desk_wish
    };

    expect_ok(vd_store_open(d->path, VD_STORE_WRITE, &all_schema, &store, NULL));
    expect_ok(vd_committer_new(store, 2048, 64, &d->committer, NULL));
    expect_ok(vd_store_pool_new(d->path, &all_schema, 2, &d->readers, NULL));
    vd_rollouts_parts parts = {
        .committer = d->committer, .readers = d->readers, .devices = devices, .soak_s = 60
    };
    expect_ok(vd_rollouts_new(&parts, &d->rollouts, NULL));
}

static void desk_new(desk *d)
{
    *d = (desk){ .dir = "/tmp/vedette-rollout-XXXXXX", .now_us = T0 };
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->path, sizeof d->path, "%s/hub.db", d->dir);
    vd_clock_fake(T0, T0);
    desk_open(d);
}

static void desk_close(desk *d)
{
    d->rollouts = vd_rollouts_free(d->rollouts);
    d->readers = vd_store_pool_free(d->readers);
    d->committer = vd_committer_free(d->committer);
}

static void desk_done(desk *d)
{
    char command[128];
    desk_close(d);
    vd_clock_fake(-1, -1);
    snprintf(command, sizeof command, "rm -rf '%s'", d->dir);
    expect_i64(system(command), 0);
}
VD_AUTO_DEFINE(desk, desk_done)

static vd_rollout_new wish_of(char model)
{
    vd_rollout_new n = { .name = "yard",
                         .repository = "models/yard",
                         .key = "cHVibGljIGtleSBvZiAzMiBieXRlcyBpbiBiYXNlNjQ=",
                         .condition = "tags.site = 'north'",
                         .false_alarm_limit = 0.1,
                         .who = "ada" };
    memset(n.model.hex, model, VD_SHA256_HEX);
    memset(n.manifest.hex, model, VD_SHA256_HEX);
    return n;
}

static vd_ulid start(desk *d, char model)
{
    vd_rollout_new n = wish_of(model);
    vd_ulid id;
    vd_why why = { 0 };
    pass(d, 1);
    if (vd_rollout_start(d->rollouts, &n, &id, &why)) fail_msg("%s", why.fact);
    look(d);
    return id;
}

static vd_json *show(desk *d, const vd_ulid *id)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json_w w = vd_json_writer(&text);
    vd_json *root = NULL;
    vd_store *store = vd_store_pool_take(d->readers);
    expect_ok(vd_rollout_write(d->rollouts, store, id->text, &w, NULL));
    vd_store_pool_give(d->readers, store);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 8, &root, NULL));
    return root;
}

static void expect_state(desk *d, const vd_ulid *id, const char *state)
{
    VD_AUTO(vd_json_ptr) shown = show(d, id);
    const char *have = vd_json_text(vd_json_get(shown, "state"), "");
    if (strcmp(have, state) != 0)
        fail_msg("is '%s' (%s), expected '%s'", have,
                 vd_json_text(vd_json_get(shown, "why"), "no why"), state);
}

static void expect_part(desk *d, const vd_ulid *id, const char *device, const char *state)
{
    VD_AUTO(vd_json_ptr) shown = show(d, id);
    const vd_json *list = vd_json_get(shown, "devices");
    for (size_t i = 0; i < vd_json_len(list); i++) {
        const vd_json *p = vd_json_at(list, i);
        if (strcmp(vd_json_text(vd_json_get(p, "device"), ""), device) != 0) continue;
        expect_str(vd_json_text(vd_json_get(p, "state"), ""), state);
        return;
    }
    fail_msg("'%s' is no part of it", device);
}

static bool has_model(desk *d, const char *id, char model)
{
    char manifest[65] = "";
    const gadget *t = desk_thing(d, id);
    memset(manifest, model, 64);
    return t && strstr(t->desired, manifest) != NULL;
}

static void goes_well(desk *d, const char *id)
{
    says(d, id, "active", 1000, 0), look(d);
}

static void three_devices(desk *d)
{
    desk_new(d);
    add(d, "a", "north")->connected = false;
    add(d, "b", "north");
    add(d, "c", "north");
    add(d, "s", "south");
}

// covers: CIR-8
VD_TEST(canary_goes_first_and_the_others_follow_when_it_has_run_well)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid id = start(&d, 'b');

    expect_true(has_model(&d, "b", 'b')); /* the first that is connected */
    expect_false(has_model(&d, "a", 'b') || has_model(&d, "c", 'b'));
    says(&d, "b", "testing", 0, 0);
    look(&d);
    expect_part(&d, &id, "b", "testing");
    goes_well(&d, "b");
    pass(&d, 59);
    look(&d);
    expect_state(&d, &id, "canary");
    pass(&d, 2);
    look(&d);
    expect_state(&d, &id, "stages");
    for (unsigned stage = 0; stage < 3; stage++) {
        look(&d);
        for (const char *each = "abc"; *each; each++) {
            char name[2] = { *each, 0 };
            if (has_model(&d, name, 'b')) says(&d, name, "active", 1000, 0);
        }
        look(&d);
        pass(&d, 61);
        look(&d);
    }

    expect_state(&d, &id, "done");
    expect_true(has_model(&d, "a", 'b')); /* away: the wish waits in its twin */
    expect_true(has_model(&d, "c", 'b'));
    expect_str(desk_thing(&d, "s")->desired, "");
    add(&d, "z", "north"); /* a device that comes later */
    look(&d);
    expect_true(has_model(&d, "z", 'b'));
}

// covers: CIR-8
VD_TEST(canary_that_fails_halts_the_rollout_and_gets_its_former_release_back)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    snprintf(desk_thing(&d, "b")->desired, 512,
             "{\"release\":\"01J00000000000000000000001\",\"manifest\":\"sha256:old\"}");
    vd_ulid id = start(&d, 'b');
    expect_true(has_model(&d, "b", 'b'));

    says(&d, "b", "failed", 0, 0);
    look(&d);

    expect_state(&d, &id, "halted");
    expect_part(&d, &id, "b", "failed");
    assert_non_null(strstr(desk_thing(&d, "b")->desired, "sha256:old"));
    expect_str(desk_thing(&d, "c")->desired, "");
    VD_AUTO(vd_json_ptr) shown = show(&d, &id);
    assert_non_null(strstr(vd_json_text(vd_json_get(shown, "why"), ""), "it sees nothing"));
}

VD_TEST(device_that_returned_by_itself_counts_as_failed)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid id = start(&d, 'b');
    goes_well(&d, "b");
    says(&d, "b", "returned", 0, 0);
    look(&d);
    expect_state(&d, &id, "halted");
    expect_str(desk_thing(&d, "b")->desired, "");
}

VD_TEST(canary_that_goes_away_or_looks_at_nothing_proves_nothing)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid id = start(&d, 'b');
    goes_well(&d, "b");
    pass(&d, 50);
    desk_thing(&d, "b")->connected = false;
    look(&d);
    desk_thing(&d, "b")->connected = true;
    look(&d);
    pass(&d, 20); /* 70 s active, but only 20 since it is back */
    look(&d);
    expect_state(&d, &id, "canary");
    says(&d, "b", "active", 1, 0);
    pass(&d, 100);
    look(&d);
    expect_state(&d, &id, "canary"); /* one picture is not enough */
    says(&d, "b", "active", 10, 0);
    look(&d);
    expect_state(&d, &id, "stages");
}

VD_TEST(pictures_that_cannot_be_looked_at_halt_it)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid id = start(&d, 'b');
    says(&d, "b", "active", 100, 2);
    look(&d);
    expect_state(&d, &id, "canary");
    says(&d, "b", "active", 100, 3);
    look(&d);
    expect_state(&d, &id, "halted");
    expect_part(&d, &id, "b", "failed");
}

/* ---- verdicts ---- */

typedef struct {
    char model;
    double start_s;
    bool false_alarm;
} alarm_of;

static vd_err raise_alarm(vd_store *store, void *arg, vd_why *why)
{
    const alarm_of *a = arg;
    vd_event event = scene_event(a->start_s, a->start_s + 1);
    vd_incident_outcome outcome;
    char json[200];

    event.device = "b";
    event.rule_id = event.id.text; /* each an incident of its own */
    memset(event.model_digest.hex, a->model, VD_SHA256_HEX);
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"revision\":3,\"evidence\":[]}", event.id.text);
    vd_err err =
        vd_incident_take(store, event.device, &event, vd_slice_str(json), 1000, &outcome, why);
    if (err) return err;
    vd_stmt *stmt = vd_store_stmt(store, "resolve_incident");
    vd_bind_text(stmt, "id", outcome.incident.text);
    vd_bind_text(stmt, "who", "ada");
    vd_bind_text(stmt, "verdict", a->false_alarm ? "false_alarm" : "true");
    vd_bind_text(stmt, "note", NULL);
    vd_bind_int(stmt, "now_us", event.start_utc_us);
    return vd_stmt_run(stmt, NULL, why);
}

static void alarms(desk *d, char model, unsigned good, unsigned false_ones, double start_s)
{
    for (unsigned i = 0; i < good + false_ones; i++) {
        alarm_of a = { model, start_s + i * 0.001, i >= good };
        vd_why why = { 0 };
        if (vd_committer_run(d->committer, raise_alarm, &a, &why)) fail_msg("%s", why.fact);
    }
}

// covers: CIR-8
VD_TEST(people_who_call_more_alarms_false_than_before_halt_it)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    alarms(&d, 'a', 8, 2, -1000); /* 2 of 10 were false before */
    vd_ulid id = start(&d, 'b');
    goes_well(&d, "b");
    double since_s = (double)(d.now_us - T0) / S;
    pass(&d, 10);
    alarms(&d, 'b', 2, 1, since_s + 1);
    look(&d);
    expect_state(&d, &id, "canary"); /* 1 of 3: too few to be sure */
    alarms(&d, 'b', 0, 3, since_s + 2);
    look(&d);

    expect_state(&d, &id, "halted");
    VD_AUTO(vd_json_ptr) shown = show(&d, &id);
    const vd_json *facts = vd_json_get(shown, "false_alarms");
    expect_i64(vd_json_int(vd_json_get(facts, "verdicts"), 0), 6);
    expect_i64(vd_json_int(vd_json_get(facts, "false_alarms"), 0), 4);
    expect_i64(vd_json_int(vd_json_get(facts, "former_verdicts"), 0), 10);
    expect_i64(vd_json_int(vd_json_get(facts, "former_false_alarms"), 0), 2);
    expect_str(desk_thing(&d, "b")->desired, "");
    expect_part(&d, &id, "b", "returning");
    says(&d, "b", "active", 1, 0);
    look(&d);
    expect_part(&d, &id, "b", "returned");
}

// covers: CIR-8
VD_TEST(canary_that_has_gone_blind_halts_it)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    alarms(&d, 'a', 8, 0, -20);
    vd_ulid id = start(&d, 'b');
    goes_well(&d, "b");
    look(&d);
    expect_state(&d, &id, "canary"); /* no time has passed: nothing to compare with */
    pass(&d, 30);
    look(&d);
    expect_state(&d, &id, "halted");
}

/* ---- people ---- */

VD_TEST(people_halt_resume_and_return_and_the_history_says_who)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid id = start(&d, 'b');
    goes_well(&d, "b");
    expect_ok(vd_rollout_do(d.rollouts, id.text, VD_ROLLOUT_HALT, "ben", "lunch", NULL));
    look(&d);
    expect_state(&d, &id, "halted");
    expect_true(has_model(&d, "b", 'b')); /* a person's halt takes nothing back */
    expect_err(vd_rollout_do(d.rollouts, id.text, VD_ROLLOUT_HALT, "ben", NULL, NULL), VD_CONFLICT);
    char before[512];
    memcpy(before, desk_thing(&d, "b")->desired, sizeof before);
    expect_ok(vd_rollout_do(d.rollouts, id.text, VD_ROLLOUT_RESUME, "ben", NULL, NULL));
    look(&d);
    expect_state(&d, &id, "canary");
    expect_true(strcmp(before, desk_thing(&d, "b")->desired) != 0); /* a new release: a new try */
    goes_well(&d, "b");
    expect_ok(vd_rollout_do(d.rollouts, id.text, VD_ROLLOUT_RETURN, "cyd", "no", NULL));
    look(&d);
    expect_state(&d, &id, "returned");
    expect_str(desk_thing(&d, "b")->desired, "");
    says(&d, "b", "active", 1, 0);
    look(&d);
    expect_part(&d, &id, "b", "returned");
    expect_err(vd_rollout_do(d.rollouts, id.text, VD_ROLLOUT_RESUME, "ben", NULL, NULL),
               VD_CONFLICT);
    expect_err(vd_rollout_do(d.rollouts, "01J00000000000000000000009", VD_ROLLOUT_HALT, "b", NULL,
                             NULL),
               VD_ABSENT);
    VD_AUTO(vd_json_ptr) shown = show(&d, &id);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    expect_ok(vd_json_print(vd_json_get(shown, "history"), &text));
    assert_non_null(strstr(text.data, "\"who\":\"ben\",\"what\":\"halted\",\"text\":\"lunch\""));
    assert_non_null(strstr(text.data, "\"who\":\"cyd\",\"what\":\"return\",\"text\":\"no\""));
    assert_non_null(strstr(text.data, "\"who\":\"rollout\",\"what\":\"told\",\"device\":\"b\""));
}

// covers: CIR-8
VD_TEST(newer_rollout_takes_the_devices_and_the_older_ends)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    vd_ulid first = start(&d, 'b');
    goes_well(&d, "b");
    vd_ulid second = start(&d, 'c');
    look(&d);

    expect_state(&d, &first, "superseded");
    expect_state(&d, &second, "canary");
    expect_true(has_model(&d, "b", 'c'));
    says(&d, "b", "failed", 0, 0);
    look(&d);
    expect_state(&d, &second, "halted");
    expect_true(has_model(&d, "b", 'b')); /* back to what the first one had brought */
}

VD_TEST(wish_that_could_not_be_written_is_written_after_a_restart)
{
    VD_AUTO(desk) d;
    three_devices(&d);
    desk_thing(&d, "b")->deaf = true;
    vd_ulid id = start(&d, 'b');
    expect_part(&d, &id, "b", "told");
    expect_str(desk_thing(&d, "b")->desired, "");

    desk_close(&d);
    desk_open(&d);
    desk_thing(&d, "b")->deaf = false;
    look(&d);

    expect_true(has_model(&d, "b", 'b'));
    look(&d);
    expect_u64(desk_thing(&d, "b")->told, 1);
}

VD_TEST(rollouts_that_make_no_sense_are_refused)
{
    VD_AUTO(desk) d;
    vd_ulid id;
    three_devices(&d);
    vd_rollout_new n = wish_of('b');
    n.condition = "tags.site = ";
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_INVALID);
    n = wish_of('b');
    n.canary = "s"; /* in the south */
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_ABSENT);
    n.canary = "nobody";
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_ABSENT);
    n = wish_of('b');
    n.stage_count = 2, n.stages[0] = 50, n.stages[1] = 50;
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_INVALID);
    n.stages[1] = 90;
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_INVALID);
    n = wish_of('b');
    expect_ok(vd_rollout_start(d.rollouts, &n, &id, NULL));
    expect_err(vd_rollout_start(d.rollouts, &n, &id, NULL), VD_CONFLICT);
}

VD_TEST(named_canary_is_waited_for_and_deleted_devices_are_left)
{
    VD_AUTO(desk) d;
    vd_ulid id;
    three_devices(&d);
    vd_rollout_new n = wish_of('b');
    n.canary = "a"; /* away */
    expect_ok(vd_rollout_start(d.rollouts, &n, &id, NULL));
    look(&d);
    pass(&d, 1000);
    look(&d);
    expect_state(&d, &id, "canary");
    expect_true(has_model(&d, "a", 'b'));
    expect_false(has_model(&d, "b", 'b'));
    snprintf(desk_thing(&d, "a")->id, 32, "A"); /* deleted; another one was made */
    look(&d);
    look(&d);
    expect_part(&d, &id, "a", "left");
}

VD_TEST(small_samples_do_not_halt_and_large_ones_do)
{
    rollout_facts f = { .verdicts = 2, .false_alarms = 2 };
    expect_ok(health_false_alarms(&f, 0.1, NULL));
    f = (rollout_facts){ .verdicts = 3, .false_alarms = 3 };
    expect_err(health_false_alarms(&f, 0.1, NULL), VD_CONFLICT);
    f = (rollout_facts){
        .verdicts = 3, .false_alarms = 3, .former_verdicts = 10, .former_false_alarms = 9
    };
    expect_ok(health_false_alarms(&f, 0.1, NULL)); /* it was as bad before */
    f = (rollout_facts){
        .verdicts = 100, .false_alarms = 40, .former_verdicts = 100, .former_false_alarms = 20
    };
    expect_err(health_false_alarms(&f, 0.1, NULL), VD_CONFLICT);
    expect_ok(health_false_alarms(&f, 0.2, NULL));
    expect_near(health_wilson_low(3, 3), 0.646, 0.001);
    expect_near(health_wilson_low(0, 10), 0, 1e-9);
}

VD_TEST_MAIN(VD_RUN(canary_goes_first_and_the_others_follow_when_it_has_run_well),
             VD_RUN(canary_that_fails_halts_the_rollout_and_gets_its_former_release_back),
             VD_RUN(device_that_returned_by_itself_counts_as_failed),
             VD_RUN(canary_that_goes_away_or_looks_at_nothing_proves_nothing),
             VD_RUN(pictures_that_cannot_be_looked_at_halt_it),
             VD_RUN(people_who_call_more_alarms_false_than_before_halt_it),
             VD_RUN(canary_that_has_gone_blind_halts_it),
             VD_RUN(people_halt_resume_and_return_and_the_history_says_who),
             VD_RUN(newer_rollout_takes_the_devices_and_the_older_ends),
             VD_RUN(wish_that_could_not_be_written_is_written_after_a_restart),
             VD_RUN(rollouts_that_make_no_sense_are_refused),
             VD_RUN(named_canary_is_waited_for_and_deleted_devices_are_left),
             VD_RUN(small_samples_do_not_halt_and_large_ones_do))
