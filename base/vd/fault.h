/* fault.h - the calls that can fail for lack of memory or disk, with a switch that lets a test make
 * the n-th of them fail. Code in base allocates and writes only through these; stages may.
 * Any thread; outside tests the cost is one relaxed load. */
#ifndef VD_FAULT_H
#define VD_FAULT_H
#include "vd/slice.h"

#include <sys/types.h>

typedef enum {
    VD_FAULT_ALLOC, /* vd_calloc, vd_realloc, vd_strdup: NULL */
    VD_FAULT_WRITE, /* vd_write, vd_fsync, vd_rename, vd_link: -1 with ENOSPC, nothing done */
    VD_FAULT_DEATH, /* before one of these four, or at a vd_fault_step: the process is killed */
    VD_FAULT_KINDS,
} vd_fault_kind;

/* The nth (from 1) call of this kind from now on fails, once; 0 switches off. Whole process. */
void vd_fault_set(vd_fault_kind kind, unsigned nth);
/* True when the fault set last has not been reached yet: a test's loop ends here. */
bool vd_fault_pending(vd_fault_kind kind);
/* Counts one call; true when it must fail. For code that cannot use the calls below. */
bool vd_fault_due(vd_fault_kind kind);

VD_MUST_USE void *vd_calloc(size_t count, size_t bytes); /* zeroed; free() releases */
VD_MUST_USE void *vd_realloc(void *old, size_t bytes);
VD_MUST_USE char *vd_strdup(const char *text);
VD_MUST_USE ssize_t vd_write(int fd, const void *bytes, size_t len);
VD_MUST_USE int vd_fsync(int fd);
VD_MUST_USE int vd_rename(const char *from, const char *to);
VD_MUST_USE int vd_link(const char *from, const char *to);
/* A place between two of them where a death would matter; does nothing else. */
void vd_fault_step(void);
#endif
