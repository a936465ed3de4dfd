/* An inspection from outside: a signal comes in, figures go out. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/test.h"
#include "vocabulary_stub_priv.h"

static const vd_vocabulary *words(void)
{
    static const char *const classes[] = { "dent" };
    static vd_vocabulary *made;
    return words_stub(&made, '7', classes, 1, 0.4f);
}

typedef struct {
    agent a;
    lane *l;
    int64_t utc_us;
} house;

static house *house_new(vd_trigger trigger)
{
    static agent_camera camera = { .id = "bench" };
    house *h = calloc(1, sizeof *h);
    pthread_mutex_init(&h->a.lock, NULL);
    h->l = calloc(1, sizeof *h->l);
    *h->l = (lane){ .agent = &h->a, .config = &camera };
    h->l->rules = calloc(1, sizeof *h->l->rules);
    vd_rule *rule = &h->l->rules->rule[h->l->rules->count++];
    *rule = (vd_rule){ .kind = VD_RULE_INSPECTION, .id = "pump", .score_min = 0.4f };
    rule->inspection.trigger = trigger;
    rule->inspection.defect_count = 1;
    strcpy(rule->inspection.defect[0], "dent");
    rule->inspection.fail_min = 0.5f;
    rule->inspection.unsure_min = 0.3f;
    expect_ok(vd_scene_new(rule, 1, words(), &h->l->scene));
    h->a.lane[0] = h->l;
    h->utc_us = 1700000000000000;
    return h;
}

static void house_free(house *h)
{
    vd_scene_free(h->l->scene);
    free(h->l->rules);
    free(h->l->yield);
    free(h->l);
    pthread_mutex_destroy(&h->a.lock);
    free(h);
}

/* What the analysis does with a picture; a dent is seen in it when its score is above 0. */
static void look(house *h, float score)
{
    vd_detections *seen = calloc(1, sizeof *seen);
    const vd_fact *facts;
    unsigned count;
    if (score > 0)
        seen->item[seen->count++] =
            (vd_detection){ .box = { 0.4f, 0.4f, 0.1f, 0.1f }, .score = score, .parent = -1 };
    yield_trigger(h->l);
    vd_scene_step(h->l->scene, seen, h->utc_us += 100000, &facts, &count);
    yield_keep(h->l);
    free(seen);
}

// covers: RULE-6
VD_TEST(a_signal_has_the_next_picture_judged_and_the_figures_say_so)
{
    house *h = house_new(VD_TRIGGER_EXTERNAL);
    atomic_store(&h->l->next_us, INT64_MAX);
    look(h, 0.9f);
    expect_ok(yield_signal(&h->a, "bench", NULL));
    expect_i64(atomic_load(&h->l->next_us), 0);
    look(h, 0.9f);
    look(h, 0.9f);
    expect_ok(yield_signal(&h->a, "bench", NULL));
    look(h, 0);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_metrics m = vd_metrics_into(&text);
    yield_figures(&h->a, &m);
    expect_ok(vd_metrics_end(&m));
    assert_non_null(strstr(text.data, "{camera=\"bench\",rule=\"pump\",verdict=\"pass\"} 1\n"));
    assert_non_null(strstr(text.data, "{camera=\"bench\",rule=\"pump\",verdict=\"fail\"} 1\n"));
    VD_AUTO(vd_buf) twin = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&twin);
    vd_json_w_object(&w);
    yield_members(h->l, &w);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_str(twin.data,
               "{\"yield\":{\"pump\":{\"produced\":2,\"passed\":1,\"failed\":1,\"unsure\":0}}}");
    house_free(h);
}

VD_TEST(a_signal_that_no_rule_waits_for_is_refused_with_a_reason)
{
    house *h = house_new(VD_TRIGGER_PICTURE);
    vd_why why = { 0 };
    expect_err(yield_signal(&h->a, "bench", &why), VD_ABSENT);
    assert_non_null(strstr(why.hint, "trigger: external"));
    expect_err(yield_signal(&h->a, "attic", &why), VD_ABSENT);
    expect_true(!atomic_load(&h->l->triggered));
    house_free(h);
}

VD_TEST_MAIN(VD_RUN(a_signal_has_the_next_picture_judged_and_the_figures_say_so),
             VD_RUN(a_signal_that_no_rule_waits_for_is_refused_with_a_reason))
