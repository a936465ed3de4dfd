/* local.h - the agent's own HTTP port: health, figures, a status page, the newest picture of each
 * camera, and scoring of other people's pictures. It works without any hub.
 *
 *   GET  /                          the status page, one file that needs nothing else
 *   GET  /status                    what it shows, as JSON
 *   GET  /cameras/ID/picture        the camera's next picture, JPEG
 *   GET  /health  /metrics          "ok"; figures for Prometheus. Never need the token
 *   POST /trigger?camera=ID         an inspection judges the camera's next picture; 202
 *   POST /score                     a picture in, AVA inferences out; 204: nothing was found
 *   POST /annotate                  a picture in, a JPEG with the boxes out
 *        ?stream=CAMERA &object=CLASS &confidence=0..1
 *        image/jpeg, image/png, image/bmp; image/x-raw (I420) with &width= &height=
 *
 * Whoever knows the token may ask everything: `Authorization: Bearer TOKEN`, or the password of a
 * Basic sign-in (what a browser asks for). Without a token the port must be bound to loopback, and
 * answers only to a loopback name, so that no web page of elsewhere reaches it through a browser.
 * Plain HTTP: beyond this machine a tunnel or a proxy brings the TLS.
 *
 * Back-pressure: VD_LOCAL_UPLOADS pictures may be on their way in, VD_LOCAL_SCORING of them wait
 * for the model or are looked at; who comes beyond is told 503 with Retry-After. A picture is at
 * most VD_LOCAL_PICTURE_BYTES. At most VD_LOCAL_CONNECTIONS connections, each silent for 10 s at
 * most. Threads: one that listens, one for each connection while it lasts; the sink is called on
 * those. */
#ifndef VD_LOCAL_H
#define VD_LOCAL_H
#include "frames.h"
#include "vd/blob.h"
#include "vd/json.h"
#include "vd/metrics_serve.h"

#define VD_LOCAL_PICTURE_BYTES (16u << 20)
#define VD_LOCAL_CONNECTIONS   24u
#define VD_LOCAL_UPLOADS       4
#define VD_LOCAL_SCORING       2 /* one in hand, one waiting */
#define VD_LOCAL_BOXES         300
#define VD_LOCAL_NAME_ROOM     64

typedef struct {
    const char *stream; /* a camera: its model; NULL: the main one */
    const char *object; /* only this class; NULL: all */
    double confidence;  /* -1: the model's own threshold */
} vd_local_ask;

typedef struct {
    char model[VD_LOCAL_NAME_ROOM];
    vd_digest digest;
    unsigned count;
    vd_event_box box[VD_LOCAL_BOXES]; /* best first; class_name points into name */
    char name[VD_LOCAL_BOXES][VD_LOCAL_NAME_ROOM];
} vd_local_found;

typedef struct {
    void *ctx;
    void (*figures)(void *ctx, vd_metrics *m);
    /* Members of the status object, as status.js of the page reads them. */
    void (*status)(void *ctx, vd_json_w *w);
    /* VD_ABSENT: no such camera, or it shows nothing now. May take a second. */
    vd_err (*picture)(void *ctx, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                      vd_why *why);
    /* VD_INVALID: no such class; VD_ABSENT: no such camera, no model; VD_RETRY: busy. */
    vd_err (*score)(void *ctx, const vd_local_ask *ask, vd_frame *frame, vd_local_found *ret_found,
                    vd_why *why);
    /* Returns at once. VD_ABSENT: no such camera, or no inspection there waits for it. */
    vd_err (*trigger)(void *ctx, const char *camera, vd_why *why);
} vd_local_sink;

typedef struct {
    const char *address; /* numeric */
    uint16_t port;       /* 0: any free one */
    /* The first line is the token. Made with a fresh one (mode 0600) when it is not there. "": none
     * is needed, which only a loopback address allows. */
    const char *token_file;
} vd_local_config;

/* What can be told without opening anything. VD_INVALID: an address beyond this machine needs a
 * token file. */
VD_MUST_USE vd_err vd_local_check(const vd_local_config *config, vd_why *why);
typedef struct vd_local vd_local;
/* Config and sink are copied. VD_CONFLICT: the port is taken. */
VD_MUST_USE vd_err vd_local_start(const vd_local_config *config, const vd_local_sink *sink,
                                  vd_local **ret_local, vd_why *why);
uint16_t vd_local_port(const vd_local *local);
/* Pictures scored, and refused because too many were asked for. Any thread. */
void vd_local_scored(const vd_local *local, uint64_t *ret_scored, uint64_t *ret_busy);
/* After it returns the sink is not called. Returns NULL; NULL is fine. */
vd_local *vd_local_free(vd_local *local);
#endif
