/* registry_priv.h - what the registry's files share.
 *
 *   registry.c      opening, the release key
 *   oci_name.c      repositories, tags, references
 *   oci_blob.c      blobs and uploads
 *   oci_manifest.c  manifests, tags, referrers
 *   model_new.c     a model becomes an artifact: loaded, proven, signed
 *   model.c         models as they are shown, decisions
 *   lineage.c       what was before and after a thing
 *   score.c, draw.c running a model on a picture */
#ifndef VD_REGISTRY_PRIV_H
#define VD_REGISTRY_PRIV_H
#include "registry.h"

#include <pthread.h>

#include "reference.h"

#define REGISTRY_PATH 4096

typedef struct scorer scorer;
struct vd_registry {
    vd_registry_parts parts;
    char work_dir[REGISTRY_PATH / 2];
    vd_release_key *key;
    pthread_mutex_t lock; /* uploads being counted */
    scorer *scorer;
};

/* ---- references (oci_name.c) ---- */
typedef struct {
    bool by_digest;
    vd_digest digest;
    char tag[VD_OCI_TAG_MAX + 1];
} oci_reference;
VD_MUST_USE vd_err oci_reference_read(const char *text, oci_reference *ret_reference, vd_why *why);
VD_MUST_USE vd_err oci_name_check(const char *repository, vd_why *why);
/* vN, a number from 1 without leading zeros: a model's version. 0: it is none. */
int64_t oci_version_of(const char *tag);

/* ---- jobs on a writing store ---- */
/* The repository has the blob; it is kept from retention. */
VD_MUST_USE vd_err oci_blob_note(vd_store *store, const char *repository, const vd_digest *digest,
                                 uint64_t bytes, const char *content_type, vd_why *why);
typedef struct {
    const char *repository, *who;
    const vd_artifact *artifact;
    vd_slice body;
    vd_digest digest;
} oci_manifest_row;
/* Everything the manifest names must be there; then it is. */
VD_MUST_USE vd_err oci_manifest_note(vd_store *store, const oci_manifest_row *row, vd_why *why);
VD_MUST_USE vd_err oci_tag_set(vd_store *store, const char *repository, const char *tag,
                               const vd_digest *digest, vd_why *why);

/* ---- models ---- */
typedef struct {
    vd_model *model;
    char name[VD_ARTIFACT_NAME_MAX + 1]; /* the descriptor's; "" when it is no registry name */
    char weights_title[VD_ARTIFACT_TEXT_MAX + 1], labels_title[VD_ARTIFACT_TEXT_MAX + 1];
} opened_model; /* labels_title "": the descriptor lists its classes itself */
/* Lays the files of a model out in a folder of its own, loads it, and removes the folder. */
VD_MUST_USE vd_err model_open(vd_registry *registry, const vd_digest *weights, vd_slice descriptor,
                              vd_slice labels, opened_model *ret_opened, vd_why *why);
/* From the layers of its manifest in models/NAME. */
VD_MUST_USE vd_err model_open_row(vd_registry *registry, const vd_model_row *row,
                                  vd_model **ret_model, vd_why *why);
VD_MUST_USE vd_err blob_load(vd_registry *registry, const vd_digest *digest, vd_buf *into,
                             vd_why *why);
/* A manifest that somebody pushed to models/NAME becomes a model, in the same commit. */
VD_MUST_USE vd_err model_adopt(vd_registry *registry, const oci_manifest_row *row, const char *tag,
                               vd_why *why);
VD_MUST_USE vd_err model_history_add(vd_store *store, const vd_digest *model, const char *what,
                                     const vd_model_decision *decision, vd_why *why);

/* ---- lineage: models of a thing that are not in `found` yet, and the devices of all found ---- */
#define LINEAGE_MAX 200
typedef struct {
    vd_digest digest[LINEAGE_MAX];
    unsigned count;
} lineage_digests;
VD_MUST_USE vd_err lineage_models(vd_store *store, const char *thing, lineage_digests *found,
                                  vd_json_w *w, vd_why *why);
VD_MUST_USE vd_err lineage_devices(vd_store *store, const lineage_digests *found, vd_json_w *w,
                                   vd_why *why);

/* ---- pictures ---- */
/* What the model sees at score_min or more, for the reference layer. Boxes live in the arena. */
VD_MUST_USE vd_err reference_look(vd_model *model, vd_slice jpeg, double score_min, vd_arena *arena,
                                  vd_reference_picture *ret_picture, vd_why *why);
VD_MUST_USE vd_err scorer_new(vd_registry *registry, scorer **ret_scorer, vd_why *why);
scorer *scorer_free(scorer *s);
#endif
