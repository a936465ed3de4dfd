/* error.h - what went wrong, for a caller (a class it can act on) and for a person (a why). */
#ifndef VD_ERROR_H
#define VD_ERROR_H
#include "vd/slice.h"

typedef enum {
    VD_OK = 0,
    VD_RETRY,    /* passing trouble: try again later, nothing was changed */
    VD_INVALID,  /* the input is wrong: trying again will not help */
    VD_DENIED,   /* not allowed: identity, signature or right is missing */
    VD_FULL,     /* a limit (queue, disk, quota, memory) is reached */
    VD_ABSENT,   /* the thing asked for does not exist */
    VD_CONFLICT, /* the thing changed since the caller looked, or exists already */
    VD_CORRUPT,  /* stored or received bytes do not match their promise */
    VD_IO,       /* the operating system refused; the why carries errno's text */
    VD_GONE,     /* stopped or closed: no more will come */
} vd_err;

/* Stable lower-case name for logs and wire: "ok", "retry", "invalid", ... Never NULL. */
const char *vd_err_name(vd_err err);

/* What a person reads. Plain English; the fact is a sentence part without a final dot. */
typedef struct {
    char fact[160];   /* what happened:        "zone 'gate' has 2 points" */
    char detail[320]; /* where, which values:  "agent.yaml line 31" */
    char hint[240];   /* how to mend it:       "give at least 3 points" */
} vd_why;

/* Each sets one part and returns err, so that `return vd_fail(why, VD_INVALID, "...")` reads in one
 * line. `why` may be NULL everywhere. vd_fail also clears detail and hint. */
vd_err vd_fail(vd_why *why, vd_err err, const char *format, ...) VD_PRINTF(3, 4);
vd_err vd_fail_errno(vd_why *why, const char *format, ...)
    VD_PRINTF(2, 3); /* VD_IO (VD_FULL for ENOSPC, EDQUOT, ENOMEM; VD_ABSENT for ENOENT; VD_DENIED
                        for EACCES, EPERM) with errno's text as detail */
#ifdef __clang_analyzer__ /* it does not see into error.c: these never give VD_OK */
#define vd_fail(why, err, ...)  ((vd_fail)(why, err, __VA_ARGS__), (err))
#define vd_fail_errno(why, ...) ((vd_fail_errno)(why, __VA_ARGS__), VD_IO)
#endif
void vd_why_detail(vd_why *why, const char *format, ...) VD_PRINTF(2, 3);
void vd_why_hint(vd_why *why, const char *format, ...) VD_PRINTF(2, 3);
/* "fact: detail (hint)" into one line, cut to fit. */
const char *vd_why_line(const vd_why *why, char *into, size_t room);
/* The candidate nearest to `word` by edit distance, or NULL when none is close enough to suggest.
 */
const char *vd_nearest(vd_slice word, const char *const *candidates, size_t count);
#endif
