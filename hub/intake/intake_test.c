#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "testing.h"
#include "vd/blob.h"
#include "vd/test.h"

static test_hub hub;

static int start(void **state)
{
    vd_intake_device made;
    (void)state;
    hub = (test_hub){ 0 };
    test_hub_start(&hub);
    expect_ok(vd_intake_device_create(hub.intake, "cam-1", &made, NULL));
    expect_true(made.enabled && !made.connected && made.created_utc_us > 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_hub_remove(&hub);
    return 0;
}

static vd_mqtt_packet received(test_device *device, vd_mqtt_type type)
{
    vd_mqtt_packet packet = { 0 };
    expect_true(test_device_receive(device, &packet));
    expect_i64(packet.type, type);
    return packet;
}

static void expect_closed(test_device *device)
{
    vd_mqtt_packet packet;
    expect_false(test_device_receive(device, &packet));
}

static void expect_text(vd_slice have, const char *want)
{
    char text[2000];
    expect_true(vd_slice_to_chars(have, text, sizeof(text)));
    expect_str(text, want);
}

#define EVENTS "devices/cam-1/messages/events/"

static void write_event(vd_buf *into, const char *id, const char *device)
{
    vd_event event = { .revision = 1,
                       .phase = "start",
                       .device = device,
                       .camera = "gate",
                       .kind = "zone",
                       .severity = "high",
                       .rule_id = "r",
                       .rule_version = "1",
                       .zone = "z",
                       .start_utc_us = 1,
                       .update_utc_us = 1,
                       .class_name = "person",
                       .model_name = "m",
                       .model_digest = vd_sha256(VD_STR("m")) };
    snprintf(event.id.text, sizeof(event.id.text), "%s", id);
    expect_ok(vd_event_write(&event, into));
}

#define EVENT_ID    "01JD7Z0000000000000000000A"
#define EVENT_TOPIC EVENTS "type=event&%24.ct=application%2Fjson&%24.mid=" EVENT_ID "-1"

/* ---- identities and connecting ---- */

/* covers: HUB-1 */
VD_TEST(a_device_is_created_listed_disabled_and_deleted)
{
    vd_intake_device made, list[4];
    size_t count = 0;
    expect_err(vd_intake_device_create(hub.intake, "cam-1", &made, NULL), VD_CONFLICT);
    expect_err(vd_intake_device_create(hub.intake, "cam 1", &made, NULL), VD_INVALID);
    expect_ok(vd_intake_device_create(hub.intake, "cam-2", &made, NULL));
    expect_ok(vd_intake_device_list(hub.intake, NULL, list, 4, &count, NULL));
    expect_u64(count, 2);
    expect_str(list[1].id, "cam-2");
    expect_ok(vd_intake_device_list(hub.intake, "cam-1", list, 4, &count, NULL));
    expect_u64(count, 1);
    expect_ok(vd_intake_device_enable(hub.intake, "cam-2", false, &made, NULL));
    expect_false(made.enabled);
    expect_ok(vd_intake_device_delete(hub.intake, "cam-2", NULL));
    expect_err(vd_intake_device_get(hub.intake, "cam-2", &made, NULL), VD_ABSENT);
    expect_err(vd_intake_device_delete(hub.intake, "cam-2", NULL), VD_ABSENT);
}

VD_TEST(keys_are_not_in_the_store_in_clear)
{
    VD_AUTO(vd_buf) text = VD_BUF(1000), file = VD_BUF(1 << 24);
    vd_connection_string string;
    char path[128];
    expect_ok(vd_intake_connection_string(hub.intake, "cam-1", &text, NULL));
    expect_ok(vd_connection_string_parse(vd_buf_slice(&text), &string, NULL));
    const char *ends[] = { "", "-wal" };
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s%s", hub.store_path, ends[i]);
        FILE *f = fopen(path, "rb");
        expect_true(f != NULL);
        char bytes[4096];
        for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
            expect_true(vd_buf_add(&file, vd_slice_of(bytes, n)));
        }
        fclose(f);
    }
    expect_true(memmem(file.data, file.len, "cam-1", 5) != NULL);
    expect_true(memmem(file.data, file.len, string.key, strlen(string.key)) == NULL);
}

VD_TEST(a_device_with_its_own_token_connects)
{
    test_device device;
    vd_intake_device seen;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_ok(vd_intake_device_get(hub.intake, "cam-1", &seen, NULL));
    expect_true(seen.connected && seen.last_seen_utc_us > 0);
    test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_PINGREQ });
    received(&device, VD_MQTT_PINGRESP);
    test_device_close(&device);
}

/* covers: HUB-1 */
VD_TEST(wrong_keys_ended_tokens_and_disabled_devices_are_refused)
{
    vd_intake_device other;
    test_device device;
    char wrong[1024], mine[1024], service[1024];
    expect_ok(vd_intake_device_create(hub.intake, "cam-2", &other, NULL));
    snprintf(mine, sizeof(mine), "%s", test_token(&hub, "cam-2", 3600));
    snprintf(wrong, sizeof(wrong), "%s", test_token(&hub, "cam-1", 3600));
    char *sig = strstr(wrong, "&sig=");
    sig[5] = sig[5] == 'A' ? 'B' : 'A';
    snprintf(service, sizeof(service), "%s&skn=nobody", test_token(&hub, "cam-1", 3600));
    const char *tokens[] = { wrong, mine, service, "", "SharedAccessSignature sr=x" };
    for (size_t i = 0; i < VD_COUNT_OF(tokens); i++) {
        test_device_open(&device, &hub);
        expect_i64(test_device_connect_with(&device, "cam-1", tokens[i], 60),
                   VD_MQTT_NOT_AUTHORIZED);
        expect_closed(&device);
        test_device_close(&device);
    }
    test_device_open(&device, &hub);
    const char *ended = test_token(&hub, "cam-1", -1);
    expect_i64(test_device_connect_with(&device, "cam-1", ended, 60), VD_MQTT_NOT_AUTHORIZED);
    test_device_close(&device);
    expect_ok(vd_intake_device_enable(hub.intake, "cam-1", false, &other, NULL));
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_NOT_AUTHORIZED);
    test_device_close(&device);
    expect_u64(vd_intake_count(hub.intake).connects_refused, 7);
}

VD_TEST(disabling_and_deleting_close_the_connection)
{
    vd_intake_device made;
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_ok(vd_intake_device_enable(hub.intake, "cam-1", false, &made, NULL));
    expect_closed(&device);
    test_device_close(&device);
    expect_ok(vd_intake_device_enable(hub.intake, "cam-1", true, &made, NULL));
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_ok(vd_intake_device_delete(hub.intake, "cam-1", NULL));
    expect_closed(&device);
    test_device_close(&device);
}

VD_TEST(a_new_connection_closes_the_old_one)
{
    test_device old, new;
    expect_i64(test_device_connect(&old, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_i64(test_device_connect(&new, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_closed(&old);
    test_device_send(&new, &(vd_mqtt_packet){ .type = VD_MQTT_PINGREQ });
    received(&new, VD_MQTT_PINGRESP);
    test_device_close(&old);
    test_device_close(&new);
}

VD_TEST(a_token_that_ends_closes_the_connection)
{
    test_device device;
    test_device_open(&device, &hub);
    const char *token = test_token(&hub, "cam-1", 2);
    expect_i64(test_device_connect_with(&device, "cam-1", token, 60), VD_MQTT_ACCEPTED);
    expect_closed(&device);
    test_device_close(&device);
}

VD_TEST(a_silent_device_is_closed_after_its_keep_alive)
{
    test_device device;
    test_device_open(&device, &hub);
    const char *token = test_token(&hub, "cam-1", 3600);
    expect_i64(test_device_connect_with(&device, "cam-1", token, 1), VD_MQTT_ACCEPTED);
    expect_closed(&device);
    test_device_close(&device);
}

VD_TEST(client_id_and_user_name_must_agree)
{
    test_device device;
    vd_mqtt_packet answer;
    const char *token = test_token(&hub, "cam-1", 3600);
    vd_mqtt_packet packet = { .type = VD_MQTT_CONNECT,
                              .client_id = VD_STR("cam-2"),
                              .has_user = true,
                              .user = VD_STR("localhost/cam-1/?api-version=2021-04-12"),
                              .has_password = true,
                              .password = vd_slice_str(token) };
    test_device_open(&device, &hub);
    test_device_send(&device, &packet);
    answer = received(&device, VD_MQTT_CONNACK);
    expect_i64(answer.answer, VD_MQTT_BAD_USER);
    expect_closed(&device);
    test_device_close(&device);
}

VD_TEST(an_http_caller_is_known_by_its_token)
{
    vd_intake_caller caller;
    VD_AUTO(vd_buf) text = VD_BUF(1000), token = VD_BUF(1000);
    vd_connection_string string;
    expect_ok(vd_intake_check_sas(hub.intake, test_token(&hub, "cam-1", 60), &caller, NULL));
    expect_str(caller.device, "cam-1");
    expect_str(caller.policy, "");
    expect_ok(vd_intake_service_connection_string(hub.intake, &text, NULL));
    expect_ok(vd_connection_string_parse(vd_buf_slice(&text), &string, NULL));
    expect_ok(
        vd_sas_make("localhost", vd_slice_str(string.key), "iothubowner", 32503680000, &token));
    expect_ok(vd_intake_check_sas(hub.intake, token.data, &caller, NULL));
    expect_str(caller.policy, "iothubowner");
    expect_str(caller.device, "");
    vd_buf_clear(&token);
    expect_ok(vd_sas_make("localhost", VD_STR("AAAA"), "iothubowner", 32503680000, &token));
    expect_err(vd_intake_check_sas(hub.intake, token.data, &caller, NULL), VD_DENIED);
    expect_err(vd_intake_check_sas(hub.intake, "", &caller, NULL), VD_DENIED);
}

/* ---- messages ---- */

static sem_t held, go_on;

static vd_err hold(vd_store *store, void *arg, vd_why *why)
{
    (void)store, (void)arg, (void)why;
    sem_post(&held);
    sem_wait(&go_on);
    return VD_OK;
}

/* covers: HUB-1 */
VD_TEST(puback_never_precedes_the_commit)
{
    test_device device;
    sem_init(&held, 0, 0);
    sem_init(&go_on, 0, 0);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_ok(vd_committer_post(hub.committer, hold, NULL, NULL));
    sem_wait(&held);
    test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, 7);
    expect_true(test_device_is_quiet(&device, 300));
    expect_i64(test_hub_rows(&hub, "message"), 0);
    sem_post(&go_on);
    expect_u64(received(&device, VD_MQTT_PUBACK).id, 7);
    expect_i64(test_hub_rows(&hub, "message"), 1);
    test_device_close(&device);
}

VD_TEST(a_message_id_that_comes_again_changes_nothing)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    for (uint16_t i = 1; i <= 3; i++) {
        test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, i);
        expect_u64(received(&device, VD_MQTT_PUBACK).id, i);
    }
    expect_i64(test_hub_rows(&hub, "message"), 1);
    expect_u64(vd_intake_count(hub.intake).duplicates, 2);
    test_device_close(&device);
}

VD_TEST(pubacks_keep_the_order_also_around_a_refused_event)
{
    test_device device;
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    write_event(&body, EVENT_ID, "cam-1");
    hub.event_answer = VD_INVALID;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    for (uint16_t i = 1; i <= 40; i++) {
        bool event = i % 5 == 0;
        test_device_publish(&device, event ? EVENT_TOPIC : EVENTS, vd_buf_slice(&body), 1, i);
    }
    for (uint16_t i = 1; i <= 40; i++) expect_u64(received(&device, VD_MQTT_PUBACK).id, i);
    expect_i64(test_hub_rows(&hub, "message"), 32);
    expect_i64(test_hub_rows(&hub, "refused"), 8);
    test_device_close(&device);
}

/* covers: HUB-2 */
VD_TEST(an_event_goes_to_the_hook_and_not_to_the_messages)
{
    test_device device;
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    write_event(&body, EVENT_ID, "cam-1");
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENT_TOPIC, vd_buf_slice(&body), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    expect_u64(hub.events_seen, 1);
    expect_str(hub.last_event, EVENT_ID);
    expect_i64(test_hub_rows(&hub, "message"), 0);
    expect_u64(vd_intake_count(hub.intake).events, 1);
    test_device_close(&device);
}

VD_TEST(a_malformed_event_is_set_aside_and_answered)
{
    test_device device;
    VD_AUTO(vd_buf) foreign = VD_BUF(65536);
    write_event(&foreign, EVENT_ID, "cam-9");
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENT_TOPIC, VD_STR("{\"id\":"), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    test_device_publish(&device, EVENT_TOPIC, vd_buf_slice(&foreign), 1, 2);
    received(&device, VD_MQTT_PUBACK);
    test_device_publish(&device, EVENTS "a=%GG", VD_STR("x"), 1, 3);
    received(&device, VD_MQTT_PUBACK);
    expect_i64(test_hub_rows(&hub, "refused"), 3);
    expect_u64(hub.events_seen, 0);
    expect_u64(vd_intake_count(hub.intake).refused, 3);
    test_device_close(&device);
}

VD_TEST(an_event_the_hub_cannot_store_is_not_answered)
{
    test_device device;
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    write_event(&body, EVENT_ID, "cam-1");
    hub.event_answer = VD_FULL;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENT_TOPIC, vd_buf_slice(&body), 1, 1);
    expect_closed(&device);
    expect_i64(test_hub_rows(&hub, "refused"), 0);
    test_device_close(&device);
}

VD_TEST(a_restarted_hub_takes_a_message_again_once)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    test_device_close(&device);
    test_hub_stop(&hub);
    test_hub_start(&hub);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    expect_i64(test_hub_rows(&hub, "message"), 1);
    test_device_close(&device);
}

VD_TEST(what_the_dialect_forbids_closes_the_connection)
{
    static const char *const topics[] = { "devices/cam-2/messages/events/", "a/b", "$iothub/x",
                                          "devices/cam-1/messages/devicebound/" };
    test_device device;
    for (size_t i = 0; i < VD_COUNT_OF(topics); i++) {
        expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
        test_device_publish(&device, topics[i], VD_STR("x"), 1, 1);
        expect_closed(&device);
        test_device_close(&device);
    }
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS, VD_STR("x"), 2, 1);
    expect_closed(&device);
    test_device_close(&device);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS "\xff", VD_STR("x"), 1, 1);
    expect_closed(&device);
    test_device_close(&device);
    expect_i64(test_hub_rows(&hub, "message"), 0);
}

VD_TEST(a_message_of_256_kb_is_taken_and_one_of_300_kb_is_not)
{
    test_device device;
    char *big = calloc(1, 300000);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS, vd_slice_of(big, 262144), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    test_device_publish(&device, EVENTS, vd_slice_of(big, 300000), 1, 2);
    expect_closed(&device);
    test_device_close(&device);
    expect_i64(test_hub_rows(&hub, "message"), 1);
    free(big);
}

VD_TEST(many_messages_without_waiting_all_arrive)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    for (uint16_t i = 1; i <= 1000; i++) test_device_publish(&device, EVENTS, VD_STR("x"), 1, i);
    for (uint16_t i = 1; i <= 1000; i++) expect_u64(received(&device, VD_MQTT_PUBACK).id, i);
    expect_i64(test_hub_rows(&hub, "message"), 1000);
    test_device_close(&device);
}

VD_TEST(a_broken_connection_leaves_its_will_and_a_goodbye_does_not)
{
    test_device device;
    vd_mqtt_packet packet = { .type = VD_MQTT_CONNECT,
                              .client_id = VD_STR("cam-1"),
                              .has_user = true,
                              .user = VD_STR("localhost/cam-1/?api-version=2021-04-12"),
                              .has_password = true,
                              .has_will = true,
                              .topic = VD_STR("devices/cam-1/messages/events/"),
                              .payload = VD_STR("gone") };
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        packet.password = vd_slice_str(test_token(&hub, "cam-1", 60));
        test_device_open(&device, &hub);
        test_device_send(&device, &packet);
        received(&device, VD_MQTT_CONNACK);
        if (goodbye) test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_DISCONNECT });
        if (goodbye) expect_closed(&device);
        test_device_close(&device);
        vd_intake_device seen = { .connected = true };
        while (seen.connected) expect_ok(vd_intake_device_get(hub.intake, "cam-1", &seen, NULL));
    }
    test_hub_stop(&hub);
    expect_i64(test_hub_rows(&hub, "will"), 1);
    test_hub_start(&hub);
}

VD_TEST(the_retain_flag_becomes_a_property)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_PUBLISH,
                                                 .topic = VD_STR(EVENTS "a=b"),
                                                 .qos = 1,
                                                 .id = 1,
                                                 .retain = true });
    received(&device, VD_MQTT_PUBACK);
    expect_i64(test_hub_rows(&hub, "retain"), 1);
    test_device_close(&device);
}

VD_TEST(the_clock_a_device_tells_becomes_its_skew)
{
    test_device device;
    vd_intake_device seen;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS "clock=1970-01-01T00%3A00%3A00Z", VD_STR("x"), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_PINGREQ });
    received(&device, VD_MQTT_PINGRESP);
    expect_ok(vd_intake_device_get(hub.intake, "cam-1", &seen, NULL));
    expect_true(seen.clock_known && seen.clock_skew_ms < -1000000000);
    test_device_close(&device);
}

/* ---- twins, methods, cloud to device ---- */

/* covers: HUB-1 */
VD_TEST(a_device_reads_and_reports_its_twin)
{
    test_device device;
    VD_AUTO(vd_buf) twin = VD_BUF(1 << 20);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/twin/res/#", 0);
    test_device_publish(&device, "$iothub/twin/PATCH/properties/reported/?$rid=1",
                        VD_STR("{\"a\":{\"b\":1,\"c\":2}}"), 0, 0);
    expect_text(received(&device, VD_MQTT_PUBLISH).topic,
                "$iothub/twin/res/204/?$rid=1&$version=2");
    test_device_publish(&device, "$iothub/twin/PATCH/properties/reported/?$rid=2",
                        VD_STR("{\"a\":{\"c\":null}}"), 1, 5);
    expect_text(received(&device, VD_MQTT_PUBLISH).topic,
                "$iothub/twin/res/204/?$rid=2&$version=3");
    expect_u64(received(&device, VD_MQTT_PUBACK).id, 5);
    test_device_publish(&device, "$iothub/twin/GET/?$rid=3", VD_SLICE_NONE, 0, 0);
    vd_mqtt_packet got = received(&device, VD_MQTT_PUBLISH);
    expect_text(got.topic, "$iothub/twin/res/200/?$rid=3");
    expect_text(got.payload,
                "{\"desired\":{\"$version\":1},\"reported\":{\"a\":{\"b\":1},\"$version\":3}}");
    expect_ok(vd_intake_twin_get(hub.intake, "cam-1", &twin, NULL));
    expect_true(strstr(twin.data, "\"b\":{\"$lastUpdated\":") != NULL);
    test_device_close(&device);
}

VD_TEST(a_report_that_breaks_the_rules_is_answered_with_its_status)
{
    test_device device;
    VD_AUTO(vd_buf) large = VD_BUF(100000);
    expect_true(vd_buf_add_str(&large, "{"));
    for (int i = 0; i < 12; i++) expect_true(vd_buf_addf(&large, "\"k%d\":\"%04000d\",", i, 0));
    expect_true(vd_buf_add_str(&large, "\"end\":1}"));
    const struct {
        const char *body, *status;
    } reports[] = {
        { "{\"a.b\":1}", "400" },
        { "{\"$version\":1}", "400" },
        { "[1]", "400" },
        { "{", "400" },
        { "{\"a\":4503599627370497}", "400" },
        { "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}"
          "}",
          "400" },
        { large.data, "413" },
        { "{\"fine\":4503599627370496}", "204" },
    };
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/twin/res/#", 0);
    for (size_t i = 0; i < VD_COUNT_OF(reports); i++) {
        test_device_publish(&device, "$iothub/twin/PATCH/properties/reported/?$rid=1",
                            vd_slice_str(reports[i].body), 0, 0);
        char topic[100];
        vd_slice_to_chars(received(&device, VD_MQTT_PUBLISH).topic, topic, sizeof(topic));
        expect_true(strncmp(topic + strlen("$iothub/twin/res/"), reports[i].status, 3) == 0);
    }
    test_device_close(&device);
}

VD_TEST(a_desired_patch_reaches_the_device_and_an_old_etag_is_refused)
{
    test_device device;
    VD_AUTO(vd_buf) twin = VD_BUF(1 << 20);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/twin/PATCH/properties/desired/#", 0);
    vd_slice patch = VD_STR("{\"properties\":{\"desired\":{\"fps\":5}},\"tags\":{\"site\":\"n\"}}");
    expect_ok(vd_intake_twin_patch(hub.intake, "cam-1", patch, "\"1\"", &twin, NULL));
    vd_mqtt_packet got = received(&device, VD_MQTT_PUBLISH);
    expect_text(got.topic, "$iothub/twin/PATCH/properties/desired/?$version=2");
    expect_text(got.payload, "{\"fps\":5,\"$version\":2}");
    expect_true(strstr(twin.data, "\"tags\":{\"site\":\"n\"}") != NULL);
    expect_err(vd_intake_twin_patch(hub.intake, "cam-1", patch, "\"1\"", NULL, NULL), VD_CONFLICT);
    expect_err(vd_intake_twin_patch(hub.intake, "cam-9", patch, NULL, NULL, NULL), VD_ABSENT);
    expect_err(vd_intake_twin_patch(hub.intake, "cam-1", VD_STR("{\"tags\":{\"a b\":1}}"), NULL,
                                    NULL, NULL),
               VD_INVALID);
    test_device_close(&device);
}

typedef struct {
    vd_err err;
    int status;
    vd_buf payload;
} call;

static void *call_reboot(void *arg)
{
    call *c = arg;
    c->payload = VD_BUF(1000);
    c->err = vd_intake_method_call(hub.intake, "cam-1", "reboot", VD_STR("{\"in\":5}"), 30,
                                   &c->status, &c->payload, NULL);
    return NULL;
}

/* covers: HUB-1 */
VD_TEST(a_direct_method_returns_what_the_device_answers)
{
    test_device device;
    call c = { .err = VD_IO };
    pthread_t thread;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/methods/POST/#", 0);
    pthread_create(&thread, NULL, call_reboot, &c);
    vd_mqtt_packet got = received(&device, VD_MQTT_PUBLISH);
    vd_topic topic;
    expect_true(vd_topic_parse(got.topic, &topic));
    expect_text(topic.name, "reboot");
    expect_text(got.payload, "{\"in\":5}");
    VD_AUTO(vd_buf) answer = VD_BUF(200);
    vd_topic back = { .kind = VD_TOPIC_METHOD_RESULT, .status = 207, .rid = topic.rid };
    expect_true(vd_topic_write(&back, &answer));
    test_device_publish(&device, answer.data, VD_STR("{\"ok\":true}"), 0, 0);
    pthread_join(thread, NULL);
    expect_ok(c.err);
    expect_i64(c.status, 207);
    expect_str(c.payload.data, "{\"ok\":true}");
    vd_buf_done(&c.payload);
    test_device_close(&device);
}

VD_TEST(a_method_for_a_device_that_is_away_or_leaves_fails_at_once)
{
    test_device device;
    call c = { .err = VD_OK };
    pthread_t thread;
    call_reboot(&c);
    expect_err(c.err, VD_GONE);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/methods/POST/#", 0);
    pthread_create(&thread, NULL, call_reboot, &c);
    received(&device, VD_MQTT_PUBLISH);
    test_device_close(&device);
    pthread_join(thread, NULL);
    expect_err(c.err, VD_GONE);
    int status;
    expect_err(vd_intake_method_call(hub.intake, "cam-9", "x", VD_SLICE_NONE, 1, &status,
                                     &c.payload, NULL),
               VD_ABSENT);
}

VD_TEST(a_method_without_an_answer_ends_in_time)
{
    test_device device;
    VD_AUTO(vd_buf) payload = VD_BUF(100);
    int status = 0;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/methods/POST/#", 0);
    expect_err(vd_intake_method_call(hub.intake, "cam-1", "slow", VD_SLICE_NONE, 1, &status,
                                     &payload, NULL),
               VD_RETRY);
    test_device_close(&device);
}

/* covers: HUB-1 */
VD_TEST(messages_wait_for_the_device_and_go_again_until_answered)
{
    test_device device;
    vd_ulid first, second;
    VD_AUTO(vd_json_ptr) properties = NULL;
    expect_ok(vd_json_parse(VD_STR("{\"k\":\"v w\"}"), 100, 4, &properties, NULL));
    expect_ok(
        vd_intake_message_send(hub.intake, "cam-1", VD_STR("one"), properties, 60, &first, NULL));
    expect_ok(vd_intake_message_send(hub.intake, "cam-1", VD_STR("two"), NULL, 60, &second, NULL));
    for (int round = 0; round < 2; round++) {
        expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
        test_device_subscribe(&device, "devices/cam-1/messages/devicebound/#", 1);
        vd_mqtt_packet one = received(&device, VD_MQTT_PUBLISH);
        expect_text(one.payload, "one");
        char topic[400];
        vd_slice_to_chars(one.topic, topic, sizeof(topic));
        expect_true(strstr(topic, "k=v%20w") != NULL);
        expect_true(strstr(topic, first.text) != NULL);
        if (round == 1) {
            test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_PUBACK, .id = one.id });
        }
        expect_text(received(&device, VD_MQTT_PUBLISH).payload, "two");
        test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_DISCONNECT });
        expect_closed(&device);
        test_device_close(&device);
    }
    test_hub_stop(&hub);
    expect_i64(test_hub_rows(&hub, "devicebound"), 1);
    test_hub_start(&hub);
}

VD_TEST(a_device_has_at_most_50_waiting_messages_and_old_ones_expire)
{
    test_device device;
    vd_ulid id;
    for (int i = 0; i < 50; i++) {
        expect_ok(vd_intake_message_send(hub.intake, "cam-1", VD_STR("x"), NULL, 0, &id, NULL));
    }
    expect_err(vd_intake_message_send(hub.intake, "cam-1", VD_STR("x"), NULL, 60, &id, NULL),
               VD_FULL);
    expect_err(vd_intake_message_send(hub.intake, "cam-9", VD_STR("x"), NULL, 60, &id, NULL),
               VD_ABSENT);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "devices/cam-1/messages/devicebound/#", 1);
    expect_true(test_device_is_quiet(&device, 200));
    expect_i64(test_hub_rows(&hub, "devicebound"), 0);
    test_device_close(&device);
}

/* ---- life ---- */

VD_TEST(stopping_halfway_leaves_nothing_behind)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    for (uint16_t i = 1; i <= 200; i++) test_device_publish(&device, EVENTS, VD_STR("x"), 1, i);
    vd_intake_stop(hub.intake);
    vd_intake_join(hub.intake);
    int64_t kept = test_hub_rows(&hub, "message");
    vd_mqtt_packet packet;
    int64_t answered = 0;
    while (test_device_receive(&device, &packet)) answered++;
    expect_true(answered <= kept);
    test_device_close(&device);
}

VD_TEST(a_taken_port_is_told)
{
    vd_intake *second = NULL;
    vd_why why = { 0 };
    vd_intake_config config = { .store_path = hub.store_path,
                                .schema = &hub.schema,
                                .committer = hub.committer,
                                .secret = hub.secret,
                                .address = "127.0.0.1",
                                .port = vd_intake_port(hub.intake),
                                .host_name = "localhost",
                                .certificate_path = hub.tls.certificate,
                                .key_path = hub.tls.key };
    expect_ok(vd_intake_new(&config, &second, &why));
    expect_err(vd_intake_start(second, &why), VD_CONFLICT);
    expect_true(why.hint[0] != 0);
    vd_intake_free(second);
}

VD_TEST(certificates_stay_and_are_made_anew_for_a_new_name)
{
    static const char *const names[] = { "hub.example", "10.1.2.3", NULL };
    vd_tls_files files;
    char path[128];
    snprintf(path, sizeof(path), "%s/tls", hub.folder);
    vd_digest ca, server, again;
    expect_ok(vd_sha256_file(hub.tls.ca, &ca, NULL));
    expect_ok(vd_sha256_file(hub.tls.certificate, &server, NULL));
    expect_ok(vd_intake_tls_files(path, NULL, &files, NULL));
    expect_ok(vd_sha256_file(files.certificate, &again, NULL));
    expect_str(again.hex, server.hex);
    expect_ok(vd_intake_tls_files(path, names, &files, NULL));
    expect_ok(vd_sha256_file(files.certificate, &again, NULL));
    expect_true(strcmp(again.hex, server.hex) != 0);
    expect_ok(vd_sha256_file(files.ca, &again, NULL));
    expect_str(again.hex, ca.hex);
}

#define WITH_HUB(name) cmocka_unit_test_setup_teardown(name, start, stop)

VD_TEST_MAIN(WITH_HUB(a_device_is_created_listed_disabled_and_deleted),
             WITH_HUB(keys_are_not_in_the_store_in_clear),
             WITH_HUB(a_device_with_its_own_token_connects),
             WITH_HUB(wrong_keys_ended_tokens_and_disabled_devices_are_refused),
             WITH_HUB(disabling_and_deleting_close_the_connection),
             WITH_HUB(a_new_connection_closes_the_old_one),
             WITH_HUB(a_token_that_ends_closes_the_connection),
             WITH_HUB(a_silent_device_is_closed_after_its_keep_alive),
             WITH_HUB(client_id_and_user_name_must_agree),
             WITH_HUB(an_http_caller_is_known_by_its_token),
             WITH_HUB(puback_never_precedes_the_commit),
             WITH_HUB(a_message_id_that_comes_again_changes_nothing),
             WITH_HUB(pubacks_keep_the_order_also_around_a_refused_event),
             WITH_HUB(an_event_goes_to_the_hook_and_not_to_the_messages),
             WITH_HUB(a_malformed_event_is_set_aside_and_answered),
             WITH_HUB(an_event_the_hub_cannot_store_is_not_answered),
             WITH_HUB(a_restarted_hub_takes_a_message_again_once),
             WITH_HUB(what_the_dialect_forbids_closes_the_connection),
             WITH_HUB(a_message_of_256_kb_is_taken_and_one_of_300_kb_is_not),
             WITH_HUB(many_messages_without_waiting_all_arrive),
             WITH_HUB(a_broken_connection_leaves_its_will_and_a_goodbye_does_not),
             WITH_HUB(the_retain_flag_becomes_a_property),
             WITH_HUB(the_clock_a_device_tells_becomes_its_skew),
             WITH_HUB(a_device_reads_and_reports_its_twin),
             WITH_HUB(a_report_that_breaks_the_rules_is_answered_with_its_status),
             WITH_HUB(a_desired_patch_reaches_the_device_and_an_old_etag_is_refused),
             WITH_HUB(a_direct_method_returns_what_the_device_answers),
             WITH_HUB(a_method_for_a_device_that_is_away_or_leaves_fails_at_once),
             WITH_HUB(a_method_without_an_answer_ends_in_time),
             WITH_HUB(messages_wait_for_the_device_and_go_again_until_answered),
             WITH_HUB(a_device_has_at_most_50_waiting_messages_and_old_ones_expire),
             WITH_HUB(stopping_halfway_leaves_nothing_behind), WITH_HUB(a_taken_port_is_told),
             WITH_HUB(certificates_stay_and_are_made_anew_for_a_new_name))
