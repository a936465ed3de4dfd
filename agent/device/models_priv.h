/* models_priv.h - the pieces of model updates.
 *
 *   models.c         wish in, journal, trial, report              (any thread)
 *   model_update.c   one wish after the other, step by step       (updater thread)
 *   model_fetch.c    manifest, signature and layers over HTTPS    (updater thread)
 *   model_store.c    layers and installed folders
 *   model_journal.c  what is in use, on disk
 *   model_test.c     the self-test's child process                (updater thread)
 *   model_check.c    what that child does                         (another process)
 *
 *   DIR/journal.json         which model is in use, renamed into place
 *   DIR/release.pub          the pinned key
 *   DIR/layers/              blobs (vd/blob.h) with partial/
 *   DIR/<manifest hex>/      a whole installed model: manifest.json and its layers by title, as
 *                            links to the blobs; appears by rename
 *   DIR/.new                 one being put together
 *
 * `lock` guards what threads share; it is never held across disk, network or the sink. */
#ifndef VD_MODELS_PRIV_H
#define VD_MODELS_PRIV_H
#include <pthread.h>

#include "artifact.h"
#include "device_priv.h"
#include "vd/json.h"

#define MODEL_ARENA_BYTES    (4u << 20)
#define MODEL_REPOSITORY_MAX 128
#define MODEL_PATH_ROOM      4096 /* of a file under DIR */

typedef struct {
    char release[VD_ULID_LEN + 1];    /* "": none */
    char manifest[VD_SHA256_HEX + 1]; /* hex; "": the agent's own model */
    char repository[MODEL_REPOSITORY_MAX + 1];
    char key[VD_RELEASE_PUBLIC_ROOM];
} model_wish;

/* One place that a model can be in: which release brought it, and which manifest it is. */
typedef struct {
    char release[VD_ULID_LEN + 1];
    char manifest[VD_SHA256_HEX + 1]; /* "": the agent's own */
} model_ref;

typedef struct {
    model_ref active, good; /* good: where to return to */
    int64_t since_utc_us;   /* of active */
    bool trial, clean;      /* clean: the last run ended in order */
    unsigned deaths;        /* starts on trial after a run that did not end in order */
    /* The last wish that did not come true: not tried again by itself. */
    model_ref bad;
    bool bad_returned; /* it was in use and was taken back; else it failed before */
    vd_why bad_why;
} model_journal;

typedef struct {
    vd_artifact artifact;
    const vd_artifact_item *part[VD_ARTIFACT_PARTS];
    vd_arena *arena;
    vd_buf manifest; /* the very bytes */
} model_artifact;

struct vd_models {
    char *dir, *release_key;
    char **self_test;
    vd_models_config config; /* numbers only */
    vd_blobs *layers;
    vd_models_sink sink;
    vd_device *device;
    https *https;
    pthread_t thread;
    bool running;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic */
    bool stopping;
    model_journal journal;
    bool wished; /* a wish came since the start */
    model_wish wish;
    uint64_t wish_serial, done_serial;
    vd_models_state state; /* of the wish, or active */
    vd_why why;
    int64_t since_utc_us;      /* of the state */
    int64_t trial_from_us;     /* monotonic */
    uint64_t pictures, errors; /* since the switch or the start */
    unsigned failed_in_trial;
    bool take_back;
    vd_why failure;
};

/* models.c */
/* A newer wish came, or the end: the caller stops at once with VD_GONE. */
bool models_overtaken(vd_models *m, uint64_t serial);
void models_tell(vd_models *m, vd_models_state state, const char *manifest, const vd_why *why);
/* Changes the journal: on disk first, then in memory. */
VD_MUST_USE vd_err models_commit(vd_models *m, const model_journal *next, vd_why *why);
/* The same, but a disk that refuses does not stop it: the next start finds the old journal. */
void models_note(vd_models *m, const model_journal *next);
bool models_pause(vd_models *m, uint64_t serial, int64_t ms); /* false: overtaken */

/* model_update.c */
void *models_run(void *models);

/* model_fetch.c: everything the wish names is in m->layers and checked. Tells its steps. */
VD_MUST_USE vd_err model_fetch(vd_models *m, const model_wish *wish, uint64_t serial,
                               model_artifact *ret_model, vd_why *why);
/* The key that must sign, from the config, the pin, or the wish itself. */
VD_MUST_USE vd_err model_key(vd_models *m, const model_wish *wish,
                             char into[VD_RELEASE_PUBLIC_ROOM], bool *ret_pinned, vd_why *why);
VD_MUST_USE vd_err model_key_pin(vd_models *m, const char *key, vd_why *why);

/* model_store.c */
void model_artifact_done(model_artifact *model);
VD_AUTO_DEFINE(model_artifact, model_artifact_done)
VD_MUST_USE vd_err model_artifact_read(vd_slice manifest, model_artifact *ret_model, vd_why *why);
/* What a layer is called when it is installed: its title, or the usual name of its part. */
const char *model_file_name(const model_artifact *model, vd_artifact_part part);
VD_MUST_USE vd_err model_install(vd_models *m, const char *manifest, const model_artifact *model,
                                 vd_why *why);
/* Whether DIR/<manifest> is there and every layer hashes to what its manifest says; what is damaged
 * is removed. */
bool model_installed(vd_models *m, const char *manifest);
/* The descriptor's path in DIR/<manifest>. */
VD_MUST_USE vd_err model_descriptor_path(const char *dir, const char *manifest,
                                         char into[VD_MODELS_PATH_ROOM], vd_why *why);
/* Removes installed models but these two, layers that no installed model links, partial layers and
 * half-made folders. */
void model_sweep(vd_models *m, const char *keep, const char *keep_too);

/* model_journal.c */
VD_MUST_USE vd_err model_journal_save(const char *dir, const model_journal *journal, vd_why *why);
/* An absent one is empty; one that cannot be read is VD_CORRUPT and *ret_journal is empty. */
VD_MUST_USE vd_err model_journal_load(const char *dir, model_journal *ret_journal, vd_why *why);

/* Of an installed folder: its manifest, which must hash to the folder's name. */
VD_MUST_USE vd_err model_read_installed(const char *dir, const char *manifest,
                                        model_artifact *ret_model, vd_why *why);

/* model_test.c: VD_OK when the child says the model is fit. VD_GONE: overtaken. */
VD_MUST_USE vd_err model_self_test(vd_models *m, const char *manifest, uint64_t weights_bytes,
                                   uint64_t serial, vd_why *why);
#endif
