#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history_priv.h"
#include "vd/file.h"
#include "vd/test.h"
#include "vocabulary_stub_priv.h"

#define START_US 1700000000000000 /* 22:13:20 in UTC: the file's hour is 22 */

static const vd_vocabulary *words(void)
{
    static const char *const classes[] = { "person", "truck" };
    static vd_vocabulary *kept;
    return words_stub(&kept, 'a', classes, VD_COUNT_OF(classes), 0.4f);
}

typedef struct {
    char dir[64];
    vd_history *history;
    unsigned pictures;
    int64_t first_us, last_us;
    vd_detections last;
    char class_name[48], cameras[256];
} store;

static store store_of(uint64_t bytes_max, int64_t age_max_ms)
{
    store s = { .dir = "/tmp/vedette-history-XXXXXX" };
    expect_true(mkdtemp(s.dir) != NULL);
    const vd_history_config config = { s.dir, bytes_max, age_max_ms };
    expect_ok(vd_history_open(&config, &s.history, NULL));
    return s;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void store_done(store *s)
{
    vd_history_free(s->history);
    nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(store, store_done)

static void see(store *s, const char *camera, int64_t utc_us, unsigned things)
{
    vd_detections seen = { .count = things };
    for (unsigned i = 0; i < things; i++)
        seen.item[i] = (vd_detection){ .box = { 0.25f, 0.5f, 0.125f, 0.25f },
                                       .score = 0.75f,
                                       .class_id = (uint16_t)(i % 2),
                                       .parent = -1 };
    vd_history_seen(s->history, camera, &seen, words(), utc_us);
}

static vd_err on_picture(void *ctx, const char *camera, const vd_detections *detections,
                         const vd_vocabulary *told, int64_t utc_us, vd_why *why)
{
    store *s = ctx;
    (void)why;
    if (!s->pictures++) s->first_us = utc_us;
    expect_true(utc_us >= s->last_us || strstr(s->cameras, camera) == NULL);
    s->last_us = utc_us;
    s->last = *detections;
    vd_slice_to_chars(vd_slice_str(vd_vocabulary_name(told, 1)), s->class_name, 48);
    if (!strstr(s->cameras, camera)) strncat(s->cameras, camera, 64);
    return VD_OK;
}

static vd_err read_back(store *s, const char *camera, int64_t from_us, int64_t until_us)
{
    s->history = vd_history_free(s->history);
    s->pictures = 0;
    s->last_us = 0;
    return vd_history_read(s->dir, camera, from_us, until_us, on_picture, s, NULL);
}

// covers: RULE-7
VD_TEST(what_was_seen_is_read_back_camera_by_camera)
{
    VD_AUTO(store) s = store_of(1u << 30, 86400000);
    for (int i = 0; i < 7200; i++) { /* two hours' files */
        see(&s, "gate", START_US + i * 500000ll, 3);
        if (i % 2) see(&s, "yard", START_US + i * 500000ll, 0);
    }
    expect_ok(read_back(&s, NULL, 0, INT64_MAX));
    expect_u64(s.pictures, 7200 + 3600);
    expect_str(s.cameras, "gateyard");
    expect_ok(read_back(&s, "gate", START_US + 1000000, START_US + 2000000));
    expect_u64(s.pictures, 2);
    expect_i64(s.first_us, START_US + 1000000);
    expect_u64(s.last.count, 3);
    expect_near(s.last.item[1].score, 0.75, 1e-4);
    expect_near(s.last.item[1].box.h, 0.25, 1e-4);
    expect_u64(s.last.item[1].class_id, 1);
    expect_str(s.class_name, "truck");
    expect_err(read_back(&s, "nobody", 0, INT64_MAX), VD_ABSENT);
}

// covers: RULE-7
VD_TEST(what_was_not_looked_at_and_what_was_found_in_a_crop_is_kept)
{
    VD_AUTO(store) s = store_of(1u << 30, 86400000);
    vd_detections seen = { .count = 3, .blind_count = 1, .cascade_count = 2 };
    seen.blind[0] = (vd_class_range){ 0, 1 };
    seen.cascade[1] = (vd_class_range){ 1, 1 };
    for (unsigned i = 0; i < 3; i++)
        seen.item[i] =
            (vd_detection){ { 0.25f, 0.5f, 0.125f, 0.25f }, 0.75f, (uint16_t)(i == 2), -1 };
    seen.item[0].passed_over = 2;
    seen.item[2].parent = 1;
    vd_history_seen(s.history, "gate", &seen, words(), START_US);
    expect_ok(read_back(&s, "gate", 0, INT64_MAX));
    expect_u64(s.pictures, 1);
    expect_true(vd_detections_blind(&s.last, 0) && !vd_detections_blind(&s.last, 1));
    expect_true(vd_detections_passed_over(&s.last, 0, 1));
    expect_false(vd_detections_passed_over(&s.last, 0, 0));
    expect_false(vd_detections_passed_over(&s.last, 1, 1));
    expect_i64(s.last.item[0].parent, -1);
    expect_i64(s.last.item[2].parent, 1);
}

typedef struct {
    unsigned pictures, blind, cascades, found_in_crop;
} marks;

static vd_err on_marks(void *ctx, const char *camera, const vd_detections *detections,
                       const vd_vocabulary *told, int64_t utc_us, vd_why *why)
{
    marks *m = ctx;
    (void)camera, (void)told, (void)utc_us, (void)why;
    m->pictures++;
    m->blind += detections->blind_count;
    m->cascades += detections->cascade_count;
    m->found_in_crop += detections->count == 2 && detections->item[1].parent == 0;
    return VD_OK;
}

static void add_picture(vd_buf *file, vd_detections *seen, int64_t utc_us)
{
    for (unsigned i = 0; i < 2; i++)
        seen->item[i] = (vd_detection){ { 0, 0, 0.5f, 0.5f }, 0.75f, (uint16_t)i, (int16_t)i - 1 };
    seen->count = 2;
    expect_true(picture_encode(seen, utc_us, file));
}

/* The record's last six bytes are those of the second thing: index, 1 + parent, passed over. */
VD_TEST(marks_that_cannot_be_cost_their_picture_only)
{
    VD_AUTO(vd_buf) file = VD_BUF(1 << 16);
    vd_detections plain = { .count = 0 }, marked = { .cascade_count = 1 };
    marks m = { 0 };
    expect_true(vd_buf_add(&file, vd_slice_of(HISTORY_MAGIC, MAGIC_BYTES)));
    expect_true(words_encode(words(), &file));
    marked.cascade[0] = (vd_class_range){ 1, 1 };
    static const uint8_t broken[][6] = {
        { 2, 0, 1, 0, 0, 0 }, /* there is no such thing */
        { 1, 0, 2, 0, 0, 0 }, /* it is its own parent */
        { 1, 0, 1, 0, 2, 0 }, /* there is no such cascade */
    };
    for (unsigned i = 0; i < VD_COUNT_OF(broken); i++) {
        add_picture(&file, &marked, START_US);
        memcpy(file.data + file.len - 6, broken[i], 6);
    }
    add_picture(&file, &marked, START_US);
    expect_true(picture_encode(&plain, START_US, &file)); /* as it was written before */
    expect_ok(vd_history_parse(vd_buf_slice(&file), "gate", 0, INT64_MAX, on_marks, &m, NULL));
    expect_u64(m.pictures, 2);
    expect_u64(m.found_in_crop, 1);
    expect_u64(m.cascades, 1);
    expect_u64(m.blind, 0);
}

// covers: RULE-7
VD_TEST(the_oldest_goes_by_bytes_and_by_age)
{
    VD_AUTO(store) s = store_of(300000, 86400000);
    for (int hour = 0; hour < 6; hour++) /* each some 90 kB */
        for (int i = 0; i < 3600; i++)
            see(&s, "gate", START_US + hour * HOUR_US + i * 1000000ll, 1);
    expect_ok(read_back(&s, NULL, 0, INT64_MAX));
    expect_true(s.first_us > START_US + HOUR_US);
    expect_true(s.first_us < START_US + 5 * HOUR_US);
    VD_AUTO(store) old = store_of(1u << 30, 3600000);
    for (int hour = 0; hour < 6; hour++)
        for (int i = 0; i < 60; i++)
            see(&old, "gate", START_US + hour * HOUR_US + i * 60000000ll, 1);
    expect_ok(read_back(&old, NULL, 0, INT64_MAX));
    expect_true(old.first_us > START_US + 3 * HOUR_US);
}

static void cut_by(const char *dir, const char *file, off_t bytes)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    expect_i64(stat(path, &st), 0);
    expect_i64(truncate(path, st.st_size - bytes), 0);
}

// covers: RULE-7
VD_TEST(a_record_that_was_cut_is_dropped_and_the_file_goes_on)
{
    VD_AUTO(store) s = store_of(1u << 30, 86400000);
    for (int i = 0; i < 10; i++) see(&s, "gate", START_US + i, 2);
    s.history = vd_history_free(s.history);
    cut_by(s.dir, "gate/2023111422.det", 7);
    expect_ok(read_back(&s, "gate", 0, INT64_MAX));
    expect_u64(s.pictures, 9);
    const vd_history_config config = { s.dir, 1u << 30, 86400000 };
    expect_ok(vd_history_open(&config, &s.history, NULL));
    for (int i = 10; i < 15; i++) see(&s, "gate", START_US + i, 2);
    expect_ok(read_back(&s, "gate", 0, INT64_MAX));
    expect_u64(s.pictures, 14);
}

VD_TEST(a_file_that_is_none_of_ours_is_told_by_its_name)
{
    VD_AUTO(store) s = store_of(1u << 30, 86400000);
    char path[256];
    see(&s, "gate", START_US, 2);
    s.history = vd_history_free(s.history);
    snprintf(path, sizeof path, "%s/gate/2023111423.det", s.dir);
    expect_ok(vd_file_save(path, 0640, VD_STR("a text"), NULL));
    vd_why why = { 0 };
    expect_err(vd_history_read(s.dir, "gate", 0, INT64_MAX, on_picture, &s, &why), VD_CORRUPT);
    expect_true(strstr(why.detail, "2023111423.det") != NULL);
    snprintf(path, sizeof path, "%s/nowhere", s.dir);
    expect_err(vd_history_read(path, NULL, 0, INT64_MAX, on_picture, &s, &why), VD_ABSENT);
}

VD_TEST(a_disk_that_refuses_costs_pictures_and_nothing_else)
{
    VD_AUTO(store) s = store_of(1u << 30, 86400000);
    char path[256];
    snprintf(path, sizeof path, "%s/gate", s.dir);
    expect_ok(vd_file_save(path, 0640, VD_STR("in the way"), NULL));
    see(&s, "gate", START_US, 2);
    expect_u64(vd_history_lost(s.history), 1);
    expect_i64(remove(path), 0);
    see(&s, "gate", START_US + 1, 2);
    expect_u64(vd_history_lost(s.history), 1);
    expect_ok(read_back(&s, "gate", 0, INT64_MAX));
    expect_u64(s.pictures, 1);
}

VD_TEST_MAIN(VD_RUN(what_was_seen_is_read_back_camera_by_camera),
             VD_RUN(what_was_not_looked_at_and_what_was_found_in_a_crop_is_kept),
             VD_RUN(marks_that_cannot_be_cost_their_picture_only),
             VD_RUN(the_oldest_goes_by_bytes_and_by_age),
             VD_RUN(a_record_that_was_cut_is_dropped_and_the_file_goes_on),
             VD_RUN(a_file_that_is_none_of_ours_is_told_by_its_name),
             VD_RUN(a_disk_that_refuses_costs_pictures_and_nothing_else))
