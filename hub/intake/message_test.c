#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "testing_priv.h"
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

static void *send_many(void *arg)
{
    static const char body[3000];
    for (uint16_t i = 1; i <= 1000; i++) {
        test_device_publish(arg, EVENTS, vd_slice_of(body, sizeof(body)), 1, i);
    }
    return NULL;
}

VD_TEST(a_disk_that_is_behind_stops_the_reading_and_loses_nothing)
{
    test_device device;
    pthread_t sender;
    sem_init(&held, 0, 0);
    sem_init(&go_on, 0, 0);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    expect_ok(vd_committer_post(hub.committer, hold, NULL, NULL));
    sem_wait(&held);
    pthread_create(&sender, NULL, send_many, &device);
    while (vd_intake_count(hub.intake).uncommitted < 128) sched_yield();
    expect_true(test_device_is_quiet(&device, 300));
    /* 128 of the connection, and what one read of 64 KB may still hold. */
    expect_true(vd_intake_count(hub.intake).uncommitted <= 128 + 22);
    sem_post(&go_on);
    pthread_join(sender, NULL);
    for (uint16_t i = 1; i <= 1000; i++) expect_u64(received(&device, VD_MQTT_PUBACK).id, i);
    expect_i64(test_hub_rows(&hub, "message"), 1000);
    test_device_close(&device);
}

/* No file may grow beyond 4 KB: the disk is full for everybody. */
static void fill_disk(bool full)
{
    static struct rlimit before;
    struct rlimit small = { 4096, RLIM_INFINITY };
    signal(SIGXFSZ, SIG_IGN);
    if (full) expect_i64(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    expect_i64(setrlimit(RLIMIT_FSIZE, full ? &small : &before), 0);
}

/* covers: HUB-1 */
VD_TEST(a_full_disk_answers_nothing_and_takes_the_message_when_there_is_room)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    fill_disk(true);
    test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, 1);
    expect_closed(&device);
    test_device_close(&device);
    fill_disk(false);
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_publish(&device, EVENTS "%24.mid=a", VD_STR("one"), 1, 1);
    expect_u64(received(&device, VD_MQTT_PUBACK).id, 1);
    expect_i64(test_hub_rows(&hub, "message"), 1);
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

VD_TEST(a_device_that_only_reports_tells_its_clock_too)
{
    test_device device;
    vd_intake_device seen;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    test_device_subscribe(&device, "$iothub/twin/res/#", 0);
    test_device_publish(&device,
                        "$iothub/twin/PATCH/properties/reported/?$rid=1&clock=1970-01-01T00:00:00Z",
                        VD_STR("{\"agent\":{}}"), 0, 0);
    received(&device, VD_MQTT_PUBLISH);
    test_device_send(&device, &(vd_mqtt_packet){ .type = VD_MQTT_PINGREQ });
    received(&device, VD_MQTT_PINGRESP);
    expect_ok(vd_intake_device_get(hub.intake, "cam-1", &seen, NULL));
    expect_true(seen.clock_known && seen.clock_skew_ms < -1000000000);
    test_device_close(&device);
}

#define NOTE_TOPIC EVENTS "type=sketch&%24.ct=application%2Fjson&%24.mid=n"

VD_TEST(a_note_goes_to_its_hook_and_what_is_not_taken_stays_a_message)
{
    test_device device;
    expect_i64(test_device_connect(&device, &hub, "cam-1"), VD_MQTT_ACCEPTED);
    hub.note_taken = true;
    test_device_publish(&device, NOTE_TOPIC "1", VD_STR("{}"), 1, 1);
    received(&device, VD_MQTT_PUBACK);
    expect_u64(hub.notes_seen, 1);
    expect_str(hub.last_note, "sketch");
    expect_i64(test_hub_rows(&hub, "message"), 0);

    hub.note_taken = false;
    test_device_publish(&device, NOTE_TOPIC "2", VD_STR("{}"), 1, 2);
    received(&device, VD_MQTT_PUBACK);
    expect_i64(test_hub_rows(&hub, "message"), 1);

    hub.event_answer = VD_INVALID;
    test_device_publish(&device, NOTE_TOPIC "3", VD_STR("not json"), 1, 3);
    received(&device, VD_MQTT_PUBACK);
    expect_i64(test_hub_rows(&hub, "refused"), 1);
    test_device_close(&device);
}

#define WITH_HUB(name) cmocka_unit_test_setup_teardown(name, start, stop)

VD_TEST_MAIN(WITH_HUB(puback_never_precedes_the_commit),
             WITH_HUB(a_message_id_that_comes_again_changes_nothing),
             WITH_HUB(pubacks_keep_the_order_also_around_a_refused_event),
             WITH_HUB(an_event_goes_to_the_hook_and_not_to_the_messages),
             WITH_HUB(a_malformed_event_is_set_aside_and_answered),
             WITH_HUB(an_event_the_hub_cannot_store_is_not_answered),
             WITH_HUB(a_restarted_hub_takes_a_message_again_once),
             WITH_HUB(what_the_dialect_forbids_closes_the_connection),
             WITH_HUB(a_message_of_256_kb_is_taken_and_one_of_300_kb_is_not),
             WITH_HUB(many_messages_without_waiting_all_arrive),
             WITH_HUB(a_disk_that_is_behind_stops_the_reading_and_loses_nothing),
             WITH_HUB(a_full_disk_answers_nothing_and_takes_the_message_when_there_is_room),
             WITH_HUB(a_broken_connection_leaves_its_will_and_a_goodbye_does_not),
             WITH_HUB(the_retain_flag_becomes_a_property),
             WITH_HUB(the_clock_a_device_tells_becomes_its_skew),
             WITH_HUB(a_device_that_only_reports_tells_its_clock_too),
             WITH_HUB(a_note_goes_to_its_hook_and_what_is_not_taken_stays_a_message))
