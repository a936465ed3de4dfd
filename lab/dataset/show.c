/* show.c - the pool for people: a page in the order of what teaches most, one picture, its history,
 * and which to show next. What `teach` is made of stands in sql/pool_page.sql and docs/pool.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "limits.h"
#include "vd/json.h"

#define CANDIDATES 100 /* that `next` looks at */
#define SKIPPED    50

enum { /* columns of pool_page and pool_get */
       PICTURE,
       VERSION,
       STATE,
       SOURCE,
       REASON,
       DEVICE,
       CAMERA,
       CAPTURED,
       ADDED,
       WIDTH,
       HEIGHT,
       HERE,
       PROPOSALS,
       WRONG,
       MODEL_NAME,
       MODEL_DIGEST,
       INCIDENT,
       VERDICT,
       BOXES,
       CLASS,
       BY,
       AT,
       SPENT,
       AGREE,
       REVIEWER,
       REVIEWED,
       NOTE,
       TEACH,
       UNCERTAINTY,
       RARITY,
       FEW,
       NEAR,
       PLACE
};

static void kv_raw(vd_json_w *w, const char *key, const char *json)
{
    vd_json_w_key(w, key);
    vd_json_w_raw(w, vd_slice_str(json));
}

/* Columns verdict, boxes, class, by, at, spent from `first` on; nothing without a verdict. */
static void write_label(vd_stmt *row, int first, vd_json_w *w)
{
    if (vd_col_null(row, first)) return;
    vd_json_w_key(w, "label");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "verdict", vd_col_text(row, first));
    kv_raw(w, "boxes", vd_col_text(row, first + 1));
    if (!vd_col_null(row, first + 2)) vd_json_w_kv_text(w, "class", vd_col_text(row, first + 2));
    vd_json_w_kv_text(w, "by", vd_col_text(row, first + 3));
    vd_json_w_kv_time(w, "at", vd_col_int(row, first + 4));
    vd_json_w_kv_int(w, "spent_ms", vd_col_int(row, first + 5));
    vd_json_w_object_end(w);
}

static void write_review(vd_stmt *row, vd_json_w *w)
{
    if (vd_col_null(row, AGREE)) return;
    vd_json_w_key(w, "review");
    vd_json_w_object(w);
    vd_json_w_kv_bool(w, "agree", vd_col_int(row, AGREE) != 0);
    vd_json_w_kv_text(w, "by", vd_col_text(row, REVIEWER));
    vd_json_w_kv_time(w, "at", vd_col_int(row, REVIEWED));
    if (!vd_col_null(row, NOTE)) vd_json_w_kv_text(w, "note", vd_col_text(row, NOTE));
    vd_json_w_object_end(w);
}

static const char *reason_text(const char *reason)
{
    static const char *const table[][2] = {
        { "false_alarm", "an alarm about it was false: an example of what to leave alone" },
        { "wrong_class", "a person refused its class" },
        { "uncertain", "the model was unsure" },
        { "rare", "the model saw a rare class" },
        { "drift", "its camera changed" },
        { "confirmed", "an alarm about it was right" },
        { "random", "chosen at random" },
    };
    for (size_t i = 0; i < VD_COUNT_OF(table); i++)
        if (strcmp(reason, table[i][0]) == 0) return table[i][1];
    return "put in by a person";
}

static void write_teach(vd_stmt *row, vd_json_w *w)
{
    bool done = strcmp(vd_col_text(row, STATE), "labelled") == 0 ||
                strcmp(vd_col_text(row, STATE), "reviewed") == 0;
    vd_json_w_kv_num(w, "teach", vd_col_num(row, TEACH), 3);
    vd_json_w_key(w, "teach_why");
    vd_json_w_list(w);
    if (!done) {
        if (!vd_col_null(row, AGREE)) vd_json_w_text(w, "a reviewer disagreed with its label");
        vd_json_w_text(w, reason_text(vd_col_text(row, REASON)));
        if (vd_col_num(row, UNCERTAINTY) > 0.3) vd_json_w_text(w, "a score near the threshold");
        if (vd_col_num(row, RARITY) > 0.5) vd_json_w_text(w, "a class with few labels");
        if (vd_col_num(row, FEW) > 0.5) vd_json_w_text(w, "a camera with few labels");
        if (vd_col_int(row, NEAR)) vd_json_w_text(w, "less, as a neighbour has a label");
    }
    vd_json_w_list_end(w);
}

static void write_picture(vd_stmt *row, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "picture", vd_col_text(row, PICTURE));
    vd_json_w_kv_int(w, "version", vd_col_int(row, VERSION));
    vd_json_w_kv_text(w, "label_state", vd_col_text(row, STATE));
    vd_json_w_kv_text(w, "source", vd_col_text(row, SOURCE));
    vd_json_w_kv_text(w, "reason", vd_col_text(row, REASON));
    vd_json_w_kv_text(w, "device", vd_col_text(row, DEVICE));
    vd_json_w_kv_text(w, "camera", vd_col_text(row, CAMERA));
    vd_json_w_kv_time(w, "captured_at", vd_col_int(row, CAPTURED));
    vd_json_w_kv_time(w, "added_at", vd_col_int(row, ADDED));
    vd_json_w_kv_int(w, "width", vd_col_int(row, WIDTH));
    vd_json_w_kv_int(w, "height", vd_col_int(row, HEIGHT));
    vd_json_w_kv_bool(w, "here", vd_col_int(row, HERE) != 0);
    kv_raw(w, "proposals", vd_col_text(row, PROPOSALS));
    if (strcmp(vd_col_text(row, WRONG), "[]") != 0) kv_raw(w, "wrong", vd_col_text(row, WRONG));
    if (!vd_col_null(row, MODEL_NAME) && !vd_col_null(row, MODEL_DIGEST)) {
        vd_json_w_key(w, "model");
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "name", vd_col_text(row, MODEL_NAME));
        vd_json_w_kv_text(w, "digest", vd_col_text(row, MODEL_DIGEST));
        vd_json_w_object_end(w);
    }
    if (!vd_col_null(row, INCIDENT)) vd_json_w_kv_text(w, "incident", vd_col_text(row, INCIDENT));
    write_label(row, VERDICT, w);
    write_review(row, w);
    write_teach(row, w);
    vd_json_w_object_end(w);
}

/* ---- asking for pictures ---- */

typedef struct {
    vd_digest picture;
    double place;
} cursor;

static vd_err read_cursor(const char *text, cursor *ret, vd_why *why)
{
    char *end = NULL;
    vd_slice rest = VD_SLICE_NONE;
    (void)vd_slice_cut(vd_slice_str(text), ':', &rest);
    ret->place = strtod(text, &end);
    if (end && *end == ':' && isfinite(ret->place) && vd_digest_parse(rest, &ret->picture))
        return VD_OK;
    return vd_fail(why, VD_INVALID, "the cursor is none of ours");
}

static vd_err bind_labels(vd_stmt *page, const char *labels, vd_why *why)
{
    static const char *const states[] = { "none", "proposed", "labelled", "reviewed" };
    static const char *const names[] = { "label_1", "label_2", "label_3" };
    unsigned count = 0, set = 0;
    vd_slice rest = vd_slice_str(labels);
    while (rest.len) {
        unsigned which = 0;
        vd_slice word = vd_slice_cut(rest, ',', &rest);
        while (which < 4 && !vd_slice_eq(word, vd_slice_str(states[which]))) which++;
        if (which == 4)
            return vd_fail(why, VD_INVALID, "'%.*s' is no state of a label",
                           (int)(word.len < 40 ? word.len : 40), (const char *)word.data);
        set |= 1u << which;
    }
    vd_bind_int(page, "any_label", set == 0 || set == 15);
    for (unsigned which = 0; which < 4 && set != 15; which++)
        if (set & 1u << which) vd_bind_text(page, names[count++], states[which]);
    return VD_OK;
}

static vd_err bind_filter(vd_stmt *page, const vd_pool_filter *f, vd_why *why)
{
    vd_bind_text(page, "source", f->source);
    vd_bind_text(page, "reason", f->reason);
    vd_bind_text(page, "device", f->device);
    vd_bind_text(page, "camera", f->camera);
    vd_bind_text(page, "class", f->class_name);
    if (f->since_us) vd_bind_int(page, "since_us", f->since_us);
    if (f->until_us) vd_bind_int(page, "until_us", f->until_us);
    vd_bind_int(page, "newest", f->newest_first);
    vd_bind_int(page, "only_here", 0);
    vd_bind_int(page, "limit", f->limit + 1);
    return bind_labels(page, f->labels, why);
}

static vd_err write_counts(vd_store *store, vd_json_w *w, vd_why *why)
{
    static const char *const states[] = { "none", "proposed", "labelled", "reviewed" };
    int64_t count[4] = { 0 };
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "pool_counts");
    while ((err = vd_stmt_row(rows, why)) == VD_OK)
        for (unsigned i = 0; i < 4; i++)
            if (strcmp(states[i], vd_col_text(rows, 0)) == 0) count[i] = vd_col_int(rows, 1);
    if (err != VD_ABSENT) return err;
    vd_json_w_key(w, "counts");
    vd_json_w_object(w);
    for (unsigned i = 0; i < 4; i++) vd_json_w_kv_int(w, states[i], count[i]);
    vd_json_w_object_end(w);
    return VD_OK;
}

static vd_err write_cameras(vd_store *store, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "pool_cameras");
    vd_json_w_key(w, "cameras");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "device", vd_col_text(rows, 0));
        vd_json_w_kv_text(w, "camera", vd_col_text(rows, 1));
        vd_json_w_kv_int(w, "pictures", vd_col_int(rows, 2));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_pool_write_page(vd_store *store, const vd_pool_filter *filter, vd_json_w *w, vd_why *why)
{
    cursor from = { 0 };
    char next[VD_SHA256_HEX + 40] = "";
    unsigned count = 0;
    vd_err err = filter->cursor ? read_cursor(filter->cursor, &from, why) : VD_OK;
    vd_stmt *page = vd_store_stmt(store, "pool_page");
    if (!err) err = bind_filter(page, filter, why);
    if (err) return err;
    vd_bind_num(page, "after_place", from.place);
    if (filter->cursor) vd_bind_text(page, "after", from.picture.hex);
    vd_json_w_key(w, "pictures");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(page, why)) == VD_OK && count++ < filter->limit) {
        (void)snprintf(next, sizeof next, "%.17g:%s", vd_col_num(page, PLACE),
                       vd_col_text(page, PICTURE));
        write_picture(page, w);
    }
    vd_stmt_finish(page);
    vd_json_w_list_end(w);
    if (err == VD_OK) vd_json_w_kv_text(w, "next", next); /* a row is left over */
    if (err && err != VD_ABSENT) return err;
    err = write_counts(store, w, why);
    return err ? err : write_cameras(store, w, why);
}

vd_err vd_pool_write(vd_store *store, const char *picture, vd_json_w *w, vd_why *why)
{
    vd_stmt *get = vd_store_stmt(store, "pool_get");
    vd_bind_text(get, "picture", picture);
    vd_err err = vd_stmt_row(get, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no such picture in the pool");
    if (err) return err;
    write_picture(get, w);
    vd_stmt_finish(get);
    return VD_OK;
}

vd_err vd_pool_write_history(vd_store *store, const char *picture, uint64_t version,
                             const char *name, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "pool_history");
    vd_bind_text(rows, "picture", picture);
    vd_bind_int(rows, "version", (int64_t)version);
    vd_json_w_key(w, name);
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "version", vd_col_int(rows, 0));
        vd_json_w_kv_time(w, "at", vd_col_int(rows, 1));
        vd_json_w_kv_text(w, "who", vd_col_text(rows, 2));
        vd_json_w_kv_text(w, "what", vd_col_text(rows, 3));
        vd_json_w_kv_text(w, "label_state", vd_col_text(rows, 4));
        write_label(rows, 5, w);
        if (!vd_col_null(rows, 11)) vd_json_w_kv_text(w, "note", vd_col_text(rows, 11));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_pool_write_classes(vd_store *store, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "pool_classes");
    vd_json_w_key(w, "classes");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "name", vd_col_text(rows, 0));
        vd_json_w_kv_int(w, "pictures", vd_col_int(rows, 1));
        vd_json_w_kv_int(w, "boxes", vd_col_int(rows, 2));
        vd_json_w_kv_int(w, "proposals", vd_col_int(rows, 3));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

/* ---- the next one ---- */

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[VD_LIMIT_NAME_BYTES + 1];
    int64_t captured_us;
    bool known;
    vd_digest left;
    vd_digest skip[SKIPPED];
    unsigned skip_count;
} passed;

static vd_err read_passed(vd_store *store, const char *after, const char *skip, passed *p,
                          vd_why *why)
{
    vd_slice rest = vd_slice_str(skip);
    while (rest.len && p->skip_count < SKIPPED) {
        vd_slice word = vd_slice_cut(rest, ',', &rest);
        if (!vd_digest_parse(word, &p->skip[p->skip_count++]))
            return vd_fail(why, VD_INVALID, "'skip' names something that is no digest");
    }
    if (!after) return VD_OK;
    if (!vd_digest_parse(vd_slice_str(after), &p->left))
        return vd_fail(why, VD_INVALID, "'after' is no digest");
    vd_stmt *at = vd_store_stmt(store, "pool_place");
    vd_bind_text(at, "picture", p->left.hex);
    vd_err err = vd_stmt_row(at, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    vd_slice_to_chars(vd_slice_str(vd_col_text(at, 0)), p->device, sizeof p->device);
    vd_slice_to_chars(vd_slice_str(vd_col_text(at, 1)), p->camera, sizeof p->camera);
    p->captured_us = vd_col_int(at, 2);
    p->known = true;
    vd_stmt_finish(at);
    return VD_OK;
}

static bool unwanted(const passed *p, const char *picture)
{
    if (strcmp(p->left.hex, picture) == 0) return true;
    for (unsigned i = 0; i < p->skip_count; i++)
        if (strcmp(p->skip[i].hex, picture) == 0) return true;
    return false;
}

static bool neighbour(const passed *p, vd_stmt *row)
{
    return p->known && strcmp(p->device, vd_col_text(row, DEVICE)) == 0 &&
           strcmp(p->camera, vd_col_text(row, CAMERA)) == 0 &&
           llabs(vd_col_int(row, CAPTURED) - p->captured_us) < VD_POOL_NEIGHBOUR_US;
}

vd_err vd_pool_next(vd_store *store, const vd_pool_filter *filter, const char *after,
                    const char *skip, vd_digest *ret_picture, vd_why *why)
{
    passed p = { 0 };
    vd_pool_filter open = *filter;
    vd_digest first = { 0 };
    bool found = false, best = false;
    vd_err err = read_passed(store, after, skip, &p, why);
    vd_stmt *page = vd_store_stmt(store, "pool_page");
    open.labels = "none,proposed";
    open.limit = CANDIDATES + SKIPPED;
    open.newest_first = false;
    if (!err) err = bind_filter(page, &open, why);
    if (err) return err;
    vd_bind_int(page, "only_here", 1);
    while (!best && (err = vd_stmt_row(page, why)) == VD_OK) {
        if (unwanted(&p, vd_col_text(page, PICTURE))) continue;
        best = !neighbour(&p, page);
        if (!found || best)
            found = vd_digest_parse(vd_slice_str(vd_col_text(page, PICTURE)), &first);
    }
    vd_stmt_finish(page);
    if (err && err != VD_ABSENT) return err;
    if (!found) return vd_fail(why, VD_ABSENT, "nothing is left to label");
    *ret_picture = first;
    return VD_OK;
}
