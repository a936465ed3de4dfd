/* looks.c - which models look at which camera.
 *
 * The main model is swap.c's. The others are loaded here, each once, however many cameras it looks
 * at: all at the start, and later what a camera that came needs, or what could not be loaded before
 * (the analysis thread tries again now and then). A camera's line-up is made of those that are
 * there; one that is missing stops no other. */
#include <stdlib.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define RETRY_US 30000000

/* ---- loading ---- */

vd_model_options looks_options(const agent_config *config, unsigned index)
{
    const agent_model *m = &config->model[index];

    return (vd_model_options){
        .library = config->model_library[0] ? config->model_library : NULL,
        .threads = (int)m->threads,
        .provider = (vd_provider)m->provider,
    };
}

void looks_tell(const agent_config *config, unsigned index, const char *from, const vd_model *model,
                const vd_why *why)
{
    const char *id = config->model[index].step.id;
    vd_why provider_why = { 0 };

    if (!model) {
        vd_log_why(VD_LOG_ERROR, "model.refused", "the model cannot be used", why, "model", from,
                   "id", id, NULL);
        return;
    }
    const char *provider = vd_provider_name(vd_model_provider(model, &provider_why));
    vd_log(VD_LOG_INFO, "model.loaded", "the model is ready", "model", vd_model_name(model),
           "digest", vd_model_digest(model)->hex, "id", id, "provider", provider, NULL);
    if (provider_why.fact[0])
        vd_log_why(VD_LOG_WARN, "model.provider", "a model runs elsewhere than it should",
                   &provider_why, "model", id, "provider", provider, NULL);
}

vd_err looks_open(const agent_config *config, unsigned index, const char *path,
                  vd_model **ret_model, vd_why *why)
{
    vd_model_options options = looks_options(config, index);
    vd_err err = vd_model_load(path, &options, ret_model, why);

    looks_tell(config, index, path, err ? NULL : *ret_model, why);
    return err;
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

vd_err looks_scorer(const agent_config *config, unsigned index, vd_model **ret_model, vd_why *why)
{
    const agent_scorer *scorer = &config->model[index].scorer;
    vd_err err = load_scorer(scorer, ret_model, why);

    looks_tell(config, index, scorer->url, err ? NULL : *ret_model, why);
    return err;
}

/* Another id may stand for the same file, run in the same way: then it is the same model. */
static vd_model *same_model(const agent *a, unsigned index)
{
    const agent_model *m = &a->config->model[index];

    for (unsigned i = 1; i < a->config->model_count; i++) {
        const agent_model *other = &a->config->model[i];
        if (a->extra[i] && m->path[0] && strcmp(other->path, m->path) == 0 &&
            other->threads == m->threads && other->provider == m->provider)
            return a->extra[i];
    }
    return NULL;
}

static bool is_wanted(agent *a, unsigned index)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    bool wanted = false;

    for (unsigned i = 0; i < all.count; i++)
        wanted = wanted || config_camera_wants(all.lane[i]->config, a->config, index);
    return wanted;
}

static vd_err open_extra(const agent_config *config, unsigned index, vd_model **ret_model,
                         vd_why *why)
{
    const agent_model *m = &config->model[index];

    if (m->scorer.url[0]) return looks_scorer(config, index, ret_model, why);
    return looks_open(config, index, m->path, ret_model, why);
}

static void load_one(agent *a, unsigned index)
{
    vd_why why = { 0 };
    vd_model *model = same_model(a, index);

    if (!model && !open_extra(a->config, index, &model, &why)) a->extra_loads++;
    pthread_rwlock_wrlock(&a->model_use);
    pthread_mutex_lock(&a->lock);
    a->extra[index] = model;
    a->extra_why[index] = why;
    pthread_mutex_unlock(&a->lock);
    a->models_serial++;
    pthread_rwlock_unlock(&a->model_use);
}

void looks_load(agent *a)
{
    int64_t now_us = vd_clock_mono_us();

    for (unsigned i = 1; i < a->config->model_count; i++) {
        bool again = !a->extra_tried_us[i] || now_us - a->extra_tried_us[i] > RETRY_US;
        if (a->extra[i] || !again || !is_wanted(a, i)) continue;
        load_one(a, i);
        a->extra_tried_us[i] = vd_clock_mono_us();
    }
}

void looks_close(agent *a)
{
    for (unsigned i = 1; i < AGENT_MODELS_MAX; i++) {
        vd_model *model = a->extra[i];
        for (unsigned k = i; model && k < AGENT_MODELS_MAX; k++)
            if (a->extra[k] == model) a->extra[k] = NULL;
        vd_model_free(model);
    }
}

/* ---- line-ups ---- */

/* A camera's models in order, `main` in the main one's place; those that are missing are NULL. One
 * that the camera names and that came into the file after the start is not among them. */
static unsigned models_of(const agent *a, const agent_camera *camera, vd_model *main,
                          unsigned ret_index[AGENT_MODELS_MAX], vd_model *ret_model[])
{
    unsigned count = 0;

    for (unsigned i = 0; i < a->config->model_count; i++) {
        if (!config_camera_wants(camera, a->config, i)) continue;
        ret_index[count] = i;
        ret_model[count++] = i ? a->extra[i] : main;
    }
    return count;
}

vd_err looks_words(const agent *a, const agent_camera *camera, vd_model *main,
                   vd_vocabulary **ret_words, bool *ret_whole)
{
    vd_vocabulary_part part[AGENT_MODELS_MAX];
    vd_model *model[AGENT_MODELS_MAX];
    unsigned index[AGENT_MODELS_MAX], parts = 0;
    unsigned count = models_of(a, camera, main, index, model);

    for (unsigned i = 0; i < count; i++)
        if (model[i]) part[parts++] = vd_model_part(model[i], a->config->model[index[i]].step.id);
    *ret_whole = parts == count && count >= camera->model_count;
    *ret_words = NULL;
    return parts ? vd_vocabulary_new(part, parts, ret_words) : VD_OK;
}

static vd_err lineup_new(lane *l, const unsigned *index, unsigned count)
{
    vd_lineup_step step[AGENT_MODELS_MAX];

    for (unsigned i = 0; i < count; i++) step[i] = l->agent->config->model[index[i]].step;
    vd_err err = vd_lineup_new(step, count, &l->lineup);
    vd_chain chain;
    if (!err) err = vd_chain_read(l->config->chain, VD_CHAIN_OF_CAMERA, &chain, NULL);
    if (!err) vd_lineup_set_chain(l->lineup, &chain);
    return err;
}

/* A cascade whose boxes nobody finds would wait for ever: once, this is said. */
static void check_cascades(const lane *l, const unsigned *index, unsigned count)
{
    const vd_vocabulary *words = vd_lineup_words(l->lineup);

    for (unsigned i = 0; i < count; i++) {
        const vd_lineup_step *step = &l->agent->config->model[index[i]].step;
        for (unsigned c = 0; c < step->on_count; c++)
            if (vd_vocabulary_find(words, step->on[c]) < 0)
                vd_log(VD_LOG_WARN, "model.no_boxes",
                       "a model waits for boxes of a class that no other model of the camera knows",
                       "camera", l->config->id, "model", step->id, "class", step->on[c], NULL);
    }
}

/* With classes that mean what they meant, tracks and visits go on. */
static vd_err tell_lineup(lane *l, const unsigned *index, vd_model *const *model, unsigned count)
{
    bool goes_on, whole = true;
    vd_err err = vd_lineup_set(l->lineup, model, &goes_on);

    if (err) return err;
    if (!goes_on) analysis_end_scene(l);
    for (unsigned i = 0; i < count; i++) whole = whole && model[i];
    if (whole) check_cascades(l, index, count);
    if (count < l->config->model_count)
        vd_log(VD_LOG_WARN, "model.restart", "a camera names a model that a restart will bring",
               "camera", l->config->id, NULL);
    pthread_mutex_lock(&l->agent->lock);
    l->rules_changed = true; /* classes are found anew */
    pthread_mutex_unlock(&l->agent->lock);
    return VD_OK;
}

vd_err looks_ready(lane *l)
{
    unsigned index[AGENT_MODELS_MAX];
    vd_model *model[AGENT_MODELS_MAX];
    const agent *a = l->agent;
    vd_err err = VD_OK;

    if (l->lineup && l->models_serial == a->models_serial) return VD_OK;
    unsigned count = models_of(a, l->config, a->model, index, model);
    if (!count) return VD_OK;
    if (!l->lineup) err = lineup_new(l, index, count);
    if (!err) err = tell_lineup(l, index, model, count);
    if (!err) l->models_serial = a->models_serial;
    return err;
}
