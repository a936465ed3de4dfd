#include "archive.h"
#include "scene.h"

#include <jpeglib.h>

#include "vd/clock.h"

static const vd_sql *const tables[] = { incident_sql, people_sql, archive_sql, NULL };

static vd_digest digest_of(char letter)
{
    vd_digest digest = { .hex = "" };
    memset(digest.hex, letter, VD_SHA256_HEX);
    return digest;
}

static vd_event with_snapshot(double start_s, double end_s, char letter)
{
    static vd_event_evidence files[8];
    static unsigned at;
    vd_event event = scene_event(start_s, end_s);
    vd_event_evidence *file = &files[at++ % VD_COUNT_OF(files)];
    *file = (vd_event_evidence){ .kind = "snapshot",
                                 .digest = digest_of(letter),
                                 .bytes = 10,
                                 .content_type = "image/jpeg",
                                 .start_utc_us = event.start_utc_us,
                                 .end_utc_us = event.start_utc_us,
                                 .width_px = 768,
                                 .height_px = 576 };
    event.evidence = file;
    event.evidence_count = 1;
    return event;
}

static void resolve(scene *s, const vd_incident_outcome *o, const char *verdict)
{
    uint64_t version = 0;
    vd_incident_change change = {
        .incident = o->incident.text, .version = o->version, .who = "ann", .verdict = verdict
    };
    expect_ok(vd_incident_resolve(s->store, &change, &version, NULL));
    expect_ok(vd_archive_label(s->store, o->incident.text, NULL));
}

static vd_json *items(scene *s, const char *verdict, const char *cursor, unsigned limit)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_archive_write_items(s->store, verdict, cursor, limit, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 65536, 16, &root, NULL));
    return root;
}

// covers: HUB-3
VD_TEST(a_resolved_incident_leaves_a_labelled_item_for_each_event)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event one = with_snapshot(0, 1, 'b'), two = with_snapshot(2, 3, 'c');
    scene_take(&s, &one);
    vd_incident_outcome o = scene_take(&s, &two);

    resolve(&s, &o, "wrong_class");

    VD_AUTO(vd_json_ptr) page = items(&s, NULL, NULL, 50);
    const vd_json *list = vd_json_get(page, "items"), *item = vd_json_at(list, 0);
    expect_u64(vd_json_len(list), 2);
    expect_str(scene_text(item, "picture"), digest_of('b').hex);
    expect_str(scene_text(item, "verdict"), "wrong_class");
    expect_str(scene_text(item, "event"), one.id.text);
    expect_str(scene_text(item, "rule_version"), "1");
    expect_str(scene_text(item, "labelled_by"), "ann");
    expect_i64(vd_json_int(vd_json_get(item, "width"), 0), 768);
    expect_str(scene_text(vd_json_get(item, "model"), "digest"), digest_of('a').hex);
    const vd_json *box = vd_json_at(vd_json_get(item, "boxes"), 0);
    expect_str(scene_text(box, "class"), "person");
    expect_near(vd_json_num(vd_json_get(vd_json_get(box, "box"), "l"), 0), 0.1, 1e-5);
}

// covers: HUB-3
VD_TEST(a_taken_back_resolution_withdraws_its_items_and_a_new_one_labels_again)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = with_snapshot(0, 1, 'b');
    vd_incident_outcome o = scene_take(&s, &event);
    resolve(&s, &o, "true");
    vd_incident_change change = { .incident = o.incident.text,
                                  .version = o.version + 1,
                                  .who = "ann" };
    expect_ok(vd_incident_reopen(s.store, &change, &o.version, NULL));
    expect_ok(vd_archive_withdraw(s.store, o.incident.text, NULL));
    VD_AUTO(vd_json_ptr) none = items(&s, NULL, NULL, 50);
    expect_u64(vd_json_len(vd_json_get(none, "items")), 0);

    resolve(&s, &o, "false_alarm");

    VD_AUTO(vd_json_ptr) page = items(&s, "false_alarm", NULL, 50);
    expect_u64(vd_json_len(vd_json_get(page, "items")), 1);
}

VD_TEST(a_picture_that_comes_after_the_verdict_is_labelled_once)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = scene_event(0, 0);
    vd_incident_outcome o = scene_take(&s, &event);
    resolve(&s, &o, "true");
    vd_event late = with_snapshot(0, 5, 'd');
    late.id = event.id;
    o = scene_take(&s, &late);

    expect_true(o.resolved);
    expect_ok(vd_archive_label(s.store, o.incident.text, NULL));
    expect_ok(vd_archive_label(s.store, o.incident.text, NULL));

    VD_AUTO(vd_json_ptr) page = items(&s, NULL, NULL, 50);
    expect_u64(vd_json_len(vd_json_get(page, "items")), 1);
}

VD_TEST(items_come_oldest_first_in_pages)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event one = with_snapshot(0, 1, 'b'), two = with_snapshot(2, 3, 'c');
    scene_take(&s, &one);
    vd_incident_outcome o = scene_take(&s, &two);
    resolve(&s, &o, "true");

    VD_AUTO(vd_json_ptr) first = items(&s, NULL, NULL, 1);
    VD_AUTO(vd_json_ptr) second = items(&s, NULL, scene_text(first, "next"), 1);

    expect_str(scene_text(vd_json_at(vd_json_get(first, "items"), 0), "event"), one.id.text);
    expect_str(scene_text(vd_json_at(vd_json_get(second, "items"), 0), "event"), two.id.text);
    expect_true(vd_json_get(second, "next") == NULL);
}

VD_TEST(a_device_may_send_only_what_its_own_event_names)
{
    VD_AUTO(scene) s = scene_open(tables);
    vd_event event = with_snapshot(0, 1, 'b');
    vd_digest named = digest_of('b'), stranger = digest_of('e');
    vd_archive_evidence evidence = { 0 };
    char type[64];
    scene_take(&s, &event);

    expect_err(vd_archive_named(s.store, "yard", &stranger, &evidence, NULL), VD_ABSENT);
    expect_err(vd_archive_named(s.store, "thief", &named, &evidence, NULL), VD_ABSENT);
    expect_ok(vd_archive_named(s.store, "yard", &named, &evidence, NULL));
    expect_false(evidence.arrived);
    expect_err(vd_archive_find(s.store, &named, type, NULL), VD_ABSENT);
    expect_ok(vd_archive_arrived(s.store, &named, 10, NULL));
    expect_ok(vd_archive_named(s.store, "yard", &named, &evidence, NULL));
    expect_true(evidence.arrived);
    expect_ok(vd_archive_find(s.store, &named, type, NULL));
    expect_str(type, "image/jpeg");
}

static bool here(vd_blobs *blobs, const vd_digest *digest)
{
    char path[4096];
    uint64_t bytes;
    return !vd_blobs_path(blobs, digest, path, sizeof path, &bytes);
}

// covers: HUB-3
VD_TEST(retention_comes_down_to_its_size_oldest_first_a_helping_at_a_time)
{
    VD_AUTO(scene) s = scene_open(tables);
    char root[160], content[8];
    vd_blobs *blobs = NULL;
    vd_digest file[5];
    unsigned count = 0;
    const vd_archive_retention small = { .days = 30, .most_bytes = 12 };
    (void)snprintf(root, sizeof root, "%s/evidence", s.dir);
    expect_ok(vd_blobs_open(root, &blobs, NULL));
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(content, sizeof content, "file %u", i);
        expect_ok(vd_blobs_put(blobs, vd_slice_str(content), &file[i], NULL));
        vd_clock_fake(1000 + i, T0 + i);
        expect_ok(vd_archive_arrived(s.store, &file[i], 6, NULL));
    }
    vd_clock_fake(2000, T0 + S);

    expect_ok(vd_archive_sweep(s.store, blobs, &small, 2, &count, NULL)); /* 30 bytes are there */

    expect_u64(count, 2);
    expect_false(here(blobs, &file[1]));
    expect_true(here(blobs, &file[2]));
    expect_ok(vd_archive_sweep(s.store, blobs, &small, 2, &count, NULL));
    expect_u64(count, 1); /* 12 are few enough */
    expect_true(here(blobs, &file[3]));
    vd_clock_fake(-1, -1);
    vd_blobs_free(blobs);
}

VD_TEST(retention_deletes_old_resolved_evidence_and_records_it_and_keeps_the_rest)
{
    VD_AUTO(scene) s = scene_open(tables);
    char root[160];
    vd_blobs *blobs = NULL;
    vd_digest old = { .hex = "" }, open = { .hex = "" };
    vd_archive_evidence evidence = { 0 };
    unsigned count = 0;
    uint64_t bytes = 0;
    char path[4096], type[64];
    (void)snprintf(root, sizeof root, "%s/evidence", s.dir);
    expect_ok(vd_blobs_open(root, &blobs, NULL));
    expect_ok(vd_blobs_put(blobs, VD_STR("old"), &old, NULL));
    expect_ok(vd_blobs_put(blobs, VD_STR("open"), &open, NULL));
    vd_clock_fake(1000, T0);
    vd_event a = with_snapshot(0, 1, 'b'), b = with_snapshot(1000, 0, 'b');
    ((vd_event_evidence *)a.evidence)->digest = old;
    ((vd_event_evidence *)b.evidence)->digest = open;
    vd_incident_outcome o = scene_take(&s, &a);
    scene_take(&s, &b);
    expect_ok(vd_archive_arrived(s.store, &old, 3, NULL));
    expect_ok(vd_archive_arrived(s.store, &open, 4, NULL));
    resolve(&s, &o, "true");
    vd_archive_retention keep = { .days = 30, .keep_labelled = true };
    vd_archive_retention all = { .days = 30 };

    vd_clock_fake(1000, T0 + 29 * 86400 * S);
    expect_ok(vd_archive_sweep(s.store, blobs, &all, 10, &count, NULL));
    expect_u64(count, 0);
    vd_clock_fake(1000, T0 + 31 * 86400 * S);
    expect_ok(vd_archive_sweep(s.store, blobs, &keep, 10, &count, NULL));
    expect_u64(count, 0); /* the label needs its picture */
    expect_ok(vd_archive_sweep(s.store, blobs, &all, 10, &count, NULL));

    expect_u64(count, 1);
    expect_err(vd_blobs_path(blobs, &old, path, sizeof path, &bytes), VD_ABSENT);
    expect_ok(vd_blobs_path(blobs, &open, path, sizeof path, &bytes));
    expect_err(vd_archive_find(s.store, &old, type, NULL), VD_ABSENT);
    expect_ok(vd_archive_named(s.store, "yard", &old, &evidence, NULL));
    expect_true(evidence.arrived); /* it is not asked for again */
    vd_clock_fake(-1, -1);
    vd_blobs_free(blobs);
}

VD_TEST(a_file_that_somebody_holds_outlives_retention_and_a_sample_may_be_sent_by_its_device)
{
    VD_AUTO(scene) s = scene_open(tables);
    char root[160], type[64], path[4096];
    vd_blobs *blobs = NULL;
    vd_digest held = { .hex = "" }, loose = { .hex = "" };
    vd_archive_evidence evidence = { 0 };
    unsigned count = 0;
    uint64_t bytes = 0;
    (void)snprintf(root, sizeof root, "%s/evidence", s.dir);
    expect_ok(vd_blobs_open(root, &blobs, NULL));
    expect_ok(vd_blobs_put(blobs, VD_STR("held"), &held, NULL));
    expect_ok(vd_blobs_put(blobs, VD_STR("loose"), &loose, NULL));
    vd_archive_use use = {
        .what = "pool", .id = held.hex, .content_type = "image/png", .device = "yard", .bytes = 4
    };
    vd_clock_fake(1000, T0);

    expect_ok(vd_archive_use_add(s.store, &held, &use, NULL));
    expect_ok(vd_archive_named(s.store, "yard", &held, &evidence, NULL));
    expect_u64(evidence.bytes, 4);
    expect_err(vd_archive_named(s.store, "thief", &held, &evidence, NULL), VD_ABSENT);
    expect_err(vd_archive_used(s.store, &held, type, NULL), VD_ABSENT); /* it has not come yet */
    expect_ok(vd_archive_arrived(s.store, &held, 4, NULL));
    expect_ok(vd_archive_arrived(s.store, &loose, 5, NULL));
    expect_ok(vd_archive_used(s.store, &held, type, NULL));
    expect_str(type, "image/png");
    expect_err(vd_archive_used(s.store, &loose, type, NULL), VD_ABSENT);

    use.held = true;
    expect_ok(vd_archive_use_add(s.store, &held, &use, NULL));
    vd_clock_fake(1000, T0 + 31 * 86400 * S);
    vd_archive_retention all = { .days = 30 };
    expect_ok(vd_archive_sweep(s.store, blobs, &all, 10, &count, NULL));
    expect_u64(count, 1);
    expect_ok(vd_blobs_path(blobs, &held, path, sizeof path, &bytes));
    expect_ok(vd_archive_use_end(s.store, "pool", held.hex, NULL));
    expect_ok(vd_archive_sweep(s.store, blobs, &all, 10, &count, NULL));
    expect_u64(count, 1);
    expect_err(vd_blobs_path(blobs, &held, path, sizeof path, &bytes), VD_ABSENT);
    vd_clock_fake(-1, -1);
    vd_blobs_free(blobs);
}

static void jpeg_of(unsigned width, unsigned height, vd_buf *into)
{
    struct jpeg_error_mgr trouble;
    struct jpeg_compress_struct c = { .err = jpeg_std_error(&trouble) };
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    uint8_t line[3 * 2048];
    JSAMPROW row = line;
    memset(line, 200, sizeof line);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &len);
    c.image_width = width;
    c.image_height = height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < height) jpeg_write_scanlines(&c, &row, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    expect_true(vd_buf_add(into, vd_slice_of(bytes, len)));
    free(bytes);
}

static void size_of(vd_slice jpeg, unsigned *width, unsigned *height)
{
    struct jpeg_error_mgr trouble;
    struct jpeg_decompress_struct d = { .err = jpeg_std_error(&trouble) };
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, jpeg.data, jpeg.len);
    expect_i64(jpeg_read_header(&d, TRUE), JPEG_HEADER_OK);
    *width = d.image_width;
    *height = d.image_height;
    jpeg_destroy_decompress(&d);
}

VD_TEST(a_snapshot_is_scaled_to_the_width_asked_for)
{
    VD_AUTO(vd_buf) whole = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) small = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) quarter = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) same = VD_BUF(1 << 20);
    unsigned width = 0, height = 0;
    jpeg_of(768, 576, &whole);

    expect_ok(vd_archive_scale(vd_buf_slice(&whole), 160, &small, NULL));
    expect_ok(vd_archive_scale(vd_buf_slice(&whole), 192, &quarter, NULL));
    expect_ok(vd_archive_scale(vd_buf_slice(&whole), 2000, &same, NULL));

    size_of(vd_buf_slice(&small), &width, &height);
    expect_u64(width, 160);
    expect_u64(height, 120);
    size_of(vd_buf_slice(&quarter), &width, &height); /* what the decoder alone can do */
    expect_u64(width, 192);
    expect_u64(height, 144);
    expect_true(vd_slice_eq(vd_buf_slice(&same), vd_buf_slice(&whole)));
}

VD_TEST(what_is_no_picture_is_refused_and_a_cut_one_does_no_harm)
{
    VD_AUTO(vd_buf) whole = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    vd_why why = { 0 };
    jpeg_of(768, 576, &whole);

    expect_err(vd_archive_scale(VD_STR("GIF89a"), 100, &out, &why), VD_CORRUPT);
    expect_err(vd_archive_scale(VD_STR(""), 100, &out, &why), VD_CORRUPT);
    expect_ok(vd_archive_scale(vd_slice_of(whole.data, whole.len / 2), 100, &out, &why));
}

VD_TEST_MAIN(
    VD_RUN(a_resolved_incident_leaves_a_labelled_item_for_each_event),
    VD_RUN(a_taken_back_resolution_withdraws_its_items_and_a_new_one_labels_again),
    VD_RUN(a_picture_that_comes_after_the_verdict_is_labelled_once),
    VD_RUN(items_come_oldest_first_in_pages),
    VD_RUN(a_device_may_send_only_what_its_own_event_names),
    VD_RUN(retention_comes_down_to_its_size_oldest_first_a_helping_at_a_time),
    VD_RUN(retention_deletes_old_resolved_evidence_and_records_it_and_keeps_the_rest),
    VD_RUN(a_file_that_somebody_holds_outlives_retention_and_a_sample_may_be_sent_by_its_device),
    VD_RUN(a_snapshot_is_scaled_to_the_width_asked_for),
    VD_RUN(what_is_no_picture_is_refused_and_a_cut_one_does_no_harm))
