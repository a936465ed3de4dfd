/* registry.h - models as they are released, and the OCI registry that carries them.
 *
 *   weights + descriptor ─▶ register: load, run on reference pictures, manifest, sign ─▶ candidate
 *   candidate ─▶ gate (lab/evaluation) ─▶ champion of its name ─▶ retired
 *
 * A model's files are blobs; its manifest lies in the repository models/NAME with the tag vN, its
 * signature refers to it. The registry part is OCI Distribution without HTTP: repositories hold
 * blobs, manifests and tags of anybody (container images too); what was pushed is given back byte
 * for byte, and a manifest stands only when everything it names is there.
 *
 * Any thread; calls block (disk, the committer). Functions with `store` in front take any reading
 * store. The why is for people. */
#ifndef VD_REGISTRY_H
#define VD_REGISTRY_H
#include "archive.h"
#include "artifact.h"
#include "inference.h"

extern const vd_sql registry_sql[];

#define VD_OCI_NAME_MAX        255
#define VD_OCI_TAG_MAX         128
#define VD_OCI_UPLOADS_MAX     256 /* under way at a time */
#define VD_OCI_UPLOAD_LIFE_S   86400
#define VD_OCI_REFERRERS_MAX   500
#define VD_SCORE_PICTURE_BYTES (32u << 20)
#define VD_SCORE_WAITING_MAX                                                                       \
    16                        /* requests that wait for the models; more are told to come back     \
                               */
#define VD_SCORE_MODELS_MAX 3 /* loaded at a time; the one used longest ago goes */

typedef struct {
    vd_committer *committer;
    vd_store_pool *readers;
    vd_blobs *blobs;
    const char *key_path; /* the release key; made when absent */
    const char *work_dir; /* uploads under way; on the blobs' file system */
    /* A model was registered or changed its state: inside the commit. May be NULL. */
    void (*changed)(void *arg, const char *model);
    void *arg;
} vd_registry_parts;

typedef struct vd_registry vd_registry;
/* Opens (or makes) the release key, removes uploads that are older than a day. */
VD_MUST_USE vd_err vd_registry_new(const vd_registry_parts *parts, vd_registry **ret_registry,
                                   vd_why *why);
vd_registry *vd_registry_free(vd_registry *registry); /* returns NULL */
/* The public half, as contract/openapi.yaml's ReleaseKey. */
void vd_registry_write_key(const vd_registry *registry, vd_json_w *w);
const char *vd_registry_public_key(const vd_registry *registry); /* base64 */

/* ---- OCI: names ---- */
VD_MUST_USE bool vd_oci_name_ok(vd_slice repository);
VD_MUST_USE bool vd_oci_tag_ok(vd_slice tag);

/* ---- OCI: blobs. VD_ABSENT: not in this repository. ---- */
VD_MUST_USE vd_err vd_oci_blob_find(vd_registry *registry, const char *repository,
                                    const vd_digest *digest, char *ret_path, size_t room,
                                    uint64_t *ret_bytes, vd_why *why);
/* Without sending it again: from another repository that has it. */
VD_MUST_USE vd_err vd_oci_blob_mount(vd_registry *registry, const char *repository,
                                     const char *from, const vd_digest *digest, vd_why *why);
/* VD_CONFLICT while a manifest needs it. */
VD_MUST_USE vd_err vd_oci_blob_delete(vd_registry *registry, const char *repository,
                                      const vd_digest *digest, vd_why *why);
/* An upload belongs to its repository. VD_FULL when too many are under way. */
VD_MUST_USE vd_err vd_oci_upload_begin(vd_registry *registry, const char *repository,
                                       vd_ulid *ret_upload, vd_why *why);
VD_MUST_USE vd_err vd_oci_upload_size(vd_registry *registry, const char *repository,
                                      const char *upload, uint64_t *ret_bytes, vd_why *why);
/* Adds the bytes of a file, which may be moved. `offset` (NULL: wherever it stands) must be where
 * the upload stands: VD_CONFLICT otherwise, nothing added. VD_RETRY: somebody else writes it. */
VD_MUST_USE vd_err vd_oci_upload_add(vd_registry *registry, const char *repository,
                                     const char *upload, const uint64_t *offset, const char *path,
                                     uint64_t *ret_bytes, vd_why *why);
/* Hashes it and takes it over. VD_CORRUPT: the bytes are not those named; the upload is gone. */
VD_MUST_USE vd_err vd_oci_upload_finish(vd_registry *registry, const char *repository,
                                        const char *upload, const vd_digest *digest, vd_why *why);
VD_MUST_USE vd_err vd_oci_upload_cancel(vd_registry *registry, const char *repository,
                                        const char *upload, vd_why *why);

/* ---- OCI: manifests and tags. `reference` is "sha256:..." or a tag. ---- */
typedef struct {
    const char *repository, *reference;
    const char *content_type; /* as the pusher says; NULL: not said */
    vd_slice body;
    const char *who;
} vd_oci_manifest;
typedef struct {
    vd_digest digest;
    bool has_subject;
    vd_digest subject;
} vd_oci_put;
/* VD_INVALID: the manifest lies; VD_ABSENT: something it names is not in the repository;
 * VD_CORRUPT: its bytes are not those of the digest. A model's manifest (artifact.h) in models/NAME
 * is registered and signed too; vN tags of models never move (VD_CONFLICT). */
VD_MUST_USE vd_err vd_oci_manifest_put(vd_registry *registry, const vd_oci_manifest *manifest,
                                       vd_oci_put *ret_put, vd_why *why);
VD_MUST_USE vd_err vd_oci_manifest_get(vd_registry *registry, const char *repository,
                                       const char *reference, vd_buf *into,
                                       char ret_type[VD_ARTIFACT_TEXT_MAX + 1],
                                       vd_digest *ret_digest, vd_why *why);
/* By digest: with its tags. VD_CONFLICT: a model or an index needs it. */
VD_MUST_USE vd_err vd_oci_manifest_delete(vd_registry *registry, const char *repository,
                                          const char *reference, vd_why *why);
/* {"name","tags"}, {"repositories"}: at most `limit` behind `last` (NULL: from the start);
 * *ret_more when that was not all. VD_ABSENT: nothing was ever pushed to this repository. */
VD_MUST_USE vd_err vd_oci_tags_write(vd_registry *registry, const char *repository,
                                     const char *last, unsigned limit, vd_json_w *w,
                                     char ret_more[VD_OCI_TAG_MAX + 1], vd_why *why);
VD_MUST_USE vd_err vd_oci_catalog_write(vd_registry *registry, const char *last, unsigned limit,
                                        vd_json_w *w, char ret_more[VD_OCI_NAME_MAX + 1],
                                        vd_why *why);
/* The index of manifests whose subject is `digest`. artifact_type NULL: of any type. */
VD_MUST_USE vd_err vd_oci_referrers_write(vd_registry *registry, const char *repository,
                                          const vd_digest *digest, const char *artifact_type,
                                          vd_json_w *w, vd_why *why);

/* ---- models ---- */
typedef struct {
    const char *name; /* NULL: the descriptor's, when it can be one */
    vd_digest weights;
    vd_slice descriptor; /* YAML */
    vd_slice labels;     /* of the descriptor's classes_file */
    bool has_calibration;
    vd_digest calibration;
    unsigned picture_count; /* reference pictures: JPEG blobs */
    vd_digest pictures[8];
    const char *dataset, *run, *parent, *note; /* NULL: not known */
    const char *who;
} vd_model_new;
/* Loads the model, makes the reference layer, manifest and signature, and keeps all of it in one
 * commit. VD_CONFLICT with *ret_digest when these weights are registered already with the same
 * descriptor (nothing changed); VD_INVALID, VD_CORRUPT when it cannot be one. */
VD_MUST_USE vd_err vd_registry_register(vd_registry *registry, const vd_model_new *model,
                                        bool *ret_made, vd_why *why);

/* Every NAME.model.yaml of a folder whose weights are not registered yet, under its own name. One
 * that cannot be is logged with the reason and left out. */
VD_MUST_USE vd_err vd_registry_import(vd_registry *registry, const char *dir, const char *who,
                                      unsigned *ret_count, vd_why *why);

typedef struct {
    vd_digest digest, manifest;
    vd_digest descriptor, labels; /* these two layers */
    char name[VD_ARTIFACT_NAME_MAX + 1];
    int64_t version;
    char state[16]; /* a ModelState of the contract */
} vd_model_row;
/* By digest or name (its champion, else its newest); NULL: the newest champion, else the newest. */
VD_MUST_USE vd_err vd_registry_find(vd_store *store, const char *which, vd_model_row *ret_model,
                                    vd_why *why);
/* VD_ABSENT: the name has no champion (yet). */
VD_MUST_USE vd_err vd_registry_champion(vd_store *store, const char *name, vd_digest *ret_digest,
                                        vd_why *why);
/* One object: Model, or ModelDetail. */
VD_MUST_USE vd_err vd_registry_write(vd_store *store, const char *digest, bool detail, vd_json_w *w,
                                     vd_why *why);
typedef struct {
    const char *name, *states, *cursor; /* NULL: any */
    unsigned limit;
} vd_model_filter;
/* The members `models` and `next`. */
VD_MUST_USE vd_err vd_registry_write_list(vd_store *store, const vd_model_filter *filter,
                                          vd_json_w *w, vd_why *why);
/* One object: Lineage of a picture, a dataset, a model (digests) or a run (ULID). VD_ABSENT:
 * nothing here has that name. Datasets' manifests are read from the blobs. */
VD_MUST_USE vd_err vd_registry_write_lineage(vd_store *store, vd_blobs *blobs, const char *thing,
                                             vd_json_w *w, vd_why *why);

/* ---- decisions ---- */
typedef struct {
    vd_digest model;
    const char *who, *reason; /* reason: NULL for none */
    bool forced;
    vd_slice verdict; /* JSON of the gate, or empty */
} vd_model_decision;
/* The champion before it is retired as `replaced`. VD_CONFLICT: it is the champion already. */
VD_MUST_USE vd_err vd_registry_promote(vd_registry *registry, const vd_model_decision *decision,
                                       vd_why *why);
/* Keeps that the gate said no. */
VD_MUST_USE vd_err vd_registry_refused(vd_registry *registry, const vd_model_decision *decision,
                                       vd_why *why);
VD_MUST_USE vd_err vd_registry_retire(vd_registry *registry, const vd_model_decision *decision,
                                      vd_why *why);

/* ---- scoring ---- */
typedef struct {
    vd_model_row model;
    int width_px, height_px;
    float score_min; /* that held */
    unsigned count;
    vd_event_box boxes[VD_DETECTIONS_MAX]; /* class names live in `names` */
    int64_t preprocess_us, run_us;
    vd_arena *names;
} vd_score;
void vd_score_done(vd_score *score);
typedef struct {
    const char *model;  /* as vd_registry_find takes it */
    double confidence;  /* < 0: the model's own threshold */
    const char *object; /* only this class; NULL: all */
    vd_slice picture;   /* JPEG, PNG or BMP */
    vd_buf *annotated;  /* gets a JPEG with the boxes drawn in; NULL: not wanted */
} vd_score_ask;
/* One picture at a time. VD_RETRY: too many wait. VD_CORRUPT, VD_INVALID: the picture is none. */
VD_MUST_USE vd_err vd_registry_score(vd_registry *registry, const vd_score_ask *ask,
                                     vd_score *ret_score, vd_why *why);
#endif
