/* output.c - a file that says 1 while there is something to see: a GPIO's value, a relay. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "alerts_priv.h"
#include "vd/clock.h"

/* No writing aside: what listens is the file itself. A fifo without a reader is no reason to wait.
 */
vd_err output_write(const char *path, const char *text, vd_why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    size_t len = strlen(text);

    if (fd < 0) return vd_fail_errno(why, "the output %.100s cannot be opened", path);
    ssize_t wrote = write(fd, text, len);
    int reason = errno;
    close(fd);
    errno = reason;
    if (wrote == (ssize_t)len) return VD_OK;
    if (wrote >= 0) errno = EIO;
    return vd_fail_errno(why, "the output %.100s cannot be written", path);
}

static bool output_set(alert *a, bool on)
{
    vd_why why = { 0 };
    vd_err err = output_write(a->config.path, on ? a->config.on : a->config.off, &why);

    pthread_mutex_lock(&a->alerts->lock);
    bool changed = a->status.on != on;
    if (!err) a->status.on = on;
    pthread_mutex_unlock(&a->alerts->lock);
    if (err || (on && changed)) alert_told(a, err, &why);
    return !err;
}

/* -1: for ever. */
static int wait_ms(int64_t off_us)
{
    if (!off_us) return -1;
    int64_t left_ms = (off_us - vd_clock_mono_us() + 999) / 1000;

    return left_ms < 0 ? 0 : (int)left_ms;
}

/* Off at first, and at the end: nobody else takes back what a killed run left on. */
void output_run(alert *a)
{
    int64_t off_us = 0; /* monotonic; 0: it is off */
    vd_err err;
    void *item;

    (void)output_set(a, false);
    while ((err = vd_queue_take(a->queue, wait_ms(off_us), &item)) != VD_GONE) {
        if (err) {
            off_us = output_set(a, false) ? 0 : vd_clock_mono_us() + 1000000;
            continue;
        }
        item_free(item);
        if (a->alerts->stopping) continue;
        if (output_set(a, true)) off_us = vd_clock_mono_us() + a->config.hold_ms * 1000;
    }
    (void)output_set(a, false);
}
