/* trust.h - which certificate of a camera is the right one.
 *
 * By default one that an authority of the system, or one in `ca_file`, has signed for the camera's
 * name or number. Or the one with this fingerprint and no other, whoever signed it, for whatever
 * name and time: most cameras sign their own. Or any (`insecure`).
 *
 * Threads: one at a time per vd_trust. _open reads files; the rest does not. */
#ifndef VD_TRUST_H
#define VD_TRUST_H
#include <openssl/ssl.h>

#include "vd/blob.h"

typedef struct {
    const char *ca_file;     /* PEM, read beside the system's; NULL: none */
    const char *fingerprint; /* "sha256:..." of the certificate, as vd_trust_check takes it */
    bool insecure;
} vd_trust_config;

/* VD_INVALID: the fingerprint is none, or one setting makes another meaningless. */
VD_MUST_USE vd_err vd_trust_check(const vd_trust_config *config, vd_why *why);

/* Of one connection at a time. */
typedef struct {
    vd_trust_config config; /* borrowed */
    vd_digest pin;          /* "": none */
    int error;              /* of the last handshake: X509_V_* */
    vd_digest seen;         /* what was shown then; "": nothing */
} vd_trust;

/* Checks the config, and sets up `ctx`: its authorities, and who looks at what is shown. Both must
 * outlive its connections. The name that is asked for is the caller's to set (SSL_set1_host). */
VD_MUST_USE vd_err vd_trust_open(vd_trust *trust, const vd_trust_config *config, SSL_CTX *ctx,
                                 vd_why *why);
/* After a handshake failed. VD_DENIED with what is wrong with the certificate and what to do;
 * VD_OK: that was not it. */
VD_MUST_USE vd_err vd_trust_explain(const vd_trust *trust, const char *url, vd_why *why);
/* Also VD_DENIED: the name did not fit, as whoever compared it says. */
vd_err vd_trust_other_name(const vd_trust *trust, const char *url, vd_why *why);
#endif
