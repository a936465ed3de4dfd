/* dataset_priv.h - what the files of lab/dataset share.
 *
 *   label.c       one label as JSON, its checks            pool.c     what comes into the pool
 *   decide.c      label, undo, review                      show.c     pages, one picture, history
 *   manifest.c    the canonical file                       split.c    groups into splits
 *   make.c        a version out of the pool                report.c   balance, warnings, difference
 *   coco.c yolo.c labels of an archive in and out          export.c import.c   the archives */
#ifndef VD_DATASET_PRIV_H
#define VD_DATASET_PRIV_H
#include "dataset.h"

#define LABEL_JSON_MAX (VD_LABEL_BOXES_MAX * 256u) /* the boxes of one picture */
#define POOL_ARENA     (1u << 20)                  /* what one picture's label needs */
#define PLACES         8                           /* decimals of a box */

double box_round(double value);
/* The list of LabelBox. */
vd_err label_write_boxes(const vd_label_box *box, unsigned count, vd_json_w *w);
/* The LabelBox list that write_boxes made (trusted: our own store). */
vd_err label_read_boxes(const char *json, vd_arena *arena, vd_label_box **ret_box,
                        unsigned *ret_count, vd_why *why);
/* Sets what `pool_has` says of the picture: its classes in `what`. */
vd_err pool_set_classes(vd_store *store, const char *picture, const char *what,
                        const vd_json *boxes, const char *picture_class, vd_why *why);
vd_err pool_note(vd_store *store, const char *picture, const char *who, const char *what,
                 vd_why *why);
/* An import's label on a picture that no person of this hub labelled; *ret_set says whether. */
vd_err pool_import_label(vd_store *store, const char *picture, const char *who, int64_t at_us,
                         const vd_label *label, bool *ret_set, vd_why *why);

/* The last part of a path. */
const char *path_last(const char *path);
#endif
