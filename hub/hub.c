/* hub.c - wiring. Opening order is data order; closing is the reverse.
 *
 *   devices ─▶ intake ─(one commit: event + incident + deliveries + labels)─▶ live ─▶ pages
 *                                                                             └────▶ notifier */
#include "hub.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "hub_schema.h"
#include "vd/clock.h"
#include "vd/file.h"

#define JOBS_WAITING 4096
#define JOBS_BATCH   256
#define READERS      8
#define SWEEP_FILES  50

static const vd_sql *const tables[] = { intake_sql,  incident_sql, people_sql,   archive_sql,
                                        watch_sql,   dataset_sql,  training_sql, registry_sql,
                                        rollout_sql, NULL };
static const vd_store_schema schema = { .migrations = hub_migrations, .statements = tables };

struct hub {
    hub_config *config;
    char db_path[4096], work_dir[4096], lake_dir[4096];
    vd_secret_key *secret;
    vd_committer *committer;
    vd_store_pool *readers;
    vd_blobs *blobs;
    vd_tls_files tls;
    vd_live *live;
    vd_registry *registry;
    pthread_t importer; /* registers the folder's models while the hub runs already */
    bool importing;
    vd_intake *intake;
    _Atomic(vd_rollouts *) rollouts; /* heard by the intake's threads */
    _Atomic(vd_notify *) notify;     /* woken by the live thread, which starts earlier */
    _Atomic(vd_watch *) watch;       /* likewise */
    vd_api *api;
};

/* ---- an event's way through the stages, inside intake's commit ---- */

static vd_err take_event(hub *h, vd_store *store, const vd_event *event, vd_slice json,
                         vd_incident_outcome *ret_outcome, vd_why *why)
{
    unsigned deliveries = 0;
    vd_incident_outcome outcome;
    vd_err err = vd_incident_take(store, event->device, event, json, h->config->incident_gap_ms,
                                  &outcome, why);
    if (!err) *ret_outcome = outcome;
    if (err || !outcome.changed) return err;
    if (outcome.opened)
        err = vd_notify_opened(store, &h->config->notify, outcome.incident.text, &deliveries, why);
    if (!err && outcome.resolved) err = vd_archive_label(store, outcome.incident.text, why);
    if (!err && outcome.resolved) err = vd_pool_from_incident(store, outcome.incident.text, why);
    if (err) return err;
    vd_log(VD_LOG_INFO, outcome.opened ? "incident.opened" : "incident.event",
           outcome.opened ? "an incident opened" : "an event changed its incident", "incident",
           outcome.incident.text, "event", event->id.text, "device", event->device, "camera",
           event->camera, "rule", event->rule_id, NULL);
    vd_live_tell_later(h->live, VD_LIVE_INCIDENT, outcome.incident.text, outcome.version);
    if (deliveries) vd_live_tell_later(h->live, VD_LIVE_DELIVERY, outcome.incident.text, 0);
    return VD_OK;
}

static vd_err on_event(void *arg, vd_store *store, const vd_event *event, vd_slice json,
                       vd_why *why)
{
    vd_incident_outcome outcome;
    if (strcmp(event->kind, VD_WATCH_RULE) == 0)
        return vd_fail(why, VD_DENIED, "a drift is found by the hub, no device can tell one");
    return take_event(arg, store, event, json, &outcome, why);
}

static vd_err on_drift(void *arg, vd_store *store, const vd_event *event, vd_slice json,
                       vd_incident_outcome *ret_outcome, vd_why *why)
{
    return take_event(arg, store, event, json, ret_outcome, why);
}

static void on_watch(void *arg, const char *device, const char *camera)
{
    hub *h = arg;
    char id[VD_LIMIT_NAME_BYTES + 40];
    (void)snprintf(id, sizeof id, "%s/%s", device, camera);
    vd_live_tell_later(h->live, VD_LIVE_WATCH, id, 0);
}

/* Messages of other types, inside the same commit. What is nobody's is kept as any message. */
static vd_err on_note(void *arg, vd_store *store, const char *device, const char *type,
                      vd_slice json, bool *ret_taken, vd_why *why)
{
    hub *h = arg;
    vd_digest picture;
    *ret_taken = true;
    if (strcmp(type, "sketch") == 0)
        return vd_watch_take(store, &h->config->watch, device, json, why);
    if (strcmp(type, "media") == 0) return vd_archive_media_told(store, device, json, why);
    *ret_taken = strcmp(type, "sample") == 0;
    if (!*ret_taken) return VD_OK;
    vd_err err = vd_pool_take_sample(store, device, json, &picture, why);
    if (!err) vd_live_tell_later(h->live, VD_LIVE_POOL, picture.hex, 1);
    return err;
}

static void on_device(void *arg, const char *device, vd_intake_change what)
{
    hub *h = arg;
    vd_live_tell(h->live, VD_LIVE_DEVICE, device, 0);
    if (what == VD_INTAKE_REPORTED || what == VD_INTAKE_CONNECTED ||
        what == VD_INTAKE_DISCONNECTED || what == VD_INTAKE_DELETED)
        vd_live_tell(h->live, VD_LIVE_CAMERA, device, 0);
    if (what != VD_INTAKE_DESIRED) vd_rollouts_hear(h->rollouts);
}

static void on_rollout(void *arg, const char *rollout, uint64_t version)
{
    hub *h = arg;
    vd_live_tell(h->live, VD_LIVE_ROLLOUT, rollout, version);
}

static void on_delivery(void *arg, const char *delivery, const char *incident)
{
    hub *h = arg;
    (void)incident;
    vd_live_tell(h->live, VD_LIVE_DELIVERY, delivery, 0);
}

static void on_committed(void *arg)
{
    hub *h = arg;
    vd_notify *notify = h->notify;
    vd_watch *watch = h->watch;
    if (notify) vd_notify_wake(notify);
    if (watch) vd_watch_wake(watch);
}

/* ---- opening ---- */

static const char *under(const hub *h, const char *name, char into[4096])
{
    (void)snprintf(into, 4096, "%s/%s", h->config->state_dir, name);
    return into;
}

static vd_err open_state(hub *h, vd_why *why)
{
    char path[4096];
    vd_store *store = NULL;
    vd_err err = vd_dir_make(h->config->state_dir, 0750, why);
    if (!err) err = vd_secret_key_open(under(h, "secret.key", path), &h->secret, why);
    (void)under(h, "hub.db", h->db_path);
    if (!err) err = vd_store_open(h->db_path, VD_STORE_WRITE, &schema, &store, why);
    if (!err) err = vd_committer_new(store, JOBS_WAITING, JOBS_BATCH, &h->committer, why);
    if (!err) err = vd_store_pool_new(h->db_path, &schema, READERS, &h->readers, why);
    if (!err) err = vd_dir_make(under(h, "evidence", path), 0750, why);
    if (!err) err = vd_blobs_open(path, &h->blobs, why);
    if (!err) err = vd_dir_make(under(h, "arriving", h->work_dir), 0750, why);
    return err;
}

/* What a hub that died left of bodies on their way in. */
static void sweep_work(const hub *h)
{
    char path[4096 + 256];
    struct dirent *entry;
    DIR *dir = opendir(h->work_dir);
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, ".body-", 6) != 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", h->work_dir, entry->d_name);
        (void)unlink(path);
    }
    if (dir) (void)closedir(dir);
}

static void on_model(void *arg, const char *model)
{
    hub *h = arg;
    vd_live_tell_later(h->live, VD_LIVE_MODEL, model, 0);
}

static vd_err open_registry(hub *h, vd_why *why)
{
    char key[4096];
    const vd_registry_parts parts = { .committer = h->committer,
                                      .readers = h->readers,
                                      .blobs = h->blobs,
                                      .key_path = under(h, "release.key", key),
                                      .work_dir = h->work_dir,
                                      .changed = on_model,
                                      .arg = h };
    return vd_registry_new(&parts, &h->registry, why);
}

static vd_err open_tls(hub *h, vd_why *why)
{
    char path[4096];
    const char *names[HUB_NAMES_MAX + 2] = { h->config->host_name };
    for (unsigned n = 0; h->config->names[n]; n++) names[n + 1] = h->config->names[n];
    return vd_intake_tls_files(under(h, "tls", path), names, &h->tls, why);
}

static vd_err open_intake(hub *h, vd_why *why)
{
    const vd_intake_config config = {
        .store_path = h->db_path,
        .schema = &schema,
        .committer = h->committer,
        .secret = h->secret,
        .address = h->config->mqtt_address,
        .port = (uint16_t)h->config->mqtt_port,
        .host_name = h->config->host_name,
        .certificate_path = h->tls.certificate,
        .key_path = h->tls.key,
        .hooks = { .ctx = h, .event = on_event, .note = on_note, .changed = on_device },
    };
    return vd_intake_new(&config, &h->intake, why);
}

static vd_err open_rollouts(hub *h, vd_why *why)
{
    const vd_rollouts_parts parts = { .committer = h->committer,
                                      .readers = h->readers,
                                      .devices = vd_rollout_devices_of(h->intake),
                                      .soak_s = h->config->rollout_soak_ms / 1000,
                                      .changed = on_rollout,
                                      .arg = h };
    vd_rollouts *rollouts = NULL;
    vd_err err = vd_rollouts_new(&parts, &rollouts, why);
    h->rollouts = rollouts;
    return err;
}

vd_err hub_open(hub_config *config, hub **ret_hub, vd_why *why)
{
    hub *h = calloc(1, sizeof *h);
    if (!h) return vd_fail(why, VD_FULL, "no memory");
    h->config = config;
    config->watch.ctx = h;
    if (config->lake.path[0] && config->lake.path[0] != '/')
        config->lake.path = under(h, config->lake.path, h->lake_dir);
    config->watch.event = on_drift;
    config->watch.changed = on_watch;
    setenv("TZ", config->time_zone, 1);
    tzset();
    vd_err err = open_state(h, why);
    if (!err) err = vd_live_new(h->committer, on_committed, h, &h->live, why);
    if (!err) err = open_registry(h, why);
    if (!err) err = open_tls(h, why);
    if (!err) err = open_intake(h, why);
    if (!err) err = open_rollouts(h, why);
    if (err) {
        (void)hub_close(h);
        return err;
    }
    *ret_hub = h;
    return VD_OK;
}

/* ---- starting ---- */

static vd_err add_user(vd_store *store, void *arg, vd_why *why)
{
    return vd_user_add(store, arg, why);
}

static vd_err first_administrator(hub *h, char first_password[25], vd_why *why)
{
    uint64_t count = 0;
    vd_user user = { .name = "admin",
                     .role = VD_ROLE_ADMINISTRATOR,
                     .created_us = vd_clock_utc_us() };
    first_password[0] = '\0';
    vd_store *store = vd_store_pool_take(h->readers);
    vd_err err = vd_user_count(store, &count, why);
    vd_store_pool_give(h->readers, store);
    if (err || count) return err;
    vd_password_random(first_password);
    err = vd_password_hash(first_password, user.password, why);
    return err ? err : vd_committer_run(h->committer, add_user, &user, why);
}

static vd_err start_api(hub *h, vd_why *why)
{
    const hub_config *c = h->config;
    const vd_api_parts parts = {
        .address = c->https_address,
        .port = (uint16_t)c->https_port,
        .certificate_path = h->tls.certificate,
        .key_path = h->tls.key,
        .web_dir = c->web_dir[0] ? c->web_dir : NULL,
        .mailbox_dir = c->mailbox_dir[0] ? c->mailbox_dir : NULL,
        .work_dir = h->work_dir,
        .site = c->site,
        .time_zone = c->time_zone,
        .intake = h->intake,
        .committer = h->committer,
        .readers = h->readers,
        .blobs = h->blobs,
        .live = h->live,
        .notify = h->notify,
        .watch = &h->config->watch,
        .gate = &h->config->gate,
        .lake = &c->lake,
        .metrics_token = c->metrics_token,
        .registry = h->registry,
        .rollouts = h->rollouts,
    };
    return vd_api_start(&parts, &h->api, why);
}

static vd_err start_notify(hub *h, vd_why *why)
{
    const vd_notify_parts parts = { .config = &h->config->notify,
                                    .committer = h->committer,
                                    .readers = h->readers,
                                    .blobs = h->blobs,
                                    .changed = on_delivery,
                                    .arg = h };
    vd_notify *notify = NULL;
    vd_err err = vd_notify_start(&parts, &notify, why);
    h->notify = notify;
    return err;
}

static vd_err start_watch(hub *h, vd_why *why)
{
    const vd_watch_parts parts = { .lake = &h->config->lake,
                                   .config = &h->config->watch,
                                   .intake = h->intake,
                                   .committer = h->committer,
                                   .readers = h->readers };
    vd_watch *watch = NULL;
    vd_err err = vd_watch_start(&parts, &watch, why);
    h->watch = watch;
    return err;
}

static void *import_models(void *arg)
{
    hub *h = arg;
    unsigned count = 0;
    vd_why why = { 0 };
    if (vd_registry_import(h->registry, h->config->models_dir, "hub", &count, &why))
        vd_log_why(VD_LOG_WARN, "models.unread", "no models were registered", &why, NULL);
    return NULL;
}

/* Loading a model takes a noticeable part of a second: nobody waits for it. */
static void start_import(hub *h)
{
    if (!h->config->models_dir[0]) return;
    h->importing = pthread_create(&h->importer, NULL, import_models, h) == 0;
}

vd_err hub_start(hub *h, char first_password[25], vd_why *why)
{
    hub_config *c = h->config;
    sweep_work(h);
    vd_err err = start_api(h, why);
    if (err) return err;
    if (!c->public_url[0])
        (void)snprintf(c->public_url, sizeof c->public_url, "https://%.200s:%u", c->host_name,
                       vd_api_port(h->api));
    c->notify.public_url = c->public_url;
    err = start_notify(h, why);
    if (!err) err = start_watch(h, why);
    if (!err) err = vd_intake_start(h->intake, why);
    if (!err) err = vd_rollouts_start(h->rollouts, why);
    if (!err) err = first_administrator(h, first_password, why);
    if (!err) start_import(h);
    return err;
}

uint16_t hub_https_port(const hub *h)
{
    return vd_api_port(h->api);
}

uint16_t hub_mqtt_port(const hub *h)
{
    return vd_intake_port(h->intake);
}

hub *hub_close(hub *h)
{
    if (!h) return NULL;
    vd_live_close(h->live);
    vd_rollouts_stop(h->rollouts);
    if (h->intake) vd_intake_stop(h->intake);
    vd_api_stop(h->api);
    if (h->importing) pthread_join(h->importer, NULL);
    vd_notify *notify = h->notify;
    vd_watch *watch = h->watch;
    if (h->intake) vd_intake_join(h->intake);
    h->live = vd_live_free(h->live);
    vd_notify_stop(notify);
    vd_watch_stop(watch);
    vd_rollouts *rollouts = h->rollouts;
    h->rollouts = NULL;
    vd_rollouts_free(rollouts);
    vd_intake_free(h->intake);
    vd_registry_free(h->registry);
    vd_blobs_free(h->blobs);
    vd_store_pool_free(h->readers);
    if (h->committer) vd_committer_free(h->committer);
    vd_secret_key_free(h->secret);
    free(h);
    return NULL;
}

/* ---- tending ---- */

typedef struct {
    hub *h;
    unsigned count;
} sweep;

static vd_err sweep_job(vd_store *store, void *arg, vd_why *why)
{
    sweep *s = arg;
    vd_err err = vd_run_sweep(store, s->h->blobs, SWEEP_FILES, why);
    return err ? err
               : vd_archive_sweep(store, s->h->blobs, &s->h->config->retention, SWEEP_FILES,
                                  &s->count, why);
}

bool hub_tend(hub *h)
{
    vd_why why = { 0 };
    char count[24];
    sweep s = { .h = h };
    vd_err err = vd_committer_run(h->committer, sweep_job, &s, &why);
    if (err)
        vd_log_why(VD_LOG_ERROR, "retention.failed", "old evidence cannot be deleted", &why, NULL);
    else if (s.count)
        vd_log(VD_LOG_INFO, "retention.deleted", "old evidence was deleted", "files",
               vd_text_i64(s.count, count), NULL);
    return !err && s.count == SWEEP_FILES;
}

/* ---- without a running hub ---- */

typedef struct {
    const char *user;
    char encoded[VD_PASSWORD_ROOM], secret[VD_SECRET_TEXT_ROOM];
    int64_t expires_us;
} account;

/* A hub without any user gets its first administrator this way too. */
static vd_err set_password(vd_store *store, void *arg, vd_why *why)
{
    const account *a = arg;
    uint64_t count = 0;
    vd_user user = { .name = "admin",
                     .role = VD_ROLE_ADMINISTRATOR,
                     .created_us = vd_clock_utc_us() };
    vd_err err = vd_user_count(store, &count, why);
    if (!err && count == 0 && strcmp(a->user, user.name) == 0) {
        memcpy(user.password, a->encoded, sizeof user.password);
        return vd_user_add(store, &user, why);
    }
    if (!err) err = vd_user_set_password(store, a->user, a->encoded, why);
    return err ? err : vd_session_end_others(store, a->user, NULL, why);
}

vd_err hub_reset_password(hub *h, const char *user, char ret_password[25], vd_why *why)
{
    account a = { .user = user };
    vd_password_random(ret_password);
    vd_err err = vd_password_hash(ret_password, a.encoded, why);
    return err ? err : vd_committer_run(h->committer, set_password, &a, why);
}

static vd_err save_secret_line(const char *file, vd_buf *text, vd_why *why)
{
    vd_err err =
        vd_buf_add_byte(text, '\n') ? vd_file_save(file, 0600, vd_buf_slice(text), why) : VD_FULL;
    vd_wipe(text->data, text->len);
    return err;
}

vd_err hub_add_device(hub *h, const char *device, const char *file, vd_why *why)
{
    vd_intake_device made;
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_err err = vd_intake_device_create(h->intake, device, &made, why);
    if (err == VD_CONFLICT) err = VD_OK; /* it is there: its string is wanted again */
    if (!err) err = vd_intake_connection_string(h->intake, device, &text, why);
    return err ? err : save_secret_line(file, &text, why);
}

static vd_err begin_token(vd_store *store, void *arg, vd_why *why)
{
    account *a = arg;
    vd_user user;
    vd_err err = vd_user_find(store, a->user, &user, why);
    return err ? err : vd_session_begin(store, a->user, true, a->secret, &a->expires_us, why);
}

vd_err hub_issue_token(hub *h, const char *user, const char *file, vd_why *why)
{
    account a = { .user = user };
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_err err = vd_committer_run(h->committer, begin_token, &a, why);
    if (!err && !vd_buf_add_str(&text, a.secret)) err = VD_FULL;
    vd_wipe(a.secret, sizeof a.secret);
    return err ? err : save_secret_line(file, &text, why);
}
