/* swap.c - which model looks at pictures, and how another one takes its place.
 *
 * Whoever looks at a picture holds `model_use` for reading meanwhile; a swap holds it for writing,
 * so it happens between two pictures, and waits for nothing longer than one. The new model is
 * loaded before, beside the old one: cameras, packets and rings never notice. */
#include <stdio.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/secret.h"

static const char *own_path(const agent_config *config)
{
    static const char *const places[] = { "var/models/centernet.onnx",
                                          "/var/lib/vedette/models/centernet.onnx" };

    if (config->model_path[0]) return config->model_path;
    return access(places[0], R_OK) == 0 || access(places[1], R_OK) != 0 ? places[0] : places[1];
}

vd_model_options swap_options(const agent_config *config)
{
    return (vd_model_options){
        .library = config->model_library[0] ? config->model_library : NULL,
        .threads = (int)config->model_threads,
    };
}

static vd_err load_scorer(const agent_scorer *s, vd_model **ret_model, vd_why *why)
{
    char token[SECRET_ROOM] = "";
    vd_scorer_config config = {
        .url = s->url,
        .name = s->name[0] ? s->name : NULL,
        .token = token,
        .classes = s->classes,
        .class_count = s->class_count,
        .width_px = (int)s->width,
        .height_px = (int)s->height,
        .quality = (int)s->quality,
        .timeout_ms = s->timeout_ms,
        .score_min = (float)s->score_min,
    };
    vd_err err = VD_OK;

    if (s->token_file[0]) err = vd_secret_line(s->token_file, token, sizeof token, why);
    if (!err) err = vd_model_scorer(&config, ret_model, why);
    vd_wipe(token, sizeof token);
    return err;
}

/* `path` NULL: our own, a file or somebody else's behind HTTP. */
static vd_err load(agent *a, const char *path, vd_model **ret_model, vd_why *why)
{
    vd_model_options options = swap_options(a->config);
    const agent_scorer *scorer = &a->config->scorer;
    bool remote = !path && scorer->url[0];
    const char *from = path ? path : remote ? scorer->url : own_path(a->config);
    vd_err err = remote ? load_scorer(scorer, ret_model, why)
                        : vd_model_load(from, &options, ret_model, why);

    if (err)
        vd_log_why(VD_LOG_ERROR, "model.refused", "the model cannot be used", why, "model", from,
                   NULL);
    else
        vd_log(VD_LOG_INFO, "model.loaded", "the model is ready", "model",
               vd_model_name(*ret_model), "digest", vd_model_digest(*ret_model)->hex, NULL);
    return err;
}

static void set_model(agent *a, vd_model *model, const vd_why *why)
{
    pthread_mutex_lock(&a->lock);
    a->model = model;
    a->model_why = *why;
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

static vd_err lane_fits(const lane *l, const vd_vocabulary *words, vd_why *why)
{
    const rule_set *set = l->rules;

    for (unsigned r = 0; set && r < set->count; r++)
        for (unsigned c = 0; c < set->rule[r].class_count; c++) {
            const char *name = set->rule[r].class_name[c];
            if (vd_vocabulary_find(words, name) >= 0) continue;
            vd_fail(why, VD_INVALID, "rule '%s' needs class '%s', which the model does not know",
                    set->rule[r].id, name);
            vd_why_detail(why, "camera '%s', model '%.60s' with %u classes", l->config->id,
                          vd_vocabulary_main(words)->name, vd_vocabulary_count(words));
            vd_why_hint(why, "change the rule first, or train the model with this class");
            return VD_INVALID;
        }
    return VD_OK;
}

static vd_err fits_rules(agent *a, const vd_vocabulary *words, vd_why *why)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    vd_err err = VD_OK;

    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; !err && i < all.count; i++) err = lane_fits(all.lane[i], words, why);
    pthread_mutex_unlock(&a->lock);
    return err;
}

static void on_drop(void *ctx)
{
    agent *a = ctx;

    vd_model_free(a->next_model);
    a->next_model = NULL;
    a->next_words = vd_vocabulary_free(a->next_words);
}

static vd_err on_prepare(void *ctx, const char *path, vd_why *why)
{
    agent *a = ctx;
    vd_err err = load(a, path, &a->next_model, why);

    if (!err && vd_model_vocabulary(a->next_model, &a->next_words))
        err = vd_fail(why, VD_FULL, "memory ends");
    if (!err && path) err = fits_rules(a, a->next_words, why);
    if (err) on_drop(a);
    return err;
}

static bool same_classes(const vd_vocabulary *a, const vd_vocabulary *b)
{
    return a && vd_vocabulary_count(a) == vd_vocabulary_count(b) && vd_vocabulary_extends(a, b);
}

/* With the same classes in the same order, tracks and visits go on; else they end with the model
 * that began them. */
static void on_swap(void *ctx)
{
    static const vd_why none;
    agent *a = ctx;
    vd_model *old;
    VD_AUTO(lane_list) all = agent_lanes(a);

    pthread_rwlock_wrlock(&a->model_use);
    old = a->model;
    for (unsigned i = 0; i < all.count; i++) {
        if (!same_classes(all.lane[i]->words, a->next_words)) analysis_end_scene(all.lane[i]);
        all.lane[i]->words = vd_vocabulary_free(all.lane[i]->words);
        pthread_mutex_lock(&a->lock);
        all.lane[i]->rules_changed = true; /* classes are found anew */
        pthread_mutex_unlock(&a->lock);
    }
    set_model(a, a->next_model, &none);
    a->next_model = NULL;
    a->next_words = vd_vocabulary_free(a->next_words);
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
    return err;
}

vd_err swap_start(agent *a, vd_why *why)
{
    vd_models_sink sink = {
        .ctx = a, .prepare = on_prepare, .swap = on_swap, .drop = on_drop, .changed = on_changed
    };

    return a->models ? vd_models_start(a->models, a->link, &sink, why) : VD_OK;
}
