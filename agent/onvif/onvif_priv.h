/* onvif_priv.h - how the client is put together.
 *
 *   xml.c       an answer's bytes become a small tree, within limits
 *   address.c   which addresses we take, and from whom
 *   soap.c      one request and its answer, with sign-in
 *   camera.c    clock, services, device information
 *   media.c     profiles, streams
 *   ptz.c       presets
 *   discover.c  who is there */
#ifndef VD_ONVIF_PRIV_H
#define VD_ONVIF_PRIV_H
#include <curl/curl.h>

#include "onvif.h"
#include "vd/arena.h"

#define ONVIF_ANSWER_BYTES 524288u /* a camera with 32 profiles writes about 100 kB */
#define ONVIF_TREE_BYTES   4194304u
#define ONVIF_NODES        16384u
#define ONVIF_DEPTH        32u
#define ONVIF_HOST_ROOM    256
#define ONVIF_SIGN_ROOM    128

/* An element: its name without prefix or namespace (cameras mix them up), its text without that of
 * elements within, and the one attribute that ONVIF needs. */
typedef struct xml_node xml_node;
struct xml_node {
    const char *name, *text; /* never NULL */
    const char *token;       /* NULL: none */
    xml_node *parent, *first, *last, *next;
};
/* The root lives in `arena`. VD_INVALID: no XML, a document type, or over a limit. */
VD_MUST_USE vd_err xml_read(vd_slice bytes, vd_arena *arena, const xml_node **ret_root,
                            vd_why *why);
/* The first child of that name; NULL for NULL. A path "Time/Hour" goes deeper. */
const xml_node *xml_get(const xml_node *node, const char *path);
const char *xml_text(const xml_node *node, const char *path); /* "" when it is not there */
/* The next sibling of the same name; NULL: none. */
const xml_node *xml_next(const xml_node *node);
/* For people and files: control characters become spaces, cut to fit between characters. */
void xml_clean(const char *text, char *into, size_t room);

/* What a SOAP answer holds: the first element of its body. VD_CORRUPT: it is none; a fault becomes
 * VD_DENIED, VD_ABSENT (not supported, not known) or VD_INVALID. */
VD_MUST_USE vd_err soap_read(vd_slice bytes, vd_arena *arena, const xml_node **ret_answer,
                             vd_why *why);
bool xml_add(vd_buf *into, const char *text); /* escaped */

struct vd_onvif {
    char url[VD_ONVIF_URL_ROOM]; /* of the device service */
    char media[VD_ONVIF_URL_ROOM], media2[VD_ONVIF_URL_ROOM], ptz[VD_ONVIF_URL_ROOM]; /* "": none */
    char host[ONVIF_HOST_ROOM], other_host[ONVIF_HOST_ROOM];
    char ip[64]; /* that we really reached */
    char user[ONVIF_SIGN_ROOM], password[ONVIF_SIGN_ROOM];
    char ca_file[VD_ONVIF_URL_ROOM], fingerprint[ONVIF_SIGN_ROOM];
    vd_trust_config trusted; /* of these */
    vd_trust trust;          /* of the last handshake */
    vd_why trust_why;        /* why there could be none */
    int64_t timeout_ms;
    bool (*give_up)(void *ctx);
    void *ctx;
    CURL *curl;
    struct curl_slist *headers;
    vd_buf request, answer;
    vd_arena *arena; /* of the last answer */
    bool too_long, http_digest, clock_known;
    int64_t clock_ahead_us;
};

/* Sends `body` to the service at `url`. *ret_answer is valid until the next call. */
VD_MUST_USE vd_err soap_call(vd_onvif *camera, const char *url, bool sign_in, const char *body,
                             const xml_node **ret_answer, vd_why *why);

/* "10.0.0.7" and the like become the device service's address, and its host. */
VD_MUST_USE vd_err address_of_device(const char *address, char ret_url[VD_ONVIF_URL_ROOM],
                                     char ret_host[ONVIF_HOST_ROOM], vd_why *why);
/* vd_onvif_own_address for this camera. */
VD_MUST_USE vd_err address_own(const vd_onvif *camera, const char *address, bool stream,
                               char ret_url[VD_ONVIF_URL_ROOM], vd_why *why);

/* Of a body that soap_read gave. */
void profiles_of(const xml_node *answer, vd_onvif_profiles *ret_profiles);
bool clock_of(const xml_node *answer, int64_t *ret_utc_us);
#endif
