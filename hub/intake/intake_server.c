/* intake_server.c - the hub's intake alone, for tests that play its peers.
 *
 * usage: intake-server FOLDER [PORT]
 *
 * Makes the device "dev-1", prints one line of JSON with ports and connection strings, then answers
 * each line on stdin with one line of JSON:
 *   create D | enable D | disable D | string D       identities
 *   twin D | patch D JSON                            twins
 *   call D METHOD JSON | send D TEXT                 methods, messages to a device
 *   rows TABLE | bags | counts                       what is on disk, and the counters
 *   hold | release                                   the committer: nothing is committed in between
 *   freeze                                           the loop stops for good (then kill -9) */
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub_schema.h"
#include "intake_priv.h"
#include "vd/log.h"
#include "vd/program.h"

static const vd_sql own_sql[] = {
    { "rows_message", "SELECT count(*) FROM message" },
    { "rows_refused", "SELECT count(*) FROM refused" },
    { "rows_devicebound", "SELECT count(*) FROM devicebound WHERE state = 'queued'" },
    { "bags", "SELECT bag, CAST(body AS TEXT) FROM message ORDER BY id LIMIT 100" },
    { NULL, NULL },
};
static const vd_sql *const tables[] = { intake_sql, own_sql, NULL };
static const vd_store_schema schema = { hub_migrations, tables };

static vd_intake *intake;
static vd_committer *committer;
static vd_secret_key *secret;
static sem_t released;
static atomic_uint events;
static char store_path[300];

static vd_err on_event(void *ctx, vd_store *store, const vd_event *event, vd_slice json,
                       vd_why *why)
{
    (void)ctx, (void)store, (void)event, (void)json, (void)why;
    events++;
    return VD_OK;
}

static void put_error(vd_json_w *w, vd_err err, const vd_why *why)
{
    vd_json_w_kv_text(w, "error", vd_err_name(err));
    vd_json_w_kv_text(w, "fact", why->fact);
}

static vd_err hold(vd_store *store, void *arg, vd_why *why)
{
    (void)store, (void)arg, (void)why;
    sem_wait(&released);
    return VD_OK;
}

static void freeze(vd_intake *of, void *arg)
{
    (void)of, (void)arg;
    for (;;) pause();
}

static void put_string(vd_json_w *w, const char *device, const char *key)
{
    vd_why why = { 0 };
    VD_AUTO(vd_buf) text = VD_BUF(1000);
    vd_err err = device ? vd_intake_connection_string(intake, device, &text, &why)
                        : vd_intake_service_connection_string(intake, &text, &why);
    if (err)
        put_error(w, err, &why);
    else
        vd_json_w_kv_text(w, key, text.data);
}

static void put_rows(vd_json_w *w, const char *name)
{
    vd_why why = { 0 };
    vd_store *store = NULL;
    char statement[64];
    snprintf(statement, sizeof(statement), "rows_%s", name);
    vd_err err = vd_store_open(store_path, VD_STORE_READ, &schema, &store, &why);
    if (err) {
        put_error(w, err, &why);
        return;
    }
    if (strcmp(name, "bags") == 0) {
        vd_stmt *stmt = vd_store_stmt(store, "bags");
        vd_json_w_key(w, "bags");
        vd_json_w_list(w);
        while (vd_stmt_row(stmt, &why) == VD_OK) {
            vd_json_w_text(w, vd_col_text(stmt, 0));
            vd_json_w_text(w, vd_col_text(stmt, 1));
        }
        vd_json_w_list_end(w);
    } else {
        vd_stmt *stmt = vd_store_stmt(store, statement);
        if (vd_stmt_row(stmt, &why) == VD_OK) vd_json_w_kv_int(w, "rows", vd_col_int(stmt, 0));
    }
    vd_store_free(store);
}

static void put_counts(vd_json_w *w)
{
    vd_intake_counts counts = vd_intake_count(intake);
    vd_json_w_kv_int(w, "messages", (int64_t)counts.messages);
    vd_json_w_kv_int(w, "events", events);
    vd_json_w_kv_int(w, "duplicates", (int64_t)counts.duplicates);
    vd_json_w_kv_int(w, "refused", (int64_t)counts.refused);
    vd_json_w_kv_int(w, "uncommitted", (int64_t)counts.uncommitted);
    vd_json_w_kv_int(w, "connections", (int64_t)counts.connections);
}

static vd_err put_call(vd_json_w *w, char *rest, const char *device, vd_why *why)
{
    int status = 0;
    VD_AUTO(vd_buf) payload = VD_BUF(200000);
    char *method = strtok_r(rest, " ", &rest);
    vd_err err = vd_intake_method_call(intake, device, method ? method : "", vd_slice_str(rest), 10,
                                       &status, &payload, why);
    if (err) return err;
    vd_json_w_kv_int(w, "status", status);
    vd_json_w_key(w, "payload");
    vd_json_w_raw(w, vd_buf_slice(&payload));
    return VD_OK;
}

static vd_err device_command(vd_json_w *w, const char *verb, const char *device, char *rest,
                             vd_why *why)
{
    vd_intake_device made;
    vd_ulid id;
    VD_AUTO(vd_buf) text = VD_BUF(1000000);
    if (!strcmp(verb, "create")) return vd_intake_device_create(intake, device, &made, why);
    if (!strcmp(verb, "enable")) return vd_intake_device_enable(intake, device, true, &made, why);
    if (!strcmp(verb, "disable")) return vd_intake_device_enable(intake, device, false, &made, why);
    if (!strcmp(verb, "call")) return put_call(w, rest, device, why);
    if (!strcmp(verb, "send")) {
        return vd_intake_message_send(intake, device, vd_slice_str(rest), NULL, 60, &id, why);
    }
    vd_err err = VD_INVALID;
    if (!strcmp(verb, "twin")) err = vd_intake_twin_get(intake, device, &text, why);
    if (!strcmp(verb, "patch")) {
        err = vd_intake_twin_patch(intake, device, vd_slice_str(rest), NULL, &text, why);
    }
    if (err) return err;
    vd_json_w_key(w, "twin");
    vd_json_w_raw(w, vd_buf_slice(&text));
    return VD_OK;
}

static void answer(char *line, vd_json_w *w)
{
    vd_why why = { 0 };
    char *rest = line;
    const char *verb = strtok_r(rest, " \n", &rest);
    const char *name = strtok_r(NULL, " \n", &rest);
    vd_err err = VD_OK;
    if (!verb) return;
    if (!strcmp(verb, "hold"))
        err = vd_committer_post(committer, hold, NULL, NULL);
    else if (!strcmp(verb, "release"))
        sem_post(&released);
    else if (!strcmp(verb, "freeze"))
        err = command_post(intake, freeze, NULL) ? VD_OK : VD_GONE;
    else if (!strcmp(verb, "counts"))
        put_counts(w);
    else if (!strcmp(verb, "bags"))
        put_rows(w, "bags");
    else if (!strcmp(verb, "rows") && name)
        put_rows(w, name);
    else if (!strcmp(verb, "string") && name)
        put_string(w, name, "connection_string");
    else if (name)
        err = device_command(w, verb, name, rest ? rest : "", &why);
    if (err) put_error(w, err, &why);
}

static void put_start(const vd_tls_files *tls)
{
    VD_AUTO(vd_buf) out = VD_BUF(10000);
    vd_json_w w = vd_json_writer(&out);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "port", vd_intake_port(intake));
    vd_json_w_kv_text(&w, "ca", tls->ca);
    put_string(&w, "dev-1", "connection_string");
    put_string(&w, NULL, "service");
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) puts(out.data);
    fflush(stdout);
}

static void serve(void)
{
    static char line[400000];
    while (fgets(line, sizeof(line), stdin)) {
        VD_AUTO(vd_buf) out = VD_BUF(2000000);
        line[strcspn(line, "\n")] = 0;
        vd_json_w w = vd_json_writer(&out);
        vd_json_w_object(&w);
        answer(line, &w);
        vd_json_w_object_end(&w);
        if (!vd_json_w_end(&w)) puts(out.data);
        fflush(stdout);
    }
}

static vd_err start(const char *folder, uint16_t port, vd_tls_files *tls, vd_why *why)
{
    char path[300];
    vd_store *store = NULL;
    vd_intake_device made;
    snprintf(store_path, sizeof(store_path), "%s/hub.db", folder);
    snprintf(path, sizeof(path), "%s/secret.key", folder);
    vd_err err = vd_secret_key_open(path, &secret, why);
    snprintf(path, sizeof(path), "%s/tls", folder);
    if (!err) err = vd_intake_tls_files(path, NULL, tls, why);
    if (!err) err = vd_store_open(store_path, VD_STORE_WRITE, &schema, &store, why);
    if (!err) err = vd_committer_new(store, 4096, 256, &committer, why);
    if (err) return err;
    vd_intake_config config = { .store_path = store_path,
                                .schema = &schema,
                                .committer = committer,
                                .secret = secret,
                                .address = "127.0.0.1",
                                .port = port,
                                .host_name = "localhost",
                                .certificate_path = tls->certificate,
                                .key_path = tls->key,
                                .hooks = { .event = on_event } };
    err = vd_intake_new(&config, &intake, why);
    if (!err) err = vd_intake_start(intake, why);
    if (err) return err;
    err = vd_intake_device_create(intake, "dev-1", &made, why);
    return err == VD_CONFLICT ? VD_OK : err;
}

int main(int argc, char **argv)
{
    vd_why why = { 0 };
    vd_tls_files tls;
    char line[500];
    if (argc < 2) return 2;
    vd_stop_install();
    vd_log_start("intake-server", VD_LOG_HUMAN, VD_LOG_INFO);
    sem_init(&released, 0, 0);
    vd_err err = start(argv[1], argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0, &tls, &why);
    if (err) {
        fprintf(stderr, "%s\n", vd_why_line(&why, line, sizeof(line)));
        return 1;
    }
    put_start(&tls);
    serve();
    vd_intake_free(intake);
    vd_committer_free(committer);
    vd_secret_key_free(secret);
    vd_log_stop();
    return 0;
}
