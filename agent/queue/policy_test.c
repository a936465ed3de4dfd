/* Which evidence goes to the hub by itself. */
#include <time.h>

#include "outbox_test_priv.h"
#include "vd/clock.h"

#define NOON_US 1700049600000000 /* 2023-11-15T12:00:00Z */
#define HOUR_US 3600000000

/* One event with a file of its own, accepted and named by the hub. */
static vd_digest tell(desk *d, const char *severity, double score, const char *text)
{
    vd_outbox_message message;
    vd_event_evidence evidence = put_blob(d->outbox, text);
    vd_event event = event_of("yard-1", severity, 1);
    event.score = score;
    event.evidence = &evidence;
    event.evidence_count = 1;
    accept(d, &event);
    expect_ok(vd_outbox_next(d->outbox, 0, &message));
    expect_ok(vd_outbox_confirm(d->outbox, message.seq));
    free(message.body);
    desk_reopen(d); /* what was posted is done */
    return evidence.digest;
}

/* What goes now, in a row; each is sent. */
static unsigned send_all(desk *d)
{
    unsigned sent = 0;
    vd_digest digest;
    for (; blob_to_send(d, &digest); sent++) expect_ok(vd_outbox_blob_sent(d->outbox, &digest));
    return sent;
}

static void desk_with(desk *d, vd_outbox_policy policy)
{
    desk_new(d, 0, 0);
    d->config.upload = policy;
    desk_reopen(d);
}

// covers: REC-2
VD_TEST(evidence_of_events_that_do_not_matter_is_held_and_goes_when_asked_for)
{
    VD_AUTO(desk) d;
    desk_with(&d, (vd_outbox_policy){ .always = 4, .severity_min = 2 });
    vd_digest low = tell(&d, "low", 0.9, "low"), medium = tell(&d, "medium", 0.9, "medium"), next;
    expect_u64(stats_of(&d).held, 1);
    expect_u64(stats_of(&d).held_bytes, 3);
    expect_true(blob_to_send(&d, &next));
    expect_str(next.hex, medium.hex);
    expect_u64(send_all(&d), 1);
    expect_true(blob_is_here(&d, &low));
    expect_ok(vd_outbox_ask(d.outbox, &low, NULL));
    expect_true(blob_to_send(&d, &next));
    expect_str(next.hex, low.hex);
    expect_u64(send_all(&d), 1);
    desk_reopen(&d);
    expect_false(blob_is_here(&d, &low));
    expect_u64(stats_of(&d).held, 0);
}

// covers: REC-2
VD_TEST(the_hub_learns_from_the_event_that_its_evidence_is_held)
{
    VD_AUTO(desk) d;
    desk_with(&d, (vd_outbox_policy){ .always = 4, .severity_min = 2 });
    for (unsigned turn = 0; turn < 2; turn++) {
        vd_outbox_message message;
        vd_event_evidence evidence = put_blob(d.outbox, turn ? "b" : "a");
        vd_event event = event_of("yard-1", turn ? "high" : "low", 1);
        event.evidence = &evidence;
        event.evidence_count = 1;
        accept(&d, &event);
        expect_ok(vd_outbox_next(d.outbox, turn, &message));
        bool told = memmem(message.body, message.body_len, "\"held\":true", 11) != NULL;
        expect_true(told == !turn);
        free(message.body);
    }
}

// covers: REC-2
VD_TEST(only_scores_in_the_band_are_worth_sending)
{
    VD_AUTO(desk) d;
    desk_with(&d, (vd_outbox_policy){ .always = 4, .score_min = 0.4, .score_max = 0.7 });
    tell(&d, "medium", 0.39, "too low");
    tell(&d, "medium", 0.5, "in the band");
    tell(&d, "medium", 0.8, "too sure");
    tell(&d, "critical", 0.8, "always");
    expect_u64(stats_of(&d).held, 2);
    expect_u64(send_all(&d), 2);
}

// covers: REC-2
VD_TEST(a_budget_of_events_an_hour_and_a_day_is_kept_over_restarts)
{
    VD_AUTO(desk) d;
    vd_clock_fake(-1, NOON_US);
    desk_with(&d, (vd_outbox_policy){ .always = 4, .per_hour = 2, .per_day = 3 });
    tell(&d, "medium", 0.5, "1");
    tell(&d, "medium", 0.5, "2");
    tell(&d, "medium", 0.5, "3: beyond the hour's");
    expect_u64(stats_of(&d).held, 1);
    vd_clock_fake(-1, NOON_US + HOUR_US + 1);
    tell(&d, "medium", 0.5, "4: the day's last");
    tell(&d, "medium", 0.5, "5: beyond the day's");
    expect_u64(stats_of(&d).held, 2);
    vd_clock_fake(-1, NOON_US + 25 * HOUR_US + 2);
    tell(&d, "medium", 0.5, "6");
    expect_u64(stats_of(&d).held, 2);
    expect_u64(send_all(&d), 4);
    vd_clock_fake(-1, -1);
}

// covers: REC-2
VD_TEST(later_evidence_of_a_chosen_event_goes_with_it)
{
    VD_AUTO(desk) d;
    desk_with(&d, (vd_outbox_policy){ .always = 4, .per_hour = 1 });
    vd_event event = event_of("yard-1", "medium", 1), other = event_of("yard-1", "medium", 2);
    for (unsigned turn = 0; turn < 3; turn++) {
        static const char *const text[] = { "snapshot", "another event's", "clip" };
        vd_event *told = turn == 1 ? &other : &event;
        vd_event_evidence evidence = put_blob(d.outbox, text[turn]);
        told->evidence = &evidence;
        told->evidence_count = 1;
        accept(&d, told);
        told->revision++;
    }
    expect_u64(stats_of(&d).held, 1);
}

// covers: REC-2
VD_TEST(in_quiet_hours_only_what_always_goes_is_sent)
{
    VD_AUTO(desk) d;
    setenv("TZ", "UTC", 1);
    tzset();
    vd_clock_fake(-1, NOON_US);
    desk_with(&d,
              (vd_outbox_policy){ .always = 3, .quiet_from_min = 22 * 60, .quiet_to_min = 360 });
    vd_clock_fake(-1, NOON_US + 11 * HOUR_US); /* 23:00 */
    vd_digest waits = tell(&d, "medium", 0.5, "waits"), goes = tell(&d, "high", 0.5, "goes"), next;
    expect_u64(stats_of(&d).held, 0);
    expect_true(blob_to_send(&d, &next));
    expect_str(next.hex, goes.hex);
    expect_u64(send_all(&d), 1);
    vd_clock_fake(-1, NOON_US + 17 * HOUR_US); /* 05:00 */
    expect_u64(send_all(&d), 0);
    vd_clock_fake(-1, NOON_US + 18 * HOUR_US); /* 06:00 */
    expect_true(blob_to_send(&d, &next));
    expect_str(next.hex, waits.hex);
    vd_clock_fake(-1, -1);
}

// covers: REC-2
VD_TEST(held_evidence_is_lost_first_and_asking_for_it_then_says_so)
{
    VD_AUTO(desk) d;
    vd_why why = { 0 };
    desk_with(&d, (vd_outbox_policy){ .always = 4, .severity_min = 4 });
    char big[30001];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    vd_digest held = tell(&d, "high", 0.5, big);
    d.config.quota_bytes = 40000;
    desk_reopen(&d);
    big[0] = 'y';
    tell(&d, "info", 0.5, big); /* less severe, but a whole event */
    expect_u64(stats_of(&d).dropped_blobs, 1);
    expect_u64(stats_of(&d).dropped_quota, 0);
    expect_false(blob_is_here(&d, &held));
    expect_err(vd_outbox_ask(d.outbox, &held, &why), VD_ABSENT);
    assert_non_null(strstr(why.hint, "quota"));
}

VD_TEST(without_a_policy_everything_goes)
{
    VD_AUTO(desk) d;
    desk_new(&d, 0, 0);
    tell(&d, "info", 0.01, "a");
    tell(&d, "critical", 0.99, "b");
    expect_u64(stats_of(&d).held, 0);
    expect_u64(send_all(&d), 2);
}

VD_TEST_MAIN(VD_RUN(evidence_of_events_that_do_not_matter_is_held_and_goes_when_asked_for),
             VD_RUN(the_hub_learns_from_the_event_that_its_evidence_is_held),
             VD_RUN(only_scores_in_the_band_are_worth_sending),
             VD_RUN(a_budget_of_events_an_hour_and_a_day_is_kept_over_restarts),
             VD_RUN(later_evidence_of_a_chosen_event_goes_with_it),
             VD_RUN(in_quiet_hours_only_what_always_goes_is_sent),
             VD_RUN(held_evidence_is_lost_first_and_asking_for_it_then_says_so),
             VD_RUN(without_a_policy_everything_goes))
