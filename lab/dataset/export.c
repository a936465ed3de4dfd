/* export.c - a dataset version as a tar.
 *
 *   COCO   README.txt  annotations.json  images/<digest>.jpg|png
 *   YOLO   README.txt  data.yaml  images/<split>/<digest>.jpg|png  labels/<split>/<digest>.txt */
#include <stdio.h>
#include <stdlib.h>

#include "bundle_priv.h"
#include "dataset_priv.h"
#include "vd/file.h"

#define TEXT_MAX (1u << 30)

bool vd_dataset_format_parse(const char *word, vd_dataset_format *ret_format)
{
    bool coco = word && strcmp(word, "coco") == 0, yolo = word && strcmp(word, "yolo") == 0;
    if (coco || yolo) *ret_format = coco ? VD_FORMAT_COCO : VD_FORMAT_YOLO;
    return coco || yolo;
}

typedef struct {
    vd_blobs *blobs;
    const vd_manifest *m;
    bundle *tar;
    char name[VD_SHA256_HEX + 64], path[4096];
    bool *png; /* by picture */
} exporting;

static vd_err find_type(exporting *e, unsigned at, vd_why *why)
{
    uint8_t head[8] = { 0 };
    uint64_t bytes = 0;
    const vd_digest *digest = &e->m->picture[at].picture;
    if (vd_blobs_path(e->blobs, digest, e->path, sizeof e->path, &bytes))
        return vd_fail(why, VD_ABSENT, "picture %s of the dataset is not here", digest->hex);
    FILE *file = fopen(e->path, "rb");
    if (!file) return vd_fail_errno(why, "a picture cannot be read");
    size_t len = fread(head, 1, sizeof head, file);
    (void)fclose(file);
    const char *type = vd_picture_type(vd_slice_of(head, len));
    e->png[at] = type && strcmp(type, "image/png") == 0;
    return VD_OK;
}

static const char *file_of(void *arg, unsigned at)
{
    exporting *e = arg;
    (void)snprintf(e->name, sizeof e->name, "%s.%s", e->m->picture[at].picture.hex,
                   e->png[at] ? "png" : "jpg");
    return e->name;
}

static vd_err add_pictures(exporting *e, bool by_split, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; !err && i < e->m->count; i++) {
        uint64_t bytes = 0;
        const vd_manifest_picture *p = &e->m->picture[i];
        (void)snprintf(e->name, sizeof e->name, "images/%s%s%s.%s",
                       by_split ? vd_split_word(p->split) : "", by_split ? "/" : "", p->picture.hex,
                       e->png[i] ? "png" : "jpg");
        err = vd_blobs_path(e->blobs, &p->picture, e->path, sizeof e->path, &bytes);
        if (!err) err = bundle_add_file(e->tar, e->name, e->path, why);
    }
    return err;
}

static vd_err export_coco(exporting *e, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TEXT_MAX);
    static const char readme[] =
        "A Vedette dataset as COCO.\n\n"
        "annotations.json holds images, annotations and categories; boxes are pixels.\n"
        "What COCO has no word for stands in `attributes`: of an image its device, camera,\n"
        "capture time, source, split, group, verdict and class; of an annotation its track.\n"
        "An image without annotations has nothing in it. Nothing of the labels is lost.\n";
    vd_err err = vd_coco_write(e->m, file_of, e, &text, why);
    if (!err) err = bundle_add(e->tar, "README.txt", vd_slice_str(readme), why);
    if (!err) err = bundle_add(e->tar, "annotations.json", vd_buf_slice(&text), why);
    return err ? err : add_pictures(e, false, why);
}

static vd_err add_labels(exporting *e, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_err err = VD_OK;
    for (unsigned i = 0; !err && i < e->m->count; i++) {
        const vd_manifest_picture *p = &e->m->picture[i];
        vd_buf_clear(&text);
        (void)snprintf(e->name, sizeof e->name, "labels/%s/%s.txt", vd_split_word(p->split),
                       p->picture.hex);
        err = vd_yolo_write_label(e->m, p, &text, why);
        if (!err) err = bundle_add(e->tar, e->name, vd_buf_slice(&text), why);
    }
    return err;
}

static vd_err export_yolo(exporting *e, vd_why *why)
{
    VD_AUTO(vd_buf) names = VD_BUF(1 << 20);
    static const char readme[] =
        "A Vedette dataset as YOLO.\n\n"
        "labels/<split>/<picture>.txt has a line for each box: class, centre x, centre y, width,\n"
        "height, as parts of the picture. An empty file says that nothing is in the picture.\n\n"
        "YOLO has no place for these, and they are lost: device and camera, capture time, source,\n"
        "group, tracks, and the class of a whole picture. Boxes and classes are exact.\n";
    if (strcmp(e->m->task, "classification") == 0) {
        (void)vd_fail(why, VD_INVALID, "YOLO's labels have no class of a whole picture");
        vd_why_hint(why, "export it as coco");
        return VD_INVALID;
    }
    vd_err err = vd_yolo_write_names(e->m, &names, why);
    if (!err) err = bundle_add(e->tar, "README.txt", vd_slice_str(readme), why);
    if (!err) err = bundle_add(e->tar, "data.yaml", vd_buf_slice(&names), why);
    if (!err) err = add_labels(e, why);
    return err ? err : add_pictures(e, true, why);
}

vd_err vd_dataset_export(vd_blobs *blobs, const vd_manifest *manifest, vd_dataset_format format,
                         int fd, vd_why *why)
{
    VD_AUTO(bundle_ptr) tar = NULL;
    exporting e = { .blobs = blobs, .m = manifest };
    e.png = calloc(manifest->count + 1, sizeof *e.png);
    vd_err err = e.png ? bundle_new(fd, &tar, why) : vd_fail(why, VD_FULL, "no memory");
    e.tar = tar;
    for (unsigned i = 0; !err && i < manifest->count; i++) err = find_type(&e, i, why);
    if (!err) err = format == VD_FORMAT_COCO ? export_coco(&e, why) : export_yolo(&e, why);
    if (!err) err = bundle_end(tar, why);
    free(e.png);
    return err;
}
