/* smtp.h - one SMTP conversation (RFC 5321, the receiving side), free of sockets: bytes in, replies
 * out, a finished mail to a function. For the local mailbox only: it takes whatever it is given,
 * within its limits, and delivers nothing anywhere. */
#ifndef VD_MAILBOX_SMTP_H
#define VD_MAILBOX_SMTP_H
#include "vd/error.h"
#include "vd/slice.h"

#define SMTP_LINE_MAX       4096u       /* RFC 5321 asks for 512 and 1000; mailers are loose */
#define SMTP_MAIL_MAX       (16u << 20) /* announced as SIZE */
#define SMTP_RECIPIENTS_MAX 100u
#define SMTP_ERRORS_MAX     20u /* wrong commands, then the conversation ends */

typedef struct {
    /* Keeps a whole mail (lines end with CRLF, dot-stuffing undone); VD_OK only when on disk. */
    vd_err (*keep)(void *arg, vd_slice mail);
    void *arg;
    vd_buf line, mail;
    unsigned recipients, errors;
    bool greeted, mailing, data, too_large, too_long, closing;
} smtp;

/* Writes the greeting. */
void smtp_init(smtp *s, vd_err (*keep)(void *arg, vd_slice mail), void *arg, vd_buf *reply);
/* Feeds what came from the client; what is to be sent is added to `reply`. False: close after
 * sending. */
VD_MUST_USE bool smtp_feed(smtp *s, vd_slice bytes, vd_buf *reply);
void smtp_done(smtp *s);
#endif
