#include "smtp.h"

#include <stdlib.h>
#include <string.h>

#include "vd/test.h"

typedef struct {
    smtp s;
    vd_buf reply, kept;
    unsigned mails;
    vd_err answer;
} stage;

static vd_err keep(void *arg, vd_slice mail)
{
    stage *t = arg;
    if (t->answer) return t->answer;
    t->mails++;
    vd_buf_clear(&t->kept);
    return vd_buf_add(&t->kept, mail) ? VD_OK : VD_FULL;
}

static void stage_open(stage *t)
{
    *t = (stage){ .reply = VD_BUF(1 << 20), .kept = VD_BUF(SMTP_MAIL_MAX) };
    smtp_init(&t->s, keep, t, &t->reply);
}

static void stage_done(stage *t)
{
    smtp_done(&t->s);
    vd_buf_done(&t->reply);
    vd_buf_done(&t->kept);
}
VD_AUTO_DEFINE(stage, stage_done)

static bool say(stage *t, const char *text)
{
    vd_buf_clear(&t->reply);
    return smtp_feed(&t->s, vd_slice_str(text), &t->reply);
}

static void begin_mail(stage *t)
{
    expect_true(say(t, "EHLO me\r\nMAIL FROM:<a@b> SIZE=10\r\nRCPT TO:<c@d>\r\nDATA\r\n"));
    assert_non_null(strstr(t->reply.data, "354 "));
}

VD_TEST(a_mail_is_kept_with_its_dots_unstuffed)
{
    VD_AUTO(stage) t;
    stage_open(&t);
    assert_non_null(strstr(t.reply.data, "220 "));
    begin_mail(&t);

    expect_true(say(&t, "Subject: x\r\n\r\n..one\r\n.two\r\n...\r\nend\r\n.\r\n"));

    expect_str(t.kept.data, "Subject: x\r\n\r\n.one\r\ntwo\r\n..\r\nend\r\n");
    expect_str(t.reply.data, "250 kept\r\n");
    begin_mail(&t); /* the next one on the same line */
    expect_true(say(&t, "second\r\n.\r\n"));
    expect_u64(t.mails, 2);
    expect_false(say(&t, "QUIT\r\n"));
}

VD_TEST(bytes_may_come_one_by_one)
{
    static const char talk[] =
        "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n\r\ny\r\n.\r\n";
    VD_AUTO(stage) t;
    stage_open(&t);
    for (const char *c = talk; *c; c++) expect_true(smtp_feed(&t.s, vd_slice_of(c, 1), &t.reply));
    expect_str(t.kept.data, "x\r\n\r\ny\r\n");
}

VD_TEST(commands_out_of_order_are_refused_and_too_many_end_it)
{
    VD_AUTO(stage) t;
    stage_open(&t);
    expect_true(say(&t, "MAIL FROM:<a@b>\r\n"));
    expect_str(t.reply.data, "503 HELO first\r\n");
    expect_true(say(&t, "EHLO me\r\nDATA\r\n"));
    assert_non_null(strstr(t.reply.data, "503 RCPT first"));
    bool on = true;
    unsigned tries = 0;
    for (; on && tries < 2 * SMTP_ERRORS_MAX; tries++) on = say(&t, "DOES WHAT\r\n");
    expect_false(on);
    expect_u64(tries, SMTP_ERRORS_MAX - 2);
}

VD_TEST(a_line_too_long_is_refused_and_a_mail_with_one_is_not_kept)
{
    VD_AUTO(stage) t;
    char line[SMTP_LINE_MAX + 10];
    stage_open(&t);
    memset(line, 'a', sizeof line - 1);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    expect_true(say(&t, line));
    expect_str(t.reply.data, "500 the line is too long\r\n");
    begin_mail(&t);
    expect_false(say(&t, line));
    expect_u64(t.mails, 0);
}

VD_TEST(a_mail_over_the_limit_is_refused_and_the_next_one_taken)
{
    VD_AUTO(stage) t;
    char line[1003];
    stage_open(&t);
    memset(line, 'a', 1000);
    memcpy(line + 1000, "\r\n", 3);
    begin_mail(&t);
    for (unsigned n = 0; n <= SMTP_MAIL_MAX / 1002; n++) expect_true(say(&t, line));
    expect_true(say(&t, ".\r\n"));
    assert_non_null(strstr(t.reply.data, "552 "));
    begin_mail(&t);
    expect_true(say(&t, "small\r\n.\r\n"));
    expect_u64(t.mails, 1);
}

VD_TEST(more_recipients_than_allowed_are_refused)
{
    VD_AUTO(stage) t;
    stage_open(&t);
    expect_true(say(&t, "EHLO me\r\nMAIL FROM:<a@b>\r\n"));
    for (unsigned n = 0; n < SMTP_RECIPIENTS_MAX; n++) expect_true(say(&t, "RCPT TO:<c@d>\r\n"));
    expect_true(say(&t, "RCPT TO:<c@d>\r\n"));
    assert_non_null(strstr(t.reply.data, "452 "));
}

VD_TEST(a_full_disk_is_told_so_that_the_sender_tries_later)
{
    VD_AUTO(stage) t;
    stage_open(&t);
    t.answer = VD_FULL;
    begin_mail(&t);
    expect_true(say(&t, "x\r\n.\r\n"));
    assert_non_null(strstr(t.reply.data, "452 "));
}

VD_TEST_MAIN(VD_RUN(a_mail_is_kept_with_its_dots_unstuffed), VD_RUN(bytes_may_come_one_by_one),
             VD_RUN(commands_out_of_order_are_refused_and_too_many_end_it),
             VD_RUN(a_line_too_long_is_refused_and_a_mail_with_one_is_not_kept),
             VD_RUN(a_mail_over_the_limit_is_refused_and_the_next_one_taken),
             VD_RUN(more_recipients_than_allowed_are_refused),
             VD_RUN(a_full_disk_is_told_so_that_the_sender_tries_later))
