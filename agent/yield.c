/* yield.c - inspections, seen from outside: signals for them come in, what they count goes out. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"

#define AWAKE_US 3000000

void yield_trigger(lane *l)
{
    if (atomic_exchange(&l->triggered, false)) vd_scene_trigger(l->scene);
}

void yield_keep(lane *l)
{
    vd_yield one;

    if (!vd_scene_yields(l->scene, &one, 1) && !l->yield_count) return;
    pthread_mutex_lock(&l->agent->lock);
    if (!l->yield) l->yield = calloc(AGENT_RULES_MAX, sizeof *l->yield);
    if (l->yield) l->yield_count = vd_scene_yields(l->scene, l->yield, AGENT_RULES_MAX);
    pthread_mutex_unlock(&l->agent->lock);
}

static bool waits_for_signals(lane *l)
{
    bool waits = false;

    pthread_mutex_lock(&l->agent->lock);
    for (unsigned i = 0; l->rules && i < l->rules->count; i++) {
        const vd_rule *rule = &l->rules->rule[i];
        waits = waits || (rule->kind == VD_RULE_INSPECTION &&
                          rule->inspection.trigger == VD_TRIGGER_EXTERNAL);
    }
    pthread_mutex_unlock(&l->agent->lock);
    return waits;
}

vd_err yield_signal(void *agent_ptr, const char *camera, vd_why *why)
{
    lane *l = agent_lane(agent_ptr, camera);
    vd_err err = VD_OK;

    if (!l) return vd_fail(why, VD_ABSENT, "there is no camera '%.60s'", camera);
    if (!waits_for_signals(l)) {
        err = vd_fail(why, VD_ABSENT, "no rule of camera '%s' waits for a signal", camera);
        vd_why_hint(why, "a rule of kind inspection with 'trigger: external' does");
    } else {
        atomic_store(&l->triggered, true);
        atomic_store(&l->next_us, 0); /* its models look at the next picture */
        if (l->camera) vd_camera_awake(l->camera, vd_clock_utc_us() + AWAKE_US);
    }
    lane_let_go(l);
    return err;
}

void yield_figures(agent *a, vd_metrics *m)
{
    VD_AUTO(lane_list) all = agent_lanes(a);

    vd_metrics_family(m, "vedette_agent_products_total", VD_METRIC_COUNTER,
                      "Products that inspections judged, since their rule holds.");
    for (unsigned i = 0; i < all.count; i++) {
        lane *l = all.lane[i];
        pthread_mutex_lock(&a->lock);
        for (unsigned k = 0; k < l->yield_count; k++) {
            const vd_yield *y = &l->yield[k];
            const char *camera = l->config->id;
            vd_metrics_int(m, VD_LABELS("camera", camera, "rule", y->rule, "verdict", "pass"),
                           (int64_t)y->passed);
            vd_metrics_int(m, VD_LABELS("camera", camera, "rule", y->rule, "verdict", "fail"),
                           (int64_t)y->failed);
            vd_metrics_int(m, VD_LABELS("camera", camera, "rule", y->rule, "verdict", "unsure"),
                           (int64_t)y->unsure);
        }
        pthread_mutex_unlock(&a->lock);
    }
}

void yield_members(lane *l, vd_json_w *w)
{
    if (!l->yield_count) return;
    vd_json_w_key(w, "yield");
    vd_json_w_object(w);
    for (unsigned k = 0; k < l->yield_count; k++) {
        const vd_yield *y = &l->yield[k];
        vd_json_w_key(w, y->rule);
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "produced", (int64_t)y->produced);
        vd_json_w_kv_int(w, "passed", (int64_t)y->passed);
        vd_json_w_kv_int(w, "failed", (int64_t)y->failed);
        vd_json_w_kv_int(w, "unsure", (int64_t)y->unsure);
        if (y->rate >= 0) vd_json_w_kv_num(w, "rate", (double)y->rate, 4);
        vd_json_w_object_end(w);
    }
    vd_json_w_object_end(w);
}
