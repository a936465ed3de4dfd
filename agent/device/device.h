/* device.h - talk to the hub: events and evidence out, twin and methods in.
 *
 * MQTT over TLS (the IoT Hub dialect) carries messages, the twin and direct methods; HTTPS carries
 * evidence and previews. The hub may be away for any time: everything waits in the outbox, and the
 * link is tried again for ever after 1 to 60 s with jitter. A message leaves the outbox only when
 * the hub has acknowledged it; after a reconnect all unacknowledged ones are sent again in order,
 * and the hub knows them by their id.
 *
 * Threads: vd_device_start makes four (link, sender, uploader, previewer). The sink's callbacks run
 * on them (rules and status: link; picture: previewer), must not call back into the device except
 * vd_device_report, and `rules` must not block. Waiting uses monotonic time: a jump of the wall
 * clock does no harm. */
#ifndef VD_DEVICE_H
#define VD_DEVICE_H
#include "outbox.h"

#define VD_DEVICE_HTTPS_PORT   8443
#define VD_DEVICE_MQTT_PORT    8883
#define VD_DEVICE_WINDOW       64   /* messages on the way without an answer */
#define VD_DEVICE_PREVIEW_PX   1280 /* widest preview */
#define VD_DEVICE_ID_ROOM      129
#define VD_DEVICE_SECTIONS_MAX 8 /* of reported properties */

typedef struct {
    const char *connection_string; /* HostName=host[:mqtt port];DeviceId=..;SharedAccessKey=.. */
    const char *ca_file;           /* PEM; NULL: the system's authorities */
    unsigned https_port;           /* 0: VD_DEVICE_HTTPS_PORT */
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

typedef struct {
    void *ctx;
    /* The twin's desired `rules` as JSON: {camera: [rule, ...]}. An error refuses them: the reason
     * is reported, and nothing must have changed. May be NULL. */
    vd_err (*rules)(void *ctx, vd_slice json, vd_why *why);
    /* The camera's next picture as JPEG, at most VD_DEVICE_PREVIEW_PX wide; may wait up to a
     * second. VD_ABSENT: no such camera or no picture. May be NULL. */
    vd_err (*picture)(void *ctx, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                      vd_why *why);
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
#endif
