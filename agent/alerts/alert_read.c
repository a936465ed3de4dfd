/* alert_read.c - the list `alerts:` of the configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alerts_priv.h"
#include "vd/secret.h"

#define HOLD_MAX_MS 86400000

static vd_err read_names(const vd_config_node *node, const char *key, vd_alert_names *ret_names,
                         vd_why *why)
{
    const vd_config_node *list = vd_config_get(node, key);
    vd_err err = VD_OK;

    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'%s' is a list", key);
    if (vd_config_len(list) > VD_ALERT_NAMES_MAX)
        return vd_config_fail(list, why, "an alert names at most %d %s", VD_ALERT_NAMES_MAX, key);
    for (size_t i = 0; !err && i < vd_config_len(list); i++)
        err =
            vd_config_text(vd_config_at(list, i), NULL, &ret_names->name[ret_names->count++], why);
    return err;
}

/* mqtt://host[:port], mqtts://host[:port] */
static vd_err read_broker(const vd_config_node *node, const char *address, vd_alert_config *c,
                          vd_why *why)
{
    vd_slice text = vd_slice_str(address), port;
    uint64_t number;

    c->tls = vd_slice_starts(text, VD_STR("mqtts://"));
    c->port = c->tls ? 8883 : 1883;
    bool good = c->tls || vd_slice_starts(text, VD_STR("mqtt://"));
    text = good ? vd_slice_from(text, c->tls ? 8 : 7) : text;
    bool has_port = good && memchr(text.data, ':', text.len);
    text = vd_slice_cut(text, ':', &port);
    if (has_port) {
        good = vd_slice_u64(port, 65535, &number) && number > 0;
        c->port = good ? (int)number : 0;
    }
    good = good && text.len && !memchr(text.data, '@', text.len) &&
           !memchr(text.data, '/', text.len) && vd_slice_to_chars(text, c->host, sizeof c->host);
    if (good) return VD_OK;
    vd_err err = vd_config_fail(vd_config_get(node, "mqtt"), why,
                                "alert '%s': this is no broker's address", c->id);
    vd_why_hint(why, "mqtt://host:1883 or mqtts://host:8883; user and password_file apart");
    return err;
}

static vd_err check_url(const vd_config_node *node, const vd_alert_config *c, vd_why *why)
{
    const char *rest = strstr(c->url, "://");
    bool good = rest && (strncmp(c->url, "http://", 7) == 0 || strncmp(c->url, "https://", 8) == 0);
    size_t host = good ? strcspn(rest + 3, "/?#") : 0;

    if (host && !memchr(rest + 3, '@', host)) return VD_OK;
    vd_err err = vd_config_fail(vd_config_get(node, "webhook"), why,
                                "alert '%s': this is no webhook's address", c->id);
    vd_why_hint(why, "http(s)://host/path without user and password");
    return err;
}

static vd_err check_topic(const vd_config_node *node, const vd_alert_config *c, vd_why *why)
{
    static const vd_event sample = {
        .camera = "c", .rule_id = "r", .severity = "info", .kind = "zone"
    };
    char topic[ALERT_TOPIC_ROOM];

    if (!strpbrk(c->topic, "+#") && topic_make(c->topic, "d", &sample, topic)) return VD_OK;
    vd_err err = vd_config_fail(vd_config_get(node, "topic"), why,
                                "alert '%s': this is no topic to publish to", c->id);
    vd_why_hint(why, "no + or #; {device} {camera} {rule} {severity} {kind} are put in");
    return err;
}

/* Exactly one of the three names where it goes. */
static vd_err read_kind(const vd_config_node *node, vd_alert_config *c, vd_why *why)
{
    const char *broker = "";
    vd_err err = vd_config_text(node, "webhook", &c->url, why);

    if (!err) err = vd_config_text(node, "mqtt", &broker, why);
    if (!err) err = vd_config_text(node, "output", &c->path, why);
    if (err) return err;
    if ((c->url[0] != 0) + (broker[0] != 0) + (c->path[0] != 0) != 1)
        return vd_config_fail(node, why, "alert '%s' needs one of webhook, mqtt, output", c->id);
    c->kind = c->url[0] ? VD_ALERT_WEBHOOK : broker[0] ? VD_ALERT_MQTT : VD_ALERT_OUTPUT;
    if (c->kind == VD_ALERT_WEBHOOK) return check_url(node, c, why);
    if (c->kind == VD_ALERT_OUTPUT) return VD_OK;
    err = read_broker(node, broker, c, why);
    return err ? err : check_topic(node, c, why);
}

static vd_err read_filter(const vd_config_node *node, vd_alert_config *c, vd_why *why)
{
    static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
    static const char *const whens[] = { "begin", "all", NULL };
    int severity = VD_SEVERITY_INFO, when = 0;

    vd_err err = vd_config_choice(node, "severity", severities, &severity, why);
    if (!err) err = vd_config_choice(node, "when", whens, &when, why);
    if (!err) err = read_names(node, "rules", &c->rules, why);
    if (!err) err = read_names(node, "cameras", &c->cameras, why);
    c->severity = (vd_severity)severity;
    c->all = when == 1;
    return err;
}

static vd_err read_details(const vd_config_node *node, vd_alert_config *c, vd_why *why)
{
    vd_err err = vd_config_text(node, "secret_file", &c->secret_file, why);

    if (!err) err = vd_config_text(node, "ca_file", &c->ca_file, why);
    if (!err) err = vd_config_text(node, "user", &c->user, why);
    if (!err) err = vd_config_text(node, "password_file", &c->password_file, why);
    if (!err) err = vd_config_text(node, "on", &c->on, why);
    if (!err) err = vd_config_text(node, "off", &c->off, why);
    if (!err) err = vd_config_duration_ms(node, "hold", 10, HOLD_MAX_MS, &c->hold_ms, why);
    return err;
}

static vd_err read_alert(const vd_config_node *node, vd_alert_list *list, vd_why *why)
{
    static const char *const keys[] = { "id",    "webhook", "mqtt", "output",        "severity",
                                        "rules", "cameras", "when", "secret_file",   "ca_file",
                                        "topic", "user",    "on",   "password_file", "off",
                                        "hold",  NULL };
    vd_alert_config c = { .id = "",
                          .url = "",
                          .secret_file = "",
                          .ca_file = "",
                          .topic = "vedette/{device}/{camera}/{rule}",
                          .user = "",
                          .password_file = "",
                          .path = "",
                          .on = "1",
                          .off = "0",
                          .hold_ms = 5000 };

    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_text(node, "id", &c.id, why);
    if (!err && (!c.id[0] || strlen(c.id) > 64))
        err = vd_config_fail(node, why, "an alert needs an id of at most 64 characters");
    for (unsigned i = 0; !err && i < list->count; i++)
        if (strcmp(list->alert[i].id, c.id) == 0)
            err = vd_config_fail(node, why, "two alerts have the id '%s'", c.id);
    if (!err) err = vd_config_text(node, "topic", &c.topic, why);
    if (!err) err = read_kind(node, &c, why);
    if (!err) err = read_filter(node, &c, why);
    if (!err) err = read_details(node, &c, why);
    if (!err) list->alert[list->count++] = c;
    return err;
}

vd_err vd_alerts_read(const vd_config_node *list, vd_alert_list *ret_list, vd_why *why)
{
    vd_err err = VD_OK;

    ret_list->count = 0;
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'alerts' is a list");
    if (vd_config_len(list) > VD_ALERTS_MAX)
        return vd_config_fail(list, why, "there are more than %d alerts", VD_ALERTS_MAX);
    for (size_t i = 0; !err && i < vd_config_len(list); i++)
        err = read_alert(vd_config_at(list, i), ret_list, why);
    return err;
}

static vd_err check_one(const vd_alert_config *c, vd_why *why)
{
    char secret[ALERT_SECRET_ROOM];
    const char *path = c->kind == VD_ALERT_WEBHOOK ? c->secret_file : c->password_file;
    vd_err err = VD_OK;

    if (path[0]) err = vd_secret_line(path, secret, sizeof secret, why);
    vd_wipe(secret, sizeof secret);
    if (!err && c->kind == VD_ALERT_OUTPUT && access(c->path, F_OK) == 0 &&
        access(c->path, W_OK) != 0)
        err = vd_fail_errno(why, "alert '%s' cannot write its output", c->id);
    return err;
}

vd_err vd_alerts_check(const vd_alert_list *list, vd_why *why)
{
    vd_err err = VD_OK;

    for (unsigned i = 0; !err && i < list->count; i++) err = check_one(&list->alert[i], why);
    return err;
}
