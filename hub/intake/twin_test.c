#include <pthread.h>
#include <stdlib.h>

#include "testing_priv.h"
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

#define WITH_HUB(name) cmocka_unit_test_setup_teardown(name, start, stop)

VD_TEST_MAIN(WITH_HUB(a_device_reads_and_reports_its_twin),
             WITH_HUB(a_report_that_breaks_the_rules_is_answered_with_its_status),
             WITH_HUB(a_desired_patch_reaches_the_device_and_an_old_etag_is_refused),
             WITH_HUB(a_direct_method_returns_what_the_device_answers),
             WITH_HUB(a_method_for_a_device_that_is_away_or_leaves_fails_at_once),
             WITH_HUB(a_method_without_an_answer_ends_in_time),
             WITH_HUB(messages_wait_for_the_device_and_go_again_until_answered),
             WITH_HUB(a_device_has_at_most_50_waiting_messages_and_old_ones_expire))
