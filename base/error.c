#include "vd/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

const char *vd_err_name(vd_err err)
{
    static const char *const names[] = {
        [VD_OK] = "ok",
        [VD_RETRY] = "retry",
        [VD_INVALID] = "invalid",
        [VD_DENIED] = "denied",
        [VD_FULL] = "full",
        [VD_ABSENT] = "absent",
        [VD_CONFLICT] = "conflict",
        [VD_CORRUPT] = "corrupt",
        [VD_IO] = "io",
        [VD_GONE] = "gone",
    };
    return (size_t)err < VD_COUNT_OF(names) ? names[err] : "unknown";
}

vd_err(vd_fail)(vd_why *why, vd_err err, const char *format, ...)
{
    if (!why) return err;
    *why = (vd_why){ 0 };
    va_list args;
    va_start(args, format);
    vsnprintf(why->fact, sizeof(why->fact), format, args);
    va_end(args);
    return err;
}

static vd_err errno_class(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case ENOMEM: return VD_FULL;
    case ENOENT: return VD_ABSENT;
    case EACCES:
    case EPERM: return VD_DENIED;
    default: return VD_IO;
    }
}

vd_err(vd_fail_errno)(vd_why *why, const char *format, ...)
{
    int number = errno;
    if (!why) return errno_class(number);
    *why = (vd_why){ 0 };
    va_list args;
    va_start(args, format);
    vsnprintf(why->fact, sizeof(why->fact), format, args);
    va_end(args);
    char text[128];
    vd_why_detail(why, "%s", strerror_r(number, text, sizeof(text)));
    return errno_class(number);
}

void vd_why_detail(vd_why *why, const char *format, ...)
{
    if (!why) return;
    va_list args;
    va_start(args, format);
    vsnprintf(why->detail, sizeof(why->detail), format, args);
    va_end(args);
}

void vd_why_hint(vd_why *why, const char *format, ...)
{
    if (!why) return;
    va_list args;
    va_start(args, format);
    vsnprintf(why->hint, sizeof(why->hint), format, args);
    va_end(args);
}

const char *vd_why_line(const vd_why *why, char *into, size_t room)
{
    if (room == 0) return "";
    if (!why)
        into[0] = '\0';
    else
        snprintf(into, room, "%s%s%s%s%s%s", why->fact, why->detail[0] ? ": " : "", why->detail,
                 why->hint[0] ? " (" : "", why->hint, why->hint[0] ? ")" : "");
    return into;
}

enum { WORD_MAX = 48 };

/* Levenshtein's distance with one row kept; both words are at most WORD_MAX long. */
static size_t edit_distance(vd_slice a, vd_slice b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[b.len];
}

const char *vd_nearest(vd_slice word, const char *const *candidates, size_t count)
{
    if (word.len == 0 || word.len > WORD_MAX) return NULL;
    const char *nearest = NULL;
    size_t best = word.len / 3 + 1; /* more changes than that is another word */
    if (best >= word.len) best = word.len - 1;
    for (size_t i = 0; i < count; i++) {
        vd_slice other = vd_slice_str(candidates[i]);
        if (other.len > WORD_MAX) continue;
        size_t distance = edit_distance(word, other);
        if (distance > best || (nearest && distance == best)) continue;
        best = distance;
        nearest = candidates[i];
    }
    return nearest;
}
