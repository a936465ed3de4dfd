/* config.c - libyaml reads the document; this file keeps it for the config's life, checks what
 * every file must keep (size, depth, no aliases, no doubled keys), and reads typed scalars. */
#include "vd/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "vd/fault.h"
#include "vd/file.h"

#define CONFIG_BYTES_MAX 1048576
#define CONFIG_DEPTH_MAX 32
#define CONFIG_NODES_MAX 20000

struct vd_config_node {
    const vd_config *config;
    const yaml_node_t *yaml;
    const char *text; /* scalars */
};

struct vd_config {
    char name[256];
    yaml_document_t document;
    bool loaded;
    size_t count;
    vd_config_node *nodes; /* nodes[i] is libyaml's node i + 1 */
};

static const vd_config_node *node_at(const vd_config *config, int id)
{
    return id > 0 && (size_t)id <= config->count ? &config->nodes[id - 1] : NULL;
}

static size_t pairs_of(const vd_config_node *map)
{
    return (size_t)(map->yaml->data.mapping.pairs.top - map->yaml->data.mapping.pairs.start);
}

static size_t items_of(const vd_config_node *list)
{
    return (size_t)(list->yaml->data.sequence.items.top - list->yaml->data.sequence.items.start);
}

unsigned vd_config_line(const vd_config_node *node)
{
    return node ? (unsigned)node->yaml->start_mark.line + 1 : 1;
}

const char *vd_config_name(const vd_config_node *node)
{
    return node ? node->config->name : "";
}

bool vd_config_is_list(const vd_config_node *node)
{
    return node && node->yaml->type == YAML_SEQUENCE_NODE;
}

bool vd_config_is_map(const vd_config_node *node)
{
    return node && node->yaml->type == YAML_MAPPING_NODE;
}

vd_err vd_config_fail(const vd_config_node *node, vd_why *why, const char *format, ...)
{
    char fact[sizeof(why->fact)];
    va_list args;
    va_start(args, format);
    vsnprintf(fact, sizeof(fact), format, args);
    va_end(args);
    vd_err err = vd_fail(why, VD_INVALID, "%s", fact);
    if (node) vd_why_detail(why, "%s line %u", node->config->name, vd_config_line(node));
    return err;
}

/* What every file must keep. */

static vd_err check_keys(const vd_config_node *map, vd_why *why)
{
    for (size_t i = 0; i < pairs_of(map); i++) {
        const yaml_node_pair_t *pair = &map->yaml->data.mapping.pairs.start[i];
        const vd_config_node *key = node_at(map->config, pair->key);
        if (!key->text) return vd_config_fail(key, why, "a key must be plain text");
        const vd_config_node *first = vd_config_get(map, key->text);
        if (first != node_at(map->config, pair->value)) {
            vd_err err = vd_config_fail(key, why, "the key '%s' is given twice", key->text);
            vd_why_hint(why, "it is first given near line %u", vd_config_line(first));
            return err;
        }
    }
    return VD_OK;
}

/* An alias makes one node the child of two; a tree has every node once. */
static vd_err check_tree(const vd_config *config, int id, unsigned depth, bool *seen, vd_why *why)
{
    const vd_config_node *node = node_at(config, id);
    if (seen[id - 1]) return vd_config_fail(node, why, "YAML aliases are not taken");
    if (depth > CONFIG_DEPTH_MAX) return vd_config_fail(node, why, "nested too deeply");
    seen[id - 1] = true;
    vd_err err = VD_OK;
    if (vd_config_is_list(node)) {
        for (size_t i = 0; !err && i < items_of(node); i++) {
            int item = node->yaml->data.sequence.items.start[i];
            err = check_tree(config, item, depth + 1, seen, why);
        }
    } else if (vd_config_is_map(node)) {
        err = check_keys(node, why);
        for (size_t i = 0; !err && i < pairs_of(node); i++) {
            const yaml_node_pair_t *pair = &node->yaml->data.mapping.pairs.start[i];
            err = check_tree(config, pair->value, depth + 1, seen, why);
        }
    }
    return err;
}

static vd_err check_document(const vd_config *config, vd_why *why)
{
    if (config->count == 0) return VD_OK;
    if (config->count > CONFIG_NODES_MAX) {
        return vd_fail(why, VD_INVALID, "%s has too many values", config->name);
    }
    bool *seen = vd_calloc(config->count, sizeof(*seen));
    if (!seen) return vd_fail(why, VD_FULL, "no memory is left for %s", config->name);
    vd_err err = check_tree(config, 1, 1, seen, why);
    free(seen);
    return err;
}

/* Loading. */

static vd_err fail_parser(const yaml_parser_t *parser, const char *name, vd_why *why)
{
    vd_err err = vd_fail(why, VD_INVALID, "%s is not valid YAML", name);
    vd_why_detail(why, "%s line %zu: %s", name, parser->problem_mark.line + 1,
                  parser->problem ? parser->problem : "unreadable");
    return err;
}

/* A second document would be silently lost; libyaml gives an empty one at the end of the stream. */
static vd_err expect_end(yaml_parser_t *parser, const char *name, vd_why *why)
{
    yaml_document_t more;
    if (!yaml_parser_load(parser, &more)) return fail_parser(parser, name, why);
    bool ended = yaml_document_get_root_node(&more) == NULL;
    yaml_document_delete(&more);
    return ended ? VD_OK : vd_fail(why, VD_INVALID, "%s holds more than one document", name);
}

static vd_err load_document(vd_config *config, vd_slice text, vd_why *why)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return vd_fail(why, VD_FULL, "no memory is left");
    yaml_parser_set_input_string(&parser, text.data, text.len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    vd_err err = VD_OK;
    config->loaded = yaml_parser_load(&parser, &config->document);
    if (!config->loaded)
        err = fail_parser(&parser, config->name, why);
    else if (config->document.nodes.top > config->document.nodes.start) {
        err = expect_end(&parser, config->name, why);
    }
    yaml_parser_delete(&parser);
    return err;
}

static vd_err index_nodes(vd_config *config, vd_why *why)
{
    const yaml_document_t *document = &config->document;
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    config->nodes = vd_calloc(count + 1, sizeof(*config->nodes));
    if (!config->nodes) return vd_fail(why, VD_FULL, "no memory is left for %s", config->name);
    config->count = count;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *yaml = &document->nodes.start[i];
        const char *text =
            yaml->type == YAML_SCALAR_NODE ? (const char *)yaml->data.scalar.value : NULL;
        config->nodes[i] = (vd_config_node){ config, yaml, text };
    }
    return VD_OK;
}

vd_err vd_config_parse(vd_slice yaml, const char *name, vd_config **ret_config, vd_why *why)
{
    if (yaml.len > CONFIG_BYTES_MAX) {
        return vd_fail(why, VD_INVALID, "%s is larger than %d bytes", name, CONFIG_BYTES_MAX);
    }
    if (!vd_slice_utf8_valid(yaml) || (yaml.len && memchr(yaml.data, 0, yaml.len))) {
        return vd_fail(why, VD_INVALID, "%s is not UTF-8 text", name);
    }
    vd_config *config = vd_calloc(1, sizeof(*config));
    if (!config) return vd_fail(why, VD_FULL, "no memory is left for %s", name);
    snprintf(config->name, sizeof(config->name), "%s", name);
    vd_err err = load_document(config, yaml, why);
    if (!err && config->document.nodes.top == config->document.nodes.start) {
        yaml_document_delete(&config->document); /* only comments: the same as no keys */
        err = load_document(config, VD_STR("{}"), why);
    }
    if (!err) err = index_nodes(config, why);
    if (!err) err = check_document(config, why);
    if (err)
        vd_config_free(config);
    else
        *ret_config = config;
    return err;
}

vd_err vd_config_load(const char *path, vd_config **ret_config, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(CONFIG_BYTES_MAX);
    vd_err err = vd_file_load(path, &text, why);
    return err ? err : vd_config_parse(vd_buf_slice(&text), path, ret_config, why);
}

const vd_config_node *vd_config_root(const vd_config *config)
{
    return node_at(config, 1);
}

vd_config *vd_config_free(vd_config *config)
{
    if (!config) return NULL;
    if (config->loaded) yaml_document_delete(&config->document);
    free(config->nodes);
    free(config);
    return NULL;
}

/* Walking. */

const vd_config_node *vd_config_get(const vd_config_node *map, const char *key)
{
    if (!vd_config_is_map(map)) return NULL;
    for (size_t i = 0; i < pairs_of(map); i++) {
        const yaml_node_pair_t *pair = &map->yaml->data.mapping.pairs.start[i];
        const char *have = node_at(map->config, pair->key)->text;
        if (have && strcmp(have, key) == 0) return node_at(map->config, pair->value);
    }
    return NULL;
}

size_t vd_config_len(const vd_config_node *node)
{
    if (vd_config_is_list(node)) return items_of(node);
    return vd_config_is_map(node) ? pairs_of(node) : 0;
}

const vd_config_node *vd_config_at(const vd_config_node *list, size_t index)
{
    if (!vd_config_is_list(list) || index >= items_of(list)) return NULL;
    return node_at(list->config, list->yaml->data.sequence.items.start[index]);
}

const vd_config_node *vd_config_member(const vd_config_node *map, size_t index,
                                       const char **ret_key)
{
    if (!vd_config_is_map(map) || index >= pairs_of(map)) return NULL;
    const yaml_node_pair_t *pair = &map->yaml->data.mapping.pairs.start[index];
    *ret_key = node_at(map->config, pair->key)->text;
    return node_at(map->config, pair->value);
}

static void suggest(vd_why *why, const char *word, const char *const *names)
{
    size_t count = 0;
    while (names[count]) count++;
    const char *near = vd_nearest(vd_slice_str(word), names, count);
    if (near) {
        vd_why_hint(why, "did you mean '%s'?", near);
        return;
    }
    VD_AUTO(vd_buf) all = VD_BUF(200);
    for (size_t i = 0; i < count; i++) {
        if (!vd_buf_addf(&all, "%s%s", i ? ", " : "", names[i])) break;
    }
    vd_why_hint(why, "known here: %s", all.len ? all.data : "nothing");
}

vd_err vd_config_only(const vd_config_node *map, const char *const *keys, vd_why *why)
{
    if (!vd_config_is_map(map)) return vd_config_fail(map, why, "names with values are expected");
    for (size_t i = 0; i < pairs_of(map); i++) {
        const vd_config_node *key =
            node_at(map->config, map->yaml->data.mapping.pairs.start[i].key);
        size_t at = 0;
        while (keys[at] && strcmp(keys[at], key->text) != 0) at++;
        if (keys[at]) continue;
        vd_err err = vd_config_fail(key, why, "unknown key '%s'", key->text);
        suggest(why, key->text, keys);
        return err;
    }
    return VD_OK;
}

/* Scalars. */

/* The scalar to read, NULL when absent (or null: "key:" with nothing behind it). */
static vd_err find(const vd_config_node *map, const char *key, const char *should,
                   const vd_config_node **ret_node, vd_why *why)
{
    const vd_config_node *node = key ? vd_config_get(map, key) : map;
    *ret_node = NULL;
    if (!node) return VD_OK;
    if (!node->text) {
        return vd_config_fail(node, why, "'%s' must be %s", key ? key : "this item", should);
    }
    bool plain = node->yaml->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool null = plain && (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
    if (!null) *ret_node = node;
    return VD_OK;
}

static vd_err wrong(const vd_config_node *node, const char *key, const char *should, vd_why *why)
{
    vd_err err = vd_config_fail(node, why, "'%s' must be %s", key ? key : "this item", should);
    vd_why_hint(why, "it is '%s'", node->text);
    return err;
}

vd_err vd_config_text(const vd_config_node *map, const char *key, const char **value, vd_why *why)
{
    const vd_config_node *node;
    vd_err err = find(map, key, "text", &node, why);
    if (!err && node) *value = node->text;
    return err;
}

static bool parse_int(const char *text, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || *text == ' ') return false;
    *ret_value = value;
    return true;
}

vd_err vd_config_int(const vd_config_node *map, const char *key, int64_t min, int64_t max,
                     int64_t *value, vd_why *why)
{
    char should[80];
    snprintf(should, sizeof(should), "a whole number from %" PRId64 " to %" PRId64, min, max);
    const vd_config_node *node;
    vd_err err = find(map, key, should, &node, why);
    if (err || !node) return err;
    int64_t have;
    if (!parse_int(node->text, &have) || have < min || have > max) {
        return wrong(node, key, should, why);
    }
    *value = have;
    return VD_OK;
}

vd_err vd_config_num(const vd_config_node *map, const char *key, double min, double max,
                     double *value, vd_why *why)
{
    char should[80];
    snprintf(should, sizeof(should), "a number from %g to %g", min, max);
    const vd_config_node *node;
    vd_err err = find(map, key, should, &node, why);
    if (err || !node) return err;
    char *end;
    double have = strtod(node->text, &end);
    bool whole = end != node->text && *end == 0 && *node->text != ' ';
    if (!whole || !(have >= min && have <= max)) return wrong(node, key, should, why);
    *value = have;
    return VD_OK;
}

vd_err vd_config_bool(const vd_config_node *map, const char *key, bool *value, vd_why *why)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
    const vd_config_node *node;
    vd_err err = find(map, key, "true or false", &node, why);
    if (err || !node) return err;
    for (size_t i = 0; i < VD_COUNT_OF(words); i++) {
        if (strcmp(words[i], node->text) != 0) continue;
        *value = i % 2 == 1;
        return VD_OK;
    }
    return wrong(node, key, "true or false", why);
}

/* A number and its unit into milliseconds; no unit means seconds. */
static bool parse_duration(const char *text, double *ret_ms)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "", 1e3 },  { "ms", 1 },   { "s", 1e3 },
                  { "m", 6e4 }, { "h", 36e5 }, { "d", 864e5 } };
    char *end;
    double count = strtod(text, &end);
    if (end == text || (*text != '.' && (*text < '0' || *text > '9'))) return false;
    for (size_t i = 0; i < VD_COUNT_OF(units); i++) {
        if (strcmp(end, units[i].unit) != 0) continue;
        *ret_ms = count * units[i].ms;
        return true;
    }
    return false;
}

vd_err vd_config_duration_ms(const vd_config_node *map, const char *key, int64_t min_ms,
                             int64_t max_ms, int64_t *value, vd_why *why)
{
    char should[120];
    snprintf(should, sizeof(should), "a time like 250ms, 5s, 2m, 3h or 7d, from %gs to %gs",
             (double)min_ms / 1e3, (double)max_ms / 1e3);
    const vd_config_node *node;
    vd_err err = find(map, key, should, &node, why);
    if (err || !node) return err;
    double ms;
    bool fits = parse_duration(node->text, &ms) && ms >= (double)min_ms && ms <= (double)max_ms;
    if (!fits) return wrong(node, key, should, why);
    *value = (int64_t)(ms + 0.5);
    return VD_OK;
}

vd_err vd_config_choice(const vd_config_node *map, const char *key, const char *const *names,
                        int *value, vd_why *why)
{
    const vd_config_node *node;
    vd_err err = find(map, key, "one word", &node, why);
    if (err || !node) return err;
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], node->text) != 0) continue;
        *value = i;
        return VD_OK;
    }
    err = vd_config_fail(node, why, "'%s' cannot be '%s'", key ? key : "this item", node->text);
    suggest(why, node->text, names);
    return err;
}
