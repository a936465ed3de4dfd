/* identity.c - devices and their keys; who a token speaks for. Keys are sealed in the store and in
 * clear only on the stack of the function that needs them. */
#include <stdio.h>
#include <stdlib.h>

#include "intake_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"

#define POLICY    "iothubowner"
#define KEY_BYTES 32
#define KEY_ROOM  64 /* base64 of a key */
#define SEAL_ROOM 256

/* A new random key, sealed for `purpose`. */
static bool make_key(vd_intake *intake, const char *purpose, vd_buf *into)
{
    uint8_t key[KEY_BYTES];
    VD_AUTO(vd_buf) text = VD_BUF(KEY_ROOM);
    vd_random(key, sizeof(key));
    bool ok = vd_base64_encode(vd_slice_of(key, sizeof(key)), &text) &&
              !vd_secret_seal(intake->config.secret, purpose, vd_buf_slice(&text), into);
    vd_wipe(key, sizeof(key));
    vd_wipe(text.data, text.len);
    return ok;
}

static void purpose_of(const char *device, char *into, size_t room)
{
    snprintf(into, room, "device:%s", device);
}

static vd_err check_id(const char *device, vd_why *why)
{
    if (vd_iothub_id_ok(vd_slice_str(device))) return VD_OK;
    vd_err err = vd_fail(why, VD_INVALID, "this is not a device id");
    vd_why_detail(why, "1 to 128 of A-Z a-z 0-9 - . _ %% # * ? ! ( ) , : = @ $ '");
    return err;
}

static vd_err absent(const char *device, vd_why *why)
{
    return vd_fail(why, VD_ABSENT, "there is no device '%s'", device);
}

/* ---- the service's policy ---- */

static vd_err add_policy(vd_store *store, void *arg, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "add_policy");
    vd_bind_text(stmt, "name", POLICY);
    vd_bind_slice(stmt, "key", vd_buf_slice(arg));
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    return vd_stmt_run(stmt, NULL, why);
}

vd_err identity_policy_make(vd_intake *intake, vd_why *why)
{
    VD_AUTO(vd_buf) sealed = VD_BUF(SEAL_ROOM);
    if (!make_key(intake, "policy:" POLICY, &sealed)) {
        return vd_fail(why, VD_FULL, "no key can be made for the service");
    }
    return job_run(intake, add_policy, NULL, &sealed, why);
}

static vd_err policy_key(vd_intake *intake, vd_store *store, const char *name, vd_buf *ret_key,
                         vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "get_policy");
    vd_bind_text(stmt, "name", name);
    vd_err err = vd_stmt_row(stmt, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no policy of this name");
    if (err) return err;
    char purpose[96];
    snprintf(purpose, sizeof(purpose), "policy:%s", name);
    vd_slice sealed = vd_slice_str(vd_col_text(stmt, 0));
    err = vd_secret_unseal(intake->config.secret, purpose, sealed, ret_key, why);
    vd_stmt_finish(stmt);
    return err;
}

/* ---- identities ---- */

typedef struct {
    const char *device;
    vd_intake_device *ret;
    vd_buf primary, secondary;
    bool enabled;
} device_job;

static void read_row(vd_stmt *stmt, vd_intake_device *into)
{
    *into = (vd_intake_device){ .enabled = vd_col_int(stmt, 1) != 0,
                                .created_utc_us = vd_col_int(stmt, 2),
                                .last_seen_utc_us = vd_col_int(stmt, 3),
                                .clock_known = !vd_col_null(stmt, 4),
                                .clock_skew_ms = vd_col_int(stmt, 4) };
    vd_slice_to_chars(vd_slice_str(vd_col_text(stmt, 0)), into->id, sizeof(into->id));
}

/* What only the loop knows of a connected device. */
static void add_live(vd_intake *intake, vd_intake_device *device)
{
    pthread_mutex_lock(&intake->lock);
    live *l = intake->lives[hash_of(device->id)];
    while (l && strcmp(l->device, device->id) != 0) l = l->next;
    if (l) {
        device->connected = true;
        device->last_seen_utc_us = l->seen_utc_us;
        if (l->clock_known) device->clock_skew_ms = l->clock_skew_ms;
        device->clock_known = device->clock_known || l->clock_known;
    }
    pthread_mutex_unlock(&intake->lock);
}

static vd_err read_device(vd_store *store, const char *id, vd_intake_device *ret, vd_why *why)
{
    vd_stmt *stmt = vd_store_stmt(store, "get_device");
    vd_bind_text(stmt, "id", id);
    vd_err err = vd_stmt_row(stmt, why);
    if (err == VD_ABSENT) return absent(id, why);
    if (err) return err;
    read_row(stmt, ret);
    vd_stmt_finish(stmt);
    return VD_OK;
}

static vd_err insert_device(vd_store *store, void *arg, vd_why *why)
{
    device_job *job = arg;
    vd_ulid generation = vd_ulid_new();
    vd_stmt *stmt = vd_store_stmt(store, "add_device");
    vd_bind_text(stmt, "id", job->device);
    vd_bind_text(stmt, "generation", generation.text);
    vd_bind_slice(stmt, "primary", vd_buf_slice(&job->primary));
    vd_bind_slice(stmt, "secondary", vd_buf_slice(&job->secondary));
    vd_bind_int(stmt, "now", vd_clock_utc_us());
    vd_err err = vd_stmt_run(stmt, NULL, why);
    if (err == VD_CONFLICT) {
        return vd_fail(why, VD_CONFLICT, "a device '%s' exists already", job->device);
    }
    if (err) return err;
    stmt = vd_store_stmt(store, "add_twin");
    vd_bind_text(stmt, "device", job->device);
    err = vd_stmt_run(stmt, NULL, why);
    return err ? err : read_device(store, job->device, job->ret, why);
}

vd_err vd_intake_device_create(vd_intake *intake, const char *device, vd_intake_device *ret_device,
                               vd_why *why)
{
    VD_AUTO(vd_buf) primary = VD_BUF(SEAL_ROOM), secondary = VD_BUF(SEAL_ROOM);
    char purpose[160];
    vd_err err = check_id(device, why);
    if (err) return err;
    purpose_of(device, purpose, sizeof(purpose));
    if (!make_key(intake, purpose, &primary) || !make_key(intake, purpose, &secondary)) {
        return vd_fail(why, VD_FULL, "no key can be made for the device");
    }
    device_job job = { device, ret_device, primary, secondary, true };
    err = job_run(intake, insert_device, NULL, &job, why);
    if (!err) hook_changed(intake, device, VD_INTAKE_CREATED);
    return err;
}

vd_err vd_intake_device_get(vd_intake *intake, const char *device, vd_intake_device *ret_device,
                            vd_why *why)
{
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_err err = read_device(store, device, ret_device, why);
    vd_store_pool_give(intake->readers, store);
    if (!err) add_live(intake, ret_device);
    return err;
}

vd_err vd_intake_device_list(vd_intake *intake, const char *after, vd_intake_device *into,
                             size_t room, size_t *ret_count, vd_why *why)
{
    size_t count = 0;
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_stmt *stmt = vd_store_stmt(store, "list_devices");
    vd_bind_text(stmt, "after", after ? after : "");
    vd_bind_int(stmt, "room", (int64_t)room);
    vd_err err;
    while ((err = vd_stmt_row(stmt, why)) == VD_OK && count < room) read_row(stmt, &into[count++]);
    vd_stmt_finish(stmt);
    vd_store_pool_give(intake->readers, store);
    if (err && err != VD_ABSENT) return err;
    for (size_t i = 0; i < count; i++) add_live(intake, &into[i]);
    *ret_count = count;
    return VD_OK;
}

static void close_device(vd_intake *intake, void *arg)
{
    conn *c = conn_of(intake, arg);
    if (c) conn_close(c, "the device was disabled or deleted");
    free(arg);
}

/* On the committer's thread, after the commit: a token that is checked from now on is refused. */
static void disconnect_after(vd_intake *intake, void *arg)
{
    const device_job *job = arg;
    char *name = job->enabled ? NULL : strdup(job->device);
    if (name && !command_post(intake, close_device, name)) free(name);
}

static vd_err set_enabled(vd_store *store, void *arg, vd_why *why)
{
    device_job *job = arg;
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "enable_device");
    vd_bind_text(stmt, "id", job->device);
    vd_bind_int(stmt, "enabled", job->enabled);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    if (!err && changed == 0) return absent(job->device, why);
    return err ? err : read_device(store, job->device, job->ret, why);
}

vd_err vd_intake_device_enable(vd_intake *intake, const char *device, bool enabled,
                               vd_intake_device *ret_device, vd_why *why)
{
    device_job job = { .device = device, .ret = ret_device, .enabled = enabled };
    vd_err err = job_run(intake, set_enabled, disconnect_after, &job, why);
    if (err) return err;
    add_live(intake, ret_device);
    hook_changed(intake, device, VD_INTAKE_CHANGED);
    return VD_OK;
}

static vd_err remove_device(vd_store *store, void *arg, vd_why *why)
{
    device_job *job = arg;
    uint64_t changed = 0;
    vd_stmt *stmt = vd_store_stmt(store, "delete_device");
    vd_bind_text(stmt, "id", job->device);
    vd_err err = vd_stmt_run(stmt, &changed, why);
    return !err && changed == 0 ? absent(job->device, why) : err;
}

vd_err vd_intake_device_delete(vd_intake *intake, const char *device, vd_why *why)
{
    device_job job = { .device = device };
    vd_err err = job_run(intake, remove_device, disconnect_after, &job, why);
    if (!err) hook_changed(intake, device, VD_INTAKE_DELETED);
    return err;
}

/* ---- keys and connection strings ---- */

/* Both keys of a device that may connect; VD_DENIED when it is disabled. */
static vd_err device_keys(vd_intake *intake, vd_store *store, const char *device,
                          bool also_disabled, vd_buf *primary, vd_buf *secondary, vd_why *why)
{
    char purpose[160];
    vd_stmt *stmt = vd_store_stmt(store, "device_keys");
    vd_bind_text(stmt, "id", device);
    vd_err err = vd_stmt_row(stmt, why);
    if (err == VD_ABSENT) return absent(device, why);
    if (err) return err;
    purpose_of(device, purpose, sizeof(purpose));
    if (vd_col_int(stmt, 0) == 0 && !also_disabled) {
        err = vd_fail(why, VD_DENIED, "device '%s' is disabled", device);
    }
    const vd_secret_key *secret = intake->config.secret;
    vd_slice first = vd_slice_str(vd_col_text(stmt, 1)),
             second = vd_slice_str(vd_col_text(stmt, 2));
    if (!err) err = vd_secret_unseal(secret, purpose, first, primary, why);
    if (!err && secondary) err = vd_secret_unseal(secret, purpose, second, secondary, why);
    vd_stmt_finish(stmt);
    return err;
}

/* HostName with the port where it is not the usual one. */
static void fill_host(vd_intake *intake, vd_connection_string *string)
{
    const char *name = intake->config.host_name;
    unsigned port = intake->port ? intake->port : intake->config.port; /* before start: as asked */
    bool plain = port == 8883 || port == 0 || strchr(name, ':');
    if (plain)
        snprintf(string->host, sizeof(string->host), "%s", name);
    else
        snprintf(string->host, sizeof(string->host), "%.240s:%u", name, port);
}

static vd_err print_string(vd_intake *intake, vd_connection_string *string, vd_buf *key,
                           vd_buf *into, vd_why *why)
{
    fill_host(intake, string);
    vd_slice_to_chars(vd_buf_slice(key), string->key, sizeof(string->key));
    bool ok = vd_connection_string_write(string, into);
    vd_wipe(string, sizeof(*string));
    vd_wipe(key->data, key->len);
    return ok ? VD_OK : vd_fail(why, VD_FULL, "the connection string does not fit");
}

vd_err vd_intake_connection_string(vd_intake *intake, const char *device, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(KEY_ROOM);
    vd_connection_string string = { 0 };
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_err err = device_keys(intake, store, device, true, &key, NULL, why);
    vd_store_pool_give(intake->readers, store);
    snprintf(string.device, sizeof(string.device), "%s", device);
    return err ? err : print_string(intake, &string, &key, into, why);
}

vd_err vd_intake_service_connection_string(vd_intake *intake, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(KEY_ROOM);
    vd_connection_string string = { .policy = POLICY };
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_err err = policy_key(intake, store, POLICY, &key, why);
    vd_store_pool_give(intake->readers, store);
    return err ? err : print_string(intake, &string, &key, into, why);
}

/* ---- tokens ---- */

static vd_err denied(vd_why *why, const char *reason)
{
    return vd_fail(why, VD_DENIED, "%s", reason);
}

static vd_err check_device_token(vd_intake *intake, vd_store *store, const vd_sas *sas,
                                 const char *device, vd_why *why)
{
    VD_AUTO(vd_buf) primary = VD_BUF(KEY_ROOM), secondary = VD_BUF(KEY_ROOM);
    vd_err err = device_keys(intake, store, device, false, &primary, &secondary, why);
    if (err) return err == VD_ABSENT ? denied(why, "the device is not known") : err;
    bool good = vd_sas_signed_by(sas, vd_buf_slice(&primary)) ||
                vd_sas_signed_by(sas, vd_buf_slice(&secondary));
    vd_wipe(primary.data, primary.len);
    vd_wipe(secondary.data, secondary.len);
    return good ? VD_OK : denied(why, "the token is not signed with a key of the device");
}

static vd_err check_policy_token(vd_intake *intake, vd_store *store, const vd_sas *sas,
                                 const char *device, vd_why *why)
{
    VD_AUTO(vd_buf) key = VD_BUF(KEY_ROOM);
    vd_intake_device found = { 0 };
    vd_err err = policy_key(intake, store, sas->policy, &key, why);
    if (err) return err == VD_ABSENT ? denied(why, "the token names an unknown policy") : err;
    bool good = vd_sas_signed_by(sas, vd_buf_slice(&key));
    vd_wipe(key.data, key.len);
    if (!good) return denied(why, "the token is not signed with the policy's key");
    if (!*device) return VD_OK;
    if (strchr(sas->resource, '/') && !vd_sas_is_for_device(sas, vd_slice_str(device))) {
        return denied(why, "the token is for another device");
    }
    err = read_device(store, device, &found, why);
    if (err) return err == VD_ABSENT ? denied(why, "the device is not known") : err;
    return found.enabled ? VD_OK : denied(why, "the device is disabled");
}

/* The device a token without a policy is for: the last part of HOST/devices/DEVICE. */
static bool named_device(const vd_sas *sas, char *into, size_t room)
{
    vd_slice path, middle = VD_STR("devices/");
    vd_slice_cut(vd_slice_str(sas->resource), '/', &path);
    if (!vd_slice_starts(path, middle)) return false;
    vd_slice id = vd_slice_from(path, middle.len);
    if (!vd_iothub_id_ok(id)) return false;
    return vd_slice_to_chars(id, into, room);
}

vd_err identity_check(vd_intake *intake, vd_store *store, vd_slice token, const char *device,
                      vd_intake_caller *ret_caller, int64_t *ret_end_s, vd_why *why)
{
    vd_sas sas;
    vd_intake_caller caller = { 0 };
    if (!vd_sas_parse(token, &sas)) return denied(why, "this is not a SAS token");
    if (sas.expires_s <= vd_clock_utc_us() / 1000000) return denied(why, "the token has ended");
    vd_err err;
    if (sas.policy[0]) {
        err = check_policy_token(intake, store, &sas, device, why);
        snprintf(caller.policy, sizeof(caller.policy), "%s", sas.policy);
    } else {
        bool named = *device ? vd_sas_is_for_device(&sas, vd_slice_str(device))
                             : named_device(&sas, caller.device, sizeof(caller.device));
        if (!named) return denied(why, "the token is for another device");
        if (*device) snprintf(caller.device, sizeof(caller.device), "%s", device);
        err = check_device_token(intake, store, &sas, caller.device, why);
    }
    if (err) return err;
    *ret_caller = caller;
    *ret_end_s = sas.expires_s;
    return VD_OK;
}

vd_err vd_intake_check_sas(vd_intake *intake, const char *authorization,
                           vd_intake_caller *ret_caller, vd_why *why)
{
    int64_t end_s;
    vd_store *store = vd_store_pool_take(intake->readers);
    vd_err err =
        identity_check(intake, store, vd_slice_str(authorization), "", ret_caller, &end_s, why);
    vd_store_pool_give(intake->readers, store);
    return err;
}
