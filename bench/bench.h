/* bench.h - what the bench programs share: they do one thing once, and print one JSON line of
 * figures that bench/run compares with the peer's. */
#ifndef VD_BENCH_H
#define VD_BENCH_H
#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/error.h"

/* Ends the program with the why when err is set. */
static inline void bench_need(vd_err err, const vd_why *why)
{
    char line[800];
    if (!err) return;
    fprintf(stderr, "bench: %s (%s)\n", vd_why_line(why, line, sizeof line), vd_err_name(err));
    exit(1);
}

static inline double bench_seconds_since(int64_t start_mono_us)
{
    return (double)(vd_clock_mono_us() - start_mono_us) / 1e6;
}
#endif
