#include "vd/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t fake_mono_us = -1, fake_utc_us = -1;

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t vd_clock_mono_us(void)
{
    int64_t fake = atomic_load_explicit(&fake_mono_us, memory_order_relaxed);
    return fake >= 0 ? fake : clock_us(CLOCK_MONOTONIC);
}

int64_t vd_clock_utc_us(void)
{
    int64_t fake = atomic_load_explicit(&fake_utc_us, memory_order_relaxed);
    return fake >= 0 ? fake : clock_us(CLOCK_REALTIME);
}

void vd_clock_fake(int64_t mono_us, int64_t utc_us)
{
    atomic_store(&fake_mono_us, mono_us);
    atomic_store(&fake_utc_us, utc_us);
}

static const int64_t year_0_us = -62167219200 * 1000000, year_10000_us = 253402300800 * 1000000;

const char *vd_utc_text(int64_t utc_us, char into[VD_UTC_TEXT_ROOM])
{
    if (utc_us < year_0_us) utc_us = year_0_us; /* four digits of year is all the form has */
    if (utc_us >= year_10000_us) utc_us = year_10000_us - 1;
    int64_t micros = utc_us % 1000000;
    if (micros < 0) micros += 1000000;
    time_t seconds = (time_t)((utc_us - micros) / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    snprintf(into, VD_UTC_TEXT_ROOM, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)(parts.tm_year + 1900) % 10000, (unsigned)(parts.tm_mon + 1) % 100,
             (unsigned)parts.tm_mday % 100, (unsigned)parts.tm_hour % 100,
             (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100,
             (unsigned)micros % 1000000);
    return into;
}

/* Takes `digits` decimal digits and the mark after them (0: none) from the front. */
static bool take_number(vd_slice *text, size_t digits, uint8_t mark, int max, int *ret_value)
{
    uint64_t value;
    size_t need = digits + (mark ? 1 : 0);
    if (text->len < need || (mark && text->data[digits] != mark)) return false;
    if (!vd_slice_u64(vd_slice_of(text->data, digits), (uint64_t)max, &value)) return false;
    *ret_value = (int)value;
    *text = vd_slice_from(*text, need);
    return true;
}

/* ".5" is half a second; digits after the sixth are read and dropped. */
static bool take_fraction(vd_slice *text, int64_t *ret_micros)
{
    int64_t unit = 100000, micros = 0;
    size_t at = 1;
    *ret_micros = 0;
    if (text->len == 0 || text->data[0] != '.') return true;
    for (; at < text->len && text->data[at] >= '0' && text->data[at] <= '9'; at++, unit /= 10)
        micros += unit * (text->data[at] - '0');
    *text = vd_slice_from(*text, at);
    *ret_micros = micros;
    return at > 1;
}

/* 'Z', '+hh:mm' or '-hh:mm', and nothing after it. */
static bool take_offset(vd_slice *text, int64_t *ret_seconds)
{
    int hours, minutes;
    *ret_seconds = 0;
    if (text->len == 1 && (text->data[0] == 'Z' || text->data[0] == 'z')) return true;
    if (text->len != 6 || (text->data[0] != '+' && text->data[0] != '-')) return false;
    int64_t sign = text->data[0] == '-' ? -1 : 1;
    *text = vd_slice_from(*text, 1);
    if (!take_number(text, 2, ':', 23, &hours) || !take_number(text, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* "2026-11-21T" or with a space, as RFC 3339 allows between people. */
static bool take_date(vd_slice *text, struct tm *date)
{
    if (!take_number(text, 4, '-', 9999, &date->tm_year) ||
        !take_number(text, 2, '-', 12, &date->tm_mon) ||
        !take_number(text, 2, 0, 31, &date->tm_mday) || text->len == 0)
        return false;
    uint8_t mark = text->data[0];
    if (mark != 'T' && mark != 't' && mark != ' ') return false;
    *text = vd_slice_from(*text, 1);
    date->tm_year -= 1900;
    date->tm_mon -= 1;
    return date->tm_mon >= 0 && date->tm_mday >= 1;
}

static bool take_time(vd_slice *text, struct tm *time)
{
    return take_number(text, 2, ':', 23, &time->tm_hour) &&
           take_number(text, 2, ':', 59, &time->tm_min) &&
           take_number(text, 2, 0, 60, &time->tm_sec); /* 60: a leap second */
}

bool vd_utc_parse(vd_slice text, int64_t *ret_utc_us)
{
    struct tm parts = { 0 };
    int64_t micros, offset;
    if (!take_date(&text, &parts) || !take_time(&text, &parts)) return false;
    if (!take_fraction(&text, &micros) || !take_offset(&text, &offset)) return false;
    struct tm day = { .tm_year = parts.tm_year, .tm_mon = parts.tm_mon, .tm_mday = parts.tm_mday };
    timegm(&day);
    if (day.tm_mon != parts.tm_mon) return false; /* the 31st of April */
    *ret_utc_us = ((int64_t)timegm(&parts) - offset) * 1000000 + micros;
    return true;
}
