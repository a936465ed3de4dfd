/* registry_test.c - the registry without HTTP: names, uploads, manifests, models, scoring. */
#include "registry.h"

#include <dirent.h>
#include <pthread.h>

#include "intake.h"
#include "reference.h"
#include "scene.h"
#include "small_model_priv.h"
#include "vd/fault.h"
#include "vd/file.h"

static const vd_sql *const tables[] = { intake_sql,  incident_sql, people_sql,
                                        archive_sql, registry_sql, NULL };

typedef struct {
    scene s;
    vd_committer *committer;
    vd_store_pool *readers;
    vd_blobs *blobs;
    vd_registry *registry;
    char work[128], key[128];
    unsigned told;
} stage;

static void told(void *arg, const char *model)
{
    stage *st = arg;
    expect_u64(strlen(model), VD_SHA256_HEX);
    st->told++;
}

static void open_registry(stage *st)
{
    const vd_registry_parts parts = { .committer = st->committer,
                                      .readers = st->readers,
                                      .blobs = st->blobs,
                                      .key_path = st->key,
                                      .work_dir = st->work,
                                      .changed = told,
                                      .arg = st };
    expect_ok(vd_registry_new(&parts, &st->registry, NULL));
}

static stage *stage_open(void)
{
    stage *st = calloc(1, sizeof *st);
    char root[128];
    assert_non_null(st);
    st->s = scene_open(tables);
    const vd_store_schema schema = { .migrations = hub_migrations, .statements = tables };
    (void)snprintf(root, sizeof root, "%s/blobs", st->s.dir);
    (void)snprintf(st->work, sizeof st->work, "%s/arriving", st->s.dir);
    (void)snprintf(st->key, sizeof st->key, "%s/release.key", st->s.dir);
    expect_ok(vd_store_pool_new(st->s.path, &schema, 4, &st->readers, NULL));
    expect_ok(vd_committer_new(st->s.store, 64, 16, &st->committer, NULL));
    st->s.store = NULL; /* the committer's now */
    expect_ok(vd_blobs_open(root, &st->blobs, NULL));
    open_registry(st);
    return st;
}

static void stage_done(stage **at)
{
    stage *st = *at;
    vd_registry_free(st->registry);
    vd_store_pool_free(st->readers);
    vd_committer_free(st->committer);
    vd_blobs_free(st->blobs);
    scene_done(&st->s);
    free(st);
}
typedef stage *stage_ptr;
VD_AUTO_DEFINE(stage_ptr, stage_done)

/* Files in the folder of arriving things. */
static unsigned arriving(const stage *st)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(st->work);
    assert_non_null(dir);
    while ((entry = readdir(dir))) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static const char *file_of(const stage *st, vd_slice bytes, char into[160])
{
    (void)snprintf(into, 160, "%s/part", st->s.dir);
    expect_ok(vd_file_save(into, 0640, bytes, NULL));
    return into;
}

static vd_digest push(stage *st, const char *repository, vd_slice bytes)
{
    char path[160];
    uint64_t size = 0;
    vd_ulid upload;
    vd_digest digest = vd_sha256(bytes);
    expect_ok(vd_oci_upload_begin(st->registry, repository, &upload, NULL));
    expect_ok(vd_oci_upload_add(st->registry, repository, upload.text, NULL,
                                file_of(st, bytes, path), &size, NULL));
    expect_u64(size, bytes.len);
    expect_ok(vd_oci_upload_finish(st->registry, repository, upload.text, &digest, NULL));
    return digest;
}

VD_TEST(repositories_and_tags_have_the_specifications_names)
{
    static const char *const good[] = { "a", "models/yard", "a.b/c_d/e--f/g__h", "0/1", NULL };
    static const char *const bad[] = { "",     "/a", "a/", "a//b",   "A",   "a..b", "a___b",
                                       "a_-b", ".a", "a-", "a/../b", "a b", NULL };
    for (int n = 0; good[n]; n++) expect_true(vd_oci_name_ok(vd_slice_str(good[n])));
    for (int n = 0; bad[n]; n++)
        if (vd_oci_name_ok(vd_slice_str(bad[n]))) fail_msg("'%s' was taken", bad[n]);
    expect_true(vd_oci_tag_ok(VD_STR("v1.0-rc_2")));
    expect_false(vd_oci_tag_ok(VD_STR("-v1")));
    expect_false(vd_oci_tag_ok(VD_STR("a/b")));
    expect_false(vd_oci_tag_ok(VD_SLICE_NONE));
}

// covers: CIR-6
VD_TEST(an_upload_grows_in_its_own_repository_at_its_own_place)
{
    VD_AUTO(stage_ptr) st = stage_open();
    char path[160], found[4096];
    uint64_t size = 0, wrong = 4;
    vd_ulid upload;
    vd_digest digest = vd_sha256(VD_STR("one two"));

    expect_ok(vd_oci_upload_begin(st->registry, "a/b", &upload, NULL));
    expect_ok(vd_oci_upload_add(st->registry, "a/b", upload.text, NULL,
                                file_of(st, VD_STR("one"), path), &size, NULL));
    expect_err(vd_oci_upload_add(st->registry, "a/c", upload.text, NULL,
                                 file_of(st, VD_STR("x"), path), &size, NULL),
               VD_ABSENT);
    expect_err(vd_oci_upload_add(st->registry, "a/b", upload.text, &wrong,
                                 file_of(st, VD_STR("x"), path), &size, NULL),
               VD_CONFLICT);
    expect_u64(size, 3);
    wrong = 3;
    expect_ok(vd_oci_upload_add(st->registry, "a/b", upload.text, &wrong,
                                file_of(st, VD_STR(" two"), path), &size, NULL));
    expect_ok(vd_oci_upload_finish(st->registry, "a/b", upload.text, &digest, NULL));

    expect_ok(vd_oci_blob_find(st->registry, "a/b", &digest, found, sizeof found, &size, NULL));
    expect_u64(size, 7);
    expect_err(vd_oci_blob_find(st->registry, "a/c", &digest, found, sizeof found, &size, NULL),
               VD_ABSENT);
    expect_ok(vd_oci_blob_mount(st->registry, "a/c", "a/b", &digest, NULL));
    expect_ok(vd_oci_blob_find(st->registry, "a/c", &digest, found, sizeof found, &size, NULL));
    expect_u64(arriving(st), 0);
}

// covers: CIR-6
VD_TEST(a_damaged_upload_goes_and_a_cancelled_one_too)
{
    VD_AUTO(stage_ptr) st = stage_open();
    char path[160], found[4096];
    uint64_t size = 0;
    vd_ulid upload;
    vd_why why = { 0 };
    vd_digest digest = vd_sha256(VD_STR("right"));

    expect_ok(vd_oci_upload_begin(st->registry, "a", &upload, NULL));
    expect_ok(vd_oci_upload_add(st->registry, "a", upload.text, NULL,
                                file_of(st, VD_STR("wrong"), path), &size, NULL));
    expect_err(vd_oci_upload_finish(st->registry, "a", upload.text, &digest, &why), VD_CORRUPT);
    expect_err(vd_oci_upload_size(st->registry, "a", upload.text, &size, NULL), VD_ABSENT);
    expect_err(vd_oci_blob_find(st->registry, "a", &digest, found, sizeof found, &size, NULL),
               VD_ABSENT);
    expect_ok(vd_oci_upload_begin(st->registry, "a", &upload, NULL));
    expect_ok(vd_oci_upload_cancel(st->registry, "a", upload.text, NULL));
    expect_u64(arriving(st), 0);
}

// covers: CIR-6
VD_TEST(a_full_disk_is_told_and_the_upload_can_go_on_afterwards)
{
    VD_AUTO(stage_ptr) st = stage_open();
    char path[160];
    uint64_t size = 0;
    vd_ulid upload;
    vd_why why = { 0 };
    vd_digest digest = vd_sha256(VD_STR("first second"));

    expect_ok(vd_oci_upload_begin(st->registry, "a", &upload, NULL));
    expect_ok(vd_oci_upload_add(st->registry, "a", upload.text, NULL,
                                file_of(st, VD_STR("first "), path), &size, NULL));
    (void)file_of(st, VD_STR("second"), path);
    vd_fault_set(VD_FAULT_WRITE, 1);
    expect_err(vd_oci_upload_add(st->registry, "a", upload.text, NULL, path, &size, &why), VD_FULL);
    vd_fault_set(VD_FAULT_WRITE, 0);
    assert_non_null(strstr(why.detail, "No space left"));
    expect_ok(vd_oci_upload_size(st->registry, "a", upload.text, &size, NULL));
    expect_u64(size, 6);
    expect_ok(vd_oci_upload_add(st->registry, "a", upload.text, NULL, path, &size, NULL));
    expect_ok(vd_oci_upload_finish(st->registry, "a", upload.text, &digest, NULL));
}

static vd_err put(stage *st, const char *repository, const char *reference, const char *body,
                  vd_oci_put *ret_put, vd_why *why)
{
    const vd_oci_manifest m = {
        .repository = repository, .reference = reference, .body = vd_slice_str(body), .who = "olga"
    };
    return vd_oci_manifest_put(st->registry, &m, ret_put, why);
}

// covers: CIR-6
VD_TEST(a_manifest_stands_only_when_all_it_names_is_there_and_comes_back_byte_for_byte)
{
    VD_AUTO(stage_ptr) st = stage_open();
    VD_AUTO(vd_buf) back = VD_BUF(65536);
    char body[512], type[VD_ARTIFACT_TEXT_MAX + 1];
    vd_digest have, config = vd_sha256(VD_STR("{}"));
    vd_oci_put made;
    vd_why why = { 0 };
    (void)snprintf(
        body, sizeof body,
        "{ \"schemaVersion\": 2, \"config\": {\"mediaType\":\"a/b\",\"digest\":\"sha256:%s\","
        "\"size\":2},\n \"layers\" : [ ] }",
        config.hex);

    expect_err(put(st, "a", "1.0", body, &made, &why), VD_ABSENT);
    expect_err(vd_oci_manifest_get(st->registry, "a", "1.0", &back, type, &have, NULL), VD_ABSENT);
    (void)push(st, "a", VD_STR("{}"));
    expect_ok(put(st, "a", "1.0", body, &made, &why));
    expect_ok(vd_oci_manifest_get(st->registry, "a", "1.0", &back, type, &have, NULL));
    expect_str(back.data, body);
    expect_str(type, VD_ARTIFACT_MANIFEST_TYPE);
    expect_err(vd_oci_blob_delete(st->registry, "a", &config, NULL), VD_CONFLICT);
    expect_ok(vd_oci_manifest_delete(st->registry, "a", "1.0", NULL)); /* the tag only */
    vd_buf_clear(&back);
    (void)snprintf(body, sizeof body, "sha256:%s", made.digest.hex);
    expect_ok(vd_oci_manifest_get(st->registry, "a", body, &back, type, &have, NULL));
    expect_ok(vd_oci_manifest_delete(st->registry, "a", body, NULL));
    expect_ok(vd_oci_blob_delete(st->registry, "a", &config, NULL));
}

static vd_err add_model(stage *st, float base, const char *name, bool *made, vd_digest *ret_digest,
                        vd_why *why)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(65536);
    vd_model_new model = { .name = name,
                           .descriptor = vd_slice_str(small_descriptor),
                           .who = "olga" };
    small_model_onnx(base, &onnx);
    expect_ok(vd_blobs_put(st->blobs, vd_buf_slice(&onnx), &model.weights, NULL));
    *ret_digest = model.weights;
    return vd_registry_register(st->registry, &model, made, why);
}

/* True when ONNX Runtime is there; otherwise the test counts as skipped. */
static bool can_run(void)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(65536);
    vd_graph *graph = NULL;
    vd_why why = { 0 };
    small_model_onnx(0, &onnx);
    vd_err err = vd_graph_load(vd_buf_slice(&onnx), 1, &graph, &why);
    vd_graph_free(graph);
    if (err != VD_ABSENT) expect_ok(err);
    return !err;
}

// covers: CIR-6
VD_TEST(a_registered_model_is_signed_and_versions_count_up_within_a_name)
{
    if (!can_run()) skip();
    VD_AUTO(stage_ptr) st = stage_open();
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    char type[VD_ARTIFACT_TEXT_MAX + 1];
    bool made = false;
    vd_digest one, two, manifest;
    vd_model_row row;
    vd_why why = { 0 };

    expect_ok(add_model(st, 0.5f, "yard", &made, &one, &why));
    expect_true(made);
    expect_ok(add_model(st, 0.5f, "yard", &made, &one, &why));
    expect_false(made);
    expect_err(add_model(st, 0.5f, "other", &made, &one, &why), VD_CONFLICT);
    expect_ok(add_model(st, 0.6f, "yard", &made, &two, &why));
    expect_u64(st->told, 2);
    expect_u64(arriving(st), 0);

    vd_store *store = vd_store_pool_take(st->readers);
    expect_ok(vd_registry_find(store, two.hex, &row, NULL));
    vd_store_pool_give(st->readers, store);
    expect_i64(row.version, 2);
    expect_ok(vd_oci_manifest_get(st->registry, "models/yard", "v2", &body, type, &manifest, NULL));
    expect_str(manifest.hex, row.manifest.hex);
    expect_err(vd_oci_manifest_delete(st->registry, "models/yard", "v2", NULL), VD_CONFLICT);
}

// covers: CIR-6
VD_TEST(a_disk_that_fills_at_any_write_leaves_no_model_and_a_clear_word)
{
    if (!can_run()) skip();
    VD_AUTO(stage_ptr) st = stage_open();
    VD_AUTO(vd_buf) onnx = VD_BUF(65536);
    vd_model_new model = { .name = "yard",
                           .descriptor = vd_slice_str(small_descriptor),
                           .who = "olga" };
    vd_err err = VD_FULL;
    bool made = false;
    unsigned refused = 0;
    small_model_onnx(0.5f, &onnx);
    expect_ok(vd_blobs_put(st->blobs, vd_buf_slice(&onnx), &model.weights, NULL));

    for (unsigned nth = 1; err && nth < 200; nth++) {
        vd_model_row row;
        vd_why why = { 0 };
        vd_fault_set(VD_FAULT_WRITE, nth);
        err = vd_registry_register(st->registry, &model, &made, &why);
        vd_fault_set(VD_FAULT_WRITE, 0);
        if (!err) break;
        refused++;
        expect_err(err, VD_FULL);
        expect_true(why.fact[0] != '\0');
        vd_store *store = vd_store_pool_take(st->readers);
        expect_err(vd_registry_find(store, "yard", &row, NULL), VD_ABSENT);
        vd_store_pool_give(st->readers, store);
        expect_u64(arriving(st), 0);
    }
    expect_ok(err);
    expect_true(made);
    expect_true(refused >= 4);
}

// covers: CIR-6
VD_TEST(the_champion_before_is_replaced_and_both_know_it)
{
    if (!can_run()) skip();
    VD_AUTO(stage_ptr) st = stage_open();
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    bool made = false;
    vd_digest one, two, champion;
    expect_ok(add_model(st, 0.5f, "yard", &made, &one, NULL));
    expect_ok(add_model(st, 0.6f, "yard", &made, &two, NULL));

    const vd_model_decision first = { .model = one, .who = "ada" };
    const vd_model_decision second = {
        .model = two, .who = "ada", .forced = true, .reason = "asked for"
    };
    expect_ok(vd_registry_promote(st->registry, &first, NULL));
    expect_err(vd_registry_promote(st->registry, &first, NULL), VD_CONFLICT);
    expect_ok(vd_registry_promote(st->registry, &second, NULL));

    vd_store *store = vd_store_pool_take(st->readers);
    expect_ok(vd_registry_champion(store, "yard", &champion, NULL));
    expect_str(champion.hex, two.hex);
    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_registry_write(store, one.hex, true, &w, NULL));
    expect_ok(vd_json_w_end(&w));
    vd_store_pool_give(st->readers, store);
    assert_non_null(strstr(text.data, "\"state\":\"retired\""));
    assert_non_null(strstr(text.data, "\"what\":\"replaced\""));
}

static size_t bmp_of(uint8_t grey, uint8_t into[54 + 16 * 16 * 3])
{
    memset(into, 0, 54);
    into[0] = 'B';
    into[1] = 'M';
    into[10] = 54;
    into[14] = 40;
    into[18] = into[22] = 16;
    into[28] = 24;
    memset(into + 54, grey, 16 * 16 * 3);
    return 54 + 16 * 16 * 3;
}

// covers: CIR-10
VD_TEST(a_picture_is_scored_by_digest_name_or_the_newest_champion)
{
    if (!can_run()) skip();
    VD_AUTO(stage_ptr) st = stage_open();
    uint8_t bmp[54 + 16 * 16 * 3];
    bool made = false;
    vd_digest digest;
    vd_score score;
    vd_why why = { 0 };
    vd_score_ask ask = { .confidence = -1, .picture = vd_slice_of(bmp, bmp_of(200, bmp)) };

    expect_err(vd_registry_score(st->registry, &ask, &score, &why), VD_ABSENT);
    expect_ok(add_model(st, 0.5f, "yard", &made, &digest, NULL));
    const char *const ways[] = { NULL, "yard", digest.hex };
    for (size_t n = 0; n < VD_COUNT_OF(ways); n++) {
        ask.model = ways[n];
        expect_ok(vd_registry_score(st->registry, &ask, &score, &why));
        expect_str(score.model.digest.hex, digest.hex);
        expect_u64(score.count, 1);
        expect_near(score.boxes[0].score, 0.7, 0.005);
        expect_str(score.boxes[0].class_name, "person");
        vd_score_done(&score);
    }
    ask.confidence = 0.9;
    expect_ok(vd_registry_score(st->registry, &ask, &score, &why));
    expect_u64(score.count, 0);
    vd_score_done(&score);
    ask.object = "cat";
    expect_err(vd_registry_score(st->registry, &ask, &score, &why), VD_INVALID);
}

typedef struct {
    stage *st;
    vd_slice picture;
    bool good;
} asker;

static void *ask_often(void *arg)
{
    asker *a = arg;
    const vd_score_ask ask = { .confidence = -1, .picture = a->picture };
    a->good = true;
    for (int n = 0; n < 5; n++) {
        vd_score score;
        vd_err err = vd_registry_score(a->st->registry, &ask, &score, NULL);
        if (!err) vd_score_done(&score);
        a->good = a->good && (err == VD_OK || err == VD_RETRY);
    }
    return NULL;
}

// covers: CIR-10
VD_TEST(many_may_ask_at_once)
{
    if (!can_run()) skip();
    VD_AUTO(stage_ptr) st = stage_open();
    uint8_t bmp[54 + 16 * 16 * 3];
    bool made = false;
    vd_digest digest;
    pthread_t threads[8];
    asker askers[8];
    expect_ok(add_model(st, 0.5f, "yard", &made, &digest, NULL));
    for (int n = 0; n < 8; n++) {
        askers[n] = (asker){ st, vd_slice_of(bmp, bmp_of(10, bmp)), false };
        expect_i64(pthread_create(&threads[n], NULL, ask_often, &askers[n]), 0);
    }
    for (int n = 0; n < 8; n++) {
        expect_i64(pthread_join(threads[n], NULL), 0);
        expect_true(askers[n].good);
    }
}

VD_TEST_MAIN(VD_RUN(repositories_and_tags_have_the_specifications_names),
             VD_RUN(an_upload_grows_in_its_own_repository_at_its_own_place),
             VD_RUN(a_damaged_upload_goes_and_a_cancelled_one_too),
             VD_RUN(a_full_disk_is_told_and_the_upload_can_go_on_afterwards),
             VD_RUN(a_manifest_stands_only_when_all_it_names_is_there_and_comes_back_byte_for_byte),
             VD_RUN(a_registered_model_is_signed_and_versions_count_up_within_a_name),
             VD_RUN(a_disk_that_fills_at_any_write_leaves_no_model_and_a_clear_word),
             VD_RUN(the_champion_before_is_replaced_and_both_know_it),
             VD_RUN(a_picture_is_scored_by_digest_name_or_the_newest_champion),
             VD_RUN(many_may_ask_at_once))
