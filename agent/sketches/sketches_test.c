#include "sketches.h"

#include <stdlib.h>

#include "vd/clock.h"
#include "vd/sketch.h"
#include "vd/test.h"
#include "vocabulary_stub_priv.h"

#define S 1000000ll

/* ---- two models of many classes, by name only ---- */

static const vd_vocabulary *model(char letter)
{
    static char name[64][32];
    static const char *classes[64];
    static vd_vocabulary *words[2];
    for (unsigned i = 0; i < 64; i++) {
        snprintf(name[i], sizeof name[i], "class-%u-of-a-long-name", i);
        classes[i] = name[i];
    }
    return words_stub(&words[letter - 'a'], letter, classes, 64, 0.3f);
}

/* ---- what was told ---- */

typedef struct {
    unsigned told, pictures;
    size_t longest;
    char last[VD_SKETCHES_BYTES_MAX + 1];
    vd_sketches *sketches;
    int64_t now_us;
} desk;

static void on_told(void *ctx, const char *camera, vd_slice json, vd_slice jpeg)
{
    desk *d = ctx;
    expect_str(camera, "gate");
    d->told++;
    d->pictures += jpeg.len > 0;
    if (json.len > d->longest) d->longest = json.len;
    vd_slice_to_chars(json, d->last, sizeof d->last);
}

static void set_time(desk *d, int64_t now_us)
{
    d->now_us = now_us;
    vd_clock_fake(now_us, now_us);
}

static void desk_new(desk *d, int64_t window_ms)
{
    *d = (desk){ 0 };
    set_time(d, 1700000000 * S - 1700000000 * S % (3600 * S));
    const vd_sketches_sink sink = { .ctx = d, .told = on_told };
    expect_ok(vd_sketches_new("gate", window_ms, &sink, &d->sketches));
}

static void desk_done(desk *d)
{
    d->sketches = vd_sketches_free(d->sketches);
    vd_clock_fake(-1, -1);
}
VD_AUTO_DEFINE(desk, desk_done)

static void show(desk *d, uint8_t luma)
{
    static uint8_t plane[64 * 48], grey[32 * 24];
    vd_frame *frame = NULL;
    memset(plane, luma, sizeof plane);
    memset(grey, 128, sizeof grey);
    vd_picture picture = { .width_px = 64,
                           .height_px = 48,
                           .plane = { plane, grey, grey },
                           .stride = { 64, 32, 32 },
                           .full_range = true,
                           .utc_us = d->now_us };
    expect_ok(vd_frame_copy(&picture, &frame));
    vd_sketches_picture(d->sketches, frame);
    vd_frame_unref(frame);
}

/* Four pictures a second and a tick each, until so many seconds have gone by. */
static void run(desk *d, unsigned seconds, uint8_t luma)
{
    for (unsigned i = 0; i < seconds * 4; i++) {
        set_time(d, d->now_us + S / 4);
        show(d, luma);
        if (i % 4 == 3) vd_sketches_tick(d->sketches, true);
    }
}

static vd_json *last_of(const desk *d)
{
    vd_json *root = NULL;
    expect_ok(vd_json_parse(vd_slice_str(d->last), VD_SKETCHES_BYTES_MAX, 16, &root, NULL));
    return root;
}

VD_TEST(a_window_over_is_told_with_what_its_pictures_look_like)
{
    VD_AUTO(desk) d;
    desk_new(&d, 10000);
    run(&d, 12, 80);
    expect_u64(d.told, 1);
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    expect_str(vd_json_text(vd_json_get(root, "camera"), ""), "gate");
    int64_t start = 0, end = 0;
    expect_true(vd_utc_parse(vd_slice_str(vd_json_text(vd_json_get(root, "start"), "")), &start));
    expect_true(vd_utc_parse(vd_slice_str(vd_json_text(vd_json_get(root, "end"), "")), &end));
    expect_i64(end - start, 10 * S);
    expect_i64(vd_json_int(vd_json_get(root, "pictures"), 0), 40);
    expect_near((double)vd_json_int(vd_json_get(root, "live_ms"), 0), 10000, 1000);
    vd_sketch brightness;
    expect_ok(
        vd_sketch_read(vd_json_get(vd_json_get(root, "series"), "brightness"), &brightness, NULL));
    expect_near(vd_sketch_mean(&brightness), 80, 0.1);
    assert_null(vd_json_get(root, "model"));
}

VD_TEST(a_picture_comes_with_the_first_window_and_when_the_look_has_changed)
{
    VD_AUTO(desk) d;
    desk_new(&d, 10000);
    run(&d, 33, 80);
    expect_u64(d.told, 3);
    expect_u64(d.pictures, 1);
    run(&d, 10, 180); /* the window that is open now changes half way */
    run(&d, 10, 180);
    expect_u64(d.told, 5);
    expect_true(d.pictures >= 2);
    unsigned after = d.pictures;
    run(&d, 40, 180);
    expect_u64(d.pictures, after + (after == 2)); /* at most one more for the mixed window */
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    (void)root;
}

VD_TEST(findings_count_by_class_and_score_and_another_model_begins_anew)
{
    VD_AUTO(desk) d;
    desk_new(&d, 10000);
    static vd_detections found = { .count = 3,
                                   .item = { { .score = 0.9f, .class_id = 1 },
                                             { .score = 0.4f, .class_id = 2 },
                                             { .score = 0.1f, .class_id = 2 } } };
    vd_sketches_seen(d.sketches, &found, model('b'));
    vd_sketches_seen(d.sketches, &found, model('a'));
    vd_sketches_seen(d.sketches, &found, model('a'));
    run(&d, 12, 80);
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    const vd_json *classes = vd_json_get(root, "classes");
    expect_u64(vd_json_len(classes), 2);
    expect_i64(vd_json_int(vd_json_get(classes, "class-1-of-a-long-name"), 0), 2);
    expect_i64(vd_json_int(vd_json_get(root, "analysed"), 0), 2);
    vd_sketch score;
    expect_ok(vd_sketch_read(vd_json_get(vd_json_get(root, "series"), "score"), &score, NULL));
    expect_u64(score.count, 6);
    expect_true(vd_json_text(vd_json_get(vd_json_get(root, "model"), "digest"), "")[0] == 'a');
}

// covers: CIR-9
VD_TEST(a_camera_hour_of_anything_takes_less_than_four_kilobytes)
{
    VD_AUTO(desk) d;
    desk_new(&d, 3600000);
    static vd_detections found = { .count = 64 };
    for (unsigned i = 0; i < found.count; i++)
        found.item[i] =
            (vd_detection){ .score = 0.05f + 0.0145f * (float)i, .class_id = (uint16_t)i };
    for (unsigned i = 0; i < 7210; i++) {
        set_time(&d, d.now_us + S / 2);
        show(&d, (uint8_t)(i * 37));
        vd_sketches_seen(d.sketches, &found, model('a'));
        if (i % 2) vd_sketches_tick(d.sketches, true);
    }
    expect_u64(d.told, 1);
    print_message("an hour takes %zu bytes\n", d.longest);
    expect_true(d.longest > 1000 && d.longest < 4096);
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    expect_u64(vd_json_len(vd_json_get(root, "classes")), VD_SKETCHES_CLASSES_MAX + 1);
}

VD_TEST(a_camera_that_is_away_is_told_too)
{
    VD_AUTO(desk) d;
    desk_new(&d, 10000);
    for (unsigned i = 0; i < 25; i++) {
        set_time(&d, d.now_us + S);
        vd_sketches_tick(d.sketches, false);
    }
    expect_u64(d.told, 2);
    expect_u64(d.pictures, 0);
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    expect_i64(vd_json_int(vd_json_get(root, "live_ms"), -1), 0);
    expect_i64(vd_json_int(vd_json_get(root, "pictures"), -1), 0);
}

VD_TEST(stopping_tells_the_open_window_as_far_as_it_goes)
{
    VD_AUTO(desk) d;
    desk_new(&d, 3600000);
    run(&d, 30, 80);
    vd_sketches_finish(d.sketches);
    expect_u64(d.told, 1);
    VD_AUTO(vd_json_ptr) root = last_of(&d);
    expect_i64(vd_json_int(vd_json_get(root, "pictures"), 0), 120);
    vd_sketches_finish(d.sketches);
    expect_u64(d.told, 1);
}

VD_TEST_MAIN(VD_RUN(a_window_over_is_told_with_what_its_pictures_look_like),
             VD_RUN(a_picture_comes_with_the_first_window_and_when_the_look_has_changed),
             VD_RUN(findings_count_by_class_and_score_and_another_model_begins_anew),
             VD_RUN(a_camera_hour_of_anything_takes_less_than_four_kilobytes),
             VD_RUN(a_camera_that_is_away_is_told_too),
             VD_RUN(stopping_tells_the_open_window_as_far_as_it_goes))
