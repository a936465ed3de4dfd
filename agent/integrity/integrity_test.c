#include "integrity.h"

#include <stdlib.h>

#include "vd/test.h"

#define W     640
#define H     360
#define MS    1000ll
#define S     1000000ll
#define START (1700000000ll * S)

/* ---- a camera of a yard: walls, windows, noise of its own; and what can be wrong with it ---- */

typedef struct {
    uint8_t light[W * H];
} scenery;

typedef struct {
    unsigned begun[VD_INTEGRITY_KINDS], ended[VD_INTEGRITY_KINDS], pictures;
    int64_t begin_us[VD_INTEGRITY_KINDS], end_us[VD_INTEGRITY_KINDS];
    uint64_t visit[VD_INTEGRITY_KINDS];
    char class_name[32], kind[16];
    vd_integrity *integrity;
    scenery *yard, *shown;
    vd_stream_info stream;
    int64_t now_us;
    unsigned random;
    int noise;
    int32_t skew_ms;
    bool wants_all, grey; /* grey: as an infrared camera's pictures are */
} desk;

static unsigned dice(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void build(scenery *s, unsigned seed)
{
    memset(s->light, 90, sizeof s->light);
    for (unsigned i = 0; i < 160; i++) {
        unsigned x0 = dice(&seed) % W, y0 = dice(&seed) % H;
        unsigned width = 10 + dice(&seed) % 70, height = 10 + dice(&seed) % 60;
        uint8_t light = (uint8_t)(40 + dice(&seed) % 170);
        for (unsigned y = y0; y < y0 + height && y < H; y++)
            for (unsigned x = x0; x < x0 + width && x < W; x++) s->light[y * W + x] = light;
    }
}

static void on_fact(void *ctx, const vd_fact *fact, vd_frame *frame, const vd_vocabulary *words)
{
    desk *d = ctx;
    unsigned kind = fact->track.class_id;
    assert_true(kind < VD_INTEGRITY_KINDS);
    snprintf(d->class_name, sizeof d->class_name, "%s", vd_vocabulary_name(words, kind));
    snprintf(d->kind, sizeof d->kind, "%s", vd_rule_kind_name(fact->rule->kind));
    if (fact->phase == VD_FACT_BEGIN) {
        d->begun[kind]++;
        d->pictures += frame != NULL;
        d->begin_us[kind] = fact->entered_utc_us;
        d->visit[kind] = fact->visit;
    } else {
        expect_u64(fact->visit, d->visit[kind]);
        d->ended[kind]++;
        d->end_us[kind] = fact->utc_us;
    }
}

static void desk_new_with(desk *d, const vd_integrity_config *config)
{
    const vd_integrity_sink sink = { .ctx = d, .fact = on_fact };
    *d = (desk){ .now_us = START, .random = 7, .noise = 3, .stream = { .serial = 1 } };
    d->yard = calloc(1, sizeof *d->yard);
    d->shown = calloc(1, sizeof *d->shown);
    assert_non_null(d->yard);
    assert_non_null(d->shown);
    build(d->yard, 1);
    expect_ok(vd_integrity_new(config, &sink, &d->integrity));
}

static void desk_new(desk *d)
{
    const vd_integrity_config config = { .after_ms = 10000, .relearn_ms = 600000 };
    desk_new_with(d, &config);
}

static void desk_done(desk *d)
{
    d->integrity = vd_integrity_free(d->integrity);
    free(d->yard);
    free(d->shown);
}
VD_AUTO_DEFINE(desk, desk_done)

static void show(desk *d)
{
    static uint8_t colour[W / 2 * H / 2];
    memset(colour, d->grey ? 128 : 140, sizeof colour);
    const vd_picture picture = { .width_px = W,
                                 .height_px = H,
                                 .plane = { d->shown->light, colour, colour },
                                 .stride = { W, W / 2, W / 2 },
                                 .full_range = true,
                                 .camera_skew_ms = d->skew_ms,
                                 .utc_us = d->now_us };
    vd_frame *frame = NULL;
    expect_ok(vd_frame_copy(&picture, &frame));
    d->wants_all = vd_integrity_picture(d->integrity, frame);
    vd_frame_unref(frame);
}

typedef void (*change_fn)(const desk *d, scenery *shown);

/* `for_ms` of the camera as the change makes it, four pictures a second, a tick a second. */
static void run(desk *d, int64_t for_ms, change_fn change)
{
    for (int64_t at_ms = 0; at_ms < for_ms; at_ms += 250) {
        *d->shown = *d->yard;
        if (change) change(d, d->shown);
        for (unsigned i = 0; d->noise && i < W * H; i++) {
            int light = d->shown->light[i] +
                        (int)(dice(&d->random) % (2 * (unsigned)d->noise + 1)) - d->noise;
            d->shown->light[i] = (uint8_t)(light < 0 ? 0 : light > 255 ? 255 : light);
        }
        show(d);
        if (at_ms % 1000 == 0) vd_integrity_tick(d->integrity);
        d->now_us += 250 * MS;
    }
    vd_integrity_tick(d->integrity);
}

static unsigned begun_in_all(const desk *d)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) {
        if (d->begun[i]) print_message("told: %s\n", vd_integrity_name((vd_integrity_kind)i));
        sum += d->begun[i];
    }
    return sum;
}

static void go_black(const desk *d, scenery *s)
{
    (void)d;
    memset(s->light, 6, sizeof s->light);
}
static void go_dark(const desk *d, scenery *s)
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++) s->light[i] /= 9;
}
static void go_night(const desk *d, scenery *s) /* one lamp lights a part of the yard */
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++)
        if (i % W > W / 5) s->light[i] /= 7;
}
static void go_dusk(const desk *d, scenery *s)
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++) s->light[i] /= 3;
}
static void go_bright(const desk *d, scenery *s)
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++) s->light[i] = s->light[i] < 60 ? 200 : 255;
}
static void go_sunny(const desk *d, scenery *s) /* the upper third is a white sky */
{
    (void)d;
    memset(s->light, 255, W * H / 3);
}
static void go_covered(const desk *d, scenery *s) /* a hand: soft, uneven, no edges */
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++) s->light[i] = (uint8_t)(60 + i % W / 8);
}
static void go_moved(const desk *d, scenery *s)
{
    for (unsigned y = 0; y < H; y++)
        for (unsigned x = 0; x < W; x++)
            s->light[y * W + x] = d->yard->light[(y + 40) % H * W + (x + 70) % W];
}
static void go_parked(const desk *d, scenery *s) /* a lorry before 40 % of the view */
{
    (void)d;
    for (unsigned y = H / 4; y < H; y++)
        for (unsigned x = W / 3; x < W * 85 / 100; x++)
            s->light[y * W + x] = (uint8_t)(x / 16 % 2 ? 200 : 60);
}
static void go_blurred(const desk *d, scenery *s)
{
    enum { R = 6 };
    for (unsigned y = R; y < H - R; y++)
        for (unsigned x = R; x < W - R; x++) {
            unsigned sum = 0;
            for (unsigned k = 0; k < 2 * R + 1; k++)
                sum += d->yard->light[(y + k - R) * W + x + k - R] +
                       d->yard->light[(y + k - R) * W + x - k + R];
            s->light[y * W + x] = (uint8_t)(sum / (4 * R + 2));
        }
}
/* Leaves turn white, what was light turns dark, a lamp beside the lens lights the middle. */
static void go_infrared(const desk *d, scenery *s)
{
    (void)d;
    for (unsigned i = 0; i < W * H; i++) {
        int x = (int)(i % W) - W / 2, y = (int)(i / W) - H / 2, light = s->light[i];
        int shown = light < 90 ? 200 - light : light < 150 ? 60 + light / 4 : 240 - light / 2;
        s->light[i] = (uint8_t)(20 + shown * 60000 / (100000 + x * x + y * y * 3));
    }
}
static void go_moved_infrared(const desk *d, scenery *s)
{
    go_moved(d, s);
    go_infrared(d, s);
}
static void walk(const desk *d, scenery *s) /* somebody large crosses the view, up and down */
{
    unsigned at = (unsigned)((d->now_us - START) / (20 * MS)) % (W - 80);
    for (unsigned y = H / 3; y < H; y++) memset(&s->light[y * W + at], 30, 80);
}

/* covers: CAM-6 */
VD_TEST(switch_to_infrared_and_back_is_no_move)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    run(&d, 15000, NULL);
    for (unsigned i = 0; i < 2; i++) {
        d.grey = true;
        d.noise = 12;
        run(&d, 20000, go_infrared);
        d.grey = false;
        d.noise = 3;
        run(&d, 15000, NULL);
    }
    expect_u64(begun_in_all(&d), 0);
}

/* covers: CAM-6 */
VD_TEST(camera_that_is_turned_in_either_light_or_just_before_the_switch_has_moved)
{
    for (unsigned i = 0; i < 3; i++) {
        VD_AUTO(desk) d;
        desk_new(&d);
        run(&d, 10000, NULL);
        d.grey = i != 1;
        if (i == 0) run(&d, 10000, go_infrared); /* the night is known */
        run(&d, 15000, d.grey ? go_moved_infrared : go_moved);
        expect_u64(d.begun[VD_INTEGRITY_MOVED], 1);
        expect_u64(begun_in_all(&d), 1);
    }
}

typedef struct {
    vd_integrity_kind kind;
    change_fn change;
    const char *name;
} ill;

/* covers: CAM-6 */
VD_TEST(each_fault_of_the_view_is_one_event_with_begin_end_and_picture)
{
    static const ill faults[] = { { VD_INTEGRITY_BLACK, go_black, "black" },
                                  { VD_INTEGRITY_DARK, go_dark, "dark" },
                                  { VD_INTEGRITY_BRIGHT, go_bright, "bright" },
                                  { VD_INTEGRITY_COVERED, go_covered, "covered" },
                                  { VD_INTEGRITY_BLURRED, go_blurred, "blurred" },
                                  { VD_INTEGRITY_MOVED, go_moved, "moved" } };
    for (unsigned i = 0; i < VD_COUNT_OF(faults); i++) {
        VD_AUTO(desk) d;
        desk_new(&d);
        d.noise = 2;
        run(&d, 20000, NULL);
        int64_t began_us = d.now_us;
        run(&d, 20000, faults[i].change);
        if (!d.begun[faults[i].kind]) print_error("not %s\n", faults[i].name);
        expect_u64(d.begun[faults[i].kind], 1);
        expect_true(vd_integrity_state(d.integrity, faults[i].kind, NULL));
        expect_str(d.class_name, faults[i].name);
        expect_str(d.kind, "health");
        expect_u64(d.pictures, 1);
        expect_i64(d.begin_us[faults[i].kind], began_us);
        int64_t well_us = d.now_us;
        run(&d, 10000, NULL);
        expect_u64(d.ended[faults[i].kind], 1);
        expect_i64(d.end_us[faults[i].kind], well_us - 250 * MS);
        expect_u64(begun_in_all(&d), 1);
    }
}

/* covers: CAM-6 */
VD_TEST(what_is_shorter_than_after_is_nothing)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    run(&d, 10000, NULL);
    for (unsigned i = 0; i < 3; i++) {
        run(&d, 9000, go_black);
        run(&d, 2000, NULL);
        run(&d, 9000, go_moved);
        run(&d, 2000, NULL);
    }
    expect_u64(begun_in_all(&d), 0);
}

/* covers: CAM-6 */
VD_TEST(a_moment_of_good_pictures_does_not_end_it)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    run(&d, 10000, NULL);
    for (unsigned i = 0; i < 4; i++) {
        run(&d, 12000, go_black);
        run(&d, 1000, NULL);
    }
    expect_u64(d.begun[VD_INTEGRITY_BLACK], 1);
    expect_u64(d.ended[VD_INTEGRITY_BLACK], 0);
    vd_integrity_finish(d.integrity);
    expect_u64(d.ended[VD_INTEGRITY_BLACK], 1);
}

/* covers: CAM-6 */
VD_TEST(night_noise_sun_people_and_a_parked_lorry_are_nothing)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    run(&d, 20000, walk);
    run(&d, 30000, go_sunny);
    run(&d, 30000, go_parked);
    run(&d, 30000, go_dusk);
    run(&d, 30000, go_night);
    d.noise = 25; /* rain, or a sensor at the end of its gain */
    run(&d, 30000, NULL);
    run(&d, 30000, go_night);
    d.noise = 3;
    run(&d, 30000, walk);
    expect_u64(begun_in_all(&d), 0);
}

/* covers: CAM-6 */
VD_TEST(a_still_scene_is_not_frozen_and_a_frozen_one_is)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    d.noise = 1;
    run(&d, 60000, NULL);
    expect_u64(begun_in_all(&d), 0);
    d.noise = 0;
    run(&d, 20000, NULL);
    expect_u64(d.begun[VD_INTEGRITY_FROZEN], 1);
    d.noise = 1;
    run(&d, 10000, walk);
    expect_u64(d.ended[VD_INTEGRITY_FROZEN], 1);
    expect_u64(begun_in_all(&d), 1);
}

/* covers: CAM-6 */
VD_TEST(key_pictures_alone_ask_for_all_pictures_before_frozen_is_told)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    d.noise = 0;
    for (unsigned i = 0; i < 10; i++) { /* one in two seconds */
        run(&d, 250, NULL);
        d.now_us += 1750 * MS;
    }
    expect_u64(begun_in_all(&d), 0);
    expect_true(d.wants_all);
    run(&d, 15000, NULL);
    expect_u64(d.begun[VD_INTEGRITY_FROZEN], 1);
    expect_false(d.wants_all);
}

/* covers: CAM-6 */
VD_TEST(another_view_is_the_view_after_a_while)
{
    VD_AUTO(desk) d;
    const vd_integrity_config config = { .after_ms = 10000, .relearn_ms = 60000 };
    desk_new_with(&d, &config);
    run(&d, 20000, NULL);
    run(&d, 55000, go_moved);
    expect_u64(d.begun[VD_INTEGRITY_MOVED], 1);
    expect_u64(d.ended[VD_INTEGRITY_MOVED], 0);
    run(&d, 20000, go_moved);
    expect_u64(d.ended[VD_INTEGRITY_MOVED], 1);
    run(&d, 30000, NULL); /* and back again is a move too */
    expect_u64(d.begun[VD_INTEGRITY_MOVED], 2);
}

/* covers: CAM-6 */
VD_TEST(what_is_ignored_is_not_told)
{
    VD_AUTO(desk) d;
    const vd_integrity_config config = { .after_ms = 10000,
                                         .relearn_ms = 60000,
                                         .ignore = 1u << VD_INTEGRITY_MOVED };
    desk_new_with(&d, &config);
    run(&d, 20000, NULL);
    run(&d, 30000, go_moved);
    expect_u64(begun_in_all(&d), 0);
}

/* covers: CAM-6 */
VD_TEST(a_camera_whose_clock_is_an_hour_off_is_told)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    d.skew_ms = 3000;
    run(&d, 20000, NULL);
    expect_u64(begun_in_all(&d), 0);
    d.skew_ms = -3600000;
    run(&d, 20000, NULL);
    d.skew_ms = 0;
    run(&d, 10000, NULL);
    expect_u64(d.begun[VD_INTEGRITY_CLOCK], 1);
    expect_u64(d.ended[VD_INTEGRITY_CLOCK], 1);
    expect_u64(begun_in_all(&d), 1);
}

/* ---- packets ---- */

/* One key in a second. */
static void send(desk *d, int64_t for_ms, int64_t fps, size_t key_bytes)
{
    static const uint8_t bytes[40000];
    int64_t count = for_ms * fps / 1000;
    for (int64_t i = 0; i < count; i++) {
        const bool key = i % fps == 0;
        const vd_packet packet = { .stream = &d->stream,
                                   .utc_us = d->now_us,
                                   .key = key,
                                   .data = vd_slice_of(bytes, key ? key_bytes : 500) };
        vd_integrity_packet(d->integrity, &packet);
        vd_integrity_tick(d->integrity);
        d->now_us += S / fps;
    }
}

/* covers: CAM-6 */
VD_TEST(a_rate_that_collapses_is_told_and_one_that_halves_is_not)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    send(&d, 30000, 25, 30000);
    send(&d, 30000, 12, 30000);
    expect_u64(begun_in_all(&d), 0);
    send(&d, 40000, 2, 30000);
    expect_u64(d.begun[VD_INTEGRITY_SLOW], 1);
    expect_u64(d.ended[VD_INTEGRITY_SLOW], 0);
    send(&d, 20000, 25, 30000);
    expect_u64(d.ended[VD_INTEGRITY_SLOW], 1);
    expect_u64(begun_in_all(&d), 1);
}

/* covers: CAM-6 */
VD_TEST(key_pictures_that_shrink_to_nothing_are_told)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    send(&d, 30000, 10, 30000);
    send(&d, 30000, 10, 9000); /* a night */
    expect_u64(begun_in_all(&d), 0);
    send(&d, 30000, 10, 900);
    send(&d, 30000, 10, 30000);
    expect_u64(d.begun[VD_INTEGRITY_STARVED], 1);
    expect_u64(d.ended[VD_INTEGRITY_STARVED], 1);
    expect_u64(begun_in_all(&d), 1);
}

VD_TEST_MAIN(VD_RUN(each_fault_of_the_view_is_one_event_with_begin_end_and_picture),
             VD_RUN(switch_to_infrared_and_back_is_no_move),
             VD_RUN(camera_that_is_turned_in_either_light_or_just_before_the_switch_has_moved),
             VD_RUN(what_is_shorter_than_after_is_nothing),
             VD_RUN(a_moment_of_good_pictures_does_not_end_it),
             VD_RUN(night_noise_sun_people_and_a_parked_lorry_are_nothing),
             VD_RUN(a_still_scene_is_not_frozen_and_a_frozen_one_is),
             VD_RUN(key_pictures_alone_ask_for_all_pictures_before_frozen_is_told),
             VD_RUN(another_view_is_the_view_after_a_while), VD_RUN(what_is_ignored_is_not_told),
             VD_RUN(a_camera_whose_clock_is_an_hour_off_is_told),
             VD_RUN(a_rate_that_collapses_is_told_and_one_that_halves_is_not),
             VD_RUN(key_pictures_that_shrink_to_nothing_are_told))
