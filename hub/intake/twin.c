/* twin.c - twin requests of devices (over MQTT) and of the service (calls of intake.h). Both read
 * and write through the committer, so a GET sees every report that was sent before it. */
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/clock.h"
#include "vd/log.h"

#define TWIN_JSON_MAX 1048576

/* ---- a device's request ---- */

typedef struct {
    command back;
    vd_intake *intake;
    uint64_t serial;
    message *answer; /* the place of its PUBACK; NULL for QoS 0 */
    bool is_report;
    vd_buf body, reply;
    char device[VD_IOTHUB_ID_MAX + 1], rid[65];
    unsigned status;
    int64_t version;
    bool changed;
} request;

static void free_request(request *r)
{
    vd_buf_done(&r->body);
    vd_buf_done(&r->reply);
    free(r);
}

static vd_err write_section(vd_store *store, const char *statement, const char *device,
                            const vd_buf *doc, const vd_buf *meta, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, statement);
    vd_bind_text(stmt, "device", device);
    vd_bind_slice(stmt, "doc", vd_buf_slice(doc));
    if (meta) vd_bind_slice(stmt, "meta", vd_buf_slice(meta));
    return vd_stmt_run(stmt, NULL, why);
}

static vd_err report(vd_store *store, request *r, const twin_doc *doc, vd_why *why)
{
    VD_AUTO(vd_json_ptr) patch = NULL;
    VD_AUTO(vd_buf) merged = { 0 }, meta = { 0 };
    vd_err err = vd_json_parse(vd_buf_slice(&r->body), VD_LIMIT_MESSAGE_BYTES, 16, &patch, why);
    if (!err) err = twin_patch_check(patch, why);
    if (!err) {
        err = twin_merge(doc->reported, doc->reported_meta, patch, VD_LIMIT_TWIN_SECTION_BYTES,
                         vd_clock_utc_us(), &merged, &meta, why);
    }
    if (!err) err = write_section(store, "set_reported", r->device, &merged, &meta, why);
    if (err) return err;
    r->version = doc->reported_version + 1;
    r->changed = true;
    return VD_OK;
}

static vd_err run_request(vd_store *store, void *arg, vd_why *why)
{
    request *r = arg;
    VD_AUTO(twin_doc) doc = { 0 };
    vd_err err = twin_doc_load(store, r->device, &doc, why);
    if (err) return err;
    if (r->is_report) return report(store, r, &doc, why);
    r->reply.limit = TWIN_JSON_MAX;
    return twin_print_for_device(&doc, &r->reply);
}

static unsigned status_of(vd_err err, bool is_report)
{
    switch (err) {
    case VD_OK: return is_report ? 204 : 200;
    case VD_INVALID: return 400;
    case VD_ABSENT: return 404;
    case VD_FULL: return 413;
    default: return 500;
    }
}

static void on_request_done(void *arg, vd_err err, const vd_why *why)
{
    request *r = arg;
    vd_intake *intake = r->intake;
    r->status = status_of(err, r->is_report);
    if (err) {
        vd_log_why(VD_LOG_WARN, "intake.twin", "a twin request was refused", why, "device",
                   r->device, NULL);
    }
    if (!err && r->changed) hook_changed(intake, r->device, VD_INTAKE_REPORTED);
    if (!command_push(intake, &r->back)) free_request(r);
    job_done(intake);
}

static void send_result(conn *c, vd_slice rid, unsigned status, int64_t version, vd_slice payload)
{
    vd_topic topic = {
        .kind = VD_TOPIC_TWIN_RESULT, .rid = rid, .status = status, .version = (uint64_t)version
    };
    if (c->subscribed[VD_FILTER_TWIN_RESULT]) conn_send_topic(c, &topic, payload, 0, 0);
}

static void on_request_back(vd_intake *intake, void *arg)
{
    request *r = arg;
    conn *c = conn_by_serial(intake, r->device, r->serial);
    if (c) {
        c->twin_requests--;
        send_result(c, vd_slice_str(r->rid), r->status, r->version, vd_buf_slice(&r->reply));
    }
    message_settle(r->answer);
    free_request(r);
}

static void take_clock(conn *c, vd_slice body)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    int64_t told_us = 0;
    if (body.len > 65536 || !memmem(body.data, body.len, "\"clock\"", 7)) return;
    if (vd_json_parse(body, 65536, 16, &root, NULL)) return;
    const char *clock = vd_json_text(vd_json_get(root, VD_PROP_CLOCK), NULL);
    if (!clock || !vd_utc_parse(vd_slice_str(clock), &told_us)) return;
    c->clock_known = true;
    c->clock_skew_ms = (told_us - vd_clock_utc_us()) / 1000;
}

void twin_request(conn *c, const vd_topic *topic, const vd_mqtt_packet *packet)
{
    message *answer = message_expect(c, packet);
    if (c->state == CONN_CLOSING) return;
    request *r = c->twin_requests < CONN_TWIN_MAX ? calloc(1, sizeof(*r)) : NULL;
    if (r) r->body.limit = VD_LIMIT_MESSAGE_BYTES;
    bool ok = r && vd_buf_add(&r->body, packet->payload);
    if (ok) {
        r->back = (command){ .run = on_request_back, .arg = r };
        r->intake = c->intake;
        r->serial = c->serial;
        r->answer = answer;
        r->is_report = topic->kind == VD_TOPIC_TWIN_REPORT;
        snprintf(r->device, sizeof(r->device), "%s", c->device);
        vd_slice_to_chars(topic->rid, r->rid, sizeof(r->rid));
        if (r->is_report) take_clock(c, packet->payload);
        c->twin_requests++;
        if (!job_post(c->intake, run_request, on_request_done, r)) return;
        c->twin_requests--;
    }
    if (r) free_request(r);
    send_result(c, topic->rid, 429, 0, VD_SLICE_NONE);
    message_settle(answer);
}

/* ---- the service's calls ---- */

typedef struct {
    const char *device, *if_match;
    const vd_json *root;
    vd_buf *into;
    int64_t desired_version;
    bool desired_changed;
} patch_job;

typedef struct {
    char device[VD_IOTHUB_ID_MAX + 1];
    int64_t version;
    vd_buf body;
} desired_push;

static void push_desired(vd_intake *intake, void *arg)
{
    desired_push *push = arg;
    conn *c = conn_of(intake, push->device);
    vd_topic topic = { .kind = VD_TOPIC_TWIN_DESIRED, .version = (uint64_t)push->version };
    if (c && c->subscribed[VD_FILTER_TWIN_DESIRED]) {
        conn_send_topic(c, &topic, vd_buf_slice(&push->body), 0, 0);
    }
    vd_buf_done(&push->body);
    free(push);
}

/* The patch as the device gets it: its members and $version. */
static bool print_push(const vd_json *desired, int64_t version, vd_buf *into)
{
    const char *key = NULL;
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    for (size_t i = 0; i < vd_json_len(desired); i++) {
        const vd_json *child = vd_json_member(desired, i, &key);
        vd_json_w_key(&w, key);
        vd_json_w_node(&w, child);
    }
    vd_json_w_kv_int(&w, "$version", version);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) == VD_OK;
}

/* On the committer's thread, so that devices hear of patches in the order of their versions. A push
 * that is lost here is a gap in the versions: the device then asks for the whole twin. */
static void patch_committed(vd_intake *intake, void *arg)
{
    const patch_job *job = arg;
    desired_push *push = job->desired_changed ? calloc(1, sizeof(*push)) : NULL;
    if (!push) return;
    push->body.limit = 4 * VD_LIMIT_TWIN_SECTION_BYTES;
    push->version = job->desired_version;
    snprintf(push->device, sizeof(push->device), "%s", job->device);
    const vd_json *desired = vd_json_get(vd_json_get(job->root, "properties"), "desired");
    if (print_push(desired, push->version, &push->body) &&
        command_post(intake, push_desired, push)) {
        return;
    }
    vd_buf_done(&push->body);
    free(push);
}

static vd_err check_etag(const twin_doc *doc, const char *if_match, vd_why *why)
{
    char etag[32];
    if (!if_match || strcmp(if_match, "*") == 0) return VD_OK;
    if (strncmp(if_match, "W/", 2) == 0) if_match += 2;
    snprintf(etag, sizeof(etag), "%lld", (long long)doc->version);
    size_t from = *if_match == '"', len = strcspn(if_match + from, "\"");
    if (len == strlen(etag) && strncmp(if_match + from, etag, len) == 0) return VD_OK;
    vd_err err = vd_fail(why, VD_CONFLICT, "the twin has changed");
    vd_why_detail(why, "its etag is %s now", etag);
    return err;
}

static vd_err patch_tags(vd_store *store, patch_job *job, const twin_doc *doc, const vd_json *tags,
                         vd_why *why)
{
    VD_AUTO(vd_buf) merged = { 0 };
    vd_err err = twin_patch_check(tags, why);
    if (!err) err = twin_merge(doc->tags, NULL, tags, VD_LIMIT_TAGS_BYTES, 0, &merged, NULL, why);
    return err ? err : write_section(store, "set_tags", job->device, &merged, NULL, why);
}

static vd_err patch_desired(vd_store *store, patch_job *job, const twin_doc *doc,
                            const vd_json *desired, vd_why *why)
{
    VD_AUTO(vd_buf) merged = { 0 }, meta = { 0 };
    vd_err err = twin_patch_check(desired, why);
    if (!err) {
        err = twin_merge(doc->desired, doc->desired_meta, desired, VD_LIMIT_TWIN_SECTION_BYTES,
                         vd_clock_utc_us(), &merged, &meta, why);
    }
    if (!err) err = write_section(store, "set_desired", job->device, &merged, &meta, why);
    job->desired_version = doc->desired_version + 1;
    job->desired_changed = !err;
    return err;
}

static vd_err run_patch(vd_store *store, void *arg, vd_why *why)
{
    patch_job *job = arg;
    VD_AUTO(twin_doc) doc = { 0 }, after = { 0 };
    const vd_json *tags = vd_json_get(job->root, "tags");
    const vd_json *desired = vd_json_get(vd_json_get(job->root, "properties"), "desired");
    vd_err err = twin_doc_load(store, job->device, &doc, why);
    if (!err) err = check_etag(&doc, job->if_match, why);
    if (!err && tags) err = patch_tags(store, job, &doc, tags, why);
    if (!err && desired) err = patch_desired(store, job, &doc, desired, why);
    if (err || !job->into) return err;
    err = twin_doc_load(store, job->device, &after, why);
    if (!err) err = twin_print_for_service(&after, job->device, job->into);
    return err;
}

vd_err vd_intake_twin_patch(vd_intake *intake, const char *device, vd_slice json,
                            const char *if_match, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_err err = vd_json_parse(json, VD_LIMIT_MESSAGE_BYTES, 16, &root, why);
    if (!err && vd_json_kind_of(root) != VD_JSON_IS_OBJECT) {
        err = vd_fail(why, VD_INVALID, "a twin patch must be a JSON object");
    }
    if (err) return err;
    patch_job job = { .device = device, .if_match = if_match, .root = root, .into = into };
    err = job_run(intake, run_patch, patch_committed, &job, why);
    if (!err) hook_changed(intake, device, VD_INTAKE_DESIRED);
    return err;
}

vd_err vd_intake_twin_get(vd_intake *intake, const char *device, vd_buf *into, vd_why *why)
{
    VD_AUTO(twin_doc) doc = { 0 };
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_err err = twin_doc_load(store, device, &doc, why);
    vd_store_pool_give(intake->readers, store);
    if (!err && twin_print_for_service(&doc, device, into)) {
        err = vd_fail(why, VD_FULL, "the twin does not fit into the answer");
    }
    return err;
}
