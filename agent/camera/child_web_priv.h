/* child_web_priv.h - HTTP and HTTPS, as far as a stream of pictures needs them.
 *
 *   child_sign.c   which sign-in is offered, and its answer
 *   child_reply.c  the reply's head, and where its body ends
 *   child_web.c    address, connection, TLS, the request */
#ifndef VD_CAMERA_CHILD_WEB_PRIV_H
#define VD_CAMERA_CHILD_WEB_PRIV_H
#include "child_priv.h"

/* ---- child_sign.c ---- */
#define SIGN_ROOM      512
#define SIGN_HASH_ROOM 129

typedef struct {
    char scheme[16]; /* "": none */
    char realm[SIGN_ROOM], nonce[SIGN_ROOM], opaque[SIGN_ROOM], algorithm[32];
    bool qop_given, qop_auth, stale, userhash;
} sign_offer;
/* One header's offers; *best is replaced by a stronger one. */
void sign_offered(const char *header, sign_offer *best);

typedef struct {
    const char *user, *password, *path, *cnonce;
} sign_who;
/* What goes behind "Authorization: ". False: nothing that is offered is known. */
VD_MUST_USE bool sign_add(const sign_offer *offer, const sign_who *who, vd_buf *into);

/* ---- child_reply.c ---- */
#define REPLY_HEAD_MAX 65536 /* real ones have a few hundred bytes */

typedef struct {
    unsigned status;
    char type[128], location[WIRE_URL_MAX + 1];
    sign_offer offer; /* the strongest */
    bool chunked, have_length;
    uint64_t left; /* of the body, or of the chunk */
    bool in_chunk, ended;
} reply;
/* The whole head, with its last empty line. False: it is no HTTP. */
VD_MUST_USE bool reply_read(vd_slice head, reply *ret_reply);
/* Length of the head in `bytes`, its last empty line included; 0: more is needed. */
size_t reply_head_len(vd_slice bytes);
/* Takes from *rest what is framing and gives the bytes of the body that come next; empty: more is
 * needed, or it has ended. False: it is broken. */
VD_MUST_USE bool reply_body(reply *to, vd_slice *rest, vd_slice *ret_part);

/* ---- child_web.c ---- */
typedef struct web web;
/* One GET, signed in and redirected as need be; what follows is the body. */
VD_MUST_USE vd_err web_open(child_input *input, web **ret_web, vd_why *why);
const char *web_type(const web *from);
/* As avio_read_partial: bytes, 0 at the end, or an FFmpeg error. */
int web_read(web *from, uint8_t *into, size_t room);
#endif
