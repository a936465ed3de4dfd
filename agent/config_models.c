/* config_models.c - the models that look: `model`, the main one, `models`, the others, and which of
 * them look at a camera. */
#include "agent_config.h"

#include <stdlib.h>

#include "vd/clock.h"

#define DAY_MS     86400000ll
#define ID_MAX     32
#define RATE_MOST  240.0
#define RATE_LEAST (1e6 / VD_LINEUP_EVERY_MAX)

static vd_err read_rate(const vd_config_node *node, vd_lineup_step *step, vd_why *why)
{
    double rate = 0;
    vd_err err = vd_config_num(node, "rate", 0, RATE_MOST, &rate, why);
    if (err || rate <= 0) return err;
    if (rate < RATE_LEAST) {
        err = vd_config_fail(vd_config_get(node, "rate"), why, "a rate of %g is too slow", rate);
        vd_why_hint(why, "0.2 to 240 pictures a second, or 0 for every picture");
    }
    step->every_us = (int64_t)(1e6 / rate);
    return err;
}

static vd_err read_schedule(const vd_config_node *node, vd_lineup_step *step, vd_why *why)
{
    const char *text = NULL;
    vd_err err = vd_config_text(node, "schedule", &text, why);
    if (err || !text || !text[0] || vd_day_span_parse(vd_slice_str(text), &step->hours)) return err;
    err = vd_config_fail(vd_config_get(node, "schedule"), why, "'%.40s' is no schedule", text);
    vd_why_hint(why, "from-to in local time, as \"06:00-22:00\"; quote it");
    return err;
}

/* What every model has. */
static vd_err read_common(const vd_config_node *node, agent_model *m, vd_why *why)
{
    static const char *const names[] = { "cpu",      "auto",    "cuda", "tensorrt",
                                         "openvino", "xnnpack", NULL };
    vd_err err = vd_config_text(node, "path", &m->path, why);
    if (!err) err = vd_config_int(node, "threads", 0, 256, &m->threads, why);
    if (!err) err = vd_config_choice(node, "provider", names, &m->provider, why);
    if (!err) err = agent_config_scorer(vd_config_get(node, "scorer"), &m->scorer, why);
    if (!err) err = read_rate(node, &m->step, why);
    return err ? err : read_schedule(node, &m->step, why);
}

static vd_err read_main(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "path",     "threads",  "library", "trial", "rate",
                                        "schedule", "provider", "scorer",  NULL };
    const vd_config_node *node = vd_config_get(root, "model");
    vd_err err = node ? vd_config_only(node, keys, why) : VD_OK;

    if (!err) err = read_common(node, &c->model[0], why);
    if (!err) err = vd_config_text(node, "library", &c->model_library, why);
    if (!err) err = vd_config_duration_ms(node, "trial", 1, 7 * DAY_MS, &c->model_trial_ms, why);
    return err;
}

static vd_err read_on_classes(const vd_config_node *on, vd_lineup_step *step, vd_why *why)
{
    const vd_config_node *list = vd_config_get(on, "classes");
    size_t count = vd_config_len(list);
    vd_err err = VD_OK;

    if (!list || !vd_config_is_list(list) || count < 1 || count > VD_LINEUP_ON_MAX) {
        err = vd_config_fail(list ? list : on, why, "'on' needs 1 to %d classes", VD_LINEUP_ON_MAX);
        vd_why_hint(why, "the classes whose boxes are looked at: 'classes: [person]'");
        return err;
    }
    for (size_t i = 0; !err && i < count; i++)
        err = vd_config_text(vd_config_at(list, i), NULL, &step->on[step->on_count++], why);
    return err;
}

static vd_err read_on(const vd_config_node *node, vd_lineup_step *step, vd_why *why)
{
    static const char *const keys[] = { "classes", "margin", "min_px", "max_per_picture", NULL };
    const vd_config_node *on = vd_config_get(node, "on");
    double margin = 0.1;
    int64_t min_px = 24, crops = 8;

    if (!on) return VD_OK;
    vd_err err = vd_config_only(on, keys, why);
    if (!err) err = read_on_classes(on, step, why);
    if (!err) err = vd_config_num(on, "margin", 0, 1, &margin, why);
    if (!err) err = vd_config_int(on, "min_px", 1, 4096, &min_px, why);
    if (!err) err = vd_config_int(on, "max_per_picture", 1, VD_LINEUP_CROPS_MAX, &crops, why);
    step->margin = (float)margin;
    step->min_px = (int)min_px;
    step->crops = (unsigned)crops;
    return err;
}

static bool id_good(const char *id)
{
    size_t len = strlen(id);

    return len >= 1 && len <= ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && strcmp(id, "main") != 0;
}

/* A file of our own, or somebody else's model. */
static vd_err check_origin(const vd_config_node *node, const agent_model *m, vd_why *why)
{
    bool path = m->path[0], scorer = m->scorer.url[0];

    if (path != scorer) return VD_OK;
    vd_err err = vd_config_fail(node, why,
                                path ? "model '%s' has both a path and a scorer"
                                     : "model '%s' has no path and no scorer",
                                m->step.id);
    vd_why_hint(why, "'path' for an .onnx file, or 'scorer' for a model behind HTTP");
    return err;
}

static vd_err read_other(const vd_config_node *node, const char *id, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "path",     "threads", "provider", "rate",
                                        "schedule", "on",      "scorer",   NULL };
    agent_model m = { .path = "", .scorer = { .url = "" }, .step = { .id = id } };
    vd_err err = VD_OK;

    if (!id_good(id)) {
        err = vd_config_fail(node, why, "'%.40s' is no id of a model", id);
        vd_why_hint(why, "1 to %d of a-z, 0-9 and -; 'main' is the one under 'model'", ID_MAX);
        return err;
    }
    err = vd_config_only(node, keys, why);
    if (!err) err = read_common(node, &m, why);
    if (!err) err = check_origin(node, &m, why);
    if (!err) err = read_on(node, &m.step, why);
    if (!err) c->model[c->model_count++] = m;
    return err;
}

vd_err config_models_read(const vd_config_node *root, agent_config *c, vd_why *why)
{
    const vd_config_node *models = vd_config_get(root, "models");
    vd_err err = read_main(root, c, why);

    if (err || !models) return err;
    if (!vd_config_is_map(models))
        return vd_config_fail(models, why, "'models' is a map from id to model");
    if (vd_config_len(models) > AGENT_MODELS_MAX - 1)
        return vd_config_fail(models, why, "there are more than %d models", AGENT_MODELS_MAX - 1);
    for (size_t i = 0; !err && i < vd_config_len(models); i++) {
        const char *id;
        const vd_config_node *node = vd_config_member(models, i, &id);
        err = read_other(node, id, c, why);
    }
    return err;
}

static vd_err no_model(const vd_config_node *node, const agent_config *c, const char *name,
                       vd_why *why)
{
    const char *ids[AGENT_MODELS_MAX];

    for (unsigned i = 0; i < c->model_count; i++) ids[i] = c->model[i].step.id;
    vd_err err = vd_config_fail(node, why, "there is no model '%.40s'", name);
    const char *nearest = vd_nearest(vd_slice_str(name), ids, c->model_count);
    if (nearest) vd_why_hint(why, "did you mean '%s'?", nearest);
    return err;
}

bool config_camera_wants(const agent_camera *camera, const agent_config *c, unsigned index)
{
    for (unsigned i = 0; i < camera->model_count; i++)
        if (strcmp(camera->model[i], c->model[index].step.id) == 0) return true;
    return !camera->model_count && index == 0;
}

vd_err config_camera_models(const vd_config_node *entry, agent_camera *camera, vd_why *why)
{
    const vd_config_node *list = vd_config_get(entry, "models");
    size_t count = vd_config_len(list);
    vd_err err = VD_OK;

    if (!list) return VD_OK;
    if (!vd_config_is_list(list) || count < 1 || count > AGENT_MODELS_MAX)
        return vd_config_fail(list, why, "'models' of a camera is a list of 1 to %d model ids",
                              AGENT_MODELS_MAX);
    for (size_t i = 0; !err && i < count; i++) {
        const char *id = NULL;
        err = vd_config_text(vd_config_at(list, i), NULL, &id, why);
        for (unsigned k = 0; !err && id && k < camera->model_count; k++)
            if (strcmp(camera->model[k], id) == 0)
                err = vd_config_fail(list, why, "model '%.40s' is named twice", id);
        camera->model[camera->model_count++] = id ? id : "";
    }
    return err;
}

/* A line-up of nothing but cascades would never see a box. */
static bool sees_pictures(const agent_camera *camera, const agent_config *c)
{
    for (unsigned i = 0; i < c->model_count; i++)
        if (!c->model[i].step.on_count && config_camera_wants(camera, c, i)) return true;
    return false;
}

vd_err config_camera_check(const vd_config_node *entry, const agent_camera *camera,
                           const agent_config *c, vd_why *why)
{
    const vd_config_node *list = vd_config_get(entry, "models");

    for (unsigned i = 0; i < camera->model_count; i++) {
        unsigned at = 0;
        while (at < c->model_count && strcmp(c->model[at].step.id, camera->model[i]) != 0) at++;
        if (at == c->model_count) return no_model(list, c, camera->model[i], why);
    }
    if (sees_pictures(camera, c)) return VD_OK;
    vd_err err = vd_config_fail(list, why, "no model of the camera looks at the whole picture");
    vd_why_hint(why, "name the model that finds the boxes, too: 'models: [main, ...]'");
    return err;
}
