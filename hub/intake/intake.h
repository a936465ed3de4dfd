/* intake.h - where devices meet the hub: identities, the MQTT endpoint, twins, methods, messages.
 *
 * One loop thread owns every connection (MQTT 3.1.1 over TLS in the dialect of PROTOCOLS.md 1).
 * Whatever changes state goes through the hub's committer; a device gets its PUBACK only after the
 * commit that holds its message is on disk. A message with the application property `type=event`
 * and content type application/json is an event and goes to hooks.event inside that commit; one
 * with another `type` goes to hooks.note, and what is not taken there, as every other message, is
 * kept in the table `message`; an event or note that cannot be read is kept in `refused`.
 *
 * The program ignores SIGPIPE (vd_stop_install). Any thread may call any function here, except from
 * inside a hook. Functions that change something wait for the commit. The names `device` are 1-128
 * bytes, see vd_iothub_id_ok in vd/iothub.h. */
#ifndef VD_INTAKE_H
#define VD_INTAKE_H
#include "event.h"
#include "limits.h"
#include "vd/secret.h"
#include "vd/store.h"

typedef struct vd_intake vd_intake;

extern const vd_sql intake_sql[]; /* this stage's statements, for the hub's vd_store_schema */

typedef enum {
    VD_INTAKE_CREATED,
    VD_INTAKE_CHANGED, /* enabled or disabled */
    VD_INTAKE_DELETED,
    VD_INTAKE_CONNECTED,
    VD_INTAKE_DISCONNECTED,
    VD_INTAKE_REPORTED, /* the reported properties changed (committed) */
    VD_INTAKE_DESIRED,  /* tags or desired properties changed (committed) */
} vd_intake_change;

typedef struct {
    void *ctx;
    /* On the committer's thread, inside the transaction of the message that brought the event.
     * `json` is the body as it came. Must be harmless when the same id and revision come again.
     * VD_INVALID, VD_DENIED, VD_ABSENT, VD_CONFLICT: the message goes to `refused` and is answered;
     * any other error: nothing is answered, the device will send it again. NULL: events are counted
     * and dropped. */
    vd_err (*event)(void *ctx, vd_store *store, const vd_event *event, vd_slice json, vd_why *why);
    /* The same for a JSON message of another type ("sample", "sketch"). Sets *ret_taken when it is
     * this hub's own; otherwise it is kept as any message. May be NULL. */
    vd_err (*note)(void *ctx, vd_store *store, const char *device, const char *type, vd_slice json,
                   bool *ret_taken, vd_why *why);
    /* From the loop, the committer's thread or a caller of this header; after the commit. Must be
     * quick and must not call the intake. May be NULL. */
    void (*changed)(void *ctx, const char *device, vd_intake_change what);
} vd_intake_hooks;

typedef struct {
    const char *store_path; /* readers are opened here, with `schema` */
    const vd_store_schema *schema;
    vd_committer *committer;     /* borrowed; outlives the intake; room of at least 2048 */
    const vd_secret_key *secret; /* borrowed; seals the keys of devices and policies */
    const char *address;         /* to listen on: "0.0.0.0", "127.0.0.1", "::" */
    uint16_t port;               /* 8883; 0: any free one, see vd_intake_port */
    const char *host_name;       /* how devices reach this hub; goes into connection strings, with
                                    the port when it is not 8883 */
    const char *certificate_path, *key_path; /* PEM; see vd_intake_tls_files */
    uint64_t message_keep_count;             /* 0: 100000; the oldest go first */
    int64_t message_keep_s;                  /* 0: 7 days */
    vd_intake_hooks hooks;
} vd_intake_config;

/* Opens readers, makes the policy key on first use; does not listen yet. */
VD_MUST_USE vd_err vd_intake_new(const vd_intake_config *config, vd_intake **ret_intake,
                                 vd_why *why);
/* Binds and starts the loop thread. VD_CONFLICT when the port is taken. */
VD_MUST_USE vd_err vd_intake_start(vd_intake *intake, vd_why *why);
uint16_t vd_intake_port(const vd_intake *intake); /* 0 before start */
/* No new connections, no new messages; open connections close. Does not wait. */
void vd_intake_stop(vd_intake *intake);
/* Waits until the loop has ended and nothing of it is left in the committer. */
void vd_intake_join(vd_intake *intake);
/* Stops and joins if needed. Returns NULL. */
vd_intake *vd_intake_free(vd_intake *intake);

/* ---- certificates ---- */

typedef struct {
    char ca[512], certificate[512], key[512]; /* paths */
} vd_tls_files;
/* Uses FOLDER/ca.pem, server.pem (the chain) and server.key, or makes them (EC P-256, key files
 * mode 0600) when they are absent; a server certificate that lacks one of the names or ends within
 * 30 days is made anew by the same authority. Always named: localhost, this machine's name,
 * 127.0.0.1, ::1; `names` (NULL-closed, may be NULL) adds DNS names and addresses. */
VD_MUST_USE vd_err vd_intake_tls_files(const char *folder, const char *const *names,
                                       vd_tls_files *ret_files, vd_why *why);

/* ---- identities ---- */

typedef struct {
    char id[VD_LIMIT_NAME_BYTES + 1];
    bool enabled, connected;
    int64_t created_utc_us;
    int64_t last_seen_utc_us; /* last packet; 0: never */
    bool clock_known;
    int64_t
        clock_skew_ms; /* the device's clock less the hub's, as it last told (property `clock`) */
} vd_intake_device;

/* Makes two random keys and an empty twin. VD_INVALID for the name, VD_CONFLICT when it exists. */
VD_MUST_USE vd_err vd_intake_device_create(vd_intake *intake, const char *device,
                                           vd_intake_device *ret_device, vd_why *why);
VD_MUST_USE vd_err vd_intake_device_get(vd_intake *intake, const char *device,
                                        vd_intake_device *ret_device, vd_why *why);
/* Up to `room` devices in the order of their ids, those after `after` ("" or NULL: from the start).
 */
VD_MUST_USE vd_err vd_intake_device_list(vd_intake *intake, const char *after,
                                         vd_intake_device *into, size_t room, size_t *ret_count,
                                         vd_why *why);
/* Disabling closes the device's connection at once. */
VD_MUST_USE vd_err vd_intake_device_enable(vd_intake *intake, const char *device, bool enabled,
                                           vd_intake_device *ret_device, vd_why *why);
/* Identity, twin and waiting messages go; what it sent stays. Closes its connection at once. */
VD_MUST_USE vd_err vd_intake_device_delete(vd_intake *intake, const char *device, vd_why *why);
/* "HostName=...;DeviceId=...;SharedAccessKey=..." : a secret, never log it. */
VD_MUST_USE vd_err vd_intake_connection_string(vd_intake *intake, const char *device, vd_buf *into,
                                               vd_why *why);
/* "HostName=...;SharedAccessKeyName=iothubowner;SharedAccessKey=..." */
VD_MUST_USE vd_err vd_intake_service_connection_string(vd_intake *intake, vd_buf *into,
                                                       vd_why *why);

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1]; /* "" when the token is the service policy's */
    char policy[65];                      /* "" when the token is a device's own */
} vd_intake_caller;
/* The value of an Authorization header, "SharedAccessSignature sr=...". VD_DENIED with the reason
 * (wrong signature, ended, unknown or disabled device); the why is for the log, not for the caller.
 */
VD_MUST_USE vd_err vd_intake_check_sas(vd_intake *intake, const char *authorization,
                                       vd_intake_caller *ret_caller, vd_why *why);

/* ---- twins, methods, messages to devices ---- */

/* The twin as the service sees it, JSON:
 * {"device","etag","tags","properties":{"desired","reported"}}; both property sections hold
 * $version and $metadata. */
VD_MUST_USE vd_err vd_intake_twin_get(vd_intake *intake, const char *device, vd_buf *into,
                                      vd_why *why);
/* Merges {"tags":{...},"properties":{"desired":{...}}} (RFC 7396) and tells the device if it
 * listens. `if_match`: the etag the caller saw, or NULL ("*" is any); another one is VD_CONFLICT.
 * VD_INVALID or VD_FULL (too large) name the member. The new twin goes into `into` (may be NULL).
 */
VD_MUST_USE vd_err vd_intake_twin_patch(vd_intake *intake, const char *device, vd_slice json,
                                        const char *if_match, vd_buf *into, vd_why *why);
/* Waits for the device's answer: its status (a number of its own) and payload (JSON, "null" when
 * empty). VD_ABSENT: no such device; VD_GONE: it is not connected or takes no methods;
 * VD_RETRY: no answer in time. `payload` is JSON, or empty. */
VD_MUST_USE vd_err vd_intake_method_call(vd_intake *intake, const char *device, const char *method,
                                         vd_slice payload, int timeout_s, int *ret_status,
                                         vd_buf *ret_payload, vd_why *why);
/* Queues a message for the device (at most 50 wait, VD_FULL); it is delivered while `expires_s`
 * lasts, at most ten times. `properties` is a JSON object of texts, or NULL. */
VD_MUST_USE vd_err vd_intake_message_send(vd_intake *intake, const char *device, vd_slice body,
                                          const vd_json *properties, int64_t expires_s,
                                          vd_ulid *ret_id, vd_why *why);

typedef struct {
    uint64_t connections, connects_refused;
    uint64_t messages, events, duplicates, refused; /* committed */
    uint64_t uncommitted;                           /* on their way to the disk now */
} vd_intake_counts;
vd_intake_counts vd_intake_count(const vd_intake *intake);
#endif
