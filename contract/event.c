/* event.c - the event as JSON; openapi.yaml, schema Event, says what each member means. */
#include "event.h"

#include <inttypes.h>
#include <stdio.h>

#include "contract_words.h"
#include "limits.h"
#include "vd/iothub.h"

static const char *const time_sources[] = { "rtcp", "arrival", "file", NULL };
static const char *const evidence_kinds[] = { "snapshot", "clip", NULL };

/* ---- writing ---- */

static void write_sides(vd_json_w *w, const vd_event_rect *box, int digits)
{
    vd_json_w_kv_num(w, "l", (double)box->l, digits);
    vd_json_w_kv_num(w, "t", (double)box->t, digits);
    vd_json_w_kv_num(w, "w", (double)box->w, digits);
    vd_json_w_kv_num(w, "h", (double)box->h, digits);
}

void vd_event_rect_write(vd_json_w *w, const vd_event_rect *box)
{
    vd_json_w_key(w, "box");
    vd_json_w_object(w);
    write_sides(w, box, 6);
    vd_json_w_object_end(w);
}

void vd_event_box_write(vd_json_w *w, const vd_event_box *box)
{
    vd_json_w_object(w);
    vd_event_rect_write(w, &box->box);
    vd_json_w_kv_num(w, "score", box->score, 6);
    vd_json_w_kv_text(w, "class", box->class_name);
    if (box->track) vd_json_w_kv_int(w, "track", (int64_t)box->track);
    vd_json_w_object_end(w);
}

/* The AVA shape: https://github.com/Azure/live-video-analytics, inference metadata schema. */
static void write_inference(vd_json_w *w, const vd_event_box *box)
{
    char track[24];
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "type", "entity");
    vd_json_w_kv_text(w, "subtype", "objectDetection");
    vd_json_w_key(w, "entity");
    vd_json_w_object(w);
    vd_json_w_key(w, "tag");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "value", box->class_name);
    vd_json_w_kv_num(w, "confidence", box->score, 6);
    vd_json_w_object_end(w);
    vd_event_rect_write(w, &box->box);
    snprintf(track, sizeof(track), "%" PRIu64, box->track);
    if (box->track) vd_json_w_kv_text(w, "id", track);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
}

static void write_properties(vd_json_w *w, const vd_event *e)
{
    vd_json_w_key(w, "properties");
    vd_json_w_object(w);
    for (unsigned i = 0; i < e->property_count; i++)
        vd_json_w_kv_text(w, e->properties[i].name, e->properties[i].value);
    vd_json_w_object_end(w);
}

/* What the rule found, in AVA's words: a line crossing has the subtype that its clients know. */
static void write_finding(vd_json_w *w, const vd_event *e)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "type", "event");
    vd_json_w_kv_text(w, "subtype", strcmp(e->kind, "line") == 0 ? "lineCrossing" : e->kind);
    vd_json_w_key(w, "event");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", e->zone[0] ? e->zone : e->rule_id);
    write_properties(w, e);
    if (e->track && e->box_count) vd_event_rect_write(w, &e->boxes[0].box);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
}

/* Drawn, not computed with: four digits are a pixel of a picture ten thousand wide. */
static void write_path(vd_json_w *w, const vd_event *e)
{
    vd_json_w_key(w, "path");
    vd_json_w_list(w);
    for (unsigned i = 0; i < e->path_count; i++) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "at_ms", e->path[i].at_ms);
        write_sides(w, &e->path[i].box, 4);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void write_evidence(vd_json_w *w, const vd_event_evidence *e)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "kind", e->kind);
    vd_json_w_kv_text(w, "digest", e->digest.hex);
    vd_json_w_kv_int(w, "bytes", (int64_t)e->bytes);
    vd_json_w_kv_text(w, "content_type", e->content_type);
    vd_json_w_kv_time(w, "start", e->start_utc_us);
    vd_json_w_kv_time(w, "end", e->end_utc_us);
    if (e->width_px > 0) vd_json_w_kv_int(w, "width", e->width_px);
    if (e->height_px > 0) vd_json_w_kv_int(w, "height", e->height_px);
    if (e->held) vd_json_w_kv_bool(w, "held", true);
    vd_json_w_object_end(w);
}

static void write_rule_and_times(vd_json_w *w, const vd_event *e)
{
    vd_json_w_kv_text(w, "rule_id", e->rule_id);
    vd_json_w_kv_text(w, "rule_version", e->rule_version);
    vd_json_w_kv_text(w, "zone", e->zone);
    if (e->rule) {
        vd_json_w_key(w, "rule");
        vd_json_w_node(w, e->rule);
    }
    vd_json_w_kv_time(w, "start", e->start_utc_us);
    vd_json_w_kv_time(w, "update", e->update_utc_us);
    vd_json_w_kv_time(w, "end", e->end_utc_us);
    if (e->time_source) vd_json_w_kv_text(w, "time_source", e->time_source);
}

static void write_model(vd_json_w *w, const vd_event *e)
{
    vd_json_w_key(w, "model");
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", e->model_name);
    vd_json_w_kv_text(w, "digest", e->model_digest.hex);
    vd_json_w_object_end(w);
}

static void write_lists(vd_json_w *w, const vd_event *e)
{
    vd_json_w_key(w, "boxes");
    vd_json_w_list(w);
    for (unsigned i = 0; i < e->box_count; i++) vd_event_box_write(w, &e->boxes[i]);
    vd_json_w_list_end(w);
    vd_json_w_key(w, "inferences");
    vd_json_w_list(w);
    for (unsigned i = 0; i < e->box_count; i++) write_inference(w, &e->boxes[i]);
    if (e->property_count) write_finding(w, e);
    vd_json_w_list_end(w);
    vd_json_w_key(w, "evidence");
    vd_json_w_list(w);
    for (unsigned i = 0; i < e->evidence_count; i++) write_evidence(w, &e->evidence[i]);
    vd_json_w_list_end(w);
    if (e->path_count) write_path(w, e);
    if (e->property_count) write_properties(w, e);
}

vd_err vd_event_write(const vd_event *event, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", event->id.text);
    vd_json_w_kv_int(&w, "revision", (int64_t)event->revision);
    vd_json_w_kv_text(&w, "phase", event->phase);
    vd_json_w_kv_text(&w, "device", event->device);
    vd_json_w_kv_text(&w, "camera", event->camera);
    vd_json_w_kv_text(&w, "kind", event->kind);
    if (event->correlation) vd_json_w_kv_text(&w, "correlation", event->correlation);
    if (event->title) vd_json_w_kv_text(&w, "title", event->title);
    vd_json_w_kv_text(&w, "severity", event->severity);
    write_rule_and_times(&w, event);
    vd_json_w_kv_int(&w, "track", (int64_t)event->track);
    vd_json_w_kv_text(&w, "class", event->class_name);
    vd_json_w_kv_num(&w, "score", event->score, 6);
    vd_json_w_kv_num(&w, "score_min", event->score_min, 6);
    write_model(&w, event);
    write_lists(&w, event);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

/* ---- reading ---- */

/* What a table can read; the rest of a vd_event is filled from these. */
typedef struct {
    char id[VD_ULID_LEN + 1];
    vd_event e;
    const vd_json *model, *boxes, *evidence, *path, *properties;
} raw_event;

#define EVENT(member) offsetof(raw_event, e.member)
static const vd_json_field event_fields[] = {
    { "id", VD_JSON_TEXT, offsetof(raw_event, id), VD_ULID_LEN, true, .inplace = true },
    { "revision", VD_JSON_COUNT, EVENT(revision), INT64_MAX, true },
    { "phase", VD_JSON_TEXT, EVENT(phase), 16, true },
    { "device", VD_JSON_TEXT, EVENT(device), VD_LIMIT_NAME_BYTES, true },
    { "camera", VD_JSON_TEXT, EVENT(camera), 32, true },
    { "kind", VD_JSON_TEXT, EVENT(kind), 16, true },
    { "title", VD_JSON_TEXT, EVENT(title), 200 },
    { "correlation", VD_JSON_TEXT, EVENT(correlation), VD_ULID_LEN },
    { "severity", VD_JSON_TEXT, EVENT(severity), 16, true },
    { "rule_id", VD_JSON_TEXT, EVENT(rule_id), VD_LIMIT_NAME_BYTES, true },
    { "rule_version", VD_JSON_TEXT, EVENT(rule_version), VD_LIMIT_NAME_BYTES, true },
    { "zone", VD_JSON_TEXT, EVENT(zone), VD_LIMIT_NAME_BYTES, true },
    { "rule", VD_JSON_NODE, EVENT(rule) },
    { "start", VD_JSON_TIME, EVENT(start_utc_us), 0, true },
    { "update", VD_JSON_TIME, EVENT(update_utc_us), 0, true },
    { "end", VD_JSON_TIME, EVENT(end_utc_us) },
    { "time_source", VD_JSON_TEXT, EVENT(time_source), 16 },
    { "track", VD_JSON_COUNT, EVENT(track), INT64_MAX, true },
    { "class", VD_JSON_TEXT, EVENT(class_name), VD_LIMIT_NAME_BYTES, true },
    { "score", VD_JSON_NUM, EVENT(score), 0, true },
    { "score_min", VD_JSON_NUM, EVENT(score_min) },
    { "model", VD_JSON_NODE, offsetof(raw_event, model), 0, true },
    { "boxes", VD_JSON_NODE, offsetof(raw_event, boxes), 0, true },
    { "inferences", VD_JSON_NODE, EVENT(inferences), 0, true },
    { "evidence", VD_JSON_NODE, offsetof(raw_event, evidence), 0, true },
    { "path", VD_JSON_NODE, offsetof(raw_event, path) },
    { "properties", VD_JSON_NODE, offsetof(raw_event, properties) },
};

static vd_err wrong(vd_why *why, const char *member, const char *should)
{
    vd_err err = vd_fail(why, VD_INVALID, "'%s' is not as it should be", member);
    vd_why_detail(why, "'%s' must be %s", member, should);
    return err;
}

static vd_err check_word(const char *const *words, const char *word, const char *member,
                         vd_why *why)
{
    if (vd_word_index(words, word) >= 0) return VD_OK;
    vd_err err = vd_fail(why, VD_INVALID, "'%s' has an unknown word", member);
    vd_why_detail(why, "'%s' is '%s'", member, word);
    return err;
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

static bool camera_id_ok(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static vd_err check_words(const vd_event *e, vd_why *why)
{
    vd_err err = check_word(vd_event_phase_words, e->phase, "phase", why);
    if (!err) err = check_word(vd_event_kind_words, e->kind, "kind", why);
    if (!err) err = check_word(vd_severity_words, e->severity, "severity", why);
    if (!err && e->time_source) err = check_word(time_sources, e->time_source, "time_source", why);
    return err;
}

static vd_err check_members(raw_event *raw, vd_why *why)
{
    vd_event *e = &raw->e;
    vd_err err = check_words(e, why);
    if (err) return err;
    if (!vd_ulid_parse(vd_slice_str(raw->id), &e->id)) return wrong(why, "id", "a ULID");
    if (e->revision == 0) return wrong(why, "revision", "at least 1");
    if (!vd_iothub_id_ok(vd_slice_str(e->device))) return wrong(why, "device", "a device id");
    if (!camera_id_ok(e->camera)) return wrong(why, "camera", "1 to 32 of a-z 0-9 -");
    if (!is_share(e->score)) return wrong(why, "score", "from 0 to 1");
    if (!is_share(e->score_min)) return wrong(why, "score_min", "from 0 to 1");
    bool ended = strcmp(e->phase, "end") == 0;
    if (ended && !e->end_utc_us) return wrong(why, "end", "a time when the phase is 'end'");
    if (e->rule && vd_json_kind_of(e->rule) != VD_JSON_IS_OBJECT) {
        return wrong(why, "rule", "an object");
    }
    return VD_OK;
}

static vd_err read_digest(const char *text, vd_digest *into, const char *member, vd_why *why)
{
    bool ok = vd_digest_parse(vd_slice_str(text), into);
    return ok ? VD_OK : wrong(why, member, "a SHA-256 in hex");
}

typedef struct {
    const char *name;
    char digest[80];
} raw_model;

static vd_err read_model(const vd_json *node, vd_arena *arena, vd_event *e, vd_why *why)
{
    static const vd_json_field fields[] = {
        { "name", VD_JSON_TEXT, offsetof(raw_model, name), VD_LIMIT_NAME_BYTES, true },
        { "digest", VD_JSON_TEXT, offsetof(raw_model, digest), 79, true, .inplace = true },
    };
    raw_model raw = { 0 };
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), &raw, arena, why);
    if (!err) err = read_digest(raw.digest, &e->model_digest, "model.digest", why);
    e->model_name = raw.name;
    return err;
}

typedef struct {
    const vd_json *box;
    double score;
    const char *class_name;
    uint64_t track;
} raw_box;

static vd_err read_rect(const vd_json *node, vd_event_rect *into, vd_why *why)
{
    static const vd_json_field fields[] = {
        { "l", VD_JSON_NUM, 0 * sizeof(double), 0, true },
        { "t", VD_JSON_NUM, 1 * sizeof(double), 0, true },
        { "w", VD_JSON_NUM, 2 * sizeof(double), 0, true },
        { "h", VD_JSON_NUM, 3 * sizeof(double), 0, true },
    };
    double side[4] = { 0 };
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), side, NULL, why);
    for (int i = 0; !err && i < 4; i++) {
        if (!is_share(side[i])) err = wrong(why, fields[i].name, "from 0 to 1");
    }
    *into = (vd_event_rect){ (float)side[0], (float)side[1], (float)side[2], (float)side[3] };
    return err;
}

static vd_err read_box(const vd_json *node, vd_arena *arena, vd_event_box *into, vd_why *why)
{
    static const vd_json_field fields[] = {
        { "box", VD_JSON_NODE, offsetof(raw_box, box), 0, true },
        { "score", VD_JSON_NUM, offsetof(raw_box, score), 0, true },
        { "class", VD_JSON_TEXT, offsetof(raw_box, class_name), VD_LIMIT_NAME_BYTES, true },
        { "track", VD_JSON_COUNT, offsetof(raw_box, track), INT64_MAX },
    };
    raw_box raw = { 0 };
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), &raw, arena, why);
    if (!err) err = read_rect(raw.box, &into->box, why);
    if (!err && !is_share(raw.score)) err = wrong(why, "score", "from 0 to 1");
    into->score = raw.score;
    into->class_name = raw.class_name;
    into->track = raw.track;
    return err;
}

typedef struct {
    char digest[80];
    vd_event_evidence e;
} raw_evidence;

static vd_err read_evidence(const vd_json *node, vd_arena *arena, vd_event_evidence *into,
                            vd_why *why)
{
    static const vd_json_field fields[] = {
        { "kind", VD_JSON_TEXT, offsetof(raw_evidence, e.kind), 16, true },
        { "digest", VD_JSON_TEXT, offsetof(raw_evidence, digest), 79, true, .inplace = true },
        { "bytes", VD_JSON_COUNT, offsetof(raw_evidence, e.bytes), VD_LIMIT_EVIDENCE_BYTES, true },
        { "content_type", VD_JSON_TEXT, offsetof(raw_evidence, e.content_type), 64, true },
        { "start", VD_JSON_TIME, offsetof(raw_evidence, e.start_utc_us), 0, true },
        { "end", VD_JSON_TIME, offsetof(raw_evidence, e.end_utc_us), 0, true },
        { "width", VD_JSON_INT, offsetof(raw_evidence, e.width_px) },
        { "held", VD_JSON_BOOL, offsetof(raw_evidence, e.held) },
        { "height", VD_JSON_INT, offsetof(raw_evidence, e.height_px) },
    };
    raw_evidence raw = { 0 };
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), &raw, arena, why);
    if (!err) err = check_word(evidence_kinds, raw.e.kind, "kind", why);
    if (!err) err = read_digest(raw.digest, &raw.e.digest, "digest", why);
    *into = raw.e;
    return err;
}

/* A list of at most `most`; says its length. */
static vd_err open_list(const vd_json *list, const char *name, size_t most, unsigned *ret_count,
                        vd_why *why)
{
    if (vd_json_kind_of(list) != VD_JSON_IS_LIST) return wrong(why, name, "a list");
    if (vd_json_len(list) > most) {
        vd_err err = vd_fail(why, VD_INVALID, "'%s' is too long", name);
        vd_why_detail(why, "%zu entries; at most %zu are taken", vd_json_len(list), most);
        return err;
    }
    *ret_count = (unsigned)vd_json_len(list);
    return VD_OK;
}

static vd_err in_list(vd_err err, vd_why *why, const char *name, unsigned at)
{
    if (err && why) vd_why_hint(why, "look at %s[%u]", name, at);
    return err;
}

static vd_err read_lists(const raw_event *raw, vd_arena *arena, vd_event *e, vd_why *why)
{
    unsigned inferences;
    vd_err err = open_list(raw->boxes, "boxes", VD_EVENT_BOXES_MAX, &e->box_count, why);
    if (!err)
        err = open_list(raw->evidence, "evidence", VD_EVENT_EVIDENCE_MAX, &e->evidence_count, why);
    if (!err)
        err = open_list(e->inferences, "inferences", 4 * VD_EVENT_BOXES_MAX, &inferences, why);
    if (err) return err;
    vd_event_box *boxes = vd_arena_alloc(arena, (e->box_count + 1) * sizeof(*boxes));
    vd_event_evidence *files = vd_arena_alloc(arena, (e->evidence_count + 1) * sizeof(*files));
    if (!boxes || !files) return vd_fail(why, VD_FULL, "no memory is left for the event");
    for (unsigned i = 0; !err && i < e->box_count; i++) {
        err = in_list(read_box(vd_json_at(raw->boxes, i), arena, &boxes[i], why), why, "boxes", i);
    }
    for (unsigned i = 0; !err && i < e->evidence_count; i++) {
        err = read_evidence(vd_json_at(raw->evidence, i), arena, &files[i], why);
        err = in_list(err, why, "evidence", i);
    }
    e->boxes = boxes;
    e->evidence = files;
    return err;
}

static vd_err read_place(const vd_json *node, vd_event_place *into, vd_why *why)
{
    static const vd_json_field fields[] = {
        { "at_ms", VD_JSON_INT, 0, 0, true },
    };
    int64_t at_ms = 0;
    vd_err err = vd_json_read(node, fields, VD_COUNT_OF(fields), &at_ms, NULL, why);
    into->at_ms = at_ms;
    return err ? err : read_rect(node, &into->box, why);
}

static vd_err read_path(const vd_json *list, vd_arena *arena, vd_event *e, vd_why *why)
{
    if (!list || vd_json_kind_of(list) == VD_JSON_IS_NULL) return VD_OK;
    vd_err err = open_list(list, "path", VD_EVENT_PATH_MAX, &e->path_count, why);
    if (err) return err;
    vd_event_place *places = vd_arena_alloc(arena, (e->path_count + 1) * sizeof(*places));
    if (!places) return vd_fail(why, VD_FULL, "no memory is left for the event");
    for (unsigned i = 0; !err && i < e->path_count; i++) {
        err = read_place(vd_json_at(list, i), &places[i], why);
        if (!err && i && places[i].at_ms <= places[i - 1].at_ms)
            err = wrong(why, "at_ms", "later than the one before");
        err = in_list(err, why, "path", i);
    }
    e->path = places;
    return err;
}

static vd_err read_properties(const vd_json *node, vd_arena *arena, vd_event *e, vd_why *why)
{
    if (!node || vd_json_kind_of(node) == VD_JSON_IS_NULL) return VD_OK;
    size_t count = vd_json_len(node);
    if (vd_json_kind_of(node) != VD_JSON_IS_OBJECT || count > VD_EVENT_PROPERTIES_MAX)
        return wrong(why, "properties", "an object of at most 8 texts");
    vd_event_property *properties = vd_arena_alloc(arena, (count + 1) * sizeof(*properties));
    if (!properties) return vd_fail(why, VD_FULL, "no memory is left for the event");
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        const char *value = vd_json_text(vd_json_member(node, i, &name), NULL);
        if (!value || strlen(value) > VD_LIMIT_NAME_BYTES || strlen(name) > VD_LIMIT_NAME_BYTES)
            return wrong(why, "properties", "an object of at most 8 texts of at most 128 bytes");
        properties[i] = (vd_event_property){ vd_arena_str(arena, vd_slice_str(name)),
                                             vd_arena_str(arena, vd_slice_str(value)) };
        if (!properties[i].name || !properties[i].value)
            return vd_fail(why, VD_FULL, "no memory is left for the event");
    }
    e->properties = properties;
    e->property_count = (unsigned)count;
    return VD_OK;
}

vd_err vd_event_read(const vd_json *root, vd_arena *arena, vd_event *ret_event, vd_why *why)
{
    raw_event raw = { 0 };
    vd_err err = vd_json_read(root, event_fields, VD_COUNT_OF(event_fields), &raw, arena, why);
    if (!err) err = check_members(&raw, why);
    if (!err) err = read_model(raw.model, arena, &raw.e, why);
    if (!err) err = read_lists(&raw, arena, &raw.e, why);
    if (!err) err = read_path(raw.path, arena, &raw.e, why);
    if (!err) err = read_properties(raw.properties, arena, &raw.e, why);
    if (!err) *ret_event = raw.e;
    return err;
}
