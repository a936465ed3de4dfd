/* config.c - reads the hub's YAML; the defaults here are those that hub.default.yaml states. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vd/file.h"
#include "vd/secret.h"

typedef const vd_config_node node;

static const hub_config defaults = {
    .site = "Vedette",
    .time_zone = "UTC",
    .state_dir = "/var/lib/vedette/hub",
    .https_address = "0.0.0.0",
    .mqtt_address = "0.0.0.0",
    .host_name = "localhost",
    .web_dir = "/usr/share/vedette/web",
    .mailbox_dir = "",
    .models_dir = "",
    .https_port = 8443,
    .mqtt_port = 8883,
    .incident_gap_ms = 60000,
    .notify = { .smtp_port = 25,
                .smtp_from = "vedette@localhost",
                .picture_wait_ms = 15000,
                .retry_first_ms = 10000,
                .retry_most_ms = 3600000 },
    .lake = { .path = "lake", .every_ms = 3600000 },
    .watch = { .learn = 24, .false_alarms_per_year = 1 },
    .rollout_soak_ms = 3600000,
    .gate = { .confidence = 0.95,
              .margin = 0.005,
              .fewer_false_alarms_suffice = true,
              .draws = 2000,
              .seed = 1 },
    .retention = { .days = 90, .keep_labelled = true },
    .log_format = VD_LOG_AUTO,
    .log_level = VD_LOG_INFO,
};

/* The first line of a file; nothing of it may reach a why. */
static vd_err read_secret(node *at, const char *key, char *into, size_t room, vd_why *why)
{
    const char *path = "";
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_err err = vd_config_text(at, key, &path, why);
    if (err || !path[0]) return err;
    vd_why reason = { 0 };
    err = vd_file_load(path, &text, &reason);
    if (err)
        return vd_config_fail(vd_config_get(at, key), why,
                              "the secret file '%s' cannot be read: %s", path, reason.detail);
    vd_slice rest = VD_SLICE_NONE;
    vd_slice line = vd_slice_cut(vd_buf_slice(&text), '\n', &rest);
    if (line.len && line.data[line.len - 1] == '\r') line.len--;
    bool fits = line.len > 0 && vd_slice_to_chars(line, into, room);
    vd_wipe(text.data, text.len);
    if (!fits)
        return vd_config_fail(vd_config_get(at, key), why,
                              "the secret file '%s' must hold one line of 1 to %zu bytes", path,
                              room - 1);
    return VD_OK;
}

/* A list of texts into an array of `room`. */
static vd_err read_texts(node *at, const char *key, const char **into, unsigned room,
                         unsigned *ret_count, vd_why *why)
{
    node *list = vd_config_get(at, key);
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'%s' must be a list", key);
    if (vd_config_len(list) > room)
        return vd_config_fail(list, why, "'%s' has more than %u entries", key, room);
    for (unsigned n = 0; n < vd_config_len(list); n++) {
        vd_err err = vd_config_text(vd_config_at(list, n), NULL, &into[n], why);
        if (err) return err;
    }
    *ret_count = (unsigned)vd_config_len(list);
    return VD_OK;
}

static vd_err read_smtp(node *at, vd_notify_config *c, vd_why *why)
{
    static const char *const keys[] = {
        "host", "port", "tls", "user", "password_file", "from", NULL
    };
    static const char *const tls[] = { "none", "starttls", "tls", NULL };
    const char *host = "", *user = "";
    int choice = VD_SMTP_PLAIN;
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_text(at, "host", &host, why);
    if (!err) err = vd_config_int(at, "port", 1, 65535, &c->smtp_port, why);
    if (!err) err = vd_config_choice(at, "tls", tls, &choice, why);
    if (!err) err = vd_config_text(at, "user", &user, why);
    if (!err)
        err = read_secret(at, "password_file", c->smtp_password, sizeof c->smtp_password, why);
    if (!err) err = vd_config_text(at, "from", &c->smtp_from, why);
    c->smtp_tls = (vd_smtp_tls)choice;
    c->smtp_host = host[0] ? host : NULL;
    c->smtp_user = user[0] ? user : NULL;
    return err;
}

static vd_err read_webhook(node *at, vd_webhook *hook, vd_why *why)
{
    static const char *const keys[] = { "name", "url", "key_file", NULL };
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_text(at, "name", &hook->name, why);
    if (!err) err = vd_config_text(at, "url", &hook->url, why);
    if (!err) err = read_secret(at, "key_file", hook->key, sizeof hook->key, why);
    if (err) return err;
    if (!hook->name || !hook->url || !hook->key[0])
        return vd_config_fail(at, why, "a webhook needs name, url and key_file");
    if (strncmp(hook->url, "http://", 7) != 0 && strncmp(hook->url, "https://", 8) != 0)
        return vd_config_fail(at, why, "a webhook's url begins with http:// or https://");
    return VD_OK;
}

static vd_err read_webhooks(node *list, vd_notify_config *c, vd_why *why)
{
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'webhooks' must be a list");
    if (vd_config_len(list) > VD_NOTIFY_WEBHOOKS_MAX)
        return vd_config_fail(list, why, "more than %d webhooks", VD_NOTIFY_WEBHOOKS_MAX);
    for (unsigned n = 0; n < vd_config_len(list); n++) {
        vd_err err = read_webhook(vd_config_at(list, n), &c->webhooks[n], why);
        if (err) return err;
    }
    c->webhook_count = (unsigned)vd_config_len(list);
    return VD_OK;
}

static vd_err check_targets(node *at, const vd_notify_config *c, const vd_notify_rule *rule,
                            vd_why *why)
{
    for (unsigned n = 0; n < rule->email_count; n++)
        if (!strchr(rule->emails[n], '@') || strpbrk(rule->emails[n], " \r\n<>"))
            return vd_config_fail(at, why, "'%s' is no e-mail address", rule->emails[n]);
    for (unsigned n = 0; n < rule->webhook_count; n++) {
        bool found = false;
        for (unsigned h = 0; h < c->webhook_count; h++)
            found = found || strcmp(c->webhooks[h].name, rule->webhooks[n]) == 0;
        if (!found)
            return vd_config_fail(at, why, "there is no webhook named '%s'", rule->webhooks[n]);
    }
    return VD_OK;
}

static vd_err read_rule(node *at, vd_notify_config *c, vd_notify_rule *rule, vd_why *why)
{
    static const char *const keys[] = { "rule",    "camera",    "severity", "email",
                                        "webhook", "cool_down", NULL };
    static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
    *rule = (vd_notify_rule){ .rule = "*", .camera = "*", .cool_down_ms = 300000 };
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_text(at, "rule", &rule->rule, why);
    if (!err) err = vd_config_text(at, "camera", &rule->camera, why);
    if (!err) err = vd_config_choice(at, "severity", severities, &rule->severity_least, why);
    if (!err)
        err = read_texts(at, "email", rule->emails, VD_NOTIFY_RECIPIENTS_MAX, &rule->email_count,
                         why);
    if (!err)
        err = read_texts(at, "webhook", rule->webhooks, VD_NOTIFY_RECIPIENTS_MAX,
                         &rule->webhook_count, why);
    if (!err)
        err = vd_config_duration_ms(at, "cool_down", 0, 7 * 86400000ll, &rule->cool_down_ms, why);
    return err ? err : check_targets(at, c, rule, why);
}

static vd_err read_rules(node *list, vd_notify_config *c, vd_why *why)
{
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'rules' must be a list");
    if (vd_config_len(list) > VD_NOTIFY_RULES_MAX)
        return vd_config_fail(list, why, "more than %d rules", VD_NOTIFY_RULES_MAX);
    for (unsigned n = 0; n < vd_config_len(list); n++) {
        vd_err err = read_rule(vd_config_at(list, n), c, &c->rules[n], why);
        if (err) return err;
    }
    c->rule_count = (unsigned)vd_config_len(list);
    return VD_OK;
}

static vd_err read_notify(node *at, vd_notify_config *c, vd_why *why)
{
    static const char *const keys[] = { "smtp",     "picture_wait", "retry_first", "retry_most",
                                        "webhooks", "rules",        NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = read_smtp(vd_config_get(at, "smtp"), c, why);
    if (!err) err = vd_config_duration_ms(at, "picture_wait", 0, 600000, &c->picture_wait_ms, why);
    if (!err) err = vd_config_duration_ms(at, "retry_first", 100, 3600000, &c->retry_first_ms, why);
    if (!err) err = vd_config_duration_ms(at, "retry_most", 100, 86400000, &c->retry_most_ms, why);
    if (!err) err = read_webhooks(vd_config_get(at, "webhooks"), c, why);
    return err ? err : read_rules(vd_config_get(at, "rules"), c, why);
}

static vd_err read_listen(node *at, const char **address, int64_t *port, vd_why *why)
{
    static const char *const keys[] = { "address", "port", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_text(at, "address", address, why);
    return err ? err : vd_config_int(at, "port", 0, 65535, port, why);
}

static vd_err read_retention(node *at, vd_archive_retention *c, vd_why *why)
{
    static const char *const keys[] = { "days", "most_mb", "keep_labelled", NULL };
    int64_t most_mb = 0;
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_int(at, "days", 0, 36500, &c->days, why);
    if (!err) err = vd_config_int(at, "most_mb", 0, 1ll << 40, &most_mb, why);
    if (!err) err = vd_config_bool(at, "keep_labelled", &c->keep_labelled, why);
    c->most_bytes = most_mb * 1000000;
    return err;
}

static vd_err read_watch(node *at, vd_watch_config *c, vd_why *why)
{
    static const char *const keys[] = { "learn", "false_alarms_per_year", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_int(at, "learn", 4, 336, &c->learn, why);
    return err ? err
               : vd_config_num(at, "false_alarms_per_year", 0.001, 1000, &c->false_alarms_per_year,
                               why);
}

static vd_err read_rollout(node *at, hub_config *c, vd_why *why)
{
    static const char *const keys[] = { "soak", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    return err ? err : vd_config_duration_ms(at, "soak", 1000, 604800000, &c->rollout_soak_ms, why);
}

static vd_err read_gate(node *at, vd_gate_settings *s, vd_why *why)
{
    static const char *const keys[] = { "confidence", "margin", "fewer_false_alarms",
                                        "least_groups", NULL };
    int64_t least_groups = s->least_groups;
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_num(at, "confidence", 0.8, 0.999, &s->confidence, why);
    if (!err) err = vd_config_num(at, "margin", 0, 0.2, &s->margin, why);
    if (!err) err = vd_config_bool(at, "fewer_false_alarms", &s->fewer_false_alarms_suffice, why);
    if (!err) err = vd_config_int(at, "least_groups", 0, 1000, &least_groups, why);
    s->least_groups = (unsigned)least_groups;
    return err;
}

static vd_err read_lake(node *at, vd_lake_config *c, vd_why *why)
{
    static const char *const keys[] = { "path", "every", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_text(at, "path", &c->path, why);
    return err ? err : vd_config_duration_ms(at, "every", 1000, 86400000, &c->every_ms, why);
}

static vd_err read_metrics(node *at, hub_config *c, vd_why *why)
{
    static const char *const keys[] = { "token_file", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    return err ? err
               : read_secret(at, "token_file", c->metrics_token, sizeof c->metrics_token, why);
}

static vd_err read_log(node *at, hub_config *c, vd_why *why)
{
    static const char *const keys[] = { "format", "level", NULL };
    static const char *const formats[] = { "auto", "human", "json", NULL };
    static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
    if (!at) return VD_OK;
    vd_err err = vd_config_only(at, keys, why);
    if (!err) err = vd_config_choice(at, "format", formats, &c->log_format, why);
    return err ? err : vd_config_choice(at, "level", levels, &c->log_level, why);
}

static vd_err read_zone(node *root, hub_config *c, vd_why *why)
{
    char path[512];
    vd_err err = vd_config_text(root, "time_zone", &c->time_zone, why);
    if (err || strcmp(c->time_zone, "UTC") == 0) return err;
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%.200s", c->time_zone);
    FILE *file = strstr(c->time_zone, "..") ? NULL : fopen(path, "re");
    if (!file)
        return vd_config_fail(vd_config_get(root, "time_zone"), why,
                              "'%s' is no time zone that this machine knows", c->time_zone);
    (void)fclose(file);
    return VD_OK;
}

static vd_err read_url(node *root, hub_config *c, vd_why *why)
{
    const char *url = "";
    vd_err err = vd_config_text(root, "public_url", &url, why);
    if (err || !url[0]) return err;
    size_t len = strlen(url);
    while (len && url[len - 1] == '/') len--;
    bool http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    if (!http || !vd_slice_to_chars(vd_slice_of(url, len), c->public_url, sizeof c->public_url))
        return vd_config_fail(vd_config_get(root, "public_url"), why,
                              "'public_url' must be an address such as https://hub.example.org");
    return VD_OK;
}

/* Where it is reached. */
static vd_err read_addresses(node *root, hub_config *c, vd_why *why)
{
    unsigned names = 0;
    vd_err err = read_listen(vd_config_get(root, "https"), &c->https_address, &c->https_port, why);
    if (!err) err = read_listen(vd_config_get(root, "mqtt"), &c->mqtt_address, &c->mqtt_port, why);
    if (!err) err = vd_config_text(root, "host_name", &c->host_name, why);
    if (!err) err = read_texts(root, "names", c->names, HUB_NAMES_MAX, &names, why);
    return err ? err : read_url(root, c, why);
}

/* Where things lie. */
static vd_err read_folders(node *root, hub_config *c, vd_why *why)
{
    vd_err err = vd_config_text(root, "state_dir", &c->state_dir, why);
    if (!err) err = vd_config_text(root, "web_dir", &c->web_dir, why);
    if (!err) err = vd_config_text(root, "models_dir", &c->models_dir, why);
    return err ? err : vd_config_text(root, "mailbox_dir", &c->mailbox_dir, why);
}

/* What the stages behind the incidents do. */
static vd_err read_stages(node *root, hub_config *c, vd_why *why)
{
    vd_err err = read_retention(vd_config_get(root, "retention"), &c->retention, why);
    if (!err) err = read_watch(vd_config_get(root, "watch"), &c->watch, why);
    if (!err) err = read_gate(vd_config_get(root, "gate"), &c->gate, why);
    if (!err) err = read_rollout(vd_config_get(root, "rollout"), c, why);
    if (!err) err = read_lake(vd_config_get(root, "lake"), &c->lake, why);
    return err ? err : read_metrics(vd_config_get(root, "metrics"), c, why);
}

static vd_err read_root(node *root, hub_config *c, vd_why *why)
{
    static const char *const keys[] = {
        "site",       "time_zone", "state_dir",   "https",        "mqtt",    "host_name", "names",
        "public_url", "web_dir",   "mailbox_dir", "incident_gap", "notify",  "retention", "watch",
        "lake",       "metrics",   "log",         "models_dir",   "rollout", "gate",      NULL
    };
    vd_err err = vd_config_only(root, keys, why);
    if (!err) err = vd_config_text(root, "site", &c->site, why);
    if (!err) err = read_zone(root, c, why);
    if (!err) err = read_addresses(root, c, why);
    if (!err) err = read_folders(root, c, why);
    if (!err)
        err = vd_config_duration_ms(root, "incident_gap", 0, 86400000, &c->incident_gap_ms, why);
    if (!err) err = read_notify(vd_config_get(root, "notify"), &c->notify, why);
    if (!err) err = read_stages(root, c, why);
    return err ? err : read_log(vd_config_get(root, "log"), c, why);
}

static vd_err finish(vd_config *file, hub_config *ret_config, vd_why *why)
{
    *ret_config = defaults;
    ret_config->file = file;
    vd_err err = file ? read_root(vd_config_root(file), ret_config, why) : VD_OK;
    ret_config->notify.site = ret_config->lake.site = ret_config->site;
    if (err) hub_config_done(ret_config);
    return err;
}

vd_err hub_config_load(const char *path, hub_config *ret_config, vd_why *why)
{
    vd_config *file = NULL;
    vd_err err = path ? vd_config_load(path, &file, why) : VD_OK;
    return err ? err : finish(file, ret_config, why);
}

vd_err hub_config_parse(vd_slice yaml, const char *name, hub_config *ret_config, vd_why *why)
{
    vd_config *file = NULL;
    vd_err err = vd_config_parse(yaml, name, &file, why);
    return err ? err : finish(file, ret_config, why);
}

void hub_config_done(hub_config *config)
{
    vd_wipe(config->notify.smtp_password, sizeof config->notify.smtp_password);
    vd_wipe(config->metrics_token, sizeof config->metrics_token);
    for (unsigned n = 0; n < config->notify.webhook_count; n++)
        vd_wipe(config->notify.webhooks[n].key, sizeof config->notify.webhooks[n].key);
    config->file = vd_config_free(config->file);
}
