#include "vd/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_uint left[VD_FAULT_KINDS]; /* calls until the failing one; 0: none */

void vd_fault_set(vd_fault_kind kind, unsigned nth)
{
    atomic_store(&left[kind], nth);
}

bool vd_fault_pending(vd_fault_kind kind)
{
    return atomic_load(&left[kind]) != 0;
}

bool vd_fault_due(vd_fault_kind kind)
{
    unsigned now = atomic_load_explicit(&left[kind], memory_order_relaxed);
    while (now != 0)
        if (atomic_compare_exchange_weak(&left[kind], &now, now - 1)) return now == 1;
    return false;
}

static bool alloc_fails(void)
{
    if (!vd_fault_due(VD_FAULT_ALLOC)) return false;
    errno = ENOMEM;
    return true;
}

/* As if the power went: no handler, no flush. */
void vd_fault_step(void)
{
    if (vd_fault_due(VD_FAULT_DEATH)) raise(SIGKILL);
}

static bool write_fails(void)
{
    vd_fault_step();
    if (!vd_fault_due(VD_FAULT_WRITE)) return false;
    errno = ENOSPC;
    return true;
}

void *vd_calloc(size_t count, size_t bytes)
{
    return alloc_fails() ? NULL : calloc(count, bytes);
}

void *vd_realloc(void *old, size_t bytes)
{
    return alloc_fails() ? NULL : realloc(old, bytes);
}

char *vd_strdup(const char *text)
{
    return alloc_fails() ? NULL : strdup(text);
}

ssize_t vd_write(int fd, const void *bytes, size_t len)
{
    return write_fails() ? -1 : write(fd, bytes, len);
}

int vd_fsync(int fd)
{
    return write_fails() ? -1 : fsync(fd);
}

int vd_rename(const char *from, const char *to)
{
    return write_fails() ? -1 : rename(from, to);
}

int vd_link(const char *from, const char *to)
{
    return write_fails() ? -1 : link(from, to);
}
