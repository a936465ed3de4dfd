/* camera_entry.c - a camera entry becomes one text of its own: its template's settings with the
 * parameters filled in, then its own. JSON, which is YAML; each setting stands in the line it was
 * written in where that is later than the entry's, so that what is said about it names that line.
 */
#include <stdio.h>

#include "agent_config.h"
#include "vd/json.h"

#define ENTRY_BYTES    65536
#define PARAMETERS_MAX 64

typedef struct {
    vd_buf *into;
    vd_json_w w;
    bool sorted;          /* members by name, not as they stand */
    unsigned line;        /* where we are, as the reader of our text will count */
    const char *template; /* NULL: nothing is filled in */
    const vd_config_node *parameters, *with;
    vd_why *why;
} printer;

/* "" too: in a twin a member that is null is a member that is not there. */
static bool is_nothing(const vd_config_node *node)
{
    const char *text = NULL;

    if (!node) return true;
    if (vd_config_is_list(node) || vd_config_is_map(node)) return false;
    return vd_config_text(node, NULL, &text, NULL) || !text || !text[0];
}

static const vd_config_node *value_of(const printer *p, const char *name)
{
    const vd_config_node *own = vd_config_get(p->with, name);

    return is_nothing(own) ? vd_config_get(p->parameters, name) : own;
}

static vd_err no_parameter(const printer *p, const vd_config_node *at, const char *name,
                           vd_why *why)
{
    const char *names[PARAMETERS_MAX];
    size_t count = 0;

    for (; count < PARAMETERS_MAX && count < vd_config_len(p->parameters); count++)
        (void)vd_config_member(p->parameters, count, &names[count]);
    vd_err err =
        vd_config_fail(at, why, "template '%.40s' has no parameter '%.40s'", p->template, name);
    const char *nearest = vd_nearest(vd_slice_str(name), names, count);
    if (nearest) vd_why_hint(why, "did you mean '%s'?", nearest);
    return err;
}

static vd_err print(printer *p, const vd_config_node *node);

/* The text between "${" and "}" that begins at `at`; false when there is none. */
static bool find_name(const char *at, char into[64], const char **ret_after)
{
    const char *end = strchr(at, '}');

    if (!end || !vd_slice_to_chars((vd_slice){ (const uint8_t *)at, (size_t)(end - at) }, into, 64))
        return false;
    *ret_after = end + 1;
    return true;
}

/* Text with "${name}" in it; alone it stands for whatever the parameter is. */
static vd_err print_filled(printer *p, const vd_config_node *node, const char *text)
{
    VD_AUTO(vd_buf) filled = VD_BUF(ENTRY_BYTES);
    const char *mark;
    bool whole = strncmp(text, "${", 2) == 0;

    for (; (mark = strstr(text, "${")); whole = false) {
        char name[64];
        const char *after, *value = NULL;
        if (!find_name(mark + 2, name, &after))
            return vd_config_fail(node, p->why, "'%.60s' has a '${' without its '}'", mark);
        const vd_config_node *with = value_of(p, name);
        if (!vd_config_get(p->parameters, name)) return no_parameter(p, node, name, p->why);
        if (whole && !*after) {
            printer plain = *p;
            plain.template = NULL;
            vd_err err = print(&plain, with);
            p->w = plain.w;
            p->line = plain.line;
            return err;
        }
        if (vd_config_is_list(with) || vd_config_is_map(with))
            return vd_config_fail(with, p->why, "parameter '%s' stands inside a text: it is a word",
                                  name);
        vd_err err = vd_config_text(with, NULL, &value, p->why);
        if (err) return err;
        if (!vd_buf_add(&filled, (vd_slice){ (const uint8_t *)text, (size_t)(mark - text) }) ||
            !vd_buf_add_str(&filled, value ? value : ""))
            return vd_config_fail(node, p->why, "a setting is too long");
        text = after;
    }
    vd_buf_add_str(&filled, text);
    vd_json_w_text(&p->w, filled.len ? filled.data : "");
    return VD_OK;
}

static vd_err print_scalar(printer *p, const vd_config_node *node)
{
    const char *text = NULL;
    vd_err err = vd_config_text(node, NULL, &text, p->why);

    if (err) return err;
    if (p->template && text && strstr(text, "${")) return print_filled(p, node, text);
    vd_json_w_text(&p->w, text); /* nothing becomes null */
    return VD_OK;
}

static void go_to_line(printer *p, const vd_config_node *node)
{
    for (; p->line < vd_config_line(node); p->line++) vd_buf_add_byte(p->into, '\n');
}

static bool among(const char *key, const char *const *keys)
{
    while (key && *keys && strcmp(*keys, key) != 0) keys++;
    return key && *keys;
}

/* The i-th member; the one whose name comes after `before` when they are to be sorted. */
static const vd_config_node *member_of(const printer *p, const vd_config_node *map, size_t i,
                                       const char *before, const char **ret_key)
{
    const vd_config_node *next = NULL;
    const char *key, *least = NULL;

    if (!p->sorted) return vd_config_member(map, i, ret_key);
    for (i = 0; i < vd_config_len(map); i++) {
        const vd_config_node *value = vd_config_member(map, i, &key);
        if (before && strcmp(key, before) <= 0) continue;
        if (least && strcmp(key, least) > 0) continue;
        next = value;
        least = key;
    }
    *ret_key = least;
    return next;
}

/* The members of `map` but those of `without` and those that `other` has too. */
static vd_err print_members(printer *p, const vd_config_node *map, const char *const *without,
                            const vd_config_node *other)
{
    const char *key = NULL;
    vd_err err = VD_OK;

    for (size_t i = 0; !err && i < vd_config_len(map); i++) {
        const vd_config_node *value = member_of(p, map, i, key, &key);
        if (among(key, without) || vd_config_get(other, key)) continue;
        go_to_line(p, value);
        vd_json_w_key(&p->w, key);
        err = print(p, value);
    }
    return err;
}

static vd_err print(printer *p, const vd_config_node *node)
{
    static const char *const none[] = { NULL };
    vd_err err = VD_OK;

    if (vd_config_is_list(node)) {
        vd_json_w_list(&p->w);
        for (size_t i = 0; !err && i < vd_config_len(node); i++)
            err = print(p, vd_config_at(node, i));
        if (!err) vd_json_w_list_end(&p->w); /* a key may be without its value: nobody reads on */
    } else if (vd_config_is_map(node)) {
        vd_json_w_object(&p->w);
        err = print_members(p, node, none, NULL);
        if (!err) vd_json_w_object_end(&p->w);
    } else {
        err = print_scalar(p, node);
    }
    return err;
}

/* Every parameter that is given is one, and every one that must be given is. */
static vd_err check_parameters(printer *p, const vd_config_node *entry)
{
    const char *name;

    if (p->parameters && !vd_config_is_map(p->parameters) && !is_nothing(p->parameters))
        return vd_config_fail(p->parameters, p->why,
                              "'parameters' are names, with their default or nothing behind them");
    if (p->with && !vd_config_is_map(p->with) && !is_nothing(p->with))
        return vd_config_fail(p->with, p->why, "'with' gives each parameter its value");
    for (size_t i = 0; i < vd_config_len(p->with); i++) {
        const vd_config_node *value = vd_config_member(p->with, i, &name);
        if (!vd_config_get(p->parameters, name)) return no_parameter(p, value, name, p->why);
    }
    for (size_t i = 0; i < vd_config_len(p->parameters); i++) {
        (void)vd_config_member(p->parameters, i, &name);
        if (!is_nothing(value_of(p, name))) continue;
        vd_err err = vd_config_fail(entry, p->why, "template '%.40s' needs the parameter '%.40s'",
                                    p->template, name);
        vd_why_hint(p->why, "with: {%s: ...}", name);
        return err;
    }
    return VD_OK;
}

static vd_err find_template(const vd_config_node *templates, const vd_config_node *entry,
                            const char *name, const vd_config_node **ret_template, vd_why *why)
{
    const char *names[PARAMETERS_MAX];
    size_t count = 0;
    const vd_config_node *found = vd_config_get(templates, name);

    if (vd_config_is_map(found)) {
        *ret_template = found;
        return VD_OK;
    }
    for (; count < PARAMETERS_MAX && count < vd_config_len(templates); count++)
        (void)vd_config_member(templates, count, &names[count]);
    vd_err err =
        vd_config_fail(vd_config_get(entry, "template"), why, "there is no template '%.40s'", name);
    const char *nearest = vd_nearest(vd_slice_str(name), names, count);
    if (nearest) vd_why_hint(why, "did you mean '%s'?", nearest);
    return err;
}

static vd_err print_template(printer *p, const vd_config_node *templates,
                             const vd_config_node *entry)
{
    static const char *const not_settings[] = { "parameters", NULL };
    const vd_config_node *found = NULL;
    const char *name = NULL;

    vd_err err = vd_config_text(entry, "template", &name, p->why);
    p->with = vd_config_get(entry, "with");
    if (!err && !name && p->with)
        err = vd_config_fail(p->with, p->why, "'with' is for a template, and none is named");
    if (err || !name) return err;
    err = find_template(templates, entry, name, &found, p->why);
    if (err) return err;
    p->template = name;
    p->parameters = vd_config_get(found, "parameters");
    err = check_parameters(p, entry);
    if (!err) err = print_members(p, found, not_settings, entry);
    p->template = NULL;
    return err;
}

vd_err agent_entry_fill(const vd_config_node *entry, const char *id,
                        const vd_config_node *templates, vd_buf *ret_text, vd_why *why)
{
    static const char *const not_settings[] = { "template", "with", NULL };
    printer p = { .into = ret_text, .w = vd_json_writer(ret_text), .line = 1, .why = why };

    if (!vd_config_is_map(entry))
        return vd_config_fail(entry, why, "a camera is names with values");
    if (id && vd_config_get(entry, "id"))
        return vd_config_fail(entry, why, "camera '%.32s' is named twice: leave its 'id' out", id);
    go_to_line(&p, entry);
    vd_json_w_object(&p.w);
    if (id) vd_json_w_kv_text(&p.w, "id", id);
    vd_err err = print_template(&p, templates, entry);
    if (!err) err = print_members(&p, entry, not_settings, NULL);
    if (err) return err;
    vd_json_w_object_end(&p.w);
    return vd_json_w_end(&p.w) ? vd_config_fail(entry, why, "the camera's entry is too long")
                               : VD_OK;
}

vd_err agent_node_print(const vd_config_node *node, const char *without, vd_buf *into)
{
    const char *const keys[] = { without, NULL };
    printer p = { .into = into, .w = vd_json_writer(into), .line = UINT32_MAX, .sorted = true };

    if (!vd_config_is_map(node)) {
        vd_err err = print(&p, node);
        return err ? err : vd_json_w_end(&p.w);
    }
    vd_json_w_object(&p.w);
    vd_err err = print_members(&p, node, keys, NULL);
    if (err) return err;
    vd_json_w_object_end(&p.w);
    return vd_json_w_end(&p.w);
}
