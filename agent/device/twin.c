/* twin.c - the device's side of its twin.
 *
 * Desired: subscribe, GET, then patches by version: one at or below ours is old, one beyond the
 * next means that we missed some and GET again. Reported: the program sets whole sections; what the
 * hub is believed to hold is kept, and the difference goes as one merge patch, at most one a second
 * and one at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "device_priv.h"
#include "limits.h"
#include "vd/clock.h"

#define ANSWER_WITHIN_US 15000000
#define REPORT_EVERY_US  1000000
#define REFUSED_PAUSE_US 60000000
#define TWIN_BYTES       131072 /* desired and reported with their metadata */

static void next_rid(vd_device *d, char into[RID_ROOM])
{
    snprintf(into, RID_ROOM, "%llu", (unsigned long long)++d->rid);
}

static void twin_get(vd_device *d)
{
    next_rid(d, d->get_rid);
    d->get_sent_us = vd_clock_mono_us();
    vd_topic topic = { .kind = VD_TOPIC_TWIN_GET, .rid = vd_slice_str(d->get_rid) };
    mqtt_send(d, &topic, VD_SLICE_NONE);
}

void twin_session(vd_device *d)
{
    d->twin_known = false;
    d->report_rid[0] = '\0';
    d->report_after_us = 0;
    d->reporting = vd_json_free(d->reporting);
    twin_get(d);
}

/* A document of our own with a copy of the node; {} for NULL. */
static vd_json *copy_of(const vd_json *node)
{
    VD_AUTO(vd_buf) text = VD_BUF(TWIN_BYTES);
    vd_json *copy = NULL;

    if (node && vd_json_print(node, &text)) return NULL;
    if (!node) vd_buf_add_str(&text, "{}");
    if (vd_json_parse(vd_buf_slice(&text), TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &copy, NULL))
        return NULL;
    return copy;
}

static void replace(vd_json **place, vd_json *with)
{
    vd_json_free(*place);
    *place = with;
}

static void report_wish(vd_device *d, const char *section, vd_err err, const vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "desired_version", d->desired_version);
    vd_json_w_kv_text(&w, "state", err ? "refused" : "accepted");
    vd_json_w_kv_text(&w, "why", err ? why->fact : NULL);
    vd_json_w_kv_text(&w, "detail", err ? why->detail : NULL);
    vd_json_w_kv_text(&w, "hint", err ? why->hint : NULL);
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) twin_set_section(d, section, vd_buf_slice(&text));
}

static void copy_member(vd_json_w *w, const vd_json *object, const char *key)
{
    if (!vd_json_get(object, key)) return;
    vd_json_w_key(w, key);
    vd_json_w_node(w, vd_json_get(object, key));
}

static void apply_cameras(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(TWIN_BYTES);
    vd_json_w w = vd_json_writer(&text);

    if (!d->sink.cameras) return;
    vd_json_w_object(&w);
    copy_member(&w, d->desired, "cameras");
    copy_member(&w, d->desired, "templates");
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) (void)!d->sink.cameras(d->sink.ctx, vd_buf_slice(&text), NULL);
}

static void apply_rules(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(REPORTED_BYTES);
    const vd_json *rules = vd_json_get(d->desired, "rules");
    vd_why why = { 0 };

    if (!d->sink.rules) return;
    vd_err err = VD_OK;
    if (rules && vd_json_kind_of(rules) != VD_JSON_IS_NULL)
        err = vd_json_print(rules, &text);
    else
        vd_buf_add_str(&text, "{}"); /* the hub wishes none: the device's own hold */
    if (err) vd_fail(&why, err, "the desired rules are more than %d bytes", REPORTED_BYTES);
    if (!err) err = d->sink.rules(d->sink.ctx, vd_buf_slice(&text), &why);
    report_wish(d, "rules", err, &why);
}

static void apply_sampling(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(REPORTED_BYTES);
    const vd_json *wish = vd_json_get(d->desired, "sampling");
    vd_why why = { 0 };

    if (!d->sink.sampling) return;
    vd_err err = VD_OK;
    if (wish)
        err = vd_json_print(wish, &text);
    else
        vd_buf_add_str(&text, "null");
    if (!err) err = d->sink.sampling(d->sink.ctx, vd_buf_slice(&text), &why);
    if (wish || err) report_wish(d, "sampling", err, &why);
}

static void apply_arming(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(REPORTED_BYTES);
    const vd_json *wish = vd_json_get(d->desired, "arming");
    vd_why why = { 0 };

    if (!d->sink.arming) return;
    vd_err err = VD_OK;
    if (wish)
        err = vd_json_print(wish, &text);
    else
        vd_buf_add_str(&text, "null");
    if (!err) err = d->sink.arming(d->sink.ctx, vd_buf_slice(&text), &why);
    if (wish || err) report_wish(d, "arming", err, &why);
}

static void apply_model(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(REPORTED_BYTES);
    const vd_json *model = vd_json_get(d->desired, "model");

    if (!d->sink.model) return;
    bool good = model ? !vd_json_print(model, &text) : vd_buf_add_str(&text, "null");
    if (good) (void)!d->sink.model(d->sink.ctx, vd_buf_slice(&text), NULL);
}

static void twin_arrived(vd_device *d, vd_slice body)
{
    VD_AUTO(vd_json_ptr) root = NULL;

    if (vd_json_parse(body, TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &root, NULL)) return;
    vd_json *desired = copy_of(vd_json_get(root, "desired"));
    vd_json *reported = copy_of(vd_json_get(root, "reported"));
    if (!desired || !reported) {
        vd_json_free(desired);
        vd_json_free(reported);
        return;
    }
    d->get_rid[0] = '\0';
    d->twin_known = true;
    d->desired_version = vd_json_int(vd_json_get(desired, "$version"), 0);
    replace(&d->desired, desired);
    replace(&d->reported, reported);
    pthread_mutex_lock(&d->lock);
    d->report_due = true;
    pthread_mutex_unlock(&d->lock);
    apply_cameras(d);
    apply_rules(d);
    apply_arming(d);
    apply_sampling(d);
    apply_model(d);
}

static void report_answered(vd_device *d, unsigned status)
{
    d->report_rid[0] = '\0';
    if (status == 200 || status == 204) {
        replace(&d->reported, d->reporting);
        d->reporting = NULL;
        return;
    }
    /* Refused (too large, too many): what is due stays due, but not at once. */
    d->reporting = vd_json_free(d->reporting);
    d->report_after_us = vd_clock_mono_us() + REFUSED_PAUSE_US;
    pthread_mutex_lock(&d->lock);
    d->report_due = true;
    pthread_mutex_unlock(&d->lock);
}

void twin_answer(vd_device *d, const vd_topic *topic, vd_slice body)
{
    if (d->get_rid[0] && vd_slice_eq(topic->rid, vd_slice_str(d->get_rid))) {
        if (topic->status == 200) twin_arrived(d, body);
    } else if (d->report_rid[0] && vd_slice_eq(topic->rid, vd_slice_str(d->report_rid))) {
        report_answered(d, topic->status);
    }
}

void twin_desired(vd_device *d, const vd_topic *topic, vd_slice body)
{
    VD_AUTO(vd_json_ptr) patch = NULL;
    int64_t version = (int64_t)topic->version;
    vd_json *merged;

    if (!d->twin_known) return; /* the answer to GET will hold it */
    if (version <= d->desired_version) return;
    if (version > d->desired_version + 1 ||
        vd_json_parse(body, TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &patch, NULL) ||
        vd_json_merge_patch(d->desired, patch, &merged)) {
        twin_get(d);
        return;
    }
    replace(&d->desired, merged);
    d->desired_version = version;
    if (vd_json_get(patch, "cameras") || vd_json_get(patch, "templates")) apply_cameras(d);
    if (vd_json_get(patch, "rules")) apply_rules(d);
    if (vd_json_get(patch, "arming")) apply_arming(d);
    if (vd_json_get(patch, "sampling")) apply_sampling(d);
    if (vd_json_get(patch, "model")) apply_model(d);
}

static report_section *section_locked(vd_device *d, const char *name)
{
    for (unsigned i = 0; i < VD_DEVICE_SECTIONS_MAX; i++) {
        report_section *section = &d->section[i];
        if (!section->name[0]) vd_slice_to_chars(vd_slice_str(name), section->name, 32);
        if (strcmp(section->name, name) == 0) return section;
    }
    return NULL;
}

/* The section as the hub will hold it: members that are null are absent there. */
static vd_json *section_value(vd_slice json)
{
    VD_AUTO(vd_json_ptr) given = NULL;
    VD_AUTO(vd_json_ptr) empty = NULL;
    vd_json *value = NULL;

    if (vd_json_parse(json, REPORTED_BYTES, VD_LIMIT_TWIN_DEPTH, &given, NULL) ||
        vd_json_parse(VD_STR("{}"), 2, 1, &empty, NULL))
        return NULL;
    return vd_json_merge_patch(empty, given, &value) ? NULL : value;
}

void twin_set_section(vd_device *d, const char *name, vd_slice json)
{
    vd_json *value = section_value(json);

    if (!value) return;
    pthread_mutex_lock(&d->lock);
    report_section *section = section_locked(d, name);
    if (section) {
        replace(&section->value, value);
        d->report_due = true;
    }
    pthread_mutex_unlock(&d->lock);
    if (!section) vd_json_free(value);
}

/* A document of all sections, or NULL. The lock is held. */
static vd_json *wanted_locked(vd_device *d)
{
    VD_AUTO(vd_buf) text = VD_BUF(TWIN_BYTES);
    vd_json_w w = vd_json_writer(&text);
    vd_json *root = NULL;

    vd_json_w_object(&w);
    for (unsigned i = 0; i < VD_DEVICE_SECTIONS_MAX; i++) {
        if (!d->section[i].value) continue;
        vd_json_w_key(&w, d->section[i].name);
        vd_json_w_node(&w, d->section[i].value);
    }
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return NULL;
    return vd_json_parse(vd_buf_slice(&text), TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &root, NULL) ? NULL
                                                                                            : root;
}

static bool same(const vd_json *a, const vd_json *b)
{
    VD_AUTO(vd_buf) left = VD_BUF(TWIN_BYTES);
    VD_AUTO(vd_buf) right = VD_BUF(TWIN_BYTES);

    if (vd_json_kind_of(a) != vd_json_kind_of(b)) return false;
    return !vd_json_print(a, &left) && !vd_json_print(b, &right) &&
           vd_slice_eq(vd_buf_slice(&left), vd_buf_slice(&right));
}

static void diff(vd_json_w *w, const vd_json *have, const vd_json *want, bool top, bool *differs);

static void diff_member(vd_json_w *w, const char *key, const vd_json *had, const vd_json *wanted,
                        bool *differs)
{
    bool both =
        vd_json_kind_of(had) == VD_JSON_IS_OBJECT && vd_json_kind_of(wanted) == VD_JSON_IS_OBJECT;

    if (had && same(had, wanted)) return;
    if (!had && vd_json_kind_of(wanted) == VD_JSON_IS_NULL) return; /* null is absence */
    *differs = true;
    vd_json_w_key(w, key);
    if (both)
        diff(w, had, wanted, false, differs);
    else
        vd_json_w_node(w, wanted);
}

static void diff(vd_json_w *w, const vd_json *have, const vd_json *want, bool top, bool *differs)
{
    const char *key;

    vd_json_w_object(w);
    for (size_t i = 0; i < vd_json_len(want); i++) {
        const vd_json *wanted = vd_json_member(want, i, &key);
        diff_member(w, key, vd_json_get(have, key), wanted, differs);
    }
    /* Sections that are not ours stay; inside ours, what is gone is deleted. */
    for (size_t i = 0; !top && i < vd_json_len(have); i++) {
        (void)vd_json_member(have, i, &key);
        if (key[0] == '$' || vd_json_get(want, key)) continue;
        *differs = true;
        vd_json_w_key(w, key);
        vd_json_w_null(w);
    }
    vd_json_w_object_end(w);
}

vd_err twin_diff(const vd_json *have, const vd_json *want, vd_buf *into, bool *ret_differs)
{
    vd_json_w w = vd_json_writer(into);

    *ret_differs = false;
    diff(&w, have, want, true, ret_differs);
    return vd_json_w_end(&w);
}

/* What the hub will hold once it took the patch. */
static vd_json *after_patch(const vd_json *reported, vd_slice patch)
{
    VD_AUTO(vd_json_ptr) node = NULL;
    vd_json *merged = NULL;

    if (vd_json_parse(patch, TWIN_BYTES, VD_LIMIT_JSON_DEPTH, &node, NULL)) return NULL;
    return vd_json_merge_patch(reported, node, &merged) ? NULL : merged;
}

static void report(vd_device *d)
{
    VD_AUTO(vd_buf) patch = VD_BUF(REPORTED_BYTES);
    bool differs;

    pthread_mutex_lock(&d->lock);
    VD_AUTO(vd_json_ptr) want = wanted_locked(d);
    d->report_due = false;
    pthread_mutex_unlock(&d->lock);
    if (!want || twin_diff(d->reported, want, &patch, &differs) || !differs) return;
    d->reporting = after_patch(d->reported, vd_buf_slice(&patch));
    if (!d->reporting) return;
    next_rid(d, d->report_rid);
    d->report_sent_us = vd_clock_mono_us();
    d->report_after_us = d->report_sent_us + REPORT_EVERY_US;
    char now[VD_UTC_TEXT_ROOM];
    vd_topic topic = { .kind = VD_TOPIC_TWIN_REPORT,
                       .rid = vd_slice_str(d->report_rid),
                       .clock = vd_slice_str(vd_utc_text(vd_clock_utc_us(), now)) };
    mqtt_send(d, &topic, vd_buf_slice(&patch));
}

void twin_tick(vd_device *d)
{
    int64_t now_us = vd_clock_mono_us();

    if (d->get_rid[0] && now_us - d->get_sent_us > ANSWER_WITHIN_US) twin_get(d);
    if (d->report_rid[0] && now_us - d->report_sent_us > ANSWER_WITHIN_US) report_answered(d, 0);
    if (!d->twin_known || d->report_rid[0] || now_us < d->report_after_us) return;
    pthread_mutex_lock(&d->lock);
    bool due = d->report_due;
    pthread_mutex_unlock(&d->lock);
    if (due) report(d);
}

void twin_free(vd_device *d)
{
    for (unsigned i = 0; i < VD_DEVICE_SECTIONS_MAX; i++) vd_json_free(d->section[i].value);
    vd_json_free(d->desired);
    vd_json_free(d->reported);
    vd_json_free(d->reporting);
}
