#include "vd/sketch.h"

#include <math.h>

#include "vd/test.h"

static const double edges[] = { 10, 20, 40 };

static vd_sketch sketch_of(const double *values, unsigned count)
{
    vd_sketch s = vd_sketch_of(edges, 3);
    for (unsigned i = 0; i < count; i++) vd_sketch_add(&s, values[i]);
    return s;
}

VD_TEST(values_fall_into_the_bin_below_the_next_edge)
{
    const double values[] = { -1, 9.99, 10, 39, 40, 1e9 };
    vd_sketch s = sketch_of(values, 6);
    expect_u64(s.counts[0], 2);
    expect_u64(s.counts[1], 1);
    expect_u64(s.counts[2], 1);
    expect_u64(s.counts[3], 2);
    vd_sketch_add(&s, NAN);
    expect_u64(s.count, 6);
}

VD_TEST(mean_and_deviation_are_those_of_the_values)
{
    const double values[] = { 12, 14, 16, 18 };
    vd_sketch s = sketch_of(values, 4);
    expect_near(vd_sketch_mean(&s), 15, 1e-9);
    expect_near(vd_sketch_sd(&s), sqrt(20.0 / 3), 0.01);
    vd_sketch_clear(&s);
    expect_near(vd_sketch_mean(&s), 0, 0);
    expect_near(vd_sketch_sd(&s), 0, 0);
}

VD_TEST(merging_gives_the_same_bits_in_any_order_and_grouping)
{
    vd_sketch parts[5], forth = { 0 }, back = { 0 }, whole = vd_sketch_of(edges, 3);
    for (unsigned i = 0; i < 5; i++) {
        parts[i] = vd_sketch_of(edges, 3);
        for (unsigned k = 0; k < 100; k++) {
            double value = fmod(i * 37.123 + k * 1.0371, 60) / 3;
            vd_sketch_add(&parts[i], value);
            vd_sketch_add(&whole, value);
        }
    }
    for (unsigned i = 0; i < 5; i++) expect_ok(vd_sketch_merge(&forth, &parts[i]));
    for (unsigned i = 5; i-- > 0;) expect_ok(vd_sketch_merge(&back, &parts[i]));
    assert_memory_equal(&forth, &back, sizeof forth);
    assert_memory_equal(&forth, &whole, sizeof forth);
}

VD_TEST(other_edges_do_not_merge)
{
    const double others[] = { 10, 20 };
    vd_sketch a = sketch_of(edges, 3), b = vd_sketch_of(others, 2), before = a;
    expect_err(vd_sketch_merge(&a, &b), VD_INVALID);
    assert_memory_equal(&a, &before, sizeof a);
}

VD_TEST(the_distance_is_0_for_the_same_and_1_for_apart)
{
    const double low[] = { 1, 2 }, high[] = { 50, 60 }, mixed[] = { 1, 50 };
    vd_sketch a = sketch_of(low, 2), b = sketch_of(high, 2), c = sketch_of(mixed, 2);
    expect_near(vd_sketch_distance(&a, &a), 0, 0);
    expect_near(vd_sketch_distance(&a, &b), 1, 1e-12);
    expect_near(vd_sketch_distance(&a, &c), 0.5, 1e-12);
}

VD_TEST(what_is_written_is_read_back_whole)
{
    const double values[] = { -3.25, 12, 70 };
    vd_sketch s = sketch_of(values, 3), back;
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_sketch_write(&s, &w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 4096, 4, &root, NULL));
    expect_ok(vd_sketch_read(root, &back, NULL));
    assert_memory_equal(&s, &back, sizeof s);
}

VD_TEST(what_is_no_sketch_is_refused_in_words)
{
    static const char *const bad[] = {
        "[]",
        "{\"edges\":[],\"counts\":[1],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[2,1],\"counts\":[1,1,1],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[\"a\"],\"counts\":[1,1],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[1],\"counts\":[1],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[1],\"counts\":[1,-1],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[1],\"counts\":[9000000000,0],\"sum\":0,\"sum2\":0}",
        "{\"edges\":[1],\"counts\":[1,0],\"sum2\":0}",
        "{\"edges\":[1],\"counts\":[1,0],\"sum\":0,\"sum2\":-1}",
        "{\"edges\":[1],\"counts\":[0,0],\"sum\":5,\"sum2\":0}",
    };
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(vd_json_ptr) root = NULL;
        vd_sketch s;
        vd_why why = { 0 };
        expect_ok(vd_json_parse(vd_slice_str(bad[i]), 4096, 4, &root, NULL));
        expect_err(vd_sketch_read(root, &s, &why), VD_INVALID);
        expect_true(why.fact[0] != '\0');
    }
}

VD_TEST_MAIN(VD_RUN(values_fall_into_the_bin_below_the_next_edge),
             VD_RUN(mean_and_deviation_are_those_of_the_values),
             VD_RUN(merging_gives_the_same_bits_in_any_order_and_grouping),
             VD_RUN(other_edges_do_not_merge),
             VD_RUN(the_distance_is_0_for_the_same_and_1_for_apart),
             VD_RUN(what_is_written_is_read_back_whole),
             VD_RUN(what_is_no_sketch_is_refused_in_words))
