/* camera_name.c - the moment that a picture's file name tells: "cam2_20261121-140502123.jpg". */
#include <ctype.h>
#include <time.h>

#include "camera_priv.h"

/* `count` digits as a number; -1: there are other things. */
static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)text[i])) return -1;
        value = value * 10 + text[i] - '0';
    }
    return value;
}

static const char *skip_mark(const char *text)
{
    return *text && strchr("-_.:T ", *text) ? text + 1 : text;
}

/* Reads "YYYY?MM?DD?HH?MM?SS"; NULL: that is not here. */
static const char *read_moment(const char *text, struct tm *ret_moment)
{
    int part[6];
    for (int i = 0; i < 6; i++) {
        const int count = i ? 2 : 4;
        part[i] = digits(text, count);
        if (part[i] < 0) return NULL;
        text += count;
        if (i < 5) text = skip_mark(text);
    }
    *ret_moment = (struct tm){ .tm_year = part[0] - 1900,
                               .tm_mon = part[1] - 1,
                               .tm_mday = part[2],
                               .tm_hour = part[3],
                               .tm_min = part[4],
                               .tm_sec = part[5],
                               .tm_isdst = -1 };
    const bool real = part[0] >= 1980 && part[0] < 2200 && part[1] >= 1 && part[1] <= 12 &&
                      part[2] >= 1 && part[2] <= 31 && part[3] < 24 && part[4] < 60 && part[5] < 61;
    return real ? text : NULL;
}

bool camera_name_time(const char *name, bool local, int64_t *ret_utc_us)
{
    struct tm moment;
    const char *rest = NULL;
    for (const char *at = name; *at && !rest; at++)
        if (at == name || !isdigit((unsigned char)at[-1])) rest = read_moment(at, &moment);
    if (!rest) return false;
    const time_t seconds = local ? mktime(&moment) : timegm(&moment);
    int64_t us = (int64_t)seconds * 1000000;
    const char *fraction = skip_mark(rest);
    if (digits(fraction, 3) >= 0 && !isdigit((unsigned char)fraction[3]))
        us += digits(fraction, 3) * INT64_C(1000);
    *ret_utc_us = us;
    return true;
}
