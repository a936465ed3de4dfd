#include "samples.h"

#include <stdlib.h>
#include <unistd.h>

#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/test.h"
#include "vocabulary_stub_priv.h"

#define S    1000000ll
#define HOUR (3600 * S)
#define T0   (500000 * HOUR)

/* ---- a model of two classes, by name only ---- */

static const vd_vocabulary *model(void)
{
    static const char *const classes[] = { "person", "forklift" };
    static vd_vocabulary *words;
    return words_stub(&words, 'a', classes, VD_COUNT_OF(classes), 0.4f);
}

static vd_detections found(float score, uint16_t class_id)
{
    vd_detections d = { .count = 1 };
    d.item[0] = (vd_detection){ { 0.1f, 0.2f, 0.3f, 0.4f }, score, class_id };
    return d;
}

static vd_sample_seen usual(uint32_t people, uint32_t forklifts)
{
    vd_sample_seen seen = { .total = people + forklifts };
    seen.of_class[0] = people;
    seen.of_class[1] = forklifts;
    return seen;
}

static unsigned count_hour(const vd_sample_budget *budget, const vd_sample_seen *seen,
                           const vd_detections *d, int64_t from_us, vd_sample_spent *spent,
                           unsigned by_reason[VD_SAMPLE_REASONS])
{
    unsigned count = 0;
    memset(by_reason, 0, VD_SAMPLE_REASONS * sizeof by_reason[0]);
    for (int64_t at = from_us; at < from_us + HOUR; at += S / 2) {
        vd_sample_reason reason = vd_sample_decide(budget, seen, d, model(), 7, at, spent);
        by_reason[reason]++;
        count += reason != VD_SAMPLE_NONE;
    }
    return count;
}

// covers: CIR-1
VD_TEST(without_the_hubs_word_no_picture_is_taken)
{
    unsigned by[VD_SAMPLE_REASONS];
    vd_sample_spent spent = { 0 };
    vd_sample_budget none = { .part = { 0, 0.3, 0.5, 0.2 } };
    vd_sample_seen seen = usual(1000, 1);
    vd_detections d = found(0.41f, 1);

    expect_u64(count_hour(&none, &seen, &d, T0, &spent, by), 0);
}

// covers: CIR-1
VD_TEST(an_hour_spends_its_budget_by_reason_and_no_more)
{
    unsigned by[VD_SAMPLE_REASONS];
    vd_sample_spent spent = { 0 };
    vd_sample_budget budget = { .per_hour = 20, .part = { 0, 0.3, 0.5, 0.2 } };
    vd_sample_seen seen = usual(1000, 1);
    vd_detections rare_and_unsure = found(0.41f, 1);

    expect_u64(count_hour(&budget, &seen, &rare_and_unsure, T0, &spent, by), 20);
    expect_u64(by[VD_SAMPLE_RARE], 4);
    expect_u64(by[VD_SAMPLE_UNCERTAIN], 10);
    expect_u64(by[VD_SAMPLE_RANDOM], 6);
    expect_u64(count_hour(&budget, &seen, &rare_and_unsure, T0 + HOUR, &spent, by), 20);
}

VD_TEST(a_sure_model_on_a_usual_scene_gives_random_pictures_only)
{
    unsigned by[VD_SAMPLE_REASONS];
    vd_sample_spent spent = { 0 };
    vd_sample_budget budget = { .per_hour = 20, .part = { 0, 0.3, 0.5, 0.2 } };
    vd_sample_seen seen = usual(1000, 1), young = usual(100, 0);
    vd_detections sure = found(0.9f, 0), new_class = found(0.9f, 1);

    expect_u64(count_hour(&budget, &seen, &sure, T0, &spent, by), 6);
    expect_u64(by[VD_SAMPLE_RANDOM], 6);
    (void)count_hour(&budget, &young, &new_class, T0 + HOUR, &spent, by);
    expect_u64(by[VD_SAMPLE_RARE], 0); /* too little was seen to call anything rare */
}

VD_TEST(samples_are_apart_and_spread_over_the_hour)
{
    int64_t last = 0, first = 0;
    unsigned count = 0;
    vd_sample_spent spent = { 0 };
    vd_sample_budget budget = { .per_hour = 12, .part = { 0, 0, 1, 0 } };
    vd_sample_seen seen = { 0 };
    vd_detections unsure = found(0.35f, 0);

    for (int64_t at = T0; at < T0 + HOUR; at += S / 5) {
        if (!vd_sample_decide(&budget, &seen, &unsure, model(), 7, at, &spent)) continue;
        if (!count++) first = at;
        expect_true(!last || at - last >= HOUR / 12 / 4);
        last = at;
    }
    expect_u64(count, 12);
    expect_true(first < T0 + 60 * S); /* the first one at once */
    expect_true(last > T0 + HOUR / 2);
}

VD_TEST(a_clock_that_went_back_does_not_silence_a_camera)
{
    vd_sample_spent spent = { .hour = T0 / HOUR, .last_us = T0 + HOUR };
    vd_sample_budget budget = { .per_hour = 60, .part = { 0, 0, 1, 0 } };
    vd_sample_seen seen = { 0 };
    vd_detections unsure = found(0.4f, 0);

    expect_u64(vd_sample_decide(&budget, &seen, &unsure, model(), 7, T0, &spent),
               VD_SAMPLE_UNCERTAIN);
}

// covers: RULE-6
VD_TEST(a_picture_in_doubt_is_taken_within_the_budget_of_the_uncertain)
{
    vd_sample_spent spent = { 0 };
    vd_sample_budget budget = { .per_hour = 12, .part = { 0, 0.5, 0.5, 0 } };
    unsigned count = 0;

    for (int64_t at = T0; at < T0 + HOUR; at += S)
        count += vd_sample_decide_unsure(&budget, at, &spent) == VD_SAMPLE_UNCERTAIN;
    expect_u64(count, 6);
    expect_u64(spent.used[VD_SAMPLE_UNCERTAIN], 6);
    budget.per_hour = 0;
    expect_u64(vd_sample_decide_unsure(&budget, T0 + 2 * HOUR, &spent), VD_SAMPLE_NONE);
}

VD_TEST(a_policy_is_checked_whole_and_a_camera_may_have_its_own)
{
    vd_sample_budget b = { 0 };
    vd_why why = { 0 };

    expect_ok(vd_sample_policy_read(VD_STR("{\"default\":{\"per_hour\":10,\"random\":0.5},"
                                           "\"cameras\":{\"gate\":{\"per_hour\":60}}}"),
                                    "gate", &b, &why));
    expect_u64(b.per_hour, 60);
    expect_near(b.part[VD_SAMPLE_RANDOM], 0.5, 1e-9);
    expect_ok(vd_sample_policy_read(VD_STR("{\"cameras\":{\"gate\":{\"per_hour\":60}}}"), "yard",
                                    &b, &why));
    expect_u64(b.per_hour, 0);
    static const char *const bad[] = { "{\"default\":{\"per_hour\":-1}}",
                                       "{\"default\":{\"per_hour\":99999}}",
                                       "{\"default\":{\"random\":0.9,\"rare\":0.2}}",
                                       "{\"cameras\":{\"other\":{\"rare\":\"much\"}}}",
                                       "{\"default\":[]}",
                                       "{" };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++)
        expect_err(vd_sample_policy_read(vd_slice_str(bad[i]), "gate", &b, &why), VD_INVALID);
}

/* ---- with a disk and a worker ---- */

typedef struct {
    char dir[64], path[128];
    unsigned told;
    char reason[16];
    vd_samples *samples;
    vd_sample_camera *camera;
} desk;

static void on_told(void *ctx, const char *camera, vd_slice json, vd_slice jpeg)
{
    desk *d = ctx;
    VD_AUTO(vd_json_ptr) root = NULL;
    expect_str(camera, "gate");
    expect_ok(vd_json_parse(json, 1 << 20, 8, &root, NULL));
    const vd_json *picture = vd_json_get(root, "picture");
    expect_str(vd_json_text(vd_json_get(picture, "digest"), ""), vd_sha256(jpeg).hex);
    expect_u64(vd_json_int(vd_json_get(picture, "bytes"), 0), jpeg.len);
    expect_u64(vd_json_int(vd_json_get(picture, "width"), 0), 64);
    const vd_json *box = vd_json_at(vd_json_get(root, "boxes"), 0);
    expect_str(vd_json_text(vd_json_get(box, "class"), ""), "person");
    vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(root, "reason"), "")), d->reason,
                      sizeof d->reason);
    d->told++;
}

static vd_frame *picture_at(int64_t utc_us)
{
    static uint8_t plane[64 * 48], grey[32 * 24];
    vd_frame *frame = NULL;
    vd_picture picture = { .width_px = 64,
                           .height_px = 48,
                           .plane = { plane, grey, grey },
                           .stride = { 64, 32, 32 },
                           .full_range = true,
                           .utc_us = utc_us };
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

static void open_samples(desk *d)
{
    const vd_samples_sink sink = { .ctx = d, .told = on_told };
    expect_ok(vd_samples_new(d->path, &sink, &d->samples, NULL));
    expect_ok(vd_samples_add(d->samples, "gate", &d->camera));
}

/* An hour of unsure pictures, one each 100 s; waits for the worker. */
static void an_hour(desk *d, int64_t from_us)
{
    vd_detections unsure = found(0.4f, 0);
    for (int64_t at = from_us; at < from_us + HOUR; at += 100 * S) {
        vd_frame *frame = picture_at(at);
        vd_samples_seen(d->camera, frame, &unsure, model());
        vd_frame_unref(frame);
    }
    vd_samples_stop(d->samples);
}

// covers: CIR-1
VD_TEST(a_restart_gives_no_new_budget_and_keeps_the_hubs_word)
{
    desk d = { .dir = "/tmp/vedette-samples-XXXXXX" };
    vd_why why = { 0 };
    assert_non_null(mkdtemp(d.dir));
    snprintf(d.path, sizeof d.path, "%s/sampling.json", d.dir);

    open_samples(&d);
    an_hour(&d, T0);
    expect_u64(d.told, 0); /* nobody asked */
    d.samples = vd_samples_free(d.samples);

    open_samples(&d);
    expect_err(vd_samples_policy(d.samples, VD_STR("{\"default\":{\"per_hour\":\"x\"}}"), &why),
               VD_INVALID);
    expect_ok(vd_samples_policy(
        d.samples, VD_STR("{\"default\":{\"per_hour\":3,\"random\":0,\"uncertain\":1,\"rare\":0}}"),
        &why));
    an_hour(&d, T0);
    expect_u64(d.told, 3);
    expect_str(d.reason, "uncertain");
    d.samples = vd_samples_free(d.samples);

    open_samples(&d); /* the policy is known, the hour's budget is spent */
    an_hour(&d, T0);
    expect_u64(d.told, 3);
    d.samples = vd_samples_free(d.samples);

    open_samples(&d);
    an_hour(&d, T0 + HOUR);
    expect_u64(d.told, 6);
    d.samples = vd_samples_free(d.samples);

    expect_ok(vd_file_save(d.path, 0640, VD_STR("{ broken"), NULL));
    open_samples(&d);
    an_hour(&d, T0 + 2 * HOUR);
    expect_u64(d.told, 6); /* no word is known: nothing */
    d.samples = vd_samples_free(d.samples);
    expect_i64(unlink(d.path), 0);
    expect_i64(rmdir(d.dir), 0);
}

// covers: CAM-4
VD_TEST(a_camera_that_left_comes_back_with_what_it_has_spent)
{
    desk d = { .dir = "/tmp/vedette-samples-XXXXXX" };
    vd_sample_camera *other = NULL;
    char name[16];
    assert_non_null(mkdtemp(d.dir));
    snprintf(d.path, sizeof d.path, "%s/sampling.json", d.dir);
    open_samples(&d);
    expect_ok(vd_samples_policy(
        d.samples, VD_STR("{\"default\":{\"per_hour\":3,\"random\":0,\"uncertain\":1,\"rare\":0}}"),
        NULL));
    vd_detections unsure = found(0.4f, 0);
    vd_frame *frame = picture_at(T0);
    vd_samples_seen(d.camera, frame, &unsure, model());
    vd_frame_unref(frame);
    vd_samples_leave(d.camera); /* the worker has made it when this returns */
    expect_u64(d.told, 1);
    for (unsigned i = 0; i < 63; i++) {
        snprintf(name, sizeof name, "other-%u", i);
        expect_ok(vd_samples_add(d.samples, name, &other));
    }
    expect_ok(vd_samples_add(d.samples, "gate", &d.camera));
    expect_err(vd_samples_add(d.samples, "one-more", &other), VD_FULL);
    an_hour(&d, T0 + S);
    expect_u64(d.told, 3); /* the hour's three, not three more */
    d.samples = vd_samples_free(d.samples);
    expect_i64(unlink(d.path), 0);
    expect_i64(rmdir(d.dir), 0);
}

VD_TEST_MAIN(VD_RUN(without_the_hubs_word_no_picture_is_taken),
             VD_RUN(an_hour_spends_its_budget_by_reason_and_no_more),
             VD_RUN(a_sure_model_on_a_usual_scene_gives_random_pictures_only),
             VD_RUN(samples_are_apart_and_spread_over_the_hour),
             VD_RUN(a_clock_that_went_back_does_not_silence_a_camera),
             VD_RUN(a_picture_in_doubt_is_taken_within_the_budget_of_the_uncertain),
             VD_RUN(a_policy_is_checked_whole_and_a_camera_may_have_its_own),
             VD_RUN(a_restart_gives_no_new_budget_and_keeps_the_hubs_word),
             VD_RUN(a_camera_that_left_comes_back_with_what_it_has_spent))
