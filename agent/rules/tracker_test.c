#include "tracker_priv.h"

#include <math.h>
#include <stdlib.h>

#include "match_priv.h"
#include "vd/test.h"

#define FRAME_US 100000

typedef struct {
    vd_tracker *tracker;
    vd_detections seen;
    int64_t utc_us;
} yard;

static yard yard_new(void)
{
    vd_tracker_config config = { .high = 0.4f, .low = 0.1f, .hits = 2, .lost_us = 2000000 };
    yard y = { .tracker = vd_tracker_new(&config), .utc_us = 1000000 };
    expect_true(y.tracker != NULL);
    return y;
}

static void yard_done(yard *y)
{
    y->tracker = vd_tracker_free(y->tracker);
}
VD_AUTO_DEFINE(yard, yard_done)

static void see(yard *y, float x, float foot_y, float score, unsigned class_id)
{
    vd_box box = { x - 0.02f, foot_y - 0.15f, 0.04f, 0.15f };
    y->seen.item[y->seen.count++] =
        (vd_detection){ .box = box, .score = score, .class_id = (uint16_t)class_id };
}

static void step(yard *y)
{
    y->utc_us += FRAME_US;
    vd_tracker_step(y->tracker, &y->seen, y->utc_us);
    y->seen.count = 0;
}

/* The confirmed track that holds detection `index` of the last picture; 0: none. */
static uint32_t id_of(const yard *y, int index)
{
    unsigned count;
    const uint16_t *active = vd_tracker_active(y->tracker, &count);
    for (unsigned i = 0; i < count; i++) {
        const vd_tracked *t = vd_tracker_slot(y->tracker, active[i]);
        if (t->as.detection == index) return t->as.id;
    }
    return 0;
}

static unsigned tracks_of(const yard *y)
{
    unsigned count;
    vd_tracker_active(y->tracker, &count);
    return count;
}

VD_TEST(a_track_is_confirmed_by_its_second_picture)
{
    VD_AUTO(yard) y = yard_new();
    see(&y, 0.5f, 0.5f, 0.8f, 0);
    step(&y);
    expect_u64(id_of(&y, 0), 0);
    see(&y, 0.505f, 0.5f, 0.8f, 0);
    step(&y);
    expect_u64(id_of(&y, 0), 1);
}

VD_TEST(a_single_flash_leaves_no_track)
{
    VD_AUTO(yard) y = yard_new();
    see(&y, 0.5f, 0.5f, 0.8f, 0);
    step(&y);
    step(&y);
    expect_u64(tracks_of(&y), 0);
}

VD_TEST(low_scores_never_open_a_track)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 10; i++) {
        see(&y, 0.5f, 0.5f, 0.3f, 0);
        step(&y);
    }
    expect_u64(tracks_of(&y), 0);
}

VD_TEST(low_scores_carry_a_track_on)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 30; i++) {
        see(&y, 0.2f + 0.01f * (float)i, 0.5f, i < 5 || i > 25 ? 0.8f : 0.15f, 0);
        step(&y);
        if (i > 0) expect_u64(id_of(&y, 0), 1);
    }
}

VD_TEST(people_who_cross_keep_their_names)
{
    VD_AUTO(yard) y = yard_new();
    uint32_t left = 0, right = 0;
    for (int i = 0; i <= 60; i++) {
        see(&y, 0.2f + 0.01f * (float)i, 0.60f, 0.8f, 0);
        see(&y, 0.8f - 0.01f * (float)i, 0.63f, 0.8f, 0);
        step(&y);
        if (i == 10) {
            left = id_of(&y, 0);
            right = id_of(&y, 1);
        }
    }
    expect_true(left != 0 && right != 0 && left != right);
    expect_u64(id_of(&y, 0), left);
    expect_u64(id_of(&y, 1), right);
}

VD_TEST(a_hidden_person_comes_out_with_the_same_name)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 40; i++) {
        if (i < 15 || i >= 27) see(&y, 0.2f + 0.008f * (float)i, 0.5f, 0.8f, 0);
        step(&y);
        if (i == 20) {
            const uint16_t *active = vd_tracker_active(y.tracker, &(unsigned){ 0 });
            const vd_tracked *t = vd_tracker_slot(y.tracker, active[0]);
            expect_false(t->as.seen);
            expect_near(t->as.box.l + 0.02f, 0.36, 0.02); /* where it must be by now */
        }
    }
    expect_u64(id_of(&y, 0), 1);
}

VD_TEST(a_long_lost_track_is_not_revived)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 60; i++) {
        if (i < 10 || i >= 40) see(&y, 0.5f, 0.5f, 0.8f, 0);
        step(&y);
        if (i == 35) expect_u64(tracks_of(&y), 0);
    }
    expect_u64(id_of(&y, 0), 2);
}

VD_TEST(classes_are_never_mixed)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 10; i++) {
        see(&y, 0.5f, 0.5f, 0.8f, i < 5 ? 0 : 1);
        step(&y);
    }
    expect_u64(id_of(&y, 0), 2);
    expect_u64(tracks_of(&y), 2); /* the first is lost, not renamed */
}

VD_TEST(dropped_pictures_do_not_bend_the_course)
{
    VD_AUTO(yard) y = yard_new();
    for (int i = 0; i < 60; i++) {
        if (i > 10 && i % 3 != 0) {
            y.utc_us += FRAME_US; /* no picture at all */
            continue;
        }
        see(&y, 0.1f + 0.012f * (float)i, 0.5f, 0.8f, 0);
        step(&y);
    }
    expect_u64(id_of(&y, 0), 1);
}

VD_TEST(more_things_than_tracks_are_survived)
{
    VD_AUTO(yard) y = yard_new();
    for (int n = 0; n < 3; n++) {
        for (int i = 0; i < VD_DETECTIONS_MAX; i++)
            y.seen.item[i] =
                (vd_detection){ .box = { (float)(i % 20) / 20, (float)i / 320, .1f, .1f },
                                .score = 0.9f };
        y.seen.count = VD_DETECTIONS_MAX;
        y.seen.item[7].box.w = NAN;
        y.seen.item[8].box.h = -1;
        y.seen.item[9].score = NAN;
        step(&y);
    }
    expect_u64(tracks_of(&y), VD_DETECTIONS_MAX - 3);
}

static float random_unit(void)
{
    return (float)rand() / (float)RAND_MAX;
}

/* Every assignment of up to six left items, tried out. */
static float best_gain(const vd_match_item *left, unsigned lefts, const vd_match_item *right,
                       unsigned rights, float limit, unsigned taken)
{
    if (lefts == 0) return 0;
    float best = best_gain(left + 1, lefts - 1, right, rights, limit, taken);
    for (unsigned r = 0; r < rights; r++) {
        float gain = 1 - vd_box_iou(&left->box, &right[r].box) * right[r].weight - limit;
        if (taken & 1u << r || gain >= 0) continue;
        best = fminf(best,
                     gain + best_gain(left + 1, lefts - 1, right, rights, limit, taken | 1u << r));
    }
    return best;
}

VD_TEST(pairs_are_the_cheapest_there_are)
{
    vd_matcher *matcher = vd_matcher_new();
    srand(7);
    for (int round = 0; round < 300; round++) {
        vd_match_item item[2][6];
        unsigned count[2] = { 1 + (unsigned)rand() % 6, 1 + (unsigned)rand() % 6 };
        for (unsigned s = 0; s < 2; s++)
            for (unsigned i = 0; i < count[s]; i++)
                item[s][i] = (vd_match_item){
                    .box = { random_unit() * 0.3f, random_unit() * 0.3f, 0.3f, 0.3f }, .weight = 1
                };
        int16_t right_of[6];
        vd_matcher_run(matcher, item[0], count[0], item[1], count[1], 0.8f, right_of);
        float gain = 0;
        for (unsigned i = 0; i < count[0]; i++)
            if (right_of[i] >= 0)
                gain += 1 - vd_box_iou(&item[0][i].box, &item[1][right_of[i]].box) - 0.8f;
        expect_near(gain, best_gain(item[0], count[0], item[1], count[1], 0.8f, 0), 1e-4);
    }
    vd_matcher_free(matcher);
}

// covers: INF-3
VD_TEST(a_class_that_is_looked_for_now_and_then_keeps_its_tracks)
{
    for (int blind = 0; blind < 2; blind++) {
        VD_AUTO(yard) y = yard_new();
        uint32_t first = 0, last = 0;
        for (int picture = 0; picture < 100; picture++) {
            bool looked = picture % 25 == 0; /* each 2.5 seconds */
            y.seen.blind_count = blind && !looked;
            y.seen.blind[0] = (vd_class_range){ .first = 5, .count = 1 };
            if (looked) see(&y, 0.5f, 0.5f, 0.9f, 5);
            step(&y);
            if (looked && !first) first = id_of(&y, 0);
            if (looked) last = id_of(&y, 0);
        }
        expect_true(blind ? first != 0 && first == last : last == 0);
        for (int picture = 0; picture < 130; picture++) { /* never looked for again */
            y.seen.blind_count = 1;
            step(&y);
        }
        expect_u64(tracks_of(&y), 0);
    }
}

VD_TEST_MAIN(VD_RUN(a_class_that_is_looked_for_now_and_then_keeps_its_tracks),
             VD_RUN(a_track_is_confirmed_by_its_second_picture),
             VD_RUN(a_single_flash_leaves_no_track), VD_RUN(low_scores_never_open_a_track),
             VD_RUN(low_scores_carry_a_track_on), VD_RUN(people_who_cross_keep_their_names),
             VD_RUN(a_hidden_person_comes_out_with_the_same_name),
             VD_RUN(a_long_lost_track_is_not_revived), VD_RUN(classes_are_never_mixed),
             VD_RUN(dropped_pictures_do_not_bend_the_course),
             VD_RUN(more_things_than_tracks_are_survived), VD_RUN(pairs_are_the_cheapest_there_are))
