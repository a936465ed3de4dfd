/* device.h - talk to the hub: events and evidence out, twin, methods and models in.
 *
 * MQTT over TLS (the IoT Hub dialect) carries messages, the twin and direct methods; HTTPS carries
 * evidence and previews. The hub may be away for any time: everything waits in the outbox, and the
 * link is tried again for ever after 1 to 60 s with jitter. A message leaves the outbox only when
 * the hub has acknowledged it; after a reconnect all unacknowledged ones are sent again in order,
 * and the hub knows them by their id.
 *
 * Threads: vd_device_start makes four (link, sender, uploader, previewer). The sink's callbacks run
 * on them (picture: previewer; the others: link), must not call back into the device except
 * vd_device_report, and `rules` must not block. Waiting uses monotonic time: a jump of the wall
 * clock does no harm. */
#ifndef VD_DEVICE_H
#define VD_DEVICE_H
#include "outbox.h"
#include "vd/json.h"

#define VD_DEVICE_HTTPS_PORT   8443
#define VD_DEVICE_MQTT_PORT    8883
#define VD_DEVICE_WINDOW       64   /* messages on the way without an answer */
#define VD_DEVICE_PREVIEW_PX   1280 /* widest preview */
#define VD_DEVICE_ID_ROOM      129
#define VD_DEVICE_SECTIONS_MAX 12 /* of reported properties */

typedef struct {
    const char *connection_string; /* HostName=host[:mqtt port];DeviceId=..;SharedAccessKey=.. */
    const char *ca_file;           /* PEM; NULL: the system's authorities */
    unsigned https_port;           /* 0: VD_DEVICE_HTTPS_PORT */
    uint64_t upload_bytes_s;       /* evidence goes at this rate at most; 0: no limit */
    unsigned token_life_s;         /* 0: one hour; renewed by reconnecting before it ends */
} vd_device_config;

typedef struct {
    bool connected;
    vd_why why; /* why not */
    int64_t since_utc_us;
    uint64_t sessions;                /* connections that the hub accepted */
    uint64_t messages_sent;           /* published, repeats included */
    uint64_t messages_acked;          /* answered by the hub */
    uint64_t blobs_sent, blob_errors; /* whole at the hub; attempts that failed */
} vd_device_status;

/* A range of a camera's recording that the hub asks for. */
typedef struct {
    char id[VD_ULID_LEN + 1]; /* names the wish in the answer */
    char camera[VD_CAMERA_ID_MAX + 1];
    int64_t from_utc_us, to_utc_us;
} vd_device_media;

typedef struct {
    void *ctx;
    /* The twin's desired `cameras` and `templates` as JSON: {"cameras": {...}, "templates": {...}},
     * each left out when there is none. Comes before rules that came with it. Its fate is not
     * reported by us: the program's own section `cameras` shows it. May be NULL. */
    vd_err (*cameras)(void *ctx, vd_slice json, vd_why *why);
    /* The twin's desired `rules` as JSON: {camera: [rule, ...]}. An error refuses them: the reason
     * is reported, and nothing must have changed. May be NULL. */
    vd_err (*rules)(void *ctx, vd_slice json, vd_why *why);
    /* The twin's desired `model` as JSON, "null" when there is none; see vd_models_wish. Must not
     * block. May be NULL. */
    vd_err (*model)(void *ctx, vd_slice json, vd_why *why);
    /* The twin's desired `arming` as JSON, "null" when there is none; as rules. May be NULL. */
    vd_err (*arming)(void *ctx, vd_slice json, vd_why *why);
    /* The twin's desired `sampling` as JSON, "null" when there is none; as rules. May be NULL. */
    vd_err (*sampling)(void *ctx, vd_slice json, vd_why *why);
    /* The camera's next picture as JPEG, at most VD_DEVICE_PREVIEW_PX wide; may wait up to a
     * second. VD_ABSENT: no such camera or no picture. May be NULL. */
    vd_err (*picture)(void *ctx, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                      vd_why *why);
    /* Takes the wish over; what comes of it goes to the outbox (kind "media"). Must not block.
     * VD_ABSENT: nothing is recorded of that camera; VD_FULL: too many wait. May be NULL. */
    vd_err (*media)(void *ctx, const vd_device_media *wish, vd_why *why);
    /* On each connect and loss. May be NULL. */
    void (*status)(void *ctx, const vd_device_status *status);
} vd_device_sink;

typedef struct vd_device vd_device;
/* Checks the connection string and the CA file; nothing is started. For --check-config. */
VD_MUST_USE vd_err vd_device_check(const vd_device_config *config, vd_why *why);
/* Writes the connection string's device id; for programs that need it before they start. */
VD_MUST_USE vd_err vd_device_id_of(const char *connection_string, char *into, size_t room,
                                   vd_why *why);
/* Config is copied; `outbox` must outlive the device. Does not wait for the hub. */
VD_MUST_USE vd_err vd_device_start(const vd_device_config *config, vd_outbox *outbox,
                                   const vd_device_sink *sink, vd_device **ret_device, vd_why *why);
/* Sets one section of the reported properties to a JSON object; sent when it differs from what the
 * hub holds, at most one patch a second. Any thread. */
void vd_device_report(vd_device *device, const char *section, vd_slice json);
void vd_device_get_status(vd_device *device, vd_device_status *ret_status); /* any thread */
/* Waits until every message that is in the outbox now is answered, or timeout_ms passes, or the
 * link is down; true when all are. What is left stays in the outbox. */
bool vd_device_flush(vd_device *device, int timeout_ms);
/* No new work. */
void vd_device_stop(vd_device *device);
/* After it returns no callback runs. */
void vd_device_join(vd_device *device);
/* After join. Returns NULL. */
vd_device *vd_device_free(vd_device *device);

/* ---- models that the hub sends: fetched, checked, installed beside, proven, taken back ----
 *
 * The twin's desired `model` names a release: a manifest in the hub's registry and the key it is
 * signed with. One thread of ours makes it true, step by step, and tells each step:
 *
 *   fetching ─▶ verifying ─▶ fetching ─▶ installing ─▶ warming ─▶ testing ─▶ active (on trial)
 *   (manifest)  (signature)  (layers      (whole or     (in a child process:   │         │ good
 *                             it lacks)    not at all)   load, then the        │         ▼
 *                                                        reference pictures)   │       active
 *                   any of these ends in ─▶ failed                  returned ◀─┘ on its own
 *
 * The model in use and the last good one are kept in a journal that is renamed into place, so a
 * death at any instant leaves the old or the new one. On trial, a model that makes the agent die
 * deaths_max times, or fails on failures_max pictures, is given up for the last good one by itself.
 * The newest wish wins: an older one is abandoned at its next step, and nothing of it is in use.
 *
 * Threads: vd_models_open before others; the sink's callbacks come on our thread; all else from any
 * thread. Only vd_models_stop blocks. */
#define VD_MODELS_PATH_ROOM 1024

typedef enum {
    VD_MODELS_FETCHING,
    VD_MODELS_VERIFYING,
    VD_MODELS_INSTALLING,
    VD_MODELS_WARMING,
    VD_MODELS_TESTING,
    VD_MODELS_ACTIVE,
    VD_MODELS_FAILED,
    VD_MODELS_RETURNED,
} vd_models_state;
const char *vd_models_state_name(vd_models_state state); /* "fetching", ... */

typedef struct {
    const char *dir;         /* ours alone, made when absent: state_dir/models */
    const char *release_key; /* base64 Ed25519 that signs; NULL: the first one seen is pinned */
    /* NULL-closed command that is given a model's folder: prints "warming" and "testing" when it
     * gets there, ends with 0 when the model is fit, else says "refused: REASON". NULL: no
     * self-test (tests only). */
    const char *const *self_test;
    int self_test_s;            /* killed after; 0: 120 */
    uint64_t self_test_rss_max; /* bytes; killed above; 0: 2 GiB and four times the weights */
    int64_t trial_ms;           /* on trial at least this long; 0: two minutes */
    unsigned trial_pictures;    /* and for this many pictures; 0: 100 */
    unsigned failures_max;      /* 0: 3 */
    unsigned deaths_max;        /* 0: 3 */
} vd_models_config;

typedef struct {
    void *ctx;
    /* Loads the model and checks that the rules can live with it; nothing has changed yet. `path`:
     * its descriptor; NULL: the agent's own. */
    vd_err (*prepare)(void *ctx, const char *path, vd_why *why);
    /* What was prepared takes over between two pictures; after it returns, only that one is used.*/
    void (*swap)(void *ctx);
    /* What was prepared is not wanted. */
    void (*drop)(void *ctx);
    /* Something that vd_models_report shows has changed. May be NULL. */
    void (*changed)(void *ctx, vd_models_state state, const char *manifest, const vd_why *why);
} vd_models_sink;

typedef struct vd_models vd_models;
/* Reads the journal and counts a death when the last run ended on trial without a word. Everything
 * in the config is copied. */
VD_MUST_USE vd_err vd_models_open(const vd_models_config *config, vd_models **ret_models,
                                  vd_why *why);
/* The descriptor of the model to use now; false: the agent's own. */
bool vd_models_path(vd_models *models, char into[VD_MODELS_PATH_ROOM]);
/* The model that vd_models_path gave cannot be loaded: the last good one is to be used from now on,
 * then the agent's own. True: ask again. */
bool vd_models_unusable(vd_models *models, const vd_why *why);
/* Fetches over the device's identity. */
VD_MUST_USE vd_err vd_models_start(vd_models *models, vd_device *device, const vd_models_sink *sink,
                                   vd_why *why);
/* The desired `model` as JSON ("null": the agent's own). Quick; a wish that is known already
 * changes nothing. VD_INVALID: it is no wish. */
VD_MUST_USE vd_err vd_models_wish(vd_models *models, vd_slice json, vd_why *why);
/* A picture was looked at, or could not be (with the reason). Quick. */
void vd_models_picture(vd_models *models, const vd_why *failed);
/* Members of the reported section: release, manifest, state, why, hint, previous, since, trial,
 * pictures, errors. */
void vd_models_report(vd_models *models, vd_json_w *w);
/* No new work; a self-test that runs is ended. Then waits for the thread. */
void vd_models_stop(vd_models *models);
/* The self-test itself, in a process of its own: loads the model of an installed folder, then runs
 * it on its reference pictures. `step` hears "warming" and "testing". VD_CORRUPT: it sees something
 * else than it did when it was released. */
VD_MUST_USE vd_err vd_models_check(const char *folder, const vd_model_options *options,
                                   void (*step)(const char *step), vd_why *why);
/* Marks a clean end, so that it is not taken for a death. Returns NULL. */
vd_models *vd_models_free(vd_models *models);
#endif
