#include <stdlib.h>

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
             WITH_HUB(stopping_halfway_leaves_nothing_behind), WITH_HUB(a_taken_port_is_told),
             WITH_HUB(certificates_stay_and_are_made_anew_for_a_new_name))
