/* log.c - one line per decision, written with one write(). A line has fixed room and never
 * allocates: the log still speaks when memory has ended. That is why it does not use the JSON
 * writer; its escaping is the one function line_char below.
 *
 *   human  2026-11-21 14:02:11.123 warn  no picture for 5 s  camera=gate-2  [camera.silent]
 *   JSON   {"time":"2026-11-21T14:02:11.123456Z","level":"warn","program":"vedette-agent",
 *           "id":"camera.silent","fact":"no picture for 5 s","camera":"gate-2"}
 *
 * Repeats: a table of the last lines by (level, id, fact, subject). A line seen again within 10 s
 * of its first is only counted; the count is written when the 10 s are over and anything is logged,
 * when the slot is needed, or at vd_log_stop. */
#include "vd/log.h"
#include "vd/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_ROOM = 4096, TAIL_ROOM = 16, VALUE_MAX = 1024, SLOTS = 32, FIELDS_MAX = 24 };
static const int64_t repeat_us = 10000000;

typedef struct {
    const char *name, *value;
} field;

typedef struct {
    vd_log_level level;
    const char *id, *fact;
    field fields[FIELDS_MAX];
    size_t count;
} entry;

typedef struct {
    char text[LINE_ROOM];
    size_t len;
} line;

typedef struct {
    bool used;
    vd_log_level level;
    char id[64], fact[192], name[24], value[136]; /* name, value: the subject */
    int64_t first_us;
    uint64_t repeats;
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *program_name = "vedette";
static vd_log_level least_level = VD_LOG_INFO;
static bool as_json;
static slot slots[SLOTS];

static const char *const level_names[] = { "debug", "info", "warn", "error" };

/* ---- building a line ---- */

/* What foreign text may still use; TAIL_ROOM is kept for the quote and the end of the line. */
static size_t line_left(const line *out)
{
    return out->len < LINE_ROOM - TAIL_ROOM ? LINE_ROOM - TAIL_ROOM - out->len : 0;
}

static void line_raw(line *out, const char *text, size_t len)
{
    if (len > line_left(out)) len = line_left(out);
    memcpy(out->text + out->len, text, len);
    out->len += len;
}

static void line_str(line *out, const char *text)
{
    line_raw(out, text, strlen(text));
}

/* One byte of foreign text. Control characters never reach a terminal as such; in JSON, quotes and
 * backslashes are escaped as well. False when the line is full. */
static bool line_char(line *out, uint8_t byte)
{
    char text[8] = { (char)byte };
    if (byte < 0x20 || byte == 0x7F)
        snprintf(text, sizeof(text), "\\u%04x", (unsigned)byte);
    else if (as_json && (byte == '"' || byte == '\\'))
        snprintf(text, sizeof(text), "\\%c", byte);
    size_t len = strlen(text);
    if (len > line_left(out)) return false;
    line_raw(out, text, len);
    return true;
}

/* Foreign text, at most VALUE_MAX bytes of it; what is not UTF-8 becomes U+FFFD. */
static void line_text(line *out, const char *text)
{
    const char *end = text + strnlen(text, VALUE_MAX);
    while (text < end) {
        size_t len = vd_utf8_len(vd_slice_of(text, strnlen(text, 4)));
        if (len == 1) {
            if (!line_char(out, (uint8_t)*text)) return;
        } else {
            const char *shown = len ? text : "\xEF\xBF\xBD";
            size_t shown_len = len ? len : 3;
            if (shown_len > line_left(out)) return;
            line_raw(out, shown, shown_len);
        }
        text += len ? len : 1;
    }
}

static void json_field(line *out, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    if (name_len + 16 > line_left(out)) return; /* whole, or not at all */
    line_str(out, out->len > 1 ? ",\"" : "\"");
    line_text(out, name);
    line_str(out, "\":\"");
    line_text(out, value);
    out->text[out->len++] = '"'; /* fits: see line_left */
}

static void build_json(line *out, const entry *what)
{
    char time[VD_UTC_TEXT_ROOM];
    line_str(out, "{");
    json_field(out, "time", vd_utc_text(vd_clock_utc_us(), time));
    json_field(out, "level", level_names[what->level]);
    json_field(out, "program", program_name);
    json_field(out, "id", what->id);
    json_field(out, "fact", what->fact);
    for (size_t i = 0; i < what->count; i++)
        json_field(out, what->fields[i].name, what->fields[i].value);
    memcpy(out->text + out->len, "}\n", 2);
    out->len += 2;
}

static void build_human(line *out, const entry *what)
{
    char time[VD_UTC_TEXT_ROOM], head[64];
    vd_utc_text(vd_clock_utc_us(), time);
    snprintf(head, sizeof(head), "%.10s %.12s %-5s ", time, time + 11, level_names[what->level]);
    line_str(out, head);
    line_text(out, what->fact);
    for (size_t i = 0; i < what->count; i++) {
        line_str(out, "  ");
        line_text(out, what->fields[i].name);
        line_str(out, "=");
        line_text(out, what->fields[i].value);
    }
    line_str(out, "  [");
    line_text(out, what->id);
    memcpy(out->text + out->len, "]\n", 2);
    out->len += 2;
}

static void entry_write(const entry *what)
{
    line out = { .len = 0 };
    if (as_json)
        build_json(&out, what);
    else
        build_human(&out, what);
    ssize_t done = write(STDERR_FILENO, out.text, out.len);
    (void)done; /* nowhere is left to complain to */
}

/* ---- repeats ---- */

/* The field that says what a line is about: the first of the known names, else the first at all. */
static field subject_of(const entry *what)
{
    static const char *const known[] = { "event", "incident", "camera", "device", "rule", "model" };
    for (size_t k = 0; k < VD_COUNT_OF(known); k++)
        for (size_t i = 0; i < what->count; i++)
            if (strcmp(what->fields[i].name, known[k]) == 0) return what->fields[i];
    return what->count ? what->fields[0] : (field){ "", "" };
}

static void slot_flush(slot *from)
{
    char count[24];
    entry what = { .level = from->level, .id = from->id, .fact = from->fact };
    if (from->used && from->repeats > 0) {
        if (from->name[0]) what.fields[what.count++] = (field){ from->name, from->value };
        what.fields[what.count++] =
            (field){ "repeated", vd_text_i64((int64_t)from->repeats, count) };
        entry_write(&what);
    }
    from->used = false;
}

static bool slot_is(const slot *have, const entry *what, field subject)
{
    return have->used && have->level == what->level &&
           strncmp(have->id, what->id, sizeof(have->id) - 1) == 0 &&
           strncmp(have->fact, what->fact, sizeof(have->fact) - 1) == 0 &&
           strncmp(have->name, subject.name, sizeof(have->name) - 1) == 0 &&
           strncmp(have->value, subject.value, sizeof(have->value) - 1) == 0;
}

static void slot_fill(slot *into, const entry *what, field subject, int64_t now_us)
{
    *into = (slot){ .used = true, .level = what->level, .first_us = now_us };
    vd_slice_to_chars(vd_slice_str(what->id), into->id, sizeof(into->id));
    vd_slice_to_chars(vd_slice_str(what->fact), into->fact, sizeof(into->fact));
    vd_slice_to_chars(vd_slice_str(subject.name), into->name, sizeof(into->name));
    vd_slice_to_chars(vd_slice_str(subject.value), into->value, sizeof(into->value));
}

/* True when the line is a repeat and was only counted. */
static bool repeat_count(const entry *what)
{
    int64_t now_us = vd_clock_mono_us();
    field subject = subject_of(what);
    slot *place = &slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        slot *each = &slots[i];
        if (each->used && now_us - each->first_us >= repeat_us) slot_flush(each);
        if (slot_is(each, what, subject)) {
            each->repeats++;
            return true;
        }
        if (place->used && (!each->used || each->first_us < place->first_us)) place = each;
    }
    slot_flush(place);
    slot_fill(place, what, subject, now_us);
    return false;
}

/* ---- the calls ---- */

void vd_log_start(const char *program, vd_log_format format, vd_log_level least)
{
    pthread_mutex_lock(&lock);
    program_name = program;
    least_level = least;
    as_json = format == VD_LOG_JSON || (format == VD_LOG_AUTO && !isatty(STDERR_FILENO));
    pthread_mutex_unlock(&lock);
}

void vd_log_stop(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < SLOTS; i++) slot_flush(&slots[i]);
    pthread_mutex_unlock(&lock);
}

static void entry_add(entry *what, const char *name, const char *value)
{
    if (value && what->count < FIELDS_MAX) what->fields[what->count++] = (field){ name, value };
}

static void entry_add_args(entry *what, va_list args)
{
    for (const char *name; (name = va_arg(args, const char *));)
        entry_add(what, name, va_arg(args, const char *));
}

static void entry_log(const entry *what)
{
    pthread_mutex_lock(&lock);
    if (what->level >= least_level && !repeat_count(what)) entry_write(what);
    pthread_mutex_unlock(&lock);
}

void vd_log(vd_log_level level, const char *id, const char *fact, ...)
{
    entry what = { .level = level, .id = id, .fact = fact };
    va_list args;
    va_start(args, fact);
    entry_add_args(&what, args);
    va_end(args);
    entry_log(&what);
}

void vd_log_why(vd_log_level level, const char *id, const char *fact, const vd_why *why, ...)
{
    entry what = { .level = level, .id = id, .fact = fact };
    va_list args;
    va_start(args, why);
    entry_add_args(&what, args);
    va_end(args);
    if (why && why->fact[0]) entry_add(&what, "why", why->fact);
    if (why && why->detail[0]) entry_add(&what, "detail", why->detail);
    if (why && why->hint[0]) entry_add(&what, "hint", why->hint);
    entry_log(&what);
}

const char *vd_text_i64(int64_t value, char into[24])
{
    snprintf(into, 24, "%" PRId64, value);
    return into;
}
