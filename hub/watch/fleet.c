/* fleet.c - every device, and what about it is not as it should be. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "limits.h"
#include "vd/clock.h"
#include "vd/program.h"
#include "watch_priv.h"

#define DEVICES_MAX  10000u
#define STEP         100u
#define RANKS        6 /* 0: no reason; 1 info .. 5 critical */
#define REASONS_MAX  40
#define GIB          1073741824ll
#define AWAY_LONG_US 3600000000ll
#define QUEUE_OLD_S  600

typedef struct {
    const char *what;
    int severity; /* rank of Severity: 0 info .. 4 critical */
    char fact[280], hint[160];
} reason;

typedef struct {
    const vd_intake_device *device;
    const vd_json *reported, *desired;
    int64_t now_us;
    unsigned count;
    reason reasons[REASONS_MAX];
} inspection;

static void __attribute__((format(printf, 5, 6)))
add(inspection *i, const char *what, int severity, const char *hint, const char *fact, ...)
{
    va_list args;
    if (i->count == REASONS_MAX) return;
    reason *r = &i->reasons[i->count++];
    r->what = what;
    r->severity = severity;
    va_start(args, fact);
    (void)vsnprintf(r->fact, sizeof r->fact, fact, args);
    va_end(args);
    (void)snprintf(r->hint, sizeof r->hint, "%s", hint);
}

enum { INFO, LOW, MEDIUM, HIGH };

/* "3 min", "5 h", "2 days" */
static const char *span(int64_t us, char into[24])
{
    long long s = us / 1000000;
    if (s < 120)
        (void)snprintf(into, 24, "%lld s", s);
    else if (s < 7200)
        (void)snprintf(into, 24, "%lld min", s / 60);
    else if (s < 172800)
        (void)snprintf(into, 24, "%lld h", s / 3600);
    else
        (void)snprintf(into, 24, "%lld days", s / 86400);
    return into;
}

static void inspect_link(inspection *i)
{
    const vd_intake_device *d = i->device;
    char text[24];
    if (!d->enabled) {
        add(i, "disabled", LOW, "enable it when it may connect again", "the device is disabled");
    } else if (!d->connected && !d->last_seen_utc_us) {
        add(i, "never_seen", LOW, "give the agent its connection string and start it",
            "it has never connected");
    } else if (!d->connected) {
        int64_t away_us = i->now_us - d->last_seen_utc_us;
        add(i, "away", away_us > AWAY_LONG_US ? HIGH : MEDIUM,
            "look at its power, its network, its agent's log", "not connected for %s",
            span(away_us, text));
    }
}

static void inspect_clock(inspection *i)
{
    const vd_intake_device *d = i->device;
    int64_t off_ms = d->clock_skew_ms < 0 ? -d->clock_skew_ms : d->clock_skew_ms;
    if (!d->clock_known || off_ms < 2000) return;
    add(i, "clock", off_ms > 60000 ? HIGH : MEDIUM, "let it keep time (NTP)",
        "its clock is %.1f s %s", (double)off_ms / 1000, d->clock_skew_ms < 0 ? "behind" : "ahead");
}

static int64_t number_of(const vd_json *object, const char *key)
{
    return vd_json_int(vd_json_get(object, key), 0);
}

static void inspect_queue(inspection *i)
{
    const vd_json *queue = vd_json_get(i->reported, "queue");
    int64_t oldest_s = number_of(queue, "oldest_s"), lost = number_of(queue, "dropped");
    char text[24];
    if (oldest_s >= QUEUE_OLD_S && i->device->connected)
        add(i, "queue", MEDIUM, "is the line fast enough?", "%lld messages wait, the oldest %s",
            (long long)number_of(queue, "waiting"), span(oldest_s * 1000000, text));
    if (lost)
        add(i, "dropped", LOW, "raise queue.quota_mb or queue.max_age of the agent",
            "%lld messages were lost while they waited", (long long)lost);
}

static void inspect_disk(inspection *i)
{
    const vd_json *free_bytes = vd_json_get(vd_json_get(i->reported, "agent"), "disk_free");
    int64_t bytes = vd_json_int(free_bytes, 0);
    if (!free_bytes || bytes >= 5 * GIB) return;
    add(i, "disk", bytes < GIB ? HIGH : MEDIUM, "make room, or lower queue.quota_mb",
        "%.1f GB of its disk are free", (double)bytes / 1e9);
}

static const char *text_of(const vd_json *object, const char *key)
{
    return vd_json_text(vd_json_get(object, key), "");
}

static void inspect_model(inspection *i)
{
    const vd_json *used = vd_json_get(i->reported, "model"),
                  *meant = vd_json_get(i->desired, "model");
    const char *state = text_of(used, "state"), *why = text_of(used, "why");
    if (!used) return;
    if (!text_of(used, "digest")[0])
        add(i, "model", HIGH, text_of(used, "hint"), "no model looks at its pictures: %s",
            why[0] ? why : text_of(used, "missing"));
    else if (strcmp(state, "failed") == 0 || strcmp(state, "returned") == 0)
        add(i, "model", MEDIUM, "look at the rollout", "the model meant for it %s: %s",
            state[0] == 'f' ? "failed" : "was taken back", why);
    else if (text_of(meant, "manifest")[0] &&
             strcmp(text_of(meant, "manifest"), text_of(used, "manifest")) != 0)
        add(i, "model", LOW, "it takes the model when it is connected",
            "another model than meant is in use");
}

static unsigned inspect_cameras(inspection *i, unsigned *ret_live)
{
    const vd_json *cameras = vd_json_get(i->reported, "cameras");
    unsigned count = 0;
    *ret_live = 0;
    for (size_t n = 0; n < vd_json_len(cameras); n++) {
        const char *id = NULL;
        const vd_json *camera = vd_json_member(cameras, n, &id);
        if (vd_json_kind_of(camera) != VD_JSON_IS_OBJECT || id[0] == '$') continue;
        count++;
        const char *state = text_of(camera, "state"), *why = text_of(camera, "why");
        bool live = strcmp(state, "live") == 0 && i->device->connected;
        *ret_live += live;
        if (live || !i->device->connected) continue;
        add(i, "camera", strcmp(state, "connecting") == 0 ? LOW : HIGH, text_of(camera, "hint"),
            "camera %.32s is %.12s%s%s", id, state, why[0] ? ": " : "", why);
    }
    return count;
}

static void inspect_version(inspection *i)
{
    const char *version = text_of(vd_json_get(i->reported, "agent"), "version");
    if (!version[0] || strcmp(version, vd_version) == 0) return;
    add(i, "version", INFO, "upgrade it when it suits", "it runs version %.32s, the hub %s",
        version, vd_version);
}

static vd_err inspect_drifts(inspection *i, vd_store_pool *readers, vd_why *why)
{
    vd_err err;
    vd_store *store = vd_store_pool_take(readers);
    vd_stmt *rows = vd_store_stmt(store, "fleet_drifts");
    vd_bind_text(rows, "device", i->device->id);
    while ((err = vd_stmt_row(rows, why)) == VD_OK)
        add(i, "drift", MEDIUM, "see the watch", "%s",
            vd_col_text(rows, 1) ? vd_col_text(rows, 1) : vd_col_text(rows, 0));
    vd_store_pool_give(readers, store);
    return err == VD_ABSENT ? VD_OK : err;
}

static int by_severity(const void *a, const void *b)
{
    return ((const reason *)b)->severity - ((const reason *)a)->severity;
}

/* ---- writing ---- */

static void kv_text(vd_json_w *w, const char *key, const char *text)
{
    if (text[0]) vd_json_w_kv_text(w, key, text);
}

static void write_meant(const inspection *i, vd_json_w *w)
{
    const vd_json *meant = vd_json_get(i->desired, "model");
    const char *repository = text_of(meant, "repository"), *slash = strrchr(repository, '/');
    if (!text_of(meant, "manifest")[0]) return;
    vd_json_w_key(w, "model_meant");
    vd_json_w_object(w);
    kv_text(w, "name", slash ? slash + 1 : repository);
    kv_text(w, "digest", text_of(meant, "manifest"));
    kv_text(w, "release", text_of(meant, "release"));
    vd_json_w_object_end(w);
}

static void write_used(const inspection *i, vd_json_w *w)
{
    const vd_json *used = vd_json_get(i->reported, "model");
    if (vd_json_kind_of(used) != VD_JSON_IS_OBJECT) return;
    vd_json_w_key(w, "model_in_use");
    vd_json_w_object(w);
    kv_text(w, "name", text_of(used, "name"));
    kv_text(w, "digest", text_of(used, "digest"));
    kv_text(w, "release", text_of(used, "release"));
    kv_text(w, "state", text_of(used, "state"));
    kv_text(w, "why", text_of(used, "why"));
    vd_json_w_object_end(w);
}

static void write_queue(const inspection *i, vd_json_w *w)
{
    const vd_json *queue = vd_json_get(i->reported, "queue");
    if (!queue) return;
    vd_json_w_kv_int(w, "queue_waiting", number_of(queue, "waiting"));
    vd_json_w_kv_int(w, "queue_bytes", number_of(queue, "bytes"));
    vd_json_w_kv_int(w, "queue_dropped", number_of(queue, "dropped"));
    vd_json_w_kv_int(w, "queue_oldest_s", number_of(queue, "oldest_s"));
}

static void write_reasons(const inspection *i, vd_json_w *w)
{
    vd_json_w_key(w, "reasons");
    vd_json_w_list(w);
    for (unsigned n = 0; n < i->count; n++) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "what", i->reasons[n].what);
        vd_json_w_kv_text(w, "severity", vd_severity_word(i->reasons[n].severity));
        vd_json_w_kv_text(w, "fact", i->reasons[n].fact);
        kv_text(w, "hint", i->reasons[n].hint);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void write_device(const inspection *i, const vd_json *tags, unsigned cameras, unsigned live,
                         vd_json_w *w)
{
    const vd_intake_device *d = i->device;
    const vd_json *agent = vd_json_get(i->reported, "agent");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", d->id);
    vd_json_w_kv_bool(w, "enabled", d->enabled);
    vd_json_w_kv_bool(w, "connected", d->connected);
    vd_json_w_kv_time(w, "last_seen_at", d->last_seen_utc_us);
    kv_text(w, "version", text_of(agent, "version"));
    kv_text(w, "started_at", text_of(agent, "started"));
    write_queue(i, w);
    if (vd_json_get(agent, "disk_free"))
        vd_json_w_kv_int(w, "disk_free_bytes", number_of(agent, "disk_free"));
    if (d->clock_known) vd_json_w_kv_int(w, "clock_skew_ms", d->clock_skew_ms);
    vd_json_w_kv_int(w, "cameras", cameras);
    vd_json_w_kv_int(w, "cameras_live", live);
    if (vd_json_kind_of(tags) == VD_JSON_IS_OBJECT) {
        vd_json_w_key(w, "tags");
        vd_json_w_node(w, tags);
    }
    write_meant(i, w);
    write_used(i, w);
    write_reasons(i, w);
    vd_json_w_object_end(w);
}

/* Into the bucket of its worst reason. */
static vd_err inspect(vd_intake *intake, vd_store_pool *readers, const vd_intake_device *device,
                      vd_buf *buckets, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(VD_LIMIT_REQUEST_BYTES);
    VD_AUTO(vd_json_ptr) twin = NULL;
    unsigned live = 0;
    vd_err err = vd_intake_twin_get(intake, device->id, &text, why);
    if (err == VD_ABSENT) return VD_OK; /* deleted meanwhile */
    if (!err)
        err = vd_json_parse(vd_buf_slice(&text), VD_LIMIT_REQUEST_BYTES, VD_LIMIT_JSON_DEPTH, &twin,
                            why);
    if (err) return err;
    const vd_json *properties = vd_json_get(twin, "properties");
    inspection *i = calloc(1, sizeof *i);
    if (!i) return vd_fail(why, VD_FULL, "no memory for the fleet");
    i->device = device;
    i->reported = vd_json_get(properties, "reported");
    i->desired = vd_json_get(properties, "desired");
    i->now_us = vd_clock_utc_us();
    inspect_link(i);
    inspect_clock(i);
    inspect_queue(i);
    inspect_disk(i);
    inspect_model(i);
    unsigned cameras = inspect_cameras(i, &live);
    inspect_version(i);
    err = inspect_drifts(i, readers, why);
    qsort(i->reasons, i->count, sizeof *i->reasons, by_severity);
    vd_buf *bucket = &buckets[i->count ? i->reasons[0].severity + 1 : 0];
    if (!err && bucket->len) err = vd_buf_add_byte(bucket, ',') ? VD_OK : VD_FULL;
    vd_json_w w = vd_json_writer(bucket);
    if (!err) write_device(i, vd_json_get(twin, "tags"), cameras, live, &w);
    if (!err && vd_json_w_end(&w)) err = vd_fail(why, VD_FULL, "the fleet is too large");
    free(i);
    return err;
}

static vd_err inspect_all(vd_intake *intake, vd_store_pool *readers, vd_buf *buckets, vd_why *why)
{
    char after[VD_LIMIT_NAME_BYTES + 1] = "";
    vd_intake_device list[STEP];
    size_t count = STEP;
    for (unsigned total = 0; count == STEP && total < DEVICES_MAX; total += STEP) {
        vd_err err = vd_intake_device_list(intake, after, list, STEP, &count, why);
        for (size_t n = 0; !err && n < count; n++)
            err = inspect(intake, readers, &list[n], buckets, why);
        if (err) return err;
        if (count) memcpy(after, list[count - 1].id, sizeof after);
    }
    return VD_OK;
}

vd_err vd_fleet_write(vd_intake *intake, vd_store_pool *readers, vd_json_w *w, vd_why *why)
{
    vd_buf buckets[RANKS], all = VD_BUF(32u << 20);
    for (unsigned n = 0; n < RANKS; n++) buckets[n] = VD_BUF(8u << 20);
    vd_err err = inspect_all(intake, readers, buckets, why);
    bool fits = vd_buf_add_byte(&all, '[');
    for (unsigned n = RANKS; n-- > 0;) {
        if (buckets[n].len && all.len > 1) fits = fits && vd_buf_add_byte(&all, ',');
        fits = fits && vd_buf_add(&all, vd_buf_slice(&buckets[n]));
        vd_buf_done(&buckets[n]);
    }
    fits = fits && vd_buf_add_byte(&all, ']');
    if (!err && fits) {
        vd_json_w_key(w, "devices");
        vd_json_w_raw(w, vd_buf_slice(&all));
        vd_json_w_kv_text(w, "hub_version", vd_version);
        vd_json_w_kv_time(w, "at", vd_clock_utc_us());
    } else if (!err) {
        err = vd_fail(why, VD_FULL, "the fleet is too large");
    }
    vd_buf_done(&all);
    return err;
}
