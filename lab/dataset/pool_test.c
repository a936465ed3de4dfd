#include "dataset.h"
#include "scene.h"
#include "vd/clock.h"

static const vd_sql *const tables[] = { incident_sql, people_sql, archive_sql, dataset_sql, NULL };

#define PERSON                                                                                     \
    "[{\"box\":{\"l\":0.1,\"t\":0.1,\"w\":0.2,\"h\":0.2},\"score\":0.9,\"class\":\"person\"}]"
#define UNSURE                                                                                     \
    "[{\"box\":{\"l\":0.1,\"t\":0.1,\"w\":0.2,\"h\":0.2},\"score\":0.41,\"class\":\"person\"}]"

static vd_digest digest_of(char letter)
{
    vd_digest digest = { .hex = "" };
    memset(digest.hex, letter, VD_SHA256_HEX);
    return digest;
}

static vd_pool_new picture(char letter, const char *camera, double at_s, const char *proposals)
{
    return (vd_pool_new){ .picture = digest_of(letter),
                          .source = "sample",
                          .reason = "uncertain",
                          .device = "yard",
                          .camera = camera,
                          .captured_us = T0 + (int64_t)(at_s * 1e6),
                          .width_px = 768,
                          .height_px = 576,
                          .content_type = "image/jpeg",
                          .proposals = proposals,
                          .model_name = "m",
                          .model_digest = "aa",
                          .who = "device:yard",
                          .sender = "yard",
                          .bytes = 10 };
}

static void add(scene *s, const vd_pool_new *p)
{
    bool added = false;
    expect_ok(vd_pool_add(s->store, p, &added, NULL));
    expect_true(added);
    expect_ok(vd_archive_arrived(s->store, &p->picture, p->bytes, NULL));
}

static char next_of(scene *s, const vd_digest *after)
{
    vd_digest best = { 0 };
    const vd_pool_filter all = { 0 };
    vd_err err = vd_pool_next(s->store, &all, after ? after->hex : NULL, NULL, &best, NULL);
    return err ? '-' : best.hex[0];
}

static vd_err label(scene *s, char letter, uint64_t version, const char *who, uint64_t *ret_version)
{
    static vd_label_box box = { "person", 0.1, 0.1, 0.2, 0.2, false, 0 };
    const vd_label person = { .verdict = VD_LABEL_OBJECTS, .box = &box, .count = 1 };
    vd_digest digest = digest_of(letter);
    vd_pool_change change = {
        .picture = digest.hex, .version = version, .who = who, .spent_ms = 1200
    };
    return vd_pool_label(s->store, &change, &person, ret_version, NULL);
}

// covers: CIR-1
VD_TEST(what_teaches_most_comes_first_and_neighbours_do_not_follow_each_other)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_pool_new sure = picture('1', "gate", 0, PERSON), unsure = picture('2', "gate", 100, UNSURE);
    vd_pool_new beside = picture('3', "gate", 105, UNSURE), none = picture('4', "door", 0, NULL);
    none.reason = "random";
    add(&s, &sure);
    add(&s, &unsure);
    add(&s, &beside);
    add(&s, &none);
    uint64_t version = 0;

    expect_i64(next_of(&s, NULL), '2');
    expect_i64(next_of(&s, &unsure.picture), '1'); /* not the neighbour */
    expect_ok(label(&s, '2', 1, "ann", &version));
    expect_i64(next_of(&s, NULL), '1'); /* its neighbour teaches less now */
    expect_ok(label(&s, '1', 1, "ann", &version));
    expect_ok(label(&s, '4', 1, "ann", &version));
    expect_i64(next_of(&s, &unsure.picture), '3'); /* better than nothing */
    expect_ok(label(&s, '3', 1, "ann", &version));
    expect_i64(next_of(&s, NULL), '-');
}

// covers: CIR-1
VD_TEST(a_picture_whose_bytes_have_not_come_is_not_asked_about)
{
    VD_AUTO(scene) s = scene_open(tables);
    bool added = false;
    vd_pool_new p = picture('1', "gate", 0, UNSURE);
    expect_ok(vd_pool_add(s.store, &p, &added, NULL));
    expect_i64(next_of(&s, NULL), '-');
    expect_ok(vd_archive_arrived(s.store, &p.picture, p.bytes, NULL));
    expect_i64(next_of(&s, NULL), '1');
    expect_ok(vd_pool_add(s.store, &p, &added, NULL));
    expect_false(added);
}

// covers: CIR-2
VD_TEST(of_two_people_who_saw_the_same_version_only_one_labels_it)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_pool_new p = picture('1', "gate", 0, UNSURE);
    vd_digest digest = digest_of('1');
    uint64_t version = 0;
    add(&s, &p);

    expect_ok(label(&s, '1', 1, "ann", &version));
    expect_u64(version, 2);
    expect_err(label(&s, '1', 1, "bob", &version), VD_CONFLICT);
    expect_err(label(&s, '1', 9, "bob", &version), VD_INVALID);
    expect_err(label(&s, '7', 1, "bob", &version), VD_ABSENT);
    vd_pool_change by_ann = { .picture = digest.hex, .version = 2, .who = "ann" };
    expect_err(vd_pool_review(s.store, &by_ann, true, NULL, &version, NULL), VD_DENIED);
    vd_pool_change by_bob = { .picture = digest.hex, .version = 2, .who = "bob" };
    expect_ok(vd_pool_review(s.store, &by_bob, true, NULL, &version, NULL));
    by_bob.version = version;
    expect_err(vd_pool_review(s.store, &by_bob, true, NULL, &version, NULL), VD_INVALID);
    expect_ok(vd_pool_undo(s.store, &by_bob, 1, &version, NULL));
    by_bob.version = version;
    expect_i64(next_of(&s, NULL), '1'); /* it has no label again */
    expect_ok(vd_pool_undo(s.store, &by_bob, 3, &version, NULL));
    expect_i64(next_of(&s, NULL), '-');
}

VD_TEST(a_class_that_nobody_added_and_boxes_that_cannot_be_are_refused)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_label_box strange = { "unicorn", 0.1, 0.1, 0.2, 0.2, false, 0 };
    vd_label said = { .verdict = VD_LABEL_OBJECTS, .box = &strange, .count = 1 };
    vd_pool_new p = picture('1', "gate", 0, UNSURE);
    vd_pool_change change = { .picture = p.picture.hex, .version = 1, .who = "ann" };
    uint64_t version = 0;
    vd_why why = { 0 };
    add(&s, &p);

    expect_err(vd_pool_label(s.store, &change, &said, &version, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "unicorn"));
    expect_ok(vd_pool_add_class(s.store, "unicorn", "ann", NULL));
    expect_ok(vd_pool_label(s.store, &change, &said, &version, NULL));

    const double nan = 0.0 / 0.0;
    const vd_label_box bad[] = {
        { "a", nan, 0, 1, 1, false, 0 },  { "a", 0, 0, nan, 1, false, 0 },
        { "a", -0.1, 0, 1, 1, false, 0 }, { "a", 0.5, 0, 0.6, 1, false, 0 },
        { "a", 0, 0, 0, 1, false, 0 },    { "a", 0, 0, 1, -1, false, 0 },
        { "", 0, 0, 1, 1, false, 0 },     { "a", 0, 0, 1e-9, 1, false, 0 },
        { NULL, 0, 0, 1, 1, false, 0 }
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_label_box b = bad[i];
        expect_err(vd_label_box_check(&b, "box 1", &why), VD_INVALID);
    }
    vd_label_box edge = { "a", -1e-9, 0.5, 1 + 2e-9, 0.5, false, 0 };
    expect_ok(vd_label_box_check(&edge, "box 1", NULL)); /* a rounding is cut */
    expect_near(edge.l, 0, 0);
    expect_near(edge.w, 1, 0);
}

// covers: CIR-1
VD_TEST(a_false_alarm_is_a_hard_negative_and_leaves_with_its_verdict_unless_labelled)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_digest digest = digest_of('b');
    vd_event_evidence file = { .kind = "snapshot",
                               .digest = digest,
                               .bytes = 10,
                               .content_type = "image/jpeg",
                               .start_utc_us = T0,
                               .end_utc_us = T0,
                               .width_px = 768,
                               .height_px = 576 };
    vd_event event = scene_event(0, 1);
    event.evidence = &file;
    event.evidence_count = 1;
    vd_incident_outcome o = scene_take(&s, &event);
    vd_incident_change change = {
        .incident = o.incident.text, .version = o.version, .who = "ann", .verdict = "false_alarm"
    };
    uint64_t version = 0;
    expect_ok(vd_incident_resolve(s.store, &change, &version, NULL));
    expect_ok(vd_archive_label(s.store, o.incident.text, NULL));

    expect_ok(vd_pool_from_incident(s.store, o.incident.text, NULL));
    expect_ok(vd_pool_from_incident(s.store, o.incident.text, NULL)); /* adds nothing twice */

    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_pool_write(s.store, digest.hex, &w, NULL));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 16, &root, NULL));
    expect_str(vd_json_text(vd_json_get(root, "reason"), ""), "false_alarm");
    expect_str(vd_json_text(vd_json_get(root, "label_state"), ""), "proposed");
    expect_u64(vd_json_len(vd_json_get(root, "proposals")), 0);
    expect_u64(vd_json_len(vd_json_get(root, "wrong")), 1);
    expect_i64(vd_json_int(vd_json_get(root, "version"), 0), 1);

    expect_ok(vd_pool_withdraw(s.store, o.incident.text, NULL));
    expect_err(vd_pool_write(s.store, digest.hex, &w, NULL), VD_ABSENT);
    expect_ok(vd_pool_from_incident(s.store, o.incident.text, NULL));
    const vd_label nothing = { .verdict = VD_LABEL_NOTHING };
    vd_pool_change said = { .picture = digest.hex, .version = 1, .who = "ann" };
    expect_ok(vd_pool_label(s.store, &said, &nothing, &version, NULL));
    expect_ok(vd_pool_withdraw(s.store, o.incident.text, NULL));
    vd_buf_clear(&text);
    expect_ok(vd_pool_write(s.store, digest.hex, &w, NULL));
}

// covers: CIR-1
VD_TEST(a_verdict_on_a_fact_of_no_one_thing_makes_no_box_right_or_wrong)
{
    static const char *const kinds[] = { "count", "absence", "zone" };
    static const vd_event_box bystander[] = {
        { .box = { 0.1f, 0.2f, 0.3f, 0.4f }, .score = 0.8, .class_name = "person" },
        { .box = { 0.5f, 0.2f, 0.3f, 0.4f }, .score = 0.7, .class_name = "person" },
    };
    VD_AUTO(scene) s = scene_open(tables);
    for (unsigned k = 0; k < VD_COUNT_OF(kinds); k++) {
        VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
        VD_AUTO(vd_json_ptr) root = NULL;
        vd_digest digest = digest_of((char)('c' + k));
        vd_event_evidence file = { .kind = "snapshot",
                                   .digest = digest,
                                   .bytes = 10,
                                   .content_type = "image/jpeg",
                                   .start_utc_us = T0,
                                   .end_utc_us = T0,
                                   .width_px = 768,
                                   .height_px = 576 };
        vd_event event = scene_event(1000 * k, 1000 * k + 1);
        uint64_t version = 0;
        event.kind = kinds[k];
        event.boxes = bystander;
        event.box_count = VD_COUNT_OF(bystander);
        event.evidence = &file;
        event.evidence_count = 1;
        vd_incident_outcome o = scene_take(&s, &event);
        vd_incident_change change = { .incident = o.incident.text,
                                      .version = o.version,
                                      .who = "ann",
                                      .verdict = "false_alarm" };
        expect_ok(vd_incident_resolve(s.store, &change, &version, NULL));
        expect_ok(vd_archive_label(s.store, o.incident.text, NULL));
        expect_ok(vd_pool_from_incident(s.store, o.incident.text, NULL));
        vd_json_w w = vd_json_writer(&text);
        expect_ok(vd_pool_write(s.store, digest.hex, &w, NULL));
        expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 16, &root, NULL));
        expect_str(vd_json_text(vd_json_get(root, "reason"), ""), "false_alarm");
        expect_str(vd_json_text(vd_json_get(root, "label_state"), ""), "proposed");
        expect_u64(vd_json_len(vd_json_get(root, "proposals")), event.box_count);
        expect_u64(vd_json_len(vd_json_get(root, "wrong")), 0);
    }
}

// covers: CIR-1
VD_TEST(a_sample_is_taken_once_and_one_that_cannot_be_read_is_refused)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_buf) json = VD_BUF(1 << 16);
    vd_digest taken = { 0 }, digest = digest_of('c');
    vd_archive_evidence evidence = { 0 };
    vd_why why = { 0 };
    static const char *const form =
        "{\"id\":\"x\",\"camera\":\"gate\",\"captured_at\":\"2026-11-21T10:00:00Z\",\"reason\":\"%"
        "s\","
        "\"picture\":{\"digest\":\"%s\",\"bytes\":10,\"width\":%d,\"height\":576},\"boxes\":" UNSURE
        ",\"model\":{\"name\":\"m\",\"digest\":\"%s\"}}";
    expect_true(vd_buf_addf(&json, form, "rare", digest.hex, 768, digest.hex));

    expect_ok(vd_pool_take_sample(s.store, "yard", vd_buf_slice(&json), &taken, NULL));
    expect_ok(vd_pool_take_sample(s.store, "yard", vd_buf_slice(&json), &taken, NULL));
    expect_str(taken.hex, digest.hex);
    expect_ok(vd_archive_named(s.store, "yard", &digest, &evidence, NULL));
    expect_u64(evidence.bytes, 10);

    vd_buf_clear(&json);
    expect_true(vd_buf_addf(&json, form, "because", digest.hex, 768, digest.hex));
    expect_err(vd_pool_take_sample(s.store, "yard", vd_buf_slice(&json), &taken, &why), VD_INVALID);
    vd_buf_clear(&json);
    expect_true(vd_buf_addf(&json, form, "rare", "nothing", 768, digest.hex));
    expect_err(vd_pool_take_sample(s.store, "yard", vd_buf_slice(&json), &taken, &why), VD_INVALID);
    vd_buf_clear(&json);
    expect_true(vd_buf_addf(&json, form, "rare", digest.hex, 99999, digest.hex));
    expect_err(vd_pool_take_sample(s.store, "yard", vd_buf_slice(&json), &taken, &why), VD_INVALID);
    expect_err(vd_pool_take_sample(s.store, "yard", VD_STR("[]"), &taken, &why), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(what_teaches_most_comes_first_and_neighbours_do_not_follow_each_other),
             VD_RUN(a_picture_whose_bytes_have_not_come_is_not_asked_about),
             VD_RUN(of_two_people_who_saw_the_same_version_only_one_labels_it),
             VD_RUN(a_class_that_nobody_added_and_boxes_that_cannot_be_are_refused),
             VD_RUN(a_false_alarm_is_a_hard_negative_and_leaves_with_its_verdict_unless_labelled),
             VD_RUN(a_verdict_on_a_fact_of_no_one_thing_makes_no_box_right_or_wrong),
             VD_RUN(a_sample_is_taken_once_and_one_that_cannot_be_read_is_refused))
