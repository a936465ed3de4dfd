#include "vd/mqtt.h"
#include "vd/test.h"

static vd_err read_all(vd_slice bytes, size_t limit, size_t piece, vd_mqtt_packet *last,
                       size_t *count)
{
    vd_mqtt_reader reader = vd_mqtt_reader_new(limit);
    vd_err err = VD_RETRY;
    vd_why why = { 0 };
    *count = 0;
    while (err == VD_RETRY && bytes.len > 0) {
        size_t take = bytes.len < piece ? bytes.len : piece;
        expect_ok(vd_mqtt_reader_add(&reader, vd_slice_of(bytes.data, take)));
        bytes = vd_slice_from(bytes, take);
        while ((err = vd_mqtt_reader_next(&reader, last, &why)) == VD_OK) ++*count;
    }
    vd_mqtt_reader_done(&reader);
    return err;
}

static vd_err read_bytes(const char *bytes, size_t len)
{
    vd_mqtt_packet packet;
    size_t count;
    vd_err err = read_all(vd_slice_of(bytes, len), 1000, 1000, &packet, &count);
    return count == 1 ? VD_OK : err;
}

static vd_mqtt_packet there_and_back(const vd_mqtt_packet *packet, vd_mqtt_reader *reader)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(4096);
    vd_mqtt_packet back = { 0 };
    vd_why why = { 0 };
    expect_true(vd_mqtt_write(packet, &bytes));
    expect_ok(vd_mqtt_reader_add(reader, vd_buf_slice(&bytes)));
    expect_ok(vd_mqtt_reader_next(reader, &back, &why));
    expect_err(vd_mqtt_reader_next(reader, &(vd_mqtt_packet){ 0 }, &why), VD_RETRY);
    return back;
}

VD_TEST(a_connect_with_everything_reads_back_the_same)
{
    vd_mqtt_reader reader = vd_mqtt_reader_new(4096);
    vd_mqtt_packet packet = { .type = VD_MQTT_CONNECT,
                              .client_id = VD_STR("d1"),
                              .keep_alive_s = 60,
                              .clean = true,
                              .has_will = true,
                              .topic = VD_STR("a/b"),
                              .payload = VD_STR("gone"),
                              .qos = 1,
                              .retain = true,
                              .has_user = true,
                              .user = VD_STR("u"),
                              .has_password = true,
                              .password = VD_STR("p") };
    vd_mqtt_packet back = there_and_back(&packet, &reader);
    expect_true(vd_slice_eq(back.client_id, packet.client_id));
    expect_true(vd_slice_eq(back.payload, packet.payload) && vd_slice_eq(back.user, packet.user));
    expect_true(vd_slice_eq(back.password, packet.password) && back.clean && back.retain);
    expect_u64(back.keep_alive_s, 60);
    expect_u64(back.qos, 1);
    expect_u64(back.protocol_level, 4);
    vd_mqtt_reader_done(&reader);
}

VD_TEST(every_other_packet_reads_back_the_same)
{
    vd_mqtt_packet packets[] = {
        { .type = VD_MQTT_CONNACK, .session_present = true, .answer = 5 },
        { .type = VD_MQTT_PUBLISH,
          .topic = VD_STR("t"),
          .payload = VD_STR("x"),
          .qos = 1,
          .id = 7 },
        { .type = VD_MQTT_PUBLISH, .topic = VD_STR("t"), .retain = true },
        { .type = VD_MQTT_PUBACK, .id = 65535 },
        { .type = VD_MQTT_PUBREL, .id = 2 },
        { .type = VD_MQTT_SUBSCRIBE,
          .id = 3,
          .count = 2,
          .filters = { VD_STR("a/#"), VD_STR("b") },
          .granted = { 1, 0 } },
        { .type = VD_MQTT_SUBACK, .id = 3, .count = 2, .granted = { 1, 0x80 } },
        { .type = VD_MQTT_UNSUBSCRIBE, .id = 4, .count = 1, .filters = { VD_STR("a/#") } },
        { .type = VD_MQTT_UNSUBACK, .id = 4 },
        { .type = VD_MQTT_PINGREQ },
        { .type = VD_MQTT_PINGRESP },
        { .type = VD_MQTT_DISCONNECT },
    };
    vd_mqtt_reader reader = vd_mqtt_reader_new(4096);
    for (size_t i = 0; i < VD_COUNT_OF(packets); i++) {
        vd_mqtt_packet back = there_and_back(&packets[i], &reader);
        expect_i64(back.type, packets[i].type);
        expect_u64(back.id, packets[i].id);
        expect_u64(back.qos, packets[i].qos);
        expect_u64(back.answer, packets[i].answer);
        expect_u64(back.count, packets[i].count);
        expect_true(vd_slice_eq(back.topic, packets[i].topic));
        expect_true(vd_slice_eq(back.payload, packets[i].payload));
        expect_true(vd_slice_eq(back.filters[0], packets[i].filters[0]));
        expect_i64(memcmp(back.granted, packets[i].granted, sizeof(back.granted)), 0);
    }
    vd_mqtt_reader_done(&reader);
}

VD_TEST(packets_are_found_however_the_bytes_arrive)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(100000);
    char body[300];
    memset(body, 'x', sizeof(body));
    for (uint16_t i = 1; i <= 50; i++) {
        vd_mqtt_packet packet = { .type = VD_MQTT_PUBLISH,
                                  .topic = VD_STR("t"),
                                  .payload = vd_slice_of(body, i * 5),
                                  .qos = 1,
                                  .id = i };
        expect_true(vd_mqtt_write(&packet, &bytes));
    }
    for (size_t piece = 1; piece < 700; piece += 97) {
        vd_mqtt_packet last;
        size_t count;
        expect_err(read_all(vd_buf_slice(&bytes), 1000, piece, &last, &count), VD_RETRY);
        expect_u64(count, 50);
    }
}

VD_TEST(a_packet_over_the_limit_is_refused_by_its_header)
{
    vd_mqtt_packet last;
    size_t count;
    expect_err(read_all(vd_slice_of("\x30\xff\x7f", 3), 1000, 3, &last, &count), VD_FULL);
    expect_err(read_all(vd_slice_of("\x30\xff\xff\xff\xff\x01", 6), 1000, 6, &last, &count),
               VD_INVALID);
}

VD_TEST(what_the_standard_forbids_is_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\x00\x00", 2 },                                      /* no type */
        { "\xf0\x00", 2 },                                      /* reserved type */
        { "\xc1\x00", 2 },                                      /* PINGREQ with flags */
        { "\xc0\x01\x00", 3 },                                  /* PINGREQ with a body */
        { "\x36\x05\x00\x01t\x00\x01", 7 },                     /* QoS 3 */
        { "\x32\x05\x00\x01t\x00\x00", 7 },                     /* packet id 0 */
        { "\x38\x03\x00\x01t", 5 },                             /* DUP with QoS 0 */
        { "\x30\x03\x00\x01#", 5 },                             /* wildcard in a topic */
        { "\x30\x02\x00\x00", 4 },                              /* empty topic */
        { "\x30\x03\x00\x01\xff", 5 },                          /* invalid UTF-8 */
        { "\x30\x03\x00\x01\x00", 5 },                          /* a zero byte */
        { "\x30\x03\x00\x09t", 5 },                             /* topic longer than the packet */
        { "\x80\x06\x00\x01\x00\x01t\x00", 8 },                 /* SUBSCRIBE without its flag */
        { "\x82\x02\x00\x01", 4 },                              /* SUBSCRIBE without filters */
        { "\x82\x06\x00\x01\x00\x01t\x03", 8 },                 /* QoS 3 asked for */
        { "\x10\x0c\x00\x04MQTT\x04\x01\x00\x00\x00\x00", 14 }, /* reserved connect flag */
        { "\x10\x0c\x00\x04MQTT\x04\x42\x00\x00\x00\x00", 14 }, /* password without user */
        { "\x10\x0c\x00\x04MQTX\x04\x02\x00\x00\x00\x00", 14 }, /* another protocol */
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_err err = read_bytes(bad[i].bytes, bad[i].len);
        if (err != VD_INVALID) print_error("case %zu\n", i);
        expect_err(err, VD_INVALID);
    }
    expect_ok(read_bytes("\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", 14));
}

VD_TEST(an_older_protocol_level_is_told_to_the_caller)
{
    vd_mqtt_packet packet;
    size_t count;
    vd_slice bytes = vd_slice_of("\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", 16);
    expect_err(read_all(bytes, 1000, 100, &packet, &count), VD_RETRY);
    expect_u64(count, 1);
    expect_u64(packet.protocol_level, 3);
}

VD_TEST(a_packet_that_does_not_fit_leaves_the_buffer_as_it_was)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(10);
    vd_mqtt_packet ping = { .type = VD_MQTT_PINGREQ };
    vd_mqtt_packet large = { .type = VD_MQTT_PUBLISH, .topic = VD_STR("a/long/topic") };
    expect_true(vd_mqtt_write(&ping, &bytes));
    expect_false(vd_mqtt_write(&large, &bytes));
    expect_u64(bytes.len, 2);
}

VD_TEST_MAIN(VD_RUN(a_connect_with_everything_reads_back_the_same),
             VD_RUN(every_other_packet_reads_back_the_same),
             VD_RUN(packets_are_found_however_the_bytes_arrive),
             VD_RUN(a_packet_over_the_limit_is_refused_by_its_header),
             VD_RUN(what_the_standard_forbids_is_refused),
             VD_RUN(an_older_protocol_level_is_told_to_the_caller),
             VD_RUN(a_packet_that_does_not_fit_leaves_the_buffer_as_it_was))
