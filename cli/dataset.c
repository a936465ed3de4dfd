/* dataset.c - labelled items as a COCO dataset.
 *
 *   DIR/images/<digest>.jpg     each picture once, checked against its digest
 *   DIR/annotations.json        images, annotations, categories; what COCO cannot say is in
 *                               `attributes` of image and annotation
 *
 * A false alarm is a picture without its false box: the box stands in the image's attributes, so
 * that a trainer sees a negative and a person sees what was wrong. The same holds for boxes whose
 * class a person refused. Everything is written beside DIR and renamed when it is whole. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_priv.h"
#include "vd/blob.h"

#define CATEGORIES_MAX   1024
#define ANNOTATION_BYTES 1073741824u

typedef struct {
    api *a;
    char folder[4096]; /* beside the wanted one until it is whole */
    const char *verdict;
    vd_buf images, annotations; /* JSON values divided by commas */
    char *category[CATEGORIES_MAX];
    unsigned category_count;
    uint64_t image_count, annotation_count, false_count;
    uint64_t missing_count; /* items whose picture the hub has not got (yet) */
} export;

static vd_err full(vd_why *why)
{
    return vd_fail(why, VD_FULL, "the dataset is larger than this program can hold");
}

/* COCO ids are from 1; 0 when there are too many. */
static unsigned category_id(export *e, const char *name)
{
    for (unsigned i = 0; i < e->category_count; i++)
        if (strcmp(e->category[i], name) == 0) return i + 1;
    if (e->category_count == CATEGORIES_MAX) return 0;
    char *copy = strdup(name);
    if (!copy) return 0;
    e->category[e->category_count] = copy;
    return ++e->category_count;
}

static vd_err picture_save(export *e, const char *digest, vd_why *why)
{
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    VD_AUTO(vd_buf) path = VD_BUF(8192);
    VD_AUTO(vd_buf) url = VD_BUF(256);
    vd_digest want, have;

    if (!vd_digest_parse(vd_slice_str(digest), &want))
        return vd_fail(why, VD_CORRUPT, "an item names no picture");
    if (!vd_buf_addf(&path, "%s/images/%s.jpg", e->folder, want.hex)) return full(why);
    if (access(path.data, F_OK) == 0) return VD_OK;
    vd_buf_addf(&url, "/api/v1/evidence/%s", want.hex);
    vd_err err = vd_file_create(path.data, 0644, &file, why);
    if (!err) err = api_download(e->a, url.data, &file, why);
    if (!err) err = vd_file_publish(&file, why);
    if (!err) err = vd_sha256_file(path.data, &have, why);
    if (err || strcmp(have.hex, want.hex) == 0) return err;
    return vd_fail(why, VD_CORRUPT, "picture %s does not match its digest", want.hex);
}

static void box_px(vd_json_w *w, const vd_json *box, double width, double height)
{
    static const char *const side[] = { "l", "t", "w", "h" };

    vd_json_w_list(w);
    for (int i = 0; i < 4; i++)
        vd_json_w_num(w, vd_json_num(vd_json_get(box, side[i]), 0) * (i % 2 ? height : width), 2);
    vd_json_w_list_end(w);
}

static void attributes(vd_json_w *w, const vd_json *item)
{
    static const char *const same[] = { "verdict",      "event",      "incident", "rule_id",
                                        "rule_version", "device",     "camera",   "captured_at",
                                        "labelled_by",  "labelled_at" };

    for (size_t i = 0; i < VD_COUNT_OF(same); i++) {
        vd_json_w_key(w, same[i]);
        vd_json_w_node(w, vd_json_get(item, same[i]));
    }
    vd_json_w_kv_text(w, "model", vd_json_text(member_at(item, "model.name"), NULL));
    vd_json_w_kv_text(w, "model_digest", vd_json_text(member_at(item, "model.digest"), NULL));
}

/* Only the event's own box was judged; `judged` tells it from what else the model saw. */
static vd_err annotation_add(export *e, const vd_json *item, size_t index, vd_why *why)
{
    const vd_json *box = vd_json_at(vd_json_get(item, "boxes"), index);
    const vd_json *rect = vd_json_get(box, "box");
    double width = vd_json_num(vd_json_get(item, "width"), 0);
    double height = vd_json_num(vd_json_get(item, "height"), 0);
    double area = vd_json_num(vd_json_get(rect, "w"), 0) * width *
                  vd_json_num(vd_json_get(rect, "h"), 0) * height;
    unsigned category = category_id(e, vd_json_text(vd_json_get(box, "class"), "object"));

    if (!category) return full(why);
    if (e->annotation_count++ && !vd_buf_add_str(&e->annotations, ",\n")) return full(why);
    vd_json_w w = vd_json_writer(&e->annotations);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "id", (int64_t)e->annotation_count);
    vd_json_w_kv_int(&w, "image_id", (int64_t)e->image_count);
    vd_json_w_kv_int(&w, "category_id", category);
    vd_json_w_key(&w, "bbox");
    box_px(&w, rect, width, height);
    vd_json_w_kv_num(&w, "area", area, 2);
    vd_json_w_kv_int(&w, "iscrowd", 0);
    vd_json_w_key(&w, "attributes");
    vd_json_w_object(&w);
    vd_json_w_kv_num(&w, "score", vd_json_num(vd_json_get(box, "score"), 0), 4);
    vd_json_w_kv_int(&w, "track", vd_json_int(vd_json_get(box, "track"), 0));
    vd_json_w_kv_bool(&w, "judged", index == 0);
    attributes(&w, item);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? full(why) : VD_OK;
}

static vd_err image_add(export *e, const vd_json *item, bool refused, vd_why *why)
{
    char name[VD_SHA256_HEX + 16];

    if (e->image_count++ && !vd_buf_add_str(&e->images, ",\n")) return full(why);
    snprintf(name, sizeof name, "%s.jpg", vd_json_text(vd_json_get(item, "picture"), ""));
    vd_json_w w = vd_json_writer(&e->images);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "id", (int64_t)e->image_count);
    vd_json_w_kv_text(&w, "file_name", name);
    vd_json_w_kv_int(&w, "width", vd_json_int(vd_json_get(item, "width"), 0));
    vd_json_w_kv_int(&w, "height", vd_json_int(vd_json_get(item, "height"), 0));
    vd_json_w_kv_text(&w, "date_captured", vd_json_text(vd_json_get(item, "captured_at"), NULL));
    vd_json_w_key(&w, "attributes");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "item", vd_json_text(vd_json_get(item, "id"), NULL));
    attributes(&w, item);
    if (refused) {
        vd_json_w_key(&w, "refused_box"); /* l, t, w, h in 0..1, as the model saw it */
        vd_json_w_node(&w, vd_json_at(vd_json_get(item, "boxes"), 0));
    }
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? full(why) : VD_OK;
}

/* The first box is the event's own; the others are what else the model saw. */
static vd_err item_add(export *e, const vd_json *item, vd_why *why)
{
    const char *verdict = vd_json_text(vd_json_get(item, "verdict"), "");
    bool refused = strcmp(verdict, "false_alarm") == 0 || strcmp(verdict, "wrong_class") == 0;
    const vd_json *boxes = vd_json_get(item, "boxes");

    vd_err err = picture_save(e, vd_json_text(vd_json_get(item, "picture"), ""), why);
    if (err == VD_ABSENT) {
        e->missing_count++;
        return VD_OK;
    }
    if (!err) err = image_add(e, item, refused, why);
    for (size_t i = refused; !err && i < vd_json_len(boxes); i++)
        err = annotation_add(e, item, i, why);
    e->false_count += refused;
    return err;
}

static vd_err pages(export *e, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(4096);
    bool more = true;
    vd_err err = VD_OK;

    vd_buf_add_str(&path, "/api/v1/items?limit=200");
    query_add(&path, "verdict", e->verdict);
    size_t first = path.len;
    while (!err && more) {
        VD_AUTO(vd_json_ptr) page = NULL;
        err = api_call(e->a, "GET", path.data, VD_SLICE_NONE, &page, why);
        const vd_json *items = vd_json_get(page, "items");
        for (size_t i = 0; !err && i < vd_json_len(items); i++)
            err = item_add(e, vd_json_at(items, i), why);
        const char *next = vd_json_text(vd_json_get(page, "next"), NULL);
        more = next && vd_json_len(items);
        path.len = first;
        path.data[first] = '\0';
        query_add(&path, "cursor", next);
    }
    return err;
}

static vd_err annotations_save(export *e, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANNOTATION_BYTES);
    VD_AUTO(vd_buf) path = VD_BUF(8192);
    VD_AUTO(vd_buf) list = VD_BUF(API_BYTES);
    vd_json_w w = vd_json_writer(&list);

    vd_json_w_list(&w);
    for (unsigned i = 0; i < e->category_count; i++) {
        vd_json_w_object(&w);
        vd_json_w_kv_int(&w, "id", i + 1);
        vd_json_w_kv_text(&w, "name", e->category[i]);
        vd_json_w_kv_text(&w, "supercategory", "object");
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    bool ok = !vd_json_w_end(&w);
    ok = ok && vd_buf_add_str(&text, "{\"info\":{\"description\":\"Vedette labelled items\"},\n"
                                     "\"categories\":");
    ok = ok && vd_buf_add(&text, vd_buf_slice(&list)) && vd_buf_add_str(&text, ",\n\"images\":[");
    ok = ok && vd_buf_add(&text, vd_buf_slice(&e->images));
    ok = ok && vd_buf_add_str(&text, "],\n\"annotations\":[");
    ok = ok && vd_buf_add(&text, vd_buf_slice(&e->annotations)) && vd_buf_add_str(&text, "]}\n");
    ok = ok && vd_buf_addf(&path, "%s/annotations.json", e->folder);
    if (!ok) return full(why);
    return vd_file_save(path.data, 0644, vd_buf_slice(&text), why);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static vd_err folder_make(export *e, const char *dir, vd_why *why)
{
    char images[4200];

    if (access(dir, F_OK) == 0) {
        vd_fail(why, VD_CONFLICT, "%s is there already", dir);
        vd_why_hint(why, "name a folder that does not exist: a dataset is written whole or not");
        return VD_CONFLICT;
    }
    int len = snprintf(e->folder, sizeof e->folder, "%s.part-%ld", dir, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof e->folder)
        return vd_fail(why, VD_INVALID, "the folder's name is too long");
    snprintf(images, sizeof images, "%s/images", e->folder);
    return vd_dir_make(images, 0755, why);
}

static vd_err export_run(export *e, const char *dir, vd_why *why)
{
    vd_err err = folder_make(e, dir, why);
    if (err) return err;
    err = pages(e, why);
    if (!err) err = annotations_save(e, why);
    if (!err && rename(e->folder, dir)) err = vd_fail_errno(why, "%s cannot be made", dir);
    if (err) nftw(e->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return err;
}

static void tell(const cli *c, const export *e)
{
    const char *dir = cli_argument(c, 0);
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    vd_json_w w = vd_json_writer(&text);

    if (e->missing_count)
        fprintf(stderr, "%llu items are left out: the hub does not have their pictures (yet)\n",
                (unsigned long long)e->missing_count);
    if (!c->json) {
        printf("%llu pictures, %llu boxes of %u classes, %llu refused boxes left out; in %s\n",
               (unsigned long long)e->image_count, (unsigned long long)e->annotation_count,
               e->category_count, (unsigned long long)e->false_count, dir);
        return;
    }
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "dir", dir);
    vd_json_w_kv_int(&w, "images", (int64_t)e->image_count);
    vd_json_w_kv_int(&w, "annotations", (int64_t)e->annotation_count);
    vd_json_w_kv_int(&w, "categories", e->category_count);
    vd_json_w_kv_int(&w, "refused", (int64_t)e->false_count);
    vd_json_w_kv_int(&w, "missing", (int64_t)e->missing_count);
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) puts(text.data);
}

vd_err run_dataset_export(cli *c, vd_why *why)
{
    const char *format = cli_option(c, "format");
    const char *dataset = cli_option(c, "dataset");
    VD_AUTO(api_ptr) a = NULL;

    if (dataset) return run_dataset_version_export(c, dataset, format ? format : "coco", why);
    if (!format || strcmp(format, "coco") != 0) {
        if (format)
            vd_fail(why, VD_INVALID, "no format '%s'", format);
        else
            vd_fail(why, VD_INVALID, "a format is needed");
        vd_why_hint(why, "--format coco");
        return VD_INVALID;
    }
    vd_err err = api_open(&a, why);
    if (err) return err;
    export e = { .a = a,
                 .verdict = cli_option(c, "verdict"),
                 .images = VD_BUF(ANNOTATION_BYTES / 3),
                 .annotations = VD_BUF(ANNOTATION_BYTES / 3) };
    err = export_run(&e, cli_argument(c, 0), why);
    if (!err) tell(c, &e);
    vd_buf_done(&e.images);
    vd_buf_done(&e.annotations);
    for (unsigned i = 0; i < e.category_count; i++) free(e.category[i]);
    return err;
}
