/* method.c - direct methods: a caller waits on its own thread for what a device answers on the
 * loop. A call is shared by the two; whoever lets go last releases it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "intake_priv.h"
#include "vd/log.h"

#define PAYLOAD_MAX 131072 /* the IoT Hub figure for a method's payload */

struct method_call {
    method_call *next; /* the connection's list, the loop's own */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned holders;
    bool is_done, abandoned; /* abandoned: the caller waits no longer */
    vd_err err;
    int status;
    uint64_t rid;
    char device[VD_IOTHUB_ID_MAX + 1], name[129];
    vd_buf payload, answer;
};

static void let_go(method_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool last = --call->holders == 0;
    pthread_mutex_unlock(&call->lock);
    if (!last) return;
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->ended);
    vd_buf_done(&call->payload);
    vd_buf_done(&call->answer);
    free(call);
}

/* The loop's side ends. */
static void end_call(method_call *call, vd_err err)
{
    pthread_mutex_lock(&call->lock);
    call->err = err;
    call->is_done = true;
    pthread_cond_signal(&call->ended);
    pthread_mutex_unlock(&call->lock);
    let_go(call);
}

static bool is_abandoned(method_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool abandoned = call->abandoned;
    pthread_mutex_unlock(&call->lock);
    return abandoned;
}

/* Callers that gave up leave their calls behind; they go when the next one comes. */
static void drop_abandoned(conn *c)
{
    for (method_call **at = &c->methods; *at;) {
        method_call *call = *at;
        if (!is_abandoned(call)) {
            at = &call->next;
            continue;
        }
        *at = call->next;
        c->method_count--;
        let_go(call);
    }
}

static void send_call(vd_intake *intake, void *arg)
{
    method_call *call = arg;
    conn *c = conn_of(intake, call->device);
    char rid[24];
    if (!c || !c->subscribed[VD_FILTER_METHODS]) {
        end_call(call, VD_GONE);
        return;
    }
    drop_abandoned(c);
    if (c->method_count == CONN_METHODS_MAX) {
        end_call(call, VD_FULL);
        return;
    }
    call->rid = ++intake->next_rid;
    call->next = c->methods;
    c->methods = call;
    c->method_count++;
    snprintf(rid, sizeof(rid), "%" PRIx64, call->rid);
    vd_topic topic = { .kind = VD_TOPIC_METHOD_CALL,
                       .name = vd_slice_str(call->name),
                       .rid = vd_slice_str(rid) };
    conn_send_topic(c, &topic, vd_buf_slice(&call->payload), 0, 0);
}

static method_call *take_call(conn *c, vd_slice rid)
{
    char text[24];
    for (method_call **at = &c->methods; *at; at = &(*at)->next) {
        method_call *call = *at;
        snprintf(text, sizeof(text), "%" PRIx64, call->rid);
        if (!vd_slice_eq(rid, vd_slice_str(text))) continue;
        *at = call->next;
        c->method_count--;
        return call;
    }
    return NULL;
}

void method_answer(conn *c, const vd_topic *topic, vd_slice body)
{
    method_call *call = take_call(c, topic->rid);
    if (!call) {
        vd_log(VD_LOG_INFO, "intake.method", "an answer came that nobody waits for", "device",
               c->device, NULL);
        return;
    }
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_err err = VD_OK;
    if (body.len == 0) body = VD_STR("null");
    if (vd_json_parse(body, PAYLOAD_MAX, VD_LIMIT_JSON_DEPTH, &root, NULL)) err = VD_INVALID;
    if (!err && !vd_buf_add(&call->answer, body)) err = VD_FULL;
    call->status = (int)topic->status;
    end_call(call, err);
}

void method_forget_all(conn *c)
{
    for (method_call *call = c->methods, *next; call; call = next) {
        next = call->next;
        end_call(call, VD_GONE);
    }
    c->methods = NULL;
    c->method_count = 0;
}

/* ---- the caller's side ---- */

static vd_err check_call(const char *method, vd_slice payload, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    size_t len = strlen(method);
    if (len == 0 || len > 128 || strpbrk(method, "/+#?$ ") ||
        !vd_slice_utf8_valid(vd_slice_str(method))) {
        return vd_fail(why, VD_INVALID, "this is not a method name");
    }
    if (payload.len == 0) return VD_OK;
    return vd_json_parse(payload, PAYLOAD_MAX, VD_LIMIT_JSON_DEPTH, &root, why);
}

static method_call *new_call(const char *device, const char *method, vd_slice payload)
{
    method_call *call = calloc(1, sizeof(*call));
    pthread_condattr_t monotonic;
    if (!call) return NULL;
    pthread_mutex_init(&call->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&call->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    call->holders = 1;
    call->payload = call->answer = VD_BUF(PAYLOAD_MAX);
    snprintf(call->device, sizeof(call->device), "%s", device);
    snprintf(call->name, sizeof(call->name), "%s", method);
    if (payload.len == 0) payload = VD_STR("null");
    if (vd_buf_add(&call->payload, payload)) return call;
    let_go(call);
    return NULL;
}

static vd_err wait_for(method_call *call, int timeout_s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_s;
    pthread_mutex_lock(&call->lock);
    int rc = 0;
    while (!call->is_done && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&call->ended, &call->lock, &until);
    }
    vd_err err = call->is_done ? call->err : VD_RETRY;
    call->abandoned = !call->is_done;
    pthread_mutex_unlock(&call->lock);
    return err;
}

static vd_err explain(vd_err err, const char *device, int timeout_s, vd_why *why)
{
    switch (err) {
    case VD_OK: return VD_OK;
    case VD_GONE:
        vd_fail(why, err, "device '%s' is not connected, or takes no methods", device);
        vd_why_hint(why, "call again when it is connected");
        return err;
    case VD_RETRY:
        return vd_fail(why, err, "device '%s' did not answer within %d s", device, timeout_s);
    case VD_FULL: return vd_fail(why, err, "too many methods wait for device '%s'", device);
    default:
        return vd_fail(why, err, "device '%s' answered with something that is not JSON", device);
    }
}

vd_err vd_intake_method_call(vd_intake *intake, const char *device, const char *method,
                             vd_slice payload, int timeout_s, int *ret_status, vd_buf *ret_payload,
                             vd_why *why)
{
    vd_intake_device known;
    vd_err err = check_call(method, payload, why);
    if (!err) err = vd_intake_device_get(intake, device, &known, why);
    if (err) return err;
    method_call *call = new_call(device, method, payload);
    if (!call) return vd_fail(why, VD_FULL, "no memory is left for the call");
    call->holders = 2;
    if (!command_post(intake, send_call, call)) end_call(call, VD_GONE);
    err = wait_for(call, timeout_s);
    if (!err) *ret_status = call->status;
    if (!err && !vd_buf_add(ret_payload, vd_buf_slice(&call->answer))) err = VD_FULL;
    let_go(call);
    return explain(err, device, timeout_s, why);
}
