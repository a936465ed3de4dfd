/* smtp.c - the conversation:
 *
 *   greeting ─▶ HELO/EHLO ─▶ MAIL FROM ─▶ RCPT TO (1..100) ─▶ DATA ─▶ lines ─▶ "." ─▶ kept: 250
 *                   ▲            │ RSET                                  │
 *                   └────────────┴──────────────◀── too large: 552 ──────┘
 *
 * A line that begins with a dot has one more dot on the wire (dot-stuffing); a lone dot ends it. */
#include "smtp.h"

#include <strings.h>

static void say(vd_buf *reply, const char *line)
{
    (void)vd_buf_addf(reply, "%s\r\n", line);
}

void smtp_init(smtp *s, vd_err (*keep)(void *arg, vd_slice mail), void *arg, vd_buf *reply)
{
    *s = (smtp){
        .keep = keep, .arg = arg, .line = VD_BUF(SMTP_LINE_MAX), .mail = VD_BUF(SMTP_MAIL_MAX)
    };
    say(reply, "220 localhost vedette-mailbox");
}

void smtp_done(smtp *s)
{
    vd_buf_done(&s->line);
    vd_buf_done(&s->mail);
}

static void forget_mail(smtp *s)
{
    vd_buf_clear(&s->mail);
    s->recipients = 0;
    s->mailing = s->data = s->too_large = false;
}

static bool verb_is(vd_slice line, const char *verb)
{
    size_t len = strlen(verb);
    return line.len >= len && strncasecmp((const char *)line.data, verb, len) == 0 &&
           (line.len == len || line.data[len] == ' ' || verb[len - 1] == ':');
}

static void wrong(smtp *s, vd_buf *reply, const char *line)
{
    say(reply, line);
    s->closing = ++s->errors >= SMTP_ERRORS_MAX;
}

static void on_recipient(smtp *s, vd_buf *reply)
{
    if (!s->mailing) {
        wrong(s, reply, "503 MAIL first");
    } else if (s->recipients == SMTP_RECIPIENTS_MAX) {
        wrong(s, reply, "452 too many recipients");
    } else {
        s->recipients++;
        say(reply, "250 yes");
    }
}

static void on_mail(smtp *s, vd_buf *reply)
{
    if (!s->greeted) {
        wrong(s, reply, "503 HELO first");
    } else if (s->mailing) {
        wrong(s, reply, "503 one mail at a time");
    } else {
        s->mailing = true;
        say(reply, "250 yes");
    }
}

static void on_data(smtp *s, vd_buf *reply)
{
    if (!s->recipients) {
        wrong(s, reply, "503 RCPT first");
        return;
    }
    s->data = true;
    say(reply, "354 end with a dot alone on a line");
}

static void on_hello(smtp *s, vd_buf *reply)
{
    s->greeted = true;
    say(reply, "250-localhost");
    say(reply, "250-8BITMIME");
    say(reply, "250-SMTPUTF8");
    say(reply, "250 SIZE 16777216");
}

static void on_command(smtp *s, vd_slice line, vd_buf *reply)
{
    if (verb_is(line, "EHLO")) {
        on_hello(s, reply);
    } else if (verb_is(line, "HELO")) {
        s->greeted = true;
        say(reply, "250 localhost");
    } else if (verb_is(line, "MAIL FROM:")) {
        on_mail(s, reply);
    } else if (verb_is(line, "RCPT TO:")) {
        on_recipient(s, reply);
    } else if (verb_is(line, "DATA")) {
        on_data(s, reply);
    } else if (verb_is(line, "RSET")) {
        forget_mail(s);
        say(reply, "250 forgotten");
    } else if (verb_is(line, "NOOP")) {
        say(reply, "250 yes");
    } else if (verb_is(line, "QUIT")) {
        say(reply, "221 bye");
        s->closing = true;
    } else {
        wrong(s, reply, "500 not known here");
    }
}

static void end_of_mail(smtp *s, vd_buf *reply)
{
    if (s->too_large) {
        say(reply, "552 more than 16 MiB");
    } else {
        vd_err err = s->keep(s->arg, vd_buf_slice(&s->mail));
        say(reply, err == VD_OK     ? "250 kept"
                   : err == VD_FULL ? "452 no room on the disk, try later"
                                    : "451 it cannot be kept now, try later");
    }
    forget_mail(s);
}

static void on_data_line(smtp *s, vd_slice line, vd_buf *reply)
{
    if (line.len == 1 && line.data[0] == '.') {
        end_of_mail(s, reply);
        return;
    }
    if (line.len && line.data[0] == '.') line = vd_slice_from(line, 1);
    if (s->too_large) return;
    if (!vd_buf_add(&s->mail, line) || !vd_buf_add_str(&s->mail, "\r\n")) {
        s->too_large = true;
        vd_buf_clear(&s->mail);
    }
}

static void on_line(smtp *s, vd_buf *reply)
{
    vd_slice line = vd_buf_slice(&s->line);
    if (line.len && line.data[line.len - 1] == '\r') line.len--;
    if (s->too_long) {
        wrong(s, reply, "500 the line is too long");
        s->closing = s->closing || s->data; /* a mail with a hole is no mail */
    } else if (s->data) {
        on_data_line(s, line, reply);
    } else {
        on_command(s, line, reply);
    }
    vd_buf_clear(&s->line);
    s->too_long = false;
}

bool smtp_feed(smtp *s, vd_slice bytes, vd_buf *reply)
{
    for (size_t n = 0; n < bytes.len && !s->closing; n++) {
        if (bytes.data[n] == '\n')
            on_line(s, reply);
        else if (!vd_buf_add_byte(&s->line, bytes.data[n]))
            s->too_long = true;
    }
    return !s->closing;
}
