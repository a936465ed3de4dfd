/* onvif_peer_priv.h - a simulated ONVIF camera for tests: device, media 1, media 2 and PTZ
 * services, WS-Security and HTTP digest sign-in that are really checked, a clock of its own,
 * WS-Discovery. A third-party client judges that it is like a camera (tests/peers/onvif_judge.mjs).
 */
#ifndef VD_ONVIF_PEER_PRIV_H
#define VD_ONVIF_PEER_PRIV_H
#include <microhttpd.h>
#include <pthread.h>

#include "vd/slice.h"

typedef struct {
    const char *user, *password;    /* NULL: anyone may ask */
    bool http_digest;               /* sign-in by HTTP instead of WS-Security */
    bool http_sha256;               /* by SHA-256 then, not by MD5 */
    const char *tls_cert, *tls_key; /* PEM: HTTPS; NULL: HTTP */
    int64_t clock_ahead_s;
    bool clock_untold;
    bool no_services; /* GetServices is not known, as in old cameras; nor is media 2 */
    bool media2_broken;
    bool no_ptz, no_small, no_h26x;
    const char *names_host;         /* in its addresses; NULL: 127.0.0.1 */
    const char *main_url, *sub_url; /* streams; NULL: at names_host, rtsp port 554 */
    const char *raw_for; /* the operation that is answered with `raw` as it is; "": all */
    const char *raw, *raw_type;
    unsigned raw_status;
    const char *raw_datagram; /* sent before the answer to a probe */
    pthread_mutex_t lock;     /* held by a test: no answer comes */

    struct MHD_Daemon *daemon;
    unsigned port, probe_port;
    int probe_fd;
    pthread_t prober;
    unsigned asked, denied;
    char moved_to[65];
    char last_request[8192];
} onvif_peer;

/* Fields above `daemon` may be set before, and between requests. */
void onvif_peer_open(onvif_peer *peer);
void onvif_peer_close(onvif_peer *peer);
#endif
