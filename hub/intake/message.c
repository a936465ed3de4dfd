/* message.c - a message from packet to PUBACK.
 *
 *   packet ─▶ message ─▶ committer (event, note to a hook, else to a table) ─▶ loop ─▶ PUBACK
 *                              └─ refused by the hook ─▶ committer (table refused) ─┘
 *
 * Each connection keeps its unanswered packets in the order they came and answers from the front,
 * so that PUBACKs keep that order. A commit that fails (disk, store) answers nothing and closes the
 * connection: the device sends again. */
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/clock.h"
#include "vd/log.h"

#define TYPE_ROOM 17 /* of the property `type`; a longer one is nobody's */

typedef enum { KEPT, WAS_EVENT, WAS_NOTE, CAME_BEFORE, WAS_REFUSED } fate;

struct message {
    command back; /* to the loop, when its job ended */
    vd_intake *intake;
    conn *conn; /* NULL: nobody waits (QoS 0 after a close, a will) */
    message *next;
    bool settled;
    bool set_aside; /* the hook refused the event: a second job keeps it in `refused` */
    uint8_t qos;
    uint16_t id;
    bool is_event;
    char type[TYPE_ROOM]; /* of a JSON message that is no event; "": none */
    vd_err err;
    fate fate;
    int64_t received_us;
    vd_slice bag, body; /* in `bytes` */
    const char *mid;    /* in `bytes`, or NULL */
    char device[VD_IOTHUB_ID_MAX + 1];
    char why[480];
    char bytes[];
};

/* ---- the order of answers ---- */

static void append(conn *c, message *m)
{
    m->conn = c;
    if (c->last)
        c->last->next = m;
    else
        c->first = m;
    c->last = m;
}

static void answer_front(conn *c)
{
    while (c->first && c->first->settled) {
        message *m = c->first;
        c->first = m->next;
        if (!c->first) c->last = NULL;
        if (m->qos > 0) conn_send(c, &(vd_mqtt_packet){ .type = VD_MQTT_PUBACK, .id = m->id });
        free(m);
        if (c->state == CONN_CLOSING) return; /* sending may close, and forget the rest */
    }
}

message *message_expect(conn *c, const vd_mqtt_packet *packet)
{
    if (packet->qos == 0 || c->state == CONN_CLOSING) return NULL;
    message *m = calloc(1, sizeof(*m));
    if (!m) {
        conn_close(c, "no memory is left for a message");
        return NULL;
    }
    m->intake = c->intake;
    m->qos = packet->qos;
    m->id = packet->id;
    append(c, m);
    return m;
}

void message_settle(message *m)
{
    if (!m) return;
    m->settled = true;
    if (m->conn)
        answer_front(m->conn);
    else
        free(m);
}

void message_forget_all(conn *c)
{
    for (message *m = c->first, *next; m; m = next) {
        next = m->next;
        m->next = NULL;
        m->conn = NULL;
        if (m->settled) free(m);
    }
    c->first = c->last = NULL;
}

/* ---- on the committer's thread ---- */

static vd_err add_refused(vd_store *store, message *m, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "add_refused");
    vd_bind_text(stmt, "device", m->device);
    vd_bind_slice(stmt, "bag", m->bag);
    vd_bind_blob(stmt, "body", m->body);
    vd_bind_text(stmt, "why", m->why);
    vd_bind_int(stmt, "now", m->received_us);
    m->fate = WAS_REFUSED;
    return vd_stmt_run(stmt, NULL, why);
}

static vd_err run_refuse(vd_store *store, void *arg, vd_why *why)
{
    return add_refused(store, arg, why);
}

static vd_err add_telemetry(vd_store *store, message *m, vd_why *why)
{
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "add_message");
    vd_bind_text(stmt, "device", m->device);
    vd_bind_text(stmt, "mid", m->mid);
    vd_bind_slice(stmt, "bag", m->bag);
    vd_bind_blob(stmt, "body", m->body);
    vd_bind_int(stmt, "now", m->received_us);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    m->fate = changed ? KEPT : CAME_BEFORE;
    return err;
}

static vd_err read_event(message *m, vd_arena *arena, vd_json **root, vd_event *event, vd_why *why)
{
    vd_err err = vd_json_parse(m->body, VD_EVENT_JSON_MAX, VD_LIMIT_JSON_DEPTH, root, why);
    if (!err) err = vd_event_read(*root, arena, event, why);
    if (!err && strcmp(event->device, m->device) != 0) {
        err = vd_fail(why, VD_INVALID, "the event names another device");
    }
    return err;
}

static vd_err run_note(vd_store *store, message *m, vd_why *why)
{
    const vd_intake_hooks *hooks = &m->intake->config.hooks;
    bool taken = false;
    if (!m->type[0] || !hooks->note) return add_telemetry(store, m, why);
    m->fate = WAS_NOTE;
    vd_err err = hooks->note(hooks->ctx, store, m->device, m->type, m->body, &taken, why);
    return err || taken ? err : add_telemetry(store, m, why);
}

static vd_err run_message(vd_store *store, void *arg, vd_why *why)
{
    message *m = arg;
    const vd_intake_hooks *hooks = &m->intake->config.hooks;
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_event event;
    if (m->why[0]) return add_refused(store, m, why);
    if (!m->is_event) return run_note(store, m, why);
    vd_arena_clear(m->intake->event_arena);
    vd_err err = read_event(m, m->intake->event_arena, &root, &event, why);
    if (err) {
        vd_why_line(why, m->why, sizeof(m->why));
        return add_refused(store, m, why);
    }
    m->fate = WAS_EVENT;
    return hooks->event ? hooks->event(hooks->ctx, store, &event, m->body, why) : VD_OK;
}

static bool is_refusal(vd_err err)
{
    return err == VD_INVALID || err == VD_DENIED || err == VD_ABSENT || err == VD_CONFLICT;
}

static void on_committed(void *arg, vd_err err, const vd_why *why)
{
    message *m = arg;
    vd_intake *intake = m->intake;
    m->err = err;
    m->set_aside = is_refusal(err) && (m->fate == WAS_EVENT || m->fate == WAS_NOTE);
    if (err && why) vd_why_line(why, m->why, sizeof(m->why));
    /* Pushed before job_done, so that the loop still runs. */
    if (!command_push(intake, &m->back)) free(m);
    job_done(intake);
}

/* ---- on the loop ---- */

static void count_fate(vd_intake *intake, const message *m)
{
    pthread_mutex_lock(&intake->lock);
    vd_intake_counts *counts = &intake->counts;
    bool trim = ++counts->messages % 1000 == 0;
    if (m->fate == WAS_EVENT) counts->events++;
    if (m->fate == CAME_BEFORE) counts->duplicates++;
    if (m->fate == WAS_REFUSED) counts->refused++;
    pthread_mutex_unlock(&intake->lock);
    if (trim) message_trim(intake);
    if (m->fate != WAS_REFUSED) return;
    vd_log(VD_LOG_WARN, "intake.bad_event", "an event could not be read and was set aside",
           "device", m->device, "why", m->why, NULL);
}

static void resume_held(vd_intake *intake)
{
    if (intake->held_count == 0) return;
    for (conn *c = intake->conns, *next; c; c = next) {
        next = c->next;
        if (c->held) conn_throttle(c);
    }
}

static void drop_counted(message *m)
{
    vd_intake *intake = m->intake;
    size_t bytes = m->bag.len + m->body.len;
    intake->uncommitted--;
    intake->uncommitted_bytes -= bytes;
    if (m->conn) {
        m->conn->uncommitted--;
        m->conn->uncommitted_bytes -= bytes;
    }
}

static void on_back(vd_intake *intake, void *arg)
{
    message *m = arg;
    if (m->set_aside && !job_post(intake, run_refuse, on_committed, m)) return;
    drop_counted(m);
    conn *c = m->conn;
    if (m->err) {
        vd_log(VD_LOG_ERROR, "intake.commit", "a message could not be stored", "device", m->device,
               "why", m->why, NULL);
        if (c) conn_close(c, "a message could not be stored"); /* forgets m */
        free(m);
    } else {
        count_fate(intake, m);
        message_settle(m);
    }
    if (c && c->held) conn_throttle(c);
    resume_held(intake);
}

/* What the bag says about the message. */
static void read_bag(message *m, const vd_properties *bag, conn *c)
{
    const char *type = vd_bag_get(bag, VD_PROP_TYPE), *ct = vd_bag_get(bag, VD_PROP_CONTENT_TYPE);
    const char *clock = vd_bag_get(bag, VD_PROP_CLOCK);
    bool json = type && ct && !strncmp(ct, "application/json", 16);
    m->is_event = json && !strcmp(type, "event");
    if (json && !m->is_event) vd_slice_to_chars(vd_slice_str(type), m->type, sizeof m->type);
    if (c && clock) conn_clock(c, vd_slice_str(clock), m->received_us);
}

/* One allocation holds the message, its bag with what the hub adds, its id and its body. */
static message *make(vd_intake *intake, const char *device, vd_slice bag, vd_slice body,
                     const char *const *add, const char *mid)
{
    VD_AUTO(vd_buf) full = VD_BUF(2 * VD_LIMIT_TOPIC_BYTES);
    bool ok = vd_buf_add(&full, bag);
    for (size_t i = 0; ok && add[i]; i += 2) ok = vd_bag_add(&full, add[i], add[i + 1]);
    size_t mid_room = mid ? strlen(mid) + 1 : 0;
    message *m = ok ? malloc(sizeof(*m) + full.len + mid_room + body.len) : NULL;
    if (!m) return NULL;
    *m = (message){ .back = { .run = on_back, .arg = m },
                    .intake = intake,
                    .received_us = vd_clock_utc_us() };
    char *at = m->bytes;
    if (full.len) memcpy(at, full.data, full.len);
    m->bag = vd_slice_of(at, full.len);
    at += full.len;
    if (mid) m->mid = memcpy(at, mid, mid_room);
    at += mid_room;
    if (body.len) memcpy(at, body.data, body.len);
    m->body = vd_slice_of(at, body.len);
    snprintf(m->device, sizeof(m->device), "%s", device);
    return m;
}

static void post(message *m, conn *c)
{
    vd_intake *intake = m->intake;
    size_t bytes = m->bag.len + m->body.len;
    intake->uncommitted++;
    intake->uncommitted_bytes += bytes;
    if (c) {
        c->uncommitted++;
        c->uncommitted_bytes += bytes;
        append(c, m);
    }
    if (!job_post(intake, run_message, on_committed, m)) {
        if (c) conn_throttle(c);
        return;
    }
    m->err = VD_GONE;
    on_back(intake, m);
}

static message *prepare(conn *c, vd_slice bag, vd_slice body, const char *const *add)
{
    vd_why why = { 0 };
    vd_properties properties = { 0 };
    vd_arena_clear(c->intake->bag_arena);
    vd_err err = vd_bag_parse(bag, c->intake->bag_arena, &properties, &why);
    const char *mid = err ? NULL : vd_bag_get(&properties, VD_PROP_MESSAGE_ID);
    message *m = make(c->intake, c->device, bag, body, add, mid);
    if (m && err) vd_why_line(&why, m->why, sizeof(m->why));
    if (m && !err) read_bag(m, &properties, c);
    return m;
}

void message_take(conn *c, const vd_topic *topic, const vd_mqtt_packet *packet)
{
    const char *add[] = { "$.cdid", c->device, packet->retain ? VD_PROP_RETAIN : NULL, "true",
                          NULL };
    message *m = prepare(c, topic->bag, packet->payload, add);
    if (!m) {
        conn_close(c, "no memory is left for a message");
        return;
    }
    m->qos = packet->qos;
    m->id = packet->id;
    post(m, c);
}

void message_will(conn *c)
{
    const char *add[] = { "$.cdid", c->device, VD_PROP_MESSAGE_TYPE, "Will", NULL };
    message *m = prepare(c, vd_buf_slice(&c->will_bag), vd_buf_slice(&c->will_body), add);
    if (m) post(m, NULL);
}

/* ---- retention ---- */

static vd_err run_trim(vd_store *store, void *arg, vd_why *why)
{
    const vd_intake_config *config = &((vd_intake *)arg)->config;
    int64_t now = vd_clock_utc_us();
    vd_stmt *stmt = vd_store_stmt(store, "trim_messages");
    vd_bind_int(stmt, "keep", (int64_t)config->message_keep_count);
    vd_bind_int(stmt, "before", now - config->message_keep_s * 1000000);
    vd_err err = vd_stmt_run(stmt, NULL, why);
    if (!err) err = vd_stmt_run(vd_store_stmt(store, "trim_refused"), NULL, why);
    if (err) return err;
    stmt = vd_store_stmt(store, "trim_bound");
    vd_bind_int(stmt, "before", now - INT64_C(86400000000));
    return vd_stmt_run(stmt, NULL, why);
}

static void trimmed(void *arg, vd_err err, const vd_why *why)
{
    if (err) vd_log_why(VD_LOG_WARN, "intake.trim", "old messages could not be removed", why, NULL);
    job_done(arg);
}

void message_trim(vd_intake *intake)
{
    vd_err err = job_post(intake, run_trim, trimmed, intake);
    if (err) vd_log(VD_LOG_DEBUG, "intake.trim", "the store is closing", NULL);
}
