#include "scene.h"

static const vd_sql *const tables[] = { incident_sql, NULL };

static void expect_same(const vd_incident_outcome *a, const vd_incident_outcome *b)
{
    expect_str(a->incident.text, b->incident.text);
}

// covers: HUB-2
VD_TEST(a_revision_changes_once_and_a_lower_or_equal_one_never)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0);

    vd_incident_outcome first = scene_take(&s, &event);
    vd_incident_outcome again = scene_take(&s, &event);
    event.revision = 3;
    event.phase = "end";
    event.end_utc_us = T0 + 5 * S;
    vd_incident_outcome third = scene_take(&s, &event);
    event.revision = 2;
    event.end_utc_us = 0;
    vd_incident_outcome late = scene_take(&s, &event);

    expect_true(first.changed && first.opened);
    expect_false(again.changed);
    expect_true(third.changed && !third.opened);
    expect_u64(third.version, first.version + 1);
    expect_false(late.changed);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, first.incident.text);
    expect_i64(vd_json_int(vd_json_get(shown, "event_count"), 0), 1);
    expect_false(vd_json_bool(vd_json_get(shown, "ongoing"), true));
    expect_i64(vd_json_int(vd_json_get(shown, "version"), 0), (int64_t)third.version);
}

// covers: HUB-2
VD_TEST(events_of_one_situation_form_one_incident_and_others_their_own)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event a = scene_event(0, 10), within = scene_event(69, 80), beyond = scene_event(200, 210);
    vd_event other_camera = scene_event(5, 6), other_rule = scene_event(5, 6);
    other_camera.camera = "gate-2";
    other_rule.rule_id = "cars";

    vd_incident_outcome first = scene_take(&s, &a), second = scene_take(&s, &within);
    vd_incident_outcome third = scene_take(&s, &beyond), camera = scene_take(&s, &other_camera);
    vd_incident_outcome rule = scene_take(&s, &other_rule);

    expect_same(&first, &second);
    expect_false(second.opened);
    expect_true(third.opened && camera.opened && rule.opened);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, first.incident.text);
    expect_i64(vd_json_int(vd_json_get(shown, "event_count"), 0), 2);
    expect_str(scene_text(shown, "title"), "person in \"gate\"");
    expect_str(scene_text(shown, "ended_at"), "2023-11-14T22:14:40.000000Z");
    const vd_json *history = vd_json_get(shown, "history");
    expect_str(scene_text(vd_json_at(history, 0), "what"), "opened");
    expect_str(scene_text(vd_json_at(history, 1), "what"), "event_joined");
    expect_str(scene_text(vd_json_at(history, 1), "who"), "device:yard");
}

VD_TEST(an_event_that_arrives_late_joins_the_incident_it_belongs_to_in_time)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event early = scene_event(0, 10), later = scene_event(500, 510), late = scene_event(12, 14);

    vd_incident_outcome first = scene_take(&s, &early);
    vd_incident_outcome second = scene_take(&s, &later);
    vd_incident_outcome joined = scene_take(&s, &late);

    expect_true(second.opened);
    expect_same(&joined, &first);
}

VD_TEST(an_event_without_an_end_holds_its_incident_open_for_an_hour)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event endless = scene_event(0, 0), soon = scene_event(1800, 1801);
    vd_event much_later = scene_event(3 * 3600, 3 * 3600 + 1);

    vd_incident_outcome first = scene_take(&s, &endless), second = scene_take(&s, &soon);
    vd_incident_outcome third = scene_take(&s, &much_later);

    expect_same(&first, &second);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, first.incident.text);
    expect_true(vd_json_bool(vd_json_get(shown, "ongoing"), false));
    expect_true(third.opened);
}

VD_TEST(an_end_that_is_seen_first_opens_an_incident_that_has_ended)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 4);
    vd_incident_outcome end = scene_take(&s, &event);
    event.revision = 1;
    event.end_utc_us = 0;

    vd_incident_outcome start = scene_take(&s, &event);

    expect_true(end.opened);
    expect_false(start.changed);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, end.incident.text);
    expect_false(vd_json_bool(vd_json_get(shown, "ongoing"), true));
}

// covers: HUB-2
VD_TEST(a_life_from_open_to_resolved_keeps_who_when_and_what)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 4);
    vd_incident_outcome o = scene_take(&s, &event);
    vd_incident_change change = { .incident = o.incident.text, .version = o.version, .who = "ann" };

    expect_ok(vd_incident_acknowledge(s.store, &change, &change.version, NULL));
    change.verdict = "false_alarm";
    change.note = "a shadow";
    expect_ok(vd_incident_resolve(s.store, &change, &change.version, NULL));

    VD_AUTO(vd_json_ptr) shown = scene_show(&s, o.incident.text);
    expect_str(scene_text(shown, "state"), "resolved");
    expect_str(scene_text(shown, "verdict"), "false_alarm");
    expect_str(scene_text(shown, "note"), "a shadow");
    expect_str(scene_text(shown, "acknowledged_by"), "ann");
    const vd_json *history = vd_json_get(shown, "history");
    expect_i64(vd_json_len(history), 3);
    expect_str(scene_text(vd_json_at(history, 2), "what"), "resolved");
    expect_str(scene_text(vd_json_at(history, 2), "who"), "ann");
    expect_str(scene_text(vd_json_at(history, 2), "text"), "false_alarm: a shadow");
}

// covers: HUB-2
VD_TEST(a_stale_verdict_is_refused_and_what_changed_is_told)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0), more = scene_event(3, 4);
    vd_incident_outcome o = scene_take(&s, &event);
    uint64_t version = 0;
    vd_why why = { 0 };
    vd_incident_change ann = { .incident = o.incident.text, .version = o.version, .who = "ann" };
    vd_incident_change bob = {
        .incident = o.incident.text, .version = o.version, .who = "bob", .verdict = "true"
    };
    expect_ok(vd_incident_acknowledge(s.store, &ann, &version, NULL));
    scene_take(&s, &more);

    vd_err err = vd_incident_resolve(s.store, &bob, &version, &why);

    expect_err(err, VD_CONFLICT);
    expect_str(why.fact, "the incident changed since you looked");
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_incident_write_changes(s.store, o.incident.text, o.version, &w, NULL));
    VD_AUTO(vd_json_ptr) changes = NULL;
    expect_ok(vd_json_parse(vd_buf_slice(&text), 65536, 8, &changes, NULL));
    expect_i64(vd_json_len(changes), 2);
    expect_str(scene_text(vd_json_at(changes, 0), "what"), "acknowledged");
    expect_str(scene_text(vd_json_at(changes, 1), "what"), "event_joined");
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, o.incident.text);
    expect_str(scene_text(shown, "state"), "acknowledged");
}

VD_TEST(an_acknowledge_is_not_refused_because_an_event_joined)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0), more = scene_event(3, 4);
    vd_incident_outcome o = scene_take(&s, &event);
    uint64_t version = 0;
    scene_take(&s, &more);
    vd_incident_change ann = { .incident = o.incident.text, .version = o.version, .who = "ann" };

    expect_ok(vd_incident_acknowledge(s.store, &ann, &version, NULL));
    expect_u64(version, o.version + 2);
}

VD_TEST(wrong_versions_verdicts_and_ids_are_refused_each_in_its_way)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 4);
    vd_incident_outcome o = scene_take(&s, &event);
    uint64_t version = 0;
    vd_incident_change c = {
        .incident = o.incident.text, .version = 99, .who = "a", .verdict = "true"
    };

    expect_err(vd_incident_resolve(s.store, &c, &version, NULL), VD_INVALID);
    c.version = o.version;
    c.verdict = "maybe";
    expect_err(vd_incident_resolve(s.store, &c, &version, NULL), VD_INVALID);
    expect_err(vd_incident_reopen(s.store, &c, &version, NULL), VD_CONFLICT);
    c.incident = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    expect_err(vd_incident_acknowledge(s.store, &c, &version, NULL), VD_ABSENT);
}

VD_TEST(reopen_takes_back_one_step_at_a_time)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 4);
    vd_incident_outcome o = scene_take(&s, &event);
    vd_incident_change c = {
        .incident = o.incident.text, .version = o.version, .who = "ann", .verdict = "true"
    };
    expect_ok(vd_incident_acknowledge(s.store, &c, &c.version, NULL));
    expect_ok(vd_incident_resolve(s.store, &c, &c.version, NULL));

    expect_ok(vd_incident_reopen(s.store, &c, &c.version, NULL));
    VD_AUTO(vd_json_ptr) once = scene_show(&s, o.incident.text);
    expect_ok(vd_incident_reopen(s.store, &c, &c.version, NULL));
    VD_AUTO(vd_json_ptr) twice = scene_show(&s, o.incident.text);

    expect_str(scene_text(once, "state"), "acknowledged");
    expect_str(scene_text(once, "verdict"), "(none)");
    expect_str(scene_text(twice, "state"), "open");
    expect_str(scene_text(twice, "acknowledged_by"), "(none)");
    expect_err(vd_incident_reopen(s.store, &c, &c.version, NULL), VD_CONFLICT);
}

// covers: HUB-2
VD_TEST(a_resolved_incident_takes_no_new_event_but_keeps_late_revisions)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0), next = scene_event(2, 3);
    vd_incident_outcome o = scene_take(&s, &event);
    uint64_t version = 0;
    vd_incident_change c = {
        .incident = o.incident.text, .version = o.version, .who = "ann", .verdict = "true"
    };
    expect_ok(vd_incident_resolve(s.store, &c, &version, NULL));

    vd_incident_outcome opened = scene_take(&s, &next);
    event.revision = 2;
    event.end_utc_us = T0 + 9 * S;
    vd_incident_outcome late = scene_take(&s, &event);

    expect_true(opened.opened);
    expect_same(&late, &o);
    expect_true(late.resolved && late.changed);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, o.incident.text);
    expect_str(scene_text(shown, "state"), "resolved");
    expect_i64(vd_json_int(vd_json_get(shown, "event_count"), 0), 1);
}

VD_TEST(an_event_of_another_device_or_with_another_camera_is_refused)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0);
    vd_incident_outcome o = scene_take(&s, &event);
    vd_why why = { 0 };

    expect_err(vd_incident_take(s.store, "thief", &event, VD_STR("{}"), 1, &o, &why), VD_DENIED);
    event.revision = 2;
    event.device = "thief";
    expect_err(vd_incident_take(s.store, "thief", &event, VD_STR("{}"), 1, &o, &why), VD_DENIED);
    event.device = "yard";
    event.camera = "elsewhere";
    expect_err(vd_incident_take(s.store, "yard", &event, VD_STR("{}"), 1, &o, &why), VD_INVALID);
}

VD_TEST(an_incident_is_full_at_its_limit_and_the_next_one_opens)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_incident_outcome first = { 0 }, last = { 0 };
    expect_ok(vd_store_begin(s.store, NULL));
    for (int n = 0; n <= VD_INCIDENT_EVENTS_MAX; n++) {
        vd_event event = scene_event(n, n + 1);
        last = scene_take(&s, &event);
        if (n == 0) first = last;
    }
    expect_ok(vd_store_commit(s.store, NULL));
    expect_true(last.opened);
    VD_AUTO(vd_json_ptr) shown = scene_show(&s, first.incident.text);
    expect_i64(vd_json_len(vd_json_get(shown, "events")), VD_INCIDENT_EVENTS_MAX);
}

static vd_json *page(scene *s, const vd_incident_filter *filter, vd_err want)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_err(vd_incident_write_page(s->store, filter, &w, NULL), want);
    vd_json_w_object_end(&w);
    if (want) return NULL;
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 32, &root, NULL));
    return root;
}

static size_t found(scene *s, const vd_incident_filter *filter)
{
    VD_AUTO(vd_json_ptr) root = page(s, filter, VD_OK);
    return vd_json_len(vd_json_get(root, "incidents"));
}

VD_TEST(the_list_filters_searches_counts_and_pages_newest_first)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event a = scene_event(0, 1), b = scene_event(1000, 1001), c = scene_event(2000, 2001);
    b.camera = "100%_door";
    b.severity = "high";
    scene_take(&s, &a);
    vd_incident_outcome second = scene_take(&s, &b);
    vd_incident_outcome third = scene_take(&s, &c);
    uint64_t version = 0;
    vd_incident_change change = { .incident = third.incident.text,
                                  .version = third.version,
                                  .who = "ann",
                                  .verdict = "duplicate",
                                  .note = "Seen Before" };
    expect_ok(vd_incident_resolve(s.store, &change, &version, NULL));

    VD_AUTO(vd_json_ptr) one = page(&s, &(vd_incident_filter){ .limit = 1 }, VD_OK);
    expect_str(scene_text(vd_json_at(vd_json_get(one, "incidents"), 0), "id"), third.incident.text);
    VD_AUTO(vd_json_ptr)
    two = page(&s, &(vd_incident_filter){ .limit = 1, .cursor = scene_text(one, "next") }, VD_OK);
    expect_str(scene_text(vd_json_at(vd_json_get(two, "incidents"), 0), "id"),
               second.incident.text);
    const vd_json *counts = vd_json_get(two, "counts");
    expect_i64(vd_json_int(vd_json_get(counts, "open"), -1), 2);
    expect_i64(vd_json_int(vd_json_get(counts, "resolved"), -1), 1);

    expect_u64(found(&s, &(vd_incident_filter){ .resolved = true }), 1);
    expect_u64(found(&s, &(vd_incident_filter){ .text = "0%_d" }), 1);
    expect_u64(found(&s, &(vd_incident_filter){ .text = "before" }), 1);
    expect_u64(found(&s, &(vd_incident_filter){ .severity = "high" }), 1);
    expect_u64(found(&s, &(vd_incident_filter){ .verdict = "duplicate" }), 1);
    expect_u64(
        found(&s, &(vd_incident_filter){ .since_us = T0 + 500 * S, .until_us = T0 + 1500 * S }), 1);
    expect_u64(found(&s, &(vd_incident_filter){ .text = "nothing like it" }), 0);
    page(&s, &(vd_incident_filter){ .cursor = "1.2" }, VD_INVALID);
    page(&s, &(vd_incident_filter){ .severity = "awful" }, VD_INVALID);
}

VD_TEST(what_somebody_is_looking_after_is_found_and_counted)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event a = scene_event(0, 1), b = scene_event(1000, 1001), c = scene_event(2000, 2001);
    scene_take(&s, &a);
    vd_incident_outcome one = scene_take(&s, &b), other = scene_take(&s, &c);
    uint64_t version = 0;
    expect_ok(vd_incident_acknowledge(s.store,
                                      &(vd_incident_change){ .incident = one.incident.text,
                                                             .version = one.version,
                                                             .who = "ann" },
                                      &version, NULL));
    expect_ok(vd_incident_acknowledge(s.store,
                                      &(vd_incident_change){ .incident = other.incident.text,
                                                             .version = other.version,
                                                             .who = "bo" },
                                      &version, NULL));

    vd_incident_filter mine = { .acknowledged = true, .acknowledged_by = "ann", .who = "ann" };
    VD_AUTO(vd_json_ptr) shown = page(&s, &mine, VD_OK);
    const vd_json *list = vd_json_get(shown, "incidents"), *counts = vd_json_get(shown, "counts");
    expect_i64(vd_json_len(list), 1);
    expect_str(scene_text(vd_json_at(list, 0), "id"), one.incident.text);
    expect_i64(vd_json_int(vd_json_get(counts, "acknowledged"), -1), 2);
    expect_i64(vd_json_int(vd_json_get(counts, "mine"), -1), 1);
}

VD_TEST_MAIN(VD_RUN(a_revision_changes_once_and_a_lower_or_equal_one_never),
             VD_RUN(events_of_one_situation_form_one_incident_and_others_their_own),
             VD_RUN(an_event_that_arrives_late_joins_the_incident_it_belongs_to_in_time),
             VD_RUN(an_event_without_an_end_holds_its_incident_open_for_an_hour),
             VD_RUN(an_end_that_is_seen_first_opens_an_incident_that_has_ended),
             VD_RUN(a_life_from_open_to_resolved_keeps_who_when_and_what),
             VD_RUN(a_stale_verdict_is_refused_and_what_changed_is_told),
             VD_RUN(an_acknowledge_is_not_refused_because_an_event_joined),
             VD_RUN(wrong_versions_verdicts_and_ids_are_refused_each_in_its_way),
             VD_RUN(reopen_takes_back_one_step_at_a_time),
             VD_RUN(a_resolved_incident_takes_no_new_event_but_keeps_late_revisions),
             VD_RUN(an_event_of_another_device_or_with_another_camera_is_refused),
             VD_RUN(an_incident_is_full_at_its_limit_and_the_next_one_opens),
             VD_RUN(the_list_filters_searches_counts_and_pages_newest_first),
             VD_RUN(what_somebody_is_looking_after_is_found_and_counted))
