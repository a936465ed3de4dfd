#include "vd/delta.h"

#include <stdlib.h>

#include "vd/test.h"

enum { NUMBERS = 20000, BYTES = NUMBERS * (int)sizeof(float) };

/* Rounds of one seed: a blob of floats as weights are, small and of both signs. */
static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static float *weights(uint32_t seed)
{
    float *w = malloc(BYTES);
    for (int i = 0; w && i < NUMBERS; i++) w[i] = ((float)(dice(&seed) % 2001) - 1000.0f) / 9000.0f;
    return w;
}

static vd_err keep(void *ctx, vd_slice piece, vd_why *why)
{
    return vd_buf_add(ctx, piece) ? VD_OK : vd_fail(why, VD_FULL, "too much");
}

/* Bytes of the patch; what it gives is what it shall give. */
static size_t patch_of(vd_slice from, vd_slice to)
{
    VD_AUTO(vd_buf) patch = VD_BUF(1u << 22);
    VD_AUTO(vd_buf) got = VD_BUF(1u << 22);
    vd_why why = { 0 };
    expect_ok(vd_delta_make(from, to, &patch, &why));
    if (vd_delta_apply(from, vd_buf_slice(&patch), keep, &got, &why)) fail_msg("%s", why.fact);
    expect_true(vd_slice_eq(vd_buf_slice(&got), to));
    return patch.len;
}

VD_TEST(a_patch_gives_the_new_blob_exactly_and_is_small_when_little_changed)
{
    float *from = weights(1), *to = weights(1);
    for (int i = 1000; i < 1500; i++) to[i] *= 1.0001f;
    size_t bytes = patch_of(vd_slice_of(from, BYTES), vd_slice_of(to, BYTES));
    expect_true(bytes < VD_DELTA_HEAD + 1500); /* 500 words, some 12 bits each, and the map */
    free(from);
    free(to);
}

VD_TEST(words_are_found_wherever_they_begin)
{
    float *from = weights(2), *to = weights(2);
    uint8_t *a = malloc(BYTES + 3), *b = malloc(BYTES + 3);
    for (int i = 0; i < NUMBERS; i++) to[i] *= 1.00001f;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(a, 7, BYTES + 3);
        memset(b, 7, BYTES + 3);
        memcpy(a + shift % 4, from, BYTES);
        memcpy(b + shift % 4, to, BYTES);
        expect_true(patch_of(vd_slice_of(a, BYTES + 3), vd_slice_of(b, BYTES + 3)) < BYTES / 2);
    }
    free(a);
    free(b);
    free(from);
    free(to);
}

VD_TEST(small_steps_of_int8_weights_cost_little_more_than_their_chance)
{
    uint8_t *from = malloc(BYTES), *to = malloc(BYTES);
    uint32_t seed = 3;
    for (int i = 0; i < BYTES; i++) {
        from[i] = (uint8_t)dice(&seed);
        unsigned side = dice(&seed) % 8; /* 1 of 4 moves by one: 1.06 bits each */
        to[i] = (uint8_t)(from[i] + (side == 0) - (side == 1));
    }
    size_t bytes = patch_of(vd_slice_of(from, BYTES), vd_slice_of(to, BYTES));
    expect_true((double)bytes < BYTES * 0.15);
    free(from);
    free(to);
}

VD_TEST(moved_parts_other_lengths_and_empty_blobs_work)
{
    float *from = weights(4), *other = weights(5);
    vd_slice whole = vd_slice_of(from, BYTES);
    VD_AUTO(vd_buf) moved = VD_BUF(1u << 22);
    expect_true(vd_buf_add(&moved, VD_STR("something in front")));
    expect_true(vd_buf_add(&moved, whole));
    expect_true(patch_of(whole, vd_buf_slice(&moved)) < 1000);
    expect_true(patch_of(whole, vd_slice_of(from, BYTES - 13)) < 1000);
    expect_u64(patch_of(whole, VD_SLICE_NONE), VD_DELTA_HEAD);
    expect_true(patch_of(VD_SLICE_NONE, whole) <= BYTES + VD_DELTA_HEAD);
    expect_true(patch_of(whole, vd_slice_of(other, BYTES)) <= BYTES + VD_DELTA_HEAD);
    free(from);
    free(other);
}

VD_TEST(a_patch_for_another_blob_is_refused_before_anything_is_written)
{
    float *from = weights(6), *to = weights(7);
    VD_AUTO(vd_buf) patch = VD_BUF(1u << 22);
    VD_AUTO(vd_buf) got = VD_BUF(1u << 22);
    expect_ok(vd_delta_make(vd_slice_of(from, BYTES), vd_slice_of(to, BYTES), &patch, NULL));
    expect_err(vd_delta_apply(vd_slice_of(to, BYTES), vd_buf_slice(&patch), keep, &got, NULL),
               VD_CONFLICT);
    expect_u64(got.len, 0);
    free(from);
    free(to);
}

VD_TEST(a_damaged_patch_is_found_wherever_it_is_damaged)
{
    float *from = weights(8), *to = weights(8);
    VD_AUTO(vd_buf) patch = VD_BUF(1u << 22);
    for (int i = 0; i < NUMBERS; i++) to[i] *= 1.001f;
    vd_slice old_blob = vd_slice_of(from, BYTES);
    expect_ok(vd_delta_make(old_blob, vd_slice_of(to, BYTES), &patch, NULL));
    for (size_t at = 0; at < patch.len; at += patch.len / 97) {
        VD_AUTO(vd_buf) got = VD_BUF(1u << 22);
        VD_AUTO(vd_buf) cut = VD_BUF(1u << 22);
        patch.data[at] ^= 0x10;
        vd_err err = vd_delta_apply(old_blob, vd_buf_slice(&patch), keep, &got, NULL);
        /* bytes 5 to 7 of the head mean nothing, and the coder's last bytes may not matter */
        if (!err) expect_true(vd_slice_eq(vd_buf_slice(&got), vd_slice_of(to, BYTES)));
        patch.data[at] ^= 0x10;
        expect_true(vd_delta_apply(old_blob, vd_slice_of(patch.data, at), keep, &cut, NULL) !=
                    VD_OK);
    }
    free(from);
    free(to);
}

VD_TEST_MAIN(VD_RUN(a_patch_gives_the_new_blob_exactly_and_is_small_when_little_changed),
             VD_RUN(words_are_found_wherever_they_begin),
             VD_RUN(small_steps_of_int8_weights_cost_little_more_than_their_chance),
             VD_RUN(moved_parts_other_lengths_and_empty_blobs_work),
             VD_RUN(a_patch_for_another_blob_is_refused_before_anything_is_written),
             VD_RUN(a_damaged_patch_is_found_wherever_it_is_damaged))
