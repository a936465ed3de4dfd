/* settings.c - the hub and the token that the last login left, in a file only its owner can read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"
#include "vd/config.h"

static vd_err path_of(char *into, size_t room, vd_why *why)
{
    const char *set = getenv("VEDETTE_CLI_CONFIG"), *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int len;

    if (set && set[0])
        len = snprintf(into, room, "%s", set);
    else if (config && config[0])
        len = snprintf(into, room, "%s/vedette/cli.yaml", config);
    else
        len = snprintf(into, room, "%s/.config/vedette/cli.yaml", home ? home : "");
    if (len > 0 && (size_t)len < room) return VD_OK;
    return vd_fail(why, VD_INVALID, "the path of the settings file is too long");
}

static vd_err take(const vd_config_node *root, const char *key, char into[SETTING_ROOM],
                   vd_why *why)
{
    const char *text = "";
    vd_err err = vd_config_text(root, key, &text, why);

    if (!err && !vd_slice_to_chars(vd_slice_str(text), into, SETTING_ROOM))
        err = vd_fail(why, VD_INVALID, "'%s' in the settings file is too long", key);
    return err;
}

vd_err settings_load(settings *ret_settings, vd_why *why)
{
    static const char *const keys[] = { "hub", "user", "token", "ca", NULL };
    VD_AUTO(vd_config_ptr) config = NULL;
    char path[4096];
    settings s = { 0 };

    vd_err err = path_of(path, sizeof path, why);
    if (!err) err = vd_config_load(path, &config, why);
    if (err == VD_ABSENT) {
        vd_fail(why, VD_ABSENT, "nobody has signed in");
        vd_why_detail(why, "%s is not there", path);
        vd_why_hint(why, "vedette login --hub https://HUB:8443 --ca ca.pem --user NAME");
        return err;
    }
    const vd_config_node *root = config ? vd_config_root(config) : NULL;
    if (!err) err = vd_config_only(root, keys, why);
    if (!err) err = take(root, "hub", s.hub, why);
    if (!err) err = take(root, "user", s.user, why);
    if (!err) err = take(root, "token", s.token, why);
    if (!err) err = take(root, "ca", s.ca, why);
    if (!err) *ret_settings = s;
    return err;
}

/* Written as JSON, which is YAML. */
vd_err settings_save(const settings *s, char *ret_path, size_t room, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(8 * SETTING_ROOM);
    char folder[4096];

    vd_err err = path_of(ret_path, room, why);
    if (err) return err;
    if (!vd_slice_to_chars(vd_slice_str(ret_path), folder, sizeof folder))
        return vd_fail(why, VD_INVALID, "the path of the settings file is too long");
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        err = vd_dir_make(folder, 0700, why);
    }
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "hub", s->hub);
    vd_json_w_kv_text(&w, "user", s->user);
    vd_json_w_kv_text(&w, "token", s->token);
    vd_json_w_kv_text(&w, "ca", s->ca);
    vd_json_w_object_end(&w);
    if (!err) err = vd_json_w_end(&w);
    if (!err && !vd_buf_add_str(&text, "\n")) err = VD_FULL;
    if (!err) err = vd_file_save(ret_path, 0600, vd_buf_slice(&text), why);
    return err;
}
