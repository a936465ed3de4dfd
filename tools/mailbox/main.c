/* main.c - vedette-mailbox: an SMTP server on this machine that writes each mail to a file, so that
 * `make run` can show what would have been sent. A thread per conversation, at most 16. */
#include "smtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/log.h"
#include "vd/program.h"
#include "vd/ulid.h"

#define CONVERSATIONS_MAX 16
#define IDLE_S            60
#define MAILS_MAX         10000 /* of one run: a loop of mails must not fill the disk */

static const vd_option options[] = {
    { "port", 'p', "N", "Listens on 127.0.0.1 port N (0: any free one, see the log).", false },
    { "dir", 'd', "DIR", "Writes one file for each mail into DIR, which is made.", false },
};

static const vd_program program = {
    .name = "vedette-mailbox",
    .brief = "takes mail on this machine and keeps it in files",
    .synopsis = "--port N --dir DIR",
    .description = "For demonstrations and tests: every mail it is given becomes one file, "
                   "named so that names rise with time. Nothing is delivered anywhere.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .see_also = "vedette-hub(8)",
    .man_section = 1,
};

typedef struct {
    const char *dir;
    atomic_int conversations, mails;
} mailbox;

typedef struct {
    mailbox *box;
    int fd;
} conversation;

static vd_err keep(void *arg, vd_slice mail)
{
    mailbox *box = arg;
    char path[4096];
    vd_why why = { 0 };
    if (atomic_load(&box->mails) >= MAILS_MAX) return VD_FULL;
    vd_ulid id = vd_ulid_new();
    (void)snprintf(path, sizeof path, "%s/%s.eml", box->dir, id.text);
    vd_err err = vd_file_save(path, 0640, mail, &why);
    if (err)
        vd_log_why(VD_LOG_ERROR, "mail.not-kept", "a mail cannot be kept", &why, NULL);
    else
        vd_log(VD_LOG_INFO, "mail.kept", "a mail is kept", "mail", id.text, NULL);
    if (!err) atomic_fetch_add(&box->mails, 1);
    return err;
}

static bool send_all(int fd, vd_buf *reply)
{
    size_t at = 0;
    while (at < reply->len) {
        ssize_t sent = send(fd, reply->data + at, reply->len - at, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += (size_t)sent;
    }
    vd_buf_clear(reply);
    return true;
}

static void converse(conversation *c)
{
    char bytes[16384];
    smtp s;
    VD_AUTO(vd_buf) reply = VD_BUF(65536);
    smtp_init(&s, keep, c->box, &reply);
    bool on = send_all(c->fd, &reply);
    while (on && !vd_stop_asked()) {
        ssize_t len = recv(c->fd, bytes, sizeof bytes, 0);
        if (len <= 0) break;
        on = smtp_feed(&s, vd_slice_of(bytes, (size_t)len), &reply);
        on = send_all(c->fd, &reply) && on;
    }
    smtp_done(&s);
}

static void *conversation_work(void *arg)
{
    conversation *c = arg;
    converse(c);
    close(c->fd);
    atomic_fetch_sub(&c->box->conversations, 1);
    free(c);
    return NULL;
}

static void begin(mailbox *box, int fd)
{
    pthread_t thread;
    struct timeval idle = { .tv_sec = IDLE_S };
    conversation *c = calloc(1, sizeof *c);
    bool busy = atomic_fetch_add(&box->conversations, 1) >= CONVERSATIONS_MAX;
    if (busy) (void)send(fd, "421 busy, try later\r\n", 21, MSG_NOSIGNAL);
    if (c) *c = (conversation){ .box = box, .fd = fd };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
    if (busy || !c || pthread_create(&thread, NULL, conversation_work, c) != 0) {
        close(fd);
        free(c);
        atomic_fetch_sub(&box->conversations, 1);
        return;
    }
    pthread_detach(thread);
}

static vd_err listen_on(uint16_t port, int *ret_fd, uint16_t *ret_port, vd_why *why)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
        *ret_fd = fd;
        *ret_port = ntohs(at.sin_port);
        return VD_OK;
    }
    int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    if (reason == EADDRINUSE) return vd_fail(why, VD_CONFLICT, "port %u is taken", port);
    return vd_fail_errno(why, "cannot listen on port %u", port);
}

static void serve(mailbox *box, int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    while (!vd_stop_asked()) {
        if (poll(&wait, 1, 200) <= 0) continue;
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) begin(box, client);
    }
}

static vd_err run(const vd_args *args, vd_why *why)
{
    static mailbox box; /* conversations may outlive run by a moment */
    uint64_t want = 0;
    uint16_t port = 0;
    int fd = -1;
    char text[24];
    const char *dir = vd_args_get(&program, args, "dir", NULL);
    const char *port_text = vd_args_get(&program, args, "port", NULL);
    if (!dir || !port_text || !vd_slice_u64(vd_slice_str(port_text), 65535, &want))
        return vd_fail(why, VD_INVALID, "--port N and --dir DIR are needed");
    box.dir = dir;
    vd_err err = vd_dir_make(dir, 0750, why);
    if (!err) err = listen_on((uint16_t)want, &fd, &port, why);
    if (err) return err;
    vd_log(VD_LOG_INFO, "mailbox.ready", "the mailbox listens", "port", vd_text_i64(port, text),
           "dir", dir, NULL);
    serve(&box, fd);
    close(fd);
    return VD_OK;
}

int main(int argc, char **argv)
{
    vd_args args;
    vd_why why = { 0 };
    vd_err err = vd_args_read(&program, argc, argv, &args, &why);
    if (err == VD_GONE) return 0;
    vd_log_start(program.name, VD_LOG_AUTO, VD_LOG_INFO);
    vd_stop_install();
    if (!err) err = run(&args, &why);
    int status = err ? vd_program_fail(&program, err, &why) : 0;
    vd_log_stop();
    return status;
}
