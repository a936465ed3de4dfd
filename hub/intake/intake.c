/* intake.c - life of the stage: new, start, stop, join, free. */
#include "intake_priv.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "vd/fault.h"
#include "vd/log.h"

#define READERS 3 /* one is the loop's, the others serve callers */

static vd_err open_tls(vd_intake *intake, vd_why *why)
{
    const vd_intake_config *config = &intake->config;
    intake->tls = SSL_CTX_new(TLS_server_method());
    bool ok = intake->tls && SSL_CTX_set_min_proto_version(intake->tls, TLS1_2_VERSION) &&
              SSL_CTX_use_certificate_chain_file(intake->tls, config->certificate_path) == 1 &&
              SSL_CTX_use_PrivateKey_file(intake->tls, config->key_path, SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_check_private_key(intake->tls) == 1;
    if (ok) {
        SSL_CTX_set_mode(intake->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(intake->tls, SSL_SESS_CACHE_OFF);
        return VD_OK;
    }
    vd_err err = vd_fail(why, VD_INVALID, "the certificate of the device endpoint cannot be used");
    vd_why_detail(why, "%s, %s: %s", config->certificate_path, config->key_path,
                  ERR_reason_error_string(ERR_get_error()));
    ERR_clear_error();
    return err;
}

static void set_defaults(vd_intake_config *config)
{
    if (config->message_keep_count == 0) config->message_keep_count = 100000;
    if (config->message_keep_s == 0) config->message_keep_s = 7 * 86400;
}

vd_err vd_intake_new(const vd_intake_config *config, vd_intake **ret_intake, vd_why *why)
{
    vd_intake *intake = vd_calloc(1, sizeof(*intake));
    if (!intake) return vd_fail(why, VD_FULL, "no memory is left for the intake");
    intake->config = *config;
    set_defaults(&intake->config);
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->idle, NULL);
    intake->event_arena = vd_arena_new(1048576);
    intake->bag_arena = vd_arena_new(65536);
    vd_err err = VD_OK;
    if (!intake->event_arena || !intake->bag_arena)
        err = vd_fail(why, VD_FULL, "no memory is left");
    if (!err) {
        err = vd_store_pool_new(config->store_path, config->schema, READERS, &intake->readers, why);
    }
    if (!err) err = open_tls(intake, why);
    if (!err) err = identity_policy_make(intake, why);
    if (err)
        vd_intake_free(intake);
    else
        *ret_intake = intake;
    return err;
}

static void *run_loop(void *arg)
{
    endpoint_run(arg);
    return NULL;
}

vd_err vd_intake_start(vd_intake *intake, vd_why *why)
{
    intake->loop_reader = vd_store_pool_take(intake->readers);
    vd_err err = endpoint_start(intake, why);
    if (err) {
        vd_store_pool_give(intake->readers, intake->loop_reader);
        return err;
    }
    intake->started = pthread_create(&intake->thread, NULL, run_loop, intake) == 0;
    return intake->started ? VD_OK : vd_fail(why, VD_FULL, "the loop's thread cannot be made");
}

uint16_t vd_intake_port(const vd_intake *intake)
{
    return intake->port;
}

void vd_intake_stop(vd_intake *intake)
{
    if (intake->started && !intake->joined) endpoint_stop(intake);
}

void vd_intake_join(vd_intake *intake)
{
    if (intake->started && !intake->joined) {
        pthread_join(intake->thread, NULL);
        vd_store_pool_give(intake->readers, intake->loop_reader);
        intake->joined = true;
    }
    pthread_mutex_lock(&intake->lock);
    while (intake->jobs > 0) pthread_cond_wait(&intake->idle, &intake->lock);
    pthread_mutex_unlock(&intake->lock);
}

vd_intake *vd_intake_free(vd_intake *intake)
{
    if (!intake) return NULL;
    vd_intake_stop(intake);
    vd_intake_join(intake);
    vd_store_pool_free(intake->readers);
    SSL_CTX_free(intake->tls);
    vd_arena_free(intake->event_arena);
    vd_arena_free(intake->bag_arena);
    pthread_cond_destroy(&intake->idle);
    pthread_mutex_destroy(&intake->lock);
    free(intake->chunk);
    free(intake->clear);
    free(intake);
    return NULL;
}

vd_intake_counts vd_intake_count(const vd_intake *intake)
{
    vd_intake *all = (vd_intake *)intake;
    pthread_mutex_lock(&all->lock);
    vd_intake_counts counts = all->counts;
    counts.uncommitted = all->jobs;
    pthread_mutex_unlock(&all->lock);
    return counts;
}
