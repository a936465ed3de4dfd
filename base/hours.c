#include "vd/hours.h"

#include <time.h>

#define DAY_MIN 1440

static bool minutes_of(vd_slice text, uint16_t *ret_min)
{
    vd_slice minutes = VD_SLICE_NONE;
    uint64_t hour, minute;
    vd_slice hours = vd_slice_cut(text, ':', &minutes);
    if (hours.len == 0 || hours.len > 2 || minutes.len != 2) return false;
    if (!vd_slice_u64(hours, 24, &hour) || !vd_slice_u64(minutes, 59, &minute)) return false;
    if (hour * 60 + minute > DAY_MIN) return false;
    *ret_min = (uint16_t)(hour * 60 + minute);
    return true;
}

bool vd_day_span_parse(vd_slice text, vd_day_span *ret_span)
{
    vd_slice until = VD_SLICE_NONE;
    vd_slice from = vd_slice_cut(text, '-', &until);
    vd_day_span span;
    if (!minutes_of(from, &span.from_min) || !minutes_of(until, &span.until_min) ||
        span.from_min == DAY_MIN)
        return false;
    *ret_span = span;
    return true;
}

bool vd_day_span_has(const vd_day_span *span, unsigned minute)
{
    if (span->from_min < span->until_min)
        return minute >= span->from_min && minute < span->until_min;
    return span->from_min == span->until_min || minute >= span->from_min ||
           minute < span->until_min;
}

bool vd_local_minute(int64_t utc_us, unsigned *ret_minute, unsigned *ret_weekday)
{
    time_t at = (time_t)(utc_us / 1000000);
    struct tm local = { 0 };
    if (!localtime_r(&at, &local)) return false;
    *ret_minute = (unsigned)(local.tm_hour * 60 + local.tm_min);
    *ret_weekday = (unsigned)(local.tm_wday + 6) % 7;
    return true;
}
