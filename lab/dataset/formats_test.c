#include <math.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "scene.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"

static const vd_sql *const tables[] = { incident_sql, people_sql, archive_sql, dataset_sql, NULL };

static double part(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* One picture with boxes of any numbers. */
static vd_manifest strange(vd_manifest_picture *p, vd_label_box *box, unsigned count, uint64_t seed)
{
    static const char *classes[] = { "a \"quoted\" \\ class", "person" };
    for (unsigned i = 0; i < count; i++) {
        box[i] =
            (vd_label_box){ .class_name = classes[i % 2], .has_track = i % 3 == 0, .track = i };
        box[i].w = 0.001 + 0.9 * part(&seed);
        box[i].h = 0.001 + 0.9 * part(&seed);
        box[i].l = (1 - box[i].w) * part(&seed);
        box[i].t = (1 - box[i].h) * part(&seed);
        expect_ok(vd_label_box_check(&box[i], "box", NULL));
    }
    *p = (vd_manifest_picture){ .picture = vd_sha256(VD_STR("x")),
                                .width_px = 1 + (unsigned)(part(&seed) * 16000),
                                .height_px = 1 + (unsigned)(part(&seed) * 16000),
                                .device = "yard",
                                .camera = "gate",
                                .captured_us = T0,
                                .group = "yard/gate/1",
                                .source = "sample",
                                .box = box,
                                .box_count = count };
    return (vd_manifest){ .name = "n",
                          .task = "detection",
                          .classes = classes,
                          .class_count = 2,
                          .made_us = T0,
                          .picture = p,
                          .count = 1 };
}

static void same_boxes(const vd_label *have, const vd_manifest_picture *want, bool tracks)
{
    expect_u64(have->count, want->box_count);
    for (unsigned i = 0; i < want->box_count; i++) {
        const vd_label_box *a = &have->box[i], *b = &want->box[i];
        expect_str(a->class_name, b->class_name);
        expect_near(a->l, b->l, 0);
        expect_near(a->t, b->t, 0);
        expect_near(a->w, b->w, 0);
        expect_near(a->h, b->h, 0);
        if (tracks) expect_i64(a->has_track ? a->track : -1, b->has_track ? b->track : -1);
    }
}

static const char *file_of(void *arg, unsigned at)
{
    (void)arg, (void)at;
    return "x.jpg";
}

// covers: CIR-2
VD_TEST(any_box_goes_through_coco_and_yolo_and_comes_back_to_the_last_digit)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        VD_AUTO(vd_arena_ptr) arena = vd_arena_new(16 << 20);
        VD_AUTO(vd_buf) coco = VD_BUF(1 << 20);
        VD_AUTO(vd_buf) names = VD_BUF(1 << 20);
        VD_AUTO(vd_buf) lines = VD_BUF(1 << 20);
        vd_manifest_picture p;
        vd_label_box box[60];
        vd_manifest m = strange(&p, box, VD_COUNT_OF(box), seed);
        vd_import_labels from_coco = { .arena = arena }, from_yolo = { .arena = arena };

        expect_ok(vd_coco_write(&m, file_of, NULL, &coco, NULL));
        expect_ok(vd_coco_read(vd_buf_slice(&coco), &from_coco, NULL));
        expect_u64(from_coco.count, 1);
        expect_str(from_coco.picture[0].why.fact, "");
        same_boxes(&from_coco.picture[0].label, &p, true);
        expect_str(from_coco.picture[0].camera, "gate");
        expect_i64(from_coco.picture[0].captured_us, T0);

        expect_ok(vd_yolo_write_names(&m, &names, NULL));
        expect_ok(vd_yolo_write_label(&m, &p, &lines, NULL));
        expect_ok(vd_yolo_read_names(vd_buf_slice(&names), true, &from_yolo, NULL));
        vd_import_picture *read = vd_import_add(&from_yolo, "x.txt");
        vd_yolo_read_label(vd_buf_slice(&lines), &from_yolo, read);
        expect_str(read->why.fact, "");
        same_boxes(&read->label, &p, false);
        vd_import_labels_done(&from_coco);
        vd_import_labels_done(&from_yolo);
    }
}

#define COCO(annotation)                                                                           \
    "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\",\"width\":100,\"height\":50}],"                \
    "\"categories\":[{\"id\":3,\"name\":\"person\"}],\"annotations\":[" annotation "]}"

// covers: CIR-2
VD_TEST(a_wrong_annotation_refuses_its_picture_and_says_why)
{
    static const char *const wrong[][2] = {
        { COCO("{\"id\":1,\"image_id\":1,\"category_id\":3,\"bbox\":[90,0,20,10]}"),
          "does not lie" },
        { COCO("{\"id\":1,\"image_id\":1,\"category_id\":3,\"bbox\":[0,0,0,10]}"), "has no area" },
        { COCO("{\"id\":1,\"image_id\":1,\"category_id\":4,\"bbox\":[0,0,9,9]}"), "no category" },
        { COCO("{\"id\":1,\"image_id\":1,\"category_id\":3,\"bbox\":[0,0,9]}"), "no bbox" },
        { COCO("{\"id\":1,\"image_id\":1,\"category_id\":3}"), "no bbox" },
    };
    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
        vd_import_labels labels = { .arena = arena };
        expect_ok(vd_coco_read(vd_slice_str(wrong[i][0]), &labels, NULL));
        assert_non_null(strstr(labels.picture[0].why.fact, wrong[i][1]));
        vd_import_labels_done(&labels);
    }
    static const char *const unreadable[] = {
        COCO("{\"id\":1,\"image_id\":7,\"category_id\":3,\"bbox\":[0,0,9,9]}"),
        "[]",
        "{}",
        "{",
        "{\"images\":[{\"id\":1,\"file_name\":\"\"}],\"categories\":[],\"annotations\":[]}",
        "{\"images\":[],\"categories\":[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"}],"
        "\"annotations\":[]}"
    };
    for (size_t i = 0; i < VD_COUNT_OF(unreadable); i++) {
        VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
        vd_import_labels labels = { .arena = arena };
        expect_err(vd_coco_read(vd_slice_str(unreadable[i]), &labels, NULL), VD_INVALID);
        vd_import_labels_done(&labels);
    }
}

VD_TEST(wrong_lines_of_yolo_refuse_their_picture_and_an_empty_file_means_nothing)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    vd_import_labels labels = { .arena = arena };
    static const char *const wrong[] = { "0 0.5 0.5 2 0.5",     "7 0.5 0.5 0.1 0.1",
                                         "0 0.5 0.5 0.1",       "0 0.5 0.5 0.1 0.1 0.9",
                                         "0 nan 0.5 0.1 0.1",   "-1 0.5 0.5 0.1 0.1",
                                         "0.5 0.5 0.5 0.1 0.1", "person 0.5 0.5 0.1 0.1",
                                         "0 0.5 0.5 0 0.1" };
    expect_ok(vd_yolo_read_names(VD_STR("person\r\ndog\n"), false, &labels, NULL));
    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_import_picture p = { 0 };
        vd_yolo_read_label(vd_slice_str(wrong[i]), &labels, &p);
        expect_true(p.why.fact[0] != '\0');
    }
    vd_import_picture good = { 0 }, empty = { 0 };
    vd_yolo_read_label(VD_STR("1 0.5 0.5 0.25 0.5\r\n\n"), &labels, &good);
    expect_str(good.why.fact, "");
    expect_str(good.label.box[0].class_name, "dog");
    vd_yolo_read_label(VD_SLICE_NONE, &labels, &empty);
    expect_true(empty.labelled && empty.label.verdict == VD_LABEL_NOTHING && !empty.label.count);
    expect_err(vd_yolo_read_names(VD_STR("names: {0: a, 2: b}"), true, &labels, NULL), VD_INVALID);
    expect_err(vd_yolo_read_names(VD_STR("nc: 3"), true, &labels, NULL), VD_INVALID);
}

/* Eight samples, 100 s apart; the first two have no label. */
static void eight_pictures(scene *s)
{
    const vd_label nothing = { .verdict = VD_LABEL_NOTHING };
    for (int letter = '1'; letter < '9'; letter++) {
        bool added = false;
        uint64_t version = 0;
        vd_pool_new p = { .source = "sample", .reason = "random", .device = "d", .camera = "c" };
        p.captured_us = T0 + (letter - '0') * 100 * S;
        p.content_type = "image/jpeg", p.who = "ann", p.width_px = p.height_px = 10;
        memset(p.picture.hex, letter, VD_SHA256_HEX);
        expect_ok(vd_pool_add(s->store, &p, &added, NULL));
        expect_ok(vd_archive_arrived(s->store, &p.picture, 10, NULL));
        vd_pool_change change = { .picture = p.picture.hex, .version = 1, .who = "ann" };
        if (letter < '3') continue;
        expect_ok(vd_pool_label(s->store, &change, &nothing, &version, NULL));
    }
}

// covers: CIR-3
VD_TEST(a_version_counts_the_runs_that_used_its_test_split)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(16 << 20);
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    char root[160];
    vd_blobs *blobs = NULL;
    vd_store *reader = NULL;
    vd_committer *committer = NULL;
    vd_store_schema schema = { .migrations = hub_migrations, .statements = tables };
    vd_dataset_wish wish = { .name = "yard", .val = -1, .test = -1, .who = "ann" };
    vd_dataset_made made = { 0 };
    vd_manifest m;
    vd_why why = { 0 };
    (void)snprintf(root, sizeof root, "%s/evidence", s.dir);
    expect_ok(vd_blobs_open(root, &blobs, NULL));
    eight_pictures(&s);
    expect_ok(vd_store_open(s.path, VD_STORE_READ, &schema, &reader, NULL));
    vd_store *writer = s.store;
    s.store = NULL;
    expect_ok(vd_committer_new(writer, 8, 8, &committer, NULL));

    wish.until_us = T0 + 450 * S; /* two labelled pictures only */
    expect_err(vd_dataset_make(reader, committer, blobs, &wish, arena, &m, &made, &why),
               VD_INVALID);
    assert_non_null(strstr(why.fact, "2 labelled pictures"));
    wish.until_us = 0;
    expect_ok(vd_dataset_make(reader, committer, blobs, &wish, arena, &m, &made, NULL));
    expect_u64(m.count, 6);
    expect_true(made.made);
    committer = vd_committer_free(committer);
    expect_ok(vd_store_open(s.path, VD_STORE_WRITE, &schema, &s.store, NULL));
    expect_ok(vd_dataset_used(s.store, &made.digest, VD_SPLIT_TEST, "run-1", NULL));
    expect_ok(vd_dataset_used(s.store, &made.digest, VD_SPLIT_TEST, "run-1", NULL));
    expect_ok(vd_dataset_used(s.store, &made.digest, VD_SPLIT_TEST, "run-2", NULL));
    vd_digest none = vd_sha256(VD_STR("none"));
    expect_err(vd_dataset_used(s.store, &none, VD_SPLIT_TEST, "run-1", NULL), VD_ABSENT);

    vd_json_w w = vd_json_writer(&text);
    expect_ok(vd_dataset_write(reader, &made.digest, &w, NULL));
    assert_non_null(strstr(text.data, "\"test_uses\":2"));
    /* Its pictures outlive retention, those nobody labelled do not. */
    unsigned count = 0;
    vd_archive_retention all = { .days = 1 };
    vd_clock_fake(1000, vd_clock_utc_us() + 10 * 86400 * S);
    expect_ok(vd_archive_sweep(s.store, blobs, &all, 100, &count, NULL));
    vd_clock_fake(-1, -1);
    expect_u64(count, 2);
    vd_store_free(reader);
    vd_blobs_free(blobs);
}

VD_TEST_MAIN(VD_RUN(any_box_goes_through_coco_and_yolo_and_comes_back_to_the_last_digit),
             VD_RUN(a_wrong_annotation_refuses_its_picture_and_says_why),
             VD_RUN(wrong_lines_of_yolo_refuse_their_picture_and_an_empty_file_means_nothing),
             VD_RUN(a_version_counts_the_runs_that_used_its_test_split))
