/* The two real ends of the wire: the agent's device stage and the hub's intake, over TLS. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "device.h"
#include "testing_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/test.h"

#define EVENTS 300

typedef struct {
    test_hub hub;
    char dir[64], connection_string[512];
    vd_outbox *outbox;
    vd_device *device;
    pthread_mutex_t lock;
    unsigned count, arrivals;         /* events first seen; all arrivals, repeats too */
    char id[EVENTS][VD_ULID_LEN + 1]; /* in the order of their first arrival */
    char rules[200];
} desk;

static desk d;

static void on_event(void *ctx, const vd_event *event)
{
    desk *of = ctx;
    pthread_mutex_lock(&of->lock);
    unsigned at = 0;
    of->arrivals++;
    while (at < of->count && strcmp(of->id[at], event->id.text) != 0) at++;
    if (at == of->count && at < EVENTS)
        memcpy(of->id[of->count++], event->id.text, VD_ULID_LEN + 1);
    pthread_mutex_unlock(&of->lock);
}

static unsigned arrived(void)
{
    pthread_mutex_lock(&d.lock);
    unsigned count = d.count;
    pthread_mutex_unlock(&d.lock);
    return count;
}

static vd_err on_rules(void *ctx, vd_slice json, vd_why *why)
{
    desk *of = ctx;
    (void)why;
    pthread_mutex_lock(&of->lock);
    vd_slice_to_chars(json, of->rules, sizeof(of->rules));
    pthread_mutex_unlock(&of->lock);
    return VD_OK;
}

static int start(void **state)
{
    vd_intake_device made;
    VD_AUTO(vd_buf) text = VD_BUF(500);
    (void)state;
    d = (desk){ .dir = "/tmp/vd-both-XXXXXX", .lock = PTHREAD_MUTEX_INITIALIZER };
    d.hub.on_event = on_event;
    d.hub.ctx = &d;
    assert_non_null(mkdtemp(d.dir));
    test_hub_start(&d.hub);
    expect_ok(vd_intake_device_create(d.hub.intake, "dock-1", &made, NULL));
    expect_ok(vd_intake_connection_string(d.hub.intake, "dock-1", &text, NULL));
    snprintf(d.connection_string, sizeof(d.connection_string), "%s", text.data);
    vd_outbox_config config = { .dir = d.dir };
    expect_ok(vd_outbox_open(&config, &d.outbox, NULL));
    return 0;
}

static void connect_device(void)
{
    vd_why why = { 0 };
    vd_device_config config = { .connection_string = d.connection_string, .ca_file = d.hub.tls.ca };
    vd_device_sink sink = { .ctx = &d, .rules = on_rules };
    expect_ok(vd_device_start(&config, d.outbox, &sink, &d.device, &why));
}

static int stop(void **state)
{
    char command[100];
    (void)state;
    vd_device_stop(d.device);
    vd_device_join(d.device);
    vd_device_free(d.device);
    vd_outbox_free(d.outbox);
    test_hub_remove(&d.hub);
    snprintf(command, sizeof(command), "rm -rf %s", d.dir);
    return system(command);
}

static vd_event event_of(const char *camera)
{
    return (vd_event){ .id = vd_ulid_new(),
                       .revision = 1,
                       .phase = "start",
                       .device = "dock-1",
                       .camera = camera,
                       .kind = "zone",
                       .severity = "medium",
                       .rule_id = "r",
                       .rule_version = "1",
                       .zone = "z",
                       .start_utc_us = 1700000000000000,
                       .update_utc_us = 1700000000000000,
                       .class_name = "person",
                       .model_name = "m",
                       .model_digest = vd_sha256(VD_STR("m")) };
}

/* Waits for something another thread brings about; gives up after a minute. */
static bool await(bool (*good)(void))
{
    int64_t until_us = vd_clock_mono_us() + 60000000;
    while (!good() && vd_clock_mono_us() < until_us) usleep(10000);
    return good();
}

static bool outbox_is_empty(void)
{
    vd_outbox_stats stats;
    vd_outbox_get_stats(d.outbox, &stats);
    return stats.waiting == 0;
}

static bool device_is_connected(void)
{
    vd_device_status status;
    vd_device_get_status(d.device, &status);
    return status.connected;
}

static bool device_is_away(void)
{
    return !device_is_connected();
}

static bool rules_are_there(void)
{
    pthread_mutex_lock(&d.lock);
    bool there = d.rules[0] != 0;
    pthread_mutex_unlock(&d.lock);
    return there;
}

static bool report_is_there(void)
{
    VD_AUTO(vd_buf) twin = VD_BUF(1 << 20);
    expect_ok(vd_intake_twin_get(d.hub.intake, "dock-1", &twin, NULL));
    return strstr(twin.data, "\"gate\":{\"state\":\"live\"}") != NULL;
}

// covers: QUE-1, HUB-2, RUN-3
VD_TEST(events_arrive_once_and_in_order_although_the_hub_goes_away_twice)
{
    char sent[EVENTS][VD_ULID_LEN + 1];
    connect_device();
    expect_true(await(device_is_connected));
    for (unsigned i = 0; i < EVENTS; i++) {
        vd_event event = event_of("gate");
        memcpy(sent[i], event.id.text, VD_ULID_LEN + 1);
        if (i == 100 || i == 200) { /* whatever is on its way is lost on the wire */
            test_hub_stop(&d.hub);
            expect_true(await(device_is_away));
        }
        expect_ok(vd_outbox_accept(d.outbox, &event, NULL));
        if (i == 150 || i == 250) test_hub_start(&d.hub);
    }
    expect_true(await(outbox_is_empty));
    expect_u64(arrived(), EVENTS);
    for (unsigned i = 0; i < EVENTS; i++) expect_str(d.id[i], sent[i]);
}

// covers: HUB-1
VD_TEST(twin_and_methods_work_between_the_two_real_ends)
{
    VD_AUTO(vd_buf) payload = VD_BUF(10000);
    int status = 0;
    vd_why why = { 0 };
    connect_device();
    vd_device_report(d.device, "cameras", VD_STR("{\"gate\":{\"state\":\"live\"}}"));
    vd_slice patch = VD_STR("{\"properties\":{\"desired\":{\"rules\":{\"gate\":[]}}}}");
    expect_ok(vd_intake_twin_patch(d.hub.intake, "dock-1", patch, NULL, NULL, &why));
    expect_true(await(report_is_there));
    expect_true(await(rules_are_there));
    expect_str(d.rules, "{\"gate\":[]}");
    expect_ok(vd_intake_method_call(d.hub.intake, "dock-1", "ping", VD_SLICE_NONE, 10, &status,
                                    &payload, &why));
    expect_i64(status, 200);
    expect_true(strstr(payload.data, "vedette-agent") != NULL);
}

#define BOTH(name) cmocka_unit_test_setup_teardown(name, start, stop)

VD_TEST_MAIN(BOTH(events_arrive_once_and_in_order_although_the_hub_goes_away_twice),
             BOTH(twin_and_methods_work_between_the_two_real_ends))
