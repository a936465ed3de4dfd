/* hours.h - spans of the day, as people write them: "06:00-22:00", in local time. Any thread; the
 * time zone is the process's. */
#ifndef VD_HOURS_H
#define VD_HOURS_H
#include "vd/slice.h"

/* Minutes of the day, [from, until); from after until: over midnight; both the same: always. */
typedef struct {
    uint16_t from_min, until_min;
} vd_day_span;

/* "24:00" may end it. False: it is none, and nothing is written. */
VD_MUST_USE bool vd_day_span_parse(vd_slice text, vd_day_span *ret_span);
bool vd_day_span_has(const vd_day_span *span, unsigned minute);

/* The minute of the local day and the day of the week, 0 is Monday. False: there is no such time.
 */
VD_MUST_USE bool vd_local_minute(int64_t utc_us, unsigned *ret_minute, unsigned *ret_weekday);
#endif
