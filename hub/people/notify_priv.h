/* notify_priv.h - one message, and the two ways out. */
#ifndef VD_NOTIFY_PRIV_H
#define VD_NOTIFY_PRIV_H
#include "people.h"

#include <stdatomic.h>

typedef struct {
    char id[VD_ULID_LEN + 1], incident[VD_ULID_LEN + 1];
    bool email;
    char target[512], subject[800];
    int64_t attempts, created_us;
    char picture[VD_SHA256_HEX + 1]; /* "" for none */
    char title[600], device[VD_LIMIT_NAME_BYTES + 1], camera[64], rule[VD_LIMIT_NAME_BYTES + 1],
        zone[256];
    int64_t severity, started_us;
    double score;
} message;

/* Blocking, bounded by time-outs; breaks off when *stopping is set. `answer` is what the other side
 * said, for people. */
bool mail_send(const vd_notify_config *config, vd_blobs *blobs, const message *m,
               const atomic_bool *stopping, char *answer, size_t room);
bool webhook_send(const vd_notify_config *config, const message *m, const atomic_bool *stopping,
                  char *answer, size_t room);
/* The text part of an e-mail (also the test's window). */
VD_MUST_USE bool mail_text(const vd_notify_config *config, const message *m, vd_buf *into);
/* "=?UTF-8?B?...?=" when needed; without line breaks in any case. */
VD_MUST_USE bool mail_header_text(const char *text, vd_buf *into);
VD_MUST_USE bool webhook_body(const vd_notify_config *config, const message *m, vd_buf *into);
#endif
