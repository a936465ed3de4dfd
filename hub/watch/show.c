/* show.c - the watch as JSON for the page. */
#include <math.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "watch_priv.h"

#define POINTS_MAX     1000
#define POINTS_DEFAULT 48
#define SILENT_WINDOWS 3
#define BAND           3.0 /* deviations either side of the reference */

static void bind(vd_stmt *stmt, const char *device, const char *camera)
{
    vd_bind_text(stmt, "device", device);
    vd_bind_text(stmt, "camera", camera);
}

static void write_picture(vd_store *store, const char *device, const char *camera, int64_t from_us,
                          int64_t to_us, vd_json_w *w)
{
    vd_stmt *find = vd_store_stmt(store, "watch_picture");
    bind(find, device, camera);
    vd_bind_int(find, "from_us", from_us);
    vd_bind_int(find, "to_us", to_us);
    if (vd_stmt_row(find, NULL) != VD_OK) return;
    vd_json_w_kv_text(w, "picture", vd_col_text(find, 0));
    vd_stmt_finish(find);
}

static vd_err write_reference(vd_store *store, const vd_watch_config *config, const char *device,
                              const char *camera, const watch_camera *c, vd_json_w *w, vd_why *why)
{
    vd_stmt *size = vd_store_stmt(store, "watch_reference_size");
    bind(size, device, camera);
    vd_bind_int(size, "from_us", c->reference_us);
    vd_err err = vd_stmt_row(size, why);
    if (err) return err;
    int64_t windows = vd_col_int(size, 0), from_us = vd_col_int(size, 1);
    int64_t to_us = vd_col_int(size, 2);
    vd_stmt_finish(size);
    vd_json_w_key(w, "reference");
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "windows", windows);
    vd_json_w_kv_int(w, "needed", config->learn);
    if (windows) {
        vd_json_w_kv_time(w, "from", from_us);
        vd_json_w_kv_time(w, "to", to_us);
        write_picture(store, device, camera, from_us,
                      c->state == WATCH_DRIFTED ? c->since_us : to_us, w);
    }
    if (c->reference_by[0]) vd_json_w_kv_text(w, "accepted_by", c->reference_by);
    vd_json_w_object_end(w);
    return VD_OK;
}

static bool is_silent(const watch_camera *c)
{
    int64_t window_us = c->last_end_us - c->last_start_us;
    return vd_clock_utc_us() - c->last_end_us > SILENT_WINDOWS * window_us + 15000000;
}

static vd_err write_members(vd_store *store, const vd_watch_config *config, const char *device,
                            const char *camera, const watch_camera *c, vd_json_w *w, vd_why *why)
{
    bool silent = is_silent(c);
    vd_json_w_kv_text(w, "device", device);
    vd_json_w_kv_text(w, "camera", camera);
    vd_json_w_kv_text(w, "state", silent ? "silent" : watch_state_word(c->state));
    vd_json_w_kv_time(w, "since", silent ? c->last_end_us : c->since_us);
    if (c->text[0]) vd_json_w_kv_text(w, "text", c->text);
    vd_json_w_kv_num(w, "window_s", (double)(c->last_end_us - c->last_start_us) / 1e6, 3);
    vd_json_w_kv_time(w, "last_window_at", c->last_end_us);
    vd_json_w_kv_int(w, "pictures", c->pictures);
    vd_json_w_key(w, "changes");
    vd_json_w_raw(w, vd_slice_str(c->changes[0] ? c->changes : "[]"));
    if (c->state == WATCH_DRIFTED && c->incident[0]) vd_json_w_kv_text(w, "incident", c->incident);
    write_picture(store, device, camera, 0, INT64_MAX, w);
    return write_reference(store, config, device, camera, c, w, why);
}

vd_err vd_watch_write(vd_store *store, const vd_watch_config *config, const char *device,
                      const char *camera, vd_json_w *w, vd_why *why)
{
    watch_camera c;
    vd_err err = watch_camera_get(store, device, camera, &c, why);
    return err ? err : write_members(store, config, device, camera, &c, w, why);
}

static void write_method(const vd_watch_config *config, vd_json_w *w)
{
    vd_json_w_key(w, "method");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", "e-detector over studentised window means");
    vd_json_w_kv_num(w, "false_alarms_per_camera_year", config->false_alarms_per_year, 3);
    vd_json_w_kv_text(
        w, "text",
        "Each window gives one number per series, held against the reference of the same time of "
        "day. Evidence adds up over windows and series; an alarm needs as much as chance gives at "
        "most so often a year when nothing changed. One odd window is never enough.");
    vd_json_w_object_end(w);
}

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[33];
} name;

static vd_err list_names(vd_store *store, name **ret_names, size_t *ret_count, vd_why *why)
{
    name *names = NULL;
    size_t count = 0;
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "watch_camera_list");
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        name *more = realloc(names, (count + 1) * sizeof *names);
        if (!more) {
            vd_stmt_finish(rows);
            err = vd_fail(why, VD_FULL, "no memory for the list");
            break;
        }
        names = more;
        vd_slice_to_chars(vd_slice_str(vd_col_text(rows, 0)), names[count].device,
                          sizeof names[count].device);
        vd_slice_to_chars(vd_slice_str(vd_col_text(rows, 1)), names[count].camera,
                          sizeof names[count].camera);
        count++;
    }
    *ret_names = names;
    *ret_count = count;
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_watch_write_all(vd_store *store, const vd_watch_config *config, vd_json_w *w, vd_why *why)
{
    name *names = NULL;
    size_t count = 0;
    vd_err err = list_names(store, &names, &count, why);
    vd_json_w_key(w, "cameras");
    vd_json_w_list(w);
    for (size_t i = 0; !err && i < count; i++) {
        vd_json_w_object(w);
        err = vd_watch_write(store, config, names[i].device, names[i].camera, w, why);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    free(names);
    write_method(config, w);
    return err;
}

/* ---- one camera's series ---- */

typedef struct {
    int64_t start_us, end_us, count;
    double mean, sd, shift;
    bool judged, differs;
    char model[VD_SHA256_HEX + 1];
} point;

typedef struct {
    vd_store *store;
    const char *device, *camera;
    const watch_camera *c;
    int64_t from_us, to_us;
    unsigned series;
    unsigned count;
    point points[POINTS_MAX];
} plot;

static vd_err read_points(plot *p, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(p->store, "watch_points");
    bind(rows, p->device, p->camera);
    vd_bind_text(rows, "series", watch_kinds[p->series].name);
    vd_bind_int(rows, "from_us", p->from_us);
    vd_bind_int(rows, "to_us", p->to_us);
    vd_bind_int(rows, "most", POINTS_MAX);
    p->count = 0;
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        point *at = &p->points[p->count++];
        *at = (point){ vd_col_int(rows, 0),   vd_col_int(rows, 1),      vd_col_int(rows, 2),
                       vd_col_num(rows, 3),   vd_col_num(rows, 4),      vd_col_num(rows, 5),
                       !vd_col_null(rows, 5), vd_col_int(rows, 6) != 0, "" };
        vd_slice_to_chars(vd_slice_str(vd_col_text(rows, 7)), at->model, sizeof at->model);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

static void write_points(const plot *p, vd_json_w *w)
{
    vd_json_w_key(w, "points");
    vd_json_w_list(w);
    for (unsigned i = p->count; i-- > 0;) {
        const point *at = &p->points[i];
        vd_json_w_object(w);
        vd_json_w_kv_time(w, "at", at->start_us);
        vd_json_w_kv_time(w, "end", at->end_us);
        vd_json_w_kv_int(w, "pictures", at->count);
        vd_json_w_kv_num(w, "mean", at->mean, 4);
        vd_json_w_kv_num(w, "sd", at->sd, 4);
        if (at->judged) vd_json_w_kv_num(w, "shift", at->shift, 2);
        vd_json_w_kv_bool(w, "differs", at->differs);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

/* Mean and deviation of the reference's windows, as they are tested. */
static unsigned reference_moments(const plot *p, double *ret_mean, double *ret_deviation)
{
    double sum = 0, sum2 = 0, origin = 0;
    unsigned n = 0;
    vd_stmt *rows = vd_store_stmt(p->store, "watch_reference");
    bind(rows, p->device, p->camera);
    vd_bind_text(rows, "series", watch_kinds[p->series].name);
    vd_bind_text(rows, "model", p->count ? p->points[0].model : "");
    vd_bind_int(rows, "from_us", p->c->reference_us);
    vd_bind_int(rows, "most", DRIFT_REFERENCE_MAX);
    while (vd_stmt_row(rows, NULL) == VD_OK) {
        double value = vd_col_num(rows, 2);
        if (n++ == 0) origin = value;
        sum += value - origin;
        sum2 += (value - origin) * (value - origin);
    }
    if (n < 2) return 0;
    double spread = (sum2 - sum * sum / n) / (n - 1);
    *ret_mean = origin + sum / n;
    *ret_deviation = fmax(spread > 0 ? sqrt(spread) : 0, watch_kinds[p->series].floor);
    return n;
}

static void write_band(const plot *p, vd_json_w *w)
{
    double mean = 0, deviation = 0;
    if (reference_moments(p, &mean, &deviation) < DRIFT_LEAST) return;
    double low = mean - BAND * deviation, high = mean + BAND * deviation;
    if (watch_kinds[p->series].by_ratio) low = exp(low), high = exp(high), mean = exp(mean);
    if (p->series == WATCH_CLASSES) low = 0;
    vd_json_w_kv_num(w, "low", low, 4);
    vd_json_w_kv_num(w, "high", high, 4);
    vd_json_w_kv_num(w, "reference_mean", mean, 4);
}

static void write_shares(const vd_sketch *s, const char *key, vd_json_w *w)
{
    if (!s->count) return;
    vd_json_w_key(w, key);
    vd_json_w_list(w);
    for (unsigned i = 0; i <= s->edge_count; i++)
        vd_json_w_num(w, (double)s->counts[i] / (double)s->count, 5);
    vd_json_w_list_end(w);
}

static void merge_json(const char *text, const char *series, vd_sketch *into)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_sketch s;
    if (vd_json_parse(vd_slice_str(text), 65536, VD_LIMIT_JSON_DEPTH, &root, NULL)) return;
    const vd_json *node = vd_json_get(vd_json_get(root, "series"), series);
    if (!node || vd_sketch_read(node, &s, NULL)) return;
    if (vd_sketch_merge(into, &s)) return; /* edges of another version: the newer ones are shown */
}

static void write_histograms(const plot *p, vd_json_w *w)
{
    const char *series = watch_kinds[p->series].name;
    vd_sketch now = { 0 }, reference = { 0 };
    vd_stmt *row = vd_store_stmt(p->store, "watch_window_json");
    bind(row, p->device, p->camera);
    vd_bind_int(row, "start_us", p->points[0].start_us);
    if (vd_stmt_row(row, NULL) == VD_OK) merge_json(vd_col_text(row, 0), series, &now);
    vd_stmt_finish(row);
    vd_stmt *rows = vd_store_stmt(p->store, "watch_reference_json");
    bind(rows, p->device, p->camera);
    vd_bind_int(rows, "from_us", p->c->reference_us);
    vd_bind_int(rows, "most", 48);
    if (now.edge_count) reference = vd_sketch_of(now.edges, now.edge_count);
    while (vd_stmt_row(rows, NULL) == VD_OK) merge_json(vd_col_text(rows, 0), series, &reference);
    if (!now.edge_count) return;
    vd_json_w_key(w, "edges");
    vd_json_w_list(w);
    for (unsigned i = 0; i < now.edge_count; i++) vd_json_w_num(w, now.edges[i], 4);
    vd_json_w_list_end(w);
    write_shares(&reference, "reference_counts", w);
    write_shares(&now, "counts", w);
}

/* The newest window's classes beside those of the reference. */
static void write_mix(const plot *p, vd_json_w *w)
{
    VD_AUTO(vd_json_ptr) now = NULL;
    vd_stmt *row = vd_store_stmt(p->store, "watch_window_json");
    bind(row, p->device, p->camera);
    vd_bind_int(row, "start_us", p->points[0].start_us);
    if (vd_stmt_row(row, NULL) == VD_OK &&
        vd_json_parse(vd_slice_str(vd_col_text(row, 0)), 65536, VD_LIMIT_JSON_DEPTH, &now, NULL))
        now = NULL;
    vd_stmt_finish(row);
    const vd_json *classes = vd_json_get(now, "classes");
    double sum = 0;
    const char *key = NULL;
    for (size_t i = 0; i < vd_json_len(classes); i++)
        sum += (double)vd_json_int(vd_json_member(classes, i, &key), 0);
    if (sum <= 0) return;
    vd_json_w_key(w, "classes");
    vd_json_w_list(w);
    for (size_t i = 0; i < vd_json_len(classes); i++) {
        (void)vd_json_member(classes, i, &key);
        vd_json_w_text(w, key);
    }
    vd_json_w_list_end(w);
    vd_json_w_key(w, "counts");
    vd_json_w_list(w);
    for (size_t i = 0; i < vd_json_len(classes); i++)
        vd_json_w_num(w, (double)vd_json_int(vd_json_member(classes, i, &key), 0) / sum, 5);
    vd_json_w_list_end(w);
}

static vd_err write_series(plot *p, vd_json_w *w, vd_why *why)
{
    vd_err err = read_points(p, why);
    if (err || p->count == 0) return err;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", watch_kinds[p->series].name);
    write_band(p, w);
    if (p->series == WATCH_CLASSES)
        write_mix(p, w);
    else
        write_histograms(p, w);
    write_points(p, w);
    vd_json_w_object_end(w);
    return VD_OK;
}

vd_err vd_watch_write_detail(vd_store *store, const vd_watch_config *config, const char *device,
                             const char *camera, int64_t from_us, int64_t to_us, vd_json_w *w,
                             vd_why *why)
{
    watch_camera c;
    vd_err err = watch_camera_get(store, device, camera, &c, why);
    if (!err) err = write_members(store, config, device, camera, &c, w, why);
    if (err) return err;
    plot *p = malloc(sizeof *p);
    if (!p) return vd_fail(why, VD_FULL, "no memory for the series");
    if (!to_us) to_us = vd_clock_utc_us();
    if (!from_us) from_us = to_us - POINTS_DEFAULT * (c.last_end_us - c.last_start_us);
    *p = (plot){ .store = store,
                 .device = device,
                 .camera = camera,
                 .c = &c,
                 .from_us = from_us,
                 .to_us = to_us };
    vd_json_w_key(w, "series");
    vd_json_w_list(w);
    for (p->series = 0; !err && p->series < VD_WATCH_SERIES_MAX; p->series++)
        err = write_series(p, w, why);
    vd_json_w_list_end(w);
    free(p);
    return err;
}
