/* Settings of training and of the worker; trainer.default.yaml is their manual. */
#include "trainer.h"

static const char *const train_keys[] = { "seed",         "epochs",  "batch",       "learning_rate",
                                          "weight_decay", "freeze",  "augment",     "patience",
                                          "checkpoint_s", "threads", "variants",    "flip",
                                          "scale",        "colour",  "size_weight", "tolerance",
                                          "cache_mb",     NULL };

static const trainer_config defaults = {
    .train = { .seed = 1,
               .epochs = 20,
               .batch = 8,
               .patience = 5,
               .checkpoint_ms = 30000,
               .variants = 4,
               .threads = 0,
               .cache_mb = 2048,
               .learning_rate = 1e-3,
               .weight_decay = 1e-4,
               .freeze = 0.9,
               .size_weight = 5,
               .tolerance = 1e-4,
               .flip = 0.5,
               .scale = 0.2,
               .colour = 0.2,
               .augment = true },
    .worker = { .poll_ms = 5000,
                .metrics_address = "127.0.0.1",
                .metrics_port = -1,
                .train = true,
                .evaluate = true,
                .quantize = true },
};

static vd_err read_counts(const vd_config_node *map, trainer_settings *s, vd_why *why)
{
    int64_t checkpoint_s = s->checkpoint_ms / 1000;
    vd_err err = vd_config_int(map, "seed", 0, INT64_MAX, &s->seed, why);
    if (!err) err = vd_config_int(map, "epochs", 1, 1000, &s->epochs, why);
    if (!err) err = vd_config_int(map, "batch", 1, 256, &s->batch, why);
    if (!err) err = vd_config_int(map, "patience", 0, 1000, &s->patience, why);
    if (!err) err = vd_config_int(map, "checkpoint_s", 1, 86400, &checkpoint_s, why);
    if (!err) err = vd_config_int(map, "variants", 1, 64, &s->variants, why);
    if (!err) err = vd_config_int(map, "threads", 0, 256, &s->threads, why);
    if (!err) err = vd_config_int(map, "cache_mb", 1, 1048576, &s->cache_mb, why);
    s->checkpoint_ms = checkpoint_s * 1000;
    return err;
}

vd_err trainer_settings_read(const vd_config_node *map, trainer_settings *s, vd_why *why)
{
    vd_err err = read_counts(map, s, why);
    if (!err) err = vd_config_num(map, "learning_rate", 1e-7, 1, &s->learning_rate, why);
    if (!err) err = vd_config_num(map, "weight_decay", 0, 1, &s->weight_decay, why);
    if (!err) err = vd_config_num(map, "freeze", 0, 1, &s->freeze, why);
    if (!err) err = vd_config_num(map, "size_weight", 0, 1000, &s->size_weight, why);
    if (!err) err = vd_config_num(map, "tolerance", 1e-7, 1e-1, &s->tolerance, why);
    if (!err) err = vd_config_num(map, "flip", 0, 1, &s->flip, why);
    if (!err) err = vd_config_num(map, "scale", 0, 0.9, &s->scale, why);
    if (!err) err = vd_config_num(map, "colour", 0, 1, &s->colour, why);
    if (!err) err = vd_config_bool(map, "augment", &s->augment, why);
    return err;
}

static vd_err read_kinds(const vd_config_node *map, trainer_worker *w, vd_why *why)
{
    static const char *const kinds[] = { "train", "evaluate", "quantize", NULL };
    const vd_config_node *list = vd_config_get(map, "kinds");
    bool *const flags[] = { &w->train, &w->evaluate, &w->quantize };
    if (!list) return VD_OK;
    if (!vd_config_is_list(list) || !vd_config_len(list))
        return vd_config_fail(list, why, "'kinds' must be a list of train, evaluate, quantize");
    for (size_t i = 0; i < VD_COUNT_OF(flags); i++) *flags[i] = false;
    for (size_t i = 0; i < vd_config_len(list); i++) {
        int kind = 0;
        vd_err err = vd_config_choice(vd_config_at(list, i), NULL, kinds, &kind, why);
        if (err) return err;
        *flags[kind] = true;
    }
    return VD_OK;
}

static vd_err read_metrics(const vd_config_node *map, trainer_worker *w, vd_why *why)
{
    static const char *const keys[] = { "port", "address", NULL };
    if (!map) return VD_OK;
    vd_err err = vd_config_only(map, keys, why);
    if (!err) err = vd_config_int(map, "port", -1, 65535, &w->metrics_port, why);
    if (!err) err = vd_config_text(map, "address", &w->metrics_address, why);
    return err;
}

static vd_err read_worker(const vd_config_node *map, trainer_worker *w, vd_why *why)
{
    static const char *const keys[] = { "hub",  "token_file", "ca_file", "name", "state_dir",
                                        "poll", "kinds",      "metrics", NULL };
    vd_err err = vd_config_only(map, keys, why);
    if (!err) err = vd_config_text(map, "hub", &w->url, why);
    if (!err) err = vd_config_text(map, "token_file", &w->token_file, why);
    if (!err) err = vd_config_text(map, "ca_file", &w->ca_file, why);
    if (!err) err = vd_config_text(map, "name", &w->name, why);
    if (!err) err = vd_config_text(map, "state_dir", &w->state_dir, why);
    if (!err) err = vd_config_duration_ms(map, "poll", 200, 3600000, &w->poll_ms, why);
    if (!err) err = read_kinds(map, w, why);
    if (!err) err = read_metrics(vd_config_get(map, "metrics"), w, why);
    return err;
}

static vd_err read_root(const vd_config_node *root, trainer_config *c, vd_why *why)
{
    static const char *const keys[] = { "train", "worker", NULL };
    vd_err err = vd_config_only(root, keys, why);
    const vd_config_node *train = vd_config_get(root, "train");
    const vd_config_node *worker = vd_config_get(root, "worker");
    if (!err && train) err = vd_config_only(train, train_keys, why);
    if (!err && train) err = trainer_settings_read(train, &c->train, why);
    if (!err && worker) err = read_worker(worker, &c->worker, why);
    return err;
}

vd_err trainer_config_load(const char *path, trainer_config *ret_config, vd_why *why)
{
    VD_AUTO(trainer_config) c = defaults;
    vd_err err = path ? vd_config_load(path, &c.config, why) : VD_OK;
    if (!err && path) err = read_root(vd_config_root(c.config), &c, why);
    if (err) return err;
    *ret_config = c;
    c.config = NULL;
    return VD_OK;
}

void trainer_config_done(trainer_config *config)
{
    config->config = vd_config_free(config->config);
}
