/* rulebook.c - which rules hold for which camera. The file says; for a camera that the hub names in
 * its desired `rules`, the hub says instead. The hub's last word is kept on disk, so that it holds
 * while the hub is away.
 *
 * A wrong rule of the file is left out alone: one slip of a pen must not leave a yard unwatched.
 * What the hub says is taken whole or not at all, and it is told. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"
#include "vd/json.h"

#define RULES_BYTES 65536

static bool list_has(const vd_config_node *list, const char *camera, bool *ret_known, vd_why *why,
                     vd_err *err)
{
    for (size_t i = 0; i < vd_config_len(list) && !*err; i++) {
        const char *name = "";
        *err = vd_config_text(vd_config_at(list, i), NULL, &name, why);
        if (strcmp(name, camera) == 0) *ret_known = true;
    }
    return *ret_known;
}

/* Whether the rule holds for the camera: it names it, or none at all. */
static vd_err holds_for(const vd_config_node *rule, const char *camera, bool *ret_holds,
                        vd_why *why)
{
    const vd_config_node *many = vd_config_get(rule, "cameras");
    const char *one = NULL;
    vd_err err = vd_config_text(rule, "camera", &one, why);

    *ret_holds = !one && !many;
    if (err) return err;
    if (one && strcmp(one, camera) == 0) *ret_holds = true;
    if (many && !vd_config_is_list(many))
        return vd_config_fail(many, why, "'cameras' is a list of camera ids");
    if (many) list_has(many, camera, ret_holds, why, &err);
    return err;
}

static vd_err read_one(const vd_config_node *node, const vd_vocabulary *words, rule_set *set,
                       vd_why *why)
{
    if (set->count == AGENT_RULES_MAX)
        return vd_config_fail(node, why, "a camera has more than %d rules", AGENT_RULES_MAX);
    vd_rule *rule = &set->rule[set->count];
    vd_err err = vd_rule_read(node, words, rule, why);
    for (unsigned i = 0; !err && i < set->count; i++)
        if (strcmp(set->rule[i].id, rule->id) == 0)
            err = vd_config_fail(node, why, "two rules have the id '%s'", rule->id);
    if (!err) set->count++;
    return err;
}

static vd_err read_more(const vd_config_node *rules, const char *camera, const vd_vocabulary *words,
                        rule_set *set, vd_why *why)
{
    bool map = rules && vd_config_is_map(rules);
    const vd_config_node *list = map ? vd_config_get(rules, camera) : rules;
    vd_err first = VD_OK;

    if (list && !vd_config_is_list(list) && vd_config_len(list))
        return vd_config_fail(list, why, "the rules of a camera are a list");
    for (size_t i = 0; i < vd_config_len(list); i++) {
        const vd_config_node *node = vd_config_at(list, i);
        bool holds = true;
        vd_why own = { 0 };
        vd_err err = map ? VD_OK : holds_for(node, camera, &holds, &own);
        if (!err && holds) err = read_one(node, words, set, &own);
        if (!err) continue;
        set->wrong++;
        if (!first && why) *why = own;
        first = first ? first : err;
    }
    return first;
}

vd_err rulebook_read(const vd_config_node *rules, const agent_camera *camera,
                     const vd_vocabulary *words, rule_set *ret_rules, vd_why *why)
{
    ret_rules->count = ret_rules->wrong = 0;
    vd_err err = read_more(rules, camera->id, words, ret_rules, why);
    vd_err own = read_more(camera->rules, camera->id, words, ret_rules, err ? NULL : why);
    return err ? err : own;
}

/* The cameras that a rule may name. */
typedef struct {
    const char *id[2 * WISHES_MAX];
    unsigned count;
} known;

static known known_of_config(const agent_config *config)
{
    known k = { .count = 0 };

    for (unsigned i = 0; i < config->camera_count; i++) k.id[k.count++] = config->camera[i].id;
    return k;
}

static known known_of_wishes(const agent *a)
{
    known k = { .count = 0 };

    for (unsigned i = 0; i < a->from_file.count; i++) k.id[k.count++] = a->from_file.item[i].id;
    for (unsigned i = 0; i < a->from_hub.count; i++) k.id[k.count++] = a->from_hub.item[i].id;
    return k;
}

static bool known_has(const known *k, const char *camera)
{
    for (unsigned i = 0; i < k->count; i++)
        if (strcmp(k->id[i], camera) == 0) return true;
    return false;
}

static vd_err no_camera(const known *k, const vd_config_node *node, const char *name, vd_why *why)
{
    vd_err err = vd_config_fail(node, why, "there is no camera '%.40s'", name);
    const char *nearest = vd_nearest(vd_slice_str(name), k->id, k->count);
    if (nearest)
        vd_why_hint(why, "did you mean '%s'?", nearest);
    else
        vd_why_hint(why, "name one of those under cameras, or none: then the rule holds for all");
    return err;
}

static vd_err check_names(const known *k, const vd_config_node *rule, vd_why *why)
{
    const vd_config_node *many = vd_config_get(rule, "cameras");
    const char *name = NULL;
    vd_err err = vd_config_text(rule, "camera", &name, why);

    if (!err && name && !known_has(k, name)) return no_camera(k, rule, name, why);
    for (size_t i = 0; !err && i < vd_config_len(many); i++) {
        err = vd_config_text(vd_config_at(many, i), NULL, &name, why);
        if (!err && !known_has(k, name)) err = no_camera(k, many, name, why);
    }
    return err;
}

static vd_err check_cameras(const known *k, const vd_config_node *rules, vd_why *why)
{
    const char *key;
    vd_err err = VD_OK;

    for (size_t i = 0; rules && !err && i < vd_config_len(rules); i++) {
        if (vd_config_is_map(rules)) {
            const vd_config_node *list = vd_config_member(rules, i, &key);
            if (!known_has(k, key)) err = no_camera(k, list, key, why);
        } else {
            err = check_names(k, vd_config_at(rules, i), why);
        }
    }
    return err;
}

vd_err rulebook_check(const agent_config *config, vd_why *why)
{
    rule_set *set = calloc(1, sizeof *set);
    known k = known_of_config(config);
    vd_err err = set ? VD_OK : vd_fail(why, VD_FULL, "memory ends");

    /* A rule is read even when no camera is there yet to hold it. */
    for (size_t i = 0; !err && vd_config_is_list(config->rules) && i < vd_config_len(config->rules);
         i++)
        err = vd_rule_read(vd_config_at(config->rules, i), NULL, &set->rule[0], why);
    if (!err) err = check_cameras(&k, config->rules, why);
    for (unsigned i = 0; !err && i < config->camera_count; i++)
        err = rulebook_read(config->rules, &config->camera[i], NULL, set, why);
    free(set);
    return err;
}

/* The rules as the twin shows them. */
static char *text_of(const rule_set *set)
{
    VD_AUTO(vd_buf) text = VD_BUF(RULES_BYTES);

    vd_buf_add_str(&text, "[");
    for (unsigned i = 0; i < set->count; i++) {
        if (i) vd_buf_add_str(&text, ",");
        if (vd_rule_print(&set->rule[i], &text)) return NULL;
    }
    return vd_buf_add_str(&text, "]") ? strdup(text.data) : NULL;
}

/* Takes `set`. */
static void apply(lane *l, rule_set *set, const vd_why *why)
{
    char *text = set ? text_of(set) : NULL;

    pthread_mutex_lock(&l->agent->lock);
    rule_set *old = l->rules;
    char *old_text = l->rules_text;
    l->rules = set;
    l->rules_text = text;
    l->rules_why = why ? *why : (vd_why){ 0 };
    l->rules_changed = true;
    pthread_mutex_unlock(&l->agent->lock);
    free(old);
    free(old_text);
}

/* The rules for one lane out of the hub's map, else the file's and its own entry's. */
static vd_err choose(lane *l, const vd_config_node *hub, rule_set *set, vd_why *why)
{
    agent *a = l->agent;
    const vd_config_node *file = a->file ? a->file->rules : a->config->rules;
    vd_vocabulary *words = NULL;
    bool whole;

    set->count = set->wrong = 0;
    if (looks_words(a, l->config, a->model, &words, &whole))
        return vd_fail(why, VD_FULL, "memory ends");
    if (!whole) words = vd_vocabulary_free(words); /* a class may be of what is missing */
    vd_err err = vd_config_get(hub, l->config->id)
                     ? read_more(hub, l->config->id, words, set, why)
                     : rulebook_read(file, &l->newest, words, set, why);
    vd_vocabulary_free(words);
    return err;
}

static char *kept_path(agent *a, char *into, size_t room)
{
    snprintf(into, room, "%s/rules.json", a->config->state_dir);
    return into;
}

/* What the hub said last, or NULL. */
static vd_config *kept_load(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(RULES_BYTES);
    vd_config *config = NULL;
    char path[4096];
    vd_why why = { 0 };

    if (!a->config->connection_string_file[0]) return NULL;
    if (access(kept_path(a, path, sizeof path), R_OK)) return NULL;
    vd_err err = vd_file_load(path, &text, &why);
    if (!err) err = vd_config_parse(vd_buf_slice(&text), "rules.json", &config, &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "rules.lost", "the hub's last rules cannot be read", &why, NULL);
    return err ? NULL : config;
}

static void start_one(lane *l, const vd_config_node *hub)
{
    rule_set *set = calloc(1, sizeof *set);
    char wrong[24], hold[24];
    vd_why why = { 0 };
    vd_err err = set ? choose(l, hub, set, &why) : VD_FULL;

    if (err)
        vd_log_why(VD_LOG_ERROR, "rules.refused",
                   "rules of a camera are wrong and left out, the others hold; this is the first",
                   &why, "camera", l->config->id, "wrong", vd_text_i64(set ? set->wrong : 0, wrong),
                   "hold", vd_text_i64(set ? set->count : 0, hold), NULL);
    apply(l, set, err ? &why : NULL);
}

void rulebook_names(agent *a, const vd_config_node *rules)
{
    known k = known_of_wishes(a);
    vd_why why = { 0 };

    if (check_cameras(&k, rules, &why))
        vd_log_why(VD_LOG_WARN, "rules.no_camera", "a rule holds for nobody", &why, NULL);
}

void rulebook_start(agent *a, lane *const *list, unsigned count)
{
    VD_AUTO(vd_config_ptr) kept = kept_load(a);
    const vd_config_node *hub = kept ? vd_config_root(kept) : NULL;
    pthread_rwlock_rdlock(&a->model_use); /* the model stays while its classes are asked */
    for (unsigned i = 0; i < count; i++) start_one(list[i], hub);
    pthread_rwlock_unlock(&a->model_use);
}

/* All lanes' new rules, or none: nothing has changed when it fails. */
static vd_err read_all(agent *a, const vd_config_node *hub, const lane_list *all, rule_set **sets,
                       vd_why *why)
{
    known k = known_of_wishes(a);
    vd_err err = check_cameras(&k, hub, why);

    for (unsigned i = 0; !err && i < all->count; i++) {
        sets[i] = calloc(1, sizeof **sets);
        if (!sets[i]) return vd_fail(why, VD_FULL, "memory ends");
        err = choose(all->lane[i], hub, sets[i], why);
        /* Bad rules of our own file are known; they do not refuse what the hub says. */
        if (err && !vd_config_get(hub, all->lane[i]->config->id)) err = VD_OK;
    }
    return err;
}

static void keep(agent *a, vd_slice json)
{
    char path[4096];
    vd_why why = { 0 };

    if (vd_file_save(kept_path(a, path, sizeof path), 0640, json, &why))
        vd_log_why(VD_LOG_WARN, "rules.unkept", "the hub's rules hold until the next start", &why,
                   NULL);
}

static vd_err set_all(agent *a, const vd_config_node *hub, vd_why *why)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    rule_set *sets[AGENT_CAMERAS_MAX] = { NULL };

    pthread_rwlock_rdlock(&a->model_use); /* the model stays while its classes are asked */
    vd_err err = read_all(a, hub, &all, sets, why);
    pthread_rwlock_unlock(&a->model_use);
    for (unsigned i = 0; i < all.count; i++) {
        if (err)
            free(sets[i]);
        else
            apply(all.lane[i], sets[i], NULL);
    }
    return err;
}

vd_err rulebook_from_hub(void *agent_ptr, vd_slice json, vd_why *why)
{
    agent *a = agent_ptr;
    VD_AUTO(vd_config_ptr) config = NULL;

    vd_err err = vd_config_parse(json, "desired rules", &config, why);
    const vd_config_node *hub = err ? NULL : vd_config_root(config);
    if (!err && !vd_config_is_map(hub))
        err = vd_fail(why, VD_INVALID, "desired 'rules' is an object: camera to list of rules");
    pthread_mutex_lock(&a->wishes_use);
    if (!err) err = set_all(a, hub, why);
    if (!err) keep(a, json);
    pthread_mutex_unlock(&a->wishes_use);
    vd_log_why(err ? VD_LOG_WARN : VD_LOG_INFO, err ? "rules.refused" : "rules.applied",
               err ? "the hub's rules are wrong, the old ones hold" : "the hub's rules hold",
               err ? why : NULL, NULL);
    return err;
}
