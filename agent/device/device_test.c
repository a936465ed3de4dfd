/* The device stage against a scripted hub, over real TLS. */
#include "device.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_priv.h"
#include "hub_peer_priv.h"
#include "vd/clock.h"
#include "vd/test.h"

typedef struct {
    hub_peer hub;
    char dir[64];
    vd_outbox *outbox;
    vd_device *device;
    char rules[1024]; /* what the sink was given */
    bool refuse_rules;
    uint64_t upload_bytes_s;
    atomic_uint pictures;
} desk;

static vd_err on_rules(void *ctx, vd_slice json, vd_why *why)
{
    desk *d = ctx;

    pthread_mutex_lock(&d->hub.lock);
    vd_slice_to_chars(json, d->rules, sizeof d->rules);
    bool refuse = d->refuse_rules;
    pthread_mutex_unlock(&d->hub.lock);
    if (!refuse) return VD_OK;
    vd_fail(why, VD_INVALID, "zone 'gate' has 2 points");
    vd_why_hint(why, "give 3 to 64 points");
    return VD_INVALID;
}

static vd_err on_picture(void *ctx, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                         vd_why *why)
{
    desk *d = ctx;

    if (strcmp(camera, "gate") != 0) return vd_fail(why, VD_ABSENT, "no camera '%s'", camera);
    *ret_utc_us = 1700000000000000;
    d->pictures++;
    return vd_buf_add_str(ret_jpeg, "\xff\xd8\xff picture") ? VD_OK : VD_FULL;
}

static void desk_new(desk *d)
{
    vd_why why = { 0 };

    *d = (desk){ .dir = "/tmp/vedette-device-XXXXXX" };
    assert_non_null(mkdtemp(d->dir));
    peer_start(&d->hub);
    vd_outbox_config config = { .dir = d->dir, .quota_bytes = 64u << 20, .max_age_ms = 86400000 };
    if (vd_outbox_open(&config, &d->outbox, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

static void desk_connect(desk *d)
{
    vd_device_config config = { .connection_string = d->hub.connection_string,
                                .ca_file = d->hub.ca_file,
                                .https_port = d->hub.https_port,
                                .upload_bytes_s = d->upload_bytes_s };
    vd_device_sink sink = { .ctx = d, .rules = on_rules, .picture = on_picture };
    vd_why why = { 0 };

    if (vd_device_start(&config, d->outbox, &sink, &d->device, &why))
        fail_msg("%s: %s", why.fact, why.detail);
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at, (void)flag, (void)walk;
    return remove(path);
}

static void desk_done(desk *d)
{
    vd_device_stop(d->device);
    vd_device_join(d->device);
    vd_device_free(d->device);
    vd_outbox_free(d->outbox);
    peer_stop(&d->hub);
    nftw(d->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(desk, desk_done)

static vd_event event_of(const char *camera)
{
    vd_event event = { .id = vd_ulid_new(),
                       .revision = 1,
                       .phase = "start",
                       .device = "dock-1",
                       .camera = camera,
                       .kind = "zone",
                       .severity = "medium",
                       .rule_id = "rule",
                       .rule_version = "0123456789abcdef",
                       .zone = "gate",
                       .start_utc_us = 1700000000000000,
                       .update_utc_us = 1700000001000000,
                       .time_source = "file",
                       .track = 1,
                       .score = 0.5,
                       .class_name = "person",
                       .model_name = "stub" };

    memset(event.model_digest.hex, 'a', VD_SHA256_HEX);
    return event;
}

static void accept_events(desk *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        vd_event event = event_of(i % 2 ? "gate" : "yard");
        expect_ok(vd_outbox_accept(d->outbox, &event, NULL));
    }
}

/* The message ids that the outbox holds, in its order. */
static unsigned waiting_ids(desk *d, char (*ids)[VD_ULID_LEN + 1], unsigned room)
{
    vd_outbox_message message = { 0 };
    unsigned count = 0;

    while (count < room && !vd_outbox_next(d->outbox, message.seq, &message)) {
        vd_slice_to_chars(vd_slice_str(message.id), ids[count++], VD_ULID_LEN + 1);
        free(message.body);
    }
    return count;
}

static bool messages_are(const hub_peer *p, int64_t count)
{
    return p->message_count >= count;
}

static bool cuts_are(const hub_peer *p, int64_t count)
{
    return p->cuts >= count;
}

static bool connects_are(const hub_peer *p, int64_t count)
{
    return p->connects >= count;
}

static bool reports_are(const hub_peer *p, int64_t count)
{
    return p->report_count >= count;
}

static bool answers_are(const hub_peer *p, int64_t count)
{
    return p->answer_count >= count;
}

static bool patches_are(const hub_peer *p, int64_t count)
{
    return (int64_t)p->patches >= count;
}

static bool evidence_is_whole(const hub_peer *p, int64_t arg)
{
    (void)arg;
    return p->evidence_whole;
}

static bool previews_are(const hub_peer *p, int64_t count)
{
    return p->previews >= count;
}

static void await_empty(desk *d)
{
    vd_outbox_stats stats;
    int64_t until_us = vd_clock_mono_us() + 20000000;

    do {
        vd_outbox_get_stats(d->outbox, &stats);
        if (stats.waiting) vd_outbox_wait(d->outbox, 20);
    } while (stats.waiting && vd_clock_mono_us() < until_us);
    expect_u64(stats.waiting, 0);
}

// covers: QUE-1, RUN-3
VD_TEST(what_waited_while_the_hub_was_away_arrives_in_order_and_once)
{
    static char ids[200][VD_ULID_LEN + 1];
    VD_AUTO(desk) d;
    desk_new(&d);
    accept_events(&d, 200); /* more than a window */
    unsigned count = waiting_ids(&d, ids, 200);

    desk_connect(&d);
    peer_await(&d.hub, messages_are, 200);
    await_empty(&d);

    expect_u64(count, 200);
    expect_u64(d.hub.message_count, 200);
    for (unsigned i = 0; i < 200; i++) expect_str(d.hub.message[i].body, ids[i]);
    assert_non_null(strstr(d.hub.message[0].topic, "type=event"));
    assert_non_null(strstr(d.hub.message[0].topic, "%24.ct=application%2Fjson"));
}

// covers: QUE-1, RUN-3
VD_TEST(messages_without_an_answer_stay_and_go_again_in_order_after_a_cut)
{
    static char ids[20][VD_ULID_LEN + 1];
    VD_AUTO(desk) d;
    desk_new(&d);
    accept_events(&d, 20);
    waiting_ids(&d, ids, 20);
    d.hub.hold = true; /* ten arrive, none is answered, the link is cut */
    d.hub.cut_after = 10;

    desk_connect(&d);
    peer_await(&d.hub, cuts_are, 1);
    vd_outbox_stats stats;
    vd_outbox_get_stats(d.outbox, &stats);
    expect_u64(stats.waiting, 20);
    pthread_mutex_lock(&d.hub.lock);
    unsigned before = d.hub.message_count;
    d.hub.hold = false;
    pthread_mutex_unlock(&d.hub.lock);
    peer_await(&d.hub, messages_are, before + 20);
    await_empty(&d);

    expect_u64(d.hub.message_count, before + 20);
    for (unsigned i = 0; i < 20; i++) expect_str(d.hub.message[before + i].body, ids[i]);
}

VD_TEST(refused_device_says_why_and_comes_back_when_it_is_let_in)
{
    VD_AUTO(desk) d;
    vd_device_status status;
    desk_new(&d);
    d.hub.refuse = VD_MQTT_NOT_AUTHORIZED;
    accept_events(&d, 1);

    desk_connect(&d);
    peer_await(&d.hub, connects_are, 2);
    vd_device_get_status(d.device, &status);
    expect_false(status.connected);
    assert_non_null(strstr(status.why.fact, "refuses device 'dock-1'"));
    assert_null(strstr(status.why.detail, PEER_KEY));
    pthread_mutex_lock(&d.hub.lock);
    d.hub.refuse = 0;
    pthread_mutex_unlock(&d.hub.lock);
    peer_await(&d.hub, messages_are, 1);
    await_empty(&d);
}

VD_TEST(evidence_goes_after_its_event_and_goes_on_where_the_hub_stands)
{
    static uint8_t bytes[9 << 20]; /* three chunks */
    VD_AUTO(desk) d;
    vd_event_evidence evidence = { .kind = "clip",
                                   .bytes = sizeof bytes,
                                   .content_type = "video/mp4",
                                   .start_utc_us = 1700000000000000,
                                   .end_utc_us = 1700000001000000 };
    desk_new(&d);
    vd_random(bytes, sizeof bytes);
    d.hub.wrong_offset = 1000; /* 409: a part is there already */
    expect_ok(vd_blobs_put(vd_outbox_blobs(d.outbox), vd_slice_of(bytes, sizeof bytes),
                           &evidence.digest, NULL));
    vd_event event = event_of("gate");
    event.evidence = &evidence;
    event.evidence_count = 1;
    expect_ok(vd_outbox_accept(d.outbox, &event, NULL));

    desk_connect(&d);
    peer_await(&d.hub, evidence_is_whole, 0);

    expect_false(d.hub.evidence_before_event);
    expect_u64(d.hub.evidence.len, sizeof bytes);
    assert_memory_equal(d.hub.evidence.data, bytes, sizeof bytes);
    expect_u64(d.hub.patches, 4); /* one refused, then 4 + 4 + 1 MiB */
}

VD_TEST(spoiled_evidence_is_sent_again_from_the_start)
{
    VD_AUTO(desk) d;
    vd_event_evidence evidence = { .kind = "snapshot", .bytes = 5, .content_type = "image/jpeg" };
    desk_new(&d);
    d.hub.spoil = 1; /* 422 */
    evidence.start_utc_us = evidence.end_utc_us = 1700000000000000;
    expect_ok(vd_blobs_put(vd_outbox_blobs(d.outbox), VD_STR("12345"), &evidence.digest, NULL));
    vd_event event = event_of("gate");
    event.evidence = &evidence;
    event.evidence_count = 1;
    expect_ok(vd_outbox_accept(d.outbox, &event, NULL));

    desk_connect(&d);
    peer_await(&d.hub, evidence_is_whole, 0);

    expect_u64(d.hub.patches, 2);
    assert_memory_equal(d.hub.evidence.data, "12345", 5);
}

VD_TEST(evidence_that_the_hub_does_not_call_whole_is_kept)
{
    char path[4096];
    VD_AUTO(desk) d;
    vd_event_evidence evidence = { .kind = "snapshot", .bytes = 5, .content_type = "image/jpeg" };
    desk_new(&d);
    d.hub.never_whole = true; /* it was killed between the last byte and the hash */
    evidence.start_utc_us = evidence.end_utc_us = 1700000000000000;
    expect_ok(vd_blobs_put(vd_outbox_blobs(d.outbox), VD_STR("12345"), &evidence.digest, NULL));
    vd_event event = event_of("gate");
    event.evidence = &evidence;
    event.evidence_count = 1;
    expect_ok(vd_outbox_accept(d.outbox, &event, NULL));

    desk_connect(&d);
    vd_device_status status = { 0 };
    peer_await(&d.hub, patches_are, 1);
    while (!status.blob_errors && !status.blobs_sent) vd_device_get_status(d.device, &status);

    expect_u64(status.blobs_sent, 0);
    expect_ok(vd_blobs_path(vd_outbox_blobs(d.outbox), &evidence.digest, path, sizeof path, NULL));
}

VD_TEST(reported_sections_go_as_one_patch_and_then_only_what_differs)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    d.hub.twin = "{\"desired\":{\"$version\":1},\"reported\":{\"cameras\":{\"old\":{\"fps\":1}},"
                 "\"other\":7,\"$version\":1}}";
    desk_connect(&d);
    peer_await(&d.hub, reports_are, 1); /* the rules' state */
    pthread_mutex_lock(&d.hub.lock);
    unsigned before = d.hub.report_count;
    pthread_mutex_unlock(&d.hub.lock);

    vd_device_report(d.device, "cameras", VD_STR("{\"gate\":{\"state\":\"live\",\"fps\":25}}"));
    peer_await(&d.hub, reports_are, before + 1);
    expect_str(d.hub.report[before].body,
               "{\"cameras\":{\"gate\":{\"state\":\"live\",\"fps\":25},\"old\":null}}");
    vd_device_report(d.device, "cameras", VD_STR("{\"gate\":{\"state\":\"silent\",\"fps\":25}}"));
    peer_await(&d.hub, reports_are, before + 2);
    expect_str(d.hub.report[before + 1].body, "{\"cameras\":{\"gate\":{\"state\":\"silent\"}}}");
}

VD_TEST(desired_rules_are_applied_and_a_refusal_is_reported_with_its_reason)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    d.hub.twin = "{\"desired\":{\"rules\":{\"gate\":[{\"id\":\"a\"}]},\"$version\":4},"
                 "\"reported\":{\"$version\":1}}";
    desk_connect(&d);
    peer_await(&d.hub, reports_are, 1);
    expect_str(d.rules, "{\"gate\":[{\"id\":\"a\"}]}");
    assert_non_null(strstr(d.hub.report[0].body, "\"desired_version\":4,\"state\":\"accepted\""));

    pthread_mutex_lock(&d.hub.lock);
    d.refuse_rules = true;
    pthread_mutex_unlock(&d.hub.lock);
    vd_topic topic = { .kind = VD_TOPIC_TWIN_DESIRED, .version = 5 };
    peer_publish(&d.hub, &topic, "{\"rules\":{\"gate\":[{\"id\":\"b\"}]}}");
    peer_await(&d.hub, reports_are, 2);
    expect_str(d.rules, "{\"gate\":[{\"id\":\"b\"}]}");
    assert_non_null(strstr(d.hub.report[1].body, "\"state\":\"refused\""));
    assert_non_null(strstr(d.hub.report[1].body, "2 points"));
}

static void call(desk *d, const char *name, const char *rid, const char *body)
{
    vd_topic topic = { .kind = VD_TOPIC_METHOD_CALL,
                       .name = vd_slice_str(name),
                       .rid = vd_slice_str(rid) };
    peer_publish(&d->hub, &topic, body);
}

VD_TEST(methods_are_answered_and_preview_sends_pictures)
{
    VD_AUTO(desk) d;
    desk_new(&d);
    desk_connect(&d);
    peer_await(&d.hub, reports_are, 1);

    call(&d, "ping", "1", "");
    peer_await(&d.hub, answers_are, 1);
    expect_str(d.hub.answer[0].topic, "$iothub/methods/res/200/?$rid=1");
    call(&d, "Explode", "2", "{}");
    peer_await(&d.hub, answers_are, 2);
    expect_str(d.hub.answer[1].topic, "$iothub/methods/res/404/?$rid=2");
    call(&d, "preview", "3", "{\"seconds\":2}");
    peer_await(&d.hub, answers_are, 3);
    expect_str(d.hub.answer[2].topic, "$iothub/methods/res/400/?$rid=3");
    call(&d, "preview", "4", "{\"camera\":\"gate\",\"seconds\":5}");
    peer_await(&d.hub, previews_are, 2);
    expect_str(d.hub.answer[3].topic, "$iothub/methods/res/200/?$rid=4");
    expect_str(d.hub.preview_time, "2023-11-14T22:13:20.000000Z");
}

static uint64_t stats_waiting(desk *d)
{
    vd_outbox_stats stats;
    vd_outbox_get_stats(d->outbox, &stats);
    return stats.waiting;
}

// covers: REC-2
VD_TEST(held_evidence_stays_until_the_hub_asks_and_goes_at_the_rate_that_is_allowed)
{
    VD_AUTO(desk) d;
    static uint8_t bytes[20000]; /* one chunk and a part of another at 16 KiB a second */
    vd_event_evidence evidence = { .kind = "clip",
                                   .bytes = sizeof bytes,
                                   .content_type = "video/mp4",
                                   .start_utc_us = 1700000000000000,
                                   .end_utc_us = 1700000001000000 };
    char body[128];
    vd_digest digest;
    uint64_t size;
    desk_new(&d);
    d.outbox = vd_outbox_free(d.outbox);
    vd_outbox_config config = { .dir = d.dir, .upload = { .always = 4, .severity_min = 4 } };
    expect_ok(vd_outbox_open(&config, &d.outbox, NULL));
    expect_ok(vd_blobs_put(vd_outbox_blobs(d.outbox), vd_slice_of(bytes, sizeof bytes),
                           &evidence.digest, NULL));
    vd_event event = event_of("gate");
    event.evidence = &evidence;
    event.evidence_count = 1;
    expect_ok(vd_outbox_accept(d.outbox, &event, NULL));
    d.upload_bytes_s = 16384;
    desk_connect(&d);
    peer_await(&d.hub, messages_are, 1);
    while (stats_waiting(&d)) peer_await(&d.hub, messages_are, 1); /* until it is confirmed */
    expect_err(vd_outbox_next_blob(d.outbox, &digest, body, sizeof body, &size), VD_ABSENT);
    expect_u64(d.hub.heads, 0);

    snprintf(body, sizeof body, "{\"digest\":\"%s\"}", evidence.digest.hex);
    call(&d, "evidence", "1", body);
    peer_await(&d.hub, answers_are, 1);
    expect_str(d.hub.answer[0].topic, "$iothub/methods/res/200/?$rid=1");
    peer_await(&d.hub, evidence_is_whole, 0);
    expect_u64(d.hub.patches, 2);
    call(&d, "evidence", "2", "{\"digest\":\"12\"}");
    peer_await(&d.hub, answers_are, 2);
    expect_str(d.hub.answer[1].topic, "$iothub/methods/res/400/?$rid=2");
    evidence.digest.hex[0] = evidence.digest.hex[0] == 'a' ? 'b' : 'a';
    snprintf(body, sizeof body, "{\"digest\":\"%s\"}", evidence.digest.hex);
    call(&d, "evidence", "3", body);
    peer_await(&d.hub, answers_are, 3);
    expect_str(d.hub.answer[2].topic, "$iothub/methods/res/404/?$rid=3");
}

VD_TEST(stranger_with_another_certificate_is_not_told_anything)
{
    hub_peer stranger;
    VD_AUTO(desk) d;
    vd_device_status status;
    char kept[sizeof d.hub.ca_file];
    desk_new(&d);
    peer_start(&stranger);
    memcpy(kept, d.hub.ca_file, sizeof kept);
    memcpy(d.hub.ca_file, stranger.ca_file, sizeof kept); /* trust somebody else */
    accept_events(&d, 1);

    desk_connect(&d);
    memcpy(d.hub.ca_file, kept, sizeof kept);
    do {
        vd_device_get_status(d.device, &status);
        vd_outbox_wait(d.outbox, 20);
    } while (!status.why.fact[0] && !status.connected);

    expect_false(status.connected);
    if (!strstr(status.why.hint, "ca_file")) fail_msg("%s: %s", status.why.fact, status.why.detail);
    expect_u64(d.hub.connects, 0);
    peer_stop(&stranger);
}

VD_TEST(connection_strings_without_device_or_key_are_refused_without_showing_them)
{
    static const char *const bad[] = {
        "",
        "HostName=h",
        "HostName=h;DeviceId=d",
        "HostName=h;DeviceId=d;SharedAccessKey=%%hunter2",
        "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=" PEER_KEY,
        "HostName=h:99999;DeviceId=d;SharedAccessKey=" PEER_KEY,
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_device_config config = { .connection_string = bad[i] };
        vd_why why = { 0 };
        char line[1024];
        expect_err(vd_device_check(&config, &why), VD_INVALID);
        vd_why_line(&why, line, sizeof line);
        assert_null(strstr(line, "hunter2"));
        assert_null(strstr(line, PEER_KEY));
    }
}

VD_TEST(stopping_before_the_hub_was_ever_there_leaves_everything_waiting)
{
    VD_AUTO(desk) d;
    vd_outbox_stats stats;
    desk_new(&d);
    d.hub.hold = true;
    accept_events(&d, 3);

    desk_connect(&d);
    expect_false(vd_device_flush(d.device, 0));
    vd_device_stop(d.device);
    vd_device_join(d.device);
    d.device = vd_device_free(d.device);

    vd_outbox_get_stats(d.outbox, &stats);
    expect_u64(stats.waiting, 3);
}

VD_TEST_MAIN(VD_RUN(what_waited_while_the_hub_was_away_arrives_in_order_and_once),
             VD_RUN(messages_without_an_answer_stay_and_go_again_in_order_after_a_cut),
             VD_RUN(refused_device_says_why_and_comes_back_when_it_is_let_in),
             VD_RUN(evidence_goes_after_its_event_and_goes_on_where_the_hub_stands),
             VD_RUN(spoiled_evidence_is_sent_again_from_the_start),
             VD_RUN(evidence_that_the_hub_does_not_call_whole_is_kept),
             VD_RUN(reported_sections_go_as_one_patch_and_then_only_what_differs),
             VD_RUN(desired_rules_are_applied_and_a_refusal_is_reported_with_its_reason),
             VD_RUN(methods_are_answered_and_preview_sends_pictures),
             VD_RUN(held_evidence_stays_until_the_hub_asks_and_goes_at_the_rate_that_is_allowed),
             VD_RUN(stranger_with_another_certificate_is_not_told_anything),
             VD_RUN(connection_strings_without_device_or_key_are_refused_without_showing_them),
             VD_RUN(stopping_before_the_hub_was_ever_there_leaves_everything_waiting))
