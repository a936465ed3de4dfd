/* dataset.h - from pictures with proposals to labels and immutable dataset versions.
 *
 *   incidents, samples, uploads ─▶ pool ─ people's labels, reviews ─▶ versions ─▶ COCO, YOLO, runs
 *
 * The pool is a table: one row a picture (named by its SHA-256), the label in it, every former
 * label in its history. A dataset version is a file: canonical JSON (sorted keys, no spaces), named
 * by its SHA-256. Calls that change something are jobs of the committer; the others take any store.
 * Boxes are l, t, w, h in 0..1 of the picture, kept to 8 decimals. */
#ifndef VD_DATASET_H
#define VD_DATASET_H
#include "archive.h"
#include "vd/arena.h"

extern const vd_sql dataset_sql[];

#define VD_LABEL_BOXES_MAX        500
#define VD_LABEL_CLASS_BYTES      64
#define VD_DATASET_PICTURES_MAX   200000u
#define VD_DATASET_BYTES_MAX      (192u << 20)  /* a manifest */
#define VD_DATASET_ARENA          (1024u << 20) /* what a manifest may take in memory */
#define VD_DATASET_PICTURES_LEAST 3
#define VD_IMPORT_BYTES_MAX       (256u << 20) /* an archive of pictures and labels */
#define VD_POOL_NEIGHBOUR_US      30000000 /* pictures of a camera nearer than this teach alike */

/* ---- a picture from outside, JPEG or PNG ----
 * Whatever its bytes are, an error comes back and memory stays bounded. Any thread. */
#define VD_PICTURE_BYTES_MAX  (32u << 20)
#define VD_PICTURE_SIDE_MAX   16384u
#define VD_PICTURE_PIXELS_MAX (64u << 20) /* 192 MiB as RGB */

typedef struct {
    const char *content_type; /* "image/jpeg" or "image/png"; a constant */
    unsigned width_px, height_px;
} vd_picture_info;

/* By its first bytes; NULL: neither. */
const char *vd_picture_type(vd_slice bytes);
/* Decodes all of it. VD_INVALID: neither JPEG nor PNG, or larger than the limits (nothing is
 * decoded then); VD_CORRUPT: broken, cut, or not as its header says. */
VD_MUST_USE vd_err vd_picture_check(vd_slice bytes, vd_picture_info *ret_info, vd_why *why);
/* The pixels, RGB, rows without gaps; the caller frees them. Errors as above. */
VD_MUST_USE vd_err vd_picture_decode(vd_slice bytes, vd_picture_info *ret_info, uint8_t **ret_rgb,
                                     vd_why *why);
/* A JPEG of it that is `width_px` wide (not wider than the picture). */
VD_MUST_USE vd_err vd_picture_scale(vd_slice bytes, unsigned width_px, vd_buf *into, vd_why *why);

/* ---- a label ---- */
typedef enum { VD_LABEL_OBJECTS, VD_LABEL_NOTHING, VD_LABEL_UNUSABLE } vd_label_verdict;
typedef struct {
    const char *class_name;
    double l, t, w, h;
    bool has_track;
    int64_t track;
} vd_label_box;
typedef struct {
    vd_label_verdict verdict;
    vd_label_box *box;
    unsigned count;
    const char *class_name; /* of the whole picture, or NULL */
} vd_label;
/* From {"verdict", "boxes", "class"?}, checked: inside the picture, not empty, few enough. What is
 * outside by less than a rounding is cut. Text goes to the arena. */
VD_MUST_USE vd_err vd_label_read(const vd_json *object, vd_arena *arena, vd_label *ret_label,
                                 vd_why *why);
/* One box, to 8 decimals; the check of all readers. `name` tells the why which one it is. */
VD_MUST_USE vd_err vd_label_box_check(vd_label_box *box, const char *name, vd_why *why);

/* ---- the pool: what comes in ---- */
typedef struct {
    vd_digest picture;
    const char *source; /* "incident", "sample", "import" */
    const char *reason;
    const char *device, *camera;
    int64_t captured_us; /* 0: not known */
    unsigned width_px, height_px;
    const char *content_type;
    const char *proposals, *wrong; /* JSON lists of Box; NULL: none */
    const char *model_name, *model_digest, *incident;
    const char *who;    /* of the history's first line */
    const char *sender; /* the device that will send the bytes; NULL: they are here */
    uint64_t bytes;
} vd_pool_new;
/* *ret_added is false when the picture is there already; then nothing changes, but that a person's
 * verdict on it (`wrong`, an incident) is taken over while nobody has labelled it. */
VD_MUST_USE vd_err vd_pool_add(vd_store *store, const vd_pool_new *picture, bool *ret_added,
                               vd_why *why);
/* The labelled items of an incident become pictures of the pool; of a false alarm only what was not
 * refused is proposed. Calling it again adds what is missing. */
VD_MUST_USE vd_err vd_pool_from_incident(vd_store *store, const char *incident, vd_why *why);
/* The resolution was taken back: its pictures leave, but those with a person's label. */
VD_MUST_USE vd_err vd_pool_withdraw(vd_store *store, const char *incident, vd_why *why);
/* A `sample` message of a device; its JPEG may then be sent as evidence. Again: no change. */
VD_MUST_USE vd_err vd_pool_take_sample(vd_store *store, const char *device, vd_slice json,
                                       vd_digest *ret_picture, vd_why *why);
VD_MUST_USE vd_err vd_pool_add_class(vd_store *store, const char *name, const char *who,
                                     vd_why *why);

/* ---- the pool: what people say ---- */
typedef struct {
    const char *picture; /* digest */
    uint64_t version;    /* the one the caller saw */
    const char *who;
    int64_t spent_ms;
} vd_pool_change;
/* VD_ABSENT, VD_CONFLICT (somebody was faster), VD_INVALID (a class that is not known, a version
 * from the future). */
VD_MUST_USE vd_err vd_pool_label(vd_store *store, const vd_pool_change *change,
                                 const vd_label *label, uint64_t *ret_version, vd_why *why);
/* Puts the label of version `to` back (0: of the version before); the history grows. */
VD_MUST_USE vd_err vd_pool_undo(vd_store *store, const vd_pool_change *change, uint64_t to,
                                uint64_t *ret_version, vd_why *why);
/* VD_DENIED for whoever labelled. Not agreeing puts the picture back into the queue. */
VD_MUST_USE vd_err vd_pool_review(vd_store *store, const vd_pool_change *change, bool agree,
                                  const char *note, uint64_t *ret_version, vd_why *why);

/* ---- the pool: what is shown ---- */
typedef struct {
    const char *labels; /* comma-separated states, NULL: all */
    const char *source, *reason, *device, *camera, *class_name, *cursor;
    int64_t since_us, until_us; /* 0: none */
    bool newest_first;          /* else what teaches most first */
    unsigned limit;
} vd_pool_filter;
/* Members `pictures`, `next`, `counts`, `cameras` of PoolPage. */
VD_MUST_USE vd_err vd_pool_write_page(vd_store *store, const vd_pool_filter *filter, vd_json_w *w,
                                      vd_why *why);
/* One PoolPicture as an object. */
VD_MUST_USE vd_err vd_pool_write(vd_store *store, const char *picture, vd_json_w *w, vd_why *why);
/* Member `name`: the history after `version`. */
VD_MUST_USE vd_err vd_pool_write_history(vd_store *store, const char *picture, uint64_t version,
                                         const char *name, vd_json_w *w, vd_why *why);
VD_MUST_USE vd_err vd_pool_write_classes(vd_store *store, vd_json_w *w, vd_why *why);
/* The picture without a label that teaches most, not a neighbour of `after` (digest or NULL) while
 * there are others, none of `skip` (comma-separated or NULL). VD_ABSENT: nothing is left. */
VD_MUST_USE vd_err vd_pool_next(vd_store *store, const vd_pool_filter *filter, const char *after,
                                const char *skip, vd_digest *ret_picture, vd_why *why);

/* ---- a dataset version as a file ---- */
typedef enum { VD_SPLIT_TRAIN, VD_SPLIT_VAL, VD_SPLIT_TEST, VD_SPLIT_COUNT } vd_split;
const char *vd_split_word(vd_split split); /* "train", "val", "test" */
typedef struct {
    vd_digest picture;
    unsigned width_px, height_px;
    const char *device, *camera;
    int64_t captured_us;
    const char *group; /* "device/camera/block" */
    vd_split split;
    const char *source;
    vd_label_box *box;
    unsigned box_count;
    const char *class_name; /* of the whole picture, or NULL */
} vd_manifest_picture;
typedef struct {
    const char *name, *task; /* "detection", "classification" */
    const char **classes;
    unsigned class_count;
    uint64_t seed;
    int64_t block_s;
    double val, test;
    int64_t made_us;              /* when the newest label in it was given */
    vd_manifest_picture *picture; /* by digest */
    unsigned count;
} vd_manifest;
/* Text and lists go to the arena. VD_INVALID names what is wrong; a group in two splits is. */
VD_MUST_USE vd_err vd_manifest_read(vd_slice json, vd_arena *arena, vd_manifest *ret_manifest,
                                    vd_why *why);
/* The canonical bytes. */
VD_MUST_USE vd_err vd_manifest_write(const vd_manifest *manifest, vd_buf *into, vd_why *why);
/* Reads the manifest that the digest names; VD_ABSENT when there is no such dataset. */
VD_MUST_USE vd_err vd_dataset_load(vd_blobs *blobs, const vd_digest *digest, vd_arena *arena,
                                   vd_manifest *ret_manifest, vd_why *why);
/* Sets group and split of every picture (of `picture`, `captured_us`, boxes and the manifest's
 * seed, block_s, val, test). Groups are whole; classes are spread as evenly as groups allow; a
 * picture nearer than a second to one of a stricter split (test before val before train) is taken
 * out, *ret_left_out counts those. `timeless` (may be NULL): by picture, its time is not known. */
VD_MUST_USE vd_err vd_manifest_split(vd_manifest *manifest, const bool *timeless, vd_arena *arena,
                                     unsigned *ret_left_out, vd_why *why);

/* ---- versions ---- */
typedef struct {
    const char *name, *task;
    uint64_t seed;
    int64_t block_s;
    double val, test;
    const char *const *classes; /* class_count 0: all that the labels use */
    unsigned class_count;
    const char *const *cameras; /* "device/camera"; camera_count 0: all */
    unsigned camera_count;
    bool reviewed_only;
    int64_t since_us, until_us;
    const char *who;
} vd_dataset_wish;
typedef struct {
    vd_digest digest;
    bool made;         /* false: it was there */
    unsigned left_out; /* too near to another split */
    unsigned timeless; /* without a capture time */
    unsigned skipped;  /* labelled, but not for this task */
} vd_dataset_made;
/* Freezes what is labelled now: reads from `store`, puts the manifest into `blobs`, then posts one
 * job that records it. `ret_manifest` is what was written, in the arena. VD_INVALID: the wish is
 * wrong, or there are fewer than three pictures. */
VD_MUST_USE vd_err vd_dataset_make(vd_store *store, vd_committer *committer, vd_blobs *blobs,
                                   const vd_dataset_wish *wish, vd_arena *arena,
                                   vd_manifest *ret_manifest, vd_dataset_made *ret_made,
                                   vd_why *why);
/* A run trained or measured on the split; counted once per run. VD_ABSENT: no such dataset. */
VD_MUST_USE vd_err vd_dataset_used(vd_store *store, const vd_digest *digest, vd_split split,
                                   const char *run, vd_why *why);
/* Members `datasets` and `next`. */
VD_MUST_USE vd_err vd_dataset_write_page(vd_store *store, const char *name, const char *cursor,
                                         unsigned limit, vd_json_w *w, vd_why *why);
/* One Dataset as an object. */
VD_MUST_USE vd_err vd_dataset_write(vd_store *store, const vd_digest *digest, vd_json_w *w,
                                    vd_why *why);
/* Member `warnings`: what is weak in it. */
void vd_manifest_write_warnings(const vd_manifest *manifest, const vd_dataset_made *made,
                                vd_json_w *w);
/* Members of DatasetReport. */
VD_MUST_USE vd_err vd_dataset_write_report(vd_store *store, const vd_digest *digest,
                                           const vd_manifest *manifest, vd_json_w *w, vd_why *why);
/* Members `added`, `removed`, `relabelled`, `moved`, `same`. */
void vd_manifest_write_diff(const vd_manifest *from, const vd_manifest *to, vd_json_w *w);

/* ---- in and out ---- */
typedef enum { VD_FORMAT_COCO, VD_FORMAT_YOLO } vd_dataset_format;
VD_MUST_USE bool vd_dataset_format_parse(const char *word, vd_dataset_format *ret_format);
/* A tar of pictures and labels to an open file. */
VD_MUST_USE vd_err vd_dataset_export(vd_blobs *blobs, const vd_manifest *manifest,
                                     vd_dataset_format format, int fd, vd_why *why);
typedef struct {
    vd_dataset_format format;
    const char *camera; /* of pictures that name none; NULL: "import" */
    const char *who;
} vd_import_wish;
/* Reads a tar or zip, puts its pictures into `blobs`, then posts one job that adds them to the pool
 * with their labels. Writes the members of Imported. VD_INVALID: no such labels in it. */
VD_MUST_USE vd_err vd_dataset_import(vd_committer *committer, vd_blobs *blobs, vd_slice archive,
                                     const vd_import_wish *wish, vd_json_w *w, vd_why *why);

/* ---- the labels of an archive, before its pictures: what import and export are made of ----
 * Whatever the text is, an error or a picture's why comes back. Any thread. */
typedef struct {
    const char *file; /* what identifies the picture's file, see the formats */
    const char *device, *camera;
    int64_t captured_us, labelled_us; /* 0: not told */
    unsigned width_px, height_px;     /* 0: not told */
    bool labelled;
    vd_label label;
    vd_why why; /* fact set: refused */
} vd_import_picture;
typedef struct {
    vd_arena *arena;
    vd_import_picture *picture;
    unsigned count, room;
    const char **classes;
    unsigned class_count;
    unsigned crowds; /* regions that are no boxes */
} vd_import_labels;
/* NULL when memory ends. */
vd_import_picture *vd_import_add(vd_import_labels *labels, const char *file);
/* The class's place in the list, added when it is new. */
VD_MUST_USE vd_err vd_import_class(vd_import_labels *labels, const char *name, unsigned *ret_index,
                                   vd_why *why);
/* `picture` is on the heap, the rest in the arena. */
void vd_import_labels_done(vd_import_labels *labels);
/* annotations.json; pictures are found by the last part of file_name. */
VD_MUST_USE vd_err vd_coco_read(vd_slice json, vd_import_labels *labels, vd_why *why);
VD_MUST_USE vd_err vd_coco_write(const vd_manifest *manifest,
                                 const char *(*file_of)(void *, unsigned), void *arg, vd_buf *into,
                                 vd_why *why);
/* data.yaml's names, or classes.txt. */
VD_MUST_USE vd_err vd_yolo_read_names(vd_slice text, bool yaml, vd_import_labels *labels,
                                      vd_why *why);
/* One picture's .txt; what is wrong is kept in picture->why. */
void vd_yolo_read_label(vd_slice text, vd_import_labels *labels, vd_import_picture *picture);
VD_MUST_USE vd_err vd_yolo_write_label(const vd_manifest *manifest,
                                       const vd_manifest_picture *picture, vd_buf *into,
                                       vd_why *why);
VD_MUST_USE vd_err vd_yolo_write_names(const vd_manifest *manifest, vd_buf *into, vd_why *why);
#endif
