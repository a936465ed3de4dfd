#include <math.h>
#include <stdlib.h>

#include "dataset.h"
#include "vd/json.h"
#include "vd/test.h"

#define S  1000000ll
#define T0 (1700000000ll * S)

typedef struct {
    vd_arena *arena;
    vd_manifest m;
    const char *classes[2];
} set;

static void set_done(set *s)
{
    s->arena = vd_arena_free(s->arena);
}
VD_AUTO_DEFINE(set, set_done)

static vd_digest digest_of(unsigned n)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", n);
    return vd_sha256(vd_slice_str(text));
}

/* `count` pictures of one camera, `step_s` apart, each with a person; every tenth with a dog too.
 */
static void fill(set *s, unsigned count, double step_s)
{
    static vd_label_box boxes[] = { { "person", 0.1, 0.1, 0.2, 0.2, false, 0 },
                                    { "dog", 0.5, 0.5, 0.2, 0.2, true, 4 } };
    *s = (set){ .arena = vd_arena_new(64 << 20), .classes = { "dog", "person" } };
    s->m = (vd_manifest){ .name = "yard",
                          .task = "detection",
                          .classes = s->classes,
                          .class_count = 2,
                          .seed = 1,
                          .block_s = 60,
                          .val = 0.15,
                          .test = 0.2,
                          .made_us = T0 };
    s->m.picture = vd_arena_alloc(s->arena, count * sizeof *s->m.picture);
    s->m.count = count;
    for (unsigned i = 0; i < count; i++)
        s->m.picture[i] =
            (vd_manifest_picture){ .picture = digest_of(i),
                                   .width_px = 768,
                                   .height_px = 576,
                                   .device = "yard",
                                   .camera = "gate",
                                   .captured_us = T0 + llround(i * step_s * (double)S),
                                   .source = "sample",
                                   .box = boxes,
                                   .box_count = i % 10 ? 1 : 2 };
}

static unsigned in_split(const vd_manifest *m, vd_split split, unsigned boxes_least)
{
    unsigned count = 0;
    for (unsigned i = 0; i < m->count; i++)
        count += m->picture[i].split == split && m->picture[i].box_count >= boxes_least;
    return count;
}

// covers: CIR-3
VD_TEST(groups_are_whole_and_classes_are_spread)
{
    VD_AUTO(set) s;
    unsigned left_out = 0;
    fill(&s, 1000, 5);

    expect_ok(vd_manifest_split(&s.m, NULL, s.arena, &left_out, NULL));

    expect_u64(left_out, 0);
    for (unsigned i = 0; i < s.m.count; i++)
        for (unsigned j = i + 1; j < s.m.count && j < i + 12; j++)
            if (strcmp(s.m.picture[i].group, s.m.picture[j].group) == 0)
                expect_u64(s.m.picture[i].split, s.m.picture[j].split);
    expect_near(in_split(&s.m, VD_SPLIT_TEST, 0), 200, 20);
    expect_near(in_split(&s.m, VD_SPLIT_VAL, 0), 150, 20);
    expect_near(in_split(&s.m, VD_SPLIT_TEST, 2), 20, 4);
    expect_near(in_split(&s.m, VD_SPLIT_VAL, 2), 15, 4);
}

// covers: CIR-3
VD_TEST(no_picture_stands_within_a_second_of_another_split)
{
    VD_AUTO(set) s;
    unsigned left_out = 0;
    fill(&s, 6000, 0.1); /* a film of ten minutes */

    expect_ok(vd_manifest_split(&s.m, NULL, s.arena, &left_out, NULL));

    expect_true(left_out > 0 && left_out < 200);
    for (unsigned i = 0; i < s.m.count; i++)
        for (unsigned j = i + 1; j < s.m.count; j++) {
            const vd_manifest_picture *a = &s.m.picture[i], *b = &s.m.picture[j];
            if (llabs(a->captured_us - b->captured_us) >= S) break;
            expect_u64(a->split, b->split);
        }
}

VD_TEST(the_seed_decides_and_the_same_seed_decides_the_same)
{
    VD_AUTO(set) a;
    VD_AUTO(set) b;
    VD_AUTO(set) c;
    unsigned left_out = 0, same = 0, other = 0;
    fill(&a, 400, 7);
    fill(&b, 400, 7);
    fill(&c, 400, 7);
    c.m.seed = 2;

    expect_ok(vd_manifest_split(&a.m, NULL, a.arena, &left_out, NULL));
    expect_ok(vd_manifest_split(&b.m, NULL, b.arena, &left_out, NULL));
    expect_ok(vd_manifest_split(&c.m, NULL, c.arena, &left_out, NULL));

    for (unsigned i = 0; i < a.m.count; i++) {
        same += a.m.picture[i].split == b.m.picture[i].split;
        other += a.m.picture[i].split != c.m.picture[i].split;
    }
    expect_u64(same, a.m.count);
    expect_true(other > 0);
}

VD_TEST(pictures_without_a_time_are_split_one_by_one_and_parts_that_do_not_fit_are_refused)
{
    VD_AUTO(set) s;
    unsigned left_out = 0;
    bool timeless[40];
    memset(timeless, true, sizeof timeless);
    fill(&s, 40, 0);

    expect_ok(vd_manifest_split(&s.m, timeless, s.arena, &left_out, NULL));
    expect_u64(left_out, 0);
    expect_near(in_split(&s.m, VD_SPLIT_TEST, 0), 8, 2);
    s.m.val = 0.5;
    s.m.test = 0.6;
    expect_err(vd_manifest_split(&s.m, NULL, s.arena, &left_out, NULL), VD_INVALID);
    s.m.val = NAN;
    expect_err(vd_manifest_split(&s.m, NULL, s.arena, &left_out, NULL), VD_INVALID);
}

static int by_digest(const void *left, const void *right)
{
    const vd_manifest_picture *a = left, *b = right;
    return strcmp(a->picture.hex, b->picture.hex);
}

// covers: CIR-3
VD_TEST(a_manifest_reads_back_to_the_same_bytes_and_a_group_in_two_splits_is_refused)
{
    VD_AUTO(set) s;
    VD_AUTO(vd_buf) once = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) twice = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) torn = VD_BUF(1 << 20);
    unsigned left_out = 0;
    vd_manifest back;
    vd_why why = { 0 };
    fill(&s, 50, 7);
    qsort(s.m.picture, s.m.count, sizeof *s.m.picture, by_digest);
    expect_ok(vd_manifest_split(&s.m, NULL, s.arena, &left_out, NULL));

    expect_ok(vd_manifest_write(&s.m, &once, NULL));
    expect_ok(vd_manifest_read(vd_buf_slice(&once), s.arena, &back, NULL));
    expect_ok(vd_manifest_write(&back, &twice, NULL));
    expect_true(vd_slice_eq(vd_buf_slice(&once), vd_buf_slice(&twice)));

    for (unsigned i = 0; i < s.m.count; i++) s.m.picture[i].split = (vd_split)(i % 3);
    expect_ok(vd_manifest_write(&s.m, &torn, NULL));
    expect_err(vd_manifest_read(vd_buf_slice(&torn), s.arena, &back, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "two splits"));
}

static int64_t len_of(const vd_json *root, const char *key)
{
    return (int64_t)vd_json_len(vd_json_get(root, key));
}

// covers: CIR-3
VD_TEST(the_difference_names_what_was_added_removed_relabelled_and_moved)
{
    VD_AUTO(set) a;
    VD_AUTO(set) b;
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_json_w w = vd_json_writer(&text);
    fill(&a, 20, 7);
    fill(&b, 20, 7);
    qsort(a.m.picture, 20, sizeof *a.m.picture, by_digest);
    qsort(b.m.picture, 20, sizeof *b.m.picture, by_digest);
    a.m.count = 19;                      /* the last one is new in b */
    b.m.picture++, b.m.count--;          /* the first one is gone */
    b.m.picture[3].box_count = 0;        /* this one is labelled otherwise */
    b.m.picture[5].split = VD_SPLIT_VAL; /* and this one lies elsewhere */

    vd_json_w_object(&w);
    vd_manifest_write_diff(&a.m, &b.m, &w);
    vd_json_w_object_end(&w);

    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 8, &root, NULL));
    expect_i64(len_of(root, "added"), 1);
    expect_i64(len_of(root, "removed"), 1);
    expect_i64(len_of(root, "relabelled"), 1);
    expect_i64(len_of(root, "moved"), 1);
    expect_i64(vd_json_int(vd_json_get(root, "same"), 0), 16);
}

VD_TEST_MAIN(
    VD_RUN(groups_are_whole_and_classes_are_spread),
    VD_RUN(no_picture_stands_within_a_second_of_another_split),
    VD_RUN(the_seed_decides_and_the_same_seed_decides_the_same),
    VD_RUN(pictures_without_a_time_are_split_one_by_one_and_parts_that_do_not_fit_are_refused),
    VD_RUN(a_manifest_reads_back_to_the_same_bytes_and_a_group_in_two_splits_is_refused),
    VD_RUN(the_difference_names_what_was_added_removed_relabelled_and_moved))
