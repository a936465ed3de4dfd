#include "vd/json.h"
#include "vd/test.h"

static vd_json *parsed(const char *text)
{
    vd_json *root = NULL;
    vd_why why = { 0 };
    expect_ok(vd_json_parse(vd_slice_str(text), 65536, 32, &root, &why));
    return root;
}

static void expect_print(const vd_json *node, const char *want)
{
    VD_AUTO(vd_buf) out = VD_BUF(65536);
    expect_ok(vd_json_print(node, &out));
    expect_str(out.data, want);
}

VD_TEST(a_document_is_read_and_written_back_the_same)
{
    const char *text = "{\"a\":[1,-2,0.1,1e+300,true,false,null],\"\xc3\xa9\":\"x\\n\\\"\"}";
    VD_AUTO(vd_json_ptr) root = parsed(text);
    expect_print(root, text);
}

VD_TEST(lookups_of_what_is_not_there_give_the_fallback)
{
    VD_AUTO(vd_json_ptr) root = parsed("{\"a\":[1],\"t\":\"x\"}");
    expect_true(vd_json_get(root, "b") == NULL);
    expect_true(vd_json_at(vd_json_get(root, "a"), 1) == NULL);
    expect_true(vd_json_get(vd_json_get(root, "a"), "x") == NULL);
    expect_i64(vd_json_int(vd_json_get(root, "t"), 7), 7);
    expect_str(vd_json_text(vd_json_get(root, "a"), "none"), "none");
    expect_u64(vd_json_len(NULL), 0);
}

VD_TEST(members_come_in_the_order_of_the_document)
{
    VD_AUTO(vd_json_ptr) root = parsed("{\"z\":1,\"a\":2}");
    const char *key = NULL;
    expect_i64(vd_json_int(vd_json_member(root, 0, &key), 0), 1);
    expect_str(key, "z");
    expect_i64(vd_json_int(vd_json_member(root, 1, &key), 0), 2);
    expect_str(key, "a");
    expect_true(vd_json_member(root, 2, &key) == NULL);
}

VD_TEST(what_is_malformed_is_refused_with_its_place)
{
    static const char *const bad[] = {
        "", "{", "{\"a\":1,}", "[1] 2", "{\"a\":1,\"a\":2}", "\"\xff\"", "NaN", "\"\\u0000\""
    };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_json *root = NULL;
        vd_why why = { 0 };
        expect_err(vd_json_parse(vd_slice_str(bad[i]), 100, 8, &root, &why), VD_INVALID);
        expect_true(strncmp(why.detail, "line ", 5) == 0);
    }
}

VD_TEST(size_and_depth_are_bounded)
{
    vd_json *root = NULL;
    expect_err(vd_json_parse(VD_STR("[1,2,3]"), 6, 8, &root, NULL), VD_FULL);
    expect_err(vd_json_parse(VD_STR("[[[1]]]"), 100, 2, &root, NULL), VD_INVALID);
    expect_ok(vd_json_parse(VD_STR("[[\"]]]][[[[\\\"[[[\"]]"), 100, 2, &root, NULL));
    vd_json_free(root);
}

typedef struct {
    const char *name;
    char kind[5];
    uint64_t dwell_ms;
    int64_t offset, at_us;
    double score;
    bool on;
    const vd_json *rest;
} zone;

static const vd_json_field zone_fields[] = {
    { "name", VD_JSON_TEXT, offsetof(zone, name), .needed = true },
    { "kind", VD_JSON_TEXT, offsetof(zone, kind), .max = 4, .inplace = true },
    { "dwell_ms", VD_JSON_COUNT, offsetof(zone, dwell_ms), .max = 1000 },
    { "offset", VD_JSON_INT, offsetof(zone, offset) },
    { "at", VD_JSON_TIME, offsetof(zone, at_us) },
    { "score", VD_JSON_NUM, offsetof(zone, score) },
    { "on", VD_JSON_BOOL, offsetof(zone, on) },
    { "rest", VD_JSON_NODE, offsetof(zone, rest) },
};

static vd_err read_zone(const char *text, zone *into, vd_arena *arena, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = parsed(text);
    vd_err err = vd_json_read(root, zone_fields, VD_COUNT_OF(zone_fields), into, arena, why);
    into->rest = NULL;
    return err;
}

VD_TEST(a_table_reads_every_kind_and_ignores_unknown_members)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(4096);
    zone z = { 0 };
    vd_why why = { 0 };
    expect_ok(read_zone("{\"name\":\"gate\",\"kind\":\"zone\",\"dwell_ms\":1000,\"offset\":-4,"
                        "\"at\":\"1970-01-01T00:00:01Z\",\"score\":1,\"on\":true,\"new\":{}}",
                        &z, arena, &why));
    expect_str(z.name, "gate");
    expect_str(z.kind, "zone");
    expect_u64(z.dwell_ms, 1000);
    expect_i64(z.offset, -4);
    expect_i64(z.at_us, 1000000);
    expect_near(z.score, 1, 0);
    expect_true(z.on);
}

VD_TEST(an_absent_member_keeps_the_default)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(4096);
    zone z = { .dwell_ms = 500 };
    expect_ok(read_zone("{\"name\":\"gate\",\"dwell_ms\":null}", &z, arena, NULL));
    expect_u64(z.dwell_ms, 500);
}

VD_TEST(a_wrong_member_is_named)
{
    static const char *const bad[] = {
        "{}",
        "{\"name\":null}",
        "{\"name\":1}",
        "{\"name\":\"g\",\"kind\":\"toolong\"}",
        "{\"name\":\"g\",\"dwell_ms\":1001}",
        "{\"name\":\"g\",\"dwell_ms\":-1}",
        "{\"name\":\"g\",\"offset\":1.5}",
        "{\"name\":\"g\",\"at\":\"yesterday\"}",
        "{\"name\":\"g\",\"score\":\"1\"}",
        "{\"name\":\"g\",\"on\":1}",
    };
    static const char *const named[] = { "'name'",     "'name'",     "'name'",   "'kind'",
                                         "'dwell_ms'", "'dwell_ms'", "'offset'", "'at'",
                                         "'score'",    "'on'" };
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(4096);
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) {
        zone z = { 0 };
        vd_why why = { 0 };
        expect_err(read_zone(bad[i], &z, arena, &why), VD_INVALID);
        expect_true(strstr(why.fact, named[i]) != NULL);
    }
}

VD_TEST(the_writer_escapes_and_mends_text)
{
    VD_AUTO(vd_buf) out = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&out);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "t", "a\"\\\x01\t\xff\xc3(\xed\xa0\x80z");
    vd_json_w_kv_num(&w, "n", 0.5000, 4);
    vd_json_w_kv_num(&w, "z", -0.00001, 2);
    vd_json_w_kv_num(&w, "inf", 1.0 / 0.0, 2);
    vd_json_w_key(&w, "l");
    vd_json_w_list(&w);
    vd_json_w_int(&w, 1);
    vd_json_w_null(&w);
    vd_json_w_list(&w);
    vd_json_w_list_end(&w);
    vd_json_w_list_end(&w);
    vd_json_w_kv_time(&w, "at", 1000000);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_str(out.data,
               "{\"t\":\"a\\\"\\\\\\u0001\\t\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd"
               "\xef\xbf\xbdz\",\"n\":0.5,\"z\":0,\"inf\":null,\"l\":[1,null,[]],"
               "\"at\":\"1970-01-01T00:00:01.000000Z\"}");
}

VD_TEST(a_full_buffer_is_told_at_the_end)
{
    VD_AUTO(vd_buf) out = VD_BUF(6);
    vd_json_w w = vd_json_writer(&out);
    vd_json_w_list(&w);
    vd_json_w_text(&w, "too long");
    vd_json_w_list_end(&w);
    expect_err(vd_json_w_end(&w), VD_FULL);
}

static void expect_merge(const char *target, const char *patch, const char *want)
{
    VD_AUTO(vd_json_ptr) from = parsed(target);
    VD_AUTO(vd_json_ptr) change = parsed(patch);
    VD_AUTO(vd_json_ptr) result = NULL;
    expect_ok(vd_json_merge_patch(from, change, &result));
    expect_print(result, want);
}

VD_TEST(merge_patch_follows_the_examples_of_rfc_7396)
{
    expect_merge("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect_merge("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    expect_merge("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    expect_merge("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect_merge("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    expect_merge("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
                 "{\"a\":{\"b\":\"d\"}}");
    expect_merge("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    expect_merge("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    expect_merge("{\"a\":\"foo\"}", "null", "null");
    expect_merge("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    expect_merge("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    expect_merge("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

VD_TEST_MAIN(VD_RUN(a_document_is_read_and_written_back_the_same),
             VD_RUN(lookups_of_what_is_not_there_give_the_fallback),
             VD_RUN(members_come_in_the_order_of_the_document),
             VD_RUN(what_is_malformed_is_refused_with_its_place),
             VD_RUN(size_and_depth_are_bounded),
             VD_RUN(a_table_reads_every_kind_and_ignores_unknown_members),
             VD_RUN(an_absent_member_keeps_the_default), VD_RUN(a_wrong_member_is_named),
             VD_RUN(the_writer_escapes_and_mends_text), VD_RUN(a_full_buffer_is_told_at_the_end),
             VD_RUN(merge_patch_follows_the_examples_of_rfc_7396))
