/* pool.c - what comes into the pool: incidents' labelled items, samples, uploads, imports.
 *
 * What a picture would teach has parts that never change while nobody labels it: what its reason
 * says (bonus) and how near its proposals' scores are to the threshold (uncertainty). They are set
 * here; the parts that move with other labels are in sql/pool_page.sql. */
#include <math.h>
#include <stdio.h>

#include "dataset_priv.h"
#include "event.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/json.h"

#define THRESHOLD     0.4  /* scores about here are the ones that turn an alarm on or off */
#define THRESHOLD_FAR 0.25 /* this far from it a score is no question any more */
#define SAMPLE_BOXES  200
#define SURE_ENOUGH                                                                                \
    0.25 /* a lower score tells no class: it neither adds one nor makes one rare                   \
          */

static double bonus_of(const char *reason)
{
    static const struct {
        const char *reason;
        double bonus;
    } table[] = { { "false_alarm", 3 }, { "wrong_class", 2.5 }, { "rare", 1.2 },
                  { "drift", 1 },       { "uncertain", 0.8 },   { "confirmed", 0.4 } };
    for (size_t i = 0; i < VD_COUNT_OF(table); i++)
        if (strcmp(table[i].reason, reason) == 0) return table[i].bonus;
    return 0.2;
}

static double uncertainty_of(const vd_json *boxes)
{
    double most = 0;
    for (size_t i = 0; i < vd_json_len(boxes); i++) {
        double score = vd_json_num(vd_json_get(vd_json_at(boxes, i), "score"), 0);
        most = fmax(most, 1 - fabs(score - THRESHOLD) / THRESHOLD_FAR);
    }
    return most;
}

static vd_err add_class(vd_store *store, const char *name, const char *who, vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "pool_class_add");
    vd_bind_text(add, "name", name);
    vd_bind_text(add, "who", who);
    vd_bind_int(add, "now_us", vd_clock_utc_us());
    return vd_stmt_run(add, NULL, why);
}

vd_err vd_pool_add_class(vd_store *store, const char *name, const char *who, vd_why *why)
{
    vd_slice text = vd_slice_str(name);
    bool bad = !text.len || text.len > VD_LABEL_CLASS_BYTES || !vd_slice_utf8_valid(text);
    for (size_t i = 0; !bad && i < text.len; i++) bad = text.data[i] < 0x20;
    if (bad)
        return vd_fail(why, VD_INVALID, "a class has a name of 1 to %d bytes",
                       VD_LABEL_CLASS_BYTES);
    return add_class(store, name, who, why);
}

static vd_err has_add(vd_store *store, const char *picture, const char *what, const char *name,
                      vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "pool_has_add");
    vd_bind_text(add, "picture", picture);
    vd_bind_text(add, "what", what);
    vd_bind_text(add, "class", name);
    return vd_stmt_run(add, NULL, why);
}

/* The box's class; NULL when a model was not sure enough to tell one. */
static const char *class_told(const vd_json *box)
{
    const char *name = vd_json_text(vd_json_get(box, "class"), "");
    bool told = name[0] && strlen(name) <= VD_LABEL_CLASS_BYTES;
    return told && vd_json_num(vd_json_get(box, "score"), 1) >= SURE_ENOUGH ? name : NULL;
}

vd_err pool_set_classes(vd_store *store, const char *picture, const char *what,
                        const vd_json *boxes, const char *picture_class, vd_why *why)
{
    vd_stmt *clear = vd_store_stmt(store, "pool_has_clear");
    vd_bind_text(clear, "picture", picture);
    vd_bind_text(clear, "what", what);
    vd_err err = vd_stmt_run(clear, NULL, why);
    for (size_t i = 0; !err && i < vd_json_len(boxes); i++) {
        const char *name = class_told(vd_json_at(boxes, i));
        if (name) err = has_add(store, picture, what, name, why);
    }
    if (!err && picture_class) err = has_add(store, picture, what, picture_class, why);
    return err;
}

vd_err pool_note(vd_store *store, const char *picture, const char *who, const char *what,
                 vd_why *why)
{
    vd_stmt *note = vd_store_stmt(store, "pool_history_add");
    vd_bind_text(note, "picture", picture);
    vd_bind_text(note, "who", who);
    vd_bind_text(note, "what", what);
    vd_bind_int(note, "now_us", vd_clock_utc_us());
    return vd_stmt_run(note, NULL, why);
}

/* A refused box proposes too: that nothing is there. */
static const char *state_of(const vd_pool_new *p, const vd_json *proposals)
{
    bool refused = p->wrong && strcmp(p->wrong, "[]") != 0;
    return refused || vd_json_len(proposals) ? "proposed" : "none";
}

static vd_err insert(vd_store *store, const vd_pool_new *p, const vd_json *proposals,
                     uint64_t *ret_changed, vd_why *why)
{
    int64_t now_us = vd_clock_utc_us();
    vd_stmt *add = vd_store_stmt(store, "pool_add");
    vd_bind_text(add, "picture", p->picture.hex);
    vd_bind_text(add, "state", state_of(p, proposals));
    vd_bind_text(add, "source", p->source);
    vd_bind_text(add, "reason", p->reason);
    vd_bind_text(add, "device", p->device);
    vd_bind_text(add, "camera", p->camera);
    vd_bind_int(add, "captured_us", p->captured_us ? p->captured_us : now_us);
    vd_bind_int(add, "time_known", p->captured_us != 0);
    vd_bind_int(add, "now_us", now_us);
    vd_bind_int(add, "width", p->width_px);
    vd_bind_int(add, "height", p->height_px);
    vd_bind_text(add, "content_type", p->content_type);
    vd_bind_text(add, "proposals", p->proposals ? p->proposals : "[]");
    vd_bind_text(add, "wrong", p->wrong ? p->wrong : "[]");
    vd_bind_text(add, "model_name", p->model_name);
    vd_bind_text(add, "model_digest", p->model_digest);
    vd_bind_text(add, "incident", p->incident);
    vd_bind_num(add, "uncertainty", uncertainty_of(proposals));
    vd_bind_num(add, "bonus", bonus_of(p->reason));
    return vd_stmt_run(add, ret_changed, why);
}

static vd_err judge(vd_store *store, const vd_pool_new *p, const vd_json *proposals, vd_why *why)
{
    uint64_t changed = 0;
    vd_stmt *take = vd_store_stmt(store, "pool_judge");
    vd_bind_text(take, "picture", p->picture.hex);
    vd_bind_text(take, "state", state_of(p, proposals));
    vd_bind_text(take, "reason", p->reason);
    vd_bind_text(take, "proposals", p->proposals ? p->proposals : "[]");
    vd_bind_text(take, "wrong", p->wrong ? p->wrong : "[]");
    vd_bind_text(take, "incident", p->incident);
    vd_bind_num(take, "uncertainty", uncertainty_of(proposals));
    vd_bind_num(take, "bonus", bonus_of(p->reason));
    vd_err err = vd_stmt_run(take, &changed, why);
    if (err || !changed) return err;
    err = pool_set_classes(store, p->picture.hex, "proposal", proposals, NULL, why);
    return err ? err : pool_note(store, p->picture.hex, p->who, "proposed", why);
}

static vd_err propose_classes(vd_store *store, const vd_pool_new *p, const vd_json *boxes,
                              vd_why *why)
{
    char who[VD_LIMIT_NAME_BYTES + 8];
    vd_err err = pool_set_classes(store, p->picture.hex, "proposal", boxes, NULL, why);
    (void)snprintf(who, sizeof who, "model:%.120s", p->model_name ? p->model_name : "");
    for (size_t i = 0; !err && i < vd_json_len(boxes); i++) {
        const char *name = vd_json_text(vd_json_get(vd_json_at(boxes, i), "class"), "");
        if (name[0] && strlen(name) <= VD_LABEL_CLASS_BYTES) err = add_class(store, name, who, why);
    }
    return err;
}

static vd_err list_of(const char *json, vd_json **ret_list, vd_why *why)
{
    vd_err err = vd_json_parse(vd_slice_str(json ? json : "[]"), VD_EVENT_JSON_MAX,
                               VD_LIMIT_JSON_DEPTH, ret_list, why);
    if (!err && vd_json_kind_of(*ret_list) != VD_JSON_IS_LIST)
        err = vd_fail(why, VD_INVALID, "proposals must be a list of boxes");
    return err;
}

vd_err vd_pool_add(vd_store *store, const vd_pool_new *p, bool *ret_added, vd_why *why)
{
    VD_AUTO(vd_json_ptr) proposals = NULL;
    uint64_t changed = 0;
    vd_archive_use use = { .what = "pool",
                           .id = p->picture.hex,
                           .content_type = p->content_type,
                           .held = strcmp(p->source, "import") == 0,
                           .device = p->sender,
                           .bytes = p->bytes };
    vd_err err = list_of(p->proposals, &proposals, why);
    if (!err) err = insert(store, p, proposals, &changed, why);
    if (err) return err;
    *ret_added = changed > 0;
    if (!changed) return p->incident ? judge(store, p, proposals, why) : VD_OK;
    err = propose_classes(store, p, proposals, why);
    if (!err) err = pool_note(store, p->picture.hex, p->who, "proposed", why);
    return err ? err : vd_archive_use_add(store, &p->picture, &use, why);
}

/* ---- from incidents ---- */

/* The list without its first box, or only that one: an item's first box is the judged one. */
static vd_err boxes_part(const vd_json *boxes, bool first, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    size_t count = vd_json_len(boxes);
    vd_json_w_list(&w);
    for (size_t i = first ? 0 : 1; i < (first ? (count ? 1 : 0) : count); i++)
        vd_json_w_node(&w, vd_json_at(boxes, i));
    vd_json_w_list_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the item's boxes are too many") : VD_OK;
}

static const char *reason_of(const char *verdict)
{
    if (strcmp(verdict, "false_alarm") == 0 || strcmp(verdict, "wrong_class") == 0) return verdict;
    return "confirmed";
}

static vd_err add_item(vd_store *store, vd_stmt *item, vd_why *why)
{
    VD_AUTO(vd_json_ptr) boxes = NULL;
    VD_AUTO(vd_buf) kept = VD_BUF(VD_EVENT_JSON_MAX);
    VD_AUTO(vd_buf) wrong = VD_BUF(VD_EVENT_JSON_MAX);
    bool added;
    vd_pool_new p = { .source = "incident",
                      .reason = reason_of(vd_col_text(item, 4)),
                      .width_px = (unsigned)vd_col_int(item, 1),
                      .height_px = (unsigned)vd_col_int(item, 2),
                      .proposals = vd_col_text(item, 3),
                      .model_name = vd_col_text(item, 5),
                      .model_digest = vd_col_text(item, 6),
                      .device = vd_col_text(item, 7),
                      .camera = vd_col_text(item, 8),
                      .captured_us = vd_col_int(item, 9),
                      .who = vd_col_text(item, 10),
                      .incident = vd_col_text(item, 11),
                      .content_type = "image/jpeg" };
    if (!vd_digest_parse(vd_slice_str(vd_col_text(item, 0)), &p.picture))
        return vd_fail(why, VD_CORRUPT, "an item names no picture");
    vd_err err = list_of(p.proposals, &boxes, why);
    /* Of a fact about the whole picture a verdict says nothing of any box: all are only proposed.
     */
    bool judges_box = !vd_col_int(item, 12);
    if (!err && judges_box && strcmp(p.reason, "confirmed") != 0) {
        err = boxes_part(boxes, true, &wrong, why);
        if (!err) err = boxes_part(boxes, false, &kept, why);
        p.proposals = kept.data;
        p.wrong = wrong.data;
    }
    return err ? err : vd_pool_add(store, &p, &added, why);
}

vd_err vd_pool_from_incident(vd_store *store, const char *incident, vd_why *why)
{
    vd_err err = VD_OK;
    vd_stmt *items = vd_store_stmt(store, "pool_items");
    vd_bind_text(items, "incident", incident);
    while (!err && (err = vd_stmt_row(items, why)) == VD_OK) err = add_item(store, items, why);
    if (err == VD_ABSENT) return VD_OK;
    vd_stmt_finish(items);
    return err;
}

vd_err vd_pool_withdraw(vd_store *store, const char *incident, vd_why *why)
{
    static const char *const steps[] = { "pool_withdraw_use", "pool_withdraw" };
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < VD_COUNT_OF(steps); i++) {
        vd_stmt *step = vd_store_stmt(store, steps[i]);
        vd_bind_text(step, "incident", incident);
        err = vd_stmt_run(step, NULL, why);
    }
    return err;
}

/* ---- samples ---- */

typedef struct {
    const char *camera, *reason, *digest, *model_name, *model_digest;
    int64_t captured_us;
    uint64_t bytes, width, height;
    const vd_json *boxes, *picture, *model;
} sample;

static vd_err read_sample(const vd_json *root, vd_arena *arena, sample *s, vd_why *why)
{
    static const vd_json_field top[] = {
        { "camera", VD_JSON_TEXT, offsetof(sample, camera), VD_LIMIT_NAME_BYTES, .needed = true },
        { "reason", VD_JSON_TEXT, offsetof(sample, reason), 16, .needed = true },
        { "captured_at", VD_JSON_TIME, offsetof(sample, captured_us), .needed = true },
        { "boxes", VD_JSON_NODE, offsetof(sample, boxes) },
        { "picture", VD_JSON_NODE, offsetof(sample, picture), .needed = true },
        { "model", VD_JSON_NODE, offsetof(sample, model) },
    };
    static const vd_json_field file[] = {
        { "digest", VD_JSON_TEXT, offsetof(sample, digest), VD_SHA256_HEX, .needed = true },
        { "bytes", VD_JSON_COUNT, offsetof(sample, bytes), VD_PICTURE_BYTES_MAX, .needed = true },
        { "width", VD_JSON_COUNT, offsetof(sample, width), VD_PICTURE_SIDE_MAX, .needed = true },
        { "height", VD_JSON_COUNT, offsetof(sample, height), VD_PICTURE_SIDE_MAX, .needed = true },
    };
    static const vd_json_field by[] = {
        { "name", VD_JSON_TEXT, offsetof(sample, model_name), VD_LIMIT_NAME_BYTES },
        { "digest", VD_JSON_TEXT, offsetof(sample, model_digest), VD_SHA256_HEX },
    };
    vd_err err = vd_json_read(root, top, VD_COUNT_OF(top), s, arena, why);
    if (!err) err = vd_json_read(s->picture, file, VD_COUNT_OF(file), s, arena, why);
    if (!err && vd_json_kind_of(s->model) == VD_JSON_IS_OBJECT)
        err = vd_json_read(s->model, by, VD_COUNT_OF(by), s, arena, why);
    return err;
}

static bool reason_known(const char *reason)
{
    static const char *const words[] = { "random", "uncertain", "rare", "drift" };
    for (size_t i = 0; i < VD_COUNT_OF(words); i++)
        if (strcmp(words[i], reason) == 0) return true;
    return false;
}

/* The boxes as they came, those that are none left out; a device may be wrong about a box without
 * losing its picture. */
static vd_err sample_boxes(const vd_json *boxes, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    size_t count = vd_json_len(boxes);
    vd_json_w_list(&w);
    for (size_t i = 0; i < count && i < SAMPLE_BOXES; i++) {
        const vd_json *box = vd_json_at(boxes, i), *r = vd_json_get(box, "box");
        vd_label_box b = { .class_name = vd_json_text(vd_json_get(box, "class"), ""),
                           .l = vd_json_num(vd_json_get(r, "l"), -1),
                           .t = vd_json_num(vd_json_get(r, "t"), -1),
                           .w = vd_json_num(vd_json_get(r, "w"), 0),
                           .h = vd_json_num(vd_json_get(r, "h"), 0) };
        if (vd_label_box_check(&b, "box", NULL)) continue;
        vd_json_w_object(&w);
        vd_json_w_key(&w, "box");
        vd_json_w_object(&w);
        vd_json_w_kv_num(&w, "l", b.l, PLACES);
        vd_json_w_kv_num(&w, "t", b.t, PLACES);
        vd_json_w_kv_num(&w, "w", b.w, PLACES);
        vd_json_w_kv_num(&w, "h", b.h, PLACES);
        vd_json_w_object_end(&w);
        vd_json_w_kv_num(&w, "score", vd_json_num(vd_json_get(box, "score"), 0), 4);
        vd_json_w_kv_text(&w, "class", b.class_name);
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the sample's boxes are too many") : VD_OK;
}

vd_err vd_pool_take_sample(vd_store *store, const char *device, vd_slice json,
                           vd_digest *ret_picture, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(POOL_ARENA);
    VD_AUTO(vd_buf) boxes = VD_BUF(VD_EVENT_JSON_MAX);
    char who[VD_LIMIT_NAME_BYTES + 16];
    sample s = { 0 };
    bool added;

    if (!arena) return vd_fail(why, VD_FULL, "no memory");
    vd_err err = vd_json_parse(json, VD_EVENT_JSON_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    if (!err) err = read_sample(root, arena, &s, why);
    if (err) return err;
    if (!reason_known(s.reason))
        return vd_fail(why, VD_INVALID, "'%.20s' is no reason for a sample", s.reason);
    vd_pool_new p = { .source = "sample",
                      .reason = s.reason,
                      .device = device,
                      .camera = s.camera,
                      .captured_us = s.captured_us,
                      .width_px = (unsigned)s.width,
                      .height_px = (unsigned)s.height,
                      .content_type = "image/jpeg",
                      .model_name = s.model_name,
                      .model_digest = s.model_digest,
                      .who = who,
                      .sender = device,
                      .bytes = s.bytes };
    if (!vd_digest_parse(vd_slice_str(s.digest), &p.picture) || !s.width || !s.height || !s.bytes)
        return vd_fail(why, VD_INVALID, "the sample names no picture");
    (void)snprintf(who, sizeof who, "device:%s", device);
    err = sample_boxes(s.boxes, &boxes, why);
    p.proposals = boxes.data;
    if (!err) err = vd_pool_add(store, &p, &added, why);
    if (!err) *ret_picture = p.picture;
    return err;
}
