/* config_scorer.c - `model.scorer`: somebody else's model behind HTTP. */
#include "agent_config.h"

#include <string.h>

static vd_err check_url(const vd_config_node *node, const char *url, vd_why *why)
{
    const char *rest = strstr(url, "://");
    bool good = rest && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    size_t host = good ? strcspn(rest + 3, "/?#") : 0;

    if (host && !memchr(rest + 3, '@', host)) return VD_OK;
    vd_err err = vd_config_fail(vd_config_get(node, "url"), why, "this is no scorer's address");
    vd_why_hint(why, "http(s)://host:port/path; a secret goes into token_file");
    return err;
}

static vd_err read_classes(const vd_config_node *node, agent_scorer *s, vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, "classes");
    size_t count = list && vd_config_is_list(list) ? vd_config_len(list) : 0;
    vd_err err = VD_OK;

    if (count < 1 || count > AGENT_SCORER_CLASSES_MAX) {
        err = vd_config_fail(list ? list : node, why, "a scorer needs 'classes', 1 to %d of them",
                             AGENT_SCORER_CLASSES_MAX);
        vd_why_hint(why, "the tags in its answers that count: classes: [person, car]");
    }
    for (size_t i = 0; !err && i < count; i++)
        err = vd_config_text(vd_config_at(list, i), NULL, &s->classes[s->class_count++], why);
    return err;
}

static vd_err check_size(const vd_config_node *node, const agent_scorer *s, vd_why *why)
{
    if (s->height == 0 ||
        (s->width >= 16 && s->height >= 16 && s->width % 2 == 0 && s->height % 2 == 0))
        return VD_OK;
    vd_err err = vd_config_fail(node, why, "a scorer's picture cannot be %lldx%lld",
                                (long long)s->width, (long long)s->height);
    vd_why_hint(why, "even numbers from 16; height 0: as the camera's picture demands");
    return err;
}

vd_err agent_config_scorer(const vd_config_node *node, agent_scorer *ret_scorer, vd_why *why)
{
    static const char *const keys[] = { "url",     "name",    "classes",   "width",      "height",
                                        "quality", "timeout", "score_min", "token_file", NULL };
    agent_scorer s = {
        .url = "", .name = "", .token_file = "", .quality = 85, .timeout_ms = 2000, .score_min = 0.5
    };

    if (!node) return VD_OK;
    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_text(node, "url", &s.url, why);
    if (!err) err = check_url(node, s.url, why);
    if (!err) err = vd_config_text(node, "name", &s.name, why);
    if (!err) err = read_classes(node, &s, why);
    if (!err) err = vd_config_int(node, "width", 0, 4096, &s.width, why);
    if (!err) err = vd_config_int(node, "height", 0, 4096, &s.height, why);
    if (!err) err = check_size(node, &s, why);
    if (!err) err = vd_config_int(node, "quality", 1, 100, &s.quality, why);
    if (!err) err = vd_config_duration_ms(node, "timeout", 50, 60000, &s.timeout_ms, why);
    if (!err) err = vd_config_num(node, "score_min", 0, 1, &s.score_min, why);
    if (!err) err = vd_config_text(node, "token_file", &s.token_file, why);
    if (!err) *ret_scorer = s;
    return err;
}
