/* Synthetic pictures: a grey gradient with boxes on it. */
#include <math.h>
#include <stdlib.h>

#include "foreground.h"
#include "vd/test.h"

#define W      320
#define H      180
#define STEP   500000
#define SECOND 2 /* pictures */

typedef struct {
    vd_foreground *f;
    uint8_t luma[W * H], chroma[W * H / 4];
    int64_t utc_us;
    uint32_t dice;
    int light, noise;
    const vd_stills *blobs;
    unsigned most; /* blobs at once, so far */
} stage;

static stage *stage_new(void)
{
    stage *s = calloc(1, sizeof *s);
    s->f = vd_foreground_new();
    s->utc_us = 1700000000000000;
    s->dice = 7;
    s->noise = 6;
    return s;
}

static void stage_free(stage *s)
{
    vd_foreground_free(s->f);
    free(s);
}

static int roll(stage *s, int most)
{
    s->dice = s->dice * 1664525u + 1013904223u;
    return (int)((s->dice >> 16) % (unsigned)(most + 1));
}

static uint8_t bounded(int value)
{
    return (uint8_t)(value < 16 ? 16 : value > 235 ? 235 : value);
}

static void empty(stage *s)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            s->luma[y * W + x] =
                bounded(80 + x / 8 + y / 6 + s->light + roll(s, s->noise) - s->noise / 2);
}

static void box(stage *s, int left, int top, int width, int height, int luma)
{
    for (int y = top; y < top + height && y < H; y++)
        for (int x = left < 0 ? 0 : left; x < left + width && x < W; x++)
            s->luma[y * W + x] = bounded(luma + s->light + roll(s, s->noise) - s->noise / 2);
}

static void look(stage *s)
{
    const vd_picture picture = { .width_px = W,
                                 .height_px = H,
                                 .plane = { s->luma, s->chroma, s->chroma },
                                 .stride = { W, W / 2, W / 2 } };
    s->utc_us += STEP;
    s->blobs = vd_foreground_step(s->f, &picture, s->utc_us);
    if (s->blobs->count > s->most) s->most = s->blobs->count;
}

static void look_for(stage *s, int seconds, bool bag)
{
    for (int i = 0; i < seconds * SECOND; i++) {
        empty(s);
        if (bag) box(s, 100, 100, 24, 20, 30);
        look(s);
    }
}

// covers: RULE-5
VD_TEST(a_bag_that_is_left_is_one_blob_where_it_stands)
{
    stage *s = stage_new();
    look_for(s, 20, false);
    expect_u64(s->blobs->count, 0);
    look_for(s, 3, true);
    expect_u64(s->blobs->count, 0); /* not yet still */
    int64_t left_us = s->utc_us - 3000000;
    look_for(s, 20, true);
    expect_u64(s->blobs->count, 1);
    const vd_still bag = s->blobs->item[0];
    expect_true(!bag.removed);
    expect_true(fabsf(bag.l - 100.0f / W) < 0.02f && fabsf(bag.t - 100.0f / H) < 0.02f);
    expect_true(fabsf(bag.w - 24.0f / W) < 0.02f && fabsf(bag.h - 20.0f / H) < 0.02f);
    expect_true(bag.since_us > left_us - 2000000 && bag.since_us < left_us + 2000000);
    look_for(s, 5, true);
    expect_u64(s->blobs->item[0].id, bag.id);
    look_for(s, 30, false); /* taken away again: all is as it was */
    expect_u64(s->blobs->count, 0);
    stage_free(s);
}

// covers: RULE-5
VD_TEST(what_was_there_and_is_gone_is_told_from_what_was_left)
{
    stage *s = stage_new();
    look_for(s, 20, true);
    expect_u64(s->blobs->count, 0);
    look_for(s, 20, false);
    expect_u64(s->blobs->count, 1);
    expect_true(s->blobs->item[0].removed);
    stage_free(s);
}

// covers: RULE-5
VD_TEST(who_walks_by_is_no_object_and_hides_none)
{
    stage *s = stage_new();
    look_for(s, 20, false);
    for (int i = 0; i < 40; i++) {
        empty(s);
        box(s, i * 8, 60, 30, 90, 200);
        look(s);
    }
    expect_u64(s->most, 0);
    look_for(s, 15, true);
    uint32_t id = s->blobs->item[0].id;
    for (int i = 0; i < 40; i++) {
        empty(s);
        box(s, 100, 100, 24, 20, 30);
        box(s, i * 8, 60, 30, 90, 200);
        look(s);
    }
    look_for(s, 2, true);
    expect_u64(s->blobs->count, 1);
    expect_u64(s->blobs->item[0].id, id);
    stage_free(s);
}

// covers: RULE-5
VD_TEST(light_that_changes_slowly_or_at_once_is_no_object)
{
    stage *s = stage_new();
    look_for(s, 20, false);
    for (int i = 0; i < 60; i++) { /* dusk in ten minutes: a level a second is too quick for it */
        s->light = -i;
        look_for(s, 10, false);
    }
    expect_u64(s->most, 0);
    s->light += 40; /* a cloud goes */
    look_for(s, 30, false);
    expect_u64(s->most, 0);
    look_for(s, 15, true); /* and it still sees */
    expect_u64(s->blobs->count, 1);
    stage_free(s);
}

VD_TEST(noise_and_leaves_that_sway_are_no_objects)
{
    stage *s = stage_new();
    s->noise = 40;
    for (int i = 0; i < 240; i++) {
        empty(s);
        if (i % 3) box(s, 200, 40, 30, 30, 30); /* a branch: mostly here */
        if (i % 4 < 2) box(s, 40, 40, 30, 30, 200);
        look(s);
    }
    expect_u64(s->most, 0);
    stage_free(s);
}

VD_TEST(another_size_or_a_time_that_goes_back_begins_anew)
{
    stage *s = stage_new();
    look_for(s, 20, false);
    look_for(s, 15, true);
    expect_u64(s->blobs->count, 1);
    s->utc_us -= 3600000000ll;
    look_for(s, 20, true);
    expect_u64(s->blobs->count, 0);
    const vd_picture tiny = { .width_px = 2,
                              .height_px = 2,
                              .plane = { s->luma, s->chroma, s->chroma },
                              .stride = { 2, 1, 1 } };
    for (int i = 0; i < 40; i++)
        expect_u64(vd_foreground_step(s->f, &tiny, s->utc_us += STEP)->count, 0);
    stage_free(s);
}

VD_TEST_MAIN(VD_RUN(a_bag_that_is_left_is_one_blob_where_it_stands),
             VD_RUN(what_was_there_and_is_gone_is_told_from_what_was_left),
             VD_RUN(who_walks_by_is_no_object_and_hides_none),
             VD_RUN(light_that_changes_slowly_or_at_once_is_no_object),
             VD_RUN(noise_and_leaves_that_sway_are_no_objects),
             VD_RUN(another_size_or_a_time_that_goes_back_begins_anew))
