/* judge.c - a window against its camera's reference.
 *
 *              `learn` windows           evidence >= c            two windows like the reference
 *   learning ───────────────────▶ steady ─────────────▶ drifted ───────────────────────────────┐
 *      ▲                            ▲                      │ somebody takes it as normal        │
 *      └────────────────────────────┼──────────────────────┘                                    │
 *                                   └───────────────────────────────────────────────────────────┘
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "watch_priv.h"

#define MIX_CLASSES_MAX 64
#define CALM_WINDOWS    2

double watch_limit(const vd_watch_config *config)
{
    return WATCH_HOURS_A_YEAR / config->false_alarms_per_year;
}

/* ---- the camera's row ---- */

static void bind_camera(vd_stmt *stmt, const char *device, const char *camera)
{
    vd_bind_text(stmt, "device", device);
    vd_bind_text(stmt, "camera", camera);
}

static void copy_text(const char *text, char *into, size_t room)
{
    vd_slice_to_chars(vd_slice_str(text ? text : ""), into, room);
}

vd_err watch_camera_get(vd_store *store, const char *device, const char *camera,
                        watch_camera *ret_camera, vd_why *why)
{
    vd_stmt *get = vd_store_stmt(store, "watch_camera_get");
    bind_camera(get, device, camera);
    vd_err err = vd_stmt_row(get, why);
    if (err == VD_ABSENT)
        return vd_fail(why, VD_ABSENT, "no statistics of camera '%.40s' have come yet", camera);
    if (err) return err;
    watch_camera c = { .since_us = vd_col_int(get, 1),
                       .first_us = vd_col_int(get, 2),
                       .last_start_us = vd_col_int(get, 3),
                       .last_end_us = vd_col_int(get, 4),
                       .pictures = vd_col_int(get, 5),
                       .reference_us = vd_col_int(get, 6),
                       .calm = vd_col_int(get, 8),
                       .revision = vd_col_int(get, 13),
                       .sampling = vd_col_int(get, 15) != 0 };
    while (strcmp(watch_state_word(c.state), vd_col_text(get, 0)) != 0) c.state++;
    copy_text(vd_col_text(get, 7), c.reference_by, sizeof c.reference_by);
    copy_text(vd_col_text(get, 9), c.changes, sizeof c.changes);
    copy_text(vd_col_text(get, 10), c.text, sizeof c.text);
    copy_text(vd_col_text(get, 11), c.severity, sizeof c.severity);
    copy_text(vd_col_text(get, 12), c.event, sizeof c.event);
    copy_text(vd_col_text(get, 14), c.incident, sizeof c.incident);
    vd_stmt_finish(get);
    *ret_camera = c;
    return VD_OK;
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

vd_err watch_camera_put(vd_store *store, const char *device, const char *camera,
                        const watch_camera *c, vd_why *why)
{
    vd_stmt *put = vd_store_stmt(store, "watch_camera_put");
    bind_camera(put, device, camera);
    vd_bind_text(put, "state", watch_state_word(c->state));
    vd_bind_int(put, "since_us", c->since_us);
    vd_bind_int(put, "first_us", c->first_us);
    vd_bind_int(put, "last_start_us", c->last_start_us);
    vd_bind_int(put, "last_end_us", c->last_end_us);
    vd_bind_int(put, "pictures", c->pictures);
    vd_bind_int(put, "reference_us", c->reference_us);
    vd_bind_text(put, "reference_by", or_null(c->reference_by));
    vd_bind_int(put, "calm", c->calm);
    vd_bind_text(put, "changes", c->changes[0] ? c->changes : "[]");
    vd_bind_text(put, "text", or_null(c->text));
    vd_bind_text(put, "severity", or_null(c->severity));
    vd_bind_text(put, "event", or_null(c->event));
    vd_bind_int(put, "revision", c->revision);
    vd_bind_text(put, "incident", or_null(c->incident));
    vd_bind_int(put, "sampling", c->sampling);
    return vd_stmt_run(put, NULL, why);
}

/* ---- the reference of one series ---- */

typedef struct {
    unsigned count;
    drift_point point[DRIFT_REFERENCE_MAX];
    double mean; /* as people read it */
    /* of the class mix: counts per window and class, and all together */
    char name[MIX_CLASSES_MAX][40];
    unsigned names;
    double mix[DRIFT_REFERENCE_MAX + 1][MIX_CLASSES_MAX];
    double all[MIX_CLASSES_MAX];
} reference;

static unsigned class_of(reference *r, const char *name)
{
    for (unsigned i = 0; i < r->names; i++)
        if (strcmp(r->name[i], name) == 0) return i;
    if (r->names == MIX_CLASSES_MAX) return MIX_CLASSES_MAX - 1;
    copy_text(name, r->name[r->names], sizeof r->name[0]);
    return r->names++;
}

static void add_mix(reference *r, unsigned row, const vd_json *counts)
{
    for (size_t i = 0; i < vd_json_len(counts); i++) {
        const char *name = NULL;
        const vd_json *count = vd_json_member(counts, i, &name);
        r->mix[row][class_of(r, name)] += (double)vd_json_int(count, 0);
    }
}

/* Half the sum of the shares' differences; `less` is taken off `all` first (a window is not
 * compared with itself). */
static double mix_distance(const double *one, const double *all, const double *less)
{
    double sum_one = 0, sum_all = 0, distance = 0;
    for (unsigned i = 0; i < MIX_CLASSES_MAX; i++) {
        sum_one += one[i];
        sum_all += all[i] - (less ? less[i] : 0);
    }
    if (sum_one <= 0 || sum_all <= 0) return 0;
    for (unsigned i = 0; i < MIX_CLASSES_MAX; i++)
        distance += fabs(one[i] / sum_one - (all[i] - (less ? less[i] : 0)) / sum_all);
    return distance / 2;
}

static vd_err read_reference(vd_store *store, const watch_window *w, unsigned series,
                             int64_t from_us, reference *r, vd_why *why)
{
    vd_err err;
    double sum = 0;
    memset(r, 0, sizeof *r);
    vd_stmt *rows = vd_store_stmt(store, "watch_reference");
    bind_camera(rows, w->device, w->camera);
    vd_bind_text(rows, "series", watch_kinds[series].name);
    vd_bind_text(rows, "model", w->value[series].model);
    vd_bind_int(rows, "from_us", from_us);
    vd_bind_int(rows, "most", DRIFT_REFERENCE_MAX);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        r->point[r->count] =
            (drift_point){ vd_col_int(rows, 0), vd_col_int(rows, 1), vd_col_num(rows, 2) };
        sum += vd_col_num(rows, 3);
        VD_AUTO(vd_json_ptr) counts = NULL;
        if (series == WATCH_CLASSES &&
            vd_json_parse(vd_slice_str(vd_col_text(rows, 4)), 65536, 4, &counts, NULL) == VD_OK)
            add_mix(r, r->count, counts);
        r->count++;
    }
    r->mean = r->count ? sum / r->count : 0;
    return err == VD_ABSENT ? VD_OK : err;
}

/* The class mix is tested by its distance from the reference's. */
static void measure_mix(reference *r, watch_value *v)
{
    double sum = 0;
    add_mix(r, DRIFT_REFERENCE_MAX, v->detail);
    for (unsigned i = 0; i < r->count; i++)
        for (unsigned k = 0; k < MIX_CLASSES_MAX; k++) r->all[k] += r->mix[i][k];
    for (unsigned i = 0; i < r->count; i++) {
        r->point[i].value = mix_distance(r->mix[i], r->all, r->mix[i]);
        sum += r->point[i].value;
    }
    r->mean = r->count ? sum / r->count : 0;
    v->mean = v->value = mix_distance(r->mix[DRIFT_REFERENCE_MAX], r->all, NULL);
}

/* The window before this one; false when it did not end where this one begins. */
static bool read_before(vd_store *store, const watch_window *w, unsigned series,
                        drift_point *ret_before)
{
    vd_stmt *get = vd_store_stmt(store, "watch_value_before");
    bind_camera(get, w->device, w->camera);
    vd_bind_text(get, "series", watch_kinds[series].name);
    vd_bind_text(get, "model", w->value[series].model);
    vd_bind_int(get, "start_us", w->start_us);
    if (vd_stmt_row(get, NULL) != VD_OK) return false;
    *ret_before = (drift_point){ vd_col_int(get, 0), vd_col_int(get, 1), vd_col_num(get, 2) };
    vd_stmt_finish(get);
    return ret_before->end_us == w->start_us;
}

static vd_err judge_series(vd_store *store, const vd_watch_config *config, watch_window *w,
                           unsigned series, const watch_camera *c, reference *r, vd_why *why)
{
    watch_value *v = &w->value[series];
    drift_point now = { w->start_us, w->end_us, v->value }, before;
    vd_err err = read_reference(store, w, series, c->reference_us, r, why);
    if (err) return err;
    if (series == WATCH_CLASSES) {
        measure_mix(r, v);
        now.value = v->value;
    }
    bool has_before = series != WATCH_CLASSES && read_before(store, w, series, &before);
    if (r->count < (unsigned)config->learn) {
        v->reference = c->state != WATCH_DRIFTED;
        return VD_OK;
    }
    v->reference_mean = r->mean;
    v->judged = drift_judge(r->point, r->count, &now, has_before ? &before : NULL,
                            watch_kinds[series].floor, watch_kinds[series].upwards, &v->verdict);
    v->differs = v->judged && v->verdict.level_p < DRIFT_CALM_P;
    return VD_OK;
}

/* ---- evidence ---- */

static void read_detector(vd_store *store, const watch_window *w, unsigned series,
                          drift_detector *ret_detector)
{
    vd_stmt *get = vd_store_stmt(store, "watch_detector_get");
    bind_camera(get, w->device, w->camera);
    vd_bind_text(get, "series", watch_kinds[series].name);
    *ret_detector = (drift_detector){ .since_us = w->start_us };
    if (vd_stmt_row(get, NULL) != VD_OK) return;
    *ret_detector = (drift_detector){ vd_col_num(get, 0), vd_col_num(get, 1), vd_col_int(get, 2) };
    vd_stmt_finish(get);
}

static vd_err put_detector(vd_store *store, const watch_window *w, unsigned series,
                           const drift_detector *d, vd_why *why)
{
    vd_stmt *put = vd_store_stmt(store, "watch_detector_put");
    bind_camera(put, w->device, w->camera);
    vd_bind_text(put, "series", watch_kinds[series].name);
    vd_bind_num(put, "evidence", d->evidence);
    vd_bind_num(put, "page", d->page);
    vd_bind_int(put, "since_us", d->since_us);
    return vd_stmt_run(put, NULL, why);
}

vd_err watch_forget(vd_store *store, const char *device, const char *camera, vd_why *why)
{
    vd_stmt *reset = vd_store_stmt(store, "watch_detector_reset");
    bind_camera(reset, device, camera);
    return vd_stmt_run(reset, NULL, why);
}

static vd_err step_detectors(vd_store *store, const watch_window *w, drift_detector *d, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned s = 0; !err && s < VD_WATCH_SERIES_MAX; s++) {
        read_detector(store, w, s, &d[s]);
        if (!w->value[s].judged) continue;
        drift_step(&d[s], w->value[s].verdict.p, w->start_us);
        err = put_detector(store, w, s, &d[s], why);
    }
    return err;
}

/* ---- the camera's state ---- */

/* The series that made the alarm, or went with it. */
static unsigned pick_changes(const vd_watch_config *config, const watch_window *w,
                             const drift_detector *d, watch_change *into)
{
    unsigned count = 0;
    for (unsigned s = 0; s < VD_WATCH_SERIES_MAX; s++) {
        bool strong = d[s].evidence >= 0.01 * watch_limit(config);
        if (!w->value[s].judged || !strong) continue;
        into[count++] = (watch_change){ s, d[s].since_us };
    }
    return count;
}

static vd_err set_apart(vd_store *store, const watch_window *w, int64_t since_us, vd_why *why)
{
    vd_stmt *apart = vd_store_stmt(store, "watch_apart");
    bind_camera(apart, w->device, w->camera);
    vd_bind_int(apart, "since_us", since_us);
    vd_err err = vd_stmt_run(apart, NULL, why);
    if (err) return err;
    vd_stmt *leave = vd_store_stmt(store, "watch_leave");
    bind_camera(leave, w->device, w->camera);
    vd_bind_int(leave, "since_us", since_us);
    return vd_stmt_run(leave, NULL, why);
}

static vd_err begin_drift(vd_store *store, const vd_watch_config *config, watch_camera *c,
                          const watch_window *w, const drift_detector *d, vd_why *why)
{
    watch_change changes[VD_WATCH_SERIES_MAX];
    unsigned count = pick_changes(config, w, d, changes);
    c->state = WATCH_DRIFTED;
    c->since_us = w->start_us;
    for (unsigned i = 0; i < count; i++)
        if (changes[i].since_us < c->since_us) c->since_us = changes[i].since_us;
    c->calm = 0;
    c->sampling = true;
    c->revision = 0;
    memcpy(c->event, vd_ulid_new().text, sizeof c->event);
    watch_describe(c, w, changes, count);
    vd_err err = set_apart(store, w, c->since_us, why);
    return err ? err : watch_tell(store, config, c, w, false, why);
}

static vd_err end_drift(vd_store *store, const vd_watch_config *config, watch_camera *c,
                        const watch_window *w, vd_why *why)
{
    vd_err err = watch_tell(store, config, c, w, true, why);
    c->state = WATCH_STEADY;
    c->since_us = w->start_us;
    c->sampling = false;
    c->changes[0] = c->text[0] = '\0';
    return err ? err : watch_forget(store, w->device, w->camera, why);
}

static vd_err go_on_drifted(vd_store *store, const vd_watch_config *config, watch_camera *c,
                            const watch_window *w, vd_why *why)
{
    bool calm = w->pictures >= VD_WATCH_PICTURES;
    for (unsigned s = 0; s < VD_WATCH_SERIES_MAX; s++) calm = calm && !w->value[s].differs;
    c->calm = calm ? c->calm + 1 : 0;
    if (c->calm >= CALM_WINDOWS) return end_drift(store, config, c, w, why);
    vd_err err = set_apart(store, w, w->start_us, why);
    /* The picture of how it looks now may come after the alarm. */
    if (!err && w->has_picture && !calm) err = watch_tell(store, config, c, w, false, why);
    return err;
}

static vd_err reference_size(vd_store *store, const watch_window *w, int64_t from_us,
                             int64_t *ret_size, vd_why *why)
{
    vd_stmt *size = vd_store_stmt(store, "watch_reference_size");
    bind_camera(size, w->device, w->camera);
    vd_bind_int(size, "from_us", from_us);
    vd_err err = vd_stmt_row(size, why);
    if (err) return err;
    *ret_size = vd_col_int(size, 0);
    vd_stmt_finish(size);
    return VD_OK;
}

/* The window DRIFT_LAG back joins the reference. */
static vd_err grow_reference(vd_store *store, const watch_camera *c, const watch_window *w,
                             vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "watch_joins");
    bind_camera(find, w->device, w->camera);
    vd_bind_int(find, "from_us", c->reference_us);
    vd_bind_int(find, "least", VD_WATCH_PICTURES);
    vd_bind_int(find, "lag", DRIFT_LAG);
    vd_err err = vd_stmt_row(find, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    int64_t start_us = vd_col_int(find, 0);
    vd_stmt_finish(find);
    vd_stmt *join = vd_store_stmt(store, "watch_join");
    bind_camera(join, w->device, w->camera);
    vd_bind_int(join, "start_us", start_us);
    return vd_stmt_run(join, NULL, why);
}

static vd_err go_on_steady(vd_store *store, const vd_watch_config *config, watch_camera *c,
                           const watch_window *w, int64_t size, vd_why *why)
{
    drift_detector d[VD_WATCH_SERIES_MAX];
    vd_err err = step_detectors(store, w, d, why);
    if (err) return err;
    if (drift_evidence(d, VD_WATCH_SERIES_MAX) >= watch_limit(config))
        return begin_drift(store, config, c, w, d, why);
    return size < DRIFT_REFERENCE_MAX ? grow_reference(store, c, w, why) : VD_OK;
}

vd_err watch_values_put(vd_store *store, const watch_window *w, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned s = 0; !err && s < VD_WATCH_SERIES_MAX; s++) {
        const watch_value *v = &w->value[s];
        VD_AUTO(vd_buf) detail = VD_BUF(65536);
        if (!v->here) continue;
        if (v->detail) err = vd_json_print(v->detail, &detail);
        if (err) break;
        vd_stmt *add = vd_store_stmt(store, "watch_value_add");
        bind_camera(add, w->device, w->camera);
        vd_bind_text(add, "series", watch_kinds[s].name);
        vd_bind_text(add, "model", v->model);
        vd_bind_int(add, "start_us", w->start_us);
        vd_bind_int(add, "end_us", w->end_us);
        vd_bind_int(add, "count", (int64_t)v->count);
        vd_bind_num(add, "mean", v->mean);
        vd_bind_num(add, "sd", v->sd);
        vd_bind_num(add, "value", v->value);
        if (v->detail) vd_bind_text(add, "detail", detail.data);
        vd_bind_int(add, "reference", v->reference);
        if (v->judged) vd_bind_num(add, "shift", v->verdict.shift);
        vd_bind_int(add, "differs", v->differs);
        err = vd_stmt_run(add, NULL, why);
    }
    return err;
}

static vd_err judge_all(vd_store *store, const vd_watch_config *config, watch_window *w,
                        const watch_camera *c, vd_why *why)
{
    reference *r = malloc(sizeof *r);
    vd_err err = r ? VD_OK : vd_fail(why, VD_FULL, "no memory for a reference");
    for (unsigned s = 0; !err && s < VD_WATCH_SERIES_MAX; s++)
        if (w->value[s].here) err = judge_series(store, config, w, s, c, r, why);
    free(r);
    return err ? err : watch_values_put(store, w, why);
}

static vd_err step_camera(vd_store *store, const vd_watch_config *config, watch_camera *c,
                          const watch_window *w, vd_why *why)
{
    int64_t size = 0;
    if (c->state == WATCH_DRIFTED) return go_on_drifted(store, config, c, w, why);
    if (w->pictures < VD_WATCH_PICTURES) return VD_OK;
    vd_err err = reference_size(store, w, c->reference_us, &size, why);
    if (err) return err;
    if (c->state == WATCH_STEADY) return go_on_steady(store, config, c, w, size, why);
    if (size < config->learn) return VD_OK;
    c->state = WATCH_STEADY;
    c->since_us = w->end_us;
    return VD_OK;
}

vd_err watch_judge(vd_store *store, const vd_watch_config *config, watch_window *w, vd_why *why)
{
    watch_camera c = { .state = WATCH_LEARNING,
                       .since_us = w->start_us,
                       .first_us = w->start_us,
                       .reference_us = w->start_us };
    vd_err err = watch_camera_get(store, w->device, w->camera, &c, why);
    if (err && err != VD_ABSENT) return err;
    if (!err && w->start_us < c.last_start_us) return watch_values_put(store, w, why); /* late */
    err = judge_all(store, config, w, &c, why);
    if (!err) err = step_camera(store, config, &c, w, why);
    c.last_start_us = w->start_us;
    c.last_end_us = w->end_us;
    c.pictures = (int64_t)w->pictures;
    return err ? err : watch_camera_put(store, w->device, w->camera, &c, why);
}

vd_err vd_watch_accept(vd_store *store, const vd_watch_config *config, const char *device,
                       const char *camera, const char *who, vd_why *why)
{
    watch_camera c;
    vd_err err = watch_camera_get(store, device, camera, &c, why);
    if (err) return err;
    watch_window w = { .start_us = c.last_start_us, .end_us = c.last_end_us };
    copy_text(device, w.device, sizeof w.device);
    copy_text(camera, w.camera, sizeof w.camera);
    if (c.state == WATCH_DRIFTED) err = watch_tell(store, config, &c, &w, true, why);
    c.state = WATCH_LEARNING;
    c.since_us = c.reference_us = c.last_end_us;
    c.sampling = false;
    c.changes[0] = c.text[0] = '\0';
    copy_text(who, c.reference_by, sizeof c.reference_by);
    if (!err) err = watch_forget(store, device, camera, why);
    if (!err) err = watch_camera_put(store, device, camera, &c, why);
    if (!err && config->changed) config->changed(config->ctx, device, camera);
    return err;
}
