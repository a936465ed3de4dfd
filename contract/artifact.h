/* artifact.h - a model as it travels from the hub to devices and registries: an OCI image manifest
 * with artifactType, and an Ed25519 signature over the very bytes of that manifest.
 *
 *   manifest   application/vnd.oci.image.manifest.v1+json
 *     config   application/vnd.oci.empty.v1+json: "{}"
 *     layers   one each: weights (NAME.onnx), descriptor (NAME.model.yaml), labels (one class a
 *              line); optional calibration, reference (contract/reference.h). Each layer's title
 *              (org.opencontainers.image.title) is the file name to install it under.
 *     annotations  vedette.name .version .dataset .run .parent
 *   signature  a manifest of its own with `subject` = the model's manifest and one layer, JSON
 *              {"manifest":"sha256:...","key":"<key id>","signature":"<base64>"}
 *
 * The reader also takes other people's image manifests and indexes (OCI and Docker, version 2
 * schema 2), so that a registry can see what they need. Nothing here touches a network; only
 * vd_release_key_open touches a disk. Any thread. */
#ifndef VD_ARTIFACT_H
#define VD_ARTIFACT_H
#include "vd/arena.h"
#include "vd/blob.h"
#include "vd/error.h"

#define VD_ARTIFACT_MANIFEST_TYPE        "application/vnd.oci.image.manifest.v1+json"
#define VD_ARTIFACT_INDEX_TYPE           "application/vnd.oci.image.index.v1+json"
#define VD_ARTIFACT_DOCKER_TYPE          "application/vnd.docker.distribution.manifest.v2+json"
#define VD_ARTIFACT_DOCKER_LIST_TYPE     "application/vnd.docker.distribution.manifest.list.v2+json"
#define VD_ARTIFACT_EMPTY_TYPE           "application/vnd.oci.empty.v1+json"
#define VD_ARTIFACT_MODEL_TYPE           "application/vnd.vedette.model.v1"
#define VD_ARTIFACT_SIGNATURE_TYPE       "application/vnd.vedette.signature.v1"
#define VD_ARTIFACT_SIGNATURE_LAYER_TYPE "application/vnd.vedette.signature.v1+json"
/* SHA-256 of "{}", the empty config's two bytes. */
#define VD_ARTIFACT_EMPTY_DIGEST "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

#define VD_ARTIFACT_MANIFEST_BYTES                                                                 \
    1048576u /* one manifest: models need 2 KiB, images less than 100 */
#define VD_ARTIFACT_ITEMS_MAX        1000u /* layers of a manifest, manifests of an index */
#define VD_ARTIFACT_TEXT_MAX         255u  /* a media type, an annotation of ours, a title */
#define VD_ARTIFACT_DESCRIPTOR_BYTES 262144u
#define VD_ARTIFACT_LABELS_BYTES     1048576u
#define VD_ARTIFACT_REFERENCE_BYTES  16777216u
#define VD_ARTIFACT_SIGNATURE_BYTES  4096u
/* Model and repository names: words of a-z 0-9 joined by one of . _ - ; at most this long. */
#define VD_ARTIFACT_NAME_MAX 64u

typedef struct {
    const char *media_type;
    vd_digest digest;
    uint64_t bytes;
    const char *title; /* NULL: none */
} vd_artifact_item;

typedef struct {
    const char *media_type;    /* of the manifest itself */
    const char *artifact_type; /* NULL: none (the config's type stands for it then) */
    bool is_index;
    vd_artifact_item config; /* not of an index */
    unsigned item_count;     /* layers; of an index: the manifests it lists */
    const vd_artifact_item *items;
    const vd_artifact_item *subject;                     /* NULL: none */
    const char *name, *version, *dataset, *run, *parent; /* vedette.* annotations; NULL: none */
} vd_artifact;

/* Texts and items live in the arena. VD_INVALID names the member that is wrong: no such schema
 * version, a digest that is no sha256, a size below zero, too many layers. */
VD_MUST_USE vd_err vd_artifact_read(vd_slice json, vd_arena *arena, vd_artifact *ret_artifact,
                                    vd_why *why);
/* The canonical form: the same artifact gives the same bytes. VD_FULL when it does not fit. */
VD_MUST_USE vd_err vd_artifact_write(const vd_artifact *artifact, vd_buf *into);

/* ---- a model's parts ---- */
typedef enum {
    VD_ARTIFACT_WEIGHTS,
    VD_ARTIFACT_LABELS,
    VD_ARTIFACT_DESCRIPTOR,
    VD_ARTIFACT_CALIBRATION, /* may be missing */
    VD_ARTIFACT_REFERENCE,   /* may be missing */
    VD_ARTIFACT_PARTS
} vd_artifact_part;
extern const char *const vd_artifact_part_types[VD_ARTIFACT_PARTS];
/* Checks that the manifest is a model's: its type, its name, each needed part once, every size
 * within its limit, titles that are plain file names. ret_parts[part] borrows from the artifact,
 * NULL when the part is missing. */
VD_MUST_USE vd_err vd_artifact_model(const vd_artifact *artifact,
                                     const vd_artifact_item *ret_parts[VD_ARTIFACT_PARTS],
                                     vd_why *why);
/* A name of a model: the last word of its repository "models/NAME". */
VD_MUST_USE bool vd_artifact_name_ok(vd_slice name);
/* One plain file name: no slash, no leading dot, no control character, at most 255 bytes. */
VD_MUST_USE bool vd_artifact_title_ok(vd_slice title);

/* ---- the release key and signatures ---- */
#define VD_RELEASE_KEY_ID_LEN  16 /* the first hex digits of SHA-256(public key) */
#define VD_RELEASE_PUBLIC_ROOM 45 /* base64 of 32 bytes */
typedef struct vd_release_key vd_release_key;
/* Makes the file (PEM, mode 0600) when it is absent. Refuses one that others can read. */
VD_MUST_USE vd_err vd_release_key_open(const char *path, vd_release_key **ret_key, vd_why *why);
vd_release_key *vd_release_key_free(vd_release_key *key);     /* returns NULL */
const char *vd_release_key_public(const vd_release_key *key); /* base64 of its 32 bytes */
const char *vd_release_key_id(const vd_release_key *key);
/* False: `public_base64` is no key. */
VD_MUST_USE bool vd_release_key_id_of(const char *public_base64,
                                      char ret_id[VD_RELEASE_KEY_ID_LEN + 1]);
/* Appends the JSON of the signature's layer. */
VD_MUST_USE vd_err vd_release_sign(const vd_release_key *key, vd_slice manifest, vd_buf *into,
                                   vd_why *why);
/* VD_OK only when `signature` (the layer's JSON) is of exactly these manifest bytes by exactly this
 * key. VD_DENIED: of another manifest or key, or forged; VD_INVALID: it cannot be read. */
VD_MUST_USE vd_err vd_release_verify(const char *public_base64, vd_slice manifest,
                                     vd_slice signature, vd_why *why);
#endif
