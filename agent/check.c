/* check.c - what --check-config can tell of the models: whether they are there, and whether they
 * know the classes that the rules name. Only descriptors are read; no model is loaded. */
#include <stdio.h>
#include <stdlib.h>

#include "agent_priv.h"

typedef struct {
    const agent_config *config;
    vd_buf *notes;
    bool told[AGENT_MODELS_MAX]; /* each model is noted once */
} checking;

/* The descriptors stay open while the vocabulary is made: its parts are borrowed from them. */
typedef struct {
    vd_descriptor *open[AGENT_MODELS_MAX];
    vd_vocabulary_part part[AGENT_MODELS_MAX];
    unsigned count;
    bool whole;
} words_of;

static void words_of_done(words_of *w)
{
    for (unsigned i = 0; i < w->count; i++) vd_descriptor_free(w->open[i]);
}
VD_AUTO_DEFINE(words_of, words_of_done)

static void add_scorer(const agent_model *m, words_of *w)
{
    const agent_scorer *s = &m->scorer;
    w->part[w->count++] = (vd_vocabulary_part){ .id = m->step.id,
                                                .name = s->name[0] ? s->name : s->url,
                                                .score_min = (float)s->score_min,
                                                .classes = s->classes,
                                                .class_count = s->class_count };
}

static void add_model(checking *c, unsigned index, words_of *w)
{
    const agent_model *m = &c->config->model[index];
    const char *path = index ? m->path : swap_own_path(c->config);
    vd_why why = { 0 };
    char line[800];

    if (vd_descriptor_load(path, &w->open[w->count], &why)) {
        w->whole = false;
        if (!c->told[index])
            (void)vd_buf_addf(c->notes, "model '%s': %s; classes of rules are not checked\n",
                              m->step.id, vd_why_line(&why, line, sizeof line));
        c->told[index] = true;
        return;
    }
    const vd_descriptor_facts *facts = vd_descriptor_facts_of(w->open[w->count]);
    w->part[w->count++] = (vd_vocabulary_part){ .id = m->step.id,
                                                .name = facts->name,
                                                .score_min = facts->score_min,
                                                .classes = facts->classes,
                                                .class_count = facts->class_count };
}

static vd_err check_camera(checking *c, const agent_camera *camera, vd_why *why)
{
    const agent_config *config = c->config;
    VD_AUTO(words_of) w = { .whole = true };
    vd_vocabulary *words = NULL;
    rule_set *set = calloc(1, sizeof *set);
    vd_err err = set ? VD_OK : VD_FULL;

    for (unsigned i = 0; i < config->model_count; i++) {
        if (!config_camera_wants(camera, config, i)) continue;
        if (config->model[i].scorer.url[0])
            add_scorer(&config->model[i], &w);
        else
            add_model(c, i, &w);
    }
    if (!err && w.whole && w.count) err = vd_vocabulary_new(w.part, w.count, &words);
    if (err)
        (void)vd_fail(why, err, "memory ends");
    else if (words)
        err = rulebook_read(config->rules, camera, words, set, why);
    vd_vocabulary_free(words);
    free(set);
    return err;
}

vd_err agent_check_classes(const agent_config *config, vd_buf *ret_notes, vd_why *why)
{
    checking c = { .config = config, .notes = ret_notes };
    vd_err err = VD_OK;

    for (unsigned i = 0; !err && i < config->camera_count; i++)
        err = check_camera(&c, &config->camera[i], why);
    return err;
}
