/* stop.c - SIGINT and SIGTERM of program.h. The handler sets a flag and makes an eventfd readable
 * for good, so that a stop asked before the wait begins is not missed. */
#include "vd/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static atomic_bool asked;
static int wake_fd = -1;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    atomic_store(&asked, true);
    uint64_t one = 1;
    ssize_t done = write(wake_fd, &one, sizeof(one));
    (void)done; /* full means already readable */
    errno = saved;
}

void vd_stop_install(void)
{
    if (wake_fd < 0) wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0) abort(); /* a program that cannot be stopped must not start */
    struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool vd_stop_asked(void)
{
    return atomic_load(&asked);
}

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool vd_stop_wait(int timeout_ms)
{
    struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
    int64_t end = mono_ms() + timeout_ms;
    int left = timeout_ms;
    while (!vd_stop_asked()) {
        int rc = poll(&wake, 1, left);
        if (rc == 0) break;
        if (rc > 0 || timeout_ms < 0) continue;
        int64_t now = mono_ms(); /* another signal woke us: wait the rest */
        left = now < end ? (int)(end - now) : 0;
    }
    return vd_stop_asked();
}
