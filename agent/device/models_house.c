/* models_house.c - an agent without cameras. */
#include "models_house_priv.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/file.h"
#include "vd/test.h"

vd_err house_prepare(void *ctx, const char *path, vd_why *why)
{
    house *h = ctx;
    VD_AUTO(vd_buf) weights = VD_BUF(WEIGHTS_MOST - 1);
    char file[VD_MODELS_PATH_ROOM];
    vd_err err = VD_OK;

    if (path) {
        vd_slice_to_chars(vd_slice_str(path), file, sizeof file);
        memcpy(strstr(file, ".model.yaml"), ".onnx", 6);
        err = vd_file_load(file, &weights, why);
    } else {
        vd_buf_add_str(&weights, "own");
    }
    pthread_mutex_lock(&h->lock);
    if (!err) vd_slice_to_chars(vd_buf_slice(&weights), h->prepared, sizeof h->prepared);
    if (!err && h->refuse) err = vd_fail(why, VD_INVALID, "rule 'gate' needs class 'goose'");
    pthread_mutex_unlock(&h->lock);
    return err;
}

static void on_swap(void *ctx)
{
    house *h = ctx;
    pthread_mutex_lock(&h->lock);
    memcpy(h->used, h->prepared, sizeof h->used);
    h->swaps++;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void on_drop(void *ctx)
{
    (void)ctx;
}

static void on_changed(void *ctx, vd_models_state state, const char *manifest, const vd_why *why)
{
    house *h = ctx;
    size_t len;
    (void)manifest;

    pthread_mutex_lock(&h->lock);
    len = strlen(h->told);
    snprintf(h->told + len, sizeof h->told - len, "%s ", vd_models_state_name(state));
    if (why) vd_why_line(why, h->why, sizeof h->why);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

/* The identity and the address are all that fetching needs of a device. */
static vd_device *device_of(const house *h)
{
    vd_device *d = calloc(1, sizeof *d);
    pthread_condattr_t attr;

    expect_ok(identity_read(h->connection, &d->id, NULL));
    d->ca_file = strdup(h->ca_file);
    d->https_port = h->port;
    d->token_life_s = 3600;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->changed, &attr);
    pthread_condattr_destroy(&attr);
    return d;
}

void house_open(house *h)
{
    char dir[128];
    vd_models_config config = { .dir = dir,
                                .self_test = h->self_test,
                                .self_test_s = h->self_test_s,
                                .release_key = h->release_key,
                                .trial_ms = 1,
                                .trial_pictures = 10 };
    vd_why why = { 0 };

    snprintf(dir, sizeof dir, "%s/models", h->dir);
    if (vd_models_open(&config, &h->models, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

void house_run(house *h)
{
    vd_models_sink sink = {
        .ctx = h, .prepare = house_prepare, .swap = on_swap, .drop = on_drop, .changed = on_changed
    };
    h->device = device_of(h);
    expect_ok(vd_models_start(h->models, h->device, &sink, NULL));
}

void house_init(house *h)
{
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    memcpy(h->used, "own", 4);
}

void house_new(house *h, const registry_peer *r)
{
    *h = (house){ .dir = "/tmp/vedette-models-XXXXXX", .port = r->port };
    assert_non_null(mkdtemp(h->dir));
    memcpy(h->connection, r->hub.connection_string, sizeof h->connection);
    memcpy(h->ca_file, r->hub.ca_file, sizeof h->ca_file);
    house_init(h);
}

void house_close(house *h)
{
    vd_models_stop(h->models);
    h->models = vd_models_free(h->models);
    h->device = vd_device_free(h->device);
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at, (void)flag, (void)walk;
    return remove(path);
}

void house_done(house *h)
{
    house_close(h);
    nftw(h->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void house_wish_text(const registry_peer *r, const char *release, const char *name,
                     const vd_digest *manifest, vd_buf *into)
{
    vd_buf_addf(into,
                "{\"release\":\"%s\",\"repository\":\"models/%s\",\"manifest\":\"sha256:%s\","
                "\"key\":\"%s\"}",
                release, name, manifest->hex, vd_release_key_public(r->key));
}

void house_wish(house *h, const registry_peer *r, const char *release, const char *name,
                const vd_digest *manifest)
{
    VD_AUTO(vd_buf) text = VD_BUF(1024);
    house_wish_text(r, release, name, manifest, &text);
    expect_ok(vd_models_wish(h->models, vd_buf_slice(&text), NULL));
}

void house_await(house *h, bool (*holds)(house *h, const char *what), const char *what)
{
    int64_t until_us = vd_clock_mono_us() + 20000000;
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&h->lock);
    while (!holds(h, what) && vd_clock_mono_us() < until_us)
        pthread_cond_timedwait(&h->changed, &h->lock, &until);
    bool good = holds(h, what);
    pthread_mutex_unlock(&h->lock);
    if (!good) fail_msg("waited for '%s': told '%s', why '%s'", what, h->told, h->why);
}

bool house_told_ends(house *h, const char *word)
{
    size_t len = strlen(h->told), word_len = strlen(word);
    return len > word_len && strncmp(h->told + len - word_len - 1, word, word_len) == 0;
}

bool house_uses(house *h, const char *weights)
{
    return strcmp(h->used, weights) == 0;
}

const char *house_report(house *h, char into[2048])
{
    VD_AUTO(vd_buf) text = VD_BUF(2047);
    vd_json_w w = vd_json_writer(&text);

    vd_json_w_object(&w);
    vd_models_report(h->models, &w);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    vd_slice_to_chars(vd_buf_slice(&text), into, 2048);
    return into;
}

void house_prove(house *h)
{
    for (unsigned i = 0; i < 10; i++) vd_models_picture(h->models, NULL);
    house_await(h, house_told_ends, "active active");
}
