#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vd/file.h"
#include "vd/test.h"

static vd_err parse(const char *yaml, hub_config *config, vd_why *why)
{
    return hub_config_parse(vd_slice_str(yaml), "hub.yaml", config, why);
}

static void same_text(const char *a, const char *b)
{
    expect_str(a ? a : "(null)", b ? b : "(null)");
}

static void same_notify(const vd_notify_config *a, const vd_notify_config *b)
{
    same_text(a->smtp_host, b->smtp_host);
    same_text(a->smtp_user, b->smtp_user);
    same_text(a->smtp_from, b->smtp_from);
    expect_i64(a->smtp_port, b->smtp_port);
    expect_i64(a->smtp_tls, b->smtp_tls);
    expect_i64(a->picture_wait_ms, b->picture_wait_ms);
    expect_i64(a->retry_first_ms, b->retry_first_ms);
    expect_i64(a->retry_most_ms, b->retry_most_ms);
    expect_i64(a->webhook_count, b->webhook_count);
    expect_i64(a->rule_count, b->rule_count);
}

// covers: BASE-4
VD_TEST(the_default_file_states_exactly_the_programs_defaults)
{
    char path[4096];
    hub_config none, file;
    vd_why why = { 0 };
    (void)snprintf(path, sizeof path, "%s/hub/hub.default.yaml", getenv("VEDETTE_SOURCE_ROOT"));

    expect_ok(hub_config_load(NULL, &none, &why));
    expect_ok(hub_config_load(path, &file, &why));

    same_text(file.site, none.site);
    same_text(file.time_zone, none.time_zone);
    same_text(file.state_dir, none.state_dir);
    same_text(file.https_address, none.https_address);
    same_text(file.mqtt_address, none.mqtt_address);
    same_text(file.host_name, none.host_name);
    same_text(file.web_dir, none.web_dir);
    same_text(file.mailbox_dir, none.mailbox_dir);
    same_text(file.models_dir, none.models_dir);
    same_text(file.public_url, none.public_url);
    same_text(file.names[0], none.names[0]);
    expect_i64(file.https_port, none.https_port);
    expect_i64(file.mqtt_port, none.mqtt_port);
    expect_i64(file.incident_gap_ms, none.incident_gap_ms);
    expect_near(file.gate.confidence, none.gate.confidence, 0);
    expect_near(file.gate.margin, none.gate.margin, 0);
    expect_u64(file.gate.least_groups, none.gate.least_groups);
    expect_true(file.gate.fewer_false_alarms_suffice && none.gate.fewer_false_alarms_suffice);
    expect_i64(file.watch.learn, none.watch.learn);
    expect_i64(file.rollout_soak_ms, none.rollout_soak_ms);
    expect_near(file.watch.false_alarms_per_year, none.watch.false_alarms_per_year, 0);
    same_text(file.lake.path, none.lake.path);
    expect_i64(file.lake.every_ms, none.lake.every_ms);
    same_text(file.metrics_token, none.metrics_token);
    expect_i64(file.retention.days, none.retention.days);
    expect_i64(file.retention.most_bytes, none.retention.most_bytes);
    expect_i64(file.retention.keep_labelled, none.retention.keep_labelled);
    expect_i64(file.log_format, none.log_format);
    expect_i64(file.log_level, none.log_level);
    same_notify(&file.notify, &none.notify);
    hub_config_done(&file);
    hub_config_done(&none);
}

// covers: BASE-4
VD_TEST(an_unknown_key_is_refused_with_its_line_and_the_nearest_one)
{
    hub_config config;
    vd_why why = { 0 };
    char line[1024];

    expect_err(parse("site: A\nincident_gab: 5s\n", &config, &why), VD_INVALID);

    vd_why_line(&why, line, sizeof line);
    assert_non_null(strstr(line, "incident_gab"));
    assert_non_null(strstr(line, "incident_gap"));
    assert_non_null(strstr(line, "2"));
}

VD_TEST(recipients_and_webhooks_are_read_and_their_mistakes_named)
{
    char dir[] = "/tmp/vedette-conf-XXXXXX", path[128], yaml[1024];
    hub_config config;
    vd_why why = { 0 };
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/key", dir);
    expect_ok(vd_file_save(path, 0600, VD_STR("the-key\nsecond line\n"), &why));
    (void)snprintf(yaml, sizeof yaml,
                   "notify:\n"
                   "  webhooks: [{name: desk, url: 'https://desk.example/x', key_file: '%s'}]\n"
                   "  rules:\n"
                   "    - {rule: 'gate-*', severity: high, email: [a@example.org], webhook: [desk],"
                   " cool_down: 2m}\n",
                   path);

    expect_ok(parse(yaml, &config, &why));
    expect_u64(config.notify.rule_count, 1);
    expect_str(config.notify.rules[0].emails[0], "a@example.org");
    expect_str(config.notify.rules[0].camera, "*");
    expect_i64(config.notify.rules[0].severity_least, 3);
    expect_i64(config.notify.rules[0].cool_down_ms, 120000);
    expect_str(config.notify.webhooks[0].key, "the-key");
    hub_config_done(&config);

    expect_err(parse("notify: {rules: [{webhook: [nobody]}]}\n", &config, &why), VD_INVALID);
    expect_str(why.fact, "there is no webhook named 'nobody'");
    expect_err(parse("notify: {rules: [{email: [nobody]}]}\n", &config, &why), VD_INVALID);
    expect_err(parse("gate: {confidence: 1}\n", &config, &why), VD_INVALID);
    expect_err(parse("gate: {margins: 0.1}\n", &config, &why), VD_INVALID);
    expect_err(parse("time_zone: Mars/Olympus\n", &config, &why), VD_INVALID);
    expect_err(parse("public_url: hub\n", &config, &why), VD_INVALID);
    expect_err(parse("notify: {smtp: {password_file: /nowhere/at/all}}\n", &config, &why),
               VD_INVALID);
    remove(path);
    remove(dir);
}

VD_TEST_MAIN(VD_RUN(the_default_file_states_exactly_the_programs_defaults),
             VD_RUN(an_unknown_key_is_refused_with_its_line_and_the_nearest_one),
             VD_RUN(recipients_and_webhooks_are_read_and_their_mistakes_named))
