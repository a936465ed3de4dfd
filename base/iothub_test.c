#include "vd/iothub.h"
#include "vd/test.h"

static void expect_slice(vd_slice have, const char *want)
{
    char text[5000];
    expect_true(vd_slice_to_chars(have, text, sizeof(text)));
    expect_str(text, want);
}

VD_TEST(device_ids_have_the_form_of_the_dialect)
{
    char long_id[130];
    memset(long_id, 'a', 129);
    expect_true(vd_iothub_id_ok(VD_STR("Yard-1._%#*?!(),:=@$'")));
    expect_true(vd_iothub_id_ok(vd_slice_of(long_id, 128)));
    expect_false(vd_iothub_id_ok(vd_slice_of(long_id, 129)));
    expect_false(vd_iothub_id_ok(VD_STR("")));
    expect_false(vd_iothub_id_ok(VD_STR("a b")));
    expect_false(vd_iothub_id_ok(VD_STR("a/b")));
    expect_false(vd_iothub_id_ok(VD_STR("a\0b")));
    expect_false(vd_iothub_id_ok(VD_STR("\xc3\xa9")));
}

VD_TEST(a_bag_is_decoded_and_written)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    VD_AUTO(vd_buf) out = VD_BUF(1000);
    vd_properties bag;
    expect_ok(vd_bag_parse(VD_STR("?%24.mid=a%20b&k=%C3%A9&flag&c+d=1"), arena, &bag, NULL));
    expect_u64(bag.count, 4);
    expect_str(vd_bag_get(&bag, "$.mid"), "a b");
    expect_str(vd_bag_get(&bag, "k"), "\xc3\xa9");
    expect_str(vd_bag_get(&bag, "flag"), "");
    expect_str(vd_bag_get(&bag, "c+d"), "1");
    expect_true(vd_bag_get(&bag, "none") == NULL);
    expect_true(vd_bag_add(&out, "$.mid", "a b") && vd_bag_add(&out, "k", "&=/"));
    expect_str(out.data, "%24.mid=a%20b&k=%26%3D%2F");
}

VD_TEST(malformed_bags_are_refused)
{
    static const char *const bad[] = { "a=%GG", "a=%", "=x", "a=1&a=2", "a=%ff", "a=%00" };
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    vd_properties bag;
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        expect_err(vd_bag_parse(vd_slice_str(bad[i]), arena, &bag, NULL), VD_INVALID);
    }
    VD_AUTO(vd_buf) many = VD_BUF(4096);
    for (int i = 0; i < 65; i++) expect_true(vd_buf_addf(&many, "k%d=1&", i));
    expect_err(vd_bag_parse(vd_buf_slice(&many), arena, &bag, NULL), VD_INVALID);
}

VD_TEST(every_topic_reads_back_as_it_was_written)
{
    static const struct {
        const char *text;
        vd_topic_kind kind;
    } topics[] = {
        { "devices/d1/messages/events/a=b", VD_TOPIC_EVENTS },
        { "devices/d1/modules/m1/messages/events/", VD_TOPIC_EVENTS },
        { "devices/d1/messages/devicebound/%24.to=x", VD_TOPIC_DEVICEBOUND },
        { "devices/d1/modules/m1/inputs/in/a=b", VD_TOPIC_MODULE_INPUT },
        { "$iothub/twin/GET/?$rid=1", VD_TOPIC_TWIN_GET },
        { "$iothub/twin/PATCH/properties/reported/?$rid=ab-c", VD_TOPIC_TWIN_REPORT },
        { "$iothub/twin/PATCH/properties/reported/?$rid=a&clock=2026-11-21T14:02:11Z",
          VD_TOPIC_TWIN_REPORT },
        { "$iothub/twin/res/204/?$rid=1&$version=7", VD_TOPIC_TWIN_RESULT },
        { "$iothub/twin/res/400/?$rid=1", VD_TOPIC_TWIN_RESULT },
        { "$iothub/twin/PATCH/properties/desired/?$version=3", VD_TOPIC_TWIN_DESIRED },
        { "$iothub/methods/POST/reboot/?$rid=9", VD_TOPIC_METHOD_CALL },
        { "$iothub/methods/res/200/?$rid=9", VD_TOPIC_METHOD_RESULT },
    };
    for (size_t i = 0; i < VD_COUNT_OF(topics); i++) {
        VD_AUTO(vd_buf) out = VD_BUF(1000);
        vd_topic topic;
        expect_true(vd_topic_parse(vd_slice_str(topics[i].text), &topic));
        expect_i64(topic.kind, topics[i].kind);
        expect_true(vd_topic_write(&topic, &out));
        expect_str(out.data, topics[i].text);
    }
}

VD_TEST(a_topic_without_the_closing_slash_is_taken_and_a_longer_word_is_not)
{
    vd_topic topic;
    expect_true(vd_topic_parse(VD_STR("devices/d1/messages/events"), &topic));
    expect_u64(topic.bag.len, 0);
    expect_false(vd_topic_parse(VD_STR("devices/d1/messages/eventsx"), &topic));
}

VD_TEST(what_is_no_topic_of_the_dialect_is_refused)
{
    static const char *const bad[] = {
        "",
        "a",
        "devices/",
        "devices/d 1/messages/events/",
        "devices//messages/events/",
        "devices/d1/messages/other/",
        "devices/d1/modules//messages/events/",
        "devices/d1/inputs/in/",
        "$iothub/",
        "$iothub/twin/res/abc/?$rid=1",
        "$iothub/twin/PATCH/properties/desired/?$version=-1",
        "$iothub/methods/POST//?$rid=1",
        "$iothub/twin/GET/?$rid="
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "devices/d1/messages/events/\xff",
    };
    vd_topic topic;
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        expect_false(vd_topic_parse(vd_slice_str(bad[i]), &topic));
    }
}

VD_TEST(a_device_may_subscribe_to_its_own_topics_only)
{
    vd_slice device = VD_STR("d1"), none = VD_SLICE_NONE, module = VD_STR("m1");
    for (int f = VD_FILTER_NONE + 1; f < VD_FILTER_COUNT; f++) {
        VD_AUTO(vd_buf) text = VD_BUF(200);
        vd_slice with = f == VD_FILTER_MODULE_INPUT ? module : none;
        expect_true(vd_filter_write((vd_filter)f, device, with, &text));
        expect_i64(vd_filter_parse(vd_buf_slice(&text), device, with), f);
    }
    expect_i64(vd_filter_parse(VD_STR("devices/d2/messages/devicebound/#"), device, none),
               VD_FILTER_NONE);
    expect_i64(vd_filter_parse(VD_STR("devices/d12/messages/devicebound/#"), device, none),
               VD_FILTER_NONE);
    expect_i64(vd_filter_parse(VD_STR("#"), device, none), VD_FILTER_NONE);
}

VD_TEST(user_names_name_host_device_and_module)
{
    vd_iothub_user user;
    expect_true(vd_iothub_user_parse(
        VD_STR("hub.example/d1/?api-version=2021-04-12&DeviceClientType=x%2F1"), &user));
    expect_slice(user.host, "hub.example");
    expect_slice(user.device, "d1");
    expect_slice(user.api_version, "2021-04-12");
    expect_true(vd_iothub_user_parse(VD_STR("h/d1/m1/api-version=2018"), &user));
    expect_slice(user.module, "m1");
    expect_false(vd_iothub_user_parse(VD_STR("h"), &user));
    expect_false(vd_iothub_user_parse(VD_STR("/d1/?api-version=1"), &user));
    VD_AUTO(vd_buf) text = VD_BUF(200);
    user = (vd_iothub_user){ .host = VD_STR("h"), .device = VD_STR("d1") };
    expect_true(vd_iothub_user_write(&user, &text));
    expect_str(text.data, "h/d1/?api-version=2021-04-12");
}

#define TOKEN_SIG "JvY2Cvr1Zq29p1BO2TZOxsh6IEcdF2xXOKjPgVd6kgs%3D"
#define TOKEN_OF  "SharedAccessSignature sr=hub.example%2Fdevices%2Fd1"
#define TOKEN     TOKEN_OF "&sig=" TOKEN_SIG "&se=1900000000"
#define KEY       "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1sb25nLWFiY2Q="

/* The signature was made with Python's hmac and base64 modules. */
VD_TEST(a_token_has_the_signature_other_implementations_make)
{
    VD_AUTO(vd_buf) token = VD_BUF(1000);
    expect_ok(vd_sas_make("hub.example/devices/d1", VD_STR(KEY), NULL, 1900000000, &token));
    expect_str(token.data, TOKEN);
}

VD_TEST(a_token_is_checked_by_key_and_device)
{
    VD_AUTO(vd_buf) token = VD_BUF(1000);
    vd_sas sas;
    expect_ok(vd_sas_make("h/devices/d1", VD_STR(KEY), "owner", 1900000000, &token));
    expect_true(vd_sas_parse(vd_buf_slice(&token), &sas));
    expect_str(sas.resource, "h/devices/d1");
    expect_str(sas.policy, "owner");
    expect_i64(sas.expires_s, 1900000000);
    expect_true(vd_sas_signed_by(&sas, VD_STR(KEY)));
    expect_false(vd_sas_signed_by(&sas, VD_STR("AAAA")));
    expect_false(vd_sas_signed_by(&sas, VD_STR("not base64")));
    expect_true(vd_sas_is_for_device(&sas, VD_STR("d1")));
    expect_false(vd_sas_is_for_device(&sas, VD_STR("d2")));
    sas.expires_s++;
    expect_false(vd_sas_signed_by(&sas, VD_STR(KEY)));
}

VD_TEST(malformed_tokens_are_refused)
{
    static const char *const bad[] = {
        "",
        "SharedAccessSignature ",
        "SharedAccessSignature sr=h&se=1",
        "SharedAccessSignature sr=h&sig=AAAA&se=1",
        "SharedAccessSignature sr=h&sig=" TOKEN_SIG "&se=x",
        "SharedAccessSignature sr=h&sr=h&sig=" TOKEN_SIG "&se=1",
        "SharedAccessSignature sr=%zz&sig=" TOKEN_SIG "&se=1",
        "sr=h&sig=" TOKEN_SIG "&se=1",
    };
    vd_sas sas;
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        expect_false(vd_sas_parse(vd_slice_str(bad[i]), &sas));
    }
    expect_true(
        vd_sas_parse(VD_STR("SharedAccessSignature se=1&sig=" TOKEN_SIG "&sr=h&new=1"), &sas));
}

VD_TEST(a_connection_string_reads_back_as_it_was_written)
{
    static const char text[] = "HostName=h:8884;DeviceId=d1;SharedAccessKey=" KEY;
    VD_AUTO(vd_buf) out = VD_BUF(1000);
    vd_connection_string string;
    expect_ok(vd_connection_string_parse(vd_slice_str(text), &string, NULL));
    expect_str(string.host, "h:8884");
    expect_str(string.key, KEY);
    expect_true(vd_connection_string_write(&string, &out));
    expect_str(out.data, text);
    expect_ok(vd_connection_string_parse(
        VD_STR("HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=" KEY "\n"), &string,
        NULL));
    expect_str(string.policy, "iothubowner");
}

VD_TEST(a_wrong_connection_string_is_explained_without_its_key)
{
    static const struct {
        const char *text, *named;
    } bad[] = {
        { "", "HostName" },
        { "DeviceId=d;SharedAccessKey=" KEY, "HostName" },
        { "HostName=h;SharedAccessKey=" KEY, "DeviceId" },
        { "HostName=h;DeviceId=d", "SharedAccessKey" },
        { "HostName=h;DeviceId=d d;SharedAccessKey=" KEY, "DeviceId" },
        { "HostName=h;DeviceId=d;SharedAccessKey=secret!", "SharedAccessKey" },
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_connection_string string;
        vd_why why = { 0 };
        expect_err(vd_connection_string_parse(vd_slice_str(bad[i].text), &string, &why),
                   VD_INVALID);
        expect_true(strstr(why.fact, bad[i].named) != NULL);
        expect_true(strstr(why.fact, "secret!") == NULL && why.detail[0] == 0);
    }
}

VD_TEST(hosts_may_have_a_port)
{
    char host[64];
    uint16_t port = 8883;
    expect_true(vd_host_port(VD_STR("hub.example"), host, sizeof(host), &port));
    expect_str(host, "hub.example");
    expect_u64(port, 8883);
    expect_true(vd_host_port(VD_STR("[::1]:99"), host, sizeof(host), &port));
    expect_str(host, "::1");
    expect_u64(port, 99);
    expect_true(vd_host_port(VD_STR("h:1883"), host, sizeof(host), &port));
    expect_u64(port, 1883);
    expect_false(vd_host_port(VD_STR("h:"), host, sizeof(host), &port));
    expect_false(vd_host_port(VD_STR("h:99999"), host, sizeof(host), &port));
    expect_false(vd_host_port(VD_STR(":1"), host, sizeof(host), &port));
}

VD_TEST_MAIN(VD_RUN(device_ids_have_the_form_of_the_dialect), VD_RUN(a_bag_is_decoded_and_written),
             VD_RUN(malformed_bags_are_refused), VD_RUN(every_topic_reads_back_as_it_was_written),
             VD_RUN(a_topic_without_the_closing_slash_is_taken_and_a_longer_word_is_not),
             VD_RUN(what_is_no_topic_of_the_dialect_is_refused),
             VD_RUN(a_device_may_subscribe_to_its_own_topics_only),
             VD_RUN(user_names_name_host_device_and_module),
             VD_RUN(a_token_has_the_signature_other_implementations_make),
             VD_RUN(a_token_is_checked_by_key_and_device), VD_RUN(malformed_tokens_are_refused),
             VD_RUN(a_connection_string_reads_back_as_it_was_written),
             VD_RUN(a_wrong_connection_string_is_explained_without_its_key),
             VD_RUN(hosts_may_have_a_port))
