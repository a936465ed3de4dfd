/* model_test.c - the self-test runs in a process of its own, so that a model that crashes the
 * runtime, eats memory or never ends hurts nothing but its own chance.
 *
 *   stdout of the child: "warming", "testing", "refused: REASON", one a line      stderr: the last
 * line says why not
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models_priv.h"
#include "vd/clock.h"

#define POLL_MS     50
#define SELF_TEST_S 120
#define RSS_LEAST   (2048ull << 20)
#define ARGS_MAX    16
#define SAID_MAX    4096
#define REFUSED     "refused: "

extern char **environ;

typedef struct {
    vd_models *m;
    pid_t pid;
    int out, err;
    vd_buf said_out, said_err;
    const char *manifest;
    bool testing;
} child;

static vd_err child_start(child *c, const char *folder, vd_why *why)
{
    posix_spawn_file_actions_t actions;
    char *argv[ARGS_MAX + 2];
    int out[2] = { -1, -1 }, err[2] = { -1, -1 };
    unsigned n = 0;

    while (n < ARGS_MAX && c->m->self_test[n]) argv[n] = c->m->self_test[n], n++;
    argv[n++] = (char *)(uintptr_t)folder;
    argv[n] = NULL;
    if (pipe2(out, O_CLOEXEC)) return vd_fail_errno(why, "the self-test cannot be started");
    if (pipe2(err, O_CLOEXEC)) {
        close(out[0]), close(out[1]);
        return vd_fail_errno(why, "the self-test cannot be started");
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    int failed = posix_spawn(&c->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]), close(err[1]);
    c->out = out[0], c->err = err[0];
    if (!failed) return VD_OK;
    errno = failed;
    return vd_fail_errno(why, "the self-test '%.100s' cannot be started", argv[0]);
}

/* The child goes first when memory ends. */
static void offer_to_the_kernel(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "1000", 4) != 4) { /* then it is as likely as we are */
    }
    close(fd);
}

/* The second number of statm: resident pages. */
static uint64_t rss_of(pid_t pid)
{
    char path[64], line[128] = "";

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    const char *second = got ? strchr(line, ' ') : NULL;
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Reads what is there; false at the end. */
static bool drain(int fd, vd_buf *into)
{
    char bytes[512];
    ssize_t got = read(fd, bytes, sizeof bytes);

    if (got <= 0) return false;
    if (into->len + (size_t)got > into->limit) vd_buf_drop_front(into, into->len / 2);
    vd_buf_add(into, vd_slice_of(bytes, (size_t)got));
    return true;
}

static void heed_steps(child *c)
{
    if (c->testing || !c->said_out.data || !strstr(c->said_out.data, "testing")) return;
    c->testing = true;
    models_tell(c->m, VD_MODELS_TESTING, c->manifest, NULL);
}

/* Why the child must be ended, VD_OK while it may go on. */
static vd_err child_limits(child *c, uint64_t serial, int64_t until_us, uint64_t rss_max,
                           vd_why *why)
{
    if (models_overtaken(c->m, serial)) return VD_GONE;
    if (vd_clock_mono_us() > until_us)
        return vd_fail(why, VD_INVALID, "the self-test did not end in time");
    if (rss_of(c->pid) > rss_max) {
        vd_fail(why, VD_INVALID, "the model takes too much memory");
        vd_why_detail(why, "more than %llu MiB in its self-test",
                      (unsigned long long)(rss_max >> 20));
        return VD_INVALID;
    }
    return VD_OK;
}

/* Until both pipes are closed or a limit is passed. */
static vd_err child_watch(child *c, uint64_t serial, uint64_t rss_max, vd_why *why)
{
    int64_t limit_s = c->m->config.self_test_s ? c->m->config.self_test_s : SELF_TEST_S;
    int64_t until_us = vd_clock_mono_us() + limit_s * 1000000;
    struct pollfd fds[2] = { { .fd = c->out, .events = POLLIN },
                             { .fd = c->err, .events = POLLIN } };
    vd_err err = VD_OK;

    while (!err && (fds[0].fd >= 0 || fds[1].fd >= 0)) {
        (void)poll(fds, 2, POLL_MS);
        if (fds[0].revents && !drain(c->out, &c->said_out)) fds[0].fd = -1;
        if (fds[1].revents && !drain(c->err, &c->said_err)) fds[1].fd = -1;
        heed_steps(c);
        err = child_limits(c, serial, until_us, rss_max, why);
    }
    return err;
}

static void last_line(const vd_buf *said, char into[300])
{
    size_t end = said->len;

    while (end && strchr("\r\n", said->data[end - 1])) end--;
    size_t from = end;
    while (from && said->data[from - 1] != '\n') from--;
    vd_slice_to_chars(vd_slice_of(said->data + from, end - from), into, 300);
}

static void first_line(const char *said, char into[300])
{
    vd_slice_to_chars(vd_slice_of(said, strcspn(said, "\r\n")), into, 300);
}

static vd_err child_verdict(const child *c, int status, vd_why *why)
{
    char line[300] = "";
    const char *refused = c->said_out.len ? strstr(c->said_out.data, REFUSED) : NULL;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return VD_OK;
    if (refused)
        first_line(refused + strlen(REFUSED), line);
    else if (c->said_err.len)
        last_line(&c->said_err, line);
    if (WIFSIGNALED(status))
        vd_fail(why, VD_INVALID, "the model crashed in its self-test: %s",
                strsignal(WTERMSIG(status)));
    else
        vd_fail(why, VD_INVALID, "the model did not pass its self-test");
    vd_why_detail(why, "%s", line);
    return VD_INVALID;
}

vd_err model_self_test(vd_models *m, const char *manifest, uint64_t weights_bytes, uint64_t serial,
                       vd_why *why)
{
    child c = { .m = m,
                .out = -1,
                .err = -1,
                .manifest = manifest,
                .said_out = VD_BUF(SAID_MAX),
                .said_err = VD_BUF(SAID_MAX) };
    char folder[MODEL_PATH_ROOM];
    int status = 0;
    uint64_t rss_max =
        m->config.self_test_rss_max ? m->config.self_test_rss_max : RSS_LEAST + 4 * weights_bytes;

    if (!m->self_test) return VD_OK;
    models_tell(m, VD_MODELS_WARMING, manifest, NULL);
    snprintf(folder, sizeof folder, "%s/%s", m->dir, manifest);
    vd_err err = child_start(&c, folder, why);
    if (!err) {
        offer_to_the_kernel(c.pid);
        err = child_watch(&c, serial, rss_max, why);
        if (err) kill(c.pid, SIGKILL);
        while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR) {}
        if (!err) err = child_verdict(&c, status, why);
    }
    if (c.out >= 0) close(c.out);
    if (c.err >= 0) close(c.err);
    vd_buf_done(&c.said_out);
    vd_buf_done(&c.said_err);
    return err;
}
