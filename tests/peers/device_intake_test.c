/* The two real ends of the wire: the agent's device stage and the hub's intake, over TLS. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "device.h"
#include "hub_schema.h"
#include "intake.h"
#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/test.h"

#define EVENTS 300

static const vd_sql *const tables[] = { intake_sql, NULL };
static const vd_store_schema schema = { hub_migrations, tables };

typedef struct {
    char dir[64], connection_string[512];
    uint16_t port; /* kept while the hub is away */
    vd_secret_key *secret;
    vd_tls_files tls;
    vd_committer *committer;
    vd_intake *intake;
    vd_outbox *outbox;
    vd_device *device;
    pthread_mutex_t lock;
    unsigned count, arrivals;         /* events first seen; all arrivals, repeats too */
    char id[EVENTS][VD_ULID_LEN + 1]; /* in the order of their first arrival */
    char rules[200];
} desk;

static desk d;

static vd_err on_event(void *ctx, vd_store *store, const vd_event *event, vd_slice json,
                       vd_why *why)
{
    desk *of = ctx;
    (void)store, (void)json, (void)why;
    pthread_mutex_lock(&of->lock);
    unsigned at = 0;
    of->arrivals++;
    while (at < of->count && strcmp(of->id[at], event->id.text) != 0) at++;
    if (at == of->count && at < EVENTS)
        memcpy(of->id[of->count++], event->id.text, VD_ULID_LEN + 1);
    pthread_mutex_unlock(&of->lock);
    return VD_OK;
}

static void hub_start(void)
{
    vd_why why = { 0 };
    vd_store *store = NULL;
    char path[100], tls[100];
    snprintf(path, sizeof(path), "%s/hub.db", d.dir);
    snprintf(tls, sizeof(tls), "%s/tls", d.dir);
    expect_ok(vd_intake_tls_files(tls, NULL, &d.tls, &why));
    expect_ok(vd_store_open(path, VD_STORE_WRITE, &schema, &store, &why));
    expect_ok(vd_committer_new(store, 4096, 256, &d.committer, &why));
    vd_intake_config config = { .store_path = path,
                                .schema = &schema,
                                .committer = d.committer,
                                .secret = d.secret,
                                .address = "127.0.0.1",
                                .port = d.port,
                                .host_name = "localhost",
                                .certificate_path = d.tls.certificate,
                                .key_path = d.tls.key,
                                .hooks = { .ctx = &d, .event = on_event } };
    expect_ok(vd_intake_new(&config, &d.intake, &why));
    expect_ok(vd_intake_start(d.intake, &why));
    d.port = vd_intake_port(d.intake);
}

static void hub_stop(void)
{
    d.intake = vd_intake_free(d.intake);
    d.committer = vd_committer_free(d.committer);
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
    char path[100];
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(d.dir));
    snprintf(path, sizeof(path), "%s/secret.key", d.dir);
    expect_ok(vd_secret_key_open(path, &d.secret, NULL));
    hub_start();
    expect_ok(vd_intake_device_create(d.intake, "dock-1", &made, NULL));
    expect_ok(vd_intake_connection_string(d.intake, "dock-1", &text, NULL));
    snprintf(d.connection_string, sizeof(d.connection_string), "%s", text.data);
    vd_outbox_config config = { .dir = d.dir };
    expect_ok(vd_outbox_open(&config, &d.outbox, NULL));
    return 0;
}

static void connect_device(void)
{
    vd_why why = { 0 };
    vd_device_config config = { .connection_string = d.connection_string, .ca_file = d.tls.ca };
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
    hub_stop();
    vd_secret_key_free(d.secret);
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
    expect_ok(vd_intake_twin_get(d.intake, "dock-1", &twin, NULL));
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
            hub_stop();
            expect_true(await(device_is_away));
        }
        expect_ok(vd_outbox_accept(d.outbox, &event, NULL));
        if (i == 150 || i == 250) hub_start();
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
    expect_ok(vd_intake_twin_patch(d.intake, "dock-1", patch, NULL, NULL, &why));
    expect_true(await(report_is_there));
    expect_true(await(rules_are_there));
    expect_str(d.rules, "{\"gate\":[]}");
    expect_ok(vd_intake_method_call(d.intake, "dock-1", "ping", VD_SLICE_NONE, 10, &status,
                                    &payload, &why));
    expect_i64(status, 200);
    expect_true(strstr(payload.data, "vedette-agent") != NULL);
}

#define BOTH(name) cmocka_unit_test_setup_teardown(name, start, stop)

VD_TEST_MAIN(BOTH(events_arrive_once_and_in_order_although_the_hub_goes_away_twice),
             BOTH(twin_and_methods_work_between_the_two_real_ends))
