/* decide.c - what people do to a picture's label.
 *
 *   none, proposed ──label──▶ labelled ──agree──▶ reviewed
 *         ▲                      │  ▲               │
 *         └──────disagree────────┘  └─────label─────┘        undo: any former state, as a new
 * version
 *
 * Every change names the version it saw, and is kept whole in the history. */
#include "dataset_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/json.h"

#define SPENT_MS_MAX 86400000

static const char *const verdict_words[] = { "objects", "nothing", "unusable" };

typedef struct {
    uint64_t version;
    bool labelled; /* a label waits for a review */
    char by[VD_LIMIT_NAME_BYTES + 32];
} standing;

/* VD_CONFLICT when somebody was faster. */
static vd_err look(vd_store *store, const vd_pool_change *change, standing *ret, vd_why *why)
{
    vd_stmt *get = vd_store_stmt(store, "pool_standing");
    vd_bind_text(get, "picture", change->picture);
    vd_err err = vd_stmt_row(get, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no such picture in the pool");
    if (err) return err;
    ret->version = (uint64_t)vd_col_int(get, 0);
    ret->labelled = strcmp(vd_col_text(get, 1), "labelled") == 0;
    vd_slice_to_chars(vd_slice_str(vd_col_text(get, 2)), ret->by, sizeof ret->by);
    vd_stmt_finish(get);
    if (change->version == ret->version) return VD_OK;
    vd_err which = change->version < ret->version ? VD_CONFLICT : VD_INVALID;
    (void)vd_fail(why, which,
                  which == VD_CONFLICT ? "the picture's label changed since you looked"
                                       : "this version of the picture does not exist");
    vd_why_detail(why, "you named version %llu, it is at version %llu",
                  (unsigned long long)change->version, (unsigned long long)ret->version);
    if (which == VD_CONFLICT) vd_why_hint(why, "look at what changed, then say it again");
    return which;
}

static vd_err check_class(vd_store *store, const char *name, vd_why *why)
{
    vd_stmt *known = vd_store_stmt(store, "pool_class_known");
    vd_bind_text(known, "name", name);
    vd_err err = vd_stmt_row(known, why);
    vd_stmt_finish(known);
    if (err != VD_ABSENT) return err;
    (void)vd_fail(why, VD_INVALID, "the class '%.64s' is not known", name);
    vd_why_hint(why, "add it first: POST /api/v1/pool/classes, or on the page");
    return VD_INVALID;
}

static vd_err check_classes(vd_store *store, const vd_label *label, vd_why *why)
{
    vd_err err = label->class_name ? check_class(store, label->class_name, why) : VD_OK;
    for (unsigned i = 0; !err && i < label->count; i++)
        err = check_class(store, label->box[i].class_name, why);
    return err;
}

/* The label's classes and the file's protection follow the row. */
static vd_err settle(vd_store *store, const char *picture, vd_why *why)
{
    VD_AUTO(vd_json_ptr) boxes = NULL;
    char class_name[VD_LABEL_CLASS_BYTES + 1] = "";
    vd_stmt *get = vd_store_stmt(store, "pool_label_get");
    vd_bind_text(get, "picture", picture);
    vd_err err = vd_stmt_row(get, why);
    if (err) return err;
    bool whole = !vd_col_null(get, 1);
    err = vd_json_parse(vd_slice_str(vd_col_text(get, 0)), LABEL_JSON_MAX, VD_LIMIT_JSON_DEPTH,
                        &boxes, why);
    vd_slice_to_chars(vd_slice_str(vd_col_text(get, 1)), class_name, sizeof class_name);
    vd_stmt_finish(get);
    if (!err)
        err = pool_set_classes(store, picture, "label", boxes, whole ? class_name : NULL, why);
    if (err) return err;
    vd_stmt *hold = vd_store_stmt(store, "pool_hold");
    vd_bind_text(hold, "picture", picture);
    return vd_stmt_run(hold, NULL, why);
}

static vd_err finish(vd_store *store, const vd_pool_change *change, vd_stmt *move, const char *what,
                     vd_why *why)
{
    uint64_t changed = 0;
    vd_err err = vd_stmt_run(move, &changed, why);
    if (!err && !changed) err = vd_fail(why, VD_CONFLICT, "the picture's label changed meanwhile");
    if (!err) err = settle(store, change->picture, why);
    return err ? err : pool_note(store, change->picture, change->who, what, why);
}

static vd_err set_label(vd_store *store, const vd_pool_change *change, const vd_label *label,
                        int64_t at_us, const char *what, vd_why *why)
{
    VD_AUTO(vd_buf) boxes = VD_BUF(LABEL_JSON_MAX);
    vd_json_w w = vd_json_writer(&boxes);
    if (label_write_boxes(label->box, label->count, &w))
        return vd_fail(why, VD_FULL, "the label is too large");
    vd_stmt *set = vd_store_stmt(store, "pool_label");
    vd_bind_text(set, "picture", change->picture);
    vd_bind_int(set, "version", (int64_t)change->version);
    vd_bind_text(set, "verdict", verdict_words[label->verdict]);
    vd_bind_text(set, "boxes", boxes.data);
    vd_bind_text(set, "class", label->class_name);
    vd_bind_text(set, "who", change->who);
    vd_bind_int(set, "at_us", at_us);
    vd_bind_int(set, "spent_ms", change->spent_ms);
    return finish(store, change, set, what, why);
}

vd_err vd_pool_label(vd_store *store, const vd_pool_change *change, const vd_label *label,
                     uint64_t *ret_version, vd_why *why)
{
    standing now;
    if (change->spent_ms < 0 || change->spent_ms > SPENT_MS_MAX)
        return vd_fail(why, VD_INVALID, "'spent_ms' is 0 to a day");
    vd_err err = look(store, change, &now, why);
    if (!err) err = check_classes(store, label, why);
    if (!err) err = set_label(store, change, label, vd_clock_utc_us(), "labelled", why);
    if (!err) *ret_version = now.version + 1;
    return err;
}

vd_err pool_import_label(vd_store *store, const char *picture, const char *who, int64_t at_us,
                         const vd_label *label, bool *ret_set, vd_why *why)
{
    vd_pool_change change = { .picture = picture, .who = who };
    vd_stmt *get = vd_store_stmt(store, "pool_import_standing");
    vd_bind_text(get, "picture", picture);
    vd_err err = vd_stmt_row(get, why);
    *ret_set = false;
    if (err == VD_ABSENT) return VD_OK; /* a person of this hub labelled it */
    if (err) return err;
    change.version = (uint64_t)vd_col_int(get, 0);
    vd_stmt_finish(get);
    err = set_label(store, &change, label, at_us, "imported", why);
    *ret_set = !err;
    return err;
}

vd_err vd_pool_undo(vd_store *store, const vd_pool_change *change, uint64_t to,
                    uint64_t *ret_version, vd_why *why)
{
    standing now;
    vd_err err = look(store, change, &now, why);
    if (err) return err;
    if (!to) to = now.version - 1;
    vd_stmt *former = vd_store_stmt(store, "pool_former");
    vd_bind_text(former, "picture", change->picture);
    vd_bind_int(former, "to", (int64_t)to);
    err = to ? vd_stmt_row(former, why) : VD_ABSENT;
    vd_stmt_finish(former);
    if (err == VD_ABSENT) return vd_fail(why, VD_INVALID, "there is no former label to put back");
    if (err) return err;
    vd_stmt *undo = vd_store_stmt(store, "pool_undo");
    vd_bind_text(undo, "picture", change->picture);
    vd_bind_int(undo, "version", (int64_t)change->version);
    vd_bind_int(undo, "to", (int64_t)to);
    err = finish(store, change, undo, "undone", why);
    if (!err) *ret_version = now.version + 1;
    return err;
}

vd_err vd_pool_review(vd_store *store, const vd_pool_change *change, bool agree, const char *note,
                      uint64_t *ret_version, vd_why *why)
{
    standing now;
    if (note && strlen(note) > VD_LIMIT_NOTE_BYTES)
        return vd_fail(why, VD_INVALID, "the note is longer than %u bytes", VD_LIMIT_NOTE_BYTES);
    vd_err err = look(store, change, &now, why);
    if (err) return err;
    if (!now.labelled) return vd_fail(why, VD_INVALID, "there is no label that waits for a review");
    if (strcmp(now.by, change->who) == 0) {
        (void)vd_fail(why, VD_DENIED, "a label is reviewed by somebody else than who gave it");
        vd_why_hint(why, "label it again when you think otherwise now");
        return VD_DENIED;
    }
    vd_stmt *review = vd_store_stmt(store, "pool_review");
    vd_bind_text(review, "picture", change->picture);
    vd_bind_int(review, "version", (int64_t)change->version);
    vd_bind_int(review, "agree", agree);
    vd_bind_text(review, "who", change->who);
    vd_bind_int(review, "now_us", vd_clock_utc_us());
    vd_bind_text(review, "note", note && note[0] ? note : NULL);
    err = finish(store, change, review, agree ? "agreed" : "disagreed", why);
    if (!err) *ret_version = now.version + 1;
    return err;
}
