/* device_priv.h - the pieces of the device stage.
 *
 *   link.c     one MQTT session after the other: connect, loop, renew, back off   (link thread)
 *   twin.c     twin answers and desired patches in, reported patches out          (link thread)
 *   method.c   direct methods                                                     (link thread)
 *   sender.c   outbox -> MQTT with a window; PUBACK -> confirm           (sender, link thread)
 *   upload.c   evidence -> HTTPS with resume                                  (uploader thread)
 *   preview.c  pictures -> HTTPS while somebody looks                        (previewer thread)
 *
 * One lock (`lock`) guards everything that threads share; it is never held across a callback of the
 * sink, a disk commit or an HTTP request. */
#ifndef VD_DEVICE_PRIV_H
#define VD_DEVICE_PRIV_H
#include <mosquitto.h>
#include <pthread.h>

#include "device.h"
#include "vd/iothub.h"
#include "vd/json.h"

#define DEVICE_ID_ROOM   129
#define HOST_ROOM        256
#define TOKEN_ROOM       1024
#define PREVIEWS_MAX     16
#define RID_ROOM         24
#define REPORTED_BYTES   32768 /* the twin section's limit */
#define BACKOFF_LEAST_MS 1000
#define BACKOFF_MOST_MS  60000

typedef struct {
    char host[HOST_ROOM];      /* without port */
    char host_name[HOST_ROOM]; /* as written, signed into tokens */
    unsigned mqtt_port;
    char device[DEVICE_ID_ROOM];
    char key[256]; /* base64; wiped at free */
} device_identity;

typedef struct {
    int mid; /* 0: free place */
    int64_t seq;
} window_slot;

typedef struct {
    char name[32];
    vd_json *value;
} report_section;

typedef struct {
    char camera[VD_CAMERA_ID_MAX + 1];
    int64_t until_us; /* monotonic */
} preview_wish;

struct vd_device {
    device_identity id;
    char *ca_file;
    unsigned https_port, token_life_s;
    uint64_t upload_bytes_s;
    vd_outbox *outbox;
    vd_device_sink sink;
    pthread_t link, sender, uploader, previewer;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic clock; any change below */
    bool stopping;
    vd_device_status status;
    struct mosquitto *mqtt; /* NULL while there is no session */
    uint64_t session;       /* counts connects, so that the sender notices a new one */
    window_slot window[VD_DEVICE_WINDOW];
    unsigned in_window;
    bool renewing; /* the sender pauses until the new session */
    report_section section[VD_DEVICE_SECTIONS_MAX];
    bool report_due;
    preview_wish preview[PREVIEWS_MAX];

    /* link thread only */
    char mqtt_said[200]; /* the library's last words, for the why */
    bool accepted, lost;
    int refused_code;
    uint64_t rid;
    bool twin_known;
    int64_t desired_version;
    vd_json *desired, *reported, *reporting; /* held by hub; sent and unanswered */
    char get_rid[RID_ROOM], report_rid[RID_ROOM];
    int64_t get_sent_us, report_sent_us, report_after_us;
};

/* identity.c */
vd_err identity_read(const char *connection_string, device_identity *ret_identity, vd_why *why);
/* A SAS token for this device that lives for life_s from now on. */
vd_err identity_token(const device_identity *id, unsigned life_s, char into[TOKEN_ROOM],
                      vd_why *why);

/* device.c */
bool device_stopping(vd_device *d);
/* Waits for `changed` until a monotonic time; the lock is held. */
void device_wait_locked(vd_device *d, int64_t until_us);
/* Sleeps unless stopped. */
void device_pause(vd_device *d, int ms);
/* 1..60 s: doubles with each failure, with jitter so that many agents do not come at once. */
int backoff_ms(unsigned failures);
/* Waits until the hub has accepted a session; false when stopping. */
bool device_await_link(vd_device *d);

void *link_run(void *device);
void *sender_run(void *device);
void *upload_run(void *device);
void *preview_run(void *device);

/* sender.c: a PUBACK came for mid (link thread). */
void sender_acked(vd_device *d, int mid);
/* What was on the way is forgotten: it will be sent again. The lock is held. */
void sender_forget_locked(vd_device *d);

/* twin.c, on the link thread. */
void twin_session(vd_device *d); /* a session began */
void twin_tick(vd_device *d);    /* send what is due */
void twin_answer(vd_device *d, const vd_topic *topic, vd_slice body);
void twin_desired(vd_device *d, const vd_topic *topic, vd_slice body); /* after .../desired/ */
void twin_set_section(vd_device *d, const char *section, vd_slice json);
/* The merge patch that turns `have` into `want` (RFC 7396). *ret_differs tells whether it is
 * anything but {}. */
vd_err twin_diff(const vd_json *have, const vd_json *want, vd_buf *into, bool *ret_differs);
void twin_free(vd_device *d);

/* method.c, on the link thread. */
void method_called(vd_device *d, const vd_topic *topic, vd_slice body);

/* preview.c: keeps sending for `seconds`; VD_FULL when too many cameras are looked at. */
vd_err preview_wanted(vd_device *d, const char *camera, int seconds);

/* link.c: QoS 0, on the link thread. */
void mqtt_send(vd_device *d, const vd_topic *topic, vd_slice body);

/* https.c: one kept-alive connection per thread. */
typedef struct https https;
https *https_new(vd_device *d);
https *https_free(https *h);
typedef struct {
    long status;     /* 0: no answer, see why */
    int64_t offset;  /* Upload-Offset, -1: none */
    bool complete;   /* Upload-Complete: ?1 */
    int64_t retry_s; /* Retry-After, 0: none */
    char body[512];  /* the beginning, for the why */
    size_t body_len;
} https_answer;
/* `path` after the host; extra header lines closed by NULL. Blocks; ended early by stop. */
void https_call(https *h, const char *method, const char *path, const char *const *headers,
                vd_slice body, https_answer *ret_answer, vd_why *why);
/* Takes the bytes of a good answer as they come; an error ends the call with it. */
typedef vd_err (*https_take)(void *ctx, vd_slice bytes, vd_why *why);
/* GET from byte `offset` on. `accept` is a media type. VD_RETRY: no or a passing answer (also cut
 * in the middle), VD_ABSENT: 404, VD_DENIED: 401 or 403, VD_INVALID: nothing is at this offset
 * (416) or another refusal, or what `take` gave. */
VD_MUST_USE vd_err https_fetch(https *h, const char *path, const char *accept, uint64_t offset,
                               https_take take, void *ctx, vd_why *why);
#endif
