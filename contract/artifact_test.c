/* artifact_test.c - manifests of models, other people's manifests, and signatures. */
#include "artifact.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/test.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static vd_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena = vd_arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    arena = vd_arena_free(arena);
    return 0;
}

static vd_artifact_item item_of(const char *type, uint64_t bytes, const char *title)
{
    vd_artifact_item item = { .media_type = type, .bytes = bytes, .title = title };
    item.digest = vd_sha256(vd_slice_str(type));
    return item;
}

typedef struct {
    vd_artifact_item layers[VD_ARTIFACT_PARTS];
    vd_artifact artifact;
} model;

static void model_init(model *m)
{
    m->layers[0] = item_of(vd_artifact_part_types[VD_ARTIFACT_WEIGHTS], 1000, "yard.onnx");
    m->layers[1] = item_of(vd_artifact_part_types[VD_ARTIFACT_LABELS], 7, "yard.labels.txt");
    m->layers[2] = item_of(vd_artifact_part_types[VD_ARTIFACT_DESCRIPTOR], 300, "yard.model.yaml");
    m->layers[3] = item_of(vd_artifact_part_types[VD_ARTIFACT_REFERENCE], 90, NULL);
    m->artifact = (vd_artifact){ .media_type = VD_ARTIFACT_MANIFEST_TYPE,
                                 .artifact_type = VD_ARTIFACT_MODEL_TYPE,
                                 .config = item_of(VD_ARTIFACT_EMPTY_TYPE, 2, NULL),
                                 .item_count = 4,
                                 .items = m->layers,
                                 .name = "yard",
                                 .version = "3",
                                 .dataset = "sha256:" HEX_A };
}

static vd_err read_text(const char *json, vd_artifact *a, vd_why *why)
{
    return vd_artifact_read(vd_slice_str(json), arena, a, why);
}

VD_TEST(what_is_written_reads_as_the_same_and_is_written_as_the_same)
{
    model m;
    vd_artifact back;
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    VD_AUTO(vd_buf) first = VD_BUF(65536);
    VD_AUTO(vd_buf) second = VD_BUF(65536);
    model_init(&m);

    expect_ok(vd_artifact_write(&m.artifact, &first));
    expect_ok(vd_artifact_read(vd_buf_slice(&first), arena, &back, NULL));
    expect_ok(vd_artifact_write(&back, &second));

    expect_str(first.data, second.data);
    expect_ok(vd_artifact_model(&back, parts, NULL));
    expect_str(parts[VD_ARTIFACT_WEIGHTS]->title, "yard.onnx");
    expect_u64(parts[VD_ARTIFACT_WEIGHTS]->bytes, 1000);
    assert_null(parts[VD_ARTIFACT_CALIBRATION]);
    expect_str(back.dataset, "sha256:" HEX_A);
    assert_null(back.parent);
}

VD_TEST(a_model_without_a_needed_layer_or_with_one_twice_is_refused)
{
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    vd_why why = { 0 };
    model m;

    model_init(&m);
    m.artifact.item_count = 2;
    expect_err(vd_artifact_model(&m.artifact, parts, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "descriptor is missing"));

    model_init(&m);
    m.layers[3] = m.layers[0];
    expect_err(vd_artifact_model(&m.artifact, parts, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "more than one"));
}

VD_TEST(a_model_whose_files_would_leave_their_folder_is_refused)
{
    static const char *const bad[] = { "../yard.onnx", "a/b.onnx", ".hidden", "a\\b", "", NULL };
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    model m;
    for (int n = 0; bad[n]; n++) {
        model_init(&m);
        m.layers[0].title = bad[n];
        expect_err(vd_artifact_model(&m.artifact, parts, NULL), VD_INVALID);
    }
    model_init(&m);
    m.layers[1].title = m.layers[0].title; /* one file would hide the other */
    expect_err(vd_artifact_model(&m.artifact, parts, NULL), VD_INVALID);
    model_init(&m);
    m.layers[0].title = NULL;
    expect_err(vd_artifact_model(&m.artifact, parts, NULL), VD_INVALID);
}

VD_TEST(layers_over_their_limit_are_refused_before_they_are_fetched)
{
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    model m;
    model_init(&m);
    m.layers[2].bytes = VD_ARTIFACT_DESCRIPTOR_BYTES + 1;
    expect_err(vd_artifact_model(&m.artifact, parts, NULL), VD_INVALID);
}

VD_TEST(images_and_indexes_of_others_are_read)
{
    vd_artifact a;
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    expect_ok(read_text(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
        "vnd.oci.image.config.v1+json\","
        "\"digest\":\"sha256:" HEX_A "\",\"size\":2},\"layers\":[{\"mediaType\":\"x/y\",\"digest\":"
        "\"sha256:" HEX_A "\",\"size\":5,\"urls\":[]}],\"annotations\":{\"a\":\"b\"}}",
        &a, NULL));
    expect_str(a.media_type, VD_ARTIFACT_MANIFEST_TYPE);
    expect_u64(a.item_count, 1);
    expect_err(vd_artifact_model(&a, parts, NULL), VD_INVALID);
    expect_ok(read_text("{\"schemaVersion\":2,\"mediaType\":\"" VD_ARTIFACT_DOCKER_LIST_TYPE
                        "\",\"manifests\":[{\"mediaType\":\"" VD_ARTIFACT_DOCKER_TYPE
                        "\",\"digest\":\"sha256:" HEX_A
                        "\",\"size\":7,\"platform\":{\"os\":\"linux\"}}]}",
                        &a, NULL));
    expect_true(a.is_index);
}

VD_TEST(lying_manifests_are_refused_with_what_is_wrong)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        { "[]", "object" },
        { "{\"schemaVersion\":1}", "schemaVersion" },
        { "{\"schemaVersion\":2}", "no object" },
        { "{\"schemaVersion\":2,\"mediaType\":\"application/pdf\"}", "not taken" },
        { "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"sha512:00\",\"size\":"
          "1}}",
          "sha256" },
        { "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"sha256:" HEX_A
          "\",\"size\":-1}}",
          "size" },
        { "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"sha256:" HEX_A
          "\",\"size\":1},"
          "\"layers\":{}}",
          "list" },
        { "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\\nb\",\"digest\":\"sha256:" HEX_A
          "\",\"size\":1}}",
          "mediaType" },
    };
    for (size_t n = 0; n < VD_COUNT_OF(bad); n++) {
        vd_artifact a;
        vd_why why = { 0 };
        expect_err(read_text(bad[n].json, &a, &why), VD_INVALID);
        if (!strstr(why.fact, bad[n].says)) print_error("%s: %s\n", bad[n].json, why.fact);
        assert_non_null(strstr(why.fact, bad[n].says));
    }
}

VD_TEST(names_are_those_a_registry_takes)
{
    static const char *const good[] = { "yard", "yard-people.v2", "a", "0_1", NULL };
    static const char *const bad[] = { "", "Yard", "-yard", "yard-", "a..b", "a/b", "../a", NULL };
    for (int n = 0; good[n]; n++) expect_true(vd_artifact_name_ok(vd_slice_str(good[n])));
    for (int n = 0; bad[n]; n++) expect_false(vd_artifact_name_ok(vd_slice_str(bad[n])));
}

typedef struct {
    char dir[64], path[96];
    vd_release_key *key;
} keys;

static keys keys_open(void)
{
    keys k = { .dir = "/tmp/vedette-key-XXXXXX" };
    assert_non_null(mkdtemp(k.dir));
    (void)snprintf(k.path, sizeof k.path, "%s/release.key", k.dir);
    expect_ok(vd_release_key_open(k.path, &k.key, NULL));
    return k;
}

static void keys_done(keys *k)
{
    vd_release_key_free(k->key);
    expect_i64(unlink(k->path), 0);
    expect_i64(rmdir(k->dir), 0);
}
VD_AUTO_DEFINE(keys, keys_done)

// covers: CIR-6
VD_TEST(a_signature_fits_these_bytes_and_this_key_only)
{
    VD_AUTO(keys) ours = keys_open();
    VD_AUTO(keys) theirs = keys_open();
    VD_AUTO(vd_buf) signature = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES);
    VD_AUTO(vd_buf) forged = VD_BUF(VD_ARTIFACT_SIGNATURE_BYTES);
    const char *public_key = vd_release_key_public(ours.key);
    vd_why why = { 0 };

    expect_ok(vd_release_sign(ours.key, VD_STR("{\"a\":1}"), &signature, NULL));
    expect_ok(vd_release_verify(public_key, VD_STR("{\"a\":1}"), vd_buf_slice(&signature), &why));
    expect_err(vd_release_verify(public_key, VD_STR("{\"a\":2}"), vd_buf_slice(&signature), &why),
               VD_DENIED);
    assert_non_null(strstr(why.fact, "another manifest"));
    expect_err(vd_release_verify(vd_release_key_public(theirs.key), VD_STR("{\"a\":1}"),
                                 vd_buf_slice(&signature), &why),
               VD_DENIED);
    assert_non_null(strstr(why.fact, "another key"));

    /* a stranger signs, and claims our key's id */
    expect_ok(vd_release_sign(theirs.key, VD_STR("{\"a\":1}"), &forged, NULL));
    memcpy(strstr(forged.data, vd_release_key_id(theirs.key)), vd_release_key_id(ours.key),
           VD_RELEASE_KEY_ID_LEN);
    expect_err(vd_release_verify(public_key, VD_STR("{\"a\":1}"), vd_buf_slice(&forged), &why),
               VD_DENIED);
    assert_non_null(strstr(why.fact, "does not fit"));
}

VD_TEST(signatures_that_cannot_be_read_are_invalid)
{
    static const char *const bad[] = { "", "{}", "[1]", "{\"manifest\":1}", NULL };
    VD_AUTO(keys) k = keys_open();
    for (int n = 0; bad[n]; n++)
        expect_true(vd_release_verify(vd_release_key_public(k.key), VD_STR("x"),
                                      vd_slice_str(bad[n]), NULL) != VD_OK);
    expect_err(vd_release_verify("AAAA", VD_STR("x"), VD_STR("{}"), NULL), VD_INVALID);
    expect_err(vd_release_verify(NULL, VD_STR("x"), VD_STR("{}"), NULL), VD_INVALID);
}

VD_TEST(the_key_is_made_once_and_kept_from_others)
{
    VD_AUTO(keys) k = keys_open();
    vd_release_key *again = NULL;
    char id[VD_RELEASE_KEY_ID_LEN + 1];
    struct stat at;

    expect_i64(stat(k.path, &at), 0);
    expect_i64(at.st_mode & 0777, 0600);
    expect_ok(vd_release_key_open(k.path, &again, NULL));
    expect_str(vd_release_key_public(again), vd_release_key_public(k.key));
    vd_release_key_free(again);
    expect_true(vd_release_key_id_of(vd_release_key_public(k.key), id));
    expect_str(id, vd_release_key_id(k.key));

    expect_i64(chmod(k.path, 0644), 0);
    expect_err(vd_release_key_open(k.path, &again, NULL), VD_DENIED);
    expect_i64(chmod(k.path, 0600), 0);
    expect_ok(vd_file_save(k.path, 0600, VD_STR("no key"), NULL));
    expect_err(vd_release_key_open(k.path, &again, NULL), VD_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(what_is_written_reads_as_the_same_and_is_written_as_the_same),
        VD_RUN(a_model_without_a_needed_layer_or_with_one_twice_is_refused),
        VD_RUN(a_model_whose_files_would_leave_their_folder_is_refused),
        VD_RUN(layers_over_their_limit_are_refused_before_they_are_fetched),
        VD_RUN(images_and_indexes_of_others_are_read),
        VD_RUN(lying_manifests_are_refused_with_what_is_wrong),
        VD_RUN(names_are_those_a_registry_takes),
        VD_RUN(a_signature_fits_these_bytes_and_this_key_only),
        VD_RUN(signatures_that_cannot_be_read_are_invalid),
        VD_RUN(the_key_is_made_once_and_kept_from_others),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
