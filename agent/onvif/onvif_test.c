/* A camera that speaks ONVIF well, badly, or not at all; a scripted one stands for all of them. */
#include "onvif.h"

#include <stdlib.h>

#include "onvif_peer_priv.h"
#include "trust_test_priv.h"
#include "vd/test.h"

typedef struct {
    onvif_peer peer;
    char address[64];
    vd_onvif_config config;
    vd_onvif *camera;
    vd_onvif_profiles profiles;
    vd_why why;
} house;

static void house_open(house *h)
{
    onvif_peer_open(&h->peer);
    snprintf(h->address, sizeof h->address, "127.0.0.1:%u", h->peer.port);
    h->config = (vd_onvif_config){ .address = h->address, .user = "viewer", .password = "s3cret" };
}

static void house_close(house *h)
{
    h->camera = vd_onvif_free(h->camera);
    onvif_peer_close(&h->peer);
}

static void expect_streams(house *h, const char *large, const char *small)
{
    char url[VD_ONVIF_URL_ROOM];

    expect_ok(vd_onvif_open(&h->config, &h->camera, &h->why));
    expect_ok(vd_onvif_get_profiles(h->camera, &h->profiles, &h->why));
    expect_true(h->profiles.main >= 0 && h->profiles.small >= 0);
    expect_str(h->profiles.item[h->profiles.main].token, "main_1");
    expect_str(h->profiles.item[h->profiles.small].token, "sub_1");
    expect_ok(vd_onvif_get_stream(h->camera, "main_1", url, &h->why));
    expect_str(url, large);
    expect_ok(vd_onvif_get_stream(h->camera, "sub_1", url, &h->why));
    expect_str(url, small);
}

#define MAIN_URL "rtsp://127.0.0.1:554/main_1?a=1&b=2"
#define SUB_URL  "rtsp://127.0.0.1:554/sub_1?a=1&b=2"

// covers: CAM-3
VD_TEST(profiles_become_the_addresses_of_a_main_and_a_small_stream)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret" } };
    house_open(&h);

    expect_streams(&h, MAIN_URL, SUB_URL);
    expect_u64(h.profiles.count, 4);
    expect_str(h.profiles.item[1].name, "Main & large");
    expect_i64(h.profiles.item[1].codec, VD_ONVIF_H265);
    expect_i64(h.profiles.item[1].width_px, 2560);
    expect_near(h.profiles.item[1].fps, 25, 0.01);
    expect_true(h.profiles.item[1].ptz);
    expect_u64(h.peer.denied, 0);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(old_camera_without_media_2_tells_the_same)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret", .no_services = true } };
    house_open(&h);

    expect_streams(&h, MAIN_URL, SUB_URL);
    expect_i64(h.profiles.item[1].codec, VD_ONVIF_H264);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(camera_that_announces_media_2_and_cannot_do_it_is_asked_by_media_1)
{
    house h = { .peer = { .media2_broken = true } };
    house_open(&h);

    expect_streams(&h, MAIN_URL, SUB_URL);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(camera_that_wants_http_digest_by_sha256_gets_it)
{
    house h = {
        .peer = { .user = "viewer", .password = "s3cret", .http_digest = true, .http_sha256 = true }
    };
    house_open(&h);
    expect_streams(&h, MAIN_URL, SUB_URL);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(https_camera_is_asked_when_its_certificate_is_the_right_one)
{
    static test_certs all;
    test_certs_open(&all);
    for (size_t i = 0; i < VD_COUNT_OF(trust_cases); i++) {
        const test_cert *shown = &all.shown[trust_cases[i].shown];
        house h = { .peer = { .tls_cert = shown->cert_pem, .tls_key = shown->key_pem } };
        house_open(&h);
        snprintf(h.address, sizeof h.address, "https://127.0.0.1:%u", h.peer.port);
        h.config.trust = test_trust_of(&all, trust_cases[i].shown, trust_cases[i].trust);
        const vd_err err = vd_onvif_open(&h.config, &h.camera, &h.why);
        expect_err(err, trust_cases[i].fact ? VD_DENIED : VD_OK);
        if (err) {
            assert_non_null(strstr(h.why.fact, trust_cases[i].fact));
            assert_non_null(strstr(h.why.detail, shown->fingerprint));
            expect_u64(h.peer.asked, 0);
        }
        house_close(&h);
    }
    test_certs_close(&all);
}

// covers: CAM-3
VD_TEST(camera_that_wants_http_digest_gets_it)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret", .http_digest = true } };
    house_open(&h);

    expect_streams(&h, MAIN_URL, SUB_URL);
    expect_true(h.peer.denied > 0);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(camera_whose_clock_is_years_off_is_signed_in_to_and_its_clock_told)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret", .clock_ahead_s = -100000000 } };
    int64_t ahead_ms = 0;
    vd_why clock = { 0 };
    house_open(&h);

    expect_streams(&h, MAIN_URL, SUB_URL);
    expect_true(vd_onvif_clock(h.camera, &ahead_ms));
    expect_near(ahead_ms, -100000000000.0, 3000);
    expect_true(vd_onvif_clock_wrong(h.camera, &clock));
    assert_non_null(strstr(clock.fact, "behind"));
    assert_non_null(strstr(clock.hint, "NTP"));
    house_close(&h);
}

VD_TEST(clock_that_is_right_is_not_complained_about)
{
    house h = { .peer = { .clock_ahead_s = 4 } };
    vd_why clock = { 0 };
    int64_t ahead_ms = 0;
    house_open(&h);

    expect_ok(vd_onvif_open(&h.config, &h.camera, &h.why));
    expect_true(vd_onvif_clock(h.camera, &ahead_ms));
    expect_false(vd_onvif_clock_wrong(h.camera, &clock));
    house_close(&h);
}

// covers: CAM-3
VD_TEST(presets_are_listed_and_gone_to)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret" } };
    vd_onvif_presets *presets = calloc(1, sizeof *presets);
    house_open(&h);

    assert_non_null(presets);
    expect_ok(vd_onvif_open(&h.config, &h.camera, &h.why));
    expect_ok(vd_onvif_get_presets(h.camera, "main_1", presets, &h.why));
    expect_u64(presets->count, 2);
    expect_str(presets->item[1].name, "Loading ramp");
    expect_ok(vd_onvif_go_to(h.camera, "main_1", presets->item[1].token, &h.why));
    expect_str(h.peer.moved_to, "2");
    expect_err(vd_onvif_go_to(h.camera, "main_1", "9", &h.why), VD_ABSENT);
    assert_non_null(strstr(h.why.detail, "no such preset"));
    free(presets);
    house_close(&h);
}

VD_TEST(camera_that_cannot_move_says_so)
{
    house h = { .peer = { .no_ptz = true } };
    house_open(&h);

    expect_ok(vd_onvif_open(&h.config, &h.camera, &h.why));
    expect_err(vd_onvif_go_to(h.camera, "main_1", "1", &h.why), VD_ABSENT);
    expect_str(h.why.fact, "the camera cannot move");
    house_close(&h);
}

VD_TEST(device_tells_what_it_is)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret" } };
    vd_onvif_device device;
    house_open(&h);

    expect_ok(vd_onvif_open(&h.config, &h.camera, &h.why));
    expect_ok(vd_onvif_get_device(h.camera, &device, &h.why));
    expect_str(device.manufacturer, "Vedette");
    expect_str(device.model, "Sim 4");
    expect_str(device.firmware, "1.2.3");
    house_close(&h);
}

/* ---- what goes wrong ---- */

// covers: CAM-3
VD_TEST(wrong_password_is_told_as_such_whichever_way_it_was_asked_for)
{
    for (int http = 0; http < 2; http++) {
        house h = { .peer = { .user = "viewer", .password = "other", .http_digest = http } };
        house_open(&h);
        expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_DENIED);
        expect_str(h.why.fact, "the camera refuses user or password");
        assert_non_null(strstr(h.why.detail, h.address));
        assert_non_null(strstr(h.why.hint, "ONVIF users"));
        assert_null(strstr(h.peer.last_request, "s3cret"));
        house_close(&h);
    }
}

VD_TEST(no_password_where_one_is_wanted_is_told)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret" } };
    house_open(&h);

    h.config.user = NULL;
    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_DENIED);
    expect_str(h.why.fact, "the camera wants user and password");
    house_close(&h);
}

VD_TEST(camera_that_hides_its_clock_and_refuses_is_told_with_the_clock_as_a_cause)
{
    house h = { .peer = { .user = "viewer",
                          .password = "s3cret",
                          .clock_ahead_s = 9000,
                          .clock_untold = true } };
    house_open(&h);

    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_DENIED);
    assert_non_null(strstr(h.why.hint, "clock"));
    house_close(&h);
}

// covers: CAM-3
VD_TEST(web_page_in_place_of_onvif_is_told_as_such)
{
    house h = { .peer = { .raw_for = "",
                          .raw = "<!DOCTYPE html><html><body>Login</body></html>",
                          .raw_type = "text/html",
                          .raw_status = 404 } };
    house_open(&h);

    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_INVALID);
    expect_str(h.why.fact, "a web page answers where ONVIF should be");
    assert_non_null(strstr(h.why.detail, "404"));
    assert_non_null(strstr(h.why.hint, "switch ONVIF on"));
    house_close(&h);
}

static void rubbish(const char *operation, const char *text)
{
    house h = { .peer = { .raw_for = operation, .raw = text } };
    vd_onvif_stream stream;
    house_open(&h);

    expect_true(vd_onvif_find_stream(&h.config, false, &stream, &h.why) != VD_OK);
    expect_true(h.why.fact[0] != '\0' && h.why.detail[0] != '\0');
    house_close(&h);
}

// covers: CAM-3
VD_TEST(rubbish_is_refused_with_a_reason)
{
    VD_AUTO(vd_buf) deep = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) long_one = VD_BUF(1 << 21);

    for (int i = 0; i < 200; i++) vd_buf_add_str(&deep, "<a>");
    while (long_one.len < 600000) vd_buf_add_str(&long_one, "<a>0123456789012345678901</a>");
    const char *const texts[] = {
        "",
        "\x01\x02\xff",
        "{\"json\":true}",
        "<s:Envelope xmlns:s=\"x\"><s:Body>",
        "<a/>",
        "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><Body>&x;</Body></a>",
        deep.data,
        long_one.data,
    };
    static const char *const operations[] = { "GetProfiles", "GetStreamUri" };
    for (size_t i = 0; i < VD_COUNT_OF(texts); i++) rubbish("", texts[i]);
    for (size_t i = 0; i < VD_COUNT_OF(operations); i++) rubbish(operations[i], texts[i]);
}

// covers: CAM-3
VD_TEST(camera_without_a_stream_that_we_can_use_is_told)
{
    house h = { .peer = { .no_h26x = true } };
    vd_onvif_stream stream;
    house_open(&h);

    expect_err(vd_onvif_find_stream(&h.config, false, &stream, &h.why), VD_INVALID);
    expect_str(h.why.fact, "the camera offers no H.264, H.265 or JPEG stream");
    assert_non_null(strstr(h.why.detail, "4 profiles"));
    house_close(&h);
}

VD_TEST(camera_with_one_stream_has_no_small_one)
{
    house h = { .peer = { .no_small = true } };
    vd_onvif_stream stream;
    house_open(&h);

    expect_ok(vd_onvif_find_stream(&h.config, false, &stream, &h.why));
    expect_str(stream.url, MAIN_URL);
    expect_err(vd_onvif_find_stream(&h.config, true, &stream, &h.why), VD_ABSENT);
    house_close(&h);
}

// covers: CAM-3
VD_TEST(no_answer_sends_us_to_another_host)
{
    house h = { .peer = { .user = "viewer", .password = "s3cret", .names_host = "10.9.9.9" } };
    vd_onvif_stream stream;
    house_open(&h);

    expect_err(vd_onvif_find_stream(&h.config, false, &stream, &h.why), VD_DENIED);
    expect_str(h.why.fact, "the camera names an address on another host");
    assert_non_null(strstr(h.why.detail, "10.9.9.9"));
    h.peer.names_host = NULL;
    h.peer.main_url = "rtsp://10.9.9.9/main";
    expect_err(vd_onvif_find_stream(&h.config, false, &stream, &h.why), VD_DENIED);
    h.config.other_host = "10.9.9.9";
    expect_ok(vd_onvif_find_stream(&h.config, false, &stream, &h.why));
    expect_str(stream.url, "rtsp://10.9.9.9/main");
    house_close(&h);
}

VD_TEST(camera_asked_by_name_may_answer_with_its_number)
{
    house h = { .peer = { .user = NULL } };
    house_open(&h);

    snprintf(h.address, sizeof h.address, "http://localhost:%u", h.peer.port);
    expect_streams(&h, MAIN_URL, SUB_URL);
    house_close(&h);
}

VD_TEST(an_address_is_written_anew_or_refused)
{
    static const struct {
        const char *said, *ours;
    } cases[] = {
        { "rtsp://10.0.0.7/a", "rtsp://10.0.0.7/a" },
        { "rtsp://10.0.0.7:8554", "rtsp://10.0.0.7:8554/" },
        { "rtsp://u:p@10.0.0.7/a?b=1#c", "rtsp://10.0.0.7/a?b=1" },
        { "RTSP://10.0.0.7/../a", "rtsp://10.0.0.7/../a" },
        { "rtsp://10.0.0.8/a", NULL },
        { "rtsp://10.0.0.7@10.0.0.8/a", NULL },
        { "rtsp://10.0.0.8\\@10.0.0.7/a", NULL },
        { "rtsp://10.0.0.7 @10.0.0.8/", NULL },
        { "http://10.0.0.7/a", NULL },
        { "file:///etc/passwd", NULL },
        { "", NULL },
        { "10.0.0.7", NULL },
        { "rtsp://10.0.0.7:99999/", NULL },
    };
    char url[VD_ONVIF_URL_ROOM];
    vd_why why;

    for (size_t i = 0; i < VD_COUNT_OF(cases); i++) {
        const vd_err err = vd_onvif_own_address(cases[i].said, true, "10.0.0.7", NULL, url, &why);
        if (!!err != !cases[i].ours) print_error("case %zu: '%s'\n", i, cases[i].said);
        expect_true(!err == !!cases[i].ours);
        if (!err) expect_str(url, cases[i].ours);
    }
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

VD_TEST(request_ends_when_it_is_no_longer_wanted)
{
    house h = { .peer = { .user = NULL } };
    house_open(&h);

    h.config.give_up = at_once;
    pthread_mutex_lock(&h.peer.lock); /* it never answers */
    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_GONE);
    pthread_mutex_unlock(&h.peer.lock);
    house_close(&h);
}

VD_TEST(camera_that_does_not_answer_or_is_not_there_is_tried_again_later)
{
    house h = { .peer = { .user = NULL } };
    house_open(&h);

    h.config.timeout_ms = 50;
    pthread_mutex_lock(&h.peer.lock);
    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_RETRY);
    expect_str(h.why.fact, "the camera does not answer ONVIF in time");
    pthread_mutex_unlock(&h.peer.lock);
    h.config.address = "127.0.0.1:9";
    expect_err(vd_onvif_open(&h.config, &h.camera, &h.why), VD_RETRY);
    assert_non_null(strstr(h.why.hint, "discover"));
    house_close(&h);
}

/* ---- discovery ---- */

// covers: CAM-3
VD_TEST(cameras_that_answer_a_probe_are_listed_once_at_the_host_they_answer_from)
{
    house h = { .peer = { .raw_datagram = "<rubbish" } };
    vd_onvif_list *list = calloc(1, sizeof *list);
    char at[32], address[80];
    house_open(&h);

    assert_non_null(list);
    snprintf(at, sizeof at, "127.0.0.1:%u", h.peer.probe_port);
    snprintf(address, sizeof address, "http://127.0.0.1:%u/onvif/device_service", h.peer.port);
    expect_ok(vd_onvif_discover(at, 300, list, &h.why));
    expect_u64(list->count, 1);
    expect_str(list->item[0].address, address);
    expect_str(list->item[0].name, "Yard North");
    expect_str(list->item[0].hardware, "Sim-4");
    free(list);
    house_close(&h);
}

VD_TEST(camera_that_names_only_other_hosts_is_not_listed)
{
    house h = { .peer = { .names_host = "10.1.2.3" } };
    vd_onvif_list *list = calloc(1, sizeof *list);
    char at[32];
    house_open(&h);

    assert_non_null(list);
    snprintf(at, sizeof at, "127.0.0.1:%u", h.peer.probe_port);
    expect_ok(vd_onvif_discover(at, 100, list, &h.why));
    expect_u64(list->count, 0);
    free(list);
    house_close(&h);
}

VD_TEST_MAIN(
    VD_RUN(profiles_become_the_addresses_of_a_main_and_a_small_stream),
    VD_RUN(old_camera_without_media_2_tells_the_same),
    VD_RUN(camera_that_announces_media_2_and_cannot_do_it_is_asked_by_media_1),
    VD_RUN(camera_that_wants_http_digest_gets_it),
    VD_RUN(camera_that_wants_http_digest_by_sha256_gets_it),
    VD_RUN(https_camera_is_asked_when_its_certificate_is_the_right_one),
    VD_RUN(camera_whose_clock_is_years_off_is_signed_in_to_and_its_clock_told),
    VD_RUN(clock_that_is_right_is_not_complained_about), VD_RUN(presets_are_listed_and_gone_to),
    VD_RUN(camera_that_cannot_move_says_so), VD_RUN(device_tells_what_it_is),
    VD_RUN(wrong_password_is_told_as_such_whichever_way_it_was_asked_for),
    VD_RUN(no_password_where_one_is_wanted_is_told),
    VD_RUN(camera_that_hides_its_clock_and_refuses_is_told_with_the_clock_as_a_cause),
    VD_RUN(web_page_in_place_of_onvif_is_told_as_such), VD_RUN(rubbish_is_refused_with_a_reason),
    VD_RUN(camera_without_a_stream_that_we_can_use_is_told),
    VD_RUN(camera_with_one_stream_has_no_small_one), VD_RUN(no_answer_sends_us_to_another_host),
    VD_RUN(camera_asked_by_name_may_answer_with_its_number),
    VD_RUN(an_address_is_written_anew_or_refused), VD_RUN(request_ends_when_it_is_no_longer_wanted),
    VD_RUN(camera_that_does_not_answer_or_is_not_there_is_tried_again_later),
    VD_RUN(cameras_that_answer_a_probe_are_listed_once_at_the_host_they_answer_from),
    VD_RUN(camera_that_names_only_other_hosts_is_not_listed))
