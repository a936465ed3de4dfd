/* Events that overlap: one gate, one clip. */
#include "model_stub_priv.h"

#include "events_test_priv.h"

/* The last that was told of an event. */
static const told *last_of(stage *s, const char *id)
{
    const told *found = NULL;
    for (unsigned i = 0; i < s->told_count; i++)
        if (strcmp(s->told[i].id, id) == 0) found = &s->told[i];
    return found;
}

/* The last that was told of the other event. */
static const told *other_of(stage *s, const char *id)
{
    const told *found = NULL;
    for (unsigned i = 0; i < s->told_count; i++)
        if (strcmp(s->told[i].id, id) != 0) found = &s->told[i];
    expect_true(found != NULL);
    return found;
}

static void expect_correlation(const told *t, const char *id)
{
    char member[64];
    snprintf(member, sizeof member, "\"correlation\":\"%s\"", id);
    assert_non_null(strstr(t->json, member));
}

// covers: REC-1
VD_TEST(events_of_one_gate_share_its_clip_and_the_first_ones_id)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 4.2);
    tell_visit(&s, 1, VD_FACT_BEGIN, 3.5, 4.0, 0.5f);
    feed(&s, &f, 4.2, 6.4);
    tell_visit(&s, 1, VD_FACT_END, 3.5, 6.0, 0.6f); /* alone it would close at 7 */
    tell_visit(&s, 2, VD_FACT_BEGIN, 5.5, 6.3, 0.7f);
    feed(&s, &f, 6.4, 7.6);
    tell_visit(&s, 2, VD_FACT_END, 5.5, 7.5, 0.7f);
    feed(&s, &f, 7.6, 13);
    expect_told(&s, 6);
    const char *first = s.told[0].id;
    const told *a = last_of(&s, first), *b = other_of(&s, first);
    const vd_event_evidence *clip = evidence_of(a, "clip");
    expect_true(clip && evidence_of(b, "clip"));
    expect_str(evidence_of(b, "clip")->digest.hex, clip->digest.hex);
    expect_near(clip->end_utc_us, START_US + 8500000, 100000); /* the second's end and post-roll */
    for (unsigned i = 0; i < s.told_count; i++) expect_correlation(&s.told[i], first);
}

// covers: REC-1
VD_TEST(an_event_that_a_gate_cannot_stay_open_for_gets_a_clip_of_its_own)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 4);
    tell_visit(&s, 1, VD_FACT_BEGIN, 3.0, 4.0, 0.5f); /* open until 9 at most */
    feed(&s, &f, 4, 8.7);
    tell_visit(&s, 2, VD_FACT_BEGIN, 8.4, 8.6, 0.5f);
    feed(&s, &f, 8.7, 11);
    tell_visit(&s, 2, VD_FACT_END, 8.4, 9.5, 0.5f);
    feed(&s, &f, 11, 13);
    expect_told(&s, 5);
    const told *a = last_of(&s, s.told[0].id), *b = other_of(&s, a->id);
    const vd_event_evidence *early = evidence_of(a, "clip"), *late = evidence_of(b, "clip");
    expect_true(early && late);
    expect_near(early->end_utc_us, START_US + 9 * SECOND, 100000);
    expect_near(late->start_utc_us, START_US + 6 * SECOND, 0);
    expect_near(late->end_utc_us, START_US + 10500000, 100000);
    expect_correlation(b, b->id);
}

// covers: REC-1
VD_TEST(a_late_event_shares_the_clip_and_keeps_it_open_no_longer)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new(&s);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 1.5);
    tell_visit(&s, 1, VD_FACT_BEGIN, 1.0, 1.4, 0.5f); /* open until 7 at most */
    feed(&s, &f, 1.5, 6.35);
    tell_visit(&s, 2, VD_FACT_BEGIN, 1.2, 1.25, 0.5f); /* found 5.05 s behind the camera */
    tell_visit(&s, 1, VD_FACT_END, 1.0, 5.4, 0.5f);
    feed(&s, &f, 6.35, 13);
    expect_told(&s, 5);
    const told *a = last_of(&s, s.told[0].id), *b = other_of(&s, a->id);
    expect_true(evidence_of(a, "clip") && evidence_of(b, "clip"));
    expect_str(evidence_of(b, "clip")->digest.hex, evidence_of(a, "clip")->digest.hex);
    expect_near(evidence_of(a, "clip")->end_utc_us, START_US + 6400000, 50000);
}

// covers: REC-1
VD_TEST(a_delayed_clip_begins_after_its_event_though_that_is_over)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new_delayed(&s, 4500);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 1.5);
    tell_visit(&s, 1, VD_FACT_BEGIN, 1.0, 1.4, 0.5f);
    feed(&s, &f, 1.5, 2.5);
    tell_visit(&s, 1, VD_FACT_END, 1.0, 2.4, 0.5f);
    expect_told(&s, 2);
    feed(&s, &f, 2.5, 13);
    expect_told(&s, 3);
    const vd_event_evidence *clip = evidence_of(last_of(&s, s.told[0].id), "clip");
    expect_true(clip != NULL);
    expect_near(clip->start_utc_us, START_US + 5 * SECOND, 0); /* the key frame before 5.5 */
    expect_near(clip->end_utc_us, START_US + 6500000, 100000);
}

// covers: REC-1
VD_TEST(a_delayed_gate_takes_later_events_in_while_it_waits_and_counts_its_most_from_its_opening)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new_delayed(&s, 3000);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 1.5);
    tell_visit(&s, 1, VD_FACT_BEGIN, 1.0, 1.4, 0.5f); /* opens at 4, at most until 10 */
    feed(&s, &f, 1.5, 2.5);
    tell_visit(&s, 2, VD_FACT_BEGIN, 2.0, 2.4, 0.5f);
    tell_visit(&s, 1, VD_FACT_END, 1.0, 2.4, 0.5f);
    feed(&s, &f, 2.5, 11.5); /* the second goes on */
    tell_visit(&s, 2, VD_FACT_END, 2.0, 11.4, 0.5f);
    feed(&s, &f, 11.5, 13);
    expect_told(&s, 6);
    const told *a = last_of(&s, s.told[0].id), *b = other_of(&s, a->id);
    const vd_event_evidence *clip = evidence_of(a, "clip");
    expect_true(clip && evidence_of(b, "clip"));
    expect_str(evidence_of(b, "clip")->digest.hex, clip->digest.hex);
    expect_correlation(b, a->id);
    expect_near(clip->start_utc_us, START_US + 4 * SECOND, 0);
    expect_near(clip->end_utc_us, START_US + 10 * SECOND, 100000);
}

// covers: REC-1
VD_TEST(a_delayed_clip_of_an_event_found_after_its_signal_begins_where_it_should)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new_delayed(&s, 1000);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 5.5);
    tell_visit(&s, 1, VD_FACT_BEGIN, 1.2, 5.4, 0.5f);
    tell_visit(&s, 1, VD_FACT_END, 1.2, 5.5, 0.5f);
    feed(&s, &f, 5.5, 13);
    expect_told(&s, 3);
    const vd_event_evidence *clip = evidence_of(last_of(&s, s.told[0].id), "clip");
    expect_true(clip != NULL);
    expect_near(clip->start_utc_us, START_US + 2 * SECOND, 0);
    expect_near(clip->end_utc_us, START_US + 6500000, 100000);
}

// covers: REC-1
VD_TEST(a_camera_that_leaves_before_the_signal_leaves_its_event_without_a_clip)
{
    VD_AUTO(stage) s = { 0 };
    VD_AUTO(film) f = { 0 };
    stage_new_delayed(&s, 60000);
    film_make(&f, s.dir, "film.mp4", "-bf 0");
    feed(&s, &f, -1, 1.5);
    tell_visit(&s, 1, VD_FACT_BEGIN, 1.0, 1.4, 0.5f);
    tell_visit(&s, 1, VD_FACT_END, 1.0, 1.5, 0.5f);
    vd_events_leave_camera(s.camera);
    vd_events_stop(s.events);
    expect_told(&s, 2);
    expect_str(s.told[1].phase, "end");
    expect_true(evidence_of(&s.told[1], "clip") == NULL);
}

VD_TEST_MAIN(
    VD_RUN(events_of_one_gate_share_its_clip_and_the_first_ones_id),
    VD_RUN(an_event_that_a_gate_cannot_stay_open_for_gets_a_clip_of_its_own),
    VD_RUN(a_late_event_shares_the_clip_and_keeps_it_open_no_longer),
    VD_RUN(a_delayed_clip_begins_after_its_event_though_that_is_over),
    VD_RUN(
        a_delayed_gate_takes_later_events_in_while_it_waits_and_counts_its_most_from_its_opening),
    VD_RUN(a_delayed_clip_of_an_event_found_after_its_signal_begins_where_it_should),
    VD_RUN(a_camera_that_leaves_before_the_signal_leaves_its_event_without_a_clip))
