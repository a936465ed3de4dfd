/* make.c - a dataset version out of the pool, and the list of versions.
 *
 * Everything in a manifest follows from the selection, so the same selection gives the same digest;
 * `made_at` is when the newest label in it was given. */
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/json.h"
#include "vd/ulid.h"

#define BLOCK_S 60
#define VAL     0.15
#define TEST    0.2

typedef struct {
    const vd_dataset_wish *wish;
    vd_arena *arena;
    vd_manifest m;
    unsigned room;
    bool *timeless;
    vd_dataset_made made;
    const char *classes[1000];
    unsigned class_count;
} making;

static bool listed(const char *const *list, unsigned count, const char *word)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0) return true;
    return count == 0;
}

static const char *keep(making *k, const char *text)
{
    return vd_arena_str(k->arena, vd_slice_str(text));
}

/* The class as one pointer for all; NULL when it is not wanted, or there are too many. */
static const char *class_of(making *k, const char *name)
{
    if (!listed(k->wish->classes, k->wish->class_count, name)) return NULL;
    for (unsigned i = 0; i < k->class_count; i++)
        if (strcmp(k->classes[i], name) == 0) return k->classes[i];
    if (k->class_count == VD_COUNT_OF(k->classes)) return NULL;
    const char *kept = keep(k, name);
    if (kept) k->classes[k->class_count++] = kept;
    return kept;
}

static vd_err take_boxes(making *k, vd_stmt *row, vd_manifest_picture *p, vd_why *why)
{
    vd_label_box *box = NULL;
    unsigned count = 0, kept = 0;
    vd_err err = label_read_boxes(vd_col_text(row, 8), k->arena, &box, &count, why);
    if (err) return err;
    for (unsigned i = 0; i < count; i++) {
        const char *name = class_of(k, box[i].class_name);
        if (!name) continue;
        box[kept] = box[i];
        box[kept++].class_name = name;
    }
    p->box = box;
    p->box_count = kept;
    return VD_OK;
}

/* A picture with a class only says nothing of where things are, one with boxes only not what it is
 * as a whole. */
static bool fits_task(const making *k, vd_stmt *row)
{
    bool objects = strcmp(vd_col_text(row, 7), "objects") == 0;
    bool boxes = strcmp(vd_col_text(row, 8), "[]") != 0;
    if (strcmp(k->m.task, "classification") == 0) return !vd_col_null(row, 9);
    return !objects || boxes;
}

static bool camera_wanted(const making *k, vd_stmt *row)
{
    char name[2 * VD_LIMIT_NAME_BYTES + 2];
    (void)snprintf(name, sizeof name, "%s/%s", vd_col_text(row, 3), vd_col_text(row, 4));
    return listed(k->wish->cameras, k->wish->camera_count, name);
}

static vd_err take_row(making *k, vd_stmt *row, vd_why *why)
{
    if (!camera_wanted(k, row)) return VD_OK;
    if (!fits_task(k, row)) {
        k->made.skipped++;
        return VD_OK;
    }
    if (k->m.count == k->room)
        return vd_fail(why, VD_FULL, "a dataset has at most %u pictures", VD_DATASET_PICTURES_MAX);
    vd_manifest_picture *p = &k->m.picture[k->m.count];
    *p = (vd_manifest_picture){ .width_px = (unsigned)vd_col_int(row, 1),
                                .height_px = (unsigned)vd_col_int(row, 2),
                                .device = keep(k, vd_col_text(row, 3)),
                                .camera = keep(k, vd_col_text(row, 4)),
                                .captured_us = vd_col_int(row, 5),
                                .source = keep(k, vd_col_text(row, 6)) };
    if (!vd_digest_parse(vd_slice_str(vd_col_text(row, 0)), &p->picture))
        return vd_fail(why, VD_CORRUPT, "the pool has a picture without a digest");
    bool whole = strcmp(k->m.task, "classification") == 0;
    if (whole) p->class_name = class_of(k, vd_col_text(row, 9));
    vd_err err = whole ? VD_OK : take_boxes(k, row, p, why);
    if (err) return err;
    if (!p->device || !p->camera || !p->source) return vd_fail(why, VD_FULL, "no memory");
    if (whole && !p->class_name) {
        k->made.skipped++;
        return VD_OK;
    }
    k->timeless[k->m.count] = !vd_col_int(row, 11);
    k->made.timeless += !vd_col_int(row, 11);
    if (vd_col_int(row, 10) > k->m.made_us) k->m.made_us = vd_col_int(row, 10);
    k->m.count++;
    return VD_OK;
}

static vd_err count_labelled(vd_store *store, unsigned *ret, vd_why *why)
{
    vd_stmt *count = vd_store_stmt(store, "dataset_count");
    vd_err err = vd_stmt_row(count, why);
    if (err) return err;
    *ret = (unsigned)vd_col_int(count, 0);
    vd_stmt_finish(count);
    return VD_OK;
}

static vd_err select_pictures(making *k, vd_store *store, vd_why *why)
{
    unsigned labelled = 0;
    vd_err err = count_labelled(store, &labelled, why);
    if (err) return err;
    k->room = labelled + 1000 < VD_DATASET_PICTURES_MAX ? labelled + 1000 : VD_DATASET_PICTURES_MAX;
    k->m.picture = vd_arena_alloc(k->arena, k->room * sizeof *k->m.picture);
    k->timeless = vd_arena_alloc(k->arena, k->room * sizeof *k->timeless);
    if (!k->m.picture || !k->timeless) return vd_fail(why, VD_FULL, "no memory");
    vd_stmt *rows = vd_store_stmt(store, "dataset_select");
    vd_bind_int(rows, "reviewed_only", k->wish->reviewed_only);
    if (k->wish->since_us) vd_bind_int(rows, "since_us", k->wish->since_us);
    if (k->wish->until_us) vd_bind_int(rows, "until_us", k->wish->until_us);
    while (!err && (err = vd_stmt_row(rows, why)) == VD_OK) err = take_row(k, rows, why);
    vd_stmt_finish(rows);
    return err == VD_ABSENT ? VD_OK : err;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static vd_err check_name(const char *name, vd_why *why)
{
    size_t len = name ? strlen(name) : 0;
    bool ok = len > 0 && len <= VD_LABEL_CLASS_BYTES;
    for (size_t i = 0; ok && i < len; i++)
        ok = strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", name[i]) != NULL;
    if (ok) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "'%.64s' is no name of a dataset", name ? name : "");
    vd_why_hint(why, "1 to %d of a-z, 0-9, '-', '.', '_'", VD_LABEL_CLASS_BYTES);
    return VD_INVALID;
}

static vd_err begin(making *k, vd_why *why)
{
    const vd_dataset_wish *wish = k->wish;
    vd_err err = check_name(wish->name, why);
    if (err) return err;
    k->m.name = keep(k, wish->name);
    k->m.task =
        wish->task && strcmp(wish->task, "classification") == 0 ? "classification" : "detection";
    if (wish->task && strcmp(k->m.task, wish->task) != 0)
        return vd_fail(why, VD_INVALID, "'%.40s' is no task", wish->task);
    k->m.seed = wish->seed;
    k->m.block_s = wish->block_s ? wish->block_s : BLOCK_S;
    k->m.val = wish->val < 0 ? VAL : wish->val;
    k->m.test = wish->test < 0 ? TEST : wish->test;
    return k->m.name ? VD_OK : vd_fail(why, VD_FULL, "no memory");
}

static vd_err enough(const making *k, vd_why *why)
{
    if (k->m.count >= VD_DATASET_PICTURES_LEAST) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "%u labelled picture%s fit: a dataset needs at least %d",
                  k->m.count, k->m.count == 1 ? "" : "s", VD_DATASET_PICTURES_LEAST);
    vd_why_detail(why, "%u labelled picture%s not for this task", k->made.skipped,
                  k->made.skipped == 1 ? " is" : "s are");
    vd_why_hint(why, "label more pictures, or choose more cameras or a longer time");
    return VD_INVALID;
}

/* ---- recording it ---- */

typedef struct {
    const making *k;
    const char *classes;
    uint64_t bytes;
    vd_dataset_made *made;
} recording;

static vd_err record(vd_store *store, void *arg, vd_why *why)
{
    recording *r = arg;
    const vd_manifest *m = &r->k->m;
    uint64_t changed = 0, boxes = 0, in[VD_SPLIT_COUNT] = { 0 };
    const char *digest = r->made->digest.hex;
    for (unsigned i = 0; i < m->count; i++) {
        boxes += m->picture[i].box_count;
        in[m->picture[i].split]++;
    }
    vd_stmt *add = vd_store_stmt(store, "dataset_add");
    vd_bind_text(add, "digest", digest);
    vd_bind_text(add, "name", m->name);
    vd_bind_text(add, "task", m->task);
    vd_bind_int(add, "seed", (int64_t)m->seed);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    vd_bind_text(add, "who", r->k->wish->who);
    vd_bind_int(add, "pictures", m->count);
    vd_bind_int(add, "boxes", (int64_t)boxes);
    vd_bind_text(add, "classes", r->classes);
    vd_bind_int(add, "train", (int64_t)in[VD_SPLIT_TRAIN]);
    vd_bind_int(add, "val", (int64_t)in[VD_SPLIT_VAL]);
    vd_bind_int(add, "test", (int64_t)in[VD_SPLIT_TEST]);
    vd_err err = vd_stmt_run(add, &changed, why);
    r->made->made = changed > 0;
    if (err || !changed) return err;
    vd_archive_use use = { .what = "dataset", .id = digest, .held = true };
    use.content_type = "application/json";
    err = vd_archive_arrived(store, &r->made->digest, r->bytes, why);
    if (!err) err = vd_archive_use_add(store, &r->made->digest, &use, why);
    use.content_type = "image/jpeg"; /* the pool's own use says it exactly */
    for (unsigned i = 0; !err && i < m->count; i++)
        err = vd_archive_use_add(store, &m->picture[i].picture, &use, why);
    return err;
}

static vd_err write_classes(const vd_manifest *m, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_list(&w);
    for (unsigned i = 0; i < m->class_count; i++) vd_json_w_text(&w, m->classes[i]);
    vd_json_w_list_end(&w);
    return vd_json_w_end(&w);
}

static vd_err publish(making *k, vd_committer *committer, vd_blobs *blobs, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_DATASET_BYTES_MAX);
    VD_AUTO(vd_buf) classes = VD_BUF(1 << 20);
    vd_err err = vd_manifest_write(&k->m, &text, why);
    if (!err) err = write_classes(&k->m, &classes);
    if (!err) err = vd_blobs_put(blobs, vd_buf_slice(&text), &k->made.digest, why);
    if (err) return err;
    recording r = { .k = k, .classes = classes.data, .bytes = text.len, .made = &k->made };
    return vd_committer_run(committer, record, &r, why);
}

vd_err vd_dataset_make(vd_store *store, vd_committer *committer, vd_blobs *blobs,
                       const vd_dataset_wish *wish, vd_arena *arena, vd_manifest *ret_manifest,
                       vd_dataset_made *ret_made, vd_why *why)
{
    making *k = vd_arena_alloc(arena, sizeof *k);
    if (!k) return vd_fail(why, VD_FULL, "no memory");
    k->wish = wish;
    k->arena = arena;
    vd_err err = begin(k, why);
    if (!err) err = select_pictures(k, store, why);
    if (!err) err = enough(k, why);
    if (err) return err;
    if (k->class_count) qsort(k->classes, k->class_count, sizeof *k->classes, by_name);
    k->m.classes = k->classes;
    k->m.class_count = k->class_count;
    err = vd_manifest_split(&k->m, k->timeless, arena, &k->made.left_out, why);
    if (!err) err = publish(k, committer, blobs, why);
    if (err) return err;
    *ret_manifest = k->m;
    *ret_made = k->made;
    return VD_OK;
}

vd_err vd_dataset_used(vd_store *store, const vd_digest *digest, vd_split split, const char *run,
                       vd_why *why)
{
    vd_stmt *use = vd_store_stmt(store, "dataset_use");
    vd_bind_text(use, "dataset", digest->hex);
    vd_bind_text(use, "split", vd_split_word(split));
    vd_bind_text(use, "run", run);
    vd_bind_int(use, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_run(use, NULL, why);
    return err == VD_CONFLICT ? vd_fail(why, VD_ABSENT, "there is no such dataset") : err;
}

/* ---- the list ---- */

static void write_row(vd_stmt *row, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "digest", vd_col_text(row, 0));
    vd_json_w_kv_text(w, "name", vd_col_text(row, 1));
    vd_json_w_kv_text(w, "task", vd_col_text(row, 2));
    vd_json_w_kv_int(w, "seed", vd_col_int(row, 3));
    vd_json_w_kv_time(w, "made_at", vd_col_int(row, 4));
    vd_json_w_kv_text(w, "made_by", vd_col_text(row, 5));
    vd_json_w_kv_int(w, "pictures", vd_col_int(row, 6));
    vd_json_w_kv_int(w, "boxes", vd_col_int(row, 7));
    vd_json_w_key(w, "classes");
    vd_json_w_raw(w, vd_slice_str(vd_col_text(row, 8)));
    vd_json_w_key(w, "splits");
    vd_json_w_object(w);
    for (int i = 0; i < VD_SPLIT_COUNT; i++)
        vd_json_w_kv_int(w, vd_split_word((vd_split)i), vd_col_int(row, 9 + i));
    vd_json_w_object_end(w);
    vd_json_w_kv_int(w, "test_uses", vd_col_int(row, 12));
    vd_json_w_object_end(w);
}

/* "microseconds:digest" */
static vd_err bind_cursor(vd_stmt *list, const char *cursor, vd_digest *after, vd_why *why)
{
    uint64_t at_us = 0;
    vd_slice rest = VD_SLICE_NONE;
    if (!cursor) return VD_OK;
    vd_slice at = vd_slice_cut(vd_slice_str(cursor), ':', &rest);
    if (!vd_slice_u64(at, INT64_MAX, &at_us) || !vd_digest_parse(rest, after))
        return vd_fail(why, VD_INVALID, "the cursor is none of ours");
    vd_bind_int(list, "after_us", (int64_t)at_us);
    vd_bind_text(list, "after", after->hex);
    return VD_OK;
}

vd_err vd_dataset_write_page(vd_store *store, const char *name, const char *cursor, unsigned limit,
                             vd_json_w *w, vd_why *why)
{
    vd_digest after;
    char next[VD_SHA256_HEX + 32] = "";
    unsigned count = 0;
    vd_stmt *list = vd_store_stmt(store, "dataset_list");
    vd_err err = bind_cursor(list, cursor, &after, why);
    if (err) return err;
    vd_bind_text(list, "name", name);
    vd_bind_int(list, "limit", limit + 1);
    vd_json_w_key(w, "datasets");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(list, why)) == VD_OK && count++ < limit) {
        (void)snprintf(next, sizeof next, "%lld:%s", (long long)vd_col_int(list, 4),
                       vd_col_text(list, 0));
        write_row(list, w);
    }
    vd_stmt_finish(list);
    vd_json_w_list_end(w);
    if (err == VD_OK) vd_json_w_kv_text(w, "next", next); /* a row is left over */
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_dataset_write(vd_store *store, const vd_digest *digest, vd_json_w *w, vd_why *why)
{
    vd_stmt *list = vd_store_stmt(store, "dataset_list");
    vd_bind_text(list, "digest", digest->hex);
    vd_bind_int(list, "limit", 1);
    vd_err err = vd_stmt_row(list, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no such dataset");
    if (err) return err;
    write_row(list, w);
    vd_stmt_finish(list);
    return VD_OK;
}
