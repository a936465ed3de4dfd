/* agent_config.h - the agent's configuration file as values. agent.default.yaml is its manual, and
 * a test holds both together. One thread; text lives as long as the config. */
#ifndef VEDETTE_AGENT_CONFIG_H
#define VEDETTE_AGENT_CONFIG_H
#include "camera.h"
#include "lineup.h"
#include "vd/config.h"
#include "vd/log.h"

#define AGENT_CAMERAS_MAX 64
#define AGENT_RULES_MAX   32 /* per camera */
#define AGENT_MODELS_MAX  VD_VOCABULARY_MODELS_MAX

/* Somebody else's model behind HTTP, in place of one of our own. */
#define AGENT_SCORER_CLASSES_MAX 128
typedef struct {
    const char *url; /* "": none */
    const char *name, *token_file;
    const char *classes[AGENT_SCORER_CLASSES_MAX];
    unsigned class_count;
    int64_t width, height, quality, timeout_ms;
    double score_min;
} agent_scorer;

typedef struct {
    const char *path;
    int64_t threads;
    int provider;        /* vd_provider */
    agent_scorer scorer; /* its url "": a model of our own */
    vd_lineup_step step; /* its id, when it looks, and at what */
} agent_model;

typedef struct {
    bool enabled;
    int64_t max_gb, max_age_ms; /* 0: no limit */
} agent_recording;

typedef struct {
    bool enabled;
    int64_t after_ms, relearn_ms;
    unsigned ignore;    /* bit of each vd_integrity_kind that is not told */
    char reference[33]; /* another word here: the view is learnt anew */
} agent_integrity;

typedef struct {
    int severity_min, always; /* as in vd_outbox_policy */
    double score_min, score_max;
    int64_t per_hour, per_day, kbit_s;
    int64_t quiet_from_min, quiet_to_min;
} agent_upload;

typedef struct {
    char id[VD_CAMERA_ID_MAX + 1];
    vd_camera_kind kind;
    const char *url, *onvif, *file, *folder, *device; /* exactly one is not empty */
    const char *sub_url;                              /* beside url; empty: none */
    vd_folder_config still;
    vd_usb_config usb;
    const char *user, *password_file;
    const char *onvif_host; /* empty: none */
    vd_trust_config trust;  /* which certificate is right */
    int streams;            /* vd_camera_streams */
    int transport;          /* vd_rtsp_transport */
    bool loop;
    int64_t speed, from_utc_us; /* files; from: 0 is now */
    int64_t max_fps;
    int decode;                          /* vd_camera_decode */
    int encode;                          /* 1: packets become H.264 */
    const char *hwaccel;                 /* "auto", "off", a name */
    const char *model[AGENT_MODELS_MAX]; /* ids of those that look at it */
    unsigned model_count;                /* 0: the main one looks */
    agent_recording recording;
    agent_integrity integrity;
    bool enabled;
    bool sent;                   /* by the hub: password_file is a name in state_dir/secrets */
    const vd_config_node *rules; /* of this camera alone, a list; NULL: none */
    const vd_config_node *masks; /* what nobody may see, a list, checked; NULL: nothing */
    const vd_config_node *chain; /* what happens to its pictures first, checked; NULL: nothing */
    unsigned line;
    char *entry;     /* as text, its template filled in; owned */
    vd_config *text; /* the same, read; owns all strings */
} agent_camera;

/* A camera's entry that is wrong; the others are not. */
typedef struct {
    char id[VD_CAMERA_ID_MAX + 1]; /* "": it has none that can be read */
    vd_why why;
} agent_refusal;

typedef struct {
    vd_config *text;  /* owns all strings; NULL: the defaults */
    const char *path; /* of the file; NULL: none. Borrowed from whoever loaded it */
    const char *connection_string_file, *ca_file, *release_key;
    int64_t https_port;
    const char *device, *state_dir;
    agent_model model[AGENT_MODELS_MAX]; /* the first is the main one */
    unsigned model_count;
    const char *model_library;
    int64_t model_trial_ms;
    agent_camera camera[AGENT_CAMERAS_MAX];
    unsigned camera_count;
    agent_refusal *refused;
    unsigned refused_count;
    const vd_config_node *rules; /* NULL: none */
    const char *time_zone;
    const vd_config_node *arming; /* NULL: none */
    bool detections_keep;
    int64_t detections_mb, detections_age_ms;
    int64_t pre_roll_ms, post_roll_ms, delay_ms, clip_max_ms, late_ms, ring_mb, snapshot_width,
        snapshot_quality;
    agent_recording recording; /* of cameras that do not say otherwise */
    agent_integrity integrity; /* likewise */
    int64_t recording_min_free_gb, recording_fragment_ms;
    int64_t quota_mb, max_age_ms;
    agent_upload upload;
    int64_t window_ms;            /* of the watch */
    const vd_config_node *alerts; /* NULL: none; see vd_alerts_read */
    const char *local_address, *local_token_file;
    int64_t local_port; /* -1: no local port; 0: any free one */
    int log_level, log_format;
} agent_config;

agent_config agent_config_default(void);
/* VD_INVALID names file, line and the nearest known setting. A wrong camera entry is refused alone:
 * VD_OK, and it stands in `refused`. */
VD_MUST_USE vd_err agent_config_load(const char *path, agent_config *ret_config, vd_why *why);
VD_MUST_USE vd_err agent_config_parse(vd_slice yaml, const char *name, agent_config *ret_config,
                                      vd_why *why);
/* VD_INVALID with the first refused camera's reason, if there is one. For --check-config. */
VD_MUST_USE vd_err agent_config_whole(const agent_config *config, vd_why *why);
void agent_config_done(agent_config *config);
VD_AUTO_DEFINE(agent_config, agent_config_done)
/* config_rules.c: time_zone, arming and detections. */
VD_MUST_USE vd_err agent_rules_settings(const vd_config_node *root, agent_config *config,
                                        vd_why *why);
/* config_models.c: the sections `model` and `models`, and the `models` of a camera. */
VD_MUST_USE vd_err config_models_read(const vd_config_node *root, agent_config *config,
                                      vd_why *why);
VD_MUST_USE vd_err config_camera_models(const vd_config_node *entry, agent_camera *camera,
                                        vd_why *why);
/* The models that the camera names are in `config`, and one of them looks at whole pictures. */
VD_MUST_USE vd_err config_camera_check(const vd_config_node *entry, const agent_camera *camera,
                                       const agent_config *config, vd_why *why);
/* Whether the index-th model of `config` looks at the camera. */
bool config_camera_wants(const agent_camera *camera, const agent_config *config, unsigned index);
/* config_source.c: the settings that name a camera's source and are its own; id is known. */
VD_MUST_USE vd_err agent_source_read(const vd_config_node *node, agent_camera *camera, vd_why *why);
/* The same for vd_camera_start; texts are borrowed. The rest of the fields are the caller's. */
vd_camera_config agent_source(const agent_camera *camera, const char *password);

/* camera_entry.c: one camera's entry. `id` names it when the entry itself does not (in a map);
 * NULL: its `id` does. `templates` may be NULL. On failure `why` names the line. */
VD_MUST_USE vd_err agent_entry_fill(const vd_config_node *entry, const char *id,
                                    const vd_config_node *templates, vd_buf *ret_text, vd_why *why);
/* The filled-in entry as values. `name` is what `why` calls the file; what the entry leaves out is
 * as `defaults` has it for all cameras. */
VD_MUST_USE vd_err agent_camera_read(vd_slice text, const char *name, const agent_config *defaults,
                                     agent_camera *ret_camera, vd_why *why);
VD_MUST_USE vd_err agent_camera_copy(const agent_camera *from, agent_camera *ret_camera);
void agent_camera_done(agent_camera *camera);
VD_AUTO_DEFINE(agent_camera, agent_camera_done)
/* One line of JSON, the same for the same settings; of a map all but the member `without`. */
VD_MUST_USE vd_err agent_node_print(const vd_config_node *node, const char *without, vd_buf *into);
/* Whether a camera must start again to become the other: anything but its rules differs. */
bool agent_camera_same(const agent_camera *a, const agent_camera *b);

/* config_integrity.c: `integrity` of `parent`; what it leaves out stays as it is. */
VD_MUST_USE vd_err config_integrity_read(const vd_config_node *parent, agent_integrity *into,
                                         vd_why *why);
/* config_masks.c: the list `masks` of a camera; NULL is none. */
VD_MUST_USE vd_err config_masks_read(const vd_config_node *list, vd_mask ret_masks[VD_MASKS_MAX],
                                     unsigned *ret_count, vd_why *why);
/* config_scorer.c: NULL leaves it as it is. */
VD_MUST_USE vd_err agent_config_scorer(const vd_config_node *node, agent_scorer *ret_scorer,
                                       vd_why *why);
/* The first line of a secret's file; refuses one that others can read with a warning in `why`
 * but VD_OK (the agent says so and goes on). VD_INVALID when it cannot be read or is empty. */
VD_MUST_USE vd_err agent_secret_read(const char *path, char *into, size_t room, vd_why *why);
#endif
