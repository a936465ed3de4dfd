/* manifest.c - a dataset version as a file: canonical JSON (sorted keys, no spaces), named by its
 * SHA-256.
 *
 *   {"classes":["person"],"format":"vedette.dataset/1","made_at":"...","name":"yard",
 *    "pictures":[{"boxes":[{"box":[l,t,w,h],"class":"person"}],"camera":"gate-1",
 *                 "captured_at":"...","class":null,"device":"yard","group":"yard/gate-1/28333333",
 *                 "height":576,"picture":"<sha256>","source":"sample","split":"train",
 *                 "width":768}],
 *    "seed":1,"split":{"block_s":60,"test":0.2,"val":0.15},"task":"detection"}
 *
 * Pictures stand in the order of their digests, classes in that of their names. */
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"

#define FORMAT      "vedette.dataset/1"
#define CLASSES_MAX 1000
#define GROUP_BYTES 320

static const char *const split_words[] = { "train", "val", "test" };

const char *vd_split_word(vd_split split)
{
    return split_words[split];
}

/* ---- writing ---- */

static void write_picture(const vd_manifest_picture *p, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_key(w, "boxes");
    vd_json_w_list(w);
    for (unsigned i = 0; i < p->box_count; i++) {
        const vd_label_box *b = &p->box[i];
        const double side[] = { b->l, b->t, b->w, b->h };
        vd_json_w_object(w);
        vd_json_w_key(w, "box");
        vd_json_w_list(w);
        for (int n = 0; n < 4; n++) vd_json_w_num(w, side[n], PLACES);
        vd_json_w_list_end(w);
        vd_json_w_kv_text(w, "class", b->class_name);
        if (b->has_track) vd_json_w_kv_int(w, "track", b->track);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    vd_json_w_kv_text(w, "camera", p->camera);
    vd_json_w_kv_time(w, "captured_at", p->captured_us);
    vd_json_w_kv_text(w, "class", p->class_name);
    vd_json_w_kv_text(w, "device", p->device);
    vd_json_w_kv_text(w, "group", p->group);
    vd_json_w_kv_int(w, "height", p->height_px);
    vd_json_w_kv_text(w, "picture", p->picture.hex);
    vd_json_w_kv_text(w, "source", p->source);
    vd_json_w_kv_text(w, "split", vd_split_word(p->split));
    vd_json_w_kv_int(w, "width", p->width_px);
    vd_json_w_object_end(w);
}

vd_err vd_manifest_write(const vd_manifest *m, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "classes");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < m->class_count; i++) vd_json_w_text(&w, m->classes[i]);
    vd_json_w_list_end(&w);
    vd_json_w_kv_text(&w, "format", FORMAT);
    vd_json_w_kv_time(&w, "made_at", m->made_us);
    vd_json_w_kv_text(&w, "name", m->name);
    vd_json_w_key(&w, "pictures");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < m->count; i++) write_picture(&m->picture[i], &w);
    vd_json_w_list_end(&w);
    vd_json_w_kv_int(&w, "seed", (int64_t)m->seed);
    vd_json_w_key(&w, "split");
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "block_s", m->block_s);
    vd_json_w_kv_num(&w, "test", m->test, 4);
    vd_json_w_kv_num(&w, "val", m->val, 4);
    vd_json_w_object_end(&w);
    vd_json_w_kv_text(&w, "task", m->task);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the dataset is too large for one manifest")
                             : VD_OK;
}

/* ---- reading ---- */

typedef struct {
    const char *picture, *device, *camera, *group, *split, *source, *class_name;
    uint64_t width, height;
    int64_t captured_us;
    const vd_json *boxes;
} picture_row;

static vd_err read_box(const vd_json *node, vd_arena *arena, vd_label_box *into, vd_why *why)
{
    const vd_json *list = vd_json_get(node, "box"), *track = vd_json_get(node, "track");
    const char *name = vd_json_text(vd_json_get(node, "class"), NULL);
    double side[4] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        vd_json_kind kind = vd_json_kind_of(vd_json_at(list, i));
        if (kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL)
            return vd_fail(why, VD_INVALID, "a box is a list of l, t, w, h");
        side[i] = vd_json_num(vd_json_at(list, i), 0);
    }
    *into = (vd_label_box){ .l = side[0], .t = side[1], .w = side[2], .h = side[3] };
    into->class_name = name ? vd_arena_str(arena, vd_slice_str(name)) : NULL;
    into->has_track = vd_json_kind_of(track) == VD_JSON_IS_INT;
    into->track = vd_json_int(track, 0);
    return vd_label_box_check(into, "a box", why);
}

static vd_err read_boxes(const vd_json *list, vd_arena *arena, vd_manifest_picture *p, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || count > VD_LABEL_BOXES_MAX)
        return vd_fail(why, VD_INVALID, "'boxes' is a list of at most %d", VD_LABEL_BOXES_MAX);
    p->box = vd_arena_alloc(arena, count * sizeof *p->box);
    if (!p->box) return vd_fail(why, VD_FULL, "the dataset is too large");
    p->box_count = (unsigned)count;
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < count; i++)
        err = read_box(vd_json_at(list, i), arena, &p->box[i], why);
    return err;
}

static vd_err read_split(const char *word, vd_split *ret, vd_why *why)
{
    for (unsigned i = 0; i < VD_SPLIT_COUNT; i++) {
        if (strcmp(word, split_words[i]) != 0) continue;
        *ret = (vd_split)i;
        return VD_OK;
    }
    return vd_fail(why, VD_INVALID, "'%.20s' is no split", word);
}

static vd_err read_picture(const vd_json *node, vd_arena *arena, vd_manifest_picture *p,
                           vd_why *why)
{
    static const vd_json_field fields[] = {
        { "picture", VD_JSON_TEXT, offsetof(picture_row, picture), VD_SHA256_HEX, true },
        { "device", VD_JSON_TEXT, offsetof(picture_row, device), VD_LIMIT_NAME_BYTES, true },
        { "camera", VD_JSON_TEXT, offsetof(picture_row, camera), VD_LIMIT_NAME_BYTES, true },
        { "group", VD_JSON_TEXT, offsetof(picture_row, group), GROUP_BYTES, true },
        { "split", VD_JSON_TEXT, offsetof(picture_row, split), 16, true },
        { "source", VD_JSON_TEXT, offsetof(picture_row, source), 16, true },
        { "class", VD_JSON_TEXT, offsetof(picture_row, class_name), VD_LABEL_CLASS_BYTES },
        { "width", VD_JSON_COUNT, offsetof(picture_row, width), VD_PICTURE_SIDE_MAX, true },
        { "height", VD_JSON_COUNT, offsetof(picture_row, height), VD_PICTURE_SIDE_MAX, true },
        { "captured_at", VD_JSON_TIME, offsetof(picture_row, captured_us), 0, true },
        { "boxes", VD_JSON_NODE, offsetof(picture_row, boxes), 0, true },
    };
    picture_row row = { 0 };
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), &row, arena, why);
    if (err) return err;
    *p = (vd_manifest_picture){ .width_px = (unsigned)row.width,
                                .height_px = (unsigned)row.height,
                                .device = row.device,
                                .camera = row.camera,
                                .captured_us = row.captured_us,
                                .group = row.group,
                                .source = row.source,
                                .class_name = row.class_name };
    if (!vd_digest_parse(vd_slice_str(row.picture), &p->picture) || !row.width || !row.height)
        return vd_fail(why, VD_INVALID, "a picture has no digest or no size");
    err = read_split(row.split, &p->split, why);
    return err ? err : read_boxes(row.boxes, arena, p, why);
}

static int by_group(const void *left, const void *right)
{
    const vd_manifest_picture *const *a = left, *const *b = right;
    return strcmp((*a)->group, (*b)->group);
}

/* Rising digests (no picture twice), and no group in two splits. */
static vd_err check_order(const vd_manifest *m, vd_arena *arena, vd_why *why)
{
    const vd_manifest_picture **at = vd_arena_alloc(arena, m->count * sizeof *at);
    if (!at) return vd_fail(why, VD_FULL, "the dataset is too large");
    for (unsigned i = 0; i < m->count; i++) {
        at[i] = &m->picture[i];
        if (i && strcmp(at[i - 1]->picture.hex, at[i]->picture.hex) >= 0)
            return vd_fail(why, VD_INVALID, "pictures must stand once, in the order of digests");
    }
    if (m->count) qsort(at, m->count, sizeof *at, by_group);
    for (unsigned i = 1; i < m->count; i++)
        if (strcmp(at[i - 1]->group, at[i]->group) == 0 && at[i - 1]->split != at[i]->split)
            return vd_fail(why, VD_INVALID, "the group '%.80s' lies in two splits", at[i]->group);
    return VD_OK;
}

static vd_err read_classes(const vd_json *list, vd_arena *arena, vd_manifest *m, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || count > CLASSES_MAX)
        return vd_fail(why, VD_INVALID, "'classes' is a list of at most %d names", CLASSES_MAX);
    m->classes = vd_arena_alloc(arena, count * sizeof *m->classes);
    if (!m->classes) return vd_fail(why, VD_FULL, "the dataset is too large");
    for (size_t i = 0; i < count; i++) {
        const char *name = vd_json_text(vd_json_at(list, i), "");
        if (!name[0] || strlen(name) > VD_LABEL_CLASS_BYTES)
            return vd_fail(why, VD_INVALID, "a class has a name of 1 to %d bytes",
                           VD_LABEL_CLASS_BYTES);
        m->classes[i] = vd_arena_str(arena, vd_slice_str(name));
        if (!m->classes[i]) return vd_fail(why, VD_FULL, "the dataset is too large");
    }
    m->class_count = (unsigned)count;
    return VD_OK;
}

static vd_err read_pictures(const vd_json *list, vd_arena *arena, vd_manifest *m, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST || count > VD_DATASET_PICTURES_MAX)
        return vd_fail(why, VD_INVALID, "'pictures' is a list of at most %u",
                       VD_DATASET_PICTURES_MAX);
    m->picture = vd_arena_alloc(arena, count * sizeof *m->picture);
    if (!m->picture) return vd_fail(why, VD_FULL, "the dataset is too large");
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < count; i++) {
        err = read_picture(vd_json_at(list, i), arena, &m->picture[i], why);
        if (err) vd_why_hint(why, "look at entry %zu of 'pictures'", i);
    }
    m->count = (unsigned)count;
    return err ? err : check_order(m, arena, why);
}

typedef struct {
    const char *format, *name, *task;
    uint64_t seed, block_s;
    int64_t made_us;
    double val, test;
    const vd_json *classes, *pictures, *split;
} top_row;

static vd_err read_top(const vd_json *root, vd_arena *arena, top_row *row, vd_why *why)
{
    static const vd_json_field fields[] = {
        { "format", VD_JSON_TEXT, offsetof(top_row, format), 64, true },
        { "name", VD_JSON_TEXT, offsetof(top_row, name), VD_LABEL_CLASS_BYTES, true },
        { "task", VD_JSON_TEXT, offsetof(top_row, task), 32, true },
        { "seed", VD_JSON_COUNT, offsetof(top_row, seed), INT64_MAX, true },
        { "made_at", VD_JSON_TIME, offsetof(top_row, made_us), 0, true },
        { "classes", VD_JSON_NODE, offsetof(top_row, classes), 0, true },
        { "pictures", VD_JSON_NODE, offsetof(top_row, pictures), 0, true },
        { "split", VD_JSON_NODE, offsetof(top_row, split), 0, true },
    };
    static const vd_json_field split[] = {
        { "block_s", VD_JSON_COUNT, offsetof(top_row, block_s), 86400 * 366, true },
        { "val", VD_JSON_NUM, offsetof(top_row, val), 0, true },
        { "test", VD_JSON_NUM, offsetof(top_row, test), 0, true },
    };
    vd_err err = vd_json_read(root, fields, VD_COUNT_OF(fields), row, arena, why);
    if (!err) err = vd_json_read(row->split, split, VD_COUNT_OF(split), row, arena, why);
    if (!err && strcmp(row->format, FORMAT) != 0)
        err = vd_fail(why, VD_INVALID, "the format is '%.40s', not " FORMAT, row->format);
    if (!err && strcmp(row->task, "detection") != 0 && strcmp(row->task, "classification") != 0)
        err = vd_fail(why, VD_INVALID, "'%.40s' is no task", row->task);
    return err;
}

vd_err vd_manifest_read(vd_slice json, vd_arena *arena, vd_manifest *ret_manifest, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    top_row row = { 0 };
    vd_err err = vd_json_parse(json, VD_DATASET_BYTES_MAX, 8, &root, why);
    if (!err) err = read_top(root, arena, &row, why);
    if (err) return err;
    vd_manifest m = { .name = row.name,
                      .task = row.task,
                      .seed = row.seed,
                      .block_s = (int64_t)row.block_s,
                      .val = row.val,
                      .test = row.test,
                      .made_us = row.made_us };
    err = read_classes(row.classes, arena, &m, why);
    if (!err) err = read_pictures(row.pictures, arena, &m, why);
    if (!err) *ret_manifest = m;
    return err;
}

vd_err vd_dataset_load(vd_blobs *blobs, const vd_digest *digest, vd_arena *arena,
                       vd_manifest *ret_manifest, vd_why *why)
{
    char path[4096];
    uint64_t bytes = 0;
    VD_AUTO(vd_buf) text = VD_BUF(VD_DATASET_BYTES_MAX);
    if (vd_blobs_path(blobs, digest, path, sizeof path, &bytes))
        return vd_fail(why, VD_ABSENT, "there is no such dataset");
    vd_err err = vd_file_load(path, &text, why);
    return err ? err : vd_manifest_read(vd_buf_slice(&text), arena, ret_manifest, why);
}
