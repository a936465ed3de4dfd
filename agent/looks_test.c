/* Which models look at which camera, with models written by hand. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent_priv.h"
#include "small_onnx_priv.h"

static char folder[] = "/tmp/vedette-looks-XXXXXX";

static const char text[] =
    "model: {path: %s/people.onnx, threads: 1, provider: cuda}\n"
    "models:\n"
    "  helmet: {path: %s/helmets.onnx, threads: 1, on: {classes: [person]}}\n"
    "  day: {path: %s/helmets.onnx, threads: 1, schedule: '06:00-18:00'}\n"
    "  broken: {path: %s/absent.onnx, on: {classes: [person]}}\n"
    "  unused: {path: %s/helmets.onnx, threads: 2}\n"
    "  next-door: {scorer: {url: 'http://127.0.0.1:9/score', classes: [forklift], timeout: "
    "200ms},\n"
    "              rate: 5, schedule: '00:00-23:59', on: {classes: [person]}}\n"
    "cameras:\n"
    "  - {id: a, file: a.mp4, models: [main, helmet]}\n"
    "  - {id: b, file: b.mp4, models: [main, helmet, day]}\n"
    "  - {id: c, file: c.mp4, models: [main, broken, helmet]}\n"
    "  - {id: d, file: d.mp4}\n"
    "  - {id: e, file: e.mp4, models: [main, next-door, helmet]}\n"
    "rules:\n"
    "  - {id: r, kind: zone, points: [[0, 0], [1, 0], [1, 1]], classes: [vest]}\n";

typedef struct {
    agent a;
    agent_config config;
    lane lane[5];
} house;

static house *house_new(void)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(8192);
    house *h = calloc(1, sizeof *h);
    pthread_condattr_t attr;

    expect_true(h != NULL);
    vd_buf_addf(&yaml, text, folder, folder, folder, folder, folder);
    expect_ok(agent_config_parse(vd_buf_slice(&yaml), "agent.yaml", &h->config, NULL));
    h->a.config = &h->config;
    pthread_mutex_init(&h->a.lock, NULL);
    pthread_mutex_init(&h->a.wishes_use, NULL);
    pthread_condattr_init(&attr);
    pthread_cond_init(&h->a.changed, &attr);
    pthread_condattr_destroy(&attr);
    swap_init(&h->a);
    for (unsigned i = 0; i < h->config.camera_count; i++) {
        h->lane[i].agent = &h->a;
        h->lane[i].config = &h->config.camera[i];
        h->lane[i].newest = h->config.camera[i];
        h->lane[i].number = i;
        h->a.lane[i] = &h->lane[i];
    }
    expect_ok(swap_open(&h->a, false, NULL));
    return h;
}

static void house_free(house *h)
{
    for (unsigned i = 0; i < VD_COUNT_OF(h->lane); i++) {
        vd_lineup_free(h->lane[i].lineup);
        free(h->lane[i].rules);
        free(h->lane[i].rules_text);
    }
    vd_model_free(h->a.model);
    looks_close(&h->a);
    pthread_rwlock_destroy(&h->a.model_use);
    pthread_cond_destroy(&h->a.changed);
    pthread_mutex_destroy(&h->a.wishes_use);
    pthread_mutex_destroy(&h->a.lock);
    agent_config_done(&h->config);
    free(h);
}

static vd_frame *picture(void)
{
    static uint8_t luma[200 * 100], chroma[100 * 50];
    vd_picture p = { .width_px = 200,
                     .height_px = 100,
                     .plane = { luma, chroma, chroma },
                     .stride = { 200, 100, 100 },
                     .full_range = true };
    vd_frame *frame = NULL;
    memset(luma, 255, sizeof luma);
    memset(chroma, 128, sizeof chroma);
    expect_ok(vd_frame_copy(&p, &frame));
    return frame;
}

/* How many of the classes `name` the lane's models find in a white picture. */
static unsigned found(lane *l, const char *name)
{
    static vd_detections seen;
    vd_lineup_look look;
    unsigned count = 0;
    vd_frame *frame = picture();

    expect_ok(looks_ready(l));
    const vd_vocabulary *words = vd_lineup_words(l->lineup);
    vd_lineup_run(l->lineup, frame, &seen, &look);
    vd_frame_unref(frame);
    expect_u64(look.failed, 0);
    for (unsigned i = 0; i < seen.count; i++)
        count += strcmp(vd_vocabulary_name(words, seen.item[i].class_id), name) == 0;
    return count;
}

static uint64_t runs_of(const vd_model *model)
{
    vd_model_stats stats;
    vd_model_get_stats(model, &stats);
    expect_u64(stats.failures, 0);
    expect_true(stats.busy_us > 0);
    return stats.runs;
}

// covers: INF-3
VD_TEST(a_model_that_several_cameras_share_is_loaded_once)
{
    house *h = house_new();
    expect_u64(h->a.extra_loads, 2); /* helmet for three cameras, day is the same file; next-door */
    expect_true(h->a.extra[1] != NULL && h->a.extra[2] == h->a.extra[1]);
    expect_true(h->a.extra[4] == NULL); /* no camera uses it */
    looks_load(&h->a);
    expect_u64(h->a.extra_loads, 2);
    expect_u64(found(&h->lane[0], "helmet"), 1);
    expect_u64(found(&h->lane[1], "helmet"), 1);
    expect_true(runs_of(h->a.extra[1]) >= 2); /* of both cameras */
    expect_u64(found(&h->lane[3], "helmet"), 0);
    expect_u64(found(&h->lane[3], "person"), 1);
    house_free(h);
}

// covers: INF-5 INF-3
VD_TEST(a_scorer_in_a_line_up_knows_its_classes_and_stops_no_other_while_it_is_away)
{
    static vd_detections seen;
    house *h = house_new();
    lane *l = &h->lane[4];
    vd_lineup_look look;
    vd_frame *frame = picture();
    expect_true(h->a.extra[5] != NULL);
    expect_ok(looks_ready(l));
    expect_true(vd_vocabulary_find(vd_lineup_words(l->lineup), "forklift") >= 0);
    vd_lineup_run(l->lineup, frame, &seen, &look);
    expect_u64(look.looked, 7);
    expect_u64(look.failed, 4); /* nobody listens there */
    expect_true(seen.count >= 2);
    expect_i64(seen.item[seen.count - 1].parent, 0); /* the helmet, in the crop of the first */
    expect_true(vd_detections_blind(&seen, (unsigned)vd_vocabulary_find(vd_lineup_words(l->lineup),
                                                                        "forklift")));
    vd_frame_unref(frame);
    house_free(h);
}

// covers: INF-3
VD_TEST(a_model_that_cannot_be_loaded_stops_no_other)
{
    house *h = house_new();
    expect_true(h->a.extra[3] == NULL);
    assert_non_null(strstr(h->a.extra_why[3].fact, "absent"));
    expect_u64(found(&h->lane[2], "person"), 1);
    expect_u64(found(&h->lane[2], "helmet"), 1);
    house_free(h);
}

// covers: INF-3
VD_TEST(another_main_model_takes_over_and_the_others_look_on)
{
    house *h = house_new();
    char path[128];
    vd_model *next = NULL;
    expect_u64(found(&h->lane[0], "person"), 1);
    vd_lineup *before = h->lane[0].lineup;
    snprintf(path, sizeof path, "%s/crews.onnx", folder);
    vd_why why;
    expect_ok(looks_open(&h->config, 0, path, &next, &why));
    vd_model_free(h->a.model); /* nobody looks now */
    h->a.model = next;
    h->a.models_serial++;
    expect_u64(found(&h->lane[0], "person"), 2);
    expect_u64(found(&h->lane[0], "helmet"), 2);
    expect_true(h->lane[0].lineup == before); /* with its rates */
    house_free(h);
}

// covers: INF-3
VD_TEST(a_provider_that_is_not_there_leaves_the_cpu_and_says_why)
{
    house *h = house_new();
    vd_why why = { 0 };
    expect_str(vd_provider_name(vd_model_provider(h->a.model, &why)), "cpu");
    assert_non_null(strstr(why.fact, "cuda"));
    house_free(h);
}

// covers: INF-3
VD_TEST(rules_are_checked_against_all_models_of_a_camera_when_all_are_there)
{
    house *h = house_new();
    lane *lanes[] = { &h->lane[0], &h->lane[2] };
    rulebook_start(&h->a, lanes, 2);
    assert_non_null(strstr(h->lane[0].rules_why.fact, "vest"));
    expect_str(h->lane[2].rules_why.fact, ""); /* the missing model may know it */
    expect_u64(h->lane[2].rules->count, 1);
    house_free(h);
}

static int begin(void **state)
{
    static const float people[][6] = { { 4, 4, 8, 12, 0.9f, 0 }, { 9, 4, 15, 12, 0.8f, 1 } };
    static const float crews[][6] = { { 4, 4, 8, 12, 0.9f, 0 }, { 9, 4, 15, 12, 0.8f, 0 } };
    static const float helmets[][6] = { { 4, 0, 12, 8, 0.9f, 0 } };
    (void)state;
    if (!mkdtemp(folder)) return -1;
    small_detector(folder, "people", "[person, dog]", people, 2, 0);
    small_detector(folder, "crews", "[person, dog]", crews, 2, 0);
    small_detector(folder, "helmets", "[helmet]", helmets, 1, 0);
    return 0;
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_model_that_several_cameras_share_is_loaded_once),
        VD_RUN(a_scorer_in_a_line_up_knows_its_classes_and_stops_no_other_while_it_is_away),
        VD_RUN(a_model_that_cannot_be_loaded_stops_no_other),
        VD_RUN(another_main_model_takes_over_and_the_others_look_on),
        VD_RUN(a_provider_that_is_not_there_leaves_the_cpu_and_says_why),
        VD_RUN(rules_are_checked_against_all_models_of_a_camera_when_all_are_there),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
