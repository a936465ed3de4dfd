/* bound.c - cloud-to-device messages.
 *
 *   queued ─▶ (sent, deliveries + 1) ─PUBACK─▶ completed
 *      ├─ time ran out ─▶ expired     └─ tenth delivery unanswered ─▶ dead
 *
 * A connection asks the store for the next message after its cursor, one at a time, and keeps at
 * most CONN_BOUND_MAX unanswered. What was sent and not answered is sent again to the next
 * connection, whose cursor starts at the front. */
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/clock.h"
#include "vd/log.h"

typedef struct {
    command back;
    vd_intake *intake;
    uint64_t serial;
    char device[VD_IOTHUB_ID_MAX + 1];
    int64_t after, seq; /* seq 0: nothing waits */
    vd_buf bag, body;
} asking;

static void free_asking(asking *a)
{
    vd_buf_done(&a->bag);
    vd_buf_done(&a->body);
    free(a);
}

static vd_err retire(vd_store *store, asking *a, vd_why *why)
{
    int64_t now = vd_clock_utc_us();
    vd_stmt *stmt = vd_store_stmt(store, "expire_bound");
    vd_bind_text(stmt, "device", a->device);
    vd_bind_int(stmt, "now", now);
    vd_err err = vd_stmt_run(stmt, NULL, why);
    if (err) return err;
    stmt = vd_store_stmt(store, "kill_bound");
    vd_bind_text(stmt, "device", a->device);
    vd_bind_int(stmt, "after", a->after);
    vd_bind_int(stmt, "now", now);
    return vd_stmt_run(stmt, NULL, why);
}

static vd_err run_next(vd_store *store, void *arg, vd_why *why)
{
    asking *a = arg;
    vd_err err = retire(store, a, why);
    if (err) return err;
    vd_stmt *stmt = vd_store_stmt(store, "next_bound");
    vd_bind_text(stmt, "device", a->device);
    vd_bind_int(stmt, "after", a->after);
    err = vd_stmt_row(stmt, why);
    if (err) return err == VD_ABSENT ? VD_OK : err;
    bool ok = vd_buf_add(&a->bag, vd_slice_str(vd_col_text(stmt, 1))) &&
              vd_buf_add(&a->body, vd_col_blob(stmt, 2));
    int64_t seq = vd_col_int(stmt, 0);
    vd_stmt_finish(stmt);
    if (!ok) return VD_FULL;
    stmt = vd_store_stmt(store, "count_bound");
    vd_bind_int(stmt, "seq", seq);
    err = vd_stmt_run(stmt, NULL, why);
    if (!err) a->seq = seq;
    return err;
}

static void on_next_done(void *arg, vd_err err, const vd_why *why)
{
    asking *a = arg;
    vd_intake *intake = a->intake;
    if (err) {
        a->seq = 0;
        vd_log_why(VD_LOG_WARN, "intake.bound", "a message for a device cannot be read", why,
                   "device", a->device, NULL);
    }
    if (!command_push(intake, &a->back)) free_asking(a);
    job_done(intake);
}

typedef struct {
    vd_intake *intake;
    char device[VD_IOTHUB_ID_MAX + 1];
    int64_t seq;
} completion;

static vd_err run_complete(vd_store *store, void *arg, vd_why *why)
{
    completion *done = arg;
    vd_stmt *stmt = vd_store_stmt(store, "complete_bound");
    vd_bind_text(stmt, "device", done->device);
    vd_bind_int(stmt, "seq", done->seq);
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    return vd_stmt_run(stmt, NULL, why);
}

static void on_complete_done(void *arg, vd_err err, const vd_why *why)
{
    (void)err, (void)why; /* not noted: the device gets it again */
    completion *done = arg;
    job_done(done->intake);
    free(done);
}

static void complete(conn *c, int64_t seq)
{
    completion *done = calloc(1, sizeof(*done));
    if (!done) return;
    done->intake = c->intake;
    done->seq = seq;
    snprintf(done->device, sizeof(done->device), "%s", c->device);
    if (job_post(c->intake, run_complete, on_complete_done, done)) free(done);
}

static void send_bound(conn *c, const asking *a)
{
    uint8_t qos = c->granted[VD_FILTER_DEVICEBOUND];
    vd_topic topic = { .kind = VD_TOPIC_DEVICEBOUND,
                       .device = vd_slice_str(c->device),
                       .bag = vd_buf_slice(&a->bag) };
    c->bound_cursor = a->seq;
    if (qos == 0) {
        conn_send_topic(c, &topic, vd_buf_slice(&a->body), 0, 0);
        complete(c, a->seq);
        return;
    }
    if (++c->next_packet == 0) c->next_packet = 1;
    c->bound[c->bound_count].packet = c->next_packet;
    c->bound[c->bound_count++].seq = a->seq;
    conn_send_topic(c, &topic, vd_buf_slice(&a->body), 1, c->next_packet);
}

static void on_next_back(vd_intake *intake, void *arg)
{
    asking *a = arg;
    conn *c = conn_by_serial(intake, a->device, a->serial);
    if (c) {
        bool again = a->seq > 0 || c->bound_more;
        c->bound_asking = c->bound_more = false;
        if (a->seq > 0) send_bound(c, a);
        if (again) bound_pump(c);
    }
    free_asking(a);
}

void bound_pump(conn *c)
{
    if (c->state != CONN_READY || !c->subscribed[VD_FILTER_DEVICEBOUND]) return;
    if (c->bound_asking) {
        c->bound_more = true;
        return;
    }
    if (c->bound_count == CONN_BOUND_MAX) return;
    asking *a = calloc(1, sizeof(*a));
    if (!a) return;
    a->back = (command){ .run = on_next_back, .arg = a };
    a->intake = c->intake;
    a->serial = c->serial;
    a->after = c->bound_cursor;
    a->bag = VD_BUF(2 * VD_LIMIT_TOPIC_BYTES);
    a->body = VD_BUF(VD_LIMIT_MESSAGE_BYTES);
    snprintf(a->device, sizeof(a->device), "%s", c->device);
    c->bound_asking = true;
    if (!job_post(c->intake, run_next, on_next_done, a)) return;
    c->bound_asking = false;
    free_asking(a);
}

void bound_answer(conn *c, uint16_t packet)
{
    for (unsigned i = 0; i < c->bound_count; i++) {
        if (c->bound[i].packet != packet) continue;
        complete(c, c->bound[i].seq);
        c->bound[i] = c->bound[--c->bound_count];
        bound_pump(c);
        return;
    }
}

/* ---- the service's call ---- */

typedef struct {
    const char *device;
    vd_ulid id;
    vd_slice bag, body;
    int64_t expires_us;
} send_job;

static vd_err run_send(vd_store *store, void *arg, vd_why *why)
{
    send_job *job = arg;
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "add_bound");
    vd_bind_text(stmt, "id", job->id.text);
    vd_bind_text(stmt, "device", job->device);
    vd_bind_slice(stmt, "bag", job->bag);
    vd_bind_blob(stmt, "body", job->body);
    vd_bind_int(stmt, "expires", job->expires_us);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    if (err == VD_CONFLICT) return vd_fail(why, VD_ABSENT, "there is no device '%s'", job->device);
    if (err || changed) return err;
    vd_fail(why, VD_FULL, "50 messages wait for device '%s' already", job->device);
    vd_why_hint(why, "send again when the device has taken some");
    return VD_FULL;
}

static void pump_device(vd_intake *intake, void *arg)
{
    conn *c = conn_of(intake, arg);
    if (c) bound_pump(c);
    free(arg);
}

static void sent(vd_intake *intake, void *arg)
{
    const send_job *job = arg;
    char *name = strdup(job->device);
    if (name && !command_post(intake, pump_device, name)) free(name);
}

static bool write_bag(const send_job *job, const vd_json *properties, vd_buf *into)
{
    char to[200];
    const char *key = NULL;
    snprintf(to, sizeof(to), "/devices/%s/messages/devicebound", job->device);
    bool ok = vd_bag_add(into, VD_PROP_MESSAGE_ID, job->id.text) && vd_bag_add(into, "$.to", to);
    for (size_t i = 0; ok && i < vd_json_len(properties); i++) {
        const char *value = vd_json_text(vd_json_member(properties, i, &key), NULL);
        ok = value && *key && *key != '$' && vd_bag_add(into, key, value);
    }
    return ok;
}

vd_err vd_intake_message_send(vd_intake *intake, const char *device, vd_slice body,
                              const vd_json *properties, int64_t expires_s, vd_ulid *ret_id,
                              vd_why *why)
{
    VD_AUTO(vd_buf) bag = VD_BUF(VD_LIMIT_TOPIC_BYTES);
    send_job job = { .device = device, .id = vd_ulid_new(), .body = body };
    if (body.len > 65536) return vd_fail(why, VD_INVALID, "the message is larger than 64 KB");
    if (vd_json_len(properties) > VD_LIMIT_PROPERTIES - 2 || !write_bag(&job, properties, &bag)) {
        return vd_fail(why, VD_INVALID,
                       "the properties must be few short texts, names without '$'");
    }
    job.bag = vd_buf_slice(&bag);
    job.expires_us = vd_clock_utc_us() + expires_s * 1000000;
    vd_err err = job_run(intake, run_send, sent, &job, why);
    if (!err) *ret_id = job.id;
    return err;
}
