/* insights.c - figures over time, as JSON and as CSV tables.
 *
 * A false-alarm rate comes with its Wilson score interval (95 %), which stays honest with few
 * verdicts. Uptime is what agents tell of each window (the camera was live), so that a hub that was
 * away does not count as a camera that was; a device that tells nothing is down. */
#include <math.h>
#include <stdio.h>

#include "vd/clock.h"
#include "watch_priv.h"

#define Z_95 1.959963984540054

typedef struct {
    vd_store *store;
    int64_t from_us, to_us;
    vd_json_w *w; /* NULL: CSV */
    vd_buf *csv;
    bool failed; /* the CSV did not fit */
} report;

/* ---- writing one row in either form ---- */

static void put(report *r, bool ok)
{
    r->failed = r->failed || !ok;
}

/* RFC 4180; what a spreadsheet would take for a formula is made text. */
static void csv_text(report *r, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted) put(r, vd_buf_add_byte(r->csv, '"'));
    if (text[0] && strchr("=+-@\t\r", text[0])) put(r, vd_buf_add_byte(r->csv, '\''));
    for (; *text; text++) {
        if (*text == '"') put(r, vd_buf_add_byte(r->csv, '"'));
        put(r, vd_buf_add_byte(r->csv, (uint8_t)*text));
    }
    if (quoted) put(r, vd_buf_add_byte(r->csv, '"'));
}

static void comma(report *r)
{
    bool first = !r->csv->len || r->csv->data[r->csv->len - 1] == '\n';
    if (!first) put(r, vd_buf_add_byte(r->csv, ','));
}

static void text(report *r, const char *key, const char *value)
{
    if (r->w) {
        vd_json_w_kv_text(r->w, key, value);
        return;
    }
    comma(r);
    csv_text(r, value);
}

static void count(report *r, const char *key, int64_t value)
{
    if (r->w) {
        vd_json_w_kv_int(r->w, key, value);
        return;
    }
    comma(r);
    put(r, vd_buf_addf(r->csv, "%lld", (long long)value));
}

static void number(report *r, const char *key, double value, int decimals)
{
    if (r->w) {
        vd_json_w_kv_num(r->w, key, value, decimals);
        return;
    }
    comma(r);
    put(r, vd_buf_addf(r->csv, "%.*f", decimals, value));
}

static void row_begin(report *r)
{
    if (r->w) vd_json_w_object(r->w);
}

static void row_end(report *r)
{
    if (r->w)
        vd_json_w_object_end(r->w);
    else
        put(r, vd_buf_add_str(r->csv, "\r\n"));
}

static void list_begin(report *r, const char *key, const char *header)
{
    if (!r->w) {
        put(r, vd_buf_add_str(r->csv, header) && vd_buf_add_str(r->csv, "\r\n"));
        return;
    }
    vd_json_w_key(r->w, key);
    vd_json_w_list(r->w);
}

static void list_end(report *r)
{
    if (r->w) vd_json_w_list_end(r->w);
}

static void bind_range(const report *r, vd_stmt *stmt)
{
    vd_bind_int(stmt, "from_us", r->from_us);
    vd_bind_int(stmt, "to_us", r->to_us);
}

/* ---- the tables ---- */

static vd_err write_hours(report *r, vd_why *why)
{
    vd_err err;
    char at[VD_UTC_TEXT_ROOM];
    vd_stmt *rows = vd_store_stmt(r->store, "insights_hours");
    bind_range(r, rows);
    list_begin(r, "hours", "at,kind,rule_id,incidents,false_alarms");
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        row_begin(r);
        text(r, "at", vd_utc_text(vd_col_int(rows, 0), at));
        text(r, "kind", vd_col_text(rows, 1));
        text(r, "rule_id", vd_col_text(rows, 2));
        count(r, "incidents", vd_col_int(rows, 3));
        count(r, "false_alarms", vd_col_int(rows, 4));
        row_end(r);
    }
    list_end(r);
    return err == VD_ABSENT ? VD_OK : err;
}

void watch_wilson(int64_t hits, int64_t of, double *ret_low, double *ret_high)
{
    double n = (double)of, p = of ? (double)hits / n : 0, z2 = Z_95 * Z_95;
    *ret_low = 0;
    *ret_high = 1;
    if (!of) return;
    double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *ret_low = hits ? fmax(middle - half, 0) : 0;
    *ret_high = hits < of ? fmin(middle + half, 1) : 1;
}

static void write_model(report *r, const char *name, const char *digest)
{
    if (r->w) {
        vd_json_w_key(r->w, "model");
        vd_json_w_object(r->w);
    }
    text(r, "name", name);
    text(r, "digest", digest);
    if (r->w) vd_json_w_object_end(r->w);
}

static vd_err write_false_alarms(report *r, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(r->store, "insights_false_alarms");
    bind_range(r, rows);
    list_begin(r, "false_alarms",
               "device,camera,model,model_digest,judged,false_alarms,rate,low,high");
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        double low = 0, high = 1;
        int64_t judged = vd_col_int(rows, 4), wrong = vd_col_int(rows, 5);
        watch_wilson(wrong, judged, &low, &high);
        row_begin(r);
        text(r, "device", vd_col_text(rows, 0));
        text(r, "camera", vd_col_text(rows, 1));
        write_model(r, vd_col_text(rows, 2), vd_col_text(rows, 3));
        count(r, "judged", judged);
        count(r, "false_alarms", wrong);
        number(r, "rate", (double)wrong / (double)judged, 6);
        number(r, "low", low, 6);
        number(r, "high", high, 6);
        row_end(r);
    }
    list_end(r);
    return err == VD_ABSENT ? VD_OK : err;
}

/* The time that a share of the acknowledged did not take longer than. */
static vd_err nth(const report *r, int64_t acknowledged, double share, double *ret_s, vd_why *why)
{
    int64_t rank = (int64_t)ceil(share * (double)acknowledged) - 1;
    vd_stmt *row = vd_store_stmt(r->store, "insights_acknowledged_nth");
    bind_range(r, row);
    vd_bind_int(row, "nth", rank > 0 ? rank : 0);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    *ret_s = (double)vd_col_int(row, 0) / 1e6;
    vd_stmt_finish(row);
    return VD_OK;
}

static vd_err write_acknowledge(report *r, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(r->store, "insights_acknowledged");
    bind_range(r, row);
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    int64_t all = vd_col_int(row, 0), acknowledged = vd_col_int(row, 1), open = vd_col_int(row, 2);
    vd_stmt_finish(row);
    if (r->w)
        vd_json_w_key(r->w, "acknowledge");
    else
        put(r, vd_buf_add_str(r->csv, "incidents,acknowledged,waiting,median_s,p90_s\r\n"));
    row_begin(r);
    count(r, "incidents", all);
    count(r, "acknowledged", acknowledged);
    count(r, "waiting", open);
    double median_s = 0, p90_s = 0;
    if (acknowledged) {
        err = nth(r, acknowledged, 0.5, &median_s, why);
        if (!err) err = nth(r, acknowledged, 0.9, &p90_s, why);
        number(r, "median_s", median_s, 3);
        number(r, "p90_s", p90_s, 3);
    } else if (!r->w) {
        put(r, vd_buf_add_str(r->csv, ",,"));
    }
    row_end(r);
    return err;
}

/* Until when the camera should have told: its newest window, while the next one is not overdue. */
static int64_t known_until(const report *r, int64_t last_start_us, int64_t last_end_us)
{
    int64_t now_us = vd_clock_utc_us(), until_us = r->to_us < now_us ? r->to_us : now_us;
    bool fresh = now_us - last_end_us <= 2 * (last_end_us - last_start_us) + 15000000;
    return fresh && until_us > last_end_us ? last_end_us : until_us;
}

static vd_err write_uptime(report *r, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(r->store, "insights_uptime");
    bind_range(r, rows);
    list_begin(r, "uptime", "device,camera,live_s,known_s,rate");
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        int64_t first_us = vd_col_int(rows, 2), from_us = first_us;
        if (from_us < r->from_us) from_us = r->from_us;
        double known = (double)(known_until(r, vd_col_int(rows, 3), vd_col_int(rows, 4)) - from_us);
        double live = (double)vd_col_int(rows, 5);
        if (known <= 0) continue;
        live = fmin(live, known);
        row_begin(r);
        text(r, "device", vd_col_text(rows, 0));
        text(r, "camera", vd_col_text(rows, 1));
        number(r, "live_s", live / 1e6, 1);
        number(r, "known_s", known / 1e6, 1);
        number(r, "rate", live / known, 6);
        row_end(r);
    }
    list_end(r);
    return err == VD_ABSENT ? VD_OK : err;
}

/* ---- both forms ---- */

typedef vd_err (*table_fn)(report *r, vd_why *why);
static const struct {
    const char *name;
    table_fn write;
} tables[] = { { "hours", write_hours },
               { "false_alarms", write_false_alarms },
               { "acknowledge", write_acknowledge },
               { "uptime", write_uptime } };

vd_err vd_insights_write(vd_store *store, int64_t from_us, int64_t to_us, vd_json_w *w, vd_why *why)
{
    report r = { .store = store, .from_us = from_us, .to_us = to_us, .w = w };
    vd_err err = VD_OK;
    vd_json_w_kv_time(w, "from", from_us);
    vd_json_w_kv_time(w, "to", to_us);
    for (unsigned n = 0; !err && n < VD_COUNT_OF(tables); n++) err = tables[n].write(&r, why);
    return err;
}

vd_err vd_insights_csv(vd_store *store, const char *table, int64_t from_us, int64_t to_us,
                       vd_buf *into, vd_why *why)
{
    report r = { .store = store, .from_us = from_us, .to_us = to_us, .csv = into };
    for (unsigned n = 0; n < VD_COUNT_OF(tables); n++) {
        if (strcmp(table, tables[n].name) != 0) continue;
        vd_err err = tables[n].write(&r, why);
        return !err && r.failed ? vd_fail(why, VD_FULL, "the table is too large: ask for less")
                                : err;
    }
    (void)vd_fail(why, VD_INVALID, "there is no table '%.40s'", table);
    vd_why_hint(why, "hours, false_alarms, acknowledge or uptime");
    return VD_INVALID;
}
