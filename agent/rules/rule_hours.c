/* rule_hours.c - when a rule holds: hours of the week in the site's time zone, and armed profiles.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rule_priv.h"
#include "vd/hours.h"

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static int day_of(vd_slice name)
{
    for (unsigned d = 0; d < VD_COUNT_OF(day_names); d++)
        if (vd_slice_eq(name, vd_slice_str(day_names[d]))) return (int)d;
    return -1;
}

/* "mon", "mon-fri", "daily"; 0 when it is none of these. */
static uint8_t days_of(vd_slice text)
{
    vd_slice rest = VD_SLICE_NONE;
    if (vd_slice_eq(text, VD_STR("daily"))) return 0x7f;
    vd_slice first = vd_slice_cut(text, '-', &rest);
    int from = day_of(first), until = rest.len ? day_of(rest) : from;
    uint8_t days = 0;
    if (from < 0 || until < 0) return 0;
    for (int d = from;; d = (d + 1) % 7) { /* "sat-mon" goes over the week's end */
        days |= (uint8_t)(1u << d);
        if (d == until) return days;
    }
}

static bool hours_parse(vd_slice text, vd_hours *into)
{
    vd_slice times = VD_SLICE_NONE;
    vd_day_span span;
    vd_slice days = vd_slice_cut(text, ' ', &times);
    *into = (vd_hours){ 0 };
    while (days.len) {
        vd_slice more = VD_SLICE_NONE;
        uint8_t some = days_of(vd_slice_cut(days, ',', &more));
        if (!some) return false;
        into->days |= some;
        days = more;
    }
    if (!into->days || !vd_day_span_parse(times, &span)) return false;
    into->from_min = span.from_min;
    into->until_min = span.until_min;
    return true;
}

vd_err vd_hours_read(const vd_config_node *map, const char *key, vd_hours into[VD_RULE_HOURS_MAX],
                     unsigned *ret_count, vd_why *why)
{
    const vd_config_node *list = vd_config_get(map, key);
    vd_hours read[VD_RULE_HOURS_MAX];
    size_t count = list && vd_config_is_list(list) ? vd_config_len(list) : 1;
    vd_err err = VD_OK;
    if (!list) return VD_OK;
    if (count == 0 || count > VD_RULE_HOURS_MAX)
        return vd_config_fail(list, why, "%s is a list of 1 to %d", key, VD_RULE_HOURS_MAX);
    for (size_t i = 0; !err && i < count; i++) {
        const vd_config_node *node = vd_config_is_list(list) ? vd_config_at(list, i) : list;
        const char *text = "";
        err = vd_config_text(node, NULL, &text, why);
        if (err || hours_parse(vd_slice_str(text), &read[i])) continue;
        err = vd_config_fail(node, why, "'%.60s' are no hours", text);
        vd_why_hint(why, "for example \"mon-fri 06:00-18:00\", \"sat,sun 00:00-24:00\" or "
                         "\"daily 22:00-06:00\"");
    }
    if (err) return err;
    memcpy(into, read, count * sizeof read[0]);
    *ret_count = (unsigned)count;
    return VD_OK;
}

static bool holds_at(const vd_hours *h, unsigned day, unsigned minute)
{
    bool today = h->days >> day & 1, yesterday = h->days >> (day + 6) % 7 & 1;
    if (h->from_min < h->until_min) return today && minute >= h->from_min && minute < h->until_min;
    return (today && minute >= h->from_min) || (yesterday && minute < h->until_min);
}

bool vd_hours_hold(const vd_hours *hours, unsigned count, int64_t utc_us)
{
    unsigned day, minute;
    if (!vd_local_minute(utc_us, &minute, &day)) return true;
    for (unsigned i = 0; i < count; i++)
        if (holds_at(&hours[i], day, minute)) return true;
    return false;
}

bool vd_rule_armed(const vd_rule *rule, const char *profile, int64_t utc_us)
{
    bool named = false;
    for (unsigned i = 0; i < rule->profile_count; i++)
        named |= strcmp(rule->profile[i], profile) == 0;
    if (!named && (rule->profile_count || strcmp(profile, "off") == 0)) return false;
    return rule->hours_count == 0 || vd_hours_hold(rule->hours, rule->hours_count, utc_us);
}

static void print_time(vd_buf *text, unsigned minute)
{
    vd_buf_addf(text, "%02u:%02u", minute / 60, minute % 60);
}

/* As vd_hours_read reads it: days one by one. */
void hours_print(const vd_hours *h, vd_buf *text)
{
    const char *comma = "";
    for (unsigned d = 0; d < VD_COUNT_OF(day_names); d++) {
        if (!(h->days >> d & 1)) continue;
        vd_buf_addf(text, "%s%s", comma, day_names[d]);
        comma = ",";
    }
    vd_buf_addf(text, " ");
    print_time(text, h->from_min);
    vd_buf_addf(text, "-");
    print_time(text, h->until_min);
}
