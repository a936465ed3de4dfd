/* Alerts with a scripted web server, and files. The broker is a real one, in
 * tests/peers/alerts_test.mjs. */
#include "alerts_priv.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/file.h"
#include "vd/secret.h"
#include "vd/test.h"

/* ---- a web server that answers as told, and keeps what came ---- */

#define POSTS_MAX 8
typedef struct {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned status[POSTS_MAX]; /* of the n-th answer; 0: 200 */
    unsigned posts;
    char signature[POSTS_MAX][160];
    vd_buf body[POSTS_MAX];
} server;

static enum MHD_Result on_post(void *arg, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_len, void **state)
{
    server *s = arg;
    enum MHD_Result queued;
    (void)url, (void)method, (void)version;
    pthread_mutex_lock(&s->lock);
    unsigned n = s->posts < POSTS_MAX ? s->posts : POSTS_MAX - 1;
    if (!*state) {
        *state = s;
        vd_buf_clear(&s->body[n]);
        pthread_mutex_unlock(&s->lock);
        return MHD_YES;
    }
    if (*data_len) {
        vd_buf_add(&s->body[n], vd_slice_of(data, *data_len));
        *data_len = 0;
        pthread_mutex_unlock(&s->lock);
        return MHD_YES;
    }
    const char *signature =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Vedette-Signature");
    snprintf(s->signature[n], sizeof s->signature[n], "%s", signature ? signature : "");
    unsigned status = s->status[n] ? s->status[n] : 200;
    s->posts++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static void server_open(server *s)
{
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    for (int i = 0; i < POSTS_MAX; i++) s->body[i] = VD_BUF(1 << 20);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_post, s,
                                 MHD_OPTION_END);
    assert_non_null(s->daemon);
}

static unsigned server_port(server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void server_done(server *s)
{
    if (s->daemon) MHD_stop_daemon(s->daemon);
    for (int i = 0; i < POSTS_MAX; i++) vd_buf_done(&s->body[i]);
}
VD_AUTO_DEFINE(server, server_done)

/* ---- a house ---- */

typedef struct {
    char dir[40], yaml[1400];
    vd_config *text;
    vd_alerts *alerts;
} house;

static void house_done(house *h)
{
    static const char *const files[] = { "secret", "value" };
    char path[80];

    vd_alerts_free(h->alerts);
    vd_config_free(h->text);
    for (unsigned i = 0; h->dir[0] && i < VD_COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", h->dir, files[i]);
        unlink(path);
    }
    if (h->dir[0]) expect_i64(rmdir(h->dir), 0);
}
VD_AUTO_DEFINE(house, house_done)

static void house_open(house *h)
{
    *h = (house){ .dir = "/tmp/vedette-alerts-XXXXXX" };
    assert_non_null(mkdtemp(h->dir));
}

static vd_err house_read(house *h, vd_alert_list *list, vd_why *why)
{
    h->text = vd_config_free(h->text);
    expect_ok(vd_config_parse(vd_slice_str(h->yaml), "agent.yaml", &h->text, why));
    return vd_alerts_read(vd_config_root(h->text), list, why);
}

static void house_start(house *h)
{
    vd_alert_list list;
    expect_ok(house_read(h, &list, NULL));
    expect_ok(vd_alerts_start(&list, "yard", &h->alerts, NULL));
}

static vd_event event_of(const char *camera, const char *severity, uint64_t revision)
{
    static const vd_event_box box = { .box = { .1f, .1f, .2f, .2f },
                                      .score = 1,
                                      .class_name = "person" };
    vd_event e = { .revision = revision,
                   .phase = revision == 1 ? "start" : "end",
                   .device = "yard",
                   .camera = camera,
                   .kind = "zone",
                   .severity = severity,
                   .rule_id = "yard-person",
                   .rule_version = "0123456789abcdef",
                   .zone = "yard",
                   .start_utc_us = 1700000000000000,
                   .update_utc_us = 1700000000000000,
                   .time_source = "arrival",
                   .track = 1,
                   .score = 0.5,
                   .class_name = "person",
                   .model_name = "m",
                   .box_count = 1,
                   .boxes = &box };
    e.id = vd_ulid_new();
    e.model_digest = vd_sha256(VD_STR("m"));
    return e;
}

static vd_alert_status status_of(house *h, unsigned index)
{
    vd_alert_status status;
    vd_alerts_get_status(h->alerts, index, &status);
    return status;
}

/* Until a figure has come: it changes on another thread. */
static void wait_for(house *h, unsigned index, bool (*there)(const vd_alert_status *))
{
    for (;;) {
        vd_alert_status status = status_of(h, index);
        if (there(&status)) return;
        usleep(1000);
    }
}

static bool one_sent(const vd_alert_status *s)
{
    return s->sent == 1;
}
static bool one_dropped(const vd_alert_status *s)
{
    return s->dropped == 1;
}
static bool is_on(const vd_alert_status *s)
{
    return s->on;
}
static bool is_off_again(const vd_alert_status *s)
{
    return s->sent >= 1 && !s->on;
}

// covers: AGT-1
VD_TEST(webhook_tells_the_beginning_signed_and_what_is_refused_for_good_is_not_repeated)
{
    VD_AUTO(server) web = { .status = { 200, 404 } };
    VD_AUTO(house) h = { 0 };
    VD_AUTO(vd_buf) signature = VD_BUF(200);
    vd_event first = event_of("gate", "high", 1), second = event_of("gate", "critical", 1);
    vd_event end = event_of("gate", "high", 2), low = event_of("gate", "low", 1);
    char path[64];
    server_open(&web);
    house_open(&h);
    snprintf(path, sizeof path, "%s/secret", h.dir);
    expect_ok(vd_file_save(path, 0600, VD_STR("hunter2\n"), NULL));
    snprintf(h.yaml, sizeof h.yaml,
             "[{id: desk, webhook: 'http://127.0.0.1:%u/in', severity: high, secret_file: %s}]",
             server_port(&web), path);
    house_start(&h);

    vd_alerts_event(h.alerts, &low);
    vd_alerts_event(h.alerts, &end);
    vd_alerts_event(h.alerts, &first);
    wait_for(&h, 0, one_sent);
    assert_non_null(strstr(web.body[0].data, "\"type\":\"event.start\""));
    assert_non_null(strstr(web.body[0].data, first.id.text));
    int64_t when = strtoll(web.signature[0] + 2, NULL, 10);
    expect_ok(vd_webhook_sign("hunter2", when, vd_buf_slice(&web.body[0]), &signature));
    expect_str(web.signature[0], signature.data);

    vd_alerts_event(h.alerts, &second);
    wait_for(&h, 0, one_dropped);
    expect_u64(web.posts, 2);
    expect_u64(status_of(&h, 0).failed, 1);
    assert_non_null(strstr(status_of(&h, 0).why.fact, "404"));
}

// covers: AGT-1
VD_TEST(webhook_that_is_away_is_tried_again_until_it_is_back)
{
    VD_AUTO(server) web = { .status = { 503, 200 } };
    VD_AUTO(house) h = { 0 };
    vd_event event = event_of("gate", "info", 1);
    server_open(&web);
    house_open(&h);
    snprintf(h.yaml, sizeof h.yaml, "[{id: desk, webhook: 'http://127.0.0.1:%u/in', when: all}]",
             server_port(&web));
    house_start(&h);
    vd_alerts_event(h.alerts, &event);
    wait_for(&h, 0, one_sent);
    expect_u64(web.posts, 2);
    expect_u64(status_of(&h, 0).failed, 1);
    expect_u64(status_of(&h, 0).dropped, 0);
    expect_str(status_of(&h, 0).why.fact, "");
    expect_true(strcmp(web.body[0].data, web.body[1].data) == 0);
}

// covers: AGT-1
VD_TEST(output_is_on_for_its_time_and_off_before_and_after)
{
    VD_AUTO(house) h = { 0 };
    VD_AUTO(vd_buf) text = VD_BUF(16);
    char path[64];
    vd_event other = event_of("roof", "critical", 1), event = event_of("gate", "low", 1);
    house_open(&h);
    snprintf(path, sizeof path, "%s/value", h.dir);
    expect_ok(vd_file_save(path, 0600, VD_STR("left on"), NULL));
    snprintf(h.yaml, sizeof h.yaml,
             "[{id: siren, output: %s, cameras: [gate], hold: 250ms, on: 'high', off: 'low'}]",
             path);
    house_start(&h);
    vd_alerts_event(h.alerts, &other);
    vd_alerts_event(h.alerts, &event);
    wait_for(&h, 0, is_on);
    wait_for(&h, 0, is_off_again);
    expect_ok(vd_file_load(path, &text, NULL));
    expect_str(text.data, "low");
    expect_u64(status_of(&h, 0).sent, 1);
}

// covers: AGT-1
VD_TEST(agent_that_ends_leaves_its_output_off)
{
    VD_AUTO(house) h = { 0 };
    VD_AUTO(vd_buf) text = VD_BUF(16);
    char path[64];
    vd_event event = event_of("gate", "low", 1);
    house_open(&h);
    snprintf(path, sizeof path, "%s/value", h.dir);
    snprintf(h.yaml, sizeof h.yaml, "[{id: siren, output: %s, hold: 1h}]", path);
    house_start(&h);
    vd_alerts_event(h.alerts, &event);
    wait_for(&h, 0, is_on);
    expect_ok(vd_file_load(path, &text, NULL));
    expect_str(text.data, "1");
    h.alerts = vd_alerts_free(h.alerts);
    vd_buf_clear(&text);
    expect_ok(vd_file_load(path, &text, NULL));
    expect_str(text.data, "0");
}

VD_TEST(output_that_cannot_be_written_says_why)
{
    VD_AUTO(house) h = { 0 };
    vd_event event = event_of("gate", "low", 1);
    house_open(&h);
    snprintf(h.yaml, sizeof h.yaml, "[{id: siren, output: %s/none/value}]", h.dir);
    house_start(&h);
    vd_alerts_event(h.alerts, &event);
    for (vd_alert_status s = status_of(&h, 0); s.failed < 1; s = status_of(&h, 0)) usleep(1000);
    assert_non_null(strstr(status_of(&h, 0).why.fact, "cannot be opened"));
}

VD_TEST(topic_takes_what_the_event_says_and_nothing_that_would_be_a_filter)
{
    vd_event event = event_of("gate", "high", 1);
    char topic[ALERT_TOPIC_ROOM];
    event.rule_id = "a/b+c#d";
    expect_true(topic_make("site/{device}/{camera}/{rule}/{severity}", "yard", &event, topic));
    expect_str(topic, "site/yard/gate/a_b_c_d/high");
    expect_false(topic_make("site/{site}", "yard", &event, topic));
    expect_true(topic_make("plain", "yard", &event, topic));
    expect_str(topic, "plain");
}

// covers: AGT-1
VD_TEST(wrong_alert_is_refused_with_its_line)
{
    static const char *const bad[] = {
        "[{webhook: 'http://h/'}]",
        "[{id: a}]",
        "[{id: a, webhook: 'http://h/', output: x}]",
        "[{id: a, webhook: 'ftp://h/'}]",
        "[{id: a, webhook: 'http://me:hunter2@h/'}]",
        "[{id: a, mqtt: 'tcp://h'}]",
        "[{id: a, mqtt: 'mqtt://h:0'}]",
        "[{id: a, mqtt: 'mqtt://me:hunter2@h'}]",
        "[{id: a, mqtt: 'mqtt://h', topic: 'a/+/b'}]",
        "[{id: a, mqtt: 'mqtt://h', topic: 'a/{hour}'}]",
        "[{id: a, output: x, severity: loud}]",
        "[{id: a, output: x, sirens: 2}]",
        "[{id: a, output: x}, {id: a, output: y}]",
        "{id: a, output: x}",
    };
    vd_alert_list list;

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(house) h = { 0 };
        vd_why why = { 0 };
        char line[1024];
        snprintf(h.yaml, sizeof h.yaml, "%s", bad[i]);
        expect_err(house_read(&h, &list, &why), VD_INVALID);
        assert_non_null(strstr(why.detail, "line 1"));
        assert_null(strstr(vd_why_line(&why, line, sizeof line), "hunter2"));
    }
}

VD_TEST(broker_address_says_host_port_and_tls)
{
    VD_AUTO(house) h = { 0 };
    vd_alert_list list;
    snprintf(h.yaml, sizeof h.yaml,
             "[{id: a, mqtt: 'mqtt://plc'}, {id: b, mqtt: 'mqtts://plc:99', rules: [r, s]}]");
    expect_ok(house_read(&h, &list, NULL));
    expect_str(list.alert[0].host, "plc");
    expect_i64(list.alert[0].port, 1883);
    expect_i64(list.alert[1].port, 99);
    expect_true(list.alert[1].tls);
    expect_u64(list.alert[1].rules.count, 2);
    expect_str(list.alert[0].topic, "vedette/{device}/{camera}/{rule}");
}

VD_TEST_MAIN(
    VD_RUN(webhook_tells_the_beginning_signed_and_what_is_refused_for_good_is_not_repeated),
    VD_RUN(webhook_that_is_away_is_tried_again_until_it_is_back),
    VD_RUN(output_is_on_for_its_time_and_off_before_and_after),
    VD_RUN(agent_that_ends_leaves_its_output_off), VD_RUN(output_that_cannot_be_written_says_why),
    VD_RUN(topic_takes_what_the_event_says_and_nothing_that_would_be_a_filter),
    VD_RUN(wrong_alert_is_refused_with_its_line), VD_RUN(broker_address_says_host_port_and_tls))
