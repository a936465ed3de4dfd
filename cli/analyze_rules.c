/* analyze_rules.c - the rules for a file: whatever cameras they name, they hold for it. */
#include "analyze_priv.h"

static vd_err read_list(analysis *a, const vd_config_node *list, vd_why *why)
{
    vd_err err = VD_OK;

    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "rules are a list");
    for (size_t i = 0; !err && i < vd_config_len(list); i++) {
        const vd_config_node *node = vd_config_at(list, i);
        if (a->rule_count == ANALYZE_RULES_MAX)
            return vd_config_fail(node, why, "there are more than %d rules", ANALYZE_RULES_MAX);
        err = vd_rule_read(node, a->words, &a->rule[a->rule_count], why);
        if (!err) a->rule_count++;
    }
    return err;
}

vd_err analyze_rules(analysis *a, const char *path, vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    const char *key;

    if (!path) return VD_OK;
    vd_err err = vd_config_load(path, &config, why);
    if (err) return err;
    const vd_config_node *root = vd_config_root(config);
    const vd_config_node *inside = vd_config_is_map(root) ? vd_config_get(root, "rules") : NULL;
    if (inside) root = inside;
    if (!vd_config_is_map(root)) return read_list(a, root, why);
    for (size_t i = 0; !err && i < vd_config_len(root); i++)
        err = read_list(a, vd_config_member(root, i, &key), why);
    return err;
}
