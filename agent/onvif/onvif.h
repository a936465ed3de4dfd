/* onvif.h - a client of ONVIF cameras: find them on the network, ask where their streams are, what
 * time they think it is, move them to a preset.
 *
 * Everything a camera says is untrusted: answers are read with limits (agent/onvif/README.md), and
 * an address in an answer counts only when it is on the camera's own host, so that no answer sends
 * us, or a password, elsewhere. Passwords travel as digests only (WS-Security UsernameToken, made
 * with the camera's own clock, and HTTP digest where it asks for that).
 *
 * Threads: one at a time per vd_onvif. Everything blocks, each request at most timeout_ms. */
#ifndef VD_ONVIF_H
#define VD_ONVIF_H
#include "trust.h"

#define VD_ONVIF_TEXT_ROOM    65
#define VD_ONVIF_URL_ROOM     1025
#define VD_ONVIF_PROFILES_MAX 32
#define VD_ONVIF_PRESETS_MAX  256
#define VD_ONVIF_FOUND_MAX    256
#define VD_ONVIF_CLOCK_MS     10000 /* a camera's clock that is off by more is wrong */

typedef struct {
    const char *address;        /* "10.0.0.7", "10.0.0.7:8000" or http(s)://host[:port][/path] */
    const char *user;           /* NULL: none */
    const char *password;       /* NULL: none */
    const char *other_host;     /* one more host that the camera's answers may name; NULL: none */
    vd_trust_config trust;      /* of https:// */
    int64_t timeout_ms;         /* of each request; 0: 5 s */
    bool (*give_up)(void *ctx); /* asked often while a request runs; NULL: never */
    void *ctx;
} vd_onvif_config;

/* Whether `address` is one that can be asked; nobody is. */
VD_MUST_USE vd_err vd_onvif_check_address(const char *address, vd_why *why);

typedef struct vd_onvif vd_onvif;
/* Copies the configuration, reads the camera's clock and where its services are. VD_DENIED: user or
 * password; VD_INVALID: no ONVIF camera; VD_RETRY: not reached; VD_GONE: given up. */
VD_MUST_USE vd_err vd_onvif_open(const vd_onvif_config *config, vd_onvif **ret_camera, vd_why *why);
vd_onvif *vd_onvif_free(vd_onvif *camera); /* returns NULL */
static inline void vd_onvif_release(vd_onvif **camera)
{
    *camera = vd_onvif_free(*camera);
}
typedef vd_onvif *vd_onvif_ptr;
VD_AUTO_DEFINE(vd_onvif_ptr, vd_onvif_release)

/* False: the camera did not tell. *ret_ahead_ms: its clock minus ours. */
bool vd_onvif_clock(const vd_onvif *camera, int64_t *ret_ahead_ms);
/* What to say about a clock that is wrong; false: it is right, or not known. */
bool vd_onvif_clock_wrong(const vd_onvif *camera, vd_why *ret_why);

typedef struct {
    char manufacturer[VD_ONVIF_TEXT_ROOM], model[VD_ONVIF_TEXT_ROOM], firmware[VD_ONVIF_TEXT_ROOM],
        serial[VD_ONVIF_TEXT_ROOM], hardware[VD_ONVIF_TEXT_ROOM];
} vd_onvif_device;
VD_MUST_USE vd_err vd_onvif_get_device(vd_onvif *camera, vd_onvif_device *ret_device, vd_why *why);

typedef enum { VD_ONVIF_OTHER, VD_ONVIF_JPEG, VD_ONVIF_H264, VD_ONVIF_H265 } vd_onvif_codec;
const char *vd_onvif_codec_name(vd_onvif_codec codec); /* "other", "jpeg", "h264", "h265" */
typedef struct {
    char token[VD_ONVIF_TEXT_ROOM], name[VD_ONVIF_TEXT_ROOM];
    char source[VD_ONVIF_TEXT_ROOM]; /* which of several lenses or inputs; "": not told */
    vd_onvif_codec codec;
    int width_px, height_px; /* 0: not told */
    double fps;
    bool ptz;
} vd_onvif_profile;
typedef struct {
    unsigned count;
    vd_onvif_profile item[VD_ONVIF_PROFILES_MAX];
    int main;  /* the largest stream that we can use; -1: none */
    int small; /* the smallest of the same source that is still good to look at; -1: none */
} vd_onvif_profiles;
/* Media 2 where the camera has it (only there H.265 is told), else media 1. */
VD_MUST_USE vd_err vd_onvif_get_profiles(vd_onvif *camera, vd_onvif_profiles *ret_profiles,
                                         vd_why *why);
/* rtsp:// or rtsps:// on the camera's own host, without user and password. */
VD_MUST_USE vd_err vd_onvif_get_stream(vd_onvif *camera, const char *profile,
                                       char ret_url[VD_ONVIF_URL_ROOM], vd_why *why);

typedef struct {
    char token[VD_ONVIF_TEXT_ROOM], name[VD_ONVIF_TEXT_ROOM];
} vd_onvif_preset;
typedef struct {
    unsigned count;
    vd_onvif_preset item[VD_ONVIF_PRESETS_MAX];
} vd_onvif_presets;
/* VD_ABSENT: it cannot move. `profile` is the token of one with ptz. */
VD_MUST_USE vd_err vd_onvif_get_presets(vd_onvif *camera, const char *profile,
                                        vd_onvif_presets *ret_presets, vd_why *why);
VD_MUST_USE vd_err vd_onvif_go_to(vd_onvif *camera, const char *profile, const char *preset,
                                  vd_why *why);

typedef struct {
    char url[VD_ONVIF_URL_ROOM];
    vd_why clock; /* has a fact when the camera's clock is wrong */
    bool only;    /* there is no small stream beside it */
} vd_onvif_stream;
/* All of the above for who only wants an address: the main stream's, or the small one's. VD_ABSENT
 * for the small one: there is none. */
VD_MUST_USE vd_err vd_onvif_find_stream(const vd_onvif_config *config, bool small,
                                        vd_onvif_stream *ret_stream, vd_why *why);

typedef struct {
    char host[VD_ONVIF_TEXT_ROOM];   /* who answered */
    char address[VD_ONVIF_URL_ROOM]; /* of its device service, on that host */
    char name[VD_ONVIF_TEXT_ROOM], hardware[VD_ONVIF_TEXT_ROOM];
    char endpoint[VD_ONVIF_TEXT_ROOM]; /* stays the same when its address changes; "": not told */
} vd_onvif_found;
typedef struct {
    unsigned count;
    vd_onvif_found item[VD_ONVIF_FOUND_MAX];
} vd_onvif_list;
/* WS-Discovery: asks every network of this machine (`at` NULL), or one host ("10.0.0.7[:port]"),
 * and listens for wait_ms. Each camera once, sorted by address. None is no error. */
VD_MUST_USE vd_err vd_onvif_discover(const char *at, int64_t wait_ms, vd_onvif_list *ret_list,
                                     vd_why *why);

/* ---- answers, as they come; for fuzzers ---- */
VD_MUST_USE vd_err vd_onvif_read_profiles(vd_slice answer, vd_onvif_profiles *ret_profiles,
                                          vd_why *why);
VD_MUST_USE vd_err vd_onvif_read_presets(vd_slice answer, vd_onvif_presets *ret_presets,
                                         vd_why *why);
VD_MUST_USE vd_err vd_onvif_read_clock(vd_slice answer, int64_t *ret_utc_us, vd_why *why);
/* One datagram; what it names is added when it is new and on `host`. */
VD_MUST_USE vd_err vd_onvif_read_found(vd_slice answer, const char *host, vd_onvif_list *list,
                                       vd_why *why);
/* The address, written anew, if it is on `host` or `other_host` (may be NULL); `stream`: RTSP, else
 * HTTP. */
VD_MUST_USE vd_err vd_onvif_own_address(const char *address, bool stream, const char *host,
                                        const char *other_host, char ret_url[VD_ONVIF_URL_ROOM],
                                        vd_why *why);
#endif
