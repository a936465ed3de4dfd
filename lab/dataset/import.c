/* import.c - pictures with labels out of a tar or zip.
 *
 *   first reading   names and labels (annotations.json; data.yaml, classes.txt and the .txt)
 *   second reading  each picture: checked, put into the blobs, matched with its label
 *   one job         all that is good goes into the pool, or, when the store fails, nothing
 *
 * A picture that is refused is named with the reason; the others go in. */
#include <stdio.h>
#include <stdlib.h>

#include "bundle_priv.h"
#include "dataset_priv.h"
#include "vd/clock.h"
#include "vd/json.h"

#define LABEL_TEXT_MAX (64u << 20)
#define REFUSED_TOLD   100
#define PICTURES_MAX   100000u
#define LABELS_ARENA   (512u << 20)

const char *path_last(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

vd_import_picture *vd_import_add(vd_import_labels *labels, const char *file)
{
    if (labels->count == labels->room) {
        unsigned room = labels->room ? labels->room * 2 : 64;
        if (room > 4 * PICTURES_MAX) return NULL;
        vd_import_picture *more = realloc(labels->picture, room * sizeof *more);
        if (!more) return NULL;
        labels->picture = more;
        labels->room = room;
    }
    vd_import_picture *p = &labels->picture[labels->count];
    *p = (vd_import_picture){ .file = vd_arena_str(labels->arena, vd_slice_str(file)) };
    if (!p->file) return NULL;
    labels->count++;
    return p;
}

void vd_import_labels_done(vd_import_labels *labels)
{
    free(labels->picture);
    labels->picture = NULL;
}

vd_err vd_import_class(vd_import_labels *labels, const char *name, unsigned *ret_index, vd_why *why)
{
    enum { MOST = 1000 };
    if (!name[0] || strlen(name) > VD_LABEL_CLASS_BYTES)
        return vd_fail(why, VD_INVALID, "a class has a name of 1 to %d bytes",
                       VD_LABEL_CLASS_BYTES);
    for (unsigned i = 0; i < labels->class_count; i++) {
        if (strcmp(labels->classes[i], name) != 0) continue;
        *ret_index = i;
        return VD_OK;
    }
    if (!labels->classes) labels->classes = vd_arena_alloc(labels->arena, MOST * sizeof(char *));
    if (!labels->classes || labels->class_count == MOST)
        return vd_fail(why, VD_FULL, "there are more than %d classes", MOST);
    const char *kept = vd_arena_str(labels->arena, vd_slice_str(name));
    if (!kept) return vd_fail(why, VD_FULL, "the labels are too large");
    *ret_index = labels->class_count;
    labels->classes[labels->class_count++] = kept;
    return VD_OK;
}

typedef struct {
    vd_digest picture;
    vd_picture_info info;
    uint64_t bytes;
    const vd_import_picture *told; /* NULL: no label */
} arrival;

typedef struct {
    const vd_import_wish *wish;
    vd_blobs *blobs;
    vd_import_labels labels;
    bool found; /* the file with the labels or the classes */
    unsigned names_depth;
    arrival *arrivals;
    unsigned count, room;
    vd_buf refused;
    vd_json_w w;
    unsigned refused_count, pictures;
    unsigned added, known, labelled, boxes;
    vd_buf classes_added;
} importing;

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);
    return len >= tail && strcasecmp(name + len - tail, end) == 0;
}

static bool is_picture(const char *name)
{
    return ends_with(name, ".jpg") || ends_with(name, ".jpeg") || ends_with(name, ".png");
}

static bool is_names(const char *name)
{
    const char *last = path_last(name);
    return strcmp(last, "data.yaml") == 0 || strcmp(last, "classes.txt") == 0;
}

static void refuse(importing *im, const char *name, const vd_why *why)
{
    char line[600];
    if (im->refused_count++ >= REFUSED_TOLD) return;
    vd_json_w_object(&im->w);
    vd_json_w_kv_text(&im->w, "name", name);
    vd_json_w_kv_text(&im->w, "why", vd_why_line(why, line, sizeof line));
    vd_json_w_object_end(&im->w);
}

/* ---- COCO ---- */

static bool coco_wanted(void *arg, const char *name)
{
    const importing *im = arg;
    return !im->found && ends_with(name, ".json");
}

static vd_err coco_each(void *arg, const bundle_member *file, vd_why *why)
{
    importing *im = arg;
    vd_err err = vd_coco_read(file->bytes, &im->labels, why);
    /* Some other JSON (a README's, another tool's) is no reason to stop. */
    if (err == VD_INVALID && im->labels.count == 0 && !ends_with(file->name, "annotations.json"))
        return VD_OK;
    im->found = !err;
    return err;
}

/* ---- YOLO ---- */

static bool names_wanted(void *arg, const char *name)
{
    const importing *im = arg;
    return !im->found && is_names(name);
}

static vd_err names_each(void *arg, const bundle_member *file, vd_why *why)
{
    importing *im = arg;
    bool yaml = ends_with(file->name, ".yaml");
    vd_err err = vd_yolo_read_names(file->bytes, yaml, &im->labels, why);
    im->found = !err;
    return err;
}

static bool label_wanted(void *arg, const char *name)
{
    const char *last = path_last(name);
    (void)arg;
    return ends_with(name, ".txt") && !is_names(name) && strcasecmp(last, "README.txt") != 0;
}

static vd_err label_each(void *arg, const bundle_member *file, vd_why *why)
{
    importing *im = arg;
    vd_import_picture *p = vd_import_add(&im->labels, file->name);
    if (!p) return vd_fail(why, VD_FULL, "the labels are too large");
    vd_yolo_read_label(file->bytes, &im->labels, p);
    return VD_OK;
}

static vd_err read_labels(importing *im, vd_slice archive, vd_why *why)
{
    bundle_reader coco = { coco_wanted, coco_each, im };
    bundle_reader names = { names_wanted, names_each, im };
    bundle_reader labels = { label_wanted, label_each, im };
    bool is_coco = im->wish->format == VD_FORMAT_COCO;
    vd_err err = bundle_read(archive, is_coco ? &coco : &names, why);
    if (err) return err;
    if (!im->found) {
        (void)vd_fail(why, VD_INVALID,
                      is_coco ? "there is no annotations.json in the archive"
                              : "there is neither data.yaml nor classes.txt in the archive");
        vd_why_hint(why, "is it the other format?");
        return VD_INVALID;
    }
    return is_coco ? VD_OK : bundle_read(archive, &labels, why);
}

/* ---- matching ---- */

/* What a picture and its label have in common: COCO, the last part of the name; YOLO, that without
 * its end, and the folders with `images` for `labels`. */
static vd_err key_of(const importing *im, const char *name, vd_buf *into)
{
    bool ok = true;
    vd_buf_clear(into);
    if (im->wish->format == VD_FORMAT_COCO)
        return vd_buf_add_str(into, path_last(name)) ? VD_OK : VD_FULL;
    while (strncmp(name, "./", 2) == 0) name += 2;
    size_t end = (size_t)(strrchr(name, '.') - name);
    for (vd_slice rest = vd_slice_of(name, end); ok && rest.len;) {
        vd_slice part = vd_slice_cut(rest, '/', &rest);
        bool label = rest.len && vd_slice_eq(part, VD_STR("labels"));
        ok = vd_buf_add(into, label ? VD_STR("images") : part) &&
             (!rest.len || vd_buf_add_byte(into, '/'));
    }
    return ok ? VD_OK : VD_FULL;
}

static int by_file(const void *left, const void *right)
{
    const vd_import_picture *a = left, *b = right;
    return strcmp(a->file, b->file);
}

/* Sorts what was told by its key, so that pictures find it. */
static vd_err sort_labels(importing *im, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(4096);
    for (unsigned i = 0; i < im->labels.count; i++) {
        vd_import_picture *p = &im->labels.picture[i];
        vd_err err = key_of(im, p->file, &key);
        p->file = err ? NULL : vd_arena_str(im->labels.arena, vd_buf_slice(&key));
        if (!p->file) return vd_fail(why, VD_FULL, "the labels are too large");
    }
    if (im->labels.count)
        qsort(im->labels.picture, im->labels.count, sizeof *im->labels.picture, by_file);
    for (unsigned i = 1; i < im->labels.count; i++)
        if (by_file(&im->labels.picture[i - 1], &im->labels.picture[i]) == 0)
            return vd_fail(why, VD_INVALID, "two labels are of the picture '%.100s'",
                           im->labels.picture[i].file);
    return VD_OK;
}

static const vd_import_picture *find(const importing *im, const char *name)
{
    VD_AUTO(vd_buf) key = VD_BUF(4096);
    if (key_of(im, name, &key) || !im->labels.count) return NULL;
    vd_import_picture wanted = { .file = key.data };
    return bsearch(&wanted, im->labels.picture, im->labels.count, sizeof wanted, by_file);
}

/* ---- pictures ---- */

static bool picture_wanted(void *arg, const char *name)
{
    (void)arg;
    return is_picture(name) && strncmp(path_last(name), "._", 2) != 0;
}

static vd_err check_told(const vd_import_picture *told, const vd_picture_info *info, vd_why *why)
{
    if (!told) return VD_OK;
    if (told->why.fact[0]) {
        *why = told->why;
        return VD_INVALID;
    }
    if (!told->width_px || (told->width_px == info->width_px && told->height_px == info->height_px))
        return VD_OK;
    return vd_fail(why, VD_INVALID, "its label says %u x %u pixels, the picture has %u x %u",
                   told->width_px, told->height_px, info->width_px, info->height_px);
}

static arrival *add_arrival(importing *im)
{
    if (im->count == im->room) {
        unsigned room = im->room ? 2 * im->room : 64;
        arrival *more = realloc(im->arrivals, room * sizeof *more);
        if (!more) return NULL;
        im->arrivals = more;
        im->room = room;
    }
    return &im->arrivals[im->count++];
}

static vd_err picture_each(void *arg, const bundle_member *file, vd_why *why)
{
    importing *im = arg;
    vd_why trouble = { 0 };
    arrival a = { .bytes = file->bytes.len, .told = find(im, file->name) };
    if (++im->pictures > PICTURES_MAX)
        return vd_fail(why, VD_INVALID, "an archive has at most %u pictures", PICTURES_MAX);
    vd_err err = vd_picture_check(file->bytes, &a.info, &trouble);
    if (!err) err = check_told(a.told, &a.info, &trouble);
    if (err) {
        refuse(im, file->name, &trouble);
        return VD_OK;
    }
    err = vd_blobs_put(im->blobs, file->bytes, &a.picture, why);
    if (err) return err;
    arrival *into = add_arrival(im);
    if (!into) return vd_fail(why, VD_FULL, "no memory");
    *into = a;
    return VD_OK;
}

/* ---- the job ---- */

static vd_err add_one(vd_store *store, importing *im, const arrival *a, vd_why *why)
{
    bool added = false, set = false;
    const vd_import_picture *told = a->told;
    const char *camera = im->wish->camera ? im->wish->camera : "import";
    vd_pool_new p = { .picture = a->picture,
                      .source = "import",
                      .reason = "import",
                      .device = told && told->device ? told->device : "import",
                      .camera = told && told->camera ? told->camera : camera,
                      .captured_us = told ? told->captured_us : 0,
                      .width_px = a->info.width_px,
                      .height_px = a->info.height_px,
                      .content_type = a->info.content_type,
                      .who = im->wish->who,
                      .bytes = a->bytes };
    vd_err err = vd_archive_arrived(store, &a->picture, a->bytes, why);
    if (!err) err = vd_pool_add(store, &p, &added, why);
    im->added += added;
    im->known += !added;
    if (err || !told || !told->labelled) return err;
    int64_t at_us = told->labelled_us ? told->labelled_us : vd_clock_utc_us();
    err = pool_import_label(store, a->picture.hex, im->wish->who, at_us, &told->label, &set, why);
    im->labelled += set;
    im->boxes += set ? told->label.count : 0;
    return err;
}

static vd_err import_job(vd_store *store, void *arg, vd_why *why)
{
    importing *im = arg;
    vd_json_w w = vd_json_writer(&im->classes_added);
    vd_err err = VD_OK;
    im->added = im->known = im->labelled = im->boxes = 0;
    vd_json_w_list(&w);
    for (unsigned i = 0; !err && im->count && i < im->labels.class_count; i++) {
        vd_stmt *known = vd_store_stmt(store, "pool_class_known");
        vd_bind_text(known, "name", im->labels.classes[i]);
        bool is_new = vd_stmt_row(known, NULL) == VD_ABSENT;
        vd_stmt_finish(known);
        if (is_new) vd_json_w_text(&w, im->labels.classes[i]);
        err = vd_pool_add_class(store, im->labels.classes[i], im->wish->who, why);
    }
    vd_json_w_list_end(&w);
    if (!err && vd_json_w_end(&w)) err = vd_fail(why, VD_FULL, "there are too many classes");
    for (unsigned i = 0; !err && i < im->count; i++)
        err = add_one(store, im, &im->arrivals[i], why);
    return err;
}

static vd_err run(importing *im, vd_committer *committer, vd_slice archive, vd_why *why)
{
    bundle_reader pictures = { picture_wanted, picture_each, im };
    vd_err err = read_labels(im, archive, why);
    if (!err) err = sort_labels(im, why);
    if (!err) err = bundle_read(archive, &pictures, why);
    if (!err && !im->pictures) err = vd_fail(why, VD_INVALID, "there is no picture in the archive");
    return err ? err : vd_committer_run(committer, import_job, im, why);
}

static void write_result(importing *im, vd_json_w *w)
{
    vd_why crowd = { 0 };
    if (im->labels.crowds) {
        (void)vd_fail(&crowd, VD_INVALID, "%u regions of crowds are no boxes: left out",
                      im->labels.crowds);
        refuse(im, "annotations.json", &crowd);
        im->refused_count--; /* no picture */
    }
    vd_json_w_list_end(&im->w);
    vd_json_w_kv_int(w, "pictures", im->pictures);
    vd_json_w_kv_int(w, "added", im->added);
    vd_json_w_kv_int(w, "known", im->known);
    vd_json_w_kv_int(w, "labels", im->labelled);
    vd_json_w_kv_int(w, "boxes", im->boxes);
    vd_json_w_key(w, "refused");
    vd_json_w_raw(w, vd_json_w_end(&im->w) ? VD_STR("[]") : vd_buf_slice(&im->refused));
    vd_json_w_kv_int(w, "refused_count", im->refused_count);
    vd_json_w_key(w, "classes_added");
    vd_json_w_raw(w, vd_buf_slice(&im->classes_added));
}

vd_err vd_dataset_import(vd_committer *committer, vd_blobs *blobs, vd_slice archive,
                         const vd_import_wish *wish, vd_json_w *w, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(LABELS_ARENA);
    importing im = { .wish = wish,
                     .blobs = blobs,
                     .labels = { .arena = arena },
                     .refused = VD_BUF(1 << 20),
                     .classes_added = VD_BUF(1 << 20) };
    if (!arena) return vd_fail(why, VD_FULL, "no memory");
    im.w = vd_json_writer(&im.refused);
    vd_json_w_list(&im.w);
    vd_err err = run(&im, committer, archive, why);
    if (!err) write_result(&im, w);
    vd_import_labels_done(&im.labels);
    free(im.arrivals);
    vd_buf_done(&im.refused);
    vd_buf_done(&im.classes_added);
    return err;
}
