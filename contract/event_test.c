#include "event.h"
#include "vd/test.h"

static const vd_event_box boxes[] = {
    { { 0.1f, 0.2f, 0.3f, 0.4f }, 0.91, "person", 7 },
    { { 0, 0, 1, 1 }, 0.25, "car", 0 },
};

static const vd_event_place places[] = {
    { -1500, { 0.1f, 0.2f, 0.3f, 0.4f } },
    { 200, { 0.25f, 0.2f, 0.3f, 0.4f } },
};

static vd_event sample(const vd_event_evidence *evidence, vd_json *rule)
{
    vd_event e = {
        .revision = 2,
        .phase = "end",
        .device = "yard-1",
        .camera = "gate-2",
        .kind = "zone",
        .severity = "high",
        .rule_id = "people-in-yard",
        .rule_version = "3",
        .zone = "yard \"north\"",
        .rule = rule,
        .start_utc_us = 1000000,
        .update_utc_us = 2000000,
        .end_utc_us = 3500000,
        .time_source = "rtcp",
        .track = 7,
        .score = 0.91,
        .score_min = 0.5,
        .class_name = "person",
        .model_name = "centernet",
        .box_count = 2,
        .boxes = boxes,
        .evidence_count = 1,
        .evidence = evidence,
        .path_count = 2,
        .path = places,
    };
    e.id = vd_ulid_new();
    e.model_digest = vd_sha256(VD_STR("model"));
    return e;
}

/* Reads `text` after writing `find` over with `replace` (same document otherwise). */
static vd_err read_text(const char *text, vd_arena *arena, vd_json **root, vd_event *into,
                        vd_why *why)
{
    vd_err err = vd_json_parse(vd_slice_str(text), VD_EVENT_JSON_MAX, 32, root, why);
    return err ? err : vd_event_read(*root, arena, into, why);
}

static vd_err read_with(const char *find, const char *replace, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVENT_JSON_MAX), changed = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    const vd_event_evidence evidence = { .kind = "snapshot",
                                         .digest = vd_sha256(VD_STR("x")),
                                         .bytes = 5,
                                         .content_type = "image/jpeg",
                                         .start_utc_us = 1,
                                         .end_utc_us = 1 };
    vd_event e = sample(&evidence, NULL), back;
    expect_ok(vd_event_write(&e, &text));
    char *at = strstr(text.data, find);
    expect_true(at != NULL);
    expect_true(vd_buf_add(&changed, vd_slice_of(text.data, (size_t)(at - text.data))));
    expect_true(vd_buf_add_str(&changed, replace));
    expect_true(vd_buf_add_str(&changed, at + strlen(find)));
    return read_text(changed.data, arena, &root, &back, why);
}

/* covers: EVT-1 */
VD_TEST(an_event_that_was_written_reads_back_the_same)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVENT_JSON_MAX), again = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_json_ptr) root = NULL, rule = NULL;
    const vd_event_evidence evidence = {
        "clip", vd_sha256(VD_STR("x")), 5, "video/mp4", 1, 2, 640, 480,
    };
    expect_ok(vd_json_parse(VD_STR("{\"id\":\"r\",\"points\":[{\"x\":0.1,\"y\":1}]}"), 100, 8,
                            &rule, NULL));
    vd_event e = sample(&evidence, rule), back = { 0 };
    expect_ok(vd_event_write(&e, &text));
    vd_why why = { 0 };
    expect_ok(read_text(text.data, arena, &root, &back, &why));
    expect_str(back.id.text, e.id.text);
    expect_str(back.zone, e.zone);
    expect_i64(back.end_utc_us, 3500000);
    expect_u64(back.box_count, 2);
    expect_near(back.boxes[0].box.w, 0.3, 1e-6);
    expect_u64(back.evidence[0].bytes, 5);
    expect_str(back.evidence[0].digest.hex, evidence.digest.hex);
    expect_u64(back.path_count, 2);
    expect_i64(back.path[0].at_ms, -1500);
    expect_near(back.path[1].box.l, 0.25, 1e-6);
    expect_ok(vd_event_write(&back, &again));
    expect_str(again.data, text.data);
}

VD_TEST(inferences_have_the_ava_shape)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_event e = sample(NULL, NULL), back;
    e.evidence_count = 0;
    expect_ok(vd_event_write(&e, &text));
    expect_ok(read_text(text.data, arena, &root, &back, NULL));
    expect_u64(vd_json_len(back.inferences), 2);
    const vd_json *first = vd_json_at(back.inferences, 0);
    const vd_json *entity = vd_json_get(first, "entity");
    expect_str(vd_json_text(vd_json_get(first, "type"), ""), "entity");
    expect_str(vd_json_text(vd_json_get(vd_json_get(entity, "tag"), "value"), ""), "person");
    expect_near(vd_json_num(vd_json_get(vd_json_get(entity, "tag"), "confidence"), 0), 0.91, 1e-9);
    expect_near(vd_json_num(vd_json_get(vd_json_get(entity, "box"), "t"), 0), 0.2, 1e-6);
    expect_str(vd_json_text(vd_json_get(entity, "id"), ""), "7");
}

static const vd_event_property crossed[] = {
    { "direction", "clockwise" },
    { "total", "3" },
    { "clockwiseTotal", "2" },
    { "counterclockwiseTotal", "1" },
};

/* covers: RULE-2 */
VD_TEST(a_line_crossing_travels_as_ava_clients_know_it)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(65536);
    VD_AUTO(vd_buf) text = VD_BUF(VD_EVENT_JSON_MAX), again = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_event e = sample(NULL, NULL), back = { 0 };
    e.kind = "line";
    e.evidence_count = 0;
    e.properties = crossed;
    e.property_count = VD_COUNT_OF(crossed);
    expect_ok(vd_event_write(&e, &text));
    expect_ok(read_text(text.data, arena, &root, &back, NULL));
    expect_u64(vd_json_len(back.inferences), 3);
    const vd_json *finding = vd_json_at(back.inferences, 2);
    const vd_json *event = vd_json_get(finding, "event");
    const vd_json *properties = vd_json_get(event, "properties");
    expect_str(vd_json_text(vd_json_get(finding, "type"), ""), "event");
    expect_str(vd_json_text(vd_json_get(finding, "subtype"), ""), "lineCrossing");
    expect_str(vd_json_text(vd_json_get(event, "name"), ""), e.zone);
    expect_str(vd_json_text(vd_json_get(properties, "direction"), ""), "clockwise");
    expect_str(vd_json_text(vd_json_get(properties, "counterclockwiseTotal"), ""), "1");
    expect_near(vd_json_num(vd_json_get(vd_json_get(event, "box"), "t"), 0), 0.2, 1e-6);
    expect_str(vd_event_property_of(&back, "clockwiseTotal"), "2");
    expect_true(vd_event_property_of(&back, "speed") == NULL);
    expect_ok(vd_event_write(&back, &again));
    expect_str(again.data, text.data);
}

/* covers: RULE-2 */
VD_TEST(each_kind_has_its_title_in_words)
{
    static const struct {
        const char *kind, *rule;
        vd_event_property property[3];
        const char *title;
    } all[] = {
        { "zone", "{}", { { "inside_s", "2" } }, "person in \"gate\"" },
        { "zone", "{\"when\":\"enter\"}", { { "a", "" } }, "person came into \"gate\"" },
        { "zone", "{\"when\":\"leave\"}", { { "a", "" } }, "person left \"gate\"" },
        { "zone",
          "{\"when\":\"occupancy\"}",
          { { "finding", "too_many" }, { "inside", "6" } },
          "too many in \"gate\": 6" },
        { "line", "{}", { { "total", "1" } }, "person crossed \"gate\"" },
        { "count",
          "{}",
          { { "finding", "too_few" }, { "count", "2" }, { "period_s", "60" } },
          "too few at \"gate\": 2 in 60 s" },
        { "count",
          "{}",
          { { "finding", "stopped" }, { "period_s", "60" } },
          "\"gate\" stopped: no person for 60 s" },
        { "absence", "{}", { { "finding", "nobody" } }, "nobody at \"gate\"" },
        { "equipment",
          "{}",
          { { "missing", "helmet, vest" } },
          "person without helmet, vest in \"gate\"" },
        { "proximity", "{}", { { "distance_m", "1.8" } }, "person 1.8 m from car in \"gate\"" },
        { "inspection",
          "{}",
          { { "verdict", "fail" }, { "defect", "dent" } },
          "fail at \"gate\": dent" },
        { "inspection",
          "{}",
          { { "verdict", "fail" }, { "defect", "missing" }, { "parts", "screw" } },
          "fail at \"gate\": screw missing" },
        { "object", "{}", { { "finding", "left" } }, "something was left in \"gate\"" },
        { "object", "{}", { { "finding", "removed" } }, "something is gone from \"gate\"" },
        { "inspection", "{}", { { "verdict", "unsure" } }, "unsure at \"gate\"" },
        { "inspection",
          "{}",
          { { "rate", "0.1200" }, { "limit", "0.1100" } },
          "defects rise at \"gate\": rate 0.1200, limit 0.1100" },
    };
    for (size_t i = 0; i < VD_COUNT_OF(all); i++) {
        VD_AUTO(vd_buf) title = VD_BUF(256);
        VD_AUTO(vd_json_ptr) rule = NULL;
        expect_ok(vd_json_parse(vd_slice_str(all[i].rule), 100, 4, &rule, NULL));
        vd_event e = sample(NULL, rule);
        e.zone = "gate";
        e.kind = all[i].kind;
        e.properties = all[i].property;
        while (e.property_count < 3 && all[i].property[e.property_count].name) e.property_count++;
        expect_ok(vd_event_title(&e, &title));
        expect_str(title.data, all[i].title);
    }
}

VD_TEST(an_event_that_goes_on_has_no_end)
{
    vd_why why = { 0 };
    expect_ok(read_with("\"phase\":\"end\"", "\"phase\":\"update\"", &why));
    expect_err(read_with("\"end\":\"1970-01-01T00:00:03.500000Z\"", "\"end\":null", &why),
               VD_INVALID);
}

VD_TEST(unknown_members_are_ignored)
{
    expect_ok(read_with("{\"id\"", "{\"new\":{\"a\":[1]},\"id\"", NULL));
}

VD_TEST(each_wrong_member_is_refused_by_name)
{
    static const struct {
        const char *find, *replace, *named;
    } bad[] = {
        { "\"id\":\"0", "\"id\":\"9", "'id'" },
        { "\"revision\":2", "\"revision\":0", "'revision'" },
        { "\"revision\":2", "\"revision\":-1", "'revision'" },
        { "\"phase\":\"end\"", "\"phase\":\"later\"", "'phase'" },
        { "\"device\":\"yard-1\"", "\"device\":\"yard 1\"", "'device'" },
        { "\"camera\":\"gate-2\"", "\"camera\":\"Gate\"", "'camera'" },
        { "\"kind\":\"zone\"", "\"kind\":\"colour\"", "'kind'" },
        { "\"path\":[", "\"properties\":7,\"path\":[", "'properties'" },
        { "\"path\":[", "\"properties\":{\"a\":7},\"path\":[", "'properties'" },
        { "\"severity\":\"high\"", "\"severity\":\"worst\"", "'severity'" },
        { "\"start\":\"1970", "\"start\":\"x", "'start'" },
        { "\"score\":0.91", "\"score\":1.5", "'score'" },
        { "\"l\":0.1", "\"l\":-0.1", "'l'" },
        { "\"class\":\"person\"", "\"class\":7", "'class'" },
        { "\"kind\":\"snapshot\"", "\"kind\":\"sound\"", "'kind'" },
        { "\"bytes\":5", "\"bytes\":999999999999", "'bytes'" },
        { "\"boxes\":[", "\"boxes\":7,\"old\":[", "'boxes'" },
        { "\"model\":{", "\"model\":{\"x\":1},\"old\":{", "'name'" },
        { "\"inferences\"", "\"old\"", "'inferences'" },
        { "\"path\":[", "\"path\":7,\"old\":[", "'path'" },
        { "\"at_ms\":-1500", "\"at_ms\":200", "'at_ms'" },
        { "\"l\":0.25", "\"l\":2", "'l'" },
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_why why = { 0 };
        expect_err(read_with(bad[i].find, bad[i].replace, &why), VD_INVALID);
        if (!strstr(why.fact, bad[i].named)) print_error("%s: %s\n", bad[i].find, why.fact);
        expect_true(strstr(why.fact, bad[i].named) != NULL);
    }
}

VD_TEST_MAIN(VD_RUN(an_event_that_was_written_reads_back_the_same),
             VD_RUN(inferences_have_the_ava_shape),
             VD_RUN(a_line_crossing_travels_as_ava_clients_know_it),
             VD_RUN(each_kind_has_its_title_in_words), VD_RUN(an_event_that_goes_on_has_no_end),
             VD_RUN(unknown_members_are_ignored), VD_RUN(each_wrong_member_is_refused_by_name))
