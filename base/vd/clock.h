/* clock.h - monotonic time for waiting, wall-clock time for people. Any thread.
 * Tests replace both with vd_clock_fake. */
#ifndef VD_CLOCK_H
#define VD_CLOCK_H
#include "vd/slice.h"

int64_t vd_clock_mono_us(void); /* CLOCK_MONOTONIC */
int64_t vd_clock_utc_us(void);  /* microseconds since 1970-01-01 UTC */
/* Fixes both clocks for the whole process until set to -1, -1 (tests only). */
void vd_clock_fake(int64_t mono_us, int64_t utc_us);

#define VD_UTC_TEXT_ROOM 28
/* "2026-11-21T14:02:11.123456Z"; returns `into`. */
const char *vd_utc_text(int64_t utc_us, char into[VD_UTC_TEXT_ROOM]);
/* RFC 3339 with or without fraction (up to 6 digits used); 'Z' or an offset is needed. */
VD_MUST_USE bool vd_utc_parse(vd_slice text, int64_t *ret_utc_us);
#endif
