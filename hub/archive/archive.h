/* archive.h - evidence as it arrives from devices, its serving, its end, and labelled items.
 *
 * Bytes live in vd_blobs (named by SHA-256); this stage keeps which are here and why one was
 * deleted. Calls that change something are jobs of the committer; the others take any store. */
#ifndef VD_ARCHIVE_H
#define VD_ARCHIVE_H
#include "limits.h"
#include "people.h"
#include "vd/blob.h"

extern const vd_sql archive_sql[];

/* ---- evidence ---- */
typedef struct {
    uint64_t bytes; /* as the event says */
    char content_type[64];
    bool arrived; /* it is here, or was and has been deleted since: it is not wanted (again) */
} vd_archive_evidence;
/* VD_ABSENT: no event of this device names the digest. */
VD_MUST_USE vd_err vd_archive_named(vd_store *store, const char *device, const vd_digest *digest,
                                    vd_archive_evidence *ret_evidence, vd_why *why);
VD_MUST_USE vd_err vd_archive_arrived(vd_store *store, const vd_digest *digest, uint64_t bytes,
                                      vd_why *why);
/* The type of a file that is here; VD_ABSENT otherwise. */
VD_MUST_USE vd_err vd_archive_find(vd_store *store, const vd_digest *digest,
                                   char ret_content_type[64], vd_why *why);
/* Calls `each` for every incident whose events name the file. */
VD_MUST_USE vd_err vd_archive_incidents(vd_store *store, const vd_digest *digest,
                                        void (*each)(void *arg, const char *incident,
                                                     uint64_t version),
                                        void *arg, vd_why *why);
/* A JPEG scaled down to `width_px` (the same bytes when it is not wider). VD_CORRUPT: no JPEG, or
 * one larger than 16384 pixels a side. */
VD_MUST_USE vd_err vd_archive_scale(vd_slice jpeg, unsigned width_px, vd_buf *into, vd_why *why);

/* ---- files that others than incidents need ---- */
typedef struct {
    const char *what, *id; /* who: "pool", "dataset", "run", "model", and which */
    const char *content_type;
    bool held;          /* retention leaves it alone */
    const char *device; /* this device may send it; NULL: its bytes are (put) here otherwise */
    uint64_t bytes;     /* with a device: as its message says */
} vd_archive_use;
/* Who needs a file, so that it may be asked at /api/v1/blobs and, when held, stays. A file that was
 * put into vd_blobs by the hub itself also needs vd_archive_arrived. */
VD_MUST_USE vd_err vd_archive_use_add(vd_store *store, const vd_digest *digest,
                                      const vd_archive_use *use, vd_why *why);
/* Nothing of it is needed any more. */
VD_MUST_USE vd_err vd_archive_use_end(vd_store *store, const char *what, const char *id,
                                      vd_why *why);
/* The type of a file that somebody needs and that is here; VD_ABSENT otherwise. */
VD_MUST_USE vd_err vd_archive_used(vd_store *store, const vd_digest *digest,
                                   char ret_content_type[64], vd_why *why);

/* ---- ranges of a recording that were asked for ---- */
typedef struct {
    vd_ulid id;
    const char *device, *camera, *who;
    int64_t from_us, to_us;
} vd_archive_wish;
VD_MUST_USE vd_err vd_archive_media_add(vd_store *store, const vd_archive_wish *wish, vd_why *why);
/* The device's word on it (message of type "media"): what it cut and will send, or why not. A
 * second one, or one of another device, changes nothing. */
VD_MUST_USE vd_err vd_archive_media_told(vd_store *store, const char *device, vd_slice json,
                                         vd_why *why);
VD_MUST_USE vd_err vd_archive_media_fail(vd_store *store, const char *id, const char *device,
                                         const char *fact, const char *hint, vd_why *why);
/* One as the API shows it; VD_ABSENT when nobody asked for it. */
VD_MUST_USE vd_err vd_archive_media_write(vd_store *store, const char *id, vd_json_w *w,
                                          vd_why *why);
/* The list of the camera's newest 50. */
VD_MUST_USE vd_err vd_archive_media_list(vd_store *store, const char *device, const char *camera,
                                         vd_json_w *w, vd_why *why);
/* Whose event names the file. */
VD_MUST_USE vd_err vd_archive_device_of(vd_store *store, const vd_digest *digest,
                                        char ret_device[VD_LIMIT_NAME_BYTES + 1], vd_why *why);

/* ---- labelled items ---- */
/* One item per event of a resolved incident that has a picture and no item yet. Also for late
 * revisions: calling it again adds only what is missing. */
VD_MUST_USE vd_err vd_archive_label(vd_store *store, const char *incident, vd_why *why);
VD_MUST_USE vd_err vd_archive_withdraw(vd_store *store, const char *incident, vd_why *why);
/* Writes the members `items` and `next`. */
VD_MUST_USE vd_err vd_archive_write_items(vd_store *store, const char *verdict, const char *cursor,
                                          unsigned limit, vd_json_w *w, vd_why *why);

/* ---- retention ---- */
typedef struct {
    int64_t days;       /* evidence of incidents resolved longer ago goes; 0: never */
    int64_t most_bytes; /* beyond this the oldest resolved evidence goes; 0: no limit */
    bool keep_labelled; /* pictures of labelled items stay */
} vd_archive_retention;
/* Deletes at most `most` files; *ret_count says how many. The file goes first, then the record: a
 * hub that dies between finishes the record next time. */
VD_MUST_USE vd_err vd_archive_sweep(vd_store *store, vd_blobs *blobs,
                                    const vd_archive_retention *retention, unsigned most,
                                    unsigned *ret_count, vd_why *why);
#endif
