#include "outbox_test_priv.h"
#include "vd/clock.h"

// covers: QUE-1
VD_TEST(evidence_follows_its_event_and_goes_when_the_hub_has_it)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event_evidence snapshot = put_blob(d.outbox, "a picture");
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = &snapshot;
    event.evidence_count = 1;
    accept(&d, &event);
    vd_digest digest;
    expect_false(blob_to_send(&d, &digest)); /* the hub does not know the event yet */
    expect_ok(vd_outbox_confirm(d.outbox, 1));
    desk_reopen(&d);
    expect_true(blob_to_send(&d, &digest));
    expect_str(digest.hex, snapshot.digest.hex);
    expect_ok(vd_outbox_blob_sent(d.outbox, &digest));
    expect_false(blob_to_send(&d, &digest));
    desk_reopen(&d);
    expect_false(blob_is_here(&d, &snapshot.digest));
    expect_u64(stats_of(&d).waiting_blobs, 0);
    expect_u64(stats_of(&d).bytes, 0);
}

VD_TEST(evidence_of_two_revisions_is_kept_until_both_are_named)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event_evidence snapshot = put_blob(d.outbox, "a picture");
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = &snapshot;
    event.evidence_count = 1;
    accept(&d, &event);
    event.revision = 2;
    accept(&d, &event);
    expect_ok(vd_outbox_confirm(d.outbox, 1));
    desk_reopen(&d);
    vd_digest digest;
    expect_true(blob_to_send(&d, &digest));
    expect_ok(vd_outbox_blob_sent(d.outbox, &digest));
    desk_reopen(&d);
    expect_true(blob_is_here(&d, &digest));
    expect_false(blob_to_send(&d, &digest)); /* once is enough */
    expect_ok(vd_outbox_confirm(d.outbox, 2));
    desk_reopen(&d);
    expect_ok(vd_outbox_sweep(d.outbox, NULL));
    expect_false(blob_is_here(&d, &digest));
    event.revision = 3; /* names a file that went long ago */
    accept(&d, &event);
    expect_u64(stats_of(&d).waiting_blobs, 0);
}

VD_TEST(evidence_that_could_not_be_sent_waits_its_time)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event_evidence evidence[2] = { put_blob(d.outbox, "one"), put_blob(d.outbox, "two") };
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = evidence;
    event.evidence_count = 2;
    accept(&d, &event);
    expect_ok(vd_outbox_confirm(d.outbox, 1));
    desk_reopen(&d);
    vd_digest first, second, digest;
    expect_true(blob_to_send(&d, &first));
    int64_t hour_us = 3600 * 1000000ll, now_us = vd_clock_utc_us();
    expect_ok(vd_outbox_blob_later(d.outbox, &first, now_us + hour_us, "no route to the hub"));
    expect_true(blob_to_send(&d, &second));
    expect_true(strcmp(first.hex, second.hex) != 0);
    expect_ok(vd_outbox_blob_sent(d.outbox, &second));
    expect_false(blob_to_send(&d, &digest));
    vd_clock_fake(vd_clock_mono_us(), now_us + hour_us + 1);
    expect_true(blob_to_send(&d, &digest));
    vd_clock_fake(-1, -1);
    expect_str(digest.hex, first.hex);
}

VD_TEST(evidence_goes_before_events_nobody_has_heard_of)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, message_bytes() * 4 - 10, 0);
    VD_AUTO(vd_buf) big = VD_BUF(1 << 16);
    for (uint64_t n = 0; n < message_bytes() * 2; n++) expect_true(vd_buf_add_byte(&big, 'x'));
    vd_event_evidence clip = put_blob(d.outbox, big.data);
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = &clip;
    event.evidence_count = 1;
    accept(&d, &event);
    expect_ok(vd_outbox_confirm(d.outbox, 1));
    desk_reopen(&d);
    for (uint64_t n = 2; n <= 3; n++) {
        event = event_of("yard-1", "high", n);
        accept(&d, &event);
    }
    expect_u64(stats_of(&d).dropped_blobs, 1);
    expect_u64(stats_of(&d).dropped_quota, 0);
    expect_u64(stats_of(&d).waiting, 2);
    desk_reopen(&d);
    expect_false(blob_is_here(&d, &clip.digest));
}

VD_TEST(files_that_no_message_names_are_swept_at_the_start)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event_evidence kept = put_blob(d.outbox, "kept"), orphan = put_blob(d.outbox, "orphan");
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = &kept;
    event.evidence_count = 1;
    accept(&d, &event);
    desk_reopen(&d);
    expect_ok(vd_outbox_sweep(d.outbox, NULL));
    expect_true(blob_is_here(&d, &kept.digest));
    expect_false(blob_is_here(&d, &orphan.digest));
}

// covers: QUE-1, RUN-2
VD_TEST(a_file_written_just_before_a_kill_is_kept_for_the_event_that_ends_after_it)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 0, 0);
    vd_event_evidence late = put_blob(d.outbox, "written, then killed");
    vd_event event = event_of("yard-1", "high", 1);
    event.evidence = &late;
    event.evidence_count = 1;
    desk_reopen(&d);
    accept(&d, &event); /* the next run ends the event that was left open */
    expect_ok(vd_outbox_sweep(d.outbox, NULL));
    expect_true(blob_is_here(&d, &late.digest));
    expect_u64(stats_of(&d).waiting_blobs, 1);
}

VD_TEST_MAIN(VD_RUN(evidence_follows_its_event_and_goes_when_the_hub_has_it),
             VD_RUN(evidence_of_two_revisions_is_kept_until_both_are_named),
             VD_RUN(evidence_that_could_not_be_sent_waits_its_time),
             VD_RUN(evidence_goes_before_events_nobody_has_heard_of),
             VD_RUN(files_that_no_message_names_are_swept_at_the_start),
             VD_RUN(a_file_written_just_before_a_kill_is_kept_for_the_event_that_ends_after_it))
