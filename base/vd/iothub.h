/* iothub.h - the texts of the IoT Hub dialect (docs/protocols.md 1): device ids, topics, property
 * bags, SAS tokens, connection strings. Parsing and building only: no sockets, no clocks, any
 * thread. What is parsed borrows from its input unless said otherwise. */
#ifndef VD_IOTHUB_H
#define VD_IOTHUB_H
#include "vd/arena.h"
#include "vd/error.h"

#define VD_IOTHUB_ID_MAX         128
#define VD_IOTHUB_PROPERTIES_MAX 64
#define VD_IOTHUB_BAG_MAX        4096
#define VD_IOTHUB_API_VERSION    "2021-04-12"

/* Property names. System properties begin with "$.". */
#define VD_PROP_TYPE             "type"  /* "event": the body is an event (contract/event.h) */
#define VD_PROP_CLOCK            "clock" /* RFC 3339: the sender's clock at hand-over */
#define VD_PROP_MESSAGE_ID       "$.mid"
#define VD_PROP_CORRELATION_ID   "$.cid"
#define VD_PROP_CONTENT_TYPE     "$.ct"
#define VD_PROP_CONTENT_ENCODING "$.ce"
#define VD_PROP_RETAIN           "mqtt-retain"
#define VD_PROP_MESSAGE_TYPE     "iothub-MessageType" /* "Will" */

/* 1-128 of A-Za-z0-9-._%#*?!(),:=@$' ; also the form of module ids. */
bool vd_iothub_id_ok(vd_slice id);

/* ---- property bags: url-encoded k=v&k=v ---- */

typedef struct {
    const char *key, *value; /* decoded, NUL-terminated */
} vd_property;
typedef struct {
    const vd_property *items;
    size_t count;
} vd_properties;

/* Text lives in the arena. A leading '?' is skipped; a key without '=' has an empty value.
 * VD_INVALID: bad encoding, invalid UTF-8, a zero byte, an empty or doubled key, too many. */
VD_MUST_USE vd_err vd_bag_parse(vd_slice bag, vd_arena *arena, vd_properties *ret_properties,
                                vd_why *why);
const char *vd_bag_get(const vd_properties *properties, const char *key); /* NULL: absent */
/* Appends; '&' divides when `into` does not end a level ('/' or '?') or is not empty. */
bool vd_bag_add(vd_buf *into, const char *key, const char *value);

/* ---- topics ---- */

typedef enum {
    VD_TOPIC_NONE,
    VD_TOPIC_EVENTS,        /* devices/D[/modules/M]/messages/events/BAG       device to hub */
    VD_TOPIC_DEVICEBOUND,   /* devices/D/messages/devicebound/BAG              hub to device */
    VD_TOPIC_MODULE_INPUT,  /* devices/D/modules/M/inputs/NAME/BAG             hub to module */
    VD_TOPIC_TWIN_GET,      /* $iothub/twin/GET/?$rid=R                        device to hub */
    VD_TOPIC_TWIN_REPORT,   /* $iothub/twin/PATCH/properties/reported/?$rid=R[&clock=T]  to hub */
    VD_TOPIC_TWIN_RESULT,   /* $iothub/twin/res/STATUS/?$rid=R[&$version=N]    hub to device */
    VD_TOPIC_TWIN_DESIRED,  /* $iothub/twin/PATCH/properties/desired/?$version=N   to device */
    VD_TOPIC_METHOD_CALL,   /* $iothub/methods/POST/NAME/?$rid=R               hub to device */
    VD_TOPIC_METHOD_RESULT, /* $iothub/methods/res/STATUS/?$rid=R              device to hub */
} vd_topic_kind;

typedef struct {
    vd_topic_kind kind;
    vd_slice device, module; /* EVENTS, DEVICEBOUND, MODULE_INPUT */
    vd_slice bag;            /* the same; still encoded */
    vd_slice name;           /* METHOD_CALL, MODULE_INPUT */
    vd_slice rid;            /* at most 64 bytes, as it was sent */
    vd_slice clock;          /* TWIN_REPORT: RFC 3339, the sender's clock; none: not told */
    uint64_t version;        /* TWIN_RESULT (0: none), TWIN_DESIRED */
    unsigned status;         /* TWIN_RESULT, METHOD_RESULT */
} vd_topic;

/* False: not a topic of the dialect (also wildcards, invalid UTF-8, a zero byte). */
VD_MUST_USE bool vd_topic_parse(vd_slice text, vd_topic *ret_topic);
bool vd_topic_write(const vd_topic *topic, vd_buf *into);

/* What a device may subscribe to. */
typedef enum {
    VD_FILTER_NONE,
    VD_FILTER_DEVICEBOUND,  /* devices/D/messages/devicebound/# */
    VD_FILTER_MODULE_INPUT, /* devices/D/modules/M/# or .../inputs/# */
    VD_FILTER_TWIN_RESULT,  /* $iothub/twin/res/# */
    VD_FILTER_TWIN_DESIRED, /* $iothub/twin/PATCH/properties/desired/# */
    VD_FILTER_METHODS,      /* $iothub/methods/POST/# */
    VD_FILTER_COUNT
} vd_filter;
/* NONE also when the filter names another device or module than the connected one. */
vd_filter vd_filter_parse(vd_slice text, vd_slice device, vd_slice module);
/* The filter's text; `module` may be empty. */
bool vd_filter_write(vd_filter filter, vd_slice device, vd_slice module, vd_buf *into);

/* ---- who connects ---- */

/* HOST/DEVICE[/MODULE]/?api-version=...[&DeviceClientType=...]; also without the '?'. */
typedef struct {
    vd_slice host, device, module, api_version;
} vd_iothub_user;
VD_MUST_USE bool vd_iothub_user_parse(vd_slice text, vd_iothub_user *ret_user);
bool vd_iothub_user_write(const vd_iothub_user *user, vd_buf *into);

/* ---- SAS tokens ---- */

typedef struct {
    vd_slice resource_encoded; /* sr as it was sent: what the signature covers; borrowed */
    char resource[640];        /* sr decoded: HOST/devices/D[/modules/M] or HOST */
    char policy[65];           /* skn, "" when absent */
    int64_t expires_s;         /* se: seconds since 1970 */
    uint8_t mac[32];
} vd_sas;

/* "SharedAccessSignature sr=...&sig=...&se=...[&skn=...]", the fields in any order. */
VD_MUST_USE bool vd_sas_parse(vd_slice token, vd_sas *ret_sas);
/* Constant time. `key_base64` as in the connection string; false also when it is no base64. */
VD_MUST_USE bool vd_sas_signed_by(const vd_sas *sas, vd_slice key_base64);
/* True when the resource is HOST/devices/DEVICE (any host; an id that was encoded once more is
 * taken too). */
bool vd_sas_is_for_device(const vd_sas *sas, vd_slice device);
/* `resource` is not encoded yet: "HOST/devices/D"; `policy` may be NULL. VD_INVALID: key. */
VD_MUST_USE vd_err vd_sas_make(const char *resource, vd_slice key_base64, const char *policy,
                               int64_t expires_s, vd_buf *into);

/* ---- connection strings ---- */

/* Absent parts are "". Holds a secret: vd_wipe it when done, never log it. */
typedef struct {
    char host[256]; /* HostName; a port may follow a colon */
    char gateway[256];
    char device[VD_IOTHUB_ID_MAX + 1], module[VD_IOTHUB_ID_MAX + 1];
    char policy[65];
    char key[129]; /* SharedAccessKey, base64 */
} vd_connection_string;

/* Needs a host, a key, and a device or a policy. Unknown fields are ignored; the why never shows
 * the key. */
VD_MUST_USE vd_err vd_connection_string_parse(vd_slice text, vd_connection_string *ret_string,
                                              vd_why *why);
bool vd_connection_string_write(const vd_connection_string *string, vd_buf *into);
/* Divides "host", "host:port", "[v6]:port"; `port` keeps its value when none is given. */
VD_MUST_USE bool vd_host_port(vd_slice text, char *host, size_t room, uint16_t *port);
#endif
