/* The gate over made numbers: what wakes it, what does not, what it learns. */
#include "child_gate_priv.h"

#include <math.h>
#include <stdlib.h>

#include "vd/test.h"

#define STEP_US 40000 /* 25 pictures a second */
#define GROUP   25
#define USUAL   2000

typedef struct {
    gate gate;
    unsigned number;
    uint32_t dice;
    uint16_t light[GATE_CELLS];
} film;

static film *film_new(void)
{
    film *f = calloc(1, sizeof *f);
    assert_non_null(f);
    gate_init(&f->gate);
    f->dice = 7;
    for (unsigned i = 0; i < GATE_CELLS; i++) f->light[i] = 100 * GATE_LIGHT_ONE;
    return f;
}

/* -1 to 1, the same in every run. */
static float grain(film *f)
{
    f->dice = f->dice * 1664525u + 1013904223u;
    return (float)(f->dice >> 8) / (float)(1u << 23) - 1;
}

static int64_t now_us(const film *f)
{
    return (int64_t)f->number * STEP_US;
}

/* One packet of the usual size times `times`, give or take a tenth; key pictures ten times that. */
static gate_word next(film *f, float times)
{
    const bool key = f->number % GROUP == 0;
    const float bytes = USUAL * (key ? 10 : times) * (1 + 0.1f * grain(f));
    gate_word now = gate_packet(&f->gate, key, (uint32_t)bytes, now_us(f));
    if (key) now = gate_light(&f->gate, f->light, GATE_CELLS);
    f->number++;
    return now;
}

static gate_word quiet_for(film *f, unsigned pictures)
{
    gate_word now = { 0 };
    for (unsigned i = 0; i < pictures; i++) now = next(f, 1);
    return now;
}

static void expect_asleep_soon(film *f)
{
    expect_true(f->gate.awake);
    expect_false(quiet_for(f, 15 * GROUP).awake);
}

/* covers: CAM-5 */
VD_TEST(a_quiet_stream_puts_the_gate_to_sleep_once_it_is_known)
{
    film *f = film_new();
    unsigned number = 0;
    while (next(f, 1).awake) number++;
    expect_true((int64_t)number * STEP_US >= GATE_LEARN_US);
    expect_i64(number % GROUP, 0); /* at a key packet */
    expect_false(quiet_for(f, 3000).awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(a_few_larger_packets_wake_it_and_it_says_since_when)
{
    film *f = film_new();
    expect_asleep_soon(f);
    quiet_for(f, 10);
    const int64_t began_us = now_us(f);
    unsigned took = 0;
    gate_word now = { 0 };
    for (; took < 13 && !now.awake; took++) now = next(f, 2);
    expect_true(now.awake);
    expect_true(took <= 5);
    expect_true(now.from_us <= began_us && now.from_us > began_us - GROUP * STEP_US);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(many_slightly_larger_packets_wake_it_too)
{
    film *f = film_new();
    expect_asleep_soon(f);
    gate_word now = { 0 };
    unsigned took = 0;
    for (; took < GROUP && !now.awake; took++) now = next(f, 1.2f);
    expect_true(now.awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(one_large_packet_alone_does_not_wake_it)
{
    film *f = film_new();
    expect_asleep_soon(f);
    quiet_for(f, 5);
    expect_false(next(f, 50).awake); /* a lost packet's repair, a flash */
    expect_false(quiet_for(f, 10).awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(a_place_in_the_group_that_is_always_large_is_usual)
{
    film *f = film_new();
    gate_word now = { 0 };
    for (unsigned i = 0; i < 20 * GROUP; i++) now = next(f, f->number % GROUP % 4 == 1 ? 3 : 1);
    expect_false(now.awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(what_moved_between_key_pictures_unnoticed_is_found_in_their_light)
{
    film *f = film_new();
    expect_asleep_soon(f);
    while (f->number % GROUP) next(f, 1);
    const int64_t key_before_us = now_us(f) - GROUP * STEP_US;
    for (unsigned i = 0; i < 6; i++) f->light[700 + i] += 20 * GATE_LIGHT_ONE;
    const gate_word now = next(f, 1);
    expect_true(now.awake);
    expect_i64(now.from_us, key_before_us);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(key_pictures_of_a_calm_stream_are_looked_at_every_other_second)
{
    film *f = film_new();
    unsigned looks = 0, keys = 0;
    expect_asleep_soon(f);
    while (f->number % GROUP) next(f, 1);
    for (; keys < 20; f->number++) {
        const bool key = f->number % GROUP == 0;
        const float bytes = USUAL * (key ? 200 : 1 + 0.02f * grain(f)); /* sizes tell of little */
        gate_packet(&f->gate, key, (uint32_t)bytes, now_us(f));
        if (key && keys++ > 2 && gate_wants_light(&f->gate)) {
            gate_light(&f->gate, f->light, GATE_CELLS);
            looks++;
        }
    }
    expect_true(looks >= 8 && looks <= 10);
    expect_false(f->gate.awake);
    /* Two loud packets, too few to wake it: then the next key picture is looked at. */
    while (f->number % GROUP) next(f, 1);
    gate_packet(&f->gate, true, 200 * USUAL, now_us(f));
    gate_light(&f->gate, f->light, GATE_CELLS);
    f->number++;
    next(f, 4);
    next(f, 4);
    while (f->number % GROUP) next(f, 1);
    gate_packet(&f->gate, true, 200 * USUAL, now_us(f));
    expect_false(f->gate.awake);
    expect_true(gate_wants_light(&f->gate));
    free(f);
}

/* covers: CAM-5 */
VD_TEST(motion_that_sizes_do_not_tell_is_owed_from_the_last_key_picture_that_was_looked_at)
{
    film *f = film_new();
    expect_asleep_soon(f);
    while (f->number % GROUP) next(f, 1);
    const int64_t looked_us = now_us(f);
    expect_false(next(f, 1).awake);
    for (unsigned i = 1; i <= 2 * GROUP; i++, f->number++) /* the key picture between is not */
        gate_packet(&f->gate, i % GROUP == 0, i % GROUP ? USUAL : 10 * USUAL, now_us(f));
    for (unsigned i = 0; i < 6; i++) f->light[700 + i] += 20 * GATE_LIGHT_ONE;
    const gate_word now = gate_light(&f->gate, f->light, GATE_CELLS);
    expect_true(now.awake);
    expect_i64(now.from_us, looked_us);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(a_cloud_over_everything_is_no_motion)
{
    film *f = film_new();
    expect_asleep_soon(f);
    for (unsigned i = 0; i < GATE_CELLS; i++) f->light[i] -= 25 * GATE_LIGHT_ONE;
    expect_false(quiet_for(f, 2 * GROUP).awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(leaves_that_always_move_become_usual_and_another_place_still_wakes)
{
    film *f = film_new();
    gate_word now = { 0 };
    for (unsigned i = 0; i < 80 * GROUP; i++) {
        for (unsigned k = 0; k < 40; k++)
            f->light[k] = (uint16_t)((100 + 8 * grain(f)) * GATE_LIGHT_ONE);
        now = next(f, 1);
    }
    expect_false(now.awake);
    while (f->number % GROUP) next(f, 1);
    for (unsigned k = 0; k < 6; k++) f->light[1000 + k] += 20 * GATE_LIGHT_ONE;
    expect_true(next(f, 1).awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(rain_becomes_usual_but_one_who_stays_does_not)
{
    film *rain = film_new(), *guest = film_new();
    expect_asleep_soon(rain);
    expect_asleep_soon(guest);
    for (unsigned i = 0; i < 30 * GROUP; i++) {
        next(rain, 2);
        next(guest, 2);
        gate_want(&guest->gate, now_us(guest) + 3000000); /* the model sees somebody */
    }
    expect_false(rain->gate.awake);
    expect_true(guest->gate.awake);
    /* When the guest has left, the quiet is the one known from before. */
    expect_false(quiet_for(guest, 12 * GROUP).awake);
    expect_true(guest->gate.size[5][0] < logf(1.5f * USUAL));
    free(rain);
    free(guest);
}

/* covers: CAM-5 */
VD_TEST(a_wish_wakes_it_from_the_last_key_packet)
{
    film *f = film_new();
    expect_asleep_soon(f);
    while (f->number % GROUP != 9) next(f, 1);
    const gate_word now = gate_want(&f->gate, now_us(f) + 1000000);
    expect_true(now.awake);
    expect_i64(now.from_us, now_us(f) - 9 * STEP_US);
    free(f);
}

VD_TEST(a_wish_for_a_time_that_is_over_wakes_nobody)
{
    film *f = film_new();
    expect_asleep_soon(f);
    quiet_for(f, 2 * GROUP);
    expect_false(gate_want(&f->gate, now_us(f) - 3 * GROUP * STEP_US).awake);
    free(f);
}

/* covers: CAM-5 */
VD_TEST(sizes_that_tell_too_little_keep_it_awake)
{
    film *f = film_new();
    for (unsigned i = 0; i < 40 * GROUP; i++) { /* grain: as large as key pictures, and straying */
        const bool key = i % GROUP == 0;
        gate_packet(&f->gate, key, (uint32_t)(20000 * (1 + 0.3f * grain(f))), (int64_t)i * STEP_US);
    }
    expect_true(f->gate.awake);
    expect_true(f->gate.dull > GATE_DULL);
    free(f);
}

VD_TEST(key_pictures_alone_or_very_seldom_keep_it_awake)
{
    film *all_key = film_new(), *few = film_new();
    for (unsigned i = 0; i < 2000; i++) {
        gate_packet(&all_key->gate, true, 20000, (int64_t)i * STEP_US);
        gate_packet(&few->gate, i % 250 == 0, i % 250 ? 2000 : 20000, (int64_t)i * STEP_US);
    }
    expect_true(all_key->gate.awake);
    expect_true(few->gate.awake); /* ten seconds from key to key */
    free(all_key);
    free(few);
}

VD_TEST_MAIN(
    VD_RUN(a_quiet_stream_puts_the_gate_to_sleep_once_it_is_known),
    VD_RUN(a_few_larger_packets_wake_it_and_it_says_since_when),
    VD_RUN(many_slightly_larger_packets_wake_it_too),
    VD_RUN(one_large_packet_alone_does_not_wake_it),
    VD_RUN(a_place_in_the_group_that_is_always_large_is_usual),
    VD_RUN(what_moved_between_key_pictures_unnoticed_is_found_in_their_light),
    VD_RUN(key_pictures_of_a_calm_stream_are_looked_at_every_other_second),
    VD_RUN(motion_that_sizes_do_not_tell_is_owed_from_the_last_key_picture_that_was_looked_at),
    VD_RUN(a_cloud_over_everything_is_no_motion),
    VD_RUN(leaves_that_always_move_become_usual_and_another_place_still_wakes),
    VD_RUN(rain_becomes_usual_but_one_who_stays_does_not),
    VD_RUN(a_wish_wakes_it_from_the_last_key_packet),
    VD_RUN(a_wish_for_a_time_that_is_over_wakes_nobody),
    VD_RUN(sizes_that_tell_too_little_keep_it_awake),
    VD_RUN(key_pictures_alone_or_very_seldom_keep_it_awake))
