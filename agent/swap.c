/* swap.c - which model looks at pictures, and how another one takes its place.
 *
 * Whoever looks at a picture holds `model_use` for reading meanwhile; a swap holds it for writing,
 * so it happens between two pictures, and waits for nothing longer than one. The new model is
 * loaded before, beside the old one: cameras, packets and rings never notice. */
#include <stdio.h>
#include <unistd.h>

#include "agent_priv.h"

const char *swap_own_path(const agent_config *config)
{
    static const char *const places[] = { "var/models/centernet.onnx",
                                          "/var/lib/vedette/models/centernet.onnx" };

    if (config->model[0].path[0]) return config->model[0].path;
    return access(places[0], R_OK) == 0 || access(places[1], R_OK) != 0 ? places[0] : places[1];
}

/* `path` NULL: our own, a file or somebody else's behind HTTP. */
static vd_err load(agent *a, const char *path, vd_model **ret_model, vd_why *why)
{
    if (path || !a->config->model[0].scorer.url[0])
        return looks_open(a->config, 0, path ? path : swap_own_path(a->config), ret_model, why);
    return looks_scorer(a->config, 0, ret_model, why);
}

static void set_model(agent *a, vd_model *model, const vd_why *why)
{
    pthread_mutex_lock(&a->lock);
    a->model = model;
    a->model_why = *why;
    a->models_serial++;
    pthread_mutex_unlock(&a->lock);
}

void swap_load(agent *a)
{
    char path[VD_MODELS_PATH_ROOM];
    vd_model *model = NULL;
    vd_why why = { 0 };
    bool sent = vd_models_path(a->models, path);
    vd_err err = load(a, sent ? path : NULL, &model, &why);

    while (err && sent && vd_models_unusable(a->models, &why)) {
        sent = vd_models_path(a->models, path);
        why = (vd_why){ 0 };
        err = load(a, sent ? path : NULL, &model, &why);
    }
    pthread_rwlock_wrlock(&a->model_use);
    if (!a->model) /* a swap may have been faster */
        set_model(a, err ? NULL : model, &why), model = NULL;
    pthread_rwlock_unlock(&a->model_use);
    vd_model_free(model);
}

/* ---- the sink of vd_models ---- */

static vd_err rule_fits(const lane *l, const vd_rule *rule, const vd_model *next,
                        const vd_vocabulary *words, vd_why *why)
{
    for (unsigned c = 0; c < rule->class_count; c++) {
        const char *name = rule->class_name[c];
        if (vd_vocabulary_find(words, name) >= 0) continue;
        vd_fail(why, VD_INVALID, "rule '%s' needs class '%s', which the model does not know",
                rule->id, name);
        vd_why_detail(why, "camera '%s', model '%.60s' with %u classes", l->config->id,
                      vd_model_name(next), vd_model_class_count(next));
        vd_why_hint(why, "change the rule first, or train the model with this class");
        return VD_INVALID;
    }
    return VD_OK;
}

/* With `lock` held. While another model is missing nobody can say which classes it would know. */
static vd_err lane_fits(const lane *l, vd_model *next, vd_why *why)
{
    vd_vocabulary *words = NULL;
    bool whole;
    vd_err err = looks_words(l->agent, l->config, next, &words, &whole);

    if (err) return vd_fail(why, err, "memory ends");
    for (unsigned r = 0; whole && !err && l->rules && r < l->rules->count; r++)
        err = rule_fits(l, &l->rules->rule[r], next, words, why);
    vd_vocabulary_free(words);
    return err;
}

static vd_err fits_rules(agent *a, vd_model *next, vd_why *why)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    vd_err err = VD_OK;

    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; !err && i < all.count; i++) err = lane_fits(all.lane[i], next, why);
    pthread_mutex_unlock(&a->lock);
    return err;
}

static void on_drop(void *ctx)
{
    agent *a = ctx;

    vd_model_free(a->next_model);
    a->next_model = NULL;
}

static vd_err on_prepare(void *ctx, const char *path, vd_why *why)
{
    agent *a = ctx;
    vd_err err = load(a, path, &a->next_model, why);

    if (!err && path) err = fits_rules(a, a->next_model, why);
    if (err) on_drop(a);
    return err;
}

static void on_swap(void *ctx)
{
    static const vd_why none;
    agent *a = ctx;

    pthread_rwlock_wrlock(&a->model_use);
    vd_model *old = a->model;
    set_model(a, a->next_model, &none);
    a->next_model = NULL;
    pthread_rwlock_unlock(&a->model_use);
    vd_log(VD_LOG_INFO, "model.switched", "another model looks from the next picture on", "model",
           vd_model_name(a->model), "digest", vd_model_digest(a->model)->hex, NULL);
    vd_model_free(old);
}

static void on_changed(void *ctx, vd_models_state state, const char *manifest, const vd_why *why)
{
    agent *a = ctx;
    bool bad = state == VD_MODELS_FAILED || state == VD_MODELS_RETURNED;

    vd_log_why(bad ? VD_LOG_ERROR : VD_LOG_INFO, "model.release", vd_models_state_name(state), why,
               "manifest", manifest[0] ? manifest : "own", NULL);
    report_model(a);
}

vd_err swap_wish(void *agent_ptr, vd_slice json, vd_why *why)
{
    agent *a = agent_ptr;
    vd_why own = { 0 };
    vd_err err = vd_models_wish(a->models, json, &own);

    if (err) vd_log_why(VD_LOG_WARN, "model.wish", "the hub's wish is wrong", &own, NULL);
    if (err && why) *why = own;
    return err;
}

/* ---- life ---- */

void swap_init(agent *a)
{
    pthread_rwlockattr_t attr;

    /* A looker asks again at once: without this the swap would wait for ever. */
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&a->model_use, &attr);
    pthread_rwlockattr_destroy(&attr);
}

static vd_err open_models(agent *a, vd_why *why)
{
    char dir[4096], program[4096] = "";
    const char *command[] = { program, "--config", a->config->path, "--self-test", NULL };
    vd_models_config config = {
        .dir = dir,
        .release_key = a->config->release_key,
        .self_test = command,
        .trial_ms = a->config->model_trial_ms,
    };

    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return vd_fail_errno(why, "the agent does not find itself");
    snprintf(dir, sizeof dir, "%s/models", a->config->state_dir);
    return vd_models_open(&config, &a->models, why);
}

vd_err swap_open(agent *a, bool hub, vd_why *why)
{
    vd_err err = hub ? open_models(a, why) : VD_OK;

    if (!err) swap_load(a);
    if (!err) looks_load(a);
    return err;
}

vd_err swap_start(agent *a, vd_why *why)
{
    vd_models_sink sink = {
        .ctx = a, .prepare = on_prepare, .swap = on_swap, .drop = on_drop, .changed = on_changed
    };

    return a->models ? vd_models_start(a->models, a->link, &sink, why) : VD_OK;
}
