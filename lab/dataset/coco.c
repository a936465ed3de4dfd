/* coco.c - annotations.json as COCO has it (images, annotations, categories), both ways.
 *
 * Boxes are pixels there and parts of the picture here; a number is written with as few decimals as
 * read back the same box. What COCO has no word for stands in `attributes`:
 *   image:       device, camera, captured_at, labelled_at?, source, split, group, verdict, class
 *   annotation:  track
 * A picture without annotations has nothing in it. Regions (iscrowd 1) are no boxes and are left
 * out; a date_captured that is not ours is no capture time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "limits.h"
#include "vd/clock.h"
#include "vd/json.h"

#define JSON_BYTES_MAX (64u << 20)

/* ---- out ---- */

/* As few decimals of part x pixels as give the same part again. */
static void write_pixels(vd_json_w *w, double part, unsigned pixels)
{
    char text[64];
    int places = 0;
    do {
        (void)snprintf(text, sizeof text, "%.*f", places, part * pixels);
    } while (box_round(strtod(text, NULL) / pixels) != part && ++places <= 14);
    vd_json_w_raw(w, vd_slice_str(text));
}

static void write_box(const vd_manifest_picture *p, const vd_label_box *b, int64_t id,
                      int64_t image, int64_t category, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "id", id);
    vd_json_w_kv_int(w, "image_id", image);
    vd_json_w_kv_int(w, "category_id", category);
    vd_json_w_key(w, "bbox");
    vd_json_w_list(w);
    write_pixels(w, b->l, p->width_px);
    write_pixels(w, b->t, p->height_px);
    write_pixels(w, b->w, p->width_px);
    write_pixels(w, b->h, p->height_px);
    vd_json_w_list_end(w);
    vd_json_w_kv_num(w, "area", b->w * p->width_px * b->h * p->height_px, 4);
    vd_json_w_kv_int(w, "iscrowd", 0);
    vd_json_w_key(w, "attributes");
    vd_json_w_object(w);
    if (b->has_track) vd_json_w_kv_int(w, "track", b->track);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
}

static void write_image(const vd_manifest_picture *p, const char *file, int64_t id, vd_json_w *w)
{
    bool nothing = !p->box_count && !p->class_name;
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "id", id);
    vd_json_w_kv_text(w, "file_name", file);
    vd_json_w_kv_int(w, "width", p->width_px);
    vd_json_w_kv_int(w, "height", p->height_px);
    vd_json_w_kv_time(w, "date_captured", p->captured_us);
    vd_json_w_key(w, "attributes");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "device", p->device);
    vd_json_w_kv_text(w, "camera", p->camera);
    vd_json_w_kv_time(w, "captured_at", p->captured_us);
    vd_json_w_kv_text(w, "source", p->source);
    vd_json_w_kv_text(w, "split", vd_split_word(p->split));
    vd_json_w_kv_text(w, "group", p->group);
    vd_json_w_kv_text(w, "verdict", nothing ? "nothing" : "objects");
    if (p->class_name) vd_json_w_kv_text(w, "class", p->class_name);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
}

static void write_categories(const vd_manifest *m, vd_json_w *w)
{
    vd_json_w_key(w, "categories");
    vd_json_w_list(w);
    for (unsigned i = 0; i < m->class_count; i++) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "id", i + 1);
        vd_json_w_kv_text(w, "name", m->classes[i]);
        vd_json_w_kv_text(w, "supercategory", "object");
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void write_info(const vd_manifest *m, vd_json_w *w)
{
    vd_json_w_key(w, "info");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "description", m->name);
    vd_json_w_kv_text(w, "version", "1.0");
    vd_json_w_kv_time(w, "date_created", m->made_us);
    vd_json_w_kv_text(w, "task", m->task);
    vd_json_w_kv_int(w, "seed", (int64_t)m->seed);
    vd_json_w_object_end(w);
}

vd_err vd_coco_write(const vd_manifest *m, const char *(*file_of)(void *, unsigned), void *arg,
                     vd_buf *into, vd_why *why)
{
    int64_t id = 0;
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    write_info(m, &w);
    write_categories(m, &w);
    vd_json_w_key(&w, "images");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < m->count; i++) write_image(&m->picture[i], file_of(arg, i), i + 1, &w);
    vd_json_w_list_end(&w);
    vd_json_w_key(&w, "annotations");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < m->count; i++)
        for (unsigned n = 0; n < m->picture[i].box_count; n++) {
            const vd_label_box *b = &m->picture[i].box[n];
            unsigned c = 0;
            while (c < m->class_count && strcmp(m->classes[c], b->class_name) != 0) c++;
            write_box(&m->picture[i], b, ++id, i + 1, c + 1, &w);
        }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the dataset is too large") : VD_OK;
}

/* ---- in ---- */

typedef struct {
    int64_t id;
    unsigned index;
} numbered;

typedef struct {
    vd_import_labels *labels;
    numbered *images, *categories;
    size_t image_count, category_count;
} reading;

static int by_id(const void *left, const void *right)
{
    const numbered *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static const numbered *find(const numbered *list, size_t count, const vd_json *id)
{
    numbered key = { .id = vd_json_int(id, 0) };
    if (vd_json_kind_of(id) != VD_JSON_IS_INT || !count) return NULL;
    return bsearch(&key, list, count, sizeof key, by_id);
}

static vd_err sort_ids(numbered *list, size_t count, const char *what, vd_why *why)
{
    if (count) qsort(list, count, sizeof *list, by_id);
    for (size_t i = 1; i < count; i++)
        if (list[i - 1].id == list[i].id)
            return vd_fail(why, VD_INVALID, "two %s have the id %lld", what, (long long)list[i].id);
    return VD_OK;
}

static vd_err read_categories(const vd_json *list, reading *r, vd_why *why)
{
    size_t count = vd_json_len(list);
    r->categories = vd_arena_alloc(r->labels->arena, count * sizeof *r->categories);
    if (!r->categories) return vd_fail(why, VD_FULL, "the labels are too large");
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < count; i++) {
        const vd_json *c = vd_json_at(list, i);
        r->categories[i].id = vd_json_int(vd_json_get(c, "id"), -1);
        err = vd_import_class(r->labels, vd_json_text(vd_json_get(c, "name"), ""),
                              &r->categories[i].index, why);
    }
    r->category_count = count;
    return err ? err : sort_ids(r->categories, count, "categories", why);
}

static const char *text_kept(reading *r, const vd_json *object, const char *key)
{
    const char *text = vd_json_text(vd_json_get(object, key), NULL);
    if (!text || !text[0] || strlen(text) > VD_LIMIT_NAME_BYTES) return NULL;
    return vd_arena_str(r->labels->arena, vd_slice_str(text));
}

static int64_t time_of(const vd_json *object, const char *key)
{
    int64_t at_us = 0;
    const char *text = vd_json_text(vd_json_get(object, key), NULL);
    return text && vd_utc_parse(vd_slice_str(text), &at_us) && at_us > 0 ? at_us : 0;
}

static vd_err read_image(const vd_json *image, reading *r, vd_why *why)
{
    const char *file = vd_json_text(vd_json_get(image, "file_name"), "");
    const vd_json *own = vd_json_get(image, "attributes");
    if (!path_last(file)[0]) return vd_fail(why, VD_INVALID, "an image has no file_name");
    vd_import_picture *p = vd_import_add(r->labels, file);
    if (!p) return vd_fail(why, VD_FULL, "the labels are too large");
    int64_t width = vd_json_int(vd_json_get(image, "width"), 0);
    int64_t height = vd_json_int(vd_json_get(image, "height"), 0);
    p->width_px = width > 0 && width <= VD_PICTURE_SIDE_MAX ? (unsigned)width : 0;
    p->height_px = height > 0 && height <= VD_PICTURE_SIDE_MAX ? (unsigned)height : 0;
    if (!p->width_px || !p->height_px)
        (void)vd_fail(&p->why, VD_INVALID, "its image entry has no width and height in pixels");
    p->device = text_kept(r, own, "device");
    p->camera = text_kept(r, own, "camera");
    p->captured_us = time_of(own, "captured_at");
    p->labelled_us = time_of(own, "labelled_at");
    p->labelled = true;
    p->label.verdict = VD_LABEL_NOTHING;
    if (strcmp(vd_json_text(vd_json_get(own, "verdict"), ""), "unusable") == 0)
        p->label.verdict = VD_LABEL_UNUSABLE;
    p->label.class_name = text_kept(r, own, "class");
    if (!p->label.class_name) return VD_OK;
    unsigned index;
    p->label.verdict = VD_LABEL_OBJECTS;
    return vd_import_class(r->labels, p->label.class_name, &index, why);
}

static vd_err read_images(const vd_json *list, reading *r, vd_why *why)
{
    size_t count = vd_json_len(list);
    r->images = vd_arena_alloc(r->labels->arena, count * sizeof *r->images);
    if (!r->images) return vd_fail(why, VD_FULL, "the labels are too large");
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < count; i++) {
        r->images[i] = (numbered){ .id = vd_json_int(vd_json_get(vd_json_at(list, i), "id"), -1),
                                   .index = r->labels->count };
        err = read_image(vd_json_at(list, i), r, why);
    }
    r->image_count = count;
    return err ? err : sort_ids(r->images, count, "images", why);
}

static bool read_bbox(const vd_json *list, const vd_import_picture *p, vd_label_box *b)
{
    double side[4];
    if (vd_json_len(list) != 4 || !p->width_px || !p->height_px) return false;
    for (size_t i = 0; i < 4; i++) {
        vd_json_kind kind = vd_json_kind_of(vd_json_at(list, i));
        if (kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) return false;
        side[i] = vd_json_num(vd_json_at(list, i), 0);
    }
    b->l = side[0] / p->width_px;
    b->t = side[1] / p->height_px;
    b->w = side[2] / p->width_px;
    b->h = side[3] / p->height_px;
    return true;
}

/* Room for boxes doubles: 4, 8, 16, ... */
static vd_label_box *add_box(vd_import_labels *labels, vd_label *label)
{
    unsigned count = label->count;
    if (count == 0 || (count >= 4 && (count & (count - 1)) == 0)) {
        unsigned room = count ? 2 * count : 4;
        vd_label_box *more = vd_arena_alloc(labels->arena, room * sizeof *more);
        if (!more) return NULL;
        if (count) memcpy(more, label->box, count * sizeof *more);
        label->box = more;
    }
    return &label->box[label->count++];
}

static vd_err read_annotation(const vd_json *a, reading *r, vd_why *why)
{
    char name[64];
    vd_label_box b = { 0 };
    long long id = (long long)vd_json_int(vd_json_get(a, "id"), 0);
    const vd_json *track = vd_json_get(vd_json_get(a, "attributes"), "track");
    const numbered *image = find(r->images, r->image_count, vd_json_get(a, "image_id"));
    const numbered *category =
        find(r->categories, r->category_count, vd_json_get(a, "category_id"));
    if (!image) return vd_fail(why, VD_INVALID, "annotation %lld names no image", id);
    vd_import_picture *p = &r->labels->picture[image->index];
    if (p->why.fact[0]) return VD_OK;
    if (vd_json_int(vd_json_get(a, "iscrowd"), 0) == 1) {
        r->labels->crowds++;
        return VD_OK;
    }
    (void)snprintf(name, sizeof name, "annotation %lld", id);
    bool read = read_bbox(vd_json_get(a, "bbox"), p, &b);
    b.class_name = category ? r->labels->classes[category->index] : NULL;
    b.has_track = vd_json_kind_of(track) == VD_JSON_IS_INT;
    b.track = vd_json_int(track, 0);
    if (!read)
        (void)vd_fail(&p->why, VD_INVALID, "%s has no bbox of four numbers", name);
    else if (!category)
        (void)vd_fail(&p->why, VD_INVALID, "%s names no category", name);
    else if (p->label.count == VD_LABEL_BOXES_MAX)
        (void)vd_fail(&p->why, VD_INVALID, "it has more than %d boxes", VD_LABEL_BOXES_MAX);
    else if (!vd_label_box_check(&b, name, &p->why)) {
        vd_label_box *into = add_box(r->labels, &p->label);
        if (!into) return vd_fail(why, VD_FULL, "the labels are too large");
        *into = b;
        p->label.verdict = VD_LABEL_OBJECTS;
    }
    return VD_OK;
}

vd_err vd_coco_read(vd_slice json, vd_import_labels *labels, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    reading r = { .labels = labels };
    vd_err err = vd_json_parse(json, JSON_BYTES_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
    if (err) return err;
    const vd_json *annotations = vd_json_get(root, "annotations");
    if (vd_json_kind_of(vd_json_get(root, "images")) != VD_JSON_IS_LIST ||
        vd_json_kind_of(annotations) != VD_JSON_IS_LIST ||
        vd_json_kind_of(vd_json_get(root, "categories")) != VD_JSON_IS_LIST) {
        (void)vd_fail(why, VD_INVALID, "these are no COCO annotations");
        vd_why_hint(why, "'images', 'annotations' and 'categories' must be lists");
        return VD_INVALID;
    }
    err = read_categories(vd_json_get(root, "categories"), &r, why);
    if (!err) err = read_images(vd_json_get(root, "images"), &r, why);
    for (size_t i = 0; !err && i < vd_json_len(annotations); i++)
        err = read_annotation(vd_json_at(annotations, i), &r, why);
    return err;
}
