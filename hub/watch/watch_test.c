#include "watch.h"

#include <math.h>

#include "scene.h"
#include "vd/clock.h"
#include "vd/sketch.h"

#define HOUR (3600 * S)

static const vd_sql *const tables[] = { intake_sql,  incident_sql, people_sql,
                                        archive_sql, watch_sql,    NULL };

/* ---- a hub that keeps the events it is handed as incidents ---- */

typedef struct {
    unsigned events, opened;
    vd_ulid incident;
    char title[256], severity[16], phase[16];
    unsigned evidence;
} heard;
static heard ear;

static vd_err on_event(void *ctx, vd_store *store, const vd_event *event, vd_slice json,
                       vd_incident_outcome *ret_outcome, vd_why *why)
{
    (void)ctx;
    vd_err err = vd_incident_take(store, event->device, event, json, 60000, ret_outcome, why);
    if (err) return err;
    ear.events++;
    ear.opened += ret_outcome->opened;
    ear.incident = ret_outcome->incident;
    ear.evidence = event->evidence_count;
    (void)snprintf(ear.title, sizeof ear.title, "%s", event->title);
    (void)snprintf(ear.severity, sizeof ear.severity, "%s", event->severity);
    (void)snprintf(ear.phase, sizeof ear.phase, "%s", event->phase);
    return VD_OK;
}

static const vd_watch_config config = { .learn = 24,
                                        .false_alarms_per_year = 1,
                                        .event = on_event };

/* ---- a camera's hours ---- */

typedef struct {
    double brightness, contrast, sharpness, score;
    const char *classes, *model;
    char picture; /* a letter names it; 0: none */
    unsigned pictures;
} look;

static const look clear = { 120, 50, 400, 0.7, "{\"person\":80,\"car\":20}", "a", 0, 900 };

static double wobble(unsigned n, double by)
{
    return by * sin(n * 2.399963); /* never the same, never far */
}

static void write_series(vd_json_w *w, const char *name, double value, unsigned count)
{
    static const double edges[] = { 0.5, 10, 100, 1000 };
    vd_sketch s = vd_sketch_of(edges, 4);
    for (unsigned i = 0; i < count; i++) vd_sketch_add(&s, value);
    vd_json_w_key(w, name);
    vd_sketch_write(&s, w);
}

static void write_window(vd_buf *into, unsigned hour, const look *l)
{
    char digest[VD_SHA256_HEX + 1] = "";
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "camera", "yard-1");
    vd_json_w_kv_time(&w, "start", T0 + hour * HOUR);
    vd_json_w_kv_time(&w, "end", T0 + (hour + 1) * HOUR);
    vd_json_w_kv_int(&w, "live_ms", 3600000);
    vd_json_w_kv_int(&w, "pictures", l->pictures);
    vd_json_w_key(&w, "series");
    vd_json_w_object(&w);
    if (l->pictures) {
        write_series(&w, "brightness", l->brightness + wobble(hour, 4), l->pictures);
        write_series(&w, "contrast", l->contrast * (1 + wobble(hour + 3, 0.04)), l->pictures);
        write_series(&w, "sharpness", l->sharpness * (1 + wobble(hour + 5, 0.05)), l->pictures);
        write_series(&w, "score", l->score + wobble(hour + 7, 0.01), 100);
    }
    vd_json_w_object_end(&w);
    vd_json_w_key(&w, "classes");
    vd_json_w_raw(&w, vd_slice_str(l->classes));
    vd_json_w_key(&w, "model");
    vd_json_w_object(&w);
    memset(digest, l->model[0], VD_SHA256_HEX);
    vd_json_w_kv_text(&w, "name", "centernet");
    vd_json_w_kv_text(&w, "digest", digest);
    vd_json_w_object_end(&w);
    if (l->picture) {
        memset(digest, l->picture, VD_SHA256_HEX);
        vd_json_w_key(&w, "picture");
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "digest", digest);
        vd_json_w_kv_int(&w, "bytes", 40000);
        vd_json_w_kv_int(&w, "width", 640);
        vd_json_w_kv_int(&w, "height", 480);
        vd_json_w_kv_time(&w, "captured_at", T0 + hour * HOUR);
        vd_json_w_object_end(&w);
    }
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
}

static void show(scene *s, unsigned hour, const look *l)
{
    VD_AUTO(vd_buf) json = VD_BUF(65536);
    vd_why why = { 0 };
    write_window(&json, hour, l);
    vd_clock_fake(1000 + hour * HOUR, T0 + (hour + 1) * HOUR + S);
    vd_err err = vd_watch_take(s->store, &config, "yard", vd_buf_slice(&json), &why);
    if (err) print_error("%s: %s\n", why.fact, why.detail);
    expect_ok(err);
}

static void show_many(scene *s, unsigned from, unsigned to, const look *l)
{
    for (unsigned hour = from; hour < to; hour++) show(s, hour, l);
}

static vd_json *camera_of(scene *s)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_watch_write_detail(s->store, &config, "yard", "yard-1", 0, 0, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 32, &root, NULL));
    return root;
}

static scene begin(void)
{
    ear = (heard){ 0 };
    return scene_open(tables);
}

static void expect_state(scene *s, const char *state)
{
    VD_AUTO(vd_json_ptr) camera = camera_of(s);
    expect_str(scene_text(camera, "state"), state);
}

// covers: CIR-9
VD_TEST(a_smeared_lens_opens_an_incident_that_says_what_changed_with_pictures_before_and_after)
{
    VD_AUTO(scene) s = begin();
    look first = clear, smeared = clear, shown = clear;
    first.picture = 'b';
    smeared.sharpness = shown.sharpness = 40;
    shown.picture = 'c';
    show(&s, 0, &first);
    expect_state(&s, "learning");
    show_many(&s, 1, 60, &clear);
    expect_state(&s, "steady");
    expect_u64(ear.events, 0);

    show(&s, 60, &shown);
    show_many(&s, 61, 64, &smeared);
    expect_u64(ear.opened, 1);
    assert_non_null(strstr(ear.title, "lens of yard-1 less sharp since "));
    assert_non_null(strstr(ear.title, ": sharpness 4"));
    assert_non_null(strstr(ear.title, " -> "));
    expect_str(ear.severity, "high");
    expect_u64(ear.evidence, 2);
    VD_AUTO(vd_json_ptr) camera = camera_of(&s);
    expect_str(scene_text(camera, "state"), "drifted");
    expect_str(scene_text(camera, "text"), ear.title);
    expect_str(scene_text(camera, "incident"), ear.incident.text);
    int64_t since = 0;
    expect_true(vd_utc_parse(vd_slice_str(scene_text(camera, "since")), &since));
    expect_i64(since, T0 + 60 * HOUR);
    const vd_json *change = vd_json_at(vd_json_get(camera, "changes"), 0);
    expect_str(scene_text(change, "series"), "sharpness");
    VD_AUTO(vd_json_ptr) incident = scene_show(&s, ear.incident.text);
    expect_str(scene_text(incident, "title"), ear.title);
    expect_str(scene_text(vd_json_at(vd_json_get(incident, "history"), 0), "who"), "hub");
}

VD_TEST(the_drift_ends_when_the_camera_looks_as_before_and_does_not_come_again)
{
    VD_AUTO(scene) s = begin();
    look smeared = clear;
    smeared.sharpness = 40;
    show_many(&s, 0, 60, &clear);
    show_many(&s, 60, 70, &smeared);
    show_many(&s, 70, 72, &clear);
    expect_str(ear.phase, "end");
    expect_state(&s, "steady");
    unsigned before = ear.events;
    show_many(&s, 72, 120, &clear);
    expect_u64(ear.events, before);
    expect_u64(ear.opened, 1);
}

VD_TEST(what_comes_twice_changes_nothing)
{
    VD_AUTO(scene) s = begin();
    look smeared = clear;
    smeared.sharpness = 40;
    show_many(&s, 0, 30, &clear);
    for (unsigned n = 0; n < 20; n++) show(&s, 30, &smeared);
    expect_u64(ear.events, 0);
    VD_AUTO(vd_json_ptr) camera = camera_of(&s);
    const vd_json *series = vd_json_at(vd_json_get(camera, "series"), 0);
    expect_u64(vd_json_len(vd_json_get(series, "points")), 31);
}

VD_TEST(a_new_reference_ends_the_drift_and_is_learned_anew)
{
    VD_AUTO(scene) s = begin();
    look moved = clear;
    moved.brightness = 60;
    show_many(&s, 0, 40, &clear);
    show_many(&s, 40, 50, &moved);
    expect_u64(ear.opened, 1);
    expect_ok(vd_watch_accept(s.store, &config, "yard", "yard-1", "olga", NULL));
    expect_str(ear.phase, "end");
    show_many(&s, 50, 70, &moved);
    VD_AUTO(vd_json_ptr) camera = camera_of(&s);
    expect_str(scene_text(camera, "state"), "learning");
    expect_str(scene_text(vd_json_get(camera, "reference"), "accepted_by"), "olga");
    show_many(&s, 70, 120, &moved);
    expect_state(&s, "steady");
    expect_u64(ear.opened, 1);
    expect_err(vd_watch_accept(s.store, &config, "yard", "nobody", "olga", NULL), VD_ABSENT);
}

VD_TEST(another_model_is_no_drift_of_scores_but_less_sure_ones_are)
{
    VD_AUTO(scene) s = begin();
    look other = clear, unsure = clear;
    other.model = "d";
    other.score = 0.4;
    other.classes = "{\"bicycle\":50}";
    unsure = other;
    unsure.score = 0.15;
    show_many(&s, 0, 40, &clear);
    show_many(&s, 40, 100, &other);
    expect_u64(ear.events, 0);
    show_many(&s, 100, 106, &unsure);
    expect_u64(ear.opened, 1);
    assert_non_null(strstr(ear.title, "model less sure at yard-1 since"));
    expect_str(ear.severity, "low");
}

VD_TEST(other_things_than_before_are_told)
{
    VD_AUTO(scene) s = begin();
    look other = clear;
    other.classes = "{\"truck\":90,\"person\":10}";
    show_many(&s, 0, 60, &clear);
    show_many(&s, 60, 70, &other);
    expect_u64(ear.opened, 1);
    assert_non_null(strstr(ear.title, "yard-1 sees other things than before"));
}

VD_TEST(a_black_picture_is_called_black)
{
    VD_AUTO(scene) s = begin();
    look black = clear;
    show_many(&s, 0, 60, &clear);
    black.brightness = 5;
    black.sharpness = 1;
    black.contrast = 2;
    show_many(&s, 60, 66, &black);
    expect_u64(ear.opened, 1);
    assert_non_null(strstr(ear.title, "picture of yard-1 black since "));
    expect_str(ear.severity, "high");
}

VD_TEST(hours_without_pictures_are_neither_learned_nor_judged)
{
    VD_AUTO(scene) s = begin();
    look away = clear;
    away.pictures = 0;
    away.classes = "{}";
    show_many(&s, 0, 10, &clear);
    show_many(&s, 10, 40, &away);
    expect_state(&s, "learning");
    show_many(&s, 40, 60, &clear);
    expect_state(&s, "steady");
    show_many(&s, 60, 90, &away);
    expect_u64(ear.events, 0);
    expect_state(&s, "steady");
}

VD_TEST(a_camera_that_says_nothing_any_more_is_silent)
{
    VD_AUTO(scene) s = begin();
    show_many(&s, 0, 30, &clear);
    vd_clock_fake(1000, T0 + 35 * HOUR);
    expect_state(&s, "silent");
}

VD_TEST(what_is_no_sketch_is_refused_and_leaves_no_trace)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"camera\":\"yard-1\"}",
        "{\"camera\":\"../x\",\"start\":\"2023-11-14T22:00:00Z\",\"end\":\"2023-11-14T23:00:00Z\","
        "\"pictures\":9,\"series\":{}}",
        "{\"camera\":\"a\",\"start\":\"2023-11-14T23:00:00Z\",\"end\":\"2023-11-14T22:00:00Z\","
        "\"pictures\":9,\"series\":{}}",
        "{\"camera\":\"a\",\"start\":\"2099-11-14T22:00:00Z\",\"end\":\"2099-11-14T23:00:00Z\","
        "\"pictures\":9,\"series\":{}}",
        "{\"camera\":\"a\",\"start\":\"2023-11-14T22:00:00Z\",\"end\":\"2023-11-14T23:00:00Z\","
        "\"pictures\":9,\"series\":{\"brightness\":{\"edges\":[1]}}}",
        "{\"camera\":\"a\",\"start\":\"2023-11-14T22:00:00Z\",\"end\":\"2023-11-14T23:00:00Z\","
        "\"pictures\":9,\"series\":{},\"classes\":{\"a\":-1}}",
        "{\"camera\":\"a\",\"start\":\"2023-11-14T22:00:00Z\",\"end\":\"2023-11-14T23:00:00Z\","
        "\"pictures\":9,\"series\":{},\"picture\":{\"digest\":\"x\"}}",
    };
    VD_AUTO(scene) s = begin();
    vd_clock_fake(1000, T0 + HOUR);
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_why why = { 0 };
        expect_err(vd_watch_take(s.store, &config, "yard", vd_slice_str(bad[i]), &why), VD_INVALID);
        expect_true(why.fact[0] != '\0');
    }
    expect_err(vd_watch_accept(s.store, &config, "yard", "a", "x", NULL), VD_ABSENT);
    vd_clock_fake(-1, -1);
}

VD_TEST_MAIN(
    VD_RUN(a_smeared_lens_opens_an_incident_that_says_what_changed_with_pictures_before_and_after),
    VD_RUN(the_drift_ends_when_the_camera_looks_as_before_and_does_not_come_again),
    VD_RUN(what_comes_twice_changes_nothing),
    VD_RUN(a_new_reference_ends_the_drift_and_is_learned_anew),
    VD_RUN(another_model_is_no_drift_of_scores_but_less_sure_ones_are),
    VD_RUN(other_things_than_before_are_told), VD_RUN(a_black_picture_is_called_black),
    VD_RUN(hours_without_pictures_are_neither_learned_nor_judged),
    VD_RUN(a_camera_that_says_nothing_any_more_is_silent),
    VD_RUN(what_is_no_sketch_is_refused_and_leaves_no_trace))
