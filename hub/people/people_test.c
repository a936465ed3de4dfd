#include "notify_priv.h"
#include "scene.h"

#include "vd/clock.h"
#include "vd/secret.h"

static const vd_sql *const tables[] = { incident_sql, people_sql, NULL };

// covers: API-1
VD_TEST(a_password_is_kept_as_argon2id_with_the_recommended_cost)
{
    char encoded[VD_PASSWORD_ROOM];
    vd_why why = { 0 };

    expect_ok(vd_password_hash("correct horse battery", encoded, &why));

    assert_non_null(strstr(encoded, "$argon2id$v=19$m=65536,t=3,p=4$"));
    expect_true(vd_password_right(encoded, "correct horse battery"));
    expect_false(vd_password_right(encoded, "correct horse batterz"));
    expect_false(vd_password_right(NULL, "correct horse battery"));
}

VD_TEST(names_and_passwords_have_limits)
{
    vd_why why = { 0 };
    char longer[VD_PASSWORD_BYTES + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    expect_ok(vd_user_check("ann", "0123456789", &why));
    expect_err(vd_user_check("", "0123456789", &why), VD_INVALID);
    expect_err(vd_user_check("a b", "0123456789", &why), VD_INVALID);
    expect_err(vd_user_check("ann", "012345678", &why), VD_INVALID);
    expect_err(vd_user_check("ann", longer, &why), VD_INVALID);
}

static void add_user(scene *s, const char *name)
{
    vd_user user = { .role = VD_ROLE_OPERATOR, .password = "$none", .created_us = T0 };
    vd_slice_to_chars(vd_slice_str(name), user.name, sizeof user.name);
    expect_ok(vd_user_add(s->store, &user, NULL));
}

// covers: API-1
VD_TEST(a_session_is_found_by_its_secret_until_it_ends_or_expires)
{
    VD_AUTO(scene) s = scene_open(tables);
    char secret[VD_SECRET_TEXT_ROOM], other[VD_SECRET_TEXT_ROOM];
    int64_t expires_us = 0;
    vd_session session;
    add_user(&s, "ann");
    vd_clock_fake(1000, T0);
    expect_ok(vd_session_begin(s.store, "ann", false, secret, &expires_us, NULL));
    expect_ok(vd_session_begin(s.store, "ann", true, other, &expires_us, NULL));

    expect_ok(vd_session_find(s.store, secret, &session, NULL));
    expect_str(session.user.name, "ann");
    expect_false(session.token);
    vd_clock_fake(1000, T0 + VD_SESSION_US);
    expect_err(vd_session_find(s.store, secret, &session, NULL), VD_DENIED);
    expect_ok(vd_session_find(s.store, other, &session, NULL));
    expect_true(session.token);
    expect_ok(vd_session_end(s.store, other, NULL));
    expect_err(vd_session_find(s.store, other, &session, NULL), VD_DENIED);
    vd_clock_fake(-1, -1);
}

VD_TEST(a_new_password_ends_the_other_sessions)
{
    VD_AUTO(scene) s = scene_open(tables);
    char mine[VD_SECRET_TEXT_ROOM], stolen[VD_SECRET_TEXT_ROOM];
    int64_t expires_us = 0;
    vd_session session;
    add_user(&s, "ann");
    expect_ok(vd_session_begin(s.store, "ann", false, mine, &expires_us, NULL));
    expect_ok(vd_session_begin(s.store, "ann", false, stolen, &expires_us, NULL));

    expect_ok(vd_session_end_others(s.store, "ann", mine, NULL));

    expect_ok(vd_session_find(s.store, mine, &session, NULL));
    expect_err(vd_session_find(s.store, stolen, &session, NULL), VD_DENIED);
}

// covers: API-1
VD_TEST(five_failures_a_minute_close_the_name_and_the_address)
{
    vd_throttle *throttle = vd_throttle_new();
    vd_clock_fake(1000000, T0);
    for (int n = 0; n < VD_THROTTLE_FAILURES; n++)
        expect_u64(vd_throttle_try(throttle, "ann", "1.2.3.4"), 0);

    expect_u64(vd_throttle_try(throttle, "ann", "5.6.7.8"), 61);
    expect_u64(vd_throttle_try(throttle, "bob", "1.2.3.4"), 61);
    expect_u64(vd_throttle_try(throttle, "bob", "5.6.7.8"), 0);
    vd_clock_fake(1000000 + 61 * S, T0);
    expect_u64(vd_throttle_try(throttle, "ann", "1.2.3.4"), 0);
    vd_clock_fake(-1, -1);
    vd_throttle_free(throttle);
}

VD_TEST(a_right_password_forgives_the_name)
{
    vd_throttle *throttle = vd_throttle_new();
    vd_clock_fake(1000000, T0);
    for (int n = 0; n < 3 * VD_THROTTLE_FAILURES; n++) {
        expect_u64(vd_throttle_try(throttle, "ann", "1.2.3.4"), 0);
        vd_throttle_right(throttle, "ann", "1.2.3.4");
    }
    vd_clock_fake(-1, -1);
    vd_throttle_free(throttle);
}

static vd_notify_config two_rules(void)
{
    vd_notify_config config = { .site = "Yard", .public_url = "https://hub:8443" };
    config.rules[0] = (vd_notify_rule){ .rule = "peo*",
                                        .camera = "*",
                                        .severity_least = 2,
                                        .emails = { "a@x.org" },
                                        .email_count = 1,
                                        .cool_down_ms = 300000 };
    config.rules[1] = (vd_notify_rule){ .rule = "*",
                                        .camera = "gate-*",
                                        .emails = { "a@x.org", "b@x.org" },
                                        .email_count = 2,
                                        .webhooks = { "desk" },
                                        .webhook_count = 1 };
    config.rule_count = 2;
    return config;
}

static vd_json *deliveries(scene *s)
{
    char next[VD_ULID_LEN + 1];
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_notify_write(s->store, NULL, NULL, 50, &w, next, NULL));
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 65536, 8, &root, NULL));
    return root;
}

static unsigned count_state(const vd_json *list, const char *state)
{
    unsigned count = 0;
    for (size_t n = 0; n < vd_json_len(list); n++)
        if (strcmp(scene_text(vd_json_at(list, n), "state"), state) == 0) count++;
    return count;
}

// covers: HUB-4
VD_TEST(each_recipient_of_the_rules_that_fit_is_told_once_and_the_cool_down_holds_back)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_notify_config config = two_rules();
    unsigned count = 0;
    vd_event first = scene_event(0, 1), second = scene_event(500, 501);
    vd_clock_fake(1000, T0);
    vd_incident_outcome one = scene_take(&s, &first), two = scene_take(&s, &second);

    expect_ok(vd_notify_opened(s.store, &config, one.incident.text, &count, NULL));
    expect_u64(count, 3); /* a once, b, desk */
    vd_clock_fake(1000, T0 + 60 * S);
    expect_ok(vd_notify_opened(s.store, &config, two.incident.text, &count, NULL));

    VD_AUTO(vd_json_ptr) list = deliveries(&s);
    expect_u64(vd_json_len(list), 6);
    expect_u64(count_state(list, "suppressed"), 1); /* a: the other targets have no cool-down */
    expect_u64(count_state(list, "waiting"), 5);
    expect_str(scene_text(vd_json_at(list, 0), "subject"),
               "[Yard] medium: person in \"gate\" (gate-1)");
    vd_clock_fake(-1, -1);
}

VD_TEST(a_rule_that_does_not_fit_tells_nobody)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_notify_config config = two_rules();
    unsigned count = 9;
    vd_event event = scene_event(0, 1);
    event.severity = "low";
    event.camera = "door";
    vd_incident_outcome one = scene_take(&s, &event);

    expect_ok(vd_notify_opened(s.store, &config, one.incident.text, &count, NULL));

    expect_u64(count, 0);
}

// covers: HUB-4
VD_TEST(a_webhook_is_signed_over_its_time_and_body)
{
    VD_AUTO(vd_buf) signature = VD_BUF(256);
    expect_ok(vd_webhook_sign("secret", 1700000000, VD_STR("{\"a\":1}"), &signature));
    /* printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret */
    expect_str(signature.data, "t=1700000000,v1="
                               "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

VD_TEST(a_header_has_no_line_breaks_of_its_own_and_only_ascii)
{
    VD_AUTO(vd_buf) plain = VD_BUF(4096);
    VD_AUTO(vd_buf) folded = VD_BUF(4096);
    expect_true(mail_header_text("a\r\nBcc: x@y.org", &plain));
    expect_str(plain.data, "a  Bcc: x@y.org");
    expect_true(mail_header_text("T\xc3\xbcr", &folded));
    expect_str(folded.data, "=?UTF-8?B?VMO8cg==?=");
}

VD_TEST(a_mail_says_what_where_when_and_links_to_the_incident)
{
    vd_notify_config config = two_rules();
    message m = { .incident = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                  .title = "person in \"gate\"",
                  .camera = "gate-1",
                  .device = "yard",
                  .rule = "people",
                  .zone = "gate",
                  .severity = 3,
                  .started_us = T0,
                  .score = 0.875 };
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    expect_true(mail_text(&config, &m, &text));
    assert_non_null(strstr(text.data, "person in \"gate\"\r\n"));
    assert_non_null(strstr(text.data, "https://hub:8443/incidents/01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_non_null(strstr(text.data, "high"));
    assert_non_null(strstr(text.data, "No picture had arrived in time."));
}

VD_TEST_MAIN(VD_RUN(a_password_is_kept_as_argon2id_with_the_recommended_cost),
             VD_RUN(names_and_passwords_have_limits),
             VD_RUN(a_session_is_found_by_its_secret_until_it_ends_or_expires),
             VD_RUN(a_new_password_ends_the_other_sessions),
             VD_RUN(five_failures_a_minute_close_the_name_and_the_address),
             VD_RUN(a_right_password_forgives_the_name),
             VD_RUN(each_recipient_of_the_rules_that_fit_is_told_once_and_the_cool_down_holds_back),
             VD_RUN(a_rule_that_does_not_fit_tells_nobody),
             VD_RUN(a_webhook_is_signed_over_its_time_and_body),
             VD_RUN(a_header_has_no_line_breaks_of_its_own_and_only_ascii),
             VD_RUN(a_mail_says_what_where_when_and_links_to_the_incident))
